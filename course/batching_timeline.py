"""The widget of "serving many users": who sits in which slot when, under static and under continuous batching.

Requests come at random times and want answers of different lengths; one step writes one token for every slot in use.
Under static batching a group leaves together, when its longest answer is done. Left out: that a step with many rows
takes longer than one with few (the lesson measures it), the reading of prompts, and memory.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import ipywidgets
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course import plots
from course.explorer import Explorer

REQUESTS = 24
MEAN = 12  # tokens of an answer on average, whatever the spread
SPREADS = ("all the same", "some longer", "a few very long")


@dataclass(frozen=True)
class Stay:
    """A request in a slot: it came, took the slot, was done, and the slot was free again; times in steps."""

    came: float
    slot: int
    start: float
    done: float
    free: float

    @property
    def latency(self) -> float:
        """Steps from arrival to the last token."""
        return self.done - self.came


def requests(load: float, slots: int, spread: str, count: int = REQUESTS, seed: int = 0) -> list[tuple[float, int]]:
    """(arrival, tokens) of each request, in order of arrival.

    At load 1 the tokens asked for a step are as many as the slots. Raises ValueError for an unknown spread.
    """
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(MEAN / slots / load, count)
    if spread == SPREADS[0]:
        lengths = np.full(count, MEAN)
    elif spread == SPREADS[1]:
        lengths = rng.integers(2, 2 * MEAN - 1, count)
    elif spread == SPREADS[2]:
        lengths = np.where(rng.random(count) < 0.15, 4 * MEAN, MEAN // 2)
    else:
        raise ValueError(f"No spread is called {spread!r}. There are: {', '.join(SPREADS)}.")
    arrivals = np.cumsum(gaps) - gaps[0]
    return [(float(came), int(tokens)) for came, tokens in zip(arrivals, lengths, strict=True)]


def static(asked: list[tuple[float, int]], slots: int) -> list[Stay]:
    """Groups in order of arrival: one begins when the one before is done, with those who have come by then."""
    stays, now, first = [], 0.0, 0
    while first < len(asked):
        now = max(now, asked[first][0])
        group = [request for request in asked[first : first + slots] if request[0] <= now]
        free = now + max(tokens for _, tokens in group)
        stays += [Stay(came, slot, now, now + tokens, free) for slot, (came, tokens) in enumerate(group)]
        now, first = free, first + len(group)
    return stays


def continuous(asked: list[tuple[float, int]], slots: int) -> list[Stay]:
    """Each request, in order of arrival, takes the slot that is free first."""
    free = [(0.0, slot) for slot in range(slots)]
    stays = []
    for came, tokens in asked:
        earliest, slot = heapq.heappop(free)
        start = max(came, earliest)
        heapq.heappush(free, (start + tokens, slot))
        stays.append(Stay(came, slot, start, start + tokens, start + tokens))
    return stays


def throughput(stays: list[Stay]) -> float:
    """Tokens a step, from the first arrival to the last token."""
    return sum(s.done - s.start for s in stays) / max(s.done for s in stays)


def in_system(stays: list[Stay], times: np.ndarray) -> np.ndarray:
    """How many requests have come and are not done at each of the times."""
    came, done = np.sort([s.came for s in stays]), np.sort([s.done for s in stays])
    return np.searchsorted(came, times, side="right") - np.searchsorted(done, times, side="right")


def held_up(stays: list[Stay], slots: int) -> list[tuple[int, float, float]]:
    """(slot, from, to) where a slot of a group of static batching writes nothing because another one still does."""
    waits = [(s.slot, s.done, s.free) for s in stays if s.free > s.done]
    groups: dict[tuple[float, float], set[int]] = {}
    for s in stays:
        groups.setdefault((s.start, s.free), set()).add(s.slot)
    return waits + [(slot, *times) for times, taken in groups.items() for slot in set(range(slots)) - taken]


def lanes(axes: Axes, stays: list[Stay], slots: int, name: str) -> None:
    """Draw the slots of one policy: answers as bars with their number, slots that wait for their group in grey."""
    for number, stay in enumerate(stays):
        colour = plots.COLOURS[number % 5]
        axes.barh(stay.slot, stay.done - stay.start, left=stay.start, height=0.84, color=colour, edgecolor=plots.PAPER)
        axes.text((stay.start + stay.done) / 2, stay.slot, number + 1, color="white", ha="center", va="center", size=8)
    for slot, begin, end in held_up(stays, slots) if name == "Static" else ():
        axes.barh(slot, end - begin, left=begin, height=0.84, color="#e3e6ea", hatch="///", edgecolor="#b6bdc5", lw=0)
    latencies = [s.latency for s in stays]
    axes.set(yticks=range(slots), yticklabels=[f"slot {n + 1}" for n in range(slots)], ylim=(slots - 0.5, -0.5))
    axes.set_title(
        f"{name}: {throughput(stays):.1f} tokens a step; latency {np.mean(latencies):.0f} steps on average, "
        f"{max(latencies):.0f} at worst"
    )
    axes.grid(False, axis="y")


def draw(slots: int = 4, load: float = 1.2, spread: str = SPREADS[2], seed: int = 0) -> tuple[Figure, str]:
    """Both policies on the same requests, and who is there and waits; returns (figure, alt)."""
    asked = requests(load, slots, spread, seed=seed)
    both = {"Static": static(asked, slots), "Continuous": continuous(asked, slots)}
    end = max(s.free for stays in both.values() for s in stays)
    figure, axes = pyplot.subplots(
        3, 1, figsize=(10, 3.3 + 0.55 * slots), sharex=True, height_ratios=[slots, slots, 4], layout="none"
    )
    figure.subplots_adjust(left=0.08, right=0.86, bottom=0.45 / (3.3 + 0.55 * slots), top=0.94, hspace=0.35)
    for (name, stays), lane in zip(both.items(), axes, strict=False):
        lanes(lane, stays, slots, name)
    times = np.linspace(0, end, 1001)
    for (name, stays), colour, line in zip(both.items(), (plots.ORANGE, plots.BLUE), ("--", "-"), strict=True):
        axes[2].step(times, in_system(stays, times), color=colour, ls=line, where="post", label=name.lower())
    axes[2].plot(
        [came for came, _ in asked], [0] * len(asked), "|", color=plots.INK, ms=9, clip_on=False, label="arrival"
    )
    axes[2].set(xlabel="time (steps)", ylabel="requests\nnot done", xlim=(-0.01 * end, end * 1.01))
    axes[2].set_ylim(bottom=0)
    axes[2].legend(loc="upper left", bbox_to_anchor=(1, 1))
    said = "; ".join(
        f"{name.lower()} batching writes {throughput(stays):.1f} tokens a step, with a latency of "
        f"{np.mean([s.latency for s in stays]):.0f} steps on average"
        for name, stays in both.items()
    )
    return figure, (
        f"Time lines of {slots} slot{'s' * (slots > 1)} for {len(asked)} requests, answers {spread}, load {load:.0%}: "
        f"{said}. Below, the number of requests that have come and are not done."
    )


def explore() -> Explorer:
    """The widget."""
    return Explorer(
        draw,
        slots=ipywidgets.IntSlider(value=4, min=1, max=8, description="Slots"),
        load=ipywidgets.FloatSlider(value=1.2, min=0.2, max=2.0, step=0.1, description="Load", readout_format=".0%"),
        spread=ipywidgets.Dropdown(options=SPREADS, value=SPREADS[2], description="Lengths of answers"),
        seed=ipywidgets.IntSlider(value=0, min=0, max=9, description="Another day"),
    )
