"""A user leaves: links deleted, kept or given; nothing left that names them; one admin stays."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cast import kept_bytes
from conftest import NOW
from flask import Flask
from services.making import ALICE, at_once, begin, make_link, storage_of
from services.sending import draft, terms_of
from sqlalchemy import Column, select

from minifile.codes import token_hash
from minifile.errors import BadOption, Forbidden, LastAdmin, MinifileError, NotFound
from minifile.extensions import Base, db
from minifile.identity import BY_SHELL, Account, Actor, Scope, UserRole
from minifile.models import (
    ApiToken,
    AuditEntry,
    DailyUpload,
    Dispatch,
    FileRequest,
    Grant,
    Invitation,
    Link,
    Notification,
    OidcIdentity,
    PartialUpload,
    PasswordReset,
    Reservation,
    Submission,
    Subscription,
    User,
    UserSession,
    Webhook,
)
from minifile.services.invitations import invite
from minifile.services.leaving import LinksFate, delete_user
from minifile.services.resumable import begin_upload
from minifile.services.uploads import Incoming, receive_upload
from minifile.services.users import UserRecord, change_role, create_user, disable_user, get_user
from minifile.values import UploadOptions

PASSWORD = "correct horse battery staple"
LATER = NOW.replace(year=2027)


def make(name: str, role: UserRole = UserRole.USER) -> UserRecord:
    return create_user(
        name, email=f"{name.lower()}@example.org", password=PASSWORD, role=role,
        actor=BY_SHELL, now=NOW,
    )  # fmt: skip


def leave(app: Flask, user: UserRecord, fate: LinksFate = LinksFate.DELETE, **how: Any):
    return delete_user(
        user.id, fate, actor=how.pop("actor", BY_SHELL), storage=storage_of(app), now=NOW, **how
    )


def own(app: Flask, user: UserRecord, *contents: bytes, **changes: Any) -> Link:
    """Let a user own a new link."""
    code = make_link(app, *contents).code
    link = db.session.scalars(select(Link).where(Link.code == code)).one()
    link.owner_id = user.id
    for name, value in changes.items():
        setattr(link, name, value)
    db.session.commit()
    return link


def furnish(app: Flask, user: UserRecord, other: UserRecord) -> None:
    """Give a user a row in every table that can name one."""
    link, others = own(app, user), own(app, other)
    request = FileRequest(
        code=f"r{user.id}", owner_id=user.id, title="Reports", asks_who=False, created_at=NOW,
        expires_at=LATER,
    )  # fmt: skip
    db.session.add(request)
    db.session.flush()
    times = {"created_at": NOW, "expires_at": LATER}
    hook = Webhook(user_id=user.id, url="https://h.example.org", secret="w" * 32, created_at=NOW)
    told = Notification(key=f"k{user.id}", kind="quota", user_id=user.id, payload={}, at=NOW)
    db.session.add_all([hook, told])
    db.session.flush()
    db.session.add_all(
        [
            Subscription(
                user_id=user.id, link_id=link.id, kind="download", webhook_id=hook.id,
                created_at=NOW,
            ),
            Dispatch(
                notification_id=told.id, webhook_id=hook.id, target=f"webhook:{hook.id}", line=0,
                state="pending",
            ),
            UserSession(
                session_hash="a" * 64, user_id=user.id, seen_at=NOW, user_agent="x", **times
            ),
            ApiToken(
                token_hash="b" * 64, user_id=user.id, name="t", scopes="read", created_at=NOW
            ),
            PasswordReset(token_hash="c" * 64, user_id=user.id, **times),
            OidcIdentity(issuer="https://id", subject="s", user_id=user.id, created_at=NOW),
            Grant(link_id=others.id, user_id=user.id, created_at=NOW),
            Grant(link_id=link.id, user_id=other.id, created_at=NOW),
            Submission(
                link_id=link.id, file_request_id=request.id, created_at=NOW, open_until=NOW
            ),
            Reservation(holder=user.id, size_bytes=1, links=1, created_at=NOW, alive_until=LATER),
            DailyUpload(holder=user.id, day="2026-11-22", size_bytes=5),
            Invitation(
                token_hash="d" * 64, email=user.email.upper(), role="user", inviter_id=other.id,
                **times,
            ),
            Invitation(token_hash="e" * 64, role="user", user_id=user.id, used_at=NOW, **times),
            partial(user, "1", owner_id=user.id),
            partial(user, "2", file_request_id=request.id),
        ]
    )  # fmt: skip
    db.session.commit()


def partial(user: UserRecord, number: str, **given: Any) -> PartialUpload:
    return PartialUpload(
        upload_hash=number * 64, state="open", length=10, offset=0, filename="a",
        storage_key=number * 32, created_at=NOW, expires_at=LATER, is_wanted=False, **given,
    )  # fmt: skip


def naming(user: UserRecord) -> list[str]:
    """Return the tables with a row that holds the user's id, name or address, one for each row."""
    words = (user.name.lower(), (user.email or "").lower())
    found = []
    for table in Base.metadata.sorted_tables:
        for row in db.session.execute(select(table)).mappings():
            texts = [value.lower() for value in row.values() if isinstance(value, str)]
            by_id = any(row[column.name] == user.id for column in table.columns if names(column))
            if by_id or any(word in text for word in words for text in texts):
                found.append(table.name)
    return found


