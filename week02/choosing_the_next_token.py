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
# # Choosing the next token
#
# *Week 2, lesson 5 of 5*
#
# **You will be able to**
# - say what greedy search, beam search, temperature, top-k, top-p, min-p and a repetition penalty do to a
#   distribution, with paper and pencil;
# - show with numbers why the most probable text is not a good text;
# - pick settings for a task, and read the settings that others picked;
# - stream text as it comes, without broken characters and without showing half of a stop sequence.
#
# **Time** about 55 minutes. **You need first** *from text to numbers* (softmax, cross-entropy) and *byte-pair
# encoding*.

# %% [markdown]
# ## 1. The question: a model gives you thousands of numbers, and you need one token
#
# A language model does not write. It gives a probability to each token that may come next. Something else has to
# choose one, put it at the end of the text and ask again. That something is a few lines of code, and it decides
# whether the same model sounds dull, sensible or mad.
#
# Our model today is one that you can take apart: byte-pair tokens of the plays, and counts of up to four of them
# in a row. Where a long context was never seen it falls back on shorter ones, so that every token has *some*
# chance, as in a neural model. It trains in seconds. All that follows holds for any model that gives logits, and
# the last section says how to put a large one in its place.

# %%
from course import piece_ngrams, plays
from course.sampler_explorer import entropy, visible

ngram, bpe = piece_ngrams.load()
context = bpe.encode("To be, or not to").ids
print([visible(bpe.decode([i])) for i in context])

# %% [markdown]
# **Before you run:** the model was never shown the end of this text. Which tokens do you expect after `To be, or
# not to`, and how sure will it be of the first?

# %%
logits = ngram.log_probs(context)
chances = logits.softmax(0)
print(f"{len(chances):,} tokens, all of them possible: {bool((chances > 0).all())}")
for chance, i in zip(*chances.topk(8), strict=True):
    print(f"{chance:.3f}  {visible(bpe.decode([i]))}")

# %% [markdown]
# A few good candidates, then a **tail**: thousands of tokens, each with next to no chance. Add the chances up
# from the likeliest down.
#
# **Before you run:** how many tokens share the last tenth of the probability?

# %%
ordered = chances.sort(descending=True).values
for share in (0.5, 0.8, 0.9, 0.99):
    needed = int((ordered.cumsum(0) < share).sum()) + 1
    print(f"{share:.0%} of the chances lie in the first {needed:5,} of {len(chances):,} tokens")
print(f"entropy {entropy(chances):.1f} bits: as unsure as between {2 ** entropy(chances):.0f} equal tokens")

# %% [markdown]
# **Entropy** is the mean surprise of a draw from the distribution, in bits. It is 0 where one token has all, and
# $\log_2 V$ where all $V$ tokens are equal. Each rule of this lesson lowers or raises it; keep an eye on it.

# %% [markdown]
# ## 2. Greedy: always the likeliest
#
# The plainest rule takes the largest number. By hand: of the chances 0.2, 0.5 and 0.3 it takes the second. Then
# again, and again.
#
# **Before you run:** what will sixty tokens of this look like? (Lesson 1 of the course had a hint.)

# %%
import math

import torch

ids = list(context)
for _ in range(60):
    ids.append(int(ngram.log_probs(ids).argmax()))
greedy_ids = ids
print(bpe.decode(greedy_ids))

# %% [markdown]
# It runs in a circle. Here the reason is plain: the model sees three tokens, greedy choice is a function of
# them, and the first three that come twice close a loop for ever. But large models with a context of thousands
# of tokens loop too. For them each repetition makes the next one *more* likely: the text so far is evidence that
# this is a text that repeats itself (Xu and others, 2022).
#
# Let us measure it. **Distinct-n** is the share of different runs among all runs of *n* tokens; 1 means that
# nothing comes twice. By hand, for `a b a b a`: the pairs are ab, ba, ab, ba; two of four are different; distinct-2
# is one half.


# %%
def distinct(ids: list[int], n: int) -> float:
    """The share of different runs among all runs of n tokens."""
    runs = list(zip(*(ids[start:] for start in range(n)), strict=False))
    return len(set(runs)) / len(runs)


macbeth = bpe.encode(plays.spoken("macbeth")).ids  # the one play that the model never saw
human_ids = macbeth[200:260]
print("a b a b a      ", distinct([0, 1, 0, 1, 0], 2))
for name, text_ids in [("greedy", greedy_ids[len(context) :]), ("Shakespeare", human_ids)]:
    print(f"{name:15}", {f"distinct-{n}": round(distinct(text_ids, n), 2) for n in (1, 2, 4)})

# %% [markdown]
# ### Is the loop improbable, then?
#
# You might think that the model is at fault and gives a loop too much probability. Let us ask it: how likely does
# it find each token of the loop, and each token that Shakespeare wrote?
#
# **Before you run:** which of the two lines lies higher, and which one jumps?


# %%
def log_chances(ids: list[int], first: int) -> list[float]:
    """The model's log-probability, in bits, of each token from place `first` on."""
    return [float(ngram.log_probs(ids[:i])[ids[i]]) / math.log(2) for i in range(first, len(ids))]


from matplotlib import pyplot

from course import plots

