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
# # One block, then many: how a transformer is stacked
#
# Week 1, lesson 4 · 50 to 60 minutes · runs in about half a minute
#
# **You will be able to**
# - say what the residual stream is, and measure what each layer adds to it in a real model;
# - compute LayerNorm and RMSNorm by hand, and say what each of them throws away;
# - size a SwiGLU MLP so that it has as many parameters as a plain one;
# - show why norms moved from after the addition to before it;
# - read BERT, T5, GPT-2 and Llama as four settings of one drawing, and count their parameters exactly;
# - train a small decoder on Shakespeare's plays and watch its loss fall.
#
# **You need first**: lessons 2 (attention, masks) and 3 (positions). The primer's part on gradients helps in section
# 1.

# %%
import math

import torch
import torch.nn.functional as F
from matplotlib import pyplot
from torch import nn

from course import block_explorer, blocks, encoder, ngrams, plays, plots, small_models

torch.set_num_threads(1)  # models this small gain nothing from a second thread, and lose much on a busy machine
torch.set_printoptions(precision=3, sci_mode=False)

# %% [markdown]
# ## 1. Why not one layer after another?
#
# The plain way to stack layers is $h_{l+1} = f_l(h_l)$: each layer replaces what it gets. Transformers do $h_{l+1} =
# h_l + f_l(h_l)$: each layer **adds** to it. The sum that runs through the whole model is called the **residual
# stream**. Layers read from it and write to it.
#
# **By hand**, with numbers in the place of vectors. Let every layer be $f(h) = 0.1\,h$, and take three layers.
# - Replacing: $1 \to 0.1 \to 0.01 \to 0.001$. The slope of the last with respect to the first is $0.1^3 = 0.001$.
# - Adding: $1 \to 1.1 \to 1.21 \to 1.331$. The slope is $1.1^3 = 1.331$.
#
# In the first case, the gradient that reaches layer one has nearly vanished. In the second there is always the 1 of
# the direct path.
#
# **Before you run**: 30 real layers (64 features, tanh). We measure the gradient's norm at each depth, going back from
# layer 30. By what factor has it changed when it arrives at layer 0, without and with adding?

# %%
DEPTH = 30


def gradients_by_depth(adding: bool) -> list[float]:
    """Norm of the gradient at the input of each of DEPTH layers and at the last output."""
    torch.manual_seed(0)
    layers = [nn.Linear(64, 64) for _ in range(DEPTH)]
    stream = [torch.randn(32, 64, requires_grad=True)]
    for layer in layers:
        update = torch.tanh(layer(stream[-1]))
        stream.append(stream[-1] + update if adding else update)
        stream[-1].retain_grad()
    stream[-1].sum().backward()
    return [state.grad.norm().item() for state in stream]


replacing, adding = gradients_by_depth(adding=False), gradients_by_depth(adding=True)
for name, norms in [("replacing", replacing), ("adding", adding)]:
    print(f"{name:9}: from layer 30 to layer 0 the gradient changes by a factor of {norms[0] / norms[-1]:.0e}")

# %%
figure, axes = pyplot.subplots(figsize=(8, 3.6))
axes.semilogy(replacing, color=plots.ORANGE, ls="--", label="each layer replaces")
axes.semilogy(adding, color=plots.BLUE, label="each layer adds")
axes.set(xlabel="depth (layer)", ylabel="norm of the gradient", title="Adding keeps a way open for the gradient")
axes.legend()
plots.show(
    figure,
    alt="Gradient norm on a logarithmic scale against depth 0 to 30. With replacing layers it falls in a straight line "
    "by seven orders of magnitude from layer 30 back to layer 0. With adding layers it stays within one order.",
)

# %% [markdown]
# ResNets brought this idea to images (He et al. 2015), and it is in every transformer since.
#
# ### The stream of a real model
#
# Let us look into MiniLM while it reads a line of *Hamlet*. We note, for each of its six layers, the length of the
# stream's vectors and the length of what attention and the MLP add. A *hook* is a function that PyTorch calls when a
# module has run.
#
# **Before you run**: which writes more into the stream, attention or the MLP?

# %%
minilm = encoder.load()
line = "My lord, as I was sewing in my closet, Lord Hamlet, with his doublet all unbraced, comes before me."
seen: dict[tuple[str, int], torch.Tensor] = {}


def note(name: str, layer: int):
    """A hook that keeps what a module gave out, for the one text of the batch: (tokens, features)."""

    def hook(module, inputs, output):
        seen[name, layer] = output[0].detach()

    return hook


hooks = []
for number, layer in enumerate(minilm.model.encoder.layer):
    hooks.append(layer.attention.output.dense.register_forward_hook(note("attention", number)))
    hooks.append(layer.output.dense.register_forward_hook(note("MLP", number)))
    hooks.append(layer.register_forward_hook(note("stream", number)))
with torch.no_grad():
    minilm.model(torch.tensor([minilm.ids(line)]))
for hook in hooks:
    hook.remove()

print("layer  attention adds  MLP adds  stream after")
for number in range(6):
    length = {name: seen[name, number].norm(dim=-1).mean() for name in ("attention", "MLP", "stream")}
    print(f"{number:5} {length['attention']:15.1f} {length['MLP']:9.1f} {length['stream']:13.1f}")

