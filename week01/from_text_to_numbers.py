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
# # From text to numbers
#
# *Week 1, lesson 1 of 5*
#
# **You will be able to**
# - turn a text into tokens and ids, and back, and say what is lost on the way;
# - explain why an embedding table is a one-hot matrix product that nobody computes;
# - build a model that predicts the next character of Shakespeare, first by counting, then by gradient descent;
# - measure any language model with cross-entropy and perplexity, and say when two such numbers may be compared.
#
# **Time** about 50 minutes. **You need first** Python, and what a matrix product and a logarithm are. (The
# optional *primer* of this week has both.)
#
# The course has one thread: you build one language model and keep it. This lesson builds the two ends of it: the
# numbers that go in, and the number that says how good what comes out is.
#
# Run each cell with Shift+Enter. Where you see **Before you run**, stop and say your answer aloud. A wrong
# guess that you made is worth more than a right answer that you read.

# %% [markdown]
# ## 1. The question: what does a computer see?
#
# A text is stored as numbers already: one code for each character.

# %%
line = "To be, or not to be: that is the question:"
[ord(character) for character in line[:12]]

# %% [markdown]
# These numbers are names, not amounts. `T` is 84 and `o` is 111, and nothing about the two letters is 27 apart.
# A model that multiplied them by weights would take that difference for a fact.
#
# So two decisions stand at the start of every language model:
#
# 1. What are the pieces? They are called **tokens**.
# 2. Which numbers stand for a piece, so that arithmetic on them means something? They are called **embeddings**.

# %% [markdown]
# ## 2. Tokens and ids, by hand
#
# Take six words and let each word be a token.
#
# **Before you run:** how many tokens are there, and how many *different* ones?

# %%
sentence = "to be or not to be"
tokens = sentence.split()
vocabulary = sorted(set(tokens))
print(len(tokens), "tokens:", tokens)
print(len(vocabulary), "different:", vocabulary)

# %% [markdown]
# The different ones are the **vocabulary** (linguists say *types*). A token's **id** is its place there. Ids
# are all a model ever sees of your text.

# %%
id_of = {token: i for i, token in enumerate(vocabulary)}
ids = [id_of[token] for token in tokens]
print(id_of)
print(ids)

# %% [markdown]
# The way back is a look-up in the list.
#
# **Before you run:** is the text that comes back the text that went in? What if it had held a comma, or two
# spaces?

# %%
print(" ".join(vocabulary[i] for i in ids))
harder = "to be,  or"
print(harder.split())

# %% [markdown]
# Here it came back whole. In general `split` loses the number of spaces and leaves the comma glued to its word. A
# tokenizer is **lossless** when decoding gives back exactly what went in. You will build one in week 2.

# %% [markdown]
# ### The same on a whole play
#
# `course.plays` reads 38 plays from an installed package. We cut the text into lower-case words and punctuation.

# %%
import re
from collections import Counter

from course import plays


