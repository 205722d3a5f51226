"""# AWQ

A few features are far larger than the others, and a weight's error counts as much as the feature that it is multiplied with.
[AWQ (2023)](https://arxiv.org/abs/2306.00978) protects the weights of large features without giving them more bits: it multiplies their columns by a scale
$s_j > 1$ before rounding, and divides the feature by it when the layer runs. On a grid whose step stays the same, the error of that column is $s_j$ times smaller.

But scales that are too large stretch the whole row's grid, to the harm of all other columns. So AWQ tries:

$$s = \\Big(\\frac{1}{n}\\sum_{i=1}^{n} |x_i|\\Big)^{\\alpha} \\qquad
\\alpha^* = \\arg\\min_\\alpha \\Big\\| X \\Big(\\frac{\\mathrm{round}(w \\cdot s)}{s} - w\\Big)^{\\!\\top} \\Big\\|^2$$

The mean runs over the rows of `activations`, (n, in), one number a feature. `w` is (out, in).

- `grid` values of α are tried, evenly spread from 0 on: 0, 1/grid, 2/grid, … (Whether 1 itself is among them is yours to choose.) α = 0 is plain rounding,
  so the best α never loses to it.
- Rounding here is symmetric, with a step for each row of `w · s`: its largest absolute value / $(2^{\\mathrm{bits}-1} - 1)$. A row of zeros stays zeros.
- A feature that is 0 in every row still gets a positive scale (a lower bound of $10^{-4}$ for its mean will do).
- A factor common to all scales changes nothing.

Return the best `s`: (in,), positive, dtype of `w`. The checks round `w · s` by this rule, divide by `s`, and compare outputs with those of plain rounding.
"""

import math

import torch

from grader import Mismatch, close, exercise, leaves_alone


@exercise(
    points=4,
    twins=["AwqQuantizer", "AutoAWQForCausalLM", "AWQModifier"],
    hints=[
        "Two parts: a function of s that rounds `w * s` row by row, divides by s and gives the error of the outputs; and a loop over α that keeps the s with the least.",
        "`activations.abs().mean(0)` is one number a feature; `.clamp(min=1e-4)` keeps it above zero for any power.",
        "A row's step is a column, `(w * s).abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)`. For a row of zeros put 1 in its place, else 0 / 0 makes every error NaN.",
        "Outputs are `activations @ w.T`. By linearity their error is `activations @ (w_hat - w).T`: one product an α.",
    ],
)
def awq_scales(w: torch.Tensor, activations: torch.Tensor, bits: int = 4, grid: int = 20) -> torch.Tensor:
    """Return the scales (in,) by which to multiply the columns of `w` before its rows are rounded.

    Args:
        w: weights (out, in).
        activations: the layer's inputs, (n, in).
        bits: of each weight.
        grid: how many powers of the features' mean size are tried.

    >>> s = awq_scales(torch.tensor([[1.0, 0.26, 0.1]]), torch.tensor([[1.0, 8.0, 1.0]]))
    >>> (s / s[0]).round(decimals=2)
    tensor([1.0000, 1.6800, 1.0000])
    """
    size = activations.abs().mean(0).clamp(min=1e-4)
    best, least = torch.ones_like(size), math.inf
    for i in range(grid):
        s = size ** (i / grid)
        step = (w * s).abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
        step = step.masked_fill(step == 0.0, 1.0)
        w_hat = (w * s / step).round() * step / s
        error = float((activations @ (w_hat - w).T).square().sum())
        if error < least:
            best, least = s, error
    return best


def awq_layer(seed, outliers, rows=96, features=64, samples=48):
    """Weights (rows, features), and inputs of which two features are twenty times as large; their columns are `outliers` times the others."""
    rng = torch.Generator().manual_seed(seed)
    w = torch.randn(rows, features, generator=rng)
    x = torch.randn(samples, features, generator=rng) * torch.linspace(0.5, 2.0, features)
    x[:, 10], x[:, 37] = 20 * x[:, 10], 20 * x[:, 37]
    w[:, 10], w[:, 37] = outliers * w[:, 10], outliers * w[:, 37]
    return w, x


def awq_error(s, w, x, bits):
    """The error of the outputs where w · s is rounded row by row."""
    scaled = (w * s).double()
    step = scaled.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
    levels = (scaled / torch.where(step == 0, 1.0, step)).round()
    return float((x.double() @ (levels * step / s.double() - w.double()).T).square().mean())


