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
# # Classical text features: counting words, and the first word vectors
#
# Week 2, lesson 4 · 45 to 60 minutes · runs in about half a minute
#
# **You will be able to**
# - turn texts into rows of numbers by counting words, and say what stop words and stemming change;
# - compute TF-IDF by hand, and get scikit-learn's numbers;
# - train a classifier on plays, read what it has learnt, and catch the leak that makes it look better than it is;
# - train word vectors from scratch on the plays (word2vec), and by counting alone;
# - do king − man + woman with real GloVe vectors, and say what the usual demonstration hides.
#
# **You need first**: lesson 1 of this week. A dot product, a logarithm, and the idea of a validation set.

# %%
import re
from collections import Counter

import numpy as np
from matplotlib import pyplot

from course import analogy_explorer, plays, plots, skipgram, threads

threads.use_one()


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


# %% [markdown]
# ## 1. A bag of words
#
# Before language models, a text was a **bag**: which words are in it, and how often. The order is thrown away. That
# sounds careless. For "what is this text about?" it is often enough.
#
# Three texts, by hand:
#
# | | the | king | queen | sleeps |
# |---|---|---|---|---|
# | a: *the king sleeps* | 1 | 1 | 0 | 1 |
# | b: *the queen sleeps* | 1 | 0 | 1 | 1 |
# | c: *the king the king* | 2 | 2 | 0 | 0 |
#
# Each text is a row of four numbers. The cosine of two rows says how alike they are.
#
# **Before you run**: to which of b and c is text a nearer?

# %%
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics.pairwise import cosine_similarity

three = ["the king sleeps", "the queen sleeps", "the king the king"]
counter = CountVectorizer()
table = counter.fit_transform(three)
print(list(counter.get_feature_names_out()))
print(table.toarray())
print("a with b, a with c:", cosine_similarity(table)[0, 1:].round(2))

# %% [markdown]
# To c, by 0.82 against 0.67, though b says the same of a queen. The word *the* counts as much as *king*: that is the
# first thing to mend.
#
# ### Most words are rare, and the frequent ones say little
#
# All plays: how often does each word come, from the most frequent to the rarest? (Zipf's law: the word of rank r comes
# about 1/r as often as the first.)
#
# **Before you run**: what share of all the words on stage do the 100 most frequent make up? And how many of the
# different words come only once?

# %%
spoken = {title: words(plays.spoken(title)) for title in plays.titles()}
everything = [word for text in spoken.values() for word in text]
counts = Counter(everything)
ranked = np.array([count for _, count in counts.most_common()])
print(f"{len(everything):,} words, {len(counts):,} different")
print(f"the first hundred make up {ranked[:100].sum() / ranked.sum():.0%}; {np.mean(ranked == 1):.0%} come once")
print(" ".join(word for word, _ in counts.most_common(25)))

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 3.3))
ranks = np.arange(1, len(ranked) + 1)
axes.plot(ranks, ranked, label="words of 38 plays")
axes.plot(ranks, ranked[0] / ranks, color=plots.MUTED, ls="--", lw=1, label="1 / rank")
axes.set(xscale="log", yscale="log", xlabel="rank", ylabel="times on stage", ylim=(0.7, None),
         title="A few words come often, most come hardly ever")  # fmt: skip
axes.legend()
plots.show(figure, alt="Times a word is spoken against its rank on logarithmic axes: nearly a straight line that falls "
           "from almost thirty thousand to one, close to the dashed line of one over rank.")  # fmt: skip

# %% [markdown]
# Two old remedies make the table smaller:
#
# - **stop words**: leave out a list of frequent words (the, and, of …);
# - **stemming**: cut words to a stem, so that *sleep, sleeps, sleeping* share a column. Porter's rules (1980) are the
#   classic ones.
#
# **Before you run**: which of these share a stem: *sleeping* and *slept*, *animal* and *animation*, *king* and
# *kingly*?

# %%
import snowballstemmer
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

stemmer = snowballstemmer.stemmer("english")
for group in (["sleep", "sleeps", "sleeping", "slept"], ["animal", "animate", "animation"], ["king", "kingly"]):
    print(dict(zip(group, stemmer.stemWords(group), strict=True)))
