"""# Near-duplicates

A crawl of the web holds the same text many times over, seldom letter by letter: another date, another footer. A model that reads a text
a hundred times learns it by heart and learns less of the rest. So near-duplicates go before training.

Two texts are compared by their *shingles*, the sets $A$ and $B$ of all runs of a few consecutive words, by the Jaccard similarity

$$J = \\frac{|A \\cap B|}{|A \\cup B|}.$$

To compare every shingle of every pair would take for ever. *MinHash* makes a short signature of each text instead: take a random hash
function, hash all shingles of the text, and keep the smallest hash. Two texts have the same smallest hash with probability $J$, since the
smallest of $A \\cup B$ is as likely to be any of its shingles, and it is the smallest of both where it lies in $A \\cap B$. With
`n_hashes` hash functions, the share of those whose minima agree estimates $J$
([Broder, 1997](https://doi.org/10.1109/SEQUEN.1997.666900)).

Return the indices of the documents that are kept, in order. Go through the documents from the first to the last; drop one whose estimated
similarity with any earlier *kept* document is at least `threshold`, and keep it otherwise.

- A shingle is a run of `shingle` consecutive words, as `split()` gives them. A text with fewer words is one shingle, all of it.
- Exact copies of a kept document are always dropped, empty ones too.
- `seed` chooses the hash functions; the same seed gives the same result in every process. Python's own `hash` of a string does not: it is
  another one in each process. `zlib.crc32`, `hashlib` and arithmetic modulo a large prime are.
- Which hash functions you draw is up to you. No check comes near the threshold, so any good ones pass.
"""

import hashlib
import random
import zlib

import numpy as np
import torch

from grader import close, exercise, leaves_alone


@exercise(
    points=3,
    twins=["MinHash", "MinHashLSH", "LeanMinHash", "WeightedMinHash"],
    hints=[
        "Three small steps: a text to its set of shingles; a set to its signature, a list of `n_hashes` numbers; two signatures to the share of "
        "places at which they agree.",
        'The words from i to i + shingle make one shingle: `" ".join(words[i : i + shingle])`. How many i are there? At least one, even for a '
        "short text.",
        "Turn each shingle into a number once (`zlib.crc32`), and that number into many by (a · x + b) mod p with a and b drawn from "
        "`random.Random(seed)`, a different pair for each hash function, and p a prime above 2³², for example 2⁶¹ − 1.",
        "A document is compared with the signatures of those *kept* so far. One that was dropped drops nobody: texts that change little by "
        "little would otherwise all go but the first.",
    ],
)
def dedup_minhash(
    documents: list[str], threshold: float = 0.8, n_hashes: int = 128, shingle: int = 5, seed: int = 0
) -> list[int]:
    """Return the indices of the documents to keep, in order.

    Dropped is what has an estimated Jaccard similarity of at least `threshold` with an earlier kept document.

    Args:
        documents: texts.
        threshold: the least similarity that makes a duplicate, from 0 to 1.
        n_hashes: hash functions in a signature.
        shingle: words in a shingle.
        seed: chooses the hash functions.

    >>> dedup_minhash(["the cat sat on the mat", "a dog", "the cat sat on the mat", "a cat"])
    [0, 1, 3]
    """
    prime = (1 << 61) - 1
    rng = random.Random(seed)
    pairs = [(rng.randrange(1, prime), rng.randrange(prime)) for _ in range(n_hashes)]
    kept, signatures = [], []
    for index, document in enumerate(documents):
        words = document.split()
        starts = range(max(1, len(words) - shingle + 1))
        hashes = {zlib.crc32(" ".join(words[i : i + shingle]).encode()) for i in starts}
        signature = [min((a * x + b) % prime for x in hashes) for a, b in pairs]
        if all(sum(map(int.__eq__, signature, other)) < threshold * n_hashes for other in signatures):
            kept.append(index)
            signatures.append(signature)
    return kept


