"""The widget of lesson 3: how two positions' agreement falls with distance, for each scheme and its knobs.

`draw` is a plain function of the knobs. Left out: content. Both tokens carry the same vector, so the curves
show what position alone does to the score.
"""

from __future__ import annotations

import math

import ipywidgets
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course import plots, positions
from course.explorer import Explorer

SCHEMES = ("sinusoidal", "learned (MiniLM)", "RoPE", "ALiBi")
NAMES = {"none": "unchanged", "linear": "position interpolation", "ntk": "NTK-aware base", "yarn": "YaRN"}


def learned_curve(longest: int) -> torch.Tensor:
    """Mean cosine of two rows of MiniLM's own position table at each distance that it has, 0 to 510 at most."""
    from course import encoder

    table = encoder.load().model.embeddings.position_embeddings.weight.detach()[1:]
    rows = torch.nn.functional.normalize(table, dim=1)
    similar = rows @ rows.T
    return torch.stack([similar.diagonal(gap).mean() for gap in range(min(longest + 1, len(rows)))])


def draw(
    scheme: str = "RoPE",
    dim: int = 64,
    base: float = 10000.0,
    longest: int = 512,
    slope: float = 0.0625,
    method: str = "none",
    factor: float = 1.0,
    trained: int = 128,
) -> tuple[Figure, str]:
    """Agreement against distance (left) and what lies behind it (right) for a scheme; returns (figure, alt).

    `dim`, `base` act on sinusoidal positions and RoPE; `method`, `factor`, `trained` on RoPE; `slope` on ALiBi.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"No scheme is called {scheme!r}. There are: {', '.join(SCHEMES)}.")
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.9), width_ratios=[1.35, 1], layout="none")
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.14, top=0.91, wspace=0.24)  # faster than a layout engine
    left.set_xlabel("distance between the two tokens (positions)")
    if scheme == "ALiBi":
        alt = _alibi(left, right, longest, slope)
    elif scheme.startswith("learned"):
        alt = _learned(left, right, longest)
    else:
        used = method if scheme == "RoPE" else "none"
        alt = _waves(left, right, scheme, dim, base, longest, used, factor, trained)
    return figure, alt


def _waves(
    left: Axes, right: Axes, scheme: str, dim: int, base: float, longest: int, method: str, factor: float, trained: int
) -> str:
    stretched = positions.stretch(method, dim, base, factor, trained)
    usual = positions.frequencies(dim, base)
    distance = torch.arange(longest + 1, dtype=torch.float32)
    curve = stretched.scale**2 * positions.agreement(distance, stretched.radians)
    if method != "none":
        left.plot(distance, positions.agreement(distance, usual), color=plots.MUTED, lw=1, ls="--", label="unchanged")
    left.plot(distance, curve, color=plots.BLUE, lw=1.6, label=NAMES[method])
    left.axhline(0, color=plots.MUTED, lw=0.8)
    left.set_ylabel("dot product (1 = same place)")
    left.set_title(f"{scheme}: near tokens agree, far ones mix")
    if scheme == "RoPE":
        left.axvspan(0, min(trained, longest), color=plots.YELLOW, alpha=0.15, lw=0, label="distances seen in training")
        left.legend(loc="upper right")
    turns = longest * stretched.radians / (2 * math.pi)
    pair = torch.arange(len(turns))
    right.semilogy(pair, turns, "o-", ms=4, color=plots.BLUE, label=f"at distance {longest}")
    right.axhline(1, color=plots.MUTED, lw=1, ls=":")
    right.set(xlabel="pair of features (fastest first)", ylabel="full turns", title="How far each pair has turned")
    alt = (
        f"{scheme} with {dim} features, base {base:g}: the dot product starts at {curve[0]:.2f} and is "
        f"{curve[min(10, longest)]:.2f} at distance {min(10, longest)}. The fastest pair makes {turns[0]:.0f} turns "
        f"by distance {longest}, the slowest {turns[-1]:.3f}."
    )
    if scheme == "RoPE":
        seen = trained * usual / (2 * math.pi)
        right.semilogy(pair, seen, color=plots.YELLOW, lw=6, alpha=0.4, label=f"seen in training ({trained})")
        risky = int(((turns > seen * 1.001) & (seen < 1)).sum())
        right.set_title(f"{risky} of {len(turns)} pairs reach angles never seen")
        alt += f" Method: {NAMES[method]}, factor {factor:g}; {risky} of {len(turns)} pairs reach angles never seen."
    right.legend(loc="lower left")
    return alt


def _learned(left: Axes, right: Axes, longest: int) -> str:
    curve = learned_curve(longest)
    left.plot(curve, color=plots.BLUE)
    left.axhline(0, color=plots.MUTED, lw=0.8)
    left.set_xlim(0, longest)
    left.set_ylabel("mean cosine of two rows")
    left.set_title("Learned: near rows are alike, and the table ends")
    if longest > 511:
        left.axvspan(511, longest, color=plots.ORANGE, alpha=0.15, lw=0)
    right.bar(range(11), curve[:11].tolist(), color=plots.BLUE)
    right.set(xlabel="distance (positions)", ylabel="mean cosine", title="The first ten steps")
    return (
        f"MiniLM's learned table: mean cosine of two rows is {curve[1]:.2f} at distance 1 and {curve[10]:.2f} at 10, "
        f"then waves about a low level; there are no rows past 511."
    )


def _alibi(left: Axes, right: Axes, longest: int, slope: float) -> str:
    distance = torch.arange(longest + 1, dtype=torch.float32)
    bias = -slope * distance
    weight = bias.softmax(0)
    within = int((weight.cumsum(0) < 0.9).sum()) + 1
    left.plot(distance, bias, color=plots.BLUE)
    left.set(ylabel="added to the score", title=f"ALiBi: {slope:g} less for each step back")
    right.plot(distance, weight, color=plots.BLUE)
    right.set(xlabel="distance (positions)", ylabel="attention weight", title=f"90% lies within {within} tokens")
    return (
        f"ALiBi with slope {slope:g}: the score falls in a straight line to {bias[-1]:.1f} at distance {longest}. "
        f"With equal scores otherwise, 90% of the attention lies on the nearest {within} tokens."
    )


def explore(scheme: str = "RoPE", method: str = "none", factor: float = 1.0) -> Explorer:
    """The widget: a scheme and its knobs. Knobs that the chosen scheme does not use are greyed out."""
    slider = ipywidgets.SelectionSlider
    knobs = {
        "scheme": ipywidgets.Dropdown(options=SCHEMES, value=scheme, description="Scheme"),
        "dim": slider(options=[2, 4, 8, 16, 32, 64, 128], value=64, description="Features"),
        "base": slider(options=[100.0, 1000.0, 10000.0, 100000.0, 500000.0], value=10000.0, description="Base"),
        "longest": slider(options=[16, 64, 128, 256, 512, 1024, 2048], value=512, description="Longest distance"),
        "slope": slider(options=[0.5, 0.25, 0.125, 0.0625, 0.015625, 0.00390625], value=0.0625, description="Slope"),
        "method": ipywidgets.Dropdown(
            options=[(NAMES[m], m) for m in positions.METHODS], value=method, description="Extension"
        ),
        "factor": slider(options=[1.0, 2.0, 4.0, 8.0, 16.0], value=factor, description="Factor"),
        "trained": slider(options=[32, 64, 128, 256, 512], value=128, description="Trained length"),
    }
    uses = {
        "sinusoidal": {"dim", "base"},
        "RoPE": {"dim", "base", "method", "factor", "trained"},
        "ALiBi": {"slope"},
        "learned (MiniLM)": set(),
    }

    def grey(change=None) -> None:
        for name, knob in knobs.items():
            knob.disabled = name not in uses[knobs["scheme"].value] | {"scheme", "longest"}

    knobs["scheme"].observe(grey, names="value")
    grey()
    return Explorer(draw, **knobs)
