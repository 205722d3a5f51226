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
# # Serving many users: one model, a crowd
#
# *Week 7, lesson 6 of 6*
#
# **You will be able to**
# - measure throughput and latency of a model at several batch sizes, and say what pads cost;
# - draw static and continuous batching on paper, and count what a real batcher saves;
# - tell a full server from a broken one with Little's law;
# - keep a cache in pages with a block table, count what is wasted, and share a common beginning;
# - prune and distil a real model, and say honestly what each of them gains.
#
# **Time** about 60 minutes; the lesson runs in about half a minute. **You need first** the lesson *the KV cache*.

# %%
import copy
import time
from random import Random

import numpy as np
import torch
from matplotlib import pyplot
from transformers import ContinuousBatchingConfig, GenerationConfig
from transformers.utils import logging

from course import batching_timeline, cards, corpus, distillation, exam, plots, row_batcher, threads
from course.model import load

threads.use_one()
logging.disable_progress_bar()
loaded = load()  # a model of a hub instead: load("HuggingFaceTB/SmolLM2-135M-Instruct")
model, tokenizer = loaded.model, loaded.tokenizer
END = tokenizer.convert_tokens_to_ids("<|im_end|>")
PARAMETERS = sum(p.numel() for p in model.parameters())
print(f"{PARAMETERS / 1e6:.2f} million parameters, {4 * PARAMETERS / 1e6:.0f} MB in float32")

# %% [markdown]
# For a model behind an address, `load(url="http://127.0.0.1:8000/v1")`, all this happens on the server's side, and what
# you can measure is what its users see: time to the first token, time a token after it.
#
# ## 1. Why crowds are cheap: throughput and latency
#
# One step reads every weight once, and gives one token. If eight users are served *in the same step*, the weights are
# still read once, and there are eight tokens. By hand, for Llama 3.1 8B in bfloat16 (16 GB) on an H100 (3,350 GB/s):
#
# - one user: 16 / 3350 s = 4.8 ms a step, about 210 tokens a second;
# - 32 users: still about 4.8 ms a step, each gets 210 tokens a second, and all together get 6,700.
#
# It ends where the arithmetic takes as long as the reading, at about 2 operations a weight and token:

# %%
h100 = cards.card("NVIDIA H100 SXM")
reading = 16e9 / (h100.bandwidth * 1e9)
for users in (1, 8, 32, 128, 512):
    computing = 2 * 8.03e9 * users / (h100.peak * 1e12)
    step = max(reading, computing)
    print(f"{users:3d} users: reading {1e3 * reading:.1f}, computing {1e3 * computing:.1f}, "
          f"so at most {users / step:,.0f} tokens together")  # fmt: skip

# %% [markdown]
# On paper, and per second: a real server reaches less, and also has to read every user's *cache*, which no one shares.
#
# Now for real, on this processor. All users have read 96 tokens already.
#
# Times in this lesson are seconds *of the processor*: on one thread, what the clock shows where no other program
# disturbs.
#
# **Before you run**: from 1 to 16 users, will a step become 16 times as long? What happens to tokens a second?


# %%
@torch.no_grad()
def step_time(users: int, before: int = 96, tries: int = 8) -> float:
    """Milliseconds of one decoding step for so many users; the best of some tries."""
    past = model(torch.randint(3, 2000, (users, before)), use_cache=True).past_key_values
    tokens, took = torch.randint(3, 2000, (users, 1)), []
    for _ in range(tries):
        start = time.process_time()
        model(tokens, past_key_values=past, use_cache=True)
        took.append(time.process_time() - start)
        past.crop(-1)
    return 1000 * min(took)


torch.manual_seed(0)
users = [1, 2, 4, 8, 16]
steps = [step_time(n) for n in users]
for n, took in zip(users, steps, strict=True):
    print(f"batch of {n:2d}: each waits {took:.1f} ms for a token; together {1000 * n / took:,.0f} tokens/s")

# %%
figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.5, 3.4))
left.plot(users, [1000 * n / took for n, took in zip(users, steps, strict=True)], "o-")
left.plot(users, [1000 * n / steps[0] for n in users], "--", color=plots.MUTED, label="if users were free")
left.set(xlabel="users in a batch", ylabel="tokens a second, together", title="Throughput rises …", ylim=(0, None))
left.legend()
right.plot(users, steps, "o-", color=plots.ORANGE)
right.set(xlabel="users in a batch", ylabel="ms a token, for each", title="… and so does the wait", ylim=(0, None))
for axes in (left, right):
    axes.set_xticks(users)
plots.show(
    figure,
    alt="Two charts against batches of 1 to 16 users. Left: tokens a second together rise with the batch, "
    "below the dashed line of users that cost nothing. Right: the milliseconds that each user waits rise too.",
)

