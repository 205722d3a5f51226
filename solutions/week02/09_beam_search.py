"""# Beam search

Greedy decoding takes the best next token and may miss the best text: a good first token can lead to poor ones. Beam search keeps
several texts (hypotheses) at once. `next_log_probs(ids)` is the model: given all ids so far, a list, it returns the log-probability of
every possible next token, a tensor of shape (vocabulary,).

1. Begin with one hypothesis, `start`. There are `width` places.
2. Extend every unfinished hypothesis by every token. An extension's sum is the sum of the log-probabilities of its *generated* tokens.
3. Keep the extensions with the largest sums, as many as there are free places. Those that end in `eos` are **finished**: each holds its
   place for good, so fewer are left for the others.
4. Go on from 2 until no place is left, or the unfinished hypotheses have `max_length` tokens, `start` included.
5. All hypotheses, finished or not, now compete. The result is the one with the largest score, `start` and, if reached, `eos` included.

With $n$ generated tokens, eos among them, and `length_penalty` for $\\lambda$, the score is

$$\\frac{1}{n^{\\lambda}} \\sum_{i=1}^{n} \\log P(t_i \\mid \\text{all before it})$$

A call of `next_log_probs` is a pass of a model: ask once for each hypothesis, and only for those that can still grow. `start` may itself
hold `eos` (GPT-2's texts begin with it): only a generated one finishes. `width` may be larger than the vocabulary, and `start` is
shorter than `max_length`. There are no ties in the checks.
"""

import heapq
import itertools
import math
import operator
from collections.abc import Callable

import numpy as np
import torch

from grader import CandidateError, Mismatch, close, exercise, leaves_alone


@exercise(
    points=4,
    twins=["generate", "BeamSearchScorer", "BeamHypotheses"],
    hints=[
        "A hypothesis is a pair: its sum so far and its ids. Keep two lists, `growing` and `finished`. How many new pairs may a "
        "step keep, when `finished` holds some of the `width` places?",
        "One step: for each pair in `growing`, ask the model once and make a new pair for every token, `(total + x, [*ids, token])`. "
        "Put those of all pairs into one list and sort it by the sum, the largest first.",
        "Cut the list after `width - len(finished)` pairs. Those whose last id is `eos` go to `finished`, the others are the new "
        "`growing`. Stop when `growing` is empty or its ids have `max_length` tokens.",
        "At the end take `max(finished + growing, key=…)` with the sum divided by `(len(ids) - len(start)) ** length_penalty`.",
    ],
)
def beam_search(
    next_log_probs: Callable[[list[int]], torch.Tensor],
    start: list[int],
    width: int,
    max_length: int,
    eos: int,
    length_penalty: float = 1.0,
) -> list[int]:
    """Return the ids, `start` included, of the best hypothesis that beam search with `width` places finds.

    `next_log_probs` takes all ids so far and returns log-probabilities, (vocabulary,).

    >>> beam_search(lambda ids: torch.tensor([0.1, 0.2, 0.7]).log(), [2], width=2, max_length=4, eos=0)
    [2, 2, 2, 2]
    """
    growing, finished = [(0.0, list(start))], []
    while growing and len(growing[0][1]) < max_length:
        extended = [
            (total + x, [*ids, token]) for total, ids in growing for token, x in enumerate(next_log_probs(ids).tolist())
        ]
        kept = sorted(extended, reverse=True)[: width - len(finished)]
        finished += [pair for pair in kept if pair[1][-1] == eos]
        growing = [pair for pair in kept if pair[1][-1] != eos]
    return max(finished + growing, key=lambda pair: pair[0] / (len(pair[1]) - len(start)) ** length_penalty)[1]


def small_model(number):
    """A model of four tokens that looks at the last one only; its probabilities are made up from a number."""
    weights = [
        [1.0 + (number * (7 * last + 3 * token + last * token + 1)) ** 2 % 19 for token in range(4)]
        for last in range(4)
    ]
    table = torch.tensor(weights)
    table = (table / table.sum(-1, keepdim=True)).log()
    return lambda ids: table[ids[-1]]


def demand_ids(beam_search, cases):
    """Each case: the small model's number, start, width, max_length and length_penalty, and the ids that are due; eos is 0."""
    for number, start, width, max_length, length_penalty, ids in cases:
        found = beam_search(small_model(number), start, width, max_length, 0, length_penalty)
        close(
            found,
            ids,
            what=f"the result for model {number} from {start} with width {width} and max_length {max_length}",
        )


