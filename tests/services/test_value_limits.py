"""Breakdowns are bounded, whatever and however much strangers say of themselves."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from conftest import NOW
from counting import count
from flask import Flask
from people import make_user
from services.making import BOB, DAY, at_once, begin, make_link
from sqlalchemy import event, func, select, update

from minifile.extensions import db, write_transaction
from minifile.models import Breakdown, Link
from minifile.policy.timelines import TallyStep
from minifile.services.analytics import break_down
from minifile.services.counts import EVERYTHING, Subject, TallyScope
from minifile.services.pacing import ROWS
from minifile.services.rollup import end_slots, roll_up
from minifile.services.statements import driver_of
from minifile.services.value_limits import MAX_VALUES
from minifile.services.visits import note_within
from minifile.values import LinkRecord, Origin, VisitKind

SINCE, UNTIL = NOW - 2 * DAY, NOW + 60 * DAY
QUARTER = timedelta(minutes=15)


@pytest.fixture
def link(everywhere: Flask) -> LinkRecord:
    """A link of a user."""
    user = make_user(everywhere)
    link = make_link(everywhere, lifetime=30 * DAY)
    with write_transaction() as session:
        session.execute(update(Link).values(owner_id=user.id))
    return link


def open_page(link: LinkRecord, sites: Iterable[str], now: datetime = NOW) -> None:
    """Let people open the page, each led there by a site."""
    with write_transaction() as session:
        for site in sites:
            origin = Origin("Firefox", "Linux", None, site)
            note_within(driver_of(session), link.id, VisitKind.OPENED, origin, now=now)


def sites(prefix: str, number: int) -> list[str]:
    return [f"{prefix}{each:03}.example" for each in range(number)]


def opened_by(
    subject: Subject, since: datetime = SINCE, until: datetime = UNTIL, kind: str = "referrer"
) -> dict[str, int]:
    shares = break_down(subject, since, until, limit=9999)[kind]
    return {share.value: share.opened for share in shares}


def rows_of(step: TallyStep) -> dict[str, int]:
    """Return the sites that led to the link, as one step of time has them."""
    is_it = (Breakdown.scope == "link") & (Breakdown.kind == "referrer")
    query = select(Breakdown.value, func.sum(Breakdown.opened)).where(is_it)
    rows = db.session.execute(query.where(Breakdown.step == step.value).group_by(Breakdown.value))
    found = {value: int(opened) for value, opened in rows}
    db.session.commit()
    return found


def test_beyond_the_limit_sites_are_counted_together_and_none_is_lost(link: LinkRecord):
    for batch in ("a", "b", "c"):
        open_page(link, sites(batch, 90))
        roll_up(NOW)

    owner = db.session.scalar(select(Link.owner_id)) or 0
    for subject in (
        Subject(TallyScope.LINK, link.id),
        Subject(TallyScope.USER, owner),
        EVERYTHING,
    ):
        found, limit = opened_by(subject), MAX_VALUES[subject.scope]
        assert len(found) == limit + 1
        assert found["Other"] == 270 - limit
        assert sum(found.values()) == count(subject, SINCE, UNTIL, now=NOW).opened == 270
        assert opened_by(subject, kind="family") == {"Firefox": 270}


def test_quarters_days_and_months_agree_on_what_is_counted_together(link: LinkRecord):
    open_page(link, sites("a", 130), NOW)
    open_page(link, sites("b", 130), NOW + DAY)
    roll_up(NOW + DAY)

    subject = Subject(TallyScope.LINK, link.id)
    by_step = {step: rows_of(step) for step in TallyStep}

    assert by_step[TallyStep.QUARTER] == by_step[TallyStep.DAY] == by_step[TallyStep.MONTH]
    assert by_step[TallyStep.MONTH] == opened_by(subject)
    assert by_step[TallyStep.MONTH]["Other"] == 160
    quarter = NOW.replace(minute=0, second=0, microsecond=0)
    assert sum(opened_by(subject, quarter, quarter + 4 * QUARTER).values()) == 130


def test_a_site_that_has_a_row_keeps_it_when_there_is_no_room_for_others(link: LinkRecord):
    open_page(link, sites("a", 100))
    roll_up(NOW)
    open_page(link, [*sites("a", 3), "new.example"], NOW + DAY)
    roll_up(NOW + DAY)

    found = opened_by(Subject(TallyScope.LINK, link.id))
    assert (found["a000.example"], found["a003.example"], found["Other"]) == (2, 1, 1)


def test_the_sites_that_lead_here_most_often_get_the_last_rows(link: LinkRecord):
    open_page(link, sites("a", 98))
    roll_up(NOW)
    open_page(link, [*sites("b", 20), "y.example", "z.example", "y.example", "z.example"])
    roll_up(NOW)

    found = opened_by(Subject(TallyScope.LINK, link.id))
    assert (found["y.example"], found["z.example"], found["Other"]) == (2, 2, 20)


def test_each_month_has_room_again(link: LinkRecord):
    open_page(link, sites("a", 101), NOW)
    open_page(link, sites("b", 50), NOW + 31 * DAY)
    roll_up(NOW + 31 * DAY)

    found = opened_by(Subject(TallyScope.LINK, link.id))
    assert (found["Other"], found["b049.example"]) == (1, 1)


def test_what_downloads_say_is_bounded_too(link: LinkRecord):
    open_page(link, sites("a", 100))
    roll_up(NOW)
    begin(link, replace(BOB, origin=Origin("curl", None, None, "late.example")))
    end_slots(NOW + 2 * DAY)

    shares = break_down(Subject(TallyScope.LINK, link.id), SINCE, UNTIL, limit=999)["referrer"]
    assert [share.value for share in shares if share.downloads] == ["Other"]
    assert len(shares) == 101


def test_roll_ups_at_once_keep_to_the_limit_and_count_everything_once(
    everywhere: Flask, link: LinkRecord
):
    open_page(link, sites("a", 150))

    at_once(everywhere, *[lambda: roll_up(NOW)] * 3)

    found = opened_by(Subject(TallyScope.LINK, link.id))
    assert (len(found), found["Other"], sum(found.values())) == (101, 50, 150)


def test_a_transaction_stays_small_whatever_many_visits_say(link: LinkRecord):
    open_page(link, sites("a", 150))
    rows = []

    def look(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("INSERT INTO breakdown"):
            rows.append(len(parameters))

    event.listen(db.engine, "before_cursor_execute", look)
    roll_up(NOW)
    event.remove(db.engine, "before_cursor_execute", look)

    # One visit more than there was room for writes four kinds in three steps for three subjects.
    assert max(rows) < ROWS + 36
    assert sum(opened_by(EVERYTHING).values()) == 150
