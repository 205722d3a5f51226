"""# Scaled dot-product attention

Each query compares itself with every key; the better they match, the more of that key's value it takes:

$$\\mathrm{attention}(Q, K, V) = \\mathrm{softmax}\\left(\\frac{QK^\\top}{\\sqrt{d}}\\right)V$$

The dot product of two random vectors of $d$ numbers grows like $\\sqrt d$. Dividing by it keeps the scores where softmax still
shares: without that, one key takes all and hardly any gradient is left for the others.

- `q` is (…, Tq, d), `k` is (…, Tk, d), `v` is (…, Tk, dv), and the result (…, Tq, dv). Any number of leading dimensions (none, batch, batch
  and heads), equal in all three. Tq and Tk may differ.
- `mask`, where there is one, is of booleans and broadcasts to (…, Tq, Tk): a query looks only where it is `True`, and shares its
  whole weight among what it sees.
- A query with nothing to look at gets zeros. No gradient becomes NaN because of it.

Your `softmax` does its part. `F.scaled_dot_product_attention` and `nn.MultiheadAttention` are not answers here.
"""

import torch
import torch.nn.functional as F

from grader import close, exercise, leaves_alone, vjp


@exercise(
    points=6,
    uses=["softmax"],
    twins=["scaled_dot_product_attention", "multi_head_attention_forward", "MultiheadAttention", "flex_attention"],
    hints=[
        "First the scores, (…, Tq, Tk): one number for each pair of a query and a key. Which of the last two dimensions of `k` "
        "must change places for that matrix product?",
        "Count dimensions from the end: `k.transpose(-2, -1)` is right whatever stands in front. The scale is the square root of "
        "the last dimension of `q`.",
        "A hidden key must have weight 0 *after* softmax, and the others must still sum to 1. So hide it before: −inf is the score "
        "whose exponential is 0. `masked_fill` broadcasts, and fills where its mask is `True`.",
        "A row of nothing but −inf gives zeros in your `softmax`, gradients included. `F.softmax` gives NaN there, and "
        "replacing the NaN in the result does not take it out of the gradients.",
    ],
)
def scaled_dot_product_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Return, for each query, the values averaged by how well their keys match it, (…, Tq, dv).

    Args:
        q: queries, (…, Tq, d).
        k: keys, (…, Tk, d).
        v: values, (…, Tk, dv).
        mask: booleans that broadcast to (…, Tq, Tk), True where a query may look. A query that sees nothing gets zeros.

    >>> query, keys = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> scaled_dot_product_attention(query, keys, torch.tensor([[10.0], [20.0]]))
    tensor([[15.]])
    """
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return softmax(scores, dim=-1) @ v


def _fixed_qkv(*leading, queries, keys, seed=0):
    """Queries and keys of 6 numbers, values of 7: the same ones every time."""
    rng = torch.Generator().manual_seed(seed)
    return (
        torch.randn(*leading, queries, 6, generator=rng),
        torch.randn(*leading, keys, 6, generator=rng),
        torch.randn(*leading, keys, 7, generator=rng),
    )


@scaled_dot_product_attention.check
def equals_the_library(scaled_dot_product_attention):
    """2 queries and 4 keys give what the library gives"""
    q = torch.tensor([[1.0, 0.5, -1.0], [0.0, 2.0, 1.0]])
    k = torch.tensor([[1.0, 0.0, 1.0], [-1.0, 1.0, 0.5], [2.0, -0.5, 0.0], [0.5, 1.5, -2.0]])
    v = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 1.0], [0.5, 4.0]])
    close(scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, k, v))


@scaled_dot_product_attention.check
def leading_dimensions(scaled_dot_product_attention):
    """batches, and heads within batches, are attended to one by one"""
    q, k, v = _fixed_qkv(2, queries=3, keys=5)
    close(scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, k, v))
    q, k, v = _fixed_qkv(2, 3, queries=4, keys=5)
    close(scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, k, v))


@scaled_dot_product_attention.check
def large_scores(scaled_dot_product_attention):
    """scores in the thousands do no harm"""
    q = torch.tensor([[3000.0, 0.0], [0.0, -3000.0]])
    k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    v = torch.tensor([[1.0], [2.0], [3.0]])
    close(scaled_dot_product_attention(q, k, v), torch.tensor([[1.0], [3.0]]))


@scaled_dot_product_attention.check
def one_key_left(scaled_dot_product_attention):
    """a query that may look at one key alone gets that key's value, whole"""
    q, k, v = _fixed_qkv(queries=5, keys=4)
    mask = F.one_hot(torch.tensor([3, 1, 0, 2, 1]), 4) == 1
    close(scaled_dot_product_attention(q, k, v, mask), v[[3, 1, 0, 2, 1]])


