"""The same class under the trusted grader: by `grader autograde` and by `nbgrader autograde`, with equal points."""

import json
import re
from importlib import resources

import jsonschema
import pytest

from grader.classroom import Classroom

WEEK = "week01"
BROKEN = {"nil": b"not a notebook", "old": b'{"worksheets": [], "nbformat": 3}'}
# What is not in the table is worth full points.
POINTS = {"softmax": 4, "causal_mask": 2, "scaled_dot_product_attention": 6, "MultiHeadAttention": 8}
POINTS |= {"sinusoidal_positions": 4, "apply_rope": 6, "rms_norm": 4, "TransformerBlock": 10}
LESS = {
    "dot": dict.fromkeys(POINTS, 0),
    "eva": dict.fromkeys(list(POINTS)[3:], 0),
    "fay": {"softmax": 3.27},
    "gus": {"softmax": 3.27},
    "hal": {"causal_mask": 0, "apply_rope": 0},
    "ida": {"scaled_dot_product_attention": 0, "rms_norm": 2.55},
    "jon": {"MultiHeadAttention": 0, "TransformerBlock": 0},
    "kim": {"scaled_dot_product_attention": 3.2, "sinusoidal_positions": 0},
    "lee": {"softmax": 3.27, "apply_rope": 0},
    "mia": {"rms_norm": 0},
}


def keep_seed(course, seed="a class") -> None:
    """Give the assignment a seed of ours: what a wrong answer earns in part depends on the inputs that are drawn."""
    place = course / ".class" / "grader" / f"{WEEK}.seed"
    place.parent.mkdir(mode=0o700)
    place.write_text(seed)
    place.chmod(0o600)


@pytest.fixture(scope="module")
def course(make_course, students, run):
    """A course graded by `grader autograde`, two files of which are no notebooks."""
    course = make_course(students)
    keep_seed(course)
    for student, raw in BROKEN.items():
        place = course / "submitted" / student / WEEK / "attention.ipynb"
        place.parent.mkdir(parents=True)
        place.write_bytes(raw)
    run(course, "grader", "autograde", WEEK, "--json", "report.json", "--jobs", "2")
    return course


@pytest.fixture(scope="module")
def report(course):
    """The JSON report by student."""
    whole = json.loads((course / "report.json").read_text())
    return {one["student"]: one for one in whole["submissions"]}


def test_the_report_keeps_to_its_schema(course):
    schema = json.loads((resources.files("grader") / "data" / "report.schema.json").read_text())
    jsonschema.validate(json.loads((course / "report.json").read_text()), schema)


def test_every_student_gets_the_points_that_are_due(report, students):
    for student in students:
        came = {one["name"]: one["score"] for one in report[student]["exercises"]}
        assert came == POINTS | LESS.get(student, {}), student


def test_known_mistakes_are_named(report):
    def diagnosis(student, exercise):
        return next(one["diagnosis"] for one in report[student]["exercises"] if one["name"] == exercise)

    assert "overflow" in diagnosis("fay", "softmax")
    assert diagnosis("gus", "softmax").startswith("`dim` is ignored")
    assert "not divided by the square root of d" in diagnosis("ida", "scaled_dot_product_attention")
    assert "not causal" in diagnosis("jon", "TransformerBlock")
    assert diagnosis("fay", "scaled_dot_product_attention") == "Right, once `softmax` is."
    assert "SyntaxError" in diagnosis("mia", "rms_norm")


def test_what_is_no_notebook_gets_a_report_and_no_score(report, scores, course):
    for student in BROKEN:
        assert report[student]["status"] == "unreadable"
        assert report[student]["score"] is None
        assert set(scores(course)[student].values()) == {0.0}  # nbgrader's way to show "no score yet"
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / '.class/gradebook.db'}") as book:
        graded = book.find_submission_notebook("attention", WEEK, "nil").grades
        assert all(grade.auto_score is None and grade.needs_manual_grade for grade in graded)


def test_the_gradebook_agrees_with_the_report(report, scores, course, students):
    for student, exercises in scores(course).items():
        if student in students:
            assert exercises == {one["name"]: one["score"] for one in report[student]["exercises"]}


def test_nbgraders_own_command_gives_the_same_rows(make_course, students, run, scores, course):
    some = {name: students[name] for name in ("ada", "dot", "fay", "jon", "mia")}
    other = make_course(some)
    keep_seed(other)
    run(other, "nbgrader", "generate_assignment", WEEK, "--force")
    run(other, "nbgrader", "autograde", WEEK)
    expected = scores(course)
    assert scores(other) == {name: expected[name] for name in some}


