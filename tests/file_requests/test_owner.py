"""The owner's pages: who may see them, what they change, and the zip of everything."""

import io
import zipfile

import pytest
from cast import form_token, nothing_changed, press, row_counts
from conftest import shell
from file_requests.asking import (
    ask_for,
    curl,
    hand_in,
    own_page,
    sent_codes,
    signed_in,
    stranger,
    submissions,
)
from flask import Flask
from people import make_user, with_token
from sqlalchemy import select

from minifile.extensions import db
from minifile.identity import Scope
from minifile.models import AuditEntry, FileRequest, Submission, User
from minifile.services.purge import purge_expired
from minifile.web.current import utcnow

FIELDS = {
    "title": "Photos of the party",
    "text": "All of them",
    "allowed_types": "JPG, image/png",
    "max_files": "5",
    "max_file_size": "10 MiB",
    "max_size": "1 GiB",
    "custom_expires_in": "3d",
    "password": "sesame",
    "asks_who": "y",
}


def row_of(app: Flask) -> FileRequest:
    with app.app_context():
        return db.session.scalars(select(FileRequest)).one()


def actions(app: Flask) -> list[str]:
    with app.app_context():
        found = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id))
        return [action for action in found if action.startswith(("request", "submission"))]


def test_a_file_request_is_made_by_its_form(any_database_app: Flask):
    alice = signed_in(any_database_app)

    made = press(alice, "/account/requests/new", "/account/requests/new", **FIELDS)

    assert made.status_code == 303
    row = row_of(any_database_app)
    assert made.headers["Location"] == f"/account/requests/{row.code}"
    assert (row.title, row.text, row.allowed_types) == (
        "Photos of the party", "All of them", "jpg,image/png",
    )  # fmt: skip
    assert (row.max_files, row.max_file_size, row.max_size) == (5, 10 * 2**20, 2**30)
    assert row.asks_who
    assert row.password_hash
    assert (row.expires_at - row.created_at).days == 3
    page = alice.get(made.headers["Location"]).text
    assert f"http://localhost/r/{row.code}" in page
    assert "<svg" in page
    assert "Nobody has sent anything yet." in page
    assert "sesame" not in page
    assert actions(any_database_app) == ["request.create"]


@pytest.mark.parametrize(
    "fault",
    [
        {"title": ""},
        {"title": "x" * 201},
        {"title": "two\nlines"},
        {"title": "nul\0"},
        {"text": "x" * 4001},
        {"allowed_types": "no type!"},
        {"allowed_types": ",".join(f"a{n}" for n in range(60))},
        {"max_files": "0"},
        {"max_files": "-1"},
        {"max_files": "many"},
        {"max_files": "1" * 40},
        {"max_file_size": "big"},
        {"max_size": "0"},
        {"max_size": "9" * 29},
        {"expires_in": "5000d"},
        {"custom_expires_in": "never"},
        {"custom_expires_in": "1000d"},
        {"password": "x" * 257},
        {"owner_id": "1"},
        {"code": "mine"},
        {"closed_at": ""},
    ],
    ids=lambda fault: "-".join(f"{k}-{v[:12]!r}" for k, v in fault.items()),
)
def test_a_form_that_is_not_right_makes_nothing(app: Flask, fault: dict[str, str]):
    alice = signed_in(app)

    with nothing_changed(app):
        answer = press(
            alice, "/account/requests/new", "/account/requests/new", **{**FIELDS, **fault}
        )

    assert answer.status_code == 422
    assert "Not saved." in answer.text


def test_a_change_keeps_what_was_left_empty(app: Flask):
    path = ask_for(app, password="sesame")
    before = row_of(app)
    page = f"{own_page(path)}/edit"

    saved = press(signed_in(app), page, page, title="Other", expires_in="", password="")

    row = row_of(app)
    assert saved.status_code == 303
    assert (row.title, row.password_hash, row.expires_at) == (
        "Other", before.password_hash, before.expires_at,
    )  # fmt: skip
    press(signed_in(app), page, page, title="Other", remove_password="y")
    assert row_of(app).password_hash is None
    assert actions(app) == ["request.create", "request.change", "request.change"]


