"""# Zero point: the whole range, wherever it lies

Absmax wastes half of its steps on data that is all positive. Give the range of the data, from min to max, all $2^b$ whole numbers instead:

$$s = \\frac{\\max x - \\min x}{2^b - 1}, \\qquad z = \\mathrm{round}\\left(-2^{b-1} - \\frac{\\min x}{s}\\right), \\qquad
q = \\mathrm{round}\\left(\\frac{x}{s}\\right) + z, \\qquad x \\approx (q - z) \\cdot s$$

The zero point $z$ is the whole number on which $x = 0$ lands. The smallest x lands on $-2^{b-1}$ ($-128$ with 8 bits), the largest on $2^{b-1} - 1$.

- `q` is `int8` in x's shape, whatever `bits` is (2 to 8). Rounding can carry it one beyond the range: clamp it.
- `zero_point` is an integer: a Python `int`, or a tensor of integers with no dimensions. Where all data is far from zero it lies far outside of int8:
  0 is no number of the range then, and must not be made one. `scale` is a number or a tensor with no dimensions.
- Round to the nearest. No error is larger than half a step, but for the rounding of float32 itself.
- A tensor of one number, 3.7 all over or zero, has a range of 0. It still comes back: $(q - z) \\cdot s$ is that number.

`torch.quantize_per_tensor` and its kin are not answers here.
"""

import numpy as np
import torch

from grader import Mismatch, close, exercise, leaves_alone


