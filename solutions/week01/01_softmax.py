"""# Softmax

A model's raw scores (logits) can be any numbers. Softmax makes them a probability distribution along one dimension: every
entry positive, every row summing to 1, larger scores larger shares:

$$\\mathrm{softmax}(x)_i = \\frac{e^{x_i}}{\\sum_j e^{x_j}}$$

Three things break the formula in practice, and yours must survive them:

- $e^{1000}$ overflows. The result does not change when every score of a row is moved by the same amount: move wisely.
- Half precision: a `float16` input gives a `float16` result.
- A row may be all $-\\infty$ (attention with nothing to look at). Its result is zeros, not NaN.

`F.softmax`, `torch.softmax` and `x.softmax` are not answers here.
"""

import torch
import torch.nn.functional as F

from grader import close, exercise, leaves_alone, vjp


@exercise(
    points=4,
    twins=["softmax", "Softmax", "Softmax2d", "log_softmax", "LogSoftmax", "softmin", "Softmin", "gumbel_softmax"],
    hints=[
        "Move every score of a row by the same number, and top and bottom of the fraction are multiplied by the same factor. "
        "Which number makes sure that no exponential of the row overflows, and that not all of them vanish?",
        "It is the row's own largest score: subtracted, it leaves the largest exponent at 0. `keepdim=True` keeps a maximum or a "
        "sum as a column, so that it broadcasts against the table.",
        "A row that is all −inf has −inf as its largest score, and −inf − (−inf) is NaN. What could you subtract there instead?",
        "For such a row the sum of exponentials is 0. Divide by 1 there: 0 / 1 is the zero you want. For float16, do the work in "
        "float32 and turn the result back at the end.",
    ],
)
def softmax(x: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """Return the softmax of `x` along `dim`, in x's shape and dtype.

    Stable for scores of any size; a row that is all -inf gives zeros.

    >>> softmax(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    highest = wide.amax(dim, keepdim=True)
    exponentials = (wide - highest.masked_fill(highest == -torch.inf, 0.0)).exp()
    total = exponentials.sum(dim, keepdim=True)
    return (exponentials / total.masked_fill(total == 0.0, 1.0)).to(x.dtype)


@softmax.check
def equals_the_library(softmax):
    """a table of scores gives what F.softmax gives, row by row"""
    scores = torch.tensor([[1.0, 2.0, 4.0], [0.5, -0.5, 3.0]])
    close(softmax(scores), F.softmax(scores, dim=-1))


@softmax.check
def any_dimension(softmax):
    """`dim` chooses the dimension, counted from either end"""
    scores = torch.tensor([[[1.0, -1.0], [0.0, 2.0], [3.0, 0.5]], [[0.3, 0.2], [-2.0, 1.0], [1.5, 1.0]]])
    for dim in (0, 1, -3):
        close(softmax(scores, dim=dim), F.softmax(scores, dim=dim))


@softmax.check
def stable(softmax):
    """scores of 10,000, positive or negative and in one table, do no harm"""
    for scores in ([1e4, 1e4 - 1.0, 0.0], [-1e4, -1e4 + 2.0, -1e4], [[1e4, 1e4 - 1.0, 0.0], [0.0, 1.0, 2.0]]):
        close(softmax(torch.tensor(scores)), F.softmax(torch.tensor(scores), dim=-1))


@softmax.check
def half_precision(softmax):
    """float16 in, float16 out; float64 keeps all its digits"""
    scores = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float16)
    close(softmax(scores), F.softmax(scores, dim=-1), atol=2e-3)
    scores = torch.tensor([0.1, 0.2, 0.4], dtype=torch.float64)
    close(softmax(scores), F.softmax(scores, dim=-1), atol=1e-9, rtol=1e-9)


@softmax.check
def nothing_to_look_at(softmax):
    """a row that is all −inf gives zeros, and −inf beside numbers gives 0 there; no gradient is NaN"""
    scores = torch.tensor([[0.0, -torch.inf, 0.0], [-torch.inf, -torch.inf, -torch.inf]])
    close(softmax(scores), torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]))
    gradient = vjp(softmax, (scores,), torch.ones(2, 3))[1][0]
    close(gradient, torch.zeros(2, 3), what="the gradient of a sum that is always 1 or 0")


@softmax.check
def gradients_flow(softmax):
    """gradients flow back to the scores"""
    scores = torch.tensor([[0.2, -0.4, 1.0]])
    upstream = torch.tensor([[1.0, 0.0, -2.0]])
    close(
        vjp(softmax, (scores,), upstream)[1][0],
        vjp(lambda x: F.softmax(x, dim=-1), (scores,), upstream)[1][0],
        what="the gradient",
    )


@softmax.check
def leaves_its_input_alone(softmax):
    """the caller's tensor is left as it was"""
    leaves_alone(softmax, torch.tensor([1.0, 2.0, 3.0]))


def _shape(rng):
    return torch.randint(2, 6, (3,), generator=rng).tolist()


@softmax.hidden
def equals_the_library_anywhere(softmax, rng):
    """tables of any shape, along any dimension, give what F.softmax gives"""
    for _ in range(4):
        scores = torch.randn(_shape(rng), generator=rng) * 3
        dim = int(torch.randint(-3, 3, (), generator=rng))
        close(softmax(scores, dim), F.softmax(scores, dim=dim))
    scores = scores.double()
    close(softmax(scores), F.softmax(scores, dim=-1), atol=1e-12, rtol=1e-12)


@softmax.hidden
def stable_anywhere(softmax, rng):
    """scores up to 10,000 in any row do no harm to it or to the others"""
    scores = torch.randn(_shape(rng), generator=rng)
    scale = 10.0 ** torch.randint(0, 5, (*scores.shape[:-1], 1), generator=rng)
    shift = 1e4 * torch.randn(scale.shape, generator=rng)
    close(softmax(scores * scale + shift), F.softmax(scores * scale + shift, dim=-1))


@softmax.hidden
def half_precision_anywhere(softmax, rng):
    """float16 tables of any shape give float16"""
    scores = torch.randn(_shape(rng), generator=rng).half()
    close(softmax(scores), F.softmax(scores, dim=-1), atol=2e-3)


@softmax.hidden
def masked_rows_anywhere(softmax, rng):
    """any −inf gives 0, whole rows of it included, and no gradient is NaN"""
    scores = torch.randn(_shape(rng), generator=rng)
    hidden = torch.rand(scores.shape, generator=rng) < 0.5
    hidden[0, 0] = True
    expected = F.softmax(scores.masked_fill(hidden, -1e9), -1) * ~hidden
    masked = scores.masked_fill(hidden, -torch.inf)
    output, (gradient,) = vjp(softmax, (masked,), torch.ones_like(scores))
    close(output, expected)
    close(gradient, torch.zeros_like(scores), what="the gradient of a sum that is always 1 or 0")


def _wide(x):
    return x.float() if x.dtype.itemsize == 2 else x


def _shared(exponentials, dim):
    total = exponentials.sum(dim, keepdim=True)
    return exponentials / total.masked_fill(total == 0.0, 1.0)


@softmax.mutant("Your exponentials overflow: subtract each row's largest score before `exp`.")
def no_maximum(x, dim=-1):
    return _shared(_wide(x).exp(), dim).to(x.dtype)


@softmax.mutant(
    "You subtract the largest score of the whole table. Rows far below it vanish: use each row's own, with `keepdim=True`."
)
def global_maximum(x, dim=-1):
    wide = _wide(x)
    return _shared((wide - wide[wide > -torch.inf].max()).exp(), dim).to(x.dtype)


@softmax.mutant(
    "You subtract the largest score of the whole table. Rows far below it vanish, and 0 / 0 is NaN: use each row's own, with "
    "`keepdim=True`. A row that is all −inf will still sum to 0: divide by something else there."
)
def global_maximum_unguarded(x, dim=-1):
    exponentials = (x - x.max()).exp()
    return exponentials / exponentials.sum(dim, keepdim=True)


@softmax.mutant(
    "You cut the scores off (`clamp`) before `exp`: beyond the limit, different scores get equal shares. Subtract each row's "
    "largest score instead."
)
def clamped(x, dim=-1):
    return _library(x.clamp(-80, 80), dim)


@softmax.mutant(
    "You cut the scores off (`clamp`) before `exp`: beyond the limit, different scores get equal shares. Subtract each row's "
    "largest score instead."
)
def clamped_from_above(x, dim=-1):
    return _library(x.clamp(max=80), dim)


@softmax.mutant(
    "You subtract the logarithm of the sum (`logsumexp`). At 10,000 float32 has three digits after the point left for it, and "
    "the shares show that. Subtract the largest score, take `exp`, then divide by the sum."
)
def logarithm_of_the_sum(x, dim=-1):
    nothing = (x == -torch.inf).all(dim, keepdim=True)
    x = x.masked_fill(nothing, 0.0)
    return (x - x.logsumexp(dim, keepdim=True)).exp().masked_fill(nothing, 0.0)


@softmax.mutant(
    "A maximum or a sum loses the dimension that it runs along, and then does not line up with the table: give it `keepdim=True`."
)
def no_keepdim(x, dim=-1):
    exponentials = (x - x.amax(dim)).exp()
    return exponentials / exponentials.sum(dim)


@softmax.mutant(
    "A maximum or a sum loses the dimension that it runs along, and then does not line up with the table: give it `keepdim=True`."
)
def no_keepdim_and_no_maximum(x, dim=-1):
    return x.exp() / x.exp().sum(dim)


@softmax.mutant(
    "`x.max(dim)` returns two things, the largest values and where they stand. Take its `.values`, or use `x.amax`."
)
def values_and_places(x, dim=-1):
    return (x - x.max(dim, keepdim=True)).exp()


@softmax.mutant(
    "You divide by the sum of the whole table; every row must sum to 1 by itself. Sum along `dim`, with `keepdim=True`."
)
def one_sum_for_all(x, dim=-1):
    exponentials = (x - x.max()).exp()
    return exponentials / exponentials.sum()


@softmax.mutant(
    "You divide by the sum of the whole table; every row must sum to 1 by itself. Sum along `dim`, with `keepdim=True`, and "
    "subtract each row's largest score before `exp`, which overflows."
)
def one_sum_for_all_and_no_maximum(x, dim=-1):
    return x.exp() / x.exp().sum()


@softmax.mutant("`dim` is ignored: you always work along dimension 0.")
def always_down_the_columns(x, dim=-1):
    return _library(x, 0)


@softmax.mutant("`dim` is ignored: you always work along dimension 0.")
def always_down_the_columns_unguarded(x, dim=-1):
    return F.softmax(x, 0)


@softmax.mutant(
    "The maximum is taken along the last dimension, the sum along `dim`. Both belong to the same rows: along `dim`."
)
def maximum_elsewhere(x, dim=-1):
    return _shared((x - x.amax(-1, keepdim=True).nan_to_num(neginf=0.0)).exp(), dim)


@softmax.mutant(
    "The maximum is taken along `dim`, the sum along the last dimension. Both belong to the same rows: along `dim`."
)
def sum_elsewhere(x, dim=-1):
    return _shared((x - x.amax(dim, keepdim=True).nan_to_num(neginf=0.0)).exp(), -1)


@softmax.mutant("`dim` is ignored: you always work along the last dimension.")
def dim_ignored(x, dim=-1):
    return _library(x, -1)


@softmax.mutant("The scores are divided by their sum without `exp`, so a negative score becomes a negative share.")
def no_exponential(x, dim=-1):
    return x / x.sum(dim, keepdim=True)


@softmax.mutant("These are exponentials that are not yet divided by their sum: no row sums to 1.")
def not_normalised(x, dim=-1):
    return (x - x.amax(dim, keepdim=True)).exp()


@softmax.mutant("You returned logarithms of the shares: leave the last `log` away.")
def logarithms(x, dim=-1):
    return F.log_softmax(x, dim)


@softmax.mutant("Each score goes through a sigmoid by itself; in a softmax the scores of a row compete for one whole.")
def sigmoid(x, dim=-1):
    return x.sigmoid()


@softmax.mutant("You took powers of 2 where the base is e.")
def base_two(x, dim=-1):
    return _library(x * 0.6931472, dim)


@softmax.mutant(
    "A row that is all −inf comes out as NaN. Two steps can do it: subtracting its largest score, since −inf − (−inf) is NaN; "
    "and dividing by its sum of exponentials, which is 0, since 0 / 0 is NaN. Put something harmless in the way of each that you take."
)
def nan_where_all_is_hidden(x, dim=-1):
    return F.softmax(x, dim)


@softmax.mutant("A row that is all −inf gets equal shares. It has nothing to look at: its result is zeros.")
def equal_shares_where_all_is_hidden(x, dim=-1):
    return F.softmax(x.clamp(min=torch.finfo(x.dtype).min), dim)


@softmax.mutant(
    "The result is right, but the gradients of a row that is all −inf are NaN: the NaN arose, and replacing it afterwards "
    "does not mend the way back. Do not let it arise: subtract 0 and divide by 1 there."
)
def mended_afterwards(x, dim=-1):
    return F.softmax(x, dim).nan_to_num(0.0)


@softmax.mutant(
    "float64 came in, and the result is right to some digits only: you compute in float32, or add a small number to the sum. "
    "Widen half precision alone, and treat a sum of 0 by itself."
)
def always_single(x, dim=-1):
    return _library(x.float(), dim).to(x.dtype)


@softmax.mutant(
    "float64 came in, and the result is right to some digits only: you compute in float32, or add a small number to the sum. "
    "Widen half precision alone, and treat a sum of 0 by itself."
)
def small_number_in_the_sum(x, dim=-1):
    exponentials = (x - x.amax(dim, keepdim=True).nan_to_num(neginf=0.0)).exp()
    return exponentials / (exponentials.sum(dim, keepdim=True) + 1e-4)


@softmax.mutant(
    "float16 came in and float32 went out: turn the result back to the dtype that x came in with. (After `x = x.float()`, x's "
    "own dtype is float32: remember the first one, or give the wide table another name.)"
)
def half_becomes_single(x, dim=-1):
    return _library(x.float() if x.dtype == torch.float16 else x, dim)


@softmax.mutant("The result is cut off from its input (`.data`, `.detach()` or NumPy): no gradient can flow back.")
def detached(x, dim=-1):
    return _library(x.detach(), dim)


@softmax.mutant("You change the caller's tensor: `-=`, `exp_` and the like work in place. Write `x = x - …`.")
def in_place(x, dim=-1):
    if not x.requires_grad:
        x -= x.amax(dim, keepdim=True).nan_to_num(neginf=0.0)
    return _library(x, dim)


@softmax.mutant(
    "You overwrite your exponentials (`/=` or `div_`), which `exp` needs again on the way back: no gradient can be computed. "
    "Write `exponentials / …`, which makes a new tensor."
)
def exponentials_overwritten(x, dim=-1):
    highest = x.amax(dim, keepdim=True)
    exponentials = (x - highest.masked_fill(highest == -torch.inf, 0.0)).exp()
    total = exponentials.sum(dim, keepdim=True)
    exponentials /= total.masked_fill(total == 0.0, 1.0)
    return exponentials


@softmax.mutant("Your function returns nothing (None). End it with `return` and the result; `print` shows it only.")
def nothing_returned(x, dim=-1):
    _library(x, dim)


def _library(x, dim):
    nothing = (x == -torch.inf).all(dim, keepdim=True)
    return F.softmax(x.masked_fill(nothing, 0.0), dim).masked_fill(nothing, 0.0)


@softmax.stand_in
def by_the_library(x, dim=-1):
    nothing = (x == -torch.inf).all(dim, keepdim=True)
    return F.softmax(x.masked_fill(nothing, 0.0), dim).masked_fill(nothing, 0.0)


@softmax.variant
def by_logarithms(x, dim=-1):
    wide = x.double()
    nothing = (wide == -torch.inf).all(dim, keepdim=True)
    wide = wide.masked_fill(nothing, 0.0)
    return (wide - wide.logsumexp(dim, keepdim=True)).exp().masked_fill(nothing, 0.0).to(x.dtype)


@softmax.variant
def row_by_row(x, dim=-1):
    rows = x.movedim(dim, -1)
    results = []
    for row in rows.reshape(-1, rows.shape[-1]):
        wide = row.double()
        highest = wide.max()
        if highest == -torch.inf:
            results.append(row.masked_fill(row == -torch.inf, 0.0))
            continue
        powers = torch.exp(wide - highest)
        results.append((powers / powers.sum()).to(x.dtype))
    return torch.stack(results).reshape(rows.shape).movedim(-1, dim)