kept = [word for word in everything if word not in ENGLISH_STOP_WORDS]
print(f"without stop words {len(kept) / len(everything):.0%} of the words are left; "
      f"stems: {len(set(stemmer.stemWords(list(counts)))):,} in place of {len(counts):,}")  # fmt: skip

# %% [markdown]
# Rules make two kinds of mistakes: *slept* stays apart, and *animal* falls together with *animation*. Stop lists
# make a third: *to be or not to be* vanishes whole. Subword tokens (lessons 1 to 3) replaced both.

# %% [markdown]
# ## 2. TF-IDF: what is special about this text?
#
# Give a word a weight that is large where it is frequent *here* and rare *elsewhere*:
#
# $$\text{tf-idf}(w, d) = \text{count}(w, d) \cdot \Big( \ln\frac{1 + n}{1 + n_w} + 1 \Big)$$
#
# for n texts, of which $n_w$ hold the word (scikit-learn's form; the ones keep it finite). Rows are then brought to
# length 1.
#
# **Before you run**: in our three texts, what weight does *the* get against *queen*, before rows are scaled?

# %%
n = 3
for word, holds in (("the", 3), ("king", 2), ("queen", 1)):
    print(f"{word:6s} in {holds} of 3 texts: {np.log((1 + n) / (1 + holds)) + 1:.3f}")

# %%
from sklearn.feature_extraction.text import TfidfVectorizer

by_hand = table.toarray() * (np.log(4 / (1 + (table.toarray() > 0).sum(0))) + 1)
by_hand /= np.linalg.norm(by_hand, axis=1, keepdims=True)
weighted = TfidfVectorizer()
print("as scikit-learn:", np.allclose(by_hand, weighted.fit_transform(three).toarray()))
print("a with b, a with c:", cosine_similarity(by_hand)[0, 1:].round(2))

# %% [markdown]
# ### The words that make a play
#
# **Before you run**: which words will have the largest weight in *Macbeth*? Think of what is in it and in no other
# play.

# %%
titles = list(spoken)
weighted = TfidfVectorizer(analyzer=lambda title: spoken[title], sublinear_tf=True, min_df=1)
weights = weighted.fit_transform(titles)
names = weighted.get_feature_names_out()
for title in ("macbeth", "hamlet", "the-tempest"):
    row = weights[titles.index(title)].toarray()[0]
    print(f"{title:12s}", " ".join(names[i] for i in np.argsort(-row)[:9]))

# %% [markdown]
# Names. That is right by the formula, and a warning for what comes next.

# %% [markdown]
# ## 3. A classifier, and a leak
#
# Comedy or tragedy? We cut eight comedies and six tragedies into pieces of 300 words, weigh words by TF-IDF, and train
# a logistic regression. One fifth of the pieces is kept for the test.
#
# **Before you run**: what share of the test pieces will it get right?

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

COMEDIES = ["a-midsummer-night-s-dream", "as-you-like-it", "love-s-labours-lost", "much-ado-about-nothing",
            "the-comedy-of-errors", "the-merry-wives-of-windsor", "twelfth-night",
            "two-gentlemen-of-verona"]  # fmt: skip
TRAGEDIES = ["hamlet", "king-lear", "macbeth", "othello", "romeo-and-juliet", "timon-of-athens"]
pieces, is_tragedy, play_of = [], [], []
for title in COMEDIES + TRAGEDIES:
    for start in range(0, len(spoken[title]) - 300, 300):
        pieces.append(" ".join(spoken[title][start : start + 300]))
        is_tragedy.append(title in TRAGEDIES)
        play_of.append(title)
classify = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=30, max_iter=1000))
shuffled = cross_val_score(classify, pieces, is_tragedy, cv=StratifiedKFold(5, shuffle=True, random_state=0))
print(
    f"{len(pieces)} pieces; right on unseen pieces: {shuffled.mean():.0%}; always “tragedy”: {np.mean(is_tragedy):.0%}"
)

# %% [markdown]
# Very good. Too good? Every play has pieces in the training part *and* in the test part. Look at what it has learnt.

# %%
classify.fit(pieces, is_tragedy)
features = classify[0].get_feature_names_out()
order = np.argsort(classify[1].coef_[0])
print("speaks for comedy: ", " ".join(features[order[:14]]))
print("speaks for tragedy:", " ".join(features[order[-14:]][::-1]))

