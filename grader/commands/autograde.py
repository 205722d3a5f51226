"""`grader autograde`: grade every submission of an assignment."""

import argparse
import importlib
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from grader.commands.console import command, console

if TYPE_CHECKING:
    from grader.batch import Batch


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    example = "grader autograde week01 --submitted canvas.zip --json report.json"
    autograde = command(commands, "autograde", "grade every submission of an assignment", example)
    autograde.set_defaults(run=run)
    autograde.add_argument("assignment", help="for example week01")
    autograde.add_argument("--submitted", type=Path, metavar="DIR", help="nbgrader's folder, a flat folder, or a zip")
    autograde.add_argument("--json", type=Path, metavar="FILE", help="write the full report here")
    autograde.add_argument("--jobs", type=int, default=_cores(), metavar="N", help="processes (one a core)")
    autograde.add_argument("--seed", help="a section's own instead of the assignment's; or to reproduce a run")
    autograde.add_argument("--student", action="append", metavar="NAME", help="only this one; may be repeated")
    autograde.add_argument("--force", action="store_true", help="grade anew what the journal knows")
    autograde.add_argument("--scheduler", metavar="ADDRESS", help="grade on the workers of a Dask cluster")
    autograde.add_argument("--isolation", choices=["full", "none"], default="full", help="none: every report says so")
    autograde.add_argument("--no-gradebook", action="store_true", help="only the report; leave the gradebook alone")


def run(options: argparse.Namespace) -> int:
    """Grade, write the gradebook and the report, and say how it went."""
    from grader.assignment import exercises_of, released
    from grader.batch import grade
    from grader.classroom import ClassroomError, here
    from grader.intake import find
    from grader.journal import Journal
    from grader.pools import DaskPool, LocalPool
    from grader.settings import Settings

    classroom = here()
    if options.json and not options.json.absolute().parent.is_dir():
        raise ClassroomError(f"{options.json.parent}: no such folder for the report; make it first")
    if options.json and options.json.is_dir():
        raise ClassroomError(f"{options.json} is a folder; name a file for the report")
    week = options.assignment
    templates = released(classroom.root, week)
    exercises = {name: exercises_of(template) for name, template in templates.items()}
    found = find(options.submitted or classroom.folder("submitted"), week, exercises)
    if not found:
        console.print(f"No submissions of {week}. Collect them first, or name a folder with --submitted.")
        return 1
    if options.student:
        if missing := set(options.student) - {one.student for one in found}:
            raise ClassroomError(f"no submission of {week} by {', '.join(sorted(missing))}; is the name right?")
        found = [one for one in found if one.student in options.student]
    seed = options.seed or classroom.seed(week)
    settings = Settings(classroom.root, week, seed, options.isolation)
    quiet = LocalPool(settings, 1)
    if options.scheduler:
        pool = DaskPool(settings, options.scheduler)
    else:
        pool = LocalPool(settings, min(options.jobs, len(found)), _load_the_gradebook)
    with _progress() as progress, Journal(classroom.private / f"{week}.journal") as journal:
        task = progress.add_task("Grading", total=len(found))
        batch = grade(settings, found, pool, journal, quiet, lambda _: progress.advance(task), options.force)
        if not options.no_gradebook:
            task = progress.add_task("Gradebook", total=len(found))
            from grader.gradebook import Ledger

            with Ledger(classroom, week, templates) as ledger:
                for _ in ledger.write(batch.verdicts()):
                    progress.advance(task)
        if options.json:
            batch.write_json(options.json)
    _summary(batch)
    if left_alone := sorted(templates.keys() - {one.notebook for one in found}):
        console.print(f"Nobody handed in {' or '.join(left_alone)}: left as it was.")
    return 0


def _cores() -> int | None:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _load_the_gradebook() -> None:
    """Load nbgrader, and what finds near-duplicates, while the workers load torch."""
    # jsonschema would compile a grammar of addresses for a second; no notebook's schema asks for one.
    sys.modules.setdefault("rfc3987_syntax", None)
    importlib.import_module("grader.likeness")
    importlib.import_module("grader.gradebook")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )


def _summary(batch: "Batch") -> None:
    counts = Counter(one.status for one in batch.outcomes)
    said = ", ".join(f"{number} {status.replace('_', ' ')}" for status, number in counts.items())
    console.print(f"{batch.settings.week}: {said}, in {batch.seconds:.1f} s.")
    if batch.settings.isolation != "full":
        console.print(
            "Graded with --isolation=none: student code ran unconfined, and every report says so.", style="red"
        )
    for student, notebook, status, error in batch.outcomes:
        if status != "graded":
            console.print(f"  {student}, {notebook}: {status.replace('_', ' ')}: {error}", markup=False)
