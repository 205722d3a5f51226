"""What a byte-pair trainer learnt, played back; and the pictures made of it."""

import doctest
from collections import Counter
from itertools import pairwise

import pytest
from matplotlib import pyplot
from tokenizers import Tokenizer, models

from course import merge_explorer, merges, plots, token_strip


def test_examples_in_docstrings_run():
    failed, attempted = doctest.testmod(merges)
    assert attempted == 3
    assert not failed


@pytest.fixture(scope="module")
def macbeth():
    return merges.learn_from("macbeth")


def first(history, number: int) -> Tokenizer:
    """The library's tokenizer with the first `number` merges alone."""
    vocab = history.tokenizer.get_vocab()
    tokenizer = Tokenizer(models.BPE(vocab, history.merges[:number]))
    tokenizer.pre_tokenizer = merges.SPLIT
    return tokenizer


@pytest.mark.parametrize("number", [0, 1, 100, 500, 768])
def test_cuts_equal_the_librarys_with_fewer_merges(macbeth, number):
    text = "Hear it not, Duncan; for it is a knell\nthat summons thee to heaven or to hell. Ça va, 你好!"
    assert macbeth.cut(text, number) == first(macbeth, number).encode(text).tokens


@pytest.mark.parametrize("number", range(0, 768, 64))
def test_the_pair_that_is_merged_next_leads_the_count(macbeth, number):
    counts = macbeth.pairs(number)
    assert counts[macbeth.merges[number]] == max(counts.values())


def test_no_token_is_made_twice(macbeth):
    assert len(macbeth.made_by) == len(macbeth.merges)


def test_work_by_hand():
    history = merges.learn(["lo low lo"], 258)  # words lo, ·low, ·lo
    assert history.merges == [("l", "o"), ("Ġ", "lo")]
    assert history.work == {
        "whole text": [2 + 4 + 3, 1 + 3 + 2],
        "different words": [2 + 4 + 3, 1 + 3 + 2],
        "words with the pair": [9 + 9, 3 + 2],
    }


def test_work_counts_symbols(macbeth):
    number = 300
    cut = {word: first(macbeth, number).model.tokenize(word) for word in macbeth.words}
    assert macbeth.work["different words"][number] == sum(map(len, cut.values()))
    assert macbeth.work["whole text"][number] == sum(len(cut[word]) * n for word, n in macbeth.words.items())
    left, right = macbeth.merges[number]
    holds = [t for t in cut.values() if any((a.value, b.value) == (left, right) for a, b in pairwise(t))]
    assert macbeth.work["words with the pair"][number] == sum(map(len, holds))


def test_words_are_all_of_the_text(macbeth):
    assert isinstance(macbeth.words, Counter)
    assert sum(len(word) * count for word, count in macbeth.words.items()) == macbeth.work["whole text"][0]


def test_a_vocabulary_smaller_than_the_bytes_is_refused():
    with pytest.raises(ValueError, match="256 bytes are tokens already"):
        merges.learn(["text"], 255)


def test_strip_wraps_and_ends_a_row_at_a_line_break():
    figure, axes = pyplot.subplots()
    assert token_strip.draw(axes, ["abc", "d\n", "e f"], columns=4) == 3
    assert [text.get_text() for text in axes.texts] == list("abcd↵e·f")
    assert [text.get_position()[1] for text in axes.texts] == [0.52] * 4 + [1.52] + [2.52] * 3
    plots.close(figure)


def test_stepper_shows_the_text_the_pairs_and_the_newest_token():
    figure, alt = merge_explorer.draw("to be or not to be", 11)
    history = merges.learn_from("macbeth", vocabulary=1000)
    assert f"the text is {len(history.cut('to be or not to be', 11))} tokens: t o · b e" in alt
    left, right = map(merges.readable, history.merges[11])
    assert f"The pair that leads is {left} and {right}" in alt
    bars = next(axes for axes in figure.axes if axes.get_title(loc="left").startswith("Pairs"))
    assert bars.get_yticklabels()[0].get_text() == f"{left} + {right}"
    plots.close(figure)


def test_stepper_says_what_it_cannot_draw():
    explorer = merge_explorer.explore()
    assert "the text is 185 tokens" in explorer.alt
    explorer.knobs["text"].value = " "
    assert "Write a few words" in explorer.picture.value
    explorer.knobs["text"].value = "word " * 80
    assert "That is 400 characters" in explorer.picture.value
    explorer.knobs["text"].value = "Double, double"
    explorer.knobs["step"].value = merge_explorer.MOST - 1
    assert "After 743 merges" in explorer.picture.value
