"""A week of two notebooks through the whole loop: release, hand in one or both, grade, grade again, feedback."""

import json
import shutil
import sqlite3
import sys
import zipfile
from contextlib import closing
from importlib import resources
from pathlib import Path

import jsonschema
import nbformat
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))
from submissions import submission

import assignments as tools
from grader.assignment import load
from grader.judge import assignments

WEEK = "week01"  # its exercises are known to the package, whatever notebooks they are put in
FILES = {"01_softmax": "01_softmax", "02_causal_mask": "02_causal_mask", "07_rms_norm": "21_rms_norm"}
CLASS = {
    "ada": {"first": {"*": "answer"}, "second": {"*": "answer"}},
    "ben": {"first": {"softmax": "answer"}},
    "eva": {"first": {}, "second": {"rms_norm": "no_epsilon"}},
}
ROWS = """
SELECT student_id, notebook.name, base_cell.name, auto_score, manual_score, needs_manual_grade
FROM grade
JOIN base_cell ON base_cell.id = grade.cell_id
JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
JOIN notebook ON notebook.id = submitted_notebook.notebook_id
JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
"""


@pytest.fixture(scope="module")
def week(root, tmp_path_factory) -> Path:
    """A course whose week has two notebooks, made of exercises of week 1."""
    course = tmp_path_factory.mktemp("two")
    sources = course / "solutions" / WEEK
    sources.mkdir(parents=True)
    (sources / "00_first.md").write_text("# First\n\nThe first notebook.\n")
    (sources / "20_second.md").write_text("# Second\n\nThe second notebook.\n")
    for name, here in FILES.items():
        shutil.copy(root / "solutions" / WEEK / f"{name}.py", sources / f"{here}.py")
    books = tools.notebooks(load(sources))
    texts = {name: nbformat.writes(tools.source_notebook(WEEK, name, ones)) for name, ones in books.items()}
    (course / "assignments" / WEEK).mkdir(parents=True)
    for name, text in tools.released(WEEK, texts).items():
        (sources / f"{name}.ipynb").write_text(texts[name])
        (course / "assignments" / WEEK / f"{name}.ipynb").write_text(text)
    shutil.copy(root / "nbgrader_config.py", course)
    (course / ".class" / "grader").mkdir(parents=True)
    (course / ".class" / "grader" / f"{WEEK}.seed").write_text("two notebooks")
    return course


@pytest.fixture(scope="module")
def make(week, tmp_path_factory):
    """Return a function that copies the course and has the class hand in."""
    kept = assignments(week, WEEK)

    def copy() -> Path:
        course = tmp_path_factory.mktemp("copy") / "course"
        shutil.copytree(week, course)
        for student, books in CLASS.items():
            for name, answers in books.items():
                place = course / "submitted" / student / WEEK / f"{name}.ipynb"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(json.dumps(submission(kept[name], answers)))
        return course

    return copy


@pytest.fixture(scope="module")
def course(make, run):
    """The class, graded by `grader autograde`; two more students handed in nothing, and no notebook."""
    course = make()
    (course / "submitted" / "nil" / WEEK).mkdir(parents=True)
    (course / "submitted" / "old" / WEEK).mkdir(parents=True)
    (course / "submitted" / "old" / WEEK / "second.ipynb").write_text("not a notebook")
    done = run(course, "grader", "autograde", WEEK, "--json", "report.json", "--jobs", "1")
    assert "ben, second: missing: no second.ipynb was handed in" in done.stderr
    return course


def reports(course: Path, name: str = "report.json") -> dict[tuple[str, str], dict]:
    """Return the report's submissions by student and notebook."""
    whole = json.loads((course / name).read_text())
    jsonschema.validate(whole, json.loads((resources.files("grader") / "data" / "report.schema.json").read_text()))
    return {(one["student"], one["notebook"]): one for one in whole["submissions"]}


def rows(course: Path) -> dict[tuple[str, str, str], tuple]:
    """Return (automatic score, manual score, whether it is to be graded by hand) by student, notebook and cell."""
    with closing(sqlite3.connect(course / ".class" / "gradebook.db")) as book:
        return {row[:3]: row[3:] for row in book.execute(ROWS)}


