"""Lazy answers: what earns points from checks that are too easily pleased. Each must earn nothing on any exercise.

They cheat as well as they can: shapes and dtypes are those of the right answer.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch


def _filled(number: float) -> Callable[[Any, tuple], Any]:
    def fill(right: Any, _: tuple) -> Any:
        if isinstance(right, torch.Tensor):
            fits = right.dtype.is_floating_point or number in (0, 1)
            return torch.full_like(right, number, dtype=right.dtype if fits else torch.float32)
        if isinstance(right, tuple):
            return tuple(fill(part, _) for part in right)
        return type(right)() if right is not None and number == 0 else number

    return fill


def _raising(right: Any, args: tuple) -> Any:
    raise RuntimeError("no answer")


def _refusing(right: Any, args: tuple) -> Any:
    if right is None:
        raise ValueError("refused, as the right answer does")
    return _filled(0)(right, args)


LAZY: dict[str, Callable[[Any, tuple], Any]] = {
    "zeros": _filled(0),
    "constant": _filled(1),
    "NaN": _filled(float("nan")),
    "inf": _filled(float("inf")),
    "empty": lambda right, args: torch.empty(0),
    "echo": lambda right, args: args[0] if args else None,
    "None": lambda right, args: None,
    "always raising": _raising,
    "zeros, and refusals": _refusing,
}


def lazy(answer: Any, make: Callable[[Any, tuple], Any]) -> Any:
    """Return `answer`, a function or a class, with every result replaced by what `make(result, arguments)` gives."""

    def wrapped(function: Callable, skip: int) -> Callable:
        @functools.wraps(function)
        def instead(*args: Any, **kwargs: Any) -> Any:
            owner = args[:skip]
            if not any(isinstance(one, torch.nn.Module) for one in owner):  # a copy's parameters get no gradients here
                owner = copy.deepcopy(owner)  # a method must do nothing either
            try:
                right = function(*owner, *args[skip:], **kwargs)
            except (ValueError, TypeError):
                right = None
            return make(right, args[skip:])

        return instead

    if not inspect.isclass(answer):
        return wrapped(answer, 0)
    methods = {
        name: wrapped(method, 1)
        for name, method in vars(answer).items()
        if inspect.isfunction(method) and not name.startswith("__")
    }
    return type(answer.__name__, (answer,), methods)
