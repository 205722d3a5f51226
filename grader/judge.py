"""Judge one submission: its cells run in a child, its answers are questioned from here, the verdict is made here."""

import itertools
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from pathlib import Path

from grader.assignment import Loaded, exercises_of, load, released
from grader.candidate import Link, LocalChannel
from grader.channel import ChannelLost
from grader.children import Children, Nursery
from grader.diagnose import diagnose
from grader.elsewhere import elsewhere
from grader.exercise import Check
from grader.lazy import LAZY, lazy
from grader.precedents import Precedents
from grader.run import CheckResult, ExerciseResult, run_check, run_hidden, run_visible, settled
from grader.sandbox import CellOutcome
from grader.shipping import standing_alone

BY_HEART = (
    "None of the hidden checks accepts this answer, so it earns nothing yet: it must be right for every input, "
    "not only for those of the checks that you can see."
)
LOST_ELSEWHERE = "right for the inputs that you see, but your code's process was lost for others like them"
_TRIES = 3  # an answer that is wrong now and then has not passed by heart
PRELUDE = """\
import importlib.machinery, sys, types

class _Ignored(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: args[0] if len(args) == 1 and not kwargs else self
    def __call__(self, *args, **kwargs):
        return None
    def checks(self, week):
        return self

class _OfColab(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self
    def __call__(self, *args, **kwargs):
        return None

class _Colab:
    def find_spec(self, name, path=None, target=None):
        if name == "google" or name.startswith("google.colab"):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
    def create_module(self, spec):
        return _OfColab(spec.name)
    def exec_module(self, module):
        pass

sys.meta_path.append(_Colab())
sys.modules["grader"] = check = _Ignored("grader")
"""


class GraderBroke(Exception):
    """A check does not even accept the right answer: the exercise is at fault, not the student."""


@dataclass(frozen=True)
class Judgement:
    """What came of one submission.

    Attributes:
        results: one an exercise.
        outcomes: what each of its cells printed or raised.
        error: why none of its cells could be run, or None.
        events: kinds and details of suspicious things that its processes were seen to try.
        timed_out: some part of it was stopped for time.
    """

    results: list[ExerciseResult]
    outcomes: list[CellOutcome]
    error: str | None
    events: list[tuple[str, str]]
    timed_out: bool


@dataclass(frozen=True)
class Assignment:
    """One notebook of a week as the grader knows it.

    Attributes:
        week: for example "week01".
        notebook: its theme, for example "attention".
        loaded: its exercises.
        template: the released notebook, as nbformat JSON.
    """

    week: str
    notebook: str
    loaded: dict[str, Loaded]
    template: dict

    @cached_property
    def book(self) -> dict[str, dict]:
        """Known mistakes and their fingerprints, from the package's data."""
        file = resources.files("grader") / "data" / f"{self.week}.json"
        return json.loads(file.read_text(encoding="utf-8"))

    def telling(self, name: str, check: Check) -> bool:
        """Whether a check of an exercise is a hidden one that no lazy answer passes."""
        if (name, check.name) not in self._telling:
            answer = self.loaded[name].exercise.answer
            lazy_ones = (Link(LocalChannel({name: lazy(answer, make)})) for make in LAZY.values())
            self._telling[name, check.name] = check.hidden and all(
                run_check(check, link, name, "lazy").outcome != "passed" for link in lazy_ones
            )
        return self._telling[name, check.name]

    @cached_property
    def _telling(self) -> dict[tuple[str, str], bool]:
        return {}

    @property
    def max_score(self) -> float:
        return sum(one.exercise.points for one in self.loaded.values())

    @cached_property
    def imports(self) -> str:
        """The released notebook's first cell, which every answer may count on: its imports and what it gives."""
        source = next(c["source"] for c in self.template["cells"] if _grade_id(c) == "imports")
        lines = "".join(source).splitlines()
        return "\n".join(line for line in lines if not line.startswith(("from grader import ", "check = checks(")))

    @cached_property
    def stubs(self) -> set[str]:
        """The sources of the cells that learners are to fill, as they were released."""
        cells = [cell for cell in self.template["cells"] if _grade_id(cell) in self.loaded]
        return {"".join(cell["source"]) for cell in cells}

    def stand_in(self, name: str) -> str:
        """Return source that defines an exercise by the library's own means."""
        if name not in self._stand_ins:
            one = self.loaded[name]
            self._stand_ins[name] = standing_alone(one, one.exercise.library.__name__)
        return self._stand_ins[name]

    @cached_property
    def _stand_ins(self) -> dict[str, str]:
        return {}

    @cached_property
    def for_the_reader(self) -> dict:
        """What the process that parses notebooks must know; nothing in it is secret."""
        cells = [
            {
                "grade_id": _grade_id(cell),
                "cell_type": cell["cell_type"],
                "source": "".join(cell["source"]),
                "locked": cell["metadata"]["nbgrader"]["locked"],
            }
            for cell in self.template["cells"]
        ]
        return {"cells": cells, "twins": {name: one.exercise.twins for name, one in self.loaded.items()}}


def assignments(root: Path, week: str) -> dict[str, Assignment]:
    """Load the notebooks of `week`, by name, from a course whose root is `root`.

    Raises:
        FileNotFoundError: when solutions/ or assignments/ has no such week.
    """
    templates = released(root, week)
    loaded = load(root / "solutions" / week)
    return {
        name: Assignment(week, name, {one: loaded[one] for one in exercises_of(template) if one in loaded}, template)
        for name, template in templates.items()
    }


def assignment(root: Path, week: str, notebook: str | None = None) -> Assignment:
    """Load one notebook of `week`; it need not be named where it is the only one."""
    found = assignments(root, week)
    if notebook is None:
        (notebook,) = found
    return found[notebook]


