"""How many connections each worker has: so that one that has more leaves the next to another.

All workers wait at one socket, and the first that wakes up would take all that come at once: a
dozen clients then share one core while the other is idle.
"""

import mmap
import struct
import time

_SLOTS = 64
_ROW = struct.Struct("=dq")
# A worker that has not written for so long is gone, or hangs: nothing is left to it.
_FRESH_SECONDS = 3.0


class Balance:
    """A table in memory that the workers share; made before they are forked."""

    def __init__(self) -> None:
        self._table = mmap.mmap(-1, _SLOTS * _ROW.size)

    def write(self, worker: int, connections: int) -> None:
        """Tell how many connections a worker has; `worker` is a number of its own."""
        _ROW.pack_into(self._table, worker % _SLOTS * _ROW.size, time.monotonic(), connections)

    def least_of_others(self, worker: int) -> int | None:
        """Return the least number that another live worker has, or None without another."""
        since = time.monotonic() - _FRESH_SECONDS
        mine = worker % _SLOTS
        return min(
            (
                connections
                for slot, (at, connections) in enumerate(_ROW.iter_unpack(self._table))
                if slot != mine and at > since
            ),
            default=None,
        )
