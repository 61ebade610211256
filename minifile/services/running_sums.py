"""Checksums of uploads that go on in another request: kept in memory while they may be used.

They are a saving and nothing more. Where they are missing, because the parts came to several
processes or one was started anew, the bytes are read again at the end.
"""

import threading
from collections import OrderedDict

from sqlalchemy import Engine

from minifile.extensions import db
from minifile.services.checksums import Checksums
from minifile.services.partial_record import PartialRecord

# A few hundred bytes each.
_AT_MOST = 2000

_lock = threading.Lock()
_kept: OrderedDict[tuple[Engine, int], Checksums] = OrderedDict()


def resume_sums(row: PartialRecord) -> Checksums | None:
    """Take the checksums of all bytes up to the row's offset; None where they are not known."""
    if row.is_part:
        return None
    with _lock:
        sums = _kept.pop((db.engine, row.id), None)
    if sums is not None and sums.size_bytes == row.offset:
        return sums
    return Checksums() if row.offset == 0 else None


def keep_sums(row: PartialRecord, sums: Checksums | None) -> None:
    """Keep them for the next part, if they are those of the bytes up to the row's offset."""
    if sums is None:
        return
    sums.rest()
    if sums.size_bytes != row.offset:
        return
    with _lock:
        _kept[db.engine, row.id] = sums
        while len(_kept) > _AT_MOST:
            _kept.popitem(last=False)
