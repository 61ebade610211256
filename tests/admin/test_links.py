"""Links, reports and blocked files on the admin pages."""

import pytest
from cast import Sent, downloads, form_token, kept_bytes, row_counts, send, stored_link
from conftest import browser, shell
from flask import Flask
from people import Person
from sqlalchemy import select

from minifile.extensions import db
from minifile.identity import BY_SHELL
from minifile.models import AuditEntry, Link, Report
from minifile.services.reports import report_link
from minifile.services.takedowns import Takedown, take_down
from minifile.web.current import utcnow

GONE = "The admin of this site has taken this link down."


@pytest.fixture
def link(app: Flask) -> Sent:
    return send(app, {"harmful.exe": b"alpha"})


def link_id(app: Flask, link: Sent) -> int:
    return stored_link(app, link.code).id


def page_of(app: Flask, link: Sent) -> str:
    return f"/admin/links/{link_id(app, link)}"


def own(app: Flask, link: Sent, person: Person) -> None:
    assert person.user is not None
    with app.app_context():
        row = db.session.get(Link, link_id(app, link))
        assert row is not None
        row.owner_id = person.user.id
        db.session.commit()


def report(app: Flask, link: Sent) -> None:
    with app.app_context():
        row, rates = stored_link(app, link.code), app.extensions["minifile"].rates
        report_link(
            row, "malware", message="<b>Careful</b>", address="a", rates=rates, now=utcnow()
        )


def acts(app: Flask) -> list[tuple[str, int | None]]:
    with app.app_context():
        query = select(AuditEntry.action, AuditEntry.actor_id).order_by(AuditEntry.id)
        rows = db.session.execute(query.where(~AuditEntry.action.startswith("session."))).all()
    return [(row[0], row[1]) for row in rows if row[0] != "user.create"]


def take(admin: Person, app: Flask, link: Sent, **fields: str):
    page = page_of(app, link)
    return admin.send(f"{page}/takedown", page=page, **{"reason": "It is malware.", **fields})


def test_a_link_is_found_and_looked_at_without_a_download(app: Flask, admin: Person, link: Sent):
    listed = admin.get("/admin/links?q=harmful")
    page = admin.get(page_of(app, link))

    assert page_of(app, link) in listed.text
    assert link.json["files"][0]["sha256"] in page.text
    assert link.owner_token not in page.text
    assert downloads(app, link.code) == 0


@pytest.mark.parametrize("query", ["q=%00", "q=%FF", "state=nonsense&page=999999999", "page=-1"])
def test_odd_questions_get_an_answer(admin: Person, link: Sent, query: str):
    assert admin.get(f"/admin/links?{query}").status_code == 200
    assert admin.get(f"/admin/users?{query}").status_code == 200


def test_visitors_are_told_that_it_was_taken_down_but_not_why(
    app: Flask, admin: Person, link: Sent
):
    answer = take(admin, app, link)

    assert answer.status_code == 303
    seen = browser(app).get(link.path)
    assert seen.status_code == 410
    assert GONE in seen.text
    assert "malware" not in seen.text
    assert shell(app).get(link.file()).status_code == 410


def test_its_owner_reads_why(app: Flask, admin: Person, alice: Person, link: Sent):
    own(app, link, alice)
    take(admin, app, link)

    page = alice.get(link.page)

    assert page.status_code == 410
    assert "It is malware." in page.text


def test_the_browser_that_made_it_reads_why_in_its_list(app: Flask, admin: Person, link: Sent):
    client = browser(app)
    client.get("/")
    client.get(link.private_page)
    take(admin, app, link)

    listed = client.get("/links/")

    assert "Taken down: It is malware." in listed.text


def test_the_holder_of_the_owner_token_reads_why_too(app: Flask, admin: Person, link: Sent):
    take(admin, app, link)

    answer = shell(app).get(link.private_page)

    assert (answer.status_code, "It is malware." in answer.text) == (410, True)


def test_the_bytes_can_go_at_once(app: Flask, admin: Person, link: Sent):
    take(admin, app, link, deletes_bytes="y")

    assert kept_bytes(app) == {}
    assert browser(app).get(link.path).status_code == 410


def test_its_files_can_be_blocked_with_it(app: Flask, admin: Person, link: Sent):
    take(admin, app, link, blocks_digests="y")

    assert shell(app).put("/again.bin", data=b"alpha").status_code == 415
    assert "blocked" in admin.get(page_of(app, link)).text
    assert acts(app) == [("link.takedown", 1), ("digest.block", 1)]


