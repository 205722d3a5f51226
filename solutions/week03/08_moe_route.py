"""# Route tokens to experts

A mixture of experts has many MLPs in a layer where a plain Transformer has one, and sends each token to a few of them: many more
parameters, hardly more computation. A *router* decides. For each token it gives every expert a score (a logit), and the layer's
output is the sum of the chosen experts' outputs, times their weights.

$$\\mathrm{weights} = \\mathrm{softmax}(\\text{the } k \\text{ largest logits})$$

So that no expert is swamped while others idle, each takes at most `capacity` tokens; on real machines its buffer has that many rows.

For `logits` of shape (T, E), return `(experts, weights)`, both (T, k):

- `experts` (int64) holds each token's `k` experts, the largest logit first; of equal logits, the smaller expert comes first.
- `weights` holds the softmax *over the chosen logits*, in the dtype of `logits`: before any is dropped they sum to 1.
- Then tokens are served in order, token 0 first. Where an expert has already taken `capacity` tokens, a further token's choice of
  it is *dropped*: its expert becomes −1 and its weight 0. The token's other weights stay as they were.
- Nobody is sent to a second-best expert instead. A token may lose all its choices: the residual stream carries it past the layer.

The rule of choosing is that of [Mixtral (2024)](https://arxiv.org/abs/2401.04088), that of capacity is after
[GShard (2020)](https://arxiv.org/abs/2006.16668).
"""

import torch
import torch.nn.functional as F

from grader import close, exercise, leaves_alone


