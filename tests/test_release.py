"""A class's own copy: what is in it, what keeps it from being made, and that a learner can work and hand in with it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.classroom import Classroom, ClassroomError
from grader.judge import assignment
from grader.student_copy import MANIFEST, Leaking, release_copy

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
from submissions import submission

SOLUTION = '''"""# Double"""

from grader import close, exercise


@exercise(points=2, hints=["add the number to itself"])
def double(number):
    """Return twice the number."""
    return number + number.clone().detach()


@double.check
def doubles(double):
    """1 becomes 2"""
    close(double(1), 2)
'''
ANSWER = "return number + number.clone().detach()"
START = "| [One](week01/one.ipynb) | [Two](week02/two.ipynb) | [double](assignments/week01/double.ipynb) |"


def notebook(text: str) -> str:
    """Return a notebook of one Markdown cell."""
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": text}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def classroom(root, tmp_path) -> Classroom:
    """A small course of two weeks, with a class: gradebook, seed, submissions."""
    course = tmp_path / "course"
    for name in ("pyproject.toml", "LICENSE", "README.md", "requirements.lock", "tools/environment.py"):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, course / name)
    written = {
        "nbgrader_config.py": (root / "nbgrader_config.py").read_text(),
        "course/__init__.py": "LESSON = 1\n",
        "grader/__init__.py": "CHECKS = 1\n",
        "start.ipynb": notebook(START),
        "solutions/week01/00_double.md": "# Double\n",
        "solutions/week01/01_double.py": SOLUTION,
        "solutions/week01/double.ipynb": notebook(ANSWER),
        "week01/one.ipynb": notebook("# One"),
        "week01/one.py": "# %% [markdown]\n# # One\n",
        "week02/two.ipynb": notebook("# Two"),
        "assignments/week01/double.ipynb": notebook("# Week 1: double"),
        "assignments/week02/two.ipynb": notebook("# Week 2: two"),
        "submitted/ada/week01/double.ipynb": notebook(ANSWER),
        ".class/grader/week01.seed": "5eed5eed5eed5eed5eed5eed5eed5eed",
        ".class/gradebook.db": "SQLite format 3",
    }
    for name, text in written.items():
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text(text)
    return Classroom(course)


def names(folder: Path) -> set[str]:
    """Return the files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_has_what_learners_need_and_nothing_of_grading(classroom, tmp_path):
    made = release_copy(classroom, tmp_path / "out" / "copy", exchange="/srv/class/exchange")
    (wheel,) = made.folder.glob("*.whl")
    assert names(made.folder) == {
        *("LICENSE", "README.md", "install.py", "nbgrader_config.py", "requirements.lock", "start.ipynb", MANIFEST),
        *("week01/one.ipynb", "week02/two.ipynb", "assignments/week01/double.ipynb", "assignments/week02/two.ipynb"),
        wheel.name,
    }
    with zipfile.ZipFile(wheel) as archive:
        assert {"course/__init__.py", "grader/__init__.py"} <= set(archive.namelist())
    assert Classroom(made.folder).config.Exchange.root == "/srv/class/exchange"
    assert Classroom(made.folder).config.Exchange.assignment_dir == str(made.folder / "work")
    assert Classroom(made.folder).course_id == classroom.course_id
    page = (made.folder / "README.md").read_text()
    assert "[One](week01/one.ipynb) | [Week 1: double](assignments/week01/double.ipynb)" in page
    assert "course check work/week01/double.ipynb" in page
    assert "{" not in page
    assert sorted(path.name for path in made.folder.parent.iterdir()) == ["copy", "copy.zip"]


def test_the_zip_holds_the_folder_and_two_runs_give_the_same(classroom, tmp_path):
    first = release_copy(classroom, tmp_path / "one" / "copy")
    second = release_copy(classroom, tmp_path / "two" / "copy")
    assert first.archive.read_bytes() == second.archive.read_bytes()
    with zipfile.ZipFile(first.archive) as archive:
        archive.extractall(tmp_path / "unpacked")
    unpacked = tmp_path / "unpacked" / "copy"
    assert names(unpacked) == names(first.folder)
    assert all((unpacked / name).read_bytes() == (first.folder / name).read_bytes() for name in names(unpacked))


def test_some_weeks_alone(classroom, tmp_path):
    made = release_copy(classroom, tmp_path / "copy", weeks=["week01"])
    assert {name.split("/")[-2] for name in names(made.folder) if "/" in name} == {"week01"}
    start = (made.folder / "start.ipynb").read_text()
    assert "[One](week01/one.ipynb) | Two | [double]" in start
    with pytest.raises(ClassroomError, match="no assignment is built for week09; there is week01, week02"):
        release_copy(classroom, tmp_path / "copy", weeks=["week09"])


LEAKS = {
    "a lesson": ("week01/one.ipynb", notebook(f"# One\n\n{ANSWER}"), "week01/one.ipynb, cell 1, source, line 3 gives"),
    "an assignment": (
        "assignments/week01/double.ipynb",
        notebook(f"# D\n{ANSWER}"),
        "cell 1, source, line 2 gives away",
    ),
    "the wheel": (
        "course/more.py",
        f"def f(number):\n    {ANSWER}\n",
        ".whl, course/more.py, line 2 gives away line 9",
    ),
    "the seed": ("course/more.py", "SEED = '5eed5eed5eed5eed5eed5eed5eed5eed'", "line 1 gives away the seed of week01"),
    "a database": ("course/more.db", "SQLite format 3 and more", "course/more.db is a database"),
}


@pytest.mark.parametrize("kind", LEAKS)
def test_a_leak_stops_the_release_and_nothing_is_left(classroom, tmp_path, kind):
    name, text, says = LEAKS[kind]
    (classroom.root / name).write_text(text)
    with pytest.raises(Leaking) as stopped:
        release_copy(classroom, tmp_path / "out" / "copy")
    assert says in str(stopped.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_earlier_copy_is_rebuilt_and_its_repository_stays(classroom, tmp_path):
    target = tmp_path / "copy"
    release_copy(classroom, target)
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)
    (classroom.root / "week02" / "two.ipynb").write_text(notebook("# Two, and more"))
    release_copy(classroom, target)
    assert "and more" in (target / "week02" / "two.ipynb").read_text()
    assert (target / ".git" / "HEAD").exists()
    (target / "a.py").write_text(f"{ANSWER}\n")
    for command in (["add", "."], ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "a"]):
        subprocess.run(["git", *command], cwd=target, check=True)
    (target / "a.py").unlink()
    with pytest.raises(Leaking, match=r"object .*gives away line 9"):
        release_copy(classroom, target)


@pytest.mark.parametrize("name", ["work/week01/double.ipynb", "README.md"])
def test_what_others_put_into_a_copy_is_not_lost(classroom, tmp_path, name):
    target = tmp_path / "copy"
    release_copy(classroom, target)
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    (target / name).write_text("mine")
    with pytest.raises(ClassroomError, match=rf"{name} was added or changed since"):
        release_copy(classroom, target)
    assert (target / name).read_text() == "mine"


def test_another_folder_is_not_replaced(classroom, tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "thesis.txt").write_text("mine")
    with pytest.raises(ClassroomError, match="not empty and is no copy"):
        release_copy(classroom, tmp_path / "copy")
    assert names(tmp_path / "copy") == {"thesis.txt"}


def run(folder: Path, *command: str | Path, **variables: str) -> subprocess.CompletedProcess:
    """Run a command in a folder."""
    return subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True)


def test_install_says_that_a_part_is_missing(classroom, tmp_path):
    copy = release_copy(classroom, tmp_path / "copy").folder
    next(copy.glob("*.whl")).unlink()
    done = run(copy, sys.executable, "install.py")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "a part of this copy of the course is missing. Unpack the zip again" in done.stderr


@pytest.mark.heavy
def test_install_says_that_there_is_no_network(classroom, tmp_path):
    copy = release_copy(classroom, tmp_path / "copy").folder
    alone = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": os.devnull}
    alone |= {"PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    done = run(copy, sys.executable, "install.py", **alone)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "pip cannot reach its package index" in done.stderr


WEEK = "week01"
SHARED = Path(sys.prefix)


def environment_like_ours(copy: Path) -> dict[str, str]:
    """Make the copy's .venv and let it see the packages of ours, but not the course; return what Jupyter needs of ours.

    install.py then finds all that it would download already there, and installs the wheel.
    """
    subprocess.run([sys.executable, "-m", "venv", copy / ".venv"], check=True)
    (packages,) = (copy / ".venv").glob("lib/python*/site-packages")
    (ours,) = SHARED.glob("lib/python*/site-packages")
    (packages / "packages.pth").write_text(f"{ours}\n")
    return {
        "HOME": str(copy.parent),
        "JUPYTERLAB_DIR": str(SHARED / "share" / "jupyter" / "lab"),
        "JUPYTER_CONFIG_PATH": str(SHARED / "etc" / "jupyter"),
        "JUPYTER_PATH": str(SHARED / "share" / "jupyter"),
        "PYTHONPATH": "",
    }


@pytest.mark.heavy
def test_from_the_zip_alone_a_learner_does_the_week_and_the_instructor_grades_it(root, clone, tmp_path, start_lab):
    made = release_copy(Classroom(clone), tmp_path / "handout" / "course", [WEEK])
    (tmp_path / "home").mkdir()
    shutil.unpack_archive(made.archive, tmp_path / "home")
    copy = tmp_path / "home" / "course"
    variables = environment_like_ours(copy)
    done = run(copy, sys.executable, "install.py", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("Next: .venv/bin/course lab")
    course = copy / ".venv" / "bin" / "course"
    where = "import course, grader; print(course.__file__, grader.__file__)"
    found = run(copy, copy / ".venv" / "bin" / "python", "-I", "-c", where, **variables).stdout.split()
    assert all(Path(place).is_relative_to(copy / ".venv") for place in found)

    lab = start_lab(copy, program=[str(course), "lab"], variables=variables)
    assert "<title>JupyterLab" in lab.get(lab.address)
    assert lab.stop(signal.SIGINT) == 0
    mine = copy / "work" / WEEK / "attention.ipynb"
    assert "YOUR CODE HERE" in mine.read_text()

    done = run(copy, course, "check", mine.relative_to(copy), **variables)
    assert done.returncode == 1, done.stdout + done.stderr
    mine.write_text(json.dumps(submission(assignment(root, WEEK), {"*": "answer"})))
    done = run(copy, course, "check", mine.relative_to(copy), **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(copy, course, "submit", WEEK, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    (handed_in,) = (copy / "submitted").glob(f"{WEEK}-*.zip")

    shutil.copy(handed_in, tmp_path / "ada.zip")
    grade = [sys.executable, "-m", "grader.cli", "autograde", WEEK, "--submitted", tmp_path / "ada.zip"]
    done = run(clone, *grade, "--json", tmp_path / "report.json")
    assert done.returncode == 0, done.stdout + done.stderr
    (one,) = json.loads((tmp_path / "report.json").read_text())["submissions"]
    assert (one["status"], one["score"], one["max_score"]) == ("graded", 44, 44)


@pytest.mark.heavy
def test_review_opens_the_formgrader_and_finds_the_one_that_is_open(clone, start_lab):
    review = [sys.executable, "-m", "grader.cli", "review", WEEK]
    lab = start_lab(clone, program=review)
    assert f"/formgrader/gradebook/{WEEK}?token=" in lab.address
    assert "formgrader" in lab.get(lab.address)
    done = run(clone, *review)
    assert done.returncode == 0, done.stderr
    assert lab.address in done.stderr
