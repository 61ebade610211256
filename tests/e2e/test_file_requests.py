"""File requests in the browser: strangers with and without JavaScript, and the owner."""

import hashlib
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import RunningServer, dispose
from e2e.acting import choose, limit_rate, wait_for_percent, write
from e2e.conftest import OpenPage, keep_screenshot, violations
from e2e.test_pages import LONG_NAME, LOOK_AT_PAGE, LOOKS, WALKED_LOOKS, Documents, unseen_focus
from file_requests.asking import ask_for, signed_in
from flask import Flask
from playwright.sync_api import Page, expect
from wire import curl, eventually

from minifile import create_app

pytestmark = pytest.mark.browser

StartServer = Callable[..., RunningServer]
ARGUMENTS = ("--workers", "2", "--threads", "32")


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    return start_server(*ARGUMENTS)


@contextmanager
def app_of(server: RunningServer) -> Iterator[Flask]:
    """The application of a running server, to do what has no page here."""
    app = create_app({"instance_path": server.instance_path, "keep_free": 0})
    yield app
    dispose(app)


def sign_in(page: Page, app: Flask, url: str, name: str = "Alice") -> None:
    """Give the page's browser the cookie of a session."""
    cookie = signed_in(app, name).get_cookie("minifile")
    assert cookie is not None
    page.context.add_cookies([{"name": "minifile", "value": cookie.value, "url": url}])


