"""The `grader` command: the loop of an assignment, from release to marks, and what this machine can isolate."""

import argparse
import sys

from grader import export
from grader.commands import autograde, collect, doctor, feedback, leaks, release, review
from grader.commands.console import console

LOOP = (release, collect, autograde, review, feedback, export, leaks, doctor)  # in order, as `grader --help` reads


def main() -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args()
    try:
        return _told(options)
    except ModuleNotFoundError as error:
        said = f"the Python package {error.name!r} is missing; extra `grading` of this course brings what grading needs"
        console.print(f"grader: {said}", style="red", markup=False)
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
    from grader.learner.mistake import CourseError
    from grader.sandbox import SandboxError

    of_the_course = (AssignmentError, ClassroomError, CourseError, IntakeError, SandboxError)
    try:
        return options.run(options)
    except (*of_the_course, OSError) as error:
        said = str(error)
    except SQLAlchemyError as error:
        said = f"the gradebook (db_url in nbgrader_config.py) cannot be used: {str(error).splitlines()[0]}"
    console.print(f"grader: {said}", style="red", markup=False)
    return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="grader", description=__doc__, epilog="`grader COMMAND --help` has an example."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in LOOP:
        command.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