def words(text: str) -> list[str]:
    """Lower-case words, and punctuation marks as tokens of their own."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?|[.,;:?!]", text.lower())


hamlet = words(plays.spoken("hamlet"))
hamlet[:14]

# %% [markdown]
# **Before you run:** Hamlet has some 36,000 tokens. Guess how many are different. Of those, what share occurs only
# once?

# %%
counts = Counter(hamlet)
once = sum(times == 1 for times in counts.values())
print(f"{len(hamlet):,} tokens, {len(counts):,} different")
print(f"{once / len(counts):.0%} of the vocabulary occurs once")
print(counts.most_common(8))

# %% [markdown]
# More than half of the vocabulary was seen a single time. Sort the words by how often they occur, and draw
# frequency against rank with both axes logarithmic.

# %%
from matplotlib import pyplot

from course import plots

figure, axes = pyplot.subplots()
frequencies = sorted(counts.values(), reverse=True)
ranks = range(1, len(frequencies) + 1)
axes.loglog(ranks, frequencies, color=plots.BLUE, label="Hamlet")
axes.loglog(ranks, [frequencies[0] / rank for rank in ranks], "--", color=plots.ORANGE, label="first / rank")
axes.set(xlabel="rank of the word (1 = most frequent)", ylabel="occurrences")
axes.set_title("A few words do most of the work, most words almost none")
axes.legend()
plots.show(
    figure,
    alt="Occurrences against rank of the words of Hamlet, both axes logarithmic. The curve falls almost as a straight "
    "line of slope minus one, from over 3,000 occurrences to a long flat step at one.",
)

# %% [markdown]
# The near-straight line is **Zipf's law**: the word of rank *r* occurs about 1/*r* times as often as the first.
# It has a cost. However much text you read, new words keep coming. Let us measure that: make a vocabulary from
# 37 plays, then open the 38th.
#
# **Before you run:** what share of the tokens of *Macbeth* is in none of the other 37 plays?

# %%
known = {word for title in plays.titles() if title != "macbeth" for word in words(plays.spoken(title))}
macbeth = words(plays.spoken("macbeth"))
unknown = [word for word in macbeth if word not in known]
print(f"{len(known):,} words in the vocabulary")
print(f"{len(unknown) / len(macbeth):.1%} of the tokens of Macbeth are not among them,")
print(f"{len(set(unknown)) / len(set(macbeth)):.1%} of its different words")
print(list(dict.fromkeys(unknown))[:9])

# %% [markdown]
# One token in forty has no id, and it is the interesting one: *Macbeth*, *Banquo*, *Cawdor*. A word vocabulary
# must map them all to one id, "unknown", and the text is lost. Characters have no such problem, but they make
# the text several times longer.
#
# ### What industry does: pieces of words
#
# Real tokenizers keep frequent words whole and spell rare ones in pieces. Here is the one of BERT, with its 30,522
# tokens, as it comes with a real encoder that we use all week.
#
# **Before you run:** which of these will stay whole: *question*, *unfriendliness*, *incarnadine*, *1234567*?

# %%
from course import encoder

minilm = encoder.load()
for text in ["question", "unfriendliness", "incarnadine", "1234567"]:
    print(f"{text:16}", minilm.tokens(text))

# %% [markdown]
# `##` marks a piece that continues a word. `[CLS]` and `[SEP]` are **special tokens** that this model wants at
# the start and end of a text. Note that the cuts are not the cuts of grammar (*un-friend-li-ness*), and that a
# number falls apart in pieces of different lengths. Both follow from how the pieces were chosen, by frequency:
# week 2.
#
# Now the same line in three ways.
#
# **Try it:** put a line of your own in `line` above and run this again. Then try a line in another language.

# %%
for name, pieces, size in [
    ("characters", list(line), len(set("".join(plays.spoken(title) for title in plays.titles())))),
    ("word pieces", minilm.tokens(line)[1:-1], minilm.tokenizer.vocab_size),
    ("words", words(line), len(known)),
]:
    print(f"{name:12} {len(pieces):3} tokens   vocabulary {size:6,}   {pieces[:6]}")

# %% [markdown]
# Every choice trades the length of the text against the size of the vocabulary. Word pieces sit between: about
# as short as words, and nothing is unknown as long as each letter is a piece itself.
#
# *With a network* one line gives you another model's tokenizer:
# `encoder.load("bert-base-cased")`, or `transformers.AutoTokenizer.from_pretrained("gpt2")`.

# %% [markdown]
# ## 3. One-hot: a number for each name
#
# Ids have an order and distances that mean nothing. The plainest repair: give each token an axis of its own.
# The vector of token *i* has a 1 in place *i* and 0 elsewhere. It is called **one-hot**.
#
# **Before you run:** the text has 6 tokens, the vocabulary 4. What shape has the matrix of one-hot rows?

# %%
import torch
import torch.nn.functional as F

one_hot = F.one_hot(torch.tensor(ids), num_classes=len(vocabulary))
print(tuple(one_hot.shape))
print(vocabulary)
for token, row in zip(tokens, one_hot.tolist(), strict=True):
    print(row, token)

# %% [markdown]
# How alike are two tokens? Take the dot product of their vectors.
#
# **Before you run:** what is the dot product of two equal tokens? Of two different ones?

# %%
print((one_hot @ one_hot.T).tolist()[0], "<- the first `to` with all six tokens")

# %% [markdown]
# Equal gives 1, different gives 0, always. So one-hot vectors claim that *king* and *queen* are as different as
# *king* and *the*. They also grow with the vocabulary. For one play:

# %%
numbers = len(hamlet) * len(counts)
print(f"Hamlet as one-hot rows: {len(hamlet):,} x {len(counts):,} = {numbers / 1e6:.0f} million numbers,")
print(f"of which {len(hamlet):,} are not zero")

# %% [markdown]
# ## 4. Embeddings: short vectors that are learnt
#
# Multiply the one-hot rows by a table `E` with one row for each token and few columns. By hand, with 4 tokens
# and 2 columns:
#
# **Before you run:** the first token is `to`, id 3. Which numbers will the first row of the product be?

# %%
E = torch.tensor([[0.1, 0.9], [0.4, 0.3], [0.8, 0.2], [0.7, 0.5]])
product = one_hot.float() @ E
print(product)

# %% [markdown]
# Row 3 of the table. A one-hot row times a matrix *picks a row*. So nobody multiplies: a look-up gives the same
# with no arithmetic at all.

# %%
print("look-up equals product:", torch.equal(E[ids], product))

# %% [markdown]
# That is the whole of an embedding layer. Here is PyTorch's, given our table.
#
# **Before you run:** we sum its output for the text `to be` and ask for the gradient. Which rows of the table get
# one?

# %%
layer = torch.nn.Embedding.from_pretrained(E.clone(), freeze=False)
layer(torch.tensor([id_of["to"], id_of["be"]])).sum().backward()
for token, gradient in zip(vocabulary, layer.weight.grad.tolist(), strict=True):
    print(f"{token:4}", gradient)

# %% [markdown]
# Only the rows that were looked up. A token that training never shows keeps the random vector that it started
# with, which is one more reason not to have a long tail of rare words.
#
# ### A real table
#
# `E` above was invented. MiniLM's was learnt: first by imitating, on a large amount of English, a larger model
# that had learnt to guess hidden words, then from pairs of sentences that belong together. Each token has 384
# numbers.

# %%
table = minilm.embedding_table()
print(tuple(table.shape), f"= {table.numel() / 1e6:.1f} million numbers")
print("king:", [round(x, 2) for x in table[minilm.tokenizer.convert_tokens_to_ids("king")][:6].tolist()], "...")

# %% [markdown]
# No single one of these numbers has a name. What has a meaning is the *angle* between two vectors. Its cosine
# is 1 for the same direction, 0 for no relation, and it ignores length: $\cos(a, b) = \dfrac{a \cdot b}{\lVert
# a \rVert \, \lVert b \rVert}$.
#
# By hand: (3, 4) and (4, 3) have the dot product 12 + 12 = 24 and the length 5 each, so the cosine is 24 / 25 =
# 0.96.
#
# **Before you run:** which four groups do you expect among the twelve words below?

# %%
chosen = ["king", "queen", "prince", "sword", "dagger", "knife"]
chosen += ["monday", "tuesday", "friday", "red", "blue", "green"]
rows = F.normalize(table[minilm.tokenizer.convert_tokens_to_ids(chosen)], dim=1)
cosines = rows @ rows.T

figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.6), sharey=True)
plots.heatmap(left, torch.eye(len(chosen)), chosen, chosen, limit=1, signed=True)
left.set_title("One-hot: every pair unrelated")
image = plots.heatmap(right, cosines, chosen, chosen, limit=1, signed=True)
right.set_title("Learnt: related words point alike")
figure.colorbar(image, ax=right, label="cosine similarity")
plots.show(
    figure,
    alt="Two tables of cosine similarity between twelve words. One-hot vectors: 1 on the diagonal, 0 elsewhere. "
    "MiniLM's embeddings: four blocks of three along the diagonal, royalty, blades, weekdays and colours, with "
    "similarities of about 0.4 to 0.75 inside a block and near 0 outside.",
)

# %% [markdown]
# Nobody told the model what a weekday is. Words that occur in similar surroundings got similar vectors, because
# the model can then treat them alike, and that served the training. Ask for the nearest tokens of any word.
#
# **Try it:** before each, write down three neighbours that you expect. Try `sword`, `seven`, `bank`, then your
# own.

# %%
normalised = F.normalize(table, dim=1)


def nearest(word: str, count: int = 7) -> list[str]:
    """The tokens whose embeddings have the largest cosine with the word's (the word itself left out)."""
    similar = normalised @ normalised[minilm.tokenizer.convert_tokens_to_ids(word)]
    return minilm.tokenizer.convert_ids_to_tokens(similar.topk(count + 1).indices[1:].tolist())


