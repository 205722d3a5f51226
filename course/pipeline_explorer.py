"""Pipelines on paper: which stage works on which part of the batch at what time, and how much of the time is waiting.

`schedule` simulates; `draw` is the picture of the lesson's widget. A backward pass takes twice as long as a forward
pass. Left out: the time of sending, and schedules that split a stage's layers (interleaved, zero bubble).
"""

from __future__ import annotations

from dataclasses import dataclass

import ipywidgets
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import plots
from course.explorer import Explorer

KINDS = ("one after another", "all forward, then all backward", "one forward, one backward")
FORWARD, BACKWARD = 1, 2


@dataclass(frozen=True)
class Task:
    """A stage's forward or backward pass of one part of the batch."""

    stage: int
    part: int
    backward: bool
    start: int

    @property
    def end(self) -> int:
        """When it is done."""
        return self.start + (BACKWARD if self.backward else FORWARD)


def order(kind: str, stage: int, stages: int, parts: int) -> list[tuple[int, bool]]:
    """In which order a stage does its `(part, backward)`. Raises ValueError for an unknown kind."""
    if kind not in KINDS:
        raise ValueError(f"No schedule is called {kind!r}. There are: {', '.join(KINDS)}.")
    forward, backward = [(p, False) for p in range(parts)], [(p, True) for p in range(parts)]
    if kind == KINDS[0]:
        return [task for pair in zip(forward, backward, strict=True) for task in pair]
    if kind == KINDS[1]:
        return forward + backward
    ahead = min(parts, stages - stage)  # a late stage begins to go back at once
    return forward[:ahead] + [t for pair in zip(backward, forward[ahead:]) for t in pair] + backward[parts - ahead :]  # noqa: B905


def schedule(kind: str, stages: int, parts: int) -> list[Task]:
    """When each stage does what, as early as it can: forward needs the stage before, backward the stage after."""
    waiting = [order(kind, stage, stages, parts) for stage in range(stages)]
    done: dict[tuple[int, int, bool], Task] = {}
    free = [0] * stages
    while any(waiting):
        for stage in range(stages):
            while waiting[stage]:
                part, backward = waiting[stage][0]
                at_the_turn = backward and stage == stages - 1
                needed = (stage, part, False) if at_the_turn else (stage + 1 if backward else stage - 1, part, backward)
                if needed[0] >= 0 and needed not in done:
                    break
                ready = done[needed].end if needed in done else 0
                if kind == KINDS[0] and not backward and part and stage == 0:  # the batch's parts do not overlap
                    ready = done[(0, part - 1, True)].end
                start = max(free[stage], ready)
                done[(stage, part, backward)] = task = Task(stage, part, backward, start)
                free[stage] = task.end
                waiting[stage].pop(0)
    return sorted(done.values(), key=lambda task: (task.start, task.stage))


def idle(tasks: list[Task]) -> float:
    """The share of all stages' time in which they wait: the bubble."""
    stages, total = max(t.stage for t in tasks) + 1, max(t.end for t in tasks)
    return 1 - sum(t.end - t.start for t in tasks) / (stages * total)


def most_kept(tasks: list[Task], stage: int) -> int:
    """How many parts' activations a stage holds at most: gone forward there, not yet backward."""
    mine = [t for t in tasks if t.stage == stage]
    changes = sorted((t.end, -1) if t.backward else (t.start, 1) for t in mine)
    held = most = 0
    for _, change in changes:
        held += change
        most = max(most, held)
    return most


def draw(kind: str = KINDS[2], stages: int = 4, parts: int = 8) -> tuple[Figure, str]:
    """The time table of a pipeline; returns (figure, alt)."""
    tasks = schedule(kind, stages, parts)
    figure, axes = pyplot.subplots(figsize=(10, 0.5 * stages + 1.3))
    for task in tasks:
        colour = plots.ORANGE if task.backward else plots.BLUE
        axes.barh(task.stage, task.end - task.start, left=task.start, height=0.86, color=colour, edgecolor=plots.PAPER)
        axes.text(
            (task.start + task.end) / 2, task.stage, task.part + 1, color="white", ha="center", va="center", size=8
        )
    waits, kept = idle(tasks), most_kept(tasks, 0)
    axes.set(yticks=range(stages), yticklabels=[f"stage {n + 1}" for n in range(stages)],
             xlabel="time (1 = one forward pass of one part)")  # fmt: skip
    axes.invert_yaxis()
    axes.grid(False)
    axes.set_title(f"{waits:.0%} of the time is waiting; stage 1 keeps {kept} part{'s' * (kept > 1)}")
    for colour, label in ((plots.BLUE, "forward"), (plots.ORANGE, "backward")):
        axes.bar(0, 0, color=colour, label=label)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure, (
        f"Time table of {stages} stages and {parts} parts, {kind}: forward passes in blue, backward in orange. "
        f"It takes {max(t.end for t in tasks)} units, {waits:.0%} of them waiting; stage 1 keeps {kept} at most."
    )


def explore() -> Explorer:
    """The widget."""
    return Explorer(
        draw,
        kind=ipywidgets.Dropdown(options=KINDS, value=KINDS[1], description="Schedule"),
        stages=ipywidgets.IntSlider(value=4, min=2, max=8, description="Stages"),
        parts=ipywidgets.IntSlider(value=4, min=1, max=16, description="Parts of the batch"),
    )
