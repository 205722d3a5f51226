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
# # How big, how long? Parameters, memory, operations, and the law of loss
#
# Week 3, lesson 3 · 45 to 60 minutes · runs in about half a minute
#
# **You will be able to**
# - say where a model's parameters are, for a toy and for Llama 3.1 8B, and check it against the real architecture;
# - name everything that fills a card's memory in training, and measure the part that surprises people;
# - count the operations of a training step, and turn them into days on a card of your choice;
# - fit a scaling law to runs of your own, and say what it promises and what it does not;
# - tell why a model that is cheapest to train is seldom the one that is cheapest to use.
#
# **You need first**: week 1, lesson 4 (what a block is made of), and lesson 2 of this week (what a training step does).

# %%
import numpy as np
import torch
from matplotlib import pyplot
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from course import budget_explorer, cards, ladder, plots, pretrain

torch.manual_seed(0)
torch.set_num_threads(1)

# %% [markdown]
# ## 1. Where are the parameters?
#
# One layer of a Llama has seven matrices and two small vectors. Take the course's model: width 256, 4 heads of 64
# numbers, 2 heads of keys and values, an MLP of width 704.
#
# | matrix | shape | why |
# |---|---|---|
# | query | 256 × 256 | 4 heads · 64 |
# | key, value | 128 × 256 each | 2 heads · 64: queries share keys |
# | output | 256 × 256 | back to the width |
# | gate, up | 704 × 256 each | the MLP's two ways up |
# | down | 256 × 704 | and its way down |
# | two norms | 256 each | one scale a number |
#
# **Before you run**: which is the larger part of a layer, attention or the MLP? By what factor?

# %%
course_model = pretrain.build(pretrain.Recipe(size="3m"))
layer = course_model.model.layers[0]
attention = sum(p.numel() for p in layer.self_attn.parameters())
mlp = sum(p.numel() for p in layer.mlp.parameters())
print(f"attention {attention:,} · MLP {mlp:,} · the MLP has {mlp / attention:.2f} times as many")
print("by hand: ", 256 * 256 + 2 * 128 * 256 + 256 * 256, "·", 3 * 704 * 256)

# %% [markdown]
# Outside the layers there is the table of embeddings: one row of 256 numbers for each of 2,048 tokens. The matrix that
# turns the last state into logits has the same shape, and here it *is* the same matrix (the embeddings are **tied**).
#
# **Before you run**: what share of the course's model is the table? And of Llama 3.1 8B, which has 128,256 tokens, a
# width of 4,096, and two tables that are not tied?
#
# A real 8B model does not fit into a laptop's memory. Its *shapes* do. On PyTorch's `meta` device a tensor has a shape
# and no numbers, so the real architecture can be built and counted in a second.

# %%
LLAMA_8B = LlamaConfig(
    vocab_size=128_256, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
    intermediate_size=14_336, tie_word_embeddings=False,
)  # fmt: skip
with torch.device("meta"):
    llama_8b = LlamaForCausalLM(LLAMA_8B)


def parts(model: LlamaForCausalLM) -> dict[str, int]:
    """How many parameters of a Llama lie where; a tied table is counted once."""
    found = {"embedding": 0, "attention": 0, "MLP": 0, "norms": 0, "output": 0}
    for name, parameter in model.named_parameters():
        kind = ("embedding" if "embed_tokens" in name else "attention" if "self_attn" in name
                else "MLP" if ".mlp." in name else "output" if "lm_head" in name else "norms")  # fmt: skip
        found[kind] += parameter.numel()
    return found


for name, model in {"the course's 3m": course_model, "Llama 3.1 8B": llama_8b}.items():
    found = parts(model)
    total = sum(found.values())
    print(f"{name}: {total:,}", {kind: f"{count / total:.1%}" for kind, count in found.items() if count})

# %% [markdown]
# The second total, 8,030,261,248, is the number that the model's authors give (Dubey et al. 2024). You have just
# counted a model that you never downloaded.
#
# In a small model the table is heavy. That is why the course's vocabulary has 2,048 tokens and not 128,256: with
# Llama's vocabulary the table alone would hold 33 million numbers, ten times the whole model.

