"""The benchmark's own client, against the bare sockets that show its limit."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import linux_only

from bench.client import download, put
from bench.programs import PROGRAMS, available
from bench.running import Server

SIZE = 3 * 2**20 + 17


@pytest.fixture
def bare_sockets(tmp_path: Path) -> Iterator[Server]:
    program = next(program for program in PROGRAMS if program.name == "bare sockets")
    server = Server(program, tmp_path)
    yield server
    server.stop()


@linux_only
@pytest.mark.parametrize(
    ("byte_range", "size"), [("", SIZE), (f"bytes={SIZE - 100}-{SIZE - 1}", 100)]
)
def test_client_counts_the_bytes_it_fetches(
    bare_sockets: Server, tmp_path: Path, byte_range: str, size: int
):
    source = tmp_path / "source.bin"
    source.write_bytes(os.urandom(SIZE))
    put(bare_sockets.port, "a.bin", source)

    fetched = download(bare_sockets.port, "/a.bin", clients=2, seconds=0.1, byte_range=byte_range)

    # Each of the two clients is cut off at most once, after a byte at least.
    assert size * (fetched.requests - 2) < fetched.size_bytes <= size * fetched.requests


def test_peer_that_is_left_out_is_left_out_in_all_configurations(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bench.peers.PEERS", Path("nowhere"))

    programs, left_out = available()

    assert "copyparty" in left_out
    assert not [p.name for p in programs if p.name.startswith("copyparty")]
