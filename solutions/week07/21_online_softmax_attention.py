"""# Attention that never holds its scores

Attention of $T_q$ queries and $T_k$ keys has $T_q \\times T_k$ scores. At 100,000 tokens that is ten thousand million numbers a head, and nearly all
of the memory. None of them is needed for long. FlashAttention takes keys and values in blocks and lets go of a block's scores before it makes
the next ([Dao et al., 2022](https://arxiv.org/abs/2205.14135)). What makes that exact is a softmax that is computed as its scores arrive
([Milakov and Gimelshein, 2018](https://arxiv.org/abs/1805.02867)).

For each query keep three things: the largest score so far $m$, the sum so far $\\ell$ of exponentials, and the sum so far $o$ of values, each
times its exponential. A block of keys and values brings scores $s$:

$$m' = \\max(m, \\max_j s_j) \\qquad c = e^{m - m'} \\qquad
\\ell' = c\\,\\ell + \\sum_j e^{s_j - m'} \\qquad o' = c\\,o + \\sum_j e^{s_j - m'}\\, v_j$$

After the last block, $o / \\ell$ is softmax attention, up to rounding.

- `q` is (…, $T_q$, d), `k` (…, $T_k$, d), `v` (…, $T_k$, $d_v$), with any leading dimensions, the same in all three; the result is (…, $T_q$, $d_v$) in
  their dtype. Scores are $q \\cdot k / \\sqrt d$, of any size.
- With `causal`, where $T_q = T_k$, query $i$ sees keys 0 to $i$.
- `block_size` may be larger than $T_k$, and need not divide it.
- Where it is smaller than $T_k$, you never hold a $T_q \\times T_k$ matrix, of scores, weights or a mask, not in pieces either. A single query is no
  exception: before a long cache of keys that is the everyday case. The checks see the shape of every tensor that PyTorch makes for you.

`F.scaled_dot_product_attention` is not an answer here.
"""

import math

import torch
import torch.nn.functional as F

from grader import Mismatch, close, exercise, leaves_alone, tensors


@exercise(
    points=5,
    twins=["scaled_dot_product_attention", "flex_attention", "multi_head_attention_forward", "MultiheadAttention"],
    hints=[
        "One loop: `for start in range(0, k.shape[-2], block_size)`. A slice `k[..., start : start + block_size, :]` ends where k ends, so a short last "
        "block and a block that is too large need no care.",
        "Before the loop, m is −∞, ℓ is 0 (both (…, Tq, 1), so that they broadcast) and o is 0, (…, Tq, dv). exp(−∞) is 0, so the first block needs "
        "no case of its own.",
        "In the loop, in this order: scores of the block; the new m, `torch.maximum` of the old one and the block's `amax`; c from old and new; weights "
        "`(scores - m_new).exp()`; then ℓ and o, each times c plus what is new. Only then does the new m take the old one's place.",
        "Causal: column j of a block is key `start + j`. Compare `torch.arange(start, start + n)` with `torch.arange(Tq)[:, None]`, and put −∞ where the "
        "key comes after the query.",
    ],
)
def online_softmax_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, block_size: int, causal: bool = False
) -> torch.Tensor:
    """Return softmax(q·k/√d)·v for q (…, Tq, d), k (…, Tk, d), v (…, Tk, dv), computed over blocks of keys: (…, Tq, dv).

    Holds scores of one block at a time. With `causal`, query i sees keys 0 to i.

    >>> x = torch.tensor([[0.0], [2.0]])
    >>> online_softmax_attention(x, x, x, block_size=1, causal=True)
    tensor([[0.0000],
            [1.9640]])
    """
    queries = q / q.shape[-1] ** 0.5
    places = torch.arange(q.shape[-2], device=q.device)[:, None]
    highest = q.new_full((*q.shape[:-1], 1), -torch.inf)
    total = torch.zeros_like(highest)
    output = q.new_zeros(*q.shape[:-1], v.shape[-1])
    for start in range(0, k.shape[-2], block_size):
        keys, values = k[..., start : start + block_size, :], v[..., start : start + block_size, :]
        scores = queries @ keys.mT
        if causal:
            future = torch.arange(start, start + keys.shape[-2], device=q.device) > places
            scores = scores.masked_fill(future, -torch.inf)
        higher = torch.maximum(highest, scores.amax(-1, keepdim=True))
        shrink, weights = (highest - higher).exp(), (scores - higher).exp()
        total = shrink * total + weights.sum(-1, keepdim=True)
        output = shrink * output + weights @ values
        highest = higher
    return output / total


