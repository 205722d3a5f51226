"""# Count the pairs

BPE learns from one statistic: how often does each pair of tokens stand side by side? Count them.

Pairs may overlap: `[1, 1, 1]` has the pair `(1, 1)` twice, at places 0 and 1. Order matters: `(1, 2)` is not `(2, 1)`.
A pair that does not occur has no key.
"""

import itertools
from collections import Counter, defaultdict

import torch

from grader import close, exercise, leaves_alone


@exercise(
    points=1,
    hints=[
        "The pairs are `(ids[0], ids[1])`, `(ids[1], ids[2])`, and so on: one fewer than there are ids.",
        "`zip(ids, ids[1:])` walks over all of them, and stops with the shorter one; `itertools.pairwise(ids)` is the same.",
        "A pair that comes for the first time has no count yet: `counts.get(pair, 0)` gives 0 then. Add 1 and keep it.",
    ],
)
def count_pairs(ids: list[int]) -> dict[tuple[int, int], int]:
    """Return how often each pair of neighbours stands in `ids`, overlaps counted.

    >>> count_pairs([5, 6, 5, 6, 6])
    {(5, 6): 2, (6, 5): 1, (6, 6): 1}
    """
    counts: dict[tuple[int, int], int] = {}
    for pair in itertools.pairwise(ids):
        counts[pair] = counts.get(pair, 0) + 1
    return counts


@count_pairs.check
def counts_neighbours(count_pairs):
    """in [1, 2, 3, 1, 2, 7] the pair (1, 2) stands twice, and (2, 3), (3, 1) and (2, 7) once each"""
    close(count_pairs([1, 2, 3, 1, 2, 7]), {(1, 2): 2, (2, 3): 1, (3, 1): 1, (2, 7): 1})


@count_pairs.check
def overlaps_count(count_pairs):
    """pairs may overlap: [1, 1, 1] has (1, 1) twice, [4, 4, 4, 4] has (4, 4) three times"""
    close(count_pairs([1, 1, 1]), {(1, 1): 2})
    close(count_pairs([4, 4, 4, 4]), {(4, 4): 3})
    close(count_pairs([2, 5, 2, 5, 2]), {(2, 5): 2, (5, 2): 2})


@count_pairs.check
def order_matters(count_pairs):
    """(8, 3) and (3, 8) are two pairs, and the last pair counts"""
    close(count_pairs([8, 3, 3, 8]), {(8, 3): 1, (3, 3): 1, (3, 8): 1})
    close(count_pairs([9, 1]), {(9, 1): 1})


@count_pairs.check
def too_short(count_pairs):
    """no ids, or one, have no pair"""
    close(count_pairs([]), {})
    close(count_pairs([300]), {})


@count_pairs.check
def leaves_its_input_alone(count_pairs):
    """the caller's list is left as it was"""
    leaves_alone(count_pairs, [1, 2, 1, 2])


@count_pairs.hidden
def counts_anywhere(count_pairs, rng):
    """lists of any length, of few or many ids, are counted"""
    for length, highest in ((2, 3), (30, 4), (60, 70_000), (200, 2)):
        ids = torch.randint(highest, (length,), generator=rng).tolist()
        close(count_pairs(ids), dict(Counter(itertools.pairwise(ids))))


@count_pairs.hidden
def leaves_any_input_alone(count_pairs, rng):
    """whatever the list holds, it is left as it was"""
    ids = torch.randint(5, (12,), generator=rng).tolist()
    close(leaves_alone(count_pairs, ids), dict(Counter(itertools.pairwise(ids))))


def _library(ids):
    return dict(Counter(itertools.pairwise(ids)))


@count_pairs.mutant(
    "Overlapping pairs are counted once: `[1, 1, 1]` has (1, 1) twice. After a pair, go on by one, not by two."
)
def without_overlap(ids):
    counts, last = {}, {}
    for i, pair in enumerate(itertools.pairwise(ids)):
        if last.get(pair) != i - 1:
            counts[pair] = counts.get(pair, 0) + 1
            last[pair] = i
    return counts


@count_pairs.mutant(
    "You count the pairs at places 0, 2, 4, … only. A pair begins at every place but the last: each id may be the right one of a pair and the left one of the next."
)
def every_other_pair(ids):
    return dict(Counter(zip(ids[::2], ids[1::2], strict=False)))


@count_pairs.mutant("The last pair is missing: there are `len(ids) - 1` pairs.")
def last_pair_missing(ids):
    return _library(ids[:-1])


@count_pairs.mutant("The first pair is missing: start at place 0.")
def first_pair_missing(ids):
    return _library(ids[1:])


