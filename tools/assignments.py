"""Build the assignments: solutions/weekNN/*.py to the source notebook, the released notebook and the fingerprints.

| product | made by |
|---|---|
| solutions/weekNN/theme.ipynb | this file: an ordinary nbgrader source notebook |
| assignments/weekNN/theme.ipynb | `nbgrader generate_assignment` on it |
| grader/data/weekNN.json | this file: points, hints, messages, and what each known wrong answer returns; never code |
"""

from __future__ import annotations

import ast
import hashlib
import json
import logging
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar

import nbformat
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # settings of other names mean nothing to it, and need not

import lessons  # noqa: E402

from grader.assignment import Loaded, load  # noqa: E402
from grader.candidate import Link, LocalChannel  # noqa: E402
from grader.diagnose import alike, fingerprint  # noqa: E402
from grader.elsewhere import kind_for  # noqa: E402
from grader.exercise import Exercise  # noqa: E402
from grader.run import CheckResult, run_check  # noqa: E402
from grader.shown import (  # noqa: E402
    answer_with_markers,
    definition,
    given_nodes,
    given_source,
    visible_nodes,
    visible_source,
)

T = TypeVar("T")
HIDDEN = """\
### BEGIN HIDDEN TESTS
check = checks("{week}", hidden=True)
### END HIDDEN TESTS
check({name})"""


class BuildError(Exception):
    """A source that cannot be built; the message names the file and what to do."""


def weeks() -> list[str]:
    """The weeks that have an assignment."""
    return sorted(folder.name for folder in (ROOT / "solutions").glob("week[0-9][0-9]"))


def notebooks(loaded: dict[str, Loaded]) -> dict[str, dict[str, Loaded]]:
    """Return a week's exercises by the name of their notebook, then by their own."""
    found: dict[str, dict[str, Loaded]] = {}
    for name, one in loaded.items():
        if one.opening is None:
            raise BuildError(
                f"{_place(one.path)}: no notebook is open; write NN_theme.md, the Markdown of its title cell, before it"
            )
        if next(iter(found.setdefault(one.notebook, {}).values()), one).opening != one.opening:
            raise BuildError(f"{_place(one.opening)}: a second notebook named {one.notebook!r}; rename one")
        found[one.notebook][name] = one
    return found


def _place(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def products(week: str, pages: dict[str, dict] | None = None) -> dict[Path, str]:
    """Return what belongs at each path built from solutions/`week`, as text; `pages` are those of `book` if known."""
    exercises = loaded(week)
    sources = {name: _text(source_notebook(week, name, ones)) for name, ones in notebooks(exercises).items()}
    return {
        **{ROOT / "solutions" / week / f"{name}.ipynb": text for name, text in sources.items()},
        **{ROOT / "assignments" / week / f"{name}.ipynb": text for name, text in released(week, sources).items()},
        ROOT / "grader" / "data" / f"{week}.json": _lines(pages or book(week, list(exercises))),
    }


def build() -> list[Path]:
    """Write every product that is not current; return the paths written."""
    torch.set_num_threads(1)
    written = []
    for week in weeks():
        for path, text in products(week).items():
            if not _is_current(path, text):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                written.append(path)
    return written


def stale(pages: dict[str, dict[str, dict]] | None = None) -> list[str]:
    """One message for each product that is missing, of no source, or not what its sources give.

    Args:
        pages: those of `book` by week, if known.
    """
    messages = []
    for week in weeks():
        made = products(week, (pages or {}).get(week))
        for path, text in made.items():
            if not _is_current(path, text):
                messages.append(f"{path.relative_to(ROOT)} is not what solutions/{week}/*.py gives: run `make build`.")
        opened = {one.opening for one in loaded(week).values()}
        for path in sorted(set((ROOT / "solutions" / week).glob("*.md")) - opened):
            messages.append(f"{_place(path)} opens no notebook: name it NN_theme.md, with NN_name.py after it.")
        for folder in ("solutions", "assignments"):
            for path in sorted(set((ROOT / folder / week).glob("*.ipynb")) - set(made)):
                messages.append(f"{path.relative_to(ROOT)} has no NN_{path.stem}.md in solutions/{week}: delete it.")
    return messages


def _is_current(path: Path, text: str) -> bool:
    """Whether a product stands as it should; numbers in the data file may differ as processors round differently."""
    if not path.exists():
        return False
    stands = path.read_text(encoding="utf-8")
    return stands == text or (path.suffix == ".json" and alike(json.loads(stands), json.loads(text)))


# ---- the data file ----


def _lines(book: dict[str, dict]) -> str:
    """Return the data file's text: one line a field, and one a mutant."""
    pages = []
    for name, page in book.items():
        mutants = ",\n   ".join(json.dumps(mutant, ensure_ascii=False) for mutant in page["mutants"])
        fields = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in page.items()][:-1]
        pages.append(f"{json.dumps(name)}: {{\n  " + ",\n  ".join([*fields, f'"mutants": [\n   {mutants}]']) + "}")
    return "{\n " + ",\n ".join(pages) + "}\n"


