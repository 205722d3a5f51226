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
# # Flash attention: the same numbers, without the table
#
# Week 7, lesson 4 · 45 to 60 minutes · runs in about a quarter of a minute
#
# **You will be able to**
# - compute a softmax piece by piece on paper, and say which correction everybody forgets;
# - put together attention over two halves of a text from two numbers a row;
# - say who is read when in tiled attention, count the bytes, and show that the operations stay the same;
# - tell which kernel PyTorch uses for your call, when it falls back, and one call that is silently wrong;
# - explain how the backward pass does without the table, and why doing more work makes it faster.
#
# **You need first**: week 1, lesson 2 (attention, softmax); the lesson before this one (the roofline).

# %%
import math
import time

import torch
import torch.nn.functional as F
from matplotlib import pyplot
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course import cards, model, plays, plots, tile_explorer, tiles
from course.peak_memory import peak_bytes

torch.manual_seed(0)
torch.set_num_threads(1)


def seconds(work, times: int = 4) -> float:
    """The fastest of some runs."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


# %% [markdown]
# ## 1. The question: where does the table go?
#
# Attention compares every query with every key. Written as in week 1, it makes a table of scores, a table of weights of
# the same size, and then a mixture. For T tokens each table has T² numbers, for each head.
#
# **Before you run**: Llama 3.1 8B reads texts of 131,072 tokens with 32 heads. How large is one table in 16 bits, for
# one head? For one layer?

# %%
T = 131_072
print(f"one head: {2 * T**2 / 1e9:.0f} GB · one layer of 32 heads: {32 * 2 * T**2 / 1e12:.1f} TB")

# %% [markdown]
# No card holds that, and yet the model reads such texts. And the result is not an approximation. So the table is never
# there as a whole. Let us first see that this is true, with PyTorch's own attention and PyTorch's own count of the
# memory that it allocates.
#
# `F.scaled_dot_product_attention` (SDPA) has several **kernels** for one formula. `sdpa_kernel` chooses: `MATH` is the
# formula as you know it, `FLASH_ATTENTION` is this lesson's subject.
#
# **Before you run**: the length doubles from line to line. By what factor will each of the two columns grow?


# %%
def inputs(tokens: int, heads: int = 4, head_size: int = 64, **options) -> list[torch.Tensor]:
    """Random queries, keys and values (1, heads, tokens, head_size)."""
    return [torch.randn(1, heads, tokens, head_size, **options) for _ in range(3)]


def attend(kernel: SDPBackend, q, k, v, **options) -> torch.Tensor:
    """PyTorch's attention with a kernel of our choice."""
    with sdpa_kernel(kernel):
        return F.scaled_dot_product_attention(q, k, v, **options)


PLAIN, FLASH = SDPBackend.MATH, SDPBackend.FLASH_ATTENTION
lengths = [256, 512, 1024, 2048]
peaks = {PLAIN: [], FLASH: []}
for tokens in lengths:
    q, k, v = inputs(tokens)
    for kernel in (PLAIN, FLASH):
        peaks[kernel].append(peak_bytes(lambda q=q, k=k, v=v, kernel=kernel: attend(kernel, q, k, v)) / 1e6)
    difference = (attend(PLAIN, q, k, v) - attend(FLASH, q, k, v)).abs().max().item()
    print(f"{tokens:5d} tokens: plain {peaks[PLAIN][-1]:6.1f} MB · flash {peaks[FLASH][-1]:4.1f} MB · "
          f"results differ by less than 1e-5: {difference < 1e-5}")  # fmt: skip

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 3.6))
axes.plot(lengths, peaks[PLAIN], "o-", color=plots.ORANGE, label="plain: four times a doubling")
axes.plot(lengths, peaks[FLASH], "s-", color=plots.BLUE, label="flash: twice a doubling")
axes.set(xscale="log", yscale="log", xlabel="tokens", ylabel="peak memory (MB)")
axes.set_xticks(lengths, lengths)
axes.minorticks_off()
axes.set_title("The same result, in a memory that grows with the length alone")
axes.legend()
plots.show(figure, alt=f"Peak memory against tokens, both logarithmic. Plain grows from {peaks[PLAIN][0]:.0f}"
           f" to {peaks[PLAIN][-1]:.0f} MB, flash from {peaks[FLASH][0]:.1f} to {peaks[FLASH][-1]:.1f}.")  # fmt: skip

# %% [markdown]
# The plain way grows with the square. The other grows with the length alone: it needs its result, and little else.
#
# The obstacle is the softmax. A product of matrices can be made in pieces: everybody knows how to add up parts. But
# each weight of a softmax is divided by a sum over *all* scores, and before that the largest of *all* scores is taken
# off. It seems to need the whole row at once.

