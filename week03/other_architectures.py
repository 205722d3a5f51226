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
# # Other architectures: what else could stand where attention stands?
#
# Week 3, lesson 5 · 50 to 60 minutes · runs in about half a minute
#
# **You will be able to**
# - say why a recurrent network forgets, and measure it: gradients against distance;
# - compute linear attention as a sum and as a recurrence, and get the same numbers;
# - run Mamba's recurrence by hand, and check it against the library;
# - compare what each architecture must remember, from grouped heads to a state of fixed size;
# - count a mixture of experts: all parameters against those that work on a token;
# - let a model look things up in a table of contexts, and see its perplexity fall;
# - feed images to a transformer, and put images and texts into one space.
#
# **You need first**: week 1's lessons on attention and on the block; lesson 3 of this week (memory).

# %%
import math

import torch
import torch.nn.functional as F
from matplotlib import pyplot
from torch import nn

from course import digits, encoder, memory_explorer, plays, plots

torch.manual_seed(0)
torch.set_num_threads(1)
torch.set_printoptions(precision=3, sci_mode=False)

# %% [markdown]
# ## 1. Recurrent networks: one state, passed on
#
# Before 2017, text was read by a network with a **state**. Each token changes it:
#
# $$h_t = \tanh(W h_{t-1} + U x_t)$$
#
# The state has a fixed size, so reading a token costs the same at place 10 and at place 10,000. Attention's cost grows.
#
# By hand, with one number: $W = 0.5$, $U = 1$, and a single 1 followed by zeros. Without the tanh the state would be 1,
# 0.5, 0.25, … Each step halves what is left of the first token.
#
# **Before you run**: after 10 steps, what share of the first token's effect is left?

# %%
h, left = 0.0, []
for x in [1.0] + [0.0] * 10:
    h = math.tanh(0.5 * h + x)
    left.append(h)
print([round(value, 4) for value in left])

# %% [markdown]
# Less than a thousandth. With $W = 1.5$ it would not fade, and its *gradient* would grow instead: the factor between
# two steps is multiplied again and again, so it vanishes or explodes (Bengio et al. 1994).
#
# **LSTM** (Hochreiter and Schmidhuber 1997) adds a second state $c_t$ that is not squeezed at each step:
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot \tilde c_t$$
#
# The gate $f_t$ (forget) is a number between 0 and 1 for each entry. Near 1 the past passes unchanged.
#
# **Before you run**: the curve below shows how strongly the last state depends on a token $d$ places back, in untrained
# networks. Where will the LSTM with open gates lie?

# %%
SEEN = torch.randn(1, 60, 32)


def influence(network: nn.Module) -> torch.Tensor:
    """Length of the gradient of the last state with respect to each input, from the newest to the oldest."""
    inputs = SEEN.clone().requires_grad_()
    network(inputs)[0][0, -1].sum().backward()
    return inputs.grad[0].norm(dim=-1).flip(0)


torch.manual_seed(0)
plain, gated, opened = nn.RNN(32, 32, batch_first=True), *(nn.LSTM(32, 32, batch_first=True) for _ in range(2))
with torch.no_grad():
    opened.bias_hh_l0[32:64] = 4.0  # the forget gate's part: sigmoid(4) = 0.98
figure, axes = pyplot.subplots(figsize=(7.5, 3.4))
for name, network in [("RNN", plain), ("LSTM", gated), ("LSTM, forget gates open", opened)]:
    axes.plot(range(60), influence(network), label=name)
axes.set(yscale="log", xlabel="places back", ylabel="influence (gradient's length)", ylim=(1e-12, 10),
         title="An open gate carries the past; a plain RNN loses it")  # fmt: skip
axes.legend()
plots.show(figure, alt="Three curves of influence against distance on a logarithmic axis. The plain RNN and the usual "
           "LSTM fall below a billionth within some fifty places; with open gates it falls slowly.")  # fmt: skip

