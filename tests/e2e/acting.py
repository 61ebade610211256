"""What people do on the pages."""

import re
from pathlib import Path
from weakref import WeakKeyDictionary

from playwright.sync_api import CDPSession, Page, expect
from wire import eventually

# What one session of Chromium's protocol limits, another does not free.
_sessions: WeakKeyDictionary[Page, CDPSession] = WeakKeyDictionary()


def upload(page: Page, url: str, files: list[Path]) -> None:
    page.goto(url)
    page.locator("#file").set_input_files(files)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Your link")


def choose(page: Page, paths: list[Path]) -> None:
    page.locator("#file").set_input_files(paths)


def send(page: Page) -> str:
    """Press Upload, and return the path of the link."""
    page.get_by_role("button", name="Upload", exact=True).click()
    return at_senders_page(page)


def at_senders_page(page: Page) -> str:
    page.wait_for_url(re.compile("/links/"), timeout=60_000)
    return "/" + page.get_by_label("Short link").input_value().rpartition("/")[2]


def wait_for_percent(page: Page, percent: int) -> None:
    bar = page.locator("[data-all]")
    eventually(lambda: float(bar.evaluate("bar => bar.value")) >= percent)


def limit_rate(page: Page, bytes_a_second: int) -> None:
    """Let the page send so much, no limit being -1."""
    if page not in _sessions:
        _sessions[page] = page.context.new_cdp_session(page)
    session = _sessions[page]
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_a_second,
        },
    )


def drop(page: Page, paths: list[Path]) -> None:
    """Drop files and folders onto the page, as from a file manager."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": 300, "y": 300, "data": data}
        session.send("Input.dispatchDragEvent", event)


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path
