"""Shared with whom: what the sender sees of each user and recipient, and a user of others' links.

It only reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select

from minifile.extensions import db
from minifile.models import File, Grant, Link, Slot, User
from minifile.policy.access import standing_of
from minifile.services.statements import Statement, reading
from minifile.values import LinkRecord, LinkState, downloads_left

PAGE = 50

# Added up once for all users: a link may have many slots.
_by_user = (
    select(
        Slot.user_id,
        func.count(Slot.id).label("started"),
        func.count(Slot.completed_at).label("completed"),
        func.max(Slot.started_at).label("last_at"),
    )
    .where(Slot.link_id == bindparam("link_id"), Slot.user_id.is_not(None))
    .group_by(Slot.user_id)
    .subquery()
)
_GRANTS = Statement(
    select(
        User.id,
        User.name,
        Grant.created_at,
        func.coalesce(_by_user.c.started, 0),
        func.coalesce(_by_user.c.completed, 0),
        _by_user.c.last_at,
    )
    .join(Grant, Grant.user_id == User.id)
    .outerjoin(_by_user, _by_user.c.user_id == User.id)
    .where(Grant.link_id == bindparam("link_id"))
    .order_by(Grant.id)
)
_RECIPIENTS = Statement(
    select(
        Link.id,
        Link.recipient,
        Link.code,
        Link.created_at,
        func.count(Slot.completed_at),
        func.max(Slot.started_at),
        Link.download_count,
        Link.max_downloads,
        Link.state,
        Link.expires_at,
    )
    .outerjoin(Slot, Slot.link_id == Link.id)
    .where(Link.parent_id == bindparam("link_id"))
    .group_by(Link.id)
    .order_by(Link.id)
)


@dataclass(frozen=True, slots=True)
class SeenGrant:
    """A user who may open a private link, and what they fetched of it."""

    user_id: int
    name: str
    created_at: datetime
    started: int
    completed: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeenRecipient:
    """A recipient, the child link that is theirs, and what was fetched by it."""

    id: int
    address: str
    code: str
    created_at: datetime
    started: int
    completed: int
    last_at: datetime | None
    max_downloads: int | None
    standing: str


@dataclass(frozen=True, slots=True)
class Sharing:
    """With whom a link is shared, in the order in which they were added."""

    grants: Sequence[SeenGrant] = ()
    recipients: Sequence[SeenRecipient] = ()


@dataclass(frozen=True, slots=True)
class SharedLink:
    """A private link that somebody has shared with a user; `filename` is that of one file."""

    code: str
    owner_name: str | None
    """None where the owner has left, and the link was kept."""
    filename: str
    files: int
    size_bytes: int
    expires_at: datetime
    standing: str


def read_sharing(link: LinkRecord, *, now: datetime) -> Sharing:
    """Return with whom a link is shared; of nobody's link with nobody, without asking."""
    if link.owner_id is None:
        return Sharing()
    with reading(db.engine) as driver:
        grants = [SeenGrant(*row) for row in _GRANTS.run(driver, link_id=link.id)]
        rows = _RECIPIENTS.run(driver, link_id=link.id)
    return Sharing(grants, [_recipient(*row, now=now) for row in rows])


def owner_name(link: LinkRecord) -> str | None:
    """Return the name of the user whose link it is, for those it was shared with."""
    if link.owner_id is None:
        return None
    return db.session.scalar(select(User.name).where(User.id == link.owner_id))


def list_shared_links(user_id: int, *, page: int, now: datetime) -> list[SharedLink]:
    """Return a page of the private links that were shared with a user, the newest grants first.

    One more than PAGE when there is a next page. Pages are counted from 1.
    """
    first, count, size = func.min(File.filename), func.count(File.id), func.sum(File.size_bytes)
    query = (
        select(
            Link.code, User.name, first, count, size,
            Link.expires_at, Link.max_downloads, Link.download_count, Link.state,
        )
        .join(Grant, Grant.link_id == Link.id)
        .outerjoin(User, User.id == Link.owner_id)
        .join(File, File.link_id == Link.id)
        .where(
            Grant.user_id == user_id,
            Link.is_private,
            Link.state == LinkState.OPEN,
            Link.expires_at > now,
        )
        .group_by(Link.id, User.name, Grant.id)
        .order_by(Grant.id.desc())
        .offset((page - 1) * PAGE)
        .limit(PAGE + 1)
    )  # fmt: skip
    rows = db.session.execute(query).all()
    return [_shared_link(*row, now=now) for row in rows]


def _shared_link(
    code: str,
    owner: str | None,
    filename: str,
    files: int,
    size_bytes: int,
    expires_at: datetime,
    max_downloads: int | None,
    download_count: int,
    state: str,
    *,
    now: datetime,
) -> SharedLink:
    left = downloads_left(max_downloads, download_count)
    standing = standing_of(state, expires_at, left, now)
    # PostgreSQL adds whole numbers up to a decimal one.
    return SharedLink(code, owner, filename, files, int(size_bytes), expires_at, standing)


def _recipient(
    recipient_id: int,
    address: str,
    code: str,
    created_at: datetime,
    completed: int,
    last_at: datetime | None,
    started: int,
    max_downloads: int | None,
    state: str,
    expires_at: datetime,
    *,
    now: datetime,
) -> SeenRecipient:
    standing = standing_of(state, expires_at, downloads_left(max_downloads, started), now)
    return SeenRecipient(
        id=recipient_id,
        address=address,
        code=code,
        created_at=created_at,
        started=started,
        completed=completed,
        last_at=last_at,
        max_downloads=max_downloads,
        standing=standing,
    )
