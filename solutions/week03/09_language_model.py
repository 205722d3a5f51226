"""# A whole language model

An embedding, a stack of blocks, a norm, a linear layer: that is all that a Llama is. You have most of it from week 1. Now put it together,
name everything as the original does, and any trained Llama is yours: the course's own checkpoint, or one of a hundred from a hub.

For ids (batch, T), return logits (batch, T, `vocab_size`). Each layer is a block as in week 1:

$$h = x + \\mathrm{Attention}(\\mathrm{RMSNorm}(x)) \\qquad
y = h + W_{down}\\,\\big(\\mathrm{silu}(W_{gate}\\,n) \\odot W_{up}\\,n\\big), \\quad n = \\mathrm{RMSNorm}(h)$$

New is *grouped-query attention*: keys and values have fewer heads than queries, which saves memory when text is generated. With 6 heads and 2 of keys and
values, query heads 0, 1, 2 look at head 0 of the keys and 3, 4, 5 at head 1. After the last layer comes one more norm, then the head.

| parameter | shape |
|---|---|
| `model.embed_tokens.weight` | (`vocab_size`, `hidden_size`) |
| `model.layers.0.input_layernorm.weight`, … `post_attention_layernorm.weight` | (`hidden_size`,) |
| `model.layers.0.self_attn.q_proj.weight` | (`num_attention_heads` · `head_dim`, `hidden_size`) |
| … `k_proj.weight`, `v_proj.weight` | (`num_key_value_heads` · `head_dim`, `hidden_size`) |
| … `o_proj.weight` | (`hidden_size`, `num_attention_heads` · `head_dim`) |
| `model.layers.0.mlp.gate_proj.weight`, `up_proj.weight` | (`intermediate_size`, `hidden_size`) |
| … `down_proj.weight` | (`hidden_size`, `intermediate_size`) |
| `model.norm.weight` | (`hidden_size`,) |
| `lm_head.weight` | (`vocab_size`, `hidden_size`) |

- `config` is a transformers `LlamaConfig`. It has these sizes, `num_hidden_layers`, the norms' ε as `rms_norm_eps`, and the base of RoPE as
  `config.rope_parameters["rope_theta"]`. No layer has a bias.
- Where `config.tie_word_embeddings`, the head is the embedding, one and the same parameter; checkpoints do not store it twice.
- The notebook's first cell has `rms_norm`, `apply_rope`, `causal_mask` and `scaled_dot_product_attention`, with week 1's signatures, made of the library's parts
  (`apply_rope` wants (batch, heads, T, d)). Paste your own from week 1 above the class, and it runs on what you wrote yourself.

`LlamaForCausalLM` and its own layers are not answers here.
"""

import functools
import math

import torch
import torch.nn.functional as F
import transformers
from torch import nn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from grader import Mismatch, close, exercise, given, leaves_alone, library, vjp


@given
def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float = 1e-6) -> torch.Tensor:
    """Week 1's rms_norm, by PyTorch."""
    return F.rms_norm(x, weight.shape, weight, eps)


@given
@functools.cache
def rotary(d: int, base: float) -> LlamaRotaryEmbedding:
    """transformers' RoPE for heads of d features: cosines and sines for positions."""
    return LlamaRotaryEmbedding(LlamaConfig(head_dim=d, rope_parameters={"rope_type": "default", "rope_theta": base}))


@given
def apply_rope(x: torch.Tensor, positions: torch.Tensor, base: float = 10000.0) -> torch.Tensor:
    """Week 1's apply_rope, by transformers; x is (batch, heads, T, d)."""
    cos, sin = rotary(x.shape[-1], base)(x, positions[None])
    return apply_rotary_pos_emb(x, x, cos, sin)[0]


@given
def causal_mask(length: int) -> torch.Tensor:
    """Week 1's causal_mask: True where a query may look."""
    return torch.ones(length, length, dtype=torch.bool).tril()


@given
def scaled_dot_product_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Week 1's scaled_dot_product_attention, by PyTorch."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


