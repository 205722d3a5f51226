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
# # Many workers: one model on several machines
#
# Week 3, lesson 4 · 45 to 60 minutes · runs in about a quarter of a minute
#
# **You will be able to**
# - train one model in two real processes, and show that it is the model that one process would have trained;
# - follow an all-reduce round a ring, and say how many bytes each worker sends;
# - say who holds what under ZeRO stages 1, 2 and 3, and measure it for stage 1;
# - split a layer between workers (tensor parallel) and a model between stages (pipeline parallel);
# - choose among these for a given model and machine.
#
# **You need first**: lesson 2 of this week (a training step), lesson 3 (bytes a parameter, seconds a step).

# %%
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import pyplot

from course import cards, pipeline_explorer, plots, workers

torch.manual_seed(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Data parallel: the same model, different texts
#
# A batch's loss is a *mean* over its rows. So its gradient is a mean too. Cut the batch into two equal halves, and the
# gradient of the whole is the mean of the halves' gradients. On two numbers, by hand: rows 1 and 3, one weight $w = 2$,
# loss $(w x)^2$.
#
# | | gradient $2 w x^2$ |
# |---|---|
# | row 1 | 2 · 2 · 1 = 4 |
# | row 3 | 2 · 2 · 9 = 36 |
# | both, as a mean | 20 |
#
# **Before you run**: a batch of 64 rows, halves of 32. How far apart will the whole's gradient and the mean of the
# halves' be?

# %%
rows, classes = workers.batch(0)


def gradient(rows: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The gradient of the mean loss, all weights in one row."""
    model = workers.network()
    F.cross_entropy(model(rows), classes).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


whole = gradient(rows, classes)
halves = [gradient(rows[part], classes[part]) for part in (slice(0, 32), slice(32, 64))]
print(f"largest gradient {whole.abs().max():.3f}, largest difference below 1e-6:",
      bool((whole - sum(halves) / 2).abs().max() < 1e-6))  # fmt: skip

# %% [markdown]
# Rounding apart, nothing. This needs *equal* parts. With parts of 40 and 24 rows the plain mean is wrong.
#
# **Before you run**: how would you weigh parts of 40 and 24 rows?

# %%
uneven = [gradient(rows[part], classes[part]) for part in (slice(0, 40), slice(40, 64))]
print(f"plain mean:     off by {(whole - sum(uneven) / 2).abs().max():.4f}")
print(f"weighed by rows: right to 1e-6: {bool((whole - (40 * uneven[0] + 24 * uneven[1]) / 64).abs().max() < 1e-6)}")

# %% [markdown]
# The same slip hides in real code: when texts have different lengths, each worker's *mean over its own tokens* is not
# the mean over all tokens. Sum, then divide by the number of tokens of all workers.
#
# ### Two real processes
#
# `course/workers.py` starts two processes of their own, as `torchrun` would. They find each other, and exchange tensors
# by **gloo**, PyTorch's library for CPUs (on GPUs it is NCCL). Each has the same weights at the start. Each reads its
# half of every batch, computes gradients, and then calls `all_reduce`: the sum over all workers arrives at all workers.
#
# **Before you run**: after 20 steps, are the weights of the two processes equal? To how many digits?

# %%
team = workers.Team(2)
both = team.do("data_parallel", steps=20)
print("weights equal, to the last bit:", torch.equal(both[0]["weights"], both[1]["weights"]))

# %% [markdown]
# To the last bit: both added the same numbers in the same order, and took the same step. Nobody sent weights. They
# stay equal because equal things were done to them.
#
# Is it the model that one process would have got from whole batches?

# %%
alone = workers.data_parallel(rank=0, processes=1, steps=20, average=False)
gap = (both[0]["weights"] - alone["weights"]).abs().max()
print(f"largest difference to one process with whole batches: below 1e-4: {bool(gap < 1e-4)}")

# %% [markdown]
# Rounding only. Now leave the exchange out. Each process trains on its half alone.
#
# **Before you run**: the losses of the two will look fine. What goes wrong?

# %%
apart = team.do("data_parallel", steps=20, average=False)
distance = (apart[0]["weights"] - apart[1]["weights"]).norm() / apart[0]["weights"].norm()
print("last losses:", [round(report["losses"][-1], 2) for report in apart])
print(f"the two models differ by {distance:.0%} of their length")

# %% [markdown]
# Two models, each trained on half of the text, and the machine's bill is the same. A missing all-reduce raises no error
# and shows in no loss curve. Compare weights (or a hash of them) between workers from time to time.
#
# In the library all of this is one line: `DistributedDataParallel(model)`. It also starts to exchange the last layers'
# gradients while the first ones are still being computed.

# %% [markdown]
# ## 2. All-reduce: round a ring
#
# One worker could collect all gradients and send the sum back. Its line would carry everything: with 8 workers, 7 times
# the model in and 7 times out. A **ring** shares that. Cut the numbers into as many parts as there are workers.
#
# 1. *Reduce-scatter*: in each step every worker passes one part to the next, who adds it to its own. After $n - 1$
#    steps each worker holds *one* part that is complete.
# 2. *All-gather*: $n - 1$ more steps pass the complete parts round.
#
# Here it is in slow motion, with 4 workers. Worker $r$ begins with the number $10^r$ in all its parts, so a digit shows
# whose share has arrived: 1,111 is complete.
#
# **Before you run**: after how many steps does the first 1,111 appear?

# %%
n = 4
held = np.array([[10**rank] * n for rank in range(n)])
frames = [held.copy()]
for step in range(2 * (n - 1)):
    moving = [(rank, (rank - step) % n, held[rank, (rank - step) % n]) for rank in range(n)]
    for rank, part, value in moving:
        if step < n - 1:
            held[(rank + 1) % n, part] += value
        else:
            held[(rank + 1) % n, part] = value
    frames.append(held.copy())

figure, all_axes = pyplot.subplots(1, len(frames), figsize=(11, 2.4), sharey=True)
for step, (axes, frame) in enumerate(zip(all_axes, frames, strict=True)):
    shares = np.vectorize(lambda value: str(value).count("1"))(frame)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=4.5, aspect="auto")
    for (worker, part), value in np.ndenumerate(frame):
        axes.text(
            part,
            worker,
            value,
            ha="center",
            va="center",
            size=7.5,
            color="white" if shares[worker, part] > 2 else plots.INK,
        )
    axes.set(xticks=range(n), title=f"step {step}" if step else "start", xlabel="part")
    axes.grid(False)
all_axes[0].set(yticks=range(n), ylabel="worker")
plots.show(figure, alt="Seven tables of 4 workers by 4 parts. At the start each worker holds its own digit; after "
           "three steps each holds one part with all digits, 1111; after six steps all hold all.")  # fmt: skip

# %% [markdown]
# Step 3 is the first with complete parts: one a worker. Step 6 ends it. Each worker has sent $2(n-1)$ parts of $1/n$ of
# the numbers: $2\frac{n-1}{n}$ times the gradient, *whatever the number of workers*.
#
# The two real processes can do it as well, by `isend` and `recv` to their neighbour alone.

# %%
reports = team.do("ring", numbers=8)
print(reports[0]["sum"].tolist())
print("bytes sent by each:", [report["bytes_sent"] for report in reports], "of", 8 * 4, "bytes that each holds")

# %% [markdown]
# ### What does it cost?
#
# Llama 3.1 8B in bfloat16 has 16 GB of gradients, so each worker sends and receives about 32 GB a step, less a little.
# Is that much? It depends on the line. A step of 4,096 tokens a worker on an H100 at 40% of its peak computes for
#
# $$\frac{6 \cdot 8.03\cdot10^9 \cdot 4096}{0.4 \cdot 989\cdot10^{12}} \approx 0.5 \text{ s}.$$
#
# **Before you run**: through which of these lines does the exchange take longer than the computing?

# %%
h100 = cards.card("NVIDIA H100 SXM")
computing = 6 * 8.03e9 * 4096 / (0.4 * h100.peak * 1e12)
for line, speed in [
    ("NVLink inside a machine", 450e9),
    ("InfiniBand, 400 Gbit/s", 50e9),
    ("Ethernet, 10 Gbit/s", 1.25e9),
]:
    sending = 2 * 8.03e9 * 2 / speed
    print(f"{line:26s}{sending:8.2f} s to send, {computing:.2f} s to compute: "
          f"{'hidden behind it' if sending < computing else 'the workers wait'}")  # fmt: skip

# %% [markdown]
# Three ways out: larger batches between exchanges (gradient accumulation), fewer bits for the gradients, or another
# split of the work. Batches cannot grow for ever: past a *critical* size more rows help little (McCandlish et al.
# 2018).

# %% [markdown]
# ## 3. ZeRO: who holds what?
#
# Data parallel keeps everything on every worker: 16 bytes a parameter (lesson 3), eight times over on eight cards. ZeRO
# (Rajbhandari et al. 2020) cuts it up. Each worker keeps only its part of
#
# - stage 1: the optimizer's numbers,
# - stage 2: and the gradients,
# - stage 3: and the weights, which are gathered layer by layer when they are needed. PyTorch calls it FSDP.
#
# **Before you run**: 8 workers, mixed bfloat16 (2 + 2 + 12 bytes). How many bytes a parameter does each stage leave on
# a worker?


# %%
def on_each(stage: int, n: int) -> dict[str, float]:
    """Bytes a parameter on each of `n` workers."""
    parts = {"weights": 2.0, "gradients": 2.0, "optimizer": 12.0}
    cut = {1: ["optimizer"], 2: ["optimizer", "gradients"], 3: list(parts)}.get(stage, [])
    return {name: size / n if name in cut else size for name, size in parts.items()}


for stage in range(4):
    print(f"stage {stage}: {sum(on_each(stage, 8).values()):5.2f} bytes a parameter; Llama 3.1 8B: "
          f"{8.03 * sum(on_each(stage, 8).values()):6.1f} GB on each of 8, "
          f"{8.03 * sum(on_each(stage, 64).values()):6.1f} GB on each of 64")  # fmt: skip

# %%
figure, all_axes = pyplot.subplots(1, 4, figsize=(10.5, 2.9), sharey=True)
for stage, axes in enumerate(all_axes):
    for row, (name, colour) in enumerate(zip(("weights", "gradients", "optimizer"), plots.COLOURS, strict=False)):
        whole_on_each = on_each(stage, 4)[name] == on_each(0, 4)[name]
        for worker in range(4):
            for part in range(4):
                kept = whole_on_each or part == worker
                axes.add_patch(pyplot.Rectangle((worker * 1.15 + part * 0.25, row), 0.23, 0.8,
                                                color=colour if kept else "#e6eaee"))  # fmt: skip
    axes.set(xlim=(-0.1, 4.6), ylim=(3, -0.2), xticks=[0.5 + 1.15 * w for w in range(4)], xticklabels=range(4),
             xlabel="worker", title=f"stage {stage}" if stage else "no ZeRO")  # fmt: skip
    axes.grid(False)
all_axes[0].set_yticks([0.4, 1.4, 2.4], ["weights", "gradients", "optimizer"])
plots.show(figure, alt="Who holds what, for four workers and four parts. Without ZeRO every worker holds all. Stage 1 "
           "leaves each worker a part of the optimizer, stage 2 of the gradients, stage 3 of the weights.")  # fmt: skip

# %% [markdown]
# ### Stage 1, for real
#
# PyTorch has it as `ZeroRedundancyOptimizer`. Each process keeps AdamW's numbers for some of the parameters, steps
# those, and sends the new weights to the others.
#
# **Before you run**: are the trained weights those of the plain optimizer?

# %%
plain, shared = team.do("zero", sharded=False), team.do("zero", sharded=True)
print("optimizer bytes, plain: ", [report["optimizer_bytes"] for report in plain])
print("optimizer bytes, shared:", [report["optimizer_bytes"] for report in shared])
print("same weights:", torch.equal(plain[0]["weights"], shared[0]["weights"]))
team.close()

# %% [markdown]
# The same model; the shares add up to the whole. They are unequal here since this class deals out whole tensors, and
# one of the four is by far the largest. FSDP cuts every tensor.
#
# Stage 3 is not free: weights are gathered twice a step (forward and backward), so it sends 1.5 times the bytes of
# plain data parallel (Rajbhandari et al. 2020, section 7).

# %% [markdown]
# ## 4. Tensor parallel: half a layer each
#
# ZeRO 3 spreads weights, but each worker still computes every layer in full. If one layer is too large, or one text too
# slow, split the *product*. Take an MLP: $y = \mathrm{gelu}(x A)\,B$. Give each worker half of A's columns. Each gets
# half of the hidden numbers, and gelu works on each number alone. Then give each the matching half of B's *rows*.
#
# **Before you run**: what must the two do with their two results to get $y$?

# %%
x, A, B = torch.randn(5, 16), torch.randn(16, 64), torch.randn(64, 16)
y = F.gelu(x @ A) @ B
first = F.gelu(x @ A[:, :32]) @ B[:32]
second = F.gelu(x @ A[:, 32:]) @ B[32:]
print(
    "shapes:", tuple(first.shape), tuple(second.shape), "· sum equals y:", torch.allclose(first + second, y, atol=1e-4)
)

# %% [markdown]
# Add them: one all-reduce for the whole MLP. Attention splits by heads in the same way (Shoeybi et al. 2019).
#
# Split A by rows instead, and the parts must be added *before* gelu, since gelu(a) + gelu(b) is not gelu(a + b): one
# exchange more. The order columns, then rows is the trick.
#
# The exchange is of activations, in every layer, forward and backward, and nothing can hide it. So tensor parallel
# stays inside one machine, where lines are fast.

# %%
wrong = F.gelu(x[:, :8] @ A[:8]) + F.gelu(x[:, 8:] @ A[8:])
print(f"rows first, gelu too early: off by {(wrong @ B - y).abs().mean() / y.abs().mean():.0%} on average")

# %% [markdown]
# ## 5. Pipeline parallel: some layers each
#
# Give worker 1 the first layers, worker 2 the next, and so on. Only one activation crosses each border: little to send,
# so slow lines will do. But worker 2 waits for worker 1, and on the way back worker 1 waits for worker 2.
#
# Cut the batch into parts, so that a stage can work on one while the next stage works on another. The waiting that is
# left is the **bubble**. With $p$ stages and $m$ parts, all forward and then all backward (GPipe, Huang et al. 2019):
#
# $$\text{bubble} = \frac{p - 1}{m + p - 1}$$
#
# **Before you run**: 4 stages, 4 parts: what share is waiting? And with 16 parts?

# %%
for parts in (1, 4, 16, 64):
    tasks = pipeline_explorer.schedule("all forward, then all backward", stages=4, parts=parts)
    print(f"{parts:2d} parts: simulated {pipeline_explorer.idle(tasks):.1%}, by the formula {3 / (parts + 3):.1%}, "
          f"stage 1 keeps {pipeline_explorer.most_kept(tasks, 0)} parts' activations")  # fmt: skip

# %% [markdown]
# More parts, less waiting, but the first stage keeps *all* parts' activations until their backward pass comes.
# "One forward, one backward" (PipeDream, Narayanan et al. 2019) turns back as soon as it can. Same waiting, less kept.
#
# Try it: with 4 stages and 16 parts, how many does stage 1 keep under each schedule? Which number does it depend on?

# %%
pipeline_explorer.explore()

# %%
for kind in pipeline_explorer.KINDS:
    tasks = pipeline_explorer.schedule(kind, stages=4, parts=16)
    kept = [pipeline_explorer.most_kept(tasks, stage) for stage in range(4)]
    print(f"{kind:32s} waiting {pipeline_explorer.idle(tasks):4.0%}, kept by stage {kept}")

# %% [markdown]
# ## 6. Which one?
#
# | | splits | each worker holds | sends | keep it |
# |---|---|---|---|---|
# | data parallel | texts | everything | gradients, once a step | anywhere |
# | ZeRO 1, 2 | and optimizer, gradients | less | about the same | anywhere |
# | ZeRO 3 / FSDP | and weights | its part | 1.5 times as much | on fast lines |
# | tensor parallel | each product | its part of every layer | activations, every layer | in one machine |
# | pipeline | layers | some layers | activations at borders | between machines |
#
# They combine. Llama 3 405B was trained on 16,384 H100s: 8 ways by tensor (one machine), 16 by pipeline, 128 by data
# with sharded optimizer (Dubey et al. 2024, table 4).

# %%
print("8 · 16 · 128 =", 8 * 16 * 128)
per_stage = 405e9 / 8 / 16
print(f"parameters on each card: {per_stage / 1e9:.1f} billion; with 2 + 2 bytes and a 128th of 12: "
      f"{per_stage * (4 + 12 / 128) / 1e9:.0f} GB of the card's {h100.memory:g}")  # fmt: skip

# %% [markdown]
# The rest of the card is for activations. The rule of thumb: shard no more than you must. Every split costs an
# exchange.
#
# ## Limits of this lesson
#
# Two processes on one machine show what is *computed*; they show nothing of speed, since here both share two cores.
# Failures are left out too. In 54 days of Llama 3's training there were 466 interruptions (Dubey et al. 2024, section
# 3.3.4): with many workers, checkpoints and restarts (lesson 2) are part of the algorithm.
#
# **Try it**
# - Give `Team` three processes and run `data_parallel`. A batch has 64 rows: what do three equal parts do with them?
#   (Look at `chunk`, and at section 1's second result.)
# - In the ring's picture, let worker 2 start with zeros. Which digit is missing at the end?
# - **For the real world.** On a machine with several GPUs: `torchrun --nproc_per_node=8 train.py`, `nccl` in place of
#   `gloo`, and `torch.distributed.fsdp.fully_shard(model)` for stage 3.

# %% [markdown]
# ## Three questions
#
# **1. Why do two data-parallel workers never need to exchange weights?**
#
# <details><summary>Answer</summary>
#
# They begin equal, and each applies the same averaged gradient with the same optimizer state. Equal inputs to the same
# computation give equal weights, to the last bit.
# </details>
#
# **2. You go from 8 to 64 workers. What happens to the bytes that each one sends in a ring all-reduce? And to the
# time?**
#
# <details><summary>Answer</summary>
#
# Bytes go from 1.75 to 1.97 times the gradient: hardly more. But there are 126 steps and not 14, each with a delay of
# its own. For small tensors the delays decide, so libraries pack gradients together and use trees.
# </details>
#
# **3. A 70B model must be served (not trained) on 8 cards with slow texts. Data, tensor or pipeline parallel?**
#
# <details><summary>Answer</summary>
#
# Tensor parallel, in one machine: each product takes about an eighth of the time, so one text gets faster. A pipeline
# lets more texts flow but makes none faster; data parallel needs the whole model on every card.
# </details>

# %% [markdown]
# ## Where this comes from
#
# - Ring all-reduce: Patarasuk and Yuan, *Bandwidth optimal all-reduce algorithms for clusters of workstations*, 2009,
#   [doi:10.1016/j.jpdc.2008.09.002](https://doi.org/10.1016/j.jpdc.2008.09.002); PyTorch's data parallel: Li et al.,
#   2020, [arXiv:2006.15704](https://arxiv.org/abs/2006.15704)
# - ZeRO: Rajbhandari et al., 2020, [arXiv:1910.02054](https://arxiv.org/abs/1910.02054); FSDP: Zhao et al., 2023,
#   [arXiv:2304.11277](https://arxiv.org/abs/2304.11277)
# - Tensor parallel: Shoeybi et al., *Megatron-LM*, 2019, [arXiv:1909.08053](https://arxiv.org/abs/1909.08053)
# - Pipelines: Huang et al., *GPipe*, 2019, [arXiv:1811.06965](https://arxiv.org/abs/1811.06965); Narayanan et al.,
#   *PipeDream*, 2019, [doi:10.1145/3341301.3359646](https://doi.org/10.1145/3341301.3359646)
# - How large a batch: McCandlish et al., 2018, [arXiv:1812.06162](https://arxiv.org/abs/1812.06162)
# - A large run in detail: Dubey et al., *The Llama 3 Herd of Models*, 2024,
#   [arXiv:2407.21783](https://arxiv.org/abs/2407.21783)
#
# Next: [other architectures](other_architectures.ipynb).
