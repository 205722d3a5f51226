"""A real Chromium, a real JupyterLab."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser.jupyterlab import WINDOW, Notebook, address_of, expose

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


@pytest.fixture
def one_week(clone) -> Path:
    """A fresh clone of a course that has one assignment, so that its class is ready soon."""
    for folder in (clone / "assignments").glob("week*"):
        if folder.name != "week01":
            shutil.rmtree(folder)
    expose(clone)
    return clone


@pytest.fixture
def open_notebook(page, one_week, start_lab) -> Callable[[str], Notebook]:
    """Return a function that opens a notebook by its path, in JupyterLab on a fresh clone."""
    lab = start_lab(one_week)
    return lambda path: Notebook(page, address_of(lab.address, path))
