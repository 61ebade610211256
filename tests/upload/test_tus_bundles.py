"""Bundles of resumable uploads: one link, made once, by the last file or by the form."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from cast import (
    FILE,
    blob_of,
    filenames,
    form,
    kept_bytes,
    multipart,
    part,
    row_counts,
    stored_link,
)
from conftest import browser, shell
from flask import Flask
from upload.tus_client import BUNDLE, Tus, path_of

JSON = {"Accept": "application/json"}


def finish(client, files: int, bundle: str = BUNDLE, **options: str):
    fields = {"bundle": bundle, "bundle_files": str(files), **options}
    return client.post("/", **form({}, fields), headers=JSON)


def code_in(answer) -> str:
    return answer.headers["X-Short-Link"].rpartition("/")[2]


def test_the_last_of_a_bundle_makes_the_link(any_database_app: Flask):
    app = any_database_app
    tus = Tus(app)
    said = {"bundle": BUNDLE, "bundle_files": "3"}
    paths = [tus.begin(3, relativePath=f"folder/{name}", **said) for name in "abc"]

    answers = [tus.patch(path, 0, b"abc") for path in reversed(paths)]

    assert ["X-Short-Link" in answer.headers for answer in answers] == [False, False, True]
    assert filenames(app, code_in(answers[2])) == ["folder/a", "folder/b", "folder/c"]
    assert {tus.head(path).headers["X-Short-Link"] for path in paths} == {
        answers[2].headers["X-Short-Link"]
    }


def test_whole_creations_of_a_bundle_make_the_link(any_database_app: Flask):
    tus = Tus(any_database_app)

    answers = [
        tus.create(3, b"abc", filename="same.txt", bundle=BUNDLE, bundle_files="2")
        for _ in range(2)
    ]

    assert "X-Short-Link" not in answers[0].headers
    assert filenames(any_database_app, code_in(answers[1])) == ["same.txt", "same (2).txt"]


def test_the_form_makes_the_link_of_what_is_complete(any_database_app: Flask):
    app = any_database_app
    tus = Tus(app)
    tus.create(3, b"abc", filename="a.txt", bundle=BUNDLE, max_downloads="5", note="old")
    left = tus.begin(3, filename="b.txt", bundle=BUNDLE)

    answer = finish(shell(app), 1, note="new")

    assert answer.status_code == 201, answer.text
    link = stored_link(app, answer.json["code"])
    assert answer.json["manage_path"] == urlsplit(answer.json["manage_url"]).path
    assert [blob_of(app, file) for file in link.files] == [b"abc"]
    assert (link.max_downloads, link.note) == (5, "new")
    assert tus.head(left).status_code == 404
    assert len(kept_bytes(app)) == 1


def test_finishing_again_says_the_same_again(any_database_app: Flask):
    app = any_database_app
    Tus(app).create(3, b"abc", filename="a.txt", bundle=BUNDLE)

    first, second = finish(shell(app), 1), finish(shell(app), 1, note="other")

    assert first.json == second.json
    assert first.json["owner_token"]


def test_a_bundle_that_is_not_complete_can_not_be_finished_yet(app: Flask):
    Tus(app).create(3, b"abc", filename="a.txt", bundle=BUNDLE)

    answer = finish(shell(app), 3)

    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")
    assert answer.json["detail"] == "1 of 3 files have arrived."


def test_an_unknown_bundle_is_not_there(app: Flask):
    assert finish(shell(app), 1).status_code == 404


@pytest.mark.parametrize("position", [0, 1], ids=["file-last", "file-first"])
def test_a_form_brings_files_or_finishes_a_bundle(app: Flask, position: int):
    parts = [part("bundle", BUNDLE.encode())]
    parts.insert(1 - position, FILE)

    answer = shell(app).post("/", **multipart(*parts))

    assert answer.status_code == 422
    assert kept_bytes(app) == {}


@pytest.mark.parametrize(
    "fields",
    [{"bundle": "short", "bundle_files": "1"}, {"bundle": BUNDLE}],
    ids=["short", "no-number"],
)
def test_a_finish_must_name_bundle_and_number(app: Flask, fields: dict[str, str]):
    Tus(app).create(3, b"abc", bundle=BUNDLE)

    assert shell(app).post("/", **form({}, fields)).status_code == 422


def test_files_of_a_bundle_agree_on_their_number(app: Flask):
    tus = Tus(app)
    tus.begin(3, bundle=BUNDLE, bundle_files="3")

    assert tus.create(3, bundle=BUNDLE, bundle_files="2").status_code == 422


def test_nothing_joins_a_bundle_whose_link_is_made(app: Flask):
    tus = Tus(app)
    tus.create(3, b"abc", bundle=BUNDLE)
    finish(shell(app), 1)

    assert tus.create(3, bundle=BUNDLE).status_code == 409


def test_a_bundle_is_no_larger_than_a_link(make_app):
    app = make_app(max_link_size=10, max_link_files=2)
    tus = Tus(app)
    tus.begin(6, bundle=BUNDLE)

    too_much = tus.create(5, bundle=BUNDLE)
    tus.begin(1, bundle=BUNDLE)
    too_many = tus.create(1, bundle=BUNDLE)

    assert (too_much.status_code, too_many.status_code) == (413, 413)


def test_a_file_of_a_link_can_not_be_ended_alone(app: Flask):
    tus = Tus(app)
    done = tus.create(3, b"abc", bundle=BUNDLE)
    finish(shell(app), 1)

    ended = tus.ask("DELETE", path_of(done))

    assert ended.status_code == 409
    assert "sender's page" in ended.text


def test_the_browser_that_finishes_owns_the_link(app: Flask):
    alice = browser(app)
    alice.get("/")
    Tus(app).create(3, b"abc", filename="a.txt", bundle=BUNDLE)

    answer = finish(alice, 1)

    page = alice.get(answer.json["manage_path"])
    assert page.status_code == 200
    assert "Uploaded and safe on disk" in page.text


def test_the_password_of_any_upload_locks_the_link(app: Flask):
    tus = Tus(app)
    tus.create(3, b"abc", bundle=BUNDLE)
    tus.create(3, b"abc", bundle=BUNDLE, password="open sesame")

    answer = finish(shell(app), 2)

    assert shell(app).get(f"/{answer.json['code']}").status_code == 401


def test_files_that_complete_at_once_make_one_link(any_database_app: Flask):
    app = any_database_app
    said = {"bundle": BUNDLE, "bundle_files": "8"}
    paths = [Tus(app).begin(3, filename=f"{n}.txt", **said) for n in range(8)]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda path: Tus(app).patch(path, 0, b"abc"), paths))

    assert [answer.status_code for answer in answers] == [204] * 8
    [made] = [answer for answer in answers if "X-Short-Link" in answer.headers]
    assert filenames(app, code_in(made)) == [f"{n}.txt" for n in range(8)]
    assert row_counts(app)["link"] == 1


def test_two_that_finish_at_once_are_told_of_one_link(any_database_app: Flask):
    app = any_database_app
    Tus(app).create(3, b"abc", filename="a.txt", bundle=BUNDLE)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: finish(shell(app), 1), range(4)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["owner_token"] for answer in answers}) == 1
    assert row_counts(app)["link"] == 1
