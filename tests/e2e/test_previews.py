"""Previews in a browser: pictures with zoom, sound that seeks, text; through a whole bundle."""

import io
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.acting import choose, send, write
from e2e.conftest import keep_screenshot, violations
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

SECONDS = 60
RATE = 44_100


def picture(folder: Path, name: str = "view.png") -> Path:
    written = io.BytesIO()
    Image.linear_gradient("L").resize((2400, 1500)).save(written, "PNG")
    return write(folder, name, written.getvalue())


def sound(folder: Path) -> Path:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * RATE * SECONDS))
    return write(folder, "song.wav", written.getvalue())


def share(page: Page, server: RunningServer, files: list[Path]) -> str:
    """Upload the files and return the address, to be opened by somebody else."""
    page.goto(server.url)
    choose(page, files)
    path = send(page)
    page.context.clear_cookies()
    return server.url + path


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no-javascript"])
def test_a_picture_is_shown_and_zoomed(
    server: RunningServer, open_page: Callable[..., Page], tmp_path: Path, javascript: bool
):
    address = share(open_page(), server, [picture(tmp_path)])
    page = open_page(java_script_enabled=javascript, viewport={"width": 1000, "height": 700})

    page.goto(address)
    shown = page.get_by_role("img", name="view.png")
    expect(shown).to_be_visible()
    small = shown.bounding_box()
    page.get_by_role("link", name="Show it in full size").click()
    large = shown.bounding_box()
    page.get_by_role("link", name="Close").click()

    assert small
    assert large
    assert small["width"] < 1000
    assert (large["width"], large["height"]) == (2400, 1500)
    expect(page.get_by_role("link", name="Close")).to_be_hidden()


def test_sound_is_sought_by_ranges(
    server: RunningServer, open_page: Callable[..., Page], tmp_path: Path
):
    address = share(open_page(), server, [sound(tmp_path)])
    page = open_page()
    page.goto(address)
    player = page.locator("audio")

    player.evaluate(
        """(player, at) => new Promise((done) => {
            player.addEventListener("seeked", done, { once: true });
            player.preload = "auto";
            player.currentTime = at;
        })""",
        SECONDS - 5,
    )

    assert player.evaluate("player => player.duration") == pytest.approx(SECONDS, abs=0.1)
    assert player.evaluate("player => player.currentTime") == pytest.approx(SECONDS - 5, abs=0.1)
    assert player.evaluate("player => player.error") is None


def test_a_bundle_is_looked_through_file_by_file(
    server: RunningServer, open_page: Callable[..., Page], tmp_path: Path
):
    files = [
        picture(tmp_path),
        write(tmp_path, "notes.md", b"# Notes\n\nSome *words*.\n"),
        write(tmp_path, "data.bin", b"\0\1\2"),
        write(tmp_path, "main.py", b"def main():\n    return 1\n"),
    ]
    sender = open_page()
    address = share(sender, server, files)
    page = open_page(color_scheme="dark", viewport={"width": 320, "height": 640})
    faults: list[str] = []

    for name, shown in {
        "view.png": page.get_by_role("img", name="view.png"),
        "notes.md": page.get_by_role("heading", name="Notes", level=3),
        "main.py": page.locator(".source", has_text="def main():"),
    }.items():
        page.goto(address)
        page.get_by_role("link", name=f"Preview of {name}").click()
        expect(shown).to_be_visible()
        faults += look_at(page, f"preview-{name}")
        page.get_by_role("link", name="All 4 files").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("4 files")

    assert faults == []


def test_next_leads_through_all_files_that_have_a_preview(
    server: RunningServer, open_page: Callable[..., Page], tmp_path: Path
):
    names = ["a.txt", "b.bin", "c.txt", "d.txt"]
    address = share(open_page(), server, [write(tmp_path, name, b"text") for name in names])
    page = open_page()

    page.goto(address)
    page.get_by_role("link", name="Preview of").first.click()
    seen = [page.get_by_role("heading", level=1).inner_text()]
    while page.get_by_role("link", name="Next").count():
        page.get_by_role("link", name="Next").click()
        seen.append(page.get_by_role("heading", level=1).inner_text())
    page.get_by_role("link", name="Previous").click()

    assert sorted(seen) == ["a.txt", "c.txt", "d.txt"]
    expect(page.get_by_role("heading", level=1)).to_have_text(seen[-2])


def look_at(page: Page, name: str) -> list[str]:
    keep_screenshot(page, name)
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [*violations(page), *(["wider than the window"] if wide else [])]
