"""# Learn the merges

Now train: start from bytes, and let the text itself say which pairs become tokens.

1. Cut the text into pre-tokens (your `pretokenize`), and each into its UTF-8 bytes. Ids 0 to 255 are the bytes.
2. Count all pairs of neighbours within pre-tokens, overlaps counted. Never across a cut.
3. The most frequent pair is the next merge. Of equally frequent ones take the smaller pair of ids (`(97, 98)` before `(98, 97)`).
4. Merge it wherever it stands. Its id is the next free one: the first merge makes 256, the second 257.
5. Go on at 2 until the vocabulary has `vocab_size` ids, bytes included; or stop early when no pair comes twice.

Counting everything anew after each merge is right and slow: nearly all of a text is not concerned by one merge. A text of a million
words has a few ten thousand different ones, and a pair stands in few of those. So: keep each *different* pre-token once, with
how often it comes; keep, for each pair, its count and the words that hold it; and let a merge touch those words alone. One of the
checks counts the work that a merge takes.
"""

import heapq
import itertools
import json
from collections import Counter, defaultdict

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from grader import Mismatch, close, exercise, raises, steps


@exercise(
    points=5,
    uses=["pretokenize", "count_pairs", "merge"],
    twins=["BpeTrainer", "train_from_iterator", "train_new_from_iterator", "ByteLevelBPETokenizer"],
    hints=[
        "First make it right: `words = [list(piece.encode()) for piece in pretokenize(text)]`, then in a loop count with "
        "`count_pairs`, choose, merge every word with `merge`. All checks but the one that counts work hold then.",
        "To choose: a pair is better when its count is larger, or equal and the pair smaller. "
        "`min(counts, key=lambda pair: (-counts[pair], pair))` says so. Keep it only if its count is 2 or more.",
        "`Counter(pretokenize(text))` holds each different pre-token once, with how often it comes. A pair of such a word counts "
        "that many times, each time that it stands in it.",
        "Keep `holders[pair]`, the set of the numbers of the words that hold a pair. For each word in `holders.pop(pair)`: take the word's pairs "
        "off the counts, merge it, put its new pairs onto the counts, and add the word to their holders. Other words stay as they are.",
    ],
)
def train_bpe(text: str, vocab_size: int) -> list[tuple[int, int]]:
    """Return the merges that byte-pair encoding learns from `text`, in order; merge number i makes the id 256 + i.

    At most `vocab_size` - 256, fewer when no pair comes twice. Raises ValueError for a `vocab_size` below 256.

    >>> train_bpe("low lower lowest", 259)
    [(108, 111), (256, 119), (32, 257)]
    """
    if vocab_size < 256:
        raise ValueError(f"256 bytes are in every vocabulary: a vocab_size of {vocab_size} is too small")
    words, times = [], []
    counts, holders = defaultdict(int), defaultdict(set)
    for number, (piece, n) in enumerate(Counter(pretokenize(text)).items()):
        words.append(list(piece.encode()))
        times.append(n)
        for pair in itertools.pairwise(words[number]):
            counts[pair] += n
            holders[pair].add(number)
    queue = [(-n, pair) for pair, n in counts.items()]
    heapq.heapify(queue)
    merges = []
    while queue and len(merges) < vocab_size - 256:
        promised, pair = heapq.heappop(queue)
        if -promised != counts[pair]:  # other merges have taken some of it: back to where it belongs now
            heapq.heappush(queue, (-counts[pair], pair))
            continue
        if counts[pair] < 2:
            break
        left, right = pair
        new = 256 + len(merges)
        merges.append(pair)
        made = set()
        for number in holders.pop(pair):
            word, n, i = words[number], times[number], 0
            while i < len(word) - 1:
                if word[i] == left and word[i + 1] == right:
                    word[i : i + 2] = [new]
                    if i > 0:
                        before = word[i - 1]
                        counts[before, left] -= n
                        counts[before, new] += n
                        holders[before, new].add(number)
                        made.add((before, new))
                    if i < len(word) - 1:
                        behind = word[i + 1]
                        counts[right, behind] -= n
                        counts[new, behind] += n
                        holders[new, behind].add(number)
                        made.add((new, behind))
                i += 1
        for pair in made:
            heapq.heappush(queue, (-counts[pair], pair))
    return merges


def _pieces(text):
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return [text[start:end] for _, (start, end) in cut.pre_tokenize_str(text)]


