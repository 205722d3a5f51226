"""Week 7's widgets in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.jupyterlab import Notebook, errors, expose, photograph


@pytest.fixture
def lab(clone, start_lab):
    """JupyterLab on a fresh clone."""
    expose(clone)
    return start_lab(clone)


def open_notebook(page, lab, path: str) -> Notebook:
    return Notebook(page, lab.address.replace("week01/from_text_to_numbers.ipynb", path))


def test_bits_and_errors(page, lab):
    """The lesson runs from top to bottom; bits follow the number, the error the layer, scheme, bits and group."""
    notebook = open_notebook(page, lab, "week07/numbers_in_few_bits.ipynb")
    notebook.run_all(420)
    assert errors(notebook.all_outputs()) == []

    cell = notebook.cell(notebook.place("from course import bit_explorer"))
    picture, number = cell.locator("img").first, cell.get_by_label("Number")
    expect(picture).to_have_attribute("alt", re.compile(r"^0.1 in bits.*int4 0001"))
    photograph(page, "bits")
    number.fill("70000")
    page.keyboard.press("Enter")
    expect(picture).to_have_attribute("alt", re.compile(r"fp16 0111110000000000 = inf"))
    number.fill("many")
    page.keyboard.press("Enter")
    expect(cell.get_by_role("alert")).to_contain_text("is no number")
    number.fill("6.5")
    page.keyboard.press("Enter")
    expect(picture).to_have_attribute("alt", re.compile(r"fp8 e4m3 01001101 = 6.5 \(exact\)"))
    slider = cell.get_by_role("slider")
    slider.focus()
    page.keyboard.press("End")
    expect(picture).to_have_attribute("alt", re.compile(r"int4 0000 = 0 "))
    photograph(page, "bits-typed")

    cell = notebook.cell(notebook.place("error_explorer.explore("))
    picture, bits, group = (
        cell.locator("img").first,
        cell.get_by_role("slider").first,
        cell.get_by_role("slider").nth(1),
    )
    expect(picture).to_have_attribute("alt", re.compile(r"symmetric, 4 bits, one scale a row"))
    bits.focus()
    page.keyboard.press("End")
    expect(picture).to_have_attribute("alt", re.compile(r"symmetric, 8 bits.*8.04 bits a weight"))
    cell.get_by_label("Scheme").select_option("NF4")
    expect(cell.get_by_role("alert")).to_contain_text("set Bits to 4")
    bits.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    group.focus()
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", re.compile(r"NF4, 4 bits, one scale a 64 weights: 4.50 bits"))
    cell.get_by_label("Scheme").select_option("GPTQ")
    cell.get_by_label("Layer").select_option("MiniLM, block 0, query")
    expect(picture).to_have_attribute("alt", re.compile(r"query, GPTQ, 4 bits, one scale a 64 weights: 4.25 bits"))
    photograph(page, "errors")