# %% [markdown]
# Both are true at once: the machine does more, and each user waits longer. **Throughput** (tokens a second for all) is
# what the owner pays for; **latency** is what a user feels. Two latencies matter: *time to first token* (the queue, and
# the prompt) and *time per output token* (the step). A server without a target for both has no best batch size.

# %% [markdown]
# ## 2. Pads: what a rectangle costs
#
# A batch is a rectangle of ids, and prompts are not equally long. By hand: prompts of 3, 4 and 9 tokens in one batch.
#
# **Before you run**: how many of the places are pads?

# %%
three = [3, 4, 9]
places = max(three) * len(three)
print(f"{sum(three)} tokens in {places} places: {1 - sum(three) / places:.0%} pads")

# %% [markdown]
# Real requests: 24 of the exam's kinds, in the order they come: tool calls, questions about stories, and every fourth
# asks for a whole story. How much of a batch is pads, if we cut them in eights as they come, or sort them by length
# first?

# %%
NAMES = ["Mara", "Tom", "Nina", "Omar", "Lena", "Jack", "Ella", "Hugo"]
rng = Random(-5)
prompts = []
for number in range(24):
    if number % 4 == 0:
        asked = f"Tell me a story about {NAMES[number // 4]} and the {['kite', 'lamp', 'map'][number % 3]}."
        dialogue = [{"role": "user", "content": asked}]
        text = tokenizer.apply_chat_template(dialogue, tokenize=False, add_generation_prompt=True)
    else:
        text = [exam.tool_call, exam.story_chat, exam.passage_chat][number % 3](rng).prompt
    prompts.append(tokenizer(text, add_special_tokens=False).input_ids)


def pads(lengths: list[int], size: int) -> float:
    """The share of pads when lengths are cut into batches of `size`, in this order."""
    cut = [lengths[i : i + size] for i in range(0, len(lengths), size)]
    return 1 - sum(lengths) / sum(max(part) * len(part) for part in cut)


lengths = [len(p) for p in prompts]
print(f"from {min(lengths)} to {max(lengths)} tokens")
print(f"as they come: {pads(lengths, 8):.0%} pads; sorted by length: {pads(sorted(lengths), 8):.0%}")

# %% [markdown]
# Sorting helps where all requests lie there already (a night's batch job). Live users will not wait to be sorted.
#
# On which side do the pads go? A model goes on from its *last* place. **Before you run**: a short prompt in a batch
# with a long one; which of the two will still be answered rightly?

# %%
short, long = sorted(prompts[1:3], key=len)
logging.set_verbosity_error()  # transformers warns of pads on the right, and here they are meant
alone = model.generate(torch.tensor([short]), attention_mask=torch.ones(1, len(short)), max_new_tokens=8,
                       do_sample=False, eos_token_id=END)[0, len(short) :]  # fmt: skip
gap = len(long) - len(short)
for side in ("left", "right"):
    row = [0] * gap + short if side == "left" else short + [0] * gap
    mask = [0] * gap + [1] * len(short) if side == "left" else [1] * len(short) + [0] * gap
    both = model.generate(torch.tensor([row, long]), attention_mask=torch.tensor([mask, [1] * len(long)]),
                          max_new_tokens=8, do_sample=False, eos_token_id=END)  # fmt: skip
    said = both[0, len(long) :][: len(alone)]
    print(f"pads on the {side}: {tokenizer.decode(said)!r}, as alone: {torch.equal(said, alone)}")

# %% [markdown]
# Pads on the right put a gap between the prompt and its answer. transformers warns of it where it
# can see it, and goes on. For writing: `tokenizer.padding_side = "left"`.

# %% [markdown]
# ## 3. Static and continuous batching
#
# Pads at the *end* are worse than pads at the start: answers differ in length, and nobody knows by how much before.
# Take 2 slots and 4 requests that all wait at time 0, with answers of 6, 1, 2 and 3 tokens.
#
# **Static**: fill both slots, wait until both are done, fill again.
#
# | step | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
# |---|---|---|---|---|---|---|---|---|---|
# | slot 1 | A | A | A | A | A | A | C | C | · |
# | slot 2 | B | · | · | · | · | · | D | D | D |
#
# **Before you read on**: draw the same for **continuous** batching: a slot is filled again as soon as it is free. How
# many steps?
#
# | step | 1 | 2 | 3 | 4 | 5 | 6 |
# |---|---|---|---|---|---|---|
# | slot 1 | A | A | A | A | A | A |
# | slot 2 | B | C | C | D | D | D |
#
# Six steps instead of nine, for the same 12 tokens: 2 tokens a step instead of 4/3. And look at D: done after step 6
# instead of 9; at C: after 3 instead of 8. Continuous batching (Orca, Yu et al. 2022) schedules *steps*, not requests.
#
# Now with requests that come at random times. At load 100% the answers asked for fill all slots exactly, if no slot
# ever waits.
#
# **Try it**: (1) make all answers the same length: what is left of the difference, and why? (2) Go back to *a few very
# long*, and raise the load to 200%. (3) Set the load to 40%: does batching matter at night? (4) One slot.

