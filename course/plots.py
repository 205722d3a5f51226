"""One look for every picture, and words for those who cannot see it.

Importing this module sets matplotlib's style: colours of Okabe and Ito (https://jfly.uni-koeln.de/color/,
told apart by every common kind of colour blindness) on an opaque light card, so that a picture reads on a
dark page too. `show` puts a figure into the notebook with its alternative text. Left out: drawing itself,
which stays in the lessons and in the modules beside this one.
"""

from __future__ import annotations

import io
from html import escape

import matplotlib
from cycler import cycler
from IPython.display import HTML, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
COLOURS = [BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW]
INK, MUTED, PAPER = "#1f2328", "#59636e", "#fcfcfb"
SEQUENTIAL = "Blues"  # from nothing (the card's colour) to much
DIVERGING = "PuOr_r"  # from negative (purple) through zero (white) to positive (orange)

STYLE = {
    "figure.facecolor": PAPER,
    "figure.dpi": 100,
    "figure.figsize": (7.5, 3.8),
    "figure.constrained_layout.use": True,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "grid.color": "#d8dee4",
    "grid.linewidth": 0.7,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "font.size": 10.5,
    "image.cmap": SEQUENTIAL,
}
matplotlib.rcParams.update(STYLE)


def png(figure: Figure) -> bytes:
    """The figure as PNG bytes; the same figure gives the same bytes on the same matplotlib."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def close(figure: Figure) -> None:
    """Forget the figure, so that a notebook does not draw it a second time."""
    from matplotlib import pyplot

    pyplot.close(figure)


def show(figure: Figure, alt: str) -> None:
    """Put the figure into the notebook, with `alt`: what it shows, in words (one to three sentences).

    The words travel in the image's metadata, and stand folded under the picture too, since few front ends make
    them the image's alternative text (JupyterLab does not). Raises ValueError where `alt` is empty.
    """
    if not alt.strip():
        raise ValueError("show(figure, alt=...) needs words that say what the picture shows; alt is empty.")
    alt = " ".join(alt.split())
    image = png(figure)
    close(figure)
    display({"image/png": image, "text/plain": f"Picture: {alt}"}, metadata={"image/png": {"alt": alt}}, raw=True)
    display(HTML(f"<details><summary>The picture in words</summary>{escape(alt)}</details>"))


def heatmap(
    axes: Axes,
    values,
    rows: list[str],
    columns: list[str],
    *,
    limit: float | None = None,
    numbers: str | None = None,
    signed: bool = False,
):
    """Draw a (len(rows), len(columns)) table as colours; `numbers` is a format such as ".2f" to write each
    value.

    `signed` uses the two-sided colours, centred at 0; `limit` is the largest value of the scale (the data's
    own by default). Returns the image, for a colour bar.
    """
    from matplotlib.colors import Normalize

    table = [[float(value) for value in row] for row in values]
    top = limit if limit is not None else max((abs(value) for row in table for value in row), default=1.0) or 1.0
    image = axes.imshow(
        table,
        cmap=DIVERGING if signed else SEQUENTIAL,
        aspect="auto",
        norm=Normalize(-top if signed else 0.0, top),
    )
    axes.set_xticks(range(len(columns)), columns, rotation=90 if max(map(len, columns), default=0) > 3 else 0)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if numbers:
        for i, row in enumerate(table):
            for j, value in enumerate(row):
                dark = value > 0.6 * top or (signed and abs(value) > 0.75 * top)
                axes.text(j, i, format(value, numbers), ha="center", va="center", color="white" if dark else INK)
    return image