# %% [markdown]
# ### Does it matter when it is trained?
#
# A task that needs nothing but memory: the first of T tokens is one of 8 signs, the rest is noise. At the end, name the
# sign. We train an RNN, an LSTM, and one layer of attention on it, with the same budget.
#
# **Before you run**: guessing gets 12.5%. Who still manages T = 40?


# %%
class Attending(nn.Module):
    """One query that looks at all places: the least that attention can be."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.places = nn.Parameter(torch.randn(width) / 8), nn.Parameter(torch.randn(64, width) / 8)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        x = x + self.places[: x.shape[1]]
        weights = (x @ self.query / math.sqrt(x.shape[-1])).softmax(1)
        return ((weights[..., None] * x).sum(1, keepdim=True),)


def remembers(make, length: int, steps: int = 120) -> float:
    """Train on the task; the share of right answers over 512 new rows."""
    torch.manual_seed(1)
    table, network, head = nn.Embedding(24, 32), make(), nn.Linear(32, 8)
    parts = [*table.parameters(), *network.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parts, lr=1e-2)
    for step in range(steps + 1):
        rows = torch.randint(8, 24, (512 if step == steps else 64, length))
        rows[:, 0] = torch.randint(8, (len(rows),))
        logits = head(network(table(rows))[0][:, -1])
        if step < steps:
            F.cross_entropy(logits, rows[:, 0]).backward()
            nn.utils.clip_grad_norm_(parts, 1.0)
            optimizer.step()
            optimizer.zero_grad()
    return (logits.argmax(-1) == rows[:, 0]).float().mean().item()


networks = {
    "RNN": lambda: nn.RNN(32, 32, batch_first=True),
    "LSTM": lambda: nn.LSTM(32, 32, batch_first=True),
    "attention": lambda: Attending(32),
}
for name, make in networks.items():
    print(f"{name:10s}", "  ".join(f"T={length}: {remembers(make, length):4.0%}" for length in (5, 40)))

# %% [markdown]
# Attention reaches back 40 places as it reaches back 5: every place is one step away. That, and that all places can be
# computed at once in training, is why it took over. The price is that it must *keep* every place.

# %% [markdown]
# ## 2. Linear attention: a transformer that is an RNN
#
# Leave out the softmax. The output at $t$ is $\sum_{j \le t} (q_t \cdot k_j)\, v_j$, a sum of products, and products
# can be bracketed anew:
#
# $$\sum_{j \le t} (q_t \cdot k_j)\, v_j \;=\; q_t \Big( \sum_{j \le t} k_j v_j^\top \Big) \;=\; q_t\, S_t, \qquad S_t
# = S_{t-1} + k_t v_t^\top$$
#
# On the left: attention, over all pairs. On the right: a recurrence with a state $S$ of $d \times d$ numbers
# (Katharopoulos et al. 2020).
#
# **Before you run**: 6 tokens of 4 numbers. How many numbers does the left side keep? And the right side?

# %%
q, k, v = torch.randn(3, 6, 4)
all_pairs = (q @ k.T).tril() @ v

state, one_by_one = torch.zeros(4, 4), []
for t in range(6):
    state = state + torch.outer(k[t], v[t])
    one_by_one.append(q[t] @ state)
print("equal:", torch.allclose(all_pairs, torch.stack(one_by_one), atol=1e-5))

# %% [markdown]
# The left keeps all keys and values (48 numbers, and growing), the right 16 for ever. **RetNet** and **RWKV** let the
# state fade, $S_t = \gamma S_{t-1} + k_t v_t^\top$, so that old things make room (Sun et al. 2023; Peng et al. 2023).
#
# **Before you run**: where does $\gamma$ appear on the left side?

# %%
gamma = 0.8
ages = torch.arange(6)[:, None] - torch.arange(6)[None]
all_pairs = ((q @ k.T) * gamma ** ages.clamp(min=0)).tril() @ v
state, one_by_one = torch.zeros(4, 4), []
for t in range(6):
    state = gamma * state + torch.outer(k[t], v[t])
    one_by_one.append(q[t] @ state)
print("equal:", torch.allclose(all_pairs, torch.stack(one_by_one), atol=1e-5))

# %% [markdown]
# As $\gamma^{\text{age}}$ on each score. One form for training (all places at once), one for writing (a step at a
# time).
#
# ### What a fixed memory cannot do
#
# A state of $d \times d$ numbers is a finite drawer. Store many pairs of key and value in it, and they begin to blur.
#
# **Before you run**: keys of 32 random numbers. How many pairs come back without error: about 8, 32 or 128?

# %%
memory_explorer.explore()

# %% [markdown]
# The drawer holds a few times as many pairs as a key has numbers, then it fails by degrees. Softmax attention does not
# fail, because it keeps every key. Find with the sliders: which width holds 256 pairs, and what a decay of 0.9 costs.
#
# This is why models without attention find it harder to look up a phone number in a long text (Jelassi et al. 2024),
# and why many new ones mix a few attention layers in (Jamba: Lieber et al. 2024).

# %% [markdown]
# ## 3. Mamba: the input decides what to keep
#
# A fixed $\gamma$ forgets a name as fast as a comma. **Mamba** (Gu and Dao 2023) lets each token choose. For each of
# its channels it holds a small state $h$:
#
# $$h_t = e^{\Delta_t A}\, h_{t-1} + \Delta_t\, B_t\, x_t, \qquad y_t = C_t \cdot h_t + D x_t$$
#
# $\Delta_t$, $B_t$, $C_t$ are computed from the token. A large $\Delta_t$ forgets the past and takes $x_t$ in; a small
# one lets the state pass as if the token were not there.
#
# Here is one layer of the library, and the recurrence by hand with the same weights.
#
# **Before you run**: which part of a Mamba layer lets a token see its *near* neighbours? (Read the code.)

# %%
import logging

from transformers import MambaConfig

logging.getLogger("transformers").setLevel(logging.ERROR)  # it says that the fast kernels need a GPU
from transformers.models.mamba.modeling_mamba import MambaMixer

settings = MambaConfig(hidden_size=16, state_size=4, num_hidden_layers=1)
layer = MambaMixer(settings, layer_idx=0).eval()
tokens = torch.randn(1, 7, 16)


@torch.no_grad()
def by_hand(layer: MambaMixer, x: torch.Tensor) -> torch.Tensor:
    """A Mamba layer's output for (T, width), one token after another."""
    x, gate = layer.in_proj(x).chunk(2, dim=-1)
    x = F.silu(layer.conv1d(x.T)[:, : len(x)].T)  # each token and the three before it
    delta, B, C = layer.x_proj(x).split([layer.time_step_rank, layer.ssm_state_size, layer.ssm_state_size], dim=-1)
    delta = F.softplus(layer.dt_proj(delta))
    A = -layer.A_log.exp()
    state, outputs = torch.zeros_like(A), []
    for t in range(len(x)):
        state = torch.exp(delta[t][:, None] * A) * state + (delta[t] * x[t])[:, None] * B[t]
        outputs.append(state @ C[t] + layer.D * x[t])
    return layer.out_proj(torch.stack(outputs) * F.silu(gate))


