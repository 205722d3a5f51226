"""# Multi-head attention

One attention gives each token one mixture of the others. With several heads a token can look for several things at once: each
head has its own queries, keys and values, made from a share of the features, and a last matrix mixes what the heads found.

$$\\mathrm{head}_h = \\mathrm{attention}(Q_h, K_h, V_h), \\qquad \\mathrm{output} = [\\mathrm{head}_1; \\dots; \\mathrm{head}_H]\\,W_O^\\top$$

- Four layers `nn.Linear(d_model, d_model, bias=False)`, named `q_proj`, `k_proj`, `v_proj` and `o_proj`. Nothing else is learnt, so that weights
  trained elsewhere can be loaded into yours.
- `q_proj`, `k_proj` and `v_proj` each make the features of *all* heads at once. Head 0 has the first `d_model / n_heads` of them, head 1 the
  next block, and so on; heads are joined again in that order.
- `x` is (B, T, d_model), and so is the result. `mask` broadcasts to (B, heads, T, T), `True` where a query may look.
- A query that may look at nothing gets zeros from that head.
- Where `n_heads` does not divide `d_model`, `ValueError` is raised when the module is made.

Your `scaled_dot_product_attention` does its part. `nn.MultiheadAttention` is not an answer here.
"""

import torch
import torch.nn.functional as F
from torch import nn

from grader import Mismatch, close, exercise, leaves_alone, raises, vjp


@exercise(
    points=8,
    uses=["scaled_dot_product_attention"],
    twins=["MultiheadAttention", "multi_head_attention_forward", "TransformerEncoderLayer", "TransformerDecoderLayer"],
    hints=[
        "Begin `__init__` with `super().__init__()`, keep `n_heads`, and assign the four layers to `self` under their names: that is how "
        "PyTorch finds what there is to learn.",
        "Your attention works on the last two dimensions and takes any number in front. So give it (B, heads, T, d_head): tokens and "
        "features last, heads beside the batch.",
        "From (B, T, d_model), first cut the last dimension in two, (B, T, heads, d_head); then let tokens and heads change places. "
        "A single `view` to (B, heads, T, d_head) has the right shape but mixes tokens with heads.",
        "The way back is the same two steps the other way round: tokens and heads change places again, and only then are the heads "
        "joined with `flatten(2)` or `reshape`. `o_proj` comes last. The mask can be passed on as it is.",
    ],
)
class MultiHeadAttention(nn.Module):
    """Self-attention with several heads.

    Args:
        d_model: the number of features of each token.
        n_heads: the number of heads; each has d_model / n_heads features.

    Raises:
        ValueError: when `n_heads` does not divide `d_model`.

    >>> MultiHeadAttention(d_model=8, n_heads=2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 8])
    """

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError(f"{n_heads} heads cannot share {d_model} features evenly")
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return what each token gathers from those that it may look at, (B, T, d_model).

        Args:
            x: tokens, (B, T, d_model).
            mask: booleans that broadcast to (B, heads, T, T), True where a query may look.
        """
        q, k, v = (
            project(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        heads = scaled_dot_product_attention(q, k, v, mask)
        return self.o_proj(heads.transpose(1, 2).flatten(2))


def _mha_weights(d_model, rng=None):
    """Weights by the names that they have in the exercise: the same every time, or drawn from `rng`."""
    rng = rng or torch.Generator().manual_seed(4)
    names = [f"{letter}_proj.weight" for letter in "qkvo"]
    return {name: torch.randn(d_model, d_model, generator=rng) * 1.5 * d_model**-0.5 for name in names}


def _mha(MultiHeadAttention, weights, n_heads):
    """A new module of the learner's with `weights`, and with nothing else to learn."""
    module = MultiHeadAttention(len(weights["o_proj.weight"]), n_heads)
    further, absent = module.load_state_dict(weights, strict=False)
    if absent or further:
        lacks = f"; yours lacks {', '.join(absent)}" if absent else ""
        has = f"; yours also has {', '.join(further)}" if further else ""
        raise Mismatch(f"the module should learn {', '.join(weights)} and nothing else{lacks}{has}")
    return module


def _mha_of_the_library(x, weights, n_heads, mask=None):
    """What nn.MultiheadAttention gives with these weights. There, True in a mask hides."""
    q, k, v, o = weights.values()
    module = nn.MultiheadAttention(x.shape[-1], n_heads, bias=False, batch_first=True)
    parameters = {"in_proj_weight": torch.cat([q, k, v]), "out_proj.weight": o}
    hides = None if mask is None else ~mask.expand(len(x), n_heads, x.shape[1], x.shape[1]).flatten(0, 1)
    return torch.func.functional_call(module, parameters, (x, x, x), {"attn_mask": hides, "need_weights": False})[0]


def _mha_tokens(batch, length, d_model, rng=None):
    """Tokens: the same every time, or drawn from `rng`."""
    return torch.randn(batch, length, d_model, generator=rng or torch.Generator().manual_seed(7))


