"""The system's Chromium, driven by Playwright, with an eye on what must never happen."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import skip_or_fail
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

OpenPage = Callable[..., Page]

# The shell is the same engine without a window, whose own pages take as long as those it shows.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a process."""
    found = map(shutil.which, PROGRAMS)
    program = os.environ.get("MINIFILE_TEST_CHROMIUM") or next(filter(None, found), None)
    if program is None:
        skip_or_fail(
            "needs Chromium: install it (apt install chromium-headless-shell, or chromium) "
            "or name it in MINIFILE_TEST_CHROMIUM"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page of a browser of its own; options as Playwright's `new_context` takes them.

    Afterwards the test fails if any page had an error in its console, which is where refused
    inline scripts, styles and foreign requests show up.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(**options: Any) -> Page:
        context = chromium.new_context(accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: _note(message, complaints))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def _note(message: Any, complaints: list[str]) -> None:
    # Chromium writes every answer of 400 and above to the console; those are meant here.
    if message.type == "error" and "Failed to load resource" not in message.text:
        complaints.append(message.text)


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with the page, a line each."""
    # Of what is right it would tell everything, too.
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{rule['id']}: {node['target']}" for rule in found for node in rule["nodes"]]


def keep_screenshot(page: Page, name: str) -> None:
    """Write a picture of the whole page, when MINIFILE_TEST_SCREENSHOTS names a folder."""
    folder = os.environ.get("MINIFILE_TEST_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
