"""# LLM.int8: eight bits, and a few features in full

From some billions of parameters on, a few features of a model's activations grow ten or twenty times as large as the rest. One scale for them and the rest
leaves the rest without steps, and the model without sense. They are always the same few features, though. So
[LLM.int8](https://arxiv.org/abs/2208.07339) takes the product apart:

$$x\\,w \\;\\approx\\; \\underbrace{x_{:,O}\\; w_{O,:}}_{\\text{full precision}} \\;+\\; \\underbrace{s_x \\cdot (q_x\\, q_w) \\cdot s_w}_{\\text{int8}}$$

- The outliers $O$: a feature (a column of `x`, a row of `w`) is one where any token's $|x|$ is at least `threshold`. It stays in full precision for all tokens.
- The other features go through int8 as in absmax: round to the nearest step, 127 steps on each side of zero. `x` has a scale for each of its rows, from the row's other features;
  `w` has a scale for each of its columns. The whole numbers are multiplied, and the product is scaled back.
- `x` is (…, in), so it may be one row or a batch of sequences; `w` is (in, out). Nothing is NaN where a row or column is zero, and nothing breaks where no
  feature is an outlier, or all are.

127 · 127 does not fit into int8: the sums need a wider type. On a GPU they are int32; whole numbers in float32 will do here.
"""

import numpy as np
import torch

from grader import close, exercise, leaves_alone


@exercise(
    points=4,
    twins=["matmul_8bit", "MatMul8bitLt", "Linear8bitLt"],
    hints=[
        "Which features are outliers? One yes or no for each column of x, over all tokens: `x.abs() >= threshold`, then `any` over every dimension but the last. "
        "`x.reshape(-1, x.shape[-1])` makes a table of x, whatever its dimensions.",
        "Put zeros where the outliers are, in a copy of x: then the largest of each row is that of its other features, and the product skips the rest.",
        "A scale for each row of x is a column, (tokens, 1); one for each column of w is a row, (1, out). Round, multiply the whole numbers as float32, then "
        "multiply by both scales: they broadcast.",
        "A row of zeros has a scale of 0. Give it 1. Then add `x[:, outlier] @ w[outlier]`, which is 0 where there is none, and restore the shape (…, out).",
    ],
)
def int8_matmul_with_outliers(x: torch.Tensor, w: torch.Tensor, threshold: float = 6.0) -> torch.Tensor:
    """Return x @ w by int8, but for those features of x that reach `threshold` anywhere, which stay in full precision.

    Args:
        x: activations, (…, in).
        w: weights, (in, out).
        threshold: a feature with any |x| of at least this is an outlier.

    Returns:
        (…, out), in x's dtype.

    >>> int8_matmul_with_outliers(torch.tensor([[1.27, 0.504, 20.0]]), torch.tensor([[1.0], [0.0], [2.0]]))
    tensor([[41.2700]])
    """
    rows = x.reshape(-1, x.shape[-1])
    outlier = (rows.abs() >= threshold).any(0)
    usual_x, usual_w = rows.masked_fill(outlier, 0.0), w.masked_fill(outlier[:, None], 0.0)
    x_scale = usual_x.abs().amax(1, keepdim=True) / 127
    w_scale = usual_w.abs().amax(0, keepdim=True) / 127
    x_scale, w_scale = x_scale.masked_fill(x_scale == 0, 1.0), w_scale.masked_fill(w_scale == 0, 1.0)
    whole = (usual_x / x_scale).round() @ (usual_w / w_scale).round()
    return (whole * x_scale * w_scale + rows[:, outlier] @ w[outlier]).view(*x.shape[:-1], w.shape[1])


def product(x_steps, x_scales, w_steps, w_scales):
    """Return the product of whole numbers, scaled by rows and columns."""
    x, w = (torch.tensor(steps, dtype=torch.float64) for steps in (x_steps, w_steps))
    return (x * torch.tensor(x_scales)[:, None]) @ (w * torch.tensor(w_scales))


