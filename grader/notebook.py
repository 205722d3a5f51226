"""What a learner's notebook imports: `check = checks("week01")`, then `check(answer)` below each exercise."""

import json
import os
import sys
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from grader.candidate import Link, LocalChannel
from grader.diagnose import diagnose
from grader.exercise import Check
from grader.hints import offer_hints
from grader.report import Report
from grader.run import ExerciseResult, run_checks
from grader.twins import names_read, source_of, twins_called


class CheckFailed(Exception):
    """Some checks of an answer do not pass; the report says which."""

    def _render_traceback_(self) -> list[str]:
        return [f"CheckFailed: {self}"]


class UnknownExercise(CheckFailed):
    """The name of an exercise or a week that does not exist here."""


class Checker:
    """Judges a learner's answers by the checks in their notebook.

    Args:
        week: the assignment, for example "week01".
        book: what the package knows of its exercises: points, hints, known mistakes.
    """

    def __init__(self, week: str, book: dict[str, dict]):
        self._week, self._book = week, book
        self._checks: dict[str, dict[str, Check]] = {}
        self._hints_shown: dict[str, int] = {}

    def __getattr__(self, exercise: str) -> Callable[[Callable], Callable]:
        if exercise.startswith("_") or exercise not in self._book:
            raise AttributeError(f"{self._week} has no exercise named {exercise!r}")

        def add(function: Callable) -> Callable:
            self._checks.setdefault(exercise, {})[function.__name__] = Check(function, hidden=False)
            return function

        return add

    def __call__(self, candidate: Any) -> None:
        """Run the checks of the exercise that `candidate` answers, show the report, and raise if one fails.

        Raises:
            CheckFailed: after the report, in one line, when a check of an attempted answer fails.
        """
        namespace = sys._getframe(1).f_globals
        name = self._name_of(candidate, namespace)
        result = self._judged(name, {**namespace, name: candidate})
        source = source_of(candidate)
        if result.status != "passed":
            used = names_read(source) if source else set(self._book[name]["uses"])
            result.blocked_by = self._failing_uses(name, namespace, used)
        if result.blocked_by and "NotImplementedError" not in source:
            result.status = "failed"  # an answer was given; it is a used one that is missing
        result.flags = twins_called(source, self._book[name]["twins"])
        report = Report(result)
        AUDIENCE.get()(self, report)
        if result.status == "failed":
            raise CheckFailed(report.headline())

    def hint(self, exercise: str) -> str:
        """Return the next hint for an exercise, named by its name or by an answer to it.

        Raises:
            UnknownExercise: when there is no such exercise.
        """
        name = exercise if exercise in self._book else getattr(exercise, "__name__", exercise)
        if name not in self._book:
            raise UnknownExercise(self._unknown(name))
        if not self.hints_left(name):
            return "That was the last hint."
        hints, shown = self._book[name]["hints"], self._hints_shown.get(name, 0)
        self._hints_shown[name] = shown + 1
        return f"Hint {shown + 1} of {len(hints)}. {hints[shown]}"

    def hints_left(self, exercise: str) -> int:
        """Return how many hints for `exercise` were not shown yet."""
        return len(self._book[exercise]["hints"]) - self._hints_shown.get(exercise, 0)

    def _judged(self, name: str, namespace: dict[str, Any]) -> ExerciseResult:
        book = self._book[name]
        known = self._checks.get(name, {})
        if missing := [check for check in book["visible"] if check not in known]:
            raise CheckFailed(f"run the cell “What `{name}` must do” above first; it defines the check `{missing[0]}`")
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbgrader's own executor takes any line on stderr for a wrong answer
            result = run_checks(list(known.values()), Link(LocalChannel(namespace)), name, book["points"])
        result.diagnoses = diagnose(result.checks, book["mutants"])
        return result

    def _failing_uses(self, name: str, namespace: dict[str, Any], names: set[str]) -> list[str]:
        """The exercises at the root of a failure: those among `names` that fail themselves and use no failing one."""
        uses = [use for use in self._book[name]["uses"] if use in names and use in namespace and use in self._checks]
        failing = [use for use in uses if self._judged(use, namespace).status != "passed"]
        roots = [
            root
            for use in failing
            for root in self._failing_uses(use, namespace, names_read(source_of(namespace[use]))) or [use]
        ]
        return list(dict.fromkeys(roots))

    def _name_of(self, candidate: Any, namespace: dict[str, Any]) -> str:
        bound = [name for name in self._book if namespace.get(name) is candidate]
        name = bound[0] if bound else getattr(candidate, "__name__", None)
        if name not in self._book:
            raise UnknownExercise(self._unknown(name))
        return name

    def _unknown(self, name: object) -> str:
        return f"no exercise of {self._week} is named {name!r}; it has: {', '.join(self._book)}"


class _GradingChecker(Checker):
    """The same with the instructor's checks, hidden ones included, in the place of the notebook's copies."""

    def __init__(self, week: str, book: dict[str, dict], solutions: Path):
        super().__init__(week, book)
        from grader.assignment import load

        for name, loaded in load(solutions / week).items():
            self._checks[name] = {check.name: check for check in loaded.exercise.checks}


def checks(week: str, hidden: bool = False) -> Checker:
    """Return the checker of one week's exercises.

    Args:
        week: for example "week01".
        hidden: judge by the instructor's files, found in the folder that GRADER_SOLUTIONS names.

    Raises:
        UnknownExercise: when there is no such week.
    """
    file = resources.files("grader") / "data" / f"{week}.json"
    if not file.is_file():
        raise UnknownExercise(f"there is no assignment named {week!r}")
    book = json.loads(file.read_text(encoding="utf-8"))
    if not hidden:
        return Checker(week, book)
    solutions = os.environ.get("GRADER_SOLUTIONS")
    if not solutions:
        raise CheckFailed("hidden checks need GRADER_SOLUTIONS, the path of solutions/; nbgrader_config.py sets it")
    return _GradingChecker(week, book, Path(solutions))


def _display(checker: Checker, report: Report) -> None:
    """Show a report as the cell's result, where a notebook runs, else print it; then offer hints."""
    if _in_notebook():
        sys.displayhook(report)
    else:
        print(report)
    if report.result.status != "passed":
        offer_hints(checker, report.result.name)


# Who is shown the reports of a run: the notebook's reader, unless `course check` says otherwise.
AUDIENCE: ContextVar[Callable[[Checker, Report], None]] = ContextVar("audience", default=_display)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")
