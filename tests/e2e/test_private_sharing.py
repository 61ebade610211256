"""Private sharing in browsers: Alice shares with Bob, and Charlie finds nothing."""

import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.acting import write
from e2e.conftest import OpenPage, keep_screenshot, violations
from e2e.people import make_user, sign_in
from e2e.test_pages import LOOK_AT_PAGE, LOOKS, WALKED_LOOKS, Documents, unseen_focus
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

# A poll every 3 s, and the machine may be busy.
SOON = 15_000


@pytest.fixture
def server(start_server: Callable[..., RunningServer]) -> RunningServer:
    server = start_server("--workers", "1", "--threads", "32")
    for name in ("Alice", "Bob", "Charlie"):
        make_user(server, name)
    return server


def upload_privately(page: Page, url: str, path: Path, *, users: str = "", mails: str = "") -> str:
    """Fill in the upload page, and return the short link that the sender's page shows."""
    page.goto(url)
    page.locator("[data-options] summary").click()
    page.get_by_label("Who can open it").select_option(label="only those whom I name")
    page.get_by_label("Share with users").fill(users)
    page.get_by_label("Recipients").fill(mails)
    page.locator("#file").set_input_files([path])
    page.get_by_role("button", name="Upload", exact=True).click()
    return page.get_by_label("Short link", exact=True).input_value()


def status_of(page: Page, address: str) -> int:
    answer = page.goto(address)
    assert answer is not None
    return answer.status


def fetch(address: str) -> bytes:
    request = urllib.request.Request(address, headers={"User-Agent": "curl/8.5.0"})
    with urllib.request.urlopen(request) as answer:
        content: bytes = answer.read()
    return content


def open_sharing(page: Page) -> None:
    page.locator("summary", has_text="Who can open it").click()


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without"])
def test_bob_fetches_what_alice_shares_with_him_and_charlie_finds_nothing(
    server: RunningServer, open_page: OpenPage, tmp_path: Path, javascript: bool
):
    alice, bob, charlie, stranger = (open_page(java_script_enabled=javascript) for _ in range(4))
    for page, name in ((alice, "Alice"), (bob, "Bob"), (charlie, "Charlie")):
        sign_in(page, server, name)

    link = upload_privately(alice, server.url, write(tmp_path, "a.txt", b"alpha"), users="Bob")
    bob.goto(f"{server.url}/links/shared")
    bob.get_by_role("link", name="a.txt").click()
    expect(bob.get_by_text("Alice has shared this with you privately.")).to_be_visible()
    with bob.expect_download() as download:
        bob.get_by_role("link", name="Download").click()

    assert download.value.path().read_bytes() == b"alpha"
    assert status_of(charlie, link) == 404
    assert status_of(stranger, link) == 404
    expect(stranger.get_by_text("If it was shared with you privately")).to_be_visible()
    alice.reload()
    open_sharing(alice)
    person = alice.locator("[data-grant]")
    expect(person).to_contain_text("Bob")
    expect(person).to_contain_text("1 download, 1 completed")
    person.locator("summary").click()
    person.get_by_role("button", name="Revoke for Bob").click()
    expect(alice.get_by_text("Revoked for this user.")).to_be_visible()
    assert status_of(bob, link) == 404


