"""What is measured: every name with its labels and what it means.

docs/metrics.md holds the same table for who reads the numbers; a test compares.
"""

from dataclasses import dataclass

from minifile import metering
from minifile.services.rate_limits import WINDOWS
from minifile.web.transfers import AT_ONCE

# Seconds; a page takes a few milliseconds, and a large file as long as the network does.
DURATION_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 60.0, 600.0),
)


@dataclass(frozen=True, slots=True)
class Family:
    """One name that Prometheus knows; `values` of its one label are there from the start, at 0."""

    name: str
    words: str
    labels: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


REQUESTS = Family(
    "minifile_requests_total",
    "Requests that are over, by the rule of their route, never by the path.",
    ("method", "route", "status"),
)
DURATION = Family(
    "minifile_request_duration_seconds",
    "From the request's head to the last byte of the answer that was sent.",
    ("method", "route"),
)
SENT = Family("minifile_sent_bytes_total", "Bytes of answers, without their heads.")

COUNTERS = {
    metering.RECEIVED: Family("minifile_received_bytes_total", "Bytes of uploads that came in."),
    metering.UPLOADS: Family(
        "minifile_uploads_total",
        "Uploads by how they ended: each request with files, or each resumable upload as a whole.",
        ("result",),
        ("completed", "aborted", "refused", "failed"),
    ),
    metering.DOWNLOADS: Family(
        "minifile_downloads_total",
        "Downloads by how they ended; those of a link's owner are not counted.",
        ("result",),
        ("completed", "partial", "aborted", "handed_over", "refused"),
    ),
    metering.RATE_LIMIT_HITS: Family(
        "minifile_rate_limit_hits_total",
        "Requests that were refused because a limit was used up.",
        ("limit",),
        (*WINDOWS, AT_ONCE),
    ),
    metering.ERRORS: Family(
        "minifile_errors_total",
        "Errors that an admin should hear of, by kind.",
        ("kind",),
        ("BlobMissing", "ConfigError", "DatabaseUnavailable", "StorageFull", "StorageUnavailable"),
    ),
    metering.LOG_MESSAGES: Family(
        "minifile_log_messages_total",
        "Lines in the log that are warnings or worse.",
        ("level",),
        ("warning", "error", "critical"),
    ),
    metering.PURGE_RUNS: Family(
        "minifile_purge_runs_total",
        "Purges that this server has run by itself.",
        ("result",),
        ("completed", "failed"),
    ),
    metering.PURGED: Family(
        "minifile_purged_total",
        "What these purges have deleted.",
        ("what",),
        ("links", "bytes", "partial_uploads", "orphans"),
    ),
}
GAUGES = {
    metering.TRANSFERS: Family(
        "minifile_transfers_in_progress",
        "Uploads and downloads on their way.",
        ("direction",),
        ("upload", "download"),
    ),
    metering.WAITING: Family(
        "minifile_waiting",
        "What waits within the processes of this server.",
        ("queue",),
        ("settlements", "background", "durable_counts", "bucket_reads"),
    ),
}
