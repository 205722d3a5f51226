"""A round trip: what a tool or a person makes of a notebook on its way back to the grader.

Colab, VS Code, Kaggle, Deepnote and Databricks themselves were not run: their trips are written after notebooks that
they saved, as public repositories have them, and each names what it imitates. jupyter.py runs the real tools.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

TRIPS: dict[str, Callable[[NotebookNode], NotebookNode | str | bytes]] = {}
ROOT = Path(__file__).resolve().parents[2]


def trip(make: Callable) -> Callable:
    """Put a trip into the corpus, under its module's name and its own. It may change the notebook that it is given."""
    TRIPS[f"{make.__module__.rpartition('.')[2]}-{make.__name__.replace('_', '-')}"] = make
    return make


def travelled(name: str, notebook: dict) -> bytes:
    """Return the file that comes back when `notebook` makes the trip `name`."""
    done = TRIPS[name](nbformat.reads(json.dumps(notebook), as_version=4))
    if isinstance(done, dict):
        done = json.dumps(done, indent=1, ensure_ascii=False) + "\n"
    return done.encode() if isinstance(done, str) else done


def code(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """The code cells."""
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def answers(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """The cells that a learner fills; call it before the metadata is dropped."""
    return (cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution"))


@cache
def stubs() -> dict[str, str]:
    """The source of each exercise's cell as it was released."""
    released = [nbformat.read(path, as_version=4) for path in ROOT.glob("assignments/*/*.ipynb")]
    return {cell.metadata.nbgrader.grade_id: cell.source for notebook in released for cell in answers(notebook)}


def new_code(source: str, **metadata: object) -> NotebookNode:
    """A code cell as an editor writes it, with no id."""
    return nbformat.from_dict(
        {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": source}
    )


def new_text(source: str) -> NotebookNode:
    """A Markdown cell, with no id."""
    return nbformat.from_dict({"cell_type": "markdown", "metadata": {}, "source": source})


def new_notebook(cells: list[NotebookNode], minor: int = 4) -> NotebookNode:
    """A notebook with nothing but these cells, whose ids are dropped."""
    for cell in cells:
        cell.pop("id", None)
    return nbformat.from_dict({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": minor})


def without_ids(notebook: NotebookNode, minor: int) -> NotebookNode:
    """The notebook in an older minor format, which knows no cell ids."""
    for cell in notebook.cells:
        cell.pop("id", None)
    notebook.nbformat_minor = minor
    return notebook


def token(text: str, length: int = 12) -> str:
    """Letters and digits that look drawn by chance and are the same every time."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def lines(source: str) -> list[str]:
    """A source as most tools store it."""
    return source.splitlines(keepends=True)


def all_code(notebook: NotebookNode) -> str:
    """The sources of all code cells, one after another."""
    return "\n\n".join(cell.source for cell in code(notebook))
