"""Numbers for /metrics, told where things happen. While nobody listens, telling does nothing.

Who listens (`minifile/metrics/`) is one for the whole process, since the numbers are its own. No
label may be a path, a name, an address or a code: only words of a list that ends.
"""

from collections.abc import Sequence
from typing import Final, Protocol

# What is counted.
RECEIVED: Final = "received"
UPLOADS: Final = "uploads"
DOWNLOADS: Final = "downloads"
RATE_LIMIT_HITS: Final = "rate limit hits"
ERRORS: Final = "errors"
LOG_MESSAGES: Final = "log messages"
PURGE_RUNS: Final = "purge runs"
PURGED: Final = "purged"
# What goes up and down.
TRANSFERS: Final = "transfers"
WAITING: Final = "waiting"


class Meters(Protocol):
    """Who listens."""

    def count(self, what: str, labels: tuple[str, ...], by: float) -> None:
        """Add to a number that only grows."""

    def change(self, what: str, labels: tuple[str, ...], by: float) -> None:
        """Add to a number that goes up and down."""

    def answered(
        self, method: str, route: str, status: str, seconds: Sequence[float], sent: int
    ) -> None:
        """Count requests that are over, by how long each took, and the bytes of all answers."""


_meters: Meters | None = None


def listen(meters: Meters | None) -> None:
    """From now on, tell these; None: nobody."""
    global _meters
    _meters = meters


def is_on() -> bool:
    """Say whether somebody listens: where finding out what to tell would cost something."""
    return _meters is not None


def count(what: str, *labels: str, by: float = 1) -> None:
    """Tell that so many more have happened."""
    if _meters is not None:
        _meters.count(what, labels, by)


def change(what: str, *labels: str, by: float) -> None:
    """Tell that so many more, or fewer, are there now."""
    if _meters is not None:
        _meters.change(what, labels, by)


def answered(method: str, route: str, status: str, seconds: Sequence[float], sent: int) -> None:
    """Tell of requests that are over and alike, by how long each took, and of the bytes sent.

    `route` is the rule of their route. To tell of many together costs less.
    """
    if _meters is not None:
        _meters.answered(method, route, status, seconds, sent)