# %% [markdown]
# Many are names. It knows *which play* a piece is from, not what makes a tragedy. The fair question is: a play that it
# has never seen. So whole plays must be held out.
#
# **Before you run**: what is left of the score?

# %%
by_play = cross_val_score(classify, pieces, is_tragedy, cv=GroupKFold(7), groups=play_of)
print(f"right on pieces of unseen plays: {by_play.mean():.0%} (from {by_play.min():.0%} to {by_play.max():.0%})")

# %%
figure, axes = pyplot.subplots(figsize=(6.5, 2.2))
scores = [100 * np.mean(is_tragedy), 100 * by_play.mean(), 100 * shuffled.mean()]
scores[0] = max(scores[0], 100 - scores[0])
axes.barh(["always the same answer", "whole plays held out", "pieces held out"], scores,
          color=[plots.MUTED, plots.BLUE, plots.ORANGE])  # fmt: skip
for row, score in enumerate(scores):
    axes.text(score + 1, row, f"{score:.0f}%", va="center")
axes.set(xlim=(0, 108), xlabel="right (%)", title="The same model, judged fairly and not")
axes.invert_yaxis()
plots.show(figure, alt="Three bars: always the same answer, whole plays held out, pieces held out. Holding out pieces "
           "of known plays gives by far the highest score.")  # fmt: skip

# %% [markdown]
# The gap is the leak. It is the commonest mistake in such experiments: test texts that share an author, a speaker, a
# template or a page with the training texts. Split by the thing that will be new when the model is used.
#
# Still, this model trains in a second, needs no GPU, and can be read. Beat it before you use a larger one: week 4 keeps
# it as the baseline.
#
# **Pairs of words.** `TfidfVectorizer(ngram_range=(1, 2))` adds a column for each pair (n-grams). Try it: does it help
# on unseen plays? How many columns are there then?

# %% [markdown]
# ## 4. Word vectors: a word is known by the company it keeps
#
# In a bag, *king* and *queen* are as different as *king* and *and*: two columns. Firth wrote in 1957 that you shall
# know a word by the company it keeps. **word2vec** (Mikolov et al. 2013) makes that a task: given a word, tell its
# neighbours from words drawn by chance.
#
# Each word gets a vector $v_w$, and another one $u_w$ for when it is a neighbour. For a pair that stood together,
# $v \cdot u$ should be large; for words drawn by chance, small:
#
# $$-\ln \sigma(v_w \cdot u_{\text{neighbour}}) - \sum_{k} \ln \sigma(-v_w \cdot u_{\text{drawn}_k})$$
#
# By hand, with one negative: $v \cdot u = 2$ for the pair, $-1$ for the drawn word.
#
# **Before you run**: which of the two terms is larger?

# %%
pair, drawn = -np.log(1 / (1 + np.exp(-2.0))), -np.log(1 / (1 + np.exp(-1.0)))
print(f"pair {pair:.3f} + drawn {drawn:.3f} = {pair + drawn:.3f}")

# %% [markdown]
# Where do the pairs come from? From a window that slides over the text. Frequent words are thinned out by chance first:
# *the* would be everyone's neighbour.

# %%
line = words("To be, or not to be, that is the question")
print([(line[a], line[b]) for a, b in skipgram.pairs(np.arange(len(line)), window=2)[:9]])

# %% [markdown]
# Now all 38 plays: 800,000 words. `course/skipgram.py` is about 60 lines; read it after this.
#
# **Before you run**: the vectors begin as noise. What is the loss at the start, with all products near 0? (Six terms of
# $\ln 2$.)

# %%
from tqdm.auto import tqdm

with tqdm(total=1600, desc="word2vec", disable=None, leave=False) as bar:
    losses = []

    def progress(step: int, loss: float) -> None:
        """Move the bar and keep the loss."""
        losses.append(loss)
        bar.update()

    ours = skipgram.train(everything, report=progress)
print(f"loss {losses[0]:.2f} at first (6 · ln 2 = {6 * np.log(2):.2f}), {np.mean(losses[-50:]):.1f} at the end; "
      f"{len(ours.words):,} words with vectors")  # fmt: skip

# %%
# NBVAL_IGNORE_OUTPUT
# Which word comes third and which fourth depends on how a processor rounds.
for word in ("king", "night", "mother", "sword", "rome", "sea"):
    print(f"{word:8s}", " ".join(name for name, _ in ours.nearest(ours[word], 7, without=(word,))))

