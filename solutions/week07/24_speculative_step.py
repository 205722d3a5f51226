"""# One step of speculative decoding

A large model can read $k$ tokens nearly as fast as one, yet it writes one at a time. So let a small model, the *draft*, write $k$ tokens ahead, and have the
large one, the *target*, judge them all in a single pass. Done right, the text is distributed exactly as if the target had written it alone
([Leviathan et al., 2022](https://arxiv.org/abs/2211.17192); [Chen et al., 2023](https://arxiv.org/abs/2302.01318)).

You get the draft's distributions $q_1 \\dots q_k$, from each of which one of `draft_tokens` was drawn, and the target's at the same places and one place
further, $p_1 \\dots p_{k+1}$. Go through the drafted tokens $x_1 \\dots x_k$ in order:

1. **Accept** $x_i$ with probability $\\min\\left(1, \\dfrac{p_i(x_i)}{q_i(x_i)}\\right)$, each by a chance of its own.
2. At the first one that is not accepted, draw a token from what the draft gives too little of, the *residual*, and stop:

$$p_i'(x) = \\frac{\\max(0,\\; p_i(x) - q_i(x))}{\\sum_y \\max(0,\\; p_i(y) - q_i(y))}$$

3. Where all $k$ are accepted, one more token comes for nothing, the *bonus*: draw it from $p_{k+1}$.

Return the accepted tokens and the one that was drawn, as a list of 1 to $k+1$ ints. `draft_probs` is (k, V), `target_probs` (k + 1, V), `draft_tokens` (k,) with
$k \\geq 1$; a drafted token's probability under the draft is above 0.

All your random numbers come from `generator`. How you draw is up to you. The checks call your function some hundred times with the same drafts and count: what
cannot come must never come, and the rest as often as it should. The line is drawn so wide that a right answer crosses it once in 10¹² runs.
"""

import itertools
import math

import torch

from grader import Mismatch, close, draws, exercise, leaves_alone, library


@exercise(
    points=4,
    twins=["assisted_decoding", "_speculative_sampling", "generate"],
    hints=[
        "A loop over i from 0 to k − 1, with a list of accepted ids. `torch.rand((), generator=generator)` is uniform in [0, 1): it is below r with "
        "probability r, and always where r is 1 or more. So `min` need not be written.",
        "Rejected: `(p - q).clamp(min=0)`, over the whole vocabulary, at the place of the rejected token. `torch.multinomial` takes weights that do not sum to 1. "
        "Then `return`: no later draft counts, since each was written after the rejected one.",
        "After the loop (nothing was rejected) draw from the last row of `target_probs`, `target_probs[k]`.",
        "`draft_tokens.tolist()` gives ints, and `int(torch.multinomial(weights, 1, generator=generator))` is one.",
    ],
)
def speculative_step(
    draft_probs: torch.Tensor, target_probs: torch.Tensor, draft_tokens: torch.Tensor, generator: torch.Generator
) -> list[int]:
    """Return the drafted tokens that are accepted, and one more: 1 to k + 1 ids, distributed as the target would write.

    draft_probs is (k, V), target_probs (k + 1, V), draft_tokens (k,).

    >>> draft, target = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    >>> speculative_step(draft, target, torch.tensor([0]), torch.Generator())
    [0, 1]
    """
    accepted = []
    for i, token in enumerate(draft_tokens.tolist()):
        p, q = target_probs[i], draft_probs[i]
        if torch.rand((), generator=generator) >= p[token] / q[token]:
            residual = (p - q).clamp(min=0)
            return [*accepted, int(torch.multinomial(residual, 1, generator=generator))]
        accepted.append(token)
    return [*accepted, int(torch.multinomial(target_probs[-1], 1, generator=generator))]