@beam_search.check
def small_models(beam_search):
    """models of four tokens are searched as the five steps say, with a width of 2 or 3"""
    cases = [
        (3, [3], 3, 3, 1.0, [3, 3, 3]),
        (8, [2], 2, 4, 1.0, [2, 0]),
        (10, [2], 3, 5, 1.0, [2, 3, 0]),
        (14, [3], 3, 5, 1.0, [3, 0]),
    ]
    demand_ids(beam_search, cases)


@beam_search.check
def finds_what_greedy_misses(beam_search):
    """with two places a worse first token that leads to a better text is found; with one place it is not"""
    table = torch.tensor(
        [[0.25, 0.25, 0.25, 0.25], [0.2, 0.35, 0.2, 0.25], [0.9, 0.04, 0.03, 0.03], [0.05, 0.5, 0.4, 0.05]]
    ).log()
    close(beam_search(lambda ids: table[ids[-1]], [3], 2, 3, 0), [3, 2, 0], what="the result with width 2")
    close(beam_search(lambda ids: table[ids[-1]], [3], 1, 3, 0), [3, 1, 1], what="the result with width 1")


@beam_search.check
def all_extensions_compete(beam_search):
    """extensions of all hypotheses are ranked together, by the sum over all generated tokens"""
    cases = [
        (16, [3], 2, 7, 0.5, [3, 3, 3, 3, 3, 3, 3]),
        (14, [1], 4, 3, 1.0, [1, 2, 2]),
        (17, [1], 2, 6, 1.0, [1, 2, 2, 2, 2, 2]),
    ]
    demand_ids(beam_search, cases)


@beam_search.check
def finished_ones_hold_their_places(beam_search):
    """a finished hypothesis holds one of the places for good: it does not grow, is not pushed out, and makes no room for others"""
    cases = [
        (16, [3], 4, 7, 1.0, [3, 3, 3, 3, 3, 3, 3]),
        (16, [1], 4, 6, 1.0, [1, 3, 3, 3, 3, 3]),
        (3, [1], 4, 7, 1.0, [1, 3, 3, 3, 3, 3, 3]),
    ]
    demand_ids(beam_search, cases)


@beam_search.check
def all_compete_at_the_end(beam_search):
    """the search goes on beside finished hypotheses, and unfinished ones compete with them at the end"""
    cases = [
        (17, [2, 3, 1], 3, 5, 1.0, [2, 3, 1, 2, 2]),
        (13, [2], 2, 7, 1.0, [2, 1, 3, 3, 3, 3, 3]),
        (5, [1, 3], 3, 5, 1.0, [1, 3, 0]),
    ]
    demand_ids(beam_search, cases)


@beam_search.check
def length_penalty_is_a_power(beam_search):
    """sums are divided by the number of generated tokens to the power `length_penalty`: 0 gives sums, 1 means"""
    cases = [
        (8, [2, 3, 1], 2, 8, 0.5, [2, 3, 1, 0]),
        (18, [3], 3, 7, 0.5, [3, 2, 0]),
        (9, [2], 2, 4, 2.0, [2, 3, 1, 1]),
        (16, [1, 3], 3, 8, 1.0, [1, 3, 3, 3, 3, 3, 3, 3]),
        (16, [2], 2, 7, 0.5, [2, 0]),
    ]
    demand_ids(beam_search, cases)


@beam_search.check
def max_length_counts_start(beam_search):
    """the result has at most `max_length` tokens, those of `start` included"""
    cases = [
        (6, [3, 1, 2], 2, 6, 0.0, [3, 1, 2, 0]),
        (3, [1, 3], 4, 6, 0.5, [1, 3, 2, 0]),
    ]
    demand_ids(beam_search, cases)


@beam_search.check
def eos_in_start(beam_search):
    """an eos in `start` finishes nothing"""
    demand_ids(
        beam_search,
        [
            (2, [0, 1], 2, 5, 1.0, [0, 1, 2, 2, 2]),
            (3, [0], 2, 4, 1.0, [0, 1, 3, 3]),
            (3, [2, 0], 2, 5, 1.0, [2, 0, 1, 3, 3]),
        ],
    )


@beam_search.check
def width_beyond_the_vocabulary(beam_search):
    """`width` may be larger than the vocabulary"""
    demand_ids(beam_search, [(3, [1], 9, 4, 1.0, [1, 3, 3, 3])])