@exercise(
    points=3,
    twins=[
        "quantize_per_tensor",
        "quantize_per_tensor_dynamic",
        "quantize_per_channel",
        "fake_quantize_per_tensor_affine",
        "_choose_qparams_per_tensor",
    ],
    hints=[
        "From the first whole number to the last there are 2^b − 1 steps: 255 with 8 bits. They span max − min. That is the scale.",
        "The smallest x must land on −2^(b−1). Written out: round(min / scale) + zero_point = −128. Solve it for the zero point, and turn it "
        "into an `int`.",
        "q = round(x / scale) + zero_point, clamped to the range. Round with the zero point already whole: rounding (x − min) / scale instead puts two "
        "errors of half a step on top of each other.",
        "A tensor of one number: take that number's size as the step. Then x / scale is 1 or −1, and the zero point may be 0. Where the number "
        "is 0, any step will do.",
    ],
)
def zeropoint_quantize(x: torch.Tensor, bits: int = 8) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return `(q, scale, zero_point)`, so that (q − zero_point)·scale is nearly x.

    Args:
        x: a floating-point tensor of any shape.
        bits: 2 to 8; q runs from −2^(bits−1) to 2^(bits−1) − 1.

    Returns:
        q, int8 in x's shape; scale, a number or a tensor with no dimensions; zero_point, an integer of any size.

    >>> q, scale, zero_point = zeropoint_quantize(torch.tensor([0.0, 1.0, 2.55]))
    >>> q, zero_point
    (tensor([-128,  -28,  127], dtype=torch.int8), -128)
    """
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    scale = (x.max() - x.min()) / (highest - lowest)
    if scale == 0:
        scale = x.abs().max() if x.any() else torch.ones_like(scale)
        return torch.round(x / scale).to(torch.int8), scale, 0
    zero_point = int(torch.round(lowest - x.min() / scale))
    return (torch.round(x / scale) + zero_point).clamp(lowest, highest).to(torch.int8), scale, zero_point


def as_plain_number(value):
    """Return the number in a tensor with no dimensions, integer or not; anything else as it is."""
    return value.item() if isinstance(value, torch.Tensor) and value.dim() == 0 else value


def whole_zero_point(zero_point):
    """Return the zero point as an int; demand that it is one, or a tensor of integers with no dimensions."""
    number = as_plain_number(zero_point)
    if type(number) is not int:
        raise Mismatch("the zero point should be an int, or a tensor of integers with no dimensions", 0, zero_point)
    return number


def equals_steps(came, q, scale, zero_point):
    """Demand these three results."""
    whole, step, zero = came
    close(as_plain_number(step), scale, atol=0, what="the scale")
    close(whole_zero_point(zero), zero_point, what="the zero point")
    close(whole, torch.tensor(q, dtype=torch.int8), what="q")


def comes_back(came, x, bits=8, half_a_step=0.0):
    """Demand that (q − zero point) · scale is x, within half a step and the rounding of float32."""
    whole, step, zero = came
    if not isinstance(whole, torch.Tensor) or (whole.dtype, whole.shape) != (torch.int8, x.shape):
        raise Mismatch("q should be an int8 tensor in x's shape", actual=whole)
    close(whole, whole.clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1), what=f"q, which has {bits} bits,")
    back = (whole.double() - whole_zero_point(zero)) * as_plain_number(step)
    close(back, x.double(), atol=half_a_step, rtol=1e-5, what="(q − zero point) · scale")


@zeropoint_quantize.check
def spans_the_range(zeropoint_quantize):
    """numbers from −0.503 to 2.047 take all 255 steps of 0.01: the smallest is −128, the largest 127, zero would be −78"""
    x = torch.tensor([[0.304, 1.0, -0.503], [0.0, 2.047, 1.5681]])
    equals_steps(zeropoint_quantize(x), [[-48, 22, -128], [-78, 127, 79]], 0.01, -78)


@zeropoint_quantize.check
def ties_to_even(zeropoint_quantize):
    """what lies between two steps goes to the even one"""
    steps = torch.tensor([-100.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 155.0])
    equals_steps(zeropoint_quantize(steps / 64), [-128, -28, -26, -26, -28, -30, -30, 127], 1 / 64, -28)


@zeropoint_quantize.check
def fewer_bits(zeropoint_quantize):
    """4 bits run from −8 to 7, 3 bits from −4 to 3, 2 bits from −2 to 1; q stays int8"""
    x = torch.tensor([0.12, -0.53, 0.0, 0.97, -0.28])
    equals_steps(zeropoint_quantize(x, bits=4), [-2, -8, -3, 7, -6], 0.1, -3)
    equals_steps(zeropoint_quantize(x, bits=3), [-1, -4, -2, 3, -3], 1.5 / 7, -2)
    equals_steps(zeropoint_quantize(x, bits=2), [-1, -2, -1, 1, -2], 0.5, -1)


@zeropoint_quantize.check
def far_from_zero(zeropoint_quantize):
    """data from 1000 to 1004 has all its steps there, and a zero point far outside of int8; so has its negative"""
    x = 1000 + torch.tensor([30.25, 0.25, 255.25, 200.75]) / 64
    equals_steps(zeropoint_quantize(x), [-98, -128, 127, 73], 1 / 64, -64128)
    equals_steps(zeropoint_quantize(-x), [97, 127, -128, -74], 1 / 64, 64127)


@zeropoint_quantize.check
def half_a_step_at_most(zeropoint_quantize):
    """no number is off by more than half a step, nor where both ends of the range lie between two steps"""
    for bits, steps in ((8, [0.5, 255.5, 100.25]), (4, [15.5, 0.5, 3.25])):
        x = torch.tensor(steps) / 4
        comes_back(zeropoint_quantize(x, bits), x, bits, half_a_step=1 / 8)


@zeropoint_quantize.check
def one_number_all_over(zeropoint_quantize):
    """a tensor of one number comes back, be it zero, positive, negative or tiny"""
    for x in (torch.zeros(2, 3), torch.full((3, 2), 3.7), torch.full((2,), -0.02), torch.tensor(1e-20)):
        comes_back(zeropoint_quantize(x), x)


@zeropoint_quantize.check
def tiny_and_huge(zeropoint_quantize):
    """numbers of 10⁻²⁰ or of 10²⁰ are as good as any"""
    for size in (1e-20, 1e20):
        x = torch.tensor([-0.503, 0.304, 2.047]) * size
        equals_steps(zeropoint_quantize(x), [-128, -48, 127], 0.01 * size, -78)


@zeropoint_quantize.check
def leaves_its_input_alone(zeropoint_quantize):
    """the caller's tensor is left as it was"""
    leaves_alone(zeropoint_quantize, torch.tensor([[0.2, -1.1], [0.7, 0.4]]))


def _drawn(rng, shape, bits, furthest):
    """Draw numbers that span a range whose ends lie a bit beside a step, and what they become."""
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    q = torch.randint(lowest + 1, highest, shape, generator=rng)
    ends = torch.randperm(q.numel(), generator=rng)[:2]
    off = 0.8 * torch.rand(shape, generator=rng, dtype=torch.float64) - 0.4
    q.view(-1)[ends] = torch.tensor([lowest, highest])
    off.view(-1)[ends] = off.view(-1)[ends[0]].clone()
    zero_point = int(torch.randint(-furthest, furthest, (), generator=rng))
    step = float(torch.rand((), generator=rng)) + 0.01
    return (q + off - zero_point) * step, (q.tolist(), step, zero_point)


