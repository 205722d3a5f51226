"""What you have done: the points that your checks gave, read from your notebooks in work/ as they were last saved.

`show()` in a notebook; `python -m course.progress ROOT` writes work/start.ipynb, which is start.ipynb with your
progress already in it. Nothing is run. Left out: what the instructor's hidden checks say.
"""

from __future__ import annotations

import copy
import json
import os
import re
import sys
from html import escape
from pathlib import Path
from urllib.parse import quote

from course.saved_checks import FAILED, PASSED, UNTRIED, Assignment, Unreadable, joined, load, read_assignment

MARK = "nbgrader_config.py"  # stands in the root of a course
TAG, SET_UP = "progress", "set-up"  # of the start page's cells
BADGE = re.compile(r"^\[!\[Open in Colab\].*\n\n", re.MULTILINE)
SIGNS = {PASSED: "✓", FAILED: "✗", UNTRIED: "–"}
HEADS = ("Assignment", "Progress", "Exercises", "Points")
NOWHERE = (
    "Your progress shows here once you work in your own copy of the course: `course lab` opens it. "
    "There is no work/ folder around this notebook."
)


def linked(start: Path) -> dict[str, str]:
    """The notebooks that the start page links, in its order, each with its title; empty without that page."""
    try:
        cells = load(start)["cells"]
    except Unreadable:
        return {}
    text = "\n".join(joined(cell.get("source")) for cell in cells if cell.get("cell_type") == "markdown")
    return {path: title for title, path in re.findall(r"\[([^\]]+)\]\(((?:\w+/)+\w+\.ipynb)\)", text)}


