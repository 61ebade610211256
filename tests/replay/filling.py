"""A year of downloads in a database, as they are after the roll-up, written past the server.

Half of the deliveries belong to one busy link, the others to many links, each of which was fetched
within three days. The newest of the busy link are there as single downloads, too. There is not a
byte in the storage: only numbers can be looked at.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, select

from minifile.codes import CODE_ALPHABET, new_token, token_hash
from minifile.models import Breakdown, Delivery, File, Link, Slot, Tally
from minifile.policy.timelines import places, quarter

SIZE = 100_000
_YEAR = timedelta(days=365)
_FETCHED_WITHIN = timedelta(days=3)
_AT_ONCE = 5_000
_FAMILIES = ("Chrome", "Firefox", "Safari", "curl", "Edge", "Wget", "Samsung Internet", "Other")
_SYSTEMS = ("Windows", "macOS", "Android", "iOS", "Linux")
_SITES = ("mail.example.com", "www.example.org", "chat.example.net", "wiki.example.com")
_COUNTERS = (
    *("downloads", "downloads_completed", "deliveries", "deliveries_completed"),
    *("reached_25", "reached_50", "reached_75", "bytes_sent", "bytes_arrived", "clients"),
)


@dataclass(frozen=True)
class Filled:
    """What was written, and how its busiest link is looked at."""

    code: str
    owner_token: str
    link_id: int
    deliveries: int
    details: int


class _Sums:
    """The tallies of all that was delivered, in memory."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, int, str, int], list[int]] = defaultdict(
            lambda: [0] * len(_COUNTERS)
        )
        self.shares: dict[tuple[str, int, str, int, str, str], int] = defaultdict(int)

    def add(self, link_id: int, owner_id: int | None, at: int, random: Random) -> None:
        """Add one download of one file."""
        is_complete = random.random() < 0.9
        arrived = SIZE if is_complete else random.randrange(SIZE)
        reached = [int(arrived * 4 >= SIZE * share) for share in (1, 2, 3)]
        delivered = [1, int(is_complete), *reached, arrived, arrived]
        steps = [(step.value, first) for step, first in places(at)]
        for subject in _subjects(link_id, owner_id):
            # A file is no download: only what is delivered of it counts.
            download = [0, 0] if subject[0] == "file" else [1, int(is_complete)]
            added = [*download, *delivered, int(subject[0] in ("link", "file"))]
            for step, first in steps:
                sums = self.counts[*subject, step, first]
                for number, value in enumerate(added):
                    sums[number] += value
                if subject[0] != "file":
                    self._share(subject, step, first, at)

    def _share(self, subject: tuple[str, int], step: str, first: int, at: int) -> None:
        for kind, words in (("family", _FAMILIES), ("system", _SYSTEMS), ("referrer", _SITES)):
            self.shares[*subject, step, first, kind, words[at % len(words)]] += 1


def _subjects(link_id: int, owner_id: int | None) -> Iterator[tuple[str, int]]:
    yield from (("link", link_id), ("file", link_id), ("all", 0))
    if owner_id is not None:
        yield "user", owner_id


