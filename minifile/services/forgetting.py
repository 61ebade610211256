"""Forgetting: what analytics keeps only for a while, deleted a little at a time.

Totals are in the tallies by then, so nothing that is counted changes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select, tuple_

from minifile.extensions import db, release_connection
from minifile.models import Breakdown, Delivery, SeenClient, Slot, Tally
from minifile.policy.timelines import TallyStep, quarter
from minifile.services.counts import TallyScope
from minifile.services.pacing import ROWS, pages_until_gone, unhurried_transaction

# A download that takes longer may count its client once more.
CLIENTS_KEPT = timedelta(days=7)
# How long users and the instance are told of in quarters of an hour; days and months stay.
QUARTERS_KEPT = timedelta(days=400)

_Table = type[Tally] | type[Breakdown] | type[SeenClient]


def delete_tallies(scope: TallyScope, subjects: Sequence[int]) -> None:
    """Delete all that is kept of some subjects."""
    for table in (Tally, Breakdown, SeenClient):
        _delete(table, (table.scope == scope.value) & table.subject_id.in_(subjects))


def forget(*, retention: timedelta, now: datetime) -> None:
    """Delete details of slots that ended before the retention, and steps too fine to be kept."""
    drop_details(now - retention)
    _delete(SeenClient, SeenClient.day < (now - CLIENTS_KEPT).date())
    kept_long = [TallyScope.USER.value, TallyScope.ALL.value]
    for table in (Tally, Breakdown):
        is_fine = table.step == TallyStep.QUARTER.value
        is_old = table.at < quarter(now - QUARTERS_KEPT)
        _delete(table, table.scope.in_(kept_long) & is_fine & is_old)


def drop_details(until: datetime) -> None:
    """Delete slots that ended until then, with their deliveries; all of them are in the tallies."""
    for page in pages_until_gone(select(Slot.id).where(Slot.ended_at <= until).order_by(Slot.id)):
        for deliveries in pages_until_gone(select(Delivery.id).where(Delivery.slot_id.in_(page))):
            _delete_rows(Delivery.id.in_(deliveries), Delivery)
        _delete_rows(Slot.id.in_(page), Slot)


def _delete(table: _Table, wanted: ColumnElement[bool]) -> None:
    """Delete rows; where there are none nothing is written."""
    keys = list(table.__mapper__.primary_key)
    while page := db.session.execute(select(*keys).where(wanted).limit(ROWS)).all():
        release_connection()
        _delete_rows(tuple_(*keys).in_([tuple(row) for row in page]), table)
    release_connection()


def _delete_rows(wanted: ColumnElement[bool], table: Any) -> None:
    with unhurried_transaction() as session:
        session.execute(delete(table).where(wanted).execution_options(synchronize_session=False))
