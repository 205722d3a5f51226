"""Real handwritten digits, 8 by 8 pixels, in three parts: to learn from, to choose with, to report on.

The 1,797 images are the test part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak
1998, https://doi.org/10.24432/C50P49), as scikit-learn packages it: nothing to download. Left out: who wrote
which digit (the packaged copy does not say), larger images, augmentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import plots


class Digits(NamedTuple):
    """`images`: float64 (n, 64), a picture a row, read line by line, 0 paper, 1 ink; `labels`: int64 (n,)."""

    images: np.ndarray
    labels: np.ndarray


class Parts(NamedTuple):
    """The same digits in three parts that share no image."""

    train: Digits
    validation: Digits
    test: Digits


def everything() -> Digits:
    """All 1,797 digits, in the order of the file."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return Digits(images / 16, labels.astype(np.int64))


def split(shuffled: bool = True, seed: int = 0) -> Parts:
    """60 % to train, 20 % to validate, 20 % to test.

    Shuffled, each part has each digit in the same share. Not shuffled, the parts follow the file, so that the
    test part holds the last 360 images.
    """
    from sklearn.model_selection import train_test_split

    images, labels = everything()
    n_test = n_validation = len(labels) // 5 + 1
    parts = []
    for held_out in (n_test, n_validation):
        images, rest_images, labels, rest_labels = train_test_split(
            images,
            labels,
            test_size=held_out,
            shuffle=shuffled,
            stratify=labels if shuffled else None,
            random_state=seed if shuffled else None,
        )
        parts.append(Digits(rest_images, rest_labels))
    test, validation = parts
    return Parts(Digits(images, labels), validation, test)


def draw(images: np.ndarray, titles: Sequence[str], columns: int = 10, title: str = "", top: float = 1.0) -> Figure:
    """A grid of pictures, each under its title; `images` is (n, 64), from 0 (paper) to `top` (ink)."""
    rows = -(-len(images) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(0.78 * columns, 1.05 * rows + 0.35), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, words in zip(axes.flat, images, titles, strict=False):
        axis.imshow(np.reshape(image, (8, 8)), cmap="gray_r", vmin=0, vmax=top)
        axis.set_title(words, fontsize=10, loc="center", fontweight="normal")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=plots.INK)
    return figure
