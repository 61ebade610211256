"""Fixtures that all tests share: an application with a migrated database, and a real server."""

import gc
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from forking import Forked, run_forked, start_forked
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from minifile import create_app
from minifile.cli.db import upgrade_database
from minifile.extensions import close_turn_file, db
from minifile.services import passwords
from minifile.services.commits import close_writer
from minifile.services.rate_limits import RateLimits
from minifile.storage import Storage

# Where it is set, as in many containers, each process of a test would compile all of minifile anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest_plugins = ["buckets", "identity_providers", "postgres"]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BROWSER_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
Process = Forked | subprocess.Popen[bytes]
SECRET_KEY = "a key that only tests use"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"


def skip_or_fail(reason: str) -> None:
    """Skip where a part is missing; on the gate (CI=true) a missing part is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


# What only the kernel of Linux tells. On the gate such a test runs wherever it is, and fails there.
linux_only = pytest.mark.skipif(
    not sys.platform.startswith("linux") and os.environ.get("CI") != "true",
    reason="asks the kernel of Linux: run it there",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests run on PostgreSQL that need only one database, and a table be written anew."""
    parser.addoption("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.addoption(
        "--write-matrix", action="store_true", help="write tests/authorisation/matrix.md anew"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("database") == "sqlite":
        return
    # `make test` runs them on SQLite, which is all that they ask about.
    left_out = [item for item in items if item.get_closest_marker("sqlite")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def pytest_configure(config: pytest.Config) -> None:
    """Spare thousands of applications in one process what comes out the same for each.

    Werkzeug compiles each address anew and Jinja each template, and a password is hashed for 40 ms
    on purpose; tests/services/test_passwords.py asks for the real parameters.
    """
    Flask.jinja_options = {"bytecode_cache": _CompiledTemplates()}
    compile_anew, compiled = Rule.compile, {}

    def compile_once(rule: Rule) -> None:
        known = (rule.rule, rule.endpoint, rule.subdomain, repr(rule.defaults), rule.strict_slashes)
        if known not in compiled:
            compile_anew(rule)
            builders = rule._build.__func__, rule._build_unknown.__func__
            kept = rule._parts, rule._trace, rule._converters, rule.arguments
            compiled[known] = kept, builders
            return
        kept, (build, build_unknown) = compiled[known]
        rule._parts, rule._trace, rule._converters, rule.arguments = kept
        rule._build = build.__get__(rule)
        rule._build_unknown = build_unknown.__get__(rule)

    Rule.compile = compile_once
    passwords.make_hasher = cache(partial(PasswordHasher, 1, 8, 1))


def pytest_collection_finish() -> None:
    """Spare the collector what was imported: looking through it took a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class _CompiledTemplates(BytecodeCache):
    """Templates as they were compiled, for as long as their source is the same."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("MINIFILE_") and not name.startswith("MINIFILE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest schema, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    app = create_app({"instance_path": folder})
    with app.app_context():
        upgrade_database(app)
        db.session.remove()
        db.engine.dispose()
    return folder / "minifile.sqlite"


def begin_instance(folder: Path, migrated: Path) -> None:
    """Put a copy of the migrated SQLite file into an instance that has none."""
    folder.mkdir(exist_ok=True)
    if not (folder / "minifile.sqlite").exists():
        shutil.copy(migrated, folder / "minifile.sqlite")


@pytest.fixture
def make_app(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_sqlite: Path
) -> Iterator[Callable[..., Flask]]:
    """Make applications in one instance folder; settings as keyword arguments.

    They are on SQLite unless a setting says otherwise, or pytest's option `--database`.
    """
    apps: list[Flask] = []
    database: dict[str, str] = {}
    if request.config.getoption("database") == "postgres":
        make_database = request.getfixturevalue("make_postgres_database")
        database |= {"database_url": make_database(), "secret_key": SECRET_KEY}

    def make(**settings: Any) -> Flask:
        folder = tmp_path / "instance"
        begin_instance(folder, migrated_sqlite)
        app = create_app({"instance_path": folder, "keep_free": 0, **database, **settings})
        app.testing = False
        apps.append(app)
        return app

    yield make
    for app in apps:
        dispose(app)


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The application as it is without any setting."""
    return make_app()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def make_any_app(
    request: pytest.FixtureRequest, make_app: Callable[..., Flask]
) -> Callable[..., Flask]:
    """Make applications as `make_app` does, on SQLite, and once more on PostgreSQL."""
    if request.param == "sqlite":
        return make_app
    make: Callable[[], str] = request.getfixturevalue("make_postgres_database")
    return partial(make_app, database_url=make(), secret_key=SECRET_KEY)


@pytest.fixture
def any_database_app(make_any_app: Callable[..., Flask]) -> Flask:
    """The application on SQLite, and once more on PostgreSQL."""
    return make_any_app()


def dispose(app: Flask) -> None:
    """Close what an application keeps open."""
    with app.app_context():
        db.session.remove()
        close_writer(db.engine)
        db.engine.dispose()
        close_turn_file(db.engine)
    app.extensions["minifile"].rates.close()


@pytest.fixture
def storage(app: Flask) -> Storage:
    found: Storage = app.extensions["minifile"].storage
    return found


@pytest.fixture
def rates(app: Flask) -> RateLimits:
    found: RateLimits = app.extensions["minifile"].rates
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A shell's client: no cookie from us, `Accept: */*` as curl sends it."""
    return shell(app)


def shell(app: Flask, address: str = "192.0.2.1") -> FlaskClient:
    """Return a client like curl; another address is another client."""
    client = app.test_client(use_cookies=False)
    client.environ_base.update(
        {"REMOTE_ADDR": address, "HTTP_USER_AGENT": "curl/8.5.0", "HTTP_ACCEPT": "*/*"}
    )
    return client


def browser(app: Flask, address: str = "192.0.2.2") -> FlaskClient:
    """Return a client like a browser on our pages: keeps cookies, names text/html."""
    client = app.test_client()
    client.environ_base.update(
        {
            "REMOTE_ADDR": address,
            "HTTP_USER_AGENT": FIREFOX,
            "HTTP_ACCEPT": BROWSER_ACCEPT,
            "HTTP_SEC_FETCH_SITE": "same-origin",
        }
    )
    return client


@dataclass
class RunningServer:
    """A `minifile serve` of this checkout."""

    url: str
    process: Process
    instance_path: Path
    environment: dict[str, str]
    log_path: Path

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run another minifile command on the same instance, with this text for its input."""
        return run_forked([*MINIFILE, *arguments], env=self.environment, text=text)

    def log(self) -> str:
        """Return all that it has said: errors, warnings, and a line for each request."""
        return self.log_path.read_text()

    def kill(self) -> None:
        """Kill the server and its workers as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Stop it as an admin would, and return its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=60)


MINIFILE = [sys.executable, "-m", "minifile"]


@pytest.fixture
def start_server(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Callable[..., RunningServer]]:
    """Start servers on a free port; settings as keyword arguments, one instance by default."""
    with servers_in(tmp_path, migrated_sqlite) as start:
        yield start


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path
) -> Iterator[RunningServer]:
    """One server with 2 workers for all tests of a process that want no setting of their own."""
    with servers_in(tmp_path_factory.mktemp("server"), migrated_sqlite) as start:
        server = start("--workers", "2", rate_uploads="off", rate_unknown_codes="off")
        yield server
        assert "Traceback" not in server.log()


