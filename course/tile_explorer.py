"""The tile explorer: the size of tiles against the bytes that attention moves, and what that means on a real card.

`draw` is a plain function of the knobs. Times are lower bounds by the roofline: all operations at the card's peak, or
all bytes at its bandwidth, whichever takes longer.
"""

from __future__ import annotations

import ipywidgets
import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import plots, tiles
from course.cards import card
from course.explorer import Explorer


def draw(
    tokens: int = 4096, head_size: int = 64, tile_q: int = 128, tile_k: int = 64, causal: bool = False,
    where: str = "NVIDIA A100 80GB",
) -> tuple[Figure, str]:  # fmt: skip
    """The tiles in the order of their turn, and bytes and times of both ways; returns (figure, alt).

    Raises ValueError for a tile larger than the text, or a card whose fast memory is not known.
    """
    if max(tile_q, tile_k) > tokens:
        raise ValueError(
            f"A tile of {max(tile_q, tile_k)} is longer than the text of {tokens} tokens: make it smaller."
        )
    if where not in tiles.FAST_KB:
        raise ValueError(f"Fast memory is known for {', '.join(tiles.FAST_KB)}; choose one of these.")
    chip, order = card(where), tiles.visits(tokens, tile_q, tile_k, causal)
    table = np.full((-(-tokens // tile_q), -(-tokens // tile_k)), np.nan)
    for turn, place in enumerate(order):
        table[place] = turn
    share = len(order) / table.size
    work = {  # operations, bytes
        "plain": (tiles.operations(tokens, head_size), tiles.plain_bytes(tokens, head_size)),
        "tiled": (
            tiles.operations(tokens, head_size, share),
            tiles.tiled_bytes(tokens, head_size, tile_q, tile_k, causal),
        ),
    }
    held, room = tiles.held_bytes(head_size, tile_q, tile_k), tiles.FAST_KB[where] * 1024

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(11, 3.6), width_ratios=(1.05, 1, 1.2))
    image = left.imshow(table, cmap="viridis", aspect="auto", interpolation="nearest",
                        extent=(0, tokens, tokens, 0))  # fmt: skip
    left.grid(False)
    left.set(xlabel="keys and values", ylabel="queries")
    left.set_xticks([0, tokens], ["0", f"{tokens:,}"])
    left.set_yticks([0, tokens], ["0", f"{tokens:,}"])
    left.set_title(f"{len(order):,} of {table.size:,} tiles", fontsize=11)
    figure.colorbar(image, ax=left, label="turn", shrink=0.8)

    for row, (name, colour) in enumerate((("plain", plots.ORANGE), ("tiled", plots.BLUE))):
        count, moved = work[name]
        middle.barh(row, moved / 1e6, color=colour, height=0.5)
        middle.text(moved / 1e6, row, f" {moved / 1e6:,.1f}", va="center")
        times = (moved / chip.bandwidth / 1e3, count / chip.peak / 1e6)  # microseconds
        for shift, took, hatch in ((-0.19, times[0], ""), (0.19, times[1], "///")):
            right.barh(row + shift, took, color=colour, height=0.34, hatch=hatch, edgecolor=plots.PAPER)
            word = "bytes" if not hatch else "operations"
            right.text(took, row + shift, f" {word} {took:,.1f}", va="center",
                       weight="bold" if took == max(times) else "normal")  # fmt: skip
    most = max(moved for _, moved in work.values()) / 1e6
    slowest = max(max(m / chip.bandwidth / 1e3, c / chip.peak / 1e6) for c, m in work.values())
    middle.set(yticks=[0, 1], xlabel="MB to and from slow memory", xlim=(0, 1.35 * most))
    middle.set_yticklabels(["plain", "tiled"])
    right.set(yticks=[], xlabel="µs at least, on this card", xlim=(0, 1.55 * slowest))
    for panel in (middle, right):
        panel.set_ylim(1.5, -0.5)
        panel.grid(axis="y", visible=False)
    bound = {
        n: "bytes" if m / chip.bandwidth / 1e3 > c / chip.peak / 1e6 else "operations" for n, (c, m) in work.items()
    }
    middle.set_title(f"{work['plain'][1] / work['tiled'][1]:.1f} times fewer bytes", fontsize=11)
    right.set_title(f"tiled: bound by {bound['tiled']}", fontsize=11)
    fits = f"which {'fits into' if held <= room else 'is TOO LARGE for'} the {tiles.FAST_KB[where]} kB of fast memory"
    figure.suptitle(f"{where}: tiles of {tile_q} queries by {tile_k} keys hold {held / 1024:.0f} kB, {fits}",
                    x=0.01, ha="left", weight="bold", size=11.5)  # fmt: skip
    return figure, (
        f"One head, {tokens} tokens of {head_size} numbers, {len(order)} of {table.size} tiles, each {tile_q} by "
        f"{tile_k}. On {where} plain attention moves {work['plain'][1] / 1e6:.1f} MB and is bound by {bound['plain']}, "
        f"tiled moves {work['tiled'][1] / 1e6:.1f} MB and is bound by {bound['tiled']}. The tiles hold "
        f"{held / 1024:.0f} kB, which {'fits' if held <= room else 'does not fit'}."
    )


def explore() -> Explorer:
    """The widget."""

    def steps(words: str, low: int, high: int, value: int) -> ipywidgets.SelectionSlider:
        return ipywidgets.SelectionSlider(
            options=[2**n for n in range(low, high + 1)], value=value, description=words, continuous_update=False
        )

    return Explorer(
        draw,
        tokens=steps("Tokens", 8, 14, 4096),
        head_size=steps("Head size", 5, 8, 64),
        tile_q=steps("Queries in a tile", 4, 9, 128),
        tile_k=steps("Keys in a tile", 4, 9, 64),
        causal=ipywidgets.Checkbox(False, description="Causal"),
        where=ipywidgets.Dropdown(options=list(tiles.FAST_KB), value="NVIDIA A100 80GB", description="Card"),
    )
