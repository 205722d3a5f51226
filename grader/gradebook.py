"""The one writer into nbgrader's gradebook and its autograded folder. A submission is written whole or not at all."""

import os
import tempfile
from pathlib import Path
from types import TracebackType

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI

from grader.autograded import autograded
from grader.classroom import Classroom, ClassroomError
from grader.verdict import Verdict


class Ledger:
    """Writes verdicts of one assignment. Writing one again changes nothing; manual scores stay.

    Args:
        classroom: the class.
        week: the assignment.
        template: the released notebook.
    """

    def __init__(self, classroom: Classroom, week: str, template: dict):
        self._classroom, self._week, self._template = classroom, week, template
        self._gradebook = Gradebook(classroom.db_url, classroom.course_id)
        try:
            self._gradebook.find_assignment(week)
        except MissingEntry:
            self._register()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._gradebook.close()

    def _register(self) -> None:
        outcome = NbGraderAPI(config=self._classroom.config).generate_assignment(self._week, force=True)
        if not outcome["success"]:
            command = f"nbgrader generate_assignment {self._week}"
            raise ClassroomError(
                f"{self._week} is not in the gradebook and cannot be put there; see what `{command}` says"
            )

    def write(self, verdict: Verdict) -> None:
        """Write one submission's notebook, then its scores."""
        report = verdict.json
        folder = self._classroom.folder("autograded") / report["student"] / self._week
        _write_whole(folder / f"{report['notebook']}.ipynb", nbformat.writes(autograded(self._template, verdict)))
        self._gradebook.update_or_create_student(report["student"])
        submission = self._gradebook.update_or_create_submission(self._week, report["student"])
        notebook = next(one for one in submission.notebooks if one.name == report["notebook"])
        exercises = {one["name"]: one for one in report["exercises"]}
        for grade in notebook.grades:
            exercise = exercises.get(grade.cell.name.removesuffix("-check"))
            grade.auto_score = exercise["score"] if exercise else None
            grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
        for comment in notebook.comments:
            attempted = exercises.get(comment.cell.name, {}).get("status") != "not_attempted"
            comment.auto_comment = None if attempted else "No response."
        self._gradebook.db.commit()


def _write_whole(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as draft:
        draft.write(text)
    os.chmod(draft.name, 0o644)
    os.replace(draft.name, path)
