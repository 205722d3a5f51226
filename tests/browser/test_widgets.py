"""Every lesson's outputs for those who cannot see them, and for those who work in the dark, in a real JupyterLab.

Each lesson runs; then every slider, list, field, button and picture that it shows must have a name in Chromium's
accessibility tree, and every text must stand out in JupyterLab's dark theme.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator

from tests.browser.accessible import nameless, nodes
from tests.browser.contrast import faint
from tests.browser.jupyterlab import NOTEBOOK, ROOT, Notebook, address_of, errors, paint, photograph

LESSONS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("week*/*.ipynb"))
RUN_ALWAYS = "week03/many_workers.ipynb"
KNOBS = {"button", "checkbox", "combobox", "slider", "spinbutton", "textbox"}
SHOWN = f"""
() => {NOTEBOOK}.content.model.sharedModel.cells.flatMap((cell, index) =>
  (cell.outputs ?? []).some(output => output.data && Object.keys(output.data).some(type => type !== "text/plain"))
    ? [index] : [])
"""
SAYS = """
sliders => sliders.map(slider => {
  const [label, value] = [".widget-label", ".widget-readout"].map(part => slider.querySelector(part).textContent);
  const handle = slider.querySelector("[role=slider]");
  return [[label, value], [handle.getAttribute("aria-label"), handle.getAttribute("aria-valuetext")]];
})"""


def places(notebook: Notebook) -> Iterator[tuple[int, Locator]]:
    """The outputs of each cell that shows more than text, scrolled into view."""
    for index in notebook.page.evaluate(SHOWN):
        place = notebook.cell(index).locator(".jp-Cell-outputArea")
        notebook.page.wait_for_timeout(200)
        yield index, place


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=[] if path == RUN_ALWAYS else pytest.mark.heavy) for path in LESSONS]
)
def test_what_a_lesson_shows_has_names_and_stands_out(page, one_week, start_lab, path):
    paint(one_week, "dark")
    notebook = Notebook(page, address_of(start_lab(one_week).address, path))
    saved = {index: found for index, place in places(notebook) if (found := nameless(place))}
    assert saved == {}, "as it was saved, before it runs"

    notebook.run_all(600)
    assert errors(notebook.all_outputs()) == []
    unnamed, unread, knobs, sliders = {}, {}, 0, []
    for index, place in places(notebook):
        unnamed |= {index: found} if (found := nameless(place)) else {}
        unread |= {index: found} if (found := faint(place)) else {}
        sliders += place.locator(".widget-slider").evaluate_all(SAYS)
        if found := [node for node in nodes(place) if node["role"] in KNOBS]:
            knobs += len(found)
            photograph(page, f"dark-{path.replace('/', '-').removesuffix('.ipynb')}-{index}")
    assert (unnamed, unread) == ({}, {})
    assert all(labels == said for labels, said in sliders), sliders
    assert knobs, "the lesson's widget is not on the page"
