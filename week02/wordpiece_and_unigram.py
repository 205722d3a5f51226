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
# # WordPiece and Unigram
#
# *Week 2, lesson 3 of 5*
#
# **You will be able to**
# - cut a word as BERT does, by longest match, and say when that fails though a cut exists;
# - score a pair as WordPiece's training does, and say why it prefers other pairs than BPE;
# - find the most probable cut of a word with a table of six places instead of a list of all cuts;
# - explain how Unigram learns its pieces (EM, then pruning), and what `▁` is for;
# - sample different cuts of one word, and say what that is good for.
#
# **Time** about 50 minutes. **You need first** the lesson *byte-pair encoding*; logarithms and probabilities.
#
# BPE is behind most chat models. BERT and all that came from it use **WordPiece**; T5, ALBERT, XLM-R and most
# translation models use **Unigram**. The three differ in two independent choices. Keep this table in mind:
#
# | | learns its pieces by | cuts a word by |
# |---|---|---|
# | BPE | merging the most frequent pair | replaying its merges in order |
# | WordPiece | merging the pair with the best *score* | longest match first |
# | Unigram | starting with too many, removing the least useful | the most *probable* cut |

# %% [markdown]
# ## 1. WordPiece: longest match, by hand
#
# One word will go with us through the lesson: *undone*. A vocabulary has these pieces; `##` marks a piece that
# continues a word:
#
# `un` · `und` · `##done` · `##do` · `##one` · `##on` · and every single letter, at the start and as `##`.
#
# The rule: take the longest piece that the word starts with. Then the longest `##` piece that the rest starts
# with. And so on to the end.
#
# **Before you run:** what does the rule make of *undone*?

# %%
letters = sorted(set("undone"))
pieces = ["un", "und", "##done", "##do", "##one", "##on", *letters, *(f"##{letter}" for letter in letters)]
print("at the start:  ", [("undone"[:end], "undone"[:end] in pieces) for end in range(6, 2, -1)])
print("after `und`:   ", [("##" + "one"[:end], "##" + "one"[:end] in pieces) for end in range(3, 2, -1)])

# %% [markdown]
# `und`, then `##one`. A person would have said *un-done*. Longest match is **greedy**: it took `und` because it
# is longer than `un`, and never looked at what is left over.
#
# The same from the library that BERT's tokenizer uses:

# %%
from tokenizers import Tokenizer, models

vocabulary = {piece: i for i, piece in enumerate(["[UNK]", *pieces])}
wordpiece = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
for word in ["undone", "undo", "one", "noun"]:
    print(f"{word:7}", wordpiece.encode(word).tokens)

# %% [markdown]
# ### When greed walks into a wall
#
# Now a vocabulary without all letters: `a`, `ab`, `##bd`.
#
# **Before you run:** *abd* could be `a` + `##bd`. What will longest match give?

# %%
narrow = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "ab": 2, "##bd": 3}, unk_token="[UNK]"))
print(narrow.encode("abd").tokens)

# %% [markdown]
# It takes `ab`, finds no `##d`, and gives up. Not on the letter: on the **whole word**. One `[UNK]` stands for
# all of it, and what the word was is lost. That is the rule, not a fault of the library, and the assignment
# asks for it.

# %% [markdown]
# ## 2. BERT's own vocabulary
#
# `course.encoder` has MiniLM, which uses the vocabulary of BERT: 30,522 pieces.
#
# **Before you run:** guess the cuts of *playing*, *unkindness*, *incarnadine* and *unaffable*. (The last is the
# example in the comments of BERT's own program, which gives it as `un ##aff ##able`.)

# %%
from course import encoder

bert = encoder.load().tokenizer
for word in ["playing", "unkindness", "incarnadine", "unaffable", "hellooo"]:
    print(f"{word:12}", bert.tokenize(word))
continued = sum(piece.startswith("##") for piece in bert.get_vocab())
print(f"{bert.vocab_size:,} pieces, {continued:,} of them continue a word")

# %% [markdown]
# *unkindness* comes out as grammar has it. *unaffable* does not: with this vocabulary `una` is longer than `un`.
#
# How often does a word of real text stay whole?

# %%
from collections import Counter

from matplotlib import pyplot

from course import plays, plots

