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
# # Attention by hand
#
# *Week 1, lesson 2 of 5*
#
# **You will be able to**
# - compute attention for three tokens with paper and pencil, and say what query, key and value are for;
# - explain the division by $\sqrt{d}$ with a measurement, and the mask with a mistake that you make on purpose;
# - read the attention maps of a real pretrained encoder, and rebuild one from its weights;
# - say what such a map does *not* tell you.
#
# **Time** about 55 minutes. **You need first** the lesson *from text to numbers* (tokens, embeddings, softmax).

# %% [markdown]
# ## 1. The question: which bank?
#
# An embedding table gives each token one vector, whatever the sentence says. In *the river bank* and *the bank
# lent me money* the token `bank` enters the model with the same numbers. Something must let the neighbours
# change them.
#
# What should do that? It must
#
# - take any number of neighbours, since sentences differ in length;
# - let the *content* decide who matters, since the word that decides may be far away;
# - be smooth, so that gradient descent can learn it.
#
# **Before you read on:** an average of all vectors meets two of the three. Which one does it miss?
#
# <details><summary>Answer</summary>
#
# The second: an average gives all neighbours the same weight. Attention is an
# average whose weights depend on the content.
#
# </details>

# %% [markdown]
# ## 2. The smallest example: three vectors, by hand
#
# Take vectors of two numbers that we can read: the first says "about water", the second "about money". The word
# `bank` has some of both.

# %%
import math

import torch

river = torch.tensor([2.0, 0.0])
money = torch.tensor([0.0, 2.0])
bank = torch.tensor([1.0, 1.0])

# %% [markdown]
# The sentence is `river bank`. Let `bank` look at both words, itself included. How much it should take from
# each is decided by the **dot product**, which is large where two vectors point alike.
#
# **Before you run:** on paper, what are the dot products of `bank` with `river` and with `bank`?

# %%
sentence = torch.stack([river, bank])
scores = sentence @ bank
print("scores ", scores.tolist())
weights = torch.softmax(scores, dim=0)
print("weights", weights.tolist())

# %% [markdown]
# Two equal scores, so a softmax makes two weights of one half. The new `bank` is the average with these weights.
#
# **Before you run:** half of (2, 0) and half of (1, 1) is ... ?

# %%
print("bank in `river bank`:", (weights @ sentence).tolist())
sentence = torch.stack([money, bank])
print("bank in `money bank`:", (torch.softmax(sentence @ bank, dim=0) @ sentence).tolist())

# %% [markdown]
# One row of the table went in, two different vectors came out: one leans to water, one to money. Three steps
# did it, and there is no fourth: **score** (dot products), **normalise** (softmax), **mix** (weighted average).
#
# **Try it:** make the sentence `river money bank`. What will come out? Then multiply all three vectors by 3.
# Why do the weights change?
#
# <details><summary>Answer</summary>
#
# (1, 1): all three scores are 2, each weight is a third, and the average of
# the three vectors is (1, 1): undecided, as it should be. With vectors three times as long, scores grow nine
# times; they stay equal to each other here, so these weights do not change. In sentences with unequal scores
# the softmax becomes sharper: we come back to that in section 4.
#
# </details>

# %%
sentence = torch.stack([river, money, bank])
for factor in (1, 3):
    vectors = factor * sentence
    for name, looker in [("bank", vectors[2]), ("river", vectors[0])]:
        mixing = torch.softmax(vectors @ looker, dim=0)
        print(f"vectors x {factor}: {name:5} weighs river, money, bank by", [round(w, 2) for w in mixing.tolist()])