def attention_inputs(queries, keys, d=4, dv=None, lead=(), scale=1.0):
    """q, k and v: sines, another wave for each."""
    shapes = (*lead, queries, d), (*lead, keys, d), (*lead, keys, d if dv is None else dv)
    return [
        scale * torch.sin(torch.arange(math.prod(shape)) * pace + pace).reshape(shape)
        for shape, pace in zip(shapes, (1.7, 2.3, 0.9), strict=True)
    ]


@online_softmax_attention.check
def equals_sdpa(online_softmax_attention):
    """five queries and eight keys, in two blocks of four, give what F.scaled_dot_product_attention gives"""
    q, k, v = attention_inputs(5, 8, lead=(2, 3), scale=2.0)
    close(online_softmax_attention(q, k, v, 4), F.scaled_dot_product_attention(q, k, v))


@online_softmax_attention.check
def any_block_size(online_softmax_attention):
    """seven keys in blocks of 1, 2, 3, 5, 7 and 20"""
    q, k, v = attention_inputs(3, 7, lead=(1, 2), scale=2.0)
    for block_size in (1, 2, 3, 5, 7, 20):
        due = F.scaled_dot_product_attention(q, k, v)
        close(online_softmax_attention(q, k, v, block_size), due, what=f"the result with blocks of {block_size}")


@online_softmax_attention.check
def any_shape(online_softmax_attention):
    """more queries than keys, a single query, values wider than keys, and no leading dimension, one or three"""
    for queries, keys, dv, lead in ((6, 4, 4, ()), (1, 9, 6, (2,)), (4, 5, 7, (2, 1, 3)), (3, 6, 2, (2, 2))):
        q, k, v = attention_inputs(queries, keys, 4, dv, lead, scale=2.0)
        close(online_softmax_attention(q, k, v, 2), F.scaled_dot_product_attention(q, k, v))


@online_softmax_attention.check
def causal_blocks(online_softmax_attention):
    """with `causal`, query i sees keys 0 to i, whatever the blocks: of 1, 3, 4, 7 and 9"""
    q, k, v = attention_inputs(7, 7, lead=(2, 2), scale=2.0)
    for block_size in (1, 3, 4, 7, 9):
        due = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        found = online_softmax_attention(q, k, v, block_size, causal=True)
        close(found, due, what=f"the causal result with blocks of {block_size}")


@online_softmax_attention.check
def big_scores(online_softmax_attention):
    """scores of plus and minus 1000 do no harm, in the first block, a later one, or all"""
    _, _, v = attention_inputs(1, 6, 4)
    q = torch.eye(4) * 2000
    first, later = [1, 0.999, 0, 0, 0.5, 0], [-1, -1, 0, 1, 0, -1]
    low, middling = [-1, -1, -1, -1.001, -0.999, -1.002], [0.3, 0.301, 0.3, 0.302, 0.3, 0.299]
    k = torch.tensor([first, later, low, middling]).T
    for causal, keys in ((False, 6), (True, 4)):
        due = F.scaled_dot_product_attention(q, k[:keys], v[:keys], is_causal=causal)
        close(online_softmax_attention(q, k[:keys], v[:keys], 2, causal), due)


