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
# # Speculative decoding: guess ahead, check at once
#
# *Week 7, lesson 5 of 6*
#
# **You will be able to**
# - let a model check several guessed tokens in one step, and show that what it writes stays the same;
# - prove on three tokens, with fractions, that guesses leave the *sampled* distribution alone too, and name two rules
#   that do not;
# - measure how often four kinds of drafts are right, on four kinds of text;
# - predict tokens a step and the gain in time, and say when speculation is *slower*.
#
# **Time** about 50 minutes; the lesson runs in about half a minute. **You need first** the lesson *the KV cache*
# (prefill, decode, forgetting the end of a cache) and *choosing the next token* of week 2.

# %%
import time
from fractions import Fraction
from random import Random

import numpy as np
import torch
from matplotlib import pyplot

from course import corpus, distillation, drafts, exam, plots, speculation_explorer, threads
from course.model import load
from course.piece_ngrams import PieceNGram

threads.use_one()
loaded = load()  # a model of a hub instead: load("HuggingFaceTB/SmolLM2-135M-Instruct")
model, tokenizer = loaded.model, loaded.tokenizer
END = tokenizer.convert_tokens_to_ids("<|im_end|>")
ENDS = {END, tokenizer.eos_token_id}
print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} million parameters, "
      f"{model.config.num_hidden_layers} layers")  # fmt: skip

# %% [markdown]
# A model behind a server cannot be made to speculate from outside. `load(url=...)` would give you its text, not its
# steps: the server decides. So this lesson needs a model in your own process.
#
# ## 1. The question: what does one more token cost?
#
# Decoding writes one token a step. In each step *every* weight is fetched from memory, and multiplied with the numbers
# of a single token. Fetching is the slow part. (The lesson on flash attention counts it.) So what if one step had more
# tokens to work on?
#
# Times in this lesson are seconds *of the processor*: on one thread, what the clock shows where no other program
# disturbs.
#
# **Before you run**: a step with one new token takes a few milliseconds here. Guess the time of a step with 8 new
# tokens: eight times as long? Twice? The same?


# %%
@torch.no_grad()
def step_time(new: int, rows: int = 1, before: int = 96, tries: int = 12) -> float:
    """Milliseconds of one step with `new` tokens a row, after `before` tokens; the best of some tries."""
    past = model(torch.randint(3, 2000, (rows, before)), use_cache=True).past_key_values
    tokens, took = torch.randint(3, 2000, (rows, new)), []
    for _ in range(tries):
        start = time.process_time()
        model(tokens, past_key_values=past, use_cache=True)
        took.append(time.process_time() - start)
        past.crop(-new)
    return 1000 * min(took)


torch.manual_seed(0)
sizes = [1, 2, 4, 8, 16, 32, 64]
times = [step_time(new) for new in sizes]
for new, took in zip(sizes, times, strict=True):
    print(f"{new:2d} new tokens: {took:.1f} ms")

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 3.4))
axes.plot(sizes, times, "o-", label="measured")
axes.plot(sizes, [times[0] * new for new in sizes], "--", color=plots.MUTED, label="if every token cost a step")
axes.set(xlabel="new tokens in one step", ylabel="ms", ylim=(0, 3 * max(times)))
axes.set_title("Several tokens cost little more than one")
axes.legend()
plots.show(
    figure,
    alt="Time of one step against the number of new tokens from 1 to 64. The measured line rises slowly, far below "
    "the dashed line on which every token costs as much as a step of its own.",
)

# %% [markdown]
# Nearly flat at the start: a few tokens more cost little. On a graphics card the flat part is longer still, since its
# arithmetic is further ahead of its memory.
#
# Prefill uses this: a prompt's tokens are all known. When writing we know one token only. Unless someone *guesses* the
# next ones. Then one step can check all guesses together. That is **speculative decoding** (Leviathan et al. 2023; Chen
# et al. 2023). Whoever guesses is the **draft**, the model itself is the **target**.

# %% [markdown]
# ## 2. One check, by hand
#
# The target answers a request with a tool call. These are its next tokens, written one by one (greedy):

# %%
question = exam.tool_call(Random(-3))
prompt = tokenizer(question.prompt, add_special_tokens=False).input_ids
print(question.prompt.split("<|im_start|>")[2].replace("<|im_end|>", "").strip())
truth = drafts.write(model, prompt, 40, ends=ENDS).tokens


def pieces(ids: list[int]) -> list[str]:
    """Each token as text."""
    return [tokenizer.decode([i]) for i in ids]


