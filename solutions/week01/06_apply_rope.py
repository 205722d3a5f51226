"""# Rotary position embedding

RoPE adds nothing to a token. It turns queries and keys, pair by pair of their features, by an angle that grows with the position:
turned by $p$ and $p'$, two vectors have a dot product that depends on $p - p'$ alone. Position becomes distance.

With $d$ features, feature $j$ of the first half and feature $j + d/2$ of the second half are a pair (*rotate halves*, as Llama
has it). At position $p$ the pair turns by $\\theta = p \\cdot b^{-2j/d}$:

$$\\begin{pmatrix} y_j \\\\ y_{j+d/2} \\end{pmatrix} = \\begin{pmatrix} \\cos\\theta & -\\sin\\theta \\\\ \\sin\\theta & \\cos\\theta
\\end{pmatrix} \\begin{pmatrix} x_j \\\\ x_{j+d/2} \\end{pmatrix}$$

Turn `x` of shape (…, T, d), the token in row $t$ by the position `positions[t]`.

- Any number of leading dimensions: (T, d), (batch, T, d), (batch, heads, T, d).
- `positions` holds any integers in any order. A model that generates has one token, far from 0; a padded batch has negative ones.
- The result has x's dtype. In `bfloat16` the numbers 257 and 258 are one, so compute the angles in `float32`.
- An odd $d$ leaves a feature without its partner: raise `ValueError`.

`apply_rotary_pos_emb` of transformers is not an answer here.
"""

import functools

import torch

from grader import close, exercise, leaves_alone, raises, vjp


@exercise(
    points=6,
    twins=["apply_rotary_pos_emb", "LlamaRotaryEmbedding", "RotaryEmbedding", "rotate_half"],
    hints=[
        "There are d / 2 rates, the first is 1. A column of positions times a row of rates gives all angles, shape (T, d / 2); "
        "that broadcasts against any leading dimensions.",
        "Split the features into a first and a second half, each (…, T, d / 2). The formula gives the new first half from "
        "both old ones, and the new second half from both old ones.",
        "Join the new halves with `torch.cat` along the last dimension. cos and sin are float32, so a product with bfloat16 is "
        "float32 too: turn the result back to x's dtype at the end.",
    ],
)
def apply_rope(x: torch.Tensor, positions: torch.Tensor, base: float = 10000.0) -> torch.Tensor:
    """Return `x`, (…, T, d), with each token turned by its position; shape and dtype are x's.

    `positions` are T integers. Raises ValueError for an odd d. Source: Su et al., 2021; pairs as in transformers' Llama.

    >>> apply_rope(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
    tensor([[1.0000, 0.0000],
            [0.5403, 0.8415]])
    """
    d = x.shape[-1]
    if d % 2:
        raise ValueError(f"the last dimension must be even, not {d}: features turn in pairs")
    rates = base ** (-torch.arange(0, d, 2, device=x.device) / d)
    angles = positions[:, None] * rates
    cos, sin = angles.cos(), angles.sin()
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1).to(x.dtype)


def rope_example():
    """Three tokens of 8 features, their positions, and what transformers' Llama makes of them."""
    x = [[1.0, 2, 3, 4, -4, -3, -2, -1], [2, -1, 3, 1, 0, 1, -2, 2], [3, 1, -2, 2, 1, -1, 2, -2]]
    turned = [
        [3.22104, 2.55614, 3.03940, 4.00199, 2.57388, -2.54286, -1.93960, -0.99200],
        [2.0, -1.0, 3.0, 1.0, 0.0, 1.0, -2.0, 2.0],
        [1.80991, 1.35701, -2.09746, 2.00997, -2.59311, -0.39816, 1.89754, -1.98997],
    ]
    return torch.tensor(x), torch.tensor([2, 0, 5]), torch.tensor(turned)


@apply_rope.check
def equals_llama(apply_rope):
    """three tokens at positions 2, 0 and 5 are turned as transformers' Llama turns them"""
    x, positions, turned = rope_example()
    close(apply_rope(x, positions), turned)


