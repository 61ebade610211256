"""What a sender may choose, in each place where it can be said."""

import base64
import hashlib
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from cast import FILE, fetch, multipart, nothing_changed, part, send, stored_link
from flask import Flask
from flask.testing import FlaskClient

from minifile.models import Link

DIGEST = hashlib.sha256(b"alpha")
REPR = f"sha-256=:{base64.b64encode(DIGEST.digest()).decode()}:"


def lifetime(link: Link) -> timedelta:
    return link.expires_at - link.created_at


def test_a_link_lives_a_day_and_has_no_limit_when_nothing_is_said(app: Flask):
    link = stored_link(app, send(app).code)

    assert lifetime(link) == timedelta(days=1)
    assert (link.max_downloads, link.password_hash, link.note) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("90m", timedelta(minutes=90), id="minutes"),
        pytest.param("12h", timedelta(hours=12), id="hours"),
        pytest.param("3d", timedelta(days=3), id="days"),
        pytest.param("2w", timedelta(days=14), id="weeks"),
        pytest.param(" 3 D ", timedelta(days=3), id="spaces and capitals"),
        pytest.param("30d", timedelta(days=30), id="the longest"),
        pytest.param("1m", timedelta(minutes=1), id="the shortest"),
        pytest.param("", timedelta(days=1), id="empty"),
    ],
)
def test_expires_in_is_a_number_with_a_unit(app: Flask, text: str, meant: timedelta):
    sent = send(app, expires_in=text)

    assert lifetime(stored_link(app, sent.code)) == meant


def test_the_free_field_wins_over_the_list_of_choices(app: Flask):
    sent = send(app, expires_in="7d", custom_expires_in="36h")

    assert lifetime(stored_link(app, sent.code)) == timedelta(hours=36)


def test_an_empty_free_field_leaves_the_choice(app: Flask):
    sent = send(app, expires_in="7d", custom_expires_in="")

    assert lifetime(stored_link(app, sent.code)) == timedelta(days=7)


OPTIONS = {"expires_in": "2h", "max_downloads": "3", "password": "wörd", "note": "for Bob"}
FIELDS = [part(name, value.encode()) for name, value in OPTIONS.items()]


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"path": "/", **multipart(*FIELDS, FILE)}, id="before the files"),
        pytest.param({"path": "/", **multipart(FILE, *FIELDS)}, id="behind the files"),
        pytest.param({"path": f"/?{urlencode(OPTIONS)}", **multipart(FILE)}, id="in the query"),
        pytest.param(
            {"path": f"/a.txt?{urlencode(OPTIONS)}", "data": b"alpha", "method": "PUT"},
            id="in the query of a PUT",
        ),
    ],
)
def test_options_may_be_given_anywhere(app: Flask, client: FlaskClient, request_: dict):
    answer = client.open(**{"method": "POST", **request_})

    link = stored_link(app, answer.text.strip()[-10:])
    assert lifetime(link) == timedelta(hours=2)
    assert (link.max_downloads, link.note) == (3, "for Bob")
    assert link.password_hash is not None
    assert fetch(client, answer.text.strip()).status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_the_headers_of_transfer_sh_are_understood(app: Flask, client: FlaskClient, method: str):
    headers = {"Max-Downloads": "5", "Max-Days": "2"}
    body = multipart(FILE) if method == "POST" else {"data": b"alpha"}

    answer = client.open("/", method=method, **body, headers=headers)

    link = stored_link(app, answer.text.strip()[-10:])
    assert (link.max_downloads, lifetime(link)) == (5, timedelta(days=2))


def test_a_field_wins_over_the_query_and_the_query_over_a_header(app: Flask, client: FlaskClient):
    body = multipart(part("max_downloads", b"3"), FILE)
    headers = {"Max-Downloads": "1", "Max-Days": "5"}

    answer = client.post("/?max_downloads=2&expires_in=1h", **body, headers=headers)

    link = stored_link(app, answer.text.strip()[-10:])
    assert (link.max_downloads, lifetime(link)) == (3, timedelta(hours=1))


