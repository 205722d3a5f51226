"""Grade a whole class: intake, many workers, the journal, one writer, one report."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from grader.intake import Found, Submission
from grader.journal import Journal, key
from grader.pools import Pool
from grader.settings import Settings
from grader.verdict import Verdict
from grader.whole import replacing


class Outcome(NamedTuple):
    """What came of one submission, in short."""

    student: str
    notebook: str
    status: str
    error: str | None


@dataclass
class Batch:
    """What came of a batch. The verdicts lie in the journal and are read from there one by one.

    Attributes:
        seconds: wall time of the grading.
        outcomes: of each submission its student, notebook, status and error.
    """

    settings: Settings
    journal: Journal
    seconds: float
    outcomes: list[Outcome]
    keys: list[str]
    unsettled: dict[int, Verdict]
    flags: dict[int, list[dict[str, str]]]

    def verdicts(self) -> Iterator[Verdict]:
        """Yield each submission's verdict, in order."""
        for i, name in enumerate(self.keys):
            verdict = self.unsettled.get(i) or self.journal.get(name)
            flags = verdict.json["flags"] + self.flags.get(i, [])
            yield replace(verdict, json=verdict.json | {"flags": flags})

    def write_json(self, path: Path) -> None:
        """Write the report that docs/json.md describes."""
        head = {"assignment": self.settings.week, "seed": self.settings.seed, "isolation": self.settings.isolation}
        with replacing(path, errors="backslashreplace") as file:  # JSON's own escape for half a pair
            file.write(json.dumps({**head, "seconds": self.seconds}, indent=1)[:-2] + ',\n "submissions": [')
            for i, verdict in enumerate(self.verdicts()):
                file.write((",\n" if i else "\n") + json.dumps(verdict.json, ensure_ascii=False))
            file.write("\n ]\n}\n")


@dataclass
class _Desk:
    """The state of a batch under way."""

    settings: Settings
    found: list[Found]
    journal: Journal
    done: Callable[[Verdict], None]
    force: bool
    keys: dict[int, str] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    tokens: dict[int, numpy.ndarray] = field(default_factory=dict)
    unsettled: dict[int, Verdict] = field(default_factory=dict)

    def waiting(self, numbers: Iterable[int]) -> Iterator[Submission]:
        """Yield those of the numbered submissions that the journal does not know; settle the others."""
        for i in numbers:
            one = self.found[i].read()
            self.keys[i] = key(self.settings, one)
            known = None if self.force else self.journal.get(self.keys[i])
            if known is None:
                self.places[id(one)] = i
                yield one
            else:
                self.settle(i, known)

    def settle(self, i: int, verdict: Verdict) -> None:
        report = verdict.json
        self.outcomes[i] = Outcome(report["student"], report["notebook"], report["status"], report["error"])
        if verdict.reading:
            self.tokens[i] = numpy.array(verdict.reading["tokens"], dtype=numpy.int64)
        self.done(verdict)

    def record(self, one: Submission, verdict: Verdict) -> None:
        """Put a new verdict into the journal. Where the grader itself broke, the next run is to try again."""
        i = self.places.pop(id(one))
        if verdict.json["status"] == "grader_error":
            self.unsettled[i] = verdict
        else:
            self.journal.add(self.keys[i], verdict)
        self.settle(i, verdict)


def grade(
    settings: Settings,
    found: list[Found],
    pool: Pool,
    journal: Journal,
    quiet_pool: Pool,
    done: Callable[[Verdict], Any] = lambda _: None,
    force: bool = False,
) -> Batch:
    """Grade what was `found`, taking from the journal what stands there already.

    Args:
        settings: what decides a verdict.
        found: one or more; each gets exactly one verdict.
        pool: grades many at once.
        journal: what is known, and where verdicts are recorded as they come.
        quiet_pool: grades one at a time; a time limit that was met counts only when it is met here again.
        done: called with each verdict as it becomes final.
        force: grade anew what the journal knows.
    """
    started = time.perf_counter()
    desk = _Desk(settings, found, journal, done, force)
    late = []
    for one, verdict in pool.grade(desk.waiting(range(len(found)))):
        if verdict.timed_out:
            late.append(desk.places.pop(id(one)))
        else:
            desk.record(one, verdict)
    for one, verdict in quiet_pool.grade(desk.waiting(late)):
        desk.record(one, verdict)
    outcomes = [desk.outcomes[i] for i in range(len(found))]
    from grader.likeness import pairs  # SciPy loads while the workers do

    flags: dict[int, list[dict[str, str]]] = {}
    students = [one.student for one in outcomes]
    for notebook in dict.fromkeys(one.notebook for one in outcomes):
        tokens = {i: found for i, found in desk.tokens.items() if outcomes[i].notebook == notebook}
        for i, flag in pairs(students, tokens):
            flags.setdefault(i, []).append(flag)
    seconds = round(time.perf_counter() - started, 3)
    keys = [desk.keys[i] for i in range(len(found))]
    return Batch(settings, journal, seconds, outcomes, keys, desk.unsettled, flags)