@contextmanager
def servers_in(
    folder: Path, migrated: Path | None = None, *, fresh: bool = False
) -> Iterator[Callable[..., RunningServer]]:
    """Start servers whose files lie in a folder; they are killed afterwards.

    A new instance begins with a copy of the migrated SQLite file, or makes its own without one.
    Fresh ones begin as a new interpreter, which takes long to import everything.
    """
    running: list[RunningServer] = []

    def start(*arguments: str, **settings: str) -> RunningServer:
        values = {"instance_path": str(folder / "served"), "keep_free": "0", **settings}
        instance = Path(values["instance_path"])
        if migrated and "database_url" not in settings:
            begin_instance(instance, migrated)
        server = announced_server(
            [*MINIFILE, "serve", "--port", "0", *arguments],
            environment_of(**values),
            folder / f"server-{len(running)}.log",
            instance,
            subprocess.Popen if fresh else start_forked,
        )
        running.append(server)
        return server

    try:
        yield start
    finally:
        for server in running:
            if server.process.poll() is None:
                server.kill()


def announced_server(
    command: list[str],
    environment: dict[str, str],
    log_path: Path,
    instance_path: Path,
    begin: Callable[..., Process] = start_forked,
) -> RunningServer:
    """Start a server, and wait until it says where it listens."""
    with log_path.open("w") as log:
        process = begin(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    url = _announced_url(process, log_path)
    return RunningServer(url, process, instance_path, environment, log_path)


def environment_of(**settings: str) -> dict[str, str]:
    """Return the environment of a process with these settings and no others."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("MINIFILE_")}
    return ours | {f"MINIFILE_{name.upper()}": value for name, value in settings.items()}


def _announced_url(process: Process, log_path: Path) -> str:
    """Wait for the line that says where the server listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        match = re.search(r"serves on (http://[^\s\"]+)(?:\"})?\n", log_path.read_text())
        if match:
            return match[1]
        time.sleep(0.02)
    process.kill()
    process.wait()
    pytest.fail(f"the server did not start:\n{log_path.read_text()}")


def settings_of(app: Flask) -> Any:
    """Return the settings in force."""
    return app.extensions["minifile"].settings