# %% [markdown]
# ## 2. By hand: six scores, three at a time
#
# One query, six keys. The scores, and for each key a value (one number, to keep it on paper):

# %%
scores = [1.0, 3.0, 2.0, 5.0, 4.0, 0.0]
values = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]

# %% [markdown]
# The usual way reads the scores three times: once for the largest, m; once for the sum of $e^{s - m}$; once for the
# weights. (The largest is taken off so that no exponential overflows: week 1's assignment.)

# %%
m = max(scores)
total = sum(math.exp(s - m) for s in scores)
mixture = sum(math.exp(s - m) / total * v for s, v in zip(scores, values, strict=True))
print(f"m = {m}, sum = {total:.4f}, result = {mixture:.4f}")

# %% [markdown]
# Now you may see only three scores at a time, and you may not go back. From the first three you can make: their largest
# m, their sum of exponentials ℓ, and their mixture *not yet divided*, o. Three numbers.
#
# **Before you run**: with paper or a calculator: m, ℓ and o of the first three. (exp(−1) = 0.368, exp(−2) = 0.135.)

# %%
m1 = 3.0
l1 = math.exp(1 - m1) + math.exp(3 - m1) + math.exp(2 - m1)
o1 = math.exp(1 - m1) * 10 + math.exp(3 - m1) * 20 + math.exp(2 - m1) * 30
print(f"after three: m = {m1}, l = {l1:.4f}, o = {o1:.4f} · if the text ended here: {o1 / l1:.4f}")

# %% [markdown]
# The next three arrive: 5, 4, 0. The largest is now 5, not 3. All that we have summed was computed with 3 taken off. It
# should have been 5.
#
# **Before you read on**: must you go back to the first three scores? What single number mends both ℓ and o?
#
# $$e^{s - 5} = e^{s - 3} \cdot e^{3 - 5}$$
#
# Every term is wrong by the *same* factor, $e^{m_{old} - m_{new}}$. A sum of terms is wrong by that factor, too. So
# multiply ℓ and o by it, once, and add the new terms. This is the **rescaling**, and it is the whole trick (Milakov and
# Gimelshein 2018).

# %%
m2 = max(m1, 5.0, 4.0, 0.0)
mend = math.exp(m1 - m2)
l2 = l1 * mend + math.exp(5 - m2) + math.exp(4 - m2) + math.exp(0 - m2)
o2 = o1 * mend + math.exp(5 - m2) * 40 + math.exp(4 - m2) * 50 + math.exp(0 - m2) * 60
print(f"factor {mend:.4f} · m = {m2}, l = {l2:.4f}, o = {o2:.4f} · result {o2 / l2:.4f}")
print("as before:", math.isclose(o2 / l2, mixture))

# %% [markdown]
# The same number. Three numbers are all that is kept of the past, however long it is: m, ℓ, and o (which is a vector of
# `head_size` numbers in a real head). This is **online softmax**.
#
# ### The mistakes
#
# **Before you run**: three people each forget something. Who is right when the largest score comes *first*? Which
# mistake would a test with small random scores find, and which not?


# %%
def forgets_all(scores, values):
    """No rescaling at all: each half takes off its own largest."""
    a, b = scores[:3], scores[3:]
    weights = [math.exp(s - max(a)) for s in a] + [math.exp(s - max(b)) for s in b]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def forgets_the_mixture(scores, values):
    """Rescales the sum and not the mixture."""
    a, b = scores[:3], scores[3:]
    top = max(scores)
    late = sum(math.exp(s - top) * v for s, v in zip(b, values[3:], strict=True))
    early = sum(math.exp(s - max(a)) * v for s, v in zip(a, values[:3], strict=True))
    return (early + late) / sum(math.exp(s - top) for s in scores)


def takes_nothing_off(scores, values):
    """No largest at all: the plain exponentials, in float32 as on a card."""
    weights = torch.tensor(scores).exp()
    return (weights @ torch.tensor(values) / weights.sum()).item()


def right(scores, values):
    """The softmax, all at once."""
    return (torch.softmax(torch.tensor(scores), 0) @ torch.tensor(values)).item()


