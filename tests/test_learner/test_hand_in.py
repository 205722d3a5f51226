"""`course reset`, `course submit` and `course feedback` in a learner's copy, each run as a learner runs it."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.intake import find
from grader.judge import assignment

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))
from submissions import submission

WEEK = "week01"
MINE = Path("work", WEEK, "attention.ipynb")


@pytest.fixture
def copy(root, tmp_path) -> Path:
    """A learner's copy of one week, as `grader release --student` and `course lab` leave it."""
    folder = tmp_path / "course"
    for place in ("assignments", "work"):
        shutil.copytree(root / "assignments" / WEEK, folder / place / WEEK)
    shutil.copy(root / "grader/data/learner/nbgrader_config.py", folder)
    return folder


def course(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command in `folder`."""
    command = [sys.executable, "-m", "grader.learner.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def cells(folder: Path) -> list[dict]:
    return json.loads((folder / MINE).read_text())["cells"]


def answer_of(folder: Path, name: str) -> str:
    (found,) = [cell for cell in cells(folder) if cell["metadata"].get("nbgrader", {}).get("grade_id") == name]
    return "".join(found["source"])


def save(folder: Path, changed: list[dict]) -> None:
    notebook = json.loads((folder / MINE).read_text())
    (folder / MINE).write_text(json.dumps(notebook | {"cells": changed}))


@pytest.mark.parametrize("named", ["softmax", "week01/softmax"])
def test_reset_puts_the_stub_back_and_keeps_the_answer(copy, root, named):
    stub = answer_of(copy, "softmax")
    answered = submission(assignment(root, WEEK), {"*": "answer"})
    (copy / MINE).write_text(json.dumps(answered))
    mine, others = answer_of(copy, "softmax"), answer_of(copy, "causal_mask")
    done = course(copy, "reset", named)
    assert (done.returncode, done.stderr) == (0, "")
    assert answer_of(copy, "softmax") == stub
    assert answer_of(copy, "causal_mask") == others
    (kept,) = (copy / "work" / "kept" / WEEK).iterdir()
    assert kept.read_text().strip() == mine.strip()
    assert str(kept.relative_to(copy)) in done.stdout


def test_reset_finds_an_answer_whose_name_nbgrader_lost_and_puts_back_one_that_is_gone(copy):
    stub = answer_of(copy, "softmax")
    renamed = [cell | {"metadata": {}} for cell in cells(copy)]
    place = next(i for i, cell in enumerate(renamed) if "".join(cell["source"]).startswith("def softmax("))
    renamed[place]["source"] = "def softmax(x, dim=-1):\n    return x"
    save(copy, renamed)
    assert course(copy, "reset", "softmax").returncode == 0
    assert "".join(cells(copy)[place]["source"]) == stub
    save(copy, renamed[:place] + renamed[place + 1 :])
    assert course(copy, "reset", "softmax").returncode == 0
    assert "".join(cells(copy)[place]["source"]) == stub


@pytest.mark.parametrize(
    ("wanted", "says"), [("softmaxx", "did you mean week01/softmax?"), ("week09/softmax", "there is no exercise")]
)
def test_reset_of_an_unknown_exercise_changes_nothing(copy, wanted, says):
    before = (copy / MINE).read_bytes()
    done = course(copy, "reset", wanted)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr
    assert (copy / MINE).read_bytes() == before
    assert not (copy / "work" / "kept").exists()


def test_submit_tells_how_the_week_stands_and_writes_the_file_to_upload(copy):
    changed = cells(copy)
    for cell in changed:
        match "".join(cell["source"]):
            case "check(softmax)":
                cell["outputs"] = [_result("4.0")]
            case "check(causal_mask)":
                cell["outputs"] = [
                    _result("1.5"),
                    {"output_type": "error", "ename": "E", "evalue": "", "traceback": []},
                ]
    save(copy, changed)
    done = course(copy / "work", "submit", WEEK)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 of 8 exercises pass, as last run and saved; fail: causal_mask; not tried: scaled" in done.stdout
    (file,) = (copy / "submitted").iterdir()
    assert str(file) in done.stdout
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [f"{WEEK}/attention.ipynb"]
        assert archive.read(f"{WEEK}/attention.ipynb") == (copy / MINE).read_bytes()
    upload = copy.parent / "upload"
    upload.mkdir()
    shutil.copy(file, upload / "ada.zip")
    (one,) = find(upload, WEEK, {"attention": ["softmax"]})
    assert (one.student, one.notebook) == ("ada", "attention")


def _result(text: str) -> dict:
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": text}}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["submit", "week09"], "there is no assignment 'week09'; there is week01"),
        (["feedback", "week09"], "there is no assignment 'week09'; there is week01"),
    ],
)
def test_an_unknown_week_gets_one_line(copy, arguments, says):
    done = course(copy, *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr


@pytest.mark.parametrize("content", [None, "no notebook", '{"cells": [3]}'])
def test_submit_of_what_is_no_notebook_gets_one_line(copy, content):
    (copy / MINE).unlink() if content is None else (copy / MINE).write_text(content)
    done = course(copy, "submit", WEEK)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "attention.ipynb is n" in done.stderr  # "not there", "no notebook"
    assert not (copy / "submitted").exists()


def test_feedback_where_the_class_has_no_exchange(copy):
    done = course(copy, "feedback", WEEK)
    assert (done.returncode, done.stderr) == (0, "")
    assert "feedback on week01 is where you uploaded it" in done.stdout


def test_outside_a_course_there_is_one_line(tmp_path):
    done = course(tmp_path, "submit", WEEK)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is in no course" in done.stderr