# %%
figure, axes = pyplot.subplots(figsize=(8.5, 2.8))
shares = {name: parts(pretrain.build(pretrain.Recipe(size=name))) for name in ("0.3m", "1m", "3m", "10m")}
shares["Llama 3.1 8B"] = parts(llama_8b)
left = np.zeros(len(shares))
for kind, colour in zip(("embedding", "attention", "MLP", "output"), plots.COLOURS, strict=False):
    width = np.array([found[kind] / sum(found.values()) for found in shares.values()]) * 100
    axes.barh(list(shares), width, left=left, color=colour, label=kind)
    left += width
axes.invert_yaxis()
axes.set(xlabel="share of the parameters (%)", title="The smaller the model, the heavier its vocabulary")
axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=4)
plots.show(figure, alt="Bars for five models. The embedding takes 43 percent of the smallest model and 7 percent of "
           "Llama 3.1 8B, which has as much again in its output matrix; the MLP takes most of that.")  # fmt: skip

# %% [markdown]
# **In the assignment** you write `count_parameters`, which gets all of this from the configuration alone. `parts` above
# counts a model that stands; your function must know the shapes.

# %% [markdown]
# ## 2. What fills the memory?
#
# Four things, while a model trains:
#
# 1. **weights**: what you count above;
# 2. **gradients**: one number a weight;
# 3. **the optimizer's numbers**: AdamW keeps two running means a weight (lesson 2);
# 4. **activations**: what the forward pass must keep so that the backward pass can use it.
#
# **Before you run**: AdamW in float32, 4 bytes a number. How many bytes a parameter do the first three take?

# %%
bytes_a_parameter = {way: sum(each) for way, each in budget_explorer.BYTES.items()}
for way, each in bytes_a_parameter.items():
    print(f"{way:28s} {each:4g} bytes a parameter · Llama 3.1 8B: {each * 8.03:6.1f} GB")

# %% [markdown]
# Training in "mixed bfloat16" saves *no* memory here: 2 for a weight, 2 for its gradient, and 12 for the optimizer,
# since the optimizer keeps an exact float32 copy of the weights (Micikevicius et al. 2018). What it saves is time, and
# half of the activations. Sixteen bytes a parameter is the number to remember: an 8B model needs 128 GB before it has
# read one token.
#
# ### Activations, measured
#
# The fourth part depends on how much text goes through at once. PyTorch lets you see each tensor that autograd keeps:
# `saved_tensors_hooks` calls you for every one.
#
# **Before you run**: if you double the number of texts, what happens to the weights' bytes, and to the activations'?


