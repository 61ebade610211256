"""Usage: how much an instance holds."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from minifile.extensions import db, release_connection
from minifile.models import Delivery, File, Link
from minifile.storage import Storage
from minifile.values import LinkState


@dataclass(frozen=True, slots=True)
class Usage:
    """The numbers of `minifile stats`; sizes in bytes."""

    links_open: int
    links_closed: int
    """Expired or revoked, and waiting for the purge."""
    files: int
    size_bytes: int
    downloads: int
    """Counted on the links that still have their rows."""
    in_flight: int
    free_bytes: int | None


def measure_usage(*, storage: Storage, now: datetime) -> Usage:
    """Count links, files, bytes and downloads."""
    is_open = (Link.state == LinkState.OPEN) & (Link.expires_at > now)
    total, links_open, downloads = db.session.execute(
        select(
            func.count(),
            func.count().filter(is_open),
            func.coalesce(func.sum(Link.download_count), 0),
        ).select_from(Link)
    ).one()
    files, size_bytes = db.session.execute(
        select(func.count(), func.coalesce(func.sum(File.size_bytes), 0)).select_from(File)
    ).one()
    in_flight = db.session.execute(
        select(func.count()).select_from(Delivery).where(Delivery.in_flight_until > now)
    ).scalar_one()
    release_connection()
    return Usage(
        links_open=links_open,
        links_closed=total - links_open,
        files=files,
        size_bytes=int(size_bytes),
        downloads=int(downloads),
        in_flight=in_flight,
        free_bytes=storage.free_bytes(),
    )
