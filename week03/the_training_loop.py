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
# # The training loop
#
# *Week 3, lesson 2 of 5*
#
# **You will be able to**
# - compute two steps of AdamW on paper, and say what each of its four numbers is for;
# - choose a learning rate and a schedule, and say what warm-up, clipping, accumulation and bfloat16 change;
# - stop a run, resume it, and prove that the weights are the same to the last bit;
# - train the course's own model, watch its loss fall, and judge honestly what it has learnt.
#
# **Time** about 60 minutes. **You need first** the lesson *data*, and gradients (the *primer* of week 1 has them).

# %% [markdown]
# ## 1. The question: what is in a step?
#
# Every language model, however large, is trained by a loop like this:
#
# ```python
# for step in range(steps):
#     loss = loss_of(model, batches.at(step))   # forward
#     loss.backward()                           # gradients
#     clip(model)                               # no step too long
#     optimizer.step()                          # change the weights
#     optimizer.zero_grad()
# ```
#
# Six lines, and most of the craft is in what they leave open: how long a step, in which direction, on how much text,
# in which precision, and what happens when the machine goes down. We take these one at a time, on numbers that fit
# on paper. Then the loop runs in earnest, on the course's own model, before your eyes.
#
# The smallest loss with the trouble that all large ones have: two weights, one direction steep, one gentle.
#
# $$L(a, b) = \tfrac12\,(100\,a^2 + b^2), \qquad \text{gradient } (100\,a,\; b)$$
#
# **Before you run:** plain gradient descent subtracts *rate × gradient*. From (1, 1), with rate 0.019, where are *a*
# and *b* after 20 steps? What if the rate is 0.021?

# %%
import math

import torch

from course import threads

threads.use_one()
for rate in (0.019, 0.021):
    a = b = 1.0
    for _ in range(20):
        a, b = a - rate * 100 * a, b - rate * b
    print(f"rate {rate}: a = {a:7.3f}, b = {b:.3f}")

# %% [markdown]
# Each step multiplies *a* by $1 - 100\,\text{rate}$ and *b* by $1 - \text{rate}$. The steep direction forbids any rate
# above 2/100, and with such a rate the gentle one takes hundreds of steps. One rate for both is the trouble.

# %% [markdown]
# ## 2. AdamW by hand
#
# The cure: measure, for each weight on its own, how large its gradient usually is, and divide by that. **Adam** keeps
# two running averages a weight:
#
# - $m$, of the gradient (which way, lately?), with $\beta_1 = 0.9$;
# - $v$, of its square (how large, lately?), with $\beta_2 = 0.999$.
#
# Both begin at 0, so early they are too small: after $t$ steps by the factor $1 - \beta^t$. Divide by it. The step is
#
# $$w \leftarrow w - \text{rate}\,\frac{\hat m}{\sqrt{\hat v} + \epsilon} - \text{rate}\cdot\lambda\, w$$
#
# where the last term, **weight decay**, pulls every weight a little towards 0. Take rate 0.1, $\lambda$ = 0.01.
#
# **Before you run:** the first gradient is (100, 1). On paper: what are $m$, $v$, and the step, for each of the two?

# %%
for name, gradient in [("a", 100.0), ("b", 1.0)]:
    m = 0.1 * gradient  # 0.9 * 0 + 0.1 * gradient
    v = 0.001 * gradient**2
    m_hat, v_hat = m / (1 - 0.9), v / (1 - 0.999)
    print(
        f"{name}: m = {m:g}, v = {v:g}; corrected {m_hat:g} and {v_hat:g}; ratio {m_hat / math.sqrt(v_hat):g}", end=""
    )
    print(f"; new weight 1 - 0.1 * 1 - 0.1 * 0.01 * 1 = {1 - 0.1 - 0.001:g}")

# %% [markdown]
# The same step for both, though one gradient is a hundred times the other. That is Adam's character: **the first step
# has the length of the rate, whatever the scale of the gradient**. Multiply your loss by a thousand, and nothing
# changes.
#
# The second step, for *a*, with numbers:

# %%
g = 100 * 0.899
m = 0.9 * 10 + 0.1 * g
v = 0.999 * 10 + 0.001 * g**2
m_hat, v_hat = m / (1 - 0.9**2), v / (1 - 0.999**2)
a = 0.899 - 0.1 * m_hat / math.sqrt(v_hat) - 0.1 * 0.01 * 0.899
print(f"gradient {g:.1f}, m {m:.2f}, v {v:.3f}; corrected {m_hat:.2f} and {v_hat:.1f}; a = {a:.5f}")

# %% [markdown]
# And the library, on both weights. **Before you run:** will *b* be equal to *a*?