# %%
states = minilm.hidden_states(line)  # (7, tokens, 384): before the first layer and after each
to_last = F.cosine_similarity(states[:-1], states[1:], dim=-1).mean(1)
to_start = F.cosine_similarity(states[:1], states, dim=-1).mean(1)
print("cosine of each state with the one before:", to_last)
print("cosine of each state with the first     :", to_start)

# %% [markdown]
# The MLP writes more, in every layer. From layer to layer most of the vector stays (cosines near 0.9, but for the last
# layer), while over six layers it drifts far from the word that it started as. That is the picture to keep: **a
# token's vector is a page on which every layer writes a little more.**
#
# The stream's length hardly changes. That is no accident: MiniLM is a BERT, and BERT normalises the stream after each
# addition. Which brings us to norms.

# %% [markdown]
# ## 2. LayerNorm and RMSNorm
#
# A vector in the stream may be long or short. A layer works best when its input always has about the same size. So we
# rescale it, for every token by itself.
#
# **By hand**, for $x = (1, 2, 3, 6)$:
# - **LayerNorm** takes away the mean (3), which leaves $(-2, -1, 0, 3)$, and divides by the standard deviation,
#   $\sqrt{(4 + 1 + 0 + 9)/4} = 1.87$. Result: $(-1.07, -0.53, 0, 1.60)$.
# - **RMSNorm** does not take away anything. It divides by the root of the mean of the squares, $\sqrt{(1 + 4 + 9 +
#   36)/4} = 3.54$. Result: $(0.28, 0.57, 0.85, 1.70)$.
#
# Both then multiply each feature by a learned weight; LayerNorm also adds a learned bias.
#
# **Before you run**: which of the two results change for $100x$? Which for $x + 5$?

# %%
x = torch.tensor([1.0, 2.0, 3.0, 6.0])
layer_norm, rms_norm = nn.LayerNorm(4), nn.RMSNorm(4, eps=1e-6)
with torch.no_grad():
    for name, vector in [("x", x), ("100 x", 100 * x), ("x + 5", x + 5)]:
        print(f"{name:6} LayerNorm {layer_norm(vector).numpy().round(2)}   RMSNorm {rms_norm(vector).numpy().round(2)}")

# %% [markdown]
# Neither sees the length. LayerNorm does not see a shift that is common to all features either. RMSNorm does.
#
# A picture says what is thrown away. We take random arrows with **two** features.
#
# **Before you run**: after LayerNorm, where can an arrow with two features point?

# %%
arrows = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
figure, panels = pyplot.subplots(1, 3, figsize=(9.5, 3.5))
with torch.no_grad():
    results = [
        ("in", arrows),
        ("RMSNorm: a circle", nn.RMSNorm(2)(arrows)),
        ("LayerNorm: two points", nn.LayerNorm(2)(arrows)),
    ]
for axes, (title, points) in zip(panels, results, strict=True):
    axes.scatter(
        *points.T, c=torch.atan2(arrows[:, 1], arrows[:, 0]), cmap="twilight", s=28, edgecolors=plots.INK, lw=0.4
    )
    axes.set(xlim=(-2.7, 2.7), ylim=(-2.7, 2.7), aspect="equal", xlabel="feature 1", title=title)
panels[0].set_ylabel("feature 2")
plots.show(
    figure,
    alt="Three scatter plots of the same 60 arrows. In: a cloud. After RMSNorm: all on a circle of radius 1.4. After "
    "LayerNorm: all on two points, (1, -1) and (-1, 1).",
)

# %% [markdown]
# RMSNorm keeps the direction and drops the length. LayerNorm drops one direction more: the mean over features. With
# two features that is half of everything. With 384 it is one direction of 384. How much of MiniLM's stream lies in it?

# %%
stream = torch.cat([seen["stream", number] for number in range(6)])
along_mean = stream.mean(-1).pow(2) * stream.shape[-1] / stream.pow(2).sum(-1)
print(f"share of the squared length in the direction of the mean: {along_mean.mean():.2%}")
print(f"a random direction of 384 would have:                     {1 / 384:.2%}")

# %% [markdown]
# Little, here. (Careful: these vectors have come out of a LayerNorm with learned weights, which had taken the mean
# away.) Zhang and Sennrich (2019) found that models do as well without the step, and RMSNorm is cheaper. Llama, T5 and
# most models since use it.
#
# **Two details that matter in code.**
# - Where is the mean taken? Over the **features of one token**. Not over the batch, not over time. Otherwise a token
#   would see its neighbours, and in a decoder its future.
# - What if $x = 0$? Then we divide by zero. So a small number, *eps*, is added under the root.

# %%
sentence = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
changed = sentence.clone()
changed[4] *= 50
norm = nn.RMSNorm(8, eps=1e-6)
with torch.no_grad():
    print(
        "token 4 made 50 times longer: tokens 0 to 3 moved by",
        (norm(sentence)[:4] - norm(changed)[:4]).abs().max().item(),
    )
    print("zeros stay zeros:", norm(torch.zeros(1, 8)))

# %% [markdown]
# ### The same in the library
#
# PyTorch has `nn.LayerNorm` and `nn.RMSNorm`; Llama in `transformers` has its own class. One comparison:

# %%
from transformers.models.llama.modeling_llama import LlamaRMSNorm

with torch.no_grad():
    print("LlamaRMSNorm:", LlamaRMSNorm(4)(x), " by hand:", x / math.sqrt((1 + 4 + 9 + 36) / 4))

