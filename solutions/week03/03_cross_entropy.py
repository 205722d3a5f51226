"""# Cross-entropy

The loss that every language model is trained on: how surprised it was by the token that came. With logits $z$ over a
vocabulary of $V$ tokens and the true token $y$,

$$\\ell = -\\log \\mathrm{softmax}(z)_y = \\log \\sum_j e^{z_j} - z_y,$$

and the result is the mean of $\\ell$ over all positions. A model that knows nothing scores $\\log V$.

- `logits` has shape (…, V) and `targets` (…) with any number of dimensions in front, none included.
- A target equal to `ignore_index` is not learnt: padding, or a question that somebody else asked. Such positions count neither
  in the sum nor in what it is divided by. They may hold any logits.
- Scores of 10,000 must do no harm, and a logit of −∞ (a forbidden token) is no trouble where another token is the target.
- Gradients flow back to the logits, and only those of positions that count are not zero.

`F.cross_entropy`, `F.nll_loss` and their modules are not answers here.
"""

import torch
import torch.nn.functional as F

from grader import close, exercise, leaves_alone, vjp


@exercise(
    points=3,
    twins=["cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss", "linear_cross_entropy"],
    hints=[
        "Where are the dimensions in front needed? Nowhere: `logits.reshape(-1, V)` and `targets.reshape(-1)` make one table with one "
        "row a position. Then keep the rows whose target counts: `logits[kept]` with a boolean `kept`.",
        "`logsumexp` along the last dimension is the first half of the loss, stable for scores of any size. "
        "`log` after `softmax` is not: where a share rounds to 0, its logarithm is −∞.",
        "The second half is each row's logit at its target: `gather(-1, targets.unsqueeze(-1)).squeeze(-1)`, or a pair of indices. "
        "Multiplying by a one-hot table instead breaks at −∞, since 0 · −∞ is NaN.",
        "First drop the ignored positions, then `(logsumexp − picked).mean()` divides by the right number by itself.",
    ],
)
def cross_entropy(logits: torch.Tensor, targets: torch.Tensor, ignore_index: int = -100) -> torch.Tensor:
    """Return the mean of −log softmax(logits) at the targets, over all positions whose target is not `ignore_index`.

    Args:
        logits: scores, (…, V).
        targets: ids of the true tokens, int64, (…).
        ignore_index: the target of positions that do not count.

    >>> cross_entropy(torch.zeros(2, 4), torch.tensor([1, 3]))
    tensor(1.3863)
    """
    logits, targets = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    kept = targets != ignore_index
    logits, targets = logits[kept], targets[kept]
    picked = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return (logits.logsumexp(-1) - picked).mean()


def _of_the_library(logits, targets, ignore_index=-100):
    """F.cross_entropy, which wants one row a position."""
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    return F.cross_entropy(rows, ids, ignore_index=ignore_index)


def _scores(*shape):
    """Logits between −3 and 3, the same every time."""
    return 3 * torch.sin(torch.arange(float(torch.tensor(shape).prod())) * 2.3 + 0.4).reshape(shape)


@cross_entropy.check
def equals_the_library(cross_entropy):
    """four positions over five tokens give what F.cross_entropy gives"""
    logits, targets = _scores(4, 5), torch.tensor([1, 0, 4, 2])
    close(cross_entropy(logits, targets), F.cross_entropy(logits, targets))


@cross_entropy.check
def any_dimensions(cross_entropy):
    """(batch, T, V) and (batch, T), one position alone, and four dimensions"""
    for shape, targets in (
        ((2, 3, 4), [[1, 3, 0], [2, 2, 1]]),
        ((4, 4, 4), [[0, 1, 2, 3], [3, 3, 0, 1], [2, 0, 0, 1], [1, 2, 2, 0]]),
        ((5,), 3),
        ((1, 2, 1, 3), [[[0], [2]]]),
    ):
        close(
            cross_entropy(_scores(*shape), torch.tensor(targets)),
            _of_the_library(_scores(*shape), torch.tensor(targets)),
        )


@cross_entropy.check
def ignores_positions(cross_entropy):
    """targets of −100 count neither above nor below; here the rows keep 2, 0 and 1 of 3"""
    logits, targets = _scores(3, 3, 4), torch.tensor([[1, -100, 3], [-100, -100, -100], [-100, 2, -100]])
    close(cross_entropy(logits, targets), _of_the_library(logits, targets))