# %% [markdown]
# ## 3. Query, key, value: to ask, to offer, to give
#
# So far a word finds words that are *like itself*. That is not what a sentence needs. In *the cat sat: it ...*
# the word `it` looks for a noun, and `it` is no noun. What a word **asks for**, what it **offers to be found
# by**, and what it **gives** when found are three different things. So each token makes three vectors, by three
# learnt matrices:
#
# - the **query** $q = x W_q$: what I look for;
# - the **key** $k = x W_k$: what I can be found by;
# - the **value** $v = x W_v$: what I pass on.
#
# Think of a Python dictionary. `d["cat"]` compares the query with every key and returns the value of the one
# that is *equal*. Attention compares with a dot product and returns a mixture of the values of all that are
# *alike*: a soft look-up, and one that has a gradient.
#
# By hand: four features say noun? verb? pronoun? and how alive the thing is.

# %%
names = ["cat", "sat", "it"]
x = torch.tensor(
    [
        [1.0, 0.0, 0.0, 0.9],  # cat: a noun, alive
        [0.0, 1.0, 0.0, 0.0],  # sat: a verb
        [0.0, 0.0, 1.0, 0.0],  # it: a pronoun; whether it lives, the word alone does not say
    ]
)
# Queries and keys live in a space of two axes: "noun wanted / noun here" and "verb wanted / verb here".
W_q = torch.tensor([[0.0, 4.0], [4.0, 0.0], [4.0, 0.0], [0.0, 0.0]])  # nouns want a verb; verbs, pronouns want a noun
W_k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
W_v = torch.tensor([[0.0], [0.0], [0.0], [1.0]])  # pass on: how alive

queries, keys, values = x @ W_q, x @ W_k, x @ W_v
print("query of it ", queries[2].tolist())
print("key of cat  ", keys[0].tolist())
print("value of cat", round(values[0].item(), 2))

# %% [markdown]
# **Before you run:** three tokens look at three tokens. What shape has the table of scores? In the row of `it`,
# which score is 4 and which are 0? Will the table be symmetric?

# %%
scores = queries @ keys.T
print(scores)

# %% [markdown]
# Rows ask, columns are asked: entry (*i*, *j*) says how well key *j* answers query *i*. The table is not
# symmetric: `it` asks for `cat` (4), while `cat` asks for its verb and cares nothing for `it` (0). That is what
# two matrices instead of one buy.
#
# **Before you run:** the score 4 stands beside two zeros. About what weight will `it` give to `cat`?
# ($e^4 \approx 55$.)

# %%
weights = torch.softmax(scores, dim=-1)
output = weights @ values
for name, row, mixed in zip(names, weights.tolist(), output.tolist(), strict=True):
    print(
        f"{name:4} weighs",
        dict(zip(names, [round(w, 2) for w in row], strict=True)),
        "-> how alive:",
        round(mixed[0], 2),
    )

# %% [markdown]
# `it` now knows that it is alive, and has that from `cat`. Each row of weights adds up to 1, whatever the scores.
#
# **Try it:** set the 4s in `W_q` to 0, then to 40. What do the weights of `it` become?
#
# <details><summary>Answer</summary>
#
# With 0 all scores are equal and every weight is a third: the plain average.
# With 40 the weight on `cat` is 1 as far as anyone can see: a hard look-up, and its gradient is gone.
#
# </details>
#
# The picture of the whole computation, from left to right:

# %%
from matplotlib import pyplot

from course import plots

figure, (first, second, third) = pyplot.subplots(1, 3, figsize=(9.5, 3.2), width_ratios=[3, 3, 1.6])
figure.get_layout_engine().set(wspace=0.1)
plots.heatmap(first, scores, names, names, numbers=".0f")
first.set(title="1. Score: query · key", xlabel="key of", ylabel="query of")
plots.heatmap(second, weights, names, names, numbers=".2f", limit=1)
second.set(title="2. Normalise: softmax", xlabel="key of")
plots.heatmap(third, output, names, ["how alive"], numbers=".2f", limit=1)
third.set(title="3. Mix values")
third.set_xticks([0], ["how alive"], rotation=0)
plots.show(
    figure,
    alt="Three tables. Scores: 4 where cat asks sat, sat asks cat and it asks cat, else 0. Weights after the softmax: "
    "0.96 in those places and 0.02 elsewhere. Output: it has become 0.87 alive, as has sat; cat has 0.02.",
)

