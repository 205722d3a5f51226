"""# Sample the next token

A model gives one score (logit) for each token of its vocabulary; a rule picks one. This is the rule of transformers' `generate`, each
step reading what the one before it left:

1. **Temperature**: divide the scores by it. Below 1 the favourites gain, above 1 the others do.
2. **Top-k**: keep the `top_k` largest scores. Scores equal to the smallest kept one are kept too; a `top_k` beyond the vocabulary keeps all.
3. **Top-p**: take the softmax of what is left, go from the most probable token down, and keep tokens until their probabilities
   together reach `top_p`. The token that crosses the line is kept.
4. **Min-p**: keep tokens with at least `min_p` times the probability of the most probable one.
5. **Draw** one of the tokens that are left, each in proportion to its probability.

A filter that is `None` is off. At least one token is always kept. Temperature 0 is *greedy*: the largest score wins and nothing is
drawn. A token whose score is −∞ never comes. Raise `ValueError` for a negative temperature, a `top_k` below 1, a `top_p` outside
(0, 1], a `min_p` outside [0, 1] and for scores that hold NaN, at any temperature.

`logits` is one row of floats; the result is an `int`. All your random numbers come from `generator`, or from PyTorch's own where it
is `None`. How you draw is up to you (`torch.multinomial`, a running sum, Gumbel noise). The checks draw some hundred times from a seeded
generator and count: tokens that should be filtered out must never come, and the others as often as they should. The line is drawn so
wide that a right answer crosses it once in 10¹² runs.

transformers' own logits processors are not answers here.
"""

import itertools
import math

import torch

from grader import Mismatch, close, draws, exercise, leaves_alone, library, raises


@exercise(
    points=4,
    twins=[
        "TemperatureLogitsWarper",
        "TopKLogitsWarper",
        "TopPLogitsWarper",
        "MinPLogitsWarper",
        "LogitsProcessorList",
        "top_k_top_p_filtering",
    ],
    hints=[
        "Work on scores to the end, and let each filter put −∞ where a token is out (`masked_fill`): softmax makes 0 of it, and "
        "renormalises the rest by itself. A new tensor each time leaves the caller's alone.",
        "Top-k: the smallest score that stays is the last of `logits.topk(min(top_k, len(logits))).values`. Everything *below* it "
        "goes, so equals stay.",
        "Top-p: `sort(descending=True)` gives scores and token ids. With the softmax of the sorted scores, a token is out when the "
        "sum *before* it, `cumsum - p`, has reached `top_p`. That keeps the one that crosses, and the first always. The ids "
        "tell where to put the −∞.",
        "Min-p compares each probability with `min_p` times the largest. Then one `torch.multinomial(probabilities, 1, "
        "generator=generator)`, turned into an `int`.",
    ],
)
def sample_next_token(
    logits: torch.Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    generator: torch.Generator | None = None,
) -> int:
    """Return a token id drawn from `logits`, (vocabulary,), after temperature, top-k, top-p and min-p, in this order.

    Raises ValueError for settings outside their range and for NaN.

    >>> sample_next_token(torch.tensor([0.0, 2.0, 1.0]), temperature=0)
    1
    """
    if not temperature >= 0:
        raise ValueError(f"temperature must be 0 or more, not {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, not {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be in (0, 1], not {top_p}")
    if min_p is not None and not 0 <= min_p <= 1:
        raise ValueError(f"min_p must be in [0, 1], not {min_p}")
    if logits.isnan().any():
        raise ValueError("the logits hold NaN")
    if temperature == 0:
        return int(logits.argmax())
    logits = logits / temperature
    if top_k is not None:
        weakest = logits.topk(min(top_k, len(logits))).values[-1]
        logits = logits.masked_fill(logits < weakest, -torch.inf)
    if top_p is not None:
        ordered, tokens = logits.sort(descending=True)
        probabilities = ordered.softmax(-1)
        surplus = probabilities.cumsum(-1) - probabilities >= top_p
        logits = logits.index_fill(0, tokens[surplus], -torch.inf)
    if min_p is not None:
        probabilities = logits.softmax(-1)
        logits = logits.masked_fill(probabilities < min_p * probabilities.max(), -torch.inf)
    return int(torch.multinomial(logits.softmax(-1), 1, generator=generator))


def scores_of(*shares):
    """Scores whose softmax is `shares`, up to their sum."""
    return torch.tensor(shares).log() + 1.5


def demand_shares(sample_next_token, logits, shares, n=400, **settings):
    """Draw n times and demand that each token comes as often as its share of `shares` allows, and never if that is 0.

    By Chernoff's bound a token of probability p comes in a part f of n draws with a chance below exp(-n KL(f, p)).
    Demanding n KL < 34 leaves any exact way to draw a chance of 2 in 10^15 to fail at one token.
    """
    generator = library(sample_next_token, "torch.Generator")()
    generator.manual_seed(20_200_422)
    tokens = draws(sample_next_token, n, logits, generator=generator, **settings)
    for token in tokens:
        if type(token) is not int:
            raise Mismatch(f"a draw should be an int, not a {type(token).__name__}", 0, token)
        if not 0 <= token < len(shares):
            raise Mismatch(f"token {token} was drawn, and there are {len(shares)} tokens: 0 to {len(shares) - 1}")
    for token, share in enumerate(shares):
        p, f = share / sum(shares), tokens.count(token) / n
        if p == 0 and f > 0:
            raise Mismatch(f"token {token} came {f * n:.0f} times in {n} draws; it should be left out")
        away = sum(x * math.log(x / q) if q else math.inf for x, q in ((f, p), (1 - f, 1 - p)) if x)
        if n * away > 34:
            raise Mismatch(f"token {token} came {f * n:.0f} times in {n} draws; its probability is {p:.3f}")


