"""The pages of numbers, as their readers get them: what they show, and to whom."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from cast import Sent, as_sent, change_row, fetch, form, send, stored_link
from conftest import FIREFOX, browser, shell
from counting import count
from flask import Flask
from flask.testing import FlaskClient
from people import make_user, signed_in, with_token
from werkzeug.test import TestResponse

from minifile.extensions import db
from minifile.identity import Scope, UserRole
from minifile.models import UsageSample
from minifile.services.counts import Counts, Subject, TallyScope
from minifile.services.history import sample_usage
from minifile.services.instance_numbers import free_bytes_of
from minifile.web.current import utcnow

EVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

DAY = timedelta(days=1)
HOSTILE = "<script>alert(1)</script>"


def owner_of(app: Flask, sent: Sent) -> FlaskClient:
    """Return a browser that proves with each request to be the owner's."""
    client = browser(app)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {sent.owner_token}"
    return client


def look(app: Flask, sent: Sent, query: str = "") -> TestResponse:
    return fetch(owner_of(app, sent), f"{sent.page}/analytics{query}")


def shown(page: str) -> dict[str, int]:
    """Return the figures at the top of a page, by name."""
    found = re.findall(r'data-counter="(\w+)" data-value="(\d+)"', page)
    return {name: int(value) for name, value in found}


def table(page: str, mark: str) -> list[dict[str, str]]:
    """Return the rows of the table that has an attribute: each cell's exact value by its label."""
    (body,) = re.findall(rf"<table[^>]*{re.escape(mark)}[ >].*?<tbody>(.*?)</tbody>", page, re.S)
    cell = r'data-label="([^"]+)"(?: data-value="(\d+)")?'
    return [
        {"": _text(re.search(r"<th.*?>(.*?)</th>", row, re.S)[1]), **dict(re.findall(cell, row))}
        for row in body.split("<tr")[1:]
    ]


def _text(html: str) -> str:
    return unescape(re.sub(r"<.*?>", "", html)).strip()


def sums(rows: list[dict[str, str]], label: str) -> int:
    return sum(int(row[label]) for row in rows)


def counted(app: Flask, sent: Sent, file: int | None = None) -> Counts:
    link = stored_link(app, sent.code)
    subject = Subject(TallyScope.LINK, link.id)
    if file is not None:
        subject = Subject(TallyScope.FILE, link.files[file].id)
    with app.app_context():
        found = count(subject, *EVER, now=utcnow())
        db.session.remove()
    return found


def a_busy_bundle(app: Flask) -> Sent:
    """Make a link of two files that was opened and fetched, wholly and in part."""
    sent = send(app, {"a.bin": b"alpha" * 20, "b.bin": b"beta"})
    fetch(browser(app), sent.path, headers={"Referer": "https://news.example.com/today"})
    for position in (0, 1):
        fetch(shell(app, "192.0.2.8"), sent.file(position))
    fetch(shell(app, "192.0.2.9"), sent.file(), headers={"Range": "bytes=0-49"})
    return sent


def admin_of(app: Flask) -> FlaskClient:
    return signed_in(app, make_user(app, "Root", role=UserRole.ADMIN))


def sent_by(client: FlaskClient, **options: str) -> Sent:
    """Let a user's shell upload a file."""
    answer = client.post(
        "/", **form({"a.txt": b"alpha"}, options), headers={"Accept": "application/json"}
    )
    return as_sent(answer)


def write_space(app: Flask, *sizes: int) -> None:
    """Write down how much there was on days in a row, today at last."""
    with app.app_context():
        for ago, size in enumerate(reversed(sizes)):
            day = f"{utcnow() - ago * DAY:%Y-%m-%d}"
            db.session.add(UsageSample(day=day, links=1, files=1, size_bytes=size, users=0))
        db.session.commit()
        db.session.remove()


def test_a_link_that_nobody_has_fetched_says_so(any_database_app: Flask):
    sent = send(any_database_app)

    page = look(any_database_app, sent)

    assert page.status_code == 200
    assert "Nobody has fetched anything in this time." in page.text
    assert "There is none that is kept." in page.text
    assert shown(page.text)["downloads"] == 0
    assert "<rect" not in page.text


