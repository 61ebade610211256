"""Handing a file over to the web server in front, which sends its bytes instead of us.

Whether they arrive is not known then. So a handed-over delivery is never completed, what was
asked for is taken as spent, and nothing stays in flight.
"""

from datetime import datetime, timedelta

from sqlalchemy import case, select, update

from minifile.extensions import write_transaction
from minifile.models import Delivery, Link
from minifile.policy.counting import FileSpan
from minifile.services.deliveries import Ticket, begin_delivery
from minifile.services.downloads import Reading
from minifile.storage import Storage
from minifile.values import FileRecord, Span


def hand_over_file(
    reading: Reading,
    file: FileRecord,
    span: Span,
    *,
    storage: Storage,
    lease: timedelta,
    now: datetime,
) -> None:
    """Count a request whose bytes another server is about to send.

    Raises BlobMissing before anything was counted, and what `begin_delivery` raises. The owner
    is not counted.
    """
    storage.size(file.storage_key)
    if reading.is_owner:
        return
    part = FileSpan(file.id, file.size_bytes, span)
    fresh = not span.start
    ticket = begin_delivery(
        reading.link, reading.visitor, [part], fresh=fresh, lease=lease, now=now
    )
    _settle(ticket, part, now)


def _settle(ticket: Ticket, part: FileSpan, now: datetime) -> None:
    """End the response for us: its bytes stay spent, and it leaves no mark in flight."""
    # One byte more than the file for a whole one: the budget of twice the file then has room for
    # any resume of it, and for no second fresh start, which is another download.
    more = 1 if part.span == Span(0, part.size_bytes) else 0
    with write_transaction(durable=False) as session:
        session.execute(select(Link.id).where(Link.id == ticket.link_id).with_for_update())
        session.execute(
            update(Delivery)
            .where(Delivery.slot_id == ticket.slot_id, Delivery.file_id == part.file_id)
            .values(
                bytes_reserved=Delivery.bytes_reserved + more,
                in_flight=case((Delivery.in_flight > 0, Delivery.in_flight - 1), else_=0),
                in_flight_until=case((Delivery.in_flight > 1, Delivery.in_flight_until)),
                handed_over_at=now,
            )
            .execution_options(synchronize_session=False)
        )
