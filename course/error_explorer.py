"""The error explorer: a real layer in few bits, with scheme, bits and group size as knobs.

`draw` shows one row of weights before and after, and what each choice costs in bits and in the error of the layer's
outputs on real text. Left out: what the error does to a whole model (course/quantized_model.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import ipywidgets
import torch
from matplotlib import pyplot
from matplotlib.figure import Figure
from torch import Tensor

from course import encoder, plays, plots, quantized
from course.explorer import Explorer
from course.quantized import Inputs, Stored

LAYERS = {  # name: (which model, name of the matrix)
    "MiniLM, block 0, MLP up": ("minilm", "encoder.layer.0.intermediate.dense"),
    "MiniLM, block 0, query": ("minilm", "encoder.layer.0.attention.self.query"),
    "course's model, block 1, query": ("course", "model.layers.1.self_attn.q_proj"),
    "course's model, block 3, MLP down": ("course", "model.layers.3.mlp.down_proj"),
}
SYMMETRIC, SPAN, NF4, GPTQ = "to nearest, symmetric", "to nearest, min to max", "NF4", "GPTQ"
SCHEMES = (SYMMETRIC, SPAN, NF4, GPTQ)
GROUPS = ("matrix", "row", "64", "32", "16")
BITS = range(2, 9)


@dataclass(frozen=True, eq=False)
class Layer:
    """A weight matrix (out, in) and what it reads on real text: one half to calibrate with, the other to judge by."""

    weight: Tensor
    inputs: Inputs
    judged: Inputs


@cache
def readings(name: str) -> tuple[Tensor, Tensor]:
    """The weights of a layer of LAYERS (out, in), and what it reads (tokens, in).

    MiniLM reads lines of a play, the course's model rows of its corpus.
    """
    which, path = LAYERS[name]
    if which == "minilm":
        minilm = encoder.load()
        lines = plays.spoken("macbeth").splitlines()
        batches = [torch.tensor([minilm.ids(" ".join(lines[start : start + 18]))]) for start in range(0, 360, 18)]
        network = minilm.model
    else:
        from course import model, quantized_model

        local = model.load()
        network, batches = local.model, [quantized_model.calibration(local.tokenizer, rows=8)]
    matrix, read = network.get_submodule(path), []
    hook = matrix.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0].flatten(0, -2)))
    with torch.no_grad():
        for batch in batches:
            network(batch)
    hook.remove()
    return matrix.weight.detach(), torch.cat(read)


def summary(x: Tensor) -> Inputs:
    """What calibration keeps of a layer's inputs (tokens, in)."""
    return Inputs(x.T @ x / len(x), x.abs().mean(0))


@cache
def layer(name: str) -> Layer:
    """A layer of LAYERS with its inputs, in halves."""
    weight, x = readings(name)
    return Layer(weight, summary(x[: len(x) // 2]), summary(x[len(x) // 2 :]))


def store(one: Layer, scheme: str, bits: int, group: str) -> Stored:
    """The layer's weights under a choice of the knobs. Raises ValueError where the choice makes no sense."""
    weight = one.weight
    size = {"matrix": weight.numel(), "row": weight.shape[-1]}.get(group) or int(group)
    if scheme == NF4:
        if bits != 4:
            raise ValueError("NF4 has 4 bits: set Bits to 4.")
        return quantized.nf4(weight, block=size)
    if scheme == GPTQ:
        if group == "matrix":
            raise ValueError("GPTQ has a scale for each row at least: choose a row or a number for Group.")
        return quantized.gptq(weight, one.inputs, bits, size)
    return quantized.integers(weight, bits, size, symmetric=scheme == SYMMETRIC)


@cache
def frontier(name: str, symmetric: bool) -> dict[str, list[tuple[float, float]]]:
    """For each group size, (bits a weight, output error) of rounding to nearest in 2 to 8 bits."""
    one = layer(name)
    curves: dict[str, list[tuple[float, float]]] = {}
    for group in GROUPS:
        found = [store(one, SYMMETRIC if symmetric else SPAN, bits, group) for bits in BITS]
        curves[group] = [(s.bits, quantized.output_error(one.weight, s.weight, one.judged)) for s in found]
    return curves


def draw(name: str, scheme: str = SYMMETRIC, bits: int = 4, group: str = "row") -> tuple[Figure, str]:
    """One row before and after, and the choice among all others; returns (figure, alt).

    Raises ValueError for a choice that makes no sense.
    """
    one = layer(name)
    stored = store(one, scheme, bits, group)
    error = quantized.output_error(one.weight, stored.weight, one.judged)
    off = quantized.weight_error(one.weight, stored.weight)
    size = stored.bits * one.weight.numel() / 8
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.1))
    figure.get_layout_engine().set(wspace=0.06)
    row = int(one.weight.abs().amax(-1).argmax())
    before, after = one.weight[row], stored.weight[row]
    ends = [before.min().item(), before.max().item()]
    left.plot(ends, ends, color=plots.MUTED, lw=1, label="unchanged")
    left.plot(before, after, "o", color=plots.ORANGE, ms=3.5, alpha=0.6, label="a weight")
    left.set(xlabel=f"weight (row {row})", ylabel="weight as stored and decoded")
    left.set_title(f"{after.unique().numel()} different values are left of {before.unique().numel()}", fontsize=11)
    left.legend(loc="upper left")
    curves = frontier(name, scheme != SPAN)
    shades = pyplot.get_cmap(plots.SEQUENTIAL)
    for place, (each, points) in enumerate(curves.items()):
        named = each if each in ("matrix", "row") else f"{each} weights"
        right.plot(*zip(*points, strict=True), "o-", ms=3.5, lw=1.2, color=shades(0.35 + 0.15 * place), label=named)
    right.plot(stored.bits, error, "*", ms=17, color=plots.ORANGE, markeredgecolor="white", label="your choice")
    right.set(xlabel="bits a weight, scales included", ylabel="error of the outputs", yscale="log")
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    right.set_title(f"{stored.bits:.2f} bits a weight, outputs {error:.1%} off", fontsize=11)
    right.legend(title="one scale for each", fontsize=9, title_fontsize=9)
    return figure, (
        f"{name}, {scheme}, {bits} bits, one scale a {group if group in ('matrix', 'row') else group + ' weights'}: "
        f"{stored.bits:.2f} bits a weight, {size / 1000:.0f} kB, weights {off:.1%} off, outputs {error:.1%} off. "
        f"Beside it, the error of rounding to nearest for 2 to 8 bits and five group sizes."
    )


def explore(
    name: str = "MiniLM, block 0, MLP up", scheme: str = SYMMETRIC, bits: int = 4, group: str = "row"
) -> Explorer:
    """The widget."""
    return Explorer(
        draw,
        name=ipywidgets.Dropdown(options=list(LAYERS), value=name, description="Layer"),
        scheme=ipywidgets.Dropdown(options=SCHEMES, value=scheme, description="Scheme"),
        bits=ipywidgets.IntSlider(bits, BITS[0], BITS[-1], description="Bits"),
        group=ipywidgets.SelectionSlider(options=GROUPS, value=group, description="One scale for each"),
    )
