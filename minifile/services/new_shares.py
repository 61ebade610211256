"""With whom a new link is shared: users by grants, recipients by child links of their own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from sqlalchemy import bindparam, insert, select

from minifile.errors import BadOption
from minifile.identity import Account
from minifile.models import Grant, User
from minifile.policy.sharing import (
    check_grant_count,
    check_recipient_count,
    clean_addresses,
    read_names,
)
from minifile.services.child_links import child_values
from minifile.services.new_links import insert_link
from minifile.services.rate_limits import UNKNOWN_USERS, RateLimits
from minifile.services.statements import Driver, Statement, given
from minifile.services.users import find_user
from minifile.values import LinkRecord, UploadOptions

__all__ = [
    "NOBODY",
    "Shares",
    "check_owned",
    "find_shares",
    "find_user_ids",
    "insert_shares",
    "read_names",
    "read_shares",
]

# Held, so that nobody deletes the user before the grant is there.
_IS_USER = Statement(
    select(User.id).where(User.id == bindparam("user_id")).with_for_update(read=True)
)
_INSERT_GRANT = Statement(insert(Grant).values(**given("link_id", "user_id", "created_at")))


@dataclass(frozen=True, slots=True)
class Shares:
    """Users by their ids, recipients by their mail addresses; both are judged already."""

    user_ids: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def is_anybody(self) -> bool:
        return bool(self.user_ids or self.addresses)

    @property
    def words(self) -> tuple[str | None, str | None]:
        """Both as a row keeps them: with commas between, None for nobody."""
        ids = ",".join(map(str, self.user_ids))
        return ids or None, ",".join(self.addresses) or None


NOBODY = Shares()
_OWNERLESS = "Only users of this site can share privately. Sign in first."


class Owned(Protocol):
    """What may be private, and belong to a user."""

    @property
    def is_private(self) -> bool: ...
    @property
    def owner_id(self) -> int | None: ...


def read_shares(user_ids: str | None, addresses: str | None) -> Shares:
    """Return what `Shares.words` has written."""
    ids = (int(word) for word in (user_ids or "").split(",") if word)
    return Shares(tuple(ids), tuple(word for word in (addresses or "").split(",") if word))


def find_shares(options: UploadOptions, account: Account | None, *, rates: RateLimits) -> Shares:
    """Return with whom the sender wants to share a new link.

    Raises BadOption for a sender without an account, for who can't be found, and for users who
    are named for a public link; TooManyTries for who has named too many that can't be found. That
    a private link is some user's is judged once it is known whose (`check_owned`).
    """
    if not (options.grant_to or options.recipients):
        return NOBODY
    if account is None:
        raise BadOption(_OWNERLESS)
    if options.grant_to and not options.is_private:
        raise BadOption("Users are named for a private link only. Make the link private, too.")
    addresses = clean_addresses(options.recipients)
    check_recipient_count(len(addresses))
    return Shares(find_user_ids(options.grant_to, account, rates=rates), addresses)


def check_owned(what: Owned) -> None:
    """Raise BadOption for a private link, or a partial upload of one, that nobody could open."""
    if what.is_private and what.owner_id is None:
        raise BadOption(_OWNERLESS)


def find_user_ids(names: Sequence[str], asker: Account, *, rates: RateLimits) -> tuple[int, ...]:
    """Return the ids of the users of these names or mail addresses.

    Raises BadOption for the first that can't be found, who may not exist or be disabled, and
    TooManyTries: whoever asks could otherwise try out a whole list of names.
    """
    check_grant_count(len(names))
    found: dict[int, None] = {}
    for name in names:
        rates.check(UNKNOWN_USERS, str(asker.id))
        user = find_user(name)
        if user is None or user.disabled_at is not None:
            rates.count(UNKNOWN_USERS, str(asker.id))
            raise BadOption(f"No user called {name[:80]!r} can be found.")
        if user.id == asker.id:
            raise BadOption("The link is yours, so there is no need to share it with yourself.")
        found[user.id] = None
    return tuple(found)


def insert_shares(
    shares: Shares, driver: Driver, link: LinkRecord, *, code_length: int, now: datetime
) -> None:
    """Write the grants and child links of a new link within the caller's work.

    A user who is gone since is left out. Raises BadOption for a private link of nobody.
    """
    check_owned(link)
    for user_id in shares.user_ids:
        if _IS_USER.run(driver, user_id=user_id):
            _INSERT_GRANT.run(driver, link_id=link.id, user_id=user_id, created_at=now)
    for address in shares.addresses:
        values = child_values(link, address, code_length=code_length, now=now)
        insert_link(driver, replace(link, files=(), **values), None)