# %%
weights = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
curvature = torch.tensor([100.0, 1.0], dtype=torch.float64)
optimizer = torch.optim.AdamW([weights], lr=0.1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
for step in (1, 2):
    loss = 0.5 * (curvature * weights**2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"after step {step}: a = {weights[0].item():.5f}, b = {weights[1].item():.5f}")

# %% [markdown]
# Equal to ours, and both weights walk together. In the assignment you write the class; you now know all its lines.
#
# ### What if you forget the correction?
#
# Let the gradient be 1 at every step. Each step should have the length of the rate.
#
# **Before you run:** without the correction, is the first step too short or too long? By what factor?

# %%
from matplotlib import pyplot

from course import plots

t = torch.arange(1, 3001, dtype=torch.float64)
without = (1 - 0.9**t) / torch.sqrt(1 - 0.999**t)
figure, axes = pyplot.subplots(figsize=(7.5, 3.4))
axes.semilogx(t, without, color=plots.ORANGE, label="m / √v, not corrected")
axes.axhline(1, color=plots.BLUE, ls="--", label="corrected")
axes.set(xlabel="step", ylabel="length of the step (rates)", ylim=(0, 7))
axes.set_title("Without the correction, early steps are several times too long")
axes.legend()
plots.show(
    figure,
    alt=f"Length of Adam's step against step for a constant gradient. Corrected: 1 throughout. Not corrected: "
    f"{without[0]:.1f} at the first step, {without.max():.1f} at its highest, step {int(without.argmax()) + 1}, and "
    f"near 1 only after some thousand steps.",
)

# %%
print(f"first step {without[0]:.2f} rates; longest {without.max():.2f} rates, at step {int(without.argmax()) + 1}")

# %% [markdown]
# Both averages start too small, but $v$ is under a square root and remembers longer: so the quotient is too *large*.
# A run that explodes in its first ten steps may have this bug.
#
# ### The W: decay apart from the gradient
#
# Why is weight decay a term of its own? The older way adds $\lambda w$ to the gradient ($L_2$ regularisation), and Adam
# then divides it by $\sqrt v$ like everything else. Take two weights whose gradients are pure noise, one with noise
# 100, one with noise 1. Decay should shrink both alike.
#
# **Before you run:** which of the two weights will hardly shrink under the older way?

# %%
for kind in (torch.optim.Adam, torch.optim.AdamW):
    generator = torch.Generator().manual_seed(0)
    weights = torch.nn.Parameter(torch.full((2, 200), 10.0))  # 200 copies, to average the noise away
    optimizer = kind([weights], lr=0.01, weight_decay=0.1)
    for _ in range(500):
        noise = torch.randn(2, 200, generator=generator)
        weights.grad = noise * torch.tensor([[100.0], [1.0]])
        optimizer.step()
    loud, quiet = weights.mean(dim=1).tolist()
    print(f"{kind.__name__:6} with weight_decay=0.1: noise 100 -> {loud:.1f}; noise 1 -> {quiet:.1f}")

# %% [markdown]
# Under Adam the decay depended on the noise; under AdamW both shrink by $(1 - 0.001)^{500}$, about 0.6 (Loshchilov and
# Hutter, 2017).

# %% [markdown]
# ## 3. The real thing: the course's model and its first loss
#
# `course.pretrain` has the recipe of the model that you will use until week 8. A `Recipe` holds everything that decides
# a run. Here is ours for today: the smallest size, short rows, few steps.

# %%
from course import corpus, pretrain

tokenizer = corpus.train_tokenizer(n_documents=4000)
recipe = pretrain.Recipe(
    size="0.3m",
    phases=(("mixed", 240),),
    tokens_per_step=1024,
    warmup=10,
    cooldown=120,
    muon_rate=0.05,
    adam_rate=0.03,
    held_steps=240,
    steps_per_shard=60,
)
model = pretrain.build(recipe)
n_parameters = sum(parameter.numel() for parameter in model.parameters())
print(f"{n_parameters:,} parameters, of which {model.model.embed_tokens.weight.numel():,} are the embedding")
print(f"{recipe.steps} steps of {recipe.tokens_per_step} tokens: {recipe.steps * recipe.tokens_per_step:,} tokens")

# %% [markdown]
# **Before you run:** the vocabulary has 2,048 tokens, and the model knows nothing. What should the first loss be, in
# nats?

# %%
batches = pretrain.Batches(recipe, tokenizer)
ids, weight = batches.at(0)
loss, (text, answer, right) = pretrain.loss_and_accuracy(model, ids, weight)
print(
    f"batch {tuple(ids.shape)}; loss {loss.item():.1f}; were all tokens equally likely: ln 2048 = {math.log(2048):.1f}"
)

# %% [markdown]
# Check this on *every* model that you train. A first loss far above ln(vocabulary) says that the start is too sure of
# itself, one far below that something leaks. Ours is about a nat above: its embeddings begin with variance 1, so its
# first guesses are not all alike. `pretrain.initialise` says why this model starts so.
#
# For experiments we need something quicker: rows of 128 tokens, 512 tokens a step. Sixty such batches, kept in a list:

# %%
trial = pretrain.Recipe(size="0.3m", phases=(("recall", 60),), tokens_per_step=512, held_steps=60, steps_per_shard=60)
trial_batches = pretrain.Batches(trial, tokenizer)
batch = [trial_batches.at(step) for step in range(60)]
print(len(batch), "batches of", tuple(batch[0][0].shape))

# %% [markdown]
# ## 4. How long a step? The learning-rate finder
#
# An old trick (Smith, 2015): train for a few dozen steps while the rate grows by a fixed factor at each step, from far
# too small to far too large. Where the loss falls fastest is a good rate; where it rises is too much.
#
# **Before you run:** sketch the curve.

# %%
# NBVAL_IGNORE_OUTPUT
# Not compared: losses after many bfloat16 steps differ in their last digits between machines.
model = pretrain.build(trial)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.98), weight_decay=0.0)
tried, losses = [], []
for step in range(50):
    optimizer.param_groups[0]["lr"] = 1e-5 * 10 ** (step / 9)
    loss, _ = pretrain.loss_and_accuracy(model, *batch[step])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    tried.append(optimizer.param_groups[0]["lr"])
    losses.append(loss.item())