# %% [markdown]
# Nobody told it what a king is. With less than a million words the vectors are rough. GloVe's had six billion.
#
# ### The same by counting
#
# There is an older way: count which words stand together, take the logarithm of how much more often than by chance
# (PMI), and keep the main directions (SVD). Levy and Goldberg (2014) showed that word2vec does nearly that.

# %%
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import svds

place = {word: i for i, word in enumerate(ours.words)}
ids = np.array([place.get(word, -1) for word in everything])
near = skipgram.pairs(ids, window=4)
together = coo_matrix((np.ones(len(near)), near.T), shape=(len(place), len(place))).tocsr()
share = np.asarray(together.sum(0))[0] / together.sum()
pmi = together.tocoo()
pmi.data = np.log(pmi.data / together.sum() / share[pmi.row] / share[pmi.col])
pmi.data = np.maximum(pmi.data - np.log(5), 0)  # word2vec with 5 words drawn by chance shifts by ln 5
left, sizes, _ = svds(pmi.tocsr(), k=50, random_state=0)
counted = skipgram.unit(ours.words, left * np.sqrt(sizes))

# %%
# NBVAL_IGNORE_OUTPUT
# Which word comes third and which fourth depends on how a processor rounds.
for word in ("king", "night", "mother", "sword", "rome", "sea"):
    print(f"{word:8s}", " ".join(name for name, _ in counted.nearest(counted[word], 7, without=(word,))))

# %% [markdown]
# Counting does at least as well here, as it often does on small text. word2vec won because it can read billions of
# words without ever holding the table.

# %% [markdown]
# ## 5. Real vectors, and what the demonstration hides
#
# **GloVe** (Pennington et al. 2014) fits vectors to the logarithms of such counts, from Wikipedia and newswire. 400,000
# words, 50 numbers each; we take the 40,000 most frequent.
#
# The famous sum: king − man + woman.
#
# **Before you run**: untick the box below in your mind. If the three words are *not* left out, what is the nearest
# word?

# %%
vectors = analogy_explorer.vectors()
for a, b, c in [("king", "man", "woman"), ("walked", "walk", "swim"), ("paris", "france", "italy"),
                ("bigger", "big", "small")]:  # fmt: skip
    sum_ = vectors[a] - vectors[b] + vectors[c]
    print(f"{a} − {b} + {c}:".ljust(26), "all:", [word for word, _ in vectors.nearest(sum_, 3)],
          "three left out:", vectors.nearest(sum_, 1, (a, b, c))[0][0])  # fmt: skip

# %%
analogy_explorer.explore()

# %% [markdown]
# The nearest word to king − man + woman is **king**. Demonstrations leave the three words out and say nothing of it. In
# *bigger − big + small* the wanted word is not even the first of what is left. Rogers et al. (2017) and Linzen (2016)
# measure this: much of the analogy is that c is near its own relatives.
#
# Vectors also keep what people wrote. Ask the widget for *doctor − man + woman*. Bolukbasi et al. (2016) show such
# stereotypes throughout, and Gonen and Goldberg (2019) that the usual repair hides them more than it removes them.
#
# ### A map
#
# Fifty numbers cannot be drawn, so we take the two directions along which these words differ most (PCA).
#
# **Before you run**: will capitals lie beside their countries, or in a group of their own?

# %%
from sklearn.decomposition import PCA

COUNTRIES = ["france", "italy", "spain", "germany", "japan", "china", "russia", "egypt", "greece", "poland"]
CAPITALS = ["paris", "rome", "madrid", "berlin", "tokyo", "beijing", "moscow", "cairo", "athens", "warsaw"]
points = PCA(2, svd_solver="full").fit_transform(np.stack([vectors[word] for word in COUNTRIES + CAPITALS]))
points *= np.sign(points[0])  # the same side on every machine
figure, axes = pyplot.subplots(figsize=(7.5, 4.6))
for (x, y), (u, v) in zip(points[:10], points[10:], strict=True):
    axes.plot([x, u], [y, v], color=plots.MUTED, lw=0.8)
