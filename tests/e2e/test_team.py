"""A team from its first invitation to a link that is revoked."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.acting import write
from e2e.conftest import OpenPage
from e2e.people import invite, make_user, register
from e2e.test_private_sharing import status_of, upload_privately
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_who_was_invited_shares_with_one_who_was_invited_and_with_nobody_else(
    start_server: Callable[..., RunningServer], open_page: OpenPage, tmp_path: Path
):
    server = start_server("--workers", "1", "--threads", "32", upload_access="users")
    make_user(server, "Root", "--admin")
    alice, bob, charlie = (open_page() for _ in range(3))
    for page, name in ((alice, "Alice"), (bob, "Bob"), (charlie, "Charlie")):
        register(page, invite(server), name)

    link = upload_privately(alice, server.url, write(tmp_path, "a.txt", b"alpha"), users="Bob")
    bob.goto(link)
    with bob.expect_download() as download:
        bob.get_by_role("link", name="Download").click()

    assert download.value.path().read_bytes() == b"alpha"
    assert status_of(charlie, link) == 404
    assert status_of(open_page(), link) == 404
    alice.locator("summary", has_text="Revoke the link").click()
    alice.get_by_role("button", name="Revoke the link").click()
    expect(alice.get_by_role("button", name="Undo")).to_be_visible()
    assert status_of(bob, link) == 410
    assert status_of(charlie, link) == 404
