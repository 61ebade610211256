"""What the tests with foreign clients share."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import RunningServer
from node_programs import run_node
from wire import get, kept

# Cuts, and whether it is for `make torture`.
SHORT_AND_LONG = [
    pytest.param(6, id="short"),
    pytest.param(50, marks=pytest.mark.torture, id="long"),
]

StartServer = Callable[..., RunningServer]


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    return wide_server(start_server)


def wide_server(start_server: StartServer) -> RunningServer:
    """Start a server of its own, with what one address may do made wide."""
    return start_server("--workers", "2", rate_uploads="off", rate_partial_uploads="off")


def pattern(size: int, seed: int) -> bytes:
    """Return bytes that a script in a browser can make as well."""
    return bytes((at * 31 + (at >> 8) * 17 + seed) & 255 for at in range(size))


def check_left(server: RunningServer, *, files: int) -> None:
    """Assert that one link with its files is all that stays, once partial uploads have expired."""
    with closing(sqlite3.connect(server.instance_path / "minifile.sqlite")) as database, database:
        database.execute("UPDATE partial_upload SET expires_at = '2020-01-01 00:00:00'")
    purged = server.run("purge")
    assert purged.returncode == 0, purged.stderr
    rows, blobs = kept(server)
    assert rows == [(1, files)]
    assert len(blobs) == files
    assert not [name for name in blobs if name.endswith(".part")]
    assert "partial" not in server.run("fsck").stdout


def fetch(server: RunningServer, short_link: str) -> bytes:
    """Return the bytes behind a short link, whatever proxy it was made through."""
    return get(server, "/" + short_link.rpartition("/")[2]).body


def node(script: str, **options: Any) -> dict[str, Any]:
    """Run a script of tests/node with options, and return what it printed."""
    done = run_node("node", script, json.dumps(options))
    assert done.stdout, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def bundled(script: str, folder: Path) -> Path:
    """Return a script of tests/node and all it imports as one file for browsers."""
    path = folder / script
    done = run_node("node_modules/.bin/esbuild", script, "--bundle", f"--outfile={path}")
    assert done.returncode == 0, done.stderr
    return path
