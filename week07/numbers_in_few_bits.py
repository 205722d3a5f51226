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
# # Numbers in few bits
#
# *Week 7, lesson 1 of 6*
#
# **You will be able to**
# - read the bits of a float and of an integer, and say what range and what precision they buy;
# - round numbers to 8 and 4 bits with paper and pencil: a step, a zero point, a bound on the error;
# - choose how many weights share one step, and say what that costs in bits and in error on a real layer;
# - find the outliers in a real network's activations, and show what they do to 8 bits and how LLM.int8() answers.
#
# **Time** about 55 minutes. **You need first** week 1 (*one block, then many*), and powers of two.

# %% [markdown]
# ## 1. The question: what does a number cost?
#
# A language model is a list of numbers. Each costs bits on the disk, bits in memory, and, above all, bits to move:
# to write **one** token for one reader, a chip reads every weight once.
#
# **Before you run:** a model of 8.03 billion parameters, two bytes each. How many gigabytes? A card that reads 1,008
# GB each second: how many tokens a second at the very most?

# %%
from course import threads

threads.use_one()

# %%
from course import cards

parameters = 8.03e9
for name in ["Raspberry Pi 5", "NVIDIA RTX 4090", "NVIDIA H100 SXM"]:
    card = cards.card(name)
    print(f"{name}, {card.memory:g} GB of memory, {card.bandwidth:g} GB read each second")
    for bits in (32, 16, 8, 4):
        size = parameters * bits / 8 / 1e9
        fits = "fits" if size < card.memory else "does not fit"
        print(f"   {bits:2} bits: {size:5.1f} GB, {fits:12}  at most {card.bandwidth / size:6.1f} tokens a second")

# %% [markdown]
# Half the bits, half the memory, twice the bound on speed. That is the whole reason for this week. The question is
# what the model loses. To answer it you need to know what a bit does in a number.

# %% [markdown]
# ## 2. Integers: bits as a sum
#
# In 4 bits the places count 8, 4, 2, 1. **Two's complement** makes the highest place negative: −8, 4, 2, 1.
#
# **Before you run:** which integers are `0101`, `1100` and `1111`? Which is the smallest, which the largest?

# %%
for bits in ["0101", "1100", "1111", "1000", "0111"]:
    places = [-8, 4, 2, 1]
    print(bits, "=", sum(place for place, bit in zip(places, bits, strict=True) if bit == "1"))

# %% [markdown]
# One more negative number than positive ones: −8 to 7. Eight bits go from −128 to 127. Integers are evenly spaced:
# the error is the same size near 0 and far out. Keep that in mind.

# %% [markdown]
# ## 3. Floats: a sign, a power of two, a fraction
#
# A float is scientific notation to the base 2. Take 6.5 by hand:
#
# $$6.5 = +1.625 \times 2^2 = (-1)^{0} \times (1 + 0.625) \times 2^{2}$$
#
# - **sign**: 0;
# - **exponent**: 2, stored with a *bias* added so that no sign is needed. In float32 the bias is 127: 129 = `10000001`;
# - **mantissa**: the fraction 0.625 = 1/2 + 1/8 = `101`, then zeros. The 1 before the point is not stored: it is always
#   there.
#
# **Before you run:** write the 8 bits of 6.5 in fp8 `e4m3`: 1 sign, 4 exponent bits with bias 7, 3 of mantissa.

# %%
from course.number_formats import FORMATS, values, write

for name in ("fp32", "fp8 e4m3"):
    bits, form = write(6.5, name).bits, FORMATS[name]
    print(f"{name:9}", bits[0], bits[1 : 1 + form.exponent], bits[1 + form.exponent :])
print("back from e4m3:", (1 + 0b101 / 8) * 2 ** (0b1001 - 7))

# %% [markdown]
# 6.5 needs three bits of mantissa, so it is exact in both. What about 0.1? In base 2 it never ends, as 1/3 never ends
# in base 10.
#
# **Before you run:** bfloat16 has float32's exponent and 7 bits of mantissa. How do its bits relate to float32's?

# %%
full, half = write(0.1, "fp32"), write(0.1, "bf16")
print("fp32", full.bits, full.value)
print("bf16", half.bits, " " * 16, half.value)