@MultiHeadAttention.check
def equals_the_library(MultiHeadAttention):
    """with the same weights, 3 heads give what nn.MultiheadAttention gives"""
    weights, x = _mha_weights(12), _mha_tokens(2, 4, 12)
    close(_mha(MultiHeadAttention, weights, 3)(x), _mha_of_the_library(x, weights, 3))


@MultiHeadAttention.check
def other_numbers_of_heads(MultiHeadAttention):
    """1, 2 and 6 heads, over 1, 3 and 5 tokens, do too"""
    weights = _mha_weights(6)
    for n_heads, length in ((1, 3), (2, 5), (6, 1), (6, 3)):
        x = _mha_tokens(2, length, 6)
        close(_mha(MultiHeadAttention, weights, n_heads)(x), _mha_of_the_library(x, weights, n_heads))


@MultiHeadAttention.check
def heads_that_do_not_divide(MultiHeadAttention):
    """3 heads for 10 features: `ValueError`, as soon as the module is made"""
    with raises(ValueError):
        MultiHeadAttention(10, 3)


@MultiHeadAttention.check
def one_token_left(MultiHeadAttention):
    """one mask for all, by which each token may look at one alone: it gets that token's value from every head"""
    weights, x = _mha_weights(12), _mha_tokens(2, 4, 12)
    mask = F.one_hot(torch.tensor([2, 0, 3, 1]), 4) == 1
    close(_mha(MultiHeadAttention, weights, 3)(x, mask), _mha_of_the_library(x, weights, 3, mask))


@MultiHeadAttention.check
def some_tokens_left(MultiHeadAttention):
    """one mask for all, by which each token may look at some others, does what it does in the library"""
    weights, x = _mha_weights(12), _mha_tokens(2, 4, 12)
    mask = torch.tensor([[1, 0, 1, 0], [0, 1, 1, 1], [1, 1, 0, 1], [0, 1, 0, 1]]) == 1
    close(_mha(MultiHeadAttention, weights, 3)(x, mask), _mha_of_the_library(x, weights, 3, mask))


@MultiHeadAttention.check
def masks_of_batch_and_head(MultiHeadAttention):
    """a mask may differ from batch to batch, (B, 1, 1, T), and from head to head, (B, heads, T, T)"""
    weights, x = _mha_weights(12), _mha_tokens(2, 4, 12)
    module = _mha(MultiHeadAttention, weights, 3)
    for seen in (
        torch.tensor([3, 1]).reshape(2, 1, 1),
        torch.tensor([1, 0, 2]).reshape(1, 3, 1),
        (torch.arange(24) * 7 % 5 % 4).reshape(2, 3, 4),
    ):
        mask = F.one_hot(seen, 4) == 1
        close(module(x, mask), _mha_of_the_library(x, weights, 3, mask))


def _mha_of_ones():
    """Four equal tokens, twice, and weights by which no query prefers a key and every feature of every value is 1."""
    weights, x = _mha_weights(12), _mha_tokens(1, 1, 12).expand(2, 4, 12)
    weights["q_proj.weight"] = torch.zeros(12, 12)
    weights["v_proj.weight"] = (x[0, 0] / x[0, 0].square().sum()).expand(12, 12)
    return weights, x


@MultiHeadAttention.check
def nothing_to_look_at(MultiHeadAttention):
    """a token that may look at nothing gets zeros; one for whom a single head is blind, what the others find"""
    weights, x = _mha_of_ones()
    module = _mha(MultiHeadAttention, weights, 3)
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[2] = False
    expected = weights["o_proj.weight"].sum(1).repeat(2, 4, 1)
    expected[:, 2] = 0.0
    close(module(x, mask), expected)
    mask = torch.ones(3, 4, 4, dtype=torch.bool)
    mask[1, 2] = False
    expected[:, 2] = weights["o_proj.weight"][:, [0, 1, 2, 3, 8, 9, 10, 11]].sum(1)
    close(module(x, mask), expected)


@MultiHeadAttention.check
def gradients_flow(MultiHeadAttention):
    """gradients flow back to the tokens and to all four matrices"""
    weights, x = _mha_weights(6), _mha_tokens(1, 4, 6)
    upstream = _mha_tokens(1, 4, 6).cos()
    _, (by_x,), by_weights = vjp(_mha(MultiHeadAttention, weights, 3), (x,), upstream, parameters=True)

    def library(x, *four):
        return _mha_of_the_library(x, dict(zip(weights, four, strict=True)), 3)

    _, due = vjp(library, (x, *weights.values()), upstream)
    close(by_x, due[0], what="the gradient of x")
    close(by_weights, dict(zip(weights, due[1:], strict=True)), what="the gradient")


