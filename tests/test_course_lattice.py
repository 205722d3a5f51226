"""Every way to cut a word, and the picture of it."""

import math

import pytest
from tokenizers import Tokenizer, models

from course import lattice, plots

SCORES = {p: math.log(v) for p, v in {"un": 0.2, "do": 0.15, "one": 0.14, "done": 0.1, "und": 0.02}.items()}
SCORES |= dict.fromkeys("unode", math.log(0.05))


def test_the_first_cut_is_the_librarys_and_shares_add_up():
    shares = lattice.segmentations("undone", SCORES)
    library = Tokenizer(models.Unigram([("<unk>", -20.0), *SCORES.items()], unk_id=0))
    assert list(next(iter(shares))) == library.encode("undone").tokens == ["un", "done"]
    assert sum(shares.values()) == pytest.approx(1)
    assert len(set(lattice.segmentations("undone", SCORES, 0.0).values())) == 1


@pytest.mark.parametrize(
    ("word", "message"), [("", "Write a word"), ("u" * 15, "15 characters"), ("x", "cannot be cut")]
)
def test_mistakes_are_told_in_words(word, message):
    with pytest.raises(ValueError, match=message):
        lattice.segmentations(word, SCORES)


def test_picture_names_the_likeliest_cut():
    figure, alt = lattice.draw("undone", 1.0, SCORES | {"▁": math.log(0.05)})
    assert "Likeliest: ▁ un done" in alt
    plots.close(figure)