def test_a_closed_file_request_keeps_what_was_sent_and_may_open_again(app: Flask):
    path = ask_for(app)
    hand_in(curl(app), path)
    alice, page = signed_in(app), own_page(path)

    press(alice, page, f"{page}/close")
    assert hand_in(curl(app), path).status_code == 410
    assert "a.txt" in alice.get(page).text

    press(alice, page, f"{page}/reopen")
    assert hand_in(curl(app), path).status_code == 201
    assert actions(app) == ["request.create", "request.close", "request.reopen"]


def test_an_ended_file_request_is_deleted_and_what_was_sent_stays(any_database_app: Flask):
    app = any_database_app
    path = ask_for(app)
    hand_in(curl(app), path)
    alice, page, code = signed_in(app), own_page(path), sent_codes(app)[0]

    assert press(alice, page, f"{page}/delete").status_code == 409
    press(alice, page, f"{page}/close")
    deleted = press(alice, page, f"{page}/delete")

    assert deleted.headers["Location"] == "/account/requests/"
    assert alice.get(page).status_code == curl(app).get(path).status_code == 404
    assert alice.get(f"/{code}/a.txt").data == b"a.txt"
    assert curl(app).get(f"/{code}/a.txt").status_code == 404


def test_the_list_counts_what_is_new_until_it_was_seen(app: Flask):
    path = ask_for(app)
    alice = signed_in(app)
    hand_in(curl(app), path)
    hand_in(curl(app), path)

    assert "2 new" in alice.get("/account/requests/").text
    assert "2 new" in alice.get(own_page(path)).text
    assert "new</span>" not in alice.get("/account/requests/").text
    assert "new</span>" not in alice.get(own_page(path)).text


def test_a_submission_with_a_forgotten_file_is_new_again(app: Flask):
    path = ask_for(app)
    token = hand_in(curl(app), path).json["submission"]
    alice = signed_in(app)
    alice.get(own_page(path))

    hand_in(curl(app), path, "b.txt", submission=token)

    assert "1 new" in alice.get(own_page(path)).text


def test_all_that_was_sent_comes_as_one_zip_of_known_length(any_database_app: Flask):
    app = any_database_app
    path = ask_for(app, asks_who=True)
    hand_in(curl(app), path, "a.txt", "folder/a.txt", sender_name="Bob / ..\\ <b>")
    hand_in(curl(app), path, "a.txt")

    answer = signed_in(app).get(f"{own_page(path)}/all.zip", buffered=True)

    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert answer.headers["Content-Disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "001 Bob .. <b>/a.txt": b"a.txt",
            "001 Bob .. <b>/folder/a.txt": b"folder/a.txt",
            "002/a.txt": b"a.txt",
        }
    part = signed_in(app).get(
        f"{own_page(path)}/all.zip", headers={"Range": "bytes=10-19"}, buffered=True
    )
    assert (part.status_code, part.data) == (206, answer.data[10:20])


def test_there_is_no_zip_of_nothing(app: Flask):
    path = ask_for(app)

    assert signed_in(app).get(f"{own_page(path)}/all.zip").status_code == 404


def test_a_deleted_submission_is_gone_and_makes_room(app: Flask):
    path = ask_for(app, max_files=1)
    hand_in(curl(app), path)
    code, alice, page = sent_codes(app)[0], signed_in(app), own_page(path)
    with app.app_context():
        submission_id = db.session.scalars(select(Submission.id)).one()

    deleted = press(alice, page, f"{page}/submissions/{submission_id}/delete")

    assert deleted.status_code == 303
    assert submissions(app, path) == []
    assert alice.get(f"/{code}/a.txt").status_code == 410
    assert hand_in(curl(app), path).status_code == 201
    with app.app_context():
        storage = app.extensions["minifile"].storage
        assert purge_expired(storage=storage, now=utcnow()).links == 1
    assert row_counts(app)["submission"] == 1
    assert actions(app)[-1] == "submission.delete"


def test_a_submission_of_another_file_request_is_not_deleted(app: Flask):
    path, other = ask_for(app), ask_for(app)
    hand_in(curl(app), path)
    alice, page = signed_in(app), own_page(other)

    answer = press(alice, page, f"{page}/submissions/1/delete")

    assert answer.status_code == 404
    assert submissions(app, path) == [["a.txt"]]


