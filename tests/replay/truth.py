"""What is true of a replayed day: counted from what went over the wire, by the words of the rules.

Nothing of `minifile` is imported, and nothing is read from its database but the ids of links and
files. A client's place among the downloads of a link is found as PRODUCT and docs/architecture.md
("Counting") have it. Numbers are kept as facts with an instant, and added up only when asked for.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

LEASE = timedelta(hours=24)

COUNTERS = (
    *("downloads", "downloads_completed", "downloads_handed_over"),
    *("deliveries", "deliveries_completed", "deliveries_handed_over", "deliveries_resumed"),
    *("resumes", "reached_25", "reached_50", "reached_75", "bytes_sent", "bytes_arrived"),
    *("clients", "opened", "previews", "bots", "wrong_passwords"),
    *("refused_expired", "refused_exhausted", "refused_revoked"),
    *("links", "files", "bytes_received"),
)
_COUNTER_OF = {
    "opened": "opened",
    "preview": "previews",
    "bot": "bots",
    "wrong_password": "wrong_passwords",
    "expired": "refused_expired",
    "exhausted": "refused_exhausted",
    "revoked": "refused_revoked",
}


@dataclass(frozen=True)
class Agent:
    """A program that comes, and what analytics should make of it."""

    header: str
    family: str
    system: str | None
    is_tool: bool = False
    is_bot: bool = False


@dataclass
class Client:
    """Somebody who comes; with a cookie known by that alone, else by address and program."""

    address: str
    agent: Agent
    cookie: str | None = None
    account_cookie: bool = False

    @property
    def key(self) -> str:
        return self.cookie or f"{self.address}\0{self.agent.header}"


@dataclass
class TrueFile:
    name: str
    content: bytes
    id: int = 0

    @property
    def size(self) -> int:
        return len(self.content)


@dataclass
class TrueLink:
    """A link as its sender made it; `owner` is a user's id."""

    path: str
    files: list[TrueFile]
    owner: int | None
    made_at: datetime
    ends_at: datetime
    max_downloads: int | None = None
    password: str | None = None
    owner_token: str = ""
    id: int = 0
    revoked_at: datetime | None = None
    is_gone: bool = False
    """Purged, and its own numbers with it; those of its owner and of all stay."""

    @property
    def code(self) -> str:
        return self.path.strip("/")


@dataclass
class TrueDelivery:
    """What one client has had of one file. A fuzzy one was cut: at least `ranges` had arrived."""

    file: TrueFile
    started_at: datetime
    sent: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)
    resumes: int = 0
    is_complete: bool = False
    is_fuzzy: bool = False
    pinned: tuple[int, int] | None = None
    """Of a fuzzy one what was shown to have been sent and to have arrived, once it was judged."""

    def take(self, start: int, stop: int, *, resumed: bool) -> None:
        """Add a range that was read to its end."""
        self.sent += stop - start
        self.ranges.append((start, stop))
        self.resumes += resumed
        self.is_complete |= self._covered() == self.file.size

    def _covered(self) -> int:
        covered = end = 0
        for start, stop in sorted(self.ranges):
            covered += max(0, stop - max(start, end))
            end = max(end, stop)
        return covered

    @property
    def bytes_sent(self) -> int:
        return self.pinned[0] if self.pinned else self.sent

    @property
    def bytes_arrived(self) -> int:
        return self.pinned[1] if self.pinned else self._covered()

    def counters(self) -> dict[str, int]:
        arrived, size = self.bytes_arrived, self.file.size
        reached = {
            f"reached_{share}": int(
                self.is_complete or (size > 0 and arrived * 100 >= share * size)
            )
            for share in (25, 50, 75)
        }
        return {
            "deliveries": 1,
            "deliveries_completed": int(self.is_complete),
            "deliveries_resumed": int(self.resumes > 0),
            "resumes": self.resumes,
            "bytes_sent": self.bytes_sent,
            "bytes_arrived": arrived,
            **reached,
        }


@dataclass
class TrueSlot:
    """A download: one client's place at a link."""

    link: TrueLink
    client: Client
    started_at: datetime
    referrer: str | None
    deliveries: dict[str, TrueDelivery] = field(default_factory=dict)
    key: str = ""

    @property
    def visitor(self) -> tuple[str, date]:
        """By what analytics knows the client: for a day."""
        return self.key, self.started_at.date()

    @property
    def is_complete(self) -> bool:
        done = [each for each in self.deliveries.values() if each.is_complete]
        return len(done) == len(self.link.files)

    @property
    def is_unfinished(self) -> bool:
        return any(not each.is_complete for each in self.deliveries.values())


