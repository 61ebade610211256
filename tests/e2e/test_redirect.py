"""Downloads by a redirect, as real clients follow it to a real bucket."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from buckets import make_s3_bucket, s3_url
from conftest import RunningServer
from e2e.conftest import OpenPage
from wire import curl, downloads, get, put

CONTENT = os.urandom(300_000)


@pytest.fixture
def server(start_server: Callable[..., RunningServer], swift: str) -> RunningServer:
    url = s3_url(swift, make_s3_bucket(swift), "files")
    return start_server("--workers", "1", storage_url=url, download_mode="redirect")


def test_curl_follows_to_the_bucket_and_goes_on_after_a_cut(server: RunningServer, tmp_path: Path):
    path, got, part = put(server, CONTENT), tmp_path / "got", tmp_path / "part"
    part.write_bytes(CONTENT[:1000])

    whole = curl("-LOJ", "--output-dir", got, "--create-dirs", server.url + path)
    resumed = curl("-L", "-C", "-", "-o", part, server.url + path)

    assert (whole.returncode, resumed.returncode) == (0, 0)
    assert [(each.name, each.read_bytes()) for each in got.iterdir()] == [("a.bin", CONTENT)]
    assert part.read_bytes() == CONTENT
    assert downloads(server, path) == 1
    assert states(server) == [(True, False)]


def test_log_has_neither_the_code_nor_the_address(server: RunningServer):
    path = put(server, b"hello")

    answer = get(server, path)

    assert answer.status == 302
    assert path.strip("/") not in server.log()
    assert "X-Amz" not in server.log()


@pytest.mark.browser
def test_the_button_of_the_landing_page_leads_to_the_bucket(
    server: RunningServer, open_page: OpenPage
):
    path, bob = put(server, CONTENT), open_page()

    bob.goto(server.url + path)
    with bob.expect_download() as download:
        bob.get_by_role("link", name="Download", exact=True).click()

    assert download.value.suggested_filename == "a.bin"
    assert download.value.path().read_bytes() == CONTENT
    assert states(server) == [(True, False)]


def states(server: RunningServer) -> list[tuple[bool, bool]]:
    """Return whether each delivery was handed over, and whether it was completed."""
    query = "SELECT handed_over_at IS NOT NULL, completed_at IS NOT NULL FROM delivery"
    with closing(sqlite3.connect(server.instance_path / "minifile.sqlite")) as database:
        return [(bool(over), bool(whole)) for over, whole in database.execute(query)]
