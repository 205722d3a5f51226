"""Number formats of eight kinds, from float32 down to 4-bit integers: the bits of a number, and what they mean.

`write` rounds a number into a format and gives its bits, field by field, and the value that they stand for. Integers
have no exponent of their own: they share a step, which the largest number of their group sets. Left out: float64,
block formats (course/quantized.py), and how a chip computes with them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Format:
    """How many bits are sign, exponent and mantissa; a format without exponent is an integer in two's complement."""

    exponent: int
    mantissa: int
    dtype: torch.dtype | None = None

    @property
    def bits(self) -> int:
        """All bits of a number."""
        return 1 + self.exponent + self.mantissa

    @property
    def largest(self) -> float:
        """The largest number; for integers the largest that a symmetric grid uses."""
        return torch.finfo(self.dtype).max if self.dtype else 2.0**self.mantissa - 1


FORMATS = {
    "fp32": Format(8, 23, torch.float32),
    "bf16": Format(8, 7, torch.bfloat16),
    "fp16": Format(5, 10, torch.float16),
    "fp8 e4m3": Format(4, 3, torch.float8_e4m3fn),
    "fp8 e5m2": Format(5, 2, torch.float8_e5m2),
    "int8": Format(0, 7),
    "int4": Format(0, 3),
}
WHOLE = {8: torch.uint8, 16: torch.int16, 32: torch.int32}


@dataclass(frozen=True)
class Written:
    """A number in a format: its bits from the highest to the lowest, and the value that they stand for."""

    bits: str
    value: float


def write(number: float, name: str, largest: float = 1.0) -> Written:
    """Round `number` to the nearest value of the format `name`.

    Args:
        number: any finite number.
        name: a key of FORMATS.
        largest: for integers, the largest magnitude of the group, which sets the step: largest / (2^(bits−1) − 1).
            Numbers beyond it are clipped. fp8 e4m3, which has no infinity, is clipped too.

    Raises ValueError for an unknown name, for a number that is not finite and for `largest` that is not positive.

    >>> write(6.5, "fp8 e4m3")
    Written(bits='01001101', value=6.5)
    >>> write(-0.4, "int4", largest=0.7)
    Written(bits='1100', value=-0.4)
    """
    if name not in FORMATS:
        raise ValueError(f"No format is called {name!r}. There are: {', '.join(FORMATS)}.")
    if not math.isfinite(number):
        raise ValueError("Give a finite number, such as 0.1 or -3e-5.")
    form = FORMATS[name]
    if form.dtype is None:
        if not largest > 0:
            raise ValueError("The largest magnitude of a group must be above 0: it sets the step.")
        step = largest / form.largest
        code = round(max(-form.largest, min(form.largest, number / step)))
        return Written(format(code % 2**form.bits, f"0{form.bits}b"), round(code * step, 15))
    if name == "fp8 e4m3":
        number = max(-form.largest, min(form.largest, number))
    held = torch.tensor(number, dtype=torch.float64).to(form.dtype)
    code = held.view(WHOLE[form.bits]).item() % 2**form.bits
    return Written(format(code, f"0{form.bits}b"), held.double().item())


def values(name: str) -> list[float]:
    """All finite values of an 8-bit float format, sorted, −0 and 0 as one."""
    held = torch.arange(256, dtype=torch.uint8).view(FORMATS[name].dtype).double()
    return sorted({value for value in held.tolist() if math.isfinite(value)})
