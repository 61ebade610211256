"""gunicorn with our application inside."""

import json
import logging
import resource
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from minifile.download.response import Transfer
from minifile.scheduler import start_scheduler
from minifile.server.balance import Balance
from minifile.server.continuing import invitation_of
from minifile.server.logs import RouteLogger
from minifile.server.measuring import Measuring, begin_measuring
from minifile.server.passing import PassedTransfer
from minifile.server.signals import hold_signals_at_fork, release_signals
from minifile.server.sizing import default_connections, default_threads, default_workers
from minifile.server.worker import Worker
from minifile.web.connection import socket_of
from minifile.web.current import instance_of

# A client that has begun a request and sends no more of it; one that takes nothing of an answer.
_SILENT_SECONDS = 20
_SEND_SECONDS = 60

OWN_WORKER = "minifile"
WORKER_CLASSES = (OWN_WORKER, "gthread")

log = logging.getLogger("minifile")

_serving = threading.local()

StartResponse = Callable[..., Any]


class Server(BaseApplication):
    """Serves one application until it is told to stop."""

    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self._app = app
        self._options = options
        super().__init__()  # type: ignore[no-untyped-call]

    def load_config(self) -> None:
        for name, value in self._options.items():
            assert self.cfg is not None
            self.cfg.set(name, value)

    def load(self) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
        return self._serve

    def _serve(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        # gunicorn ignores a Connection header of the application; this is its own switch.
        environ["minifile.close_connection"] = _serving.request.force_close
        if _serving.invitation is not None:
            _serving.invitation.join(environ)
        answer = self._app(environ, start_response)
        connection = socket_of(environ)
        if not isinstance(answer, Transfer) or connection is None:
            return answer
        passed = PassedTransfer(answer, connection, _serving.pass_on)
        environ["minifile.passed"] = passed
        return passed


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the server is started; `None` leaves a number to `sizing`."""

    host: str
    port: int
    workers: int | None = None
    threads: int | None = None
    worker_class: str = OWN_WORKER
    metrics: socket.socket | None = None
    """Where METRICS_BIND listens, if it does."""


def serve(app: Flask, options: ServerOptions) -> None:
    """Serve until SIGTERM or SIGINT; running transfers may end within STOP_TIMEOUT."""
    raise_open_files_limit()
    hold_signals_at_fork()
    measuring = begin_measuring(app, options.metrics)
    settings = server_settings(app, options, measuring)
    instance = instance_of(app)
    if instance.settings.max_transfers_per_address is None:
        instance.transfers.limit = max(1, settings["threads"] // 2)
    Server(app, settings).run()  # type: ignore[no-untyped-call]


def server_settings(
    app: Flask, options: ServerOptions, measuring: Measuring | None = None
) -> dict[str, Any]:
    """Return gunicorn's settings."""
    settings = instance_of(app).settings
    host = options.host
    RouteLogger.form = settings.log_format
    RouteLogger.keeps_addresses = settings.keep_addresses
    return {
        "bind": f"[{host}]:{options.port}" if ":" in host else f"{host}:{options.port}",
        "workers": options.workers or default_workers(),
        "threads": options.threads or default_threads(),
        "worker_class": _worker_class(app, options.worker_class),
        "worker_connections": default_connections(),
        "keepalive": 15,
        "graceful_timeout": int(settings.stop_timeout.total_seconds()),
        "timeout": 60,
        "worker_tmp_dir": _memory_folder(),
        "control_socket_disable": True,
        # Only TRUSTED_PROXIES decides what a proxy may say.
        "forwarded_allow_ips": "",
        "secure_scheme_headers": {},
        "limit_request_line": 8190,
        "logger_class": RouteLogger,
        "accesslog": "-",
        "loglevel": "warning",
        "pre_request": _note_request,
        "post_worker_init": lambda worker: _start_jobs(worker, app, measuring),
        "worker_exit": _stop_jobs,
        "when_ready": lambda server: _when_ready(server, host, measuring),
        "proc_name": "minifile",
        **({} if measuring is None else measuring.hooks()),
    }


def _worker_class(app: Flask, name: str) -> Any:
    """Return our worker, or gunicorn's own where that is wanted or ours does not fit."""
    if name != OWN_WORKER:
        return name
    if not Worker.fits():
        log.warning("This gunicorn is not the one that our worker was made for: using gthread")
        return "gthread"
    Worker.flask_app = app
    Worker.balance = Balance()
    Worker.header_seconds = instance_of(app).settings.header_timeout.total_seconds()
    return Worker


def raise_open_files_limit() -> None:
    """Ask for as many open files as the system allows: each transfer needs two or more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _note_request(worker: Any, request: Any) -> None:
    _serving.request = request
    _serving.invitation = invitation_of(request)
    # Stock gthread has no pump; its threads send to the end.
    _serving.pass_on = getattr(worker, "pass_on", None)


def _start_jobs(worker: Any, app: Flask, measuring: Measuring | None) -> None:
    release_signals()
    logging.getLogger("minifile").setLevel(logging.INFO)
    worker.minifile_scheduler = start_scheduler(app)
    if measuring is not None:
        measuring.begin_worker()


def _stop_jobs(_server: Any, worker: Any) -> None:
    scheduler = getattr(worker, "minifile_scheduler", None)
    if scheduler is not None:
        scheduler.shutdown(wait=False)


def _when_ready(server: Any, host: str, measuring: Measuring | None) -> None:
    """Bound silence, and print the addresses with the ports that were really bound."""
    for listener in server.LISTENERS:
        bound_silence(listener.sock)
    port = server.LISTENERS[0].sock.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    _say(f"minifile serves on http://{shown}:{port}")
    if measuring is not None and (address := measuring.address()):
        _say(f"metrics are on {address}")


def _say(line: str) -> None:
    """Print a line on standard output; as JSON where all lines are."""
    if RouteLogger.form == "json":
        line = json.dumps({"message": line})
    print(line, flush=True)  # noqa: T201


def bound_silence(listener: socket.socket) -> None:
    """Let connections fail that neither send nor take a byte of a thread's time for so long.

    For what a thread reads and writes: forms, pages, errors; with gthread, answers too. Accepted
    connections inherit this; a body that is being read has its own time-out.
    """
    for option, seconds in (
        (socket.SO_RCVTIMEO, _SILENT_SECONDS),
        (socket.SO_SNDTIMEO, _SEND_SECONDS),
    ):
        listener.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", seconds, 0))


def _memory_folder() -> str | None:
    """gunicorn's heartbeat files must not wait for a disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
