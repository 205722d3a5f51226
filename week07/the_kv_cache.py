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
# # The KV cache: remember, don't read again
#
# Week 7, lesson 3 · 45 to 60 minutes · runs in about a quarter of a minute
#
# **You will be able to**
# - say what a model may keep from one token to the next, why that is exact, and why an encoder may not;
# - measure the two halves of every answer, prefill and decode, and explain why they are so unlike;
# - compute the cache of any published model in your head, and say how many readers a card can hold;
# - show with a roofline why writing text is bound by memory, and which of the remedies touch which part;
# - cut, share and round a cache, and measure what each costs.
#
# **You need first**: week 1, lesson 2 (queries, keys, values, the causal mask); week 3, lesson 3 (operations and
# bytes). The first two lessons of this week help with section 9.

# %%
import copy
import time
from random import Random

import torch
import torch.nn.functional as F
from matplotlib import pyplot
from torch import nn
from transformers import DynamicCache, StaticCache
from transformers.utils import logging

from course import cache_explorer, cache_shapes, cards, corpus, encoder, exam, model, peak_memory, plots

torch.manual_seed(0)
torch.set_num_threads(1)
torch.set_grad_enabled(False)

logging.disable_progress_bar()
ours = model.load()  # or model.load("HuggingFaceTB/SmolLM2-135M-Instruct"), where you have a network
net, tokenizer = ours.model, ours.tokenizer
config = net.config


def ids_of(text: str) -> torch.Tensor:
    """The text's tokens as a batch of one row."""
    return tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids


def seconds(work, times: int = 5) -> float:
    """The fastest of some runs."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


# %% [markdown]
# ## 1. The question: why does it pause, and then run?
#
# You send a long message to a chatbot. Nothing happens for a moment. Then words come, one after another, at an even
# pace. The pause grows with your message. The pace hardly changes.
#
# A language model gives the next token for a text. To write n tokens you could run it n times, on a text that is one
# token longer each time. How many tokens would go through the model?
#
# **Before you run**: a prompt of 100 tokens, an answer of 100. How many tokens go through the model in all, if each
# run reads everything from the start? How many if each token goes through once?

# %%
prompt, answer = 100, 100
again = sum(prompt + i for i in range(answer))
once = prompt + answer - 1
print(f"reading everything again: {again:,} tokens · each token once: {once} · {again / once:.0f} times as much")

# %% [markdown]
# Seventy-five times the work, and the factor grows with the text. (The last token that is written need not be read:
# hence the minus one.)
#
# To read each token once, something must be kept of the tokens before. What, exactly?

# %% [markdown]
# ## 2. By hand: three tokens, then a fourth
#
# Take one head of attention with vectors of two numbers. Three tokens have made their queries, keys and values.

# %%
queries = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
keys = [[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]
values = [[10.0, 0.0], [0.0, 10.0], [5.0, 5.0]]


def look(query: list[float], keys: list[list[float]], values: list[list[float]]) -> list[float]:
    """What one query receives from the keys and values that it may see."""
    weights = F.softmax(torch.tensor(keys) @ torch.tensor(query) / 2**0.5, dim=0)
    return [round(number, 3) for number in (weights @ torch.tensor(values)).tolist()]


for i in range(3):  # the causal mask: token i sees keys 0 to i
    print(f"token {i} receives", look(queries[i], keys[: i + 1], values[: i + 1]))

# %% [markdown]
# Now a fourth token arrives, with its own query, key and value.
#
# **Before you run**: which of the three lines above will change?

# %%
queries.append([2.0, 0.0])
keys.append([3.0, 0.0])
values.append([20.0, 0.0])
for i in range(4):
    print(f"token {i} receives", look(queries[i], keys[: i + 1], values[: i + 1]))

# %% [markdown]
# None. Token 2 may not look at token 3, so nothing that token 2 computes can depend on it. Not in this layer, and so
# not in the next. **Under a causal mask the past is finished.**
#
# The new token's line used four things: its own query, and the *keys and values* of all tokens so far. The queries of
# the past were not touched. They asked their question once, and nobody will ask it again.
#
# So keep keys and values, for each layer and each head: this is the **KV cache**.
#
# **Try it**: change `queries[1]` and run the cell again. Which lines change? Then change `keys[1]`.

# %% [markdown]
# ## 3. Is the past finished in a real model?
#
# Two real networks. The course's model is a decoder: it has the mask. MiniLM, from week 1, is an encoder: every token
# looks at every other. For both, take a text, add a word, and compare the states of the old tokens after each layer.
#
# **Before you run**: in which of the two do old tokens keep their states? In which layer would a difference begin?

# %%
text, longer = "The bank by the river", "The bank by the river closed"
short_ids, long_ids = ids_of(text), ids_of(longer)
old = short_ids.shape[1]
before = net(short_ids, output_hidden_states=True).hidden_states
after = net(long_ids, output_hidden_states=True).hidden_states
decoder = [
    (b[0] - a[0, :old]).norm(dim=-1).mean() / b[0].norm(dim=-1).mean() for b, a in zip(before, after, strict=True)
]

minilm = encoder.load()
b, a = minilm.hidden_states(text)[:, :-1], minilm.hidden_states(longer)  # [SEP] ends the text: leave it out
encoders = (b - a[:, : b.shape[1]]).norm(dim=-1).mean(-1) / b.norm(dim=-1).mean(-1)
print("change of old tokens' states, layer by layer")
print("decoder (the course's model):", [f"{float(d):.0%}" for d in decoder])
print("encoder (MiniLM):            ", [f"{float(d):.0%}" for d in encoders])

# %% [markdown]
# In the decoder nothing moves. In the encoder the first entry (the embeddings, before any layer) is the same, and from
# the first layer on every old token has changed: each must be computed again. A cache is exact only under a causal
# mask. That is one reason why models that write text are decoders.

# %% [markdown]
# ## 4. The real thing: transformers' cache
#
# `net(ids, use_cache=True)` returns `past_key_values`, a `DynamicCache`. Give it back with the next token alone.
#
# **Before you run**: the course's model has the shape printed first. What is the shape of one layer's keys after a
# prompt of 12 tokens?

# %%
layers, kv_heads, head_size = config.num_hidden_layers, config.num_key_value_heads, config.head_dim
print(
    f"{layers} layers; heads of queries {config.num_attention_heads}, of keys and values {kv_heads}; size {head_size}"
)
prompt_ids = ids_of("In the morning Mara went to the market and bought a kite for her brother.")[:, :12]
result = net(prompt_ids, use_cache=True)
cache = result.past_key_values
print(type(cache).__name__, "of", len(cache.layers), "layers; keys of the first:", tuple(cache.layers[0].keys.shape))

# %% [markdown]
# (texts, heads of keys and values, tokens, head size). Now write 24 tokens in both ways, and compare the logits, not
# only the words.

# %%
plain_ids, cached_ids, furthest = prompt_ids, prompt_ids, 0.0
cached_logits = result.logits[:, -1]
for _ in range(24):
    plain_logits = net(plain_ids, use_cache=False).logits[:, -1]
    furthest = max(furthest, (plain_logits - cached_logits).abs().max().item())
    plain_ids = torch.cat([plain_ids, plain_logits.argmax(-1, keepdim=True)], dim=1)
    chosen = cached_logits.argmax(-1, keepdim=True)
    cached_ids = torch.cat([cached_ids, chosen], dim=1)
    cached_logits = net(chosen, past_key_values=cache, use_cache=True).logits[:, -1]  # one token goes in
print(tokenizer.decode(cached_ids[0]))
print("same text:", torch.equal(plain_ids, cached_ids), "· logits differ by less than 1e-3:", furthest < 1e-3)
print("tokens in the cache:", cache.get_seq_length())

# %% [markdown]
# The same text. The logits differ in their last digits, because a product of one row and a product of many rows add
# their terms in another order. When two tokens are nearly equally likely, that can choose the other one. Exact in
# mathematics is not bit for bit in floating point.
#
# ### What can go wrong: the position
#
# One token goes in. How does the model know that it is the 13th? From the length of the cache. A cache that
# miscounts, or code that sends positions of its own, gives no error. It gives a model that believes it stands
# elsewhere.
#
# **Before you run**: below, every new token is told that it stands at position 0, as in a loop that forgot to count.
# Will there be an error? What will be written?

# %%
question = exam.passage(Random(exam.EXAM_SEED))
print(question.prompt + question.answer)


def write(prompt: str, n: int, position=lambda past: past) -> str:
    """n tokens, greedily, with the cache; `position` gives the new token's place from the cache's length."""
    result = net(ids_of(prompt), use_cache=True)
    written = []
    for _ in range(n):
        chosen = result.logits[:, -1].argmax(-1, keepdim=True)
        written.append(chosen.item())
        past = result.past_key_values.get_seq_length()
        result = net(chosen, past_key_values=result.past_key_values, position_ids=torch.tensor([[position(past)]]))
    return tokenizer.decode(written)


story = "Story: Mara and the kite\nIt was a sunny Monday and Mara was in the"
print("counted:  ", repr(write(story, 24)))
print("always 0: ", repr(write(story, 24, lambda past: 0)))
print("one ahead:", repr(write(story, 24, lambda past: past + 1)))

# %% [markdown]
# No error in any of the three. "Always 0" loses the thread. "One ahead" reads as well as the right one, or nearly so:
# only distances matter to RoPE, and they are off by one. That is what makes it a dangerous mistake: you find it by
# comparing logits, as above, and not by reading the text.

# %% [markdown]
# ## 5. Prefill and decode, measured apart
#
# The first run reads the whole prompt at once: **prefill**. All later runs read one token: **decode**.
#
# **Before you run**: reading 480 tokens at once, against reading one token with 480 in the cache. Which is faster *a
# token*, and by what factor? (Take a guess between 1 and 100.)

# %%
# NBVAL_IGNORE_OUTPUT
# Times belong to the machine.
real = [text for i, text in enumerate(corpus.real_text()) if corpus.is_held_out_text(i)]
long_text = ids_of("\n".join(real[:6]))[:, : config.max_position_embeddings]
lengths = [16, 64, 128, 256, 480]
prefill, decode = [], []
for n in lengths:
    prefill.append(seconds(lambda n=n: net(long_text[:, :n], use_cache=True), times=4))
    filled = net(long_text[:, :n], use_cache=True).past_key_values
    decode.append(seconds(lambda n=n, filled=filled: net(long_text[:, n : n + 1], past_key_values=filled), times=8))
for n, whole, one in zip(lengths, prefill, decode, strict=True):
    print(f"{n:4d} tokens: prefill {whole * 1e3:5.1f} ms = {n / whole:6,.0f} tokens/s · "
          f"decode {one * 1e3:4.1f} ms = {1 / one:4,.0f} tokens/s")  # fmt: skip
print(f"a token of prefill is {decode[-1] / (prefill[-1] / 480):.0f} times as fast as a token of decode")

# %% [markdown]
# Same model, same weights, the same operations for each token. Read together, tokens are many times cheaper than one
# by one. Section 8 says why.
#
# The first of the two is what you wait for at the start (**time to first token**), the second is the pace afterwards
# (**time per output token**). Serving systems report both, since they are bound by different things.

# %%
# NBVAL_IGNORE_OUTPUT
# The curves are measured on the machine.
figure, axes = pyplot.subplots(figsize=(8, 3.6))
axes.plot(lengths, [1e3 * t for t in prefill], "o-", color=plots.ORANGE, label="without a cache: read all again")
axes.plot(lengths, [1e3 * t for t in decode], "s-", color=plots.BLUE, label="with the cache: read one token")
axes.set(xlabel="tokens so far", ylabel="time for the next token (ms)", ylim=(0, None))
axes.set_title("With a cache, the next token costs nearly the same at any length")
axes.legend()
plots.show(figure, alt="Milliseconds for the next token against tokens so far. Without a cache the line rises steeply; "
           "with the cache it is nearly flat and far below.")  # fmt: skip

# %% [markdown]
# Nearly flat, not flat: the new query is compared with every key, so decode does grow with the length. In a model this
# small you hardly see it. In section 8 you will.

# %% [markdown]
# ## 6. What it costs: memory
#
# For each token: one key and one value, in each layer, for each head that has its own, `head_size` numbers each.
#
# $$\text{bytes} = 2 \cdot \text{layers} \cdot \text{kv heads} \cdot \text{head size} \cdot \text{bytes a number}
# \cdot \text{tokens} \cdot \text{texts}$$
#
# **Before you run**: how many bytes a token for the course's model, in float32? Use the shape printed in section 4.

# %%
a_token = 2 * layers * kv_heads * head_size * 4
filled = net(long_text[:, :480], use_cache=True).past_key_values
measured = sum(layer.keys.nbytes + layer.values.nbytes for layer in filled.layers)
weights = sum(p.nbytes for p in net.parameters())
print(f"computed: {a_token:,} bytes a token, {480 * a_token:,} for 480 tokens")
print(f"measured: {measured:,} bytes · the weights have {weights:,}")
print(f"the cache weighs as much as the model at {weights / a_token:,.0f} tokens")

# %% [markdown]
# ### A cache that grows must move
#
# `DynamicCache` appends by making a larger tensor and copying the old one into it. PyTorch's own count of its
# allocations shows what that takes.
#
# **Before you run**: a cache holds 480 tokens of one layer; one token is added. How many bytes are newly allocated?

# %%
grown, reserved = DynamicCache(), StaticCache(config=config, max_cache_len=512)
past = torch.randn(1, kv_heads, 480, head_size)
new = torch.randn(1, kv_heads, 1, head_size)
for one in (grown, reserved):
    one.update(past, past, 0)
one_layer = 2 * past.nbytes
for name, one in (("DynamicCache", grown), ("StaticCache", reserved)):
    peak = peak_memory.peak_bytes(lambda one=one: one.update(new, new, 0))
    print(f"{name}: one layer holds {one_layer:,} bytes, one more token allocates {peak:,}")

# %% [markdown]
# The whole layer again, for one token. Copying is cheap beside the rest of the work, but the old and the new copy
# stand side by side for a moment. A `StaticCache` reserves the longest text at the start and writes in place. Then
# short texts waste what they reserve. Servers cut the memory into **pages** and have neither trouble: that is lesson 6
# of this week.

# %% [markdown]
# ## 7. Fewer keys: sharing heads, and looking less far
#
# ### Multi-query and grouped-query attention
#
# The formula has four factors that an architect can change. The first to go was the number of heads. Shazeer (2019):
# let all heads of queries share *one* head of keys and values (**MQA**). Ainslie et al. (2023): let groups share
# (**GQA**), between the two.

# %%
figure, panels = pyplot.subplots(1, 3, figsize=(10, 2.7))
for panel, (name, groups) in zip(panels, {"multi-head": 8, "grouped-query": 2, "multi-query": 1}.items(), strict=True):
    for head in range(8):
        group = head * groups // 8
        place = (group + 0.5) * 8 / groups - 0.5
        panel.plot([head, place], [1, 0], color=plots.COLOURS[group % 6], lw=1.4)
        panel.plot(head, 1, "o", ms=12, color=plots.COLOURS[group % 6])
        panel.plot(place, 0, "s", ms=14, color=plots.COLOURS[group % 6])
    panel.set(yticks=[0, 1], ylim=(-0.4, 1.4), xlim=(-0.9, 7.9), xticks=[])
    panel.set_yticklabels(["keys, values", "queries"] if groups == 8 else ["", ""])
    panel.tick_params(length=0)
    panel.grid(False)
    panel.spines[:].set_visible(False)
    panel.set_title(f"{name}: {groups} kept", fontsize=11)
figure.suptitle(
    "Eight heads of queries; the squares are what the cache keeps", x=0.01, ha="left", weight="bold", size=12
)
plots.show(figure, alt="Three drawings of eight heads of queries above and heads of keys and values below: eight below "
           "in multi-head, two in grouped-query, each for four queries, one in multi-query.")  # fmt: skip

# %% [markdown]
# Head h of the queries reads head ⌊h · kv heads / heads⌋ of the keys. **By hand**: the course's model has 4 heads of
# queries and 2 of keys. Which queries share? (0 and 1 the first, 2 and 3 the second.)
#
# Can you cut heads from a model that is trained? Ainslie et al. start so: each group gets the *mean* of its heads'
# matrices. Let us do it to the course's model, from 2 heads of keys and values to 1, and ask it questions about short
# passages.
#
# **Before you run**: it answers most of them as it is. After the merge: nearly as many, half, or hardly any?

# %%
rng = Random(exam.EXAM_SEED)
questions = [exam.passage(rng) for _ in range(60)]


def right(network, asked=questions) -> float:
    """The share of the questions that the network would answer to the letter."""
    return sum(exam.mark(network, tokenizer, asked)) / len(asked)


merged = copy.deepcopy(net)
for layer in merged.model.layers:
    for matrix in (layer.self_attn.k_proj.weight, layer.self_attn.v_proj.weight):
        heads = matrix.view(kv_heads, head_size, -1)
        heads.copy_(heads.mean(0, keepdim=True).expand_as(heads))  # all heads alike: one would do
blind = [exam.Question(q.prompt[q.prompt.index("Question:") :], q.answer) for q in questions]
print(f"as trained: {right(net):.0%} · one merged head of keys and values: {right(merged):.0%} · "
      f"as trained, the passage left away: {right(net, blind):.0%}")  # fmt: skip

# %% [markdown]
# Most of it is lost. (The last number is what can be guessed without reading.) The heads had learnt different things,
# and their mean is neither. That is why Ainslie et al. go on training after the merge, for 5% of the original steps;
# after that the quality is nearly that of the model with all its heads. A smaller cache must be trained for. It can't
# be had by arithmetic.
#
# ### A sliding window
#
# The other factor is the number of tokens. Let each token look at the last w only: older keys and values can be thrown
# away, and the cache stops growing (Beltagy et al. 2020; Mistral 7B in every layer, with w = 4,096; Gemma 2 in every
# second).
#
# By hand: w = 3, token 5 sees tokens 3, 4 and 5. Token 3 has itself seen 1, so a second layer reaches back to 1. With
# L layers, what a token *can* know reaches back L · (w − 1) tokens.


# %%
def window(tokens: int, w: int) -> torch.Tensor:
    """Who may see whom: (1, 1, tokens, tokens), True where row looks at column."""
    distance = torch.arange(tokens)[:, None] - torch.arange(tokens)
    return ((distance >= 0) & (distance < w))[None, None]


one_layer = window(10, 3)[0, 0].int()
reach = one_layer
figure, panels = pyplot.subplots(1, 3, figsize=(9.5, 3.1))
for panel, depth in zip(panels, (1, 2, 4), strict=True):
    reach = torch.linalg.matrix_power(one_layer.float(), depth) > 0
    plots.heatmap(panel, reach, [str(i) for i in range(10)], [str(i) for i in range(10)], limit=1)
    panel.set(xlabel="token reached")
    panel.set_title(f"after {depth} layer{'s' * (depth > 1)}: {int(reach[9].sum())} tokens", fontsize=11)
panels[0].set_ylabel("token that looks")
figure.suptitle("A window of 3: each layer reaches 2 tokens further", x=0.01, ha="left", weight="bold", size=12)
plots.show(figure, alt="Three tables of 10 by 10 tokens. With a window of 3, the band of tokens reached is 3 wide "
           "after one layer, 5 after two and 9 after four.")  # fmt: skip

# %% [markdown]
# What does a window cost in quality? Two measures, on the course's model, which was trained *without* one. First, the
# perplexity on held-out paragraphs of plays and documentation. Second, questions whose answer stands somewhere in a
# passage of up to 100 tokens.
#
# **Before you run**: with a window of 16 tokens, by how many percent does the perplexity rise? And how many of the
# questions are still answered?

# %%
rows = ids_of("\n".join(real[:40]))[0][: 8 * 256].view(8, 256)
asked = [(ids_of(q.prompt), ids_of(q.answer)) for q in questions]
together = nn.utils.rnn.pad_sequence([torch.cat(pair, dim=1)[0] for pair in asked], batch_first=True)


def perplexity(w: int) -> float:
    """exp of the mean loss on held-out text, each token seeing w tokens."""
    logits = net(rows, attention_mask=window(256, w).expand(len(rows), 1, -1, -1)).logits
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), rows[:, 1:].flatten()).exp().item()


def wrote(chosen: torch.Tensor, pair: tuple[torch.Tensor, torch.Tensor]) -> bool:
    """Whether the likeliest tokens `chosen`, place by place, write the answer of (prompt, answer)."""
    start, answer_ids = pair[0].shape[1] - 1, pair[1][0]
    return torch.equal(chosen[start : start + len(answer_ids)], answer_ids)


def answered(w: int) -> float:
    """The share of questions answered to the letter, each token seeing w tokens."""
    mask = window(together.shape[1], w).expand(len(together), 1, -1, -1)
    chosen = net(together, attention_mask=mask).logits.argmax(-1)
    return sum(wrote(row, pair) for row, pair in zip(chosen, asked, strict=True)) / len(asked)


windows = [4, 16, 32, 64, 256]
surprise, known = [perplexity(w) for w in windows], [answered(w) for w in windows]
for w, p, share in zip(windows, surprise, known, strict=True):
    print(f"window {w:3d}: perplexity {round(100 * (p / surprise[-1] - 1)):+3d}% · questions answered {share:4.0%}")

# %%
figure, (left, right_panel) = pyplot.subplots(1, 2, figsize=(9.5, 3.2))
left.plot(windows, [100 * (p / surprise[-1] - 1) for p in surprise], "o-", color=plots.BLUE)
left.set(xscale="log", xlabel="window (tokens)", ylabel="perplexity, more (%)", ylim=(-5, 50))
left.set_title("Perplexity hardly notices", fontsize=11)
right_panel.plot(windows, [100 * share for share in known], "o-", color=plots.ORANGE)
right_panel.set(xscale="log", xlabel="window (tokens)", ylabel="questions answered (%)", ylim=(0, 100))
right_panel.set_title("Questions about the text do", fontsize=11)
for panel in (left, right_panel):
    panel.set_xticks(windows, windows)
    panel.minorticks_off()
plots.show(figure, alt="Left: rise of perplexity in percent against the window, near zero from 16 tokens on. Right: "
           "share of questions answered, which falls to zero as the window shrinks.")  # fmt: skip

# %% [markdown]
# Two measures, two verdicts. Most next tokens can be guessed from a few words before them, so perplexity, a mean over
# all tokens, does not notice that the far past is gone. A question needs *one* fact, and it is where it is. Judge a
# change of the cache by a task that needs the cache.
#
# Models with windows are trained with them, and nearly all of the newer ones keep some layers without: these pass the
# far facts on. In long-running chats it also matters *which* tokens go. Throwing out the very first ones breaks many
# models, since their heads rest on them (the attention sinks of week 1, Xiao et al. 2023): keep four, and the window
# works.

# %% [markdown]
# ### Published models
#
# **Before you run**: Llama 2 7B and Llama 3.1 8B are of nearly one size. Which has the larger cache, and by what
# factor? Guess the heads.

# %%
tokens = 8192
print(f"{'':16s}layers  heads  KV heads  head size   window        bytes a token   {tokens:,} tokens")
for one in (*cache_shapes.SHAPES, cache_shapes.shape_of(net, "the course's own")):
    see = f"{one.window:,} in {one.windowed}" if one.windowed else "none"
    kept = cache_explorer.size(one.cache_bytes(tokens)) if one.context >= tokens else "too long"
    kv = f"latent {one.latent}" if one.latent else f"{one.kv_heads}"
    print(f"{one.name:16s}{one.layers:6d}{one.heads:7d}{kv:>12s}{one.head_size:9d}   {see:14s}"
          f"{one.cache_bytes(1):11,.0f}   {kept:>9s}")  # fmt: skip

# %% [markdown]
# All for 16-bit numbers and one text; the sources:

# %%
for one in cache_shapes.SHAPES:
    print(f"{one.name:15s} {one.source}")

# %% [markdown]
# Read it as a history. Four times fewer bytes from Llama 2 7B to Llama 3.1 8B: 8 heads in place of 32. Falcon 7B went
# down to 1. Gemma 3 gives five layers of six a short window, gpt-oss every second one. DeepSeek-V3 keeps neither keys
# nor values but 576 numbers from which all heads' keys and values are computed (multi-head latent attention): with its
# 671 billion weights it has a smaller cache than Llama 3.1 8B.
#
# ### The calculator
#
# Choose a model and drag. Every field of its shape can be changed. Find:
#
# 1. how long a text must be until one text's cache outweighs the weights of Llama 3.1 8B;
# 2. how many chats of 8,192 tokens an RTX 4090 holds with Llama 3.1 8B in 16 bits, and with weights in 4 bits;
# 3. what happens to the same model if it had 32 heads of keys and values, as Llama 2 7B has;
# 4. Gemma 3 27B at 131,072 tokens, and again with *Layers with a window* set to 0.

# %%
cache_explorer.explore()

# %% [markdown]
# <details><summary>What you should have found</summary>
#
# 1. Between 65,536 and 131,072 tokens. 2. Seven, and with 4-bit weights eighteen: the weights give way to readers.
# 3. The cache is four times as large, and the RTX 4090 holds one chat. 4. About 11 GB and 67 GB a text.
#
# </details>

# %%
llama, card = cache_shapes.shape("Llama 3.1 8B"), cards.card("NVIDIA RTX 4090")
gemma = cache_shapes.shape("Gemma 3 27B")
for bits in (16, 4):
    fits = cache_explorer.texts_that_fit(llama, card.memory * 1e9, 8192, 16, bits)
    print(f"{card.name}, weights in {bits} bits: {fits} texts of 8,192 tokens")
print(f"Llama 3.1 8B: cache and weights balance at {llama.weight_bytes() / llama.cache_bytes(1):,.0f} tokens")
print(f"Gemma 3 27B at 131,072 tokens: {gemma.cache_bytes(131_072) / 1e9:.0f} GB, without windows "
      f"{gemma.cache_bytes(1) * 131_072 / 1e9:.0f} GB")  # fmt: skip

# %% [markdown]
# ## 8. Why decode is bound by memory: a roofline by hand
#
# A machine can do two things: multiply, at most P operations a second, and fetch, at most W bytes a second. Work that
# does I operations for each byte that it fetches runs at
#
# $$\min(P,\; I \cdot W)$$
#
# operations a second at most (Williams et al. 2009). Where I is below P / W, the multipliers wait. Measure both numbers
# here, on one core, in float32: P with a product of large matrices, W by adding up a large tensor once.
#
# **Before you run**: decode multiplies each weight (4 bytes) with one number and adds: 2 operations. What is I? In
# prefill of 512 tokens, what is I?

# %%
# NBVAL_IGNORE_OUTPUT
# Speeds belong to the machine.
a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
peak_speed = 2 * 1024**3 / seconds(lambda: a @ b)
large = torch.randn(64 * 2**20)  # 268 MB: more than a core's own caches
bandwidth = large.nbytes / seconds(lambda: large.sum())
ridge = peak_speed / bandwidth
print(f"P = {peak_speed / 1e9:.0f} GFLOP/s, W = {bandwidth / 1e9:.0f} GB/s, P / W = {ridge:.0f} operations a byte")
print("decode: I = 2 / 4 = 0.5 · prefill of 512 tokens: I = 2 * 512 / 4 = 256")

# %% [markdown]
# Decode lies far below the balance, prefill far above. Now see it happen. Take one matrix in the size of Llama 3.1 8B
# (the MLP's, 14,336 × 4,096), and B tokens at once. B may be the tokens of one prompt, or the newest tokens of B
# different texts: for the weights it is the same.
#
# **Before you run**: does a product with 8 columns take 8 times as long as one with 1 column?

# %%
# NBVAL_IGNORE_OUTPUT
# Times belong to the machine.
matrix = torch.randn(14_336, 4096)
batches = [1, 2, 4, 8, 16, 32, 64, 128]
took = []
for B in batches:
    columns = torch.randn(4096, B)
    took.append(seconds(lambda columns=columns: matrix @ columns, times=2))
print("tokens at once: " + "".join(f"{B:8d}" for B in batches))
print("ms in all:      " + "".join(f"{1e3 * t:8.0f}" for t in took))
print("ms a token:     " + "".join(f"{1e3 * t / B:8.1f}" for t, B in zip(took, batches, strict=True)))

# %%
# NBVAL_IGNORE_OUTPUT
# The points are measured on the machine.
intensity = [2 * B / 4 for B in batches]
reached = [2 * matrix.numel() * B / t / 1e9 for B, t in zip(batches, took, strict=True)]
figure, axes = pyplot.subplots(figsize=(8, 3.8))
wide = torch.logspace(-1, 2.6, 100)
axes.plot(
    wide,
    torch.minimum(wide * bandwidth, torch.tensor(peak_speed)) / 1e9,
    color=plots.INK,
    label="the roof: min(P, I · W)",
)
axes.plot(intensity, reached, "o", color=plots.ORANGE, ms=8, label="measured, 1 to 128 tokens at once")
axes.axvline(ridge, color=plots.MUTED, ls=":")
beside = {"textcoords": "offset points", "xytext": (-10, 8), "ha": "right"}
axes.annotate("one text", (intensity[0], reached[0]), **beside)
axes.set(xscale="log", yscale="log", xlabel="operations a byte of weights", ylabel="GFLOP/s")
axes.set_title("One token at a time leaves most of the arithmetic idle")
axes.legend(loc="lower right")
plots.show(figure, alt="A roofline: the attainable speed rises with the operations a byte and then is flat. Measured "
           "points for 1 to 128 tokens at once climb along the slope towards the flat roof.")  # fmt: skip

# %% [markdown]
# Up to some number of tokens, more of them cost hardly any more time: the matrix has to be fetched anyway. That is why
# prefill is cheap, why servers put many texts into one batch, and (two lessons on) why checking several guessed tokens
# at once costs little more than writing one.
#
# Points above the roof are no miracle: the roof's slope is the speed of adding up a large tensor, and part of this
# matrix stays in the processor's cache between runs. Points below it have what every real kernel has: overhead.
#
# ### The cache is not shared
#
# A batch shares the weights. It does not share the caches: each text has its own keys and values, and each new token
# reads all of its own. Take one layer's attention with 8 heads of keys and values, 128 numbers each, 2,048 tokens a
# text.
#
# **Before you run**: 8 texts in place of 1. What happens to the time a token now?

# %%
# NBVAL_IGNORE_OUTPUT
# Times belong to the machine.
texts, attention = [1, 2, 4, 8], []
for B in texts:
    k, v = torch.randn(B, 8, 2048, 128), torch.randn(B, 8, 2048, 128)
    q = torch.randn(B, 8, 1, 128)
    attention.append(seconds(lambda q=q, k=k, v=v: F.scaled_dot_product_attention(q, k, v), times=4))
print("texts at once:     " + "".join(f"{B:8d}" for B in texts))
print("ms a token, cache: " + "".join(f"{1e3 * t / B:8.2f}" for t, B in zip(attention, texts, strict=True)))
print("ms a token, matrix:" + "".join(f"{1e3 * t / B:8.2f}" for t, B in zip(took, texts, strict=False)))

# %% [markdown]
# The matrix gets cheaper a token, the cache does not. For each number of a key there are 2 operations a query, and one
# query. A larger batch does not help. Two things do: **fewer bytes** (fewer heads, fewer tokens, fewer bits), and
# **more queries a key**. The second is what grouped queries give besides: 4 heads of queries read one head of keys, so
# I is 4 times as large.
#
# ### On a real card, on paper
#
# One step of decode reads all weights once and every text's cache once. So a step takes at least
# (weights + caches) / W. Prefill does 2 operations a weight and token, so at least 2 · N · tokens / P.
#
# **Before you run**: Llama 3.1 8B on an H100, 16 bits. At most how many tokens a second for one reader with an empty
# cache?

# %%
h100 = cards.card("NVIDIA H100 SXM")
print(f"prefill of 8,192 tokens: {2 * llama.parameters * 1e9 * 8192 / (h100.peak * 1e12):.2f} s at least")
print("texts of 8,192 tokens   weights GB   caches GB   ms a step   tokens a second in all   for each")
for B in (1, 4, 16, 59):
    read = llama.weight_bytes() + llama.cache_bytes(8192, B)
    step = read / (h100.bandwidth * 1e9)
    print(f"{B:21d}{llama.weight_bytes() / 1e9:13.1f}{llama.cache_bytes(8192, B) / 1e9:12.1f}{1e3 * step:12.1f}"
          f"{B / step:25,.0f}{1 / step:11.0f}")  # fmt: skip

# %% [markdown]
# Bounds, not predictions: real servers reach a part of them. They show the trade. 59 texts (all that fit) give many
# more tokens a second in all than one, and each reader gets a fifth of the pace. Most of what is fetched is then
# caches, not weights.
#
# And the course's model?

# %%
# NBVAL_IGNORE_OUTPUT
# Speeds belong to the machine.
fetched = weights / bandwidth
print(f"weights {weights / 1e6:.0f} MB, fetched in {1e3 * fetched:.1f} ms; a step took {1e3 * decode[0]:.1f} ms")

# %% [markdown]
# A step takes longer than the fetching: what is left is Python and the start of some hundred small kernels. Small
# models are bound by *overhead*, a third regime, which no roofline shows.

# %% [markdown]
# ## 9. What you can do with a cache
#
# ### Cut it
#
# A cache is a list of tokens. Cutting its end takes tokens back, as if they had never been read. Speculative decoding
# does so with guesses that turn out wrong.
#
# **Before you run**: read a prompt, then a wrong word, cut one token, and go on. Is the result that of a model that
# never saw the word?

# %%
base = ids_of(story)
clean = net(base[:, -1:], past_key_values=net(base[:, :-1], use_cache=True).past_key_values).logits[0, -1]
cache = net(base[:, :-1], use_cache=True).past_key_values
net(ids_of(" cheese")[:, :1], past_key_values=cache)
print("tokens with the wrong word:", cache.get_seq_length())
cache.crop(-1)  # take one token back
undone = net(base[:, -1:], past_key_values=cache).logits[0, -1]
print("cut and continued: same logits", torch.allclose(clean, undone, atol=1e-4))

# %% [markdown]
# ### Share it
#
# Many requests begin alike: the same instructions, the same document. Read that part once, and let each request go on
# from a copy. Providers call it **prompt caching**, and charge less for such tokens. (Week 2 promised this.)
#
# **Before you run**: a passage of about 400 tokens, and questions of about 10. By what factor does the wait for the
# first token shrink?

# %%
# NBVAL_IGNORE_OUTPUT
# Times belong to the machine.
document = long_text[:, :400]
followups = [ids_of(f"\nQuestion: Where is {name}?\nAnswer:") for name in ("Mara", "the boat", "Tom")]
shared = net(document, use_cache=True).past_key_values


def first_token(tail: torch.Tensor) -> torch.Tensor:
    """Logits after document and tail, reading the tail alone."""
    return net(tail, past_key_values=copy.deepcopy(shared)).logits[0, -1]


for tail in followups:
    whole = torch.cat([document, tail], dim=1)
    slow = seconds(lambda whole=whole: net(whole, use_cache=True), times=3)
    fast = seconds(lambda tail=tail: first_token(tail), times=3)
    same = torch.allclose(net(whole).logits[0, -1], first_token(tail), atol=1e-3)
    print(f"{tail.shape[1]:2d} new tokens: {1e3 * slow:5.1f} ms from the start, {1e3 * fast:4.1f} ms from the copy, "
          f"same: {same}")  # fmt: skip

# %% [markdown]
# It works for a common *beginning* only. A document in the middle has other tokens before it, so its keys and values
# are other ones. Put what stays the same first. (Without the copy, the first question would stay in the cache of the
# second. That leak between two readers is a real kind of mistake.)
#
# ### Round it
#
# The last factor is bytes a number. The numbers of a cache can be stored in 8, 4 or 2 bits, as weights are in lessons
# 1 and 2. Weights you round once, at leisure. A cache must be rounded as it is written.
#
# Which numbers should share a scale? All numbers of one *token*, or the numbers at one *place* of the head over all
# tokens? Liu et al. (2024, KIVI) looked into large models and found that some places of a key are large for every
# token, while values show no such pattern. So they round keys by place and values by token. Is it so here? The mean
# size at each place, over 256 tokens of real text:

# %%
filled = net(rows[:1], use_cache=True).past_key_values
last = filled.layers[-1]
figure, panels = pyplot.subplots(1, 2, figsize=(9.5, 2.9))
uneven = {}
for panel, (name, stored) in zip(panels, (("keys", last.keys), ("values", last.values)), strict=True):
    sizes = stored[0].abs().mean(1).flatten()
    uneven[name] = (sizes.max() / sizes.median()).item()
    panel.bar(range(len(sizes)), sizes, color=plots.BLUE if name == "keys" else plots.ORANGE, width=1.0)
    panel.set(xlabel=f"place ({kv_heads} heads · {head_size})")
    panel.set_title(f"{name}: the largest is {uneven[name]:.1f} times the median", fontsize=11)
panels[0].set_ylabel("mean size")
figure.suptitle("Some places of the last layer's cache are always larger", x=0.01, ha="left", weight="bold", size=12)
plots.show(figure, alt=f"Mean absolute size at each place of the keys and values in the last layer. The largest "
           f"of the keys is {uneven['keys']:.1f} times the median, of the values {uneven['values']:.1f}.")  # fmt: skip

# %% [markdown]
# A cache that rounds what it is given, by PyTorch's own operator for rounded numbers:


# %%
def rounded(x: torch.Tensor, bits: int, by: str) -> torch.Tensor:
    """x (texts, heads, tokens, head size) as it comes back from `bits` bits, a scale for each token or place."""
    table = x.transpose(2, 3) if by == "place" else x
    flat = table.reshape(-1, table.shape[-1])
    most = 2 ** (bits - 1) - 1
    scale = flat.abs().amax(1).clamp(min=1e-9) / most
    zero = torch.zeros(len(flat), dtype=torch.int32)
    flat = torch.fake_quantize_per_channel_affine(flat, scale, zero, 0, -most, most).view_as(table)
    return flat.transpose(2, 3) if by == "place" else flat


class RoundedCache(DynamicCache):
    """transformers' cache with rounded contents."""

    def __init__(self, bits: int, keys_by: str):
        super().__init__()
        self.bits, self.keys_by = bits, keys_by

    def update(self, keys, values, layer, *rest, **named):
        return super().update(rounded(keys, self.bits, self.keys_by), rounded(values, self.bits, "token"), layer)


