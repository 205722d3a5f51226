"""`grader release`: an assignment to the class, or the course's own copy to each learner."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from grader.commands.console import command, console

if TYPE_CHECKING:
    from grader.classroom import Classroom


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    about = "give an assignment to the class; with --student, make the learners' own copy of the course"
    examples = ("grader release week01", "grader release --student handout/course --weeks week01 week02")
    release = command(commands, "release", about, *examples)
    release.set_defaults(run=run)
    release.add_argument("assignment", nargs="*", help="for example week01")
    release.add_argument("--student", type=Path, metavar="DIR", help="make DIR and DIR.zip to hand out: no solutions")
    release.add_argument(
        "--weeks", nargs="+", default=[], metavar="WEEK", help="of the copy; all that are built if none"
    )
    release.add_argument("--exchange", default="", metavar="PATH", help="of the copy: where its learners hand in")


def run(options: argparse.Namespace) -> int:
    """Release, and say what to do next."""
    from grader.classroom import ClassroomError, here

    classroom = here()
    if options.student:
        return _copy(classroom, options)
    if options.weeks or options.exchange:
        raise ClassroomError("--weeks and --exchange belong to a learners' copy: name its folder with --student DIR")
    if not options.assignment:
        raise ClassroomError("name a week to release (`grader release week01`), or a copy's folder with --student")
    from grader.exchange import release

    for week in options.assignment:
        with console.status(f"Releasing {week}"):
            release(classroom.root, week)
        console.print(f"{week} is in the exchange. Learners find it in *Nbgrader → Assignment List*.", markup=False)
    return 0


def _copy(classroom: "Classroom", options: argparse.Namespace) -> int:
    from grader.student_copy import release_copy

    with console.status("Making the learners' copy"):
        made = release_copy(classroom, options.student, [*options.assignment, *options.weeks], options.exchange)
    console.print(f"{made.folder}: {made.files} files, no leak.\n{made.archive}: the same to hand out.", markup=False)
    console.print("A learner unpacks it and runs `python3 install.py` in it.")
    return 0
