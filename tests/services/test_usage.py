"""Usage: the numbers of an instance."""

from datetime import timedelta

from conftest import NOW
from flask import Flask
from services.making import BOB, CHARLIE, DAY, begin, end_delivery, make_link

from minifile.extensions import db, write_transaction
from minifile.models import File
from minifile.services.links import revoke_link
from minifile.services.usage import Usage, measure_usage


def measure(app: Flask, now=NOW) -> Usage:
    return measure_usage(storage=app.extensions["minifile"].storage, now=now)


def test_an_empty_instance_has_nothing(everywhere: Flask):
    usage = measure(everywhere)

    assert usage == Usage(0, 0, 0, 0, 0, 0, usage.free_bytes, 0, 0, 0, 0)
    assert usage.free_bytes


def test_links_files_and_bytes_are_counted(everywhere: Flask):
    make_link(everywhere, b"one", b"three")
    make_link(everywhere, b"")

    usage = measure(everywhere)

    assert (usage.links_open, usage.files, usage.size_bytes) == (2, 3, 8)


def test_expired_and_revoked_links_wait_for_the_purge(everywhere: Flask):
    make_link(everywhere, lifetime=3 * DAY)
    make_link(everywhere, lifetime=timedelta(hours=1))
    revoke_link(make_link(everywhere, lifetime=3 * DAY), now=NOW)

    usage = measure(everywhere, now=NOW + timedelta(hours=1))

    assert (usage.links_open, usage.links_closed) == (1, 2)


def test_downloads_are_summed_and_running_ones_counted(everywhere: Flask):
    link = make_link(everywhere)
    ticket = begin(link, BOB)
    begin(link, CHARLIE)
    begin(make_link(everywhere), CHARLIE)
    end_delivery(ticket, {link.files[0].id: 5}, {link.files[0].id: 5}, now=NOW)

    usage = measure(everywhere)

    assert (usage.downloads, usage.in_flight) == (3, 2)


def test_sizes_beyond_32_bits_are_summed(everywhere: Flask):
    make_link(everywhere, b"a", b"b", b"c")
    with write_transaction() as session:
        session.execute(db.update(File).values(size_bytes=2**40))

    assert measure(everywhere).size_bytes == 3 * 2**40
