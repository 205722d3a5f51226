"""Whatever a notebook went through on its way back, it is graded as it was when it left.

`make test` grades every trip of a submission that is part right, part wrong and part empty; `make test-all` (mark
`heavy`) those of other submissions and weeks. One batch of the real `grader autograde` each.
"""

import json
from pathlib import Path

import pytest

from grader.judge import Assignment, assignments
from tests.round_trips.catalogue import TRIPS, travelled
from tests.test_class.conftest import run  # noqa: F401
from tools.submissions import submission

CHEAP = {
    "softmax": "no_maximum",
    "causal_mask": "answer",
    "rms_norm": "def rms_norm(x, weight, eps=1e-6):\n    raise KeyError('eps')",
}
MIXED = CHEAP | {"scaled_dot_product_attention": "no_scale", "sinusoidal_positions": 0, "TransformerBlock": "answer"}
ORIGINAL = "original"


def graded(root: Path, course: Path, notebook: Assignment, answers: dict, run) -> dict[str, dict]:  # noqa: F811
    """Return the report on each trip of a submission, all graded in one batch."""
    left = submission(notebook, answers)
    (course / "handed_in").mkdir()
    files = {ORIGINAL: json.dumps(left).encode()} | {name: travelled(name, left) for name in TRIPS}
    for name, raw in files.items():
        (course / "handed_in" / f"{name}_{notebook.notebook}.ipynb").write_bytes(raw)
    for link in ("solutions", "assignments", "nbgrader_config.py"):
        (course / link).symlink_to(root / link)
    run(
        course, "grader", "autograde", notebook.week, "--submitted", "handed_in", "--json", "report.json", "--seed", "1"
    )
    reports = json.loads((course / "report.json").read_text())["submissions"]
    return {one["student"].removesuffix(f"_{notebook.notebook}"): one for one in reports}


def test_there_are_enough_trips():
    assert len(TRIPS) >= 30


def cases() -> list:
    """The submissions whose trips are graded."""
    return [
        pytest.param("week01", "attention", CHEAP, id="three answers"),
        pytest.param("week01", "attention", MIXED, id="mixed", marks=pytest.mark.heavy),
        pytest.param("week01", "attention", {"*": "answer"}, id="right", marks=pytest.mark.heavy),
        pytest.param("week01", "attention", {"*": 0}, id="variants", marks=pytest.mark.heavy),
        pytest.param("week02", "tokenizers", {"*": "answer"}, id="tokenizers", marks=pytest.mark.heavy),
        pytest.param("week07", "inference", {"*": "answer"}, id="inference", marks=pytest.mark.heavy),
    ]


@pytest.mark.parametrize(("week", "theme", "answers"), cases())
def test_every_trip_is_graded_as_its_original(root, tmp_path, run, week, theme, answers):  # noqa: F811
    reports = graded(root, tmp_path, assignments(root, week)[theme], answers, run)
    original = reports.pop(ORIGINAL)
    assert original["status"] == "graded"
    assert reports.keys() == TRIPS.keys()
    wrong = {name: difference(original, report) for name, report in reports.items()}
    assert not any(wrong.values()), "\n".join(f"{name}: {said}" for name, said in wrong.items() if said)


def difference(original: dict, report: dict) -> str:
    """What is not as it was: status, score, or any exercise's or check's outcome or message; empty where all is."""
    for key in ("status", "error", "score", "max_score"):
        if report[key] != original[key]:
            return f"{key} is {report[key]}, was {original[key]}" + first_difference(original, report)
    return first_difference(original, report)


def first_difference(original: dict, report: dict) -> str:
    for was, now in zip(original["exercises"], report["exercises"], strict=False):
        if was != now:
            return f"; {now['name']}: {now['status']}, was {was['status']}; {now['diagnosis']}, was {was['diagnosis']}"
    return ""
