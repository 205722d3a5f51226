"""# Q4_0: the bytes of four bits

Q4_0 is GGUF's plainest 4-bit type: each block of 32 numbers becomes 18 bytes, 4.5 bits a number.

| bytes | what |
|---|---|
| 2 | the scale $d$ as `float16`, low byte first |
| 16 | 32 codes from 0 to 15, two a byte; the reader gets $x_i \\approx d \\, (\\mathrm{code}_i - 8)$ back |

Codes less 8 run from −8 to 7: one more below than above. So the scale takes a *sign*, such that the number farthest from 0 lands on −8 exactly:

$$d = \\frac{x_m}{-8}, \\quad m = \\arg\\max_i |x_i| \\qquad
\\mathrm{code}_i = \\min\\!\\left(15,\\ \\left\\lfloor x_i \\cdot \\tfrac{1}{d} + 8.5 \\right\\rfloor\\right)$$

- $x_m$ keeps its sign. Where two numbers are equally far from 0, the first of them counts. The other, if it is on the other side, would get code 16: hence the min.
- Byte $j$ holds code $j$ in its low four bits and code $j + 16$ in its high four: the first half of the block below, the second half above.
- As in Q8_0: $d$ and $1/d$ are `float32`, numbers are multiplied by $1/d$, and `float16` is for storing alone.
- A block of zeros has codes 8, since 0 is 8 − 8. Its $d$ is 0 / −8, which is −0.0, and the sign is stored too: its bytes are 0, 128, then 136 sixteen times.

`x` is `float32`, (…, n) with n a multiple of 32; return `uint8`, (…, n / 32 · 18). The checks compare with the `gguf` package, which is not an answer here.
"""

import struct

import numpy as np
import torch
from gguf import GGMLQuantizationType, quants

from grader import close, exercise, leaves_alone


@exercise(
    points=3,
    twins=["quantize", "quantize_blocks", "quantize_rows"],
    hints=[
        "Make a block a row, as in Q8_0: `x.unflatten(-1, (-1, 32))`. `abs().argmax(-1, keepdim=True)` says where the farthest number stands, `gather` fetches it with its sign.",
        "Adding 8.5 and rounding down is rounding to the nearest and adding 8 in one; all sums are positive, so `trunc` and `floor` agree. Then `clamp(0, 15)`.",
        "A zero d: put 0 in the place of 1 / d (`torch.where`). Then every code of the block is 8 by itself.",
        "As `uint8`, a low and a high code make a byte: `low | high << 4`. The two halves of a block are `codes[..., :16]` and `codes[..., 16:]`.",
    ],
)
def q4_0_quantize(x: torch.Tensor) -> torch.Tensor:
    """Return `x` (…, n) as GGUF's Q4_0 blocks: uint8, (…, n / 32 * 18).

    >>> q4_0_quantize(torch.arange(32.0) - 16)[:6]
    tensor([  0,  64, 128, 145, 145, 162], dtype=torch.uint8)
    """
    blocks = x.unflatten(-1, (-1, 32))
    d = blocks.gather(-1, blocks.abs().argmax(-1, keepdim=True)) / -8
    scaled = blocks * torch.where(d == 0, 0.0, 1 / d)
    codes = (scaled + 8.5).floor().clamp(0, 15).to(torch.uint8)
    packed = codes[..., :16] | codes[..., 16:] << 4
    return torch.cat([d.half().view(torch.uint8), packed], -1).flatten(-2)


def q4_0_of_gguf(x):
    """The bytes that the gguf package makes of x."""
    return torch.from_numpy(quants.quantize(x.numpy(), GGMLQuantizationType.Q4_0))


@q4_0_quantize.check
def one_block(q4_0_quantize):
    """32 numbers, the farthest from 0 of them negative, become the package's 18 bytes"""
    x = (torch.arange(32.0) * 37 % 101 - 60) / 32
    close(q4_0_quantize(x), q4_0_of_gguf(x))


