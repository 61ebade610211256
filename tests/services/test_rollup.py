"""The roll-up: numbers are the same before and after it, however often and wherever it runs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from counting import count
from flask import Flask
from services.making import (
    BOB,
    CHARLIE,
    DAY,
    at_once,
    begin_delivery,
    end_delivery,
    make_link,
    storage_of,
)
from sqlalchemy import func, select, update

from minifile.extensions import db, read_as_one, write_transaction
from minifile.models import Delivery, SeenClient, Slot, Visit
from minifile.policy.counting import FileSpan
from minifile.services.analytics import break_down, timeline
from minifile.services.counts import EVERYTHING, Counts, Subject, TallyScope
from minifile.services.forgetting import forget
from minifile.services.link_files import remove_file
from minifile.services.links import revoke_link
from minifile.services.purge import purge_expired
from minifile.services.rollup import end_slots, roll_up
from minifile.services.top_links import top_links
from minifile.services.visits import note_visit
from minifile.values import LinkRecord, Origin, Span, VisitKind, Visitor

# Ten minutes before a day of Berlin and an hour before one of UTC begins.
EVENING = datetime(2026, 11, 22, 21, 50, tzinfo=UTC)
HOUR = timedelta(hours=1)
SINCE, UNTIL = EVENING.replace(hour=0, minute=0), EVENING.replace(hour=0, minute=0) + 3 * DAY
FIREFOX = replace(BOB, origin=Origin("Firefox", "Linux", "DE", "example.org"))


def fetch(
    link: LinkRecord,
    who: Visitor,
    at: datetime,
    start: int = 0,
    stop: int = 100,
    *,
    file: int = 0,
    sent: int | None = None,
) -> None:
    """Fetch a span of one file of the link; `sent` bytes of it arrive."""
    asked = link.files[file]
    parts = [FileSpan(asked.id, asked.size_bytes, Span(start, stop))]
    ticket = begin_delivery(link, who, parts, fresh=not start, lease=DAY, now=at)
    arrived = {asked.id: stop - start if sent is None else sent}
    end_delivery(ticket, arrived, arrived, now=at)


def a_busy_link(app: Flask) -> LinkRecord:
    """Make a link of two files on which all kinds of things happen, over midnight."""
    link = make_link(app, b"a" * 100, b"b" * 100, now=EVENING - HOUR, lifetime=4 * DAY)
    fetch(link, FIREFOX, EVENING)
    fetch(link, FIREFOX, EVENING + HOUR, file=1)
    fetch(link, CHARLIE, EVENING + HOUR, sent=60)
    fetch(link, CHARLIE, EVENING + 2 * HOUR, start=60, sent=30, stop=100)
    fetch(link, CHARLIE, EVENING + 3 * HOUR, file=1, sent=10)
    note_visit(link.id, VisitKind.OPENED, FIREFOX, now=EVENING)
    note_visit(link.id, VisitKind.OPENED, CHARLIE, now=EVENING + 3 * HOUR)
    note_visit(link.id, VisitKind.PREVIEW, BOB, file_id=link.files[0].id, now=EVENING)
    note_visit(link.id, VisitKind.WRONG_PASSWORD, CHARLIE, now=EVENING)
    return link


def all_numbers(link: LinkRecord) -> list[object]:
    now = EVENING + 4 * HOUR
    subjects = [
        Subject(TallyScope.LINK, link.id),
        Subject(TallyScope.FILE, link.files[0].id),
        Subject(TallyScope.FILE, link.files[1].id),
        EVERYTHING,
    ]
    quarters = [SINCE + timedelta(minutes=15) * n for n in range(3 * 96 + 1)]
    days_in_berlin = [SINCE - HOUR + DAY * n for n in range(4)]
    found: list[object] = [count(each, SINCE, UNTIL, now=now) for each in subjects]
    found += [timeline(each, quarters, now=now) for each in subjects]
    found += [timeline(subjects[0], days_in_berlin, now=now)]
    found += [break_down(subjects[0], SINCE, UNTIL, limit=10)]
    found += [top_links(EVERYTHING, SINCE, UNTIL, limit=5, now=now)]
    return found


def test_the_numbers_of_a_link_are_what_happened(everywhere: Flask):
    link = a_busy_link(everywhere)

    numbers = count(Subject(TallyScope.LINK, link.id), SINCE, UNTIL, now=EVENING + 4 * HOUR)

    assert numbers == Counts(
        downloads=2,
        downloads_completed=1,
        deliveries=4,
        deliveries_completed=2,
        deliveries_resumed=1,
        resumes=1,
        reached_25=3,
        reached_50=3,
        reached_75=3,
        bytes_sent=300,
        bytes_arrived=300,
        clients=2,
        opened=2,
        previews=1,
        wrong_passwords=1,
        links=1,
        files=2,
        bytes_received=200,
    )
    assert (numbers.deliveries_aborted, numbers.downloads_aborted, numbers.refused) == (2, 1, 1)


def test_all_numbers_are_the_same_after_each_step_of_the_roll_up(everywhere: Flask):
    link = a_busy_link(everywhere)
    before = all_numbers(link)

    roll_up(EVENING)
    after_visits = all_numbers(link)
    # The slot of the first client is over by then, that of the second is not.
    end_slots(EVENING + DAY)
    half = all_numbers(link)
    end_slots(EVENING + 2 * DAY)
    end_slots(EVENING + 2 * DAY)
    after = all_numbers(link)
    forget(retention=timedelta(0), now=EVENING + 40 * DAY)

    assert after_visits == before
    assert half == before
    assert after == before
    assert all_numbers(link) == before
    assert [kept(table) for table in (Visit, Slot, Delivery, SeenClient)] == [0, 0, 0, 0]


def test_what_was_fetched_today_brings_a_link_among_the_best(everywhere: Flask):
    old, rising, new = (
        make_link(everywhere, b"a" * 100, now=EVENING - HOUR, lifetime=4 * DAY) for _ in range(3)
    )
    for link in (old, old, rising):
        fetch(link, BOB, EVENING)
    later = EVENING + DAY + HOUR
    end_slots(later)
    for link in (rising, rising, new):
        fetch(link, BOB, later)

    best = [top_links(EVERYTHING, SINCE, UNTIL, limit=n, now=later) for n in (1, 2, 3)]

    assert [[(each.id, each.counts.downloads) for each in found] for found in best] == [
        [(rising.id, 3)],
        [(rising.id, 3), (old.id, 2)],
        [(rising.id, 3), (old.id, 2), (new.id, 1)],
    ]


def test_what_is_added_up_while_numbers_are_read_is_not_missed(everywhere: Flask):
    a_busy_link(everywhere)
    visits = select(func.count()).select_from(Visit)

    def roll() -> None:
        with everywhere.app_context():
            roll_up(EVENING)

    read_as_one()
    before = db.session.scalar(visits)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(roll).result()

    assert before
    assert db.session.scalar(visits) == before
    db.session.commit()
    assert db.session.scalar(visits) == 0


def test_several_roll_ups_at_once_count_everything_once(everywhere: Flask):
    link = a_busy_link(everywhere)
    before = all_numbers(link)
    db.session.commit()

    def roll() -> None:
        roll_up(EVENING)
        end_slots(EVENING + 2 * DAY)

    at_once(everywhere, *[roll] * 4)

    assert all_numbers(link) == before


def test_what_the_instance_counted_stays_when_a_link_goes(everywhere: Flask):
    link = a_busy_link(everywhere)
    before = count(EVERYTHING, SINCE, UNTIL, now=EVENING + 4 * HOUR)

    revoke_link(link, now=EVENING + 4 * HOUR)
    purge_expired(storage=storage_of(everywhere), now=EVENING + 5 * HOUR)

    assert count(EVERYTHING, SINCE, UNTIL, now=EVENING + 5 * HOUR) == before
    gone = count(Subject(TallyScope.LINK, link.id), SINCE, UNTIL, now=EVENING + 5 * HOUR)
    assert gone == Counts()


def test_what_a_removed_file_was_fetched_stays_counted_of_its_link(everywhere: Flask):
    link = a_busy_link(everywhere)
    subject = Subject(TallyScope.LINK, link.id)
    before = count(subject, SINCE, UNTIL, now=EVENING + 4 * HOUR)

    remove_file(link, link.files[1].id, storage=storage_of(everywhere), now=EVENING + 4 * HOUR)
    removed = count(subject, SINCE, UNTIL, now=EVENING + 4 * HOUR)
    roll_up(EVENING)
    end_slots(EVENING + 2 * DAY)

    assert removed == before
    assert count(subject, SINCE, UNTIL, now=EVENING + 2 * DAY) == before


def test_a_client_counts_once_a_day_and_again_on_the_next(everywhere: Flask):
    link = make_link(everywhere, b"a" * 100, now=EVENING, lifetime=9 * DAY)
    for at in (EVENING, EVENING + HOUR, EVENING + 3 * HOUR):
        fetch(link, CHARLIE, at)

    subject = Subject(TallyScope.LINK, link.id)
    numbers = count(subject, SINCE, UNTIL, now=EVENING + 4 * HOUR)

    assert (numbers.downloads, numbers.clients) == (3, 2)


def test_a_response_on_its_way_keeps_its_slot_from_the_tallies(everywhere: Flask):
    link = make_link(everywhere, b"a" * 100, now=EVENING, lifetime=9 * DAY)
    asked = link.files[0]
    parts = [FileSpan(asked.id, 100, Span(0, 100))]
    late = EVENING + DAY - timedelta(seconds=30)
    ticket = begin_delivery(link, CHARLIE, parts, fresh=True, lease=timedelta(seconds=10), now=late)

    end_slots(late + timedelta(seconds=20))
    end_delivery(ticket, {asked.id: 100}, {asked.id: 100}, now=late + timedelta(seconds=25))
    end_slots(late + timedelta(seconds=26))

    numbers = count(Subject(TallyScope.LINK, link.id), SINCE, UNTIL, now=late + HOUR)
    assert (numbers.deliveries_completed, numbers.bytes_arrived) == (1, 100)


def kept(table: type) -> int:
    found = db.session.scalar(select(func.count()).select_from(table))
    db.session.commit()
    return found or 0


def test_what_was_handed_over_and_is_fetched_again_is_one_that_is_fetched(everywhere: Flask):
    link = make_link(everywhere, b"a" * 100, b"b" * 100, now=EVENING - HOUR, lifetime=4 * DAY)
    asked = link.files[0]
    parts = [FileSpan(asked.id, asked.size_bytes, Span(0, 100))]
    begin_delivery(link, BOB, parts, fresh=True, lease=DAY, now=EVENING)
    with write_transaction() as session:
        session.execute(update(Delivery).values(handed_over_at=EVENING))

    for subject in (Subject(TallyScope.LINK, link.id), Subject(TallyScope.FILE, asked.id)):
        numbers = count(subject, SINCE, UNTIL, now=EVENING)

        assert (numbers.fetching, numbers.deliveries_handed_over) == (1, 0)
        assert (numbers.deliveries_aborted, numbers.downloads_aborted) == (0, 0)
        assert numbers.downloads_handed_over == 0
