"""Uppy in Chromium, on a page under the server's own origin."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from conftest import RunningServer
from playwright.sync_api import Browser, Page
from tus_clients.conftest import (
    SHORT_AND_LONG,
    StartServer,
    bundled,
    check_left,
    fetch,
    pattern,
    wide_server,
)
from tus_clients.proxy import cutting_proxy

pytestmark = pytest.mark.browser


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    return wide_server(start_server)


@pytest.fixture
def uppy_page(chromium: Browser, tmp_path: Path) -> Callable[[str], Page]:
    script = bundled("uppy.js", tmp_path).read_text()

    def open_(url: str) -> Page:
        page = chromium.new_page()
        page.route(
            "**/uppy-page",
            lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"),
        )
        page.goto(f"{url}/uppy-page")
        page.evaluate(script)
        return page

    return open_


@pytest.mark.parametrize("cuts", SHORT_AND_LONG)
def test_an_upload_that_is_cut_at_random_offsets_arrives_whole(
    server: RunningServer, uppy_page: Callable[[str], Page], cuts: int
):
    file = {"name": "uppy.bin", "size": 120_000 * cuts, "seed": 5}
    with cutting_proxy(server, cuts=cuts, most_bytes=90_000, seed=cuts) as proxy:
        page = uppy_page(proxy.url)
        outcome = page.evaluate(
            "options => startUppy(options)",
            {"endpoint": f"{proxy.url}/tus/", "chunkSize": 100_000, "files": [file]},
        )
        page.close()

    assert proxy.cuts_left <= 0
    assert outcome["failed"] == []
    assert fetch(server, short_link(server, outcome["successful"][0])) == pattern(file["size"], 5)
    check_left(server, files=1)


def test_several_uploads_of_a_bundle_become_one_link(
    server: RunningServer, uppy_page: Callable[[str], Page]
):
    meta = {"bundle": "a-name-that-the-client-made-up", "bundle_files": "3"}
    files = [{"name": f"{n}.bin", "size": 70_000 * n, "seed": n, "meta": meta} for n in (1, 2, 3)]
    page = uppy_page(server.url)

    outcome = page.evaluate(
        "options => startUppy(options)",
        {"endpoint": f"{server.url}/tus/", "chunkSize": 50_000, "files": files},
    )
    page.close()

    links = {short_link(server, url) for url in outcome["successful"]}
    assert len(links) == 1
    check_left(server, files=3)


def short_link(server: RunningServer, url: str) -> str:
    """Ask the server itself what an upload, known by an address of the proxy, has become."""
    address = f"{server.url}/tus/{url.rpartition('/')[2]}"
    answer = requests.head(address, headers={"Tus-Resumable": "1.0.0"}, timeout=30)
    return str(answer.headers["X-Short-Link"])