@zeropoint_quantize.hidden
def spans_any_range(zeropoint_quantize, rng):
    """tensors of any shape take all their steps, with 8 bits"""
    for shape in ((6,), (3, 5), (2, 4, 3)):
        x, expected = _drawn(rng, shape, 8, 120)
        equals_steps(zeropoint_quantize(x.float()), *expected)


@zeropoint_quantize.hidden
def fewer_bits_anywhere(zeropoint_quantize, rng):
    """so they do with 2 to 7 bits, in float64 too"""
    for bits in range(2, 8):
        x, expected = _drawn(rng, (4, 5), bits, 20)
        equals_steps(zeropoint_quantize(x if bits % 2 else x.float(), bits), *expected)


@zeropoint_quantize.hidden
def any_place(zeropoint_quantize, rng):
    """wherever the range lies, and however small or large the numbers are"""
    for size in (1e-25, 1e-9, 1.0, 1e12):
        x, (q, step, zero_point) = _drawn(rng, (8,), 8, 5000)
        equals_steps(zeropoint_quantize((x * size).float()), q, step * size, zero_point)


@zeropoint_quantize.hidden
def no_error_above_half_a_step(zeropoint_quantize, rng):
    """no number is off by more than half a step, ties at both ends and everywhere included"""
    for bits in (8, 6, 4):
        steps = torch.randint(1, 2**bits - 1, (30,), generator=rng) + 0.5
        steps[:2] = torch.tensor([0.5, 2**bits - 0.5])
        x = (steps + int(torch.randint(-50, 50, (), generator=rng))) / 32
        comes_back(zeropoint_quantize(x, bits), x, bits, half_a_step=1 / 64)


@zeropoint_quantize.hidden
def constants_anywhere(zeropoint_quantize, rng):
    """any one number, zero too, comes back as drawn ones do, and the tensor is left as it was"""
    x, expected = _drawn(rng, (6,), 4, 20)
    equals_steps(zeropoint_quantize(x.float(), 4), *expected)
    for value in (0.0, float(torch.rand((), generator=rng)) + 0.2, -100 * float(torch.rand((), generator=rng)) - 0.1):
        x = torch.full((int(torch.randint(1, 5, (), generator=rng)), 3), value)
        comes_back(leaves_alone(zeropoint_quantize, x, bits=4), x, bits=4)


def _ends(bits):
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _constant(x):
    """What a tensor of one number becomes."""
    scale = x.abs().amax() if x.any() else torch.tensor(1.0)
    return (x / scale).round().to(torch.int8), scale, 0


def _in_range(x, scale, zero_point, bits, rounded=torch.round):
    return (rounded(x / scale) + zero_point).clamp(*_ends(bits)).to(torch.int8)


def _right(x, bits, rounded=torch.round):
    lowest, highest = _ends(bits)
    scale = (x.max() - x.min()) / (highest - lowest)
    if scale == 0:
        return _constant(x)
    zero_point = int((lowest - x.min() / scale).round())
    return _in_range(x, scale, zero_point, bits, rounded), scale, zero_point


def _as_numbers(answer):
    q, scale, zero_point = answer
    return q, scale.item(), zero_point


def _as_tensors(answer):
    q, scale, zero_point = answer
    return q, scale, torch.tensor(zero_point, dtype=torch.int32)


@zeropoint_quantize.mutant(
    "The fraction is cut off: `.to(torch.int8)` and `int` do not round. 30.9 steps are nearest to 31: use `round` first."
)
def truncated(x, bits=8):
    return _right(x, bits, torch.trunc)


@zeropoint_quantize.mutant(
    "The fraction is cut off: `.to(torch.int8)` and `int` do not round. 30.9 steps are nearest to 31: use `round` first."
)
def truncated_with_tensors(x, bits=8):
    return _as_tensors(_right(x, bits, torch.trunc))


