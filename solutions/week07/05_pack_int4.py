"""# Two numbers a byte

No computer has a type for 4 bits. So two of them share a byte: of each pair along the last dimension, the first takes the low half (the
low nibble), the second the high half. $(1, 2)$ becomes `0x21`.

Negative numbers go in as two's complement, as they do in `int8`: $-1$ is `1111`, $-8$ is `1000`. So $(-1, -8)$ becomes `0x8f`.

- `q` holds integers from −8 to 7; the result is `uint8`, half as long in its last dimension.
- A number outside of −8 to 7 does not fit, and an odd last dimension leaves one without a partner: raise `ValueError`. Nothing is cut off in
  silence.
"""

import numpy as np
import torch

from grader import close, exercise, leaves_alone, raises


@exercise(
    points=2,
    hints=[
        "`q[..., 0::2]` are the first of all pairs, `q[..., 1::2]` the second. Check for both errors before you take them apart.",
        "In int8, −1 is `11111111`: its upper four ones would spoil the neighbour. `& 15` keeps the lower four bits of a number, and "
        "they are its two's complement in 4 bits.",
        "`<< 4` moves four bits up, `|` puts two halves together. Work in a wider type (`.int()`), and turn the result into `torch.uint8`.",
    ],
)
def pack_int4(q: torch.Tensor) -> torch.Tensor:
    """Return `q` with two numbers in each byte, the first of a pair in the low half, in two's complement.

    Args:
        q: int8 in −8 to 7, of shape (…, n) with n even.

    Returns:
        uint8, of shape (…, n / 2).

    Raises:
        ValueError: a number is outside of −8 to 7, or n is odd.

    >>> pack_int4(torch.tensor([1, 2, -1, -8], dtype=torch.int8))
    tensor([ 33, 143], dtype=torch.uint8)
    """
    if q.shape[-1] % 2:
        raise ValueError(f"the last dimension is {q.shape[-1]}: an even number is needed, two share a byte")
    if ((q < -8) | (q > 7)).any():
        raise ValueError("numbers of 4 bits are −8 to 7")
    nibbles = q.to(torch.int32) & 15
    return (nibbles[..., 0::2] | nibbles[..., 1::2] << 4).to(torch.uint8)


def bytes_in_hex(text):
    """Return "21 8f" as a tensor of these bytes."""
    return torch.tensor(list(bytes.fromhex(text)), dtype=torch.uint8)


@pack_int4.check
def first_in_the_low_half(pack_int4):
    """(1, 2) becomes 0x21 and (−1, −8) becomes 0x8f, pair by pair along the last dimension"""
    q = torch.tensor([[1, 2, -1, -8], [7, 0, -5, 3]], dtype=torch.int8)
    close(pack_int4(q), bytes_in_hex("21 8f 07 3b").view(2, 2))


@pack_int4.check
def every_number(pack_int4):
    """each number from −8 to 7 has its own four bits, in either half"""
    q = torch.tensor([-8, 7, -7, 6, -6, 5, -5, 4, -4, 3, -3, 2, -2, 1, -1, 0], dtype=torch.int8)
    close(pack_int4(q), bytes_in_hex("78 69 5a 4b 3c 2d 1e 0f"))
    close(pack_int4(q.flip(0)), bytes_in_hex("f0 e1 d2 c3 b4 a5 96 87"))


@pack_int4.check
def any_dimensions(pack_int4):
    """all dimensions but the last stay as they are, be there one or three"""
    q = torch.tensor([3, -2], dtype=torch.int8)
    close(pack_int4(q), bytes_in_hex("e3"))
    q = torch.tensor([[[1, -4, 0, 2]], [[-3, 6, 5, -7]], [[4, 4, -1, -1]]], dtype=torch.int8)
    close(pack_int4(q), bytes_in_hex("c1 20 6d 95 44 ff").view(3, 1, 2))


@pack_int4.check
def too_large_for_four_bits(pack_int4):
    """8 does not fit, nor does anything above it: ValueError"""
    for number in (127, 16, 8):
        with raises(ValueError):
            pack_int4(torch.tensor([[0, 1], [number, 2]], dtype=torch.int8))