words = [word for line in plays.spoken("macbeth").splitlines() for word in line.lower().split()]
words = [word.strip(".,;:?!'-") for word in words]
words = [word for word in words if word.isalpha()]
long = {word: len(bert.tokenize(word)) for word in set(words)}
running, different = Counter(long[word] for word in words), Counter(long.values())
most = 5
figure, axes = pyplot.subplots(figsize=(7.5, 3.4))
for shift, (name, counts), colour in [
    (-0.2, ("words as they come", running), plots.BLUE),
    (0.2, ("different words", different), plots.ORANGE),
]:
    shares = [counts[n] / counts.total() for n in range(1, most + 1)]
    axes.bar([n + shift for n in range(1, most + 1)], shares, width=0.38, color=colour, label=name)
axes.set(xlabel="pieces a word", ylabel="share of the words")
axes.set_title("Of Macbeth's words, BERT cuts few; of its different words, many")
axes.legend()
plots.show(
    figure,
    alt="Bars for one to five pieces a word. Of the words of Macbeth as they come "
    f"{running[1] / running.total():.0%} stay whole, of the different words {different[1] / different.total():.0%}.",
)
print(
    f"whole: {running[1] / running.total():.0%} of the words, {different[1] / different.total():.0%} of the different ones"  # noqa: E501
)
print(f"pieces a word: {sum(long[word] for word in words) / len(words):.2f}")

# %% [markdown]
# ### What is lost on the way
#
# Before any matching, BERT *normalises*.
#
# **Before you run:** the text below is encoded and decoded again. Name four things that will not come back.

# %%
text = "Whose  café,\nHamlet's? 人工智能 🙂"
print(bert.tokenize(text))
print(repr(bert.decode(bert(text).input_ids, skip_special_tokens=True)))

# %% [markdown]
# Capitals, the accent, the line break and double space, the place of the spaces around `'` and `?`. Chinese
# characters are cut one by one, and those that are missing become `[UNK]`, as does the emoji. For an encoder
# that classifies or searches English this is fair: it needs no way back. A model that *writes* could not live
# with it.
#
# | | byte-level BPE | BERT's WordPiece |
# |---|---|---|
# | unknown characters | none | `[UNK]` for the whole word |
# | decode(encode(text)) | the text | a rough copy |
# | spaces | part of the tokens | thrown away; `##` marks the places without |

# %% [markdown]
# ## 3. How WordPiece learns: not the most frequent pair
#
# WordPiece is older than BPE for words (Schuster and Nakajima, 2012, for Japanese and Korean voice search).
# Google never published its trainer. The paper says which merge it takes: the one that most raises the
# probability of the training text. For a pair that comes down, nearly, to this score:
#
# $$\text{score}(a, b) = \frac{\text{count}(ab)}{\text{count}(a) \cdot \text{count}(b)}$$
#
# In words: how much more often do the two stand together than their own frequencies would let you expect?
#
# By hand, with last lesson's four words, *low* 5, *lower* 2, *newest* 6, *widest* 3. The pair `e s` occurs 9
# times. `e` occurs 2 + 6 · 2 + 3 = 17 times and `s` 9 times. So its score is 9 / (17 · 9) = 0.059.
#
# **Before you run:** the pair `i d` occurs 3 times, in *widest* alone. What is its score? Which of the two
# would BPE merge, and which WordPiece?

# %%
from course import merges