@scaled_dot_product_attention.check
def some_keys_left(scaled_dot_product_attention):
    """a query that may look at some of the keys shares its weight among them, as in the library"""
    q, k, v = _fixed_qkv(queries=3, keys=4)
    mask = torch.tensor([[1, 0, 1, 0], [0, 1, 1, 1], [1, 0, 0, 1]]) == 1
    close(scaled_dot_product_attention(q, k, v, mask), F.scaled_dot_product_attention(q, k, v, attn_mask=mask))


@scaled_dot_product_attention.check
def mask_broadcasts(scaled_dot_product_attention):
    """one mask may serve all batches and heads, or all the queries of a batch"""
    q, k, v = _fixed_qkv(2, 3, queries=6, keys=5)
    mask = F.one_hot(torch.tensor([4, 0, 2, 1, 3, 0]), 5) == 1
    close(scaled_dot_product_attention(q, k, v, mask), v[:, :, [4, 0, 2, 1, 3, 0]])
    mask = F.one_hot(torch.tensor([3, 1]), 5).reshape(2, 1, 1, 5) == 1
    close(scaled_dot_product_attention(q, k, v, mask), torch.stack([v[0, :, [3] * 6], v[1, :, [1] * 6]]))


@scaled_dot_product_attention.check
def nothing_to_look_at(scaled_dot_product_attention):
    """a query that may look at nothing gets zeros"""
    q, k, v = _fixed_qkv(queries=4, keys=3)
    mask = torch.tensor([[0, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 1]]) == 1
    close(scaled_dot_product_attention(q, k, v, mask), torch.stack([v[1], torch.zeros(7), v[0], v[2]]))


@scaled_dot_product_attention.check
def gradients_flow(scaled_dot_product_attention):
    """gradients flow back to queries, keys and values, as in the library"""
    q, k, v = _fixed_qkv(queries=2, keys=3)
    upstream = torch.tensor([[1.0, 0.0, -2.0, 0.5, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, -1.0, 0.0, 2.0, 0.5]])
    due = vjp(F.scaled_dot_product_attention, (q, k, v), upstream)[1]
    came = vjp(scaled_dot_product_attention, (q, k, v), upstream)[1]
    for name, gradient, expected in zip("qkv", came, due, strict=True):
        close(gradient, expected, what=f"the gradient of {name}")


@scaled_dot_product_attention.check
def gradients_stay_finite(scaled_dot_product_attention):
    """a query that may look at nothing makes no gradient NaN, its own or another's"""
    q, k, v = _fixed_qkv(queries=4, keys=3)
    mask = torch.tensor([[0, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 1]]) == 1
    came = vjp(scaled_dot_product_attention, (q, k, v, mask), torch.ones(4, 7))[1]
    due = torch.zeros(4, 6), torch.zeros(3, 6), torch.ones(3, 7)
    for name, gradient, expected in zip("qkv", came, due, strict=False):
        close(gradient, expected, what=f"the gradient of {name}")


@scaled_dot_product_attention.check
def leaves_its_inputs_alone(scaled_dot_product_attention):
    """queries, keys, values and mask are left as they were"""
    mask = torch.tensor([[False, False, True], [True, False, False]])
    leaves_alone(scaled_dot_product_attention, *_fixed_qkv(queries=2, keys=3), mask)


def _drawn(rng, leading_dimensions):
    sizes = torch.randperm(7, generator=rng).add(2).tolist()  # no two alike, so that no dimension passes for another
    leading, (queries, keys, d, dv) = sizes[:leading_dimensions], sizes[3:]
    return (
        torch.randn(*leading, queries, d, generator=rng),
        torch.randn(*leading, keys, d, generator=rng),
        torch.randn(*leading, keys, dv, generator=rng),
    )