def demand_outcomes(speculative_step, draft, target, tokens, due, n=40):
    """Take n steps with the same drafts, and demand that each outcome comes as often as its probability in `due` allows.

    By Chernoff's bound an outcome of probability p comes in a part f of n steps with a chance below exp(-n KL(f, p)).
    Demanding n KL < 34 leaves any exact way to draw a chance of 2 in 10^15 to fail at one outcome.
    """
    generator = library(speculative_step, "torch.Generator")()
    generator.manual_seed(20_221_130)
    arguments = torch.tensor(draft), torch.tensor(target), torch.tensor(tokens), generator
    came = draws(speculative_step, n, *arguments)
    for ids in came:
        if type(ids) is not list or any(type(token) is not int for token in ids):
            raise Mismatch("a step should return a list of ints", list(max(due, key=due.get)), ids)
    for ids in sorted({tuple(ids) for ids in came} | set(due)):
        p, times = due.get(ids, 0.0), sum(ids == tuple(other) for other in came)
        if times and not p:
            raise Mismatch(
                f"drafted {tokens}: {list(ids)} came in {times} of {n} steps; it should never come", actual=list(ids)
            )
        f = times / n
        away = sum(x * math.log(x / y) if y else math.inf for x, y in ((f, p), (1 - f, 1 - p)) if x)
        if n * away > 34:
            raise Mismatch(
                f"drafted {tokens}: {list(ids)} came in {times} of {n} steps; its probability is {p:.3f}",
                actual=list(ids),
            )


@speculative_step.check
def two_drafts(speculative_step):
    """each of four outcomes of two drafted tokens comes as often as the three rules say"""
    draft = [[0.5, 0.5, 0.0], [0.2, 0.8, 0.0]]
    target = [[0.25, 0.25, 0.5], [0.5, 0.1, 0.4], [0.0, 0.0, 1.0]]
    due = {(2,): 0.5, (0, 0): 0.1875, (0, 2): 0.25, (0, 1, 2): 0.0625}
    demand_outcomes(speculative_step, draft, target, [0, 1], due, n=500)


@speculative_step.check
def drafts_that_agree(speculative_step):
    """where draft and target agree, all drafts are accepted, and the bonus follows: k + 1 tokens"""
    same = [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25]]
    demand_outcomes(speculative_step, same, [*same, [0.0, 0.0, 1.0, 0.0]], [0, 3, 1], {(0, 3, 1, 2): 1.0})
    demand_outcomes(speculative_step, same[:1], [same[0], [0.0, 1.0, 0.0, 0.0]], [2], {(2, 1): 1.0})


@speculative_step.check
def likelier_under_the_target(speculative_step):
    """a token that is likelier under the target than under the draft is always accepted"""
    draft, target = [[0.2, 0.3, 0.5], [0.4, 0.2, 0.4]], [[0.4, 0.3, 0.3], [0.3, 0.5, 0.2], [1.0, 0.0, 0.0]]
    demand_outcomes(speculative_step, draft, target, [0, 1], {(0, 1, 0): 1.0})


@speculative_step.check
def half_as_likely(speculative_step):
    """a token half as likely under the target is accepted every second time, each by a chance of its own"""
    draft = [[0.8, 0.2, 0.0], [0.4, 0.6, 0.0]]
    target = [[0.4, 0.2, 0.4], [0.4, 0.3, 0.3], [0.0, 1.0, 0.0]]
    demand_outcomes(speculative_step, draft, target, [0, 1], {(2,): 0.5, (0, 2): 0.25, (0, 1, 1): 0.25}, n=400)


@speculative_step.check
def impossible_drafts(speculative_step):
    """a token that the target never writes is rejected, and the first rejection ends the step"""
    draft = [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5], [0.25, 0.25, 0.25, 0.25]]
    target = [[0.5, 0.5, 0.0, 0.0], [0.0, 0.5, 0.0, 0.5], [0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 0.0, 1.0]]
    demand_outcomes(speculative_step, draft, target, [0, 2, 3], {(0, 1): 1.0})
    demand_outcomes(speculative_step, draft[1:], target[1:], [2, 0], {(1,): 1.0})


