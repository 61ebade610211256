"""tuspy, the client in Python: cut again and again, it ends with the bytes it began with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import RunningServer
from tus_clients.conftest import SHORT_AND_LONG, StartServer, check_left, fetch, pattern
from tus_clients.proxy import CuttingProxy, cutting_proxy
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.uploader import Uploader
from wire import kept

LOST = (TusCommunicationError, requests.exceptions.RequestException)


@pytest.mark.parametrize("cuts", SHORT_AND_LONG)
@pytest.mark.parametrize("chunk_size", [None, 200_000], ids=["in-one-piece", "in-pieces"])
def test_an_upload_that_is_cut_at_random_offsets_arrives_whole(
    server: RunningServer, tmp_path: Path, cuts: int, chunk_size: int | None
):
    path = tmp_path / "a.bin"
    path.write_bytes(pattern(300_000 * cuts, 1))

    # All arrives with the first request whose answer alone is cut, if it is one piece.
    answers = chunk_size is not None
    how = {"cuts": cuts, "most_bytes": 250_000, "seed": cuts, "answers": answers}
    with cutting_proxy(server, **how) as proxy:
        url = begin(proxy, path)
        lost = upload_until_it_is_there(url, path, chunk_size)
        short_link = requests.head(url, headers={"Tus-Resumable": "1.0.0"}).headers["X-Short-Link"]

    assert proxy.cuts_left <= 0
    assert lost > 0
    assert fetch(server, short_link) == path.read_bytes()
    check_left(server, files=1)


def test_a_killed_server_goes_on_with_what_it_acknowledged(
    start_server: StartServer, tmp_path: Path
):
    path = tmp_path / "a.bin"
    path.write_bytes(pattern(3_000_000, 2))
    first = start_server("--workers", "2")
    with cutting_proxy(first, cuts=0, most_bytes=2, seed=0) as proxy:
        url = begin(proxy, path)
        with uploader_of(path, url=url, chunk_size=500_000) as uploader:
            for _ in range(4):
                uploader.upload_chunk()
            acknowledged = uploader.offset
        first.kill()
        proxy.server = start_server("--workers", "2")
        with uploader_of(path, url=url) as resumed:
            offset = resumed.offset
            resumed.upload()
        short_link = requests.head(url, headers={"Tus-Resumable": "1.0.0"}).headers["X-Short-Link"]

    assert acknowledged == 2_000_000
    assert offset >= acknowledged
    assert fetch(proxy.server, short_link) == path.read_bytes()


def test_a_terminated_upload_is_gone(server: RunningServer, tmp_path: Path):
    path = tmp_path / "a.bin"
    path.write_bytes(pattern(300_000, 3))
    with cutting_proxy(server, cuts=0, most_bytes=2, seed=0) as proxy:
        url = begin(proxy, path)
        with uploader_of(path, url=url, chunk_size=100_000) as uploader:
            uploader.upload_chunk()

            ended = requests.delete(url, headers={"Tus-Resumable": "1.0.0"})

            assert ended.status_code == 204
            assert requests.head(url, headers={"Tus-Resumable": "1.0.0"}).status_code == 404
            with pytest.raises(TusCommunicationError):
                uploader.upload_chunk()
    assert kept(server) == ([(0, 0)], [])


def begin(proxy: CuttingProxy, path: Path) -> str:
    """Begin an upload; nothing of it is known to a client whose first answer was cut."""
    while True:
        try:
            created = {"client": TusClient(f"{proxy.url}/tus/"), "metadata": {"filename": "t.bin"}}
            with uploader_of(path, **created) as uploader:
                return str(uploader.create_url())
        except LOST:
            continue


@contextmanager
def uploader_of(path: Path, **options: Any) -> Iterator[Uploader]:
    """Give the client an open file: one that it opens itself it never closes."""
    with path.open("rb") as file:
        yield Uploader(file_stream=file, **options)


def upload_until_it_is_there(url: str, path: Path, chunk_size: int | None) -> int:
    """Resume after each lost connection; return how many there were."""
    lost = 0
    sizes = {} if chunk_size is None else {"chunk_size": chunk_size}
    while True:
        try:
            with uploader_of(path, url=url, **sizes) as uploader:
                uploader.upload()
        except LOST:
            lost += 1
            assert lost < 500
        else:
            return lost
