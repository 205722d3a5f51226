"""The widget of lesson 1: knobs for an n-gram model's context and smoothing; its error and its writing."""

from __future__ import annotations

import ipywidgets
import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import ngrams, plots
from course.explorer import Explorer

CONTEXTS = range(6)


def bits(context: int, smoothing: float) -> tuple[float, float]:
    """Cross-entropy in bits a character on the training text and on the held-out text."""
    return tuple(ngrams.model(context).cross_entropy(text, smoothing) for text in ngrams.corpus())


def draw(context: int, smoothing: float) -> tuple[Figure, str]:
    """Bits a character on both texts for each context length, and a sample; returns (figure, alt)."""
    known, unseen = zip(*(bits(length, smoothing) for length in CONTEXTS), strict=True)
    figure, (chart, sample) = pyplot.subplots(1, 2, figsize=(9.5, 3.8), width_ratios=[1.1, 1])
    figure.get_layout_engine().set(wspace=0.08)
    chart.plot(CONTEXTS, known, "o-", color=plots.BLUE, label="training text (eight plays)")
    chart.plot(CONTEXTS, unseen, "s--", color=plots.ORANGE, label="held-out text (Macbeth)")
    chart.axvline(context, color=plots.MUTED, linewidth=1, zorder=0)
    best = int(np.argmin(unseen))
    chart.set(xlabel="context (characters)", ylabel="cross-entropy (bits a character)", ylim=(0, 5.3))
    chart.set_title(f"On new text, {best} characters of context do best")
    chart.legend(loc="lower left")
    sample.set_title(f"Written with {context} characters of context")
    sample.axis("off")
    sample.text(0, 0.97, ngrams.model(context).write(230, seed=2), family="monospace", fontsize=9, va="top", wrap=True)
    alt = (
        f"Cross-entropy against context length, smoothing {smoothing:g}. With {context} characters of "
        f"context: "
        f"{known[context]:.2f} bits a character on the training text, {unseen[context]:.2f} on Macbeth. "
        f"The held-out line is lowest at {best}."
    )
    return figure, alt


def explore(context: int = 2, smoothing: float = 0.1) -> Explorer:
    """The widget: how far back to look, and how much to add to every count."""
    return Explorer(
        draw,
        context=ipywidgets.IntSlider(context, 0, max(CONTEXTS), description="Context (characters)"),
        smoothing=ipywidgets.SelectionSlider(
            options=[0.001, 0.01, 0.1, 1.0, 10.0], value=smoothing, description="Smoothing (added to counts)"
        ),
    )