def _drawn_mask(rng, q, k, half_empty=False):
    """A mask with some dimensions left to broadcast. Every query sees something, or just half of them nothing."""
    full = [*q.shape[:-1], k.shape[-2]]
    alone = torch.rand(len(full), generator=rng) < 0.4
    shape = [1 if single else size for size, single in zip(full[:-1], alone, strict=False)] + full[-1:]
    sure = torch.randint(0, shape[-1], (*shape[:-1], 1), generator=rng)
    mask = (torch.rand(shape, generator=rng) < 0.5).scatter(-1, sure, True)
    if half_empty:
        rows = torch.randperm(mask[..., 0].numel(), generator=rng)
        mask.view(-1, shape[-1])[rows[: len(rows) // 2]] = False
    while mask.dim() > 1 and mask.shape[0] == 1 and torch.rand((), generator=rng) < 0.5:
        mask = mask[0]
    return mask


@scaled_dot_product_attention.hidden
def equals_the_library_anywhere(scaled_dot_product_attention, rng):
    """any sizes, with none to three leading dimensions, give what the library gives"""
    for leading_dimensions in range(4):
        q, k, v = _drawn(rng, leading_dimensions)
        close(scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, k, v))


@scaled_dot_product_attention.hidden
def any_mask(scaled_dot_product_attention, rng):
    """any mask, given whole or left to broadcast, gives what the library gives"""
    for leading_dimensions in (0, 1, 2, 2, 2, 3):
        q, k, v = _drawn(rng, leading_dimensions)
        mask = _drawn_mask(rng, q, k)
        whole = mask.expand(*q.shape[:-1], k.shape[-2])
        close(scaled_dot_product_attention(q, k, v, mask), F.scaled_dot_product_attention(q, k, v, attn_mask=whole))


@scaled_dot_product_attention.hidden
def order_of_the_keys(scaled_dot_product_attention, rng):
    """keys and values in another order, mask and all, change nothing"""
    q, k, v = _drawn(rng, 2)
    mask = _drawn_mask(rng, q, k)
    order = torch.randperm(k.shape[-2], generator=rng)
    shuffled = scaled_dot_product_attention(q, k[..., order, :], v[..., order, :], mask[..., order])
    close(shuffled, scaled_dot_product_attention(q, k, v, mask))


@scaled_dot_product_attention.hidden
def queries_that_see_nothing(scaled_dot_product_attention, rng):
    """wherever queries see nothing, they get zeros, the others get what is theirs, and every gradient is right"""
    for leading_dimensions in (0, 1, 2, 2, 3):
        q, k, v = _drawn(rng, leading_dimensions)
        mask = _drawn_mask(rng, q, k, half_empty=True)
        upstream = torch.randn(*q.shape[:-1], v.shape[-1], generator=rng)
        output, (by_q, by_k, by_v, _) = vjp(scaled_dot_product_attention, (q, k, v, mask), upstream)
        due, (due_q, due_k, due_v, _) = vjp(_safe_attention, (q, k, v, mask), upstream)
        close(output, due)
        close(by_q, due_q, what="the gradient of q")
        close(by_k, due_k, what="the gradient of k")
        close(by_v, due_v, what="the gradient of v")


@scaled_dot_product_attention.hidden
def large_scores_anywhere(scaled_dot_product_attention, rng):
    """scores in the thousands do no harm, wherever they stand"""
    q, k, v = _drawn(rng, 1)
    q, k = q * 0, k * 0  # scores from one feature alone: exact, and no two alike in a row
    q[..., 0] = 4000.0 * (1 - 2 * torch.randint(0, 2, q.shape[:-1], generator=rng))
    k[..., 0] = torch.randperm(k.shape[-2], generator=rng) - 2.0
    close(scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, k, v))


def _safe_attention(q, k, v, mask):
    """The library's attention, zeros for a query with nothing to look at in every version of it."""
    seen = mask.any(-1, keepdim=True)
    whole = (mask | ~seen).expand(*q.shape[:-1], k.shape[-2])
    return F.scaled_dot_product_attention(q, k, v, attn_mask=whole).masked_fill(~seen, 0.0)


@scaled_dot_product_attention.mutant(
    "Your scores are too large: they are not divided by the square root of d, the last dimension of `q`."
)
def no_scale(q, k, v, mask=None):
    return _attend(q @ k.mT, v, mask)


