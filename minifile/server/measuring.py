"""/metrics of a running server: begun before its workers are forked off, and ended with it."""

import socket
from dataclasses import dataclass
from typing import Any

from flask import Flask

from minifile.metrics.exposition import expose
from minifile.metrics.recording import Recording
from minifile.server.metrics_listener import PATH, answer_in_turn
from minifile.web.current import instance_of

_FOLDER = "metrics"
_LISTENER_LOCK = "listener"


@dataclass(frozen=True, slots=True)
class Measuring:
    """What a server keeps for its numbers."""

    app: Flask
    recording: Recording
    listener: socket.socket | None

    def hooks(self) -> dict[str, Any]:
        """Return what gunicorn is to call of its own accord, in the master."""
        return {
            "child_exit": lambda _server, worker: self.recording.forget(worker.pid),
            "on_exit": lambda _server: self.recording.close(),
        }

    def begin_worker(self) -> None:
        """Let this worker answer on METRICS_BIND when its turn comes."""
        if self.listener is not None:
            lock = self.recording.folder / _LISTENER_LOCK
            answer_in_turn(self.app, self.listener, lock)

    def address(self) -> str | None:
        """Return where METRICS_BIND is answered, with the port that was really bound."""
        if self.listener is None:
            return None
        host, port = self.listener.getsockname()[:2]
        return f"http://[{host}]:{port}{PATH}" if ":" in host else f"http://{host}:{port}{PATH}"


def begin_measuring(app: Flask, listener: socket.socket | None) -> Measuring | None:
    """Count from now on, if anybody may read it; otherwise nothing is imported, nor done."""
    settings = instance_of(app).settings
    if listener is None and not settings.metrics_token:
        return None
    recording = Recording(settings.instance_path / _FOLDER)
    recording.begin()
    expose(app, recording)
    return Measuring(app, recording, listener)