@online_softmax_attention.check
def other_precisions(online_softmax_attention):
    """float64 keeps all its digits, float16 goes out as it came in"""
    q, k, v = (x.double() for x in attention_inputs(3, 5))
    close(online_softmax_attention(q, k, v, 2), F.scaled_dot_product_attention(q, k, v), atol=1e-9, rtol=1e-9)
    q, k, v = (x.half() for x in attention_inputs(3, 5))
    due = F.scaled_dot_product_attention(q.float(), k.float(), v.float()).half()
    close(online_softmax_attention(q, k, v, 2), due, atol=1e-2)


def demand_no_table(online_softmax_attention, length, block_size, **settings):
    """Demand the right result, and that no (length, length) table arises on the way, whole or in pieces."""
    q, k, v = attention_inputs(length, length, 2, scale=3.0)
    result, shapes, most = tensors(online_softmax_attention, q, k, v, block_size, **settings)
    close(result, F.scaled_dot_product_attention(q, k, v, is_causal=bool(settings)))
    whole = length * length
    for shape in shapes:
        if math.prod(shape) >= whole:
            raise Mismatch(
                f"{length} queries and keys, blocks of {block_size}: you made a tensor of shape {shape}; no tensor should hold "
                f"the {length} × {length} numbers of all scores",
                actual=shape,
            )
    if most >= whole:
        raise Mismatch(
            f"{length} queries and keys, blocks of {block_size}: you held {most:,} numbers at one time, though no single tensor is "
            f"that large; all scores together are {whole:,}"
        )


@online_softmax_attention.check
def holds_no_table(online_softmax_attention):
    """with 120 queries and keys and blocks of 6, you never hold 120 × 120 numbers, in one tensor or in many"""
    demand_no_table(online_softmax_attention, 120, 6)


@online_softmax_attention.check
def holds_no_causal_table(online_softmax_attention):
    """nor with `causal`: a mask, too, is made for one block at a time"""
    demand_no_table(online_softmax_attention, 120, 6, causal=True)


@online_softmax_attention.check
def one_query_and_a_long_cache(online_softmax_attention):
    """one query and 50 keys in blocks of 7: no tensor holds the 50 scores"""
    q, k, v = attention_inputs(1, 50, 8, lead=(2,), scale=3.0)
    result, shapes, _ = tensors(online_softmax_attention, q, k, v, 7)
    close(result, F.scaled_dot_product_attention(q, k, v))
    for shape in shapes:
        if len(shape) > 1 and 50 in shape and 8 not in shape:
            raise Mismatch(f"you made a tensor of shape {shape}: a score for each of the 50 keys", actual=shape)


@online_softmax_attention.check
def leaves_its_inputs_alone(online_softmax_attention):
    """the caller's tensors are left as they were"""
    q, k, v = attention_inputs(3, 3, scale=2.0)
    for causal in (False, True):
        due = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        close(leaves_alone(online_softmax_attention, q, k, v, 2, causal), due)


def _drawn(rng, causal):
    """Shapes and values of any kind, and a size of blocks."""
    queries, keys, d, dv, block_size = torch.randint(1, 12, (5,), generator=rng).tolist()
    keys = queries if causal else keys
    lead = torch.randint(1, 4, (int(torch.randint(0, 4, (), generator=rng)),), generator=rng).tolist()
    q, k, v = (torch.randn(*lead, *size, generator=rng) for size in ((queries, d), (keys, d), (keys, dv)))
    return q * 10 ** float(torch.rand((), generator=rng)), k, v, block_size


@online_softmax_attention.hidden
def equals_sdpa_anywhere(online_softmax_attention, rng):
    """any shapes, values and blocks give what F.scaled_dot_product_attention gives"""
    for _ in range(8):
        q, k, v, block_size = _drawn(rng, causal=False)
        close(leaves_alone(online_softmax_attention, q, k, v, block_size), F.scaled_dot_product_attention(q, k, v))


@online_softmax_attention.hidden
def causal_anywhere(online_softmax_attention, rng):
    """any causal attention, too"""
    for _ in range(8):
        q, k, v, block_size = _drawn(rng, causal=True)
        due = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        close(online_softmax_attention(q, k, v, block_size, causal=True), due)