@scaled_dot_product_attention.mutant(
    "Your scores are too small: they are divided by d, where its square root is due (perhaps you scale both `q` and `k`, or twice)."
)
def divided_by_d(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[-1], v, mask)


@scaled_dot_product_attention.mutant("You multiply the scores by the square root of d; divide them by it.")
def multiplied_by_the_root(q, k, v, mask=None):
    return _attend(q @ k.mT * q.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "You scale by the number of keys. The scale is the square root of d, the *last* dimension of `q` and `k`."
)
def scaled_by_the_number_of_keys(q, k, v, mask=None):
    return _attend(q @ k.mT / k.shape[-2] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "You scale by the number of queries. The scale is the square root of d, the *last* dimension of `q` and `k`."
)
def scaled_by_the_number_of_queries(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[-2] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "You scale by the last dimension of `v`. The dot products are of `q` and `k`: it is their last dimension that counts."
)
def scaled_by_the_values(q, k, v, mask=None):
    return _attend(q @ k.mT / v.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "You scale by dimension 0 or 1 (`len(q)`, `q.shape[1]`, …), which is d for one number of dimensions at most. Count from the end: "
    "`q.shape[-1]`."
)
def scaled_by_dimension_one(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "You scale by dimension 0 or 1 (`len(q)`, `q.shape[1]`, …), which is d for one number of dimensions at most. Count from the end: "
    "`q.shape[-1]`."
)
def scaled_by_dimension_one_of_the_keys(q, k, v, mask=None):
    return _attend(q @ k.mT / k.shape[1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "You scale by dimension 0 or 1 (`len(q)`, `q.shape[1]`, …), which is d for one number of dimensions at most. Count from the end: "
    "`q.shape[-1]`."
)
def scaled_by_length(q, k, v, mask=None):
    return _attend(q @ k.mT / len(q) ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "`torch.sqrt` takes a tensor, and a size is a plain number. Write `q.shape[-1] ** 0.5`, or use `math.sqrt`."
)
def root_of_a_plain_number(q, k, v, mask=None):
    return _attend(q @ k.mT / torch.sqrt(q.shape[-1]), v, mask)


@scaled_dot_product_attention.mutant(
    "You multiply queries and keys number by number (`*`). Every query meets every key: that is a matrix product, `@`."
)
def queries_times_keys(q, k, v, mask=None):
    return _attend((q * k).sum(-1) / q.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "You multiply weights and values number by number (`*`). Each query takes a weighted sum of all values: a matrix product, `@`."
)
def weights_times_values(q, k, v, mask=None):
    return softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, mask)) * v


@scaled_dot_product_attention.mutant(
    "A sum or a maximum over the keys loses its dimension, so it does not line up with the scores: `keepdim=True`, or use your `softmax`."
)
def no_keepdim(q, k, v, mask=None):
    exponentials = _hide(q @ k.mT / q.shape[-1] ** 0.5, mask).exp()
    return exponentials / exponentials.sum(-1) @ v


@scaled_dot_product_attention.mutant(
    "The values are transposed. They stand as they are needed, one row a key: weights `@` `v`."
)
def values_transposed(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[-1] ** 0.5, v.mT, mask)


@scaled_dot_product_attention.mutant(
    "The weights are transposed before they meet the values. They have one row a query and one column a key, as they should."
)
def weights_transposed(q, k, v, mask=None):
    return softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, mask)).mT @ v


@scaled_dot_product_attention.mutant(
    "Your scores have one row a key. Rows are queries: `q` stands first in the product, `k` is the one to be transposed."
)
def product_reversed(q, k, v, mask=None):
    return _attend(k @ q.mT / q.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "Your softmax runs over dimension 0. Each query shares its weight among the keys: the last dimension, −1."
)
def softmax_over_dimension_zero(q, k, v, mask=None):
    return softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, mask), dim=0) @ v


@scaled_dot_product_attention.mutant(
    "You scale after softmax, so that the weights of a query no longer sum to 1. Scale the scores, before softmax."
)
def scaled_after_softmax(q, k, v, mask=None):
    return _attend(q @ k.mT, v, mask) / q.shape[-1] ** 0.5


