"""Read submitted notebooks in a limited process, started by path with no other part of the grader (see grader.intake).

It parses what a student sent and says which cells to run. It runs none of them and holds no secret. Messages in
and out are an 8-byte length and that many bytes; the first is the assignment's template as JSON, each further one
a notebook, answered by a JSON object: a reading, or {"unreadable": reason}.
"""

import ast
import contextlib
import hashlib
import io
import json
import re
import resource
import struct
import sys
import tokenize
from collections.abc import Iterable
from typing import NamedTuple

MAX_CELLS, MAX_SOURCE = 2_000, 1_000_000
MEMORY = 2 << 30
MUCH = MEMORY // 4
KIND = {"code", "markdown", "raw"}
SUSPICIOUS = {
    "__subclasses__", "__globals__", "__builtins__", "_getframe", "settrace", "setprofile", "get_objects",
    "get_referrers", "ctypes", "socket", "subprocess", "urllib", "requests", "multiprocessing", "pickle",
    "fork", "kill", "environ", "__torch_function__", "__torch_dispatch__", "meta_path",
    "input_transformers_cleanup", "atexit", "signal", "__import__", "eval", "exec", "solutions", "gradebook",
}  # fmt: skip

IMPORT = (ast.Import, ast.ImportFrom)
_AROUND_A_CELL = re.compile(r"\s*%%(?:time|capture)\b[^\n]*")  # magics that run a cell's lines in its own namespace


class Bound(NamedTuple):
    """An exercise's name, the statement of a cell that binds it, and whether that is an answer, no stub."""

    name: str
    node: ast.stmt
    is_answer: bool


class Template:
    """The released notebook: which cells are locked, and the stub of each exercise.

    Args:
        template: `cells` (grade_id, cell_type, source, locked) and, by exercise, its `twins`.
    """

    def __init__(self, template: dict):
        self.twins: dict[str, list[str]] = template["twins"]
        self.ids = {cell["grade_id"] for cell in template["cells"]}
        locked = [cell for cell in template["cells"] if cell["locked"]]
        self.locked = {cell["grade_id"] for cell in locked}
        self.locked_sources = {_squeezed(cell["source"]) for cell in locked if cell["cell_type"] == "code"}
        self._stubs = {
            name: _shape(node)
            for cell in template["cells"]
            if cell["grade_id"] in self.twins
            for name, node in _bindings(_parsed(cell["source"])[1])
        }

    def bound_by(self, tree: ast.Module) -> list[Bound]:
        """Return the exercises that a cell binds at its top, in order."""
        return [Bound(name, node, self._is_answer(name, node)) for name, node in _bindings(tree) if name in self.twins]

    def _is_answer(self, name: str, node: ast.stmt) -> bool:
        """Whether a statement that binds `name` answers an exercise: it does, unless it is the stub."""
        stub = self._stubs.get(name)
        if stub is None or ("NotImplementedError" in stub and not _names_not_implemented(node)):
            return True  # the whole text need not be compared
        return _shape(node) != stub


class Unreadable(Exception):
    """The file is no notebook that can be graded; the message tells a student what to do."""


def read(raw: bytes, template: Template) -> dict:
    """Return what a notebook holds, in the template's terms.

    Args:
        raw: the file.
        template: the released notebook.

    Returns:
        cells: every cell as {kind, source, grade_id}; a grade_id that the release does not know is None.
        run: indices of the code cells that are the student's.
        dropped: {index: source} of cells to run in another form, a stub taken out.
        stubs: by exercise, indices of the cells to run that hold its stub.
        mended, twins, suspicious: what an instructor should know, in words.
        tokens: hashes of the answers' token sequences, names left out.

    Raises:
        Unreadable: in words for the student.
    """
    cells = cells_of(raw, template.ids)
    for cell in cells:
        if _holds_an_answer_too(cell, template):
            cell["grade_id"] = None  # merged with an answer, so it is the learner's now
    run = [
        i
        for i, cell in enumerate(cells)
        if cell["kind"] == "code"
        and cell["source"].strip()
        and cell["grade_id"] not in template.locked
        and _squeezed(cell["source"]) not in template.locked_sources
    ]
    parsed = {i: _parsed(cells[i]["source"]) for i in run}
    bound = {i: template.bound_by(tree) for i, (_, tree) in parsed.items()}
    answers, stubs = (
        {
            name: [i for i in run if any(b.name == name and b.is_answer is kind for b in bound[i])]
            for name in template.twins
        }
        for kind in (True, False)
    )
    trees = {name: parsed[found[-1]][1] for name, found in answers.items() if found}
    texts = {name: ast.unparse(tree) for name, tree in trees.items()}
    return {
        "cells": cells,
        "run": run,
        "dropped": _without_stubs(parsed, bound),
        "mended": _mended(template, cells, answers),
        "twins": {name: _twins(tree, texts[name], template.twins[name]) for name, tree in trees.items()},
        "stubs": stubs,
        "suspicious": sorted({word for i in run for word in _words(cells[i]["source"]) & SUSPICIOUS}),
        "tokens": _token_hashes(texts.values()),
    }