def digests(paths: list[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def random_file(folder: Path, name: str, size_bytes: int) -> Path:
    return write(folder, name, os.urandom(size_bytes))


def download_all(page: Page, to: Path) -> dict[str, str]:
    """Press the button for everything, and return what is in the zip with its digests."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name="All as one zip").click()
    waiting.value.save_as(to)
    with zipfile.ZipFile(to) as archive:
        assert archive.testzip() is None
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def test_strangers_send_and_the_owner_has_every_byte(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    files = [random_file(tmp_path, f"{n}.bin", n * 400_000 + 1) for n in range(3)]
    late, typed = random_file(tmp_path, "late.bin", 5), random_file(tmp_path, "typed.bin", 70_000)
    alice, bob = open_page(), open_page(java_script_enabled=False)

    with app_of(server) as app:
        sign_in(alice, app, server.url)
    alice.goto(f"{server.url}/account/requests/")
    alice.get_by_role("link", name="Ask for files").click()
    alice.get_by_label("Title").fill("Photos of the party")
    alice.get_by_label("Ask senders for their name").check()
    alice.get_by_role("button", name="Make the file request").click()
    address = alice.get_by_label("Address to send to").input_value()
    assert address.startswith(f"{server.url}/r/")

    bob.goto(address)
    bob.get_by_label("Your name").fill("Bob")
    bob.get_by_label("Message").fill("Here they are")
    choose(bob, files)
    bob.get_by_role("button", name="Send").click()
    expect(bob.get_by_text("3 files have arrived")).to_be_visible()
    expect(bob.get_by_text("Add another file")).to_be_visible()
    choose(bob, [late])
    bob.get_by_role("button", name="Add", exact=True).click()
    expect(bob.get_by_text("4 files have arrived")).to_be_visible()
    curl("--fail", "-T", str(typed), f"{address}/")

    alice.reload()
    expect(alice.get_by_text("2 new")).to_be_visible()
    expect(alice.get_by_text("Here they are")).to_be_visible()
    found = download_all(alice, tmp_path / "all.zip")

    wanted = {f"001 Bob/{name}": digest for name, digest in digests([*files, late]).items()}
    assert found == wanted | {f"002/{name}": digest for name, digest in digests([typed]).items()}


def test_a_cut_upload_goes_on_and_is_handed_in_once(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    large, small = random_file(tmp_path, "large.bin", 9_000_000), random_file(tmp_path, "s", 9)
    page, alice = open_page(), open_page()
    page.on("dialog", lambda dialog: dialog.accept())
    with app_of(server) as app:
        path = ask_for(app, asks_who=True)
        sign_in(alice, app, server.url)
    page.goto(server.url + path)
    page.get_by_label("Your name").fill("Bob")
    choose(page, [large, small])
    limit_rate(page, 2_000_000)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-transfers] [data-done]:not([hidden])")).to_have_count(1)
    wait_for_percent(page, 40)
    eventually(lambda: '"start"' in page.evaluate("Object.values(localStorage).join()"))
    begun = Begun(page)

    page.reload()
    expect(page.locator("[data-kept]")).to_contain_text("An upload of 2 files was cut off")
    assert page.get_by_label("Your name").input_value() == "Bob"
    limit_rate(page, -1)
    choose(page, [large])
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("2 files have arrived")).to_be_visible(timeout=30_000)

    assert begun.uploads == 0, "nothing was begun anew"
    alice.goto(f"{server.url}/account/requests/{path.rpartition('/')[2]}")
    assert download_all(alice, tmp_path / "all.zip") == {
        f"001 Bob/{name}": digest for name, digest in digests([large, small]).items()
    }


class Begun:
    """Counts the uploads that a page begins from now on."""

    def __init__(self, page: Page) -> None:
        self.uploads = 0
        page.on("request", self._note)

    def _note(self, request) -> None:
        self.uploads += request.method == "POST" and request.url.endswith("/tus/")


def test_what_was_cut_at_a_file_request_is_not_offered_elsewhere(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    page.on("dialog", lambda dialog: dialog.accept())
    with app_of(server) as app:
        path, other = ask_for(app), ask_for(app)
    page.goto(server.url + path)
    choose(page, [random_file(tmp_path, "large.bin", 5_000_000)])
    limit_rate(page, 1_000_000)
    page.get_by_role("button", name="Send").click()
    wait_for_percent(page, 30)
    eventually(lambda: '"start"' in page.evaluate("Object.values(localStorage).join()"))

    for elsewhere in (server.url, server.url + other):
        page.goto(elsewhere)
        expect(page.locator("[data-drop]")).to_be_visible()
        expect(page.locator("[data-kept]")).to_be_hidden()
    page.goto(server.url + path)
    expect(page.locator("[data-kept]")).to_be_visible()


def test_the_page_says_before_it_sends_what_does_not_fit(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    with app_of(server) as app:
        path = ask_for(app, max_files=1, password="sesame")
    page.goto(server.url + path)
    page.get_by_label("Password").fill("sesame")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("form.enhanced")).to_be_visible()
    choose(page, [random_file(tmp_path, "a", 1), random_file(tmp_path, "b", 1)])
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-warning]")).to_contain_text("There is room for 1 file, and 2 were")

    page.get_by_role("button", name=re.compile("Remove")).first.click()
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_text("1 file has arrived")).to_be_visible()
    expect(page.get_by_text("There is no room for more.")).to_be_visible()


@pytest.mark.parametrize("look", WALKED_LOOKS)
def test_every_page_of_a_file_request_is_accessible_and_fits(
    look: str, start_server: StartServer, open_page: OpenPage, tmp_path: Path
):
    server = start_server("--workers", "1", "--threads", "32")
    page = open_page(**LOOKS[look])
    page.on("dialog", lambda dialog: dialog.accept())
    faults: list[str] = []
    documents = Documents(page)

    with app_of(server) as app:
        for name in walk(page, app, server.url, tmp_path):
            keep_screenshot(page, f"request-{name}-{look}")
            faults += [f"{name}: {fault}" for fault in violations(page)]
            faults += [f"{name}: {fault}" for fault in page.evaluate(LOOK_AT_PAGE)]
            faults += [f"{name}: no visible focus on {element}" for element in unseen_focus(page)]

    assert faults == []
    assert documents.faults(tmp_path) == ""


def walk(page: Page, app: Flask, url: str, folder: Path) -> Iterator[str]:
    """Go through the pages and yield the name of each while it is shown."""
    text = "All of them, please.\nAlso the blurred ones."
    path = ask_for(app, text=text, asks_who=True, max_files=300, max_size=2**30)
    locked = ask_for(app, title="With a password " + "x" * 150, password="sesame")
    page.goto(url + locked)
    yield "unlock"
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Open").click()
    yield "unlock-wrong"
    yield from walk_stranger(page, url + path, folder)
    page.context.clear_cookies()
    sign_in(page, app, url, "Charlie")
    page.goto(f"{url}/account/requests/")
    yield "list-none"
    sign_in(page, app, url)
    page.goto(f"{url}/account/requests/")
    yield "list"
    own = f"{url}/account/requests/{path.rpartition('/')[2]}"
    page.goto(f"{url}/account/requests/{locked.rpartition('/')[2]}")
    yield "owner-nothing"
    page.goto(own)
    yield "owner"
    page.locator(".remove summary").first.click()
    yield "owner-delete"
    page.get_by_role("link", name="Change it", exact=True).click()
    yield "edit"
    page.get_by_label("Size in all").fill("a lot")
    page.get_by_role("button", name="Save changes").click()
    yield "edit-refused"
    page.goto(own)
    page.get_by_role("button", name="Close it").click()
    yield "owner-closed"
    page.goto(url + path)
    yield "closed"


def walk_stranger(page: Page, address: str, folder: Path) -> Iterator[str]:
    page.goto(address)
    yield "stranger"
    files = [write(folder, name, bytes(size)) for name, size in NAMES.items()]
    page.get_by_label("Your name").fill("Zoë Müller, who writes her whole name with all its parts")
    page.get_by_label("Message").fill("Here they are.\nThe rest comes later.")
    choose(page, files)
    yield "stranger-chosen"
    limit_rate(page, 1_000_000)
    page.get_by_role("button", name="Send").click()
    wait_for_percent(page, 20)
    yield "stranger-sending"
    limit_rate(page, -1)
    expect(page.get_by_text("3 files have arrived")).to_be_visible(timeout=30_000)
    yield "stranger-arrived"


NAMES = {
    "holiday-final-cut.mp4": 4_000_000,
    LONG_NAME[-200:]: 9,
    "読んで.txt": 12,
}
