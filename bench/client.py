"""A client that costs little: bodies by sendfile, answers counted and thrown away in the kernel."""

import socket
import struct
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

# nginx, wrk and browsers apart, minifile hands the bytes themselves to command-line tools only.
USER_AGENT = "curl/8"
_BOUNDARY = "minifile-bench-7d9a3c"
_RECEIVE_BYTES = 2**20
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Form:
    """An upload form: where it is sent, the name of its file field, its other fields."""

    path: str
    file_field: str = "file"
    fields: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A server answered something else than success."""


def ask(
    port: int, head: str, *, before: bytes = b"", file: Path | None = None, after: bytes = b""
) -> Answer:
    """Send one request whose body is `before`, the file and `after`; return the whole answer."""
    with connect(port) as connection:
        connection.sendall(_head(head) + before)
        if file is not None:
            with file.open("rb") as stream:
                connection.sendfile(stream)
        connection.sendall(after)
        response = HTTPResponse(connection)
        response.begin()
        answer = Answer(response.status, response.headers, response.read())
    if not 200 <= answer.status < 400:
        raise Refused(f"{head.splitlines()[0]}: {answer.status} {answer.body[:200]!r}")
    return answer


def tus(port: int, endpoint: str, name: str, file: Path) -> Answer:
    """Make a resumable upload and send the file as its one piece; return the creation's answer."""
    size = file.stat().st_size
    version = "Tus-Resumable: 1.0.0\r\n"
    filename = b64encode(name.encode()).decode()
    created = ask(
        port,
        f"POST {endpoint} HTTP/1.1\r\n{version}Content-Length: 0\r\nUpload-Length: {size}\r\n"
        f"Upload-Metadata: filename {filename}\r\n",
    )
    path = urlsplit(created.headers["Location"]).path
    sent = ask(
        port,
        f"PATCH {path} HTTP/1.1\r\n{version}Content-Length: {size}\r\nUpload-Offset: 0\r\n"
        "Content-Type: application/offset+octet-stream\r\n",
        file=file,
    )
    if sent.headers["Upload-Offset"] != str(size):
        raise Refused(f"only {sent.headers['Upload-Offset']} of {size} bytes were taken")
    return created


def put(port: int, name: str, file: Path, *, headers: str = "") -> Answer:
    head = f"PUT /{name} HTTP/1.1\r\nContent-Length: {file.stat().st_size}\r\n{headers}"
    return ask(port, head, file=file)


def post(port: int, form: Form, name: str, file: Path) -> Answer:
    """Send a form with one file."""
    before, after = form_body(form, name)
    length = len(before) + file.stat().st_size + len(after)
    head = f"POST {form.path} HTTP/1.1\r\nContent-Type: {FORM_TYPE}\r\nContent-Length: {length}\r\n"
    return ask(port, head, before=before, file=file, after=after)


FORM_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"


def form_body(form: Form, name: str) -> tuple[bytes, bytes]:
    """Return what stands before and behind the file's bytes."""
    fields = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in form.fields.items()
    )
    before = (
        f"{fields}--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{form.file_field}"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return before.encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()


@dataclass(frozen=True)
class Fetched:
    """What some clients fetched until the time was up; the last answers are cut off."""

    size_bytes: int
    seconds: float
    requests: int
    """Those of which at least one byte came."""


def download(port: int, path: str, *, clients: int, seconds: float, byte_range: str) -> Fetched:
    """Fetch again and again with some clients until the time is up.

    Each request is a client of its own to whoever tells clients apart, by its user agent.
    """
    started = time.monotonic()
    until = started + seconds
    received: list[list[int]] = [[] for _ in range(clients)]
    faults: list[str] = []

    def run(number: int) -> None:
        mine = received[number]
        try:
            while time.monotonic() < until:
                agent = f"{USER_AGENT} ({started:.6f}, {number}, {len(mine)})"
                mine.append(_discard(port, path, byte_range, agent, until))
        except (OSError, Refused) as error:
            faults.append(str(error) or type(error).__name__)

    threads = [Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise Refused(f"{len(faults)} of {clients} clients failed: {faults[0]}")
    return Fetched(sum(map(sum, received)), time.monotonic() - started, sum(map(len, received)))


def _discard(port: int, path: str, byte_range: str, agent: str, until: float) -> int:
    """Fetch once; return how many bytes of the body came before the time was up, at least 1."""
    buffer = bytearray(_RECEIVE_BYTES)
    with connect(port) as connection:
        extra = f"Range: {byte_range}\r\n" if byte_range else ""
        connection.sendall(_head(f"GET {path} HTTP/1.1\r\n{extra}", agent))
        start = b""
        while b"\r\n\r\n" not in start:
            piece = connection.recv(4096)
            if not piece:
                raise Refused("closed before the headers were whole")
            start += piece
        head, _, body = start.partition(b"\r\n\r\n")
        if head.split()[1] not in (b"200", b"206"):
            raise Refused(head.split(b"\r\n")[0].decode())
        left = content_length(head) - len(body)
        total = len(body)
        while left > 0 and (not total or time.monotonic() < until):
            # The kernel counts the bytes and copies none of them.
            size = connection.recv_into(
                buffer, min(left, _RECEIVE_BYTES), socket.MSG_TRUNC | socket.MSG_WAITALL
            )
            if not size:
                raise Refused("closed in the middle of a body")
            left -= size
            total += size
    return total


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise Refused("an answer without a length")


def connect(port: int) -> socket.socket:
    """Return a connection that blocks, with time-outs in the kernel."""
    connection = socket.create_connection(("127.0.0.1", port))
    pause = struct.pack("ll", _TIMEOUT_SECONDS, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, pause)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, pause)
    return connection


def _head(head: str, agent: str = USER_AGENT) -> bytes:
    return (
        f"{head}Host: 127.0.0.1\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ).encode()
