"""`python -m bench.turns DATABASE`: how long a writer waits for its turn, until SIGTERM.

It takes the turn among processes that minifile's writers take (where there is one), then SQLite's
write lock, and gives both back at once; every few milliseconds. Nobody can have held the lock for
longer than the longest wait, which is printed, in milliseconds.
"""

import fcntl
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_PAUSE_SECONDS = 0.002
_POLL_SECONDS = 0.0002


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    database = sys.argv[1]
    longest = 0.0
    try:
        with closing(sqlite3.connect(database, isolation_level=None, timeout=0)) as connection:
            while True:
                started = time.monotonic()
                with _turn(Path(f"{database}-turn")):
                    _begin(connection)
                    longest = max(longest, time.monotonic() - started)
                    connection.execute("ROLLBACK")
                time.sleep(_PAUSE_SECONDS)
    finally:
        print(longest * 1000, flush=True)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    if not path.exists():
        yield
        return
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _begin(connection: sqlite3.Connection) -> None:
    """Take the write lock. SQLite's own waiting pauses for up to a tenth of a second."""
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:
            time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    main()
