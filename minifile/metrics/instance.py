"""The numbers of the instance, as gauges: read from the database, the same from every process."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from minifile.services.history import RunRecord
from minifile.services.instance_numbers import InstanceNumbers


@dataclass(frozen=True, slots=True)
class Gauge:
    """One name that Prometheus knows."""

    name: str
    words: str
    labels: tuple[str, ...] = ()

    def made(self, value: float) -> Any:
        """Return it with its one value."""
        return self.made_of([((), value)])

    def made_of(self, values: Sequence[tuple[tuple[str, ...], float]]) -> Any:
        """Return it with a value for each of some labels."""
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(self.name, self.words, labels=self.labels)
        for labels, value in values:
            family.add_metric(labels, value)
        return family


DATABASE_UP = Gauge("minifile_database_up", "1 while the database answers, else 0.")
READ_AT = Gauge(
    "minifile_read_timestamp_seconds", "When the numbers of the instance were read last."
)
LINKS = Gauge("minifile_links", "Links, by where they stand.", ("state",))
FILES = Gauge("minifile_files", "Files of all links that are still stored.")
STORED = Gauge("minifile_stored_bytes", "Bytes of these files.")
FREE = Gauge("minifile_storage_free_bytes", "Bytes that are free where files are stored.")
USERS = Gauge("minifile_users", "User accounts.")
PARTIAL = Gauge("minifile_partial_uploads", "Resumable uploads that are in no link yet.")
PARTIAL_BYTES = Gauge("minifile_partial_bytes", "Bytes of these uploads that have arrived.")
RESERVED = Gauge("minifile_reserved_bytes", "Bytes that quotas promise to uploads in progress.")
QUEUED = Gauge("minifile_queued", "What waits in the database to be done.", ("queue",))
LEASE = Gauge(
    "minifile_lease_expires_timestamp_seconds",
    "Until when a process has a job for itself that only one may do.",
    ("job", "holder"),
)
PURGED_AT = Gauge("minifile_last_purge_timestamp_seconds", "When the last purge began.")
PURGE_TOOK = Gauge("minifile_last_purge_duration_seconds", "How long the last purge took.")
PURGE_DELETED = Gauge("minifile_last_purge_deleted", "What the last purge deleted.", ("what",))

GAUGES = (
    *(DATABASE_UP, READ_AT, LINKS, FILES, STORED, FREE, USERS, PARTIAL, PARTIAL_BYTES, RESERVED),
    *(QUEUED, LEASE, PURGED_AT, PURGE_TOOK, PURGE_DELETED),
)


def families_of(numbers: InstanceNumbers) -> Iterator[Any]:
    """Yield every gauge of which something is known."""
    yield READ_AT.made(numbers.at.timestamp())
    yield LINKS.made_of([((state,), count) for state, count in numbers.links.items()])
    yield FILES.made(numbers.files)
    yield STORED.made(numbers.size_bytes)
    if numbers.free_bytes is not None:
        # A bucket does not say.
        yield FREE.made(numbers.free_bytes)
    yield USERS.made(numbers.users)
    yield PARTIAL.made(numbers.partial_uploads)
    yield PARTIAL_BYTES.made(numbers.partial_bytes)
    yield RESERVED.made(numbers.reserved_bytes)
    yield QUEUED.made_of([((queue,), count) for queue, count in numbers.queues.items()])
    leases = [((each.name, each.holder), each.until.timestamp()) for each in numbers.leases]
    yield LEASE.made_of(leases)
    if numbers.last_purge is not None:
        yield from _of_purge(numbers.last_purge)


def _of_purge(run: RunRecord) -> Iterator[Any]:
    yield PURGED_AT.made(run.started_at.timestamp())
    yield PURGE_TOOK.made(run.took.total_seconds())
    deleted = {
        "links": run.links,
        "bytes": run.size_bytes,
        "partial_uploads": run.partial_uploads,
        "orphans": run.orphans,
    }
    yield PURGE_DELETED.made_of([((what,), count) for what, count in deleted.items()])