# %% [markdown]
# The front half of float32, rounded (the part cut off, `1100…`, is more than half, so the last bit went up). That is
# why converting costs a chip almost nothing, and why bfloat16 has float32's range: the same 8 bits of exponent.

# %% [markdown]
# ## 4. Exponent buys range, mantissa buys precision
#
# With a fixed number of bits you trade one for the other. Seven formats, as PyTorch knows them:
#
# **Before you run:** fp16 and bf16 both have 16 bits. Which holds 70,000? Which is closer to 0.1?

# %%
import torch

print("format     sign exp man       largest  smallest normal   step after 1")
for name, form in FORMATS.items():
    if form.dtype:
        info = torch.finfo(form.dtype)
        print(f"{name:11}  1 {form.exponent:4}{form.mantissa:4}{info.max:15.6g}{info.tiny:15.3g}{info.eps:15.3g}")
    else:
        print(f"{name:11}  1    -{form.mantissa:4}{form.largest:15.6g}              -              -")
print()
for number in (70_000.0, 0.1):
    print(number, {name: write(number, name).value for name in ("fp16", "bf16")})

# %% [markdown]
# `e4m3` and `e5m2` are the two 8-bit floats of Micikevicius and others (2022): the first for weights and activations,
# the second, with more range, for gradients.
#
# Measure it: draw numbers of every size, write them in each format, and plot the largest relative error.
#
# **Before you look:** what will the curve of a float look like in the middle of its range? And that of int8?

# %%
from matplotlib import pyplot

from course import plots

torch.manual_seed(0)
exponents = torch.arange(-30, 20)
figure, axes = pyplot.subplots(figsize=(9, 4))
styles = {"fp16": "-", "bf16": "--", "fp8 e4m3": "-", "fp8 e5m2": "--", "int8": ":"}
for (name, line), colour in zip(styles.items(), plots.COLOURS, strict=False):
    worst = []
    for exponent in exponents.tolist():
        x = (1 + torch.rand(400, dtype=torch.float64)) * 2.0**exponent
        if name == "int8":
            back = (x * 127).round().clamp(max=127) / 127  # one step for all: the largest of the group is 1
        else:
            back = x.clamp(max=FORMATS[name].largest).to(FORMATS[name].dtype).double()
        worst.append(((back - x).abs() / x).max().item())
    axes.loglog(2.0**exponents, worst, line, base=2, color=colour, label=name)
axes.set_yscale("log", base=10)
axes.set(xlabel="size of the number", ylabel="largest relative error", ylim=(1e-4, 1.5))
axes.set_title("A float errs by the same share over its range, an integer by the same amount")
axes.legend(ncols=5, loc="lower center", bbox_to_anchor=(0.5, -0.36))
plots.show(
    figure,
    alt="Largest relative error against the size of a number from 2 to the -30 to 2 to the 19. fp16, bf16 and the two "
    "fp8 formats are flat in their range and rise to 1 at its ends; bf16 is flat throughout. int8 with a step of 1/127 "
    "is a slope: small errors near 1, everything lost below about 0.004.",
)

# %% [markdown]
# The same on a number line. Each mark is a number that the format can hold.

# %%
figure, axes = pyplot.subplots(figsize=(10, 2.6))
rows = {
    "fp8 e4m3": [v for v in values("fp8 e4m3") if abs(v) <= 1],
    "fp8 e5m2": [v for v in values("fp8 e5m2") if abs(v) <= 1],
    "int8": [i / 127 for i in range(-127, 128)],
    "int4": [i / 7 for i in range(-7, 8)],
}
for place, marks in enumerate(rows.values()):
    axes.vlines(marks, place - 0.35, place + 0.35, color=plots.COLOURS[place], lw=1)
    axes.text(1.04, place, f"{len(marks)} values", va="center")
axes.set_yticks(range(len(rows)), rows)
axes.set(ylim=(3.6, -0.6), xlim=(-1.03, 1.22), xlabel="value")
axes.grid(False)
axes.set_title("Floats crowd around 0, integers stand in line")
plots.show(
    figure,
    alt=f"Number lines from -1 to 1. fp8 e4m3 has {len(rows['fp8 e4m3'])} values and e5m2 {len(rows['fp8 e5m2'])}, "
    "both dense near 0 and thin near 1; int8 has 255 evenly spaced values, int4 has 15.",
)

