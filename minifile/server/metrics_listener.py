"""METRICS_BIND: a port of its own for /metrics, beside that of the server.

The listening socket is made before the workers are forked off, so all of them have it. One answers,
whoever holds the lock; when it ends, however it does, the kernel gives the lock to another.
"""

import fcntl
import logging
import os
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flask import Flask

from minifile.config.metrics import parse_address
from minifile.metrics.access import may_read
from minifile.metrics.exposition import CONTENT_TYPE, exposition_of
from minifile.web.current import instance_of

log = logging.getLogger("minifile")

PATH = "/metrics"
# A client that falls silent is given up.
_SILENT_SECONDS = 10
# Connections at once; what comes beyond waits, and takes no thread and no file from the workers.
_AT_ONCE = 16


def listen(address: str) -> socket.socket:
    """Listen on the address of METRICS_BIND. Raises OSError."""
    host, port = parse_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def answer_in_turn(app: Flask, listener: socket.socket, lock: Path) -> None:
    """Let a thread of this process answer as soon as no other process does."""
    threading.Thread(
        target=_wait_and_answer, args=(app, listener, lock), name="metrics", daemon=True
    ).start()


def _wait_and_answer(app: Flask, listener: socket.socket, lock: Path) -> None:
    try:
        # Never closed: it is held until the process ends.
        fcntl.flock(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
        _Listener(app, listener).serve_forever()
    except Exception:
        log.exception("METRICS_BIND is not answered by this process any more")


class _Listener(ThreadingHTTPServer):
    """Serves on a socket that listens already."""

    def __init__(self, app: Flask, listener: socket.socket) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.app = app
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread as soon as there is a turn."""
        self._turns.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            # No thread could be started, so none will leave the turn.
            self._turns.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and leave the turn to another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._turns.release()

    def handle_error(self, *_: object) -> None:
        """Log a fault of ours; that a client broke off is none.

        The base class prints a traceback with the client's address, past the log and its format.
        """
        if not isinstance(sys.exception(), OSError):
            log.exception("a request on METRICS_BIND could not be answered")


class _Handler(BaseHTTPRequestHandler):
    """Answers one address; whatever else is asked for is not there."""

    server: _Listener
    timeout = _SILENT_SECONDS
    server_version, sys_version = "minifile", ""

    def do_GET(self) -> None:
        """Answer with all numbers, to who brings the token where there is one."""
        token = instance_of(self.server.app).settings.metrics_token
        if self.path.partition("?")[0] != PATH:
            self._answer(HTTPStatus.NOT_FOUND, b"There is nothing at this address.\n")
        elif token and not may_read(token, self.headers.get("Authorization")):
            self._answer(HTTPStatus.UNAUTHORIZED, b"This needs the METRICS_TOKEN as a Bearer.\n")
        else:
            self._expose()

    def _expose(self) -> None:
        try:
            text = exposition_of(self.server.app).text()
        except Exception:
            # Without an answer nobody could tell this from a server that is gone.
            log.exception("the numbers could not be read")
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"The numbers can't be read just now.\n")
        else:
            self._answer(HTTPStatus.OK, text, CONTENT_TYPE)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the line would hold the path that was asked for."""

    def _answer(
        self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Bearer realm="minifile metrics"')
        self.end_headers()
        self.wfile.write(body)
