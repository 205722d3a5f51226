"""Comparing what a candidate returned with what was expected.

Every comparison either returns or raises `Mismatch`; whatever a candidate returns, a comparison never breaks.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from grader.candidate import Candidate, CandidateError
from grader.values import data_only, same


class Mismatch(Exception):
    """What a candidate returned is not what was expected.

    Args:
        message: one sentence to the learner: what was expected, what came.
        expected: the value that was expected, when showing it helps.
        actual: the value that came.
        index: the first position at which two tensors differ.
    """

    def __init__(self, message: str, expected: Any = None, actual: Any = None, index: tuple[int, ...] | None = None):
        super().__init__(message)
        self.message, self.expected, self.actual, self.index = message, expected, actual, index


def close(actual: Any, expected: Any, *, atol: float = 1e-4, rtol: float = 1e-4, what: str = "the result") -> None:
    """Demand that `actual` equals `expected`: type, shape, dtype, then every element within atol + rtol·|expected|.

    Nothing is broadcast. NaN and infinity match only themselves. Integers and booleans match exactly. Lists, tuples
    and dicts are compared part by part.

    Raises:
        Mismatch: naming the first difference and, where there is one, the relation between the two.
    """
    if isinstance(expected, torch.Tensor):
        if not isinstance(actual, torch.Tensor):
            raise Mismatch(f"{what} should be a tensor, not {_kind(actual)}", expected, actual)
        _close_tensors(actual, expected.detach(), atol, rtol, what)
    elif isinstance(expected, np.ndarray):
        if not isinstance(actual, np.ndarray):
            raise Mismatch(f"{what} should be a NumPy array, not {_kind(actual)}", expected, actual)
        if actual.dtype != expected.dtype:  # said here, as PyTorch has no tensors of texts or dates
            raise Mismatch(f"{what} should be of dtype {expected.dtype}, not {actual.dtype}", expected, actual)
        _close_tensors(torch.from_numpy(actual.copy()), torch.from_numpy(expected.copy()), atol, rtol, what)
    elif isinstance(expected, (list, tuple)):
        if type(actual) is not type(expected):
            raise Mismatch(f"{what} should be {_kind(expected)}, not {_kind(actual)}", expected, actual)
        for i, (a, e) in enumerate(zip(actual, expected, strict=False)):
            close(a, e, atol=atol, rtol=rtol, what=f"item {i} of {what}")
        if len(actual) != len(expected):
            raise Mismatch(f"{what} should have {len(expected)} items, not {len(actual)}", expected, actual)
    elif isinstance(expected, dict):
        _close_dicts(actual, expected, atol, rtol, what)
    else:
        _close_scalars(actual, expected, atol, rtol, what)


def _close_tensors(actual: torch.Tensor, expected: torch.Tensor, atol: float, rtol: float, what: str) -> None:
    if actual.shape != expected.shape:
        message = f"{what} should have shape {tuple(expected.shape)}, not {tuple(actual.shape)}"
        raise Mismatch(message, expected, actual)
    if actual.dtype != expected.dtype:
        raise Mismatch(f"{what} should be {expected.dtype}, not {actual.dtype}", expected, actual)
    real = expected.dtype.is_floating_point
    if real or expected.dtype.is_complex:
        wide = torch.float64 if real else torch.complex128
        wrong = ~torch.isclose(actual.to(wide), expected.to(wide), atol=atol, rtol=rtol, equal_nan=True)
    else:
        wrong = actual != expected
    if not bool(wrong.any()):
        return
    index = tuple(int(i) for i in wrong.nonzero()[0])
    came, due = _number(actual[index]), _number(expected[index])
    where = f"at {list(index)}" if index else "here"
    message = f"{what} is wrong in {int(wrong.sum())} of {wrong.numel()} places, first {where}: {came} instead of {due}"
    if real and (relation := _relation(actual.double(), expected.double(), atol, rtol)):
        message += f"; {relation}"
    raise Mismatch(message, expected, actual, index)


def _relation(actual: torch.Tensor, expected: torch.Tensor, atol: float, rtol: float) -> str:
    """Say how two finite tensors of one shape are related, when it is something plain; else an empty string."""
    if actual.isnan().any():
        return "it holds NaN"
    if not (actual.isfinite().all() and expected.isfinite().all()) or actual.numel() < 2:
        return ""

    def alike(other: torch.Tensor) -> bool:
        return torch.allclose(other, expected, atol=atol, rtol=rtol)

    largest = expected.abs().argmax()
    if expected.flatten()[largest] == 0:
        return ""
    factor = float(actual.flatten()[largest] / expected.flatten()[largest])
    if factor == 0:
        return "it is zero everywhere" if not actual.any() else ""
    if abs(factor - 1) > 0.01 and alike(actual / factor):  # nearer to 1 it is an error of rounding or of an ε
        return "the sign is the other way round" if abs(factor + 1) < 1e-4 else f"it is {factor:.4g} times what is due"
    offset = float((actual - expected).mean())
    if alike(actual - offset):
        return f"it is {offset:+.4g} off everywhere"
    square = actual.dim() >= 2 and actual.shape[-1] == actual.shape[-2]
    if square and alike(actual.mT):
        return "it is transposed"
    for dim in range(actual.dim()):
        if alike(actual.flip(dim)):
            return f"it is in reverse along dimension {dim}"
    return ""


def _close_dicts(actual: Any, expected: dict, atol: float, rtol: float, what: str) -> None:
    if not isinstance(actual, dict):
        raise Mismatch(f"{what} should be a dict, not {_kind(actual)}", expected, actual)
    for key in expected:
        if key not in actual:
            raise Mismatch(f"{what} should have the key {key!r}", expected, actual)
        close(actual[key], expected[key], atol=atol, rtol=rtol, what=f"{what}[{key!r}]")
    if extra := [key for key in actual if key not in expected]:
        raise Mismatch(f"{what} should not have the key {extra[0]!r}", expected, actual)


def _close_scalars(actual: Any, expected: Any, atol: float, rtol: float, what: str) -> None:
    numbers = (int, float)
    if type(expected) in numbers and type(actual) in numbers:
        if type(expected) is int or type(actual) is int:
            equal = actual == expected
        else:
            equal = bool(np.isclose(actual, expected, atol=atol, rtol=rtol, equal_nan=True))
    else:
        equal = type(actual) is type(expected) and same(actual, expected)
    if not equal:
        raise Mismatch(f"{what} should be {_short(expected)}, not {_short(actual)}", expected, actual)


def leaves_alone(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call `function` and demand that it leaves its arguments as they were; return its result.

    Raises:
        Mismatch: naming the argument that was changed, with its value before and after.
    """
    before = data_only(args), data_only(kwargs)
    if isinstance(function, Candidate):
        result, after = function._link.call(function._handle, function._label, args, kwargs)
    else:
        result = function(*args, **kwargs)
        after = data_only(args), data_only(kwargs)
    for i, was in enumerate(before[0]):
        now = after[0][i] if i < len(after[0]) else None  # what cannot be copied back was changed
        if not same(was, now):
            raise Mismatch(f"argument {i + 1} was changed; the caller still needs it as it was", was, now)
    for name, was in before[1].items():
        if not same(was, after[1].get(name)):
            raise Mismatch(
                f"the argument {name} was changed; the caller still needs it as it was", was, after[1].get(name)
            )
    return result


@contextlib.contextmanager
def raises(*kinds: type[BaseException]) -> Iterator[None]:
    """Demand that a candidate raises one of `kinds`, or a class derived from it, in the block; names are compared.

    What the check itself raises there is no merit of the candidate's and passes through.

    Raises:
        Mismatch: when nothing is raised, or something else.
    """
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        yield
    except CandidateError as error:
        if error.names[0] == "NotImplementedError":
            raise
        if not any(kind.__name__ in error.names for kind in kinds):
            raise Mismatch(f"{names} should be raised, not {error}") from None
    else:
        raise Mismatch(f"{names} should be raised here; nothing was")


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, Candidate):
        return f"a {value._handle.type_name}"
    name = {"Tensor": "tensor", "ndarray": "NumPy array"}.get(type(value).__name__, type(value).__name__)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _number(value: torch.Tensor) -> str:
    item = value.item()
    return f"{item:.5g}" if isinstance(item, float) else str(item)


def _short(value: Any, limit: int = 120) -> str:
    text = _kind(value) if isinstance(value, (Candidate, torch.Tensor, np.ndarray)) else repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"
