"""minifile behind the real Caddy, with the configuration in deploy/Caddyfile."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import RunningServer, servers_in, skip_or_fail
from wire import ask, downloads, eventually, get, head, put

CADDYFILE = Path(__file__).parents[2] / "deploy" / "Caddyfile"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """minifile behind Caddy, which knows of a second replica that is not there."""
    program = os.environ.get("MINIFILE_TEST_CADDY") or shutil.which("caddy")
    if program is None:
        skip_or_fail(
            "needs Caddy: install it (apt install caddy) or name it in MINIFILE_TEST_CADDY"
        )
    folder = tmp_path_factory.mktemp("caddy")
    with servers_in(folder) as start:
        server = start("--workers", "1", trusted_proxies="1")
        site, nobody = free_port(), free_port()
        upstreams = f"127.0.0.1:{nobody} {urlsplit(server.url).netloc}"
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, "run", "--config", CADDYFILE, "--adapter", "caddyfile"],
                env={"SITE": f"http://127.0.0.1:{site}", "UPSTREAMS": upstreams, "ADMIN": "off",
                     "HOME": str(folder)},
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            eventually(lambda: process.poll() is not None or answers(site))
            assert process.poll() is None, (folder / "log").read_text()
            yield replace(server, url=f"http://127.0.0.1:{site}")
        finally:
            process.terminate()
            process.wait(timeout=30)


def free_port() -> int:
    # Caddy takes no open socket and does not tell which port it got, so there is a gap.
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_every_upload_finds_the_replica_that_is_there(proxied: RunningServer):
    content = os.urandom(2**20 + 17)

    paths = [put(proxied, content) for _ in range(4)]

    assert [get(proxied, path).body == content for path in paths] == [True] * 4
    assert [downloads(proxied, path) for path in paths] == [1] * 4


def test_links_begin_with_the_address_that_caddy_was_asked_for(proxied: RunningServer):
    answer = ask(proxied, head(proxied, "PUT /a.bin", "Content-Length: 1") + b"x")

    assert answer.text.startswith(f"{proxied.url}/")


def test_visitor_cannot_claim_another_address(proxied: RunningServer):
    path = put(proxied, os.urandom(100), "?max_downloads=1")
    get(proxied, path, Range="bytes=0-9")

    forged = {"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
    resumed = get(proxied, path, Range="bytes=10-", **forged)

    assert resumed.status == 206