# %%
batching_timeline.explore()

# %% [markdown]
# With equal lengths a group ends together, so no slot waits for another; only newcomers wait for the group to end. With
# a few long answers almost everyone waits for someone else's story. With one slot the two are the same.
#
# ### For real
#
# `course/row_batcher.py` does it with our model: one cache with a row for each request, and each row at its own place.
# A prompt is read alone, its keys and values go into a free row, and each step writes one token for every row in use.
# Static or continuous is a single condition: *may a row be filled while others write?*
#
# **Before you run**: 24 requests, every fourth a story of some 70 tokens, the others short. How many steps less, with 8
# rows?

# %%
reference = [row_batcher.serve(model, [p], 1, 100, END).requests[0].tokens for p in prompts]
print("answers of", sorted(len(r) for r in reference), "tokens")


def table(rows: int) -> dict[str, row_batcher.Report]:
    """Serve all prompts both ways."""
    return {"static": row_batcher.serve(model, prompts, rows, 100, END, wait_for_all=True),
            "continuous": row_batcher.serve(model, prompts, rows, 100, END)}  # fmt: skip


reports = {rows: table(rows) for rows in (2, 4, 8)}
for rows, both in reports.items():
    for name, report in both.items():
        same = [r.tokens for r in report.requests] == reference
        print(f"{rows:2d} rows, {name:10} {len(report.used):4d} steps, rows in use on average "
              f"{np.mean(report.used) / rows:4.0%}, same answers: {same}")  # fmt: skip

# %% [markdown]
# Same answers to the last token, in far fewer steps: rows do not stand empty. The seconds:

# %%
# NBVAL_IGNORE_OUTPUT
# Times.
total = sum(map(len, reference))
for rows, both in reports.items():
    for name, report in both.items():
        mean = np.mean([r.last for r in report.requests])
        print(f"{rows:2d} rows, {name:10} {total / report.seconds:6.0f} tokens/s, latency {mean:.2f} s on average")

# %%
figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6))
for name, colour, mark in (("static", plots.ORANGE, "s--"), ("continuous", plots.BLUE, "o-")):
    points = [(total / both[name].seconds, np.mean([r.last for r in both[name].requests])) for both in reports.values()]
    left.plot(*zip(*points, strict=True), mark, color=colour, label=name)
    right.step(range(len(reports[8][name].used)), reports[8][name].used, where="post", color=colour, label=name)
for (rate, latency), rows in zip(points, reports, strict=True):
    left.annotate(f"{rows}", (rate, latency), textcoords="offset points", xytext=(5, 5), color=plots.BLUE)
left.set(xlabel="tokens a second, together", ylabel="latency, s (mean)", ylim=(0, None), xlim=(0, None))
left.set_title("More rows: faster for all")
left.legend()
right.set(xlabel="step", ylabel="rows in use, of 8", ylim=(0, 10.5))
right.set_title("Static: a group dies away, then the next")
right.legend(loc="upper right", ncols=2)
plots.show(
    figure,
    alt="Left: throughput against mean latency for 2, 4 and 8 rows; continuous batching lies to the right of and below "
    "static. Right: rows in use at each step with 8 rows; static falls from 8 to 1 in each of three groups, continuous "
    "stays near 8 until the last requests.",
)

# %% [markdown]
# Note that here *both* got better with more rows, throughput and latency: all 24 waited from the start, so the queue
# was most of the latency. Section 1's trade shows where there is no queue.
#
# What ours leaves out: while it reads a prompt, everyone else stands still. Servers cut long prompts into pieces and
# mix them into the steps (*chunked prefill*, Agrawal et al. 2024).
#
# ### In the library
#
# transformers has a continuous batcher with a paged cache of its own, `generate_batch`. vLLM, SGLang and TGI are
# servers built around this idea.
#
# **Before you run**: same answers? Fewer calls of the model than answers have tokens in all?

# %%
calls: list[int] = []
hook = model.register_forward_hook(lambda *_: calls.append(1))
settings = ContinuousBatchingConfig(page_size=16, num_blocks=256, max_batch_tokens=256, max_requests_per_batch=8)
served = model.generate_batch(
    inputs=prompts,
    generation_config=GenerationConfig(max_new_tokens=100, do_sample=False, eos_token_id=END, pad_token_id=0),
    continuous_batching_config=settings,
    progress_bar=False,
)
hook.remove()
library = [answer.generated_tokens for answer in served.values()]
print(f"same answers: {sorted(library) == sorted(reference)}; calls of the model: {len(calls)} for {total} tokens")

# %% [markdown]
# Its calls carry prompts and single tokens together. On this processor and a model this small, its bookkeeping costs
# more time than it saves; it is made for graphics cards, where a step is a hundred times as much work.

