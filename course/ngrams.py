"""Character n-gram models by counting: the next character given the few before it.

`NGram` counts, gives probabilities, measures cross-entropy and writes. Left out: words, back-off and
interpolation (Jurafsky and Martin, *Speech and Language Processing*,
https://web.stanford.edu/~jurafsky/slp3/, chapter "N-gram Language Models", has them).
"""

from __future__ import annotations

import random
from collections import Counter
from functools import cache, cached_property, lru_cache

import numpy as np

from course import plays

LETTERS = " abcdefghijklmnopqrstuvwxyz'.,;:?!-\n"
HELD_OUT = "macbeth"


def normal(text: str) -> str:
    """The text in lower case, with every character outside `LETTERS` left out."""
    return "".join(character for character in text.lower() if character in LETTERS)


@cache
def corpus() -> tuple[str, str]:
    """(training text, held-out text): eight tragedies and Roman plays, and Macbeth to be tested on."""
    known = ["antony-and-cleopatra", "coriolanus", "hamlet", "julius-caesar", "king-lear", "othello"]
    known += ["romeo-and-juliet", "titus-andronicus"]
    return "\n".join(normal(plays.spoken(title)) for title in known), normal(plays.spoken(HELD_OUT))


class NGram:
    """Counts of each character after each `context` characters of the training text.

    `context` 0 knows only how frequent a character is, 1 is a bigram model, 2 a trigram model.
    """

    def __init__(self, text: str, context: int):
        self.context = context
        self.text = text
        self.grams = count(text, context + 1)
        self.before: Counter[str] = Counter()
        for gram, times in self.grams.items():
            self.before[gram[:-1]] += times

    def probability(self, gram: str, smoothing: float = 0.0) -> float:
        """P(last character | the ones before); `smoothing` is added to every count (Laplace's rule with 1).

        A context that was never seen gives every character the same chance.
        """
        total = self.before[gram[:-1]] + smoothing * len(LETTERS)
        return (self.grams[gram] + smoothing) / total if total else 1 / len(LETTERS)

    def cross_entropy(self, text: str, smoothing: float = 0.0) -> float:
        """Mean surprise in bits a character on the text; infinite where it has what has probability 0."""
        times, hits, totals = self._look_up(text)
        with np.errstate(divide="ignore", invalid="ignore"):
            chances = (hits + smoothing) / (totals + smoothing * len(LETTERS))
            bits = -np.log2(np.where(totals + smoothing > 0, chances, 1 / len(LETTERS)))
        return float((times * bits).sum() / times.sum())

    @lru_cache(maxsize=64)  # noqa: B019 (a model lives as long as the process)
    def _look_up(self, text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each different gram of the text: its times there, its count here, its context's count here."""
        seen = count(text, self.context + 1)
        columns = ((times, self.grams[gram], self.before[gram[:-1]]) for gram, times in seen.items())
        return tuple(np.array(column, float) for column in zip(*columns, strict=True))

    @cached_property
    def following(self) -> dict[str, dict[str, int]]:
        """For each context, how often each character came next."""
        table: dict[str, dict[str, int]] = {}
        for gram, times in self.grams.items():
            table.setdefault(gram[:-1], {})[gram[-1]] = times
        return table

    def write(self, length: int, seed: int = 0) -> str:
        """Text drawn from the model, one character at a time, with no smoothing."""
        chance = random.Random(seed)
        written = self.text[: self.context]
        for _ in range(length):
            choices = self.following[written[len(written) - self.context :]]
            written += chance.choices(list(choices), list(choices.values()))[0]
        return written[self.context :]


def count(text: str, length: int) -> Counter[str]:
    """How often each run of `length` characters occurs in the text.

    >>> count("aaab", 2)["aa"]
    2
    """
    return Counter(map("".join, zip(*(text[start:] for start in range(length)), strict=False)))


@cache
def model(context: int) -> NGram:
    """The n-gram model of the training text, counted once."""
    return NGram(corpus()[0], context)