# %%
def kept_bytes(model: nn.Module, batch: int, length: int) -> int:
    """Bytes of the distinct tensors that a forward pass keeps for its backward pass, parameters left out."""
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def seen(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.randint(0, model.config.vocab_size, (batch, length))
    with torch.autograd.graph.saved_tensors_hooks(seen, lambda tensor: tensor):
        model(ids, labels=ids, use_cache=False)
    return sum(kept.values())


course_model.set_attn_implementation("sdpa")
weights = sum(p.numel() for p in course_model.parameters()) * 4
print(f"weights of the course's model: {weights / 1e6:.1f} MB")
for batch, length in [(1, 128), (2, 128), (4, 128), (4, 256)]:
    print(f"{batch} texts of {length} tokens: activations {kept_bytes(course_model, batch, length) / 1e6:6.1f} MB")

# %% [markdown]
# Twice the texts, twice the bytes. Already a few hundred tokens outweigh the model. A training step of this course's
# model reads 4,096 tokens.
#
# ### What attention would keep
#
# The attention used above (`sdpa`) never stores the table of weights, which has a row and a column for each token. The
# plain form does.
#
# **Before you run**: by what factor does the plain form's *extra* grow when the texts get twice as long?

# %%
lengths = (64, 128, 256, 512)
fused = [kept_bytes(course_model, 1, n) / 1e6 for n in lengths]
course_model.set_attn_implementation("eager")
plain = [kept_bytes(course_model, 1, n) / 1e6 for n in lengths]
course_model.set_attn_implementation("sdpa")
for n, a, b in zip(lengths, fused, plain, strict=True):
    print(f"{n:4d} tokens: {a:5.1f} MB fused, {b:5.1f} MB plain, {b - a:5.1f} MB for the tables")

# %% [markdown]
# The tables grow with the square of the length: about four times a doubling. Week 7 shows how the fused form gets the
# same result without them (flash attention).
#
# Two tricks trade time for memory. **Gradient accumulation** runs small batches one after another and adds their
# gradients: activations of one small batch, gradient of a large one. **Checkpointing** keeps only each layer's input
# and computes the rest again on the way back: about a third more work (Chen et al. 2016).

# %%
import warnings

warnings.simplefilter("ignore", FutureWarning)  # these two methods get other names in transformers 6
course_model.train()
usual = kept_bytes(course_model, 4, 256)
course_model.gradient_checkpointing_enable()
frugal = kept_bytes(course_model, 4, 256)
course_model.gradient_checkpointing_disable()
print(f"kept for the backward pass: {usual / 1e6:.1f} MB, with checkpointing {frugal / 1e6:.1f} MB")

# %% [markdown]
# What is left is mostly the logits: 4 · 256 tokens, a number for each of 2,048 vocabulary entries. In models with a
# hundred thousand tokens the logits are what breaks the memory first.

# %% [markdown]
# ## 3. Counting operations
#
# A matrix product of (T × a) with (a × b) takes T·a·b multiplications and as many additions: **2 operations a weight
# and token**. The backward pass does two such products for each (one for the input's gradient, one for the weight's).
# So
#
# $$C \approx 6\,N\,D$$
#
# for N parameters and D tokens (Kaplan et al. 2020). Attention's own products, of queries with keys, come on top. Let
# PyTorch count what it really does.
#
# **Before you run**: will the count be above or below 6·N·D? Norms and softmax are not counted: they are no matrix
# products.

# %%
tokens = torch.randint(0, 2048, (4, 256))
course_model.set_attn_implementation("eager")  # the counter does not see into the fused form
with FlopCounterMode(display=False) as counter:
    course_model(tokens, labels=tokens, use_cache=False).loss.backward()
course_model.set_attn_implementation("sdpa")
course_model.zero_grad()
parameters = sum(p.numel() for p in course_model.parameters())
rule = 6 * parameters * tokens.numel()
print(f"counted {counter.get_total_flops() / 1e9:.2f} GFLOP, 6·N·D gives {rule / 1e9:.2f}: "
      f"{counter.get_total_flops() / rule:.2f} times the rule")  # fmt: skip

# %% [markdown]
# What is above the rule are attention's own products. In large models with texts of usual length they weigh less,
# because N grows with the square of the width and they grow with the width alone.
#
# ### How fast is this machine?
#
# The **utilisation** of a run is what share of the chip's best speed its 6·N·D come to. We measure the best speed with
# one large matrix product, and the run with a few training steps.

# %%
# NBVAL_IGNORE_OUTPUT
# Speeds belong to the machine.
import time


def seconds(work, times: int = 5) -> float:
    """The fastest of some runs."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
best = 2 * 1024**3 / seconds(lambda: a @ b)
step = seconds(lambda: course_model(tokens, labels=tokens, use_cache=False).loss.backward(), times=3)
course_model.zero_grad()
print(f"one core, float32: at best {best / 1e9:,.0f} GFLOP/s, in training {rule / step / 1e9:,.0f} GFLOP/s")
print(f"utilisation {rule / step / best:.0%} · {tokens.numel() / step:,.0f} tokens a second")

# %% [markdown]
# Large runs on GPUs report 35 to 45% (Llama 3's: 38 to 43%, Dubey et al. 2024, table 4). The rest goes into norms and
# softmax, into waiting for memory, and into waiting for other cards.
#
# ### Cards and chips
#
# Two numbers decide what a chip can do: how fast it multiplies, and how fast its memory is. Training is bound by the
# first. Writing a text token by token is bound by the second, since each new token reads every weight once.

# %%
print(f"{'':28s}{'kind':6s}{'GB':>5s}{'GB/s':>7s}{'TFLOP/s':>9s}{'operations a byte':>19s}")
for card in cards.CARDS:
    print(f"{card.name:28s}{card.kind:6s}{card.memory:5g}{card.bandwidth:7g}{card.peak:9g}"
          f"{card.peak * 1e12 / card.bandwidth / 1e9:19.0f}")  # fmt: skip

# %% [markdown]
# The last column is a chip's *balance*: how many operations it can do in the time that one byte takes to arrive. A
# model that writes one text does about one operation a byte (a 2-byte weight, 2 operations). So on an H100 nearly all
# of the arithmetic stands idle, unless many readers are served at once. Week 7 builds on this.
#
# Sources are in `course/cards.py`, with a note where a maker's figure was converted (sparse to dense, 8 bits to 16).
#
# **Before you run**: on a Raspberry Pi, at most how many tokens a second can an 8B model write, stored in 4 bits?

# %%
pi = cards.card("Raspberry Pi 5")
weights_8b = 8.03e9 * 0.5
print(f"{weights_8b / 1e9:.1f} GB of weights, {pi.bandwidth} GB/s: at most "
      f"{pi.bandwidth * 1e9 / weights_8b:.1f} tokens a second")  # fmt: skip

# %% [markdown]
# ### The calculator
#
# Choose a model, a way and a card. Find: the largest model that trains on one RTX 4090 with AdamW; what you must change
# to train the 8B on an H200; how many days of one A100 Llama 3.2 1B's 9,000 billion tokens would take.

# %%
budget_explorer.explore()

# %% [markdown]
# ## 4. The law of loss
#
# Given a budget C = 6·N·D, should you take a larger model or more text? This is an empirical question. The course has
# trained its own **ladder**: four sizes, each on four amounts of text, each run with its own schedule to the end
# (`make ladder`). The loss is that of text never trained on. N counts the layers alone.

# %%
rungs = ladder.rungs()
sizes = sorted({rung.parameters for rung in rungs})
amounts = sorted({rung.tokens for rung in rungs})
print("layers' parameters " + "".join(f"{d / 1e6:>9.2f}M" for d in amounts) + " tokens")
for n in sizes:
    print(f"{n:18,} " + "".join(f"{r.loss:10.3f}" for r in rungs if r.parameters == n))

# %% [markdown]
# Read a row: more text helps. Read a column: a larger model helps, if there is text enough.
#
# Hoffmann et al. (2022) propose the form
#
# $$L(N, D) = E + \frac{A}{N^{\alpha}} + \frac{B}{D^{\beta}}$$
#
# E is what no model could remove: the text's own surprise. The second term is the price of being small, the third of
# having read little. Five numbers, fitted to the sixteen runs.

# %%
law = ladder.fit(rungs)
off = [law.loss(r.parameters, r.tokens) / r.loss - 1 for r in rungs]
print(f"E = {law.floor:.2f}, alpha = {law.alpha:.2f}, beta = {law.beta:.2f}")
print(f"off by {np.mean(np.abs(off)):.1%} on average, {max(map(abs, off)):.1%} at most")

# %%
figure, axes = pyplot.subplots(figsize=(8, 4))
wide = np.geomspace(min(amounts) / 1.3, max(amounts) * 1.3, 50)
for n, colour in zip(sizes, plots.COLOURS, strict=False):
    mine = [r for r in rungs if r.parameters == n]
    axes.plot([r.tokens / 1e6 for r in mine], [r.loss for r in mine], "o", color=colour, label=f"{n / 1e6:.2f}M")
    axes.plot(wide / 1e6, [law.loss(n, d) for d in wide], color=colour, lw=1.2)
axes.set(xscale="log", yscale="log", xlabel="tokens (millions)", ylabel="loss (nats a token)",
         title="Sixteen runs, and one law with five numbers")  # fmt: skip
axes.set_xticks([d / 1e6 for d in amounts], [f"{d / 1e6:.2f}" for d in amounts])
axes.set_yticks([1.5, 2, 2.5, 3], ["1.5", "2", "2.5", "3"])
axes.minorticks_off()
axes.legend(title="layers' parameters")
plots.show(figure, alt="Loss against tokens on logarithmic axes for four sizes of model; dots are runs, lines are the "
           "fitted law. All fall with more tokens; larger models lie lower.")  # fmt: skip

# %% [markdown]
# ### Does it predict?
#
# A law is worth something if it says what it has not seen. Leave the largest size out, fit again, and predict it.
#
# **Before you run**: will the prediction be within 1%, 5% or 20%?

# %%
seen, unseen = [r for r in rungs if r.parameters < max(sizes)], [r for r in rungs if r.parameters == max(sizes)]
smaller = ladder.fit(seen)
for r in unseen:
    guess = smaller.loss(r.parameters, r.tokens)
    print(f"{r.tokens / 1e6:5.2f}M tokens: predicted {guess:.3f}, measured {r.loss:.3f} ({guess / r.loss - 1:+.1%})")

# %% [markdown]
# Within an eighth, and not within a twentieth: too high for the shortest run and too low for the longest. Our shortest
# runs take 244 steps, much of them warm-up, and there the law's form does not hold yet. Hoffmann et al. fitted over 400
# runs, none of them so short.
#
# The course's own model has read far more than any rung, with all the tricks of its recipe. **Before you run**: on the
# same text, will it lie above what the law says, or below?

# %%
from transformers.utils import logging

from course import model

logging.disable_progress_bar()
local = model.load()
layers = sum(p.numel() for p in local.model.model.layers.parameters())
measured = ladder.held_out_loss(local.model, local.tokenizer)
tokens_read = (5000 + 1500 + 800) * 4096  # steps of its three runs, tokens a step (course/shipped/README.md)
print(f"{layers / 1e6:.1f}M parameters in its layers, {tokens_read / 1e6:.0f}M tokens read")
print(f"the law says {law.loss(layers, tokens_read):.2f}, measured {measured:.2f} nats a token")
print(f"as perplexity: {np.exp(measured):.2f}; the ladder's best run {np.exp(min(r.loss for r in rungs)):.2f}")

# %% [markdown]
# One hit proves little: the recipes differ, and fifteen times as many tokens as the longest rung is far. But this is
# why people climb ladders: runs of minutes told about what a long one would bring.
#
# ### The best size for a budget
#
# Hold C fixed and slide N. Too small a model cannot use the text; too large a one has read too little. Between them
# lies a lowest point.

# %%
figure, axes = pyplot.subplots(figsize=(8, 3.8))
budgets = [3e10, 1e11, 1e12, 1e13]
wide = np.geomspace(1e3, 1e8, 200)
for budget, colour in zip(budgets, plots.COLOURS, strict=False):
    axes.plot(wide / 1e6, [law.loss(n, budget / 6 / n) for n in wide], color=colour, label=f"{budget:.0e} operations")
    best_size = law.best_parameters(budget)
    axes.plot(best_size / 1e6, law.loss(best_size, budget / 6 / best_size), "o", color=colour)
axes.set(xscale="log", xlabel="layers' parameters (millions)", ylabel="loss (nats a token)", ylim=(0.8, 7),
         title="Each budget has a best size: neither the smallest nor the largest")  # fmt: skip
axes.legend()
plots.show(figure, alt="Four curves of loss against size, one a budget of operations. Each falls, has a lowest point "
           "marked by a dot, and rises; with a larger budget the point lies lower and at a larger size.")  # fmt: skip

for budget in budgets:
    n = law.best_parameters(budget)
    print(f"{budget:.0e} operations: {n / 1e6:8.3f}M parameters, {budget / 6 / n / 1e6:8.2f}M tokens, "
          f"{budget / 6 / n / n:6.1f} tokens a parameter")  # fmt: skip

# %% [markdown]
# Hoffmann et al. found about 20 tokens a parameter for models from 70 million to 16 billion parameters on web text;
# Kaplan et al. (2020) had found far fewer, in part because their short runs kept a long run's schedule. Our toy world
# has its own ratio. The form carries over; the numbers do not.
#
# ### Cheapest to train, or cheapest to use?
#
# A model is trained once and used often. Each token that it writes costs 2·N operations, so a smaller model that has
# read more may be cheaper in all (Sardana et al. 2024).

# %%
for name, parameters, tokens_read in [("Chinchilla", 70e9, 1.4e12), ("Llama 2 7B", 6.74e9, 2e12),
                                      ("Llama 3.1 8B", 8.03e9, 15e12)]:  # fmt: skip
    print(
        f"{name:14s}{tokens_read / parameters:8.0f} tokens a parameter, {6 * parameters * tokens_read:.1e} operations"
    )

# %% [markdown]
# Llama 3.1 8B has read almost a hundred times what "20 tokens a parameter" asks for. The extra training is paid back by
# every reader who is served by 8 billion parameters and not by 70.

# %% [markdown]
# ## What the law does not say
#
# - **Not which abilities come when.** Loss falls smoothly; an answer is right or wrong. The course's own model looks up
#   nothing in a passage for a million tokens, and then learns to within a few hundred steps.
# - **Not beyond its data.** Text that repeats helps less and less, from about the fourth time on (Muennighoff et al.
#   2023). Better text moves the whole curve.
# - **Not to the digit.** Sixteen small runs, one seed each. Besiroglu et al. (2024) refitted Hoffmann's own numbers and
#   got other ones.
#
# **Try it**
# - Fit the law to the runs of at most a million tokens, and predict those of two million. Which term does worse?
# - `ladder.Rung` takes any numbers: add a run of your own (`make pretrain SIZE=0.3m`) and see whether it lies on the
#   line. It used the trick of `look_back`, which the ladder does without.
# - **For the real world.** With a network, `LlamaConfig.from_pretrained("HuggingFaceTB/SmolLM2-135M")` gives the shapes
#   of a real small model: how many tokens a parameter are its 2,000 billion?

# %% [markdown]
# ## Three questions
#
# **1. You change from float32 to mixed bfloat16 with AdamW. Weights, gradients and optimizer take the same 16 bytes a
# parameter as before. Why do people still do it?**
#
# <details><summary>Answer</summary>
#
# The products run on the chip's fast 16-bit units, activations take half the memory, and less data moves. The float32
# copy stays, because small updates to a bfloat16 weight would round to nothing.
# </details>
#
# **2. A colleague trains a 1B model on 2 billion tokens, because "larger is better". What does the law say?**
#
# <details><summary>Answer</summary>
#
# Two tokens a parameter: the third term, the price of having read little, dominates. For the same operations a model of
# a third of the size would read three times as much and end lower.
# </details>
#
# **3. Why does a phone's chip with a tenth of a GPU's arithmetic write text at a fortieth of its speed?**
#
# <details><summary>Answer</summary>
#
# One reader's next token reads all weights once, and does about one operation a byte. Speed is bandwidth divided by the
# bytes of the weights; a phone's memory is some forty times slower. The arithmetic hardly matters.
# </details>

# %% [markdown]
# ## Where this comes from
#
# - Scaling laws: Kaplan et al., 2020, [arXiv:2001.08361](https://arxiv.org/abs/2001.08361); Hoffmann et al.,
#   *Training Compute-Optimal Large Language Models* (Chinchilla), 2022, [arXiv:2203.15556](https://arxiv.org/abs/2203.15556);
#   the refit: Besiroglu et al., 2024, [arXiv:2404.10102](https://arxiv.org/abs/2404.10102)
# - Use counted in: Sardana et al., *Beyond Chinchilla-Optimal*, 2024, [arXiv:2401.00448](https://arxiv.org/abs/2401.00448)
# - Repeated text: Muennighoff et al., 2023, [arXiv:2305.16264](https://arxiv.org/abs/2305.16264)
# - Mixed precision: Micikevicius et al., 2018, [arXiv:1710.03740](https://arxiv.org/abs/1710.03740)
# - Activations: Korthikanti et al., 2022, [arXiv:2205.05198](https://arxiv.org/abs/2205.05198); checkpointing: Chen et
#   al., 2016, [arXiv:1604.06174](https://arxiv.org/abs/1604.06174)
# - Llama 2 and 3: Touvron et al., 2023, [arXiv:2307.09288](https://arxiv.org/abs/2307.09288); Dubey et al., 2024,
#   [arXiv:2407.21783](https://arxiv.org/abs/2407.21783); Qwen2.5: Qwen Team, 2024,
#   [arXiv:2412.15115](https://arxiv.org/abs/2412.15115)
#
# Next: [many workers](many_workers.ipynb).