def test_a_link_s_page_shows_the_numbers_of_the_database(any_database_app: Flask):
    app = any_database_app
    sent = a_busy_bundle(app)

    page = look(app, sent).text

    expected = counted(app, sent)
    assert (expected.downloads, expected.downloads_completed, expected.opened) == (2, 1, 1)
    assert {name: getattr(expected, name) for name in shown(page)} == shown(page)
    assert {"downloads", "bytes_sent", "clients", "previews", "bots"} <= set(shown(page))
    downloads = table(page, 'id="downloads-numbers"')
    assert (sums(downloads, "Downloads"), sums(downloads, "Completed")) == (2, 1)
    assert sums(table(page, 'id="sent-numbers"'), "Sent") == expected.bytes_sent == 154
    assert sums(table(page, 'id="opened-numbers"'), "Opened") == 1
    files = table(page, "data-files")
    assert [(row[""], row["Deliveries"], row["Sent"]) for row in files] == [
        ("a.bin", "2", "150"), ("b.bin", "1", "4"),
    ]  # fmt: skip
    assert [row["Arrived"] for row in table(page, "data-deliveries")] == ["50", "4", "100"]
    families = {row[""]: row["Downloads"] for row in table(page, 'data-kind="family"')}
    assert families == {"curl": "2", "Firefox": "0"}
    assert [row[""] for row in table(page, 'data-kind="referrer"')] == ["news.example.com"]


def test_a_file_has_a_page_of_its_own(any_database_app: Flask):
    app = any_database_app
    sent = a_busy_bundle(app)
    first, second = (file.id for file in stored_link(app, sent.code).files)

    page = look(app, sent, f"?file={second}").text

    expected = counted(app, sent, 1)
    assert (shown(page)["deliveries"], shown(page)["bytes_sent"]) == (1, 4)
    assert {name: getattr(expected, name) for name in shown(page)} == shown(page)
    assert [row["Arrived"] for row in table(page, "data-deliveries")] == ["4"]
    assert f"?range=week&amp;file={second}" in page
    assert f"analytics/timeline.csv?file={second}" in page
    assert shown(look(app, sent, f"?file={first}").text)["deliveries"] == 2


def test_a_file_of_another_link_is_not_found(app: Flask):
    sent, other = send(app), send(app)
    foreign = stored_link(app, other.code).files[0].id

    assert look(app, sent, f"?file={foreign}").status_code == 404
    assert fetch(
        owner_of(app, sent), f"{sent.page}/analytics/deliveries.json?file={foreign}"
    ).status_code == 404  # fmt: skip


@pytest.mark.parametrize("file", ["abc", "-1", "0"])
def test_what_is_no_file_of_the_link_is_not_found(app: Flask, file: str):
    assert look(app, send(app), f"?file={file}").status_code == 404


def test_the_way_to_a_file_keeps_the_days_and_offers_what_is_of_the_file(app: Flask):
    sent = a_busy_bundle(app)
    file = stored_link(app, sent.code).files[1].id
    asked = "from=2026-01-01&amp;to=2026-12-31&amp;step=week"

    of_link = look(app, sent, f"?{unescape(asked)}").text
    of_file = look(app, sent, f"?{unescape(asked)}&file={file}").text

    assert f'"?{asked}&amp;file={file}"' in of_link
    assert f'"?{asked}&amp;file="' in of_file
    assert "analytics/files.csv" in of_link
    assert "analytics/files.csv" not in of_file
    address = f"{sent.page}/analytics/sources.csv?file={file}"
    assert fetch(owner_of(app, sent), address).status_code == 404


def test_the_days_of_the_form_may_be_asked_for_again(app: Flask):
    sent = send(app)
    page = look(app, sent, "?from=2000-01-01&to=2000-01-05&step=week").text
    first, last = re.findall(r'type="date" value="(.*?)"', page)

    assert first == "2000-01-01"
    assert look(app, sent, f"?from={first}&to={last}&step=week").status_code == 200


