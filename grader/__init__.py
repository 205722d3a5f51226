"""The exercise vocabulary: everything an exercise file or a learner's notebook imports.

An exercise file reads `from grader import close, exercise`; a notebook reads `from grader import checks`.
"""

from grader.candidate import CandidateError, backward, draws, library, steps, vjp
from grader.compare import Mismatch, close, leaves_alone, raises
from grader.exercise import exercise, given
from grader.notebook import checks

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
    "vjp",
]
