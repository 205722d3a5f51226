"""# NF4: quantize

Int4 spaces its 16 levels evenly. A trained layer's weights look like a normal distribution: crowded near 0, thin far out. NF4
(*4-bit NormalFloat*) spaces 16 levels so that about as many normal numbers fall to each; one of them is 0 exactly. It is how QLoRA keeps a frozen model.

Numbers are taken in blocks, so that one outlier spoils the scale of its own block only:

$$\\mathrm{absmax}_b = \\max_{i \\in b} |x_i| \\qquad \\mathrm{code}_i = \\arg\\min_c \\left|\\, \\frac{x_i}{\\mathrm{absmax}_b} - \\mathrm{level}_c \\right|$$

For a `float32` tensor `x` of any shape, return `(codes, absmax)`:

- `codes` has the shape of `x`, dtype `uint8`: 0 stands for the level −1, 7 for the level 0, 15 for the level 1. One code fills a whole byte here;
  putting two into a byte is an exercise of its own.
- Blocks are runs of `block_size` numbers of the *flattened* tensor. They cross the ends of rows, and the last may be short.
- `absmax` holds one `float32` number a block, in one dimension.
- A block of zeros has absmax 0 and codes 7.

The notebook's first cell has the 16 levels: `nf4_levels()`. They are those of [QLoRA (2023)](https://arxiv.org/abs/2305.14314), appendix E, and of bitsandbytes.
"""

import bisect
import math

import torch
import torch.nn.functional as F

from grader import close, exercise, given, leaves_alone


@given
def nf4_levels() -> torch.Tensor:
    """The 16 levels of NF4 in rising order, (16,): the table of QLoRA's appendix E."""
    below = [-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0]
    above = [0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0]
    return torch.tensor(below + above)


