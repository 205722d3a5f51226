"""# Absmax: whole numbers for weights

A float32 number takes four bytes. As a whole number of equal steps it takes one:

$$q = \\mathrm{round}\\left(\\frac{x}{s}\\right), \\qquad x \\approx q \\cdot s, \\qquad s = \\frac{\\max |x|}{2^{b-1} - 1}$$

The step $s$, called the scale, is chosen for the whole tensor, so that its largest $|x|$ lands on the last whole number: 127 with 8 bits, 7 with 4.
The range is symmetric ($-128$ is not used), so zero stays zero and the largest error is half a step.

- `q` is `int8` in x's shape, whatever `bits` is (2 to 8). `scale` is a number or a tensor with no dimensions.
- Round to the nearest; a tie goes to the even neighbour, as everywhere in IEEE arithmetic: 0.5 becomes 0, 1.5 becomes 2.
- Data may be tiny: no small number belongs into the scale. Data that is all zero comes back as zeros.

`torch.quantize_per_tensor` and its kin are not answers here.
"""

import numpy as np
import torch

from grader import close, exercise, leaves_alone


@exercise(
    points=2,
    twins=[
        "quantize_per_tensor",
        "quantize_per_tensor_dynamic",
        "quantize_per_channel",
        "fake_quantize_per_tensor_affine",
        "_choose_qparams_per_tensor",
    ],
    hints=[
        "How many steps are there from 0 to the last whole number? With 8 bits 127, with 4 bits 7: `2 ** (bits - 1) - 1`. The largest "
        "`x.abs()` must be that many steps long.",
        "`torch.round` takes a tie to the even neighbour. `.to(torch.int8)` does not round: it cuts the fraction off. So round first.",
        "All zero: the largest is 0, the step would be 0, and 0 / 0 is NaN, which no integer can hold. Any step will do for zeros: take 1.",
    ],
)
def absmax_quantize(x: torch.Tensor, bits: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `(q, scale)`: whole numbers of steps, and the length of one step, so that q·scale is nearly x.

    Args:
        x: a floating-point tensor of any shape.
        bits: 2 to 8; q runs from −(2^(bits−1) − 1) to 2^(bits−1) − 1.

    Returns:
        q, int8 in x's shape, and scale, a number or a tensor with no dimensions.

    >>> q, scale = absmax_quantize(torch.tensor([0.5, -1.27, 0.004]))
    >>> q
    tensor([  50, -127,    0], dtype=torch.int8)
    """
    top = 2 ** (bits - 1) - 1
    scale = x.abs().max() / top
    if scale == 0:
        scale = torch.ones_like(scale)
    return (x / scale).round().clamp(-top, top).to(torch.int8), scale


def length_of_a_step(scale):
    """Return the number in a tensor with no dimensions; anything else as it is."""
    return scale.item() if isinstance(scale, torch.Tensor) and scale.dim() == 0 else scale


@absmax_quantize.check
def nearest_steps(absmax_quantize):
    """a table whose largest number is −1.27 has steps of 0.01, and each number becomes the nearest whole number of them"""
    q, scale = absmax_quantize(torch.tensor([[0.304, -1.27, 0.5049], [1.0, -0.0527, 0.626]]))
    close(length_of_a_step(scale), 0.01, atol=0, what="the scale")
    close(q, torch.tensor([[30, -127, 50], [100, -5, 63]], dtype=torch.int8), what="q")


@absmax_quantize.check
def ties_to_even(absmax_quantize):
    """what lies between two steps goes to the even one: 0.5 to 0, 1.5 and 2.5 to 2, and the same below zero"""
    steps = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -125.5, 127.0])
    q, scale = absmax_quantize(steps / 64)
    close(length_of_a_step(scale), 1 / 64, atol=0, what="the scale")
    close(q, torch.tensor([0, 2, 2, 0, -2, -2, 126, -126, 127], dtype=torch.int8), what="q")


@absmax_quantize.check
def fewer_bits(absmax_quantize):
    """with 4 bits the last step is 7, with 3 bits 3, with 2 bits 1; q stays int8"""
    x = torch.tensor([2.1, -0.8, 1.3, -2.1, 0.0, -1.6])
    for bits, scale, q in (
        (4, 0.3, [7, -3, 4, -7, 0, -5]),
        (3, 0.7, [3, -1, 2, -3, 0, -2]),
        (2, 2.1, [1, 0, 1, -1, 0, -1]),
    ):
        whole, step = absmax_quantize(x, bits=bits)
        close(length_of_a_step(step), scale, atol=0, what=f"the scale with {bits} bits")
        close(whole, torch.tensor(q, dtype=torch.int8), what=f"q with {bits} bits")


@absmax_quantize.check
def one_number_all_over(absmax_quantize):
    """zeros come back as zeros, and a table of one number comes back as that number; so does a tensor with no dimensions"""
    for x in (torch.zeros(2, 3), torch.full((3, 2), -3.3), torch.tensor(0.25)):
        q, scale = absmax_quantize(x)
        close(q, (127 * x.sign()).to(torch.int8), what="q")
        close(q.double() * length_of_a_step(scale), x.double(), atol=0, rtol=1e-5, what="q · scale")


@absmax_quantize.check
def tiny_and_huge(absmax_quantize):
    """numbers of 10⁻²⁰ or of 10²⁰ are as good as any"""
    for size in (1e-20, 1e20):
        q, scale = absmax_quantize(torch.tensor([0.366, 0.802, -2.54]) * size)
        close(length_of_a_step(scale), 0.02 * size, atol=0, what="the scale")
        close(q, torch.tensor([18, 40, -127], dtype=torch.int8), what="q")


@absmax_quantize.check
def leaves_its_input_alone(absmax_quantize):
    """the caller's tensor is left as it was"""
    leaves_alone(absmax_quantize, torch.tensor([[0.2, -1.1], [0.7, 0.4]]))


def _drawn(rng, shape, bits):
    """Draw whole numbers with the last one among them, and numbers that are nearest to them."""
    top = 2 ** (bits - 1) - 1
    q = torch.randint(-top, top + 1, shape, generator=rng)
    q.view(-1)[int(torch.randint(q.numel(), (), generator=rng))] = top if torch.rand((), generator=rng) < 0.5 else -top
    off = 0.9 * torch.rand(shape, generator=rng, dtype=torch.float64) - 0.45
    off[q.abs() == top] = 0.0
    step = float(torch.rand((), generator=rng)) + 0.01
    return (q + off) * step, step, q.to(torch.int8)


@absmax_quantize.hidden
def nearest_steps_anywhere(absmax_quantize, rng):
    """tensors of any shape become their nearest steps, with 8 bits"""
    for shape in ((7,), (3, 5), (2, 4, 3)):
        x, step, q = _drawn(rng, shape, 8)
        came, scale = absmax_quantize(x.float())
        close(length_of_a_step(scale), step, atol=0, what="the scale")
        close(came, q, what="q")


@absmax_quantize.hidden
def fewer_bits_anywhere(absmax_quantize, rng):
    """so they do with 2 to 7 bits, in float64 too"""
    for bits in range(2, 8):
        x, step, q = _drawn(rng, (4, 6), bits)
        came, scale = absmax_quantize(x if bits % 2 else x.float(), bits)
        close(length_of_a_step(scale), step, atol=0, what="the scale")
        close(came, q, what="q")


@absmax_quantize.hidden
def any_size(absmax_quantize, rng):
    """numbers of any size, from 10⁻²⁵ to 10²⁵, are as good as any"""
    for size in (1e-25, 1e-9, 1e-4, 1e12, 1e25):
        x, step, q = _drawn(rng, (9,), 8)
        came, scale = absmax_quantize((x * size).float())
        close(length_of_a_step(scale), step * size, atol=0, what="the scale")
        close(came, q, what="q")


@absmax_quantize.hidden
def ties_to_even_anywhere(absmax_quantize, rng):
    """every tie goes to the even neighbour"""
    halves = torch.randperm(254, generator=rng)[:40] - 126.5
    q, scale = absmax_quantize(torch.cat([halves, torch.tensor([-127.0])]) / 8)
    close(length_of_a_step(scale), 1 / 8, atol=0, what="the scale")
    close(q, torch.cat([halves.round(), torch.tensor([-127.0])]).to(torch.int8), what="q")


@absmax_quantize.hidden
def constants_anywhere(absmax_quantize, rng):
    """any one number, zero too, comes back as drawn ones do, and the tensor is left as it was"""
    x, _, q = _drawn(rng, (5,), 4)
    close(absmax_quantize(x.float(), 4)[0], q, what="q")
    for value in (0.0, float(torch.randn((), generator=rng)), -float(torch.rand((), generator=rng)) - 0.1):
        x = torch.full((int(torch.randint(1, 5, (), generator=rng)), 3), value)
        q, scale = leaves_alone(absmax_quantize, x, bits=4)
        close(q.double() * length_of_a_step(scale), x.double(), atol=0, rtol=1e-5, what="q · scale")


def _top(bits):
    return 2 ** (bits - 1) - 1


def _scale(x, bits):
    scale = x.abs().amax() / _top(bits)
    return torch.where(scale > 0, scale, 1.0)


def _in_steps_of(scale, x, bits, rounded=torch.round):
    return rounded(x / scale).clamp(-_top(bits), _top(bits)).to(torch.int8)


def _as_number(answer):
    q, scale = answer
    return q, scale.item()


@absmax_quantize.mutant(
    "The fraction is cut off: `.to(torch.int8)` and `int` do not round. 62.6 steps are nearest to 63: use `round` first."
)
def truncated(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits, torch.trunc), _scale(x, bits)


@absmax_quantize.mutant(
    "The fraction is cut off: `.to(torch.int8)` and `int` do not round. 62.6 steps are nearest to 63: use `round` first."
)
def truncated_by_a_number(x, bits=8):
    return _as_number((_in_steps_of(_scale(x, bits), x, bits, torch.trunc), _scale(x, bits)))


@absmax_quantize.mutant("You round down (`floor` or `//`). Round to the nearest: `torch.round`.")
def rounded_down(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits, torch.floor), _scale(x, bits)


@absmax_quantize.mutant("You round up (`ceil`). Round to the nearest: `torch.round`.")
def rounded_up(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits, torch.ceil), _scale(x, bits)


@absmax_quantize.mutant(
    "You round ties away from zero: 0.5 becomes 1. That pushes numbers outwards on the average. A tie goes to the even neighbour, as `torch.round` has it."
)
def ties_away_from_zero(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits, lambda y: y.sign() * (y.abs() + 0.5).floor()), _scale(x, bits)


@absmax_quantize.mutant(
    "You round ties upwards: `floor(x + 0.5)` makes 1 of 0.5. A tie goes to the even neighbour, as `torch.round` has it."
)
def ties_upwards(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits, lambda y: (y + 0.5).floor()), _scale(x, bits)


@absmax_quantize.mutant(
    "You round ties towards zero: 1.5 becomes 1. A tie goes to the even neighbour, as `torch.round` has it."
)
def ties_towards_zero(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits, lambda y: y.sign() * (y.abs() - 0.5).ceil()), _scale(x, bits)


@absmax_quantize.mutant(
    "You round x before you divide by the scale: small numbers are gone by then. Divide, then round."
)
def rounded_too_early(x, bits=8):
    return _in_steps_of(_scale(x, bits), x.round(), bits), _scale(x, bits)


@absmax_quantize.mutant(
    "The scale is the largest divided by 2^(b−1): 128 with 8 bits. int8 ends at 127, so the largest does not fit and is cut. Divide by 127, 7, …: one less."
)
def steps_of_one_128th(x, bits=8):
    scale = _scale(x, bits) * _top(bits) / 2 ** (bits - 1)
    return (x / scale).round().clamp(-(2 ** (bits - 1)), _top(bits)).to(torch.int8), scale


@absmax_quantize.mutant(
    "The scale is the largest divided by 2^(b−1): 128 with 8 bits. int8 ends at 127: 128 does not fit, and comes out as −128. Divide by 127, 7, …: one less."
)
def steps_of_one_128th_unclamped(x, bits=8):
    scale = _scale(x, bits) * _top(bits) / 2 ** (bits - 1)
    return (x / scale).round().to(torch.int32).to(torch.int8), scale


@absmax_quantize.mutant(
    "The scale divides the largest by all 2^b − 1 steps. Half of them are for the other sign: divide by 2^(b−1) − 1."
)
def all_steps_for_one_sign(x, bits=8):
    scale = _scale(x, bits) * _top(bits) / (2**bits - 1)
    return _in_steps_of(scale, x, bits), scale


@absmax_quantize.mutant(
    "The scale divides the largest by all 2^b − 1 steps, and what is beyond 127 wraps around to negative numbers. Half of the steps are for the other sign: divide by 2^(b−1) − 1."
)
def all_steps_for_one_sign_unclamped(x, bits=8):
    scale = _scale(x, bits) * _top(bits) / (2**bits - 1)
    return (x / scale).round().to(torch.int32).to(torch.int8), scale


@absmax_quantize.mutant(
    "Your scale comes from the range, max − min: that belongs to the zero point. Here the range is symmetric: take the largest `x.abs()`."
)
def from_the_range(x, bits=8):
    width = x.max() - x.min()
    scale = torch.where(width > 0, width, 1.0) / (2**bits - 1)
    return _in_steps_of(scale, x, bits), scale


@absmax_quantize.mutant(
    "The largest number is not the largest in size: −1.27 is further from zero than 1. Take `abs()` before `max()`."
)
def without_abs(x, bits=8):
    highest = x.max()
    scale = torch.where(highest != 0, highest, 1.0) / _top(bits)
    return _in_steps_of(scale, x, bits), scale


@absmax_quantize.mutant(
    "The largest number is not the largest in size: −1.27 is further from zero than 1, and its q wraps around. Take `abs()` before `max()`."
)
def without_abs_unclamped(x, bits=8):
    highest = x.max()
    scale = torch.where(highest != 0, highest, 1.0) / _top(bits)
    return (x / scale).round().to(torch.int32).to(torch.int8), scale


@absmax_quantize.mutant(
    "`abs` stands after `max`: the largest number's size is not the largest size. Write `x.abs().max()`."
)
def abs_of_the_maximum(x, bits=8):
    scale = x.max().abs() / _top(bits)
    scale = torch.where(scale > 0, scale, 1.0)
    return _in_steps_of(scale, x, bits), scale


@absmax_quantize.mutant(
    "You return the steps a unit (127 / largest). Return the length of one step, its inverse: x is nearly q · scale."
)
def inverted(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits), 1 / _scale(x, bits)


@absmax_quantize.mutant(
    "You return the steps a unit (127 / largest). Return the length of one step, its inverse: x is nearly q · scale."
)
def inverted_number(x, bits=8):
    return _as_number((_in_steps_of(_scale(x, bits), x, bits), 1 / _scale(x, bits)))


@absmax_quantize.mutant(
    "You return the largest number itself as the scale. One step is 1/127 of it with 8 bits: x is nearly q · scale."
)
def largest_as_scale(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits), x.abs().amax()


@absmax_quantize.mutant("`bits` is ignored: you always use 127 steps. With b bits there are 2^(b−1) − 1.")
def always_eight_bits(x, bits=8):
    return _in_steps_of(_scale(x, 8), x, 8), _scale(x, 8)


@absmax_quantize.mutant("`bits` is ignored: you always use 127 steps. With b bits there are 2^(b−1) − 1.")
def always_eight_bits_by_a_number(x, bits=8):
    return _as_number((_in_steps_of(_scale(x, 8), x, 8), _scale(x, 8)))


@absmax_quantize.mutant(
    "Fewer bits make your scale longer, but q does not: `2 ** bits - 1` and the like leave b bits. With 4 bits q ends at 7: 2^(b−1) − 1."
)
def one_bit_too_many(x, bits=8):
    bits = bits if bits == 8 else bits + 1
    return _in_steps_of(_scale(x, bits), x, bits), _scale(x, bits)


@absmax_quantize.mutant(
    "q holds whole numbers, but as floating point. Turn it into `torch.int8`: that is what saves the bytes."
)
def still_floating_point(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits).to(x.dtype), _scale(x, bits)


@absmax_quantize.mutant("q is int32: four bytes a number, as many as before. Turn it into `torch.int8`.")
def int32(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits).int(), _scale(x, bits)


@absmax_quantize.mutant("q is int64: eight bytes a number, twice as many as before. Turn it into `torch.int8`.")
def int64(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits).long(), _scale(x, bits)


@absmax_quantize.mutant("q is uint8, which has no sign: −1 becomes 255. Turn it into `torch.int8`.")
def unsigned(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits).to(torch.uint8), _scale(x, bits)


@absmax_quantize.mutant(
    "Each row has a scale of its own. Here one scale serves the whole tensor: `max()` without a dimension."
)
def a_scale_a_row(x, bits=8):
    scale = x.abs().amax(-1, keepdim=True) / _top(bits)
    scale = torch.where(scale > 0, scale, 1.0)
    return _in_steps_of(scale, x, bits), scale.squeeze(-1)


@absmax_quantize.mutant(
    "Each row has a scale of its own. Here one scale serves the whole tensor: `max()` without a dimension."
)
def a_scale_a_row_kept(x, bits=8):
    scale = x.abs().amax(-1, keepdim=True) / _top(bits)
    scale = torch.where(scale > 0, scale, 1.0)
    return _in_steps_of(scale, x, bits), scale


@absmax_quantize.mutant(
    "Your scale has dimensions. One number is enough: a float, or a tensor with no dimensions (`x.abs().max() / …`)."
)
def scale_with_dimensions(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits), _scale(x, bits).reshape(1)


@absmax_quantize.mutant(
    "Zeros break your function: their largest is 0, and you divide by it. Any step serves for zeros: take 1 there."
)
def divides_by_zero(x, bits=8):
    largest = x.abs().max().item()
    q = (x * (_top(bits) / largest)).round().to(torch.int8)
    return q, largest / _top(bits)


@absmax_quantize.mutant(
    "Zeros do not come back: their scale is 0, 0 / 0 is NaN, and NaN has no integer. Any step serves for zeros: take 1 there."
)
def not_a_number(x, bits=8):
    scale = x.abs().amax() / _top(bits)
    q = (x / scale).round().nan_to_num(-(2.0**31)).clamp(-_top(bits), _top(bits))  # what x86 makes of NaN in int32
    return q.to(torch.int8), scale


@absmax_quantize.mutant(
    "Zeros do not come back: their scale is NaN or infinite. Any step serves for zeros: take 1 there."
)
def scale_not_a_number(x, bits=8):
    q, scale = _in_steps_of(_scale(x, bits), x, bits), _scale(x, bits)
    return q, scale if x.any() else scale * torch.nan


@absmax_quantize.mutant(
    "A small number is added to your scale, or bounds it from below. Tiny data is then lost, or all of it a little wrong. Treat a scale of 0 by itself, and no other."
)
def small_number_added(x, bits=8):
    scale = x.abs().amax() / _top(bits) + 1e-8
    return _in_steps_of(scale, x, bits), scale


@absmax_quantize.mutant(
    "A small number is added to your scale, or bounds it from below. Tiny data is then lost, or all of it a little wrong. Treat a scale of 0 by itself, and no other."
)
def bounded_scale(x, bits=8):
    scale = (x.abs().amax() / _top(bits)).clamp(min=1e-8)
    return _in_steps_of(scale, x, bits), scale


@absmax_quantize.mutant(
    "A small number is added to your scale, or bounds it from below. Tiny data is then lost, or all of it a little wrong. Treat a scale of 0 by itself, and no other."
)
def bounded_largest(x, bits=8):
    scale = x.abs().amax().clamp(min=1e-8) / _top(bits)
    return _in_steps_of(scale, x, bits), scale


@absmax_quantize.mutant(
    "Your scale comes from the mean size, so the larger half of the numbers is cut off. Take the largest `x.abs()`."
)
def from_the_mean(x, bits=8):
    scale = x.abs().mean() / _top(bits)
    scale = torch.where(scale > 0, scale, 1.0)
    return _in_steps_of(scale, x, bits), scale


@absmax_quantize.mutant(
    "Zeros come back as they came, in floating point. Their q is `torch.int8` too: `torch.zeros_like(x, dtype=torch.int8)`."
)
def zeros_as_they_came(x, bits=8):
    scale = x.abs().amax() / _top(bits)
    return (_in_steps_of(scale, x, bits) if scale > 0 else x.clone()), scale


@absmax_quantize.mutant("q is flat. Give it x's shape.")
def flat(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits).flatten(), _scale(x, bits)


@absmax_quantize.mutant(
    "You cut off the largest numbers (`quantile` or the like) to make the steps shorter. Here the largest lands on the last step."
)
def largest_cut_off(x, bits=8):
    largest = x.abs().flatten().quantile(0.99)
    scale = torch.where(largest > 0, largest, 1.0) / _top(bits)
    return _in_steps_of(scale, x, bits), scale


@absmax_quantize.mutant("You return x after rounding, q · scale. Return q itself, as int8, and the scale.")
def dequantized(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits) * _scale(x, bits), _scale(x, bits)


@absmax_quantize.mutant(
    "Your second result is x after rounding. Return q and the scale, from which `dequantize` makes that."
)
def dequantized_second(x, bits=8):
    q = _in_steps_of(_scale(x, bits), x, bits)
    return q, q * _scale(x, bits)


@absmax_quantize.mutant("The two results have changed places: return `q, scale`.")
def swapped(x, bits=8):
    return _scale(x, bits), _in_steps_of(_scale(x, bits), x, bits)


@absmax_quantize.mutant("You return q alone. Nobody can read it without its scale: return `q, scale`.")
def without_scale(x, bits=8):
    return _in_steps_of(_scale(x, bits), x, bits)


@absmax_quantize.mutant(
    "Every q is 0, or nearly: you turn x or its share of the largest into integers before it is multiplied by 127. Divide by the scale, round, and only then `.to(torch.int8)`."
)
def integers_too_early(x, bits=8):
    largest = _scale(x, bits) * _top(bits)
    return (x / largest).to(torch.int8) * _top(bits), _scale(x, bits)


@absmax_quantize.mutant(
    "You change the caller's tensor: `/=`, `div_`, `round_` and the like work in place. Write `x / …`."
)
def in_place(x, bits=8):
    scale = _scale(x, bits)
    return x.div_(scale).round_().to(torch.int8), scale


@absmax_quantize.mutant("Your function returns nothing (None). End it with `return q, scale`; `print` shows it only.")
def nothing_returned(x, bits=8):
    _scale(x, bits)


@absmax_quantize.stand_in
def by_the_library(x, bits=8):
    top = 2 ** (bits - 1) - 1
    scale = torch.linalg.vector_norm(x, torch.inf) / top
    return torch.round(x / torch.where(scale == 0, 1.0, scale)).to(torch.int8), scale


@absmax_quantize.variant
def number_by_number(x, bits=8):
    top = 2 ** (bits - 1) - 1
    largest = max(abs(value) for value in x.reshape(-1).tolist())
    step = largest / top or 1.0
    return torch.tensor([round(value / step) for value in x.reshape(-1).tolist()], dtype=torch.int8).view(x.shape), step


@absmax_quantize.variant
def by_numpy(x, bits=8):
    top = 2 ** (bits - 1) - 1
    array = x.numpy()
    largest = max(-array.min(), array.max())
    per_unit = top / largest if largest else 0.0
    return torch.from_numpy(np.asarray(np.rint(array * per_unit).astype(np.int8))), largest / top


@absmax_quantize.variant
def share_of_the_largest(x, bits=8):
    top = int("1" * (bits - 1), 2)
    largest = x.abs().max()
    q = torch.round(x / largest * top) if largest > 0 else torch.zeros_like(x)
    return q.char(), largest.div(top)
