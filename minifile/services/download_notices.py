"""Telling owners of downloads, in the transactions that settle them.

Each download is told of once: when all files of the link have arrived, or when nothing more has
been sent of it for a while, with what came of it by then. Until it is sent the notification follows
the download. Of one whose process was killed it is told when its slot ends; so the notifications
are as many as the counter says, for who has wanted them all the time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, exists, func, or_, select, update

from minifile.models import Delivery, Dispatch, File, Link, Notification, Slot, Subscription
from minifile.notification_values import DispatchState, NotificationKind
from minifile.services.notifications import notify
from minifile.services.statements import Driver, Statement

# So long a cut download may be gone on with before it is told of.
QUIET_FOR = timedelta(minutes=5)
_MAX_NAMES = 10

_WANTED = Statement(
    select(Subscription.kind)
    .where(
        Subscription.user_id == bindparam("owner_id"),
        or_(
            Subscription.kind == NotificationKind.DOWNLOAD,
            Subscription.kind == NotificationKind.FIRST_DOWNLOAD,
            Subscription.kind == NotificationKind.EXHAUSTED,
        ),
        or_(Subscription.link_id.is_(None), Subscription.link_id == bindparam("family_id")),
    )
    .distinct()
)
_SLOT = Statement(
    select(
        Slot.family,
        Slot.completed_at,
        Link.download_count,
        Link.max_downloads,
        Link.recipient,
    )
    .join(Link, Link.id == Slot.link_id)
    .where(Slot.id == bindparam("slot_id"))
)
_DELIVERIES = Statement(
    select(
        func.count(Delivery.completed_at),
        func.count(Delivery.handed_over_at),
        func.coalesce(func.sum(Delivery.bytes_sent), 0),
        func.coalesce(func.sum(case((Delivery.in_flight > 0, 1), else_=0)), 0),
    ).where(Delivery.slot_id == bindparam("slot_id"))
)
_FILES = Statement(
    select(File.filename).where(File.link_id == bindparam("family_id")).order_by(File.position)
)
_HAS_LEFT = exists().where(
    Dispatch.notification_id == Notification.id,
    or_(Dispatch.state == DispatchState.SENT, Dispatch.attempts > 0, Dispatch.claim.is_not(None)),
)
_IS_OF_FAMILY = or_(Link.id == bindparam("family_id"), Link.parent_id == bindparam("family_id"))
_SLOTS = Statement(
    select(
        func.count(Slot.id),
        func.coalesce(func.sum(case((Slot.id < bindparam("slot_id"), 1), else_=0)), 0),
    )
    .join(Link, Link.id == Slot.link_id)
    .where(_IS_OF_FAMILY)
)
_COUNTED = Statement(select(func.sum(Link.download_count)).where(_IS_OF_FAMILY))
_FOLLOW = Statement(
    update(Notification)
    .where(Notification.key == bindparam("of_key"), ~_HAS_LEFT)
    .values(payload=bindparam("payload"), at=bindparam("now"))
    .returning(Notification.id)
)
_PUT_OFF = Statement(
    update(Dispatch)
    .where(
        and_(
            Dispatch.notification_id == bindparam("notification"),
            Dispatch.state == DispatchState.PENDING,
            Dispatch.attempts == 0,
        )
    )
    .values(next_at=bindparam("due_at"))
)


@dataclass(frozen=True, slots=True)
class Hearer:
    """Who hears of a download, and of which link; of a child link its parent's."""

    owner_id: int
    family_id: int


def tell_of_download(
    driver: Driver,
    link_id: int,
    slot_id: int,
    hearer: Hearer,
    now: datetime,
    *,
    is_over: bool = False,
) -> None:
    """Write down what has come of a download so far, if its owner wants to hear of it.

    With `is_over` nothing more comes of it. Within the caller's transaction; without a
    subscription this is one look-up.
    """
    rows = _WANTED.run(driver, owner_id=hearer.owner_id, family_id=hearer.family_id)
    kinds = {kind for (kind,) in rows}
    if not kinds:
        return
    rows = _SLOT.run(driver, slot_id=slot_id)
    if not rows:
        # Given back: it never was one.
        return
    family, completed_at, count, most, recipient = rows[0]
    payload = _payload(driver, hearer, slot_id, completed_at, is_over)
    payload |= {"family": family, "download_count": count, "recipient": recipient}
    if most is not None:
        payload["max_downloads"] = most
    if most is None or count < most:
        kinds.discard(NotificationKind.EXHAUSTED)
    if NotificationKind.FIRST_DOWNLOAD in kinds and not _is_first(driver, hearer, slot_id):
        kinds.discard(NotificationKind.FIRST_DOWNLOAD)
    is_final = is_over or payload["outcome"] in ("completed", "handed_over")
    for kind in sorted(kinds):
        key = _key(kind, link_id, slot_id, hearer, most)
        due_at = now if is_final or kind != NotificationKind.DOWNLOAD else now + QUIET_FOR
        about = {"kind": kind, "key": key, "user_id": hearer.owner_id, "link_id": hearer.family_id}
        is_new = notify(driver, **about, payload=payload, now=now, due_at=due_at)
        if not is_new and kind == NotificationKind.DOWNLOAD:
            _follow(driver, key, payload, due_at, now)


def _is_first(driver: Driver, hearer: Hearer, slot_id: int) -> bool:
    """Say whether the link and its children had no download before, be its slot forgotten."""
    slots, before = _SLOTS.run(driver, family_id=hearer.family_id, slot_id=slot_id)[0]
    counted = _COUNTED.run(driver, family_id=hearer.family_id)[0][0]
    return int(before) == 0 and int(counted) <= int(slots)


def _key(kind: str, link_id: int, slot_id: int, hearer: Hearer, most: int | None) -> str:
    """Return what makes it one: each download, the first of a link, each limit once."""
    if kind == NotificationKind.DOWNLOAD:
        return f"download:{slot_id}"
    if kind == NotificationKind.FIRST_DOWNLOAD:
        return f"first_download:{hearer.family_id}"
    return f"exhausted:{link_id}:{most}"


def _follow(
    driver: Driver, key: str, payload: dict[str, Any], due_at: datetime, now: datetime
) -> None:
    """Let a notification that has not left yet say what has come of its download since."""
    for (notification_id,) in _FOLLOW.run(driver, of_key=key, payload=payload, now=now):
        _PUT_OFF.run(driver, notification=notification_id, due_at=due_at)


def _payload(
    driver: Driver, hearer: Hearer, slot_id: int, completed_at: datetime | None, is_over: bool
) -> dict[str, Any]:
    completed, handed_over, sent, in_flight = _DELIVERIES.run(driver, slot_id=slot_id)[0]
    names = [name for (name,) in _FILES.run(driver, family_id=hearer.family_id)]
    return {
        "files": names[:_MAX_NAMES],
        "file_count": len(names),
        "files_completed": int(completed),
        "bytes_sent": int(sent),
        "outcome": _outcome(
            completed_at,
            int(handed_over),
            # The mark of a process that died is still there.
            0 if is_over else int(in_flight),
        ),
    }


def _outcome(completed_at: datetime | None, handed_over: int, in_flight: int) -> str:
    if completed_at is not None:
        return "completed"
    if handed_over:
        return "handed_over"
    return "fetching" if in_flight else "aborted"


def hearer_of(owner_id: int | None, family_id: int) -> Hearer | None:
    """Return who hears of the downloads of a link; nobody, where nobody owns it."""
    return None if owner_id is None else Hearer(owner_id, family_id)