# %% [markdown]
# In one line, for all tokens at once (Vaswani and others, 2017):
#
# $$\operatorname{Attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V$$
#
# Everything is there except the $\sqrt{d}$. That is next.

# %% [markdown]
# ## 4. Scale: why divide by √d?
#
# $d$ is the number of features of a query. A dot product is a sum of $d$ terms. If the terms are random with
# variance 1, what is the variance of their sum?
#
# **Before you run:** say what happens to the *spread* (standard deviation) of the scores when $d$ goes from 16
# to 64.

# %%
torch.manual_seed(0)
dimensions = [4, 16, 64, 256, 1024]
spread = {}
for d in dimensions:
    products = (torch.randn(20_000, d) * torch.randn(20_000, d)).sum(dim=1)
    spread[d] = products.std().item()
    print(f"d = {d:4}: standard deviation of q·k {spread[d]:5.1f}, square root of d {math.sqrt(d):5.1f}")

# %% [markdown]
# Variances add, so the variance is $d$ and the spread is $\sqrt{d}$: four times the features, twice the spread.
# Is that bad? Ask the softmax. Let a query look at 16 random keys, and see what the largest weight is.
#
# We also want to know what gradient is left. The slope of a weight $p$ with respect to its own score is
# $p(1 - p)$: zero at $p = 1$ as well as at $p = 0$. We add it up over the 16 keys.
#
# **Before you run:** for $d = 1024$ without scaling, guess the largest weight.

# %%
torch.manual_seed(1)
largest = {"as they are": [], "divided by √d": []}
slope = {"as they are": [], "divided by √d": []}
for d in dimensions:
    query, sixteen_keys = torch.randn(500, 1, d), torch.randn(500, 16, d)
    raw = (query * sixteen_keys).sum(dim=-1)
    for name, score in [("as they are", raw), ("divided by √d", raw / math.sqrt(d))]:
        p = torch.softmax(score, dim=-1)
        largest[name].append(p.max(dim=-1).values.mean().item())
        slope[name].append((p * (1 - p)).sum(dim=-1).mean().item())

figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.8))
figure.get_layout_engine().set(wspace=0.08)
for (name, heights), line in zip(largest.items(), ["s--", "o-"], strict=True):
    colour = plots.ORANGE if name == "as they are" else plots.BLUE
    left.semilogx(dimensions, heights, line, base=2, color=colour, label=f"scores {name}")
    right.semilogx(dimensions, slope[name], line, base=2, color=colour, label=f"scores {name}")
left.set(xlabel="features of a query, d", ylabel="largest of 16 weights", ylim=(0, 1.05))
left.set_title("Unscaled, one key takes all")
right.set(xlabel="features of a query, d", ylabel="sum of slopes p(1 − p)", ylim=(0, 1.05))
right.set_title("and the gradient dies")
right.legend(loc="center right")
for axes in (left, right):
    axes.set_xticks(dimensions, dimensions)
    axes.minorticks_off()
plots.show(
    figure,
    alt=f"Two charts against d from 4 to 1024. Left: the largest of 16 softmax weights rises from "
    f"{largest['as they are'][0]:.2f} to {largest['as they are'][-1]:.2f} for raw scores and stays near "
    f"{largest['divided by √d'][-1]:.2f} for scaled ones. Right: the sum of slopes falls from "
    f"{slope['as they are'][0]:.2f} to {slope['as they are'][-1]:.2f} for raw scores and stays near "
    f"{slope['divided by √d'][-1]:.2f} for scaled ones.",
)

# %%
for name in largest:
    print(f"scores {name:14} largest weight at d=1024: {largest[name][-1]:.2f}   slopes: {slope[name][-1]:.2f}")

