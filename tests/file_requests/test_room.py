"""What a file request takes in all: exact, whoever comes at once, and nothing left of the rest."""

import re

import pytest
from cast import form, kept_bytes, nothing_changed, press, row_counts
from conftest import settings_of
from file_requests.asking import (
    JSON,
    ask_for,
    change,
    code_of,
    curl,
    file_count,
    hand_in,
    own_page,
    signed_in,
    submissions,
)
from flask import Flask
from services.making import at_once
from upload.tus_client import Tus, path_of

from minifile.models import PartialUpload, User
from minifile.services.quotas import use_of
from minifile.web.current import utcnow


def by_form(app: Flask, number: int) -> int:
    address = f"198.51.100.{number}"
    return hand_in(curl(app, address), path_in(app), f"{number}.txt").status_code


def by_tus(app: Flask, number: int) -> int:
    tus = Tus(app, f"198.51.100.{number}")
    return tus.create(
        5, b"12345", filename=f"{number}.txt", request=code_of(path_in(app))
    ).status_code


def by_parts(app: Flask, number: int) -> int:
    tus = Tus(app, f"198.51.100.{number}")
    begun = tus.create(5, filename=f"{number}.txt", request=code_of(path_in(app)))
    if begun.status_code != 201:
        return begun.status_code
    return tus.patch(path_of(begun), 0, b"12345").status_code - 3


def path_in(app: Flask) -> str:
    return str(app.config["ASKED"])


@pytest.mark.parametrize("send", [by_form, by_tus, by_parts])
def test_of_twenty_strangers_at_once_five_come_in_and_nothing_is_left_of_the_others(
    any_database_app: Flask, send
):
    app = any_database_app
    app.config["ASKED"] = ask_for(app, max_files=5)

    with app.app_context():
        told = at_once(app, *(lambda n=number: send(app, n) for number in range(1, 21)))

    assert sorted(told) == [201] * 5 + [413] * 15
    assert file_count(app) == 5
    assert len(kept_bytes(app)) == 5
    assert row_counts(app)["link"] == row_counts(app)["submission"] == 5
    assert row_counts(app)["reservation"] == 0


@pytest.mark.parametrize("send", [by_form, by_tus])
def test_bytes_are_counted_as_exactly(any_database_app: Flask, send):
    app = any_database_app
    # Each sends 5 or 6 bytes, so that 4 of them are 20 to 24.
    app.config["ASKED"] = ask_for(app, max_size=24)

    with app.app_context():
        told = at_once(app, *(lambda n=number: send(app, n) for number in range(10, 30)))

    assert set(told) == {201, 413}
    assert told.count(201) == 4
    assert len(kept_bytes(app)) == 4


def test_too_many_files_in_one_form_leave_nothing(app: Flask):
    path = ask_for(app, max_files=2)

    with nothing_changed(app):
        answer = hand_in(curl(app), path, "a", "b", "c")

    assert answer.status_code == 413
    assert answer.json["detail"] == "This file request has room for 2 files more."
    assert hand_in(curl(app), path, "a").status_code == 201
    over = hand_in(curl(app), path, "b", "c")
    assert over.json["detail"] == "This file request has room for 1 file more."
    assert hand_in(curl(app), path, "b").status_code == 201
    full = hand_in(curl(app), path, "c")
    assert full.json["detail"] == "This file request has room for no more files."


@pytest.mark.parametrize(
    ("fields", "content", "status"),
    [
        ({"max_file_size": 4}, b"12345", 413),
        ({"max_size": 4}, b"12345", 413),
        ({"allowed_types": ("png",)}, b"text", 415),
        ({"allowed_types": ("png",)}, b"MZ" + bytes(200), 415),
    ],
    ids=["a large file", "large in all", "text", "a program"],
)
def test_what_is_not_asked_for_is_refused_in_every_way(
    app: Flask, fields: dict, content: bytes, status: int
):
    path = ask_for(app, **fields)
    length, code = len(content), code_of(path)

    with nothing_changed(app):
        answers = [
            curl(app).post(path, **form({"a.png": content}), headers=JSON),
            curl(app).put(f"{path}/a.png", data=content),
            Tus(app).create(length, content, filename="a.png", request=code),
        ]

    assert [answer.status_code for answer in answers] == [status] * 3
    begun = Tus(app).create(length, filename="a.png", request=code)
    if status == 415:
        assert Tus(app).patch(path_of(begun), 0, content).status_code == 415
    else:
        assert begun.status_code == 413