by_greedy = log_chances(greedy_ids, len(context))
by_human = log_chances(macbeth[:260], 200)
figure, axes = pyplot.subplots()
axes.plot(by_greedy, color=plots.ORANGE, label="greedy text")
axes.plot(by_human, "--", color=plots.BLUE, label="Shakespeare (Macbeth, held out)")
axes.set(xlabel="token", ylabel="log₂ of its probability (bits)", ylim=(-18, 0.5))
axes.set_title("People surprise the model; its own favourite text never does")
axes.legend(loc="lower left", ncols=2)
mean_greedy, mean_human = sum(by_greedy) / 60, sum(by_human) / 60
plots.show(
    figure,
    alt=f"Log-probability of each of 60 tokens. The greedy text stays between 0 and about minus 6 bits with a mean of "
    f"{mean_greedy:.1f} and repeats a pattern. Shakespeare's text jumps between 0 and about minus 15 with a mean of "
    f"{mean_human:.1f}.",
)
print(f"mean bits a token: greedy {mean_greedy:.1f}, Shakespeare {mean_human:.1f}")

# %% [markdown]
# The loop is *more* probable than Shakespeare, token by token. So **probability and quality are two things**.
# A text in which every token is the expected one says nothing. Holtzman and others (2019) drew this picture for
# GPT-2 and news text, with the same result.

# %% [markdown]
# ## 3. Beam search: look further for an even likelier text
#
# Greedy choice is short-sighted: a likely token may lead into a poor place. By hand, with two words at each of two
# steps:
#
# | first | chance | then | chance | together |
# |---|---|---|---|---|
# | the | 0.6 | dog | 0.55 | 0.33 |
# | the | 0.6 | cat | 0.45 | 0.27 |
# | a | 0.4 | king | 0.9 | **0.36** |
# | a | 0.4 | fool | 0.1 | 0.04 |
#
# Greedy takes `the`, then `dog`: 0.33. The likeliest pair is `a king`: 0.36. **Beam search** keeps the best *few*
# beginnings at each step instead of one. Their number is the **width**. With width 2 both `the` and `a` survive
# the first step; the four continuations are compared, and the best two survive. Width 1 is greedy.
#
# **Before you read on:** does width 2 always find the likeliest text?
#
# <details><summary>Answer</summary>
#
# No. It finds it here because at each step the beginning of the best text was among the best two. A beginning that
# is third now and would have been first later is lost. Only a width as large as the number of beginnings is safe,
# and that number grows by a factor of the vocabulary with each token.
#
# </details>
#
# Products of many chances become tiny, so one adds logarithms. And texts end at different lengths, which brings a
# second question. **Before you run:** text A has two tokens with log-probabilities −1 and −1; text B has five with
# −0.6 each. Which has the better sum? Which would you rather have?

# %%
for power in (0.0, 1.0, 2.0):
    scores = {name: sum(logs) / len(logs) ** power for name, logs in {"A": [-1, -1], "B": [-0.6] * 5}.items()}
    print(f"length penalty {power:.0f}: A {scores['A']:.2f}  B {scores['B']:.2f}  ->", max(scores, key=scores.get))

# %% [markdown]
# Each further token can only lower the sum, so plain sums favour what is short. Dividing by the length to some
# power (the **length penalty**) removes that: 0 leaves the sum, 1 makes it a mean, 2 favours what is long.
#
# Now for real. The transformers library has all of this in one method, `generate`. Our n-gram model stands behind
# that method like any other: `course.ngram_generation` gives it the form that the library expects. First single
# lines of verse: the line break is the token that ends a text.
#
# **Before you run:** what is the likeliest line that begins with `My`, if nothing makes up for length?

# %%
from course.ngram_generation import Generating

writer = Generating(ngram)
line_break = bpe.token_to_id("Ċ")  # how byte-level BPE spells the line break
start = torch.tensor([bpe.encode("My").ids])
for power in (0.0, 0.5, 0.7, 1.0):
    found = writer.generate(
        start, do_sample=False, num_beams=8, length_penalty=power, max_new_tokens=16, eos_token_id=line_break
    )
    print(f"length penalty {power}: {bpe.decode(found[0].tolist()).strip()}")

# %% [markdown]
# With plain sums the likeliest end is the end at once: an empty line. Each token more is paid for.
#
# Now long texts, and wider and wider beams.
#
# **Before you run:** the search looks at more with each step. Will the text get better?


# %%
def write(prompt: str, count: int = 60, **settings) -> list[list[int]]:
    """What the model adds to the prompt: a list of ids for each text asked for."""
    torch.manual_seed(0)
    ids = bpe.encode(prompt).ids
    found = writer.generate(torch.tensor([ids]), max_new_tokens=count, **settings)
    return [row[len(ids) :] for row in found.tolist()]


def one_line(ids: list[int]) -> str:
    """The text of the ids with its line breaks as strokes."""
    return bpe.decode(ids).replace("\n", " / ")


def mean_bits(prompt: str, rows: list[list[int]]) -> float:
    """The mean log-probability of the rows' tokens after the prompt, in bits."""
    before = bpe.encode(prompt).ids
    each = [bits for row in rows for bits in log_chances(before + row, len(before))]
    return sum(each) / len(each)


for width in (1, 2, 8, 32):
    rows = write("To be, or not to", do_sample=False, num_beams=width)
    bits, different = mean_bits("To be, or not to", rows), distinct(rows[0], 2)
    print(f"width {width:2}: {bits:.2f} bits a token, distinct-2 {different:.2f}\n  {one_line(rows[0][:44])}\n")