# %% [markdown]
# ## 3. The MLP: two thirds of the layer's weights
#
# Attention moves information between tokens. The MLP works on each token alone: widen, bend, narrow again.
#
# $$\text{MLP}(x) = W_2\, \phi(W_1 x)$$
#
# $\phi$ is the bend. Without it, $W_2 W_1$ would be one matrix.

# %%
grid = torch.linspace(-4, 4, 200)
figure, axes = pyplot.subplots(figsize=(7.5, 3.5))
for name, bend, line_style in [
    ("ReLU (T5)", F.relu, ":"),
    ("GELU (BERT, GPT-2)", F.gelu, "--"),
    ("SiLU (Llama)", F.silu, "-"),
]:
    axes.plot(grid, bend(grid), ls=line_style, label=name)
axes.set(xlabel="input", ylabel="output", title="Three bends: negative inputs are (nearly) switched off")
axes.legend()
plots.show(
    figure,
    alt="ReLU, GELU and SiLU from -4 to 4. All follow the input for large positive values and go to 0 for large "
    "negative "
    "ones; GELU dips slightly below 0 around -0.7, SiLU around -1.3.",
)

# %% [markdown]
# ### What does one neuron do?
#
# A row of $W_1$ is a pattern. Its product with a token says how well the token fits. The column of $W_2$ that belongs
# to it is what is written into the stream then. (Geva et al. 2021 read MLPs as memories of keys and values in this
# sense.)
#
# We run 240 lines of *Hamlet* through MiniLM and ask some of the 1,536 neurons of its fourth layer: which ten tokens
# excite you most?

# %%
lines = [spoken for spoken in plays.spoken("hamlet").splitlines() if len(spoken) > 25][:240]
activations: list[torch.Tensor] = []
hook = minilm.model.encoder.layer[3].intermediate.register_forward_hook(lambda m, i, out: activations.append(out[0]))
tokens: list[str] = []
with torch.no_grad():
    for spoken in lines:
        tokens += minilm.tokens(spoken)
        minilm.model(torch.tensor([minilm.ids(spoken)]))
hook.remove()
excited = torch.cat(activations)  # (tokens, neurons)
excited[[token in ("[CLS]", "[SEP]") for token in tokens]] = 0

print(
    f"{len(tokens):,} tokens, {excited.shape[1]:,} neurons; "
    f"{(excited > 0).float().mean():.0%} of all activations are positive"
)
for neuron in (894, 966, 500, 346, 100):
    best = excited[:, neuron].topk(10).indices.tolist()
    print(f"neuron {neuron:4}:", " ".join(tokens[i] for i in best))

# %% [markdown]
# One for *you*, one for *he* and *his*, one that seems to gather negation and modal verbs. And then number 100, which
# says nothing to us. Most are like that: features outnumber neurons and share them. Do not trust a neat story about
# one neuron.
#
# **Try it**: put other numbers below 1,536 into the tuple. How many do you need before you find a clear one?
#
# ### SwiGLU: a gate, at the same price
#
# Llama's MLP has a third matrix. One branch decides how far the other is let through:
#
# $$\text{SwiGLU}(x) = W_{down}\big(\text{SiLU}(W_{gate}\,x) \odot W_{up}\,x\big)$$
#
# **By hand**, for one neuron: gate 2, up 3. SiLU(2) = 2 · σ(2) = 2 · 0.881 = 1.762. Times 3: 5.285. With gate −4:
# SiLU(−4) = −4 · 0.018 = −0.072. Times 3: −0.216, nearly shut.

# %%
for gate, up in [(2.0, 3.0), (-4.0, 3.0)]:
    print(f"gate {gate:4}: SiLU {F.silu(torch.tensor(gate)):6.3f}, let through {F.silu(torch.tensor(gate)) * up:6.3f}")

# %% [markdown]
# Three matrices instead of two: for a fair comparison the middle must be narrower. A plain MLP of width $d$ has a
# middle of $4d$, so $2 \cdot d \cdot 4d = 8d^2$ weights. Three matrices with a middle of $h$ have $3dh$.
#
# **Before you run**: which $h$ gives the same number? For $d = 4096$, what is it?

# %%
width = 4096
h = 8 * width / 3
print(f"equal weights at h = 8d/3 = {h:.1f}")
print(f"up to the next multiple of 256: {math.ceil(h / 256) * 256}, as in Llama 7B: {blocks.LLAMA.hidden}")
print(f"weights: plain {2 * width * 4 * width:,}, SwiGLU {3 * width * blocks.LLAMA.hidden:,}")

# %% [markdown]
# 11,008: one of those odd numbers in a config that turn out to be arithmetic.
#
# **Limits.** Why is the gate better at the same price? Shazeer (2020), who measured it, offers no explanation, and
# credits "divine benevolence". It is an empirical finding.

# %% [markdown]
# ## 4. Before or after? Where the norm stands
#
# - **Post-norm** (2017, BERT): $h \leftarrow \text{Norm}(h + f(h))$. The norm stands *on* the stream.
# - **Pre-norm** (GPT-2, Llama): $h \leftarrow h + f(\text{Norm}(h))$. The norm stands on the *branch*. The stream
#   itself runs from the first layer to the last with nothing but additions, and one norm at the very end.
#
# PyTorch's `nn.TransformerEncoderLayer` has a switch for it, `norm_first`. We build stacks of 3 to 48 layers with
# Xavier's initial weights, as in 2017, and measure at the very first step, before any training.
#
# **Before you run**: how does the length of the stream's vectors change from layer to layer: for post-norm? for
# pre-norm?

