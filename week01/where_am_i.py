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
# # Where am I? How a model knows the order of words
#
# Week 1, lesson 3 · 50 to 60 minutes · runs in about half a minute
#
# **You will be able to**
# - show that attention alone cannot tell *the dog bit the man* from *the man bit the dog*, and say why;
# - build sinusoidal positions and rotate a query by hand, and check both against the library;
# - read a real model's position table, and say what happens where it ends;
# - compare sinusoidal, learned, RoPE and ALiBi positions by one curve: agreement against distance;
# - stretch a model's context by position interpolation, a larger base and YaRN, and measure what each costs.
#
# **You need first**: lesson 2 (query, key, value, the causal mask). Sine, cosine and radians help: a full turn is 2π ≈
# 6.28 radians.

# %%
import math

import torch
import torch.nn.functional as F
from matplotlib import pyplot

from course import encoder, plots, position_explorer, positions, small_models

torch.manual_seed(0)
torch.set_num_threads(1)  # models this small gain nothing from a second thread, and lose much on a busy machine
torch.set_printoptions(precision=3, sci_mode=False)

# %% [markdown]
# ## 1. Does attention know the order?
#
# Take three tokens. Each is a vector of two numbers, and we let queries, keys and values all be that same vector.
# Attention gives each token a weighted mean of all three.
#
# Now swap the first and the last token.
#
# **Before you run**: how will the output change? Will the numbers be new ones, or the same ones elsewhere?

# %%
tokens = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
swapped = tokens[[2, 1, 0]]

print("in order\n", F.scaled_dot_product_attention(tokens, tokens, tokens))
print("first and last swapped\n", F.scaled_dot_product_attention(swapped, swapped, swapped))

# %% [markdown]
# The same three rows, in swapped places. Nothing about a row says where it stood.
#
# The reason is in the formula. Token $i$ takes $\sum_j w_{ij} v_j$. A sum does not care in which order its terms come,
# and $w_{ij}$ is made from the two vectors $q_i$ and $k_j$, not from the places $i$ and $j$. This property has a name:
# attention is **permutation equivariant**. Shuffle what goes in, and what comes out is shuffled in the same way.
#
# An MLP is applied to each token by itself, so it does not help. A whole stack of layers stays blind.
#
# ### The same on a real encoder
#
# MiniLM is a BERT. It learnt a table of positions, and adds row $t$ of it to the token at place $t$. We can blind the
# model by setting that table to zero. Then we compare the meaning (the mean of all token vectors) of two sentences
# made of the same words.
#
# **Before you run**: the cosine similarity of *the dog bit the man* and *the man bit the dog* with the blinded model
# is … ?

# %%
minilm = encoder.load()
position_table = minilm.model.embeddings.position_embeddings.weight
learned = position_table.detach().clone()


@torch.no_grad()
def token_vectors(text: str, blind: bool) -> torch.Tensor:
    """The encoder's last hidden states (T, 384), with or without its position table."""
    position_table.copy_(torch.zeros_like(learned) if blind else learned)
    states = minilm.model(torch.tensor([minilm.ids(text)])).last_hidden_state[0]
    position_table.copy_(learned)
    return states


pairs = [
    ("the dog bit the man", "the man bit the dog"),
    ("not every play is good , is it", "every play is not good , it is"),
    ("to be or not to be", "be be not or to to"),
]
print("  blinded   as trained")
for a, b in pairs:
    similarity = [
        F.cosine_similarity(token_vectors(a, blind).mean(0), token_vectors(b, blind).mean(0), dim=0).item()
        for blind in (True, False)
    ]
    print(f"{similarity[0]:8.3f} {similarity[1]:10.2f}    {a} | {b}")

# %% [markdown]
# Blinded, the pairs are *equal*, to the last digit that is shown. With the table they differ, though not by much for
# the first: an encoder of sentences is trained to put texts on the same subject close together.
#
# **Try it**: add a pair of your own to `pairs`. Both must have the same words, or the blinded column is not 1.
#
# ### One exception: the causal mask leaks the order
#
# A decoder hides the future. Token 5 sees five tokens, token 6 sees six. So the *number* of visible tokens differs
# from place to place, and a model could count. Is that enough?
#
# We build GPT-2's architecture at random, with its position table set to zero, shuffle all tokens but the last, and
# look at how far the last token's output moves.
#
# **Before you run**: one layer: does the last output move? Two layers?

# %%
from transformers import GPT2Config, GPT2Model


@torch.no_grad()
def last_output_moves(layers: int) -> float:
    """How far shuffling the past moves the last token's output, relative to its length; no positions."""
    torch.manual_seed(1)
    model = GPT2Model(GPT2Config(vocab_size=50, n_embd=32, n_head=4, n_layer=layers, initializer_range=0.3)).eval()
    model.wpe.weight.zero_()
    text = torch.arange(1, 11)
    shuffled = torch.cat([text[:-1].flip(0), text[-1:]])
    before, after = (model(x[None]).last_hidden_state[0, -1] for x in (text, shuffled))
    return ((before - after).norm() / before.norm()).item()


for layers in (1, 2, 4):
    print(f"{layers} causal layer{'s' * (layers > 1)}: moves by {last_output_moves(layers):.2f}")

# %% [markdown]
# One causal layer: the last token sees the same *set*, so nothing moves. Two layers: the earlier tokens have already
# summed over different pasts, and the last one reads those sums. Decoders trained with no positions at all do learn
# where they are (Haviv et al. 2022; Kazemnejad et al. 2023). Most models do not rely on that leak. They say it
# outright.
#
# There are two places to say it: **add something to the token vector** before the first layer (sinusoidal, learned),
# or **change the score** between two tokens inside attention (RoPE, ALiBi).