@cross_entropy.check
def ignores_another_index(cross_entropy):
    """`ignore_index` may be any id, a token's own included: −1, 0 or 2"""
    logits = _scores(5, 4)
    for ignore_index, targets in ((-1, [1, -1, 0, 0, 3]), (0, [0, 3, 1, 0, 2]), (2, [2, 2, 1, 0, 3])):
        targets = torch.tensor(targets)
        close(cross_entropy(logits, targets, ignore_index=ignore_index), _of_the_library(logits, targets, ignore_index))


@cross_entropy.check
def stable(cross_entropy):
    """scores of ±10,000, in one row or far apart from row to row, do no harm"""
    for logits in (
        [[1e4, 1e4 - 1.0, 1e4 - 3.0], [0.0, 1.0, 2.0]],
        [[-1e4, -1e4 + 2.0, -1e4], [1.0, 0.5, -1.0]],
        [[0.0, -200.0, 1.0], [300.0, 0.0, 150.0]],
    ):
        logits, targets = torch.tensor(logits), torch.tensor([1, 2])
        close(cross_entropy(logits, targets), F.cross_entropy(logits, targets), atol=2e-3)  # float32 near 10,000


@cross_entropy.check
def forbidden_tokens(cross_entropy):
    """a logit of −∞ is no trouble where another token is the target, nor anywhere in a position that is ignored"""
    logits = torch.tensor([[0.5, -torch.inf, 1.0], [-torch.inf, 2.0, -torch.inf], [1.0, 0.0, -torch.inf]])
    for targets in (torch.tensor([2, 1, 0]), torch.tensor([0, -100, 1])):
        close(cross_entropy(logits, targets), F.cross_entropy(logits, targets))


@cross_entropy.check
def gradients_flow(cross_entropy):
    """gradients flow back to the logits, zero where a position is ignored"""
    logits, targets = _scores(2, 2, 3), torch.tensor([[1, -100], [0, 2]])
    upstream = torch.tensor(2.0)
    due = vjp(_of_the_library, (logits, targets), upstream)[1][0]
    close(vjp(cross_entropy, (logits, targets), upstream)[1][0], due, what="the gradient")


@cross_entropy.check
def leaves_its_inputs_alone(cross_entropy):
    """the caller's logits and targets are left as they were"""
    leaves_alone(cross_entropy, _scores(2, 2, 3), torch.tensor([[1, -100], [0, 2]]))


def _drawn(rng, scale=3.0):
    """Logits of any shape and targets, a third of them −100 but never all."""
    batch, length, size = (torch.randint(2, 8, (3,), generator=rng)).tolist()
    logits = scale * torch.randn(batch, length, size, generator=rng)
    targets = torch.randint(0, size, (batch, length), generator=rng)
    targets[torch.rand(batch, length, generator=rng) < 1 / 3] = -100
    targets[0, 0] = size - 1
    return logits, targets


@cross_entropy.hidden
def equals_the_library_anywhere(cross_entropy, rng):
    """logits of any shape, with any positions ignored, give what F.cross_entropy gives"""
    for _ in range(4):
        logits, targets = _drawn(rng)
        close(cross_entropy(logits, targets), _of_the_library(logits, targets))
        targets = targets.masked_fill(targets == -100, 1)
        targets[0, 0] = 0
        close(cross_entropy(logits, targets, 1), _of_the_library(logits, targets, 1))


@cross_entropy.hidden
def stable_anywhere(cross_entropy, rng):
    """scores up to 10,000 do no harm to their own position or to others"""
    for _ in range(3):
        logits, targets = _drawn(rng)
        logits = logits * 10.0 ** torch.randint(0, 4, (*targets.shape, 1), generator=rng)
        logits = logits + 1e3 * torch.randint(-9, 10, (*targets.shape, 1), generator=rng)
        close(cross_entropy(logits, targets), _of_the_library(logits, targets), atol=2e-3)


@cross_entropy.hidden
def gradients_anywhere(cross_entropy, rng):
    """gradients are those of F.cross_entropy, whatever the shape"""
    logits, targets = _drawn(rng)
    upstream = torch.randn((), generator=rng)
    due = vjp(_of_the_library, (logits, targets), upstream)[1][0]
    close(vjp(cross_entropy, (logits, targets), upstream)[1][0], due, what="the gradient")