cases = {
    "as above": scores,
    "largest first": [5.0, 3.0, 2.0, 1.0, 4.0, 0.0],
    "small": [0.01, 0.0, 0.02, 0.03, -0.01, 0.02],
    "large": [91.0, 93.0, 92.0, 95.0, 94.0, 90.0],
}
print(
    f"{'':15s}"
    + "".join(f"{way.__name__:>22s}" for way in (right, forgets_all, forgets_the_mixture, takes_nothing_off))
)
for name, case in cases.items():
    found = [way(case, values) for way in (right, forgets_all, forgets_the_mixture, takes_nothing_off)]
    print(f"{name:15s}" + "".join(f"{number:22.3f}" for number in found))

# %% [markdown]
# "Small" random scores hide all three mistakes to within a third of a percent. "Largest first" still catches the
# first one and hides the second. "Large" scores are needed for the third. A good test has all of them, and one with
# the largest score last.

# %% [markdown]
# ## 3. Any order, any cut
#
# Must the pieces come in order? Take two pieces that were computed apart, each with its own m, ℓ, o. Each is put on the
# common largest, then both are added. Addition does not care who comes first.
#
# This means more than it seems: **pieces may be computed by different workers.** A divided piece o / ℓ and one number,
# the logarithm of its full sum, $L = m + \ln \ell$, are enough. The share of piece 1 in the whole is
#
# $$\frac{e^{L_1}}{e^{L_1} + e^{L_2}} = \sigma(L_1 - L_2)$$
#
# By hand with the two halves above:

# %%
second = [math.exp(s - 5) for s in scores[3:]]
L1, L2 = m1 + math.log(l1), 5 + math.log(sum(second))
half1 = o1 / l1
half2 = sum(w * v for w, v in zip(second, values[3:], strict=True)) / sum(second)
share = 1 / (1 + math.exp(L2 - L1))
print(f"half 1: {half1:.3f}, L = {L1:.3f} · half 2: {half2:.3f}, L = {L2:.3f}")
joined = share * half1 + (1 - share) * half2
print(f"{share:.1%} of half 1 and {1 - share:.1%} of half 2: {joined:.4f}, as before: {mixture:.4f}")

# %% [markdown]
# Now with the real kernel. PyTorch's flash kernel for the CPU gives back both, the result and L (its name begins with
# an underscore: it is no public interface, and may change). 1,000 keys, cut in two at an uneven place.
#
# **Before you run**: the shape of L for 4 heads and 300 queries?

# %%
q, k, v = inputs(300)[0], *inputs(1000)[:2]
kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
first, first_log = kernel(q, k[:, :, :700], v[:, :, :700])
rest, rest_log = kernel(q, k[:, :, 700:], v[:, :, 700:])
share = torch.sigmoid(first_log - rest_log)[..., None]
whole = F.scaled_dot_product_attention(q, k, v)
print("L:", tuple(first_log.shape), "· share of the first 700 keys, on average:", f"{share.mean():.2f}")
print("put together equals the whole:", torch.allclose(share * first + (1 - share) * rest, whole, atol=1e-5))

# %% [markdown]
# On this rest: **flash-decoding** (one query, a long cache: many workers take a piece of the cache each), **ring
# attention** (keys and values travel around a ring of cards, so that a text may be longer than one card's memory) and
# shared prefixes (the common beginning of many chats is attended once). All of them exchange results and L.

# %% [markdown]
# ## 4. Tiles: who is read when
#
# A chip has two memories. A large slow one (GB: the card's) and a small fast one beside the multipliers (kB). What is
# multiplied must be in the fast one. The table does not fit there. A **tile** of it does.
#
# Six tokens, tiles of two queries by two keys. Take two queries into fast memory. Let the keys and values pass by, two
# at a time. Keep m, ℓ and o of the two queries. At the end divide, write two results, and take the next two queries.
#
# **Before you run**: how many times is each key read from slow memory? And each query?

# %%
order = tiles.visits(6, 2, 2)
ROWS = {
    "read queries": plots.BLUE,
    "read keys, values": plots.ORANGE,
    "keep m, l, o": plots.MUTED,
    "write results": plots.GREEN,
}
figure, (grid, reading) = pyplot.subplots(1, 2, figsize=(10.5, 3.7), width_ratios=(1, 2))
for turn, (i, j) in enumerate(order, start=1):
    tile = pyplot.Rectangle((2 * j, 2 * i), 2, 2, facecolor=plots.SKY, alpha=(0.25, 0.7)[i % 2], edgecolor=plots.INK)
    grid.add_patch(tile)
    grid.text(2 * j + 1, 2 * i + 1, str(turn), ha="center", va="center", size=13)
    for row, (colour, wanted) in enumerate(zip(ROWS.values(), (j == 0, True, True, j == 2), strict=True)):
        if wanted:
            first = 2 * (j if row == 1 else i)
            reading.add_patch(pyplot.Rectangle((turn - 0.46, row - 0.36), 0.92, 0.72, facecolor=colour))
            reading.text(turn, row, f"{first}, {first + 1}", ha="center", va="center", color="white", weight="bold")
