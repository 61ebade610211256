"""Slots: a link's downloads as the counter sees them; found again, taken, given back.

All but `holds_slot` run within a write transaction that holds the link's row.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm.attributes import set_committed_value

from minifile.errors import LinkExhausted
from minifile.extensions import db
from minifile.models import Delivery, Link, Slot
from minifile.policy.counting import MAX_REQUESTS, FileSpan, Start, may_join
from minifile.services.clients import known_client_hashes
from minifile.values import LinkState, Visitor

# How many slots of one client are looked at, the newest first. Behind one address there may be
# many clients that are the same to us; what one of them did before must not slow the next down.
_UNFINISHED = 64
_FINISHED = 4


def holds_slot(link: Link, visitor: Visitor, *, now: datetime) -> bool:
    """Say whether the visitor has an open slot of the link."""
    clients = known_client_hashes(link.id, visitor, now)
    return db.session.execute(_open_slots(link.id, clients, now).limit(1)).first() is not None


def find_held_slot(
    link: Link,
    clients: Sequence[str],
    parts: Sequence[FileSpan],
    start: Start,
    now: datetime,
) -> tuple[Slot, Mapping[int, Delivery]] | None:
    """Return the client's slot that a request fits into, with its deliveries by file id.

    A slot in which one of the files is still unfinished comes first.
    """
    slots = _candidates(link.id, clients, start, now)
    received = _received([slot.id for slot in slots], parts)
    fitting = [slot for slot in slots if may_join(received[slot.id], parts, start, now)]
    if not fitting:
        return None
    unfinished = [slot for slot in fitting if _is_unfinished(received[slot.id])]
    slot = (unfinished or fitting)[0]
    return slot, received[slot.id]


def take_slot(link: Link, client: str | None, lease: timedelta, now: datetime) -> Slot:
    """Take a new slot: the check and the count are this one UPDATE. Raises LinkExhausted."""
    taken = (
        update(Link)
        .where(
            Link.id == link.id,
            Link.state == LinkState.OPEN,
            Link.expires_at > now,
            or_(Link.max_downloads.is_(None), Link.download_count < Link.max_downloads),
        )
        .values(download_count=Link.download_count + 1)
        .returning(Link.download_count)
        .execution_options(synchronize_session=False)
    )
    count = db.session.execute(taken).scalar_one_or_none()
    if count is None:
        raise LinkExhausted(link.max_downloads or 0)
    set_committed_value(link, "download_count", count)
    slot = Slot(link_id=link.id, client=client, started_at=now, ends_at=now + lease, requests=1)
    db.session.add(slot)
    db.session.flush()
    return slot


def give_back_if_unused(link_id: int, slot_id: int) -> None:
    """Undo the count of a slot whose responses are over and sent nothing."""
    used = select(func.count()).where(
        Delivery.slot_id == slot_id,
        or_(
            Delivery.bytes_reserved > 0,
            Delivery.in_flight > 0,
            Delivery.completed_at.is_not(None),
        ),
    )
    slot = db.session.get(Slot, slot_id)
    if slot is None or db.session.execute(used).scalar_one():
        return
    db.session.delete(slot)
    db.session.execute(
        update(Link)
        .where(Link.id == link_id, Link.download_count > 0)
        .values(download_count=Link.download_count - 1)
        .execution_options(synchronize_session=False)
    )


def finish_if_complete(link: Link, slot_id: int, now: datetime) -> None:
    """Mark a slot in which every file of the link has been delivered completely.

    No fresh start can join it any more, so it is not looked at for one.
    """
    completed = select(func.count()).where(
        Delivery.slot_id == slot_id, Delivery.completed_at.is_not(None)
    )
    if db.session.execute(completed).scalar_one() == len(link.files):
        db.session.execute(
            update(Slot)
            .where(Slot.id == slot_id)
            .values(completed_at=now)
            .execution_options(synchronize_session=False)
        )


def _candidates(
    link_id: int, clients: Sequence[str], start: Start, now: datetime
) -> Sequence[Slot]:
    if not clients:
        return []
    query = (
        _open_slots(link_id, clients, now)
        .where(Slot.requests < MAX_REQUESTS)
        .order_by(Slot.id.desc())
        .execution_options(populate_existing=True)
    )
    unfinished = query.where(Slot.completed_at.is_(None)).limit(_UNFINISHED)
    slots = list(db.session.scalars(unfinished))
    if not start.fresh:
        finished = query.where(Slot.completed_at.is_not(None)).limit(_FINISHED)
        slots += db.session.scalars(finished)
    return slots


def _open_slots(link_id: int, clients: Sequence[str], now: datetime) -> Select[Slot]:
    return select(Slot).where(
        Slot.link_id == link_id,
        Slot.client.in_(clients),
        Slot.ended_at.is_(None),
        Slot.ends_at > now,
    )


def _received(
    slot_ids: Sequence[int], parts: Sequence[FileSpan]
) -> Mapping[int, Mapping[int, Delivery]]:
    """Return what each slot has had of the files: by slot id, then by file id."""
    received: dict[int, dict[int, Delivery]] = defaultdict(dict)
    if slot_ids:
        query = select(Delivery).where(
            Delivery.slot_id.in_(slot_ids),
            Delivery.file_id.in_([part.file_id for part in parts]),
        )
        for delivery in db.session.scalars(query.execution_options(populate_existing=True)):
            received[delivery.slot_id][delivery.file_id] = delivery
    return received


def _is_unfinished(received: Mapping[int, Delivery]) -> bool:
    return any(had.completed_at is None for had in received.values())
