"""What a learner sees below an answer: in a kernel, and in plain Python."""

import json

import nbformat
import pytest
from nbclient import NotebookClient

import grader.notebook
from grader.exercise import Check
from grader.notebook import Checker, CheckFailed, UnknownExercise, checks

SETUP = """\
import torch
from grader import checks, close
check = checks("week01")
"""


def run(root, answer: str, **kwargs):
    """Run the released notebook up to `check(softmax)`, the stub replaced by `answer`; return that cell's outputs."""
    notebook = nbformat.read(root / "assignments/week01/attention.ipynb", as_version=4)
    ids = [cell.metadata.nbgrader.grade_id for cell in notebook.cells]
    notebook.cells = notebook.cells[: ids.index("softmax-check") + 1]
    if answer:
        notebook.cells[ids.index("softmax")].source = answer
    NotebookClient(notebook, allow_errors=True, timeout=60, **kwargs).execute()
    return notebook.cells[-1].outputs


def test_a_stub_earns_nothing_and_raises_nothing(root):
    outputs = run(root, "")
    assert [output.output_type for output in outputs] == ["execute_result", "display_data"]
    assert outputs[0].data["text/plain"] == "0"
    assert "softmax: not attempted" in outputs[0].data["text/html"]


def test_a_wrong_answer_is_named_shown_and_fails_the_cell(root):
    outputs = run(root, "def softmax(x, dim=-1):\n    return x.exp() / x.exp().sum(dim, keepdim=True)")
    result, hint, error = outputs
    html = result.data["text/html"]
    assert result.data["text/plain"] == "2.86"
    assert "Your exponentials overflow" in html
    assert "NaN" in html
    assert "<table" in html
    assert "application/vnd.jupyter.widget-view+json" in hint.data
    assert error.traceback == ["CheckFailed: softmax: 5 of 7 checks pass"]


def test_a_warning_of_a_right_answer_costs_nothing(root):
    answer = """\
import warnings
def softmax(x, dim=-1):
    warnings.warn("careful")
    nothing = (x == -torch.inf).all(dim, keepdim=True)
    return torch.softmax(x.masked_fill(nothing, 0.0), dim).masked_fill(nothing, 0.0)
"""
    (output,) = run(root, answer)
    assert output.data["text/plain"] == "4"
    assert "a library does this exercise" in output.data["text/html"]


BOOK = {
    "double": {"points": 2, "uses": [], "twins": [], "hints": ["one", "two"], "visible": ["doubles"], "mutants": []},
    "quadruple": {"points": 2, "uses": ["double"], "twins": [], "hints": [], "visible": ["works"], "mutants": []},
}


@pytest.fixture
def check():
    checker = Checker("week99", json.loads(json.dumps(BOOK)))

    @checker.double
    def doubles(double):
        """2 becomes 4"""
        assert double(2) == 4, "2 should become 4"

    return checker


def test_plain_python_gets_plain_text(check, capsys):
    def double(x):
        return x

    with pytest.raises(CheckFailed, match="0 of 1"):
        check(double)
    said = capsys.readouterr().out
    assert "✗ 2 becomes 4: 2 should become 4" in said
    assert "called: double(2)" in said
    assert 'check.hint("double")' in said


def test_hints_come_one_at_a_time(check):
    told = [check.hint("double") for _ in range(3)]
    assert told == ["Hint 1 of 2. one", "Hint 2 of 2. two", "That was the last hint."]
    with pytest.raises(UnknownExercise, match="no exercise of week99 is named 'dubble'"):
        check.hint("dubble")


def test_an_answer_is_found_by_the_name_that_it_is_bound_to(check, capsys):
    namespace = {"check": check}
    exec("double = lambda x: 2 * x\ncheck(double)", namespace)
    assert "double: all 1 checks pass" in capsys.readouterr().out


def test_checks_that_were_not_run_yet_are_asked_for(check):
    with pytest.raises(CheckFailed, match="run the cell “What `quadruple` must do” above first"):
        exec("def quadruple(x): ...\ncheck(quadruple)", {"check": check})


def test_a_failing_exercise_names_the_one_that_it_uses(check, capsys):
    source = """
@check.quadruple
def works(quadruple):
    'is four times'
    assert quadruple(1) == 4
def double(x): return x
def quadruple(x): return double(double(x))
"""
    with pytest.raises(CheckFailed):
        exec(f"{source}\ncheck(quadruple)", {"check": check})
    assert "`double` does not pass yet, and `quadruple` uses it." in capsys.readouterr().out


def test_an_unanswered_exercise_that_is_used_is_what_is_missing(check, capsys):
    namespace = {"check": check}
    source = """
@check.quadruple
def works(quadruple):
    'is four times'
    assert quadruple(1) == 4
def double(x): raise NotImplementedError
def quadruple(x): return double(double(x))
"""
    with pytest.raises(CheckFailed, match="0 of 1"):
        exec(f"{source}\ncheck(quadruple)", namespace)
    assert "`double` does not pass yet" in capsys.readouterr().out


@pytest.mark.parametrize("body", ["raise NotImplementedError('^ on floats')", "return (1.0).__xor__(2)"])
def test_an_error_of_a_library_is_an_attempt(check, capsys, body):
    with pytest.raises(CheckFailed):
        exec(f"def double(x): {body}\ncheck(double)", {"check": check})


def test_unknown_names_get_one_line(check):
    with pytest.raises(UnknownExercise, match="no exercise of week99 is named 'halve'; it has: double, quadruple"):
        check(type("halve", (), {}))
    with pytest.raises(UnknownExercise, match="no assignment named 'week99'"):
        checks("week99")


def test_hidden_checks_say_what_they_need(monkeypatch):
    monkeypatch.delenv("GRADER_SOLUTIONS", raising=False)
    with pytest.raises(CheckFailed, match=r"nbgrader_config\.py sets it"):
        checks("week01", hidden=True)


def test_checks_of_the_notebook_are_visible_ones(check):
    assert all(isinstance(c, Check) and not c.hidden for c in check._checks["double"].values())
    assert grader.notebook.CheckFailed("x")._render_traceback_() == ["CheckFailed: x"]
