"""Candidates that know the results of visible checks by heart, and a nursery that has them judged in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_map
from transformers import PreTrainedConfig

from grader.candidate import Link, LocalChannel
from grader.exercise import Exercise
from grader.judge import Assignment, assignments, judge
from grader.run import ExerciseResult, run_visible
from grader.sandbox import Limits


class Here:
    """A nursery whose child is this process: for candidates that are ours."""

    limits = Limits()

    def __init__(self, namespace: dict[str, Any]):
        self.namespace = namespace

    def open(self, cells: list[str]) -> "_LocalChild":
        return _LocalChild(self.namespace)


class _LocalChild(LocalChannel):
    cells, events = (), ()

    def known(self, name: str) -> None:
        """Nothing is known before a check asks."""

    def close(self) -> None:
        """Nothing is to be ended."""


def course_of(root: Path, week: str, name: str) -> Assignment:
    """Return the assignment that has an exercise."""
    return next(one for one in assignments(root, week).values() if name in one.loaded)


def results(course: Assignment, namespace: dict[str, Any]) -> dict[str, ExerciseResult]:
    """Judge what stands in a namespace, as the grader judges a submission."""
    return {result.name: result for result in judge(course, [], Here(namespace), "a seed").results}


def with_a_table(exercise: Exercise, otherwise: Callable) -> Callable:
    """Return a function that has the results of all visible checks, and does something else with other arguments."""
    known, learning = set(), True

    def candidate(*args: Any, **kwargs: Any) -> Any:
        asked = _key((args, kwargs))
        if learning:
            known.add(asked)
        return (exercise.answer if asked in known else otherwise)(*args, **kwargs)

    outcomes = run_visible(exercise.checks, Link(LocalChannel({exercise.name: candidate})), exercise.name)
    assert all(outcome.outcome == "passed" for outcome in outcomes)
    learning = False
    return candidate


def _key(values: Any) -> str:
    """Write out the values among some arguments; of what else there is, the type."""
    return repr(tree_map(_shown, values))


def _shown(value: Any) -> Any:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return value.dtype, value.shape, value.tolist()
    if isinstance(value, PreTrainedConfig):
        return value.to_dict()
    return value if isinstance(value, (bool, int, float, str, bytes)) else type(value)
