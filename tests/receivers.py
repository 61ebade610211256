"""Receivers of notifications that fail as they are told: a webhook's, and a mail server.

Each takes what it is offered by the next word of its script, and all that follows well. While one
is down its port is kept, and who connects is refused.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Protocol

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

PUT_OFF = "put off"
REDIRECT = "redirect"
HANG = "hang"
CUT = "cut"
LOSE = "lose"
LATE = "late"


class Taken(NamedTuple):
    """What was taken: the name of what happened, and the id that it came with."""

    name: str
    id: str


class _Runs(Protocol):
    """What takes connections on a socket."""

    def stop(self) -> None: ...


@dataclass
class Receiver:
    """What it does next, and what it has taken: said yes to, or was about to when it broke off."""

    url: str = ""
    elsewhere: str = "http://127.0.0.1:1/"
    """Where it redirects to."""
    script: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    """That somebody waits for an answer which comes late, or never."""
    may_answer: threading.Event = field(default_factory=threading.Event)
    _running: _Runs | None = None
    _port: int = 0

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.taken]

    def next(self) -> str:
        return self.script.pop(0) if self.script else ""

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Go down as a process that is killed: cut what is open, and let nobody in."""
        if self._running is not None:
            self._running.stop()
            self._running = None


class WebReceiver(Receiver):
    """Takes what is posted."""

    def start(self) -> None:
        """Come up, on the port it has."""
        self._running = _WebServer(self, self._port)


class MailReceiver(Receiver):
    """Takes mails."""

    def start(self) -> None:
        """Come up, on the port it has."""
        self._running = running = _MailServer(self, self._port)
        running.start()


class _WebServer(ThreadingHTTPServer):
    def __init__(self, receiver: Receiver, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Post, bind_and_activate=False)
        self.receiver, self.open = receiver, set[socket.socket]()
        self.socket.close()
        self.socket = _bound(port)
        self.server_name, self.server_port = "127.0.0.1", port
        self.server_activate()
        self._thread = threading.Thread(target=self.serve_forever, args=[0.01])
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()
        for connection in list(self.open):
            _break(connection)


class _Post(BaseHTTPRequestHandler):
    server: _WebServer

    def do_POST(self) -> None:
        word = self.server.receiver.next()
        if word == CUT:
            # Within the request, as far as the other side can tell.
            _break(self.connection)
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.open.add(self.connection)
        try:
            self._answer(word, Taken(body["data"]["files"][0], self.headers["X-Minifile-Id"]))
        finally:
            self.server.open.discard(self.connection)
        assert body["id"] == self.headers["X-Minifile-Id"]

    def _answer(self, word: str, offered: Taken) -> None:
        receiver = self.server.receiver
        if word == HANG:
            receiver.asked.set()
            with suppress(OSError):
                self.connection.recv(1)
            return
        if word == LATE:
            receiver.asked.set()
            receiver.may_answer.wait(30)
        if word not in (PUT_OFF, REDIRECT):
            receiver.taken.append(offered)
        if word == LOSE:
            self.wfile.write(b"HTTP/1.1 2")
            _break(self.connection)
            return
        self.send_response({PUT_OFF: 500, REDIRECT: 307}.get(word, 204))
        self.send_header("Location", receiver.elsewhere)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _MailServer(Controller):
    def __init__(self, receiver: Receiver, port: int) -> None:
        super().__init__(_Inbox(receiver), hostname="127.0.0.1", port=port)
        self._bound = _bound(port)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._bound)


@dataclass
class _Inbox:
    receiver: Receiver

    async def handle_DATA(self, server: Any, _session: Any, envelope: Envelope) -> str:
        receiver, word = self.receiver, self.receiver.next()
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        offered = Taken(str(mail["Subject"]).partition(" ")[0], str(mail["Message-ID"]))
        if word in (PUT_OFF, REDIRECT):
            return "451 4.3.0 later"
        if word == HANG:
            receiver.asked.set()
            await asyncio.Event().wait()
        if word == LATE:
            receiver.asked.set()
            while not receiver.may_answer.is_set():
                await asyncio.sleep(0.01)
        if word != CUT:
            receiver.taken.append(offered)
        if word in (CUT, LOSE):
            server.transport.abort()
        return "250 OK"


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _break(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def web_receiver() -> Iterator[WebReceiver]:
    """Run a receiver of webhooks."""
    receiver = WebReceiver()
    with _started(receiver):
        receiver.url = f"http://127.0.0.1:{receiver._port}/hook"
        yield receiver


@contextmanager
def mail_receiver() -> Iterator[MailReceiver]:
    """Run a mail server."""
    receiver = MailReceiver()
    with _started(receiver):
        receiver.url = f"smtp://127.0.0.1:{receiver._port}?tls=none"
        yield receiver


@contextmanager
def _started(receiver: Receiver) -> Iterator[None]:
    # Bound and never listened on: nobody else gets the port while the receiver is down.
    with _bound(0) as kept:
        receiver._port = kept.getsockname()[1]
        receiver.start()
        try:
            yield
        finally:
            receiver.may_answer.set()
            receiver.stop()
