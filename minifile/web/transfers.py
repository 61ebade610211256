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
from enum import Enum
from functools import lru_cache

from minifile import metering
from minifile.errors import (
    MinifileError,
    ServiceBusy,
    StorageFull,
    StorageUnavailable,
    TooManyTries,
    TypeRefused,
    UploadCut,
    UploadTooSlow,
)

_RETRY_AFTER = timedelta(seconds=5)
# What /metrics calls this limit.
AT_ONCE = "transfers at once"


_OUR_FAULT = (ServiceBusy, StorageFull, StorageUnavailable)


class NoUpload(Exception):
    """What was thought to be an upload brings no file; raised through `receiving`."""


class Ends(Enum):
    """When an upload has ended. One that is resumable tells of its completion by itself."""

    WITH_REQUEST = "with its request"
    IF_IT_FAILS = "with its request if that fails: it was to begin the upload"
    LATER = "later: the request brings a part"


class Transfers:
    """Counts running transfers by address; `limit` may be set once the threads are known."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def begin(self, address: str) -> None:
        """Count a transfer that begins. Raises TooManyTries; this machine itself is exempt."""
        if not self.may_begin(address):
            metering.count(metering.RATE_LIMIT_HITS, AT_ONCE)
            raise TooManyTries(f"{AT_ONCE} from your address", _RETRY_AFTER)

    def may_begin(self, address: str) -> bool:
        """Count a transfer that begins, if it may; say whether it may."""
        if _is_loopback(address):
            return True
        with self._lock:
            if self._running[address] >= self.limit:
                return False
            self._running[address] += 1
            return True

    def end(self, address: str) -> None:
        """Take one off that began."""
        if _is_loopback(address):
            return
        with self._lock:
            self._running[address] -= 1
            if self._running[address] <= 0:
                del self._running[address]

    @contextmanager
    def receiving(self, address: str, ends: Ends = Ends.WITH_REQUEST) -> Iterator[None]:
        """Count an upload while the block receives it, and how it ended."""
        self.begin(address)
        metering.change(metering.TRANSFERS, "upload", by=1)
        try:
            with noting_end(ends):
                yield
        finally:
            metering.change(metering.TRANSFERS, "upload", by=-1)
            self.end(address)


@contextmanager
def noting_end(ends: Ends) -> Iterator[None]:
    """Tell how an upload ended that the block receives, if it has ended then."""
    try:
        yield
    except NoUpload:
        raise
    except BaseException as error:
        if ends is not Ends.LATER or isinstance(error, TypeRefused):
            metering.count(metering.UPLOADS, _how_it_ended(error))
        raise
    if ends is Ends.WITH_REQUEST:
        metering.count(metering.UPLOADS, "completed")


def _how_it_ended(error: BaseException) -> str:
    if isinstance(error, (UploadCut, UploadTooSlow)):
        return "aborted"
    is_refusal = isinstance(error, MinifileError) and not isinstance(error, _OUR_FAULT)
    return "refused" if is_refusal else "failed"


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