def cells_of(raw: bytes, known: set[str]) -> list[dict]:
    """Return every cell as {kind, source, grade_id}; a grade_id that is not `known` is None.

    Raises:
        Unreadable: in words for the student.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("the file is not UTF-8 text; save the notebook again in JupyterLab") from None
    try:
        notebook = json.loads(text)
    except RecursionError:
        raise Unreadable("the file is nested too deeply to be a notebook") from None
    except ValueError as error:
        raise Unreadable(f"the file is not valid JSON ({str(error)[:100]}); save the notebook again") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        old = isinstance(notebook, dict) and "worksheets" in notebook
        raise Unreadable("an old notebook format: open and save it in JupyterLab" if old else "the file is no notebook")
    version = notebook.get("nbformat")
    if version != 4:
        known = version if type(version) is int and 0 < version < 100 else "unknown"
        raise Unreadable(f"notebook format {known}, not 4; open and save it in JupyterLab")
    if len(notebook["cells"]) > MAX_CELLS:
        raise Unreadable(f"more than {MAX_CELLS:,} cells")
    return [_cell(i, cell, known) for i, cell in enumerate(notebook["cells"])]


def _cell(i: int, cell: object, known: set[str]) -> dict:
    if not isinstance(cell, dict) or cell.get("cell_type") not in KIND:
        raise Unreadable(f"cell {i + 1} is no code, Markdown or raw cell")
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or len(source) > MAX_SOURCE:
        raise Unreadable(f"the source of cell {i + 1} is no text, or too long")
    source = source.encode("utf-8", "replace").decode("utf-8")
    metadata = cell.get("metadata")
    ours = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = ours.get("grade_id") if isinstance(ours, dict) else None
    known_id = grade_id if isinstance(grade_id, str) and grade_id in known else None
    return {"kind": cell["cell_type"], "source": source, "grade_id": known_id}


def _parsed(source: str) -> tuple[str, ast.Module]:
    """A cell as text for Python, magics put as IPython does, and its statements; none where it is broken."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return source, ast.parse(source)
    if magic := _AROUND_A_CELL.match(source):
        text, tree = _parsed("pass" + source[magic.end() :])
        return magic[0] + text.removeprefix("pass"), tree
    try:
        from IPython.core.inputtransformer2 import TransformerManager

        text = TransformerManager().transform_cell(source)
        return text, ast.parse(text)
    except (SyntaxError, ValueError, RuntimeError, MemoryError):  # RuntimeError: a thousand magics are too many for it
        return source, ast.Module([], [])


def _bindings(tree: ast.Module) -> list[tuple[str, ast.stmt]]:
    """The names that a cell binds at its top, each with its statement, in order."""
    found: list[tuple[str, ast.stmt]] = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, IMPORT):
            names = [alias.asname or alias.name for alias in node.names]
        else:
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            names = [n.id for target in targets if target for n in ast.walk(target) if isinstance(n, ast.Name)]
        found += [(name, node) for name in names]
    return found


def _shape(node: ast.stmt) -> str:
    """A definition's text without docstrings, comments and layout: the same for a stub however it is written."""
    copy = ast.parse(ast.unparse(node))
    for part in ast.walk(copy):
        body = getattr(part, "body", None)
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(part) is not None:
            part.body = body[1:] or [ast.Pass()]
    return ast.unparse(copy).replace("NotImplementedError()", "NotImplementedError")


def _names_not_implemented(node: ast.stmt) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "NotImplementedError" for part in ast.walk(node))


def _holds_an_answer_too(cell: dict, template: Template) -> bool:
    """Whether a locked cell was merged with an answer: an editor keeps the first cell's marks."""
    if cell["kind"] != "code" or cell["grade_id"] not in template.locked:
        return False
    if _squeezed(cell["source"]) in template.locked_sources:
        return False
    bound = template.bound_by(_parsed(cell["source"])[1])
    return any(one.is_answer and not isinstance(one.node, IMPORT) for one in bound)