@speculative_step.check
def the_residual(speculative_step):
    """after a rejection a token comes as often as the target's probability exceeds the draft's there, and no other comes"""
    draft, target = [[0.6, 0.0, 0.1, 0.3]], [[0.0, 0.2, 0.5, 0.3], [0.25, 0.25, 0.25, 0.25]]
    demand_outcomes(speculative_step, draft, target, [0], {(1,): 1 / 3, (2,): 2 / 3}, n=400)


@speculative_step.check
def the_bonus(speculative_step):
    """the bonus comes as the target's last row says"""
    draft, target = [[0.5, 0.5, 0.0, 0.0]], [[0.5, 0.5, 0.0, 0.0], [0.0, 0.2, 0.3, 0.5]]
    demand_outcomes(speculative_step, draft, target, [0], {(0, 1): 0.2, (0, 2): 0.3, (0, 3): 0.5}, n=300)


@speculative_step.check
def the_generator_decides(speculative_step):
    """one seed gives the same steps again and another seed others"""
    generator = library(speculative_step, "torch.Generator")()
    draft, target = torch.full((1, 4), 0.25), torch.full((2, 4), 0.25)
    seen = []
    for seed in (3, 3, 4):
        generator.manual_seed(seed)
        seen.append(draws(speculative_step, 100, draft, target, torch.tensor([1]), generator))
    if seen[0] != seen[1]:
        raise Mismatch("the generator was seeded with 3 twice; the steps after it should be the same, and were not")
    if seen[0] == seen[2]:
        raise Mismatch("the generator was seeded with 3, then with 4; the steps after it should differ, and did not")


@speculative_step.check
def leaves_its_inputs_alone(speculative_step):
    """the caller's tensors are left as they were"""
    draft, target = (
        torch.tensor([[0.0, 1.0, 0.0]] * 2),
        torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
    )
    generator = library(speculative_step, "torch.Generator")()
    close(leaves_alone(speculative_step, draft, target, torch.tensor([1, 1]), generator), [1, 2])


def _due(draft, target, tokens):
    """The probability of each outcome, by enumeration."""
    due, left = {}, 1.0
    for i, token in enumerate(tokens):
        excess = [max(0.0, p - q) for p, q in zip(target[i], draft[i], strict=True)]
        accepted = min(1.0, target[i][token] / draft[i][token])
        for other, share in enumerate(excess):
            if share and left and accepted < 1:
                due[(*tokens[:i], other)] = left * (1 - accepted) * share / sum(excess)
        left *= accepted
    return due | {(*tokens, other): left * p for other, p in enumerate(target[-1]) if left * p}


def _distributions(rng, rows, size, sparse):
    """Rows of probabilities in steps of 1/32, which float32 holds and subtracts exactly; some of them 0."""
    kept = torch.rand(rows, size, generator=rng) >= sparse
    kept[:, 0] = True
    weights = torch.rand(rows, size, generator=rng) ** 2 * kept
    counts = (32 * weights / weights.sum(-1, keepdim=True)).floor()
    counts[:, 0] += 32 - counts.sum(-1)
    return (counts / 32).tolist()


@speculative_step.hidden
def any_drafts(speculative_step, rng):
    """distributions, drafts and k of any kind: each outcome comes as often as it should"""
    for sparse in (0.0, 0.3, 0.6):
        k, size = (int(torch.randint(low, 5, (), generator=rng)) for low in (1, 3))
        draft, target = _distributions(rng, k, size, sparse), _distributions(rng, k + 1, size, sparse)
        tokens = torch.multinomial(torch.tensor(draft), 1, generator=rng)[:, 0].tolist()
        demand_outcomes(speculative_step, draft, target, tokens, _due(draft, target, tokens), n=300)