# %% [markdown]
# ## 4. Little's law: is it slow, or is it full?
#
# In any system that people enter and leave, over any long time,
#
# $$L = \lambda\, W$$
#
# people inside on average = arrivals a second × time that each stays (Little 1961). It needs nothing about randomness.
# By hand: 5 requests a second that stay 4 s each: 20 are inside. If your server has 16 rows, then 4 of them are in the
# queue.
#
# **Before you run**: for the two time lines above (4 slots, load 120%): the area under the curve of requests that are
# not done, over the time, against arrivals × mean latency. How close?

# %%
asked = batching_timeline.requests(1.2, 4, batching_timeline.SPREADS[2])
for name, policy in (("static", batching_timeline.static), ("continuous", batching_timeline.continuous)):
    stays = policy(asked, 4)
    end = max(s.done for s in stays)
    inside = batching_timeline.in_system(stays, np.linspace(0, end, 100_001)).mean()
    arrivals, latency = len(stays) / end, np.mean([s.latency for s in stays])
    print(f"{name:10} {arrivals:.3f} a step × {latency:.1f} steps = {arrivals * latency:.2f}; inside {inside:.2f}")

# %% [markdown]
# Equal: both count the same area, once by columns (how many at each time), once by rows (how long each).
#
# What the law does not say is how $W$ grows with the load. Simulate: 2,000 requests, 4 slots, several loads.
#
# **Before you run**: at 95% load, how many times the latency of an empty server?

# %%
loads = [0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95]
curves = {}
for name, policy in (("static", batching_timeline.static), ("continuous", batching_timeline.continuous)):
    curves[name] = [
        np.mean([s.latency for s in policy(batching_timeline.requests(load, 4, batching_timeline.SPREADS[1], 2000), 4)])
        for load in loads
    ]
    print(f"{name:10}", [round(float(w), 1) for w in curves[name]])
figure, axes = pyplot.subplots(figsize=(7.5, 3.5))
for (name, curve), colour, mark in zip(curves.items(), (plots.ORANGE, plots.BLUE), ("s--", "o-"), strict=True):
    axes.plot([100 * load for load in loads], curve, mark, color=colour, label=name)
axes.axhline(batching_timeline.MEAN, color=plots.MUTED, ls=":", label="no queue at all")
axes.set(xlabel="load, % of what the slots can write", ylabel="mean latency, steps", ylim=(0, 120))
axes.set_title("Latency explodes before the slots are full")
axes.legend()
plots.show(
    figure,
    alt="Mean latency against load from 20% to 95%. Continuous batching stays near the twelve steps of an empty server "
    "up to about 70% and then climbs; static batching climbs far earlier and leaves the chart.",
)

# %% [markdown]
# Static batching cannot keep up from some load on, far below 100%: its slots wait for one another too long, the queue
# grows for as long as requests come, and its figures here say only how long we looked. Continuous batching bends later.
#
# Nothing is broken at 95%: chance sends requests in bunches, and a bunch takes longer to clear the fuller the server
# is. So leave room, and turn requests away early (week 8: back-pressure) instead of letting all wait. But if latency
# rises while as many requests come as before, the law says that more are inside, not why: then measure the step.

# %% [markdown]
# ## 5. A cache in pages
#
# How many rows fit into memory? Each row must be as long as the text *may* become, if it is one piece. By hand: three
# requests with room for 16 tokens each. They have 5, 9 and 3 tokens now.
#
# **Before you run**: how many of the 48 places hold nothing? And with **pages** of 4, given out when they are needed?