def test_a_second_run_changes_nothing(course, run, scores):
    before, rows = json.loads((course / "report.json").read_text()), scores(course)
    run(course, "grader", "autograde", WEEK, "--json", "again.json", "--jobs", "1")
    after = json.loads((course / "again.json").read_text())
    assert after["submissions"] == before["submissions"]
    assert scores(course) == rows


def test_a_manual_score_survives(course, run, scores):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / '.class/gradebook.db'}") as book:
        grade = book.find_grade("softmax-check", "attention", WEEK, "fay")
        grade.manual_score, grade.needs_manual_grade = 3.5, False
        book.db.commit()
    run(course, "grader", "autograde", WEEK, "--force", "--student", "fay")
    assert scores(course)["fay"]["softmax"] == 3.5
    with Gradebook(f"sqlite:///{course / '.class/gradebook.db'}") as book:
        assert not book.find_grade("softmax-check", "attention", WEEK, "fay").needs_manual_grade
        book.find_grade("softmax-check", "attention", WEEK, "fay").auto_score = 1.0  # as if it were another verdict
        book.db.commit()
    run(course, "grader", "autograde", WEEK, "--force", "--student", "fay")
    with Gradebook(f"sqlite:///{course / '.class/gradebook.db'}") as book:
        assert book.find_grade("softmax-check", "attention", WEEK, "fay").needs_manual_grade


def test_the_formgrader_knows_what_is_graded_and_what_came_later(make_course, run):
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    course = make_course({"ada": {"*": "answer"}, "bob": {}})
    receipt = course / "submitted/ada" / WEEK / "timestamp.txt"
    receipt.write_text("2026-10-01 12:00:00.000000 UTC")
    other = course / "submitted/bob" / WEEK / "timestamp.txt"
    other.write_text("yesterday")
    run(course, "grader", "autograde", WEEK)
    other.unlink()  # nbgrader itself stops at it
    config = Config()
    config.CourseDirectory.update(root=str(course), db_url=f"sqlite:///{course / '.class/gradebook.db'}")
    assert "ada" in NbGraderAPI(config=config).get_autograded_students(WEEK)
    receipt.write_text("2026-10-02 12:00:00.000000 UTC")
    assert "ada" not in NbGraderAPI(config=config).get_autograded_students(WEEK)


def test_points_that_were_changed_reach_the_gradebook(make_course, run):
    from nbgrader.api import Gradebook

    course = make_course({"ada": {"*": "answer"}})
    run(course, "grader", "autograde", WEEK)
    for folder in ("solutions", "assignments"):
        notebook = course / folder / WEEK / "attention.ipynb"
        content = json.loads(notebook.read_text())
        cell = next(c for c in content["cells"] if c["metadata"]["nbgrader"]["grade_id"] == "softmax-check")
        cell["metadata"]["nbgrader"]["points"] = 10
        notebook.write_text(json.dumps(content))
    run(course, "grader", "autograde", WEEK, "--force")
    with Gradebook(f"sqlite:///{course / '.class/gradebook.db'}") as book:
        assert book.find_assignment(WEEK).max_score == 50


def test_feedback_helps_and_gives_nothing_away(course, run, week):
    run(course, "grader", "feedback", WEEK)
    page = (course / "feedback" / "jon" / WEEK / "attention.html").read_text()
    assert "Attention is not causal" in page
    assert "26 <small>of 44 points" in page
    assert "<script" not in page
    assert not re.search(r"""(src|href)\s*=\s*["'](?!#)""", page)
    for one in week.loaded.values():
        for check in one.exercise.checks:
            if check.hidden:
                assert check.name not in page
    assert "could not be graded as it is" in (course / "feedback" / "nil" / WEEK / "attention.html").read_text()


def test_the_seed_is_drawn_once_and_its_owners_alone(make_course):
    course = make_course({})
    assert Classroom(course).seed(WEEK) == Classroom(course).seed(WEEK) != Classroom(make_course({})).seed(WEEK)
    place = course / ".class" / "grader"
    assert place.stat().st_mode & 0o077 == 0
    assert (place / f"{WEEK}.seed").stat().st_mode & 0o077 == 0


def test_an_empty_class_gets_one_line(make_course, run):
    course = make_course({})
    (course / "submitted").mkdir()
    done = run(course, "grader", "autograde", WEEK, status=1)
    assert "No submissions of week01" in done.stderr
    assert "Traceback" not in done.stderr