# %% [markdown]
# From width 1 to 2 the log-probability jumps; after that it moves up and down a little, since a wider beam is no
# guarantee. And the search finds the heart of the matter: *No, no, no, no*. A better search for the most probable
# text finds a *worse* text. This is not our small model's fault alone: Stahlberg and Byrne (2019) searched a
# translation model exactly, and for more than half of the sentences the most probable translation was the empty
# one.
#
# So when is beam search right? Where the answer is nearly fixed by the question, so that probability and quality go
# together: translation, speech to text, spelling. There a width of 4 or so is common. Where a thousand answers are
# right, nobody wants the most probable one.

# %% [markdown]
# ## 4. Draw, do not maximise
#
# If the model's probabilities are good, then the honest way to write as people do is to **draw** from them. By hand:
# put the chances side by side on a line from 0 to 1, throw a random number on it, see where it falls.
#
# **Before you run:** with chances 0.5, 0.3, 0.2 and the random number 0.75, which token is drawn?

# %%
by_hand = torch.tensor([0.5, 0.3, 0.2])
ends = by_hand.cumsum(0)
print("the pieces end at", [round(end, 2) for end in ends.tolist()])
for thrown in (0.1, 0.75, 0.95):
    print(f"{thrown} falls into piece", int((ends < thrown).sum()))

# %% [markdown]
# `torch.multinomial` draws in the same sense, and takes a generator, so that a seed gives the same text again.
#
# **Before you run:** sixty tokens drawn from the model as it is. Better than the loop? In what way worse?

# %%
drawn = write("To be, or not to", do_sample=True, top_k=0)[0]
print("To be, or not to", bpe.decode(drawn))
print(f"\ndistinct-2: {distinct(drawn, 2):.2f}; {mean_bits('To be, or not to', [drawn]):.1f} bits a token")

# %% [markdown]
# No loop, and about as many different pairs as Shakespeare. But the words fall apart: there are some that no
# dictionary has. That is the tail. Each of its tokens is nearly impossible, but there are thousands, and together
# they are not.
#
# **Before you run:** if the last tenth of the chances is junk, how likely is a text of 60 tokens with no junk at all?

# %%
for junk in (0.1, 0.05, 0.01):
    print(f"tail of {junk:.0%}: {(1 - junk) ** 60:.1%} of texts of 60 tokens are free of it")

# %% [markdown]
# And it does not heal: one strange token makes a context that the model has never seen, where it knows even less.
#
# So there are two ways to fail. Too little chance, and the text repeats itself. Too much, and it falls apart. The
# knobs that follow all move between the two.

# %% [markdown]
# ## 5. Temperature: sharper or flatter
#
# Divide all logits by a number $T$ before the softmax: $p_i \propto e^{z_i / T}$. By hand, with the logits 2, 1, 0:
# at $T = 1$ the powers of $e$ are 7.39, 2.72, 1; at $T = \tfrac12$ the logits are 4, 2, 0 and the powers 54.6, 7.39,
# 1.
#
# **Before you run:** will $T = \tfrac12$ make the first token more or less likely? What happens for $T$ near 0, and
# for $T$ very large?

# %%
z = torch.tensor([2.0, 1.0, 0.0])
for T in (0.1, 0.5, 1.0, 2.0, 100.0):
    p = (z / T).softmax(0)
    print(f"T = {T:5}: {[round(x, 3) for x in p.tolist()]}  entropy {entropy(p):.2f} bits")

# %% [markdown]
# Cold is greedy, hot is uniform. $T = 0$ would divide by zero, so programs treat it as a word for *greedy*. Another
# way to say it: **temperature raises the odds to the power 1/T.** At $T = 1$ the first token is $e \approx 2.72$
# times as likely as the second; at $T = \tfrac12$ it is $2.72^2 \approx 7.39$ times. The order of the tokens never
# changes.
#
# Now on real contexts: the mean entropy of the distributions in *Macbeth* at each temperature, and texts.

# %%
places = range(50, len(macbeth) - 1, len(macbeth) // 200)
real = torch.stack([ngram.log_probs(macbeth[place - 8 : place]) for place in places])
temperatures = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0]
mean_entropy = [sum(entropy(row) for row in (real / T).softmax(1)) / len(real) for T in temperatures]

figure, axes = pyplot.subplots()
axes.plot(temperatures, mean_entropy, "o-", color=plots.BLUE, label="mean over 200 places in Macbeth")
axes.axhline(12, color=plots.MUTED, linestyle="--", label="all 4,096 tokens equal")
axes.set(xlabel="temperature", ylabel="entropy (bits)", ylim=(0, 12.6))
axes.set_title("Each degree of temperature buys uncertainty")
axes.legend(loc="lower right")
at_one = mean_entropy[temperatures.index(1.0)]
plots.show(
    figure,
    alt=f"Mean entropy against temperature. It rises from {mean_entropy[0]:.1f} bits at 0.1 over {at_one:.1f} bits "
    f"at 1 towards the dashed line of 12 bits, reaching {mean_entropy[-1]:.1f} at 3.",
)

# %%
for T in (0.3, 0.7, 1.0, 1.5):
    print(f"T = {T}: {one_line(write('The king', count=40, do_sample=True, top_k=0, temperature=T)[0])}\n")

