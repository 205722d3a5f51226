"""All that a course's folder says about a class, in a form in which two of them can be compared."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, inspect, text

GRADES = """
SELECT student.id, base_cell.name, auto_score, manual_score, extra_credit, needs_manual_grade
FROM student
LEFT JOIN submitted_assignment ON student_id = student.id
LEFT JOIN submitted_notebook ON submitted_notebook.assignment_id = submitted_assignment.id
LEFT JOIN grade ON grade.notebook_id = submitted_notebook.id
LEFT JOIN base_cell ON base_cell.id = grade.cell_id
"""
COMMENTS = """
SELECT student_id, base_cell.name, auto_comment, manual_comment
FROM comment
JOIN base_cell ON base_cell.id = comment.cell_id
JOIN submitted_notebook ON comment.notebook_id = submitted_notebook.id
JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id
"""
CELLS = """
SELECT base_cell.name, base_cell.type, max_score FROM base_cell LEFT JOIN grade_cells ON grade_cells.id = base_cell.id
"""
SOURCES = "SELECT name, cell_type, locked, source, checksum FROM source_cell"
QUERIES = {"grades": GRADES, "comments": COMMENTS, "cells": CELLS, "sources": SOURCES}


def standing(course: Path, book: str = "") -> dict[str, Any]:
    """Return the journal, the gradebook's rows and the autograded notebooks, without what chance or a clock decides.

    Args:
        course: its root.
        book: the gradebook's address; SQLite in the course where not said.
    """
    rows = _gradebook(book or f"sqlite:///{course / '.class/gradebook.db'}")
    return {"journal": _journal(course), **rows, "autograded": _autograded(course)}


def times_recorded(course: Path) -> Counter:
    """Count the whole lines of the journal by key."""
    return Counter(record["key"] for record in _records(course))


def _journal(course: Path) -> dict[str, Any]:
    verdicts = {record["key"]: record["verdict"] for record in _records(course)}
    for verdict in verdicts.values():
        del verdict["json"]["seconds"]
    return verdicts


def _records(course: Path) -> list[dict]:
    records = []
    for line in (course / ".class/grader/week01.journal").read_bytes().splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue  # cut short by a kill
    return records


def _gradebook(book: str) -> dict[str, Any]:
    engine = create_engine(book)
    with engine.connect() as connection:
        names = inspect(engine).get_table_names()
        tables = {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in names}
        rows = {name: sorted(map(_plain, connection.execute(text(query)))) for name, query in QUERIES.items()}
    engine.dispose()
    return {"tables": tables, **rows}


def _plain(row: tuple) -> str:
    """A row as text that is the same whatever the database has for true and false."""
    return str([float(value) if isinstance(value, (bool, int)) else value for value in row])


def _autograded(course: Path) -> dict[str, Any]:
    found = {}
    for path in sorted((course / "autograded").rglob("*")):
        if path.is_file():
            notebook = json.loads(path.read_bytes())
            for cell in notebook["cells"]:
                cell.pop("id", None)  # that of a student's further cell is drawn
            found[str(path.relative_to(course))] = notebook
    return found
