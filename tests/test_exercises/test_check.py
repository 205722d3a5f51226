"""`make check` finds what it is for: an exercise with one defect planted gets the line that names it."""

import importlib.util
import sys
from pathlib import Path

import pytest

from grader.assignment import AssignmentError, load

ROOT = Path(__file__).resolve().parents[2]
SOUND = '''"""# Double

Twice as much.
"""

import torch

from grader import close, exercise, leaves_alone


@exercise(points=2, hints=["add", "x to", "itself"])
def double(x):
    """Return twice x.

    >>> double(torch.tensor([1.0]))
    tensor([2.])
    """
    return x + x


@double.check
def doubles(double):
    """1 and 3 become 2 and 6"""
    close(double(torch.tensor([1.0, 3.0])), torch.tensor([2.0, 6.0]))


@double.check
def leaves_its_input_alone(double):
    """the input is left alone"""
    leaves_alone(double, torch.tensor([1.0]))


@double.hidden
def doubles_anything(double, rng):
    """any numbers are doubled"""
    x = torch.randn(5, generator=rng)
    close(double(x), 2 * x)


@double.hidden
def doubles_negatives(double, rng):
    """negative numbers are doubled"""
    x = -torch.rand(5, generator=rng) - 0.1
    close(double(x), 2 * x)


@double.mutant("You return x as it is.")
def same(x):
    return x


@double.mutant("You return the square.")
def square(x):
    return x**2


@double.mutant("You add 2.")
def plus_two(x):
    return x + 2


@double.mutant("You triple.")
def triple(x):
    return 3 * x


@double.mutant("You work in place.")
def in_place(x):
    return x.mul_(2)


@double.stand_in
def by_the_library(x):
    return torch.mul(x, 2)


@double.variant
def number_by_number(x):
    return torch.stack([2 * one for one in x])
'''
DEFECTS = {
    "a mutant that passes": ("return 3 * x", "return 2 * x", "mutant `triple` passes every check"),
    "a mutant for hidden checks alone": (
        "return 3 * x",
        "return torch.where(x < 0, x, 2 * x)",
        "mutant `triple` is caught by hidden checks only",
    ),
    "two mutants that look alike": (
        "return 3 * x",
        "return x + 0",
        "mutant `triple` is named as ['You return x as it is.'",
    ),
    "a check that rejects nothing": (
        '''    """the input is left alone"""
    leaves_alone(double, torch.tensor([1.0]))''',
        '''    """the input is left alone"""''',
        "check `leaves_its_input_alone` rejects no mutant",
    ),
    "a variant that is wrong": (
        "2 * one for",
        "3 * one for",
        "`number_by_number` is right but fails `doubles` (seed 0)",
    ),
    "a gate that lazy answers pass": (
        "    close(double(torch.tensor([1.0, 3.0])), torch.tensor([2.0, 6.0]))",
        "    double(torch.tensor([1.0, 3.0]))",
        "a lazy answer (zeros) earns",
    ),
    "an example that does not hold": ("tensor([2.])", "tensor([3.])", "an example in the docstring does not hold"),
    "a check without a sentence": (
        '    """negative numbers are doubled"""\n',
        "",
        "check `doubles_negatives` has no sentence",
    ),
    "too few hints": ('["add", "x to", "itself"]', '["add"]', "has 1 hints; 3 are needed"),
    "a mutant that calls the answer": ("return 3 * x", "return double(x) + x", "mutant `triple` calls `double`"),
}


@pytest.fixture(scope="module")
def check():
    """tools/check.py, with the stub that the builder makes of the file instead of a released notebook's."""
    sys.path.append(str(ROOT / "tools"))
    spec = importlib.util.spec_from_file_location("check", ROOT / "tools" / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def stub(_):
        def double(x):
            raise NotImplementedError

        return double

    module.stub_of = stub
    return module


def exercise(folder: Path, source: str):
    (folder / "01_double.py").write_text(source)
    return load(folder)["double"]


def test_a_sound_exercise_has_no_problem(check, tmp_path):
    assert check.proof(exercise(tmp_path, SOUND))[0] == []


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_named(check, tmp_path, name):
    sound, planted, says = DEFECTS[name]
    assert SOUND.count(sound) >= 1
    problems, _ = check.proof(exercise(tmp_path, SOUND.replace(sound, planted, 1)))
    assert any(says in problem for problem in problems), problems


def test_an_answer_that_stands_in_an_assignment_is_a_leak(check, tmp_path, monkeypatch):
    one = exercise(tmp_path, SOUND.replace("return x + x", "return torch.add(x, x).to(x.dtype)"))
    monkeypatch.setattr(check, "ROOT", tmp_path)
    data = tmp_path / "grader" / "data" / "week01.json"
    data.parent.mkdir(parents=True)
    data.write_text('{"hint": "none"}')
    assert list(check.leaks([one])) == []
    data.write_text("return torch.add(x, x).to(x.dtype)")
    (leak,) = check.leaks([one])
    assert "gives away line 18 of 01_double.py" in leak
    assert "make build" in leak


def test_a_notebook_is_opened_by_one_markdown_file_before_its_exercises(check, tmp_path):
    (tmp_path / "01_double.py").write_text(SOUND)
    with pytest.raises(check.assignments.BuildError, match=r"01_double\.py: no notebook is open; write NN_theme\.md"):
        check.assignments.notebooks(load(tmp_path))
    (tmp_path / "00_first.md").touch()
    (tmp_path / "02_first.md").touch()
    (tmp_path / "03_twice.py").write_text(SOUND.replace("double", "twice"))
    with pytest.raises(check.assignments.BuildError, match=r"02_first\.md: a second notebook named 'first'"):
        check.assignments.notebooks(load(tmp_path))
    (tmp_path / "02_first.md").rename(tmp_path / "02_second.md")
    found = check.assignments.notebooks(load(tmp_path))
    assert {name: list(ones) for name, ones in found.items()} == {"first": ["double"], "second": ["twice"]}


def test_a_name_that_two_exercises_of_one_notebook_define_is_a_clash(check, tmp_path, monkeypatch):
    source = SOUND.replace("leaves_alone(double, torch.tensor([1.0]))", "leaves_alone(double, INPUT)")
    source += "\n\nINPUT = torch.tensor([1.0])\n"
    (tmp_path / "01_double.py").write_text(source)
    (tmp_path / "03_twice.py").write_text(source.replace("double", "twice"))
    monkeypatch.setattr(check, "ROOT", tmp_path)
    (clash,) = check._clashes(load(tmp_path))
    assert clash == "03_twice.py: `INPUT` is also a name of the checks of double: rename it."
    (tmp_path / "00_first.md").touch()
    (tmp_path / "02_second.md").touch()
    assert list(check._clashes(load(tmp_path))) == []


def test_a_name_that_no_exercise_has_proves_nothing(check, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["check.py", "sofmax"])
    assert check.main() == 1
    assert "no exercise is named sofmax" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (SOUND + "def (:", "cannot be loaded"),
        ("x = 1\n", "has 0 exercises"),
        (SOUND.replace("points=2,", 'points=2, uses=["triple"],'), "uses 'triple', which no earlier exercise"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, source, says):
    (tmp_path / "01_double.py").write_text(source)
    with pytest.raises(AssignmentError, match=says):
        load(tmp_path)