# %% [markdown]
# ### Look for yourself
#
# Type a **Number** and press Enter. Filled cells are ones. Find
#
# 1. a number that is exact in all five floats, and one that is exact in none;
# 2. a number that is infinite in fp16 and fine in bf16;
# 3. the largest power of ten that `e4m3` takes for 0;
# 4. what **Largest of the group** does to the two integers, and to nothing else.

# %%
from course import bit_explorer

bit_explorer.explore("0.1")

# %% [markdown]
# ## 5. Two traps of few bits
#
# **Overflow.** fp16 ends at 65,504, and squares get there fast. **Standing still.** A sum stops growing when what is
# added is less than half a step.
#
# **Before you run:** add 1 a thousand times in bfloat16, which has 7 bits of mantissa. Where does it stop?

# %%
print("300 squared in fp16:", (torch.tensor(300.0, dtype=torch.float16) ** 2).item())
total = torch.tensor(0.0, dtype=torch.bfloat16)
for _ in range(1000):
    total = total + 1
print("1 + 1 + ... a thousand times in bf16:", total.item())

# %% [markdown]
# From 256 on the step is 2, and 256 + 1 lies halfway; the tie goes back to 256, for ever. So chips multiply in few bits
# but **add up in many**: float32 for 16-bit and 8-bit floats, int32 for int8. You will see it again in section 10.

# %% [markdown]
# ## 6. A real model, cast
#
# Now the course's own model. Cast the matrices of its blocks to a format and back, and measure: how far the weights
# are off, the perplexity of stories it has not seen, and the **KL divergence**: how far its predictions are from those
# of the full model, in nats a token. (One line for another: `model.load("some/model")`, or `load(url=...)` for a
# server, whose weights you cannot cast.)
#
# **Before you run:** which loses more, `e4m3` or `e5m2`?

# %%
from course import model, quantized, quantized_model
from course.quantized import Stored

local = model.load()
weights = [layer.weight.detach() for layer in quantized_model.matrices(local.model).values()]
test = quantized_model.Test(local, n_questions=0)


def cast(name, scaled=False):
    """A scheme that casts a matrix to a format and back; `scaled` first stretches it to the format's range."""

    def scheme(weight, inputs):
        factor = FORMATS[name].largest / weight.abs().max() if scaled else 1.0
        return Stored((weight * factor).to(FORMATS[name].dtype).float() / factor, FORMATS[name].bits)

    return scheme


read = dict.fromkeys(quantized_model.matrices(local.model))
print("format               weights off   perplexity       KL")
for name, scaled in [("fp32", 0), ("bf16", 0), ("fp16", 0), ("fp8 e4m3", 0), ("fp8 e4m3", 1), ("fp8 e5m2", 0)]:
    scheme = cast(name, bool(scaled))
    off = sum(quantized.weight_error(w, scheme(w, None).weight) for w in weights) / len(weights)
    perplexity, kl = test.text(quantized_model.quantize(local.model, scheme, read)[0])
    print(f"{name + (', scaled' if scaled else ''):18} {off:13.4%} {perplexity:12.3f} {kl:8.4f}")

# %% [markdown]
# Three things to see.
#
# - bf16 changes **nothing at all**: the model was saved in bf16, so each weight is one of its numbers already. fp16
#   has more mantissa; where it differs, a weight was too small for its exponent.
# - One bit of mantissa is a factor of two: `e5m2` is about twice as far off as `e4m3`. Perplexity may even fall by
#   chance, since a change can help on one text; the divergence can't fall below 0, and tells small changes apart.
# - Weights are small. In `e4m3` numbers below 2⁻⁶ lose precision step by step, so stretching a matrix to the range
#   first, and dividing afterwards, helps (a little here: count below how many weights are that small). That factor is a
#   **scale**. Integers can't do without one.

# %%
below = sum((w.abs() < 2**-6).sum().item() for w in weights) / sum(w.numel() for w in weights)
print(f"weights below 2^-6, the smallest normal number of e4m3: {below:.0%}")

# %% [markdown]
# ## 7. Integers need a step: absmax, by hand
#
# An integer format holds −7 … 7 (we leave −8 out to be symmetric). Your numbers are 2.1, −0.7, 3.5, 0.2. Choose the
# step so that the largest magnitude becomes 7. Then **divide, round, and multiply again**.
#
# **Before you run:** do it on paper. What is the step? Which integers? Which number errs most, and how much can any
# number err?

