"""The sender's page: who may open it, and what its three forms do."""

import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from buckets import make_s3_bucket, s3_url
from cast import (
    Sent,
    change_row,
    downloads,
    fetch,
    filenames,
    form_token,
    nothing_changed,
    press,
    send,
    stored_link,
)
from conftest import BROWSER_ACCEPT, browser, shell
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from minifile.models import Link

HTML = {"Accept": BROWSER_ACCEPT}


@pytest.fixture
def link(app: Flask) -> Sent:
    return send(app, {"a.txt": b"alpha", "may/b.txt": b"beta"}, max_downloads="5", note="Hi")


@pytest.fixture
def alice(app: Flask, link: Sent) -> FlaskClient:
    """The browser that has bookmarked the private address of the link."""
    client = browser(app)
    client.get("/")
    assert client.get(link.private_page).status_code == 303
    return client


def send_form(client: FlaskClient, link: Sent, action: str, **fields: str) -> TestResponse:
    """Fill in one of the page's forms as the page shows it, and send it."""
    return press(client, link.page, link.page, action=action, **fields)


def edit(client: FlaskClient, link: Sent, **fields: str) -> TestResponse:
    kept = {"expires_in": "", "custom_expires_in": "", "max_downloads": "5", "note": "Hi"}
    return send_form(client, link, "edit", **{**kept, **fields})


def rename(client: FlaskClient, app: Flask, link: Sent, name: str, at: int = 0) -> TestResponse:
    file_id = str(stored_link(app, link.code).files[at].id)
    return send_form(client, link, "rename", file_id=file_id, filename=name)


def choices(row: Link) -> tuple[object, ...]:
    return row.expires_at, row.max_downloads, row.note, row.password_hash, row.state


def test_the_private_address_lets_a_browser_in_once_and_for_all(app: Flask, link: Sent):
    alice = browser(app)
    alice.get("/")

    answer = alice.get(link.private_page)

    assert (answer.status_code, answer.headers["Location"]) == (303, link.page)
    assert alice.get(link.page).status_code == 200


def test_a_browser_without_a_cookie_is_shown_the_page_there_and_given_one(app: Flask, link: Sent):
    alice = browser(app)

    first, second = alice.get(link.private_page), alice.get(link.private_page)

    assert first.status_code == 200
    assert f'name="owner_token" value="{link.owner_token}"' in first.text
    assert "minifile=" in first.headers["Set-Cookie"]
    assert (second.status_code, second.headers["Location"]) == (303, link.page)


def test_the_page_shows_the_link_its_qr_code_and_its_count(
    app: Flask, link: Sent, alice: FlaskClient
):
    fetch(shell(app), link.file())

    page = alice.get(link.page).text

    assert f'value="http://localhost/{link.code}"' in page
    assert 'aria-label="QR code"><svg' in page
    assert "<b data-live-count>1</b>" in page
    assert "of 5 downloads" in page
    assert link.owner_token not in page


def test_a_foreign_browser_finds_nothing(app: Flask, link: Sent, alice: FlaskClient):
    charlie = browser(app, "198.51.100.9")
    charlie.get("/")

    assert charlie.get(link.page).status_code == 404
    assert charlie.get(f"{link.page}/{'x' * 32}").status_code == 404
    assert shell(app).get(link.page).status_code == 404


