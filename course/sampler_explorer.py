"""The sampler: the next token's distribution under temperature, top-k, top-p and min-p, and a button that draws one.

`settle` applies the knobs with the transformers library's own processors, in its order; `draw` is the picture;
`explore` is the widget. Any model will do that can be written as a `Speaker`. Left out: penalties and beams, which need
more than one distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import ipywidgets
import numpy as np
import torch
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from course import piece_ngrams, plots
from course.explorer import Explorer
from course.model import Local

BARS = 14
START = "To be, or not to"


@dataclass(frozen=True)
class Speaker:
    """A language model as the sampler needs it: text to ids, ids to text, ids to the next token's logits (V,)."""

    encode: Callable[[str], list[int]]
    decode: Callable[[list[int]], str]
    logits: Callable[[list[int]], Tensor]


@cache
def counted() -> Speaker:
    """The n-gram model of the plays."""
    ngram, bpe = piece_ngrams.load()
    return Speaker(lambda text: bpe.encode(text).ids, bpe.decode, ngram.log_probs)


def neural(local: Local) -> Speaker:
    """A model that `course.model.load` gave."""

    @torch.no_grad()
    def logits(ids: list[int]) -> Tensor:
        return local.model(torch.tensor([ids])).logits[0, -1].float()

    return Speaker(partial(local.tokenizer.encode, add_special_tokens=False), local.tokenizer.decode, logits)


def visible(piece: str) -> str:
    """A piece of text with its blanks made visible.

    >>> visible(" king"), visible("\\n")
    ('·king', '↵')
    """
    return piece.replace(" ", "·").replace("\n", "↵")


def entropy(chances: Tensor) -> float:
    """The entropy of a distribution (V,) in bits; a chance of 0 adds nothing."""
    return float(torch.special.entr(chances).sum() / np.log(2))


def settle(logits: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0) -> Tensor:
    """The distribution (V,) that is drawn from; a token that a rule drops has 0. A `top_k` of 0 keeps all."""
    rules = LogitsProcessorList([TemperatureLogitsWarper(float(temperature))])
    if top_k:
        rules.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        rules.append(TopPLogitsWarper(top_p))
    if min_p > 0:
        rules.append(MinPLogitsWarper(min_p))
    return rules(torch.empty(1, 0, dtype=torch.long), logits[None]).softmax(-1)[0]


def chosen(chances: Tensor, seed: int, place: int) -> int:
    """The token that this seed draws at this place of a text: the same each time."""
    generator = torch.Generator().manual_seed(100_003 * seed + place)
    return int(torch.multinomial(chances, 1, generator=generator))


