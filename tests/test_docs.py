"""The pages say what is true: each command exists, each link leads somewhere, the first exercise works."""

import argparse
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.apps.nbgraderapp import NbGraderApp

from grader import cli as grader
from grader.learner import cli as course

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\]\([^)]*\))*)\]\(([^)\s]+)\)")
ELSEWHERE = {"git", "source", "export", "cd", "docker", "conda", "pytest", "pre-commit"}  # programs that are not ours
OURS = ("grader ", "course ", "make ", "nbgrader ", "python ")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands(page: Path) -> list[list[str]]:
    """Return the commands of a page as words: a shell block's lines, and what stands in a line's own quotes."""
    text = page.read_text(encoding="utf-8")
    blocks = [line for language, block in FENCE.findall(text) if language == "sh" for line in block.splitlines()]
    quoted = [code for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)) if code.startswith(OURS)]
    quoted = [f"{code} --help" if len(code.split()) == 2 else code for code in quoted]  # a name alone is no call
    found = [shlex.split(line, comments=True) for line in [*blocks, *quoted] if "COMMAND" not in line]
    return [part for words in found if words for part in split(words)]


def split(words: list[str]) -> list[list[str]]:
    """Return the commands that `&&` joins; a variable that is set before one is left out."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == "&&":
            parts.append([])
        elif parts[-1] or not re.match(r"[A-Z_]+=", word):
            parts[-1].append(word)
    return [part for part in parts if part]


def takes(parser: argparse.ArgumentParser, words: list[str]) -> bool:
    """Whether a command's own parser takes the words."""
    try:
        parser.parse_args(words)
    except SystemExit as end:
        return end.code == 0
    return True


def exists(words: list[str]) -> bool:
    """Whether a command is one that this repository or a copy of it has, with these options."""
    program, *rest = words
    match program.replace("\\", "/").rpartition("/")[2]:
        case "grader":
            return takes(grader.parser(), rest)
        case "course":
            return takes(course._parser(), rest)
        case "make":
            targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            return {word for word in rest if "=" not in word} <= {*targets, "--help"}
        case "nbgrader":
            return rest[0].replace("-", "_") in NbGraderApp.subcommands
        case "python" | "python3" | "python3.12" | "bash" | "py":
            return rest[0] == "install.py" or (ROOT / rest[0]).is_file()
        case other:
            return other in ELSEWHERE


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_exists(page):
    found = commands(page)
    assert [shlex.join(words) for words in found if not exists(words)] == []


def test_a_command_that_is_wrong_would_be_found():
    for line in ("grader grade week01", "grader autograde week01 --isolate", "make all", "course submit", "rm -r work"):
        assert not exists(line.split()), line
    assert sum(len(commands(page)) for page in PAGES) > 40


def anchors(page: Path) -> set[str]:
    """Return the names that GitHub gives a page's headings."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for image, words, target in LINK.findall(text):
        if target.startswith(("https://", "#")):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
        if image and len(words) < 20:
            broken.append(f"{target}: no words for whoever does not see it")
    assert broken == []


def test_every_page_and_picture_is_reached_from_the_readme():
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        reached.add(page)
        if page.suffix == ".md":
            links = [target.partition("#")[0] for _, _, target in LINK.findall(page.read_text(encoding="utf-8"))]
            near = [(page.parent / path).resolve() for path in links if path and not path.startswith("https://")]
            todo += [path for path in near if path not in reached and path.is_file()]
    wanted = {*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "images").glob("*.png")}
    assert sorted(map(name, wanted - reached)) == []


def first_exercise() -> tuple[str, str]:
    """Return where docs/contributor.md says to save its exercise, and the exercise."""
    text = (ROOT / "docs" / "contributor.md").read_text(encoding="utf-8")
    path = re.search(r"`(solutions/week\d\d/\d\d_\w+\.py)`", text)[1]
    return path, next(block for language, block in FENCE.findall(text) if language == "python")


def test_the_first_exercise_is_judged_as_its_page_says(tmp_path):
    """Right answers pass and each wrong one is rejected; the whole proof is made below."""
    from grader.assignment import load

    sys.path.append(str(ROOT / "tools"))
    spec = importlib.util.spec_from_file_location("check", ROOT / "tools" / "check.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    path, source = first_exercise()
    (tmp_path / Path(path).name).write_text(source)
    ((one),) = load(tmp_path).values()
    right = [one.exercise.answer, *one.exercise.variants]
    assert all(check.judge(one, answer, 0).status == "passed" for answer in right)
    assert all(check.judge(one, mutant.answer, 0).status == "failed" for mutant in one.exercise.mutants)


@pytest.mark.heavy
def test_the_first_exercise_is_built_and_proved(clone):
    """In a clone with week 1 alone: the page's file, its commands, and its words on what is missing before."""
    for folder in ("week", "solutions/week", "assignments/week"):
        for week in ("02", "03", "07"):
            shutil.rmtree(clone / f"{folder}{week}")
    for week in ("02", "03", "07"):
        (clone / "grader" / "data" / f"week{week}.json").unlink()
    path, source = first_exercise()
    (clone / path).write_text(source)
    exercise = Path(path).stem.partition("_")[2]

    def run(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, *words], cwd=clone, capture_output=True, text=True)

    early = run("tools/check.py", exercise)
    assert early.returncode == 1
    assert f"does not have {exercise}: run `make build`" in early.stdout
    built = run("tools/build.py")
    assert built.returncode == 0, built.stderr
    for product in (
        "solutions/week01/attention.ipynb",
        "assignments/week01/attention.ipynb",
        "grader/data/week01.json",
    ):
        assert f"{product}: built" in built.stdout
        assert exercise in (clone / product).read_text()
    for words in (["tools/check.py", exercise], ["tools/check.py", "--quick"]):
        proved = run(*words)
        assert proved.returncode == 0, proved.stdout
        assert "Every invariant holds." in proved.stdout