grid.set(
    xlim=(0, 6),
    ylim=(6, 0),
    aspect="equal",
    xlabel="keys, values",
    ylabel="queries",
    xticks=[1, 3, 5],
    yticks=[1, 3, 5],
)
for ticks in (grid.set_xticklabels, grid.set_yticklabels):
    ticks(["0, 1", "2, 3", "4, 5"])
grid.grid(False)
grid.set_title("nine turns", fontsize=11)
reading.set(xlim=(0.5, 9.5), ylim=(3.6, -0.6), xlabel="turn", xticks=range(1, 10))
reading.set_yticks(range(4), ROWS)
reading.set_title("what crosses between the memories (grey: stays in the fast one)", fontsize=11)
figure.suptitle("Keys and values pass by once for each tile of queries; the table never does", x=0.01, ha="left",
                weight="bold", size=12)  # fmt: skip
plots.show(figure, alt="Left: a table of six queries by six keys in nine tiles, numbered row by row. Right: in "
           "turns 1, 4, 7 queries are read, in each keys and values; in 3, 6, 9 results are written.")  # fmt: skip

# %% [markdown]
# Each query once. Each key three times: once for each tile of queries. Scores are made, used and forgotten inside the
# fast memory. They never cross.
#
# If the mask is causal, tiles above the diagonal need no turn at all:

# %%
for tokens, tile in ((6, 2), (1024, 64), (8192, 128)):
    kept, everything = len(tiles.visits(tokens, tile, tile, causal=True)), len(tiles.visits(tokens, tile, tile))
    print(f"{tokens:5d} tokens in tiles of {tile:3d}: {kept:5,} of {everything:5,} turns ({kept / everything:.0%})")

# %% [markdown]
# The plain way computes the forbidden half and throws it away. Tiles skip nearly all of it. Nothing of this is an
# approximation.

# %% [markdown]
# ## 5. Count: operations and bytes
#
# For one head, T tokens and head size d:
#
# | | plain | tiled, B queries in a tile |
# |---|---|---|
# | operations of the two products | 4 T² d | 4 T² d |
# | exponentials | T² | T², and one for each row and turn |
# | bytes: queries, keys, values, result | 4 T d numbers | 2 T d + 2 T d · T / B numbers |
# | bytes: the tables | 4 T² numbers (written, read, written, read) | none |
#
# **Before you run**: T = 4,096, d = 64, B = 128. What are the ratios of the operations and of the bytes?

# %%
T, d, B = 4096, 64, 128
plain, tiled = tiles.plain_bytes(T, d), tiles.tiled_bytes(T, d, B, 64)
work = tiles.operations(T, d)
print(f"operations: {work / 1e9:.2f} billion, in both")
print(f"plain: {plain / 1e6:6.1f} MB, {work / plain:4.0f} operations a byte")
print(f"tiled: {tiled / 1e6:6.1f} MB, {work / tiled:4.0f} operations a byte, {plain / tiled:.1f} times fewer bytes")
for name in tiles.FAST_KB:
    card = cards.card(name)
    balance = card.peak * 1e12 / card.bandwidth / 1e9
    print(f"{name:17s} balance {balance:4.0f} operations a byte: plain is bound by "
          f"{'bytes' if work / plain < balance else 'operations'}, tiled by "
          f"{'bytes' if work / tiled < balance else 'operations'}")  # fmt: skip

# %% [markdown]
# The ratio of bytes is about 2 B / d: **more queries in a tile, fewer reads of the keys**. How many fit is decided by
# the fast memory. That is why Dao et al. (2022) give the bytes as proportional to T² d² / M, where M is the size of the
# fast memory, and why their paper is called *IO-aware*.
#
# Their own measurement is the best summary of this lesson. GPT-2 medium, forward and backward on an A100 (figure 2 of
# the paper):
#
# | | plain | flash |
# |---|---|---|
# | GFLOP | 66.6 | 75.2 |
# | GB to and from slow memory | 40.3 | 4.4 |
# | ms | 41.7 | 7.3 |
#
# **More** operations, fewer bytes, less time.
#
# ### Try tiles of your own
#
# With 128 queries in a tile, the tiled way above is still bound by bytes on all four cards, though by far fewer.
#
# Find
#
# 1. tiles with which the A100 is bound by operations and no longer by bytes;
# 2. what *Keys in a tile* changes, and what it does not;
# 3. what a head size of 256 does to the tiles that fit;
# 4. whether the H100, with more of everything, is easier or harder to keep busy.

