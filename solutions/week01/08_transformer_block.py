"""# A transformer block

One layer of a Llama-style decoder; a whole model is an embedding, a stack of these, a norm and a linear layer. Tokens talk to each
other in attention, then each thinks by itself in a gated MLP. Both add to the vector that they read (the residual stream), and
both read it through a norm:

$$h = x + \\mathrm{Attention}(\\mathrm{RMSNorm}(x)) \\qquad
y = h + W_{down}\\,\\big(\\mathrm{silu}(W_{gate}\\,n) \\odot W_{up}\\,n\\big), \\quad n = \\mathrm{RMSNorm}(h)$$

`x` and `y` have shape (batch, T, `d_model`). Attention is causal, with `n_heads` heads that are contiguous blocks of features,
and RoPE (base 10000, positions 0 to T − 1) on queries and keys of each head. Both norms have ε = 1e-6.

The weights of a real model must load into yours, so parameters are named as in transformers' `LlamaDecoderLayer`. Linear layers
have no bias; a submodule's name stands before the dot, an `nn.ModuleDict` can be one.

| name | shape |
|---|---|
| `input_layernorm.weight`, `post_attention_layernorm.weight` | (`d_model`,) |
| `self_attn.q_proj.weight`, and `k_proj`, `v_proj`, `o_proj` | (`d_model`, `d_model`) |
| `mlp.gate_proj.weight`, `mlp.up_proj.weight` | (`d_hidden`, `d_model`) |
| `mlp.down_proj.weight` | (`d_model`, `d_hidden`) |

For the parts use what you have written, or the library's (`nn.RMSNorm`, `F.scaled_dot_product_attention`, …). A whole layer of a
library (`LlamaDecoderLayer`, `nn.TransformerEncoderLayer`) is not an answer here.
"""

import functools
import math

import torch
import torch.nn.functional as F
from torch import nn

from grader import Mismatch, close, exercise, leaves_alone, vjp


@exercise(
    points=10,
    uses=["causal_mask", "scaled_dot_product_attention", "apply_rope", "rms_norm"],
    twins=["LlamaDecoderLayer", "TransformerEncoderLayer", "TransformerDecoderLayer", "LlamaModel"],
    hints=[
        "Make the names first. An `nn.RMSNorm` (mind its `eps`) kept as `self.input_layernorm` has a parameter named "
        "`input_layernorm.weight`; an `nn.ModuleDict` kept as `self.self_attn` with a linear layer at `q_proj` has "
        "`self_attn.q_proj.weight`. Compare `block.state_dict().keys()` with the table.",
        "The first half of `forward`: norm x, project it three ways, and cut each result into heads: (batch, T, heads, d) by "
        "`unflatten(-1, …)`, then heads before tokens by `transpose(1, 2)`. RoPE turns queries and keys after that cut.",
        "Attend with the causal mask, put tokens before heads again, `flatten(2)` the heads together, apply `o_proj`, and add "
        "the x that came in, not the normed one.",
        "The second half reads the *new* x through the other norm: `silu` goes on the gate alone, the product with `up` through "
        "`down_proj`, and the sum with that new x is the result.",
    ],
)
class TransformerBlock(nn.Module):
    """One pre-norm decoder layer with causal attention, RoPE, RMSNorm and SwiGLU, named as transformers' LlamaDecoderLayer.

    Args:
        d_model: features of a token.
        n_heads: attention heads; each has d_model / n_heads features.
        d_hidden: features inside the MLP.

    >>> TransformerBlock(d_model=8, n_heads=2, d_hidden=6)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 8])
    """

    def __init__(self, d_model: int, n_heads: int, d_hidden: int):
        super().__init__()
        self.n_heads = n_heads
        self.input_layernorm = nn.RMSNorm(d_model, eps=1e-6)
        names = ("q_proj", "k_proj", "v_proj", "o_proj")
        self.self_attn = nn.ModuleDict({name: nn.Linear(d_model, d_model, bias=False) for name in names})
        self.post_attention_layernorm = nn.RMSNorm(d_model, eps=1e-6)
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": nn.Linear(d_model, d_hidden, bias=False),
                "up_proj": nn.Linear(d_model, d_hidden, bias=False),
                "down_proj": nn.Linear(d_hidden, d_model, bias=False),
            }
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for `x`, (batch, T, d_model), in the same shape."""
        normed = rms_norm(x, self.input_layernorm.weight)
        q, k, v = (
            self.self_attn[name](normed).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        )
        length = x.shape[1]
        positions = torch.arange(length, device=x.device)
        q, k = apply_rope(q, positions), apply_rope(k, positions)
        heads = scaled_dot_product_attention(q, k, v, causal_mask(length).to(x.device))
        x = x + self.self_attn["o_proj"](heads.transpose(1, 2).flatten(2))
        normed = rms_norm(x, self.post_attention_layernorm.weight)
        gated = F.silu(self.mlp["gate_proj"](normed)) * self.mlp["up_proj"](normed)
        return x + self.mlp["down_proj"](gated)


def llama_block(TransformerBlock, d=8, n_heads=2, d_hidden=6, output=0.6):
    """A block with fixed weights under the names of LlamaDecoderLayer; those of `o_proj` are up to `output`."""
    shapes = {"input_layernorm": (d,)}
    shapes |= {f"self_attn.{name}_proj": (d, d) for name in "qkvo"}
    shapes |= {"post_attention_layernorm": (d,)}
    shapes |= {"mlp.gate_proj": (d_hidden, d), "mlp.up_proj": (d_hidden, d), "mlp.down_proj": (d, d_hidden)}
    weights = {}
    for i, (name, shape) in enumerate(shapes.items()):
        wave = torch.sin(torch.arange(math.prod(shape)) * (i + 1.3)).reshape(shape)
        weights[f"{name}.weight"] = 1 + 0.5 * wave if len(shape) == 1 else 0.6 * wave
    weights["self_attn.o_proj.weight"] *= output / 0.6
    block = TransformerBlock(d, n_heads, d_hidden)
    lacking, extra = block.load_state_dict(weights, strict=False)
    if lacking or extra:
        lacks = f"; yours lacks {', '.join(extra)}" if extra else ""
        has = f"; yours also has {', '.join(lacking)}" if lacking else ""
        raise Mismatch(f"the block should have the parameters of the table and no others{lacks}{has}")
    return block


def llama_example():
    """Three tokens, and what transformers' LlamaDecoderLayer makes of them with the weights of `llama_block`."""
    x = [[1.0, 2, -1, 0, 3, 1, -2, 1], [0, 1, 1, -2, 1, -1, 2, 0], [-1, 0, 2, 1, 0, 2, 1, -3]]
    expected = [
        [0.73510, 3.42357, 0.01284, -0.73676, 2.26390, 1.42420, -2.01616, -0.18234],
        [-0.20921, 1.26584, 1.49986, -2.03631, 0.55737, -1.11190, 2.15673, -0.15599],
        [-0.96623, -0.17259, 2.83717, 2.01750, -0.46137, 0.71385, 0.68257, -2.61173],
    ]
    return torch.tensor([x]), torch.tensor([expected])


