"""An admin in a browser: a report comes in, the link is taken down, its owner reads why."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.acting import upload, write
from e2e.conftest import OpenPage, keep_screenshot, violations
from e2e.people import make_user, sign_in
from e2e.test_pages import LOOK_AT_PAGE, LOOKS, WALKED_LOOKS, Documents, unseen_focus
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

GONE = "The admin of this site has taken this link down."
TABS = ("Overview", "Links", "Reports", "Blocked files", "Users", "Sessions", "Settings")
LONG_NAME = "quarterly-numbers-that-nobody-was-meant-to-see-" * 2 + "final.xlsx"


@pytest.fixture
def serving(start_server: Callable[..., RunningServer]) -> RunningServer:
    """A server with an admin and a user."""
    server = start_server("--workers", "1", "--threads", "16")
    make_user(server, "Root", "--admin")
    make_user(server, "Alice")
    return server


def test_a_report_leads_to_a_takedown_that_visitor_and_owner_read(
    serving: RunningServer, open_page: OpenPage, tmp_path: Path
):
    alice, bob, root = open_page(), open_page(java_script_enabled=False), open_page()
    sign_in(alice, serving, "Alice")
    upload(alice, serving.url, [write(tmp_path, "prizes.exe", b"MZ" * 500)])
    short_link = alice.get_by_label("Short link").input_value()
    senders_page = alice.url

    bob.goto(short_link)
    bob.get_by_role("link", name="Report it").click()
    bob.get_by_label("It is harmful: malware or phishing").check()
    bob.get_by_label("What the admin should know").fill("It asks for my password.")
    bob.get_by_role("button", name="Send the report").click()
    expect(bob.get_by_role("heading", name="Thank you")).to_be_visible()

    sign_in(root, serving, "Root")
    root.locator(".menu summary").click()
    root.get_by_role("link", name="Admin 1 open reports").click()
    root.get_by_role("link", name="Reports 1 open").click()
    expect(root.get_by_text("It asks for my password.")).to_be_visible()
    root.get_by_role("link", name="Take down…").click()
    root.get_by_role("textbox", name="Reason").fill("It steals passwords.")
    root.get_by_label("Refuse these files from now on").check()
    root.get_by_role("button", name="Take the link down").click()
    expect(root.get_by_text("1 link taken down, 1 digest blocked.")).to_be_visible()

    bob.goto(short_link)
    expect(bob.get_by_text(GONE)).to_be_visible()
    expect(bob.get_by_text("It steals passwords.")).to_have_count(0)
    alice.goto(senders_page)
    expect(alice.get_by_text("It steals passwords.")).to_be_visible()
    alice.goto(serving.url)
    alice.locator("#file").set_input_files([write(tmp_path, "again.exe", b"MZ" * 500)])
    alice.get_by_role("button", name="Upload", exact=True).click()
    expect(alice.get_by_text("the admin of this site has blocked it").first).to_be_visible()


@pytest.mark.parametrize("look", WALKED_LOOKS)
def test_every_admin_page_is_accessible_and_fits(
    look: str, serving: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page(**LOOKS[look])
    faults: list[str] = []
    documents = Documents(page)

    for name in walk(page, serving, tmp_path):
        keep_screenshot(page, f"{name}-{look}")
        faults += [f"{name}: {fault}" for fault in violations(page)]
        faults += [f"{name}: {fault}" for fault in page.evaluate(LOOK_AT_PAGE)]
        faults += [f"{name}: no visible focus on {element}" for element in unseen_focus(page)]

    assert faults == []
    assert documents.faults(tmp_path) == ""


def walk(page: Page, server: RunningServer, folder: Path) -> Iterator[str]:
    """Go through the admin pages and yield the name of each while it is shown."""
    yield from walk_empty(page, server)
    upload(page, server.url, [write(folder, LONG_NAME, b"numbers"), write(folder, "b.png", b"b")])
    short_link = page.get_by_label("Short link").input_value()
    page.goto(short_link)
    page.get_by_role("link", name="Report").click() if page.get_by_role(
        "link", name="Report it"
    ).count() else page.goto(f"{short_link}/report?form=")
    yield "report"
    page.get_by_role("button", name="Send the report").click()
    yield "report-refused"
    page.get_by_label("Something else").check()
    page.get_by_label("What the admin should know").fill("These numbers are not public.\n" * 3)
    page.get_by_label("How to reach you").fill("bob@example.org")
    page.get_by_role("button", name="Send the report").click()
    yield "report-thanks"
    server.run("purge")
    yield from walk_full(page, server)
    page.get_by_role("button", name="Take the link down").click()
    yield "admin-link-taken-down"
    page.goto(f"{server.url}/admin/")
    yield "admin-overview"


def walk_empty(page: Page, server: RunningServer) -> Iterator[str]:
    sign_in(page, server, "Root")
    for tab in TABS:
        page.goto(f"{server.url}/admin/")
        page.get_by_role("link", name=tab, exact=True).click()
        yield f"admin-empty-{tab.lower().replace(' ', '-')}"


def walk_full(page: Page, server: RunningServer) -> Iterator[str]:
    for path in ("links", "reports", "users", "sessions", "settings", "audit", "audit?since=x"):
        page.goto(f"{server.url}/admin/{path}")
        yield f"admin-{path.replace('?since=x', '-refused')}"
    page.goto(f"{server.url}/admin/users")
    page.get_by_role("button", name="Make the invitation").click()
    yield "admin-invited"
    page.get_by_role("link", name="Alice").click()
    yield "admin-user"
    page.get_by_label("Bytes of all live links").fill("many")
    page.get_by_role("button", name="Save the limits").click()
    yield "admin-user-refused"
    page.goto(f"{server.url}/admin/users")
    page.get_by_role("link", name="Alice").click()
    page.get_by_role("button", name="Make an address").click()
    yield "admin-user-reset"
    page.goto(f"{server.url}/admin/links")
    page.get_by_role("link", name="2 files").click()
    yield "admin-link"
    page.get_by_role("link", name="Block b.png").click()
    page.get_by_role("textbox", name="Reason").fill("It must not be here.")
    page.get_by_role("button", name="Block the file").click()
    yield "admin-blocked-files"
    page.goto(f"{server.url}/admin/links")
    page.get_by_role("link", name="2 files").click()
    page.get_by_role("textbox", name="Reason").fill("It holds what is not public.")
