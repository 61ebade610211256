"""Opening a link that has a password."""

import threading
from collections.abc import Collection
from datetime import datetime

from minifile.errors import LinkLocked, WrongPassword
from minifile.extensions import release_connection
from minifile.services import ownership
from minifile.services.passwords import is_remembered, remember_success, verify_password
from minifile.services.rate_limits import WRONG_PASSWORDS, WRONG_PASSWORDS_LINK, RateLimits
from minifile.services.slots import holds_slot
from minifile.services.visits import note_visit
from minifile.values import LinkRecord, VisitKind, Visitor

# A hundred guesses that come at once must not all be judged before the first is counted.
_one_at_a_time = threading.Lock()


def check_unlocked(
    link: LinkRecord,
    visitor: Visitor,
    rights: Collection[str],
    *,
    rates: RateLimits,
    now: datetime,
) -> None:
    """Raise LinkLocked, WrongPassword or TooManyTries unless the link is open to the visitor.

    It is open when it has no password, to its owner, to a browser that has unlocked it, and
    to a request that carries the password.
    """
    if link.password_hash is None or rights:
        return
    if visitor.password is None:
        raise LinkLocked
    try_password(link, visitor, visitor.password, rates=rates, now=now)


def unlock_link(
    link: LinkRecord, visitor: Visitor, password: str, *, rates: RateLimits, now: datetime
) -> None:
    """Check the password of the unlock form and remember the browser that gave it."""
    if link.password_hash is not None:
        try_password(link, visitor, password, rates=rates, now=now)
        if visitor.browser is not None:
            ownership.remember_unlocked(link, visitor.browser, now=now)


def tries_left(link: LinkRecord, visitor: Visitor, *, rates: RateLimits) -> int | None:
    """Return how many wrong passwords the visitor's address may still give."""
    return rates.left(WRONG_PASSWORDS, str(link.id), visitor.rate_address)


def try_password(
    link: LinkRecord, visitor: Visitor, password: str, *, rates: RateLimits, now: datetime
) -> None:
    """Judge the rate limits, then the password; only wrong ones are counted.

    The limit of the link as a whole does not lock out who is fetching it already.
    """
    assert link.password_hash is not None
    client = visitor.browser or f"{visitor.rate_address} {visitor.user_agent}"
    if is_remembered(link.password_hash, password, client, now):
        return
    is_fetching = holds_slot(link, visitor, now=now)
    release_connection()
    with _one_at_a_time:
        rates.check(WRONG_PASSWORDS, str(link.id), visitor.rate_address)
        if not is_fetching:
            rates.check(WRONG_PASSWORDS_LINK, str(link.id))
        is_right = verify_password(link.password_hash, password)
        if not is_right:
            rates.count(WRONG_PASSWORDS, str(link.id), visitor.rate_address)
            rates.count(WRONG_PASSWORDS_LINK, str(link.id))
    if not is_right:
        note_visit(link.id, VisitKind.WRONG_PASSWORD, visitor, now=now)
        raise WrongPassword
    remember_success(link.password_hash, password, client, now)
