"""# Unigram: the most probable segmentation

T5 and many multilingual models cut text by probability. Every piece $p$ of the vocabulary has one, and of all the ways to write a text
as pieces the one with the largest *product* of probabilities wins; in logarithms, the largest sum:

$$\\operatorname*{arg\\,max}_{p_1 p_2 \\cdots p_n \\,=\\, \\text{text}} \\; \\sum_{i} \\log P(p_i)$$

A text of $n$ characters can be cut in $2^{n-1}$ ways, so trying them all is out. Viterbi's algorithm needs about $n^2$ looks: the best
segmentation of `text[:end]` is the best one of some shorter `text[:start]`, which you already know, and one last piece.

`log_probs` has the natural logarithm of each piece's probability, 0.0 (for a certain piece) included. An empty text gives `[]`. Where
no row of pieces gives the text, raise a `ValueError`. No two segmentations are equally good in the checks.

The models of `tokenizers` and `sentencepiece` are not answers here.
"""

import functools
import heapq
import itertools
import math

import torch
from tokenizers import models

from grader import Mismatch, close, exercise, leaves_alone, raises, steps


@exercise(
    points=3,
    twins=["Unigram", "SentencePieceUnigramTokenizer", "SentencePieceProcessor", "T5Tokenizer", "AutoTokenizer"],
    hints=[
        "Take “ab” with the pieces a, b, ab. How good is the best way to write `''`, then `'a'`, then `'ab'`? Each answer "
        "needs those before it and one last piece.",
        "Keep two lists over the ends 0 to `len(text)`: the best sum for `text[:end]`, −inf where nothing is known yet and 0.0 for "
        "the empty text; and the start of the last piece of that best way.",
        "For each end, try every start below it: if `text[start:end]` is a piece, `best[start]` plus its log-probability is a "
        "candidate for `best[end]`. Ask `piece in log_probs`, since 0.0 counts as false.",
        "At the end walk back: from `len(text)` to the start of its last piece, from there to the start of the one before, and so "
        "on to 0; then reverse. If `best[len(text)]` is still −inf, there is no way: raise `ValueError`.",
    ],
)
def unigram_segment(text: str, log_probs: dict[str, float]) -> list[str]:
    """Return the segmentation of `text` into keys of `log_probs` whose log-probabilities have the largest sum.

    Raises ValueError where there is none.

    >>> unigram_segment("abc", {"a": -1.0, "b": -1.5, "c": -2.0, "ab": -2.0, "bc": -3.2})
    ['ab', 'c']
    """
    best, last = [0.0] + [-math.inf] * len(text), [0] * (len(text) + 1)
    longest = max(map(len, log_probs), default=0)
    for end in range(1, len(text) + 1):
        for start in range(max(0, end - longest), end):
            score = best[start] + log_probs.get(text[start:end], -math.inf)
            if score > best[end]:
                best[end], last[end] = score, start
    if best[-1] == -math.inf:
        raise ValueError(f"no row of pieces gives {text!r}")
    pieces, end = [], len(text)
    while end:
        pieces.append(text[last[end] : end])
        end = last[end]
    return pieces[::-1]


def word_pieces():
    """Log-probabilities of some pieces, as a trainer would give them."""
    letters = {
        "h": -5.0,
        "u": -5.0,
        "g": -5.2,
        "s": -4.6,
        "p": -5.1,
        "n": -5.3,
        "b": -5.6,
        "i": -4.9,
        "e": -4.2,
        "r": -4.7,
    }
    pairs = {
        "hu": -5.6,
        "ug": -5.9,
        "un": -6.1,
        "pu": -6.4,
        "er": -5.0,
        "in": -5.4,
        "gs": -7.0,
        "ing": -5.5,
        "ng": -6.0,
    }
    more = {
        "hug": -8.9,
        "pun": -8.0,
        "bun": -12.4,
        "hugs": -13.1,
        "unin": -12.3,
        "runner": -11.0,
        "ers": -8.2,
        "ging": -7.0,
    }
    return {**letters, **pairs, **more}