def equals_product(came, expected):
    """Demand a float32 tensor of these numbers, to five digits."""
    close(came, expected.float(), atol=2e-5, rtol=1e-5)


@int8_matmul_with_outliers.check
def eight_bits_and_an_outlier(int8_matmul_with_outliers):
    """the third feature and the fifth reach 6 and stay as they are, for all tokens; the others have steps of 0.01 and 0.004 by rows, 0.1 and 0.002 by columns"""
    x = torch.tensor([[1.27, -0.304, 8.0, 0.703, -7.1], [0.0988, 0.508, -2.5, -0.2316, 6.4]])
    w = torch.tensor([[12.7, 0.0634], [5.04, -0.254], [3.33, 0.1111], [-2.96, 0.1006], [1.6, -0.15]])
    x_steps, w_steps = [[127, -30, 70], [25, 127, -58]], [[127, 32], [50, -127], [-30, 50]]
    eight_bits = product(x_steps, [0.01, 0.004], w_steps, [0.1, 0.002])
    equals_product(int8_matmul_with_outliers(x, w), eight_bits + x[:, 2::2].double() @ w[2::2].double())


@int8_matmul_with_outliers.check
def no_outliers(int8_matmul_with_outliers):
    """where no |x| reaches the threshold, all of it is int8"""
    x = torch.tensor([[2.54, -0.604, 0.0], [-5.08, 5.004, 4.0632], [0.1, 0.127, -0.0503]])
    w = torch.tensor([[0.0254, -5.08], [0.00668, 2.469], [0.00324, 5.08]])
    steps = [[127, -30, 0], [-127, 125, 102], [100, 127, -50]]
    expected = product(steps, [0.02, 0.04, 0.001], [[127, -127], [33, 62], [16, 127]], [0.0002, 0.04])
    equals_product(int8_matmul_with_outliers(x, w), expected)


@int8_matmul_with_outliers.check
def at_the_threshold(int8_matmul_with_outliers):
    """a feature is an outlier where |x| is the threshold itself, or −x is; a threshold of 2 makes more of them"""
    x = torch.tensor([[6.0, 0.127, 1.5], [0.3, -0.0804, -6.0]])
    w = torch.tensor([[0.3], [1.27], [-0.7]])
    whole = x[:, ::2].double() @ w[::2].double()
    equals_product(
        int8_matmul_with_outliers(x, w), whole + product([[127], [-127]], [0.001, 0.0804 / 127], [[127]], [0.01])
    )
    x = torch.tensor([[1.27, 2.5, 0.304], [0.0508, 0.3, -0.02632]])
    w = torch.tensor([[0.127], [0.0313], [-0.0704]])
    eight_bits = product([[127, 0, 30], [127, 0, -66]], [0.01, 0.0004], [[127], [0], [-70]], [0.001])
    equals_product(int8_matmul_with_outliers(x, w, threshold=2.0), eight_bits + x[:, 1:2].double() @ w[1:2].double())


@int8_matmul_with_outliers.check
def nothing_but_outliers(int8_matmul_with_outliers):
    """where every feature is an outlier, it is x @ w"""
    x = torch.tensor([[6.1, -0.333], [0.777, -9.3]])
    w = torch.tensor([[0.123, -0.456, 0.789], [0.234, 0.567, -0.891]])
    equals_product(int8_matmul_with_outliers(x, w), x.double() @ w.double())


@int8_matmul_with_outliers.check
def rows_and_columns_of_zeros(int8_matmul_with_outliers):
    """a token that is zero, or zero but for an outlier, and a column of w that is zero do no harm"""
    x = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 7.7], [0.127, -0.0303, 0.05]])
    w = torch.tensor([[1.27, 0.0, 0.0], [0.3033, 0.0, 0.0], [0.4, 0.6, 0.0]])
    eight_bits = product([[0, 0], [0, 0], [127, -30]], [1.0, 1.0, 0.001], [[127, 0, 0], [30, 0, 0]], [0.01, 1.0, 1.0])
    equals_product(int8_matmul_with_outliers(x, w), eight_bits + x[:, 2:].double() @ w[2:].double())