@q4_0_quantize.check
def farthest_positive(q4_0_quantize):
    """where the farthest number is positive, the scale is negative, and the code of that number is 0 all the same"""
    x = (torch.arange(32.0) * 43 % 103 - 40) / 7
    close(q4_0_quantize(x), q4_0_of_gguf(x))


@q4_0_quantize.check
def each_block_its_scale(q4_0_quantize):
    """a row of three blocks, one a thousand times smaller than the next, gives 54 bytes: scale and codes of each in turn"""
    x = (torch.arange(96.0) * 29 % 103 - 46) / 7 * torch.tensor([1.0, 1e-3, 50.0]).repeat_interleave(32)
    close(q4_0_quantize(x), q4_0_of_gguf(x))


@q4_0_quantize.check
def equally_far(q4_0_quantize):
    """where 8 and −8 both stand in a block, the first gets code 0, and the other 15, not 16"""
    x = (torch.arange(64.0) * 3 % 13 - 6).view(2, 32)
    x[0, 4], x[0, 10] = 8.0, -8.0
    x[1, 4], x[1, 20] = -8.0, 8.0
    close(q4_0_quantize(x), q4_0_of_gguf(x))


@q4_0_quantize.check
def halves(q4_0_quantize):
    """numbers half way between two codes take the higher code"""
    x = (torch.arange(32.0) % 15) - 7.5
    x[9] = -8.0
    close(q4_0_quantize(x), q4_0_of_gguf(x))
    close(q4_0_quantize(-x), q4_0_of_gguf(-x))


@q4_0_quantize.check
def by_the_reciprocal(q4_0_quantize):
    """where x · (1/d) and x / d round to two sides of a half, the reciprocal counts"""
    largest = torch.tensor([7.5, 3.5, -3.5]).view(-1, 1)
    x = (torch.arange(32.0) % 15 - 7.5) * (largest / 8)
    x[:, -1:] = largest
    close(q4_0_quantize(x), q4_0_of_gguf(x))


@q4_0_quantize.check
def by_the_exact_scale(q4_0_quantize):
    """codes are made with the float32 scale; float16 is for storing it"""
    largest = torch.tensor([[1.1], [-1.3]])
    x = (torch.arange(32.0) % 15 - 7.501) * (largest / 8)
    x[:, 16:] *= 0.9998
    x[:, -1:] = largest
    close(q4_0_quantize(x), q4_0_of_gguf(x))


@q4_0_quantize.check
def any_leading_dimensions(q4_0_quantize):
    """rows may stand in any shape: (2, 3, 64) gives (2, 3, 36)"""
    x = (torch.arange(384.0) * 71 % 257 - 120).view(2, 3, 64) / 19
    close(q4_0_quantize(x), q4_0_of_gguf(x))


@q4_0_quantize.check
def zeros(q4_0_quantize):
    """a block of zeros is 0, 128 and sixteen times 136, beside any other"""
    x = torch.zeros(2, 64)
    close(q4_0_quantize(x[0, :32]), q4_0_of_gguf(x[0, :32]))
    x[1, 32:] = torch.arange(32.0) - 20
    close(q4_0_quantize(x), q4_0_of_gguf(x))


@q4_0_quantize.check
def leaves_its_input_alone(q4_0_quantize):
    """the caller's tensor is left as it was"""
    leaves_alone(q4_0_quantize, torch.arange(32.0) - 9)


@q4_0_quantize.hidden
def blocks_of_any_size(q4_0_quantize, rng):
    """blocks of numbers of any size, in any shape"""
    for shape in ((64,), (5, 96), (2, 3, 4, 32)):
        x = torch.randn(shape, generator=rng).unflatten(-1, (-1, 32))
        x = (x * 10.0 ** (6 * torch.rand(*x.shape[:-1], 1, generator=rng) - 3)).flatten(-2)
        close(q4_0_quantize(x), q4_0_of_gguf(x))


