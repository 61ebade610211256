"""Forgetting: what analytics keeps only for a while, deleted a little at a time.

Totals are in the tallies by then, so nothing that is counted changes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, or_, select, tuple_, update
from sqlalchemy.orm import Session

from minifile.extensions import db, release_connection
from minifile.models import Breakdown, Delivery, Link, SeenClient, Slot, Tally
from minifile.policy.timelines import TallyStep, quarter
from minifile.services.counts import TallyScope
from minifile.services.pacing import ROWS, pages_until_gone, unhurried_transaction
from minifile.services.salts import leave_no_trace
from minifile.services.slots import WHO_FIELDS

# A download that takes longer may count its client once more.
CLIENTS_KEPT = timedelta(days=7)
# How long users and the instance are told of in quarters of an hour; days and months stay.
QUARTERS_KEPT = timedelta(days=400)

_Table = type[Tally] | type[Breakdown] | type[SeenClient]


def delete_tallies(scope: TallyScope, subjects: Sequence[int]) -> None:
    """Delete all that is kept of some subjects, a little at a time."""
    for table in (Tally, Breakdown, SeenClient):
        _delete(table, (table.scope == scope.value) & table.subject_id.in_(subjects))


def delete_tallies_within(session: Session, scope: TallyScope, subjects: Sequence[int]) -> None:
    """Delete the same within the transaction that deletes the subjects, so that nothing is left.

    The caller holds their links, as every roll-up does that adds to them.
    """
    for table in (Tally, Breakdown, SeenClient):
        is_theirs = (table.scope == scope.value) & table.subject_id.in_(subjects)
        session.execute(delete(table).where(is_theirs).execution_options(synchronize_session=False))


def forget(*, retention: timedelta, now: datetime) -> None:
    """Delete details of slots that ended before the retention, and steps too fine to be kept."""
    had_details = drop_details(now - retention)
    if _delete(SeenClient, SeenClient.day < (now - CLIENTS_KEPT).date()) or had_details:
        leave_no_trace()
    kept_long = [TallyScope.USER.value, TallyScope.ALL.value]
    for table in (Tally, Breakdown):
        is_fine = table.step == TallyStep.QUARTER.value
        is_old = table.at < quarter(now - QUARTERS_KEPT)
        _delete(table, table.scope.in_(kept_long) & is_fine & is_old)


def drop_details(until: datetime) -> bool:
    """Delete slots that ended until then, with their deliveries; all of them are in the tallies.

    Returns whether there was anything to delete.
    Of those that the sender let in by name it stays that they came, and whether they got all: the
    list of them counts their slots, for as long as the link is there.
    """
    is_over, had_any = Slot.ended_at <= until, False
    child = exists().where(Link.id == Slot.link_id, Link.parent_id.is_not(None))
    is_of_somebody = or_(Slot.user_id.is_not(None), child)
    for page in pages_until_gone(_ids(is_over, ~is_of_somebody)):
        had_any = True
        _drop_deliveries(page)
        _delete_rows(Slot.id.in_(page), Slot)
    has_details = or_(
        exists().where(Delivery.slot_id == Slot.id),
        *(getattr(Slot, name).is_not(None) for name in WHO_FIELDS),
    )
    for page in pages_until_gone(_ids(is_over, is_of_somebody, has_details)):
        had_any = True
        _drop_deliveries(page)
        with unhurried_transaction() as session:
            session.execute(
                update(Slot)
                .where(Slot.id.in_(page))
                .values(dict.fromkeys(WHO_FIELDS))
                .execution_options(synchronize_session=False)
            )
    return had_any


def _ids(*wanted: ColumnElement[bool]) -> Select[int]:
    return select(Slot.id).where(*wanted).order_by(Slot.id)


def _drop_deliveries(slots: Sequence[int]) -> None:
    for page in pages_until_gone(select(Delivery.id).where(Delivery.slot_id.in_(slots))):
        _delete_rows(Delivery.id.in_(page), Delivery)


def _delete(table: _Table, wanted: ColumnElement[bool]) -> bool:
    """Delete rows, and say whether there were any; if not, nothing is written."""
    keys, had_any = list(table.__mapper__.primary_key), False
    while page := db.session.execute(select(*keys).where(wanted).limit(ROWS)).all():
        release_connection()
        _delete_rows(tuple_(*keys).in_([tuple(row) for row in page]), table)
        had_any = True
    release_connection()
    return had_any


def _delete_rows(wanted: ColumnElement[bool], table: Any) -> None:
    with unhurried_transaction() as session:
        session.execute(delete(table).where(wanted).execution_options(synchronize_session=False))