@apply_rope.check
def any_positions(apply_rope):
    """positions may be negative, may repeat and may come in any order"""
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0], [-1.0, 0.5, 2.0, 1.0], [0.5, -2.0, 1.0, 3.0]])
    expected = [
        [-0.56663, 2.11908, -3.11110, 3.93821],
        [-2.06788, 0.42883, 0.85082, 1.03252],
        [-0.28004, -2.20493, 1.08240, 2.85277],
    ]
    close(apply_rope(x, torch.tensor([-3, 7, 7])), torch.tensor(expected))


@apply_rope.check
def only_distance_counts(apply_rope):
    """a query and a key 5 tokens apart have one dot product, wherever they stand"""
    query, key = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[-1.0, 0.5, 2.0, 1.0]])
    for first, second in ((9, 4), (105, 100)):
        product = apply_rope(query, torch.tensor([first])) * apply_rope(key, torch.tensor([second]))
        close(product.sum(), torch.tensor(1.6174), what="the dot product")


@apply_rope.check
def any_base(apply_rope):
    """`base` sets how slowly the later pairs turn"""
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0], [-1.0, 0.5, 2.0, 1.0]])
    for base, expected in (
        (100.0, [[-1.98411, 1.59068, 2.46238, 4.17968], [2.16725, 0.07111, -0.55048, 1.11577]]),
        (16.0, [[-1.98411, 0.94821, 2.46238, 4.37046], [2.16725, -0.57132, -0.55048, 0.96104]]),
    ):
        close(apply_rope(x, torch.tensor([1, 4]), base=base), torch.tensor(expected))


@apply_rope.check
def heads_and_batches(apply_rope):
    """every head of every text is turned alike, though there are 3 heads and 3 tokens"""
    x, positions, turned = rope_example()
    scale = torch.tensor([[1.0, -1.0, 0.5], [2.0, 0.0, -0.5]])[:, :, None, None]
    close(apply_rope(scale * x, positions), scale * turned)


@apply_rope.check
def half_precision(apply_rope):
    """bfloat16 in, bfloat16 out, even at position 710, which is 113 full turns and which bfloat16 cannot hold"""
    x = torch.tensor([[[1.0, 2.0]], [[-3.0, 0.5]]], dtype=torch.bfloat16)
    close(apply_rope(x, torch.tensor([710])), x, atol=2e-2)
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0]], dtype=torch.bfloat16)
    turned = torch.tensor([[2.50562, -1.61707, 1.92922, -4.16954]]).bfloat16()
    close(apply_rope(x, torch.tensor([301]), base=1000.0), turned, atol=6e-2)


@apply_rope.check
def refuses_odd(apply_rope):
    """an odd number of features raises ValueError"""
    with raises(ValueError):
        apply_rope(torch.ones(2, 5), torch.tensor([0, 1]))


@apply_rope.check
def gradients_flow(apply_rope):
    """gradients flow back to x: the gradient of a turned vector, turned back, is the vector"""
    x, positions, turned = rope_example()
    close(vjp(apply_rope, (x, positions), turned)[1][0], x, what="the gradient")


@apply_rope.check
def leaves_its_input_alone(apply_rope):
    """the caller's tensors are left as they were"""
    leaves_alone(apply_rope, torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([3, 1]))


@functools.lru_cache(64)
def _llama_angles(d, base):
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    config = LlamaConfig(hidden_size=d, head_dim=d, num_attention_heads=1)
    config.rope_parameters = {"rope_type": "default", "rope_theta": base}
    return LlamaRotaryEmbedding(config)


def _by_llama(x, positions, base=10000.0):
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    *leading, length, d = x.shape
    cos, sin = _llama_angles(d, base)(x, positions[None])
    heads = x.reshape(1, -1, length, d)
    return apply_rotary_pos_emb(heads, heads, cos, sin)[0].reshape(*leading, length, d)


def _drawn(rng, leading):
    *sizes, length, half = torch.randint(2, 6, (leading + 2,), generator=rng).tolist()
    x = torch.randn((*sizes, length, 2 * half), generator=rng)
    return x, torch.randint(-40, 120, (length,), generator=rng)


