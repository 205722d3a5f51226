"""`grader export`: the gradebook's marks as a CSV file that Canvas or Moodle imports, or as a plain table.

Only marks that are final and whose owner the LMS knows are written; everybody else is named, none is given a zero.
"""

import argparse
import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from grader import roster as lms
from grader.classroom import Classroom, ClassroomError, here
from grader.commands.console import command, console
from grader.whole import replacing

GRADED, WAITS, ABSENT = "graded", "waits for review", "not handed in"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PLAIN_KEY = re.compile(r"[\w.@+-]+")  # no formula can be written with these alone


@dataclass(frozen=True)
class Mark:
    """What the gradebook says of one student's assignment.

    Attributes:
        score: points, late penalty taken off; None where there is no final one.
        penalty: the points taken off.
        state: graded, waits for review, or not handed in.
    """

    student: str
    first: str
    last: str
    email: str
    lms_id: str
    score: float | None
    penalty: float
    state: str


@dataclass
class Sheet:
    """A table to be written, and what people must know of it.

    Attributes:
        rows: the first is the header.
        marks: how many marks are in it.
        left_out: "ada: why", one for each graded student who is not in it.
        notes: other things to know.
    """

    rows: list[list[str]]
    marks: int = 0
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add `grader export` to the command's parsers."""
    about, example = "write marks as a CSV file that Canvas or Moodle imports", "grader export week01 --format canvas"
    export = command(commands, "export", about, f"{example} --roster grades.csv")
    export.set_defaults(run=run)
    export.add_argument("assignment", help="for example week01")
    export.add_argument("--format", choices=["canvas", "moodle", "csv"], default="csv", help="who reads it (csv: you)")
    export.add_argument("--roster", type=Path, metavar="FILE", help="what the LMS's gradebook exports, to match names")
    export.add_argument("--by", metavar="COLUMN", help="the roster's column that the gradebook's names stand in")
    export.add_argument("--column", metavar="TITLE", help="the LMS's column for these marks; otherwise the week's name")
    export.add_argument("--output", type=Path, metavar="FILE", help="otherwise exported/WEEK-FORMAT.csv")


def run(options: argparse.Namespace) -> int:
    """Write the file and name who is not in it; 1 where somebody's graded work is not."""
    classroom, week = here(), options.assignment
    marks, points = read_marks(classroom, week)
    if not any(mark.state == GRADED for mark in marks):
        raise ClassroomError(f"no mark of {week} is final yet; `grader autograde {week}` and `grader review {week}`")
    sheet = _sheet(options, marks, points)
    output = options.output or classroom.root / "exported" / f"{week}-{options.format}.csv"
    if not options.output:
        output.parent.mkdir(exist_ok=True)
    if output.is_dir():
        raise ClassroomError(f"{output} is a folder; name a file for the marks")
    if sheet.marks:
        _write(output, sheet.rows)
        said = f"{output}: {sheet.marks} marks of {week}, of {number(points)} points each."
    else:
        said = f"Nothing was written: no final mark of {week} has an owner that the file can name."
    console.print(said, markup=False)
    for line in sheet.notes:
        console.print(line, markup=False)
    if sheet.left_out:
        console.print("Handed in, with no mark in the file:", style="red")
        for line in sheet.left_out:
            console.print(f"  {line}", markup=False)
    return 1 if sheet.left_out else 0


def read_marks(classroom: Classroom, week: str) -> tuple[list[Mark], float]:
    """Return the marks of every student in the gradebook, and what the assignment is worth.

    Raises:
        ClassroomError: when the gradebook does not know the assignment.
    """
    from nbgrader.api import Gradebook, MissingEntry
    from sqlalchemy.engine import make_url

    unknown = ClassroomError(f"{week} is not in the gradebook; `grader release {week}` puts it there")
    url = make_url(classroom.db_url)
    if url.drivername.startswith("sqlite") and not Path(url.database).is_file():
        raise unknown  # to look would make one
    with Gradebook(classroom.db_url, classroom.course_id) as book:
        try:
            assignment = book.find_assignment(week)
        except MissingEntry as error:
            raise unknown from error
        handed_in = {one.student_id: one for one in assignment.submissions}
        people = sorted(book.students, key=lambda one: one.id)
        return [_mark(one, handed_in.get(one.id)) for one in people], assignment.max_score


