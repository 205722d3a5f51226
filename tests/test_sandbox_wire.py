"""The wire: every value comes back as it went, and no bytes whatever do anything but give values or `WireError`."""

import contextlib
import json
import math
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.sandbox import wire
from grader.servant import Callback
from grader.values import Handle

LIMIT = 1 << 26


def there_and_back(*values):
    data = wire.frame("reply", *values, max_body=LIMIT)
    header, body = wire.lengths(data[: wire.HEAD.size], LIMIT)
    assert len(data) == wire.HEAD.size + header + body
    kind, came = wire.parsed(data[wire.HEAD.size :][:header], data[wire.HEAD.size + header :])
    assert kind == "reply"
    return came


def framed(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return wire.parsed(text, body)


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 300), 1 << 300),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters(), max_size=20),
    st.text('aβ\ud83d\ude00\ud800"\\\x00😀', max_size=20),
    st.binary(max_size=20),
)
hashable = st.recursive(plain, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4), max_leaves=5)
nested = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.sets(hashable, max_size=4)
        | st.frozensets(hashable, max_size=4)
    ),
    max_leaves=20,
)


@given(nested)
@settings(max_examples=150, deadline=None)
def test_plain_values_come_back(value):
    [came] = there_and_back(value)
    assert canonical(came) == canonical(value)


def canonical(value):
    """A text that two values share when they are equal, types and order of keys included, and NaN equals NaN."""
    name = type(value).__name__
    if isinstance(value, (list, tuple)):
        return f"{name}{[canonical(item) for item in value]}"
    if isinstance(value, (set, frozenset)):
        return f"{name}{sorted(map(canonical, value))}"
    if isinstance(value, dict):
        return f"{name}{[(canonical(key), canonical(item)) for key, item in value.items()]}"
    return f"{name} {value!r}"


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("name", sorted(wire._TENSORS))
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_tensors_of_every_dtype_come_back(name, shape):
    dtype = wire._TENSORS[name]
    count = math.prod(shape) * dtype.itemsize
    raw = torch.randint(0, 2 if dtype is torch.bool else 256, (count,), dtype=torch.uint8)
    tensor = raw.view(dtype).reshape(shape) if count else torch.empty(shape, dtype=dtype)
    [came] = there_and_back(tensor)
    assert came.dtype == dtype
    assert came.shape == tensor.shape
    assert torch.equal(came.reshape(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8))


def test_dtypes_of_the_course_are_among_them():
    wanted = {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"}
    assert wanted | {"complex64", "complex128", "float8_e4m3fn", "float8_e5m2"} <= set(wire._TENSORS)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6).view(2, 3).T,
        torch.randn(4)[::2],
        torch.randn(2, dtype=torch.complex64).conj(),
        torch.ones(1).expand(5),
    ],
    ids=["transposed", "strided", "conjugate", "expanded"],
)
def test_tensors_with_odd_memory_come_back(tensor):
    [came] = there_and_back(tensor)
    assert torch.equal(came, tensor)
    assert came.is_contiguous()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.array(5),
        np.zeros((0, 3), dtype=np.int16),
        np.array([1, 2], dtype=">f8"),
        np.array(["a", "βγ"]),
        np.array([b"a", b"bc"]),
        np.array([True, False]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.array([1 + 2j], dtype=np.complex64),
        np.array([np.nan, 1], dtype=np.float16),
    ],
    ids=lambda array: array.dtype.str,
)
def test_arrays_come_back(array):
    [came] = there_and_back(array)
    assert came.dtype == array.dtype
    assert came.shape == array.shape
    assert came.tobytes() == array.tobytes()
    assert came.flags.writeable


def test_handles_callbacks_and_dtypes_come_back():
    came = there_and_back(Handle(3, "Linear", True), Callback(2), torch.bfloat16, [torch.quint8])
    assert came[0] == Handle(3, "Linear", True)
    assert came[1].number == 2
    assert came[2:] == [torch.bfloat16, [torch.quint8]]


