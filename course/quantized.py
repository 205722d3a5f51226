"""Matrices in few bits: what comes back when a weight matrix is stored with a scheme, and how many bits that takes.

Each scheme gives a `Stored`: the matrix as it is after decoding, in float32 (so that any model can compute with it),
and the bits a weight, scales included. Rounding is PyTorch's and the gguf package's own. Left out: the codes and their
packing, which you write yourself in the assignment, and kernels that compute with codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from gguf import GGMLQuantizationType, quants
from scipy.stats import norm
from torch import Tensor

SCALE_BITS = 16  # scales are kept in float16, as most formats of 4 bits do


@dataclass(frozen=True)
class Stored:
    """A decoded matrix (out, in) and what it costs: bits a weight."""

    weight: Tensor
    bits: float


@dataclass(frozen=True)
class Inputs:
    """What a layer reads on calibration text: the mean of xxᵀ (in, in) and of |x| (in,)."""

    square: Tensor
    magnitude: Tensor


def output_error(weight: Tensor, decoded: Tensor, inputs: Inputs) -> float:
    """Length of the change of a layer's outputs over the length of the outputs, on calibration text."""

    def power(matrix: Tensor) -> Tensor:
        return ((matrix @ inputs.square) * matrix).sum()

    return (power(weight - decoded) / power(weight)).clamp_min(0).sqrt().item()


def weight_error(weight: Tensor, decoded: Tensor) -> float:
    """Length of the change of the weights over their length."""
    return ((weight - decoded).norm() / weight.norm()).item()


