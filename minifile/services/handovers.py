"""Handing a file over to the web server in front or the bucket, which sends its bytes for us.

Whether they arrive is not known then. So a handed-over delivery is never completed, what was
asked for is taken as spent, and nothing stays in flight. The blob is kept for as long as an
address that was handed out leads to it (`is_being_fetched`).
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, case, or_, update

from minifile.errors import StorageUnavailable
from minifile.models import Delivery
from minifile.policy.counting import FileSpan
from minifile.services.commits import Work, commit
from minifile.services.deliveries import beginning, is_durable
from minifile.services.download_notices import tell_of_download
from minifile.services.downloads import Reading, noticing_removal
from minifile.services.statements import Driver, Statement
from minifile.storage import Storage
from minifile.values import FileRecord, Span

# How long the address of a blob at the bucket can be used.
ADDRESS_LIFETIME = timedelta(minutes=5)
# A minute more: the clocks of a bucket and of other replicas differ a little.
_WANTED_FOR = ADDRESS_LIFETIME + timedelta(minutes=1)

_HAND_OVER = Statement(
    update(Delivery)
    .where(Delivery.slot_id == bindparam("slot_id"), Delivery.file_id == bindparam("file_id"))
    .values(
        bytes_reserved=Delivery.bytes_reserved + bindparam("more"),
        in_flight=case((Delivery.in_flight > 0, Delivery.in_flight - 1), else_=0),
        in_flight_until=case((Delivery.in_flight > 1, Delivery.in_flight_until)),
        handed_over_at=bindparam("now"),
    )
)


def hand_over_file(
    reading: Reading,
    file: FileRecord,
    span: Span,
    *,
    storage: Storage,
    lease: timedelta,
    now: datetime,
) -> None:
    """Count a request whose bytes somebody else is about to send.

    Raises BlobMissing before anything was counted, and what `beginning` raises. The owner
    is not counted.
    """
    with noticing_removal(file):
        storage.size(file.storage_key)
    if reading.is_owner:
        return
    part = FileSpan(file.id, file.size_bytes, span)
    commit(
        _handing_over(reading, part, fresh=not span.start, lease=lease, now=now),
        durable=is_durable(reading.link),
    )


def signed_address(
    file: FileRecord, *, storage: Storage, disposition: str, content_type: str
) -> str:
    """Return an address at the bucket at which anybody can fetch the file for ADDRESS_LIFETIME.

    Raises StorageUnavailable where the storage can't sign one.
    """
    address = storage.signed_url(
        file.storage_key,
        disposition=disposition,
        content_type=content_type,
        lifetime=ADDRESS_LIFETIME,
    )
    if address is None:
        raise StorageUnavailable("This storage has no addresses to hand out.")
    return address


def is_being_fetched(now: datetime) -> ColumnElement[bool]:
    """Ask of deliveries whether the blob is being sent, or may be fetched by its address."""
    return or_(Delivery.in_flight_until > now, Delivery.handed_over_at > now - _WANTED_FOR)


def _handing_over(
    reading: Reading, part: FileSpan, *, fresh: bool, lease: timedelta, now: datetime
) -> Work[None]:
    """Return the work that counts, and at once ends the response for us.

    Its bytes stay spent, and it leaves no mark in flight.
    """
    begin = beginning(reading.link, reading.visitor, [part], fresh=fresh, lease=lease, now=now)
    # One byte more than the file for a whole one: the budget of twice the file then has room for
    # any resume of it, and for no second fresh start, which is another download.
    more = 1 if part.is_whole else 0

    def work(driver: Driver) -> None:
        ticket = begin(driver)
        ids = {"slot_id": ticket.slot_id, "file_id": part.file_id}
        _HAND_OVER.run(driver, **ids, more=more, now=now)
        if ticket.hearer is not None:
            tell_of_download(driver, ticket.link_id, ticket.slot_id, ticket.hearer, now)

    return work