@q4_0_quantize.hidden
def halves_and_zeros_anywhere(q4_0_quantize, rng):
    """blocks full of halves, with farthest numbers on both sides, and blocks of zeros, in any order"""
    x = torch.randint(-16, 17, (40, 32), generator=rng) / 2
    x[:, 7] = 8.0 * (1 - 2 * torch.randint(0, 2, (40,), generator=rng))
    x *= 2.0 ** torch.randint(-6, 6, (40, 1), generator=rng)
    x[torch.rand(40, generator=rng) < 0.2] = 0.0
    close(q4_0_quantize(x.view(8, 160)), q4_0_of_gguf(x.view(8, 160)))


def _half_up(scaled):
    return (scaled + 8.5).floor()


def _farthest(blocks):
    return blocks.gather(-1, blocks.abs().argmax(-1, keepdim=True))


def _parts(x, d=None, coded=_half_up):
    """A block's scale and its codes as float32, (…, blocks, 1) and (…, blocks, 32)."""
    blocks = x.unflatten(-1, (-1, 32))
    d = _farthest(blocks) / -8 if d is None else d
    return d, coded(blocks * torch.where(d == 0, 0.0, 1 / d)).clamp(0, 15)


def _halves(codes):
    return codes[..., :16] | codes[..., 16:] << 4


def _bytes(d, codes, packed=_halves):
    stored = d.half() if d.dtype == torch.float32 else d
    return torch.cat([stored.contiguous().view(torch.uint8), packed(codes.to(torch.uint8))], -1).flatten(-2)


@q4_0_quantize.mutant(
    "The scale is made of the largest *absolute* value, without its sign. Take the number farthest from 0 as it is, and divide by −8."
)
def sign_lost(x):
    return _bytes(*_parts(x, _farthest(x.unflatten(-1, (-1, 32))).abs() / -8))


@q4_0_quantize.mutant(
    "You divide the farthest number by 8. By −8, it lands on code 0, and the scale has the other sign."
)
def plus_eight(x):
    return _bytes(*_parts(x, _farthest(x.unflatten(-1, (-1, 32))) / 8))


@q4_0_quantize.mutant(
    "Your scale is that of symmetric int4: the largest absolute value over 7. Q4_0 divides the farthest number, with its sign, by −8, and uses all 16 codes."
)
def over_seven(x):
    return _bytes(*_parts(x, x.unflatten(-1, (-1, 32)).abs().amax(-1, keepdim=True) / 7))


@q4_0_quantize.mutant(
    "Your scale is that of symmetric int4: the largest absolute value over 7. Q4_0 divides the farthest number, with its sign, by −8, and uses all 16 codes."
)
def over_seven_and_rounded(x):
    blocks = x.unflatten(-1, (-1, 32))
    d = blocks.abs().amax(-1, keepdim=True) / 7
    return _bytes(d, (blocks / torch.where(d == 0, 1.0, d)).round().clamp(-8, 7) + 8)


@q4_0_quantize.mutant(
    "Your scale is that of symmetric int4, without a sign: the largest absolute value over 8. Q4_0 divides the farthest number, with its sign, by −8."
)
def over_eight(x):
    return _bytes(*_parts(x, x.unflatten(-1, (-1, 32)).abs().amax(-1, keepdim=True) / 8))


@q4_0_quantize.mutant(
    "Your scale is a 15th of the block's whole range: that is for types with a minimum, as Q4_1. Q4_0 divides the number farthest from 0 by −8."
)
def a_15th_of_the_range(x):
    blocks = x.unflatten(-1, (-1, 32))
    return _bytes(*_parts(x, (blocks.amax(-1, keepdim=True) - blocks.amin(-1, keepdim=True)) / 15))