@exercise(
    points=5,
    twins=[
        "LlamaForCausalLM",
        "LlamaModel",
        "LlamaDecoderLayer",
        "LlamaAttention",
        "AutoModelForCausalLM",
        "TransformerEncoderLayer",
    ],
    hints=[
        'Names first. `self.model = nn.ModuleDict({"embed_tokens": …, "layers": nn.ModuleList(…), "norm": …})` and `self.lm_head = nn.Linear(…)` give the '
        "outermost ones. Compare `model.state_dict().keys()` with the table.",
        "One layer is week 1's block: norm, project, cut into heads of `head_dim` with `unflatten(-1, (-1, config.head_dim))`, heads before tokens by "
        "`transpose(1, 2)`, RoPE on queries and keys. Then keys and values need as many heads as queries: "
        "`repeat_interleave(…, dim=1)` repeats each head where it stands.",
        'To tie the head, assign the parameter itself: `self.lm_head.weight = self.model["embed_tokens"].weight`. From then on both names '
        "stand for one tensor.",
        "`forward` is: embed the ids; for each layer add attention of the normed x, then the MLP of the normed new x; norm once more; head. Wherever a norm "
        "stands, its ε is `config.rms_norm_eps`.",
    ],
)
class LanguageModel(nn.Module):
    """A Llama: a stack of pre-norm decoder layers with grouped-query attention, RoPE, RMSNorm and SwiGLU.

    Parameters are named as those of transformers' LlamaForCausalLM, so that its checkpoints load.

    Args:
        config: sizes, ε, the base of RoPE, and whether the head is the embedding.

    >>> config = LlamaConfig(vocab_size=10, hidden_size=8, intermediate_size=6, num_hidden_layers=1, num_attention_heads=2)
    >>> LanguageModel(config)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 10])
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.config = config
        d, inner = config.hidden_size, config.intermediate_size
        queries, keys = (n * config.head_dim for n in (config.num_attention_heads, config.num_key_value_heads))
        sizes = {"q_proj": (d, queries), "k_proj": (d, keys), "v_proj": (d, keys), "o_proj": (queries, d)}
        mlp_sizes = {"gate_proj": (d, inner), "up_proj": (d, inner), "down_proj": (inner, d)}
        layers = [
            nn.ModuleDict(
                {
                    "input_layernorm": nn.RMSNorm(d),
                    "self_attn": nn.ModuleDict({name: nn.Linear(*size, bias=False) for name, size in sizes.items()}),
                    "post_attention_layernorm": nn.RMSNorm(d),
                    "mlp": nn.ModuleDict({name: nn.Linear(*size, bias=False) for name, size in mlp_sizes.items()}),
                }
            )
            for _ in range(config.num_hidden_layers)
        ]
        embedding = nn.Embedding(config.vocab_size, d)
        self.model = nn.ModuleDict({"embed_tokens": embedding, "layers": nn.ModuleList(layers), "norm": nn.RMSNorm(d)})
        self.lm_head = nn.Linear(d, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = embedding.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the logits of the token after each of `ids`, (batch, T), as (batch, T, vocab_size)."""
        eps, base = self.config.rms_norm_eps, self.config.rope_parameters["rope_theta"]
        groups = self.config.num_attention_heads // self.config.num_key_value_heads
        length = ids.shape[1]
        positions, mask = torch.arange(length, device=ids.device), causal_mask(length).to(ids.device)
        x = self.model["embed_tokens"](ids)
        for layer in self.model["layers"]:
            attention, mlp = layer["self_attn"], layer["mlp"]
            normed = rms_norm(x, layer["input_layernorm"].weight, eps)
            q, k, v = (
                attention[name](normed).unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2)
                for name in ("q_proj", "k_proj", "v_proj")
            )
            q, k = apply_rope(q, positions, base), apply_rope(k, positions, base)
            k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
            heads = scaled_dot_product_attention(q, k, v, mask)
            x = x + attention["o_proj"](heads.transpose(1, 2).flatten(2))
            normed = rms_norm(x, layer["post_attention_layernorm"].weight, eps)
            x = x + mlp["down_proj"](F.silu(mlp["gate_proj"](normed)) * mlp["up_proj"](normed))
        return self.lm_head(rms_norm(x, self.model["norm"].weight, eps))


def llama_weights(shapes):
    """Fixed weights by name: sines of a different pace for each, as large as trained ones are."""
    weights = {}
    for i, (name, shape) in enumerate(shapes.items()):
        wave = torch.sin(torch.arange(math.prod(shape)) * (i % 7 + 1.3) + i).reshape(shape)
        weights[name] = 1 + 0.5 * wave if len(shape) == 1 else 2 * wave / shape[1] ** 0.5
    return weights


def llama_pair(LanguageModel, weights=llama_weights, **changed):
    """Your model and transformers', with the same configuration and the same weights."""
    settings = {
        "vocab_size": 40,
        "hidden_size": 24,
        "intermediate_size": 20,
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
    }
    settings |= {"num_key_value_heads": 2, "tie_word_embeddings": False, "attn_implementation": "eager"} | changed
    theirs = transformers.LlamaForCausalLM(LlamaConfig(**settings)).eval()
    loaded = weights({name: tuple(parameter.shape) for name, parameter in theirs.named_parameters()})
    theirs.load_state_dict(loaded, strict=False)
    mine = LanguageModel(library(LanguageModel, "transformers.LlamaConfig")(**settings))
    lacking, extra = mine.load_state_dict(loaded, strict=False)
    tied = theirs.config.tie_word_embeddings
    if tied and "lm_head.weight" in lacking:
        lacking.remove("lm_head.weight")
        if not torch.equal(mine.lm_head.weight, loaded["model.embed_tokens.weight"]):
            raise Mismatch(
                "`lm_head.weight` should be the embedding's weight where `tie_word_embeddings`; yours is another"
            )
    if lacking or extra:
        lacks = f"; yours lacks {', '.join(extra[:3])}" if extra else ""
        has = f"; yours also has {', '.join(lacking[:3])}" if lacking else ""
        raise Mismatch(f"the model should have the parameters of the table and no others{lacks}{has}")
    return mine, lambda ids: theirs(ids, use_cache=False).logits.detach(), theirs


def llama_ids(batch, length):
    """Ids below 40, the same every time."""
    return (torch.arange(batch * length) ** 2 * 7 % 37 + 1).reshape(batch, length)


@LanguageModel.check
def equals_llama(LanguageModel):
    """Llama's weights load, and two texts of five tokens get the logits of transformers' LlamaForCausalLM"""
    mine, theirs, _ = llama_pair(LanguageModel)
    close(mine(llama_ids(2, 5)), theirs(llama_ids(2, 5)))


@LanguageModel.check
def blind_to_the_future(LanguageModel):
    """the logits of a text's beginning are those of the beginning alone, down to one token"""
    mine, theirs, _ = llama_pair(LanguageModel)
    ids = llama_ids(1, 6)
    for length in (1, 4):
        close(mine(ids[:, :length]), theirs(ids)[:, :length])