def _library_merges(text, vocab_size):
    """The library's trainer, each byte spelled as one letter so that its ids are ours."""
    letters = [chr(0x4E00 + byte) for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, min_frequency=2, initial_alphabet=letters, show_progress=False)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.train_from_iterator(["".join(letters[b] for b in piece.encode()) for piece in _pieces(text)], trainer)
    ids = tokenizer.get_vocab()
    return [(ids[left], ids[right]) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]


_SPEECH = """\
Tomorrow, and tomorrow, and tomorrow,
Creeps in this petty pace from day to day
To the last syllable of recorded time,
And all our yesterdays have lighted fools
The way to dusty death. Out, out, brief candle!"""


@train_bpe.check
def equals_the_library(train_bpe):
    """from a speech of Macbeth's it learns the merges that the library's trainer learns, ties broken in the same way"""
    close(train_bpe(_SPEECH, 276), _library_merges(_SPEECH, 276))
    close(train_bpe(_SPEECH, 300), _library_merges(_SPEECH, 300))


@train_bpe.check
def by_hand(train_bpe):
    """ "aaabdaaabac" gives aa, then ab (as frequent as aa with a, but smaller: 97 is before 256), then both together"""
    close(train_bpe("aaabdaaabac", 259), [(97, 97), (97, 98), (256, 257)])
    close(train_bpe("cbcbabab", 257), [(97, 98)])


@train_bpe.check
def size(train_bpe):
    """`vocab_size` counts the 256 bytes: 256 learns nothing, 257 one merge, and it stops there"""
    close(train_bpe("to be or not to be", 256), [])
    close(train_bpe("to be or not to be", 257), [(32, 98)])
    close(len(train_bpe(_SPEECH, 266)), 10, what="the number of merges for 266 ids")


@train_bpe.check
def stops_when_nothing_comes_twice(train_bpe):
    """when no pair comes twice there is nothing left to learn, however large `vocab_size` is"""
    close(train_bpe("abcd", 300), [])
    close(train_bpe("", 300), [])
    close(train_bpe("xyz xyz", 300), [(120, 121), (256, 122)])
    close(train_bpe("aaabdaaabac", 1000), [(97, 97), (97, 98), (256, 257)])


@train_bpe.check
def never_across_pre_tokens(train_bpe):
    """pairs are counted within pre-tokens: not a word's end with the sign, line or word behind it"""
    close(train_bpe("a! a! a! a! xy xy", 300), [(32, 97), (32, 120), (257, 121)])
    close(train_bpe("so\nso\nso\n1so", 300), [(115, 111)])
    close(train_bpe("I'm he'd I'm", 300), [(39, 109)])


@train_bpe.check
def a_word_counts_each_time(train_bpe):
    """a pair counts as often as it stands in the text: in each word, each time that the word comes, overlaps too"""
    close(train_bpe("zz zz zz zz ab abc abd", 257), [(122, 122)])
    close(train_bpe("xyxyxy pq pq", 257), [(120, 121)])
    close(train_bpe("aaaa bc bc", 257), [(97, 97)])
    close(train_bpe("aaa\nbc\nbc\nde\nde", 258), [(97, 97), (98, 99)])


@train_bpe.check
def bytes_of_any_script(train_bpe):
    """letters beyond ASCII are two or more bytes: é is 195 and 169, 天 is 229, 164 and 169"""
    close(train_bpe("éééé", 257), [(195, 169)])
    close(train_bpe("天天天", 258), [(164, 169), (229, 256)])
    close(train_bpe("今天天气 👍🏽 👍🏽 naïve naïve", 290), _library_merges("今天天气 👍🏽 👍🏽 naïve naïve", 290))


@train_bpe.check
def too_small(train_bpe):
    """a `vocab_size` below 256 is refused with ValueError"""
    for vocab_size in (255, 0, -1):
        with raises(ValueError):
            train_bpe("to be or not to be", vocab_size)


_FREQUENT = "jumps quick lazy vex worn giant"