@exercise(
    points=3,
    hints=[
        "Choosing and dropping are two steps. First find experts and weights as if there were room for all, then take away.",
        "`torch.topk` promises no order among equal logits. `logits.sort(dim=-1, descending=True, stable=True)` does: the smaller "
        "index stays first. Keep the first k columns of both its results.",
        "How many tokens before this one chose the same expert? A loop over tokens with one counter for each expert answers it; so does a "
        "running sum (`cumsum`) over a one-hot table. Choices already dropped may be counted or not: the expert is full in either case.",
    ],
)
def moe_route(logits: torch.Tensor, k: int, capacity: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each token's k experts and their weights, both (T, k), for router scores `logits`, (T, E).

    A choice that finds its expert full gets expert -1 and weight 0.

    >>> moe_route(torch.tensor([[0.0, 2.0, 2.0], [0.0, 1.0, 0.0]]), k=1, capacity=1)
    (tensor([[ 1],
            [-1]]), tensor([[1.],
            [0.]]))
    """
    ordered, experts = logits.sort(dim=-1, descending=True, stable=True)
    experts, weights = experts[:, :k], ordered[:, :k].softmax(-1)
    chosen = F.one_hot(experts, logits.shape[-1]).sum(1)  # (T, E)
    before = chosen.cumsum(0) - chosen
    full = before.gather(-1, experts) >= capacity
    return experts.masked_fill(full, -1), weights.masked_fill(full, 0.0)


@moe_route.check
def chooses_two_of_four(moe_route):
    """with room for all, each of three tokens gets its best two of four experts, and weights that sum to 1"""
    logits = torch.tensor([[0.0, 2.0, 1.0, -1.0], [3.0, 0.0, 0.5, 2.0], [-2.0, -1.0, -3.0, -1.5]])
    experts = torch.tensor([[1, 2], [0, 3], [1, 3]])
    weights = torch.tensor([[0.731059, 0.268941], [0.731059, 0.268941], [0.622459, 0.377541]])
    close(moe_route(logits, 2, 3), (experts, weights))


@moe_route.check
def one_or_all(moe_route):
    """k may be 1, with a weight of 1, or E, with the softmax of all"""
    logits = torch.tensor([[0.5, 1.5, -0.5], [2.0, 0.0, 1.0]])
    close(moe_route(logits, 1, 2), (torch.tensor([[1], [0]]), torch.ones(2, 1)))
    weights = torch.tensor([[0.665241, 0.244728, 0.0900306]]).expand(2, 3)
    close(moe_route(logits, 3, 2), (torch.tensor([[1, 0, 2], [0, 2, 1]]), weights))


@moe_route.check
def first_come_first_served(moe_route):
    """an expert takes `capacity` tokens, the first that chose it; a later choice of it becomes −1 with weight 0"""
    logits = torch.tensor([[2.0, 1.0, 0.0], [3.0, 0.0, 1.0], [1.0, 0.0, 0.5], [0.0, 1.0, 3.0]])
    experts = torch.tensor([[0, 1], [0, 2], [-1, 2], [-1, 1]])
    weights = torch.tensor([[0.731059, 0.268941], [0.880797, 0.119203], [0.0, 0.377541], [0.0, 0.119203]])
    close(moe_route(logits, 2, 2), (experts, weights))


@moe_route.check
def a_choice_of_either_rank(moe_route):
    """first and second choices fill the same places: an expert that is full by second choices drops a first one"""
    logits = torch.tensor([[1.0, 2.0, 0.0, -1.0], [1.5, 0.0, -1.0, 2.0], [3.0, 0.0, 1.0, 0.5], [0.5, 0.0, 2.0, -1.0]])
    experts = torch.tensor([[1, 0], [3, 0], [-1, 2], [2, -1]])
    weights = torch.tensor([[0.731059, 0.268941], [0.622459, 0.377541], [0.0, 0.119203], [0.817574, 0.0]])
    close(moe_route(logits, 2, 2), (experts, weights))


@moe_route.check
def crowds(moe_route):
    """five tokens that all want expert 1 or 0: with a capacity of 1, and of 0, most or all choices are dropped"""
    logits = torch.tensor([[1.0, 2.0, -4.0]]).repeat(5, 1)
    experts, weights = torch.full((5, 2), -1), torch.zeros(5, 2)
    close(moe_route(logits, 2, 0), (experts.clone(), weights.clone()))
    experts[0], weights[0] = torch.tensor([1, 0]), torch.tensor([0.731059, 0.268941])
    close(moe_route(logits, 2, 1), (experts, weights))


@moe_route.check
def equal_logits(moe_route):
    """of equal logits, the smaller expert comes first"""
    logits = torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.0, 2.0, 0.0, 2.0], [3.0, 0.0, 0.0, 0.0]])
    weights = torch.tensor([[0.5, 0.5], [0.5, 0.5], [0.952574, 0.0474259]])
    close(moe_route(logits, 2, 5), (torch.tensor([[0, 1], [1, 3], [0, 1]]), weights))
    many = torch.zeros(1, 40)
    close(moe_route(many, 4, 1), (torch.tensor([[0, 1, 2, 3]]), torch.full((1, 4), 0.25)))


@moe_route.check
def large_logits(moe_route):
    """logits of ±10,000 do no harm"""
    logits = torch.tensor([[1e4, 1e4 - 1.0, 0.0], [-1e4, -1e4 - 1.0, -2e4]])
    weights = torch.tensor([[0.731059, 0.268941]]).repeat(2, 1)
    close(moe_route(logits, 2, 2), (torch.tensor([[0, 1], [0, 1]]), weights))


@moe_route.check
def leaves_its_input_alone(moe_route):
    """the caller's logits are left as they were"""
    leaves_alone(moe_route, torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.5]]), 2, 1)


def _served(logits, k, capacity):
    """The same, token by token, in plain Python but for the softmax: the oracle of the hidden checks."""
    taken = [0] * logits.shape[1]
    experts = torch.full((len(logits), k), -1)
    weights = torch.zeros(len(logits), k, dtype=logits.dtype)
    for t, row in enumerate(logits.tolist()):
        best = sorted(range(len(row)), key=lambda expert: (-row[expert], expert))[:k]
        shares = F.softmax(logits[t, best], dim=-1)
        for rank, expert in enumerate(best):
            if taken[expert] < capacity:
                taken[expert] += 1
                experts[t, rank], weights[t, rank] = expert, shares[rank]
    return experts, weights


@moe_route.hidden
def routes_anything(moe_route, rng):
    """tokens, experts, k and capacity of any number"""
    for _ in range(6):
        tokens, n_experts = torch.randint(3, 12, (2,), generator=rng).tolist()
        k = int(torch.randint(1, n_experts + 1, (), generator=rng))
        capacity = int(torch.randint(0, tokens + 1, (), generator=rng))
        logits = 3 * torch.randn(tokens, n_experts, generator=rng)
        close(moe_route(logits, k, capacity), _served(logits, k, capacity))


