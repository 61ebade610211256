"""Downloads by a redirect to the bucket: who is sent there, with what, and what is counted."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from buckets import make_s3_bucket, s3_url
from cast import Sent, as_sent, downloads, form, send, stored_link
from conftest import browser, shell
from flask import Flask

CONTENT = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10


@pytest.fixture(scope="module")
def bucket(moto: str) -> str:
    return make_s3_bucket(moto)


@pytest.fixture
def app(make_app: Callable[..., Flask], moto: str, bucket: str) -> Flask:
    return make_app(storage_url=s3_url(moto, bucket), download_mode="redirect")


@pytest.fixture
def link(app: Flask) -> Sent:
    return send(app, {"Küste 1.png": CONTENT})


def asking(app: Flask, path: str, method: str = "GET", **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return shell(app).open(path, method=method, headers=given, buffered=True)


def test_a_redirect_carries_exactly_these_headers(app: Flask, link: Sent):
    answer = asking(app, link.file())

    assert answer.status_code == 302
    assert dict(answer.headers) == {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(answer.data)),
        "Location": answer.location,
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Content-SHA256": link.json["files"][0]["sha256"],
        "X-Remaining-Downloads": "n/a",
        "X-Remaining-Days": "1",
        "X-Accel-Buffering": "no",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Vary": "Cookie",
        "X-Request-ID": answer.headers["X-Request-ID"],
    }
    assert "curl goes there with -L" in answer.text


def test_the_address_is_of_one_blob_and_lives_for_five_minutes(
    app: Flask, link: Sent, moto: str, bucket: str
):
    address = urlsplit(asking(app, link.file()).location)

    asked = parse_qs(address.query)
    [key] = [file.storage_key for file in stored_link(app, link.code).files]
    assert (f"{address.scheme}://{address.netloc}", address.path) == (moto, f"/{bucket}/{key}")
    assert asked["X-Amz-Expires"] == ["300"]
    assert asked["response-content-type"] == ["image/png"]
    assert asked["response-content-disposition"] == [
        "attachment; filename=\"K_ste 1.png\"; filename*=UTF-8''K%C3%BCste%201.png"
    ]
    assert link.code not in address.geturl()


def test_a_browser_with_our_cookie_is_given_no_cookie_on_the_way(app: Flask, link: Sent):
    bob = browser(app)
    bob.get(link.path)

    answer = bob.get(link.file())

    assert answer.status_code == 302
    assert "Set-Cookie" not in answer.headers


def test_each_redirect_counts_and_a_resume_does_not(app: Flask, link: Sent):
    statuses = [
        asking(app, link.file(), **headers).status_code
        for headers in ({}, {"Range": "bytes=100-"}, {"Range": "bytes=-100"}, {})
    ]

    assert statuses == [302] * 4
    assert downloads(app, link.code) == 2


def test_the_owner_is_sent_there_uncounted(app: Flask):
    alice, names_json = browser(app), {"Accept": "application/json"}
    alice.get("/")
    link = as_sent(alice.post("/", **form({"a.bin": CONTENT}), headers=names_json))

    answer = alice.get(link.file())

    assert (answer.status_code, downloads(app, link.code)) == (302, 0)


@pytest.mark.parametrize("header", ["X-Link-Password", "Authorization"])
def test_no_secret_that_a_client_might_repeat_goes_there(app: Flask, header: str):
    link = send(app, {"a.bin": CONTENT}, password="geheim")
    basic = f"Basic {b64encode(b':geheim').decode()}"

    answer = asking(app, link.file(), **{header: "geheim" if header[0] == "X" else basic})

    assert (answer.status_code, answer.data) == (200, CONTENT)


def test_what_a_bucket_might_read_otherwise_we_answer(app: Flask, link: Sent):
    asked: list[tuple[dict[str, str], int]] = [
        ({"If-Match": "*"}, 200),
        ({"If-None-Match": "*"}, 304),
        ({"If-Match": '"another"'}, 412),
        ({"Range": "bytes=0-1", "If-Range": '"another"'}, 200),
        ({"Range": "bytes=0-1,4-5"}, 200),
        ({"Range": "bytes=99999-"}, 416),
    ]

    answers = [asking(app, link.file(), **headers) for headers, _ in asked]

    assert [answer.status_code for answer in answers] == [status for _, status in asked]
    assert all(answer.data == CONTENT for answer in answers if answer.status_code == 200)


def test_head_is_answered_with_the_headers_of_the_file(app: Flask, link: Sent):
    answer = asking(app, link.file(), method="HEAD")

    assert (answer.status_code, answer.content_length) == (200, len(CONTENT))
    assert downloads(app, link.code) == 0


def test_links_with_a_limit_and_archives_are_streamed(app: Flask):
    limited = send(app, {"a.bin": CONTENT}, max_downloads="1")
    bundle = send(app, {"a.bin": CONTENT, "b.bin": CONTENT})

    assert asking(app, limited.file()).data == CONTENT
    assert asking(app, limited.file()).status_code == 410
    assert asking(app, bundle.zip).data.startswith(b"PK")
    assert asking(app, bundle.file(1)).status_code == 302


def test_a_preview_is_streamed(app: Flask):
    sent = send(app, {"a.png": CONTENT})
    element = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image"}

    answer = browser(app).get(f"{sent.file()}?inline=1", headers=element, buffered=True)

    assert (answer.status_code, downloads(app, sent.code)) == (200, 0)


def test_a_blob_that_is_not_there_counts_nothing(app: Flask, link: Sent):
    [file] = stored_link(app, link.code).files
    app.extensions["minifile"].storage.delete(file.storage_key)

    answer = asking(app, link.file())

    assert (answer.status_code, downloads(app, link.code)) == (500, 0)
