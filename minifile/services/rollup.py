"""The roll-up: slots that end, and visits, are added to the tallies.

What is added goes in the same transaction: a slot gets its end, and loses what its client was
known by; a visit is deleted. So everything is counted once, wherever a crash falls, and any number
of roll-ups may run at once. A slot with a response on its way waits until that is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, delete, exists, select, update
from sqlalchemy.orm import Session

from minifile.models import Delivery, File, Link, Slot, Visit
from minifile.policy.timelines import quarter
from minifile.services.counts import EVERYTHING, Subject, TallyScope
from minifile.services.download_notices import hearer_of, tell_of_download
from minifile.services.facts import FAMILY, IS_BEGUN, delivery_columns, slot_columns, visit_counters
from minifile.services.pacing import read_page, unhurried_transaction
from minifile.services.salts import forget_salts
from minifile.services.slots import WHO_FIELDS
from minifile.services.statements import driver_of
from minifile.services.tallies import Sums, see_clients
from minifile.values import Origin, VisitKind

# So many at once that a transaction writes some hundred rows.
SLOTS = 50
VISITS = 200


def roll_up(now: datetime) -> None:
    """Add up what has happened, and destroy the salts that nothing needs any more."""
    roll_up_visits()
    forget_salts(now)


def end_slots(now: datetime) -> None:
    """End slots whose lease is over and in which nothing is on its way."""
    is_over = (Slot.ends_at <= now) & ~_is_in_flight(now)
    # In the order in which they began, so that a client counts where it came first.
    _end(select(Slot.id).where(Slot.ended_at.is_(None), is_over).order_by(Slot.ends_at), now)


def end_slots_of(links: Sequence[int], now: datetime) -> None:
    """End all slots of links that are about to be deleted, and add up their visits."""
    # In the words of their index: an open slot has a client, be it an empty one.
    is_theirs = Slot.link_id.in_(links) & Slot.client.is_not(None)
    _end(select(Slot.id).where(is_theirs, Slot.ended_at.is_(None)), now)
    roll_up_visits(Visit.link_id.in_(links))


def roll_up_visits(wanted: ColumnElement[bool] | None = None) -> None:
    """Add visits to the tallies, and delete them."""
    query = select(Visit.id).order_by(Visit.id)
    if wanted is not None:
        query = query.where(wanted)
    while page := read_page(query, VISITS):
        with unhurried_transaction() as session:
            _add_visits(session, page)


def roll_up_file(session: Session, file_id: int) -> None:
    """Add the deliveries of a file that is about to go, within the caller's transaction.

    The caller holds its link and the children of that. Of the slots nothing is added: they go on.
    """
    sums = Sums()
    for delivery in _read_deliveries(session, Delivery.file_id == file_id):
        subjects = _subjects(delivery.family, delivery.owner_id)
        sums.add(subjects, quarter(delivery.started_at), {"deliveries": 1, **delivery.counters})
    sums.write(session)


@dataclass(frozen=True, slots=True)
class _Fact:
    """A slot or a delivery, as it is added: to whose counters, when, and what."""

    slot_id: int
    link_id: int
    file_id: int | None
    family: int
    owner_id: int | None
    started_at: datetime
    visitor: str | None
    origin: Origin
    counters: dict[str, int]


def _end(query: Select[int], now: datetime) -> None:
    while page := read_page(query, SLOTS):
        with unhurried_transaction() as session:
            _hold_links(session, select(Slot.link_id).where(Slot.id.in_(page)))
            # Asked again: another roll-up may have been at them.
            due = session.scalars(query.where(Slot.id.in_(page))).all()
            _add_slots(session, due, now)
            _close(session, due, now)


def _hold_links(session: Session, links: Select[int]) -> None:
    """Hold links, in one order for all who hold several.

    Settling holds them too, and so does whoever deletes links or files with their tallies.
    """
    rows = select(Link.id).where(Link.id.in_(links)).order_by(Link.id)
    session.execute(rows.with_for_update())


def _close(session: Session, slots: Sequence[int], now: datetime) -> None:
    ended_at = case((Slot.ends_at < now, Slot.ends_at), else_=now)
    for statement in (
        update(Slot).where(Slot.id.in_(slots)).values(client=None, visitor=None, ended_at=ended_at),
        # What died without a word is over.
        update(Delivery)
        .where(Delivery.slot_id.in_(slots), Delivery.in_flight > 0)
        .values(in_flight=0, in_flight_until=None),
    ):
        session.execute(statement.execution_options(synchronize_session=False))


def _is_in_flight(now: datetime) -> ColumnElement[bool]:
    return exists().where(Delivery.slot_id == Slot.id, Delivery.in_flight_until > now)


def _add_slots(session: Session, slots: Sequence[int], now: datetime) -> None:
    """Add slots and their deliveries to the tallies of all that they belong to."""
    sums = Sums()
    downloads = _read_slots(session, slots)
    deliveries = _read_deliveries(session, Delivery.slot_id.in_(slots))
    for each in downloads:
        subjects = _subjects(each.family, each.owner_id)
        sums.add(subjects, quarter(each.started_at), {"downloads": 1, **each.counters})
        sums.add_share(subjects, quarter(each.started_at), each.origin, "downloads")
    _tell_of_dead(session, downloads, now)
    for each in deliveries:
        subjects = [*_subjects(each.family, each.owner_id), _file(each)]
        sums.add(subjects, quarter(each.started_at), {"deliveries": 1, **each.counters})
    _add_clients(session, sums, [(_link(each), each) for each in downloads])
    _add_clients(session, sums, [(_file(each), each) for each in deliveries])
    sums.write(session)


def _tell_of_dead(session: Session, downloads: Sequence[_Fact], now: datetime) -> None:
    """Tell of downloads whose process died; what came of the others was told as it happened."""
    slots = [each.slot_id for each in downloads]
    is_dead = Delivery.slot_id.in_(slots) & (Delivery.in_flight > 0)
    dead = set(session.scalars(select(Delivery.slot_id).where(is_dead)))
    for each in downloads:
        hearer = hearer_of(each.owner_id, each.family)
        if hearer is not None and each.slot_id in dead:
            tell_of_download(
                driver_of(session), each.link_id, each.slot_id, hearer, now, is_over=True
            )


def _add_clients(session: Session, sums: Sums, facts: Sequence[tuple[Subject, _Fact]]) -> None:
    """Count each client once a subject, where it came first."""
    first: dict[tuple[Subject, str], datetime] = {}
    for subject, fact in facts:
        if fact.visitor is not None:
            first.setdefault((subject, fact.visitor), fact.started_at)
    days = {key: started_at.date() for key, started_at in first.items()}
    for subject, visitor in see_clients(session, days):
        sums.add([subject], quarter(first[subject, visitor]), {"clients": 1})


def _read_slots(session: Session, slots: Sequence[int]) -> list[_Fact]:
    columns = slot_columns()
    query = (
        select(*_who(Slot.started_at), *columns.values())
        .join(Link, Link.id == Slot.link_id)
        .where(Slot.id.in_(slots))
        .order_by(Slot.started_at, Slot.id)
    )
    return [_fact(row, None, columns) for row in session.execute(query)]


def _read_deliveries(session: Session, wanted: ColumnElement[bool]) -> list[_Fact]:
    """Return deliveries of slots that have not ended."""
    columns = delivery_columns()
    query = (
        select(*_who(Delivery.started_at), *columns.values(), Delivery.file_id)
        .join(Delivery, Delivery.slot_id == Slot.id)
        .join(Link, Link.id == Slot.link_id)
        .join(File, File.id == Delivery.file_id)
        .where(wanted, Slot.ended_at.is_(None), IS_BEGUN)
        .order_by(Delivery.started_at, Delivery.id)
    )
    return [_fact(row, row[-1], columns) for row in session.execute(query)]


def _who(started_at: Any) -> list[Any]:
    who = [getattr(Slot, name) for name in WHO_FIELDS]
    return [Slot.id, Slot.link_id, FAMILY, Link.owner_id, started_at, Slot.visitor, *who]


def _fact(row: Any, file_id: int | None, columns: dict[str, Any]) -> _Fact:
    slot_id, link_id, family, owner_id, started_at, visitor, *rest = row
    origin = Origin(*rest[: len(WHO_FIELDS)])
    counters = dict(zip(columns, rest[len(WHO_FIELDS) :], strict=False))
    return _Fact(
        *(slot_id, link_id, file_id, family, owner_id, started_at, visitor, origin, counters)
    )


def _add_visits(session: Session, page: Sequence[int]) -> None:
    """Take visits away and add them; another roll-up finds them gone."""
    # So that none of their files is removed before it is committed what is added to it.
    is_of_file = Visit.id.in_(page) & Visit.file_id.is_not(None)
    _hold_links(session, select(Visit.link_id).where(is_of_file))
    visits = select(Visit.id, *_VISIT_COLUMNS).where(Visit.id.in_(page)).order_by(Visit.id)
    rows = session.execute(visits.with_for_update()).all()
    families = {
        link_id: (family, owner_id)
        for link_id, family, owner_id in session.execute(
            select(Link.id, FAMILY, Link.owner_id).where(Link.id.in_({row.link_id for row in rows}))
        )
    }
    # One that was removed since has no numbers any more.
    files = set(session.scalars(select(File.id).where(File.id.in_({row.file_id for row in rows}))))
    sums, added = Sums(), []
    for row in rows:
        if sums.is_full:
            # The rest is left to the next page.
            break
        added.append(row.id)
        subjects = _subjects(*families[row.link_id])
        counters = visit_counters(row.kind, row.links, row.files, row.size_bytes)
        if row.file_id in files:
            subjects = [*subjects, Subject(TallyScope.FILE, row.file_id)]
        sums.add(subjects, quarter(row.at), counters)
        if row.kind == VisitKind.OPENED:
            origin = Origin(row.family, row.system, row.country, row.referrer)
            sums.add_share(subjects, quarter(row.at), origin, "opened")
    taken = delete(Visit).where(Visit.id.in_(added))
    session.execute(taken.execution_options(synchronize_session=False))
    sums.write(session)


_VISIT_COLUMNS = (
    *(Visit.link_id, Visit.file_id, Visit.at, Visit.kind, Visit.links, Visit.files),
    *(Visit.size_bytes, Visit.family, Visit.system, Visit.country, Visit.referrer),
)


def _subjects(family: int, owner_id: int | None) -> list[Subject]:
    subjects = [Subject(TallyScope.LINK, family), EVERYTHING]
    if owner_id is not None:
        subjects.append(Subject(TallyScope.USER, owner_id))
    return subjects


def _link(fact: _Fact) -> Subject:
    return Subject(TallyScope.LINK, fact.family)


def _file(fact: _Fact) -> Subject:
    assert fact.file_id is not None
    return Subject(TallyScope.FILE, fact.file_id)
