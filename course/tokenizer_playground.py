"""The tokenizer playground: type, and see your text in the tokens of several real vocabularies, and what it costs.

`html` and `picture` draw it (the one for the widget, the other for readers without a kernel), `count` has the numbers,
`explore` is the widget. Left out: special tokens, which a chat adds to every message.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import ipywidgets
from matplotlib import pyplot
from matplotlib.figure import Figure

from course import plots, samples, vocabularies
from course.explorer import Explorer

LONGEST = 600
FILLS = ["#cfe6f7", "#ffe3b8", "#d3efe2", "#f6dcea"]  # pale; the frame of each token shows where it ends, too
TEXTS = {
    "English, with a rare word": "The librarian's antidisestablishmentarianism was unbelievable: 12345 books!",
    "The same message, in English": samples.MESSAGE["English"],
    "The same message, in Chinese": samples.MESSAGE["Chinese"],
    "The same message, in Hindi": samples.MESSAGE["Hindi"],
    "Code": samples.CODE,
    "Numbers": samples.NUMBERS,
    "Emoji": samples.CHAT,
}


@dataclass(frozen=True)
class Count:
    """A text in one vocabulary: its ids and the bytes of each token."""

    vocabulary: str
    ids: list[int]
    pieces: list[bytes]

    @property
    def characters_a_token(self) -> float:
        return len(b"".join(self.pieces).decode()) / len(self.ids)

    def cost(self, price: float, times: int = 1_000_000) -> float:
        """What it costs to read the text `times` times, at `price` for a million tokens."""
        return len(self.ids) * times * price / 1e6


def count(text: str, names: list[str]) -> list[Count]:
    """The text in each vocabulary. Raises ValueError for a text that is empty or too long, and for no names."""
    if not text:
        raise ValueError("Write something: there is nothing to cut yet.")
    if len(text) > LONGEST:
        raise ValueError(f"That is {len(text)} characters; the playground has room for {LONGEST}. Shorten the text.")
    if not names:
        raise ValueError("Tick at least one vocabulary.")
    loaded = [vocabularies.load(name) for name in names]
    return [Count(vocabulary.name, vocabulary.encode(text), vocabulary.pieces(text)) for vocabulary in loaded]


def visible(piece: bytes) -> str:
    """A token as it can be seen: a space is ·, a line end ⏎, bytes that are no whole character are in hexadecimal.

    >>> [visible(piece) for piece in (b" the", b"\\n", b"\\xe6\\xaf")]
    ['·the', '⏎', 'E6 AF']
    """
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return piece.hex(" ").upper()
    shown = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍"}
    return "".join(shown.get(c, c if c.isprintable() or ord(c) > 127 else f"\\x{ord(c):02x}") for c in text)


def is_whole(piece: bytes) -> bool:
    """Whether the bytes are whole characters."""
    return "\ufffd" not in piece.decode(errors="replace")


def html(text: str, names: list[str], price: float = 1.0, ids: bool = False) -> str:
    """A table of counts and, below it, the tokens; `ids` writes each id under its token (it is in its tooltip anyhow).

    Raises ValueError as `count` does.
    """
    counts = count(text, names)
    cell = f"padding:.15em .9em .15em 0;text-align:left;color:{plots.INK};background:{plots.PAPER};border:0"
    heads = ["Vocabulary", "used by", "tokens", "characters a token", "$ for a million such texts"]
    rows = "".join(
        f"<tr><th scope='row' style='{cell}'>{found.vocabulary}</th>"
        + "".join(
            f"<td style='{cell}'>{value}</td>"
            for value in (
                escape(vocabularies.load(found.vocabulary).family),
                f"{len(found.ids):,}",
                f"{found.characters_a_token:.2f}",
                f"{found.cost(price):,.2f}",
            )
        )
        + "</tr>"
        for found in counts
    )
    header = "".join(f"<th scope='col' style='{cell}'>{head}</th>" for head in heads)
    table = (
        f"<table style='border-collapse:collapse;margin:0 0 .6em 0;font-size:14px;background:{plots.PAPER}'>"
        f"<caption style='text-align:left;color:{plots.MUTED};padding:0 0 .3em 0'>{len(text):,} characters, "
        f"{len(text.encode(errors='replace')):,} bytes</caption>"
        f"<tr>{header}</tr>{rows}</table>"
    )
    tokens = "".join(
        f"<div style='margin:.5em 0 .1em 0;font-weight:600'>{found.vocabulary}</div>"
        f"<div role='list' aria-label='Tokens of {found.vocabulary}' style='font-family:monospace;font-size:14px;"
        f"line-height:{'3.1' if ids else '1.9'}'>{_tokens(found, ids)}</div>"
        for found in counts
    )
    return (
        f"<div style='background:{plots.PAPER};color:{plots.INK};border:1px solid {plots.MUTED};border-radius:6px;"
        f"padding:.7em 1em;overflow-x:auto'>{table}{tokens}</div>"
    )


def _tokens(found: Count, ids: bool) -> str:
    spans = []
    for place, (id, piece) in enumerate(zip(found.ids, found.pieces, strict=True)):
        frame = f"1px {'solid' if is_whole(piece) else 'dashed'} {plots.MUTED}"
        below = f"<small style='display:block;font-size:10px;line-height:1.2'>{id}</small>" if ids else ""
        spans.append(
            f"<span role='listitem' title='id {id}, bytes {piece.hex(' ').upper()}' style='display:inline-block;"
            f"background:{FILLS[place % len(FILLS)]};color:{plots.INK};border:{frame};border-radius:3px;padding:0 2px;"
            f"margin:0 1px;line-height:1.45;text-align:center;vertical-align:middle;white-space:pre'>"
            f"{escape(visible(piece))}{below}</span>"
        )
        if b"\n" in piece:
            spans.append("<br>")
    return "".join(spans)


def describe(counts: list[Count]) -> str:
    """The counts in words, for those who do not see the colours."""
    parts = [f"{found.vocabulary} {len(found.ids)} tokens" for found in counts]
    whole = b"".join(counts[0].pieces).decode()
    return f"The tokens of {whole[:60]!r} as coloured boxes, one row for each vocabulary: {', '.join(parts)}."


def picture(text: str, names: list[str], title: str = "", width: float = 9.5) -> tuple[Figure, str]:
    """The tokens as coloured boxes, one row (or more) for each vocabulary; returns (figure, alt).

    Characters that the picture's font lacks are drawn as bytes. Raises ValueError as `count` does.
    """
    counts = count(text, names)
    figure, axes = pyplot.subplots(figsize=(width, 1))
    letter, line = 0.088, 0.30  # inches
    room, left, y = width - 0.2, 0.95, 0.0
    font = _glyphs()
    for found in counts:
        x = left
        axes.text(0, y, found.vocabulary, va="center", weight="bold")
        axes.text(0, y - 0.16, f"{len(found.ids)} tokens", va="center", fontsize=8, color=plots.MUTED)
        for place, piece in enumerate(found.pieces):
            label = visible(piece)
            if any(ord(character) not in font for character in label):
                label = piece.hex(" ").upper()
            size = letter * len(label) + 0.09
            if x > left and x + size > room:
                x, y = left, y - line
            box = pyplot.Rectangle(
                (x, y - 0.115),
                size - 0.03,
                0.23,
                facecolor=FILLS[place % len(FILLS)],
                edgecolor=plots.MUTED,
                linewidth=0.7,
                linestyle="-" if is_whole(piece) else "--",
            )
            axes.add_patch(box)
            axes.text(x + size / 2 - 0.015, y - 0.01, label, ha="center", va="center", family="monospace", fontsize=10)
            x += size
        y -= line + 0.14
    height = -y + (0.45 if title else 0.1)
    figure.set_size_inches(width, height)
    axes.set(xlim=(0, width), ylim=(y + 0.2, 0.2))
    axes.axis("off")
    if title:
        axes.set_title(title)
    return figure, describe(counts)


def _glyphs() -> set[int]:
    """The code points that matplotlib's own monospace font can draw."""
    from matplotlib import font_manager

    return set(font_manager.get_font(font_manager.findfont("DejaVu Sans Mono")).get_charmap())


