"""What the admin pages do, from a shell: links, reports, digests, the audit log, settings."""

import csv
import json

import pytest
from cast import send, stored_link
from click.testing import Result
from conftest import NOW, browser, shell
from flask import Flask

from minifile.extensions import db
from minifile.models import AuditEntry
from minifile.services.history import list_purges, list_samples
from minifile.services.reports import report_link
from minifile.web.current import utcnow


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=list(arguments))


def vias(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        rows = db.session.execute(db.select(AuditEntry.action, AuditEntry.via)).all()
    return [(row[0], row[1]) for row in rows]


def report(app: Flask, code: str) -> None:
    with app.app_context():
        link, rates = stored_link(app, code), app.extensions["minifile"].rates
        report_link(link, "malware", message="Careful.", address="a", rates=rates, now=NOW)


def test_links_are_listed_and_shown(app: Flask):
    link, other = send(app, {"report.pdf": b"alpha"}), send(app)

    listed, shown = run(app, "link", "list", "report.pdf"), run(app, "link", "show", link.code)

    assert link.code in listed.output
    assert other.code not in listed.output
    assert link.json["files"][0]["sha256"] in shown.output
    assert link.owner_token not in shown.output


def test_a_link_is_revoked(app: Flask):
    link = send(app)

    done = run(app, "link", "revoke", f"https://files.example.org/{link.code}")

    assert done.output == "Revoked 1 link.\n"
    assert browser(app).get(link.path).status_code == 410
    assert vias(app) == [("link.revoke", "cli")]


def test_a_link_is_taken_down_with_a_reason(app: Flask):
    link = send(app)

    done = run(app, "link", "takedown", link.code, "--reason", "Malware.", "--delete-bytes")

    assert done.output == "Took down 1 link, blocked 0 digests, deleted 1 blob.\n"
    assert "taken this link down" in browser(app).get(link.path).text
    assert "Malware." in run(app, "link", "show", link.code).output


def test_a_takedown_needs_a_reason(app: Flask):
    link = send(app)

    assert run(app, "link", "takedown", link.code).exit_code == 2
    assert run(app, "link", "takedown", link.code, "--reason", " ").exit_code != 0
    assert browser(app).get(link.path).status_code == 200


def test_the_files_of_a_link_are_blocked_wherever_they_are(app: Flask):
    link, holder = send(app), send(app, {"again.txt": b"alpha"})

    done = run(app, "link", "block", link.code, "--reason", "Malware.")

    assert done.output == "Took down 2 links, blocked 1 digest, deleted 2 blobs.\n"
    assert browser(app).get(holder.path).status_code == 410
    assert shell(app).put("/x.bin", data=b"alpha").status_code == 415


def test_a_digest_is_blocked_listed_and_unblocked(app: Flask):
    digest = send(app).json["files"][0]["sha256"]

    assert run(app, "digest", "block", digest, "--reason", "Out.").exit_code == 0
    assert digest in run(app, "digest", "list").output
    assert run(app, "digest", "unblock", digest).output == "Unblocked 1 digest.\n"
    assert vias(app) == [("digest.block", "cli"), ("digest.unblock", "cli")]


def test_reports_are_listed_and_dismissed(app: Flask):
    link = send(app)
    report(app, link.code)

    assert "Careful." in run(app, "report", "list").output
    assert run(app, "report", "dismiss", link.code).output == "Dismissed 1 report.\n"
    assert link.code not in run(app, "report", "list").output
    assert "dismissed" in run(app, "report", "list", "--all").output


def test_a_reported_link_is_taken_down(app: Flask):
    link = send(app)
    report(app, link.code)

    done = run(app, "report", "takedown", link.code, "--reason", "Malware.")

    assert done.exit_code == 0
    assert "taken_down" in run(app, "report", "list", "--all").output


def test_the_audit_log_is_listed_and_exported(app: Flask):
    run(app, "link", "revoke", send(app).code)

    listed = run(app, "audit", "list", "--action", "link").output
    lines = run(app, "audit", "export", "--actor", "shell").output.splitlines()
    table = run(app, "audit", "export", "--format", "csv").output.splitlines()

    assert "link.revoke" in listed
    assert [json.loads(line)["via"] for line in lines] == ["cli"]
    assert [row[0] for row in csv.reader(table)] == ["id", "1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("link", "show", "nothing23"),
        ("link", "revoke", "#4711"),
        ("report", "dismiss", "nothing23"),
        ("digest", "unblock", "ab" * 32),
        ("digest", "block", "x", "--reason", "y"),
        ("audit", "list", "--actor", "nobody"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_fails_without_a_trace_in_the_log(app: Flask, arguments: tuple[str, ...]):
    done = run(app, *arguments)

    assert done.exit_code != 0
    assert vias(app) == []


def test_the_settings_are_printed_without_secrets(app: Flask):
    done = run(app, "settings")

    assert "SECRET_KEY" in done.output
    assert "(instance folder)" in done.output
    assert app.config["SECRET_KEY"] not in done.output


def test_a_purge_is_noted_for_the_overview(app: Flask):
    assert run(app, "purge").exit_code == 0

    with app.app_context():
        assert [run.via for run in list_purges()] == ["cli"]
        assert len(list_samples(days=2, now=utcnow())) == 1