@scaled_dot_product_attention.mutant(
    "Your softmax runs over the queries. Each query shares its weight among the keys: the last dimension of the scores."
)
def softmax_over_queries(q, k, v, mask=None):
    return softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, mask), dim=-2) @ v


@scaled_dot_product_attention.mutant(
    "Your softmax runs over a dimension counted from the front (0 or 1), right for one number of dimensions only. It must run over "
    "the keys: the last dimension, −1."
)
def softmax_over_dimension_one(q, k, v, mask=None):
    return softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, mask), dim=1) @ v


@scaled_dot_product_attention.mutant(
    "One softmax over the whole table of scores: the weights of all queries together sum to 1. Each query's own must: along the last dimension."
)
def one_softmax_for_all(q, k, v, mask=None):
    scores = _hide(q @ k.mT / q.shape[-1] ** 0.5, mask)
    return softmax(scores.flatten(-2), dim=-1).reshape(scores.shape) @ v


@scaled_dot_product_attention.mutant(
    "The scores go straight to the values: softmax over the keys is missing between the two."
)
def no_softmax(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    return (scores if mask is None else scores.masked_fill(~mask, 0.0)) @ v


@scaled_dot_product_attention.mutant(
    "Your result is the plain mean of the values that may be seen, whatever the query asks. The weights must come from `q` and `k`."
)
def mean_of_the_visible(q, k, v, mask=None):
    return _attend(q @ k.mT * 0, v, mask)


@scaled_dot_product_attention.mutant(
    "You return the attention weights. Take the weighted sum of the values: one more matrix product, with `v`."
)
def weights_alone(q, k, v, mask=None):
    return softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, mask))


@scaled_dot_product_attention.mutant("You return a tuple with the weights. Only the result is asked for here.")
def result_and_weights(q, k, v, mask=None):
    weights = softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, mask))
    return weights @ v, weights


@scaled_dot_product_attention.mutant("You average the keys: the weights must be applied to the values, `v`.")
def keys_for_values(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[-1] ** 0.5, k, mask)


@scaled_dot_product_attention.mutant(
    "You compare the queries with themselves. The scores compare each query with each key: `q` with `k`."
)
def queries_with_queries(q, k, v, mask=None):
    return _attend(q @ q.mT / q.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "`k` goes into the matrix product as it is. To meet each query, its last two dimensions must change places."
)
def keys_not_transposed(q, k, v, mask=None):
    return _attend(q @ k / q.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "`reshape` and `view` do not transpose: they read the same numbers on in the same order, so your keys are mixed up. Use `transpose(-2, -1)`."
)
def keys_reshaped(q, k, v, mask=None):
    mixed = k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2])
    return _attend(q @ mixed / q.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "Your keys are transposed rightly without batches only: you turn all the dimensions round (`k.T`) or exchange the first two. Count from the "
    "end: the last two are −2 and −1."
)
def all_dimensions_turned(q, k, v, mask=None):
    return _attend(q @ k.permute(*range(k.dim() - 1, -1, -1)) / q.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "Your keys are transposed rightly without batches only: you turn all the dimensions round (`k.T`) or exchange the first two. Count from the "
    "end: the last two are −2 and −1."
)
def dimensions_zero_and_one(q, k, v, mask=None):
    return _attend(q @ k.transpose(0, 1) / q.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "You exchange dimensions 1 and 2, right for three dimensions only. Count from the end: the last two are −2 and −1."
)
def dimensions_one_and_two(q, k, v, mask=None):
    return _attend(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "You exchange dimensions 2 and 3, right for four dimensions only. Count from the end: the last two are −2 and −1."
)
def dimensions_two_and_three(q, k, v, mask=None):
    return _attend(q @ k.transpose(2, 3) / q.shape[-1] ** 0.5, v, mask)


@scaled_dot_product_attention.mutant(
    "`torch.bmm` takes exactly three dimensions. `@` (`torch.matmul`) takes any number of leading ones."
)
def three_dimensions_only(q, k, v, mask=None):
    return torch.bmm(softmax(_hide(torch.bmm(q, k.mT) / q.shape[-1] ** 0.5, mask)), v)


@scaled_dot_product_attention.mutant("`mask` is ignored: what a query may not see still gets weight.")
def mask_ignored(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[-1] ** 0.5, v, None)