# %%
tile_explorer.explore()

# %% [markdown]
# <details><summary>What you should have found</summary>
#
# 1. 256 queries by 64 keys hold 112 kB of 164 and move few enough bytes. 2. Not the bytes that move, only what fast
# memory must hold: small tiles of keys will do. 3. Rows are four times as long, so tiles that fit have a quarter of the
# queries. 4. Harder: its arithmetic has grown more than its bandwidth. On a real card a cache between the two memories
# serves part of the repeated reads, so smaller tiles do better than these bounds say.
#
# </details>

# %% [markdown]
# ## 6. Measured here: who waits for whom
#
# Take plain attention apart, on one core: one head of 64 numbers, 2,048 tokens. Three steps; for each its time and how
# many operations a second it reaches.
#
# **Before you run**: the softmax does about a fiftieth of the operations of the products. What share of the time will
# it take?

# %%
# NBVAL_IGNORE_OUTPUT
# Times belong to the machine.
tokens = 2048
q, k, v = (x[0, 0] for x in inputs(tokens))
table = q @ k.T / 8
weights = table.softmax(-1)
steps = {
    "scores = q @ k.T": (2 * tokens**2 * 64, lambda: q @ k.T),
    "softmax(scores)": (5 * tokens**2, lambda: table.softmax(-1)),  # largest, take off, exponential, add, divide
    "weights @ v": (2 * tokens**2 * 64, lambda: weights @ v),
}
spent = {name: seconds(work) for name, (_, work) in steps.items()}
for name, (count, _) in steps.items():
    print(f"{name:17s} {count / 1e6:5.0f} million operations, {1e3 * spent[name]:5.1f} ms, "
          f"{count / spent[name] / 1e9:5.1f} GFLOP/s")  # fmt: skip
flash = seconds(lambda: attend(FLASH, q[None, None], k[None, None], v[None, None]))
print(f"all three {1e3 * sum(spent.values()):.1f} ms · the flash kernel, all in one {1e3 * flash:.1f} ms")

# %% [markdown]
# The softmax does a fiftieth of the work and takes far more than a fiftieth of the time: it goes through 16 MB of table
# several times, with an operation or two for each number. The products do fifty operations a number and more. Merging
# the steps (**fusing**) saves the ways, and that is the gain.
#
# A CPU shows it more mildly than a GPU. Its own caches hold a good part of the table, and its arithmetic is slow in
# proportion. Now all heads and several lengths:

# %%
# NBVAL_IGNORE_OUTPUT
# Times belong to the machine.
taken = {PLAIN: [], FLASH: []}
for tokens in lengths:
    q, k, v = inputs(tokens)
    for kernel in (PLAIN, FLASH):
        taken[kernel].append(1e3 * seconds(lambda q=q, k=k, v=v, kernel=kernel: attend(kernel, q, k, v), times=3))
    print(f"{tokens:5d} tokens: plain {taken[PLAIN][-1]:6.1f} ms · flash {taken[FLASH][-1]:5.1f} ms · "
          f"{taken[PLAIN][-1] / taken[FLASH][-1]:.1f} times as fast")  # fmt: skip

# %%
# NBVAL_IGNORE_OUTPUT
# Times belong to the machine.
figure, axes = pyplot.subplots(figsize=(7.5, 3.6))
axes.plot(lengths, taken[PLAIN], "o-", color=plots.ORANGE, label="plain")
axes.plot(lengths, taken[FLASH], "s-", color=plots.BLUE, label="flash")
axes.plot(lengths, [taken[FLASH][0] * (n / lengths[0]) ** 2 for n in lengths], color=plots.MUTED, ls=":",
          label="four times a doubling")  # fmt: skip
axes.set(xscale="log", yscale="log", xlabel="tokens", ylabel="ms, 4 heads on one core")
axes.set_xticks(lengths, lengths)
axes.minorticks_off()
axes.set_title("Faster by a factor, and still quadratic")
axes.legend()
plots.show(figure, alt="Milliseconds of attention against tokens on logarithmic axes. Both lines rise about four times "
           "a doubling; the flash kernel lies below the plain one by a factor.")  # fmt: skip

# %% [markdown]
# Look at the slopes. Memory went from quadratic to linear. **Time is still quadratic**: every query still meets every
# key. Flash attention does not make long texts cheap. It makes them possible.

# %%
q, k, v = inputs(1024)
with FlopCounterMode(display=False) as counter:
    attend(PLAIN, q, k, v)
