"""Progress: what the saved outputs of checks tell, broken notebooks and all, and the start page with it filled in."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course import progress, saved_checks

ROOT = Path(__file__).resolve().parent.parent
PASSES = [new_output("execute_result", {"text/plain": "4", "text/html": "<b>softmax: all 3 checks pass</b>"})]
TWO = [new_output("execute_result", {"text/plain": "2"})]
STUB = [new_output("execute_result", {"text/plain": "0", "text/html": "<b>softmax: not attempted</b>"})]
WRONG = [
    new_output("execute_result", {"text/plain": "0", "text/html": "<b>softmax: 1 of 3 checks pass</b>"}),
    new_output("error", ename="CheckFailed", evalue="softmax: 1 of 3 checks pass", traceback=[]),
]
START = """# Start

[![Open in Colab](https://example.org/badge.svg)](https://example.org/start.ipynb)

Welcome.

| lesson | [A first lesson](week01/zebra.ipynb) |
| lesson | [A second lesson](week01/ant.ipynb) |
| assignment | [layers](assignments/week01/layers.ipynb) |
| assignment | [codes](assignments/week02/codes.ipynb) |
| assignment | [bits](assignments/week02/bits.ipynb) |
[elsewhere](https://example.org/a.ipynb)"""


def exercise(name: str, points: int, outputs: list | None = None, kept: bool = True) -> list:
    """The cells of an exercise: prompt, answer, check; `kept` is whether they have nbgrader's metadata still."""
    prompt = new_markdown_cell(f"## The {name}", metadata={"nbgrader": {"grade_id": f"{name}-prompt"}})
    about = {"grade": True, "grade_id": f"{name}-check", "points": points}
    metadata = {"nbgrader": about} if kept else {}
    return [prompt, new_code_cell(f"check({name})", metadata=metadata, outputs=outputs or [])]


def write(path: Path, *cells) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[cell for some in cells for cell in some]), path)


@pytest.fixture
def course(tmp_path) -> Path:
    """The root of a course: two weeks, three assignments, a copy of the first in work/ that nobody has opened."""
    (tmp_path / "nbgrader_config.py").write_text("")
    for lesson in ("zebra", "ant"):
        write(tmp_path / f"week01/{lesson}.ipynb")
    for folder in ("assignments", "work"):
        write(tmp_path / folder / "week01/layers.ipynb", exercise("softmax", 4), exercise("mask", 2))
    write(tmp_path / "assignments/week02/bits.ipynb", exercise("pack", 1))
    write(tmp_path / "assignments/week02/codes.ipynb", exercise("merge", 3))
    page = [
        new_markdown_cell(START),
        new_code_cell("%pip install course", metadata={"tags": ["set-up"]}),
        new_code_cell("# NBVAL_IGNORE_OUTPUT\nprogress.show()", metadata={"tags": ["progress"]}),
    ]
    write(tmp_path / "start.ipynb", page)
    return tmp_path


def layers(course: Path, first: list | None, second: list | None = None, kept: bool = True) -> progress.Progress:
    """The progress of a learner whose checks of week01's two exercises were saved with these outputs."""
    cells = exercise("softmax", 4, first, kept), exercise("mask", 2, second, kept)
    write(course / "work/week01/layers.ipynb", *cells)
    return progress.Progress(course, course / "work")


@pytest.mark.parametrize("kept", [True, False], ids=["as it was", "nbgrader's metadata lost"])
@pytest.mark.parametrize(
    ("outputs", "score", "status"),
    [
        (PASSES, 4, "passed"),
        (WRONG, 0, "failed"),
        (STUB, 0, "not attempted"),
        (None, 0, "not attempted"),
        ([new_output("error", ename="NameError", evalue="softmax", traceback=[])], 0, "failed"),
        ([new_output("stream", text="4\n")], 0, "not attempted"),
        ([new_output("execute_result", {"text/plain": "400"})], 4, "passed"),
    ],
    ids=["right", "wrong", "a stub", "never run", "an error", "what an answer prints is no result", "never above"],
)
def test_an_exercise_stands_as_its_saved_check_says(course, outputs, score, status, kept):
    (softmax, mask) = layers(course, outputs, kept=kept).assignments[0].exercises
    assert (softmax.name, softmax.points, softmax.score, softmax.status) == ("softmax", 4, score, status)
    assert (mask.points, mask.status) == (2, "not attempted")


def test_an_outputs_text_may_be_a_list_of_lines(course):
    assert saved_checks.judged([{"data": {"text/plain": ["4"]}}], 4.0) == (4.0, "passed")


@pytest.mark.parametrize("outputs", [None, 7, ["?"], [{"data": ["4"]}], [{"data": {"text/plain": None}}]])
def test_outputs_that_make_no_sense_are_no_attempt(outputs):
    assert saved_checks.judged(outputs, 4.0) == (0.0, "not attempted")


def test_next_is_the_first_lesson_of_a_week_not_begun(course):
    links, sentence = progress.Progress(course, course).next()
    assert links == [("A first lesson", "week01/zebra.ipynb"), ("softmax", "work/week01/layers.ipynb#The-softmax")]
    assert sentence.startswith("{}, a lesson")


@pytest.mark.parametrize(
    ("first", "second", "following"),
    [
        (PASSES, None, "mask (week01/layers.ipynb#The-mask) of Week 1: layers waits."),
        (PASSES, WRONG, "mask (week01/layers.ipynb#The-mask) of Week 1: layers is not right yet."),
        (WRONG, TWO, "softmax (week01/layers.ipynb#The-softmax) of Week 1: layers is not right yet."),
        (PASSES, TWO, "merge (../assignments/week02/codes.ipynb#The-merge), the first exercise of Week 2: codes."),
    ],
)
def test_next_is_the_first_exercise_that_does_not_pass(course, first, second, following):
    text = repr(layers(course, first, second))
    assert text.splitlines()[-1] == f"Next: {following}"


def test_nothing_is_next_when_all_pass(course):
    shutil.rmtree(course / "assignments/week02")
    assert "every check that there is passes" in repr(layers(course, PASSES, TWO))


def test_assignments_stand_in_the_maps_order(course):
    assert [one.path.stem for one in progress.Progress(course, course).assignments] == ["layers", "codes", "bits"]


def test_without_a_map_the_order_is_the_names(course):
    (course / "start.ipynb").unlink()
    found = progress.Progress(course, course)
    assert [one.path.stem for one in found.assignments] == ["layers", "bits", "codes"]
    assert found.next()[0] == [("softmax", "work/week01/layers.ipynb#The-softmax")]


def test_the_table_is_a_table_and_says_all_in_words(course):
    html = layers(course, PASSES, WRONG)._repr_html_()
    assert "<caption>Your checks" in html
    assert html.count('scope="col"') == 4
    assert html.count('scope="row"') == 3
    assert '<progress max="2" value="1" title="1 of 2 passed, 1 failed">' in html
    assert "✗ mask: failed" in html
    assert ">4 of 6</td>" in html
    assert '<a href="../assignments/week02/codes.ipynb">Week 2: codes</a>' in html
    assert "aria-" not in html, "JupyterLab takes these from a notebook that it does not trust"


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("{", "it is not JSON"),
        ("", "it is not JSON"),
        ("[]", "it holds no cells"),
        ('{"cells": "x"}', "it holds no cells"),
        ('{"cells": [1]}', "it holds no cells"),
        (b"\xff\xfe", "it is not JSON"),
    ],
)
def test_a_broken_copy_is_named_and_stops_nothing(course, broken, why):
    place = course / "work/week01/layers.ipynb"
    place.write_bytes(broken if isinstance(broken, bytes) else broken.encode())
    found = progress.Progress(course, course / "work")
    for shown in (repr(found), found._repr_html_()):
        assert f"work/week01/layers.ipynb cannot be read: {why}." in shown
        assert "Week 2: codes" in shown