def test_the_numbers_of_each_recipient_follow_without_a_reload(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    alice = open_page()
    sign_in(alice, server, "Alice")
    path = write(tmp_path, "a.txt", b"alpha")
    upload_privately(alice, server.url, path, mails="carol@example.org, dave@example.org")
    open_sharing(alice)
    carol, dave = alice.locator("[data-recipient]").all()

    assert fetch(carol.get_by_label("Short link of carol@example.org").input_value()) == b"alpha"

    expect(carol.locator("[data-begun]")).to_have_text("1 download", timeout=SOON)
    expect(carol.locator("[data-completed]")).to_have_text("1 completed")
    expect(carol.locator("[data-last]")).to_be_visible()
    expect(dave.locator("[data-begun]")).to_have_text("0 downloads")
    alice.get_by_text("Deliveries").click()
    expect(alice.locator("[data-live-deliveries] li")).to_contain_text("carol@example.org")


def test_a_name_that_can_t_be_found_is_said_before_anything_is_lost(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    alice = open_page()
    sign_in(alice, server, "Alice")
    alice.goto(server.url)
    alice.locator("[data-options] summary").click()
    alice.get_by_label("Who can open it").select_option(label="only those whom I name")
    alice.get_by_label("Share with users").fill("Bobb")
    alice.locator("#file").set_input_files([write(tmp_path, "a.txt", b"alpha")])
    upload = alice.get_by_role("button", name="Upload", exact=True)
    upload.click()

    expect(alice.get_by_text("No user called 'Bobb' can be found.")).to_be_visible()
    alice.get_by_label("Share with users").fill("Bob")
    upload.click()
    expect(alice.get_by_label("Short link", exact=True)).to_be_visible()
    open_sharing(alice)
    expect(alice.locator("[data-grant]")).to_contain_text("Bob")


@pytest.mark.parametrize("look", WALKED_LOOKS)
def test_every_page_of_sharing_is_accessible_and_fits(
    look: str, start_server: Callable[..., RunningServer], open_page: OpenPage, tmp_path: Path
):
    server = start_server(
        "--workers", "1", "--threads", "32",
        public_url="http://127.0.0.1:9", mail_url="smtp://127.0.0.1:9?tls=none",
        mail_from="minifile@example.org", trusted_hosts="127.0.0.1",
    )  # fmt: skip
    for name in ("Alice", LONG_NAME):
        make_user(server, name)
    page = open_page(**LOOKS[look])
    faults: list[str] = []
    documents = Documents(page)

    for name in walk(page, server, tmp_path):
        keep_screenshot(page, f"{name}-{look}")
        faults += [f"{name}: {fault}" for fault in violations(page)]
        faults += [f"{name}: {fault}" for fault in page.evaluate(LOOK_AT_PAGE)]
        faults += [f"{name}: no visible focus on {element}" for element in unseen_focus(page)]

    assert faults == []
    assert documents.faults(tmp_path) == ""


LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff Wolfeschlegelsteinhausenberg"


def walk(page: Page, server: RunningServer, folder: Path):
    """Go through the pages and yield the name of each while it is shown."""
    sign_in(page, server, "Alice")
    page.goto(f"{server.url}/links/shared")
    yield "shared-none"
    page.goto(server.url)
    page.locator("[data-options] summary").click()
    yield "upload-options-signed-in"
    long_address = "somebody.with.quite.a.long.address.who.works.here@department.example.org"
    path = write(folder, "the-report-of-last-year.pdf", bytes(5_000))
    upload_privately(
        page, server.url, path, users=LONG_NAME, mails=f"carol@example.org, {long_address}"
    )
    open_sharing(page)
    yield "sharing"
    for summary in page.locator(".people summary").all():
        summary.click()
    yield "sharing-revoking"
    here = page.url
    page.locator("[data-recipient]").first.get_by_role("button", name="Revoke for").click()
    open_sharing(page)
    page.get_by_label("Mail addresses").fill("carol at home")
    page.get_by_role("button", name="Add", exact=True).last.click()
    yield "sharing-refused"
    page.goto(here)
    open_sharing(page)
    page.get_by_role("button", name="Let anybody with the link open it").click()
    open_sharing(page)
    yield "sharing-public"
    page.get_by_role("button", name="Make it private").click()
    link = "/" + page.get_by_label("Short link", exact=True).input_value().rpartition("/")[2]
    page.context.clear_cookies()
    page.goto(f"{server.url}{link}")
    yield "private-404"
    sign_in(page, server, LONG_NAME)
    page.goto(f"{server.url}/links/shared")
    yield "shared"
    page.goto(f"{server.url}{link}")
    yield "landing-private"
