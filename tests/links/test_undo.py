"""Undoing a revoke: by the sender, for a while, with everything as it was."""

from datetime import timedelta

import pytest
from cast import Sent, change_row, downloads, fetch, form_token, press, send, stored_link
from conftest import BROWSER_ACCEPT, browser, shell
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

HTML = {"Accept": BROWSER_ACCEPT}


@pytest.fixture
def link(app: Flask) -> Sent:
    return send(app, {"a.txt": b"alpha"}, max_downloads="5", note="Hi")


@pytest.fixture
def alice(app: Flask, link: Sent) -> FlaskClient:
    client = browser(app)
    client.get("/")
    client.get(link.private_page)
    return client


def act(client: FlaskClient, link: Sent, action: str, **fields: str) -> TestResponse:
    return press(client, link.page, link.page, action=action, **fields)


def test_a_revoke_is_undone_with_everything_as_it_was(app: Flask, link: Sent, alice: FlaskClient):
    bob = browser(app, "198.51.100.9")
    assert fetch(bob, link.file()).data == b"alpha"
    before = stored_link(app, link.code)
    act(alice, link, "revoke")
    assert fetch(bob, link.file()).status_code == 410

    answer = act(alice, link, "undo")

    after = stored_link(app, link.code)
    assert (answer.status_code, answer.headers["Location"]) == (303, link.page)
    assert "The link works again." in alice.get(link.page).text
    assert fetch(shell(app), link.file()).data == b"alpha"
    assert downloads(app, link.code) == 2
    assert (after.max_downloads, after.note, after.expires_at) == (5, "Hi", before.expires_at)
    assert (after.closed_at, after.undo_until) == (None, None)


def test_the_page_says_how_long_it_can_be_undone(link: Sent, alice: FlaskClient):
    act(alice, link, "revoke")

    assert "You can undo that for 10 minutes" in alice.get(link.page).text


def test_an_undo_comes_too_late(app: Flask, link: Sent, alice: FlaskClient):
    act(alice, link, "revoke")
    token = form_token(alice.get(link.page))
    row = stored_link(app, link.code)
    change_row(app, link.code, undo_until=row.created_at)

    answer = alice.post(link.page, data={"action": "undo", "csrf_token": token})

    assert answer.status_code == 410
    assert alice.get(link.page).status_code == 410
    assert stored_link(app, link.code).state == "revoked"


def test_a_revoke_can_be_undone_no_longer_than_the_link_would_have_lived(
    app: Flask, link: Sent, alice: FlaskClient
):
    expires_at = stored_link(app, link.code).created_at + timedelta(minutes=2)
    change_row(app, link.code, expires_at=expires_at)

    act(alice, link, "revoke")

    assert stored_link(app, link.code).undo_until == expires_at


def test_nothing_but_an_undo_is_done_to_a_revoked_link(app: Flask, link: Sent, alice: FlaskClient):
    act(alice, link, "revoke")

    answer = act(alice, link, "edit", max_downloads="9", note="new", expires_in="")

    assert answer.status_code == 410
    assert stored_link(app, link.code).max_downloads == 5


def test_a_second_undo_finds_the_link_open(app: Flask, link: Sent, alice: FlaskClient):
    act(alice, link, "revoke")
    act(alice, link, "undo")

    assert act(alice, link, "undo").status_code == 303
    assert stored_link(app, link.code).state == "open"


def test_delete_by_address_ends_the_grace(app: Flask, link: Sent, alice: FlaskClient):
    act(alice, link, "revoke")

    assert shell(app).delete(link.private_page).status_code == 200
    assert alice.get(link.page).status_code == 410
    assert stored_link(app, link.code).undo_until is None


def test_delete_by_address_can_not_be_undone(app: Flask, link: Sent, alice: FlaskClient):
    shell(app).delete(link.private_page)

    assert alice.get(link.page).status_code == 410
    assert act(alice, link, "undo").status_code == 410


def test_who_keeps_no_cookie_undoes_by_the_token_in_the_form(app: Flask, link: Sent):
    alice = app.test_client(use_cookies=False)
    proof = {"owner_token": link.owner_token}

    revoked = alice.post(link.page, data={"action": "revoke", **proof}, headers=HTML)
    page = alice.get(link.private_page, headers=HTML)
    undone = alice.post(link.page, data={"action": "undo", **proof}, headers=HTML)

    assert revoked.headers["Location"] == undone.headers["Location"] == link.private_page
    assert f'name="owner_token" value="{link.owner_token}"' in page.text
    assert stored_link(app, link.code).state == "open"


def test_a_stranger_can_not_undo(app: Flask, link: Sent, alice: FlaskClient):
    act(alice, link, "revoke")

    assert act(browser(app, "198.51.100.9"), link, "undo").status_code == 404
    assert stored_link(app, link.code).state == "revoked"


def test_an_undo_without_its_form_token_is_refused(app: Flask, link: Sent, alice: FlaskClient):
    act(alice, link, "revoke")

    answer = alice.post(link.page, data={"action": "undo", "csrf_token": "wrong"})

    assert answer.status_code == 422
    assert "Send it again." in answer.text
    assert stored_link(app, link.code).state == "revoked"


def test_without_a_grace_a_revoke_is_final(make_app):
    app = make_app(revoke_grace=timedelta(0))
    link = send(app)
    alice = browser(app)
    alice.get("/")
    alice.get(link.private_page)
    assert "undo" not in alice.get(link.page).text

    answer = act(alice, link, "revoke")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "The link is revoked." in alice.get("/").text
    assert alice.get(link.page).status_code == 410


def test_my_links_lead_to_what_can_be_undone(link: Sent, alice: FlaskClient):
    act(alice, link, "revoke")
    assert f'href="{link.page}"' in alice.get("/links/").text
