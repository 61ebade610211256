"""Every page and state as its visitor sees it: light, dark, on a phone; accessible."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.acting import choose, limit_rate, wait_for_percent, write
from e2e.conftest import keep_screenshot, violations
from node_programs import NODE, run_node
from playwright.sync_api import Page, Request
from wire import curl

pytestmark = pytest.mark.browser

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1200, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1200, "height": 800}},
    "phone": {"color_scheme": "light", "viewport": {"width": 320, "height": 640}},
    "phone-dark": {"color_scheme": "dark", "viewport": {"width": 320, "height": 640}},
}
# Each scheme and each width once; the other two combinations are for `make torture`.
WALKED_LOOKS = [
    "light",
    "phone-dark",
    pytest.param("dark", marks=pytest.mark.torture),
    pytest.param("phone", marks=pytest.mark.torture),
]
# Rows of which a page is long; more of them look the same, and axe looks at each.
MANY = 60
LONG_NAME = "a-very-long-name-that-somebody-gave-to-an-archive-of-a-project-" * 3 + "final.tar.gz"

# What a page must have, by its own word; a sentence for each that is missing.
LOOK_AT_PAGE = """() => Object.entries({
    "wider than the window": document.documentElement.scrollWidth <= innerWidth,
    "no title": document.title.length > 10,
    "no language": document.documentElement.lang === "en",
    "no description": document.querySelector("meta[name=description]")?.content,
    "no icon": document.querySelector("link[rel=icon]"),
    "no manifest": document.querySelector("link[rel=manifest]"),
    "no theme colour": document.querySelector("meta[name=theme-color]"),
    "not one main heading": document.querySelectorAll("h1").length
        - document.querySelectorAll("[hidden] h1").length === 1,
}).filter(([, holds]) => !holds).map(([fault]) => fault)"""
# Notes what gets the focus, and whether it has had it before; and what of it nothing showed.
WATCH_FOCUS = """() => {
    const had = new Set(), unseen = new Set();
    const note = ({target}) => {
        window.isRoundAgain ||= had.has(target);
        had.add(target);
        // The label of a picker shows it for its input.
        const seen = [target, target.nextElementSibling];
        const shows = (one) => one && getComputedStyle(one).outlineStyle !== "none";
        if (!seen.some(shows)) unseen.add(target.outerHTML.slice(0, 80));
    };
    window.isRoundAgain = false;
    document.addEventListener("focusin", note);
    window.endWatching = () => {
        document.removeEventListener("focusin", note);
        document.activeElement.blur();
        return [[...unseen].sort(), had.size];
    };
}"""


@pytest.mark.parametrize("look", WALKED_LOOKS)
def test_every_page_is_accessible_and_fits(
    look: str,
    start_server: Callable[..., RunningServer],
    open_page: Callable[..., Page],
    tmp_path: Path,
):
    server = start_server("--workers", "1", "--threads", "32", blocked_types="exe")
    page = open_page(**LOOKS[look])
    page.on("dialog", lambda dialog: dialog.accept())
    faults: list[str] = []
    documents = Documents(page)

    for name in walk(page, server.url, tmp_path):
        keep_screenshot(page, f"{name}-{look}")
        faults += [f"{name}: {fault}" for fault in violations(page)]
        faults += [f"{name}: {fault}" for fault in page.evaluate(LOOK_AT_PAGE)]
        faults += [f"{name}: no visible focus on {element}" for element in unseen_focus(page)]

    assert faults == []
    assert documents.faults(tmp_path) == ""


def unseen_focus(page: Page) -> list[str]:
    """Go through the page by the Tab key; return what has the focus without showing it."""
    page.evaluate(WATCH_FOCUS)
    for _ in range(8):
        for _ in range(5):
            page.keyboard.press("Tab")
        if page.evaluate("window.isRoundAgain"):
            break
    unseen, count = page.evaluate("window.endWatching()")
    assert count > 0
    return unseen


class Documents:
    """The pages as the server sent them, before a browser has mended anything."""

    def __init__(self, page: Page, origin: str = "") -> None:
        self._documents: list[bytes] = []
        self._origin = origin
        page.on("requestfinished", self._keep)

    def _keep(self, request: Request) -> None:
        answer = request.response() if request.resource_type == "document" else None
        is_page = answer and "text/html" in answer.headers.get("content-type", "")
        # The body of a redirect is shown to nobody.
        is_ours = request.url.startswith(self._origin)
        if answer and is_ours and is_page and not 300 <= answer.status < 400:
            self._documents.append(answer.body())

    def faults(self, folder: Path) -> str:
        """Return what html-validate finds wrong with them."""
        assert self._documents
        for number, document in enumerate(self._documents):
            (folder / f"{number}.html").write_bytes(document)
        config = NODE / "html-validate.json"
        checked = run_node(
            "node_modules/.bin/html-validate", "--config", config, "--formatter=text", folder
        )
        assert checked.returncode in (0, 1), checked.stderr
        return checked.stdout


def walk(page: Page, url: str, folder: Path):
    """Go through the pages and yield the name of each while it is shown."""
    page.goto(url)
    yield "upload"
    page.locator("[data-options] summary").click()
    yield "upload-options"
    choose(
        page,
        [empty(folder, "holiday-final-cut.mp4", 5_000_000), empty(folder, LONG_NAME[-200:], 9)],
    )
    yield "upload-chosen"
    page.get_by_label("Or keep for").fill("never")
    press_upload(page)
    page.locator("[data-warning]:not([hidden])").wait_for()
    yield "upload-refused"
    yield from walk_uploading(page, url, folder)
    yield from walk_one_file(page, url, folder)
    yield from walk_bundle(page, url, folder)
    page.goto(f"{url}/nothing23456")
    yield "error-404"
    page.context.clear_cookies()
    page.goto(f"{url}/links/")
    yield "links-none"


def walk_uploading(page: Page, url: str, folder: Path):
    files = [empty(folder, name, 3_000_000) for name in ("holiday-final-cut.mp4", "notes.txt")]
    files += [empty(folder, "setup.exe", 5), empty(folder, LONG_NAME[-180:], 2_000_000)]
    page.goto(url)
    choose(page, files)
    limit_rate(page, 1_000_000)
    press_upload(page)
    page.locator("[data-transfers] .failed").wait_for()
    wait_for_percent(page, 30)
    yield "uploading"
    page.get_by_role("button", name="Pause all").click()
    yield "uploading-paused"
    page.reload()
    limit_rate(page, -1)
    yield "upload-kept"
    page.get_by_role("button", name="Forget it").click()
    choose(page, [empty(folder, f"{number:03}.jpg", number) for number in range(MANY)])
    yield "upload-many"
    page.goto(url)
    choose(page, files[2:3])
    press_upload(page)
    page.locator("[data-failures]:not([hidden])").wait_for()
    page.locator("[data-transfers] .failed").wait_for()
    yield "uploading-failed"


def press_upload(page: Page) -> None:
    page.get_by_role("button", name="Upload", exact=True).click()


def walk_one_file(page: Page, url: str, folder: Path):
    send(page, url, [empty(folder, "holiday-final-cut.mp4", 5_000_000)], note="The cut.", limit=3)
    yield "sender"
    link = page.get_by_label("Short link").input_value()
    private_page = page.get_by_label("Private address of this page").input_value()
    for summary in page.locator("main .sections > details > summary").all():
        summary.click()
    yield "sender-open"
    page.get_by_label("Or keep for").fill("soon")
    page.get_by_role("button", name="Save changes").click()
    yield "sender-refused"
    page.goto(link)
    yield "landing"
    page.context.clear_cookies()
    page.goto(link)
    yield "landing-recipient"
    for _ in range(3):
        curl("-o", os.devnull, link)
    page.goto(private_page)
    yield "sender-exhausted"
    page.context.clear_cookies()
    page.goto(link)
    yield "error-exhausted"
    send(page, url, [empty(folder, LONG_NAME[-200:], 1)], password="secret")
    link = page.get_by_label("Short link").input_value()
    page.context.clear_cookies()
    page.goto(link)
    yield "unlock"
    page.get_by_label("Link password").fill("wrong")
    page.get_by_role("button", name="Open").click()
    yield "unlock-wrong"
    page.get_by_label("Link password").fill("secret")
    page.get_by_role("button", name="Open").click()
    yield "landing-long-name"


def walk_bundle(page: Page, url: str, folder: Path):
    names = [
        "Küste bei Sonnenuntergang.jpg",
        "報告書 2026.pdf",
        "👩‍🚀🚀.png",
        LONG_NAME[-180:],
        "notes.txt",
    ]
    send(page, url, [empty(folder, name, 4321 * (i + 1)) for i, name in enumerate(names)])
    yield "sender-bundle"
    link = page.get_by_label("Short link").input_value()
    page.goto(link)
    yield "landing-bundle"
    page.go_back()
    page.locator("summary", has_text="Revoke").click()
    page.get_by_role("button", name=re.compile("Revoke")).click()
    yield "sender-revoked"
    page.get_by_role("link", name="My links").click()
    yield "links"
    page.goto(link)
    yield "error-revoked"
    send(page, url, [empty(folder, f"{number:03}.jpg", number) for number in range(MANY)])
    page.locator("summary", has_text="Files").click()
    yield "sender-many"
    page.goto(page.get_by_label("Short link").input_value())
    yield "landing-many"
    page.goto(f"{url}/links/")
    yield "links-many"


def send(
    page: Page,
    url: str,
    files: list[Path],
    *,
    note: str = "",
    limit: int | None = None,
    password: str = "",
) -> None:
    page.goto(url)
    page.locator("[data-options] summary").click()
    page.get_by_label("Note to the recipient").fill(note)
    page.get_by_label("Downloads allowed").fill("" if limit is None else str(limit))
    page.get_by_label("Link password").fill(password)
    page.locator("#file").set_input_files(files)
    press_upload(page)
    page.wait_for_url(re.compile("/links/"))


def empty(folder: Path, name: str, size_bytes: int) -> Path:
    return write(folder, name, bytes(size_bytes))
