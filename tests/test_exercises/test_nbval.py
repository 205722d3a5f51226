"""`pytest --nbval-lax` on an answered assignment: passes when it is right, fails at the check of what is wrong."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))
from submissions import submission

from grader.judge import assignment


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [({"*": "answer"}, []), ({"*": "answer", "sinusoidal_positions": "halves"}, ["check(sinusoidal_positions)"])],
    ids=["right", "wrong"],
)
def test_nbval_sees_what_the_checks_see(root, tmp_path, answers, wrong):
    week = assignment(root, "week01")
    notebook = submission(week, answers)
    (tmp_path / "attention.ipynb").write_text(json.dumps(notebook))
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "attention.ipynb"], cwd=tmp_path, capture_output=True, text=True)
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    failed = [code[int(number)] for number in re.findall(r"FAILED attention.ipynb::Cell (\d+)", done.stdout)]
    assert failed == wrong, done.stdout
    assert done.returncode == (1 if wrong else 0)
