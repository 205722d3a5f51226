"""What *choosing the next token* leans on: the n-gram model of pieces, its place behind `generate`, the sampler."""

import doctest
import math

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from course import piece_ngrams, plays, plots, sampler_explorer
from course.model import Local
from course.ngram_generation import Generating
from course.piece_ngrams import DISCOUNT, PieceNGram
from course.sampler_explorer import chosen, counted, entropy, settle

KNOBS = {"text": "To be, or not to", "temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "seed": 1}


def test_kneser_ney_by_hand():
    model = PieceNGram(np.array([0, 1, 0, 1, 2]), order=2, size=4)
    # Different tokens before each: one before 0, one before 1 (twice the same), one before 2; nothing before 3.
    shortest = np.array([1 - DISCOUNT] * 3 + [0]) / 3 + DISCOUNT * 3 / 3 / 4
    assert model.probabilities([]) == pytest.approx(shortest)
    # After 1 came 0 once and 2 once: each keeps its count less the discount, the shorter context has the rest.
    longer = DISCOUNT * 2 / 2 * shortest + np.array([1, 0, 1, 0]) * (1 - DISCOUNT) / 2
    assert model.probabilities([1]) == pytest.approx(longer)
    assert model.probabilities([3]) == pytest.approx(shortest)


def test_runs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit into 64 bits"):
        PieceNGram(np.array([0, 1]), order=6, size=4096)


def test_every_piece_has_a_chance_and_the_chances_add_up():
    ngram, bpe = piece_ngrams.load()
    for text in ("To be, or not to", "The king", "漢字", ""):
        chances = ngram.probabilities(bpe.encode(text).ids)
        assert chances.sum() == pytest.approx(1)
        assert chances.min() > 0
    assert ngram.log_probs(bpe.encode("not to").ids).exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_pieces_give_back_any_text():
    _, bpe = piece_ngrams.load()
    for text in (plays.spoken("macbeth")[:5000], "naïve 漢字 🙂\n\n  x"):
        assert bpe.decode(bpe.encode(text).ids) == text


def test_the_library_generates_what_the_model_says():
    ngram, bpe = piece_ngrams.load()
    ids = list(start := bpe.encode("The king").ids)
    for _ in range(20):
        ids.append(int(ngram.log_probs(ids).argmax()))
    found = Generating(ngram).generate(torch.tensor([start, start]), max_new_tokens=20, do_sample=False)
    assert found.tolist() == [ids, ids]


def test_entropy_by_hand():
    assert entropy(torch.tensor([0.5, 0.25, 0.25])) == pytest.approx(1.5)
    assert entropy(torch.tensor([1.0, 0.0])) == 0
    assert entropy(torch.full((8,), 1 / 8)) == pytest.approx(3)


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({}, [0.5, 0.25, 0.15, 0.1]),
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_p": 0.8}, [5 / 9, 2.5 / 9, 1.5 / 9, 0]),
        ({"min_p": 0.4}, [2 / 3, 1 / 3, 0, 0]),
        ({"top_k": 2, "top_p": 0.6}, [1, 0, 0, 0]),
        ({"temperature": 0.5}, np.array([0.25, 0.0625, 0.0225, 0.01]) / 0.345),
    ],
)
def test_knobs_by_hand(knobs, expected):
    chances = settle(torch.tensor([0.5, 0.25, 0.15, 0.1]).log(), **knobs)
    torch.testing.assert_close(chances, torch.tensor(expected, dtype=torch.float32))


def test_a_seed_draws_the_same_token_at_the_same_place():
    chances = settle(counted().logits(counted().encode("The king")))
    drawn = [[chosen(chances, seed, place) for place in range(30)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    only = torch.tensor([0.0, 1.0, 0.0])
    assert {chosen(only, seed, 0) for seed in range(20)} == {1}


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({}, "4096 of 4096 tokens are kept, with 100% of the chances"),
        ({"top_k": 1, "temperature": 2.0}, "1 of 4096 tokens are kept"),
        ({"top_k": 1}, "to 0.0 bits. Likeliest: ·be 1.00"),
        ({"text": "word " * 30}, "of the chances"),
    ],
)
def test_picture_says_what_it_shows(knobs, words):
    figure, alt = sampler_explorer.draw(**KNOBS | knobs)
    plots.close(figure)
    assert words in alt


def test_an_empty_text_is_refused_in_words():
    with pytest.raises(ValueError, match="Write a word or two"):
        sampler_explorer.draw(**KNOBS | {"text": ""})


def test_a_click_writes_the_token_that_the_picture_marks():
    widget = sampler_explorer.explore()
    draw, again = widget.children[1].children
    box = widget.knobs["text"]
    for _ in range(3):
        before, marked = box.value, widget.alt.partition(f"Seed {widget.knobs['seed'].value} draws ")[2][:-1]
        draw.click()
        assert sampler_explorer.visible(box.value) == sampler_explorer.visible(before) + marked
    widget.knobs["top_k"].value = 1
    assert "1 of 4096 tokens" in widget.alt
    again.click()
    assert box.value == sampler_explorer.START
    box.value = ""
    draw.click()
    assert "Write a word or two" in widget.picture.value


def test_a_neural_model_takes_the_place_of_the_counted_one():
    _, bpe = piece_ngrams.load()
    torch.manual_seed(0)
    gpt = GPT2LMHeadModel(GPT2Config(vocab_size=bpe.get_vocab_size(), n_embd=16, n_layer=1, n_head=2, n_positions=64))
    speaker = sampler_explorer.neural(Local(gpt.eval(), PreTrainedTokenizerFast(tokenizer_object=bpe)))
    assert speaker.decode(speaker.encode("The king\n")) == "The king\n"
    assert speaker.logits(speaker.encode("The king")).shape == (bpe.get_vocab_size(),)
    figure, alt = sampler_explorer.draw(**KNOBS, speaker=speaker)
    plots.close(figure)
    assert "4096 of 4096 tokens" in alt


def test_examples_in_docstrings_run():
    failed, attempted = doctest.testmod(sampler_explorer)
    assert attempted
    assert not failed


def test_what_the_lesson_says_of_greedy_text_and_of_shakespeare():
    ngram, bpe = piece_ngrams.load()
    ids = list(start := bpe.encode("To be, or not to").ids)
    for _ in range(60):
        ids.append(int(ngram.log_probs(ids).argmax()))
    macbeth = bpe.encode(plays.spoken("macbeth")).ids[:260]

    def bits(ids: list[int], first: int) -> float:
        return sum(float(ngram.log_probs(ids[:i])[ids[i]]) for i in range(first, len(ids))) / 60 / math.log(2)

    assert bits(ids, len(start)) > bits(macbeth, 200) + 3
    assert len(set(zip(ids, ids[1:], ids[2:], strict=False))) < 40
