"""An account in real browsers: invited, signed in and out, and gone; without scripts, too."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.acting import upload, write
from e2e.conftest import OpenPage
from e2e.people import PASSWORD, invite, make_user, open_menu, register, sign_in
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

NEW_PASSWORD = "quite another pass phrase"


@pytest.fixture
def server(start_server: Callable[..., RunningServer]) -> RunningServer:
    return start_server("--workers", "1", "--threads", "32")


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without"])
def test_from_the_invitation_to_the_deletion(
    server: RunningServer, open_page: OpenPage, tmp_path: Path, javascript: bool
):
    alice, bob = (open_page(java_script_enabled=javascript) for _ in range(2))

    register(alice, invite(server), "Алиса")
    upload(alice, server.url, [write(tmp_path, "a.txt", b"alpha")])
    link = alice.get_by_label("Short link").input_value()
    open_menu(alice)
    alice.get_by_role("button", name="Sign out").click()
    expect(alice.get_by_role("link", name="Sign in")).to_be_visible()
    # The link is the account's, and not the browser's.
    answer = alice.goto(link.replace(server.url, f"{server.url}/links"))
    assert answer is not None
    assert answer.status == 404
    sign_in(alice, server, "алиса")
    alice.goto(f"{server.url}/account/delete")
    alice.get_by_label("Your password").fill(PASSWORD)
    alice.get_by_role("button", name="Delete my account").click()

    expect(alice.locator("main")).to_contain_text("Your account is deleted")
    answer = bob.goto(link)
    assert answer is not None
    assert answer.status == 404


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without"])
def test_a_new_password_signs_out_the_other_browser(
    server: RunningServer, open_page: OpenPage, javascript: bool
):
    make_user(server, "Alice")
    here, there = (open_page(java_script_enabled=javascript) for _ in range(2))
    sign_in(here, server, "Alice")
    sign_in(there, server, "Alice")

    here.goto(f"{server.url}/account/sessions")
    expect(here.get_by_role("row")).to_have_count(3)
    here.get_by_role("link", name="Password").click()
    here.get_by_label("Old password").fill(PASSWORD)
    here.get_by_label("New password").fill(NEW_PASSWORD)
    here.get_by_label("The same once more").fill(NEW_PASSWORD)
    here.get_by_role("button", name="Change the password").click()

    expect(here.locator("main")).to_contain_text("Your password is changed")
    there.goto(f"{server.url}/account/")
    expect(there.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_an_admin_hands_over_a_reset(server: RunningServer, open_page: OpenPage):
    make_user(server, "Alice")
    page = open_page()

    page.goto(server.url + server.run("user", "reset", "alice").stdout.strip())
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_label("The same once more").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Change the password").click()

    expect(page.locator("main")).to_contain_text("Sign in anew")
    sign_in(page, server, "alice", NEW_PASSWORD)


def test_nothing_secret_is_in_the_servers_log(server: RunningServer, open_page: OpenPage):
    page = open_page()
    address = invite(server)
    register(page, address, "Alice")
    page.goto(f"{server.url}/account/tokens")
    page.get_by_label("Name", exact=True).fill("script")
    page.get_by_label("read: list").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.get_by_label("New API token").input_value()
    page.goto(server.url + server.run("user", "reset", "alice").stdout.strip())

    log = server.log()
    assert "POST" in log
    for secret in (address.rpartition("/")[2], token, PASSWORD, page.url.rpartition("/")[2]):
        assert secret not in log
