"""# Merge one pair

BPE learns one rule at a time: *this pair of neighbours becomes one new token*. Apply one rule to a list of ids.

Go from left to right. Where the pair stands, put `new` in its place and go on behind it: what was merged is not merged again in
the same pass, so `[1, 1, 1]` with the pair `(1, 1)` becomes `[new, 1]`.
"""

import torch

from grader import close, exercise, leaves_alone


@exercise(
    points=2,
    hints=[
        "A `for` loop cannot skip the second half of a pair. Walk with an index of your own: `while i < len(ids)`.",
        "At each place: if there is a next id, and the two are the pair, append `new` and go on by two; else append the id and go "
        "on by one.",
        "Collect the result in a new list. Taking things out of `ids` itself moves what lies behind, and changes the caller's list.",
    ],
)
def merge(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """Return `ids` with each `pair`, read from left to right without overlap, replaced by `new`.

    >>> merge([5, 1, 2, 1, 2], (1, 2), 9)
    [5, 9, 9]
    """
    merged, i = [], 0
    while i < len(ids):
        if ids[i] == pair[0] and i + 1 < len(ids) and ids[i + 1] == pair[1]:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@merge.check
def replaces_the_pair(merge):
    """in [5, 1, 2, 3, 1, 2] with (1, 2) as 9, both pairs become 9, and the others stay in their order"""
    close(merge([5, 1, 2, 3, 1, 2], (1, 2), 9), [5, 9, 3, 9])


@merge.check
def without_overlap(merge):
    """[1, 1, 1] with (1, 1) becomes [new, 1]; four become two"""
    close(merge([1, 1, 1], (1, 1), 9), [9, 1])
    close(merge([1, 1, 1, 1], (1, 1), 9), [9, 9])
    close(merge([3, 1, 1, 1, 1, 1, 3], (1, 1), 9), [3, 9, 9, 1, 3])


@merge.check
def neighbours_alone(merge):
    """the pair must stand side by side and in its order; half a pair stays"""
    close(merge([2, 1, 1, 3, 2, 1], (1, 2), 9), [2, 1, 1, 3, 2, 1])
    close(merge([1, 1, 2, 2], (1, 2), 9), [1, 9, 2])
    close(merge([11, 2, 1, 22, 0, 1], (1, 2), 9), [11, 2, 1, 22, 0, 1])


@merge.check
def at_the_ends(merge):
    """a pair may begin or end the list; the list may have no pair, one id or none"""
    close(merge([1, 2, 7], (1, 2), 9), [9, 7])
    close(merge([7, 1, 2], (1, 2), 9), [7, 9])
    close(merge([1, 2], (1, 2), 9), [9])
    close(merge([1], (1, 2), 9), [1])
    close(merge([], (1, 2), 9), [])


@merge.check
def one_pass(merge):
    """`new` is not merged again, even where it makes the pair anew"""
    close(merge([1, 1, 2], (1, 2), 2), [1, 2])
    close(merge([1, 2, 2, 2], (1, 2), 1), [1, 2, 2])
    close(merge([4, 4, 4, 4, 4], (4, 4), 4), [4, 4, 4])


@merge.check
def leaves_its_input_alone(merge):
    """the caller's list is left as it was"""
    leaves_alone(merge, [1, 2, 3, 1, 2], (1, 2), 9)


@merge.hidden
def merges_anywhere(merge, rng):
    """lists of any length, pairs of equal or different ids: each is merged as it should"""
    for length in (1, 2, 7, 40, 200):
        drawn = torch.randint(3, (length,), generator=rng).tolist()
        for pair in ((0, 1), (2, 2), (1, 0)):
            for ids in (drawn, [*drawn, *pair], [*drawn, pair[0]]):
                close(merge(ids, pair, 256), _as_text(ids, pair, 256))


@merge.hidden
def any_new_id(merge, rng):
    """`new` may be any id, one of the pair's or of the list's too; lists are left as they were"""
    for _ in range(5):
        ids = torch.randint(4, (20,), generator=rng).tolist()
        left, right, new = torch.randint(4, (3,), generator=rng).tolist()
        close(leaves_alone(merge, ids, (left, right), new), _as_text(ids, (left, right), new))


def _as_text(ids, pair, new):
    return [ord(c) for c in "".join(map(chr, ids)).replace(chr(pair[0]) + chr(pair[1]), chr(new))]


@merge.mutant("You keep the second half of the pair: after a match, go on by two.")
def second_half_kept(ids, pair, new):
    merged = []
    for i, one in enumerate(ids):
        merged.append(new if i + 1 < len(ids) and (one, ids[i + 1]) == pair else one)
    return merged


@merge.mutant("You put `new` beside the two of the pair, which stay. It takes their place.")
def new_beside_the_first(ids, pair, new):
    merged = []
    for i, one in enumerate(ids):
        merged.append(one)
        if i + 1 < len(ids) and (one, ids[i + 1]) == pair:
            merged.append(new)
    return merged


@merge.mutant("Pairs overlap in your merging: the middle of `[1, 1, 1]` is used twice. After a match, go on behind it.")
def with_overlap(ids, pair, new):
    merged, used = [], set()
    for i, one in enumerate(ids):
        if i + 1 < len(ids) and (one, ids[i + 1]) == pair:
            merged.append(new)
            used.add(i + 1)
        elif i not in used:
            merged.append(one)
    return merged


@merge.mutant("You go from right to left: `[1, 1, 1]` becomes `[1, new]`. Start at the left.")
def from_the_right(ids, pair, new):
    merged, i = [], len(ids) - 1
    while i >= 0:
        if i > 0 and (ids[i - 1], ids[i]) == pair:
            merged.append(new)
            i -= 2
        else:
            merged.append(ids[i])
            i -= 1
    return merged[::-1]


@merge.mutant("Only the first pair is replaced. Go on to the end of the list.")
def the_first_alone(ids, pair, new):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return [*ids[:i], new, *ids[i + 2 :]]
    return list(ids)


@merge.mutant("The pair is found in either order. (2, 1) is not (1, 2).")
def either_order(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) in (pair, pair[::-1]):
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@merge.mutant("The pair is found in the wrong order: left and right have changed places.")
def the_other_order(ids, pair, new):
    return _as_text(ids, pair[::-1], new)


@merge.mutant("You look at the left half only. Both ids of the pair must match.")
def left_half_alone(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        found = ids[i] == pair[0] and i + 1 < len(ids)
        merged.append(new if found else ids[i])
        i += 2 if found else 1
    return merged


@merge.mutant("Each id of the pair is replaced by itself. Only where both stand side by side do they become one `new`.")
def each_half(ids, pair, new):
    return [new if one in pair else one for one in ids]


@merge.mutant("You remove the pair and put nothing in its place: append `new`.")
def removed(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@merge.mutant("A pair becomes two `new`. It becomes one: that is what makes the list shorter.")
def twice_new(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            merged += [new, new]
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@merge.mutant("The last id is lost: it is no pair's left half, but it belongs in the result.")
def last_id_lost(ids, pair, new):
    merged, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@merge.mutant("The last id is appended after the loop, though it may be the second half of a pair that was merged.")
def last_id_again(ids, pair, new):
    merged, i = [], 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged + ids[-1:]


@merge.mutant("A pair at the end of the list is not found: the last pair begins at place `len(ids) - 2`.")
def last_pair_missed(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        if i + 2 < len(ids) and (ids[i], ids[i + 1]) == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@merge.mutant("A pair at the start of the list is not found: begin at place 0.")
def first_pair_missed(ids, pair, new):
    return ids[:1] + _as_text(ids[1:], pair, new)


@merge.mutant("You read past the end (IndexError): ask whether there is a next id before you look at it.")
def past_the_end(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        if ids[i] == pair[0] and ids[i + 1] == pair[1]:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@merge.mutant("You read past the end (IndexError): ask whether there is a next id before you look at it.")
def past_the_end_always(ids, pair, new):
    merged, i = [], 0
    while i < len(ids):
        if (ids[i], ids[i + 1]) == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@merge.mutant(
    "You take things out of a list while a `for` loop counts its places: the list gets shorter, the loop does not. Use `while`."
)
def shorter_while_walking(ids, pair, new):
    ids = list(ids)
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new]
    return ids


@merge.mutant("You start again after each match, so `new` is merged again. One pass: go on behind it.")
def again_and_again(ids, pair, new):
    ids, i = list(ids), 0
    turns = 0
    while i + 1 < len(ids) and turns < 1000:
        turns += 1
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [new]
            i = 0
        else:
            i += 1
    return ids


@merge.mutant(
    "You look at the last thing appended, which may be a `new` of this pass, and merge it again. What was merged stays."
)
def looking_back(ids, pair, new):
    merged = []
    for one in ids:
        if merged and (merged[-1], one) == pair:
            merged[-1] = new
        else:
            merged.append(one)
    return merged


@merge.mutant("You join the ids as digits and replace text: `11, 2` holds `1, 2` then. Compare ids, not their digits.")
def as_digits(ids, pair, new):
    text = " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new))
    return [int(one) for one in text.split()]


@merge.mutant("You change the caller's list (`pop`, `del` and `ids[i] = …` do). Collect the result in a new one.")
def in_place(ids, pair, new):
    ids[:] = _as_text(ids, pair, new)
    return ids


@merge.mutant("You change the caller's list (`pop`, `del` and `ids[i] = …` do). Collect the result in a new one.")
def used_up(ids, pair, new):
    merged = []
    while ids:
        one = ids.pop(0)
        if ids and (one, ids[0]) == pair:
            ids.pop(0)
            one = new
        merged.append(one)
    return merged


@merge.mutant("You return the ids unchanged: nothing is merged.")
def unchanged(ids, pair, new):
    return list(ids)


@merge.mutant("You return a tuple. Return a list.")
def a_tuple(ids, pair, new):
    return tuple(_as_text(ids, pair, new))


@merge.mutant("Your function returns nothing (None). End it with `return` and the list.")
def nothing_returned(ids, pair, new):
    _as_text(ids, pair, new)


@merge.stand_in
def by_the_library(ids, pair, new):
    separated = dict(enumerate(sorted({*ids, *pair, new})))
    letters = {one: chr(0xF0000 + i) for i, one in separated.items()}
    text = "".join(letters[one] for one in ids)
    return [separated[ord(c) - 0xF0000] for c in text.replace(letters[pair[0]] + letters[pair[1]], letters[new])]


@merge.variant
def slices(ids, pair, new):
    copy, i = ids[:], 0
    while i < len(copy) - 1:
        if tuple(copy[i : i + 2]) == tuple(pair):
            copy[i : i + 2] = [new]
        i += 1
    return copy


@merge.variant
def skipping(ids, pair, new):
    merged, skip = [], False
    for i, one in enumerate(ids):
        if skip:
            skip = False
        elif ids[i : i + 2] == list(pair):
            merged.append(new)
            skip = True
        else:
            merged.append(one)
    return merged


@merge.variant
def first_then_the_rest(ids, pair, new):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == pair:
            return [*ids[:i], new, *first_then_the_rest(ids[i + 2 :], pair, new)]
    return list(ids)