@sample_next_token.check
def certain_cases(sample_next_token):
    """temperature 0, `top_k=1`, a tiny `top_p` and `min_p=1` all give the token with the largest score"""
    for shares in ([0.3, 0.1, 0.35, 0.25], [0.05, 0.25, 0.28, 0.02, 0.4], [0.4, 0.3, 0.3]):
        best = [float(share == max(shares)) for share in shares]
        close(sample_next_token(scores_of(*shares), temperature=0), best.index(1.0))
        for settings in ({"top_k": 1}, {"top_p": 0.01}, {"min_p": 1.0}, {"temperature": 0, "top_k": 2, "top_p": 0.9}):
            demand_shares(sample_next_token, scores_of(*shares), best, n=60, **settings)


@sample_next_token.check
def shares_are_softmax(sample_next_token):
    """with no filter a token comes as often as softmax says, for scores of any size"""
    demand_shares(sample_next_token, scores_of(0.3, 0.6, 0.1), [0.3, 0.6, 0.1])
    demand_shares(sample_next_token, torch.tensor([2.0, 47.0, -50.0, 47.0]), [0, 0.5, 0, 0.5])
    demand_shares(sample_next_token, scores_of(0.3, 0.6, 0.1) + 1000.0, [0.3, 0.6, 0.1])
    demand_shares(sample_next_token, scores_of(0.3, 0.6, 0.1) - 1000.0, [0.3, 0.6, 0.1])
    shares = [0.5] + 200 * [0.0025]
    demand_shares(sample_next_token, scores_of(*shares), shares)


@sample_next_token.check
def temperature_divides(sample_next_token):
    """scores are divided by the temperature: near 0 the best wins, far above 1 others come too"""
    demand_shares(sample_next_token, torch.tensor([0.0, 27.5, 30.0]), [0, 0, 1], temperature=0.07)
    demand_shares(sample_next_token, torch.tensor([28.0, 0.0, 28.0]), [0.468, 0.063, 0.468], temperature=14.0)


@sample_next_token.check
def top_k_alone(sample_next_token):
    """top-k keeps the k largest scores and all that equal the smallest of them; k may be beyond the vocabulary"""
    demand_shares(sample_next_token, scores_of(0.1, 0.35, 0.25, 0.1, 0.2), [0, 0.35, 0.25, 0, 0], top_k=2)
    demand_shares(sample_next_token, scores_of(0.1, 0.35, 0.25, 0.1, 0.2), [0, 0.35, 0.25, 0, 0.2], top_k=3)
    demand_shares(sample_next_token, torch.tensor([1.0, 0.0, 1.0, -3.0, 1.0]), [1, 0, 1, 0, 1], top_k=2)
    demand_shares(sample_next_token, scores_of(0.2, 0.3, 0.5), [0.2, 0.3, 0.5], top_k=50)


@sample_next_token.check
def top_p_alone(sample_next_token):
    """top-p keeps the most probable tokens until they reach p together, with the one that crosses the line"""
    shares = [0.15, 0.35, 0.1, 0.28, 0.12]
    demand_shares(sample_next_token, scores_of(*shares), [0, 0.35, 0, 0.28, 0], top_p=0.55)
    demand_shares(sample_next_token, scores_of(*shares), [0.15, 0.35, 0, 0.28, 0], top_p=0.7)
    demand_shares(sample_next_token, scores_of(*shares), shares, top_p=1.0)


@sample_next_token.check
def min_p_alone(sample_next_token):
    """min-p keeps what has at least `min_p` times the probability of the best"""
    shares = [0.15, 0.35, 0.1, 0.28, 0.12]
    demand_shares(sample_next_token, scores_of(*shares), shares, min_p=0.14)
    demand_shares(sample_next_token, scores_of(*shares), [0, 0.35, 0, 0.28, 0], min_p=0.5)
    demand_shares(sample_next_token, scores_of(*shares), [0.15, 0.35, 0, 0.28, 0.12], min_p=0.3)
    demand_shares(sample_next_token, scores_of(*shares), shares, min_p=0.0)


@sample_next_token.check
def one_after_the_other(sample_next_token):
    """temperature, top-k, top-p, min-p: each reads what the one before it left, with probabilities that sum to 1 again"""
    shares = [0.15, 0.35, 0.1, 0.28, 0.12]
    hot, cold = ([share ** (1 / t) for share in shares] for t in (2.0, 0.5))
    demand_shares(sample_next_token, scores_of(*shares), [0, 1, 0, 0, 0], temperature=0.5, top_p=0.45)
    demand_shares(sample_next_token, scores_of(*shares), [0, cold[1], 0, cold[3], 0], temperature=0.5, top_p=0.62)
    demand_shares(sample_next_token, scores_of(*shares), [hot[0], hot[1], 0, hot[3], 0], temperature=2.0, min_p=0.6)
    demand_shares(sample_next_token, scores_of(*shares), [0, 1, 0, 0, 0], top_k=2, top_p=0.5)
    demand_shares(sample_next_token, scores_of(*shares), [0.15, 0.35, 0, 0.28, 0], top_p=0.7, min_p=0.42)