@MultiHeadAttention.check
def gradients_stay_finite(MultiHeadAttention):
    """a token that may look at nothing makes no gradient NaN"""
    weights, x = _mha_of_ones()
    weights["o_proj.weight"] = weights["o_proj.weight"][:, :1].expand(12, 12)
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[1] = False
    _, (by_x, _), by_weights = vjp(
        _mha(MultiHeadAttention, weights, 3), (x, mask), torch.ones(2, 4, 12), parameters=True
    )
    share = 0.75 * weights["o_proj.weight"].sum(0)  # each value goes in equal parts to the three tokens that see
    close(by_x, (share @ weights["v_proj.weight"]).expand(2, 4, 12), what="the gradient of x")
    due = [torch.zeros(12, 12), torch.zeros(12, 12), torch.outer(share, x.sum((0, 1))), torch.full((12, 12), 6.0)]
    close(by_weights, dict(zip(weights, due, strict=True)), what="the gradient")


@MultiHeadAttention.check
def leaves_its_inputs_alone(MultiHeadAttention):
    """tokens and mask are left as they were"""
    mask = F.one_hot(torch.tensor([2, 0, 3, 1]), 4) == 1
    leaves_alone(_mha(MultiHeadAttention, _mha_weights(12), 3), _mha_tokens(2, 4, 12), mask)


def _drawn_sizes(rng):
    """A batch size, a length, a number of heads and features a head: no two alike."""
    return torch.randperm(5, generator=rng)[:4].add(2).tolist()


def _drawn_masks(rng, batch, n_heads, length):
    """A mask with some dimensions left to broadcast, by which every query sees something."""
    first = int(torch.randint(0, 3, (), generator=rng))
    shape = [batch, n_heads, length][first:]
    shape = [1 if alone else size for size, alone in zip(shape, torch.rand(3, generator=rng) < 0.4, strict=False)]
    sure = torch.randint(0, length, (*shape, 1), generator=rng)
    return (torch.rand(*shape, length, generator=rng) < 0.5).scatter(-1, sure, True)


@MultiHeadAttention.hidden
def equals_the_library_anywhere(MultiHeadAttention, rng):
    """any batch, length, number of heads and features a head gives what nn.MultiheadAttention gives"""
    for _ in range(3):
        batch, length, n_heads, d_head = _drawn_sizes(rng)
        weights, x = _mha_weights(n_heads * d_head, rng), _mha_tokens(batch, length, n_heads * d_head, rng)
        close(_mha(MultiHeadAttention, weights, n_heads)(x), _mha_of_the_library(x, weights, n_heads))


@MultiHeadAttention.hidden
def any_mask(MultiHeadAttention, rng):
    """any mask that broadcasts to (B, heads, T, T) gives what nn.MultiheadAttention gives"""
    batch, length, n_heads, d_head = _drawn_sizes(rng)
    weights, x = _mha_weights(n_heads * d_head, rng), _mha_tokens(batch, length, n_heads * d_head, rng)
    module = _mha(MultiHeadAttention, weights, n_heads)
    for _ in range(4):
        mask = _drawn_masks(rng, batch, n_heads, length)
        close(module(x, mask), _mha_of_the_library(x, weights, n_heads, mask))


@MultiHeadAttention.hidden
def the_future_does_not_matter(MultiHeadAttention, rng):
    """with a causal mask, other tokens from some place on change nothing before that place"""
    batch, length, n_heads, d_head = _drawn_sizes(rng)
    weights, x = _mha_weights(n_heads * d_head, rng), _mha_tokens(batch, length, n_heads * d_head, rng)
    changed = int(torch.randint(1, length, (), generator=rng))
    other = torch.cat([x[:, :changed], _mha_tokens(batch, length - changed, n_heads * d_head, rng)], dim=1)
    mask = torch.ones(length, length, dtype=torch.bool).tril()
    module = _mha(MultiHeadAttention, weights, n_heads)
    close(module(other, mask)[:, :changed], module(x, mask)[:, :changed])


@MultiHeadAttention.hidden
def tokens_that_see_nothing(MultiHeadAttention, rng):
    """wherever a head may look at nothing it gives zeros, and every gradient is right"""
    batch, length, n_heads, d_head = _drawn_sizes(rng)
    weights, x = _mha_weights(n_heads * d_head, rng), _mha_tokens(batch, length, n_heads * d_head, rng)
    mask = _drawn_masks(rng, batch, n_heads, length).expand(batch, n_heads, length, length)
    mask = mask & (torch.rand(batch, n_heads, length, 1, generator=rng) < 0.6)
    mask[0, :, 0], mask[-1, :, -1] = False, True

    def head_by_head(x, *four):
        total = torch.zeros_like(x)
        for head in range(n_heads):
            kept = torch.arange(n_heads * d_head) // d_head == head
            alone = dict(zip(weights, (*four[:3], four[3] * kept), strict=True))
            seen = mask[:, head].any(-1, keepdim=True)
            whole = mask.clone()
            whole[:, head] |= ~seen
            whole[:, torch.arange(n_heads) != head] = True
            total = total + _mha_of_the_library(x, alone, n_heads, whole).masked_fill(~seen, 0.0)
        return total

    upstream = _mha_tokens(batch, length, n_heads * d_head, rng)
    module = _mha(MultiHeadAttention, weights, n_heads)
    output, (by_x, _), by_weights = vjp(module, (x, mask), upstream, parameters=True)
    expected, due = vjp(head_by_head, (x, *weights.values()), upstream)
    close(output, expected)
    close(by_x, due[0], what="the gradient of x")
    close(by_weights, dict(zip(weights, due[1:], strict=True)), what="the gradient")


