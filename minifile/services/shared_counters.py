"""Counters of rate limits in Redis, and in the database for as long as Redis does not answer.

So no page fails for want of Redis, and no limit is off meanwhile: what the other one had counted
is left out of the count, so that a limit may be had twice, once in each.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from limits.storage import RedisStorage
from sqlalchemy import Engine

from minifile.services.rate_limits import DatabaseCounters

log = logging.getLogger("minifile")

T = TypeVar("T")

# A request waits so long for an answer, and then nobody asks for a while.
_ANSWER_SECONDS = 0.5
_PAUSE_SECONDS = 5.0


class SharedCounters(DatabaseCounters):
    """The counters in the database, unless Redis answers."""

    def __init__(self, engine: Engine, url: str) -> None:
        """Count in the Redis at this address, which is connected to when it is asked."""
        super().__init__(engine)
        self._redis = RedisStorage(
            url,
            key_prefix="minifile",
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
        )
        self._away_until = 0.0

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self._ask(
            lambda: self._redis.incr(key, expiry, amount),
            lambda: super(SharedCounters, self).incr(key, expiry, amount),
        )

    def decr(self, key: str) -> None:
        # Without the key its window is over; a negative count would be one try more.
        self._ask(
            lambda: self._redis.get(key) > 0 and self._redis.incr(key, 1, -1),
            lambda: super(SharedCounters, self).decr(key),
        )

    def get(self, key: str) -> int:
        return self._ask(lambda: self._redis.get(key), lambda: super(SharedCounters, self).get(key))

    def get_expiry(self, key: str) -> float:
        return self._ask(
            lambda: self._redis.get_expiry(key),
            lambda: super(SharedCounters, self).get_expiry(key),
        )

    def close(self) -> None:
        self._redis.storage.close()
        super().close()

    def _ask(self, redis: Callable[[], T], database: Callable[[], T]) -> T:
        if time.monotonic() >= self._away_until:
            try:
                return redis()
            except (self._redis.base_exceptions, OSError) as error:  # type: ignore[misc]
                self._away_until = time.monotonic() + _PAUSE_SECONDS
                # Its sentences may hold what stands in the URL.
                log.warning("Redis does not answer (%s); the database counts", type(error).__name__)
        return database()