@sample_next_token.check
def impossible_tokens(sample_next_token):
    """a token whose score is −∞ never comes, whatever the filters"""
    logits = torch.tensor([-torch.inf, 1.0, -torch.inf, 1.0, 0.0, -torch.inf])
    shares = [0, 1.0, 0, 1.0, math.exp(-1.0), 0]
    for settings in ({}, {"top_k": 4}, {"top_p": 1.0}, {"min_p": 0.0}):
        demand_shares(sample_next_token, logits, shares, n=200, **settings)


@sample_next_token.check
def the_generator_decides(sample_next_token):
    """one seed gives the same draws again and another seed others; without a generator there are draws too"""
    generator = library(sample_next_token, "torch.Generator")()
    seen = []
    for seed in (3, 3, 4):
        generator.manual_seed(seed)
        seen.append(draws(sample_next_token, 160, torch.zeros(4), top_k=4, generator=generator))
    if seen[0] != seen[1]:
        raise Mismatch("the generator was seeded with 3 twice; the draws after it should be the same, and were not")
    if seen[0] == seen[2]:
        raise Mismatch("the generator was seeded with 3, then with 4; the draws after it should differ, and did not")
    if len(set(draws(sample_next_token, 160, torch.zeros(4)))) < 4:
        raise Mismatch("without a generator, 160 draws from four equal tokens should show each of them")


@sample_next_token.check
def settings_out_of_range(sample_next_token):
    """a negative temperature, `top_k` below 1, `top_p` outside (0, 1] and `min_p` outside [0, 1] are ValueErrors"""
    logits = torch.tensor([0.0, 99.0, 1.0])
    for settings in (
        {"temperature": -0.5},
        {"top_k": 0},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": -0.1},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"min_p": 1.1},
        {"temperature": 0, "top_k": 0},
    ):
        with raises(ValueError):
            sample_next_token(logits, **settings)


@sample_next_token.check
def not_a_number(sample_next_token):
    """scores that hold NaN are a ValueError, at temperature 0 too"""
    for settings in ({"temperature": 0}, {}, {"top_k": 1}):
        with raises(ValueError):
            sample_next_token(torch.tensor([0.0, torch.nan, 99.0]), **settings)


@sample_next_token.check
def leaves_its_input_alone(sample_next_token):
    """the caller's scores are left as they were"""
    for settings in ({"temperature": 0.5}, {"top_k": 1}, {"top_p": 0.5}, {"min_p": 0.5}, {"temperature": 0}):
        close(leaves_alone(sample_next_token, torch.tensor([0.0, 60.0, 1.0]), **settings), 1)


def _warped(logits, temperature=1.0, top_k=None, top_p=None, min_p=None):
    """The scores after transformers' processors, in the order in which `generate` applies them."""
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    scores = TemperatureLogitsWarper(float(temperature))(None, logits[None])
    if top_k is not None:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p is not None and top_p < 1:
        scores = TopPLogitsWarper(float(top_p))(None, scores)
    if min_p is not None:
        scores = MinPLogitsWarper(float(min_p))(None, scores)
    return scores[0]


def _settings(logits, rng):
    """Drawn settings under which no token stands on a line: a little more or less of any changes nothing."""
    while True:
        t, p, m = torch.rand(3, generator=rng).tolist()
        k = int(torch.randint(1, len(logits) + 2, (), generator=rng))
        on = torch.rand(4, generator=rng) < 0.6
        drawn = {"temperature": 0.3 + 2 * t, "top_k": k, "top_p": 0.1 + 0.9 * p, "min_p": 0.5 * m}
        settings = {name: value for (name, value), used in zip(drawn.items(), on.tolist(), strict=True) if used}
        near = [
            settings | {name: settings[name] * factor}
            for name, factor in itertools.product(("top_p", "min_p"), (0.998, 1.002))
            if name in settings and settings[name] * factor <= 1
        ]
        kept = _warped(logits, **settings) > -torch.inf
        if all(torch.equal(kept, _warped(logits, **other) > -torch.inf) for other in near):
            return settings


@sample_next_token.hidden
def as_transformers_anywhere(sample_next_token, rng):
    """any scores and settings leave the tokens, and the probabilities, that transformers' processors leave"""
    for _ in range(8):
        size = int(torch.randint(3, 9, (), generator=rng))
        logits = torch.randn(size, generator=rng) * 1.5
        settings = _settings(logits, rng)
        shares = _warped(logits, **settings).softmax(-1).tolist()
        demand_shares(sample_next_token, logits, shares, n=250, **settings)
        close(sample_next_token(logits, temperature=0), int(logits.argmax()))


@sample_next_token.hidden
def ties_and_impossible_tokens_anywhere(sample_next_token, rng):
    """equal scores stay or go together in top-k and min-p, and −∞ never comes, as with transformers' processors"""
    for _ in range(4):
        logits = torch.tensor([2.0, 2.0, 1.0, 1.0, 1.0, 0.0, -torch.inf, -torch.inf])[torch.randperm(8, generator=rng)]
        k = int(torch.randint(1, 9, (), generator=rng))
        for settings in ({"top_k": k}, {"min_p": 0.5}, {"min_p": 1.0}):
            shares = _warped(logits, **settings).softmax(-1).tolist()
            demand_shares(sample_next_token, logits, shares, n=250, **settings)