# %% [markdown]
# ## 2. Sinusoidal positions: many clocks
#
# The transformer of 2017 gives every position a vector made of clocks. A clock of speed $\omega$ shows, at position
# $t$, the pair $(\sin \omega t, \cos \omega t)$: where its hand points. Fast clocks tell neighbours apart. Slow ones
# tell the beginning from the end.
#
# **By hand.** Take two clocks, with 1 and 0.1 radians a position. At position 3: the fast one shows $(\sin 3, \cos 3)
# = (0.141, -0.990)$, the slow one $(\sin 0.3, \cos 0.3) = (0.296, 0.955)$. So four numbers say "3". Check them, then
# change 3 to another position.

# %%
place = 3
for speed in (1.0, 0.1):
    print(f"clock of {speed} radians a position: {math.sin(speed * place):.3f} {math.cos(speed * place):.3f}")

# %% [markdown]
# How many clocks, and how fast? A vector of `dim` numbers has room for `dim/2` clocks. Their speeds form a geometric
# row from 1 down to nearly $1/\text{base}$:
#
# $$\omega_i = \text{base}^{-2i/\text{dim}}, \qquad i = 0 \dots \tfrac{\text{dim}}{2}-1, \qquad \text{base} = 10000.$$
#
# **Before you run**: with dim 64 and base 10000, how many positions does the *slowest* clock need for a full turn:
# about 600, about 6,000 or about 50,000?

# %%
speeds = positions.frequencies(64)
turn = 2 * math.pi / speeds
print("first speeds (radians a position):", speeds[:4])
print(f"positions for a full turn: fastest {turn[0]:.2f}, middle {turn[16]:.0f}, slowest {turn[-1]:,.0f}")

# %% [markdown]
# Now all clocks at 128 positions, as a picture. The upper half shows the sines, the lower half the cosines.

# %%
time = torch.arange(128)
angles = time[:, None] * speeds
clocks = torch.cat([angles.sin(), angles.cos()], dim=1)

figure, axes = pyplot.subplots(figsize=(8.5, 4))
image = axes.imshow(clocks.T, aspect="auto", cmap=plots.DIVERGING, vmin=-1, vmax=1)
axes.set(xlabel="position", ylabel="feature (32 sines, 32 cosines)", title="Fast clocks flicker, slow ones hardly move")
axes.grid(False)
figure.colorbar(image, label="value")
plots.show(
    figure,
    alt="A table of 64 features against 128 positions. In each half the first rows alternate quickly between -1 and 1, "
    "lower rows change ever more slowly, and the last are nearly constant: near 0 for the sines, 1 for the cosines.",
)

# %% [markdown]
# ### Why sines? Because the dot product sees only the distance
#
# Take one clock at positions $s$ and $t$. The dot product of its two hands is
#
# $$\sin\omega s \sin\omega t + \cos\omega s \cos\omega t = \cos\omega(s - t).$$
#
# The places are gone. Only $s - t$ is left. Summed over all clocks: two position vectors of the same distance have the
# same dot product, wherever they stand.
#
# **Before you run**: which of these three are equal: positions (3, 10), (70, 77), (3, 70)?

# %%
for s, t in [(3, 10), (70, 77), (3, 70)]:
    print(f"positions {s:3} and {t:3}: dot product {clocks[s] @ clocks[t]:6.2f}, over 32 clocks")

# %% [markdown]
# A second gift: a step of $k$ positions turns each hand by the same angle, $\omega k$, wherever it starts. So "five to
# the right" is one fixed linear map, which a weight matrix can learn. Here we take eight clocks (base 100), find that
# map from the first 60 positions by least squares, and try it on positions that it never saw.

# %%
step = 5
eight = time[:, None] * positions.frequencies(16, base=100).double()
hands = torch.cat([eight.sin(), eight.cos()], dim=1)  # (128 positions, 16 features)
shift = torch.linalg.lstsq(hands[:60], hands[step : 60 + step]).solution  # (16, 16)
error = (hands[60:120] @ shift - hands[60 + step : 120 + step]).abs().max()
print(f"largest error of the map 'plus {step}' on new positions: {error:.3f}")

# %% [markdown]
# ### The same in the library
#
# DistilBERT's code in `transformers` has this table. It alternates: a sine, its cosine, the next sine. The paper
# writes it that way too. Whisper puts all sines first, as we did. The order of features is a convention: it changes no
# dot product. But a model's weights are trained for one of them, so loading weights with the other breaks the model.

# %%
from transformers.models.distilbert.modeling_distilbert import create_sinusoidal_embeddings

library = create_sinusoidal_embeddings(n_pos=128, dim=64, out=torch.empty(128, 64))
print("sines equal  :", torch.allclose(library[:, 0::2], angles.sin(), atol=1e-5))
print("cosines equal:", torch.allclose(library[:, 1::2], angles.cos(), atol=1e-5))

# %% [markdown]
# **Limits.** The position is *added* to the word. So the score of two tokens, $(x_s + p_s) \cdot (x_t + p_t)$ before
# any weights, has four terms: word with word, place with place, and two mixed ones that mean little. And the formula
# goes on for ever, but what the layers learnt about it does not: we measure that in section 7.

# %% [markdown]
# ## 3. Learned positions: a real table
#
# BERT, GPT-2 and MiniLM leave the clocks out. They have a table of parameters, one row a position, learnt like word
# embeddings. Nobody tells row 7 that it is a neighbour of row 8.
#
# **Before you run**: what shape has MiniLM's table? (384 features; it was built for texts of up to 512 tokens.) Do you
# expect neighbouring rows to be alike?

# %%
print("shape:", tuple(learned.shape), "parameters:", f"{learned.numel():,}")
rows = F.normalize(learned, dim=1)
alike = rows @ rows.T
for gap in (1, 2, 4, 8, 32):
    print(f"mean cosine of two rows at distance {gap:2}: {alike[1:, 1:].diagonal(gap).mean():.2f}")

# %%
waves, strength, _ = torch.linalg.svd(learned[1:511] - learned[1:511].mean(0), full_matrices=False)
share = (strength**2).cumsum(0) / (strength**2).sum()

figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2), width_ratios=[1, 1.2])
image = left.imshow(alike[::3, ::3], cmap=plots.DIVERGING, vmin=-1, vmax=1, extent=(0, 512, 512, 0))
left.set(xlabel="position", ylabel="position", title="Rows at equal distance are equally alike")
left.grid(False)
figure.colorbar(image, label="cosine", shrink=0.8)
for i, colour in zip((2, 3, 4), plots.COLOURS, strict=False):
    right.plot(range(1, 511), waves[:, i] * (1 if waves[40, i] > 0 else -1), color=colour, lw=1.3, label=f"no. {i + 1}")
right.axvline(128, color=plots.MUTED, ls=":", lw=1.5)
right.set(xlabel="position", ylabel="weight in that row", title="Its main directions are waves")
right.set_ylim(-0.13, 0.1)
right.legend(title="direction", loc="lower left", ncols=3, fontsize=9)
plots.show(
    figure,
    alt="Left: cosine between all pairs of rows of MiniLM's position table: stripes parallel to the diagonal, so that "
    "likeness depends mostly on distance. Right: three main directions of the table against position: rough waves of "
    "different lengths, with a jump near position 128.",
)
print(f"12 directions of 384 hold {share[11]:.0%} of the table's variance")
period = 510 / torch.fft.rfft(waves[:, 0]).abs()[1:].argmax().add(1)
print(f"the first direction is a wave with a period of {period:.1f} positions: too fast to draw here")

# %% [markdown]
# Nobody asked for waves, and training found waves (the picture leaves out the first two directions, which are a fast
# one): stripes along the diagonal mean that likeness depends on the distance, as the sines had it by design. A dozen
# directions hold nearly everything.
#
# There is a jump at position 128 (dotted line). BERT, whose recipe this family of models follows, was trained on texts
# of 128 tokens for 90% of the steps and on 512 for the rest (Devlin et al. 2018, appendix A.2). Rows past 128 were
# trained less. We can see the seam; that this recipe made it is a guess, not something measured here.
#
# ### Where the table ends
#
# **Before you run**: we feed 513 tokens, one more than there are rows. Nonsense, a warning or an error?

# %%
try:
    minilm.model(torch.ones(1, 513, dtype=torch.long))
except (IndexError, RuntimeError) as error:
    print(type(error).__name__ + ":", error)

# %% [markdown]
# **Limits.** A hard wall. Also: rows seen rarely are poor, and every position is learnt alone: what the model finds
# out about "one to the left" at place 7 has to be found again at place 300.

# %% [markdown]
# ## 4. RoPE: rotate, don't add
#
# Rotary position embedding (Su et al. 2021) keeps the clocks and changes where they act. It adds nothing to the token.
# Instead, inside each attention head, it takes query and key two features at a time, as an arrow in the plane, and
# **turns the arrow by position × speed**.
#
# **By hand.** One pair, 60° a position. Query and key both point to the east before they are turned. The query at
# position 3 is turned by 180° and points west: $(-1, 0)$. The key at position 1 is turned by 60°: $(0.5, 0.866)$.
# Their dot product: $-0.5$. That is $\cos 120°$, and 120° is two positions.
#
# **Before you run**: the query moves to 13 and the key to 11. What is the score?

# %%
speed = math.radians(60)


def turned(arrow: complex, position: int) -> complex:
    """The arrow after RoPE; an arrow (x, y) is written x + yi, and multiplying by a unit number turns it."""
    return arrow * complex(math.cos(position * speed), math.sin(position * speed))


def score(a: complex, b: complex) -> float:
    """Dot product of two arrows."""
    return a.real * b.real + a.imag * b.imag


east = 1 + 0j
for q_at, k_at in [(3, 1), (13, 11), (1003, 1001), (3, 3)]:
    print(f"query at {q_at:4}, key at {k_at:4}: score {score(turned(east, q_at), turned(east, k_at)):+.3f}")

# %% [markdown]
# Turning both arrows by the same angle changes no angle between them. So the score depends on the two vectors and on
# $m - n$ alone: **relative** position, made from two absolute turns, with no parameter and no table that ends. Two
# more facts follow:
# - A turn changes no length. RoPE cannot make a token louder.
# - Values are not turned. Position decides *whom to look at*, not *what is passed on*.

# %%
figure, panels = pyplot.subplots(1, 3, figsize=(9.5, 3.3))
for axes, (q_at, k_at) in zip(panels, [(1, 0), (3, 2), (5, 2)], strict=True):
    for name, at, colour, length in [("query", q_at, plots.BLUE, 1.0), ("key", k_at, plots.ORANGE, 0.8)]:
        arrow = turned(length * complex(math.cos(0.4), math.sin(0.4)), at)
        look = {"arrowstyle": "-|>", "color": colour, "lw": 2.5}
        axes.annotate("", (arrow.real, arrow.imag), (0, 0), arrowprops=look)
        axes.text(1.22 * arrow.real, 1.22 * arrow.imag, f"{name} at {at}", color=colour, ha="center", va="center")
    axes.add_patch(pyplot.Circle((0, 0), 1, fill=False, color=plots.MUTED, lw=0.8))
    axes.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal", xticks=[], yticks=[])
    axes.set_title(f"{q_at - k_at} apart: {60 * (q_at - k_at)}° between", loc="center")
    axes.spines[:].set_visible(False)
plots.show(
    figure,
    alt="Three circles with a query arrow and a key arrow. At positions 1 and 0 they are 60 degrees apart; at 3 and 2 "
    "both have turned further and are still 60 degrees apart; at 5 and 2 they are 180 degrees apart.",
)

