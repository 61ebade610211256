"""Exports as programs read them: CSV by the csv module, JSON, and what is in them."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cast import Sent, fetch, send, stored_link
from conftest import FIREFOX, browser, shell
from counting import count
from flask import Flask
from people import make_user, signed_in

from minifile.analytics.exports import Cell, Table, send_table
from minifile.errors import NotFound
from minifile.extensions import db
from minifile.identity import UserRole
from minifile.services.counts import COUNTERS, EVERYTHING, Counts, Subject, TallyScope
from minifile.services.periods import Period, Step
from minifile.services.rollup import roll_up
from minifile.web.current import utcnow

EVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

BERLIN = ZoneInfo("Europe/Berlin")
SUMMER = datetime(2026, 7, 1, 10, 30, tzinfo=UTC)
PERIOD = Period([SUMMER, SUMMER + timedelta(days=1)], Step.DAY, BERLIN, "")
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tcell", "\rcell", "\ncell"]
ODD_TEXTS = [*FORMULAS, 'a "quoted", name', "two\r\nlines", "ä ☃ \U0001f600", "'quoted", ""]


def exported(app: Flask, form: str, columns: Sequence[str], *rows: Sequence[Cell]) -> str:
    with app.test_request_context():
        return send_table(Table("rows", columns, rows), form, PERIOD, link="=abc").get_data(True)


def csv_rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def records(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV, each by the names of its columns."""
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_csv_is_read_back_as_it_was_but_for_formulas(app: Flask):
    read = csv_rows(exported(app, "csv", ["a", "b"], *([text, 7] for text in ODD_TEXTS)))

    assert read[0] == ["a", "b"]
    assert [row[1] for row in read[1:]] == ["7"] * len(ODD_TEXTS)
    assert [row[0] for row in read[1:]] == [
        f"'{text}" if text in FORMULAS else text for text in ODD_TEXTS
    ]


def test_a_number_below_zero_and_nothing_stay_what_they_are_in_csv(app: Flask):
    assert csv_rows(exported(app, "csv", ["a", "b"], [-5, None]))[1] == ["-5", ""]


def test_lines_of_csv_end_as_rfc_4180_says(app: Flask):
    assert exported(app, "csv", ["a"], ["x"], ["y"]) == "a\r\nx\r\ny\r\n"


def test_json_is_read_back_as_it_was(app: Flask):
    read = json.loads(exported(app, "json", ["a", "b"], *([text, None] for text in ODD_TEXTS)))

    assert read["rows"] == [{"a": text, "b": None} for text in ODD_TEXTS]
    assert {name: read[name] for name in ("link", "step", "zone")} == {
        "link": "=abc", "step": "day", "zone": "Europe/Berlin",
    }  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "json"])
def test_instants_have_the_clock_of_the_zone_and_their_offset(app: Flask, form: str):
    text = exported(app, form, ["at"], [SUMMER])

    assert "2026-07-01T12:30:00+02:00" in text
    assert (form == "json") == ('"since": "2026-07-01T12:30:00+02:00"' in text)


def test_a_table_without_rows_is_a_head_or_an_empty_list(app: Flask):
    assert exported(app, "csv", ["a", "b"]) == "a,b\r\n"
    assert json.loads(exported(app, "json", ["a", "b"]))["rows"] == []


def test_a_broken_character_does_not_end_the_export(app: Flask):
    broken = "a\ud800b"

    assert csv_rows(exported(app, "csv", ["a"], [broken], ["next"]))[2] == ["next"]
    assert len(json.loads(exported(app, "json", ["a"], [broken], ["next"]))["rows"]) == 2


def test_rows_are_read_while_they_are_sent(app: Flask):
    read: list[int] = []

    def rows() -> Iterator[list[Cell]]:
        for number in range(1000):
            read.append(number)
            yield [number]

    with app.test_request_context():
        pieces = iter(send_table(Table("rows", ["n"], rows()), "csv", PERIOD).response)
        first = bytes(next(pieces))
        read_so_far = len(read)
        rest = b"".join(map(bytes, pieces))

    assert 0 < read_so_far < 300
    assert csv_rows((first + rest).decode()) == [["n"], *([str(at)] for at in range(1000))]


@pytest.mark.parametrize("form", ["xml", "CSV", "", "csv "])
def test_another_form_is_refused(app: Flask, form: str):
    with pytest.raises(NotFound):
        exported(app, form, ["a"])


# What follows is asked for as a client does.


def owner_of(app: Flask, sent: Sent) -> Any:
    client = shell(app)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {sent.owner_token}"
    return client


def a_fetched_bundle(app: Flask) -> Sent:
    """Make a link of two files which two clients have fetched, in part and wholly."""
    sent = send(app, {'=1+1 "a".bin': b"alpha" * 20, "b.bin": b"beta"})
    fetch(shell(app, "192.0.2.8"), sent.file())
    fetch(shell(app, "192.0.2.8"), sent.file(1), headers={"Referer": "https://a.example/x"})
    fetch(shell(app, "192.0.2.9"), sent.file(), headers={"Range": "bytes=0-49"})
    fetch(browser(app), sent.path)
    return sent


def subjects(app: Flask, sent: Sent) -> tuple[Subject, Subject, Subject]:
    """Return the link and its files, as the database knows them."""
    link = stored_link(app, sent.code)
    first, second = (Subject(TallyScope.FILE, file.id) for file in link.files)
    return Subject(TallyScope.LINK, link.id), first, second