# %%
x = [2.1, -0.7, 3.5, 0.2]
step = 3.5 / 7
print("step", step)
for number in x:
    code = round(number / step)
    back = code * step
    print(f"{number:5} / {step} = {number / step:5.2f}  ->  {code:2}  ->  {back:5.2f}, off by {back - number:+.2f}")

# %% [markdown]
# No number is off by more than **half a step**, 0.25. And 0.2, a small number beside a large one, became 0: the
# largest decides the step for all. The same in PyTorch, which rounds and comes back in one call:

# %%
print(torch.fake_quantize_per_tensor_affine(torch.tensor(x), step, 0, -7, 7).tolist())

# %% [markdown]
# A detail that matters in checks: ties. **Before you run:** what are `round(0.5)`, `round(1.5)`, `round(2.5)`?

# %%
print([round(tie) for tie in (0.5, 1.5, 2.5, 3.5)], torch.tensor([0.5, 1.5, 2.5, 3.5]).round().tolist())

# %% [markdown]
# Half goes to the **even** neighbour, so that ties do not push sums upwards. Cutting the fraction off (`int(2.9)`) is
# another thing altogether: it errs by up to a whole step, and always towards 0.
#
# How large is the error of rounding *on average*? If the remainder is spread evenly over a step, its root mean square
# is step/√12. **Before you run:** will real weights behave like that?

# %%
weight = weights[0]
for bits in (8, 6, 4, 3, 2):
    step = weight.abs().max() / (2 ** (bits - 1) - 1)
    off = weight - quantized.integers(weight, bits, group=weight.numel()).weight
    print(f"{bits} bits: root mean square error {off.square().mean().sqrt() / step:.3f} steps; 1/sqrt(12) is 0.289")

# %% [markdown]
# To the third digit while steps are small beside the weights' spread: each bit less doubles the step and the error. At
# the bottom the law fails: nearly all weights round to 0 and err by their own size.

# %% [markdown]
# ## 8. A zero point for one-sided numbers
#
# What leaves a GELU or a SiLU reaches far up and hardly below 0. A symmetric grid spends half its codes on negatives
# that never come. Remedy: let the codes span **smallest to largest**, and note which code means 0: the **zero point**.
#
# By hand, 2 bits, codes −2, −1, 0, 1, for the numbers 10, 11, 12.2, 13. Three steps cover 13 − 10 = 3, so a step is 1.
# The number 10 must be code −2, so the code of 0 would be −12.
#
# **Before you run:** what comes back for 12.2? What would a symmetric grid (−1, 0, 1, a step of 13) make of the four?

# %%
zero_point = -2 - round(10 / 1.0)
for number in (10, 11, 12.2, 13):
    code = round(number / 1.0) + zero_point
    symmetric = round(number / 13) * 13
    print(f"{number:5} -> code {code:2} -> {(code - zero_point) * 1.0:4.1f}      symmetric: {symmetric}")

# %% [markdown]
# The zero point is an integer, and outside the range of codes here: nothing forbids that. Now real numbers: what enters
# the second matrix of MiniLM's first MLP, after the GELU.

# %%
from course import encoder, plays

minilm = encoder.load()
lines = [line for line in plays.spoken("macbeth").splitlines() if len(line) > 30][:60]


def activations(name):
    """What the matrix of that name reads on the lines: (tokens, in)."""
    seen = []
    hook = minilm.model.get_submodule(name).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0]))
    with torch.no_grad():
        for line in lines:
            minilm.model(torch.tensor([minilm.ids(line)]))
    hook.remove()
    return torch.cat(seen)


gelu = activations("encoder.layer.0.output.dense")
print(f"{tuple(gelu.shape)}: from {gelu.min():.2f} to {gelu.max():.2f}, {(gelu < 0).float().mean():.0%} negative")

# %% [markdown]
# **Before you run:** one grid for each token, 8 bits. How much smaller will the error be with a zero point?

# %%
for bits in (8, 4):
    for symmetric in (True, False):
        kept = quantized.integers(gelu, bits, symmetric=symmetric)
        name = "symmetric" if symmetric else "min to max"
        print(f"{bits} bits, {name:10}: {quantized.weight_error(gelu, kept.weight):6.2%} off")