with torch.no_grad():
    expected = layer(tokens)[0]
print("equal to the library:", torch.allclose(by_hand(layer, tokens[0]), expected, atol=1e-4))

# %% [markdown]
# The small convolution looks at four neighbours; everything further comes through the state.
#
# ### What must be remembered?
#
# A model that writes keeps something for each text: attention its keys and values, a recurrence its state. From real
# configurations, in bfloat16:

# %%
shapes = {  # layers, heads of keys and values, numbers a head, longest window
    "32 heads of keys (multi-head)": (32, 32, 128, None),
    "8 heads (grouped; Llama 3.1 8B)": (32, 8, 128, None),
    "8 heads, window 4,096 (Mistral 7B)": (32, 8, 128, 4096),
    "1 head (multi-query)": (32, 1, 128, None),
}
lengths = torch.tensor([2**n for n in range(8, 18)])
figure, axes = pyplot.subplots(figsize=(8, 3.8))
for name, (layers, heads, width, window) in shapes.items():
    kept = lengths if window is None else lengths.clamp(max=window)
    axes.plot(lengths, 2 * 2 * layers * heads * width * kept / 1e9, label=name)
mamba_state = 2 * 64 * 5120 * (16 + 4) / 1e9  # Mamba 2.8B: 64 layers, 5,120 channels, state 16, convolution 4
axes.axhline(mamba_state, color=plots.INK, ls="--", label="a state of fixed size (Mamba 2.8B)")
axes.set(xscale="log", yscale="log", xlabel="tokens so far", ylabel="kept for one text (GB)",
         title="Attention remembers everything, and pays for it")  # fmt: skip