def fill_analytics(
    engine: Engine,
    *,
    deliveries: int,
    links: int,
    details: int,
    owner_id: int | None,
    now: datetime,
) -> Filled:
    """Write it all in one transaction into a database that holds no link yet."""
    random, sums = Random(1), _Sums()
    code, token = _code(random), new_token()
    quarters = [quarter(now - _YEAR * random.random()) for _ in range(deliveries // 2)]
    for at in quarters:
        sums.add(1, owner_id, at, random)
    counts = {1: len(quarters)}
    for number in range(deliveries - len(quarters)):
        link_id = 2 + number % links
        # None of it lies ahead, the youngest link's neither.
        began = now - _FETCHED_WITHIN - (_YEAR - _FETCHED_WITHIN) * (link_id / (links + 2))
        at = quarter(began + _FETCHED_WITHIN * random.random())
        sums.add(link_id, owner_id, at, random)
        counts[link_id] = counts.get(link_id, 0) + 1
    with engine.begin() as connection:
        _write(connection, Link, _links(counts, code, token, owner_id, random, now))
        _write(connection, File, _files(counts, now))
        _write(connection, Tally, _tallies(sums))
        _write(connection, Breakdown, _breakdowns(sums))
        _write(connection, Slot, _slots(details, now))
        _write(connection, Delivery, _deliveries(details, now))
        _move_sequences(connection)
    return Filled(code, token, 1, deliveries, details)


def _links(
    counts: Mapping[int, int],
    code: str,
    token: str,
    owner_id: int | None,
    random: Random,
    now: datetime,
) -> Iterator[dict[str, Any]]:
    for link_id, count in counts.items():
        yield {
            "id": link_id,
            "code": code if link_id == 1 else _code(random),
            "created_at": now - _YEAR,
            "expires_at": now + _YEAR,
            "download_count": count,
            "owner_token_hash": token_hash(token if link_id == 1 else new_token()),
            "owner_id": owner_id,
        }


def _files(counts: Mapping[int, int], now: datetime) -> Iterator[dict[str, Any]]:
    for link_id in counts:
        yield {
            "id": link_id,
            "link_id": link_id,
            "position": 0,
            "filename": f"file-{link_id}.bin",
            "content_type": "application/octet-stream",
            "size_bytes": SIZE,
            "sha256": f"{link_id:064x}",
            "crc32": 0,
            "storage_key": f"{link_id:032x}",
            "created_at": now - _YEAR,
        }


def _tallies(sums: _Sums) -> Iterator[dict[str, Any]]:
    names = [column.name for column in Tally.__table__.columns]
    nothing = dict.fromkeys(names, 0)
    for (scope, subject, step, at), counts in sums.counts.items():
        place = {"scope": scope, "subject_id": subject, "step": step, "at": at}
        yield nothing | place | dict(zip(_COUNTERS, counts, strict=True))


def _breakdowns(sums: _Sums) -> Iterator[dict[str, Any]]:
    for (scope, subject, step, at, kind, value), count in sums.shares.items():
        place = {"scope": scope, "subject_id": subject, "step": step, "at": at}
        yield place | {"kind": kind, "value": value, "downloads": count, "opened": 0}


def _slots(details: int, now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(1, details + 1):
        at = _began(number, details, now)
        yield {
            "id": number,
            "link_id": 1,
            "client": None,
            "started_at": at,
            "ends_at": at + timedelta(days=1),
            "ended_at": at + timedelta(days=1),
            "completed_at": at,
            "requests": 1,
            "family": _FAMILIES[number % len(_FAMILIES)],
            "system": _SYSTEMS[number % len(_SYSTEMS)],
            "referrer": _SITES[number % len(_SITES)],
        }


def _deliveries(details: int, now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(1, details + 1):
        at = _began(number, details, now)
        yield {
            "id": number,
            "slot_id": number,
            "file_id": 1,
            "started_at": at,
            "ranges": [[0, SIZE]],
            "bytes_reserved": SIZE,
            "bytes_sent": SIZE,
            "bytes_arrived": SIZE,
            "has_start": True,
            "in_flight": 0,
            "completed_at": at,
        }


def _began(number: int, details: int, now: datetime) -> datetime:
    """Return when one of the single downloads began: the last within the past weeks."""
    return now - timedelta(days=25) * (1 - number / (details + 1)) - timedelta(days=2)


def _code(random: Random) -> str:
    return "".join(random.choices(CODE_ALPHABET, k=10))


def _write(connection: Connection, model: Any, rows: Iterator[dict[str, Any]]) -> None:
    table: Table = model.__table__
    page: list[dict[str, Any]] = []
    for row in rows:
        page.append(row)
        if len(page) == _AT_ONCE:
            connection.execute(insert(table), page)
            page = []
    if page:
        connection.execute(insert(table), page)


def _move_sequences(connection: Connection) -> None:
    """Let the next rows get ids that are free."""
    if connection.dialect.name != "postgresql":
        return
    for model in (Link, File, Slot, Delivery):
        table = model.__tablename__
        last = select(func.max(model.id)).scalar_subquery()
        connection.execute(select(func.setval(func.pg_get_serial_sequence(table, "id"), last)))
