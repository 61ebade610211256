"""How many transfers one address may have running at once in this process.

An upload holds a thread for as long as its client likes, and a download files and a connection;
one address must not take them all. The counts are those of the process, because so are these.
"""

import ipaddress
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache

from minifile.errors import TooManyTries

_RETRY_AFTER = timedelta(seconds=5)


class Transfers:
    """Counts running transfers by address; `limit` may be set once the threads are known."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def begin(self, address: str) -> None:
        """Count a transfer that begins. Raises TooManyTries; this machine itself is exempt."""
        if _is_loopback(address):
            return
        with self._lock:
            if self._running[address] >= self.limit:
                raise TooManyTries("transfers at once from your address", _RETRY_AFTER)
            self._running[address] += 1

    def end(self, address: str) -> None:
        """Take one off that began."""
        if _is_loopback(address):
            return
        with self._lock:
            self._running[address] -= 1
            if self._running[address] <= 0:
                del self._running[address]

    @contextmanager
    def running(self, address: str) -> Iterator[None]:
        """Count a transfer while the block runs."""
        self.begin(address)
        try:
            yield
        finally:
            self.end(address)


@lru_cache(maxsize=4096)
def _is_loopback(address: str) -> bool:
    if not address:
        # A Unix socket has no address; what stands before it is ours.
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        # A network (of IPv6), or nothing that a proxy should have sent.
        return False