@pytest.mark.parametrize(
    "value",
    [
        object(),
        lambda: None,
        1 << (1 << 20),
        torch.ones(2, device="meta"),
        torch.ones(2, 2).to_sparse(),
        np.array([object()]),
        np.zeros(2, dtype="i4,f4"),
        torch.zeros(1 << 27, dtype=torch.uint8),
        torch.zeros(1, dtype=torch.uint8).expand(1 << 40),
        b"x" * (LIMIT + 1),
        [0] * 500_000,
        [torch.ones(())] * 20_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_pass_is_refused_before_anything_is_sent(value):
    with pytest.raises(wire.WireError):
        wire.frame("reply", value, max_body=LIMIT)


def test_nesting_without_end_is_refused():
    value = []
    value.append(value)
    with pytest.raises(wire.WireError):
        wire.frame("reply", value, max_body=LIMIT)


HOSTILE = {
    "no JSON": b"{",
    "no list": b"{}",
    "empty": b"[]",
    "kind is a number": [1],
    "kind is long": ["x" * 1000],
    "NaN": b'["reply", NaN]',
    "infinity": b'["reply", Infinity]',
    "1e999": b'["reply", 1e999]',
    "an object": ["reply", {"__class__": "x"}],
    "a bare list": ["reply", [1, 2]],
    "an unknown tag": ["reply", ["pickle", "x"]],
    "a tag alone": ["reply", ["T"]],
    "a huge integer": b'["reply", ' + b"9" * 4000 + b"]",
    "more digits than Python reads": b'["reply", ' + b"9" * 5000 + b"]",
    "an integer over its limit": ["reply", ["i", "0x" + "f" * 40_000]],
    "an integer misspelt": ["reply", ["i", "0x_f"]],
    "deep JSON": b'["reply", ' + b"[" * 100_000,
    "deep values": b'["reply", ' + b'["l", ' * 200 + b"1" + b"]" * 201,
    "many values": b'["reply", ["l"' + b",0" * 900_000 + b"]]",
    "many lists": b'["reply", ["l"' + b",[]" * 900_000 + b"]]",
    "a negative size": ["reply", ["b", -1]],
    "a size that is no number": ["reply", ["b", True]],
    "a fractional size": ["reply", ["b", 1.0]],
    "more bytes than there are": ["reply", ["b", 1]],
    "a negative dimension": ["reply", ["T", "float32", [-1, -1], 4]],
    "a huge shape": ["reply", ["T", "float32", [1 << 40, 1 << 40], 0]],
    "a huge empty shape": ["reply", ["T", "float32", [0, 1 << 40, 1 << 40, 1 << 40], 0]],
    "a shape with many dimensions": ["reply", ["T", "float32", [1] * 100, 4]],
    "a shape that does not fit": ["reply", ["T", "float32", [3], 4]],
    "an unknown dtype": ["reply", ["T", "quint8", [0], 0]],
    "an object array": ["reply", ["N", "|O", [0], 0]],
    "a void array": ["reply", ["N", "|V8", [0], 0]],
    "a structured array": ["reply", ["N", "f4,f4", [0], 0]],
    "a handle without end": ["reply", ["h", 1 << 50, "x", True]],
    "a handle with a long type": ["reply", ["h", 1, "x" * 101, True]],
    "unhashable keys": ["reply", ["d", ["l"], 1]],
    "an unhashable member": ["reply", ["e", ["d"]]],
    "a key without a value": ["reply", ["d", 1]],
    "a tensor as key": ["reply", ["e", ["l", 1]]],
    "an unknown float": ["reply", ["f", "infinity"]],
    "a complex of text": ["reply", ["c", "a", "b"]],
    "colliding complex keys": ["reply", ["e", *(["c", float(-1000003 * k), float(k)] for k in range(5000))]],
    "colliding integers": ["reply", ["e", *(["i", hex(1 + k * ((1 << 61) - 1))] for k in range(5000))]],
    "a long text in the header": ["reply", "x" * 10_000],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused(name):
    with pytest.raises(wire.WireError):
        framed(HOSTILE[name])


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (["reply", ["T", "bool", [1], 1]], b"\x02"),
        (["reply", ["N", "|b1", [1], 1]], b"\xff"),
        (["reply", ["N", "<U1", [1], 4]], b"\xff\xff\xff\xff"),
        (["reply", ["N", ">U1", [1], 4]], b"\x00\x11\x00\x00"),
        (["reply", ["s", 1]], b"\xff"),
        (["reply", 1], b"x"),
    ],
)
def test_hostile_bodies_are_refused(header, body):
    with pytest.raises(wire.WireError):
        framed(header, body)


def test_lengths_over_the_limit_are_refused():
    for header, body in ((1 << 31, 0), (10, LIMIT + 1), (0, 0)):
        with pytest.raises(wire.WireError):
            wire.lengths(struct.pack("!IQ", header, body), LIMIT)


@given(st.binary(max_size=200), st.binary(max_size=50))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_values_or_an_error(header, body):
    with contextlib.suppress(wire.WireError):
        wire.parsed(header, body)


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["nan", "0x1", "float32", "bool", "<U1", "|b1", "<M8[ns]", "uint8", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(
            st.sampled_from(["f", "i", "c", "s", "b", "T", "N", "l", "t", "e", "z", "d", "y", "h", "k"]),
            st.lists(inner, max_size=4),
        ).map(lambda pair: [pair[0], *pair[1]])
        | st.tuples(
            st.sampled_from("TN"),
            st.sampled_from(["float32", "bool", "<U1", "|b1"]),
            st.lists(st.integers(0, 3), max_size=3),
            st.integers(0, 40),
        ).map(list)
    ),
    max_leaves=12,
)


@given(st.lists(json_like, max_size=4), st.binary(max_size=64))
@settings(max_examples=400, deadline=None)
def test_any_header_of_known_tags_gives_values_or_an_error(values, body):
    try:
        _, came = framed(["reply", *values], body)
    except wire.WireError:
        return
    there_and_back(*came)
