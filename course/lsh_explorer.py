"""The widget of the lesson on data: bands and rows of a MinHash signature, and which pairs of documents they bring up.

Left out: documents. The curve is the probability for any pair of a given similarity.
"""

from __future__ import annotations

import ipywidgets
import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import plots
from course.explorer import Explorer


def found(similarity: np.ndarray | float, bands: int, rows: int) -> np.ndarray | float:
    """The probability that a pair of this Jaccard similarity agrees in all rows of at least one band.

    >>> round(found(0.8, bands=16, rows=8), 2)
    0.95
    """
    return 1 - (1 - np.asarray(similarity) ** rows) ** bands


def draw(bands: int = 16, rows: int = 8, threshold: float = 0.8) -> tuple[Figure, str]:
    """The S-curve with its missed and needless parts about a threshold; returns (figure, alt)."""
    similarity = np.linspace(0, 1, 201)
    chance = found(similarity, bands, rows)
    missed, needless = 1 - found(threshold, bands, rows), found(threshold / 2, bands, rows)
    figure, axes = pyplot.subplots(figsize=(8, 3.9), layout="none")
    figure.subplots_adjust(left=0.09, right=0.98, bottom=0.15, top=0.9)
    above = similarity >= threshold
    axes.fill_between(similarity[above], chance[above], 1, color=plots.ORANGE, alpha=0.25, lw=0, label="missed")
    axes.fill_between(
        similarity[~above], 0, chance[~above], color=plots.SKY, alpha=0.35, lw=0, label="compared in vain"
    )
    axes.plot(similarity, chance, color=plots.BLUE)
    axes.axvline(threshold, color=plots.MUTED, ls="--", lw=1.2)
    axes.text(threshold - 0.01, 0.5, "threshold", rotation=90, ha="right", va="center", color=plots.MUTED)
    axes.set(xlabel="Jaccard similarity of two documents", ylabel="probability to be compared", ylim=(0, 1.02))
    axes.set(xlim=(0, 1), title=f"{bands} bands of {rows}: {missed:.1%} of pairs at {threshold:g} are missed")
    axes.legend(loc="upper left")
    alt = (
        f"S-curve for {bands} bands of {rows} rows ({bands * rows} hashes): the probability that a pair is compared is "
        f"{needless:.3f} at similarity {threshold / 2:g} and {1 - missed:.3f} at the threshold, {threshold:g}. It is "
        f"one half at similarity {half_way(bands, rows):.2f}."
    )
    return figure, alt


def half_way(bands: int, rows: int) -> float:
    """The similarity at which a pair is found with probability one half."""
    return float((1 - 0.5 ** (1 / bands)) ** (1 / rows))


def explore(bands: int = 16, rows: int = 8, threshold: float = 0.8) -> Explorer:
    """The widget: how many bands, how many rows in each, and the similarity that you are after."""
    return Explorer(
        draw,
        bands=ipywidgets.SelectionSlider(options=[1, 2, 4, 8, 16, 32, 64], value=bands, description="Bands"),
        rows=ipywidgets.SelectionSlider(options=[1, 2, 4, 8, 16, 32], value=rows, description="Rows in a band"),
        threshold=ipywidgets.SelectionSlider(
            options=[0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], value=threshold, description="Threshold"
        ),
    )
