"""Notifications in a browser: chosen, sent, switched off; and what their pages look like."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from mailbox import Mailbox, mail_server, text_of
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import RunningServer
from e2e.acting import upload, write
from e2e.conftest import OpenPage, keep_screenshot, violations
from e2e.people import make_user, sign_in
from e2e.test_pages import LOOK_AT_PAGE, LOOKS, Documents, unseen_focus
from playwright.sync_api import Page
from services.test_webhooks import receiving
from wire import curl, eventually

pytestmark = pytest.mark.browser

HOOK = "https://hooks.example.org/teams/6e0a/minifile/with-a-rather-long-path-of-its-own"
SITE = "https://f.example.org"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
def server(start_server: Callable[..., RunningServer], mailbox: Mailbox) -> RunningServer:
    server = start_server(
        *("--workers", "1", "--threads", "32"),
        mail_url=mailbox.url, mail_from="minifile@example.org", public_url=SITE,
        webhook_allowed_networks="127.0.0.0/8",
    )  # fmt: skip
    make_user(server, "Alice", "--admin", "--email", "alice@example.org")
    return server


def test_a_download_is_told_by_mail_and_webhook_until_the_mail_s_address_ends_it(
    server: RunningServer, mailbox: Mailbox, open_page: OpenPage, tmp_path: Path
):
    page, stranger = open_page(java_script_enabled=False), open_page(java_script_enabled=False)
    with receiving() as receiver:
        sign_in(page, server, "Alice")
        page.goto(f"{server.url}/account/notifications")
        page.get_by_label("Address", exact=True).fill(receiver.url)
        page.get_by_role("button", name="Add a webhook").click()
        secret = page.get_by_label("Secret of the webhook").input_value()
        upload(page, server.url, [write(tmp_path, "photo.jpg", b"alpha")])
        code = page.get_by_label("Short link", exact=True).input_value().rpartition("/")[2]
        page.locator("summary", has_text="Notify me").click()
        for way in ("By mail", "Webhook 1: 127.0.0.1"):
            page.get_by_role("group", name="Every download").get_by_label(way).check()
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_text("Saved.").wait_for()

        assert curl(f"{server.url}/{code}").stdout == "alpha"
        mail = mailbox.only()
        eventually(lambda: receiver.got)

        headers, body = receiver.got[0]
        assert (receiver.names, receiver.events[0]["kind"]) == (["photo.jpg"], "download")
        signed = f"{headers['X-Minifile-Timestamp']}.".encode() + body
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        assert headers["X-Minifile-Signature"] == f"v1={expected}"
        assert f"{SITE}/{code}" in text_of(mail)
        # Settled a moment after it has arrived.
        log = f"{server.url}/account/notifications/log"
        eventually(lambda: page.goto(log) and page.get_by_text("sent", exact=True).count() == 2)

        path = urlsplit(mail["List-Unsubscribe"].strip("<>")).path
        stranger.goto(server.url + path)
        stranger.get_by_text("every download, for one link: photo.jpg").wait_for()
        stranger.get_by_role("button", name="Switch off").click()
        stranger.get_by_role("heading", name="Switched off").wait_for()
        curl(f"{server.url}/{code}")
        eventually(lambda: len(receiver.got) == 2)
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(
    "looks",
    [["phone-dark"], pytest.param(["light", "dark", "phone"], marks=pytest.mark.torture)],
    ids=["phone-dark", "others"],
)
def test_every_page_about_notifications_is_accessible_and_fits(
    server: RunningServer, open_page: OpenPage, tmp_path: Path, looks: list[str]
):
    faults: list[str] = []
    pages = {look: open_page(**LOOKS[look]) for look in looks}
    documents = {look: Documents(page) for look, page in pages.items()}

    for at, (look, page) in enumerate(pages.items()):
        sign_in(page, server, "Alice")
        for name in walk(page, server.url, tmp_path, is_first=at == 0):
            keep_screenshot(page, f"{name}-{look}")
            faults += [f"{name}-{look}: {fault}" for fault in violations(page)]
            faults += [f"{name}-{look}: {fault}" for fault in page.evaluate(LOOK_AT_PAGE)]
            faults += [f"{name}-{look}: no focus on {each}" for each in unseen_focus(page)]

    assert faults == []
    assert [each.faults(tmp_path) for each in documents.values()] == [""] * len(pages)


def walk(page: Page, url: str, folder: Path, *, is_first: bool):
    """Go through the pages and yield the name of each while it is shown."""
    page.goto(f"{url}/account/notifications")
    if is_first:
        yield "notifications-none"
    page.get_by_label("Address", exact=True).fill(HOOK)
    page.get_by_role("button", name="Add a webhook").click()
    page.get_by_label("Secret of the webhook").wait_for()
    yield "notifications-secret"
    page.get_by_role("group", name="Every download").get_by_label("By mail").check()
    page.get_by_label("Hours before").fill("0")
    page.get_by_role("main").evaluate("main => main.querySelector('form').noValidate = true")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Give a number from 1").wait_for()
    yield "notifications-refused"
    page.get_by_role("group", name="Every download").get_by_label("By mail").check()
    page.get_by_label("Hours before").fill("12")
    page.get_by_label("Mails").select_option("daily")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    page.get_by_role("button", name="Send a test").first.click()
    page.get_by_text("A test is on its way").wait_for()
    yield "notifications"
    page.get_by_role("link", name="What was sent").click()
    yield "notifications-log"
    page.goto(url)
    page.locator("#file").set_input_files([write(folder, "photo.jpg", b"alpha")])
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_label("Short link", exact=True).wait_for()
    page.locator("summary", has_text="Notify me").click()
    page.get_by_role("group", name="The first download").get_by_label("By mail").check()
    yield "sender-notify-me"
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved.").wait_for()
    page.goto(f"{page.url.partition('?')[0]}/notifications")
    yield "link-notifications"
    if is_first:
        page.goto(f"{url}/admin/")
        yield "overview-with-outbox"
