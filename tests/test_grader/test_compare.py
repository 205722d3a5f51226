"""`close`, `raises` and `leaves_alone`: each accepts what is right and says what is wrong."""

import numpy as np
import pytest
import torch

from grader import CandidateError, Mismatch, close, leaves_alone, raises
from grader.candidate import Link, LocalChannel


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor([1.0, float("nan"), float("inf")]),
        torch.tensor([True, False]),
        torch.tensor([1, 2]),
        torch.zeros(0, 3),
        torch.tensor(1 + 2j),
        np.array([1.0, 2.0]),
        [1, "a", None, (2.5, {"k": b"x"})],
        float("nan"),
    ],
    ids=repr,
)
def test_close_accepts_equal_values(value):
    close(value, value)


@pytest.mark.parametrize(
    ("actual", "expected", "says"),
    [
        (torch.ones(3, 1), torch.ones(3), r"shape \(3,\), not \(3, 1\)"),
        (torch.ones(()), torch.ones(1), r"shape \(1,\)"),
        (torch.ones(2, dtype=torch.float64), torch.ones(2), "should be torch.float32, not torch.float64"),
        (torch.tensor([1.0, float("nan")]), torch.ones(2), "it holds NaN"),
        (torch.tensor([float("inf")]), torch.ones(1), "inf instead of 1"),
        (torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0]), r"first at \[1\]: 2.5 instead of 2"),
        (torch.tensor([2.0, 4.0]), torch.tensor([1.0, 2.0]), "2 times what is due"),
        (-torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]), "sign is the other way round"),
        (torch.tensor([3.0, 4.0]), torch.tensor([1.0, 2.0]), r"\+2 off everywhere"),
        (torch.tensor([[1.0, 3.0], [2.0, 7.0]]), torch.tensor([[1.0, 2.0], [3.0, 7.0]]), "transposed"),
        (torch.tensor([3.0, 2.0, 0.5]), torch.tensor([0.5, 2.0, 3.0]), "in reverse"),
        (torch.zeros(3), torch.ones(3), "zero everywhere"),
        (torch.tensor([True]), torch.tensor([False]), "True instead of False"),
        ([1.0], torch.ones(1), "should be a tensor, not a list"),
        (None, torch.ones(1), "not None"),
        ((1, 2), [1, 2], "should be a list, not a tuple"),
        ([1, 2], [1, 2, 3], "should have 3 items, not 2"),
        ([1, 5], [1, 2], "item 1 of the result should be 2, not 5"),
        ({"a": 1}, {"a": 1, "b": 2}, "should have the key 'b'"),
        ({"a": 1, "b": 2}, {"a": 1}, "should not have the key 'b'"),
        (True, 1, "should be 1, not True"),
        ("1", 1, "should be 1, not '1'"),
        (np.array(["a"]), np.array([1.0]), "dtype float64, not <U1"),
        (np.array([1.0], dtype=">f4"), np.array([1.0], dtype="<f4"), "dtype float32, not >f4"),
        (torch.tensor([1j, 0]), torch.tensor([1j, 1]), r"first at \[1\]: 0j instead of \(1\+0j\)$"),
    ],
)
def test_close_names_the_first_difference(actual, expected, says):
    with pytest.raises(Mismatch, match=says):
        close(actual, expected)


def test_raises_compares_names_of_the_class_and_its_bases():
    with raises(ValueError):
        raise CandidateError(["UnicodeDecodeError", "UnicodeError", "ValueError"], "bytes")
    with pytest.raises(Mismatch, match="ValueError should be raised, not TypeError: no"), raises(ValueError):
        raise CandidateError(["TypeError", "Exception"], "no")
    with pytest.raises(Mismatch, match="nothing was"), raises(ValueError):
        pass


def test_what_the_check_itself_raises_is_no_merit():
    with pytest.raises(ValueError, match="int"), raises(ValueError):
        int("not a number")


def test_raises_lets_a_stub_through():
    with pytest.raises(CandidateError), raises(RuntimeError):
        raise CandidateError(["NotImplementedError", "RuntimeError"], "")


def test_leaves_alone_names_the_argument():
    def spoils(x, *, items):
        x += 1
        return x

    with pytest.raises(Mismatch, match="argument 1 was changed"):
        leaves_alone(spoils, torch.zeros(2), items=[1])

    def appends(x, *, items):
        items.append(2)

    with pytest.raises(Mismatch, match="argument items was changed"):
        leaves_alone(appends, torch.zeros(2), items=[1])
    assert leaves_alone(sorted, [2, 1]) == [1, 2]


def test_an_argument_that_cannot_come_back_was_changed():
    def swallows_itself(items):
        items.append(items)

    candidate = Link(LocalChannel({"f": swallows_itself})).look_up("f")
    with pytest.raises(Mismatch, match="argument 1 was changed"):
        leaves_alone(candidate, [1])
