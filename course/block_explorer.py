"""The widget of lesson 4: switch a block's parts and sizes, see the drawing and where the parameters are.

Left out: memory for training and for the cache of keys and values (weeks 3 and 7).
"""

from __future__ import annotations

import ipywidgets
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import blocks, plots
from course.explorer import Explorer

COLOURS = {
    "embeddings": plots.BLUE,
    "positions": plots.ORANGE,
    "attention": blocks.ATTENTION_COLOUR,
    "MLP": blocks.MLP_COLOUR,
    "norms": blocks.NORM_COLOUR,
    "output": plots.GREEN,
}


def settings(
    placement: str = "pre",
    norm: str = "LayerNorm",
    mlp: str = "GELU",
    positions: str = "learned",
    layers: int = 12,
    width: int = 768,
    vocabulary: int = 50257,
    tied: bool = True,
    encoder_decoder: bool = False,
) -> blocks.Model:
    """A model from the knobs: heads of 64 features, an MLP of 8·width² parameters, biases where LayerNorm is."""
    matched = -(-8 * width // (3 * 256)) * 256  # 8/3 of the width, up to a multiple of 256, as Llama does
    return blocks.Model(
        "Your block", norm, placement, positions, "the past", mlp, vocabulary, width, layers, heads=width // 64,
        hidden=matched if mlp == "SwiGLU" else 4 * width, context=1024, biases=norm == "LayerNorm", tied=tied,
        encoder_decoder=encoder_decoder,
    )  # fmt: skip


def draw(**knobs) -> tuple[Figure, str]:
    """The block (left) and its parameters by part (right) for the knobs of `settings`; returns (figure, alt)."""
    model = settings(**knobs)
    counted = {part: count for part, count in blocks.parts(model).items() if part != "extras"}
    total = sum(counted.values())
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4.8), width_ratios=[1, 1.5], layout="none")
    figure.subplots_adjust(left=0.01, right=0.98, bottom=0.11, top=0.93, wspace=0.28)  # faster than a layout engine
    blocks.draw(left, model)
    right.barh(list(counted), [count / 1e6 for count in counted.values()], color=[COLOURS[part] for part in counted])
    for row, count in enumerate(counted.values()):
        right.text(count / 1e6, row, f" {count / total:.1%}", va="center")
    right.set(xlabel="parameters (millions)", xlim=(0, 1.18 * max(counted.values()) / 1e6))
    right.set_title(f"{total / 1e6:,.1f} million parameters: {total * 2 / 1e9:.2f} GB in 16 bits")
    right.grid(axis="y", visible=False)
    shares = ", ".join(f"{part} {count / total:.0%}" for part, count in counted.items())
    alt = (
        f"A {model.placement}-norm block with {model.norm}, {model.mlp}, {model.positions} positions; {model.layers} "
        f"layers of width {model.width}. {total / 1e6:.1f} million parameters: {shares}."
    )
    return figure, alt


def explore() -> Explorer:
    """The widget, set to GPT-2's settings."""
    choice, slider = ipywidgets.Dropdown, ipywidgets.SelectionSlider
    return Explorer(
        draw,
        placement=choice(options=["pre", "post"], description="Norm placement"),
        norm=choice(options=["LayerNorm", "RMSNorm"], description="Norm"),
        mlp=choice(options=["GELU", "ReLU", "SwiGLU"], description="MLP"),
        positions=choice(options=["learned", "RoPE", "relative bias"], description="Positions"),
        layers=slider(options=[1, 2, 4, 6, 12, 24, 32, 48, 80], value=12, description="Layers"),
        width=slider(options=[64, 128, 256, 512, 768, 1024, 2048, 4096, 8192], value=768, description="Width"),
        vocabulary=slider(options=[256, 8000, 32000, 50257, 128256], value=50257, description="Vocabulary"),
        tied=ipywidgets.Checkbox(True, description="Output shares the embedding table"),
        encoder_decoder=ipywidgets.Checkbox(False, description="Encoder and decoder"),
    )
