"""The id of the request at hand: what an error page and the lines of a log have in common.

It is random, so that it tells nothing, and it is kept by thread: what a request leaves to another
thread takes it along.
"""

import os
import re
import threading

# What a proxy in front may say instead: an id as such programs make them, and nothing else.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,63}")

_current = threading.local()


def new_request_id() -> str:
    """Return 16 hexadecimal digits."""
    return os.urandom(8).hex()


def plain_request_id(said: str | None) -> str | None:
    """Return what somebody else said if it is 8 to 64 plain characters, else None."""
    return said if said is not None and _PLAIN.fullmatch(said) else None


def begin_request(request_id: str | None) -> None:
    """Say which request this thread is at from now on; None: at none."""
    _current.id = request_id


def current_request_id() -> str | None:
    """Return the id of the request that this thread is at, if it is at one."""
    found: str | None = getattr(_current, "id", None)
    return found