# %% [markdown]
# A head of 64 features has 32 such pairs, each with its own speed: the same list of speeds as in section 2.
#
# ### The same in the library
#
# `LlamaRotaryEmbedding` makes cosines and sines, `apply_rotary_pos_emb` turns queries and keys. We put one random
# query and one random key at several places of equal distance.
#
# **Before you run**: which columns of the printed row are equal?

# %%
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

rotary = LlamaRotaryEmbedding(LlamaConfig(hidden_size=256, num_attention_heads=4, head_dim=64))
print("speeds as ours:", torch.allclose(rotary.inv_freq, positions.frequencies(64)))


def rope_score(q: torch.Tensor, k: torch.Tensor, q_at: int, k_at: int) -> float:
    """Llama's score (unscaled) of a query (64,) at one position with a key (64,) at another."""
    both = torch.stack([q, k])[None, None]  # (batch 1, head 1, two tokens, 64)
    cos, sin = rotary(both, torch.tensor([[q_at, k_at]]))
    new, _ = apply_rotary_pos_emb(both, both, cos, sin)
    return (new[0, 0, 0] @ new[0, 0, 1]).item()


generator = torch.Generator().manual_seed(3)
query, key = torch.randn(2, 64, generator=generator)
places = [(7, 5), (107, 105), (1907, 1905), (5, 7)]
for q_at, k_at in places:
    print(f"query at {q_at:4}, key at {k_at:4}: {rope_score(query, key, q_at, k_at):+.2f}")

# %% [markdown]
# The first three agree: the same distance. The last is the other way round (the key comes *after* the query), and
# differs. RoPE knows left from right.
#
# ### Which two features make a pair?
#
# The paper pairs neighbours: features (0, 1), (2, 3), … Llama in `transformers` pairs feature $i$ with feature $i +
# \text{dim}/2$, because halves are cheaper to move than every second number. Both are RoPE. They differ by a fixed
# shuffle of features, which the rows of the query and key matrices can absorb. Here is the paper's pairing for one
# vector, with complex numbers, and the shuffle that makes the two agree.

# %%
m = 9
neighbours = torch.view_as_complex(query.view(32, 2).contiguous())  # the paper: 32 arrows from neighbours
by_paper = torch.view_as_real(neighbours * torch.polar(torch.ones(32), m * positions.frequencies(64)))

halves = query.view(32, 2).T.reshape(1, 1, 1, 64)  # all first members, then all second members
cos, sin = rotary(halves, torch.tensor([[m]]))
by_llama = apply_rotary_pos_emb(halves, halves, cos, sin)[0].view(2, 32).T
print("equal after the shuffle:", torch.allclose(by_paper, by_llama, atol=1e-5))

# %% [markdown]
# Forget the shuffle when you convert a checkpoint (a file of trained weights) from one code to the other, and the
# model still runs, and talks nonsense. It is a well-known bug.
#
# ### Does the score fall with distance?
#
# You will read that RoPE "decays with distance". Look closely. If query and key are the *same* vector, spread evenly
# over the pairs, the score is a mean of cosines: 1 at distance 0, less as the clocks drift apart. But a query and a
# key are not the same vector in general.
#
# **Before you run**: for 2,000 *random* pairs of query and key, does the mean score fall with distance?

# %%
far = torch.arange(0, 257)
same = positions.agreement(far, positions.frequencies(64))

turning = torch.polar(torch.ones(257, 32), -far[:, None] * positions.frequencies(64))  # each distance turns each pair
q, k = torch.randn(2, 2000, 64, generator=generator) / math.sqrt(64)
arrows = torch.view_as_complex(q.view(-1, 32, 2)) * torch.view_as_complex(k.view(-1, 32, 2)).conj()
scores = (arrows @ turning.T).real

figure, axes = pyplot.subplots(figsize=(8, 3.8))
axes.plot(far, same, color=plots.BLUE, label="query = key")
axes.plot(far, scores.mean(0), color=plots.ORANGE, label="2,000 random pairs, mean")
spread = scores.std(0)
axes.fill_between(far, -spread, spread, color=plots.ORANGE, alpha=0.2, lw=0, label="… and their spread (±1 sd)")
axes.set(xlabel="distance (positions)", ylabel="score", title="RoPE's score falls only where query and key agree")
axes.legend()
plots.show(
    figure,
    alt="Score against distance from 0 to 256. For equal query and key it falls from 1 to about 0.4 with ripples. For "
    "random pairs the mean is 0 at every distance, and the spread is the same at every distance.",
)

# %% [markdown]
# For random vectors there is no decay at all: the mean is about zero everywhere and the spread is constant. Trained
# models use the fast pairs for heads that look at one exact offset, and the slow ones to carry meaning almost without
# position (Barbero et al. 2024). RoPE *allows* a preference for near tokens. It does not impose one.
#
# **Limits.** Distances that were never seen in training give angles that were never seen: section 6 is about that.

# %% [markdown]
# ## 5. ALiBi: a tax on distance
#
# ALiBi (Press et al. 2022) is the shortest scheme of all: no vectors, no turns. Each head subtracts *slope × distance*
# from its scores, before the softmax. Every head has its own fixed slope.
#
# **By hand.** Four tokens, all scores equal, slope 1/2. The last token's scores become $-1.5, -1, -0.5, 0$. Each step
# back multiplies the weight by $e^{-0.5} = 0.61$.

# %%
bias = -0.5 * torch.tensor([3.0, 2.0, 1.0, 0.0])
weights = bias.softmax(0)
print("weights:", weights)
print(f"each step back multiplies by {weights[2] / weights[3]:.2f}")

# %%
slopes = positions.alibi_slopes(8)
back = torch.arange(0, 65)

figure, axes = pyplot.subplots(figsize=(8, 3.8))
for head, slope in enumerate(slopes):
    if head % 2 == 0 or head == 7:
        colour = pyplot.colormaps["viridis"](head / 8)
        axes.plot(back, (-slope * back).softmax(0), color=colour, label=f"head {head + 1}: slope 1/{1 / slope:.0f}")
