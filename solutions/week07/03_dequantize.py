"""# Back again

What a quantizer took apart, this puts together, for absmax (zero point 0) and for a zero point alike:

$$x \\approx (q - z) \\cdot s$$

One line, and a trap: `q` is `int8`, and the difference need not fit into it. $127 - (-100)$ is 227; in `int8` it is $-29$, with no warning.
"""

import numpy as np
import torch

from grader import close, exercise, leaves_alone


@exercise(
    points=1,
    hints=[
        "Which type does `q - zero_point` have, and which numbers fit into it? Try `torch.tensor([127], dtype=torch.int8) + 100`.",
        "A zero point may be −64128. Make q wide enough before you subtract: `.float()` holds every integer up to 16,777,216.",
        "Subtract first, then multiply by the scale: `(… - zero_point) * scale`.",
    ],
)
def dequantize(q: torch.Tensor, scale: float | torch.Tensor, zero_point: int | torch.Tensor = 0) -> torch.Tensor:
    """Return (q − zero_point)·scale, in floating point and in q's shape.

    Args:
        q: int8, of any shape.
        scale: a number or a tensor with no dimensions.
        zero_point: an integer of any size, or a tensor of one with no dimensions.

    >>> dequantize(torch.tensor([-128, 0, 127], dtype=torch.int8), 0.5, -28)
    tensor([-50.0000,  14.0000,  77.5000])
    """
    return (q.float() - zero_point) * scale


def equals_numbers(came, expected):
    """Demand a floating-point tensor, float32 or wider, of these numbers."""
    wide = came.double() if isinstance(came, torch.Tensor) and came.is_floating_point() else came
    close(wide, expected.double(), atol=0, rtol=1e-5)


@dequantize.check
def difference_times_scale(dequantize):
    """each number is (q − zero point) · scale, and 0 where q is the zero point"""
    q = torch.tensor([[-8, 3, 0], [5, -1, 7]], dtype=torch.int8)
    equals_numbers(dequantize(q, 0.25, 3), torch.tensor([[-2.75, 0.0, -0.75], [0.5, -1.0, 1.0]]))


@dequantize.check
def zero_by_default(dequantize):
    """without a zero point it is q · scale"""
    q = torch.tensor([100, -127, 0, 31], dtype=torch.int8)
    equals_numbers(dequantize(q, 0.01), torch.tensor([1.0, -1.27, 0.0, 0.31]))


@dequantize.check
def wider_than_int8(dequantize):
    """127 − (−100) is 227; a zero point may lie far outside of int8"""
    q = torch.tensor([-128, 127, 30], dtype=torch.int8)
    equals_numbers(dequantize(q, 0.5, -100), torch.tensor([-14.0, 113.5, 65.0]))
    equals_numbers(dequantize(q, 0.5, 100), torch.tensor([-114.0, 13.5, -35.0]))
    equals_numbers(dequantize(q, 0.015625, -64128), torch.tensor([1000.0, 1003.984375, 1002.46875]))


@dequantize.check
def numbers_or_tensors(dequantize):
    """scale and zero point may be tensors with no dimensions, as quantizers give them"""
    q = torch.tensor([[-128], [127]], dtype=torch.int8)
    for dtype in (torch.int8, torch.int32, torch.int64):
        came = dequantize(q, torch.tensor(0.25), torch.tensor(-78, dtype=dtype))
        equals_numbers(came, torch.tensor([[-12.5], [51.25]]))


@dequantize.check
def leaves_its_input_alone(dequantize):
    """the caller's tensors are left as they were"""
    leaves_alone(dequantize, torch.tensor([4, -3], dtype=torch.int8), torch.tensor(0.5), torch.tensor(2))


@dequantize.hidden
def any_tensor(dequantize, rng):
    """tensors of any shape come back, whatever the scale and the zero point"""
    for shape, furthest in (((5,), 1), ((2, 3), 128), ((2, 3, 4), 70_000), ((), 1_000_000)):
        q = torch.randint(-128, 128, shape, generator=rng)
        scale = float(10.0 ** torch.randint(-6, 6, (), generator=rng) * (torch.rand((), generator=rng) + 0.1))
        zero_point = int(torch.randint(-furthest, furthest, (), generator=rng))
        equals_numbers(dequantize(q.to(torch.int8), scale, zero_point=zero_point), (q.double() - zero_point) * scale)


@dequantize.hidden
def any_tensor_by_tensors(dequantize, rng):
    """so they do where scale and zero point are tensors, which are left as they were"""
    for furthest, dtype in ((128, torch.int8), (30_000, torch.int16), (70_000, torch.int32), (70_000, torch.int64)):
        q = torch.randint(-128, 128, (3, 4), generator=rng)
        scale = torch.rand((), generator=rng) + 0.01
        zero_point = torch.randint(-furthest, furthest, (), generator=rng)
        came = leaves_alone(dequantize, q.to(torch.int8), scale, zero_point.to(dtype))
        equals_numbers(came, (q.double() - zero_point) * scale.double())


