"""A stub never overrides an answer, and nothing else is touched."""

import pytest

from grader.sandbox.stubs import without_stubs

ANSWER = "def f(x):\n    return x"
STUB = 'def f(x):\n    """Say x."""\n    raise NotImplementedError'
CLASS = "class A:\n    def one(self):\n        return 1\n\n    def given(self):\n        return 2"
CLASS_STUB = (
    "class A:\n    def one(self):\n        raise NotImplementedError()\n\n    def given(self):\n        return 2"
)


def bound(*cells):
    namespace = {}
    for cell in without_stubs(list(cells)):
        exec(cell, namespace)
    return namespace


def test_a_stub_after_an_answer_is_left_out():
    assert bound(ANSWER, STUB)["f"](3) == 3
    assert bound(f"{ANSWER}\n\n{STUB}\ny = 1")["y"] == 1


def test_an_answer_after_a_stub_counts():
    assert bound(STUB, ANSWER)["f"](3) == 3


def test_the_last_answer_counts():
    assert bound(ANSWER, "def f(x):\n    return -x")["f"](3) == -3
    assert bound(ANSWER, STUB, "f = lambda x: 7", STUB)["f"](3) == 7


def test_a_stub_alone_stays():
    with pytest.raises(NotImplementedError):
        bound(STUB, STUB)["f"](3)


def test_a_class_is_a_stub_when_only_given_methods_are_written():
    assert bound(CLASS, CLASS_STUB)["A"]().one() == 1
    other = CLASS_STUB.replace("return 2", "return 3")
    assert bound(CLASS, other)["A"]().given() == 3
    assert bound(CLASS_STUB, CLASS)["A"]().one() == 1


def test_decorated_stubs_and_line_numbers():
    cell = f"{ANSWER}\n\n@staticmethod\n{STUB}\n\nz = 1 / 0"
    [kept] = without_stubs([cell])
    assert kept.count("\n") == cell.count("\n")
    assert kept.splitlines()[-1] == "z = 1 / 0"


def test_cells_that_are_no_plain_python_stay():
    cells = [ANSWER, "%time x\n" + STUB, "def (", "\x00", ""]
    assert without_stubs(cells) == cells