def test_the_types_of_the_instance_hold_besides_those_of_the_request(make_app):
    app = make_app(blocked_types="exe", allowed_types="txt,png")
    path = ask_for(app, allowed_types=("png", "pdf"))

    assert hand_in(curl(app), path, "a.txt").status_code == 415
    assert hand_in(curl(app), path, "a.pdf").status_code == 415
    png = b"\x89PNG\r\n\x1a\n" + bytes(64)
    assert curl(app).put(f"{path}/a.png", data=png).status_code == 201


def test_what_is_known_to_be_too_large_is_refused_before_a_byte_is_read(app: Flask):
    path = ask_for(app, max_file_size=10)
    body = Unread()

    answer = curl(app).put(
        f"{path}/a", environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "1000000"}
    )

    assert answer.status_code == 413
    assert body.reads == 0


class Unread:
    """A body of which it is counted how often it was read before the answer."""

    reads = 0

    def read(self, *_: int) -> bytes:
        self.reads += 1
        return b""

    readline = read

    def tell(self) -> int:
        return 0

    def seek(self, *_: int) -> int:
        return 0

    def close(self) -> None:
        pass


def test_an_upload_on_its_way_keeps_its_room_and_gives_it_back_when_ended(app: Flask):
    path = ask_for(app, max_files=1)
    tus = Tus(app)
    upload = tus.begin(5, filename="a", request=code_of(path))

    assert hand_in(curl(app), path).status_code == 413
    tus.ask("DELETE", upload)

    assert hand_in(curl(app), path).status_code == 201


def test_a_bundle_that_takes_the_last_room_and_the_last_link_is_finished(app: Flask):
    path, bundle = ask_for(app, max_files=1, max_size=5), "b" * 32
    change(app, User, max_links=1)
    Tus(app).create(5, b"12345", filename="a", request=code_of(path), bundle=bundle)

    answer = curl(app).post(path, **form({}, {"bundle": bundle, "bundle_files": "1"}), headers=JSON)

    assert answer.status_code == 201, answer.text
    assert submissions(app, path) == [["a"]]


def test_an_upload_that_was_left_alone_keeps_no_room(app: Flask):
    path = ask_for(app, max_files=1)
    Tus(app).begin(5, filename="a", request=code_of(path))
    change(app, PartialUpload, expires_at=utcnow())

    assert hand_in(curl(app), path).status_code == 201


def test_a_limit_that_is_lowered_below_what_is_there_lets_nothing_more_in(app: Flask):
    path = ask_for(app)
    hand_in(curl(app), path, "a", "b", "c")
    page = f"{own_page(path)}/edit"

    saved = press(signed_in(app), page, page, title="x", max_files="1")

    assert saved.status_code == 303
    assert hand_in(curl(app), path).status_code == 413
    assert submissions(app, path) == [["a", "b", "c"]]


def test_what_arrives_counts_against_the_quota_of_the_owner(any_database_app: Flask):
    app = any_database_app
    path = ask_for(app)
    change(app, User, quota=12)

    first = hand_in(curl(app), path, "12345")
    second = Tus(app).create(5, b"12345", filename="b", request=code_of(path))
    with nothing_changed(app):
        full = [
            hand_in(curl(app), path, "12345"),
            curl(app).put(f"{path}/c", data=b"12345"),
            Tus(app).create(5, b"12345", filename="d", request=code_of(path)),
            Tus(app).create(5, filename="e", request=code_of(path)),
        ]

    assert (first.status_code, second.status_code) == (201, 201)
    for answer in full:
        assert answer.status_code == 413
        assert "has no room left for them" in answer.text
        assert not re.search(r"\b12\b", answer.text)
    with app.app_context():
        use = use_of(1, utcnow())
    assert (use.size_bytes, use.links, use.reserved_bytes, use.today_bytes) == (10, 2, 0, 10)