# %% [markdown]
# With raw scores a head of width 1024 picks one key at random before it has learnt anything, and has almost no
# gradient to change its mind. Divided by $\sqrt{d}$ the spread is 1 for every $d$, and training can begin.
#
# Two remarks. It is the width of one *head* that counts, not of the model. And the argument is about the start
# of training, when queries and keys are as good as random: a trained model is free to make its scores large
# where it is sure.

# %% [markdown]
# ## 5. Mask: whom you may not look at
#
# Two reasons to forbid a look. A model that **predicts the next token** must not see it: token *i* may look at
# 0 … *i* only (a **causal** mask). And when texts of different length stand in one batch, nobody may look at
# the **padding** that fills the short ones.
#
# For four tokens, written out, `True` where looking is allowed:

# %%
may_look = torch.tensor(
    [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]
)
scores = torch.tensor([[1.0, 2.0, 0.0, 3.0], [2.0, 1.0, 1.0, 0.0], [0.0, 1.0, 2.0, 1.0], [1.0, 0.0, 1.0, 2.0]])

# %% [markdown]
# How do you forbid? Here are two attempts. The first makes the forbidden *weights* 0 after the softmax. The
# second makes the forbidden *scores* 0 before it.
#
# **Before you run:** what is wrong with each? Look at the first row, which may see itself alone, so its weight
# must be 1.

# %%
after = torch.softmax(scores, dim=-1) * may_look
before = torch.softmax(scores * may_look, dim=-1)
print(
    "weights set to 0 after: first row",
    [round(w, 2) for w in after[0].tolist()],
    "sum",
    round(after[0].sum().item(), 2),
)
print("scores set to 0 before: first row", [round(w, 2) for w in before[0].tolist()])

# %% [markdown]
# - After: the row no longer adds up to 1. Worse, the forbidden scores still took part, in the denominator: the
#   future leaks.
# - Before: a score of 0 is not "nothing", it is $e^0 = 1$, a share like any other.
#
# What is "nothing" to a softmax? The score whose exponential is 0: $-\infty$.

# %%
masked = scores.masked_fill(~may_look, -math.inf)
print(masked)
print(torch.softmax(masked, dim=-1).round(decimals=2))

# %% [markdown]
# Rows add up to 1, the upper triangle is exactly 0. The same from PyTorch's own fused function, which GPT-like
# models call:

# %%
import torch.nn.functional as F

torch.manual_seed(3)
q, k, v = torch.randn(3, 1, 4, 8)
by_hand = torch.softmax((q[0] @ k[0].T / math.sqrt(8)).masked_fill(~may_look, -math.inf), dim=-1) @ v[0]
by_library = F.scaled_dot_product_attention(q, k, v, is_causal=True)[0]
print("largest difference is below 1e-6:", bool((by_hand - by_library).abs().max() < 1e-6))

# %% [markdown]
# Does it keep its promise? Change the last token and see which outputs move.
#
# **Before you run:** with the causal mask, which of the four outputs may change when token 3 (the last) does?
# Which without a mask?

# %%
k_changed, v_changed = k.clone(), v.clone()
k_changed[:, 3] += 1
v_changed[:, 3] += 1
for name, causal in [("causal mask", True), ("no mask", False)]:
    old = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    new = F.scaled_dot_product_attention(q, k_changed, v_changed, is_causal=causal)
    print(f"{name:12} outputs that moved:", [i for i in range(4) if not torch.equal(old[0, i], new[0, i])])

# %% [markdown]
# This little experiment, poke the input and see who feels it, is the best test of any mask. Keep it.
#
# One more case. **Before you run:** what does a softmax make of a row where *everything* is forbidden?

# %%
print(torch.softmax(torch.tensor([-math.inf, -math.inf]), dim=0))

# %% [markdown]
# 0 divided by 0. Such rows happen (a padded query with a mask), and one NaN spreads through the whole model at
# the next layer. What the right answer is, and how to get it with a gradient that is finite too, is yours to
# find in the assignment.

