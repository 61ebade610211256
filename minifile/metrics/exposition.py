"""The answer: the sums of all processes, and the numbers of the instance."""

import threading
import time
from collections.abc import Iterator
from typing import Any, cast

from flask import Flask

from minifile.extensions import DATABASE_UNAVAILABLE
from minifile.metrics.instance import DATABASE_UP, families_of
from minifile.metrics.recording import Recording
from minifile.services.instance_numbers import InstanceNumbers, read_numbers
from minifile.web.current import instance_of, utcnow

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# However often somebody asks, the instance is looked at this seldom, and so seldom that looking
# takes at most a fiftieth of the time.
_LEAST_SECONDS = 2.0
_SHARE = 50


_KEY = "minifile.metrics"


class Exposition:
    """What one application answers, with what the processes of its server count."""

    def __init__(self, app: Flask, recording: Recording | None) -> None:
        self._app = app
        self._recording = recording
        self._lock = threading.Lock()
        self._numbers: InstanceNumbers | None = None
        self._read_again_at = 0.0

    def text(self) -> bytes:
        """Return all numbers, in the text format of Prometheus."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Any]:
        """Yield every family; the registry calls this."""
        if self._recording is not None:
            yield from sorted(self._recording.collect(), key=lambda family: str(family.name))
        numbers = self._read()
        yield DATABASE_UP.made(0 if numbers is None else 1)
        if numbers is not None:
            yield from families_of(numbers)

    def _read(self) -> InstanceNumbers | None:
        """Return the numbers of the instance, or None while its database does not answer."""
        with self._lock:
            began = time.monotonic()
            if began >= self._read_again_at:
                try:
                    with self._app.app_context():
                        storage = instance_of(self._app).storage
                        self._numbers = read_numbers(storage=storage, now=utcnow())
                except DATABASE_UNAVAILABLE:
                    self._numbers = None
                ended = time.monotonic()
                self._read_again_at = ended + max(_LEAST_SECONDS, _SHARE * (ended - began))
            return self._numbers


def expose(app: Flask, recording: Recording | None) -> None:
    """Let the answers of an application hold what its server counts, besides its own numbers."""
    app.extensions[_KEY] = Exposition(app, recording)


def exposition_of(app: Flask) -> Exposition:
    """Return what answers. Under a server that is not ours it knows the instance alone."""
    if _KEY not in app.extensions:
        expose(app, None)
    return cast(Exposition, app.extensions[_KEY])