print(pieces(truth[:8]))

# %% [markdown]
# Someone guesses five tokens. We make the guess ourselves: right at first, with one slip in fourth place.
#
# One step of the target on *prompt + guess* gives its choice **after every token**: after the prompt, after the first
# guess, and so on. Six choices.
#
# **Before you run**: how many of the six choices can be used? Which is the first that can not?

# %%
guess = truth[:5]
guess[3] = tokenizer.encode(" Monday", add_special_tokens=False)[0]
with torch.no_grad():
    logits = model(torch.tensor([prompt + guess])).logits[0]
choices = logits[len(prompt) - 1 :].argmax(-1).tolist()
print(f"{'after':>14} {'the guess':>14} {'the target':>14}")
for place, choice in enumerate(choices):
    after = "the prompt" if place == 0 else repr(tokenizer.decode([guess[place - 1]]))
    guessed = repr(tokenizer.decode([guess[place]])) if place < len(guess) else "-"
    same = place < len(guess) and guess[place] == choice
    print(f"{after:>14} {guessed:>14} {tokenizer.decode([choice])!r:>14}  {'same' if same else ''}")

# %% [markdown]
# - Three guesses are what the target would have written: **kept**.
# - The fourth is not. But the target's own choice stands right there, made after three *right* tokens: it is good. So
#   the step gives 3 + 1 = **4 tokens**.
# - What comes after the slip was computed for a text that will not be: thrown away, in the cache too.
#
# If all five are right, the sixth choice comes free as well: k guesses give at most k + 1 tokens. If the first is
# wrong, you still get one, as always. In *steps* you cannot lose.
#
# **Try it**: move the slip to place 0, then take it out. How many tokens does the step give?

# %%
for slip in (0, 3, None):
    trial = list(truth[:5])
    if slip is not None:
        trial[slip] = guess[3]
    with torch.no_grad():
        said = model(torch.tensor([prompt + trial])).logits[0, len(prompt) - 1 :].argmax(-1).tolist()
    same = [a == b for a, b in zip(trial, said, strict=False)]
    good = same.index(False) if False in same else len(same)
    print(f"slip at {slip}: {good} kept, {good + 1} tokens from one step")

# %% [markdown]
# ## 3. Who guesses?
#
# A draft must be *quick* and *often right*. Four candidates, in `course/drafts.py`:
#
# | draft | guesses | costs |
# |---|---|---|
# | `Lookup` | what followed these last tokens earlier in the text | nearly nothing |
# | `Counts` | an n-gram model of the same tokens (week 1 and 2) | a table look-up |
# | `Layers`, first and last | the target's own first and last layer, the others skipped | about half a step |
# | `Layers`, taught | the same two layers, after seconds of learning from the target | about half a step |
#
# **Prompt lookup**, by hand: the text so far is `the cat sat on the mat . the cat`. Find the last two words earlier in
# the text, and copy what came after.
#
# **Before you run**: which three words does it guess?

# %%
words = ["the", "cat", "sat", "on", "the", "mat", ".", "the", "cat"]
print(drafts.Lookup(longest=2)(words, 3))
print(drafts.Lookup(longest=2)(["nothing", "here", "comes", "twice"], 3))

# %% [markdown]
# No earlier place, no guess, no harm. It shines where answers repeat the question: code that is edited, summaries,
# quotations.
#
# The n-gram model counts runs of up to four tokens in about 130,000 tokens of the course's kind of text. The two-layer
# drafts are cut out of the target; one of them is **taught**: for a few seconds it learns to give the target's
# probabilities (distillation, next lesson).

# %%
# NBVAL_IGNORE_OUTPUT
# The last digits of training differ between machines.
ids, _ = corpus.shard("mixed", 900_000, tokenizer, 512)  # a shard that the target was not trained on
counted = PieceNGram(ids.reshape(-1), order=4, size=len(tokenizer))

rows = torch.from_numpy(ids[:256].astype("int64")).reshape(-1, 64)
first_and_last = [0, model.config.num_hidden_layers - 1]
skipping = distillation.keep_layers(model, first_and_last)
taught = distillation.keep_layers(model, first_and_last)
losses = distillation.learn(taught, rows, model, steps=40)
print(f"{ids.size:,} tokens counted; distance of the taught draft from the target, first to last steps: "
      f"{losses[0]:.1f} to {np.mean(losses[-5:]):.1f} nats a token")  # fmt: skip

