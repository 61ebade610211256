"""Link passwords: hashed with Argon2id, one at a time in a process.

m = 19 MiB, t = 2, p = 1 (the second recommended choice of the OWASP cheat sheet). One at a
time bounds what a flood of tries can take: 19 MiB and one core.
"""

import hashlib
import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

REMEMBERED_FOR = timedelta(minutes=10)
_REMEMBERED_AT_MOST = 10_000

_one_at_a_time = threading.Lock()
# Successes of this process: a client that fetches ranges sends its password with each.
_remembered: OrderedDict[str, datetime] = OrderedDict()


def hash_password(password: str) -> str:
    """Return the Argon2id hash to keep."""
    with _one_at_a_time:
        return make_hasher().hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Say whether `password` is the one that was hashed; takes some 30 ms of a core."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        with _one_at_a_time:
            return make_hasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError, UnicodeError):
        return False


def remember_success(password_hash: str, password: str, client: str, now: datetime) -> None:
    """Spare this client the hashing for ten minutes; a changed password forgets it."""
    with _one_at_a_time:
        _remembered[_memory_key(password_hash, password, client)] = now + REMEMBERED_FOR
        while len(_remembered) > _REMEMBERED_AT_MOST:
            _remembered.popitem(last=False)


def is_remembered(password_hash: str, password: str, client: str, now: datetime) -> bool:
    """Say whether this client gave this very password within the last ten minutes."""
    until = _remembered.get(_memory_key(password_hash, password, client))
    return until is not None and until > now


@cache
def make_hasher() -> "PasswordHasher":
    # Loading the library takes longer than hashing, and most instances' starts need neither.
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _memory_key(password_hash: str, password: str, client: str) -> str:
    text = "\0".join((password_hash, client, password))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
