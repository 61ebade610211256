"""An instance with as many links as wanted, written past the server in a minute.

Rows are like real ones, in every table; one link in five has been downloaded. Every file has its
blob: those of open links are one file under many names, those of expired links are small files of
their own.
"""

import hashlib
import os
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from minifile.codes import CODE_ALPHABET

OPEN_BYTES = 100 * 1024
_EXPIRED_BYTES = 1024
# ext4 gives a file 65,000 names at most.
_NAMES_OF_A_BLOB = 50_000
_DOWNLOADED = 5
_PAGE = 10_000
_DAY = timedelta(days=1)
_COLUMNS = {
    "link": "id, code, created_at, expires_at, download_count, owner_token_hash, state",
    "file": "id, link_id, position, filename, content_type, size_bytes, sha256, crc32,"
    " storage_key, created_at",
    "browser_access": "id, browser_hash, link_id, role, created_at",
    "slot": "id, link_id, client, started_at, ends_at, ended_at, completed_at, requests",
    "delivery": "id, slot_id, file_id, started_at, ranges, bytes_reserved, bytes_sent, has_start,"
    " in_flight, in_flight_until, completed_at",
}


@dataclass(frozen=True)
class Made:
    """One link and what belongs to it."""

    id: int
    code: str
    key: str
    token: str
    is_expired: bool
    is_downloaded: bool


def fill(instance: Path, *, links: int, expired: int) -> list[str]:
    """Make an instance with `links` links, of which `expired` lie among the others and are over.

    Returns where the bytes of at most 1,000 open links can be fetched, from all over the table.
    The server's own purge has just been, says the lease.
    """
    environment = os.environ | {"MINIFILE_INSTANCE_PATH": str(instance)}
    upgrade = [sys.executable, "-m", "minifile", "db", "upgrade"]
    subprocess.run(upgrade, env=environment, check=True)
    blobs = _Blobs(instance / "uploads")
    now = datetime.now(UTC)
    paths: list[str] = []
    with closing(sqlite3.connect(instance / "minifile.sqlite", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("PRAGMA cache_size=-400000")
        step = max(1, (links - expired) // 1000)
        for page in _pages(links, expired):
            database.execute("BEGIN")
            _insert(database, page, blobs, now)
            database.execute("COMMIT")
            is_open = [made for made in page if not made.is_expired]
            paths += [f"/{made.code}/file-{made.id}.bin" for made in is_open[::step]]
        until = _instant(now + _DAY)
        database.execute("INSERT INTO lease VALUES ('purge', 'bench', ?)", [until])
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return paths[:1000]


def _pages(links: int, expired: int) -> Iterator[list[Made]]:
    random = Random(1)
    every = links // expired if expired else 0
    page = []
    for number in range(1, links + 1):
        page.append(
            Made(
                id=number,
                code="".join(random.choices(CODE_ALPHABET, k=10)),
                key=random.randbytes(16).hex(),
                token=random.randbytes(32).hex(),
                is_expired=bool(every) and number % every == 0,
                is_downloaded=number % _DOWNLOADED == 0,
            )
        )
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


def _insert(database: sqlite3.Connection, page: list[Made], blobs: "_Blobs", now: datetime) -> None:
    made_at, past, ahead = (_instant(now + days * _DAY) for days in (-2, -1, 20))
    rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in _COLUMNS}
    for made in page:
        size, sha256, crc32 = blobs.put(made)
        count = int(made.is_downloaded)
        until = past if made.is_expired else ahead
        rows["link"].append((made.id, made.code, made_at, until, count, made.token, "open"))
        rows["file"].append(
            (made.id, made.id, 0, f"file-{made.id}.bin", "application/octet-stream", size, sha256,
             crc32, made.key, made_at)
        )  # fmt: skip
        rows["browser_access"].append((made.id, made.token, made.id, "owner", made_at))
        if made.is_downloaded:
            rows["slot"].append((made.id, made.id, None, made_at, past, past, made_at, 1))
            ranges = f"[[0, {size}]]"
            rows["delivery"].append(
                (made.id, made.id, made.id, made_at, ranges, size, size, 1, 0, None, made_at)
            )
    for table, values in rows.items():
        marks = ", ".join("?" * (_COLUMNS[table].count(",") + 1))
        database.executemany(f"INSERT INTO {table} ({_COLUMNS[table]}) VALUES ({marks})", values)


class _Blobs:
    """Writes blobs where `LocalStorage` looks for them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for number in range(256):
            (root / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        self._contents = (bytes(OPEN_BYTES), bytes(_EXPIRED_BYTES))
        self._sums = [
            (len(content), hashlib.sha256(content).hexdigest(), zlib.crc32(content))
            for content in self._contents
        ]
        self._names = 0
        self._source = root

    def put(self, made: Made) -> tuple[int, str, int]:
        """Write a blob; return size in bytes, SHA-256 and CRC-32."""
        path = self._root / made.key[:2] / made.key
        if made.is_expired:
            path.write_bytes(self._contents[1])
        elif self._names % _NAMES_OF_A_BLOB == 0:
            path.write_bytes(self._contents[0])
            self._source = path
        else:
            os.link(self._source, path)
        self._names += not made.is_expired
        return self._sums[made.is_expired]


def _instant(value: datetime) -> str:
    """Write an instant as SQLAlchemy does on SQLite."""
    return value.strftime("%Y-%m-%d %H:%M:%S.%f")