@speculative_step.hidden
def the_targets_distribution(speculative_step, rng):
    """a draft like the target is kept; over all that any draft may write, the first token is distributed as the target's first"""
    size = 4
    alike = _distributions(rng, 3, size, 0.0)
    due = {(0, 0, token): p for token, p in enumerate(alike[2]) if p}
    demand_outcomes(speculative_step, alike[:2], alike, [0, 0], due)
    draft, target = _distributions(rng, 1, size, 0.2), _distributions(rng, 2, size, 0.2)
    generator = library(speculative_step, "torch.Generator")()
    generator.manual_seed(int(torch.randint(1 << 30, (), generator=rng)))
    n, first = 400, [0.0] * size
    for token, q in enumerate(draft[0]):
        if q:
            came = draws(
                speculative_step, n, torch.tensor(draft), torch.tensor(target), torch.tensor([token]), generator
            )
            for other in range(size):
                first[other] += q * sum(ids[0] == other for ids in came) / n
    for token, (f, p) in enumerate(zip(first, target[0], strict=True)):
        if abs(f - p) > 0.21:  # Hoeffding: a mean of n or more chances is that far off once in 10^15 runs
            raise Mismatch(f"token {token} comes first in {f:.2f} of all steps; the target's probability is {p:.2f}")


def _uniform(generator):
    return float(torch.rand((), generator=generator))


def _pick(weights, generator):
    return int(torch.multinomial(weights, 1, generator=generator))


def _excess(p, q):
    return (p - q).clamp(min=0)


def _step(
    draft,
    target,
    tokens,
    generator,
    *,
    accepts=lambda p, q, u: u < p / q,
    residual=_excess,
    bonus=lambda draft, target: target[-1],
    row=lambda i: i,
    uniforms=None,
    pick=_pick,
):
    """The answer, or the answer with one habit changed."""
    ids = []
    for i, token in enumerate(tokens.tolist()):
        p, q = target[row(i)], draft[i]
        if not accepts(float(p[token]), float(q[token]), uniforms[i] if uniforms else _uniform(generator)):
            return [*ids, pick(residual(p, q), generator)]
        ids.append(token)
    last = bonus(draft, target)
    return ids if last is None else [*ids, pick(last, generator)]


@speculative_step.mutant(
    "You accept every draft: the text is then the draft's, not the target's. Accept with probability min(1, p/q)."
)
def accepts_everything(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, accepts=lambda p, q, u: True)


@speculative_step.mutant(
    "You accept no draft, and draw from the target. That is exact, but the drafts were in vain: accept with probability min(1, p/q)."
)
def rejects_everything(draft_probs, target_probs, draft_tokens, generator):
    return [_pick(target_probs[0], generator)]


@speculative_step.mutant(
    "You accept by the target's probability alone. What counts is p/q: the draft's q is how often the token was drafted in the first place."
)
def accepts_by_the_target_alone(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, accepts=lambda p, q, u: u < p)


@speculative_step.mutant(
    "Your quotient is upside down: accept with probability min(1, p/q), the target's over the draft's."
)
def quotient_upside_down(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, accepts=lambda p, q, u: p == 0 or u < q / p)


@speculative_step.mutant("Your comparison is the wrong way round: accept where the uniform number is *below* p/q.")
def comparison_turned_round(draft_probs, target_probs, draft_tokens, generator):
    def residual(p, q):
        return _excess(p, q) if (p > q).any() else p

    return _step(
        draft_probs, target_probs, draft_tokens, generator, accepts=lambda p, q, u: u > p / q, residual=residual
    )


@speculative_step.mutant(
    "You accept where the target's probability is at least the draft's, and never else. Below that it is a matter of chance: accept with probability p/q."
)
def accepts_without_chance(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, accepts=lambda p, q, u: p >= q)


@speculative_step.mutant(
    "You accept a token where it is the target's likeliest. That is the rule for greedy decoding; for sampling, accept with probability min(1, p/q)."
)
def accepts_the_likeliest(draft_probs, target_probs, draft_tokens, generator):
    ids = []
    for i, token in enumerate(draft_tokens.tolist()):
        best = int(target_probs[i].argmax())
        ids.append(best)
        if best != token:
            return ids
    return [*ids, int(target_probs[-1].argmax())]