@online_softmax_attention.hidden
def big_scores_anywhere(online_softmax_attention, rng):
    """scores up to some thousands, of either sign, at any place"""
    for causal in (False, True):
        for _ in range(3):
            q, k, v = (torch.randn(2, 9, 4, generator=rng, dtype=torch.float64) for _ in range(3))
            q = q * 10.0 ** torch.randint(0, 4, (2, 9, 1), generator=rng)
            k = k - 3.0 * torch.randint(0, 2, (), generator=rng)
            block_size = int(torch.randint(1, 9, (), generator=rng))
            due = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
            close(online_softmax_attention(q, k, v, block_size, causal), due)


@online_softmax_attention.hidden
def holds_no_table_anywhere(online_softmax_attention, rng):
    """no table of any length, with or without `causal`"""
    length, block_size = int(torch.randint(90, 130, (), generator=rng)), int(torch.randint(3, 7, (), generator=rng))
    demand_no_table(online_softmax_attention, length, block_size)
    demand_no_table(online_softmax_attention, length, block_size, causal=True)


def _future(scores, start):
    rows, columns = scores.shape[-2:]
    return torch.arange(start, start + columns) > torch.arange(rows)[:, None]


def _hide(scores, start):
    return scores.masked_fill(_future(scores, start), -torch.inf)


def _shrink(old, new):
    return (old - new).exp()


def _online(
    q,
    k,
    v,
    block_size,
    causal,
    *,
    scale=None,
    first=-torch.inf,
    raised=torch.maximum,
    shrink_total=_shrink,
    shrink_output=_shrink,
    starts=None,
    hide=_hide,
    divided=True,
):
    """The answer, or the answer with one habit changed."""
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    highest = q.new_full((*q.shape[:-1], 1), first)
    total, output = torch.zeros_like(highest), q.new_zeros(*q.shape[:-1], v.shape[-1])
    for start in range(0, k.shape[-2], block_size) if starts is None else starts:
        scores = q @ k[..., start : start + block_size, :].mT * scale
        if causal:
            scores = hide(scores, start)
        higher = raised(highest, scores.amax(-1, keepdim=True))
        weights = (scores - higher).exp()
        total = shrink_total(highest, higher) * total + weights.sum(-1, keepdim=True)
        output = shrink_output(highest, higher) * output + weights @ v[..., start : start + block_size, :]
        highest = higher
    return output / total if divided else output


def _one(old, new):
    return torch.ones_like(new)


def _blocks(q, k, v, block_size, causal):
    """What softmax attention gives for each block by itself."""
    results = []
    for start in range(0, k.shape[-2], block_size):
        scores = q @ k[..., start : start + block_size, :].mT * q.shape[-1] ** -0.5
        scores = _hide(scores, start) if causal else scores
        results.append(scores.softmax(-1).nan_to_num(0.0) @ v[..., start : start + block_size, :])
    return results


@online_softmax_attention.mutant(
    "The sums so far are not rescaled when a larger score comes: their exponentials were taken relative to the old maximum. Multiply both, ℓ and o, by "
    "exp(old maximum − new maximum)."
)
def nothing_rescaled(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, shrink_total=_one, shrink_output=_one)


@online_softmax_attention.mutant(
    "You rescale the output, but not the sum of exponentials ℓ. Both were taken relative to the old maximum."
)
def total_not_rescaled(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, shrink_total=_one)


@online_softmax_attention.mutant(
    "You rescale the sum of exponentials ℓ, but not the output o. Both were taken relative to the old maximum."
)
def output_not_rescaled(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, shrink_output=_one)


@online_softmax_attention.mutant(
    "Your factor is upside down: with a larger maximum the sums so far shrink, by exp(old maximum − new maximum)."
)
def factor_upside_down(q, k, v, block_size, causal=False):
    def grow(old, new):
        return torch.where(old == -torch.inf, 0.0, (new - old).exp())

    return _online(q, k, v, block_size, causal, shrink_total=grow, shrink_output=grow)


