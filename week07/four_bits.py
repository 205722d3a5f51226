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
# # Four bits
#
# *Week 7, lesson 2 of 6*
#
# **You will be able to**
# - say what NF4, double quantization, Q8_0, Q4_0, GPTQ and AWQ each do with sixteen values, and work each by hand;
# - read a GGUF block byte by byte, and count what "4 bits" really cost;
# - measure a quantized model: bytes, perplexity, divergence, answers, speed, and say which differences are real;
# - say where few bits are faster, and where they are not.
#
# **Time** about 60 minutes. **You need first** *numbers in few bits* (step, group, error of the outputs).

# %% [markdown]
# ## 1. The question: can sixteen values do?
#
# Four bits have sixteen codes. The last lesson left a layer's outputs some 8 to 60 per cent off at 4 bits, depending on
# who shares a step. Is that much? Ask a model. This is the course's own, with the matrices of its blocks in fewer and
# fewer bits, one step for each row.
#
# **Before you run:** at how many bits will it stop making sense?

# %%
from course import threads

threads.use_one()

# %%
from course import model, quantized, quantized_model
from course.model import Local

local = model.load()  # another one: model.load("some/model"); a server's, load(url=...), can only be asked
read = quantized_model.observe(local.model, quantized_model.calibration(local.tokenizer))
question = "Mara lives in Oslo. Tom lives in Lima. Tom has a dog.\nWhere does Tom live?"
print("32 bits:", local.chat(question, max_new_tokens=20))
for bits in (8, 4, 3, 2):
    small, _ = quantized_model.quantize(local.model, lambda w, inputs, bits=bits: quantized.integers(w, bits), read)
    print(f"{bits:2} bits:", Local(small, local.tokenizer).chat(question, max_new_tokens=20))

# %% [markdown]
# One answer is an anecdote. By the end of this lesson there is a table: nine ways to store this model, each with its
# bytes, perplexity, answers and speed. First the ideas, each on a handful of numbers.
#
# There are only three things to play with:
#
# 1. **which** sixteen values (NF4);
# 2. **who shares** a scale, and how the scale itself is stored (double quantization, GGUF blocks);
# 3. **which way** each weight is rounded, knowing what the layer reads (GPTQ, AWQ).

# %% [markdown]
# ## 2. Which sixteen values? NF4
#
# Weights are not evenly spread. They look like a bell: many near 0, few far out. Evenly spaced values spend most codes
# where hardly any weight is. **NormalFloat** (Dettmers and others, 2023) puts the values where a bell has its numbers.
#
# By hand with 2 bits: cut a normal distribution into four parts of equal probability, and take the middle of each, by
# probability: the quantiles 12.5%, 37.5%, 62.5%, 87.5%.
#
# The largest of 64 numbers from a bell is about 2.5, so an even grid that reaches the largest has −2.5, −0.83, 0.83,
# 2.5.
#
# **Before you run:** what share of the numbers will each of the four values get, in either way? Which errs less?

# %%
import numpy as np
import torch
from scipy.stats import norm

torch.manual_seed(0)
bell = torch.randn(100_000)
grids = {"quantiles": norm.ppf([0.125, 0.375, 0.625, 0.875]), "evenly spaced": np.linspace(-2.5, 2.5, 4)}
for name, levels in grids.items():
    distance, nearest = (bell[:, None] - torch.tensor(levels)).abs().min(-1)
    shares = torch.bincount(nearest, minlength=4) / len(bell)
    places, taken = ([round(v, 2) for v in some.tolist()] for some in (levels, shares))
    print(f"{name:13} {places} take {taken} of the numbers")
    print(f"{'':13} root mean square error {distance.square().mean().sqrt():.2f}")

# %% [markdown]
# Quantiles use their codes more evenly. NF4 does that with 16 values, plus two wishes: 0 must be one of them (so that a
# zero stays zero), and the ends must be −1 and 1, since each block of 64 weights is divided by its largest magnitude.
# Here are the sixteen, above real weights of the course's model.

# %%
from matplotlib import pyplot

from course import plots

layers = {name: layer.weight.detach() for name, layer in quantized_model.matrices(local.model).items()}
blocks = torch.cat([weight.reshape(-1, 64) for weight in layers.values()])
blocks = blocks / blocks.abs().amax(-1, keepdim=True)
nf4 = quantized.nf4_levels()
even = torch.arange(-7, 8) / 7
figure, (top, bottom) = pyplot.subplots(2, 1, figsize=(9, 5.2), height_ratios=[3, 1.5], sharex=True)
top.hist(blocks.flatten().numpy(), bins=121, color=plots.SKY, density=True)
top.set(ylabel="density")
top.set_title("NF4 has its values where the weights are")
for place, levels in enumerate((nf4, even)):
    bottom.vlines(levels, place - 0.3, place + 0.3, color=plots.COLOURS[place], lw=2.5)