@zeropoint_quantize.mutant(
    "The fraction is cut off after the zero point was added: `.to(torch.int8)` and `int` do not round. Use `round` first."
)
def truncated_at_the_end(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    if x.max() == x.min():
        return _constant(x)
    return (x / scale + zero_point).clamp(*_ends(bits)).to(torch.int8), scale, zero_point


@zeropoint_quantize.mutant("You round down (`floor` or `//`). Round to the nearest: `torch.round`.")
def rounded_down(x, bits=8):
    return _right(x, bits, torch.floor)


@zeropoint_quantize.mutant(
    "You round ties away from zero: 0.5 becomes 1. A tie goes to the even neighbour, as `torch.round` has it."
)
def ties_away_from_zero(x, bits=8):
    return _right(x, bits, lambda y: y.sign() * (y.abs() + 0.5).floor())


@zeropoint_quantize.mutant(
    "You round ties upwards: `floor(x + 0.5)` makes 1 of 0.5. A tie goes to the even neighbour, as `torch.round` has it."
)
def ties_upwards(x, bits=8):
    return _right(x, bits, lambda y: (y + 0.5).floor())


@zeropoint_quantize.mutant(
    "Your zero point is cut, not rounded: `int(…)` moves it towards zero, so one end of the range is off by more than half a step. "
    "Round before you turn it into an integer."
)
def zero_point_truncated(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    if x.max() != x.min():
        zero_point = int(_ends(bits)[0] - x.min() / scale)
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "Your zero point is rounded down (`floor` or `//`), so one end of the range is off by more than half a step. Round it to the nearest."
)
def zero_point_rounded_down(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    if x.max() != x.min():
        zero_point = int((_ends(bits)[0] - x.min() / scale).floor())
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "You round (x − min) / scale, and the zero point besides: two errors of half a step on top of each other. Round x / scale, and add the whole zero point."
)
def two_roundings(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    if x.max() == x.min():
        return _constant(x)
    q = ((x - x.min()) / scale).round() + _ends(bits)[0]
    return q.clamp(*_ends(bits)).to(torch.int8), scale, zero_point


@zeropoint_quantize.mutant(
    "You round (x − min) / scale, and the zero point besides: two errors of half a step on top of each other. Round x / scale, and add the whole zero point."
)
def two_roundings_with_tensors(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    if x.max() == x.min():
        return _as_tensors(_constant(x))
    q = ((x - x.min()) / scale).round() + _ends(bits)[0]
    return _as_tensors((q.clamp(*_ends(bits)).to(torch.int8), scale, zero_point))


@zeropoint_quantize.mutant(
    "The zero point's sign is the other way round: q is right, but x is nearly (q − zero_point) · scale, not (q + zero_point) · scale."
)
def sign_of_the_zero_point(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return q, scale, -zero_point


@zeropoint_quantize.mutant(
    "The zero point's sign is the other way round: q is right, but x is nearly (q − zero_point) · scale, not (q + zero_point) · scale."
)
def sign_of_the_zero_point_with_tensors(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return _as_tensors((q, scale, -zero_point))


@zeropoint_quantize.mutant("The zero point is subtracted from x / scale. Add it: x = 0 lands on it.")
def zero_point_subtracted(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    return _in_range(x, scale, -zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "Your zero point is round(−2^(b−1) + min / scale): min / scale is subtracted there. The smallest x must land on −2^(b−1)."
)
def minimum_added(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    if x.max() != x.min():
        zero_point = int((_ends(bits)[0] + x.min() / scale).round())
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "Your zero point is −min / scale, that of an unsigned range from 0 to 2^b − 1. Here the range begins at −2^(b−1): take as much from it."
)
def zero_point_of_an_unsigned_range(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    if x.max() != x.min():
        zero_point -= _ends(bits)[0]
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "q is right, the zero point is −min / scale: q begins at −2^(b−1), the zero point as if q began at 0. Take 2^(b−1) from it too."
)
def zero_point_alone_unsigned(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return q, scale, zero_point - (_ends(bits)[0] if x.max() != x.min() else 0)


@zeropoint_quantize.mutant(
    "Your range is unsigned, 0 to 2^b − 1, in uint8. Here q is `torch.int8`, from −2^(b−1) to 2^(b−1) − 1."
)
def unsigned(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    half = -_ends(bits)[0]
    return (q.int() + half).to(torch.uint8), scale, zero_point + half


@zeropoint_quantize.mutant(
    "Your range is unsigned, 0 to 2^b − 1: in int8 all above 127 wraps around to negative numbers. Begin at −2^(b−1)."
)
def unsigned_in_int8(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    half = -_ends(bits)[0]
    return (q.int() + half).to(torch.int8), scale, zero_point + half


@zeropoint_quantize.mutant(
    "You clamp the zero point into the range of q. Where all data is far from zero it lies outside, and clamped it cuts the data off. Leave it as it is."
)
def zero_point_clamped(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    zero_point = max(_ends(bits)[0], min(_ends(bits)[1], zero_point))
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "You clamp the zero point into the range of q. Where all data is far from zero it lies outside, and clamped it cuts the data off. Leave it as it is."
)
def zero_point_clamped_with_tensors(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    zero_point = max(_ends(bits)[0], min(_ends(bits)[1], zero_point))
    return _as_tensors((_in_range(x, scale, zero_point, bits), scale, zero_point))


@zeropoint_quantize.mutant(
    "Your zero point is int8: outside of −128 to 127 it wraps around. It may be any integer: take `int` or a wide type."
)
def zero_point_in_int8(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return q, scale, torch.tensor(zero_point).to(torch.int8)


@zeropoint_quantize.mutant(
    "You make the range hold 0 (`min(x.min(), 0)`), as some libraries do. Data from 1000 to 1004 then has one step left. Take min and max of the data alone."
)
def range_made_to_hold_zero(x, bits=8):
    lowest, highest = _ends(bits)
    start, end = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (end - start) / (highest - lowest)
    if scale == 0:
        return _constant(x)
    zero_point = int((lowest - start / scale).round())
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "You make the range hold 0 (`min(x.min(), 0)`), as some libraries do. Data from 1000 to 1004 then has one step left. Take min and max of the data alone."
)
def range_made_to_hold_zero_with_tensors(x, bits=8):
    lowest, highest = _ends(bits)
    start, end = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (end - start) / (highest - lowest)
    if scale == 0:
        return _as_tensors(_constant(x))
    zero_point = int((lowest - start / scale).round())
    return _as_tensors((_in_range(x, scale, zero_point, bits), scale, zero_point))


@zeropoint_quantize.mutant(
    "The scale divides the range by 2^b. Between 2^b whole numbers there are 2^b − 1 steps: 255 with 8 bits."
)
def one_step_too_many(x, bits=8):
    lowest, _ = _ends(bits)
    scale = (x.max() - x.min()) / 2**bits
    if scale == 0:
        return _constant(x)
    zero_point = int((lowest - x.min() / scale).round())
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "You leave −2^(b−1) unused, as absmax does: the range has 2^b − 1 steps, from −128 to 127 with 8 bits."
)
def symmetric_range(x, bits=8):
    _, highest = _ends(bits)
    scale = (x.max() - x.min()) / (2 * highest)
    if scale == 0:
        return _constant(x)
    zero_point = int((-highest - x.min() / scale).round())
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "This is absmax: a symmetric range around 0. Here the steps span min to max, and zero lands on the zero point."
)
def absmax(x, bits=8):
    scale = x.abs().amax() / _ends(bits)[1]
    if scale == 0:
        return _constant(x)
    return _in_range(x, scale, 0, bits), scale, 0


@zeropoint_quantize.mutant("`bits` is ignored: you always use 255 steps. With b bits there are 2^b − 1.")
def always_eight_bits(x, bits=8):
    return _right(x, 8)


@zeropoint_quantize.mutant("`bits` is ignored: you always use 255 steps. With b bits there are 2^b − 1.")
def always_eight_bits_with_tensors(x, bits=8):
    return _as_tensors(_right(x, 8))


@zeropoint_quantize.mutant(
    "Your zero point is a floating-point number. x = 0 must land on a whole number of the range: round it, and turn it into an `int`."
)
def zero_point_in_floating_point(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return q, scale, torch.tensor(float(zero_point))


@zeropoint_quantize.mutant(
    "Your zero point is a floating-point number. x = 0 must land on a whole number of the range: round it, and turn it into an `int`."
)
def zero_point_a_float(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return q, scale.item(), float(zero_point)


@zeropoint_quantize.mutant(
    "Your zero point is not rounded. x = 0 must land on a whole number of the range: round it, and turn it into an `int`."
)
def zero_point_not_rounded(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    if x.max() != x.min():
        zero_point = _ends(bits)[0] - x.min() / scale
    return (x / scale + zero_point).round().clamp(*_ends(bits)).to(torch.int8), scale, zero_point


@zeropoint_quantize.mutant(
    "You return min as the zero point. It is a whole number: how many steps from x = 0 to the number that 0 stands for in q."
)
def minimum_as_zero_point(x, bits=8):
    lowest, highest = _ends(bits)
    scale = (x.max() - x.min()) / (highest - lowest)
    if scale == 0:
        return _constant(x)
    return (((x - x.min()) / scale).round() + lowest).to(torch.int8), scale, x.min()


@zeropoint_quantize.mutant(
    "You return the steps a unit (255 / range). Return the length of one step, its inverse: x is nearly (q − zero_point) · scale."
)
def inverted(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return q, 1 / scale, zero_point


@zeropoint_quantize.mutant(
    "You return the steps a unit (255 / range), and a zero point in floating point. Return the length of one step, and an `int`. "
    "A range of 0 needs a case of its own: with steps of 1, 3.7 comes back as 4."
)
def steps_a_unit(x, bits=8):
    lowest, highest = _ends(bits)
    width = x.max() - x.min()
    scale = (highest - lowest) / torch.where(width == 0, 1.0, width)
    zero_point = (lowest - scale * x.min()).round()
    return (scale * x + zero_point).round().clamp(lowest, highest).to(torch.int8), scale, zero_point


@zeropoint_quantize.mutant(
    "q is not clamped. Where both ends of the range lie between two steps, rounding carries the upper one to 128, which int8 makes −128. Clamp q."
)
def not_clamped(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    return ((x / scale).round() + zero_point).to(torch.int32).to(torch.int8), scale, zero_point


@zeropoint_quantize.mutant(
    "q is not clamped. Where both ends of the range lie between two steps, rounding carries the upper one to 128, which int8 makes −128. Clamp q."
)
def not_clamped_with_tensors(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    return _as_tensors((((x / scale).round() + zero_point).to(torch.int32).to(torch.int8), scale, zero_point))


@zeropoint_quantize.mutant("You clamp to −128 and 127 whatever `bits` is. With b bits: −2^(b−1) and 2^(b−1) − 1.")
def clamped_as_eight_bits(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    return _in_range(x, scale, zero_point, 8), scale, zero_point


@zeropoint_quantize.mutant(
    "You clamp before the zero point is added, to the range of q: that cuts the data. Add the zero point, then clamp."
)
def clamped_too_early(x, bits=8):
    _, scale, zero_point = _right(x, bits)
    q = (x / scale).round().clamp(*_ends(bits)) + zero_point
    return q.to(torch.int32).to(torch.int8), scale, zero_point


@zeropoint_quantize.mutant(
    "A tensor of one number breaks your function: its range is 0, and you divide by it. Give it a step that brings the number back."
)
def divides_by_zero(x, bits=8):
    lowest, highest = _ends(bits)
    scale = (x.max().item() - x.min().item()) / (highest - lowest)
    zero_point = round(lowest - x.min().item() / scale)
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "A tensor of one number breaks your function: its range is 0, dividing by it gives NaN or infinity, and neither has an integer. Give it a step that brings the number back."
)
def not_a_number(x, bits=8):
    lowest, highest = _ends(bits)
    scale = (x.max() - x.min()) / (highest - lowest)
    zero_point = int((lowest - x.min() / scale).round())
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "A tensor of one number does not come back: you take 1 as its step, and 3.7 becomes 4. Take a step that the number is a whole number of."
)
def steps_of_one(x, bits=8):
    if x.max() != x.min():
        return _right(x, bits)
    zero_point = int((_ends(bits)[0] - x.min()).round())
    return _in_range(x, torch.tensor(1.0), zero_point, bits), torch.tensor(1.0), zero_point


@zeropoint_quantize.mutant("A tensor of one number comes back as zeros. Zero alone may: 3.7 must come back as 3.7.")
def constants_become_zeros(x, bits=8):
    if x.max() != x.min():
        return _right(x, bits)
    return torch.zeros_like(x, dtype=torch.int8), torch.tensor(1.0), 0


@zeropoint_quantize.mutant(
    "A tensor of zeros breaks your function: where you take the number's own size as the step, 0 needs another."
)
def zeros_break(x, bits=8):
    if x.max() != x.min():
        return _right(x, bits)
    return x.sign().to(torch.int8), x.abs().max() / x.any(), 0


@zeropoint_quantize.mutant(
    "A small number is added to your scale, or bounds it from below. Tiny data is then lost, or all of it a little wrong. Treat a range of 0 by itself, and no other."
)
def bounded_scale(x, bits=8):
    lowest, highest = _ends(bits)
    scale = ((x.max() - x.min()) / (highest - lowest)).clamp(min=1e-8)
    zero_point = int((lowest - x.min() / scale).round())
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "A small number is added to your scale, or bounds it from below. Tiny data is then lost, or all of it a little wrong. Treat a range of 0 by itself, and no other."
)
def small_number_added(x, bits=8):
    lowest, highest = _ends(bits)
    scale = (x.max() - x.min()) / (highest - lowest) + 1e-8
    zero_point = int((lowest - x.min() / scale).round())
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant(
    "q holds whole numbers, but as floating point. Turn it into `torch.int8`: that is what saves the bytes."
)
def still_floating_point(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return q.to(x.dtype), scale, zero_point


@zeropoint_quantize.mutant("q is int32: four bytes a number, as many as before. Turn it into `torch.int8`.")
def int32(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return q.int(), scale, zero_point


@zeropoint_quantize.mutant(
    "Each row has a range of its own. Here one scale and one zero point serve the whole tensor: `min()` and `max()` without a dimension."
)
def a_range_a_row(x, bits=8):
    lowest, highest = _ends(bits)
    start, end = (x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)) if x.dim() else (x, x)
    scale = torch.where(end > start, (end - start) / (highest - lowest), torch.where(end == 0, 1.0, end.abs()))
    zero_point = torch.where(end > start, (lowest - start / scale).round(), 0).int()
    return _in_range(x, scale, zero_point, bits), scale, zero_point


@zeropoint_quantize.mutant("Scale and zero point have changed places: return `q, scale, zero_point`.")
def swapped(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return q, zero_point, scale


@zeropoint_quantize.mutant("The zero point is missing: return `q, scale, zero_point`.")
def without_zero_point(x, bits=8):
    return _right(x, bits)[:2]


@zeropoint_quantize.mutant("You return x after rounding. Return q itself, as int8, with its scale and zero point.")
def dequantized(x, bits=8):
    q, scale, zero_point = _right(x, bits)
    return (q.int() - zero_point) * scale, scale, zero_point


@zeropoint_quantize.mutant(
    "You change the caller's tensor: `-=`, `div_`, `round_` and the like work in place. Write `x / …`."
)
def in_place(x, bits=8):
    if x.max() == x.min():
        return _constant(x)
    _, scale, zero_point = _right(x, bits)
    return x.div_(scale).round_().add_(zero_point).clamp_(*_ends(bits)).to(torch.int8), scale, zero_point


@zeropoint_quantize.mutant("Your function returns nothing (None). End it with `return q, scale, zero_point`.")
def nothing_returned(x, bits=8):
    _right(x, bits)


@zeropoint_quantize.stand_in
def by_the_library(x, bits=8):
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    start, end = torch.aminmax(x)
    if start == end:
        return x.sign().to(torch.int8), torch.where(end == 0, 1.0, end.abs()), 0
    scale = (end - start) / (highest - lowest)
    zero_point = (lowest - start / scale).round().int()
    return torch.round(x / scale + zero_point).clamp(lowest, highest).to(torch.int8), scale, zero_point


@zeropoint_quantize.variant
def number_by_number(x, bits=8):
    numbers = x.reshape(-1).tolist()
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    step = (max(numbers) - min(numbers)) / (2**bits - 1)
    if not step:
        return torch.full_like(x, lowest, dtype=torch.int8), numbers[0], lowest - 1  # one step, of any sign
    zero_point = highest - round(max(numbers) / step)
    q = [max(lowest, min(highest, round(number / step) + zero_point)) for number in numbers]
    return torch.tensor(q, dtype=torch.int8).view(x.shape), step, zero_point


@zeropoint_quantize.variant
def by_numpy(x, bits=8):
    array = x.numpy().astype(np.float64)
    lowest = -(1 << (bits - 1))
    per_unit = (2**bits - 1) / np.ptp(array) if np.ptp(array) else 0.0
    if not per_unit:
        return torch.zeros(x.shape, dtype=torch.int8), float(array.flat[0]), np.int64(-1)
    zero_point = np.rint(lowest - array.min() * per_unit).astype(np.int64)
    q = np.clip(np.rint(array * per_unit) + zero_point, lowest, -lowest - 1)
    return torch.from_numpy(np.asarray(q).astype(np.int8)), 1 / per_unit, zero_point
