"""What a user made is the user's: not the browser's, and nobody's who has left."""

import pytest
from cast import Sent, as_sent, fetch, form
from conftest import shell
from flask import Flask
from flask.testing import FlaskClient
from people import csrf_token, make_user, signed_in

from minifile.extensions import db
from minifile.identity import BY_SHELL, UserRole
from minifile.services.leaving import LinksFate, delete_user
from minifile.services.users import UserRecord, disable_user
from minifile.web.current import utcnow

JSON = {"Accept": "application/json"}


@pytest.fixture
def alice(app: Flask) -> UserRecord:
    make_user(app, "Root", role=UserRole.ADMIN)
    return make_user(app)


@pytest.fixture
def client(app: Flask, alice: UserRecord) -> FlaskClient:
    return signed_in(app, alice)


@pytest.fixture
def sent(client: FlaskClient) -> Sent:
    """A private link of Alice's, whose private address she has opened in her browser."""
    answer = client.post("/", **form({"a.txt": b"alpha"}, {"private": "1"}), headers=JSON)
    sent = as_sent(answer)
    assert client.get(sent.private_page).location == sent.page
    return sent


@pytest.mark.parametrize("fate", [LinksFate.KEEP, LinksFate.GIVE])
def test_who_was_deleted_does_not_come_back_by_their_browser(
    app: Flask, alice: UserRecord, client: FlaskClient, sent: Sent, fate: LinksFate
):
    heir = make_user(app, "Heir")
    with app.app_context():
        delete_user(
            alice.id, fate, heir_id=heir.id if fate is LinksFate.GIVE else None,
            actor=BY_SHELL, storage=app.extensions["minifile"].storage, now=utcnow(),
        )  # fmt: skip
        db.session.remove()

    assert client.get(sent.page).status_code == 404
    assert client.get(sent.private_page).status_code == 404
    assert fetch(client, sent.file()).status_code == 404


def test_signing_out_takes_the_links_of_the_account_along(client: FlaskClient, sent: Sent):
    token = csrf_token(client, "/account/")
    assert client.post("/logout", data={"csrf_token": token}).status_code == 303

    assert client.get(sent.page).status_code == 404
    assert fetch(client, sent.file()).status_code == 404
    assert sent.code not in client.get("/links/").text


def test_who_holds_the_owner_token_of_a_user_is_shown_the_page_and_not_remembered(
    app: Flask, sent: Sent
):
    other = signed_in(app, make_user(app, "Bob"))

    shown = other.get(sent.private_page)

    assert (shown.status_code, sent.code in shown.text) == (200, True)
    assert other.get(sent.page).status_code == 404


def test_a_disabled_user_reaches_nothing_by_their_browser_or_owner_token(
    app: Flask, alice: UserRecord, client: FlaskClient, sent: Sent
):
    with app.app_context():
        disable_user(alice.id, actor=BY_SHELL, now=utcnow())
        db.session.remove()
    bearer = {"Authorization": f"Bearer {sent.owner_token}"}

    statuses = {
        client.get(sent.page, headers=JSON).status_code,
        fetch(client, sent.file()).status_code,
        fetch(shell(app), sent.file(), headers=bearer).status_code,
        shell(app).delete(sent.private_page).status_code,
    }

    assert statuses == {404}