def _back(q, scale, zero_point):
    return (q.double() - zero_point).mul(scale).float()


@dequantize.mutant(
    "q and the zero point are subtracted in int8, where 127 + 100 is −29. Make q wider first: `q.float()`."
)
def wraps_around(q, scale, zero_point=0):
    return (q.int() - zero_point).to(torch.int8) * scale


@dequantize.mutant(
    "q and the zero point are subtracted in int16, and the zero point may lie outside of that. Make q wider first: `q.float()`."
)
def wraps_around_in_int16(q, scale, zero_point=0):
    return (q.int() - zero_point).to(torch.int16) * scale


@dequantize.mutant(
    "What leaves int8 is cut off at −128 and 127. q − zero_point may lie outside: make q wider and do not clamp."
)
def clamped(q, scale, zero_point=0):
    return _back(q, scale, zero_point).clamp(-128 * scale, 127 * scale)


@dequantize.mutant("You clamp the zero point into int8. It may be any integer: leave it as it is.")
def zero_point_clamped(q, scale, zero_point=0):
    return _back(q, scale, max(-128, min(127, int(zero_point))))


@dequantize.mutant("The zero point is added. It was added when x became q: now subtract it.")
def zero_point_added(q, scale, zero_point=0):
    return _back(q, scale, -zero_point)


@dequantize.mutant("The zero point is added, in int8, where sums wrap around. Make q wider first, and subtract it.")
def zero_point_added_in_int8(q, scale, zero_point=0):
    return (q.int() + zero_point).to(torch.int8) * scale


@dequantize.mutant("The sign of everything is the other way round: it is q − zero_point, not zero_point − q.")
def turned_round(q, scale, zero_point=0):
    return -_back(q, scale, zero_point)


@dequantize.mutant(
    "You multiply first and subtract the zero point then. It is counted in steps, as q is: subtract it before you multiply."
)
def multiplied_first(q, scale, zero_point=0):
    return q.float() * scale - zero_point


@dequantize.mutant("The zero point is ignored: this is right for absmax alone.")
def zero_point_ignored(q, scale, zero_point=0):
    return _back(q, scale, 0)


@dequantize.mutant("You divide by the scale, which made q. It is the length of a step: multiply.")
def divided(q, scale, zero_point=0):
    return (q.double() - zero_point).div(scale).float()


@dequantize.mutant("The scale is not used: these are steps. Multiply by the length of one.")
def without_scale(q, scale, zero_point=0):
    return _back(q, 1.0, zero_point)


@dequantize.mutant("The result is turned back into int8: it is the x from before, in floating point.")
def still_int8(q, scale, zero_point=0):
    return _back(q, scale, zero_point).to(torch.int8)


@dequantize.mutant("The result is rounded to whole numbers. Leave it as (q − zero_point) · scale comes out.")
def rounded(q, scale, zero_point=0):
    return _back(q, scale, zero_point).round()


@dequantize.mutant("The result is float16, which has three digits. Give float32.")
def half_precision(q, scale, zero_point=0):
    return _back(q, scale, zero_point).half()


@dequantize.mutant("`zero_point` has no default. Absmax has none, and calls `dequantize(q, scale)`.")
def no_default(q, scale, zero_point):
    return _back(q, scale, zero_point)


no_default.__qualname__ = "dequantize"  # Python's error quotes it, and a learner's has this


@dequantize.mutant("Your function takes plain numbers only. Scale and zero point may be tensors with no dimensions.")
def plain_numbers_only(q, scale, zero_point=0):
    if isinstance(scale, torch.Tensor):
        raise TypeError("must be real number, not Tensor")
    return _back(q, scale, zero_point)


@dequantize.mutant("Your function takes tensors only (`.to`, `.item` …). Scale and zero point may be plain numbers.")
def tensors_only(q, scale, zero_point=0):
    return (q - zero_point.int()) * scale


@dequantize.mutant("You change the caller's q: `-=`, `sub_` and the like work in place. Write `q.float() - …`.")
def in_place(q, scale, zero_point=0):
    back = _back(q, scale, zero_point)
    q -= zero_point if abs(zero_point) < 100 else 0
    return back


@dequantize.mutant("Your function returns nothing (None). End it with `return`.")
def nothing_returned(q, scale, zero_point=0):
    _back(q, scale, zero_point)


@dequantize.stand_in
def by_the_library(q, scale, zero_point=0):
    return torch.mul(torch.sub(q.to(torch.float32), zero_point), scale)


@dequantize.variant
def in_integers(q, scale, zero_point=0):
    return scale * (q.long() - zero_point)


@dequantize.variant
def by_numpy(q, scale, zero_point=0):
    return torch.from_numpy(np.asarray((q.numpy().astype(np.float64) - int(zero_point)) * float(scale)))


@dequantize.variant
def distributed(q, scale, zero_point=0):
    return (q.double() * scale - float(scale) * int(zero_point)).float()
