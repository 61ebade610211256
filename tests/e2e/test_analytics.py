"""The pages of numbers in a browser: whose clock, zooming, paper, and how they look."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import RunningServer
from e2e.acting import upload, write
from e2e.conftest import OpenPage, keep_screenshot, violations
from e2e.people import make_user, sign_in
from e2e.test_pages import LOOK_AT_PAGE, LOOKS, unseen_focus
from playwright.sync_api import Page, expect
from replay.filling import fill_analytics
from sqlalchemy import create_engine
from wire import curl

from minifile.web.current import utcnow

pytestmark = pytest.mark.browser


@pytest.fixture
def server(start_server: Callable[..., RunningServer]) -> RunningServer:
    return start_server("--workers", "1", "--threads", "32")


def figure(page: Page, name: str) -> int:
    value = page.locator(f"[data-counter={name}]").get_attribute("data-value")
    assert value is not None
    return int(value)


def a_fetched_link(page: Page, server: RunningServer, folder: Path) -> str:
    """Send a file, let it be fetched wholly and in part, and return the page of its numbers."""
    upload(page, server.url, [write(folder, "photo.jpg", b"alpha" * 20)])
    path = "/" + page.get_by_label("Short link", exact=True).input_value().rpartition("/")[2]
    assert curl(f"{server.url}{path}").stdout == "alpha" * 20
    curl("--range", "0-9", f"{server.url}{path}")
    return f"{server.url}/links{path}/analytics"


def test_a_sender_reads_the_numbers_by_the_clock_of_the_browser_and_zooms(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page(timezone_id="Asia/Kathmandu", viewport={"width": 1200, "height": 800})
    address = a_fetched_link(page, server, tmp_path)

    page.goto(f"{address}?range=day")

    # Chromium calls it by its older name.
    expect(page.locator("[data-zone^='Asia/Kat']")).to_be_attached()
    expect(page.locator("[data-zone-unknown]")).to_have_count(0)
    assert figure(page, "bytes_sent") == 110
    assert "+0545" in page.locator("#downloads-numbers tbody th").first.text_content()
    chart = page.locator(".zoomable").first
    over = chart.locator(".u-over")
    expect(over).to_be_visible()
    before = chart.screenshot()
    box = over.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40, steps=5)
    page.mouse.up()
    page.mouse.move(2, 2)
    zoomed = chart.screenshot()
    over.dblclick()
    page.mouse.move(2, 2)

    assert zoomed != before
    assert chart.screenshot() == before


def test_without_a_script_there_are_drawings_and_tables(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page(java_script_enabled=False)
    address = a_fetched_link(page, server, tmp_path)

    page.goto(address)

    assert page.locator("[data-chart=downloads-numbers] .bars rect").count() >= 1
    page.locator("summary", has_text="The numbers of Downloads").click()
    expect(page.locator("#downloads-numbers")).to_be_visible()
    expect(page.locator(".zoomable")).to_have_count(0)


def test_ranges_are_reached_by_the_keyboard(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    page.goto(a_fetched_link(page, server, tmp_path))
    link = page.get_by_role("link", name="7 days")

    for _ in range(30):
        page.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    page.keyboard.press("Enter")

    page.wait_for_url("**/analytics?range=week")
    expect(link).to_have_attribute("aria-current", "true")


def test_on_paper_there_are_tables_and_no_forms(
    server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    page = open_page()
    page.goto(a_fetched_link(page, server, tmp_path))
    numbers = page.locator("#downloads-numbers")
    expect(numbers).to_be_hidden()

    page.emulate_media(media="print")

    expect(numbers).to_be_visible()
    expect(page.locator(".period")).to_be_hidden()
    expect(page.locator("[aria-labelledby=exports]")).to_be_hidden()


@pytest.mark.parametrize("look", ["light", "phone-dark"])
def test_every_page_of_numbers_is_accessible_and_fits(
    look: str, server: RunningServer, open_page: OpenPage, tmp_path: Path
):
    make_user(server, "Alice", "--admin")
    page = open_page(**LOOKS[look])
    sign_in(page, server, "Alice")
    faults: list[str] = []

    for name in walk(page, server):
        keep_screenshot(page, f"{name}-{look}")
        faults += [f"{name}: {fault}" for fault in violations(page)]
        faults += [f"{name}: {fault}" for fault in page.evaluate(LOOK_AT_PAGE)]
        faults += [f"{name}: no visible focus on {each}" for each in unseen_focus(page)]

    assert faults == []


def walk(page: Page, server: RunningServer):
    """Go through the pages without a number, and with those of a year."""
    for path in ("account", "admin"):
        page.goto(f"{server.url}/{path}/analytics")
        yield f"analytics-{path}-none"
    engine = create_engine(f"sqlite:///{server.instance_path / 'minifile.sqlite'}")
    filled = fill_analytics(engine, deliveries=2000, links=20, details=60, owner_id=1, now=utcnow())
    engine.dispose()
    page.goto(f"{server.url}/links/{filled.code}/analytics?range=year")
    yield "analytics-link-year"
    for path in ("account", "admin"):
        page.goto(f"{server.url}/{path}/analytics?range=year")
        yield f"analytics-{path}-year"