@beam_search.check
def long_text(beam_search):
    """300 tokens of a text with a probability of about e to the −883 are found"""
    ids = [1] + [7 * n % 49 + 1 for n in range(1, 301)]

    def next_log_probs(ids):
        return torch.zeros(50).index_fill(0, torch.tensor(7 * len(ids) % 49 + 1), 1.0).log_softmax(-1)

    close(beam_search(next_log_probs, [1], 1, 301, 0), ids)


@beam_search.check
def asks_only_what_it_needs(beam_search):
    """the model is asked with a list of all ids so far, once for each hypothesis, and only for those that can still grow"""
    start, width, max_length, model = [3, 1], 3, 6, 3
    asked, complaints = [], []

    def complaint(ids):
        if type(ids) is not list or any(type(i) is not int for i in ids):
            return f"the model should be asked with a list of ints, not {type(ids).__name__}"
        if ids[: len(start)] != start:
            return f"the model should be asked with all ids, from the start {start} on; it was asked about {ids}"
        if 0 in ids[len(start) :]:
            return f"the model should not be asked about a hypothesis that eos (0) has finished; it was: {ids}"
        if len(ids) >= max_length:
            return f"the model should not be asked about a hypothesis of max_length ({max_length}); it was: {ids}"
        if ids in asked:
            return f"the model should not be asked twice about the same ids; it was: {ids}"
        if sum(len(ids) == len(other) for other in asked) == width:
            return f"the model should be asked about at most {width} hypotheses of one length; {ids} is one more"
        return None

    def next_log_probs(ids):
        if wrong := complaint(ids):
            complaints.append(wrong)
            raise Mismatch(wrong)
        asked.append(ids)
        return small_model(model)(ids)

    try:
        close(beam_search(next_log_probs, start, width, max_length, 0), [3, 1, 3, 3, 3, 3])
    except CandidateError:
        if not complaints:
            raise
    if complaints:
        raise Mismatch(complaints[0])


@beam_search.check
def leaves_start_alone(beam_search):
    """the caller's `start` is left as it was"""
    close(leaves_alone(beam_search, small_model(5), [3], 2, 4, 0), [3, 0])


def _drawn_model(size, rng):
    """A model of drawn log-probabilities, others after each row of ids."""
    seed = int(torch.randint(1 << 30, (), generator=rng))

    def next_log_probs(ids):
        generator = torch.Generator().manual_seed(hash((seed, *map(int, ids))) % (1 << 40))
        return (1.5 * torch.randn(size, generator=generator)).log_softmax(-1)

    return next_log_probs


def _reference(model, start, width, max_length, eos, length_penalty):
    """The ids that are due, and by how little another text was passed over at the closest choice."""
    living, finished, closest = {tuple(start): 0.0}, {}, math.inf
    for _ in range(max_length - len(start)):
        children = {
            (*ids, token): total + x for ids, total in living.items() for token, x in enumerate(model(ids).tolist())
        }
        order = sorted(children, key=children.get, reverse=True)
        places, living = width - len(finished), {}
        if 0 < places < len(order):
            closest = min(closest, children[order[places - 1]] - children[order[places]])
        for ids in order[:places]:
            (finished if ids[-1] == eos else living)[ids] = children[ids]
    scores = {ids: total / (len(ids) - len(start)) ** length_penalty for ids, total in (finished | living).items()}
    first, *others = sorted(scores, key=scores.get, reverse=True)
    return list(first), min([closest, *(scores[first] - scores[other] for other in others)])


def _everything(model, start, max_length, eos, length_penalty):
    """The best of all texts there are, by enumeration, and its distance from the next."""
    texts, open_ = [], [(0.0, tuple(start))]
    while open_:
        total, ids = open_.pop()
        over = len(ids) > len(start) and ids[-1] == eos
        if over or len(ids) == max_length:
            texts.append((total / (len(ids) - len(start)) ** length_penalty, ids))
        else:
            open_ += [(total + x, (*ids, token)) for token, x in enumerate(model(ids).tolist())]
    texts.sort(reverse=True)
    return list(texts[0][1]), texts[0][0] - texts[1][0]


@beam_search.hidden
def wide_enough_for_everything(beam_search, rng):
    """with a place for every text there is, the best of all texts is found"""
    found = 0
    while found < 4:
        model, penalty = _drawn_model(3, rng), float(torch.randint(1, 5, (), generator=rng)) / 2
        start = torch.randint(3, (1 + found % 3,), generator=rng).tolist()
        due, distance = _everything(model, start, len(start) + 4, 0, penalty)
        if distance > 1e-3:
            found += 1
            close(leaves_alone(beam_search, model, start, 200, len(start) + 4, 0, penalty), due)