def test_every_table_has_a_name(app: Flask):
    page = look(app, a_busy_bundle(app)).text

    assert page.count("<table ") >= 6
    assert page.count("<table ") == len(re.findall(r"<table [^>]*aria-labelledby=", page))


def test_older_deliveries_are_on_the_next_page(app: Flask):
    sent = send(app)
    for number in range(52):
        fetch(shell(app, f"192.0.2.{number}"), sent.file())

    page = look(app, sent, "?range=week").text
    (older,) = re.findall(r'rel="next" href="(\?[^"#]+)', page)
    rest = look(app, sent, unescape(older)).text

    ids = [re.findall(r'<tr data-id="(\d+)"', each) for each in (page, rest)]
    assert [len(each) for each in ids] == [50, 2]
    assert not set(ids[0]) & set(ids[1])
    assert 'rel="next"' not in rest
    assert 'href="?range=week" aria-current="true"' in rest


# Periods and zones.


def zone_of(page: TestResponse) -> str:
    (zone,) = re.findall(r'data-zone="([^"]+)"', page.text)
    return f"{zone} unknown" if "data-zone-unknown" in page.text else zone


def test_the_zone_of_the_address_is_taken_and_kept_by_the_browser(any_database_app: Flask):
    app = any_database_app
    sent = send(app)
    alice = owner_of(app, sent)
    address = f"{sent.page}/analytics"

    before = fetch(alice, address)
    asked = fetch(alice, f"{address}?zone=Asia/Kathmandu&step=hour")
    after = fetch(alice, f"{address}?range=day")
    again = fetch(alice, f"{address}?zone=Asia/Kathmandu")

    assert [zone_of(page) for page in (before, asked, after)] == [
        "UTC unknown", "Asia/Kathmandu", "Asia/Kathmandu",
    ]  # fmt: skip
    cookie = asked.headers["Set-Cookie"]
    assert cookie.startswith("zone=Asia/Kathmandu;")
    assert "SameSite=Lax" in cookie
    assert "Set-Cookie" not in again.headers
    assert "Cookie" in after.headers["Vary"]


def test_hours_are_named_by_the_clock_of_the_zone(app: Flask):
    sent = send(app)
    fetch(shell(app), sent.file())

    page = look(app, sent, "?range=day&zone=Asia/Kathmandu").text

    rows = table(page, 'id="downloads-numbers"')
    assert len(rows) == 24
    assert all(re.fullmatch(r"\d+ \w{3} \d{4}, \d\d:00 \+0545", row[""]) for row in rows)
    assert rows[-1]["Downloads"] == "1"


def test_a_cookie_with_a_zone_that_is_none_is_as_good_as_none(app: Flask):
    sent = send(app)
    alice = owner_of(app, sent)
    alice.set_cookie("zone", "Mars/Olympus")

    page = fetch(alice, f"{sent.page}/analytics")

    assert (page.status_code, zone_of(page)) == (200, "UTC unknown")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?zone=Mars/Olympus", "That is no time zone. Write one like Europe/Berlin, or UTC."),
        ("?zone=../../etc/passwd", "That is no time zone. Write one like Europe/Berlin, or UTC."),
        ("?range=fortnight", "There is no range 'fortnight'"),
        ("?step=minute", "There is no step 'minute'"),
        ("?from=yesterday", "Write days like 2026-11-25."),
        ("?to=2026-02-30", "Write days like 2026-11-25."),
        ("?from=1999-12-31", "Choose days from 2000-01-01 to 2099-12-31."),
        ("?from=2026-11-25&to=2026-11-24", "The first day is after the last one."),
        (f"?range={HOSTILE}", "There is no range '&lt;script&gt;"),
    ],
)
def test_a_bad_period_is_refused_with_a_sentence(app: Flask, query: str, sentence: str):
    page = look(app, send(app), query)

    assert page.status_code == 422
    assert sentence in page.text.replace("&#39;", "'")
    assert HOSTILE not in page.text
    assert "zone=" not in page.headers.get("Set-Cookie", "")