# %%
now, reserved, page = [5, 9, 3], 16, 4
print(f"one piece each: {reserved * 3 - sum(now)} of {reserved * 3} places empty")
pages = [-(-n // page) for n in now]
print(f"pages of {page}: {pages} pages, {sum(pages) * page - sum(now)} of {sum(pages) * page} places empty")

# %% [markdown]
# Like an operating system (PagedAttention, Kwon et al. 2023): memory is cut into pages, a **block table** says for each
# request which page holds which part, and no two parts need to be neighbours. Here is a memory of 8 pages after some
# coming and going. Request B (9 tokens) lives in pages 6, 0 and 3.

# %%
tables = {"A": [2, 5], "B": [6, 0, 3], "C": [7]}
owner = {place: (name, n) for name, table_ in tables.items() for n, place in enumerate(table_)}
figure, axes = pyplot.subplots(figsize=(9.5, 2.1))
for place in range(8):
    name, part = owner.get(place, (None, 0))
    for cell in range(page):
        full = name and part * page + cell < now["ABC".index(name)]
        colour = plots.COLOURS["ABC".index(name)] if full else "#e6eaee"
        axes.add_patch(pyplot.Rectangle((place * 1.15 + cell * 0.26, 0), 0.24, 0.8, color=colour))
    label = f"{name}, part {part + 1}" if name else "free"
    axes.text(place * 1.15 + 0.5, 0.86, label, ha="center", va="bottom", color=plots.INK if name else plots.MUTED)
axes.set(xlim=(-0.1, 9.2), ylim=(-0.1, 1.1), yticks=[], xticks=[p * 1.15 + 0.5 for p in range(8)],
         xticklabels=range(8), xlabel="page of memory")  # fmt: skip
axes.set_title("Block tables: A is in 2, 5; B in 6, 0, 3; C in 7")
axes.grid(False)
axes.spines[:].set_visible(False)
plots.show(figure, alt="Eight pages of four places. Request A has pages 2 and 5, request B pages 6, 0 and 3, request C "
           "page 7; pages 1 and 4 are free. Only the last page of each request has empty places.")  # fmt: skip

# %% [markdown]
# Attention must not notice. On the model's real keys: put B's into pages, in a mess; gather them by the table; compare.

# %%
with torch.no_grad():
    keys = model(torch.tensor([prompts[1][:9]]), use_cache=True).past_key_values.layers[0].keys[0]  # (heads, 9, d)
memory = torch.full((8, keys.shape[0], page, keys.shape[2]), float("nan"))
for part, place in enumerate(tables["B"]):
    piece = keys[:, part * page : (part + 1) * page]
    memory[place, :, : piece.shape[1]] = piece
gathered = torch.cat([memory[place] for place in tables["B"]], dim=1)[:, :9]
print("the same keys, in order:", torch.equal(gathered, keys))

# %% [markdown]
# Now count it for our 24 requests, each at its full length (prompt and answer). One piece must reserve the context of
# the model; pages waste less than one page a request. But a page has costs too: small pages mean long tables and many
# short reads.
#
# **Before you run**: with pages of 16, what share of the places is empty?

# %%
final = [len(p) + len(r) for p, r in zip(prompts, reference, strict=True)]
context = model.config.max_position_embeddings
print(f"one piece of {context} each: {1 - sum(final) / (context * len(final)):.0%} empty")
for size in (1, 4, 16, 64, 256):
    held = sum(-(-n // size) * size for n in final)
    print(
        f"pages of {size:3d}: {1 - sum(final) / held:4.0%} empty, {sum(-(-n // size) for n in final)} entries in tables"
    )

# %%
token_bytes = 2 * model.config.num_hidden_layers * model.config.num_key_value_heads * model.config.head_dim * 4
budget = 4 * 2**20
print(f"{token_bytes:,} bytes of cache a token; in {budget // 2**20} MiB:")
print(f"   one piece each: {budget // (context * token_bytes)} requests at once")
print(f"   pages of 16:    {budget // (16 * token_bytes) * 16 // int(np.mean(final))} requests of our mean length")

# %% [markdown]
# That is where the famous gain comes from: not a faster step, but *more rows in it*. (A page that is given out when it
# is needed can also be missing when it is needed. Then someone must be put out, and read again later: *preemption*.)

# %% [markdown]
# ## 6. Sharing a beginning
#
# Requests to one product begin alike: a long system prompt, then a short question. Keys and values of a token depend
# only on what stands *before* it. So two requests with the same first 64 tokens have the same first four pages of 16.
# Keep one copy, and point both tables at it.
#
# **Before you run**: 12 requests with the same tools on offer. What share of all prompt tokens need not be read again?

# %%
system = exam.tool_call(Random(-8)).prompt.split("<|im_start|>user")[0]
wishes = ["Please multiply 3 and 9.", "What is 40 plus 2?", "Wake me on Sunday at 7.", "Where is Tom?"]
asked = [f"{system}<|im_start|>user\n{wish}<|im_end|>\n<|im_start|>assistant\n" for wish in wishes for _ in range(3)]
requests = [tokenizer(text, add_special_tokens=False).input_ids for text in asked]

known: set[tuple[int, ...]] = set()
read = 0
for request in requests:
    whole = [tuple(request[:end]) for end in range(16, len(request), 16)]  # a page is known by all up to its end
    hits = sum(part in known for part in whole)
    read += len(request) - 16 * hits
    known.update(whole)
tokens = sum(map(len, requests))
print(f"{tokens} prompt tokens, {read} read: {1 - read / tokens:.0%} saved")

# %% [markdown]
# A page's name must hold *everything* before it, not its own 16 tokens alone: the same words after another beginning
# have other keys. (vLLM hashes each page with its parent's hash; SGLang keeps a tree, Zheng et al. 2024.)
#
# Is the answer the same? How much time does it save? The system prompt is read once, and its cache copied for each
# request.


# %%
@torch.no_grad()
def first_token(rest: list[int], past=None) -> tuple[int, float]:
    """The first token after reading `rest` on top of a cache, and the milliseconds."""
    start = time.process_time()
    logits = model(torch.tensor([rest]), past_key_values=copy.deepcopy(past), use_cache=True).logits
    return int(logits[0, -1].argmax()), 1000 * (time.process_time() - start)


start_ids = tokenizer(system, add_special_tokens=False).input_ids
with torch.no_grad():
    shared = model(torch.tensor([start_ids]), use_cache=True).past_key_values
whole = [first_token(r) for r in requests]
reused = [first_token(r[len(start_ids) :], shared) for r in requests]
print("same first tokens:", [t for t, _ in whole] == [t for t, _ in reused])
print(f"time to first token, whole prompt: {min(t for _, t in whole):.1f} ms")
print(f"time to first token, shared start: {min(t for _, t in reused):.1f} ms")

# %% [markdown]
# The longer the common beginning, the larger the gain. It is why prices list *cached input* apart, and why a prompt
# should put what changes (a date, a name) at its **end**. It also leaks: whether an answer comes quickly tells a
# stranger that someone else sent the same beginning. Do not share pages between customers.

# %% [markdown]
# ## 7. A smaller model: pruning
#
# So far the model stayed as it is. Can weights be left out? **Magnitude pruning** sets the smallest to zero. By hand,
# 50% of (0.9, −0.1, 0.4, 0.05): the two smallest go, (0.9, 0, 0.4, 0) stays.
#
# **2:4** is the pattern that NVIDIA's tensor cores can use since Ampere: of every four neighbours, two must be zero
# (Mishra et al. 2021). By hand: (0.9, −0.8, 0.7, 0.1 | 0.2, 0.1, 0.05, 0.0).
#
# **Before you run**: which are kept? Which does plain 50% keep?

# %%
row = torch.tensor([0.9, -0.8, 0.7, 0.1, 0.2, 0.1, 0.05, 0.0])


def two_of_four(weight: torch.Tensor) -> torch.Tensor:
    """The weights with the two smallest of every four neighbours in a row set to 0; the width is a multiple of 4."""
    groups = weight.unflatten(-1, (-1, 4))
    smallest = groups.abs().topk(2, dim=-1, largest=False).indices
    return groups.scatter(-1, smallest, 0.0).flatten(-2)


def magnitude(weight: torch.Tensor, share: float) -> torch.Tensor:
    """The weights with this share of them, the smallest, set to 0."""
    order = weight.abs().flatten().argsort()[: int(share * weight.numel())]
    return weight.flatten().index_fill(0, order, 0.0).view_as(weight)


print("50%:", [round(v, 2) for v in magnitude(row, 0.5).tolist()])
print("2:4:", [round(v, 2) for v in two_of_four(row).tolist()])

# %% [markdown]
# 2:4 must throw the 0.7 away and keep a 0.1: a pattern costs quality, and buys a speed that only special hardware
# gives.
#
# On our model: prune every matrix of every layer, and look at three things: perplexity on text that it was not trained
# on, right tool calls, right answers about stories.
#
# **Before you run**: how much can go before the tool calls break? 30%? 50%? 70%?

# %%
ids, _ = corpus.shard("mixed", 900_000, tokenizer, 160)  # a shard that the model was not trained on
ids = torch.from_numpy(ids.astype("int64"))
test = ids[-16:]
EXAM = [exam.tool_call(Random(exam.EXAM_SEED - n)) for n in range(20)] + [
    exam.story(Random(exam.EXAM_SEED - n)) for n in range(20)
]


@torch.no_grad()
def measure(candidate) -> tuple[float, float, float]:
    """Perplexity on the test rows, and the shares of 20 tool calls and of 20 story questions answered rightly."""
    logits = candidate(test, use_cache=False).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), test[:, 1:].flatten())
    marks = exam.mark(candidate, tokenizer, EXAM)
    return loss.exp().item(), float(np.mean(marks[:20])), float(np.mean(marks[20:]))


def pruned(cut) -> torch.nn.Module:
    """A copy of the model with `cut` applied to every matrix of its layers."""
    copied = copy.deepcopy(model)
    for weight in copied.model.layers.parameters():
        if weight.dim() == 2:
            weight.data = cut(weight.data)
    return copied


cuts = {"as it is": lambda w: w, "30%": lambda w: magnitude(w, 0.3), "50%": lambda w: magnitude(w, 0.5),
        "2:4 (50%)": two_of_four, "70%": lambda w: magnitude(w, 0.7)}  # fmt: skip
found = {}
print(f"{'pruned':10} {'perplexity':>10} {'tool calls':>11} {'stories':>8}")
for name, cut in cuts.items():
    found[name] = measure(pruned(cut))
    print(f"{name:10} {found[name][0]:10.1f} {found[name][1]:11.0%} {found[name][2]:8.0%}")

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 3.3))
for index, (label, colour) in enumerate((("tool calls", plots.BLUE), ("stories", plots.ORANGE)), start=1):
    axes.bar(np.arange(len(cuts)) + 0.4 * index - 0.6, [f[index] for f in found.values()], width=0.38, color=colour,
             label=label)  # fmt: skip
