"""The purge: what goes, what stays, and that any number of them may run."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW
from flask import Flask
from services.making import (
    BOB,
    CHARLIE,
    DAY,
    begin,
    codes_left,
    end_delivery,
    incoming,
    make_link,
    make_rows,
    storage_of,
    upload,
)
from sqlalchemy import Connection, event

from minifile.codes import new_key
from minifile.extensions import db, write_transaction
from minifile.models import BrowserAccess, ClientSalt, Delivery, File, Link, Slot
from minifile.services.clients import client_hashes
from minifile.services.deliveries import IN_FLIGHT_FOR, renew_deliveries
from minifile.services.downloads import Reading
from minifile.services.handovers import ADDRESS_LIFETIME, hand_over_file
from minifile.services.links import revoke_link
from minifile.services.orphans import sweep_orphans
from minifile.services.purge import BATCH, Purged, purge_expired
from minifile.services.storing import Incoming
from minifile.storage import Storage
from minifile.values import Chunk, Span, UploadOptions

SOON = NOW + timedelta(seconds=1)


def keys(storage: Storage) -> set[str]:
    return {blob.key for blob in storage.blobs()}


def count(model: type) -> int:
    found = db.session.scalar(db.select(db.func.count()).select_from(model))
    db.session.commit()
    return found or 0


def test_an_expired_link_goes_with_its_bytes_and_all_its_rows(everywhere: Flask):
    link = make_link(everywhere, b"one", b"three")
    begin(link)

    purged = purge_expired(storage=storage_of(everywhere), now=NOW + DAY)

    assert purged == Purged(links=1, size_bytes=8, orphans=0)
    assert keys(storage_of(everywhere)) == set()
    assert [count(m) for m in (Link, File, Slot, Delivery, BrowserAccess)] == [0, 0, 0, 0, 0]


def test_a_link_waits_for_the_end_of_an_address_that_was_handed_out(everywhere: Flask):
    storage, link = storage_of(everywhere), make_link(everywhere)
    last = NOW + DAY - timedelta(seconds=1)
    whole = Span(0, link.size_bytes)
    reading = Reading(link, CHARLIE, is_owner=False)
    hand_over_file(reading, link.files[0], whole, storage=storage, lease=DAY, now=last)
    revoke_link(link, now=last)

    early = purge_expired(storage=storage, now=last + ADDRESS_LIFETIME)
    late = purge_expired(storage=storage, now=last + ADDRESS_LIFETIME + timedelta(minutes=1))

    assert (early.links, late.links) == (0, 1)
    assert keys(storage) == set()


def test_a_link_stays_until_the_microsecond_it_expires(everywhere: Flask, storage: Storage):
    link = make_link(everywhere)

    purged = purge_expired(storage=storage, now=NOW + DAY - timedelta(microseconds=1))

    assert purged == Purged()
    assert keys(storage) == {link.files[0].storage_key}


def test_a_revoked_link_goes_before_it_expires(everywhere: Flask, storage: Storage):
    link, other = make_link(everywhere), make_link(everywhere)
    revoke_link(link, now=NOW)

    purged = purge_expired(storage=storage, now=SOON)

    assert purged.links == 1
    assert codes_left() == {other.code}


def test_an_exhausted_link_stays_so_that_its_limit_can_be_raised(
    everywhere: Flask, storage: Storage
):
    link = make_link(everywhere, max_downloads=1)
    end_delivery(begin(link), {link.files[0].id: 5}, {link.files[0].id: 5}, now=NOW)

    purged = purge_expired(storage=storage, now=SOON)

    assert purged == Purged()


def test_a_link_that_is_being_fetched_waits_for_the_next_run(everywhere: Flask):
    link = make_link(everywhere, lifetime=timedelta(minutes=1))
    ticket = begin(link, now=NOW + timedelta(seconds=59))
    expiry = NOW + timedelta(minutes=1)

    during = purge_expired(storage=storage_of(everywhere), now=expiry)
    end_delivery(ticket, {link.files[0].id: 5}, {link.files[0].id: 5}, now=expiry)
    after = purge_expired(storage=storage_of(everywhere), now=expiry)

    assert (during.links, after.links) == (0, 1)


def test_a_mark_that_is_renewed_keeps_the_bytes(everywhere: Flask, storage: Storage):
    ticket = begin(make_link(everywhere, lifetime=timedelta(minutes=1)))
    renew_deliveries([ticket], now=NOW + timedelta(seconds=50))

    purged = purge_expired(storage=storage, now=NOW + timedelta(seconds=100))

    assert purged.links == 0


def test_the_mark_of_a_dead_process_holds_a_link_for_a_minute_only(
    everywhere: Flask, storage: Storage
):
    begin(make_link(everywhere, lifetime=timedelta(seconds=90)), now=NOW + timedelta(seconds=80))
    stale = NOW + timedelta(seconds=80) + IN_FLIGHT_FOR

    before = purge_expired(storage=storage, now=stale - timedelta(seconds=1))
    after = purge_expired(storage=storage, now=stale)

    assert (before.links, after.links) == (0, 1)


def test_more_links_than_a_batch_all_go(everywhere: Flask):
    make_rows(2 * BATCH + 1, expires_at=NOW)

    purged = purge_expired(storage=storage_of(everywhere), now=NOW)

    assert (purged.links, purged.size_bytes) == (2 * BATCH + 1, 3 * (2 * BATCH + 1))
    assert codes_left() == set()


def test_links_in_flight_do_not_hold_up_the_others(everywhere: Flask, storage: Storage):
    held = make_link(everywhere)
    begin(held, now=NOW + DAY - timedelta(seconds=1))
    make_rows(BATCH + 1, expires_at=NOW)

    purged = purge_expired(storage=storage, now=NOW + DAY)

    assert purged.links == BATCH + 1
    assert codes_left() == {held.code}


def test_two_purges_at_once_delete_each_link_once(everywhere: Flask):
    make_rows(BATCH + 50, expires_at=NOW)
    links = [make_link(everywhere, b"bytes", lifetime=timedelta(hours=1)) for _ in range(20)]
    start = threading.Barrier(2)

    def purge() -> Purged:
        with everywhere.app_context():
            start.wait()
            return purge_expired(storage=storage_of(everywhere), now=NOW + DAY)

    with ThreadPoolExecutor() as pool:
        both = [run.result() for run in [pool.submit(purge), pool.submit(purge)]]

    expected = BATCH + 50 + len(links)
    assert sum(purged.links for purged in both) == expected
    assert sum(purged.size_bytes for purged in both) == 3 * (BATCH + 50) + 5 * len(links)
    assert (codes_left(), keys(storage_of(everywhere))) == (set(), set())


@pytest.mark.sqlite
def test_a_link_that_is_prolonged_at_the_last_moment_stays(here: Flask, storage: Storage):
    """Another process saves the sender's change after the purge has found the link."""
    link, _ = make_link(here), make_link(here)

    # The purge asks for the write lock by this option.
    @event.listens_for(db.engine, "set_connection_execution_options")
    def prolong(_connection: Connection, options: dict[str, Any]) -> None:
        with closing(sqlite3.connect(str(db.engine.url.database))) as process, process:
            process.execute(
                "UPDATE link SET expires_at = '2999-01-01 00:00:00.000000' WHERE id = ?", [link.id]
            )

    purged = purge_expired(storage=storage, now=NOW + DAY)

    assert purged.links == 1
    assert codes_left() == {link.code}
    assert keys(storage) == {link.files[0].storage_key}


