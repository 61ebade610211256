"""The sender's page in a browser: numbers that follow, sharing, files that come and go."""

import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.acting import limit_rate, upload, write
from e2e.conftest import OpenPage, keep_screenshot, violations
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

# A poll every 3 s, and the machine may be busy.
SOON = 15_000


@pytest.fixture
def alice(server: RunningServer, open_page: OpenPage, tmp_path: Path) -> Page:
    """Alice's page of a link with two files."""
    page = open_page()
    files = [write(tmp_path, "a.txt", b"alpha"), write(tmp_path, "b.bin", bytes(300_000))]
    upload(page, server.url, files)
    return page


def fetch(address: str) -> bytes:
    request = urllib.request.Request(address, headers={"User-Agent": "curl/8.5.0"})
    with urllib.request.urlopen(request) as answer:
        content: bytes = answer.read()
    return content


def short_link(page: Page) -> str:
    return page.get_by_label("Short link").input_value()


def test_the_counter_follows_without_a_reload(alice: Page):
    alice.get_by_text("Deliveries").click()
    expect(alice.get_by_text("Nobody has fetched anything yet.")).to_be_visible()

    fetch(f"{short_link(alice)}/a.txt")

    expect(alice.locator("[data-live-count]")).to_have_text("1", timeout=SOON)
    delivery = alice.locator("[data-live-deliveries] li")
    expect(delivery).to_contain_text("a.txt")
    expect(delivery).to_contain_text("completed")
    expect(alice.get_by_text("Nobody has fetched anything yet.")).to_be_hidden()


def test_a_running_download_is_seen_while_it_runs(server: RunningServer, open_page, tmp_path: Path):
    page = open_page()
    upload(page, server.url, [write(tmp_path, "large.bin", bytes(60_000_000))])
    request = urllib.request.Request(short_link(page), headers={"User-Agent": "curl/8.5.0"})

    with urllib.request.urlopen(request) as answer:
        answer.read(1)
        expect(page.locator("[data-live-fetching]")).to_have_text("1", timeout=SOON)
        page.get_by_text("Deliveries").click()
        expect(page.locator("[data-live-deliveries] li")).to_contain_text("fetching")

    expect(page.locator("[data-live-fetching]")).to_have_text("0", timeout=SOON)
    expect(page.locator("[data-live-deliveries] li")).to_contain_text("aborted")


def test_the_page_says_when_the_link_has_ended(alice: Page):
    code = short_link(alice).rpartition("/")[2]
    other = alice.context.new_page()
    other.goto(f"{alice.url.partition('/links/')[0]}/links/{code}")
    other.locator("summary", has_text="Revoke").click()
    other.get_by_role("button", name="Revoke the link").click()

    expect(alice.get_by_text("This link has ended")).to_be_visible(timeout=SOON)


def test_without_a_script_the_numbers_come_with_a_refresh(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page(java_script_enabled=False)
    upload(page, server.url, [write(tmp_path, "a.txt", b"alpha")])
    fetch(short_link(page))

    page.get_by_role("link", name="Refresh").click()

    expect(page.locator("[data-live-count]")).to_have_text("1")
    page.get_by_text("Deliveries").click()
    expect(page.locator("[data-live-deliveries] li")).to_contain_text("completed")
    expect(page.get_by_role("button", name="Share")).to_be_hidden()


def test_sharing_hands_the_short_link_to_the_browser(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    page.add_init_script("navigator.share = async (what) => { window.shared = what; };")
    upload(page, server.url, [write(tmp_path, "a.txt", b"alpha")])

    page.get_by_role("button", name="Share").click()

    assert page.evaluate("window.shared") == {"url": short_link(page)}


def test_the_qr_code_is_saved_as_a_file(alice: Page):
    with alice.expect_download() as download:
        alice.get_by_role("link", name="Save the QR code").click()

    assert download.value.suggested_filename.endswith(".qr.svg")
    assert Path(download.value.path()).read_text().startswith("<svg")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without"])
def test_files_are_added_and_removed(
    server: RunningServer, open_page: OpenPage, tmp_path: Path, javascript: bool
):
    page = open_page(java_script_enabled=javascript)
    upload(page, server.url, [write(tmp_path, "a.txt", b"alpha")])
    link = short_link(page)

    page.locator("summary", has_text="Files").click()
    page.get_by_label("Add files").set_input_files([write(tmp_path, "b.bin", bytes(3_000_000))])
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("1 file added.")
    assert fetch(f"{link}/b.bin") == bytes(3_000_000)
    page.locator("summary", has_text="Files").click()
    page.locator("summary", has_text="a.txt").first.click()
    page.locator("summary", has_text="Remove a.txt").click()
    page.get_by_role("button", name="Remove the file").and_(page.locator(":visible")).click()

    expect(page.get_by_role("status").first).to_contain_text("Removed.")
    assert fetch(link) == bytes(3_000_000)


def test_a_refused_file_is_said_where_it_was_chosen(
    start_server: Callable[..., RunningServer], open_page: OpenPage, tmp_path: Path
):
    server = start_server("--workers", "1", blocked_types="exe")
    page = open_page()
    upload(page, server.url, [write(tmp_path, "a.txt", b"alpha")])

    page.locator("summary", has_text="Files").click()
    page.get_by_label("Add files").set_input_files([write(tmp_path, "b.exe", bytes(9_000_000))])
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.locator("#add-error")).to_contain_text("Nothing was added.")
    expect(page.get_by_label("Add files")).to_be_visible()
    assert violations(page) == []


def test_adding_shows_how_far_it_is_and_can_be_cancelled(alice: Page, tmp_path: Path):
    alice.locator("summary", has_text="Files").click()
    alice.get_by_label("Add files").set_input_files([write(tmp_path, "c.bin", bytes(9_000_000))])
    limit_rate(alice, 1_000_000)

    alice.get_by_role("button", name="Add", exact=True).click()
    expect(alice.get_by_text("of 8.6 MiB")).to_be_visible()
    expect(alice.get_by_role("progressbar")).not_to_have_attribute("value", "0", timeout=SOON)
    assert violations(alice) == []
    keep_screenshot(alice, "sender-adding")
    alice.get_by_role("button", name="Cancel").click()

    expect(alice.locator("#add-error")).to_have_text("Cancelled. Nothing was added.")
    expect(alice.get_by_label("Add files")).to_be_focused()


def test_a_lost_connection_while_adding_is_told(
    start_server: Callable[..., RunningServer], open_page: OpenPage, tmp_path: Path
):
    server = start_server("--workers", "1")
    page = open_page()
    upload(page, server.url, [write(tmp_path, "a.txt", b"alpha")])
    page.locator("summary", has_text="Files").click()
    page.get_by_label("Add files").set_input_files([write(tmp_path, "b.bin", bytes(9_000_000))])
    limit_rate(page, 1_000_000)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("of 8.6 MiB")).to_be_visible()

    server.kill()

    expect(page.locator("#add-error")).to_contain_text("The connection was lost", timeout=SOON)