axes.set_xticks(range(len(cuts)), list(cuts))
axes.set(ylabel="right answers", ylim=(0, 1.05), xlabel="weights set to zero")
axes.set_title("Some weights can go; a pattern costs more than a free choice")
axes.legend(loc="upper right")
plots.show(
    figure,
    alt="Share of right tool calls and story answers with no weights pruned, 30%, 50%, 2:4 and 70%. Both fall as more "
    "weights are set to zero, and 2:4 is below the free choice of 50%.",
)

# %% [markdown]
# Real pruning trains on afterwards, or chooses with data (SparseGPT, Frantar and Alistarh 2023; Wanda, Sun et al.
# 2024). Ours did not, so this is the worst case.
#
# And what is gained? **Before you run**: half of a matrix is zero. Is the product faster as it is? And in a sparse
# format?

# %%
matrix = model.model.layers[0].mlp.gate_proj.weight.detach()
half = magnitude(matrix, 0.5)
sparse = half.to_sparse_coo()
tokens_in = torch.randn(matrix.shape[1], 16)


def best(product) -> float:
    """Milliseconds of a product, the best of 30."""
    took = []
    for _ in range(30):
        start = time.process_time()
        product()
        took.append(time.process_time() - start)
    return 1000 * min(took)


print(f"all weights:          {best(lambda: matrix @ tokens_in):.3f} ms")
print(f"half are zero:        {best(lambda: half @ tokens_in):.3f} ms")
print(f"half, sparse format:  {best(lambda: torch.sparse.mm(sparse, tokens_in)):.3f} ms")
stored = sparse.coalesce()
print(f"bytes: {4 * matrix.numel():,} dense, {4 * stored.values().numel() + 8 * stored.indices().numel():,} sparse")