bottom.set_yticks([0, 1], ["NF4, 16", "integers, 15"])
bottom.set(ylim=(1.6, -0.6), xlabel="weight over the largest magnitude of its block of 64")
bottom.grid(False)
plots.show(
    figure,
    alt="Histogram of all weights of the blocks, each divided by the largest magnitude of its 64: a bell from -1 to 1 "
    "with spikes at both ends, where the largest of each block lies. Below, the 16 values of NF4, dense around 0, and "
    "the 15 evenly spaced values of a symmetric 4-bit integer.",
)
print("NF4:", [round(v, 3) for v in nf4.tolist()])

# %% [markdown]
# Is it better? On numbers from a bell it should be. **Before you run:** and on numbers that *are* evenly spread?

# %%
samples = {
    "a bell": torch.randn(4096, 64),
    "evenly spread": torch.rand(4096, 64) * 2 - 1,
    "real weights": torch.cat([weight.reshape(-1, 64) for weight in layers.values()]),
}
print("blocks of 64     integers  min to max     NF4")
for name, sample in samples.items():
    kept = [quantized.integers(sample, 4), quantized.integers(sample, 4, symmetric=False), quantized.nf4(sample)]
    print(f"{name:15}" + "".join(f"{quantized.weight_error(sample, k.weight):10.2%}" for k in kept))

# %% [markdown]
# A better guess about the distribution, and no more bits than the symmetric grid. Where the guess is wrong, it loses.
# The grid from min to max, which fits both its ends to each block, comes level with it; its zero point costs bits. And
# NF4 has a price: a code is no longer a number but an entry of a table, so no chip can multiply with it; it must be
# decoded first.

# %% [markdown]
# ## 3. Scales cost bits too
#
# NF4 keeps the largest magnitude of each 64 weights in float32: 32/64 = 0.5 bits a weight. **Double quantization**
# stores these magnitudes in 8 bits, with one float32 for 256 of them.
#
# **Before you run:** how many bits a weight do the scales cost then? What does it save on a model of 8 billion?

# %%
plain, double = 32 / 64, 8 / 64 + 32 / (64 * 256)
print(
    f"{4 + plain:.3f} bits become {4 + double:.3f}; on 8.03 billion weights {(plain - double) * 8.03 / 8:.2f} GB less"
)
weight = layers["model.layers.1.mlp.up_proj"]
for name, flag in [("float32 scales", False), ("double", True)]:
    kept = quantized.nf4(weight, double=flag)
    print(f"{name:15} {kept.bits:.3f} bits, weights {quantized.weight_error(weight, kept.weight):.3%} off")

# %% [markdown]
# A third of a gigabyte, and the error hardly moves.

# %% [markdown]
# ## 4. GGUF blocks, byte by byte
#
# llama.cpp's files store weights in **blocks of 32** along a row. The two plain kinds:
#
# - **Q8_0**: a float16 scale `d` (2 bytes), then 32 signed bytes: 34 bytes;
# - **Q4_0**: a float16 scale `d` (2 bytes), then 16 bytes with two codes each: 18 bytes. A code 0 … 15 stands for
#   (code − 8) · d.
#
# **Before you run:** how many bits a weight are 34 and 18 bytes for 32?

# %%
from gguf import GGMLQuantizationType, quants

row = weight[0, :32].numpy()
for kind in (GGMLQuantizationType.Q8_0, GGMLQuantizationType.Q4_0):
    block = quants.quantize(row[None], kind)[0]
    print(f"{kind.name}: {len(block)} bytes, {8 * len(block) / 32} bits a weight: {bytes(block[:10]).hex(' ')} ...")

# %% [markdown]
# Decode the Q4_0 block by hand. The first two bytes are the scale, low byte first. In the sixteen others the **low**
# nibbles hold weights 0 to 15, the **high** nibbles 16 to 31.

# %%
scale = block[:2].view(np.float16)[0]
first = block[2]
print(f"scale d = {scale:.6f}")
print(f"byte {first:08b}: low nibble {first & 15}, high nibble {first >> 4}")
print(f"weight  0: ({first & 15:2} - 8) x d = {(int(first & 15) - 8) * scale:+.4f}, was {row[0]:+.4f}")
print(f"weight 16: ({first >> 4:2} - 8) x d = {(int(first >> 4) - 8) * scale:+.4f}, was {row[16]:+.4f}")

# %% [markdown]
# **Before you run:** sixteen codes from −8 to 7, but the largest magnitude may be positive or negative. Which code
# should it get?