@apply_rope.hidden
def equals_llama_anywhere(apply_rope, rng):
    """any shape at any positions is turned as transformers' Llama turns it"""
    for leading in (0, 1, 2):
        x, positions = _drawn(rng, leading)
        close(apply_rope(x, positions), _by_llama(x, positions))


@apply_rope.hidden
def any_base_anywhere(apply_rope, rng):
    """any base is taken as transformers' Llama takes it"""
    for _ in range(3):
        x, positions = _drawn(rng, 1)
        base = 4.0 ** float(1 + 9 * torch.rand((), generator=rng))
        close(apply_rope(x, positions, base), _by_llama(x, positions, base))


@apply_rope.hidden
def half_precision_anywhere(apply_rope, rng):
    """bfloat16, float16 and float64 keep their dtype"""
    for dtype, tolerance in ((torch.bfloat16, 6e-2), (torch.float16, 8e-3), (torch.float64, 1e-4)):
        x, positions = _drawn(rng, 1)
        x, positions = x.clamp(-3, 3).to(dtype), 2 * positions + 301
        close(apply_rope(x, positions), _by_llama(x.float(), positions).to(dtype), atol=tolerance)


@apply_rope.hidden
def gradients_anywhere(apply_rope, rng):
    """gradients are those of transformers' Llama"""
    x, positions = _drawn(rng, 2)
    upstream = torch.randn(x.shape, generator=rng)
    close(
        vjp(apply_rope, (x, positions), upstream)[1][0],
        vjp(_by_llama, (x, positions), upstream)[1][0],
        what="the gradient",
    )


@apply_rope.hidden
def refuses_odd_anywhere(apply_rope, rng):
    """every odd number of features raises ValueError"""
    x, positions = _drawn(rng, 1)
    with raises(ValueError):
        apply_rope(x[..., 1:], positions)


def _even(x):
    if x.shape[-1] % 2:
        raise ValueError("an even number of features is needed")


def _angles(x, positions, base):
    _even(x)
    return positions[:, None] * base ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])


def _turned(x, angles):
    first, second = x.float().chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1).to(x.dtype)


@apply_rope.mutant("Your vectors come back as they went in: nothing is turned.")
def identity(x, positions, base=10000.0):
    _even(x)
    return x.clone()


@apply_rope.mutant(
    "`positions` is ignored: you always count 0, 1, 2, … Each token has the position that the caller says."
)
def positions_ignored(x, positions, base=10000.0):
    return _turned(x, _angles(x, torch.arange(len(positions)), base))


@apply_rope.mutant(
    "You count from the first token of the call. A token generated later is then always at 0: take the positions as they are."
)
def positions_from_the_first(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions - positions[0], base))


@apply_rope.mutant("Your positions are 1 too large: a token at position 0 is not turned at all.")
def positions_from_one(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions + 1, base))


@apply_rope.mutant(
    "A negative position picks a row from the end of your table of angles. Compute the angles from `positions` themselves."
)
def looked_up_in_a_table(x, positions, base=10000.0):
    return _turned(x, _angles(x, torch.arange(max(positions) + 1), base)[positions])


@apply_rope.mutant("You take the absolute value of the positions: −3 turns the other way from 3.")
def positions_without_sign(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions.abs(), base))


@apply_rope.mutant(
    "Your pairs are neighbours (0, 1), (2, 3), … as in the RoPE paper and GPT-J. Llama pairs feature j with feature j + d/2."
)
def neighbours(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    cos, sin = angles.cos(), angles.sin()
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, odd * cos + even * sin], -1).flatten(-2).to(x.dtype)