@moe_route.hidden
def crowds_and_ties(moe_route, rng):
    """many tokens for few places, many equal logits, and logits of any size"""
    for scale in (1.0, 1e3):
        logits = scale * torch.randint(-2, 3, (40, 8), generator=rng)
        close(moe_route(logits, 3, 7), _served(logits, 3, 7))


@moe_route.hidden
def other_precisions(moe_route, rng):
    """weights have the dtype of the logits"""
    logits = torch.randn(9, 5, generator=rng, dtype=torch.float64)
    close(moe_route(logits, 2, 3), _served(logits, 2, 3), atol=1e-9, rtol=1e-9)


def _best(logits, k):
    ordered, experts = logits.sort(dim=-1, descending=True, stable=True)
    return experts[:, :k], ordered[:, :k].softmax(-1)


def _before(experts, n_experts):
    """For each choice, how many earlier tokens chose its expert."""
    chosen = F.one_hot(experts, n_experts).sum(1)
    return (chosen.cumsum(0) - chosen).gather(-1, experts)


def _dropped(experts, weights, full):
    return experts.masked_fill(full, -1), weights.masked_fill(full, 0.0)


@moe_route.mutant(
    "Your softmax runs over all experts, and the chosen shares do not sum to 1. Choose first, then take the softmax over the k chosen logits."
)
def softmax_before_choosing(logits, k, capacity):
    experts, _ = _best(logits, k)
    weights = logits.softmax(-1).gather(-1, experts)
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant(
    "After the drop you make the remaining weights sum to 1 again, or take the softmax only then. Weights stay as they were before it: a dropped choice is lost, not handed on."
)
def renormalised(logits, k, capacity):
    experts, weights = _dropped(*(pair := _best(logits, k)), _before(pair[0], logits.shape[1]) >= capacity)
    return experts, weights / weights.sum(-1, keepdim=True).clamp(min=1e-9)


@moe_route.mutant(
    "After the drop you make the remaining weights sum to 1 again, or take the softmax only then. Weights stay as they were before it: a dropped choice is lost, not handed on."
)
def softmax_after_the_drop(logits, k, capacity):
    experts, _ = _best(logits, k)
    full = _before(experts, logits.shape[1]) >= capacity
    weights = logits.gather(-1, experts).masked_fill(full, -torch.inf).softmax(-1).nan_to_num(0.0)
    return experts.masked_fill(full, -1), weights.masked_fill(full, 0.0)


@moe_route.mutant(
    "You serve all first choices before any second one. Here tokens are served in order, each with all its choices: an expert full by earlier tokens' second choices has no room for a later first one."
)
def first_choices_first(logits, k, capacity):
    experts, weights = _best(logits, k)
    flat = F.one_hot(experts.T.reshape(-1), logits.shape[1])
    before = (flat.cumsum(0) - flat).gather(-1, experts.T.reshape(-1, 1)).view(k, -1).T
    return _dropped(experts, weights, before >= capacity)


@moe_route.mutant(
    "You count places for each rank by itself, so an expert can take `capacity` first choices and as many second ones. It has `capacity` places in all."
)
def capacity_a_rank(logits, k, capacity):
    experts, weights = _best(logits, k)
    chosen = F.one_hot(experts, logits.shape[1])
    before = (chosen.cumsum(0) - chosen).gather(-1, experts.unsqueeze(-1)).squeeze(-1)
    return _dropped(experts, weights, before >= capacity)


@moe_route.mutant("You serve the last tokens first. Token 0 comes first.")
def last_first(logits, k, capacity):
    experts, weights = _best(logits, k)
    before = _before(experts.flip(0), logits.shape[1]).flip(0)
    return _dropped(experts, weights, before >= capacity)


@moe_route.mutant(
    "You serve those first who want the expert most. Tokens are served in their order, whatever their weights."
)
def most_eager_first(logits, k, capacity):
    experts, weights = _best(logits, k)
    full = torch.zeros_like(experts, dtype=torch.bool)
    for expert in range(logits.shape[1]):
        places = (experts == expert).nonzero().tolist()
        for t, rank in sorted(places, key=lambda place: -float(weights[place[0], place[1]]))[capacity:]:
            full[t, rank] = True
    return _dropped(experts, weights, full)


@moe_route.mutant("An expert takes one token too many: once it has taken `capacity`, it is full.")
def one_too_many(logits, k, capacity):
    experts, weights = _best(logits, k)
    return _dropped(experts, weights, _before(experts, logits.shape[1]) > capacity)