@dataclass(frozen=True)
class Visit:
    link: TrueLink
    file: TrueFile | None
    at: datetime
    kind: str
    agent: Agent | None = None
    referrer: str | None = None


@dataclass(frozen=True)
class Fact:
    """Counters that something adds at an instant."""

    at: datetime
    counters: dict[str, int]


class Truth:
    """All that happened."""

    def __init__(self) -> None:
        self.links: list[TrueLink] = []
        self.slots: list[TrueSlot] = []
        self.visits: list[Visit] = []
        self.made: list[tuple[TrueLink, Fact]] = []
        self.problems: list[str] = []
        self._settled: dict[tuple[str, int], list[Fact]] | None = None
        self.answers = Counter[str]()
        """How downloads went that were answered, a request each."""
        self._by_client: dict[tuple[str, str], list[TrueSlot]] = defaultdict(list)

    def make(self, link: TrueLink) -> None:
        """Note that a link was made with its files."""
        self.links.append(link)
        sizes = sum(file.size for file in link.files)
        counters = {"links": 1, "files": len(link.files), "bytes_received": sizes}
        self.made.append((link, Fact(link.made_at, counters)))

    def visit(
        self,
        link: TrueLink,
        kind: str,
        at: datetime,
        client: Client,
        *,
        file: TrueFile | None = None,
        referrer: str | None = None,
    ) -> None:
        self.visits.append(Visit(link, file, at, kind, client.agent, referrer))

    def fetch(
        self,
        link: TrueLink,
        client: Client,
        at: datetime,
        spans: Iterable[tuple[TrueFile, int, int]],
        *,
        fresh: bool,
        referrer: str | None = None,
        alone: bool = True,
    ) -> TrueSlot:
        """Note an answer that was read to its end: these bytes of these files, in one request.

        `alone` says that no other answer to the same client was on its way.
        """
        asked = list(spans)
        is_whole = all((start, stop) == (0, file.size) for file, start, stop in asked)
        self.answers["completed" if is_whole else "partial"] += 1
        slot = self._held(link, client, at, asked, fresh) or self._take(link, client, at, referrer)
        for file, start, stop in asked:
            had = slot.deliveries.get(file.name)
            resumed = bool(had and start > 0 and alone and not had.is_complete)
            if had is None:
                had = slot.deliveries[file.name] = TrueDelivery(file, at)
            had.take(start, stop, resumed=resumed)
        return slot

    def cut(
        self, link: TrueLink, client: Client, at: datetime, file: TrueFile, read: int,
        referrer: str | None = None,
    ) -> None:  # fmt: skip
        """Note an answer that the client broke off when it had read so much; for a new client."""
        self.answers["aborted"] += 1
        slot = self._take(link, client, at, referrer)
        cut = TrueDelivery(file, at, read, [(0, read)], is_fuzzy=True)
        slot.deliveries[file.name] = cut

    def _take(self, link: TrueLink, client: Client, at: datetime, referrer: str | None) -> TrueSlot:
        slot = TrueSlot(link, client, at, referrer, key=client.key)
        self.slots.append(slot)
        self._by_client[link.path, client.key].append(slot)
        return slot

    def _held(
        self, link: TrueLink, client: Client, at: datetime,
        asked: list[tuple[TrueFile, int, int]], fresh: bool,
    ) -> TrueSlot | None:  # fmt: skip
        """Return the client's own download that a request belongs to, the unfinished one first."""
        slots = [
            slot
            for slot in reversed(self._by_client[link.path, client.key])
            if at < slot.started_at + LEASE and _fits(slot, asked, fresh)
        ]
        return next((slot for slot in slots if slot.is_unfinished), slots[0] if slots else None)

    # Numbers.

    def standing(self, link: TrueLink, now: datetime) -> str:
        """Return where a link stands that is not gone."""
        if link.revoked_at:
            return "revoked"
        if link.ends_at <= now:
            return "expired"
        taken = sum(slot.link is link for slot in self.slots)
        return "exhausted" if link.max_downloads and taken >= link.max_downloads else "open"

    def settle(self) -> None:
        """Take it that nothing happens any more: what adds to a number is put together once."""
        self._settled = {}

    def facts(self, scope: str, subject: int) -> list[Fact]:
        """Return what adds to the counters of a link, a file, a user, or all."""
        if self._settled is None:
            return list(self._facts(scope, subject))
        if (scope, subject) not in self._settled:
            self._settled[scope, subject] = list(self._facts(scope, subject))
        return self._settled[scope, subject]

    def _facts(self, scope: str, subject: int) -> Iterator[Fact]:
        if scope == "file":
            yield from self._file_facts(subject)
            return
        is_of = _is_of(scope, subject)
        for slot in self.slots:
            if is_of(slot.link):
                done = {"downloads": 1, "downloads_completed": int(slot.is_complete)}
                yield Fact(slot.started_at, done)
                for each in slot.deliveries.values():
                    yield Fact(each.started_at, each.counters())
        for visit in self.visits:
            if is_of(visit.link):
                yield Fact(visit.at, {_COUNTER_OF[visit.kind]: 1})
        yield from (fact for link, fact in self.made if is_of(link))
        if scope == "link":
            yield from self._clients(slot for slot in self.slots if is_of(slot.link))

    def _file_facts(self, file_id: int) -> Iterator[Fact]:
        firsts = {}
        for slot in self.slots:
            for each in slot.deliveries.values():
                if each.file.id == file_id:
                    yield Fact(each.started_at, each.counters())
                    at = firsts.get(slot.visitor, each.started_at)
                    firsts[slot.visitor] = min(at, each.started_at)
        for visit in self.visits:
            if visit.file is not None and visit.file.id == file_id:
                yield Fact(visit.at, {_COUNTER_OF[visit.kind]: 1})
        yield from (Fact(at, {"clients": 1}) for at in firsts.values())

    def _clients(self, slots: Iterable[TrueSlot]) -> Iterator[Fact]:
        firsts: dict[tuple[str, date], datetime] = {}
        for slot in slots:
            at = firsts.get(slot.visitor, slot.started_at)
            firsts[slot.visitor] = min(at, slot.started_at)
        yield from (Fact(at, {"clients": 1}) for at in firsts.values())

    def count(self, scope: str, subject: int, since: datetime, until: datetime) -> dict[str, int]:
        """Return all counters of a subject within some time."""
        return self.by(scope, subject, lambda at: since <= at < until).get(True, _nothing())

    def by(
        self, scope: str, subject: int, label: Callable[[datetime], Any]
    ) -> dict[Any, dict[str, int]]:
        """Return the counters by a label of the instant, such as its date in some zone."""
        found: dict[Any, dict[str, int]] = defaultdict(_nothing)
        for fact in self.facts(scope, subject):
            sums = found[label(fact.at)]
            for name, value in fact.counters.items():
                sums[name] += value
        return dict(found)

    def shares(
        self, scope: str, subject: int, kind: str, since: datetime, until: datetime
    ) -> dict[str, tuple[int, int]]:
        """Return downloads and opened pages by family, system or referrer."""
        is_of = _is_of(scope, subject)
        downloads, opened = Counter[str](), Counter[str]()
        for slot in self.slots:
            if not is_of(slot.link) or not since <= slot.started_at < until:
                continue
            value = slot.referrer if kind == "referrer" else getattr(slot.client.agent, kind)
            if value is not None:
                downloads[value] += 1
        for visit in self.visits:
            if visit.kind != "opened" or not is_of(visit.link) or not since <= visit.at < until:
                continue
            value = visit.referrer if kind == "referrer" else getattr(visit.agent, kind)
            if value is not None:
                opened[value] += 1
        return {name: (downloads[name], opened[name]) for name in {*downloads, *opened}}


def _fits(slot: TrueSlot, asked: list[tuple[TrueFile, int, int]], fresh: bool) -> bool:
    """Say whether a client may have these bytes within its slot, when nothing else is running."""
    for file, start, stop in asked:
        had = slot.deliveries.get(file.name)
        if had is None:
            continue
        if (fresh and had.is_complete) or had.sent + stop - start > 2 * file.size:
            return False
    return True


def _is_of(scope: str, subject: int) -> Callable[[TrueLink], bool]:
    if scope == "link":
        return lambda link: link.id == subject
    return (lambda link: link.owner == subject) if scope == "user" else (lambda link: True)


def _nothing() -> dict[str, int]:
    return dict.fromkeys(COUNTERS, 0)