@pytest.mark.parametrize("name", ["day", "week", "month", "year", "all"])
def test_each_range_is_marked_and_its_exports_are_of_the_same_time(app: Flask, name: str):
    sent = a_busy_bundle(app)

    page = look(app, sent, f"?range={name}").text

    assert re.findall(r'href="\?range=(\w+)" aria-current="true"', page) == [name]
    assert re.findall(r'href="\?range=(\w+)"', page) == ["day", "week", "month", "year", "all"]
    assert f'href="analytics/timeline.csv?range={name}"' in page
    assert shown(page)["downloads"] == 2


def test_days_that_are_chosen_leave_out_what_was_on_others(app: Flask):
    sent = a_busy_bundle(app)

    past = look(app, sent, "?from=2020-02-28&to=2020-03-01").text
    ahead = look(app, sent, "?from=2020-01-01&step=month").text

    assert table(ahead, 'id="downloads-numbers"')[0][""] == "Jan 2020"
    assert (shown(past)["downloads"], shown(ahead)["downloads"]) == (0, 2)
    assert "28 Feb 2020 to 1 Mar 2020" in past
    assert 'value="2020-02-28"' in past
    assert 'aria-current="true"' not in past.partition("<form")[0].rpartition("<nav")[2]


# Who may see it.


def test_whoever_has_the_owner_token_in_the_address_gets_page_and_exports(any_database_app: Flask):
    app = any_database_app
    sent = a_busy_bundle(app)
    anybody = browser(app)
    address = f"{sent.private_page}/analytics"

    page = fetch(anybody, address)

    assert (page.status_code, shown(page.text)["downloads"]) == (200, 2)
    assert f'href="{sent.private_page}"' in page.text
    links = re.findall(r'href="(analytics/[\w.]+)"', page.text)
    assert len(links) == 8
    for link in links:
        answer = fetch(anybody, f"{sent.private_page}/{link}")
        assert answer.status_code == 200, link
        assert answer.headers["Content-Disposition"].startswith("attachment"), link


