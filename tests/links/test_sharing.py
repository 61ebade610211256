"""Sharing at the edge: options of an upload, the sender's forms, the pages of others."""

from collections.abc import Callable, Iterator
from mailbox import Mailbox, mail_server
from typing import Any

import pytest
from cast import as_sent, fetch, form, nothing_changed, press, send
from conftest import BROWSER_ACCEPT, browser, shell
from flask import Flask
from flask.testing import FlaskClient
from people import make_user, signed_in, with_token
from upload.tus_client import BUNDLE, Tus
from werkzeug.test import TestResponse
from wire import eventually

from minifile.identity import Scope
from minifile.services.users import UserRecord

JSON = {"Accept": "application/json"}
HTML = {"Accept": BROWSER_ACCEPT}
ADDRESSES = "carol@example.org, dave@example.org"


@pytest.fixture
def people(app: Flask) -> dict[str, UserRecord]:
    return {name: make_user(app, name) for name in ("Alice", "Bob", "Charlie")}


@pytest.fixture
def alice(app: Flask, people: dict[str, UserRecord]) -> FlaskClient:
    return signed_in(app, people["Alice"])


@pytest.fixture
def bob(app: Flask, people: dict[str, UserRecord]) -> FlaskClient:
    return signed_in(app, people["Bob"])


@pytest.fixture
def charlie(app: Flask, people: dict[str, UserRecord]) -> FlaskClient:
    return signed_in(app, people["Charlie"])


def upload(client: FlaskClient, **options: str) -> str:
    """Upload a file from a browser, and return the code of its link."""
    answer = client.post("/", **form({"a.txt": b"alpha"}, options), headers=JSON)
    assert answer.status_code == 201, answer.text
    return as_sent(answer).code


def act(client: FlaskClient, code: str, action: str, **fields: str) -> TestResponse:
    """Send one of the forms of the sender's page."""
    return press(client, f"/links/{code}", f"/links/{code}", action=action, **fields)


