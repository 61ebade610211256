"""Links for the tests of services, made the way they really come to be."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from conftest import NOW
from flask import Flask

from minifile.errors import MinifileError
from minifile.extensions import db, write_transaction
from minifile.models import File, Link
from minifile.policy.counting import FileSpan
from minifile.services.commits import commit
from minifile.services.deliveries import Ticket, beginning, is_durable
from minifile.services.rate_limits import RateLimits
from minifile.services.settling import ending
from minifile.services.storing import Incoming
from minifile.services.uploads import NewLink, receive_upload
from minifile.storage import Storage
from minifile.values import Chunk, LinkRecord, Span, UploadOptions, Visitor

DAY = timedelta(days=1)


def storage_of(app: Flask) -> Storage:
    found: Storage = app.extensions["minifile"].storage
    return found


def visitor(browser: str | None = None, address: str | None = "192.0.2.1") -> Visitor:
    return Visitor(browser, address, address or "192.0.2.1", "curl/8.5.0")


ALICE = visitor("alice" * 6 + "00")
BOB = visitor("bob" * 10 + "00", "192.0.2.2")
CHARLIE = visitor(None, "192.0.2.3")


def incoming(filename: str, *chunks: Chunk) -> Incoming:
    return Incoming(filename, None, iter(chunks))


def upload(
    app: Flask, files: Iterator[Incoming], options: UploadOptions, now: datetime = NOW
) -> NewLink:
    instance = app.extensions["minifile"]
    return receive_upload(
        files, lambda: options, ALICE, declared_bytes=None,
        rates=instance.rates, limits=instance.settings.limits, storage=instance.storage,
        now=lambda: now,
    )  # fmt: skip


def make_link(
    app: Flask,
    *contents: bytes,
    now: datetime = NOW,
    lifetime: timedelta = DAY,
    max_downloads: int | None = None,
    password: str | None = None,
) -> LinkRecord:
    """Upload `contents` (one small file by default) as Alice, and return the link."""
    options = UploadOptions(lifetime=lifetime, max_downloads=max_downloads, password=password)
    files = (incoming(f"{n}.bin", content) for n, content in enumerate(contents or (b"hello",)))
    return upload(app, files, options, now).link


def begin(link: LinkRecord, who: Visitor = BOB, now: datetime = NOW) -> Ticket:
    """Begin to fetch the first file of the link."""
    file = link.files[0]
    part = FileSpan(file.id, file.size_bytes, Span(0, file.size_bytes))
    return begin_delivery(link, who, [part], fresh=True, lease=DAY, now=now)


def begin_delivery(link: LinkRecord, who: Visitor, parts: Sequence[FileSpan], **how: Any) -> Ticket:
    """Count a request and reserve its bytes, as a download does before its first byte."""
    return commit(beginning(link, who, parts, **how), durable=is_durable(link))


def end_delivery(
    ticket: Ticket, sent: Mapping[int, int], arrived: Mapping[int, int], *, now: datetime
) -> None:
    """Settle a response, as a download does after its last byte."""
    commit(ending(ticket, sent, arrived, now=now), durable=False)


def make_rows(count: int, *, expires_at: datetime) -> None:
    """Write many links with a file each, but no blobs, in one transaction."""
    with write_transaction() as session:
        session.add_all(_row(expires_at, number) for number in range(count))


def _row(expires_at: datetime, number: int) -> Link:
    file = File(
        filename="a", position=0, content_type="text/plain", size_bytes=3, sha256="0" * 64,
        crc32=0, storage_key=f"{number:032x}", created_at=NOW,
    )  # fmt: skip
    return Link(
        code=f"row{number:07}", created_at=NOW, expires_at=expires_at, owner_token_hash="0" * 64,
        state="open", files=[file],
    )  # fmt: skip


def codes_left() -> set[str]:
    found = set(db.session.scalars(db.select(Link.code)))
    db.session.commit()
    return found


def at_once(app: Flask, *calls: Callable[[], object]) -> list[object]:
    """Run the calls in threads that start together; return results, or the errors raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        with app.app_context():
            barrier.wait()
            try:
                return call()
            except MinifileError as error:
                return error

    db.session.commit()
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def rates_of(app: Flask) -> RateLimits:
    found: RateLimits = app.extensions["minifile"].rates
    return found