DRAFTS = {
    "lookup": drafts.Lookup,
    "counts": lambda: drafts.Counts(counted),
    "two layers": lambda: drafts.Layers(skipping),
    "two, taught": lambda: drafts.Layers(taught),
}

# %% [markdown]
# Watch two of them on the answer from above. Each line is one step of the target. Kept guesses are in brackets; the
# last token of each line is the target's own.
#
# **Before you run**: which will need fewer steps?


# %%
def show_steps(name: str) -> drafts.Report:
    """Print what every step of the target gave."""
    report = drafts.write(model, prompt, 40, DRAFTS[name](), k=4, ends=ENDS)
    print(f"{name}: {len(report.tokens)} tokens in {len(report.guessed)} steps after the prompt's")
    place = 1
    for kept in report.kept:
        new = pieces(report.tokens[place : place + kept + 1])
        print("   ", " ".join(f"[{text!r}]" if n < kept else repr(text) for n, text in enumerate(new)))
        place += len(new)
    return report


for name in ("lookup", "counts"):
    assert show_steps(name).tokens == truth

# %% [markdown]
# The `assert` holds: whatever the draft says, the target's text comes out, token for token. A bad draft costs time,
# never quality. (On a machine where rounding differs between a step of one and a step of five tokens, two choices that
# are almost equally likely may swap. That is rounding, and is rare.)
#
# ## 4. How often are they right? It depends on the text
#
# The **acceptance rate** α is the share of guesses that are kept, among those that were looked at (a guess after a slip
# is not). We measure it for four drafts on four kinds of text: tool calls, answers about a story, whole stories, and
# lines of Shakespeare that the target never saw.
#
# **Before you run**: which kind of text is easiest to guess? Which draft wins?

# %%
NAMES = ["Mara", "Tom", "Nina", "Omar", "Lena", "Jack"]
unseen = [text for index, text in enumerate(corpus.real_text()) if corpus.is_held_out_text(index)]


def prompts(kind: str, count: int) -> list[list[int]]:
    """Prompts of one kind, as ids."""
    rng = Random(-3)
    texts = []
    for number in range(count):
        if kind == "stories":
            asked = f"Tell me a story about {NAMES[number % 6]} and the {['kite', 'lamp', 'map'][number % 3]}."
            texts.append(tokenizer.apply_chat_template([{"role": "user", "content": asked}], tokenize=False,
                                                       add_generation_prompt=True))  # fmt: skip
        elif kind == "Shakespeare":
            texts.append(rng.choice(unseen[:200])[:200])
        else:
            texts.append({"tool calls": exam.tool_call, "answers": exam.story_chat}[kind](rng).prompt)
    return [tokenizer(text, add_special_tokens=False).input_ids for text in texts]


KINDS = {"tool calls": 6, "answers": 6, "stories": 3, "Shakespeare": 3}
texts = {kind: prompts(kind, count) for kind, count in KINDS.items()}


def acceptance(reports: list[drafts.Report]) -> float:
    """Kept guesses as a share of those that were looked at: the kept ones, and the first slip of each step."""
    kept = sum(sum(r.kept) for r in reports)
    slips = sum(n < g for r in reports for n, g in zip(r.kept, r.guessed, strict=True))
    return kept / max(1, kept + slips)


def tokens_a_step(reports: list[drafts.Report]) -> float:
    """Tokens for each step of the target after the prompt's."""
    return sum(len(r.tokens) - 1 for r in reports) / max(1, sum(len(r.guessed) for r in reports))


def write(prompt: list[int], name: str, k: int = 4) -> drafts.Report:
    """Write an answer with a fresh draft of this name."""
    return drafts.write(model, prompt, 40, DRAFTS.get(name, lambda: drafts.nothing)(), k, ENDS)


tried = {(kind, name): [] for kind in KINDS for name in ("no draft", *DRAFTS)}
for kind in KINDS:
    for each in texts[kind]:
        for name in ("no draft", *DRAFTS):  # in turn, so that all are timed under the same conditions
            tried[kind, name].append(write(each, name))
same = all(report.tokens == alone.tokens for (kind, _), reports in tried.items()
           for report, alone in zip(reports, tried[kind, "no draft"], strict=True))  # fmt: skip
print("every text of every draft is the target's own:", same)

