"""Run a `minifile` command whose clock stands where a test has put it.

`python clocked.py FILE serve …` is `minifile serve …`. The product has one clock, `utcnow`; here it
reads the instant from a file that all processes share: microseconds since 1970, in 8 bytes. What
only waits (timeouts, rests, the intervals of jobs) goes by the time that really passes.
"""

import mmap
import struct
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = struct.Struct("<q")


class Clock:
    """The instant that all processes of a moved server take for now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(_MICROSECONDS.size))
        self._file = path.open("r+b")
        self._shared = mmap.mmap(self._file.fileno(), _MICROSECONDS.size)

    def set(self, instant: datetime) -> None:
        """Move it, forwards or backwards, for all at once."""
        since = (instant - EPOCH) // timedelta(microseconds=1)
        self._shared[:] = _MICROSECONDS.pack(since)

    @property
    def now(self) -> datetime:
        return read(self._shared)

    def close(self) -> None:
        self._shared.close()
        self._file.close()


def read(shared: "mmap.mmap") -> datetime:
    return EPOCH + timedelta(microseconds=_MICROSECONDS.unpack(shared[:])[0])


class _Moved:
    """Stands for `datetime` where the product asks it for now."""

    now: Callable[[tzinfo | None], datetime]


def _move(path: Path) -> None:
    @cache
    def shared() -> "mmap.mmap":
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), _MICROSECONDS.size, access=mmap.ACCESS_READ)

    import minifile.web.current as current

    _Moved.now = staticmethod(lambda zone: read(shared()).astimezone(zone))
    current.datetime = _Moved  # type: ignore[misc, assignment]


if __name__ == "__main__":
    _move(Path(sys.argv.pop(1)))
    sys.argv[0] = "minifile"
    from minifile.__main__ import main

    main()
