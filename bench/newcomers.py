"""Downloads of which each is by a new client, with an address and a name of its own.

One thread, no copies of bodies: on one machine the client takes its share from the server.
"""

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from bench.client import Refused, content_length

_RECEIVE_BYTES = 2**20
_TIMEOUT_SECONDS = 60
_numbers = count(1)


@dataclass(frozen=True)
class Load:
    """What was fetched. All that was asked for has arrived whole."""

    downloads: int
    seconds: float


@dataclass(slots=True)
class _Download:
    """A request on its way; `left` is None until the head of the answer is whole."""

    connection: socket.socket
    head: bytearray = field(default_factory=bytearray)
    left: int | None = None

    def take(self, buffer: bytearray) -> bool:
        """Take what has come; say whether that was all."""
        if self.left is None:
            self._take_head()
        else:
            # The kernel counts the bytes and copies none of them.
            self._count(self.connection.recv_into(buffer, _RECEIVE_BYTES, socket.MSG_TRUNC))
        return self.left == 0

    def _take_head(self) -> None:
        piece = self.connection.recv(4096)
        self.head += piece
        head, end, body = bytes(self.head).partition(b"\r\n\r\n")
        if not piece or (end and head.split()[1] != b"200"):
            raise Refused(head.split(b"\r\n")[0].decode() or "closed without an answer")
        if end:
            self.left = content_length(head) - len(body)

    def _count(self, size: int) -> None:
        assert self.left is not None
        if not size:
            raise Refused("closed in the middle of a body")
        self.left -= size


def fetch(port: int, paths: Sequence[str], *, connections: int, seconds: float) -> Load:
    """Fetch the paths in turn until the time is up, and wait for what was begun."""
    buffer, done, started = bytearray(_RECEIVE_BYTES), 0, time.monotonic()
    with _waiting() as waiting:
        for _ in range(connections):
            _begin(port, paths, waiting)
        while waiting.get_map():
            for each in _ready(waiting):
                if each.take(buffer):
                    waiting.unregister(each.connection)
                    each.connection.close()
                    done += 1
                    if time.monotonic() < started + seconds:
                        _begin(port, paths, waiting)
    return Load(done, time.monotonic() - started)


@contextmanager
def _waiting() -> Iterator[selectors.BaseSelector]:
    """Return what waits for connections, and close those that are left."""
    with selectors.EpollSelector() as waiting:
        try:
            yield waiting
        finally:
            for key in list(waiting.get_map().values()):
                key.data.connection.close()


def _ready(waiting: selectors.BaseSelector) -> Iterator[_Download]:
    ready = waiting.select(_TIMEOUT_SECONDS)
    if not ready:
        raise Refused("no answer")
    return (key.data for key, _ in ready)


def _begin(port: int, paths: Sequence[str], waiting: selectors.BaseSelector) -> None:
    number = next(_numbers)
    connection = socket.socket()
    connection.bind((_address(number), 0))
    connection.connect(("127.0.0.1", port))
    path = paths[number % len(paths)]
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{_name(number)}\r\nAccept: */*\r\n\r\n"
    connection.sendall(head.encode())
    connection.setblocking(False)
    waiting.register(connection, selectors.EVENT_READ, _Download(connection))


def _address(number: int) -> str:
    """Return one of four million addresses of this machine, all of them far from 127.0.0.1."""
    return f"127.{64 + (number >> 16) % 64}.{number >> 8 & 255}.{number & 255}"


def _name(number: int) -> str:
    """Return a name as command-line tools have them; programs that remember names know none."""
    return f"User-Agent: curl/8.{number >> 8}.{number & 255}"