# %%
# NBVAL_IGNORE_OUTPUT
# The taught draft is the result of training, whose last digits differ between machines.
rates = np.array([[acceptance(tried[kind, name]) for name in DRAFTS] for kind in KINDS])
print(f"{'':14}" + "".join(f"{name:>14}" for name in DRAFTS))
for kind, line in zip(KINDS, rates, strict=True):
    print(f"{kind:14}" + "".join(f"{rate:14.2f}" for rate in line))

# %%
figure, axes = pyplot.subplots(figsize=(9, 3.6))
for n, name in enumerate(DRAFTS):
    axes.bar(np.arange(len(KINDS)) + 0.2 * (n - 1.5), rates[:, n], width=0.18, label=name, color=plots.COLOURS[n])
axes.set_xticks(range(len(KINDS)), list(KINDS))
axes.set(ylabel="acceptance rate", ylim=(0, 1.12))
axes.set_title("How often a guess is kept depends on the text as much as on the draft")
axes.grid(False, axis="x")
axes.legend(ncols=4, loc="upper right")
plots.show(
    figure,
    alt="Acceptance rates of four drafts on tool calls, answers, stories and lines of Shakespeare. The drafts that "
    "know the target's kind of text are kept far more often on tool calls and answers than on Shakespeare, and the "
    "taught two-layer draft is above the same two layers untaught.",
)

# %% [markdown]
# Text with a fixed form is easy: brackets, quotation marks and names of fields follow by rule. Verse is hard: the
# target itself is unsure there. A few seconds of learning *from the target* lift the two layers. Note what the draft
# has to imitate: not the truth but the target, mistakes included.
#
# Copying from the text so far needs a text that repeats itself. A short answer does not; a small model that goes round
# in circles does, so a high acceptance rate is no praise of the text. Copying helps most where the answer is in the
# prompt. **Try it**: give the target a prompt that contains its own answer once already.

# %%
again = prompt + truth + tokenizer("\n" + question.prompt, add_special_tokens=False).input_ids
for name in ("lookup", "counts"):
    report = drafts.write(model, again, 40, DRAFTS[name](), k=4, ends=ENDS)
    print(f"{name}: {report.tokens_a_step:.2f} tokens a step")

# %% [markdown]
# ## 5. Sampling: is the distribution still the target's?
#
# So far the target was greedy. With a temperature it *draws* its token from probabilities $p$. The draft draws its
# guess $x$ from its own probabilities $q$. When may we keep $x$?
#
# Three tokens, by hand:

# %%
p = {"a": Fraction(5, 10), "b": Fraction(3, 10), "c": Fraction(2, 10)}  # the target
q = {"a": Fraction(7, 10), "b": Fraction(1, 10), "c": Fraction(2, 10)}  # the draft
print(f"{'token':>6} {'target p':>9} {'draft q':>9}")
for x in p:
    print(f"{x:>6} {p[x]!s:>9} {q[x]!s:>9}")

# %% [markdown]
# The draft says `a` too often (7 of 10 times, 5 would be right) and `b` too seldom. So:
#
# - A guess of `b` or `c` is never too frequent: keep it always.
# - A guess of `a` is kept 5 times of 7.
# - When it is refused, 2 of 10 times, draw from what is *missing*: only `b`, which lacks 2 tenths.
#
# In symbols: keep $x$ with probability $\min(1, p(x)/q(x))$; else draw from $\max(p - q, 0)$, scaled to sum 1.
#
# **Before you run**: follow all ways in which the result can be `b`. Do they add up to 3/10?

# %%
keep = {"a": Fraction(5, 7), "b": Fraction(1), "c": Fraction(1)}
missing = {"a": Fraction(0), "b": Fraction(1), "c": Fraction(0)}  # 2/10 too few of b, scaled to sum 1
assert all(keep[x] == min(Fraction(1), p[x] / q[x]) for x in p)

ways = []
for guessed in q:
    ways.append((guessed, "kept", guessed, q[guessed] * keep[guessed]))
    ways += [(guessed, "refused", x, q[guessed] * (1 - keep[guessed]) * missing[x]) for x in p]
ways = [way for way in ways if way[3]]
for guessed, what, result, chance in ways:
    print(f"guess {guessed}, {what:8} result {result}: {chance}")
result = {x: sum(way[3] for way in ways if way[2] == x) for x in p}
print("together:", {x: str(chance) for x, chance in result.items()}, "equal to p:", result == p)

