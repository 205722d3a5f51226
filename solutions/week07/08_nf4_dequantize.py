"""# NF4: dequantize

The way back, done for each layer each time that it is used: look each code up in the table of levels, and multiply by the absmax of its block.

$$\\hat{x}_i = \\mathrm{level}_{\\mathrm{code}_i} \\cdot \\mathrm{absmax}_{\\lfloor i / \\mathrm{block\\_size} \\rfloor}$$

- `codes` (`uint8`) may have any shape. As in `nf4_quantize`, blocks are runs of `block_size` numbers of the *flattened* tensor, and the last may be short.
- `absmax` is (n_blocks,). Return `float32`, in the shape of `codes`.
- The table is `nf4_levels()`, from the notebook's first cell.
"""

import torch

from grader import close, exercise, given, leaves_alone


@given
def nf4_levels() -> torch.Tensor:
    """The 16 levels of NF4 in rising order, (16,): the table of QLoRA's appendix E."""
    below = [-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0]
    above = [0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0]
    return torch.tensor(below + above)


@exercise(
    points=1,
    twins=["dequantize_4bit", "dequantize_nf4", "dequantize_blockwise"],
    hints=[
        "A table with a tensor of integers as its index gives a tensor of the index's shape.",
        "PyTorch takes a `uint8` index for a mask. Turn the codes into `long` first.",
        "`absmax.repeat_interleave(block_size)` has a number's scale at the number's place in the flattened tensor; cut it to the length of the codes.",
    ],
)
def nf4_dequantize(codes: torch.Tensor, absmax: torch.Tensor, block_size: int = 64) -> torch.Tensor:
    """Return the numbers that NF4 `codes` stand for, float32 in their shape; `absmax` has one number a block.

    >>> nf4_dequantize(torch.tensor([7, 13, 0], dtype=torch.uint8), torch.tensor([2.0]))
    tensor([ 0.0000,  1.1252, -2.0000])
    """
    scales = absmax.repeat_interleave(block_size)[: codes.numel()]
    return nf4_levels()[codes.long()] * scales.view(codes.shape)


def bytes_of(*numbers):
    """Codes as a tensor of bytes."""
    return torch.tensor(numbers, dtype=torch.uint8)


@nf4_dequantize.check
def all_sixteen(nf4_dequantize):
    """the codes 0 to 15 in one block give the paper's 16 levels, times absmax"""
    below = [-1.0, -0.69619, -0.52507, -0.39492, -0.28444, -0.18477, -0.09105, 0.0]
    above = [0.07958, 0.16093, 0.24611, 0.33792, 0.44071, 0.56262, 0.72296, 1.0]
    close(nf4_dequantize(bytes_of(*range(16)), torch.tensor([3.0])), 3.0 * torch.tensor(below + above))


@nf4_dequantize.check
def blocks_cross_rows(nf4_dequantize):
    """blocks of three in rows of four: each number takes the absmax of its block, wherever rows end"""
    codes = bytes_of(0, 15, 7, 15, 0, 13, 15, 15, 8, 0, 1, 15).view(3, 4)
    x = [[-1.0, 1.0, 0.0, 10.0], [-10.0, 5.62617, 0.5, 0.5], [0.0397901, -4.0, -2.78477, 4.0]]
    close(nf4_dequantize(codes, torch.tensor([1.0, 10.0, 0.5, 4.0]), block_size=3), torch.tensor(x))


@nf4_dequantize.check
def last_block_short(nf4_dequantize):
    """five numbers in blocks of two: the last block holds one"""
    x = torch.tensor([2.0, 0.159161, -1.0, -0.394917, 8.0])
    close(nf4_dequantize(bytes_of(15, 8, 0, 3, 15), torch.tensor([2.0, 1.0, 8.0]), 2), x)


@nf4_dequantize.check
def sixty_four(nf4_dequantize):
    """a block has 64 numbers where no other size is asked for; an absmax of 0 gives zeros"""
    codes = bytes_of(15).repeat(130).view(2, 5, 13)
    x = torch.tensor([2.0, 0.0, 3.0]).repeat_interleave(torch.tensor([64, 64, 2])).view(2, 5, 13)
    close(nf4_dequantize(codes, torch.tensor([2.0, 0.0, 3.0])), x)


@nf4_dequantize.check
def leaves_its_inputs_alone(nf4_dequantize):
    """the caller's codes and absmax are left as they were"""
    leaves_alone(nf4_dequantize, bytes_of(1, 2, 9), torch.tensor([1.0, 2.0]), 2)


