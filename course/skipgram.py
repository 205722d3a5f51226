"""Word vectors from scratch: skip-gram with negative sampling (Mikolov et al. 2013) on a list of words, in seconds.

`train` gives a vector a word, `pairs` what it learns from. Left out: phrases, subwords (fastText), several passes with
a falling window, and all that makes the original fast on billions of words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

SHARED = 64  # words drawn by chance in a step, for all its pairs


@dataclass(frozen=True)
class Vectors:
    """`words`, most frequent first, and their vectors of length 1: (len(words), dimensions)."""

    words: list[str]
    table: np.ndarray

    def nearest(self, vector: np.ndarray, count: int = 8, without: tuple[str, ...] = ()) -> list[tuple[str, float]]:
        """The words whose vectors have the largest cosine with `vector` (dimensions,), and that cosine."""
        cosines = self.table @ (vector / np.linalg.norm(vector))
        best = [i for i in np.argsort(-cosines) if self.words[i] not in without][:count]
        return [(self.words[i], float(cosines[i])) for i in best]

    def __getitem__(self, word: str) -> np.ndarray:
        """A word's vector. Raises KeyError, in words, for one that is not there."""
        if word not in self.words:
            raise KeyError(f"{word!r} is not among the {len(self.words):,} words.")
        return self.table[self.words.index(word)]


def unit(words: list[str], table: np.ndarray) -> Vectors:
    """Vectors of length 1 from any table."""
    return Vectors(words, table / np.linalg.norm(table, axis=1, keepdims=True))


def pairs(ids: np.ndarray, window: int) -> np.ndarray:
    """All (word, neighbour) at most `window` places apart, both ways: (n, 2). An id of −1 is no word.

    >>> pairs(np.array([4, 5, 6]), window=1).tolist()
    [[4, 5], [5, 6], [5, 4], [6, 5]]
    """
    found = [np.stack([ids[:-gap], ids[gap:]], 1) for gap in range(1, window + 1)]
    one_way = np.concatenate(found)
    one_way = one_way[(one_way >= 0).all(1)]
    return np.concatenate([one_way, one_way[:, ::-1]])


def thinned(ids: np.ndarray, counts: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """The ids with frequent words left out by chance: one of share f is kept with probability sqrt(rate / f)."""
    share = counts / counts.sum()
    keep = np.minimum(1.0, np.sqrt(rate / share))
    return ids[(ids >= 0) & (rng.random(len(ids)) < keep[ids])]


def train(
    words: list[str],
    dimensions: int = 50,
    least: int = 20,
    window: int = 4,
    negatives: int = 5,
    steps: int = 1600,
    batch: int = 4096,
    seed: int = 0,
    report: Callable[[int, float], None] = lambda step, loss: None,
) -> Vectors:
    """Learn a vector for each word that comes at least `least` times.

    Each step takes `batch` pairs that stood together, and 64 words drawn by chance (by their count to the power 3/4),
    which weigh as much as `negatives` for each pair; products of the first should be large, of the others small.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    known = [(word, count) for word, count in Counter(words).most_common() if count >= least]
    place = {word: i for i, (word, _) in enumerate(known)}
    counts = np.array([count for _, count in known], float)
    ids = np.array([place.get(word, -1) for word in words])
    seen = pairs(thinned(ids, counts, 5e-4, rng), window)
    chance = torch.tensor(counts**0.75)
    inner, outer = (nn.Embedding(len(known), dimensions) for _ in range(2))
    nn.init.normal_(inner.weight, std=0.1)
    nn.init.zeros_(outer.weight)
    optimizer = torch.optim.Adam([*inner.parameters(), *outer.parameters()], lr=2e-2)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, steps)
    for step in range(steps):
        chosen = torch.from_numpy(seen[rng.integers(len(seen), size=batch)])
        drawn = torch.multinomial(chance, SHARED, replacement=True)
        word = inner(chosen[:, 0])
        together = F.logsigmoid((word * outer(chosen[:, 1])).sum(-1)).mean()
        apart = F.logsigmoid(-word @ outer(drawn).T).mean()
        loss = -together - negatives * apart
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        falling.step()
        report(step, loss.item())
    return unit([word for word, _ in known], inner.weight.detach().numpy())
