"""The pages of an account that change it: name, address, password, sessions, tokens, leaving."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from cast import form, kept_bytes, row_counts
from conftest import FIREFOX, browser, shell
from flask import Flask
from people import NEW_PASSWORD, PASSWORD, Person, enter, make_user_with_password, with_token
from sqlalchemy import select

from minifile.extensions import db
from minifile.identity import BY_SHELL, Scope, UserRole
from minifile.models import AuditEntry, Link, Tally, User
from minifile.services.api_tokens import create_token
from minifile.services.users import change_role, disable_user, find_user, get_user
from minifile.web.current import utcnow


def actions(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_the_account_page_says_who_one_is(alice: Person):
    page = alice.get("/account/")

    assert page.status_code == 200
    assert "alice@example.org" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_the_name_is_changed(app: Flask, alice: Person):
    answer = alice.send("/account/name", page="/account/", name="  Алиса  Liddell ")

    assert answer.status_code == 303
    assert "Алиса Liddell" in alice.get("/account/").text
    assert "user.rename" in actions(app)


@pytest.mark.parametrize("name", ["Robert", "ROBERT", "Rоbert", "Robеrt"])
def test_a_name_that_looks_like_anothers_is_refused(app: Flask, alice: Person, name: str):
    make_user_with_password(app, "Robert")

    answer = alice.send("/account/name", page="/account/", name=name)

    assert answer.status_code == 422
    assert "Another user has this name, or one that looks like it." in answer.text


@pytest.mark.parametrize("name", ["", "x", "a" * 65, "<script>", "a@b", "x" * 100_000, "\x00\x01"])
def test_a_name_that_can_be_none_is_refused_in_a_sentence(app: Flask, alice: Person, name: str):
    answer = alice.send("/account/name", page="/account/", name=name)

    assert answer.status_code == 422
    assert alice.user is not None
    with app.app_context():
        assert get_user(alice.user.id).name == "Alice"


def test_the_address_is_removed_by_who_knows_the_password(app: Flask, alice: Person):
    refused = alice.send("/account/email", page="/account/", email="", password="not it at all")
    changed = alice.send("/account/email", page="/account/", email="", password=PASSWORD)

    assert refused.status_code == 422
    assert "That is not your password" in refused.text
    assert changed.status_code == 303
    assert "alice@example.org" not in alice.get("/account/").text


def test_without_mail_nobody_takes_an_address_that_they_can_not_prove(app: Flask, alice: Person):
    answer = alice.send(
        "/account/email", page="/account/", email="boss@example.org", password=PASSWORD
    )

    assert answer.status_code == 422
    assert "Ask its admin to set yours." in answer.text
    with app.app_context():
        assert find_user("boss@example.org") is None


@pytest.mark.parametrize("field", ["role", "id", "quota", "is_admin", "disabled_at", "user_id"])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/account/name", {"name": "Alicia"}),
        ("/account/email", {"email": "x@example.org", "password": PASSWORD}),
        ("/account/password", {"old": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD}),
        ("/account/tokens", {"name": "t", "scopes": "upload", "expires_in": "1d"}),
        ("/account/delete", {"proof": PASSWORD}),
    ],
    ids=["name", "email", "password", "tokens", "delete"],
)
def test_fields_that_a_form_does_not_have_are_refused_and_nothing_is_done(
    app: Flask, alice: Person, path: str, fields: dict[str, str], field: str
):
    before = actions(app)

    answer = alice.send(path, page="/account/", **fields, **{field: "admin"})

    assert answer.status_code == 422
    assert "fields that it does not have" in answer.text
    assert actions(app) == before


def test_a_field_that_comes_twice_is_refused(alice: Person):
    assert alice.send("/account/name", page="/account/", name=["One", "Two"]).status_code == 422


def test_a_new_password_ends_all_other_sessions(app: Flask, alice: Person):
    other = alice.elsewhere()

    answer = alice.send(
        "/account/password", old=PASSWORD, password=NEW_PASSWORD, again=NEW_PASSWORD
    )

    assert answer.status_code == 303
    assert alice.is_signed_in
    assert not other.is_signed_in
    assert other.sign_in(PASSWORD).status_code == 401
    assert other.sign_in(NEW_PASSWORD).status_code == 303


@pytest.mark.parametrize(("box", "left"), [({}, 200), ({"revoke_tokens": "y"}, 401)])
def test_a_new_password_revokes_the_tokens_where_that_is_asked_for(
    app: Flask, alice: Person, box: dict[str, str], left: int
):
    assert alice.user is not None
    script = with_token(app, alice.user)
    new = {"password": NEW_PASSWORD, "again": NEW_PASSWORD}

    assert alice.send("/account/password", old=PASSWORD, **new, **box).status_code == 303

    assert script.get("/api/v1/links").status_code == left


@pytest.mark.parametrize(
    ("old", "password", "repeated", "words"),
    [
        ("not it at all", NEW_PASSWORD, NEW_PASSWORD, "That is not your password"),
        (PASSWORD, NEW_PASSWORD, "something else", "The two passwords differ"),
        (PASSWORD, "short", "short", "10 to 256 characters"),
        (PASSWORD, "password1234", "password1234", "easily guessed"),
        (PASSWORD, "alice@example.org", "alice@example.org", "easily guessed"),
        (PASSWORD, "x" * 300, "x" * 300, "10 to 256 characters"),
        (PASSWORD, "x" * 5000, "x" * 5000, "Field cannot be longer"),
        (PASSWORD, "", "", "Choose a password"),
    ],
)
def test_a_password_that_will_not_do_is_refused_with_the_reason(
    alice: Person, old: str, password: str, repeated: str, words: str
):
    other = alice.elsewhere()

    answer = alice.send("/account/password", old=old, password=password, again=repeated)

    assert answer.status_code == 422
    assert words in answer.text
    assert password not in answer.text or not password
    assert other.is_signed_in


def test_a_password_can_not_be_guessed_in_a_browser_that_is_signed_in(alice: Person):
    for number in range(10):
        guess = {"old": f"guess number {number}", "password": NEW_PASSWORD, "again": NEW_PASSWORD}
        alice.send("/account/password", **guess)

    answer = alice.send(
        "/account/password", old=PASSWORD, password=NEW_PASSWORD, again=NEW_PASSWORD
    )

    assert answer.status_code == 429


def test_sessions_are_listed_with_their_browsers(alice: Person):
    alice.elsewhere()

    page = alice.get("/account/sessions").text

    assert page.count("Firefox on Linux") >= 2
    assert page.count("this one") == 1


def test_one_session_is_ended(alice: Person):
    other = alice.elsewhere()
    ids = re.findall(r'name="session_id" value="(\d+)"', alice.get("/account/sessions").text)

    answer = alice.send("/account/sessions", session_id=max(ids, key=int))

    assert answer.status_code == 303
    assert alice.is_signed_in
    assert not other.is_signed_in


def test_this_session_is_ended_too(alice: Person):
    (this,) = re.findall(r'name="session_id" value="(\d+)"', alice.get("/account/sessions").text)

    assert alice.send("/account/sessions", session_id=this).headers["Location"] == "/login"
    assert not alice.is_signed_in


def test_all_others_are_ended_at_once(alice: Person):
    others = [alice.elsewhere(), alice.elsewhere()]

    alice.send("/account/sessions/others", page="/account/sessions")

    assert alice.is_signed_in
    assert not any(other.is_signed_in for other in others)


def test_a_session_of_somebody_else_is_not_there(app: Flask, alice: Person):
    robert = enter(app, "Robert")
    (theirs,) = re.findall(r'name="session_id" value="(\d+)"', robert.get("/account/sessions").text)

    assert alice.send("/account/sessions", session_id=theirs).status_code == 404
    assert robert.is_signed_in


def test_a_session_that_is_not_used_ends_and_so_does_one_that_is_old(app: Flask, alice: Person):
    began = utcnow()
    with time_machine.travel(began + timedelta(days=6), tick=False):
        assert alice.is_signed_in
    with time_machine.travel(began + timedelta(days=14), tick=False):
        assert not alice.is_signed_in

    alice.sign_in()
    for day in range(0, 30, 5):
        with time_machine.travel(began + timedelta(days=day, hours=1), tick=False):
            assert alice.is_signed_in
    with time_machine.travel(began + timedelta(days=30, hours=1), tick=False):
        assert not alice.is_signed_in


def test_a_disabled_user_is_signed_out_at_once(app: Flask, alice: Person):
    assert alice.user is not None
    with app.app_context():
        disable_user(alice.user.id, actor=BY_SHELL, now=utcnow())

    assert not alice.is_signed_in
    assert alice.sign_in().status_code == 401


def test_a_demoted_admin_is_a_user_from_the_next_request_on(app: Flask):
    admin = enter(app, "Root", role=UserRole.ADMIN)
    make_user_with_password(app, "Other", role=UserRole.ADMIN)
    assert admin.user is not None
    assert "admin: do what the admin pages do" in admin.get("/account/tokens").text

    with app.app_context():
        change_role(admin.user.id, UserRole.USER, actor=BY_SHELL, now=utcnow())

    assert "admin: do what the admin pages do" not in admin.get("/account/tokens").text


def test_a_token_is_shown_once_and_acts_for_its_user(app: Flask, alice: Person):
    made = alice.send(
        "/account/tokens", name="backup <1>", scopes=["upload", "read"], expires_in="30d"
    )
    (token,) = re.findall(r"mf_[A-Za-z0-9_-]{32}", made.text)

    assert made.status_code == 201
    page = alice.get("/account/tokens").text
    assert token not in page
    assert "backup &lt;1&gt;" in page
    assert "read, upload" in page
    sent = shell(app).post(
        "/", **form({"a.txt": b"a"}),
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
    )  # fmt: skip
    assert sent.status_code == 201
    assert alice.user is not None
    with app.app_context():
        assert db.session.scalars(select(Link.owner_id)).all() == [alice.user.id]


def test_a_token_is_revoked(app: Flask, alice: Person):
    made = alice.send("/account/tokens", name="t", scopes="upload", expires_in="")
    (token,) = re.findall(r"mf_[A-Za-z0-9_-]{32}", made.text)
    (token_id,) = re.findall(r'name="token_id" value="(\d+)"', alice.get("/account/tokens").text)

    answer = alice.send("/account/tokens/revoke", page="/account/tokens", token_id=token_id)

    assert answer.status_code == 303
    bearer = {"Authorization": f"Bearer {token}"}
    assert shell(app).post("/", **form({"a": b"a"}), headers=bearer).status_code == 401


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "", "scopes": "upload", "expires_in": "1d"},
        {"name": "t", "expires_in": "1d"},
        {"name": "t", "scopes": "admin", "expires_in": "1d"},
        {"name": "t", "scopes": "everything", "expires_in": "1d"},
        {"name": "t", "scopes": "upload", "expires_in": "1000000w"},
        {"name": "t" * 65, "scopes": "upload", "expires_in": "1d"},
    ],
)
def test_a_token_that_can_not_be_made_is_none(alice: Person, fields: dict[str, str]):
    answer = alice.send("/account/tokens", **fields)

    assert answer.status_code == 422
    assert "mf_" not in answer.text.replace("mf_…", "")


def test_an_api_token_does_not_open_the_account_pages(app: Flask, alice: Person):
    assert alice.user is not None
    with app.app_context():
        token, _ = create_token(
            alice.user.id, "t", {Scope.UPLOAD, Scope.READ, Scope.MANAGE},
            lifetime=None, actor=BY_SHELL, now=utcnow(),
        )  # fmt: skip
    bearer = {"Authorization": f"Bearer {token}"}

    for path in ("/account/", "/account/tokens", "/account/export", "/account/delete"):
        assert shell(app).get(path, headers=bearer).status_code == 403, path


def test_a_token_that_does_not_hold_is_told_so_and_not_by_a_failure(app: Flask):
    bearer = {"Authorization": "Bearer mf_" + "x" * 32}

    for path in ("/", "/login", "/account/", "/nothing23456"):
        client = browser(app)
        assert client.get(path, headers=bearer).status_code < 500, path


def test_the_export_holds_what_is_kept_and_no_secret(app: Flask, alice: Person):
    sent = alice.client.post(
        "/", **form({"über <uns>.txt": b"alpha"}, {"note": "a note", "password": "s3cret"}),
        headers={"Accept": "application/json"},
    )  # fmt: skip
    alice.send("/account/tokens", name="script", scopes="read", expires_in="1d")

    answer = alice.get("/account/export")

    assert answer.headers["Content-Disposition"].startswith("attachment")
    told = json.loads(answer.text)
    assert told["account"]["name"] == "Alice"
    assert told["account"]["email"] == "alice@example.org"
    (link,) = told["links"]
    assert sent.json is not None
    assert (link["code"], link["note"], link["has_password"]) == (sent.json["code"], "a note", True)
    assert [file["filename"] for file in link["files"]] == ["über <uns>.txt"]
    assert told["sessions"][0]["user_agent"] == FIREFOX
    assert told["api_tokens"][0]["scopes"] == "read"
    assert {"session.open", "token.create"} <= {line["action"] for line in told["audit"]}
    for secret in ("hash", "argon2", "mf_", "storage_key", sent.json["owner_token"]):
        assert secret not in answer.text


def test_deleting_the_account_leaves_nothing_that_names_the_user(app: Flask, alice: Person):
    alice.client.post("/", **form({"a.txt": b"alpha"}))
    alice.send("/account/tokens", name="script", scopes="read", expires_in="1d")

    answer = alice.send("/account/delete", proof=PASSWORD)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "Your account is deleted" in alice.get("/").text
    assert not alice.is_signed_in
    assert alice.sign_in().status_code == 401
    left = {name for name, count in row_counts(app).items() if count}
    # Of the tallies those of the instance are left, which name nobody.
    with app.app_context():
        assert db.session.scalars(select(Tally.scope).distinct()).all() == ["all"]
    assert left <= {
        *("audit_entry", "browser_access", "client_salt", "lease", "rate_counter", "tally")
    }
    assert kept_bytes(app) == {}


@pytest.mark.parametrize("proof", ["", "not it at all"])
def test_the_account_stays_without_the_password(alice: Person, proof: str):
    assert alice.send("/account/delete", proof=proof).status_code == 422
    assert alice.is_signed_in


def test_the_last_admin_can_not_leave(app: Flask):
    admin = enter(app, "Root", role=UserRole.ADMIN)

    answer = admin.send("/account/delete", proof=PASSWORD)

    assert answer.status_code == 409
    assert "This is the last admin" in answer.text
    assert admin.is_signed_in


def test_who_has_no_password_deletes_the_account_by_its_name(app: Flask, alice: Person):
    with app.app_context():
        row = db.session.scalars(select(User)).one()
        row.password_hash = None
        db.session.commit()

    assert "Your name, to confirm" in alice.get("/account/delete").text
    assert "there is no password to change" in alice.get("/account/password").text
    assert alice.send("/account/delete", proof="Bob").status_code == 422
    assert alice.send("/account/delete", proof="Alice").status_code == 303


def test_the_menu_shows_only_what_there_is(app: Flask, alice: Person, stranger: Person):
    assert "Sign in" in stranger.get("/").text
    page = alice.get("/").text
    assert 'href="/account/"' in page
    assert "Admin" not in page


def test_where_nobody_has_an_account_nobody_is_asked_to_sign_in(app: Flask, stranger: Person):
    assert "Sign in" not in stranger.get("/").text
    make_user_with_password(app, "Alice")
    assert "Sign in" in stranger.get("/").text


def test_the_front_page_asks_to_sign_in_where_only_users_may_upload(make_app: Callable[..., Flask]):
    app = make_app(upload_access="users")
    page = browser(app).get("/")
    alice = enter(app, "Alice")

    assert page.status_code == 200
    assert "Sign in to send files" in page.text
    assert 'href="/register"' not in page.text
    assert "Choose" in alice.get("/").text
    assert shell(app).post("/", **form({"a": b"a"})).status_code == 401


def test_an_unknown_address_has_the_same_bytes_each_time_for_who_is_signed_in(alice: Person):
    began = utcnow()
    answers = []
    for seconds in (0, 2):
        with time_machine.travel(began + timedelta(seconds=seconds), tick=False):
            answers.append(alice.get(f"/nothing{seconds}3456").data)

    assert answers[0] == answers[1]