def names(column: Column[Any]) -> bool:
    """Say whether a column holds ids of users."""
    referred = {key.column.table.name for key in column.foreign_keys}
    return column.name == "holder" or "user_account" in referred


def test_nothing_is_left_that_names_who_has_left(everywhere: Flask):
    alice, bob = make("Alice"), make("Robert")
    furnish(everywhere, alice, bob)
    assert len(set(naming(alice))) >= 10

    went = leave(everywhere, alice)

    assert naming(alice) == []
    assert (went.links_deleted, went.size_bytes, went.links_kept) == (1, 5, 0)
    assert len(kept_bytes(everywhere)) == 1
    assert get_user(bob.id).name == "Robert"
    lines = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(line.subject_id, line.detail) for line in lines if line.action == "user.delete"] == [
        (alice.id, "links: delete")
    ]
    assert not any("alice" in (line.detail or "").lower() for line in lines)


def test_links_are_gone_at_once_also_one_that_is_being_fetched(everywhere: Flask):
    alice = make("Alice")
    link = make_link(everywhere)
    own_link = db.session.scalars(select(Link).where(Link.code == link.code)).one()
    own_link.owner_id = alice.id
    db.session.commit()
    begin(link)

    leave(everywhere, alice)

    assert db.session.scalars(select(Link.id)).all() == []
    assert kept_bytes(everywhere) == {}


def test_links_that_are_kept_are_nobodys_and_answer_no_owner_token(here: Flask):
    alice, bob = make("Alice"), make("Robert")
    furnish(here, alice, bob)
    kept = own(here, alice, b"kept", owner_token_hash=token_hash("known"))

    went = leave(here, alice, LinksFate.KEEP)

    # What was sent to a file request of hers is nobody else's affair.
    assert (went.links_deleted, went.links_kept) == (1, 1)
    db.session.expire_all()
    row = db.session.get(Link, kept.id)
    assert row is not None
    assert (row.owner_id, row.state) == (None, "open")
    assert row.owner_token_hash != token_hash("known")
    assert naming(alice) == []


def test_links_and_file_requests_are_given_to_another(here: Flask):
    alice, bob = make("Alice"), make("Robert")
    furnish(here, alice, bob)

    went = leave(here, alice, LinksFate.GIVE, heir_id=bob.id)

    assert (went.links_deleted, went.links_kept) == (0, 1)
    assert set(db.session.scalars(select(Link.owner_id))) == {bob.id}
    assert db.session.scalars(select(FileRequest.owner_id)).all() == [bob.id]
    assert len(db.session.scalars(select(Submission.id)).all()) == 1
    assert naming(alice) == []


@pytest.mark.parametrize("fate", [LinksFate.GIVE, LinksFate.DELETE])
def test_links_are_given_to_another_user_who_is_there(here: Flask, fate: LinksFate):
    alice, bob = make("Alice"), make("Robert")
    heirs = [None, alice.id] if fate is LinksFate.GIVE else [bob.id]

    for heir in heirs:
        with pytest.raises(BadOption):
            leave(here, alice, fate, heir_id=heir)
    if fate is LinksFate.GIVE:
        with pytest.raises(NotFound):
            leave(here, alice, fate, heir_id=99)
    assert get_user(alice.id).disabled_at is None


