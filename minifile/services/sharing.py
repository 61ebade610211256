"""Sharing: who may open a link besides its owner, and by which child link each recipient comes.

Every change holds the link's row, so two at once are one after the other.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from minifile.errors import BadOption, NotFound
from minifile.extensions import write_transaction
from minifile.identity import Account
from minifile.models import Grant, Link
from minifile.policy.access import check_open
from minifile.policy.identity import email_key
from minifile.policy.sharing import check_grant_count, check_recipient_count, clean_addresses
from minifile.services.child_links import child_values
from minifile.services.links import lock_link
from minifile.services.new_shares import find_user_ids
from minifile.services.rate_limits import RateLimits
from minifile.values import LinkRecord, LinkState


def set_private(link: LinkRecord, *, is_private: bool, now: datetime) -> None:
    """Make a link private or public. Grants and child links stay as they are.

    Raises BadOption for the link of somebody without an account, which nobody could open then.
    """
    with write_transaction():
        row = _lock_open(link, now)
        row.is_private = is_private


def add_grants(
    link: LinkRecord, names: Sequence[str], account: Account, *, rates: RateLimits, now: datetime
) -> int:
    """Let users open the link, by their names or mail addresses; return how many are new.

    All or none. Raises BadOption and TooManyTries, as `find_user_ids` does.
    """
    if not names:
        raise BadOption("Name at least one user.")
    user_ids = find_user_ids(names, account, rates=rates)
    with write_transaction() as session:
        row = _lock_open(link, now)
        query = select(Grant.user_id).where(Grant.link_id == row.id)
        held = set(session.scalars(query))
        new = [user_id for user_id in user_ids if user_id not in held]
        check_grant_count(len(held) + len(new))
        session.add_all(Grant(link_id=row.id, user_id=each, created_at=now) for each in new)
    return len(new)


def revoke_grant(link: LinkRecord, user_id: int, *, now: datetime) -> None:
    """Let a user open the link no more; what is on its way ends by itself. Raises NotFound."""
    with write_transaction() as session:
        row = _lock_open(link, now)
        theirs = delete(Grant).where(Grant.link_id == row.id, Grant.user_id == user_id)
        if session.execute(theirs.returning(Grant.id)).first() is None:
            raise NotFound("The link is not shared with this user.")


def add_recipients(
    link: LinkRecord, addresses: Sequence[str], *, code_length: int, now: datetime
) -> list[int]:
    """Give each recipient a child link; return the ids of the new ones.

    Who has one that works is left out. Raises BadOption where nobody is left.
    """
    cleaned = clean_addresses(addresses)
    while True:
        try:
            with write_transaction() as session:
                row = _lock_open(link, now)
                children = _new_children(session, row, cleaned, code_length, now)
                session.add_all(children)
                session.flush()
                return [child.id for child in children]
        except IntegrityError as error:
            # A code that is taken is rolled again.
            if "code" not in str(error.orig):
                raise


def revoke_recipient(link: LinkRecord, recipient_id: int, *, now: datetime) -> None:
    """Close the child link of one recipient for good; the others' stay. Raises NotFound.

    What is on its way ends by itself. Revoking twice is no error.
    """
    with write_transaction() as session:
        row = _lock_open(link, now)
        query = select(Link).where(Link.id == recipient_id, Link.parent_id == row.id)
        query = query.with_for_update().execution_options(populate_existing=True)
        child = session.scalar(query)
        if child is None:
            raise NotFound("The link has no such recipient.")
        if child.state == LinkState.OPEN:
            child.state, child.closed_at, child.undo_until = LinkState.REVOKED, now, None


def _lock_open(link: LinkRecord, now: datetime) -> Link:
    """Hold the row of a link that is open and belongs to a user."""
    row = lock_link(link.id)
    check_open(row, now)
    if row.owner_id is None:
        raise BadOption("Only a link that was made by a user of this site is shared privately.")
    return row


def _new_children(
    session: Session, parent: Link, addresses: Sequence[str], code_length: int, now: datetime
) -> list[Link]:
    is_child = Link.parent_id == parent.id
    open_ones = session.scalars(
        select(Link.recipient).where(is_child, Link.state == LinkState.OPEN)
    )
    held = {email_key(address) for address in open_ones if address is not None}
    new = [address for address in addresses if email_key(address) not in held]
    if not new:
        raise BadOption("Give at least one mail address that has no link of its own yet.")
    count = session.scalar(select(func.count()).where(is_child)) or 0
    check_recipient_count(count + len(new))
    return [
        Link(**child_values(parent, address, code_length=code_length, now=now)) for address in new
    ]
