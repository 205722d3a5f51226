"""Library twins are seen in what an answer calls, wherever it was written."""

import pytest

from grader.twins import source_of, twins_called


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def softmax(x): return F.softmax(x)", ["softmax"]),
        ("    def softmax(x):\n        return x.softmax(-1)", ["softmax"]),
        ("def f(x):\n    from torch import softmax as s\n    return s(x)", ["softmax"]),
        ("def softmax(x): return softmax(x.exp())", []),
        ("def f(:", []),
    ],
)
def test_a_twin_is_an_attribute_or_an_import(source, found):
    assert twins_called(source, ["softmax", "log_softmax"]) == found


def test_a_class_of_a_notebook_is_known_by_its_methods(tmp_path):
    class Block:
        def forward(self, x):
            return x.softmax(-1)

    assert twins_called(source_of(Block), ["softmax"]) == ["softmax"]
    Block.__module__ = "of_no_file"
    assert "x.softmax(-1)" in source_of(Block)
    assert source_of(len) == ""
