"""The short way to a small file, for a server that handles many such requests at once.

Most downloads of command-line tools are a plain GET of a small file: no cookie, no password, no
range. What HTTP and Flask cost around them is many times what they need, so such a request is
recognised by its bytes, and several are answered with one commit. The short way decides nothing
itself: it asks the same services as the routes (`find_readable_link`, `beginning`), and for
whatever is not a plain success (any refusal, any header it does not know) it answers None, without
having counted or written anything; then the request goes the long way.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from socket import socket
from typing import BinaryIO

from flask import Flask

from minifile.download.representation import bytes_headers, file_representation
from minifile.download.response import Recipient, Transfer, settle_and_commit
from minifile.download.sources import file_source
from minifile.errors import MinifileError
from minifile.extensions import DATABASE_UNAVAILABLE
from minifile.request_ids import new_request_id
from minifile.services.clients import network_of
from minifile.services.commits import Outcome, Work
from minifile.services.deliveries import Ticket, is_durable
from minifile.services.downloads import find_readable_link, prepare_file
from minifile.services.links import find_file
from minifile.services.rate_limits import RateLimits
from minifile.services.statements import reading_together
from minifile.values import FileRecord, LinkRecord, Span, Visitor
from minifile.web.current import instance_of, utcnow
from minifile.web.headers import PAGE_HEADERS, REQUEST_ID
from minifile.web.hosts import check_trusted, trusted_names
from minifile.web.negotiate import is_command_line_agent, is_preview_agent

log = logging.getLogger("minifile")

# Larger ones are few, and may wait for a disk: they have a thread each.
MAX_BYTES = 512 * 1024

_HEAD = re.compile(
    rb"GET /(?P<code>[A-Za-z0-9_-]{3,64})(?:/(?P<name>[A-Za-z0-9._~-]{1,255}))? HTTP/1\.1\r\n"
    rb"(?P<fields>(?:[A-Za-z-]{1,40}: ?[!-~](?:[ -~]{0,500})\r\n){1,8})\r\n"
)
_MAX_HEAD = 2048
# What the long way answers, or logs.
_REFUSALS = (MinifileError, OSError, *DATABASE_UNAVAILABLE)
# A request with any other field has a meaning that only the long way knows.
_FIELDS = {"host", "user-agent", "accept", "accept-encoding", "connection"}


@dataclass(frozen=True, slots=True)
class FastRequest:
    """A plain GET of bytes; `name` is None for the short link itself."""

    code: str
    name: str | None
    agent: str
    address: str
    connection: socket
    id: str = field(default_factory=new_request_id)

    @property
    def route(self) -> str:
        return "/<code:code>" if self.name is None else "/<code:code>/<path:filename>"


@dataclass(frozen=True, slots=True)
class FastAnswer:
    """The status line and headers, but for those that the server adds, and the bytes."""

    headers: dict[str, str]
    transfer: Transfer
    link_id: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request whose file may be sent once its work is committed."""

    request: FastRequest
    link: LinkRecord
    file: FileRecord
    blob: BinaryIO
    network: str
    work: Work[Ticket]

    @property
    def is_durable(self) -> bool:
        """Say whether the commit has to wait for the disk."""
        return is_durable(self.link)


