"""# RMSNorm

Each layer of a transformer adds to a vector, so vectors grow. A norm brings each back to one size before the next layer reads it.
LayerNorm subtracts the mean and divides by the standard deviation; RMSNorm leaves the mean where it is and divides by the root
mean square, then scales each feature by a learnt weight $w$:

$$y_i = w_i \\cdot \\frac{x_i}{\\sqrt{\\frac{1}{d}\\sum_j x_j^2 + \\varepsilon}}$$

The sum runs over the last dimension, for each vector by itself.

- A vector of zeros gives zeros: that is what ε under the root is for.
- In `float16` the square of 300 is infinite. Compute the mean square in `float32` at least.
- The result has x's dtype, whatever the weight's.

`F.rms_norm` and `nn.RMSNorm` are not answers here.
"""

import torch
import torch.nn.functional as F

from grader import close, exercise, leaves_alone, vjp


@exercise(
    points=4,
    twins=["rms_norm", "RMSNorm", "LlamaRMSNorm", "fused_rms_norm", "FusedRMSNorm"],
    hints=[
        "Read “root mean square” from its end: square each number, take the mean over the last dimension, then the root.",
        "`keepdim=True` keeps the mean square as a column, so that it broadcasts against x. ε is added before the root.",
        "Turn x into float32 first if it is float16 or bfloat16, and the finished product, weight included, into x's dtype last.",
    ],
)
def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float = 1e-6) -> torch.Tensor:
    """Return `x` with each vector along the last dimension divided by its root mean square, times `weight`.

    `weight` has shape (d,); the result has x's shape and dtype. Source: Zhang and Sennrich, 2019.

    >>> rms_norm(torch.tensor([3.0, 3.0, -3.0]), torch.tensor([1.0, 2.0, 1.0]))
    tensor([ 1.0000,  2.0000, -1.0000])
    """
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    mean_square = wide.square().mean(-1, keepdim=True)
    return (wide * torch.rsqrt(mean_square + eps) * weight).to(x.dtype)


@rms_norm.check
def equals_the_library(rms_norm):
    """a table gives what F.rms_norm gives, row by row"""
    x, weight = torch.tensor([[1.0, 2.0, 4.0, -1.0], [0.5, 3.0, 2.0, 2.5]]), torch.tensor([1.0, 0.5, -2.0, 1.5])
    close(rms_norm(x, weight), F.rms_norm(x, (4,), weight, 1e-6))


@rms_norm.check
def any_shape(rms_norm):
    """one vector, or a batch of texts: each vector is normed by itself"""
    weight = torch.tensor([2.0, 1.0])
    for x in ([3.0, -1.0], [[[1.0, 2.0], [4.0, 0.5], [1.0, 0.0]], [[-3.0, 1.0], [2.0, 2.0], [0.0, 5.0]]]):
        x = torch.tensor(x)
        close(rms_norm(x, weight), F.rms_norm(x, (2,), weight, 1e-6))


@rms_norm.check
def epsilon(rms_norm):
    """small vectors show ε: 1e-6 where nothing is said, and `eps` where it is, under the root"""
    x, weight = torch.tensor([[0.0008, -0.0004, 0.0002], [0.3, 0.1, -0.2]]), torch.tensor([1.0, 2.0, 0.5])
    close(rms_norm(x, weight), F.rms_norm(x, (3,), weight, 1e-6))
    close(rms_norm(x, weight, eps=0.1), F.rms_norm(x, (3,), weight, 0.1))


@rms_norm.check
def zeros_stay_zeros(rms_norm):
    """a vector of zeros gives zeros, not NaN"""
    close(rms_norm(torch.zeros(1, 3), torch.tensor([1.0, 2.0, 3.0])), torch.zeros(1, 3))


