"""Prove the course's invariants: `make check`. Each failure names the file and the command that mends it.

python tools/check.py             everything
python tools/check.py --quick     only what is built: is it current, does it leak
python tools/check.py softmax     only these exercises
"""

from __future__ import annotations

import argparse
import ast
import doctest
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import torch
from rich.console import Console
from rich.table import Table

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import lessons  # noqa: E402

import assignments  # noqa: E402
from assignments import ROOT  # noqa: E402
from grader.assignment import AssignmentError, Loaded  # noqa: E402
from grader.candidate import Link, LocalChannel  # noqa: E402
from grader.diagnose import diagnose  # noqa: E402
from grader.lazy import LAZY, lazy  # noqa: E402
from grader.leaks import leaks_in  # noqa: E402
from grader.run import ExerciseResult, run_checks  # noqa: E402
from grader.shipping import names_bound  # noqa: E402
from grader.shown import visible_source  # noqa: E402
from grader.unpack import unpacked  # noqa: E402
from grader.withheld import Withheld, secrets_of  # noqa: E402

SEEDS = range(5)
AT_LEAST = {"visible checks": 2, "hidden checks": 2, "mutants": 5, "variants": 2, "hints": 3}


def judge(one: Loaded, answer: object, seed: int) -> ExerciseResult:
    """Run every check of an exercise on `answer` in this process."""
    exercise = one.exercise
    with torch.random.fork_rng(devices=[]):
        link = Link(LocalChannel({exercise.name: answer}))
        return run_checks(exercise.checks, link, exercise.name, exercise.points, seed)


def proof(one: Loaded) -> tuple[list[str], dict]:
    """Return what is wrong with one exercise, in words, and its page of the data file."""
    wrong = {mutant.name: judge(one, mutant.answer, 0) for mutant in one.exercise.mutants}
    page = assignments.page(one.exercise, {name: result.checks for name, result in wrong.items()})
    found = [_counted(one), _right_answers(one), _wrong_answers(one, wrong, page), _lazy_answers(one), _examples(one)]
    return [problem for problems in found for problem in problems], page


def proof_of(week: str, name: str) -> tuple[list[str], dict]:
    """The same, by name."""
    return proof(assignments.loaded(week)[name])


def _counted(one: Loaded) -> Iterator[str]:
    exercise = one.exercise
    found = {
        "visible checks": len(exercise.visible),
        "hidden checks": len(exercise.checks) - len(exercise.visible),
        "mutants": len(exercise.mutants),
        "variants": len(exercise.variants),
        "hints": len(exercise.hints),
    }
    for what, least in AT_LEAST.items():
        if found[what] < least:
            yield f"has {found[what]} {what}; {least} are needed"
    if exercise.checks and exercise.checks[0].hidden:
        yield "its first check is hidden; the gate is the first visible check"
    for check in exercise.checks:
        if not check.sentence:
            yield f"check `{check.name}` has no sentence: write its docstring"
    if exercise.library is None:
        yield "has no stand-in: mark the variant made of library calls with `.stand_in`"


def _right_answers(one: Loaded) -> Iterator[str]:
    exercise = one.exercise
    for answer in (exercise.answer, *exercise.variants):
        for seed in SEEDS:
            result = judge(one, answer, seed)
            for check in result.checks:
                if check.outcome != "passed":
                    yield f"`{answer.__name__}` is right but fails `{check.check.name}` (seed {seed}): {check.message}"
    stub = judge(one, stub_of(one), 0)
    if stub.status != "not_attempted":
        yield f"the stub is {stub.status}, not “not attempted”"


def _wrong_answers(one: Loaded, results: dict[str, ExerciseResult], page: dict) -> Iterator[str]:
    exercise = one.exercise
    useful: set[str] = set()
    for mutant in exercise.mutants:
        result = results[mutant.name]
        diagnoses = diagnose(result.checks, page["mutants"])
        failing = [check.check for check in result.checks if check.outcome == "failed"]
        useful |= {check.name for check in failing}
        if not failing:
            yield f"mutant `{mutant.name}` passes every check"
        elif all(check.hidden for check in failing):
            yield f"mutant `{mutant.name}` is caught by hidden checks only: a learner would not be told"
        elif diagnoses != [mutant.message]:
            yield f"mutant `{mutant.name}` is named as {diagnoses or 'nothing'}"
        definition = _definition(one, mutant.name)
        called = {node.id for part in definition.body for node in ast.walk(part) if isinstance(node, ast.Name)}
        if isinstance(definition, ast.FunctionDef) and exercise.name in called:
            yield f"mutant `{mutant.name}` calls `{exercise.name}`: write it whole, so that it can stand in a notebook"
    for check in exercise.checks:
        if check.name not in useful:
            yield f"check `{check.name}` rejects no mutant: add the wrong answer that it is for, or drop it"


def _lazy_answers(one: Loaded) -> Iterator[str]:
    for kind, make in LAZY.items():
        result = judge(one, lazy(one.exercise.answer, make), 0)
        if result.score:
            passed = ", ".join(check.check.name for check in result.checks if check.outcome == "passed")
            yield f"a lazy answer ({kind}) earns {result.score:g} points by {passed}"