axes.set(xlabel="distance (positions back)", ylabel="attention weight", ylim=(0, 0.45))
axes.set_title("ALiBi's heads range from short-sighted to far-sighted")
axes.legend()
plots.show(
    figure,
    alt="Attention weight against distance for five of eight ALiBi heads with all other scores equal. Slope 1/2 falls "
    "from 0.39 to nearly 0 within ten positions; slope 1/256 is almost flat over 64 positions.",
)

# %% [markdown]
# ### The same in the library
#
# Bloom uses ALiBi. Its code in `transformers` *adds* `slope × position of the key`, and never subtracts anything.
#
# **Before you run**: can that be the same? (Hint: what does adding one number to all scores of a row do to its
# softmax?)

# %%
from transformers.models.bloom.modeling_bloom import build_alibi_tensor

bloom = build_alibi_tensor(torch.ones(1, 10), num_heads=8, dtype=torch.float32)  # (heads, 1, keys)
random_scores = torch.randn(8, 10, generator=generator)  # eight heads, the last query, ten keys
distance = 9 - torch.arange(10)
ours = random_scores - torch.tensor(slopes)[:, None] * distance
print("last row of each head, ours  :", -slopes[0] * distance)
print("last row of each head, Bloom :", bloom[0, 0])
theirs = random_scores + bloom[:, 0]
print("same attention weights       :", torch.allclose(ours.softmax(-1), theirs.softmax(-1), atol=1e-6))

# %% [markdown]
# A row of ours and of Bloom's differ by one constant, and softmax does not see constants.
#
# **Limits.** A line has no way to say "exactly seven back". And a steep head cannot look far, whatever is there.
#
# **A relative of both: T5's buckets.** T5 also adds a number per head to the score, but *learns* it, one number for
# each bucket of distances: every small distance has its own bucket, large ones share (Raffel et al. 2020).

# %%
from transformers.models.t5.modeling_t5 import T5Attention

gaps = torch.tensor([0, 1, 2, 7, 15, 16, 18, 20, 30, 60, 127, 128, 1000])
buckets = T5Attention._relative_position_bucket(-gaps, bidirectional=False, num_buckets=32, max_distance=128)
print("distance back:", *(f"{gap:5}" for gap in gaps.tolist()))
print("bucket       :", *(f"{bucket:5}" for bucket in buckets.tolist()))

# %% [markdown]
# ### All four on one page
#
# | | sinusoidal | learned | RoPE | ALiBi |
# |---|---|---|---|---|
# | acts on | token vector, once | token vector, once | query and key, every layer | score, every layer |
# | how | adds | adds | turns | subtracts |
# | parameters | none | rows × width | none | none |
# | distance in the score | as one of four terms | only if learnt | exactly | exactly |
# | past the trained length | formula goes on | table ends | formula goes on | formula goes on |
# | seen in | the 2017 transformer, Whisper's encoder | BERT, GPT-2 | Llama, Qwen, Mistral | Bloom, MPT |
#
# "The formula goes on" does not mean "it works". On to that.

# %% [markdown]
# ## 6. A longer context
#
# You trained with texts of 2,048 tokens, and now want 8,192. With RoPE nothing breaks: you can turn an arrow by any
# angle. The question is what the trained layers make of angles that they never met.
#
# Count full turns. A pair that makes a full turn within the trained length has met every angle. A slower one has not:
# past the trained length it goes where it never was.
#
# **Before you run**: Llama's heads have 128 features, so 64 pairs, base 10000, trained on 2,048 positions. How many of
# the pairs never complete a turn?

# %%
llama_speeds = positions.frequencies(128)
turns = 2048 * llama_speeds / (2 * math.pi)
print(f"of 64 pairs {(turns >= 1).sum()} complete a turn within 2,048 positions, {(turns < 1).sum()} do not")
print(f"the slowest makes {turns[-1]:.2f} turns, that is {360 * turns[-1]:.0f} degrees")

# %% [markdown]
# ### Position interpolation: squeeze the ruler
#
# Chen et al. (2023): for a context $s$ times as long, divide every position by $s$. Position 8,000 becomes 2,000,
# which is known ground. **By hand**, $s = 4$: positions 0, 1, 2, 3, 4 become 0, 0.25, 0.5, 0.75, 1.
#
# The price is at the other end. Neighbours now stand a quarter of a position apart. For the fastest pair a step was 1
# radian, and becomes 0.25.
#
# ### NTK-aware: change the base
#
# In one line (bloc97 2023): leave positions alone and take a larger base, $\text{base}' = \text{base} \cdot
# s^{d/(d-2)}$. The fastest pair keeps its speed, the slowest turns $s$ times slower, and those between shade from one
# to the other.
#
# ### YaRN: treat each pair by what it has seen
#
# Peng et al. (2023) sort pairs by their turns over the trained length:
# - 32 turns or more: has met every angle many times and tells neighbours apart. **Leave it.**
# - less than 1 turn: would go to new angles. **Interpolate it** (divide by $s$).
# - between: blend.
#
# And one thing more. Over a longer context the softmax has more tokens to share itself among, and goes flat. YaRN
# sharpens it: cosines and sines are both multiplied by $0.1 \ln s + 1$, so that scores grow by the square of it.
#
# **Before you run**: for $s = 4$, by how many percent do scores grow? ($\ln 4 = 1.386$.)

# %%
s = 4
sharper = 0.1 * math.log(s) + 1
print(f"YaRN's factor on cosines and sines {sharper:.3f}; scores grow by {sharper**2 - 1:.0%}")
methods = {method: positions.stretch(method, 128, 10000.0, s, 2048).radians for method in positions.METHODS}
print("pair          0     16     32     48     63")
for method, radians in methods.items():
    print(f"{method:8}" + "".join(f"{r:7.2f}" for r in (radians / llama_speeds)[[0, 16, 32, 48, 63]].tolist()))