# %%


def stack(depth: int, norm_first: bool, width: int = 64, seed: int = 0) -> nn.Sequential:
    """Layers of self-attention and MLP with Xavier's weights, and a last norm if they are pre-norm."""
    torch.manual_seed(seed)
    settings = {"dropout": 0.0, "batch_first": True, "norm_first": norm_first}
    layers = nn.Sequential(*(nn.TransformerEncoderLayer(width, 4, 4 * width, **settings) for _ in range(depth)))
    for weight in layers.parameters():
        if weight.dim() == 2:
            nn.init.xavier_uniform_(weight)
    return layers.append(nn.LayerNorm(width) if norm_first else nn.Identity())


def first_step(depth: int, norm_first: bool, seed: int) -> tuple[list[float], list[float]]:
    """Length of the stream after each layer, and the gradient's norm at each layer's last matrix."""
    layers = stack(depth, norm_first, seed=seed)
    head = nn.Linear(64, 50)
    stream, lengths = torch.randn(8, 32, 64), []
    for layer in layers[:-1]:
        stream = layer(stream)
        lengths.append(stream.norm(dim=-1).mean().item())
    F.cross_entropy(head(layers[-1](stream)).flatten(0, 1), torch.randint(50, (256,))).backward()
    return lengths, [layer.linear2.weight.grad.norm().item() for layer in layers[:-1]]


depths = (3, 6, 12, 24, 48)
at_start = {}
for norm_first in (False, True):
    for depth in depths:
        runs = torch.tensor([first_step(depth, norm_first, seed) for seed in range(3)])  # (3, 2, depth)
        at_start[norm_first, depth] = runs.mean(0)

for norm_first, name in [(False, "post-norm"), (True, "pre-norm ")]:
    print(name, "stream's length after layer 1 and 48:", at_start[norm_first, 48][0, [0, -1]])

# %%
figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.9))
for norm_first, name, colour, line_style in [
    (False, "post-norm", plots.ORANGE, "--"),
    (True, "pre-norm", plots.BLUE, "-"),
]:
    left.plot(range(1, 49), at_start[norm_first, 48][0], color=colour, ls=line_style, label=name)
    last = [at_start[norm_first, depth][1, -1] for depth in depths]
    right.loglog(depths, last, "o", color=colour, ls=line_style, label=name)
reference = at_start[True, 3][1, -1] * torch.tensor([math.sqrt(3 / depth) for depth in depths])
right.loglog(depths, reference, color=plots.MUTED, ls=":", label="1/√depth")
right.set_xticks(depths, depths)
right.minorticks_off()
left.set(xlabel="layer", ylabel="length of the stream's vectors", title="Pre-norm's stream grows")
right.set(
    xlabel="layers in the model",
    ylabel="gradient at the last layer's MLP",
    title="Post-norm's last gradients stay large",
)
left.legend()
right.legend()
plots.show(
    figure,
    alt="Left: length of the stream against layer in a stack of 48: constant at 8 for post-norm, growing from 9 to "
    "several times that for pre-norm. Right: gradient norm at the last layer against the number of layers: "
    "roughly constant "
    "for post-norm, falling about as one over the square root of depth for pre-norm.",
)

# %% [markdown]
# Post-norm holds the stream at $\sqrt{64} = 8$. And its last layers get the same large gradient however deep the model
# is. Xiong et al. (2020) proved this for the first step, and drew the conclusion: post-norm needs a *warm-up*, a slow
# start of the learning rate, or its first steps are too violent. In pre-norm each layer's part of a growing stream
# becomes smaller, and so does its gradient.
#
# Does it matter? Two models of 12 layers, same rate, no warm-up, 60 steps on the plays. A model that knows only how
# frequent each character is has a loss of about the dotted line below.
#
# **Before you run**: which one learns?

# %%
# NBVAL_IGNORE_OUTPUT
# Training adds up rounding errors, which differ between processors: the second digit may move.
data = small_models.characters()
frequency = torch.bincount(data.train).double() / len(data.train)
only_frequencies = -(frequency[data.test].log()).mean().item()


class Decoder(nn.Module):
    """Characters and learned positions into a causal stack; answers with logits, as the library's models do."""

    def __init__(self, depth: int, norm_first: bool, width: int = 48, length: int = 32):
        super().__init__()
        self.layers = stack(depth, norm_first, width)
        self.tokens, self.places = nn.Embedding(len(data.alphabet), width), nn.Embedding(length, width)
        self.head = nn.Linear(width, len(data.alphabet))
        self.mask = nn.Transformer.generate_square_subsequent_mask(length)

    def forward(self, input_ids, use_cache=False):
        stream = self.tokens(input_ids) + self.places.weight
        for layer in self.layers[:-1]:
            stream = layer(stream, src_mask=self.mask, is_causal=True)
        return type("Answer", (), {"logits": self.head(self.layers[-1](stream))})