@LanguageModel.check
def tied_embeddings(LanguageModel):
    """where `tie_word_embeddings`, a checkpoint without `lm_head.weight` loads, and the head is the embedding"""
    mine, theirs, _ = llama_pair(LanguageModel, tie_word_embeddings=True)
    close(mine(llama_ids(2, 4)), theirs(llama_ids(2, 4)))


@LanguageModel.check
def other_heads(LanguageModel):
    """four heads of keys and values for eight of queries, one for all, one for each; and a `head_dim` that is not hidden_size / heads"""
    for changed in (
        {"num_attention_heads": 8, "num_key_value_heads": 4, "hidden_size": 32},
        {"num_attention_heads": 4, "num_key_value_heads": 1},
        {"num_attention_heads": 3, "num_key_value_heads": 3},
        {"head_dim": 10},
    ):
        mine, theirs, _ = llama_pair(LanguageModel, **changed)
        close(mine(llama_ids(1, 5)), theirs(llama_ids(1, 5)))


@LanguageModel.check
def other_depths(LanguageModel):
    """one layer, and four"""
    for n in (1, 4):
        mine, theirs, _ = llama_pair(LanguageModel, num_hidden_layers=n, num_key_value_heads=3)
        close(mine(llama_ids(1, 4)), theirs(llama_ids(1, 4)))


@LanguageModel.check
def long_texts(LanguageModel):
    """the last of 30 tokens, with RoPE of base 10000, 100 and 500000"""
    for base in (10_000.0, 100.0, 500_000.0):
        rope = {"rope_type": "default", "rope_theta": base}
        mine, theirs, _ = llama_pair(LanguageModel, rope_parameters=rope, hidden_size=48)
        close(mine(llama_ids(1, 30))[:, -1], theirs(llama_ids(1, 30))[:, -1], what="the last token's logits")


@LanguageModel.check
def epsilon(LanguageModel):
    """ε is `rms_norm_eps`, in every norm"""
    mine, theirs, _ = llama_pair(LanguageModel, rms_norm_eps=0.3)
    close(mine(llama_ids(1, 4)), theirs(llama_ids(1, 4)))

    def small(shapes):
        return {name: weight * (0.01 if "embed" in name else 1) for name, weight in llama_weights(shapes).items()}

    mine, theirs, _ = llama_pair(LanguageModel, small, rms_norm_eps=1e-5)
    close(mine(llama_ids(1, 4)), theirs(llama_ids(1, 4)))


@LanguageModel.check
def greedy_text(LanguageModel):
    """ten tokens, the likeliest one each time, are those that transformers generates"""
    mine, _, theirs = llama_pair(LanguageModel, num_key_value_heads=1)
    ids = llama_ids(1, 3)
    due = theirs.generate(ids, max_new_tokens=10, do_sample=False, eos_token_id=None, pad_token_id=0)
    for _ in range(10):
        ids = torch.cat([ids, mine(ids)[:, -1].argmax(-1, keepdim=True)], 1)
    close(ids, due, what="the text")


@LanguageModel.check
def gradients_flow(LanguageModel):
    """gradients flow back to every parameter, as large as those of LlamaForCausalLM; a tied embedding gets those of both its ends"""
    upstream = torch.sin(torch.arange(160.0)).reshape(1, 4, 40)
    for tied in (False, True):
        mine, _, theirs = llama_pair(LanguageModel, tie_word_embeddings=tied)
        found = vjp(mine, (llama_ids(1, 4),), upstream, parameters=True)[2]
        if tied and "lm_head.weight" in found:  # where the head was made first, the one parameter has its name
            found.setdefault("model.embed_tokens.weight", found["lm_head.weight"])
        theirs(llama_ids(1, 4), use_cache=False).logits.backward(upstream)
        for name, parameter in theirs.named_parameters():
            length = 0.0 if found.get(name) is None else float(found[name].norm())
            close(length, float(parameter.grad.norm()), rtol=1e-3, what=f"the length of the gradient of {name}")


@LanguageModel.check
def leaves_its_input_alone(LanguageModel):
    """the caller's ids are left as they were"""
    leaves_alone(llama_pair(LanguageModel)[0], llama_ids(1, 4))


def _drawn(rng):
    """A configuration of which all is drawn, and a way to draw its weights."""
    keys, groups, half, layers = torch.randint(1, 4, (4,), generator=rng).tolist()
    vocabulary, inner, more = torch.randint(2, 30, (3,), generator=rng).tolist()
    settings = {
        "vocab_size": 10 + vocabulary,
        "hidden_size": keys * groups * more,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": keys * groups,
        "num_key_value_heads": keys,
        "head_dim": 2 * half + 2,
        "rms_norm_eps": 10.0 ** -float(torch.randint(2, 7, (), generator=rng)),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10.0 ** float(torch.randint(2, 6, (), generator=rng)),
        },
        "tie_word_embeddings": bool(torch.rand((), generator=rng) < 0.5),
    }

    def weights(shapes):
        return {
            name: torch.randn(shape, generator=rng) / (shape[1] ** 0.5 if len(shape) == 2 else 1)
            for name, shape in shapes.items()
        }

    return settings, weights


@LanguageModel.hidden
def equals_llama_anywhere(LanguageModel, rng):
    """models of any configuration give the logits of LlamaForCausalLM with the same weights"""
    for _ in range(4):
        settings, weights = _drawn(rng)
        mine, theirs, _ = llama_pair(LanguageModel, weights, **settings)
        batch, length = torch.randint(1, 12, (2,), generator=rng).tolist()
        ids = torch.randint(0, settings["vocab_size"], (batch, length), generator=rng)
        close(mine(ids), theirs(ids))