@scaled_dot_product_attention.mutant(
    "Your mask works the wrong way round: `True` means that a query may look, and you hide just that. `masked_fill` fills where its mask is `True`."
)
def true_hides(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[-1] ** 0.5, v, None if mask is None else ~mask)


@scaled_dot_product_attention.mutant(
    "You give hidden keys the score 0, and the exponential of 0 is 1: they still get weight. The score that gives weight 0 is −inf."
)
def hidden_scores_are_zero(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    return softmax(scores if mask is None else scores * mask) @ v


@scaled_dot_product_attention.mutant(
    "You hide keys after softmax, so the weights that are left do not sum to 1. Hide them in the scores, before softmax."
)
def hidden_after_softmax(q, k, v, mask=None):
    weights = softmax(q @ k.mT / q.shape[-1] ** 0.5)
    return (weights if mask is None else weights * mask) @ v


@scaled_dot_product_attention.mutant(
    "You multiply by −inf: for a key that may be seen that is 0 · (−inf), which is NaN. Put −inf in with `masked_fill` or `torch.where`."
)
def zero_times_infinity(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    return softmax(scores if mask is None else scores + (1 - mask.float()) * -torch.inf) @ v


@scaled_dot_product_attention.mutant(
    "You give hidden keys a huge *positive* score, so that they take all the weight. The score that gives weight 0 is −inf."
)
def hidden_scores_are_huge(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    return softmax(scores if mask is None else scores.masked_fill(~mask, 1e9)) @ v


@scaled_dot_product_attention.mutant(
    "You add the booleans to the scores, which moves what may be seen up by 1 and hides nothing. Put −inf where the mask is `False`."
)
def booleans_added(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    return softmax(scores if mask is None else scores + mask) @ v


@scaled_dot_product_attention.mutant(
    "You hide the future when no mask is given. Without a mask every query sees every key; who wants a causal mask passes one."
)
def causal_without_a_mask(q, k, v, mask=None):
    future = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
    return _attend(q @ k.mT / q.shape[-1] ** 0.5, v, future if mask is None else mask)


@scaled_dot_product_attention.mutant(
    "You always hide the future, and take no notice of `mask`. Hide what the mask hides, and nothing without one."
)
def always_causal(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[-1] ** 0.5, v, torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril())


@scaled_dot_product_attention.mutant(
    "`if mask:` asks whether a whole tensor is true, which PyTorch refuses to say. Ask `if mask is not None:`."
)
def is_the_mask_true(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[-1] ** 0.5, v, mask if mask else None)


@scaled_dot_product_attention.mutant(
    "You index the scores by the mask, so it must have their very shape. A mask may broadcast: use `masked_fill` or `torch.where`."
)
def indexed_by_the_mask(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if mask is not None:
        scores[~mask] = -torch.inf
    return softmax(scores) @ v


@scaled_dot_product_attention.mutant(
    "You give the mask a further dimension (`unsqueeze`). It broadcasts to the scores as it is; leave its shape alone."
)
def mask_unsqueezed(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[-1] ** 0.5, v, None if mask is None else mask.unsqueeze(1))


@scaled_dot_product_attention.mutant(
    "A query with nothing to look at gets the mean of all values: with a huge negative number for every key, all are equal again. Hide by "
    "−inf and let your `softmax` give zeros."
)
def equal_shares_where_all_is_hidden(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    return softmax(scores if mask is None else scores.masked_fill(~mask, -1e9)) @ v


@scaled_dot_product_attention.mutant(
    "A query with nothing to look at gets NaN, from 0 / 0: the library's softmax of nothing but −inf does that, and so do weights "
    "divided by their own sum. Your own `softmax` gives zeros there, for scores that are hidden by −inf."
)
def nan_where_all_is_hidden(q, k, v, mask=None):
    return torch.softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, mask), dim=-1) @ v


@scaled_dot_product_attention.mutant(
    "The result is right, but a gradient is NaN: the weights were NaN for a query that sees nothing, and replacing them afterwards does not "
    "mend the way back. Do not let NaN arise."
)
def weights_mended_afterwards(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores + torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)
    return torch.softmax(scores, dim=-1).nan_to_num(0.0) @ v


@scaled_dot_product_attention.mutant(
    "The result is right, but gradients are NaN: it was NaN for a query that sees nothing, and replacing it afterwards does not mend the way "
    "back. Do not let NaN arise."
)
def result_mended_afterwards(q, k, v, mask=None):
    return (torch.softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, mask), dim=-1) @ v).nan_to_num(0.0)


@scaled_dot_product_attention.mutant(
    "Your exponentials overflow for large scores. Use your `softmax`, which takes care of it."
)
def exponentials_overflow(q, k, v, mask=None):
    weights = _hide(q @ k.mT / q.shape[-1] ** 0.5, mask).exp()
    total = weights.sum(-1, keepdim=True)
    return weights / total.masked_fill(total == 0.0, 1.0) @ v


@scaled_dot_product_attention.mutant(
    "The result is cut off from its inputs (`.data`, `.detach()`, `no_grad` or NumPy): no gradient can flow back."
)
def detached(q, k, v, mask=None):
    return _attend(q @ k.mT / q.shape[-1] ** 0.5, v, mask).detach()


@scaled_dot_product_attention.mutant(
    "No gradient reaches `q` and `k`: the weights are detached on the way. They are what attention learns."
)
def weights_detached(q, k, v, mask=None):
    return softmax(_hide(q @ k.mT / q.shape[-1] ** 0.5, mask)).detach() @ v


@scaled_dot_product_attention.mutant(
    "You change the caller's tensors: `*=`, `/=` and names that end in `_` work in place. Write `q = q / …`."
)
def in_place(q, k, v, mask=None):
    q /= q.shape[-1] ** 0.5
    return _attend(q @ k.mT, v, mask)


def _hide(scores, mask):
    return scores if mask is None else scores.masked_fill(~mask, -torch.inf)


def _attend(scores, v, mask):
    return softmax(_hide(scores, mask)) @ v


@scaled_dot_product_attention.stand_in
def by_the_library(q, k, v, mask=None):
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v)
    seen = mask.any(-1, keepdim=True)
    whole = (mask | ~seen).expand(*q.shape[:-1], k.shape[-2])
    return F.scaled_dot_product_attention(q, k, v, attn_mask=whole).masked_fill(~seen, 0.0)


@scaled_dot_product_attention.variant
def by_einsum(q, k, v, mask=None):
    scores = torch.einsum("...qd,...kd->...qk", q / q.shape[-1] ** 0.5, k)
    if mask is not None:
        scores = torch.where(mask, scores, torch.full_like(scores, float("-inf")))
    return torch.einsum("...qk,...kv->...qv", softmax(scores), v)


@scaled_dot_product_attention.variant
def without_softmax(q, k, v, mask=None):
    scores = torch.matmul(q, k.mT) * q.size(-1) ** -0.5
    seen = torch.ones_like(scores) if mask is None else mask.expand_as(scores).to(scores.dtype)
    weights = torch.exp(scores - scores.max(dim=-1, keepdim=True).values.detach()) * seen
    return torch.matmul(weights, v) / weights.sum(dim=-1, keepdim=True).clamp(min=1e-30)


@scaled_dot_product_attention.variant
def query_by_query(q, k, v, mask=None):
    seen = torch.ones(*q.shape[:-1], k.shape[-2], dtype=torch.bool)
    if mask is not None:
        seen = seen & mask
    results = []
    flat = (q.reshape(-1, *q.shape[-2:]), k.reshape(-1, *k.shape[-2:]), v.reshape(-1, *v.shape[-2:]))
    for queries, keys, values, table in zip(*flat, seen.reshape(-1, *seen.shape[-2:]), strict=True):
        for query, row in zip(queries, table, strict=True):
            weights = softmax((keys[row] * query).sum(-1) / query.numel() ** 0.5) if row.any() else values.new_zeros(0)
            results.append(weights @ values[row])
    return torch.stack(results).reshape(*q.shape[:-1], v.shape[-1])


@scaled_dot_product_attention.variant
def mended_before_it_spreads(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if mask is None:
        return F.softmax(scores, dim=-1) @ v
    # masked_fill gives hidden scores the gradient 0, whatever comes back to it.
    return F.softmax(scores.masked_fill(mask.logical_not(), -torch.inf), dim=-1).nan_to_num() @ v