falls = {}
for norm_first, name in [(False, "post-norm"), (True, "pre-norm")]:
    model = Decoder(12, norm_first)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    chance, falls[name] = torch.Generator().manual_seed(0), []
    for _ in range(60):
        loss = small_models.losses(model, small_models.excerpts(data.train, 32, 8, chance)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        falls[name].append(loss.item())
    print(f"{name:9}: mean loss of the last ten steps {sum(falls[name][-10:]) / 10:.2f}")
print(f"knowing frequencies only: {only_frequencies:.2f}")

# %%
figure, axes = pyplot.subplots(figsize=(7.5, 3.5))
axes.plot(falls["post-norm"], color=plots.ORANGE, ls="--", label="post-norm, 12 layers")
axes.plot(falls["pre-norm"], color=plots.BLUE, label="pre-norm, 12 layers")
axes.axhline(only_frequencies, color=plots.MUTED, ls=":", label="knows frequencies only")
axes.set(xlabel="step", ylabel="loss (nats a character)", title="Without warm-up, only pre-norm gets going")
axes.legend()
plots.show(
    figure,
    alt="Loss against step for two models of 12 layers. Post-norm falls to the dotted line of character "
    "frequencies and stays "
    "near it. Pre-norm goes on below the line.",
)

# %% [markdown]
# Post-norm has learnt how often each character occurs, and is stuck. **Limits**: with warm-up and patience post-norm
# trains, and BERT is proof. In shallow stacks its end result is often the better one (Takase et al. 2022). And pre-norm
# has its own price: in a stream that has grown long, what late layers add counts for little. Newer models mix both
# (Gemma 2 has norms before *and* after each sublayer).

# %% [markdown]
# ## 5. Encoder, decoder, encoder-decoder: who sees whom
#
# The same block makes three kinds of model. What differs is who may look at whom.
# - **Encoder** (BERT): everyone sees everyone. Good for understanding a text that is all there.
# - **Decoder** (GPT, Llama): each token sees itself and the past. So it can be trained on every next token at once,
#   and can write.
# - **Encoder-decoder** (T5): an encoder reads the source; a decoder writes, and in each layer looks at the encoder's
#   output too (**cross-attention**: queries from the decoder, keys and values from the encoder).
#
# We need not believe the names. We can *measure* it: how much does output $i$ change when input $j$ changes? That is a
# gradient. Three library models with random weights, six tokens in, four out.
#
# **Before you run**: draw the four pictures: BERT, Llama, T5's decoder on its own input, T5's decoder on the encoder's
# input.

# %%
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaModel,
    T5Config,
    T5ForConditionalGeneration,
    T5Model,
)

torch.manual_seed(0)
small = {
    "vocab_size": 20,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.3,  # ten times the usual, so that tokens influence each other before any training
}
bert = BertModel(BertConfig(**small)).eval()
llama = LlamaModel(LlamaConfig(**small)).eval()
t5 = T5Model(T5Config(vocab_size=20, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)).eval()


def influence(run, inputs: torch.Tensor) -> torch.Tensor:
    """(outputs, inputs): how strongly each output token depends on each input token, largest of a row = 1."""
    inputs = inputs.clone().requires_grad_()
    outputs = run(inputs)[0]  # (T, features)
    weights = torch.randn(outputs.shape[-1], generator=torch.Generator().manual_seed(2))
    rows = [torch.autograd.grad(token @ weights, inputs, retain_graph=True)[0][0].norm(dim=-1) for token in outputs]
    table = torch.stack(rows)
    return table / table.amax(1, keepdim=True)


source, target = torch.randn(1, 6, 32), torch.randn(1, 4, 32)
tables = {
    "BERT": influence(lambda e: bert(inputs_embeds=e).last_hidden_state, source),
    "Llama": influence(lambda e: llama(inputs_embeds=e).last_hidden_state, source),
    "T5 decoder,\nits own input": influence(
        lambda e: t5(inputs_embeds=source, decoder_inputs_embeds=e).last_hidden_state, target
    ),
    "T5 decoder,\nencoder's input": influence(
        lambda e: t5(inputs_embeds=e, decoder_inputs_embeds=target).last_hidden_state, source
    ),
}

figure, panels = pyplot.subplots(1, 4, figsize=(10.5, 3.4))
for axes, (name, table) in zip(panels, tables.items(), strict=True):
    # Square root: weak influence must not look like none.
    plots.heatmap(
        axes, table.sqrt(), [str(i) for i in range(len(table))], [str(j) for j in range(table.shape[1])], limit=1.0
    )
    for i, j in (table == 0).nonzero().tolist():
        axes.text(j, i, "·", ha="center", va="center", color=plots.MUTED)
    axes.set(xlabel="input token", aspect="equal")
    axes.set_title(name, fontsize=11)
panels[0].set_ylabel("output token")
plots.show(
    figure,
    alt="Four tables of influence of inputs on outputs; a dot marks exactly none. BERT: full square. Llama: lower "
    "triangle only. "
    "T5's decoder on its own input: lower triangle. T5's decoder on the encoder's input: a full 4 by 6 rectangle.",
)
for name, table in tables.items():
    print(f"{' '.join(name.split()):28} {int((table == 0).sum()):2} of {table.numel()} influences are exactly zero")

# %% [markdown]
# A dot is an *exact* zero: no path at all, through any layer. One future token let through would fill the corner. That
# is a test worth having for any decoder that you write.
#
# **Limits.** The kinds blur: a decoder may see a prompt in both directions (a *prefix* mask), and a decoder can be
# made into an encoder by dropping its mask and training on.