# %%
codes = np.concatenate([block[2:] & 15, block[2:] >> 4]).astype(int) - 8
place = int(np.abs(row).argmax())
print(f"largest magnitude: weight {place} = {row[place]:+.4f}, code {codes[place]}, so d = {row[place] / -8:+.6f}")

# %% [markdown]
# It always gets −8, and `d` has whatever sign that needs. So all sixteen codes are used, where a symmetric grid uses
# fifteen: a step of 1/8 of the largest instead of 1/7. What it costs: a weight as large on the *other* side can only
# reach 7.
#
# With two lines the course writes a whole file. The embedding goes into blocks here, too.

# %%
import tempfile
from pathlib import Path

from course import gguf_file

with tempfile.TemporaryDirectory() as folder:
    for name in ("F32", "Q8_0", "Q4_0"):
        kind = GGMLQuantizationType[name]
        path = Path(folder, f"{name}.gguf")
        gguf_file.write(local, path, lambda weight, kind=kind: (quants.quantize(weight, kind), kind))
        print(f"{name:5} {path.stat().st_size / 1e6:6.2f} MB on the disk")

# %% [markdown]
# Files named `Q4_K_M` and the like go further: superblocks of 256, in which the scales of 8 groups are themselves
# stored in 6 bits, and more bits for the matrices that hurt most. Both ideas you know: double quantization, and section
# 8.

# %% [markdown]
# ## 5. GPTQ: the next weight makes up for the last
#
# So far each weight was rounded alone. But a layer's output is a **sum**. If one weight is rounded down, its neighbour
# may be rounded up to make up for it, provided that the two inputs move together.
#
# By hand: weights (0.4, 0.4), a grid of whole numbers. The inputs are nearly equal: $E[x_1^2] = E[x_2^2] = 1$,
# $E[x_1 x_2] = 0.9$. Rounding each alone gives (0, 0): for inputs (1, 1) the output is 0, and should be 0.8.
#
# **Before you run:** which of (0, 0), (0, 1), (1, 0), (1, 1) has the smallest expected squared error?

# %%
w = torch.tensor([0.4, 0.4])
square = torch.tensor([[1.0, 0.9], [0.9, 1.0]])  # the mean of x xᵀ
for choice in [(0, 0), (0, 1), (1, 0), (1, 1)]:
    wrong = w - torch.tensor(choice)
    print(choice, f"expected squared error {(wrong @ square @ wrong).item():.3f}")

# %% [markdown]
# How does one find it without trying all? There are $16^n$ choices. **GPTQ** (Frantar and others, 2022) goes from left
# to right. Round the first weight: 0, it is 0.4 too small. Now ask: what should the second be, to make the output as
# right as it can be? Set the derivative of the squared error to 0:
#
# $$w_2' = w_2 + \frac{E[x_1 x_2]}{E[x_2^2]}\,(w_1 - \hat w_1) = 0.4 + 0.9 \times 0.4 = 0.76$$
#
# Round *that*: 1. The best of the four choices, in one pass. **Try it:** with $E[x_1 x_2] = 0$, what would GPTQ do?
#
# <details><summary>Answer</summary>
#
# The second target stays 0.4, and it rounds to 0: inputs that don't move together can't make up for one another. GPTQ
# is then rounding to nearest.
#
# </details>
#
# With *n* weights each rounding error is shared out over **all** that are not rounded yet, in the proportions that the
# inverse of the matrix of $E[x x^\top]$ gives (the Hessian of the error; a small multiple of its mean diagonal is
# added, *damping*, so that it can be inverted). All rows of W share that matrix. Do real inputs move together?

# %%
from course import error_explorer

up = error_explorer.layer("MiniLM, block 0, MLP up")
spread = up.inputs.square.diagonal().sqrt()
correlation = (up.inputs.square / spread / spread[:, None])[:64, :64]
figure, axes = pyplot.subplots(figsize=(5.6, 4.4))
image = axes.imshow(correlation, cmap=plots.DIVERGING, vmin=-1, vmax=1)
axes.grid(False)
axes.set(xlabel="feature", ylabel="feature")
axes.set_title("Real inputs move together")
figure.colorbar(image, ax=axes, label="cosine of two features over tokens")
away = correlation[~torch.eye(64, dtype=torch.bool)].abs()
plots.show(
    figure,
    alt="Table of the cosines between the first 64 features that a MiniLM layer reads, over tokens. The diagonal is 1. "
    f"Away from it there is colour everywhere: the mean magnitude is {away.mean():.2f}, the largest {away.max():.2f}.",
)

# %% [markdown]
# They do. Now the real thing, on two layers. GPTQ sees half of the text (**calibration**), and both are judged on the
# other half.
#
# **Before you run:** whose weights will be further from the originals? Whose outputs?

