"""The widget of "speculative decoding": what a draft earns, by how often it is right, what it costs, and its length.

Formulas of Leviathan et al. (2023, https://arxiv.org/abs/2211.17192, eq. 1 and theorem 3.8), with one cost more: that
of a target's step over several tokens. They take every drafted token to be accepted with the same chance, whatever came
before. Left out: trees of drafts, and batches.
"""

from __future__ import annotations

import ipywidgets
import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import plots
from course.explorer import Explorer

LONGEST = 16


def expected_tokens(alpha: float, k: int) -> float:
    """Tokens a step on average: 1 + alpha + ... + alpha^k, for `k` drafted tokens accepted with chance `alpha` each.

    >>> expected_tokens(0.5, 2)
    1.75
    """
    return float(sum(alpha**n for n in range(k + 1)))


def speed_up(alpha: float, k: int, draft: float, wider: float = 0.0) -> float:
    """How many times as fast as one token a step.

    `draft` is the time of one drafted token, `wider` what one more token adds to the target's step, both as shares of a
    step with one token.
    """
    return expected_tokens(alpha, k) / (1 + k * (draft + wider))


def draw(alpha: float = 0.7, draft: float = 0.1, wider: float = 0.02, k: int = 4) -> tuple[Figure, str]:
    """How far drafts of `k` come (left), and the speed for every length (right); returns (figure, alt)."""
    lengths = np.arange(1, LONGEST + 1)
    speeds = [speed_up(alpha, n, draft, wider) for n in lengths]
    best = int(lengths[np.argmax(speeds)])
    chances = [alpha**n * (1 - alpha if n < k else 1) for n in range(k + 1)]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6))
    left.bar(range(1, k + 2), chances, color=[plots.BLUE] * k + [plots.GREEN])
    left.set(xlabel="tokens that one step gives", ylabel="chance", ylim=(0, 1), xticks=range(1, k + 2))
    left.set_title(f"{expected_tokens(alpha, k):.2f} tokens a step on average")
    right.plot(lengths, speeds, "o-", color=plots.BLUE, ms=4)
    right.plot(k, speeds[k - 1], "o", color=plots.ORANGE, ms=10)
    right.axhline(1, color=plots.MUTED, ls="--")
    right.text(LONGEST, 1, "no draft", color=plots.MUTED, ha="right", va="bottom")
    right.set(xlabel="drafted tokens a step, k", ylabel="times as fast", ylim=(0, max(2.0, 1.1 * max(speeds))))
    now = speeds[k - 1]
    right.set_title(f"{now:.2f} times as fast" if now >= 1 else f"Slower: {now:.2f} times as fast")
    gain = f"the best k is {best}" if max(speeds) > 1 else "no k helps"
    return figure, (
        f"Left: the chance of each number of tokens from a step with {k} drafted tokens of acceptance {alpha:.2f}, "
        f"{expected_tokens(alpha, k):.2f} on average. Right: the speed against k, where a drafted token costs "
        f"{draft:.0%} of a step and one more token to verify {wider:.0%}: {now:.2f} at k = {k}; {gain}."
    )


def explore() -> Explorer:
    """The widget."""
    return Explorer(
        draw,
        alpha=ipywidgets.FloatSlider(value=0.7, min=0.0, max=0.98, step=0.02, description="Acceptance"),
        draft=ipywidgets.FloatSlider(value=0.1, min=0.0, max=1.0, step=0.02, description="Cost of a drafted token",
                                     readout_format=".0%"),
        wider=ipywidgets.FloatSlider(value=0.02, min=0.0, max=0.5, step=0.02, description="Cost of one more to verify",
                                     readout_format=".0%"),
        k=ipywidgets.IntSlider(value=4, min=1, max=LONGEST, description="Drafted tokens"),
    )  # fmt: skip