# %% [markdown]
# ## 6. One drawing, four settings
#
# You now have all parts. Norm: which, and where. Positions: added, turned, or a bias. MLP: plain or gated. Mask: all,
# the past, plus cross-attention or not. Four models, drawn by *one* function from their settings. T5 is drawn as its
# decoder; its encoder is the same without the middle part.
#
# **Before you run**: what differs between GPT-2 and Llama? Name four things.

# %%
family = (blocks.BERT, blocks.T5, blocks.GPT2, blocks.LLAMA)
figure, panels = pyplot.subplots(1, 4, figsize=(11, 5.6))
for axes, model in zip(panels, family, strict=True):
    blocks.draw(axes, model)
plots.show(
    figure,
    alt="Four block diagrams. BERT base: attention to everything and an MLP with GELU, each followed by an "
    "addition and a LayerNorm "
    "on the stream. T5 small: RMSNorm before attention to the past with distance bias, before attention to the "
    "encoder, and "
    "before an MLP with ReLU. GPT-2: LayerNorm before attention to the past and before an MLP with GELU. Llama "
    "7B: RMSNorm "
    "before attention to the past with RoPE and before a SwiGLU MLP.",
)

# %% [markdown]
# GPT-2 to Llama: LayerNorm to RMSNorm, learned positions to RoPE, GELU to SwiGLU, and (not drawn) no biases and an
# output layer of its own. The skeleton is the same.
#
# Is the drawing true? We check it against the library. The models are built on PyTorch's **meta device**: all shapes,
# no memory, no weights. So even 7 billion parameters take no room. The library's default configs *are* these four
# models.

# %%
with torch.device("meta"):
    built = {
        blocks.BERT: BertModel(BertConfig()),
        blocks.T5: T5ForConditionalGeneration(T5Config()),
        blocks.GPT2: GPT2LMHeadModel(GPT2Config()),
        blocks.LLAMA: LlamaForCausalLM(LlamaConfig()),
    }

for model, real in built.items():
    kinds = {type(module).__name__ for module in real.modules()}
    norms, bends = ({kind for kind in kinds if word in kind} for word in ("Norm", "Activation"))
    bends |= kinds & {"ReLU"}
    biases = sum(name.endswith("bias") and "relative" not in name for name, _ in real.named_parameters())
    print(f"{model.name:10} {', '.join(norms):14} {', '.join(bends):18} {biases:3} biases")

# %% [markdown]
# (`T5LayerNorm` is an RMSNorm by another name: read its four lines if you doubt it.)
#
# ## 7. Counting parameters
#
# Count one block of Llama by hand, with width $d$ and a middle of $h$:
#
# | part | weights | for $d = 4096$, $h = 11008$ |
# |---|---|---|
# | attention: q, k, v, o | $4d^2$ | 67,108,864 |
# | MLP: gate, up, down | $3dh$ | 135,266,304 |
# | two norms | $2d$ | 8,192 |
#
# Times 32 layers, plus the embedding table, the output layer, and the last norm.
#
# **Before you run**: the model is called "7B". Is that rounded up or down?

# %%
d, h = 4096, 11008
block = 4 * d * d + 3 * d * h + 2 * d
total = 32 * block + 2 * 32000 * d + d
print(f"attention {4 * d * d:,}   MLP {3 * d * h:,}   norms {2 * d:,}   block {block:,}")
print(f"Llama 7B: {total:,}")

# %% [markdown]
# Now all four, by one formula from the settings (`blocks.parts`), against the library's own models.

# %%
for model, real in built.items():
    formula, library = sum(blocks.parts(model).values()), sum(weight.numel() for weight in real.parameters())
    print(f"{model.name:10} formula {formula:13,}   library {library:13,}   equal: {formula == library}")

# %%
figure, axes = pyplot.subplots(figsize=(8.5, 3.4))
names = [f"{model.name}\n{sum(blocks.parts(model).values()) / 1e6:,.0f} million" for model in family]
start = torch.zeros(len(family))
for part, colour in [*block_explorer.COLOURS.items(), ("extras", plots.MUTED)]:
    share = torch.tensor([blocks.parts(model)[part] / sum(blocks.parts(model).values()) for model in family])
    axes.barh(names, share, left=start, color=colour, label=part)
    start += share
axes.set(xlabel="share of parameters", xlim=(0, 1), title="As models grow, the MLP takes over and the table fades")
axes.invert_yaxis()
axes.grid(axis="y", visible=False)
figure.legend(loc="outside lower center", ncols=7, fontsize=9)
plots.show(
    figure,
    alt="Stacked bars of parameter shares. In BERT base, T5 small and GPT-2 the embeddings take a fifth to a "
    "third; in Llama 7B "
    "embeddings and output together take 4 percent, attention 32 and the MLP 64 percent.",
)

# %% [markdown]
# **A newer one.** Llama 3 8B has a vocabulary of 128,256, a middle of 14,336, and only 8 heads for keys and values
# (the 32 query heads share them: *grouped-query attention*, week 3). One line of settings:

