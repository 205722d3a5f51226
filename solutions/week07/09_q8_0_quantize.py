"""# Q8_0: the bytes of a GGUF file

llama.cpp and Ollama read models as GGUF files, and a file is bytes: here the last bit counts. Q8_0 is the plainest of their quantized types.
Each row is cut into blocks of 32 numbers, and each block $x$ becomes 34 bytes:

| bytes | what |
|---|---|
| 2 | the scale $d = \\max_i |x_i| \\,/\\, 127$, as `float16`, low byte first |
| 32 | $q_i = \\mathrm{round}(x_i \\cdot \\tfrac{1}{d})$ for each number, as `int8` |

A reader gets $x_i \\approx d \\, q_i$ back: 8.5 bits a number. To write the same bytes as everybody else, go the same way:

- $d$ and $1/d$ are `float32`, and numbers are *multiplied* by $1/d$: a division would round otherwise here and there.
- $d$ is turned into `float16` for storing alone; the $q_i$ are made with the exact one.
- Halves are rounded *away from zero*: 0.5 to 1, −2.5 to −3. `torch.round` takes them to the even neighbour.
- A block of zeros is 34 zero bytes.

`x` is `float32`, (…, n) with n a multiple of 32; return `uint8`, (…, n / 32 · 34), the blocks of a row one after the other. The checks compare with
the [`gguf`](https://pypi.org/project/gguf/) package. It is llama.cpp's own, and not an answer here.
"""

import struct

import numpy as np
import torch
from gguf import GGMLQuantizationType, quants

from grader import close, exercise, leaves_alone


@exercise(
    points=2,
    twins=["quantize", "quantize_blocks", "quantize_rows"],
    hints=[
        "Make a block a row: `x.unflatten(-1, (-1, 32))` is (…, blocks, 32). The scale is then one number a row, with `keepdim=True`.",
        "Away from zero: round the absolute value half up, then give the sign back. Adding 0.5 is safest in `double`.",
        "`tensor.view(torch.uint8)` shows a tensor's bytes without changing them. A `float16` column of shape (…, 1) becomes (…, 2).",
        "`torch.cat` puts the two bytes of a block's scale in front of its 32 others; `flatten(-2)` makes one row of the blocks again.",
    ],
)
def q8_0_quantize(x: torch.Tensor) -> torch.Tensor:
    """Return `x` (…, n) as GGUF's Q8_0 blocks: uint8, (…, n / 32 * 34).

    >>> q8_0_quantize(torch.arange(32.0) * 4 + 3)[:6]
    tensor([ 0, 60,  3,  7, 11, 15], dtype=torch.uint8)
    """
    blocks = x.unflatten(-1, (-1, 32))
    d = blocks.abs().amax(-1, keepdim=True) / 127
    scaled = blocks * torch.where(d == 0, 0.0, 1 / d)
    q = scaled.sign() * (scaled.abs().double() + 0.5).floor()
    return torch.cat([d.half().view(torch.uint8), q.to(torch.int8).view(torch.uint8)], -1).flatten(-2)


def q8_0_of_gguf(x):
    """The bytes that the gguf package makes of x."""
    return torch.from_numpy(quants.quantize(x.numpy(), GGMLQuantizationType.Q8_0))


@q8_0_quantize.check
def one_block(q8_0_quantize):
    """32 numbers become the package's 34 bytes"""
    x = (torch.arange(32.0) * 37 % 101 - 59) / 32
    close(q8_0_quantize(x), q8_0_of_gguf(x))


@q8_0_quantize.check
def each_block_its_scale(q8_0_quantize):
    """a row of three blocks, one a thousand times smaller than the next, gives 102 bytes: scale and numbers of each in turn"""
    x = (torch.arange(96.0) * 29 % 103 - 40) / 7 * torch.tensor([1.0, 1e-3, 50.0]).repeat_interleave(32)
    close(q8_0_quantize(x), q8_0_of_gguf(x))


@q8_0_quantize.check
def halves(q8_0_quantize):
    """numbers half way between two integers are rounded away from zero"""
    x = torch.arange(32.0) - 15.5
    x[-1] = 127.0
    close(q8_0_quantize(x), q8_0_of_gguf(x))
    close(q8_0_quantize(-x), q8_0_of_gguf(-x))


