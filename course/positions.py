"""Numbers behind the ways of telling a model where a token stands: frequencies, distances, slopes, stretching.

Sinusoidal positions and RoPE share one list of frequencies; context extension changes that list. Left out: the
vectors themselves (a table of positions, rotated queries and keys): building those is an exercise of this week.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

METHODS = ("none", "linear", "ntk", "yarn")
FEWEST_TURNS, MOST_TURNS = 1.0, 32.0  # YaRN's alpha and beta for Llama, in full turns over the trained length


def frequencies(dim: int, base: float = 10000.0) -> Tensor:
    """Radians a position for each of the dim/2 pairs, fastest first (Vaswani et al. 2017, section 3.5).

    Raises ValueError where `dim` is odd or not positive, since every frequency needs two features.

    >>> frequencies(4, base=100.0)
    tensor([1.0000, 0.1000])
    """
    if dim <= 0 or dim % 2:
        raise ValueError(f"Frequencies come in pairs of features: dim must be even and positive, not {dim}.")
    return base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim).float()


def agreement(distance: Tensor, radians: Tensor) -> Tensor:
    """Mean cosine of distance x frequency over all pairs: 1 at distance 0; shape of `distance`.

    It is the dot product of two sinusoidal position vectors, divided by dim/2. It is also the dot product of a
    unit vector, spread evenly over the pairs, with itself after RoPE has rotated the two copies apart.
    """
    return (distance[..., None] * radians).cos().mean(-1)


def alibi_slopes(heads: int) -> list[float]:
    """Penalty a position of distance for each head (Press et al. 2022); heads must be a power of two.

    >>> alibi_slopes(4)
    [0.25, 0.0625, 0.015625, 0.00390625]
    """
    if heads < 1 or heads & (heads - 1):
        raise ValueError(f"These slopes are defined for a power of two of heads, not {heads}.")
    return [2.0 ** (-8.0 * head / heads) for head in range(1, heads + 1)]


@dataclass(frozen=True)
class Stretched:
    """RoPE's frequencies for a longer context, and what cosines and sines are multiplied by (1 but for YaRN)."""

    radians: Tensor
    scale: float


def stretch(method: str, dim: int, base: float, factor: float, trained: int) -> Stretched:
    """RoPE for a context `factor` times the `trained` length, by one of METHODS.

    "linear" is position interpolation (Chen et al. 2023), "ntk" a larger base chosen so that the slowest pair turns
    `factor` times slower (bloc97 2023), "yarn" keeps fast pairs and slows slow ones (Peng et al. 2023), with the ramp
    over the pair's index that the authors' code uses. Raises ValueError for other methods and for a factor below 1.
    """
    if factor < 1:
        raise ValueError(f"The factor says how many times longer the context becomes: at least 1, not {factor:g}.")
    usual = frequencies(dim, base)
    if method == "none":
        return Stretched(usual, 1.0)
    if method == "linear":
        return Stretched(usual / factor, 1.0)
    if method == "ntk":
        return Stretched(frequencies(dim, base * factor ** (dim / (dim - 2)) if dim > 2 else base), 1.0)
    if method == "yarn":
        slowed = slowed_share(dim, base, trained)
        return Stretched(usual * (1 - slowed) + usual / factor * slowed, 0.1 * math.log(factor) + 1.0)
    raise ValueError(f"No method is called {method!r}. There are: {', '.join(METHODS)}.")


def slowed_share(dim: int, base: float, trained: int) -> Tensor:
    """YaRN's ramp: 0 for a pair that keeps its frequency, 1 for one that is fully interpolated; shape (dim/2,)."""

    def index(turns: float) -> float:
        """The pair, as a fraction, that makes so many turns over the trained length."""
        return dim * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(base))

    first = max(math.floor(index(MOST_TURNS)), 0)
    last = min(math.ceil(index(FEWEST_TURNS)), dim - 1)
    pairs = torch.arange(dim // 2, dtype=torch.float32)
    return ((pairs - first) / max(last - first, 0.001)).clamp(0, 1)
