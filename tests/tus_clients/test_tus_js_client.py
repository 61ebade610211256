"""tus-js-client in Node: whole, in pieces, in parallel, with a length that is said at the end."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import RunningServer
from tus_clients.conftest import SHORT_AND_LONG, StartServer, check_left, fetch, node, pattern
from tus_clients.proxy import CuttingProxy, cutting_proxy
from wire import eventually, kept

WAYS = {
    "in-pieces": {"chunkSize": 100_000},
    "deferred": {"chunkSize": 100_000, "deferLength": True},
    "parallel": {"chunkSize": 100_000, "parallelUploads": 3},
    "with-creation": {"chunkSize": 100_000, "uploadDataDuringCreation": True},
}


@pytest.mark.parametrize("cuts", SHORT_AND_LONG)
@pytest.mark.parametrize("way", WAYS)
def test_an_upload_that_is_cut_at_random_offsets_arrives_whole(
    server: RunningServer, tmp_path: Path, cuts: int, way: str
):
    path = tmp_path / "a.bin"
    path.write_bytes(pattern(120_000 * cuts, 1))

    with cutting_proxy(server, cuts=cuts, most_bytes=90_000, seed=cuts) as proxy:
        outcome = node("upload.js", path=str(path), endpoint=f"{proxy.url}/tus/", **WAYS[way])

    assert proxy.cuts_left <= 0
    assert "error" not in outcome
    assert fetch(server, outcome["shortLink"]) == path.read_bytes()
    check_left(server, files=1)


def test_it_goes_on_with_another_server_after_a_kill(start_server: StartServer, tmp_path: Path):
    path = tmp_path / "a.bin"
    path.write_bytes(pattern(2_000_000, 4))
    first = start_server("--workers", "2")
    options = {"chunkSize": 50_000, "retryDelays": [50] * 400}
    with cutting_proxy(first, cuts=0, most_bytes=2, seed=0) as proxy:
        # The script says nothing before its end: what has arrived tells that it is under way.
        outcome = node_beside(
            lambda: restart(proxy, first, start_server),
            path=str(path), endpoint=f"{proxy.url}/tus/", **options,
        )  # fmt: skip

    assert "error" not in outcome
    assert fetch(proxy.server, outcome["shortLink"]) == path.read_bytes()
    check_left(proxy.server, files=1)


def node_beside(meanwhile: Callable[[], None], **options: Any) -> dict[str, Any]:
    """Run the client, and do something while it runs."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(node, "upload.js", **options)
        meanwhile()
        return running.result()


def restart(proxy: CuttingProxy, first: RunningServer, start_server: StartServer) -> None:
    eventually(lambda: any(name.endswith(".part") for name in kept(first)[1]))
    first.kill()
    proxy.server = start_server("--workers", "2")