@LanguageModel.hidden
def tied_or_not(LanguageModel, rng):
    """tied or not, whatever else the configuration says"""
    for tied in (True, False):
        settings, weights = _drawn(rng)
        mine, theirs, _ = llama_pair(LanguageModel, weights, **settings | {"tie_word_embeddings": tied})
        ids = torch.randint(0, settings["vocab_size"], (2, 5), generator=rng)
        close(mine(ids), theirs(ids))


@LanguageModel.hidden
def greedy_text_anywhere(LanguageModel, rng):
    """at each step of a text, the likeliest token is that of LlamaForCausalLM"""
    settings, weights = _drawn(rng)
    mine, theirs, _ = llama_pair(LanguageModel, weights, **settings)
    ids = torch.randint(0, settings["vocab_size"], (1, 3), generator=rng)
    for _ in range(8):
        best = theirs(ids)[0, -1].topk(2)
        found = mine(ids)[:, -1].argmax(-1)
        if best.values[0] - best.values[1] > 0.01:  # nearer together, rounding may choose
            close(found, best.indices[:1], what="the next token")
        ids = torch.cat([ids, best.indices[None, :1]], 1)


@LanguageModel.hidden
def gradients_anywhere(LanguageModel, rng):
    """gradients of every parameter are those of LlamaForCausalLM, tied or not"""
    for tied in (True, False):
        settings, weights = _drawn(rng)
        mine, _, theirs = llama_pair(LanguageModel, weights, **settings | {"tie_word_embeddings": tied})
        ids = torch.randint(0, settings["vocab_size"], (2, 4), generator=rng)
        upstream = torch.randn(2, 4, settings["vocab_size"], generator=rng)
        found = vjp(mine, (ids,), upstream, parameters=True)[2]
        theirs(ids, use_cache=False).logits.backward(upstream)
        due = {name: parameter.grad for name, parameter in theirs.named_parameters()}
        if tied and "lm_head.weight" in found:
            found.setdefault("model.embed_tokens.weight", found["lm_head.weight"])
        close({name: found.get(name) for name in due}, due, atol=1e-3, rtol=1e-3, what="the gradients")


def _turned(x, base, way=1):
    half = x.shape[-1] // 2
    angles = way * torch.arange(x.shape[-2])[:, None] * base ** (-torch.arange(half) / half)
    left, right = x[..., :half], x[..., half:]
    return torch.cat([left * angles.cos() - right * angles.sin(), left * angles.sin() + right * angles.cos()], -1)


