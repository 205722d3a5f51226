"""Classes that are cheap to grade: one exercise of week 1 answered, or none, in notebooks of otherwise stubs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.test_class.conftest import WEEK, compose, run, week  # noqa: F401

# A few ways to be graded quickly: right, wrong, a crash of the process, a syntax error, a crash of the call, nothing.
CHEAP: list[dict[str, str]] = [
    {"causal_mask": "answer"},
    {"causal_mask": "without_the_diagonal"},
    {},
    {"softmax": "import os\nos._exit(3)", "causal_mask": "answer"},
    {"causal_mask": "def causal_mask(n):\n    return ("},
    {"causal_mask": "def causal_mask(n):\n    import os\n    os._exit(4)"},
    {"causal_mask": "def causal_mask(n):\n    print('\\ud800')\n    raise KeyError('\\ud800')"},
]
NO_NOTEBOOK = b'{"nbformat": 4, "cells": [{}]}'


@pytest.fixture(scope="session")
def make_class(root, tmp_path_factory, compose) -> Callable[[int], Path]:  # noqa: F811
    """Return a function that makes a course folder with so many submissions; every eighth is no notebook."""
    texts = [json.dumps(compose(answers)).encode() for answers in CHEAP] + [NO_NOTEBOOK]

    def make(size: int) -> Path:
        course = tmp_path_factory.mktemp("class")
        for folder in ("solutions", "assignments"):
            shutil.copytree(root / folder / WEEK, course / folder / WEEK, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(root / "nbgrader_config.py", course)
        (course / ".class").mkdir()
        for i in range(size):
            place = course / "submitted" / f"s{i:05}" / WEEK / "attention.ipynb"
            place.parent.mkdir(parents=True)
            place.write_bytes(texts[i % len(texts)])
        return course

    return make