# %%
llama3 = blocks.Model(
    "Llama 3 8B", "RMSNorm", "pre", "RoPE", "the past", "SwiGLU", vocabulary=128256, width=4096, layers=32, heads=32,
    hidden=14336, context=8192, key_value_heads=8, tied=False,
)  # fmt: skip
with torch.device("meta"):
    config = LlamaConfig(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
        num_key_value_heads=8,
    )  # fmt: skip
    real = LlamaForCausalLM(config)
print(
    f"formula {sum(blocks.parts(llama3).values()):,}   library {sum(weight.numel() for weight in real.parameters()):,}"
)

# %% [markdown]
# ### Now you: build a block
#
# Every switch changes the drawing and the count. The widget uses heads of 64 features, a middle of 4 × width, or for
# SwiGLU 8/3 × width up to a multiple of 256; biases come with LayerNorm.
#
# 1. It starts as GPT-2. Is the total what you know?
# 2. Make it Llama 7B: which knobs must you turn? Does the total agree with the count above?
# 3. Go from GELU to SwiGLU at width 768. Why does the MLP's share hardly move?
# 4. Width 128, vocabulary 50,257: which part has nearly everything? What does that say about the vocabulary of a small
#    model?
# 5. Which knobs change the drawing but (almost) not the count?

# %%
block_explorer.explore()

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# 1. 124.4 million, as counted in the table above.
# 2. RMSNorm, SwiGLU, RoPE, 32 layers, width 4096, vocabulary 32,000, output not shared: 6,738.4 million.
# 3. The middle was chosen so that three matrices weigh as much as two.
# 4. The embedding table. A small model wants a small vocabulary (our plays have fewer than 80 characters).
# 5. Norm placement, RoPE against relative bias, GELU against ReLU.
# </details>

# %% [markdown]
# ## 8. The block that industry uses
#
# `LlamaDecoderLayer` is the block of the last drawing. We take its own parts out and put them together by the drawing:
# norm, attention, add; norm, MLP, add.
#
# **Before you run**: equal to the last digit, or nearly?

# %%
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

torch.manual_seed(0)
config = LlamaConfig(hidden_size=64, num_attention_heads=4, num_key_value_heads=4, intermediate_size=192)
config._attn_implementation = "sdpa"
layer, rotary = LlamaDecoderLayer(config, layer_idx=0).eval(), LlamaRotaryEmbedding(config)
stream = torch.randn(2, 10, 64)
turns = rotary(stream, torch.arange(10)[None])  # cosines and sines for positions 0 to 9

with torch.no_grad():
    whole = layer(stream, position_embeddings=turns)
    update, _ = layer.self_attn(layer.input_layernorm(stream), position_embeddings=turns, attention_mask=None)
    middle = stream + update
    by_drawing = middle + layer.mlp(layer.post_attention_layernorm(middle))
print("equal:", torch.equal(whole, by_drawing))
for name, weight in layer.named_parameters():
    print(f"{name:34} {tuple(weight.shape)}")

# %% [markdown]
# Mind the name `post_attention_layernorm`: it stands after attention but *before* the MLP. This is pre-norm all the
# same. (And it is an RMSNorm.) In the assignment you write this block yourself, with the same names, so that Llama's
# weights load into it.

# %% [markdown]
# ## 9. Then many: a decoder learns to write
#
# Two of these blocks, an embedding table, a last norm: a language model. It reads 48 characters of a play and guesses
# the next one, at every place at once. First, what it writes before it has learnt anything.

# %%
torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=len(data.alphabet), hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
    intermediate_size=192, max_position_embeddings=48, tie_word_embeddings=True, bos_token_id=None, eos_token_id=None,
)  # fmt: skip
writer = LlamaForCausalLM(config)
print(f"{sum(weight.numel() for weight in writer.parameters()):,} parameters, {len(data.alphabet)} characters")
before = small_models.loss_by_position(writer, data.test, 48).mean().item()
print(f"loss before training {before:.1f} nats; guessing evenly would be {math.log(len(data.alphabet)):.1f}")

# %%
# NBVAL_IGNORE_OUTPUT
# Sampling: a last digit that differs between processors can change a character, and then all that follow.
print(small_models.continue_text(writer, data, "My lord, ", 150, window=48))

# %% [markdown]
# Noise, as it should be: the loss is that of guessing evenly. A model that starts far above that has a mistake in its
# first weights.
#
# **Before you run**: 300 steps, under ten seconds on a quiet machine. Lesson 1's bigram model knew only the character
# before. Will this one beat it? Draw the curve first.

# %%
# NBVAL_IGNORE_OUTPUT
# Training adds up rounding errors, which differ between processors: the second digit may move.
history = small_models.train(writer, data.train, length=48, batch=24, steps=300, rate=8e-3)
after = small_models.loss_by_position(writer, data.test, 48, count=2000)
bigram = ngrams.model(1).cross_entropy(ngrams.corpus()[1], 0.1)
print(f"on Macbeth, which it has not seen: {after.mean() / math.log(2):.2f} bits a character")
print(f"lesson 1's bigram (lower-case text only, so an easier task): {bigram:.2f}")