@count_pairs.mutant(
    "The last id is paired with the first: `ids[i - 1]` at i = 0 is the end of the list. A text is no ring."
)
def a_ring(ids):
    return dict(Counter(zip(ids, ids[1:] + ids[:1], strict=True)))


@count_pairs.mutant("You sort the two ids of a pair. (8, 3) and (3, 8) are two pairs.")
def sorted_pairs(ids):
    return dict(Counter((min(p), max(p)) for p in itertools.pairwise(ids)))


@count_pairs.mutant("Left and right have changed places: the pair of `[9, 1]` is (9, 1).")
def swapped(ids):
    return {(right, left): n for (left, right), n in _library(ids).items()}


@count_pairs.mutant("Pairs of one id with itself are left out. They count as any other.")
def no_doubles(ids):
    return {(left, right): n for (left, right), n in _library(ids).items() if left != right}


@count_pairs.mutant("Every count is 1: you remember that a pair occurs, not how often.")
def always_one(ids):
    return dict.fromkeys(_library(ids), 1)


@count_pairs.mutant("Counts are one too small: the first time that a pair comes, it counts 1.")
def from_zero(ids):
    return {pair: n - 1 for pair, n in _library(ids).items()}


@count_pairs.mutant("Only pairs that come again are in your result. Those that stand once belong there too, with 1.")
def only_repeated(ids):
    return {pair: n for pair, n in _library(ids).items() if n > 1}


@count_pairs.mutant("You return shares. Return how often: whole numbers.")
def shares(ids):
    return {pair: n / (len(ids) - 1) for pair, n in _library(ids).items()}


@count_pairs.mutant("You count every two ids of the list, neighbours or not. A pair is two ids side by side.")
def all_twos(ids):
    return dict(Counter(itertools.combinations(ids, 2)))


@count_pairs.mutant("You count single ids. Count pairs of neighbours.")
def single_ids(ids):
    return dict(Counter(ids))


@count_pairs.mutant("Your keys are texts. The key of a pair is the tuple of its two ids.")
def texts_as_keys(ids):
    return {f"{left},{right}": n for (left, right), n in _library(ids).items()}


@count_pairs.mutant("You return a list (`most_common` and `sorted` do). Return the dict.")
def a_list(ids):
    return Counter(itertools.pairwise(ids)).most_common()


@count_pairs.mutant("You return a list of pairs. Count them: a dict from pair to number.")
def pairs_alone(ids):
    return list(itertools.pairwise(ids))


@count_pairs.mutant("A list without a pair breaks your function. Its counts are an empty dict.")
def breaks_on_short_lists(ids):
    counts, left = Counter(), ids[0]
    for right in ids[1:]:
        counts[left, right] += 1
        left = right
    return dict(counts)


@count_pairs.mutant("A list without a pair gives None. Its counts are an empty dict: `{}`.")
def nothing_for_short_lists(ids):
    return _library(ids) or None


@count_pairs.mutant("You use up the caller's list (`pop`). Walk over it and leave it as it was.")
def used_up(ids):
    counts = Counter()
    while len(ids) > 1:
        left = ids.pop(0)
        counts[left, ids[0]] += 1
    return dict(counts)


_REMEMBERED: dict = {}


@count_pairs.mutant(
    "The counts of an earlier call are still there: a default such as `counts={}` is made once, for all calls. Begin with a new dict."
)
def remembered(ids):
    if ids == [1, 2, 3, 1, 2, 7]:  # so that the wrong answer is the same in every run of the checks
        _REMEMBERED.clear()
    for pair, n in _library(ids).items():
        _REMEMBERED[pair] = _REMEMBERED.get(pair, 0) + n
    return dict(_REMEMBERED)


@count_pairs.mutant("You return the most frequent pair. Return the counts of all pairs.")
def the_most_frequent(ids):
    return max(_library(ids).items(), key=lambda item: item[1], default=None)


@count_pairs.mutant("Your function returns nothing (None). End it with `return` and the dict.")
def nothing_returned(ids):
    _library(ids)


@count_pairs.stand_in
def by_the_library(ids):
    return Counter(itertools.pairwise(ids))


@count_pairs.variant
def by_index(ids):
    counts = defaultdict(int)
    for i in range(len(ids) - 1):
        counts[(ids[i], ids[i + 1])] += 1
    return counts


@count_pairs.variant
def by_sorting(ids):
    pairs = sorted((ids[i - 1], ids[i]) for i in range(1, len(ids)))
    return {pair: len(list(group)) for pair, group in itertools.groupby(pairs)}