@pytest.mark.parametrize("action", ["edit", "rename", "revoke", "nothing"])
def test_a_foreign_browser_changes_nothing(app: Flask, link: Sent, action: str):
    charlie = browser(app, "198.51.100.9")
    before = choices(stored_link(app, link.code))

    answers = [
        send_form(charlie, link, action),
        charlie.post(link.page, data={"action": action, "owner_token": "x" * 32}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert choices(stored_link(app, link.code)) == before


def test_the_owner_of_one_link_does_not_own_another(app: Flask, link: Sent, alice: FlaskClient):
    other = send(app)

    assert alice.get(other.page).status_code == 404
    assert alice.get(f"{other.page}/{link.owner_token}").status_code == 404
    assert shell(app).delete(f"{other.page}/{link.owner_token}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "lifetime"),
    [
        pytest.param({"expires_in": "7d"}, timedelta(days=7), id="a choice"),
        pytest.param({"custom_expires_in": "36h"}, timedelta(hours=36), id="free"),
        pytest.param(
            {"expires_in": "7d", "custom_expires_in": "2h"}, timedelta(hours=2), id="free wins"
        ),
    ],
)
def test_the_expiry_is_counted_from_now(
    app: Flask, link: Sent, alice: FlaskClient, fields: dict[str, str], lifetime: timedelta
):
    before = stored_link(app, link.code)

    answer = edit(alice, link, **fields)

    row = stored_link(app, link.code)
    moved = row.expires_at - before.created_at
    assert (answer.status_code, answer.headers["Location"]) == (303, link.page)
    assert lifetime <= moved < lifetime + timedelta(minutes=1)
    assert (row.max_downloads, row.note) == (5, "Hi")
    assert "Saved." in alice.get(link.page).text


def test_what_is_left_empty_stays_or_goes(app: Flask, link: Sent, alice: FlaskClient):
    before = stored_link(app, link.code)

    edit(alice, link, max_downloads="", note="")

    row = stored_link(app, link.code)
    assert row.expires_at == before.expires_at
    assert (row.max_downloads, row.note, row.password_hash) == (None, None, None)


def test_password_limit_and_note_are_changed_together(app: Flask, link: Sent, alice: FlaskClient):
    edit(alice, link, max_downloads="9", note="Dear Bob,\r\nhere.", password="wörd")

    row = stored_link(app, link.code)
    assert (row.max_downloads, row.note) == (9, "Dear Bob,\nhere.")
    assert row.password_hash is not None
    assert fetch(shell(app), link.path).status_code == 401


def test_an_empty_password_leaves_the_one_there_is(app: Flask, link: Sent, alice: FlaskClient):
    edit(alice, link, password="wörd")
    before = stored_link(app, link.code).password_hash

    edit(alice, link, password="")

    assert stored_link(app, link.code).password_hash == before


def test_the_password_can_be_removed(app: Flask, link: Sent, alice: FlaskClient):
    edit(alice, link, password="wörd")

    edit(alice, link, remove_password="y")

    assert fetch(shell(app), link.path).status_code == 200


def test_a_raised_limit_opens_an_exhausted_link(app: Flask, alice: FlaskClient, link: Sent):
    change_row(app, link.code, download_count=5)
    assert fetch(shell(app), link.path).status_code == 410

    edit(alice, link, max_downloads="6")

    assert fetch(shell(app), link.path).status_code == 200
    assert downloads(app, link.code) == 6


def test_a_lowered_limit_exhausts_the_link(app: Flask, alice: FlaskClient, link: Sent):
    change_row(app, link.code, download_count=3)

    edit(alice, link, max_downloads="2")

    assert fetch(shell(app), link.path).status_code == 410
    assert "All allowed downloads are used" in alice.get(link.page).text


@pytest.mark.parametrize(
    ("fields", "where", "sentence"),
    [
        pytest.param({"max_downloads": "0"}, "max_downloads", "a whole number", id="no downloads"),
        pytest.param({"max_downloads": "x"}, "max_downloads", "a whole number", id="no number"),
        pytest.param({"note": "x" * 501}, "note", "500 characters", id="long note"),
        pytest.param({"expires_in": "400d"}, "expires_in", "Not a valid choice", id="no choice"),
        pytest.param({"custom_expires_in": "x"}, None, "90m, 12h or 3d", id="no lifetime"),
        pytest.param({"custom_expires_in": "31d"}, None, "30 days", id="too long"),
        pytest.param({"custom_expires_in": "999999999w"}, None, "30 days", id="for ever"),
        pytest.param({"password": "x" * 300}, None, "1 to 256", id="long password"),
        pytest.param({"note": "a\0b"}, None, "must be text", id="NUL in the note"),
    ],
)
def test_a_change_out_of_range_is_shown_where_it_was_made(
    app: Flask, link: Sent, alice: FlaskClient,
    fields: dict[str, str], where: str | None, sentence: str,
):  # fmt: skip
    before = choices(stored_link(app, link.code))

    answer = edit(alice, link, **{"max_downloads": "7", **fields})

    place = 'role="alert">.*?<span>' if where is None else f'id="{where}-error">'
    assert answer.status_code == 422
    assert re.search(f"{place}[^<]*{sentence}", answer.text)
    assert choices(stored_link(app, link.code)) == before


def test_what_was_typed_is_still_there_after_an_error(link: Sent, alice: FlaskClient):
    answer = edit(alice, link, max_downloads="0", note="a new <note>")

    assert 'value="0"' in answer.text
    assert "a new &lt;note&gt;" in answer.text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("new.txt", "new.txt", id="plain"),
        pytest.param("june/new.txt", "june/new.txt", id="into a folder"),
        pytest.param("../../\u202ee\tvil.txt", "evil.txt", id="cleaned"),
        pytest.param("may/b.txt", "may/b (2).txt", id="numbered"),
        pytest.param("MAY/B.TXT", "MAY/B (2).TXT", id="numbered in capitals"),
        pytest.param("may", "may (2)", id="name of a folder"),
        pytest.param("a.txt", "a.txt", id="its own name"),
        pytest.param("CON", "_CON", id="device of Windows"),
    ],
)
def test_a_new_name_is_cleaned_and_unique(
    app: Flask, link: Sent, alice: FlaskClient, given: str, kept: str
):
    answer = rename(alice, app, link, given)

    assert answer.status_code == 303
    assert filenames(app, link.code) == [kept, "may/b.txt"]


