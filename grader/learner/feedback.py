"""`course feedback`: fetch what your instructor says of a week."""

import argparse
import re
from pathlib import Path

from rich.console import Console

from grader.learner.mistake import CourseError

console = Console(highlight=False, soft_wrap=True)


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("feedback", help="fetch what your instructor says of a week")
    parser.set_defaults(run=run)
    parser.add_argument("week", help="for example week01")


def run(options: argparse.Namespace) -> int:
    """Fetch the pages, and say where they are and what they score."""
    from grader.classroom import ClassroomError
    from grader.exchange import nbgrader
    from grader.learner.place import course_root, demand_week, handed_in_at

    root, week = course_root(Path.cwd()), options.week
    demand_week(root, week)
    exchange = handed_in_at(root, week)
    if not exchange:
        console.print(f"Your class has no exchange here: feedback on {week} is where you uploaded it.")
        return 0
    try:
        if (exchange / "feedback").is_dir():  # made with the class's first feedback
            nbgrader(root, "fetch_feedback", week)
    except ClassroomError as problem:
        raise CourseError(str(problem)) from None
    pages = sorted((root / "work" / week / "feedback").glob("*/*.html"))
    if not pages:
        console.print(f"There is no feedback on {week} yet.")
    for page in pages:
        console.print(f"{_told(page)}{page.as_uri()}", markup=False)
    return 0


def _told(page: Path) -> str:
    """Return which submission a page is of, and its score."""
    score = re.search(r'<p class="total">([^<]+)<small>([^<]+)</small>', page.read_text(encoding="utf-8"))
    return f"{page.stem}, handed in {page.parent.name}: {''.join(score.groups()) if score else 'not graded'}\n    "