@sample_next_token.hidden
def real_vocabulary_anywhere(sample_next_token, rng):
    """a vocabulary of 50,257 tokens is filtered as transformers' processors do it"""
    logits = torch.randn(50_257, generator=rng)
    high = torch.randperm(len(logits), generator=rng)[:4]
    logits[high] = torch.tensor([14.0, 14.5, 13.8, 12.0])
    for n, settings in ((70, {"top_k": 3}), (25, {"top_p": 0.6}), (25, {"min_p": 0.4, "temperature": 0.8})):
        left = _warped(logits, **settings).softmax(-1)
        generator = library(sample_next_token, "torch.Generator")()
        generator.manual_seed(int(high[0]))
        came = draws(sample_next_token, n, logits, generator=generator, **settings)
        for token in came:
            if type(token) is not int or not 0 <= token < len(left) or left[token] == 0:
                raise Mismatch("a token came that should be left out")
        if n == 70 and len(set(came)) == 1:  # the likeliest has a chance of 0.48: once in 10^22 runs
            raise Mismatch("the same token came 70 times, where three share the chances")
    close(leaves_alone(sample_next_token, logits, temperature=0), int(logits.argmax()))


def _refuse(logits, temperature, top_k, top_p, min_p):
    if not temperature >= 0 or logits.isnan().any():
        raise ValueError
    if (top_k is not None and top_k < 1) or (top_p is not None and not 0 < top_p <= 1):
        raise ValueError
    if min_p is not None and not 0 <= min_p <= 1:
        raise ValueError


def _hide(logits, out):
    return logits.masked_fill(out, -torch.inf)


def _keep_k(logits, k):
    return _hide(logits, logits < logits.topk(min(k, len(logits))).values[-1])


def _keep_p(logits, p):
    ordered, tokens = logits.sort(descending=True)
    probabilities = ordered.softmax(-1)
    return logits.index_fill(0, tokens[probabilities.cumsum(-1) - probabilities >= p], -torch.inf)


def _keep_m(logits, m):
    probabilities = logits.softmax(-1)
    return _hide(logits, probabilities < m * probabilities.max())


def _draw(logits, generator):
    return int(torch.multinomial(logits.softmax(-1), 1, generator=generator))


def _keep_all(logits, _):
    return logits


def _sampled(
    logits,
    temperature=1.0,
    top_k=None,
    top_p=None,
    min_p=None,
    generator=None,
    *,
    refuse=_refuse,
    order="tkpm",
    t=torch.div,
    k=_keep_k,
    p=_keep_p,
    m=_keep_m,
    draw=_draw,
    greedy=True,
):
    """The right answer, and wrong ones by one of its parts."""
    refuse(logits, temperature, top_k, top_p, min_p)
    if greedy and temperature == 0:
        return int(logits.argmax())
    parts = {"t": (t, temperature), "k": (k, top_k), "p": (p, top_p), "m": (m, min_p)}
    for part, value in (parts[letter] for letter in order):
        logits = logits if value is None else part(logits, value)
    return draw(logits, generator)


# ---- temperature ----


@sample_next_token.mutant(
    "You multiply the scores by the temperature. Divide: a low temperature makes differences larger."
)
def temperature_multiplies(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, t=torch.mul)


@sample_next_token.mutant(
    "The temperature changes nothing: it is ignored, or divides probabilities, which normalising undoes. Divide the scores, before softmax."
)
def temperature_ignored(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, t=_keep_all)


@sample_next_token.mutant(
    "The temperature comes after a filter in your answer. It comes first: every filter reads what it made of the scores."
)
def temperature_last(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, order="kpmt")


@sample_next_token.mutant(
    "The temperature comes after a filter in your answer. It comes first: every filter reads what it made of the scores."
)
def temperature_after_top_p(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, order="kptm")


@sample_next_token.mutant(
    "Temperature 0 divides by zero and gives NaN. It is greedy: return the largest score's token before you divide."
)
def divides_by_zero(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, greedy=False)


@sample_next_token.mutant(
    "Temperature 0 counts as “no temperature” in your answer. It is greedy: return the largest score's token."
)
def zero_is_off(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature or 1.0, top_k, top_p, min_p, generator)


@sample_next_token.mutant("At temperature 0 you return the smallest score's token. Greedy is the largest.")
def smallest_at_zero(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits if temperature else -logits, temperature, top_k, top_p, min_p, generator)


# ---- top-k ----


@sample_next_token.mutant("`top_k` is ignored: tokens beyond the k largest scores still come.")
def top_k_ignored(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, k=_keep_all)


@sample_next_token.mutant(
    "You keep one token too many in top-k. The last of the k largest scores is the smallest that stays."
)
def one_too_many_in_top_k(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, k=lambda scores, k: _keep_k(scores, k + 1))


@sample_next_token.mutant(
    "The k-th largest score is left out too, and `top_k=1` leaves nothing. Put out what is *below* it (`<`, not `<=`)."
)
def kth_left_out(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, k):
        return _hide(scores, scores <= scores.topk(min(k, len(scores))).values[-1])

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, k=keep)


@sample_next_token.mutant("You keep the k smallest scores. The largest are the probable ones.")
def smallest_k(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(
        logits,
        temperature,
        top_k,
        top_p,
        min_p,
        generator,
        k=lambda scores, k: -_keep_k(-scores, k).nan_to_num(neginf=torch.inf),
    )


@sample_next_token.mutant(
    "Where scores are equal at the edge of top-k you keep exactly k. All that equal the smallest kept score stay, as in transformers."
)
def ties_cut(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, k):
        best = scores.topk(min(k, len(scores))).indices
        return torch.full_like(scores, -torch.inf).index_copy(0, best, scores[best])

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, k=keep)


