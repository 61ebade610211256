"""Users, their sessions and tokens."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from conftest import NOW
from flask import Flask
from services.making import at_once, rates_of
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from minifile.errors import (
    BadOption,
    Forbidden,
    LastAdmin,
    MinifileError,
    SignInRefused,
    Taken,
    TokenRefused,
    TooManyTries,
    WrongOwnPassword,
)
from minifile.extensions import db
from minifile.identity import BY_SHELL, Account, Actor, Scope, UserRole
from minifile.models import AuditEntry
from minifile.services import user_sessions
from minifile.services.api_tokens import account_of_token, create_token, revoke_token
from minifile.services.own_account import check_own_password
from minifile.services.ownership import check_scope
from minifile.services.user_sessions import (
    SessionTimes,
    account_of_session,
    check_sign_in,
    end_sessions,
    list_sessions,
    open_session,
    purge_sessions,
)
from minifile.services.users import (
    UserRecord,
    change_password,
    change_role,
    create_user,
    disable_user,
    enable_user,
    find_user,
)

PASSWORD = "four plain words here"
TIMES = SessionTimes(idle=timedelta(days=7), at_most=timedelta(days=30))
ALL = (Scope.UPLOAD, Scope.READ, Scope.MANAGE)


def make_user(name: str = "Alice", role: UserRole = UserRole.USER, **more: str) -> UserRecord:
    return create_user(name, password=PASSWORD, role=role, actor=BY_SHELL, now=NOW, **more)


def sign_in(app: Flask, name: str = "Alice", password: str = PASSWORD) -> int:
    return check_sign_in(name, password, address="192.0.2.1", rates=rates_of(app), now=NOW)


def session_of(user: UserRecord, now=NOW) -> str:
    return open_session(user.id, user_agent="Firefox", times=TIMES, now=now)


def who(nonce: str, now=NOW) -> Account | None:
    return account_of_session(nonce, times=TIMES, now=now)


def token_of(user: UserRecord, *scopes: Scope, lifetime: timedelta | None = None) -> str:
    made, _ = create_token(
        user.id, "script", scopes or ALL, lifetime=lifetime, actor=BY_SHELL, now=NOW
    )
    return made


@pytest.mark.parametrize("name", ["alice", "ALICE", "alice@example.org", "Alice@Example.ORG"])
def test_a_user_signs_in_by_name_or_address_however_it_is_written(everywhere: Flask, name: str):
    alice = make_user(email="alice@example.org")

    assert sign_in(everywhere, name) == alice.id


@pytest.mark.parametrize("name", ["alice", "аlice", "A1ICE"])
def test_a_name_that_looks_like_anothers_is_taken(everywhere: Flask, name: str):
    make_user()

    with pytest.raises(Taken):
        make_user(name)


def test_of_two_who_take_one_name_at_once_one_gets_it(everywhere: Flask):
    made = at_once(everywhere, *[lambda: make_user("Admin", UserRole.ADMIN)] * 4)

    assert [isinstance(each, UserRecord) for each in made].count(True) == 1
    assert [isinstance(each, Taken) for each in made].count(True) == 3


@pytest.mark.parametrize(
    ("name", "password"), [("Nobody", PASSWORD), ("Alice", "not the password"), ("Bob", PASSWORD)]
)
def test_unknown_wrong_and_disabled_are_refused_alike_after_the_same_work(
    here: Flask, monkeypatch: pytest.MonkeyPatch, name: str, password: str
):
    make_user()
    disable_user(make_user("Bob").id, actor=BY_SHELL, now=NOW)
    verified: list[str] = []
    really = user_sessions.verify_password
    monkeypatch.setattr(
        user_sessions, "verify_password",
        lambda kept, given: verified.append(kept) or really(kept, given),
    )  # fmt: skip

    with pytest.raises(SignInRefused, match="do not belong together"):
        sign_in(here, name, password)

    assert len(verified) == 1
    assert verified[0].startswith("$argon2id$")


def test_wrong_passwords_are_limited_by_name_and_address_and_lock_nobody_else_out(here: Flask):
    make_user()
    for _ in range(10):
        with pytest.raises(SignInRefused):
            sign_in(here, password="a wrong password")

    with pytest.raises(TooManyTries):
        sign_in(here)
    elsewhere = check_sign_in(
        "Alice", PASSWORD, address="198.51.100.7", rates=rates_of(here), now=NOW
    )

    assert elsewhere


def test_guesses_that_come_at_once_are_limited_as_those_that_come_in_turn(everywhere: Flask):
    alice = make_user()

    def sign_in_with(number: int) -> type[Exception]:
        with pytest.raises((SignInRefused, TooManyTries)) as refusal:
            sign_in(everywhere, password=f"guess {number}")
        return refusal.type

    def prove_with(number: int) -> type[Exception]:
        rates = rates_of(everywhere)
        with pytest.raises((WrongOwnPassword, TooManyTries)) as refusal:
            check_own_password(alice.id, f"guess {number}", address="192.0.2.1", rates=rates)
        return refusal.type

    for guess, wrong in ((sign_in_with, SignInRefused), (prove_with, WrongOwnPassword)):
        said = at_once(everywhere, *(partial(guess, number) for number in range(16)))
        assert said.count(wrong) == 10


def test_who_knows_the_password_signs_in_as_often_as_they_like(here: Flask):
    alice = make_user()

    for _ in range(12):
        assert sign_in(here) == alice.id
        check_own_password(alice.id, PASSWORD, address="192.0.2.1", rates=rates_of(here))


def test_a_session_ends_when_it_is_idle_and_when_it_is_old(everywhere: Flask):
    alice = make_user()
    idle, used = session_of(alice), session_of(alice)
    for day in range(1, 30):
        assert who(used, NOW + timedelta(days=day)) is not None

    assert who(idle, NOW + timedelta(days=7)) is None
    assert who(used, NOW + timedelta(days=30)) is None
    assert purge_sessions(times=TIMES, now=NOW + timedelta(days=30)) == 2


def disable(user: UserRecord) -> None:
    disable_user(user.id, actor=BY_SHELL, now=NOW)


def leave_everywhere(user: UserRecord) -> None:
    end_sessions(user.id, actor=BY_SHELL, now=NOW)


def choose_password(user: UserRecord) -> None:
    change_password(user.id, "four other words here", actor=BY_SHELL, now=NOW)


@pytest.mark.parametrize("act", [disable, leave_everywhere, choose_password])
def test_a_cookie_is_worth_nothing_after(everywhere: Flask, act: Callable[[UserRecord], None]):
    alice = make_user()
    nonce = session_of(alice)

    act(alice)

    assert who(nonce) is None
    assert list_sessions(alice.id, times=TIMES, now=NOW) == []


def test_a_session_stays_ended_when_a_user_is_enabled_again(everywhere: Flask):
    alice = make_user()
    nonce = session_of(alice)
    disable(alice)

    enable_user(alice.id, actor=BY_SHELL, now=NOW)

    assert who(nonce) is None
    assert sign_in(everywhere) == alice.id


def test_a_disabled_user_gets_no_session(everywhere: Flask):
    alice = make_user()
    disable(alice)

    with pytest.raises(SignInRefused):
        session_of(alice)


def test_a_role_is_that_of_the_moment(everywhere: Flask):
    make_user("Root", UserRole.ADMIN)
    alice = make_user(role=UserRole.ADMIN)
    nonce, token = session_of(alice), token_of(alice, Scope.ADMIN)

    change_role(alice.id, UserRole.USER, actor=BY_SHELL, now=NOW)

    by_session, by_token = who(nonce), account_of_token(token, now=NOW)
    assert by_session is not None
    assert not by_session.may(Scope.ADMIN)
    assert not by_token.may(Scope.ADMIN)


@pytest.mark.parametrize(
    "act",
    [disable, lambda user: change_role(user.id, UserRole.USER, actor=BY_SHELL, now=NOW)],
    ids=["disable", "demote"],
)
def test_the_last_admin_stays(everywhere: Flask, act: Callable[[UserRecord], None]):
    first, second = make_user("One", UserRole.ADMIN), make_user("Two", UserRole.ADMIN)

    done = at_once(everywhere, lambda: act(first), lambda: act(second))

    assert sorted(type(each).__name__ for each in done) == ["LastAdmin", "NoneType"]
    with pytest.raises(LastAdmin):
        act(second if isinstance(done[1], LastAdmin) else first)


def test_a_token_acts_for_its_user_as_far_as_its_scopes_reach(everywhere: Flask):
    alice = make_user()
    account = account_of_token(token_of(alice, Scope.READ), now=NOW)

    assert (account.id, account.name) == (alice.id, "Alice")
    check_scope(account, Scope.READ)
    for scope in (Scope.UPLOAD, Scope.MANAGE, Scope.ADMIN):
        with pytest.raises(Forbidden, match=f"does not have the scope {scope}"):
            check_scope(account, scope)


def test_only_admins_make_tokens_for_admins(everywhere: Flask):
    with pytest.raises(BadOption):
        token_of(make_user(), Scope.ADMIN)


def test_a_token_is_refused_once_it_is_expired_revoked_or_its_user_disabled(everywhere: Flask):
    alice, bob = make_user(), make_user("Bob")
    expired = token_of(alice, lifetime=timedelta(hours=1))
    token, record = create_token(bob.id, "x", ALL, lifetime=None, actor=BY_SHELL, now=NOW)
    disabled = token_of(bob)
    revoke_token(bob.id, record.id, actor=BY_SHELL, now=NOW)
    disable(bob)

    for dead in (expired, token, disabled, "mf_" + "x" * 32, "mf_", "mf_\udcff", token[:-1]):
        with pytest.raises(TokenRefused):
            account_of_token(dead, now=NOW + timedelta(hours=1))


def test_no_secret_is_kept_as_it_is(everywhere: Flask):
    alice = make_user()
    secrets = [PASSWORD, session_of(alice), token_of(alice)]

    with db.engine.connect() as connection:
        kept = [
            str(connection.execute(text(f"SELECT * FROM {table}")).fetchall())
            for table in ("user_account", "user_session", "api_token", "audit_entry")
        ]

    assert not [secret for secret in secrets for rows in kept if secret in rows]


@pytest.mark.parametrize("act", ["UPDATE audit_entry SET actor_id = 1", "DELETE FROM audit_entry"])
def test_the_database_keeps_the_audit_log_as_it_is(everywhere: Flask, act: str):
    make_user()

    with pytest.raises(DBAPIError, match="append-only"), db.engine.begin() as connection:
        connection.execute(text(act))

    assert db.session.scalars(select(AuditEntry.action)).all() == ["user.create"]


def test_what_is_done_to_a_user_is_written_down_with_who_did_it(everywhere: Flask):
    root = make_user("Root", UserRole.ADMIN)
    alice = make_user()
    by = Actor(root.id, "page")

    change_role(alice.id, UserRole.ADMIN, actor=by, now=NOW)
    disable_user(alice.id, actor=by, now=NOW)

    query = select(AuditEntry).where(AuditEntry.subject_id == alice.id).order_by(AuditEntry.id)
    lines = [(row.actor_id, row.via, row.action, row.detail) for row in db.session.scalars(query)]
    assert lines == [
        (None, "cli", "user.create", "role user"),
        (root.id, "page", "user.role", "admin"),
        (root.id, "page", "user.disable", None),
    ]


@pytest.mark.parametrize("name", ["x" * 100_000, "\x00", "\udcff", "a@" + "b" * 9000, "%", "'"])
def test_what_nobody_is_called_finds_nobody(everywhere: Flask, name: str):
    make_user()

    assert find_user(name) is None
    with pytest.raises(MinifileError):
        sign_in(everywhere, name)