@TransformerBlock.check
def equals_llama(TransformerBlock):
    """Llama's weights load, and three tokens come out as from transformers' LlamaDecoderLayer"""
    x, expected = llama_example()
    close(llama_block(TransformerBlock)(x), expected)


@TransformerBlock.check
def blind_to_the_future(TransformerBlock):
    """the first token, or the first two, come out the same without those after them"""
    block = llama_block(TransformerBlock)
    x, expected = llama_example()
    for length in (1, 2):
        close(block(x[:, :length]), expected[:, :length])


@TransformerBlock.check
def batches(TransformerBlock):
    """each text of a batch comes out as it does alone"""
    x, expected = llama_example()
    batch = torch.cat([-x, x, 2 * x.flip(1), x[:, [2, 0, 1]]])
    close(llama_block(TransformerBlock)(batch)[1:2], expected)


@TransformerBlock.check
def other_sizes(TransformerBlock):
    """12 features, 3 heads and 5 hidden features come out as from LlamaDecoderLayer"""
    x = torch.sin(0.7 * torch.arange(24.0)).reshape(1, 2, 12)
    expected = [
        [-2.60019, -3.05251, -1.85298, 0.63310, 2.71055, 3.35447],
        [2.12003, -0.50367, -2.77844, -3.68418, -2.45802, 0.24272],
        [0.66857, 0.02823, -1.19141, -0.83158, -1.02449, -0.15029],
        [0.74803, 0.65445, 1.19146, 0.20367, -0.22258, -0.52190],
    ]
    close(llama_block(TransformerBlock, 12, 3, 5)(x), torch.tensor(expected).reshape(1, 2, 12))


@TransformerBlock.check
def long_text(TransformerBlock):
    """the last of 24 tokens comes out as from LlamaDecoderLayer: every pair of features turns at its own rate"""
    x = torch.sin(0.7 * torch.arange(192.0)).reshape(1, 24, 8)
    expected = torch.tensor([[-0.29832, -1.83119, -2.43622, -1.68215, -0.07685, 1.42776, 2.18642, 1.95176]])
    close(llama_block(TransformerBlock)(x)[:, -1], expected, what="the last token")


@TransformerBlock.check
def small_numbers(TransformerBlock):
    """tokens a thousand times smaller come out as from LlamaDecoderLayer: ε is 1e-6 in both norms"""
    x, _ = llama_example()
    expected = [
        [-0.23802, 1.46384, 1.24141, -0.31985, -0.55396, 0.15665, -0.38608, -1.34238],
        [-0.13950, 0.84026, 1.10088, 0.35245, -0.30063, -0.38598, -0.54881, -0.82687],
        [-0.30369, -1.12872, -0.35790, 0.37510, -0.07794, -0.23631, 0.70996, 1.00158],
    ]
    close(llama_block(TransformerBlock)(x / 1000), torch.tensor([expected]))
    expected = [
        [0.09694, 0.24236, 0.25523, 0.13508, -0.05532, -0.21953, -0.26679, -0.16644],
        [0.04857, -0.03627, -0.10218, -0.11590, -0.06271, 0.01955, 0.09583, 0.11692],
        [0.13207, 0.29780, 0.30527, 0.14755, -0.08855, -0.27429, -0.31527, -0.19011],
    ]
    block = llama_block(
        TransformerBlock, output=0.0
    )  # attention adds nothing, so the second norm reads small numbers too
    close(block(x / 1000), torch.tensor([expected]), what="the result where `o_proj` is zero")


