"""A memory of fixed size: how many pairs of key and value a linear-attention state can hold.

A state S = Σ decay^age · k vᵀ is all that the past leaves; a query reads q S. `recalled` measures how often that finds
the right value, `draw` is the picture of the lesson's widget. Left out: learnt keys, which can be spread better than by
chance, and the delta rule, which overwrites.
"""

from __future__ import annotations

import ipywidgets
import torch
import torch.nn.functional as F
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import plots
from course.explorer import Explorer

VALUES = 64  # different values, one-hot


def recalled(width: int, pairs: int, decay: float = 1.0, trials: int = 20, seed: int = 0) -> float:
    """The share of `pairs` random pairs that a state of `width` by 64 numbers gives back; keys have length 1."""
    generator = torch.Generator().manual_seed(seed)
    keys = F.normalize(torch.randn(trials, pairs, width, generator=generator), dim=-1)
    values = torch.randint(VALUES, (trials, pairs), generator=generator)
    kept = decay ** torch.arange(pairs - 1, -1, -1.0)
    state = (keys * kept[:, None]).transpose(1, 2) @ F.one_hot(values, VALUES).float()
    return ((keys @ state).argmax(-1) == values).float().mean().item()


def draw(width: int = 32, decay: float = 1.0) -> tuple[Figure, str]:
    """Share of pairs recalled against how many were stored; returns (figure, alt)."""
    numbers = [2, 4, 8, 16, 32, 64, 128, 256]
    shares = [100 * recalled(width, n, decay) for n in numbers]
    figure, axes = pyplot.subplots(figsize=(7.5, 3.4))
    axes.axhline(100, color=plots.ORANGE, ls="--", label="softmax attention, which keeps every key")
    axes.plot(numbers, shares, "o-", color=plots.BLUE, label=f"a state of {width} by {VALUES} numbers")
    axes.axvline(width, color=plots.MUTED, lw=1, ls=":", label=f"as many pairs as the key has numbers ({width})")
    axes.set(xscale="log", xlabel="pairs stored", ylabel="recalled (%)", ylim=(0, 106),
             title=f"A fixed memory fills up: {shares[numbers.index(64)]:.0f}% of 64 pairs come back")  # fmt: skip
    axes.set_xticks(numbers, numbers)
    axes.minorticks_off()
    axes.legend(loc="lower left")
    said = ", ".join(f"{n}: {share:.0f}%" for n, share in zip(numbers, shares, strict=True))
    return (
        figure,
        f"Share of pairs recalled by a state of {width} by {VALUES}, decay {decay:g}, by pairs stored. {said}.",
    )


def explore() -> Explorer:
    """The widget."""
    return Explorer(
        draw,
        width=ipywidgets.SelectionSlider(options=[8, 16, 32, 64, 128, 256], value=32, description="Numbers in a key"),
        decay=ipywidgets.FloatSlider(value=1.0, min=0.8, max=1.0, step=0.01, description="Decay a step"),
    )
