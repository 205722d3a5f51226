"""Feedback: one HTML page a submission, put where nbgrader's `release_feedback` looks for it."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import nbformat
from jinja2 import Environment
from nbgrader.api import Gradebook, MissingEntry

from grader.classroom import Classroom


@dataclass(frozen=True)
class Part:
    """One exercise on the page."""

    name: str
    score: float | None
    max_score: float
    page: str
    answer: str
    comment: str


def write_feedback(classroom: Classroom, week: str, students: list[str] | None = None) -> list[Path]:
    """Write the page of every autograded submission of `week`; return the paths.

    Manual scores and comments of the formgrader are on the page. No hidden check's source or input is, nor anything
    of the student's that a browser would run.
    """
    written = []
    with Gradebook(classroom.db_url, classroom.course_id) as gradebook:
        for path in sorted(classroom.folder("autograded").glob(f"*/{week}/*.ipynb")):
            student = path.parent.parent.name
            if students and student not in students:
                continue
            try:
                graded = gradebook.find_submission_notebook(path.stem, week, student)
            except MissingEntry:
                continue
            page = classroom.folder("feedback") / student / week / f"{path.stem}.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(_page(week, student, path, graded), encoding="utf-8")
            written.append(page)
    return written


def _page(week: str, student: str, path: Path, graded: object) -> str:
    cells = nbformat.read(path, as_version=4).cells
    by_id = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in cells}
    comments = {comment.cell.name: comment.comment or "" for comment in graded.comments}
    parts = []
    for grade in graded.grades:
        name = grade.cell.name.removesuffix("-check")
        html = next(
            (o.data["text/html"] for o in by_id[grade.cell.name].outputs if "text/html" in o.get("data", {})), ""
        )
        answer = by_id[name].source if name in by_id else ""
        parts.append(Part(name, grade.score, grade.max_score, html, answer, comments.get(name, "")))
    parts.sort(key=lambda part: [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in cells].index(part.name))
    template = (resources.files("grader") / "data" / "feedback.html").read_text(encoding="utf-8")
    heading = next((cell.source for cell in cells[:1] if "could not be graded" in cell.source), "")
    return (
        Environment(autoescape=True)
        .from_string(template)
        .render(
            week=week,
            student=student,
            notebook=path.stem,
            score=graded.score,
            max_score=graded.max_score,
            problem=heading.replace("**", ""),
            parts=parts,
        )
    )