@q4_0_quantize.mutant(
    "You take the largest number of a block. Take the number farthest from 0, on either side: `abs().argmax` says where it stands."
)
def largest_not_farthest(x):
    return _bytes(*_parts(x, x.unflatten(-1, (-1, 32)).amax(-1, keepdim=True) / -8))


@q4_0_quantize.mutant(
    "Where 8 and −8 are equally far from 0 you always take the positive one. The first of them counts."
)
def positive_of_equals(x):
    blocks = x.unflatten(-1, (-1, 32))
    high, low = blocks.amax(-1, keepdim=True), blocks.amin(-1, keepdim=True)
    return _bytes(*_parts(x, torch.where(high >= -low, high, low) / -8))


@q4_0_quantize.mutant(
    "Where 8 and −8 are equally far from 0 you always take the negative one. The first of them counts."
)
def negative_of_equals(x):
    blocks = x.unflatten(-1, (-1, 32))
    high, low = blocks.amax(-1, keepdim=True), blocks.amin(-1, keepdim=True)
    return _bytes(*_parts(x, torch.where(high > -low, high, low + 0.0) / -8))


@q4_0_quantize.mutant("Where 8 and −8 are equally far from 0 you take the last. The first of them counts.")
def last_of_equals(x):
    blocks = x.unflatten(-1, (-1, 32))
    d = _farthest(blocks.flip(-1)) / -8
    return _bytes(*_parts(x, d))


@q4_0_quantize.mutant(
    "A number opposite to the farthest one gets code 16, which four bits cannot hold: it spills over. Cut codes off at 15."
)
def not_clamped(x):
    blocks = x.unflatten(-1, (-1, 32))
    d = _farthest(blocks) / -8
    codes = (blocks * torch.where(d == 0, 0.0, 1 / d) + 8.5).floor().to(torch.uint8)
    return _bytes(d, codes)


@q4_0_quantize.mutant(
    "A number opposite to the farthest one gets code 16, of which you keep the low four bits: 0, the other end. Cut codes off at 15."
)
def wrapped_round(x):
    blocks = x.unflatten(-1, (-1, 32))
    d = _farthest(blocks) / -8
    codes = (blocks * torch.where(d == 0, 0.0, 1 / d) + 8.5).floor().to(torch.uint8) & 15
    return _bytes(d, codes)


@q4_0_quantize.mutant("`torch.round` takes halves to the even neighbour. Q4_0 takes them up: add 8.5 and cut off.")
def half_to_even(x):
    return _bytes(*_parts(x, coded=lambda scaled: scaled.round() + 8))


@q4_0_quantize.mutant("Halves are rounded away from zero, as in Q8_0. Q4_0 takes them up: add 8.5 and cut off.")
def half_away(x):
    return _bytes(*_parts(x, coded=lambda scaled: scaled.sign() * (scaled.abs() + 0.5).floor() + 8))


@q4_0_quantize.mutant("You add 8 and cut the rest off, so codes are rounded down. Add 8.5.")
def rounded_down(x):
    return _bytes(*_parts(x, coded=lambda scaled: (scaled + 8).floor()))


@q4_0_quantize.mutant(
    "You cut the digits after the point off before you add 8: numbers move towards 0. Add 8.5, then cut off."
)
def truncated(x):
    return _bytes(*_parts(x, coded=lambda scaled: scaled.trunc() + 8))


@q4_0_quantize.mutant(
    "You divide by d. GGUF multiplies by its float32 reciprocal, 1 / d, and now and then that rounds to the other side."
)
def divided(x):
    blocks = x.unflatten(-1, (-1, 32))
    d = _farthest(blocks) / -8
    return _bytes(d, _half_up(blocks / torch.where(d == 0, 1.0, d)).clamp(0, 15))


