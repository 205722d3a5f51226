"""Whatever becomes of a notebook on its way, it gets a report: graded, or unreadable in words."""

import copy
import json
import random
from collections import Counter
from importlib import resources

import jsonschema
import pytest

from grader.intake import Submission
from grader.judge import assignment
from grader.sandbox import Limits
from grader.settings import Settings
from grader.shipping import standing_alone
from grader.worker import Worker

WEEK = "week01"
LIMITS = Limits(cell_seconds=2, call_seconds=2, total_seconds=10, memory_mb=512, output_kb=16, reply_mb=8)
JUNK = (
    None, True, -1, 1e400, 10**30, "", "softmax", "\ud800", "\x00", "é" * 50, [], {}, [[]], {"cells": []}, ["a", 1],
    "import os\nos._exit(1)", "def softmax(x, dim=-1):", "%%bash\nls", "!ls", "?", "softmax??", "\t\n  )", "x" * 5000,
    "async def f(): await x", "lambda: (yield)", "del softmax", "global softmax", "from __future__ import braces",
    "match x:\n case _: pass", "f'{", "'''", "\\", "class softmax: ...", "softmax = causal_mask = None",
    "@softmax\ndef causal_mask(n): pass", "raise NotImplementedError", "import torch as causal_mask",
)  # fmt: skip


def fuzzed(base: bytes, draw: random.Random) -> bytes:
    """Return a notebook with one to eight accidents, of its structure, its text, or its bytes."""
    notebook = json.loads(base)
    for _ in range(draw.randint(1, 8)):
        draw.choice((_tree, _cells, _source))(notebook, draw)
    raw = bytearray(json.dumps(notebook).encode())
    if draw.random() < 0.3:
        for _ in range(draw.randint(1, 4)):
            _bytes(raw, draw)
    return bytes(raw)


def _tree(notebook: dict, draw: random.Random) -> None:
    """Somewhere in the JSON a value goes, or becomes another."""
    here, way = notebook, draw.randint(1, 6)
    for _ in range(way):
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = draw.choice(keys)
        if not isinstance(here[key], (dict, list)) or way == 1 or draw.random() < 0.2:
            if draw.random() < 0.4:
                del here[key]
            else:
                here[key] = copy.deepcopy(draw.choice(JUNK))
            return
        here = here[key]


def _cells(notebook: dict, draw: random.Random) -> None:
    """Cells are copied, moved, cut, or lose their metadata."""
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not cells:
        return
    i, j = draw.randrange(len(cells)), draw.randrange(len(cells))
    what = draw.randrange(5)
    if what == 0:
        cells.insert(j, json.loads(json.dumps(cells[i])))
    elif what == 1:
        cells.insert(j, cells.pop(i))
    elif what == 2:
        draw.shuffle(cells)
    elif isinstance(cells[i], dict) and what == 3:
        cells[i]["metadata"] = {}
    elif isinstance(cells[i], dict) and isinstance(cells[j], dict):
        cells[i]["metadata"], cells[j]["metadata"] = cells[j].get("metadata"), cells[i].get("metadata")


def _source(notebook: dict, draw: random.Random) -> None:
    """A cell's text is cut, doubled, or gets a line that does not belong there."""
    cells = notebook.get("cells")
    codes = (
        [c for c in cells if isinstance(c, dict) and c.get("cell_type") == "code"] if isinstance(cells, list) else []
    )
    if not codes:
        return
    cell = draw.choice(codes)
    source = cell.get("source")
    lines = "".join(source).split("\n") if isinstance(source, list) and all(isinstance(s, str) for s in source) else []
    lines = source.split("\n") if isinstance(source, str) else lines
    if not lines:
        cell["source"] = copy.deepcopy(draw.choice(JUNK))
        return
    i, what = draw.randrange(len(lines)), draw.randrange(4)
    if what == 0:
        del lines[i]
    elif what == 1:
        lines.insert(i, draw.choice([junk for junk in JUNK if isinstance(junk, str)]))
    elif what == 2:
        lines[i] = lines[i][: draw.randrange(len(lines[i]) + 1)]
    else:
        draw.shuffle(lines)
    cell["source"] = "\n".join(lines)


def _bytes(raw: bytearray, draw: random.Random) -> None:
    """Bytes are lost, turned or doubled."""
    i = draw.randrange(len(raw))
    j = min(len(raw), i + draw.randrange(1, 200))
    what = draw.randrange(4)
    if what == 0:
        raw[i] = draw.randrange(256)
    elif what == 1:
        raw[i:i] = raw[i:j]
    elif what == 2:
        del raw[i:j]
    elif draw.random() < 0.2:
        del raw[i:]


@pytest.fixture(scope="module")
def worker(root):
    with Worker(Settings(root, WEEK, "fuzz", "full", LIMITS)) as worker:
        yield worker


@pytest.fixture(scope="module")
def base(root) -> bytes:
    """The released notebook with right answers to three exercises, in the form in which Jupyter writes it."""
    week = assignment(root, WEEK)
    notebook = json.loads(json.dumps(week.template))
    for cell in notebook["cells"]:
        name = cell["metadata"]["nbgrader"]["grade_id"]
        source = cell["source"]
        if name in ("softmax", "causal_mask", "rms_norm"):
            source = standing_alone(week.loaded[name], name)
        cell["source"] = "".join(source).splitlines(keepends=True)
    return json.dumps(notebook).encode()


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.heavy)])
def test_every_notebook_gets_a_report(worker, base, count):
    reports = []
    for number in range(count):
        raw = fuzzed(base, random.Random(number))
        report = worker.grade(Submission(f"student{number}", "attention", raw)).json
        assert report["status"] in ("graded", "unreadable"), (number, report["error"])
        if report["status"] == "graded":
            assert len(report["exercises"]) == 8
            assert 0 <= report["score"] <= 10
        else:
            assert report["score"] is None
            assert report["error"]
            assert "more time or memory" not in report["error"], number
        reports.append(report)
    assert len(reports) == count
    schema = json.loads((resources.files("grader") / "data" / "report.schema.json").read_text())
    whole = {"assignment": WEEK, "seed": "fuzz", "isolation": "full", "seconds": 0.0, "submissions": reports}
    jsonschema.validate(json.loads(json.dumps(whole)), schema)
    kinds = Counter(report["status"] for report in reports)
    assert kinds["graded"] > count / 4
    assert kinds["unreadable"] > count / 20
