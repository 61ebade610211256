"""A sender and a recipient in real browsers, with JavaScript and without."""

import hashlib
import io
import re
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import zxingcpp
from conftest import RunningServer
from e2e.acting import choose, send, upload
from e2e.conftest import OpenPage
from PIL import Image
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def server(start_server: Callable[..., RunningServer]) -> RunningServer:
    return start_server("--workers", "1", "--threads", "32")


@pytest.fixture
def two_files(tmp_path: Path) -> list[Path]:
    photo, note = tmp_path / "Küste bei Nacht.bin", tmp_path / "読んで.txt"
    photo.write_bytes(bytes(range(256)) * 4096)
    note.write_text("Grüße")
    return [photo, note]


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without"])
def test_what_alice_uploads_bob_downloads(
    server: RunningServer, open_page: OpenPage, two_files: list[Path], javascript: bool
):
    alice = open_page(java_script_enabled=javascript)
    bob = open_page(java_script_enabled=javascript)

    upload(alice, server.url, two_files)
    link = alice.get_by_label("Short link").input_value()
    bob.goto(link)
    with bob.expect_download() as download:
        bob.get_by_role("link", name="Download all as zip").click()

    with zipfile.ZipFile(download.value.path()) as archive:
        assert {name: digest(archive.read(name)) for name in archive.namelist()} == {
            path.name: digest(path.read_bytes()) for path in two_files
        }
    alice.reload()
    expect(alice.locator(".stats")).to_contain_text("1")


def test_alice_manages_her_link_without_javascript(
    server: RunningServer, open_page: OpenPage, two_files: list[Path]
):
    alice, bob = open_page(java_script_enabled=False), open_page(java_script_enabled=False)
    upload(alice, server.url, two_files[1:])
    link = alice.get_by_label("Short link").input_value()

    alice.get_by_text("Change it").click()
    alice.get_by_label("Downloads allowed").fill("1")
    alice.get_by_label("New link password").fill("geheim")
    alice.get_by_role("button", name="Save changes").click()
    bob.goto(link)
    bob.get_by_label("Link password").fill("falsch")
    bob.get_by_role("button", name="Open").click()
    expect(bob.get_by_role("alert")).to_contain_text("not the password")
    bob.get_by_label("Link password").fill("geheim")
    bob.get_by_role("button", name="Open").click()
    with bob.expect_download() as download:
        bob.get_by_role("link", name="Download", exact=True).click()

    assert Path(download.value.path()).read_text() == "Grüße"
    assert download.value.suggested_filename == "読んで.txt"


def test_a_revoked_link_says_so(server: RunningServer, open_page: OpenPage, two_files: list[Path]):
    alice, bob = open_page(), open_page()
    upload(alice, server.url, two_files)
    link = alice.get_by_label("Short link").input_value()

    alice.locator("summary", has_text="Revoke").click()
    alice.get_by_role("button", name=re.compile("Revoke")).click()
    answer = bob.goto(link)

    assert answer is not None
    assert answer.status == 410
    expect(bob.get_by_role("heading", level=1)).to_contain_text("revoked")


def test_a_one_time_link_is_served_once(
    server: RunningServer, open_page: OpenPage, two_files: list[Path]
):
    alice, bob, charlie = open_page(), open_page(), open_page()
    alice.goto(server.url)
    alice.locator("[data-options] summary").click()
    alice.get_by_label("Downloads allowed").fill("1")
    choose(alice, two_files[1:])
    link = server.url + send(alice)
    charlie.goto(link)
    bob.goto(link)

    with bob.expect_download() as download:
        bob.get_by_role("link", name="Download", exact=True).click()
    charlie.get_by_role("link", name="Download", exact=True).click()

    assert Path(download.value.path()).read_text() == "Grüße"
    expect(charlie.get_by_role("heading", level=1)).to_contain_text("No downloads are left")
    alice.reload()
    expect(alice.locator(".stats")).to_contain_text("of 1 download")


def test_an_expired_link_says_so_to_both(
    server: RunningServer, open_page: OpenPage, two_files: list[Path]
):
    alice, bob = open_page(), open_page()
    upload(alice, server.url, two_files)
    link = alice.get_by_label("Short link").input_value()
    with closing(sqlite3.connect(server.instance_path / "minifile.sqlite")) as database, database:
        database.execute("UPDATE link SET expires_at = '2026-01-01 00:00:00.000000'")

    for page, address in ((bob, link), (alice, alice.url)):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 410
        expect(page.get_by_role("heading", level=1)).to_contain_text("expired")


def test_the_qr_code_holds_the_short_link(
    server: RunningServer, open_page: OpenPage, two_files: list[Path]
):
    alice = open_page()
    upload(alice, server.url, two_files)

    picture = alice.locator(".qr").screenshot()
    codes = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))

    assert [code.text for code in codes] == [alice.get_by_label("Short link").input_value()]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