axes.legend(fontsize=9)
plots.show(figure, alt="Gigabytes kept for one text against its length. 32 heads grow to 69 GB at 131,072 tokens, 8 "
           "grouped heads to 17, one to 2; a window stays at half a GB, Mamba's state at 0.01.")  # fmt: skip
print(f"at 131,072 tokens: {2 * 2 * 32 * 32 * 128 * 131072 / 1e9:.0f} GB with 32 heads, "
      f"{2 * 2 * 32 * 8 * 128 * 131072 / 1e9:.0f} GB with 8, {mamba_state * 1e3:.0f} MB as a state")  # fmt: skip

# %% [markdown]
# **Grouped-query attention** (Ainslie et al. 2023) lets several queries share one head of keys and values. The course's
# model does so too: 4 heads of queries, 2 of keys. Week 7 returns to this cache.

# %% [markdown]
# ## 4. Mixture of experts: many parameters, few at work
#
# Replace a block's MLP by E of them, the **experts**, and let a small **router** choose k for each token. The model has
# E times the MLP's parameters and does k times the MLP's work (Shazeer et al. 2017).
#
# **Before you run**: Mixtral 8x7B has 8 experts a layer and uses 2. Does it have 8 · 7 = 56 billion parameters?

# %%
from transformers import MixtralConfig, MixtralForCausalLM

config = MixtralConfig(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
                       num_key_value_heads=8, num_local_experts=8, num_experts_per_tok=2)  # fmt: skip
with torch.device("meta"):
    mixtral = MixtralForCausalLM(config)
total = sum(p.numel() for p in mixtral.parameters())
in_experts = sum(p.numel() for name, p in mixtral.named_parameters() if ".experts." in name)
print(f"all {total / 1e9:.1f} billion, in experts {in_experts / total:.0%}, "
      f"at work on a token {(total - in_experts * 6 / 8) / 1e9:.1f} billion")  # fmt: skip

# %% [markdown]
# Not 56: attention and embeddings are there once. 46.7 and 12.9 billion are the authors' own figures (Jiang et al.
# 2024).
#
# ### The router's trouble: everyone to the same expert
#
# Experts learn from the tokens that they get. One that is a little better gets more tokens, and gets better still. Here
# are real token vectors (MiniLM's, of a scene of Macbeth) and a router with random weights.
#
# **Before you run**: with 8 experts, the fair share is 12.5%. What will the largest be?

# %%
minilm = encoder.load()
lines = [line for line in plays.spoken("macbeth").splitlines() if len(line) > 40][:120]
states = torch.cat([minilm.hidden_states(line)[3] for line in lines])
torch.manual_seed(0)
router = nn.Linear(states.shape[1], 8, bias=False)


def shares(router: nn.Linear) -> torch.Tensor:
    """The share of tokens whose first choice each expert is."""
    return router(states).argmax(-1).bincount(minlength=8) / len(states)


print(f"{len(states)} tokens, shares:", [f"{share:.0%}" for share in shares(router).tolist()])

# %% [markdown]
# The remedy of the Switch Transformer (Fedus et al. 2022) is a second loss. With $f_e$ the share of tokens that expert
# $e$ gets and $P_e$ its mean probability, add $E \sum_e f_e P_e$. It is 1 where all is fair, and more elsewhere. The
# shares are counts and have no gradient; the probabilities have one.

