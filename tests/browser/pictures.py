"""The pictures of docs/: made from what the browser tests see, where DOCS=1 asks for them."""

import io
import os

from PIL import Image
from playwright.sync_api import FloatRect, Page

from tests.browser.jupyterlab import ROOT

PICTURES = ROOT / "docs" / "images"
WANTED = bool(os.environ.get("DOCS"))
COLOURS = 128  # as many as a screen of text needs; the file is a third as large


def picture(page: Page, name: str, area: FloatRect | None = None) -> None:
    """Save the page, or an area of it, as docs/images/NAME.png, if pictures are wanted."""
    if WANTED:
        PICTURES.mkdir(parents=True, exist_ok=True)
        shot = Image.open(io.BytesIO(page.screenshot(clip=area))).convert("RGB")
        shot.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
            PICTURES / f"{name}.png", optimize=True
        )