@speculative_step.mutant(
    "One uniform number judges all drafts, so that one's acceptance tells of the next one's. Each has a chance of its own: draw in the loop."
)
def one_uniform_for_all(draft_probs, target_probs, draft_tokens, generator):
    uniforms = [_uniform(generator)] * len(draft_tokens)
    return _step(draft_probs, target_probs, draft_tokens, generator, uniforms=uniforms)


@speculative_step.mutant(
    "You accept all drafts or none, by the product of the quotients. Judge one after the other: those before the first rejection stay."
)
def all_or_none(draft_probs, target_probs, draft_tokens, generator):
    tokens = draft_tokens.tolist()
    quotients = [float(target_probs[i][t] / draft_probs[i][t]) for i, t in enumerate(tokens)]
    if _uniform(generator) < math.prod(min(1.0, r) for r in quotients):
        return [*tokens, _pick(target_probs[-1], generator)]
    excess = _excess(target_probs[0], draft_probs[0])
    return [_pick(excess if excess.any() else target_probs[0], generator)]


@speculative_step.mutant(
    "Your target is a place ahead: draft i is judged by row i + 1, which is for the token after it. Rows i of both belong together."
)
def target_a_place_ahead(draft_probs, target_probs, draft_tokens, generator):
    def residual(p, q):
        return _excess(p, q) if (p > q).any() else p

    return _step(draft_probs, target_probs, draft_tokens, generator, row=lambda i: i + 1, residual=residual)


@speculative_step.mutant("The target's first row judges every draft. Each place has its own row.")
def first_row_for_all(draft_probs, target_probs, draft_tokens, generator):
    def residual(p, q):
        return _excess(p, q) if (p > q).any() else p

    return _step(draft_probs, target_probs, draft_tokens, generator, row=lambda i: 0, residual=residual)


@speculative_step.mutant(
    "After a rejection you draw from the target itself. Tokens that the draft writes more often than the target then come too often: draw from max(0, p − q)."
)
def residual_is_the_target(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, residual=lambda p, q: p)


@speculative_step.mutant("After a rejection you draw from the draft again. Draw from the residual, max(0, p − q).")
def residual_is_the_draft(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, residual=lambda p, q: q)


@speculative_step.mutant(
    "Your residual is the wrong way round: it is what the target has *more* than the draft, max(0, p − q)."
)
def residual_turned_round(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, residual=lambda p, q: _excess(q, p))


@speculative_step.mutant(
    "Your residual is |p − q|: tokens that the draft writes too often come again. Where p − q is negative, the residual is 0."
)
def residual_of_absolutes(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, residual=lambda p, q: (p - q).abs())


@speculative_step.mutant(
    "Your residual has negative weights, with which nothing can be drawn. Where p − q is negative, the residual is 0: `clamp(min=0)`."
)
def residual_not_clamped(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, residual=lambda p, q: p - q)


@speculative_step.mutant(
    "Your residual goes through a softmax, and tokens that should never come have a share. Divide by the sum, or let `torch.multinomial` do it."
)
def softmax_of_the_residual(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, residual=lambda p, q: _excess(p, q).softmax(-1))


@speculative_step.mutant(
    "Your residual is not divided by its sum, and a uniform number often lies beyond all of it. Divide, or scale the number by the sum."
)
def residual_not_normalised(draft_probs, target_probs, draft_tokens, generator):
    def pick(weights, generator):
        return min(int((weights.cumsum(-1) <= _uniform(generator)).sum()), len(weights) - 1)

    return _step(draft_probs, target_probs, draft_tokens, generator, pick=pick)


@speculative_step.mutant(
    "You take the likeliest token where one should be drawn: by chance, in proportion to the residual, or to the target's last row."
)
def likeliest_instead_of_drawn(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, pick=lambda weights, _: int(weights.argmax()))


@speculative_step.mutant(
    "You draw every token of the vocabulary with the same chance. Draw in proportion to the residual, or to the target's last row."
)
def drawn_evenly(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, pick=lambda w, g: _pick(torch.ones_like(w), g))