@rms_norm.check
def half_precision(rms_norm):
    """float16 in, float16 out, where squares overflow too and where the weight is float32; in bfloat16 too the work is done in float32"""
    x = torch.tensor([[300.0, -300.0, 300.0, -300.0], [-2.0, -2.0, 2.0, 2.0]])
    weight = torch.tensor([1.0, 0.5, 2.0, -1.0])
    expected = F.rms_norm(x, (4,), weight, 1e-6).half()
    close(rms_norm(x.half(), weight.half()), expected, atol=2e-3, rtol=2e-3)
    close(rms_norm(x.half(), weight), expected, atol=2e-3, rtol=2e-3, what="the result with a float32 weight")
    # Far from ties: rounded once, at the end, these numbers come out alike in any order of the work.
    x = torch.tensor([[1.375, -1.25, -2.5, -2.0], [-3.0625, 2.1875, 0.3125, -2.1875]])
    expected = F.rms_norm(x, (4,), None, 1e-6).bfloat16()
    found = rms_norm(x.bfloat16(), torch.ones(4, dtype=torch.bfloat16))
    close(found, expected, atol=1e-3, rtol=2e-3, what="the result for bfloat16")


@rms_norm.check
def gradients_flow(rms_norm):
    """gradients flow back to x and to the weight"""
    x, weight = torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.1, 0.2]]), torch.tensor([1.0, 0.5, 2.0])
    upstream = torch.tensor([[1.0, -1.0, 0.5], [2.0, 1.0, 0.0]])
    found = vjp(rms_norm, (x, weight), upstream)[1]
    due = vjp(lambda x, weight: F.rms_norm(x, (3,), weight, 1e-6), (x, weight), upstream)[1]
    close(found[0], due[0], what="the gradient of x")
    close(found[1], due[1], what="the gradient of the weight")


@rms_norm.check
def leaves_its_input_alone(rms_norm):
    """the caller's tensors are left as they were"""
    leaves_alone(rms_norm, torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 2.0]))


def _drawn(rng):
    *leading, d = torch.randint(2, 9, (int(torch.randint(1, 5, (), generator=rng)),), generator=rng).tolist()
    size = 10.0 ** torch.randint(-3, 4, (*leading, 1), generator=rng)
    return torch.randn((*leading, d), generator=rng) * size, torch.randn(d, generator=rng)


@rms_norm.hidden
def equals_the_library_anywhere(rms_norm, rng):
    """vectors of any size, in tables of any shape, with any ε, give what F.rms_norm gives"""
    for _ in range(4):
        x, weight = _drawn(rng)
        eps = 10.0 ** -int(torch.randint(1, 8, (), generator=rng))
        close(rms_norm(x, weight, eps), F.rms_norm(x, weight.shape, weight, eps))
    close(rms_norm(x.double(), weight.double(), eps), F.rms_norm(x.double(), weight.shape, weight.double(), eps))


@rms_norm.hidden
def equals_llama_anywhere(rms_norm, rng):
    """transformers' LlamaRMSNorm with the same weight gives the same"""
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    for size in (1.0, 1e-3):
        x, weight = _drawn(rng)
        layer = LlamaRMSNorm(len(weight))
        layer.load_state_dict({"weight": weight})
        close(rms_norm(size * x, weight), layer(size * x))


@rms_norm.hidden
def half_precision_anywhere(rms_norm, rng):
    """float16 and bfloat16 tables of small and large vectors keep their dtype, whatever the weight's"""
    for dtype, tolerance in ((torch.float16, 4e-3), (torch.bfloat16, 3e-2)):
        weight = torch.randn(int(torch.randint(2, 9, (), generator=rng)), generator=rng).to(dtype)
        x = torch.randn(4, len(weight), generator=rng) * torch.tensor([[0.01], [1.0], [300.0], [3000.0]])
        x = x.to(dtype)
        expected = F.rms_norm(x.float(), weight.shape, weight.float(), 1e-6).to(dtype)
        for kind in (dtype, torch.float32):
            close(rms_norm(x, weight.to(kind)), expected, atol=tolerance, rtol=tolerance)


@rms_norm.hidden
def gradients_anywhere(rms_norm, rng):
    """gradients are those of F.rms_norm"""
    x, weight = torch.randn(3, 4, 5, generator=rng), torch.randn(5, generator=rng)
    upstream = torch.randn(x.shape, generator=rng)
    found = vjp(rms_norm, (x, weight), upstream)[1]
    due = vjp(lambda x, weight: F.rms_norm(x, (5,), weight, 1e-6), (x, weight), upstream)[1]
    close(found[0], due[0], what="the gradient of x")
    close(found[1], due[1], what="the gradient of the weight")