def test_a_renamed_file_is_served_under_its_new_name(app: Flask, link: Sent, alice: FlaskClient):
    rename(alice, app, link, "new.txt")

    assert fetch(shell(app), f"{link.path}/new.txt").data == b"alpha"
    assert fetch(shell(app), f"{link.path}/a.txt").status_code == 404


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("", "A file needs a name.", id="empty"),
        pytest.param("   ", "A file needs a name.", id="spaces"),
        pytest.param("x" * 1025, "at most 1,024 characters", id="endless"),
    ],
)
def test_a_bad_name_is_422_and_changes_nothing(
    app: Flask, link: Sent, alice: FlaskClient, name: str, sentence: str
):
    answer = rename(alice, app, link, name)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert filenames(app, link.code) == ["a.txt", "may/b.txt"]


@pytest.mark.parametrize("file_id", ["999999", "-1", "x", "", "9" * 40, "١"])
def test_a_file_of_another_link_can_not_be_renamed(
    app: Flask, link: Sent, alice: FlaskClient, file_id: str
):
    other = send(app)
    own = str(stored_link(app, other.code).files[0].id)

    answers = [
        send_form(alice, link, "rename", file_id=each, filename="x") for each in (file_id, own)
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert filenames(app, other.code) == ["a.txt"]
    assert filenames(app, link.code) == ["a.txt", "may/b.txt"]


def test_revoking_ends_the_link_at_once(app: Flask, link: Sent, alice: FlaskClient):
    answer = send_form(alice, link, "revoke")

    assert (answer.status_code, answer.headers["Location"]) == (303, link.page)
    page = alice.get(link.page)
    assert page.status_code == 200
    assert "The link is revoked" in page.text
    assert fetch(shell(app), link.path).status_code == 410
    assert fetch(shell(app), link.file()).status_code == 410
    assert fetch(browser(app, "198.51.100.9"), link.page).status_code == 404


@pytest.mark.parametrize(
    ("accept", "status", "text"),
    [
        pytest.param("*/*", 200, "The link is revoked.\n", id="shell"),
        pytest.param("application/json", 204, "", id="program"),
    ],
)
def test_delete_by_the_private_address_revokes(
    app: Flask, link: Sent, accept: str, status: int, text: str
):
    answer = shell(app).delete(link.private_page, headers={"Accept": accept})

    assert (answer.status_code, answer.text) == (status, text)
    assert fetch(shell(app), link.path).status_code == 410
    assert shell(app).delete(link.private_page).status_code == 410


def test_delete_without_the_right_token_changes_nothing(app: Flask, link: Sent):
    with nothing_changed(app):
        answers = [
            shell(app).delete(path) for path in (f"{link.page}/{'x' * 32}", link.page, link.path)
        ]

    assert answers[0].status_code == 404
    assert {answer.status_code for answer in answers[1:]} == {405}
    assert fetch(shell(app), link.path).status_code == 200


def test_get_and_head_never_change_a_link(app: Flask, link: Sent, alice: FlaskClient):
    before = choices(stored_link(app, link.code))
    query = "?action=revoke&_method=DELETE&delete=1"

    for method in ("GET", "HEAD"):
        for path in (link.page, link.private_page, link.path):
            alice.open(path + query, method=method, headers=HTML)

    assert choices(stored_link(app, link.code)) == before


@pytest.mark.parametrize("action", ["edit", "rename", "revoke"])
def test_a_form_without_its_token_is_refused(
    app: Flask, link: Sent, alice: FlaskClient, action: str
):
    before = choices(stored_link(app, link.code))
    fields = {"filename": "x", "file_id": str(stored_link(app, link.code).files[0].id)}

    answers = [
        alice.post(link.page, data={"action": action, "csrf_token": token, **fields})
        for token in ("", "wrong")
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert "The form was too old and has been renewed. Send it again." in answers[0].text
    assert choices(stored_link(app, link.code)) == before
    assert filenames(app, link.code) == ["a.txt", "may/b.txt"]


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}],
    ids=["Sec-Fetch-Site", "Origin"],
)
def test_a_page_of_another_site_may_not_change_a_link(
    app: Flask, link: Sent, alice: FlaskClient, headers: dict[str, str]
):
    token = form_token(alice.get(link.page))

    answer = alice.post(link.page, data={"action": "revoke", "csrf_token": token}, headers=headers)

    assert answer.status_code == 403
    assert fetch(shell(app), link.path).status_code == 200