@beam_search.hidden
def by_the_rule_anywhere(beam_search, rng):
    """models, starts, widths, lengths and penalties of any kind give what the five steps give"""
    found = 0
    while found < 16:
        size, width, new = (int(torch.randint(low, 6, (), generator=rng)) for low in (3, 1, 1))
        model, eos = _drawn_model(size, rng), int(torch.randint(size, (), generator=rng))
        start = torch.randint(size, (1 + found % 4,), generator=rng).tolist()
        penalty = float(torch.rand((), generator=rng)) * 2
        due, distance = _reference(model, start, width, len(start) + new, eos, penalty)
        if distance > 1e-3:
            found += 1
            close(leaves_alone(beam_search, model, start, width, len(start) + new, eos, penalty), due)


@beam_search.hidden
def eos_in_start_anywhere(beam_search, rng):
    """a start that ends in eos is searched like any other"""
    found = 0
    while found < 3:
        model, penalty = _drawn_model(5, rng), 1.0
        start = [*[4, 2][: found % 3], 3]
        due, distance = _reference(model, start, 3, len(start) + 4, 3, penalty)
        if distance > 1e-3:
            found += 1
            close(beam_search(model, start, 3, len(start) + 4, 3), due)


def _beams(next_log_probs, start, width, max_length, eos, *, join=operator.add, first=0.0, held=True, per_beam=None):
    """Grow hypotheses by the rule, or with one habit changed; return (sum, ids) pairs, the finished ones first."""
    growing, finished = [(first, list(start))], []
    while growing and len(growing[0][1]) < max_length:
        families = [
            [(join(total, x), [*ids, token]) for token, x in enumerate(next_log_probs(ids).tolist())]
            for total, ids in growing
        ]
        if per_beam:
            families = [sorted(family, reverse=True)[:per_beam] for family in families]
        ranked = sorted(itertools.chain(*families), reverse=True)
        places = width - len(finished) if held else width
        chosen = ranked[:places] if per_beam is None or len(growing) == 1 else ranked[: max(places, 0)]
        finished += [pair for pair in chosen if pair[1][-1] == eos]
        growing = [pair for pair in chosen if pair[1][-1] != eos]
    return finished, growing


def _best(pairs, start, length_penalty):
    return max(pairs, key=lambda pair: pair[0] / (len(pair[1]) - len(start)) ** length_penalty)[1]


