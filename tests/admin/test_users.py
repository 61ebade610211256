"""Users, sessions, settings and the audit log on the admin pages."""

import json
import re

import pytest
from cast import row_counts, send
from conftest import browser, shell
from flask import Flask
from people import NEW_PASSWORD, Person, enter
from sqlalchemy import select
from wire import eventually

from minifile.extensions import db
from minifile.identity import NO_LIMIT, UserRole
from minifile.models import AuditEntry, Link, User
from minifile.services.users import get_user


def path_of(person: Person) -> str:
    assert person.user is not None
    return f"/admin/users/{person.user.id}"


def act(admin: Person, person: Person, what: str, **fields: str):
    return admin.send(f"{path_of(person)}/{what}", page=path_of(person), **fields)


def acts(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def user_now(app: Flask, person: Person):
    assert person.user is not None
    with app.app_context():
        return get_user(person.user.id)


LIMITS = {"quota": "", "max_file_size": "", "max_links": "", "max_lifetime": "", "daily_upload": ""}


def test_users_are_listed_and_found(app: Flask, admin: Person, alice: Person):
    listed, found = admin.get("/admin/users"), admin.get("/admin/users?q=ALICE@")

    assert "Root" in listed.text
    assert path_of(alice) in listed.text
    assert path_of(alice) in found.text
    assert path_of(admin) not in found.text


def test_an_invitation_is_shown_once_and_makes_an_account(app: Flask, admin: Person):
    answer = admin.send("/admin/users", email="", role="user")
    address = re.search(r'value="http://localhost(/invite/[^"]+)"', answer.text)
    assert (answer.status_code, address is not None) == (201, True)
    assert address is not None

    fresh = Person(app, browser(app, "192.0.2.40"))
    joined = fresh.send(address[1], name="Bob", password=NEW_PASSWORD, again=NEW_PASSWORD)

    assert address[1] not in admin.get("/admin/users").text
    assert joined.status_code == 303
    assert "invitation.create" in acts(app)


@pytest.mark.parametrize(
    "fields", [{"email": "nonsense", "role": "user"}, {"email": "", "role": "root"}]
)
def test_an_invitation_that_is_not_possible_is_refused(
    app: Flask, admin: Person, fields: dict[str, str]
):
    before = row_counts(app)

    answer = admin.send("/admin/users", **fields)

    assert answer.status_code == 422
    assert row_counts(app) == before


def test_an_invitation_can_be_withdrawn(app: Flask, admin: Person):
    admin.send("/admin/users", email="bob@example.org", role="user")
    page = admin.get("/admin/users").text
    withdraw = re.search(r"/admin/invitations/\d+/withdraw", page)
    assert withdraw is not None

    assert admin.send(withdraw[0], page="/admin/users").status_code == 303

    assert "bob@example.org" not in admin.get("/admin/users").text


def test_a_user_is_made_an_admin_and_a_user_again(app: Flask, admin: Person, alice: Person):
    assert alice.get("/admin/").status_code == 404

    act(admin, alice, "role", role="admin")
    assert alice.get("/admin/").status_code == 200

    act(admin, alice, "role", role="user")
    assert alice.get("/admin/").status_code == 404


def test_the_last_admin_stays_one(app: Flask, admin: Person):
    for what, fields in (
        ("role", {"role": "user"}),
        ("disable", {}),
        ("delete", {"fate": "keep", "heir": "", "name": "Root"}),
    ):
        answer = act(admin, admin, what, **fields)

        assert answer.status_code == 409, what
        assert "last admin" in answer.text, what


def test_limits_are_written_in_units_and_read_back(app: Flask, admin: Person, alice: Person):
    wanted = {
        "quota": "10GiB", "max_file_size": "none", "max_links": "5",
        "max_lifetime": "36h", "daily_upload": "1500",
    }  # fmt: skip

    answer = act(admin, alice, "limits", **wanted)

    assert answer.status_code == 303
    limits = user_now(app, alice).limits
    assert (limits.quota, limits.max_file_size, limits.daily_upload) == (10 * 2**30, NO_LIMIT, 1500)
    page = admin.get(path_of(alice)).text
    for value in wanted.values():
        assert f'value="{value}"' in page

    act(admin, alice, "limits", **LIMITS)
    assert user_now(app, alice).limits.quota is None


def test_limits_below_what_there_is_are_set_and_told(app: Flask, admin: Person, alice: Person):
    link = send(app, {"a.txt": b"12345"})
    with app.app_context():
        row = db.session.scalars(select(Link).where(Link.code.in_([link.code]))).one()
        assert alice.user is not None
        row.owner_id = alice.user.id
        db.session.commit()

    act(admin, alice, "limits", **{**LIMITS, "quota": "1"})
    page = admin.get(path_of(alice)).text

    assert "Alice has 5 B in 1 link, which is more. Nothing is deleted" in page
    assert user_now(app, alice).limits.quota == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"quota": "many"}, {"quota": "-5"}, {"quota": "9" * 40}, {"max_links": "1.5"},
        {"max_lifetime": "5"}, {"max_lifetime": "9999999999999d"}, {"quota": "x" * 700},
    ],
    ids=str,
)  # fmt: skip
def test_limits_that_can_not_be_read_change_nothing(
    app: Flask, admin: Person, alice: Person, wrong: dict[str, str]
):
    before = user_now(app, alice)

    answer = act(admin, alice, "limits", **{**LIMITS, "max_file_size": "1GiB", **wrong})

    assert answer.status_code == 422
    assert user_now(app, alice) == before