# %%
print("4 bits, groups of 32                  weights off   outputs off")
for name in ("MiniLM, block 0, MLP up", "course's model, block 1, query"):
    one = error_explorer.layer(name)
    for scheme in (error_explorer.SYMMETRIC, error_explorer.GPTQ):
        kept = error_explorer.store(one, scheme, 4, "32")
        off = (
            quantized.weight_error(one.weight, kept.weight),
            quantized.output_error(one.weight, kept.weight, one.judged),
        )
        print(f"{name.split(',')[0]:15} {scheme:21} {off[0]:11.1%} {off[1]:13.1%}")

# %% [markdown]
# GPTQ moves the weights **further** and the outputs **less**. It optimises what counts.
#
# But it fits a matrix of 384 × 384 to the text that it sees. **Before you run:** will 100 tokens do?

# %%
query = "MiniLM, block 0, query"
matrix, x = error_explorer.readings(query)
judged = error_explorer.layer(query).judged
nearest = 100 * quantized.output_error(matrix, quantized.integers(matrix, 4, 32).weight, judged)
amounts, fitted = [50, 100, 200, 400, 800, 1600], []
for tokens in amounts:
    kept = quantized.gptq(matrix, error_explorer.summary(x[:tokens]), bits=4, group=32)
    fitted.append(100 * quantized.output_error(matrix, kept.weight, judged))
figure, axes = pyplot.subplots(figsize=(7.5, 3.4))
axes.semilogx(amounts, fitted, "o-", color=plots.BLUE, label="GPTQ")
axes.axhline(nearest, color=plots.ORANGE, ls="--", label="to nearest")
axes.set_xticks(amounts, amounts)
axes.minorticks_off()
axes.set(xlabel="tokens of calibration text", ylabel="outputs off, on other text (%)", ylim=(0, None))
axes.set_title("With too little text, GPTQ learns it by heart")
axes.legend()
plots.show(
    figure,
    alt=f"Error of the outputs on other text against the amount of calibration text. To nearest: {nearest:.1f}%. "
    "GPTQ: " + ", ".join(f"{tokens} tokens {error:.1f}%" for tokens, error in zip(amounts, fitted, strict=True)) + ".",
)

# %% [markdown]
# With fewer tokens than features, directions that the text never showed look free, and errors are pushed there. The
# paper takes 128 segments of 2,048 tokens. And what is calibrated on plays is fitted to plays.

# %% [markdown]
# ## 6. AWQ: protect what is multiplied by much
#
# The last lesson's outliers: some inputs are thirty times as loud as others. A weight that meets a loud input deserves
# a finer step. But all of a group share one step. **AWQ** (Lin and others, 2023): multiply that weight by a factor
# *before* rounding, and divide *after*.
#
# By hand: weights (7.0, 0.4, 2.3), symmetric 4 bits: the largest is 7, so a step is 1. The inputs vary independently,
# as loud as (1, 20, 1).
#
# **Before you run:** which weight's rounding costs the outputs most? What does a factor of 2 on the second weight
# change, what one of 64?

# %%
w, loudness = torch.tensor([[7.0, 0.4, 2.3]]), torch.tensor([1.0, 20.0, 1.0])
for factor in (1, 2, 16, 64):
    factors = torch.tensor([1.0, factor, 1.0])
    kept = quantized.integers(w * factors, bits=4).weight / factors
    error = ((kept - w) * loudness).square().sum().sqrt().item()
    print(f"factor {factor:2}: weights {[round(v, 3) for v in kept[0].tolist()]}, outputs off by {error:.2f}")

# %% [markdown]
# The step stays the same as long as the scaled weight isn't the largest; its own error is divided by the factor. Too
# large a factor (64) sets the step for everyone, and the neighbours pay. So the factor is *searched*: (mean |x|)ᵖ for
# each input feature, with the power *p* from 0 (nothing) to 1, and the one whose outputs err least wins. In practice
# the division is folded into the layer before, for nothing.
#
# On the layer with outliers, in 3 bits:

# %%
curve = quantized.awq_curve(up.weight, up.inputs, bits=3, group=64)
seen = [100 * quantized.output_error(up.weight, kept.weight, up.inputs) for kept in curve.values()]
held = [100 * quantized.output_error(up.weight, kept.weight, up.judged) for kept in curve.values()]
figure, axes = pyplot.subplots(figsize=(7.5, 3.5))
axes.plot(list(curve), seen, "o-", color=plots.BLUE, label="on the calibration text")
axes.plot(list(curve), held, "s--", color=plots.ORANGE, label="on other text")
axes.set(xlabel="power p of the mean |x|", ylabel="outputs off (%)", ylim=(0, None))
axes.set_title("Somewhere between nothing and everything is best")
axes.legend()
best = min(range(len(seen)), key=seen.__getitem__)
plots.show(
    figure,
    alt=f"Error of the outputs against the power from 0 to 1. It starts at {seen[0]:.1f}%, has its least, "
    f"{seen[best]:.1f}%, at a power of {list(curve)[best]:.2f} and ends at {seen[-1]:.1f}%. "
    "The curve on other text lies close by.",
)