@TransformerBlock.check
def gradients_flow(TransformerBlock):
    """gradients flow back to x and to every parameter, as large as those of LlamaDecoderLayer"""
    x, _ = llama_example()
    upstream = [[1.0, 0, -1, 2, 0, 1, -1, 0], [0, 1, 1, 0, -1, 2, 0, -1], [2, -1, 0, 1, 1, 0, -1, 0]]
    _, (of_x,), of_parameters = vjp(llama_block(TransformerBlock), (x,), torch.tensor([upstream]), parameters=True)
    lengths = {
        "self_attn.q_proj.weight": 23.1438,
        "self_attn.k_proj.weight": 14.8304,
        "self_attn.v_proj.weight": 15.6682,
        "self_attn.o_proj.weight": 20.7468,
        "mlp.gate_proj.weight": 5.08053,
        "mlp.up_proj.weight": 4.16403,
        "mlp.down_proj.weight": 7.21012,
        "input_layernorm.weight": 7.97527,
        "post_attention_layernorm.weight": 2.56805,
        "x": 10.64699,
    }
    for name, gradient in {**of_parameters, "x": of_x}.items():
        length = 0.0 if gradient is None else float(gradient.norm())
        close(length, lengths[name], rtol=1e-3, what=f"the length of the gradient of {name}")


@TransformerBlock.check
def leaves_its_input_alone(TransformerBlock):
    """the caller's tensor is left as it was"""
    leaves_alone(llama_block(TransformerBlock), llama_example()[0])


@functools.lru_cache(64)
def _llama_layer(d_model, n_heads, d_hidden):
    """transformers' layer, whose weights the caller sets, and the angles that it asks for."""
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

    config = LlamaConfig(
        hidden_size=d_model,
        intermediate_size=d_hidden,
        num_attention_heads=n_heads,
        num_key_value_heads=n_heads,
        rms_norm_eps=1e-6,
        attn_implementation="eager",
    )
    return LlamaDecoderLayer(config, 0), LlamaRotaryEmbedding(config)


def _pair(TransformerBlock, rng):
    """A block, transformers' layer as a function of x, both with the same drawn weights, and an x for them."""
    batch, length, n_heads, half, d_hidden = torch.randint(1, 6, (5,), generator=rng).tolist()
    d_model, d_hidden = 2 * half * n_heads, 2 * d_hidden + 1
    layer, rope = _llama_layer(d_model, n_heads, d_hidden)
    weights = {
        name: torch.randn(weight.shape, generator=rng) / (weight.shape[-1] ** 0.5 if weight.dim() == 2 else 1)
        for name, weight in layer.state_dict().items()
    }
    layer.load_state_dict(weights)
    block = TransformerBlock(d_model, n_heads, d_hidden)
    block.load_state_dict(weights)
    hidden = torch.full((length + 1, length + 1), -torch.inf).triu(1)[None, None]

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = layer

        def forward(self, x):
            angles = rope(x, torch.arange(x.shape[1])[None])
            return self.inner(x, attention_mask=hidden, position_embeddings=angles)

    return block, Layer(), torch.randn(batch, length + 1, d_model, generator=rng)


@TransformerBlock.hidden
def equals_llama_anywhere(TransformerBlock, rng):
    """blocks of any size give what transformers' LlamaDecoderLayer gives with the same weights"""
    for size in (1.0, 10.0, 1e-3):
        block, layer, x = _pair(TransformerBlock, rng)
        close(block(size * x), layer(size * x))


@TransformerBlock.hidden
def gradients_anywhere(TransformerBlock, rng):
    """gradients of x and of every parameter are those of transformers' LlamaDecoderLayer"""
    block, layer, x = _pair(TransformerBlock, rng)
    upstream = torch.randn(x.shape, generator=rng)
    _, (of_x,), found = vjp(block, (x,), upstream, parameters=True)
    _, (due,), parameters = vjp(layer, (x,), upstream, parameters=True)
    close(of_x, due, rtol=1e-3, what="the gradient of x")
    parameters = {name.removeprefix("inner."): gradient for name, gradient in parameters.items()}
    close(found, parameters, rtol=1e-3, what="the gradients")


@TransformerBlock.hidden
def blind_to_the_future_anywhere(TransformerBlock, rng):
    """a text cut short comes out as its beginning does in transformers' LlamaDecoderLayer"""
    block, layer, x = _pair(TransformerBlock, rng)
    close(block(x[:, :-1]), layer(x)[:, :-1])


def _rope(heads, base=10000.0, way=1):
    half = heads.shape[-1] // 2
    angles = way * torch.arange(heads.shape[-2])[:, None] * base ** (-torch.arange(half) / half)
    left, right = heads[..., :half], heads[..., half:]
    return torch.cat([left * angles.cos() - right * angles.sin(), left * angles.sin() + right * angles.cos()], -1)