STRANGERS: dict[str, Callable[[Flask], FlaskClient]] = {
    "browser": browser,
    "shell": shell,
    "user": lambda app: signed_in(app, make_user(app, "Charlie")),
    "admin": admin_of,
    "token": lambda app: with_token(app, make_user(app, "Charlie"), Scope.READ),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_to_others_it_is_an_address_that_never_was(app: Flask, who: str):
    sent = a_busy_bundle(app)
    stranger = STRANGERS[who](app)
    expected = fetch(stranger, "/links/neverwas01/analytics")
    paths = ["analytics", "analytics/timeline.csv", "analytics/deliveries.json", "analytics/x.y"]
    asked = [f"{sent.page}/{path}" for path in paths]
    asked += [f"{sent.page}/{'x' * 32}/{path}" for path in paths]
    asked += [f"{sent.page}/analytics?zone=Mars", f"{sent.page}/analytics?file=1"]

    answers = {path: fetch(stranger, path) for path in asked}

    assert expected.status_code == 404
    assert {path for path, each in answers.items() if each.status_code != 404} == set()
    assert {path for path, each in answers.items() if each.data != expected.data} == set()
    assert not any("zone=" in each.headers.get("Set-Cookie", "") for each in answers.values())


def test_a_token_that_may_read_exports_what_is_its_user_s(any_database_app: Flask):
    app = any_database_app
    alice, bob = make_user(app, "Alice"), make_user(app, "Bob")
    hers, his = sent_by(with_token(app, alice)), sent_by(with_token(app, bob))
    for sent in (hers, his):
        fetch(shell(app), sent.file())
    reading = with_token(app, alice, Scope.READ)

    timeline = fetch(reading, "/account/analytics/timeline.json").json
    links = fetch(reading, "/account/analytics/links.json").json["links"]
    of_link = fetch(reading, f"{hers.page}/analytics/deliveries.json").json["deliveries"]

    assert timeline["user"] == "Alice"
    assert sum(row["downloads"] for row in timeline["timeline"]) == 1
    assert [row["code"] for row in links] == [hers.code]
    assert [row["bytes_arrived"] for row in of_link] == [5]
    assert fetch(reading, f"{his.page}/analytics/deliveries.json").status_code == 404
    uploading = with_token(app, alice, Scope.UPLOAD)
    assert fetch(uploading, "/account/analytics/timeline.json").status_code == 403
    assert fetch(reading, "/admin/analytics/timeline.json").status_code == 404


# What is recorded, and how it is written.


def test_with_analytics_off_pages_say_so(make_app: Callable[..., Flask]):
    app = make_app(analytics=False)
    sent = a_busy_bundle(app)
    alice = make_user(app, "Alice")

    page = look(app, sent).text

    assert "switched analytics off" in page
    assert (shown(page)["downloads"], shown(page)["opened"]) == (2, 0)
    assert "data-kind" not in page
    assert "switched analytics off" in fetch(signed_in(app, alice), "/account/analytics").text
    assert "ANALYTICS is off" in fetch(admin_of(app), "/admin/analytics").text


def test_with_analytics_on_no_page_says_that_it_is_off(app: Flask):
    assert "switched analytics off" not in look(app, send(app)).text
    assert "ANALYTICS is off" not in fetch(admin_of(app), "/admin/analytics").text


@pytest.mark.parametrize("keeps", [True, False])
def test_addresses_are_shown_where_they_are_kept(make_app: Callable[..., Flask], keeps: bool):
    app = make_app(keep_addresses=keeps)
    sent = send(app)
    fetch(shell(app, "203.0.113.78"), sent.file())

    export = fetch(owner_of(app, sent), f"{sent.page}/analytics/deliveries.json")

    assert ("203.0.113.78" in look(app, sent).text) == keeps
    assert export.json["deliveries"][0]["address"] == ("203.0.113.78" if keeps else None)


def test_what_clients_and_senders_write_is_text_and_no_markup(any_database_app: Flask):
    app = any_database_app
    sent = send(app, {f"{HOSTILE}.bin": b"alpha", '"><b>.bin': b"beta"})
    headers = {
        "User-Agent": f"{HOSTILE} {FIREFOX} {HOSTILE}",
        "Referer": f"https://a.example/{HOSTILE}",
    }
    fetch(shell(app), sent.file(), headers=headers)
    fetch(browser(app), sent.path, headers={"Referer": f"https://{HOSTILE}/"})
    fetch(shell(app, "192.0.2.5"), sent.file(1), headers={"User-Agent": HOSTILE})

    pages = [look(app, sent).text, fetch(admin_of(app), "/admin/analytics").text]
    names = [row[""] for row in table(pages[0], "data-files")]

    assert not any("<script>alert" in page or "<b>.bin" in page for page in pages)
    assert "&lt;script&gt;.bin" not in names
    assert [name.rpartition("/")[2] for name in names] == [
        file.filename.rpartition("/")[2] for file in stored_link(app, sent.code).files
    ]


# The pages of a user and of the instance.


def test_a_user_sees_the_space_of_each_day_that_was_measured(any_database_app: Flask):
    app = any_database_app
    alice, bob = make_user(app, "Alice"), make_user(app, "Bob")
    page = signed_in(app, alice)
    storage: Any = app.extensions["minifile"].storage

    def measure(now: datetime) -> None:
        with app.app_context():
            assert sample_usage(storage=storage, now=now)
            db.session.remove()

    empty = fetch(page, "/account/analytics").text
    measure(utcnow() - 2 * DAY)
    for user in (alice, alice, bob):
        sent_by(with_token(app, user))
    measure(utcnow() - DAY)
    sent_by(with_token(app, alice))
    measure(utcnow())
    # Where the sun rises earlier a day ends within one of UTC.
    seen = fetch(page, "/account/analytics?zone=Asia/Kathmandu").text

    rows = table(seen, 'id="space-numbers"')
    assert [(row["Stored"], row["Links"], row["Files"]) for row in rows] == [
        ("0", "0", "0"), ("10", "2", "2"), ("15", "3", "3"),
    ]  # fmt: skip
    assert "Space is measured once a day" in empty
    assert shown(seen)["links"] == 3


def test_a_user_s_page_adds_up_their_links_and_leads_to_each(any_database_app: Flask):
    app = any_database_app
    alice, bob = make_user(app, "Alice"), make_user(app, "Bob")
    often, once, foreign = (sent_by(with_token(app, user)) for user in (alice, alice, bob))
    for sent, addresses in ((often, "123"), (once, "1"), (foreign, "1234")):
        for last in addresses:
            fetch(shell(app, f"192.0.2.{last}"), sent.file())

    page = fetch(signed_in(app, alice), "/account/analytics").text

    assert (shown(page)["downloads"], shown(page)["links"], shown(page)["bytes_sent"]) == (4, 2, 20)
    assert [row["Downloads"] for row in table(page, "data-top")] == ["3", "1"]
    assert re.findall(r'<a href="(/links/\w+/analytics)"', page) == [
        f"{often.page}/analytics", f"{once.page}/analytics",
    ]  # fmt: skip
    assert '<span data-ever="downloads" data-value="4">' in page
    assert foreign.code not in page


def test_the_admin_sees_when_the_storage_will_be_full(any_database_app: Flask):
    app = any_database_app
    free = free_bytes_of(app.extensions["minifile"].storage)
    assert free
    # Ten and a half days, so that a few bytes more or less make no difference.
    rate = int(free / 10.5)
    write_space(app, 0, rate, 2 * rate, 3 * rate)

    page = fetch(admin_of(app), "/admin/analytics?range=week&zone=Europe/Berlin").text

    assert f'data-full-on="{utcnow() + 10 * DAY:%Y-%m-%d}"' in page
    # Today was measured, too.
    assert [int(row["Stored"]) for row in table(page, 'id="space-numbers"')] == [
        0, rate, 2 * rate, 3 * rate,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((), "not known before three days were measured"),
        ((5000, 4000, 3000), "1000 B less each day"),
        ((3000, 3000, 3000), "0 B a day"),
    ],
    ids=["nothing measured", "shrinking", "steady"],
)
def test_the_admin_is_told_no_day_where_none_is_to_be_expected(
    app: Flask, sizes: tuple[int, ...], words: str
):
    write_space(app, *sizes)

    page = fetch(admin_of(app), "/admin/analytics").text

    assert words in page
    assert 'data-full-on="">not to be expected' in page