@pack_int4.check
def too_small_for_four_bits(pack_int4):
    """−9 does not fit, nor does anything below it: ValueError"""
    for number in (-128, -9):
        with raises(ValueError):
            pack_int4(torch.tensor([[0, number], [1, 2]], dtype=torch.int8))


@pack_int4.check
def no_partner(pack_int4):
    """an odd last dimension is a ValueError, in a table of an even number of numbers too"""
    for shape in ((3,), (2, 3), (1,)):
        with raises(ValueError):
            pack_int4(torch.ones(shape, dtype=torch.int8))


@pack_int4.check
def leaves_its_input_alone(pack_int4):
    """the caller's tensor is left as it was"""
    leaves_alone(pack_int4, torch.tensor([[-3, 2], [0, -8]], dtype=torch.int8))


@pack_int4.hidden
def any_numbers(pack_int4, rng):
    """tensors of any shape are packed, and left as they were"""
    for shape in ((10,), (3, 6), (2, 3, 4), (2, 1, 2, 8)):
        q = torch.randint(-8, 8, shape, generator=rng)
        pairs = (q % 16).reshape(-1, 2).tolist()
        expected = torch.tensor([low + 16 * high for low, high in pairs], dtype=torch.uint8)
        close(leaves_alone(pack_int4, q.to(torch.int8)), expected.view(*shape[:-1], shape[-1] // 2))


@pack_int4.hidden
def refused_anywhere(pack_int4, rng):
    """one number too many or too large is refused, wherever it stands"""
    rows = 2 * int(torch.randint(1, 4, (), generator=rng))
    with raises(ValueError):
        pack_int4(torch.randint(-8, 8, (rows, 5), generator=rng).to(torch.int8))
    for number in (
        8,
        -9,
        int(torch.randint(9, 128, (), generator=rng)),
        -int(torch.randint(10, 129, (), generator=rng)),
    ):
        q = torch.randint(-8, 8, (24,), generator=rng).to(torch.int8)
        q[int(torch.randint(24, (), generator=rng))] = number
        with raises(ValueError):
            pack_int4(q.view(3, 8))


def _demand(q):
    if q.shape[-1] % 2 or (q < -8).any() or (q > 7).any():
        raise ValueError("odd, or not in −8 to 7")


def _joined(low, high):
    return ((low.int() & 15) + (high.int() & 15) * 16).to(torch.uint8)


@pack_int4.mutant("The halves have changed places: the first of a pair belongs into the low half, (1, 2) is 0x21.")
def first_in_the_high_half(q):
    _demand(q)
    return _joined(q[..., 1::2], q[..., 0::2])


@pack_int4.mutant(
    "Neighbours do not share a byte: the first half of the row is in the low halves, the second in the high ones, as in GGUF's Q4_0. Here each pair of "
    "neighbours does: `q[..., 0::2]` and `q[..., 1::2]`."
)
def halves_of_the_row(q):
    _demand(q)
    return _joined(*q.chunk(2, -1))


@pack_int4.mutant(
    "You add 8 to every number, as GGUF's Q4_0 does. Here it is two's complement: the four lowest bits, `q & 15`."
)
def eight_added(q):
    _demand(q)
    return _joined(q[..., 0::2] + 8, q[..., 1::2] + 8)


@pack_int4.mutant("The sign is lost: −3 is packed as 3. Two's complement keeps it: the four lowest bits, `q & 15`.")
def without_sign(q):
    _demand(q)
    return _joined(q[..., 0::2].abs(), q[..., 1::2].abs())


@pack_int4.mutant(
    "Your fourth bit is a sign, the other three the size. In two's complement −3 is 16 − 3: the four lowest bits, `q & 15`."
)
def sign_and_size(q):
    _demand(q)
    nibbles = torch.where(q < 0, 8, 0).int() | (q.int().abs() & 7)
    return _joined(nibbles[..., 0::2], nibbles[..., 1::2])


@pack_int4.mutant("Negative numbers are packed as their complement, one too small: −3 is 16 − 3, not 15 − 3.")
def complement_of_one(q):
    _demand(q)
    nibbles = torch.where(q < 0, q - 1, q)
    return _joined(nibbles[..., 0::2], nibbles[..., 1::2])


@pack_int4.mutant("Negative numbers are cut to 0. Two's complement keeps them: the four lowest bits, `q & 15`.")
def negatives_cut(q):
    _demand(q)
    return _joined(q[..., 0::2].clamp(min=0), q[..., 1::2].clamp(min=0))


@pack_int4.mutant(
    "A negative low half spoils the high one: in int8 its upper four bits are ones too. Keep the four lowest, `q & 15`, before you put halves together."
)
def not_masked(q):
    _demand(q)
    return (q[..., 0::2].int() | q[..., 1::2].int() << 4).to(torch.uint8)


@pack_int4.mutant(
    "A negative low half takes one from the high one: it is added with its sign. Keep the four lowest bits, `q & 15`, before you add."
)
def added_with_sign(q):
    _demand(q)
    return (q[..., 0::2].int() + q[..., 1::2].int() * 16).to(torch.uint8)


@pack_int4.mutant(
    "You move the second number up by three bits or multiply it by 8 or 10. A half has four: `<< 4`, or 16 times."
)
def three_bits(q):
    _demand(q)
    return ((q[..., 0::2].int() & 15) | (q[..., 1::2].int() & 15) << 3).to(torch.uint8)


@pack_int4.mutant("The result is int8. Bytes are `torch.uint8`.")
def signed_bytes(q):
    _demand(q)
    return _joined(q[..., 0::2], q[..., 1::2]).to(torch.int8)


@pack_int4.mutant("The result is int32, four bytes for a pair. Turn it into `torch.uint8`.")
def whole_integers(q):
    _demand(q)
    return _joined(q[..., 0::2], q[..., 1::2]).int()


@pack_int4.mutant("The result is int64, eight bytes for a pair. Turn it into `torch.uint8`.")
def long_integers(q):
    _demand(q)
    return _joined(q[..., 0::2], q[..., 1::2]).long()


@pack_int4.mutant("Nothing is packed: each number still has a byte of its own. Two share one.")
def one_a_byte(q):
    _demand(q)
    return (q.int() & 15).to(torch.uint8)


@pack_int4.mutant("The result is flat. All dimensions but the last stay as they are: take pairs by `q[..., 0::2]`.")
def flat(q):
    _demand(q)
    return _joined(q.reshape(-1)[0::2], q.reshape(-1)[1::2])


@pack_int4.mutant("You pair rows, the first dimension. Pairs lie along the last: `q[..., 0::2]`.")
def pairs_of_rows(q):
    _demand(q)
    return _joined(q[0::2], q[1::2])


@pack_int4.mutant("Your slices `[:, 0::2]` need a table with two dimensions. `[..., 0::2]` takes any number of them.")
def tables_only(q):
    if q.dim() < 2:
        raise IndexError("too many indices for tensor of dimension 1")
    _demand(q)
    return _joined(q[:, 0::2], q[:, 1::2])


@pack_int4.mutant("Numbers that do not fit are packed all the same, and come back as others. Raise `ValueError`.")
def too_large_accepted(q):
    if q.shape[-1] % 2:
        raise ValueError("odd")
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("Numbers that do not fit are clamped. Nobody would notice: raise `ValueError`.")
def too_large_clamped(q):
    if q.shape[-1] % 2:
        raise ValueError("odd")
    q = q.clamp(-8, 7)
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("Numbers above 7 are refused, those below −8 are not. Check both ends.")
def one_end_checked(q):
    if q.shape[-1] % 2 or (q > 7).any():
        raise ValueError("odd, or above 7")
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("Numbers below −8 are refused, those above 7 are not. Check both ends.")
def other_end_checked(q):
    if q.shape[-1] % 2 or (q < -8).any():
        raise ValueError("odd, or below −8")
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("You check `abs() > 8`, which lets 8 pass: it has the four bits of −8. The range is −8 to 7.")
def eight_accepted(q):
    if q.shape[-1] % 2 or (q.int().abs() > 8).any():
        raise ValueError("odd, or too large")
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant(
    "You check `abs() > 8` in int8, where abs(−128) is −128 and 8 passes. Compare with both ends: −8 and 7."
)
def size_in_int8(q):
    if q.shape[-1] % 2 or (q.abs() > 8).any():
        raise ValueError("odd, or too large")
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("You refuse −8, which fits: its four bits are 1000. The range is −8 to 7.")
def minus_eight_refused(q):
    if q.shape[-1] % 2 or (q.int().abs() > 7).any():
        raise ValueError("odd, or too large")
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("You take numbers of 0 to 15 only. Those of 4 bits with a sign are −8 to 7.")
def unsigned_range(q):
    if q.shape[-1] % 2 or (q < 0).any() or (q > 15).any():
        raise ValueError("odd, or too large")
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("You raise no ValueError but an AssertionError (`assert`). Write `raise ValueError(…)`.")
def asserted(q):
    assert q.shape[-1] % 2 == 0
    assert q.min() >= -8
    assert q.max() <= 7
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("An odd last dimension breaks your function in PyTorch. Check for it first, and raise `ValueError`.")
def odd_breaks(q):
    if (q < -8).any() or (q > 7).any():
        raise ValueError("not in −8 to 7")
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("An odd row loses its last number. Raise `ValueError`.")
def last_one_lost(q):
    if (q < -8).any() or (q > 7).any():
        raise ValueError("not in −8 to 7")
    even = q.shape[-1] // 2 * 2
    return _joined(q[..., 0:even:2], q[..., 1::2])


@pack_int4.mutant(
    "An odd row gets a zero at its end. Nobody could tell it from one that was there: raise `ValueError`."
)
def padded(q):
    if (q < -8).any() or (q > 7).any():
        raise ValueError("not in −8 to 7")
    q = torch.nn.functional.pad(q, (0, q.shape[-1] % 2))
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant(
    "You check whether the tensor's numbers are even in all. The last dimension must be, or a pair lies in two rows: `q.shape[-1] % 2`."
)
def even_in_all(q):
    if q.numel() % 2 or (q < -8).any() or (q > 7).any():
        raise ValueError("odd, or not in −8 to 7")
    if q.shape[-1] % 2:
        return _joined(q.reshape(-1)[0::2], q.reshape(-1)[1::2])
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("You check the first dimension (`len(q)`). The last must be even: `q.shape[-1]`.")
def first_dimension_even(q):
    if len(q) % 2 or (q < -8).any() or (q > 7).any():
        raise ValueError("odd, or not in −8 to 7")
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("You change the caller's tensor: `&=`, `<<=` and the like work in place. Write `q & 15`.")
def in_place(q):
    _demand(q)
    q &= 15
    return _joined(q[..., 0::2], q[..., 1::2])


@pack_int4.mutant("Your function returns nothing (None). End it with `return`.")
def nothing_returned(q):
    _demand(q)


@pack_int4.stand_in
def by_the_library(q):
    if q.shape[-1] % 2 or not torch.equal(q, q.clamp(-8, 7)):
        raise ValueError("odd, or not in −8 to 7")
    low, high = torch.remainder(q.int(), 16).unflatten(-1, (-1, 2)).unbind(-1)
    return torch.add(low, high, alpha=16).to(torch.uint8)


@pack_int4.variant
def by_numpy(q):
    array = q.numpy()
    if array.shape[-1] % 2 or np.any((array < -8) | (array > 7)):
        raise ValueError("odd, or not in −8 to 7")
    unsigned = array.view(np.uint8) & 0x0F
    return torch.from_numpy(unsigned[..., ::2] | np.left_shift(unsigned[..., 1::2], 4))


@pack_int4.variant
def pair_by_pair(q):
    *others, n = q.shape
    numbers = q.reshape(-1).tolist()
    if n % 2 or any(number not in range(-8, 8) for number in numbers):
        raise ValueError("odd, or not in −8 to 7")
    packed = [numbers[i] % 16 + numbers[i + 1] % 16 * 16 for i in range(0, len(numbers), 2)]
    return torch.tensor(packed, dtype=torch.uint8).view(*others, n // 2)


@pack_int4.variant
def in_bytes(q):
    if q.shape[-1] & 1 or q.min() < -8 or q.max() > 7:
        raise ValueError("odd, or not in −8 to 7")
    raw = q.view(torch.uint8)
    return raw[..., 1::2] << 4 | raw[..., ::2] & 0xF
