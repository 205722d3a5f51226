"""Exercise files are loaded by path; one that cannot be used is named, with what is wrong with it."""

from pathlib import Path

import pytest

from grader.assignment import AssignmentError, load

EXERCISE = """\
from grader import exercise

@exercise(points=1, hints=[]{more})
def {name}(x):
    return {value}
"""


def write(folder: Path, file: str, name: str, value: str = "x", more: str = "") -> None:
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(EXERCISE.format(name=name, value=value, more=more))


def test_a_file_sees_the_answers_that_it_uses_of_its_own_week_and_of_earlier_ones(tmp_path):
    write(tmp_path / "week01", "01_double.py", "double", "2 * x")
    write(tmp_path / "week02", "01_next.py", "next_one", "double(x) + 1", ', uses=["week01/double"]')
    write(tmp_path / "week02", "02_after.py", "after_next", "next_one(x) + 1", ', uses=["next_one"]')
    loaded = load(tmp_path / "week02")
    assert list(loaded) == ["next_one", "after_next"]
    assert loaded["after_next"].exercise.answer(5) == 12


def test_a_markdown_file_opens_a_notebook_and_the_exercises_after_it_are_its_own(tmp_path):
    week = tmp_path / "week07"
    write(week, "01_double.py", "double", "2 * x")
    write(week, "21_next.py", "next_one", "x + 1")
    assert {one.notebook for one in load(week).values()} == {""}
    (week / "00_quantizers.md").touch()
    (week / "20_inference.md").touch()
    loaded = load(week)
    assert {name: one.notebook for name, one in loaded.items()} == {"double": "quantizers", "next_one": "inference"}
    assert loaded["next_one"].opening == week / "20_inference.md"
    write(week, "22_both.py", "both", "next_one(double(x))", ', uses=["double"]')
    with pytest.raises(AssignmentError, match=r"22_both\.py: uses 'double', which no earlier exercise of its notebook"):
        load(week)


@pytest.mark.parametrize(
    ("more", "value", "says"),
    [
        (', uses=["later"]', "x", "uses 'later', which no earlier exercise of its notebook defines"),
        (', uses=["week01/gone"]', "x", "uses 'week01/gone', which no exercise of week01 defines"),
        (', uses=["week02/itself"]', "x", "only exercises of earlier weeks"),
        (', uses=["week03/y"]', "x", "only exercises of earlier weeks"),
        (", uses=names", "x", "cannot be loaded: ValueError"),
        ("", "(", "cannot be loaded: SyntaxError"),
        (", pints=3", "x", "cannot be loaded: TypeError"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, more, value, says):
    write(tmp_path / "week01", "01_double.py", "double")
    write(tmp_path / "week02", "01_itself.py", "itself", value, more)
    with pytest.raises(AssignmentError, match=rf"01_itself\.py: .*{says}"):
        load(tmp_path / "week02")


def test_one_file_is_one_exercise_and_names_are_theirs_alone(tmp_path):
    write(tmp_path, "01_one.py", "one")
    write(tmp_path, "02_two.py", "one")
    with pytest.raises(AssignmentError, match=r"02_two\.py: a second exercise named 'one'"):
        load(tmp_path)
    (tmp_path / "02_two.py").write_text("x = 1\n")
    with pytest.raises(AssignmentError, match="has 0 exercises"):
        load(tmp_path)
    with pytest.raises(AssignmentError, match="is the path right"):
        load(tmp_path / "nowhere")