@q8_0_quantize.check
def by_the_reciprocal(q8_0_quantize):
    """where x · (1/d) and x / d round to two sides of a half, the reciprocal counts"""
    largest = torch.tensor([[1.3], [3.7], [6.1]])
    x = (torch.arange(32.0) + 0.5) * (largest / 127)
    x[:, -1:] = largest
    close(q8_0_quantize(x), q8_0_of_gguf(x))


@q8_0_quantize.check
def any_leading_dimensions(q8_0_quantize):
    """rows may stand in any shape: (2, 3, 64) gives (2, 3, 68), and a tensor that is not contiguous is a tensor too"""
    x = (torch.arange(384.0) * 71 % 257 - 120).view(2, 3, 64) / 19
    close(q8_0_quantize(x), q8_0_of_gguf(x))


@q8_0_quantize.check
def zeros(q8_0_quantize):
    """a block of zeros is 34 zero bytes, beside any other"""
    x = torch.zeros(2, 64)
    x[1, 32:] = torch.arange(32.0) - 20
    close(q8_0_quantize(x), q8_0_of_gguf(x))


@q8_0_quantize.check
def leaves_its_input_alone(q8_0_quantize):
    """the caller's tensor is left as it was"""
    leaves_alone(q8_0_quantize, torch.arange(32.0) - 9)


@q8_0_quantize.hidden
def blocks_of_any_size(q8_0_quantize, rng):
    """blocks of numbers of any size, in any shape"""
    for shape in ((64,), (5, 96), (2, 3, 4, 32)):
        x = torch.randn(shape, generator=rng).unflatten(-1, (-1, 32))
        x = (x * 10.0 ** (6 * torch.rand(*x.shape[:-1], 1, generator=rng) - 3)).flatten(-2)
        close(q8_0_quantize(x), q8_0_of_gguf(x))


@q8_0_quantize.hidden
def halves_and_zeros_anywhere(q8_0_quantize, rng):
    """blocks full of halves, and blocks of zeros, in any order"""
    x = torch.randint(-254, 255, (40, 32), generator=rng) / 2
    x[:, 7] = 127.0 * (1 - 2 * torch.randint(0, 2, (40,), generator=rng))
    x *= 2.0 ** torch.randint(-6, 6, (40, 1), generator=rng)
    x[torch.rand(40, generator=rng) < 0.2] = 0.0
    close(q8_0_quantize(x.view(8, 160)), q8_0_of_gguf(x.view(8, 160)))


def _away(scaled):
    return scaled.sign() * (scaled.abs().double() + 0.5).floor()


def _parts(x, d=None, rounded=_away):
    """A block's scale and numbers, (blocks, 1) and (blocks, 32)."""
    blocks = x.unflatten(-1, (-1, 32))
    d = blocks.abs().amax(-1, keepdim=True) / 127 if d is None else d
    return d, rounded(blocks * torch.where(d == 0, 0.0, 1 / d))


def _bytes(d, q):
    stored = d.half() if d.dtype == torch.float32 else d
    return torch.cat([stored.view(torch.uint8), q.to(torch.int8).view(torch.uint8)], -1).flatten(-2)


@q8_0_quantize.mutant(
    "`torch.round` takes halves to the even neighbour: 0.5 to 0, 2.5 to 2. GGUF rounds them away from zero, to 1 and 3."
)
def half_to_even(x):
    return _bytes(*_parts(x, rounded=torch.round))


@q8_0_quantize.mutant(
    "You round halves up (floor of x + 0.5): −2.5 becomes −2. GGUF rounds them away from zero, to −3."
)
def half_up(x):
    return _bytes(*_parts(x, rounded=lambda scaled: (scaled.double() + 0.5).floor()))


@q8_0_quantize.mutant("Digits after the point are cut off: 2.9 becomes 2. Round to the nearest integer first.")
def truncated(x):
    return _bytes(*_parts(x, rounded=torch.trunc))


@q8_0_quantize.mutant(
    "You round down (`floor`, or `//`): 2.9 becomes 2, −0.1 becomes −1. Round to the nearest integer."
)
def floored(x):
    return _bytes(*_parts(x, rounded=torch.floor))


@q8_0_quantize.mutant(
    "You divide by d. GGUF multiplies by its float32 reciprocal, 1 / d, and now and then that rounds to the other side."
)
def divided(x):
    blocks = x.unflatten(-1, (-1, 32))
    d = blocks.abs().amax(-1, keepdim=True) / 127
    return _bytes(d, _away(blocks / torch.where(d == 0, 1.0, d)))


