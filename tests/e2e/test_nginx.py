"""minifile behind the real nginx, with the configurations that docs/deploy.md shows."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import RunningServer, servers_in
from e2e.nginx import documented_blocks, nginx_before
from wire import ask, downloads, get, head, nothing_kept, put

MIB = 2**20


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return documented_blocks()


@pytest.fixture(scope="module")
def proxied(blocks: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """minifile behind nginx as a plain proxy."""
    folder = tmp_path_factory.mktemp("proxied")
    with servers_in(folder) as start:
        server = start(trusted_proxies="1", max_file_size="2MiB")
        with nginx_before(server, blocks[0], folder / "nginx") as through:
            yield through


def test_upload_and_download_pass_through_nginx(proxied: RunningServer):
    content = os.urandom(MIB + 17)

    path = put(proxied, content)
    answer = get(proxied, path)

    assert answer.body == content
    assert downloads(proxied, path) == 1


def test_links_begin_with_the_address_that_nginx_was_asked_for(proxied: RunningServer):
    answer = ask(proxied, head(proxied, "PUT /a.bin", "Content-Length: 1") + b"x")

    assert answer.text.startswith(f"{proxied.url}/")


def test_limit_is_exact_for_clients_that_nginx_tells_apart(proxied: RunningServer):
    path = put(proxied, b"once", "?max_downloads=1")

    first = get(proxied, path)
    second = get(proxied, path, **{"X-Forwarded-For": "192.0.2.7"})

    assert (first.status, second.status) == (200, 410)


def test_visitor_cannot_claim_another_address(proxied: RunningServer):
    path = put(proxied, os.urandom(100), "?max_downloads=1")
    get(proxied, path, Range="bytes=0-9")

    resumed = get(proxied, path, Range="bytes=10-", **{"X-Forwarded-For": "192.0.2.7"})

    assert resumed.status == 206


def test_refused_upload_is_told_why_through_nginx(proxied: RunningServer):
    with nothing_kept(proxied):
        answer = ask(proxied, head(proxied, "PUT /a.bin", f"Content-Length: {3 * MIB}"))

    assert answer.status == 413
    assert "2 MiB" in answer.text


def test_links_of_an_instance_that_was_moved_are_found_at_the_old_one(
    blocks: list[str], tmp_path: Path
):
    (block,) = [each for each in blocks if "@old" in each]
    with servers_in(tmp_path) as start:
        old = start("--workers", "1", trusted_proxies="1", instance_path=str(tmp_path / "old"))
        new = start(
            "--workers", "1", trusted_proxies="1", rate_unknown_codes="off",
            instance_path=str(tmp_path / "new"),
        )  # fmt: skip
        moved, fresh = put(old, b"moved"), put(new, b"fresh")
        with nginx_before(new, block, tmp_path / "nginx", old) as through:
            assert get(through, moved).body == b"moved"
            assert get(through, fresh).body == b"fresh"
            assert get(through, "/nothing2345").status == 404
            assert get(old, put(through, b"another")).status == 404
