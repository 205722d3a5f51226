"""The attention explorer: one head of a real encoder on your own sentence, with layer and head as knobs.

`draw` is the picture, `where` says in numbers what a head looks at, `explore` is the widget. Left out: causes. A map
shows what a head mixes, not why the model answers as it does (Jain and Wallace 2019, https://arxiv.org/abs/1902.10186).
"""

from __future__ import annotations

import ipywidgets
from matplotlib import pyplot
from matplotlib.figure import Figure
from torch import Tensor

from course import encoder, plots
from course.explorer import Explorer

LONGEST = 32
SENTENCE = "The cat sat on the mat because it was tired."


def where(attention: Tensor) -> dict[str, float]:
    """What share of its attention a head gives to each kind of place, on average over the words of a sentence.

    `attention` is one head's map (T, T), with [CLS] first and [SEP] last. These two are looked at but do not look, and
    beside a word they count as the token before or after. The shares add up to 1.
    """
    shares = {
        "[CLS] and [SEP]": 0.0,
        "the token before": 0.0,
        "the token after": 0.0,
        "itself": 0.0,
        "other words": 0.0,
    }
    last = attention.shape[0] - 1
    for i in range(1, last):
        for j, weight in enumerate(attention[i].tolist()):
            kinds = {-1: "the token before", 1: "the token after", 0: "itself"}
            kind = kinds.get(j - i) or ("[CLS] and [SEP]" if j in (0, last) else "other words")
            shares[kind] += weight / (last - 1)
    return shares


def draw(sentence: str, layer: int, head: int, special: bool = True) -> tuple[Figure, str]:
    """Heat map of one head: the row is the token that looks, the column where it looks; returns (figure, alt).

    `special` False leaves [CLS] and [SEP] out of the picture (what they receive is then not shown, nor shared out
    anew). Raises ValueError for an empty sentence or one of more than 32 tokens.
    """
    minilm = encoder.load()
    tokens = minilm.tokens(sentence)
    if len(tokens) <= 2:
        raise ValueError("Write a few words: there is nothing to look at yet.")
    if len(tokens) > LONGEST:
        raise ValueError(f"That is {len(tokens)} tokens; the picture has room for {LONGEST}. Shorten the sentence.")
    attention = minilm.attention(sentence)[layer, head]
    shares = where(attention)
    place, share = max(shares.items(), key=lambda item: item[1])
    if not special:
        tokens, attention = tokens[1:-1], attention[1:-1, 1:-1]
    side = max(3.6, 0.27 * len(tokens) + 1.2)
    figure, axes = pyplot.subplots(figsize=(side + 1.6, side))
    image = plots.heatmap(axes, attention, tokens, tokens, limit=1.0)
    axes.tick_params(axis="x", rotation=90)
    axes.set(xlabel="token looked at", ylabel="token that looks")
    axes.set_title(f"Layer {layer}, head {head}: {share:.0%} goes to {place}", fontsize=11)
    figure.colorbar(image, ax=axes, label="attention weight", shrink=0.85)
    alt = f"Attention of layer {layer}, head {head} on: {sentence.strip()} A word gives, on average, " + ", ".join(
        f"{value:.0%} to {name}" for name, value in shares.items()
    )
    return figure, alt + "."


def explore(sentence: str = SENTENCE, layer: int = 0, head: int = 2) -> Explorer:
    """The widget: your sentence, and which of the encoder's 6 × 12 heads to look at."""
    shape = encoder.load().model.config
    return Explorer(
        draw,
        sentence=ipywidgets.Text(
            sentence, description="Sentence", continuous_update=False, layout=ipywidgets.Layout(width="36em")
        ),
        layer=ipywidgets.IntSlider(layer, 0, shape.num_hidden_layers - 1, description="Layer"),
        head=ipywidgets.IntSlider(head, 0, shape.num_attention_heads - 1, description="Head"),
        special=ipywidgets.Checkbox(True, description="Show [CLS] and [SEP]"),
    )