for kind, colour, part in (("country", plots.BLUE, slice(0, 10)), ("capital", plots.ORANGE, slice(10, 20))):
    axes.scatter(*points[part].T, color=colour, label=kind, zorder=3)
for word, (x, y) in zip(COUNTRIES + CAPITALS, points, strict=True):
    axes.annotate(word, (x, y), textcoords="offset points", xytext=(5, 4), fontsize=9)
axes.set(xlabel="first direction", ylabel="second direction", title="From country to capital is nearly one direction")
axes.legend()
plots.show(figure, alt="Ten countries and their capitals on a map of two directions, each pair joined by a line. Most "
           "lines run in a similar direction.")  # fmt: skip

# %% [markdown]
# ## Limits, and where this still wins
#
# - **One vector a word.** *Bank* of a river and of money share one. Attention gives each occurrence its own (week 1).
# - **No order.** "Dog bites man" and "man bites dog" are the same bag.
# - **Unknown words have nothing.** Subwords mended that.
# - **Still in use**: search by BM25, a refined TF-IDF, is hard to beat where exact words matter (week 5 mixes it with
#   vectors); TF-IDF and logistic regression is the baseline that a classifier has to beat (week 4); filters on
#   billions of web pages use such features because they cost next to nothing (week 3).
#
# **Try it**
# - Leave all names out of the classifier: keep only words that come in at least eight of the fourteen plays (`min_df`
#   counts pieces, so build a `vocabulary`). Does the fair score rise?
# - Which of comedy and tragedy does it see in *The Merchant of Venice*? And in *Troilus and Cressida*?
# - **For the real world.** With a network, `gensim.downloader.load("word2vec-google-news-300")` brings 3 million words
#   in 300 dimensions, and `SentenceTransformer("all-MiniLM-L6-v2")` vectors of whole sentences.

# %% [markdown]
# ## Three questions
#
# **1. A word stands in every text of a collection. What does TF-IDF make of it?**
#
# <details><summary>Answer</summary>
#
# Its factor is ln(1) + 1 = 1, the smallest there is; with the textbook's form without the ones it is 0. So the word
# counts for as little as possible however often it comes.
# </details>
#
# **2. Your classifier of support mails is right on 97% of the test mails, which were drawn by chance from the same
# year. What do you ask first?**
#
# <details><summary>Answer</summary>
#
# Whether mails of one customer, thread or template are in both parts. Split by customer, or by time, and measure again:
# the mails that it will meet are new in that way.
# </details>
#
# **3. Why does skip-gram draw words by chance as well?**
#
# <details><summary>Answer</summary>
#
# With pairs alone, all vectors could become equal and long, and every product large. Words drawn by chance push apart
# what does not stand together. The exact alternative, a softmax over all words, costs the whole vocabulary at each
# step.
# </details>

# %% [markdown]
# ## Where this comes from
#
# - TF-IDF: Spärck Jones, 1972, [doi:10.1108/eb026526](https://doi.org/10.1108/eb026526); stemming: Porter, 1980,
#   [doi:10.1108/eb046814](https://doi.org/10.1108/eb046814); Zipf, *Human Behavior and the Principle of Least Effort*,
#   1949
# - word2vec: Mikolov et al., 2013, [arXiv:1301.3781](https://arxiv.org/abs/1301.3781) and
#   [arXiv:1310.4546](https://arxiv.org/abs/1310.4546); as factorisation: Levy and Goldberg, 2014,
#   [NeurIPS 2014](https://papers.nips.cc/paper/5477-neural-word-embedding-as-implicit-matrix-factorization)
# - GloVe: Pennington et al., 2014, [doi:10.3115/v1/D14-1162](https://doi.org/10.3115/v1/D14-1162)
# - Analogies doubted: Linzen, 2016, [arXiv:1606.07736](https://arxiv.org/abs/1606.07736); Rogers et al., 2017,
#   [doi:10.18653/v1/S17-1017](https://doi.org/10.18653/v1/S17-1017)
# - Bias: Bolukbasi et al., 2016, [arXiv:1607.06520](https://arxiv.org/abs/1607.06520); Gonen and Goldberg, 2019,
#   [arXiv:1903.03862](https://arxiv.org/abs/1903.03862)
# - Firth, *A Synopsis of Linguistic Theory*, 1957
#
# Next: [choosing the next token](choosing_the_next_token.ipynb).
