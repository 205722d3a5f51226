"""Week 7's widgets in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.jupyterlab import Notebook, errors, photograph

expect.set_options(timeout=30_000)  # a knob's answer takes a part of a second on a machine that does nothing else


@pytest.mark.heavy
def test_bits_and_errors(page, open_notebook):
    """The lesson runs from top to bottom; bits follow the number, the error the layer, scheme, bits and group."""
    notebook = open_notebook("week07/numbers_in_few_bits.ipynb")
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


@pytest.mark.heavy
def test_cache_calculator(page, open_notebook):
    """The lesson runs; a model fills in its shape; a typed field and a slider change the picture; nonsense is told."""
    notebook = open_notebook("week07/the_kv_cache.ipynb")
    notebook.run_all(600)
    assert errors(notebook.all_outputs()) == []

    cell = notebook.cell(notebook.place("cache_explorer.explore("))
    picture = cell.locator("img").first
    expect(picture).to_have_attribute("alt", re.compile(r"^Llama 3\.1 8B: 131 kB a token"))
    photograph(page, "cache-calculator")

    cell.get_by_label("Model").select_option("Gemma 3 27B")
    expect(cell.get_by_label("Layers", exact=True)).to_have_value("62")
    expect(picture).to_have_attribute("alt", re.compile(r"^Gemma 3 27B: 508 kB a token"))
    photograph(page, "cache-calculator-gemma")

    windowed = cell.get_by_label("Layers with a window")
    windowed.fill("0")
    page.keyboard.press("Tab")
    expect(picture).to_have_attribute("alt", re.compile(r"^Gemma 3 27B, changed: .*take 66\.6 GB of cache"))
    slider = cell.get_by_role("slider").nth(1)  # tokens, then texts
    slider.focus()
    page.keyboard.press("Home")
    expect(picture).to_have_attribute("alt", re.compile(r" 1 texts? of 8192 tokens take 4\.16 GB of cache"))
    photograph(page, "cache-calculator-changed")

    windowed.fill("63")
    page.keyboard.press("Tab")
    expect(cell.get_by_role("alert")).to_contain_text("more than the model's 62 layers")


@pytest.mark.heavy
def test_tile_explorer(page, open_notebook):
    """The lesson runs; larger tiles of queries move fewer bytes; causal leaves tiles out; too large a tile is told."""
    notebook = open_notebook("week07/flash_attention.ipynb")
    notebook.run_all(600)
    assert errors(notebook.all_outputs()) == []

    cell = notebook.cell(notebook.place("tile_explorer.explore("))
    picture = cell.locator("img").first
    expect(picture).to_have_attribute("alt", re.compile(r"tiled moves 34\.6 MB and is bound by bytes"))
    photograph(page, "tiles")

    queries = cell.get_by_role("slider").nth(2)  # tokens, head size, queries in a tile
    queries.focus()
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", re.compile(r"tiled moves 17\.8 MB and is bound by operations"))
    cell.get_by_label("Causal").check()
    expect(picture).to_have_attribute("alt", re.compile(r"544 of 1024 tiles"))
    cell.get_by_label("Card").select_option("NVIDIA T4")
    expect(picture).to_have_attribute("alt", re.compile(r"112 kB, which does not fit"))
    photograph(page, "tiles-too-large")

    queries.focus()
    page.keyboard.press("End")
    expect(picture).to_have_attribute("alt", re.compile(r"each 512 by 64"))
    tokens = cell.get_by_role("slider").first
    tokens.focus()
    page.keyboard.press("Home")
    expect(cell.get_by_role("alert")).to_contain_text("longer than the text")


def run_slowly(notebook: Notebook, place: int) -> list[dict]:
    """Run a cell that may load a model on a busy machine, and return its outputs."""
    notebook.cell(place).locator(".cm-content").click()
    notebook.page.keyboard.press("Shift+Enter")
    notebook.page.wait_for_timeout(300)
    notebook.wait(300)
    return notebook.outputs(place)


@pytest.mark.heavy
def test_batching_timeline(page, open_notebook):
    """Its knobs change both time lines; with one slot they are the same."""
    notebook = open_notebook("week07/serving_many_users.ipynb")
    assert errors(run_slowly(notebook, notebook.place("import copy"))) == []
    place = notebook.place("batching_timeline.explore(")
    assert errors(run_slowly(notebook, place)) == []
    cell = notebook.cell(place)
    picture = cell.locator("img").first
    expect(picture).to_have_attribute("alt", re.compile(r"^Time lines of 4 slots .* a few very long, load 120%"))
    photograph(page, "batching-timeline")

    cell.get_by_label("Lengths of answers").select_option("all the same")
    expect(picture).to_have_attribute("alt", re.compile(r"answers all the same"))
    cell.get_by_role("slider").nth(0).focus()
    page.keyboard.press("Home")
    expect(picture).to_have_attribute("alt", re.compile(r"^Time lines of 1 slot for"))
    said = re.findall(r"writes ([\d.]+) tokens a step, with a latency of (\d+)", picture.get_attribute("alt"))
    assert len(said) == 2
    assert said[0] == said[1]
    cell.get_by_role("slider").nth(1).focus()
    page.keyboard.press("End")
    expect(picture).to_have_attribute("alt", re.compile(r"load 200%"))
    photograph(page, "batching-timeline-one-slot")


@pytest.mark.heavy
def test_speculation_explorer(page, open_notebook):
    """An expensive draft is slower than none; one that costs nothing is not."""
    notebook = open_notebook("week07/speculative_decoding.ipynb")
    assert errors(run_slowly(notebook, notebook.place("import time"))) == []
    place = notebook.place("speculation_explorer.explore(")
    assert errors(run_slowly(notebook, place)) == []
    cell = notebook.cell(place)
    picture = cell.locator("img").first
    expect(picture).to_have_attribute("alt", re.compile(r"1\.87 at k = 4; the best k is 4"))
    photograph(page, "speculation")

    cost = cell.get_by_role("slider").nth(1)
    cost.focus()
    page.keyboard.press("End")
    expect(picture).to_have_attribute("alt", re.compile(r"costs 100% of a step .* no k helps"))
    photograph(page, "speculation-slower")
    page.keyboard.press("Home")
    expect(picture).to_have_attribute("alt", re.compile(r"costs 0% of a step .* the best k is"))