@LanguageModel.stand_in
class in_parts(nn.Module):
    """The same in small methods, so that a wrong answer below is this one with one of them changed."""

    bias = False

    def __init__(self, config):
        super().__init__()
        self.config = c = config
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.model.layers = nn.ModuleList(self.layer() for _ in range(c.num_hidden_layers))
        self.model.norm = nn.RMSNorm(c.hidden_size, eps=self.eps())
        self.lm_head = nn.Linear(c.hidden_size, c.vocab_size, bias=False)
        if c.tie_word_embeddings:
            self.tie()

    def head_dim(self):
        return self.config.head_dim

    def keys(self):
        return self.config.num_key_value_heads

    def eps(self):
        return self.config.rms_norm_eps

    def base(self):
        return self.config.rope_parameters["rope_theta"]

    def tie(self):
        self.lm_head.weight = self.model.embed_tokens.weight

    def layer(self):
        c, layer = self.config, nn.Module()
        d, inner = c.hidden_size, c.intermediate_size
        q, k = c.num_attention_heads * self.head_dim(), self.keys() * self.head_dim()
        layer.self_attn, layer.mlp = nn.Module(), nn.Module()
        for name, inputs, outputs in (("q", d, q), ("k", d, k), ("v", d, k), ("o", q, d)):
            setattr(layer.self_attn, f"{name}_proj", nn.Linear(inputs, outputs, bias=self.bias))
        for name, inputs, outputs in (("gate", d, inner), ("up", d, inner), ("down", inner, d)):
            setattr(layer.mlp, f"{name}_proj", nn.Linear(inputs, outputs, bias=self.bias))
        layer.input_layernorm = nn.RMSNorm(d, eps=self.eps())
        layer.post_attention_layernorm = nn.RMSNorm(d, eps=self.eps())
        return layer

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.model.layers:
            x = self.block(layer, x)
        return self.head(self.last_norm(x))

    def embed(self, ids):
        return self.model.embed_tokens(ids)

    def block(self, layer, x):
        x = x + self.attention(layer.self_attn, layer.input_layernorm(x))
        return x + self.mlp(layer.mlp, layer.post_attention_layernorm(x))

    def last_norm(self, x):
        return self.model.norm(x)

    def head(self, x):
        return self.lm_head(x)

    def split(self, x):
        return x.unflatten(-1, (-1, self.head_dim())).transpose(1, 2)

    def attention(self, layer, x):
        q, k, v = self.split(layer.q_proj(x)), self.split(layer.k_proj(x)), self.split(layer.v_proj(x))
        q, k, v = self.turn(q, k, v)
        k, v = self.repeat(k), self.repeat(v)
        return layer.o_proj(self.merge(self.look(q, k, v)))

    def turn(self, q, k, v):
        return _turned(q, self.base()), _turned(k, self.base()), v

    def repeat(self, x):
        return x.repeat_interleave(self.config.num_attention_heads // self.keys(), 1)

    def look(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    def merge(self, heads):
        return heads.transpose(1, 2).flatten(2)

    def mlp(self, layer, x):
        return layer.down_proj(F.silu(layer.gate_proj(x)) * layer.up_proj(x))


# ---- heads ----


@LanguageModel.mutant(
    "You repeat the heads of keys and values as a whole: 0, 1, 0, 1, … Query heads 0, 1, 2 look at head 0: repeat each where it stands (`repeat_interleave`)."
)
class tiled(in_parts):
    def repeat(self, x):
        return x.repeat(1, self.config.num_attention_heads // self.keys(), 1, 1)


@LanguageModel.mutant(
    "All query heads look at the first head of keys and values. Each group of query heads has its own."
)
class first_head_for_all(in_parts):
    def repeat(self, x):
        return x[:, :1].expand(-1, self.config.num_attention_heads, -1, -1)


@LanguageModel.mutant(
    "Keys and values have fewer heads than queries, and do not fit: repeat each head for its group of query heads (`repeat_interleave`)."
)
class not_repeated(in_parts):
    def repeat(self, x):
        return x


@LanguageModel.mutant(
    "The heads of keys are repeated in one way, those of values in another. Repeat both with `repeat_interleave`."
)
class values_tiled(in_parts):
    def attention(self, layer, x):
        q, k, v = self.split(layer.q_proj(x)), self.split(layer.k_proj(x)), self.split(layer.v_proj(x))
        q, k, v = self.turn(q, k, v)
        v = v.repeat(1, self.config.num_attention_heads // self.keys(), 1, 1)
        return layer.o_proj(self.merge(self.look(q, self.repeat(k), v)))


@LanguageModel.mutant("Keys and values are as wide as queries in your model. They have `num_key_value_heads` heads.")
class full_keys(in_parts):
    def keys(self):
        return self.config.num_attention_heads


@LanguageModel.mutant(
    "You take `hidden_size / num_attention_heads` for a head's features. A configuration can say otherwise: read `head_dim`."
)
class head_dim_ignored(in_parts):
    def head_dim(self):
        return self.config.hidden_size // self.config.num_attention_heads


@LanguageModel.mutant(
    "The features are cut into heads the wrong way: one `view` to (batch, heads, T, d) mixes tokens and heads. Cut the last dimension, then transpose."
)
class cut_without_transpose(in_parts):
    def split(self, x):
        return x.reshape(x.shape[0], -1, x.shape[1], self.head_dim())


@LanguageModel.mutant("Heads are joined without putting tokens before them again: transpose, then `flatten(2)`.")
class joined_without_transpose(in_parts):
    def merge(self, heads):
        return heads.reshape(heads.shape[0], heads.shape[2], -1)


# ---- attention ----


@LanguageModel.mutant("There is no causal mask: tokens look at those after them, and the model sees what it is to say.")
class no_mask(in_parts):
    def look(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v)


@LanguageModel.mutant("Your mask is the wrong way round: tokens look at those after them only.")
class future_alone(in_parts):
    def look(self, q, k, v):
        mask = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu()
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


@LanguageModel.mutant(
    "A token may not look at itself in your mask, and the first one at nothing. The diagonal is True."
)
class without_itself(in_parts):
    def look(self, q, k, v):
        mask = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).tril(-1)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


@LanguageModel.mutant("The scores are not scaled: divide them by the root of `head_dim`.")
class no_scale(in_parts):
    def look(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1.0)


@LanguageModel.mutant(
    "The scores are divided by `head_dim`, not by its root; or by the root twice, if what you call scales too."
)
class scaled_twice(in_parts):
    def look(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=1 / q.shape[-1])


@LanguageModel.mutant(
    "The scores are divided by the root of `hidden_size`. It is that of one head's features, `head_dim`."
)
class scaled_by_the_model(in_parts):
    def look(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.config.hidden_size**-0.5)


@LanguageModel.mutant(
    "Keys and values have changed places. Check which projection is which, and the order of attention's arguments."
)
class keys_and_values_swapped(in_parts):
    def look(self, q, k, v):
        return super().look(q, v, k)


@LanguageModel.mutant("`o_proj` is not used: what the heads found is mixed by it before it is added.")
class no_output_projection(in_parts):
    def attention(self, layer, x):
        joined = super().attention(_Without(layer), x)
        return joined[..., : x.shape[-1]]


class _Without(nn.Module):
    """Attention's projections, with the last one left out."""

    def __init__(self, layer):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = layer.q_proj, layer.k_proj, layer.v_proj, nn.Identity()


# ---- positions ----


@LanguageModel.mutant("Nothing is turned by its position: apply RoPE to queries and keys.")
class no_rope(in_parts):
    def turn(self, q, k, v):
        return q, k, v


@LanguageModel.mutant("Values are turned too. RoPE is for queries and keys.")
class values_turned(in_parts):
    def turn(self, q, k, v):
        return *super().turn(q, k, v)[:2], _turned(v, self.base())


@LanguageModel.mutant("Only the queries are turned. RoPE is for queries and keys: distance comes from both.")
class keys_not_turned(in_parts):
    def turn(self, q, k, v):
        return _turned(q, self.base()), k, v


@LanguageModel.mutant(
    'Your RoPE has the base 10000 whatever the configuration says: `config.rope_parameters["rope_theta"]`.'
)
class always_10000(in_parts):
    def base(self):
        return 10000.0


@LanguageModel.mutant("Pairs of neighbours are turned. Llama pairs feature j with feature j + d/2 of a head.")
class neighbours_turned(in_parts):
    def turn(self, q, k, v):
        def turned(x):
            y = _turned(torch.cat([x[..., 0::2], x[..., 1::2]], -1), self.base())
            return y.unflatten(-1, (2, -1)).transpose(-2, -1).flatten(-2)

        return turned(q), turned(k), v


@LanguageModel.mutant("You turn the other way round: RoPE's minus is at the wrong sine.")
class turned_backwards(in_parts):
    def turn(self, q, k, v):
        return _turned(q, self.base(), -1), _turned(k, self.base(), -1), v


@LanguageModel.mutant(
    "RoPE gets (batch, T, heads, d), and takes the heads for tokens. Put heads before tokens before you turn."
)
class turned_by_heads(in_parts):
    def turn(self, q, k, v):
        q, k = (_turned(x.transpose(1, 2), self.base()).transpose(1, 2) for x in (q, k))
        return q, k, v


@LanguageModel.mutant("All features are turned at once, before they are cut into heads. Each head is turned by itself.")
class turned_before_heads(in_parts):
    def turn(self, q, k, v):
        q, k = (self.split(_turned(self.merge(x), self.base())) for x in (q, k))
        return q, k, v


# ---- norms and residuals ----


@LanguageModel.mutant("The norm after the last layer is missing: the head reads the normed x.")
class no_last_norm(in_parts):
    def last_norm(self, x):
        return x


@LanguageModel.mutant(
    "Norms stand after the sums, as in 2017. Here each half reads the normed x and adds to x itself (pre-norm)."
)
class post_norm(in_parts):
    def block(self, layer, x):
        x = layer.input_layernorm(x + self.attention(layer.self_attn, x))
        return layer.post_attention_layernorm(x + self.mlp(layer.mlp, x))


@LanguageModel.mutant("What attention and the MLP give is normed. What they read is: norm first.")
class output_normed(in_parts):
    def block(self, layer, x):
        x = x + layer.input_layernorm(self.attention(layer.self_attn, x))
        return x + layer.post_attention_layernorm(self.mlp(layer.mlp, x))


@LanguageModel.mutant("You add to the normed x. Add to x as it came in: the residual stream is never normed itself.")
class residual_of_the_normed(in_parts):
    def block(self, layer, x):
        x = layer.input_layernorm(x)
        x = x + self.attention(layer.self_attn, x)
        x = layer.post_attention_layernorm(x)
        return x + self.mlp(layer.mlp, x)


@LanguageModel.mutant("Attention replaces x. It is added to it.")
class no_first_residual(in_parts):
    def block(self, layer, x):
        x = self.attention(layer.self_attn, layer.input_layernorm(x))
        return x + self.mlp(layer.mlp, layer.post_attention_layernorm(x))


@LanguageModel.mutant("The MLP replaces x. It is added to it.")
class no_second_residual(in_parts):
    def block(self, layer, x):
        x = x + self.attention(layer.self_attn, layer.input_layernorm(x))
        return self.mlp(layer.mlp, layer.post_attention_layernorm(x))


@LanguageModel.mutant("Nothing is added to x: both attention and the MLP replace it.")
class no_residual(in_parts):
    def block(self, layer, x):
        x = self.attention(layer.self_attn, layer.input_layernorm(x))
        return self.mlp(layer.mlp, layer.post_attention_layernorm(x))


@LanguageModel.mutant(
    "The MLP reads the layer's first x, beside attention (GPT-J does so). Here it reads x after attention was added."
)
class in_parallel(in_parts):
    def block(self, layer, x):
        attended = self.attention(layer.self_attn, layer.input_layernorm(x))
        return x + attended + self.mlp(layer.mlp, layer.post_attention_layernorm(x))


@LanguageModel.mutant("Both halves use the first norm. The MLP reads through `post_attention_layernorm`.")
class one_norm_for_both(in_parts):
    def block(self, layer, x):
        x = x + self.attention(layer.self_attn, layer.input_layernorm(x))
        return x + self.mlp(layer.mlp, layer.input_layernorm(x))


@LanguageModel.mutant("The two norms of a layer have changed places.")
class norms_swapped(in_parts):
    def block(self, layer, x):
        x = x + self.attention(layer.self_attn, layer.post_attention_layernorm(x))
        return x + self.mlp(layer.mlp, layer.input_layernorm(x))


@LanguageModel.mutant("There are no norms before attention and the MLP: both read x as it is.")
class no_norms(in_parts):
    def block(self, layer, x):
        x = x + self.attention(layer.self_attn, x)
        return x + self.mlp(layer.mlp, x)


@LanguageModel.mutant("Your norm subtracts the mean, as LayerNorm does. RMSNorm divides by the root mean square alone.")
class layer_norm(in_parts):
    def block(self, layer, x):
        d, eps = (x.shape[-1],), self.eps()
        first, second = layer.input_layernorm.weight, layer.post_attention_layernorm.weight
        x = x + self.attention(layer.self_attn, F.layer_norm(x, d, first, eps=eps))
        return x + self.mlp(layer.mlp, F.layer_norm(x, d, second, eps=eps))

    def last_norm(self, x):
        return F.layer_norm(x, (x.shape[-1],), self.model.norm.weight, eps=self.eps())


@LanguageModel.mutant(
    "ε is always the same, whatever the configuration says. It is `config.rms_norm_eps`, in each norm; `nn.RMSNorm` without `eps` has one of its own."
)
class always_1e_6(in_parts):
    def eps(self):
        return 1e-6


@LanguageModel.mutant(
    "ε is always the same, whatever the configuration says. It is `config.rms_norm_eps`, in each norm; `nn.RMSNorm` without `eps` has one of its own."
)
class default_eps(in_parts):
    def eps(self):
        return None


@LanguageModel.mutant("The last norm has another ε than the configuration says. It is `config.rms_norm_eps` there too.")
class another_eps_at_the_end(in_parts):
    def last_norm(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.model.norm.weight, 1e-6)


# ---- MLP ----


@LanguageModel.mutant("`silu` is on the wrong one of the two: it belongs on the gate, and `up` stays as it is.")
class activation_on_up(in_parts):
    def mlp(self, layer, x):
        return layer.down_proj(layer.gate_proj(x) * F.silu(layer.up_proj(x)))


@LanguageModel.mutant("Your gate is a GELU. SwiGLU's is a SiLU: `F.silu`.")
class gelu(in_parts):
    def mlp(self, layer, x):
        return layer.down_proj(F.gelu(layer.gate_proj(x)) * layer.up_proj(x))


@LanguageModel.mutant("The gate has no activation. It goes through `F.silu` before the product.")
class no_activation(in_parts):
    def mlp(self, layer, x):
        return layer.down_proj(layer.gate_proj(x) * layer.up_proj(x))


@LanguageModel.mutant("`up_proj` is not used. Multiply silu(gate) by it.")
class no_up(in_parts):
    def mlp(self, layer, x):
        return layer.down_proj(F.silu(layer.gate_proj(x)))


# ---- both ends ----


@LanguageModel.mutant(
    "Where `tie_word_embeddings`, your head is a parameter of its own, at best a copy, and no checkpoint fills it. It must be the same parameter: assign the embedding's weight itself."
)
class never_tied(in_parts):
    def tie(self):
        pass


@LanguageModel.mutant(
    "Where `tie_word_embeddings`, your head is a parameter of its own, at best a copy, and no checkpoint fills it. It must be the same parameter: assign the embedding's weight itself."
)
class tied_by_a_copy(in_parts):
    def tie(self):
        self.lm_head.weight = nn.Parameter(self.model.embed_tokens.weight.detach().clone())
        self.register_buffer("copied", torch.zeros(()), persistent=False)


@LanguageModel.mutant(
    "Embedding and head share their memory, but are two parameters: each gets a part of the gradient, and an optimizer moves both. Assign the "
    "parameter itself, not one made of its `.data`."
)
class tied_in_memory(in_parts):
    def tie(self):
        self.lm_head.weight = nn.Parameter(self.model.embed_tokens.weight.data)


@LanguageModel.mutant(
    "The head is the embedding even where `tie_word_embeddings` is false. There `lm_head.weight` is a parameter of its own."
)
class always_tied(in_parts):
    def head(self, x):
        return F.linear(x, self.model.embed_tokens.weight)


@LanguageModel.mutant(
    "Embeddings are multiplied by the root of `hidden_size`, as in other models. A Llama's go in as they are."
)
class scaled_embeddings(in_parts):
    def embed(self, ids):
        return super().embed(ids) * self.config.hidden_size**0.5


@LanguageModel.mutant("You returned shares: leave the last softmax away. Logits are asked for.")
class shares(in_parts):
    def head(self, x):
        return super().head(x).softmax(-1)


@LanguageModel.mutant("You returned logarithms of shares: leave the last `log_softmax` away. Logits are asked for.")
class logarithms(in_parts):
    def head(self, x):
        return super().head(x).log_softmax(-1)


@LanguageModel.mutant(
    "You returned the last token's logits alone. In training every token is a question: return those of all."
)
class last_token_alone(in_parts):
    def head(self, x):
        return super().head(x[:, -1:])


@LanguageModel.mutant("You returned the likeliest tokens. Return the logits, from which others choose.")
class likeliest(in_parts):
    def head(self, x):
        return super().head(x).argmax(-1)


@LanguageModel.mutant("There is no head: what you return are the last norm's features.")
class no_head(in_parts):
    def head(self, x):
        return x


# ---- layers and names ----


@LanguageModel.mutant(
    "All layers are one: `[layer] * n` repeats the same module, which has one set of weights. Make a new one each time."
)
class one_layer_repeated(in_parts):
    def __init__(self, config):
        super().__init__(config)
        self.model.layers = nn.ModuleList([self.layer()] * config.num_hidden_layers)


@LanguageModel.mutant("Only the first layer is used: loop over all of them.")
class first_layer_alone(in_parts):
    def forward(self, ids):
        return self.head(self.last_norm(self.block(self.model.layers[0], self.embed(ids))))


@LanguageModel.mutant("Each layer reads the embeddings anew. It reads what the layer before it gave.")
class layers_side_by_side(in_parts):
    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.model.layers:
            y = self.block(layer, x)
        return self.head(self.last_norm(y))


@LanguageModel.mutant("The last norm is applied after every layer. It stands once, after the last.")
class last_norm_in_every_layer(in_parts):
    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.model.layers:
            x = self.last_norm(self.block(layer, x))
        return self.head(x)


@LanguageModel.mutant("Your linear layers have biases, which no checkpoint fills: `bias=False`.")
class biases(in_parts):
    bias = True


@LanguageModel.mutant(
    "Your layers are kept in a plain list, where PyTorch does not find them: put them into an `nn.ModuleList`."
)
class plain_list(in_parts):
    def __init__(self, config):
        super().__init__(config)
        layers = list(self.model.layers)
        del self.model.layers
        self.model.layers = layers


@LanguageModel.mutant("Your names lack `model.` in front: all but `lm_head` stand in a module of that name.")
class without_model(in_parts):
    def __init__(self, config):
        super().__init__(config)
        inner = self.model
        del self.model
        self.embed_tokens, self.layers, self.norm = inner.embed_tokens, inner.layers, inner.norm


# ---- gradients and memory ----


@LanguageModel.mutant(
    "Queries and keys are cut off (`no_grad` or `.detach()` around RoPE): their projections are never learnt."
)
class rope_without_gradient(in_parts):
    def turn(self, q, k, v):
        q, k, v = super().turn(q, k, v)
        return q.detach(), k.detach(), v


@LanguageModel.mutant(
    "The result is cut off from the parameters (`no_grad`, `.data` or `.detach()`): nothing can be learnt."
)
class detached(in_parts):
    def head(self, x):
        return super().head(x).detach()


@LanguageModel.mutant("You change the caller's ids: writing to `ids[…]` works in place.")
class in_place(in_parts):
    def embed(self, ids):
        x = super().embed(ids)
        ids.zero_()
        return x


class _Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.input_layernorm = nn.RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.self_attn = nn.ModuleDict()
        for letter, n in zip("qkv", (c.num_attention_heads, c.num_key_value_heads, c.num_key_value_heads), strict=True):
            self.self_attn[f"{letter}_proj"] = nn.Linear(c.hidden_size, n * c.head_dim, bias=False)
        self.self_attn["o_proj"] = nn.Linear(c.num_attention_heads * c.head_dim, c.hidden_size, bias=False)
        self.mlp = nn.ModuleDict(
            {name: nn.Linear(c.hidden_size, c.intermediate_size, bias=False) for name in ("gate_proj", "up_proj")}
        )
        self.mlp["down_proj"] = nn.Linear(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x, rotary):
        c, (batch, length, _) = self.c, x.shape
        n = self.input_layernorm(x)
        q = self.self_attn["q_proj"](n).view(batch, length, c.num_attention_heads, c.head_dim).transpose(1, 2)
        k = self.self_attn["k_proj"](n).view(batch, length, c.num_key_value_heads, c.head_dim).transpose(1, 2)
        v = self.self_attn["v_proj"](n).view(batch, length, c.num_key_value_heads, c.head_dim).transpose(1, 2)
        q, k = apply_rotary_pos_emb(q, k, *rotary(x, torch.arange(length)[None]))
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.self_attn["o_proj"](heads.transpose(1, 2).reshape(batch, length, -1))
        n = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](F.silu(self.mlp["gate_proj"](n)) * self.mlp["up_proj"](n))


class _Body(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(_Block(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.rotary = LlamaRotaryEmbedding(config)

    def forward(self, ids):
        x = self.embed_tokens(ids)
        for block in self.layers:
            x = block(x, self.rotary)
        return self.norm(x)


@LanguageModel.variant
class in_modules(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.model = _Body(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, ids):
        return self.lm_head(self.model(ids))


@LanguageModel.variant
class head_by_head(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c = c = config
        d, q, k = c.hidden_size, c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim

        def linear(*shape):
            return nn.ParameterDict({"weight": torch.randn(*shape) * 0.02})

        def norm():
            return nn.ParameterDict({"weight": torch.ones(d)})

        self.model = nn.ModuleDict({"embed_tokens": linear(c.vocab_size, d), "norm": norm(), "layers": nn.ModuleList()})
        for _ in range(c.num_hidden_layers):
            attention = {"q_proj": linear(q, d), "k_proj": linear(k, d), "v_proj": linear(k, d), "o_proj": linear(d, q)}
            mlp = {name: linear(c.intermediate_size, d) for name in ("gate_proj", "up_proj")}
            mlp["down_proj"] = linear(d, c.intermediate_size)
            layer = {"self_attn": nn.ModuleDict(attention), "mlp": nn.ModuleDict(mlp)}
            layer |= {"input_layernorm": norm(), "post_attention_layernorm": norm()}
            self.model["layers"].append(nn.ModuleDict(layer))
        if not c.tie_word_embeddings:
            self.lm_head = linear(c.vocab_size, d)

    def norm(self, x, part):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.c.rms_norm_eps) * part["weight"]

    def forward(self, ids):
        c, length = self.c, ids.shape[1]
        future = torch.ones(length, length).triu(1).bool()
        x = self.model["embed_tokens"]["weight"][ids]
        for layer in self.model["layers"]:
            n = self.norm(x, layer["input_layernorm"])
            q, k, v = (n @ layer["self_attn"][f"{letter}_proj"]["weight"].T for letter in "qkv")
            found = []
            for i in range(c.num_attention_heads):
                j = i * c.num_key_value_heads // c.num_attention_heads
                a = _turned(q[..., i * c.head_dim : (i + 1) * c.head_dim], c.rope_parameters["rope_theta"])
                b = _turned(k[..., j * c.head_dim : (j + 1) * c.head_dim], c.rope_parameters["rope_theta"])
                scores = torch.einsum("bqd,bkd->bqk", a, b) / c.head_dim**0.5
                shares = scores.masked_fill(future, -1e30).softmax(-1)
                found.append(shares @ v[..., j * c.head_dim : (j + 1) * c.head_dim])
            x = x + torch.cat(found, -1) @ layer["self_attn"]["o_proj"]["weight"].T
            n = self.norm(x, layer["post_attention_layernorm"])
            gate, up = (n @ layer["mlp"][name]["weight"].T for name in ("gate_proj", "up_proj"))
            x = x + (gate * gate.sigmoid() * up) @ layer["mlp"]["down_proj"]["weight"].T
        head = self.model["embed_tokens"] if c.tie_word_embeddings else self.lm_head
        return self.norm(x, self.model["norm"]) @ head["weight"].T