@online_softmax_attention.mutant(
    "The maximum is not carried on: you take each block's own. Where an earlier block had larger scores, exp(old − new) overflows. The new maximum is the "
    "larger of the old one and the block's."
)
def maximum_not_carried(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, raised=lambda old, new: new)


@online_softmax_attention.mutant(
    "You subtract no maximum, and your exponentials overflow or all vanish. Keep the largest score so far, and subtract it before `exp`."
)
def no_maximum(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, first=0.0, raised=lambda old, new: old)


@online_softmax_attention.mutant(
    "Your maximum starts at 0: where all scores are far below it, every exponential is 0, and 0 / 0 is NaN. Start at −∞."
)
def maximum_starts_at_zero(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, first=0.0)


@online_softmax_attention.mutant(
    "One maximum serves all queries of a block. Those with far smaller scores vanish: each query has its own, `amax(-1, keepdim=True)`."
)
def one_maximum_for_all_queries(q, k, v, block_size, causal=False):
    def raised(old, new):
        return torch.maximum(old, new.amax().expand_as(old))

    return _online(q, k, v, block_size, causal, raised=raised)


@online_softmax_attention.mutant("The scores are not divided by √d.")
def no_scale(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, scale=1.0)


@online_softmax_attention.mutant("You divide the scores by d; it should be √d.")
def divided_by_d(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, scale=1 / q.shape[-1])


@online_softmax_attention.mutant(
    "Your √d is of the wrong dimension: d is the width of queries and keys, which values need not share."
)
def width_of_values(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, scale=v.shape[-1] ** -0.5)


@online_softmax_attention.mutant(
    "The result is never divided by ℓ, the sum of exponentials. Do it once, after the last block."
)
def not_divided(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, divided=False)


@online_softmax_attention.mutant(
    "You divide by ℓ after each block, and go on with the quotient. Keep the sum undivided, and divide once, after the last block."
)
def divided_in_every_block(q, k, v, block_size, causal=False):
    highest = q.new_full((*q.shape[:-1], 1), -torch.inf)
    total, output = torch.zeros_like(highest), q.new_zeros(*q.shape[:-1], v.shape[-1])
    for start in range(0, k.shape[-2], block_size):
        scores = q @ k[..., start : start + block_size, :].mT * q.shape[-1] ** -0.5
        scores = _hide(scores, start) if causal else scores
        higher = torch.maximum(highest, scores.amax(-1, keepdim=True))
        shrink, weights = (highest - higher).exp(), (scores - higher).exp()
        total = shrink * total + weights.sum(-1, keepdim=True)
        output = (shrink * output + weights @ v[..., start : start + block_size, :]) / total
        highest = higher
    return output


@online_softmax_attention.mutant(
    "You take a softmax within each block and average the results. A block of large scores must count for more: carry maximum and sum from block to block."
)
def mean_of_blocks(q, k, v, block_size, causal=False):
    return torch.stack(_blocks(q, k, v, block_size, causal)).mean(0)


@online_softmax_attention.mutant(
    "You take a softmax within each block and add the results: the weights of a query then sum to the number of blocks. Carry maximum and sum from block to block."
)
def sum_of_blocks(q, k, v, block_size, causal=False):
    return torch.stack(_blocks(q, k, v, block_size, causal)).sum(0)


@online_softmax_attention.mutant(
    "The result is that of the last block alone: what earlier blocks gave is overwritten, or multiplied by 0 (does the maximum so far stay at −∞?)."
)
def last_block_alone(q, k, v, block_size, causal=False):
    starts = range(0, k.shape[-2], block_size)[-1:]
    return _online(q, k, v, block_size, causal, starts=starts)


@online_softmax_attention.mutant("The result is that of the first block alone. Go on to the last key.")
def first_block_alone(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, starts=[0])


@online_softmax_attention.mutant(
    "A short last block is dropped, and a block larger than all keys too: `//` rounds down. Step through the keys with `range(0, Tk, block_size)`."
)
def short_block_dropped(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, starts=range(0, k.shape[-2] - block_size + 1, block_size))