def addresses(path: str) -> list[tuple[str, str]]:
    page = own_page(path)
    return [
        ("GET", page),
        ("GET", f"{page}/edit"),
        ("GET", f"{page}/all.zip"),
        ("POST", f"{page}/edit"),
        ("POST", f"{page}/close"),
        ("POST", f"{page}/reopen"),
        ("POST", f"{page}/delete"),
        ("POST", f"{page}/submissions/1/delete"),
    ]


def test_somebody_elses_file_request_looks_like_an_unknown_address(app: Flask):
    path = ask_for(app)
    hand_in(curl(app), path)
    charlie = signed_in(app, "Charlie")
    token = form_token(charlie.get("/account/requests/new"))
    expected = charlie.get("/neverwas00")

    for method, address in addresses(path):
        with nothing_changed(app):
            answer = charlie.open(
                address, method=method, data={"csrf_token": token, "title": "mine"}
            )
        assert answer.status_code == 404, address
        assert answer.data == expected.data, address


def test_who_is_not_signed_in_is_sent_to_sign_in_or_refused(app: Flask):
    path = ask_for(app)
    app.config["WTF_CSRF_ENABLED"] = False

    for method, address in [*addresses(path), ("GET", "/account/requests/")]:
        by_browser = stranger(app).open(address, method=method)
        by_shell = shell(app).open(address, method=method)

        assert by_browser.status_code == (303 if method == "GET" else 401), address
        if method == "GET":
            assert by_browser.headers["Location"].startswith("/login?next=%2Faccount%2Frequests")
        assert by_shell.status_code == 401, address


@pytest.mark.parametrize(
    ("scope", "page", "status"),
    [
        (Scope.READ, "", 200),
        (Scope.MANAGE, "", 403),
        (Scope.UPLOAD, "", 403),
        (Scope.READ, "/all.zip", 200),
        (Scope.UPLOAD, "/all.zip", 403),
    ],
)
def test_an_api_token_reaches_as_far_as_its_scopes(
    app: Flask, scope: Scope, page: str, status: int
):
    path = ask_for(app)
    hand_in(curl(app), path)
    alice = make_user(app)

    answer = with_token(app, alice, scope).get(f"{own_page(path)}{page}")

    assert answer.status_code == status


def test_forms_without_their_token_do_nothing(app: Flask):
    path = ask_for(app)
    alice = signed_in(app)

    for method, address in addresses(path):
        if method == "POST":
            with nothing_changed(app):
                assert alice.post(address, data={"title": "x"}).status_code == 400


@pytest.mark.parametrize("button", ["close", "reopen", "submissions/1/delete"])
def test_buttons_take_no_other_field(app: Flask, button: str):
    path = ask_for(app)
    hand_in(curl(app), path)
    alice, page = signed_in(app), own_page(path)

    with nothing_changed(app):
        answer = press(alice, page, f"{page}/{button}", owner_id="2")

    assert answer.status_code == 422


def test_nothing_that_a_stranger_wrote_is_read_as_html(app: Flask):
    bad = "<script>alert(1)</script>"
    path = ask_for(app, title=bad, text=f"{bad}\n\"'", asks_who=True)
    hand_in(curl(app), path, f"{bad}.txt", sender_name=bad, message=bad)

    pages = [
        signed_in(app).get(own_page(path)).text,
        signed_in(app).get("/account/requests/").text,
        signed_in(app).get(f"{own_page(path)}/edit").text,
        stranger(app).get(path).text,
    ]

    for page in pages:
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_a_list_has_pages(app: Flask):
    for number in range(52):
        ask_for(app, title=f"Number {number}")
    alice = signed_in(app)

    first, second = alice.get("/account/requests/"), alice.get("/account/requests/?page=2")

    assert "Number 51" in first.text
    assert "Number 1<" not in first.text
    assert "Number 1<" in second.text
    assert alice.get("/account/requests/?page=zwei").status_code == 200


def test_deleting_the_account_takes_its_file_requests_along(any_database_app: Flask):
    app = any_database_app
    path = ask_for(app)
    hand_in(curl(app), path)
    with app.app_context():
        db.session.delete(db.session.scalars(select(User)).one())
        db.session.commit()

    assert row_counts(app)["file_request"] == row_counts(app)["submission"] == 0
    assert curl(app).get(path).status_code == 404