# %% [markdown]
# Fractions, not floats: the equality is exact. No way was left out, so this is a proof for these two distributions. The
# same sum with letters is a proof for all: kept, $q \cdot \min(1, p/q) = \min(p, q)$. Refused, what is missing:
# $p - \min(p, q)$. Together, $p$.
#
# Now two rules that look reasonable, and have been shipped:
#
# 1. *Keep every guess.* Fast!
# 2. Keep with $\min(1, p/q)$, but after a refusal draw from $p$ itself.
#
# **Before you run**: what does each give for `a`, `b`, `c`?

# %%
every = dict(q)
refused = sum(q[x] * (1 - keep[x]) for x in q)
again_from_p = {x: q[x] * keep[x] + refused * p[x] for x in p}
for name, wrong in (("target p", p), ("keep every guess", every), ("refused: draw from p", again_from_p)):
    print(f"{name:22}", {x: str(chance) for x, chance in wrong.items()})

# %% [markdown]
# The first gives the *draft's* text at the target's price. The second still gives `a` too often: 6/10 instead of 5/10.
# Both write fluent text, so no one sees it by reading. Only counting does.
#
# The same with 100,000 throws of the dice, since a program is not a proof either:

# %%
rng = np.random.default_rng(0)
P, Q = (np.array([float(d[x]) for x in "abc"]) for d in (p, q))
guesses = rng.choice(3, size=100_000, p=Q)
kept = rng.random(100_000) < np.array([5 / 7, 1, 1])[guesses]
final = np.where(kept, guesses, 1)  # whatever is refused becomes b
print("drawn:", np.round(np.bincount(final) / 100_000, 2).tolist(), "target:", P.tolist())
print(f"kept: {kept.mean():.2f}")

# %%
figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.5, 3.4), sharey=True)
places = np.arange(3)
left.bar(places - 0.2, P, width=0.38, color=plots.BLUE, label="target p")
left.bar(places + 0.2, Q, width=0.38, color=plots.ORANGE, label="draft q")
left.set_title("Two opinions")
right.bar(places, np.minimum(P, Q), color=plots.GREEN, label="kept: min(p, q)")
right.bar(places, P - np.minimum(P, Q), bottom=np.minimum(P, Q), color=plots.BLUE, label="filled in after a refusal")
right.bar(0, Q[0] - P[0], bottom=P[0], color="none", edgecolor=plots.ORANGE, ls="--", label="refused")
right.set_title(f"What they share is kept: {np.minimum(P, Q).sum():.1f}")
for axes in (left, right):
    axes.set_xticks(places, ["a", "b", "c"])
    axes.set(xlabel="token", ylim=(0, 1))
    axes.legend()
left.set_ylabel("probability")
plots.show(
    figure,
    alt="Left: the target gives a, b, c the chances 0.5, 0.3, 0.2 and the draft 0.7, 0.1, 0.2. Right: what both share, "
    "0.5, 0.1 and 0.2, is kept; 0.2 of a is refused, and the same 0.2 is filled in at b.",
)

# %% [markdown]
# The picture says what the acceptance rate *is*: the area that both share,
#
# $$\alpha = \sum_x \min(p(x), q(x)),$$
#
# which is 1 minus their total variation distance (Leviathan et al. 2023, corollary 3.6). By hand: 5/10 + 1/10 + 2/10 =
# 8/10, and the dice agree.
#
# A simpler rule is exact too: draw from $p$, and keep the guess if it is *the same token*. Its rate is only
# $\sum_x p(x)\,q(x)$.
#
# **Before you run**: for `a`, `b`, `c`, how much is that? Which rule will win on the real model?

# %%
print("same token drawn twice:", sum(p[x] * q[x] for x in p), "against", sum(min(p[x], q[x]) for x in p))
held = torch.from_numpy(ids[480:500].astype("int64"))
with torch.no_grad():
    logits = {name: m(held, use_cache=False).logits.flatten(0, 1) for name, m in
              {"target": model, "two layers": skipping, "two, taught": taught}.items()}  # fmt: skip

# %%
# NBVAL_IGNORE_OUTPUT
# The taught draft is the result of training, whose last digits differ between machines.
for temperature in (0.5, 1.0, 1.5):
    chances = {name: (table / temperature).softmax(-1) for name, table in logits.items()}
    for name in ("two layers", "two, taught"):
        shared = torch.minimum(chances["target"], chances[name]).sum(-1).mean()
        twice = (chances["target"] * chances[name]).sum(-1).mean()
        print(f"temperature {temperature}, {name:12} min(p, q): {shared:.2f}   same token twice: {twice:.2f}")