@beam_search.mutant(
    "Your search is greedy: one hypothesis at each step. Keep the `width` best of all extensions of all hypotheses."
)
def greedy(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, 1, max_length, eos)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant("You look at the first of the hypotheses only when you extend. Extend all that are unfinished.")
def extends_the_best_only(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    growing, finished = [(0.0, list(start))], []
    while growing and len(growing[0][1]) < max_length:
        total, ids = growing[0]
        found = sorted(
            [(total + x, [*ids, token]) for token, x in enumerate(next_log_probs(ids).tolist())], reverse=True
        )
        chosen = found[: width - len(finished)]
        finished += [pair for pair in chosen if pair[1][-1] == eos]
        growing = [pair for pair in chosen if pair[1][-1] != eos]
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "Each hypothesis keeps its own best extension, and none competes with another's. Rank all extensions together, and keep the best."
)
def no_competition(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    first = sorted(((x, [*start, token]) for token, x in enumerate(next_log_probs(list(start)).tolist())), reverse=True)
    pairs = []
    for total, ids in first[:width]:
        while ids[-1] != eos and len(ids) < max_length:
            x, token = max((x, token) for token, x in enumerate(next_log_probs(ids).tolist()))
            total, ids = total + x, [*ids, token]
        pairs.append((total, ids))
    return _best(pairs, start, length_penalty)


@beam_search.mutant(
    "Each hypothesis keeps `width` extensions, so there are more and more of them. Rank all together, and keep `width` in all."
)
def width_for_each(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    growing, finished = [(0.0, list(start))], []
    while growing and len(growing[0][1]) < max_length:
        chosen = []
        for total, ids in growing[:200]:
            family = [(total + x, [*ids, token]) for token, x in enumerate(next_log_probs(ids).tolist())]
            chosen += sorted(family, reverse=True)[:width]
        finished += [pair for pair in chosen if pair[1][-1] == eos]
        growing = [pair for pair in chosen if pair[1][-1] != eos]
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant("You rank by the last token's log-probability alone. Rank by the sum over all generated tokens.")
def last_token_only(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos, join=lambda total, x: x)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "You divide by the length at every step, so early tokens hardly count. Keep the plain sum; divide when you compare."
)
def divided_at_every_step(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    growing, finished = [(0.0, list(start))], []
    while growing and len(growing[0][1]) < max_length:
        n = (len(growing[0][1]) + 1 - len(start)) ** length_penalty
        found = [
            ((total + x) / n, [*ids, token])
            for total, ids in growing
            for token, x in enumerate(next_log_probs(ids).tolist())
        ]
        chosen = sorted(found, reverse=True)[: width - len(finished)]
        finished += [pair for pair in chosen if pair[1][-1] == eos]
        growing = [pair for pair in chosen if pair[1][-1] != eos]
    return max(finished + growing)[1]


@beam_search.mutant(
    "You multiply probabilities, and a long text's product becomes 0, where all look alike. Add the log-probabilities as they come."
)
def probabilities_multiplied(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(
        next_log_probs, start, width, max_length, eos, join=lambda total, x: total * math.exp(x), first=1.0
    )
    pairs = [(math.log(product) if product else -math.inf, ids) for product, ids in finished + growing]
    return _best(pairs, start, length_penalty)


@beam_search.mutant(
    "You keep the least probable hypotheses. Log-probabilities are negative: the best sum is the largest."
)
def upside_down(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(lambda ids: -next_log_probs(ids), start, width, max_length, eos)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant("You return the hypothesis with the lowest score. Scores are negative: the best is the largest.")
def lowest_score(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    return _best([(-total, ids) for total, ids in finished + growing], start, length_penalty)


# ---- the length penalty ----


@beam_search.mutant(
    "The length is not taken into account: divide each sum by its generated tokens to the power `length_penalty`."
)
def sum_alone(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    return _best(finished + growing, start, 0.0)


@beam_search.mutant("`length_penalty` is ignored: you always divide by the length itself. Take its power.")
def always_the_mean(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    return _best(finished + growing, start, 1.0)


def _by(score):
    """A wrong answer that grows hypotheses by the rule and compares them by another score."""

    def search(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
        finished, growing = _beams(next_log_probs, start, width, max_length, eos)
        return max(finished + growing, key=lambda pair: score(*pair, len(start), eos, length_penalty))[1]

    return search


@beam_search.mutant("You divide by the whole length, and `start` is not generated: count the tokens after it.")
def start_counted(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    search = _by(lambda total, ids, n, eos, power: total / len(ids) ** power)
    return search(next_log_probs, start, width, max_length, eos, length_penalty)


@beam_search.mutant("You do not count eos among the generated tokens. It is one of them.")
def eos_not_counted(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    search = _by(lambda total, ids, n, eos, power: total / max(1, len(ids) - n - (ids[-1] == eos)) ** power)
    return search(next_log_probs, start, width, max_length, eos, length_penalty)


@beam_search.mutant("You count one token too many, the last of `start` perhaps. Count those after `start` alone.")
def one_too_many_counted(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    search = _by(lambda total, ids, n, eos, power: total / (len(ids) - n + 1) ** power)
    return search(next_log_probs, start, width, max_length, eos, length_penalty)


@beam_search.mutant(
    "You divide by length times `length_penalty`. It is an exponent: length to the power `length_penalty`."
)
def penalty_as_a_factor(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    search = _by(lambda total, ids, n, eos, power: total / ((len(ids) - n) * power or 1.0))
    return search(next_log_probs, start, width, max_length, eos, length_penalty)


@beam_search.mutant(
    "The penalty works the wrong way: divide the sum by the length's power. Yours is multiplied by it, or the penalty is subtracted."
)
def penalty_multiplied(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    search = _by(lambda total, ids, n, eos, power: total * (len(ids) - n) ** power)
    return search(next_log_probs, start, width, max_length, eos, length_penalty)


@beam_search.mutant(
    "You divide by ((5 + length) / 6) to the power, as Google's translator did. Here it is the length's own power."
)
def penalty_of_google(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    search = _by(lambda total, ids, n, eos, power: total / ((5 + len(ids) - n) / 6) ** power)
    return search(next_log_probs, start, width, max_length, eos, length_penalty)


@beam_search.mutant(
    "The penalty works the wrong way: divide the sum by the length's power. Yours is multiplied by it, or the penalty is subtracted."
)
def penalty_subtracted(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    search = _by(lambda total, ids, n, eos, power: total - power * (len(ids) - n))
    return search(next_log_probs, start, width, max_length, eos, length_penalty)


# ---- finished hypotheses ----


@beam_search.mutant("A hypothesis goes on after eos. With eos it is finished: put it aside.")
def past_eos(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, None)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "A hypothesis goes on after eos and is cut there at the end. With eos it is finished, and its sum stands."
)
def past_eos_and_cut(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    ids = _past_eos(next_log_probs, start, width, max_length, length_penalty)
    new = ids[len(start) :]
    return [*start, *(new[: new.index(eos) + 1] if eos in new else new)]


def _past_eos(next_log_probs, start, width, max_length, length_penalty):
    finished, growing = _beams(next_log_probs, start, width, max_length, None)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant("Finished hypotheses are lost: keep them beside the others, and let them compete at the end.")
def finished_lost(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    return _best(growing or finished, start, length_penalty)


@beam_search.mutant(
    "A finished hypothesis leaves its place to others, so you always go on with `width` unfinished ones. It holds its place for good."
)
def places_not_held(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos, held=False)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "A finished hypothesis leaves its place to others, and you stop when `width` are finished. It holds its place for good."
)
def stops_when_width_are_finished(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    growing, finished = [(0.0, list(start))], []
    while growing and len(growing[0][1]) < max_length and len(finished) < width:
        found = [
            (total + x, [*ids, token]) for total, ids in growing for token, x in enumerate(next_log_probs(ids).tolist())
        ]
        found.sort(reverse=True)
        finished += [pair for pair in found[:width] if pair[1][-1] == eos]
        growing = [pair for pair in found if pair[1][-1] != eos][:width]
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "Finished hypotheses compete for their places again at each step, and lose them. A place once held is held for good."
)
def pushed_out(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    pairs = [(0.0, list(start), False)]
    while not all(over or len(ids) >= max_length for _, ids, over in pairs):
        found = [pair for pair in pairs if pair[2]]
        for total, ids, over in pairs:
            if not over:
                found += [(total + x, [*ids, t], t == eos) for t, x in enumerate(next_log_probs(ids).tolist())]
        pairs = sorted(found, reverse=True)[:width]
    return _best([pair[:2] for pair in pairs], start, length_penalty)


@beam_search.mutant(
    "Finished hypotheses compete for their places again at each step, by score, and may lose them. A place once held is held for good."
)
def pushed_out_by_score(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    pairs = [(0.0, list(start), False)]
    while not all(over or len(ids) >= max_length for _, ids, over in pairs):
        found = [pair for pair in pairs if pair[2]]
        for total, ids, over in pairs:
            if not over:
                found += [(total + x, [*ids, t], t == eos) for t, x in enumerate(next_log_probs(ids).tolist())]
        pairs = sorted(found, key=lambda p: p[0] / (len(p[1]) - len(start)) ** length_penalty, reverse=True)[:width]
    return _best([pair[:2] for pair in pairs], start, length_penalty)


@beam_search.mutant(
    "You keep every hypothesis that eos finishes, however improbable. It must be among the best that there are places for."
)
def every_eos_kept(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    growing, finished = [(0.0, list(start))], []
    while growing and len(growing[0][1]) < max_length:
        found = [
            (total + x, [*ids, token]) for total, ids in growing for token, x in enumerate(next_log_probs(ids).tolist())
        ]
        finished += [pair for pair in found if pair[1][-1] == eos]
        growing = sorted([pair for pair in found if pair[1][-1] != eos], reverse=True)[:width]
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "You stop at the first finished hypothesis. The others may still become better: go on until none is unfinished."
)
def stops_at_the_first(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    growing, finished = [(0.0, list(start))], []
    while not finished and len(growing[0][1]) < max_length:
        found = [
            (total + x, [*ids, token]) for total, ids in growing for token, x in enumerate(next_log_probs(ids).tolist())
        ]
        chosen = sorted(found, reverse=True)[:width]
        finished += [pair for pair in chosen if pair[1][-1] == eos]
        growing = [pair for pair in chosen if pair[1][-1] != eos]
    return _best(finished or growing, start, length_penalty)


@beam_search.mutant(
    "You stop as soon as a finished hypothesis scores better than all unfinished ones. Those may still gain: go on until none is left."
)
def stops_when_ahead(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    growing, finished = [(0.0, list(start))], []
    while growing and len(growing[0][1]) < max_length:
        found = [
            (total + x, [*ids, token]) for total, ids in growing for token, x in enumerate(next_log_probs(ids).tolist())
        ]
        chosen = sorted(found, reverse=True)[: width - len(finished)]
        finished += [pair for pair in chosen if pair[1][-1] == eos]
        growing = [pair for pair in chosen if pair[1][-1] != eos]
        if finished and _best(finished + growing, start, length_penalty)[-1] == eos:
            break
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant("Unfinished hypotheses are forgotten as soon as one is finished. At the end they compete too.")
def unfinished_forgotten(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    return _best(finished or growing, start, length_penalty)


@beam_search.mutant(
    "You take an eos in `start` for the end. Models like GPT-2 begin with it: only a *generated* eos finishes a hypothesis."
)
def eos_at_the_end_of_start(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    if start[-1] == eos:
        return list(start)
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "You take an eos in `start` for the end. Models like GPT-2 begin with it: only a *generated* eos finishes a hypothesis."
)
def eos_anywhere(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    if eos in start:
        return list(start)
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    return _best(finished + growing, start, length_penalty)


# ---- lengths ----


@beam_search.mutant("`max_length` counts `start` too; in your answer it counts the new tokens alone.")
def only_new_tokens_counted(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length + len(start), eos)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "Your result may have one token more than `max_length`. Extend hypotheses that are shorter than it."
)
def one_too_long(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length + 1, eos)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant("You stop one token before `max_length`. Extend all hypotheses that are shorter than it.")
def one_too_short(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max(max_length - 1, len(start) + 1), eos)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "A `width` beyond the vocabulary is an error in your answer. Where there are fewer extensions, keep them all."
)
def topk_of_width(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    next_log_probs(list(start)).topk(width)
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    return _best(finished + growing, start, length_penalty)


# ---- the model's work ----


@beam_search.mutant(
    "You ask the model again for every candidate. One call gives the log-probabilities of all next tokens."
)
def asks_for_each_candidate(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    def again(ids):
        for _ in range(width + 1):
            found = next_log_probs(ids)
        return found

    finished, growing = _beams(again, start, width, max_length, eos)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "You ask the model about hypotheses that eos has finished. Each question is a pass of the model: ask about unfinished ones only."
)
def asks_about_the_finished(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    for _, ids in finished:
        next_log_probs(ids)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant(
    "You ask the model about hypotheses that have reached `max_length`. They cannot grow: ask about shorter ones only."
)
def asks_at_the_end(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    for _, ids in growing:
        next_log_probs(ids)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant("You give the model a tensor. `next_log_probs` takes a list of ids.")
def asks_with_a_tensor(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(lambda ids: next_log_probs(torch.tensor(ids)), start, width, max_length, eos)
    return _best(finished + growing, start, length_penalty)


@beam_search.mutant("You give the model the new tokens without `start`. It needs all ids, from the first on.")
def asks_without_start(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    n = len(start)
    finished, growing = _beams(lambda ids: next_log_probs(ids[n:] or ids), start, width, max_length, eos)
    return _best(finished + growing, start, length_penalty)


# ---- the result ----


@beam_search.mutant("eos is missing at the end of your result. Where it was reached, it is part of it.")
def eos_taken_off(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    ids = _best(finished + growing, start, length_penalty)
    return ids[:-1] if ids[-1] == eos else ids


@beam_search.mutant("You put eos at the end of every result. It is there only where it was reached.")
def eos_appended(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    ids = _best(finished + growing, start, length_penalty)
    return ids if ids[-1] == eos else [*ids, eos]


@beam_search.mutant("You fill your result up to `max_length`. It ends with the first generated eos.")
def filled_up(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    ids = _best(finished + growing, start, length_penalty)
    return ids + (max_length - len(ids)) * [eos]


@beam_search.mutant("You return the new tokens alone. The result begins with `start`.")
def without_start(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    return _best(finished + growing, start, length_penalty)[len(start) :]


@beam_search.mutant("You return the ids and their score. The ids alone are asked for, as a list.")
def with_the_score(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    ids = _best(finished + growing, start, length_penalty)
    return next(pair for pair in finished + growing if pair[1] == ids)[::-1]


@beam_search.mutant("You return all hypotheses. The best one's ids are asked for, as one list.")
def all_hypotheses(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    pairs = sorted(finished + growing, key=lambda pair: pair[0] / (len(pair[1]) - len(start)) ** length_penalty)
    return [ids for _, ids in reversed(pairs)]


@beam_search.mutant("You return a tensor. A list of ints is asked for: `.tolist()`.")
def as_a_tensor(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    return torch.tensor(_best(finished + growing, start, length_penalty))


@beam_search.mutant("Tokens in your list are tensors. A list of ints is asked for: `.item()` or `.tolist()`.")
def list_of_tensors(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    ids = _best(finished + growing, start, length_penalty)
    return [*start, *map(torch.tensor, ids[len(start) :])]


@beam_search.mutant("Your function returns nothing (None). End it with `return` and the ids.")
def nothing_returned(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    _beams(next_log_probs, start, width, max_length, eos)


@beam_search.mutant("You change the caller's `start` (`append` or `+=`). Make new lists: `[*ids, token]`.")
def start_changed(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    finished, growing = _beams(next_log_probs, start, width, max_length, eos)
    start += _best(finished + growing, start, length_penalty)[len(start) :]
    return start


@beam_search.stand_in
def by_topk(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    growing, sums, finished = [list(start)], torch.zeros(1, dtype=torch.float64), []
    for new in range(1, max_length - len(start) + 1):
        table = torch.stack([next_log_probs(ids) for ids in growing]).double() + sums[:, None]
        values, places = table.flatten().topk(min(width - len(finished), table.numel()))
        texts = [[*growing[place // table.shape[1]], place % table.shape[1]] for place in places.tolist()]
        over = torch.tensor([ids[-1] == eos for ids in texts])
        finished += [
            (value / new**length_penalty, ids)
            for value, ids in zip(values.tolist(), texts, strict=True)
            if ids[-1] == eos
        ]
        growing, sums = [ids for ids in texts if ids[-1] != eos], values[~over]
        if not growing:
            return max(finished)[1]
    rest = [(total / new**length_penalty, ids) for total, ids in zip(sums.tolist(), growing, strict=True)]
    return max(finished + rest)[1]


@beam_search.variant
def by_a_heap(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    def extensions():
        for total, _, ids in beam:
            for token, x in enumerate(next_log_probs(list(ids))):
                yield total + float(x), token == eos, (*ids, token)

    beam, done = [(0.0, False, tuple(start))], []
    for _ in range(len(start), max_length):
        best = heapq.nlargest(width - len(done), extensions(), key=operator.itemgetter(0))
        done += filter(operator.itemgetter(1), best)
        beam = list(itertools.filterfalse(operator.itemgetter(1), best))
    everything = {ids: total / math.pow(len(ids) - len(start), length_penalty) for total, _, ids in [*beam, *done]}
    return list(max(everything, key=everything.get))


@beam_search.variant
def by_numpy(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    ids, totals = np.array([start]), np.zeros(1)
    best_score, best_ids, free = -np.inf, None, width
    while len(ids) and ids.shape[1] < max_length and free:
        log_probs = np.array([next_log_probs(row).numpy() for row in ids.tolist()], dtype=float)
        flat = (totals[:, None] + log_probs).ravel()
        order = np.argsort(-flat)[:free]
        parents, tokens = np.divmod(order, log_probs.shape[1])
        ids, totals = np.column_stack([ids[parents], tokens]), flat[order]
        scores = totals / (ids.shape[1] - len(start)) ** length_penalty
        last = ids.shape[1] == max_length
        for row, score in zip(ids[last | (tokens == eos)], scores[last | (tokens == eos)], strict=True):
            if score > best_score:
                best_score, best_ids = score, row
        free -= int((tokens == eos).sum())
        ids, totals = ids[tokens != eos], totals[tokens != eos]
    return best_ids.tolist()


@beam_search.variant
def by_recursion(next_log_probs, start, width, max_length, eos, length_penalty=1.0):
    def step(pairs, n):
        found = {}
        for ids, total in pairs.items():
            if len(ids) == len(start) + n - 1 and (n == 1 or ids[-1] != eos):
                for token, x in enumerate(next_log_probs(list(ids)).tolist()):
                    found[(*ids, token)] = total + x
        held = {ids: total for ids, total in pairs.items() if n > 1 and ids[-1] == eos}
        kept = sorted(found.items(), key=lambda item: -item[1])[: width - len(held)]
        result = held | dict(kept)
        over = len(start) + n == max_length or all(ids[-1] == eos for ids in result)
        return result if over else step(result, n + 1)

    pairs = step({tuple(start): 0.0}, 1)
    return list(max(pairs, key=lambda ids: pairs[ids] / (len(ids) - len(start)) ** length_penalty))
