"""Visible checks, asked once more about other inputs: what a candidate knows by heart it does not know of these.

The inputs of visible checks stand in every learner's notebook, so their results can be put into a table. Here such a
check talks to the right answer. All that it asks is asked again, with other inputs of the same kind, of the candidate
and of a second right answer, and the two must agree.
"""

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator
from string import ascii_lowercase
from typing import Any

import numpy as np
import torch

from grader.candidate import SEED, Candidate, Link, LocalChannel
from grader.channel import Channel
from grader.compare import Mismatch
from grader.exercise import Check
from grader.lazy import LAZY, lazy
from grader.run import generator, run_check
from grader.servant import Reply
from grader.values import Callback, same

KINDS = ("letters", "numbers", "labels", "sizes")
TOLERANCE, TOLERANCE_OF_HALVES = 3e-4, 2e-2  # of a result's largest number
_WITH_ARGUMENTS = ("call", "steps", "draws", "tensors", "vjp", "backward")
_OTHERWISE = "right for the inputs that you see, and wrong for others like them"
_SEEDS = range(2)


def elsewhere(check: Check, kind: str, name: str, answer: Any, number: int = 0) -> Check:
    """Return the check that demands what a visible one demands, of inputs that nobody knows.

    Args:
        check: a visible check of an exercise.
        kind: what is varied, one of `KINDS`.
        name: the exercise.
        answer: the right answer.
        number: of the check among several, each with inputs of its own: what came of one is not taken for another's.
    """

    def again(candidate: Any, rng: torch.Generator) -> None:
        if not isinstance(candidate, Candidate):
            raise Mismatch(_OTHERWISE)
        _Asked(check, name, answer, Variation(kind, rng)).put_to(candidate)

    again.__name__ = f"{check.name} elsewhere {number}"
    return Check(again, hidden=True)


def kind_for(check: Check, name: str, right: list[Any], wrong: list[Any]) -> str | None:
    """Return what can be varied in a visible check with all answers agreeing that pass it; None where nothing can.

    Args:
        check: a visible check of an exercise.
        name: the exercise.
        right: the answer and its variants.
        wrong: answers that are wrong somewhere else.
    """
    answer = right[0]
    for kind in KINDS:
        asked = [_Asked(check, name, answer, Variation(kind, generator(seed, name, check.name))) for seed in _SEEDS]
        pairs = [(one, some) for one in right for some in asked] + [(one, asked[0]) for one in wrong]
        if all(some.varied and some.whole for some in asked) and all(_agrees(one, some, name) for one, some in pairs):
            lazy_ones = (Link(LocalChannel({name: lazy(answer, make)})) for make in LAZY.values())
            asks_for_values = all(run_check(check, link, name, 0).outcome != "passed" for link in lazy_ones)
            return kind if asks_for_values else None
    return None


def _agrees(one: Any, asked: "_Asked", name: str) -> bool:
    """Whether an answer does with other inputs as the right one does."""
    link = Link(LocalChannel({name: one}))
    link.begin()
    with contextlib.suppress(Mismatch):
        asked.put_to(link.look_up(name))
        return True
    return False


