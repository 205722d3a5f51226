"""The `grader` command: grade a class, write feedback, see what this machine can isolate."""

import argparse
import importlib
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from grader.batch import Batch

console = Console(stderr=True, highlight=False)


def main() -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args()
    try:
        return _told(options)
    except ModuleNotFoundError as error:
        said = f"the Python package {error.name!r} is missing; extra `grading` of this course brings what grading needs"
        console.print(f"grader: {said}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. What was graded is in the journal; run the same command again to go on.")
        return 130


def _told(options: argparse.Namespace) -> int:
    """Run a command; what a user can mend is told in one line."""
    from sqlalchemy.exc import SQLAlchemyError

    from grader.assignment import AssignmentError
    from grader.classroom import ClassroomError
    from grader.intake import IntakeError
    from grader.sandbox import SandboxError

    ours = (AssignmentError, ClassroomError, IntakeError, SandboxError, FileNotFoundError, PermissionError)
    try:
        return options.run(options)
    except ours as error:
        said = str(error)
    except SQLAlchemyError as error:
        said = f"the gradebook (db_url in nbgrader_config.py) cannot be used: {str(error).splitlines()[0]}"
    console.print(f"grader: {said}", style="red", markup=False, soft_wrap=True)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grader", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    autograde = commands.add_parser("autograde", help="grade every submission of an assignment")
    autograde.set_defaults(run=_autograde)
    autograde.add_argument("assignment", help="for example week01")
    autograde.add_argument("--submitted", type=Path, metavar="DIR", help="nbgrader's folder, a flat folder, or a zip")
    autograde.add_argument("--json", type=Path, metavar="FILE", help="write the full report here")
    autograde.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="processes (one a core)")
    autograde.add_argument("--seed", help="instead of the assignment's own; for tests and to reproduce a run")
    autograde.add_argument("--student", action="append", metavar="NAME", help="only this one; may be repeated")
    autograde.add_argument("--force", action="store_true", help="grade anew what the journal knows")
    autograde.add_argument("--scheduler", metavar="ADDRESS", help="grade on the workers of a Dask cluster")
    autograde.add_argument("--isolation", choices=["full", "none"], default="full", help="none: every report says so")
    autograde.add_argument("--no-gradebook", action="store_true", help="only the report; leave the gradebook alone")

    feedback = commands.add_parser("feedback", help="write a page for each graded submission")
    feedback.set_defaults(run=_feedback)
    feedback.add_argument("assignment", help="for example week01")
    feedback.add_argument("--student", action="append", metavar="NAME", help="only this one; may be repeated")

    doctor = commands.add_parser("doctor", help="say which isolation layers hold on this machine")
    doctor.set_defaults(run=_doctor)
    return parser


def _autograde(options: argparse.Namespace) -> int:
    from grader.assignment import exercises_of, released
    from grader.batch import grade
    from grader.classroom import Classroom, ClassroomError
    from grader.intake import find
    from grader.journal import Journal
    from grader.pools import DaskPool, LocalPool
    from grader.settings import Settings

    classroom = Classroom(Path.cwd())
    if options.json and not options.json.absolute().parent.is_dir():
        raise ClassroomError(f"{options.json.parent}: no such folder for the report; make it first")
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


def _feedback(options: argparse.Namespace) -> int:
    from grader.classroom import Classroom
    from grader.feedback import write_feedback

    written = write_feedback(Classroom(Path.cwd()), options.assignment, options.student)
    if not written:
        console.print(
            f"Nothing of {options.assignment} is graded yet: run `grader autograde {options.assignment}` first."
        )
        return 1
    console.print(f"{len(written)} pages. `nbgrader release_feedback {options.assignment}` hands them out.")
    return 0


def _doctor(_: argparse.Namespace) -> int:
    from grader.sandbox import probe

    layers = probe()
    table = Table("layer", "holds", "what is known", "to mend it")
    for layer in layers:
        style = None if layer.holds else "red" if layer.required else "yellow"
        table.add_row(layer.name, "yes" if layer.holds else "no", layer.detail, layer.mend, style=style)
    Console().print(table)
    return 1 if any(layer.required and not layer.holds for layer in layers) else 0


if __name__ == "__main__":
    sys.exit(main())