def _expected(codes, absmax, block_size):
    table = nf4_levels().tolist()
    flat = [table[code] * float(absmax[i // block_size]) for i, code in enumerate(codes.flatten().tolist())]
    return torch.tensor(flat).view(codes.shape)


@nf4_dequantize.hidden
def any_shape_any_block(nf4_dequantize, rng):
    """codes of any shape, blocks of any size"""
    for _ in range(5):
        shape = torch.randint(1, 9, (int(torch.randint(1, 4, (), generator=rng)),), generator=rng).tolist()
        block_size = int(torch.randint(1, 20, (), generator=rng))
        codes = torch.randint(0, 16, shape, generator=rng).to(torch.uint8)
        absmax = torch.rand(-(-codes.numel() // block_size), generator=rng) + 0.1
        close(nf4_dequantize(codes, absmax, block_size), _expected(codes, absmax, block_size))


@nf4_dequantize.hidden
def a_layer(nf4_dequantize, rng):
    """a matrix of some thousand codes in blocks of 64"""
    codes = torch.randint(0, 16, (33, 90), generator=rng).to(torch.uint8)
    absmax = torch.rand(47, generator=rng)
    close(nf4_dequantize(codes, absmax), _expected(codes, absmax, 64))


def _scales(codes, absmax, block_size):
    return absmax.repeat_interleave(block_size)[: codes.numel()].view(codes.shape)


@nf4_dequantize.mutant(
    "PyTorch takes a `uint8` index for a mask, which picks numbers instead of looking them up. Turn the codes into `long` first."
)
def codes_as_a_mask(codes, absmax, block_size=64):
    return nf4_levels()[codes.bool()] * _scales(codes, absmax, block_size)  # as PyTorch reads [codes], less its warning


@nf4_dequantize.mutant(
    "Your 16 levels are evenly spaced: that is int4. NF4's are in `nf4_levels()`; the code is a place in that table."
)
def even_levels(codes, absmax, block_size=64):
    return torch.linspace(-1, 1, 16)[codes.long()] * _scales(codes, absmax, block_size)


@nf4_dequantize.mutant(
    "Your 16 levels are evenly spaced: that is int4. NF4's are in `nf4_levels()`; the code is a place in that table."
)
def code_minus_eight(codes, absmax, block_size=64):
    return (codes.float() - 8) / 7 * _scales(codes, absmax, block_size)


@nf4_dequantize.mutant("The levels came back as they are, from −1 to 1. Multiply each by the absmax of its block.")
def not_scaled(codes, absmax, block_size=64):
    return nf4_levels()[codes.long()]


@nf4_dequantize.mutant("You divide by absmax. That was the way in; the way back multiplies.")
def divided(codes, absmax, block_size=64):
    return nf4_levels()[codes.long()] / _scales(codes, absmax, block_size)


@nf4_dequantize.mutant(
    "All numbers take the first block's absmax. Each takes that of its own block: number i of the flattened tensor is in block i // block_size."
)
def first_absmax(codes, absmax, block_size=64):
    return nf4_levels()[codes.long()] * absmax[0]


@nf4_dequantize.mutant(
    "All numbers take the largest absmax. Each takes that of its own block: number i of the flattened tensor is in block i // block_size."
)
def largest_absmax(codes, absmax, block_size=64):
    return nf4_levels()[codes.long()] * absmax.max()


@nf4_dequantize.mutant(
    "absmax goes round and round (a, b, c, a, b, c, …; `repeat` does that). The first `block_size` numbers take the first, the next the second: `repeat_interleave`."
)
def absmax_in_turn(codes, absmax, block_size=64):
    scales = absmax.repeat(block_size)[: codes.numel()].view(codes.shape)
    return nf4_levels()[codes.long()] * scales


@nf4_dequantize.mutant(
    "You take a row for a block. A block is `block_size` numbers of the flattened tensor, wherever rows end."
)
def a_block_a_row(codes, absmax, block_size=64):
    rows = codes.reshape(-1, codes.shape[-1]).long()
    scales = absmax.repeat(len(rows))[: len(rows)]
    return (nf4_levels()[rows] * scales.unsqueeze(-1)).view(codes.shape)


@nf4_dequantize.mutant(
    "A length that `block_size` does not divide breaks your blocks. The last block may be short: cut the repeated absmax to the length of the codes."
)
def only_whole_blocks(codes, absmax, block_size=64):
    return (nf4_levels()[codes.long().view(-1, block_size)] * absmax.unsqueeze(-1)).view(codes.shape)


@nf4_dequantize.mutant("The result came flat. Give it the shape of the codes.")
def flat(codes, absmax, block_size=64):
    return (nf4_levels()[codes.long()] * _scales(codes, absmax, block_size)).flatten()


@nf4_dequantize.mutant("`block_size` is not used: your blocks always have 64 numbers.")
def always_sixty_four(codes, absmax, block_size=64):
    return nf4_levels()[codes.long()] * _scales(codes, absmax, 64)


@nf4_dequantize.mutant("Your blocks are one number too long: the block of number i is i // block_size, rounded down.")
def one_too_long(codes, absmax, block_size=64):
    return nf4_levels()[codes.long()] * _scales(codes, absmax, block_size + 1)


@nf4_dequantize.mutant("The result is float64 or float16; it is to be float32, as `nf4_levels()` is.")
def double(codes, absmax, block_size=64):
    return nf4_levels().double()[codes.long()] * _scales(codes, absmax.double(), block_size)


@nf4_dequantize.mutant("The result is float64 or float16; it is to be float32, as `nf4_levels()` is.")
def half(codes, absmax, block_size=64):
    return (nf4_levels()[codes.long()] * _scales(codes, absmax, block_size)).half()


@nf4_dequantize.mutant(
    "You change the caller's tensors: `*=`, `mul_` and the like work in place. Write `absmax = absmax * …`."
)
def in_place(codes, absmax, block_size=64):
    result = nf4_levels()[codes.long()] * _scales(codes, absmax, block_size)
    absmax *= 2
    return result


@nf4_dequantize.stand_in
def number_by_number(codes, absmax, block_size=64):
    levels, scales = nf4_levels().tolist(), absmax.tolist()
    found = [levels[code] * scales[i // block_size] for i, code in enumerate(codes.flatten().tolist())]
    return torch.tensor(found).reshape(codes.shape)


@nf4_dequantize.variant
def block_by_block(codes, absmax, block_size=64):
    table = nf4_levels()
    blocks = codes.to(torch.int64).flatten().split(block_size)
    parts = [largest * table.take(block) for block, largest in zip(blocks, absmax, strict=True)]
    return torch.cat(parts).view_as(codes)