@apply_rope.mutant(
    "Two conventions are mixed: you take neighbours (0, 1), (2, 3), … for pairs and put what comes of them in halves. Both ways "
    "it is halves: feature j with feature j + d/2."
)
def neighbours_in_halves_out(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    cos, sin = angles.cos(), angles.sin()
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.cat([even * cos - odd * sin, odd * cos + even * sin], -1).to(x.dtype)


@apply_rope.mutant(
    "Two conventions are mixed: you take halves for pairs and put what comes of them side by side (`stack` and `flatten`). The "
    "new halves stand one after the other: `torch.cat`."
)
def halves_in_neighbours_out(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, base)).unflatten(-1, (2, -1)).transpose(-2, -1).flatten(-2)


@apply_rope.mutant(
    "Your pairs are neighbours (0, 1), (2, 3), …, and they turn the other way round. Llama pairs feature j with feature j + d/2; "
    "the minus belongs to the sine in the new first half."
)
def neighbours_backwards(x, positions, base=10000.0):
    return neighbours(x, -positions, base)


@apply_rope.mutant(
    "You have cosines and sines for d/2 pairs, but multiply all d features by them. Either work on the two halves, or let each "
    "angle stand twice: the row of them, then the same row again (`torch.cat`)."
)
def angles_not_doubled(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    first, second = x.chunk(2, -1)
    return (x * angles.cos() + torch.cat([-second, first], -1) * angles.sin()).to(x.dtype)


@apply_rope.mutant(
    "Positions and rates are multiplied one by one. Every position meets every rate: stand the positions up as a column, "
    "`positions[:, None]`."
)
def no_column_of_positions(x, positions, base=10000.0):
    _even(x)
    return _turned(x, positions * base ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1]))


@apply_rope.mutant(
    "Your result has a dimension of size 1 in front that x has not: angles of shape (T, d/2) broadcast as they are."
)
def extra_dimension(x, positions, base=10000.0):
    result = _turned(x, _angles(x, positions, base))
    return result[None] if x.dim() < 3 else result


@apply_rope.mutant(
    "Tokens are not dimension 1 in every x, and features not dimension 2: count from the end. `x.shape[-2]` and `x.shape[-1]` are "
    "right whatever stands in front."
)
def three_dimensions_only(x, positions, base=10000.0):
    _batch, _length, _d = x.shape
    return _turned(x, _angles(x, positions, base))


@apply_rope.mutant(
    "`positions` is ignored, and your pairs are neighbours (0, 1), (2, 3), … Take the positions that the caller gives, and "
    "pair feature j with feature j + d/2."
)
def neighbours_and_positions_ignored(x, positions, base=10000.0):
    return neighbours(x, torch.arange(len(positions)), base)


@apply_rope.mutant(
    "Two conventions are mixed: you rotate halves, but each angle stands twice side by side (`repeat_interleave`), so the two "
    "features of a pair turn by different angles. The angles of the second half are those of the first."
)
def halves_with_angles_of_neighbours(x, positions, base=10000.0):
    angles = _angles(x, positions, base).repeat_interleave(2, -1)
    first, second = x.chunk(2, -1)
    return (x * angles.cos() + torch.cat([-second, first], -1) * angles.sin()).to(x.dtype)


@apply_rope.mutant(
    "Two conventions are mixed: your pairs are neighbours (0, 1), (2, 3), …, with the angles of halves. Pair feature j with "
    "feature j + d/2."
)
def neighbours_with_angles_of_halves(x, positions, base=10000.0):
    angles = _angles(x, positions, base).repeat(1, 2)
    swapped = torch.stack([-x[..., 1::2], x[..., 0::2]], -1).flatten(-2)
    return (x * angles.cos() + swapped * angles.sin()).to(x.dtype)


@apply_rope.mutant(
    "You turn the other way round. The minus belongs to the sine that meets the second half, in the new first half."
)
def backwards(x, positions, base=10000.0):
    return _turned(x, -_angles(x, positions, base))


@apply_rope.mutant(
    "There is no minus in your rotation: a turned vector changes its length. The new first half takes its sine with a minus."
)
def no_minus(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    first, second = x.chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos + second * sin, second * cos + first * sin], -1).to(x.dtype)


