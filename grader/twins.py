"""Find calls of a library twin: a function that does the exercise's work, so that calling it is no answer."""

import ast
import inspect
import textwrap
from typing import Any


def twins_called(source: str, twins: list[str]) -> list[str]:
    """Return the `twins` that `source` reaches as an attribute (`F.softmax`, `x.softmax`) or imports by name.

    The exercise's own name, bare, is no twin: `softmax(x)` is the learner's.
    """
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return []
    reached = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    reached |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return [twin for twin in twins if twin in reached]


def names_read(source: str) -> set[str]:
    """Return the bare names that `source` reads: `softmax(x)` does, `F.softmax(x)` does not."""
    try:
        tree = ast.parse(textwrap.dedent(source))
    except SyntaxError:
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def source_of(answer: Any) -> str:
    """Return the source of a function or class, or an empty string where Python does not know it.

    Before Python 3.13 a class that a notebook defined has no source of its own; its methods have.
    """
    try:
        return inspect.getsource(answer)
    except (OSError, TypeError):
        if not inspect.isclass(answer):
            return ""
    methods = filter(inspect.isfunction, vars(answer).values())
    return "\n".join(textwrap.dedent(source_of(method)) for method in methods)