# %% [markdown]
# ## 6. Heads: several looks at once
#
# A softmax gives one set of weights. But `it` may want to know *who* it is and *what happened*, from two
# different words. An average of both looks is neither. So the features are cut into blocks, the **heads**, and
# each does its own attention in its own block. The results are put side by side again, and a last matrix $W_o$
# mixes them.
#
# By hand: two heads, each with weights that are sharp in a different place.

# %%
values = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])  # three tokens, two features: one for each head
head_weights = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])  # head 0 looks at token 2, head 1 at token 0
together = torch.stack([head_weights[h] @ values[:, h] for h in range(2)])
print("two heads:          ", together.tolist())
print("one head, averaging:", (head_weights.mean(dim=0) @ values).tolist())

# %% [markdown]
# Two heads bring feature 0 from token 2 and feature 1 from token 0. One head can only take both features from
# the same mixture.
#
# **Before you run:** MiniLM has 384 features and 12 heads. How wide is a head? Does a layer with 12 heads have
# more weights than one with 1 head?

# %%
from course import encoder

minilm = encoder.load()
config = minilm.model.config
width, heads, layers = config.hidden_size, config.num_attention_heads, config.num_hidden_layers
print(f"{width} features / {heads} heads = {width // heads} features a head")
print(f"W_q, W_k, W_v, W_o: 4 x {width} x {width} = {4 * width * width:,} weights, for any number of heads")

# %% [markdown]
# The same number of weights: heads divide the features, they do not multiply them. The price is that a head has
# only 32 features to compare with.

# %% [markdown]
# ## 7. A real encoder's heads
#
# Now the real thing. `course.encoder` opens MiniLM, a BERT of 6 layers with 12 heads each, trained on real
# text. No numbers of ours any more.
#
# **Before you run:** we ask for all attention maps of one sentence. What is the shape? (Count `[CLS]` and
# `[SEP]`.)

# %%
text = "The cat sat on the mat because it was tired."
tokens = minilm.tokens(text)
attention = minilm.attention(text)
print(len(tokens), tokens)
print(tuple(attention.shape), "= layers, heads, tokens that look, tokens looked at")

# %% [markdown]
# ### First: is this what we computed by hand?
#
# Take layer 0, head 2. Get the vectors that enter the layer, the two matrices (this model adds a bias, too),
# and the 32 features of this head. Then score, scale, normalise.

# %%
layer, head, d = 0, 2, width // heads
entering = minilm.hidden_states(text)[layer]
part = minilm.model.encoder.layer[layer].attention.self
with torch.no_grad():
    q = part.query(entering)[:, head * d : (head + 1) * d]
    k = part.key(entering)[:, head * d : (head + 1) * d]
rebuilt = torch.softmax(q @ k.T / math.sqrt(d), dim=-1)
print("query and key of this head:", tuple(q.shape), tuple(k.shape))
print(
    "largest difference to the model's own map is below 1e-5:",
    bool((rebuilt - attention[layer, head]).abs().max() < 1e-5),
)

# %% [markdown]
# Equal. There is nothing in the model's attention that you have not done by hand. (Here every token may look at
# every other: an encoder has no causal mask.)
#
# What does this head do?

# %%
from course import attention_explorer

figure, words_for_it = attention_explorer.draw(text, layer=0, head=2)
plots.show(figure, alt=words_for_it)

# %% [markdown]
# It looks at the token before, and at nothing else. Nobody programmed that. Training on text made it, since
# "what came just before me?" is worth knowing.
#
# ### Second: does a head resolve `it`?
#
# The sentence ends in *it was tired*: cats are tired. Change one word, and `it` should be the mat: *it was soft*.
#
# **Before you run:** guess how the weights from `it` to `cat` and from `it` to `mat` will change in layer 3,
# head 1.

# %%
layer, head = 3, 1
print("from `it` to:    cat   mat")
for ending in ["tired", "hungry", "soft", "dirty"]:
    variation = f"The cat sat on the mat because it was {ending}."
    seen = minilm.tokens(variation)
    row = minilm.attention(variation)[layer, head, seen.index("it")]
    print(f"it was {ending:8} {row[seen.index('cat')]:5.2f} {row[seen.index('mat')]:5.2f}")

