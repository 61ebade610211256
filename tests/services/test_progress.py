"""What a sender sees of the deliveries of a link, on both databases."""

from datetime import timedelta

from conftest import NOW
from flask import Flask
from services.making import BOB, CHARLIE, DAY, begin, end_delivery, make_link, visitor

from minifile.services.deliveries import IN_FLIGHT_FOR
from minifile.services.downloads import Reading
from minifile.services.handovers import hand_over_file
from minifile.services.progress import MAX_DELIVERIES, read_progress
from minifile.values import DeliveryState, LinkRecord, Span

LATER = NOW + timedelta(seconds=5)


def states(link: LinkRecord, now=LATER) -> list[str]:
    return [seen.state for seen in read_progress(link, now=now).deliveries]


def end(link: LinkRecord, ticket, size_bytes: int) -> None:
    file_id = link.files[0].id
    end_delivery(ticket, {file_id: size_bytes}, {file_id: size_bytes}, now=LATER)


def test_a_link_that_nobody_has_fetched_has_none(everywhere: Flask):
    progress = read_progress(make_link(everywhere), now=NOW)

    assert (progress.fetching, list(progress.deliveries)) == (0, [])


def test_running_completed_and_aborted_ones_are_told_apart_newest_first(everywhere: Flask):
    link = make_link(everywhere)
    end(link, begin(link, BOB), 5)
    end(link, begin(link, CHARLIE), 2)
    begin(link, visitor(address="198.51.100.1"))

    progress = read_progress(link, now=LATER)

    assert [seen.state for seen in progress.deliveries] == ["fetching", "aborted", "completed"]
    assert [seen.bytes_sent for seen in progress.deliveries] == [0, 2, 5]
    assert [seen.completed_at for seen in progress.deliveries] == [None, None, LATER]
    assert {seen.file.filename for seen in progress.deliveries} == {"0.bin"}
    assert progress.fetching == 1


def test_one_whose_process_died_is_aborted_when_its_mark_runs_out(everywhere: Flask):
    link = make_link(everywhere)
    begin(link)

    assert states(link, NOW + IN_FLIGHT_FOR - timedelta(seconds=1)) == [DeliveryState.FETCHING]
    assert states(link, NOW + IN_FLIGHT_FOR) == [DeliveryState.ABORTED]
    assert read_progress(link, now=NOW + IN_FLIGHT_FOR).fetching == 0


def test_a_handed_over_one_is_never_called_completed(everywhere: Flask):
    link = make_link(everywhere)
    storage = everywhere.extensions["minifile"].storage
    reading = Reading(link, CHARLIE, is_owner=False)
    hand_over_file(reading, link.files[0], Span(0, 5), storage=storage, lease=DAY, now=NOW)

    assert states(link) == [DeliveryState.HANDED_OVER]


def test_the_deliveries_of_another_link_are_not_seen(everywhere: Flask):
    link, other = make_link(everywhere), make_link(everywhere)
    begin(other, BOB)

    assert states(link) == []


def test_the_newest_are_shown_of_very_many(here: Flask):
    link = make_link(here)
    for number in range(MAX_DELIVERIES + 10):
        begin(link, visitor(address=f"198.51.100.{number}"), NOW + timedelta(seconds=number))

    progress = read_progress(link, now=NOW + timedelta(seconds=59))

    assert len(progress.deliveries) == MAX_DELIVERIES
    assert progress.deliveries[0].started_at == NOW + timedelta(seconds=MAX_DELIVERIES + 9)
    assert progress.fetching == MAX_DELIVERIES + 10