@cross_entropy.hidden
def forbidden_tokens_anywhere(cross_entropy, rng):
    """any token may be forbidden by −∞, but the target of a position that counts"""
    logits, targets = _drawn(rng)
    forbidden = torch.rand(logits.shape, generator=rng) < 0.4
    forbidden.scatter_(-1, targets.clamp(min=0).unsqueeze(-1), False)
    logits = logits.masked_fill(forbidden, -torch.inf)
    close(cross_entropy(logits, targets), _of_the_library(logits, targets))


def _losses(logits, targets, ignore_index=-100):
    """The loss of each position, 0 where it is ignored."""
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    return F.cross_entropy(rows, ids, ignore_index=ignore_index, reduction="none").reshape(targets.shape)


@cross_entropy.mutant(
    "You divide by all positions. Those that are ignored do not count below either: divide by the number of targets that are kept."
)
def mean_of_all(logits, targets, ignore_index=-100):
    return _losses(logits, targets, ignore_index).mean()


@cross_entropy.mutant(
    "Ignored positions count as if token 0 were their target (`clamp`, perhaps). Leave them out of the mean."
)
def ignored_as_zero(logits, targets, ignore_index=-100):
    return _losses(logits, targets.masked_fill(targets == ignore_index, 0), -100).mean()


@cross_entropy.mutant(
    "Ignored positions count as if the last token were their target: an index of −100 or −1 counts from the end. Leave them out."
)
def ignored_from_the_end(logits, targets, ignore_index=-100):
    last = logits.shape[-1] - 1
    return _losses(logits, targets.masked_fill(targets == ignore_index, last), -100).mean()


@cross_entropy.mutant("`ignore_index` is not used: the targets of −100 go on as ids, and no token has such an id.")
def nothing_ignored(logits, targets, ignore_index=-100):
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    return (rows.logsumexp(-1) - rows.gather(-1, ids[:, None])[:, 0]).mean()


@cross_entropy.mutant("You leave out targets of −100, whatever `ignore_index` says. Compare with `ignore_index`.")
def always_minus_100(logits, targets, ignore_index=-100):
    kept = targets != -100
    return (logits[kept].logsumexp(-1) - logits[kept].gather(-1, targets[kept].unsqueeze(-1)).squeeze(-1)).mean()


@cross_entropy.mutant(
    "You leave out negative targets, whatever `ignore_index` says. Compare with `ignore_index`: it may be a token's own id."
)
def all_negative_ones(logits, targets, ignore_index=-100):
    return _of_library(logits, targets.masked_fill(targets < 0, -100))


@cross_entropy.mutant("This is the sum over all positions. The mean is asked for.")
def summed(logits, targets, ignore_index=-100):
    return _losses(logits, targets, ignore_index).sum()


@cross_entropy.mutant("You returned the loss of each position. Take the mean over those that count.")
def not_reduced(logits, targets, ignore_index=-100):
    return _losses(logits, targets, ignore_index)


@cross_entropy.mutant("You returned the loss of each position. Take the mean over those that count.")
def not_reduced_and_flat(logits, targets, ignore_index=-100):
    return _losses(logits, targets, ignore_index)[targets != ignore_index].flatten()


@cross_entropy.mutant(
    "You take the mean of each text's mean, by which a text with few targets weighs as much as one with many. Take one mean over all positions that count."
)
def mean_of_means(logits, targets, ignore_index=-100):
    if targets.dim() < 2:
        return _of_library(logits, targets, ignore_index)
    losses, kept = _losses(logits, targets, ignore_index), targets != ignore_index
    return (losses.sum(-1) / kept.sum(-1).clamp(min=1)).mean()


@cross_entropy.mutant(
    "You divide by the size of the vocabulary as well. Each position has one loss: divide by the number of positions."
)
def divided_by_the_vocabulary(logits, targets, ignore_index=-100):
    return _of_library(logits, targets, ignore_index) / logits.shape[-1]


@cross_entropy.mutant(
    "The sign is the other way round: a logarithm of a share is negative, and the loss is its opposite."
)
def wrong_sign(logits, targets, ignore_index=-100):
    return -_of_library(logits, targets, ignore_index)


@cross_entropy.mutant(
    "Your exponentials overflow or vanish: the logarithm of what `exp` made infinite, or 0, is lost. `logsumexp` or `log_softmax` survive scores of any size."
)
def naive(logits, targets, ignore_index=-100):
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    rows, ids = rows[ids != ignore_index], ids[ids != ignore_index]
    shares = rows.exp() / rows.exp().sum(-1, keepdim=True)
    return -shares.gather(-1, ids[:, None]).log().mean()