# %% [markdown]
# On real text too the better rule keeps more, and its advantage grows with the temperature: the flatter the
# distributions, the rarer that two draws hit the same token.
#
# You will write the general step, for k guesses and any vocabulary, in this week's assignment. What is left for you to
# think about: after the first refusal nothing more may be kept; and if all k are kept, where does the last token come
# from?

# %% [markdown]
# ## 6. How many tokens a step?
#
# Take k = 2 guesses, each kept with chance α = 1/2. By hand:
#
# | what happens | chance | tokens |
# |---|---|---|
# | first refused | 1/2 | 1 |
# | first kept, second refused | 1/4 | 2 |
# | both kept | 1/4 | 3 |
#
# Mean: 1/2 + 2/4 + 3/4 = 7/4. Or quicker: one token is certain, a second comes with chance α, a third with α²:
#
# $$1 + \alpha + \dots + \alpha^k = \frac{1 - \alpha^{k+1}}{1 - \alpha}$$
#
# (Leviathan et al. 2023, equation 1.) **Before you run**: α = 0.8 and k → ∞: how many tokens a step at most?

# %%
for alpha in (0.5, 0.8, 0.9):
    print(f"alpha {alpha}:", {k: round(speculation_explorer.expected_tokens(alpha, k), 2) for k in (1, 2, 4, 8, 100)})

# %% [markdown]
# At most 1/(1 − α): with α = 0.8 five tokens, however long the draft. Does reality agree? We let the n-gram draft
# guess 1 to 8 tokens ahead, on tool calls and on stories, and put the formula beside it, with the α measured at k = 1.

# %%
lengths = [1, 2, 4, 8]
figure, axes = pyplot.subplots(figsize=(9.5, 3.6))
for kind, colour in (("tool calls", plots.BLUE), ("stories", plots.ORANGE)):
    reports = {k: [write(each, "counts", k) for each in texts[kind]] for k in lengths}
    alpha = acceptance(reports[1])
    measured = [tokens_a_step(reports[k]) for k in lengths]
    predicted = [speculation_explorer.expected_tokens(alpha, k) for k in lengths]
    axes.plot(lengths, measured, "o-", color=colour, label=f"{kind}, measured")
    axes.plot(lengths, predicted, "--", color=colour, label=f"{kind}, formula for its α")
    print(f"{kind}: alpha at k = 1 is {alpha:.2f}")
    print("   k        ", lengths)
    print("   measured ", [round(m, 2) for m in measured])
    print("   formula  ", [round(m, 2) for m in predicted])
axes.set(xlabel="guessed tokens a step, k", ylabel="tokens a step", ylim=(1, None))
axes.set_title("The formula is a good first guess")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plots.show(
    figure,
    alt="Tokens a step of the n-gram draft against the number of guessed tokens, 1 to 8, on tool calls and stories: "
    "measured as solid lines, the formula for the acceptance at one guess as dashed lines. All rise, then flatten.",
)

# %% [markdown]
# Where do the two part? The formula takes every guess to be kept with the same chance, whatever came before. Real text
# comes in runs: inside `"arguments": {` nothing is in doubt, at a name everything is. And our draft goes on from *its
# own* guesses, with α measured where the text before was right. So treat α as an average, and measure at the k you use.

# %% [markdown]
# ## 7. What does it cost? When is it slower?
#
# Tokens a step are not tokens a second. A step now has k draft steps in front of it. Let one draft token cost a share c
# of a target's step:
#
# $$\text{times as fast} = \frac{1 - \alpha^{k+1}}{(1 - \alpha)(k c + 1)}$$
#
# (theorem 3.8). By hand, α = 0.8, k = 4: 3.36 tokens a step. With c = 0.05: 3.36 / 1.2 = 2.8 times as fast. With
# c = 0.5: 3.36 / 3 = 1.1. The widget adds one cost more, which the theorem takes to be nothing: that of checking k + 1
# tokens instead of one. You measured it in section 1.
#
# **Try it**: with α = 0.7, find the k that is best for c = 2%, 10%, 50%. Then find the α below which no k helps at
# c = 50%.

# %%
speculation_explorer.explore()

# %% [markdown]
# Now on this machine, for real. We time every draft on every kind of text (the prompt's step left out, it is the same
# for all).
#
# **Before you run**: the taught layers had the best acceptance. Will they be the fastest?