# %% [markdown]
# About half the error: one bit saved. For weights, which lie on both sides of 0, it buys far less, and costs a second
# number for each group and more arithmetic. So practice has settled: **symmetric for weights**, a zero point where
# numbers are one-sided.

# %% [markdown]
# ## 9. One step for how many?
#
# The largest number sets the step, so it matters who shares it. By hand: two rows of a matrix, 4 bits.
#
# **Before you run:** with one step for both rows, what becomes of the first?

# %%
matrix = torch.tensor([[0.1, -0.2, 0.15], [10.0, -7.0, 3.0]])
for name, share in [("one step for the matrix", 6), ("one step for each row  ", 3)]:
    kept = quantized.integers(matrix, bits=4, group=share).weight
    print(name, [[round(v, 2) for v in row] for row in kept.tolist()])

# %% [markdown]
# Gone. How unequal are real rows? The largest weight of each row of three matrices of MiniLM:

# %%
figure, axes = pyplot.subplots(figsize=(8, 3.6))
shown = {
    "query, block 0": "encoder.layer.0.attention.self.query",
    "MLP up, block 0": "encoder.layer.0.intermediate.dense",
    "MLP down, block 0": "encoder.layer.0.output.dense",
}
spread = {}
for (label, name), line in zip(shown.items(), ["-", "--", ":"], strict=True):
    largest = minilm.model.get_submodule(name).weight.detach().abs().amax(-1).sort().values
    spread[label] = (largest[-1] / largest.median()).item()
    axes.plot(torch.linspace(0, 100, len(largest)), largest, line, label=label)
axes.set(xlabel="rows, from the smallest to the largest (%)", ylabel="largest weight of the row", yscale="log")
axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
axes.set_title("A few rows would set the step for all others")
axes.legend()
plots.show(
    figure,
    alt="Largest magnitude in each row, sorted, for three matrices of MiniLM on a logarithmic scale. "
    "The largest row is "
    + ", ".join(f"{ratio:.1f} times the median in {label}" for label, ratio in spread.items())
    + ".",
)

# %% [markdown]
# So give each row a step: it costs 16 bits for hundreds of weights. Or each **group** of 64 or 32 weights in a row, at
# 16/64 or 16/32 bits a weight. Finer is better and dearer. Two errors count: that of the weights, and that of the
# **outputs** on real text, which is what the next layer sees.
#
# **Before you run:** in 4 bits, will 4.5 bits a weight (groups of 32) beat 4.04 (rows) by much? Is it better than the
# same bits spent on a fifth bit?

# %%
from course import error_explorer

up = error_explorer.layer("MiniLM, block 0, MLP up")
print("one step for   bits a weight   weights off   outputs off")
for bits, group in [(8, "matrix"), (8, "row"), (4, "matrix"), (4, "row"), (4, "64"), (4, "32"), (4, "16"), (5, "row")]:
    kept = error_explorer.store(up, error_explorer.SYMMETRIC, bits, group)
    off = quantized.weight_error(up.weight, kept.weight), quantized.output_error(up.weight, kept.weight, up.judged)
    print(f"{bits} bits, {group:7} {kept.bits:13.2f} {off[0]:13.1%} {off[1]:13.1%}")

# %% [markdown]
# One step for the matrix ruins it at 4 bits; a step for each row saves it. Groups of 64 or 32 give a little more for a
# quarter or half a bit; groups of 16 cost as much as a fifth bit, and the fifth bit is better. At 8 bits a row is
# enough: that is why int8 is called easy and 4 bits has a lesson of its own.
#
# ### Look for yourself
#
# Left: every weight of one row, before and after. Right: your choice (the star) among all others. Lower and further
# left is better.
#
# 1. Take **Bits** from 8 to 2 with one scale a row. When do you see the stairs?
# 2. At 3 bits, which group size is the best bargain? Is it the smallest?
# 3. Switch **Scheme** to *min to max*. For whom does it pay?
# 4. *GPTQ* and *NF4* belong to the next lesson. Look at the left picture with GPTQ: its weights are **further** from
#    the line, its outputs nearer. How can that be?

# %%
error_explorer.explore()