# %%
figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
styles = dict(
    zip(methods, [(plots.MUTED, ":"), (plots.ORANGE, "--"), (plots.GREEN, "-."), (plots.BLUE, "-")], strict=True)
)
for method, radians in methods.items():
    colour, line = styles[method]
    left.plot(radians / llama_speeds, color=colour, ls=line, label=position_explorer.NAMES[method])
    right.semilogy(s * 2048 * radians / (2 * math.pi), color=colour, ls=line)
right.semilogy(turns, color=plots.YELLOW, lw=7, alpha=0.4, zorder=0, label="seen in training")
right.axhline(1, color=plots.MUTED, lw=0.8)
left.set(xlabel="pair (fastest first)", ylabel="speed, as a share of the original")
left.set_title("YaRN slows the slow pairs only")
right.set(xlabel="pair (fastest first)", ylabel="full turns by position 8,192")
right.set_title("…so no slow pair leaves known ground")
left.legend(loc="center right", bbox_to_anchor=(1, 0.72))
right.legend()
plots.show(
    figure,
    alt="Left: each pair's speed as a share of the original, for a factor of 4: position interpolation is a flat "
    "line at "
    "0.25, NTK-aware falls smoothly from 1 to 0.25, YaRN stays at 1, then falls to 0.25 in the middle and stays there. "
    "Right: turns by position 8,192 with the band seen in training: unchanged RoPE and NTK-aware lie above the "
    "band for "
    "slow pairs, position interpolation lies on it throughout, YaRN lies on it for slow pairs only.",
)

# %% [markdown]
# ### The same in the library
#
# A Llama config names its method under `rope_type`. These are the settings that you will find in real `config.json`
# files. We compare every speed and the factor on cosines and sines.

# %%
for method in ("linear", "yarn"):
    setting = {"rope_type": method, "rope_theta": 10000.0, "factor": 4.0}
    if method == "yarn":
        setting["original_max_position_embeddings"] = 2048
    config = LlamaConfig(max_position_embeddings=8192, rope_parameters=setting)
    theirs, ours = LlamaRotaryEmbedding(config), positions.stretch(method, 128, 10000.0, 4.0, 2048)
    same_speeds = torch.allclose(theirs.inv_freq, ours.radians, rtol=1e-5)
    print(f"{method:6}: same speeds {same_speeds}, factor {theirs.attention_scaling:.3f} and {ours.scale:.3f}")

# %% [markdown]
# A detail that only a comparison shows. The *paper's* ramp is linear in the number of turns. The authors' *code*,
# which the library follows and we too, is linear in the index of the pair. They agree at both ends and differ between.

# %%
ramp = positions.slowed_share(128, 10000.0, 2048)
paper = 1 - ((turns - 1) / (32 - 1)).clamp(0, 1)
print(f"largest difference of the two ramps: {(ramp - paper).abs().max():.2f}, at pair {(ramp - paper).abs().argmax()}")

# %% [markdown]
# ### Now you: the position explorer
#
# Left: the dot product of two equal vectors at each distance. Right: what lies behind it. The yellow band is what
# training has seen. Knobs that a scheme does not use are grey.
#
# 1. **Scheme RoPE, factor 4, extension unchanged**: how many pairs reach angles never seen? Now take *position
#    interpolation*, then *YaRN*. Which of the two changes the curve over the first 20 positions?
# 2. **Features 2**: what does one clock look like, and why is it useless alone?
# 3. **Base 500,000** (Llama 3's choice): what happens to the far end of the curve?
# 4. **Scheme ALiBi**: which slope still gives a tenth of its weight to tokens beyond 100?
# 5. **Scheme learned, longest distance 1024**: where does the line stop?

# %%
position_explorer.explore(scheme="RoPE", method="yarn", factor=4.0)

# %% [markdown]
# <details><summary>What you should have seen</summary>
#
# 1. Unchanged, every pair that makes less than a turn over the trained length goes beyond it. With interpolation and
#    with YaRN none does. Interpolation stretches the curve: the dip at small distances becomes wide. YaRN keeps the
#    shape of the first positions and lifts the whole curve a little.
# 2. One cosine: it comes back to 1 after every 6.28 positions, so it cannot tell distance 0 from 44 (seven turns).
# 3. Slow pairs become much slower, so far tokens agree more: the curve stays higher.
# 4. 1/64 and 1/256: the flattest two. (The share beyond 100 is about $e^{-100 \cdot \text{slope}}$.)
# 5. At 510: the distance between the first and last rows that are compared. There is no row 512.
# </details>

# %% [markdown]
# ## 7. The test: train short, read long
#
# Enough pictures. We train three small models on characters of Shakespeare's plays, with **32 characters** of context,
# then read texts of 256 characters from a play that none has seen (Macbeth), and look at the loss at each place. All
# three are library classes: GPT-2 with its table frozen to sines (scaled by 0.1, near the size of its word vectors),
# Llama (RoPE) and Bloom (ALiBi). Each has two layers, 64 features and four heads.
#
# This is the experiment of the ALiBi paper, in seconds.
#
# **Before you run**, draw three curves on paper: loss against position 0 … 256, for sinusoidal, RoPE and ALiBi. Where
# do they part?

# %%
from transformers import BloomConfig, BloomForCausalLM, GPT2LMHeadModel, LlamaForCausalLM

SHORT, LONG = 32, 256
data = small_models.characters()
shape = {"vocab_size": len(data.alphabet), "bos_token_id": None, "eos_token_id": None}


def sinusoidal_gpt2() -> GPT2LMHeadModel:
    """GPT-2 whose position table is frozen to sines and cosines, long enough to read on."""
    config = GPT2Config(
        **shape, n_embd=64, n_layer=2, n_head=4, n_positions=LONG, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0
    )
    model = GPT2LMHeadModel(config)
    hands = torch.arange(LONG)[:, None] * positions.frequencies(64)
    model.transformer.wpe.weight = torch.nn.Parameter(
        0.1 * torch.cat([hands.sin(), hands.cos()], 1), requires_grad=False
    )
    return model


