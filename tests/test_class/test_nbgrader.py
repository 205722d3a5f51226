"""The class goes through nbgrader's own commands, from release to feedback, and gets exactly the points it should.

nbgrader's stock executor runs the checks, hidden ones included, in the students' own kernels. It knows no stand-ins:
who breaks an early exercise loses points of those that use it as well.
"""

import json
import shutil

import pytest

WEEK = "week01"
STOCK = "\ndel c.Autograde\n"
POINTS = {"softmax": 4, "causal_mask": 2, "scaled_dot_product_attention": 6, "MultiHeadAttention": 8}
POINTS |= {"sinusoidal_positions": 4, "apply_rope": 6, "rms_norm": 4, "TransformerBlock": 10}
LESS = {
    "dot": dict.fromkeys(POINTS, 0),
    "eva": dict.fromkeys(list(POINTS)[3:], 0),
    "fay": {"softmax": 3.27, "scaled_dot_product_attention": 5.2},
    "gus": {"softmax": 3.27},
    "hal": {"causal_mask": 0, "apply_rope": 0, "TransformerBlock": 0},
    "ida": {"scaled_dot_product_attention": 0, "MultiHeadAttention": 0, "rms_norm": 2.18, "TransformerBlock": 0},
    "jon": {"MultiHeadAttention": 0, "TransformerBlock": 0},
    "kim": {
        "scaled_dot_product_attention": 3.2,
        "MultiHeadAttention": 3.73,
        "sinusoidal_positions": 0,
        "TransformerBlock": 0,
    },
    "lee": {"softmax": 3.27, "apply_rope": 0},
    "mia": {"rms_norm": 0, "TransformerBlock": 0},
}


@pytest.fixture(scope="module")
def course(make_course, run):
    """A course whose assignment is released."""
    course = make_course({}, STOCK)
    run(course, "nbgrader", "generate_assignment", WEEK, "--force")
    run(course, "nbgrader", "release_assignment", WEEK)
    return course


@pytest.fixture(scope="module")
def graded(course, students, compose, run):
    """The same, with every student's notebook handed in and graded, and feedback written."""
    for student, answers in students.items():
        place = course / "submitted" / student / WEEK / "attention.ipynb"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(compose(answers)))
        (place.parent / "timestamp.txt").write_text("2026-01-01 12:00:00.000000 UTC")  # as `nbgrader submit` does
        (place.parent / "submission_secret.txt").write_text(student)
    run(course, "nbgrader", "autograde", WEEK)
    run(course, "nbgrader", "generate_feedback", WEEK)
    return course


def test_a_learner_fetches_and_submits_and_the_instructor_collects(course, run, compose):
    run(course, "nbgrader", "fetch_assignment", WEEK)
    fetched = course / "work" / WEEK / "attention.ipynb"
    assert "YOUR CODE HERE" in fetched.read_text()
    assert {path.name for path in fetched.parent.iterdir()} == {"attention.ipynb"}
    answered = compose({"*": "answer"})
    fetched.write_text(json.dumps(answered))
    said = run(course, "nbgrader", "validate", str(fetched))
    assert "Success" in said.stdout
    run(course, "nbgrader", "submit", WEEK)
    run(course, "nbgrader", "collect", WEEK)
    (collected,) = (course / "submitted").glob(f"*/{WEEK}/attention.ipynb")
    assert json.loads(collected.read_text())["cells"] == answered["cells"]
    shutil.rmtree(collected.parent.parent)


def test_validate_names_the_check_cell_of_a_wrong_answer(course, run, compose, tmp_path):
    notebook = tmp_path / "attention.ipynb"
    notebook.write_text(json.dumps(compose({"*": "answer", "rms_norm": "no_weight"})))
    said = run(course, "nbgrader", "validate", str(notebook)).stdout
    assert "check(rms_norm)" in said
    assert "check(softmax)" not in said


@pytest.mark.heavy
def test_every_student_gets_the_points_that_are_due(graded, scores, students):
    came = scores(graded)
    for student in students:
        assert came[student] == POINTS | LESS.get(student, {}), student


@pytest.mark.heavy
def test_feedback_is_returned(graded, run):
    run(graded, "nbgrader", "release_feedback", WEEK)
    page = (graded / "feedback" / "fay" / WEEK / "attention.html").read_text()
    assert "Your exponentials overflow" in page
    released = list((graded / ".class" / "exchange").glob("*/feedback/*.html"))
    assert len(released) == len(list((graded / "submitted").iterdir()))