# %% [markdown]
# A zero is multiplied like any other number: no gain. The sparse format looks each weight up by its place: slower, and
# *larger*, since two 8-byte places stand beside each 4-byte weight. 2:4 needs 2 bits a kept weight and a tensor core.
# On a processor, unstructured zeros are a dead end at 50%. What does help everywhere is to leave out whole *rows, heads
# or layers*: then the matrices are smaller.

# %% [markdown]
# ## 8. A smaller model: distillation
#
# Cut two of the four layers out, and the model is broken. Train what is left for some seconds, on what? Two teachers:
#
# - the **text**: the true next token, as in week 3;
# - the **large model**: all its probabilities for the next token (Hinton et al. 2015). If it says *lamp 60%, kite 30%*,
#   that is more than the one word that came.
#
# By hand, the loss for one token: teacher (0.6, 0.3, 0.1), student (0.5, 0.25, 0.25).

# %%
teacher, student = np.array([0.6, 0.3, 0.1]), np.array([0.5, 0.25, 0.25])
print(f"text, if the first token came: {-np.log(student[0]):.3f} nats")
print(
    f"teacher: {(teacher * np.log(teacher / student)).sum():.3f} nats, whichever came; 0 if the student says the same"
)

# %% [markdown]
# Both students start from the first and the last layer of the large model and see the same 40 batches, once, in the
# same order.
#
# **Before you run**: the layers are half as many. Is the model half as large? (Where is the embedding?) Which student
# will have the lower perplexity, and which will answer like the teacher?

# %%
# NBVAL_IGNORE_OUTPUT
# The last digits of training differ between machines.
rows = ids[:128].reshape(-1, 64)
cut_out = distillation.keep_layers(model, [0, model.config.num_hidden_layers - 1])
by_text = copy.deepcopy(cut_out)
distillation.learn(by_text, rows, steps=40)
by_teacher = copy.deepcopy(cut_out)
distillation.learn(by_teacher, rows, model, steps=40)


@torch.no_grad()
def agreement(candidate) -> float:
    """The share of places in the test rows where the candidate's likeliest token is the model's."""
    ours, theirs = (m(test, use_cache=False).logits.argmax(-1) for m in (model, candidate))
    return (ours == theirs).float().mean().item()


small = {"the model": model, "two layers, no training": cut_out, "two layers, text": by_text,
         "two layers, teacher": by_teacher}  # fmt: skip
print(f"{'':24} {'parameters':>10} {'perplexity':>10} {'agrees':>7} {'tool calls':>11} {'stories':>8}")
for name, candidate in small.items():
    perplexity, calls_right, stories_right = measure(candidate)
    size = sum(p.numel() for p in candidate.parameters())
    print(
        f"{name:24} {size:10,} {perplexity:10.1f} {agreement(candidate):7.0%} {calls_right:11.0%} {stories_right:8.0%}"
    )

