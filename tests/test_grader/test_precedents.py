"""Who answers as an earlier candidate did gets its verdict, and nobody gets another than it would have got alone."""

import itertools
from dataclasses import replace

import pytest
import torch

from grader.candidate import Link
from grader.channel import ChannelBroken
from grader.children import Children
from grader.compare import close
from grader.exercise import Check
from grader.precedents import LARGE, MOST, Precedents
from grader.run import CheckResult, run_check
from grader.sandbox import Limits, Zygote

RIGHT = "def triple(x): return 3 * x"
SAME = "def triple(x): return x + x + x"
LATE = "def triple(x): return 3 * x if x < 5 else 0"
ENDS = "import os\ndef triple(x): return 3 * x if x < 5 else os._exit(0)"
CALLS_BACK = "def triple(x): return x(1) + x(1) + x(1)"


@pytest.fixture(scope="module")
def zygote():
    with Zygote(Limits(call_seconds=5, memory_mb=512)) as zygote:
        yield zygote


@pytest.fixture
def judged(zygote):
    """Return a function that runs a check on source, with the fixture's own precedents or with none."""
    shared = Precedents()

    def judge(check: Check, source: str, precedents: Precedents = shared):
        with Children(zygote, [source], precedents) as children:
            children.outcomes()
            return replace(run_check(check, Link(children), "triple", 0), mismatch=None, call=None)

    return judge


def three_times(asked: list[int]) -> Check:
    """A check that notes what it asks."""

    def is_three_times_as_much(triple):
        """It is three times as much."""
        for x in (1, 2, 7):
            asked.append(x)
            close(triple(x), 3 * x)

    return Check(is_three_times_as_much, hidden=False)


def test_who_answers_alike_gets_the_same_verdict_and_the_check_does_not_run_again(judged):
    asked: list[int] = []
    check = three_times(asked)
    first, second = judged(check, RIGHT), judged(check, SAME)
    assert first == second
    assert first.outcome == "passed"
    assert asked == [1, 2, 7]


@pytest.mark.parametrize("source", [LATE, ENDS, "triple = None", "", "def triple(x): raise ValueError(x)"])
def test_who_answers_otherwise_gets_the_verdict_that_it_gets_alone(judged, source):
    check = three_times([])
    alone = judged(check, source, Precedents())
    judged(check, RIGHT)
    assert alone == judged(check, source) == judged(check, source)
    assert alone.outcome == "failed"


def test_what_stands_for_a_name_is_asked_once_and_told_apart(judged):
    """A check may look at its candidate without asking it anything: two kinds are two candidates."""

    def is_a_function(triple):
        """It is a function, and gives three times as much."""
        close(triple(2), 6)
        assert triple._handle.type_name == "function"

    check = Check(is_a_function, hidden=False)
    assert judged(check, RIGHT).outcome == "passed"
    assert judged(check, "class triple:\n    def __new__(cls, x): return 3 * x").outcome == "failed"
    assert judged(check, SAME).outcome == "passed"


def test_functions_that_are_called_back_take_part(judged):
    called: list[int] = []

    def calls_its_argument(triple):
        """It calls what it is given."""
        close(triple(lambda x: called.append(x) or x), 3)

    check = Check(calls_its_argument, hidden=False)
    assert judged(check, CALLS_BACK) == judged(check, CALLS_BACK)
    assert called == [1, 1, 1]
    assert judged(check, "def triple(x): return 2 * x(1)").outcome == "failed"


def test_a_check_that_asks_as_it_pleases_is_the_graders_fault(judged):
    numbers = itertools.count()

    def asks_for_something_new(triple):
        """It is a number."""
        close(triple(next(numbers)) * 0, 0)

    check = Check(asks_for_something_new, hidden=False)
    judged(check, RIGHT)
    with pytest.raises(ChannelBroken, match="answer alike"):
        judged(check, "def triple(x): return 4")


def test_so_many_conversations_are_kept_and_no_more():
    precedents = Precedents()
    for number in range(2 * MOST):
        precedents.add(("f", "check"), [(b"ask", number.to_bytes(2))], CheckResult(three_times([]), "passed"))
    assert len(precedents.first(("f", "check")).next) == MOST


def test_what_is_kept_has_a_bound(monkeypatch):
    """A class could otherwise fill a worker's memory, each student with large values of another kind."""
    monkeypatch.setattr("grader.precedents.ROOM", 5_000)
    precedents, check = Precedents(), three_times([])
    for number in range(10):
        kept = CheckResult(check, "failed", trace=[(None, torch.full((250,), float(number)), True)])
        precedents.add((f"f{number}", "check", None), [(b"ask", bytes([number]))], kept)
    assert 0 < sum(precedents.first((f"f{number}", "check", None)) is not None for number in range(10)) < 5


def test_what_is_very_large_is_not_kept():
    precedents, small = Precedents(), CheckResult(three_times([]), "failed")
    large = replace(small, trace=[(None, torch.zeros(LARGE), True)])
    for name, result in (("small", small), ("large", large)):
        precedents.add((name, "check", None), [(b"ask", b"heard")], result)
    assert precedents.first(("small", "check", None)) is not None
    assert precedents.first(("large", "check", None)) is None
