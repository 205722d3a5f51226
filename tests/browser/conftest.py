"""A real Chromium, a real JupyterLab."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser.jupyterlab import WINDOW

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def page() -> Iterator[Page]:
    """An empty page."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        message = "no Chromium is installed: `make packages`, or `sudo apt-get install chromium`"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        page = chromium.new_page(viewport=WINDOW, device_scale_factor=2 if os.environ.get("DOCS") else 1)
        page.set_default_timeout(30_000)
        yield page
        chromium.close()
