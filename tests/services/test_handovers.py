"""Files handed over to the web server in front: counted like others, completed never."""

import pytest
from conftest import NOW
from flask import Flask
from services.making import ALICE, BOB, CHARLIE, DAY, make_link

from minifile.errors import BlobMissing
from minifile.extensions import db
from minifile.models import Delivery, Link, Slot
from minifile.services.downloads import Reading
from minifile.services.handovers import hand_over_file
from minifile.storage import Storage
from minifile.values import Span, Visitor

WHOLE = Span(0, 5)


def hand_over(
    app: Flask, link: Link, span: Span = WHOLE, who: Visitor = CHARLIE, is_owner: bool = False
) -> int:
    """Hand over bytes of the link's one file, and return the counter afterwards."""
    storage = app.extensions["minifile"].storage
    reading = Reading(link, who, is_owner)
    hand_over_file(reading, link.files[0], span, storage=storage, lease=DAY, now=NOW)
    count = db.session.scalar(db.select(Link.download_count).where(Link.id == link.id))
    return count or 0


@pytest.fixture
def link(any_database_app: Flask):
    with any_database_app.app_context():
        yield make_link(any_database_app, b"hello")


def test_handed_over_delivery_is_spent_and_never_completed(any_database_app: Flask, link: Link):
    hand_over(any_database_app, link)

    delivery = db.session.scalars(db.select(Delivery)).one()
    assert delivery.handed_over_at == NOW
    assert delivery.completed_at is None
    assert (delivery.bytes_sent, delivery.ranges) == (0, [])
    assert (delivery.in_flight, delivery.in_flight_until) == (0, None)
    assert db.session.scalars(db.select(Slot)).one().completed_at is None


@pytest.mark.parametrize("who", [BOB, CHARLIE], ids=["by cookie", "by address"])
def test_each_fresh_start_is_a_download(any_database_app: Flask, link: Link, who: Visitor):
    counts = [hand_over(any_database_app, link, who=who) for _ in range(3)]

    assert counts == [1, 2, 3]


def test_resume_belongs_to_the_download_that_was_cut(any_database_app: Flask, link: Link):
    hand_over(any_database_app, link)

    assert hand_over(any_database_app, link, Span(1, 5)) == 1
    assert hand_over(any_database_app, link, Span(1, 5)) == 2


def test_ranges_at_once_are_one_download(any_database_app: Flask, link: Link):
    counts = [
        hand_over(any_database_app, link, span) for span in (Span(3, 5), Span(0, 2), Span(2, 3))
    ]

    assert counts == [1, 1, 1]


def test_an_empty_file_counts_each_time(any_database_app: Flask):
    with any_database_app.app_context():
        empty = make_link(any_database_app, b"")

        assert hand_over(any_database_app, empty, Span(0, 0)) == 1
        assert hand_over(any_database_app, empty, Span(0, 0)) == 2


def test_the_owner_is_not_counted(any_database_app: Flask, link: Link):
    assert hand_over(any_database_app, link, who=ALICE, is_owner=True) == 0


def test_a_missing_blob_is_found_before_anything_counts(any_database_app: Flask, link: Link):
    storage: Storage = any_database_app.extensions["minifile"].storage
    storage.delete(link.files[0].storage_key)

    with pytest.raises(BlobMissing):
        hand_over(any_database_app, link)

    assert db.session.scalars(db.select(Slot)).all() == []
