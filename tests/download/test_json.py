"""The short link as JSON: the public metadata of a link."""

import hashlib

import pytest
from cast import Sent, change_row, downloads, fetch, send
from conftest import BROWSER_ACCEPT, browser, shell
from flask import Flask

JSON = {"Accept": "application/json"}


def test_json_tells_what_a_recipient_may_know(app: Flask):
    sent = send(app, {"a.txt": b"alpha", "may/b.txt": b"beta!!"}, max_downloads="5", note="Hi")

    answer = fetch(shell(app), sent.path, headers=JSON)

    told = answer.json
    assert answer.content_type == "application/json"
    assert told.pop("created_at") < told.pop("expires_at") == sent.json["expires_at"]
    assert told == {
        "code": sent.code,
        "url": f"http://localhost/{sent.code}",
        "direct_url": f"http://localhost/{sent.code}.zip",
        "max_downloads": 5,
        "downloads_left": 5,
        "note": "Hi",
        "size": 11,
        "files": sent.json["files"],
    }
    assert told["files"][0]["sha256"] == hashlib.sha256(b"alpha").hexdigest()


def test_json_never_tells_a_secret(app: Flask):
    sent = send(app, password="letmein")

    answer = fetch(shell(app), sent.path, headers={**JSON, "X-Link-Password": "letmein"})

    assert answer.status_code == 200
    assert sent.owner_token not in answer.text
    assert "letmein" not in answer.text
    assert "argon2" not in answer.text


def test_json_never_counts_and_is_not_kept(app: Flask):
    sent = send(app, max_downloads="1")

    answers = [fetch(shell(app), sent.path, headers=JSON) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[-1].json["downloads_left"] == 1
    assert answers[-1].headers["Cache-Control"] == "no-store"
    assert downloads(app, sent.code) == 0


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("application/json, */*;q=0.5", "application/json", id="HTTPie"),
        pytest.param("text/html;q=0.5, application/json", "application/json", id="rather JSON"),
        pytest.param("application/json;q=0.5, text/html", "text/html", id="rather a page"),
        pytest.param("application/json;q=0, */*", "text/plain", id="anything but JSON"),
        pytest.param(BROWSER_ACCEPT, "text/html", id="browser"),
    ],
)
def test_json_is_for_those_who_name_it(app: Flask, accept: str, content_type: str):
    sent: Sent = send(app)

    answer = fetch(shell(app), sent.path, headers={"Accept": accept})

    assert answer.mimetype == content_type


def test_bytes_are_bytes_whatever_the_accept_header_says(app: Flask):
    sent = send(app)

    assert fetch(shell(app), sent.file(), headers=JSON).data == b"alpha"


def test_an_exhausted_link_is_gone_in_json_too(app: Flask):
    sent = send(app, max_downloads="1")
    change_row(app, sent.code, download_count=1)

    answer = fetch(browser(app), sent.path, headers=JSON)

    assert answer.status_code == 410
    assert "could be downloaded once" in answer.json["detail"]


def test_an_unknown_code_is_a_problem_of_rfc_9457(app: Flask):
    answer = fetch(shell(app), "/neverexist", headers=JSON)

    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Nothing is here",
        "status": 404,
        "detail": "There is no link at this address."
        " It may have been mistyped, or it has expired and was deleted.",
    }
