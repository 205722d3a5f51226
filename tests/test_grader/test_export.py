"""Marks on their way to an LMS: files in the shapes that Canvas and Moodle export, read back by their importers' rules.

What an importer does is known from its source: Canvas's `gradebook_importer.rb`, Moodle's `grade/import/csv`.
"""

import csv
import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from grader import cli, export
from grader.classroom import Classroom

CANVAS, MOODLE = (
    Path(__file__).with_name("rosters").joinpath(name).read_text() for name in ("canvas.csv", "moodle.csv")
)


@pytest.fixture(scope="module")
def empty_class(root, tmp_path_factory) -> Path:
    """A course with a gradebook: week01 is worth 10 points."""
    course = tmp_path_factory.mktemp("course")
    shutil.copy(root / "nbgrader_config.py", course)
    (course / ".class").mkdir()
    with book(course) as gradebook:
        gradebook.add_assignment("week01")
        gradebook.add_notebook("attention", "week01")
        gradebook.add_grade_cell("softmax-check", "attention", "week01", max_score=10, cell_type="code")
    return course


@pytest.fixture
def course(empty_class, tmp_path, monkeypatch) -> Path:
    """A copy of it for one test, which runs in it."""
    shutil.copytree(empty_class, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export.console, "_width", 400)
    return tmp_path


def book(course: Path) -> Gradebook:
    return Gradebook(f"sqlite:///{course / '.class' / 'gradebook.db'}", "attention-to-agents")


def mark(course: Path, student: str, score: float | None = None, **more: object) -> None:
    """Put a student into the gradebook, with a score or waiting for review; `handed_in=False`: without a submission."""
    names = {name: more[name] for name in ("first_name", "last_name", "email", "lms_user_id") if name in more}
    with book(course) as gradebook:
        gradebook.update_or_create_student(student, **names)
        if more.get("handed_in", True):
            submission = gradebook.update_or_create_submission("week01", student)
            grade = gradebook.find_grade("softmax-check", "attention", "week01", student)
            grade.auto_score, grade.needs_manual_grade = score, score is None
            grade.manual_score = more.get("manual")
            submission.notebooks[0].late_submission_penalty = more.get("penalty")
            gradebook.db.commit()


