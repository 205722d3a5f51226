"""`course check`: the notebook's own checks in a terminal, the same words as in JupyterLab, and an exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from grader.judge import assignment

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))
from submissions import submission


@pytest.fixture(scope="module")
def week(root):
    return assignment(root, "week01")


def course(*arguments: object) -> subprocess.CompletedProcess:
    """Run the command as a learner does, with nothing of this process in it."""
    command = [sys.executable, "-m", "grader.learner.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def saved(path: Path, notebook: dict) -> Path:
    path.write_text(json.dumps(notebook))
    return path


def test_right_answers_pass_and_the_status_is_0(week, tmp_path):
    done = course("check", saved(tmp_path / "attention.ipynb", submission(week, {"*": "answer"})))
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 of 8 exercises pass." in done.stdout
    assert "softmax: all 7 checks pass" in done.stdout


def test_a_mistake_is_named_as_in_jupyterlab(week, tmp_path):
    notebook = submission(week, {"*": "answer", "softmax": "no_maximum", "causal_mask": None})
    done = course("check", saved(tmp_path / "attention.ipynb", notebook))
    assert done.returncode == 1
    (mutant,) = [m for m in week.loaded["softmax"].exercise.mutants if m.name == "no_maximum"]
    assert mutant.message in " ".join(done.stdout.split())  # a terminal breaks lines
    assert "causal_mask: not attempted" in done.stdout
    assert "ended with" not in done.stdout
    assert "of 8 exercises pass." in done.stdout


def test_a_cell_with_an_error_is_told_and_the_others_go_on(week, tmp_path):
    notebook = submission(week, {"*": "answer", "rms_norm": "def rms_norm(x, weight, eps=1e-6):\n    return x * ("})
    done = course("check", saved(tmp_path / "attention.ipynb", notebook))
    assert done.returncode == 1
    assert "rms_norm: not checked, as its cell ended with an error" in done.stdout
    assert "ended with SyntaxError: incomplete input, line 2" in done.stdout
    assert "softmax: all 7 checks pass" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_cells_run_where_the_notebook_lies(week, tmp_path):
    """In its folder, with magics, and with what lies beside it."""
    (tmp_path / "mine.py").write_text("value = 1")
    notebook = submission(week, {"*": "answer"})
    source = "import mine, os\n%time x = 1\nassert os.path.exists('mine.py') and get_ipython()\nprint('from my cell')\n"
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
    notebook["cells"].append(cell)
    done = course("check", saved(tmp_path / "attention.ipynb", notebook))
    assert done.returncode == 0, done.stdout
    assert "from my cell" not in done.stdout


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is not there"),
        (b"{", "not valid JSON"),
        (b"[]", "the file is no notebook"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"nbformat": 4, "cells": []}', "has no `check(…)` cell"),
    ],
)
def test_a_broken_notebook_gets_one_line(tmp_path, content, says):
    path = tmp_path / "attention.ipynb"
    if content is not None:
        path.write_bytes(content)
    done = course("check", path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("course: ")
    assert says in line


def test_a_folder_gets_one_line(tmp_path):
    done = course("check", tmp_path)
    assert done.returncode == 2
    assert "is a folder; name the notebook in it" in done.stderr