def test_a_disabled_user_is_signed_out_and_comes_back(app: Flask, admin: Person, alice: Person):
    act(admin, alice, "disable")
    assert not alice.is_signed_in
    assert alice.sign_in().status_code == 401

    act(admin, alice, "enable")
    assert alice.sign_in().status_code == 303


def test_a_reset_is_shown_once(app: Flask, admin: Person, alice: Person):
    answer = act(admin, alice, "reset")
    address = re.search(r'value="http://localhost(/reset/[^"]+)"', answer.text)

    assert answer.status_code == 201
    assert address is not None
    assert Person(app, browser(app)).get(address[1]).status_code == 200
    assert "/reset/" not in admin.get(path_of(alice)).text


def test_a_session_is_ended_and_all_of_a_user(app: Flask, admin: Person, alice: Person):
    other = alice.elsewhere()
    page = admin.get(path_of(alice)).text
    assert alice.user is not None
    newest = re.search(r'name="session_id" value="(\d+)"', page)
    assert newest is not None
    who = {"user_id": str(alice.user.id), "session_id": newest[1]}

    admin.send("/admin/sessions/end", page="/admin/sessions", **who)
    assert [alice.is_signed_in, other.is_signed_in].count(True) == 1

    admin.send("/admin/sessions/end-all", page="/admin/sessions", **who)
    assert not alice.is_signed_in
    assert not other.is_signed_in
    assert {"session.end", "session.end_all"} <= set(acts(app))


def test_a_session_of_nobody_is_not_found(admin: Person):
    answer = admin.send("/admin/sessions/end", page="/admin/sessions", user_id="1", session_id="99")

    assert answer.status_code == 404


@pytest.mark.parametrize(("fate", "kept"), [("keep", True), ("give", True), ("delete", False)])
def test_a_user_is_deleted_and_their_links_have_the_fate_that_was_chosen(
    app: Flask, admin: Person, alice: Person, fate: str, kept: bool
):
    link = send(app)
    with app.app_context():
        row = db.session.scalars(select(Link).where(Link.code.in_([link.code]))).one()
        assert alice.user is not None
        row.owner_id = alice.user.id
        db.session.commit()
    heir = "Root" if fate == "give" else ""

    answer = act(admin, alice, "delete", fate=fate, heir=heir, name="Alice")

    assert answer.status_code == 303
    assert browser(app).get(link.path).status_code == (200 if kept else 404)
    with app.app_context():
        assert db.session.scalars(select(User.name)).all() == ["Root"]


@pytest.mark.parametrize(
    "fields",
    [
        {"fate": "keep", "heir": "", "name": "Alicia"},
        {"fate": "give", "heir": "Nobody", "name": "Alice"},
        {"fate": "burn", "heir": "", "name": "Alice"},
        {"fate": "keep", "heir": "", "name": "Alice", "role": "admin"},
    ],
    ids=["wrong name", "unknown heir", "unknown fate", "unknown field"],
)
def test_a_user_is_not_deleted_by_a_form_that_does_not_fit(
    app: Flask, admin: Person, alice: Person, fields: dict[str, str]
):
    answer = act(admin, alice, "delete", **fields)

    assert answer.status_code == 422
    assert user_now(app, alice).name == "Alice"


def test_all_sessions_are_listed(admin: Person, alice: Person):
    page = admin.get("/admin/sessions").text

    assert "Alice" in page
    assert "this one" in page
    assert "Firefox on Linux" in page


def test_the_settings_are_shown_with_their_sources_and_no_secret(make_app):
    app = make_app(keep_free="5MiB")
    admin = enter(app, "Root", role=UserRole.ADMIN)

    page = admin.get("/admin/settings").text

    assert "KEEP_FREE" in page
    assert "5 MiB" in page
    assert app.config["SECRET_KEY"] not in page


def test_the_audit_log_names_who_did_what_to_whom(app: Flask, admin: Person, alice: Person):
    act(admin, alice, "disable")

    page = admin.get("/admin/audit?action=user.disable&actor=root").text

    assert "user.disable" in page
    assert path_of(alice) in page
    assert "session.open" not in page


@pytest.mark.parametrize(
    "query", ["since=nonsense", "until=9999-12-31", "since=2026-13-40", "actor=nobody"]
)
def test_a_filter_that_can_not_be_is_told(admin: Person, query: str):
    for name in ("audit", "audit.csv", "audit.jsonl"):
        assert admin.get(f"/admin/{name}?{query}").status_code == 422


def test_the_audit_log_is_exported(app: Flask, admin: Person, alice: Person):
    act(admin, alice, "disable")

    lines = admin.get("/admin/audit.jsonl?action=user").text.splitlines()
    table = admin.get("/admin/audit.csv?action=user")

    assert [json.loads(line)["action"] for line in lines][-1] == "user.disable"
    assert table.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    assert len(table.text.splitlines()) == len(lines) + 1


def test_what_goes_wrong_is_counted_for_the_overview(app: Flask):
    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("a secret of the inside")

    link, admin = send(app), enter(app, "Root", role=UserRole.ADMIN)
    assert shell(app).get("/broken").status_code == 500

    eventually(lambda: "RuntimeError" in admin.get("/admin/").text)
    page = admin.get("/admin/").text
    assert "GET /broken" in page
    assert "a secret of the inside" not in page
    assert link.code not in page
