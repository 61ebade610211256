"""Making an account by an invitation or by oneself, forgotten passwords, and the mails for it."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from mailbox import Mailbox, mail_server
from typing import Any

import pytest
import time_machine
from cast import form_token, row_counts
from conftest import browser
from flask import Flask
from people import NEW_PASSWORD, PASSWORD, Person, enter, make_user_with_password
from services.making import at_once
from sqlalchemy import select
from wire import eventually

from minifile.errors import InvitationOver
from minifile.extensions import db
from minifile.identity import BY_SHELL, Scope, UserRole
from minifile.models import ApiToken, Invitation, User
from minifile.services.api_tokens import create_token
from minifile.services.invitations import accept_invitation, invite
from minifile.services.password_resets import HANDED_LIFETIME, make_reset
from minifile.services.users import disable_user, find_user
from minifile.web import background
from minifile.web.current import utcnow

NAMED = {"name": "Alice", "password": PASSWORD, "again": PASSWORD}
SENDING = {"public_url": "http://localhost", "mail_from": "Files <files@example.org>"}


def invited(app: Flask, **given: Any) -> str:
    """Make an invitation, and return its path."""
    with app.app_context():
        token, _ = invite(actor=BY_SHELL, now=utcnow(), **given)
    return f"/invite/{token}"


def found(app: Flask, name: str = "Alice") -> Any:
    with app.app_context():
        return find_user(name)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
def sending(make_app: Callable[..., Flask], mailbox: Mailbox) -> Iterator[Flask]:
    """An application that sends mail, where everybody may register."""
    yield make_app(mail_url=mailbox.url, registration="open", **SENDING)
    background.finish()


def test_an_invitation_makes_one_account_and_signs_in(app: Flask, stranger: Person):
    path = invited(app, email="alice@example.org", role=UserRole.ADMIN)

    answer = stranger.send(path, **NAMED)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/")
    assert "Welcome, Alice." in stranger.get("/account/").text
    user = found(app)
    assert (user.role, user.email) == ("admin", "alice@example.org")
    assert "has been used" in stranger.get(path).text
    assert stranger.get(path).status_code == 410


def test_an_invitation_is_used_once_also_by_two_at_once(any_database_app: Flask):
    app = any_database_app
    token = invited(app).rpartition("/")[2]

    def accept(name: str) -> object:
        return accept_invitation(token, name, PASSWORD, now=utcnow())

    with app.app_context():
        results = at_once(app, lambda: accept("Alice"), lambda: accept("Robert"))

    with app.app_context():
        (name,) = db.session.scalars(select(User.name)).all()
    assert len([each for each in results if isinstance(each, InvitationOver)]) == 1
    assert [each.name for each in results if not isinstance(each, InvitationOver)] == [name]


def test_an_invitation_that_has_expired_says_so(app: Flask, stranger: Person):
    path = invited(app)

    with time_machine.travel(utcnow() + timedelta(days=7, seconds=1), tick=False):
        answer = stranger.get(path)
        posted = stranger.send(path, page="/login", **NAMED)

    assert (answer.status_code, posted.status_code) == (410, 410)
    assert "This invitation has expired. Ask for another one." in answer.text
    assert found(app) is None


def test_a_made_up_invitation_is_an_unknown_address(stranger: Person):
    assert stranger.get("/invite/made-up").data == stranger.get("/nothing23456").data


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "ROBERT"}, "Another user has this name"),
        # Without mail nobody could prove it.
        ({"email": "alice@example.org"}, "fields that it does not have"),
        ({"password": "short", "again": "short"}, "10 to 256 characters"),
        ({"again": NEW_PASSWORD}, "The two passwords differ"),
        ({"role": "admin"}, "fields that it does not have"),
        ({"is_admin": "1"}, "fields that it does not have"),
    ],
)
def test_what_will_not_do_is_said_and_the_invitation_holds_on(
    app: Flask, stranger: Person, fields: dict[str, str], words: str
):
    make_user_with_password(app, "Robert")
    path = invited(app)

    refused = stranger.send(path, **{**NAMED, **fields})

    assert refused.status_code == 422
    assert words in refused.text
    assert found(app) is None
    assert stranger.send(path, **NAMED).status_code == 303
    assert found(app).role == "user"


def test_the_address_of_an_invitation_is_not_the_visitors_to_choose(app: Flask, stranger: Person):
    path = invited(app, email="alice@example.org")

    assert stranger.send(path, **NAMED, email="mallory@example.org").status_code == 422


def test_nobody_registers_where_the_instance_is_not_open(stranger: Person):
    unknown = stranger.get("/nothing23456").data

    assert stranger.get("/register").data == unknown
    assert stranger.send("/register", page="/login", **NAMED).status_code == 404


def test_anybody_registers_where_the_instance_is_open(make_app: Callable[..., Flask]):
    app = make_app(registration="open")
    alice, robert = Person(app, browser(app)), Person(app, browser(app))

    refused = alice.send("/register", **NAMED, email="boss@example.org")
    answer = alice.send("/register", **NAMED)

    assert answer.status_code == 303
    assert alice.is_signed_in
    assert refused.status_code == 422
    assert robert.send("/register", **NAMED, role="admin").status_code == 422


def test_nobody_makes_accounts_without_end(make_app: Callable[..., Flask]):
    app = make_app(registration="open", rate_registrations=2)

    answers = [
        Person(app, browser(app)).send("/register", **{**NAMED, "name": name})
        for name in ("Alice", "Robert", "Carol")
    ]

    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert found(app, "Carol") is None


def test_nobody_tries_out_which_names_are_taken(make_app: Callable[..., Flask]):
    app = make_app(registration="open", rate_taken_names=2)
    make_user_with_password(app, "Robert")
    alice = enter(app, "Alice")
    visitor = Person(app, browser(app, "198.51.100.7"))

    renamed = [
        alice.send("/account/name", page="/account/", name=name).status_code
        for name in ("Robert", "Alicia", "ROBERT", "robert", "Alix")
    ]
    made = [visitor.send("/register", **{**NAMED, "name": "Robert"}).status_code for _ in range(3)]

    assert renamed == [422, 303, 422, 429, 429]
    assert made == [422, 422, 429]


def test_where_mail_is_sent_registering_tells_nobody_whose_address_it_is(
    sending: Flask, mailbox: Mailbox
):
    make_user_with_password(sending, "Robert", email="robert@example.org")
    someone = Person(sending, browser(sending))

    known = someone.send("/register", email="robert@example.org")
    unknown = someone.send("/register", email="alice@example.org")

    assert known.status_code == 200
    assert known.data == unknown.data
    path = mailbox.path("alice@example.org", "/invite/")
    assert someone.send(path, **NAMED).status_code == 303
    assert found(sending).email == "alice@example.org"
    assert mailbox.path("robert@example.org", "/reset") == "/reset"
    told = [mail.get_content() for mail in mailbox.mails if mail["To"] == "robert@example.org"]
    assert "/invite/" not in "".join(told)


def test_an_address_of_ones_own_choice_is_proved_by_a_mail(sending: Flask, mailbox: Mailbox):
    alice = Person(sending, browser(sending))

    alice.send(invited(sending), **NAMED, email="alice@example.org")
    assert found(sending).email is None
    path = mailbox.path("alice@example.org", "/account/email/")
    assert "alice@example.org" in alice.get(path).text
    assert found(sending).email is None
    answer = alice.send(path)

    assert answer.status_code == 303
    assert found(sending).email == "alice@example.org"
    # The address it was is another one now.
    assert alice.send(path).status_code == 422


def test_a_new_address_that_is_anothers_looks_like_one_that_is_free(
    sending: Flask, mailbox: Mailbox
):
    alice = enter(sending, "Alice", email="alice@example.org")
    make_user_with_password(sending, "Robert", email="robert@example.org")

    answers = [
        alice.send("/account/email", page="/account/", email=email, password=PASSWORD)
        for email in ("robert@example.org", "new@example.org")
    ]

    assert [answer.headers["Location"] for answer in answers] == ["/account/"] * 2
    assert "Open the mail" in alice.get("/account/").text
    mailbox.path("new@example.org", "/account/email/")
    assert [mail["To"] for mail in mailbox.mails] == ["new@example.org"]
    assert found(sending).email == "alice@example.org"


def test_a_confirmation_is_for_its_user_alone_and_for_a_day(sending: Flask, mailbox: Mailbox):
    alice = enter(sending, "Alice")
    robert = enter(sending, "Robert")
    alice.send("/account/email", page="/account/", email="a@example.org", password=PASSWORD)
    path = mailbox.path("a@example.org", "/account/email/")

    assert robert.get(path).status_code == 410
    assert robert.send(path, page="/account/").status_code == 410
    assert alice.get(path[:-2] + "xx").status_code == 410
    with time_machine.travel(utcnow() + timedelta(days=1, minutes=1), tick=False):
        assert alice.get(path).status_code == 410


def test_a_reset_is_mailed_and_changes_the_password_once(sending: Flask, mailbox: Mailbox):
    alice = enter(sending, "Alice", email="alice@example.org")
    someone = Person(sending, browser(sending, "192.0.2.8"))

    someone.send("/reset", name="alice")
    path = mailbox.path("alice@example.org", "/reset/")
    new = {"password": NEW_PASSWORD, "again": NEW_PASSWORD}
    answer = someone.send(path, **new, revoke_tokens="y")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert not alice.is_signed_in
    assert alice.sign_in(PASSWORD).status_code == 401
    assert alice.sign_in(NEW_PASSWORD).status_code == 303
    assert someone.get(path).status_code == 410
    assert someone.send(path, page="/login", **new).status_code == 410


@pytest.mark.parametrize("name", ["alice", "alice@example.org", "nobody", "silent", "disabled", ""])
def test_the_answer_to_who_asks_for_a_reset_is_always_the_same(
    sending: Flask, mailbox: Mailbox, name: str
):
    make_user_with_password(sending, "Alice", email="alice@example.org")
    make_user_with_password(sending, "Silent")
    disabled = make_user_with_password(sending, "Disabled", email="disabled@example.org")
    with sending.app_context():
        disable_user(disabled.id, actor=BY_SHELL, now=utcnow())
    someone = Person(sending, browser(sending))

    answer = someone.send("/reset", name=name or "someone else")

    assert answer.status_code == 200
    assert answer.data == someone.send("/reset", name="another one").data
    background.finish()
    known = ["alice@example.org"] if name.startswith("alice") else []
    assert [str(mail["To"]) for mail in mailbox.mails] == known


def test_nobody_floods_a_mailbox(sending: Flask, mailbox: Mailbox):
    make_user_with_password(sending, "Alice", email="alice@example.org")

    answers = [
        Person(sending, browser(sending, f"192.0.2.{n}")).send("/reset", name="alice@example.org")
        for n in range(11)
    ]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]


def test_a_mailbox_is_not_flooded_by_who_is_named_in_many_ways(
    make_app: Callable[..., Flask], mailbox: Mailbox
):
    app = make_app(mail_url=mailbox.url, rate_mails=2, **SENDING)
    make_user_with_password(app, "Alice", email="alice@example.org")

    answers = [
        Person(app, browser(app, f"198.51.100.{n}")).send("/reset", name=name).status_code
        for n, name in enumerate(
            ["alice", "A lice", "al ice", "alice@example.org", "ALICE@example.org"]
        )
    ]
    background.finish()

    assert answers == [200, 200, 429, 200, 200]
    assert len(mailbox.mails) == 2


def test_the_address_in_a_mail_is_the_sites_own_whatever_host_was_asked(
    sending: Flask, mailbox: Mailbox
):
    make_user_with_password(sending, "Alice", email="alice@example.org")
    someone = Person(sending, browser(sending))
    shown = someone.get("/reset", base_url="http://203.0.113.9/")
    someone.client.post(
        "/reset",
        data={"csrf_token": form_token(shown), "name": "alice"},
        base_url="http://203.0.113.9/",
    )

    text = mailbox.only().get_content()
    assert "http://localhost/reset/" in text
    assert "203.0.113.9" not in text


def test_a_mail_that_can_not_be_sent_breaks_nothing_and_names_nobody(
    sending: Flask, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
):
    mailbox.refuses = True
    make_user_with_password(sending, "Alice", email="alice@example.org")
    someone = Person(sending, browser(sending))

    answer = someone.send("/reset", name="alice")

    assert answer.status_code == 200
    eventually(lambda: "could not be sent" in caplog.text)
    assert "alice@example.org" not in caplog.text
    assert "/reset/" not in caplog.text
    assert not [each for each in caplog.records if each.levelno > logging.ERROR]


def test_without_mail_the_page_says_who_can_help(stranger: Person):
    assert "This site sends no mail. Ask its admin" in stranger.get("/reset").text
    answer = stranger.send("/reset", page="/login", name="alice")
    assert answer.status_code == 422
    assert "Ask its admin" in answer.text


def reset_for(app: Flask, name: str = "Alice") -> str:
    with app.app_context():
        user = find_user(name)
        assert user is not None
        token = make_reset(user.id, lifetime=HANDED_LIFETIME, actor=BY_SHELL, now=utcnow())
    return f"/reset/{token}"


@pytest.mark.parametrize(("ticked", "left"), [(True, 0), (False, 1)])
def test_tokens_are_revoked_by_a_reset_unless_the_box_is_cleared(
    app: Flask, stranger: Person, ticked: bool, left: int
):
    alice = make_user_with_password(app, "Alice")
    with app.app_context():
        create_token(alice.id, "t", {Scope.READ}, lifetime=None, actor=BY_SHELL, now=utcnow())
    path = reset_for(app)
    assert "checked" in stranger.get(path).text

    box = {"revoke_tokens": "y"} if ticked else {}
    stranger.send(path, password=NEW_PASSWORD, again=NEW_PASSWORD, **box)

    with app.app_context():
        assert len(db.session.scalars(select(ApiToken.id)).all()) == left


def test_a_weak_password_leaves_the_reset_as_it_was(app: Flask, stranger: Person):
    make_user_with_password(app, "Alice")
    path = reset_for(app)

    assert stranger.send(path, password="short", again="short").status_code == 422
    assert stranger.send(path, password=NEW_PASSWORD, again=NEW_PASSWORD).status_code == 303


def test_a_reset_ends_with_its_time_with_another_one_and_with_the_user(
    app: Flask, stranger: Person
):
    alice = make_user_with_password(app, "Alice")
    old, new = reset_for(app), reset_for(app)

    assert stranger.get(old).status_code == 410
    assert stranger.get(new).status_code == 200
    with time_machine.travel(utcnow() + HANDED_LIFETIME, tick=False):
        assert stranger.get(new).status_code == 410
    with app.app_context():
        disable_user(alice.id, actor=BY_SHELL, now=utcnow())
    assert stranger.get(new).status_code == 410
    answer = stranger.send(new, page="/login", password=NEW_PASSWORD, again=NEW_PASSWORD)
    assert answer.status_code == 410


def test_a_reset_ends_when_the_password_is_changed(app: Flask, stranger: Person):
    alice = enter(app, "Alice")
    path = reset_for(app)

    alice.send("/account/password", old=PASSWORD, password=NEW_PASSWORD, again=NEW_PASSWORD)

    assert stranger.get(path).status_code == 410


def test_huge_fields_are_refused_and_leave_nothing(app: Flask, stranger: Person):
    path = invited(app)
    before = row_counts(app)

    for field in NAMED:
        answer = stranger.send(path, **{**NAMED, field: "é" * 20_000})
        assert answer.status_code == 422, field
    assert stranger.send(path, **{**NAMED, "name": "x" * 300_000}).status_code == 413

    assert row_counts(app) == before
    with app.app_context():
        assert db.session.scalars(select(Invitation.used_at)).all() == [None]
