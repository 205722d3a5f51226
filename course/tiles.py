"""Attention tile by tile: which tiles are visited, how many bytes cross between slow and fast memory, and what fits.

Counted for one head and one forward pass, all numbers in 16 bits. Slow memory is the card's, fast memory what one
multiprocessor has for itself. Left out: caches between the two, which serve part of the repeated reads on a real card.
"""

from __future__ import annotations

BYTES = 2
# Most shared memory of one multiprocessor in kB, by compute capability:
# https://docs.nvidia.com/cuda/cuda-c-programming-guide/ (technical specifications).
FAST_KB = {"NVIDIA T4": 64, "NVIDIA RTX 4090": 100, "NVIDIA A100 80GB": 164, "NVIDIA H100 SXM": 228}


def visits(tokens: int, tile_q: int, tile_k: int, causal: bool = False) -> list[tuple[int, int]]:
    """The (query tile, key tile) pairs in the order of their turn; causal leaves out what lies wholly in the future.

    >>> visits(4, 2, 2, causal=True)
    [(0, 0), (1, 0), (1, 1)]
    """
    rows, columns = -(-tokens // tile_q), -(-tokens // tile_k)
    return [(i, j) for i in range(rows) for j in range(columns) if not causal or j * tile_k < (i + 1) * tile_q]


def operations(tokens: int, head_size: int, share: float = 1.0) -> float:
    """Multiplications and additions of the two products, scores and mixture; `share` of the table is computed."""
    return 4.0 * tokens * tokens * head_size * share


def plain_bytes(tokens: int, head_size: int) -> int:
    """Bytes to and from slow memory when the table of scores is written out.

    Queries and keys are read and scores written; scores read and weights written; weights and values read and the
    result written: four times the table and four times the inputs.
    """
    return BYTES * (4 * tokens * tokens + 4 * tokens * head_size)


def tiled_bytes(tokens: int, head_size: int, tile_q: int, tile_k: int, causal: bool = False) -> int:
    """Bytes to and from slow memory tile by tile: queries in and result out once, keys and values once a visit."""
    pairs = len(visits(tokens, tile_q, tile_k, causal))
    return BYTES * (2 * tokens * head_size + 2 * pairs * tile_k * head_size)


def held_bytes(head_size: int, tile_q: int, tile_k: int) -> int:
    """Bytes that fast memory must hold at one time: a tile each of queries, results, keys, values and scores."""
    return BYTES * (2 * tile_q * head_size + 2 * tile_k * head_size + tile_q * tile_k)