def _work_of_merging(train_bpe, bystanders):
    """Instructions that merges 2 to 20 take where `bystanders` words, each different, hold none of their pairs."""
    rare = ["".join(letters) for letters in itertools.product("bdfh", repeat=4)][:: 256 // bystanders]
    text = " ".join([*rare, *[_FREQUENT] * 80])
    merges, whole = steps(train_bpe, text, 276)
    close(merges, _library_merges(text, 276))
    return whole - steps(train_bpe, text, 257)[1]


@train_bpe.check
def touches_only_its_words(train_bpe):
    """a merge touches only the words that hold its pair: 192 words more that hold none cost merges 2 to 20 nothing"""
    more = _work_of_merging(train_bpe, 256) - _work_of_merging(train_bpe, 64)
    if more > 19 * 192:
        raise Mismatch(
            f"192 words more, none of which holds a pair that is merged, cost about {round(more, -3):,} more instructions of Python in 19 merges; "
            "a merge should not look at them"
        )


def _words(rng, different, length, letters="aben "):
    numbers = torch.randint(len(letters), (different, length), generator=rng).tolist()
    return ["".join(letters[i] for i in word) for word in numbers]


@train_bpe.hidden
def equals_the_library_anywhere(train_bpe, rng):
    """texts of any words, often with ties, give the merges that the library's trainer learns"""
    for different, length, vocab_size in ((3, 8, 300), (40, 5, 320), (10, 40, 300)):
        words = _words(rng, different, length)
        text = " ".join(words[i] for i in torch.randint(different, (2 * different,), generator=rng).tolist())
        close(train_bpe(text, vocab_size), _library_merges(text, vocab_size))


@train_bpe.hidden
def runs_of_one_letter(train_bpe, rng):
    """words of one letter again and again, where pairs overlap, are counted and merged as the library does"""
    for _ in range(3):
        lengths = torch.randint(1, 14, (12,), generator=rng).tolist()
        text = " ".join("ab"[n % 2] * n for n in lengths) + "\n" * lengths[0]
        close(train_bpe(text, 280), _library_merges(text, 280))


@train_bpe.hidden
def any_script(train_bpe, rng):
    """texts of many scripts, emoji and code give the merges that the library's trainer learns"""
    scraps = [
        "don't ",
        "Straße ",
        "слово ",
        "漢字",
        "한글 ",
        "العربية ",
        "👍🏽",
        "🇨🇭 ",
        "x += 1\n",
        "    return ",
        "42 ",
        "e\u0301 ",
        "\x00",
    ]
    text = "".join(scraps[i] for i in torch.randint(len(scraps), (60,), generator=rng).tolist())
    close(train_bpe(text, 330), _library_merges(text, 330))


@train_bpe.hidden
def any_size(train_bpe, rng):
    """every vocabulary size gives the first merges of the larger one, down to 256; below, ValueError"""
    text = " ".join(_words(rng, 30, 4, "kmt"))
    whole = _library_merges(text, 290)
    for size in torch.randint(256, 290, (3,), generator=rng).tolist():
        close(train_bpe(text, size), whole[: size - 256])
    with raises(ValueError):
        train_bpe(text, int(torch.randint(1, 256, (), generator=rng)))


# ---- wrong answers: a plain trainer, with one thing wrong ----


def _pairs(word):
    return list(itertools.pairwise(word))


def _joined(word, pair, new):
    letters = "".join(map(chr, word)).replace(chr(pair[0]) + chr(pair[1]), chr(new))
    return [ord(c) for c in letters]


def _smaller(counts):
    return min(counts, key=lambda pair: (-counts[pair], pair))


def _learn(words, vocab_size, *, pairs=_pairs, join=_joined, choose=_smaller, least=2, first=256):
    """Learn from (word, how often), counting everything anew after each merge."""
    if vocab_size < 256:
        raise ValueError("too small")
    merges = []
    while len(merges) < vocab_size - 256:
        counts = Counter()
        for word, n in words:
            for pair in pairs(word):
                counts[pair] += n
        if not counts or counts[pair := choose(counts)] < least:
            break
        new = first + len(merges)
        merges.append(pair)
        words = [(join(word, pair, new), n) for word, n in words]
    return merges


def _counted(text):
    return [(list(piece.encode()), n) for piece, n in Counter(_pieces(text)).items()]


def _quick(text, vocab_size):
    """The library's merges where nothing is wrong: for answers whose mistake is elsewhere."""
    if vocab_size < 256:
        raise ValueError("too small")
    return _library_merges(text, vocab_size)


_ALL_WORDS = (
    "The merges are right, but each one goes over all words of the text. Keep for each pair the words that hold it, and touch "
    "those alone."
)


@train_bpe.mutant(_ALL_WORDS)
def counts_everything_anew(text, vocab_size):
    return _learn(_counted(text), vocab_size)


@train_bpe.mutant(_ALL_WORDS)
def looks_for_the_pair_everywhere(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    words, counts, merges = _counted(text), Counter(), []
    for word, n in words:
        for pair in _pairs(word):
            counts[pair] += n
    while len(merges) < vocab_size - 256 and counts and counts[best := _smaller(counts)] > 1:
        merges.append(best)
        for i, (word, n) in enumerate(words):
            if best in _pairs(word):
                for pair in _pairs(word):
                    counts[pair] -= n
                words[i] = _joined(word, best, 255 + len(merges)), n
                for pair in _pairs(words[i][0]):
                    counts[pair] += n
    return merges


@train_bpe.mutant("Nothing is learnt: the list of merges stays empty.")
def learns_nothing(text, vocab_size):
    return _quick(text, vocab_size)[:0]


@train_bpe.mutant("You count without overlap: `aaaa` has the pair (97, 97) three times.")
def counts_without_overlap(text, vocab_size):
    def pairs(word):
        kept, last = [], {}
        for i, pair in enumerate(itertools.pairwise(word)):
            if last.get(pair) != i - 1:
                kept.append(pair)
                last[pair] = i
        return kept

    return _learn(_counted(text), vocab_size, pairs=pairs)


@train_bpe.mutant(
    "Merging overlaps: in `aaa` the middle letter is used twice, and the text grows. After a match, go on behind it."
)
def merges_with_overlap(text, vocab_size):
    def join(word, pair, new):
        found = [p == pair for p in itertools.pairwise(word)] + [False]
        return [
            new if here else one
            for one, here, used in zip(word, found, [False, *found], strict=False)
            if here or not used
        ]

    return _learn(_counted(text), vocab_size, join=join)


@train_bpe.mutant("You keep the second half of a pair beside its new id.")
def second_half_kept(text, vocab_size):
    def join(word, pair, new):
        found = [p == pair for p in itertools.pairwise(word)] + [False]
        return [new if here else one for one, here in zip(word, found, strict=False)]

    return _learn(_counted(text), vocab_size, join=join)


@train_bpe.mutant(
    "Of equally frequent pairs you take the larger. Take the smaller pair of ids: `max` over (count, pair) gives the larger."
)
def ties_to_the_larger(text, vocab_size):
    return _learn(_counted(text), vocab_size, choose=lambda counts: max(counts, key=lambda pair: (counts[pair], pair)))


@train_bpe.mutant(
    "Of equally frequent pairs you take the one seen first (`max` with `key=counts.get`, and `most_common`, do). Take the smaller pair of ids."
)
def ties_to_the_first_seen(text, vocab_size):
    return _learn(_counted(text), vocab_size, choose=lambda counts: max(counts, key=counts.get))


@train_bpe.mutant("Of equally frequent pairs you take the one seen last. Take the smaller pair of ids.")
def ties_to_the_last_seen(text, vocab_size):
    return _learn(_counted(text), vocab_size, choose=lambda counts: max(reversed(counts), key=counts.get))


@train_bpe.mutant(
    "Of equally frequent pairs you take the smaller by their bytes. Compare ids: a token learnt later has a larger one, whatever it spells."
)
def ties_by_bytes(text, vocab_size):
    spelled = {i: bytes([i]) for i in range(256)}

    def choose(counts):
        best = min(counts, key=lambda pair: (-counts[pair], spelled[pair[0]], spelled[pair[1]]))
        spelled[len(spelled)] = spelled[best[0]] + spelled[best[1]]
        return best

    return _learn(_counted(text), vocab_size, choose=choose)


@train_bpe.mutant("You take the rarest pair. Take the most frequent.")
def the_rarest(text, vocab_size):
    return _learn(
        _counted(text), vocab_size, choose=lambda counts: min(counts, key=lambda pair: (counts[pair], pair)), least=1
    )


@train_bpe.mutant(
    "Pairs are counted across pre-tokens: you take the bytes of the whole text as one word. Cut it with `pretokenize` first."
)
def across_pre_tokens(text, vocab_size):
    return _learn([(list(text.encode()), 1)], vocab_size)


@train_bpe.mutant(
    "You join the pre-tokens again before you count, so the end of one is paired with the start of the next."
)
def across_different_pre_tokens(text, vocab_size):
    return _learn([(list("".join(dict.fromkeys(_pieces(text))).encode()), 1)], vocab_size)


@train_bpe.mutant(
    "You cut at white space (`split`), and the spaces are lost. Cut with `pretokenize`: a space belongs to the word behind it."
)
def cut_by_split(text, vocab_size):
    return _learn([(list(piece.encode()), n) for piece, n in Counter(text.split()).items()], vocab_size)


@train_bpe.mutant("You strip the pre-tokens, so no token begins with a space. The space belongs to the word.")
def stripped(text, vocab_size):
    return _learn([(list(piece.strip().encode()), 1) for piece in _pieces(text)], vocab_size)


@train_bpe.mutant("Each different word counts once. A word that comes ten times counts ten times.")
def not_weighted(text, vocab_size):
    return _learn([(word, 1) for word, n in _counted(text)], vocab_size)


@train_bpe.mutant("A pair counts once a word, however often it stands in it.")
def once_a_word(text, vocab_size):
    return _learn(_counted(text), vocab_size, pairs=lambda word: dict.fromkeys(itertools.pairwise(word)))


@train_bpe.mutant("You stop one merge early: `vocab_size` - 256 of them are wanted.")
def one_too_few(text, vocab_size):
    merges = _quick(text, vocab_size)
    return merges[:-1] if len(merges) == vocab_size - 256 else merges


@train_bpe.mutant("You learn one merge too many: `vocab_size` - 256 of them are wanted.")
def one_too_many(text, vocab_size):
    return _library_merges(text, vocab_size + 1) if vocab_size > 255 else _quick(text, vocab_size)


@train_bpe.mutant(
    "You learn `vocab_size` merges. The 256 bytes are part of the vocabulary: `vocab_size` - 256 are wanted."
)
def bytes_not_counted(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    return _library_merges(text, vocab_size + 256)


@train_bpe.mutant("You merge pairs that come once. When none comes twice, nothing is left to learn: stop.")
def goes_on_with_pairs_that_come_once(text, vocab_size):
    return _learn(_counted(text), vocab_size, least=1)


@train_bpe.mutant("You stop while pairs still come twice. Two times are enough.")
def stops_at_two(text, vocab_size):
    return _learn(_counted(text), vocab_size, least=3)


@train_bpe.mutant(
    "A text in which no pair is left breaks your function (`max` or `min` of nothing). Stop when there is no pair."
)
def breaks_when_nothing_is_left(text, vocab_size):
    merges = _quick(text, vocab_size)
    if len(merges) < vocab_size - 256 and len(merges) < 3:
        max([])
    return merges


@train_bpe.mutant(
    "You begin with characters (`ord`) or with another encoding's bytes. Begin with the bytes of UTF-8: `piece.encode()`."
)
def characters_for_bytes(text, vocab_size):
    return _learn([(list(map(ord, piece)), n) for piece, n in Counter(_pieces(text)).items()], vocab_size, first=256)


@train_bpe.mutant("New ids begin at 257 (or one is left out). The first merge makes 256.")
def ids_from_257(text, vocab_size):
    return _learn(_counted(text), vocab_size, first=257)


@train_bpe.mutant("New ids begin at 0, where the bytes are. The first merge makes 256.")
def ids_from_0(text, vocab_size):
    return _learn(_counted(text), vocab_size, first=0)


@train_bpe.mutant(
    "You count once and take the pairs from the top: pairs with a new token in them never come up. A merge changes the counts."
)
def counted_once(text, vocab_size):
    merges = _quick(text, vocab_size)
    counts = Counter()
    for word, n in _counted(text):
        for pair in _pairs(word):
            counts[pair] += n
    ranked = sorted((pair for pair in counts if counts[pair] > 1), key=lambda pair: (-counts[pair], pair))
    return ranked[: vocab_size - 256] if merges or ranked else merges


def _keeping_count(text, vocab_size, subtract, add):
    if vocab_size < 256:
        raise ValueError("too small")
    words, counts, merges = _counted(text), Counter(), []
    for word, n in words:
        for pair in _pairs(word):
            counts[pair] += n
    while len(merges) < vocab_size - 256 and counts and counts[best := _smaller(counts)] > 1:
        merges.append(best)
        del counts[best]
        for i, (word, n) in enumerate(words):
            joined = _joined(word, best, 255 + len(merges))
            if joined != word:
                subtract(counts, word, joined, best, n)
                add(counts, word, joined, 255 + len(merges), n)
                words[i] = joined, n
    return merges


def _take_all(counts, word, joined, best, n):
    for pair in _pairs(word):
        if pair != best:
            counts[pair] -= n


def _give_all(counts, word, joined, new, n):
    for pair in _pairs(joined):
        counts[pair] += n


@train_bpe.mutant(
    "The counts that you compare are old. What a merge breaks up must be taken off its neighbours' pairs; and what a heap gives may have become rarer since: look at the pair's count now, and put it back if it has changed."
)
def nothing_taken_off(text, vocab_size):
    def add(counts, word, joined, new, n):
        for pair in _pairs(joined):
            counts[pair] += n * (new in pair)

    return _keeping_count(text, vocab_size, lambda *_: None, add)


@train_bpe.mutant("Counts are changed by one a word, not by how often the word comes.")
def changed_by_one(text, vocab_size):
    def subtract(counts, word, joined, best, n):
        _take_all(counts, word, joined, best, 1)

    def add(counts, word, joined, new, n):
        _give_all(counts, word, joined, new, 1)

    return _keeping_count(text, vocab_size, subtract, add)


@train_bpe.mutant(
    "That is minbpe's trainer. Its rules are others: of equally frequent pairs it takes the one seen first, it does not stop when none comes "
    "twice, and it refuses by `assert`."
)
def as_minbpe_has_it(text, vocab_size):
    assert vocab_size >= 256
    words, merges = [list(piece.encode()) for piece in _pieces(text)], []
    for new in range(256, vocab_size):
        counts = Counter(pair for word in words for pair in _pairs(word))
        merges.append(max(counts, key=counts.get))
        words = [_joined(word, merges[-1], new) for word in words]
    return merges


@train_bpe.mutant(
    "The counts that you compare are old. What a merge breaks up must be taken off its neighbours' pairs; and what a heap gives may have become rarer since: look at the pair's count now, and put it back if it has changed."
)
def old_counts_in_the_heap(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    words, counts, merges = _counted(text), Counter(), []
    for word, n in words:
        for pair in _pairs(word):
            counts[pair] += n
    queue = [(-n, pair) for pair, n in counts.items()]
    heapq.heapify(queue)
    while queue and len(merges) < vocab_size - 256:
        n, best = heapq.heappop(queue)
        if n > -2:
            break
        merges.append(best)
        for i, (word, n) in enumerate(words):
            joined = _joined(word, best, 255 + len(merges))
            if joined != word:
                counts.subtract({pair: n * times for pair, times in Counter(_pairs(word)).items()})
                counts.update({pair: n * times for pair, times in Counter(_pairs(joined)).items()})
                words[i] = joined, n
        for pair in sorted(counts):
            if 255 + len(merges) in pair:
                heapq.heappush(queue, (-counts[pair], pair))
    return merges


@train_bpe.mutant("You merge only the first such pair of a word. Merge them all.")
def first_of_a_word(text, vocab_size):
    def join(word, pair, new):
        found = list(itertools.pairwise(word))
        if pair not in found:
            return word
        i = found.index(pair)
        return [*word[:i], new, *word[i + 2 :]]

    return _learn(_counted(text), vocab_size, join=join)


@train_bpe.mutant("The same pair is learnt again and again: merge it in the words, not in a copy that is thrown away.")
def not_merged(text, vocab_size):
    return _learn(_counted(text), vocab_size, join=lambda word, pair, new: word)


@train_bpe.mutant("A `vocab_size` below 256 must be refused: `raise ValueError`.")
def nothing_refused(text, vocab_size):
    return _library_merges(text, vocab_size) if vocab_size >= 256 else []


@train_bpe.mutant(
    "A `vocab_size` of 256 is fine: it has no room for a merge, so the list is empty. Refuse what is below."
)
def refuses_256(text, vocab_size):
    if vocab_size <= 256:
        raise ValueError("too small")
    return _library_merges(text, vocab_size)


@train_bpe.mutant("A `vocab_size` below 256 must be refused with ValueError; `assert` raises AssertionError.")
def refused_by_assert(text, vocab_size):
    assert vocab_size >= 256
    return _library_merges(text, vocab_size)


@train_bpe.mutant("You return a dict from pair to id. Return the list of pairs: the place of a pair in it says its id.")
def a_dict(text, vocab_size):
    return {pair: 256 + i for i, pair in enumerate(_quick(text, vocab_size))}


@train_bpe.mutant("You return the pairs with their ids or counts. Return the pairs alone.")
def pairs_with_ids(text, vocab_size):
    return [(pair, 256 + i) for i, pair in enumerate(_quick(text, vocab_size))]


@train_bpe.mutant("You return what the tokens spell. Return the pairs of ids.")
def as_bytes(text, vocab_size):
    spelled = [bytes([i]) for i in range(256)]
    merges = _quick(text, vocab_size)
    for one, two in merges:
        spelled.append(spelled[one] + spelled[two])
    return [(spelled[one], spelled[two]) for one, two in merges]


@train_bpe.mutant("Each pair is a list. Make it a tuple, `(left, right)`: lists cannot be keys of a dict.")
def lists_for_tuples(text, vocab_size):
    return [list(pair) for pair in _quick(text, vocab_size)]


@train_bpe.mutant("Your function returns nothing (None). End it with `return` and the list.")
def nothing_returned(text, vocab_size):
    _quick(text, vocab_size)


# ---- right answers ----


@train_bpe.stand_in
def by_the_library(text, vocab_size):
    if vocab_size < 256:
        raise ValueError("too small")
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False)
    spelled = [
        "".join(chr(0x2800 + byte) for byte in text[start:end].encode())
        for _, (start, end) in cut.pre_tokenize_str(text)
    ]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=list(map(chr, range(0x2800, 0x2900))),
    )
    peer = Tokenizer(models.BPE())
    peer.train_from_iterator(spelled, trainer)
    return [tuple(map(peer.token_to_id, pair)) for pair in json.loads(peer.to_str())["model"]["merges"]]


@train_bpe.variant
def word_by_word(text, vocab_size):
    if not vocab_size >= 256:
        raise ValueError(vocab_size)
    words = [(tuple(piece.encode()), n) for piece, n in Counter(_pieces(text)).items()]
    index, counts, merges = defaultdict(list), Counter(), []
    for place, (word, n) in enumerate(words):
        for pair in itertools.pairwise(word):
            index[pair].append(place)
            counts[pair] += n
    while len(merges) + 256 < vocab_size and counts:
        most = max(counts.values())
        if most == 1:
            break
        best = min(pair for pair, n in counts.items() if n == most)
        merges.append(best)
        for place in index.pop(best):
            word, n = words[place]
            counts.subtract({pair: n * times for pair, times in Counter(itertools.pairwise(word)).items()})
            word = tuple(_joined(word, best, 255 + len(merges)))
            words[place] = word, n
            for pair in itertools.pairwise(word):
                counts[pair] += n
                index[pair].append(place)
        counts = +counts
    return merges


class _Node:
    def __init__(self, token, times, before):
        self.token, self.times, self.before, self.behind = token, times, before, None


@train_bpe.variant
def by_linked_lists(text, vocab_size):
    """Every occurrence of a pair is known by its left node, as in a suffix of the text."""
    if vocab_size < 256:
        raise ValueError("vocab_size")
    places, counts, order = defaultdict(set), Counter(), itertools.count()

    def enter(node):
        if node is not None and node.behind is not None:
            places[node.token, node.behind.token].add(node)
            counts[node.token, node.behind.token] += node.times

    def leave(node):
        if node is not None and node.behind is not None:
            places[node.token, node.behind.token].remove(node)
            counts[node.token, node.behind.token] -= node.times

    position = {}
    for piece, times in Counter(_pieces(text)).items():
        before = None
        for byte in piece.encode():
            node = _Node(byte, times, before)
            position[node] = next(order)
            if before is not None:
                before.behind = node
                enter(before)
            before = node
    merges = []
    while len(merges) < vocab_size - 256:
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            return merges
        merges.append(best)
        for node in sorted(places[best], key=position.get):
            if (node.token, node.behind and node.behind.token) != best or node not in places[best]:
                continue
            for one in (node.before, node, node.behind):
                leave(one)
            node.behind.token = None
            node.token, node.behind = 255 + len(merges), node.behind.behind
            if node.behind is not None:
                node.behind.before = node
            for one in (node.before, node):
                enter(one)
    return merges
