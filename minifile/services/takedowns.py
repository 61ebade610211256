"""What an admin does to a link that is not theirs: end it, take it down, block what it holds.

A takedown is for good and reaches the whole family, since parent and child links lead to the same
bytes. Rows, reports, blocked digests and audit line are one commit; bytes that are to go at once
go after it, and what a crash leaves of them is the purge's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from minifile.errors import BadOption, NotFound
from minifile.extensions import db, write_transaction
from minifile.identity import Actor
from minifile.models import File, Link, Report
from minifile.services.audit import record
from minifile.services.digests import block_digest, insert_digests, read_digest
from minifile.services.orphans import delete_blobs
from minifile.storage import Storage
from minifile.values import LinkState

MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Takedown:
    """What is done beside ending the link."""

    reason: str
    deletes_bytes: bool = False
    blocks_digests: bool = False
    takes_holders: bool = False
    """Whether all other links that hold one of its files are taken down, too."""


@dataclass(frozen=True, slots=True)
class TakenDown:
    """What a takedown did."""

    links: int
    digests: int
    blobs: int


def take_down(
    link_id: int, takedown: Takedown, *, actor: Actor, storage: Storage, now: datetime
) -> TakenDown:
    """Take a link down with its family, and handle its open reports.

    Of two admins who do it at once, the first one's reason stays, and both are right. Raises
    BadOption for a missing or too long reason, and NotFound.
    """
    reason = check_reason(takedown.reason)
    with write_transaction() as session:
        family = _lock_family(session, link_id)
        changed = _close(session, family, reason, actor, now)
        digests = _digests_of(session, [link.id for link in family])
        blocked = []
        if takedown.blocks_digests:
            blocked = insert_digests(session, digests, reason, actor=actor, now=now)
    blobs = _delete_bytes([link.id for link in family], storage) if takedown.deletes_bytes else 0
    done = TakenDown(changed, len(blocked), blobs)
    if not takedown.takes_holders:
        return done
    return _also(done, take_down_holders(digests, takedown, actor=actor, storage=storage, now=now))


def take_down_holders(
    digests: Sequence[str], takedown: Takedown, *, actor: Actor, storage: Storage, now: datetime
) -> TakenDown:
    """Take down every link that holds a file with one of these digests."""
    done = TakenDown(0, 0, 0)
    alone = Takedown(takedown.reason, deletes_bytes=takedown.deletes_bytes)
    for link_id in _holders(digests):
        try:
            more = take_down(link_id, alone, actor=actor, storage=storage, now=now)
        except NotFound:
            # Purged meanwhile.
            continue
        done = _also(done, more)
    return done


def block(
    digest: str, takedown: Takedown, *, actor: Actor, storage: Storage, now: datetime
) -> TakenDown:
    """Refuse a file from now on and, if asked for, take down the links that hold it.

    Raises BadOption.
    """
    reason = check_reason(takedown.reason)
    is_new = block_digest(digest, reason, actor=actor, now=now)
    done = TakenDown(0, int(is_new), 0)
    if not takedown.takes_holders:
        return done
    holders = [read_digest(digest)]
    return _also(done, take_down_holders(holders, takedown, actor=actor, storage=storage, now=now))


def revoke_as_admin(link_id: int, *, actor: Actor, now: datetime) -> None:
    """End a link for good, with its child links; its sender is told that it was revoked.

    Revoking twice is no error. Raises NotFound.
    """
    with write_transaction() as session:
        rows = _lock_with_children(session, link_id)
        if _found(rows, link_id).state == LinkState.OPEN:
            record(session, actor, "link.revoke", link_id, now=now)
        for row in rows:
            _end(row, now)


def check_reason(reason: str) -> str:
    """Return a reason in one line. Raises BadOption for an empty or too long one."""
    reason = " ".join(reason.split())
    if not reason:
        raise BadOption("Say why, in a few words.")
    if len(reason) > MAX_REASON or "\0" in reason:
        raise BadOption(f"A reason has at most {MAX_REASON} characters.")
    return reason


def _lock_family(session: Session, link_id: int) -> list[Link]:
    """Hold the rows of a link, of its parent and of all children, in one order for all."""
    parent_id = session.scalar(select(Link.parent_id).where(Link.id == link_id))
    rows = _lock_with_children(session, parent_id or link_id)
    _found(rows, link_id)
    return rows


def _lock_with_children(session: Session, root: int) -> list[Link]:
    """Hold a link, then its children: who adds one holds the link, and is seen once it is held."""
    held = _lock(session, Link.id == root)
    return held + _lock(session, Link.parent_id == root)


def _lock(session: Session, wanted: ColumnElement[bool]) -> list[Link]:
    query = select(Link).where(wanted).order_by(Link.id).with_for_update()
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _found(rows: Sequence[Link], link_id: int) -> Link:
    for row in rows:
        if row.id == link_id and row.state != LinkState.DELETING:
            return row
    raise NotFound("There is no such link. It may have been purged.")


def _close(
    session: Session, family: Sequence[Link], reason: str, actor: Actor, now: datetime
) -> int:
    """End the links that are not taken down yet, and return how many those were."""
    open_ones = [row for row in family if row.takedown_reason is None]
    for row in open_ones:
        _end(row, now)
        row.takedown_reason = reason
        record(session, actor, "link.takedown", row.id, now=now)
    handle_reports(session, [row.id for row in family], "taken_down", actor, now)
    return len(open_ones)


def _end(row: Link, now: datetime) -> None:
    if row.state == LinkState.OPEN:
        row.state, row.closed_at = LinkState.REVOKED, now
    row.undo_until = None


def handle_reports(
    session: Session, links: Sequence[int], outcome: str, actor: Actor, now: datetime
) -> int:
    """Mark the open reports of links as handled within the caller's transaction; return how many.

    Of two at once one marks each, so none is handled twice.
    """
    handled = session.scalars(
        update(Report)
        .where(Report.link_id.in_(links), Report.handled_at.is_(None))
        .values(handled_at=now, outcome=outcome)
        .returning(Report.link_id)
        .execution_options(synchronize_session=False)
    ).all()
    for link_id in sorted(set(handled)):
        count = handled.count(link_id)
        record(session, actor, f"report.{outcome}", link_id, f"{count} reports", now=now)
    return len(handled)


def _digests_of(session: Session, links: Sequence[int]) -> list[str]:
    query = select(File.sha256).where(File.link_id.in_(links)).distinct()
    return sorted(session.scalars(query))


def _holders(digests: Sequence[str]) -> list[int]:
    """Return the links that hold one of the files and were not taken down."""
    query = (
        select(Link.id)
        .join(File, File.link_id == Link.id)
        .where(
            File.sha256.in_(digests),
            Link.takedown_reason.is_(None),
            Link.state != LinkState.DELETING,
        )
        .distinct()
        .order_by(Link.id)
    )
    return list(db.session.scalars(query))


def _delete_bytes(links: Sequence[int], storage: Storage) -> int:
    """Delete the blobs of links that nobody is served any more; their rows stay for the purge."""
    query = select(File.storage_key).where(File.link_id.in_(links))
    keys = db.session.scalars(query).all()
    db.session.commit()
    return len(delete_blobs(keys, storage))


def _also(done: TakenDown, more: TakenDown) -> TakenDown:
    return TakenDown(done.links + more.links, done.digests + more.digests, done.blobs + more.blobs)
