"""A transformer described by a few settings: drawn as one block, and counted in parameters.

BERT, T5, GPT-2, Llama are four settings of the same drawing. `parts` counts from the settings alone; the lesson
checks it against the models themselves. Left out: a model that runs (you build that block in this week's exercises).
"""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from course import plots

NORM_COLOUR, ATTENTION_COLOUR, MLP_COLOUR = plots.YELLOW, plots.SKY, plots.PURPLE


@dataclass(frozen=True)
class Model:
    """The settings of a transformer; sizes are those of the model that `name` says."""

    name: str
    norm: str  # "LayerNorm" (scale and shift) or "RMSNorm" (scale)
    placement: str  # "post": after the addition, on the stream; "pre": before the sublayer, on the branch
    positions: str  # "learned", "RoPE" or "relative bias"
    sees: str  # what a token may look at: "everything" or "the past"
    mlp: str  # "GELU", "ReLU" or "SwiGLU" (gated: three matrices)
    vocabulary: int
    width: int
    layers: int
    heads: int
    hidden: int  # width of the MLP's middle
    context: int
    key_value_heads: int = 0  # 0: as many as heads
    biases: bool = False
    tied: bool = True  # the output layer is the embedding table, turned round
    encoder_decoder: bool = False  # an encoder as deep as the decoder, and cross-attention to it
    extras: int = 0  # parameters that the drawing leaves out, named beside each model below


# Extras of BERT: two token types, the norm after the embeddings, and the pooler (a square matrix and its bias).
BERT = Model(
    "BERT base", "LayerNorm", "post", "learned", "everything", "GELU", vocabulary=30522, width=768, layers=12, heads=12,
    hidden=3072, context=512, biases=True, extras=2 * 768 + 2 * 768 + 768 * 768 + 768,
)  # fmt: skip
T5 = Model(
    "T5 small", "RMSNorm", "pre", "relative bias", "the past", "ReLU", vocabulary=32128, width=512, layers=6, heads=8,
    hidden=2048, context=512, encoder_decoder=True,
)  # fmt: skip
GPT2 = Model(
    "GPT-2", "LayerNorm", "pre", "learned", "the past", "GELU", vocabulary=50257, width=768, layers=12, heads=12,
    hidden=3072, context=1024, biases=True,
)  # fmt: skip
LLAMA = Model(
    "Llama 7B", "RMSNorm", "pre", "RoPE", "the past", "SwiGLU", vocabulary=32000, width=4096, layers=32, heads=32,
    hidden=11008, context=2048, tied=False,
)  # fmt: skip
BUCKETS = 32  # of distances, in a table of relative biases


def parts(model: Model) -> dict[str, int]:
    """Parameters by part: embeddings, positions, attention, MLP, norms, output, extras."""
    width, bias = model.width, int(model.biases)
    narrow = width * (model.key_value_heads or model.heads) // model.heads
    attention = 2 * width * width + 2 * width * narrow + bias * (2 * width + 2 * narrow)
    matrices = 3 if model.mlp == "SwiGLU" else 2
    mlp = matrices * width * model.hidden + bias * ((matrices - 1) * model.hidden + width)
    norm = width * (2 if model.norm == "LayerNorm" else 1)
    last_norm = norm if model.placement == "pre" else 0
    stacks = 2 if model.encoder_decoder else 1
    tables = {"learned": model.context * width, "relative bias": BUCKETS * model.heads, "RoPE": 0}
    return {
        "embeddings": model.vocabulary * width,
        "positions": tables[model.positions] * stacks,
        "attention": (stacks + model.encoder_decoder) * model.layers * attention,
        "MLP": stacks * model.layers * mlp,
        "norms": model.layers * norm * (2 * stacks + model.encoder_decoder) + stacks * last_norm,
        "output": 0 if model.tied else model.vocabulary * width,
        "extras": model.extras,
    }


def draw(axes: Axes, model: Model) -> None:
    """Draw one block of the model, from the token vectors below to what it hands on above."""
    axes.set(xlim=(-1.15, 3.1), aspect="equal")
    axes.axis("off")
    axes.set_title(model.name, loc="center")
    inside = {"learned": "", "RoPE": "\nwith RoPE", "relative bias": "\n+ distance bias"}[model.positions]
    sublayers = [(f"attention to\n{model.sees}{inside}", ATTENTION_COLOUR)]
    if model.encoder_decoder:
        sublayers.append(("attention to\nthe encoder", ATTENTION_COLOUR))
    sublayers.append((f"MLP\n{model.mlp}", MLP_COLOUR))
    _box(axes, 0, 0, "tokens" + (" +\npositions" if model.positions == "learned" else ""), plots.PAPER, 1.8)
    height = 0.45
    for text, colour in sublayers:
        height = _sublayer(axes, height, text, colour, model.norm, model.placement)
    _arrow(axes, (0, height), (0, height + 0.55))
    axes.text(0.18, height + 0.3, f"× {model.layers}", va="center", color=plots.MUTED)
    axes.set_ylim(-0.6, height + 0.75)


def _sublayer(axes: Axes, low: float, text: str, colour: str, norm: str, placement: str) -> float:
    """Draw one branch and its addition from the height `low` up; returns the height reached."""
    pre = placement == "pre"
    middle = low + (1.55 if pre else 0.95)
    plus = middle + 0.75
    axes.plot([0, 0], [low, plus - 0.17], color=plots.INK, lw=2.2)
    axes.plot([0, 1.95], [low + 0.15, low + 0.15], color=plots.MUTED, lw=1.4)
    if pre:
        _arrow(axes, (1.95, low + 0.15), (1.95, low + 0.42))
        _box(axes, 1.95, low + 0.65, norm, NORM_COLOUR, 1.9, 0.42)
        _arrow(axes, (1.95, low + 0.87), (1.95, middle - 0.42))
    else:
        _arrow(axes, (1.95, low + 0.15), (1.95, middle - 0.42))
    _box(axes, 1.95, middle, text, colour, 1.9, 0.8)
    axes.plot([1.95, 1.95], [middle + 0.41, plus], color=plots.MUTED, lw=1.4)
    _arrow(axes, (1.95, plus), (0.17, plus))
    axes.text(0, plus, "+", ha="center", va="center", fontsize=12, zorder=4, bbox={"boxstyle": "circle,pad=0.12", "fc": plots.PAPER, "ec": plots.INK})  # fmt: skip # noqa: E501
    if pre:
        return plus + 0.17
    _arrow(axes, (0, plus + 0.17), (0, plus + 0.45))
    _box(axes, 0, plus + 0.68, norm, NORM_COLOUR, 1.9, 0.42)
    return plus + 0.9


def _box(axes: Axes, x: float, y: float, text: str, colour: str, width: float, height: float = 0.75) -> None:
    corner = (x - width / 2, y - height / 2)
    patch = FancyBboxPatch(
        corner, width, height, boxstyle="round,pad=0,rounding_size=0.1", fc=colour, ec=plots.INK, lw=1, zorder=3
    )
    axes.add_patch(patch)
    axes.text(x, y, text, ha="center", va="center", fontsize=8.5, color=plots.INK, zorder=4, linespacing=1.05)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": plots.MUTED, "lw": 1.4})