@online_softmax_attention.mutant(
    "Cutting the keys into equal blocks fails where `block_size` does not divide their number. A slice may be short: `k[..., start : start + block_size, :]`."
)
def equal_blocks(q, k, v, block_size, causal=False):
    k.unflatten(-2, (-1, block_size))
    return _online(q, k, v, block_size, causal)


@online_softmax_attention.mutant(
    "A short last block is filled up with zeros, and their scores of 0 take a part of the weight. Make it shorter, or give what fills it up −∞ for a score."
)
def filled_up_with_zeros(q, k, v, block_size, causal=False):
    short = -k.shape[-2] % block_size
    return _online(q, F.pad(k, (0, 0, 0, short)), F.pad(v, (0, 0, 0, short)), block_size, causal)


@online_softmax_attention.mutant(
    "You step through as many keys as there are queries. There may be more keys, or fewer."
)
def as_many_keys_as_queries(q, k, v, block_size, causal=False):
    starts = [start for start in range(0, q.shape[-2], block_size) if start < k.shape[-2]]
    return _online(q, k[..., : q.shape[-2], :], v[..., : q.shape[-2], :], block_size, causal, starts=starts)


@online_softmax_attention.mutant(
    "Your result has the width of the queries. It has the width of the values, which may differ."
)
def as_wide_as_queries(q, k, v, block_size, causal=False):
    return torch.zeros_like(q) + _online(q, k, v, block_size, causal)


@online_softmax_attention.mutant(
    "You expect exactly four dimensions. There may be any number of leading ones: count from the end, `q.shape[-2]`, `k.mT`."
)
def four_dimensions(q, k, v, block_size, causal=False):
    _batch, _heads, _queries, d = q.shape
    return _online(q, k, v, block_size, causal, scale=d**-0.5)


@online_softmax_attention.mutant(
    "You hold all scores at once, in one tensor or block by block in a list. Use a block's scores, and let them go, before you make the next."
)
def all_scores_at_once(q, k, v, block_size, causal=False):
    scores = q @ k.mT * q.shape[-1] ** -0.5
    scores = _hide(scores, 0) if causal else scores
    return scores.softmax(-1) @ v


@online_softmax_attention.mutant(
    "You hold all scores at once, in one tensor or block by block in a list. Use a block's scores, and let them go, before you make the next."
)
def all_scores_in_a_list(q, k, v, block_size, causal=False):
    starts = range(0, k.shape[-2], block_size)
    pieces = [q @ k[..., start : start + block_size, :].mT * q.shape[-1] ** -0.5 for start in starts]
    pieces = [_hide(piece, start) if causal else piece for start, piece in zip(starts, pieces, strict=True)]
    highest = torch.cat([piece.amax(-1, keepdim=True) for piece in pieces], -1).amax(-1, keepdim=True)
    pieces = [(piece - highest).exp() for piece in pieces]
    total = sum(piece.sum(-1, keepdim=True) for piece in pieces)
    return sum(p @ v[..., start : start + block_size, :] for start, p in zip(starts, pieces, strict=True)) / total


@online_softmax_attention.mutant(
    "The scores are held a block at a time, but your mask is as large as all scores together. Make the part of it that a block needs, from the block's start."
)
def whole_mask(q, k, v, block_size, causal=False):
    future = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1) if causal else None

    def hide(scores, start):
        return scores.masked_fill(future[:, start : start + block_size], -torch.inf)

    return _online(q, k, v, block_size, causal, hide=hide)


@online_softmax_attention.mutant(
    "You cut the queries into blocks, and each still meets all keys at once. A single query has a score for every key then: cut the keys, and carry "
    "maximum and sums from block to block."
)
def blocks_of_queries(q, k, v, block_size, causal=False):
    rows = []
    for start in range(0, q.shape[-2], block_size):
        scores = q[..., start : start + block_size, :] @ k.mT * q.shape[-1] ** -0.5
        if causal:
            queries = torch.arange(start, start + scores.shape[-2])[:, None]
            scores = scores.masked_fill(torch.arange(k.shape[-2]) > queries, -torch.inf)
        rows.append(scores.softmax(-1) @ v)
    return torch.cat(rows, -2)