@cross_entropy.mutant(
    "Your exponentials overflow or vanish: the logarithm of what `exp` made infinite, or 0, is lost. `logsumexp` or `log_softmax` survive scores of any size."
)
def naive_logarithm_of_the_sum(logits, targets, ignore_index=-100):
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    rows, ids = rows[ids != ignore_index], ids[ids != ignore_index]
    return (rows.exp().sum(-1).log() - rows.gather(-1, ids[:, None])[:, 0]).mean()


@cross_entropy.mutant(
    "`softmax` is stable, but `log` of it is not: a share that rounds to 0 has a logarithm of −∞. Use `logsumexp` or `log_softmax`."
)
def logarithm_of_softmax(logits, targets, ignore_index=-100):
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    rows, ids = rows[ids != ignore_index], ids[ids != ignore_index]
    return -rows.softmax(-1).gather(-1, ids[:, None]).log().mean()


@cross_entropy.mutant(
    "A small number keeps your logarithm from −∞, and caps the loss: however wrong the model is, it hears no more than about 20. Use `logsumexp` or `log_softmax`."
)
def small_number_in_the_logarithm(logits, targets, ignore_index=-100):
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    rows, ids = rows[ids != ignore_index], ids[ids != ignore_index]
    return -(rows.softmax(-1).gather(-1, ids[:, None]) + 1e-9).log().mean()


@cross_entropy.mutant(
    "You subtract the largest score of the whole table. Rows far below it vanish: use each row's own, or `logsumexp`."
)
def global_maximum(logits, targets, ignore_index=-100):
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    rows, ids = rows[ids != ignore_index], ids[ids != ignore_index]
    rows = rows - rows.max()
    return (rows.exp().sum(-1).log() - rows.gather(-1, ids[:, None])[:, 0]).mean()


@cross_entropy.mutant(
    "Your softmax runs along dimension 0 or 1, over positions. It runs over the vocabulary, the last dimension."
)
def softmax_over_positions(logits, targets, ignore_index=-100):
    if logits.dim() == 1:
        return _of_library(logits, targets, ignore_index)
    logarithms = logits.log_softmax(0)
    kept = targets != ignore_index
    return -logarithms[kept].gather(-1, targets[kept].unsqueeze(-1)).mean()


@cross_entropy.mutant(
    "Your softmax runs along dimension 0 or 1, over positions. It runs over the vocabulary, the last dimension."
)
def softmax_over_dimension_one(logits, targets, ignore_index=-100):
    if logits.dim() == 1:
        return _of_library(logits, targets, ignore_index)
    logarithms = logits.log_softmax(1)
    kept = targets != ignore_index
    return -logarithms[kept].gather(-1, targets[kept].unsqueeze(-1)).mean()


@cross_entropy.mutant(
    "You go over the table twice: what enters the loss are logits, and you give it shares (a softmax of a softmax)."
)
def softmax_twice(logits, targets, ignore_index=-100):
    return _of_library(logits.softmax(-1), targets, ignore_index)


@cross_entropy.mutant("Your logarithm has base 2. The loss is measured with the natural one.")
def bits(logits, targets, ignore_index=-100):
    return _of_library(logits, targets, ignore_index) / 0.69314718


@cross_entropy.mutant("You returned the perplexity, `exp` of the loss. The loss itself is asked for.")
def perplexity(logits, targets, ignore_index=-100):
    return _of_library(logits, targets, ignore_index).exp()


@cross_entropy.mutant(
    "There is no softmax: the mean of the targets' own logits says nothing of the other tokens. Subtract it from `logsumexp`."
)
def no_softmax(logits, targets, ignore_index=-100):
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    rows, ids = rows[ids != ignore_index], ids[ids != ignore_index]
    return -rows.gather(-1, ids[:, None]).mean()


@cross_entropy.mutant(
    "You shift logits and targets against each other. Whoever calls this has done so: target t belongs to the logits at t."
)
def shifted(logits, targets, ignore_index=-100):
    if targets.dim() == 0 or targets.shape[-1] < 2:
        return _of_library(logits, targets, ignore_index)
    return _of_library(logits[..., :-1, :], targets[..., 1:], ignore_index)


