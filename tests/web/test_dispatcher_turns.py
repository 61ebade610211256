"""Whose turn it is in the outbox, and what happens when the database holds up who sends."""

import sqlite3
import threading
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import count

import pytest
from conftest import NOW
from flask import Flask
from people import make_user
from services.making import at_once
from services.telling import ask_to_hear, happen
from sqlalchemy import insert

from minifile.extensions import db, write_transaction
from minifile.models import Webhook
from minifile.notification_values import SendAnswer, SendOutcome
from minifile.services.dispatching import OF_ONE_USER, Claimed, claim_due, settle
from minifile.services.notifications import notify
from minifile.services.statements import driver_of
from minifile.web.dispatcher import Dispatcher

SECOND = timedelta(seconds=1)


def happen_to(user_id: int, at: datetime) -> None:
    with write_transaction() as session:
        notify(
            driver_of(session), kind="download", key=f"of {user_id}", user_id=user_id,
            link_id=None, payload={}, now=at,
        )  # fmt: skip


def test_many_notifications_of_one_user_do_not_hold_up_another(any_database_app: Flask):
    make_user(any_database_app, email="alice@example.org")
    bob = make_user(any_database_app, "Bob", email="bob@example.org")
    with any_database_app.app_context():
        for user_id in (1, bob.id):
            ask_to_hear(user_id, "download")
        happen(*[f"{number}-a" for number in range(1, 21)])
        happen_to(bob.id, NOW + SECOND)

        claimed = claim_due(8, now=NOW + SECOND)

        assert len(claimed) == 2
        assert 21 in {each.notification_id for each in claimed}


def test_receivers_of_one_user_that_hang_leave_threads_to_others(any_database_app: Flask):
    make_user(any_database_app)
    bob = make_user(any_database_app, "Bob", email="bob@example.org")
    with any_database_app.app_context():
        with write_transaction() as session:
            hook = {"user_id": 1, "url": "http://192.0.2.1/", "secret": "x", "created_at": NOW}
            session.execute(insert(Webhook), [hook] * 10)
        for webhook_id in range(1, 11):
            ask_to_hear(1, "download", webhook_id=webhook_id)
        ask_to_hear(bob.id, "download")
        happen("1-a", "2-a")

        hanging = claim_due(8, now=NOW)
        more = claim_due(8 - len(hanging), now=NOW)
        happen_to(bob.id, NOW + SECOND)
        of_bob = claim_due(8 - len(hanging), now=NOW + SECOND)

        assert (len(hanging), len(more)) == (OF_ONE_USER, 0)
        assert [each.webhook_id for each in of_bob] == [None]
        settle(
            hanging[0], SendAnswer(SendOutcome.SENT, "HTTP 200"), spread=0.5, took=SECOND, now=NOW
        )
        assert len(claim_due(8, now=NOW + SECOND)) == 1


def test_one_target_is_claimed_once_however_many_claim_at_once(any_database_app: Flask):
    make_user(any_database_app, email="alice@example.org")
    claimed: list[Claimed] = []
    with any_database_app.app_context():
        ask_to_hear(1, "download")
        happen(*[f"{number}-a" for number in range(1, 9)])

        at_once(any_database_app, *[lambda: claimed.extend(claim_due(1, now=NOW))] * 8)

        assert len(claimed) == 1


def test_what_cannot_be_settled_ends_in_one_line_of_the_log(
    app: Flask, caplog: pytest.LogCaptureFixture
):
    make_user(app, email="alice@example.org")
    with app.app_context(), ExitStack() as stack:
        ask_to_hear(1, "download")
        happen("7-a")
        moments = count()

        def clock() -> datetime:
            if next(moments) == 1:
                # Once it is claimed, another program holds the database.
                path = db.engine.url.database or ""
                other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                stack.callback(other.close)
                other.execute("BEGIN IMMEDIATE")
            return NOW

        assert Dispatcher(app, clock).run() == 1
        for thread in threading.enumerate():
            if thread.name == "dispatch":
                thread.join()

    # A thread that ended by an error would fail this test by a warning.
    assert "a notification could not be settled" in caplog.text
