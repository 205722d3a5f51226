"""The exercise vocabulary: everything an exercise file or a learner's notebook imports.

An exercise file reads `from grader import close, exercise`; a notebook reads `from grader import checks`. Each name is
loaded when it is asked for, so that a command which needs no torch starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from grader.exercise import exercise, given  # a module's name is one of its own: not to be had lazily

if TYPE_CHECKING:
    from grader.candidate import CandidateError, backward, draws, library, steps, tensors, vjp
    from grader.compare import Mismatch, close, leaves_alone, raises
    from grader.notebook import checks

_HOMES = {
    "candidate": ("CandidateError", "backward", "draws", "library", "steps", "tensors", "vjp"),
    "compare": ("Mismatch", "close", "leaves_alone", "raises"),
    "notebook": ("checks",),
}
__all__ = [
    "CandidateError",
    "Mismatch",
    "backward",
    "checks",
    "close",
    "draws",
    "exercise",
    "given",
    "leaves_alone",
    "library",
    "raises",
    "steps",
    "tensors",
    "vjp",
]


def __getattr__(name: str) -> Any:
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"grader.{home}"), name)