# %% [markdown]
# With *tired* and *hungry* this head's `it` goes to the cat. With *soft* and *dirty* the cat loses most of it
# and the mat comes out ahead. One word at the end of the sentence moved a weight in the middle.
#
# A warning is due. We found this head by looking through 72 of them for one that does what we hoped. Four
# sentences are no proof. A claim about a head needs many sentences that were not used to find it.
#
# **Try it:** write four endings of your own before you look (*broken*, *asleep*, ...). How often is the head
# right? Note the misses, too.

# %% [markdown]
# ### Third: look for yourself
#
# Move **Layer** and **Head**. Put in your own **Sentence** (press Enter). Untick the box to leave `[CLS]` and
# `[SEP]` out. Look for
#
# 1. a head that looks at the token *after* (try layer 1);
# 2. a head that gives nearly everything to `[CLS]` and `[SEP]` (try layer 2);
# 3. a head whose map you cannot describe in a sentence. Most are like that.

# %%
attention_explorer.explore(text, layer=3, head=1)

# %% [markdown]
# ### Fourth: all heads, measured
#
# A picture of one sentence is an anecdote. Take 16 lines of *Macbeth* and let each head say where its attention
# goes on average.
#
# **Before you run:** what share of all attention, do you think, goes to the two special tokens, which carry no
# word at all?

# %%
from course import plays

lines = [line for line in plays.spoken("macbeth").splitlines() if 30 < len(line) < 50][:16]
kinds = ["the token before", "the token after", "itself", "[CLS] and [SEP]", "other words"]
shares = torch.zeros(layers, heads, len(kinds))
for one_line in lines:
    maps = minilm.attention(one_line)
    for i in range(layers):
        for j in range(heads):
            found = attention_explorer.where(maps[i, j])
            shares[i, j] += torch.tensor([found[kind] for kind in kinds]) / len(lines)

for kind, mean in zip(kinds, shares.mean(dim=(0, 1)).tolist(), strict=True):
    share = shares[..., kinds.index(kind)]
    i, j = divmod(int(share.argmax()), heads)
    print(f"{kind:16} {mean:4.0%} of all attention; most in layer {i}, head {j}: {share[i, j]:.0%}")

# %%
figure, panels = pyplot.subplots(1, 3, figsize=(11, 3.6), sharey=True)
numbers = [str(i) for i in range(heads)]
for panel, kind in zip(panels, ["the token before", "the token after", "[CLS] and [SEP]"], strict=True):
    image = plots.heatmap(panel, shares[..., kinds.index(kind)], numbers[:layers], numbers, limit=1)
    panel.set(xlabel="head")
    panel.set_title(f"to {kind}", fontsize=11)
panels[0].set_ylabel("layer")
figure.colorbar(image, ax=panels, label="share of attention")
figure.suptitle("Few heads look next door; many rest on the special tokens", x=0.01, ha="left", weight="bold", size=12)
plots.show(
    figure,
    alt="Three tables, 6 layers by 12 heads: share of attention to the token before, the token after, and the special "
    "tokens. Only layer 0 head 2 is dark in the first, layer 1 head 8 is the darkest in the second, and most heads of "
    "layers 1 to 4 are dark in the third.",
)

# %% [markdown]
# Much of the attention goes to tokens without content. Weights must add up to 1, so a head that has found
# nothing has to put its weight *somewhere*. The special tokens are that place. Clark and others (2019) saw it
# in BERT, and large decoders do the same with their first token, where it is called an **attention sink** (Xiao
# and others, 2023).

# %% [markdown]
# ### Fifth: did `bank` learn which bank it is?
#
# The promise of section 1. Six sentences, three with a river, three with money. After each layer, take the
# vector of `bank` and compare: pairs with the *same* meaning, and pairs with *different* meanings.
#
# **Before you run:** before the first layer, what will the cosine be? Will the two lines part at once, or late?

