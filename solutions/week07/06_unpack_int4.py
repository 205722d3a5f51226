"""# A byte's two numbers

The way back from `pack_int4`: each byte holds two numbers of 4 bits, the first of the pair in its low half. They are in two's complement, so the halves
`0000` to `0111` are 0 to 7, and `1000` to `1111` are −8 to −1.

The result is `int8`, twice as long in its last dimension, with the numbers in their old order: `0x8f` becomes $(-1, -8)$.
"""

import numpy as np
import torch

from grader import close, exercise, leaves_alone


@exercise(
    points=2,
    hints=[
        "`packed & 15` is the low half, `packed >> 4` the high half of a uint8: each a number from 0 to 15.",
        "Of those, 8 to 15 stand for negative numbers: 15 is −1, 8 is −8. How far off are they all? Do not subtract in uint8, which has no sign.",
        "Low and high halves take turns in the result: `torch.stack` them along a new last dimension, and `flatten(-2)` it away.",
    ],
)
def unpack_int4(packed: torch.Tensor) -> torch.Tensor:
    """Return the numbers, −8 to 7, that `pack_int4` put into bytes: of each byte the low half, then the high half.

    Args:
        packed: uint8, of shape (…, n).

    Returns:
        int8, of shape (…, 2·n).

    >>> unpack_int4(torch.tensor([33, 143], dtype=torch.uint8))
    tensor([ 1,  2, -1, -8], dtype=torch.int8)
    """
    halves = torch.stack([packed & 15, packed >> 4], -1).flatten(-2).to(torch.int8)
    return torch.where(halves > 7, halves - 16, halves)


def bytes_of_hex(text):
    """Return "21 8f" as a tensor of these bytes."""
    return torch.tensor(list(bytes.fromhex(text)), dtype=torch.uint8)


@unpack_int4.check
def low_half_first(unpack_int4):
    """0x21 becomes (1, 2) and 0x8f becomes (−1, −8), byte by byte along the last dimension"""
    packed = bytes_of_hex("21 8f 07 3b").view(2, 2)
    close(unpack_int4(packed), torch.tensor([[1, 2, -1, -8], [7, 0, -5, 3]], dtype=torch.int8))


@unpack_int4.check
def every_half(unpack_int4):
    """0 to 7 stand for themselves, 8 to 15 for −8 to −1, in either half"""
    q = torch.tensor([-8, 7, -7, 6, -6, 5, -5, 4, -4, 3, -3, 2, -2, 1, -1, 0], dtype=torch.int8)
    close(unpack_int4(bytes_of_hex("78 69 5a 4b 3c 2d 1e 0f")), q)
    close(unpack_int4(bytes_of_hex("f0 e1 d2 c3 b4 a5 96 87")), q.flip(0))


@unpack_int4.check
def any_dimensions(unpack_int4):
    """all dimensions but the last stay as they are, be there one or three"""
    close(unpack_int4(bytes_of_hex("e3")), torch.tensor([3, -2], dtype=torch.int8))
    q = torch.tensor([[[1, -4, 0, 2]], [[-3, 6, 5, -7]], [[4, 4, -1, -1]]], dtype=torch.int8)
    close(unpack_int4(bytes_of_hex("c1 20 6d 95 44 ff").view(3, 1, 2)), q)


@unpack_int4.check
def leaves_its_input_alone(unpack_int4):
    """the caller's tensor is left as it was"""
    leaves_alone(unpack_int4, bytes_of_hex("8f 21"))


