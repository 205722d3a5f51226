"""What a user can mend is told in one line, before anything is graded."""

import re
import shlex
import sys

import pytest

from grader import cli

CONFIG = "c = get_config()\nc.CourseDirectory.db_url = {url!r}\n"


@pytest.fixture
def course(root, tmp_path, monkeypatch):
    """A course with week 1 and one submission, in which commands run."""
    for name in ("solutions", "assignments"):
        (tmp_path / name).symlink_to(root / name)
    (tmp_path / "nbgrader_config.py").write_text(CONFIG.format(url=f"sqlite:///{tmp_path}/class/gradebook.db"))
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted" / "ada.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("week01 --student bob", "no submission of week01 by bob"),
        ("week01 --json no/report.json", "no: no such folder for the report"),
        ("week01 --submitted nowhere", "nowhere is not there"),
        ("week99", "week99: no released notebook"),
    ],
)
def test_a_mistake_gets_one_line(course, monkeypatch, capsys, arguments, says):
    monkeypatch.setattr(sys, "argv", ["grader", "autograde", *arguments.split()])
    assert cli.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("grader: ")
    assert says in line
    assert not (course / "class").exists()


def test_another_folder_gets_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["grader", "feedback", "week01"])
    assert cli.main() == 1
    assert "run this in the course's folder" in capsys.readouterr().err


def test_a_gradebook_that_cannot_be_reached_gets_one_line(course, monkeypatch, capsys):
    (course / "nbgrader_config.py").write_text(CONFIG.format(url="sqlite:////dev/null/gradebook.db"))
    monkeypatch.setattr(sys, "argv", ["grader", "feedback", "week01"])
    assert cli.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "the gradebook (db_url in nbgrader_config.py) cannot be used" in line


def test_a_missing_package_gets_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["grader", "doctor"])
    monkeypatch.setitem(sys.modules, "sqlalchemy.exc", None)
    assert cli.main() == 1
    assert "the Python package 'sqlalchemy.exc' is missing" in capsys.readouterr().err


def test_help_reads_as_the_loop_and_every_command_has_an_example_that_holds(capsys):
    parser = cli.parser()
    (commands,) = (action.choices for action in parser._actions if action.choices)
    assert list(commands)[:6] == ["release", "collect", "autograde", "review", "feedback", "export"]
    for name, command in commands.items():
        examples = re.findall(rf"grader {name}.*", command.epilog)
        assert examples, name
        for example in examples:
            assert parser.parse_args(shlex.split(example)[1:]).run, example


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("release", "name a week to release"),
        ("release week99", "no assignment is built for week99; there is week01"),
        ("release week01 --exchange /srv", "--weeks and --exchange belong to a learners' copy"),
        ("release --student .", "is not empty and is no copy of the course"),
        ("release --student copy week99", "no assignment is built for week99"),
        ("leaks nowhere", "nowhere is not there"),
    ],
)
def test_a_mistake_in_releasing_gets_one_line(course, monkeypatch, capsys, arguments, says):
    monkeypatch.setattr(sys, "argv", ["grader", *arguments.split()])
    assert cli.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("grader: ")
    assert says in line
    assert not (course / "class").exists()


def test_why_an_nbgrader_command_failed_is_in_the_line(course, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["grader", "collect", "week77"])
    monkeypatch.setenv("CLASS_DIR", str(course / ".class"))
    assert cli.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("grader: `nbgrader collect`: ")
    assert "(all of it: " in line
    assert "failed" not in line