def test_a_copy_that_is_a_folder_is_named(course):
    place = course / "work/week01/layers.ipynb"
    place.unlink()
    place.mkdir()
    assert progress.Progress(course, course).problems() == ["work/week01/layers.ipynb cannot be read: Is a directory."]


def test_a_broken_assignment_is_named(course):
    (course / "assignments/week02/bits.ipynb").write_text("{")
    found = progress.Progress(course, course)
    assert found.problems() == ["assignments/week02/bits.ipynb cannot be read: it is not JSON."]


def test_names_are_text_not_html(course):
    write(course / "assignments/week02/bits.ipynb", exercise("<img src=x>", 1))
    html = progress.Progress(course, course)._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html


def test_show_finds_the_course_from_a_folder_in_it(course, monkeypatch):
    monkeypatch.chdir(course / "work/week01")
    shown = progress.show()
    assert "Week 1: layers" in repr(shown)
    assert 'href="layers.ipynb"' in shown._repr_html_()


def test_show_alone_says_so_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = repr(progress.show())
    assert "There is no work/ folder" in said
    assert "\n" not in said


def test_filled_leaves_the_page_itself_alone(course):
    page = json.loads((course / "start.ipynb").read_text())
    before = json.dumps(page)
    done = progress.filled(page, course / "work")
    assert json.dumps(page) == before
    map_cell, cell = done["cells"]
    assert map_cell["source"].startswith("# Start\n\nWelcome.")
    assert cell["source"] == "progress.show()"
    assert cell["outputs"][0]["data"]["text/plain"].startswith("Week 1: layers: 0 of 2 passed")
    assert "[A first lesson](../week01/zebra.ipynb)" in map_cell["source"]
    assert "[layers](week01/layers.ipynb)" in map_cell["source"]
    assert "[codes](../assignments/week02/codes.ipynb)" in map_cell["source"]
    assert "[elsewhere](https://example.org/a.ipynb)" in map_cell["source"]