# %% [markdown]
# GPTQ and AWQ both look at inputs. GPTQ uses how features move *together*, AWQ how *loud* each is. AWQ has a single
# number to fit for each matrix, so it can't overfit its calibration text.

# %% [markdown]
# ## 7. The table
#
# Now the whole model. What is stored: the matrices of its blocks. What is left in 16 bits: the embedding, which is also
# this model's head. (GPTQ, AWQ and bitsandbytes leave them, too.) What is measured, on text and questions that neither
# training nor calibration has seen:
#
# - **bytes** of the whole model, scales included;
# - **perplexity** on stories, and the **KL** divergence from the full model, in nats a token;
# - **answers**: questions of the course's exam, marked by exact match: about passages, stories, in chats, and tool
#   calls;
# - **changed**: answers that went from right to wrong, and from wrong to right;
# - **speed**, here and now, in the cell after it: greedy decoding with decoded weights.
#
# **Before you run:** which columns will tell the 4-bit schemes apart, and which will not? There are 128 questions. If
# the model is right on 85% of them, chance alone moves the count by about 4 either way.

# %%
test = quantized_model.Test(local)
rows, answers, stored = {}, {}, {}
print("scheme                bits a weight      MB  perplexity      KL   right  changed")
for name, scheme in quantized.SCHEMES.items():
    stored[name], size = quantized_model.quantize(local.model, scheme, read)
    bits = scheme(layers["model.layers.0.self_attn.q_proj"], read["model.layers.0.self_attn.q_proj"]).bits
    perplexity, kl = test.text(stored[name])
    answers[name] = test.marks(stored[name])
    right, pairs = sum(answers[name]), list(zip(answers["fp32"], answers[name], strict=True))
    changed = f"-{pairs.count((True, False))} +{pairs.count((False, True))}"
    rows[name] = {"bits": bits, "MB": size / 1e6, "perplexity": perplexity, "kl": kl, "right": right}
    print(f"{name:21}{bits:14.2f}{size / 1e6:8.2f}{perplexity:12.3f}{kl:8.4f}{right:8}{changed:>9}")

# %% [markdown]
# Speed, measured in turns, so that a busy moment of the machine hits all of them: the best of five turns each.

# %%
prompt = test.ids[:1, :20]
speed = dict.fromkeys(stored, 0.0)
for _ in range(5):
    for name, small in stored.items():
        speed[name] = max(speed[name], quantized_model.tokens_per_second(small, prompt, n=12, tries=1))
for name, rate in speed.items():
    print(f"{name:21} {rate:.0f} tokens/s")

# %% [markdown]
# Read it column by column.
#
# - **8 bits are free**, for all that these tests can see: a quarter of the bytes, the same answers.
# - **KL** tells the 4-bit schemes apart. **Perplexity** follows it roughly: it is an average in which errors may
#   cancel.
# - **Answers** hardly do. Look at *changed*: some were lost, some were won. Differences of a few questions are chance.
#   Who shows you one column of accuracies and crowns a winner has shown you noise.
# - **AWQ** can win only where some inputs are loud. You looked for them in this model at the end of the last lesson.
# - **Speed is the same everywhere**, up to the noise of the machine: every row computes with floats. Section 9 is about
#   that.
#
# With bars for chance:

# %%
n = len(test.questions)
figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), width_ratios=[1.15, 1])
figure.get_layout_engine().set(wspace=0.06)
few = {name: row for name, row in rows.items() if name != "fp32"}
marks = ["o", "s", "^", "D", "v", "P", "X", "*"]
for (name, row), mark, colour in zip(few.items(), marks, plots.COLOURS + plots.COLOURS, strict=False):
    left.plot(row["MB"], row["kl"], mark, ms=9, color=colour, label=name)
left.set(xlabel="megabytes of the whole model", ylabel="KL from the full model (nats a token)", yscale="log")
left.set_title("The same bytes, not the same loss")
left.legend(fontsize=9, loc="upper right")
for place, row in enumerate(rows.values()):
    share = row["right"] / n
    chance = 1.96 * (share * (1 - share) / n) ** 0.5
    right.errorbar(100 * share, place, xerr=100 * chance, fmt="o", color=plots.BLUE, capsize=3)
