"""What owners are told of downloads: each one once, with what came of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import NOW
from flask import Flask
from people import make_user
from services.making import BOB, CHARLIE, DAY, at_once, begin_delivery, end_delivery, make_link
from services.telling import ask_to_hear, written
from sqlalchemy import delete, select, update

from minifile.extensions import db, write_transaction
from minifile.models import Dispatch, Link, Slot, Subscription
from minifile.policy.counting import FileSpan
from minifile.services.dispatch_log import delete_old_notifications
from minifile.services.dispatching import claim_due
from minifile.services.download_notices import QUIET_FOR
from minifile.services.records import read_made_link
from minifile.services.rollup import end_slots
from minifile.services.statements import reading
from minifile.values import LinkRecord, Span, Visitor

SECOND = timedelta(seconds=1)
KINDS = ("download", "first_download", "exhausted")


@pytest.fixture
def owned(everywhere: Flask) -> Callable[..., LinkRecord]:
    """Makes links of Alice, who hears of all kinds."""
    alice = make_user(everywhere)
    ask_to_hear(alice.id, *KINDS)

    def make(*contents: bytes, **choices) -> LinkRecord:
        link = make_link(everywhere, *(contents or (b"a" * 100,)), **choices)
        db.session.execute(update(Link).where(Link.id == link.id).values(owner_id=alice.id))
        db.session.commit()
        with reading(db.engine) as driver:
            found = read_made_link(driver, link.id)
        assert found is not None
        return found

    return make


def fetch(
    link: LinkRecord,
    who: Visitor = CHARLIE,
    now=NOW,
    *,
    start: int = 0,
    file: int = 0,
    sent: int | None = None,
) -> None:
    asked = link.files[file]
    parts = [FileSpan(asked.id, asked.size_bytes, Span(start, asked.size_bytes))]
    ticket = begin_delivery(link, who, parts, fresh=not start, lease=DAY, now=now)
    arrived = {asked.id: asked.size_bytes - start if sent is None else sent}
    end_delivery(ticket, arrived, arrived, now=now)


def due() -> list[object]:
    found = list(db.session.scalars(select(Dispatch.next_at).order_by(Dispatch.id)))
    db.session.remove()
    return found


def test_a_completed_download_is_told_at_once(owned: Callable[..., LinkRecord]):
    link = owned()

    fetch(link)

    (told,) = written("download")
    assert (told.user_id, told.link_id) == (1, link.id)
    assert told.payload == {
        "files": ["0.bin"],
        "file_count": 1,
        "files_completed": 1,
        "bytes_sent": 100,
        "outcome": "completed",
        "family": None,
        "recipient": None,
        "download_count": 1,
    }
    assert [each.kind for each in written()] == ["download", "first_download"]
    assert due() == [NOW, NOW]


def test_a_cut_download_waits_for_its_resume_and_is_told_once(owned: Callable[..., LinkRecord]):
    link = owned()

    fetch(link, sent=40)
    (cut,), waits = written("download"), due()
    fetch(link, start=40, now=NOW + 10 * SECOND)

    assert (cut.payload["outcome"], cut.payload["bytes_sent"]) == ("aborted", 40)
    assert waits == [NOW + QUIET_FOR, NOW]
    (told,) = written("download")
    assert (told.payload["outcome"], told.payload["bytes_sent"]) == ("completed", 100)
    assert due() == [NOW + 10 * SECOND, NOW]


def test_what_was_told_is_not_told_again(owned: Callable[..., LinkRecord]):
    link = owned()
    fetch(link, sent=40)

    claimed = claim_due(8, now=NOW + QUIET_FOR)
    fetch(link, start=40, now=NOW + QUIET_FOR + SECOND)
    end_slots(NOW + 2 * DAY)

    assert len(claimed) == 1
    assert [told.payload["outcome"] for told in written("download")] == ["aborted"]


def test_a_download_whose_process_died_is_told_when_its_slot_ends(owned: Callable[..., LinkRecord]):
    link = owned()
    asked = link.files[0]
    parts = [FileSpan(asked.id, 100, Span(0, 100))]
    begin_delivery(link, CHARLIE, parts, fresh=True, lease=DAY, now=NOW)

    before = written()
    for _ in range(2):
        end_slots(NOW + DAY + SECOND)

    assert before == []
    (told,) = written("download")
    assert (told.payload["files_completed"], told.payload["outcome"]) == (0, "aborted")


def test_who_asks_later_is_not_told_of_what_was_before(owned: Callable[..., LinkRecord]):
    link = owned(lifetime=9 * DAY)
    # Nobody has asked yet when it is downloaded.
    with write_transaction() as session:
        session.execute(delete(Subscription))
    fetch(link)
    fetch(link, BOB)
    ask_to_hear(1, *KINDS)

    end_slots(NOW + DAY + SECOND)

    assert written() == []


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_who_asks_after_the_first_download_is_not_told_of_a_first(
    owned: Callable[..., LinkRecord], is_forgotten: bool
):
    link = owned()
    with write_transaction() as session:
        session.execute(delete(Subscription))
    fetch(link)
    if is_forgotten:
        with write_transaction() as session:
            session.execute(delete(Slot))
    ask_to_hear(1, *KINDS)

    fetch(link, BOB)

    assert [told.kind for told in written()] == ["download"]


def test_nothing_is_told_of_a_download_that_was_given_back(owned: Callable[..., LinkRecord]):
    link = owned()

    fetch(link, sent=0)

    assert written() == []


def test_the_last_download_is_told_once_for_each_limit(owned: Callable[..., LinkRecord]):
    link = owned(max_downloads=2)

    fetch(link)
    one = written("exhausted")
    fetch(link, BOB)
    db.session.execute(update(Link).values(max_downloads=3))
    db.session.commit()
    fetch(link, replace(CHARLIE, address="192.0.2.9"), NOW + SECOND)

    assert one == []
    assert [told.payload["max_downloads"] for told in written("exhausted")] == [2, 3]


def test_so_many_are_told_as_were_counted_when_many_fetch_at_once(
    everywhere: Flask, owned: Callable[..., LinkRecord]
):
    link = owned(lifetime=4 * DAY)
    visitors = [replace(BOB, browser=f"{n:032}") for n in range(12)]

    calls = [lambda who=who, n=n: fetch(link, who, sent=None if n % 3 else 10)
             for n, who in enumerate(visitors)]  # fmt: skip
    at_once(everywhere, *calls)
    end_slots(NOW + 2 * DAY)

    counted = db.session.scalar(select(Link.download_count).where(Link.id == link.id))
    db.session.remove()
    assert counted == len(written("download")) == 12
    assert len(written("first_download")) == 1


def test_nobody_is_told_without_wanting_it(everywhere: Flask):
    link = make_link(everywhere, b"a" * 100)
    alice = make_user(everywhere)
    db.session.execute(update(Link).values(owner_id=alice.id))
    db.session.commit()

    fetch(replace(link, owner_id=alice.id))

    assert written() == []


def test_the_first_download_stays_told_when_the_log_has_forgotten_it(
    owned: Callable[..., LinkRecord],
):
    link = owned(lifetime=30 * DAY)
    fetch(link)
    for page in (1, 2):
        db.session.execute(update(Dispatch).values(state="sent"))
        db.session.commit()
        delete_old_notifications(NOW + page * 10 * DAY)
        fetch(link, BOB, NOW + page * 11 * DAY)

    left = [(told.kind, told.payload) for told in written("first_download")]
    assert left == [("first_download", {})]
    assert due() == [NOW + 22 * DAY]

    with write_transaction() as session:
        session.execute(delete(Link).where(Link.id == link.id))
    db.session.execute(update(Dispatch).values(state="sent"))
    db.session.commit()
    delete_old_notifications(NOW + 100 * DAY)
    assert written() == []
