"""The students as an LMS knows them: the file that Canvas's or Moodle's gradebook exports, and whose work is whose.

Read are the English exports. A column that another language names otherwise can be told by name.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from grader.classroom import ClassroomError

CANVAS = ("ID", "SIS User ID", "SIS Login ID", "Integration ID")
MOODLE = ("Username", "ID number", "Email address")
NAMES = ("First name", "Last name", "Surname", "Full name")
POINTS = "Points Possible"
_SEPARATORS = ",;\t"
_CANVAS_DOWNLOAD = re.compile(r"[^_]+(?:_late)?_(\d+)_\d+(?:_.*)?", re.IGNORECASE)
_MOODLE_DOWNLOAD = re.compile(r"(.+)_\d+")


@dataclass(frozen=True)
class Roster:
    """An LMS's list of students.

    Attributes:
        header: its columns, as the LMS names them.
        identity: those of them that say who somebody is, names included.
        keys: those of `identity` of which one value is one person's.
        rows: {column: cell}, one a student.
        points: {column: what the LMS says an assignment is worth}; Moodle does not say.
    """

    header: tuple[str, ...]
    identity: tuple[str, ...]
    keys: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    points: Mapping[str, str]

    def name(self, row: dict[str, str]) -> str:
        """Return a student's name as the LMS shows it."""
        parts = [row.get(column, "") for column in ("Student", *NAMES)]
        return " ".join(filter(None, parts)) or row[self.keys[0]]

    def column_of(self, assignment: str) -> str | None:
        """Return the column that is an assignment's: its title alone, with Canvas's number or in Moodle's words."""
        title = re.compile(rf"(?:Assignment: *)?{re.escape(assignment)}(?: \((?:\d+|Real)\))?", re.IGNORECASE)
        return next((column for column in self.header if title.fullmatch(column.strip())), None)

    def places(self, student: str, email: str = "", lms_id: str = "") -> list[int]:
        """Return where in `rows` a student of the gradebook may be: one place where all is well.

        A student is known by a key, or by the name that a file has in the LMS's own download of submissions.
        """
        for known in filter(None, (lms_id, student, email)):
            if found := self._by_key.get(_folded(known)):
                return sorted(found)
        if "ID" in self.keys and (found := _CANVAS_DOWNLOAD.fullmatch(student)):
            return [place for place, row in enumerate(self.rows) if row["ID"] == found[1]]
        if found := _MOODLE_DOWNLOAD.fullmatch(student):
            name = _folded(found[1])
            return [place for place, row in enumerate(self.rows) if _folded(self.name(row)) == name]
        return []

    @cached_property
    def _by_key(self) -> dict[str, set[int]]:
        index: dict[str, set[int]] = {}
        for place, row in enumerate(self.rows):
            for key in self.keys:
                if row[key]:
                    index.setdefault(_folded(row[key]), set()).add(place)
        return index


def canvas(path: Path, by: str | None = None) -> Roster:
    """Read what Canvas's gradebook exports (Grades, Export, Export Entire Gradebook).

    Raises:
        ClassroomError: when it is no such file.
    """
    header, rows = _table(path)
    if "Section" not in header or "ID" not in header[:3]:
        raise ClassroomError(f"{path}: no gradebook of Canvas: its first line names no columns Student, ID and Section")
    identity = header[: header.index("Section") + 1]
    points = next((row for row in rows if POINTS in row[header[0]]), {})
    people = [row for row in rows if row is not points and row[header[0]].strip() and row["ID"]]
    people = [row for row in people if row[header[0]] != "Student, Test"]  # Canvas's own, for the teacher's view
    return _roster(path, header, identity, CANVAS, people, by, points)


def moodle(path: Path, by: str | None = None) -> Roster:
    """Read what Moodle's gradebook exports (Grades, Export, Plain text file).

    Raises:
        ClassroomError: when it is no such file.
    """
    header, rows = _table(path)
    identity = tuple(one for one in header if one in (*NAMES, *MOODLE, by))
    return _roster(path, header, identity, MOODLE, rows, by, {})


def _roster(
    path: Path,
    header: tuple[str, ...],
    identity: tuple[str, ...],
    known: tuple[str, ...],
    rows: list[dict[str, str]],
    by: str | None,
    points: Mapping[str, str],
) -> Roster:
    if by and by not in identity:
        raise ClassroomError(f"{path}: no column {by!r} that says who somebody is; there are {', '.join(header)}")
    keys = (by,) if by else tuple(column for column in identity if column in known)
    if not keys:
        wanted = ", ".join(known)
        raise ClassroomError(f"{path}: none of the columns {wanted}; name the one that students are known by with --by")
    if not rows:
        raise ClassroomError(f"{path}: no students in it")
    return Roster(header, identity, keys, tuple(rows), points)


def _table(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ClassroomError(f"{path}: not UTF-8; export it again and do not save it from a spreadsheet") from error
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    except csv.Error as error:
        raise ClassroomError(f"{path}: no CSV file: {error}") from error
    header = tuple(cell.strip() for cell in lines[0]) if lines else ()
    filled = [line for line in lines[1:] if any(cell.strip() for cell in line)]
    if uneven := [line for line in filled if len(line) != len(header)]:
        raise ClassroomError(f"{path}: {len(uneven[0])} cells for {len(header)} columns in {uneven[0][0]!r}")
    return header, [dict(zip(header, map(str.strip, line), strict=True)) for line in filled]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip()).casefold()
