"""A real server whose clock is moved, and its clients on the wire; what they got becomes truth."""

import re
import socket
import sqlite3
import struct
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from conftest import BROWSER_ACCEPT, RunningServer, announced_server, environment_of
from forking import run_forked
from postgres import execute
from replay.clocked import Clock
from replay.truth import Client, TrueFile, TrueLink, Truth
from wire import eventually

CLOCKED = str(Path(__file__).with_name("clocked.py"))
UPLOADER = "127.0.0.1"


@dataclass
class Wire:
    """What clients have seen of the server: their requests by method and status, and bytes."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused: int = 0
    """Downloads that were asked for in vain."""
    sent: int = 0
    """Bytes of bodies that clients sent."""
    received: int = 0
    """Bytes of bodies of answers that were read to their end."""

    def note(self, method: str, path: str, sent: int, answer: "Answer") -> None:
        self.requests[method, answer.status] += 1
        self.sent += sent
        self.received += len(answer.body)
        is_download = not path.startswith(("/links/", "/account/", "/admin/"))
        self.refused += is_download and method == "GET" and 400 <= answer.status < 500


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes


class World:
    """A server on one database, the clock of both, and what is true of what happened there."""

    def __init__(
        self, server: RunningServer, clock: Clock, *, by_proxy: bool, database_url: str | None
    ) -> None:
        self.server, self.clock, self.by_proxy = server, clock, by_proxy
        self.database_url = database_url
        self.truth = Truth()
        self.wire = Wire()
        self.measured: dict[date, dict[int | None, dict[str, int]]] = {}
        """What was held on the days on which it was purged, by owner; None for all."""
        self.host = urlsplit(server.url).netloc
        self._lock = threading.Lock()

    @property
    def now(self) -> datetime:
        return self.clock.now

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database itself."""
        if self.database_url:
            return [tuple(row) for row in execute(self.database_url, query)]
        path = self.server.instance_path / "minifile.sqlite"
        with closing(sqlite3.connect(path)) as database:
            return database.execute(query).fetchall()

    def settle(self) -> None:
        """Wait until the server has settled all answers."""
        query = "SELECT count(*) FROM delivery WHERE in_flight > 0"
        eventually(lambda: self.rows(query) == [(0,)])

    def purge(self) -> None:
        """Purge now; links that are over go, and their own numbers with them."""
        self.settle()
        self.learn_ids()
        self.run("purge")
        for link in self.truth.links:
            # Revoked by DELETE, which nobody can undo: so the next purge takes it.
            link.is_gone |= link.ends_at <= self.now or link.revoked_at is not None
        self._measure()

    def _measure(self) -> None:
        """Note how much is held, by owner and by all: the first purge of a day measures it."""
        day, links = self.now.date(), [each for each in self.truth.links if not each.is_gone]
        # The server has measured its first day when it started.
        if day in self.measured or day == self.truth.links[0].made_at.date():
            return
        self.measured[day] = held = {}
        for owner in {None, *(each.owner for each in links)}:
            theirs = [each for each in links if owner in (None, each.owner)]
            sizes = [file.size for each in theirs for file in each.files]
            held[owner] = {"Stored": sum(sizes), "Links": len(theirs), "Files": len(sizes)}
        is_revoked = [each.revoked_at is not None for each in links]
        held[None]["Links"] -= sum(is_revoked)

    def run(self, *arguments: str) -> str:
        """Run a command on the instance, at the same instant."""
        command = [sys.executable, CLOCKED, str(self.clock.path), *arguments]
        done = run_forked(command, env=self.server.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(
        self, client: Client, path: str, *, method: str = "GET", body: bytes | None = None,
        html: bool | None = None, **headers: str,
    ) -> Answer:  # fmt: skip
        """Send one request on a connection of its own, and read the answer to its end."""
        with closing(self._connect(client)) as http:
            given = self._headers(client, html) | {
                name.replace("_", "-"): value for name, value in headers.items()
            }
            http.putrequest(method, path, skip_accept_encoding=True)
            if body is not None:
                http.putheader("Content-Length", str(len(body)))
            for name, value in given.items():
                http.putheader(name, value.encode("latin-1"))
            http.endheaders(body)
            response = http.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        with self._lock:
            self.wire.note(method, path, len(body or b""), answer)
        return answer

    def begin(self, client: Client, path: str, span: tuple[int, int], size: int) -> "Running":
        """Ask for a range and read the head of the answer only, with a small buffer."""
        connection = self._socket(client, receive_buffer=16 * 1024)
        lines = self._headers(client, None) | {"Host": self.host}
        if span != (0, size):
            lines["Range"] = f"bytes={span[0]}-{span[1] - 1}"
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        connection.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
        received = b""
        while b"\r\n\r\n" not in received:
            more = connection.recv(1024)
            assert more, received
            received += more
        status, rest = received.split(b"\r\n\r\n", 1)
        assert status.split()[1] in (b"200", b"206"), status
        self.wire.requests["GET", int(status.split()[1])] += 1
        return Running(connection, rest, span, self.wire)

    def upload(
        self, client: Client, files: list[TrueFile], *, token: str | None = None,
        owner: int | None = None, lasts: timedelta = timedelta(days=60),
        max_downloads: int | None = None, password: str | None = None,
    ) -> TrueLink:  # fmt: skip
        """Make a link as curl does; note it."""
        fields = {"expires_in": f"{int(lasts.total_seconds() // 60)}m"}
        if max_downloads:
            fields["max_downloads"] = str(max_downloads)
        if password:
            fields["password"] = password
        boundary = "a-boundary-that-is-in-no-file"
        parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
        parts += [(f'name="file"; filename="{file.name}"', file.content) for file in files]
        body = b""
        for head, content in parts:
            disposition = f"Content-Disposition: form-data; {head}"
            body += f"--{boundary}\r\n{disposition}\r\n\r\n".encode() + content + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        answer = self.ask(client, "/", method="POST", body=body, html=False, **headers)
        assert answer.status == 200, answer.body
        path = urlsplit(answer.body.decode().strip()).path
        link = TrueLink(path, files, owner, self.now, self.now + lasts, max_downloads, password)
        link.owner_token = (answer.headers["X-Url-Delete"] or "").rpartition("/")[2]
        self.truth.make(link)
        return link

    def learn_ids(self) -> None:
        """Read the ids of links and files: all that is taken from the database."""
        ids = dict(self.rows("SELECT code, id FROM link"))
        files = {(link, name): id_ for id_, link, name in
                 self.rows("SELECT id, link_id, filename FROM file")}  # fmt: skip
        for link in self.truth.links:
            if link.is_gone:
                continue
            link.id = link.id or ids[link.code]
            for file in link.files:
                file.id = file.id or files[link.id, file.name]

    def _headers(self, client: Client, html: bool | None) -> dict[str, str]:
        wants_page = not client.agent.is_tool if html is None else html
        headers = {
            "User-Agent": client.agent.header,
            "Accept": BROWSER_ACCEPT if wants_page else "*/*",
        }
        if client.cookie:
            headers["Cookie"] = client.cookie
        if self.by_proxy:
            headers["X-Forwarded-For"] = client.address
        return headers

    def _connect(self, client: Client) -> HTTPConnection:
        source = None if self.by_proxy else (client.address, 0)
        address = urlsplit(self.server.url)
        return HTTPConnection(address.hostname or "", address.port, 60, source_address=source)

    def _socket(self, client: Client, *, receive_buffer: int) -> socket.socket:
        address = urlsplit(self.server.url)
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(60)
        if not self.by_proxy:
            connection.bind((client.address, 0))
        connection.connect((address.hostname, address.port))
        return connection


@dataclass
class Running:
    """An answer of which the head is read."""

    connection: socket.socket
    rest: bytes
    span: tuple[int, int]
    wire: Wire

    def finish(self) -> bytes:
        """Read the rest of it, and close."""
        size = self.span[1] - self.span[0]
        received = [self.rest]
        count = len(self.rest)
        while count < size:
            more = self.connection.recv(256 * 1024)
            assert more, "the answer broke off"
            received.append(more)
            count += len(more)
        self.connection.close()
        self.wire.received += size
        return b"".join(received)

    def break_off(self, after: int) -> int:
        """Read that many bytes at least, reset the connection, and return how many were read."""
        count = len(self.rest)
        while count < after:
            count += len(self.connection.recv(after - count))
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        return count


SETTINGS = {
    "rate_uploads": "off",
    "rate_unknown_codes": "off",
    "rate_wrong_passwords": "off",
    "rate_wrong_passwords_link": "off",
    "max_lifetime": "400d",
    # Only when a test says so.
    "purge_interval": "3650d",
}


@contextmanager
def clocked_server(
    folder: Path, start: datetime, database_url: str | None, **settings: str
) -> Iterator[World]:
    """Start a server at an instant; it is killed afterwards."""
    by_proxy = database_url is not None
    values = SETTINGS | {"instance_path": str(folder / "served"), "keep_free": "0"} | settings
    if database_url:
        values |= {"database_url": database_url, "secret_key": "a key that only tests use"}
        values |= {"trusted_proxies": "1"}
    clock = Clock(folder / "clock")
    # Jobs are begun by the time that really passes, and the first run would wait for the day.
    clock.set(min(start, datetime.now(UTC)))
    environment = environment_of(**values)
    command = [sys.executable, CLOCKED, str(clock.path), "serve", "--port", "0", "--workers", "2"]
    log_path = folder / "server.log"
    server = announced_server(command, environment, log_path, Path(values["instance_path"]))
    clock.set(start)
    try:
        yield World(server, clock, by_proxy=by_proxy, database_url=database_url)
    finally:
        if server.process.poll() is None:
            server.kill()
        clock.close()


def browser_cookie(answer: Answer) -> str | None:
    """Return the cookie that an answer has set, as it is sent back."""
    found = re.match(r"[^;]+", answer.headers["Set-Cookie"] or "")
    return found[0] if found else None