def awq_judged(s, w, x, bits, at_most):
    """Demand scales, and an error that is at most this part of plain rounding's."""
    close(s, torch.ones(w.shape[1]), atol=math.inf, what="the scales")
    if not bool(((s > 0) & s.isfinite()).all()):
        raise Mismatch("every scale should be a positive, finite number", None, s)
    part = awq_error(s, w, x, bits) / awq_error(torch.ones_like(s), w, x, bits)
    if part > at_most:
        raise Mismatch(
            f"the outputs' error is {part:.3f} of that of plain rounding; the best power gets below {at_most:.3f}",
            None,
            s,
        )


@awq_scales.check
def beats_rounding(awq_scales):
    """two features are twenty times as large as the others: the error of the outputs falls to 30% of plain rounding's"""
    w, x = awq_layer(2, 1.0)
    awq_judged(awq_scales(w, x), w, x, 4, 0.30)


@awq_scales.check
def small_weights_at_large_features(awq_scales):
    """where large features meet small weights, larger scales pay: the error falls to 14%"""
    w, x = awq_layer(0, 0.15)
    awq_judged(awq_scales(w, x), w, x, 4, 0.14)


@awq_scales.check
def large_weights_at_large_features(awq_scales):
    """where large features meet large weights, any scale does harm: the error must not be above plain rounding's"""
    w, x = awq_layer(0, 8.0)
    awq_judged(awq_scales(w, x, bits=8), w, x, 8, 1.02)


@awq_scales.check
def two_bits(awq_scales):
    """the best scales depend on the number of bits: with 2, the error falls to 27%"""
    w, x = awq_layer(0, 1.0)
    awq_judged(awq_scales(w, x, bits=2), w, x, 2, 0.27)


@awq_scales.check
def dead_features(awq_scales):
    """features that are always 0 get positive scales, and do not spoil the others'"""
    w, x = awq_layer(3, 1.0)
    x[:, 5], x[:, 60] = 0.0, 0.0
    awq_judged(awq_scales(w, x), w, x, 4, 0.4)


@awq_scales.check
def row_of_zeros(awq_scales):
    """a row of zeros in w does no harm"""
    w, x = awq_layer(4, 1.0)
    w[7] = 0.0
    awq_judged(awq_scales(w, x), w, x, 4, 0.4)


@awq_scales.check
def leaves_its_inputs_alone(awq_scales):
    """the caller's weights and activations are left as they were"""
    w, x = awq_layer(5, 1.0, rows=4, features=40, samples=4)
    leaves_alone(awq_scales, w, x)


def _curve(w, x, bits):
    size = x.abs().mean(0).clamp(min=1e-4)
    return [awq_error(size ** (i / 20), w, x, bits) for i in range(20)]


@awq_scales.hidden
def any_layer(awq_scales, rng):
    """layers of any size, with large features at other places"""
    for bits in (3, 4):
        seed, rows, features = (
            int(torch.randint(low, high, (), generator=rng)) for low, high in ((0, 10**9), (90, 120), (48, 80))
        )
        w, x = awq_layer(seed, 0.15 + 0.85 * float(torch.rand((), generator=rng)), rows, features)
        order = torch.randperm(features, generator=rng)
        w, x = w[:, order], x[:, order]
        curve = _curve(w, x, bits)
        awq_judged(awq_scales(w, x, bits=bits), w, x, bits, 1.3 * min(curve) / curve[0])


@awq_scales.hidden
def never_worse(awq_scales, rng):
    """layers in which large features do not stand out, or scales do harm: plain rounding is the limit"""
    for outliers in (0.05, 8.0, 50.0):
        w, x = awq_layer(int(torch.randint(0, 10**9, (), generator=rng)), outliers)
        if outliers < 1:
            x[:, 10], x[:, 37] = x[:, 10] / 20, x[:, 37] / 20
        awq_judged(awq_scales(w, x, bits=8), w, x, 8, 1.02)


def _size(x):
    return x.abs().mean(0).clamp(min=1e-4)


def _levels(scaled, bits):
    step = scaled.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
    step = step.masked_fill(step == 0.0, 1.0)
    return (scaled / step).round() * step


def _error(s, w, x, bits):
    return float((x @ (_levels(w * s, bits) / s - w).T).square().sum())


def _best(w, x, bits, grid, size=None, error=_error, powers=None):
    size = _size(x) if size is None else size
    tried = [size**alpha for alpha in (powers or [i / grid for i in range(grid)])]
    return min(tried, key=lambda s: error(s, w, x, bits))


@awq_scales.mutant(
    "All your scales are equal: that is plain rounding. If you do try powers of the features' mean size, look at what you try (`i // grid` is always 0) and at what you compare (`round(w · s)` must be divided by s again, and multiplied by the activations)."
)
def ones(w, activations, bits=4, grid=20):
    return torch.ones(w.shape[1])


