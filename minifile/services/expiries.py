"""What will expire in the days ahead, for the admin."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from minifile.extensions import db, release_connection
from minifile.models import File, Link
from minifile.models.types import quarter_of
from minifile.policy.periods import divide, midnight
from minifile.policy.timelines import Step, instant
from minifile.values import LinkState


@dataclass(frozen=True, slots=True)
class Expiries:
    """What expires on one day: open links, and the bytes that are free afterwards."""

    begins_at: datetime
    """Its midnight, in the zone that it is a day of."""
    links: int
    size_bytes: int


def count_expiries(days: int, zone: ZoneInfo, *, now: datetime) -> list[Expiries]:
    """Return what expires on each of the next days, today first."""
    today = now.astimezone(zone).date()
    edges = divide(now, midnight(today + timedelta(days=days), zone), Step.DAY, zone)
    links, size_bytes = [0] * (len(edges) - 1), [0] * (len(edges) - 1)
    is_due = (Link.expires_at >= now) & (Link.expires_at < edges[-1])
    at = quarter_of(Link.expires_at).label("at")
    is_open = Link.state == LinkState.OPEN
    # A child link is a way to the files of its parent, and ends with it at the latest.
    of_links = select(at, func.count()).where(is_due, is_open, Link.parent_id.is_(None))
    of_files = select(at, func.sum(File.size_bytes)).join(File, File.link_id == Link.id)
    for into, query in (
        (links, of_links.group_by(at)),
        (size_bytes, of_files.where(is_due, is_open).group_by(at)),
    ):
        for quarter, number in db.session.execute(query):
            # All zones' days begin with a quarter of an hour.
            into[bisect_right(edges, instant(int(quarter))) - 1] += int(number)
    release_connection()
    return [
        Expiries(edges[at].astimezone(zone), links[at], size_bytes[at]) for at in range(len(links))
    ]
