"""A run that is killed at any moment and started again ends as one that nobody disturbed, with no process left."""

import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.test_scale.stage import Stage
from tests.test_scale.standing import standing, times_recorded

SIZE = 12
COMMAND = ("autograde", "week01", "--seed", "kills", "--json", "report.json")
KILLS_A_CLASS = 10
GONE_WITHIN = 60.0  # seconds, on a busy machine: a zygote that is loading torch sees the end when it has
JOURNAL, BOOK = ".class/grader/week01.journal", ".class/gradebook.db"
BEGINNINGS = ("nothing", "manual scores", "all graded")


@pytest.fixture(scope="module")
def stage(root):
    with Stage(root) as stage:
        yield stage


@pytest.fixture(scope="module")
def classes(make_class, stage) -> dict[str, Path]:
    """A class as it was handed in, graded with manual scores in the gradebook alone, and graded with its journal."""
    courses = {"nothing": make_class(SIZE)}
    graded = _copy(courses["nothing"], "graded")
    _undisturbed(stage, graded, "--jobs", "1")
    with closing(sqlite3.connect(graded / BOOK)) as book:
        book.execute("UPDATE grade SET manual_score = 1.5 WHERE rowid % 7 = 0")
        book.execute("UPDATE comment SET manual_comment = 'Well tried.' WHERE rowid % 5 = 0")
        book.commit()
    courses["all graded"] = graded
    courses["manual scores"] = _copy(graded, "manual")
    (courses["manual scores"] / JOURNAL).unlink()
    shutil.rmtree(courses["manual scores"] / "autograded")
    return courses


@pytest.fixture(scope="module")
def ends(classes, stage) -> dict[str, dict]:
    """How each class stands after a run that nobody disturbed."""
    found = {}
    for beginning, course in classes.items():
        copy = _copy(course, f"undisturbed-{beginning}")
        _undisturbed(stage, copy, "--jobs", "1")
        found[beginning] = standing(copy)
    return found


def test_what_is_compared_is_there(ends, classes):
    end = ends["manual scores"]
    assert len(end["journal"]) == len(end["autograded"]) == SIZE
    assert end["tables"]["grade"] == SIZE * 8
    assert sum("1.5" in row for row in end["grades"]) >= SIZE
    assert sum("Well tried." in row for row in end["comments"]) >= SIZE
    assert end == ends["all graded"]
    assert {name: end[name] for name in ("journal", "cells", "sources")} == {
        name: ends["nothing"][name] for name in ("journal", "cells", "sources")
    }


def _copy(course: Path, name: str) -> Path:
    copy = course.parent / name.replace(" ", "-")
    shutil.copytree(course, copy)
    return copy


def _undisturbed(stage: Stage, course: Path, *options: str) -> None:
    stage.start(course, *COMMAND, *options)
    assert stage.status() == 0, (course / "said").read_text()
    assert stage.left(GONE_WITHIN) == []


def _killed(stage: Stage, course: Path, chance: random.Random, options: tuple[str, ...]) -> str | None:
    """Start a run and kill it at a random moment; return what it was doing, or None where it ended before."""
    before = _sizes(course)
    process = stage.start(course, *COMMAND, *options)
    grading = before["journal"] < SIZE or "--force" in options
    event = chance.choice(
        ("start", "journal", "journal", "journal") if grading else ("start", "gradebook", "autograded")
    )
    if event != "start":
        more = chance.randrange(1, 3)
        while _sizes(course)[event] < before[event] + more and os.path.exists(f"/proc/{process}/root"):
            time.sleep(0.002)
    time.sleep(chance.uniform(0, {"start": 4.0, "journal": 0.3, "gradebook": 1.0, "autograded": 0.05}[event]))
    try:
        chance.choice((os.kill, os.killpg))(process, signal.SIGKILL)
    except ProcessLookupError:  # so soon that it has no group of its own yet
        os.kill(process, signal.SIGKILL)
    status = stage.status()
    assert status in (-signal.SIGKILL, 0), (course / "said").read_text()
    left = stage.left(GONE_WITHIN)
    assert left == [], f"killed at {event}, and these live on: {left}"
    return event if status else None


def _sizes(course: Path) -> dict[str, int]:
    """How far a run has come, by what it writes."""
    journal, book = course / JOURNAL, course / BOOK
    return {
        "journal": journal.read_bytes().count(b"\n") if journal.exists() else 0,
        "gradebook": book.stat().st_mtime_ns // 1_000 if book.exists() else 0,
        "autograded": sum(path.stat().st_mtime_ns // 1_000 for path in course.glob("autograded/*/*/*.ipynb")),
    }


def _unlike(now: dict | list, end: dict | list) -> list:
    if isinstance(end, dict):
        return [key for key in {**now, **end} if now.get(key) != end.get(key)]
    return sorted((Counter(now) - Counter(end)) + (Counter(end) - Counter(now)))


def _survives(stage: Stage, classes: dict, ends: dict, seed: int, kills: int, place: Path) -> Counter:
    """Kill runs of one class so many times; demand that the last run leaves what an undisturbed one leaves."""
    chance = random.Random(seed)
    beginning = BEGINNINGS[seed % len(BEGINNINGS)]
    course = place / f"class-{seed}"
    shutil.copytree(classes[beginning], course)
    jobs = ("--jobs", str(1 + seed % 2))
    moments: Counter = Counter()
    while moments.total() < kills:
        again = ("--force",) if beginning == "all graded" else ()
        moments[_killed(stage, course, chance, (*jobs, *again))] += 1
        del moments[None]
    _undisturbed(stage, course, *jobs)
    now, end = standing(course), ends[beginning]
    differing = [(part, key) for part in end for key in _unlike(now[part], end[part])]
    assert differing == [], f"class {seed}, killed at {moments}"
    if beginning != "all graded":
        assert set(times_recorded(course).values()) == {1}
    shutil.rmtree(course)
    return moments


def test_killed_and_resumed(stage, classes, ends, tmp_path):
    _survives(stage, classes, ends, 0, 3, tmp_path)
    _survives(stage, classes, ends, 1, 2, tmp_path)


@pytest.mark.parametrize("isolation", ["full", "none"])
def test_a_loop_ends_with_the_run(stage, classes, compose, isolation, tmp_path):
    course = tmp_path / "class"
    shutil.copytree(classes["nothing"], course)
    loop = json.dumps(compose({"softmax": "while True:\n    pass"}))
    (course / "submitted/s00001/week01/attention.ipynb").write_text(loop)
    process = stage.start(course, *COMMAND, "--jobs", "1", "--isolation", isolation)
    while _sizes(course)["journal"] < 1:
        time.sleep(0.01)
    time.sleep(1.0)
    os.kill(process, signal.SIGKILL)
    assert stage.status() == -signal.SIGKILL
    assert _sizes(course)["journal"] == 1, "it did not loop"
    assert stage.left(10.0) == []


@pytest.mark.heavy
def test_two_hundred_kills(stage, classes, ends, tmp_path):
    moments: Counter = Counter()
    for seed in range(200 // KILLS_A_CLASS):
        moments += _survives(stage, classes, ends, 100 + seed, KILLS_A_CLASS, tmp_path)
        print(f"{moments.total()} kills: {dict(moments)}", flush=True)
    assert moments.total() == 200
