"""Resumable uploads by tus 1.0.0: creation, parts, what a client is told, ending."""

import hashlib
from base64 import b64encode

import pytest
from cast import blob_of, fetch, filenames, kept_bytes, nothing_changed, stored_link
from conftest import browser, shell
from flask import Flask
from upload.tus_client import BUNDLE, Tus, metadata, path_of

CONTENT = b"0123456789" * 3000


def code_in(answer) -> str:
    return answer.headers["X-Short-Link"].rpartition("/")[2]


def test_the_server_says_what_it_can_do(app: Flask):
    answer = shell(app).options("/tus/")

    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Tus-Max-Size"] == str(2 * 2**30)
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation", "creation-with-upload", "creation-defer-length", "termination", "expiration",
        "checksum", "concatenation",
    }  # fmt: skip


def test_an_upload_in_two_parts_becomes_a_link(any_database_app: Flask):
    tus = Tus(any_database_app)
    path = tus.begin(len(CONTENT), filename="a.bin", filetype="image/png")

    first = tus.patch(path, 0, CONTENT[:10_000])
    between = tus.head(path)
    last = tus.patch(path, 10_000, CONTENT[10_000:])
    afterwards = tus.head(path)

    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "10000")
    assert "X-Short-Link" not in first.headers
    assert (between.headers["Upload-Offset"], between.headers["Upload-Length"]) == (
        "10000",
        "30000",
    )
    assert between.headers["Cache-Control"] == "no-store"
    assert last.headers["Upload-Offset"] == "30000"
    link = stored_link(any_database_app, code_in(last))
    assert blob_of(any_database_app, link.files[0]) == CONTENT
    assert link.files[0].sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert afterwards.headers["X-Short-Link"] == last.headers["X-Short-Link"]
    assert afterwards.headers["X-Url-Delete"] == last.headers["X-Url-Delete"]


def test_the_address_for_deleting_proves_to_be_the_senders(app: Flask):
    tus = Tus(app)
    done = tus.create(3, b"abc", filename="a.txt")

    deleted = shell(app).delete(done.headers["X-Url-Delete"])

    assert deleted.status_code == 200
    assert fetch(shell(app), f"/{code_in(done)}").status_code == 410


def test_a_creation_that_brings_all_is_a_link_at_once(any_database_app: Flask):
    done = Tus(any_database_app).create(3, b"abc", filename="a.txt", note="hello")

    link = stored_link(any_database_app, code_in(done))
    assert done.status_code == 201
    assert done.headers["Upload-Offset"] == "3"
    assert link.note == "hello"
    assert blob_of(any_database_app, link.files[0]) == b"abc"


def test_a_creation_may_bring_the_beginning(any_database_app: Flask):
    tus = Tus(any_database_app)
    begun = tus.create(6, b"abc", filename="a.txt")

    done = tus.patch(path_of(begun), 3, b"def")

    assert begun.headers["Upload-Offset"] == "3"
    file = stored_link(any_database_app, code_in(done)).files[0]
    assert blob_of(any_database_app, file) == b"abcdef"


def test_an_empty_file_needs_no_part(app: Flask):
    done = Tus(app).create(0, filename="empty.txt")

    assert stored_link(app, code_in(done)).files[0].size_bytes == 0