# %%
figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.7))
left.plot(history, color=plots.BLUE, lw=1.2)
left.axhline(math.log(len(data.alphabet)), color=plots.MUTED, ls=":", label="guessing evenly")
left.axhline(only_frequencies, color=plots.ORANGE, ls="--", label="knows frequencies only")
left.set(xlabel="step", ylabel="loss (nats a character)", title="Each step guesses 1,152 characters")
left.legend(loc="upper right", bbox_to_anchor=(1, 0.92))
right.plot(range(1, 49), after, color=plots.GREEN)
right.set(xlabel="characters of context", ylabel="loss on Macbeth (nats)", title="More context, better guesses")
plots.show(
    figure,
    alt="Left: training loss falls from that of even guessing, quickly past the line of character frequencies, "
    "then slowly. "
    "Right: loss on unseen text by number of characters of context: highest with one, falling steeply over the "
    "first few, then flat.",
)

# %%
# NBVAL_IGNORE_OUTPUT
# Sampled from a model that was trained above: the text differs between processors.
print(small_models.continue_text(writer, data, "My lord, ", 300, window=48))

# %% [markdown]
# Words of about the right length, lines of a play's length, here and there a real word. In seconds, from nothing but
# "which character comes next?". Look at the right-hand picture: after a handful of characters more context hardly
# helps *this* model. A larger one, trained for longer, would go on falling. That is what week 3 is for.
#
# **Try it**
# - `num_hidden_layers=1`, or 4: what does a layer buy in the same number of steps? And in the same time?
# - Take the MLP away: `intermediate_size=1`. How much of the gain was attention alone?
# - **For the real world.** With a network, one line changes the writer: `writer =
#   LlamaForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-135M")` (with its own tokenizer). A `blocks.Model` with the
#   numbers of its config counts it. Any OpenAI-compatible server continues text too: `OpenAI(base_url=...,
#   api_key=...).completions.create(model=..., prompt="My lord, ")`.
#
# **Limits of the drawing.** Mixture of experts, Mamba, and models that see images change parts of it (week 3). Biases,
# dropout and the scale of the first weights are not drawn, and matter. And parameters are not speed: at long contexts,
# time and memory go to attention's scores and to stored keys and values, which have no parameters at all (week 7).

# %% [markdown]
# ## Three questions
#
# **1. A colleague's deep decoder has the norm on the stream after each addition and diverges in its first hundred
# steps. Name two remedies.**
#
# <details><summary>Answer</summary>
#
# Warm the learning rate up from near zero, since post-norm's last layers get large gradients at first. Or move the
# norms to the branches (pre-norm) and put one more at the end.
# </details>
#
# **2. A model has width 1,024. You replace its plain MLP (middle 4,096) by SwiGLU. Which middle keeps the number of
# weights, and why is it not 4,096?**
#
# <details><summary>Answer</summary>
#
# 8 · 1,024 / 3 ≈ 2,731, in practice rounded to a multiple of 64 or 256 (2,816). SwiGLU has three matrices, so with a
# middle of 4,096 it would have one and a half times the weights.
# </details>
#
# **3. You change the last word of a text. In BERT, in Llama, and in T5 (with the text as its encoder's input), which
# outputs may change?**
#
# <details><summary>Answer</summary>
#
# BERT: all of them. Llama: only the last; if an earlier one moves, the mask leaks. T5: all outputs of the encoder, and
# so all of the decoder's, since each of its tokens looks at the whole source.
# </details>

# %% [markdown]
# ## Where this comes from
#
# - The block: Vaswani et al., *Attention Is All You Need*, 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)
# - Residual connections: He et al., *Deep Residual Learning*, 2015,
#   [arXiv:1512.03385](https://arxiv.org/abs/1512.03385); the stream as a place to read and write: Elhage et al., *A
#   Mathematical Framework for Transformer Circuits*, 2021,
#   [transformer-circuits.pub](https://transformer-circuits.pub/2021/framework/index.html)
# - LayerNorm: Ba et al., 2016, [arXiv:1607.06450](https://arxiv.org/abs/1607.06450); RMSNorm: Zhang and Sennrich,
#   2019, [arXiv:1910.07467](https://arxiv.org/abs/1910.07467)
# - Pre-norm and post-norm: Xiong et al., 2020, [arXiv:2002.04745](https://arxiv.org/abs/2002.04745);
#   Takase et al., 2022, [arXiv:2206.00330](https://arxiv.org/abs/2206.00330)
# - SwiGLU: Shazeer, *GLU Variants Improve Transformer*, 2020, [arXiv:2002.05202](https://arxiv.org/abs/2002.05202);
#   GELU: Hendrycks and Gimpel, 2016, [arXiv:1606.08415](https://arxiv.org/abs/1606.08415)
# - MLPs as memories: Geva et al., 2021, [arXiv:2012.14913](https://arxiv.org/abs/2012.14913); why neurons are shared:
#   Elhage et al., *Toy Models of Superposition*, 2022, [arXiv:2209.10652](https://arxiv.org/abs/2209.10652)
# - BERT: Devlin et al., 2018, [arXiv:1810.04805](https://arxiv.org/abs/1810.04805) · T5: Raffel et al., 2020,
#   [arXiv:1910.10683](https://arxiv.org/abs/1910.10683) · GPT-2: Radford et al., 2019,
#   [openai.com](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf)
#   · Llama: Touvron et al., 2023, [arXiv:2302.13971](https://arxiv.org/abs/2302.13971) · Llama 3: 2024,
#   [arXiv:2407.21783](https://arxiv.org/abs/2407.21783) · Gemma 2: 2024,
#   [arXiv:2408.00118](https://arxiv.org/abs/2408.00118)
#
# Next: the assignment, where you write these parts yourself.