def book(week: str, names: list[str]) -> dict[str, dict]:
    """Return what a learner's notebook knows of the exercises: no answer, no hidden check, no code."""
    return dict(zip(names, side_by_side(_page, [(week, name) for name in names]), strict=True))


def _page(week: str, name: str) -> dict:
    exercise = loaded(week)[name].exercise
    results = {}
    for mutant in exercise.mutants:
        link = Link(LocalChannel({exercise.name: mutant.answer}))
        with torch.random.fork_rng(devices=[]):
            results[mutant.name] = [run_check(check, link, exercise.name, seed=0) for check in exercise.visible]
    return page(exercise, results)


def page(exercise: Exercise, results: dict[str, list[CheckResult]]) -> dict:
    """Return what the data file says of an exercise, given what its checks said of each mutant."""
    return {
        "points": exercise.points,
        "uses": exercise.uses,
        "twins": exercise.twins,
        "hints": exercise.hints,
        "visible": [check.name for check in exercise.visible],
        "elsewhere": _elsewhere(exercise, results),
        "mutants": [
            {"message": mutant.message, "failing": _fingerprints(results[mutant.name])} for mutant in exercise.mutants
        ],
    }


def _elsewhere(exercise: Exercise, results: dict[str, list[CheckResult]]) -> dict[str, str]:
    """Return what can be varied in each visible check, by its name, so that no answer loses what it earns by it.

    The gate is for answers that are right on all inputs of its kind: there, wrong ones have no say.
    """
    gate, *others = exercise.visible
    right = [exercise.answer, *exercise.variants]
    kinds = {gate.name: kind_for(gate, exercise.name, right, [])}
    passed = {name: {one.check.name for one in found if one.outcome == "passed"} for name, found in results.items()}
    for check in others:
        wrong = [one.answer for one in exercise.mutants if {gate.name, check.name} <= passed[one.name]]
        kinds[check.name] = kind_for(check, exercise.name, right, wrong)
    return {name: kind for name, kind in kinds.items() if kind}


def _fingerprints(results: list[CheckResult]) -> dict[str, list]:
    failing = [result for result in results if not result.check.hidden and result.outcome in ("failed", "error")]
    return {result.check.name: fingerprint(result.trace) for result in failing}


@cache
def loaded(week: str) -> dict[str, Loaded]:
    """Return the exercises of a week, loaded once a process."""
    return load(ROOT / "solutions" / week)