def _normed(x, weight, square):
    return (x.float() * torch.rsqrt(square) * weight.float()).to(x.dtype)


def _mean_square(x, dim=-1):
    return x.float().square().mean(dim, keepdim=True)


@rms_norm.mutant("There is no ε: a vector of zeros becomes NaN, and a small one too large. Add it under the root.")
def no_epsilon(x, weight, eps=1e-6):
    return _normed(x, weight, _mean_square(x))


@rms_norm.mutant("ε is added to the root; it belongs under it, to the mean square.")
def epsilon_outside(x, weight, eps=1e-6):
    return _normed(x, weight, (_mean_square(x).sqrt() + eps).square())


@rms_norm.mutant("You use ε as a floor, which leaves larger mean squares without it. Add it to all of them.")
def epsilon_as_floor(x, weight, eps=1e-6):
    return _normed(x, weight, _mean_square(x).clamp(min=eps))


@rms_norm.mutant("`eps` is ignored: you always take 1e-6.")
def epsilon_ignored(x, weight, eps=1e-6):
    return _normed(x, weight, _mean_square(x) + 1e-6)


@rms_norm.mutant("Your default is 1e-5, as in LayerNorm and some Llamas. Here `eps` is 1e-6 where nothing is said.")
def epsilon_too_large(x, weight, eps=1e-5):
    return _normed(x, weight, _mean_square(x) + eps)


@rms_norm.mutant("Your default is 1e-8. Here `eps` is 1e-6 where nothing is said.")
def epsilon_too_small(x, weight, eps=1e-8):
    return _normed(x, weight, _mean_square(x) + eps)


@rms_norm.mutant("Your ε is the smallest step of the dtype (`torch.finfo`), which is the library's default. Use `eps`.")
def epsilon_of_the_dtype(x, weight, eps=1e-6):
    return _normed(x, weight, _mean_square(x) + torch.finfo(torch.float32).eps)


@rms_norm.mutant("You subtract the mean: this is LayerNorm. RMSNorm leaves the mean where it is.")
def layer_norm(x, weight, eps=1e-6):
    return F.layer_norm(x.float(), weight.shape, weight.float(), eps=eps).to(x.dtype)


@rms_norm.mutant(
    "You divide by the standard deviation, which measures the distance from the mean. The root mean square measures it from 0."
)
def standard_deviation(x, weight, eps=1e-6):
    return _normed(x, weight, x.float().var(-1, keepdim=True, correction=0) + eps)


@rms_norm.mutant(
    "You divide by the standard deviation (and by d − 1, as `var` does). The root mean square takes the squares of x itself, over d."
)
def sample_deviation(x, weight, eps=1e-6):
    return _normed(x, weight, x.float().var(-1, keepdim=True) + eps)


@rms_norm.mutant("You divide by the length of the vector: a sum of squares. Take their mean.")
def length_of_the_vector(x, weight, eps=1e-6):
    return _normed(x, weight, x.float().square().sum(-1, keepdim=True) + eps)


@rms_norm.mutant(
    "You divide by the length of the vector (`norm`): a sum of squares. Take their mean, and add ε to it under the root."
)
def length_without_epsilon(x, weight, eps=1e-6):
    return _normed(x, weight, x.float().square().sum(-1, keepdim=True))


@rms_norm.mutant(
    "You divide by the length of the vector (`norm`, `F.normalize`), with ε outside the root. Take the *mean* of the squares, and "
    "add ε to it under the root."
)
def length_and_epsilon(x, weight, eps=1e-6):
    return _normed(x, weight, (x.float().square().sum(-1, keepdim=True).sqrt() + eps).square())


@rms_norm.mutant(
    "You divide by the standard deviation (and by d − 1, as `std` does), to which you add ε. The root mean square takes the "
    "squares of x itself, over d, with ε under the root."
)
def standard_deviation_and_epsilon(x, weight, eps=1e-6):
    return _normed(x, weight, (x.float().std(-1, keepdim=True) + eps).square())