@apply_rope.mutant(
    "You multiply by the cosines and leave it at that. In a rotation the two features of a pair mix: add the sine parts."
)
def cosines_only(x, positions, base=10000.0):
    return (x * _angles(x, positions, base).cos().repeat(1, 2)).to(x.dtype)


@apply_rope.mutant("Sine and cosine have changed places. At position 0 the cosine keeps a vector as it is.")
def cos_and_sin_swapped(x, positions, base=10000.0):
    return _turned(x, torch.pi / 2 - _angles(x, positions, base))


@apply_rope.mutant("You add a position vector to x. RoPE adds nothing: it turns pairs of features.")
def added(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    return (x + torch.cat([angles.sin(), angles.cos()], -1)).to(x.dtype)


@apply_rope.mutant(
    "The first half is overwritten before the second is computed from it. Compute both from the old values, then join them."
)
def overwritten(x, positions, base=10000.0):
    angles = _angles(x, positions, base)
    first, second = x.chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    first = first * cos - second * sin
    second = second * cos + first * sin
    return torch.cat([first, second], -1).to(x.dtype)


@apply_rope.mutant("`base` is ignored: you always take 10000.")
def base_ignored(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, 10000.0))


@apply_rope.mutant("The exponent is −j/d; it is −2j/d. Your later pairs turn too fast.")
def exponent_not_doubled(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, base**0.5))


@apply_rope.mutant(
    "The exponent is doubled twice: 0, 2, 4, … are already 2j, and there are d features, not d/2. Your later pairs turn too slowly."
)
def exponent_doubled_twice(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, base**2))


@apply_rope.mutant(
    "Your later pairs turn faster and faster. The exponent has a minus: each pair is slower than the one before."
)
def faster_and_faster(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, 1 / base))


@apply_rope.mutant("All pairs turn alike. Each has its own rate, base^(−2j/d); divide with `/`, not `//`.")
def one_rate(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, 1.0))


@apply_rope.mutant("Your slowest rate is exactly 1/base: you divide the exponent by d/2 − 1. Divide 2j by d.")
def slowest_is_base(x, positions, base=10000.0):
    _even(x)
    half = x.shape[-1] // 2
    return _turned(x, positions[:, None] * base ** (-torch.arange(half) / (half - 1)))


@apply_rope.mutant("You count pairs from 1. The first pair has j = 0: its rate is 1.")
def pairs_from_one(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, base) * base ** (-2 / x.shape[-1]))


@apply_rope.mutant(
    "You add a dimension between tokens and features, as for (batch, T, heads, d). Here tokens are the last dimension but "
    "one: angles of shape (T, d/2) broadcast as they are."
)
def heads_after_tokens(x, positions, base=10000.0):
    return _turned(x, _angles(x, positions, base)[:, None])


@apply_rope.mutant(
    "bfloat16 came in and float32 went out: turn the result back to the dtype that x came in with. (After `x = x.float()`, x's own "
    "dtype is float32.)"
)
def half_becomes_single(x, positions, base=10000.0):
    return _turned(x.float() if x.dtype.itemsize == 2 else x, _angles(x, positions, base))


@apply_rope.mutant("The angles are computed in bfloat16, where 257 and 258 are one number. Compute them in float32.")
def angles_in_half(x, positions, base=10000.0):
    return _turned(x, (positions.to(x.dtype)[:, None] * _angles(x, torch.ones(1), base).to(x.dtype)).float())


@apply_rope.mutant(
    "Your rates are rounded to bfloat16, three digits, and a far position multiplies the error. Compute rates and angles in float32."
)
def rates_in_half(x, positions, base=10000.0):
    rates = _angles(x, torch.ones(1), base).to(x.dtype).float()
    return _turned(x, positions[:, None] * rates)


@apply_rope.mutant(
    "Your rates are rounded to bfloat16, three digits, and a far position multiplies the error. Compute rates and angles in float32."
)
def exponents_in_half(x, positions, base=10000.0):
    _even(x)
    d = x.shape[-1]
    rates = base ** (-torch.arange(0, d, 2, dtype=x.dtype) / d)
    return _turned(x, positions[:, None] * rates.float())