def test_a_takedown_without_a_reason_does_nothing(app: Flask, admin: Person, link: Sent):
    answer = take(admin, app, link, reason=" ")

    assert answer.status_code == 422
    assert browser(app).get(link.path).status_code == 200


def test_unknown_fields_are_refused_and_nothing_is_done(app: Flask, admin: Person, link: Sent):
    answer = take(admin, app, link, owner_id="1")

    assert answer.status_code == 422
    assert acts(app) == []


def test_without_the_forms_token_nothing_is_done(app: Flask, admin: Person, link: Sent):
    page = page_of(app, link)

    for path in (f"{page}/takedown", f"{page}/revoke", "/admin/digests", "/admin/reports/dismiss"):
        assert admin.client.post(path, data={"reason": "x"}).status_code == 400

    assert acts(app) == []


def test_a_second_admin_who_is_late_gets_the_same_answer(app: Flask, admin: Person, link: Sent):
    page = admin.get(page_of(app, link))
    with app.app_context():
        take_down(
            link_id(app, link), Takedown("First."), actor=BY_SHELL,
            storage=app.extensions["minifile"].storage, now=utcnow(),
        )  # fmt: skip

    answer = admin.client.post(
        f"{page_of(app, link)}/takedown",
        data={"csrf_token": form_token(page), "reason": "Second."},
    )

    assert answer.status_code == 303
    assert stored_link(app, link.code).takedown_reason == "First."


def test_a_revoke_by_an_admin_says_no_more_than_a_senders(app: Flask, admin: Person, link: Sent):
    page = page_of(app, link)

    assert admin.send(f"{page}/revoke", page=page).status_code == 303

    seen = browser(app).get(link.path)
    assert (seen.status_code, GONE in seen.text) == (410, False)
    assert acts(app) == [("link.revoke", 1)]


def test_reports_wait_in_the_queue_and_in_the_head_of_each_page(
    app: Flask, admin: Person, link: Sent
):
    report(app, link)
    report(app, link)

    queue, upload_page = admin.get("/admin/reports").text, admin.get("/").text

    assert queue.count("&lt;b&gt;Careful&lt;/b&gt;") == 2
    assert queue.count("Look at it") == 1
    assert '2<span class="visually-hidden"> open reports' in upload_page


def test_reports_are_dismissed_once(app: Flask, admin: Person, link: Sent):
    report(app, link)
    fields = {"link_id": str(link_id(app, link))}

    first = admin.send("/admin/reports/dismiss", page="/admin/reports", **fields)
    second = admin.send("/admin/reports/dismiss", page=page_of(app, link), **fields)

    assert (first.status_code, second.status_code) == (303, 303)
    assert acts(app) == [("report.dismissed", 1)]
    assert browser(app).get(link.path).status_code == 200


def test_a_takedown_handles_the_reports(app: Flask, admin: Person, link: Sent):
    report(app, link)

    take(admin, app, link)

    with app.app_context():
        assert db.session.scalars(select(Report.outcome)).all() == ["taken_down"]
    assert "taken down" in admin.get("/admin/reports").text


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 30, "4711"])
def test_reports_of_no_link_are_not_dismissed(app: Flask, admin: Person, link: Sent, value: str):
    report(app, link)

    answer = admin.send("/admin/reports/dismiss", page="/admin/digests", link_id=value)

    assert answer.status_code in (404, 422)


def test_a_file_is_blocked_by_its_digest_and_unblocked(app: Flask, admin: Person, link: Sent):
    digest = link.json["files"][0]["sha256"]
    assert digest in admin.get(f"/admin/digests?sha256={digest}").text

    blocked = admin.send("/admin/digests", sha256=digest, reason="Out.", takes_holders="y")
    assert blocked.status_code == 303
    assert browser(app).get(link.path).status_code == 410
    assert shell(app).put("/x.bin", data=b"alpha").status_code == 415

    unblocked = admin.send("/admin/digests/unblock", page="/admin/digests", sha256=digest)
    assert unblocked.status_code == 303
    assert shell(app).put("/x.bin", data=b"alpha").status_code == 200


@pytest.mark.parametrize("sha256", ["", "x", "ab" * 40, "ü" * 64])
def test_what_is_no_digest_is_refused(app: Flask, admin: Person, sha256: str):
    before = row_counts(app)

    answer = admin.send("/admin/digests", sha256=sha256, reason="Out.")

    assert answer.status_code == 422
    assert row_counts(app) == before
