"""What becomes of notifications that wait, when choices, roles and the log change meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import NOW
from flask import Flask
from people import make_user
from services.making import DAY, make_link
from services.telling import ask_to_hear
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from minifile.extensions import db, write_transaction
from minifile.identity import UserRole
from minifile.models import Dispatch, User
from minifile.services import dispatch_log
from minifile.services.choices import switch_mails_off
from minifile.services.daily_mails import gather_daily_mails
from minifile.services.dispatch_log import delete_old_notifications, redeliver
from minifile.services.notifications import MAIL_DAILY, notify
from minifile.services.pacing import unhurried_transaction
from minifile.services.statements import driver_of
from minifile.services.told import read_told


def happen(kind: str, link_id: int | None = None, key: str = "a") -> None:
    with write_transaction() as session:
        notify(
            driver_of(session), kind=kind, key=key, user_id=1, link_id=link_id,
            payload={}, now=NOW,
        )  # fmt: skip


def count_dispatches() -> int:
    return db.session.scalar(select(func.count()).select_from(Dispatch)) or 0


def test_what_is_asked_for_once_more_is_not_deleted(
    everywhere: Flask, monkeypatch: pytest.MonkeyPatch
):
    make_user(everywhere)
    ask_to_hear(1, "download")
    happen("download")
    with write_transaction() as session:
        session.execute(update(Dispatch).values(state="failed"))

    @contextmanager
    def after_a_request() -> Iterator[Session]:
        monkeypatch.undo()
        redeliver(1, 1, now=NOW + 40 * DAY)
        with unhurried_transaction() as session:
            yield session

    monkeypatch.setattr(dispatch_log, "unhurried_transaction", after_a_request)
    deleted = delete_old_notifications(NOW + 30 * DAY)

    assert (deleted, db.session.scalar(select(Dispatch.state))) == (0, "pending")


@pytest.mark.parametrize("is_of_all", [False, True])
def test_who_switches_a_link_off_keeps_what_is_wanted_of_all(everywhere: Flask, is_of_all: bool):
    make_user(everywhere)
    link = make_link(everywhere)
    if is_of_all:
        ask_to_hear(1, "download")
    ask_to_hear(1, "download", link_id=link.id)
    happen("download", link.id)

    switch_mails_off(1, "download", link.id)

    assert count_dispatches() == int(is_of_all)


def demote_all() -> None:
    with write_transaction() as session:
        session.execute(update(User).values(role=UserRole.USER.value))


def make_admin(app: Flask, digest: str) -> int:
    root = make_user(app, email="root@example.org", role=UserRole.ADMIN)
    with write_transaction() as session:
        session.execute(update(User).values(digest=digest))
    return root.id


def email_of(notification_id: int) -> str | None:
    told = read_told(notification_id)
    assert told is not None
    return told.email


@pytest.mark.parametrize("digest", ["off", MAIL_DAILY])
def test_who_is_no_admin_any_more_gets_no_mail_about_reports(everywhere: Flask, digest: str):
    ask_to_hear(make_admin(everywhere, digest), "report")
    happen("report")
    daily = gather_daily_mails(now=NOW + DAY)
    before = email_of(1 + daily)

    demote_all()

    assert daily == (digest == MAIL_DAILY)
    assert (before, email_of(1 + daily)) == ("root@example.org", None)


def test_of_a_mail_of_the_day_the_rest_stays_for_who_is_no_admin_any_more(everywhere: Flask):
    root = make_admin(everywhere, MAIL_DAILY)
    ask_to_hear(root, "report")
    ask_to_hear(root, "download")
    happen("report")
    happen("download", key="b")
    gather_daily_mails(now=NOW + DAY)

    demote_all()

    told = read_told(3)
    assert told is not None
    assert [each["kind"] for each in told.payload["events"]] == ["download"]
    assert told.email == "root@example.org"
