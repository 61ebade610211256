"""What strangers send to a file request, by form, by curl and by tus."""

import base64
from datetime import timedelta

import pytest
from cast import form, nothing_changed, press, stored_link
from conftest import shell
from file_requests.asking import (
    JSON,
    account,
    ask_for,
    change,
    code_of,
    curl,
    hand_in,
    own_page,
    sent_codes,
    signed_in,
    stranger,
    submissions,
)
from flask import Flask
from upload.tus_client import Tus, metadata, path_of
from werkzeug.test import TestResponse

from minifile.models import FileRequest, Submission, User
from minifile.web.current import utcnow

SECRETS = ("X-Short-Link", "X-Url-Delete", "Location")


def told(answer: TestResponse) -> str:
    """Return all that a sender is told."""
    return f"{answer.text} {answer.headers}"


def test_a_form_from_a_shell_hands_in_all_its_files_as_one_submission(any_database_app: Flask):
    path = ask_for(any_database_app, asks_who=True)

    answer = hand_in(
        curl(any_database_app),
        path,
        "a.txt",
        "b.txt",
        sender_name="Bob",
        message="Here",
        headers={},
    )

    assert answer.status_code == 201
    assert answer.text.startswith("2 files have arrived.\n")
    assert submissions(any_database_app, path) == [["a.txt", "b.txt"]]
    page = signed_in(any_database_app).get(own_page(path)).text
    assert "Bob" in page
    assert "Here" in page


def test_a_submission_is_a_private_link_of_who_asked(app: Flask):
    path = ask_for(app)
    hand_in(curl(app), path)

    link = stored_link(app, sent_codes(app)[0])

    assert link.owner_id == account(app).id
    assert link.is_private
    assert link.expires_at - link.created_at == timedelta(days=30)


@pytest.mark.parametrize("name", ["", "/report.pdf", "/"], ids=["bare", "named", "slash"])
def test_a_file_is_put(app: Flask, name: str):
    path = ask_for(app)

    answer = curl(app).put(f"{path}{name}", data=b"content")

    assert answer.status_code == 201, answer.text
    assert answer.text.startswith("1 file has arrived.\n")
    assert submissions(app, path) == [["report.pdf" if "report" in name else "download"]]


def test_no_answer_tells_where_the_files_are(app: Flask):
    path = ask_for(app)
    answers = [
        hand_in(curl(app), path),
        hand_in(curl(app), path, headers={}),
        hand_in(stranger(app), path, headers={"Accept": "text/html"}),
        curl(app).put(f"{path}/x.txt", data=b"x"),
        Tus(app).create(3, b"abc", filename="t.txt", request=code_of(path)),
    ]

    codes = sent_codes(app)

    assert len(codes) == 5
    for answer in answers:
        assert answer.status_code in (201, 303), answer.text
        assert not any(code in told(answer) for code in codes)
        assert "X-Short-Link" not in answer.headers
        assert "X-Url-Delete" not in answer.headers
        assert "owner_token" not in answer.text


def test_what_was_sent_looks_like_nothing_to_everybody_but_the_owner(app: Flask):
    path = ask_for(app)
    sender = stranger(app)
    hand_in(sender, path)
    code = sent_codes(app)[0]
    unknown = shell(app).get("/neverwas00")

    for client in (sender, curl(app), signed_in(app, "Charlie")):
        for address in (f"/{code}", f"/{code}/a.txt", f"/{code}.zip", f"/links/{code}"):
            answer = client.get(address, headers={"Accept": "*/*", "User-Agent": "curl/8"})
            assert answer.status_code == 404, address
            assert answer.data == unknown.data
    assert signed_in(app).get(f"/{code}/a.txt").data == b"a.txt"


def test_the_browser_sees_its_own_names_for_ten_minutes_and_nobody_elses(app: Flask):
    path = ask_for(app)
    bob, charlie = stranger(app), stranger(app, "192.0.2.8")
    charlie.get(path)
    bob.get(path)
    assert hand_in(bob, path, "mine.txt", headers={"Accept": "text/html"}).status_code == 303

    assert "mine.txt" in bob.get(path).text
    assert "1 file has arrived" in bob.get(path).text
    assert "mine.txt" not in charlie.get(path).text

    change(app, Submission, open_until=utcnow())
    assert "mine.txt" not in bob.get(path).text


