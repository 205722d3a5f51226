"""`course reset`: put an exercise back to its start, and keep your answer in a file."""

import argparse
import difflib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from grader.learner.mistake import CourseError
from grader.learner.saved import grade_id, read, source
from grader.whole import replacing

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Stub:
    """An exercise as it was given: its week, the notebook it is in, its cell."""

    week: str
    notebook: str
    cell: dict


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser("reset", help="put an exercise back to its start; your answer is kept in a file")
    parser.set_defaults(run=run)
    parser.add_argument("exercise", help="for example softmax, or week01/softmax")


def run(options: argparse.Namespace) -> int:
    """Put the stub in the place of the answer, and say where both are."""
    from grader.learner.place import course_root

    root = course_root(Path.cwd())
    name = options.exercise.rpartition("/")[2]
    stub = _find(root, options.exercise)
    path = root / "work" / stub.week / stub.notebook
    notebook = read(path)
    cells = notebook["cells"]
    at = _place(cells, name)
    if at is None:
        cells.insert(_after_its_checks(cells, name), stub.cell)
    else:
        kept = _keep(root, stub.week, name, source(cells[at]))
        console.print(f"Your answer is kept in {kept.relative_to(root)}")
        cells[at] |= {"source": stub.cell["source"], "outputs": [], "execution_count": None}
    with replacing(path) as file:
        file.write(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n")
    console.print(f"{name} is back at its start in {path.relative_to(root)}")
    console.print("Is the notebook open in JupyterLab? *File → Reload Notebook from Disk*.", markup=False)
    return 0


def _find(root: Path, wanted: str) -> Stub:
    week, _, name = wanted.rpartition("/")
    stubs: dict[str, Stub] = {}
    for path in sorted((root / "assignments").glob("week*/*.ipynb")):
        for cell in read(path)["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("solution"):
                stubs[f"{path.parent.name}/{grade_id(cell)}"] = Stub(path.parent.name, path.name, cell)
    found = [one for one in stubs if one == wanted or (not week and one.rpartition("/")[2] == name)]
    if len(found) == 1:
        return stubs[found[0]]
    if found:
        raise CourseError(f"{name!r} is an exercise of several weeks: write {' or '.join(found)}")
    names = {one.rpartition("/")[2]: one for one in stubs}
    near = [names[one] for one in difflib.get_close_matches(name, names, n=3, cutoff=0.5)]
    there = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(stubs)}"
    raise CourseError(f"there is no exercise {wanted!r}; {there}")


def _place(cells: list[dict], name: str) -> int | None:
    """Return the index of an answer: its cell by nbgrader's name for it, else the last one that defines it."""
    code = [(index, cell) for index, cell in enumerate(cells) if cell.get("cell_type") == "code"]
    named = [index for index, cell in code if grade_id(cell) == name]
    defines = re.compile(rf"^(?:def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*=", re.MULTILINE)
    defined = [index for index, cell in code if defines.search(source(cell))]
    return next(iter(named or defined[::-1]), None)


def _after_its_checks(cells: list[dict], name: str) -> int:
    ids = [grade_id(cell) for cell in cells]
    if f"{name}-checks" in ids:
        return ids.index(f"{name}-checks") + 1
    judged = [index for index, cell in enumerate(cells) if source(cell).startswith(f"check({name})")]
    return judged[0] if judged else len(cells)


def _keep(root: Path, week: str, name: str, answer: str) -> Path:
    folder = root / "work" / "kept" / week
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{datetime.now():%Y-%m-%d-%H%M%S-%f}.py"
    with replacing(path) as file:
        file.write(answer + "\n")
    return path