@apply_rope.mutant("The result is cut off from x (`.data`, `.detach()` or NumPy): no gradient can flow back.")
def detached(x, positions, base=10000.0):
    return _turned(x.detach(), _angles(x, positions, base))


@apply_rope.mutant("You write into the caller's x. Make a new tensor, for example with `torch.cat`.")
def in_place(x, positions, base=10000.0):
    result = _turned(x, _angles(x, positions, base))
    return result if x.requires_grad else x.copy_(result)


@apply_rope.mutant(
    "An odd number of features stops somewhere in the arithmetic. Raise ValueError first, with a sentence that says why."
)
def odd_breaks(x, positions, base=10000.0):
    d = x.shape[-1]
    angles = positions[:, None] * base ** (-torch.arange(0, d, 2) / d)
    first, second = x[..., : d // 2].float(), x[..., d // 2 :].float()
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1).to(x.dtype)


@apply_rope.mutant("An odd number of features loses one: you work on 2·(d // 2). Raise ValueError.")
def odd_loses_one(x, positions, base=10000.0):
    even = x[..., : x.shape[-1] // 2 * 2]
    return _turned(even, _angles(even, positions, base))


@apply_rope.mutant(
    "An odd number of features stops at an `assert`. Callers expect ValueError: raise it, with a sentence that says why."
)
def asserts(x, positions, base=10000.0):
    assert x.shape[-1] % 2 == 0
    return _turned(x, _angles(x, positions, base))


@apply_rope.stand_in
def by_the_library(x, positions, base=10000.0):
    half, odd = divmod(x.shape[-1], 2)
    if odd:
        raise ValueError("an even number of features is needed")
    rates = torch.logspace(0, -1, half + 1, base, dtype=torch.float64)[:-1]
    turns = torch.polar(torch.ones(len(positions), half).double(), torch.outer(positions.double(), rates))
    pairs = torch.complex(x[..., :half].double(), x[..., half:].double()) * turns
    return torch.cat([pairs.real, pairs.imag], -1).to(x.dtype)


@apply_rope.variant
def as_in_llama(x, positions, base=10000.0):
    d = x.shape[-1]
    if d % 2 != 0:
        raise ValueError(f"d = {d} is odd")
    inv_freq = 1.0 / (base ** (torch.arange(0, d, 2).float() / d))
    freqs = torch.outer(positions.float(), inv_freq)
    emb = torch.cat((freqs, freqs), dim=-1)
    cos, sin = emb.cos().to(x.dtype), emb.sin().to(x.dtype)
    x1, x2 = x[..., : d // 2], x[..., d // 2 :]
    return x * cos + torch.cat((-x2, x1), dim=-1) * sin


@apply_rope.variant
def token_by_token(x, positions, base=10000.0):
    if x.size(-1) % 2 == 1:
        raise ValueError("odd")
    half = x.size(-1) // 2
    tokens = []
    for t, position in enumerate(positions.tolist()):
        new = [None] * (2 * half)
        for j in range(half):
            angle = torch.tensor(position * base ** (-j / half), dtype=torch.float64)
            a, b = x[..., t, j].double(), x[..., t, j + half].double()
            new[j], new[j + half] = a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()
        tokens.append(torch.stack(new, -1))
    return torch.stack(tokens, -2).to(x.dtype)


@apply_rope.variant
def by_matrices(x, positions, base=10000.0):
    half, odd = divmod(x.shape[-1], 2)
    if odd:
        raise ValueError("odd")
    rates = torch.tensor([base ** (-j / half) for j in range(half)], dtype=torch.float64)
    quarter_turn = torch.zeros(2 * half, 2 * half, dtype=torch.float64)
    quarter_turn[range(half, 2 * half), range(half)] = rates
    quarter_turn[range(half), range(half, 2 * half)] = -rates
    turns = torch.matrix_exp(positions.double()[:, None, None] * quarter_turn)
    return torch.einsum("tij,...tj->...ti", turns, x.double()).to(x.dtype)