smooth = [sum(losses[max(0, i - 2) : i + 3]) / len(losses[max(0, i - 2) : i + 3]) for i in range(len(losses))]
lowest = min(range(len(smooth)), key=smooth.__getitem__)
figure, axes = pyplot.subplots()
axes.semilogx(tried, losses, ".", color=plots.SKY, label="each step")
axes.semilogx(tried, smooth, color=plots.BLUE, label="mean of five")
axes.axvline(tried[lowest] / 10, color=plots.GREEN, ls="--", label="a tenth of where it is lowest")
axes.set(xlabel="learning rate (grows with every step)", ylabel="loss (nats a token)", ylim=(4, 12))
axes.set_title("Too small does nothing, too large undoes everything")
axes.legend()
plots.show(
    figure,
    alt=f"Loss against learning rate, logarithmic. It stays near {smooth[3]:.1f} up to 1e-4, falls to "
    f"{smooth[lowest]:.1f} at {tried[lowest]:.2g} and rises steeply beyond 0.5.",
)

# %% [markdown]
# The rule of thumb takes a tenth of the rate where the loss is lowest. It is a first guess, not a result: the curve
# also falls because steps go by, and the best rate for fifty steps is not the best for fifty thousand. Today's run uses
# 0.03 for the embedding, nearer to where the curve is lowest: a short run may be greedier than a long one.

# %% [markdown]
# ## 5. The schedule: warm-up, peak, floor
#
# A rate is rarely kept constant. **Warm-up**: it climbs from near 0 in the first steps. Then it falls, often along half
# a **cosine**, to a **floor**. By hand, with peak 1, warm-up 4, total 12, floor 0.2: the steps 0, 1, 2, 3 have the
# rates 0.25, 0.5, 0.75, 1. After that, with $x$ from 0 to 1 the share of the way from step 4 to step 12, the rate is
#
# $$0.2 + (1 - 0.2)\,\frac{1 + \cos(\pi x)}{2}$$
#
# **Before you run:** what is the rate half-way, at step 8? A quarter of the way, at step 6: more or less than 0.8?

# %%
for step in (4, 6, 8, 10, 12):
    share = (step - 4) / 8
    print(f"step {step:2}: share {share:.2f}, rate {0.2 + 0.8 * (1 + math.cos(math.pi * share)) / 2:.3f}")

# %% [markdown]
# Flat at both ends, steepest in the middle. Why should a rate fall at all? Gradients are measured on few tokens, so
# they carry noise. A large rate gets near the bottom fast and then rattles about in it; a small rate settles, but takes
# for ever. Do one, then the other.
#
# The widget shows it in a bowl of forty directions with noisy gradients. The loss on the right is an expectation,
# computed exactly, not one random run. Work through these:
#
# 1. **Constant**, peak 1, then 0.1. Which falls faster? Which ends lower?
# 2. Now **cosine** with peak 1. Then the floor: 0.1 of the peak, then all of it.
# 3. Peak 2.1. Why does the constant rate explode, while the cosine recovers?
# 4. Peak 1, **steeper at the start by 4**, warm-up 0. What saves it, and how many steps does that need?

# %%
from course import schedule_explorer

schedule_explorer.explore(kind="constant", peak=1.0, warmup=0)

# %% [markdown]
# <details><summary>Answers</summary>
#
# 1. The large one falls faster, the small one ends lower. 2. The cosine does both; with a floor the noise of the
# floor's rate is left. 3. Beyond 2/curvature each step overshoots by more than it corrects; the cosine spends only
# some steps up there and comes down in time. 4. Warm-up: it keeps the rate low until the bowl is less steep. Five
# steps are enough here.
#
# </details>
#
# Point 4 is one reason for warm-up in real networks: their curvature is often largest at the start, and falls while
# the rate is still small (Gilmer and others, 2021). The other is Adam itself, whose $v$ has seen only a few gradients.
#
# The course's own recipe **stays, then falls**: a plateau, then a straight line to 0. Its advantage: you need not know
# at the start how long the run will be (Hu and others, 2024, call it WSD).

# %%
print("rates of today's run, as shares of the full rate:")
print({step: round(recipe.rate(step), 2) for step in (0, 4, 9, 100, 120, 180, 239)})

# %% [markdown]
# ## 6. Clipping: one bad batch
#
# The gradient of the whole model is one long vector. If its length is above a limit, **clipping** shortens it to the
# limit and keeps its direction. By hand: (3, 4) has length 5, so with limit 1 it becomes (0.6, 0.8).

# %%
weights = torch.nn.Parameter(torch.zeros(2))
weights.grad = torch.tensor([3.0, 4.0])
length = torch.nn.utils.clip_grad_norm_([weights], max_norm=1.0)
print(f"length before {length.item():g}; after {[round(x, 3) for x in weights.grad.tolist()]}")

# %% [markdown]
# But Adam divides the scale of the gradient away. Does it need clipping at all? Let one weight have the gradient 1 at
# every step, and a single broken batch have the gradient −1,000.
#
# **Before you run:** what will happen to Adam's steps *after* the broken batch?

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 3.4))
moved = {}
for name, limit, style in [("not clipped", math.inf, "-"), ("clipped to length 2", 2.0, "--")]:
    weights = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([weights], lr=1.0, betas=(0.9, 0.98), weight_decay=0.0)
    steps = []
    for step in range(150):
        before = weights.item()
        weights.grad = torch.tensor([-1000.0 if step == 30 else 1.0])
        torch.nn.utils.clip_grad_norm_([weights], limit)
        optimizer.step()
        steps.append(before - weights.item())
    moved[name] = sum(steps[60:])
    colour = plots.ORANGE if limit == math.inf else plots.BLUE
    axes.plot(steps, style, color=colour, label=name)