def test_a_user_who_is_not_there_can_not_leave(here: Flask):
    alice = make("Alice")
    leave(here, alice)

    with pytest.raises(NotFound):
        leave(here, alice)


def test_a_deletion_that_broke_off_is_gone_on_with(here: Flask, monkeypatch: pytest.MonkeyPatch):
    alice = make("Alice")
    own(here, alice)
    storage = storage_of(here)

    def fail(_key: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(storage, "delete", fail)
        with pytest.raises(KeyboardInterrupt):
            leave(here, alice)
    db.session.rollback()
    assert get_user(alice.id).disabled_at is not None
    assert set(db.session.scalars(select(Link.state))) == {"deleting"}

    leave(here, alice)

    assert naming(alice) == []
    assert kept_bytes(here) == {}


def test_the_last_admin_stays_and_nothing_of_theirs_is_touched(here: Flask):
    root, alice = make("Root", UserRole.ADMIN), make("Alice")
    own(here, root)

    for actor in (Actor(root.id, "page"), Actor(alice.id, "page")):
        with pytest.raises(LastAdmin):
            leave(here, root, actor=actor)

    assert get_user(root.id).disabled_at is None
    assert db.session.scalars(select(Link.state)).all() == ["open"]


Act = Callable[[Flask, UserRecord], object]
ACTS: dict[str, Act] = {
    "demote": lambda _app, user: change_role(user.id, UserRole.USER, actor=BY_SHELL, now=NOW),
    "disable": lambda _app, user: disable_user(user.id, actor=BY_SHELL, now=NOW),
    "delete": leave,
}


@pytest.mark.parametrize("first", ACTS)
@pytest.mark.parametrize("second", ACTS)
def test_of_two_admins_who_remove_each_other_at_once_one_stays(
    everywhere: Flask, first: str, second: str
):
    root, other = make("Root", UserRole.ADMIN), make("Other", UserRole.ADMIN)

    results = at_once(
        everywhere,
        lambda: ACTS[first](everywhere, other),
        lambda: ACTS[second](everywhere, root),
    )

    refused = [each for each in results if isinstance(each, MinifileError)]
    assert [type(each) for each in refused] == [LastAdmin]
    admins = select(User.id).where(User.role == "admin", User.disabled_at.is_(None))
    assert len(db.session.scalars(admins).all()) == 1


def test_of_two_who_become_the_first_admin_under_one_name_at_once_one_does(everywhere: Flask):
    results = at_once(
        everywhere,
        lambda: make("Root", UserRole.ADMIN),
        lambda: make("ROOT", UserRole.ADMIN),
    )

    assert len([each for each in results if isinstance(each, UserRecord)]) == 1
    assert len([each for each in results if isinstance(each, BadOption)]) == 1
    assert len(db.session.scalars(select(User.id)).all()) == 1


def test_an_invitation_to_an_address_that_has_an_account_is_refused(here: Flask):
    make("Alice")

    with pytest.raises(BadOption, match="Another user has this e-mail address"):
        invite(email="ALICE@example.org", actor=BY_SHELL, now=NOW)


def test_an_upload_that_ends_after_its_account_is_refused_and_leaves_nothing(everywhere: Flask):
    alice = make("Alice")
    account = Account(alice.id, alice.name, alice.role, frozenset(Scope), session_id=1)

    def chunks():
        yield b"first"
        leave(everywhere, alice)
        yield b"second"

    instance = everywhere.extensions["minifile"]
    with pytest.raises(Forbidden, match="has just been deleted"):
        receive_upload(
            iter([Incoming("a.txt", None, chunks())]), UploadOptions,
            replace(ALICE, account=account), declared_bytes=None, rates=instance.rates,
            limits=instance.settings.limits, storage=instance.storage, now=lambda: NOW,
        )  # fmt: skip

    assert kept_bytes(everywhere) == {}
    assert db.session.scalars(select(Link.id)).all() == []


def test_a_resumable_upload_begun_by_who_has_just_left_is_refused(everywhere: Flask):
    alice = make("Alice")
    account = Account(alice.id, alice.name, alice.role, frozenset(Scope), session_id=1)
    visitor = replace(ALICE, account=account)
    leave(everywhere, alice)

    with pytest.raises(Forbidden, match="has just been deleted"):
        begin_upload(draft(5), None, visitor, terms=terms_of(everywhere), now=lambda: NOW)

    assert db.session.scalars(select(PartialUpload.id)).all() == []