def state(client: FlaskClient, code: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/links/{code}", headers=JSON).json or {}
    return found


def test_a_private_link_looks_like_none_to_all_but_those_named(alice, bob, charlie, app: Flask):
    code = upload(alice, private="1", grant_to="bob")
    stranger = browser(app, "198.51.100.7")

    assert "has shared this with you privately" in bob.get(f"/{code}").text
    assert fetch(bob, f"/{code}/a.txt").data == b"alpha"
    for client in (charlie, stranger):
        unknown = client.get("/neverwas00")
        for path in (f"/{code}", f"/{code}/a.txt", f"/{code}.zip", f"/links/{code}"):
            answer = client.get(path)
            assert (answer.status_code, answer.data) == (404, unknown.data), path
    assert shell(app).get(f"/{code}").data == shell(app).get("/neverwas00").data


def test_the_page_for_unknown_addresses_offers_to_sign_in_where_there_are_users(app: Flask):
    stranger = browser(app)
    before = stranger.get("/neverwas00").text
    alice = make_user(app)

    after = stranger.get("/neverwas00").text
    hers = signed_in(app, alice).get("/neverwas00").text

    assert "shared with you privately" not in before
    assert "shared with you privately" in after
    assert 'href="/login"' in after
    assert "shared with you privately" not in hers


@pytest.mark.parametrize(
    "options",
    [{"private": "1"}, {"grant_to": "bob"}, {"recipients": "carol@example.org"}],
    ids=lambda options: next(iter(options)),
)
def test_who_is_not_signed_in_shares_with_nobody(app: Flask, people, options):
    with nothing_changed(app):
        answer = shell(app).post("/", **form({"a.txt": b"alpha"}, options))

    assert answer.status_code == 422
    assert "Sign in" in answer.text


@pytest.mark.parametrize(
    "options",
    [
        {"private": "maybe"},
        {"private": "1", "grant_to": "nobody at all"},
        {"private": "1", "recipients": "carol at home"},
        {"grant_to": "bob"},
    ],
    ids=["no switch", "no user", "no address", "public"],
)
def test_a_bad_option_refuses_the_upload_and_leaves_nothing(app: Flask, alice, people, options):
    with nothing_changed(app):
        answer = alice.post("/", **form({"a.txt": b"alpha"}, options))

    assert answer.status_code == 422


def test_the_options_are_on_the_upload_page_of_who_is_signed_in_only(app: Flask, alice):
    assert 'name="grant_to"' in alice.get("/").text
    assert 'name="grant_to"' not in browser(app).get("/").text


def test_a_script_uploads_privately_with_an_api_token(app: Flask, people, bob):
    script = with_token(app, people["Alice"], Scope.UPLOAD)

    answer = script.put("/a.txt?private=1&grant_to=bob", data=b"alpha", headers=JSON)

    assert answer.status_code == 201
    assert fetch(bob, f"/{as_sent(answer).code}/a.txt").data == b"alpha"
    assert shell(app).get(f"/{as_sent(answer).code}").status_code == 404


def test_each_recipient_has_a_link_that_opens_without_an_account(app: Flask, alice):
    code = upload(alice, private="1", recipients=ADDRESSES, max_downloads="1")

    carol, dave = state(alice, code)["recipients"]
    path = carol["url"].removeprefix("http://localhost")
    assert fetch(shell(app), path).data == b"alpha"
    assert shell(app, "198.51.100.4").get(path).status_code == 410

    carol, dave = state(alice, code)["recipients"]
    assert (carol["started"], carol["state"]) == (1, "exhausted")
    assert (dave["started"], dave["state"]) == (0, "open")
    assert fetch(shell(app), f"{path}.zip").status_code == 410


def test_the_page_of_a_recipient_names_their_own_short_link(app: Flask, alice):
    code = upload(alice, recipients="carol@example.org")
    url = state(alice, code)["recipients"][0]["url"]

    page = browser(app).get(url.removeprefix("http://localhost"))

    assert url in page.text
    assert code not in page.text
    assert "carol@example.org" not in page.text


def test_the_sender_revokes_one_recipient_on_the_page(app: Flask, alice):
    code = upload(alice, recipients=ADDRESSES)
    carol, dave = state(alice, code)["recipients"]

    answer = act(alice, code, "revoke-recipient", recipient_id=str(carol["id"]))

    assert answer.status_code == 303
    statuses = [shell(app).get(each["url"]).status_code for each in (carol, dave)]
    assert statuses == [410, 200]
    assert carol["url"] not in alice.get(f"/links/{code}").text


def test_the_sender_adds_recipients_on_the_page(alice):
    code = upload(alice)

    answer = act(alice, code, "recipient", addresses="carol@example.org\r\ndave@example.org")

    assert answer.status_code == 303
    assert len(state(alice, code)["recipients"]) == 2
    page = alice.get(f"/links/{code}").text
    assert all(each["url"] in page for each in state(alice, code)["recipients"])


def test_the_sender_shares_with_a_user_and_takes_it_back_on_the_page(alice, bob, people):
    code = upload(alice)

    assert act(alice, code, "privacy", private="1").status_code == 303
    assert bob.get(f"/{code}").status_code == 404
    assert act(alice, code, "grant", names="Bob").status_code == 303
    assert bob.get(f"/{code}").status_code == 200
    assert act(alice, code, "revoke-grant", user_id=str(people["Bob"].id)).status_code == 303
    assert bob.get(f"/{code}").status_code == 404
    assert act(alice, code, "privacy", private="0").status_code == 303
    assert bob.get(f"/{code}").status_code == 200


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("privacy", {"private": "2"}),
        ("privacy", {"private": "1", "owner_id": "1"}),
        ("grant", {"names": "nobody"}),
        ("grant", {"names": ""}),
        ("grant", {"names": "Bob", "role": "admin"}),
        ("revoke-grant", {"user_id": "7"}),
        ("revoke-grant", {"user_id": "x"}),
        ("recipient", {"addresses": "carol at home"}),
        ("recipient", {"addresses": "carol@example.org", "max_downloads": "9"}),
        ("revoke-recipient", {"recipient_id": "99"}),
        ("revoke-recipient", {"recipient_id": "9" * 400}),
    ],
)
def test_a_form_that_makes_no_sense_changes_nothing(app: Flask, alice, people, action, fields):
    code = upload(alice, private="1")

    with nothing_changed(app):
        answer = act(alice, code, action, **fields)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert state(alice, code)["is_private"]


def test_a_form_without_its_token_does_nothing(app: Flask, alice):
    code = upload(alice)

    answer = alice.post(f"/links/{code}", data={"action": "privacy", "private": "1"})

    assert answer.status_code == 422
    assert not state(alice, code)["is_private"]


def test_the_owner_token_alone_shares_with_nobody(app: Flask, alice, people):
    sent = as_sent(alice.post("/", **form({"a.txt": b"alpha"}), headers=JSON))
    fields = {"action": "grant", "names": "Bob", "owner_token": sent.owner_token}

    with nothing_changed(app):
        answer = shell(app).post(sent.page, data=fields)

    assert answer.status_code in (401, 422)
    assert "Who can open it" not in browser(app).get(sent.private_page).text


def test_links_of_nobody_have_no_such_forms(app: Flask, alice):
    link = send(app)
    page = browser(app).get(link.private_page).text

    assert "Who can open it" not in page


def test_what_is_shared_with_me_has_a_page(app: Flask, alice, bob):
    code = upload(alice, private="1", grant_to="bob")

    page = bob.get("/links/shared")

    assert page.status_code == 200
    assert f'href="/{code}"' in page.text
    assert "Alice" in page.text
    assert f'href="/{code}"' not in alice.get("/links/shared").text
    assert browser(app).get("/links/shared").headers["Location"].startswith("/login?next=")


