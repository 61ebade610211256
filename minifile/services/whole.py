"""Resumable uploads that come whole with their creation: small files of a folder, mostly.

They go the way of a plain upload, and cost one commit: the row is written when all is there.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from hashlib import new as new_digest

from minifile import metering
from minifile.errors import ChecksumMismatch
from minifile.services.bundle_rows import BundleSize
from minifile.services.bundles import enter
from minifile.services.joining import Progress, join_if_due
from minifile.services.new_links import commit_with_code
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import Terms, insert_partial
from minifile.services.quotas import check_fits
from minifile.services.rate_limits import UPLOADS
from minifile.services.receiving import Part
from minifile.services.reservations import reserving
from minifile.services.statements import Driver
from minifile.services.storing import Incoming, Rules, store_file
from minifile.values import Chunk, PartialState, Visitor


def store_whole(
    row: PartialRecord,
    part: Part | None,
    bundle: BundleSize,
    visitor: Visitor,
    *,
    terms: Terms,
    now: Callable[[], datetime],
) -> Progress:
    """Store the file, write its row, and make the link if it is due.

    Raises as a plain upload does, and ChecksumMismatch; nothing is kept then.
    """
    incoming = Incoming(row.filename, row.declared_type, _chunks(part), row.length)
    # The first file of a bundle is known only when its row is written.
    links = 0 if row.bundle_hash else 1
    room = reserving(terms.limits, row.length, links=links, now=now)
    with room as reserved, terms.storage.batch() as batch:
        rules = Rules(terms.limits, terms.storage, None, reserved)
        file = store_file(incoming, batch, rules, bundle.size_bytes)
        whole = replace(
            row,
            state=PartialState.COMPLETE.value,
            offset=file.size_bytes,
            content_type=file.content_type,
            sha256=file.sha256,
            crc32=file.crc32,
            storage_key=file.storage_key,
            completed_at=now(),
        )

        def work(driver: Driver, code: str) -> Progress:
            progress = _insert(driver, whole, code, terms, now())
            reserved.settle(driver, None)
            # From here on a failed commit must not take the bytes: it may have happened.
            batch.keep()
            return progress

        progress = commit_with_code(work, code_length=terms.limits.code_length)
        reserved.is_settled = True
    metering.count(metering.UPLOADS, "completed")
    if progress.made is not None:
        terms.rates.count(UPLOADS, visitor.rate_address)
    return progress


def _insert(driver: Driver, row: PartialRecord, code: str, terms: Terms, now: datetime) -> Progress:
    entered = enter(driver, row, terms, now)
    if entered is not None and not entered.files:
        check_fits(driver, terms.limits, 0, 1, now)
    saved = replace(row, id=insert_partial(driver, row))
    made = join_if_due(driver, saved, code, terms=terms, now=now)
    if made is None:
        return Progress(saved)
    return Progress(replace(saved, state=PartialState.JOINED.value, link_id=made.link.id), made)


def _chunks(part: Part | None) -> Iterator[Chunk]:
    """Yield the body; raise at its end when it is not what its checksum says."""
    if part is None:
        return
    checksum = part.checksum
    if checksum is None:
        yield from part.chunks
        return
    digest = new_digest(checksum.algorithm)
    for chunk in part.chunks:
        digest.update(chunk)
        yield chunk
    if digest.digest() != checksum.digest:
        raise ChecksumMismatch
