"""Feedback: one HTML page a submission, put where nbgrader's `release_feedback` looks for it."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import nbformat
from jinja2 import Environment
from nbformat import NotebookNode
from nbgrader.api import Grade, Gradebook, MissingEntry, SubmittedNotebook

from grader.classroom import Classroom, receipts


@dataclass(frozen=True)
class Part:
    """One exercise on the page.

    Attributes:
        title: its heading in the notebook.
        status: passed, failed, not_attempted or error; empty where it was not graded.
        by_hand: its score is the instructor's own.
        page: the report's HTML.
        comment: what the instructor wrote.
    """

    name: str
    title: str
    status: str
    score: float
    max_score: float
    by_hand: bool
    page: str
    answer: str
    comment: str

    @property
    def mark(self) -> str:
        """✓ for full points, ◐ for some, ✗ for none, – for nothing to give points for."""
        if self.score >= self.max_score:
            return "✓"
        if self.score:
            return "◐"
        return "✗" if self.status in ("failed", "error") else "–"


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
            for receipt in receipts(classroom.folder("submitted") / student / week):
                (page.parent / receipt.name).write_bytes(receipt.read_bytes())
            written.append(page)
    return written


def _page(week: str, student: str, path: Path, graded: SubmittedNotebook) -> str:
    notebook = nbformat.read(path, as_version=4)
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    places = list(cells)
    comments = {comment.cell.name: comment.manual_comment or "" for comment in graded.comments}
    grades = sorted(graded.grades, key=lambda grade: places.index(grade.cell.name))
    penalty = graded.late_submission_penalty or 0
    template = (resources.files("grader") / "data" / "feedback.html").read_text(encoding="utf-8")
    return (
        Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        .from_string(template)
        .render(
            title=_title(cells.get("title"), path.stem),
            week=week,
            student=student,
            score=max(0.0, graded.score - penalty),
            max_score=graded.max_score,
            penalty=penalty,
            about=notebook.metadata.get("grader", {}),
            parts=[_part(grade, cells, comments) for grade in grades],
        )
    )


def _part(grade: Grade, cells: dict[str, NotebookNode], comments: dict[str, str]) -> Part:
    name = grade.cell.name.removesuffix("-check")
    output = next(iter(cells[grade.cell.name].outputs), {})
    return Part(
        name=name,
        title=_title(cells.get(f"{name}-prompt"), name),
        status=output.get("metadata", {}).get("grader", {}).get("status", ""),
        score=grade.score or 0.0,
        max_score=grade.max_score,
        by_hand=grade.manual_score is not None,
        page=output.get("data", {}).get("text/html", ""),
        answer=cells[name].source if name in cells else "",
        comment=comments.get(name, ""),
    )


def _title(cell: NotebookNode | None, otherwise: str) -> str:
    """Return the heading that a Markdown cell begins with."""
    first = cell.source.partition("\n")[0] if cell else ""
    return first.lstrip("#").strip() or otherwise