for word in ["monday", "love", "bank", "##ing"]:
    print(f"{word:8}", nearest(word))

# %% [markdown]
# Two limits are in plain view.
#
# - `love` has *hate* not far away: opposites occur in the same surroundings. Near means "used alike", not
#   "means the same".
# - `bank` is all money. The river's bank has the same id, so the same row. **An embedding table gives one
#   vector a token, whatever the sentence says.** Mixing in the sentence is what attention does, in the next
#   lesson.

# %%
for word in ["love", "bank"]:
    other = {"love": "hate", "bank": "river"}[word]
    pair = normalised[minilm.tokenizer.convert_tokens_to_ids([word, other])]
    print(f"cosine({word}, {other}) = {float(pair[0] @ pair[1]):.2f}")

# %% [markdown]
# ## 5. The other end: predict the next token
#
# A **language model** is a function from the tokens so far to a probability for each token that may come next.
# The smallest that deserves the name looks at one token back. It is a **bigram model**, and you can make one by
# hand: count which token follows which.
#
# **Before you run:** in `to be or not to be`, what follows `to`, and how often? What follows the last `be`?

# %%
from itertools import pairwise

follows = torch.zeros(len(vocabulary), len(vocabulary), dtype=torch.long)
for before, after in pairwise(ids):
    follows[before, after] += 1
