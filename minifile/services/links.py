"""Links: find one, change one, revoke one.

Recipients' routes look up by `find_open_link`, the sender's by `find_managed_link`; there is
no third way to turn a code into a link.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from minifile.errors import (
    BadOption,
    LinkGone,
    LinkNotFound,
    LinkTakenDown,
    NotFound,
    TooLateToUndo,
    TooManyTries,
)
from minifile.extensions import db, write_transaction
from minifile.identity import Scope
from minifile.models import File, Link
from minifile.policy.access import can_undo, check_open, standing_of
from minifile.policy.lifetimes import check_lifetime
from minifile.policy.limits import check_max_downloads, check_note, check_password
from minifile.policy.names import clean_path, number_equal_names
from minifile.services import ownership
from minifile.services.child_links import (
    close_children,
    close_children_for_good,
    let_children_follow,
    reopen_children,
)
from minifile.services.passwords import hash_password
from minifile.services.quotas import check_within
from minifile.services.rate_limits import UNKNOWN_CODES, RateLimits
from minifile.services.records import read_link
from minifile.services.slots import holds_slot
from minifile.services.statements import driver_of, reading
from minifile.values import FileRecord, Limits, LinkRecord, LinkState, Role, Visitor


@dataclass(frozen=True, slots=True)
class LinkChanges:
    """What the sender wants to be otherwise. `lifetime` counts from now; None leaves it."""

    max_downloads: int | None
    note: str | None
    lifetime: timedelta | None = None
    password: str | None = None
    remove_password: bool = False


def find_open_link(code: str, visitor: Visitor, *, rates: RateLimits, now: datetime) -> LinkRecord:
    """Return the link, with its files, that a recipient may be served.

    Raises LinkNotFound, also for a private one that the visitor may not know of, LinkExpired,
    LinkRevoked, or TooManyTries when the visitor's address
    has asked for too many codes that don't exist.
    """
    link = _find(code)
    if link is not None and not _may_open(link, visitor):
        link = None
    try:
        rates.check(UNKNOWN_CODES, visitor.rate_address)
    except TooManyTries:
        # A bad neighbour must not lock out who was let in before.
        if link is None or not _was_let_in(link, visitor, now):
            raise
    if link is None:
        rates.count(UNKNOWN_CODES, visitor.rate_address)
        raise LinkNotFound
    try:
        check_open(link, now)
    except LinkGone as error:
        error.link = link
        raise
    return link


def find_managed_link(
    code: str,
    visitor: Visitor,
    *,
    rates: RateLimits,
    now: datetime,
    undoable: bool = False,
    scope: Scope = Scope.MANAGE,
) -> LinkRecord:
    """Return the link that the visitor made and may change, or only see where `scope` is READ.

    With `undoable` also a revoked one, while that can be undone. Somebody else's link looks like
    none, as does a child link, which is looked after on its parent's page: LinkNotFound. Raises
    LinkExpired and LinkRevoked to the owner only.
    """
    rates.check(UNKNOWN_CODES, visitor.rate_address)
    link = _find(code)
    if link is None or link.parent_id or not ownership.is_owner(link, visitor, scope):
        rates.count(UNKNOWN_CODES, visitor.rate_address)
        raise LinkNotFound
    if link.takedown_reason is not None:
        raise LinkTakenDown(link.takedown_reason)
    if not (undoable and can_undo(link, now)):
        check_open(link, now)
    return link


def standing(link: LinkRecord, now: datetime) -> str:
    """Return in one word how a link stands: `open`, `exhausted`, `expired` or `revoked`."""
    return standing_of(link.state, link.expires_at, link.downloads_left, now)


def find_file(link: LinkRecord, filename: str) -> FileRecord:
    """Return the file of the link with this name. Raises NotFound."""
    for file in link.files:
        if file.filename == filename:
            return file
    raise NotFound("This link has no file of that name.")


def change_link(link: LinkRecord, changes: LinkChanges, *, limits: Limits, now: datetime) -> None:
    """Change expiry, limit, password and note at once, or none of them.

    The limit may be lower than what was already fetched; the link is exhausted then. A new or
    removed password forgets who had unlocked the old one. Raises BadOption.
    """
    _check_changes(changes, limits)
    password_hash = None if changes.password is None else hash_password(changes.password)
    with write_transaction() as session:
        row = lock_link(link.id)
        check_open(row, now)
        row.max_downloads = changes.max_downloads
        row.note = changes.note or None
        if changes.lifetime is not None:
            row.expires_at = now + changes.lifetime
        has_new_password = password_hash is not None or changes.remove_password
        if has_new_password:
            row.password_hash = password_hash
        let_children_follow(session, row, forget_unlocked=has_new_password)


def rename_file(link: LinkRecord, file_id: int, filename: str, *, now: datetime) -> None:
    """Give a file another name; it is cleaned, and numbered when the link has one like it."""
    with write_transaction() as session:
        row = lock_link(link.id)
        check_open(row, now)
        file = session.get(File, file_id, populate_existing=True)
        if file is None or file.link_id != row.id:
            raise NotFound("This link has no such file.")
        others = [other.filename for other in row.files if other.id != file_id]
        *unchanged, name = number_equal_names([*others, clean_path(filename)])
        if unchanged != others:
            raise BadOption("Another file of the link has the name of that folder.")
        file.filename = name


def revoke_link(
    link: LinkRecord, *, now: datetime, undo_within: timedelta = timedelta(0)
) -> datetime | None:
    """End the link at once; running transfers end by themselves. Revoking twice is no error.

    Returns until when it can be undone: `undo_within` from now, or from the first time, and not
    longer than the link would have lived. None
    when it can't be, which also ends the grace of an earlier time.
    """
    with write_transaction() as session:
        row = lock_link(link.id)
        if row.state == LinkState.OPEN:
            row.state = LinkState.REVOKED
            row.closed_at = now
            row.undo_until = min(now + undo_within, row.expires_at)
            close_children(session, row)
        if not undo_within:
            row.undo_until = None
            close_children_for_good(session, row.id)
        return row.undo_until


def undo_revoke(link: LinkRecord, *, limits: Limits, now: datetime) -> None:
    """Open a revoked link again, as it was. Raises TooLateToUndo; an open one stays as it is.

    Raises QuotaExceeded when its owner has used the room meanwhile; `limits` are the owner's.

    The conditions stand in the one UPDATE, so that of an undo and a purge only one comes through.
    """
    with write_transaction() as session:
        undone = session.execute(
            update(Link)
            .where(
                Link.id == link.id,
                Link.state == LinkState.REVOKED,
                Link.undo_until > now,
            )
            .values(state=LinkState.OPEN, closed_at=None, undo_until=None)
            .returning(Link.id)
            .execution_options(synchronize_session=False)
        ).first()
        if undone is not None:
            check_within(driver_of(session), limits, now)
            reopen_children(session, link.id)
        elif lock_link(link.id).state != LinkState.OPEN:
            raise TooLateToUndo


def lock_link(link_id: int) -> Link:
    """Read a link anew and hold its row until the transaction ends. Raises LinkNotFound."""
    query = select(Link).where(Link.id == link_id).with_for_update()
    row = db.session.execute(query.execution_options(populate_existing=True)).scalar_one_or_none()
    if row is None:
        raise LinkNotFound
    return row


def _may_open(link: LinkRecord, visitor: Visitor) -> bool:
    """Say whether a private link is the visitor's own or was shared with them."""
    return (
        not link.is_private
        or Role.OWNER in ownership.rights_of(visitor, link)
        or ownership.holds_grant(link, visitor.account)
    )


def _was_let_in(link: LinkRecord, visitor: Visitor, now: datetime) -> bool:
    return bool(ownership.rights_of(visitor, link)) or holds_slot(link, visitor, now=now)


def _find(code: str) -> LinkRecord | None:
    with reading(db.engine) as driver:
        return read_link(driver, code)


def _check_changes(changes: LinkChanges, limits: Limits) -> None:
    check_max_downloads(changes.max_downloads)
    check_note(changes.note)
    check_password(changes.password)
    if changes.lifetime is not None:
        check_lifetime(changes.lifetime, limits)