@int8_matmul_with_outliers.check
def one_row_or_a_batch(int8_matmul_with_outliers):
    """x may be one row, or a batch of sequences: a feature that is an outlier in one of them is one in all"""
    w = torch.tensor([[1.27, 0.0508], [0.502, -0.0204], [0.333, 0.0111]])
    w_steps, w_scales = [[127, 127], [50, -51], [0, 0]], [0.01, 0.0004]
    x = torch.tensor([[[0.0127, 0.00504, 9.0]], [[-0.803, 1.27, 0.333]], [[0.2, 0.254, -0.1111]]])
    steps = product([[127, 50, 0], [-80, 127, 0], [100, 127, 0]], [0.0001, 0.01, 0.002], w_steps, w_scales)
    expected = steps[:, None] + x[..., 2:].double() @ w[2:].double()
    equals_product(int8_matmul_with_outliers(x, w), expected)
    equals_product(int8_matmul_with_outliers(x[0, 0], w), expected[0, 0])


@int8_matmul_with_outliers.check
def leaves_its_inputs_alone(int8_matmul_with_outliers):
    """the caller's x and w are left as they were"""
    leaves_alone(
        int8_matmul_with_outliers, torch.tensor([[0.2, -7.5], [0.6, 0.3]]), torch.tensor([[1.0, 0.5], [0.2, 0.1]])
    )


def _nearly(rng, shape, dim):
    """Draw whole numbers with 127 or −127 in each line along `dim`, what is nearest to them, and their scales."""
    q = torch.randint(-126, 127, shape, generator=rng)
    place = torch.randint(shape[dim], (1, shape[1]) if dim == 0 else (shape[0], 1), generator=rng)
    q.scatter_(dim, place, 127 * (2 * torch.randint(2, place.shape, generator=rng) - 1))
    off = (0.8 * torch.rand(shape, generator=rng, dtype=torch.float64) - 0.4).masked_fill(q.abs() == 127, 0.0)
    scales = 0.001 + 0.03 * torch.rand(place.shape, generator=rng, dtype=torch.float64)
    return q * scales, ((q + off) * scales).float()


def _drawn(rng, rows, features, outputs, outliers):
    """Draw x and w and their product; the rows of w that meet outliers are no larger than its others."""
    x_nearest, x_usual = _nearly(rng, (rows, features), 1)
    w_nearest, w_usual = _nearly(rng, (features, outputs), 0)
    large = torch.randn((rows, outliers), generator=rng) * 3
    for column in range(outliers):
        large[int(torch.randint(rows, (), generator=rng)), column] = 6.0 + 40 * torch.rand((), generator=rng)
    large *= 2 * torch.randint(2, large.shape, generator=rng) - 1
    met = w_usual.abs().amax(0) * (1.8 * torch.rand((outliers, outputs), generator=rng) - 0.9)
    order = torch.randperm(features + outliers, generator=rng)
    x, w = torch.cat([x_usual, large], 1)[:, order], torch.cat([w_usual, met])[order]
    return x, w, x_nearest @ w_nearest + large.double() @ met.double()


@int8_matmul_with_outliers.hidden
def products_anywhere(int8_matmul_with_outliers, rng):
    """tables of any shape, with any number of outliers, and with none"""
    for rows, features, outputs, outliers in ((3, 6, 4, 1), (5, 4, 7, 3), (4, 8, 3, 0), (1, 5, 2, 2)):
        x, w, expected = _drawn(rng, rows, features, outputs, outliers)
        equals_product(int8_matmul_with_outliers(x, w), expected)