def _nearest(blocks: Tensor, bits: int, symmetric: bool) -> Tensor:
    """Each row of `blocks`, rounded on a grid of its own."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    if symmetric:
        low = -high
        step = blocks.abs().amax(-1) / high
        zero = torch.zeros_like(step, dtype=torch.int32)
    else:
        least, most = blocks.amin(-1).clamp(max=0), blocks.amax(-1).clamp(min=0)
        step = (most - least) / (high - low)
        zero = (low - least / step.clamp_min(1e-30)).round().clamp(low, high).int()
    step = step.half().float().clamp_min(1e-7)
    return torch.fake_quantize_per_channel_affine(blocks, step, zero, 0, low, high)


def integers(weight: Tensor, bits: int = 8, group: int | None = None, symmetric: bool = True) -> Stored:
    """Round to nearest on grids of 2^bits steps: one for `group` neighbouring weights, for a row by default.

    A grid is symmetric about 0 (one scale) or spans the group's smallest to largest (a scale and a zero point).
    Raises ValueError where the groups do not divide the matrix.
    """
    group = group or weight.shape[-1]
    if weight.numel() % group:
        raise ValueError(f"Groups of {group} do not divide {tuple(weight.shape)}.")
    decoded = _nearest(weight.reshape(-1, group), bits, symmetric).reshape(weight.shape)
    return Stored(decoded, bits + (SCALE_BITS if symmetric else SCALE_BITS + bits) / group)


def nf4_levels() -> Tensor:
    """The 16 levels of 4-bit NormalFloat from −1 to 1: means of neighbouring quantiles of a normal distribution.

    Dettmers et al. 2023 (https://arxiv.org/abs/2305.14314), appendix E: 8 levels on the positive side, 7 on the
    negative and 0, all divided by the largest.
    """
    edge = 1 - (1 / 30 + 1 / 32) / 2  # probability of the outermost level: halfway between 15 and 16 levels
    positive = norm.ppf(np.linspace(edge, 0.5, 9)[:-1])
    negative = -norm.ppf(np.linspace(edge, 0.5, 8)[:-1])
    levels = np.sort(np.concatenate([negative, [0.0], positive]))
    return torch.from_numpy(levels / levels.max()).float()


def nf4(weight: Tensor, block: int = 64, double: bool = False) -> Stored:
    """Round to the nearest of the 16 levels, stretched to the largest magnitude of each block.

    The magnitudes are float32; `double` stores them in 8 bits, 256 of them sharing one float32, less their mean.
    """
    blocks = weight.reshape(-1, block)
    largest = blocks.abs().amax(-1, keepdim=True)
    levels = nf4_levels()
    codes = torch.bucketize(blocks / largest.clamp_min(1e-30), (levels[1:] + levels[:-1]) / 2)
    bits = 4 + 32 / block
    if double:
        centre = largest.mean()
        second = integers((largest - centre).reshape(1, -1), bits=8, group=min(256, largest.numel()))
        largest = (second.weight.reshape(-1, 1) + centre).clamp_min(0)
        bits = 4 + (8 + 32 / 256) / block
    return Stored((levels[codes] * largest).reshape(weight.shape), bits)


def gguf_block(weight: Tensor, kind: GGMLQuantizationType) -> Stored:
    """Encoded and decoded by the gguf package."""
    coded = quants.quantize(weight.float().numpy(), kind)
    decoded = torch.from_numpy(np.array(quants.dequantize(coded, kind)))
    return Stored(decoded.reshape(weight.shape), 8 * coded.nbytes / weight.numel())


def gptq(weight: Tensor, inputs: Inputs, bits: int = 4, group: int = 32, damp: float = 0.01) -> Stored:
    """Round column by column; each column makes good what the columns before it did wrong to the outputs.

    With the mean of xxᵀ written as U Uᵀ, U upper triangular, the error of the outputs is the length of
    (W − Ŵ) U, and its column j depends on columns 0 to j alone: so the best target for column j is known when they
    are rounded. The same result as Frantar et al. 2022 (https://arxiv.org/abs/2210.17323) with grids fixed
    beforehand, reached by another way.
    """
    size = weight.shape[-1]
    square = inputs.square + damp * inputs.square.diagonal().mean() * torch.eye(size)
    upper = torch.linalg.cholesky(square.flip(0, 1)).flip(0, 1)
    owed = upper / upper.diagonal()
    high = 2 ** (bits - 1) - 1
    step = weight.reshape(len(weight), -1, group).abs().amax(-1) / high
    step = step.half().float().clamp_min(1e-7).repeat_interleave(group, dim=-1)
    decoded, wrong = torch.empty_like(weight), torch.zeros_like(weight)
    for j in range(size):
        target = weight[:, j] + wrong[:, :j] @ owed[:j, j]
        decoded[:, j] = (target / step[:, j]).round().clamp(-high - 1, high) * step[:, j]
        wrong[:, j] = weight[:, j] - decoded[:, j]
    return Stored(decoded, bits + SCALE_BITS / group)


def awq_curve(weight: Tensor, inputs: Inputs, bits: int = 4, group: int = 32, points: int = 20) -> dict[float, Stored]:
    """Round after each input feature's weights are multiplied by (mean |x|)^power, for powers from 0 to 1."""
    curve = {}
    for power in np.linspace(0, 1, points).tolist():
        factor = inputs.magnitude.clamp_min(1e-6) ** power
        factor = factor / (factor.max() * factor.min()).sqrt()
        rounded = integers(weight * factor, bits, group)
        curve[power] = Stored(rounded.weight / factor, rounded.bits + SCALE_BITS / len(weight))
    return curve


def awq(weight: Tensor, inputs: Inputs, bits: int = 4, group: int = 32, points: int = 20) -> Stored:
    """The power whose outputs err least (Lin et al. 2023, https://arxiv.org/abs/2306.00978).

    Factors are found and counted a matrix; the authors' code shares them between matrices that read the same input and
    folds them into the layer before, so that they cost nothing.
    """
    curve = awq_curve(weight, inputs, bits, group, points).values()
    return min(curve, key=lambda stored: output_error(weight, stored.weight, inputs))


def int8_product(x: Tensor, weight: Tensor, threshold: float = float("inf")) -> Tensor:
    """The outputs (n, out) of a layer `weight` (out, in) on `x` (n, in), both in 8 bits, a scale for each row.

    Input features that reach `threshold` anywhere in x are left out of the rounding, as in LLM.int8().
    """
    wide = x.abs().amax(0) >= threshold
    small = [integers(matrix.masked_fill(wide, 0), 8).weight for matrix in (x, weight)]
    return small[0] @ small[1].T + x[:, wide] @ weight[:, wide].T


Scheme = Callable[[Tensor, Inputs], Stored]
SCHEMES: dict[str, Scheme] = {
    "fp32": lambda weight, inputs: Stored(weight, 32.0),
    "int8, a row": lambda weight, inputs: integers(weight, 8),
    "Q8_0": lambda weight, inputs: gguf_block(weight, GGMLQuantizationType.Q8_0),
    "4 bits, a row": lambda weight, inputs: integers(weight, 4),
    "4 bits, groups of 32": lambda weight, inputs: integers(weight, 4, 32),
    "Q4_0": lambda weight, inputs: gguf_block(weight, GGMLQuantizationType.Q4_0),
    "NF4": lambda weight, inputs: nf4(weight, double=True),
    "AWQ": awq,
    "GPTQ": gptq,
}
