"""The pictures of docs/: made of what the browser tests see, where DOCS=1 asks for them."""

import io
import os
from collections.abc import Callable

from PIL import Image
from playwright.sync_api import FloatRect, Page

from tests.browser.jupyterlab import ROOT, WINDOW

PICTURES = ROOT / "docs" / "images"


def picture(
    page: Page,
    name: str,
    width: int,
    height: int,
    show: Callable[[], None] = lambda: None,
    area: Callable[[], FloatRect] | None = None,
) -> None:
    """Save the page as docs/images/NAME.png, if pictures are wanted; JupyterLab's list of files is put away.

    Args:
        page: what is photographed.
        name: the picture's.
        width: of the window, in pixels.
        height: the same.
        show: what to do once the window has its size, scrolling for example.
        area: where on the page the picture is; the whole window where there is none.
    """
    if not os.environ.get("DOCS"):
        return
    files = page.get_by_role("tab", name="File Browser")
    page.set_viewport_size({"width": width, "height": height})
    if files.count():
        files.click()
    page.wait_for_timeout(1000)  # JupyterLab lays itself out anew
    show()
    shot = Image.open(io.BytesIO(page.screenshot(clip=area() if area else None))).convert("RGB")
    few = shot.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)  # a third of the size
    PICTURES.mkdir(parents=True, exist_ok=True)
    few.save(PICTURES / f"{name}.png", optimize=True)
    page.set_viewport_size(WINDOW)
    if files.count():
        files.click()
    page.wait_for_timeout(1000)