right.set_yticks(range(len(rows)), rows)
right.invert_yaxis()
right.axvline(100 * rows["fp32"]["right"] / n, color=plots.MUTED, ls="--", lw=1)
right.set(xlabel=f"right answers of {n} (%), with 95% intervals")
right.set_title("Answers: mind the bars")
plots.show(
    figure,
    alt="Left: KL divergence against megabytes. "
    + ", ".join(f"{name} {row['MB']:.2f} MB and {row['kl']:.4f}" for name, row in few.items())
    + ". Right: share of right answers with intervals of about 6 points either way, which overlap for all schemes: "
    + ", ".join(f"{name} {100 * row['right'] / n:.0f}%" for name, row in rows.items())
    + ".",
)

# %% [markdown]
# ## 8. How low, and where does it hurt?
#
# Push on until it breaks.
#
# **Before you run:** at 2 bits a symmetric grid has three values: −1, 0, 1. Will GPTQ still help?

# %%
curves = {"a row": [], "groups of 32": [], "GPTQ, groups of 32": []}
for bits in (2, 3, 4, 6):
    for name in curves:

        def scheme(weight, inputs, bits=bits, name=name):
            if name.startswith("GPTQ"):
                return quantized.gptq(weight, inputs, bits)
            return quantized.integers(weight, bits, None if name == "a row" else 32)

        if bits == 6 and name.startswith("GPTQ"):
            continue
        small, _ = quantized_model.quantize(local.model, scheme, read)
        perplexity, kl = test.text(small)
        curves[name].append((bits + (0.06 if name == "a row" else 0.5), kl, perplexity))
        print(f"{bits} bits, {name:19} perplexity {perplexity:8.2f}   KL {kl:.4f}")

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 3.8))
for (name, points), line, colour in zip(curves.items(), ["o:", "s--", "D-"], plots.COLOURS, strict=False):
    axes.semilogy([p[0] for p in points], [p[1] for p in points], line, color=colour, label=name)
axes.set(xlabel="bits a weight, scales included", ylabel="KL (nats a token)")
axes.set_title("Each bit less costs more than the one before")
axes.legend()
plots.show(
    figure,
    alt="KL divergence against bits a weight on a logarithmic scale. "
    + "; ".join(
        f"{name}: " + ", ".join(f"{bits:.2f} bits {kl:.3f}" for bits, kl, _ in points)
        for name, points in curves.items()
    )
    + ".",
)

# %% [markdown]
# The lower the bits, the more the method matters: at 6 bits you may round as you please, at 3 bits it decides. Compare
# the lines at equal *bits*, not at equal codes: what do groups buy on this model that half a bit more would not?
#
# Do all matrices hurt alike? Quantize one *kind* at a time, in 3 bits, the rest left whole.
#
# **Before you run:** the MLP matrices hold most of the weights. Are they also the most sensitive, weight for weight?

# %%
kinds = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
hurt, held = {}, {}
for kind in kinds:
    small, _ = quantized_model.quantize(
        local.model, lambda weight, inputs: quantized.integers(weight, 3, 32), read, only=kind
    )
    hurt[kind] = test.text(small)[1]
    held[kind] = sum(weight.numel() for name, weight in layers.items() if kind in name)
figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.5), sharey=True)
left.barh(kinds, [1000 * hurt[kind] for kind in kinds], color=plots.BLUE)
left.set(xlabel="KL (thousandths of a nat)", title="What it costs")
right.barh(kinds, [1e6 * 1000 * hurt[kind] / held[kind] for kind in kinds], color=plots.ORANGE)
right.set(xlabel="the same, for each million weights", title="What it costs, weight for weight")
left.invert_yaxis()
plots.show(
    figure,
    alt="Two bar charts for seven kinds of matrix in 3 bits. KL in thousandths: "
    + ", ".join(f"{kind} {1000 * hurt[kind]:.1f}" for kind in kinds)
    + ". For each million weights: "
    + ", ".join(f"{kind} {1e9 * hurt[kind] / held[kind]:.0f}" for kind in kinds)
    + ".",
)

# %% [markdown]
# They don't hurt alike. That is why mixed files exist: llama.cpp's `Q4_K_M` gives the values and the MLP's way down
# more bits in half of the layers (Kawrakow, 2023). Would your chart have led you to the same choice?
#
# And the embedding, which we left alone?

# %%
import copy

for kind in (GGMLQuantizationType.Q8_0, GGMLQuantizationType.Q4_0):
    small = copy.deepcopy(local.model)
    table = small.model.embed_tokens.weight
    with torch.no_grad():
        table.copy_(quantized.gguf_block(table, kind).weight)
    share = table.numel() / sum(p.numel() for p in small.parameters())
    print(f"only the embedding ({share:.0%} of the weights) in {kind.name}: KL {test.text(small)[1]:.4f}")
for name, width, total in [("Llama 3.1 8B", 4096, 8.03e9), ("Llama 3.1 70B", 8192, 70.6e9)]:
    print(f"embedding and head of {name}: {2 * 128_256 * width / total:.0%} of the weights")