# %%
by_river = [
    "She sat down on the bank of the river.",
    "They swam back to the muddy bank.",
    "Wild flowers grew along the bank of the stream.",
]
with_money = [
    "He put his money in the bank.",
    "The bank lent her ten thousand pounds.",
    "The robbers broke into the bank at night.",
]
vectors = torch.stack([minilm.hidden_states(s)[:, minilm.tokens(s).index("bank")] for s in by_river + with_money])
vectors = F.normalize(vectors, dim=-1)
cosine = torch.einsum("ald,bld->lab", vectors, vectors)
pair = torch.ones(6, 6).triu(diagonal=1).bool()
same_meaning = torch.zeros(6, 6, dtype=torch.bool)
same_meaning[:3, :3] = same_meaning[3:, 3:] = True
same = cosine[:, pair & same_meaning].mean(dim=1)
different = cosine[:, pair & ~same_meaning].mean(dim=1)

figure, axes = pyplot.subplots()
axes.plot(same, "o-", color=plots.BLUE, label="same meaning")
axes.plot(different, "s--", color=plots.ORANGE, label="different meaning")
axes.set(xlabel="layers passed", ylabel="mean cosine of two `bank` vectors", ylim=(0.7, 1.01))
axes.set_title("Layer by layer, the two banks part")
axes.legend()
plots.show(
    figure,
    alt=f"Mean cosine similarity of the vectors of bank after 0 to 6 layers. Pairs with the same meaning go from "
    f"{same[0]:.2f} to {same[-1]:.2f}, pairs with different meanings from {different[0]:.2f} to {different[-1]:.2f}.",
)

# %%
print("layers passed     ", list(range(layers + 1)))
print("same meaning      ", [round(c, 2) for c in same.tolist()])
print("different meaning ", [round(c, 2) for c in different.tolist()])

# %% [markdown]
# At the start all six are nearly equal (not quite: each vector already holds its *position*, the subject of the
# next lesson). Then each layer mixes in the neighbours, and the two meanings part. Six sentences again are a
# demonstration, not a benchmark.

# %% [markdown]
# ## 8. What it costs, and what a map does not say
#
# Every token looks at every token, so the table of weights has $T^2$ entries for each head.
#
# **Before you run:** a text is 16 times as long. How many times as large is the table?

# %%
for length in [512, 8_192, 131_072]:
    print(f"T = {length:7,}: one map of one head in 16-bit numbers takes {length**2 * 2 / 2**20:10,.1f} MiB")

# %% [markdown]
# 256 times. A map that size is never stored in practice: kernels compute it piece by piece (week 7). That is
# also why `course.encoder` must ask for `attn_implementation="eager"`: the fast kernel has no map to show.
#
# **Limits**
# - Attention alone does not know the order of its tokens. Shuffle the neighbours, and the same mixture comes
#   out. The next lesson mends that.
# - It only averages. Values of neighbours get mixed, nothing new is computed from them; that is the work of the
#   MLP beside it (the lesson after next).
# - A map shows what a head mixed, not why the model answered. Large weights on small values change nothing, and
#   different maps can give the same answer (Jain and Wallace, 2019; the reply of Wiegreffe and Pinter, 2019,
#   says when a map can still explain).

