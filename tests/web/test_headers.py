"""Security headers: every answer carries them."""

import pytest
from cast import FILE, multipart
from conftest import BROWSER_ACCEPT, browser, shell
from flask import Flask

from minifile.web.headers import BYTES_HEADERS, PAGE_HEADERS


@pytest.mark.parametrize(
    "path", ["/", "/neverexist", "/healthz", "/readyz", "/robots.txt", "/favicon.ico", "/links/x/y"]
)
@pytest.mark.parametrize("accept", ["*/*", "application/json", BROWSER_ACCEPT])
def test_every_answer_that_is_no_upload_carries_the_headers_of_pages(
    app: Flask, path: str, accept: str
):
    with shell(app).get(path, headers={"Accept": accept}) as answer:
        headers = dict(answer.headers)

    expected = {name: value for name, value in PAGE_HEADERS.items() if name != "Cache-Control"}
    assert expected.items() <= headers.items()
    assert "Cache-Control" in headers


def test_answers_to_uploads_and_refusals_carry_them_too(app: Flask):
    answers = [
        shell(app).post("/", **multipart(FILE)),
        shell(app).post("/", **multipart()),
        shell(app).get("/", headers={"Host": "evil.example"}),
        shell(app).delete("/"),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 400, 405]
    assert all(PAGE_HEADERS.items() <= dict(answer.headers).items() for answer in answers)


def test_bytes_are_stricter_than_pages():
    assert "sandbox" in BYTES_HEADERS["Content-Security-Policy"]
    assert "sandbox" not in PAGE_HEADERS["Content-Security-Policy"]
    for headers in (BYTES_HEADERS, PAGE_HEADERS):
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "unsafe-" not in headers["Content-Security-Policy"]
    assert BYTES_HEADERS["Referrer-Policy"] == "no-referrer"
    assert PAGE_HEADERS["Referrer-Policy"] == "same-origin"


def test_a_page_that_changes_nothing_in_the_cookie_sends_none(app: Flask):
    alice = browser(app)

    assert "Set-Cookie" in alice.get("/").headers
    assert "Set-Cookie" not in alice.get("/").headers
    assert "Set-Cookie" not in shell(app).get("/").headers


def test_the_address_of_a_refused_method_names_the_allowed_ones(app: Flask):
    answer = shell(app).delete("/")

    assert answer.status_code == 405
    assert {"GET", "POST", "PUT"} <= set(answer.headers["Allow"].split(", "))
