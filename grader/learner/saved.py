"""A learner's notebook as it was last saved: read, judged by its checks' outputs."""

import json
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


def source(cell: dict) -> str:
    """Return a cell's text, which a file holds whole or as lines."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def grade_id(cell: dict) -> str:
    """Return what nbgrader calls a cell; nothing where it has no name for it, or a tool dropped it."""
    kept = cell["metadata"].get("nbgrader")
    return str(kept.get("grade_id", "")) if isinstance(kept, dict) else ""


def standing(given: dict, mine: dict) -> dict[str, list[str]]:
    """Return the exercises of an assignment by how they stand in a learner's notebook, as its saved outputs tell.

    A check that fails ends with an error; one of an answer that was not tried gives no points and no error.
    """
    outputs = {source(cell).strip(): _outputs(cell) for cell in mine["cells"]}
    stand: dict[str, list[str]] = {"pass": [], "fail": [], "not tried": []}
    for cell in given["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            saved = outputs.get(source(cell).strip(), [])
            failed = any(output.get("output_type") == "error" for output in saved)
            full = max(map(_points, saved), default=0.0) >= float(cell["metadata"]["nbgrader"]["points"])
            stand["pass" if full else "fail" if failed else "not tried"].append(grade_id(cell).removesuffix("-check"))
    return stand


def _outputs(cell: dict) -> list[dict]:
    return [output for output in cell.get("outputs") or [] if isinstance(output, dict)]


def _points(output: dict) -> float:
    """Return the number that a check's result is as plain text, which stands for its points."""
    text = output.get("data", {}).get("text/plain", "")
    try:
        return float(text if isinstance(text, str) else "".join(text))
    except ValueError:
        return 0.0