@sample_next_token.mutant(
    "Where scores are equal at the edge of top-k you keep exactly k. All that equal the smallest kept score stay, as in transformers."
)
def first_ties_kept(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, k):
        return scores.index_fill(0, scores.argsort(descending=True, stable=True)[k:], -torch.inf)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, k=keep)


@sample_next_token.mutant(
    "A `top_k` beyond the vocabulary is an error in your answer. It keeps all: take `min(top_k, len(logits))`."
)
def k_beyond_the_vocabulary(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, k):
        return _hide(scores, scores < scores.topk(k).values[-1])

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, k=keep)


@sample_next_token.mutant(
    "A `top_k` beyond the vocabulary is an error in your answer. It keeps all: take `min(top_k, len(logits))`."
)
def k_beyond_the_sorted(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, k):
        return _hide(scores, scores < scores.sort(descending=True).values[k - 1])

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, k=keep)


@sample_next_token.mutant(
    "You put 0 where a score is filtered out. A score of 0 is a probability like others: put −∞ there (or 0 for its *probability*)."
)
def zero_for_minus_infinity(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def zeroed(keep):
        return lambda scores, value: keep(scores, value).nan_to_num(neginf=0.0)

    parts = {"k": zeroed(_keep_k), "p": zeroed(_keep_p), "m": zeroed(_keep_m)}
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, **parts)


# ---- top-p ----


@sample_next_token.mutant("`top_p` is ignored: tokens beyond the line still come.")
def top_p_ignored(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, p=_keep_all)


def _nucleus(out):
    """Top-p with another rule for what is out: a function of the sorted probabilities, their sums so far, and p."""

    def keep(logits, p):
        ordered, tokens = logits.sort(descending=True)
        probabilities = ordered.softmax(-1)
        return logits.index_fill(0, tokens[out(probabilities, probabilities.cumsum(-1), p)], -torch.inf)

    return keep


@sample_next_token.mutant(
    "The token that crosses the line of top-p is left out, and a tiny `top_p` leaves nothing. Look at the sum *before* each token."
)
def crossing_token_left_out(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    keep = _nucleus(lambda probabilities, sums, p: sums > p + 1e-6)
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, p=keep)


@sample_next_token.mutant(
    "The token that crosses the line of top-p is left out, unless it is the first. It is kept: look at the sum *before* each token."
)
def crossing_token_left_out_but_for_the_first(
    logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None
):
    keep = _nucleus(lambda probabilities, sums, p: (sums > p + 1e-6) & (torch.arange(len(sums)) > 0))
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, p=keep)


@sample_next_token.mutant("You keep one token too many in top-p: one that comes when the line is already crossed.")
def one_too_many_in_top_p(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    keep = _nucleus(lambda probabilities, sums, p: torch.cat([torch.zeros(2), sums])[: len(sums)] >= p)
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, p=keep)


@sample_next_token.mutant(
    "You sum probabilities in the order of token ids. Sort them first, the largest at the front: top-p keeps the most probable."
)
def not_sorted(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, p):
        probabilities = scores.softmax(-1)
        return _hide(scores, probabilities.cumsum(-1) - probabilities >= p)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, p=keep)


@sample_next_token.mutant("You sum from the least probable token up and keep those. Sort with `descending=True`.")
def sorted_upwards(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, p):
        ordered, tokens = scores.sort()
        probabilities = ordered.softmax(-1)
        return scores.index_fill(0, tokens[probabilities.cumsum(-1) - probabilities >= p], -torch.inf)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, p=keep)


@sample_next_token.mutant(
    "Your mask of top-p is in sorted order and is laid on scores in the order of ids. `sort` gives the ids too: use them to put it back."
)
def mask_in_sorted_order(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, p):
        probabilities = scores.softmax(-1).sort(descending=True).values
        return _hide(scores, probabilities.cumsum(-1) - probabilities >= p)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, p=keep)


@sample_next_token.mutant(
    "You return a place in the sorted order. Turn it into a token id with the indices that `sort` gives."
)
def place_in_sorted_order(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def draw(scores, generator):
        return _draw(scores.sort(descending=True).values, generator)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, draw=draw)


@sample_next_token.mutant(
    "Only with top-p do you return a place in the sorted order. Turn it into a token id with the indices that `sort` gives."
)
def place_in_sorted_order_with_top_p(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, p):
        return _keep_p(scores, p).sort(descending=True).values

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, p=keep)


@sample_next_token.mutant(
    "You keep each token whose own probability is at least `top_p`. It is the sum that must reach it."
)
def each_above_p(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    keep = _nucleus(lambda probabilities, sums, p: (probabilities < p) & (torch.arange(len(sums)) > 0))
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, p=keep)


@sample_next_token.mutant(
    "You compare sums of scores with `top_p`. Take the softmax first: top-p is about probabilities."
)
def sums_of_scores(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, p):
        ordered, tokens = scores.sort(descending=True)
        return scores.index_fill(0, tokens[ordered.cumsum(-1) - ordered >= p], -torch.inf)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, p=keep)


# ---- min-p ----


@sample_next_token.mutant("`min_p` is ignored: improbable tokens still come.")
def min_p_ignored(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, m=_keep_all)