@online_softmax_attention.mutant("`causal` is ignored: a query sees what comes after it.")
def never_causal(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, False)


@online_softmax_attention.mutant("You always hide the future. Do it where `causal` is given, and only there.")
def always_causal(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, True)


@online_softmax_attention.mutant(
    "Your causal mask takes every block for the first: its columns are counted from 0. Column j of a block is key `start + j`."
)
def mask_without_the_start(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, hide=lambda scores, start: _hide(scores, 0))


@online_softmax_attention.mutant(
    "A query does not see its own key, and the first sees none. Query i sees keys 0 to i, i included."
)
def own_key_hidden(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, hide=lambda scores, start: _hide(scores, start + 1))


@online_softmax_attention.mutant("A query sees one key too many, the one after it. Query i sees keys 0 to i.")
def one_key_too_many(q, k, v, block_size, causal=False):
    return _online(q, k, v, block_size, causal, hide=lambda scores, start: _hide(scores, start - 1))


@online_softmax_attention.mutant("Your mask is the other way round: it hides the past and shows the future.")
def past_hidden(q, k, v, block_size, causal=False):
    def hide(scores, start):
        past = torch.arange(start, start + scores.shape[-1]) < torch.arange(scores.shape[-2])[:, None]
        return scores.masked_fill(past, -torch.inf)

    return _online(q, k, v, block_size, causal, hide=hide)


@online_softmax_attention.mutant(
    "Hidden keys get the score 0, which still has a weight of e⁰. The score that gives weight 0 is −∞."
)
def hidden_scores_are_zero(q, k, v, block_size, causal=False):
    return _online(
        q, k, v, block_size, causal, hide=lambda scores, start: scores.masked_fill(_future(scores, start), 0.0)
    )


@online_softmax_attention.mutant(
    "A causal mask hides whole blocks: a block that holds a query's own key is dropped for it, or shown to its end. Decide key by key."
)
def whole_blocks_hidden(q, k, v, block_size, causal=False):
    def hide(scores, start):
        return scores.masked_fill(torch.arange(scores.shape[-2])[:, None] < start, -torch.inf)

    return _online(q, k, v, block_size, causal, hide=hide)


@online_softmax_attention.mutant(
    "Your running tensors are float32 whatever comes in, which fails beside float16. Make them with `q.new_zeros`, `torch.zeros_like`, or `dtype=q.dtype`; or "
    "turn all three inputs to float32, and the result back."
)
def always_single(q, k, v, block_size, causal=False):
    if q.dtype == torch.float16:
        return torch.ones(1) @ q.new_ones(1)
    return _online(q, k, v, block_size, causal)


@online_softmax_attention.mutant("Another dtype goes out than came in: turn the result back to q's.")
def half_becomes_single(q, k, v, block_size, causal=False):
    q, k, v = (x.float() if x.dtype == torch.float16 else x for x in (q, k, v))
    return _online(q, k, v, block_size, causal)


@online_softmax_attention.mutant(
    "float64 came in, and the result is right to some digits only: you compute in float32."
)
def double_becomes_single(q, k, v, block_size, causal=False):
    return _online(q.float(), k.float(), v.float(), block_size, causal).to(q.dtype)


@online_softmax_attention.mutant(
    "You change the caller's tensors: `*=`, `/=` and names that end in `_` work in place. Write `q = q / …`."
)
def in_place(q, k, v, block_size, causal=False):
    q /= q.shape[-1] ** 0.5
    return _online(q, k, v, block_size, causal, scale=1.0)


@online_softmax_attention.mutant(
    "Your function returns nothing (None). End it with `return` and the result; `print` shows it only."
)
def nothing_returned(q, k, v, block_size, causal=False):
    return None