@cross_entropy.mutant(
    "Logits of −∞ become NaN: multiplied by the zeros of a one-hot table, −∞ is NaN. Pick the target's logit with `gather`."
)
def one_hot_product(logits, targets, ignore_index=-100):
    rows, ids = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    rows, ids = rows[ids != ignore_index], ids[ids != ignore_index]
    return (rows.logsumexp(-1) - (rows * F.one_hot(ids, rows.shape[-1])).sum(-1)).mean()


@cross_entropy.mutant(
    "What an ignored position holds gets into the sum: its loss is multiplied by 0, and 0 · ∞ is NaN. Drop the position, or put 0 in its place with `where`."
)
def ignored_by_a_product(logits, targets, ignore_index=-100):
    kept = targets != ignore_index
    picked = logits.log_softmax(-1).gather(-1, targets.masked_fill(~kept, 0).unsqueeze(-1)).squeeze(-1)
    return -(picked * kept).sum() / kept.sum()


@cross_entropy.mutant(
    "Only tables of two dimensions work. Flatten what is in front of the vocabulary: `reshape(-1, V)`."
)
def two_dimensions_only(logits, targets, ignore_index=-100):
    kept = (targets != ignore_index).nonzero()[:, 0]
    return (logits.logsumexp(-1)[kept] - logits[kept, targets[kept]]).mean()


@cross_entropy.mutant(
    "The library's function takes the classes in dimension 1, so (batch, T, V) does not fit as it is. It is not an answer here either: pick each target's logit yourself."
)
def library_as_it_is(logits, targets, ignore_index=-100):
    return F.cross_entropy(logits, targets, ignore_index=ignore_index)


@cross_entropy.mutant(
    "The result is cut off from the logits (`.data`, `.detach()` or NumPy): nothing can be learnt from it."
)
def detached(logits, targets, ignore_index=-100):
    return _of_library(logits.detach(), targets, ignore_index)


@cross_entropy.mutant(
    "The result is a Python number, from which no gradient can flow back: leave `.item()` or `float` away."
)
def number(logits, targets, ignore_index=-100):
    return _of_library(logits, targets, ignore_index).item()


@cross_entropy.mutant("The result has shape (1,). It is one number, of shape ().")
def one_too_many(logits, targets, ignore_index=-100):
    return _of_library(logits, targets, ignore_index).reshape(1)


@cross_entropy.mutant("You change the caller's logits: `-=` works in place. Write `logits = logits - …`.")
def logits_in_place(logits, targets, ignore_index=-100):
    if not logits.requires_grad:
        logits -= logits.amax(-1, keepdim=True)
    return _of_library(logits, targets, ignore_index)


@cross_entropy.mutant(
    "You change the caller's targets: writing to `targets[…]` works in place. Work on a copy, or use `masked_fill`."
)
def targets_in_place(logits, targets, ignore_index=-100):
    kept = targets != ignore_index
    loss = _of_library(logits, targets, ignore_index)
    targets[~kept] = 0
    return loss


@cross_entropy.mutant(
    "Your function returns nothing (None). End it with `return` and the result; `print` shows it only."
)
def nothing_returned(logits, targets, ignore_index=-100):
    return None


def _of_library(logits, targets, ignore_index=-100):
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=ignore_index)


@cross_entropy.stand_in
def by_the_library(logits, targets, ignore_index=-100):
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=ignore_index)


@cross_entropy.variant
def by_log_softmax(logits, targets, ignore_index=-100):
    kept = targets != ignore_index
    safe = targets.where(kept, 0)
    losses = -torch.log_softmax(logits, -1).gather(-1, safe[..., None])[..., 0]
    return losses.where(kept, 0.0).sum() / kept.sum()


@cross_entropy.variant
def position_by_position(logits, targets, ignore_index=-100):
    total, n = logits.new_zeros(()), 0
    for row, target in zip(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1).tolist(), strict=True):
        if target != ignore_index:
            highest = row.max().detach()
            total = total + torch.log(torch.exp(row - highest).sum()) + highest - row[target]
            n += 1
    return total / n


@cross_entropy.variant
def by_masks(logits, targets, ignore_index=-100):
    flat = logits.view(-1, logits.size(-1)).double()
    ids = targets.view(-1)
    mask = (ids != ignore_index).nonzero(as_tuple=True)[0]
    picked = flat[mask, ids[mask]]
    shifted = flat[mask] - flat[mask].max(dim=1, keepdim=True).values.detach()
    top = flat[mask].max(dim=1).values.detach()
    return (shifted.exp().sum(1).log() + top - picked).mean().to(logits.dtype)
