"""The merge stepper: one merge of a byte-pair trainer at a time, on a play.

`draw` is the picture after a number of merges: your text in its tokens, the pairs that lead the count, the newest
tokens, and how short the play has become. `explore` is the widget. Left out: encoding with a real model's vocabulary
(the playground of the lesson before).
"""

from __future__ import annotations

import textwrap

import ipywidgets
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course import merges, plots, token_strip
from course.explorer import Explorer

PLAY = "macbeth"
MOST = 744  # merges on offer: 256 bytes and these are 1,000 tokens
LONGEST = 300
TEXT = (
    "Tomorrow, and tomorrow, and tomorrow, creeps in this petty pace from day to day, "
    "to the last syllable of recorded time; and all our yesterdays have lighted fools the way to dusty death."
)
SHOWN = 8
NEW = "#f5b98e"  # the box of the newest token


def draw(text: str, step: int) -> tuple[Figure, str]:
    """The state after `step` merges; returns (figure, alt). Raises ValueError for a text that is empty or too long."""
    if not text.strip():
        raise ValueError("Write a few words: there is nothing to cut yet.")
    if len(text) > LONGEST:
        raise ValueError(f"That is {len(text)} characters; the picture has room for {LONGEST}. Shorten the text.")
    history = merges.learn_from(PLAY, vocabulary=merges.BYTES + MOST)
    newest = "".join(history.merges[step - 1]) if step else None
    tokens, counts = history.cut(text, step), history.pairs(step)
    pairs = sorted(counts, key=lambda pair: (-counts[pair], pair != history.merges[step]))[:SHOWN]
    figure, axes = pyplot.subplot_mosaic(
        [["text", "text", "text"], ["pairs", "new", "size"]],
        figsize=(10.5, 5),
        height_ratios=[1, 2.4],
        layout="none",  # places given below: working them out would double the time
        gridspec_kw={"left": 0.125, "right": 0.985, "top": 0.95, "bottom": 0.11, "hspace": 0.3, "wspace": 0.22},
    )
    token_strip.draw(
        axes["text"],
        [merges.readable(token) for token in tokens],
        columns=80,
        colour=lambda place, _: NEW if tokens[place] == newest else token_strip.TINTS[4 * (place % 2)],
    )
    axes["text"].set_ylim(4, 0)
    axes["text"].set_title(f"Your text: {len(tokens)} tokens after {step} merges")
    _pairs(axes["pairs"], {pair: counts[pair] for pair in pairs})
    _newest(axes["new"], history, step)
    _size(axes["size"], history, step)
    left, right = pairs[0]
    alt = (
        f"After {step} merges the text is {len(tokens)} tokens: "
        + " ".join(merges.readable(token) for token in tokens)
        + f". The pair that leads is {merges.readable(left)} and {merges.readable(right)}, {counts[pairs[0]]:,} times."
    )
    return figure, alt


def _pairs(axes: Axes, pairs: dict[tuple[str, str], int]) -> None:
    names = [f"{merges.readable(left)} + {merges.readable(right)}" for left, right in pairs]
    axes.barh(range(len(pairs)), list(pairs.values()), color=[plots.ORANGE] + [plots.SKY] * (len(pairs) - 1))
    axes.set_yticks(range(len(pairs)), names, family="monospace", fontsize=9.5)
    axes.invert_yaxis()
    axes.set(xlabel="times in the play")
    axes.set_title("Pairs: the first is next")
    axes.xaxis.set_major_locator(pyplot.MaxNLocator(4))


def _newest(axes: Axes, history: merges.History, step: int) -> None:
    newest = [merges.readable(left + right) for left, right in history.merges[:step]][::-1]
    rows = textwrap.wrap("  ".join(newest), width=27, break_on_hyphens=False)[:9]
    axes.text(0, 0.98, "\n".join(rows), family="monospace", fontsize=10, va="top", linespacing=1.55)
    axes.set_title(f"{merges.BYTES + step} tokens, the newest first")
    axes.axis("off")


def _size(axes: Axes, history: merges.History, step: int) -> None:
    sizes = history.work["whole text"]
    axes.plot([size / 1000 for size in sizes], color=plots.BLUE)
    axes.plot([step], [sizes[min(step, len(sizes) - 1)] / 1000], "o", color=plots.ORANGE, markersize=8)
    axes.set(xlabel="merges", ylabel="thousand tokens", ylim=(0, None))
    axes.set_title("The play gets shorter")


def explore(text: str = TEXT, step: int = 0) -> Explorer:
    """The widget: your text, and how many merges were made. An arrow key on the slider makes or undoes one."""
    return Explorer(
        draw,
        step=ipywidgets.IntSlider(step, 0, MOST - 1, description="Merges", layout=ipywidgets.Layout(width="36em")),
        text=ipywidgets.Text(text, description="Text", continuous_update=False, layout=ipywidgets.Layout(width="48em")),
    )