def test_each_notebook_has_its_own_exercises(week):
    first, second = assignments(week, WEEK).values()
    assert (list(first.loaded), first.max_score) == (["softmax", "causal_mask"], 6)
    assert (list(second.loaded), second.max_score) == (["rms_norm"], 4)
    assert "rms_norm" not in json.dumps(first.template)


def test_the_report_has_one_entry_a_student_and_notebook(course):
    found = reports(course)
    assert list(found) == [(one, name) for one in ("ada", "ben", "eva", "nil", "old") for name in ("first", "second")]
    said = {key: (one["status"], one["score"], one["max_score"]) for key, one in found.items()}
    assert said["ada", "first"] == ("graded", 6, 6)
    assert said["ada", "second"] == ("graded", 4, 4)
    assert said["ben", "first"] == ("graded", 4, 6)
    assert said["ben", "second"] == ("missing", None, 4)
    assert said["eva", "first"] == ("graded", 0, 6)
    assert said["eva", "second"][0] == "graded"
    assert 0 < said["eva", "second"][1] < 4
    assert said["nil", "first"] == ("unreadable", None, 6)
    assert said["old", "first"] == ("missing", None, 6)
    assert said["old", "second"] == ("unreadable", None, 4)
    assert found["ben", "second"]["error"] == "no second.ipynb was handed in"


def test_what_is_missing_counts_nothing_and_what_cannot_be_read_waits_for_a_person(course):
    book = rows(course)
    assert len(book) == 5 * 3
    assert book["ben", "second", "rms_norm-check"] == (0.0, None, 0)
    assert book["old", "second", "rms_norm-check"] == (None, None, 1)
    assert book["nil", "second", "rms_norm-check"] == (None, None, 1)


def test_nbgraders_own_commands_release_both_and_give_the_same_rows(make, course, run):
    other = make()
    run(other, "nbgrader", "generate_assignment", WEEK, "--force")
    run(other, "nbgrader", "release_assignment", WEEK)
    run(other, "nbgrader", "fetch_assignment", WEEK)
    assert {path.name for path in (other / "work" / WEEK).iterdir()} == {"first.ipynb", "second.ipynb"}
    run(other, "nbgrader", "autograde", WEEK)
    ours = rows(course)
    assert rows(other) == {key: row for key, row in ours.items() if key[0] in CLASS}


def test_feedback_has_a_page_a_notebook(course, run):
    run(course, "grader", "feedback", WEEK)
    pages = {name: course / "feedback" / "ben" / WEEK / f"{name}.html" for name in ("first", "second")}
    assert "4 <small>of 6 points" in pages["first"].read_text()
    missing = pages["second"].read_text()
    assert "no second.ipynb was handed in" in missing
    assert "0 <small>of 4 points" in missing
    assert "epsilon" in (course / "feedback" / "eva" / WEEK / "second.html").read_text()


def test_what_is_handed_in_later_is_all_that_is_graded_later(course, run, week):
    """First by a zip of one notebook alone, as an LMS makes it: the other is left as it was."""
    journal, before, book = course / ".class" / "grader" / f"{WEEK}.journal", reports(course), rows(course)
    known = journal.read_bytes().count(b"\n")
    answer = json.dumps(submission(assignments(week, WEEK)["second"], {"*": 0}))
    with zipfile.ZipFile(course / "second.zip", "w") as archive:
        archive.writestr("ben_assignsubmission_file_/my second try.ipynb", answer)
    options = ("--json", "again.json", "--jobs", "1")
    done = run(course, "grader", "autograde", WEEK, "--submitted", "second.zip", *options)
    assert "Nobody handed in first" in done.stderr
    assert list(reports(course, "again.json")) == [("ben", "second")]
    assert journal.read_bytes().count(b"\n") == known + 1
    book["ben", "second", "rms_norm-check"] = (4.0, None, 0)
    assert rows(course) == book

    (course / "submitted" / "ben" / WEEK / "second.ipynb").write_text(answer)
    run(course, "grader", "autograde", WEEK, *options)
    assert journal.read_bytes().count(b"\n") == known + 1
    again = reports(course, "again.json")
    assert again["ben", "second"]["score"] == 4
    assert {**again, ("ben", "second"): None} == {**before, ("ben", "second"): None}
    assert rows(course) == book
