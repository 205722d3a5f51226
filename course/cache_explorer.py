"""The cache-memory calculator: a model's shape, texts and bits against bytes, and the cards that hold it all.

`draw` is a plain function of the knobs; choosing a published model fills the knobs of its shape, and each of them can
then be changed. Left out: activations and what a framework keeps for itself, which take some GB more on a real card.
"""

from __future__ import annotations

import ipywidgets
import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import plots
from course.cache_shapes import SHAPES, Shape, shape
from course.cards import CARDS
from course.explorer import Explorer

SHOWN = 130  # percent of a card: what is larger is cut off there
FIELDS = ("layers", "kv_heads", "head_size", "windowed", "window", "latent", "parameters")


def size(count: float) -> str:
    """Bytes for people, in powers of 1,000.

    >>> size(131_072), size(2.5e9)
    ('131 kB', '2.5 GB')
    """
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= one:
            return f"{count / one:,.3g} {unit}" if count < 1000 * one else f"{count / one:,.0f} {unit}"
    return f"{count:.0f} bytes"


def texts_that_fit(model: Shape, memory: float, tokens: int, bits: float, weight_bits: float) -> int:
    """How many texts of `tokens` tokens a card of `memory` bytes holds beside the weights; -1 if not even these."""
    left = memory - model.weight_bytes(weight_bits)
    return -1 if left < 0 else int(left // model.cache_bytes(tokens, bits=bits))


def draw(
    model: str = "Llama 3.1 8B", layers: int = 32, kv_heads: int = 8, head_size: int = 128, windowed: int = 0,
    window: int = 0, latent: int = 0, parameters: float = 8.03, tokens: int = 8192, texts: int = 16, bits: float = 16,
    weight_bits: float = 16,
) -> tuple[Figure, str]:  # fmt: skip
    """The cache against length, and its share of each card's memory; returns (figure, alt).

    Raises ValueError for a window of 0 where layers have one, or more windowed layers than layers.
    """
    if windowed > layers:
        raise ValueError(f"{windowed} layers with a window are more than the model's {layers} layers: choose fewer.")
    if windowed and not window:
        raise ValueError(f"{windowed} layers have a window of 0 tokens: give the window, or set these layers to 0.")
    published = shape(model)
    one = Shape(model, parameters, layers, 0, kv_heads, head_size, 0, "", windowed, window, latent)
    changed = any(getattr(one, field) != getattr(published, field) for field in FIELDS)
    name = f"{model}, changed" if changed else model
    cache, weights = one.cache_bytes(tokens, texts, bits), one.weight_bytes(weight_bits)

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), width_ratios=(1, 1.5))
    lengths = np.geomspace(256, 131_072, 60)
    left.plot(lengths, [one.cache_bytes(n, texts, bits) / 1e9 for n in lengths], color=plots.ORANGE, label="cache")
    left.axhline(weights / 1e9, color=plots.BLUE, ls="--", label="weights")
    left.plot(tokens, cache / 1e9, "o", color=plots.ORANGE)
    left.set(xscale="log", yscale="log", xlabel="tokens in each text", ylabel="GB")
    left.set_xticks([256, 2048, 16_384, 131_072], ["256", "2k", "16k", "131k"])
    left.minorticks_off()
    left.set_title(f"{size(one.cache_bytes(1, 1, bits))} a token", fontsize=11)
    left.legend()

    said = []
    for row, chip in enumerate(CARDS):
        memory = chip.memory * 1e9
        shares = np.minimum([100 * weights / memory, 100 * (weights + cache) / memory], SHOWN)
        right.barh(row, shares[0], color=plots.BLUE, height=0.6)
        right.barh(row, shares[1] - shares[0], left=shares[0], color=plots.ORANGE, height=0.6)
        most = texts_that_fit(one, memory, tokens, bits, weight_bits)
        fits = weights + cache <= memory
        word = ("weights too large" if most < 0 else "no text fits" if not most
                else f"{most:,} text{'s' * (most > 1)} at most")  # fmt: skip
        right.text(SHOWN + 3, row, ("✓ " if fits else "✗ ") + word, va="center",
                   color=plots.INK if fits else plots.MUTED, weight="bold" if fits else "normal")  # fmt: skip
        said.append(f"{chip.name}: {'fits' if fits else 'does not fit'}, {word}")
    right.axvline(100, color=plots.INK, lw=1.2)
    right.set_yticks(range(len(CARDS)), [f"{c.name.removeprefix('NVIDIA ')} ({c.memory:g} GB)" if "GB" not in c.name
                                         else c.name.removeprefix("NVIDIA ") for c in CARDS])  # fmt: skip
    right.set(xlim=(0, SHOWN), xlabel="share of the card's memory (%), weights and cache")
    right.invert_yaxis()
    right.grid(axis="y", visible=False)
    right.set_title(f"weights {size(weights)}, cache {size(cache)}", fontsize=11)
    figure.suptitle(f"{name}: {texts} × {tokens:,} tokens need {size(weights + cache)}", x=0.01, ha="left",
                    weight="bold", size=12)  # fmt: skip
    return figure, (
        f"{name}: {size(one.cache_bytes(1, 1, bits))} a token; {texts} texts of {tokens} tokens take {size(cache)} of "
        f"cache beside {size(weights)} of weights. " + "; ".join(said) + "."
    )


def explore(model: str = "Llama 3.1 8B") -> Explorer:
    """The widget; choosing a model fills in its published shape."""
    start = shape(model)

    def wide(words: str) -> ipywidgets.Layout:
        """Room for the label and five digits."""
        return ipywidgets.Layout(width=f"{len(words) // 2 + 8}em")

    def whole(name: str, most: int, words: str) -> ipywidgets.BoundedIntText:
        least = 0 if name in ("windowed", "window", "latent") else 1
        return ipywidgets.BoundedIntText(getattr(start, name), least, most, description=words, layout=wide(words))

    bits = [("16", 16), ("8", 8), ("4", 4), ("2", 2)]
    explorer = Explorer(
        draw,
        model=ipywidgets.Dropdown(options=[one.name for one in SHAPES], value=model, description="Model"),
        tokens=ipywidgets.SelectionSlider(
            options=[(f"{n:,}", n) for n in (2**k for k in range(8, 18))], value=8192, description="Tokens in each text"
        ),
        texts=ipywidgets.SelectionSlider(options=[2**k for k in range(10)], value=16, description="Texts at once"),
        bits=ipywidgets.Dropdown(options=bits, value=16, description="Bits of a cached number"),
        weight_bits=ipywidgets.Dropdown(options=bits[:3], value=16, description="Bits of a weight"),
        layers=whole("layers", 200, "Layers"),
        kv_heads=whole("kv_heads", 256, "KV heads"),
        head_size=whole("head_size", 512, "Head size"),
        windowed=whole("windowed", 200, "Layers with a window"),
        window=whole("window", 131_072, "Window"),
        latent=whole("latent", 8192, "Latent numbers"),
        parameters=ipywidgets.BoundedFloatText(
            start.parameters, min=0.001, max=2000, description="Billion weights", layout=wide("Billion weights")
        ),
    )

    def fill(change) -> None:
        """Set the knobs of the shape to the chosen model's, and draw once."""
        for field in FIELDS:
            knob = explorer.knobs[field]
            knob.unobserve(explorer.redraw, names="value")
            knob.value = getattr(shape(change["new"]), field)
            knob.observe(explorer.redraw, names="value")
        explorer.redraw()

    explorer.knobs["model"].unobserve(explorer.redraw, names="value")
    explorer.knobs["model"].observe(fill, names="value")
    return explorer
