"""Files that come and go on the sender's page: forms, proofs, answers."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from cast import (
    FILE,
    Sent,
    blob_of,
    change_row,
    fetch,
    filenames,
    form,
    kept_bytes,
    multipart,
    nothing_changed,
    part,
    press,
    send,
    stored_link,
)
from conftest import BROWSER_ACCEPT, browser, shell
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

JSON = {"Accept": "application/json"}


@pytest.fixture
def link(app: Flask) -> Sent:
    return send(app, {"a.txt": b"alpha", "may/b.txt": b"beta"})


@pytest.fixture
def alice(app: Flask, link: Sent) -> FlaskClient:
    return owner(app, link)


def owner(app: Flask, link: Sent) -> FlaskClient:
    """Return a browser that has opened the private address of the link."""
    client = browser(app)
    client.get("/")
    assert client.get(link.private_page).status_code == 303
    return client


def add(client: FlaskClient, link: Sent, files: dict[str, bytes], **request: Any) -> TestResponse:
    return client.post(f"{link.page}/files", **form(files), **request)


def remove(client: FlaskClient, app: Flask, link: Sent, file_id: str | None = None) -> TestResponse:
    file_id = str(stored_link(app, link.code).files[0].id) if file_id is None else file_id
    return press(client, link.page, link.page, action="remove", file_id=file_id)


def test_a_browser_adds_files_and_is_back_on_the_page(app: Flask, link: Sent, alice: FlaskClient):
    answer = add(alice, link, {"a.txt": b"second", "c.txt": b"gamma"})

    row = stored_link(app, link.code)
    assert (answer.status_code, answer.headers["Location"]) == (303, link.page)
    assert filenames(app, link.code) == ["a.txt", "may/b.txt", "a (2).txt", "c.txt"]
    assert [blob_of(app, file) for file in row.files] == [b"alpha", b"beta", b"second", b"gamma"]
    assert "2 files added." in alice.get(link.page).text
    assert fetch(shell(app), f"{link.path}/c.txt").data == b"gamma"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [("application/json", '"name":"c.txt"'), ("*/*", "http://localhost/")],
    ids=["program", "shell"],
)
def test_the_owner_token_in_the_address_adds_without_a_cookie(
    app: Flask, link: Sent, accept: str, expected: str
):
    answer = shell(app).post(
        f"{link.private_page}/files", **form({"c.txt": b"gamma"}), headers={"Accept": accept}
    )

    assert answer.status_code == 201
    assert expected in answer.text
    assert filenames(app, link.code) == ["a.txt", "may/b.txt", "c.txt"]


def test_a_browser_without_cookies_comes_back_by_the_token(app: Flask, link: Sent):
    alice = app.test_client(use_cookies=False)
    page = alice.get(link.private_page, headers={"Accept": BROWSER_ACCEPT}).text
    assert f'action="{link.private_page}/files"' in page

    answer = alice.post(
        f"{link.private_page}/files", **form({"c.txt": b"x"}), headers={"Accept": BROWSER_ACCEPT}
    )

    assert (answer.status_code, answer.headers["Location"]) == (303, link.private_page)


def test_nobody_else_adds_or_removes(app: Flask, link: Sent, alice: FlaskClient):
    charlie = browser(app, "198.51.100.9")
    charlie.get("/")
    del alice.environ_base["HTTP_SEC_FETCH_SITE"]

    with nothing_changed(app):
        answers = [
            add(charlie, link, {"c.txt": b"x"}),
            add(shell(app), link, {"c.txt": b"x"}),
            charlie.post(f"{link.page}/{'x' * 32}/files", **form({"c.txt": b"x"})),
            # Neither header says where the form came from, so the cookie counts for nothing.
            add(alice, link, {"c.txt": b"x"}),
            remove(charlie, app, link),
        ]

    assert [answer.status_code for answer in answers] == [404] * 5


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}],
    ids=["Sec-Fetch-Site", "Origin"],
)
def test_a_page_of_another_site_adds_nothing(
    app: Flask, link: Sent, alice: FlaskClient, headers: dict[str, str]
):
    with nothing_changed(app):
        answer = add(alice, link, {"c.txt": b"x"}, headers=headers)

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("settings", "files", "status", "sentence"),
    [
        pytest.param({"max_link_files": 2}, {"c": b"x"}, 413, "Too many files", id="count"),
        pytest.param({"max_link_size": 900}, {"c": b"x" * 900}, 413, "too large", id="size"),
        pytest.param({"max_file_size": 100}, {"c": b"x" * 101}, 413, "too large", id="file"),
        pytest.param({"blocked_types": ["exe"]}, {"c.exe": b"x"}, 415, "exe", id="type"),
        pytest.param({}, {"a.txt/c": b"x"}, 422, "name of a folder", id="folder"),
        pytest.param({}, {}, 400, "holds no file", id="nothing"),
    ],
)
def test_a_refusal_is_said_where_the_files_were_chosen(
    make_app: Callable[..., Flask],
    settings: dict[str, Any], files: dict[str, bytes], status: int, sentence: str,
):  # fmt: skip
    app = make_app(**settings)
    link = send(app, {"a.txt": b"alpha", "may/b.txt": b"beta"})
    alice = owner(app, link)

    with nothing_changed(app):
        answer = add(alice, link, files)
        told = add(alice, link, files, headers=JSON)

    assert (answer.status_code, told.status_code) == (status, status)
    assert re.search(f'id="add-error" role="alert">.*{sentence}.*Nothing was added', answer.text)
    assert sentence in told.json["detail"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(multipart(FILE, end=b""), 400, id="cut"),
        pytest.param({"data": b"plain", "content_type": "text/plain"}, 400, id="no form"),
        pytest.param(multipart(FILE, part("x", b"y" * 70_000)), 400, id="endless field"),
        pytest.param(multipart(part("file", b"", "")), 400, id="nothing chosen"),
    ],
)
def test_a_body_that_is_no_form_of_files_leaves_nothing(
    app: Flask, link: Sent, alice: FlaskClient, request_: dict[str, Any], status: int
):
    with nothing_changed(app):
        answer = alice.post(f"{link.page}/files", **request_)

    assert answer.status_code == status


def test_fields_beside_the_files_change_nothing_of_the_link(
    app: Flask, link: Sent, alice: FlaskClient
):
    body = multipart(part("max_downloads", b"1"), part("password", b"x"), part("f", b"x", "c"))

    assert alice.post(f"{link.page}/files", **body).status_code == 303

    row = stored_link(app, link.code)
    assert (row.max_downloads, row.password_hash, len(row.files)) == (None, None, 3)


def test_nothing_is_added_to_an_expired_link(app: Flask, link: Sent, alice: FlaskClient):
    change_row(app, link.code, expires_at=stored_link(app, link.code).created_at)

    with nothing_changed(app):
        assert add(alice, link, {"c.txt": b"x"}).status_code == 410


def test_the_zip_is_another_one_when_files_come_and_go(app: Flask, link: Sent, alice: FlaskClient):
    tags = [fetch(shell(app), link.zip).headers["ETag"]]

    add(alice, link, {"c.txt": b"gamma"})
    tags.append(fetch(shell(app), link.zip).headers["ETag"])
    remove(alice, app, link)
    tags.append(fetch(shell(app), link.zip).headers["ETag"])

    assert len(set(tags)) == 3


def test_a_removed_file_is_gone_with_its_bytes(app: Flask, link: Sent, alice: FlaskClient):
    answer = remove(alice, app, link)

    assert (answer.status_code, answer.headers["Location"]) == (303, link.page)
    assert filenames(app, link.code) == ["may/b.txt"]
    assert list(kept_bytes(app).values()) == [4]
    assert fetch(shell(app), link.file(0)).status_code == 404
    assert fetch(shell(app), link.file(1)).data == b"beta"
    assert "Removed." in alice.get(link.page).text


def test_the_last_file_can_not_be_removed(app: Flask, link: Sent, alice: FlaskClient):
    remove(alice, app, link)
    page = alice.get(link.page).text

    answer = remove(alice, app, link)

    assert "Remove the file" not in page
    assert answer.status_code == 422
    assert "Revoke the link instead" in answer.text
    assert filenames(app, link.code) == ["may/b.txt"]


@pytest.mark.parametrize("file_id", ["999999", "-1", "x", "", "9" * 40, "١"])
def test_a_file_that_the_link_has_not_can_not_be_removed(
    app: Flask, link: Sent, alice: FlaskClient, file_id: str
):
    other = send(app, {"c.txt": b"1", "d.txt": b"2"})
    foreign = str(stored_link(app, other.code).files[0].id)

    with nothing_changed(app):
        answers = [remove(alice, app, link, each) for each in (file_id, foreign)]

    assert [answer.status_code for answer in answers] == [422, 422]


def test_a_program_removes_a_file_by_the_owner_token(app: Flask, link: Sent):
    file_id = str(stored_link(app, link.code).files[0].id)
    fields = {"action": "remove", "file_id": file_id, "owner_token": link.owner_token}

    answer = shell(app).post(
        link.page, **multipart(*(part(k, v.encode()) for k, v in fields.items()))
    )

    assert answer.status_code == 303
    assert filenames(app, link.code) == ["may/b.txt"]


def test_removing_asks_for_the_form_token(app: Flask, link: Sent, alice: FlaskClient):
    fields = {"action": "remove", "file_id": str(stored_link(app, link.code).files[0].id)}

    with nothing_changed(app):
        assert alice.post(link.page, data=fields).status_code == 422