print(f"counted in the plain kernel: {counter.get_total_flops():,} · 4 heads · 4 T² d = {4 * 4 * 1024**2 * 64:,}")

# %% [markdown]
# (PyTorch's counter does not see into the fused kernel for the CPU. It does the same two products, plus the rescaling:
# d multiplications for each row and turn.)

# %% [markdown]
# ## 7. Which kernel do you get?
#
# You call one function. PyTorch chooses: a fused kernel if one can do the job, else the formula, with no warning.
# `torch._fused_sdp_choice` tells (again an internal name; on a GPU the profiler shows the kernel).
#
# **Before you run**: which of these calls fall back to the plain formula on a CPU?

# %%
q, k, v = inputs(256)
mask = torch.ones(256, 256).tril().bool()
calls = {
    "four dimensions, no mask": ((q, k, v), {}),
    "is_causal=True": ((q, k, v), {"is_causal": True}),
    "a boolean mask": ((q, k, v), {"attn_mask": mask}),
    "2 heads of keys for 4 of queries, enable_gqa": ((q, k[:, :2], v[:, :2]), {"enable_gqa": True}),
    "dropout_p=0.1": ((q, k, v), {"dropout_p": 0.1}),
    "values of another size": ((q, k, v[..., :32]), {}),
    "three dimensions: heads, tokens, size": ((q[0], k[0], v[0]), {}),
    "queries with transposed memory": ((q.mT.contiguous().mT, k, v), {}),
    "a mask that learns": ((q, k, v), {"attn_mask": torch.zeros(256, 256, requires_grad=True)}),
}
for name, (tensors, options) in calls.items():
    print(f"{name:45s} {SDPBackend(torch._fused_sdp_choice(*tensors, **options)).name}")

# %% [markdown]
# Five fall back. Four of them are limits of this kernel. Transposed memory is a trap: the numbers are the same, and
# only their order in memory (a forgotten `.contiguous()`) costs you the fast kernel. The rules differ between devices
# and versions. So ask: where `sdpa_kernel` allows one kernel and that can't do the call, you get an error in place of
# a slow surprise, and a warning that says why.

# %%
import warnings

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    try:
        attend(FLASH, q, k, v, dropout_p=0.1)
    except RuntimeError as error:
        print("RuntimeError:", str(error).splitlines()[0])
print("warning:", str(said[-1].message).split(" (Triggered")[0])

# %% [markdown]
# ### A call that is wrong without a word
#
# With a KV cache there is one new query and many keys. `is_causal=True` looks right.
#
# **Before you run**: what does a causal mask of 1 row and 5 columns look like? Which key may the new token see?

# %%
print(torch.ones(1, 5).tril().int().tolist(), "· 2 queries, 5 keys:", torch.ones(2, 5).tril().int().tolist())
q, k, v = inputs(5, heads=1)
last = F.scaled_dot_product_attention(q, k, v, is_causal=True)[:, :, -1:]  # right: the last row of the whole
cached = F.scaled_dot_product_attention(q[:, :, -1:], k, v, is_causal=True)
print("new query with is_causal=True equals the last row:", torch.allclose(cached, last, atol=1e-6))
print("it equals the value of the *first* key:           ", torch.allclose(cached, v[:, :, :1], atol=1e-6))
free = F.scaled_dot_product_attention(q[:, :, -1:], k, v)
print("without a mask it is right:                       ", torch.allclose(free, last, atol=1e-6))

# %% [markdown]
# PyTorch aligns the triangle to the upper left corner: query 0 sees key 0. With a cache it must be aligned to the lower
# right, since the new token stands at the end. A single new token needs no mask at all. For several new tokens, pass
# one (`torch.nn.attention.bias.causal_lower_right`).
#
# ### Precision
#
# In 16 bits the table of weights would be rounded. The fused kernel keeps scores, m, ℓ and o in float32 while they are
# in fast memory.
#
# **Before you run**: inputs in bfloat16, errors against float64. Will flash be less precise than three separate steps,
# since it rescales again and again?

# %%
# NBVAL_IGNORE_OUTPUT
# The digits depend on the processor's instructions.
halves = [x.bfloat16() for x in inputs(1024)]
exact = attend(PLAIN, *[x.double() for x in halves])
separate = (halves[0] @ halves[1].mT / 8).softmax(-1) @ halves[2]
for name, found in (
    ("flash, computed in float32", attend(FLASH, *[x.float() for x in halves])),
    ("flash, bfloat16 in and out", attend(FLASH, *halves)),
    ("three separate steps in bfloat16", separate),
):
    print(f"{name:33s} relative error {((found.double() - exact).norm() / exact.norm()).item():.1e}")

