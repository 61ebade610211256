"""What was counted in one stretch of time, for tests of what is counted."""

from datetime import datetime

from minifile.services.analytics import timeline
from minifile.services.counts import Counts, Subject


def count(subject: Subject, since: datetime, until: datetime, *, now: datetime) -> Counts:
    """Return the counters of a subject from `since` up to `until`, which begin quarters."""
    (counts,) = timeline(subject, [since, until], now=now)
    return counts