# %% [markdown]
# At 0.3 it strings worn phrases together, at 1.5 it babbles. In between it is nearly tolerable. But look at what
# temperature *cannot* do: it works on all tokens alike. To silence the tail it must be so cold that the good
# candidates are silenced too. Better to cut the tail off.

# %% [markdown]
# ## 6. Cutting the tail: top-k, top-p, min-p
#
# Three rules say which tokens stay. The chances of those are then divided by their sum, so that they add up to 1
# again. By hand on five tokens with the chances 0.50, 0.25, 0.12, 0.08, 0.05:
#
# - **top-k**, $k = 2$: the two likeliest stay. 0.50 and 0.25 become 0.67 and 0.33.
# - **top-p** (or *nucleus*), $p = 0.8$: go down from the likeliest until the sum *reaches* 0.8. 0.50 + 0.25 = 0.75 is
#   not enough; with 0.12 it is 0.87. Three stay: the one that crosses the line is in.
# - **min-p**, $m = 0.2$: a token stays if it has at least 0.2 times the chance of the *likeliest*. The bar is at
#   0.2 × 0.50 = 0.10. Three stay.
#
# **Before you run:** what would each keep if the chances were 0.22, 0.21, 0.20, 0.19, 0.18?

# %%
from transformers import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

rules = {
    "top-k, k=2": TopKLogitsWarper(2),
    "top-p, p=0.8": TopPLogitsWarper(0.8),
    "min-p, m=0.2": MinPLogitsWarper(0.2),
}
no_ids = torch.empty(1, 0, dtype=torch.long)  # these rules do not look at the text
for five in ([0.50, 0.25, 0.12, 0.08, 0.05], [0.22, 0.21, 0.20, 0.19, 0.18]):
    print(five)
    for name, rule in rules.items():
        left = rule(no_ids, torch.tensor([five]).log()).softmax(-1)[0]
        print(f"  {name}: {[round(p, 2) for p in left.tolist()]}")

# %% [markdown]
# These three classes are the ones inside `generate`; they set the logits of what they drop to $-\infty$, and the next
# softmax does the rest. Their answers are what your own `sample_next_token` will be compared with.
#
# On the flat distribution top-k is as strict as before, the other two let nearly all through. That is the point of
# them: **how many tokens are sensible depends on the place.** Two places:

# %%
for text in ("I know not what to", "I saw a"):
    after = ngram.log_probs(bpe.encode(text).ids).softmax(0)
    best = [f"{visible(bpe.decode([int(i)]))} {after[i]:.2f}" for i in after.topk(4).indices]
    print(f"{text:20} entropy {entropy(after):.1f} bits   {best}")

# %% [markdown]
# After `I know not what to` two words are nearly all; after `I saw a` hundreds of things could have been seen.
# Count how many tokens each rule keeps at 200 places in *Macbeth*.
#
# **Before you run:** top-k is a level line in this picture. Which of the other two will let hundreds of tokens
# through where the model is unsure?

# %%
kept = {
    name: (rule(no_ids, real) > -torch.inf).sum(1)
    for name, rule in {
        "top-p 0.9": TopPLogitsWarper(0.9),
        "min-p 0.1": MinPLogitsWarper(0.1),
        "top-k 40": TopKLogitsWarper(40),
    }.items()
}
unsure = [entropy(row) for row in real.softmax(1)]
figure, axes = pyplot.subplots(figsize=(7.5, 4.2))
for (name, counts), mark, colour in zip(kept.items(), "o^s", [plots.ORANGE, plots.BLUE, plots.GREEN], strict=True):
    axes.semilogy(unsure, counts, mark, color=colour, markersize=4.5, alpha=0.65, label=name)
axes.set(xlabel="entropy of the model at this place (bits)", ylabel="tokens kept")
axes.set_title("Top-k keeps as many everywhere; the others follow the model's doubt")
axes.legend(loc="upper left")
median = {name: int(counts.float().median()) for name, counts in kept.items()}
plots.show(
    figure,
    alt=f"Tokens kept, on a log axis, against entropy at 200 places. Top-k lies at 40 throughout. Top-p 0.9 and "
    f"min-p 0.1 rise with the entropy, from 1 to many hundreds and to over a hundred. Medians: {median}.",
)

# %%
for name, counts in kept.items():
    few, middle, many = (int(counts.float().quantile(q)) for q in (0.05, 0.5, 0.95))
    print(f"{name:10} keeps {few:2} (surest twentieth of the places), {middle:3} (middle), {many:5,} (most unsure)")

# %% [markdown]
# For *this* model top-p 0.9 lets hundreds of tokens through at the middle place: its distributions have a heavy
# tail, and nine tenths of the chances reach far into it. Min-p measures against the best candidate and is stricter.
# A large neural model has a thinner tail, and top-p 0.9 to 0.95 is a common setting there. **A setting belongs to a
# model**; it is no constant of nature.
#
# ### The order matters
#
# The rules are applied one after the other, each to what the one before it left. The library's order is: temperature,
# top-k, top-p, min-p.
#
# **Before you run:** chances 0.5, 0.25, 0.12, 0.08, 0.05, top-k 2 and top-p 0.6. How many stay if top-k goes first?
# How many if top-p goes first? (Each rule sees chances that add up to 1.)

