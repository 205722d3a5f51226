"""The `course` command: open the course, check your answers, hand them in, see what is wrong with this machine."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from grader.classroom import ClassroomError
from grader.learner import feedback, lab, reset, submit
from grader.learner.mistake import CourseError

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Run the command; return its exit status: 0 well, 1 something to mend, 2 it could not be done."""
    options = _parser().parse_args()
    try:
        return options.run(options)
    except (ClassroomError, CourseError, OSError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"course: {error}", style="red", markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="course", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    lab.add_parser(commands)
    check = commands.add_parser("check", help="run a notebook and show its checks; status 0 if all pass, else 1")
    check.set_defaults(run=_check)
    check.add_argument("notebook", type=Path, help="for example work/week01/attention.ipynb")

    submit.add_parser(commands)
    feedback.add_parser(commands)
    reset.add_parser(commands)
    doctor = commands.add_parser("doctor", help="say what is wrong with this machine, and what mends it")
    doctor.set_defaults(run=_doctor)
    return parser


def _check(options: argparse.Namespace) -> int:
    from grader.learner.check import check
    from grader.learner.terminal import show

    with console.status(f"Running {options.notebook}"):
        outcome = check(options.notebook)
    show(outcome, console)
    return 0 if outcome.passed else 1


def _doctor(_: argparse.Namespace) -> int:
    from grader.learner.doctor import diagnose

    return diagnose(Path.cwd(), console)


if __name__ == "__main__":
    sys.exit(main())