@MultiHeadAttention.hidden
def heads_that_never_divide(MultiHeadAttention, rng):
    """wherever the heads do not divide the features, `ValueError`; where they do, none"""
    for n_heads in torch.randint(2, 9, (3,), generator=rng).tolist():
        d_model = n_heads * int(torch.randint(1, 6, (), generator=rng))
        MultiHeadAttention(d_model, n_heads)
        with raises(ValueError):
            MultiHeadAttention(d_model + int(torch.randint(1, n_heads, (), generator=rng)), n_heads)


@MultiHeadAttention.variant
class in_steps(MultiHeadAttention):
    def forward(self, x, mask=None):
        q, k, v = (self.split(features) for features in self.project(x))
        return self.o_proj(self.merge(self.attend(q, k, v, mask)))

    def project(self, x):
        return self.q_proj(x), self.k_proj(x), self.v_proj(x)

    def split(self, features):
        batch, length, d_model = features.shape
        return features.view(batch, length, self.n_heads, d_model // self.n_heads).permute(0, 2, 1, 3)

    def attend(self, q, k, v, mask):
        return scaled_dot_product_attention(q, k, v, mask)

    def merge(self, heads):
        batch, n_heads, length, d_head = heads.shape
        return heads.transpose(1, 2).contiguous().view(batch, length, n_heads * d_head)


@MultiHeadAttention.mutant(
    "Your module accepts heads that do not divide the features. Ask for the remainder in `__init__`, and raise `ValueError`."
)
class accepts_any_number(in_steps):
    def __init__(self, d_model, n_heads):
        nn.Module.__init__(self)
        self.n_heads = n_heads
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(d_model, d_model, bias=False))


@MultiHeadAttention.mutant(
    "`assert` raises `AssertionError`, and not even that under `python -O`. For a caller's mistake raise `ValueError`."
)
class asserts(in_steps):
    def __init__(self, d_model, n_heads):
        assert d_model % n_heads == 0
        super().__init__(d_model, n_heads)


@MultiHeadAttention.mutant(
    "`super().__init__()` must be the first line of `__init__`: without it `nn.Module` has no place to keep layers."
)
class no_super(in_steps):
    def __init__(self, d_model, n_heads):
        if d_model % n_heads:
            raise ValueError
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=False)


@MultiHeadAttention.mutant("Your layers have biases. `nn.Linear` adds one unless told `bias=False`.")
class with_biases(in_steps):
    def __init__(self, d_model, n_heads):
        super().__init__(d_model, n_heads)
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(d_model, d_model))


@MultiHeadAttention.mutant("`o_proj` has a bias. `nn.Linear` adds one unless told `bias=False`; here no layer has one.")
class bias_at_the_end(in_steps):
    def __init__(self, d_model, n_heads):
        super().__init__(d_model, n_heads)
        self.o_proj = nn.Linear(d_model, d_model)