# %%
optimizer = torch.optim.AdamW(router.parameters(), lr=3e-3)
history = [shares(router)]
for _ in range(60):
    probabilities = router(states).softmax(-1)
    balance = 8 * (shares(router).detach() * probabilities.mean(0)).sum()
    balance.backward()
    optimizer.step()
    optimizer.zero_grad()
    history.append(shares(router))
figure, axes = pyplot.subplots(figsize=(7.5, 3.2))
axes.stackplot(range(61), *(100 * torch.stack(history).T), colors=[*plots.COLOURS, "#999999", "#44546a"])
axes.set(xlabel="steps on the balancing loss alone", ylabel="share of the tokens (%)", xlim=(0, 60), ylim=(0, 100),
         title="A small extra loss shares the tokens out")  # fmt: skip
axes.grid(False)
plots.show(figure, alt="Eight bands, one an expert, over sixty steps. At first one expert takes 42 percent of the "
           "tokens; at the end the bands are of similar width.")  # fmt: skip
print("largest share before and after:", f"{history[0].max():.0%}, {history[-1].max():.0%}")

# %% [markdown]
# On a machine each expert also has a **capacity**, the most tokens that it takes in a batch. What comes later is
# dropped there and goes on by the residual stream alone. In the assignment you write that rule: `moe_route`.
#
# A mixture saves *work*, not memory: all experts must be at hand. So it suits those who serve many users at once.

# %% [markdown]
# ## 5. Retrieval: look it up
#
# Must everything be in the weights? A **kNN language model** (Khandelwal et al. 2020) keeps a table: for each place of
# a text a vector of what stood before, and the token that came next. To predict, find the contexts most like the
# present one, and mix what came after them with the model's own guess.
#
# As the model we take a bigram count on ten plays. A context's vector is the mean of MiniLM's embeddings of the last
# four tokens, the newest counting most.
#
# **Before you run**: at which mixture will the perplexity of an unseen play be lowest: 0%, 10%, 50%, 100% from the
# table?

# %%
KNOWN = plays.titles()[:10]
read = minilm.tokenizer(" ".join(plays.spoken(t)[:30000] for t in KNOWN), add_special_tokens=False, verbose=False)
new = minilm.tokenizer(plays.spoken(plays.titles()[20])[:8000], add_special_tokens=False, verbose=False)
ids, unseen = torch.tensor(read.input_ids), torch.tensor(new.input_ids)
table, size = F.normalize(minilm.embedding_table(), dim=-1), len(minilm.tokenizer)


def contexts(ids: torch.Tensor) -> torch.Tensor:
    """What stood before each token from the fifth on: (T − 4, 384), of length 1."""
    vectors = table[ids]
    mixed = sum(
        weight * vectors[4 - back : len(ids) - back] for back, weight in ((1, 1.0), (2, 0.7), (3, 0.4), (4, 0.2))
    )
    return F.normalize(mixed, dim=-1)


likeness, places = (contexts(unseen) @ contexts(ids).T).topk(64)
weights = (30 * likeness).softmax(-1)
looked_up = (weights * (ids[4:][places] == unseen[4:, None])).sum(-1)

pairs = torch.bincount(ids[:-1] * size + ids[1:], minlength=0)
singles = torch.bincount(ids, minlength=size)
key = unseen[3:-1] * size + unseen[4:]
seen = torch.where(key < len(pairs), pairs[key.clamp(max=len(pairs) - 1)], torch.zeros_like(key))
unigram = (singles[unseen[4:]] + 1) / (len(ids) + size)
bigram = (seen + 20 * unigram) / (singles[unseen[3:-1]] + 20)