print("     ", vocabulary, "<- next")
for token, row in zip(vocabulary, follows.tolist(), strict=True):
    print(f"{token:5}", row)

# %% [markdown]
# Divide each row by its sum, and counts become probabilities: $P(\text{next} \mid \text{before})$. Each row
# adds up to 1. Six tokens have only five pairs, so the last `be` was counted as a *next*, never as a *before*.

# %%
print((follows / follows.sum(dim=1, keepdim=True)).tolist())

# %% [markdown]
# After six words this model is certain of everything. It has learnt its text by heart. It needs more text.
#
# ### A real one
#
# From here on tokens are **characters**: with 36 of them we can see the whole table. We learn from eight
# tragedies and Roman plays, about a million characters, and hold *Macbeth* back for testing.

# %%
from course import ngrams

training, held_out = ngrams.corpus()
letters = ngrams.LETTERS
number_of = {letter: i for i, letter in enumerate(letters)}
print(f"{len(training):,} characters to learn from, {len(held_out):,} held out; {len(letters)} different")
print(repr(held_out[:76]))

# %%
train_ids = torch.tensor([number_of[letter] for letter in training])
test_ids = torch.tensor([number_of[letter] for letter in held_out])
size = len(letters)
pairs = torch.bincount(train_ids[:-1] * size + train_ids[1:], minlength=size * size).reshape(size, size)
bigram = pairs / pairs.sum(dim=1, keepdim=True)