def test_the_same_browser_adds_a_forgotten_file_to_its_submission(any_database_app: Flask):
    path = ask_for(any_database_app)
    bob = stranger(any_database_app)
    bob.get(path)

    hand_in(bob, path, "a.txt", headers={"Accept": "text/html"})
    hand_in(bob, path, "a.txt", "b.txt", headers={"Accept": "text/html"})

    assert submissions(any_database_app, path) == [["a.txt", "a (2).txt", "b.txt"]]


def test_a_token_adds_too(app: Flask):
    path = ask_for(app)
    token = hand_in(curl(app), path).json["submission"]

    by_field = hand_in(curl(app), path, "b.txt", submission=token)
    by_header = curl(app).put(
        f"{path}/c.txt", data=b"c", headers={"X-Submission-Token": token, **JSON}
    )

    assert by_field.status_code == by_header.status_code == 201
    assert "submission" not in by_field.json
    assert submissions(app, path) == [["a.txt", "b.txt", "c.txt"]]


def test_a_browser_without_cookies_is_given_the_token_in_its_form(app: Flask):
    path = ask_for(app)
    client = shell(app)
    client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0"

    page = hand_in(client, path, headers={"Accept": "text/html"})

    assert page.status_code == 201
    assert "1 file has arrived" in page.text
    assert 'name="submission"' in page.text


@pytest.mark.parametrize("token", ["never-was", "x" * 5000])
def test_a_token_that_never_was_adds_nothing(app: Flask, token: str):
    path = ask_for(app)
    hand_in(curl(app), path)

    with nothing_changed(app):
        answer = hand_in(curl(app), path, "b.txt", submission=token)

    assert answer.status_code == 410


def test_nothing_is_added_after_ten_minutes(app: Flask):
    path = ask_for(app)
    token = hand_in(curl(app), path).json["submission"]
    change(app, Submission, open_until=utcnow())

    with nothing_changed(app):
        answer = hand_in(curl(app), path, "b.txt", submission=token)

    assert answer.status_code == 410
    assert "Nothing can be added" in answer.json["detail"]


def test_a_token_of_another_file_request_adds_nothing(app: Flask):
    path, other = ask_for(app), ask_for(app)
    token = hand_in(curl(app), path).json["submission"]

    with nothing_changed(app):
        assert hand_in(curl(app), other, "b.txt", submission=token).status_code == 410


def test_a_browser_that_comes_back_later_makes_another_submission(app: Flask):
    path = ask_for(app)
    bob = stranger(app)
    bob.get(path)
    hand_in(bob, path, "a.txt")
    change(app, Submission, open_until=utcnow())

    hand_in(bob, path, "b.txt")

    assert submissions(app, path) == [["a.txt"], ["b.txt"]]


def test_somebody_elses_cookieless_form_is_a_submission_of_its_own(app: Flask):
    path = ask_for(app)

    hand_in(curl(app), path, "a.txt")
    hand_in(curl(app), path, "b.txt")

    assert submissions(app, path) == [["a.txt"], ["b.txt"]]


def test_a_resumable_upload_is_handed_in_when_it_is_full(any_database_app: Flask):
    path = ask_for(any_database_app, asks_who=True)
    tus = Tus(any_database_app)
    upload = tus.begin(
        8, filename="long.txt", request=code_of(path), sender_name="Bob", message="Slowly"
    )
    tus.patch(upload, 0, b"four")
    assert submissions(any_database_app, path) == []

    last = tus.patch(upload, 4, b"more")

    assert last.status_code == 204
    assert tus.head(upload).headers["Upload-Offset"] == "8"
    assert not any(name in tus.head(upload).headers for name in SECRETS)
    assert submissions(any_database_app, path) == [["long.txt"]]
    page = signed_in(any_database_app).get(own_page(path)).text
    assert "Bob" in page
    assert "Slowly" in page


