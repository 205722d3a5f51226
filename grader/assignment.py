"""Load a week's exercises from their files, by path and never by import."""

import ast
import contextlib
import json
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.exercise import Exercise


class AssignmentError(Exception):
    """An exercise file that cannot be used: which file, what is wrong, what to do."""


@dataclass(frozen=True)
class Loaded:
    """An exercise with the file that it came from.

    Attributes:
        exercise: what the file defines.
        path: the file.
        source: its text.
        module: what came of running it.
        opening: the Markdown file that opens its notebook, or None where the folder has none before it.
    """

    exercise: Exercise
    path: Path
    source: str
    module: types.ModuleType
    opening: Path | None

    @property
    def notebook(self) -> str:
        """The name of the notebook that it belongs to: "attention" after 00_attention.md."""
        return self.opening.stem[len("00_") :] if self.opening else ""

    @property
    def prompt(self) -> str:
        """The Markdown that opens the exercise: the file's docstring."""
        return (ast.get_docstring(ast.parse(self.source)) or "").strip()


def released(root: Path, week: str) -> dict[str, dict]:
    """Return the nbformat JSON of the notebooks that the learners of `week` got, by name.

    Args:
        root: the course.
        week: for example "week01".

    Raises:
        FileNotFoundError: when assignments/ has no such week.
    """
    found = sorted((root / "assignments" / week).glob("*.ipynb"))
    if not found:
        raise FileNotFoundError(f"{root / 'assignments' / week}: no released notebook; run `make build`")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found}


def exercises_of(template: dict) -> list[str]:
    """Return the names of a released notebook's exercises: of the cells that learners fill."""
    marks = [cell["metadata"].get("nbgrader", {}) for cell in template["cells"]]
    return [mark["grade_id"] for mark in marks if mark.get("solution")]


def libraries_of(*templates: dict) -> list[str]:
    """Return the modules that the released notebooks' first cells import, this package's left out.

    Every child runs such a cell: what is loaded before it is forked costs it nothing.
    """
    cells = [cell for template in templates for cell in template["cells"]]
    first = ["".join(c["source"]) for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == "imports"]
    return list(dict.fromkeys(name for source in first for name in _modules(ast.parse(source))))


def libraries_named(folder: Path) -> list[str]:
    """Return the modules that the exercises of `folder` import, this package's left out; no file is run for it."""
    found: dict[str, None] = {}
    for path in sorted(Path(folder).glob("[0-9][0-9]_*.py")):
        with contextlib.suppress(SyntaxError):  # `load` says what is wrong with the file
            found |= dict.fromkeys(_modules(ast.parse(path.read_text(encoding="utf-8"))))
    return list(found)


def _modules(tree: ast.Module) -> list[str]:
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        found |= dict.fromkeys(name for name in names if name.partition(".")[0] != "grader")
    return list(found)


def load(folder: Path) -> dict[str, Loaded]:
    """Return the exercises of `folder` (for example `solutions/week01`) by name, in the order of their file names.

    `NN_theme.md` opens a notebook; the files after it, up to the next, are that notebook's exercises. A file sees the
    answers of the exercises that it `uses` under their names: `softmax` is one of its own notebook, `week01/softmax`
    one of another week.

    Raises:
        AssignmentError: naming the file and what is wrong with it.
    """
    folder = Path(folder)
    loaded: dict[str, Loaded] = {}
    opening = None
    for path in sorted(folder.glob("[0-9][0-9]_*")):
        if path.suffix == ".md":
            opening = path
        if path.suffix != ".py":
            continue
        one = _load_file(path, opening, {name: one for name, one in loaded.items() if one.opening == opening})
        if one.exercise.name in loaded:
            raise AssignmentError(f"{path}: a second exercise named {one.exercise.name!r}; rename one")
        loaded[one.exercise.name] = one
    if not loaded:
        raise AssignmentError(f"{folder}: no exercise files (NN_name.py) here; is the path right?")
    return loaded


def _load_file(path: Path, opening: Path | None, earlier: dict[str, Loaded]) -> Loaded:
    source = path.read_text(encoding="utf-8")
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    try:
        for name in _used(ast.parse(source)):
            setattr(module, name.rpartition("/")[2], _answer(name, path, earlier))
        exec(compile(source, str(path), "exec"), module.__dict__)
    except AssignmentError:
        raise
    except Exception as error:
        raise AssignmentError(f"{path}: cannot be loaded: {type(error).__name__}: {error}") from error
    found = [value for value in vars(module).values() if isinstance(value, Exercise)]
    if len(found) != 1:
        raise AssignmentError(f"{path}: has {len(found)} exercises; a file holds exactly one @exercise")
    return Loaded(found[0], path, source, module, opening)


def _answer(name: str, path: Path, earlier: dict[str, Loaded]) -> Any:
    """Return the answer of an exercise that the file at `path` uses: of its own notebook, or `week01/softmax`."""
    week, _, plain = name.rpartition("/")
    if week >= path.parent.name:
        raise AssignmentError(f"{path}: uses {name!r}; only exercises of earlier weeks are named with their week")
    pool = load(path.parent.parent / week) if week else earlier
    if plain not in pool:
        where = f"exercise of {week}" if week else "earlier exercise of its notebook"
        raise AssignmentError(f"{path}: uses {name!r}, which no {where} defines")
    return pool[plain].exercise.answer


def _used(tree: ast.Module) -> list[str]:
    """Return the `uses` of the file's @exercise, read before the file runs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "exercise":
            for keyword in node.keywords:
                if keyword.arg == "uses":
                    return ast.literal_eval(keyword.value)
    return []