@moe_route.mutant("An expert takes one token too few: it is full only once it has taken `capacity` of them.")
def one_too_few(logits, k, capacity):
    experts, weights = _best(logits, k)
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity - 1)


@moe_route.mutant("`capacity` is not used: no choice is ever dropped.")
def no_capacity(logits, k, capacity):
    return _best(logits, k)


@moe_route.mutant("A dropped choice has weight 0, but still names its expert. It becomes −1.")
def expert_kept(logits, k, capacity):
    experts, weights = _best(logits, k)
    return experts, weights.masked_fill(_before(experts, logits.shape[1]) >= capacity, 0.0)


@moe_route.mutant("A dropped choice is −1, but keeps its weight. It becomes 0.")
def weight_kept(logits, k, capacity):
    experts, weights = _best(logits, k)
    return experts.masked_fill(_before(experts, logits.shape[1]) >= capacity, -1), weights


@moe_route.mutant("A token with one choice dropped loses all of them. Only the choice whose expert is full is dropped.")
def whole_token_dropped(logits, k, capacity):
    experts, weights = _best(logits, k)
    full = _before(experts, logits.shape[1]) >= capacity
    return _dropped(experts, weights, full.any(-1, keepdim=True).expand_as(full))


@moe_route.mutant(
    "Where an expert is full you send the token to its next best. Here the choice is dropped, and nobody takes its place."
)
def next_best(logits, k, capacity):
    taken = [0] * logits.shape[1]
    experts = torch.full((len(logits), k), -1)
    weights = torch.zeros(len(logits), k, dtype=logits.dtype)
    for t, row in enumerate(logits):
        order = row.sort(descending=True, stable=True).indices.tolist()
        free = [expert for expert in order if taken[expert] < capacity][:k]
        for expert in free:
            taken[expert] += 1
        if free:
            experts[t, : len(free)] = torch.tensor(free)
            weights[t, : len(free)] = row[free].softmax(-1)
    return experts, weights


@moe_route.mutant("All experts share one capacity. Each has its own.")
def one_capacity_for_all(logits, k, capacity):
    experts, weights = _best(logits, k)
    full = torch.arange(experts.numel()).view(experts.shape) >= capacity
    return _dropped(experts, weights, full)


@moe_route.mutant("You let each *token* have `capacity` experts. Capacity is how many tokens an expert takes.")
def capacity_of_a_token(logits, k, capacity):
    experts, weights = _best(logits, k)
    return _dropped(experts, weights, (torch.arange(k) >= capacity).expand_as(experts))