def test_a_bundle_is_handed_in_as_one_and_saying_it_again_changes_nothing(any_database_app: Flask):
    app = any_database_app
    path, bundle = ask_for(app, asks_who=True), "b" * 32
    tus = Tus(app)
    for name in ("2.txt", "10.txt"):
        tus.create(3, b"abc", filename=name, request=code_of(path), bundle=bundle)
    fields = form({}, {"bundle": bundle, "bundle_files": "2", "sender_name": "Bob"})

    first = curl(app).post(path, **fields, headers=JSON)
    again = curl(app).post(path, **fields, headers=JSON)

    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert [file["name"] for file in first.json["files"]] == ["2.txt", "10.txt"]
    assert again.json["files"] == first.json["files"]
    assert submissions(app, path) == [["2.txt", "10.txt"]]


def test_a_bundle_of_a_file_request_can_not_be_made_a_link_of_ones_own(app: Flask):
    path, bundle = ask_for(app), "b" * 32
    Tus(app).create(3, b"abc", filename="a", request=code_of(path), bundle=bundle)
    fields = form({}, {"bundle": bundle, "bundle_files": "1"})

    assert curl(app).post("/", **fields, headers=JSON).status_code == 404
    assert curl(app).post(ask_for(app), **fields, headers=JSON).status_code == 404
    assert sent_codes(app) == []


def test_uploads_of_ones_own_do_not_mix_with_those_to_a_file_request(app: Flask):
    path, bundle = ask_for(app), "b" * 32
    Tus(app).create(3, b"abc", filename="a", request=code_of(path), bundle=bundle)

    assert Tus(app).create(3, b"abc", filename="b", bundle=bundle).status_code == 409


def test_a_file_that_was_handed_in_is_not_taken_back_by_its_upload(app: Flask):
    path = ask_for(app)
    upload = path_of(Tus(app).create(3, b"abc", filename="a", request=code_of(path)))

    answer = Tus(app).ask("DELETE", upload)

    assert answer.status_code == 409
    assert submissions(app, path) == [["a"]]


@pytest.mark.parametrize(
    ("length", "more"),
    [(None, {}), (3, {"concat": "partial"}), (3, {"expires_in": "1d"}), (3, {"password": "x"})],
    ids=["without a length", "a part", "a lifetime", "a link password"],
)
def test_what_an_upload_to_a_file_request_can_not_be(app: Flask, length: int | None, more: dict):
    path = ask_for(app)

    with nothing_changed(app):
        answer = Tus(app).create(length, filename="a", request=code_of(path), **more)

    assert answer.status_code in (400, 422)


def test_the_password_of_a_file_request_is_asked_for(app: Flask):
    path = ask_for(app, password="sesame")

    page = stranger(app).get(path)
    with nothing_changed(app):
        refused = hand_in(curl(app), path)
        wrong = hand_in(curl(app), path, headers={"X-Link-Password": "wrong", **JSON})
        by_tus = Tus(app).create(3, filename="a", request=code_of(path))

    assert (page.status_code, refused.status_code, wrong.status_code) == (401, 401, 401)
    assert by_tus.status_code == 401
    assert "Photos of the party" not in page.text + refused.text
    assert refused.headers["WWW-Authenticate"].startswith("Basic")


def test_the_password_opens_it_in_each_of_the_ways(app: Flask):
    path = ask_for(app, password="sesame")
    basic = base64.b64encode(b"x:sesame").decode()

    ways = [
        hand_in(curl(app), path, headers={"X-Link-Password": "sesame", **JSON}),
        hand_in(curl(app), path, headers={"Authorization": f"Basic {basic}", **JSON}),
        Tus(app).create(1, b"x", filename="a", request=code_of(path), request_password="sesame"),
    ]

    assert [answer.status_code for answer in ways] == [201, 201, 201]
    secret = metadata(request_password="sesame").split()[1]
    assert secret not in Tus(app).head(path_of(ways[2])).headers["Upload-Metadata"]