axes.axhline(0, color=plots.MUTED, lw=0.8)
axes.axvline(30, color=plots.MUTED, ls=":", label="the broken batch")
axes.set(xlabel="step", ylabel="step (rates)", title="One bad batch: Adam walks back, then stands still")
axes.legend(loc="center right")
plots.show(
    figure,
    alt="Adam's steps in units of the rate. Both runs step by 1 up to the broken batch at step 30. Without clipping "
    "the steps then turn to about -0.5, come up to 0 within thirty steps and stay near 0 to the end. Clipped, they dip "
    "to about 0.6 and are back near 1 within twenty steps.",
)
print({name: f"moved {distance:.0f} in the last 90 steps" for name, distance in moved.items()})

# %% [markdown]
# No single step was long: Adam's never are. The harm comes after. $m$ is full of the bad batch, so a dozen steps go
# *its* way; and $v$ remembers the square, a million, and forgets it by 2% a step, so the weight hardly moves for a
# hundred more. With plain gradient descent the harm would be one step a thousand times too long. Clipping caps both.
# The limit 1 is customary. One that binds at every step is no guard any more: it makes all gradients equally long,
# which Adam does not mind and plain gradient descent does.

# %% [markdown]
# ## 7. Batch size: how noisy is a gradient?
#
# A batch of more rows gives a better gradient and costs more. How much better? Take the untrained model and 64 rows,
# and compute the gradient of each row alone. Then average them in groups and compare with the mean of all.
#
# **Before you run:** in groups of 4 instead of 1, by what factor does the distance to the mean shrink? (What do you
# know about means of independent things?)

# %%
model = pretrain.build(trial)
rows = torch.cat([ids for ids, _ in batch[:16]])
row_weights = torch.cat([weight for _, weight in batch[:16]])
gradients = []
for i in range(64):
    model.zero_grad()
    pretrain.loss_and_accuracy(model, rows[i : i + 1], row_weights[i : i + 1])[0].backward()
    gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