# %% [markdown]
# **Before you run**: which way loses less, for keys and for values? Note your guess for each, then see whether four
# layers agree.

# %%
for number, layer in enumerate(filled.layers):
    off = {
        f"{name} by {way}": ((rounded(stored, 4, way) - stored).norm() / stored.norm()).item()
        for name, stored in (("keys", layer.keys), ("values", layer.values))
        for way in ("token", "place")
    }
    print(f"layer {number}, 4 bits, error:", " · ".join(f"{name} {value:.1%}" for name, value in off.items()))

# %% [markdown]
# In a model this small, neither way wins everywhere. The finding about large models is a measurement, not a law:
# repeat it on the model that you serve.
#
# What counts is what the model can still do. **Before you run**: at 8, 4 and 2 bits, where will it begin to forget
# what it read?


# %%
def answered_with(make) -> float:
    """The share of questions answered to the letter, with a cache from `make()`."""
    chosen = [net(torch.cat(pair, dim=1), past_key_values=make()).logits.argmax(-1)[0] for pair in asked]
    return sum(map(wrote, chosen, asked)) / len(asked)


print(f"float32: {right(net):.0%} of the questions answered, {a_token:,} bytes a token")
for bits in (8, 4, 2):
    by = {way: answered_with(lambda bits=bits, way=way: RoundedCache(bits, way)) for way in ("token", "place")}
    print(f"{bits} bits: keys by token {by['token']:4.0%} · keys by place {by['place']:4.0%} · "
          f"{a_token * bits // 32:5,} bytes a token, scales apart")  # fmt: skip