@moe_route.mutant(
    "Of equal logits you choose the larger expert (an ascending sort turned round does that). The smaller one comes first."
)
def ties_to_the_larger(logits, k, capacity):
    ordered, experts = logits.sort(dim=-1, stable=True)
    experts, weights = experts.flip(-1)[:, :k], ordered.flip(-1)[:, :k].softmax(-1)
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant(
    "Of equal logits you take them in no particular order: `topk`, and a sort that is not told to be stable, promise none. "
    "`sort(descending=True, stable=True)` keeps the smaller expert first."
)
def topk_of_ties(logits, k, capacity):
    ordered, experts = logits.topk(k)
    return _dropped(experts, ordered.softmax(-1), _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("Your experts stand in the order of their numbers. The one with the largest logit comes first.")
def ordered_by_number(logits, k, capacity):
    experts = _best(logits, k)[0].sort(dim=-1).values
    weights = logits.gather(-1, experts).softmax(-1)
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("You choose the smallest logits. The largest are the router's favourites.")
def smallest(logits, k, capacity):
    experts, weights = _best(-logits, k)
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("The smallest of the chosen comes first. Put the largest logit first.")
def worst_first(logits, k, capacity):
    experts, weights = (part.flip(-1) for part in _best(logits, k))
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("Your weights are sigmoids, each by itself. Here the chosen logits go through a softmax.")
def sigmoids(logits, k, capacity):
    experts, _ = _best(logits, k)
    weights = logits.gather(-1, experts).sigmoid()
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("Your weights are the logits themselves. They go through a softmax, so that they sum to 1.")
def raw_logits(logits, k, capacity):
    experts, _ = _best(logits, k)
    return _dropped(experts, logits.gather(-1, experts), _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("All chosen experts weigh the same. Weights are the softmax of the chosen logits.")
def equal_weights(logits, k, capacity):
    experts, weights = _best(logits, k)
    return _dropped(experts, torch.full_like(weights, 1 / k), _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("Your softmax runs over the tokens. It runs over the k experts of each token, the last dimension.")
def softmax_over_tokens(logits, k, capacity):
    experts, _ = _best(logits, k)
    weights = logits.gather(-1, experts).softmax(0)
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("Your exponentials overflow: let `softmax` do it, or subtract each row's largest logit before `exp`.")
def overflow(logits, k, capacity):
    experts, _ = _best(logits, k)
    powers = logits.gather(-1, experts).exp()
    return _dropped(experts, powers / powers.sum(-1, keepdim=True), _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("Tokens choose one expert, whatever `k`.")
def always_one(logits, k, capacity):
    experts, weights = _best(logits, 1)
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("`experts` is int32. It is int64, with which one can index: leave PyTorch's own dtype as it is.")
def int32(logits, k, capacity):
    experts, weights = _best(logits, k)
    experts, weights = _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)
    return experts.int(), weights


@moe_route.mutant("You return weights first. Experts come first, then weights.")
def the_other_way_round(logits, k, capacity):
    experts, weights = _best(logits, k)
    experts, weights = _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)
    return weights, experts


@moe_route.mutant("You return the experts alone. The result is a pair, `experts, weights`.")
def experts_alone(logits, k, capacity):
    experts, weights = _best(logits, k)
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)[0]


@moe_route.mutant("You return a table (T, E) with a weight for every expert. Return the k chosen ones: (T, k), twice.")
def whole_table(logits, k, capacity):
    experts, weights = _best(logits, k)
    _, weights = _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)
    return experts, torch.zeros_like(logits).scatter(-1, experts, weights)


@moe_route.mutant("You change the caller's logits: writing to `logits[…]` works in place. Work on a copy.")
def in_place(logits, k, capacity):
    experts, weights = _best(logits, k)
    logits.scatter_(-1, experts, -torch.inf)
    return _dropped(experts, weights, _before(experts, logits.shape[1]) >= capacity)


@moe_route.mutant("Your function returns nothing (None). End it with `return` and the pair; `print` shows it only.")
def nothing_returned(logits, k, capacity):
    return None


@moe_route.stand_in
def by_sorting(logits, k, capacity):
    order = torch.argsort(logits, dim=-1, descending=True, stable=True)[:, :k]
    weights = F.softmax(torch.take_along_dim(logits, order, -1), dim=-1)
    taken = torch.zeros_like(logits).scatter(1, order, 1.0).cumsum(0)
    fits = torch.take_along_dim(taken, order, -1) <= capacity
    return torch.where(fits, order, -1), torch.where(fits, weights, 0.0)


@moe_route.variant
def token_by_token(logits, k, capacity):
    room = dict.fromkeys(range(logits.shape[1]), capacity)
    all_experts, all_weights = [], []
    for row in logits:
        left = row.clone()
        chosen = []
        for _ in range(k):
            best = int((left == left.max()).nonzero()[0])
            if best in chosen:
                best = next(e for e in range(len(row)) if e not in chosen)
            chosen.append(best)
            left[best] = float("-inf")
        shares = torch.softmax(row[chosen], 0)
        experts = []
        for rank, expert in enumerate(chosen):
            if room[expert] > 0:
                room[expert] -= 1
                experts.append(expert)
            else:
                experts.append(-1)
                shares[rank] = 0.0
        all_experts.append(experts)
        all_weights.append(shares)
    return torch.tensor(all_experts), torch.stack(all_weights)


@moe_route.variant
def counting_what_was_dropped_too(logits, k, capacity):
    values, experts = torch.sort(logits, descending=True, stable=True)
    experts, values = experts[:, :k], values[:, :k]
    weights = (values - values[:, :1]).exp()
    weights = weights / weights.sum(1, keepdim=True)
    experts, weights = experts.clone(), weights.clone()
    counts = torch.zeros(logits.shape[1], dtype=torch.long)
    for t in range(logits.shape[0]):
        mine = experts[t].clone()
        late = counts[mine] >= capacity
        counts[mine] += 1
        experts[t, late] = -1
        weights[t, late] = 0
    return experts, weights