def _mark(student: object, submission: object | None) -> Mark:
    score, penalty, state = None, 0.0, ABSENT
    if submission is not None:
        state = WAITS if submission.needs_manual_grade else GRADED
        penalty = submission.late_submission_penalty or 0.0
        score = max(0.0, submission.score - penalty) if state == GRADED else None
    names = (student.first_name, student.last_name, student.email, student.lms_user_id)
    return Mark(student.id, *(one or "" for one in names), score, penalty, state)


def _sheet(options: argparse.Namespace, marks: list[Mark], points: float) -> Sheet:
    if options.format == "csv":
        if options.roster or options.by or options.column:
            raise ClassroomError("--roster, --by and --column are for --format canvas or moodle")
        return table(options.assignment, marks, points)
    if not options.roster:
        if options.by:
            raise ClassroomError("--by names a column of the roster; name the roster too: --roster FILE")
        return without_roster(options.format, options.column or options.assignment, marks, points)
    read: Callable[..., lms.Roster] = getattr(lms, options.format)
    roster = read(options.roster, options.by)
    column = options.column or roster.column_of(options.assignment) or options.assignment
    sheet = for_lms(options.format, column, marks, points, roster)
    if column not in roster.header:
        sheet.notes.append(f"The roster has no column {column!r}: the LMS makes a new one, or name one with --column.")
    return sheet


def table(week: str, marks: list[Mark], points: float) -> Sheet:
    """Everybody, one a row, with no mark where there is no final one."""
    sheet = Sheet([["assignment", "student", "last_name", "first_name", "email", "score", "penalty", "of", "state"]])
    for mark in marks:
        person = map(defused, (mark.student, mark.last, mark.first, mark.email))
        result = (number(mark.score), number(mark.penalty), number(points), mark.state)
        sheet.rows.append([week, *person, *result])
        sheet.marks += mark.score is not None
    sheet.notes = _not_final(marks)
    sheet.left_out = [f"{mark.student}: {WAITS}" for mark in marks if mark.state == WAITS]
    return sheet


def without_roster(to: str, column: str, marks: list[Mark], points: float) -> Sheet:
    """For an LMS whose logins are the gradebook's names."""
    header = ["Student", "ID", "SIS Login ID", "Section", column] if to == "canvas" else ["Username", column]
    sheet = Sheet([header])
    if to == "canvas":
        sheet.rows.append([f"    {lms.POINTS}", "", "", "", number(points)])
    for mark in marks:
        if mark.state == GRADED and not is_formula(mark.student):
            name = defused(", ".join(filter(None, (mark.last, mark.first))) or mark.student)
            person = [name, "", mark.student, ""] if to == "canvas" else [mark.student]
            sheet.rows.append([*person, number(mark.score)])
            sheet.marks += 1
        elif mark.state != ABSENT:
            why = WAITS if mark.state == WAITS else "this name would be a formula in a spreadsheet"
            sheet.left_out.append(f"{mark.student}: {why}")
    login = "SIS Login ID" if to == "canvas" else "Username"
    said = f"With no --roster, nobody was looked up: the gradebook's names stand under {login}."
    sheet.notes = [said, *_not_final(marks), *_too_much(to, marks)]
    return sheet


