"""What is not in the tallies yet: slots that have not ended, and visits; by quarter of an hour."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    true,
)

from minifile.extensions import db
from minifile.models import Delivery, File, Link, SeenClient, Slot, Visit
from minifile.models.types import quarter_of
from minifile.services.counts import Counts, Subject, TallyScope
from minifile.services.facts import FAMILY, IS_BEGUN, delivery_columns, slot_columns, visit_counters
from minifile.values import ORIGIN_KINDS, VisitKind


def pending_counts(subject: Subject, *, now: datetime) -> dict[int, Counts]:
    """Return what open slots and visits add to the counters of a subject, by quarter."""
    found: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for quarter, counters in (
        *_slots(subject, now),
        *_deliveries(subject, now),
        *_clients(subject),
        *_visits(subject),
    ):
        for name, count in counters.items():
            found[quarter][name] += count
    return {quarter: Counts(**counters) for quarter, counters in found.items()}


def pending_by_link(subject: Subject, *, now: datetime) -> dict[tuple[int, int], Counts]:
    """Return the same of a user's links, or of all, by link and quarter; without clients."""
    found: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for query in (_slot_query(subject, now, FAMILY), _delivery_query(subject, now, FAMILY)):
        _gather(found, query)
    return {key: Counts(**counters) for key, counters in found.items()}


def pending_by_file(link_id: int, *, now: datetime) -> dict[tuple[int, int], Counts]:
    """Return the same of a link's files, by file and quarter: deliveries and previews."""
    found: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    subject = Subject(TallyScope.LINK, link_id)
    _gather(found, _delivery_query(subject, now, Delivery.file_id))
    at = quarter_of(Visit.at).label("quarter")
    previews = (
        select(Visit.file_id, at, func.count())
        .join(Link, Link.id == Visit.link_id)
        .where(_is_of(subject), Visit.kind == VisitKind.PREVIEW, Visit.file_id.is_not(None))
        .group_by(Visit.file_id, at)
    )
    for file_id, quarter, count in db.session.execute(previews):
        found[int(file_id or 0), quarter]["previews"] += count
    return {key: Counts(**counters) for key, counters in found.items()}


def pending_shares(subject: Subject, first: int, stop: int) -> Iterator[tuple[str, str, int, int]]:
    """Yield kind, value, downloads and opened pages of open slots and visits in some quarters."""
    if subject.scope is TallyScope.FILE:
        return
    began, came = quarter_of(Slot.started_at), quarter_of(Visit.at)
    for table, wanted, is_opened in (
        (Slot, (_is_open(subject), began >= first, began < stop), 0),
        (Visit, (Visit.kind == VisitKind.OPENED, came >= first, came < stop), 1),
    ):
        columns = [getattr(table, kind) for kind in ORIGIN_KINDS]
        query = (
            select(*columns, func.count())
            .join(Link, Link.id == table.link_id)
            .where(_is_of(subject), *wanted)
            .group_by(*columns)
        )
        for *values, count in db.session.execute(query):
            for kind, value in zip(ORIGIN_KINDS, values, strict=True):
                if value is not None:
                    yield kind, value, count * (1 - is_opened), count * is_opened


# The second half says it as the index of slots by link and client has it.
_IS_OPEN = and_(Slot.ended_at.is_(None), Slot.client.is_not(None))
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _is_open(subject: Subject) -> ColumnElement[bool]:
    """Ask of slots of a subject's links whether they are open.

    For all links it is said so that SQLite goes by the index of open slots: it would go through
    all deliveries that are kept, and look up the slot of each.
    """
    if subject.scope is TallyScope.ALL:
        return and_(Slot.ends_at > _LONG_AGO, _IS_OPEN)
    return _IS_OPEN


def _is_of(subject: Subject) -> ColumnElement[bool]:
    """Ask of links whether they are the subject's."""
    if subject.scope is TallyScope.LINK:
        return or_(Link.id == subject.id, Link.parent_id == subject.id)
    if subject.scope is TallyScope.FILE:
        link = select(File.link_id).where(File.id == subject.id).scalar_subquery()
        return or_(Link.id == link, Link.parent_id == link)
    return Link.owner_id == subject.id if subject.scope is TallyScope.USER else true()


def _slots(subject: Subject, now: datetime) -> Iterator[tuple[int, Mapping[str, int]]]:
    if subject.scope is TallyScope.FILE:
        return iter(())
    return _rows(_slot_query(subject, now, None))