@unigram_segment.check
def equals_hugging_face(unigram_segment):
    """words come apart as in Hugging Face's Unigram model: the sum of log-probabilities is at its largest"""
    for word, pieces in [
        ("hug", ["hug"]),
        ("hugs", ["hu", "gs"]),
        ("bunnies", ["b", "un", "n", "i", "e", "s"]),
        ("hugging", ["hug", "ging"]),
        ("runners", ["runner", "s"]),
        ("huber", ["hu", "b", "er"]),
        ("s", ["s"]),
    ]:
        close(unigram_segment(word, word_pieces()), pieces, what=f"what “{word}” gives")


@unigram_segment.check
def whole_segmentations_are_compared(unigram_segment):
    """what counts is the sum over a whole segmentation: no piece wins by itself, nor do few or many"""
    for text, pieces, log_probs in [
        ("abc", ["abc"], {"abc": -0.9, "a": -4.0, "b": -4.0, "c": -4.0, "ab": -9.0}),
        ("abcd", ["ab", "cd"], {"ab": -1.2, "cd": -1.2, "bc": -1.0, "a": -9.0, "d": -9.0}),
        ("abc", ["a", "bc"], {"a": -1.0, "bc": -3.0, "ab": -9.0, "c": -2.0}),
        ("abc", ["ab", "c"], {"a": -1.0, "bc": -9.0, "ab": -1.1, "c": -1.1}),
        ("abc", ["a", "bc"], {"ab": -3.0, "c": -9.0, "a": -4.0, "bc": -5.0}),
        ("abc", ["abc"], {"abc": -4.0, "a": -4.5, "bc": -3.6}),
    ]:
        close(unigram_segment(text, log_probs), pieces, what=f"what “{text}” gives")


@unigram_segment.check
def certain_pieces(unigram_segment):
    """a log-probability of 0.0 is a probability of 1, not a missing piece"""
    close(unigram_segment("ab", {"a": 0.0, "b": -1.0, "ab": -1.5}), ["a", "b"])
    close(unigram_segment("a", {"a": 0.0}), ["a"])


@unigram_segment.check
def dead_ends(unigram_segment):
    """a good start that leads nowhere gives way to a worse one that arrives, whatever its letters are by themselves"""
    pieces = {"ab": -9.0, "abc": -1.0, "cde": -7.0, "e": -2.0, "abcd": -30.0}
    close(unigram_segment("abcde", pieces), ["ab", "cde"])


@unigram_segment.check
def impossible_texts(unigram_segment):
    """a text that no row of pieces gives is a ValueError: nothing is added, left out or cut at spaces"""
    for text in ("xhug", "hugx", "hug hug", "Hug"):
        with raises(ValueError):
            unigram_segment(text, word_pieces())
    with raises(ValueError):
        unigram_segment("abc", {"ab": -1.0, "bc": -1.0})


@unigram_segment.check
def long_text(unigram_segment):
    """a text with a probability of about e to the −1228 has its segmentation too"""
    for times in (5, 30, 40):
        close(unigram_segment(times * "bunnies", word_pieces()), times * ["b", "un", "n", "i", "e", "s"])


@unigram_segment.check
def empty_text(unigram_segment):
    """an empty text gives no pieces at all"""
    close(unigram_segment("", word_pieces()), [], what="what an empty text gives")


@unigram_segment.check
def work_is_shared(unigram_segment):
    """a text that can be cut in 2,048 ways is not cut in all of them"""
    text = 12 * "a"
    _, n = steps(unigram_segment, text, {text[:length]: -1.0 - 0.8 * length for length in range(1, 13)})
    if n > 60_000:
        raise Mismatch(f"12 letters should take some 3,000 instructions of Python; yours took about {round(n, -3):,}")


@unigram_segment.check
def leaves_its_argument_alone(unigram_segment):
    """the caller's dict is left as it was"""
    close(leaves_alone(unigram_segment, "pugs", word_pieces()), ["pu", "gs"])