# %% [markdown]
# No: fewer roundings of what lies between, not more. Rescaling multiplies by a number of at most 1, in float32.

# %% [markdown]
# ## 8. In the course's model
#
# One setting chooses. `eager` is the formula, `sdpa` calls what you have just seen.

# %%
ours = model.load()
net, tokenizer = ours.model, ours.tokenizer
ids = tokenizer(plays.spoken("macbeth")[:4000], return_tensors="pt", add_special_tokens=False).input_ids
ids = ids[:, : net.config.max_position_embeddings]
found = {}
for way in ("eager", "sdpa"):
    net.set_attn_implementation(way)
    with torch.no_grad():
        logits = net.model(ids, use_cache=False).last_hidden_state
        found[way] = logits, peak_bytes(lambda: net.model(ids, use_cache=False))
print(f"{ids.shape[1]} tokens: peak {found['eager'][1] / 1e6:.1f} MB eager, {found['sdpa'][1] / 1e6:.1f} MB sdpa")
print("last states agree:", torch.allclose(found["eager"][0], found["sdpa"][0], atol=1e-2, rtol=1e-3))

# %% [markdown]
# The price of never having the table: nobody can look at it. `output_attentions=True`, as in week 1's maps, needs
# `eager`.

# %% [markdown]
# ## 9. Backward: compute it again
#
# Training needs gradients, and the gradient of a softmax needs its weights P. The plain way keeps the table for the
# backward pass. Flash attention keeps, for each row, its result and the one number L.
#
# From L every weight can be made again: $P_{ij} = e^{S_{ij} - L_i}$, with no search for a largest and no sum. A tile at
# a time, as in the forward pass.
#
# **Before you run**: what is kept for the backward pass, for T = 512, 1,024, 2,048? Which column grows by four?