mixtures = torch.linspace(0, 0.9, 10)
perplexities = [(-((1 - m) * bigram + m * looked_up).log().mean()).exp().item() for m in mixtures]
best = min(range(10), key=perplexities.__getitem__)
print(f"bigrams alone {perplexities[0]:.0f}, with {mixtures[best]:.0%} from the table {perplexities[best]:.0f}")

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 3))
axes.plot(100 * mixtures, perplexities, "o-")
axes.set(xlabel="share taken from the table (%)", ylabel="perplexity of an unseen play", ylim=(0, None),
         title="A table of contexts helps a little")  # fmt: skip
plots.show(figure, alt="Perplexity against the share taken from the table: it falls at first, has a lowest point, and "
           "rises towards a share of 90 percent.")  # fmt: skip

# %% [markdown]
# A gain of a few percent. The table knows what the counts cannot: four tokens of context. Where it has never seen the
# token, it gives it no chance, so alone its perplexity would be infinite. **RETRO** (Borgeaud et al. 2022) builds the
# look-up into the layers; most systems of today put what they find into the prompt. Week 5 is about that.

# %% [markdown]
# ## 6. Images: a patch is a token
#
# A **vision transformer** (Dosovitskiy et al. 2021) cuts an image into patches, makes each a vector by one matrix, adds
# positions, and goes on as with text. Our images are real digits of 8 × 8 pixels. Patches of 2 × 2 make 16 tokens of 4
# numbers.

# %%
parts = digits.split()
images = torch.tensor(parts.train.images, dtype=torch.float32).view(-1, 1, 8, 8)
labels = torch.tensor(parts.train.labels)
test_images = torch.tensor(parts.test.images, dtype=torch.float32).view(-1, 1, 8, 8)
test_labels = torch.tensor(parts.test.labels)

patches = images[0, 0].unfold(0, 2, 2).unfold(1, 2, 2)
figure, all_axes = pyplot.subplots(4, 4, figsize=(2.6, 2.9))
for axes, patch in zip(all_axes.flat, patches.flatten(0, 1), strict=True):
    axes.imshow(patch, cmap="gray_r", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
figure.suptitle(f"A {labels[0]} as 16 tokens", fontsize=11, fontweight="bold")
plots.show(figure, alt=f"A handwritten {labels[0]} cut into a grid of four by four patches of two by two pixels.")

# %% [markdown]
# The library makes the vectors by a convolution whose step is its width. That is the same matrix, applied to each
# patch.
#
# **Before you run**: is the model told that patch 5 lies *below* patch 1?

# %%
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(0)
config = ViTConfig(image_size=8, patch_size=2, num_channels=1, hidden_size=48, num_hidden_layers=2,
                   num_attention_heads=4, intermediate_size=96, num_labels=10, hidden_dropout_prob=0.0)  # fmt: skip
vit = ViTForImageClassification(config)
projection = vit.vit.embeddings.patch_embeddings.projection
with torch.no_grad():
    matrix, bias = projection.weight.flatten(1), projection.bias
    same = torch.allclose(patches.reshape(16, 4) @ matrix.T + bias, projection(images[:1]).flatten(2)[0].T, atol=1e-5)
print("a convolution with step 2 is one matrix for each patch:", same)

optimizer = torch.optim.AdamW(vit.parameters(), lr=3e-3)
for _ in range(12):
    order = torch.randperm(len(images))
    for rows in order.split(64):
        F.cross_entropy(vit(images[rows]).logits, labels[rows]).backward()
        optimizer.step()
        optimizer.zero_grad()
vit.eval()
with torch.no_grad():
    right = (vit(test_images).logits.argmax(-1) == test_labels).float().mean()
    shuffled = test_images.view(-1, 4, 2, 4, 2).transpose(2, 3).reshape(-1, 16, 4)[:, torch.randperm(16)]
    shuffled = shuffled.view(-1, 4, 4, 2, 2).transpose(2, 3).reshape(-1, 1, 8, 8)
    moved = (vit(shuffled).logits.argmax(-1) == test_labels).float().mean()
print(f"right on {len(test_labels)} unseen digits: {right:.0%}; with all patches shuffled in one way: {moved:.0%}")

# %% [markdown]
# It is told nothing. Positions are learnt, one vector a place, and shuffled patches are nonsense to it, as a shuffled
# sentence is. A convolutional network knows what is near from the start; a ViT must learn it, and so it wants more
# data.
#
# ### CLIP: images and texts in one space
#
# **CLIP** (Radford et al. 2021) trains two towers, one for images and one for texts. The vectors of a pair should
# agree, those of all other pairs in the batch should not. It is cross-entropy in both directions over a table of
# cosines.
#
# Our text tower is MiniLM as it is, with one matrix after it. Our image tower is a small network. Captions come in
# three wordings; a fourth is kept for the test.

# %%
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
WORDINGS = ["the digit {}", "a handwritten {}", "number {} in black ink", "somebody wrote a {} here"]


@torch.no_grad()
def meaning(text: str) -> torch.Tensor:
    """The mean of MiniLM's last hidden states."""
    return minilm.hidden_states(text)[-1].mean(0)


captions = torch.stack([torch.stack([meaning(w.format(word)) for word in WORDS]) for w in WORDINGS])  # (4, 10, 384)
torch.manual_seed(0)
see = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 32))
read_text, sharpness = nn.Linear(384, 32), nn.Parameter(torch.tensor(2.0))
parameters = [*see.parameters(), *read_text.parameters(), sharpness]


