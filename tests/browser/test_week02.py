"""Week 2's widgets in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.jupyterlab import errors, photograph


def test_playground(page, open_notebook):
    """The lesson runs from top to bottom; tokens follow what is typed; ids, samples and vocabularies can be chosen."""
    notebook = open_notebook("week02/why_subwords.ipynb")
    notebook.run_all(240)
    assert errors(notebook.all_outputs()) == []

    cell = notebook.cell(notebook.place("playground.explore("))
    text = cell.get_by_label("Text")
    gpt2 = cell.get_by_label("Tokens of gpt2")
    gpt2.wait_for()
    photograph(page, "playground")

    text.fill("")
    text.press_sequentially("hello <b>world</b> 你好")
    expect(gpt2.get_by_role("listitem").first).to_have_text("hello")
    expect(gpt2.get_by_role("listitem").last).to_have_attribute("title", "id 121, bytes BD")
    photograph(page, "playground-typed")

    cell.get_by_label("Show ids").check()
    expect(gpt2.get_by_role("listitem").first).to_contain_text("31373")
    cell.get_by_role("checkbox", name="qwen").uncheck()
    expect(cell.get_by_label("Tokens of qwen")).to_have_count(0)
    cell.get_by_label("Price").fill("2")
    page.keyboard.press("Tab")
    cell.get_by_label("Sample").select_option("The same message, in Hindi")
    expect(cell.get_by_role("row", name="gpt2")).to_contain_text("464.00")
    photograph(page, "playground-hindi")

    text.fill("")
    expect(cell.get_by_role("alert")).to_contain_text("Write something")


@pytest.mark.heavy
def test_sampler(page, open_notebook):
    """The lesson runs from top to bottom; a click draws the same token for the same seed; top-k 1 leaves one token."""
    notebook = open_notebook("week02/choosing_the_next_token.ipynb")
    notebook.run_all(240)
    assert errors(notebook.all_outputs()) == []

    cell = notebook.cell(notebook.place("from course import sampler_explorer"))
    picture, text = cell.locator("img").first, cell.get_by_label("Text")
    draw, again = cell.get_by_role("button", name="Draw the next token"), cell.get_by_role("button", name="Start again")
    picture.wait_for()
    photograph(page, "sampler")

    def three_tokens() -> str:
        """Start again, click three times and return the text, waiting for each token."""
        again.click()
        expect(text).to_have_value("To be, or not to")
        for _ in range(3):
            before = text.input_value()
            draw.click()
            expect(text).not_to_have_value(before)
        return text.input_value()

    written = three_tokens()
    assert written.startswith("To be, or not to")
    photograph(page, "sampler-drawn")
    assert three_tokens() == written

    cell.get_by_label("Seed").fill("2")
    page.keyboard.press("Tab")
    assert three_tokens() != written

    again.click()
    slider = cell.get_by_role("slider").nth(1)  # temperature, then top-k
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", re.compile(r": 1 of 4096 tokens are kept"))
    page.keyboard.press("End")
    expect(picture).to_have_attribute("alt", re.compile(r": 100 of 4096 tokens are kept"))
    photograph(page, "sampler-top-k")
    text.fill("")
    page.keyboard.press("Tab")
    expect(cell.get_by_role("alert")).to_contain_text("Write a word or two")