class Variation:
    """Draws other inputs of the same kind: types, shapes, zeros, signs and orders of magnitude stay as they are.

    Args:
        kind: what is varied.
            letters: of texts; each becomes another one everywhere.
            numbers: broken numbers, and what arrays hold; whole numbers there change places.
            labels: whole numbers in lists; they change places.
            sizes: whole numbers that are arguments; all are multiplied by an odd number, so that what is even, or
                divides another, still is or does.
        rng: where they are drawn from.
    """

    def __init__(self, kind: str, rng: torch.Generator):
        self._kind, self._rng = kind, rng
        self._factor = int(torch.randint(1, 4, (), generator=rng)) * 2 + 1
        letters = dict(zip(ascii_lowercase, self._shuffled(list(ascii_lowercase)), strict=True))
        self._letters = str.maketrans(letters | {a.upper(): b.upper() for a, b in letters.items()})
        self._labels: dict[int, int] = {}

    def of(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Return other arguments; handles, callbacks, booleans and what else has no likes stay as they are."""
        labels = sorted({label for value in (*args, *kwargs.values()) for label in _labels(value)})
        others = labels
        while others == labels and len(labels) > 1:
            others = self._shuffled(labels)
        self._labels = dict(zip(labels, others, strict=True))
        return tuple(map(self._other, args)), {key: self._other(value) for key, value in kwargs.items()}

    def _other(self, value: Any, listed: bool = False) -> Any:
        if isinstance(value, dict):
            return {self._other(key, listed): self._other(item, listed) for key, item in value.items()}
        if _is_list(value):
            return type(value)(self._other(item, listed=True) for item in value)
        match self._kind:
            case "numbers":
                return self._other_numbers(value)
            case "letters" if type(value) is str:
                return value.translate(self._letters)
            case "labels" if listed and type(value) is int:
                return self._labels[value]
            case "sizes" if not listed and type(value) is int and value > 1:
                return value * self._factor
        return value

    def _other_numbers(self, value: Any) -> Any:
        if type(value) is float:
            return value * float(self._factors(1))
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
            return self._other_numbers(torch.from_numpy(value)).numpy()
        if not isinstance(value, torch.Tensor) or value.dtype == torch.bool or value.dtype.is_complex:
            return value
        if value.dtype.is_floating_point:
            return value * self._factors(value.numel()).view(value.shape).to(value.dtype)
        return value.flatten()[torch.randperm(value.numel(), generator=self._rng)].view(value.shape)

    def _factors(self, n: int) -> torch.Tensor:
        return 1 - torch.rand(n, generator=self._rng) / 16

    def _shuffled(self, items: list) -> list:
        return [items[i] for i in torch.randperm(len(items), generator=self._rng)]


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))


def _labels(value: Any) -> Iterator[int]:
    """Yield the whole numbers in a list, and in the lists in it."""
    for item in value if _is_list(value) else ():
        if type(item) is int:
            yield item
        yield from _labels(item)


class _NothingFollows(Exception):
    """The right answer refuses other inputs."""


class _Asked(Channel):
    """What a check would ask about other inputs, and what is due: it runs once, on a channel to the right answer.

    Attributes:
        varied: some input is another than the check's own.
        whole: the check came to its end.
    """

    def __init__(self, check: Check, name: str, answer: Any, variation: Variation):
        self.varied, self.whole = False, False
        self._variation, self._questions = variation, []
        self._known, self._right = LocalChannel({name: answer}), LocalChannel({name: answer})
        for channel in (self._known, self._right):
            channel.perform("begin", SEED)
            found = channel.perform("look_up", name).value
        with contextlib.suppress(Exception):  # what the check says of the right answer is of no interest
            check.function(Candidate(Link(self), found, name))
            self.whole = True

    def put_to(self, candidate: Candidate) -> None:
        """Ask a candidate that was looked up just now.

        Raises:
            Mismatch: where it parts from the right answer.
        """
        channel = candidate._link.channel
        for operation, details, due in self._questions:
            if operation == "lend":
                channel.lend(*details)
            elif difference := _parted(operation, channel.perform(operation, *details), due):
                raise Mismatch(difference)

    def perform(self, operation: str, *details: Any) -> Reply:
        """Perform one operation, and note what the right answer does with other inputs."""
        reply = self._known.perform(operation, *details)
        others = self._others(operation, details)
        due = self._right.perform(operation, *others)
        if bool(due.raised) != bool(reply.raised):
            raise _NothingFollows
        self.varied |= not same(details, others)
        self._questions.append((operation, others, due))
        return reply

    def _others(self, operation: str, details: tuple) -> tuple:
        if operation not in _WITH_ARGUMENTS:
            return details
        target, args, second, *rest = details
        if isinstance(second, torch.Tensor):  # the gradient of what comes
            (*args, second), _ = self._variation.of((*args, second), {})
            return target, tuple(args), second, *rest
        return target, *self._variation.of(args, second), *rest

    def lend(self, function: Callable) -> Callback:
        """Give the right answer a function of the check's side to call, as the candidate will be given it."""
        self._questions.append(("lend", (function,), None))
        self._right.lend(function)
        return self._known.lend(function)


def _parted(operation: str, came: Reply, due: Reply) -> str | None:
    """Return how two replies part, or None; what cannot be compared parts."""
    try:
        return _difference_of_draws(came, due) if operation == "draws" else _difference(came, due)
    except Exception:
        return _OTHERWISE


def _difference(came: Reply, due: Reply) -> str | None:
    """Return how two replies part, or None. How a number is wrapped, and what objects are, says nothing."""
    if due.raised:
        return None if came.raised else _OTHERWISE
    if came.raised:
        return "right for the inputs that you see, but your code raises an exception for others like them"
    return None if _alike(came.value, due.value) else _OTHERWISE


def _difference_of_draws(came: Reply, due: Reply) -> str | None:
    """The same for what is random: the shares of the results, three times as far apart as two samples of one are."""
    if came.raised or due.raised or type(came.value) is not list or len(came.value) != len(due.value):
        return _difference(came, due)
    mine, right, n = Counter(map(repr, came.value)), Counter(map(repr, due.value)), len(due.value)
    apart = sum(abs(mine[one] - right[one]) for one in mine | right) / 2 / n
    return _OTHERWISE if apart > 3 * math.sqrt(len(right) / (math.pi * n)) * (len(right) > 1) else None


def _alike(came: Any, due: Any) -> bool:
    if isinstance(due, torch.Tensor) and isinstance(came, torch.Tensor):
        alike = came.dtype == due.dtype or {came.dtype, due.dtype} == {torch.float32, torch.float64}
        return alike and came.shape == due.shape and _near(came.flatten(), due.flatten())
    if (numbers := _numbers(due)) is not None:
        came = _numbers(came)
        return came is not None and came.shape == numbers.shape and _near(came, numbers)
    if isinstance(due, dict):
        return isinstance(came, dict) and came.keys() == due.keys() and all(_alike(came[k], due[k]) for k in due)
    if isinstance(due, (list, tuple)):
        return isinstance(came, (list, tuple)) and len(came) == len(due) and all(map(_alike, came, due))
    if due is None or isinstance(due, (str, bytes, set, frozenset)):
        return type(came) is type(due) and came == due
    return True


def _numbers(value: Any) -> torch.Tensor | None:
    """Return the numbers of a value that holds nothing else, in one row, or None."""
    if isinstance(value, torch.Tensor):
        return value.flatten()
    listed = isinstance(value, (list, tuple)) and all(isinstance(item, (bool, int, float)) for item in value)
    if listed or isinstance(value, (bool, int, float, np.ndarray)):
        with contextlib.suppress(TypeError, ValueError, OverflowError, RuntimeError):
            return torch.as_tensor(value).flatten()
    return None


def _near(came: torch.Tensor, due: torch.Tensor) -> bool:
    tolerance = TOLERANCE_OF_HALVES if due.dtype in (torch.float16, torch.bfloat16) else TOLERANCE
    came, due = (row if row.dtype.is_complex else row.double() for row in (came, due))
    most = float(due[due.isfinite()].abs().max()) if due.isfinite().any() else 0.0
    return torch.allclose(came, due, rtol=0.0, atol=tolerance * most, equal_nan=True)