@TransformerBlock.stand_in
class by_the_library(nn.Module):
    """The same in small methods, so that a wrong answer below is this one with one of them changed."""

    bias = False
    eps = 1e-6

    def __init__(self, d_model, n_heads, d_hidden):
        super().__init__()
        self.n_heads = n_heads

        def linear(inputs, outputs):
            return nn.Linear(inputs, outputs, bias=self.bias)

        self.input_layernorm = nn.RMSNorm(d_model, eps=self.eps)
        self.self_attn = nn.ModuleDict({f"{letter}_proj": linear(d_model, d_model) for letter in "qkvo"})
        self.post_attention_layernorm = nn.RMSNorm(d_model, eps=self.eps)
        self.mlp = nn.ModuleDict({f"{part}_proj": linear(d_model, d_hidden) for part in ("gate", "up")})
        self.mlp["down_proj"] = linear(d_hidden, d_model)

    def forward(self, x):
        x = x + self.attention(self.first_norm(x))
        return x + self.feed_forward(self.second_norm(x))

    def first_norm(self, x):
        return self.input_layernorm(x)

    def second_norm(self, x):
        return self.post_attention_layernorm(x)

    def attention(self, x):
        q, k, v = (self.split(self.self_attn[f"{letter}_proj"](x)) for letter in "qkv")
        return self.self_attn["o_proj"](self.merge(self.look(self.turn(q), self.turn(k), v)))

    def split(self, x):
        return x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def merge(self, heads):
        return heads.transpose(1, 2).flatten(2)

    def turn(self, heads):
        return _rope(heads)

    def look(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    def feed_forward(self, x):
        return self.mlp["down_proj"](self.gated(self.mlp["gate_proj"](x), self.mlp["up_proj"](x)))

    def gated(self, gate, up):
        return F.silu(gate) * up


# ---- names ----


@TransformerBlock.mutant("Your linear layers have a bias, which Llama's have not: `bias=False`.")
class biased(by_the_library):
    bias = True


@TransformerBlock.mutant(
    "Your projections belong to the block itself. In Llama those of attention are in `self_attn` and those of the MLP in `mlp`."
)
class flat_names(nn.Module):
    def __init__(self, d_model, n_heads, d_hidden):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(d_model)
        for letter in "qkvo":
            setattr(self, f"{letter}_proj", nn.Linear(d_model, d_model, bias=False))
        self.post_attention_layernorm = nn.RMSNorm(d_model)
        self.gate_proj = nn.Linear(d_model, d_hidden, bias=False)
        self.up_proj = nn.Linear(d_model, d_hidden, bias=False)
        self.down_proj = nn.Linear(d_hidden, d_model, bias=False)


@TransformerBlock.mutant(
    "`super().__init__()` must be the first line of `__init__`: without it `nn.Module` has no place to keep layers."
)
class no_super(by_the_library):
    def __init__(self, d_model, n_heads, d_hidden):
        self.n_heads = n_heads
        self.input_layernorm = nn.RMSNorm(d_model, eps=1e-6)


@TransformerBlock.mutant(
    "The sizes 8, 2 and 6 of the examples are written into your block. Make every part from `d_model`, `n_heads` and `d_hidden`."
)
class sizes_of_the_example(by_the_library):
    def __init__(self, d_model, n_heads, d_hidden):
        super().__init__(8, 2, 6)


@TransformerBlock.mutant("`forward` returns nothing (None). End it with `return` and the result.")
class nothing_returned(by_the_library):
    def forward(self, x):
        super().forward(x)


# ---- the residual stream ----


@TransformerBlock.mutant(
    "Your norms come after the sums, as in the 2017 paper. Here each comes before its part (pre-norm), and the sum stays as it is."
)
class post_norm(by_the_library):
    def forward(self, x):
        x = self.first_norm(x + self.attention(x))
        return self.second_norm(x + self.feed_forward(x))


@TransformerBlock.mutant("You norm what attention and MLP return. Norm what they read.")
class norm_of_the_result(by_the_library):
    def forward(self, x):
        x = x + self.first_norm(self.attention(x))
        return x + self.second_norm(self.feed_forward(x))


@TransformerBlock.mutant(
    "There is no residual sum: add x to what attention returns, and the new x to what the MLP returns."
)
class no_residuals(by_the_library):
    def forward(self, x):
        return self.feed_forward(self.second_norm(self.attention(self.first_norm(x))))


@TransformerBlock.mutant("The sum around attention is missing: add x to what attention returns.")
class no_first_residual(by_the_library):
    def forward(self, x):
        x = self.attention(self.first_norm(x))
        return x + self.feed_forward(self.second_norm(x))


@TransformerBlock.mutant("The sum around the MLP is missing: add what attention left to what the MLP returns.")
class no_second_residual(by_the_library):
    def forward(self, x):
        return self.feed_forward(self.second_norm(x + self.attention(self.first_norm(x))))


@TransformerBlock.mutant("You add the normed vectors. The residual sum takes x as it was before the norm.")
class residual_of_the_normed(by_the_library):
    def forward(self, x):
        x = self.first_norm(x)
        x = self.second_norm(x + self.attention(x))
        return x + self.feed_forward(x)


@TransformerBlock.mutant(
    "Your first sum takes the normed vector. What attention returns is added to x as it was before the norm."
)
class first_residual_of_the_normed(by_the_library):
    def forward(self, x):
        normed = self.first_norm(x)
        x = normed + self.attention(normed)
        return x + self.feed_forward(self.second_norm(x))


@TransformerBlock.mutant(
    "Your second sum takes the normed vector. What the MLP returns is added to x as it was before the norm."
)
class second_residual_of_the_normed(by_the_library):
    def forward(self, x):
        x = x + self.attention(self.first_norm(x))
        normed = self.second_norm(x)
        return normed + self.feed_forward(normed)


@TransformerBlock.mutant(
    "You norm what attention returns. For all its name, `post_attention_layernorm` norms what the MLP reads: the sum, not a part of it."
)
class norm_after_attention(by_the_library):
    def forward(self, x):
        x = x + self.second_norm(self.attention(self.first_norm(x)))
        return x + self.feed_forward(x)


@TransformerBlock.mutant(
    "Your last sum takes the x that came in, so attention's own addition is lost. Add to x after attention."
)
class residual_from_the_start(by_the_library):
    def forward(self, x):
        return x + self.feed_forward(self.second_norm(x + self.attention(self.first_norm(x))))


@TransformerBlock.mutant(
    "Attention and MLP read the same x side by side, as in GPT-J. Here the MLP reads x after attention has added to it."
)
class side_by_side(by_the_library):
    def forward(self, x):
        return x + self.attention(self.first_norm(x)) + self.feed_forward(self.second_norm(x))


@TransformerBlock.mutant("The MLP comes before attention. Attention is first.")
class mlp_first(by_the_library):
    def forward(self, x):
        x = x + self.feed_forward(self.second_norm(x))
        return x + self.attention(self.first_norm(x))


@TransformerBlock.mutant("You norm the result once more. That last norm belongs to the model, after its last block.")
class normed_at_the_end(by_the_library):
    def forward(self, x):
        return F.rms_norm(super().forward(x), x.shape[-1:], eps=1e-6)


# ---- norms ----


@TransformerBlock.mutant("There are no norms: attention and MLP read x as it is.")
class no_norms(by_the_library):
    def first_norm(self, x):
        return x

    def second_norm(self, x):
        return x


@TransformerBlock.mutant("Attention reads x without its norm, `input_layernorm`.")
class no_first_norm(by_the_library):
    def first_norm(self, x):
        return x


@TransformerBlock.mutant("The MLP reads x without its norm, `post_attention_layernorm`.")
class no_second_norm(by_the_library):
    def second_norm(self, x):
        return x


@TransformerBlock.mutant("The two norms have changed places: `input_layernorm` comes before attention.")
class norms_swapped(by_the_library):
    def first_norm(self, x):
        return self.post_attention_layernorm(x)

    def second_norm(self, x):
        return self.input_layernorm(x)


@TransformerBlock.mutant("`input_layernorm` norms for both parts. The MLP has its own, `post_attention_layernorm`.")
class one_norm_for_both(by_the_library):
    def second_norm(self, x):
        return self.input_layernorm(x)


@TransformerBlock.mutant("Your norms subtract the mean: they are LayerNorms. RMSNorm does not.")
class layer_norms(by_the_library):
    def first_norm(self, x):
        return F.layer_norm(x, x.shape[-1:], self.input_layernorm.weight, eps=1e-6)

    def second_norm(self, x):
        return F.layer_norm(x, x.shape[-1:], self.post_attention_layernorm.weight, eps=1e-6)


@TransformerBlock.mutant("The weights of your norms are ignored.")
class norms_without_weights(by_the_library):
    def first_norm(self, x):
        return F.rms_norm(x, x.shape[-1:], eps=1e-6)

    def second_norm(self, x):
        return F.rms_norm(x, x.shape[-1:], eps=1e-6)


@TransformerBlock.mutant("Your ε is 1e-5. In this block it is 1e-6, in both norms.")
class larger_epsilon(by_the_library):
    eps = 1e-5


@TransformerBlock.mutant(
    "Your ε is the default of `nn.RMSNorm`, the dtype's smallest step. Give it `eps=1e-6`, in both norms."
)
class epsilon_of_the_dtype(by_the_library):
    eps = None


@TransformerBlock.mutant("The ε of your second norm, `post_attention_layernorm`, is not 1e-6. Give it `eps=1e-6` too.")
class second_epsilon_of_the_dtype(by_the_library):
    def second_norm(self, x):
        return F.rms_norm(x, x.shape[-1:], self.post_attention_layernorm.weight)


# ---- heads ----


@TransformerBlock.mutant("`n_heads` is ignored: all features are one head.")
class one_head(by_the_library):
    def split(self, x):
        return x[:, None]


@TransformerBlock.mutant(
    "Your heads are every second feature, or the like. A head is a contiguous block: `unflatten` into (heads, d), in this order."
)
class heads_of_scattered_features(by_the_library):
    def split(self, x):
        return x.unflatten(-1, (-1, self.n_heads)).movedim(-1, 1)

    def merge(self, heads):
        return heads.movedim(1, -1).flatten(2)


@TransformerBlock.mutant(
    "Tokens and features get mixed up where you make heads: `view` alone cannot swap tokens and heads. First (batch, T, heads, d), "
    "then `transpose(1, 2)`."
)
class heads_by_view(by_the_library):
    def split(self, x):
        return x.reshape(x.shape[0], self.n_heads, x.shape[1], -1)


@TransformerBlock.mutant(
    "Tokens and features get mixed up where you join the heads: put tokens before heads again (`transpose(1, 2)`), then flatten."
)
class joined_without_transpose(by_the_library):
    def merge(self, heads):
        return heads.reshape(heads.shape[0], heads.shape[2], -1)


@TransformerBlock.mutant(
    "The heads attend to each other, token by token: their dimension stands where tokens should. Swap the two with `transpose(1, 2)`."
)
class heads_attend_to_heads(by_the_library):
    def split(self, x):
        return x.unflatten(-1, (self.n_heads, -1))

    def merge(self, heads):
        return heads.flatten(2)


@TransformerBlock.mutant("`o_proj` is never applied: the joined heads go through it.")
class no_output_projection(by_the_library):
    def attention(self, x):
        q, k, v = (self.split(self.self_attn[f"{letter}_proj"](x)) for letter in "qkv")
        return self.merge(self.look(self.turn(q), self.turn(k), v))


@TransformerBlock.mutant("The first dimension is taken for the tokens. `x` is (batch, T, d_model).")
class tokens_first(by_the_library):
    def forward(self, x):
        return super().forward(x.transpose(0, 1)).transpose(0, 1)


# ---- attention ----


def _attend(q, k, v, mask, scale=None):
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    return scores.masked_fill(~mask, -torch.inf).softmax(-1).nan_to_num(0.0) @ v


def _past(q):
    return torch.ones(q.shape[-2], q.shape[-2]).tril().bool()


@TransformerBlock.mutant("Attention is not causal: a token sees those after it. Give attention the causal mask.")
class not_causal(by_the_library):
    def look(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)


@TransformerBlock.mutant("Your mask is the wrong way up: each token sees itself and the future.")
class sees_the_future_only(by_the_library):
    def look(self, q, k, v):
        return _attend(q, k, v, _past(q).T)


@TransformerBlock.mutant(
    "Your mask is inverted: a token sees what it should not, and only that. `True` means that a query may look."
)
class inverted_mask(by_the_library):
    def look(self, q, k, v):
        return _attend(q, k, v, ~_past(q))


@TransformerBlock.mutant("A token cannot see itself in your mask. It sees those before it and itself.")
class cannot_see_itself(by_the_library):
    def look(self, q, k, v):
        return _attend(q, k, v, _past(q).tril(-1))


@TransformerBlock.mutant("Each token sees one too many: the next one, which the model is to predict.")
class sees_the_next(by_the_library):
    def look(self, q, k, v):
        return _attend(q, k, v, torch.ones_like(_past(q)).tril(1))


@TransformerBlock.mutant(
    "You hide the future after the softmax, so what is left does not sum to 1. Hide it in the scores."
)
class hidden_after_softmax(by_the_library):
    def look(self, q, k, v):
        return ((q @ k.mT * q.shape[-1] ** -0.5).softmax(-1) * _past(q)) @ v


@TransformerBlock.mutant(
    "Your softmax runs over the queries. Each query shares its weight among the keys, the last dimension."
)
class softmax_over_queries(by_the_library):
    def look(self, q, k, v):
        scores = (q @ k.mT * q.shape[-1] ** -0.5).masked_fill(~_past(q), -torch.inf)
        return scores.softmax(-2) @ v


@TransformerBlock.mutant(
    "The scores are not scaled: divide by the square root of a head's features before the softmax."
)
class no_scale(by_the_library):
    def look(self, q, k, v):
        return _attend(q, k, v, _past(q), scale=1.0)


@TransformerBlock.mutant("You scale by `d_model`. Each head has d_model / n_heads features: take the root of those.")
class scale_of_the_model(by_the_library):
    def look(self, q, k, v):
        return _attend(q, k, v, _past(q), scale=(q.shape[-1] * self.n_heads) ** -0.5)


@TransformerBlock.mutant(
    "The scores are divided by d, not by its root; or by the root twice, if the function that you call scales too."
)
class scaled_twice(by_the_library):
    def look(self, q, k, v):
        return _attend(q, k, v, _past(q), scale=1 / q.shape[-1])


@TransformerBlock.mutant(
    "Every token takes the mean of those before it: queries and keys do not count. Use their dot products."
)
class mean_of_the_past(by_the_library):
    def look(self, q, k, v):
        return _attend(q, k, v, _past(q), scale=0.0)


@TransformerBlock.mutant(
    "Queries and keys have changed places. Check which projection is which, and the order of attention's arguments."
)
class queries_and_keys_swapped(by_the_library):
    def look(self, q, k, v):
        return super().look(k, q, v)


@TransformerBlock.mutant("Values are the keys: `v_proj` is not used. Project the values with it.")
class values_are_keys(by_the_library):
    def attention(self, x):
        q, k = (self.split(self.self_attn[f"{letter}_proj"](x)) for letter in "qk")
        return self.self_attn["o_proj"](self.merge(self.look(self.turn(q), self.turn(k), k)))


# ---- positions ----


@TransformerBlock.mutant(
    "Nothing is turned by its position: apply RoPE to queries and keys. If you do, look at their shape there: tokens must be the "
    "last dimension but one. Turned by the number of their head, a query and a key cancel out."
)
class no_rope(by_the_library):
    def turn(self, heads):
        return heads


@TransformerBlock.mutant(
    "Values are turned too. RoPE is for queries and keys, whose dot product then knows their distance."
)
class values_turned(by_the_library):
    def look(self, q, k, v):
        return super().look(q, k, self.turn(v))


@TransformerBlock.mutant("Only the queries are turned. RoPE is for queries and keys: distance comes from both.")
class keys_not_turned(by_the_library):
    def attention(self, x):
        q, k, v = (self.split(self.self_attn[f"{letter}_proj"](x)) for letter in "qkv")
        return self.self_attn["o_proj"](self.merge(self.look(self.turn(q), k, v)))


@TransformerBlock.mutant(
    "You turn the features before they are cut into heads. Each head is turned by itself, with its own d."
)
class turned_before_heads(by_the_library):
    def attention(self, x):
        q, k, v = (self.self_attn[f"{letter}_proj"](x) for letter in "qkv")
        return self.self_attn["o_proj"](
            self.merge(self.look(self.split(_rope(q)), self.split(_rope(k)), self.split(v)))
        )


@TransformerBlock.mutant(
    "You turn the normed x before it is projected. Turn queries and keys, after their projections."
)
class turned_before_projection(by_the_library):
    def attention(self, x):
        q, k, v = (
            self.split(self.self_attn[f"{letter}_proj"](y))
            for letter, y in zip("qkv", (_rope(x), _rope(x), x), strict=True)
        )
        return self.self_attn["o_proj"](self.merge(self.look(q, k, v)))


@TransformerBlock.mutant(
    "RoPE gets (batch, T, heads, d), and takes the heads for tokens. Put heads before tokens (`transpose(1, 2)`) before you turn."
)
class turned_before_the_transpose(by_the_library):
    def turn(self, heads):
        half = heads.shape[-1] // 2
        angles = torch.arange(heads.shape[2])[:, None] * 10000.0 ** (-torch.arange(half) / half)
        left, right = heads.transpose(1, 2).chunk(2, -1)
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([left * cos - right * sin, left * sin + right * cos], -1).transpose(1, 2)


@TransformerBlock.mutant("Pairs of neighbours are turned. Llama pairs feature j with feature j + d/2 of a head.")
class neighbours_turned(by_the_library):
    def turn(self, heads):
        turned = _rope(torch.cat([heads[..., 0::2], heads[..., 1::2]], -1))
        return turned.unflatten(-1, (2, -1)).transpose(-2, -1).flatten(-2)


@TransformerBlock.mutant("You turn the other way round: RoPE's minus is at the wrong sine.")
class turned_backwards(by_the_library):
    def turn(self, heads):
        return _rope(heads, way=-1)


@TransformerBlock.mutant("Your RoPE has another base (later Llamas have 500000). Here it is 10000.")
class base_of_llama_3(by_the_library):
    def turn(self, heads):
        return _rope(heads, base=500000.0)


@TransformerBlock.mutant(
    "Positions are added to x, as in 2017. Here RoPE turns queries and keys, and nothing is added."
)
class positions_added(by_the_library):
    def forward(self, x):
        ones = torch.ones(x.shape[-2], x.shape[-1])
        half = ones.shape[-1] // 2
        angles = torch.arange(len(ones))[:, None] * 10000.0 ** (-torch.arange(half) / half)
        return super().forward(x + torch.stack([angles.sin(), angles.cos()], -1).flatten(1))

    def turn(self, heads):
        return heads


# ---- the MLP ----


@TransformerBlock.mutant("Your gate is a GELU. SwiGLU's is a SiLU: `F.silu`.")
class gelu(by_the_library):
    def gated(self, gate, up):
        return F.gelu(gate) * up


@TransformerBlock.mutant("Your gate is a ReLU. SwiGLU's is a SiLU: `F.silu`.")
class relu(by_the_library):
    def gated(self, gate, up):
        return F.relu(gate) * up


@TransformerBlock.mutant("Your gate is a sigmoid: that is GLU. SwiGLU's is a SiLU, x · sigmoid(x): `F.silu`.")
class sigmoid(by_the_library):
    def gated(self, gate, up):
        return gate.sigmoid() * up


@TransformerBlock.mutant("The gate has no activation. It goes through `F.silu` before the product.")
class no_activation(by_the_library):
    def gated(self, gate, up):
        return gate * up


@TransformerBlock.mutant("`silu` is on the wrong one of the two: it belongs on the gate, and `up` stays as it is.")
class activation_on_up(by_the_library):
    def gated(self, gate, up):
        return gate * F.silu(up)


@TransformerBlock.mutant("`silu` is taken of the product. It belongs on the gate alone, before the product.")
class activation_of_the_product(by_the_library):
    def gated(self, gate, up):
        return F.silu(gate * up)


@TransformerBlock.mutant("Gate and up are added. Multiply them, number by number: that is what makes it a gate.")
class added_gate(by_the_library):
    def gated(self, gate, up):
        return F.silu(gate) + up


@TransformerBlock.mutant("The gate is not used: `up` alone goes through `silu`. SwiGLU multiplies silu(gate) and up.")
class no_gate(by_the_library):
    def gated(self, gate, up):
        return F.silu(up)


@TransformerBlock.mutant("`up_proj` is not used: silu(gate) goes straight to `down_proj`. Multiply it by up first.")
class no_up(by_the_library):
    def gated(self, gate, up):
        return F.silu(gate)


@TransformerBlock.mutant("There is no MLP: only attention adds to x.")
class no_mlp(by_the_library):
    def forward(self, x):
        return x + self.attention(self.first_norm(x))


@TransformerBlock.mutant("There is no attention: only the MLP adds to x.")
class no_attention(by_the_library):
    def forward(self, x):
        return x + self.feed_forward(self.second_norm(x))


# ---- gradients and memory ----


@TransformerBlock.mutant(
    "The result is cut off from x (`.data`, `.detach()` or NumPy): no gradient gets to the layers below."
)
class detached(by_the_library):
    def forward(self, x):
        return super().forward(x.detach())


@TransformerBlock.mutant(
    "Queries and keys are cut off (`no_grad` or `.detach()` around RoPE): their projections are never learnt."
)
class rope_without_gradient(by_the_library):
    def turn(self, heads):
        return _rope(heads.detach())


@TransformerBlock.mutant("The weights of your norms are cut off (`.data` or `.detach()`): they are never learnt.")
class norms_without_gradient(by_the_library):
    def first_norm(self, x):
        return F.rms_norm(x, x.shape[-1:], self.input_layernorm.weight.detach(), 1e-6)

    def second_norm(self, x):
        return F.rms_norm(x, x.shape[-1:], self.post_attention_layernorm.weight.detach(), 1e-6)


@TransformerBlock.mutant("You change the caller's x: `x += …` works in place. Write `x = x + …`.")
class in_place(by_the_library):
    def forward(self, x):
        result = super().forward(x)
        return result if x.requires_grad else x.copy_(result)


class _Attention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_model, d_model, bias=False)
        self.v_proj = nn.Linear(d_model, d_model, bias=False)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)
        self.d = d_model // n_heads

    def forward(self, x):
        joined = []
        for q, k, v in zip(*(p(x).split(self.d, -1) for p in (self.q_proj, self.k_proj, self.v_proj)), strict=True):
            scores = _rope(q) @ _rope(k).transpose(1, 2) / math.sqrt(self.d)
            future = torch.ones(scores.shape[-2:]).triu(1).bool()
            joined.append(scores.masked_fill(future, float("-inf")).softmax(-1) @ v)
        return self.o_proj(torch.cat(joined, -1))


