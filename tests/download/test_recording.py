"""What is recorded of those who come to a link: by whom, and what never is."""

from datetime import UTC, datetime, timedelta

import pytest
from cast import SLACKBOT, Sent, change_row, fetch, press, send
from conftest import FIREFOX, browser, shell
from counting import count
from flask import Flask
from sqlalchemy import select

from minifile.extensions import db
from minifile.models import Link, Slot, Visit
from minifile.services.analytics import break_down
from minifile.services.counts import Counts, Subject, TallyScope
from minifile.services.details import list_deliveries
from minifile.services.rollup import roll_up
from minifile.values import Origin
from minifile.web.current import utcnow

DAY = timedelta(days=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ELSEWHERE = {"Referer": "https://news.example.com/today?who=me"}
# What was made of it when it was uploaded.
MADE = {"links": 1, "files": 1, "bytes_received": 5}


def numbers(app: Flask, sent: Sent) -> Counts:
    with app.app_context():
        now = utcnow()
        return count(subject(sent), now - DAY, now + DAY, now=now)


def subject(sent: Sent) -> Subject:
    link = db.session.scalars(select(Link.id).where(Link.code == sent.code)).one()
    return Subject(TallyScope.LINK, link)


def test_pages_are_counted_that_people_open(any_database_app: Flask):
    app = any_database_app
    sent = send(app, {"a.bin": b"alpha"})
    bob = browser(app)

    fetch(bob, sent.path, headers=ELSEWHERE)
    fetch(bob, f"{sent.path}?show=1")
    bob.head(sent.path)
    fetch(bob, sent.path, headers={"Sec-Purpose": "prefetch;prerender"})
    fetch(bob, f"{sent.path}.qr.svg")
    fetch(bob, sent.path, headers={"Accept": "application/json"})
    fetch(shell(app), sent.path, headers={"User-Agent": SLACKBOT})
    fetch(browser(app), sent.path, headers={"Authorization": f"Bearer {sent.owner_token}"})

    assert numbers(app, sent) == Counts(opened=1, bots=1, **MADE)
    with app.app_context():
        roll_up(utcnow())
        shares = break_down(subject(sent), utcnow() - DAY, utcnow() + DAY, limit=9)["referrer"]
    assert numbers(app, sent) == Counts(opened=1, bots=1, **MADE)
    assert [(each.value, each.opened) for each in shares] == [("news.example.com", 1)]


def test_those_are_counted_who_are_refused_a_link_that_has_ended(any_database_app: Flask):
    app = any_database_app
    expired, exhausted, revoked = send(app), send(app, max_downloads="1"), send(app)
    fetch(shell(app, "192.0.2.8"), exhausted.file())
    change_row(app, expired.code, expires_at=LONG_AGO)
    shell(app).delete(revoked.private_page)

    for sent in (expired, exhausted, revoked):
        assert fetch(shell(app), sent.path).status_code == 410
        assert fetch(browser(app), sent.path).status_code == 410
        assert fetch(shell(app), sent.file()).status_code == 410
        shell(app).head(sent.path)
        fetch(shell(app), f"{sent.path}.qr.svg")
        fetch(shell(app), sent.path, headers={"User-Agent": SLACKBOT})
        owner = browser(app)
        fetch(owner, sent.path, headers={"Authorization": f"Bearer {sent.owner_token}"})

    assert numbers(app, expired) == Counts(refused_expired=3, **MADE)
    found = numbers(app, exhausted)
    assert (found.refused_exhausted, found.refused, found.downloads) == (3, 3, 1)
    assert numbers(app, revoked) == Counts(refused_revoked=3, **MADE)


def test_wrong_passwords_are_counted_however_they_are_given(any_database_app: Flask):
    app = any_database_app
    sent = send(app, password="open sesame")

    fetch(shell(app), sent.path)
    fetch(shell(app), sent.path, headers={"X-Link-Password": "wrong"})
    press(browser(app), sent.path, f"{sent.path}/unlock", password="wrong")
    press(browser(app), sent.path, f"{sent.path}/unlock", password="open sesame")

    assert numbers(app, sent) == Counts(wrong_passwords=2, **MADE)


def test_a_download_is_told_with_its_program_and_the_site_that_led_to_it(any_database_app: Flask):
    app = any_database_app
    sent = send(app)

    fetch(shell(app), sent.file(), headers={**ELSEWHERE, "User-Agent": FIREFOX})
    fetch(shell(app), sent.file(), headers={"Referer": f"http://localhost{sent.path}"})

    with app.app_context():
        details = list_deliveries(subject(sent).id, limit=9, now=utcnow())
    assert [each.origin for each in details] == [
        Origin("curl"), Origin("Firefox", "Linux", None, "news.example.com"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Referer": "https://a.example/" + "x" * 8000}, id="a long referrer"),
        pytest.param({"Referer": "https://[\xff"}, id="a broken referrer"),
        pytest.param({"User-Agent": "\x1b[31m\x7f\xff" * 200}, id="an agent of control characters"),
        pytest.param({"User-Agent": "=cmd|' /C calc'!A0"}, id="an agent for a spreadsheet"),
        pytest.param({"User-Agent": "x" * 8000}, id="a long agent"),
    ],
)
def test_what_a_client_says_of_itself_breaks_nothing(any_database_app: Flask, headers):
    app = any_database_app
    sent = send(app)

    asked = [fetch(browser(app), sent.path, headers=headers)]
    asked.append(fetch(shell(app), sent.file(), headers=headers))
    with app.app_context():
        roll_up(utcnow())
        families = break_down(subject(sent), utcnow() - DAY, utcnow() + DAY, limit=9)["family"]

    assert [each.status_code for each in asked] == [200, 200]
    assert {each.value for each in families} <= {"Other", "curl", "Firefox"}


def test_with_analytics_off_downloads_are_counted_and_nothing_else(make_app):
    app = make_app(analytics=False, keep_addresses=True)
    sent = send(app)

    page = fetch(browser(app), sent.path, headers=ELSEWHERE)
    fetch(shell(app), sent.file(), headers=ELSEWHERE)
    change_row(app, sent.code, expires_at=LONG_AGO)
    fetch(shell(app), sent.file())

    found = numbers(app, sent)
    with app.app_context():
        slot = db.session.scalars(select(Slot)).one()
        kept = slot.visitor, slot.family, slot.referrer, slot.address
    assert (found.downloads, found.opened, found.refused, found.clients) == (1, 0, 0, 0)
    assert kept == (None, None, None, None)
    assert "keeps the address" not in page.text


def test_addresses_are_kept_only_where_the_page_says_so(make_app):
    app = make_app()
    sent = send(app)
    silent = fetch(browser(app, "203.0.113.77"), sent.path).text
    fetch(browser(app, "203.0.113.77"), sent.file())
    with app.app_context():
        everything = [str(row) for row in db.session.execute(select(Slot.__table__))]
        everything += [str(row) for row in db.session.execute(select(Visit.__table__))]
    keeping = make_app(keep_addresses=True)

    told = fetch(browser(keeping), sent.path).text
    fetch(shell(keeping, "203.0.113.78"), sent.file())

    with keeping.app_context():
        details = list_deliveries(subject(sent).id, limit=9, now=utcnow())
    assert "keeps the address" not in silent
    assert "203.0.113" not in "".join(everything)
    assert "keeps the address from which you download" in told
    assert [each.origin.address for each in details] == ["203.0.113.78", None]