@pytest.mark.parametrize("action", ["edit", "rename", "revoke"])
def test_with_cookies_refused_the_forms_work_by_the_token_in_them(
    app: Flask, link: Sent, action: str
):
    alice = app.test_client(use_cookies=False)
    page = alice.get(link.private_page, headers=HTML)
    fields = {"filename": "new.txt", "max_downloads": "9", "file_id": ""}
    fields["file_id"] = str(stored_link(app, link.code).files[0].id)
    assert f'name="owner_token" value="{link.owner_token}"' in page.text

    answer = alice.post(
        link.page, data={"action": action, "owner_token": link.owner_token, **fields}, headers=HTML
    )

    row = stored_link(app, link.code)
    assert answer.status_code == 303
    assert answer.headers["Location"] == link.private_page
    assert (row.max_downloads == 9) == (action == "edit")
    assert (row.files[0].filename == "new.txt") == (action == "rename")
    assert (row.state == "revoked") == (action == "revoke")


def test_a_form_that_says_nothing_is_400(link: Sent, alice: FlaskClient):
    assert send_form(alice, link, "explode").status_code == 400


def test_an_expired_link_is_410_to_its_owner(app: Flask, link: Sent, alice: FlaskClient):
    row = stored_link(app, link.code)
    change_row(app, link.code, expires_at=row.created_at)

    assert alice.get(link.page).status_code == 410
    assert edit(alice, link).status_code == 410
    assert browser(app, "198.51.100.9").get(link.page).status_code == 404


@pytest.mark.parametrize("action", ["revoke", "edit", "rename"])
def test_a_wrong_owner_token_is_no_way_around_the_form_token(
    alice: FlaskClient, link: Sent, action: str
):
    forged = alice.post(
        link.page,
        data={"action": action, "owner_token": "garbage"},
        headers={"Origin": "http://127.0.0.1:9999", "Sec-Fetch-Site": "same-site"},
    )

    assert forged.status_code == 404
    assert alice.get(link.page).status_code == 200


def test_the_owners_cookie_does_not_let_a_wrong_token_revoke(alice: FlaskClient, link: Sent):
    assert alice.delete(f"{link.page}/garbage").status_code == 404
    assert alice.get(link.page).status_code == 200


def test_the_browser_that_uploaded_is_told_the_private_address_once(app: Flask):
    alice = browser(app)
    alice.get("/")

    page = alice.post("/", data={"file": (io.BytesIO(b"x"), "a.txt")}, follow_redirects=True).text
    again = alice.get(re.search('action="(/links/[^"]+)"', page)[1]).text

    assert re.search('value="http://localhost/links/[^/"]+/[^"]{32}"', page)
    assert "Keep this private address" not in again


def test_what_was_not_saved_is_said_at_the_top(alice: FlaskClient, link: Sent):
    page = edit(alice, link, custom_expires_in="90 tage").text

    assert page.index("Not saved. The lifetime must be written") < page.index("<h1")


@pytest.mark.parametrize(
    ("mode", "limit", "is_said"),
    [("x-accel", None, True), ("x-accel", "5", False), ("stream", None, False)],
    ids=["handed over", "streamed for its limit", "streamed"],
)
def test_the_page_says_when_downloads_are_handed_over(
    make_app: Callable[..., Flask], mode: str, limit: str | None, is_said: bool
):
    app = make_app(download_mode=mode)
    options = {} if limit is None else {"max_downloads": limit}
    link = send(app, **options)

    page = browser(app).get(link.private_page).text

    assert ("handed over to the web server in front" in page) is is_said


def test_the_page_says_when_the_storage_sends_downloads(make_app: Callable[..., Flask], moto: str):
    url = s3_url(moto, make_s3_bucket(moto))
    app = make_app(storage_url=url, download_mode="redirect")

    page = browser(app).get(send(app).private_page).text

    assert "counts when it is handed over to the storage." in page