@int8_matmul_with_outliers.hidden
def any_threshold(int8_matmul_with_outliers, rng):
    """whatever the threshold is, 0 too, where everything is an outlier"""
    x, w, expected = _drawn(rng, 4, 5, 3, 2)
    for factor in (0.125, 8.0):
        equals_product(int8_matmul_with_outliers(x * factor, w, 6.0 * factor), expected * factor)
    equals_product(int8_matmul_with_outliers(x, w, threshold=0.0), x.double() @ w.double())


@int8_matmul_with_outliers.hidden
def batches_anywhere(int8_matmul_with_outliers, rng):
    """batches of sequences, with tokens that are zero, and the inputs are left as they were"""
    x, w, expected = _drawn(rng, 6, 7, 4, 2)
    zero = int(torch.randint(6, (), generator=rng))
    outlier = (x.abs() >= 6).any(0)
    x[zero] = torch.where(outlier, x[zero], 0.0)
    expected[zero] = x[zero].double() @ w.double()
    came = leaves_alone(int8_matmul_with_outliers, x.view(2, 3, -1), w)
    equals_product(came, expected.view(2, 3, -1))


def _outliers(x, threshold):
    return (x.abs() >= threshold).flatten(0, -2).any(0) if x.dim() > 1 else x.abs() >= threshold


def _safe(scales):
    return torch.where(scales > 0, scales, 1.0)


def _steps(y, scales, rounded=torch.round):
    return rounded(y / scales).clamp(-127, 127)


def _usual(x, w, outlier):
    return x.masked_fill(outlier, 0.0), w.masked_fill(outlier[:, None], 0.0)


def _scales(x, w):
    return _safe(x.abs().amax(-1, keepdim=True) / 127), _safe(w.abs().amax(0) / 127)


def _in_eight_bits(x, w, x_scales=None, w_scales=None, rounded=torch.round):
    """The product of x and w by int8, by the scales that are given or else the right ones."""
    usual = _scales(x, w)
    x_scales, w_scales = (usual[0] if x_scales is None else x_scales), (usual[1] if w_scales is None else w_scales)
    return _steps(x, x_scales, rounded) @ _steps(w, w_scales, rounded) * x_scales * w_scales


def _in_full(x, w, outlier):
    return x[..., outlier] @ w[outlier]


def _product(x, w, outlier):
    return _in_eight_bits(*_usual(x, w, outlier)) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "This is x @ w in full precision: nothing goes through int8. Round the features that are no outliers to their 127 steps."
)
def nothing_rounded(x, w, threshold=6.0):
    return x @ w


@int8_matmul_with_outliers.mutant(
    "There are no outliers in your product: all features go through int8. Those that reach the threshold stay in full precision."
)
def all_in_eight_bits(x, w, threshold=6.0):
    return _in_eight_bits(x, w)


@int8_matmul_with_outliers.mutant(
    "The result is zero everywhere. Add the two products, that of the outliers and that of int8."
)
def zeros(x, w, threshold=6.0):
    return torch.zeros_like(x @ w)


@int8_matmul_with_outliers.mutant(
    "Whole tokens stay in full precision, those with a large number. Outliers are features: `any` over the tokens, for each column of x."
)
def outliers_by_rows(x, w, threshold=6.0):
    large = (x.abs() >= threshold).any(-1, keepdim=True)
    return torch.where(large, x @ w, _in_eight_bits(x, w))


@int8_matmul_with_outliers.mutant(
    "Only the large numbers themselves stay in full precision, the other tokens' numbers of that feature do not. Outliers are whole columns of x."
)
def outliers_by_numbers(x, w, threshold=6.0):
    large = x.abs() >= threshold
    return _in_eight_bits(x.masked_fill(large, 0.0), w) + x.masked_fill(~large, 0.0) @ w


@int8_matmul_with_outliers.mutant(
    "Each sequence has outliers of its own. A feature that is one in any sequence is one in all: `any` over every dimension but the last."
)
def outliers_by_sequences(x, w, threshold=6.0):
    if x.dim() < 3:
        return _product(x, w, _outliers(x, threshold))
    return torch.stack([_product(part, w, _outliers(part, threshold)) for part in x])