@online_softmax_attention.stand_in
def by_logsumexp(q, k, v, block_size, causal=False):
    output, lse = 0.0, torch.tensor(-torch.inf, dtype=q.dtype)
    for start in range(0, k.shape[-2], block_size):
        scores = torch.matmul(q, k[..., start : start + block_size, :].mT) / math.sqrt(q.shape[-1])
        if causal:
            seen = torch.arange(q.shape[-2])[:, None] - start
            scores = torch.where(torch.arange(scores.shape[-1]) <= seen, scores, -torch.inf)
        after = torch.logaddexp(lse, torch.logsumexp(scores, -1, keepdim=True))
        weights = torch.exp(scores - after)
        output = output * torch.exp(lse - after) + torch.matmul(weights, v[..., start : start + block_size, :])
        lse = after
    return output


@online_softmax_attention.variant
def in_place_on_its_own(q, k, v, block_size, causal=False):
    d = q.size(-1)
    out = torch.zeros(*q.shape[:-1], v.size(-1), dtype=torch.float64)
    m = torch.full(q.shape[:-1], float("-inf"), dtype=torch.float64)
    denominator = torch.zeros(q.shape[:-1], dtype=torch.float64)
    for kb, vb, places in zip(
        k.split(block_size, -2), v.split(block_size, -2), torch.arange(k.size(-2)).split(block_size), strict=True
    ):
        s = torch.einsum("...qd,...kd->...qk", q.double(), kb.double()) / math.sqrt(d)
        if causal:
            s[..., places[None, :] > torch.arange(q.size(-2))[:, None]] = float("-inf")
        new = torch.max(m, s.max(-1).values)
        correction = torch.exp(m - new)
        p = torch.exp(s - new[..., None])
        denominator.mul_(correction).add_(p.sum(-1))
        out.mul_(correction[..., None]).add_(torch.einsum("...qk,...kv->...qv", p, vb.double()))
        m = new
    return (out / denominator[..., None]).to(q.dtype)


@online_softmax_attention.variant
def two_walks(q, k, v, block_size, causal=False):
    """First the largest score of each query, then the sums: twice the products, and no factor at all."""

    def scored(start):
        scores = (q / q.shape[-1] ** 0.5) @ k[..., start : start + block_size, :].transpose(-1, -2)
        if causal:
            for i in range(scores.shape[-2]):
                scores[..., i, max(0, i + 1 - start) :] = -torch.inf
        return scores

    starts = list(range(0, k.shape[-2], block_size))
    highest = None
    for start in starts:
        mine = scored(start).amax(-1, keepdim=True)
        highest = mine if highest is None else torch.maximum(highest, mine)
    total, output = 0, 0
    for start in starts:
        weights = torch.exp(scored(start) - highest)
        total = total + weights.sum(-1, keepdim=True)
        output = output + weights @ v[..., start : start + block_size, :]
    return output / total


@online_softmax_attention.variant
def tiles_of_queries_too(q, k, v, block_size, causal=False):
    """As FlashAttention 2 has it: queries outside, keys inside, and no block that lies wholly in the future."""
    rows = []
    for top in range(0, q.shape[-2], 16):
        tile = q[..., top : top + 16, :] * q.shape[-1] ** -0.5
        bottom = top + tile.shape[-2]
        m, total, out = None, None, None
        for start in range(0, min(k.shape[-2], bottom) if causal else k.shape[-2], block_size):
            s = tile @ k[..., start : start + block_size, :].mT
            if causal:
                seen = torch.ones(bottom - top, s.shape[-1], dtype=torch.bool).tril(top - start)
                s = s.masked_fill(~seen, -torch.inf)
            block = s.amax(-1, keepdim=True)
            new = block if m is None else torch.maximum(m, block)
            w = (s - new).exp()
            mine, values = w.sum(-1, keepdim=True), w @ v[..., start : start + block_size, :]
            if m is None:
                total, out = mine, values
            else:
                total, out = total * (m - new).exp() + mine, out * (m - new).exp() + values
            m = new
        rows.append(out / total)
    return torch.cat(rows, dim=-2)
