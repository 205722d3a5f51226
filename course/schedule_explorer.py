"""The widget of the lesson on the training loop: a learning-rate schedule, and what a noisy bowl makes of it.

The rates are those of PyTorch's own schedulers. The bowl is a quadratic loss of forty directions, from gentle to steep,
whose gradients carry noise; for plain gradient descent its expected loss can be computed exactly, with no random
numbers. Left out: momentum, Adam, and every loss that is not a bowl.
"""

from __future__ import annotations

import ipywidgets
import numpy as np
import torch
from matplotlib import pyplot
from matplotlib.figure import Figure
from torch.optim import lr_scheduler

from course import plots
from course.explorer import Explorer

KINDS = ("constant", "cosine", "straight line", "stay, then fall")
CURVATURES = np.geomspace(0.01, 1.0, 40)
NOISE = 0.3  # standard deviation of each gradient's noise
START = 3.0  # distance from the bottom in every direction


def rates(kind: str, warmup: int, total: int, peak: float, floor: float = 0.0) -> list[float]:
    """The learning rate of every step: a straight warm-up to `peak`, then the kind's way to `floor`.

    Raises ValueError for an unknown kind, or a warm-up that leaves no step.
    """
    if kind not in KINDS:
        raise ValueError(f"No schedule is called {kind!r}. There are: {', '.join(KINDS)}.")
    if not 0 <= warmup < total:
        raise ValueError(f"The warm-up of {warmup} steps must be shorter than the run of {total}.")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=peak)
    left, fall = total - warmup, (total - warmup) // 3
    after = {
        "constant": lambda: [lr_scheduler.ConstantLR(optimizer, factor=1.0)],
        "cosine": lambda: [lr_scheduler.CosineAnnealingLR(optimizer, left, eta_min=floor)],
        "straight line": lambda: [lr_scheduler.LinearLR(optimizer, 1.0, floor / peak, left)],
        "stay, then fall": lambda: [
            lr_scheduler.ConstantLR(optimizer, factor=1.0),
            lr_scheduler.LinearLR(optimizer, 1.0, floor / peak, fall),
        ],
    }[kind]()
    parts, ends = after, [total - fall] if len(after) > 1 else []
    if warmup:
        parts = [lr_scheduler.LinearLR(optimizer, 1 / warmup, 1.0, max(1, warmup - 1)), *after]
        ends = [warmup, *ends]
    scheduler = lr_scheduler.SequentialLR(optimizer, parts, ends) if ends else parts[0]
    found = []
    for _ in range(total):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def expected_losses(schedule: list[float], steepness: float = 1.0) -> np.ndarray:
    """The bowl's expected loss before each step and after the last: (steps + 1,).

    Each direction's mean square m follows m <- (1 - rate c)^2 m + (rate noise)^2. All curvatures c begin `steepness`
    times as large as they are in the end, and come down within some twenty steps.
    """
    square = np.full_like(CURVATURES, START**2)
    losses = []
    for step, rate in enumerate(schedule):
        losses.append(0.5 * (CURVATURES * square).sum())
        now = CURVATURES * (1 + (steepness - 1) * np.exp(-step / 7))
        square = np.minimum((1 - rate * now) ** 2 * square + (rate * NOISE) ** 2, 1e30)
    losses.append(0.5 * (CURVATURES * square).sum())
    return np.array(losses)


def draw(
    kind: str = "cosine",
    peak: float = 1.0,
    warmup: int = 20,
    floor: float = 0.0,
    steepness: float = 1.0,
    total: int = 300,
) -> tuple[Figure, str]:
    """The rate (left) and the expected loss (right); `floor` is a share of the peak. Returns (figure, alt)."""
    schedule = rates(kind, warmup, total, peak, floor * peak)
    losses, steady = expected_losses(schedule, steepness), expected_losses([peak] * total, steepness)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.6, 3.7), layout="none")
    figure.subplots_adjust(left=0.07, right=0.985, bottom=0.15, top=0.9, wspace=0.2)
    left.plot(schedule, color=plots.BLUE)
    left.set(xlabel="step", ylabel="learning rate", ylim=(0, 2.6), title=f"{kind.capitalize()}, warm-up {warmup}")
    left.axhline(2 / CURVATURES[-1], color=plots.MUTED, ls=":", label="2 / steepest curvature: beyond it steps grow")
    left.legend(loc="upper right", fontsize=9)
    right.semilogy(np.clip(steady, 1e-3, 1e4), color=plots.MUTED, lw=1.2, ls="--", label="the peak rate all the time")
    right.semilogy(np.clip(losses, 1e-3, 1e4), color=plots.BLUE, label="this schedule")
    right.set(xlabel="step", ylabel="expected loss", ylim=(0.1, 3e3), title=verdict(losses))
    right.legend(loc="upper right", fontsize=9)
    alt = (
        f"Left: the learning rate of a {kind} schedule over {total} steps, warm-up {warmup}, peak {peak:g}, floor "
        f"{floor * peak:g}. Right: the expected loss of a noisy bowl goes from {losses[0]:.0f} to {losses[-1]:.3g}, "
        f"its highest is {losses.max():.3g}; with the peak rate all the time it ends at {steady[-1]:.3g}."
    )
    return figure, alt


def verdict(losses: np.ndarray) -> str:
    """What the losses say, in a few words."""
    if losses[-1] > losses[0]:
        return "The loss ends higher than it began"
    grew = f"; on the way up to {losses.max():.0f}" if losses.max() > 1.5 * losses[0] else ""
    return f"Ends at {losses[-1]:.2f}{grew}"


def explore(kind: str = "constant", peak: float = 1.0, warmup: int = 0) -> Explorer:
    """The widget: kind, peak, warm-up, floor, and how much steeper the bowl is at the start."""
    slider = ipywidgets.SelectionSlider
    return Explorer(
        draw,
        kind=ipywidgets.Dropdown(options=KINDS, value=kind, description="Schedule"),
        peak=slider(options=[0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 1.9, 2.1, 2.5], value=peak, description="Peak rate"),
        warmup=slider(options=[0, 5, 10, 20, 50, 100, 200], value=warmup, description="Warm-up (steps)"),
        floor=slider(options=[0.0, 0.01, 0.1, 0.3, 1.0], value=0.0, description="Floor (share of the peak)"),
        steepness=slider(options=[1.0, 2.0, 4.0, 8.0], value=1.0, description="Steeper at the start by"),
    )
