"""What counts as a download: each rule, on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import NOW
from flask import Flask
from services.making import (
    ALICE,
    BOB,
    CHARLIE,
    DAY,
    at_once,
    begin_delivery,
    end_delivery,
    make_link,
    visitor,
)
from sqlalchemy import event, select, update

from minifile.errors import BlobMissing, LinkExhausted, LinkExpired, LinkRevoked
from minifile.extensions import db
from minifile.models import Delivery, Link, Slot
from minifile.policy.counting import MAX_REQUESTS, FileSpan
from minifile.services.deliveries import IN_FLIGHT_FOR, Ticket, check_servable, renew_deliveries
from minifile.services.downloads import Reading, open_file
from minifile.services.links import LinkChanges, change_link, revoke_link
from minifile.services.ownership import is_owner
from minifile.services.records import read_link
from minifile.services.statements import reading
from minifile.values import Span, Visitor

SECOND = timedelta(seconds=1)
BROWSER = replace(CHARLIE, browser="c" * 32)
HUNDRED = b"x" * 100


def made(app: Flask, *contents: bytes, **choices) -> Link:
    """Make a link whose row and files no session changes behind the threads' backs."""
    link = make_link(app, *contents, **choices)
    assert link.files
    db.session.expunge_all()
    return link


def begin(
    link: Link, start: int = 0, stop: int = 100, *, who: Visitor = CHARLIE, at: int = 0, now=NOW
) -> Ticket:
    """Ask for bytes of one file; the answer stays in flight."""
    file = link.files[at]
    part = FileSpan(file.id, file.size_bytes, Span(start, min(stop, file.size_bytes)))
    return begin_delivery(link, who, [part], fresh=not start, lease=DAY, now=now)


def end(ticket: Ticket, sent: int, now=NOW) -> None:
    end_delivery(
        ticket,
        {part.file_id: sent for part in ticket.parts},
        {part.file_id: sent for part in ticket.parts},
        now=now,
    )


def fetch(link: Link, start: int = 0, stop: int = 100, *, sent: int | None = None, **how) -> int:
    """Ask for bytes and take `sent` of them (by default all); return the link's counter."""
    ticket = begin(link, start, stop, **how)
    end(ticket, stop - start if sent is None else sent, how.get("now", NOW))
    return count(link)


def count(link: Link) -> int:
    counted = db.session.scalars(select(Link.download_count).where(Link.id == link.id)).one()
    db.session.commit()
    return counted


def delivery(link: Link, at: int = 0) -> Delivery:
    """Return the newest delivery of a file as it is in the database."""
    query = select(Delivery).where(Delivery.file_id == link.files[at].id).order_by(Delivery.id)
    found = db.session.scalars(query.execution_options(populate_existing=True)).all()[-1]
    db.session.commit()
    return found


def test_exactly_k_of_many_parallel_clients_are_served(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=5)
    clients = [visitor(address=f"198.51.100.{n}") for n in range(16)]

    results = at_once(everywhere, *[lambda who=who: begin(link, who=who) for who in clients])

    assert sum(isinstance(each, Ticket) for each in results) == 5
    assert sum(isinstance(each, LinkExhausted) for each in results) == 11
    assert count(link) == 5


def test_parallel_fresh_starts_behind_one_address_are_downloads_each(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=5)

    results = at_once(everywhere, *[lambda: begin(link)] * 12)

    assert sum(isinstance(each, Ticket) for each in results) == 5
    assert count(link) == 5


