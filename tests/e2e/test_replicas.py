"""Several servers on one PostgreSQL: side by side, through restarts of it and through upgrades."""

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import MINIFILE, SECRET_KEY, RunningServer, environment_of
from postgres import PostgresServer, execute, url_of
from wire import Answer, ask, eventually, get, head

pytestmark = pytest.mark.postgres

Start = Callable[..., RunningServer]
CLIENTS = 4
LIMIT = 1000
COUNTS = """SELECT download_count, count(*), count(completed_at) FROM link
    JOIN slot ON link_id = link.id WHERE code = '{code}' GROUP BY link.id"""


@pytest.fixture
def url(make_postgres_database: Callable[[], str]) -> str:
    return make_postgres_database()


@pytest.fixture
def start_replica(start_server: Start, url: str, tmp_path: Path) -> Start:
    """Start servers that share a database and a storage, and nothing else."""
    number = iter(range(10))

    def start(**settings: str) -> RunningServer:
        return start_server(
            "--workers", "1",
            **{
                "instance_path": str(tmp_path / f"replica-{next(number)}"),
                "database_url": url,
                "secret_key": SECRET_KEY,
                "storage_url": f"file:{tmp_path / 'blobs'}",
                "rate_uploads": "off",
                "max_transfers_per_address": "100",
                **settings,
            },
        )  # fmt: skip

    return start


def upload(server: RunningServer, content: bytes, query: str = "") -> Answer:
    lines = f"Content-Length: {len(content)}", "Accept: application/json"
    return ask(server, head(server, f"PUT /a.bin{query}", *lines) + content)


def code_of(answer: Answer) -> str:
    assert answer.status == 201, answer.text
    return str(json.loads(answer.body)["code"])


@dataclass
class Traffic:
    """What clients have been answered so far."""

    uploads: dict[str, str] = field(default_factory=dict)
    downloads: list[Answer] = field(default_factory=list)
    refusals: list[Answer] = field(default_factory=list)

    def uploading(self, server: RunningServer) -> None:
        content = os.urandom(5000)
        answer = upload(server, content)
        if answer.status == 201:
            self.uploads[code_of(answer)] = hashlib.sha256(content).hexdigest()
        else:
            self.refusals.append(answer)

    def downloading(self, server: RunningServer, code: str) -> None:
        answer = get(server, f"/{code}")
        (self.downloads if answer.status == 200 else self.refusals).append(answer)

    def more(self) -> None:
        """Wait until uploads and downloads have come through that began after now."""
        uploads, downloads = len(self.uploads), len(self.downloads)
        eventually(lambda: len(self.uploads) > uploads + CLIENTS)
        eventually(lambda: len(self.downloads) > downloads + CLIENTS)


@contextmanager
def traffic(server: RunningServer, code: str) -> Iterator[Traffic]:
    """Let clients upload, and others download from a link, until the block ends."""
    seen, is_over = Traffic(), threading.Event()
    failures: list[BaseException] = []

    def repeat(act: Callable[[], None]) -> None:
        try:
            while not is_over.is_set():
                act()
        except BaseException as error:  # noqa: BLE001 (raised below)
            failures.append(error)

    acts = [lambda: seen.uploading(server), lambda: seen.downloading(server, code)]
    threads = [threading.Thread(target=repeat, args=[act]) for act in acts * CLIENTS]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_a_restart_of_the_database_loses_nothing_that_was_acknowledged(
    start_replica: Start, postgres_server: PostgresServer, url: str
):
    server = start_replica()
    code = code_of(upload(server, b"precious", f"?max_downloads={LIMIT}"))

    with traffic(server, code) as seen:
        seen.more()
        postgres_server.stop()
        eventually(lambda: len(seen.refusals) > 4 * CLIENTS)
        assert get(server, "/readyz").status == 503
        postgres_server.start()
        seen.more()

    assert {refusal.status for refusal in seen.refusals} == {503}
    assert all("too busy just now. Try again in" in refusal.text for refusal in seen.refusals)
    assert {refusal.headers["Retry-After"] for refusal in seen.refusals} == {"5"}
    assert {answer.body for answer in seen.downloads} == {b"precious"}
    for uploaded, digest in seen.uploads.items():
        assert hashlib.sha256(get(server, f"/{uploaded}").body).hexdigest() == digest
    [(count, slots, completed)] = execute(url, COUNTS.format(code=code))
    # A commit whose answer was lost may have counted, once for each client at most.
    assert count == slots
    assert 0 <= count - len(seen.downloads) <= CLIENTS
    assert abs(len(seen.downloads) - completed) <= CLIENTS
    assert get(server, "/readyz").status == 200
    assert "Traceback" not in server.log()


def test_a_version_goes_on_serving_while_a_newer_one_has_added_to_the_schema(
    start_replica: Start, url: str
):
    server = start_replica()
    before = code_of(upload(server, b"before"))

    execute(
        url,
        "ALTER TABLE link ADD COLUMN added text NOT NULL DEFAULT 'by the newer one'",
        "CREATE TABLE added (id bigint PRIMARY KEY)",
        "UPDATE alembic_version SET version_num = '9999'",
    )

    assert get(server, f"/{before}").body == b"before"
    after = code_of(upload(server, b"after", "?max_downloads=1"))
    started_again = start_replica()
    assert started_again.run("db", "upgrade").stdout == (
        "The database has been upgraded by a newer version; nothing is to be done.\n"
    )
    assert get(started_again, f"/{after}").body == b"after"
    assert {get(each, "/readyz").status for each in (server, started_again)} == {200}


def test_a_server_whose_migration_is_missing_is_not_ready(start_replica: Start, url: str):
    server = start_replica()

    execute(url, "UPDATE alembic_version SET version_num = '0001'")

    answer = get(server, "/readyz")
    assert answer.status == 503
    assert json.loads(answer.body)["problems"] == [
        "The database lacks migrations. Run: minifile db upgrade"
    ]


def test_replicas_purge_once_an_interval_among_them(start_replica: Start):
    replicas = [start_replica() for _ in range(3)]

    eventually(lambda: sum(replica.log().count("purged ") for replica in replicas) > 0)
    codes = [code_of(upload(replica, b"hello")) for replica in replicas]
    for code, replica in zip(codes, reversed(replicas), strict=True):
        assert get(replica, f"/{code}").body == b"hello"
    for replica in replicas:
        assert replica.stop() == 0

    assert sum(replica.log().count("purged ") for replica in replicas) == 1


def test_replicas_that_upgrade_a_new_database_at_once_wait_for_one_another(
    postgres_url: str, tmp_path: Path
):
    name = f"upgraded_{os.getpid()}"
    execute(postgres_url, f"CREATE DATABASE {name}")
    settings = {"database_url": url_of(postgres_url, name), "secret_key": SECRET_KEY}
    try:
        upgrades = [
            subprocess.Popen(
                [*MINIFILE, "db", "upgrade"], stderr=subprocess.PIPE,
                env=environment_of(instance_path=str(tmp_path / str(number)), **settings),
            )
            for number in range(3)
        ]  # fmt: skip
        said = [upgrade.communicate(timeout=60)[1] for upgrade in upgrades]

        assert [upgrade.returncode for upgrade in upgrades] == [0, 0, 0], said
    finally:
        execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")
