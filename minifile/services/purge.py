"""The purge: frees what expired and revoked links hold, and sweeps what crashes left.

It enforces nothing: the rules refuse an expired link at once. The order for each batch is
mark → commit → delete bytes → delete rows → commit, so a crash leaves marked rows that the next
run finishes. Any number of purges may run at once.

Those who are served meanwhile must not feel it, be there a hundred links to delete or a hundred
thousand: no transaction writes more than ROWS rows, what hangs on a link included, and after each
step comes a rest.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from minifile.extensions import db, release_connection
from minifile.models import BrowserAccess, Delivery, File, Grant, Link, PartialUpload, Slot, Visit
from minifile.services.counts import TallyScope
from minifile.services.expiry import purge_partial_uploads
from minifile.services.forgetting import delete_tallies, delete_tallies_within
from minifile.services.handovers import is_being_fetched
from minifile.services.orphans import delete_blobs, sweep_orphans
from minifile.services.pacing import (
    ROWS,
    pages_until_gone,
    read_page,
    unhurried,
    unhurried_transaction,
)
from minifile.services.removals import purge_removed_blobs
from minifile.services.reservations import purge_reservations
from minifile.services.rollup import end_slots, end_slots_of
from minifile.services.salts import forget_salts
from minifile.storage import Storage
from minifile.values import LinkState

# Links that are marked at once.
BATCH = 100
# How long a link that was taken down says so, unless it would have expired before.
TAKEDOWN_TOLD_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge deleted."""

    links: int = 0
    size_bytes: int = 0
    orphans: int = 0
    partial_uploads: int = 0


def purge_expired(*, storage: Storage, now: datetime) -> Purged:
    """Delete expired and revoked links and expired partial uploads, bytes first, then sweep
    orphan blobs.

    A link that is being fetched (a mark younger than a minute) waits for the next run, and so does
    one that was handed over within the last minutes.
    """
    gone = _delete_marked(_marked_batches(now), storage, now)
    end_slots(now)
    forget_salts(now)
    purge_removed_blobs(storage=storage, now=now)
    purge_reservations(now)
    partial_uploads = purge_partial_uploads(storage=storage, now=now)
    return Purged(gone.links, gone.size_bytes, sweep_orphans(storage), partial_uploads)


def purge_at_once(wanted: ColumnElement[bool], *, storage: Storage, now: datetime) -> Purged:
    """Delete links with their bytes, whatever their state and even while they are fetched.

    All of them are marked first, so none is served any more, and a crash leaves the rest to the
    purge.
    """
    for ids in pages_until_gone(select(Link.id).where(wanted, Link.state != LinkState.DELETING)):
        _mark(ids, wanted, now)
    return _delete_marked(_left_batches(wanted), storage, now)


def _delete_marked(batches: Iterator[Sequence[int]], storage: Storage, now: datetime) -> Purged:
    links = size_bytes = 0
    for ids in batches:
        _delete_children(ids, now)
        _delete_history(ids, now)
        size_bytes += _delete_files(ids, storage)
        links += _delete_links(ids)
    return Purged(links, size_bytes)


def _marked_batches(now: datetime) -> Iterator[Sequence[int]]:
    """Yield ids of links to delete: first those that a crash left marked, then newly marked ones.

    What is marked in this run is not asked for again, so a link that can't be deleted is tried
    once.
    """
    yield from _left_batches(true())
    for is_over in (is_revoked(now), is_expired(now)):
        # Child links go with their parents, whose state and expiry they share.
        is_due = and_(is_over, Link.parent_id.is_(None), ~is_link_being_fetched(now))
        while ids := read_page(select(Link.id).where(is_due), BATCH):
            yield _mark(ids, is_due, now)


def _left_batches(wanted: ColumnElement[bool]) -> Iterator[Sequence[int]]:
    """Yield ids of links that are marked; one that can't be deleted is tried once."""
    last_id = 0
    left = select(Link.id).where(is_closed(LinkState.DELETING), wanted).order_by(Link.id)
    while ids := read_page(left.where(Link.id > last_id), BATCH):
        yield ids
        last_id = ids[-1]


def is_closed(state: LinkState) -> ColumnElement[bool]:
    """Ask for links of a state other than open."""
    # The first half is said as the partial index says it: no database sees it through a parameter.
    return and_(Link.state != literal_column("'open'"), Link.state == state)


def is_revoked(now: datetime) -> ColumnElement[bool]:
    """Ask for links that were revoked for good: an undo comes too late.

    One that was taken down stays for a while, so that its owner can read why.
    """
    is_final = or_(Link.undo_until.is_(None), Link.undo_until <= now)
    is_told = or_(
        Link.takedown_reason.is_(None),
        Link.closed_at <= now - TAKEDOWN_TOLD_FOR,
        Link.expires_at <= now,
    )
    return and_(is_closed(LinkState.REVOKED), is_final, is_told)


