"""A mistake is named when the candidate does what a known mistake does, and nothing is named by chance."""

import json

import numpy as np
import pytest
import torch

from grader.diagnose import alike, diagnose, fingerprint
from grader.exercise import Check
from grader.run import CheckResult


def of(value) -> list:
    """The fingerprint of one call that returned `value`, as it is read from the data file."""
    return json.loads(json.dumps(fingerprint([(None, value, True)])))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0001, 2.0001])),
        (torch.tensor([1.0]).half(), torch.tensor([1.01]).half()),
        (torch.tensor(float("nan")), torch.tensor(float("nan"))),
        ({"a", "b", "c"}, {"c", "b", "a"}),
        ((1, "x", None), [1, "x", None]),
        (np.array([1.0]), np.array([1.0])),
        (1.0, 1),
    ],
)
def test_equal_but_for_rounding(one, other):
    assert alike(of(one), of(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (torch.tensor([1.0]), torch.tensor([1.1])),
        (torch.tensor([1.0]), torch.tensor([1.0]).double()),
        (torch.ones(2, 1), torch.ones(1, 2)),
        ([50_256], [50_257]),
        (torch.tensor([50_256]), torch.tensor([50_257])),
        (True, 1),
        (list(range(16)), list(range(17))),
        (list(range(17)), list(range(18))),
        (dict.fromkeys(range(17)), dict.fromkeys(range(18))),
        ({"a"}, {"b"}),
        (set(range(30)), set(range(31))),
        ("a", "b"),
        (10**400, 10**500),
        (np.array(["a"]), np.array(["a", "b"])),
    ],
)
def test_different(one, other):
    assert not alike(of(one), of(other))


def result(name: str, value, outcome: str = "failed", hidden: bool = False) -> CheckResult:
    def check():
        """a check"""

    check.__name__ = name
    return CheckResult(Check(check, hidden), outcome, trace=[(None, value, True)])


SMALL = {"message": "small", "failing": {"one": of(1)}}
LARGE = {"message": "large", "failing": {"one": of(1), "two": of(2)}}


def test_the_mistake_that_explains_most_is_named_alone():
    assert diagnose([result("one", 1), result("two", 2)], [SMALL, LARGE]) == ["large"]


def test_a_second_mistake_is_named_for_what_the_first_leaves_open():
    other = {"message": "other", "failing": {"three": of(3)}}
    assert sorted(diagnose([result("one", 1), result("three", 3)], [other, SMALL])) == ["other", "small"]


def test_nothing_is_guessed():
    assert diagnose([result("one", 1), result("two", 5)], [LARGE]) == []
    assert diagnose([result("one", 1, "passed")], [SMALL]) == []
    assert diagnose([result("one", 1, hidden=True)], [SMALL]) == []
    assert diagnose([result("one", 1)], [{"message": "passes everything", "failing": {}}]) == []


def test_an_exception_is_known_by_its_name_and_words():
    raised = fingerprint([("ValueError", "heads do not divide", True)])
    assert raised == fingerprint([("ValueError", "heads do not divide", False)])
    assert raised != fingerprint([("TypeError", "heads do not divide", True)])
    assert raised != fingerprint([("ValueError", "another reason", True)])
