"""Plain HTTP over a socket, for what clients that behave well never send."""

import hashlib
import http.client
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from conftest import RunningServer, skip_or_fail


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def connect(server: RunningServer, *, receive_buffer: int | None = None) -> socket.socket:
    """Open a connection; a small receive buffer makes a client that takes little at a time."""
    address = urlsplit(server.url)
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(30)
    connection.connect((address.hostname, address.port))
    return connection


def head(server: RunningServer, request: str, *lines: str, host: bool = True) -> bytes:
    """Return the head of a request: its first words, then header lines."""
    named = [f"Host: {urlsplit(server.url).netloc}"] if host else []
    return "\r\n".join([f"{request} HTTP/1.1", *named, *lines, "", ""]).encode()


def read_answer(connection: socket.socket) -> Answer:
    """Read one answer, whole; interim ones (100) are skipped."""
    return read_answers(connection, 1)[0]


def read_answers(connection: socket.socket, count: int) -> list[Answer]:
    """Read answers that follow one another; what is read ahead of one belongs to the next."""
    with connection.makefile("rb") as stream:
        return [_read(stream) for _ in range(count)]


def _read(stream: BinaryIO) -> Answer:
    response = http.client.HTTPResponse(_Kept(stream))  # type: ignore[arg-type]
    response.begin()
    return Answer(response.status, response.headers, response.read())


class _Kept:
    """A stream that an answer reads from and may not close."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def makefile(self, mode: str) -> "_Kept":
        return self

    def close(self) -> None:
        """Leave it to the next answer."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def ask(server: RunningServer, data: bytes, *, half_close: bool = False) -> Answer:
    """Send bytes on a new connection and return the answer."""
    with connect(server) as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return read_answer(connection)


def get(server: RunningServer, path: str, **headers: str) -> Answer:
    """Get a path as curl would, on a connection of its own."""
    address = urlsplit(server.url)
    with closing(http.client.HTTPConnection(address.hostname, address.port, timeout=60)) as http_:
        http_.request("GET", path, headers={"User-Agent": "curl/8.5.0", "Accept": "*/*", **headers})
        response = http_.getresponse()
        return Answer(response.status, response.headers, response.read())


def put(server: RunningServer, content: bytes, query: str = "") -> str:
    """Upload bytes as a.bin and return the path of the short link."""
    data = head(server, f"PUT /a.bin{query}", f"Content-Length: {len(content)}") + content
    answer = ask(server, data)
    assert answer.status == 200, answer.text
    return urlsplit(answer.text.strip()).path


def curl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run curl, quietly; it ignores the settings of whoever runs the tests."""
    try:
        return subprocess.run(
            ["curl", "-q", "-sS", "--noproxy", "*", *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    except FileNotFoundError:
        skip_or_fail("needs curl: install it (apt install curl)")
        raise


def downloads(server: RunningServer, path: str) -> int:
    """Return the counter of a link."""
    query = "SELECT download_count FROM link WHERE code = ?"
    count: int = _rows(server, query, path.strip("/"))[0][0]
    return count


def workers_of(server: RunningServer) -> list[int]:
    """Return the process ids of a server's workers."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in children.split()]


def is_settled(server: RunningServer, path: str) -> bool:
    """Say whether no response of a link is running."""
    query = """SELECT count(*) FROM delivery JOIN slot ON slot.id = slot_id
        JOIN link ON link.id = slot.link_id WHERE code = ? AND in_flight > 0"""
    return _rows(server, query, path.strip("/"))[0][0] == 0


def kept(server: RunningServer) -> tuple[list[tuple[int, ...]], list[str]]:
    """Return how many links and files there are, and which blobs, partial ones too."""
    uploads = server.instance_path / "uploads"
    blobs = sorted(path.name for path in uploads.rglob("*") if path.is_file())
    query = "SELECT (SELECT count(*) FROM link), (SELECT count(*) FROM file)"
    return _rows(server, query), blobs


@contextmanager
def nothing_kept(server: RunningServer) -> Iterator[None]:
    """Assert that rows and blobs are afterwards what they were before."""
    before = kept(server)
    yield
    assert kept(server) == before


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Look until something holds that another process is about to do."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.01)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _rows(server: RunningServer, query: str, *values: object) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(server.instance_path / "minifile.sqlite")) as database:
        return database.execute(query, values).fetchall()