@sample_next_token.mutant(
    "You compare probabilities with `min_p` itself, and at times nothing is left. The line is `min_p` times the largest probability."
)
def min_p_of_one(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, m):
        return _hide(scores, scores.softmax(-1) < m)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, m=keep)


@sample_next_token.mutant(
    "You compare probabilities with `min_p` itself. The line is `min_p` times the largest probability."
)
def min_p_of_one_but_for_the_best(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, m):
        return _hide(scores, (scores.softmax(-1) < m) & (scores < scores.max()))

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, m=keep)


@sample_next_token.mutant(
    "You take `min_p` away from the largest probability. Multiply: the line is `min_p` times the largest."
)
def min_p_below_the_best(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, m):
        probabilities = scores.softmax(-1)
        return _hide(scores, probabilities < probabilities.max() - m)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, m=keep)


@sample_next_token.mutant(
    "You compare scores with `min_p` times the largest score. Take the softmax first: min-p is about probabilities."
)
def min_p_of_scores(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, m):
        return _hide(scores, scores < m * scores.max())

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, m=keep)


@sample_next_token.mutant(
    "What stands exactly on the line of min-p is left out, so `min_p=1` leaves nothing. It stays."
)
def min_p_strict(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def keep(scores, m):
        probabilities = scores.softmax(-1)
        return _hide(scores, probabilities <= m * probabilities.max())

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, m=keep)


# ---- the order ----


@sample_next_token.mutant(
    "Top-p reads all tokens instead of those that top-k left. Filter one after the other, and take the softmax anew each time."
)
def top_p_before_top_k(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, order="tpkm")


@sample_next_token.mutant(
    "Min-p comes before top-p in your answer, which then reads fewer tokens. Min-p is the last filter."
)
def min_p_before_top_p(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, order="tkmp")


@sample_next_token.mutant(
    "Min-p reads the scores from before the temperature. It reads what the temperature made of them."
)
def min_p_before_temperature(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, order="mtkp")


# ---- the draw ----


@sample_next_token.mutant(
    "Nothing is drawn: you always return the most probable token. That is right at temperature 0 alone."
)
def always_greedy(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, generator, draw=lambda scores, _: int(scores.argmax()))


@sample_next_token.mutant(
    "You draw from the tokens that are left as if all were equally probable. Give each its probability."
)
def all_alike(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def draw(scores, generator):
        return int(torch.multinomial((scores > -torch.inf).float(), 1, generator=generator))

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, draw=draw)


