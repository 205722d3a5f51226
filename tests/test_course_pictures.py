"""Pictures with words, pictures with knobs, and the explorers of lessons 1 and 2."""

import base64

import ipywidgets
import pytest
import torch
from matplotlib import pyplot

from course import attention_explorer, plots
from course.explorer import Explorer

PNG = b"\x89PNG"


@pytest.fixture(autouse=True)
def no_figures_left():
    """A figure left open would be drawn a second time by the notebook."""
    yield
    open_figures = pyplot.get_fignums()
    pyplot.close("all")
    assert not open_figures


def line():
    figure, axes = pyplot.subplots()
    axes.plot([1, 2, 3])
    return figure


def test_show_puts_image_and_words_into_the_notebook(monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "display", lambda thing, **options: shown.append((thing, options)))
    plots.show(line(), alt="A line\n that rises < 4.")
    (data, options), (words, _) = shown
    assert data["text/plain"] == "Picture: A line that rises < 4."
    assert data["image/png"][:4] == PNG
    assert options["metadata"]["image/png"]["alt"] == "A line that rises < 4."
    assert "<summary>The picture in words</summary>A line that rises &lt; 4." in words.data


def test_show_refuses_a_picture_without_words():
    figure = line()
    with pytest.raises(ValueError, match="alt is empty"):
        plots.show(figure, alt="  ")
    plots.close(figure)


def test_the_same_figure_is_the_same_bytes():
    first, second = line(), line()
    assert plots.png(first) == plots.png(second)
    plots.close(first)
    plots.close(second)


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("colour", "contrast"), [(plots.INK, 7), (plots.MUTED, 4.5), (plots.BLUE, 3), (plots.ORANGE, 3)]
)
def test_text_and_lines_stand_out_from_the_card(colour, contrast):
    """Contrast as the Web Content Accessibility Guidelines 2.2 define and demand it."""
    assert (luminance(plots.PAPER) + 0.05) / (luminance(colour) + 0.05) >= contrast


def test_heatmap_writes_numbers_that_can_be_read():
    figure, axes = pyplot.subplots()
    plots.heatmap(axes, [[0.0, 1.0]], ["row"], ["a", "b"], numbers=".1f")
    texts = {text.get_text(): text.get_color() for text in axes.texts}
    assert texts == {"0.0": plots.INK, "1.0": "white"}
    plots.close(figure)


def drawn(size: int):
    if size == 3:
        raise ValueError("Three is <too many>.")
    return line(), f"A line of size {size}."


def test_explorer_redraws_when_a_knob_moves():
    explorer = Explorer(drawn, size=ipywidgets.IntSlider(1, 1, 5, description="Size"))
    first = explorer.picture.value
    assert 'alt="A line of size 1."' in first
    explorer.knobs["size"].value = 2
    assert 'alt="A line of size 2."' in explorer.picture.value


def test_explorer_shows_a_mistake_as_words_and_goes_on():
    explorer = Explorer(drawn, size=ipywidgets.IntSlider(1, 1, 5, description="Size"))
    explorer.knobs["size"].value = 3
    assert explorer.picture.value == '<p role="alert">Three is &lt;too many&gt;.</p>'
    explorer.knobs["size"].value = 4
    assert "A line of size 4." in explorer.picture.value


def test_explorer_has_a_first_state_for_readers_without_a_kernel():
    data, metadata = Explorer(drawn, size=ipywidgets.IntSlider(1, 1, 5, description="Size"))._repr_mimebundle_()
    assert base64.b64decode(data["image/png"])[:4] == PNG
    assert data["text/plain"] == "Picture with knobs: A line of size 1."
    assert metadata["image/png"]["alt"] == "A line of size 1."
    assert "application/vnd.jupyter.widget-view+json" in data


def test_explorer_wants_a_label_on_each_knob():
    with pytest.raises(ValueError, match="'size' has no description"):
        Explorer(drawn, size=ipywidgets.IntSlider(1, 1, 5))


def test_where_adds_up_and_knows_its_places():
    before = torch.zeros(5, 5)
    before[0, 0] = 1
    before[torch.arange(1, 5), torch.arange(4)] = 1
    assert attention_explorer.where(before)["the token before"] == 1
    uniform = attention_explorer.where(torch.full((5, 5), 0.2))
    assert sum(uniform.values()) == pytest.approx(1)
    assert uniform["itself"] == pytest.approx(0.2)


def test_attention_explorer_finds_the_head_that_looks_back():
    figure, alt = attention_explorer.draw(attention_explorer.SENTENCE, layer=0, head=2)
    assert figure.axes[0].get_title(loc="left") == "Layer 0, head 2: 100% goes to the token before"
    assert "100% to the token before" in alt
    plots.close(figure)


@pytest.mark.parametrize(
    ("sentence", "message"),
    [("   ", "Write a few words"), ("word " * 40, "That is 42 tokens; the picture has room for 32")],
)
def test_attention_explorer_says_what_it_cannot_draw(sentence, message):
    explorer = attention_explorer.explore()
    explorer.knobs["sentence"].value = sentence
    assert message in explorer.picture.value


def test_attention_explorer_can_leave_special_tokens_out():
    figure, _ = attention_explorer.draw("The cat sat.", layer=1, head=8, special=False)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["the", "cat", "sat", "."]
    plots.close(figure)
