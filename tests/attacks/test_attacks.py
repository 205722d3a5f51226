"""Every attack gets exactly the points that its honest part earns, and leaves no trace.

`make test` runs a sample, `make test-all` (mark `heavy`) runs every attack, by itself and in one batch.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbconvert.filters import markdown2html

sys.path.insert(0, str(Path(__file__).parent))

from arena import HONEST, NOTEBOOK, WEEK, Arena, beneath, resident_mb
from catalogue import CATALOGUE, Attack

from grader.autograded import autograded
from grader.candidate import without_control_characters
from grader.intake import from_file
from grader.judge import Assignment, assignment
from grader.sandbox import Limits
from grader.settings import Settings
from grader.verdict import Verdict
from grader.worker import Worker

# Low limits, so that those that run into them do so soon.
LIMITS = Limits(
    cell_seconds=2,
    call_seconds=2,
    total_seconds=15,
    memory_mb=512,
    processes=32,
    disk_mb=8,
    output_kb=16,
    reply_mb=8,
)
MEMORY_MB = 500  # by which the trusted side may grow
SAMPLE = {
    "own check", "tensor subclass", "answer found by frames", "parrot with zeros", "input zeroed", "a reply of its own",
    "an exception's name in half a character", "TCP",
    "os._exit in a call", "points in metadata", "a format of its own", "a link to a secret", "a result that pickles itself", "torch patched", "HTML in names", "value: a dict with odd keys",
}  # fmt: skip
HARM = re.compile(
    r"<\s*(script|img|iframe|svg|object|embed)|(href|src)\s*=\s*.?\s*javascript:|<[^>]*\sonerror\s*=", re.I
)


def test_there_are_enough_of_them():
    assert len(CATALOGUE) >= 60
    assert set(CATALOGUE) >= SAMPLE


@pytest.fixture(scope="module")
def week(root) -> Assignment:
    return assignment(root, WEEK)


@pytest.fixture(scope="module")
def arena(root, week, tmp_path_factory) -> Iterator[Arena]:
    arena = Arena(tmp_path_factory.mktemp("arena"), root, week)
    yield arena
    arena.close()


@pytest.fixture(scope="module")
def worker(root) -> Iterator[Worker]:
    with Worker(Settings(root, WEEK, "a seed", "full", LIMITS)) as worker:
        yield worker


@pytest.fixture
def grade(worker, arena):
    """Return a function that grades an attack, then an honest submission, which must not feel it."""

    def grade(attack: Attack, student: str) -> Verdict:
        verdict = worker.grade(from_file(student, NOTEBOOK, arena.submitted, arena.hand_in(student, attack)))
        after = f"{student}-after"
        arena.hand_in_honestly(after)
        honest = worker.grade(
            from_file(after, NOTEBOOK, arena.submitted, arena.submitted / after / WEEK / f"{NOTEBOOK}.ipynb")
        )
        assert earned(honest.json) == HONEST, honest.json
        return verdict

    return grade


def earned(report: dict) -> dict[str, float]:
    """The points of a report, by exercise, without zeros."""
    return {one["name"]: one["score"] for one in report["exercises"] if one["score"]}


def texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (key, *texts(item))
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def assert_defused(template: dict, verdict: Verdict) -> None:
    """Nothing of the student's in a report, a page or an autograded notebook acts on whoever reads it."""
    for text in texts(verdict.json):
        assert without_control_characters(text) == text, ascii(text)
    json.dumps(verdict.json, ensure_ascii=False).encode()
    for page in verdict.pages.values():
        page.encode()
        assert not HARM.search(page), HARM.search(page)
    notebook = autograded(template, verdict)
    nbformat.writes(notebook).encode()
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "nbgrader" not in cell.metadata:
            html = markdown2html(cell.source)
            assert not HARM.search(html), html
        for output in cell.get("outputs", []):
            assert not HARM.search(output.get("data", {}).get("text/html", ""))
            assert "\x1b" not in str(output)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SAMPLE else pytest.mark.heavy) for name in CATALOGUE]
)
def test_an_attack_earns_what_its_honest_part_does(name, grade, arena, worker, week):
    attack, student = CATALOGUE[name], f"student{list(CATALOGUE).index(name)}"
    before = resident_mb()
    try:
        verdict = grade(attack, student)
        assert verdict.json["status"] == attack.status, verdict.json["error"]
        assert earned(verdict.json) == (attack.earns if attack.status == "graded" else {})
        assert arena.unharmed(), (arena.heard, arena.outside())
        everything = json.dumps([verdict.json, verdict.pages, verdict.outputs])
        assert "FOUND True" not in everything
        assert arena.secret.read_text() not in everything
        assert_defused(week.template, verdict)
        assert resident_mb() - before < MEMORY_MB
        assert len(beneath(os.getpid())) <= 3  # the zygote, the process that forks, the reader
    finally:
        arena.restored()


def batch(tmp_path: Path, root: Path, week: Assignment, names: list[str]) -> None:
    """Put attacks and honest submissions through `grader autograde` and `grader feedback`, and look at everything."""
    arena = Arena(tmp_path, root, week)
    for folder in ("solutions", "assignments"):
        shutil.copytree(root / folder / WEEK, tmp_path / folder / WEEK, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "nbgrader_config.py", tmp_path)
    (tmp_path / ".class").mkdir()
    for i, name in enumerate(names):
        arena.hand_in(f"s{i:03}a", CATALOGUE[name])
        if i % 5 == 0:
            arena.hand_in_honestly(f"s{i:03}b")
    for command in (["autograde", WEEK, "--json", "report.json", "--jobs", "2"], ["feedback", WEEK]):
        done = subprocess.run(
            [sys.executable, "-m", "grader.cli", *command], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stderr
    report = {one["student"]: one for one in json.loads((tmp_path / "report.json").read_text())["submissions"]}
    assert len(report) == len(names) + len(range(0, len(names), 5))
    wrong = {}
    for i, name in enumerate(names):
        attack, one = CATALOGUE[name], report[f"s{i:03}a"]
        if one["status"] != attack.status or earned(one) != (attack.earns if attack.status == "graded" else {}):
            wrong[name] = one["status"], one["error"], earned(one)
        if i % 5 == 0 and earned(report[f"s{i:03}b"]) != HONEST:
            wrong[f"honest, after {name}"] = earned(report[f"s{i:03}b"])
    assert not wrong
    assert arena.unharmed(), arena.heard
    pages = list((tmp_path / "feedback").glob("*/*/*.html"))
    assert len(pages) == len(report)
    for page in pages:
        assert not HARM.search(page.read_text()), page
    arena.close()


def test_a_batch_of_attacks_is_graded_to_its_end(tmp_path, root, week):
    batch(tmp_path, root, week, sorted(SAMPLE))


@pytest.mark.heavy
def test_all_attacks_in_one_batch(tmp_path, root, week):
    """With the limits that a class has; those that wait for a limit were tried one by one, with lower ones."""
    batch(tmp_path, root, week, [name for name, attack in CATALOGUE.items() if not attack.slow])