class Playground(Explorer):
    """An Explorer that draws with HTML, so that text stays text; its first state is kept as a picture."""

    def redraw(self, change=None) -> None:
        """Cut the text anew with the knobs' present values."""
        values = {name: knob.value for name, knob in self.knobs.items() if name != "sample"}
        names = [name for name in vocabularies.names() if values.pop(name)]
        try:
            self.picture.value = html(names=names, **values)
        except ValueError as mistake:
            self.message = str(mistake)
            self.picture.value = f'<p role="alert">{escape(self.message)}</p>'
            return
        self.message, self.alt = "", describe(count(values["text"], names))
        if not self.first:
            figure, _ = picture(values["text"], names)
            self.first = plots.png(figure)
            plots.close(figure)


def explore(text: str = TEXTS["English, with a rare word"], price: float = 1.0) -> Playground:
    """The widget: your text (or a sample), which vocabularies, the price of a million tokens, and ids on or off."""
    sample = ipywidgets.Dropdown(options=["your own text", *TEXTS], description="Sample")
    box = ipywidgets.Textarea(text, description="Text", rows=4, layout=ipywidgets.Layout(width="44em"))

    def fill(change):
        box.value = TEXTS.get(change["new"], box.value)

    sample.observe(fill, names="value")
    chosen = {
        name: ipywidgets.Checkbox(True, description=name, indent=False, layout=ipywidgets.Layout(width="7em"))
        for name in vocabularies.names()
    }
    return Playground(
        html,
        text=box,
        sample=sample,
        price=ipywidgets.BoundedFloatText(
            price, min=0, max=1000, step=0.5, description="Price ($ a million tokens)", layout={"width": "20em"}
        ),
        ids=ipywidgets.Checkbox(False, description="Show ids", indent=False, layout=ipywidgets.Layout(width="8em")),
        **chosen,
    )