def judge(
    assignment: Assignment,
    cells: list[str],
    nursery: Nursery,
    seed: int | str,
    blank: Collection[str] = (),
    precedents: Precedents | None = None,
) -> Judgement:
    """Run `cells` in children of `nursery` and judge what they define.

    Args:
        assignment: the week.
        cells: sources of the student's code cells.
        nursery: opens children.
        seed: of the hidden checks' inputs.
        blank: exercises that `cells` cannot answer, whatever becomes of those that they use.
        precedents: what came of earlier submissions of the same assignment, judged with the same seed.

    Raises:
        GraderBroke: when a check stumbles over the right answer too.
    """
    results: dict[str, ExerciseResult] = {}
    outcomes, error = [], None
    with Children(nursery, [PRELUDE + assignment.imports, *cells], precedents) as children:
        try:
            outcomes = children.outcomes()[1:]
            # An exception in a visible check is told to the student: by then no hidden input may have been seen.
            seen = {name: _seen(assignment, name, children, seed) for name in assignment.loaded}
            for name in assignment.loaded:
                results[name] = _judged(assignment, name, children, results, seed, seen[name], blank)
        except ChannelLost as lost:
            error = str(lost)
            for name, one in assignment.loaded.items():
                results[name] = ExerciseResult(name, "error", 0.0, one.exercise.points, [])
    return Judgement(list(results.values()), outcomes, error, children.events, children.timed_out)


@dataclass(frozen=True)
class _Seen:
    """What came of an exercise's visible checks, and how many children they cost."""

    checks: list[CheckResult]
    losses: int


def _seen(assignment: Assignment, name: str, children: Children, seed: int | str) -> _Seen:
    children.losses = 0
    checks = run_visible(assignment.loaded[name].exercise.checks, Link(children), name, seed)
    return _Seen(checks, children.losses)


def _judged(
    assignment: Assignment,
    name: str,
    children: Children,
    before: dict,
    seed: int | str,
    seen: _Seen,
    blank: Collection[str],
) -> ExerciseResult:
    result = _questioned(assignment, name, children, seed, seen)
    exercise = assignment.loaded[name].exercise
    failing = list(dict.fromkeys(cause for use in exercise.uses if use in before for cause in _causes(before[use])))
    if result.status == "passed" or not failing or (result.status == "not_attempted" and name in blank):
        return result
    children.replace("\n\n".join(assignment.stand_in(use) for use in failing))
    again = _questioned(assignment, name, children, seed, _seen(assignment, name, children, seed))
    children.replace()
    if again.score <= result.score:
        return result
    again.blocked_by = failing
    return again


def _causes(used: ExerciseResult) -> list[str]:
    """The exercises that have to be mended before one that uses this one can be right."""
    if used.status == "passed":
        return used.blocked_by
    return [used.name, *used.blocked_by]


def _questioned(assignment: Assignment, name: str, children: Children, seed: int | str, seen: _Seen) -> ExerciseResult:
    children.losses = seen.losses
    exercise = assignment.loaded[name].exercise
    result = run_hidden(exercise.checks, seen.checks, Link(children), name, exercise.points, seed)
    for check in result.checks:
        if check.unusable:
            _demand_right(assignment, name, check, seed)
    result.diagnoses = diagnose(result.checks, assignment.book[name]["mutants"])
    if 0 < result.score < exercise.points:
        result = _asked_elsewhere(assignment, name, children, seed, result)
    if result.score and not _confirmed(assignment, name, result):
        result.score = 0.0
        result.diagnoses.append(BY_HEART)
    return result


def _asked_elsewhere(
    assignment: Assignment, name: str, children: Children, seed: int | str, result: ExerciseResult
) -> ExerciseResult:
    """Return what remains of a result where visible checks ask about other inputs: wrong each time is failed."""
    children.losses = 0  # each answer that ends its process here is one that it does not have
    exercise, kinds = assignment.loaded[name].exercise, assignment.book[name]["elsewhere"]
    checks = list(result.checks)
    for i, one in enumerate(checks):
        if one.outcome == "passed" and (kind := kinds.get(one.check.name)):
            others = (elsewhere(one.check, kind, name, exercise.answer, n) for n in range(_TRIES))
            again = (run_check(other, Link(children), name, seed) for other in others)
            wrong = list(itertools.takewhile(lambda told: told.outcome == "failed", again))
            if len(wrong) == _TRIES:
                # How a process ended could tell what the other inputs are.
                message = LOST_ELSEWHERE if wrong[0].lost else wrong[0].message
                checks[i] = replace(wrong[0], check=one.check, message=message)
    return replace(settled(name, checks, exercise.points), diagnoses=result.diagnoses)


def _confirmed(assignment: Assignment, name: str, result: ExerciseResult) -> bool:
    """Whether some hidden check that no lazy answer passes accepts the candidate.

    Inputs of visible checks are known to all, so their results can be known by heart.
    """
    passed_first = sorted(result.checks, key=lambda one: one.outcome != "passed")
    telling = next((one for one in passed_first if assignment.telling(name, one.check)), None)
    return telling is None or telling.outcome == "passed"


def _demand_right(assignment: Assignment, name: str, check: CheckResult, seed: int | str) -> None:
    answer = assignment.loaded[name].exercise.answer
    again = run_check(check.check, Link(LocalChannel({name: answer})), name, seed)
    if again.outcome != "passed":
        raise GraderBroke(f"{name}: the check {check.check.name} fails on the right answer too: {again.message}")


def _grade_id(cell: dict) -> str | None:
    return cell["metadata"].get("nbgrader", {}).get("grade_id")
