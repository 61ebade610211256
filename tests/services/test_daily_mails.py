"""One mail a day: each event in exactly one, none without an event, whatever breaks off."""

from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW
from flask import Flask
from services.accounts import make_account
from services.making import at_once
from services.telling import ask_to_hear, written
from sqlalchemy import func, select

from minifile.extensions import db, write_transaction
from minifile.models import Dispatch, Notification
from minifile.services import daily_mails
from minifile.services.choices import switch_mails_off, write_habits
from minifile.services.daily_mails import gather_daily_mails
from minifile.services.notifications import notify
from minifile.services.statements import driver_of

HOUR = timedelta(hours=1)
# NOW is noon, and eight in the morning comes twenty hours later.
EIGHT = NOW + 20 * HOUR


@pytest.fixture
def alice(everywhere: Flask) -> int:
    user = make_account("Alice", email="alice@example.org")
    ask_to_hear(user.id, "download")
    write_habits(user.id, 24, "daily", "UTC", now=NOW)
    return user.id


def happen(user_id: int, *names: str, at=NOW) -> None:
    for name in names:
        with write_transaction() as session:
            notify(
                driver_of(session), kind="download", key=name, user_id=user_id, link_id=None,
                payload={"files": [name]}, now=at,
            )  # fmt: skip


def mails() -> list[list[str]]:
    """Return the names that each mail tells of."""
    return [
        [event["payload"]["files"][0] for event in each.payload["events"]]
        for each in written("digest")
    ]


def states() -> dict[str, int]:
    query = select(Dispatch.state, func.count()).group_by(Dispatch.state)
    return {row[0]: row[1] for row in db.session.execute(query)}


def test_it_comes_at_eight_with_all_that_has_happened(alice: int):
    happen(alice, "a", "b")

    assert gather_daily_mails(now=EIGHT - timedelta(seconds=1)) == 0
    happen(alice, "c", at=NOW + 5 * HOUR)
    assert gather_daily_mails(now=EIGHT) == 1
    happen(alice, "d", at=EIGHT + HOUR)
    assert gather_daily_mails(now=EIGHT + 2 * HOUR) == 0
    assert gather_daily_mails(now=EIGHT + 24 * HOUR) == 1
    assert gather_daily_mails(now=EIGHT + 48 * HOUR) == 0

    assert mails() == [["a", "b", "c"], ["d"]]
    assert states() == {"gathered": 4, "pending": 2}


def test_more_than_one_mail_can_hold_make_another(alice: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(daily_mails, "MAX_EVENTS", 3)
    happen(alice, *"abcdefgh")

    assert gather_daily_mails(now=EIGHT) == 3

    assert mails() == [["a", "b", "c"], ["d", "e", "f"], ["g", "h"]]


def test_each_event_is_in_one_mail_whoever_gathers_and_whatever_breaks_off(
    everywhere: Flask, alice: int, monkeypatch: pytest.MonkeyPatch
):
    happen(alice, *"abc")
    whole = daily_mails._event

    def dying(row: Notification) -> dict[str, Any]:
        if row.key == "c":
            raise KeyboardInterrupt
        return whole(row)

    monkeypatch.setattr(daily_mails, "_event", dying)
    with pytest.raises(KeyboardInterrupt):
        gather_daily_mails(now=EIGHT)
    db.session.rollback()
    assert mails() == []
    monkeypatch.undo()

    at_once(everywhere, *[lambda: gather_daily_mails(now=EIGHT)] * 4)

    assert mails() == [["a", "b", "c"]]


def test_who_wants_single_mails_again_gets_what_was_held(alice: int):
    happen(alice, "a", "b")

    write_habits(alice, 24, "off", "UTC", now=NOW)
    happen(alice, "c")

    assert states() == {"pending": 3}
    assert gather_daily_mails(now=EIGHT) == 0


def test_what_is_switched_off_is_not_sent_later(alice: int):
    happen(alice, "a")

    switch_mails_off(alice, "download", None)

    assert states() == {}
    assert gather_daily_mails(now=EIGHT) == 0