# %% [markdown]
# Eight bits are free here, four lose little or nothing, two lose most. Sixty questions have a standard error of several
# points, so don't read a difference of two or three questions as a rule.
#
# Honest remarks. Our cache rounds and stores the result as float32: it shows the *error*, it saves nothing. The scale
# of a place needs all tokens, and they come one by one. Real systems keep the newest tokens in full and round them in
# blocks (transformers' `QuantizedCache` keeps up to 128).

# %% [markdown]
# ## 10. Limits
#
# - The cache saves reading again. It does not make attention cheap: each new token still looks at all, so writing T
#   tokens takes about T² / 2 looks in all.
# - It trades arithmetic for memory, and then memory is what you run out of.
# - It is valid for the very weights, tokens and positions that made it. Change an adapter, the system prompt or one
#   early token, and all after it is void.
# - Sizes in the table are of the cache alone. Pages, fragments and reserves come on top.
# - Timings here are one core's, in float32. On a GPU the balance P / W is much larger (week 3's table), so decode
#   is *more* bound by memory there.
#
# **Try it**
# - In section 7, keep the first 4 tokens in sight besides the window (`| (torch.arange(tokens) < 4)`). Does this small
#   model have a sink?
# - Merge the *queries'* heads in place of the keys'. Does the cache shrink?
# - **For the real world.** With a network, set `model.load("HuggingFaceTB/SmolLM2-135M-Instruct")` at the top. Behind
#   an endpoint you see the cache on the bill: `usage.prompt_tokens_details.cached_tokens` in OpenAI's answers.