@speculative_step.mutant(
    "The bonus is missing: where all k drafts are accepted, one more token comes from the target's last row."
)
def no_bonus(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, bonus=lambda draft, target: None)


@speculative_step.mutant(
    "Your bonus is drawn from the distribution of the last *draft*, the draft's or the target's. It follows all drafts: the target's last row, of k + 1."
)
def bonus_from_the_draft(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, bonus=lambda draft, target: draft[-1])


@speculative_step.mutant(
    "Your bonus is drawn from the distribution of the last *draft*, the draft's or the target's. It follows all drafts: the target's last row, of k + 1."
)
def bonus_from_the_row_before(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, bonus=lambda draft, target: target[-2])


@speculative_step.mutant(
    "You go on after a rejection. The later drafts were written after the rejected token, which is not there: the first rejection ends the step."
)
def goes_on_after_a_rejection(draft_probs, target_probs, draft_tokens, generator):
    ids = []
    for q, p, token in zip(draft_probs, target_probs, draft_tokens.tolist(), strict=False):
        accepted = _uniform(generator) < float(p[token] / q[token])
        ids.append(token if accepted else _pick(_excess(p, q), generator))
    return [*ids, _pick(target_probs[-1], generator)]


@speculative_step.mutant(
    "You leave a rejected draft out and judge the next one. It was written after the rejected token: the first rejection ends the step, with a token from the residual."
)
def skips_the_rejected(draft_probs, target_probs, draft_tokens, generator):
    ids = [
        token
        for q, p, token in zip(draft_probs, target_probs, draft_tokens.tolist(), strict=False)
        if _uniform(generator) < float(p[token] / q[token])
    ]
    return [*ids, _pick(target_probs[-1], generator)]


@speculative_step.mutant(
    "After a rejection nothing is drawn. A token from the residual takes the rejected one's place: every step gives at least one."
)
def nothing_after_a_rejection(draft_probs, target_probs, draft_tokens, generator):
    ids = []
    for q, p, token in zip(draft_probs, target_probs, draft_tokens.tolist(), strict=False):
        if _uniform(generator) >= float(p[token] / q[token]):
            return ids
        ids.append(token)
    return [*ids, _pick(target_probs[-1], generator)]


@speculative_step.mutant(
    "After a rejection you draw from the target's last row, the bonus's. Draw from the residual at the place of the rejected token."
)
def bonus_after_a_rejection(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator, residual=lambda p, q: target_probs[-1])


@speculative_step.mutant(
    "After a rejection two tokens are drawn, one from the residual and the bonus. The bonus comes only where all drafts are accepted."
)
def residual_and_bonus(draft_probs, target_probs, draft_tokens, generator):
    ids = _step(draft_probs, target_probs, draft_tokens, generator)
    return ids if ids[:-1] == draft_tokens.tolist() else [*ids, _pick(target_probs[-1], generator)]


@speculative_step.mutant("The rejected token is in your result. The one from the residual takes its place.")
def rejected_token_kept(draft_probs, target_probs, draft_tokens, generator):
    ids = _step(draft_probs, target_probs, draft_tokens, generator)
    n = len(ids) - 1
    return ids if n == len(draft_tokens) else [*ids[:n], int(draft_tokens[n]), ids[n]]


@speculative_step.mutant(
    "The accepted drafts are missing from your result. Return them, and then the token that was drawn."
)
def drawn_token_alone(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator)[-1:]


@speculative_step.mutant("Only the first draft is judged. Go through all k of them.")
def first_draft_alone(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs[:1], target_probs[:2], draft_tokens[:1], generator)


@speculative_step.mutant("You draw drafts of your own from `draft_probs`. They are drawn already: `draft_tokens`.")
def drafts_of_its_own(draft_probs, target_probs, draft_tokens, generator):
    tokens = torch.multinomial(draft_probs, 1, generator=generator)[:, 0]
    return _step(draft_probs, target_probs, tokens, generator)