def _oracle(text, log_probs):
    """What Hugging Face's Unigram model gives; None where a letter that it had to be lent is in it."""
    lent = {letter: -1e6 for letter in text if letter not in log_probs}
    model = models.Unigram([*log_probs.items(), *lent.items()], None, False)
    pieces = [token.value for token in model.tokenize(text)] if text else []
    return None if lent.keys() & set(pieces) else pieces


def _sums(text, log_probs):
    """The sums of all segmentations, the best first."""
    ways = [[0.0]]
    for end in range(1, len(text) + 1):
        lasts = [(start, log_probs[text[start:end]]) for start in range(end) if text[start:end] in log_probs]
        ways.append([total + last for start, last in lasts for total in ways[start]])
    return sorted(ways[-1], reverse=True)


def _drawn(letters, rng, covered):
    """A vocabulary of drawn pieces with drawn log-probabilities; every letter is one of them where `covered`."""
    pieces = list(letters) if covered else []
    for _ in range(30):
        length = int(torch.randint(2, 5, (), generator=rng))
        pieces.append("".join(letters[i] for i in torch.randint(len(letters), (length,), generator=rng).tolist()))
    pieces = list(dict.fromkeys(pieces))
    shares = torch.rand(len(pieces), generator=rng, dtype=torch.float64) * 4
    return {piece: -1.5 * len(piece) - share for piece, share in zip(pieces, shares.tolist(), strict=True)}


@unigram_segment.hidden
def equals_hugging_face_anywhere(unigram_segment, rng):
    """texts over any letters, long ones too, give what Hugging Face's Unigram model gives"""
    for letters, length in 2 * [("abc", 9), ("xyzw", 12), ("日本語", 10), ("🙂é n", 10), ("abcdefgh", 200)]:
        log_probs = _drawn(letters, rng, covered=True)
        text = "".join(letters[i] for i in torch.randint(len(letters), (length,), generator=rng).tolist())
        for _ in range(20):
            text = text[1:] + letters[int(torch.randint(len(letters), (), generator=rng))]
            sums = _sums(text, log_probs) if length < 20 else [0.0]
            if len(sums) == 1 or sums[0] - sums[1] > 1e-6:
                break
        close(
            sum(log_probs.get(piece, -math.inf) for piece in _listed(unigram_segment(text, log_probs), text)),
            sum(log_probs[piece] for piece in _oracle(text, log_probs)),
            atol=1e-6,
            rtol=0.0,
            what="the sum of log-probabilities",
        )


def _listed(pieces, text):
    if type(pieces) is not list or any(type(piece) is not str for piece in pieces):
        raise Mismatch("the result should be a list of texts")
    if "".join(pieces) != text:
        raise Mismatch("the pieces joined should be the text")
    return pieces


@unigram_segment.hidden
def possible_or_not_anywhere(unigram_segment, rng):
    """where letters are no pieces by themselves, it is the best segmentation or a ValueError"""
    found = {True: 0, False: 0}
    while min(found.values()) < 4:
        log_probs = _drawn("abc", rng, covered=False)
        for length in (2, 3, 7, 10):
            text = "".join("abc"[i] for i in torch.randint(3, (length,), generator=rng).tolist())
            sums = _sums(text, log_probs)
            found[bool(sums)] += 1
            if not sums:
                with raises(ValueError):
                    leaves_alone(unigram_segment, text, log_probs)
            else:
                pieces = _listed(leaves_alone(unigram_segment, text, log_probs), text)
                total = sum(log_probs.get(piece, -math.inf) for piece in pieces)
                close(total, sums[0], atol=1e-6, rtol=0.0, what="the sum of log-probabilities")


def _viterbi(text, log_probs, value=None, add=lambda total, last: total + last, first=0.0, lowest=-math.inf):
    """Viterbi's algorithm with one habit changed; raises ValueError where no segmentation is found."""
    value = value or (lambda piece: log_probs[piece])
    best, last = [first] + [lowest] * len(text), [None] * (len(text) + 1)
    for end in range(1, len(text) + 1):
        for start in range(end):
            piece = text[start:end]
            if piece in log_probs and (start == 0 or last[start] is not None):
                score = add(best[start], value(piece))
                if score > best[end]:
                    best[end], last[end] = score, start
    return _walked_back(text, last)