# %% [markdown]
# **Before you run:** name the most likely character after `q`, after a comma, and after a line break.

# %%
shown = {" ": "␣", "\n": "↵"}
for letter in "qt,\n":
    best = bigram[number_of[letter]].topk(3)
    top = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    likely = [f"{shown.get(letters[i], letters[i])} {p:.2f}" for i, p in top if p > 0.005]
    print(f"after {shown.get(letter, letter)}:", ", ".join(likely))

# %%
names = [shown.get(letter, letter) for letter in letters]
figure, axes = pyplot.subplots(figsize=(8.6, 7.4))
image = plots.heatmap(axes, bigram, names, names, limit=1)
axes.set(xlabel="next character", ylabel="character before")
axes.set_title("After q comes u; after most letters, English leaves a choice")
figure.colorbar(image, ax=axes, label="probability of the next character")
plots.show(
    figure,
    alt="Table of probabilities, character before in rows, next character in columns. The row of q is one dark cell at "
    "u. Rows of punctuation are dark at space or line break. Most letters spread their probability over several vowels "
    "and the space.",
)

# %% [markdown]
# To let the model **write**, draw the next character from its row, then go on from there. Drawing, not taking
# the most likely.
#
# **Before you run:** how much of this will be English words?

# %%
generator = torch.Generator().manual_seed(7)
state, written = number_of["\n"], ""
for _ in range(220):
    state = int(torch.multinomial(bigram[state], 1, generator=generator))
    written += letters[state]
print(written)

# %% [markdown]
# Not many, yet it does not look like noise: vowels and consonants take turns, and words have plausible lengths.
# One character of memory buys that much. Shannon wrote such texts by hand in 1948, opening a book at random for
# each letter.
#
# **Try it:** replace the draw by `int(bigram[state].argmax())`. What happens after a few characters, and why?
#
# <details><summary>Answer</summary>
#
# It runs in a circle. The next character depends on the last one alone, so
# the first character that comes twice closes a loop that never ends. Large models fall into the same trap, more
# slowly; week 2 has the cures.
#
# </details>

# %% [markdown]
# ## 6. How good is it? Surprise, cross-entropy, perplexity
#
# A model is good when it gave a high probability to what then happened. Measure the opposite: the **surprise**
# of an event to which the model gave probability $p$ is $-\log_2 p$ **bits**.
#
# By hand: a model gave the three characters that came the probabilities 1/2, 1/4 and 1/8. The surprises are 1,
# 2 and 3 bits, their mean is 2 bits. That mean is the **cross-entropy**. Two to that power, $2^2 = 4$, is the
# **perplexity**: the model was as unsure as if it had to choose among 4 equally likely characters each time.

# %%
given = torch.tensor([1 / 2, 1 / 4, 1 / 8])
surprise = -given.log2()
bits = surprise.mean().item()
print(f"surprise {surprise.tolist()} bits; cross-entropy {bits} bits; perplexity {2**bits}")

# %% [markdown]
# **Before you run:** a model that has learnt nothing gives each of our 36 characters the same probability. What
# is its perplexity? Between which two numbers do you expect the bigram model's? (One caution: a combination
# that the plays never had gets probability 0. What is its surprise?)

# %%
import math


def report(name: str, bits: float) -> None:
    print(f"{name:34} {bits:5.2f} bits a character   perplexity {2**bits:6.2f}")


report("nothing learnt (uniform)", math.log2(size))
frequency = torch.bincount(train_ids, minlength=size) / len(train_ids)
report("frequency of characters, Macbeth", float(-frequency[test_ids].log2().mean()))
report("bigram, the plays it learnt from", float(-bigram[train_ids[:-1], train_ids[1:]].log2().mean()))
report("bigram, Macbeth", float(-bigram[test_ids[:-1], test_ids[1:]].log2().mean()))

# %% [markdown]
# Infinite. Somewhere in *Macbeth* stands a pair that eight plays do not have, the model had called it
# impossible, and one such event outweighs all else. Which?