def draw(
    text: str, temperature: float, top_k: int, top_p: float, min_p: float, seed: int, speaker: Speaker | None = None
) -> tuple[Figure, str]:
    """Bars of the likeliest next tokens, kept or dropped, and how the chances add up; returns (figure, alt)."""
    speaker = speaker or counted()
    ids = speaker.encode(text)
    if not ids:
        raise ValueError("Write a word or two for the model to go on from.")
    logits = speaker.logits(ids)
    warm = settle(logits, temperature)
    final = settle(logits, temperature, top_k, top_p, min_p)
    token = chosen(final, seed, len(ids))
    kept, mass = int((final > 0).sum()), float(warm[final > 0].sum())
    order = torch.argsort(warm, descending=True, stable=True)
    shown = order[:BARS].tolist()
    if token not in shown:
        shown[-1] = token
    names = [visible(speaker.decode([i])) for i in shown]

    figure, (bars, curve) = pyplot.subplots(1, 2, figsize=(9.6, 4.7), width_ratios=[1.25, 1])
    figure.get_layout_engine().set(wspace=0.06)
    rows = np.arange(len(shown))
    stays = (final[shown] > 0).numpy()
    bars.barh(rows[stays], final[shown].numpy()[stays], color=plots.BLUE)
    bars.barh(rows[~stays], warm[shown].numpy()[~stays], color=plots.ORANGE, hatch="///", edgecolor=plots.PAPER)
    own = Line2D(
        logits.softmax(0)[shown], rows, linestyle="", marker="|", color=plots.INK, markersize=11, markeredgewidth=2
    )
    bars.add_line(own)
    bars.set_yticks(rows, names, family="DejaVu Sans Mono", fontsize=9.5)
    place = shown.index(token)
    bars.get_yticklabels()[place].set_fontweight("bold")
    bars.annotate(
        "← drawn",
        (max(final[token].item(), warm[token].item()), place),
        (6, 0),
        textcoords="offset points",
        va="center",
        fontweight="bold",
    )
    bars.set_ylim(len(shown) - 0.4, -0.6)
    bars.margins(x=0.2)
    bars.set_xlim(left=0)
    bars.grid(axis="y", visible=False)
    bars.set(xlabel="probability")
    bars.set_title(f"{kept:,} of {len(final):,} tokens kept")
    kinds = {
        "kept: the chance to be drawn": Patch(color=plots.BLUE),
        "dropped": Patch(facecolor=plots.ORANGE, hatch="///", edgecolor=plots.PAPER),
        "the model's own chance": own,
    }
    bars.legend(kinds.values(), kinds, loc="lower right", fontsize=9)

    ranks = np.arange(1, len(order) + 1)
    added = warm[order].cumsum(0).numpy()
    stay = (final[order] > 0).numpy()
    curve.fill_between(ranks, added, where=stay, color=plots.BLUE, alpha=0.4, label="kept")
    curve.fill_between(ranks, added, where=~stay, color=plots.ORANGE, alpha=0.3, label="dropped")
    curve.plot(ranks, added, color=plots.INK, linewidth=1.4)
    curve.set(
        xscale="log", ylim=(0, 1.02), xlim=(0.9, len(order)), xlabel="rank of the token", ylabel="chances added up"
    )
    curve.set_title(f"entropy {entropy(logits.softmax(0)):.1f} → {entropy(final):.1f} bits")
    curve.legend(loc="lower right")
    figure.suptitle(
        f"{'…' * (len(text) > 60)}{visible(text[-60:])}▁", x=0.01, ha="left", family="DejaVu Sans Mono", fontsize=10
    )
    alt = (
        f"After “{text[-60:]}”, temperature {temperature:g}, top-k {top_k or 'off'}, top-p {top_p:g}, min-p {min_p:g}: "
        f"{kept} of {len(final)} tokens are kept, with {mass:.0%} of the chances; the entropy goes from "
        f"{entropy(logits.softmax(0)):.1f} to {entropy(final):.1f} bits. Likeliest: "
        + ", ".join(f"{name} {final[i]:.2f}" for name, i in zip(names[:3], shown, strict=False))
        + f". Seed {seed} draws {visible(speaker.decode([token]))}."
    )
    return figure, alt


def explore(speaker: Speaker | None = None, text: str = START) -> Explorer:
    """The widget: a text, four knobs and a seed; a click draws the next token and writes it down."""
    speaker = speaker or counted()
    explorer = Explorer(
        partial(draw, speaker=speaker),
        text=ipywidgets.Textarea(
            text, description="Text", continuous_update=False, rows=3, layout=ipywidgets.Layout(width="98%")
        ),
        temperature=ipywidgets.FloatSlider(1.0, min=0.1, max=2.0, step=0.1, description="Temperature"),
        top_k=ipywidgets.IntSlider(0, 0, 100, description="Top-k (0: off)"),
        top_p=ipywidgets.FloatSlider(1.0, min=0.05, max=1.0, step=0.05, description="Top-p (1: off)"),
        min_p=ipywidgets.FloatSlider(0.0, min=0.0, max=0.5, step=0.01, description="Min-p (0: off)"),
        seed=ipywidgets.BoundedIntText(1, 0, 9999, description="Seed", layout=ipywidgets.Layout(width="9em")),
    )
    button = ipywidgets.Button(
        description="Draw the next token",
        button_style="primary",
        icon="random",
        layout=ipywidgets.Layout(width="14em"),
    )
    again = ipywidgets.Button(description="Start again")
    box = explorer.knobs["text"]

    def one_more(_) -> None:
        ids = speaker.encode(box.value)
        knobs = {name: explorer.knobs[name].value for name in ("temperature", "top_k", "top_p", "min_p")}
        if ids:
            token = chosen(settle(speaker.logits(ids), **knobs), explorer.knobs["seed"].value, len(ids))
            box.value = speaker.decode([*ids, token])

    def start_again(_) -> None:
        box.value = text

    button.on_click(one_more)
    again.on_click(start_again)
    knobs, picture = explorer.children
    explorer.children = [knobs, ipywidgets.HBox([button, again]), picture]
    return explorer