def _walked_back(text, last):
    if text and last[-1] is None:
        raise ValueError("none")
    pieces, end = [], len(text)
    while end:
        pieces.append(text[last[end] : end])
        end = last[end]
    return pieces[::-1]


def _ways(text, log_probs):
    if not text:
        yield []
    for end in range(1, len(text) + 1):
        if text[:end] in log_probs:
            for rest in _ways(text[end:], log_probs):
                yield [text[:end], *rest]


@unigram_segment.mutant(
    "You take the longest piece that fits and never look back (that is WordPiece). Compare the sums of whole segmentations."
)
def longest_first(text, log_probs):
    pieces = []
    while text:
        end = next((end for end in range(len(text), 0, -1) if text[:end] in log_probs), None)
        if end is None:
            raise ValueError("none")
        pieces.append(text[:end])
        text = text[end:]
    return pieces


@unigram_segment.mutant(
    "You take the longest piece from the end and never look back. Compare the sums of whole segmentations."
)
def longest_last(text, log_probs):
    pieces = []
    while text:
        start = next((start for start in range(len(text)) if text[start:] in log_probs), None)
        if start is None:
            raise ValueError("none")
        pieces.insert(0, text[start:])
        text = text[:start]
    return pieces


@unigram_segment.mutant(
    "You take the most probable next piece and never look back, so many short pieces win. Compare the sums of whole segmentations."
)
def most_probable_next(text, log_probs):
    pieces = []
    while text:
        ends = [end for end in range(1, len(text) + 1) if text[:end] in log_probs]
        if not ends:
            raise ValueError("none")
        end = max(ends, key=lambda end: log_probs[text[:end]])
        pieces.append(text[:end])
        text = text[end:]
    return pieces


@unigram_segment.mutant(
    "You take the most probable piece anywhere in the text first, then what is left on both sides. Compare the sums of whole segmentations."
)
def most_probable_anywhere(text, log_probs):
    if not text:
        return []
    spans = [(s, e) for s, e in itertools.combinations(range(len(text) + 1), 2) if text[s:e] in log_probs]
    if not spans:
        raise ValueError("none")
    start, end = max(spans, key=lambda span: log_probs[text[span[0] : span[1]]])
    left, right = most_probable_anywhere(text[:start], log_probs), most_probable_anywhere(text[end:], log_probs)
    return [*left, text[start:end], *right]


@unigram_segment.mutant(
    "You add probabilities. Those of the pieces are multiplied: add their logarithms, just as `log_probs` has them."
)
def probabilities_added(text, log_probs):
    return _viterbi(text, log_probs, value=lambda piece: math.exp(log_probs[piece]))


@unigram_segment.mutant(
    "You look for the fewest pieces. The largest sum of log-probabilities wins, however many pieces it has."
)
def fewest_pieces(text, log_probs):
    return _viterbi(text, log_probs, value=lambda piece: -1 + 1e-6 * log_probs[piece])


@unigram_segment.mutant(
    "You look for the most pieces. The largest sum of log-probabilities wins, however many pieces it has."
)
def most_pieces(text, log_probs):
    return _viterbi(text, log_probs, value=lambda piece: 1 + 1e-6 * log_probs[piece])


@unigram_segment.mutant(
    "You divide the sum by the number of pieces. The sum itself counts: more pieces make a text less probable."
)
def mean_of_the_pieces(text, log_probs):
    best = {0: {0: (0.0, [])}}
    for end in range(1, len(text) + 1):
        best[end] = {}
        for start in range(end):
            piece = text[start:end]
            if piece in log_probs:
                for count, (total, pieces) in best[start].items():
                    here = (total + log_probs[piece], [*pieces, piece])
                    best[end][count + 1] = max(best[end].get(count + 1, here), here, key=lambda way: way[0])
    ways = best[len(text)]
    if not ways:
        raise ValueError("none")
    return ways[max(ways, key=lambda count: ways[count][0] / max(count, 1))][1]