class FastDownloads:
    """Recognises and answers plain requests of one application, within its context."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._instance = instance_of(app)
        self._trusted = trusted_names(self._instance.settings)
        # Behind a proxy the visitor is named in fields; without SQLite commits are not shared;
        # and nobody here may wait for a bucket.
        settings = self._instance.settings
        self.is_possible = (
            settings.uses_sqlite
            and not settings.trusted_proxies
            and self._instance.storage.has_files
        )

    @contextmanager
    def context(self) -> Iterator[None]:
        """Be within the application for long, in a thread that does little else."""
        self._instance.origins.warm_up()
        with self._app.app_context(), reading_together() if self.is_possible else nullcontext():
            yield

    def recognise(self, head: bytes, address: str, connection: socket) -> FastRequest | None:
        """Return the request if these bytes are one, whole and nothing behind it, or None."""
        match = _HEAD.fullmatch(head) if len(head) <= _MAX_HEAD else None
        fields = _read_fields(match["fields"]) if match else None
        if match is None or fields is None or not self._trusts(fields.get("host", "")):
            return None
        agent, name = fields.get("user-agent", ""), match["name"]
        if is_preview_agent(agent) or not (name or _asks_for_bytes(agent, fields)):
            return None
        code, name = match["code"].decode(), name.decode() if name else None
        return FastRequest(code, name, agent, address, connection)

    def prepare(self, requests: Sequence[FastRequest]) -> list[Prepared | None]:
        """Find and open what is asked for; None for what has to go the long way."""
        now, rates = utcnow(), self._instance.rates.without_counting()
        return [self._prepare(request, rates, now) for request in requests]

    def answer(
        self, prepared: Sequence[Prepared], ended: Sequence[Transfer], *, durable: bool
    ) -> list[FastAnswer | None]:
        """Count prepared requests and settle transfers that have ended, in one commit.

        None stands for a request that has to go the long way. Every ended transfer is released.
        """
        try:
            outcomes = settle_and_commit(ended, [each.work for each in prepared], durable=durable)
        except Exception:
            log.exception("plain requests could not be counted together; they go the long way")
            for each in prepared:
                self.drop(each)
            return [None] * len(prepared)
        return [
            self._answer(each, outcome) for each, outcome in zip(prepared, outcomes, strict=True)
        ]

    def drop(self, prepared: Prepared) -> None:
        """Let go of a prepared request that is not answered here."""
        prepared.blob.close()
        self._instance.transfers.end(prepared.network)

    def _trusts(self, host: str) -> bool:
        try:
            check_trusted(host, self._trusted)
        except MinifileError:
            return False
        return True

    def _prepare(self, request: FastRequest, rates: RateLimits, now: datetime) -> Prepared | None:
        """Find the file of a request and open it, as the long way does; None for any refusal."""
        try:
            network = network_of(request.address)
            reading = find_readable_link(
                request.code,
                self._visitor(request, network),
                rates=rates,
                now=now,
            )
            file = _the_file(reading.link, request.name)
            # An empty one has nothing that its head could be sent with.
            if file is None or not 0 < file.size_bytes <= MAX_BYTES:
                return None
        except _REFUSALS:
            return None
        if not self._instance.transfers.may_begin(network):
            return None
        try:
            prepared = prepare_file(
                reading,
                file,
                Span(0, file.size_bytes),
                storage=self._instance.storage,
                lease=self._instance.settings.delivery_lease,
                now=now,
            )
        except BaseException as error:
            self._instance.transfers.end(network)
            if not isinstance(error, _REFUSALS):
                raise
            return None
        assert prepared.work is not None
        return Prepared(request, reading.link, file, prepared.blob, network, prepared.work)

    def _visitor(self, request: FastRequest, network: str) -> Visitor:
        origins = self._instance.origins
        return Visitor(
            browser=None,
            address=request.address,
            rate_address=network,
            user_agent=request.agent,
            origin=origins.read(request.agent, address=request.address),
            is_recorded=origins.is_on,
        )

    def _answer(self, opened: Prepared, outcome: Outcome[Ticket]) -> FastAnswer | None:
        if outcome.error is not None:
            self.drop(opened)
            return None
        ticket, file = outcome.value(), opened.file
        source = file_source(file.id, opened.blob, Span(0, file.size_bytes), ticket)
        recipient = Recipient(self._app, opened.network, opened.request.connection)
        what = file_representation(file)
        headers = {
            "Content-Length": str(file.size_bytes),
            **PAGE_HEADERS,
            **bytes_headers(opened.link, what, left=ticket.downloads_left, now=utcnow()),
            "Vary": "Cookie" if opened.request.name else "Accept, User-Agent, Cookie",
            REQUEST_ID: opened.request.id,
        }
        transfer = Transfer(source, recipient, opened.request.id)
        return FastAnswer(headers, transfer, opened.link.id)


@lru_cache(maxsize=512)
def _read_fields(block: bytes) -> dict[str, str] | None:
    """Return the header fields, or None when one is unknown or stands there twice.

    A client sends the same ones again and again, so what was read last is kept.
    """
    lines = [line.partition(":") for line in block.decode("ascii").split("\r\n")[:-1]]
    fields = {name.lower(): value.strip(" ") for name, _, value in lines}
    if len(fields) != len(lines) or not fields.keys() <= _FIELDS:
        return None
    return fields if fields.get("connection", "keep-alive").lower() == "keep-alive" else None


def _asks_for_bytes(agent: str, fields: dict[str, str]) -> bool:
    """Say whether the short link itself answers this client with bytes."""
    return fields.get("accept", "*/*") == "*/*" and is_command_line_agent(agent)


def _the_file(link: LinkRecord, name: str | None) -> FileRecord | None:
    if name is not None:
        return find_file(link, name)
    # The short link of several files answers with their zip.
    return link.files[0] if len(link.files) == 1 else None