@awq_scales.mutant(
    "You take the features' mean size itself, α = 1: far too much. Try powers from 0 on, and keep the best."
)
def power_one(w, activations, bits=4, grid=20):
    return _size(activations)


@awq_scales.mutant(
    "You take one and the same power of the features' mean size (½, or ¼) for every layer. The best power differs from layer to layer: try `grid` of them."
)
def one_half(w, activations, bits=4, grid=20):
    return _size(activations) ** 0.5


@awq_scales.mutant(
    "You take one and the same power of the features' mean size (½, or ¼) for every layer. The best power differs from layer to layer: try `grid` of them."
)
def one_quarter(w, activations, bits=4, grid=20):
    return _size(activations) ** 0.25


@awq_scales.mutant(
    "These are SmoothQuant's scales, which balance inputs against weights. AWQ looks at inputs alone, and tries `grid` powers."
)
def smooth(w, activations, bits=4, grid=20):
    return (activations.abs().amax(0) / w.abs().amax(0).clamp(min=1e-5)).clamp(min=1e-5) ** 0.5


@awq_scales.mutant(
    "Your scales come from the weights. What makes a weight count is the size of the *feature* that it meets."
)
def from_weights(w, activations, bits=4, grid=20):
    return _best(w, activations, bits, grid, size=w.abs().mean(0).clamp(min=1e-4))


@awq_scales.mutant(
    "Your scales are the wrong way up: large features get small ones. w is multiplied by s, and large features need finer steps."
)
def inverse(w, activations, bits=4, grid=20):
    return 1 / _best(w, activations, bits, grid)


@awq_scales.mutant(
    "You compare powers by dividing where the checks multiply: large features get small scales, and only α near 0 helps. Round w · s, then divide by s."
)
def searched_upside_down(w, activations, bits=4, grid=20):
    return _best(w, activations, bits, grid, size=1 / _size(activations), powers=[(i + 1) / grid for i in range(grid)])


@awq_scales.mutant("You keep the power with the *largest* error. Keep the one with the least.")
def worst(w, activations, bits=4, grid=20):
    return _best(w, activations, bits, grid, error=lambda *args: -_error(*args))


@awq_scales.mutant("You return the last power tried. Remember the best one while you try.")
def last_tried(w, activations, bits=4, grid=20):
    return _size(activations) ** ((grid - 1) / grid)


@awq_scales.mutant("You stop at the first power that beats plain rounding. Try all, and keep the best.")
def first_that_beats(w, activations, bits=4, grid=20):
    size, plain = _size(activations), _error(torch.ones(w.shape[1]), w, activations, bits)
    tried = (size ** (i / grid) for i in range(1, grid))
    return next((s for s in tried if _error(s, w, activations, bits) < plain), torch.ones(w.shape[1]))


@awq_scales.mutant(
    "You compare the errors of the weights. What counts is the error of the *outputs*: multiply by the activations first."
)
def error_of_weights(w, activations, bits=4, grid=20):
    return _best(w, activations, bits, grid, error=lambda s, w, x, bits: _error(s, w, torch.eye(w.shape[1]), bits))


@awq_scales.mutant("One step serves all of `w · s` in your search. Each row has its own (`amax(1, keepdim=True)`).")
def one_step(w, activations, bits=4, grid=20):
    def error(s, w, x, bits):
        step = (w * s).abs().max() / (2 ** (bits - 1) - 1)
        return float((x @ ((w * s / step).round() * step / s - w).T).square().sum())

    return _best(w, activations, bits, grid, error=error)


@awq_scales.mutant("`bits` is not used: you always search with 16 levels.")
def always_four_bits(w, activations, bits=4, grid=20):
    return _best(w, activations, 4, grid)


@awq_scales.mutant(
    "Your powers start above 0. With α = 0 among them the best never loses to plain rounding; without it, it can."
)
def starts_above_zero(w, activations, bits=4, grid=20):
    return _best(w, activations, bits, grid, powers=[(i + 1) / grid for i in range(grid)])


@awq_scales.mutant(
    "You take the mean without absolute values: large positive and large negative inputs cancel out. Take `abs()` first."
)
def signed_mean(w, activations, bits=4, grid=20):
    return _best(w, activations, bits, grid, size=activations.mean(0).abs().clamp(min=1e-4))


@awq_scales.mutant(
    "You raise negative numbers to a power, which gives NaN: the mean of what has a sign. Take `abs()` before the mean."
)
def powers_of_negatives(w, activations, bits=4, grid=20):
    return activations.mean(0) ** 0.25


