"""PUT: one file as the body."""

import hashlib
import re

import pytest
from cast import fetch, filenames, nothing_changed, stored_link
from conftest import BROWSER_ACCEPT, browser
from flask import Flask
from flask.testing import FlaskClient


def test_a_put_answers_with_the_short_link_and_nothing_else(client: FlaskClient):
    answer = client.put("/report.pdf", data=b"%PDF-1.7 hello")

    assert answer.status_code == 200
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text.startswith("http://localhost/")
    assert answer.text.count("\n") == 1


def test_the_bytes_come_back_as_they_were_sent(client: FlaskClient):
    content = bytes(range(256)) * 1000

    link = client.put("/x.bin", data=content).text.strip()
    answer = client.get(link)

    assert answer.status_code == 200
    assert answer.data == content
    assert answer.headers["X-Content-SHA256"] == hashlib.sha256(content).hexdigest()


def test_a_put_to_the_root_has_a_name_all_the_same(app: Flask, client: FlaskClient):
    answer = client.put("/", data=b"alpha")

    assert filenames(app, answer.text.strip()[-10:]) == ["download"]


def test_a_put_of_no_bytes_is_an_empty_file(app: Flask, client: FlaskClient):
    answer = client.put("/empty.txt", environ_overrides={"CONTENT_LENGTH": "0"})

    assert answer.status_code == 200
    assert stored_link(app, answer.text.strip()[-10:]).files[0].size_bytes == 0


def test_a_body_that_looks_like_a_form_is_the_file(app: Flask, client: FlaskClient):
    body = b"file=alpha&max_downloads=1"

    answer = client.put("/query.txt", data=body, content_type="application/x-www-form-urlencoded")

    assert stored_link(app, answer.text.strip()[-10:]).max_downloads is None
    assert fetch(client, answer.text.strip()).data == body


def test_a_put_is_answered_in_json_where_that_is_named(client: FlaskClient):
    answer = client.put("/a.txt", data=b"alpha", headers={"Accept": "application/json"})

    assert answer.status_code == 201
    assert answer.json["files"][0]["name"] == "a.txt"


def test_a_put_by_a_page_with_our_cookie_belongs_to_its_browser(app: Flask):
    alice = browser(app)
    alice.get("/")

    answer = alice.put("/a.txt", data=b"alpha", headers={"Accept": BROWSER_ACCEPT})

    assert answer.status_code == 303
    assert re.fullmatch(r"/links/\w{10}", answer.headers["Location"])


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        pytest.param("/my%20report.pdf", "my report.pdf", id="space"),
        pytest.param("/%E6%97%A5%E6%9C%AC.txt", "日本.txt", id="non-Latin"),
        pytest.param("/%F0%9F%98%80.txt", "😀.txt", id="emoji"),
        pytest.param("/%E2%80%AEgpj.exe", "gpj.exe", id="right-to-left override"),
        pytest.param("/a%00b%0Ac.txt", "abc.txt", id="controls"),
        pytest.param("/C%3A%5Ctemp%5Ca.txt", "a.txt", id="backslashes"),
        pytest.param("/100%25.txt", "100%.txt", id="percent"),
        pytest.param("/%FF%FE.txt", "��.txt", id="no UTF-8"),
        pytest.param("/..%5C..%5Csecret", "secret", id="parents with backslashes"),
        pytest.param("/" + "n" * 600 + ".txt", "n" * 251 + ".txt", id="very long"),
        pytest.param("/a+b.txt", "a+b.txt", id="plus"),
    ],
)
def test_a_name_in_the_path_is_cleaned(app: Flask, client: FlaskClient, path: str, kept: str):
    answer = client.put(path, data=b"x")

    assert filenames(app, answer.text.strip()[-10:]) == [kept]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/folder/a.txt", id="folder"),
        pytest.param("/folder%2Fa.txt", id="encoded slash"),
        pytest.param("/a/b/c/d.txt", id="folders"),
        pytest.param("/..%2F..%2Fetc%2Fpasswd", id="parents"),
        pytest.param("/folder/", id="slash at the end"),
    ],
)
def test_a_put_to_a_deeper_path_is_404(app: Flask, client: FlaskClient, path: str):
    with nothing_changed(app):
        answer = client.put(path, data=b"alpha")

    assert answer.status_code == 404
    assert answer.text.count("\n") == 1