@speculative_step.mutant(
    "Your random numbers do not come from `generator`: pass `generator=generator` wherever you draw."
)
def generator_ignored(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, None)


@speculative_step.mutant("You seed the generator, so every step has the same chances. Draw from it as it comes.")
def generator_seeded(draft_probs, target_probs, draft_tokens, generator):
    return _step(draft_probs, target_probs, draft_tokens, generator.manual_seed(0))


@speculative_step.mutant("Your list holds tensors. It should hold ints: `.tolist()`, `int(…)`.")
def list_of_tensors(draft_probs, target_probs, draft_tokens, generator):
    return [torch.tensor(token) for token in _step(draft_probs, target_probs, draft_tokens, generator)]


@speculative_step.mutant("You return a tensor. The result is a list of ints: `.tolist()`.")
def tensor_returned(draft_probs, target_probs, draft_tokens, generator):
    return torch.tensor(_step(draft_probs, target_probs, draft_tokens, generator))


@speculative_step.mutant(
    "You return how many drafts are accepted beside the ids, or the ids in a tuple. The result is one list of ints."
)
def tuple_returned(draft_probs, target_probs, draft_tokens, generator):
    return tuple(_step(draft_probs, target_probs, draft_tokens, generator))


@speculative_step.mutant(
    "You change the caller's tensors: `-=`, `clamp_` and names that end in `_` work in place. Write `p - q`."
)
def in_place(draft_probs, target_probs, draft_tokens, generator):
    before = target_probs.clone()
    target_probs[:-1] -= draft_probs
    target_probs.clamp_(min=0)
    return _step(draft_probs, before, draft_tokens, generator)


@speculative_step.mutant(
    "Your function returns nothing (None). End it with `return` and the list; `print` shows it only."
)
def nothing_returned(draft_probs, target_probs, draft_tokens, generator):
    return None


@speculative_step.stand_in
def all_at_once(draft_probs, target_probs, draft_tokens, generator):
    k = len(draft_tokens)
    places = torch.arange(k)
    quotients = target_probs[places, draft_tokens] / draft_probs[places, draft_tokens]
    rejected = torch.nonzero(torch.rand(k, generator=generator) >= quotients)
    n = int(rejected[0]) if len(rejected) else k
    weights = target_probs[n] if n == k else torch.relu(target_probs[n] - draft_probs[n])
    return torch.cat([draft_tokens[:n], torch.multinomial(weights, 1, generator=generator)]).tolist()


@speculative_step.variant
def by_running_sums(draft_probs, target_probs, draft_tokens, generator):
    def draw(weights):
        point = torch.rand((), generator=generator, dtype=torch.float64).item() * sum(weights)
        for token, reached in enumerate(itertools.accumulate(weights)):
            if point < reached:
                return token
        return max(token for token, weight in enumerate(weights) if weight)

    q, p, ids = draft_probs.double().tolist(), target_probs.double().tolist(), []
    for i in range(len(draft_tokens)):
        x = draft_tokens[i].item()
        probability = min(1.0, p[i][x] / q[i][x])
        if torch.rand(1, generator=generator).item() < probability:
            ids.append(x)
        else:
            ids.append(draw([max(0.0, a - b) for a, b in zip(p[i], q[i], strict=True)]))
            break
    else:
        ids.append(draw(p[-1]))
    return ids


@speculative_step.variant
def by_gumbel_noise(draft_probs, target_probs, draft_tokens, generator):
    padded = torch.cat([draft_probs, torch.zeros_like(target_probs[:1])])
    n = 0
    for token in draft_tokens:
        coin = torch.bernoulli((target_probs[n, token] / draft_probs[n, token]).clamp(max=1.0), generator=generator)
        if not coin:
            break
        n += 1
    residual = torch.maximum(target_probs[n] - padded[n], torch.tensor(0.0))
    noise = torch.empty_like(residual).exponential_(generator=generator)
    return [int(token) for token in draft_tokens[:n]] + [(residual / noise).argmax().item()]