def for_lms(to: str, column: str, marks: list[Mark], points: float, roster: lms.Roster) -> Sheet:
    """The rows of the LMS's own roster that have a final mark."""
    sheet = Sheet([[*roster.identity, column]])
    if to == "canvas":
        worth = roster.points.get(column) or number(points)
        sheet.rows.append([f"    {lms.POINTS}", *[""] * (len(roster.identity) - 1), worth])
        if not _is(worth, points):
            sheet.notes.append(f"Canvas has {column!r} at {worth} points, the gradebook at {number(points)}.")
    owners: dict[int, list[Mark]] = {}
    for mark in marks:
        found = roster.places(mark.student, mark.email, mark.lms_id)
        if len(found) == 1:
            owners.setdefault(found[0], []).append(mark)
        elif mark.state != ABSENT:
            why = f"{len(found)} students of the roster may be meant" if found else "not in the roster"
            sheet.left_out.append(f"{mark.student}: {why}")
    for place, mine in sorted(owners.items()):
        row = roster.rows[place]
        handed_in = [mark for mark in mine if mark.state != ABSENT]
        if why := _why_not(handed_in, roster, row):
            sheet.left_out += [f"{mark.student}: {why}" for mark in handed_in]
        elif handed_in:
            sheet.rows.append([*_person(roster, row), number(handed_in[0].score)])
            sheet.marks += 1
    absent = [roster.name(row) for place, row in enumerate(roster.rows) if not _handed_in(owners.get(place, []))]
    if absent:
        sheet.notes.append(f"In the roster, with nothing handed in, and no mark here: {'; '.join(absent)}.")
    sheet.notes += _too_much(to, marks)
    return sheet


def _is(worth: str, points: float) -> bool:
    try:
        return float(worth.replace(",", ".")) == points
    except ValueError:  # Canvas's own words: (read only)
        return False


def _handed_in(marks: list[Mark]) -> bool:
    return any(mark.state != ABSENT for mark in marks)


def _why_not(marks: list[Mark], roster: lms.Roster, row: dict[str, str]) -> str:
    if len(marks) > 1:
        return f"{' and '.join(mark.student for mark in marks)} are one student in the roster, {roster.name(row)}"
    if any(mark.state == WAITS for mark in marks):
        return WAITS
    if any(is_formula(row[column]) for column in roster.keys):
        return "what the roster knows this student by would be a formula in a spreadsheet"
    return ""


def _person(roster: lms.Roster, row: dict[str, str]) -> list[str]:
    """The LMS finds a student by a key, which must stay as it is; a name is for people and may be defused."""
    return [row[column] if column in roster.keys else defused(row[column]) for column in roster.identity]


def _not_final(marks: Iterable[Mark]) -> list[str]:
    absent = [mark.student for mark in marks if mark.state == ABSENT]
    return [f"Nothing handed in, and no mark here: {', '.join(absent)}."] if absent else []


def _too_much(to: str, marks: Iterable[Mark]) -> list[str]:
    """Moodle refuses a whole file for one mark above 100, unless its administrator allows more."""
    above = to == "moodle" and any(mark.score and mark.score > 100 for mark in marks)
    return ["Some marks are above 100: Moodle takes them only where its site allows unlimited grades."] if above else []


def is_formula(key: str) -> bool:
    """Whether a spreadsheet would compute what stands for a person; `-ada` and `@ada` compute nothing."""
    return key.startswith(_FORMULA) and not _PLAIN_KEY.fullmatch(key)


def defused(text: str) -> str:
    """Return a text for people as one line, with a quote before what a spreadsheet would compute."""
    line = " ".join(text.split())
    return f"'{line}" if line.startswith(_FORMULA) else line


def number(value: float | None) -> str:
    """Return a number with a decimal point and five digits after it at most, as both LMSs read it."""
    if value is None:
        return ""
    return f"{value:.5f}".rstrip("0").rstrip(".")


def _write(path: Path, rows: list[list[str]]) -> None:
    """Write the file whole or not at all."""
    if not path.absolute().parent.is_dir():
        raise ClassroomError(f"{path.parent}: no such folder; make it first")
    with replacing(path, newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
