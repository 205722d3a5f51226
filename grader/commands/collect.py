"""`grader collect`: fetch what learners handed in."""

import argparse
from pathlib import Path

from grader.commands.console import command, console


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    collect = command(
        commands, "collect", "fetch what learners handed in through the exchange", "grader collect week01"
    )
    collect.set_defaults(run=run)
    collect.add_argument("assignment", help="for example week01")


def run(options: argparse.Namespace) -> int:
    """Fetch the newest of each learner into submitted/, and count them."""
    from grader.classroom import here
    from grader.exchange import nbgrader

    classroom, week = here(), options.assignment
    folder = classroom.folder("submitted")
    before = _times(folder, week)
    with console.status(f"Collecting {week}"):
        nbgrader(classroom.root, "collect", week, "--update")
    after = _times(folder, week)
    if not after:
        console.print(f"Nobody has handed in {week} yet.")
        return 1
    new = sum(before.get(name) != time for name, time in after.items())
    console.print(f"{len(after)} learners have handed in {week}, {new} of them since the last time.")
    console.print(f"Next: grader autograde {week}")
    return 0


def _times(folder: Path, week: str) -> dict[str, str]:
    """Return when each learner handed in, by name."""
    found = folder.glob(f"*/{week}/timestamp.txt")
    return {path.parent.parent.name: path.read_text(encoding="utf-8").strip() for path in found}