def rope_llama(method: str = "default", length: int = SHORT, **setting) -> LlamaForCausalLM:
    """Llama in small; `method` and `setting` are the config's rope_parameters."""
    config = LlamaConfig(
        **shape, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        intermediate_size=192, max_position_embeddings=length, tie_word_embeddings=True,
        rope_parameters={"rope_type": method, "rope_theta": 10000.0, **setting},
    )  # fmt: skip
    return LlamaForCausalLM(config)


def alibi_bloom() -> BloomForCausalLM:
    """Bloom in small: ALiBi."""
    return BloomForCausalLM(BloomConfig(**shape, hidden_size=64, n_layer=2, n_head=4))


# %%
# NBVAL_IGNORE_OUTPUT
# Training adds up rounding errors, which differ between processors: the second digit may move.
makers = {"sinusoidal": sinusoidal_gpt2, "RoPE": rope_llama, "ALiBi": alibi_bloom}
models, by_place = {}, {}
for name, make in makers.items():
    torch.manual_seed(0)
    models[name] = make()
    small_models.train(models[name], data.train, length=SHORT)
    by_place[name] = small_models.loss_by_position(models[name], data.test, LONG)

print("mean loss (nats a character) at places   16-31   32-63  64-127 128-255")
for name, loss in by_place.items():
    cells = "".join(f"{loss[a:b].mean():8.2f}" for a, b in [(16, 32), (32, 64), (64, 128), (128, 256)])
    print(f"{name:40}{cells}")


# %%
def smooth(loss: torch.Tensor, width: int = 8) -> torch.Tensor:
    """Means over neighbouring places, for the eye."""
    return loss.view(-1, width).mean(1)


middle = torch.arange(4, LONG, 8)
figure, axes = pyplot.subplots(figsize=(8, 4))
for (name, loss), line in zip(by_place.items(), ("--", "-", "-."), strict=True):
    axes.plot(middle, smooth(loss), ls=line, label=name)
axes.axvspan(0, SHORT, color=plots.YELLOW, alpha=0.15, lw=0)
axes.text(SHORT + 3, axes.get_ylim()[0] + 0.03, "← trained on these places", color=plots.MUTED)
axes.set(xlabel="place in the text (characters)", ylabel="loss (nats a character)")
axes.set_title("Past the trained length only ALiBi holds")
axes.set_ylim(top=axes.get_ylim()[1] + 0.15)
axes.legend(loc="upper left", ncols=3)
plots.show(
    figure,
    alt="Loss against place in the text for three models trained on 32 characters. Within 32 places each falls. "
    "Past it "
    "the loss of the sinusoidal and of the RoPE model climbs and stays high, ALiBi's stays where it was.",
)

# %% [markdown]
# Compare each curve with its own beginning (the sinusoidal model learns more slowly in so few steps, so it stands
# higher from the start). RoPE's formula goes on for ever, and the model breaks all the same, before it has read twice
# its trained length. ALiBi holds: far tokens are taxed away, so the model never meets a situation much unlike
# training. Mind what that means: holding the loss is not *using* the long context. A window that looks only at the
# last 32 characters would hold it, too.
#
# ### Can YaRN mend the RoPE model, with no training?
#
# Same weights, other frequencies: we load them into models with `rope_type` "linear" and "yarn", factor 4, so 128
# places.
#
# **Before you run**: which methods keep the loss at places below 32? Which keep it up to 128? What happens past 128?

# %%
# NBVAL_IGNORE_OUTPUT
# The weights come from training above: the second digit may move between processors.
trained_weights = models["RoPE"].state_dict()
stretched = {
    "position interpolation": rope_llama("linear", 4 * SHORT, factor=4.0),
    "NTK-aware base": rope_llama(rope_theta=10000.0 * 4 ** (16 / 14)),  # a head has 16 features
    "YaRN": rope_llama("yarn", 4 * SHORT, factor=4.0, original_max_position_embeddings=SHORT),
}
rescued = {"unchanged": by_place["RoPE"]}
for name, model in stretched.items():
    model.load_state_dict(trained_weights)
    rescued[name] = small_models.loss_by_position(model, data.test, LONG)

print("mean loss (nats a character) at places   16-31   32-63  64-127 128-255")
for name, loss in rescued.items():
    cells = "".join(f"{loss[a:b].mean():8.2f}" for a, b in [(16, 32), (32, 64), (64, 128), (128, 256)])
    print(f"{name:40}{cells}")

# %%
figure, axes = pyplot.subplots(figsize=(8, 4))
for (name, loss), (colour, line) in zip(rescued.items(), styles.values(), strict=True):
    axes.plot(middle, smooth(loss), color=colour, ls=line, label=name)
axes.axvspan(0, SHORT, color=plots.YELLOW, alpha=0.15, lw=0)
axes.axvline(4 * SHORT, color=plots.MUTED, ls=":", lw=1.5)
axes.text(4 * SHORT + 3, axes.get_ylim()[0] + 0.03, "four times the trained length", color=plots.MUTED)
axes.set(xlabel="place in the text (characters)", ylabel="loss (nats a character)")
axes.set_title("YaRN carries the model to four times its length, untrained")
axes.set_ylim(top=axes.get_ylim()[1] + 0.12)
axes.legend(loc="upper left", ncols=4, fontsize=9)
plots.show(
    figure,
    alt="Loss against place for the RoPE model with four sets of frequencies, factor 4. Unchanged: low at first, "
    "then high. "
    "Position interpolation: high from the start. NTK-aware: low at first, then climbs well before 128. YaRN: "
    "nearly as "
    "low as the trained model up to 128 and somewhat beyond, then it climbs too.",
)