class Progress:
    """How a learner stands in the course whose root this is; links are relative to the folder `seen_from`."""

    def __init__(self, root: Path, seen_from: Path):
        self.root, self.seen_from, self.linked = root, seen_from, linked(root / "start.ipynb")
        order = list(self.linked)

        def place(path: Path) -> tuple[str, int, str]:
            name = path.relative_to(root).as_posix()
            return path.parent.name, order.index(name) if name in order else len(order), name

        given = sorted((root / "assignments").glob("week[0-9][0-9]/*.ipynb"), key=place)
        self.assignments = [read_assignment(path, root / "work") for path in given]

    def link(self, path: Path) -> str:
        """The relative address of a file, for a link."""
        return Path(os.path.relpath(path, self.seen_from)).as_posix()

    def next(self) -> tuple[list[tuple[str, str]], str]:
        """What to do next: (text, address) of each link in turn, and the sentence with a {} for each."""
        for one in self.assignments:
            first = next((exercise for exercise in one.exercises if exercise.status != PASSED), None)
            if one.problem or first is None:
                continue
            exercise = (first.name, f"{self.link(one.path)}#{quote(first.heading.replace(' ', '-'))}")
            if len(one.named(UNTRIED)) < len(one.exercises):
                stands = "is not right yet" if first.status == FAILED else "waits"
                return [exercise], f"{{}} of {one.title} {stands}."
            lesson = next((path for path in self.linked if path.startswith(f"{one.week}/")), "")
            if not (self.root / lesson).is_file():
                return [exercise], f"{{}}, the first exercise of {one.title}."
            links = [(self.linked[lesson], self.link(self.root / lesson)), exercise]
            return links, f"{{}}, a lesson, and those after it; then {{}}, the first exercise of {one.title}."
        return [], "every check that there is passes. Weeks to come will show here."

    def problems(self) -> list[str]:
        """What could not be read."""
        return [one.problem for one in self.assignments if one.problem]

    def __repr__(self) -> str:
        lines = [f"{one.title}: {counted(one)}, {points(one)} points" for one in self.assignments if not one.problem]
        links, sentence = self.next()
        following = "Next: " + sentence.format(*(f"{text} ({address})" for text, address in links))
        return "\n".join([*lines, *self.problems(), following])

    def _repr_html_(self) -> str:
        rows = "".join(self._row(one) for one in self.assignments if not one.problem)
        heads = "".join(f'<th scope="col" style="text-align:left">{head}</th>' for head in HEADS)
        links, sentence = self.next()
        anchors = [f'<a href="{escape(address)}">{escape(text)}</a>' for text, address in links]
        unread = "".join(f"<p><strong>{escape(problem)}</strong></p>" for problem in self.problems())
        return (
            f"<p><strong>Next:</strong> {escape(sentence).format(*anchors)}</p>{unread}"
            f"<table><caption>Your checks, as your notebooks were last saved</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def _row(self, one: Assignment) -> str:
        done, said = len(one.named(PASSED)), counted(one)
        names = "".join(
            f"<div>{SIGNS[exercise.status]} {escape(exercise.name)}: {exercise.status}</div>"
            for exercise in one.exercises
        )
        cells = [
            f'<progress max="{len(one.exercises)}" value="{done}" title="{said}"></progress>',
            f"<details><summary>{said}</summary>{names}</details>",
            points(one),
        ]
        title = f'<a href="{escape(self.link(one.path))}">{escape(one.title)}</a>'
        rest = "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells)
        return f'<tr><th scope="row" style="text-align:left">{title}</th>{rest}</tr>'


def counted(one: Assignment) -> str:
    """How many exercises stand how, in words."""
    parts = [f"{len(names)} {status}" for status in (FAILED, UNTRIED) if (names := one.named(status))]
    return ", ".join([f"{len(one.named(PASSED))} of {len(one.exercises)} passed", *parts])


def points(one: Assignment) -> str:
    """The points that the checks gave, of those they can give."""
    return f"{sum(e.score for e in one.exercises):g} of {sum(e.points for e in one.exercises):g}"


def find_root(folder: Path) -> Path | None:
    """The nearest folder upward that is the root of a course and has a work/."""
    root = next((place for place in (folder, *folder.parents) if (place / MARK).is_file()), None)
    return root if root and (root / "work").is_dir() else None


class Nowhere:
    """Said in the place of progress where there is no copy of the course, as on Colab."""

    def __repr__(self) -> str:
        return NOWHERE


def show() -> Progress | Nowhere:
    """Your progress, for the last line of a notebook's cell."""
    root = find_root(Path.cwd())
    return Progress(root, Path.cwd()) if root else Nowhere()


def moved(source: str, work: Path) -> str:
    """Markdown of the start page for the folder `work`: links lead to the learner's copies, none to a missing file."""

    def right(found: re.Match[str]) -> str:
        title, path = found.groups()
        own = path.removeprefix("assignments/")
        if own != path and (work / own).is_file():
            return f"[{title}]({own})"
        return f"[{title}](../{path})" if (work.parent / path).is_file() else f"{title}, to come"

    return re.sub(r"\[([^\]]+)\]\((?![a-z]+:|#|/)([^)\s]+)\)", right, source)


def filled(notebook: dict, work: Path) -> dict:
    """The start page for the folder `work`: its cell shows the learner's progress, its links are right.

    What only Colab and tests need is left out: the badge, the set-up cell, the mark of a changing output.
    """
    page = copy.deepcopy(notebook)
    progress = Progress(work.parent, work)
    data = {"text/html": progress._repr_html_(), "text/plain": repr(progress)}
    page["cells"] = [cell for cell in page["cells"] if SET_UP not in tags(cell)]
    for cell in page["cells"]:
        source = joined(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            cell["source"] = moved(BADGE.sub("", source), work)
        elif TAG in tags(cell):
            cell["source"] = source.removeprefix("# NBVAL_IGNORE_OUTPUT\n")
            cell["execution_count"] = None
            cell["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    return page


def tags(cell: dict) -> list[str]:
    """The tags of a cell."""
    return cell.get("metadata", {}).get("tags", [])


def main(root: Path) -> int:
    """Write ROOT/work/start.ipynb, whole or not at all; 0 well, 2 where it cannot be done."""
    work = root / "work"
    target = work / "start.ipynb"
    draft = target.with_suffix(f".{os.getpid()}.draft")
    try:
        page = filled(load(root / "start.ipynb"), work)
        work.mkdir(exist_ok=True)
        draft.write_text(json.dumps(page, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        draft.replace(target)
    except Unreadable as error:
        print(f"{root / 'start.ipynb'} cannot be read: {error}.", file=sys.stderr)
        return 2
    except OSError as error:
        draft.unlink(missing_ok=True)
        print(f"{target} cannot be written: {error.strerror}.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m course.progress ROOT")
    sys.exit(main(Path(sys.argv[1]).resolve()))
