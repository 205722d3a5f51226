"""What the saved outputs of an assignment's checks tell: which exercises pass, fail or were not tried, and the points.

A notebook that cannot be read, or that Colab has stripped of nbgrader's metadata, stops nothing. Left out: running
anything, and the instructor's hidden checks.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

PASSED, FAILED, UNTRIED = "passed", "failed", "not attempted"


class Unreadable(Exception):
    """A file that is no notebook; the message says why."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: the points it can give, those that your last check gave, and how it stands."""

    name: str
    heading: str
    points: float
    score: float
    status: str


@dataclass(frozen=True)
class Assignment:
    """A notebook of exercises; `path` is your copy, or the course's where you have none, `problem` why it is unread."""

    week: str
    path: Path
    exercises: list[Exercise] = field(default_factory=list)
    problem: str = ""

    @property
    def title(self) -> str:
        """The week and the theme: `Week 1: attention`."""
        return f"Week {int(self.week[-2:])}: {self.path.stem}"

    def named(self, status: str) -> list[str]:
        """The exercises that stand so."""
        return [exercise.name for exercise in self.exercises if exercise.status == status]


def load(path: Path) -> dict:
    """The notebook in a file. Raises Unreadable."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Unreadable("it is not there") from None
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or "it is not JSON") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise Unreadable("it holds no cells")
    return notebook


def joined(text: object) -> str:
    """A notebook's text, which is a string or a list of lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text or "")


def judged(outputs: object, points: float) -> tuple[float, str]:
    """The score and the status that a check's saved outputs tell."""
    score, failed = 0.0, False
    for output in filter(lambda output: isinstance(output, dict), outputs if isinstance(outputs, list) else []):
        data = output.get("data")
        plain = joined(data.get("text/plain")) if isinstance(data, dict) else ""
        if re.fullmatch(r"\d+(\.\d+)?", plain.strip()):
            score = min(float(plain), points)
        failed |= output.get("output_type") == "error"
    return score, PASSED if score >= points else FAILED if failed or score else UNTRIED


def read_assignment(given: Path, work: Path) -> Assignment:
    """The exercises of a notebook in assignments/, with what the checks in the learner's copy of it came to."""
    week = given.parent.name
    name = f"{week}/{given.name}"
    mine = work / name
    try:
        asked = load(given)["cells"]
    except Unreadable as error:
        return Assignment(week, given, problem=f"assignments/{name} cannot be read: {error}.")
    try:
        cells, problem = (load(mine)["cells"] if mine.exists() else []), ""
    except Unreadable as error:
        cells, problem = [], f"work/{name} cannot be read: {error}."
    outputs = {about(cell).get("grade_id"): cell.get("outputs") for cell in cells}
    by_source = {joined(cell.get("source")).strip(): cell.get("outputs") for cell in cells}
    headings = {about(cell).get("grade_id"): joined(cell.get("source")).partition("\n")[0] for cell in asked}
    exercises = []
    for cell in asked:
        points = about(cell).get("points")
        if about(cell).get("grade") and points:
            check = str(about(cell)["grade_id"])
            exercise = check.removesuffix("-check")
            found = outputs.get(check) or by_source.get(joined(cell.get("source")).strip())
            heading = headings.get(f"{exercise}-prompt", "").lstrip("# ")
            exercises.append(Exercise(exercise, heading, float(points), *judged(found, float(points))))
    return Assignment(week, mine if mine.exists() else given, exercises, problem)


def about(cell: dict) -> dict:
    """What nbgrader keeps of a cell; empty where that is lost."""
    metadata = cell.get("metadata")
    kept = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return kept if isinstance(kept, dict) else {}
