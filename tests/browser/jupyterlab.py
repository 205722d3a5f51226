"""A notebook in JupyterLab as a person uses it, for tests: open, run, type, look.

Acts go through the keyboard, the mouse and the menus. Only waiting and reading go through JupyterLab's own objects,
because cells out of sight are not on the page.
"""

import json
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / ".class" / "screenshots"
WINDOW = {"width": 1360, "height": 860}  # what a laptop has
NOTEBOOK = "window.jupyterapp?.shell.currentWidget"
FINISHED = f"""
() => {{
  const panel = {NOTEBOOK};
  const cells = panel.content.model.sharedModel.cells;
  return panel.sessionContext.session?.kernel?.status === "idle"
    && cells.every(c => c.cell_type !== "code" || !c.getSource().trim() || c.execution_count !== null);
}}"""


def expose(root: Path) -> None:
    """Let the page reach JupyterLab's own objects, in the lab that will start in `root`."""
    folder = root / ".class" / "jupyter"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jupyter_lab_config.json").write_text(json.dumps({"LabApp": {"expose_app_in_browser": True}}))


def paint(root: Path, theme: str) -> None:
    """Choose the theme, light or dark, that the lab in `root` starts with, as its settings' page would."""
    folder = root / ".class" / "jupyter" / "settings" / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True, exist_ok=True)
    chosen = {"theme": f"JupyterLab {theme.capitalize()}"}
    (folder / "themes.jupyterlab-settings").write_text(json.dumps(chosen))


def expect_theme(page: Page, theme: str) -> None:
    """Wait until JupyterLab shows a theme, light or dark."""
    expect(page.locator("body")).to_have_attribute("data-jp-theme-name", f"JupyterLab {theme.capitalize()}")


def address_of(lab: str, path: str) -> str:
    """Return where a lab shows a file; where the path is empty, no file. `lab` is the address that it printed."""
    return re.sub(r"/lab(/tree/[^?]*)?", f"/lab/tree/{path}" if path else "/lab", lab, count=1)


def photograph(page: Page, name: str) -> None:
    """Save what the page shows as .class/screenshots/NAME.png."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def choose(page: Page, menu: str, item: str) -> None:
    """Choose an item of a menu in the menu bar."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.locator(".lm-Menu-item", has_text=item).first.click()


class Notebook:
    """An open notebook.

    Args:
        page: the browser's page.
        address: where JupyterLab opens this notebook, token and all; none where the page is about to show it.
        path: the notebook's, where the page is about to show it.
    """

    def __init__(self, page: Page, address: str = "", path: str = ""):
        self.page = page
        if address:
            page.goto(address)
        page.wait_for_function(f"path => {NOTEBOOK}?.context?.path?.endsWith(path)", arg=path, timeout=60_000)
        page.locator(".jp-Notebook:visible .jp-Cell").first.wait_for(timeout=60_000)
        page.wait_for_function(f'() => {NOTEBOOK}?.sessionContext?.session?.kernel?.status === "idle"', timeout=60_000)

    def run_all(self, seconds: int = 120) -> None:
        """Run every cell from the menu, and wait until the last has run."""
        choose(self.page, "Run", "Run All Cells")
        self.page.wait_for_timeout(500)
        self.wait(seconds)

    def wait(self, seconds: int = 60) -> None:
        """Wait until nothing runs."""
        self.page.wait_for_function(FINISHED, timeout=seconds * 1000)

    def place(self, text: str) -> int:
        """Return the index of the first cell that begins with `text`."""
        sources = self.page.evaluate(f"() => {NOTEBOOK}.content.model.sharedModel.cells.map(c => c.getSource())")
        return next(index for index, source in enumerate(sources) if source.startswith(text))

    def cell(self, index: int) -> Locator:
        """Return a cell, scrolled into view."""
        self.page.evaluate(f"index => {NOTEBOOK}.content.scrollToItem(index, 'center')", index)
        cell = self._cell(index)
        cell.wait_for()
        cell.scroll_into_view_if_needed()
        return cell

    def _cell(self, index: int) -> Locator:
        return self.page.locator(f'.jp-Notebook:visible .jp-Cell[data-windowed-list-index="{index}"]')

    def box(self, index: int) -> dict[str, float]:
        """Return where a cell stands on the page: x, y, width, height in pixels."""
        return self._cell(index).bounding_box()

    def show(self, index: int) -> None:
        """Scroll so that a cell stands at the top."""
        self.page.evaluate(f"index => {NOTEBOOK}.content.scrollToItem(index, 'start')", index)
        self.page.wait_for_timeout(500)

    def outputs(self, index: int) -> list[dict]:
        """Return a cell's outputs as the notebook's file will hold them."""
        return self.page.evaluate(f"index => {NOTEBOOK}.content.model.cells.get(index).outputs?.toJSON() ?? []", index)

    def all_outputs(self) -> list[dict]:
        """Return the outputs of all cells, in order."""
        count = self.page.evaluate(f"() => {NOTEBOOK}.content.model.cells.length")
        return [output for index in range(count) for output in self.outputs(index)]

    def write(self, index: int, text: str) -> None:
        """Replace a cell's text by typing, and run the cell."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Shift+Enter")
        self.wait()

    def run(self, index: int) -> list[dict]:
        """Run a cell from the keyboard and return its outputs."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_timeout(300)
        self.wait()
        return self.outputs(index)

    def save(self) -> None:
        """Save from the keyboard."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+S")
        self.page.wait_for_function(f"() => !{NOTEBOOK}.context.model.dirty")


def html(outputs: list[dict]) -> str:
    """Return the HTML that outputs show, as one text."""
    return "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)


def errors(outputs: list[dict]) -> list[str]:
    """Return the names and texts of errors among outputs."""
    return [f"{output['ename']}: {output['evalue']}" for output in outputs if output["output_type"] == "error"]