def test_a_browser_that_gave_the_password_is_remembered_until_it_changes(app: Flask):
    path = ask_for(app, password="sesame")
    bob = stranger(app)

    wrong = press(bob, path, f"{path}/unlock", password="wrong")
    right = press(bob, path, f"{path}/unlock", password="sesame")

    assert wrong.status_code == 401
    assert "9 tries left" in wrong.text
    assert right.status_code == 303
    assert "Photos of the party" in bob.get(path).text
    alice = signed_in(app)
    press(
        alice, f"{own_page(path)}/edit", f"{own_page(path)}/edit", title="x", password="other word"
    )
    assert bob.get(path).status_code == 401


def test_guessing_is_limited_for_each_address(app: Flask):
    path = ask_for(app, password="sesame")
    for _ in range(10):
        hand_in(curl(app), path, headers={"X-Link-Password": "wrong"})

    limited = hand_in(curl(app), path, headers={"X-Link-Password": "sesame"})
    other = hand_in(curl(app, "192.0.2.77"), path, headers={"X-Link-Password": "sesame"})

    assert (limited.status_code, other.status_code) == (429, 201)


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        (FileRequest, {"closed_at": utcnow()}, "closed"),
        (FileRequest, {"expires_at": utcnow()}, "ended on"),
        (User, {"disabled_at": utcnow()}, "closed"),
    ],
    ids=["closed", "expired", "owner disabled"],
)
def test_a_file_request_that_has_ended_takes_nothing(
    app: Flask, model: type, values: dict, words: str
):
    path = ask_for(app)
    upload = Tus(app).begin(3, filename="a", request=code_of(path))
    change(app, model, **values)

    page = stranger(app).get(path)
    answers = [
        hand_in(curl(app), path),
        curl(app).put(f"{path}/x", data=b"x"),
        Tus(app).create(3, b"abc", filename="b", request=code_of(path)),
        Tus(app).patch(upload, 0, b"abc"),
    ]

    assert page.status_code == 410
    assert words in page.text
    assert [answer.status_code for answer in answers] == [410] * 4
    assert sent_codes(app) == []
    assert Tus(app).head(upload).status_code == 404


def test_an_unknown_file_request_is_an_unknown_address(app: Flask):
    ask_for(app)
    for headers in ({"Accept": "text/html"}, JSON, {"Accept": "*/*"}):
        expected = curl(app).get("/neverwas00", headers=headers)
        for answer in (
            curl(app).get("/r/neverwas01", headers=headers),
            curl(app).post("/r/neverwas01", **form({"a": b"a"}), headers=headers),
            curl(app).put("/r/neverwas01/a", data=b"a", headers=headers),
            curl(app).post("/tus/", headers={**headers, "Tus-Resumable": "1.0.0", "Upload-Length":
                "1", "Upload-Metadata": metadata(request="neverwas01")}),
        ):  # fmt: skip
            assert answer.status_code == 404
            assert answer.data == expected.data


def test_strangers_may_send_where_only_users_may_upload(make_app):
    app = make_app(upload_access="users")
    path = ask_for(app)

    assert shell(app).put("/x", data=b"x").status_code == 401
    assert hand_in(curl(app), path).status_code == 201
    assert Tus(app).create(3, b"abc", filename="a", request=code_of(path)).status_code == 201
    upload = Tus(app).begin(3, filename="b", request=code_of(path))
    assert Tus(app).patch(upload, 0, b"abc").status_code == 204


def test_a_shell_is_told_what_to_type(app: Flask):
    path = ask_for(app, text="All of them", max_files=5, allowed_types=("jpg",), asks_who=True)

    text = curl(app).get(path).text

    assert "Photos of the party\n\nAll of them\n" in text
    assert f"curl -T report.pdf http://localhost{path}/" in text
    assert "Room for 5 more files." in text
    assert "only jpg" in text


def test_json_says_what_is_asked_for(app: Flask):
    path = ask_for(app, max_size=100, password=None)
    hand_in(curl(app), path, "12345")

    asked = curl(app).get(path, headers=JSON).json

    assert asked["title"] == "Photos of the party"
    assert (asked["size_left"], asked["files_left"]) == (95, None)
