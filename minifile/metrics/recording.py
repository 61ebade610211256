"""What the processes of one server count, in files that all of them can read.

prometheus-client's multi-process mode: each process writes its numbers into mapped files of its
own, and whoever answers adds up all of them. So a number survives the process that counted it.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from minifile import metering
from minifile.metrics.families import (
    COUNTERS,
    DURATION,
    DURATION_BUCKETS,
    GAUGES,
    REQUESTS,
    SENT,
    Family,
)

# Where prometheus-client keeps its numbers; without it, each process would keep its own to itself.
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_LOCK = "lock"
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Recording:
    """The numbers of one server. Made before its processes are forked off."""

    def __init__(self, parent: Path) -> None:
        """Make a folder below `parent`, and delete those of servers that are no more."""
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(parent / _LOCK):
            for path in parent.iterdir():
                _delete_if_left(path)
            self.folder = Path(tempfile.mkdtemp(prefix="server-", dir=parent))
            # Held while any process of this server lives, also one that a killed master leaves.
            self._lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def begin(self) -> None:
        """Count from now on, in this process and in all that it forks off."""
        # It is read when prometheus-client is imported, and whenever a process opens its files.
        os.environ[_VARIABLE] = str(self.folder)
        from prometheus_client import values

        values.ValueClass = values.get_value_class()
        metering.listen(PrometheusMeters())

    def forget(self, process: int) -> None:
        """Take off what a dead process had in progress; what it has counted stays."""
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(process, str(self.folder))

    def close(self) -> None:
        """Delete the folder: the server has ended."""
        metering.listen(None)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    def collect(self) -> Iterator[Any]:
        """Yield the sums of all processes; prometheus-client's registry calls this."""
        from prometheus_client.multiprocess import MultiProcessCollector

        # A process makes its files before it gives them a size; nothing can be read of those yet.
        files = [each.path for each in os.scandir(self.folder) if _has_numbers(each)]
        yield from MultiProcessCollector.merge(files)


class PrometheusMeters:
    """Turns what is told into prometheus-client's metrics."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        self._counters = {what: _made(Counter, family) for what, family in COUNTERS.items()}
        self._gauges = {
            what: _made(Gauge, family, multiprocess_mode="livesum")
            for what, family in GAUGES.items()
        }
        self._requests = _made(Counter, REQUESTS)
        self._durations = _made(Histogram, DURATION, buckets=DURATION_BUCKETS)
        self._sent = _made(Counter, SENT)
        # Finding the series of some labels takes longer than adding to it. All labels are words
        # of lists that end, so these end too.
        self._counter = cache(lambda what, labels: _series(self._counters[what], labels))
        self._gauge = cache(lambda what, labels: _series(self._gauges[what], labels))
        self._answer = cache(self._find_answer)

    def count(self, what: str, labels: tuple[str, ...], by: float) -> None:
        """See `metering.Meters`."""
        self._counter(what, labels).inc(by)

    def change(self, what: str, labels: tuple[str, ...], by: float) -> None:
        """See `metering.Meters`."""
        self._gauge(what, labels).inc(by)

    def answered(
        self, method: str, route: str, status: str, seconds: Sequence[float], sent: int
    ) -> None:
        """See `metering.Meters`."""
        # Anybody can make a method up, so those that nobody serves are one.
        method = method if method in _METHODS else "other"
        requests, durations = self._answer(method, route, status)
        requests.inc(len(seconds))
        for each in seconds:
            durations.observe(each)
        if sent:
            self._sent.inc(sent)

    def _find_answer(self, method: str, route: str, status: str) -> tuple[Any, Any]:
        return (
            self._requests.labels(method, route, status),
            self._durations.labels(method, route),
        )


def _has_numbers(file: os.DirEntry[str]) -> bool:
    # What was in progress in a process that has died is deleted by another one.
    with suppress(FileNotFoundError):
        return file.name.endswith(".db") and file.stat().st_size > 0
    return False


def _made(kind: Any, family: Family, **more: Any) -> Any:
    made = kind(family.name, family.words, family.labels, registry=None, **more)
    for value in family.values:
        made.labels(value)
    return made


def _series(metric: Any, labels: tuple[str, ...]) -> Any:
    return metric.labels(*labels) if labels else metric


@contextmanager
def _locked(path: Path, flags: int = fcntl.LOCK_EX) -> Iterator[None]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, flags)
        yield
    finally:
        os.close(lock)


def _delete_if_left(path: Path) -> None:
    """Delete the folder of a server of which no process lives."""
    if path.is_dir():
        with suppress(BlockingIOError), _locked(path / _LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(path, ignore_errors=True)