@MultiHeadAttention.mutant(
    "Your layers bear other names. Weights are loaded by name: call them `q_proj`, `k_proj`, `v_proj` and `o_proj`."
)
class other_names(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError
        for name in ("W_q", "W_k", "W_v", "W_o"):
            setattr(self, name, nn.Linear(d_model, d_model, bias=False))


@MultiHeadAttention.mutant(
    "Queries, keys and values come from one layer of yours. That is a good trick, but weights are loaded by name: make three, `q_proj`, `k_proj` and `v_proj`."
)
class one_wide_layer(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError
        self.qkv_proj = nn.Linear(d_model, 3 * d_model, bias=False)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)


@MultiHeadAttention.mutant(
    "PyTorch finds nothing to learn in your module: layers in a list, in a dict or made in `forward` are not seen. Assign each to `self` in `__init__`."
)
class layers_out_of_sight(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError
        self.layers = [nn.Linear(d_model, d_model, bias=False) for _ in range(4)]


@MultiHeadAttention.mutant(
    "Your module keeps a mask of its own as a buffer. The caller passes the mask; without one every token sees every other."
)
class keeps_a_mask(in_steps):
    def __init__(self, d_model, n_heads):
        super().__init__(d_model, n_heads)
        self.register_buffer("mask", torch.ones(64, 64, dtype=torch.bool).tril())


@MultiHeadAttention.mutant(
    "Queries, keys and values share one layer (`a = b = c = nn.Linear(…)` makes one, not three). Make a layer for each."
)
class one_layer_three_names(in_steps):
    def __init__(self, d_model, n_heads):
        super().__init__(d_model, n_heads)
        self.q_proj = self.k_proj = self.v_proj


@MultiHeadAttention.mutant("Your keys are made by `q_proj`: they are the queries again. Make them by `k_proj`.")
class keys_by_q_proj(in_steps):
    def project(self, x):
        return self.q_proj(x), self.q_proj(x), self.v_proj(x)


@MultiHeadAttention.mutant("Your values are made by `k_proj`: they are the keys again. Make them by `v_proj`.")
class values_by_k_proj(in_steps):
    def project(self, x):
        return self.q_proj(x), self.k_proj(x), self.k_proj(x)


@MultiHeadAttention.mutant("Queries and keys have changed places: `q_proj` makes the queries, `k_proj` the keys.")
class queries_for_keys(in_steps):
    def project(self, x):
        return self.k_proj(x), self.q_proj(x), self.v_proj(x)


@MultiHeadAttention.mutant("Keys and values have changed places: `k_proj` makes the keys, `v_proj` the values.")
class keys_for_values(in_steps):
    def project(self, x):
        return self.q_proj(x), self.v_proj(x), self.k_proj(x)


@MultiHeadAttention.mutant("Queries and values have changed places: `q_proj` makes the queries, `v_proj` the values.")
class queries_for_values(in_steps):
    def project(self, x):
        return self.v_proj(x), self.k_proj(x), self.q_proj(x)


@MultiHeadAttention.mutant("`q_proj`, `k_proj` and `v_proj` are never used: attention runs on the tokens themselves.")
class no_projections(in_steps):
    def project(self, x):
        return x, x, x


@MultiHeadAttention.mutant("`o_proj` is never used. It mixes what the heads found: the last step.")
class no_output_projection(in_steps):
    def forward(self, x, mask=None):
        q, k, v = (self.split(features) for features in self.project(x))
        return self.merge(self.attend(q, k, v, mask))


@MultiHeadAttention.mutant(
    "You multiply by the weights the wrong way round. `nn.Linear` computes x Wᵀ: call the layer, `self.q_proj(x)`."
)
class weights_turned(in_steps):
    def forward(self, x, mask=None):
        q, k, v = (self.split(x @ layer.weight) for layer in (self.q_proj, self.k_proj, self.v_proj))
        return self.merge(self.attend(q, k, v, mask)) @ self.o_proj.weight


@MultiHeadAttention.mutant(
    "Your features go straight from (B, T, d_model) to (B, heads, T, d_head) by `view` or `reshape`, which mixes tokens with heads. Cut the last dimension "
    "in two first, then let tokens and heads change places."
)
class split_by_view(in_steps):
    def split(self, features):
        batch, length, d_model = features.shape
        return features.reshape(batch, self.n_heads, length, d_model // self.n_heads)


@MultiHeadAttention.mutant(
    "You join the heads while tokens and heads still stand exchanged, so that the features of a token come from several tokens. Let the two change places "
    "first (`transpose(1, 2)`)."
)
class merge_by_view(in_steps):
    def merge(self, heads):
        batch, n_heads, length, d_head = heads.shape
        return heads.reshape(batch, length, n_heads * d_head)


@MultiHeadAttention.mutant(
    "Both ways you `view` or `reshape` between (B, T, d_model) and (B, heads, T, d_head), which mixes tokens with heads. Cut the last dimension in two, then "
    "`transpose(1, 2)`; on the way back the other way round."
)
class split_and_merge_by_view(split_by_view):
    def merge(self, heads):
        batch, n_heads, length, d_head = heads.shape
        return heads.reshape(batch, length, n_heads * d_head)


@MultiHeadAttention.mutant(
    "`view` cannot join the heads: after `transpose` the numbers do not lie in that order. Use `flatten(2)` or `reshape`, or `contiguous()` before `view`."
)
class view_after_transpose(in_steps):
    def merge(self, heads):
        batch, n_heads, length, d_head = heads.shape
        return heads.transpose(1, 2).view(batch, length, n_heads * d_head)


@MultiHeadAttention.mutant(
    "Your heads attend to each other instead of tokens to tokens: attention works on the last two dimensions, so `transpose(1, 2)` is due before it."
)
class heads_attend_to_heads(in_steps):
    def split(self, features):
        return features.unflatten(-1, (self.n_heads, -1))

    def merge(self, heads):
        return heads.flatten(2)


@MultiHeadAttention.mutant(
    "Your tokens attend across the batch. Here the batch comes first, (B, T, d_model): each text is by itself."
)
class batch_for_tokens(in_steps):
    def forward(self, x, mask=None):
        return super().forward(x.transpose(0, 1), mask).transpose(0, 1)


@MultiHeadAttention.mutant("There is one head, whatever `n_heads` says: cut the features into heads before attention.")
class one_head(in_steps):
    def split(self, features):
        return features[:, None]


@MultiHeadAttention.mutant(
    "Your heads take features that lie `n_heads` apart. A head has a block of neighbours: cut into (heads, d_head), in this order."
)
class heads_interleaved(in_steps):
    def split(self, features):
        return features.unflatten(-1, (-1, self.n_heads)).movedim(-1, 1)

    def merge(self, heads):
        return heads.movedim(1, -1).flatten(2)


@MultiHeadAttention.mutant(
    "Your heads take features that lie `n_heads` apart. A head has a block of neighbours: cut into (heads, d_head), in this order."
)
class heads_interleaved_one_way(in_steps):
    def split(self, features):
        return features.unflatten(-1, (-1, self.n_heads)).permute(0, 3, 1, 2)


@MultiHeadAttention.mutant(
    "You exchange tokens and features before you cut features into heads, which mixes tokens with features. Cut the last dimension "
    "in two first, then `transpose(1, 2)`."
)
class transposed_before_the_cut(in_steps):
    def split(self, features):
        batch, length, d_model = features.shape
        return features.transpose(1, 2).reshape(batch, self.n_heads, length, d_model // self.n_heads)


@MultiHeadAttention.mutant(
    "You exchange tokens with the features of a head (`transpose(1, 3)`). Tokens and heads change places: dimensions 1 and 2."
)
class tokens_and_features_exchanged(in_steps):
    def split(self, features):
        return features.unflatten(-1, (self.n_heads, -1)).transpose(1, 3)

    def merge(self, heads):
        return heads.transpose(1, 3).flatten(2)


@MultiHeadAttention.mutant(
    "Your module does not keep `n_heads`: `forward` needs it, so assign it in `__init__`, `self.n_heads = n_heads`."
)
class n_heads_forgotten(in_steps):
    def __init__(self, d_model, n_heads):
        super().__init__(d_model, n_heads)
        del self.n_heads


@MultiHeadAttention.mutant(
    "`q_proj`, `k_proj` and `v_proj` have the wrong size. Each makes the features of all heads at once, and the heads share "
    "`d_model` features: from `d_model` to `d_model`."
)
class layers_of_one_head(in_steps):
    def __init__(self, d_model, n_heads):
        super().__init__(d_model, n_heads)
        for name in ("q_proj", "k_proj", "v_proj"):
            setattr(self, name, nn.Linear(d_model, d_model // n_heads, bias=False))


@MultiHeadAttention.mutant(
    "`q_proj`, `k_proj` and `v_proj` have the wrong size. Each makes the features of all heads at once, and the heads share "
    "`d_model` features: from `d_model` to `d_model`."
)
class layers_too_wide(in_steps):
    def __init__(self, d_model, n_heads):
        super().__init__(d_model, n_heads)
        for name in ("q_proj", "k_proj", "v_proj"):
            setattr(self, name, nn.Linear(d_model, d_model * n_heads, bias=False))
        self.o_proj = nn.Linear(d_model * n_heads, d_model, bias=False)


@MultiHeadAttention.mutant(
    "Your weights are bare (`nn.Parameter`), so they lack the `.weight` in their names. Make each layer an `nn.Linear` without bias."
)
class bare_parameters(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Parameter(torch.zeros(d_model, d_model)))


@MultiHeadAttention.mutant(
    "You exchange the number of heads and the features a head: the last dimension is cut into (heads, d_head), in this order."
)
class sizes_exchanged(in_steps):
    def split(self, features):
        return features.unflatten(-1, (-1, self.n_heads)).transpose(1, 2)


@MultiHeadAttention.mutant(
    "Your heads are joined in reverse: head 0 has the first block of features going in and coming out."
)
class heads_in_reverse(in_steps):
    def merge(self, heads):
        return super().merge(heads.flip(1))


@MultiHeadAttention.mutant(
    "You join features by heads, (d_head, heads), so that the blocks of the heads are shuffled. Heads come before their features."
)
class joined_by_feature(in_steps):
    def merge(self, heads):
        return heads.permute(0, 2, 3, 1).flatten(2)


@MultiHeadAttention.mutant("You average the heads. They are joined side by side, and `o_proj` mixes them.")
class heads_averaged(in_steps):
    def merge(self, heads):
        return super().merge(heads.mean(1, keepdim=True).expand_as(heads))


@MultiHeadAttention.mutant("Your scores are too large: they are not divided by the square root of the features a head.")
class no_scale(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q * q.shape[-1] ** 0.5, k, v, mask)


@MultiHeadAttention.mutant(
    "You scale by the square root of `d_model`. A head's dot product is of d_model / n_heads features: divide by the root of that."
)
class scaled_by_d_model(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q / self.n_heads**0.5, k, v, mask)


@MultiHeadAttention.mutant(
    "The scores are scaled twice: `scaled_dot_product_attention` does it, so leave the queries as they are."
)
class scaled_twice(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q / q.shape[-1] ** 0.5, k, v, mask)


@MultiHeadAttention.mutant(
    "Your softmax runs over the queries. Each query shares its weight among the keys: the last dimension."
)
class softmax_over_queries(in_steps):
    def attend(self, q, k, v, mask):
        return torch.softmax(_hidden(q @ k.mT / q.shape[-1] ** 0.5, mask), dim=-2).nan_to_num() @ v


@MultiHeadAttention.mutant("`mask` is ignored: pass it on to attention.")
class mask_ignored(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q, k, v, None)


@MultiHeadAttention.mutant(
    "Your mask works the wrong way round (as in `nn.MultiheadAttention`): here `True` means that a query may look."
)
class true_hides(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q, k, v, None if mask is None else ~mask)


@MultiHeadAttention.mutant(
    "Your mask works the wrong way round (as in `nn.MultiheadAttention`): here `True` means that a query may look."
)
class true_hides_by_a_number(in_steps):
    def attend(self, q, k, v, mask):
        scores = q @ k.mT / q.shape[-1] ** 0.5
        return _weighted(scores if mask is None else scores.masked_fill(mask, -1e9), v, None)


@MultiHeadAttention.mutant(
    "You add the booleans to the scores, which moves what may be seen up by 1 and hides nothing. Hand the mask to your attention."
)
class booleans_added(in_steps):
    def attend(self, q, k, v, mask):
        scores = q @ k.mT / q.shape[-1] ** 0.5
        return _weighted(scores if mask is None else scores + mask, v, None)


@MultiHeadAttention.mutant(
    "You hide keys after softmax, so the weights that are left do not sum to 1. Hide them in the scores, before softmax."
)
class hidden_after_softmax(in_steps):
    def attend(self, q, k, v, mask):
        weights = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1)
        return (weights if mask is None else weights * mask) @ v


@MultiHeadAttention.mutant(
    "`if mask:` asks whether a whole tensor is true, which PyTorch refuses to say. Pass the mask on as it is, or ask `if mask is not None:`."
)
class is_the_mask_true(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q, k, v, mask if mask else None)


@MultiHeadAttention.mutant(
    "You give the mask a dimension for the heads (`unsqueeze(1)`). It broadcasts to (B, heads, T, T) as it is: pass it on untouched."
)
class mask_unsqueezed(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q, k, v, None if mask is None else mask.unsqueeze(1))


@MultiHeadAttention.mutant(
    "You give the mask a dimension for the heads (`unsqueeze(1)`). It broadcasts to (B, heads, T, T) as it is: pass it on untouched."
)
class mask_of_three_dimensions(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q, k, v, None if mask is None else mask[:, None, :, :])


@MultiHeadAttention.mutant(
    "The first head's part of the mask serves all heads. A mask may differ from head to head: pass it on whole."
)
class mask_of_the_first_head(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q, k, v, mask if mask is None or mask.dim() < 3 else mask[..., :1, :, :])


@MultiHeadAttention.mutant(
    "The first text's part of the mask serves the whole batch. A mask may differ from text to text: pass it on whole."
)
class mask_of_the_first_text(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q, k, v, mask if mask is None or mask.dim() < 4 else mask[:1])


@MultiHeadAttention.mutant("You hide the future when no mask is given. Without a mask every token sees every other.")
class causal_without_a_mask(in_steps):
    def attend(self, q, k, v, mask):
        past = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).tril()
        return super().attend(q, k, v, past if mask is None else mask)


@MultiHeadAttention.mutant(
    "You always hide the future, and take no notice of `mask`. Hide what the mask hides, and nothing without one."
)
class always_causal(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q, k, v, torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).tril())


@MultiHeadAttention.mutant(
    "A token with nothing to look at gets the mean of all values: with a huge negative number for every score, all are equal again. Use your attention."
)
class equal_shares_where_all_is_hidden(in_steps):
    def attend(self, q, k, v, mask):
        scores = q @ k.mT / q.shape[-1] ** 0.5
        return _weighted(scores if mask is None else scores.masked_fill(~mask, -1e9), v, None)


@MultiHeadAttention.mutant(
    "A token with nothing to look at gets NaN: a softmax of nothing but −inf is 0 / 0. Your own attention gives zeros there."
)
class nan_where_all_is_hidden(in_steps):
    def attend(self, q, k, v, mask):
        return _weighted(q @ k.mT / q.shape[-1] ** 0.5, v, mask)


@MultiHeadAttention.mutant(
    "The result is right, but gradients are NaN: NaN arose for a token that sees nothing, and replacing it afterwards does not mend the way back."
)
class mended_afterwards(in_steps):
    def attend(self, q, k, v, mask):
        return _weighted(q @ k.mT / q.shape[-1] ** 0.5, v, mask).nan_to_num(0.0)


@MultiHeadAttention.mutant(
    "You zero a token's whole result where one head of it sees nothing. The other heads still find something: only the blind head gives zeros."
)
class blind_in_one_blind_in_all(in_steps):
    def attend(self, q, k, v, mask):
        heads = super().attend(q, k, v, mask)
        if mask is None:
            return heads
        seen = mask.expand(*q.shape[:-1], k.shape[-2]).any(-1, keepdim=True)
        return heads * seen.all(1, keepdim=True)


@MultiHeadAttention.mutant("`forward` returns nothing (None). End it with `return` and the result.")
class nothing_returned(in_steps):
    def forward(self, x, mask=None):
        super().forward(x, mask)


@MultiHeadAttention.mutant("You return a tuple, as `nn.MultiheadAttention` does. Only the result is asked for here.")
class result_and_weights(in_steps):
    def forward(self, x, mask=None):
        return super().forward(x, mask), None


@MultiHeadAttention.mutant(
    "You add `x` to the result. That residual belongs to the block around attention, not in here."
)
class residual(in_steps):
    def forward(self, x, mask=None):
        return x + super().forward(x, mask)


@MultiHeadAttention.mutant(
    "Your result changes from run to run: there is dropout on the weights. None is asked for here, and nothing in the module is random."
)
class dropout(in_steps):
    def attend(self, q, k, v, mask):
        weights = torch.softmax(_hidden(q @ k.mT / q.shape[-1] ** 0.5, mask), dim=-1).nan_to_num()
        return F.dropout(weights, 0.1) @ v


@MultiHeadAttention.mutant(
    "The result is cut off from its inputs (`.data`, `.detach()`, `no_grad` or NumPy): no gradient can flow back."
)
class detached(in_steps):
    def forward(self, x, mask=None):
        return super().forward(x, mask).detach()


@MultiHeadAttention.mutant(
    "Gradients reach `o_proj` only: what the heads found is detached on its way there, so the other three never learn."
)
class heads_detached(in_steps):
    def attend(self, q, k, v, mask):
        return super().attend(q, k, v, mask).detach()


@MultiHeadAttention.mutant(
    "You write into the caller's tokens. Make a new tensor: names that end in `_`, `+=` and `x[…] =` work in place."
)
class tokens_overwritten(in_steps):
    def forward(self, x, mask=None):
        return x.copy_(super().forward(x, mask))


@MultiHeadAttention.mutant(
    "You change the caller's mask: `logical_not_`, `^=` and `mask[…] =` work in place. `~mask` is a new one."
)
class mask_overwritten(in_steps):
    def forward(self, x, mask=None):
        result = super().forward(x, mask)
        if mask is not None:
            mask.logical_not_()
        return result


def _hidden(scores, mask):
    return scores if mask is None else scores.masked_fill(~mask, -torch.inf)


def _weighted(scores, v, mask):
    return torch.softmax(_hidden(scores, mask), dim=-1) @ v


@MultiHeadAttention.stand_in
class by_the_library(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"n_heads {n_heads} does not divide d_model {d_model}")
        self.n_heads = n_heads
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(d_model, d_model, bias=False))

    def forward(self, x, mask=None):
        batch, length, _ = x.shape
        q, k, v = (
            layer(x).view(batch, length, self.n_heads, -1).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        whole = torch.ones(length, length, dtype=torch.bool) if mask is None else mask
        seen = whole.any(-1, keepdim=True)
        whole = (whole | ~seen).expand(batch, self.n_heads, length, length)
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=whole).masked_fill(~seen, 0.0)
        return self.o_proj(heads.transpose(1, 2).reshape(x.shape))


@MultiHeadAttention.variant
class head_by_head(MultiHeadAttention):
    def forward(self, x, mask=None):
        size = x.shape[-1] // self.n_heads
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        found = []
        for head in range(self.n_heads):
            block = slice(head * size, (head + 1) * size)
            own = mask
            if mask is not None and mask.dim() > 2:
                own = mask.expand(*mask.shape[:-3], self.n_heads, *mask.shape[-2:])[..., head, :, :]
            found.append(scaled_dot_product_attention(q[..., block], k[..., block], v[..., block], own))
        return self.o_proj(torch.cat(found, dim=-1))


@MultiHeadAttention.variant
class by_einsum(nn.Module):
    def __init__(self, d_model, n_heads):
        if d_model // n_heads * n_heads != d_model:
            raise ValueError("d_model must be a multiple of n_heads")
        super().__init__()
        self.n_heads, self.d_head = n_heads, d_model // n_heads
        self.o_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.q_proj = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, mask=None):
        def by_head(layer):
            return torch.einsum("btm,hdm->bhtd", x, layer.weight.unflatten(0, (self.n_heads, self.d_head)))

        scores = torch.einsum("bhqd,bhkd->bhqk", by_head(self.q_proj), by_head(self.k_proj)) / self.d_head**0.5
        seen = torch.tensor(True) if mask is None else mask
        weights = torch.where(seen, (scores - scores.amax(-1, keepdim=True).detach()).exp(), 0.0)
        weights = weights / weights.sum(-1, keepdim=True).clamp_min(1e-20)
        heads = torch.einsum("bhqk,bhkd->bqhd", weights, by_head(self.v_proj))
        return torch.einsum("bqhd,ohd->bqo", heads, self.o_proj.weight.unflatten(1, (self.n_heads, self.d_head)))
