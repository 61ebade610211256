"""A day of downloads from a seed: what each visitor does, and when. What came of it is the truth.

Each action is one visitor's way to a link, in steps that lie minutes or hours apart, so those of
hundreds are mixed. Whatever the server answers that was not expected is a failure at once.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from urllib.parse import quote

from replay.people import ODD_REFERRERS, REFERRERS, AddressMaker, Crowd
from replay.truth import Client, TrueFile, TrueLink
from replay.world import Answer, World, browser_cookie

# Berlin's clocks are put back on the 25th at 01:00 UTC, so its day has 25 hours; it begins and ends
# within the UTC days around it.
START = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
END = datetime(2026, 10, 26, 4, 0, tzinfo=UTC)
# Instants at which something begins or ends somewhere: at midnight in UTC, Berlin and Kathmandu,
# where the clock is put back, and a microsecond before each.
EDGES = tuple(
    START.replace(day=day, hour=hour, minute=minute) + timedelta(microseconds=shift)
    for day, hour, minute in (
        *((24, 22, 0), (25, 0, 0), (25, 1, 0), (25, 2, 0), (25, 18, 15), (25, 23, 0)),
        *((26, 0, 0), (25, 12, 15)),
    )
    for shift in (-1, 0)
)

MINUTE = timedelta(minutes=1)
PLAIN = 100 * 1024
LARGE = 6 * 1024 * 1024

Step = tuple[datetime, int, Callable[[], None]]


class Day:
    """Plans a day and lets it happen."""

    def __init__(self, world: World, seed: int, tokens: dict[int, str]) -> None:
        self.world, self.random, self.tokens = world, Random(seed), tokens
        self.crowd = Crowd(self.random, AddressMaker(by_proxy=world.by_proxy))
        self.steps: list[Step] = []
        self.sender = self.crowd.tool()
        self.links: list[TrueLink] = []
        self.bundles: list[TrueLink] = []
        self.large: list[TrueLink] = []
        self.pictures: list[TrueLink] = []
        self.locked: list[TrueLink] = []

    def make_links(self, count: int) -> None:
        """Upload what will be fetched, for users and for nobody, a minute apart."""
        owners = [*self.tokens, None]
        for number in range(count):
            self.world.clock.set(START + number * timedelta(seconds=7))
            owner = owners[number % len(owners)]
            sizes = (1, 997, PLAIN, 64 * 1024, 0) if number % 11 == 10 else (PLAIN, 5_001, 300_000)
            self.links.append(self._upload([self._file(sizes[number % len(sizes)])], owner))
        for number in range(max(2, count // 8)):
            files = [self._file(size, f"part {n}.bin") for n, size in enumerate((4000, 0, 70_001))]
            self.bundles.append(self._upload(files, owners[number % len(owners)]))
            self.large.append(self._upload([self._file(LARGE)], owners[number % len(owners)]))
            picture = TrueFile("dot.png", PICTURE + self.random.randbytes(50))
            self.pictures.append(self._upload([picture], owners[number % len(owners)]))
            self.locked.append(self._upload([self._file(3000)], None, password="open it"))

    def plan(self, count: int) -> None:
        """Plan so many actions; each of them at least once."""
        actions = [(action, weight) for action, weight in self._actions()]
        chosen = [action for action, _ in actions]
        chosen += self.random.choices(
            [action for action, _ in actions], [weight for _, weight in actions], k=count
        )
        for number, action in enumerate(chosen[: max(count, len(actions))]):
            edge = EDGES[number] if number < len(EDGES) else None
            action(edge or self._instant())

    def happen(self, between: Callable[[int], None] | None = None) -> None:
        """Take the steps in order of time. `between` is called after each with its number."""
        for number, (at, _, step) in enumerate(sorted(self.steps, key=lambda each: each[:2])):
            self.world.clock.set(at)
            step()
            if between is not None:
                between(number)
        self.world.settle()

    # What visitors do.

    def _actions(self) -> tuple[tuple[Callable[[datetime], None], int], ...]:
        return (
            *((self.whole, 26), (self.by_short_link, 12), (self.from_landing_page, 10)),
            *((self.cut_at_a_range, 9), (self.resumed, 9), (self.begun_again, 4)),
            *((self.broken_off, 3), (self.in_parallel, 2), (self.zip, 5), (self.one_by_one, 4)),
            *((self.twice, 4), (self.on_two_days, 2), (self.head, 3), (self.bot, 4)),
            *((self.prefetch, 1), (self.json, 1), (self.not_modified, 1), (self.by_owner, 3)),
            *((self.wrong_password, 2), (self.right_password, 2), (self.preview, 2)),
            *((self.expired, 2), (self.exhausted, 2), (self.revoked, 2), (self.odd_visitor, 2)),
        )

    def whole(self, at: datetime) -> None:
        link, client = self.random.choice(self.links), self.crowd.anybody()
        referrer = self._referrer()

        def fetch() -> None:
            self._whole(link, client, referrer=referrer)

        self._at(at, fetch)

    def by_short_link(self, at: datetime) -> None:
        link, client = self.random.choice(self.links), self.crowd.tool()

        def fetch() -> None:
            answer = self.world.ask(client, link.path)
            self._expect(answer, 200, link.files[0].content)
            self._fetched(link, client, [(link.files[0], 0, link.files[0].size)], fresh=True)

        self._at(at, fetch)

    def from_landing_page(self, at: datetime) -> None:
        """See the page, take its cookie, and press the button some minutes later."""
        link, client = self.random.choice(self.links), self.crowd.browser()
        referrer = self._referrer()

        def see() -> None:
            answer = self._see(link, client, referrer)
            client.cookie = browser_cookie(answer)
            assert client.cookie
            self.crowd.cookies.append(client.cookie)

        self._at(at, see)
        # The button stands on our own page, which is nobody's site.
        own = (f"http://{self.world.host}{link.path}", None)
        self._at(self._later(at), lambda: self._whole(link, client, referrer=own))

    def cut_at_a_range(self, at: datetime) -> None:
        """Fetch the beginning and never come back: aborted at a byte that is known."""
        link, client = self._sized(self.links), self.crowd.anybody()
        stop = self.random.choice((link.files[0].size // 4, link.files[0].size // 2,
                                   link.files[0].size * 3 // 4, link.files[0].size - 1,
                                   self.random.randrange(1, link.files[0].size)))  # fmt: skip
        self._at(at, lambda: self._range(link, client, 0, max(1, stop)))

    def resumed(self, at: datetime) -> None:
        """Fetch in two or three parts, hours apart."""
        link, client = self._sized(self.links), self.crowd.anybody()
        size = link.files[0].size
        cuts = sorted({self.random.randrange(1, size) for _ in range(self.random.choice((1, 2)))})
        for start, stop in zip([0, *cuts], [*cuts, size], strict=True):
            self._at(at, lambda start=start, stop=stop: self._range(link, client, start, stop))
            at = self._later(at)

    def begun_again(self, at: datetime) -> None:
        """Break off, and fetch all of it once more: one download."""
        link, client = self._sized(self.links), self.crowd.anybody()
        stop = self.random.randrange(1, link.files[0].size)
        self._at(at, lambda: self._range(link, client, 0, stop))
        self._at(self._later(at), lambda: self._whole(link, client))

    def broken_off(self, at: datetime) -> None:
        """Reset the connection in the middle: how far it came, only the kernel knows."""
        link, client = self.random.choice(self.large), self.crowd.anybody()
        after = self.random.randrange(1, LARGE // 3)

        def fetch() -> None:
            file = link.files[0]
            running = self.world.begin(client, _path(link, file), (0, file.size), file.size)
            read = running.break_off(after)
            self.world.truth.cut(link, client, self.world.now, file, read)
            self.world.settle()

        self._at(at, fetch)

    def in_parallel(self, at: datetime) -> None:
        """Fetch three ranges at once, as download managers do: nothing is resumed."""
        link, client = self.random.choice(self.large), self.crowd.tool()
        file = link.files[0]
        cuts = [0, file.size // 3, file.size * 2 // 3, file.size]
        spans = list(pairwise(cuts))

        def fetch() -> None:
            running = [self.world.begin(client, _path(link, file), s, file.size) for s in spans]
            got = [each.finish() for each in running]
            assert b"".join(got) == file.content
            for start, stop in spans:
                self._fetched(link, client, [(file, start, stop)], fresh=start == 0, alone=False)

        self._at(at, fetch)

    def zip(self, at: datetime) -> None:
        link, client = self.random.choice(self.bundles), self.crowd.anybody()

        def fetch() -> None:
            path = link.path if client.agent.is_tool else f"{link.path}.zip"
            self._expect(self.world.ask(client, path), 200)
            self._fetched(link, client, [(each, 0, each.size) for each in link.files], fresh=True)

        self._at(at, fetch)

    def one_by_one(self, at: datetime) -> None:
        """Fetch the files of a bundle one by one, or only some of them."""
        link, client = self.random.choice(self.bundles), self.crowd.anybody()
        for file in link.files[: self.random.choice((1, 2, 3))]:
            self._at(at, lambda file=file: self._whole(link, client, file))
            at = self._later(at)

    def twice(self, at: datetime) -> None:
        """Fetch all of it, and once more: two downloads of one client."""
        link, client = self.random.choice(self.links), self.crowd.anybody()
        self._at(at, lambda: self._whole(link, client))
        self._at(self._later(at), lambda: self._whole(link, client))

    def on_two_days(self, at: datetime) -> None:
        link, client = self.random.choice(self.links), self.crowd.anybody()
        at = min(at, END - timedelta(hours=25))
        self._at(at, lambda: self._whole(link, client))
        self._at(at + timedelta(hours=24, minutes=7), lambda: self._whole(link, client))

    def head(self, at: datetime) -> None:
        link, client = self.random.choice(self.links), self.crowd.anybody()

        def ask() -> None:
            path = self.random.choice((link.path, _path(link, link.files[0])))
            self._expect(self.world.ask(client, path, method="HEAD"), 200)

        self._at(at, ask)

    def bot(self, at: datetime) -> None:
        link, client = self.random.choice(self.links + self.bundles), self.crowd.bot()

        def ask() -> None:
            paths = [link.path, _path(link, link.files[0])]
            self._expect(self.world.ask(client, self.random.choice(paths)), 200)
            self.world.truth.visit(link, "bot", self.world.now, client)

        self._at(at, ask)

    def prefetch(self, at: datetime) -> None:
        link, client = self.random.choice(self.links), self.crowd.browser()

        def ask() -> None:
            self._expect(self.world.ask(client, link.path, Sec_Purpose="prefetch"), 200)

        self._at(at, ask)

    def json(self, at: datetime) -> None:
        link, client = self.random.choice(self.links), self.crowd.tool()

        def ask() -> None:
            self._expect(self.world.ask(client, link.path, Accept="application/json"), 200)

        self._at(at, ask)

    def not_modified(self, at: datetime) -> None:
        """Fetch, and ask again whether it has changed."""
        link, client = self.random.choice(self.links), self.crowd.browser()

        def fetch() -> None:
            tag = self._whole(link, client).headers["ETag"]
            path = _path(link, link.files[0])
            self._expect(self.world.ask(client, path, If_None_Match=tag), 304)

        self._at(at, fetch)

    def by_owner(self, at: datetime) -> None:
        """Upload in a browser, look at it and fetch it there: nothing of that counts."""
        client = self.crowd.browser()

        def upload() -> None:
            page = self.world.ask(client, "/", Sec_Fetch_Site="none")
            client.cookie = browser_cookie(page)
            link = self._upload([self._file(2000)], None)
            token = link.owner_token
            self.world.ask(client, f"/links/{link.code}/{token}")
            self._expect(self.world.ask(client, f"{link.path}?"), 200)
            answer = self.world.ask(
                client, _path(link, link.files[0]), html=False, Authorization=f"Bearer {token}"
            )
            self._expect(answer, 200, link.files[0].content)

        self._at(at, upload)

    def wrong_password(self, at: datetime) -> None:
        link, client = self.random.choice(self.locked), self.crowd.tool()

        def ask() -> None:
            answer = self.world.ask(client, link.path, X_Link_Password="guess")
            self._expect(answer, 401)
            self.world.truth.visit(link, "wrong_password", self.world.now, client)
            # Without any there is nothing wrong.
            self._expect(self.world.ask(client, link.path), 401)

        self._at(at, ask)

    def right_password(self, at: datetime) -> None:
        link, client = self.random.choice(self.locked), self.crowd.tool()

        def ask() -> None:
            answer = self.world.ask(client, link.path, X_Link_Password="open it")
            self._expect(answer, 200, link.files[0].content)
            self._fetched(link, client, [(link.files[0], 0, link.files[0].size)], fresh=True)

        self._at(at, ask)

    def preview(self, at: datetime) -> None:
        link, client = self.random.choice(self.pictures), self.crowd.browser()

        def look() -> None:
            self._see(link, client, None)
            answer = self.world.ask(
                client, f"{_path(link, link.files[0])}?inline=1",
                Sec_Fetch_Dest="image", Sec_Fetch_Site="same-origin",
            )  # fmt: skip
            self._expect(answer, 200, link.files[0].content)
            self.world.truth.visit(link, "preview", self.world.now, client, file=link.files[0])

        self._at(at, look)

    def expired(self, at: datetime) -> None:
        """Come in time, and once more when it is too late."""
        client, late = self.crowd.tool(), self.crowd.anybody()
        made: list[TrueLink] = []
        at = min(at, END - timedelta(hours=3))

        def upload() -> None:
            made.append(self._upload([self._file(700)], None, lasts=timedelta(hours=1)))
            self._whole(made[0], client)

        self._at(at, upload)
        self._at(at + timedelta(hours=1), lambda: self._refused(made[0], late, "expired"))

    def exhausted(self, at: datetime) -> None:
        """Let eight come at once for three downloads: five are refused, and one more later."""
        clients = [self.crowd.tool() for _ in range(8)]
        made: list[TrueLink] = []

        def come() -> None:
            link = self._upload([self._file(900)], self._owner(), max_downloads=3)
            made.append(link)
            path = _path(link, link.files[0])
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda each: self.world.ask(each, path), clients))
            for client, answer in zip(clients, answers, strict=True):
                if answer.status == 200:
                    self._fetched(link, client, [(link.files[0], 0, 900)], fresh=True)
                else:
                    self._expect(answer, 410)
                    self.world.truth.visit(link, "exhausted", self.world.now, client)
            assert sorted(each.status for each in answers) == [200] * 3 + [410] * 5

        self._at(at, come)
        late = self.crowd.anybody()
        self._at(self._later(at), lambda: self._refused(made[0], late, "exhausted"))

    def revoked(self, at: datetime) -> None:
        client, late, made = self.crowd.tool(), self.crowd.anybody(), []
        at = min(at, END - timedelta(hours=2))

        def upload() -> None:
            link = self._upload([self._file(800)], None)
            made.append(link)
            self._whole(link, client)
            self.world.settle()
            path = f"/links/{link.code}/{link.owner_token}"
            answer = self.world.ask(self.sender, path, method="DELETE")
            assert answer.status in (200, 204), answer.status
            link.revoked_at = self.world.now

        self._at(at, upload)
        self._at(at + MINUTE, lambda: self._refused(made[0], late, "revoked"))

    def odd_visitor(self, at: datetime) -> None:
        """Come with a referrer and a program that nobody would believe."""
        link, client = self.random.choice(self.links), self.crowd.browser()
        odd = self.random.choice(ODD_REFERRERS)
        self._at(at, lambda: self._whole(link, client, referrer=(odd, _host_of(odd))))

    # The parts of it.

    def _at(self, at: datetime, step: Callable[[], None]) -> None:
        self.steps.append((at, len(self.steps), step))

    def _instant(self) -> datetime:
        seconds = self.random.random() * ((END - START).total_seconds() - 7200)
        return START + timedelta(minutes=30, seconds=seconds)

    def _later(self, at: datetime) -> datetime:
        return at + self.random.random() * timedelta(hours=5) + MINUTE

    def _owner(self) -> int | None:
        return self.random.choice([*self.tokens, None])

    def _referrer(self) -> tuple[str, str | None] | None:
        return self.random.choice((*REFERRERS, None, None))

    def _sized(self, links: list[TrueLink]) -> TrueLink:
        return self.random.choice([link for link in links if link.files[0].size > 500])

    def _file(self, size: int, name: str = "a file.bin") -> TrueFile:
        return TrueFile(name, self.random.randbytes(size))

    def _upload(self, files: list[TrueFile], owner: int | None, **options) -> TrueLink:
        token = None if owner is None else self.tokens[owner]
        return self.world.upload(self.sender, files, owner=owner, token=token, **options)

    def _see(
        self, link: TrueLink, client: Client, referrer: tuple[str, str | None] | None
    ) -> Answer:
        headers = {"Referer": referrer[0]} if referrer else {}
        answer = self.world.ask(
            client, link.path, Sec_Fetch_Dest="document", Sec_Fetch_Site="cross-site", **headers
        )
        self._expect(answer, 200)
        self.world.truth.visit(
            link, "opened", self.world.now, client, referrer=referrer[1] if referrer else None
        )
        return answer

    def _whole(
        self, link: TrueLink, client: Client, file: TrueFile | None = None,
        referrer: tuple[str, str | None] | None = None,
    ) -> Answer:  # fmt: skip
        file = file or link.files[0]
        headers = {"Referer": referrer[0]} if referrer else {}
        answer = self.world.ask(client, _path(link, file), **headers)
        self._expect(answer, 200, file.content)
        shown = referrer[1] if referrer else None
        self._fetched(link, client, [(file, 0, file.size)], fresh=True, referrer=shown)
        return answer

    def _range(self, link: TrueLink, client: Client, start: int, stop: int) -> None:
        file = link.files[0]
        answer = self.world.ask(client, _path(link, file), Range=f"bytes={start}-{stop - 1}")
        self._expect(answer, 206, file.content[start:stop])
        self._fetched(link, client, [(file, start, stop)], fresh=start == 0)

    def _fetched(
        self, link: TrueLink, client: Client, spans: list[tuple[TrueFile, int, int]], *,
        fresh: bool, referrer: str | None = None, alone: bool = True,
    ) -> None:  # fmt: skip
        self.world.truth.fetch(
            link, client, self.world.now, spans, fresh=fresh, referrer=referrer, alone=alone
        )

    def _refused(self, link: TrueLink, client: Client, kind: str) -> None:
        path = self.random.choice((link.path, _path(link, link.files[0])))
        if link.is_gone:
            # Nobody knows any more that there was one.
            self._expect(self.world.ask(client, path), 404)
            return
        self._expect(self.world.ask(client, path), 410)
        self.world.truth.visit(link, kind, self.world.now, client)
        self._expect(self.world.ask(client, path, method="HEAD"), 410)

    def _expect(self, answer: Answer, status: int, body: bytes | None = None) -> None:
        assert answer.status == status, (answer.status, answer.body[:300])
        assert body is None or answer.body == body


def _path(link: TrueLink, file: TrueFile) -> str:
    return f"{link.path}/{quote(file.name)}"


def _host_of(odd: str) -> str | None:
    """What may be shown of an odd referrer: its host, where it has one that could be real."""
    return odd.split("/")[2] if odd.startswith(("https://long.", "https://tab.")) else None


# A picture of one dot; what follows its end is ignored.
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