def test_the_first_ranges_of_a_client_at_once_make_one_slot(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    starts = (0, 25, 50, 75)

    results = at_once(
        everywhere, *[lambda s=s: begin(link, s, s + 25, who=BROWSER) for s in starts]
    )

    assert len({ticket.slot_id for ticket in results}) == 1
    assert count(link) == 1


def test_ranges_behind_the_first_bytes_join_whoever_the_client_is(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    begin(link, 0, 25)

    results = at_once(everywhere, *[lambda s=s: begin(link, s, s + 25) for s in (25, 50, 75)])

    assert all(isinstance(each, Ticket) for each in results)
    assert count(link) == 1


def test_many_links_are_counted_apart(everywhere: Flask):
    first, second = (made(everywhere, HUNDRED, max_downloads=1) for _ in range(2))

    assert fetch(first) == 1
    assert fetch(second) == 1


def test_a_resume_joins_its_slot(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    fetch(link, sent=30)

    assert fetch(link, 30) == 1
    assert delivery(link).completed_at == NOW
    assert delivery(link).ranges == [[0, 100]]


def test_one_fresh_start_after_a_cut_joins_too(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    fetch(link, sent=99)

    assert fetch(link) == 1
    assert delivery(link).bytes_sent == 199


def test_a_closed_file_needs_a_new_slot_for_a_fresh_start(everywhere: Flask):
    link = made(everywhere, HUNDRED)

    assert fetch(link) == 1
    assert fetch(link) == 2
    assert fetch(link, who=BROWSER) == 3
    assert fetch(link, who=BROWSER) == 4


def test_a_closed_file_of_an_exhausted_link_is_refused(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    fetch(link)

    with pytest.raises(LinkExhausted):
        begin(link)
    assert count(link) == 1


def test_ranges_of_a_closed_file_are_served_while_the_budget_lasts(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    fetch(link)

    assert fetch(link, 1) == 1
    with pytest.raises(LinkExhausted):
        begin(link, 98, 100)


def test_the_budget_is_twice_the_size_and_reserved_before_the_first_byte(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    begin(link)
    begin(link, 1)

    assert delivery(link).bytes_reserved == 199
    with pytest.raises(LinkExhausted):
        begin(link, 50, 52)
    assert begin(link, 50, 51).slot_id


def test_what_was_not_sent_is_given_back_to_the_budget(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)

    for _ in range(6):
        fetch(link, sent=20)

    assert count(link) == 1
    assert delivery(link).bytes_reserved == delivery(link).bytes_sent == 120
    with pytest.raises(LinkExhausted):
        begin(link)


def test_aborting_and_starting_over_does_not_stretch_a_limit(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    fetch(link, sent=99)
    fetch(link, 50, sent=49)

    with pytest.raises(LinkExhausted):
        begin(link)
    assert delivery(link).bytes_sent <= 200
    assert count(link) == 1


def test_another_slot_is_taken_where_the_limit_allows_it(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=2)
    fetch(link, sent=99)
    fetch(link, sent=99)

    assert fetch(link) == 2


def test_a_fresh_start_beside_one_in_flight_is_somebody_else(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    begin(link)

    begin(link)

    assert count(link) == 2


def test_a_cookie_is_one_client_however_it_starts(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    begin(link, who=BROWSER)

    begin(link, who=BROWSER)

    assert count(link) == 1


def test_a_cookie_is_one_client_at_any_address(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    fetch(link, sent=50, who=BROWSER)

    assert fetch(link, 50, who=replace(BROWSER, address="203.0.113.9", user_agent="x")) == 1


def test_another_file_of_the_link_is_not_in_flight(everywhere: Flask):
    link = made(everywhere, HUNDRED, HUNDRED, max_downloads=1)
    begin(link, at=0)

    assert fetch(link, at=1) == 1


@pytest.mark.parametrize(
    ("after", "counted"),
    [
        pytest.param(IN_FLIGHT_FOR - SECOND, 2, id="59 s: alive"),
        pytest.param(IN_FLIGHT_FOR, 1, id="60 s: dead"),
    ],
)
def test_a_mark_goes_stale_after_a_minute(everywhere: Flask, after: timedelta, counted: int):
    link = made(everywhere, HUNDRED)
    begin(link)

    begin(link, now=NOW + after)

    assert count(link) == counted


def test_a_renewed_mark_lives_a_minute_longer(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    ticket = begin(link)

    renew_deliveries([ticket], now=NOW + 50 * SECOND)
    begin(link, now=NOW + 100 * SECOND)

    assert count(link) == 2


def test_what_a_killed_process_had_reserved_stays_spent(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    begin(link)
    later = NOW + IN_FLIGHT_FOR

    assert fetch(link, sent=50, now=later) == 1
    with pytest.raises(LinkExhausted):
        begin(link, now=later)
    assert fetch(link, 50, now=later) == 1


def test_a_mark_of_a_dead_response_does_not_outlive_the_next_one(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    begin(link)

    fetch(link, sent=10, now=NOW + IN_FLIGHT_FOR)

    assert (delivery(link).in_flight, delivery(link).in_flight_until) == (0, None)


def test_a_slot_whose_responses_sent_nothing_is_given_back(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)

    assert fetch(link, sent=0) == 0
    assert db.session.scalars(select(Slot)).all() == []
    assert fetch(link, who=BOB) == 1


def test_a_slot_in_use_is_not_given_back(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    first, second = begin(link, 0, 50), begin(link, 50)

    end(first, 0)
    assert count(link) == 1
    end(second, 1)

    assert count(link) == 1


def test_a_slot_is_given_back_once_its_last_response_sent_nothing(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    tickets = [begin(link, 0, 50), begin(link, 50)]

    at_once(everywhere, *[lambda t=ticket: end(t, 0) for ticket in tickets])

    assert count(link) == 0


def test_a_slot_that_has_had_bytes_is_kept_when_a_resume_sends_nothing(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    fetch(link, sent=10)

    assert fetch(link, 10, sent=0) == 1


def test_giving_back_never_counts_below_nothing(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    tickets = [begin(link, who=visitor(address=f"198.51.100.{n}")) for n in range(8)]

    at_once(everywhere, *[lambda t=ticket: end(t, 0) for ticket in tickets])

    assert count(link) == 0


def test_an_empty_file_counts_and_is_closed(everywhere: Flask):
    link = made(everywhere, b"", max_downloads=1)

    assert fetch(link, 0, 0) == 1
    assert delivery(link).completed_at == NOW
    with pytest.raises(LinkExhausted):
        begin(link)


def test_a_delivery_knows_what_was_had_and_when_it_was_whole(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    fetch(link, 0, 20)
    fetch(link, 60, 100, now=NOW + SECOND)
    assert (delivery(link).ranges, delivery(link).completed_at) == ([[0, 20], [60, 100]], None)

    fetch(link, 20, 60, now=NOW + 2 * SECOND)

    assert delivery(link).ranges == [[0, 100]]
    assert delivery(link).started_at == NOW
    assert delivery(link).completed_at == NOW + 2 * SECOND
    assert delivery(link).bytes_sent == 100


@pytest.mark.parametrize("who", [CHARLIE, BROWSER], ids=["address", "cookie"])
def test_a_slot_takes_a_thousand_requests(everywhere: Flask, who: Visitor):
    link = made(everywhere, HUNDRED)
    fetch(link, sent=1, who=who)
    db.session.execute(update(Slot).values(requests=MAX_REQUESTS - 1))
    db.session.commit()

    assert fetch(link, 1, sent=1, who=who) == 1
    assert fetch(link, 2, sent=1, who=who) == 2


def test_a_delivery_takes_64_separate_ranges(everywhere: Flask):
    link = made(everywhere, b"x" * 1000, max_downloads=1)
    for n in range(64):
        fetch(link, 10 * n, 10 * n + 1)

    with pytest.raises(LinkExhausted):
        begin(link, 700, 701)
    assert fetch(link, 1, 10) == 1
    assert fetch(link, 700, 701) == 1


def test_every_file_of_the_link_is_one_download_together(everywhere: Flask):
    link = made(everywhere, HUNDRED, HUNDRED, b"", max_downloads=1)

    assert fetch(link, at=0) == 1
    assert fetch(link, at=1) == 1
    assert fetch(link, 0, 0, at=2) == 1


def begin_zip(link: Link, start: int = 0, stop: int = 100, *, who: Visitor = CHARLIE) -> Ticket:
    """Ask for the same range of every file, as a part of a zip would."""
    parts = [FileSpan(file.id, file.size_bytes, Span(start, stop)) for file in link.files]
    return begin_delivery(link, who, parts, fresh=not start, lease=DAY, now=NOW)


def test_a_zip_delivers_every_file(everywhere: Flask):
    link = made(everywhere, HUNDRED, HUNDRED, max_downloads=1)

    end(begin_zip(link), 100)

    assert [delivery(link, at).completed_at for at in (0, 1)] == [NOW, NOW]
    with pytest.raises(LinkExhausted):
        begin(link, at=1)


def test_a_zip_with_a_file_that_was_had_is_a_new_download(everywhere: Flask):
    link = made(everywhere, HUNDRED, HUNDRED)
    fetch(link, at=0)

    end(begin_zip(link), 100)

    assert count(link) == 2


def test_a_cut_zip_can_be_finished_file_by_file(everywhere: Flask):
    link = made(everywhere, HUNDRED, HUNDRED, max_downloads=1)
    ticket = begin_zip(link)
    first, _ = (part.file_id for part in ticket.parts)

    end_delivery(ticket, {first: 100}, {first: 100}, now=NOW)

    assert delivery(link, 1).bytes_reserved == 0
    assert fetch(link, at=1) == 1


def test_parallel_zips_and_files_are_counted_without_a_deadlock(everywhere: Flask):
    link = made(everywhere, HUNDRED, HUNDRED)
    who = [visitor(address=f"198.51.100.{n}") for n in range(6)]
    calls = [lambda w=w: end(begin_zip(link, who=w), 100) for w in who]
    calls += [lambda w=w: end(begin(link, who=w, at=1), 100) for w in who]

    results = at_once(everywhere, *calls)

    assert results == [None] * 12
    assert 6 <= count(link) <= 12


def test_a_client_whose_address_can_not_be_trusted_never_joins(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    unknown = replace(CHARLIE, address=None)
    fetch(link, sent=50, who=unknown)

    assert fetch(link, 50, who=unknown) == 2


def test_a_cookie_joins_even_where_the_address_can_not_be_trusted(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    unknown = replace(BROWSER, address=None)
    fetch(link, sent=50, who=unknown)

    assert fetch(link, 50, who=unknown) == 1


@pytest.mark.parametrize(
    ("other", "counted"),
    [
        pytest.param("2001:db8:1:2::ffff", 1, id="same /64"),
        pytest.param("2001:db8:1:3::1", 2, id="other /64"),
    ],
)
def test_an_ipv6_client_is_its_network(everywhere: Flask, other: str, counted: int):
    link = made(everywhere, HUNDRED)
    fetch(link, sent=50, who=visitor(address="2001:db8:1:2::1"))

    assert fetch(link, 50, who=visitor(address=other)) == counted


def test_another_program_of_the_same_address_is_another_client(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    fetch(link, sent=50)

    assert fetch(link, 50, who=replace(CHARLIE, user_agent="Wget/1.21")) == 2


def test_a_client_is_known_past_midnight(everywhere: Flask):
    late = NOW.replace(hour=23, minute=59)
    link = made(everywhere, HUNDRED, max_downloads=1, now=late)
    fetch(link, sent=50, now=late)

    assert fetch(link, 50, now=late + timedelta(minutes=2)) == 1


def test_the_address_of_a_client_is_not_kept(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    fetch(link)

    kept = db.session.scalars(select(Slot.client)).one()

    assert len(kept) == 64
    assert int(kept, 16)


@pytest.mark.parametrize(
    ("after", "counted"), [(DAY - SECOND, 1), (DAY, 2)], ids=["before", "at the end"]
)
def test_a_slot_ends_with_its_lease(everywhere: Flask, after: timedelta, counted: int):
    link = made(everywhere, HUNDRED, lifetime=3 * DAY)
    fetch(link, sent=50)

    assert fetch(link, 50, now=NOW + after) == counted


def test_a_slot_lives_on_when_the_link_is_prolonged(everywhere: Flask):
    link = made(everywhere, HUNDRED, lifetime=timedelta(hours=2), max_downloads=1)
    fetch(link, sent=50)
    limits = everywhere.extensions["minifile"].settings.limits
    change_link(link, LinkChanges(1, None, lifetime=3 * DAY), limits=limits, now=NOW)

    assert fetch(link, 50, now=NOW + timedelta(hours=3)) == 1


def test_what_was_sent_is_spent_and_only_what_arrived_is_had(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    ticket = begin(link)
    file_id = link.files[0].id

    end_delivery(ticket, {file_id: 100}, {file_id: 0}, now=NOW)

    delivery = db.session.scalars(select(Delivery)).one()
    assert (delivery.bytes_reserved, delivery.ranges, delivery.completed_at) == (100, [], None)
    assert count_of(link) == 1


def test_ranges_at_once_are_one_download_whichever_comes_first(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)

    begin(link, 50, 100)
    begin(link, 0, 50)

    assert count_of(link) == 1


def test_the_start_of_a_file_is_joined_by_one_of_many_at_once(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=2)

    begin(link, 50, 100)
    begin(link, 0, 50)
    begin(link, 0, 50)

    assert count_of(link) == 2


def test_a_client_that_came_a_hundred_times_is_served_as_cheaply_as_a_new_one(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    for _ in range(100):
        fetch(link)

    with statements(everywhere) as counted:
        fetch(link)

    assert count_of(link) == 101
    assert len(counted) < 20


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect the statements that the block sends."""
    seen: list[str] = []

    def note(_connection, _cursor, statement: str, *_rest) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def count_of(link: Link) -> int:
    db.session.rollback()
    return db.session.scalars(select(Link.download_count).where(Link.id == link.id)).one()


def change(app: Flask, link: Link, max_downloads: int | None) -> None:
    limits = app.extensions["minifile"].settings.limits
    change_link(link, LinkChanges(max_downloads, None), limits=limits, now=NOW)


@pytest.mark.parametrize("limit", [2, None], ids=["raised", "removed"])
def test_a_raised_limit_lets_the_next_one_in(everywhere: Flask, limit: int | None):
    link = made(everywhere, HUNDRED, max_downloads=1)
    fetch(link)

    change(everywhere, link, limit)

    assert fetch(link, who=BOB) == 2


def test_a_lowered_limit_still_serves_who_has_begun(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=3)
    fetch(link, sent=50)
    fetch(link, who=BOB)

    change(everywhere, link, 1)

    assert fetch(link, 50) == 2
    with pytest.raises(LinkExhausted):
        begin(link, who=visitor(address="203.0.113.5"))


def test_an_exhausted_link_is_servable_to_holders_only(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    fetch(link, sent=50)
    with reading(db.engine) as driver:
        found = read_link(driver, link.code)

    check_servable(found, CHARLIE, now=NOW)
    with pytest.raises(LinkExhausted):
        check_servable(found, BOB, now=NOW)


@pytest.mark.parametrize("start", [0, 50], ids=["fresh", "resume"])
def test_a_link_that_expires_between_look_up_and_slot_counts_nothing(everywhere: Flask, start: int):
    link = made(everywhere, HUNDRED)
    fetch(link, sent=50)

    with pytest.raises(LinkExpired):
        begin(link, start, now=link.expires_at)
    assert begin(link, 50, now=link.expires_at - timedelta(microseconds=1))
    assert count(link) == 1


@pytest.mark.parametrize("start", [0, 50], ids=["fresh", "resume"])
def test_a_link_that_is_revoked_between_look_up_and_slot_counts_nothing(
    everywhere: Flask, start: int
):
    link = made(everywhere, HUNDRED)
    fetch(link, sent=50)
    revoke_link(link, now=NOW)

    with pytest.raises(LinkRevoked):
        begin(link, start)
    assert count(link) == 1


def test_a_running_response_may_end_after_expiry(everywhere: Flask):
    link = made(everywhere, HUNDRED)
    ticket = begin(link)

    end(ticket, 100, now=link.expires_at + SECOND)

    assert delivery(link).completed_at == link.expires_at + SECOND


def open_(app: Flask, link: Link, who: Visitor) -> Ticket | None:
    storage = app.extensions["minifile"].storage
    reading = Reading(link, who, is_owner=is_owner(link, who))
    found = open_file(reading, link.files[0], Span(0, 100), storage=storage, lease=DAY, now=NOW)
    found.blob.close()
    return found.ticket


@pytest.mark.parametrize("limit", [None, 1], ids=["no limit", "limit"])
def test_the_owner_is_never_counted(everywhere: Flask, limit: int | None):
    link = made(everywhere, HUNDRED, max_downloads=limit)

    tickets = [open_(everywhere, link, ALICE) for _ in range(3)]

    assert tickets == [None] * 3
    assert count(link) == 0


def test_a_missing_blob_counts_nothing(everywhere: Flask):
    link = made(everywhere, HUNDRED, max_downloads=1)
    everywhere.extensions["minifile"].storage.delete(link.files[0].storage_key)

    with pytest.raises(BlobMissing):
        open_(everywhere, link, BOB)
    assert count(link) == 0