# %% [markdown]
# YaRN's curve stays low up to the 128 places that it was asked for, with no step of training, and climbs some way past
# them. It pays a little at the start. Position interpolation without training hurts *everywhere*, at places below 32
# as well: all steps between neighbours have shrunk, and spelling lives on neighbours. The larger base lies between: it
# stretches the slowest pair only by the full factor, so the others still run out of known angles.
#
# That is why Chen et al. fine-tune after interpolating. So do we: 60 steps at length 128.

# %%
# NBVAL_IGNORE_OUTPUT
# Training again: the second digit may move between processors.
tuned = stretched["position interpolation"]
small_models.train(tuned, data.train, length=4 * SHORT, batch=16, steps=60, rate=2e-3)
after = small_models.loss_by_position(tuned, data.test, LONG)
before, yarn = rescued["position interpolation"], rescued["YaRN"]
for name, loss in [("before", before), ("after 60 steps", after), ("YaRN, no step", yarn)]:
    print(f"{name:15} places 0-127: {loss[: 4 * SHORT].mean():.2f}   places 128-255: {loss[4 * SHORT :].mean():.2f}")

# %% [markdown]
# A little fine-tuning repairs interpolation. (It also trained a bit more than YaRN did: the fair comparison fine-tunes
# both. Try it: it is one line.)
#
# **Limits, and what this small test does not say.**
# - Two layers, characters, seconds of training. Large models break past their length too, but how soon and how hard
#   differs.
# - A low loss far out does not prove that far text is *used*: most of the loss is decided by the last words. Tests
#   that hide a fact in a long text show that usable context is often shorter than the advertised one (Liu et al. 2023;
#   Hsieh et al. 2024). Week 4 measures such things.
# - Methods go on changing: Llama 3.1 has its own (`rope_type` "llama3"), and models trained with a large base need
#   less stretching.

# %% [markdown]
# ## Try it
#
# - Set `SHORT = 16` and run section 7 again. Does YaRN still reach four times that?
# - Give YaRN a factor of 8. What do places below 32 pay?
# - Train `rope_llama()` with `rope_theta=100.0`. Slow pairs now make whole turns within 32 places. Predict first: does
#   it read further unchanged?
# - **For the real world.** `rotary` above takes any config. With a network, one line reads a real one:
#   `LlamaConfig.from_pretrained("unsloth/Llama-3.2-1B").rope_parameters`. With a server that speaks OpenAI's protocol
#   you cannot see positions, but you can test a long context: put a password into the middle of a long play and ask
#   for it. `OpenAI(base_url=..., api_key=...).chat.completions.create(model=..., messages=[...])`.

# %% [markdown]
# ## Three questions
#
# **1. Two sentences are made of the same words in another order. A BERT without position embeddings gives both the
# same mean vector. A GPT without them need not. Why?**
#
# <details><summary>Answer</summary>
#
# BERT's attention sees the same set of tokens from every place, so outputs are only shuffled, and their mean is equal.
# A causal mask lets each token see another set (its own past). From the second layer on, what a token reads already
# depends on the order of what came before it.
# </details>
#
# **2. RoPE turns query and key by absolute angles. Why is the score relative?**
#
# <details><summary>Answer</summary>
#
# A dot product depends on the lengths of the two arrows and on the angle between them. Turning one by mω and the other
# by nω changes that angle by (m − n)ω, and no length. So only m − n is left.
# </details>
#
# **3. You stretch a model's context four times. Position interpolation and YaRN both bring slow pairs back to known
# angles. What does YaRN do differently, and what does that save?**
#
# <details><summary>Answer</summary>
#
# It leaves the fast pairs alone: they have made many full turns, so no angle is new to them, and they are what tells
# neighbours apart. Interpolation shrinks those too, which hurts at once and needs fine-tuning. (YaRN also sharpens the
# softmax by its factor on cosines and sines.)
# </details>

# %% [markdown]
# ## Where this comes from
#
# - Sinusoidal: Vaswani et al., *Attention Is All You Need*, 2017,
#   [arXiv:1706.03762](https://arxiv.org/abs/1706.03762), section 3.5
# - Learned, and the recipe of 128 then 512: Devlin et al., *BERT*, 2018,
#   [arXiv:1810.04805](https://arxiv.org/abs/1810.04805); MiniLM: Wang et al., 2020,
#   [arXiv:2002.10957](https://arxiv.org/abs/2002.10957)
# - Relative positions: Shaw et al., 2018, [arXiv:1803.02155](https://arxiv.org/abs/1803.02155); T5's buckets: Raffel
#   et al., 2020, [arXiv:1910.10683](https://arxiv.org/abs/1910.10683)
# - RoPE: Su et al., *RoFormer*, 2021, [arXiv:2104.09864](https://arxiv.org/abs/2104.09864); what trained models do
#   with it: Barbero et al., *Round and Round We Go!*, 2024, [arXiv:2410.06205](https://arxiv.org/abs/2410.06205)
# - ALiBi: Press et al., *Train Short, Test Long*, 2022, [arXiv:2108.12409](https://arxiv.org/abs/2108.12409)
# - No positions: Haviv et al., 2022, [arXiv:2203.16634](https://arxiv.org/abs/2203.16634); Kazemnejad et al., 2023,
#   [arXiv:2305.19466](https://arxiv.org/abs/2305.19466)
# - Position interpolation: Chen et al., 2023, [arXiv:2306.15595](https://arxiv.org/abs/2306.15595); NTK-aware: bloc97,
#   2023, described in YaRN: Peng et al., 2023, [arXiv:2309.00071](https://arxiv.org/abs/2309.00071), section 3
# - Is a long context used? Liu et al., *Lost in the Middle*, 2023,
#   [arXiv:2307.03172](https://arxiv.org/abs/2307.03172); Hsieh et al., *RULER*, 2024,
#   [arXiv:2404.06654](https://arxiv.org/abs/2404.06654)
#
# Next: [one block, then many](one_block_then_many.ipynb).
