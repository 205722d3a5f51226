"""A learner's notebook as it was last saved: read, judged by its checks' outputs, written whole or not at all."""

import json
import os
from pathlib import Path

from grader.learner.mistake import CourseError


def read(path: Path) -> dict:
    """Return the notebook in a file.

    Raises:
        CourseError: when it is not there or no notebook.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if all(isinstance(cell["metadata"], dict) for cell in notebook["cells"]):
            return notebook
    except FileNotFoundError:
        raise CourseError(f"{path} is not there; save the notebook there, or let `course lab` put it back") from None
    except (ValueError, TypeError, KeyError):
        pass
    raise CourseError(f"{path} is no notebook: open it in JupyterLab and save it again")


def write(path: Path, text: str) -> None:
    """Replace a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def source(cell: dict) -> str:
    """Return a cell's text, which a file holds whole or as lines."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def grade_id(cell: dict) -> str:
    """Return what nbgrader calls a cell; nothing where it has no name for it, or a tool dropped it."""
    kept = cell["metadata"].get("nbgrader")
    return str(kept.get("grade_id", "")) if isinstance(kept, dict) else ""


def passing(given: dict, mine: dict) -> tuple[int, int]:
    """Return how many exercises of an assignment pass by what a learner's notebook saved, and of how many."""
    points = {
        source(cell).strip(): float(cell["metadata"]["nbgrader"]["points"])
        for cell in given["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade")
    }
    earned = {source(cell).strip(): _points(cell) for cell in mine["cells"] if cell.get("cell_type") == "code"}
    return sum(earned.get(check, 0.0) >= most for check, most in points.items()), len(points)


def _points(cell: dict) -> float:
    """Return the number that a check's result is as plain text, which stands for its points."""
    found = 0.0
    for output in cell.get("outputs") or []:
        text = output.get("data", {}).get("text/plain", "") if isinstance(output, dict) else ""
        try:
            found = float(text if isinstance(text, str) else "".join(text))
        except ValueError:
            continue
    return found