@q8_0_quantize.mutant(
    "`round(x / d)` is not quite it, twice over: GGUF multiplies by the float32 reciprocal 1 / d, and rounds halves away from zero, where `torch.round` takes them to the even neighbour."
)
def divided_and_half_to_even(x):
    blocks = x.unflatten(-1, (-1, 32))
    d = blocks.abs().amax(-1, keepdim=True) / 127
    return _bytes(d, (blocks / torch.where(d == 0, 1.0, d)).round())


@q8_0_quantize.mutant(
    "You multiply by 127 / max. GGUF first makes d = max / 127, then multiplies by 1 / d: each step rounds, and a byte may differ."
)
def multiplied_by_127(x):
    blocks = x.unflatten(-1, (-1, 32))
    largest = blocks.abs().amax(-1, keepdim=True)
    return _bytes(largest / 127, _away(blocks * torch.where(largest == 0, 0.0, 127 / largest)))


@q8_0_quantize.mutant(
    "You work in float64. GGUF's d, 1 / d and product are float32: finer numbers round to the other side now and then."
)
def in_double(x):
    d, q = _parts(x.double())
    return _bytes(d.float(), q)


@q8_0_quantize.mutant(
    "You use the scale as it is stored, rounded to float16. Make the numbers with the float32 scale, and round it for storing alone."
)
def scaled_by_the_stored(x):
    d = (x.unflatten(-1, (-1, 32)).abs().amax(-1, keepdim=True) / 127).half().float()
    return _bytes(*_parts(x, d, lambda scaled: _away(scaled).clamp(-128, 127)))


@q8_0_quantize.mutant(
    "You divide the largest absolute value by 128. The scale is a 127th: the largest number becomes 127."
)
def a_128th(x):
    d = x.unflatten(-1, (-1, 32)).abs().amax(-1, keepdim=True) / 128
    return _bytes(*_parts(x, d, lambda scaled: _away(scaled).clamp(-128, 127)))


@q8_0_quantize.mutant(
    "The scale is a 255th of the block's whole range. Q8_0 has no zero point: it is a 127th of the largest absolute value."
)
def a_255th_of_the_range(x):
    blocks = x.unflatten(-1, (-1, 32))
    d = (blocks.amax(-1, keepdim=True) - blocks.amin(-1, keepdim=True)) / 255
    return _bytes(*_parts(x, d, lambda scaled: _away(scaled).clamp(-128, 127)))


@q8_0_quantize.mutant(
    "You take the largest number, not the largest *absolute* one: where that is negative, its code does not fit into int8."
)
def no_absolute(x):
    d = x.unflatten(-1, (-1, 32)).amax(-1, keepdim=True) / 127
    return _bytes(*_parts(x, d, lambda scaled: _away(scaled).clamp(-128, 127)))