def test_unknown_fields_mean_nothing(app: Flask, client: FlaskClient):
    body = multipart(part("colour", b"red"), part("csrf_token", b"x"), FILE)

    answer = client.post("/?utm_source=mail", **body)

    assert answer.status_code == 200


def test_a_note_keeps_its_lines(app: Flask):
    sent = send(app, note="  Dear Bob,\r\nhere it is.\r\n")

    assert stored_link(app, sent.code).note == "Dear Bob,\nhere it is."


def test_a_password_is_not_kept_in_clear(app: Flask):
    sent = send(app, password="letmein")

    link = stored_link(app, sent.code)
    assert link.password_hash is not None
    assert link.password_hash.startswith("$argon2id$")
    assert "letmein" not in link.password_hash


def test_the_owner_token_is_kept_as_a_hash(app: Flask):
    sent = send(app)

    assert len(sent.owner_token) == 32
    kept = stored_link(app, sent.code).owner_token_hash
    assert kept == hashlib.sha256(sent.owner_token.encode()).hexdigest()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Repr-Digest": REPR}, id="Repr-Digest"),
        pytest.param({"Repr-Digest": f"md5=:AAAA:, {REPR}"}, id="Repr-Digest among others"),
        pytest.param({"Repr-Digest": "md5=:AAAA:"}, id="an algorithm we need not know"),
        pytest.param({"X-Content-SHA256": DIGEST.hexdigest().upper()}, id="X-Content-SHA256"),
        pytest.param(
            {"Repr-Digest": REPR, "X-Content-SHA256": DIGEST.hexdigest()}, id="both, agreeing"
        ),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_digest_that_holds_lets_the_upload_through(
    client: FlaskClient, method: str, headers: dict[str, str]
):
    body = multipart(FILE) if method == "POST" else {"data": b"alpha"}

    answer = client.open("/", method=method, **body, headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("header", ["Repr-Digest", "X-Content-SHA256"])
def test_a_digest_that_does_not_hold_keeps_nothing(
    app: Flask, client: FlaskClient, header: str, method: str
):
    promise = REPR if header == "Repr-Digest" else DIGEST.hexdigest()
    body = multipart(part("file", b"Alpha", "a.txt")) if method == "POST" else {"data": b"Alpha"}

    with nothing_changed(app):
        answer = client.open("/", method=method, **body, headers={header: promise})

    assert answer.status_code == 422
    assert "does not match the digest" in answer.text


def test_a_digest_of_several_files_is_refused(app: Flask, client: FlaskClient):
    with nothing_changed(app):
        answer = client.post("/", **multipart(FILE, FILE), headers={"Repr-Digest": REPR})

    assert answer.status_code == 422
    assert answer.text == "A digest can be given for an upload of one file only.\n"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Repr-Digest": "sha-256=:c2hvcnQ=:"}, id="too short"),
        pytest.param({"Repr-Digest": "sha-256=abc"}, id="no colons"),
        pytest.param({"Repr-Digest": "sha-256=:====:"}, id="no base64"),
        pytest.param({"X-Content-SHA256": "abc"}, id="too few digits"),
        pytest.param({"X-Content-SHA256": "g" * 64}, id="no hex"),
        pytest.param({"X-Content-SHA256": ""}, id="empty"),
        pytest.param({"Repr-Digest": REPR, "X-Content-SHA256": "0" * 64}, id="disagreeing"),
    ],
)
def test_a_digest_that_can_not_be_read_is_refused(
    app: Flask, client: FlaskClient, headers: dict[str, str]
):
    with nothing_changed(app):
        answer = client.put("/a.txt", data=b"alpha", headers=headers)

    assert answer.status_code == 422
    assert answer.text.count("\n") == 1