# %% [markdown]
# Read the table slowly.
#
# - *No training*: cutting layers breaks the model. Seconds of learning repair much of the perplexity.
# - *Text or teacher?* They win on different counts. The student of the text may even come near the model's perplexity,
#   since it is trained on exactly that measure, while the model was trained to weigh *answers* more. The student of the
#   teacher agrees with it more often, and that is what a draft needs (lesson 5).
# - *The exam* is strict: one wrong token fails an answer. What takes longest to learn, finding the right word in the
#   passage, does not come back in seconds with half of the layers.
#
# So what does distillation gain? A model of fewer layers, which is faster on *every* machine (the next cell). What it
# does not gain in some seconds is the large model's answers. DistilBERT (Sanh et al. 2019) kept 97% of BERT's score
# with 40% fewer parameters, after 90 hours on eight V100 cards. Our rows are a few hundred, those were millions.

# %%
# NBVAL_IGNORE_OUTPUT
# Ratios of times.
for name in ("the model", "two layers, teacher"):
    report = row_batcher.serve(small[name], prompts[:8], 4, 30, END)
    print(f"{name:20} {sum(len(r.tokens) for r in report.requests) / report.seconds:.0f} tokens/s")

# %% [markdown]
# ## 9. What to do first
#
# 1. **Batch continuously, with pages.** The answers stay exactly as they are. Use a server that has both.
# 2. **Share beginnings.** Exact too; order your prompts for it.
# 3. **Quantize** (lessons 1 and 2). Less to read, more room for rows; measure what it costs.
# 4. **Speculate** where few users share a step (lesson 5). Exact.
# 5. **Distil**, if the task is narrow and you can train for hours.
# 6. **Prune** to a pattern that your hardware has, and train on.
#
# ### Limits of what you saw
#
# - One processor thread, 3.5 million parameters: a step's fixed costs weigh far more than on a real server. Steps and
#   pages counted here carry over; milliseconds do not.
# - Our requests all came at once (section 3) or at random with a constant mean (the widget). Real traffic has mornings,
#   and users who leave in the middle.
# - The exam here had 20 questions a kind: a difference of one question is 5 points. Week 4 gives you the interval.

# %% [markdown]
# ## Three questions
#
# 1. Your server writes 2,000 tokens a second for 50 users at a time. A user complains of 40 tokens a second. Is
# something broken?
#
# <details><summary>Answer</summary>
#
# No: 2,000 / 50 = 40. Each step gives every user one token, so each sees one token a step, 25 ms. Fewer users in a
# batch make each one faster and the total lower. If 40 is too slow, set a target for time per token and let it limit
# the batch.
#
# </details>
#
# 2. Ten requests a second come in, and a request takes 3 s from arrival to its last token. How many are in the house?
# The server has 24 rows; what follows?
#
# <details><summary>Answer</summary>
#
# L = 10 × 3 = 30. At most 24 of them are in rows, so 6 or more wait on average: the time in the queue is at least
# 6 / 10 = 0.6 s of the 3 s. Add rows (pages, smaller weights) if memory allows, or a second server.
#
# </details>
#
# 3. Someone prunes a model to 50% zeros, sees the same file size and the same speed, and says pruning is useless. What
# did they miss?
#
# <details><summary>Answer</summary>
#
# Zeros in a dense matrix are stored and multiplied like other numbers. A gain needs a format that leaves them out and
# hardware or kernels that use it: 2:4 on tensor cores, very high sparsity, or whole rows, heads and layers removed,
# which makes the dense matrices smaller.
#
# </details>
#
# ## Where this comes from
#
# - Yu et al. (2022), *Orca: a distributed serving system for transformer-based generative models*,
#   https://www.usenix.org/conference/osdi22/presentation/yu: continuous batching.
# - Kwon et al. (2023), *Efficient memory management for large language model serving with PagedAttention*,
#   https://arxiv.org/abs/2309.06180: pages and block tables; vLLM.
# - Zheng et al. (2024), *SGLang*, https://arxiv.org/abs/2312.07104: a tree of shared beginnings.
# - Agrawal et al. (2024), *Sarathi-Serve*, https://arxiv.org/abs/2403.02310: prompts in pieces.
# - Little (1961), *A proof for the queuing formula L = λW*, https://doi.org/10.1287/opre.9.3.383.
# - Mishra et al. (2021), *Accelerating sparse deep neural networks*, https://arxiv.org/abs/2104.08378: 2:4; Frantar and
#   Alistarh (2023), *SparseGPT*, https://arxiv.org/abs/2301.00774; Sun et al. (2024), *Wanda*,
#   https://arxiv.org/abs/2306.11695.
# - Hinton, Vinyals, Dean (2015), *Distilling the knowledge in a neural network*, https://arxiv.org/abs/1503.02531; Sanh
#   et al. (2019), *DistilBERT*, https://arxiv.org/abs/1910.01108.