def test_the_length_may_come_later(any_database_app: Flask):
    tus = Tus(any_database_app)
    path = tus.begin(None, filename="a.txt")

    deferred = tus.head(path)
    tus.patch(path, 0, b"abc")
    done = tus.patch(path, 3, b"def", Upload_Length="6")

    assert deferred.headers["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in deferred.headers
    assert stored_link(any_database_app, code_in(done)).files[0].size_bytes == 6


def test_metadata_comes_back_without_what_is_secret(app: Flask):
    tus = Tus(app)
    path = tus.begin(
        5, filename="a.txt", password="open sesame", bundle=BUNDLE, note="hi", unknown="x"
    )

    shown = tus.head(path).headers["Upload-Metadata"]

    assert shown == metadata(filename="a.txt", note="hi", unknown="x")


@pytest.mark.parametrize(
    ("pairs", "name"),
    [
        ({"filename": "a.txt", "relativePath": "folder/a.txt"}, "folder/a.txt"),
        ({"name": "a.txt", "relativePath": "null"}, "a.txt"),
        ({"name": "a.txt", "relativePath": ""}, "a.txt"),
        ({"filename": "../../etc/passwd"}, "etc/passwd"),
        ({}, "download"),
    ],
    ids=["relative", "null", "empty", "upwards", "none"],
)
def test_the_name_is_read_from_the_metadata(app: Flask, pairs: dict[str, str], name: str):
    done = Tus(app).create(3, b"abc", **pairs)

    assert filenames(app, code_in(done)) == [name]


def test_another_offset_is_a_conflict_that_names_the_right_one(app: Flask):
    tus = Tus(app)
    path = tus.begin(10)
    tus.patch(path, 0, b"abc")

    wrong = tus.patch(path, 0, b"abc")

    assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (409, "3")
    assert tus.head(path).headers["Upload-Offset"] == "3"


def test_a_part_that_is_too_long_is_refused_before_it_is_read(app: Flask):
    tus = Tus(app)
    path = tus.begin(5)

    answer = tus.patch(path, 0, b"abcdef")

    assert answer.status_code == 413
    assert tus.head(path).headers["Upload-Offset"] == "0"
    assert kept_bytes(app) == {}


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_right_checksum_is_accepted_and_a_wrong_one_leaves_nothing(app: Flask, algorithm: str):
    tus = Tus(app)
    path = tus.begin(6)
    right = b64encode(hashlib.new(algorithm, b"abc").digest()).decode()

    kept = tus.patch(path, 0, b"abc", Upload_Checksum=f"{algorithm} {right}")
    refused = tus.patch(path, 3, b"xyz", Upload_Checksum=f"{algorithm} {right}")
    done = tus.patch(path, 3, b"abc", Upload_Checksum=f"{algorithm} {right}")

    assert (kept.status_code, refused.status_code) == (204, 460)
    assert blob_of(app, stored_link(app, code_in(done)).files[0]) == b"abcabc"


def test_a_wrong_checksum_of_a_whole_creation_leaves_nothing(app: Flask):
    wrong = b64encode(bytes(20)).decode()
    with nothing_changed(app):
        answer = Tus(app).ask(
            "POST", "/tus/", b"abc", Upload_Length="3", Upload_Checksum=f"sha1 {wrong}",
            Content_Type="application/offset+octet-stream",
        )  # fmt: skip

    assert answer.status_code == 460


BAD_CREATIONS = {
    "no length": {},
    "signed": {"Upload-Length": "+5"},
    "other digits": {"Upload-Length": "٥"},
    "huge": {"Upload-Length": "9" * 30},
    "both lengths": {"Upload-Length": "5", "Upload-Defer-Length": "1"},
    "defer 2": {"Upload-Defer-Length": "2"},
    "no base64": {"Upload-Length": "5", "Upload-Metadata": "filename ???"},
    "twice": {"Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="},
    "no key": {"Upload-Length": "5", "Upload-Metadata": ",a YQ=="},
    "no UTF-8": {"Upload-Length": "5", "Upload-Metadata": "filename /w=="},
    "concat": {"Upload-Length": "5", "Upload-Concat": "other"},
    "concat nothing": {"Upload-Concat": "final;"},
    "concat foreign": {"Upload-Concat": "final;https://example.org/tus/" + "a" * 32},
    "concat unknown": {"Upload-Concat": "final;/tus/" + "a" * 32},
}


@pytest.mark.parametrize("headers", BAD_CREATIONS.values(), ids=BAD_CREATIONS)
def test_what_can_not_be_understood_is_refused_and_leaves_nothing(
    app: Flask, headers: dict[str, str]
):
    with nothing_changed(app):
        answer = Tus(app).http.post("/tus/", headers={"Tus-Resumable": "1.0.0", **headers})

    assert answer.status_code == 400, answer.text
    assert answer.headers["Tus-Resumable"] == "1.0.0"


@pytest.mark.parametrize(
    ("pairs", "status"),
    [
        ({"max_downloads": "0"}, 422),
        ({"expires_in": "7"}, 422),
        ({"bundle": "short"}, 422),
        ({"bundle": BUNDLE, "bundle_files": "0"}, 422),
        ({"filename": "a.exe"}, 415),
    ],
    ids=["downloads", "lifetime", "bundle", "files", "type"],
)
def test_a_creation_that_breaks_a_rule_leaves_nothing(make_app, pairs, status):
    app = make_app(blocked_types="exe")
    with nothing_changed(app):
        answer = Tus(app).create(5, **pairs)

    assert answer.status_code == status


def test_too_large_a_file_is_refused_at_its_creation(make_app):
    app = make_app(max_file_size=10)
    with nothing_changed(app):
        answer = Tus(app).create(11)

    assert answer.status_code == 413


def test_the_type_is_judged_by_what_arrives(make_app):
    app = make_app(blocked_types="image/png")
    tus = Tus(app)
    with nothing_changed(app):
        path = tus.begin(20_000, filename="a.bin")

        answer = tus.patch(path, 0, b"\x89PNG\r\n\x1a\n" + bytes(9000))

    assert answer.status_code == 415
    assert tus.head(path).status_code == 404


@pytest.mark.parametrize("version", [None, "0.2.2"])
def test_another_version_is_refused(app: Flask, version: str | None):
    headers = {} if version is None else {"Tus-Resumable": version}

    answer = shell(app).post("/tus/", headers={"Upload-Length": "5", **headers})

    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")


def test_a_part_must_be_declared_as_one(app: Flask):
    tus = Tus(app)
    path = tus.begin(5)

    assert tus.patch(path, 0, b"abc", Content_Type="text/plain").status_code == 415


def test_an_unknown_upload_is_not_there_and_counts_against_who_asks(make_app):
    app = make_app(rate_unknown_codes=3)
    tus = Tus(app)
    known = tus.begin(5)

    asked = [tus.head("/tus/" + "x" * 32).status_code for _ in range(4)]

    assert asked == [404, 404, 404, 429]
    assert tus.head(known).status_code == 200


def test_an_upload_can_be_ended(any_database_app: Flask):
    tus = Tus(any_database_app)
    path = tus.begin(5)
    tus.patch(path, 0, b"abc")

    ended = tus.ask("DELETE", path)

    assert (ended.status_code, tus.head(path).status_code) == (204, 404)
    assert kept_bytes(any_database_app) == {}


def test_ending_what_is_a_link_revokes_the_link(app: Flask):
    tus = Tus(app)
    done = tus.create(3, b"abc", filename="a.txt")

    ended = tus.ask("DELETE", path_of(done))

    assert ended.status_code == 204
    assert fetch(shell(app), f"/{code_in(done)}").status_code == 410


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "HEAD"])
def test_a_client_that_can_only_post_names_the_method(app: Flask, method: str):
    tus = Tus(app)
    path = tus.begin(5)

    answer = tus.ask(
        "POST", path, b"abc" if method == "PATCH" else b"", X_HTTP_Method_Override=method,
        Upload_Offset="0", Content_Type="application/offset+octet-stream",
    )  # fmt: skip

    assert answer.status_code == (200 if method == "HEAD" else 204)