def test_a_tus_upload_is_private_from_its_first_byte(app: Flask, alice, bob, people):
    choices = {"private": "1", "grant_to": "bob", "recipients": "carol@example.org"}

    answer = Tus(app, client=alice).create(5, b"alpha", filename="a.txt", **choices)

    assert answer.status_code == 201, answer.text
    code = answer.headers["X-Short-Link"].rpartition("/")[2]
    assert bob.get(f"/{code}").status_code == 200
    assert shell(app).get(f"/{code}").status_code == 404
    assert [each["address"] for each in state(alice, code)["recipients"]] == ["carol@example.org"]


def test_the_files_of_a_bundle_become_one_private_link(app: Flask, alice, bob, people):
    tus, choices = Tus(app, client=alice), {"private": "1", "grant_to": "bob"}
    for name in ("a.txt", "b.txt"):
        tus.create(5, b"alpha", filename=name, bundle=BUNDLE, **choices)
    fields = {"bundle": BUNDLE, "bundle_files": "2", "recipients": "carol@example.org", **choices}

    answer = alice.post("/", **form({}, fields), headers=JSON)

    code = as_sent(answer).code
    assert bob.get(f"/{code}").status_code == 200
    assert shell(app).get(f"/{code}").status_code == 404
    assert [each["name"] for each in state(alice, code)["grants"]] == ["Bob"]
    assert len(state(alice, code)["recipients"]) == 1


def test_what_was_begun_by_nobody_does_not_become_a_private_link_of_nobody(app: Flask, alice):
    Tus(app).create(5, b"alpha", filename="a.txt", bundle=BUNDLE)
    fields = {"bundle": BUNDLE, "bundle_files": "1", "private": "1"}

    with nothing_changed(app):
        answer = alice.post("/", **form({}, fields))

    assert answer.status_code == 422


def test_a_form_that_does_not_say_its_site_makes_no_private_link_of_nobody(app: Flask, alice):
    alice.environ_base.pop("HTTP_SEC_FETCH_SITE")

    with nothing_changed(app):
        answers = [
            alice.post("/", **form({"a.txt": b"alpha"}, {"private": "1"})),
            Tus(app, client=alice).create(5, b"alpha", filename="a.txt", private="1"),
            Tus(app, client=alice).create(5, filename="a.txt", private="1"),
        ]

    assert [answer.status_code for answer in answers] == [422] * 3


def test_nobody_begins_a_resumable_upload_for_who_can_t_be_found(app: Flask, alice):
    with nothing_changed(app):
        answer = Tus(app, client=alice).create(5, filename="a", private="1", grant_to="nobody")

    assert answer.status_code == 422


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
def sending(make_app: Callable[..., Flask], mailbox: Mailbox) -> FlaskClient:
    """Alice's browser on a site that sends mail."""
    app = make_app(
        mail_url=mailbox.url,
        mail_from="minifile@example.org",
        public_url="https://files.example",
        trusted_hosts="localhost",
    )
    return signed_in(app, make_user(app, "Alice"))


def test_recipients_get_their_links_by_mail_where_the_site_sends_any(
    sending: FlaskClient, mailbox: Mailbox
):
    code = upload(sending)

    answer = act(sending, code, "recipient", addresses="carol@example.org", by_mail="y")

    assert answer.status_code == 303
    [carol] = state(sending, code)["recipients"]
    mail = mailbox.only()
    assert mail["To"] == "carol@example.org"
    assert mail["Subject"].startswith("Alice has sent you files")
    assert carol["url"] in mail.get_content()
    again = act(sending, code, "mail-recipient", recipient_id=str(carol["id"]))
    assert again.status_code == 303
    eventually(lambda: len(mailbox.mails) == 2)


def test_who_was_revoked_gets_no_mail(sending: FlaskClient, mailbox: Mailbox):
    code = upload(sending, recipients="carol@example.org")
    [carol] = state(sending, code)["recipients"]
    act(sending, code, "revoke-recipient", recipient_id=str(carol["id"]))

    answer = act(sending, code, "mail-recipient", recipient_id=str(carol["id"]))

    assert answer.status_code == 422
    assert mailbox.mails == []


def test_a_mailbox_is_not_flooded(sending: FlaskClient):
    code = upload(sending, recipients="carol@example.org")
    [carol] = state(sending, code)["recipients"]

    answers = [
        act(sending, code, "mail-recipient", recipient_id=str(carol["id"])) for _ in range(11)
    ]

    assert [answer.status_code for answer in answers] == [303] * 10 + [429]


def test_a_site_without_mail_offers_none(alice: FlaskClient):
    code = upload(alice, recipients="carol@example.org")
    [carol] = state(alice, code)["recipients"]

    answer = act(alice, code, "mail-recipient", recipient_id=str(carol["id"]))

    assert answer.status_code == 422
    assert "Send by mail" not in alice.get(f"/links/{code}").text
