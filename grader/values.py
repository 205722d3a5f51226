"""Values that may pass between a check and a candidate.

Plain data, tensors and arrays pass by copy; everything else stays where it is and passes as a `Handle`. The same
rules hold within one process and over the wire, so that a check cannot tell where its candidate lives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

_DATA = frozenset((bool, int, float, complex, str, bytes))


class Callback:
    """A function of the check's side, passed to a candidate as an argument."""

    def __init__(self, number: int):
        self.number = number


@dataclass(frozen=True)
class Handle:
    """A reference to an object that stays with the candidate: its number, its type's name, whether one can call it."""

    number: int
    type_name: str
    callable: bool = False


def copied(value: Any, other: Callable[[Any], Any]) -> Any:
    """Return a copy of `value` that shares no memory with it; objects that are not data go through `other`.

    Subclasses (parameters, string enums, named tuples) become their plain base, as they would on the wire.

    Raises:
        TypeError: for a tensor that is sparse, nested, quantized or not in main memory.
    """
    kind = type(value)
    if value is None or kind in _DATA:
        return value
    if kind is tuple or kind is list:
        return kind([copied(item, other) for item in value])
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.is_quantized or value.is_nested or value.device.type != "cpu":
            raise TypeError("only plain tensors on the CPU can be compared: not sparse, nested, quantized or meta ones")
        return value.detach().as_subclass(torch.Tensor).clone(memory_format=torch.contiguous_format)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return np.array(value, order="C", subok=False)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, torch.dtype):
        return value
    if isinstance(value, (bool, int, float, complex, str, bytes)):
        return _plain(value)
    if isinstance(value, (list, set, frozenset)):
        kind = next(k for k in (list, frozenset, set) if isinstance(value, k))
        return kind(copied(item, other) for item in value)
    if isinstance(value, tuple):
        return tuple(copied(item, other) for item in value)
    if isinstance(value, dict):
        return {copied(key, other): copied(item, other) for key, item in value.items()}
    return other(value)


def weight(value: Any) -> int:
    """Return roughly how many bytes a copied value takes."""
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(64 + weight(key) + weight(item) for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return sum(64 + weight(item) for item in value)
    return value.bit_length() // 8 if type(value) is int else 8


def data_only(value: Any) -> Any:
    """Return a copy of `value` with None in the place of everything that is not data."""
    return copied(value, lambda _: None)


def arguments_of(operation: str, *details: Any) -> tuple[tuple, dict]:
    """Return the positional and keyword arguments among the details of an operation on a candidate."""
    args = next((detail for detail in details if type(detail) is tuple), ())
    kwargs = next((detail for detail in details if type(detail) is dict), {})
    return args, kwargs


def data_kept(value: Any) -> Any:
    """Return a copied value with None in the place of what is not data; the data is not copied once more."""
    kind = type(value)
    if kind is tuple or kind is list:
        return kind([data_kept(item) for item in value])
    if kind is dict:
        return {key: data_kept(item) for key, item in value.items()}
    return None if kind in (Handle, Callback) else value


def _plain(value: Any) -> Any:
    for kind in (bool, int, float, complex, str, bytes):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(type(value).__name__)


def unchanged(before: Any, after: Any) -> bool:
    """Return whether arguments, as they were sent, came back as `data_only` would have them."""
    if type(before) in (tuple, list):
        return type(after) is type(before) and len(before) == len(after) and all(map(unchanged, before, after))
    if type(before) is dict:
        if type(after) is not dict or list(before) != list(after):
            return False
        return all(unchanged(before[key], after[key]) for key in before)
    return after is None if isinstance(before, (Handle, Callback)) else same(before, after)


def same(left: Any, right: Any) -> bool:
    """Return whether two copied values are equal to the last bit, types and dtypes included; NaN equals NaN."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        if left.dtype != right.dtype or left.shape != right.shape:
            return False
        if left.dtype.is_floating_point or left.dtype.is_complex:
            return torch.equal(left, right) or bool(((left == right) | (left.isnan() & right.isnan())).all())
        return torch.equal(left, right)
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind in "fc")
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    return left == right or (left != left and right != right)