@unigram_segment.mutant(
    "You weigh each log-probability by its piece's length. Each piece counts once, however long: the sum is of `log_probs` alone."
)
def weighed_by_length(text, log_probs):
    return _viterbi(text, log_probs, value=lambda piece: len(piece) * log_probs[piece])


@unigram_segment.mutant(
    "You find the least probable segmentation. Log-probabilities are negative: the largest sum is the one nearest to 0."
)
def least_probable(text, log_probs):
    return _viterbi(text, log_probs, value=lambda piece: -log_probs[piece])


@unigram_segment.mutant(
    "You keep the last piece's log-probability alone where the sum belongs: add `best[start]`, all that came before it."
)
def last_piece_only(text, log_probs):
    return _viterbi(text, log_probs, add=lambda total, last: last)


@unigram_segment.mutant("You multiply log-probabilities. Probabilities are multiplied; their logarithms are added.")
def logarithms_multiplied(text, log_probs):
    return _viterbi(text, log_probs, add=lambda total, last: total * last, first=1.0)


@unigram_segment.mutant(
    "You multiply probabilities, and on a long text the product becomes 0: all ways look alike then. Add logarithms."
)
def probabilities_multiplied(text, log_probs):
    return _viterbi(text, log_probs, lambda piece: math.exp(log_probs[piece]), lambda a, b: a * b, 1.0, 0.0)


@unigram_segment.mutant(
    "You multiply probabilities, and on a long text the product becomes 0: all ways look alike then. Add logarithms."
)
def probabilities_multiplied_from_minus_one(text, log_probs):
    return _viterbi(text, log_probs, lambda piece: math.exp(log_probs[piece]), lambda a, b: a * b, 1.0, -1.0)


@unigram_segment.mutant(
    "Your “not yet reached” is a number such as −100, and the sum of a long text is lower than that. Begin with `-math.inf`."
)
def lowest_is_not_low(text, log_probs):
    return _viterbi(text, log_probs, lowest=-100.0)


@unigram_segment.mutant(
    "Your “not yet reached” is a number such as −100, and the sum of a long text is lower than that. Begin with `-math.inf`."
)
def lowest_is_minus_a_thousand(text, log_probs):
    return _viterbi(text, log_probs, lowest=-1000.0)


@unigram_segment.mutant(
    "Every end begins with a best sum of 0, and no sum of negative numbers is larger. Begin with `-math.inf`, and 0.0 for the empty text alone."
)
def nothing_beats_zero(text, log_probs):
    return _viterbi(text, log_probs, lowest=0.0)


@unigram_segment.mutant(
    "A piece with log-probability 0.0 is skipped: 0.0 counts as false. Ask `piece in log_probs`, or `is not None`."
)
def zero_is_false(text, log_probs):
    return _viterbi(text, {piece: value for piece, value in log_probs.items() if value})


@unigram_segment.mutant(
    "You raise ValueError at the first end that no piece reaches. A later end may be reached past it: look at the last one only."
)
def every_end_must_be_reached(text, log_probs):
    best, last = [0.0], [None]
    for end in range(1, len(text) + 1):
        ways = [(best[s] + log_probs[text[s:end]], s) for s in range(end) if text[s:end] in log_probs]
        if not ways:
            raise ValueError
        best.append(max(ways)[0])
        last.append(max(ways)[1])
    return _walked_back(text, last)


@unigram_segment.mutant(
    "You raise ValueError where a letter is no piece by itself. A longer piece may cover it: raise only when the whole text has no way."
)
def every_letter_must_be_a_piece(text, log_probs):
    if any(letter not in log_probs for letter in text):
        raise ValueError("unknown letter")
    return _viterbi(text, log_probs)