# %%
impossible = bigram[test_ids[:-1], test_ids[1:]] == 0
places = impossible.nonzero().flatten().tolist()
print(f"{len(places)} of {len(impossible):,} pairs are impossible")
for place in places[:3]:
    print(repr(held_out[place : place + 2]), "in", repr(held_out[place - 14 : place + 8]))

# %% [markdown]
# The remedy is **smoothing**: add a little to every count, so that nothing is impossible (with 1 added it is
# Laplace's rule). The price is paid by what was seen, whose probability shrinks.

# %%
smoothed = (pairs + 0.1) / (pairs + 0.1).sum(dim=1, keepdim=True)
report("bigram, 0.1 added, Macbeth", float(-smoothed[test_ids[:-1], test_ids[1:]].log2().mean()))

# %% [markdown]
# From 36 equally likely characters down to about 11, by looking one character back.
#
# ### Looking further back
#
# `course.ngrams` does the same counting with any number of characters of context. In the widget below, move
# **Context** from 0 to 5 and read the sample each time; then change **Smoothing**.
#
# **Before you move it:** the error on the *training* text can only go down as the context grows, if nothing is
# smoothed. What will the error on *Macbeth* do, and why?

# %%
from course import ngram_explorer

ngram_explorer.explore(context=2, smoothing=0.1)

# %% [markdown]
# With long contexts the model has seen almost every context once or never: it remembers instead of
# generalising. The gap between the two lines is called **overfitting**, and only held-out text can show it.
#
# **Try it:** find the pair of knobs with the lowest error on Macbeth. Does more smoothing move the best context
# to the left or to the right?
#
# <details><summary>Answer</summary>
#
# 0.1 with 4 characters, of the values on offer. From there, more smoothing
# moves the best context to the left (3 at 1, 2 at 10): long contexts have small counts, and what you add drowns
# them. Far too little moves it left as well (3 at 0.001): each character that a long context never saw then
# costs dearly.
#
# </details>
#
# Counting has reached its end here: each further character of context multiplies the table by 36 and finds most
# of it empty. A network shares what it learns between contexts that are alike. That needs embeddings, and it
# needs gradients.

# %%
for context in range(6):
    cells, filled = size ** (context + 1), len(ngrams.model(context).grams)
    print(f"context {context}: {filled:8,} of {cells:14,} cells ever seen ({filled / cells:.2%})")

# %% [markdown]
# ## 7. The same model, learnt by gradient descent
#
# Large models do not count, they learn by gradient descent on the cross-entropy. Let us see that both agree
# where both can be done. The network is one embedding table: row *i* has 36 numbers, one a next character. They
# may be any numbers, so they are not probabilities yet. They are called **logits**.
#
# **Softmax** makes probabilities of logits: raise *e* to each, divide by the sum. By hand, with the logits 2,
# 1, 0: the powers are 7.39, 2.72 and 1, their sum is 11.11.

# %%
logits = torch.tensor([2.0, 1.0, 0.0])
powers = logits.exp()
print("powers", [round(x, 2) for x in powers.tolist()], "sum", round(powers.sum().item(), 2))
print("probabilities", [round(x, 3) for x in (powers / powers.sum()).tolist()])
print("the library's ", [round(x, 3) for x in torch.softmax(logits, dim=0).tolist()])

# %% [markdown]
# **Before you run:** what do the probabilities become when you add 5 to all three logits?

# %%
print([round(x, 3) for x in torch.softmax(logits + 5, dim=0).tolist()])

# %% [markdown]
# The same: $e^{x+5} = e^5 e^x$, and $e^5$ cancels. Keep this in mind for the assignment.
#
# PyTorch's `cross_entropy` takes logits and the ids of what came, and gives the mean surprise in **nats**
# (natural logarithm). Divide by $\ln 2$ for bits. Check it on the hand example: logits $\ln \tfrac12, \ln
# \tfrac14, \ln \tfrac14$, and the second came.