def minhash_words(n, start=0):
    """n different words of eight to ten letters, numbers `start` and up of an endless row of them."""
    heads, tails = (
        ["bramble", "candle", "dapple", "ferret", "gander", "hollow", "kettle", "lumber"],
        ["wick", "tor", "den", "ly", "mast", "ful", "ring", "by"],
    )
    return [heads[i % 8] + tails[i // 8 % 8] + chr(97 + i // 64 % 26) for i in range(start, start + n)]


def minhash_text(n, start=0):
    """A text of n such words."""
    return " ".join(minhash_words(n, start))


@dedup_minhash.check
def finds_near_duplicates(dedup_minhash):
    """of five texts, a copy and one with a word added at its end are dropped; other texts are kept"""
    first, second, third = minhash_text(60), minhash_text(50, 100), minhash_text(40, 200)
    close(dedup_minhash([first, second, first + " tomorrow", third, second]), [0, 1, 3])


@dedup_minhash.check
def a_word_inserted(dedup_minhash):
    """a word more at the beginning, or in the middle, changes few shingles: such texts are dropped"""
    words = minhash_words(60)
    texts = [" ".join(words), " ".join(["today", *words]), " ".join([*words[:30], "so", *words[30:]])]
    close(dedup_minhash(texts, threshold=0.5), [0])


@dedup_minhash.check
def word_shingles(dedup_minhash):
    """the same words in another order, or with each fifth word misspelt, share no run of five words: all three are kept"""
    words = minhash_words(60)
    backwards = " ".join(words[::-1])
    misspelt = " ".join(word[:-1] + "q" if i % 5 == 2 else word for i, word in enumerate(words))
    close(dedup_minhash([" ".join(words), backwards, misspelt], threshold=0.5), [0, 1, 2])


@dedup_minhash.check
def other_shingles(dedup_minhash):
    """with shingles of one word, order counts no more; with shingles of three, misspelling each third word leaves none"""
    words = minhash_words(45)
    misspelt = " ".join(word[:-1] + "q" if i % 3 == 1 else word for i, word in enumerate(words))
    texts = [" ".join(words), misspelt, " ".join(words[::-1])]
    close(dedup_minhash(texts, threshold=0.2, shingle=1, n_hashes=256), [0])
    close(dedup_minhash(texts, threshold=0.2, shingle=3), [0, 1, 2])


@dedup_minhash.check
def the_threshold(dedup_minhash):
    """texts with a similarity of one half: kept at a threshold of 0.8, dropped at 0.2"""
    texts = [minhash_text(48), minhash_text(48, 16)]  # as single words: 32 in common, 64 in all
    close(dedup_minhash(texts, threshold=0.8, shingle=1, n_hashes=256), [0, 1])
    close(dedup_minhash(texts, threshold=0.2, shingle=1, n_hashes=256), [0])


@dedup_minhash.check
def jaccard(dedup_minhash):
    """a short text that stands in a long one is kept: what they share is little of the long one"""
    long, short = minhash_text(80), minhash_text(16, 32)
    close(dedup_minhash([short, long], threshold=0.6, shingle=1, n_hashes=256), [0, 1])
    close(dedup_minhash([long, short], threshold=0.6, shingle=1, n_hashes=256), [0, 1])


@dedup_minhash.check
def at_least_the_threshold(dedup_minhash):
    """at a threshold of 1 exact copies are dropped, and nothing else"""
    first = minhash_text(40)
    close(dedup_minhash([first, minhash_text(40, 10), first, first], threshold=1.0), [0, 1])


@dedup_minhash.check
def against_those_kept(dedup_minhash):
    """the second text resembles the first and is dropped; the third resembles the second alone and is kept"""
    texts = [minhash_text(60), minhash_text(60, 30), minhash_text(60, 60)]  # similarities: 1/3, 1/3 and 0
    close(dedup_minhash(texts, threshold=0.12, shingle=1, n_hashes=384), [0, 2])


@dedup_minhash.check
def far_apart(dedup_minhash):
    """copies are found however many texts lie between"""
    texts = [minhash_text(20, 20 * i) for i in range(6)]
    close(dedup_minhash([*texts, texts[4], texts[0], minhash_text(20, 200)], n_hashes=32), [0, 1, 2, 3, 4, 5, 8])


@dedup_minhash.check
def short_texts(dedup_minhash):
    """texts of fewer words than a shingle, and empty ones, are duplicates of their copies alone"""
    close(dedup_minhash(["good day", "good night", "good day", "day good", "yes"]), [0, 1, 3, 4])
    close(dedup_minhash(["", "yes", "", "no no no no", "yes", "no"]), [0, 1, 3, 5])


@dedup_minhash.check
def exactly_one_shingle(dedup_minhash):
    """two texts of five words are a shingle each, and share none where only their first words differ"""
    close(dedup_minhash([minhash_text(5), minhash_text(5, 40), minhash_text(5), minhash_text(6, 60)]), [0, 1, 3])
    same = minhash_text(4, 10)
    close(dedup_minhash(["yesterday " + same, "today " + same, "today " + same], threshold=0.2), [0, 1])


@dedup_minhash.check
def nothing_to_compare(dedup_minhash):
    """no documents, no indices; one document is kept"""
    close(dedup_minhash([]), [])
    close(dedup_minhash([minhash_text(30)]), [0])


@dedup_minhash.check
def leaves_its_input_alone(dedup_minhash):
    """the caller's list of documents is left as it was"""
    text = minhash_text(30)
    leaves_alone(dedup_minhash, [text, minhash_text(30, 50), text])


def _exact(documents, threshold, shingle):
    """The same with the true Jaccard similarity, and how near to the threshold any pair came."""
    sets = []
    for document in documents:
        words = document.split()
        sets.append({tuple(words[i : i + shingle]) for i in range(max(1, len(words) - shingle + 1))})
    kept, nearest = [], 1.0
    for i, one in enumerate(sets):
        found = [len(one & sets[j]) / len(one | sets[j]) for j in kept]
        nearest = min([nearest, *(abs(j - threshold) for j in found if j < 1)])
        if all(j < threshold for j in found):
            kept.append(i)
    return kept, nearest


def _crawl(rng, n_pages, size):
    """Pages of drawn words; some come again in full, with a last quarter of their own, or backwards."""
    drawn = torch.randint(1000, 5000, (2 * n_pages, size), generator=rng).tolist()
    words = [[f"word{i}" for i in row] for row in drawn]
    pages = words[:n_pages]
    for i, others in zip(torch.randint(0, n_pages, (n_pages,), generator=rng).tolist(), words[n_pages:], strict=True):
        pages += [words[i] if i % 2 else words[i][: -size // 4] + others[-size // 4 :], words[i][::-1]]
    pages = [" ".join(page) for page in pages]
    order = torch.randperm(len(pages), generator=rng).tolist()
    return [pages[i] for i in order]


@dedup_minhash.hidden
def any_crawl(dedup_minhash, rng):
    """drawn pages, some of which come again in full, with another end, or with their words in another order"""
    pages = _crawl(rng, 6, 60)
    kept, nearest = _exact(pages, 0.25, 5)
    if nearest < 0.25:
        raise RuntimeError("a pair of these pages is too near to the threshold")
    close(dedup_minhash(pages, threshold=0.25), kept)


@dedup_minhash.hidden
def any_seed(dedup_minhash, rng):
    """whatever the seed and the number of hashes"""
    pages = _crawl(rng, 4, 50)
    kept, _ = _exact(pages, 0.25, 4)
    for n_hashes in (64, 200):
        seed = int(torch.randint(0, 1 << 31, (), generator=rng))
        close(dedup_minhash(pages, threshold=0.25, n_hashes=n_hashes, shingle=4, seed=seed), kept)


@dedup_minhash.hidden
def copies_and_short_texts(dedup_minhash, rng):
    """pages, then short texts and copies of them, in any order"""
    pages = _crawl(rng, 3, 60)
    close(dedup_minhash(pages, threshold=0.25), _exact(pages, 0.25, 5)[0])
    texts = ["", "a", "b", "a b", "b a", "a b c", "a b c d", "a b c d e", "a a", "e d c b a", "a b c e d"]
    order = torch.randint(0, len(texts), (24,), generator=rng).tolist()
    texts = [texts[i] for i in order]
    close(dedup_minhash(texts, seed=order[0]), [i for i, text in enumerate(texts) if text not in texts[:i]])


def _shingles(document, shingle):
    words = document.split()
    return {" ".join(words[i : i + shingle]) for i in range(max(1, len(words) - shingle + 1))}


def _hashes(n_hashes, seed):
    rng = np.random.default_rng(seed)
    return [
        rng.integers(1, 2**31 - 1, n_hashes, dtype=np.uint64),
        rng.integers(0, 2**31 - 1, n_hashes, dtype=np.uint64),
    ]


def _signature(shingles, hashes):
    a, b = hashes
    x = np.array([zlib.crc32(s.encode()) for s in shingles] or [0], dtype=np.uint64) % np.uint64(2**31 - 1)
    return ((x[:, None] * a + b) % np.uint64(2**31 - 1)).min(0)


def _agree(one, other):
    return float((one == other).mean())


def _kept(items, alike):
    """The usual walk: keep what is like no earlier kept one."""
    kept = []
    for i, item in enumerate(items):
        if not any(alike(item, items[j]) for j in kept):
            kept.append(i)
    return kept


def _signatures(documents, n_hashes, shingle, seed):
    hashes = _hashes(n_hashes, seed)
    return [_signature(_shingles(document, shingle), hashes) for document in documents]


@dedup_minhash.mutant(
    "You compare with every earlier text, dropped ones included. Compare with those kept: texts that change little by little would all go otherwise."
)
def against_dropped_ones(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return [i for i in range(len(s)) if all(_agree(s[i], s[j]) < threshold for j in range(i))]


@dedup_minhash.mutant(
    "You compare each text with the one before it only. A duplicate may lie anywhere among those kept."
)
def neighbours_alone(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return [i for i in range(len(s)) if i == 0 or _agree(s[i], s[i - 1]) < threshold]


@dedup_minhash.mutant(
    "You compare each text with the last one kept only. A duplicate may lie anywhere among those kept."
)
def last_kept_alone(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s, kept = _signatures(documents, n_hashes, shingle, seed), []
    for i in range(len(s)):
        if not kept or _agree(s[i], s[kept[-1]]) < threshold:
            kept.append(i)
    return kept


@dedup_minhash.mutant("Of two alike you drop the earlier one. The first is kept, and later ones go.")
def earlier_dropped(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    kept = _kept(s[::-1], lambda one, other: _agree(one, other) >= threshold)
    return sorted(len(s) - 1 - i for i in kept)


@dedup_minhash.mutant("You drop both of two texts that are alike. The first is kept.")
def both_dropped(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return [i for i in range(len(s)) if all(_agree(s[i], s[j]) < threshold for j in range(len(s)) if j != i)]


@dedup_minhash.mutant("Your shingles are runs of characters. Here they are runs of words: `split()` first.")
def character_shingles(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    hashes = _hashes(n_hashes, seed)
    sets = [{d[i : i + shingle] for i in range(max(1, len(d) - shingle + 1))} for d in documents]
    return _kept([_signature(one, hashes) for one in sets], lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant(
    "You compare sets of single words, whatever `shingle`. A shingle is a run of `shingle` words, so that order counts."
)
def single_words(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, 1, seed)
    return _kept(s, lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant("Your shingles have five words, whatever `shingle`.")
def always_five(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, 5, seed)
    return _kept(s, lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant(
    "Your shingles do not overlap: you step by `shingle`. A run of words begins at every word, or one word inserted would change them all."
)
def blocks(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    hashes = _hashes(n_hashes, seed)
    split = [d.split() for d in documents]
    sets = [{" ".join(w[i : i + shingle]) for i in range(0, max(1, len(w)), shingle)} for w in split]
    return _kept([_signature(one, hashes) for one in sets], lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant(
    "The last run of words is missing from your shingles: there are len(words) − shingle + 1 of them."
)
def last_shingle_lost(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    hashes = _hashes(n_hashes, seed)
    split = [d.split() for d in documents]
    sets = [
        {" ".join(w[i : i + shingle]) for i in range(len(w) - shingle)}
        or ({" ".join(w)} if len(w) < shingle else set())
        for w in split
    ]
    return _kept([_signature(one, hashes) for one in sets], lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant(
    "At the end of a text your runs get shorter, down to its last word alone, so that texts with the same ending look alike. A run has `shingle` words, and "
    "only a text with fewer is a run by itself."
)
def shorter_at_the_end(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    hashes = _hashes(n_hashes, seed)
    split = [d.split() for d in documents]
    sets = [{" ".join(w[i : i + shingle]) for i in range(max(1, len(w)))} for w in split]
    return _kept([_signature(one, hashes) for one in sets], lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant(
    "Texts with fewer words than a shingle have no shingle at all in yours, and so pass for copies of each other. All their words are one shingle."
)
def short_ones_all_alike(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    hashes = _hashes(n_hashes, seed)
    split = [d.split() for d in documents]
    sets = [{" ".join(w[i : i + shingle]) for i in range(len(w) - shingle + 1)} for w in split]
    return _kept([_signature(one, hashes) for one in sets], lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant(
    "Texts with fewer words than a shingle are all kept, copies too. All their words are one shingle, and a copy is a copy."
)
def short_ones_all_kept(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    short = [len(d.split()) < shingle for d in documents]
    both = list(zip(s, short, strict=True))
    return _kept(both, lambda one, other: not one[1] and not other[1] and _agree(one[0], other[0]) >= threshold)


@dedup_minhash.mutant(
    "Texts with fewer words than a shingle are all dropped. All their words are one shingle: only a copy goes."
)
def short_ones_all_dropped(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    kept = _kept(s, lambda one, other: _agree(one, other) >= threshold)
    return [i for i in kept if len(documents[i].split()) >= shingle]


@dedup_minhash.mutant(
    "The minimum of no hashes is an error: a text with fewer words than a shingle has none in yours. All its words are one shingle, in an empty text too."
)
def minimum_of_nothing(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    for d in documents:
        min(range(len(d.split()) - shingle + 1))
    s = _signatures(documents, n_hashes, shingle, seed)
    return _kept(s, lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant("An empty text is always dropped. The first one is kept like any other; only its copies go.")
def empty_dropped(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    kept = _kept(s, lambda one, other: _agree(one, other) >= threshold)
    return [i for i in kept if documents[i].strip()]


@dedup_minhash.mutant(
    "Only exact copies are dropped, or texts whose signatures agree in every place. A text with a word more shares nearly all its shingles: take the share of places that agree."
)
def copies_alone(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    return _kept(documents, lambda one, other: one == other)


@dedup_minhash.mutant(
    "Only exact copies are dropped, or texts whose signatures agree in every place. A text with a word more shares nearly all its shingles: take the share of places that agree."
)
def whole_signature(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return _kept(s, lambda one, other: _agree(one, other) == 1)


@dedup_minhash.mutant("One place in which two signatures agree is enough for you. Take the share of places that agree.")
def one_place(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return _kept(s, lambda one, other: _agree(one, other) > 0)


@dedup_minhash.mutant("`threshold` is not used: you always drop from a similarity of 0.8.")
def always_eight_tenths(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return _kept(s, lambda one, other: _agree(one, other) >= 0.8)


@dedup_minhash.mutant(
    "A similarity of exactly the threshold is enough: at a threshold of 1, copies go. Drop at ≥, not at >."
)
def above_the_threshold(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return _kept(s, lambda one, other: _agree(one, other) > threshold)


@dedup_minhash.mutant(
    "You drop what is *unlike* those kept. Near-duplicates go: a similarity of at least the threshold."
)
def the_wrong_way(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return _kept(s, lambda one, other: _agree(one, other) < threshold)


@dedup_minhash.mutant(
    "You take `threshold` for a distance. It is a similarity: drop where it is at least the threshold."
)
def distance(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return _kept(s, lambda one, other: 1 - _agree(one, other) <= threshold)


@dedup_minhash.mutant(
    "You divide by the smaller of the two sets, so that a short text inside of a long one passes for its copy. Jaccard divides by the union."
)
def containment(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    sets = [_shingles(d, shingle) for d in documents]
    return _kept(sets, lambda one, other: len(one & other) / min(len(one), len(other)) >= threshold)


@dedup_minhash.mutant(
    "You divide by the later text's shingles alone, so that a short text inside of a long one passes for its copy. Jaccard divides by the union."
)
def share_of_the_later(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    sets = [_shingles(d, shingle) for d in documents]
    return _kept(sets, lambda one, other: len(one & other) / len(one) >= threshold)


@dedup_minhash.mutant(
    "Your hash functions are all the same one, so a signature says no more than one number: agreement is all or nothing. Draw each anew."
)
def one_hash_function(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    first = [part[:1].repeat(n_hashes) for part in _hashes(1, 5)]
    s = [_signature(_shingles(d, shingle), first) for d in documents]
    return _kept(s, lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant(
    "Each text gets hash functions of its own, so that even copies differ. Draw them once, before the loop over texts."
)
def new_hashes_for_each(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = [_signature(_shingles(d, shingle), _hashes(n_hashes, i)) for i, d in enumerate(documents)]
    return _kept(s, lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant("You returned the texts. Return their indices.")
def texts_returned(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return [documents[i] for i in _kept(s, lambda one, other: _agree(one, other) >= threshold)]


@dedup_minhash.mutant("You returned the indices of those dropped. Those that are kept are asked for.")
def dropped_ones(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    kept = _kept(s, lambda one, other: _agree(one, other) >= threshold)
    return [i for i in range(len(documents)) if i not in kept]


@dedup_minhash.mutant("You returned True and False for each text. Return the indices of those kept.")
def booleans(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    kept = _kept(s, lambda one, other: _agree(one, other) >= threshold)
    return [i in kept for i in range(len(documents))]


@dedup_minhash.mutant("You returned a set, which has no order. Return a list, in order.")
def a_set(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    return set(_kept(s, lambda one, other: _agree(one, other) >= threshold))


@dedup_minhash.mutant("No documents at all break your code. Then no index is kept: an empty list.")
def nothing_breaks_it(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    documents[0]
    s = _signatures(documents, n_hashes, shingle, seed)
    return _kept(s, lambda one, other: _agree(one, other) >= threshold)


@dedup_minhash.mutant(
    "You change the caller's list: `remove`, `pop`, `sort` or `documents[i] = …` work in place. Collect indices in a list of your own."
)
def removed_in_place(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    s = _signatures(documents, n_hashes, shingle, seed)
    kept = _kept(s, lambda one, other: _agree(one, other) >= threshold)
    documents[:] = [documents[i] for i in kept]
    return kept


@dedup_minhash.mutant("Your function returns nothing (None). End it with `return` and the list; `print` shows it only.")
def nothing_returned(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    return None


@dedup_minhash.stand_in
def by_numpy(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    prime = np.uint64(2**31 - 1)
    rng = np.random.default_rng(seed)
    a, b = rng.integers(1, 2**31 - 1, (2, 1, n_hashes), dtype=np.uint64)
    kept, signatures = [], np.empty((0, n_hashes), dtype=np.uint64)
    for index, document in enumerate(documents):
        words = document.split()
        runs = {" ".join(words[i : i + shingle]) for i in range(max(1, len(words) - shingle + 1))}
        x = np.array([zlib.adler32(run.encode()) ^ zlib.crc32(run.encode()) for run in runs], dtype=np.uint64) % prime
        signature = ((a * x[:, None] + b) % prime).min(axis=0)
        if not ((signatures == signature).mean(axis=1) >= threshold).any():
            kept.append(index)
            signatures = np.vstack([signatures, signature])
    return kept


@dedup_minhash.variant
def by_hashlib(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    def smallest(runs, i):
        salt = f"{seed}/{i}".encode()
        return min(hashlib.blake2b(run.encode(), digest_size=8, salt=salt[:16]).digest() for run in runs)

    signatures = {}
    for index, document in enumerate(documents):
        words = document.split()
        runs = {" ".join(run) for run in zip(*(words[i:] for i in range(shingle)), strict=False)} or {" ".join(words)}
        mine = tuple(smallest(runs, i) for i in range(n_hashes))
        for other in signatures.values():
            if sum(a == b for a, b in zip(mine, other, strict=True)) / n_hashes >= threshold:
                break
        else:
            signatures[index] = mine
    return list(signatures)


@dedup_minhash.variant
def by_xor(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    odd = torch.randint(-(1 << 62), 1 << 62, (2, n_hashes), generator=torch.Generator().manual_seed(seed)) | 1
    kept = []
    for index, document in enumerate(documents):
        words = document.split()
        count = max(1, len(words) - shingle + 1)
        runs = torch.tensor([zlib.crc32(repr(words[i : i + shingle]).encode()) for i in range(count)])
        mixed = (runs[:, None] + odd[1]) * odd[0]
        mixed = (mixed ^ (mixed >> 29)) * odd[1]
        signature = (mixed ^ (mixed >> 32)).min(dim=0).values
        if all((signature == other).float().mean() < threshold for _, other in kept):
            kept.append((index, signature))
    return [index for index, _ in kept]


@dedup_minhash.variant
def by_the_true_similarity(documents, threshold=0.8, n_hashes=128, shingle=5, seed=0):
    kept = {}
    for i, document in enumerate(documents):
        words = document.split()
        runs = frozenset(tuple(words[j : j + shingle]) for j in range(max(1, len(words) - shingle + 1)))
        if all(len(runs & other) < threshold * len(runs | other) for other in kept.values()):
            kept[i] = runs
    return list(kept)