@unigram_segment.mutant(
    "A letter that is no piece passes as one, as in SentencePiece, which has an unknown token. Here there is none: raise ValueError."
)
def unknown_letters_pass(text, log_probs):
    lowest = min(log_probs.values()) - 10
    return _viterbi(text, dict.fromkeys(text, lowest) | log_probs)


@unigram_segment.mutant(
    "Where there is no segmentation you return `[]`. Raise a ValueError: `[]` is what an empty text gives."
)
def nothing_for_the_impossible(text, log_probs):
    try:
        return _viterbi(text, log_probs)
    except ValueError:
        return []


@unigram_segment.mutant("Where there is no segmentation you return None. Raise a ValueError.")
def none_for_the_impossible(text, log_probs):
    try:
        return _viterbi(text, log_probs)
    except ValueError:
        return None


@unigram_segment.mutant("Where there is no segmentation you return the whole text as one piece. Raise a ValueError.")
def the_text_for_the_impossible(text, log_probs):
    try:
        return _viterbi(text, log_probs)
    except ValueError:
        return [text]


@unigram_segment.mutant("Where there is no segmentation you return `['<unk>']`. Raise a ValueError.")
def unknown_for_the_impossible(text, log_probs):
    try:
        return _viterbi(text, log_probs)
    except ValueError:
        return ["<unk>"]


@unigram_segment.mutant(
    "Where there is no segmentation, your way back meets a piece that was never set. Look at `best[len(text)]` first and raise ValueError."
)
def lost_on_the_way_back(text, log_probs):
    try:
        return _viterbi(text, log_probs)
    except ValueError:
        raise TypeError("unsupported operand") from None


@unigram_segment.mutant(
    "A missing piece ends in a KeyError. Where there is no segmentation raise a ValueError, before you look anything up."
)
def key_error(text, log_probs):
    try:
        return _viterbi(text, log_probs)
    except ValueError:
        raise KeyError(text) from None


@unigram_segment.mutant(
    "An empty text is a ValueError in your answer. It is the one text that needs no pieces: return `[]`."
)
def nothing_is_impossible(text, log_probs):
    if not text:
        raise ValueError("none")
    return _viterbi(text, log_probs)


@unigram_segment.mutant("An empty text gives `['']` in your answer. It has no pieces: return `[]`.")
def a_piece_of_nothing(text, log_probs):
    return _viterbi(text, log_probs) or [""]


@unigram_segment.mutant("The pieces come in reverse order: the way back begins at the end, so turn them round.")
def in_reverse(text, log_probs):
    return _viterbi(text, log_probs)[::-1]


@unigram_segment.mutant(
    "The first piece is missing: walk back until the start is 0, and keep the piece that begins there."
)
def first_piece_lost(text, log_probs):
    return _viterbi(text, log_probs)[1:]


@unigram_segment.mutant("The last piece is missing: the way back begins at `len(text)`, not before it.")
def last_piece_lost(text, log_probs):
    return _viterbi(text, log_probs)[:-1]


@unigram_segment.mutant(
    "The whole text is never tried as one piece: `range(end)` must include start 0, and `end` must reach `len(text)`."
)
def never_in_one_piece(text, log_probs):
    return _viterbi(text, {piece: value for piece, value in log_probs.items() if piece != text or len(text) == 1})


@unigram_segment.mutant(
    "Only pieces of up to three characters are tried. Try every start before an end, or all up to the longest piece's length."
)
def short_pieces_only(text, log_probs):
    return _viterbi(text, {piece: value for piece, value in log_probs.items() if len(piece) <= 3})


@unigram_segment.mutant("The longest pieces are never tried: your limit on a piece's length is one too small.")
def longest_pieces_left_out(text, log_probs):
    longest = max(map(len, log_probs), default=0)
    return _viterbi(text, {piece: value for piece, value in log_probs.items() if len(piece) < longest or longest == 1})


@unigram_segment.mutant(
    "You cut the text at spaces first. It is segmented as it is: a space needs a piece like any other character."
)
def cut_at_spaces(text, log_probs):
    return [piece for word in text.split() for piece in _viterbi(word, log_probs)]


