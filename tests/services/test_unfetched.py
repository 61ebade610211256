"""Owners hear once of a link that expires soon and was fetched by nobody."""

from datetime import timedelta

from conftest import NOW
from flask import Flask
from services.accounts import make_account, make_shared_link
from services.making import at_once
from services.telling import ask_to_hear, written
from sqlalchemy import update

from minifile.extensions import write_transaction
from minifile.models import Link
from minifile.services.links import revoke_link
from minifile.services.sharing import add_recipients
from minifile.services.unfetched import tell_of_unfetched
from minifile.values import LinkRecord

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def change(link: LinkRecord, **values: object) -> None:
    with write_transaction() as session:
        session.execute(update(Link).where(Link.id == link.id).values(**values))


def test_the_owner_hears_once_for_each_expiry(everywhere: Flask):
    alice = make_account("Alice")
    ask_to_hear(alice.id, "unfetched")
    link = make_shared_link(alice, now=NOW)
    change(link, expires_at=NOW + 3 * DAY)

    assert tell_of_unfetched(now=NOW + 2 * DAY - HOUR) == 0
    assert tell_of_unfetched(now=NOW + 2 * DAY) == 1
    assert tell_of_unfetched(now=NOW + 2 * DAY + HOUR) == 0
    change(link, expires_at=NOW + 5 * DAY)
    assert tell_of_unfetched(now=NOW + 2 * DAY + HOUR) == 0
    assert tell_of_unfetched(now=NOW + 4 * DAY) == 1

    first, second = written()
    assert (first.kind, first.user_id, first.link_id) == ("unfetched", alice.id, link.id)
    assert first.payload["files"] == ["0.bin"]
    assert first.payload["expires_at"] == (NOW + 3 * DAY).isoformat()
    assert second.payload["expires_at"] == (NOW + 5 * DAY).isoformat()


def test_of_a_short_link_the_owner_hears_when_half_its_time_is_over(here: Flask):
    alice = make_account("Alice")
    make_shared_link(alice, now=NOW)
    ask_to_hear(alice.id, "unfetched", link_id=1)

    assert tell_of_unfetched(now=NOW + 11 * HOUR) == 0
    assert tell_of_unfetched(now=NOW + 12 * HOUR) == 1


def test_what_was_fetched_has_ended_or_is_not_asked_for_is_no_news(here: Flask):
    alice, bob = make_account("Alice"), make_account("Bob")
    ask_to_hear(alice.id, "unfetched")
    fetched, by_recipient, revoked, expired = (make_shared_link(alice, now=NOW) for _ in range(4))
    make_shared_link(bob, now=NOW)
    change(fetched, download_count=1)
    (child,) = add_recipients(by_recipient, ["bob@example.org"], code_length=10, now=NOW)
    with write_transaction() as session:
        session.execute(update(Link).where(Link.id == child).values(download_count=1))
    revoke_link(revoked, now=NOW)
    change(expired, expires_at=NOW + HOUR)

    assert tell_of_unfetched(now=NOW + 20 * HOUR) == 0
    assert written() == []


def test_many_who_look_at_once_tell_once(everywhere: Flask):
    alice = make_account("Alice")
    ask_to_hear(alice.id, "unfetched")
    for _ in range(3):
        make_shared_link(alice, now=NOW)

    at_once(everywhere, *[lambda: tell_of_unfetched(now=NOW + 20 * HOUR)] * 4)

    assert len(written("unfetched")) == 3