@pytest.fixture
def run(course, monkeypatch, capsys) -> Callable[..., tuple[int, str]]:
    """Return a function that runs `grader export week01 …` and returns its status and words."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["grader", "export", "week01", *map(str, arguments)])
        status = cli.main()
        return status, capsys.readouterr().err

    return call


def written(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


def canvas_reads(path: Path) -> dict[str, str]:
    """Return {student's ID: grade} as Canvas's importer does; it refuses a header of another shape."""
    header, *rows = written(path)
    assert "Student" in header[0]
    assert "ID" in header[1]
    assert header[2:4] == ["SIS User ID", "SIS Login ID"]
    assert header[4] == "Section"
    (column,) = range(5, len(header))
    assert all(len(row) == len(header) for row in rows)
    return {row[1]: row[column] for row in rows if "Points Possible" not in row[0]}


def moodle_reads(path: Path, key: str) -> dict[str, str]:
    """Return {key: grade} as Moodle's importer does; rows of another length or a grade that is no number stop it."""
    header, *rows = written(path)
    assert all(len(row) == len(header) for row in rows)
    assert all(float(row[-1]) >= 0 for row in rows)
    return {row[header.index(key)]: row[-1] for row in rows}


def test_canvas_with_its_own_export(course, run):
    (course / "canvas.csv").write_text(CANVAS, encoding="utf-8-sig")
    mark(course, "ada", 7.5)
    mark(course, "BEN@uni.example", 10, penalty=2.5)
    mark(course, "cai", 1 / 3)
    mark(course, "eve", 8)
    mark(course, "dot", handed_in=False)
    status, said = run("--format", "canvas", "--roster", "canvas.csv")
    path = course / "exported" / "week01-canvas.csv"
    assert canvas_reads(path) == {"101": "7.5", "102": "7.5", "103": "0.33333"}
    rows = written(path)
    assert rows[0][5] == "week01 (4711)"
    assert rows[1] == ["    Points Possible", "", "", "", "", "10"]
    assert rows[3] == ['Turing, Ben "B."', "102", "u-2", "ben@uni.example", "CS 1 and CS 2", "7.5"]
    assert rows[4][0].startswith("'=HYPERLINK")
    assert "3 marks of week01, of 10 points each" in said
    assert "eve: not in the roster" in said
    assert "nothing handed in, and no mark here: Noether, Emmy; Bose, Dot." in said
    assert "Test" not in said
    assert status == 1  # eve's work is in no file


def test_what_canvas_takes_for_a_student(course, run):
    """By its own number, the SIS's, the e-mail in the gradebook, or the name of a file that it let you download."""
    (course / "canvas.csv").write_text(CANVAS)
    mark(course, "lovelaceada_LATE_101_99_attention", 1)
    mark(course, "u-2", 2)
    mark(course, "c", 3, email="CAI")
    mark(course, "d", 4, lms_user_id="104")
    status, said = run("--format", "canvas", "--roster", "canvas.csv", "--output", "marks.csv")
    assert canvas_reads(course / "marks.csv") == {"101": "1", "102": "2", "103": "3", "104": "4"}
    assert status == 0, said


def test_a_semicolon_and_a_column_of_another_name(course, run):
    rows = [["12,5" if cell == "10" else cell for cell in row] for row in csv.reader(io.StringIO(CANVAS))]
    with (course / "canvas.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    mark(course, "ada", 4)
    _, said = run("--format", "canvas", "--roster", "canvas.csv")
    assert canvas_reads(course / "exported" / "week01-canvas.csv") == {"101": "4"}
    assert "Canvas has 'week01 (4711)' at 12,5 points, the gradebook at 10." in said
    _, said = run("--format", "canvas", "--roster", "canvas.csv", "--column", "Essay (4712)")
    assert written(course / "exported" / "week01-canvas.csv")[0][-1] == "Essay (4712)"
    _, said = run("--format", "canvas", "--roster", "canvas.csv", "--column", "New")
    assert "no column 'New': the LMS makes a new one" in said


def test_moodle_with_its_own_export(course, run):
    (course / "moodle.csv").write_text(MOODLE)
    mark(course, "Ada Lovelace_9001", 7.25)  # the folder in Moodle's zip of submissions
    mark(course, "ben@uni.example", 0)
    mark(course, "u-3", 10, manual=9.5)
    mark(course, "E\u0301mile Noether_9004", 3)  # as macOS writes it
    status, said = run("--format", "moodle", "--roster", "moodle.csv")
    path = course / "exported" / "week01-moodle.csv"
    assert moodle_reads(path, "ID number") == {"u-1": "7.25", "u-2": "0", "u-3": "9.5", "u-4": "3"}
    rows = written(path)
    assert rows[0] == ["First name", "Last name", "ID number", "Email address", "Assignment: week01 (Real)"]
    assert rows[3][0] == "'=cmd"
    assert "no mark here: Dot Bose." in said
    assert status == 0


def test_nobody_gets_a_zero_for_work_that_waits(course, run):
    (course / "moodle.csv").write_text(MOODLE)
    mark(course, "u-1", 5)
    mark(course, "u-2")
    status, said = run("--format", "moodle", "--roster", "moodle.csv")
    assert moodle_reads(course / "exported" / "week01-moodle.csv", "ID number") == {"u-1": "5"}
    assert "u-2: waits for review" in said
    assert "Ben Turing" not in said.partition("In the roster")[2].partition("\n")[0]
    assert status == 1


def test_two_who_may_be_one_are_both_left_out(course, run):
    (course / "moodle.csv").write_text(MOODLE.replace("Ben,Turing", "Ada,Lovelace"))
    mark(course, "u-3", 5)
    mark(course, "cai@uni.example", 6)
    mark(course, "Ada Lovelace_1", 7)
    mark(course, "u-5", 8)
    status, said = run("--format", "moodle", "--roster", "moodle.csv")
    assert moodle_reads(course / "exported" / "week01-moodle.csv", "ID number") == {"u-5": "8"}
    assert "cai@uni.example and u-3 are one student in the roster" in said
    assert "Ada Lovelace_1: 2 students of the roster may be meant" in said
    assert status == 1


def test_a_column_that_another_language_names(course, run):
    german = MOODLE.replace("ID number", "ID-Nummer").replace("Email address", "E-Mail-Adresse")
    (course / "moodle.csv").write_text(german)
    mark(course, "u-1", 5)
    status, said = run("--format", "moodle", "--roster", "moodle.csv")
    assert status == 1
    assert "name the one that students are known by with --by" in said
    status, said = run("--format", "moodle", "--roster", "moodle.csv", "--by", "ID-Nummer")
    assert status == 0, said
    assert moodle_reads(course / "exported" / "week01-moodle.csv", "ID-Nummer") == {"u-1": "5"}


def test_a_key_that_is_a_formula_is_refused_and_one_that_looks_like_one_is_not(course, run):
    rows = "Username,First name\n-ada,A\n\"=cmd|' /C calc'!A0\",B\n@ben,C\n"
    (course / "moodle.csv").write_text(rows)
    for name, score in (("-ada", 1), ("=cmd|' /C calc'!A0", 2), ("@ben", 3)):
        mark(course, name, score)
    status, said = run("--format", "moodle", "--roster", "moodle.csv")
    assert moodle_reads(course / "exported" / "week01-moodle.csv", "Username") == {"-ada": "1", "@ben": "3"}
    assert "would be a formula" in said
    assert status == 1


def test_with_no_roster_the_names_are_logins(course, run):
    mark(course, "ada", 5, first_name="Ada", last_name="=Lovelace")
    mark(course, "ben")
    status, said = run("--format", "canvas")
    path = course / "exported" / "week01-canvas.csv"
    assert written(path) == [
        ["Student", "ID", "SIS Login ID", "Section", "week01"],
        ["    Points Possible", "", "", "", "10"],
        ["'=Lovelace, Ada", "", "ada", "", "5"],
    ]
    assert "nobody was looked up" in said
    assert status == 1
    assert run("--format", "moodle")[0] == 1
    assert moodle_reads(course / "exported" / "week01-moodle.csv", "Username") == {"ada": "5"}


def test_a_plain_table_has_everybody(course, run):
    mark(course, "ada", 10, penalty=12.0, first_name="@Ada", email="ada@uni.example")
    mark(course, "ben")
    mark(course, "cai", handed_in=False)
    status, said = run()
    rows = written(course / "exported" / "week01-csv.csv")
    assert rows[1] == ["week01", "ada", "", "'@Ada", "ada@uni.example", "0", "12", "10", "graded"]
    assert [row[1:2] + row[5:] for row in rows[2:]] == [
        ["ben", "", "0", "10", "waits for review"],
        ["cai", "", "0", "10", "not handed in"],
    ]
    assert "Nothing handed in, and no mark here: cai." in said
    assert status == 1


def test_moodle_is_known_to_stop_at_a_hundred(course, run):
    with book(course) as gradebook:
        gradebook.update_or_create_grade_cell("softmax-check", "attention", "week01", max_score=120, cell_type="code")
    mark(course, "ada", 101)
    assert "above 100" in run("--format", "moodle")[1]
    assert "above 100" not in run("--format", "canvas")[1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "no gradebook of Canvas"),
        ("Student,ID,SIS Login ID,Section\n", "no students in it"),
        ("Student,ID,SIS Login ID,Section\nAda,1\n", "2 cells for 4 columns in 'Ada'"),
        ("", "no gradebook of Canvas"),
        (b"Student,ID,SIS Login ID,Section\nJos\xe9,1,j,1\n", "not UTF-8"),
        ('Student,ID,SIS Login ID,Section\n"Ada,1,j,1\n', "no CSV file"),
    ],
)
def test_a_roster_that_is_none(course, run, text, says):
    (course / "canvas.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    mark(course, "ada", 5)
    status, said = run("--format", "canvas", "--roster", "canvas.csv")
    assert status == 1
    assert says in said
    assert not (course / "exported" / "week01-canvas.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--roster", "x.csv"], "for --format canvas or moodle"),
        (["--format", "canvas", "--by", "ID"], "name the roster too"),
        (["--format", "canvas", "--roster", "gone.csv"], "gone.csv"),
        (["--output", "gone/marks.csv"], "no such folder; make it first"),
    ],
)
def test_a_command_that_cannot_be_meant(course, run, arguments, says):
    mark(course, "ada", 5)
    status, said = run(*arguments)
    assert status == 1
    assert says in said
    assert "Traceback" not in said


def test_before_anything_is_graded(course, run):
    mark(course, "ada", handed_in=False)
    assert "no mark of week01 is final yet" in run()[1]
    (course / ".class" / "gradebook.db").unlink()
    status, said = run()
    assert status == 1
    assert "week01 is not in the gradebook" in said
    assert not (course / ".class" / "gradebook.db").exists()


def test_a_full_disk_leaves_the_old_file(course, run, monkeypatch):
    mark(course, "ada", 5)
    run()
    path = course / "exported" / "week01-csv.csv"
    before = path.read_text()
    mark(course, "ada", 6)

    def full(*_: object) -> None:
        raise PermissionError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert run()[0] == 1
    assert path.read_text() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_marks_are_read_as_nbgrader_counts_them(course):
    """A manual score takes the place of the automatic one; a penalty is taken off, never below nothing."""
    mark(course, "ada", 4, manual=9, penalty=1)
    marks, points = export.read_marks(Classroom(course), "week01")
    assert [(one.student, one.score, one.penalty) for one in marks] == [("ada", 8, 1)]
    assert points == 10