def counted(app: Flask, subject: Subject) -> Counts:
    with app.app_context():
        found = count(subject, *EVER, now=utcnow())
        db.session.remove()
    return found


@pytest.mark.parametrize("is_rolled_up", [False, True], ids=["pending", "rolled up"])
def test_an_export_has_the_numbers_of_the_database(any_database_app: Flask, is_rolled_up: bool):
    app = any_database_app
    sent = a_fetched_bundle(app)
    if is_rolled_up:
        with app.app_context():
            roll_up(utcnow() + timedelta(days=2))
    link, first, _ = subjects(app, sent)
    alice = owner_of(app, sent)

    timeline = records(fetch(alice, f"{sent.page}/analytics/timeline.csv?step=hour").text)
    of_file = fetch(alice, f"{sent.page}/analytics/timeline.json?file={first.id}").json["timeline"]
    files = records(fetch(alice, f"{sent.page}/analytics/files.csv").text)
    sources = fetch(alice, f"{sent.page}/analytics/sources.json").json["sources"]

    expected = counted(app, link)
    assert (expected.downloads, expected.deliveries, expected.bytes_arrived) == (2, 3, 154)
    for name in COUNTERS:
        assert sum(int(row[name]) for row in timeline) == getattr(expected, name), name
        assert sum(row[name] for row in of_file) == getattr(counted(app, first), name), name
    assert [row["filename"] for row in files] == ['\'=1+1 "a".bin', "b.bin"]
    assert [[int(row[name]) for name in ("size_bytes", "deliveries", "bytes_arrived")]
            for row in files] == [[100, 2, 150], [4, 1, 4]]  # fmt: skip
    families = {row["value"]: row for row in sources if row["kind"] == "family"}
    assert {name: (row["downloads"], row["opened"]) for name, row in families.items()} == {
        "curl": (2, 0), "Firefox": (0, 1),
    }  # fmt: skip


def test_single_deliveries_are_exported_the_newest_first_and_of_one_file(any_database_app: Flask):
    app = any_database_app
    sent = a_fetched_bundle(app)
    _, _, second = subjects(app, sent)
    alice, address = owner_of(app, sent), f"{sent.page}/analytics/deliveries"

    everything = fetch(alice, f"{address}.json?zone=Asia/Kathmandu").json["deliveries"]
    as_csv = records(fetch(alice, f"{address}.csv?zone=Asia/Kathmandu").text)
    of_file = fetch(alice, f"{address}.json?file={second.id}").json["deliveries"]

    assert [row["bytes_arrived"] for row in everything] == [50, 4, 100]
    assert [row["state"] for row in everything][1:] == ["completed", "completed"]
    assert {row["program"] for row in everything} == {"curl"}
    assert all(row["started_at"].endswith("+05:45") for row in everything)
    assert len({row["download"] for row in everything}) == 2
    assert [row["started_at"] for row in as_csv] == [row["started_at"] for row in everything]
    assert [row["completed_at"] for row in as_csv if row["bytes_arrived"] == "50"] == [""]
    assert [row["filename"] for row in of_file] == ["b.bin"]


def test_links_of_the_instance_are_exported_the_most_fetched_first(any_database_app: Flask):
    app = any_database_app
    once, twice, never = send(app), send(app, {"\t=b.txt": b"x"}), send(app)
    for sent, address in ((once, "192.0.2.3"), (twice, "192.0.2.3"), (twice, "192.0.2.4")):
        fetch(shell(app, address), sent.file(), headers={"User-Agent": FIREFOX})
    admin = admin_of(app)

    links = fetch(admin, "/admin/analytics/links.json").json["links"]

    assert [(row["code"], row["downloads"]) for row in links] == [(twice.code, 2), (once.code, 1)]
    assert never.code not in {row["code"] for row in links}
    assert sum(row["bytes_sent"] for row in links) == counted(app, EVERYTHING).bytes_sent == 7


def admin_of(app: Flask) -> Any:
    return signed_in(app, make_user(app, "Root", role=UserRole.ADMIN))


@pytest.mark.parametrize("name", ["nothing.csv", "timeline.xml", "links.csv", "Timeline.csv"])
def test_an_export_of_a_link_that_there_is_not_is_not_found(app: Flask, name: str):
    sent = send(app)
    alice = owner_of(app, sent)

    assert fetch(alice, f"{sent.page}/analytics/timeline.csv").status_code == 200
    answer = fetch(alice, f"{sent.page}/analytics/{name}")
    assert (answer.status_code, answer.text.count("There is no such export")) == (404, 1)
    assert fetch(admin_of(app), "/admin/analytics/deliveries.csv").status_code == 404


@pytest.mark.parametrize(
    ("form", "kind"),
    [("csv", "text/csv; charset=utf-8; header=present"), ("json", "application/json")],
)
def test_an_export_is_saved_as_a_file_and_kept_by_no_cache(app: Flask, form: str, kind: str):
    sent = send(app)

    answer = fetch(owner_of(app, sent), f"{sent.page}/analytics/sources.{form}")

    assert answer.content_type == kind
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="analytics-sources.{form}"'
    )
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_bad_period_is_refused_before_anything_is_sent(app: Flask):
    sent = send(app)

    answer = fetch(owner_of(app, sent), f"{sent.page}/analytics/timeline.csv?zone=Mars/Olympus")

    assert answer.status_code == 422
    assert "begins_at" not in answer.text