gradients = torch.stack(gradients)
mean = gradients.mean(dim=0)
sizes = [1, 2, 4, 8, 16]
spread = [(gradients.view(64 // n, n, -1).mean(1) - mean).square().sum(1).mean().sqrt().item() for n in sizes]
noise = gradients.var(dim=0).sum().item()  # summed variance of one row's gradient
signal = mean.square().sum().item() - noise / 64  # squared length of the true gradient, noise taken off

figure, axes = pyplot.subplots(figsize=(7.5, 3.6))
axes.loglog(sizes, spread, "o", color=plots.BLUE, label="measured (from the mean of 64)")
axes.loglog(
    sizes,
    [math.sqrt(noise * (1 / n - 1 / 64)) for n in sizes],
    "--",
    color=plots.ORANGE,
    label="√(variance · (1/n − 1/64))",
)
axes.axhline(math.sqrt(signal), color=plots.GREEN, ls=":", label="length of the true gradient")
axes.set(xlabel="rows in the batch, n", ylabel="distance from the mean gradient", xticks=sizes, xticklabels=sizes)
axes.set_title("Four times the rows, half the noise")
axes.minorticks_off()
axes.set_yticks([1, 2, 4], ["1", "2", "4"])
axes.legend()
plots.show(
    figure,
    alt="Distance of a batch's gradient from the mean gradient against rows in the batch, both axes logarithmic. "
    "The points fall along the line of one over the square root of n, from above the length of the true gradient to "
    "well below it.",
)
print(f"noise of one row / squared length of the true gradient: about {noise / signal:.1f} rows")

# %% [markdown]
# Noise falls with $\sqrt n$, cost rises with $n$. The number printed is the **noise scale** (McCandlish and others,
# 2018): a batch of about that many rows is where noise and signal are equal. Far below it, twice the batch does nearly
# the work of two steps; far above it, you pay for precision that the next step throws away.
#
# At the start it is tiny: every row says "learn which words are common". Later, when only details are left, it
# grows by orders of magnitude, and that is why large runs use millions of tokens a step.

# %% [markdown]
# ## 8. Accumulation: a big batch in small pieces
#
# The batch you want may not fit in memory. Then run it in pieces, add up the gradients (`backward` adds by itself), and
# step once. The result is equal, *if* you add up the right thing.
#
# By hand: two pieces, one with 1 token of loss 6, one with 3 tokens of loss 2 each. **Before you run:** what is the
# mean loss of the four tokens? And the mean of the two pieces' means?

# %%
print("mean over tokens:", (6 + 2 + 2 + 2) / 4, "  mean of means:", (6 / 1 + (2 + 2 + 2) / 3) / 2)

# %% [markdown]
# Not equal. Each piece divided by its own number of tokens, so the short piece's token counts three times. The right
# way divides by the tokens of the *whole* batch. Trainers in wide use had it wrong for years, until 2024. With our
# model and four rows of unequal weight:

# %%
ids, weight = batch[0]


def gradient_of(pieces: list[float]) -> torch.Tensor:
    """The gradient when row i's mean loss counts `pieces[i]`, accumulated row by row."""
    model.zero_grad()
    for row, share in enumerate(pieces):
        loss, _ = pretrain.loss_and_accuracy(model, ids[row : row + 1], weight[row : row + 1])
        (loss * share).backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


model.zero_grad()
pretrain.loss_and_accuracy(model, ids, weight)[0].backward()
whole = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
amounts = weight[:, 1:].sum(dim=1)
print("weight in each row:", [round(x, 1) for x in amounts.tolist()])
for name, shares in [("mean of means", [0.25] * 4), ("by weight", (amounts / amounts.sum()).tolist())]:
    error = (gradient_of(shares) - whole).norm() / whole.norm()
    print(f"{name:14} off by {'less than 1%' if error < 0.01 else f'{error:.0%}'} from the whole batch's gradient")

# %% [markdown]
# What is left in the second line is rounding: pieces are rounded to bfloat16 one by one.

# %% [markdown]
# ## 9. Mixed precision
#
# **bfloat16** is a float of 16 bits: the exponent of float32, and 8 bits of precision instead of 24. Half the memory,
# and on chips that have the instructions twice the speed or more. What is lost?
#
# **Before you run:** in bfloat16, what is 1 + 0.001? And 1 + 0.01?

# %%
one = torch.tensor(1.0, dtype=torch.bfloat16)
for small in (0.01, 0.004, 0.003, 0.001):
    print(f"1 + {small} = {(one + small).item()}")
print("next number after 1:", 1 + torch.finfo(torch.bfloat16).eps)

# %% [markdown]
# A step of training changes a weight by about a thousandth of its size. In bfloat16 that is *nothing*, a thousand times
# over:

# %%
for kind in (torch.bfloat16, torch.float32):
    value = torch.tensor(1.0, dtype=kind)
    for _ in range(1000):
        value = value + 0.001
    print(f"{kind!s:15} 1 + 1000 times 0.001 = {value.item():.4f}")

# %% [markdown]
# So the weights stay in float32 (the **master weights**), and only the large matrix products run in 16 bits: *mixed*
# precision. In PyTorch this is a `with` around the forward pass, called autocast. See which type each part gets.
#
# **Before you run:** which should stay in float32, a matrix product or a softmax? Why?

# %%
x, w = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)), torch.eye(4, requires_grad=True)
with torch.autocast("cpu", torch.bfloat16):
    product = x @ w
    print("matrix product:", product.dtype, "  softmax:", product.softmax(-1).dtype, "  weights:", w.dtype)
    product.sum().backward()
print("gradient of the weights:", w.grad.dtype)

# %% [markdown]
# Products come out in bfloat16; the weights and their gradients, which small steps have to add up in, stay float32. The
# softmax follows its input here, and this is where care is needed: `pretrain` turns the logits back to float32 before
# the loss. What does it do to our model's loss, and to its speed?

# %%
# NBVAL_IGNORE_OUTPUT
# Not compared: the last digits and the times belong to the machine.
import time

import torch.nn.functional as F

for name, on in [("float32", False), ("bfloat16", True)]:
    start = time.perf_counter()
    for ids, _ in batch[:10]:
        with torch.autocast("cpu", torch.bfloat16, enabled=on):
            logits = model(ids, use_cache=False).logits[:, :-1]
        loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
    seconds = (time.perf_counter() - start) / 10
    print(f"{name:9} loss {loss.item():.4f}, {batch[0][0].numel() / seconds:,.0f} tokens/s")

# %% [markdown]
# The losses agree to about three digits. The gain in speed depends on the chip, and at this size it is small or even a
# loss: with width 64, time goes into moving small tensors and casting them. At width 512 and on a GPU it is a factor of
# two and more. *Measure before you believe a switch.*
#
# **float16** has more precision (11 bits) but a short exponent: gradients below about 6 · 10⁻⁸ become 0. It needs
# **loss scaling** (multiply the loss by, say, 1024, divide the gradients again; Micikevicius and others, 2017).
# bfloat16 does not, and this is why it won.

# %%
tiny = 1e-8
print(
    "float16:",
    torch.tensor(tiny).half().item(),
    "  scaled by 1024:",
    torch.tensor(tiny * 1024).half().item() / 1024 > 0,
)
print("bfloat16 keeps it:", torch.tensor(tiny).bfloat16().item() > 0)

# %% [markdown]
# ## 10. A step with another shape: Muon
#
# AdamW treats a matrix as a bag of numbers. **Muon** (Jordan and others, 2024) asks what a matrix *does*. A gradient
# matrix usually has a few strong directions and many faint ones. Muon keeps the directions and makes them all equally
# strong. By hand: the gradient
#
# $$G = \begin{pmatrix} 3 & 0 \\ 0 & 0.1 \end{pmatrix} \quad\text{becomes}\quad
# \begin{pmatrix} 1 & 0 \\ 0 & 1\end{pmatrix}$$
#
# In general, write $G = U S V^\top$ (singular values $S$) and step along $U V^\top$. **Before you run:** the singular
# values of a real gradient of our model, divided by the largest. How fast do they fall?

# %%
model.zero_grad()
pretrain.loss_and_accuracy(model, *batch[0])[0].backward()
matrix = model.model.layers[1].mlp.up_proj
G = matrix.weight.grad.clone()
U, S, Vh = torch.linalg.svd(G, full_matrices=False)
start = matrix.weight.detach().clone()
muon = torch.optim.Muon([matrix.weight], lr=1.0, momentum=0.0, weight_decay=0.0)
muon.step()
stepped = torch.linalg.svdvals(start - matrix.weight.detach())
figure, axes = pyplot.subplots(figsize=(7.5, 3.5))
axes.semilogy(S / S[0], color=plots.ORANGE, label="the gradient")
axes.semilogy(stepped / stepped[0], color=plots.BLUE, ls="--", label="torch.optim.Muon's step")
axes.axhline(1, color=plots.MUTED, ls=":", lw=1.2, label="exactly U Vᵀ")
axes.set(xlabel="singular value, largest first", ylabel="size (largest = 1)", ylim=(3e-4, 2))
axes.set_title("Muon gives faint directions an equal say")
axes.legend(loc="lower left")
plots.show(
    figure,
    alt="Singular values, largest first, logarithmic. The gradient's fall from 1 by two orders of magnitude or more; "
    "those of Muon's step stay between about 0.5 and 1.",
)

# %% [markdown]
# The step is only roughly $UV^\top$: a decomposition at every step would be slow, so Muon takes five rounds of a
# polynomial in $G G^\top$ (Newton and Schulz) that need matrix products alone. It is for matrices *inside* the layers;
# embeddings and norms stay with AdamW.
#
# Does it pay? Forty-eight steps of today's run, the same batches and the same start, embedding and norms by AdamW with
# rate 0.03 in both; the layers' matrices by AdamW with rate 0.01, or by Muon with 0.05 (each the better of two values
# that we tried).
#
# **Before you run:** do you expect a difference that you can see?

# %%
# NBVAL_IGNORE_OUTPUT
# Not compared: losses after many bfloat16 steps differ in their last digits between machines.
curves, lengths = {}, []
for name in ("AdamW", "Muon"):
    model = pretrain.build(recipe)
    muon, adam = pretrain.optimizers(model, recipe)
    layers = (
        muon if name == "Muon" else torch.optim.AdamW(muon.param_groups[0]["params"], betas=(0.9, 0.98), weight_decay=0)
    )
    full_rates, history = {layers: 0.05 if name == "Muon" else 0.01, adam: 0.03}, []
    for step in range(48):
        loss, _ = pretrain.loss_and_accuracy(model, *batches.at(step))
        loss.backward()
        lengths.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        for optimizer, rate in full_rates.items():
            optimizer.param_groups[0]["lr"] = rate * min(1, (step + 1) / 8, (48 - step) / 16)
            optimizer.step()
            optimizer.zero_grad()
        history.append(loss.item())
    curves[name] = history

figure, axes = pyplot.subplots(figsize=(7.5, 3.6))
for (name, history), style, colour in zip(curves.items(), ["--", "-"], [plots.ORANGE, plots.BLUE], strict=True):
    smooth = [sum(history[i - 2 : i + 3]) / 5 for i in range(2, 46)]
    axes.plot(range(2, 46), smooth, style, color=colour, label=f"matrices by {name}")
axes.set(
    xlabel="step", ylabel="loss (nats a token), mean of five", title="On this model Muon gets further in the same steps"
)
axes.legend()
plots.show(
    figure,
    alt="Loss over 48 steps with the layers' matrices trained by AdamW and by Muon. "
    + "; ".join(f"{name} ends at {sum(history[-6:]) / 6:.2f}" for name, history in curves.items())
    + " nats (mean of the last six).",
)
print({name: f"{sum(history[-6:]) / 6:.2f}" for name, history in curves.items()}, "nats, mean of the last six steps")
print(f"gradients longer than 1, and so clipped: {sum(length > 1 for length in lengths) / len(lengths):.0%}")

# %% [markdown]
# One model, one seed, few steps: an anecdote that you can repeat, not a verdict. Liu and others (2025) report about
# half the computation of AdamW for the same loss at scale. Comparisons of optimizers are often comparisons of
# *tuning*: give the old one the same number of tries as the new one, or your result says nothing.

# %% [markdown]
# ## 11. Stop and resume, bit for bit
#
# Long runs die: machines fail, time runs out. A **checkpoint** is what you need to go on *as if nothing had happened*.
# **Before you read on:** the weights, of course. What else? There are three more things.
#
# <details><summary>Answer</summary>
#
# The optimizer's memory ($m$, $v$, or Muon's momentum); the step (the schedule and the data depend on it); and the
# state of whatever is random (order of data, dropout). In `pretrain` data are written from the step's number, so the
# step is enough.
#
# </details>

# %%
import tempfile
from pathlib import Path

short = pretrain.Recipe(size="0.3m", phases=(("recall", 16),), tokens_per_step=512, warmup=4, cooldown=6,
                        held_steps=16, steps_per_shard=8)  # fmt: skip
folder = tempfile.TemporaryDirectory()
home = Path(folder.name)


def run(name: str, stop_at: int | None = None) -> tuple[dict, list[float]]:
    """Train the short recipe in a folder of that name, or go on there; weights, and the loss of every step."""
    losses: list[float] = []
    trained = pretrain.train(
        short, home / name, tokenizer, stop_at, report_every=1, report=lambda e: losses.append(e["text_loss"])
    )
    return trained.state_dict(), losses


whole, whole_losses = run("whole")
run("parts", stop_at=9)  # here the power fails
parts, _ = run("parts")
print("all weights equal to the last bit:", all(torch.equal(whole[name], parts[name]) for name in whole))

# %% [markdown]
# Equal, bit for bit. Such a test is cheap, and it belongs in every training code. See what it catches: we forget the
# optimizer's memory in the checkpoint, as many home-made loops do.
#
# **Before you run:** will the loss after resuming be better, equal or worse?

# %%
# NBVAL_IGNORE_OUTPUT
# Not compared: losses after bfloat16 steps differ in their last digits between machines.
run("forgetful", stop_at=9)
file = home / "forgetful" / "checkpoint.pt"
state = torch.load(file, weights_only=True)
print("a checkpoint holds:", list(state))
fresh = pretrain.optimizers(pretrain.build(short), short)
torch.save({**state, "optimizers": [optimizer.state_dict() for optimizer in fresh]}, file)
forgetful, forgetful_losses = run("forgetful")
print("weights equal:", all(torch.equal(whole[name], forgetful[name]) for name in whole))
print("never stopped: ", [round(x, 2) for x in whole_losses[9:]])
print("forgot m and v:", [round(x, 2) for x in forgetful_losses])

# %% [markdown]
# No error, no warning, a loss that looks all right, and other weights. That is the nature of bugs in training: the loop
# goes on, and the model is merely a little worse. Tests of equality find what watching the loss does not.
#
# Two habits from `pretrain.save`: write the new checkpoint *beside* the old one and then put it in its place (a machine
# may die while it writes), and count what is in it:

# %%
in_weights = sum(tensor.numel() for name, tensor in state["model"].items() if name != "lm_head.weight")
in_optimizers = sum(
    value.numel() for saved in state["optimizers"] for entry in saved["state"].values() for value in entry.values()
)
print(f"numbers in the weights: {in_weights:,}; in the optimizers: {in_optimizers:,}")

# %% [markdown]
# One number a weight for Muon (momentum), two for AdamW ($m$ and $v$). For a large model this memory is the greater
# part of all; the next lessons count it and share it out.

# %% [markdown]
# ## 12. Live: the course's model learns to write
#
# Everything is in place. First, what does the untrained model write?

# %%
from course.model import Local

PROMPTS = [
    "Mara is in the",
    "On a sunny Monday,",
    "Sums:\n2 + 3 =",
    "Ida went to the garden. Otto walked into the kitchen.\nQuestion: Where is Otto?\nAnswer:",
]


def show_writing(model) -> None:
    """What the model goes on with after each prompt, drawn at temperature 0.6."""
    model.eval()
    model.set_attn_implementation("sdpa")  # the training's own attention knows no cache
    for prompt in PROMPTS:
        print(f"{prompt!r}\n    -> {Local(model, tokenizer).complete(prompt, 32, temperature=0.6, seed=3)!r}")


# %%
# NBVAL_IGNORE_OUTPUT
# Not compared: what an untrained model writes hangs on the last bits.
show_writing(pretrain.build(recipe))

# %% [markdown]
# **Before you run:** 240 steps, a quarter of a million tokens, half a minute or so. Which will it learn first: which
# words are common, how a sentence of the world is built, or who is where? Where will the loss be at the end, if ln
# 2048 is 7.6?
#
# At step 100 we stop it, as if the machine had been needed elsewhere.

# %%
# NBVAL_IGNORE_OUTPUT
# Not compared: losses after many bfloat16 steps differ in their last digits between machines.
from course.live_curve import LiveCurve

first_part = LiveCurve(recipe.steps)
_ = pretrain.train(recipe, home / "live", tokenizer, stop_at=100, report_every=10, report=first_part)
# %% [markdown]
# Stopped: the model in memory is gone, the checkpoint is on the disk. Go on from there.

# %%
# NBVAL_IGNORE_OUTPUT
# Not compared: losses after many bfloat16 steps differ in their last digits between machines.
second_part = LiveCurve(recipe.steps, log=first_part.log, mark=100)
trained = pretrain.train(recipe, home / "live", tokenizer, report_every=10, report=second_part)

# %%
# NBVAL_IGNORE_OUTPUT
# Not compared: what a model writes after bfloat16 training differs between machines.
show_writing(trained)

# %% [markdown]
# Not bad for half a minute. It has the words, their order, the shape of questions, answers and sums; it has *not* the
# facts. Who is where, it makes up. Let us measure that: questions about a passage that stands right in front
# of it, from the exam's own seeds, before and after.
#
# **Before you run:** in the lesson *data*, a guesser that saw only which answers are usual had some 4% of such
# questions right, and one that took a usual answer out of the passage 29%. Where will our model be?

# %%
# NBVAL_IGNORE_OUTPUT
# Not compared: what a model answers after bfloat16 training differs between machines.
from random import Random

from course import exam

rng = Random(exam.EXAM_SEED)
questions = [exam.passage(rng) for _ in range(150)]
told = [question.prompt for question in questions]
for name, candidate in [("before", pretrain.build(recipe)), ("after", trained)]:
    share = sum(exam.mark(candidate.eval(), tokenizer, questions)) / len(questions)
    print(
        f"{name:7} {share:4.0%} right; perplexity of the questions {exam.perplexity(candidate, tokenizer, told):,.0f}"
    )
print(f"the log: {second_part.log[-1]['answer_right']:.0%} of answer tokens right")

# %% [markdown]
# The perplexity of the questions fell from thousands to a few dozen, and the answers are no better than the lottery.
# The log's figure sounds better and means less: it counts *tokens* of all sorts of answers, each after the true tokens
# before it, and the brackets of a tool call or the second half of a name are easy. Ask what a figure counts before you
# are glad of it.
#
# And keep this in mind: **loss falls first for what is frequent and easy; a fluent text says little about reading.**
# Looking up a fact in the passage takes heads that work together across layers (Olsson and others, 2022). They come
# late and rather suddenly, after many more tokens than we can read here, and this is what the hours of the shipped
# model's run are for (its card says how many).
#
# **Try it:** with `phases=(("names", 240),)` the texts are simpler and answers weigh more. Does the answers' loss fall
# further? Then double `tokens_per_step`: does the same number of *tokens* get further, or the same number of *steps*?

# %%
folder.cleanup()  # the run's files; a real run keeps them

# %% [markdown]
# ## 13. The same in the tools of the trade
#
# You rarely write this loop for a large model; you set its knobs. In `transformers.Trainer`:
#
# | this lesson | `TrainingArguments(...)` |
# |---|---|
# | AdamW, its betas and decay | `optim="adamw_torch"`, `adam_beta2=0.98`, `weight_decay=0.01` |
# | peak, warm-up, cosine | `learning_rate=3e-3`, `warmup_steps=100`, `lr_scheduler_type="cosine"` |
# | clipping | `max_grad_norm=1.0` |
# | batch and accumulation | `per_device_train_batch_size=8`, `gradient_accumulation_steps=4` |
# | mixed precision | `bf16=True` |
# | checkpoints | `save_steps=500`, then `trainer.train(resume_from_checkpoint=True)` |
#
# The course's own model, from the command line, with checkpoints, a model card and an exam at the end:
#
# ```
# make pretrain SIZE=1m
# ```
#
# Later lessons take the shipped one, `course.model.load()`, or any other: `load("HuggingFaceTB/SmolLM2-135M-Instruct")`
# from the hub, `load("name", url="http://127.0.0.1:8000/v1")` behind an OpenAI-compatible server.
#
# **Limits of this lesson**
# - One process, one small model. What breaks at scale (a loss that jumps after weeks, a chip that miscounts) does not
#   show here.
# - The bowl has no valleys, saddles or cliffs. It explains noise, steepness and schedules; it does not explain why
#   networks generalise.
# - A rate found here is good for this size. How to carry rates over to other sizes is a subject of its own (Yang and
#   others, 2022).

# %% [markdown]
# ## Three questions
#
# **1.** You multiply your loss by 100 by mistake. What changes under SGD, under AdamW, and with clipping at 1?
#
# <details><summary>Answer</summary>
#
# SGD: every step is 100 times as long; it will probably explode. AdamW: as good as nothing, since $m$ and $\sqrt v$
# grow alike (ε counts for less). Clipping: gradients that were shorter than 1 are now clipped, to one length whatever
# the batch; under AdamW that flattens the differences between batches, under SGD it saves the run.
#
# </details>
#
# **2.** After resuming, your loss curve shows a bump of a few dozen steps and then looks as before. What do you
# suspect, and how do you test it?
#
# <details><summary>Answer</summary>
#
# The optimizer's state (or the schedule's step) was not restored: without $v$ the first steps are as long as the rate
# for every weight. Test: train 16 steps; train 9, stop, resume to 16; compare all weights for equality.
#
# </details>
#
# **3.** A run in pure bfloat16 (weights too) learns well at first and then stalls, while the same run with float32
# master weights goes on. Why does it stall late and not early?
#
# <details><summary>Answer</summary>
#
# Early updates are large against the weights. When the rate falls, updates become smaller than half of the distance
# between neighbouring bfloat16 numbers, about 1/256 of the weight, and rounding drops them whole.
#
# </details>

# %%
print("1 - 1/256 in bfloat16:", (one - 1 / 256).item(), "  1 - 1/1024:", (one - 1 / 1024).item())

# %% [markdown]
# ## Where this comes from
#
# - D. P. Kingma, J. Ba, *Adam: a method for stochastic optimization*, 2014, <https://arxiv.org/abs/1412.6980>; I.
#   Loshchilov, F. Hutter, *Decoupled weight decay regularization*, 2017, <https://arxiv.org/abs/1711.05101>: the W.
# - L. N. Smith, *Cyclical learning rates for training neural networks*, 2015, <https://arxiv.org/abs/1506.01186>: the
#   finder. I. Loshchilov, F. Hutter, *SGDR*, 2016, <https://arxiv.org/abs/1608.03983>: the cosine. S. Hu and others,
#   *MiniCPM*, 2024, <https://arxiv.org/abs/2404.06395>: stay, then fall.
# - J. Gilmer and others, *A loss curvature perspective on training instability in deep learning*, 2021,
#   <https://arxiv.org/abs/2110.04369>: what warm-up does.
# - R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training recurrent neural networks*, 2012,
#   <https://arxiv.org/abs/1211.5063>: clipping.
# - S. McCandlish and others, *An empirical model of large-batch training*, 2018, <https://arxiv.org/abs/1812.06162>.
# - P. Micikevicius and others, *Mixed precision training*, 2017, <https://arxiv.org/abs/1710.03740>.
# - L. Debut and others, *Fixing gradient accumulation*, 2024, <https://huggingface.co/blog/gradient_accumulation>.
# - K. Jordan and others, *Muon: an optimizer for hidden layers in neural networks*, 2024,
#   <https://kellerjordan.github.io/posts/muon/>; J. Liu and others, *Muon is scalable for LLM training*, 2025,
#   <https://arxiv.org/abs/2502.16982>.
# - G. Yang and others, *Tensor programs V: tuning large neural networks via zero-shot hyperparameter transfer*, 2022,
#   <https://arxiv.org/abs/2203.03466>.
# - C. Olsson and others, *In-context learning and induction heads*, 2022, <https://arxiv.org/abs/2209.11895>: the heads
#   that come late and suddenly.
#
# **Next:** *how big, how long*, which counts parameters, bytes and operations before a run begins. In the assignment
# `pretraining` you now have what `AdamW` and `lr_schedule` need.