def _slot_query(subject: Subject, now: datetime, by: Any) -> Select[Any]:
    is_fetching = exists().where(Delivery.slot_id == Slot.id, _is_fetching(now))
    counted = slot_columns()
    columns: dict[str, SQLColumnExpression[Any]] = {
        **counted,
        # What was handed over, and is fetched again from us, is one of the latter.
        "downloads_handed_over": case((is_fetching, 0), else_=counted["downloads_handed_over"]),
        "downloads_fetching": case((and_(Slot.completed_at.is_(None), is_fetching), 1), else_=0),
    }
    query = (
        select(func.count().label("downloads"), *_sums(columns))
        .select_from(Slot)
        .join(Link, Link.id == Slot.link_id)
        .where(_is_of(subject), _is_open(subject))
    )
    return _grouped(query, quarter_of(Slot.started_at), by)


def _deliveries(subject: Subject, now: datetime) -> Iterator[tuple[int, Mapping[str, int]]]:
    return _rows(_delivery_query(subject, now, None))


def _delivery_query(subject: Subject, now: datetime, by: Any) -> Select[Any]:
    is_fetching = and_(Delivery.completed_at.is_(None), _is_fetching(now))
    counted = delivery_columns()
    columns: dict[str, SQLColumnExpression[Any]] = {
        **counted,
        "deliveries_handed_over": case((is_fetching, 0), else_=counted["deliveries_handed_over"]),
        "fetching": case((is_fetching, 1), else_=0),
    }
    query = (
        select(func.count().label("deliveries"), *_sums(columns))
        .select_from(Slot)
        .join(Link, Link.id == Slot.link_id)
        .join(Delivery, Delivery.slot_id == Slot.id)
        .join(File, File.id == Delivery.file_id)
        .where(_is_of(subject), _is_open(subject), IS_BEGUN, _is_file(subject))
    )
    return _grouped(query, quarter_of(Delivery.started_at), by)


def _clients(subject: Subject) -> Iterator[tuple[int, Mapping[str, int]]]:
    """Yield the clients that are not among those that were seen, where each came first."""
    if subject.scope not in (TallyScope.LINK, TallyScope.FILE):
        return
    started_at = Slot.started_at if subject.scope is TallyScope.LINK else Delivery.started_at
    is_known = exists().where(
        SeenClient.scope == subject.scope.value,
        SeenClient.subject_id == subject.id,
        SeenClient.visitor == Slot.visitor,
    )
    first = (
        select(quarter_of(func.min(started_at)).label("quarter"))
        .select_from(Slot)
        .join(Link, Link.id == Slot.link_id)
        .where(_is_of(subject), _IS_OPEN, Slot.visitor.is_not(None), ~is_known)
        .group_by(Slot.visitor)
    )
    if subject.scope is TallyScope.FILE:
        first = first.join(Delivery, Delivery.slot_id == Slot.id).where(IS_BEGUN, _is_file(subject))
    for quarter in db.session.scalars(first):
        yield quarter, {"clients": 1}


def _visits(subject: Subject) -> Iterator[tuple[int, Mapping[str, int]]]:
    sums = [
        func.sum(each).label(each.name) for each in (Visit.links, Visit.files, Visit.size_bytes)
    ]
    quarter = quarter_of(Visit.at).label("quarter")
    query = (
        select(quarter, Visit.kind, func.count().label("visits"), *sums)
        .join(Link, Link.id == Visit.link_id)
        .where(_is_of(subject))
        .group_by(quarter, Visit.kind)
    )
    if subject.scope is TallyScope.FILE:
        query = query.where(Visit.file_id == subject.id)
    for row in db.session.execute(query).all():
        one = visit_counters(row.kind, int(row.links), int(row.files), int(row.size_bytes))
        # What was uploaded is a sum by itself; of the rest each visit counts one.
        times = 1 if row.kind == VisitKind.MADE else row.visits
        yield row.quarter, {name: value * times for name, value in one.items()}


def _gather(found: dict[tuple[int, int], dict[str, int]], query: Select[Any]) -> None:
    """Add what a query finds by subject and quarter."""
    for row in db.session.execute(query).mappings():
        counters = found[row["subject"], row["quarter"]]
        for name, count in row.items():
            if name not in ("subject", "quarter"):
                counters[name] += int(count or 0)


def _is_file(subject: Subject) -> ColumnElement[bool]:
    return Delivery.file_id == subject.id if subject.scope is TallyScope.FILE else true()


def _is_fetching(now: datetime) -> ColumnElement[bool]:
    return and_(Delivery.in_flight > 0, Delivery.in_flight_until > now)


def _sums(columns: Mapping[str, SQLColumnExpression[Any]]) -> list[Any]:
    return [func.coalesce(func.sum(column), 0).label(name) for name, column in columns.items()]


def _grouped(query: Select[Any], quarter: Any, by: Any) -> Select[Any]:
    at = quarter.label("quarter")
    if by is None:
        return query.add_columns(at).group_by(at)
    return query.add_columns(at, by.label("subject")).group_by(at, by)


def _rows(query: Select[Any]) -> Iterator[tuple[int, Mapping[str, int]]]:
    for row in db.session.execute(query).mappings():
        yield row["quarter"], {name: int(row[name]) for name in row if name != "quarter"}