# %%
five = torch.tensor([[0.50, 0.25, 0.12, 0.08, 0.05]]).log()
k, p = TopKLogitsWarper(2), TopPLogitsWarper(0.6)
print("top-k, then top-p:", [round(x, 2) for x in p(no_ids, k(no_ids, five)).softmax(-1)[0].tolist()])
print("top-p, then top-k:", [round(x, 2) for x in k(no_ids, p(no_ids, five)).softmax(-1)[0].tolist()])

# %% [markdown]
# With top-k first, 0.50 and 0.25 become 0.67 and 0.33, and 0.67 alone reaches 0.6. Programs differ in their order, so
# the same numbers can mean different things in two of them. The same holds for temperature: before top-p (as here) a
# hot distribution is flat, and top-p keeps more.
#
# **Try it:** what does `TopKLogitsWarper(2)` keep of three tokens with *equal* logits? Decide first, then run it.
#
# <details><summary>Answer</summary>
#
# All three: it drops what is *less* than the second-largest logit, and none is less. Ties are kept.
#
# </details>

# %% [markdown]
# ## 7. The sampler
#
# All four knobs on a live distribution. Blue stays, orange is dropped, the black stroke is the model's own chance.
# The bold token is the one that the seed draws; the button writes it down and goes on.
#
# 1. Press **Draw the next token** ten times with the knobs as they are. Then *Start again*, set min-p to 0.1, draw
#    ten.
# 2. Put temperature at 2.0 and top-p at 0.9. Now temperature at 0.5. How many tokens does top-p keep, and why?
# 3. **Before you move it:** with top-k 1, can temperature or seed change anything?
# 4. Write `I know not what to` into the text: a sure place. Then `I saw a`: an unsure one. Find one setting that you
#    like in both.

# %%
from course import sampler_explorer

sampler_explorer.explore()

# %% [markdown]
# ## 8. Penalties: do not say it again
#
# Another cure for loops: make tokens that have occurred less likely. The **repetition penalty** $\theta$ of Keskar
# and others (2019) takes each token that is already in the text and makes its logit smaller: divided by $\theta$
# where it is positive, multiplied by $\theta$ where it is negative.
#
# By hand: logits 2, 1, −1, the first and the last have occurred, $\theta = 1.5$. They become 2 / 1.5 = 1.33, 1, and
# −1 × 1.5 = −1.5.
#
# **Before you run:** a softmax does not change when you add 5 to all logits. Does the penalised softmax?

# %%
from transformers import RepetitionPenaltyLogitsProcessor

penalty = RepetitionPenaltyLogitsProcessor(penalty=1.5)
occurred = torch.tensor([[0, 2]])
for shift in (0.0, 5.0):
    z = torch.tensor([[2.0, 1.0, -1.0]]) + shift
    after = penalty(occurred, z.clone())
    print(f"logits + {shift:.0f}: {[round(x, 2) for x in after[0].tolist()]}", end="   chances ")
    print([round(x, 3) for x in z.softmax(-1)[0].tolist()], "->", [round(x, 3) for x in after.softmax(-1)[0].tolist()])

# %% [markdown]
# It does, and by far: the same model with the same chances gets a different penalty, depending on an offset that
# means nothing. So a good $\theta$ for one model says nothing about another. The **frequency** and **presence
# penalties** of many servers subtract instead (a constant for each time, or once), and a subtraction does not care
# for the offset.
#
# Now cure the greedy loop. `no_repeat_ngram_size=3` is a harder rule: no three tokens in a row may occur twice.
#
# **Before you run:** which of the cures below do you expect to be too weak?

# %%
cures = {"greedy": {}, "penalty 1.1": {"repetition_penalty": 1.1}, "penalty 2.0": {"repetition_penalty": 2.0}}
cures["no 3 tokens twice"] = {"no_repeat_ngram_size": 3}
for name, setting in cures.items():
    row = write("To be, or not to", count=150, do_sample=False, **setting)[0]
    print(f"{name:18} distinct-4 {distinct(row, 4):.2f}\n  {one_line(row[-40:])}\n")

# %% [markdown]
# The weak penalty leaves a longer loop, the strong one and the hard rule leave none. What do they cost? A penalty
# cannot tell a boring repetition from a needed one: commas, *the*, a name, a closing bracket, the word that the
# question asked about. Measure it on text that needs no cure. Take 400 places in *Macbeth* and let the penalty see
# the 300 tokens before each.
#
# **Before you run:** what share of Shakespeare's next tokens has occurred within the last 300? What does a penalty
# do to the probability of those?