def test_the_admin_sees_what_expires_in_the_days_ahead(any_database_app: Flask):
    app = any_database_app
    # The last one is beyond what is shown, and what was revoked does not expire.
    for days in (0, 3, 3, 40):
        change_row(app, send(app).code, expires_at=utcnow() + days * DAY + timedelta(seconds=30))
    revoked = send(app)
    change_row(app, revoked.code, expires_at=utcnow() + 3 * DAY)
    assert shell(app).delete(revoked.private_page).status_code in (200, 204)

    rows = table(fetch(admin_of(app), "/admin/analytics").text, 'id="expiries-numbers"')

    found = [(at, row["Links"], row["Freed"]) for at, row in enumerate(rows) if row["Links"] != "0"]
    assert len(rows) == 30
    assert found == [(0, "1", "5"), (3, "2", "10")]


def test_the_admin_s_page_adds_up_all_links(any_database_app: Flask):
    app = any_database_app
    alice = make_user(app, "Alice")
    hers, nobody_s = sent_by(with_token(app, alice)), send(app)
    for sent in (hers, nobody_s):
        fetch(shell(app), sent.file())

    page = fetch(admin_of(app), "/admin/analytics").text

    names = ("downloads", "links", "files", "bytes_received", "bytes_sent")
    assert [shown(page)[name] for name in names] == [2, 2, 2, 10, 10]
    links = {row[""]: row["Downloads"] for row in table(page, "data-top")}
    assert sorted(links) == sorted(f"a.txt{sent.code}" for sent in (hers, nobody_s))