def _without_stubs(parsed: dict, bound: dict[int, list[Bound]]) -> dict[str, str]:
    """Cells in which a stub would override an earlier answer, with that stub taken out."""
    answered: set[str] = set()
    dropped: dict[str, str] = {}
    for i, found in bound.items():
        lines = parsed[i][0].splitlines()
        for name, node, is_answer in found:
            if is_answer:
                answered.add(name)
            elif name in answered:
                lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
                dropped[str(i)] = "\n".join(lines)
    return dropped


def _mended(template: Template, cells: list[dict], answers: dict[str, list[int]]) -> list[str]:
    said = []
    for name, found in answers.items():
        by_id = [i for i, cell in enumerate(cells) if cell["grade_id"] == name]
        if len(by_id) > 1:
            said.append(f"{name}: {len(by_id)} cells carry its id; the last answer counts")
        if len(found) > 1:
            said.append(f"{name}: answered in {len(found)} cells; the last one counts")
        if found and found[-1] not in by_id:
            said.append(f"{name}: found by its name in cell {found[-1] + 1}")
        elif not by_id and not found:
            said.append(f"{name}: its cell is gone")
    for cell in cells:
        locked = cell["kind"] == "code" and cell["grade_id"] in template.locked
        if locked and _squeezed(cell["source"]) not in template.locked_sources:
            said.append(f"{cell['grade_id']}: this cell of the assignment was changed; the released one counts")
    missing = template.locked - {cell["grade_id"] for cell in cells}
    if missing:
        said.append(f"{len(missing)} cells of the assignment were missing or had lost their marks and were put back")
    return said


def _twins(tree: ast.Module, text: str, twins: list[str]) -> list[str]:
    """As grader.twins.twins_called; written again because this process loads no other part of the grader."""
    if not any(twin in text for twin in twins):
        return []
    reached: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            reached.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            reached.update(alias.name for alias in node.names)
    return [twin for twin in twins if twin in reached]


def _squeezed(source: str) -> str:
    return "".join(source.split())


def _words(source: str) -> set[str]:
    """The words of a cell, comments and texts included; a module's `.eval()` is no `eval`."""
    return set(re.findall(r"\w+", source.replace(".eval()", "")))


def _token_hashes(answers: Iterable[str], size: int = 8) -> list[int]:
    """Hashes of every run of `size` tokens of the answers, with names replaced, as a set in order."""
    found: set[int] = set()
    for answer in answers:
        kinds = []
        for token in tokenize.generate_tokens(io.StringIO(answer).readline):
            if token.type == tokenize.NAME:
                telling = len(token.string) > 6 or token.string in ("def", "for", "if", "return")
                kinds.append(token.string if telling else "x")
            elif token.type in (tokenize.OP, tokenize.NUMBER):
                kinds.append(token.string)
        for i in range(len(kinds) - size + 1):
            digest = hashlib.blake2b("\0".join(kinds[i : i + size]).encode(), digest_size=6).digest()
            found.add(int.from_bytes(digest, "big"))
    return sorted(found)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    template = Template(json.loads(_receive(source)))
    while (raw := _receive(source)) is not None:
        broken = ""
        try:
            answer = read(raw, template)
        except Unreadable as error:
            answer = {"unreadable": str(error)}
        except (RecursionError, MemoryError):
            broken = "the file is too large or too deeply nested to be read"
        except Exception as error:
            broken = f"a cell holds what no answer needs ({type(error).__name__}: {str(error)[:100]})"
        if broken:
            answer = {"unreadable": broken}
        answer["worn"] = bool(broken) or _peak() > MUCH
        text = json.dumps(answer).encode()
        sink.write(struct.pack(">Q", len(text)) + text)
        sink.flush()


def _peak() -> int:
    """Bytes that this process had at most; what getrusage says would be its parent's, where that had more."""
    with contextlib.suppress(OSError), open("/proc/self/status", "rb") as file:
        return next((int(line.split()[1]) << 10 for line in file if line.startswith(b"VmHWM")), 0)
    return 0


def _receive(source: io.BufferedReader) -> bytes | None:
    header = source.read(8)
    return source.read(struct.unpack(">Q", header)[0]) if len(header) == 8 else None


if __name__ == "__main__":
    main()