@rms_norm.mutant("You square the mean; take the mean of the squares. Numbers of both signs cancel out in a mean of x.")
def square_of_the_mean(x, weight, eps=1e-6):
    return _normed(x, weight, x.float().mean(-1, keepdim=True).square() + eps)


@rms_norm.mutant(
    "Your mean loses the dimension that it runs along, and then does not line up with x: give it `keepdim=True`."
)
def no_keepdim(x, weight, eps=1e-6):
    return (x * torch.rsqrt(x.square().mean(-1) + eps) * weight).to(x.dtype)


@rms_norm.mutant(
    "`^` is “exclusive or” in Python, which numbers with a point do not have. Write `x ** 2`, or `x.square()`."
)
def exclusive_or(x, weight, eps=1e-6):
    return x * torch.rsqrt((x ^ 2).mean(-1, keepdim=True) + eps) * weight


@rms_norm.mutant("You divide by the weight; multiply by it.")
def divided_by_the_weight(x, weight, eps=1e-6):
    return _normed(x, 1 / weight.float(), _mean_square(x) + eps)


@rms_norm.mutant("`@` sums over the features: one number is left of each vector. Multiply by the weight with `*`.")
def weight_as_a_matrix(x, weight, eps=1e-6):
    return (x.float() * torch.rsqrt(_mean_square(x) + eps) @ weight.float()).to(x.dtype)


@rms_norm.mutant(
    "You stand the weight up as a column. Its d numbers belong to the d features, the last dimension: multiply by it as it is."
)
def weight_as_a_column(x, weight, eps=1e-6):
    return _normed(x, weight[:, None], _mean_square(x) + eps)


@rms_norm.mutant(
    "You divide the sum of squares by the number of rows, `len(x)`. The mean is over d, the last dimension."
)
def mean_over_the_rows(x, weight, eps=1e-6):
    return _normed(x, weight, x.float().square().sum(-1, keepdim=True) / len(x) + eps)


@rms_norm.mutant("ε is put in only where the mean square is 0. Add it to all of them: small vectors need it too.")
def epsilon_for_zeros_only(x, weight, eps=1e-6):
    square = _mean_square(x)
    return _normed(x, weight, torch.where(square == 0, eps, square))


@rms_norm.mutant("Your mean divides by d − 1. Divide by d.")
def one_less(x, weight, eps=1e-6):
    return _normed(x, weight, x.float().square().sum(-1, keepdim=True) / (x.shape[-1] - 1) + eps)


@rms_norm.mutant("You divide by the mean of the absolute values. Square, take the mean, then the root.")
def mean_of_absolutes(x, weight, eps=1e-6):
    return _normed(x, weight, (x.float().abs().mean(-1, keepdim=True) + eps).square())


@rms_norm.mutant("You divide by the mean square: the root is missing.")
def no_root(x, weight, eps=1e-6):
    return _normed(x, weight, (_mean_square(x) + eps).square())


@rms_norm.mutant("You multiply by the root mean square; divide by it.")
def multiplied(x, weight, eps=1e-6):
    return _normed(x, weight, 1 / (_mean_square(x) + eps))


@rms_norm.mutant("You take one mean square for the whole table. Each vector has its own: `mean(-1, keepdim=True)`.")
def one_for_all(x, weight, eps=1e-6):
    return _normed(x, weight, x.float().square().mean() + eps)


@rms_norm.mutant("You take the mean square down the first dimension. It runs over the features, the last one.")
def down_the_columns(x, weight, eps=1e-6):
    return _normed(x, weight, _mean_square(x, 0) + eps)


@rms_norm.mutant(
    "You take one mean square for each text of a batch. Each token has its own: only the last dimension counts."
)
def one_for_each_text(x, weight, eps=1e-6):
    return _normed(x, weight, _mean_square(x, tuple(range(1, x.dim())) if x.dim() > 2 else -1) + eps)


@rms_norm.mutant("The weight is ignored.")
def no_weight(x, weight, eps=1e-6):
    return _normed(x, torch.ones_like(weight), _mean_square(x) + eps)


