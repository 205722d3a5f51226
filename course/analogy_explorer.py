"""The widget of "classical text features": a − b + c among word vectors, with or without the words asked with.

`draw` is a plain function of the words. Left out: spelling help, and vectors other than GloVe's.
"""

from __future__ import annotations

from functools import cache

import ipywidgets
import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import glove, plots
from course.explorer import Explorer
from course.skipgram import Vectors, unit


@cache
def vectors() -> Vectors:
    """GloVe's 40,000 most frequent words, of length 1."""
    words, table = glove.load(40_000)
    return unit(words, np.array(table))


def draw(plus: str = "king", minus: str = "man", also: str = "woman", leave_out: bool = True) -> tuple[Figure, str]:
    """The ten words nearest to plus − minus + also; returns (figure, alt). Raises ValueError for an unknown word."""
    asked = tuple(word.strip().lower() for word in (plus, minus, also))
    for word in asked:
        if word not in vectors().words:
            raise ValueError(f"“{word}” is not among GloVe's 40,000 most frequent words. Try another.")
    a, b, c = (vectors()[word] for word in asked)
    found = vectors().nearest(a - b + c, 10, asked if leave_out else ())
    names, cosines = zip(*found, strict=True)
    figure, axes = pyplot.subplots(figsize=(7.5, 3.6))
    colours = [plots.ORANGE if name in asked else plots.BLUE for name in names]
    axes.barh(range(10), cosines, color=colours)
    axes.set_yticks(range(10), names)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="cosine", title=f"{asked[0]} − {asked[1]} + {asked[2]} lies nearest to “{names[0]}”")
    listed = ", ".join(f"{name} {cosine:.2f}" for name, cosine in found)
    return figure, f"Ten words nearest to {asked[0]} minus {asked[1]} plus {asked[2]}, by cosine: {listed}."


def explore() -> Explorer:
    """The widget."""
    return Explorer(
        draw,
        plus=ipywidgets.Text("king", description="From", continuous_update=False),
        minus=ipywidgets.Text("man", description="take away", continuous_update=False),
        also=ipywidgets.Text("woman", description="and add", continuous_update=False),
        leave_out=ipywidgets.Checkbox(True, description="leave out the three words"),
    )
