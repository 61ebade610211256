"""The upload page with JavaScript: drops, cuts, reloads, proxies, and all that can go wrong."""

import hashlib
import io
import os
import random
import re
import socket
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.acting import (
    at_senders_page,
    choose,
    drop,
    limit_rate,
    send,
    upload,
    wait_for_percent,
    write,
)
from e2e.conftest import OpenPage
from e2e.nginx import documented_blocks, nginx_before
from playwright.sync_api import Page, expect
from wire import eventually, get, kept

pytestmark = pytest.mark.browser

StartServer = Callable[..., RunningServer]
WHAT_IS_KEPT = "Object.values(localStorage).join()"
ARGUMENTS = ("--workers", "2", "--threads", "32")


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    return start_server(*ARGUMENTS)


def test_three_files_and_a_folder_are_dropped_and_come_out_of_the_zip(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    folder = tmp_path / "Sommer 2026" / "Küste"
    folder.mkdir(parents=True)
    paths = [tmp_path / "a.bin", tmp_path / "読んで.txt", tmp_path / "👩‍🚀🚀.png"]
    inside = [folder.parent / "list.txt", folder / "b.bin", folder / "empty"]
    contents = {path: random_bytes(i * 70_001) for i, path in enumerate([*paths, *inside], 1)}
    contents[folder / "empty"] = b""
    for path, content in contents.items():
        path.write_bytes(content)
    page = open_page()
    page.goto(server.url)

    drop(page, [*paths, folder.parent])
    expect(page.locator("[data-chosen] li")).to_have_count(6)
    link = send(page)

    with zipfile.ZipFile(io.BytesIO(get(server, f"{link}.zip").body)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            str(path.relative_to(tmp_path)): content for path, content in contents.items()
        }


def test_an_upload_goes_on_after_the_server_was_killed(
    start_server: StartServer, open_page: OpenPage, tmp_path: Path
):
    port = free_port()
    server = start_server(*ARGUMENTS, "--port", str(port))
    path = write(tmp_path, "large.bin", random_bytes(12_000_000))
    page = open_page()
    page.goto(server.url)
    choose(page, [path])
    limit_rate(page, 6_000_000)
    page.get_by_role("button", name="Upload", exact=True).click()
    wait_for_percent(page, 60)

    sent = Requests(page)
    server.kill()
    expect(page.locator("[data-note]")).to_contain_text("The connection was lost")
    limit_rate(page, -1)
    again = start_server(*ARGUMENTS, "--port", str(port))
    link = at_senders_page(page)

    assert digest(get(again, link).body) == digest(path.read_bytes())
    assert kept(again)[0] == [(1, 1)]
    assert sent.of("POST") == 0, "nothing was begun anew"


def test_an_upload_goes_on_after_a_reload_with_the_files_that_are_chosen_again(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    small = write(tmp_path, "small.txt", b"small")
    large = write(tmp_path, "large.bin", random_bytes(9_000_000))
    page = open_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(server.url)
    page.locator("[data-options] summary").click()
    page.get_by_label("Downloads allowed").fill("7")
    choose(page, [small, large])
    limit_rate(page, 2_000_000)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("[data-transfers] [data-done]:not([hidden])")).to_have_count(1)
    wait_for_percent(page, 40)
    eventually(lambda: '"start"' in page.evaluate(WHAT_IS_KEPT))
    sent = Requests(page)

    page.reload()
    expect(page.locator("[data-kept]")).to_contain_text("An upload of 2 files was cut off")
    limit_rate(page, -1)
    choose(page, [large])
    link = send(page)

    assert get(server, f"{link}/large.bin").body == large.read_bytes()
    assert get(server, f"{link}/small.txt").body == b"small"
    assert kept(server)[0] == [(1, 2)]
    assert page.locator(".stats").inner_text().count("7")
    assert sent.of("HEAD") == 1, "the server was asked how much it has"


def test_pause_and_cancel_leave_nothing_behind(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    page.goto(server.url)
    choose(page, [write(tmp_path, "large.bin", random_bytes(5_000_000))])
    limit_rate(page, 1_000_000)
    page.get_by_role("button", name="Upload", exact=True).click()
    wait_for_percent(page, 10)

    page.get_by_role("button", name="Pause all").click()
    expect(page.locator("[data-figures]")).to_contain_text("Paused")
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.get_by_role("button", name="Pause all")).to_be_visible()
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as ended:
        page.get_by_role("button", name="Cancel").click()

    assert ended.value.status == 204
    expect(page.locator("[data-chosen] li")).to_have_count(1)
    assert kept(server) == ([(0, 0)], [])


def test_a_second_tab_leaves_the_upload_of_the_first_alone(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    first = open_page()
    first.goto(server.url)
    choose(first, [write(tmp_path, "large.bin", random_bytes(3_000_000))])
    limit_rate(first, 500_000)
    first.get_by_role("button", name="Upload", exact=True).click()
    eventually(lambda: "large.bin" in first.evaluate(WHAT_IS_KEPT))

    second = first.context.new_page()
    second.goto(server.url)
    expect(second.locator("[data-kept]")).to_be_hidden()
    choose(second, [write(tmp_path, "small.txt", b"small")])
    link = send(second)
    limit_rate(first, -1)

    assert get(server, link).body == b"small"
    assert len(get(server, at_senders_page(first)).body) == 3_000_000
    assert first.evaluate(WHAT_IS_KEPT) == ""


def test_options_that_are_refused_leave_the_files_chosen_and_nothing_to_go_on_with(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    page.goto(server.url)
    choose(page, [write(tmp_path, "a.txt", b"a")])
    page.locator("[data-options] summary").click()
    page.get_by_label("Or keep for").fill("never")
    page.get_by_role("button", name="Upload", exact=True).click()

    expect(page.locator("[data-warning]")).to_contain_text("must be written like")
    expect(page.locator("[data-chosen] li")).to_have_count(1)
    expect(page.locator("[data-kept]")).to_be_hidden()
    page.get_by_label("Or keep for").fill("2h")

    assert get(server, send(page)).body == b"a"


def test_a_lost_cookie_costs_nothing_and_a_name_may_be_all_emoji(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    page.goto(server.url)
    choose(page, [write(tmp_path, "👩‍🚀🚀🎉.💾", b"a")])
    page.context.clear_cookies()
    page.get_by_role("button", name="Upload", exact=True).click()

    expect(page.locator("main")).to_contain_text("Your link is ready")
    expect(page.locator("main")).to_contain_text("👩‍🚀🚀🎉.💾, 1 B")
    assert re.search(r"/links/\w+/[\w-]{43}$", page.url)


def test_who_leaves_in_the_middle_is_warned(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    page.goto(server.url)
    choose(page, [write(tmp_path, "large.bin", random_bytes(3_000_000))])
    limit_rate(page, 500_000)
    page.get_by_role("button", name="Upload", exact=True).click()
    wait_for_percent(page, 10)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))

    page.locator(".brand").click()

    wait_for_percent(page, 13)
    assert asked == ["beforeunload"]


def test_text_is_pasted_as_a_file(server: RunningServer, open_page: OpenPage):
    page = open_page()
    page.goto(server.url)

    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.setData("text/plain", "Grüße aus der Zwischenablage");
            document.body.dispatchEvent(
                new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }"""
    )
    link = send(page)

    assert get(server, link).body.decode() == "Grüße aus der Zwischenablage"


def test_a_proxy_that_takes_a_megabyte_is_no_obstacle(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    block = documented_blocks()[0]
    strict = re.sub(r"client_max_body_size .*;", "client_max_body_size 1m;", block)
    assert strict != block
    path = write(tmp_path, "large.bin", random_bytes(50_000_000))
    page = open_page()
    with nginx_before(server, strict, tmp_path / "nginx") as front:
        page.goto(front.url)
        choose(page, [path])
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.locator("[data-met]")).to_contain_text("takes no more than about")
        link = at_senders_page(page)

        assert digest(get(front, link).body) == digest(path.read_bytes())


def test_what_is_refused_is_said_at_its_file_and_the_others_go_on(
    start_server: StartServer, open_page: OpenPage, tmp_path: Path
):
    server = start_server(*ARGUMENTS, max_file_size="1MiB", blocked_types="exe")
    files = [
        write(tmp_path, "good.txt", b"good"),
        write(tmp_path, "large.bin", bytes(2**20 + 1)),
        write(tmp_path, "setup.exe", b"MZ"),
    ]
    page = open_page()
    page.goto(server.url)

    choose(page, files)
    expect(page.locator("[data-warning]")).to_contain_text("large.bin is over the limit")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("[data-failures]")).to_contain_text("2 files did not arrive")
    rows = page.locator("[data-transfers] li.failed")
    expect(rows.filter(has_text="large.bin")).to_contain_text("over the limit of 1 MiB")
    expect(rows.filter(has_text="setup.exe")).to_contain_text("not accepted")
    page.get_by_role("button", name="Make the link without them").click()
    link = at_senders_page(page)

    assert get(server, link).body == b"good"
    assert kept(server)[0] == [(1, 1)]


def test_no_space_is_said_at_the_file(
    start_server: StartServer, open_page: OpenPage, tmp_path: Path
):
    server = start_server(*ARGUMENTS, keep_free="1000000TiB")
    page = open_page()
    page.goto(server.url)
    choose(page, [write(tmp_path, "a.txt", b"a")])

    page.get_by_role("button", name="Upload", exact=True).click()

    row = page.locator("[data-transfers] li.failed")
    expect(row).to_contain_text("not enough free space")
    expect(row.get_by_role("button", name="Try a.txt again")).to_be_visible()


def test_a_file_that_changes_while_it_is_uploaded_is_refused(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    path = write(tmp_path, "log.txt", random_bytes(8_000_000))
    page = open_page()
    page.goto(server.url)
    page.evaluate("localStorage['minifile.piece'] = JSON.stringify({size: 2**20, at: Date.now()})")
    page.reload()
    choose(page, [path])
    limit_rate(page, 2_000_000)
    page.get_by_role("button", name="Upload", exact=True).click()
    wait_for_percent(page, 20)

    path.write_bytes(b"something else")
    os.utime(path, (1, 1))

    expect(page.locator("[data-transfers] li.failed")).to_contain_text("was changed or moved")
    assert kept(server)[0] == [(0, 0)]


def test_a_bad_option_is_said_before_anything_is_lost(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    page.goto(server.url)
    page.locator("[data-options] summary").click()
    page.get_by_label("Or keep for").fill("never")
    choose(page, [write(tmp_path, "a.txt", b"kept")])

    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("[data-warning]")).to_contain_text("90m, 12h or 3d")
    page.get_by_label("Or keep for").fill("2h")
    link = send(page)

    assert get(server, link).body == b"kept"


def test_too_many_files_are_said_before_they_are_sent(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(5000):
        (folder / f"{number}.txt").touch()
    page = open_page()
    page.goto(server.url)

    drop(page, [folder])

    expect(page.locator("[data-total]")).to_contain_text("5,000 files", timeout=30_000)
    expect(page.locator("[data-warning]")).to_contain_text("at most 1,000 files")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("[data-warning]")).to_be_focused()


def test_three_hundred_files_become_one_link(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    files = [write(tmp_path, f"{number:03}.txt", b"%d" % number) for number in range(300)]
    page = open_page()
    page.goto(server.url)

    choose(page, files)
    link = send(page)

    with zipfile.ZipFile(io.BytesIO(get(server, f"{link}.zip").body)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            path.name: path.read_bytes() for path in files
        }


def test_files_that_were_chosen_can_be_taken_out_again(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    page.goto(server.url)
    choose(page, [write(tmp_path, name, name.encode()) for name in ("a.txt", "b.txt")])

    page.get_by_role("button", name="Remove a.txt").click()
    link = send(page)

    assert get(server, link).body == b"b.txt"


def test_the_first_load_is_small(server: RunningServer, open_page: OpenPage):
    page = open_page()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))

    page.goto(server.url, wait_until="networkidle")

    assert len(sizes) > 5
    assert sum(sizes) < 60_000


def test_a_link_ends_when_its_time_is_over(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    alice, bob = open_page(), open_page()
    upload(alice, server.url, [write(tmp_path, "a.txt", b"a")])
    link = alice.get_by_label("Short link").input_value()
    with closing(sqlite3.connect(server.instance_path / "minifile.sqlite")) as database, database:
        database.execute("UPDATE link SET expires_at = '2026-01-01 00:00:00.000000'")

    answer = bob.goto(link)

    assert answer is not None
    assert answer.status == 410
    expect(bob.get_by_role("heading", level=1)).to_contain_text("expired")


def test_a_one_time_link_is_used_up_by_one_download(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    alice, bob, charlie = open_page(), open_page(), open_page()
    alice.goto(server.url)
    alice.locator("[data-options] summary").click()
    alice.get_by_label("Downloads allowed").fill("1")
    choose(alice, [write(tmp_path, "a.bin", b"once")])
    send(alice)
    link = alice.get_by_label("Short link").input_value()

    bob.goto(link)
    with bob.expect_download() as download:
        bob.get_by_role("link", name="Download", exact=True).click()
    answer = charlie.goto(link)

    assert Path(download.value.path()).read_bytes() == b"once"
    assert answer is not None
    assert answer.status == 410


class Requests:
    """The requests of a page to the tus server, by method."""

    def __init__(self, page: Page) -> None:
        self._methods: list[str] = []
        page.on("request", self._note)

    def of(self, method: str) -> int:
        return self._methods.count(method)

    def _note(self, request) -> None:
        if "/tus/" in request.url:
            self._methods.append(request.method)


def random_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