# %% [markdown]
# ## 10. Whole sums in integers
#
# So far we decoded and computed in floats: less memory, no faster arithmetic. If the inputs are integers too, the
# product can be **integer arithmetic**, which many chips do at twice the rate of
# 16-bit floats (an H100, an L4, a T4 do, by their data sheets).
#
# By hand: inputs are codes (3, −2) with step 0.1, weights (5, 7) with step 0.02.
#
# **Before you run:** what is the sum of products of the codes? By what must you multiply it?

# %%
codes = 3 * 5 + (-2) * 7
print("integers:", codes, "x 0.1 x 0.02 =", round(codes * 0.1 * 0.02, 6))
print("floats:  ", round(0.3 * 0.1 + (-0.2) * 0.14, 6))

# %% [markdown]
# The steps come out of the sum. That needs **one step for each row of x and one for each row of W** (an output): a step
# inside the sum, a group's, could not come out at the end. PyTorch's integer product, on a real layer's codes:

# %%
x = activations("encoder.layer.1.attention.self.query")[:64]
weight = minilm.model.encoder.layer[1].attention.self.query.weight.detach()
x_step, w_step = (matrix.abs().amax(-1, keepdim=True) / 127 for matrix in (x, weight))
x_codes, w_codes = (x / x_step).round().to(torch.int8), (weight / w_step).round().to(torch.int8)
sums = torch._int_mm(x_codes, w_codes.T.contiguous())  # torch's own name for it has no public one yet
outputs = sums * x_step * w_step.T
print(sums.dtype, "largest sum", sums.abs().max().item(), "of at most", 127 * 127 * x.shape[1])
print(f"outputs off by {quantized.weight_error(x @ weight.T, outputs):.2%}")

# %% [markdown]
# **Try it:** fp16 ends at 65,504. Would it hold these sums? (That is section 5's rule at work: multiply in few bits,
# add up in many.)

# %% [markdown]
# ## 11. Outliers
#
# The sums above were over a per cent off, though 8 bits sounds like plenty, and rounding the weights alone cost half of
# that. Why? Look at the inputs. For every feature of the residual stream, the largest magnitude on sixty lines of
# *Macbeth*, in each of MiniLM's six blocks, where the MLP reads.
#
# **Before you look:** would you expect 384 features to be alike?

# %%
entering = [activations(f"encoder.layer.{block}.intermediate.dense") for block in range(6)]
peaks = torch.stack([x.abs().amax(0) for x in entering])
figure, panels = pyplot.subplots(2, 3, figsize=(11, 4.6), sharex=True, sharey=True)
for block, panel in enumerate(panels.flat):
    panel.bar(range(384), peaks[block], width=2.0, color=plots.BLUE)
    for feature in peaks[block].topk(2).indices.tolist():
        panel.text(feature + 5, peaks[block, feature], str(feature), color=plots.ORANGE, va="top", weight="bold")
    panel.axhline(6, color=plots.MUTED, ls="--", lw=1)
    panel.set_title(f"block {block}", fontsize=10.5)
for panel in panels[:, 0]:
    panel.set_ylabel("largest |x|")
for panel in panels[1]:
    panel.set_xlabel("feature")
tops = [peaks[block].argmax().item() for block in range(6)]
plots.show(
    figure,
    alt=f"Largest magnitude of each of 384 features in six blocks. One or two features tower over the rest: feature "
    f"{tops[0]} reaches {peaks[0].max():.0f} in block 0 where the median is {peaks[0].median():.1f}. The same features "
    "come again in most blocks. A dashed line at 6 marks the threshold of LLM.int8().",
)
print("largest feature of each block:", tops, " median peak:", [round(p.median().item(), 1) for p in peaks])
print("features that reach 6:        ", [(p >= 6).sum().item() for p in peaks], "of 384")

# %% [markdown]
# The same few features stick out, block after block, many times the median. Kovaleva and others (2021) found them in
# BERT; Dettmers and others (2022) found that in decoders they grow with the model and, from about 6.7 billion
# parameters on, stand in every layer. They aren't noise.
#
# **Before you run:** set three features to 0 where the MLPs read. Does it matter which three?

# %%
import torch.nn.functional as F


