"""A drawing of a matrix product: which row and which column make an entry. Left out: more than two axes."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course import plots


def draw_product(left: np.ndarray, right: np.ndarray, row: int, column: int) -> Figure:
    """`left` (n, k) and `right` (k, m) around their product; a row, a column and their entry marked."""
    product = left @ right
    (n, k), m = left.shape, right.shape[1]
    figure, axes = pyplot.subplots(
        2, 2, figsize=(1.6 + 0.62 * (k + m), 1.1 + 0.62 * (n + k)), width_ratios=(k, m), height_ratios=(k, n)
    )
    axes[0, 0].axis("off")
    table(axes[1, 0], left, f"X  ({n}, {k})", marked=[(row, j) for j in range(k)], colour=plots.SKY)
    table(axes[0, 1], right, f"W  ({k}, {m})", marked=[(j, column) for j in range(k)], colour=plots.YELLOW)
    table(axes[1, 1], product, f"X @ W  ({n}, {m})", marked=[(row, column)], colour=plots.GREEN)
    figure.suptitle("One row meets one column", x=0.02, ha="left", fontsize=12, fontweight="bold")
    return figure


def table(axes: Axes, values: np.ndarray, title: str, marked: list[tuple[int, int]], colour: str) -> None:
    """A grid of numbers with the `marked` (row, column) cells filled."""
    rows, columns = values.shape
    for i in range(rows):
        for j in range(columns):
            face = colour if (i, j) in marked else "white"
            axes.add_patch(Rectangle((j, i), 1, 1, facecolor=face, edgecolor=plots.MUTED, alpha=0.9))
            axes.text(j + 0.5, i + 0.5, f"{values[i, j]:g}", ha="center", va="center")
    axes.set(xlim=(-0.05, columns + 0.05), ylim=(rows + 0.05, -0.05), aspect="equal")
    axes.set_title(title, fontsize=10.5, fontweight="normal")
    axes.axis("off")