@q8_0_quantize.mutant("One scale serves the whole tensor. Each block of 32 numbers has its own.")
def one_scale(x):
    d = (x.abs().max() / 127).expand(*x.shape[:-1], x.shape[-1] // 32, 1).contiguous()
    return _bytes(*_parts(x, d))


@q8_0_quantize.mutant("One scale serves a whole row. Each block of 32 numbers has its own.")
def a_scale_a_row(x):
    d = (x.abs().amax(-1) / 127)[..., None, None].expand(*x.shape[:-1], x.shape[-1] // 32, 1).contiguous()
    return _bytes(*_parts(x, d))


@q8_0_quantize.mutant("The stored scale is 1 / d, what you multiplied by. Store d: the reader multiplies by it.")
def reciprocal_stored(x):
    d, q = _parts(x)
    return _bytes(torch.where(d == 0, 0.0, 1 / d), q)


@q8_0_quantize.mutant("The stored scale is the largest absolute value. Store d, a 127th of that.")
def largest_stored(x):
    _, q = _parts(x)
    return _bytes(x.unflatten(-1, (-1, 32)).abs().amax(-1, keepdim=True), q)


@q8_0_quantize.mutant("Your scale takes four bytes: it is float32. Turn it into float16 before you look at its bytes.")
def scale_of_four_bytes(x):
    d, q = _parts(x)
    return torch.cat([d.contiguous().view(torch.uint8), q.to(torch.int8).view(torch.uint8)], -1).flatten(-2)


@q8_0_quantize.mutant(
    "Your scale is bfloat16. That has two bytes too, and means another number: GGUF's is float16, `.half()`."
)
def scale_of_another_kind(x):
    d, q = _parts(x)
    return _bytes(d.bfloat16(), q)


@q8_0_quantize.mutant(
    "The two bytes of your scale have changed places: GGUF stores the low byte first, as `view(torch.uint8)` does."
)
def high_byte_first(x):
    d, q = _parts(x)
    return torch.cat([d.half().view(torch.uint8).flip(-1), q.to(torch.int8).view(torch.uint8)], -1).flatten(-2)


@q8_0_quantize.mutant("The scale stands behind its numbers. It comes first in each block.")
def scale_last(x):
    d, q = _parts(x)
    return torch.cat([q.to(torch.int8).view(torch.uint8), d.half().view(torch.uint8)], -1).flatten(-2)


@q8_0_quantize.mutant(
    "All scales of a row come first, then all numbers. Blocks stand one after the other, each with its scale before its numbers."
)
def scales_first(x):
    d, q = _parts(x)
    return torch.cat([d.half().view(torch.uint8).flatten(-2), q.to(torch.int8).view(torch.uint8).flatten(-2)], -1)


@q8_0_quantize.mutant(
    "You shift the numbers to run from 0 up. They stay signed: the bytes of `int8`, by `view(torch.uint8)`."
)
def shifted(x):
    d, q = _parts(x)
    return torch.cat([d.half().view(torch.uint8), (q + 128).to(torch.uint8)], -1).flatten(-2)


@q8_0_quantize.mutant(
    "The result is of dtype int8. A file holds bytes: `view(torch.uint8)` shows the same bits as `uint8`."
)
def signed_bytes(x):
    return _bytes(*_parts(x)).view(torch.int8)


@q8_0_quantize.mutant(
    "The blocks came as a dimension of their own. Put those of a row one after the other: (…, n / 32 · 34)."
)
def blocks_apart(x):
    return _bytes(*_parts(x)).unflatten(-1, (-1, 34))


@q8_0_quantize.mutant("The bytes came flat. Leading dimensions stay: (…, n) gives (…, n / 32 · 34).")
def flat(x):
    return _bytes(*_parts(x)).flatten()


@q8_0_quantize.mutant(
    "Rows have become one: you return a table of blocks for tensors of any shape. Leading dimensions stay as they are."
)
def a_row_a_block(x):
    return _bytes(*_parts(x)).reshape(-1, 34)


@q8_0_quantize.mutant(
    "Numbers are picked in steps: your reshape puts numbers that are not neighbours into one block. A block is 32 neighbours of one row."
)
def in_steps(x):
    return _bytes(*_parts(x.unflatten(-1, (32, -1)).transpose(-1, -2).flatten(-2)))


@q8_0_quantize.mutant("You change the caller's tensor: `*=`, `/=` and the like work in place. Write `x = x * …`.")
def in_place(x):
    result = _bytes(*_parts(x))
    x /= 2
    return result


@q8_0_quantize.stand_in
def block_by_block(x):
    rows = []
    for row in x.reshape(-1, x.shape[-1]).numpy():
        for block in row.reshape(-1, 32):
            d = np.abs(block).max() / np.float32(127)
            scaled = block * (np.float32(1) / d if d else np.float32(0))
            whole = np.trunc(scaled)
            whole += np.sign(scaled) * (np.abs(scaled - whole) >= 0.5)
            rows.append(np.frombuffer(struct.pack("<e32b", d, *map(int, whole)), dtype=np.uint8))
    return torch.from_numpy(np.concatenate(rows)).reshape(*x.shape[:-1], -1)


@q8_0_quantize.variant
def by_copysign(x):
    table = x.reshape(-1, 32)
    scale = (table.abs().max(1).values / 127).reshape(-1, 1)
    inverse = scale.reciprocal().nan_to_num(posinf=0.0)
    scaled = (table * inverse).double()
    whole = (scaled + torch.copysign(torch.full_like(scaled, 0.5), scaled)).trunc()
    found = torch.empty(len(table), 34, dtype=torch.uint8)
    found[:, :2] = scale.to(torch.float16).view(torch.uint8)
    found[:, 2:] = whole.to(torch.int8).view(torch.uint8)
    return found.reshape(*x.shape[:-1], x.shape[-1] // 32 * 34)
