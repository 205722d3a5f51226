"""`grader leaks`: search what is handed out for what learners must not see."""

import argparse
from pathlib import Path

from grader.commands.console import command, console


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    about = "search what is handed out for answers, hidden checks and seeds; status 1 where one is found"
    leaks = command(commands, "leaks", about, "grader leaks handout/course.zip")
    leaks.set_defaults(run=run)
    leaks.add_argument("path", type=Path, help="what is handed out: folder, zip, wheel, notebook")


def run(options: argparse.Namespace) -> int:
    """Name each leak: where it stands, and what it gives away."""
    from grader.classroom import here
    from grader.leaks import leaks
    from grader.withheld import withheld

    classroom = here()
    if not options.path.exists():
        raise FileNotFoundError(f"{options.path} is not there")
    with console.status(f"Searching {options.path}"):
        found = list(leaks(options.path, withheld(classroom.root, classroom.seeds()), classroom.root))
    for leak in found:
        console.print(f"✗ {leak}", style="red", markup=False)
    count = "no leak" if not found else "1 leak" if len(found) == 1 else f"{len(found)} leaks"
    console.print(f"{options.path}: {count}.", markup=False)
    return 1 if found else 0