@awq_scales.mutant(
    "You take the mean along the wrong dimension, one number a sample. Scales are one a feature: `mean(0)`."
)
def a_scale_a_sample(w, activations, bits=4, grid=20):
    return activations.abs().mean(1) ** 0.3


@awq_scales.mutant("You return one scale a row of w, (out,). Scales are one a feature, (in,).")
def a_scale_a_row(w, activations, bits=4, grid=20):
    return w.abs().mean(1).clamp(min=1e-4) ** 0.3


@awq_scales.mutant("Your scales came as a table of one row, (1, in). Return (in,).")
def a_table(w, activations, bits=4, grid=20):
    return _best(w, activations, bits, grid).unsqueeze(0)


@awq_scales.mutant("You return the best power. Return the scales that it makes: (in,).")
def the_power(w, activations, bits=4, grid=20):
    size = _size(activations)
    return min((i / grid for i in range(grid)), key=lambda alpha: _error(size**alpha, w, activations, bits))


@awq_scales.mutant("You return the scaled weights. Return the scales: (in,).")
def scaled_weights(w, activations, bits=4, grid=20):
    return w * _best(w, activations, bits, grid)


@awq_scales.mutant("You return the rounded weights. Return the scales: (in,).")
def rounded_weights(w, activations, bits=4, grid=20):
    s = _best(w, activations, bits, grid)
    return _levels(w * s, bits) / s


@awq_scales.mutant(
    "A feature that is always 0 gets the scale 0, and w · s / s is 0 / 0 there. Give its mean a lower bound (`clamp(min=1e-4)`)."
)
def zero_scale(w, activations, bits=4, grid=20):
    s = _best(w, activations, bits, grid)
    return s.masked_fill((activations == 0).all(0), 0.0)


@awq_scales.mutant(
    "A feature that is always 0 makes your errors NaN: its scale is 0, and 0 / 0 is NaN. Give its mean a lower bound (`clamp(min=1e-4)`)."
)
def errors_of_dead_features(w, activations, bits=4, grid=20):
    size = activations.abs().mean(0)
    best, least = None, math.inf
    for i in range(1, grid):
        if (error := _error(size ** (i / grid), w, activations, bits)) < least:
            best, least = size ** (i / grid), error
    plain = _error(torch.ones_like(size), w, activations, bits)
    return best if best is not None and least < plain else torch.ones_like(size)


@awq_scales.mutant(
    "A row of zeros makes your errors NaN, and no power is the best: its step is 0, and 0 / 0 is NaN. Put 1 in the place of such a step."
)
def errors_of_zero_rows(w, activations, bits=4, grid=20):
    size, best, least = _size(activations), None, math.inf
    for i in range(grid):
        s = size ** (i / grid)
        step = (w * s).abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
        error = float((activations @ ((w * s / step).round() * step / s - w).T).square().sum())
        if error < least:
            best, least = s, error
    return best


@awq_scales.mutant("The scales are float64. Give them the dtype of w.")
def stays_double(w, activations, bits=4, grid=20):
    return _best(w, activations, bits, grid).double()


@awq_scales.mutant("You change the caller's weights: `*=` and `mul_` work in place. Write `w * s`.")
def w_in_place(w, activations, bits=4, grid=20):
    s = _best(w, activations, bits, grid)
    w *= s
    return s


@awq_scales.mutant("You return nothing (None). End with `return` and the best scales.")
def nothing_returned(w, activations, bits=4, grid=20):
    _best(w, activations, bits, grid)


@awq_scales.stand_in
def as_the_papers_code(w, activations, bits=4, grid=20):
    size = activations.abs().view(-1, w.shape[1]).mean(0)
    outputs, best, least = activations @ w.T, None, float("inf")
    for i in range(grid):
        s = size.pow(i / grid).clamp(min=1e-4).view(-1)
        s = s / (s.max() * s.min()).sqrt()
        error = (activations @ (_levels(w * s, bits) / s).T - outputs).pow(2).mean().item()
        if error < least:
            best, least = s, error
    return best


@awq_scales.variant
def by_the_inputs_covariance(w, activations, bits=4, grid=20):
    size = torch.linalg.vector_norm(activations, ord=1, dim=0) / len(activations)
    covariance = (activations.T @ activations).double()
    tried = size.clamp(min=1e-6) ** torch.linspace(0, 1, grid).unsqueeze(1)
    errors = []
    for s in tried:
        off = (_levels(w * s, bits) / s - w).double()
        errors.append(torch.einsum("oi,ij,oj->", off, covariance, off))
    return tried[torch.stack(errors).argmin()]
