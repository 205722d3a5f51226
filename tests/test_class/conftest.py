"""A class of week 1 in a course of its own: notebooks put together from the exercise files' right and wrong answers."""

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.judge import Assignment, assignment

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))
from submissions import submission

WEEK = "week01"
STUDENTS: dict[str, dict[str, str | int]] = {
    "ada": {"*": "answer"},
    "ben": {"*": 0},
    "cai": {"*": 1},
    "dot": {},
    "eva": {"softmax": "answer", "causal_mask": 0, "scaled_dot_product_attention": 1},
    "fay": {"*": "answer", "softmax": "no_maximum"},
    "gus": {"*": "answer", "softmax": "dim_ignored"},
    "hal": {"*": "answer", "causal_mask": "without_the_diagonal", "apply_rope": "neighbours"},
    "ida": {"*": "answer", "scaled_dot_product_attention": "no_scale", "rms_norm": "no_epsilon"},
    "jon": {"*": "answer", "MultiHeadAttention": "no_output_projection", "TransformerBlock": "not_causal"},
    "kim": {"*": "answer", "sinusoidal_positions": "halves", "scaled_dot_product_attention": "true_hides"},
    "lee": {"*": 0, "softmax": "nan_where_all_is_hidden", "apply_rope": "identity"},
    "mia": {"*": "answer", "rms_norm": "def rms_norm(x, weight, eps=1e-6):\n    return x * ("},
}


@pytest.fixture(scope="session")
def week(root) -> Assignment:
    """Week 1 as the grader knows it."""
    return assignment(root, WEEK)


@pytest.fixture(scope="session")
def compose(week) -> Callable[..., dict]:
    """Return a function that makes a notebook of {exercise: choice}; see tools/submissions.py."""
    return functools.partial(submission, week)


@pytest.fixture(scope="session")
def make_course(root, tmp_path_factory, compose) -> Callable[..., Path]:
    """Return a function that makes a course folder: this one's configuration and week 1, a new class, submissions."""

    def make(students: dict[str, dict], config: str = "") -> Path:
        course = tmp_path_factory.mktemp("course")
        for folder in ("solutions", "assignments"):
            shutil.copytree(root / folder / WEEK, course / folder / WEEK, ignore=shutil.ignore_patterns("__pycache__"))
        (course / "nbgrader_config.py").write_text((root / "nbgrader_config.py").read_text() + config)
        (course / ".class").mkdir()
        for student, answers in students.items():
            place = course / "submitted" / student / WEEK / "attention.ipynb"
            place.parent.mkdir(parents=True)
            place.write_text(json.dumps(compose(answers)))
        return course

    return make


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess]:
    """Return a function that runs `nbgrader …` or `grader …` in a course and demands that it ends well."""

    def call(course: Path, program: str, *arguments: str, status: int = 0) -> subprocess.CompletedProcess:
        module = {"nbgrader": "nbgrader", "grader": "grader.cli"}[program]
        done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=course, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return call


@pytest.fixture(scope="session")
def scores() -> Callable[[Path], dict[str, dict[str, float]]]:
    """Return a function that reads {student: {exercise: score}} from a course's gradebook."""
    from nbgrader.api import Gradebook

    def read(course: Path) -> dict[str, dict[str, float]]:
        with Gradebook(f"sqlite:///{course / '.class/gradebook.db'}") as book:
            return {
                one.student.id: {g.cell.name.removesuffix("-check"): g.score for g in one.notebooks[0].grades}
                for one in book.assignment_submissions(WEEK)
            }

    return read


@pytest.fixture(scope="session")
def students() -> dict[str, dict[str, str | int]]:
    """The class."""
    return STUDENTS