class _GatedMLP(nn.Module):
    def __init__(self, d_model, d_hidden):
        super().__init__()
        self.gate_proj = nn.Linear(d_model, d_hidden, bias=False)
        self.up_proj = nn.Linear(d_model, d_hidden, bias=False)
        self.down_proj = nn.Linear(d_hidden, d_model, bias=False)

    def forward(self, x):
        gate = self.gate_proj(x)
        return self.down_proj(gate * gate.sigmoid() * self.up_proj(x))


@TransformerBlock.variant
class head_by_head(nn.Module):
    def __init__(self, d_model, n_heads, d_hidden):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(d_model, eps=1e-6)
        self.self_attn = _Attention(d_model, n_heads)
        self.post_attention_layernorm = nn.RMSNorm(d_model, eps=1e-6)
        self.mlp = _GatedMLP(d_model, d_hidden)

    def forward(self, x):
        after = x + self.self_attn(self.input_layernorm(x))
        return after + self.mlp(self.post_attention_layernorm(after))


@TransformerBlock.variant
class by_einsum(nn.Module):
    def __init__(self, d_model, n_heads, d_hidden):
        super().__init__()
        self.sizes = d_model, n_heads, d_hidden
        shapes = {"q_proj": (d_model, d_model), "k_proj": (d_model, d_model), "v_proj": (d_model, d_model)}
        shapes |= {"o_proj": (d_model, d_model), "gate_proj": (d_hidden, d_model), "up_proj": (d_hidden, d_model)}
        shapes |= {"down_proj": (d_model, d_hidden)}
        self.input_layernorm = nn.ParameterDict({"weight": torch.ones(d_model)})
        self.post_attention_layernorm = nn.ParameterDict({"weight": torch.ones(d_model)})
        self.self_attn, self.mlp = nn.Module(), nn.Module()
        for name, shape in shapes.items():
            part = nn.ParameterDict({"weight": torch.randn(shape) / shape[1] ** 0.5})
            (self.self_attn if name[0] in "qkvo" else self.mlp).add_module(name, part)

    def forward(self, x):
        w = {name.split(".")[-2]: weight for name, weight in self.named_parameters()}
        n_heads = self.sizes[1]

        def norm(y, weight):
            return y * weight / (torch.einsum("btd,btd->bt", y, y)[..., None] / y.shape[-1] + 1e-6) ** 0.5

        n = norm(x, w["input_layernorm"])
        q, k, v = (
            torch.einsum("btd,hed->bhte", n, w[name].unflatten(0, (n_heads, -1)))
            for name in ("q_proj", "k_proj", "v_proj")
        )
        scores = torch.einsum("bhqe,bhke->bhqk", _rope(q), _rope(k)) / q.shape[-1] ** 0.5
        seen = torch.arange(x.shape[1])[:, None] >= torch.arange(x.shape[1])
        weights = torch.where(seen, scores, -torch.inf).softmax(-1)
        x = x + torch.einsum("bhqk,bhke,dhe->bqd", weights, v, w["o_proj"].unflatten(1, (n_heads, -1)))
        n = norm(x, w["post_attention_layernorm"])
        gate, up = (torch.einsum("btd,fd->btf", n, w[name]) for name in ("gate_proj", "up_proj"))
        return x + torch.einsum("btf,btf,df->btd", F.silu(gate), up, w["down_proj"])