@q4_0_quantize.mutant(
    "`round(x / d) + 8` is not quite it, twice over: GGUF multiplies by the float32 reciprocal 1 / d, and takes halves up (add 8.5 and cut off), where `torch.round` takes them to the even neighbour."
)
def divided_and_half_to_even(x):
    blocks = x.unflatten(-1, (-1, 32))
    d = _farthest(blocks) / -8
    return _bytes(d, ((blocks / torch.where(d == 0, 1.0, d)).round() + 8).clamp(0, 15))


@q4_0_quantize.mutant(
    "You work in float64. GGUF's 1 / d and product are float32: finer numbers round to the other side now and then."
)
def in_double(x):
    d, codes = _parts(x.double())
    return _bytes(d.float(), codes)


@q4_0_quantize.mutant(
    "You use the scale as it is stored, rounded to float16. Make the codes with the float32 scale, and round it for storing alone."
)
def scaled_by_the_stored(x):
    return _bytes(*_parts(x, (_farthest(x.unflatten(-1, (-1, 32))) / -8).half().float()))


@q4_0_quantize.mutant("One scale serves the whole tensor. Each block of 32 numbers has its own.")
def one_scale(x):
    d = (x.flatten()[x.abs().argmax()] / -8).expand(*x.shape[:-1], x.shape[-1] // 32, 1)
    return _bytes(*_parts(x, d))


@q4_0_quantize.mutant("One scale serves a whole row. Each block of 32 numbers has its own.")
def a_scale_a_row(x):
    d = (_farthest(x) / -8).unsqueeze(-1).expand(*x.shape[:-1], x.shape[-1] // 32, 1)
    return _bytes(*_parts(x, d))


@q4_0_quantize.mutant(
    "Neighbours share a byte: codes 0 and 1, 2 and 3. In Q4_0 byte j holds code j below and code j + 16 above."
)
def neighbours_in_a_byte(x):
    return _bytes(*_parts(x), lambda codes: codes[..., 0::2] | codes[..., 1::2] << 4)


@q4_0_quantize.mutant(
    "Your nibbles have changed places: code j belongs in the low four bits, code j + 16 in the high four."
)
def high_nibble_first(x):
    return _bytes(*_parts(x), lambda codes: codes[..., :16] << 4 | codes[..., 16:])


@q4_0_quantize.mutant(
    "Neighbours share a byte, the first of them in the high four bits. In Q4_0 byte j holds code j below and code j + 16 above."
)
def neighbours_high_first(x):
    return _bytes(*_parts(x), lambda codes: codes[..., 0::2] << 4 | codes[..., 1::2])


@q4_0_quantize.mutant(
    "Your nibbles are two's complement, −8 to 7. Q4_0's run from 0 to 15, with 8 in the place of zero."
)
def twos_complement(x):
    d, codes = _parts(x)
    return _bytes(d, (codes.to(torch.uint8) + 8) & 15)


@q4_0_quantize.mutant("Each code takes a byte of its own. Two share one: 16 bytes for 32 codes.")
def not_packed(x):
    return _bytes(*_parts(x), lambda codes: codes)


@q4_0_quantize.mutant(
    "A block of zeros gets code 0, which the reader takes for −8, or some other: 0 / 0 is NaN. Put 0 in the place of 1 / d there: the codes come out as 8."
)
def zeros_unguarded(x):
    blocks = x.unflatten(-1, (-1, 32))
    d = _farthest(blocks) / -8
    return _bytes(d, _half_up(blocks * (1 / d)).nan_to_num(0.0).clamp(0, 15))


@q4_0_quantize.mutant(
    "A block of zeros has d = 0 / −8, which is −0.0, with the bytes 0 and 128. You store another zero, or what you divide by instead of it."
)
def zero_without_its_sign(x):
    d, codes = _parts(x)
    return _bytes(torch.where(d == 0, 0.0, d), codes)


@q4_0_quantize.mutant("A block of zeros stores a scale of 1. Guard the division alone, and store d as it is.")
def one_is_stored(x):
    d, codes = _parts(x)
    return _bytes(torch.where(d == 0, 1.0, d), codes)


@q4_0_quantize.mutant("The stored scale is 1 / d, what you multiplied by. Store d: the reader multiplies by it.")
def reciprocal_stored(x):
    d, codes = _parts(x)
    return _bytes(torch.where(d == 0, 0.0, 1 / d), codes)


@q4_0_quantize.mutant("Your scale takes four bytes: it is float32. Turn it into float16 before you look at its bytes.")
def scale_of_four_bytes(x):
    d, codes = _parts(x)
    return torch.cat([d.contiguous().view(torch.uint8), _halves(codes.to(torch.uint8))], -1).flatten(-2)


@q4_0_quantize.mutant(
    "Your scale is bfloat16. That has two bytes too, and means another number: GGUF's is float16, `.half()`."
)
def scale_of_another_kind(x):
    d, codes = _parts(x)
    return _bytes(d.bfloat16(), codes)


@q4_0_quantize.mutant(
    "The two bytes of your scale have changed places: GGUF stores the low byte first, as `view(torch.uint8)` does."
)
def high_byte_first(x):
    d, codes = _parts(x)
    return torch.cat([d.half().view(torch.uint8).flip(-1), _halves(codes.to(torch.uint8))], -1).flatten(-2)


@q4_0_quantize.mutant("The scale stands behind its codes. It comes first in each block.")
def scale_last(x):
    d, codes = _parts(x)
    return torch.cat([_halves(codes.to(torch.uint8)), d.half().view(torch.uint8)], -1).flatten(-2)


@q4_0_quantize.mutant(
    "All scales of a row come first, then all codes. Blocks stand one after the other, each with its scale before its codes."
)
def scales_first(x):
    d, codes = _parts(x)
    return torch.cat([d.half().view(torch.uint8).flatten(-2), _halves(codes.to(torch.uint8)).flatten(-2)], -1)


@q4_0_quantize.mutant(
    "The blocks came as a dimension of their own. Put those of a row one after the other: (…, n / 32 · 18)."
)
def blocks_apart(x):
    return _bytes(*_parts(x)).unflatten(-1, (-1, 18))


@q4_0_quantize.mutant("The bytes came flat. Leading dimensions stay: (…, n) gives (…, n / 32 · 18).")
def flat(x):
    return _bytes(*_parts(x)).flatten()


@q4_0_quantize.mutant("You change the caller's tensor: `*=`, `/=` and the like work in place. Write `x = x * …`.")
def in_place(x):
    result = _bytes(*_parts(x))
    x /= 2
    return result


@q4_0_quantize.stand_in
def block_by_block(x):
    rows = []
    for block in x.reshape(-1, 32).numpy():
        d = block[np.abs(block).argmax()] / np.float32(-8)
        inverse = np.float32(1) / d if d else np.float32(0)
        codes = [min(15, int(np.float32(number * inverse + np.float32(8.5)))) for number in block]
        rows.append(
            struct.pack("<e16B", d, *(low + 16 * high for low, high in zip(codes[:16], codes[16:], strict=True)))
        )
    return torch.frombuffer(bytearray(b"".join(rows)), dtype=torch.uint8).reshape(*x.shape[:-1], -1)


@q4_0_quantize.variant
def by_numpy(x):
    table = x.detach().numpy().reshape(-1, 32)
    at = np.abs(table).argmax(1)
    scale = (table[np.arange(len(table)), at] / np.float32(-8)).astype(np.float32)[:, None]
    inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale != 0)
    codes = np.minimum((table * inverse + np.float32(8.5)).astype(np.int64), 15).reshape(-1, 2, 16)
    found = np.concatenate([scale.astype("<f2").view(np.uint8), (codes[:, 0] + 16 * codes[:, 1]).astype(np.uint8)], 1)
    return torch.tensor(found).reshape(*x.shape[:-1], -1)