# %%
# NBVAL_IGNORE_OUTPUT
# Ratios of times.
seconds = {which: sum(r.seconds for r in reports) for which, reports in tried.items()}
speeds = {(kind, name): seconds[kind, "no draft"] / seconds[kind, name] for kind in KINDS for name in DRAFTS}
print(f"{'times as fast':14}" + "".join(f"{name:>14}" for name in DRAFTS))
for kind in KINDS:
    print(f"{kind:14}" + "".join(f"{speeds[kind, name]:14.2f}" for name in DRAFTS))

# %%
figure, axes = pyplot.subplots(figsize=(8, 3.8))
for n, name in enumerate(DRAFTS):
    steps = [tokens_a_step(tried[kind, name]) for kind in KINDS]
    axes.plot(steps, [speeds[kind, name] for kind in KINDS], "os^D"[n], ms=9, color=plots.COLOURS[n], label=name)
axes.axhline(1, color=plots.MUTED, ls="--")
axes.text(axes.get_xlim()[0], 1.02, " no draft", color=plots.MUTED)
axes.set(xlabel="tokens a step", ylabel="times as fast, by the clock")
axes.set_title("More tokens a step need not be more tokens a second")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plots.show(
    figure,
    alt="Each draft on each kind of text as a point: tokens a step against speed by the clock. The highest "
    "points are the n-gram draft's. The two-layer drafts reach more tokens a step and lie below 1, where it is slower "
    "than with no draft.",
)

# %% [markdown]
# The two-layer drafts win nearly every comparison of *steps*, and lose by the clock. Their c is half a step or more:
# four draft steps cost two steps of the target, before it has checked anything. Counting pieces is crude, but costs
# next to nothing.
#
# So a draft network must be *much* smaller. People pair 70 billion parameters with 1 billion, c about 0.02. A target of
# 3.5 million is near the floor where a step costs a fixed time, whatever its size. This model is a bad customer for
# draft networks, and an honest lesson says so.

# %%
# NBVAL_IGNORE_OUTPUT
# Ratios of times.
one = step_time(1)
begun = time.process_time()
for _ in range(200):
    drafts.Counts(counted)(prompt, 1)
count_cost = (time.process_time() - begun) / 200 * 1000
layers = drafts.Layers(skipping)
layers(prompt, 1)
begun = time.process_time()
layers(prompt, 40)
layer_cost = (time.process_time() - begun) / 40 * 1000
print(f"one drafted token, in steps of the target: counts {count_cost / one:.2f}, two layers {layer_cost / one:.2f}")
print(f"five tokens to check instead of one: {step_time(5) / one:.2f} times the time")

# %% [markdown]
# ### The second way to be slower: a full machine
#
# Section 1's flat line was for *one* reader. A server has many: then arithmetic is already in full use, and checking
# guesses that are thrown away takes time from someone else.
#
# **Before you run**: with 16 texts at once, will a step of 5 tokens each cost about as much as a step of 1, as it did
# for one text?

# %%
batches = [1, 4, 16]
grown = {rows: (step_time(1, rows, tries=6), step_time(5, rows, tries=6)) for rows in batches}
for rows, (single, five) in grown.items():
    print(f"{rows:2d} texts: a step of 1 token each takes {single:.1f} ms, of 5 tokens each {five:.1f} ms")

# %%
figure, axes = pyplot.subplots(figsize=(7, 3.2))
for shift, label, colour in (
    (-0.2, "1 token each", plots.BLUE),
    (0.2, "5 tokens each: 4 guesses to check", plots.ORANGE),
):
    axes.bar(np.arange(3) + shift, [grown[rows][shift > 0] for rows in batches], width=0.38, color=colour, label=label)
axes.set_xticks(range(3), [f"{rows} text{'s' * (rows > 1)}" for rows in batches])
axes.set(ylabel="ms a step")
axes.set_title("With many texts at once, checking is no longer free")
axes.legend(loc="upper left")
plots.show(
    figure,
    alt="Time of a step with 1, 4 and 16 texts at once. For one text, five tokens cost little more than one; "
    "for sixteen texts the step with five tokens each takes clearly longer than with one.",
)

# %% [markdown]
# Speculation buys *latency for one* with *arithmetic that would lie idle*. Where nothing lies idle it is a loss.
# Servers shorten the guesses as they fill up, or stop guessing.

# %% [markdown]
# ## 8. In the library
#
# transformers speaks of *assisted generation*. Prompt lookup and a draft model are one argument each. The draft must
# share the target's tokenizer (or be translated, at a cost).
#
# **Before you run**: are the texts the same as ours? How many steps does the target take? We count its calls.

