"""Who may import whom, what each folder holds, and what must not be in it."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

import grader

ROOT = Path(__file__).resolve().parent.parent
HOUSE = {"course", "grader", "solutions", "tests", "tools", *(path.name for path in ROOT.glob("week*"))}
LESSONS = sorted(ROOT.glob("week*/*.py"))
EXERCISES = sorted(ROOT.glob("solutions/week*/*.py"))
ASSIGNMENTS = sorted(ROOT.glob("assignments/week*/*.ipynb"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(source: str, everywhere: bool = True) -> Iterator[tuple[str, str | None]]:
    """Yield each import of a Python text as (module, name or None); those inside functions only if `everywhere`."""
    nodes = [ast.parse(source)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)
        elif everywhere or not isinstance(node, ast.FunctionDef):
            nodes += ast.iter_child_nodes(node)


def canonical(library: str) -> str:
    """Return a library's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", library).lower()


def house_imports(source: str) -> set[str]:
    """Return the repository's own packages and folders that a Python text imports."""
    return {module.partition(".")[0] for module, _ in imports(source)} & HOUSE


def code(notebook: Path) -> str:
    """Return a notebook's code as Python text, without IPython's magics."""
    cells = json.loads(notebook.read_text())["cells"]
    lines = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code").splitlines()
    return "\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in lines)


@pytest.mark.parametrize("package", ["course", "grader"])
def test_packages_import_libraries_only(package):
    for path in (ROOT / package).rglob("*.py"):
        assert house_imports(path.read_text()) <= {package}, name(path)


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_lessons_import_the_course_only(path):
    assert house_imports(path.read_text()) <= {"course"}


@pytest.mark.parametrize("path", EXERCISES, ids=name)
def test_exercises_import_the_public_vocabulary_only(path):
    for module, imported in imports(path.read_text()):
        assert module.partition(".")[0] not in HOUSE - {"grader"}, f"{module} is not for exercises"
        if module.partition(".")[0] == "grader":
            assert module == "grader", "exercises use `from grader import …`, never its insides"
            assert imported in grader.__all__, f"{imported} is not in the vocabulary"


@pytest.mark.parametrize("path", ASSIGNMENTS, ids=name)
def test_assignments_import_the_public_vocabulary_only(path):
    for module, imported in imports(code(path)):
        assert module.partition(".")[0] not in HOUSE - {"grader"}
        assert module.partition(".")[0] != "grader" or imported in grader.__all__


def test_nothing_imports_a_notebook():
    for path in ROOT.glob("[!.]*/**/*.py"):
        if path != Path(__file__):
            assert not re.search(r"^\s*(import|from) (import_ipynb|nbimporter|ipynb)\b", path.read_text(), re.M), path


def test_import_contracts_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", ASSIGNMENTS, ids=name)
def test_assignments_keep_the_exercises_secrets(path):
    """No hidden check, wrong answer or second right answer is named in what a student gets."""
    text = path.read_text()
    for source in (ROOT / "solutions" / path.parent.name).glob("*.py"):
        for node in ast.parse(source.read_text()).body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            marks = {ast.unparse(mark).partition("(")[0].rpartition(".")[2] for mark in node.decorator_list}
            if marks & {"hidden", "mutant", "variant", "stand_in"}:
                head = ast.unparse(node).split(":\n")[0].splitlines()[-1].partition(" ->")[0].partition("'")[0]
                assert head not in text, f"{node.name} of {name(source)} is in {name(path)}"


@pytest.mark.parametrize("week", sorted({path.parent.name for path in ASSIGNMENTS}))
def test_a_release_holds_notebooks_only(week, tmp_path, monkeypatch):
    """nbgrader copies what lies beside a source notebook; the exercises' files must stay behind."""
    monkeypatch.setenv("CLASS_DIR", str(tmp_path / "class"))
    (tmp_path / "class").mkdir()
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", week, "--create"]
    release = f"--CourseDirectory.release_directory={tmp_path / 'release'}"
    done = subprocess.run([*command, release], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    released = [path for path in (tmp_path / "release").rglob("*") if path.is_file()]
    assert released
    assert {path.suffix for path in released} == {".ipynb"}


def test_the_packages_are_all_that_is_installed(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    wheel = next(tmp_path.glob("*.whl"))
    listed = subprocess.run([sys.executable, "-m", "zipfile", "-l", str(wheel)], capture_output=True, text=True).stdout
    tops = {line.partition("/")[0] for line in listed.splitlines()[1:]}
    assert {"course", "grader"} <= tops
    assert all(top in ("course", "grader") or top.endswith(".dist-info") for top in tops)


def test_addresses_are_the_one_in_pyproject():
    """A badge or link to the repository elsewhere than in pyproject.toml says the same."""
    address = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
    owner_and_name = address.removeprefix("https://github.com/")
    texts = [ROOT / "README.md", *LESSONS, *ROOT.glob("week*/*.ipynb"), *ASSIGNMENTS]
    for path in texts:
        found = re.findall(r"(?:github\.com/|/github/)([\w.-]+/attention-to-agents)", path.read_text())
        assert set(found) <= {owner_and_name}, f"{name(path)}: `make build`, or mend the badges in README.md"


def test_readme_has_every_notebook_with_its_badge():
    text = (ROOT / "README.md").read_text()
    for path in [*ROOT.glob("week*/*.ipynb"), *ASSIGNMENTS]:
        assert f"]({name(path)})" in text, f"README.md does not link {name(path)}"
        assert f"/blob/main/{name(path)})" in text, f"README.md has no Colab badge for {name(path)}"


def test_readme_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text()):
        assert link.startswith("https://") or (ROOT / link.partition("#")[0]).exists(), link


def test_make_targets_are_thin():
    rules = re.split(r"\n(?=\S)", (ROOT / "Makefile").read_text())
    for rule in rules:
        assert rule.count("\n\t") <= 2, rule


def test_lock_pins_every_version_torch_first():
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0].startswith("torch==")
    for line in lines:
        assert re.fullmatch(r"[\w.-]+==[\w.!]+( ; .+)?", line), line


def test_every_library_that_is_imported_is_declared():
    """pyproject.toml names what the code imports itself, and does not lean on what another library brings.

    An import inside a function is left out: it asks for a library that a later week brings.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {canonical(re.match(r"[\w-]+", line)[0]) for group in groups for line in group}
    brings = packages_distributions()
    siblings = {path.stem for folder in ("tools", "tests") for path in (ROOT / folder).rglob("*.py")}
    ours = HOUSE | siblings | set(sys.stdlib_module_names)
    for path in sorted(file for folder in HOUSE for file in (ROOT / folder).rglob("*.py")):
        for module, _ in imports(path.read_text(), everywhere=False):
            top = module.partition(".")[0]
            wanted = {canonical(library) for library in brings.get(top, [top])}
            assert top in ours or wanted & declared, f"{name(path)} imports {top}: declare {wanted}, then `make lock`"


def test_environment_is_what_the_lock_says():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    for line in (line for line in lines if "==" in line and ";" not in line and line[0] != "#"):
        package, pinned = line.split("==")
        assert version(package).partition("+")[0] == pinned, f"{package}: `make setup`"