def side_by_side(work: Callable[..., T], tasks: list[tuple]) -> list[T]:
    """Return `work(*task)` for each task, in order, computed by as many processes as there are cores."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        fresh,
        torch.set_num_threads,
        (1,),
    ) as pool:
        return list(pool.map(work, *zip(*tasks, strict=True)))


# ---- the source notebook ----


def source_notebook(week: str, theme: str, loaded: dict[str, Loaded]) -> NotebookNode:
    """Return one nbgrader source notebook of a week, given its exercises."""
    place = ROOT / "assignments" / week / f"{theme}.py"
    address = lessons.repository()
    opening = next(iter(loaded.values())).opening
    title, _, rest = opening.read_text(encoding="utf-8").partition("\n")
    cells = [
        _locked(new_markdown_cell(f"{title}\n\n{lessons.badge(place, address)}\n\n{rest.strip()}"), "title"),
        _locked(new_code_cell(lessons.set_up(set())), "set-up"),
        _locked(new_code_cell(_first_cell(week, loaded)), "imports"),
    ]
    for one in loaded.values():
        cells += _exercise_cells(week, one)
    for cell in cells:
        grade_id = cell.metadata.nbgrader.grade_id
        cell.id = hashlib.sha256(f"{week}/{theme}/{grade_id}".encode()).hexdigest()[:12]
    notebook = new_notebook(cells=cells, metadata=lessons.METADATA)
    notebook.nbformat_minor = 5
    return notebook


def _exercise_cells(week: str, one: Loaded) -> list[NotebookNode]:
    name = one.exercise.name
    return [
        _locked(new_markdown_cell(f"#{one.prompt}\n\n*{_points(one.exercise.points)}*"), f"{name}-prompt"),
        _locked(new_code_cell(visible_source(one)), f"{name}-checks"),
        _cell(new_code_cell(answer_with_markers(one)), name, solution=True),
        _cell(new_code_cell(HIDDEN.format(week=week, name=name)), f"{name}-check", points=one.exercise.points),
    ]


def _points(points: float) -> str:
    return "1 point" if points == 1 else f"{points:g} points"


def _locked(cell: NotebookNode, grade_id: str) -> NotebookNode:
    return _cell(cell, grade_id)


def _cell(cell: NotebookNode, grade_id: str, solution: bool = False, points: float | None = None) -> NotebookNode:
    cell.metadata.nbgrader = {
        "grade": points is not None,
        "grade_id": grade_id,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    } | ({} if points is None else {"points": points})
    return cell


def _first_cell(week: str, loaded: dict[str, Loaded]) -> str:
    """The imports that the visible checks, signatures and answers need, the checker, and what learners are given."""
    wanted: dict[str, None] = {}
    given: dict[str, None] = {}  # two files may give the same
    for one in loaded.values():
        tree = ast.parse(one.source)
        shown = [definition(tree, one.exercise.name), *visible_nodes(one, tree), *given_nodes(tree)]
        names = {node.id for top in shown for node in ast.walk(top) if isinstance(node, ast.Name)}
        for line in _imports(tree, names):
            wanted[line] = None
        given |= dict.fromkeys(given_source(one, node) for node in given_nodes(tree))
    plain = sorted(line for line in wanted if line.startswith("import "))
    libraries = sorted(line for line in wanted if line.startswith("from ") and not line.startswith("from grader"))
    ours = sorted(
        {name for line in wanted if line.startswith("from grader") for name in line.split(" import ")[1].split(", ")}
    )
    ours = [name for name in dict.fromkeys(["checks", *ours]) if name not in ("exercise", "given")]
    lines = [*plain, *libraries, "", f"from grader import {', '.join(sorted(ours))}", "", f'check = checks("{week}")']
    return "\n\n\n".join(["\n".join(lines), *given])


def _imports(tree: ast.Module, names: set[str]) -> list[str]:
    lines = []
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if (alias.asname or alias.name.split(".")[0]) in names:
                    kept = (
                        ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], 0)
                    )
                    lines.append(ast.unparse(kept))
    return lines


# ---- the released notebook ----


def released(week: str, sources: dict[str, str]) -> dict[str, str]:
    """Return what `nbgrader generate_assignment` makes of a week's notebooks, in a folder and gradebook of its own."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config, PyFileConfigLoader

    with tempfile.TemporaryDirectory() as folder:
        config = Config(PyFileConfigLoader("nbgrader_config.py", str(ROOT)).load_config())
        config.CourseDirectory.root = folder
        config.CourseDirectory.db_url = f"sqlite:///{folder}/gradebook.db"
        place = Path(folder, "solutions", week)
        place.mkdir(parents=True)
        for name, source in sources.items():
            (place / f"{name}.ipynb").write_text(source, encoding="utf-8")
        logging.getLogger("traitlets").setLevel(logging.ERROR)
        outcome = NbGraderAPI(config=config).generate_assignment(week)
        made = {name: Path(folder, "assignments", week, f"{name}.ipynb") for name in sources}
        if not outcome["success"] or not all(path.exists() for path in made.values()):
            raise BuildError(f"nbgrader cannot release solutions/{week}:\n{outcome.get('log') or outcome.get('error')}")
        return {name: _text(nbformat.read(path, as_version=4)) for name, path in made.items()}


def _text(notebook: NotebookNode) -> str:
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"
