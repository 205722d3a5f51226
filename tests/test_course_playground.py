"""The tokenizer playground: what it draws, without a browser. (tests/browser has it in a real one.)"""

import base64
import doctest
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from course import plots, samples, vocabularies
from course import tokenizer_playground as playground

NAMES = vocabularies.names()


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def tokens(page: str) -> list[str]:
    """What is written in the token boxes."""
    return [unescape(text) for text in re.findall(r"<span role='listitem'[^>]*>([^<]*)", page)]


def test_examples_in_docstrings_run():
    failed, attempted = doctest.testmod(playground)
    assert attempted
    assert not failed


def test_counts_and_price_by_hand():
    (found,) = playground.count("hello world", ["gpt2"])
    assert found.ids == [31373, 995]
    assert found.characters_a_token == 5.5
    assert found.cost(price=2.0) == 2 * 2.0


def test_html_shows_tokens_ids_and_price():
    page = playground.html("hello world", ["gpt2", "o200k"], price=0.5)
    assert tokens(page) == ["hello", "·world", "hello", "·world"]
    assert "title='id 995, bytes 20 77 6F 72 6C 64'" in page
    assert "11 characters, 11 bytes" in page
    assert page.count(">1.00</td>") == 2
    assert page.count(">5.50</td>") == 2


def test_ids_can_be_written_below_for_those_who_cannot_hover():
    assert ">995</small>" not in playground.html("hello world", ["gpt2"])
    assert ">995</small>" in playground.html("hello world", ["gpt2"], ids=True)


def test_parts_of_characters_are_bytes_in_dashed_frames():
    page = playground.html("書", ["gpt2"])
    assert tokens(page) == ["E6", "9B", "B8"]
    assert page.count("1px dashed") == 3
    assert "1px dashed" not in playground.html("the", ["gpt2"])


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "<img src=x onerror='alert(1)'> \"&amp;\"", "' onload='x"]
)
def test_what_is_typed_stays_text(text):
    class Tags(HTMLParser):
        def __init__(self):
            super().__init__()
            self.seen = []

        def handle_starttag(self, tag, attributes):
            self.seen.append((tag, frozenset(name for name, _ in attributes)))

    page = Tags()
    page.feed(playground.html(text, NAMES))
    assert {tag for tag, _ in page.seen} <= {"div", "table", "caption", "tr", "th", "td", "span", "br"}
    assert set().union(*(names for _, names in page.seen)) <= {"style", "scope", "role", "title", "aria-label"}


@pytest.mark.parametrize("text", [*playground.TEXTS.values(), "\x00\x1b[31m\t\r\n", "👩‍👩‍👧"])
def test_boxes_hold_the_whole_text(text):
    """Each vocabulary's boxes, read back, are the text: bytes in the tooltips joined."""
    for name in NAMES:
        page = playground.html(text, [name])
        joined = b"".join(bytes.fromhex(found) for found in re.findall(r"bytes ([0-9A-F ]+)'", page))
        assert joined.decode() == text


@pytest.mark.parametrize("fill", playground.FILLS)
def test_tokens_can_be_read(fill):
    """Contrast as the Web Content Accessibility Guidelines 2.2 demand of text, level AAA."""
    assert (luminance(fill) + 0.05) / (luminance(plots.INK) + 0.05) >= 7


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ("", NAMES, "Write something"),
        ("x" * 601, NAMES, "601 characters; the playground has room for 600"),
        ("x", [], "Tick"),
    ],
)
def test_it_says_what_it_cannot_draw(text, names, message):
    with pytest.raises(ValueError, match=message):
        playground.html(text, names)


def test_picture_draws_every_token_and_says_so():
    figure, alt = playground.picture("the 書", ["gpt2", "o200k"], "Title")
    boxes = [box.get_linestyle() for box in figure.axes[0].patches]
    assert boxes == ["-", "--", "--", "--", "-", "--", "--"]
    assert (
        alt == "The tokens of 'the 書' as coloured boxes, one row for each vocabulary: gpt2 4 tokens, o200k 3 tokens."
    )
    plots.close(figure)


def test_widget_follows_text_sample_ticks_and_price():
    widget = playground.explore("hello world")
    assert "11 characters" in widget.picture.value
    widget.knobs["text"].value = "<b>"
    assert "&lt;" in widget.picture.value
    widget.knobs["sample"].value = "Code"
    assert widget.knobs["text"].value == samples.CODE
    widget.knobs["gpt2"].value = False
    assert "Tokens of gpt2" not in widget.picture.value
    widget.knobs["price"].value = 1000.0
    found = len(vocabularies.load("o200k").encode(samples.CODE))
    assert f">{found * 1000:,.2f}</td>" in widget.picture.value


def test_widget_shows_a_mistake_as_words_and_goes_on():
    widget = playground.explore()
    widget.knobs["text"].value = ""
    assert widget.picture.value == '<p role="alert">Write something: there is nothing to cut yet.</p>'
    widget.knobs["text"].value = "again"
    assert "Tokens of gpt2" in widget.picture.value


def test_widget_has_a_first_state_for_readers_without_a_kernel():
    data, metadata = playground.explore("hello world")._repr_mimebundle_()
    assert base64.b64decode(data["image/png"])[:4] == b"\x89PNG"
    assert data["text/plain"].startswith("Picture with knobs: The tokens of 'hello world'")
    assert "gpt2 2 tokens" in metadata["image/png"]["alt"]
