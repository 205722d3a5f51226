"""Tokens as boxes of colour in running text: `draw` puts them on axes, one character a cell, line after line.

A line break inside a token ends the row. Left out: letters that the picture's font does not have (Chinese, emoji).
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from course import plots

TINTS = ["#cfe3f3", "#f7d9c4", "#c9ebdf", "#f1dbe7", "#dceffa", "#faeacb"]  # pale twins of the palette


def draw(
    axes: Axes,
    tokens: list[str],
    columns: int = 76,
    colour: Callable[[int, str], str] | None = None,
    size: float = 10.0,
) -> int:
    """Draw the tokens in order, wrapped at `columns` characters; returns the number of rows.

    Spaces show as ·, line breaks as ↵. `colour(place, token)` chooses each box's colour (by default tints take turns).
    """
    choose = colour or (lambda place, token: TINTS[place % len(TINTS)])
    row = column = 0
    for place, token in enumerate(tokens):
        shown = token.replace(" ", "·").replace("\n", "↵")
        tint, start = choose(place, token), column
        for letter in shown:
            if column == columns:
                _box(axes, row, start, column, tint)
                row, column, start = row + 1, 0, 0
            axes.text(
                column + 0.5,
                row + 0.52,
                letter,
                ha="center",
                va="center_baseline",
                family="monospace",
                fontsize=size,
                color=plots.MUTED if letter in "·↵" else plots.INK,
                in_layout=False,  # measuring every letter would double the time
            )
            column += 1
            if letter == "↵":
                _box(axes, row, start, column, tint)
                row, column, start = row + 1, 0, 0
        _box(axes, row, start, column, tint)
    rows = row + 1 if column else row
    axes.set(xlim=(0, columns), ylim=(max(rows, 1), 0))
    axes.axis("off")
    return max(rows, 1)


def _box(axes: Axes, row: int, start: int, end: int, tint: str) -> None:
    if end > start:
        axes.add_patch(
            Rectangle((start + 0.06, row + 0.08), end - start - 0.12, 0.84, color=tint, linewidth=0, zorder=0)
        )