@int8_matmul_with_outliers.mutant(
    "Outliers are looked for in w. They are features of the activations: columns of x that reach the threshold."
)
def outliers_of_the_weights(x, w, threshold=6.0):
    return _product(x, w, (w.abs() >= threshold).any(1))


@int8_matmul_with_outliers.mutant(
    "One outlier, and everything stays in full precision. Only the features that are outliers do."
)
def all_or_nothing(x, w, threshold=6.0):
    return x @ w if (x.abs() >= threshold).any() else _in_eight_bits(x, w)


@int8_matmul_with_outliers.mutant("The outliers are left out: their product, in full precision, must be added.")
def outliers_dropped(x, w, threshold=6.0):
    return _in_eight_bits(*_usual(x, w, _outliers(x, threshold)))


@int8_matmul_with_outliers.mutant("Your result has the outliers alone. Add the product of the others, by int8.")
def outliers_alone(x, w, threshold=6.0):
    return _in_full(x, w, _outliers(x, threshold))


@int8_matmul_with_outliers.mutant(
    "The outliers count twice: they are in the int8 product too. Put zeros there, or take the other features alone."
)
def counted_twice(x, w, threshold=6.0):
    return _in_eight_bits(x, w) + _in_full(x, w, _outliers(x, threshold))


@int8_matmul_with_outliers.mutant(
    "The outliers count twice, cut to 127 steps the second time: the scale is that of the others, but they are still in the int8 product. Put zeros there."
)
def counted_twice_clamped(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    x_scales, w_scales = _scales(*_usual(x, w, outlier))
    return _in_eight_bits(x, w, x_scales, w_scales) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "Yours is inverted: the outliers go through int8, all others stay in full precision. Swap them."
)
def inverted(x, w, threshold=6.0):
    return _product(x, w, ~_outliers(x, threshold))


@int8_matmul_with_outliers.mutant("A feature that is the threshold itself is no outlier with you. It is one: `>=`.")
def above_the_threshold(x, w, threshold=6.0):
    large = (x.abs() > threshold).reshape(-1, x.shape[-1])
    return _product(x, w, large.any(0))


@int8_matmul_with_outliers.mutant("−7 is as large as 7: take `abs()` before you compare with the threshold.")
def positive_outliers(x, w, threshold=6.0):
    return _product(x, w, (x >= threshold).reshape(-1, x.shape[-1]).any(0))


@int8_matmul_with_outliers.mutant(
    "A feature is an outlier with you if all its tokens, or their mean, reach the threshold. One is enough: `any`."
)
def all_tokens(x, w, threshold=6.0):
    return _product(x, w, (x.abs() >= threshold).reshape(-1, x.shape[-1]).all(0))


@int8_matmul_with_outliers.mutant(
    "A feature is an outlier with you if all its tokens, or their mean, reach the threshold. One is enough: `any`."
)
def mean_of_the_tokens(x, w, threshold=6.0):
    return _product(x, w, x.abs().reshape(-1, x.shape[-1]).mean(0) >= threshold)


@int8_matmul_with_outliers.mutant("`threshold` is ignored: you always compare with 6.")
def always_six(x, w, threshold=6.0):
    return _product(x, w, _outliers(x, 6.0))