# %%
def kept_mb(kernel: SDPBackend, tokens: int) -> float:
    """MB of distinct tensors that autograd keeps, the inputs left out."""
    q, k, v = inputs(tokens, requires_grad=True)
    given = {x.untyped_storage().data_ptr() for x in (q, k, v)}
    kept: dict[int, int] = {}

    def seen(x: torch.Tensor) -> torch.Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in given:
            kept[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(seen, lambda x: x):
        attend(kernel, q, k, v)
    return sum(kept.values()) / 1e6


for tokens in (512, 1024, 2048):
    print(f"{tokens:5d} tokens: plain keeps {kept_mb(PLAIN, tokens):5.1f} MB, flash {kept_mb(FLASH, tokens):4.2f} MB "
          f"(the result {4 * tokens * 64 * 4 / 1e6:4.2f}, L {4 * tokens * 4 / 1e6:4.2f})")  # fmt: skip

# %% [markdown]
# ### By hand: the row's one number
#
# The gradient of a score is
#
# $$\frac{\partial}{\partial s_j} = p_j \, (g_j - D), \qquad D = \sum_i p_i g_i$$
#
# where $g_j$ is the gradient that arrives at weight j: the incoming gradient times the value, $g_j = g \cdot v_j$. The
# sum D runs over the whole row. Is the table needed after all? No:
#
# $$D = \sum_i p_i \, (g \cdot v_i) = g \cdot \sum_i p_i v_i = g \cdot o$$
#
# D is the incoming gradient times the *result*, which was kept. Check it with the six numbers of section 2, and an
# incoming gradient g of 1.

# %%
s = torch.tensor(scores, requires_grad=True)
result = torch.softmax(s, 0) @ torch.tensor(values)
result.backward()  # the incoming gradient is 1
L = math.log(sum(math.exp(x) for x in scores))
D = 1 * mixture
again = [math.exp(score - L) * (1 * value - D) for score, value in zip(scores, values, strict=True)]
print("autograd:                ", [round(x, 3) for x in s.grad.tolist()])
print("from the scores, L and o:", [round(x, 3) for x in again])

# %% [markdown]
# ### What the second computation costs
#
# **Before you read on**: the plain backward pass has four products (for the gradients of V, of P, of Q, of K). How many
# has the tiled one?
#
# Five: the scores Q Kᵀ are made once more. Forward has two. So forward and backward together do 7 products in place of
# 6, a sixth more.

# %%
print(f"products, plain: 2 + 4 = 6; tiled: 2 + 5 = 7: {7 / 6 - 1:+.0%} operations")
print(
    f"the paper's count for a whole model's attention: {75.2 / 66.6 - 1:+.0%}, and {40.3 / 4.4:.0f} times fewer bytes"
)

# %% [markdown]
# Arithmetic is what the chip has left over; ways are what it lacks. Computing again what could have been fetched is the
# cheaper choice. You met the same trade as *checkpointing* in week 3. Here it is even faster.

# %% [markdown]
# ## 10. Limits
#
# - **Still quadratic.** Twice the text, four times the operations. What changes that is another attention (windows,
#   week 3's states), not another kernel.
# - **Little for decoding.** One query has no table, its row is short. There the bytes are the cache's own (lesson 3).
#   What helps is cutting the cache among workers (section 3).
# - **A kernel for each wish.** A score that is changed on its way (ALiBi, caps, odd masks) must be inside the kernel.
#   `torch.nn.attention.flex_attention` compiles one from a Python function.
# - **Not bit for bit.** Another order of additions, other last digits. The backward pass on GPUs adds from many workers
#   in no fixed order, unless you ask for a deterministic one.
# - **Our counts are of an ideal card** with two memories. Real kernels win or lose by overlap, registers and
#   instruction mix: FlashAttention-2 and -3 are faster than the first with about the same bytes.
#
# **Try it**
# - In section 2, cut the six numbers as 1 + 5, or one at a time. How often does the factor differ from 1?
# - In section 3, cut the 1,000 keys into three pieces. Can you put them together two by two, in any order?
# - In section 6, set the head size to 16 and to 128. Where is the gain of the flash kernel larger, and why?
# - **For the real world.** With a GPU and a network, load any model with
#   `AutoModelForCausalLM.from_pretrained(name, attn_implementation="flash_attention_2")` and compare the peak of
#   `torch.cuda.max_memory_allocated()` with `"eager"` at 4,096 tokens.

# %% [markdown]
# ## Three questions
#
# **1. Your online softmax agrees with PyTorch on random inputs, but not on the first layer of a real model. What do you
# suspect first?**
#
# <details><summary>Answer</summary>
#
# The rescaling. Random queries and keys of moderate size give scores whose largest hardly changes from tile to tile, so
# that a missing or half-done rescaling stays within a loose tolerance. In real layers a later key often has by far the
# largest score. Test with the largest score in the last tile, and of both the sum and the mixture.
# </details>
#
# **2. A colleague says: "Flash attention is faster because it needs fewer operations." What do you show them?**
#
# <details><summary>Answer</summary>
#
# The counts. Both do 4 T² d operations forward, and backward the tiled one does more. What shrinks are the bytes
# between slow and fast memory, and the plain way waits for these. (With a causal mask it does skip tiles, but a plain
# implementation could skip as well.)
# </details>
#
# **3. For training, why is it enough to keep L for each row, and not m and ℓ?**
#
# <details><summary>Answer</summary>
#
# The backward pass needs the final weights, $e^{s - m} / \ell = e^{s - (m + \ln \ell)} = e^{s - L}$. Since L is at
# least as large as the row's largest score, no exponential can overflow.
# </details>

# %% [markdown]
# ## Where this comes from
#
# - Online softmax: Milakov, Gimelshein, *Online normalizer calculation for softmax*, 2018,
#   [arXiv:1805.02867](https://arxiv.org/abs/1805.02867); memory linear in the length: Rabe, Staats, *Self-attention
#   Does Not Need O(n²) Memory*, 2021, [arXiv:2112.05682](https://arxiv.org/abs/2112.05682)
# - Dao, Fu, Ermon, Rudra, Ré, *FlashAttention: Fast and Memory-Efficient Exact Attention with IO-Awareness*, 2022,
#   [arXiv:2205.14135](https://arxiv.org/abs/2205.14135): tiles, the count of bytes, recomputation, section 5's table
# - Dao, *FlashAttention-2*, 2023, [arXiv:2307.08691](https://arxiv.org/abs/2307.08691); Shah et al.,
#   *FlashAttention-3*, 2024, [arXiv:2407.08608](https://arxiv.org/abs/2407.08608)
# - Pieces by many workers: Liu, Zaharia, Abbeel, *Ring Attention*, 2023,
#   [arXiv:2310.01889](https://arxiv.org/abs/2310.01889); Dao et al., *Flash-Decoding*, 2023,
#   [pytorch.org/blog/flash-decoding](https://pytorch.org/blog/flash-decoding/)
# - PyTorch's function, its kernels and the corner of its mask: PyTorch 2.13, 2026,
#   [docs.pytorch.org](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html)
#
# Next: [speculative decoding](speculative_decoding.ipynb). In the assignment `inference` you write
# `online_softmax_attention`, for whole matrices of queries.