# %%
spots = range(300, len(macbeth) - 1, len(macbeth) // 400)
at_spots = torch.stack([ngram.log_probs(macbeth[i - 8 : i]) for i in spots])
came = torch.tensor([macbeth[i] for i in spots])
before = torch.tensor([macbeth[i - 300 : i] for i in spots])
again = (before == came[:, None]).any(dim=1)
print(f"{again.float().mean():.0%} of the tokens of Macbeth have occurred in the 300 before them")
for theta in (1.0, 1.1, 1.3, 2.0):
    after = RepetitionPenaltyLogitsProcessor(theta)(before, at_spots.clone()).log_softmax(dim=1)
    bits = -after[range(len(came)), came] / math.log(2)
    old, new = bits[again].mean(), bits[~again].mean()
    print(f"penalty {theta}: surprise {old:4.1f} bits at those, {new:.1f} at new ones, {bits.mean():.1f} over all")

# %% [markdown]
# More than half of what a great writer puts down stands a few lines above already, and the penalty makes all of it
# less likely, the loops and the rest. In code and in structured output a strong penalty breaks things outright. Use
# a weak one (1.05 to 1.2) or none, and only where you have seen loops.

# %% [markdown]
# ## 9. Log-probability against quality
#
# Let us put all rules on one picture. What is *quality*? Nobody has a formula. But both ways to fail can be counted:
#
# - **repeating**: the share of runs of four tokens that had occurred before in the text (1 − distinct-4);
# - **inventing**: the share of words that are in none of the 38 plays.
#
# **Before you run:** as the temperature goes from 0 (greedy) to 1.4, draw both curves on paper. Where does human
# text lie?

# %%
import re

words = re.compile(r"[a-z]+", re.IGNORECASE)
known = {word for title in plays.titles() for word in words.findall(plays.spoken(title).lower())}


def failures(rows: list[list[int]]) -> tuple[float, float]:
    """(share of repeated runs of four tokens, share of words in none of the plays), over all rows."""
    repeated = sum(1 - distinct(row, 4) for row in rows) / len(rows)
    found = [word for row in rows for word in words.findall(bpe.decode(row).lower())[1:-1]]
    return repeated, sum(word not in known for word in found) / len(found)


measured = {}
greedy_rows = write("The king", count=100, do_sample=False)
measured[0.0] = (*failures(greedy_rows), mean_bits("The king", greedy_rows))
for T in (0.1, 0.3, 0.5, 0.7, 0.85, 1.0, 1.2, 1.4):
    rows = write("The king", count=100, do_sample=True, top_k=0, temperature=T, num_return_sequences=8)
    measured[T] = (*failures(rows), mean_bits("The king", rows))

figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
figure.get_layout_engine().set(wspace=0.08)
left.plot(
    list(measured), [row[0] for row in measured.values()], "o-", color=plots.ORANGE, label="repeated runs of 4 tokens"
)
left.plot(list(measured), [row[1] for row in measured.values()], "s--", color=plots.BLUE, label="invented words")
left.set(xlabel="temperature", ylabel="share of the text", ylim=(0, None))
left.set_title("Too cold repeats, too hot invents")
left.legend(loc="upper center")
samples = [macbeth[i : i + 100] for i in range(100, len(macbeth) - 100, len(macbeth) // 12)][:12]
human = (*failures(samples), sum(log_chances(macbeth[:1200], 100)) / 1100)
right.plot(list(measured), [row[2] for row in measured.values()], "o-", color=plots.BLUE, label="the model's own texts")
right.axhline(human[2], color=plots.MUTED, linestyle="--", label="Shakespeare (Macbeth)")
right.set(xlabel="temperature", ylabel="log₂ probability (bits a token)")
right.set_title("Human text is not the likeliest text")
right.legend(loc="lower left")
plots.show(
    figure,
    alt=f"Repeated runs fall from {measured[0.0][0]:.0%} at temperature 0 to near 0 at 0.5; invented "
    f"words rise from {measured[0.0][1]:.0%} to {measured[1.4][1]:.0%} at 1.4. The log-probability of the model's "
    f"texts falls from {measured[0.0][2]:.1f} to {measured[1.4][2]:.1f} bits a token; Macbeth has {human[2]:.1f}.",
)
for T, (repeated, invented, bits) in measured.items():
    print(f"T = {T:4}: repeated {repeated:4.0%}  invented {invented:4.0%}  {bits:6.2f} bits a token")

# %% [markdown]
# At 0 two thirds of the runs are repetitions; at 0.5 next to nothing is, and hardly a word is invented. Two lessons
# stand in the right-hand picture.
#
# - At $T = 1$ the model's own texts have, on average, minus its own entropy: it finds its own draws as surprising
#   as it expects to. Human text lies lower still, since the model does not know all that people know.
# - "As likely as human text" would mean a temperature *above* 1 here, and the left-hand picture shows what those
#   texts are like. Neither more nor less log-probability is quality. It is a thing to measure, never a thing to
#   maximise.
#
# Now the rules beside each other, at the middle of the road.
#
# **Before you run:** which of the settings will come nearest to "no loops, no invented words, and different pairs
# like Shakespeare"?

# %%
settings = {
    "drawn as it is": {"top_k": 0},
    "temperature 0.7": {"top_k": 0, "temperature": 0.7},
    "top-k 40": {"top_k": 40},
    "top-p 0.9": {"top_k": 0, "top_p": 0.9},
    "top-p 0.6": {"top_k": 0, "top_p": 0.6},
    "min-p 0.1": {"top_k": 0, "min_p": 0.1},
}
print(f"{'':16} repeated  invented  distinct-2  bits a token")
for name, setting in settings.items():
    rows = write("The king", count=100, do_sample=True, num_return_sequences=8, **setting)
    repeated, invented = failures(rows)
    pairs = sum(distinct(row, 2) for row in rows) / len(rows)
    bits = mean_bits("The king", rows)
    print(f"{name:16} {repeated:8.0%} {invented:9.0%} {pairs:11.2f} {bits:13.2f}")
pairs = sum(distinct(row, 2) for row in samples) / len(samples)
print(f"{'Shakespeare':16} {human[0]:8.0%} {human[1]:9.0%} {pairs:11.2f} {human[2]:13.2f}")

# %% [markdown]
# Every rule that cuts the tail invents far less than the plain draw, and none loops. Among them you trade variety
# against safety; there is no winner for all tasks. (That *Macbeth* has no invented words is no merit of his: the
# list of known words includes this play.)

# %% [markdown]
# ## 10. Several at once
#
# With a rule that draws, one prompt gives many texts. `num_return_sequences` asks for a **batch** of them; a graphics
# card makes eight in little more than the time of one, since it reads the model's weights once for all.
#
# **Before you run:** eight endings of a line, sorted by log-probability. Will the top one be the best?

# %%
rows = write("I love thee", count=12, do_sample=True, top_k=0, min_p=0.05, num_return_sequences=8)
for row in sorted(rows, key=lambda row: -mean_bits("I love thee", [row])):
    print(f"{mean_bits('I love thee', [row]):6.2f}  I love thee{one_line(row)}")

# %% [markdown]
# The most probable of a batch tends to be the most ordinary. People therefore choose from a batch by something
# *else*: a test that the code must pass, a vote among the answers (*self-consistency*, week 4), a reward model
# (week 6). Choose your rule by what comes after it:
#
# | task | common choice |
# |---|---|
# | extract, classify, call a tool | greedy, or temperature near 0 |
# | translate, transcribe | beam search of width 4, or greedy |
# | answer, chat | temperature 0.6 to 1.0 with top-p 0.9 to 0.95 or min-p 0.05 to 0.1 |
# | many attempts at one problem, chosen by a test or a vote | temperature 0.6 to 1.0, so that they differ |
#
# These are habits, not laws. A model's maker often states the settings that it was tested with: start there.

# %% [markdown]
# ## 11. Streaming and stopping
#
# A reader should not wait for the last token to see the first. A Python generator gives each piece as it comes. Two
# traps lie in the word *piece*.
#
# **Trap 1: a token is not a character.** Our tokens are made of bytes, and characters that the plays do not have fall
# into several.
#
# **Before you run:** what does each *single* token of `naïve 漢` decode to?

# %%
ids = bpe.encode("a naïve 漢字").ids
print([bpe.decode([i]) for i in ids])

# %% [markdown]
# The sign � stands for "these bytes are no character yet". The remedy: decode *all* tokens so far, and hold the end
# back while it is incomplete.

# %%
from collections.abc import Iterable, Iterator


def streamed(ids: Iterable[int]) -> Iterator[str]:
    """The text of the tokens in pieces, each of whole characters."""
    so_far, shown = [], ""
    for i in ids:
        so_far.append(i)
        text = bpe.decode(so_far)
        if not text.endswith("\ufffd"):
            yield text[len(shown) :]
            shown = text


print(list(streamed(ids)))

# %% [markdown]
# **Trap 2: a stop sequence does not respect tokens either.** You want to stop before `and the`, and show nothing of
# it. The pieces come as below.
#
# **Before you run:** a program looks for the stop sequence in each piece by itself. What will it show?

# %%
stop = "and the"
pieces = ["A horse", ", a", " crown", " a", "nd", " t", "he", " sword"]
print("each piece by itself: ", "".join(piece for piece in pieces if stop not in piece))
print("in the text so far:   ", end="")
text = ""
for piece in pieces:
    text += piece
    if stop in text:
        break
    print(piece, end="")
print("<- stopped, too late")

# %% [markdown]
# The first never stops. The second stops, but has shown ` and t` already, and what a reader has seen cannot be taken
# back. So hold back whatever *might* be the beginning of the stop sequence, until you know.


# %%
def until(stop: str, pieces: Iterable[str]) -> Iterator[str]:
    """The pieces up to the stop sequence; its possible beginnings are held back until it is decided."""
    waiting = ""
    for piece in pieces:
        waiting += piece
        if stop in waiting:
            yield waiting[: waiting.index(stop)]
            return
        held = next(n for n in range(len(stop) - 1, -1, -1) if waiting.endswith(stop[:n]))
        yield waiting[: len(waiting) - held]
        waiting = waiting[len(waiting) - held :]
    yield waiting


print(list(until(stop, pieces)))

# %% [markdown]
# Read the list (an empty piece means: still waiting). `, a` waited as `, ` with an `a` held back, since `a` could
# have begun `and the`. It came out with the next piece, when it turned out to be `a crown`.
#
# Both together, on text that is being drawn: one line of verse, shown as it comes (each `|` ends a piece).

# %%


def drawing(prompt: str, seed: int, min_p: float = 0.1) -> Iterator[int]:
    """Token after token, for ever; the caller decides when to stop."""
    ids = bpe.encode(prompt).ids
    generator = torch.Generator().manual_seed(seed)
    rule = MinPLogitsWarper(min_p)
    while True:
        chances = rule(no_ids, ngram.log_probs(ids)[None]).softmax(-1)
        ids.append(int(torch.multinomial(chances[0], 1, generator=generator)))
        yield ids[-1]


for seed in range(4):
    print("The king" + "|".join(until("\n", streamed(drawing("The king", seed)))))

# %% [markdown]
# Note that nothing was thrown away: the generator made no token after the line break. Stopping early saves time and
# money, where each token costs.
#
# The library's own: `stop_strings` ends the text (and keeps the stop sequence in it), `TextStreamer` prints words
# as they are complete.

# %%
from transformers import PreTrainedTokenizerFast, TextStreamer

wrapped = PreTrainedTokenizerFast(tokenizer_object=bpe)
torch.manual_seed(3)
_ = writer.generate(
    torch.tensor([bpe.encode("The king").ids]),
    do_sample=True,
    top_k=0,
    min_p=0.1,
    max_new_tokens=60,
    stop_strings=["."],
    tokenizer=wrapped,
    streamer=TextStreamer(wrapped),
)

# %% [markdown]
# ### A knob for the real world
#
# All of this works on any causal model. With a network, these lines put one from the Hugging Face hub in the place of
# ours, in the widget and in `generate` (about 270 MB are fetched the first time):
#
# ```python
# from course import model, sampler_explorer
#
# hub = model.load("HuggingFaceTB/SmolLM2-135M-Instruct")
# sampler_explorer.explore(sampler_explorer.neural(hub))
# hub.model.generate(**hub.tokenizer("The king", return_tensors="pt"), do_sample=True, min_p=0.1, max_new_tokens=60)
# ```
#
# And this asks a server that speaks OpenAI's protocol, where temperature and seed are all the same knobs:
#
# ```python
# server = model.load("some-model", url="http://127.0.0.1:8000/v1")
# for piece in server.stream("Who is there?", temperature=0.7, seed=1):
#     print(piece, end="")
# ```
#
# ### Limits
#
# - Our model sees three tokens back. It cannot stay on a subject at any setting, and no rule for choosing can add
#   what the distribution does not know.
# - What counts as *repeated* or *invented* is a proxy. A text can pass both and say nothing. Judging text is week 4.
# - A seed gives the same text on the same machine and version. Across machines, sums in another order can tip a close
#   call, and from there on the texts differ.
# - Newer rules exist (typical sampling, eta sampling, contrastive search, and more). Before you take one, compare
#   it with temperature and one cut of the tail, tuned with the same care.

# %% [markdown]
# ## Three questions
#
# **1.** The chances are 0.4, 0.3, 0.2, 0.1. What is left with top-p 0.7, and with which chances? And with min-p 0.5?
#
# <details><summary>Answer</summary>
#
# 0.4 + 0.3 reaches 0.7: two tokens, with 4/7 ≈ 0.57 and 3/7 ≈ 0.43. (In floating point 0.4 + 0.3 may miss 0.7 by a
# hair. A rule at a tie is a coin's toss, so do not build on one.) Min-p 0.5 puts the bar at 0.2: three tokens, with
# 4/9, 3/9 and 2/9.
#
# </details>
#
# **2.** A colleague sets temperature to 0 and top-p to 0.9 and wonders why top-p changes nothing. What do you say?
#
# <details><summary>Answer</summary>
#
# Temperature 0 is greedy: the likeliest token has all the chance. Top-p always keeps at least that token, so there is
# nothing left for it to decide.
#
# </details>
#
# **3.** A summariser repeats one sentence without end at temperature 0.2. Name two cures, and what each may cost.
#
# <details><summary>Answer</summary>
#
# A higher temperature with a cut of the tail (top-p or min-p): costs some faithfulness and makes runs differ. A
# weak repetition penalty, or `no_repeat_ngram_size`: costs names, numbers and phrases that must come again, and its
# strength has to be found for each model anew. (Beam search is no cure: it looks for the most probable text, and
# that is the loop.)
#
# </details>

# %%
print("question 1:", [round(p / 0.7, 2) for p in (0.4, 0.3)], "and", [round(p / 0.9, 2) for p in (0.4, 0.3, 0.2)])

# %% [markdown]
# ## Where this comes from
#
# - B. T. Lowerre, *The Harpy speech recognition system*, 1976, <https://apps.dtic.mil/sti/citations/ADA035146>:
#   beam search.
# - Y. Wu and others, *Google's neural machine translation system*, 2016, <https://arxiv.org/abs/1609.08144>: length
#   penalties.
# - F. Stahlberg, B. Byrne, *On NMT search errors and model errors: cat got your tongue?*, 2019,
#   <https://arxiv.org/abs/1908.10090>: the most probable translation is often the empty one.
# - J. Li and others, *A diversity-promoting objective function for neural conversation models*, 2016,
#   <https://arxiv.org/abs/1510.03055>: distinct-n.
# - A. Fan, M. Lewis, Y. Dauphin, *Hierarchical neural story generation*, 2018, <https://arxiv.org/abs/1805.04833>:
#   top-k.
# - A. Holtzman and others, *The curious case of neural text degeneration*, 2019,
#   <https://arxiv.org/abs/1904.09751>: top-p, and the picture of section 2.
# - N. S. Keskar and others, *CTRL*, 2019, <https://arxiv.org/abs/1909.05858>: the repetition penalty.
# - J. Xu and others, *Learning to break the loop*, 2022, <https://arxiv.org/abs/2206.02369>: why loops feed
#   themselves.
# - N. N. Minh and others, *Turning up the heat: min-p sampling*, 2024, <https://arxiv.org/abs/2407.01082>; R.
#   Schaeffer and others, *Min-p, max exaggeration*, 2025, <https://arxiv.org/abs/2506.13681>, who tested its claims
#   again and dispute them.
# - S. F. Chen, J. Goodman, *An empirical study of smoothing techniques for language modeling*, 1999,
#   <https://doi.org/10.1006/csla.1999.0128>: the model of this lesson.
#
# **Next:** week 3, where you train a model that is worth sampling from.