def is_expired(now: datetime) -> ColumnElement[bool]:
    """Ask for links that nobody has closed and whose time is over."""
    return and_(Link.state == LinkState.OPEN, Link.expires_at <= now)


def is_link_being_fetched(now: datetime) -> ColumnElement[bool]:
    """Ask whether somebody is fetching files of the link, or may with an address handed out.

    By which link does not matter: a recipient's leads to the files of its parent.
    """
    return exists().where(
        File.link_id == Link.id, Delivery.file_id == File.id, is_being_fetched(now)
    )


def _mark(ids: Sequence[int], is_due: ColumnElement[bool], now: datetime) -> Sequence[int]:
    """Mark those of the links that are due; return their ids.

    Asked again under the lock: the sender may just have prolonged one, or a recipient have begun.
    """
    with _holding(ids, durable=True) as session:
        # PostgreSQL sees that in a statement that starts after it has the locks.
        marked = session.scalars(
            update(Link)
            .where(Link.id.in_(ids), is_due)
            .values(state=LinkState.DELETING, closed_at=func.coalesce(Link.closed_at, now))
            .returning(Link.id)
            .execution_options(synchronize_session=False)
        )
        return sorted(marked)


@contextmanager
def _holding(links: Sequence[int], *, durable: bool = False) -> Iterator[Session]:
    """Run a transaction that holds some links and their children, and rest.

    It need not be durable once they are marked: rows that a power cut brings back are purged again.
    """
    with unhurried_transaction(durable=durable) as session:
        # In one order for all who hold several, or two purges might wait for one another.
        held = or_(Link.id.in_(links), Link.parent_id.in_(links))
        rows = select(Link.id).where(held).order_by(Link.id)
        session.execute(rows.with_for_update())
        yield session


def _delete_children(links: Sequence[int], now: datetime) -> None:
    """Delete the child links of marked links; they hold no file."""
    for children in pages_until_gone(select(Link.id).where(Link.parent_id.in_(links))):
        _delete_history(children, now)
        with _holding(children) as session:
            session.execute(
                delete(Link)
                .where(Link.id.in_(children))
                .execution_options(synchronize_session=False)
            )


def _delete_history(links: Sequence[int], now: datetime) -> None:
    """Delete what was counted on marked links, and who had access; no limit bounds how much.

    What the instance and its users keep of it is added up first.
    """
    end_slots_of(links, now)
    for slots in pages_until_gone(select(Slot.id).where(Slot.link_id.in_(links))):
        _delete_rows(links, Delivery.id, Delivery.slot_id.in_(slots))
        _delete_rows(links, Slot.id, Slot.id.in_(slots))
    _delete_rows(links, BrowserAccess.id, BrowserAccess.link_id.in_(links))
    _delete_rows(links, Grant.id, Grant.link_id.in_(links))
    _delete_rows(links, PartialUpload.id, PartialUpload.link_id.in_(links))
    delete_tallies(TallyScope.LINK, links)


def _delete_rows(
    links: Sequence[int], ids: InstrumentedAttribute[int], wanted: ColumnElement[bool]
) -> None:
    for page in pages_until_gone(select(ids).where(wanted)):
        with _holding(links) as session:
            session.execute(
                delete(ids.class_).where(ids.in_(page)).execution_options(synchronize_session=False)
            )


def _delete_files(links: Sequence[int], storage: Storage) -> int:
    """Delete the blobs of marked links, then their rows; return how many bytes.

    Another purge may be at the same links: each counts what it deleted itself. A file whose blob
    can't be deleted keeps its row, and the row its link.
    """
    size_bytes = last_id = 0
    while files := _page_of_files(links, last_id):
        last_id = files[-1].id
        with unhurried():
            keys = delete_blobs([file.storage_key for file in files], storage)
        gone = [file.id for file in files if file.storage_key in keys]
        delete_tallies(TallyScope.FILE, gone)
        with _holding(links) as session:
            deleted = delete(File).where(File.id.in_(gone)).returning(File.size_bytes)
            size_bytes += sum(session.scalars(deleted))
            delete_tallies_within(session, TallyScope.FILE, gone)
    return size_bytes


def _page_of_files(links: Sequence[int], after_id: int) -> Sequence[Row[int, str]]:
    query = select(File.id, File.storage_key).where(File.link_id.in_(links), File.id > after_id)
    files = db.session.execute(query.order_by(File.id).limit(ROWS)).all()
    release_connection()
    return files


def _delete_links(ids: Sequence[int]) -> int:
    """Delete marked links that hold no file any more; return how many.

    One that somebody was refused just now waits for the next run, which adds that up first.
    """
    is_empty = ~exists().where(File.link_id == Link.id) & ~exists().where(Visit.link_id == Link.id)
    with _holding(ids) as session:
        gone = delete(Link).where(Link.id.in_(ids), is_closed(LinkState.DELETING), is_empty)
        deleted = session.scalars(gone.returning(Link.id)).all()
        # A roll-up may have added to them since most of it was deleted.
        delete_tallies_within(session, TallyScope.LINK, deleted)
        return len(deleted)