def final_states(features):
    """MiniLM's last hidden states on the lines, with these features set to 0 at the input of each MLP."""
    hooks = [
        block.intermediate.dense.register_forward_pre_hook(lambda _, inputs: (inputs[0].index_fill(-1, features, 0.0),))
        for block in minilm.model.encoder.layer
    ]
    with torch.no_grad():
        states = [minilm.model(torch.tensor([minilm.ids(line)])).last_hidden_state[0] for line in lines[:20]]
    for hook in hooks:
        hook.remove()
    return torch.cat(states)


unchanged = final_states(torch.tensor([], dtype=torch.long))
loudest = peaks.mean(0).topk(3).indices
torch.manual_seed(0)
others = [("three at random", torch.randperm(384)[:3]) for _ in range(2)]
for name, features in [("the three loudest", loudest), *others]:
    moved = F.cosine_similarity(final_states(features), unchanged, dim=-1).mean().item()
    print(f"without {name:17} {sorted(features.tolist())!s:16} cosine with the unchanged states {moved:.3f}")

# %% [markdown]
# Three of 384 features, and the output moves many times as far as for three others. So they must be kept, and kept
# precisely. But they also set the step for their neighbours. By hand, a token with one outlier:

# %%
token = torch.tensor([[0.4, -0.3, 20.0, 0.2]])
for name, kept in [("with the outlier:   ", [0, 1, 2, 3]), ("without the outlier:", [0, 1, 3])]:
    print(name, [round(v, 3) for v in quantized.integers(token[:, kept], 8).weight[0].tolist()])

# %% [markdown]
# **LLM.int8()** (Dettmers and others, 2022) takes the matrix product apart. It is a sum over features, so split it:
# features where any |x| reaches 6 in 16-bit floats, all others in int8. On paper:
#
# $$xW = \underbrace{x_{\text{wide}} W_{\text{wide}}}_{\text{floats, few}}
# + \underbrace{s_x s_w\, (q_x\, q_W)}_{\text{int8, nearly all}}$$
#
# **Before you run:** with the threshold at infinity all is int8, at 0 all is float. Where is most of the gain, and how
# many features does it cost?

# %%
thresholds = [float("inf"), 20.0, 10.0, 6.0, 4.0, 3.0, 2.0, 1.5, 1.0]
reading, weight = entering[0], minilm.model.encoder.layer[0].intermediate.dense.weight.detach()
exact = reading @ weight.T
error, apart = [], []
for threshold in thresholds:
    product = quantized.int8_product(reading, weight, threshold)
    error.append(100 * quantized.weight_error(exact, product))
    apart.append(100 * (reading.abs().amax(0) >= threshold).float().mean().item())
    print(f"threshold {threshold:4g}: {apart[-1]:5.1f}% of features in floats, outputs {error[-1]:.2f}% off")

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 3.6))
axes.plot(apart, error, "o-", color=plots.BLUE)
for x, y, threshold in list(zip(apart, error, thresholds, strict=True)):
    if threshold in (float("inf"), 20.0, 6.0, 2.0):
        axes.annotate(f" {threshold:g}", (x, y), xytext=(4, 4), textcoords="offset points", color=plots.ORANGE)
axes.set(
    xlabel="features kept in floats (%), with the threshold beside the point", ylabel="outputs off (%)", ylim=(0, None)
)
axes.set_xscale("symlog", linthresh=0.2)
ticks = [0, 0.3, 1, 3, 10, 30, 100]
axes.set_xticks(ticks, ticks)
axes.set_xlim(-0.03, 130)
axes.set_title("A handful of features makes the difference")
plots.show(
    figure,
    alt=f"Error of a layer's outputs in 8 bits against the share of features kept in floats: {error[0]:.2f}% with "
    f"none, {error[3]:.2f}% with the {apart[3]:.1f}% that reach 6, {error[-1]:.2f}% with {apart[-1]:.0f}%.",
)

# %% [markdown]
# About one feature in a hundred takes most of what there is to gain. Another answer to the same trouble is
# **SmoothQuant** (Xiao and others, 2022): divide a feature of x by a factor, multiply the weights that read it by the
# same, and the product is unchanged while the outlier has moved into the weights. The next lesson uses this trick for
# 4 bits.
#
# Do weights have outliers? Do other networks? The course's own model, where its matrices read:

