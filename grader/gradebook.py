"""The one writer into nbgrader's gradebook and its autograded folder. A submission is written whole or not at all."""

import copy
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from types import TracebackType

import nbformat
from nbgrader import api
from nbgrader.apps import NbGraderAPI
from nbgrader.utils import is_grade, is_locked, is_solution, is_task, parse_utc
from sqlalchemy import insert, select, text, update

from grader.autograded import autograded
from grader.classroom import Classroom, ClassroomError, receipts
from grader.verdict import Verdict

TOGETHER = 50  # submissions in one transaction: the journal has them all, so that a crash costs no more than a rerun


class Ledger:
    """Writes verdicts of one assignment. Writing one again changes nothing; manual scores stay.

    Args:
        classroom: the class.
        week: the assignment.
        templates: the released notebooks, by name.
    """

    def __init__(self, classroom: Classroom, week: str, templates: dict[str, dict]):
        self._classroom, self._week, self._templates = classroom, week, templates
        self._gradebook = api.Gradebook(classroom.db_url, classroom.course_id)
        self._db = self._gradebook.db
        self._stamp()
        if not all(map(self._has, templates)):
            self._register()
        self._assignment = self._gradebook.find_assignment(week)

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._gradebook.close()

    def _stamp(self) -> None:
        """A gradebook in whose making nbgrader was stopped lacks its version: `nbgrader db upgrade` looks for it."""
        self._db.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)"))
        if not self._db.scalar(text("SELECT count(*) FROM alembic_version")):
            values = {"version": api.get_alembic_version()}
            self._db.execute(text("INSERT INTO alembic_version (version_num) VALUES (:version)"), values)
        self._db.commit()

    def _has(self, notebook: str) -> bool:
        """Whether the gradebook knows a released notebook with all cells and points: nbgrader may have been stopped."""
        cells = nbformat.from_dict(self._templates[notebook]).cells
        names = {
            cell.metadata.nbgrader.grade_id
            for cell in cells
            if is_grade(cell) or is_solution(cell) or is_locked(cell) or is_task(cell)
        }
        try:
            known = self._gradebook.find_notebook(notebook, self._week)
        except api.MissingEntry:
            return False
        points = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points for cell in cells if is_grade(cell)}
        return names == {cell.name for cell in known.source_cells} and points == {
            cell.name: cell.max_score for cell in known.grade_cells
        }

    def _register(self) -> None:
        """Have nbgrader put the assignment into the gradebook; the released notebook is left as it is."""
        config = copy.deepcopy(self._classroom.config)
        with tempfile.TemporaryDirectory() as place:
            config.CourseDirectory.release_directory = place
            outcome = NbGraderAPI(config=config).generate_assignment(self._week, force=True)
        self._db.expire_all()
        if not outcome["success"]:
            command = f"nbgrader generate_assignment {self._week} --force"
            raise ClassroomError(
                f"{self._week} is not in the gradebook as it is now and cannot be put there; see what `{command}` says"
            )

    def write(self, verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
        """Write submissions' notebooks and scores; yield each verdict that is written."""
        verdicts = iter(verdicts)
        while some := list(islice(verdicts, TOGETHER)):
            for verdict in some:
                self._write_notebook(verdict)
            students = list(dict.fromkeys(verdict.json["student"] for verdict in some))
            self._enter(students)
            self._date(students)
            for name in dict.fromkeys(verdict.json["notebook"] for verdict in some):
                reports = [verdict.json for verdict in some if verdict.json["notebook"] == name]
                self._write_scores(name, {report["student"]: report for report in reports})
            self._db.commit()
            yield from some

    def _write_notebook(self, verdict: Verdict) -> None:
        folder = self._classroom.folder("autograded") / verdict.json["student"] / self._week
        name = verdict.json["notebook"]
        notebook = autograded(self._templates[name], verdict)
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{name}.draft"
        # Half of a surrogate pair becomes JSON's own escape.
        draft.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8", errors="backslashreplace")
        os.replace(draft, folder / f"{name}.ipynb")

    def _enter(self, students: list[str]) -> None:
        """Make the rows that nbgrader makes for a student and a submission, where there are none."""
        known = self._db.scalars(select(api.Student.id).where(api.Student.id.in_(students))).all()
        self._insert(api.Student, [{"id": one} for one in students if one not in known])
        submitted = api.SubmittedAssignment
        here = submitted.assignment_id == self._assignment.id, submitted.student_id.in_(students)
        known = self._db.scalars(select(submitted.student_id).where(*here)).all()
        new = [{"id": api.new_uuid(), "student_id": one} for one in students if one not in known]
        self._insert(submitted, [{**row, "assignment_id": self._assignment.id} for row in new])
        for notebook in self._assignment.notebooks:
            rows = [
                {"id": api.new_uuid(), "assignment_id": row["id"], "notebook_id": notebook.id, "flagged": False}
                for row in new
            ]
            self._insert(api.SubmittedNotebook, rows)
            graded, commented = [
                [
                    {"notebook_id": row["id"], "cell_id": cell.id}
                    for row in rows
                    for cell in [*cells, *notebook.task_cells]
                ]
                for cells in (notebook.grade_cells, notebook.solution_cells)
            ]
            self._insert(api.Grade, graded)
            self._insert(api.Comment, commented)

    def _date(self, students: list[str]) -> None:
        """Enter when each submission was handed in: the formgrader takes one with another date for a newer one."""
        submitted = api.SubmittedAssignment
        for student in students:
            left = {file.name: file for file in receipts(self._classroom.folder("submitted") / student / self._week)}
            if not (receipt := left.get("timestamp.txt")):
                continue
            told = receipt.read_text(errors="replace").strip()
            try:
                date = parse_utc(told)
            except (ValueError, OverflowError):
                continue
            one = submitted.assignment_id == self._assignment.id, submitted.student_id == student
            self._db.execute(update(submitted).where(*one).values(timestamp=date))
            copy = self._classroom.folder("autograded") / student / self._week / "timestamp.txt"
            copy.write_text(told)

    def _insert(self, table: type, rows: list[dict]) -> None:
        if rows:
            self._db.execute(insert(table), rows)

    def _write_scores(self, notebook: str, reports: dict[str, dict]) -> None:
        """Write the scores of one notebook. One that is missing beside others has 0, as nbgrader gives."""
        grades, comments = [], []
        exercises = {student: {one["name"]: one for one in report["exercises"]} for student, report in reports.items()}
        columns = api.Grade.manual_score, api.Grade.auto_score, api.Grade.needs_manual_grade
        for number, cell, student, manual, before, waits in self._rows(api.Grade, columns, notebook, reports):
            exercise = exercises[student].get(cell.removesuffix("-check"))
            missing = reports[student]["status"] == "missing"
            score = exercise["score"] if exercise else 0.0 if missing else None
            if manual is None or score != before:  # else somebody has looked at this very result
                waits = not missing and (manual is not None or score is None)
            grades.append({"id": number, "auto_score": score, "needs_manual_grade": waits})
        for number, cell, student in self._rows(api.Comment, (), notebook, reports):
            empty = exercises[student].get(cell, {}).get("status") == "not_attempted"
            comments.append({"id": number, "auto_comment": "No response." if empty else None})
        for table, rows in ((api.Grade, grades), (api.Comment, comments)):
            if rows:
                self._db.execute(update(table), rows)

    def _rows(self, table: type, columns: tuple, name: str, students: Iterable[str]) -> list:
        """Return (id, cell's name, student, *columns) of the students' rows for the notebook `name`."""
        number = self._gradebook.find_notebook(name, self._week).id
        submitted, notebook = api.SubmittedAssignment, api.SubmittedNotebook
        return self._db.execute(
            select(table.id, api.BaseCell.name, submitted.student_id, *columns)
            .join(api.BaseCell, table.cell_id == api.BaseCell.id)
            .join(notebook, table.notebook_id == notebook.id)
            .join(submitted, notebook.assignment_id == submitted.id)
            .where(
                submitted.assignment_id == self._assignment.id,
                notebook.notebook_id == number,
                submitted.student_id.in_(list(students)),
            )
        ).all()
