"""`course submit`: hand in to your class, or write the one file that you upload to its LMS."""

import argparse
import re
import zipfile
from datetime import datetime
from pathlib import Path

from rich.console import Console

from grader.learner.mistake import CourseError
from grader.learner.saved import read, standing

console = Console(highlight=False, soft_wrap=True)


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("submit", help="hand in a week, as your notebooks were last saved")
    parser.set_defaults(run=run)
    parser.add_argument("week", help="for example week01")


def run(options: argparse.Namespace) -> int:
    """Say how the week stands, hand it in, say where it went. Nothing is run, and no score is too low."""
    from grader.learner.place import course_root, demand_week, handed_in_at

    root, week = course_root(Path.cwd()), options.week
    demand_week(root, week)
    notebooks = [root / "work" / week / given.name for given in sorted((root / "assignments" / week).glob("*.ipynb"))]
    for path in notebooks:
        stand = standing(read(root / "assignments" / week / path.name), read(path))
        told = f"{len(stand['pass'])} of {sum(map(len, stand.values()))} exercises pass, as last run and saved"
        rest = "".join(f"; {how}: {', '.join(stand[how])}" for how in ("fail", "not tried") if stand[how])
        console.print(f"{path.relative_to(root)}: {told}{rest}.", markup=False)
    if exchange := handed_in_at(root, week):
        console.print(f"Handed in {week} at {_to_class(root, week)}, in your class's exchange, {exchange}.")
        console.print(f"`course feedback {week}` fetches the answer, once there is one. You may hand in again.")
    else:
        console.print(f"Upload this file to your class's page: {_to_file(root, week, notebooks)}")
    return 0


def _to_class(root: Path, week: str) -> str:
    """Hand in by nbgrader; return the time that it notes."""
    from grader.classroom import ClassroomError
    from grader.exchange import nbgrader

    try:
        words = nbgrader(root, "submit", week)
    except ClassroomError as problem:
        raise CourseError(str(problem)) from None
    found = re.search(r"Submitted as: .* (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\S*( \S+)", words)
    return "".join(found.groups()) if found else f"{datetime.now():%Y-%m-%d %H:%M}"


def _to_file(root: Path, week: str, notebooks: list[Path]) -> Path:
    """Write the week's notebooks into a zip that `grader autograde --submitted` takes; return its path."""
    folder = root / "submitted"
    folder.mkdir(exist_ok=True)
    path = folder / f"{week}-{datetime.now():%Y-%m-%d-%H%M%S}.zip"
    with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as archive:
        for notebook in notebooks:
            archive.write(notebook, f"{week}/{notebook.name}")
    return path