def agreement(pictures: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """Cosines of all pictures with all texts, made sharper: (pictures, texts)."""
    return sharpness.exp() * F.normalize(see(pictures), dim=-1) @ F.normalize(read_text(texts), dim=-1).T


optimizer = torch.optim.AdamW(parameters, lr=3e-3)
for _ in range(400):
    rows = torch.stack([torch.nonzero(labels == digit)[torch.randint(90, (1,))].squeeze() for digit in range(10)])
    table_of_cosines = agreement(images[rows], captions[torch.randint(3, (10,)), torch.arange(10)])
    target = torch.arange(10)
    (F.cross_entropy(table_of_cosines, target) + F.cross_entropy(table_of_cosines.T, target)).backward()
    optimizer.step()
    optimizer.zero_grad()

# %% [markdown]
# No class was ever shown as a number. To classify, write a sentence for each class, and take the one that agrees most.
#
# **Before you run**: with the wording never seen in training, what share of the test images is right?

# %%
with torch.no_grad():
    for number in (0, 3):
        chosen = agreement(test_images, captions[number]).argmax(-1)
        print(f"{WORDINGS[number].format('…'):28s}{(chosen == test_labels).float().mean():4.0%}")
    one_each = torch.stack([test_images[test_labels == digit][0] for digit in range(10)])
    cosines = agreement(one_each, captions[3]) / sharpness.exp()
figure, axes = pyplot.subplots(figsize=(6.2, 4.4))
plots.heatmap(axes, cosines.tolist(), [f"image of {digit}" for digit in range(10)], WORDS, signed=True, limit=1.0,
              numbers=".1f")  # fmt: skip
axes.set_title("Each image agrees with its own sentence")
plots.show(figure, alt="A table of cosines, images in rows and sentences in columns; the diagonal is the largest of "
           "its row in nearly every row.")  # fmt: skip

# %% [markdown]
# That is *zero-shot* classification: new sentences, no training. It is not magic. Train again without any image of a 7
# (`labels != 7`), and ask for "seven": the image tower has no idea what a 7 looks like. The real CLIP read 400 million
# pairs, so there is little that it has not seen.

# %% [markdown]
# ## What to remember
#
# | architecture | kept for each text | sees far back | trained in parallel |
# |---|---|---|---|
# | RNN, LSTM | fixed | poorly, better | no |
# | attention | grows | exactly | yes |
# | grouped, windowed attention | grows less | exactly, within the window | yes |
# | linear attention, RWKV, Mamba | fixed | what fits in | yes, by another form |
# | mixture of experts | as attention | exactly | yes; fewer operations a token |
# | retrieval | a table outside | what is found | yes |
#
# **Limits.** All models here are tiny and trained for seconds, so no figure ranks architectures. It takes runs of equal
# cost at several sizes (lesson 3) to say which is better, and for text of the usual length a good transformer is hard
# to beat.
#
# **Try it**
# - In `remembers`, open the LSTM's forget gates at the start (`bias_hh_l0`), as in section 1. Does T = 40 work now?
# - Give the state of section 2 keys that do not overlap (rows of `torch.eye`). How many pairs fit, exactly?
# - **For the real world.** With a network, `CLIPModel.from_pretrained("openai/clip-vit-base-patch32")` takes any photo
#   and sentences of yours; `AutoModelForCausalLM.from_pretrained("state-spaces/mamba-130m-hf")` writes with a fixed
#   state.

# %% [markdown]
# ## Three questions
#
# **1. Linear attention has a parallel and a recurrent form. When do you use which?**
#
# <details><summary>Answer</summary>
#
# In training all tokens are known, so the parallel form uses the machine well. When writing, tokens come one at a time,
# so the recurrence does a fixed amount of work and keeps a fixed state.
# </details>
#
# **2. A mixture of experts has 47 billion parameters, 13 of them at work on a token. On a card with memory for 15
# billion, does it run?**
#
# <details><summary>Answer</summary>
#
# Not without moving weights about: the next token may choose other experts, so all 47 must be at hand. Only the work is
# that of a 13-billion model.
# </details>
#
# **3. Why does softmax attention recall any number of pairs where a linear state blurs?**
#
# <details><summary>Answer</summary>
#
# It keeps every key apart and compares the query with each, and the softmax sharpens the best match. The state has
# added all pairs up in one table, where keys that are not orthogonal leak into each other.
# </details>

# %% [markdown]
# ## Where this comes from
#
# - Forgetting: Bengio et al., 1994, [doi:10.1109/72.279181](https://doi.org/10.1109/72.279181); LSTM: Hochreiter and
#   Schmidhuber, 1997, [doi:10.1162/neco.1997.9.8.1735](https://doi.org/10.1162/neco.1997.9.8.1735)
# - Linear attention: Katharopoulos et al., 2020, [arXiv:2006.16236](https://arxiv.org/abs/2006.16236); RetNet: Sun et
#   al., 2023, [arXiv:2307.08621](https://arxiv.org/abs/2307.08621); RWKV: Peng et al., 2023,
#   [arXiv:2305.13048](https://arxiv.org/abs/2305.13048)
# - Mamba: Gu and Dao, 2023, [arXiv:2312.00752](https://arxiv.org/abs/2312.00752); copying: Jelassi et al., 2024,
#   [arXiv:2402.01032](https://arxiv.org/abs/2402.01032); Jamba: Lieber et al., 2024,
#   [arXiv:2403.19887](https://arxiv.org/abs/2403.19887)
# - Grouped queries: Ainslie et al., 2023, [arXiv:2305.13245](https://arxiv.org/abs/2305.13245); windows: Jiang et al.,
#   *Mistral 7B*, 2023, [arXiv:2310.06825](https://arxiv.org/abs/2310.06825)
# - Mixtures: Shazeer et al., 2017, [arXiv:1701.06538](https://arxiv.org/abs/1701.06538); Switch: Fedus et al., 2022,
#   [arXiv:2101.03961](https://arxiv.org/abs/2101.03961); Mixtral: Jiang et al., 2024,
#   [arXiv:2401.04088](https://arxiv.org/abs/2401.04088)
# - Retrieval: Khandelwal et al., 2020, [arXiv:1911.00172](https://arxiv.org/abs/1911.00172); RETRO: Borgeaud et al.,
#   2022, [arXiv:2112.04426](https://arxiv.org/abs/2112.04426)
# - ViT: Dosovitskiy et al., 2021, [arXiv:2010.11929](https://arxiv.org/abs/2010.11929); CLIP: Radford et al., 2021,
#   [arXiv:2103.00020](https://arxiv.org/abs/2103.00020)
#
# This was week 3. The assignment is `pretraining`.
