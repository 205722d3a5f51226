"""One submission in, one verdict out: what its cells do to their processes ends in words, flags and points."""

import json

import pytest

from grader.candidate import Link, LocalChannel
from grader.intake import Submission
from grader.run import run_visible
from grader.sandbox import Limits
from grader.settings import Settings
from grader.worker import Worker

LIMITS = Limits(cell_seconds=1.0, call_seconds=1.0, total_seconds=30.0)
RIGHT = "def causal_mask(length):\n    return torch.ones(length, length, dtype=torch.bool).tril()"


@pytest.fixture(scope="module")
def worker(root):
    with Worker(Settings(root, "week01", "seed", limits=LIMITS)) as worker:
        yield worker


@pytest.fixture
def grade(worker):
    """Return a function that grades a notebook with these cells, by the exercises' names, in the stubs' places."""

    def graded(**answers: str):
        notebook = json.loads(json.dumps(worker.assignments["attention"].template))
        for cell in notebook["cells"]:
            cell["source"] = answers.get(cell["metadata"]["nbgrader"]["grade_id"], cell["source"])
        return worker.grade(Submission("ada", "attention", json.dumps(notebook).encode()))

    return graded


def exercise(verdict, name: str) -> dict:
    return next(one for one in verdict.json["exercises"] if one["name"] == name)


def test_a_right_answer_gets_its_points_and_no_flag(grade):
    verdict = grade(causal_mask=RIGHT)
    assert exercise(verdict, "causal_mask")["score"] == 2
    assert exercise(verdict, "softmax")["status"] == "not_attempted"
    assert verdict.json["flags"] == []
    assert not verdict.timed_out


@pytest.fixture(scope="module")
def seen(worker):
    """What the visible checks ask `softmax` for."""
    asked = []

    def softmax(x, dim=-1):
        asked.append(x)
        return x.softmax(dim)

    checks = worker.assignments["attention"].loaded["softmax"].exercise.checks
    run_visible(checks, Link(LocalChannel({"softmax": softmax})), "softmax")
    return asked


def test_an_answer_that_turns_random_is_judged(grade, seen):
    """Asked about other inputs three times over, it answers otherwise each time."""
    source = f"""\
import random
calls = 0
def softmax(x, dim=-1):
    global calls
    calls += 1
    return x.softmax(dim) * (1 if calls <= {len(seen)} else random.random())
"""
    verdict = grade(softmax=source)
    assert verdict.json["status"] == "graded"
    found = exercise(verdict, "softmax")
    assert found["score"] == 0
    assert "for others like them" in found["checks"][0]["message"]


def test_how_a_process_ended_says_nothing_about_inputs_that_nobody_sees(grade, seen):
    source = f"""\
import os
known = {[repr(x.tolist()) for x in seen]}
def softmax(x, dim=-1):
    if repr(x.tolist()) not in known:
        os._exit(int(10 * x.abs().max()) % 200 + 3)
    return x.softmax(dim)
"""
    found = exercise(grade(softmax=source), "softmax")
    assert found["score"] == 0
    assert "process was lost" in found["checks"][0]["message"]
    assert "status" not in found["checks"][0]["message"]


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("import time\ntime.sleep(9)", "TimeLimit: the cell ran for more than 1 s"),
        ("import os\nos._exit(3)", "it ended by itself, with status 3"),
        ("raise ValueError('why')", "ValueError: why"),
    ],
)
def test_a_cell_that_does_not_end_well_costs_its_own_exercise_alone(grade, cell, says):
    verdict = grade(softmax=cell, causal_mask=RIGHT)
    assert exercise(verdict, "causal_mask")["score"] == 2
    assert exercise(verdict, "softmax")["status"] == "failed"
    assert says in exercise(verdict, "softmax")["diagnosis"]


@pytest.mark.parametrize(
    "cell",
    [
        "import time\ntime.sleep(9)",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: pass",
        "import time\ndef softmax(x, dim=-1):\n    time.sleep(9)",
    ],
    ids=["a cell", "a cell that cannot be interrupted", "a call"],
)
def test_whatever_is_stopped_for_time_is_due_a_second_try(grade, cell):
    assert grade(softmax=cell).timed_out


def test_an_end_that_is_not_for_time_is_final(grade):
    verdict = grade(softmax="import os\ndef softmax(x, dim=-1):\n    os._exit(0)", causal_mask=RIGHT)
    assert not verdict.timed_out
    assert exercise(verdict, "softmax")["score"] == 0
    assert exercise(verdict, "causal_mask")["score"] == 2


def test_cells_that_end_every_process_leave_nothing_to_grade(grade):
    ends_all = "import os\nget_ipython().events.register('pre_run_cell', lambda info: os._exit(1))"
    verdict = grade(softmax=ends_all, causal_mask=RIGHT)
    assert verdict.json["status"] == "graded"
    assert verdict.json["score"] == 0
    assert "status 1" in verdict.json["error"]
    assert {one["status"] for one in verdict.json["exercises"]} == {"error"}


def test_a_stub_that_was_tried_out_is_still_not_attempted(grade, worker):
    cells = worker.assignments["attention"].template["cells"]
    stub = next(cell for cell in cells if cell["metadata"]["nbgrader"]["grade_id"] == "softmax")
    verdict = grade(softmax="".join(stub["source"]) + "\nsoftmax(torch.ones(3))")
    assert exercise(verdict, "softmax")["status"] == "not_attempted"


def test_what_a_process_was_seen_to_try_is_flagged(grade):
    tries = "import socket\ntry:\n    socket.socket().connect(('10.0.0.1', 80))\nexcept OSError:\n    pass\n" + RIGHT
    verdict = grade(causal_mask=tries)
    assert exercise(verdict, "causal_mask")["score"] == 2
    seen = [flag["detail"] for flag in verdict.json["flags"] if flag["kind"] == "seen"]
    assert any(detail.startswith("network tried: socket") for detail in seen)


def test_a_cell_that_raises_is_nothing_to_flag(grade):
    assert grade(softmax="1 / 0").json["flags"] == []


def test_what_a_cell_prints_is_kept_as_plain_text(grade):
    (printed,) = {out for out, _ in grade(softmax="print('a\\tb\\x1b[31m')").outputs.values() if out}
    assert printed == "a\tb\ufffd[31m\n"


def test_a_file_that_cannot_be_read_is_no_verdict_on_its_student(worker):
    verdict = worker.grade(Submission("ada", "attention", b"{"))
    assert (verdict.json["status"], verdict.json["score"]) == ("unreadable", None)
    verdict = worker.grade(Submission("ada", "attention", problem="no attention.ipynb was handed in"))
    assert verdict.json["error"] == "no attention.ipynb was handed in"
