"""Messages between the trusted side and a child: a JSON header and the raw bytes of tensors and long texts.

A message is a kind and some values. Whatever bytes come, reading them gives values of the kinds that
`grader.values.copied` passes, or raises `WireError`; nothing is allocated, executed or imported on their word alone.
Left out: pickles, objects with attributes, and tensors that are not strided (sparse, quantised, meta).

A frame is 12 bytes (lengths of header and body, big-endian u32 and u64), the header, the body. The header is the JSON
array [kind, value, …]. None, booleans, finite floats, integers of 64 bits and short texts stand for themselves; every
other value is an array that begins with its tag:

    ["f", "nan"]  ["i", hex]  ["c", re, im]  ["s", n]  ["b", n]  ["T", dtype, shape, n]  ["N", dtype, shape, n]
    ["l", …]  ["t", …]  ["e", …]  ["z", …]  ["d", key, value, …]  ["y", dtype]
    ["h", number, type, callable]  ["k", number]

where n bytes of the body, taken in order, hold what follows (list, tuple, set, frozenset, dict are l, t, e, z, d).
"""

import json
import math
import re
import struct
from collections import Counter
from typing import Any

import numpy as np
import torch

from grader.values import Callback, Handle

HEAD = struct.Struct("!IQ")
MAX_HEADER = 8 << 20
MAX_VALUES = 400_000
MAX_ARRAYS = 10_000
MAX_DEPTH = 60
MAX_DIMENSIONS = 32
MAX_LENGTH = 1 << 40
MAX_BITS = 1 << 17
MAX_SHORT = 512
MAX_SAME_HASH = 64
_SMALL = 1 << 63
_ODD_FLOATS = ("nan", "inf", "-inf")
_CONTAINERS = {"l": list, "t": tuple, "e": set, "z": frozenset}
_TAGS = {kind: tag for tag, kind in _CONTAINERS.items()}
_NUMPY = re.compile(
    r"[<>|=](?:b1|[iu][1248]|f(?:2|4|8|16)|c(?:8|16|32)|[SU][1-9]\d{0,8}|[mM]8\[\d{0,6}[a-zA-Zμ]{1,2}\])"
)
_ALL_DTYPES = {str(d).removeprefix("torch."): d for d in vars(torch).values() if isinstance(d, torch.dtype)}
_WHOLE_BYTES = re.compile(r"bool|u?int(8|16|32|64)|b?float(8_\w+|16|32|64)|complex(32|64|128)|float4_e2m1fn_x2")
_TENSORS = {name: dtype for name, dtype in _ALL_DTYPES.items() if _WHOLE_BYTES.fullmatch(name)}
_NAMES = {dtype: name for name, dtype in _ALL_DTYPES.items()}
_DIRECT = {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32, torch.float64}


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} stands for itself")


# Making an encoder and a decoder takes longer than using one.
_ENCODE = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode
_DECODE = json.JSONDecoder(parse_constant=_no_constant).decode


class WireError(Exception):
    """Bytes that are no message, or a value that cannot pass or is too large to."""


def frame(kind: str, *values: Any, max_body: int) -> bytes:
    """Return the bytes of a message.

    Raises:
        WireError: when a value cannot pass, or all together are too large.
    """
    writer = _Writer(max_body)
    try:
        header = _ENCODE([kind, *[writer.packed(value, 0) for value in values]]).encode()
    except (ValueError, RecursionError) as error:
        raise WireError(f"a value cannot be written: {error}") from None
    if len(header) > MAX_HEADER:
        raise WireError(f"a message has {len(header):,} bytes of plain values; at most {MAX_HEADER:,} pass")
    return b"".join([HEAD.pack(len(header), writer.size), header, *writer.parts])