@exercise(
    points=3,
    twins=["quantize_4bit", "quantize_nf4", "quantize_blockwise", "to_nf4"],
    hints=[
        "Flatten first. A block is then a slice of `block_size` numbers, and `view(-1, block_size)` makes each a row, once the length divides.",
        "Where the length does not divide, add zeros at the end (`F.pad`): they change no block's largest absolute value. Cut their codes off again.",
        "The nearest level: all 16 distances of a number are `(x.unsqueeze(-1) - nf4_levels()).abs()`, and `argmin(-1)` says where the smallest is.",
        "A block of zeros: 0 / 0 is NaN, and the `argmin` of NaNs is 0. Divide by 1 there, and leave the stored absmax at 0. At the end: `uint8`, and the shape of x.",
    ],
)
def nf4_quantize(x: torch.Tensor, block_size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the NF4 codes of `x` (uint8, in its shape) and the largest absolute value of each block, (n_blocks,).

    >>> nf4_quantize(torch.tensor([0.0, 1.4, -2.0]))
    (tensor([ 7, 14,  0], dtype=torch.uint8), tensor([2.]))
    """
    flat = x.flatten()
    blocks = F.pad(flat, (0, -len(flat) % block_size)).view(-1, block_size)
    absmax = blocks.abs().amax(-1)
    scaled = blocks / absmax.masked_fill(absmax == 0.0, 1.0).unsqueeze(-1)
    codes = (scaled.unsqueeze(-1) - nf4_levels()).abs().argmin(-1).to(torch.uint8)
    return codes.flatten()[: len(flat)].view(x.shape), absmax


def nf4_codes(*numbers):
    """Codes as a tensor of bytes."""
    return torch.tensor(numbers, dtype=torch.uint8)


@nf4_quantize.check
def one_block(nf4_quantize):
    """eight numbers, the largest of them −2: each gets the code of the level nearest to it / 2"""
    x = torch.tensor([[0.5, -2.0, 0.1, 1.2], [-0.6, 1.7, -0.05, -1.4]])
    codes = nf4_codes(10, 0, 8, 13, 4, 14, 7, 1).view(2, 4)
    close(nf4_quantize(x, block_size=8), (codes, torch.tensor([2.0])))


@nf4_quantize.check
def every_level(nf4_quantize):
    """numbers close to each of the 16 levels, a little below it and a little above, get that level's code"""
    below = [-1.0, -0.72, -0.56, -0.42, -0.32, -0.21, -0.11, -0.03, 0.06, 0.14, 0.22, 0.31, 0.41, 0.52, 0.67, 0.9]
    above = [-0.9, -0.63, -0.48, -0.36, -0.25, -0.15, -0.06, 0.03, 0.1, 0.19, 0.28, 0.37, 0.48, 0.62, 0.8, 1.0]
    codes = nf4_codes(*range(16)).repeat(2)
    close(nf4_quantize(3.0 * torch.tensor(below + above)), (codes, torch.tensor([3.0])))


@nf4_quantize.check
def blocks_cross_rows(nf4_quantize):
    """blocks of six in rows of four: a block starts where the last one ended, in the middle of a row"""
    x = torch.tensor([[0.5, 1.0, -0.25, 0.1], [-0.3, 0.7, 4.0, -1.0], [2.0, 0.5, -3.0, 10.0]])
    codes = nf4_codes(12, 15, 4, 8, 4, 14, 12, 6, 9, 8, 4, 15).view(3, 4)
    close(nf4_quantize(x, block_size=6), (codes, torch.tensor([1.0, 10.0])))


@nf4_quantize.check
def last_block_short(nf4_quantize):
    """seven numbers in blocks of three: the last block holds one number, and has an absmax of its own"""
    codes = nf4_codes(14, 0, 9, 15, 11, 5, 0)
    x = torch.tensor([0.7, -1.0, 0.2, 8.0, 2.5, -1.5, -0.01])
    close(nf4_quantize(x, 3), (codes, torch.tensor([1.0, 8.0, 0.01])))


@nf4_quantize.check
def sixty_four(nf4_quantize):
    """a block has 64 numbers where no other size is asked for, and shapes may have three dimensions"""
    runs = torch.tensor([3, 5, 5, 6, 6, 7, 9, 14, 9, 18, 28, 18, 2])
    codes = nf4_codes(7, 8, 9, 10, 11, 12, 13, 14, 15, 13, 14, 15, 15).repeat_interleave(runs).view(2, 5, 13)
    x = torch.arange(130.0).view(2, 5, 13)
    close(nf4_quantize(x), (codes, torch.tensor([63.0, 127.0, 129.0])))


@nf4_quantize.check
def zeros(nf4_quantize):
    """a block of zeros has absmax 0 and codes 7; other blocks do not mind"""
    x = torch.tensor([[0.0, 0.0, 0.0], [1.0, -0.5, 0.0], [0.0, 0.0, 0.0]])
    codes = nf4_codes(7, 7, 7, 15, 2, 7, 7, 7, 7).view(3, 3)
    close(nf4_quantize(x, 3), (codes, torch.tensor([0.0, 1.0, 0.0])))


@nf4_quantize.check
def leaves_its_input_alone(nf4_quantize):
    """the caller's tensor is left as it was"""
    leaves_alone(nf4_quantize, torch.tensor([[1.0, -4.0], [0.0, 2.0]]), 2)


def _drawn(rng, shape, block_size):
    """A tensor with its codes and absmax: numbers near levels, away from the middle between two of them."""
    n = math.prod(shape)
    codes = torch.randint(0, 16, (n,), generator=rng)
    codes[::block_size] = 15 * torch.randint(0, 2, (-(-n // block_size),), generator=rng)  # one of ±1 in each block
    absmax = 10.0 ** (3 * torch.rand(-(-n // block_size), generator=rng) - 2)
    absmax[torch.rand(len(absmax), generator=rng) < 0.1] = 0.0
    levels = nf4_levels()
    gaps = levels.diff()
    room = 0.45 * torch.minimum(F.pad(gaps, (1, 0), value=1.0), F.pad(gaps, (0, 1), value=1.0))
    room[0] = room[-1] = 0.0
    scaled = levels[codes] + room[codes] * (2 * torch.rand(n, generator=rng) - 1)
    scale = absmax.repeat_interleave(block_size)[:n]
    codes[scale == 0.0] = 7
    return (scaled * scale).view(shape), codes.to(torch.uint8).view(shape), absmax


@nf4_quantize.hidden
def any_shape_any_block(nf4_quantize, rng):
    """tensors of any shape, blocks of any size, zeros among them"""
    for _ in range(5):
        shape = torch.randint(1, 9, (int(torch.randint(1, 4, (), generator=rng)),), generator=rng).tolist()
        block_size = int(torch.randint(2, 20, (), generator=rng))
        x, codes, absmax = _drawn(rng, shape, block_size)
        close(nf4_quantize(x, block_size), (codes, absmax))


@nf4_quantize.hidden
def a_layer(nf4_quantize, rng):
    """a matrix of some thousand weights in blocks of 64"""
    x, codes, absmax = _drawn(rng, (33, 90), 64)
    close(nf4_quantize(x), (codes, absmax))


def _blocks(x, block_size):
    return F.pad(x.flatten(), (0, -x.numel() % block_size)).view(-1, block_size)


def _nearest(scaled, levels=None):
    return (scaled.unsqueeze(-1) - (nf4_levels() if levels is None else levels)).abs().argmin(-1).to(torch.uint8)


def _safe(absmax):
    return absmax.masked_fill(absmax == 0.0, 1.0).unsqueeze(-1)


def _like(codes, x):
    return codes.flatten()[: x.numel()].view(x.shape)


@nf4_quantize.mutant(
    "You take one absmax for the whole tensor. Each block of `block_size` numbers has its own, and so `absmax` one number a block."
)
def one_absmax(x, block_size=64):
    absmax = x.abs().max()
    return _nearest(x / absmax), absmax.view(1)


@nf4_quantize.mutant(
    "You take one absmax for the whole tensor. Each block of `block_size` numbers has its own, and so `absmax` one number a block."
)
def one_absmax_without_dimension(x, block_size=64):
    absmax = x.abs().max()
    return _nearest(x / absmax), absmax


@nf4_quantize.mutant(
    "Your blocks are rows. A block is `block_size` numbers of the flattened tensor, wherever rows end."
)
def a_block_a_row(x, block_size=64):
    absmax = x.abs().amax(-1)
    return _nearest(x / _safe(absmax)), absmax.flatten()


@nf4_quantize.mutant(
    "Your blocks start anew with each row. A block is `block_size` numbers of the flattened tensor, wherever rows end."
)
def blocks_within_rows(x, block_size=64):
    rows = x.reshape(-1, x.shape[-1])
    blocks = F.pad(rows, (0, -rows.shape[-1] % block_size)).unflatten(-1, (-1, block_size))
    absmax = blocks.abs().amax(-1)
    codes = _nearest(blocks / _safe(absmax)).flatten(1)[:, : x.shape[-1]]
    return codes.reshape(x.shape), absmax.flatten()


@nf4_quantize.mutant(
    "You take the largest number of a block, not the largest *absolute* one: where the largest is negative, the scale is too small."
)
def no_absolute(x, block_size=64):
    blocks = _blocks(x, block_size)
    largest = blocks.amax(-1)
    return _like(_nearest(blocks / _safe(largest)), x), largest


@nf4_quantize.mutant(
    "absmax came with a sign: you take the number whose absolute value is largest. Take that absolute value itself, or the codes turn round."
)
def signed_absmax(x, block_size=64):
    blocks = _blocks(x, block_size)
    largest = blocks.gather(-1, blocks.abs().argmax(-1, keepdim=True)).squeeze(-1)
    return _like(_nearest(blocks / _safe(largest)), x), largest


@nf4_quantize.mutant(
    "Your 16 levels are evenly spaced: that is int4. NF4's are in `nf4_levels()`, dense near 0; take the nearest of those."
)
def even_levels(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _like(_nearest(blocks / _safe(absmax), torch.linspace(-1, 1, 16)), x), absmax


@nf4_quantize.mutant(
    "Your 16 levels are evenly spaced: that is int4. NF4's are in `nf4_levels()`, dense near 0; take the nearest of those."
)
def rounded_to_integers(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _like((7 * blocks / _safe(absmax)).round().add(8).to(torch.uint8), x), absmax


@nf4_quantize.mutant(
    "You take the highest level that is not above the number. Take the nearest: compare both neighbours, or search among the middles between levels."
)
def level_below(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    codes = torch.bucketize(blocks / _safe(absmax), nf4_levels(), right=True) - 1
    return _like(codes.to(torch.uint8), x), absmax


@nf4_quantize.mutant(
    "You take the lowest level that is not below the number (`searchsorted` and `bucketize` give that). Take the nearest: search among the middles between levels."
)
def level_above(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _like(torch.bucketize(blocks / _safe(absmax), nf4_levels()).clamp(max=15).to(torch.uint8), x), absmax


@nf4_quantize.mutant("The levels themselves came back. Return their numbers, 0 to 15, as `uint8`.")
def levels_for_codes(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _like(nf4_levels()[_nearest(blocks / _safe(absmax)).long()], x), absmax


@nf4_quantize.mutant("Your codes are int64, as `argmin` gives them: eight bytes a code. Turn them into `uint8`.")
def codes_of_eight_bytes(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _like(_nearest(blocks / _safe(absmax)), x).long(), absmax


@nf4_quantize.mutant("Your codes run from −8 to 7. NF4's are numbers of levels, 0 to 15, as `uint8`.")
def codes_from_minus_eight(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _like(_nearest(blocks / _safe(absmax)).to(torch.int8) - 8, x), absmax


@nf4_quantize.mutant(
    "Your codes run from the highest level to the lowest. Code 0 is the level −1, code 15 the level 1."
)
def codes_the_other_way_round(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _like(15 - _nearest(blocks / _safe(absmax)), x), absmax


@nf4_quantize.mutant(
    "You look for the level nearest to x itself. Divide each block by its absmax first: levels run from −1 to 1."
)
def not_divided(x, block_size=64):
    blocks = _blocks(x, block_size)
    return _like(_nearest(blocks), x), blocks.abs().amax(-1)


@nf4_quantize.mutant(
    "You divide by the block's standard deviation. NF4 divides by the largest absolute value of the block."
)
def standard_deviation(x, block_size=64):
    blocks = _blocks(x, block_size)
    deviation = blocks.std(-1)
    return _like(_nearest(blocks / _safe(deviation)), x), deviation


@nf4_quantize.mutant(
    "A block of zeros gets code 0, the level −1: 0 / 0 is NaN, and the smallest of NaNs stands first. Divide by 1 there: code 7 is 0."
)
def zeros_unguarded(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _like(_nearest(blocks / absmax.unsqueeze(-1)), x), absmax


@nf4_quantize.mutant(
    "A block of zeros got an absmax that is not 0: you store what you divide by. Keep both: 1 to divide by, 0 to store."
)
def one_is_stored(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = _safe(blocks.abs().amax(-1)).squeeze(-1)
    return _like(_nearest(blocks / absmax.unsqueeze(-1)), x), absmax


@nf4_quantize.mutant(
    "A length that `block_size` does not divide breaks your blocks. Fill the last with zeros (`F.pad`), and cut their codes off at the end."
)
def only_whole_blocks(x, block_size=64):
    blocks = x.reshape(-1, block_size)
    absmax = blocks.abs().amax(-1)
    return _nearest(blocks / _safe(absmax)).view(x.shape), absmax


@nf4_quantize.mutant("You leave the last, short block out. It has codes and an absmax as the others do.")
def last_block_left_out(x, block_size=64):
    whole = x.flatten()[: x.numel() // block_size * block_size].view(-1, block_size)
    absmax = whole.abs().amax(-1)
    codes = _nearest(whole / _safe(absmax)).flatten()
    return codes.view(x.shape) if codes.numel() == x.numel() else codes, absmax


@nf4_quantize.mutant(
    "Codes of the zeros that fill up the last block came back too. Cut them off: one code a number of x."
)
def padding_kept(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    codes = _nearest(blocks / _safe(absmax)).flatten()
    return codes.view(x.shape) if codes.numel() == x.numel() else codes, absmax


@nf4_quantize.mutant("Your codes came flat, or as blocks. Give them the shape of x again.")
def codes_flat(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _nearest(blocks / _safe(absmax)).flatten()[: x.numel()], absmax


@nf4_quantize.mutant("Your codes came flat, or as blocks. Give them the shape of x again.")
def codes_as_blocks(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _nearest(blocks / _safe(absmax)), absmax


@nf4_quantize.mutant("absmax came as a column, (n_blocks, 1). Store it in one dimension: (n_blocks,).")
def absmax_a_column(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _like(_nearest(blocks / _safe(absmax)), x), absmax.unsqueeze(-1)


@nf4_quantize.mutant("absmax came once a number. Store it once a block: that is what makes it cheap.")
def absmax_a_number(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return _like(_nearest(blocks / _safe(absmax)), x), absmax.repeat_interleave(block_size)[: x.numel()].view(x.shape)


@nf4_quantize.mutant("`block_size` is not used: your blocks always have 64 numbers.")
def always_sixty_four(x, block_size=64):
    blocks = _blocks(x, 64)
    absmax = blocks.abs().amax(-1)
    return _like(_nearest(blocks / _safe(absmax)), x), absmax


@nf4_quantize.mutant("`block_size` is taken for the number of blocks. It is how many numbers a block has.")
def so_many_blocks(x, block_size=64):
    return nf4_by_loops(x, -(-x.numel() // block_size))


@nf4_quantize.mutant(
    "Numbers of one block do not stand together: your table has a block in each *column*. `view(-1, block_size)` has it in each row."
)
def blocks_in_columns(x, block_size=64):
    table = F.pad(x.flatten(), (0, -x.numel() % block_size)).view(block_size, -1)
    absmax = table.abs().amax(0)
    return _like(_nearest(table / _safe(absmax).T), x), absmax


@nf4_quantize.mutant("The two results have changed places: codes come first, then absmax.")
def results_swapped(x, block_size=64):
    blocks = _blocks(x, block_size)
    absmax = blocks.abs().amax(-1)
    return absmax, _like(_nearest(blocks / _safe(absmax)), x)


@nf4_quantize.mutant("You change the caller's tensor: `/=` or `div_` works in place. Write `x = x / …`.")
def in_place(x, block_size=64):
    result = nf4_by_loops(x, block_size)
    x /= x.abs().max()
    return result


@nf4_quantize.stand_in
def nf4_by_loops(x, block_size=64):
    middles = ((nf4_levels()[1:] + nf4_levels()[:-1]) / 2).tolist()
    codes, largest = [], []
    for block in x.flatten().split(block_size):
        largest.append(float(block.abs().max()))
        codes += [bisect.bisect(middles, number / (largest[-1] or 1.0)) for number in block.tolist()]
    return torch.tensor(codes, dtype=torch.uint8).reshape(x.shape), torch.tensor(largest)


@nf4_quantize.variant
def by_bucketize(x, block_size=64):
    levels = nf4_levels()
    whole = x.new_zeros(-(-x.numel() // block_size) * block_size)
    whole[: x.numel()] = x.reshape(-1)
    table = whole.reshape(-1, block_size)
    absmax = torch.maximum(table.max(1).values, -table.min(1).values)
    scaled = (table.T / absmax.clamp(min=1e-30)).T
    codes = torch.bucketize(scaled, (levels[1:] + levels[:-1]) / 2)
    return codes.reshape(-1)[: x.numel()].reshape(x.shape).byte(), absmax