@unigram_segment.mutant("You turn the text to lower case. It is segmented as it is.")
def lower_case(text, log_probs):
    return _viterbi(text.lower(), log_probs)


@unigram_segment.mutant(
    "You try every segmentation: their number doubles with each character. Keep the best one up to each end (or `functools.cache` your function) and build on it."
)
def all_of_them(text, log_probs):
    if len(text) > 20:
        return _viterbi(text, log_probs)
    ways = list(_ways(text, log_probs))
    if not ways:
        raise ValueError("none")
    return max(ways, key=lambda pieces: sum(log_probs[piece] for piece in pieces))


@unigram_segment.mutant("You return log-probabilities. The pieces themselves are asked for.")
def numbers_instead(text, log_probs):
    return [log_probs[piece] for piece in _viterbi(text, log_probs)]


@unigram_segment.mutant("You return the pieces and their sum. The pieces alone are asked for, as a list.")
def with_the_sum(text, log_probs):
    pieces = _viterbi(text, log_probs)
    return pieces, sum(log_probs[piece] for piece in pieces)


@unigram_segment.mutant("You return a tuple. A list is asked for.")
def as_a_tuple(text, log_probs):
    return tuple(_viterbi(text, log_probs))


@unigram_segment.mutant(
    "You change the caller's dict (`setdefault`, `pop`, `|=`, or a defaultdict's look-up). Use `get`, or make your own."
)
def changes_the_dict(text, log_probs):
    for letter in [*text, ""]:
        log_probs.setdefault(letter, -math.inf)
    return _viterbi(text, {piece: value for piece, value in log_probs.items() if value > -math.inf})


@unigram_segment.mutant(
    "Your function returns nothing (None). End it with `return` and the list; `print` shows it only."
)
def nothing_returned(text, log_probs):
    _viterbi(text, log_probs)


@unigram_segment.stand_in
def by_the_library(text, log_probs):
    lent = {letter: -1e6 for letter in text if letter not in log_probs}
    model = models.Unigram([*log_probs.items(), *lent.items()], None, False)
    pieces = [token.value for token in model.tokenize(text)] if text else []
    if lent.keys() & set(pieces):
        raise ValueError("no row of pieces gives this text")
    return pieces


@unigram_segment.variant
def by_a_cached_function(text, log_probs):
    @functools.cache
    def best(start):
        if start == len(text):
            return 0.0, ()
        ways = [(-math.inf, ())]
        for end in range(start + 1, len(text) + 1):
            if text[start:end] in log_probs:
                total, rest = best(end)
                ways.append((log_probs[text[start:end]] + total, (text[start:end], *rest)))
        return max(ways)

    total, pieces = best(0)
    if total == -math.inf:
        raise ValueError("cannot be segmented")
    return list(pieces)


@unigram_segment.variant
def forwards_with_a_dict(text, log_probs):
    reached = {0: (0.0, [])}
    for start in range(len(text)):
        if start in reached:
            total, pieces = reached[start]
            for piece, log_prob in log_probs.items():
                if text.startswith(piece, start):
                    end = start + len(piece)
                    if end not in reached or reached[end][0] < total + log_prob:
                        reached[end] = total + log_prob, [*pieces, piece]
    if len(text) not in reached:
        raise ValueError("no segmentation")
    return reached[len(text)][1]


@unigram_segment.variant
def as_a_shortest_path(text, log_probs):
    heap, done = [(0.0, 0, 0)], {}
    while heap:
        cost, end, start = heapq.heappop(heap)
        if end in done:
            continue
        done[end] = start
        for later in range(end + 1, len(text) + 1):
            if text[end:later] in log_probs:
                heapq.heappush(heap, (cost - log_probs[text[end:later]], later, end))
    if len(text) not in done:
        raise ValueError(text)
    cuts = [len(text)]
    while cuts[-1]:
        cuts.append(done[cuts[-1]])
    return [text[a:b] for a, b in itertools.pairwise(cuts[::-1])]
