"""Every request has an id: in its header, on its error page, never one that a visitor made up."""

import re
from collections.abc import Callable

import pytest
from cast import send
from conftest import BROWSER_ACCEPT, browser, shell
from flask import Flask

OWN = re.compile(r"[0-9a-f]{16}")
SAID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize("path", ["/", "/healthz", "/neverwas00", "/static/nothing.css", "/a/b/c"])
def test_every_answer_names_its_request(app: Flask, path: str):
    named = [shell(app).get(path).headers["X-Request-ID"] for _ in range(2)]

    assert all(OWN.fullmatch(each) for each in named)
    assert named[0] != named[1]


def test_what_a_visitor_says_is_not_taken(app: Flask):
    answer = shell(app).get("/healthz", headers={"X-Request-ID": SAID})

    assert OWN.fullmatch(answer.headers["X-Request-ID"])


@pytest.mark.parametrize(
    ("said", "is_taken"),
    [
        (SAID, True),
        ("a1b2c3d4", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("short", False),
        ("", False),
        ("<script>alert(1)</script>", False),
        ("two words", False),
        ("naïve-naïve", False),
    ],
)
def test_a_proxy_may_say_it_if_it_is_short_and_plain(
    make_app: Callable[..., Flask], said: str, is_taken: bool
):
    app = make_app(trusted_proxies=1)

    answer = shell(app).get("/healthz", headers={"X-Request-ID": said})

    assert (answer.headers["X-Request-ID"] == said) is is_taken
    assert is_taken or OWN.fullmatch(answer.headers["X-Request-ID"])


def test_an_error_page_names_the_request_that_its_header_names(app: Flask):
    link = send(app)
    shell(app).delete(f"/links/{link.code}/{link.owner_token}")
    asked = {form: shell(app).get("/account/tokens", headers={"Accept": form})
             for form in ("*/*", "application/json")}  # fmt: skip
    page = browser(app).post("/login", data={})

    assert page.status_code == 400
    assert f"Request {page.headers['X-Request-ID']}" in page.text
    assert (
        asked["application/json"].json["request_id"]
        == (asked["application/json"].headers["X-Request-ID"])
    )
    assert asked["*/*"].headers["X-Request-ID"] not in asked["*/*"].text


def test_a_line_of_text_names_the_request_where_we_are_to_blame(app: Flask):
    def fail() -> None:
        raise RuntimeError

    app.add_url_rule("/test/fail/now", view_func=fail)

    answer = shell(app).get("/test/fail/now")

    assert answer.status_code == 500
    assert f"(request {answer.headers['X-Request-ID']})" in answer.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", BROWSER_ACCEPT])
@pytest.mark.parametrize("path", ["/neverwas00", "/no/such/address"])
def test_an_unknown_address_has_the_same_bytes_each_time(app: Flask, accept: str, path: str):
    first, second = (shell(app).get(path, headers={"Accept": accept}) for _ in range(2))

    assert first.status_code == 404
    assert first.data == second.data
    assert first.headers["X-Request-ID"] not in first.text