# %% [markdown]
# ## Three questions
#
# **1. A colleague wants to save half of the memory by caching keys only, "since values can be computed again". Can
# they, and what would it cost?**
#
# <details><summary>Answer</summary>
#
# They can: a value is a product of the layer's input for that token with a matrix. But that input has to be kept (it is
# as wide as the model, often wider than key and value together with grouped queries) or computed from the start. Then
# every past token's value has to be computed at every step, which is the work that the cache saves.
# </details>
#
# **2. Your server is slow with long chats. Doubling the batch hardly raises the tokens a second. Which of these help:
# 4-bit weights, a 4-bit cache, a model with fewer heads of keys and values?**
#
# <details><summary>Answer</summary>
#
# With long texts and a large batch nearly all bytes of a step are caches. The second and the third help by what they
# save. 4-bit weights help little with the speed; they do leave room for more texts.
# </details>
#
# **3. After cutting a cache by one token too many, a model still writes fluent text. How would you notice in a test?**
#
# <details><summary>Answer</summary>
#
# Compare logits with a run from the start on the same tokens, at several places of the text, with a tolerance for
# rounding. Fluency proves nothing: a missing token is a small change of the text, and the model goes on from what it
# has.
# </details>

# %% [markdown]
# ## Where this comes from
#
# - Shared heads: Shazeer, *Fast Transformer Decoding: One Write-Head is All You Need*, 2019,
#   [arXiv:1911.02150](https://arxiv.org/abs/1911.02150); Ainslie et al., *GQA*, 2023,
#   [arXiv:2305.13245](https://arxiv.org/abs/2305.13245)
# - Prefill and decode on real hardware: Pope et al., *Efficiently Scaling Transformer Inference*, 2022,
#   [arXiv:2211.05102](https://arxiv.org/abs/2211.05102)
# - Roofline: Williams, Waterman, Patterson, *Roofline: an insightful visual performance model*, 2009,
#   [doi:10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785)
# - Windows: Beltagy et al., *Longformer*, 2020, [arXiv:2004.05150](https://arxiv.org/abs/2004.05150); Jiang et al.,
#   *Mistral 7B*, 2023, [arXiv:2310.06825](https://arxiv.org/abs/2310.06825); sinks: Xiao et al., 2023,
#   [arXiv:2309.17453](https://arxiv.org/abs/2309.17453)
# - Latent attention: DeepSeek-AI, *DeepSeek-V2*, 2024, [arXiv:2405.04434](https://arxiv.org/abs/2405.04434)
# - Rounded caches: Liu et al., *KIVI*, 2024, [arXiv:2402.02750](https://arxiv.org/abs/2402.02750)
# - Pages: Kwon et al., *PagedAttention*, 2023, [arXiv:2309.06180](https://arxiv.org/abs/2309.06180)
# - The shapes of section 7: sources are printed there, and stand in `course/cache_shapes.py`.
#
# Next: [flash attention](flash_attention.ipynb). In the assignment `inference` you write `KVCache` and
# `generate_with_cache`.