# %%
steps_taken: list[int] = []
hook = model.register_forward_hook(lambda *_: steps_taken.append(1))
tokens = torch.tensor([prompt])
for name, options in {
    "plain": {},
    "prompt lookup": {"prompt_lookup_num_tokens": 4},
    "draft model": {"assistant_model": skipping},
}.items():
    steps_taken.clear()
    out = model.generate(tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=40, do_sample=False,
                         eos_token_id=list(ENDS), **options)  # fmt: skip
    print(f"{name:14} same text: {out[0, len(prompt) :].tolist() == truth}, calls of the target: {len(steps_taken)}")
hook.remove()

# %% [markdown]
# The library also changes k as it goes: longer after a full success, shorter after a slip. With `do_sample=True` it
# uses the rule of section 5. In vLLM the same is a setting of the server, for n-gram lookup, draft models and EAGLE
# heads (its documentation, *speculative decoding*).
#
# ## 9. Limits, and what came after
#
# - *A draft as a second model* must be found, loaded, and kept in step. **Medusa** (Cai et al. 2024) and **EAGLE** (Li
#   et al. 2024) train a small head on the target's own last layer instead; multi-token prediction trains it along with
#   the target (DeepSeek-AI 2024).
# - *One chain of guesses* breaks at the first slip. A **tree** of guesses, checked under a mask in one step, survives
#   some slips.
# - *Exactness is about distributions*, and up to rounding. With the same seed you will not get the same text as without
#   a draft: random numbers are used differently.
# - *A grammar, a penalty or a temperature changes p.* It must be applied before the comparison, at every place, or the
#   proof falls.
# - *Our α are of small samples* of a small model, and of a draft whose counts come from the same world as the exam. For
#   your model and your users, measure.

# %% [markdown]
# ## Three questions
#
# 1. A colleague's draft has acceptance 0.9 and costs half a step of the target a token. Should it be used?
#
# <details><summary>Answer</summary>
#
# Hardly. With k = 1: 1.9 tokens for 1.5 steps' time, 1.27 times as fast at the very best; with k = 4: 4.1 tokens for 3,
# 1.37 times. Checking costs something too, and at lower acceptance on harder texts it turns to a loss. Use the widget:
# a draft that is right less often but costs a twentieth is better.
#
# </details>
#
# 2. After a refusal someone draws from $p$ instead of $\max(p - q, 0)$ scaled. Why does nobody notice, and how would
# you?
#
# <details><summary>Answer</summary>
#
# The text stays fluent, since every token is one that the target or the draft likes. It leans towards the draft: tokens
# that the draft says too often remain too frequent. Enumerate all ways on a tiny vocabulary with fractions, or count
# many draws for a fixed context and compare with $p$.
#
# </details>
#
# 3. Your server has speculation on. At night answers are twice as fast as before, at noon slower. What happens?
#
# <details><summary>Answer</summary>
#
# At night few texts share a step: memory is the limit, and checked guesses are nearly free. At noon the batch is large,
# arithmetic is the limit, and each guess that is thrown away takes the place of someone's token. Guess less when the
# batch is large.
#
# </details>
#
# ## Where this comes from
#
# - Leviathan, Kalman, Matias (2023), *Fast inference from transformers via speculative decoding*,
#   https://arxiv.org/abs/2211.17192: the rule, the formulas of sections 5 to 7.
# - Chen et al. (2023), *Accelerating large language model decoding with speculative sampling*,
#   https://arxiv.org/abs/2302.01318: the same rule, found independently.
# - Stern, Shazeer, Uszkoreit (2018), *Blockwise parallel decoding*, https://arxiv.org/abs/1811.03115: greedy guesses,
#   checked in one step.
# - Saxena (2023), *Prompt lookup decoding*, https://github.com/apoorvumang/prompt-lookup-decoding.
# - Zhang et al. (2023), *Draft & verify: self-speculative decoding*, https://arxiv.org/abs/2309.08168: skipping layers.
# - Cai et al. (2024), *Medusa*, https://arxiv.org/abs/2401.10774; Li et al. (2024), *EAGLE*,
#   https://arxiv.org/abs/2401.15077; DeepSeek-AI (2024), *DeepSeek-V3*, https://arxiv.org/abs/2412.19437 (multi-token
#   prediction).
# - Gante (2023), *Assisted generation*, https://huggingface.co/blog/assisted-generation.