@int8_matmul_with_outliers.mutant(
    "One scale serves all of x. Each row, a token, has its own: `amax(-1, keepdim=True)`."
)
def one_scale_for_x(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual = _usual(x, w, outlier)
    return _in_eight_bits(*usual, x_scales=_safe(usual[0].abs().amax() / 127)) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant("One scale serves all of w. Each column, an output, has its own: `amax(0)`.")
def one_scale_for_w(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual = _usual(x, w, outlier)
    return _in_eight_bits(*usual, w_scales=_safe(usual[1].abs().amax() / 127)) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "One scale serves all of x, and one all of w. Each row of x and each column of w has its own."
)
def one_scale_each(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual = _usual(x, w, outlier)
    return _in_eight_bits(*usual, *(_safe(part.abs().amax() / 127) for part in usual)) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "The scales of w are those of its rows, the inputs. Such scales cannot be taken out of the sum: each column has one, `amax(0)`."
)
def scales_of_w_by_rows(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual_x, usual_w = _usual(x, w, outlier)
    scales = _safe(usual_w.abs().amax(1, keepdim=True) / 127)
    rounded_x = _steps(usual_x, _scales(usual_x, usual_w)[0]) * _scales(usual_x, usual_w)[0]
    return rounded_x @ (_steps(usual_w, scales) * scales) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "The scales of x are those of its columns, the features. Each row, a token, has one: `amax(-1, keepdim=True)`."
)
def scales_of_x_by_columns(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual_x, usual_w = _usual(x, w, outlier)
    scales = _safe(usual_x.abs().reshape(-1, x.shape[-1]).amax(0) / 127)
    w_scales = _scales(usual_x, usual_w)[1]
    return (_steps(usual_x, scales) * scales) @ (_steps(usual_w, w_scales) * w_scales) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "The scales of x are taken before the outliers are put aside: they leave the others few steps. Take each row's largest of the others alone."
)
def scales_with_outliers(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    return _in_eight_bits(*_usual(x, w, outlier), x_scales=_scales(x, w)[0]) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant("w is not rounded: it goes through int8 too, with a scale for each column.")
def weights_in_full(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual_x, usual_w = _usual(x, w, outlier)
    scales = _scales(usual_x, usual_w)[0]
    return _steps(usual_x, scales) * scales @ usual_w + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant("x is not rounded: it goes through int8 too, with a scale for each row.")
def activations_in_full(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual_x, usual_w = _usual(x, w, outlier)
    scales = _scales(usual_x, usual_w)[1]
    return usual_x @ (_steps(usual_w, scales) * scales) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "w's rows for the outliers are rounded too. The outliers' product is in full precision, both sides of it."
)
def outliers_meet_rounded_weights(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    scales = _scales(x, w)[1]
    return _in_eight_bits(*_usual(x, w, outlier)) + _in_full(x, _steps(w, scales) * scales, outlier)


@int8_matmul_with_outliers.mutant(
    "The outliers' product is in half precision, which keeps three digits. Leave it in x's own."
)
def outliers_in_half(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    return _in_eight_bits(*_usual(x, w, outlier)) + _in_full(x.half().float(), w.half().float(), outlier)


@int8_matmul_with_outliers.mutant(
    "The fraction is cut off: `.to(torch.int8)` does not round. Use `round` first, for x and for w."
)
def truncated(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    return _in_eight_bits(*_usual(x, w, outlier), rounded=torch.trunc) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "You divide by 128 for the scales, and 128 does not fit into int8. There are 127 steps on each side."
)
def steps_of_one_128th(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual = _usual(x, w, outlier)
    return _in_eight_bits(*usual, *(scales * 127 / 128 for scales in _scales(*usual))) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant("You divide by 128 for the scales. There are 127 steps on each side of zero.")
def steps_of_one_128th_unclamped(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual_x, usual_w = _usual(x, w, outlier)
    x_scales, w_scales = (scales * 127 / 128 for scales in _scales(usual_x, usual_w))
    whole = (usual_x / x_scales).round() @ (usual_w / w_scales).round()
    return whole * x_scales * w_scales + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "The sums are int8 and wrap around: PyTorch's int8 @ int8 is int8. Multiply the whole numbers in a wider type, float32 or int32."
)
def sums_wrap_around(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual_x, usual_w = _usual(x, w, outlier)
    x_scales, w_scales = _scales(usual_x, usual_w)
    whole = (_steps(usual_x, x_scales) @ _steps(usual_w, w_scales)).to(torch.int32).to(torch.int8)
    return whole * x_scales * w_scales + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "The product of whole numbers is not scaled back: multiply it by the scales of the rows and of the columns."
)
def not_scaled_back(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual_x, usual_w = _usual(x, w, outlier)
    x_scales, w_scales = _scales(usual_x, usual_w)
    return _steps(usual_x, x_scales) @ _steps(usual_w, w_scales) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "The product is scaled back by x's scales alone. w's, one for each column, belong to it too."
)
def not_scaled_by_w(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual = _usual(x, w, outlier)
    return _in_eight_bits(*usual) / _scales(*usual)[1] + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "The product is scaled back by w's scales alone. x's, one for each row, belong to it too."
)
def not_scaled_by_x(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual = _usual(x, w, outlier)
    return _in_eight_bits(*usual) / _scales(*usual)[0] + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "Both products are scaled. Only that of whole numbers is: scale it, then add that of the outliers."
)
def outliers_scaled_too(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual = _usual(x, w, outlier)
    x_scales, w_scales = _scales(*usual)
    whole = _steps(usual[0], x_scales) @ _steps(usual[1], w_scales)
    return (whole + _in_full(x, w, outlier)) * x_scales * w_scales


@int8_matmul_with_outliers.mutant(
    "A row or a column of zeros gives NaN: its scale is 0, and 0 / 0 is NaN. Put 1 in the place of such a scale."
)
def not_a_number(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual_x, usual_w = _usual(x, w, outlier)
    x_scales, w_scales = usual_x.abs().amax(-1, keepdim=True) / 127, usual_w.abs().amax(0) / 127
    return (usual_x / x_scales).round() @ (usual_w / w_scales).round() * x_scales * w_scales + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "Tokens of zeros give NaN: their scale is 0, and 0 / 0 is NaN. Put 1 in the place of such a scale, as you do for w."
)
def not_a_number_in_rows(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual_x, usual_w = _usual(x, w, outlier)
    x_scales = usual_x.abs().amax(-1, keepdim=True) / 127
    w_scales = _scales(usual_x, usual_w)[1]
    return (usual_x / x_scales).round() @ _steps(usual_w, w_scales) * x_scales * w_scales + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "Columns of zeros in w give NaN: their scale is 0, and 0 / 0 is NaN. Put 1 in the place of such a scale, as you do for x."
)
def not_a_number_in_columns(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    usual_x, usual_w = _usual(x, w, outlier)
    w_scales = usual_w.abs().amax(0) / 127
    x_scales = _scales(usual_x, usual_w)[0]
    return _steps(usual_x, x_scales) @ (usual_w / w_scales).round() * x_scales * w_scales + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "Where every feature is an outlier, your function looks for the largest of nothing, which PyTorch refuses. Zeros in the outliers' places, or a case of its own, will do."
)
def largest_of_nothing(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    return _in_eight_bits(x[..., ~outlier], w[~outlier]) + _in_full(x, w, outlier)


@int8_matmul_with_outliers.mutant(
    "Your function needs x to be a table. It is (…, in), one row or a batch too: `x.reshape(-1, x.shape[-1])` at first, and the shape back at the end."
)
def tables_only(x, w, threshold=6.0):
    _, _ = x.shape
    return _product(x, w, _outliers(x, threshold))


@int8_matmul_with_outliers.mutant(
    "A batch comes back as one table of tokens. The result is (…, out): give it x's dimensions back."
)
def flat(x, w, threshold=6.0):
    return _product(x, w, _outliers(x, threshold)).reshape(-1, w.shape[1])


@int8_matmul_with_outliers.mutant(
    "One row comes back as a table of one row, (1, out): scales of w with `keepdim=True` add a dimension. Give the result x's own dimensions."
)
def one_row_as_a_table(x, w, threshold=6.0):
    result = _product(x, w, _outliers(x, threshold))
    return result[None] if x.dim() == 1 else result


@int8_matmul_with_outliers.mutant("The result is float64. Give it x's dtype.")
def doubles(x, w, threshold=6.0):
    return _product(x, w, _outliers(x, threshold)).double()


@int8_matmul_with_outliers.mutant("The result is half precision. Give it x's dtype.")
def halves(x, w, threshold=6.0):
    return _product(x, w, _outliers(x, threshold)).half()


@int8_matmul_with_outliers.mutant(
    "You put zeros into the caller's x or w. Make a copy: `masked_fill`, `torch.where` or `clone`."
)
def in_place(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    full = _in_full(x, w, outlier)
    x[..., outlier] = 0.0
    return _in_eight_bits(x, w.masked_fill(outlier[:, None], 0.0)) + full


@int8_matmul_with_outliers.mutant(
    "You put zeros into the caller's x or w. Make a copy: `masked_fill`, `torch.where` or `clone`."
)
def weights_in_place(x, w, threshold=6.0):
    outlier = _outliers(x, threshold)
    full = _in_full(x, w, outlier)
    w[outlier] = 0.0
    return _in_eight_bits(x.masked_fill(outlier, 0.0), w) + full


@int8_matmul_with_outliers.mutant("Your function returns nothing (None). End it with `return`.")
def nothing_returned(x, w, threshold=6.0):
    _outliers(x, threshold)


@int8_matmul_with_outliers.stand_in
def by_the_library(x, w, threshold=6.0):
    outlier = torch.ge(torch.linalg.vector_norm(x.reshape(-1, x.shape[-1]), torch.inf, dim=0), threshold)
    usual_x, usual_w = torch.where(outlier, 0.0, x), torch.where(outlier[:, None], 0.0, w)
    x_scale = torch.linalg.vector_norm(usual_x, torch.inf, dim=-1, keepdim=True) / 127
    w_scale = torch.linalg.vector_norm(w, torch.inf, dim=0) / 127
    whole_x, whole_w = (torch.nan_to_num(part).round() for part in (usual_x / x_scale, usual_w / w_scale))
    return torch.matmul(whole_x, whole_w) * x_scale * w_scale + torch.matmul(x - usual_x, w)


@int8_matmul_with_outliers.variant
def in_integers(x, w, threshold=6.0):
    rows = x.reshape(-1, x.shape[-1])
    outlier = (rows.abs() >= threshold).any(dim=0)
    result = rows[:, outlier] @ w[outlier, :]
    if not outlier.all():
        a, b = rows[:, ~outlier], w[~outlier, :]
        sa, sb = a.abs().max(dim=1).values, b.abs().max(dim=0).values
        qa = torch.round(a * (127 / sa.clamp(min=1e-30)).unsqueeze(1)).to(torch.int8)
        qb = torch.round(b * (127 / sb.clamp(min=1e-30))).to(torch.int8)
        result = result + (qa.int() @ qb.int()) * torch.outer(sa, sb) / (127 * 127)
    return result.reshape(*x.shape[:-1], -1)


@int8_matmul_with_outliers.variant
def number_by_number(x, w, threshold=6.0):
    rows, weights = x.double().reshape(-1, x.shape[-1]).numpy(), w.double().numpy()
    features = range(w.shape[0])
    usual = [i for i in features if np.abs(rows[:, i]).max() < threshold]
    result = np.zeros((len(rows), w.shape[1]))
    for t, row in enumerate(rows):
        step = max((abs(row[i]) for i in usual), default=0) / 127 or 1
        for o, column in enumerate(weights.T):
            stride = np.abs(column).max() / 127 or 1
            for i in features:
                whole = round(row[i] / step) * step * round(column[i] / stride) * stride
                result[t, o] += whole if i in usual else row[i] * column[i]
    return torch.from_numpy(result).to(x.dtype).view(*x.shape[:-1], w.shape[1])
