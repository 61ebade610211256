"""Previews: what may be shown inline, to whom, and how it is counted."""

import io
import wave

import pytest
from cast import (
    Sent,
    change_row,
    downloads,
    fetch,
    nothing_changed,
    press,
    row_counts,
    send,
    stored_link,
)
from conftest import browser, shell
from flask import Flask
from PIL import Image

from minifile.storage import Storage

FROM_PAGE = {"Sec-Fetch-Dest": "document"}


def picture(form: str = "PNG") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(written, form)
    return written.getvalue()


def sound() -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    return written.getvalue()


SHOWN = {
    "png": ("a.png", picture(), "image", "image/png"),
    "jpeg": ("a.jpg", picture("JPEG"), "image", "image/jpeg"),
    "gif": ("a.gif", picture("GIF"), "image", "image/gif"),
    "webp": ("a.webp", picture("WEBP"), "image", "image/webp"),
    "bmp": ("a.bmp", picture("BMP"), "image", "image/bmp"),
    "wav": ("a.wav", sound(), "audio", "audio/wav"),
    "mp4": ("a.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video", "video/mp4"),
    "webm": ("a.webm", b"\x1a\x45\xdf\xa3" + b"webm" * 4, "video", "video/webm"),
}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
NEVER_INLINE = {
    "svg": ("a.svg", SVG),
    "svg-as-png": ("a.png", SVG),
    "html": ("a.html", b"<!doctype html><script>alert(1)</script>"),
    "html-as-gif": ("a.gif", b"<!doctype html><script>alert(1)</script>"),
    "xml": ("a.xml", b"<?xml version='1.0'?><a/>"),
    "pdf": ("a.pdf", b"%PDF-1.7\n"),
    "tiff": ("a.tiff", picture("TIFF")),
    "text": ("a.txt", b"alpha"),
    "script": ("a.js", b"alert(1)"),
}


def inline(app: Flask, sent: Sent, dest: str, position: int = 0, **headers: str):
    given = {"Sec-Fetch-Dest": dest, **{name.replace("_", "-"): it for name, it in headers.items()}}
    return fetch(browser(app), f"{sent.file(position)}?inline=1", headers=given)


def previews(app: Flask, sent: Sent) -> int:
    return stored_link(app, sent.code).preview_count


@pytest.mark.parametrize("name", SHOWN)
def test_pictures_sound_and_video_are_shown_inline_and_not_downloaded(app: Flask, name: str):
    filename, content, dest, content_type = SHOWN[name]
    sent = send(app, {filename: content})

    answer = inline(app, sent, dest)

    assert (answer.status_code, answer.data) == (200, content)
    assert answer.headers["Content-Disposition"] == f'inline; filename="{filename}"'
    assert answer.headers["Content-Type"] == content_type
    assert (downloads(app, sent.code), previews(app, sent)) == (0, 1)
    assert stored_slots(app) == 0


def test_inline_bytes_carry_the_strict_headers_of_all_bytes(app: Flask):
    sent = send(app, {"a.png": picture()})

    headers = inline(app, sent, "image").headers

    csp = "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert headers["Content-Security-Policy"] == csp
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "private, no-cache"
    assert {"Sec-Fetch-Dest", "Sec-Fetch-Site"} <= set(headers["Vary"].split(", "))