# %%
by_library = F.cross_entropy(torch.tensor([[1 / 2, 1 / 4, 1 / 4]]).log(), torch.tensor([1]))
print(f"{by_library.item():.4f} nats = {by_library.item() / math.log(2):.2f} bits")

# %% [markdown]
# Now train. All logits start at 0, so each character is equally likely.
#
# **Before you run:** at which number of bits does the loss start? At which will it end?

# %%
torch.manual_seed(0)
network = torch.nn.Embedding(size, size)
torch.nn.init.zeros_(network.weight)
optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
losses = []
for _ in range(300):
    batch = torch.randint(len(train_ids) - 1, (4096,))
    loss = F.cross_entropy(network(train_ids[batch]), train_ids[batch + 1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item() / math.log(2))

counted = float(-bigram[train_ids[:-1], train_ids[1:]].log2().mean())
print(f"first step {losses[0]:.2f} bits; mean of the last 50 {sum(losses[-50:]) / 50:.2f}; by counting {counted:.2f}")

# %%
figure, axes = pyplot.subplots()
axes.plot(losses, color=plots.BLUE, label="gradient descent (batches of 4,096 pairs)")
axes.axhline(counted, color=plots.ORANGE, linestyle="--", label="by counting")
axes.set(xlabel="step", ylabel="cross-entropy (bits a character)", ylim=(3, 5.4))
axes.set_title("Gradient descent finds the table that counting gives")
axes.legend()
plots.show(
    figure,
    alt="Training loss in bits a character against step. It starts at 5.2, falls within about 50 steps and then "
    "flickers around the dashed line at 3.5 that counting gives.",
)

# %% [markdown]
# It starts at $\log_2 36$ and ends at what counting gives, because the counted table *is* the minimum of the
# cross-entropy. Two differences remain.

# %%
learnt = torch.softmax(network.weight.detach(), dim=1)
for name, model in [("counted", bigram), ("learnt", learnt)]:
    print(f"{name:8} P(u | q) = {model[number_of['q'], number_of['u']].item():.2f}")
print("smallest learnt probability is zero:", bool(learnt.min() == 0))
print(f"learnt table on Macbeth: {float(-learnt[test_ids[:-1], test_ids[1:]].log2().mean()):.2f} bits a character")

# %% [markdown]
# - A softmax never gives exactly 0 here, so nothing is impossible and *Macbeth* has a finite score with no
#   smoothing.
# - Counting was free, and gradient descent took hundreds of steps. But it goes on working when the table is
#   replaced by a network with a context of thousands of tokens, and counting does not. That network is the
#   course.

# %% [markdown]
# ## 8. What may be compared
#
# Perplexity is *per token*, so it depends on what a token is. Our trigram model has a perplexity of about 7 a
# character. Per word it is the same model on the same text, with the same bits:
#
# **Before you run:** a word of *Macbeth* has about five and a half characters, the space included. Will the
# perplexity per word be five and a half times as large?

# %%
bits = ngrams.model(2).cross_entropy(held_out, 0.1)
space_words = held_out.split()
bits_a_word = bits * len(held_out) / len(space_words)
print(f"{len(held_out) / len(space_words):.1f} characters a word")
print(f"{bits:.2f} bits a character -> perplexity {2**bits:.1f} a character")
print(f"{bits_a_word:.1f} bits a word      -> perplexity {2**bits_a_word:,.0f} a word")

# %% [markdown]
# Bits add up, so perplexities multiply. Compare perplexities only with the same tokens on the same text; else
# compare **bits a character** (or a byte). For scale: Shannon had people guess the next letter, and put English
# between 0.6 and 1.3 bits a letter, with 27 symbols. Ours is a harder text with more symbols, so his numbers
# are a landmark and no more.
#
# **Limits of this lesson's model**
# - Its memory is a fixed number of characters. The subject of a sentence may be further away than that.
# - It treats `cat` and `cats` as strangers: counts share nothing. Embeddings do, and attention decides which of
#   them to mix.
# - A low cross-entropy says that text is predicted well. It does not say that what the model writes is true,
#   useful or kind.

# %% [markdown]
# ## Three questions
#
# **1.** A colleague multiplies one-hot rows of a 50,000-token vocabulary by an embedding table of width 768.
# What do you tell them, and what do they save for a text of 1,000 tokens?
#
# <details><summary>Answer</summary>
#
# The product only picks rows: look them up. Saved are 1,000 × 50,000 × 768,
# about 38 thousand million, multiplications, and a one-hot matrix of 50 million numbers. The result is equal,
# number for number.
#
# </details>
#
# **2.** Your model has 1.2 bits a character on its training text and 3.0 on held-out text; a simpler one has
# 2.3 and 2.4. Which do you keep, and what do you call the other's trouble?
#
# <details><summary>Answer</summary>
#
# The simpler one: only held-out text says how it will do on new text. The
# other is overfitting: it remembers its training text.
#
# </details>
#
# **3.** Model A reports perplexity 12 with word pieces, model B perplexity 5 with characters, on the same text
# of 4 characters a word piece. Which predicts better?
#
# <details><summary>Answer</summary>
#
# A. Its log₂ 12 ≈ 3.6 bits a piece are 0.9 bits a character; B needs log₂ 5 ≈
# 2.3 bits a character.
#
# </details>

# %%
print(f"question 1: {1000 * 50_000 * 768 / 1e9:.1f} thousand million products")
print(f"question 3: A {math.log2(12) / 4:.2f}, B {math.log2(5):.2f} bits a character")

# %% [markdown]
# ## Where this comes from
#
# - A. A. Markov, *An example of statistical investigation of the text "Eugene Onegin" concerning the connection
#   of samples in chains*, 1913; English in Science in Context 19(4), 2006,
#   <https://doi.org/10.1017/S0269889706001074>: letters of a novel as a chain.
# - C. E. Shannon, *A mathematical theory of communication*, 1948,
#   <https://doi.org/10.1002/j.1538-7305.1948.tb01338.x>: entropy in bits, and n-gram texts by hand.
# - C. E. Shannon, *Prediction and entropy of printed English*, 1951,
#   <https://doi.org/10.1002/j.1538-7305.1951.tb01366.x>: 0.6 to 1.3 bits a letter.
# - G. K. Zipf, *Human Behavior and the Principle of Least Effort*, 1949; S. T. Piantadosi, *Zipf's word
#   frequency law in natural language: a critical review*, 2014, <https://doi.org/10.3758/s13423-014-0585-6>.
# - F. Jelinek, R. L. Mercer, L. R. Bahl, J. K. Baker, *Perplexity, a measure of the difficulty of speech
#   recognition tasks*, 1977, <https://doi.org/10.1121/1.2016299>.
# - Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, *A neural probabilistic language model*, 2003,
#   <https://www.jmlr.org/papers/v3/bengio03a.html>: embeddings learnt by predicting the next word.
# - T. Mikolov and others, *Efficient estimation of word representations in vector space*, 2013,
#   <https://arxiv.org/abs/1301.3781>.
# - J. Devlin and others, *BERT*, 2018, <https://arxiv.org/abs/1810.04805>; W. Wang and others, *MiniLM*, 2020,
#   <https://arxiv.org/abs/2002.10957>; N. Reimers, I. Gurevych, *Sentence-BERT*, 2019,
#   <https://arxiv.org/abs/1908.10084>: the encoder used here.
# - D. Jurafsky, J. H. Martin, *Speech and Language Processing*, 2nd edition 2009, 3rd edition as a draft,
#   <https://web.stanford.edu/~jurafsky/slp3/>: the chapter on n-grams, for smoothing done well.
#
# **Next:** *attention by hand*, where the vector of `bank` learns what kind of bank it is.