def test_a_purge_that_crashed_is_finished_by_the_next(everywhere: Flask, storage: Storage):
    link = make_link(everywhere, b"one", b"two")
    with write_transaction() as session:
        session.execute(db.update(Link).values(state="deleting"))
    storage.delete(link.files[0].storage_key)

    purged = purge_expired(storage=storage, now=SOON)

    assert purged.links == 1
    assert (codes_left(), keys(storage)) == (set(), set())


def test_blobs_without_a_row_are_swept(everywhere: Flask, storage: Storage):
    link = make_link(everywhere)
    with storage.batch() as batch:
        batch.put(new_key(), [b"its commit never came"])
        batch.keep()

    purged = purge_expired(storage=storage, now=SOON)

    assert purged == Purged(orphans=1)
    assert keys(storage) == {link.files[0].storage_key}


def test_the_sweep_leaves_running_uploads_alone(everywhere: Flask):
    swept = []

    def sweep() -> None:
        with everywhere.app_context():
            swept.append(sweep_orphans(storage_of(everywhere)))

    def chunks() -> Iterator[Chunk]:
        yield b"half"
        # In the middle of the second file: the first is whole, and neither has a row.
        sweeper = threading.Thread(target=sweep)
        sweeper.start()
        sweeper.join()
        yield b"half"

    files = [incoming("whole", b"whole"), Incoming("half", None, chunks())]
    link = upload(everywhere, iter(files), UploadOptions()).link

    assert swept == [0]
    assert keys(storage_of(everywhere)) == {file.storage_key for file in link.files}


@pytest.mark.parametrize("who", [BOB, CHARLIE], ids=["by-cookie", "by-address"])
def test_a_slot_ends_with_its_lease_and_forgets_its_client(
    everywhere: Flask, storage: Storage, who
):
    link = make_link(everywhere, lifetime=3 * DAY)
    begin(link, who)

    purge_expired(storage=storage, now=NOW + DAY)

    slot = db.session.scalars(db.select(Slot)).one()
    assert (slot.client, slot.ended_at) == (None, NOW + DAY)


def test_an_open_slot_keeps_its_client(everywhere: Flask, storage: Storage):
    begin(make_link(everywhere))

    purge_expired(storage=storage, now=NOW + DAY - timedelta(seconds=1))

    slot = db.session.scalars(db.select(Slot)).one()
    assert slot.client is not None
    assert slot.ended_at is None


def test_salts_are_destroyed_when_the_following_day_is_over(everywhere: Flask):
    for days in range(4):
        client_hashes(1, CHARLIE, NOW + days * DAY)

    purge_expired(storage=storage_of(everywhere), now=NOW + 3 * DAY)

    kept = set(db.session.scalars(db.select(ClientSalt.day)))
    assert kept == {(NOW + 2 * DAY).date(), (NOW + 3 * DAY).date()}