toy = merges.learn(["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3, vocabulary=256)
single = Counter()
for word, times in toy.words.items():
    for letter in word:
        single[letter] += times
rows = [(count / (single[a] * single[b]), count, a, b) for (a, b), count in toy.pairs(0).items()]
for score, count, a, b in sorted(rows, reverse=True):
    print(f"{a} {b}   count {count}   score {count:2} / ({single[a]:2} x {single[b]:2}) = {score:.3f}")

# %% [markdown]
# `i d` wins with 3 / (3 · 3) = 0.333, though it is among the rarest: its letters occur nowhere else, so each
# *predicts* the other. `e s` would win with BPE and comes near the end here.
#
# On real text, with words of three plays and pieces that BPE has already made:

# %%
titles = ["hamlet", "othello", "much-ado-about-nothing"]
texts = [line for title in titles for line in plays.spoken(title).splitlines()]
history = merges.learn(texts, vocabulary=256)
pairs = history.pairs(0)
single = Counter()
for word, times in history.words.items():
    for letter in word:
        single[letter] += times
frequent = pairs.most_common(10)
often = [pair for pair in pairs if pairs[pair] >= 20]
scored = sorted(often, key=lambda pair: -pairs[pair] / (single[pair[0]] * single[pair[1]]))
print("most frequent:", [merges.readable(a) + merges.readable(b) for (a, b), _ in frequent])
print("best score:   ", [merges.readable(a) + merges.readable(b) for a, b in scored[:10]])

# %% [markdown]
# BPE's list is the grease of English. The score finds pairs that belong together, with `qu` among them. It also
# loves the rare: without our limit of 20 occurrences a pair that occurs once, of letters that occur once, would
# score highest. Statisticians know the score as pointwise mutual information (before its logarithm), with that
# same weakness.
#
# **A warning about names.** `tokenizers.trainers.WordPieceTrainer` does *not* use this score. It trains BPE and
# keeps the vocabulary for longest match. Most "WordPiece" vocabularies that you can train today are made like
# that.

# %% [markdown]
# ## 4. Unigram: the most probable cut
#
# Kudo (2018) asked for a *model* of cuts. Each piece has a probability, and a cut has the product of the
# probabilities of its pieces, as if they were drawn one by one without memory. (A language model without memory
# is called *unigram*, hence the name.) The best cut is the most probable.
#
# Our word again. The pieces and their probabilities, which add up to 1:

# %%
import math

p = {"un": 0.20, "do": 0.15, "one": 0.14, "on": 0.14, "done": 0.10, "und": 0.02} | dict.fromkeys("unode", 0.05)
print(f"sum {sum(p.values()):.2f}")
print(f"un|done   {p['un'] * p['done']:.4f}")
print(f"und|one   {p['und'] * p['one']:.4f}")

# %% [markdown]
# *un-done* is seven times as probable as what longest match took. How many cuts are there in all?
#
# **Before you run:** between six letters there are five places, each cut or not cut. With *every* substring as
# a piece, how many ways would that be? With the pieces that we have, fewer: guess.

# %%
from course import lattice

scores = {piece: math.log(value) for piece, value in p.items()}
cuts = lattice.segmentations("undone", scores)
print(f"{2**5} ways with every substring, {len(cuts)} with our pieces:")
for cut, share in cuts.items():
    print(f"{'|'.join(cut):13} {math.prod(p[piece] for piece in cut):.10f}   {share:.1%} of all")

# %% [markdown]
# Thirteen can be listed. A word of 20 letters may have half a million cuts, and in Japanese or Chinese the
# "word" is a sentence. But look at them as a picture: a **lattice**. The dots are the places between letters,
# each arc is a piece. A cut is a path from the first dot to the last.

# %%
labels = {piece: f"{piece} {value:.2f}" if len(piece) > 1 else "" for piece, value in p.items()}
figure, axes = pyplot.subplots(figsize=(9, 3.6))
lattice.draw_lattice(
    axes,
    "undone",
    cuts,
    labels,
)
axes.set_title(f"{len(cuts)} paths share {len(lattice.arcs(cuts))} arcs; the best is orange")
plots.show(
    figure,
    alt="Seven dots in a row with the letters of undone between them. Arcs leap over the letters of un, und, do, on, one and "  # noqa: E501
    "done, and short lines over single letters. The path un, done is orange and thick.",
)

# %% [markdown]
# Many paths, few arcs. That is the whole trick of **Viterbi**: to know the best way to a dot, you need the best
# ways to the dots before it, and nothing about how they were reached.
#
# ### Viterbi by hand
#
# Go through the dots from left to right. For each write down the probability of the best path to it, and its
# last piece.
#
# | place | text so far | candidates | best | last piece |
# |---|---|---|---|---|
# | 0 | | | 1 | |
# | 1 | u | 1 · 0.05 | 0.05 | u |
# | 2 | un | 0.05 · 0.05 (n), 1 · 0.20 (un) | 0.20 | un |
#
# **Before you run:** do place 3 (*und*): which two candidates are there, and which wins?

# %%
best = {0: 1.0, 1: 0.05, 2: 0.20}
by_d, by_und = best[2] * p["d"], best[0] * p["und"]
print(f"place 3: un + d {by_d:.3f}, und {by_und:.3f}")
best[3] = max(by_d, by_und)

# %% [markdown]
# `und` wins at place 3. The greedy rule would now be stuck with it. Viterbi only notes it down.
#
# **Before you run:** places 4, 5 and 6. Each candidate is one product. Which is the last piece of the best path
# to place 6, and does that path go through place 3?

# %%
place_4 = {"o": best[3] * p["o"], "do": best[2] * p["do"]}
best[4] = max(place_4.values())
place_5 = {"n": best[4] * p["n"], "on": best[3] * p["on"]}
best[5] = max(place_5.values())
place_6 = {"e": best[5] * p["e"], "one": best[3] * p["one"], "done": best[2] * p["done"]}
for place, candidates in [(4, place_4), (5, place_5), (6, place_6)]:
    print(f"place {place}:", {piece: f"{value:.6f}" for piece, value in candidates.items()})

# %% [markdown]
# `done`, and it begins at place 2. There the last piece was `un`, from place 0. Read backwards: **un|done**,
# with 0.02, as the list said. Twelve products, one an arc, where the list took one for each piece of each cut.
# The work grows with the number of arcs, not of paths.
#
# Two remarks for the assignment. Products of many small numbers become 0 in floating point, so programs add
# *logarithms*. And a text may have no path at all: a letter that is in no piece.
#
# The library twin:

# %%
unigram = Tokenizer(models.Unigram([("<unk>", -20.0), *scores.items()], unk_id=0))
for word in ["undone", "undo", "noon", "undoing"]:
    print(f"{word:8}", unigram.encode(word).tokens)

# %% [markdown]
# `i` and `g` are in no piece; the library puts its unknown token there, with a poor score, and goes on.

# %% [markdown]
# ## 5. Where the probabilities come from: EM
#
# We know cuts if we know probabilities (section 4). We would know probabilities if we had cuts: count the
# pieces, divide. A hen and an egg. **Expectation maximisation** (EM) starts with any probabilities and goes
# round:
#
# - **E**: list the cuts of each word with their shares. A piece earns, for each cut that it is in, that cut's
#   share.
# - **M**: new probability = what the piece earned, divided by what all pieces earned.
#
# No round makes the text less probable. Let us watch, on a text of four words, with all substrings of up to
# four letters as pieces, equally likely at first.
#
# **Before you run:** in *undo, undone, done, do* which pieces will win?

# %%
text = {"undo": 4, "undone": 3, "done": 6, "do": 8}
found = {word[i:j] for word in text for i in range(len(word)) for j in range(i + 1, min(i + 4, len(word)) + 1)}
q = dict.fromkeys(sorted(found), 1 / len(found))


def earned(q: dict[str, float]) -> tuple[Counter, float]:
    """One E step: what each piece earns over the text, and the text's log-probability."""
    wages, log_likelihood = Counter(), 0.0
    logs = {piece: math.log(value) for piece, value in q.items() if value > 1e-12}
    for word, times in text.items():
        shares = lattice.segmentations(word, logs)
        for (_, _, piece), share in lattice.arcs(shares).items():
            wages[piece] += times * share
        log_likelihood += times * math.log(sum(math.exp(sum(logs[piece] for piece in cut)) for cut in shares))
    return wages, log_likelihood


print(f"{len(q)} pieces")
for step in range(7):
    wages, log_likelihood = earned(q)
    leaders = ", ".join(f"{piece} {value:.2f}" for piece, value in sorted(q.items(), key=lambda item: -item[1])[:5])
    print(f"round {step}: log-probability of the text {log_likelihood:7.2f}   {leaders}")
    q = {piece: wage / wages.total() for piece, wage in wages.items()}

# %% [markdown]
# After a few rounds four pieces hold nearly all of the probability. *undone* is cut from parts that *other*
# words pay for: they have earned more there.
#
# ### Then prune
#
# Unigram starts with a vocabulary that is far too large (in SentencePiece a million frequent substrings) and
# **removes**. After some rounds of EM it asks for each piece: how much less probable would the text be without
# it? The pieces whose loss is smallest go, a quarter of all at a time, then EM again, until the size is right.
# Single letters always stay, so that everything can be cut.
#
# **Before you run:** give the six single letters and `un`, `do`, `done`, `undo` a fair share. Which of the four
# is needed least?

# %%
kept = ["un", "do", "done", "undo", *"undoe"]
q = dict.fromkeys(kept, 1 / len(kept))
for _ in range(20):
    wages, _ = earned(q)
    q = {piece: (wages[piece] + 0.01) / (wages.total() + 0.01 * len(kept)) for piece in kept}
whole = earned(q)[1]
for piece in ["un", "do", "done", "undo"]:
    without = {other: value / (1 - q[piece]) for other, value in q.items() if other != piece}
    print(f"without {piece:5} the log-probability of the text falls by {whole - earned(without)[1]:6.2f}")

# %% [markdown]
# One of them is nearly free to lose, since two others make it up. BPE can never do this: a token that was
# merged stays for good.
#
# ### On the plays
#
# `tokenizers` has the whole procedure. Three plays, 2,000 pieces:

# %%
# NBVAL_IGNORE_OUTPUT
# The trainer adds numbers in an order that changes from run to run, so last digits differ.
tokenizer = lattice.train()
learnt = lattice.log_probabilities(tokenizer)
longest = sorted(learnt, key=lambda piece: (-len(piece), piece))
print(
    f"{len(learnt):,} pieces; most probable:", [f"{piece} {math.exp(s):.3f}" for piece, s in list(learnt.items())[:7]]
)
print("longest:", longest[:8])
for word in ["unkindness", "fearfully", "kingdom", "incarnadine"]:
    shares = lattice.segmentations("▁" + word, learnt)
    first, second = list(shares.items())[:2]
    print(f"{word:12} {'|'.join(first[0]):22} {first[1]:4.0%}   then {'|'.join(second[0])}")

# %% [markdown]
# ## 6. Spaces: what `▁` is for
#
# Pieces of a trained Unigram begin with `▁`. That is SentencePiece's way with spaces (Kudo and Richardson,
# 2018): *a space is a character like any other*. It is replaced by `▁` (U+2581, no underscore), one is put
# before the text, and that is all there is of "words". Decoding is gluing, then `▁` back to a space.
#
# **Before you run:** which of the two gives the text back: BERT, or pieces with `▁`?

# %%
from tokenizers import pre_tokenizers

line = "No more  that Thane of Cawdor"
spelled = pre_tokenizers.Metaspace().pre_tokenize_str(line)
print([piece for piece, _ in spelled])
print("with ▁:", repr(tokenizer.decode(tokenizer.encode(line).ids)))
print("BERT:  ", repr(bert.decode(bert(line).input_ids, skip_special_tokens=True)))

# %% [markdown]
# With `▁` even the double space survives. And a language that writes no spaces needs no special case: a
# sentence of Japanese is one long "word", and the lattice finds its pieces. `##` cannot do that; it needs to
# know where words begin.
#
# Two cautions.
#
# - Real SentencePiece models usually *normalise* first, by NFKC (a Unicode form that replaces look-alikes), and
#   squeeze several spaces into one. T5's does. Then the text does not come back whole, tokenizer or not:

# %%
from tokenizers import normalizers

print(normalizers.NFKC().normalize_str("ﬁne ① x² ｈｅｌｌｏ…"))

# %% [markdown]
# - Characters that training never saw are unknown. The cure is *byte fallback*: 256 pieces for the bytes, used
#   when nothing else fits. Llama 2 and Gemma do that, with SentencePiece's BPE.

# %% [markdown]
# ## 7. One word, many cuts: subword regularisation
#
# BPE and WordPiece give one cut. Unigram has probabilities, so it can *draw* a cut. Kudo's reason: a model that
# sees *undone* as `un|done` today and `und|one` or `un|do|n|e` tomorrow learns that they are the same word, and
# is not thrown by a typing error.
#
# How wild? Raise each cut's probability to a power $\alpha$ before sharing out:
#
# - $\alpha = 1$: as the model says; $\alpha = 0$: all cuts equally likely; $\alpha \to \infty$: always the best.
#
# **Before you run:** at which $\alpha$ will `un|done` come about half of the time?

# %%
from random import Random

for alpha in [1.0, 0.5, 0.2, 0.0]:
    shares = lattice.segmentations("undone", scores, alpha)
    drawn = Random(5).choices(list(shares), list(shares.values()), k=5)
    print(
        f"alpha {alpha:.1f}: best cut {max(shares.values()):4.0%}   drawn:", "  ".join("|".join(cut) for cut in drawn)
    )

# %% [markdown]
# In translation it gave up to a few points of BLEU where text was scarce (Kudo, 2018), with $\alpha$ of 0.1 to
# 0.5. It is for **training only**; at use one takes the best cut. BPE has a twin, **BPE-dropout** (Provilkov
# and others, 2019): leave out each merge with a small probability. In `tokenizers` it is one argument,
# `models.BPE(..., dropout=0.1)`.
#
# ### The lattice explorer
#
# Type a **Word** (press Enter), then move **Alpha**. The pieces are those learnt from three plays.
#
# 1. *unkindness*: at which alpha do other cuts become visible?
# 2. Find a word whose two best cuts are nearly equal. (Try *fortune*, *honesty*, *handsomely*, words that are
#    not in a play.)
# 3. Set alpha to 0. What do the widest arcs have in common?
#
# <details><summary>Answer to 3</summary>
#
# Single letters: with all cuts equally likely, most cuts are made of small pieces, because there are so many
# ways to be small. That is why alpha 0 is too wild for training.
#
# </details>

# %%
# NBVAL_IGNORE_OUTPUT
# Shares of a trained Unigram model differ in their last digits from run to run.
lattice.explore("unkindness", alpha=0.5)

# %% [markdown]
# ## 8. The three on the same text
#
# Same text, same size, same treatment of spaces: three plays, 2,000 pieces each. Then *Macbeth*, which none has
# seen.
#
# **Before you run:** BPE and the library's WordPiece learn by the same rule and differ in the cut alone. Which
# gives fewer tokens? And will Unigram, which maximises probability, be shorter or longer?

# %%
# NBVAL_IGNORE_OUTPUT
# The Unigram trainer's last digits differ from run to run.
from tokenizers import trainers

alphabet = sorted({letter for text in texts for letter in text if not letter.isspace()} | {"▁"})
trained = {"Unigram": tokenizer}
for name, model, trainer in [
    ("BPE", models.BPE(unk_token="<unk>"), trainers.BpeTrainer),
    ("WordPiece", models.WordPiece(unk_token="<unk>"), trainers.WordPieceTrainer),
]:
    other = Tokenizer(model)
    other.pre_tokenizer = pre_tokenizers.Metaspace()
    options = {"vocab_size": 2000, "special_tokens": ["<unk>"], "initial_alphabet": alphabet, "show_progress": False}
    other.train_from_iterator(texts, trainer(**options))
    trained[name] = other
macbeth = " ".join(plays.spoken("macbeth").split())
count = len(macbeth.split())
for name in ["BPE", "WordPiece", "Unigram"]:
    tokens = trained[name].encode(macbeth).tokens
    cut = "  ".join("|".join(trained[name].encode(word).tokens) for word in ["unkindness", "fearfully", "thinking"])
    print(f"{name:10} {trained[name].get_vocab_size():,} pieces, {len(tokens) / count:.3f} tokens a word   {cut}")

# %% [markdown]
# The three lie within a few percent. (WordPiece spends some of its places on letters twice, with and without
# `##`.) For length the method matters far less than the size of the vocabulary and the text that it learnt
# from. The cuts differ more: look at the words on the right.
#
# ### Do the cuts follow grammar?
#
# Here are forty words with the cuts of a grammarian. For each tokenizer: of the places where it cuts, what
# share is right (**precision**), and of the right places, what share does it find (**recall**)? Their harmonic
# mean is **F1**. BERT's real vocabulary joins in.

# %%
# NBVAL_IGNORE_OUTPUT
# The Unigram trainer's last digits differ from run to run.
cuts_of_a_grammarian = """
un|kind|ness king|dom fear|ful|ly hope|less|ness friend|ship child|hood un|know|ing|ly thank|less
mis|fortune re|turn|ed walk|ing dark|ness sweet|ly noble|man over|throw un|natural dis|honour
grace|less be|fore|hand mouth|ful sleep|less art|less|ly night|ly un|mannered fool|ish|ness god|like
blood|y cold|est deep|er speak|ing un|tie|d out|run mid|night sad|ly wake|ful faith|less tear|ful
bond|man self|ish re|count|ing
"""
grammar = cuts_of_a_grammarian.split()


def borders(parts: list[str]) -> set[int]:
    """The places inside a word where it is cut."""
    ends = [sum(map(len, parts[: i + 1])) for i in range(len(parts))]
    return set(ends[:-1]) - {0}


def judged(cut) -> tuple[float, float, float]:
    """Precision, recall and F1 of a tokenizer's cuts, over all words."""
    right = made = wanted = 0
    for parts in (word.split("|") for word in grammar):
        mine = borders([piece for piece in cut("".join(parts)) if piece])
        right, made, wanted = right + len(mine & borders(parts)), made + len(mine), wanted + len(borders(parts))
    return right / made, right / wanted, 2 * right / (made + wanted)


cutters = {
    "BPE": lambda word: [piece.removeprefix("▁") for piece in trained["BPE"].encode(word).tokens],
    "WordPiece": lambda w: [
        piece.removeprefix("##").removeprefix("▁") for piece in trained["WordPiece"].encode(w).tokens
    ],
    "Unigram": lambda word: [piece.removeprefix("▁") for piece in trained["Unigram"].encode(word).tokens],
    "BERT (30,522)": lambda word: [piece.removeprefix("##") for piece in bert.tokenize(word)],
}
result = {name: judged(cut) for name, cut in cutters.items()}
for name, (precision, recall, f1) in result.items():
    print(f"{name:14} precision {precision:.2f}   recall {recall:.2f}   F1 {f1:.2f}")

# %%
# NBVAL_IGNORE_OUTPUT
# As above.
figure, axes = pyplot.subplots(figsize=(7.5, 3.6))
for shift, (place, label), colour in [
    (-0.2, (0, "precision: cuts that are right"), plots.BLUE),
    (0.2, (1, "recall: right places found"), plots.ORANGE),
]:
    heights = [values[place] for values in result.values()]
    bars = axes.bar([i + shift for i in range(len(result))], heights, width=0.38, color=colour, label=label)
    axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=9)
axes.set_xticks(range(len(result)), list(result))
axes.set(ylabel="share", ylim=(0, 1.3))
axes.set_title("Small vocabularies cut alike; the large one cuts less, and better")
axes.legend(ncols=2, loc="upper left")
plots.show(
    figure,
    alt="Bars of precision and recall against forty words cut by a grammarian: "
    + "; ".join(f"{name} {values[0]:.2f} and {values[1]:.2f}" for name, values in result.items())
    + ".",
)

# %% [markdown]
# The three small vocabularies lie close together, and Unigram does not win here. Bostrom and Durrett (2020) found
# that it does, clearly, on far larger lists and with larger vocabularies. Forty words are too few to decide either
# way: a few cuts more or less change the order. What they do show is the last pair of bars: a large vocabulary keeps
# most of these words whole, so it finds few borders, and those that it sets are mostly right.
#
# **Try it:** add ten words of your own to `grammar`, with your cuts. Do the three change places?

# %% [markdown]
# ## 9. Who uses what
#
# | model | pieces | vocabulary | note |
# |---|---|---|---|
# | BERT, DistilBERT, MiniLM (2018 on) | WordPiece | 30,522 | lower case; `[CLS]`, `[SEP]`, `[MASK]` |
# | T5 (2019) | Unigram, SentencePiece | 32,000 and 100 sentinels | English, German, French, Romanian |
# | ALBERT, XLNet (2019) | Unigram, SentencePiece | about 30,000 | |
# | XLM-R (2019) | Unigram, SentencePiece | 250,000 | 100 languages |
# | Llama 2, Gemma (2023 on) | BPE, SentencePiece with byte fallback | 32,000; 256,000 | `▁`, but merges |
# | GPT-2 on, Llama 3, Qwen, DeepSeek | byte-level BPE | 50,257 to 200,000 | last lesson |
#
# Note that SentencePiece is a *library*, not a method: it trains BPE as well as Unigram.
#
# T5 shows what special tokens are for beside chat. It trains by hiding spans: each is replaced by a
# **sentinel**, and the model writes the spans after their sentinels. With our pieces:

# %%
# NBVAL_IGNORE_OUTPUT
# Cuts of a trained Unigram model; rare ties may fall differently.
sentinels = Tokenizer.from_str(tokenizer.to_str())
sentinels.add_special_tokens(["<extra_id_0>", "<extra_id_1>"])
print("reads: ", sentinels.encode("Is this a <extra_id_0> which I see <extra_id_1> me").tokens)
print("writes:", sentinels.encode("<extra_id_0> dagger <extra_id_1> before").tokens)

# %% [markdown]
# *With a network* the real ones are one line each:
# `transformers.AutoTokenizer.from_pretrained("google-t5/t5-small")`, or `"bert-base-cased"`, or
# `"FacebookAI/xlm-roberta-base"`. Their `.tokenize` works as `bert.tokenize` above.
#
# **Limits**
# - Longest match and the most probable cut both need words or a normaliser before them; what these throw away
#   is gone.
# - Unigram's pieces are drawn "without memory". Nobody believes that of language; it is what makes the best cut
#   cheap.
# - EM finds a good vocabulary, not the best one, and the seed decides part of it. The library's sums differ in
#   the last digit from run to run, so a tokenizer is something you train *once*, and keep as a file beside the
#   model.
# - Which is better? At the same size, for English, differences between models trained on them are small. For
#   languages with long words or no spaces Unigram has the better case; for exact round trips and code, bytes
#   have it.

# %% [markdown]
# ## Three questions
#
# **1.** A vocabulary holds `re`, `ret`, `##urn`, `##turn` and no single letters. What does longest match make
# of *return*? What would a most probable cut be?
#
# <details><summary>Answer</summary>
#
# `ret`, then `##urn`: the longest start is `ret`, and by luck the rest is there. Unigram would compare
# `re|turn` with `ret|urn` and take the more probable. Without `##urn` longest match would give `[UNK]`,
# although `re ##turn` exists.
#
# </details>
#
# **2.** Pair A occurs 1,000 times, its halves 20,000 times each. Pair B occurs 50 times, its halves 60 times
# each. Which does BPE merge, which does WordPiece's score choose?
#
# <details><summary>Answer</summary>
#
# BPE takes A, by count. The scores are 1,000 / (20,000 · 20,000) = 0.0000025 and 50 / 3,600 = 0.0139: WordPiece
# takes B.
#
# </details>
#
# **3.** At place 3 of *undone* the best path ended in `und`, yet `und` is not in the best cut. Why did we have
# to keep it?
#
# <details><summary>Answer</summary>
#
# At place 3 nobody knows what comes. Had the word gone on with something that only fits after place 3, such as
# a very probable `one`, the path through `und` would have won. Viterbi keeps the best path to *every* place,
# and decides at the end.
#
# </details>
#
# Question 2 and question 3 with numbers: how probable must `one` be for `und|one` to win?

# %%
print(f"A {1000 / 20_000**2:.7f}, B {50 / 60**2:.4f}")
print(f"und|one wins when one has more than {p['un'] * p['done'] / p['und']:.2f}")

# %% [markdown]
# It would need all of the probability that there is: with these pieces `und|one` cannot win. At place 3 you
# could not know that.

# %% [markdown]
# ## Where this comes from
#
# - M. Schuster, K. Nakajima, *Japanese and Korean voice search*, 2012,
#   <https://doi.org/10.1109/ICASSP.2012.6289079>: WordPiece.
# - Y. Wu and others, *Google's neural machine translation system*, 2016, <https://arxiv.org/abs/1609.08144>:
#   WordPiece in section 4.1.
# - J. Devlin and others, *BERT*, 2018, <https://arxiv.org/abs/1810.04805>; its tokenizer,
#   <https://github.com/google-research/bert/blob/master/tokenization.py>, 2018.
# - X. Song and others, *Fast WordPiece tokenization*, 2020, <https://arxiv.org/abs/2012.15524>: longest match
#   in linear time.
# - T. Kudo, *Subword regularization: improving neural network translation models with multiple subword
#   candidates*, 2018, <https://arxiv.org/abs/1804.10959>: Unigram, EM, pruning, sampling.
# - T. Kudo, J. Richardson, *SentencePiece*, 2018, <https://arxiv.org/abs/1808.06226>.
# - A. J. Viterbi, *Error bounds for convolutional codes and an asymptotically optimum decoding algorithm*, 1967,
#   <https://doi.org/10.1109/TIT.1967.1054010>.
# - A. P. Dempster, N. M. Laird, D. B. Rubin, *Maximum likelihood from incomplete data via the EM algorithm*, 1977,
#   <https://doi.org/10.1111/j.2517-6161.1977.tb01600.x>.
# - I. Provilkov, D. Emelianenko, E. Voita, *BPE-dropout*, 2019, <https://arxiv.org/abs/1910.13267>.
# - K. Bostrom, G. Durrett, *Byte pair encoding is suboptimal for language model pretraining*, 2020,
#   <https://arxiv.org/abs/2004.03720>.
# - C. Raffel and others, *Exploring the limits of transfer learning with a unified text-to-text transformer*, 2019,
#   <https://arxiv.org/abs/1910.10683>: T5, its vocabulary (section 2.2) and its sentinels (3.1.4).
#
# **Next:** *classical text features*, where words become numbers by counting. In the assignment `tokenizers`
# you now have what `wordpiece_encode` and `unigram_segment` need.
