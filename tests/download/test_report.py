"""Reporting a link: a quiet way from the landing page to the admin."""

from collections.abc import Callable

import pytest
from cast import Sent, change_row, fetch, press, row_counts, send
from conftest import NOW, browser, shell
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from minifile.extensions import db
from minifile.models import Report


@pytest.fixture
def link(app: Flask) -> Sent:
    return send(app)


def reports(app: Flask) -> list[Report]:
    with app.app_context():
        return list(db.session.scalars(select(Report)))


def send_report(client: FlaskClient, link: Sent, **fields: str) -> TestResponse:
    return press(client, f"{link.path}/report?form=", f"{link.path}/report", **fields)


def test_the_landing_page_leads_to_the_form(app: Flask, link: Sent):
    page = browser(app).get(link.path).text

    assert f'href="{link.path}/report?form="' in page


def test_a_report_is_kept_and_thanked_for(app: Flask, link: Sent):
    answer = send_report(browser(app), link, reason="malware", message="Careful.", contact="")

    assert answer.status_code == 200
    assert "Thank you" in answer.text
    (kept,) = reports(app)
    assert (kept.reason, kept.message, kept.contact) == ("malware", "Careful.", None)


def test_a_locked_link_can_be_reported_without_its_password(app: Flask):
    link = send(app, password="secret")
    client = browser(app)

    assert f"{link.path}/report" in client.get(link.path).text
    assert send_report(client, link, reason="other").status_code == 200
    assert len(reports(app)) == 1


@pytest.mark.parametrize(
    "fields",
    [{}, {"reason": "nonsense"}, {"reason": "other", "message": "x" * 6000}],
    ids=["no reason", "unknown reason", "long message"],
)
def test_what_is_wrong_is_said_on_the_form(app: Flask, link: Sent, fields: dict[str, str]):
    answer = send_report(browser(app), link, **fields)

    assert answer.status_code == 422
    assert 'class="notice bad"' in answer.text or 'class="error"' in answer.text
    assert reports(app) == []


def test_unknown_fields_are_refused(app: Flask, link: Sent):
    answer = send_report(browser(app), link, reason="other", link_id="1", outcome="dismissed")

    assert answer.status_code == 422
    assert reports(app) == []


def test_without_the_forms_token_nothing_is_kept(app: Flask, link: Sent):
    answer = browser(app).post(f"{link.path}/report", data={"reason": "other"})

    assert answer.status_code == 400
    assert reports(app) == []


def test_another_site_reports_nothing_in_a_visitors_name(app: Flask, link: Sent):
    client = browser(app)
    client.environ_base["HTTP_SEC_FETCH_SITE"] = "cross-site"

    assert send_report(client, link, reason="other").status_code == 403
    assert reports(app) == []


def test_too_many_reports_are_slowed_down(make_app: Callable[..., Flask]):
    app = make_app(rate_reports=1)
    link, client = send(app), browser(app)
    send_report(client, link, reason="other")

    answer = send_report(client, link, reason="other")

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Too many reports" in answer.text


def test_a_private_link_can_not_be_reported_by_who_may_not_know_of_it(app: Flask, link: Sent):
    change_row(app, link.code, is_private=True)
    client = browser(app)

    answer, unknown = client.get(f"{link.path}/report?form="), client.get("/neverwas00")

    assert answer.status_code == 404
    assert answer.data == unknown.data


def test_an_expired_link_can_not_be_reported(app: Flask, link: Sent):
    change_row(app, link.code, expires_at=NOW.replace(year=2020))

    assert browser(app).get(f"{link.path}/report?form=").status_code == 410


def test_a_file_that_is_called_report_is_had_as_any_other(app: Flask):
    link = send(app, {"report": b"all is well", "a.txt": b"alpha"})

    assert fetch(shell(app), f"{link.path}/report").data == b"all is well"
    assert "Report this link" in browser(app).get(f"{link.path}/report?form=").text


def test_a_report_writes_nothing_but_itself(app: Flask, link: Sent):
    client = browser(app)
    client.get(link.path)
    before = row_counts(app)

    send_report(client, link, reason="other")

    assert row_counts(app) == {**before, "report": 1}


def test_a_locked_link_does_not_tell_that_a_file_is_called_so(app: Flask):
    link = send(app, {"report": b"bytes"}, password="word")

    shut = fetch(shell(app), f"{link.path}/report")
    opened = fetch(shell(app), f"{link.path}/report", headers={"X-Link-Password": "word"})

    assert (shut.status_code, "What is wrong" in shut.text or "report" in shut.text.lower()) == (
        200,
        True,
    )
    assert b"bytes" not in shut.data
    assert opened.data == b"bytes"