# %% [markdown]
# ## Three questions
#
# **1.** You forgot to divide by $\sqrt{d}$, and your heads have $d = 64$. By what factor are your scores too
# large, and what would you see in the heat maps at the start of training?
#
# <details><summary>Answer</summary>
#
# By 8. Each row has one dark cell in a random place and is pale elsewhere:
# the softmax is saturated, and its gradient is small.
#
# </details>
#
# **2.** A colleague masks the future by setting the weights to 0 after the softmax. Each row is then divided by
# its sum. Is that correct?
#
# <details><summary>Answer</summary>
#
# In exact arithmetic yes: dividing by the sum of the allowed weights gives
# the softmax over the allowed scores. In floating point it fails where a forbidden score is far above the
# allowed ones: all allowed weights round to 0, and 0/0 is NaN. Minus infinity before the softmax has no such
# trouble.
#
# </details>
#
# **3.** A head gives 90% of its weight to `[CLS]`. Does that token matter a lot to the model?
#
# <details><summary>Answer</summary>
#
# The map cannot say. What arrives is weight times value, and the value of `[CLS]` may be short: then the head
# has mostly switched itself off for this sentence. You would have to look at the values, or take the head away
# and see what changes.
#
# </details>
#
# Question 2 with numbers:

# %%
allowed, forbidden = 0.0, 200.0
weight = torch.softmax(torch.tensor([allowed, forbidden]), dim=0) * torch.tensor([1.0, 0.0])
print("after the softmax, divided by the sum:", (weight / weight.sum()).tolist())
print("minus infinity before the softmax:    ", torch.softmax(torch.tensor([allowed, -math.inf]), dim=0).tolist())

# %% [markdown]
# And question 3, measured: what the head that rests most on the special tokens really receives from them. We
# compare the mean length of their values with that of the words' values.

# %%
special_share = shares[..., kinds.index("[CLS] and [SEP]")]
layer, head = divmod(int(special_share.argmax()), heads)
with torch.no_grad():
    v = minilm.model.encoder.layer[layer].attention.self.value(minilm.hidden_states(text)[layer])
lengths = v[:, head * d : (head + 1) * d].norm(dim=-1)
received = minilm.attention(text)[layer, head].mean(dim=0)
print(f"layer {layer}, head {head}: [CLS] receives {received[0]:.0%} of its attention here, [SEP] {received[-1]:.0%}")
print(f"length of the values: [CLS] {lengths[0]:.2f}, [SEP] {lengths[-1]:.2f}, a word {lengths[1:-1].mean():.2f}")

# %% [markdown]
# The dark column of the map carries next to nothing: on this sentence the head is switched off, and says so by
# looking at a vector of length nearly 0. Weight alone would have told you the opposite.

# %% [markdown]
# ## Where this comes from
#
# - D. Bahdanau, K. Cho, Y. Bengio, *Neural machine translation by jointly learning to align and translate*, 2014,
#   <https://arxiv.org/abs/1409.0473>: attention, between two recurrent networks.
# - A. Vaswani and others, *Attention is all you need*, 2017, <https://arxiv.org/abs/1706.03762>: queries, keys
#   and values, the scale (section 3.2.1) and heads (3.2.2).
# - J. Devlin and others, *BERT*, 2018, <https://arxiv.org/abs/1810.04805>; W. Wang and others, *MiniLM*, 2020,
#   <https://arxiv.org/abs/2002.10957>: the encoder used here.
# - K. Clark, U. Khandelwal, O. Levy, C. D. Manning, *What does BERT look at?*, 2019,
#   <https://arxiv.org/abs/1906.04341>: heads for the next token, the previous token and the special tokens.
# - S. Jain, B. C. Wallace, *Attention is not explanation*, 2019, <https://arxiv.org/abs/1902.10186>; S.
#   Wiegreffe, Y. Pinter, *Attention is not not explanation*, 2019, <https://arxiv.org/abs/1908.04626>.
# - G. Xiao and others, *Efficient streaming language models with attention sinks*, 2023,
#   <https://arxiv.org/abs/2309.17453>.
# - H. J. Levesque, E. Davis, L. Morgenstern, *The Winograd schema challenge*, 2012,
#   <https://cdn.aaai.org/ocs/4492/4492-21843-1-PB.pdf>: sentences where one word decides what *it* is.
#
# **Next:** *where am I?*, where tokens learn their place. In the assignment `attention` you now have what
# `softmax`, `causal_mask`, `scaled_dot_product_attention` and `MultiHeadAttention` need.
