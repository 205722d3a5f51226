"""Gradient descent on a real loss surface with two weights: is this digit a 3 or an 8?

Two numbers describe an image: its ink at the upper left and at the lower left, where an 8 closes its loops
and a 3 leaves them open. A weighted sum of the two should give -1 for a 3 and +1 for an 8; the loss is the mean
squared error. That surface is a bowl, so everything about it is known exactly. Left out: surfaces that are not
bowls, and random batches.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import ipywidgets
import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import digits, plots
from course.explorer import Explorer

START = (-1.5, 0.3)


class Problem(NamedTuple):
    """`features` is (n, 2), each column with mean 0 and standard deviation 1; `targets` is (n,), mean 0."""

    features: np.ndarray
    targets: np.ndarray

    def loss(self, weights: np.ndarray) -> np.ndarray:
        """Mean squared error for weights of shape (..., 2); the shape of the result is (...)."""
        return np.mean((np.asarray(weights) @ self.features.T - self.targets) ** 2, axis=-1)

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """The two slopes of the loss at `weights` (2,)."""
        errors = self.features @ weights - self.targets
        return 2 / len(errors) * errors @ self.features

    def curvatures(self) -> np.ndarray:
        """How fast the slope changes along the bowl's two axes: first the gentle one, then the steep one."""
        return np.linalg.eigvalsh(2 / len(self.features) * self.features.T @ self.features)

    def best(self) -> np.ndarray:
        """The weights at the bottom of the bowl."""
        return np.linalg.lstsq(self.features, self.targets, rcond=None)[0]


@cache
def threes_and_eights() -> Problem:
    """All 3s and 8s of the digits, as two features and a target."""
    images, labels = digits.everything()
    chosen = (labels == 3) | (labels == 8)
    pictures = images[chosen].reshape(-1, 8, 8)
    features = np.stack([pictures[:, 2:4, 1:4].mean((1, 2)), pictures[:, 4:6, 1:4].mean((1, 2))], axis=1)
    targets = np.where(labels[chosen] == 8, 1.0, -1.0)
    return Problem((features - features.mean(0)) / features.std(0), targets - targets.mean())


def descend(problem: Problem, learning_rate: float, momentum: float = 0.0, steps: int = 30, start=START) -> np.ndarray:
    """The weights after 0, 1, ... `steps` steps, (steps + 1, 2).

    velocity <- momentum * velocity + gradient, then weights <- weights - learning_rate * velocity: Polyak's
    heavy ball (1964), in the form of torch.optim.SGD.
    """
    weights, velocity = np.array(start, dtype=float), np.zeros(2)
    path = [weights]
    for _ in range(steps):
        velocity = momentum * velocity + problem.gradient(weights)
        weights = weights - learning_rate * velocity
        path.append(weights)
    return np.array(path)


@cache
def surface(width: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """The grid of weights along one axis, and the loss on the square that it spans."""
    line = np.linspace(-2.2, 2.8, width)
    return line, threes_and_eights().loss(np.stack(np.meshgrid(line, line), axis=-1))


def draw(learning_rate: float = 0.1, momentum: float = 0.0, steps: int = 20) -> tuple[Figure, str]:
    """The path on the surface, and the loss at each step."""
    problem = threes_and_eights()
    path = descend(problem, learning_rate, momentum, steps)
    losses, floor = problem.loss(path), float(problem.loss(problem.best()))
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.8, 3.9), layout="none")
    figure.subplots_adjust(left=0.08, right=0.98, bottom=0.14, top=0.9, wspace=0.27)
    line, heights = surface()
    left.contour(
        line,
        line,
        heights,
        levels=np.geomspace(floor * 1.05, heights.max(), 14),
        cmap="Greys_r",
        linewidths=0.8,
    )
    left.plot(*path.T, "o-", color=plots.BLUE, markersize=3.5, linewidth=1.3)
    left.plot(*path[0], "s", color=plots.ORANGE, label="start")
    left.plot(*problem.best(), "*", color=plots.GREEN, markersize=13, label="bottom of the bowl")
    left.set(
        xlim=line[[0, -1]],
        ylim=line[[0, -1]],
        xlabel="weight of the upper-left ink",
        ylabel="weight of the lower-left ink",
    )
    left.set_title(f"Learning rate {learning_rate:.2f}, momentum {momentum:.1f}")
    left.legend(loc="lower left", facecolor=plots.PAPER, frameon=True, edgecolor="none")
    right.semilogy(losses, "o-", color=plots.BLUE, markersize=3.5, linewidth=1.3)
    right.axhline(floor, color=plots.GREEN, linestyle="--", label=f"lowest possible, {floor:.2f}")
    right.set(xlabel="step", ylabel="loss (mean squared error)", ylim=(0.1, 100))
    right.set_title(verdict(losses, floor))
    right.legend(loc="upper right")
    alt = (
        f"Left: contour lines of a bowl-shaped loss over two weights, and {steps} steps of gradient descent "
        f"with learning rate {learning_rate:.2f} and momentum {momentum:.1f}. Right: the loss goes from "
        f"{losses[0]:.2f} to {losses[-1]:.3g}; the lowest possible is {floor:.2f}. {verdict(losses, floor)}."
    )
    return figure, alt


def verdict(losses: np.ndarray, floor: float) -> str:
    """What the losses say, in a few words."""
    if losses[-1] > losses[0]:
        return "The loss grows: steps too long"
    reached = np.flatnonzero(losses < floor * 1.01)
    if len(reached):
        return f"Within 1 % of the lowest at step {reached[0]}"
    return f"Not there yet after {len(losses) - 1} steps"


def explorer() -> Explorer:
    """Knobs for the learning rate, the momentum and the number of steps; the path redraws as they move."""
    return Explorer(
        draw,
        learning_rate=ipywidgets.FloatSlider(0.1, min=0.01, max=0.7, step=0.01, description="learning rate"),
        momentum=ipywidgets.FloatSlider(0.0, min=0.0, max=0.9, step=0.1, description="momentum"),
        steps=ipywidgets.IntSlider(20, min=1, max=60, description="steps"),
    )
