"""Grade a whole class: intake, many workers, the journal, one writer, one report."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grader.intake import Submission
from grader.journal import Journal, key
from grader.likeness import pairs
from grader.pools import Pool
from grader.verdict import Verdict
from grader.worker import Settings


@dataclass
class Batch:
    """What came of a batch: the documented JSON, and the verdicts behind it."""

    json: dict[str, Any]
    verdicts: list[Verdict]


def grade(
    settings: Settings,
    submissions: list[Submission],
    pool: Pool,
    journal: Journal,
    quiet_pool: Pool,
    done: Callable[[Verdict], None] = lambda _: None,
    force: bool = False,
) -> Batch:
    """Grade `submissions`, taking from the journal what stands there already.

    Args:
        settings: what decides a verdict.
        submissions: one or more; each gets exactly one verdict.
        pool: grades many at once.
        journal: what is known, and where verdicts are recorded as they come.
        quiet_pool: grades one at a time; a time limit that was met counts only when it is met here again.
        done: called with each verdict as it becomes final.
        force: grade anew what the journal knows.
    """
    started = time.perf_counter()
    verdicts: dict[int, Verdict] = {}
    keys = [key(settings, one) for one in submissions]
    places = {id(one): i for i, one in enumerate(submissions)}

    def settle(i: int, verdict: Verdict, new: bool) -> None:
        if new:
            journal.add(keys[i], verdict)
        verdicts[i] = verdict
        done(verdict)

    waiting = []
    for i, one in enumerate(submissions):
        known = None if force else journal.get(keys[i])
        if known is None:
            waiting.append(one)
        else:
            settle(i, known, new=False)
    late = []
    for one, verdict in pool.grade(waiting):
        if verdict.timed_out:
            late.append(one)
        else:
            settle(places[id(one)], verdict, new=True)
    for one, verdict in quiet_pool.grade(late):
        settle(places[id(one)], verdict, new=True)
    ordered = [verdicts[i] for i in range(len(submissions))]
    reports = [verdict.json for verdict in ordered]
    for report, flag in pairs(ordered):
        report["flags"].append(flag)
    return Batch(
        {
            "assignment": settings.week,
            "seed": settings.seed,
            "isolation": settings.isolation,
            "seconds": round(time.perf_counter() - started, 3),
            "submissions": reports,
        },
        ordered,
    )
