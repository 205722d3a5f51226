"""Measure week 2's reference tokenizer against its peers: `make bench`.

Training on 1 MB of plays to 1,024 tokens: the reference, `tokenizers`, and the algorithm as minbpe publishes it, which
counts all pairs of the text anew before each merge. Encoding the same text with GPT-2's vocabulary: the three, and
tiktoken; each begins with nothing remembered. All in one process and one thread, taking turns: the plain trainer stops
after every 128 merges to let the others run. Results must be equal; then processor seconds, MB/s and ratios.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

os.environ |= {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}

import regex
import tiktoken
from rich.console import Console
from rich.table import Table
from tiktoken_ext import openai_public
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from course import plays, vocabularies  # noqa: E402
from grader.assignment import load  # noqa: E402

BYTES, VOCABULARY, TURN = 1_000_000, 1024, 128
PATTERN = regex.compile(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


# ---- the plain baseline: minbpe's algorithm, with the course's rules for ties ----


def count(ids: list[int], counts: dict) -> None:
    for pair in pairwise(ids):
        counts[pair] = counts.get(pair, 0) + 1


def join(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    joined, i = [], 0
    while i < len(ids):
        if ids[i] == pair[0] and i < len(ids) - 1 and ids[i + 1] == pair[1]:
            joined.append(new)
            i += 2
        else:
            joined.append(ids[i])
            i += 1
    return joined


def train_plainly(text: str, vocab_size: int) -> Iterator[tuple[int, int]]:
    """Yield each merge as it is learnt."""
    chunks = [list(chunk.encode()) for chunk in PATTERN.findall(text)]
    for new in range(256, vocab_size):
        counts: dict[tuple[int, int], int] = {}
        for ids in chunks:
            count(ids, counts)
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        chunks = [join(ids, pair, new) for ids in chunks]
        yield pair


class Plain:
    """minbpe's encoder: for each chunk, join the pair of lowest rank until none is left. Nothing is remembered."""

    def __init__(self, vocab: dict[str, int], merges: list[tuple[str, str]]):
        self.ranks = {(vocab[left], vocab[right]): 256 + rank for rank, (left, right) in enumerate(merges)}
        tokens = vocabularies.load("gpt2").tokens
        self.first = {tokens[i][0]: i for i in range(256)}

    def encode(self, text: str) -> list[int]:
        encoded = []
        for chunk in PATTERN.findall(text):
            ids = [self.first[byte] for byte in chunk.encode()]
            while len(ids) >= 2:
                counts: dict[tuple[int, int], int] = {}
                count(ids, counts)
                pair = min(counts, key=lambda pair: self.ranks.get(pair, float("inf")))
                if pair not in self.ranks:
                    break
                ids = join(ids, pair, self.ranks[pair])
            encoded.extend(ids)
        return encoded


# ---- the peers ----


def train_by_tokenizers(text: str, vocab_size: int) -> int:
    """Train as the library does, its own cut included; return the size of the vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=2, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer.get_vocab_size()


def tokenizers_gpt2(vocab: dict[str, int], merges: list[tuple[str, str]]) -> Callable[[str], list[int]]:
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return lambda text: tokenizer.encode(text).ids


def tiktoken_gpt2() -> tiktoken.Encoding:
    gpt2 = vocabularies.load("gpt2")
    ranks = {token: i for i, token in gpt2.tokens.items()}
    return tiktoken.Encoding(
        "gpt2", pat_str=openai_public.r50k_pat_str, mergeable_ranks=ranks, special_tokens=gpt2.special
    )


# ---- measuring ----


def timed(seconds: list[float], function: Callable, *arguments: object) -> object:
    """Call, and add the processor seconds that it took."""
    started = time.process_time()
    result = function(*arguments)
    seconds.append(time.process_time() - started)
    return result


def training(console: Console, text: str, train_bpe: Callable) -> dict[str, float]:
    """Return processor seconds by trainer."""
    ours, library, plain, spent = [], [], train_plainly(text, VOCABULARY), []
    merges: list[tuple[int, int]] = []
    while len(merges) < VOCABULARY - 256:
        merges += timed(spent, lambda: [next(plain) for _ in range(TURN)])
        learnt = timed(ours, train_bpe, text, VOCABULARY)
        timed(library, train_by_tokenizers, text, VOCABULARY)
        console.print(f"after {len(merges)} merges the plain trainer has taken {sum(spent):.0f} s", style="dim")
    if learnt != merges:
        raise SystemExit("the reference and the plain trainer learn different merges: nothing to compare")
    return {
        "the algorithm of minbpe": sum(spent),
        "tokenizers": statistics.median(library),
        "the reference": statistics.median(ours),
    }


def encoding(text: str, reference: type, rounds: int = 5) -> dict[str, float]:
    """Return processor seconds by encoder."""
    files = vocabularies.gpt2_merges()
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        peers = {
            "the algorithm of minbpe": Plain(*files).encode,
            "tokenizers": tokenizers_gpt2(*files),
            "tiktoken": tiktoken_gpt2().encode_ordinary,
            "the reference": reference.from_gpt2(*files).encode,
        }
        results = {name: timed(seconds.setdefault(name, []), encode, text) for name, encode in peers.items()}
        if len({tuple(ids) for ids in results.values()}) > 1:
            raise SystemExit("the encoders give different ids: nothing to compare")
    return {name: statistics.median(each) for name, each in seconds.items()}


def show(console: Console, title: str, size: int, seconds: dict[str, float]) -> None:
    """Print one table: what each took, and how many times as fast as the plain baseline it is."""
    table = Table("", "processor s", "MB/s", "times the plain one", title=title)
    plain = seconds["the algorithm of minbpe"]
    for name, each in seconds.items():
        table.add_row(name, f"{each:.2f}", f"{size / each / 1e6:.3g}", f"{plain / each:.1f}")
    console.print(table)


def main() -> int:
    console = Console(width=None if sys.stdout.isatty() else 120)
    answers = {name: one.exercise.answer for name, one in load(ROOT / "solutions" / "week02").items()}
    whole = "\n".join(plays.spoken(title) for title in plays.titles()).encode()
    text = whole[:BYTES].decode("utf-8", "ignore")
    show(console, "Encoding 1 MB of plays, GPT-2's vocabulary", BYTES, encoding(text, answers["BPETokenizer"]))
    show(
        console,
        f"Training on 1 MB of plays to {VOCABULARY:,} tokens",
        BYTES,
        training(console, text, answers["train_bpe"]),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
