"""Every way to cut a word into pieces, as a lattice: places between letters are nodes, pieces are arcs.

`train` runs the Unigram trainer of Hugging Face's `tokenizers` library on plays; `segmentations` lists all cuts of a
short word with their probabilities, sharpened or flattened by alpha (Kudo 2018, https://arxiv.org/abs/1804.10959);
`draw` is the picture, `explore` the widget. A short word has few enough cuts to list them all. Left out: finding the
best cut of a long text without listing, which is the assignment of week 2.
"""

from __future__ import annotations

import json
import math
from functools import cache

import ipywidgets
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from course import plays, plots
from course.explorer import Explorer

SPACE = "▁"  # how SentencePiece spells a space
UNKNOWN = "<unk>"
LONGEST = 14
TRAINED_ON = ("hamlet", "othello", "much-ado-about-nothing")
VOCABULARY = 2000
Segmentation = tuple[str, ...]


@cache
def train(titles: tuple[str, ...] = TRAINED_ON, vocabulary: int = VOCABULARY) -> Tokenizer:
    """A Unigram tokenizer learnt from what is spoken in the plays, with spaces spelled as ▁."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary, unk_token=UNKNOWN, special_tokens=[UNKNOWN], show_progress=False
    )
    lines = [line for title in titles for line in plays.spoken(title).splitlines()]
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def log_probabilities(tokenizer: Tokenizer) -> dict[str, float]:
    """The pieces of a Unigram tokenizer with the natural logarithm of their probability."""
    return {piece: score for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"] if piece != UNKNOWN}


def segmentations(word: str, scores: dict[str, float], alpha: float = 1.0) -> dict[Segmentation, float]:
    """All cuts of a word into pieces, the most probable first, each with its share of the whole.

    A cut's weight is the product of its pieces' probabilities to the power `alpha`; the shares add up to 1. Raises
    ValueError for an empty or long word, or one that cannot be cut.

    >>> segmentations("ab", {"a": math.log(0.5), "b": math.log(0.5), "ab": math.log(0.25)})
    {('ab',): 0.5, ('a', 'b'): 0.5}
    """
    if not word:
        raise ValueError("Write a word: there is nothing to cut yet.")
    if len(word) > LONGEST:
        raise ValueError(f"That is {len(word)} characters; the picture has room for {LONGEST}. Shorten the word.")
    ways: list[list[Segmentation]] = [[()]]
    for end in range(1, len(word) + 1):
        pieces = [(start, word[start:end]) for start in range(end) if word[start:end] in scores]
        ways.append([(*before, piece) for start, piece in pieces for before in ways[start]])
    if not ways[-1]:
        raise ValueError(f"{word!r} cannot be cut: a character of it is in no piece.")
    totals = {way: alpha * sum(scores[piece] for piece in way) for way in ways[-1]}
    top = max(totals.values())
    weights = {way: math.exp(total - top) for way, total in sorted(totals.items(), key=lambda item: -item[1])}
    return {way: weight / sum(weights.values()) for way, weight in weights.items()}


def arcs(shares: dict[Segmentation, float]) -> dict[tuple[int, int, str], float]:
    """How much of the probability goes through each piece at its place (start, end, piece)."""
    through: dict[tuple[int, int, str], float] = {}
    for way, share in shares.items():
        start = 0
        for piece in way:
            arc = (start, start + len(piece), piece)
            through[arc] = through.get(arc, 0.0) + share
            start += len(piece)
    return through


def draw_lattice(
    axes: Axes, word: str, shares: dict[Segmentation, float], labels: dict[str, str] | None = None
) -> None:
    """Arcs over the letters of the word, the wider the more probable; the best cut in orange.

    `labels` gives a text to write at each piece's arc (by default the piece, where it is not too improbable).
    """
    best, through = next(iter(shares)), arcs(shares)
    chosen = set(arcs({best: 1.0}))
    along = np.linspace(0, 1, 40)
    for (start, end, piece), share in sorted(through.items(), key=lambda item: item[0] in chosen):
        colour = plots.ORANGE if (start, end, piece) in chosen else plots.BLUE
        height = 0.0 if end - start == 1 else (end - start) ** 0.8
        axes.plot(
            start + along * (end - start),
            height * 4 * along * (1 - along),
            color=colour,
            linewidth=0.8 + 5 * share,
            alpha=0.35 + 0.65 * share,
            solid_capstyle="butt",
        )
        if labels or share > 0.05:
            text = (labels or {}).get(piece, piece)
            axes.text((start + end) / 2, height + 0.12, text, ha="center", va="bottom", color=colour, fontsize=9.5)
    longest = max(end - start for start, end, _ in through)
    axes.plot(range(len(word) + 1), [0] * (len(word) + 1), "o", color=plots.INK, markersize=5)
    for place, letter in enumerate(word):
        axes.text(place + 0.5, -0.25, letter, ha="center", va="top", family="monospace", fontsize=12, color=plots.MUTED)
    axes.set(xlim=(-0.2, len(word) + 0.2), ylim=(-1, max(longest**0.8, 1.5) + 0.9))
    axes.axis("off")


def draw(word: str, alpha: float, scores: dict[str, float] | None = None) -> tuple[Figure, str]:
    """The lattice of a word that begins a text word, and its most probable cuts; returns (figure, alt)."""
    spelled = SPACE + word.strip() if word.strip() else ""
    shares = segmentations(spelled, scores or log_probabilities(train()), alpha)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10.5, 4), width_ratios=[1.5, 1])
    draw_lattice(left, spelled, shares)
    left.set_title(f"{len(shares):,} ways to cut it; wide arcs are likely")
    first = list(shares.items())[:8]
    colours = [plots.ORANGE] + [plots.SKY] * (len(first) - 1)
    right.barh(range(len(first)), [share for _, share in first], color=colours)
    right.set_yticks(range(len(first)), [" ".join(way) for way, _ in first], fontsize=9.5)
    right.invert_yaxis()
    right.set(xlabel="probability of the cut", xlim=(0, 1))
    right.set_title(f"The likeliest cuts at alpha = {alpha:g}")
    listed = "; ".join(f"{' '.join(way)} with {share:.0%}" for way, share in first[:3])
    return (
        figure,
        f"The lattice of {word.strip()} at alpha {alpha:g}, {len(shares):,} ways to cut it. Likeliest: {listed}.",
    )


def explore(word: str = "unkindness", alpha: float = 1.0) -> Explorer:
    """The widget: a word of yours, and how sharp the choice among its cuts is."""
    return Explorer(
        draw,
        word=ipywidgets.Text(word, description="Word", continuous_update=False),
        alpha=ipywidgets.FloatSlider(alpha, min=0.0, max=1.5, step=0.1, description="Alpha"),
    )