# %% [markdown]
# The larger the model, the smaller the share, and the less it costs to leave both in 16 bits. In a small one they are a
# large part of the file, and 8 bits there are nearly free.
#
# ### Look for yourself
#
# The error explorer again, now with all its schemes, on the course's own layers too.
#
# 1. Start with 3 bits, groups of 64. Switch between *to nearest* and *GPTQ*. On which layer is the gain largest?
# 2. NF4 needs **Bits** 4. With which group size does it beat *to nearest* by most?
# 3. At 8 bits, is GPTQ worth its trouble?

# %%
error_explorer.explore("course's model, block 1, query", error_explorer.GPTQ, 3, "64")

# %% [markdown]
# ## 9. Where few bits are faster, and where not
#
# All rows of the table ran at the same speed, since all computed with decoded floats. To be faster, a kernel must
# **read the codes themselves** and decode them on the way to the multiplier. Then fewer bytes cross the memory bus.
# Writing for one reader, that is what takes the time.
#
# PyTorch has such kernels for the CPU. Let a vector of 4,096 numbers meet a matrix of 4,096 × 4,096, as in a layer of a
# 7-billion model: 67 MB in float32, far more than a cache holds. (Random weights: the time does not depend on them.)
#
# **Before you run:** if reading were all, what would the times be for 32, 16, 8 and 4 bits, in shares of the first?

# %%
import time

torch.manual_seed(0)
size = 4096
x, matrix = torch.randn(1, size), torch.randn(size, size)
half_x, half_matrix = x.bfloat16(), matrix.bfloat16()
step = matrix.abs().amax(-1, keepdim=True) / 127
int8_codes, int8_step = (matrix / step).round().to(torch.int8), step[:, 0].bfloat16()
group_step = matrix.reshape(size, -1, 32).abs().amax(-1) / 7
int4_codes = (matrix / group_step.repeat_interleave(32, dim=1)).round().clamp(-8, 7).int() + 8
packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(int4_codes, 2)
step_and_zero = torch.stack([group_step.T, torch.zeros_like(group_step.T)], dim=-1).bfloat16().contiguous()
kernels = {
    "float32": lambda: torch.nn.functional.linear(x, matrix),
    "bfloat16": lambda: torch.nn.functional.linear(half_x, half_matrix),
    "int8": lambda: torch._weight_int8pack_mm(half_x, int8_codes, int8_step),
    "int4": lambda: torch.ops.aten._weight_int4pack_mm_for_cpu(half_x, packed, 32, step_and_zero),
}
exact, milliseconds = kernels["float32"](), dict.fromkeys(kernels, float("inf"))
for _ in range(40):  # in turns, the best of all
    for name, kernel in kernels.items():
        start = time.perf_counter()
        kernel()
        milliseconds[name] = min(milliseconds[name], 1000 * (time.perf_counter() - start))
for name, kernel in kernels.items():
    print(f"{name:9} off by {quantized.weight_error(exact, kernel().float()):6.1%}, {milliseconds[name]:.2f} ms")

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 2.9))
bits = {"float32": 32, "bfloat16": 16, "int8": 8.004, "int4": 5.0}
axes.barh(list(kernels), list(milliseconds.values()), color=plots.BLUE, height=0.55, label="measured")
axes.plot([milliseconds["float32"] * b / 32 for b in bits.values()], list(bits), "D", color=plots.ORANGE,
          label="float32's time, by bytes read")  # fmt: skip
axes.invert_yaxis()
axes.set(xlabel="milliseconds for one vector, one core")
axes.set_title("For one reader, fewer bytes take less time")
axes.legend()
plots.show(
    figure,
    alt="Bars: the time of one product of a vector and a 4,096 by 4,096 matrix in float32, bfloat16, int8 and int4 on "
    "one core of the machine that built this lesson. Diamonds mark what the bytes alone would lead to. The cell above "
    "prints the times.",
)

# %% [markdown]
# These are the figures of the machine that ran the cell. Where its processor has instructions for bfloat16, time goes
# nearly with bytes, until decoding 4-bit codes costs more than the reading that it saves. Where it has none, bfloat16
# and what builds on it may be *slower* than float32.
#
# Why then would the course's own model gain nothing from it?

# %%
per_byte = milliseconds["float32"] / (4 * size * size)
bound = 1000 / (per_byte * 1e6 * rows["fp32"]["MB"])
found = quantized_model.tokens_per_second(local.model, prompt)
print(f"reading its {rows['fp32']['MB']:.1f} MB once a token would allow about {bound:,.0f} tokens/s")
print(f"measured in float32: {found:,.0f} tokens/s")

