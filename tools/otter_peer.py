"""Grade a folder of notebooks with otter, for `make bench`; run by otter's own environment.

    python tools/otter_peer.py FOLDER WEEK      writes FOLDER/scores.json

Each check of an exercise is one otter test case. Otter runs it in the student's kernel, on the student's globals.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASE = '>>> from otter_peer import holds\n>>> holds("{week}", "{exercise}", "{check}", globals())\nTrue\n'


def holds(week: str, exercise: str, check: str, names: dict) -> bool:
    """Return whether an answer passes a check, and the gate before it: what one otter test case asks."""
    return check in _passed(week, exercise, id(names.get(exercise)), _Names(names))


class _Names(dict):
    """A namespace that may be an argument of a cached function."""

    __hash__ = object.__hash__


@functools.cache
def _passed(week: str, exercise: str, _: int, names: dict) -> set[str]:
    from grader.candidate import Link, LocalChannel
    from grader.run import run_checks

    one = _exercises(week)[exercise].exercise
    result = run_checks(one.checks, Link(LocalChannel(names)), exercise, one.points, "bench")
    return {check.check.name for check in result.checks if check.outcome == "passed"}


@functools.cache
def _exercises(week: str) -> dict:
    from grader.assignment import load

    return load(ROOT / "solutions" / week)


def main(folder: Path, week: str) -> None:
    from otter.api import grade_submission
    from otter.generate import main as generate

    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    scores = {}
    with tempfile.TemporaryDirectory() as place:
        tests = Path(place, "tests")
        tests.mkdir()
        for name, one in _exercises(week).items():
            (tests / f"{name}.py").write_text(f"OK_FORMAT = True\ntest = {test(week, name, one.exercise)!r}\n")
        os.chdir(place)
        generate(tests_dir=str(tests), output_path="autograder.zip", no_requirements=True, no_environment=True)
        for path in sorted(folder.glob("*.ipynb")):
            results = grade_submission(str(path), "autograder.zip", quiet=True)
            scores[path.stem] = round(sum(round(one.score, 2) for one in results.results.values()), 2)
    (folder / "scores.json").write_text(json.dumps(scores))


def test(week: str, name: str, exercise: object) -> dict:
    """Return an exercise as an otter test in OK format."""
    share = exercise.points / len(exercise.checks)
    cases = [
        {
            "code": CASE.format(week=week, exercise=name, check=check.name),
            "hidden": False,
            "locked": False,
            "points": share,
        }
        for check in exercise.checks
    ]
    suite = {"cases": cases, "scored": True, "setup": "", "teardown": "", "type": "doctest"}
    return {"name": name, "points": None, "suites": [suite]}


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2])
