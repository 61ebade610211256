"""A user leaves: what is theirs goes with them, or is kept, and then their row goes.

In this order, so that a crash leaves a user who can't sign in and whose deletion can be asked for
again: close the account → mark the links → their bytes, then their rows → the user's row.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from minifile.codes import new_token, token_hash
from minifile.errors import BadOption, ServiceBusy
from minifile.extensions import db, write_transaction
from minifile.identity import Actor
from minifile.models import (
    ApiToken,
    BrowserAccess,
    DailyUpload,
    FileRequest,
    Invitation,
    Link,
    PartialUpload,
    Reservation,
    Submission,
    User,
)
from minifile.policy.identity import email_key
from minifile.services.admin_offers import withdraw_offers
from minifile.services.audit import record
from minifile.services.counts import TallyScope
from minifile.services.forgetting import delete_tallies
from minifile.services.pacing import pages_until_gone, read_page, unhurried_transaction
from minifile.services.partials import discard, read_again
from minifile.services.purge import Purged, purge_at_once
from minifile.services.user_sessions import delete_sessions
from minifile.services.users import check_not_last_admin, get_user, lock_user
from minifile.storage import Storage
from minifile.values import LinkState, PartialState

# An upload that ends just then makes one more link; each round deletes those of the last.
_ROUNDS = 5


class LinksFate(StrEnum):
    """What becomes of the links of a user who leaves."""

    DELETE = "delete"
    KEEP = "keep"
    GIVE = "give"


@dataclass(frozen=True, slots=True)
class Departure:
    """What went with a user: bytes of deleted links; links that were kept or given."""

    links_deleted: int
    size_bytes: int
    links_kept: int


def delete_user(
    user_id: int,
    fate: LinksFate,
    *,
    heir_id: int | None = None,
    actor: Actor,
    storage: Storage,
    now: datetime,
) -> Departure:
    """Delete a user, and everything that names them but audit lines, which hold ids only.

    Links are deleted at once, without undo and even while they are fetched; or kept, with nobody
    who could change them; or given to `heir_id`, with the file requests. What was left at file
    requests that are not given is deleted. Raises LastAdmin, NotFound and BadOption.
    """
    if (fate is LinksFate.GIVE) != (heir_id is not None) or heir_id == user_id:
        raise BadOption("Say which other user gets the links.")
    if heir_id is not None:
        get_user(heir_id)
    _close_account(user_id, fate, heir_id, actor, now)
    deleted, kept = Purged(), 0
    for _ in range(_ROUNDS):
        kept += _move_links(user_id, fate, heir_id)
        went = purge_at_once(Link.owner_id == user_id, storage=storage, now=now)
        deleted = Purged(deleted.links + went.links, deleted.size_bytes + went.size_bytes)
        _discard_uploads(user_id, storage)
        delete_tallies(TallyScope.USER, [user_id])
        if _delete_row(user_id):
            return Departure(deleted.links, deleted.size_bytes, kept)
    raise ServiceBusy


def _close_account(
    user_id: int, fate: LinksFate, heir_id: int | None, actor: Actor, now: datetime
) -> None:
    """Let the user do nothing any more, and write down what is about to happen."""
    with write_transaction() as session:
        check_not_last_admin(session, user_id)
        row = lock_user(session, user_id)
        row.disabled_at = row.disabled_at or now
        delete_sessions(session, user_id)
        withdraw_offers(session, user_id)
        session.execute(delete(ApiToken).where(ApiToken.user_id == user_id))
        heir = "" if heir_id is None else f" to {heir_id}"
        record(session, actor, "user.delete", user_id, f"links: {fate}{heir}", now=now)


def _move_links(user_id: int, fate: LinksFate, heir_id: int | None) -> int:
    """Take the links that are kept or given away from the user; return how many."""
    if fate is LinksFate.DELETE:
        return 0
    _move_requests(user_id, fate, heir_id)
    is_theirs = Link.owner_id == user_id
    if fate is LinksFate.KEEP:
        # What strangers have sent to the user is nobody else's affair.
        is_theirs &= ~exists().where(Submission.link_id == Link.id)
    count = 0
    for page in pages_until_gone(select(Link.id).where(is_theirs)):
        with unhurried_transaction(durable=True) as session:
            is_whole = and_(Link.id.in_(page), Link.parent_id.is_(None))
            count += session.scalar(select(func.count()).where(is_whole)) or 0
            session.execute(
                update(PartialUpload)
                .where(PartialUpload.link_id.in_(page))
                .values(owner_id=heir_id)
                .execution_options(synchronize_session=False)
            )
            session.execute(
                delete(BrowserAccess)
                .where(BrowserAccess.link_id.in_(page))
                .execution_options(synchronize_session=False)
            )
            session.execute(
                update(Link)
                .where(Link.id.in_(page))
                # Nobody knows it: who has left must not come back by an owner token.
                .values(owner_id=heir_id, owner_token_hash=token_hash(new_token()))
                .execution_options(synchronize_session=False)
            )
    return count


def _move_requests(user_id: int, fate: LinksFate, heir_id: int | None) -> None:
    if fate is not LinksFate.GIVE:
        return
    with write_transaction() as session:
        for model in (FileRequest, PartialUpload):
            is_theirs: ColumnElement[bool] = model.owner_id == user_id
            if model is PartialUpload:
                # What somebody is just sending to a request goes on.
                is_theirs &= PartialUpload.file_request_id.is_not(None)
            session.execute(
                update(model)
                .where(is_theirs)
                .values(owner_id=heir_id)
                .execution_options(synchronize_session=False)
            )


def _discard_uploads(user_id: int, storage: Storage) -> None:
    """Delete what is being uploaded by the user, or to a file request of theirs, bytes and all."""
    requests = select(FileRequest.id).where(FileRequest.owner_id == user_id)
    is_theirs = or_(PartialUpload.owner_id == user_id, PartialUpload.file_request_id.in_(requests))
    last = 0
    query = select(PartialUpload.id).where(is_theirs, PartialUpload.state != PartialState.JOINED)
    while page := read_page(query.where(PartialUpload.id > last).order_by(PartialUpload.id)):
        last = page[-1]
        for row_id in page:
            row = read_again(row_id)
            if row is not None:
                discard(row, storage=storage)


def _delete_row(user_id: int) -> bool:
    """Delete the user's row and what hangs on it; False when a link has come in meanwhile.

    From here on an upload that still runs finds no owner, and is refused.
    """
    with write_transaction() as session:
        row = lock_user(session, user_id)
        if _has_links(session, user_id):
            return False
        for model in (Reservation, DailyUpload):
            session.execute(delete(model).where(model.holder == user_id))
        if row.email_key is not None:
            theirs = func.lower(Invitation.email) == email_key(row.email_key)
            session.execute(delete(Invitation).where(theirs, Invitation.used_at.is_(None)))
        session.execute(
            delete(User).where(User.id == user_id).execution_options(synchronize_session=False)
        )
    db.session.expunge_all()
    return True


def _has_links(session: Session, user_id: int) -> bool:
    """Say whether a link is the user's; one whose bytes can't be deleted now is the purge's."""
    query = select(Link.id).where(Link.owner_id == user_id, Link.state != LinkState.DELETING)
    return session.scalar(query.limit(1)) is not None
