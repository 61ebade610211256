"""The bytes of a file: their headers, ranges, preconditions, and who is counted."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from cast import Sent, downloads, fetch, send, stored_link
from conftest import browser, shell
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.http import http_date

CONTENT = bytes(range(256)) * 10
ETAG = f'"{hashlib.sha256(CONTENT).hexdigest()}"'


@pytest.fixture
def link(app: Flask) -> Sent:
    return send(app, {"a.bin": CONTENT}, max_downloads="3")


def asking(app: Flask, link: Sent, method: str = "GET", **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return shell(app).open(link.file(), method=method, headers=given, buffered=True)


def test_bytes_carry_exactly_these_headers(app: Flask, link: Sent):
    headers = asking(app, link).headers

    assert dict(headers) == {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(len(CONTENT)),
        "Content-Disposition": 'attachment; filename="a.bin"',
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Content-SHA256": ETAG.strip('"'),
        "X-Remaining-Downloads": "2",
        "X-Remaining-Days": "1",
        "X-Accel-Buffering": "no",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        "ETag": ETAG,
        "Last-Modified": headers["Last-Modified"],
        "Vary": "Cookie",
        "X-Request-ID": headers["X-Request-ID"],
    }


def test_last_modified_is_when_the_file_was_uploaded(app: Flask, link: Sent):
    uploaded = stored_link(app, link.code).created_at

    assert asking(app, link).headers["Last-Modified"] == http_date(uploaded)


def test_the_short_link_answers_a_tool_with_the_same_headers(app: Flask, link: Sent):
    by_name = dict(asking(app, link).headers)
    by_code = dict(fetch(shell(app, "192.0.2.50"), link.path).headers)

    # Each names its own request.
    assert by_code.pop("X-Request-ID") != by_name.pop("X-Request-ID")
    assert by_code.pop("X-Remaining-Downloads") == "1"
    assert by_name.pop("X-Remaining-Downloads") == "2"
    assert set(by_code.pop("Vary").split(", ")) == {"Accept", "User-Agent", "Cookie"}
    assert by_code == {name: value for name, value in by_name.items() if name != "Vary"}


def test_a_link_without_a_limit_has_any_number_of_downloads_left(app: Flask):
    sent = send(app, expires_in="36h")

    headers = asking(app, sent).headers

    assert (headers["X-Remaining-Downloads"], headers["X-Remaining-Days"]) == ("n/a", "2")


@pytest.mark.parametrize(
    ("name", "content", "served"),
    [
        pytest.param("a.png", b"\x89PNG\r\n\x1a\n", "image/png", id="image"),
        pytest.param("a.txt", b"hello", "text/plain; charset=utf-8", id="text"),
        pytest.param("a.zip", b"PK\x05\x06" + bytes(18), "application/zip", id="zip"),
        pytest.param("a.html", b"<script>alert(1)</script>", "application/octet-stream", id="HTML"),
        pytest.param("a.svg", b"<svg onload='x()'/>", "application/octet-stream", id="SVG"),
        pytest.param("a.xml", b"<?xml version='1.0'?><a/>", "application/octet-stream", id="XML"),
        pytest.param("a.pdf", b"%PDF-1.7", "application/octet-stream", id="PDF"),
        pytest.param("a.js", b"alert(1)", "application/octet-stream", id="script"),
        pytest.param("page.png", b"<html><script>", "application/octet-stream", id="disguised"),
    ],
)
def test_bytes_are_attachments_of_a_passive_type(
    app: Flask, name: str, content: bytes, served: str
):
    sent = send(app, {name: content})

    answer = fetch(browser(app), sent.file())

    assert answer.data == content
    assert answer.content_type == served
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        pytest.param(
            "my naïve €.txt",
            'attachment; filename="my na_ve _.txt";'
            " filename*=UTF-8''my%20na%C3%AFve%20%E2%82%AC.txt",
            id="non-Latin",
        ),
        pytest.param("may/b.txt", 'attachment; filename="b.txt"', id="in a folder"),
        pytest.param(
            "100%25.txt",
            "attachment; filename=\"100_25.txt\"; filename*=UTF-8''100%2525.txt",
            id="percent",
        ),
    ],
)
def test_the_name_is_sent_back(app: Flask, name: str, disposition: str):
    sent = send(app, {name: b"x"})

    assert asking(app, sent).headers["Content-Disposition"] == disposition


def test_head_answers_like_get_without_bytes_and_never_counts(app: Flask, link: Sent):
    head = asking(app, link, "HEAD")

    assert (head.status_code, head.data, downloads(app, link.code)) == (200, b"", 0)
    same = dict(asking(app, link).headers)
    own = {"X-Remaining-Downloads": "2", "X-Request-ID": same["X-Request-ID"]}
    assert {**head.headers, **own} == same


@pytest.mark.parametrize(
    ("asked", "content_range", "expected"),
    [
        pytest.param("bytes=0-9", "bytes 0-9/2560", CONTENT[:10], id="first bytes"),
        pytest.param("bytes=100-", "bytes 100-2559/2560", CONTENT[100:], id="from there on"),
        pytest.param("bytes=-10", "bytes 2550-2559/2560", CONTENT[-10:], id="last bytes"),
        pytest.param("bytes=-99999", "bytes 0-2559/2560", CONTENT, id="more than there is"),
        pytest.param("bytes=5-99999", "bytes 5-2559/2560", CONTENT[5:], id="beyond the end"),
        pytest.param("BYTES=2559-2559", "bytes 2559-2559/2560", CONTENT[-1:], id="last one"),
    ],
)
def test_one_range_is_206(app: Flask, link: Sent, asked: str, content_range: str, expected: bytes):
    answer = asking(app, link, Range=asked)

    assert answer.status_code == 206
    assert answer.data == expected
    assert answer.headers["Content-Range"] == content_range
    assert answer.headers["Content-Length"] == str(len(expected))


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param("bytes=0-1,5-9", id="several ranges"),
        pytest.param("lines=1-2", id="unknown unit"),
        pytest.param("bytes=9-1", id="backwards"),
        pytest.param("bytes=a-b", id="no numbers"),
        pytest.param("bytes", id="no range"),
    ],
)
def test_a_range_that_may_be_ignored_is_answered_with_the_whole_file(
    app: Flask, link: Sent, asked: str
):
    answer = asking(app, link, Range=asked)

    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize("asked", ["bytes=2560-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_outside_the_file_is_416_and_never_counts(app: Flask, link: Sent, asked: str):
    answer = asking(app, link, Range=asked)

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */2560"
    assert answer.text == "The range lies outside the 2560 bytes of the file.\n"
    assert downloads(app, link.code) == 0


def test_head_ignores_ranges(app: Flask, link: Sent):
    answer = asking(app, link, "HEAD", Range="bytes=0-9")

    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == "2560"


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        pytest.param(ETAG, 206, id="same tag"),
        pytest.param(f"W/{ETAG}", 200, id="weak tag"),
        pytest.param('"other"', 200, id="other tag"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 200, id="other date"),
    ],
)
def test_if_range_decides_whether_the_range_holds(
    app: Flask, link: Sent, condition: str, status: int
):
    answer = asking(app, link, Range="bytes=10-", If_Range=condition)

    assert answer.status_code == status
    assert answer.data == (CONTENT[10:] if status == 206 else CONTENT)


def test_if_range_takes_the_date_that_was_sent(app: Flask, link: Sent):
    date = asking(app, link, "HEAD").headers["Last-Modified"]

    assert asking(app, link, Range="bytes=10-", If_Range=date).status_code == 206


@pytest.mark.parametrize("tags", [ETAG, f"W/{ETAG}", f'"x", {ETAG}', "*"])
def test_what_is_there_already_is_304_and_never_counts(app: Flask, link: Sent, tags: str):
    answer = asking(app, link, If_None_Match=tags)

    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == ETAG
    assert downloads(app, link.code) == 0


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"If_Match": '"other"'}, id="If-Match"),
        pytest.param(
            {"If_Unmodified_Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, id="If-Unmodified-Since"
        ),
    ],
)
def test_a_precondition_that_fails_is_412_and_never_counts(
    app: Flask, link: Sent, headers: dict[str, str]
):
    answer = asking(app, link, **headers)

    assert answer.status_code == 412
    assert downloads(app, link.code) == 0


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        pytest.param("HEAD", {}, id="HEAD"),
        pytest.param("GET", {"If_None_Match": ETAG}, id="304"),
        pytest.param("GET", {"If_Match": '"x"'}, id="412"),
        pytest.param("GET", {"Range": "bytes=9999-"}, id="416"),
    ],
)
def test_answers_without_bytes_are_410_once_the_link_is_exhausted(
    app: Flask, method: str, headers: dict[str, str]
):
    sent = send(app, {"a.bin": CONTENT}, max_downloads="1")
    fetch(shell(app, "192.0.2.50"), sent.file())

    answer = asking(app, sent, method, **headers)

    assert answer.status_code == 410


def test_a_range_of_an_empty_file_is_416(app: Flask):
    sent = send(app, {"empty": b""})

    assert asking(app, sent, Range="bytes=0-").status_code == 416
    assert asking(app, sent).status_code == 200


@pytest.mark.parametrize("proof", ["cookie", "bearer"])
def test_the_owner_is_never_counted(app: Flask, proof: str):
    alice = browser(app)
    sent = send(app, {"a.bin": CONTENT}, max_downloads="1")
    headers = {"Authorization": f"Bearer {sent.owner_token}"} if proof == "bearer" else {}
    if proof == "cookie":
        alice.get("/")
        alice.get(sent.private_page)

    answers = [fetch(alice, sent.file(), headers=headers) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert downloads(app, sent.code) == 0


def test_the_owner_may_fetch_an_exhausted_link(app: Flask):
    sent = send(app, {"a.bin": CONTENT}, max_downloads="1")
    fetch(shell(app), sent.file())
    headers = {"Authorization": f"Bearer {sent.owner_token}"}

    answer = fetch(shell(app, "192.0.2.50"), sent.file(), headers=headers)

    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert downloads(app, sent.code) == 1


def test_a_wrong_owner_token_is_a_recipient_like_any(app: Flask, link: Sent):
    answer = fetch(shell(app), link.file(), headers={"Authorization": "Bearer wrong"})

    assert answer.status_code == 200
    assert downloads(app, link.code) == 1


def test_ranges_in_parallel_are_one_download(app: Flask, link: Sent):
    step = 640
    asked = [f"bytes={start}-{start + step - 1}" for start in range(0, len(CONTENT), step)]

    answers = [shell(app).get(link.file(), headers={"Range": each}) for each in asked]
    got = b"".join(answer.data for answer in answers)
    for answer in answers:
        answer.close()

    assert got == CONTENT
    assert downloads(app, link.code) == 1


def test_a_cut_download_is_resumed_within_its_slot(app: Flask):
    content = CONTENT * 400
    sent = send(app, {"a.bin": content}, max_downloads="1")
    had = cut(shell(app), sent.file(), chunks=2)

    rest = asking(app, sent, Range=f"bytes={len(had)}-")

    assert rest.status_code == 206
    assert had + rest.data == content
    assert downloads(app, sent.code) == 1
    assert fetch(shell(app), sent.file()).status_code == 410


def test_a_download_that_failed_before_its_first_byte_is_given_back(app: Flask, link: Sent):
    cut(shell(app), link.file(), chunks=0)

    assert downloads(app, link.code) == 0


def test_a_missing_blob_is_no_download_and_no_secret(app: Flask, link: Sent):
    key = stored_link(app, link.code).files[0].storage_key
    app.extensions["minifile"].storage.delete(key)

    answers = [asking(app, link), fetch(shell(app), link.zip)]

    assert [answer.status_code for answer in answers] == [500, 500]
    assert all(key not in answer.text for answer in answers)
    assert downloads(app, link.code) == 0


def test_the_days_left_are_rounded_up(app: Flask):
    sent = send(app, expires_in="30d")
    link = stored_link(app, sent.code)

    assert link.expires_at - link.created_at == timedelta(days=30)
    assert asking(app, sent, "HEAD").headers["X-Remaining-Days"] == "30"


def cut(client: FlaskClient, path: str, *, chunks: int) -> bytes:
    """Get a file, take so many chunks of it, and hang up; return what arrived.

    The server counts a chunk when it is asked for the next one, so one more is taken from it.
    """
    answer = client.get(path)
    pieces = iter(answer.response)
    had = [next(pieces) for _ in range(chunks)]
    if chunks:
        next(pieces)
    answer.close()
    return b"".join(had)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_behind_a_proxy_that_no_setting_names_nobody_joins_by_address(
    app: Flask, link: Sent, header: str
):
    for asked in ("bytes=0-9", "bytes=10-19"):
        fetch(shell(app), link.file(), headers={"Range": asked, header: "198.51.100.7"})

    assert downloads(app, link.code) == 2
    assert "TRUSTED_PROXIES" in shell(app).get("/readyz").json["warnings"][0]


def test_behind_a_trusted_proxy_clients_are_told_apart_by_what_it_says(make_app):
    app = make_app(trusted_proxies=1)
    sent = send(app, {"a.bin": CONTENT})

    for address, asked in (
        ("198.51.100.7", "0-9"),
        ("198.51.100.7", "10-"),
        ("198.51.100.8", "1-"),
    ):
        headers = {"Range": f"bytes={asked}", "X-Forwarded-For": address}
        fetch(shell(app, "10.0.0.1"), sent.file(), headers=headers)

    assert downloads(app, sent.code) == 2
