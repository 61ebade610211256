"""Every state of a preview: accessible, and fitting, light, dark, on a phone."""

import io
import re
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.acting import choose, write
from e2e.acting import send as press_upload
from e2e.conftest import keep_screenshot, violations
from e2e.test_pages import LOOK_AT_PAGE, LOOKS, MANY, WALKED_LOOKS
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

MARKDOWN = """# Trip

## Plan

Some *words*, a [link](https://example.org/) and ![a picture](https://example.org/spy.png).

- one
- two `code`

> quoted

| what | when |
|---|---|
| boat | noon |

```
plain
```

<script>alert(1)</script>
"""
CODE = """# Say hello.
import sys

GREETING = "Hello"


class Greeter:
    def greet(self, name: str, times: int = 3) -> None:
        \"\"\"Write to stdout.\"\"\"
        for _ in range(times):
            print(f"{GREETING}, {name}", file=sys.stdout)
"""


def picture(width: int = 1600, height: int = 900) -> bytes:
    """Return a gradient as a PNG."""
    kept = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save(kept, "PNG")
    return kept.getvalue()


def sound(seconds: int) -> bytes:
    """Return silence as a WAV of 16 kB a second."""
    kept = io.BytesIO()
    with wave.open(kept, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(bytes(16_000 * seconds))
    return kept.getvalue()


def send(page: Page, url: str, folder: Path, files: dict[str, bytes]) -> str:
    """Upload, and return the short link as one who does not own it would open it."""
    page.goto(url)
    choose(page, [write(folder, name, content) for name, content in files.items()])
    link = url + press_upload(page)
    page.context.clear_cookies()
    return link


@pytest.mark.parametrize("look", WALKED_LOOKS)
def test_every_preview_is_accessible_and_fits(
    look: str, server: RunningServer, open_page: Callable[..., Page], tmp_path: Path
):
    page = open_page(**LOOKS[look])
    faults = []

    for name in walk(page, server.url, tmp_path):
        keep_screenshot(page, f"{name}-{look}")
        faults += [f"{name}: {fault}" for fault in violations(page)]
        faults += [f"{name}: {fault}" for fault in page.evaluate(LOOK_AT_PAGE)]

    assert faults == []


def walk(page: Page, url: str, folder: Path):
    """Go through the previews and yield the name of each while it is shown."""
    singles = {
        "picture": ("Küste.png", picture()),
        "broken": ("broken.png", picture()[:60] + bytes(40)),
        "sound": ("sound.wav", sound(3)),
        "code": ("hello.py", CODE.encode()),
        "markdown": ("trip.md", MARKDOWN.encode()),
        "text-long": ("long.txt", b"word " * 60_000),
        "empty": ("empty.txt", b""),
        "arabic": ("تقرير ٢٠٢٦.txt", "مرحبا بالعالم\nنص آخر".encode()),
        "no-text": ("zeros.txt", bytes(50)),
        "emoji": ("👩‍🚀🚀🎉.txt", "🎉".encode()),
        "very-long-name": ("long-name-" * 24 + ".txt", b"x"),
    }
    for name, (filename, content) in singles.items():
        page.goto(send(page, url, folder, {filename: content}))
        if name in ("picture", "broken"):
            page.locator(".picture img").scroll_into_view_if_needed()
            expect(page.locator(".picture img")).to_have_js_property("complete", True)
        yield f"preview-{name}"
        if name == "picture":
            page.get_by_role("link", name=re.compile("full size")).click()
            yield "preview-picture-zoomed"
    link = send(page, url, folder, {f"{n:03}.txt": b"x" for n in range(MANY)})
    page.goto(link)
    yield "landing-many"
    page.goto(f"{link}?show=7")
    yield "preview-of-many"
    page.goto(f"{link}?show={MANY + 1}")
    yield "preview-none"