# %%
read = quantized_model.observe(local.model, quantized_model.calibration(local.tokenizer, rows=6))
ratio = {name: (seen.magnitude.max() / seen.magnitude.median()).item() for name, seen in read.items()}
for name, factor in sorted(ratio.items(), key=lambda item: -item[1])[:4]:
    print(f"{name.removeprefix('model.'):28} loudest feature {factor:5.1f} times the median")
print(f"at the inputs of the queries: {[round(f, 1) for name, f in ratio.items() if 'q_proj' in name]}")

# %% [markdown]
# This model is small and was trained with another optimizer. Look at the numbers before you carry a finding from one
# network to another: here the queries read features that are nearly alike, and what is loud is the inside of an MLP.

# %% [markdown]
# ## 12. Limits
#
# - We judged layers by the error of their outputs. What a *model* loses is another question: the next lesson asks it,
#   with perplexity and questions.
# - Decoded weights were multiplied as floats. Whether few bits are *faster* depends on the chip and the kernel: also
#   next.
# - Rounding after training (**post-training quantization**) is what we did. Training with rounding in the loop
#   (quantization-aware) keeps more at 4 bits and below, and costs a training run.
# - Real hardware adds formats: `MXFP4` and `NVFP4` are 4-bit floats with an 8-bit scale for 32 or 16 of them: your
#   groups, in silicon (Rouhani and others, 2023).

# %% [markdown]
# ## Three questions
#
# **1.** You convert a trained bf16 model to fp16 and its loss becomes NaN. To bf16 from fp32 it never did. Why?
#
# <details><summary>Answer</summary>
#
# fp16 has 5 bits of exponent: above 65,504 is infinity, and infinity minus infinity is NaN. Activations can get there
# though the weights are small. bf16 has float32's 8 bits of exponent, so what was finite stays finite; it loses
# precision, not range.
#
# </details>
#
# **2.** Each group of 32 weights has a 16-bit scale. What are 4 bits then really? And with groups of 16 and a zero
# point of 4 bits?
#
# <details><summary>Answer</summary>
#
# 4 + 16/32 = 4.5 bits a weight. With groups of 16: 4 + (16 + 4)/16 = 5.25. Always ask what "4 bits" counts.
#
# </details>
#
# **3.** A colleague gives each *column* of W (out, in), so each input feature, a step of its own, and wants to use an
# integer matrix product. What goes wrong?
#
# <details><summary>Answer</summary>
#
# The sum runs over input features. Products with different steps can't be added as integers: the step would have to be
# applied before the sum, in floats. Steps that come out of the sum belong to a row of x and to an output. (What does
# work: multiply the column's step into x before x is rounded. That is SmoothQuant.)
#
# </details>

# %% [markdown]
# ## Where this comes from
#
# - D. Goldberg, *What every computer scientist should know about floating-point arithmetic*, 1991,
#   <https://doi.org/10.1145/103162.103163>.
# - D. Kalamkar and others, *A study of BFLOAT16 for deep learning training*, 2019, <https://arxiv.org/abs/1905.12322>;
#   P. Micikevicius and others, *FP8 formats for deep learning*, 2022, <https://arxiv.org/abs/2209.05433>.
# - B. Jacob and others, *Quantization and training of neural networks for efficient integer-arithmetic-only inference*,
#   2017, <https://arxiv.org/abs/1712.05877>: step and zero point; R. Krishnamoorthi, 2018,
#   <https://arxiv.org/abs/1806.08342>: a scale for each channel.
# - O. Kovaleva and others, *BERT busters: outlier dimensions that disrupt transformers*, 2021,
#   <https://arxiv.org/abs/2105.06990>.
# - T. Dettmers, M. Lewis, Y. Belkada, L. Zettlemoyer, *LLM.int8()*, 2022, <https://arxiv.org/abs/2208.07339>.
# - G. Xiao and others, *SmoothQuant*, 2022, <https://arxiv.org/abs/2211.10438>.
# - B. D. Rouhani and others, *Microscaling data formats for deep learning*, 2023, <https://arxiv.org/abs/2310.10537>.
#
# **Next:** *4 bits*. In the assignment `quantizers` you now have what `absmax_quantize`, `zeropoint_quantize`,
# `quantize_groupwise` and `int8_matmul_with_outliers` need.
