"""Where a learner's course is, and the class that it hands in to."""

from pathlib import Path

from grader.exchange import built
from grader.learner.mistake import CourseError

MARK = "nbgrader_config.py"


def course_root(folder: Path) -> Path:
    """Return the course that a folder is in: the nearest one upward with nbgrader_config.py.

    Raises:
        CourseError: outside any course.
    """
    for place in (folder.resolve(), *folder.resolve().parents):
        if (place / MARK).is_file():
            return place
    raise CourseError(f"{folder} is in no course; `cd` to the folder that holds {MARK}, and try again")


def demand_week(root: Path, week: str) -> None:
    """Raise a CourseError unless the course has an assignment of that name."""
    if week not in built(root):
        raise CourseError(f"there is no assignment {week!r}; there is {', '.join(built(root)) or 'none'}")


def handed_in_at(root: Path, week: str) -> Path | None:
    """Return the class's exchange where it is in reach and has this week; None where work goes to an LMS."""
    from grader.classroom import Classroom

    classroom = Classroom(root)
    exchange = classroom.config.Exchange.get("root")
    place = Path(exchange, classroom.course_id) if exchange else None
    return place if place and (place / "outbound" / week).is_dir() else None
