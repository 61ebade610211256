"""Who may send to a file request: who knows its address, and its password if it has one."""

import threading
from datetime import datetime

from sqlalchemy import select

from minifile.codes import token_hash
from minifile.errors import LinkLocked, LinkNotFound
from minifile.extensions import db, release_connection, write_transaction
from minifile.models import RequestAccess
from minifile.services.passwords import is_remembered, remember_success, verify_password
from minifile.services.rate_limits import (
    UNKNOWN_CODES,
    WRONG_PASSWORDS,
    WRONG_PASSWORDS_LINK,
    RateLimits,
)
from minifile.services.request_rows import RequestRecord, check_request_taking, read_request
from minifile.values import Visitor

_LOCKED = (
    "This file request has a password."
    " Send it with HTTP Basic (curl -u :PASSWORD) or X-Link-Password."
)
# A hundred guesses that come at once must not all be judged before the first is counted.
_one_at_a_time = threading.Lock()


def find_open_request(
    code: str, visitor: Visitor, *, rates: RateLimits, now: datetime
) -> RequestRecord:
    """Return the file request that files may be sent to; it may have a password.

    An unknown code is answered and counted as that of a link: LinkNotFound, TooManyTries. Raises
    LinkGone.
    """
    rates.check(UNKNOWN_CODES, visitor.rate_address)
    found = read_request(code)
    if found is None:
        rates.count(UNKNOWN_CODES, visitor.rate_address)
        raise LinkNotFound
    check_request_taking(found, now)
    return found


def check_request_unlocked(
    request: RequestRecord,
    visitor: Visitor,
    password: str | None = None,
    *,
    rates: RateLimits,
    now: datetime,
) -> None:
    """Raise LinkLocked or TooManyTries unless the visitor may send.

    That may who has no password to give, a browser that has given it, and a request that brings
    it: as `password`, or as that of the visitor.
    """
    given = password or visitor.password
    if request.password_hash is None or _has_access(request, visitor):
        return
    if given is None:
        raise LinkLocked(_LOCKED)
    _try_password(request, visitor, given, rates=rates, now=now)


def unlock_request(
    request: RequestRecord, visitor: Visitor, password: str, *, rates: RateLimits, now: datetime
) -> None:
    """Check the password of the form and remember the browser that gave it."""
    if request.password_hash is None or _has_access(request, visitor):
        return
    _try_password(request, visitor, password, rates=rates, now=now)
    if visitor.browser is None:
        return
    browser_hash = token_hash(visitor.browser)
    with write_transaction(durable=False) as session:
        if not _is_known(request, browser_hash):
            session.add(
                RequestAccess(browser_hash=browser_hash, file_request_id=request.id, created_at=now)
            )


def request_tries_left(
    request: RequestRecord, visitor: Visitor, *, rates: RateLimits
) -> int | None:
    """Return how many wrong passwords the visitor's address may still give."""
    return rates.left(WRONG_PASSWORDS, _counter(request), visitor.rate_address)


def _has_access(request: RequestRecord, visitor: Visitor) -> bool:
    return visitor.browser is not None and _is_known(request, token_hash(visitor.browser))


def _is_known(request: RequestRecord, browser_hash: str) -> bool:
    query = select(RequestAccess.id).where(
        RequestAccess.file_request_id == request.id, RequestAccess.browser_hash == browser_hash
    )
    return db.session.execute(query).first() is not None


def _try_password(
    request: RequestRecord, visitor: Visitor, password: str, *, rates: RateLimits, now: datetime
) -> None:
    """Judge the rate limits, then the password; only wrong ones are counted."""
    assert request.password_hash is not None
    client = visitor.browser or f"{visitor.rate_address} {visitor.user_agent}"
    if is_remembered(request.password_hash, password, client, now):
        return
    release_connection()
    with _one_at_a_time:
        rates.check(WRONG_PASSWORDS, _counter(request), visitor.rate_address)
        rates.check(WRONG_PASSWORDS_LINK, _counter(request))
        if not verify_password(request.password_hash, password):
            rates.count(WRONG_PASSWORDS, _counter(request), visitor.rate_address)
            rates.count(WRONG_PASSWORDS_LINK, _counter(request))
            raise LinkLocked("That is not the password of this file request.")
    remember_success(request.password_hash, password, client, now)


def _counter(request: RequestRecord) -> str:
    # Links count by their ids alone.
    return f"request {request.id}"
