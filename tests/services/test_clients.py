"""Clients: who is the same, and for how long that can be told."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOW
from flask import Flask
from services.making import ALICE, BOB, CHARLIE, DAY, visitor

from minifile.extensions import db, write_transaction
from minifile.models import ClientSalt
from minifile.services.clients import client_hashes, destroy_old_salts, known_client_hashes
from minifile.services.salts import forget_salts
from minifile.values import Visitor

MIDNIGHT = (NOW + DAY).replace(hour=0)


def hashes(who: Visitor, *, link_id: int = 1, now=NOW) -> list[str]:
    return client_hashes(link_id, who, now)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("192.0.2.1", "192.0.2.1", id="the-same"),
        pytest.param("192.0.2.1", "::ffff:192.0.2.1", id="ipv4-mapped"),
        pytest.param("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", id="one-ipv6-network"),
        pytest.param("2001:DB8:1:2::1", "2001:db8:1:2:0::1", id="other-spelling"),
        pytest.param("fe80::1%eth0", "fe80::1%eth1", id="scope"),
    ],
)
def test_one_machine_is_one_client(here: Flask, one: str, other: str):
    assert hashes(visitor(address=one)) == hashes(visitor(address=other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("192.0.2.1", "192.0.2.2", id="ipv4-neighbours"),
        pytest.param("2001:db8:1:2::1", "2001:db8:1:3::1", id="ipv6-networks"),
        pytest.param("::ffff:192.0.2.1", "::ffff:192.0.2.2", id="ipv4-mapped-neighbours"),
    ],
)
def test_other_machines_are_other_clients(here: Flask, one: str, other: str):
    assert hashes(visitor(address=one)) != hashes(visitor(address=other))


def test_programs_of_one_machine_are_different_clients(here: Flask):
    assert hashes(CHARLIE) != hashes(replace(CHARLIE, user_agent="Wget/1.24"))


def test_a_cookie_is_a_client_wherever_it_goes(here: Flask):
    moved = replace(ALICE, address="198.51.100.9", user_agent="another")

    assert hashes(ALICE) == hashes(moved)


def test_cookies_behind_one_address_are_different_clients(here: Flask):
    assert hashes(ALICE) != hashes(replace(ALICE, browser=BOB.browser))


def test_a_cookie_can_not_pose_as_an_address(here: Flask):
    posing = replace(CHARLIE, browser=f"{CHARLIE.address}\0{CHARLIE.user_agent}")

    assert hashes(posing) != hashes(CHARLIE)


def test_without_cookie_and_address_nobody_is_known(here: Flask):
    assert hashes(visitor(address=None)) == []
    assert known_client_hashes(1, visitor(address=None), NOW) == []


def test_an_address_that_is_none_still_makes_a_client(here: Flask):
    assert len(hashes(visitor(address=""))) == 1


def test_a_user_agent_of_broken_text_still_makes_a_client(here: Flask):
    assert len(hashes(replace(CHARLIE, user_agent="\udcff\0"))) == 1


def test_hashes_on_two_links_can_not_be_tied_together(here: Flask):
    assert hashes(CHARLIE, link_id=1) != hashes(CHARLIE, link_id=2)


def test_yesterdays_hash_is_tried_after_todays(everywhere: Flask):
    [yesterdays] = hashes(CHARLIE, now=MIDNIGHT - timedelta(seconds=1))

    todays, *older = hashes(CHARLIE, now=MIDNIGHT)

    assert todays != yesterdays
    assert older == [yesterdays]


def test_the_hash_of_the_day_before_yesterday_is_not_tried(everywhere: Flask):
    for days in range(3):
        hashes(CHARLIE, now=NOW + days * DAY)

    assert len(hashes(CHARLIE, now=NOW + 2 * DAY)) == 2


def test_readers_know_a_client_but_make_no_salt(everywhere: Flask):
    before = known_client_hashes(1, CHARLIE, NOW)
    written = hashes(CHARLIE)

    assert before == []
    assert known_client_hashes(1, CHARLIE, NOW) == written


def test_a_destroyed_salt_makes_the_client_a_stranger(everywhere: Flask):
    [before] = hashes(CHARLIE)
    with write_transaction():
        destroy_old_salts(NOW + 2 * DAY)

    assert before not in hashes(CHARLIE)


def test_a_salt_that_a_wrong_clock_made_for_a_later_day_is_destroyed(everywhere: Flask):
    for days in (0, 1, 2, 365):
        hashes(CHARLIE, now=NOW + days * DAY)

    forget_salts(NOW)

    left = db.session.scalars(db.select(ClientSalt.day).order_by(ClientSalt.day)).all()
    assert left == [NOW.date(), (NOW + DAY).date()]


@pytest.mark.sqlite
def test_of_a_destroyed_salt_no_byte_is_left_in_the_files(here: Flask):
    hashes(CHARLIE)
    salt = db.session.scalars(db.select(ClientSalt.salt)).one()
    db.session.commit()
    assert salt in bytes_of_the_database()

    forget_salts(NOW + DAY)
    kept = bytes_of_the_database()
    forget_salts(NOW + 2 * DAY)

    assert salt in kept
    assert salt not in bytes_of_the_database()


def bytes_of_the_database() -> bytes:
    path = Path(db.engine.url.database)
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


def test_first_visitors_of_a_day_who_come_at_once_share_its_salt(everywhere: Flask):
    start = threading.Barrier(8)

    def ask(_: int) -> list[str]:
        with everywhere.app_context():
            start.wait()
            return hashes(CHARLIE)

    with ThreadPoolExecutor(8) as pool:
        answers = {tuple(answer) for answer in pool.map(ask, range(8))}

    assert len(answers) == 1
    assert len(db.session.scalars(db.select(ClientSalt)).all()) == 1
