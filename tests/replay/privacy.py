"""Looks for what must not be kept: addresses, what they were hashed to, and the keys of that."""

import hashlib
import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from replay.world import World

# What is as long as an address of either kind, or as what it is hashed to.
_TRACE = re.compile(rb"\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]*:[0-9a-fA-F:]{4,}|[0-9a-f]{32,}")


@dataclass(frozen=True)
class Secrets:
    """What the database knew of clients at one time."""

    salts: frozenset[bytes]
    hashes: frozenset[bytes]


def secrets_of(world: World) -> Secrets:
    """Read the keys of the hashes, and all hashes of clients."""
    salts = frozenset(bytes(salt) for (salt,) in world.rows("SELECT salt FROM client_salt"))
    hashes = {
        value.encode()
        for row in world.rows("SELECT client, visitor FROM slot")
        for value in row
        if value
    }
    return Secrets(salts, frozenset(hashes))


def traces_of(addresses: Iterable[str]) -> Iterator[bytes]:
    """Yield how an address might be written down, and what it is hashed to without a key."""
    for address in addresses:
        ip = ipaddress.ip_address(address)
        for form in {address, ip.exploded, ip.compressed}:
            yield form.encode()
            for digest in (hashlib.md5, hashlib.sha1, hashlib.sha256):
                yield digest(form.encode()).hexdigest().encode()
        if ip.version == 6:
            yield ip.packed
            yield ip.packed[:8]


def found_in_files(world: World, wanted: Iterable[bytes]) -> list[str]:
    """Return where in the files of the instance, and in the log, any of these bytes stand.

    The database of SQLite is one of them, with its write-ahead log, as raw bytes. Uploads are not
    looked at: they are random.
    """
    uploads = world.server.instance_path / "uploads"
    paths = [world.server.log_path, *world.server.instance_path.rglob("*")]
    looked_at = [path for path in paths if path.is_file() and uploads not in path.parents]
    texts = {path.name: path.read_bytes() for path in looked_at}
    return sorted({name for trace in wanted for name, text in texts.items() if trace in text})


def found_in_texts(texts: Iterable[bytes], wanted: Iterable[bytes]) -> list[bytes]:
    """Return which traces stand in texts, such as pages: addresses and their hashes."""
    looked_for = set(wanted)
    words = {word for text in texts for word in _TRACE.findall(text)}
    return sorted(words & looked_for)


def found_in_rows(world: World, wanted: Iterable[bytes]) -> list[str]:
    """Return in which tables any of these bytes stand, as text or as the hexadecimal of a blob."""
    texts = dict(_tables(world))
    found = set()
    for trace in wanted:
        for form in (trace, trace.hex().encode()):
            found |= {table for table, text in texts.items() if form in text}
    return sorted(found)


def _tables(world: World) -> Iterator[tuple[str, bytes]]:
    query = (
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        if world.database_url
        else "SELECT name FROM sqlite_master WHERE type = 'table'"
    )
    for (table,) in world.rows(query):
        rows = world.rows(f'SELECT * FROM "{table}"')
        words = (
            word.hex() if isinstance(word, bytes) else str(word) for row in rows for word in row
        )
        yield table, "\n".join(words).encode("utf-8", "surrogatepass")


def mixed_up_visitors(world: World) -> list[str]:
    """Return where clients are taken for one another, or one for two, or known for two days.

    What is compared is the hash of each open download with who really fetched.
    """
    shown = defaultdict(list)
    # What has ended has none any more.
    query = "SELECT started_at, link_id, visitor FROM slot WHERE ended_at IS NULL"
    for started_at, link_id, visitor in world.rows(query):
        shown[_second(started_at), link_id].append(visitor)
    hashes: dict[tuple[str, date], set[str]] = defaultdict(set)
    clients: dict[str, set[tuple[str, date]]] = defaultdict(set)
    for slot in world.truth.slots:
        visitors = shown[_second(slot.started_at), slot.link.id]
        # Several at one instant can't be told apart from outside.
        if len(visitors) == 1:
            hashes[slot.visitor].add(visitors[0])
            clients[visitors[0]].add(slot.visitor)
    problems = [f"{who} is known as {known}" for who, known in hashes.items() if len(known) > 1]
    problems += [f"{known} is {who}" for known, who in clients.items() if len(who) > 1]
    days = defaultdict(set)
    for key, day in hashes:
        days[key].add(day)
    if not any(len(each) > 1 for each in days.values()):
        problems.append("no client came on two days")
    return problems


def _second(instant: object) -> str:
    return str(instant).partition("+")[0]