def test_filled_makes_no_link_to_a_file_that_is_missing(course):
    (course / "week01/zebra.ipynb").unlink()
    done = progress.filled(json.loads((course / "start.ipynb").read_text()), course / "work")
    assert "| A first lesson, to come |" in done["cells"][0]["source"]


def command(root: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "course.progress", str(root)], capture_output=True, text=True, cwd=ROOT
    )


def test_the_command_writes_the_page_into_work(course):
    assert command(course).returncode == 0
    written = nbformat.read(course / "work/start.ipynb", as_version=4)
    nbformat.validate(written)
    assert "Week 1: layers" in written.cells[-1].outputs[0].data["text/html"]
    assert sorted(path.name for path in (course / "work").iterdir()) == ["start.ipynb", "week01"]


def test_the_command_says_what_it_cannot_do(course):
    (course / "start.ipynb").write_text("{")
    done = command(course)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{course}/start.ipynb cannot be read: it is not JSON.\n"


def test_the_command_leaves_the_old_page_where_it_cannot_write(course):
    (course / "work/start.ipynb").mkdir()
    done = command(course)
    assert done.returncode == 2
    assert "work/start.ipynb cannot be written: Is a directory.\n" in done.stderr
    assert sorted(path.name for path in (course / "work").iterdir()) == ["start.ipynb", "week01"]


def test_the_start_page_links_every_notebook_of_the_course():
    linked = progress.linked(ROOT / "start.ipynb")
    built = [*ROOT.glob("week*/*.ipynb"), *ROOT.glob("assignments/week*/*.ipynb")]
    assert set(linked) == {path.relative_to(ROOT).as_posix() for path in built}


def test_the_start_page_names_lessons_as_they_name_themselves():
    for path, title in progress.linked(ROOT / "start.ipynb").items():
        if path.startswith("week"):
            own = nbformat.read(ROOT / path, as_version=4).cells[0].source.partition("\n")[0].removeprefix("# ")
            assert re.sub(r"\W", "", title.removesuffix(" (optional)")).lower() in re.sub(r"\W", "", own).lower()


def test_the_committed_page_shows_nobodys_progress():
    page = nbformat.read(ROOT / "start.ipynb", as_version=4)
    (cell,) = [cell for cell in page.cells if progress.TAG in cell.metadata.get("tags", [])]
    assert cell.outputs[0].data["text/plain"] == progress.NOWHERE
