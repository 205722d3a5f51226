"""# A scale a group

With 4 bits there are seven steps on each side of zero. One large weight makes the steps so long that all the others become 0. The cure: short groups of
neighbours, each with a scale of its own. A large weight then spoils 31 or 63 others, and no more. That is how 4-bit formats work, GGUF's and GPTQ's too.

Cut the last dimension of `w` into groups of `group_size` neighbours. In each group, as in absmax:

$$s = \\frac{\\max |w|}{2^{b-1} - 1}, \\qquad q = \\mathrm{round}\\left(\\frac{w}{s}\\right)$$

- `q` is `int8` in w's shape; `scales` has a number for each group: w's shape, with the last dimension divided by `group_size`.
- Ties go to the even neighbour. A group of zeros gives zeros, whatever its neighbours are.
- A last dimension that `group_size` does not divide is a `ValueError`. A group never reaches into the next row.

`torch.quantize_per_channel` and its kin are not answers here.
"""

import numpy as np
import torch

from grader import close, exercise, leaves_alone, raises


@exercise(
    points=3,
    twins=["quantize_per_channel", "fake_quantize_per_channel_affine", "quantize_per_tensor"],
    hints=[
        "`w.unflatten(-1, (-1, group_size))` gives groups a dimension of their own: (…, n_groups, group_size). Check first that they fit.",
        "Of that, take `abs()` and the largest along the last dimension. Kept with `keepdim=True`, it lines up with its group.",
        "A group of zeros has a scale of 0, and 0 / 0 is NaN. `torch.where` or `masked_fill` puts a 1 there.",
        "At the end, q needs w's shape again, `flatten(-2)`, and scales lose the dimension that was kept, `squeeze(-1)`.",
    ],
)
def quantize_groupwise(w: torch.Tensor, group_size: int, bits: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `(q, scales)`: each group of `group_size` neighbours along the last dimension in steps of its own scale.

    Args:
        w: a floating-point tensor of shape (…, n).
        group_size: how many neighbours share a scale; it divides n.
        bits: 2 to 8; q runs from −(2^(bits−1) − 1) to 2^(bits−1) − 1.

    Returns:
        q, int8 in w's shape, and scales in w's dtype, of shape (…, n / group_size).

    Raises:
        ValueError: group_size does not divide n.

    >>> q, scales = quantize_groupwise(torch.tensor([0.7, -0.1, 70.0, 20.0]), group_size=2)
    >>> q
    tensor([ 7, -1,  7,  2], dtype=torch.int8)
    >>> scales
    tensor([ 0.1000, 10.0000])
    """
    if w.shape[-1] % group_size:
        raise ValueError(f"groups of {group_size} do not fit into a dimension of {w.shape[-1]}")
    groups = w.unflatten(-1, (-1, group_size))
    scales = groups.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
    scales = scales.masked_fill(scales == 0, 1.0)
    return (groups / scales).round().to(torch.int8).flatten(-2), scales.squeeze(-1)


def equals_groups(came, q, scales):
    """Demand q, and the scale of each group that is not all zero; any finite scale will do for one that is."""
    whole, steps = came
    q, scales = torch.tensor(q, dtype=torch.int8), torch.tensor(scales)
    if isinstance(steps, torch.Tensor) and steps.shape == scales.shape:
        scales = torch.where(scales.isnan() & steps.isfinite(), steps.to(scales.dtype), scales)
        scales = scales.nan_to_num(1.0)
    close(steps, scales, atol=0, what="the scales")
    close(whole, q, what="q")


@quantize_groupwise.check
def a_scale_a_group(quantize_groupwise):
    """in each group of three neighbours the largest becomes 7 or −7, and the others what they are beside it"""
    w = torch.tensor([[0.7, -0.32, 0.11, 3.4, -14.0, 5.4], [0.008, 0.035, -0.0181, -2.1, 0.0, 1.36]])
    equals_groups(quantize_groupwise(w, 3), [[7, -3, 1, 2, -7, 3], [2, 7, -4, -7, 0, 5]], [[0.1, 2.0], [0.005, 0.3]])


@quantize_groupwise.check
def any_dimensions(quantize_groupwise):
    """groups lie along the last dimension, be there one dimension or three; a group may be the whole row, or one number"""
    w = torch.tensor([[[0.7, 0.22, -1.4, 0.5]], [[2.8, -3.5, 0.0, 0.07]], [[-0.21, 0.1, 42.0, 9.0]]])
    q = [[[7, 2, -7, 2]], [[6, -7, 0, 7]], [[-7, 3, 7, 2]]]
    equals_groups(quantize_groupwise(w, group_size=2), q, [[[0.1, 0.2]], [[0.5, 0.01]], [[0.03, 6.0]]])
    equals_groups(quantize_groupwise(w[0, 0], 4), [4, 1, -7, 2], [0.2])
    equals_groups(quantize_groupwise(w[1], 1), [[7, -7, 0, 7]], [[0.4, 0.5, float("nan"), 0.01]])


@quantize_groupwise.check
def other_bits(quantize_groupwise):
    """with 8 bits the last step is 127, with 3 bits 3, with 2 bits 1; q stays int8"""
    w = torch.tensor([[1.27, -0.304, 0.0, 0.0254, 0.0033, -0.00866]])
    equals_groups(quantize_groupwise(w, 3, bits=8), [[127, -30, 0, 127, 16, -43]], [[0.01, 0.0002]])
    equals_groups(quantize_groupwise(w, 3, bits=3), [[3, -1, 0, 3, 0, -1]], [[1.27 / 3, 0.0254 / 3]])
    equals_groups(quantize_groupwise(w, 3, bits=2), [[1, 0, 0, 1, 0, 0]], [[1.27, 0.0254]])


@quantize_groupwise.check
def ties_to_even(quantize_groupwise):
    """what lies between two steps goes to the even one: 0.5 to 0, 1.5 and 2.5 to 2, and the same below zero"""
    w = torch.tensor([[0.5, 1.5, -2.5, 7.0], [-0.5, -1.5, 2.5, -7.0]]) / 8
    equals_groups(quantize_groupwise(w, 4), [[0, 2, -2, 7], [0, -2, 2, -7]], [[1 / 8], [1 / 8]])


@quantize_groupwise.check
def a_group_of_zeros(quantize_groupwise):
    """a group of zeros gives zeros, and does its neighbours no harm"""
    w = torch.tensor([[0.0, 0.0, 0.35, -0.1], [1.4, 0.42, 0.0, 0.0]])
    nothing = float("nan")
    equals_groups(quantize_groupwise(w, 2), [[0, 0, 7, -2], [7, 2, 0, 0]], [[nothing, 0.05], [0.2, nothing]])


@quantize_groupwise.check
def groups_that_do_not_fit(quantize_groupwise):
    """a last dimension that the group does not divide is a ValueError, where all numbers together would do as well"""
    for shape, group_size in (((2, 8), 3), ((3, 4), 6), ((2, 4), 8)):
        with raises(ValueError):
            quantize_groupwise(torch.ones(shape), group_size)


@quantize_groupwise.check
def tiny_and_huge(quantize_groupwise):
    """groups of numbers of 10⁻²⁰ and of 10²⁰, side by side, are as good as any"""
    w = torch.tensor([1.4e-20, -0.4e-20, 0.7e20, 0.22e20])
    equals_groups(quantize_groupwise(w, 2), [7, -2, 7, 2], [0.2e-20, 0.1e20])


@quantize_groupwise.check
def leaves_its_input_alone(quantize_groupwise):
    """the caller's tensor is left as it was"""
    leaves_alone(quantize_groupwise, torch.tensor([[0.2, -1.1, 0.6, 0.3]]), 2)


def _drawn(rng, shape, group_size, bits):
    """Draw whole numbers with the last one in each group, and numbers that are nearest to them."""
    top = 2 ** (bits - 1) - 1
    q = torch.randint(-top, top + 1, (*shape[:-1], shape[-1] // group_size, group_size), generator=rng)
    place = torch.randint(group_size, (*q.shape[:-1], 1), generator=rng)
    q.scatter_(-1, place, top * (2 * torch.randint(2, place.shape, generator=rng) - 1))
    off = (0.9 * torch.rand(q.shape, generator=rng) - 0.45).masked_fill(q.abs() == top, 0.0)
    scales = (torch.rand(place.shape, generator=rng) + 0.1) * 10.0 ** torch.randint(-3, 3, place.shape, generator=rng)
    return ((q + off) * scales).view(shape), q.view(shape).tolist(), scales.squeeze(-1).tolist()


@quantize_groupwise.hidden
def groups_anywhere(quantize_groupwise, rng):
    """tensors of any shape, cut into groups of any size"""
    for shape, group_size in (((12,), 3), ((3, 8), 2), ((2, 3, 15), 5), ((4, 32), 32)):
        w, q, scales = _drawn(rng, shape, group_size, 4)
        equals_groups(quantize_groupwise(w, group_size), q, scales)


@quantize_groupwise.hidden
def other_bits_anywhere(quantize_groupwise, rng):
    """and with 2 to 8 bits"""
    for bits in range(2, 9):
        w, q, scales = _drawn(rng, (3, 8), 4, bits)
        equals_groups(quantize_groupwise(w, 4, bits), q, scales)


@quantize_groupwise.hidden
def zeros_anywhere(quantize_groupwise, rng):
    """any group may be zero, all of them too, and the tensor is left as it was"""
    w, q, scales = _drawn(rng, (4, 12), 4, 4)
    zero = torch.rand((4, 3), generator=rng) < 0.5
    everywhere = zero.repeat_interleave(4, -1)
    came = leaves_alone(quantize_groupwise, w.masked_fill(everywhere, 0.0), 4)
    q, scales = torch.tensor(q).masked_fill(everywhere, 0), torch.tensor(scales).masked_fill(zero, torch.nan)
    equals_groups(came, q.tolist(), scales.tolist())
    equals_groups(quantize_groupwise(torch.zeros(2, 6), 3), [[0] * 6] * 2, [[float("nan")] * 2] * 2)


@quantize_groupwise.hidden
def refused_anywhere(quantize_groupwise, rng):
    """whatever does not divide is refused"""
    for _ in range(4):
        group_size = int(torch.randint(2, 9, (), generator=rng))
        n = group_size * int(torch.randint(0, 4, (), generator=rng)) + int(
            torch.randint(1, group_size, (), generator=rng)
        )
        with raises(ValueError):
            quantize_groupwise(torch.randn(group_size, n, generator=rng), group_size)


def _top(bits):
    return 2 ** (bits - 1) - 1


def _demand(w, group_size):
    if w.shape[-1] % group_size:
        raise ValueError("does not divide")


def _safe(scales):
    return torch.where(scales > 0, scales, 1.0)


def _groups(w, group_size):
    _demand(w, group_size)
    return w.unflatten(-1, (-1, group_size))


def _whole(groups, scales, bits, rounded=torch.round):
    return rounded(groups / scales).clamp(-_top(bits), _top(bits)).to(torch.int8).flatten(-2)


def _right(w, group_size, bits, rounded=torch.round):
    groups = _groups(w, group_size)
    scales = _safe(groups.abs().amax(-1, keepdim=True) / _top(bits))
    return _whole(groups, scales, bits, rounded), scales.squeeze(-1)


@quantize_groupwise.mutant(
    "One scale serves the whole tensor: a large weight makes all the others 0. Each group has its own: `amax` along the group, not over everything."
)
def a_scale_a_tensor(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scale = _safe(w.abs().amax() / _top(bits))
    return _whole(groups, scale, bits), scale


@quantize_groupwise.mutant(
    "One scale serves the whole tensor: a large weight makes all the others 0. Each group has its own: `amax` along the group, not over everything."
)
def a_scale_a_tensor_repeated(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scale = _safe(w.abs().amax() / _top(bits))
    return _whole(groups, scale, bits), scale.expand(groups.shape[:-1])


@quantize_groupwise.mutant(
    "One scale serves a whole row, whatever `group_size` is. Each group in the row has its own: `unflatten` the row first."
)
def a_scale_a_row(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = _safe(w.abs().amax(-1, keepdim=True) / _top(bits))
    return _whole(groups, scales[..., None], bits), scales


@quantize_groupwise.mutant(
    "One scale serves a whole row, whatever `group_size` is. Each group in the row has its own: `unflatten` the row first."
)
def a_scale_a_row_repeated(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = _safe(w.abs().amax(-1, keepdim=True) / _top(bits))
    return _whole(groups, scales[..., None], bits), scales.expand(groups.shape[:-1])


@quantize_groupwise.mutant(
    "Each column has a scale of its own. Groups are neighbours along the last dimension: `amax(-1)` of the unflattened rows."
)
def a_scale_a_column(w, group_size, bits=4):
    _demand(w, group_size)
    scales = _safe(w.abs().amax(0) / _top(bits))
    return (w / scales).round().to(torch.int8), scales


@quantize_groupwise.mutant(
    "Your groups take every n-th number of the row: the two new dimensions have changed places. Neighbours belong together: (…, n_groups, group_size)."
)
def every_nth(w, group_size, bits=4):
    _demand(w, group_size)
    groups = w.unflatten(-1, (group_size, -1)).mT
    scales = _safe(groups.abs().amax(-1, keepdim=True) / _top(bits))
    return _whole(groups, scales, bits).unflatten(-1, (-1, group_size)).mT.flatten(-2), scales.squeeze(-1)


@quantize_groupwise.mutant("`group_size` is taken for the number of groups. It says how many neighbours share a scale.")
def number_of_groups(w, group_size, bits=4):
    _demand(w, group_size)
    return _right(w, w.shape[-1] // group_size, bits)


@quantize_groupwise.mutant("Your groups lie along the first dimension. They lie along the last: `unflatten(-1, …)`.")
def groups_of_rows(w, group_size, bits=4):
    _demand(w, group_size)
    if w.shape[0] % group_size:
        raise RuntimeError("unflatten: sizes do not multiply up to the size of dim 0 in the input tensor")
    groups = w.unflatten(0, (-1, group_size))
    scales = _safe(groups.abs().amax(1, keepdim=True) / _top(bits))
    return (groups / scales).round().to(torch.int8).flatten(0, 1), scales.squeeze(1)


@quantize_groupwise.mutant(
    "The fraction is cut off: `.to(torch.int8)` and `int` do not round. 2.7 steps are nearest to 3: use `round` first."
)
def truncated(w, group_size, bits=4):
    return _right(w, group_size, bits, torch.trunc)


@quantize_groupwise.mutant("You round down (`floor` or `//`). Round to the nearest: `torch.round`.")
def rounded_down(w, group_size, bits=4):
    return _right(w, group_size, bits, torch.floor)


@quantize_groupwise.mutant(
    "You round ties away from zero: 0.5 becomes 1. A tie goes to the even neighbour, as `torch.round` has it."
)
def ties_away_from_zero(w, group_size, bits=4):
    return _right(w, group_size, bits, lambda y: y.sign() * (y.abs() + 0.5).floor())


@quantize_groupwise.mutant(
    "You round ties upwards: `floor(x + 0.5)` makes 1 of 0.5. A tie goes to the even neighbour, as `torch.round` has it."
)
def ties_upwards(w, group_size, bits=4):
    return _right(w, group_size, bits, lambda y: (y + 0.5).floor())


@quantize_groupwise.mutant(
    "The scale is the largest divided by 2^(b−1): 8 with 4 bits. The last step is 7, so the largest is cut. Divide by 2^(b−1) − 1."
)
def steps_of_an_eighth(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = _safe(groups.abs().amax(-1, keepdim=True) / 2 ** (bits - 1))
    return _whole(groups, scales, bits), scales.squeeze(-1)


@quantize_groupwise.mutant(
    "The scale is the largest divided by 2^(b−1), and your q reaches it: 8 does not fit into 4 bits. Divide by 2^(b−1) − 1."
)
def steps_of_an_eighth_unclamped(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = _safe(groups.abs().amax(-1, keepdim=True) / 2 ** (bits - 1))
    return (groups / scales).round().to(torch.int32).to(torch.int8).flatten(-2), scales.squeeze(-1)


@quantize_groupwise.mutant(
    "The scale is the largest divided by 2^(b−1), and q runs from −8 to 7: a largest that is positive is cut. Divide by 2^(b−1) − 1."
)
def steps_of_an_eighth_down_to_minus_eight(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = _safe(groups.abs().amax(-1, keepdim=True) / 2 ** (bits - 1))
    q = (groups / scales).round().clamp(-(2 ** (bits - 1)), _top(bits))
    return q.to(torch.int8).flatten(-2), scales.squeeze(-1)


@quantize_groupwise.mutant(
    "The scale divides the largest by all 2^b − 1 steps. Half of them are for the other sign: divide by 2^(b−1) − 1."
)
def all_steps_for_one_sign(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = _safe(groups.abs().amax(-1, keepdim=True) / (2**bits - 1))
    return _whole(groups, scales, bits), scales.squeeze(-1)


@quantize_groupwise.mutant(
    "Your scales come from max − min of a group: that belongs to a zero point. Here the range is symmetric: take the largest `abs()`."
)
def from_the_range(w, group_size, bits=4):
    groups = _groups(w, group_size)
    width = groups.amax(-1, keepdim=True) - groups.amin(-1, keepdim=True)
    scales = _safe(width / (2**bits - 1))
    return _whole(groups, scales, bits), scales.squeeze(-1)


@quantize_groupwise.mutant(
    "The largest number of a group is not the largest in size: −14 is further from zero than 5.4. Take `abs()` before `amax`."
)
def without_abs(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = groups.amax(-1, keepdim=True) / _top(bits)
    scales = torch.where(scales == 0, 1.0, scales)
    return _whole(groups, scales, bits), scales.squeeze(-1)


@quantize_groupwise.mutant("`bits` is ignored: your last step is always 7. With b bits it is 2^(b−1) − 1.")
def always_four_bits(w, group_size, bits=4):
    return _right(w, group_size, 4)


@quantize_groupwise.mutant("Your last step is 127, that of 8 bits. With b bits it is 2^(b−1) − 1: 7 by default.")
def always_eight_bits(w, group_size, bits=4):
    return _right(w, group_size, 8)


@quantize_groupwise.mutant(
    "The scales have changed with `bits`, q is still clamped to −8 and 7. With b bits the last step is 2^(b−1) − 1."
)
def clamped_as_four_bits(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = _safe(groups.abs().amax(-1, keepdim=True) / _top(bits))
    return (groups / scales).round().clamp(-8, 7).to(torch.int8).flatten(-2), scales.squeeze(-1)


@quantize_groupwise.mutant(
    "You return steps a unit (7 / largest). Return the length of a step, its inverse: w is nearly q · scale."
)
def inverted(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q, 1 / scales


@quantize_groupwise.mutant(
    "You return the largest of each group. The scale is the length of one step: divide it by 2^(b−1) − 1."
)
def largest_as_scales(w, group_size, bits=4):
    q, _ = _right(w, group_size, bits)
    return q, _safe(_groups(w, group_size).abs().amax(-1))


@quantize_groupwise.mutant(
    "q still has a dimension for the groups. Give it w's shape again: `flatten(-2)` or `reshape(w.shape)`."
)
def still_in_groups(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q.unflatten(-1, (-1, group_size)), scales


@quantize_groupwise.mutant(
    "Your scales have a dimension of 1 at their end, left from `keepdim=True`. Take it off: `squeeze(-1)`."
)
def dimension_left(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q, scales[..., None]


@quantize_groupwise.mutant(
    "q and scales both still have the dimensions of the groups: `q.flatten(-2)`, `scales.squeeze(-1)`."
)
def both_still_in_groups(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q.unflatten(-1, (-1, group_size)), scales[..., None]


@quantize_groupwise.mutant(
    "Your scales stand in one long row. They have w's dimensions, the last divided by `group_size`."
)
def flat_scales(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q, scales.flatten()


@quantize_groupwise.mutant(
    "Your scales stand in a column, (n, 1). They have w's dimensions, the last divided by `group_size`."
)
def scales_in_a_column(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q, scales.reshape(-1, 1)


@quantize_groupwise.mutant("q is a table of groups, (n, group_size). Give it w's shape again: `reshape(w.shape)`.")
def flat_groups(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q.reshape(-1, group_size), scales.reshape(-1, 1)


@quantize_groupwise.mutant("Your scales are repeated for each number. One a group is enough, or nothing is saved.")
def repeated_scales(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q, scales.repeat_interleave(group_size, -1)


@quantize_groupwise.mutant("q holds whole numbers, but as floating point. Turn it into `torch.int8`.")
def still_floating_point(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q.to(w.dtype), scales


@quantize_groupwise.mutant("q is int32: four bytes a number. Turn it into `torch.int8`.")
def int32(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q.int(), scales


@quantize_groupwise.mutant("q is uint8, which has no sign: −1 becomes 255. Turn it into `torch.int8`.")
def unsigned(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q.to(torch.uint8), scales


@quantize_groupwise.mutant("Your scales are float16. They are in w's own dtype.")
def half_scales(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q, scales.half()


@quantize_groupwise.mutant(
    "A group of zeros comes out as other numbers: its scale is 0, 0 / 0 is NaN, and NaN has no integer. Give such a group a scale of 1."
)
def not_a_number(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = groups.abs().amax(-1, keepdim=True) / _top(bits)
    q = (
        (groups / scales).round().nan_to_num(-(2.0**31)).clamp(-_top(bits), _top(bits))
    )  # what x86 makes of NaN in int32
    return q.to(torch.int8).flatten(-2), scales.squeeze(-1)


@quantize_groupwise.mutant("The scale of a group of zeros is NaN or infinite: 0 · NaN is NaN. Give it a scale of 1.")
def scale_not_a_number(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q, torch.where(_groups(w, group_size).any(-1), scales, torch.nan)


@quantize_groupwise.mutant("A group of zeros breaks your function: you divide by its scale of 0. Give it a scale of 1.")
def divides_by_zero(w, group_size, bits=4):
    for largest in _groups(w, group_size).abs().amax(-1).flatten().tolist():
        _ = _top(bits) / largest
    return _right(w, group_size, bits)


@quantize_groupwise.mutant(
    "One group of zeros makes all scales 1: you look whether any scale is 0. Replace those that are, and no others: `torch.where`."
)
def all_scales_replaced(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = groups.abs().amax(-1, keepdim=True) / _top(bits)
    if (scales == 0).any():
        scales = torch.ones_like(scales)
    return _whole(groups, scales, bits), scales.squeeze(-1)


@quantize_groupwise.mutant(
    "A small number is added to your scales, or bounds them from below. Tiny groups are then lost, or a little wrong. Treat scales of 0 by themselves, and no others."
)
def bounded_scales(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = (groups.abs().amax(-1, keepdim=True) / _top(bits)).clamp(min=1e-8)
    return _whole(groups, scales, bits), scales.squeeze(-1)


@quantize_groupwise.mutant(
    "A small number is added to your scales, or bounds them from below. Tiny groups are then lost, or a little wrong. Treat scales of 0 by themselves, and no others."
)
def small_number_added(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = groups.abs().amax(-1, keepdim=True) / _top(bits) + 1e-8
    return _whole(groups, scales, bits), scales.squeeze(-1)


@quantize_groupwise.mutant(
    "Groups that do not fit break your function in PyTorch (RuntimeError). Check for them first, and raise `ValueError`."
)
def reshape_breaks(w, group_size, bits=4):
    if w.shape[-1] % group_size:
        raise RuntimeError(f"shape '[{w.shape[0]}, -1, {group_size}]' is invalid for input of size {w.numel()}")
    return _right(w, group_size, bits)


@quantize_groupwise.mutant(
    "Groups that do not fit are an AssertionError of yours (`assert`). Write `raise ValueError(…)`."
)
def asserted(w, group_size, bits=4):
    assert w.shape[-1] % group_size == 0
    return _right(w, group_size, bits)


@quantize_groupwise.mutant(
    "You check whether the group divides all numbers of the tensor. It must divide the last dimension, or a group reaches into the next row."
)
def divides_all_numbers(w, group_size, bits=4):
    if w.numel() % group_size:
        raise ValueError("does not divide")
    q, scales = _right(w.flatten(), group_size, bits)
    fits = w.shape[-1] % group_size == 0
    return q.view(w.shape), scales.view(*w.shape[:-1], -1) if fits else scales


@quantize_groupwise.mutant(
    "You check whether the group divides all numbers of the tensor, and the scales find no shape then. It must divide the last dimension: raise `ValueError` where it does not."
)
def divides_all_numbers_and_breaks(w, group_size, bits=4):
    if w.numel() % group_size:
        raise ValueError("does not divide")
    q, scales = _right(w.flatten(), group_size, bits)
    return q.view(w.shape), scales.view(*w.shape[:-1], -1)


@quantize_groupwise.mutant(
    "Where the group does not divide the row, your last group is shorter, or filled up with zeros. Raise `ValueError`."
)
def last_group_shorter(w, group_size, bits=4):
    missing = -w.shape[-1] % group_size
    q, scales = _right(torch.nn.functional.pad(w, (0, missing)), group_size, bits)
    return q[..., : w.shape[-1]], scales


@quantize_groupwise.mutant(
    "A group longer than the row is taken for the whole row. It does not divide it: raise `ValueError`."
)
def long_groups_accepted(w, group_size, bits=4):
    return _right(w, min(group_size, w.shape[-1]), bits)


@quantize_groupwise.mutant(
    "Your function needs a table: `rows, columns = w.shape`. w may have any number of dimensions; `unflatten(-1, …)` takes them all."
)
def tables_only(w, group_size, bits=4):
    _, _ = w.shape
    return _right(w, group_size, bits)


@quantize_groupwise.mutant("You return w after rounding, q · scale. Return q itself, as int8, and the scales.")
def dequantized(w, group_size, bits=4):
    q, scales = _right(w, group_size, bits)
    return q * scales.repeat_interleave(group_size, -1), scales


@quantize_groupwise.mutant("The two results have changed places: return `q, scales`.")
def swapped(w, group_size, bits=4):
    return _right(w, group_size, bits)[::-1]


@quantize_groupwise.mutant("You return q alone. Nobody can read it without its scales: return `q, scales`.")
def without_scales(w, group_size, bits=4):
    return _right(w, group_size, bits)[0]


@quantize_groupwise.mutant(
    "You change the caller's tensor: `/=`, `div_`, `round_` and the like work in place. Write `groups / …`."
)
def in_place(w, group_size, bits=4):
    groups = _groups(w, group_size)
    scales = _safe(groups.abs().amax(-1, keepdim=True) / _top(bits))
    return groups.div_(scales).round_().to(torch.int8).flatten(-2), scales.squeeze(-1)


@quantize_groupwise.mutant("Your function returns nothing (None). End it with `return q, scales`.")
def nothing_returned(w, group_size, bits=4):
    _right(w, group_size, bits)


@quantize_groupwise.stand_in
def by_the_library(w, group_size, bits=4):
    if w.shape[-1] % group_size:
        raise ValueError("the groups do not fit")
    groups = torch.stack(w.split(group_size, -1), -2)
    scales = torch.linalg.vector_norm(groups, torch.inf, dim=-1) / (2 ** (bits - 1) - 1)
    q = torch.nan_to_num(groups / scales[..., None]).round().to(torch.int8)
    return q.reshape(w.shape), scales


@quantize_groupwise.variant
def group_by_group(w, group_size, bits=4):
    if w.shape[-1] % group_size != 0:
        raise ValueError("the groups do not fit")
    q, scales = torch.zeros_like(w, dtype=torch.int8), w.new_ones(*w.shape[:-1], w.shape[-1] // group_size)
    for g in range(scales.shape[-1]):
        part = w[..., g * group_size : (g + 1) * group_size]
        largest = part.abs().max(dim=-1).values
        step = torch.where(largest == 0, torch.ones_like(largest), largest / (2 ** (bits - 1) - 1))
        q[..., g * group_size : (g + 1) * group_size] = torch.round(part / step.unsqueeze(-1)).char()
        scales[..., g] = step
    return q, scales


@quantize_groupwise.variant
def by_numpy(w, group_size, bits=4):
    *others, n = w.shape
    if n % group_size:
        raise ValueError("the groups do not fit")
    rows = w.numpy().reshape(-1, group_size)
    largest = np.abs(rows).max(1, keepdims=True)
    last = (1 << (bits - 1)) - 1
    per_unit = np.divide(last, largest, out=np.zeros_like(largest), where=largest > 0)
    q = torch.from_numpy(np.rint(rows * per_unit).astype(np.int8)).view(w.shape)
    return q, torch.from_numpy(largest / np.float32(last)).view(*others, n // group_size)
