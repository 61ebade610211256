"""A revoke may be undone for a while; of an undo and a purge only one comes through."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from conftest import NOW, settings_of
from flask import Flask
from services.making import codes_left, make_link, storage_of

from minifile.errors import LinkNotFound, TooLateToUndo
from minifile.services.links import revoke_link, undo_revoke
from minifile.services.purge import purge_expired

GRACE = timedelta(minutes=10)


def test_the_purge_waits_for_the_grace(everywhere: Flask):
    link = make_link(everywhere)
    revoke_link(link, now=NOW, undo_within=GRACE)
    storage = storage_of(everywhere)

    during = purge_expired(storage=storage, now=NOW + GRACE - timedelta(microseconds=1))
    assert (during.links, codes_left()) == (0, {link.code})
    after = purge_expired(storage=storage, now=NOW + GRACE)

    assert (after.links, codes_left()) == (1, set())


def test_the_purge_does_not_wait_longer_than_the_link_lives(everywhere: Flask):
    link = make_link(everywhere, lifetime=timedelta(minutes=1))
    revoke_link(link, now=NOW, undo_within=GRACE)

    purged = purge_expired(storage=storage_of(everywhere), now=NOW + timedelta(minutes=1))

    assert purged.links == 1


def test_a_second_revoke_does_not_prolong_the_grace_and_a_final_one_ends_it(everywhere: Flask):
    link = make_link(everywhere)

    first = revoke_link(link, now=NOW, undo_within=GRACE)
    second = revoke_link(link, now=NOW + timedelta(minutes=5), undo_within=GRACE)
    final = revoke_link(link, now=NOW + timedelta(minutes=6))

    assert (first, second, final) == (NOW + GRACE, NOW + GRACE, None)
    with pytest.raises(TooLateToUndo):
        undo_revoke(link, limits=settings_of(everywhere).limits, now=NOW + timedelta(minutes=6))


def test_of_an_undo_and_a_purge_at_once_only_one_comes_through(everywhere: Flask):
    def undo_in_time(link, start: Barrier) -> bool:
        with everywhere.app_context():
            start.wait()
            try:
                undo_revoke(
                    link,
                    limits=settings_of(everywhere).limits,
                    now=NOW + GRACE - timedelta(seconds=1),
                )
            except (TooLateToUndo, LinkNotFound):
                return False
            return True

    def purge(start: Barrier) -> int:
        with everywhere.app_context():
            start.wait()
            return purge_expired(storage=storage_of(everywhere), now=NOW + GRACE).links

    made: set[str] = set()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(15):
            link = make_link(everywhere)
            made.add(link.code)
            revoke_link(link, now=NOW, undo_within=GRACE)
            start = Barrier(2)
            undone, purged = pool.submit(undo_in_time, link, start), pool.submit(purge, start)

            assert undone.result() == (purged.result() == 0)
            if purged.result():
                made.remove(link.code)
            assert codes_left() == made