@pytest.mark.parametrize("dest", ["image", "audio", "video", "document", "iframe", "object"])
@pytest.mark.parametrize("name", NEVER_INLINE)
def test_what_could_run_or_is_no_raster_picture_is_never_inline(app: Flask, name: str, dest: str):
    filename, content = NEVER_INLINE[name]
    sent = send(app, {filename: content})

    answer = inline(app, sent, dest)

    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert (downloads(app, sent.code), previews(app, sent)) == (1, 0)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Sec-Fetch-Dest": "image"}, id="no-site"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, id="no-dest"),
        pytest.param({"Sec-Fetch-Dest": "video", "Sec-Fetch-Site": "same-origin"}, id="other"),
        pytest.param({"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin"}, id="tab"),
        pytest.param({"Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "same-site"}, id="same-site"),
        pytest.param({"Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "cross-site"}, id="cross"),
        pytest.param({"Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "none"}, id="typed"),
    ],
)
def test_only_our_own_page_is_answered_inline(app: Flask, headers: dict[str, str]):
    sent = send(app, {"a.png": picture()})

    answer = fetch(shell(app), f"{sent.file()}?inline=1", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert (downloads(app, sent.code), previews(app, sent)) == (1, 0)


def test_another_value_of_inline_is_an_ordinary_download(app: Flask):
    sent = send(app, {"a.png": picture()})

    answer = fetch(browser(app), f"{sent.file()}?inline=yes", headers={"Sec-Fetch-Dest": "image"})

    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_link_with_a_download_limit_shows_nothing(app: Flask):
    sent = send(app, {"a.png": picture(), "b.txt": b"the secret words"}, max_downloads="5")

    answer = inline(app, sent, "image")
    pages = [browser(app).get(f"{sent.path}{query}", headers=FROM_PAGE).text
             for query in ("", "?show=1", "?show=2")]  # fmt: skip

    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert (downloads(app, sent.code), previews(app, sent)) == (1, 0)
    assert not any("inline=1" in page or "secret words" in page for page in pages)
    assert "?show=" not in pages[0]


def test_a_preview_is_sought_by_ranges_and_counted_once(app: Flask):
    content = sound()
    sent = send(app, {"a.wav": content})

    first = inline(app, sent, "audio", Range="bytes=0-")
    middle = inline(app, sent, "audio", Range="bytes=8000-8099")
    outside = inline(app, sent, "audio", Range="bytes=99999999-")

    assert [first.status_code, middle.status_code, outside.status_code] == [206, 206, 416]
    assert middle.data == content[8000:8100]
    assert middle.headers["Content-Range"] == f"bytes 8000-8099/{len(content)}"
    assert (downloads(app, sent.code), previews(app, sent)) == (0, 1)


def test_the_head_and_what_the_browser_has_already_are_not_counted(app: Flask):
    sent = send(app, {"a.png": picture()})
    etag = inline(app, sent, "image").headers["ETag"]

    again = inline(app, sent, "image", If_None_Match=etag)
    head = browser(app).head(f"{sent.file()}?inline=1", headers={"Sec-Fetch-Dest": "image"})

    assert (again.status_code, head.status_code) == (304, 200)
    assert head.headers["Content-Disposition"].startswith("inline")
    assert previews(app, sent) == 1


def test_the_head_of_a_page_with_a_text_is_not_counted(app: Flask):
    sent = send(app, {"a.txt": b"words"})

    answer = browser(app).head(sent.path)

    assert answer.status_code == 200
    assert previews(app, sent) == 0


def test_a_text_whose_bytes_are_lost_is_neither_shown_nor_counted(app: Flask, storage: Storage):
    sent = send(app, {"a.txt": b"words"})
    storage.delete(stored_link(app, sent.code).files[0].storage_key)

    answer = browser(app).get(sent.path)

    assert "Traceback" not in answer.text
    assert "words" not in answer.text
    assert previews(app, sent) == 0


def test_deep_folders_and_a_thousand_files_have_a_page(app: Flask):
    deep = "/".join(f"{level}x" for level in range(40)) + "/a.txt"
    files = {f"f{number % 7}/{number}.txt": b"x" for number in range(990)}
    sent = send(app, {deep: b"deep", "1/2/3/" * 10 + "b.txt": b"b", **files})

    page = browser(app).get(sent.path)

    assert page.status_code == 200
    assert page.text.count('class="tree"') == 9
    assert page.text.count("<bdi>f0</bdi>") == 1


def test_the_owner_is_not_counted(app: Flask):
    alice = browser(app)
    alice.get("/")
    code = alice.put("/a.png", data=picture()).headers["Location"].rpartition("/")[2]

    answer = fetch(alice, f"/{code}/a.png?inline=1", headers={"Sec-Fetch-Dest": "image"})

    assert answer.headers["Content-Disposition"].startswith("inline")
    assert stored_link(app, code).preview_count == 0


def test_previews_are_counted_on_any_database(any_database_app: Flask):
    sent = send(any_database_app, {"a.png": picture()})

    for _ in range(2):
        inline(any_database_app, sent, "image")

    assert previews(any_database_app, sent) == 2


def test_a_locked_link_shows_nothing_until_it_is_unlocked(app: Flask):
    sent = send(app, {"secret plan.png": picture()}, password="secret")
    bob = browser(app)
    address, headers = f"{sent.file()}?inline=1", {"Sec-Fetch-Dest": "image"}

    before = fetch(bob, address, headers=headers)
    press(bob, sent.path, f"{sent.path}/unlock", password="secret")
    after = fetch(bob, address, headers=headers)

    assert before.status_code == 401
    assert b"PNG" not in before.data
    assert after.headers["Content-Disposition"].startswith("inline")


def test_the_card_of_a_locked_link_tells_nothing_of_its_files(app: Flask):
    sent = send(app, {"secret plan.txt": b"alpha"}, password="secret", note="for the boss")

    page = browser(app).get(sent.path).text

    assert '<meta property="og:title" content="A link with a password">' in page
    assert not any(word in page for word in ("plan", "alpha", "boss", "5 B", "og:url"))


@pytest.mark.parametrize("state", ["expired", "revoked"])
def test_a_closed_link_shows_nothing(app: Flask, state: str):
    sent = send(app, {"a.png": picture()})
    if state == "revoked":
        shell(app).delete(sent.private_page)
    else:
        change_row(app, sent.code, expires_at=stored_link(app, sent.code).created_at)

    answer = inline(app, sent, "image")

    assert answer.status_code == 410
    assert previews(app, sent) == 0


def test_x_accel_mode_sends_previews_itself(make_app):
    app = make_app(download_mode="x-accel")
    sent = send(app, {"a.png": picture()})

    answer = inline(app, sent, "image")

    assert "X-Accel-Redirect" not in answer.headers
    assert answer.data == picture()
    assert (downloads(app, sent.code), previews(app, sent)) == (0, 1)


@pytest.mark.parametrize(
    ("name", "element"), [("png", "<img "), ("wav", "<audio "), ("mp4", "<video ")]
)
def test_the_page_of_one_file_shows_it(app: Flask, name: str, element: str):
    filename, content, *_ = SHOWN[name]
    sent = send(app, {filename: content})

    page = browser(app).get(sent.path, headers=FROM_PAGE).text

    assert element in page
    assert f'src="{sent.file()}?inline=1"' in page
    assert (downloads(app, sent.code), previews(app, sent)) == (0, 0)


def test_a_browser_that_would_be_counted_is_offered_no_bytes(app: Flask):
    sent = send(app, {"a.png": picture()})

    page = browser(app).get(sent.path).text

    assert "inline=1" not in page


def test_a_text_is_shown_in_the_page_and_counted_as_a_preview(app: Flask):
    sent = send(app, {"a.txt": b"alpha <b>beta</b> & gamma"})

    page = browser(app).get(sent.path).text

    assert "alpha &lt;b&gt;beta&lt;/b&gt; &amp; gamma" in page
    assert (downloads(app, sent.code), previews(app, sent)) == (0, 1)


def test_code_has_colours_and_keeps_every_character(app: Flask):
    sent = send(app, {"a.py": b"\ndef main():\n    return '<script>'  # why\n"})

    page = browser(app).get(sent.path).text

    assert '<span class="k">def</span>' in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_only_the_beginning_of_a_long_text_is_shown(app: Flask):
    sent = send(app, {"a.txt": b"a line of text\n" * 20_000 + b"the very end"})

    page = browser(app).get(sent.path).text

    assert "This is the beginning of the file." in page
    assert "the very end" not in page


@pytest.mark.parametrize("content", [b"a\0b" * 9, b"\xff\xfe\x00\xd8" * 9, b"caf\xe9 " * 9])
def test_bytes_that_are_no_text_are_not_shown(app: Flask, content: bytes):
    sent = send(app, {"a.txt": content})

    page = browser(app).get(sent.path).text

    assert "it is not text" in page
    assert previews(app, sent) == 0


def test_link_preview_bots_and_prefetches_see_no_text(app: Flask):
    sent = send(app, {"a.txt": b"the secret words"})
    bot = browser(app)

    pages = [
        bot.get(sent.path, headers={"User-Agent": "Twitterbot/1.0"}).text,
        bot.get(sent.path, headers={"Sec-Purpose": "prefetch"}).text,
    ]

    assert not any("secret words" in page for page in pages)
    assert previews(app, sent) == 0


def test_an_empty_file_has_a_page_and_no_preview(app: Flask):
    sent = send(app, {"a.txt": b""})

    page = browser(app).get(sent.path).text

    assert "Preview" not in page


def test_a_bundle_links_each_preview_and_leads_from_one_to_the_next(app: Flask):
    sent = send(app, {"a.txt": b"first", "b.bin": b"\0\1", "c.txt": b"third"})
    bob = browser(app)

    pages = [
        bot.text for bot in map(bob.get, [sent.path, *(f"{sent.path}?show={n}" for n in (1, 2, 3))])
    ]

    assert 'href="?show=1"' in pages[0]
    assert 'href="?show=2"' not in pages[0]
    assert '<a href="?show=3" rel="next">' in pages[1]
    assert 'rel="prev"' not in pages[1]
    assert '<a href="?show=1" rel="prev">' in pages[2]
    assert '<a href="?show=3" rel="next">' in pages[2]
    assert "third" in pages[3]
    assert all(f'<a href="{sent.path}">All 3 files</a>' in page for page in pages[1:])


@pytest.mark.parametrize("number", ["0", "4", "-1", "x", "", "9" * 5000, "²", "1.0", "%00"])
def test_a_number_that_no_file_has_is_404(app: Flask, number: str):
    sent = send(app, {"a.txt": b"a", "b.txt": b"b", "c.txt": b"c"})

    with nothing_changed(app):
        answer = browser(app).get(f"{sent.path}?show={number}")

    assert answer.status_code == 404


def test_the_page_says_how_to_check_what_arrived(app: Flask):
    sent = send(app, {"a.txt": b"a"})

    page = browser(app).get(sent.path).text

    assert sent.json["files"][0]["sha256"] in page
    assert all(
        each in page for each in ("sha256sum FILE", "shasum -a 256 FILE", "Get-FileHash FILE")
    )


def stored_slots(app: Flask) -> int:
    return row_counts(app)["slot"]