def lengths(head: bytes, max_body: int) -> tuple[int, int]:
    """Return the lengths of header and body that the first 12 bytes of a frame announce.

    Raises:
        WireError: when a length is over its limit.
    """
    header, body = HEAD.unpack(head)
    if not 2 <= header <= MAX_HEADER or body > max_body:
        raise WireError(f"a message of {header:,} + {body:,} bytes is announced; at most {max_body:,} pass")
    return header, body


def parsed(header: bytes, body: bytes, lends: bool = True) -> tuple[str, list]:
    """Return the kind and the values of a message.

    Args:
        header, body: what followed the frame's first 12 bytes.
        lends: the sender may lend functions, as the trusted side does.

    Raises:
        WireError: when the bytes are no message.
    """
    if header.count(b"[") + header.count(b"{") + header.count(b",") > 2 * MAX_VALUES:
        raise WireError(f"a message has more than {MAX_VALUES:,} values")
    try:
        loaded = _DECODE(header.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise WireError(f"the header is no JSON: {str(error)[:100]}") from None
    if type(loaded) is not list or not loaded or type(loaded[0]) is not str or len(loaded[0]) > 20:
        raise WireError("the header does not begin with the message's kind")
    reader = _Reader(body, lends)
    try:
        values = [reader.value(item, 0) for item in loaded[1:]]
    except WireError:
        raise
    except (ValueError, TypeError, RuntimeError, OverflowError, MemoryError, RecursionError) as error:
        raise WireError(f"a value cannot be read: {type(error).__name__}: {str(error)[:100]}") from None
    if reader.offset != len(body):
        raise WireError(f"{len(body) - reader.offset:,} bytes of the body belong to no value")
    return loaded[0], values


class _Writer:
    """Turns values into JSON-ready ones and collects the bytes that go into the body."""

    def __init__(self, max_body: int):
        self.parts: list[bytes] = []
        self.size, self._max_body, self._values, self._arrays = 0, max_body, 0, 0

    def packed(self, value: Any, depth: int) -> Any:
        self._values += 1
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            raise WireError(f"a value is nested deeper than {MAX_DEPTH} or has more than {MAX_VALUES:,} parts")
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if -_SMALL <= value < _SMALL else self._big(value)
        if kind is float:
            return value if math.isfinite(value) else ["f", str(value)]
        if kind is str:
            return value if len(value) <= MAX_SHORT and value.isascii() else self._text(value)
        if kind in _TAGS:
            return [_TAGS[kind], *(self.packed(item, depth + 1) for item in value)]
        if kind is dict:
            pairs = (self.packed(item, depth + 1) for pair in value.items() for item in pair)
            return ["d", *pairs]
        return self._rest(value, kind)

    def _rest(self, value: Any, kind: type) -> Any:
        if kind is torch.Tensor:
            return self._tensor(value)
        if kind is np.ndarray:
            return self._array(value)
        if kind is bytes:
            return ["b", self._added(value)]
        if kind is complex:
            return ["c", self.packed(value.real, 0), self.packed(value.imag, 0)]
        if kind is torch.dtype:
            return ["y", _NAMES[value]]
        if kind is Handle:
            return ["h", value.number, value.type_name[:100], value.callable]
        if kind is Callback:
            return ["k", value.number]
        raise WireError(f"a {kind.__name__} cannot pass between a check and an answer")

    def _big(self, value: int) -> list:
        if value.bit_length() > MAX_BITS:
            raise WireError(f"an integer of {value.bit_length():,} bits is too large; at most {MAX_BITS:,} bits pass")
        return ["i", hex(value)]

    def _text(self, value: str) -> list:
        return ["s", self._added(value.encode("utf-8", "surrogatepass"))]

    def _tensor(self, value: torch.Tensor) -> list:
        name = _NAMES.get(value.dtype, "")
        if name not in _TENSORS or value.layout != torch.strided or value.device.type != "cpu":
            raise WireError(f"a tensor of {value.dtype}, {value.layout}, on {value.device} cannot pass")
        self._demand_room(value.numel() * value.element_size())
        if value.dtype in _DIRECT and not value.requires_grad and not value.is_neg():
            raw = value.numpy().tobytes()
        else:
            plain = value.detach().resolve_conj().resolve_neg().contiguous()
            raw = plain.reshape(-1).view(torch.uint8).numpy().tobytes()
        return ["T", name, list(value.shape), self._added_array(raw)]

    def _array(self, value: np.ndarray) -> list:
        if not _NUMPY.fullmatch(value.dtype.str):
            raise WireError(f"an array of {str(value.dtype)[:100]} cannot pass")
        self._demand_room(value.nbytes)
        return ["N", value.dtype.str, list(value.shape), self._added_array(value.tobytes())]

    def _added_array(self, raw: bytes) -> int:
        self._arrays += 1
        if self._arrays > MAX_ARRAYS:
            raise WireError(f"a message has more than {MAX_ARRAYS:,} tensors and arrays")
        return self._added(raw)

    def _added(self, raw: bytes) -> int:
        self._demand_room(len(raw))
        self.parts.append(raw)
        self.size += len(raw)
        return len(raw)

    def _demand_room(self, size: int) -> None:
        if self.size + size > self._max_body:
            raise WireError(f"a message of {self.size + size:,} bytes is too large; at most {self._max_body:,} pass")


class _Reader:
    """Turns the JSON of a header and the bytes of a body into values, believing neither."""

    def __init__(self, body: bytes, lends: bool):
        self.offset = 0
        self._lends = lends
        self._body = memoryview(body)
        self._values, self._arrays = 0, 0

    def value(self, item: Any, depth: int) -> Any:
        self._values += 1
        if depth > MAX_DEPTH or self._values > MAX_VALUES:
            raise WireError(f"a value is nested deeper than {MAX_DEPTH} or has more than {MAX_VALUES:,} parts")
        kind = type(item)
        if item is None or kind is bool:
            return item
        if kind is str:
            if len(item) > MAX_SHORT:
                raise WireError("a long text stands in the header")
            return item
        if kind is int:
            if not -_SMALL <= item < _SMALL:
                raise WireError("an integer of more than 64 bits stands for itself")
            return item
        if kind is float:
            if not math.isfinite(item):
                raise WireError("a number is not finite")
            return item
        if kind is not list or not item or type(item[0]) is not str:
            raise WireError("an array does not begin with a tag")
        return self._tagged(item[0], item[1:], depth)

    def _tagged(self, tag: str, parts: list, depth: int) -> Any:
        if tag in _CONTAINERS:
            items = [self.value(part, depth + 1) for part in parts]
            if tag in "ez":
                _demand_spread(items)
            return _CONTAINERS[tag](items)
        if tag == "d":
            if len(parts) % 2:
                raise WireError("a dict has a key without a value")
            items = [self.value(part, depth + 1) for part in parts]
            _demand_spread(items[::2])
            return dict(zip(items[::2], items[1::2], strict=True))
        read = _READERS.get(tag)
        if read is None or len(parts) != read[1]:
            raise WireError("an array begins with no known tag, or has parts too many or too few")
        return read[0](self, *parts)

    def _odd_float(self, name: Any) -> float:
        if type(name) is not str or name not in _ODD_FLOATS:
            raise WireError("a float is misspelt")
        return float(name)  # each NaN is its own object, as it was in a set over there

    def _big(self, digits: Any) -> int:
        if type(digits) is not str or len(digits) > MAX_BITS // 4 + 3 or not re.fullmatch(r"-?0x[0-9a-f]+", digits):
            raise WireError("an integer is misspelt or too large")
        return int(digits, 16)

    def _complex(self, real: Any, imaginary: Any) -> complex:
        parts = [self.value(part, 0) for part in (real, imaginary)]
        if not all(type(part) is float for part in parts):
            raise WireError("a complex number has parts that are no floats")
        return complex(*parts)

    def _text(self, size: Any) -> str:
        return bytes(self._taken(size)).decode("utf-8", "surrogatepass")

    def _bytes(self, size: Any) -> bytes:
        return bytes(self._taken(size))

    def _dtype(self, name: Any) -> torch.dtype:
        if type(name) is not str or name not in _ALL_DTYPES:
            raise WireError("an unknown dtype")
        return _ALL_DTYPES[name]

    def _handle(self, number: Any, type_name: Any, is_callable: Any) -> Handle:
        if type(type_name) is not str or len(type_name) > 100 or type(is_callable) is not bool:
            raise WireError("a handle is misspelt")
        return Handle(_count(number), type_name, is_callable)

    def _callback(self, number: Any) -> Callback:
        if not self._lends:
            raise WireError("a function is lent by the side that may not")
        return Callback(_count(number))

    def _tensor(self, name: Any, shape: Any, size: Any) -> torch.Tensor:
        if type(name) is not str or name not in _TENSORS:
            raise WireError("a tensor has an unknown dtype")
        dtype = _TENSORS[name]
        raw = self._taken_array(shape, size, dtype.itemsize)
        if not size:
            return torch.empty(shape, dtype=dtype)
        if dtype is torch.bool and raw.max() > 1:
            raise WireError("a boolean is neither 0 nor 1")
        return torch.from_numpy(raw.copy()).view(dtype).reshape(shape)

    def _array(self, name: Any, shape: Any, size: Any) -> np.ndarray:
        if type(name) is not str or not _NUMPY.fullmatch(name):
            raise WireError("an array has an unknown dtype")
        dtype = np.dtype(name)
        raw = self._taken_array(shape, size, dtype.itemsize)
        if dtype.kind == "b" and size and raw.max() > 1:
            raise WireError("a boolean is neither 0 nor 1")
        if dtype.kind == "U" and size and np.frombuffer(raw, f"{name[0]}u4").max() > 0x10FFFF:
            raise WireError("a text holds no characters")
        return np.frombuffer(raw.tobytes(), dtype=dtype).reshape(shape).copy() if size else np.zeros(shape, dtype)

    def _taken_array(self, shape: Any, size: Any, item_size: int) -> np.ndarray:
        self._arrays += 1
        if self._arrays > MAX_ARRAYS:
            raise WireError(f"a message has more than {MAX_ARRAYS:,} tensors and arrays")
        if type(shape) is not list or len(shape) > MAX_DIMENSIONS:
            raise WireError("a shape is no short list")
        if math.prod(_count(length) for length in shape) * item_size != _count(size):
            raise WireError("a shape does not fit its bytes")
        return np.frombuffer(self._taken(size), dtype=np.uint8)

    def _taken(self, size: Any) -> memoryview:
        if self.offset + _count(size) > len(self._body):
            raise WireError("a value takes more bytes than there are")
        self.offset += size
        return self._body[self.offset - size : self.offset]


_READERS = {
    "f": (_Reader._odd_float, 1),
    "i": (_Reader._big, 1),
    "c": (_Reader._complex, 2),
    "s": (_Reader._text, 1),
    "b": (_Reader._bytes, 1),
    "y": (_Reader._dtype, 1),
    "h": (_Reader._handle, 3),
    "k": (_Reader._callback, 1),
    "T": (_Reader._tensor, 3),
    "N": (_Reader._array, 3),
}


def _count(number: Any) -> int:
    if type(number) is not int or not 0 <= number <= MAX_LENGTH:
        raise WireError("a count is no count")
    return number


def _demand_spread(keys: list) -> None:
    """Refuse keys made to collide: Python hashes numbers and tuples without a secret, and a dict of them would hang."""
    if len(keys) > MAX_SAME_HASH:
        [(_, most)] = Counter(hash(key).to_bytes(8, "big", signed=True) for key in keys).most_common(1)
        if most > MAX_SAME_HASH:
            raise WireError("too many keys have the same hash")