def test_parts_are_put_together(any_database_app: Flask):
    tus = Tus(any_database_app)
    paths = [tus.begin(3, concat="partial") for _ in range(2)]
    for path, content in zip(paths, (b"abc", b"def"), strict=True):
        tus.patch(path, 0, content)

    done = tus.create(None, concat=f"final;{paths[0]} http://localhost{paths[1]}", filename="a.txt")

    file = stored_link(any_database_app, code_in(done)).files[0]
    assert blob_of(any_database_app, file) == b"abcdef"
    assert file.sha256 == hashlib.sha256(b"abcdef").hexdigest()
    assert [tus.head(path).status_code for path in paths] == [404, 404]
    assert tus.patch(path_of(done), 6, b"x").status_code == 403
    assert len(kept_bytes(any_database_app)) == 1


def test_incomplete_parts_can_not_be_put_together(app: Flask):
    tus = Tus(app)
    path = tus.begin(3, concat="partial")

    assert tus.create(None, concat=f"final;{path}").status_code == 409


def test_a_browser_that_begins_an_upload_owns_its_link(app: Flask):
    alice = browser(app)
    alice.get("/")
    tus = Tus(app, client=alice)

    done = tus.create(3, b"abc", filename="a.txt")

    assert alice.get(f"/links/{code_in(done)}").status_code == 200


def test_no_code_is_called_tus(app: Flask):
    assert shell(app).get("/tus").status_code == 404
    assert shell(app).get("/tus/").status_code == 404