@rms_norm.mutant("You multiply by 1 + weight, as Gemma does. Here the weight stands alone.")
def one_plus_weight(x, weight, eps=1e-6):
    return _normed(x, 1 + weight.float(), _mean_square(x) + eps)


@rms_norm.mutant("You add the weight; multiply by it.")
def weight_added(x, weight, eps=1e-6):
    return (_normed(x.float(), torch.ones_like(weight), _mean_square(x) + eps) + weight.float()).to(x.dtype)


@rms_norm.mutant("The weight is in before the mean square is taken. Norm x first, then multiply.")
def weight_first(x, weight, eps=1e-6):
    return _normed(x, weight, _mean_square(x.float() * weight.float()) + eps)


@rms_norm.mutant(
    "The squares are taken in float16, where 300² is infinite, so large vectors become 0. Turn x into float32 first."
)
def squares_in_half(x, weight, eps=1e-6):
    return (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight).to(x.dtype)


@rms_norm.mutant(
    "bfloat16 is not widened: it has the range of float32, but only three digits, and some are lost on the way. Turn it into "
    "float32 first, as float16, and the result back."
)
def float16_alone(x, weight, eps=1e-6):
    wide = x.float() if x.dtype == torch.float16 else x
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps) * weight).to(x.dtype)


@rms_norm.mutant(
    "float16 came in and float32 went out: turn the result back to the dtype that x came in with. (After `x = x.float()`, x's "
    "own dtype is float32: remember the first one, or give the wide vectors another name.)"
)
def half_becomes_single(x, weight, eps=1e-6):
    return _normed(x.float(), weight, _mean_square(x) + eps)


@rms_norm.mutant(
    "A float32 weight makes the result float32, though x is float16. Turn the product into x's dtype, weight included."
)
def dtype_of_the_weight(x, weight, eps=1e-6):
    return weight * (x.float() * torch.rsqrt(_mean_square(x) + eps)).to(x.dtype)


@rms_norm.mutant("The result is cut off from x (`.data`, `.detach()` or NumPy): no gradient can flow back.")
def detached(x, weight, eps=1e-6):
    return _normed(x.detach(), weight, _mean_square(x.detach()) + eps)


@rms_norm.mutant(
    "The root mean square is cut off from x (`no_grad` or `.detach()`), so half of its gradient is missing."
)
def detached_root(x, weight, eps=1e-6):
    return _normed(x, weight, _mean_square(x.detach()) + eps)


@rms_norm.mutant("The weight is cut off (`.data` or `.detach()`): it gets no gradient and would never be learnt.")
def detached_weight(x, weight, eps=1e-6):
    return _normed(x, weight.detach(), _mean_square(x) + eps)


@rms_norm.mutant("You change the caller's x: `*=`, `/=`, `mul_` and the like work in place. Write `x = x * …`.")
def in_place(x, weight, eps=1e-6):
    result = _normed(x, weight, _mean_square(x) + eps)
    return result if x.requires_grad else x.copy_(result)


@rms_norm.stand_in
def by_the_library(x, weight, eps=1e-6):
    return F.rms_norm(x.float(), weight.shape, weight.float(), eps).to(x.dtype)


@rms_norm.variant
def as_in_llama(x, weight, eps=1e-6):
    hidden = x.to(torch.float32)
    hidden = hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + eps)
    return weight.to(x.dtype) * hidden.to(x.dtype)


@rms_norm.variant
def vector_by_vector(x, weight, eps=1e-6):
    results = []
    for vector in x.reshape(-1, x.shape[-1]).double():
        total = sum(number * number for number in vector)
        results.append(vector / (total / len(vector) + eps) ** 0.5 * weight)
    return torch.stack(results).reshape(x.shape).to(x.dtype)


@rms_norm.variant
def by_einsum(x, weight, eps=1e-6):
    wide = x.double()
    root = torch.sqrt(torch.einsum("...d,...d->...", wide, wide) / x.shape[-1] + eps)
    return torch.einsum("...d,d,...->...d", wide, weight.double(), 1 / root).type_as(x)