@unpack_int4.hidden
def every_byte(unpack_int4, rng):
    """all 256 bytes, in any order"""
    packed = torch.randperm(256, generator=rng)
    halves = torch.tensor([half for byte in packed.tolist() for half in (byte % 16, byte // 16)])
    close(unpack_int4(packed.to(torch.uint8)), ((halves + 8) % 16 - 8).to(torch.int8))


@unpack_int4.hidden
def any_bytes(unpack_int4, rng):
    """tensors of any shape are unpacked, and left as they were"""
    for shape in ((1,), (3, 5), (2, 3, 4), (2, 1, 2, 3)):
        halves = torch.randint(-8, 8, (*shape, 2), generator=rng)
        packed = ((halves[..., 1] % 16) * 16 + halves[..., 0] % 16).to(torch.uint8)
        close(leaves_alone(unpack_int4, packed), halves.reshape(*shape[:-1], -1).to(torch.int8))


def _halves(packed):
    return packed.int() % 16, packed.int() // 16


def _signed(nibbles):
    return (nibbles + 8) % 16 - 8


def _taking_turns(low, high):
    return torch.stack([low, high], -1).flatten(-2).to(torch.int8)


@unpack_int4.mutant("The halves have changed places: the low half comes first, 0x21 is (1, 2).")
def high_half_first(packed):
    low, high = map(_signed, _halves(packed))
    return _taking_turns(high, low)


@unpack_int4.mutant("No number is negative: 15 stands for −1. Halves from 8 to 15 are 16 less in two's complement.")
def without_sign(packed):
    return _taking_turns(*_halves(packed))


@unpack_int4.mutant(
    "You subtract 8 from every half, as GGUF's Q4_0 does. Here it is two's complement: 0 to 7 stay, 8 to 15 are 16 less."
)
def eight_subtracted(packed):
    return _taking_turns(*(half - 8 for half in _halves(packed)))


@unpack_int4.mutant(
    "You take the fourth bit as a sign and the others as the size. In two's complement 8 to 15 are 16 less: 15 is −1."
)
def sign_and_size(packed):
    return _taking_turns(*(torch.where(half > 7, -(half & 7), half) for half in _halves(packed)))


@unpack_int4.mutant("Negative numbers are one too large: 15 is −1, and 8 is −8. Subtract 16, not 15.")
def complement_of_one(packed):
    return _taking_turns(*(torch.where(half > 7, half - 15, half) for half in _halves(packed)))


@unpack_int4.mutant("8 stays 8: it stands for −8. Halves above 7 are negative (`> 7` or `>= 8`).")
def eight_stays(packed):
    return _taking_turns(*(torch.where(half > 8, half - 16, half) for half in _halves(packed)))


@unpack_int4.mutant("7 becomes −9: it stands for itself. Halves above 7 are negative (`> 7` or `>= 8`).")
def seven_turns(packed):
    return _taking_turns(*(torch.where(half > 6, half - 16, half) for half in _halves(packed)))


@unpack_int4.mutant(
    "The low halves have lost their signs: shifting right as int8 keeps the sign of the high half only. The low half needs its own."
)
def low_halves_without_sign(packed):
    low, high = _halves(packed)
    return _taking_turns(low, _signed(high))


@unpack_int4.mutant(
    "The high halves have lost their signs: they are 0 to 15 after the shift. Those from 8 to 15 are 16 less."
)
def high_halves_without_sign(packed):
    low, high = _halves(packed)
    return _taking_turns(_signed(low), high)


@unpack_int4.mutant(
    "All low halves come first, then all high ones. The two halves of a byte stand side by side: stack them along a new last dimension, and flatten it away."
)
def one_after_the_other(packed):
    return torch.cat([*map(_signed, _halves(packed))], -1).to(torch.int8)


@unpack_int4.mutant(
    "All low halves come first, then all high ones. The two halves of a byte stand side by side: stack them along a new last dimension, and flatten it away."
)
def stacked_before(packed):
    return torch.stack([*map(_signed, _halves(packed))], -2).flatten(-2).to(torch.int8)


@unpack_int4.mutant(
    "All low halves come first, then all high ones, and none is negative. The two halves of a byte stand side by side, and 8 to 15 are 16 less."
)
def one_after_the_other_without_sign(packed):
    return torch.cat(_halves(packed), -1).to(torch.int8)


@unpack_int4.mutant("The pairs still have a dimension of their own. Flatten the last two: `flatten(-2)`.")
def not_flattened(packed):
    return torch.stack([*map(_signed, _halves(packed))], -1).to(torch.int8)


@unpack_int4.mutant(
    "The result is flat. All dimensions but the last stay as they are: `flatten(-2)` takes the last two only."
)
def flat(packed):
    return _taking_turns(*map(_signed, _halves(packed))).flatten()


@unpack_int4.mutant(
    "The rows of low and high halves take turns. They take turns within a row, along the last dimension."
)
def rows_take_turns(packed):
    return torch.stack([*map(_signed, _halves(packed))], 1).flatten(0, 1).to(torch.int8)


@unpack_int4.mutant(
    "The result is uint8, which has no sign: −1 is 255 there. Turn it into `torch.int8` before you subtract."
)
def unsigned(packed):
    return _taking_turns(*map(_signed, _halves(packed))).to(torch.uint8)


@unpack_int4.mutant("The result is int32, four bytes a number. Turn it into `torch.int8`.")
def whole_integers(packed):
    return _taking_turns(*map(_signed, _halves(packed))).int()


@unpack_int4.mutant("The result is int64, eight bytes a number. Turn it into `torch.int8`.")
def long_integers(packed):
    return _taking_turns(*map(_signed, _halves(packed))).long()


@unpack_int4.mutant("The result is floating point. Turn it into `torch.int8`.")
def floating_point(packed):
    return _taking_turns(*map(_signed, _halves(packed))).float()


@unpack_int4.mutant(
    "The high half is not moved down: after `& 240` it still counts 16 times. Shift it by four bits, `>> 4`."
)
def not_moved_down(packed):
    low, high = _halves(packed)
    return _taking_turns(_signed(low), high * 16)


@unpack_int4.mutant("You change the caller's tensor: `&=`, `>>=` and the like work in place. Write `packed & 15`.")
def in_place(packed):
    low, high = _halves(packed)
    packed >>= 4
    return _taking_turns(_signed(low), _signed(high))


@unpack_int4.mutant("Your function returns nothing (None). End it with `return`.")
def nothing_returned(packed):
    _halves(packed)


@unpack_int4.stand_in
def by_the_library(packed):
    signed = packed.view(torch.int8)
    return torch.stack([signed << 4 >> 4, signed >> 4], -1).flatten(-2)


@unpack_int4.variant
def by_a_table(packed):
    table = torch.tensor([*range(8), *range(-8, 0)], dtype=torch.int8)
    pairs = torch.stack([table.repeat(16), table.repeat_interleave(16)], 1)
    return pairs[packed.long()].flatten(-2)


@unpack_int4.variant
def by_numpy(packed):
    array = packed.numpy()
    q = np.empty((*array.shape[:-1], 2 * array.shape[-1]), dtype=np.int8)
    q[..., 0::2] = array & 0x0F
    q[..., 1::2] = array >> 4
    return torch.from_numpy((q ^ 8) - np.int8(8))


@unpack_int4.variant
def byte_by_byte(packed):
    numbers = []
    for byte in packed.reshape(-1).tolist():
        numbers += [half - 16 if half >= 8 else half for half in (byte & 0xF, byte >> 4)]
    return torch.tensor(numbers, dtype=torch.int8).view(*packed.shape[:-1], -1)