# %% [markdown]
# It is so small that the time goes into Python and into starting some sixty small operations for each token; reading
# weights is the lesser part, and much of them stays in the cache. Few bits make **large** models faster.
#
# | where | what limits it | what helps |
# |---|---|---|
# | one reader, large model | reading the weights | 4-bit weights, decoded in the kernel (llama.cpp; AWQ's, GPTQ's) |
# | many readers, a long prompt | arithmetic | 8-bit weights **and** activations: int8 or fp8 units |
# | a tiny model | overhead | fewer, larger operations; a compiled runtime |
# | weights decoded beforehand, as in this lesson | the same as floats | nothing |
#
# With many readers the weights are read once for all of them, so arithmetic becomes the limit, and decoding is a
# cost on top. The lesson *serving many users* measures where one turns into the other.

# %% [markdown]
# ## 10. Limits
#
# - **This is a model of a few million parameters**, trained on a small world. Larger models stand 4 bits better: they
#   have more weights than they need. Take the method from here, not the figures.
# - Calibration text was like the test text. With other text GPTQ may lose what it won.
# - GPTQ's authors quantize layer after layer, each on the inputs that the quantized layers before it give; ours saw the
#   full model's inputs. AWQ also clips weights; ours does not. Both would gain a little.
# - A KL of 0.01 on average can hide a large change on a rare token. Test what you need: your prompts, your language,
#   your tools.
# - The cache of keys and values can be in few bits as well; it isn't here. It is the next lesson's subject.

# %% [markdown]
# ## Three questions
#
# **1.** Two files of one model: `Q4_0` has 4.5 bits a weight, NF4 with double quantization 4.13. Someone says that NF4
# is the better format, as its KL is about the same. What would you ask before you choose?
#
# <details><summary>Answer</summary>
#
# What will run it. Q4_0 codes are integers: kernels for many chips multiply with them. NF4 needs a table look-up for
# each weight, and has kernels for few chips. On disk NF4 wins; in tokens a second it may lose. And: on which text, with
# what interval was the KL measured?
#
# </details>
#
# **2.** GPTQ on a layer whose calibration inputs were all the same vector. What does the matrix of $E[xx^\top]$ look
# like, what does damping do, and what will the result be good for?
#
# <details><summary>Answer</summary>
#
# It has rank 1 and can't be inverted; damping adds a little to the diagonal, so that it can. GPTQ will make the output
# right for that one vector, with great freedom in all other directions, where weights may drift as far as the grid
# allows. For other inputs it can be worse than rounding to nearest. Calibration text has to cover the use.
#
# </details>
#
# **3.** Your 4-bit model answers 108 of 128 questions, the full one 111. Did quantization cost 2.3 points?
#
# <details><summary>Answer</summary>
#
# You can't tell. Look at the pairs: say 5 lost and 2 won. If loss and gain were equally likely, 7 changes would fall 5
# to 2 or further apart, either way, nearly half of the time (a sign test: below). Use more questions, or a measure that
# sees small changes: KL.
#
# </details>

# %%
from scipy.stats import binomtest

print(f"5 lost, 2 won: p = {binomtest(2, 7).pvalue:.2f}")
print(f"50 lost, 20 won: p = {binomtest(20, 70).pvalue:.4f}")

# %% [markdown]
# ## Where this comes from
#
# - T. Dettmers, A. Pagnoni, A. Holtzman, L. Zettlemoyer, *QLoRA*, 2023, <https://arxiv.org/abs/2305.14314>: NF4
#   (section 3, appendix E) and double quantization.
# - E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, *GPTQ*, 2022, <https://arxiv.org/abs/2210.17323>; it descends from
#   B. Hassibi, D. G. Stork, *Second order derivatives for network pruning: optimal brain surgeon*, 1992,
#   <https://proceedings.neurips.cc/paper/1992/hash/303ed4c69846ab36c2904d3ba8573050-Abstract.html>.
# - J. Lin and others, *AWQ: activation-aware weight quantization*, 2023, <https://arxiv.org/abs/2306.00978>.
# - G. Gerganov and others, *GGUF* and the block formats, 2023,
#   <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.
# - I. Kawrakow, *k-quants*, 2023, <https://github.com/ggml-org/llama.cpp/pull/1684>: superblocks and mixed files.
# - T. Dettmers, L. Zettlemoyer, *The case for 4-bit precision: k-bit inference scaling laws*, 2022,
#   <https://arxiv.org/abs/2212.09720>.
# - A. Dutta and others, *Accuracy is not all you need*, 2024, <https://arxiv.org/abs/2407.09141>: changed answers and
#   KL tell what accuracy hides.
#
# **Next:** *the KV cache*. In the assignment `quantizers` you now have what `pack_int4`, `nf4_quantize`,
# `q8_0_quantize`, `q4_0_quantize`, `gptq_quantize` and `awq_scales` need.
