"""The audit log: kept by the database, filtered, written out without traps."""

import csv
import io
import json
from datetime import timedelta

import pytest
from conftest import NOW
from flask import Flask
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from minifile.extensions import db, write_transaction
from minifile.identity import BY_SHELL, Actor
from minifile.models import AuditEntry
from minifile.services.audit import record
from minifile.services.audit_log import PAGE, AuditFilter, list_entries, stream_entries
from minifile.services.audit_writing import csv_lines, json_lines
from minifile.services.users import create_user

DAY = timedelta(days=1)
ALL = AuditFilter()


def write(*actions: str, actor: Actor = BY_SHELL, subject_id: int | None = None, now=NOW) -> None:
    with write_transaction() as session:
        for action in actions:
            record(session, actor, action, subject_id, "=1+1", now=now)


def actions(wanted: AuditFilter = ALL) -> list[str]:
    return [entry.action for entry in list_entries(wanted)]


@pytest.mark.parametrize(
    "change",
    [
        update(AuditEntry).values(action="nothing.happened"),
        delete(AuditEntry),
        text("UPDATE audit_entry SET actor_id = NULL"),
        text("DELETE FROM audit_entry WHERE id > 0"),
    ],
    ids=["update", "delete", "update in SQL", "delete in SQL"],
)
def test_the_database_refuses_to_change_or_delete_an_act(everywhere: Flask, change):
    write("link.revoke")

    with pytest.raises(DBAPIError), write_transaction() as session:
        session.execute(change)

    assert actions() == ["link.revoke"]


def test_acts_are_found_by_what_they_were_done_to(everywhere: Flask):
    write("user.role", "user.disable", "link.takedown", "users.x")

    assert actions(AuditFilter(action="user")) == ["user.disable", "user.role"]
    assert actions(AuditFilter(action="user.role")) == ["user.role"]
    assert actions(AuditFilter(action="%")) == []


def test_acts_are_found_by_who_and_when(everywhere: Flask):
    write("link.revoke", now=NOW - DAY)
    write("link.takedown", actor=Actor(7, "page"))

    assert actions(AuditFilter(actor_id=7)) == ["link.takedown"]
    assert actions(AuditFilter(via="cli")) == ["link.revoke"]
    assert actions(AuditFilter(since=NOW)) == ["link.takedown"]
    assert actions(AuditFilter(until=NOW)) == ["link.revoke"]


def test_names_are_those_of_now_and_not_kept(everywhere: Flask):
    user = create_user("Alice", password=None, actor=BY_SHELL, now=NOW)
    write("link.revoke", actor=Actor(user.id, "page"), subject_id=user.id)

    latest, first = list_entries(ALL)

    assert (latest.actor, latest.subject) == ("Alice", None)
    assert (first.action, first.actor, first.subject) == ("user.create", None, "Alice")
    kept = db.session.execute(text("SELECT * FROM audit_entry")).all()
    assert "Alice" not in str(kept)


def test_a_page_tells_that_more_follow(here: Flask):
    write(*["link.revoke"] * (PAGE + 5))

    assert len(list_entries(ALL)) == PAGE + 1
    assert len(list_entries(ALL, page=2)) == 5
    assert len(list(stream_entries(ALL))) == PAGE + 5


def test_no_cell_of_the_csv_is_a_formula(everywhere: Flask):
    write("link.revoke")

    head, row = csv.reader(io.StringIO("".join(csv_lines(stream_entries(ALL)))))

    assert head[0] == "id"
    assert row[-1] == "'=1+1"
    assert all(not cell.startswith(("=", "+", "-", "@")) for cell in row)


def test_json_lines_are_one_object_each(everywhere: Flask):
    write("link.revoke", "link.takedown")

    lines = [json.loads(line) for line in json_lines(stream_entries(ALL))]

    assert [line["action"] for line in lines] == ["link.revoke", "link.takedown"]
    assert lines[0]["at"] == NOW.isoformat()