def test_adding_counts_each_byte_once(app: Flask):
    path = ask_for(app)
    change(app, User, quota=1000)
    token = hand_in(curl(app), path, "12345").json["submission"]

    hand_in(curl(app), path, "123", submission=token)

    with app.app_context():
        use = use_of(1, utcnow())
    assert (use.size_bytes, use.links, use.today_bytes) == (8, 1, 8)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "/etc/shadow",
        "a/../../b",
        "\u202egpj.exe",
        "x" * 3000,
    ],
)
def test_a_name_is_cleaned_and_is_never_a_path(app: Flask, name: str):
    path = ask_for(app)

    answer = curl(app).post(path, **form({name: b"x"}), headers=JSON)
    by_tus = Tus(app).create(1, b"x", filename=name, relativePath=name, request=code_of(path))

    assert (answer.status_code, by_tus.status_code) == (201, 201)
    for names in submissions(app, path):
        assert ".." not in names[0].split("/")
        assert not names[0].startswith("/")
        assert "\u202e" not in names[0]
    root = settings_of(app).instance_path / "uploads"
    assert all(str(found).startswith(str(root)) for found in kept_bytes(app))


@pytest.mark.parametrize(
    "fields",
    [
        {"sender_name": "x" * 201},
        {"sender_name": "two\nlines"},
        {"sender_name": "nul\0"},
        {"message": "x" * 501},
        {"owner_id": "1"},
        {"expires_in": "1d"},
        {"is_private": "false"},
        {"max_downloads": "1"},
        {"bundle": "b" * 32},
    ],
    ids=str,
)
def test_a_field_that_is_not_right_or_not_known_leaves_nothing(app: Flask, fields: dict[str, str]):
    path = ask_for(app, asks_who=True)

    with nothing_changed(app):
        answer = hand_in(curl(app), path, **fields)

    assert answer.status_code == 422, answer.text


def test_a_name_is_not_taken_where_none_is_asked_for(app: Flask):
    path = ask_for(app)

    with nothing_changed(app):
        by_form = hand_in(curl(app), path, sender_name="Bob")
        by_tus = Tus(app).create(1, b"x", filename="a", request=code_of(path), message="Hi")

    assert (by_form.status_code, by_tus.status_code) == (422, 422)


def test_a_field_of_a_megabyte_is_refused(app: Flask):
    path = ask_for(app, asks_who=True)

    with nothing_changed(app):
        answer = hand_in(curl(app), path, message="x" * 2**20)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_another_site_hands_nothing_in(app: Flask, headers: dict[str, str]):
    path = ask_for(app)

    with nothing_changed(app):
        answer = hand_in(curl(app), path, headers={**headers, **JSON})

    assert answer.status_code == 403


def test_a_form_that_is_cut_leaves_nothing(app: Flask):
    path = ask_for(app)
    body = form({"a.txt": b"x" * 1000})
    body["data"] = body["data"][:500]

    with nothing_changed(app):
        assert curl(app).post(path, **body).status_code == 400
        assert curl(app).post(path, **form({})).status_code == 400


def test_the_page_shows_a_refusal_to_who_sent_its_form(app: Flask):
    path = ask_for(app, max_file_size=2)

    page = hand_in(curl(app), path, "12345", headers={"Accept": "text/html"})

    assert page.status_code == 413
    assert "The file is too large: 2 B are allowed for a file. Nothing of it was kept." in page.text
    assert "Photos of the party" in page.text
