"""The reference tokenizer of week 2 beside tiktoken and tokenizers, with GPT-2's whole vocabulary and all plays."""

import json
import unicodedata
from functools import cache
from pathlib import Path

import pytest
import tiktoken
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiktoken_ext import openai_public
from tokenizers import Tokenizer, models, trainers

from course import plays, vocabularies
from grader.assignment import load

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = {name: one.exercise.answer for name, one in load(ROOT / "solutions" / "week02").items()}
LESSONS = sorted(ROOT.glob("week[0-9][0-9]/*.py"))
END = "<|endoftext|>"

# Characters that `unicodedata` knows as assigned: of the others each library has its own edition of Unicode.
ASSIGNED = st.characters(exclude_categories=["Cn", "Cs"])
SCRAPS = st.sampled_from([
    " ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\x1c", "\x85", "\u00ad", "'s", "'LL", "’re", "don't", "ing",
    "the", " The", "1999", "٤٢", "½", "今天天气", "слово", "한국어", "हिन्दी", "e\u0301", "...", "==", "_", END, "<|",
    "👩\u200d👩\u200d👧", "🏳️\u200d🌈",
])  # fmt: skip
TEXTS = st.one_of(st.text(ASSIGNED), st.lists(st.one_of(SCRAPS, ASSIGNED), max_size=30).map("".join))


@cache
def ours():
    return ANSWERS["BPETokenizer"].from_gpt2(*vocabularies.gpt2_merges())


@cache
def theirs() -> tiktoken.Encoding:
    gpt2 = vocabularies.load("gpt2")
    ranks = {token: i for i, token in gpt2.tokens.items()}
    return tiktoken.Encoding(
        "gpt2", pat_str=openai_public.r50k_pat_str, mergeable_ranks=ranks, special_tokens=gpt2.special
    )


def equal(text: str) -> None:
    ids = ours().encode(text)
    assert ids == theirs().encode_ordinary(text)
    assert ours().decode(ids) == text
    assert ours().encode(text, allowed_special="all") == theirs().encode(text, allowed_special="all")


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_a_sample_of_texts_is_encoded_as_by_tiktoken(text):
    equal(text)


@pytest.mark.heavy
@settings(max_examples=20_000, deadline=None)
@given(TEXTS)
@example("\x1c \x1d  \x1e'S'sſ'ſ")
def test_20_000_texts_are_encoded_as_by_tiktoken(text):
    assert not {unicodedata.category(c) for c in text} & {"Cn", "Cs"}
    equal(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 50_256), max_size=30))
def test_any_ids_are_decoded_as_by_tiktoken(ids):
    assert ours().decode(ids) == theirs().decode(ids)


@pytest.mark.heavy
def test_every_assigned_character_is_encoded_as_by_tiktoken():
    numbers = [n for n in range(0x110000) if unicodedata.category(chr(n)) not in ("Cn", "Cs")]
    for start in range(0, len(numbers), 1000):
        equal("".join(f"{chr(n)} a{chr(n)}{chr(n)}1  " for n in numbers[start : start + 1000]))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_lesson_is_encoded_as_by_tiktoken(lesson):
    equal(lesson.read_text(encoding="utf-8"))


def learnt_by_the_library(text: str, vocab_size: int) -> list[tuple[int, int]]:
    """The trainer of `tokenizers` under the same rules: each byte is spelled as one letter, in the bytes' order."""
    letters = [chr(0x4E00 + byte) for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, min_frequency=2, initial_alphabet=letters, show_progress=False)
    tokenizer = Tokenizer(models.BPE())
    pieces = ANSWERS["pretokenize"](text)
    tokenizer.train_from_iterator(("".join(letters[byte] for byte in piece.encode()) for piece in pieces), trainer)
    ids = tokenizer.get_vocab()
    return [(ids[left], ids[right]) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]


def test_a_play_trains_as_the_library_does():
    text = plays.play("macbeth")
    assert ANSWERS["train_bpe"](text, 1024) == learnt_by_the_library(text, 1024)


@pytest.mark.heavy
def test_the_plays_train_as_the_library_does():
    text = "\n".join(plays.play(title) for title in plays.titles())
    merges = ANSWERS["train_bpe"](text, 1024)
    assert len(merges) == 768
    assert merges == learnt_by_the_library(text, 1024)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(["a", "b", " ", "ab", "aaa", "é"]), SCRAPS), max_size=60).map("".join))
def test_any_text_trains_as_the_library_does(text):
    assert ANSWERS["train_bpe"](text, 320) == learnt_by_the_library(text, 320)
