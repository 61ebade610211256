"""Days that nobody planned: clocks that go back, visitors who lie, addresses that are kept."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from conftest import dispose
from counting import count
from flask import Flask
from replay.comparing import UNTIL, counters_of, label
from replay.day import END, START
from replay.people import BROWSERS, TOOLS
from replay.privacy import found_in_files, secrets_of, traces_of
from replay.truth import Client, TrueFile, TrueLink
from replay.world import World, clocked_server

from minifile import create_app
from minifile.extensions import db
from minifile.policy.timelines import MAX_STEPS, Step, edges
from minifile.services import analytics
from minifile.services.counts import EVERYTHING, Counts, Subject, TallyScope
from minifile.services.details import list_deliveries

NOON = START.replace(day=25, hour=12)
DAY = timedelta(days=1)
SENDER = Client("127.0.0.1", TOOLS[0])
FOREVER = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
LIES = (
    *("\x01\x02\x1b[31m", "=HYPERLINK(1)", "x" * 7000, "\x7f", "a\tb"),
    "<script>alert(1)</script>",
)
LARGE = 6 * 1024 * 1024


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[World, Flask]]]:
    """Start a server at noon, and an application that reads what it keeps."""
    opened = []

    def begin(**settings: str) -> tuple[World, Flask]:
        opened.append(clocked_server(tmp_path, NOON, None, **settings))
        world = opened[-1].__enter__()
        app = create_app({"instance_path": world.server.instance_path})
        opened.append(app)
        return world, app

    yield begin
    app, server = opened.pop(), opened.pop()
    dispose(app)
    server.__exit__(None, None, None)


def test_clocks_that_go_back_and_visitors_who_lie_are_counted_and_shown_safely(
    start: Callable[..., tuple[World, Flask]],
) -> None:
    world, app = start()
    link, quiet = _upload(world, LARGE), _upload(world, 10)
    # The clock goes back by an hour within one download, and by a day within another.
    for number, shift in enumerate((timedelta(hours=1), DAY)):
        client = Client(f"127.88.0.{number + 2}", TOOLS[0])
        world.clock.set(NOON)
        _fetch_while_the_clock_goes_back(world, link, client, shift)
    # The day before has a salt only now, and the same client is another one there.
    client = Client("127.88.1.2", TOOLS[1])
    for at in (NOON, NOON - DAY, NOON - 2 * DAY, NOON + timedelta(hours=1)):
        world.clock.set(at)
        _fetch(world, link, client)
    _come_with_a_lie(world, link)
    world.learn_ids()
    world.settle()

    for after in (END, END + 2 * DAY, END + 40 * DAY):
        world.clock.set(after)
        if after != END:
            world.purge()
        _compare(world, app, link)
        with app.app_context():
            subject = Subject(TallyScope.LINK, quiet.id)
            counts = count(subject, *FOREVER, now=after)
            assert counts == Counts(links=1, files=1, bytes_received=10)
            assert list_deliveries(quiet.id, limit=10, now=after) == []
            db.session.remove()
    assert "Traceback" not in world.server.log()


def test_addresses_are_kept_only_when_the_admin_says_so_and_then_the_page_does_too(
    start: Callable[..., tuple[World, Flask]],
) -> None:
    world, app = start(keep_addresses="true")
    link = _upload(world, 1000)
    client = Client("127.99.7.11", BROWSERS[0])
    page = world.ask(client, link.path).body.decode()
    assert "keeps the address" in page
    _fetch(world, link, client)
    world.learn_ids()
    world.settle()

    with app.app_context():
        (detail,) = list_deliveries(link.id, limit=10, now=world.now)
        db.session.remove()
    assert detail.origin.address == client.address

    # They go with the details.
    salts = secrets_of(world).salts
    world.clock.set(NOON + 45 * DAY)
    world.purge()
    kept = found_in_files(world, [*traces_of([client.address]), *salts])
    assert [name for name in kept if name.startswith("minifile.sqlite")] == []


def test_stretches_of_time_are_bounded() -> None:
    since, until = NOON - 50 * 365 * DAY, NOON + 50 * 365 * DAY
    for step in Step:
        assert len(edges(since, until, step, ZoneInfo("Europe/Berlin"))) <= MAX_STEPS + 1


def _upload(world: World, size: int) -> TrueLink:
    return world.upload(SENDER, [TrueFile("=cmd|'calc'!A0.bin", bytes(size))])


def _fetch(world: World, link: TrueLink, client: Client) -> None:
    answer = world.ask(client, _path(link))
    assert answer.status == 200
    file = link.files[0]
    world.truth.fetch(link, client, world.now, [(file, 0, file.size)], fresh=True)
    world.settle()


def _fetch_while_the_clock_goes_back(
    world: World, link: TrueLink, client: Client, shift: timedelta
) -> None:
    file = link.files[0]
    running = world.begin(client, _path(link), (0, file.size), file.size)
    world.truth.fetch(link, client, world.now, [(file, 0, file.size)], fresh=True)
    world.clock.set(world.now - shift)
    running.finish()
    world.settle()


def _come_with_a_lie(world: World, link: TrueLink) -> None:
    """Send agents and referrers that no program sends; some are refused, and none fails."""
    for number, lie in enumerate(LIES):
        client = Client(f"127.88.2.{number + 2}", TOOLS[0])
        path, file = _path(link), link.files[0]
        lies = {"User_Agent": lie, "Referer": f"https://{lie}/{lie}"}
        answer = world.ask(client, path, **lies, Range="bytes=0-9")
        assert answer.status in (206, 400, 431), (lie, answer.status)
        if answer.status == 206:
            # Another program than the client would send.
            other = Client(f"{client.address} {number}", TOOLS[0])
            world.truth.fetch(link, other, world.now, [(file, 0, 10)], fresh=True)
    world.settle()


def _compare(world: World, app: Flask, link: TrueLink) -> None:
    utc = ZoneInfo("UTC")
    bounds = edges(START - 10 * DAY, UNTIL, Step.DAY, utc)
    true = world.truth.by("link", link.id, lambda at: label(at, Step.DAY, utc))
    with app.app_context():
        for subject in (Subject(TallyScope.LINK, link.id), EVERYTHING):
            counts = analytics.timeline(subject, bounds, now=world.now)
            shown = {each.date(): one for each, one in zip(bounds, counts, strict=False)}
            for day, expected in true.items():
                found = counters_of(shown[day])
                names = ("downloads", "downloads_completed", "bytes_sent", "bytes_arrived")
                assert [found[name] for name in names] == [expected[name] for name in names], day
            if subject is not EVERYTHING:
                assert sum(one.clients for one in counts) == sum(
                    each["clients"] for each in true.values()
                )
        for detail in list_deliveries(link.id, limit=100, now=world.now):
            assert all(
                word.isprintable() and len(word) <= 40
                for word in (detail.origin.family, detail.origin.system)
                if word is not None
            )
        db.session.remove()


def _path(link: TrueLink) -> str:
    return f"{link.path}/{quote(link.files[0].name)}"