def _examples(one: Loaded) -> Iterator[str]:
    name, answer = one.exercise.name, one.exercise.answer
    test = doctest.DocTestParser().get_doctest(answer.__doc__ or "", {**vars(one.module), name: answer}, name, None, 0)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    if runner.run(test, out=said.append).failed:
        yield "an example in the docstring does not hold: " + " ".join("".join(said).split())[-200:]


def _definition(one: Loaded, name: str) -> ast.stmt:
    return next(node for node in ast.parse(one.source).body if getattr(node, "name", None) == name)


def stub_of(one: Loaded) -> object:
    """Return the stub as the released notebook has it, made real in the exercise's own imports."""
    week = one.path.parent.name
    path = ROOT / "assignments" / week / f"{one.notebook}.ipynb"
    if not path.exists():
        raise assignments.BuildError(f"{path.relative_to(ROOT)} is missing: run `make build`.")
    cells = nbformat.read(path, as_version=4).cells
    sources = [c.source for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == one.exercise.name]
    if not sources:
        raise assignments.BuildError(f"{path.relative_to(ROOT)} does not have {one.exercise.name}: run `make build`.")
    namespace = dict(vars(one.module))
    exec(compile(sources[0], str(path), "exec"), namespace)
    return namespace[one.exercise.name]


def leaks(exercises: list[Loaded]) -> Iterator[str]:
    """Yield each line of an answer, a hidden check or a wrong answer that stands in something learners get."""
    secrets = Withheld(secrets_of(exercises, ROOT))
    for path in published():
        name = path.relative_to(ROOT)
        for leak in leaks_in(unpacked(path), secrets):
            yield f"{name.parent}/{leak}. Change the source that shows it, then run `make build`."


def published() -> Iterator[Path]:
    """Yield what learners get, file by file: the wheel's, lessons and assignments, the start page."""
    for pattern in ("course/**/*", "grader/**/*", "week*/*.ipynb", "assignments/*/*", "start.ipynb"):
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and path.suffix != ".pyc":
                yield path


def _clashes(loaded: dict[str, Loaded]) -> Iterator[str]:
    """Yield names that two exercises of one notebook both define for their visible checks: the later would win."""
    owners: dict[tuple[str, str], str] = {}
    for name, one in loaded.items():
        for node in ast.parse(visible_source(one)).body:
            is_check = any(ast.unparse(d) == f"check.{name}" for d in getattr(node, "decorator_list", []))
            for bound in names_bound(node):
                owner = name if is_check else owners.setdefault((one.notebook, bound), name)
                if owner != name:
                    place = one.path.relative_to(ROOT)
                    yield f"{place}: `{bound}` is also a name of the checks of {owner}: rename it."


def main() -> int:
    parser = argparse.ArgumentParser(description="Prove the course's invariants.")
    parser.add_argument("exercises", nargs="*", help="exercises by name (all by default)")
    parser.add_argument("--quick", action="store_true", help="only what is built: is it current, does it leak")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160)
    torch.set_num_threads(1)
    problems: list[str] = []
    try:
        weeks = {week: assignments.loaded(week) for week in assignments.weeks()}
        if unknown := set(options.exercises) - {name for loaded in weeks.values() for name in loaded}:
            raise AssignmentError(f"no exercise is named {', '.join(sorted(unknown))}; see solutions/")
        pages = None
        if not options.quick:
            found, pages = _proofs(console, weeks, options.exercises)
            problems += found
        if not options.exercises:
            problems += [*lessons.stale(), *assignments.stale(pages)]
            problems += leaks([one for loaded in weeks.values() for one in loaded.values()])
            for loaded in weeks.values():
                problems += _clashes(loaded)
    except (AssignmentError, assignments.BuildError, lessons.LessonError) as error:
        problems.append(str(error))
    for problem in problems:
        console.print(f"✗ {problem}", style="red", markup=False, highlight=False, soft_wrap=True)
    if not problems:
        console.print("Every invariant holds.", style="green")
    return 1 if problems else 0


def _proofs(console: Console, weeks: dict[str, dict[str, Loaded]], names: list[str]) -> tuple[list[str], dict]:
    """Prove the exercises side by side, and show them in a table; return the problems, and the pages by week."""
    wanted = [(week, name) for week, loaded in weeks.items() for name in loaded if not names or name in names]
    table = Table("exercise", "points", "visible", "hidden", "mutants", "variants")
    problems, pages = [], {}
    for (week, name), (found, page) in zip(wanted, assignments.side_by_side(proof_of, wanted), strict=True):
        one, exercise = weeks[week][name], weeks[week][name].exercise
        problems += [
            f"{one.path.relative_to(ROOT)}: {problem}. Then run `python tools/check.py {name}`." for problem in found
        ]
        pages.setdefault(week, {})[name] = page
        counts = (exercise.points, len(exercise.visible), len(exercise.checks) - len(exercise.visible))
        row = [*(f"{n:g}" for n in counts), str(len(exercise.mutants)), str(len(exercise.variants))]
        table.add_row(f"{week}/{name}", *row)
    console.print(table)
    return problems, pages


if __name__ == "__main__":
    sys.exit(main())