@sample_next_token.mutant("You take the softmax twice: probabilities are treated as scores, and become almost equal.")
def softmax_twice(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(
        logits, temperature, top_k, top_p, min_p, generator, draw=lambda scores, g: _draw(scores.softmax(-1), g)
    )


@sample_next_token.mutant("`exp` of a large score overflows. Let `softmax` do it, or subtract the largest score first.")
def overflows(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def draw(scores, generator):
        return int(torch.multinomial(scores.exp() / scores.exp().sum(), 1, generator=generator))

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, draw=draw)


@sample_next_token.mutant("You draw with scores as weights. They may be negative: take the softmax first.")
def scores_as_weights(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def draw(scores, generator):
        return int(torch.multinomial(scores, 1, generator=generator))

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, draw=draw)


@sample_next_token.mutant(
    "What is left after a filter is not renormalised: your running sum ends below 1, and a number drawn above it finds no token."
)
def not_renormalised(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    _refuse(logits, temperature, top_k, top_p, min_p)
    if temperature == 0:
        return int(logits.argmax())
    kept = _sampled(logits, temperature, top_k, top_p, min_p, draw=lambda scores, _: scores) > -torch.inf
    probabilities = (logits / temperature).softmax(-1) * kept
    place = torch.searchsorted(probabilities.cumsum(-1), torch.rand(1, generator=generator), right=True)
    return min(int(place), len(logits) - 1)


@sample_next_token.mutant(
    "The largest score after adding noise is an exact draw with Gumbel noise alone, −log(−log(u)). With other noise the probabilities are others."
)
def normal_noise(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def draw(scores, generator):
        return int((scores + torch.randn(len(scores), generator=generator)).argmax())

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, draw=draw)


@sample_next_token.mutant(
    "The largest score after adding noise is an exact draw with Gumbel noise alone, −log(−log(u)). With other noise the probabilities are others."
)
def uniform_noise(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def draw(scores, generator):
        return int((scores + torch.rand(len(scores), generator=generator)).argmax())

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, draw=draw)


@sample_next_token.mutant("`argmax` of what `multinomial` returned is always 0. What it returned is the token.")
def argmax_of_the_draw(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def draw(scores, generator):
        return int(torch.multinomial(scores.softmax(-1), 1, generator=generator).argmax())

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, draw=draw)


@sample_next_token.mutant(
    "`generator` is ignored: the draws come from global random numbers. Hand it on where you draw."
)
def generator_ignored(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p)


@sample_next_token.mutant(
    "You seed anew at each call, so that every draw is the same. The caller seeds; you only draw."
)
def seeded_anew(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p, torch.Generator().manual_seed(0))


@sample_next_token.mutant(
    "Without a generator your answer fails. None means PyTorch's own random numbers: hand it on as it is."
)
def generator_demanded(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    if temperature:
        generator.get_state()
    return _sampled(logits, temperature, top_k, top_p, min_p, generator)


@sample_next_token.mutant(
    "A score of −∞ counts as 0 in your answer, so an impossible token comes. Leave it −∞: softmax gives it 0."
)
def impossible_becomes_possible(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits.nan_to_num(nan=torch.nan, neginf=0.0), temperature, top_k, top_p, min_p, generator)


# ---- the result ----


@sample_next_token.mutant("You return a tensor. The result is an `int`: `int(…)` or `.item()`.")
def returns_a_tensor(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return torch.tensor(_sampled(logits, temperature, top_k, top_p, min_p, generator))


@sample_next_token.mutant(
    "You return a tensor where you draw. The result is an `int` there too: `int(…)` or `.item()`."
)
def returns_what_multinomial_gives(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def draw(scores, generator):
        return torch.multinomial(scores.softmax(-1), 1, generator=generator)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, draw=draw)


@sample_next_token.mutant("You return a list. The result is an `int`.")
def returns_a_list(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return [_sampled(logits, temperature, top_k, top_p, min_p, generator)]


@sample_next_token.mutant("You return the token's score or probability. The token's id is asked for.")
def returns_the_score(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return float(logits[_sampled(logits, temperature, top_k, top_p, min_p, generator)])


@sample_next_token.mutant("Your function returns nothing (None). End it with `return` and the token's id.")
def nothing_returned(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    _sampled(logits, temperature, top_k, top_p, min_p, generator)


# ---- refusals ----


@sample_next_token.mutant("No setting is ever refused: raise `ValueError` for those that make no sense, and for NaN.")
def refuses_nothing(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def lenient(*_):
        return None

    top_k = None if top_k is None else max(top_k, 1)
    return _sampled(
        logits.nan_to_num(), abs(temperature), top_k, top_p or None, min_p and min(min_p, 1), generator, refuse=lenient
    )


@sample_next_token.mutant("A negative temperature passes. Raise `ValueError`: it would turn the scores upside down.")
def negative_temperature_passes(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def refuse(logits, _, *rest):
        _refuse(logits, 1.0, *rest)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, refuse=refuse)


@sample_next_token.mutant(
    "`top_k=0` passes as “off”. None is off; raise `ValueError` below 1. (`if top_k:` is false for 0.)"
)
def zero_k_is_off(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k or None, top_p, min_p, generator)


@sample_next_token.mutant(
    "`top_p=0` passes in your answer. None is off, and the range (0, 1] is without 0: raise `ValueError`. (`if top_p:` is false for 0.)"
)
def zero_p_is_off(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p or None, min_p, generator)


@sample_next_token.mutant(
    "`top_p=0` passes in your answer. None is off, and the range (0, 1] is without 0: raise `ValueError`. (`if top_p:` is false for 0.)"
)
def zero_p_keeps_the_best(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, 1e-9 if top_p == 0 else top_p, min_p, generator)


@sample_next_token.mutant("`top_p=1` is refused, and it is in (0, 1]: it keeps all.")
def whole_p_refused(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, 0.0 if top_p == 1 else top_p, min_p, generator)


@sample_next_token.mutant("`min_p=1` is refused, and it is in [0, 1]: it keeps the best alone.")
def whole_min_p_refused(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, -1.0 if min_p == 1 else min_p, generator)


@sample_next_token.mutant("`min_p=0` is refused, and it is in [0, 1]: it keeps all.")
def zero_min_p_refused(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, -1.0 if min_p == 0 else min_p, generator)


@sample_next_token.mutant("A `top_p` above 1 passes. Raise `ValueError` outside (0, 1].")
def large_p_passes(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, min(top_p, 1.0) if top_p else top_p, min_p, generator)


@sample_next_token.mutant("A `min_p` outside [0, 1] passes. Raise `ValueError`.")
def any_min_p_passes(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    return _sampled(logits, temperature, top_k, top_p, min_p if min_p is None else min(max(min_p, 0.0), 1.0), generator)


@sample_next_token.mutant(
    "At temperature 0 you return before the settings are looked at. Refuse first, then be greedy."
)
def greedy_before_refusing(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    if temperature == 0 and not logits.isnan().any():
        return int(logits.argmax())
    return _sampled(logits, temperature, top_k, top_p, min_p, generator)


@sample_next_token.mutant(
    "At temperature 0 you return before the scores and settings are looked at. Refuse first, then be greedy."
)
def greedy_before_all(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    if temperature == 0:
        return int(logits.argmax())
    return _sampled(logits, temperature, top_k, top_p, min_p, generator)


@sample_next_token.mutant(
    "NaN among the scores passes, and the result is chance or an error that does not say why. Raise `ValueError`."
)
def nan_passes(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    def refuse(logits, *settings):
        _refuse(torch.zeros(1), *settings)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, refuse=refuse)


@sample_next_token.mutant(
    "NaN among the scores is replaced and passes. Something went wrong before you: raise `ValueError`."
)
def nan_replaced(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    logits = logits.masked_fill(logits.isnan(), -torch.inf)
    return _sampled(logits, temperature, top_k, top_p, min_p, generator)


@sample_next_token.mutant(
    "`assert` raises AssertionError, and not at all under `python -O`. Use `if` and `raise ValueError(…)`."
)
def asserts(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    try:
        return _sampled(logits, temperature, top_k, top_p, min_p, generator)
    except ValueError:
        raise AssertionError from None


# ---- the caller's scores ----


@sample_next_token.mutant(
    "You change the caller's scores: `/=` and `logits[…] = …` work in place. Make a new tensor: `logits = logits / …`."
)
def divides_in_place(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    _refuse(logits, temperature, top_k, top_p, min_p)
    if temperature == 0:
        return int(logits.argmax())
    logits /= temperature
    return _sampled(logits, 1.0, top_k, top_p, min_p, generator)


@sample_next_token.mutant(
    "You change the caller's scores: `/=` and `logits[…] = …` work in place. Make a new tensor: `logits = logits / …`."
)
def filters_in_place(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    kept = logits if temperature == 1 else logits.clone()

    def draw(scores, generator):
        kept[scores == -torch.inf] = -torch.inf
        return _draw(scores, generator)

    return _sampled(logits, temperature, top_k, top_p, min_p, generator, draw=draw)


# ---- right answers ----


@sample_next_token.stand_in
def by_the_library(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    if temperature < 0 or top_p == 0 or logits.isnan().any():
        raise ValueError("a negative temperature, a top_p of 0, or NaN among the scores")
    warpers = [] if temperature == 0 else [TemperatureLogitsWarper(float(temperature))]
    warpers += [] if top_k is None else [TopKLogitsWarper(top_k)]
    warpers += [] if top_p is None else [TopPLogitsWarper(top_p)]
    warpers += [] if min_p is None else [MinPLogitsWarper(min_p)]
    if temperature == 0:
        return int(logits.argmax())
    scores = logits[None]
    for warper in warpers:
        scores = warper(None, scores)
    return int(torch.multinomial(scores.softmax(-1), 1, generator=generator))


@sample_next_token.variant
def by_lists_and_a_running_sum(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    scores = logits.tolist()
    if temperature < 0 or any(score != score for score in scores):
        raise ValueError("temperature or logits")
    for name, value, fits in (
        ("top_k", top_k, lambda k: k >= 1),
        ("top_p", top_p, lambda p: 0 < p <= 1),
        ("min_p", min_p, lambda p: 0 <= p <= 1),
    ):
        if value is not None and not fits(value):
            raise ValueError(name)
    ranked = sorted(range(len(scores)), key=lambda i: scores[i], reverse=True)
    if temperature == 0:
        return ranked[0]
    best = scores[ranked[0]]
    weights = [(i, math.exp((scores[i] - best) / temperature)) for i in ranked]
    if top_k is not None:
        weights = [pair for pair in weights if scores[pair[0]] >= scores[ranked[min(top_k, len(ranked)) - 1]]]
    if top_p is not None:
        total, before, kept = sum(weight for _, weight in weights), 0.0, []
        for token, weight in weights:
            if before < top_p * total:
                kept.append((token, weight))
            before += weight
        weights = kept
    if min_p is not None:
        weights = [pair for pair in weights if pair[1] >= min_p * weights[0][1]]
    weights = [pair for pair in weights if pair[1] > 0]
    left = sum(weight for _, weight in weights) * torch.rand((), generator=generator, dtype=torch.float64).item()
    for token, weight in weights:
        left -= weight
        if left < 0:
            return token
    return weights[-1][0]


@sample_next_token.variant
def by_gumbel_noise(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    ranges = [(temperature, 0, math.inf), (top_k, 1, math.inf), (top_p, 1e-300, 1), (min_p, 0, 1)]
    if torch.isnan(logits).any() or any(x is not None and not low <= x <= high for x, low, high in ranges):
        raise ValueError("out of range")
    if temperature == 0:
        return logits.argmax().item()
    scores, tokens = torch.sort(logits.double() / temperature, descending=True)
    if top_k is not None and top_k < len(scores):
        scores = scores[scores >= scores[top_k - 1]]
    if top_p is not None:
        sums = torch.cumsum(torch.softmax(scores, 0), 0)
        scores = scores[: int((sums < top_p).sum()) + 1]
    if min_p:
        scores = scores[scores >= scores[0] + math.log(min_p)]
    uniform = torch.rand(len(scores), generator=generator, dtype=torch.float64).clamp_min(1e-300)
    return tokens[torch.argmax(scores - torch.log(-torch.log(uniform)))].item()


@sample_next_token.variant
def by_an_exponential_race(logits, temperature=1.0, top_k=None, top_p=None, min_p=None, generator=None):
    if temperature < 0 or (top_k or 1) < 1 or top_k == 0 or not 0 < (1 if top_p is None else top_p) <= 1:
        raise ValueError("temperature, top_k or top_p is out of its range")
    if not 0 <= (min_p or 0) <= 1 or bool(torch.any(logits != logits)):
        raise ValueError("min_p is out of its range, or the logits hold NaN")
    if temperature == 0:
        return logits.argmax().item()
    logits = logits / temperature
    stays = torch.ones_like(logits, dtype=torch.bool)
    if top_k:
        stays &= logits >= logits.sort().values[-min(top_k, logits.numel())]
    if top_p:
        shares = torch.where(stays, logits, -torch.inf).softmax(0)
        falling, places = shares.sort(descending=True)
        above = torch.empty_like(shares).scatter_(0, places, falling.cumsum(0) - falling)
        stays &= above < top_p
    if min_p:
        shares = torch.where(stays, logits, -torch.inf).softmax(0)
        stays &= shares >= min_p * shares.max()
    shares = torch.where(stays, logits, -torch.inf).softmax(0)
    return (shares / torch.empty_like(shares).exponential_(generator=generator)).argmax().item()
