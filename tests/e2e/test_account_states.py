"""Every page of an account and each of its states: accessible, and fitting, in all looks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.conftest import keep_screenshot, violations
from e2e.people import PASSWORD, invite, make_user, open_menu, register, sign_in
from e2e.test_pages import LOOK_AT_PAGE, LOOKS, WALKED_LOOKS, Documents, unseen_focus
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff Wolfeschlegelsteinhausenberg"


@pytest.mark.parametrize("look", WALKED_LOOKS)
def test_every_account_page_is_accessible_and_fits(
    look: str,
    start_server: Callable[..., RunningServer],
    open_page: Callable[..., Page],
    tmp_path: Path,
):
    server = start_server("--workers", "1", "--threads", "32", **SETTINGS)
    make_user(server, "Root", "--admin", "--email", "root@example.org")
    page = open_page(**LOOKS[look])
    faults: list[str] = []
    documents = Documents(page)

    for name in walk(page, server):
        keep_screenshot(page, f"{name}-{look}")
        faults += [f"{name}: {fault}" for fault in violations(page)]
        faults += [f"{name}: {fault}" for fault in page.evaluate(LOOK_AT_PAGE)]
        faults += [f"{name}: no visible focus on {element}" for element in unseen_focus(page)]

    assert faults == []
    assert documents.faults(tmp_path) == ""


SETTINGS = {
    "upload_access": "users",
    "registration": "open",
    "user_quota": "1GiB",
    "user_max_links": "10",
}


def walk(page: Page, server: RunningServer):
    """Go through the pages and yield the name of each while it is shown."""
    page.goto(server.url)
    yield "sign-in-needed"
    page.get_by_role("main").get_by_role("link", name="Make an account").click()
    yield "register"
    page.goto(f"{server.url}/reset")
    yield "reset-without-mail"
    page.goto(f"{server.url}/login")
    yield "login"
    page.get_by_label("Name or e-mail address").fill("Root")
    page.get_by_label("Password").fill("not it at all")
    page.get_by_role("button", name="Sign in").click()
    yield "login-refused"
    address = invite(server, "--email", "somebody@example.org")
    page.goto(address)
    page.get_by_label("Name", exact=True).fill("ROOT")
    page.get_by_label("New password").fill("password1234")
    page.get_by_label("The same once more").fill("password12345")
    page.get_by_role("button", name="Make the account").click()
    yield "invite-refused"
    register(page, address, LONG_NAME)
    yield "account"
    open_menu(page)
    yield "account-menu"
    yield from walk_account(page, server)
    page.context.clear_cookies()
    page.goto(address)
    yield "invite-used"
    page.goto(server.url + server.run("user", "reset", "Root").stdout.strip())
    yield "reset"


def walk_account(page: Page, server: RunningServer):
    page.get_by_label("Name", exact=True).fill("ROOT")
    page.get_by_role("button", name="Change the name").click()
    yield "account-refused"
    page.goto(f"{server.url}/account/password")
    yield "account-password"
    page.goto(f"{server.url}/account/sessions")
    yield "account-sessions"
    page.goto(f"{server.url}/account/tokens")
    yield "account-tokens-none"
    page.get_by_label("Name", exact=True).fill("backup of the machine below the stairs")
    page.get_by_role("button", name="Make the token").click()
    page.get_by_text("Choose at least one scope").wait_for()
    yield "account-tokens-refused"
    page.get_by_label("upload: make links").check()
    page.get_by_label("Name", exact=True).fill("backup of the machine below the stairs")
    page.get_by_role("button", name="Make the token").click()
    page.get_by_label("New API token").wait_for()
    yield "account-tokens"
    page.goto(f"{server.url}/account/delete")
    yield "account-delete"
    page.get_by_label("Your password").fill("not it at all")
    page.get_by_role("button", name="Delete my account").click()
    yield "account-delete-refused"
    page.goto(f"{server.url}/nothing23456")
    open_menu(page)
    yield "error-404-signed-in"
    page.goto(server.url)
    yield "upload-signed-in"
    assert PASSWORD not in page.content()


def test_the_menu_opens_and_closes_without_a_script(
    start_server: Callable[..., RunningServer], open_page: Callable[..., Page]
):
    server = start_server("--workers", "1", "--threads", "32")
    make_user(server, "Root", "--admin")
    page = open_page(java_script_enabled=False)

    sign_in(page, server, "root")
    open_menu(page)
    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("link", name="Sign in").wait_for()
    page.goto(f"{server.url}/account/")
    page.get_by_role("heading", name="Sign in").wait_for()
