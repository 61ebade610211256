"""POST /: the browser form and `curl -F`."""

import hashlib
import io
import re
from collections.abc import Callable

import pytest
from cast import (
    blob_of,
    downloads,
    fetch,
    filenames,
    form,
    kept_bytes,
    multipart,
    part,
    send,
    stored_link,
)
from conftest import BROWSER_ACCEPT, browser, shell
from flask import Flask
from flask.testing import FlaskClient
from people import make_user, signed_in, with_token

JSON = {"Accept": "application/json"}


def test_a_shell_is_answered_with_the_short_link_and_a_newline(client: FlaskClient):
    answer = client.post("/", **form({"a.txt": b"alpha"}))

    assert answer.status_code == 200
    assert answer.content_type == "text/plain; charset=utf-8"
    assert re.fullmatch(r"http://localhost/[2-9a-km-zA-HJ-NP-Z1]{10}\n", answer.text)


def test_a_code_has_none_of_the_letters_that_look_alike(client: FlaskClient):
    codes = [client.post("/", **form({"a": b"a"})).text.strip()[-10:] for _ in range(5)]

    assert len(set(codes)) == 5
    assert all(re.fullmatch("[A-Za-z0-9]{10}", code) for code in codes)
    assert not set("".join(codes)) & set("0O1lI")


def test_any_number_of_files_in_fields_of_any_name_make_one_link(app: Flask, client: FlaskClient):
    body = multipart(
        part("file", b"alpha", "a.txt"), part("f2", b"beta", "b.txt"), part("", b"gamma", "c.txt")
    )

    answer = client.post("/", **body)

    link = stored_link(app, answer.text.strip()[-10:])
    assert [file.filename for file in link.files] == ["a.txt", "b.txt", "c.txt"]
    assert [blob_of(app, file) for file in link.files] == [b"alpha", b"beta", b"gamma"]


def test_a_program_is_told_everything_in_json(client: FlaskClient):
    answer = client.post("/", **form({"my photo.png": b"alpha"}), headers=JSON)

    code, token = answer.json["code"], answer.json["owner_token"]
    direct = f"http://localhost/{code}/my%20photo.png"
    assert answer.status_code == 201
    assert answer.headers["Location"] == answer.json["url"] == f"http://localhost/{code}"
    assert answer.json["direct_url"] == direct
    assert answer.json["manage_url"] == f"http://localhost/links/{code}/{token}"
    assert answer.json["max_downloads"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*\+00:00", answer.json["expires_at"])
    assert answer.json["files"] == [
        {
            "name": "my photo.png",
            "size": 5,
            "sha256": hashlib.sha256(b"alpha").hexdigest(),
            "content_type": "image/png",
            "url": direct,
        }
    ]


def test_the_direct_url_of_several_files_is_their_zip(app: Flask):
    sent = send(app, {"a.txt": b"alpha", "b.txt": b"beta"})

    assert sent.json["direct_url"] == f"http://localhost/{sent.code}.zip"


@pytest.mark.parametrize("accept", ["*/*", "application/json", BROWSER_ACCEPT])
def test_every_answer_carries_the_address_that_revokes(client: FlaskClient, accept: str):
    answer = client.post("/", **form({"a.txt": b"alpha"}), headers={"Accept": accept})

    address = answer.headers["X-Url-Delete"]
    assert re.fullmatch(r"http://localhost/links/\w{10}/[\w-]{32}", address)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Accept" in answer.headers["Vary"]


def test_a_browser_with_our_cookie_is_sent_to_the_page_of_its_link(app: Flask):
    alice = browser(app)
    alice.get("/")

    answer = alice.post("/", **form({"a.txt": b"alpha"}))

    assert answer.status_code == 303
    assert re.fullmatch(r"/links/\w{10}", answer.headers["Location"])
    assert alice.get(answer.headers["Location"]).status_code == 200


def test_a_browser_that_refuses_cookies_is_sent_to_a_page_that_proves_itself(app: Flask):
    alice = app.test_client(use_cookies=False)
    headers = {"Accept": BROWSER_ACCEPT, "Sec-Fetch-Site": "same-origin"}

    answer = alice.post("/", **form({"a.txt": b"alpha"}), headers=headers)

    assert answer.status_code == 303
    assert re.fullmatch(r"/links/\w{10}/[\w-]{32}", answer.headers["Location"])
    assert alice.get(answer.headers["Location"], headers=headers).status_code == 200


def test_a_form_that_proves_no_site_does_not_use_the_cookie(app: Flask):
    alice = browser(app)
    alice.get("/")
    del alice.environ_base["HTTP_SEC_FETCH_SITE"]

    answer = alice.post("/", **form({"a.txt": b"alpha"}))

    assert re.fullmatch(r"/links/\w{10}/[\w-]{32}", answer.headers["Location"])


def test_two_uploads_at_once_of_one_browser_are_both_its_own(app: Flask):
    alice = browser(app)
    alice.get("/")
    cookie = {"Cookie": f"minifile={alice.get_cookie('minifile').value}"}

    tabs = [app.test_client(use_cookies=False) for _ in range(2)]
    for tab in tabs:
        tab.environ_base = alice.environ_base
    pages = [
        tab.post("/", **form({"a.txt": b"a"}), headers=cookie).headers["Location"] for tab in tabs
    ]

    assert [alice.get(page).status_code for page in pages] == [200, 200]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("holiday/may/a.jpg", "holiday/may/a.jpg", id="folders"),
        pytest.param("/etc/passwd", "etc/passwd", id="absolute"),
        pytest.param("../../secret.txt", "secret.txt", id="parents"),
        pytest.param("a/./b//c.txt", "a/b/c.txt", id="dots and empty segments"),
        pytest.param("C:\\Users\\Alice\\a.txt", "a.txt", id="backslashes"),
        pytest.param("album/C:\\temp\\a.txt", "album/a.txt", id="backslashes in a folder"),
        pytest.param("...", "download", id="nothing left"),
        pytest.param("CON.txt", "_CON.txt", id="device of Windows"),
        pytest.param("naïve 日本 мир.txt", "naïve 日本 мир.txt", id="non-Latin"),
        pytest.param("cafe\u0301.txt", "café.txt", id="composed"),
        pytest.param("👩‍👩‍👧.png", "👩‍👩‍👧.png", id="emoji with joiners"),
        pytest.param("\u202egpj.exe", "gpj.exe", id="right-to-left override"),
        pytest.param("שלום.txt", "שלום.txt", id="Hebrew"),
        pytest.param("a\tb\x7f.txt", "ab.txt", id="controls"),
        pytest.param("100%25.txt", "100%25.txt", id="percent"),
        pytest.param("say %22hi%22.txt", 'say "hi".txt', id="quotes as browsers send them"),
        pytest.param("<b>&amp;.txt", "<b>&amp;.txt", id="markup"),
    ],
)
def test_a_filename_is_cleaned_segment_by_segment(
    app: Flask, client: FlaskClient, given: str, kept: str
):
    answer = client.post("/", **multipart(part("file", b"x", given)), headers=JSON)

    assert [file["name"] for file in answer.json["files"]] == [kept]
    url = answer.json["files"][0]["url"].removeprefix("http://localhost")
    assert fetch(client, url).data == b"x"


def test_a_very_long_name_keeps_its_extension(client: FlaskClient):
    name = "ü" * 1000 + ".tar.gz"

    answer = client.post("/", **form({name: b"x"}), headers=JSON)

    kept = answer.json["files"][0]["name"]
    assert len(kept.encode()) <= 255
    assert kept.startswith("üüü")
    assert kept.endswith("ü.tar.gz")


def test_equal_names_are_numbered_and_every_file_is_reachable(app: Flask, client: FlaskClient):
    body = multipart(*(part("file", text, "a.txt") for text in (b"one", b"two", b"three")))

    answer = client.post("/", **body, headers=JSON)

    urls = [file["url"].removeprefix("http://localhost") for file in answer.json["files"]]
    names = [file["name"] for file in answer.json["files"]]
    assert names == ["a.txt", "a (2).txt", "a (3).txt"]
    assert [fetch(client, url).data for url in urls] == [b"one", b"two", b"three"]


def test_a_file_input_that_was_left_empty_is_no_file(app: Flask, client: FlaskClient):
    empty = part("folder", b"", "", "Content-Type: application/octet-stream")

    answer = client.post("/", **multipart(empty, part("file", b"alpha", "a.txt"), empty))

    assert filenames(app, answer.text.strip()[-10:]) == ["a.txt"]


def test_bytes_without_a_name_are_a_file_all_the_same(app: Flask, client: FlaskClient):
    answer = client.post("/", **multipart(part("file", b"alpha", "")))

    assert filenames(app, answer.text.strip()[-10:]) == ["download"]


def test_an_empty_file_is_a_file(app: Flask, client: FlaskClient):
    sent = send(app, {"empty.txt": b""})

    answer = fetch(client, sent.file())

    assert (answer.status_code, answer.data) == (200, b"")
    assert sent.json["files"][0]["sha256"] == hashlib.sha256(b"").hexdigest()
    assert downloads(app, sent.code) == 1


def test_three_hundred_files_make_one_link_in_their_order(app: Flask, client: FlaskClient):
    files = {f"folder {i % 7}/{i:03}.txt": str(i).encode() for i in range(300)}

    sent = send(app, files)

    assert filenames(app, sent.code) == list(files)
    assert len(kept_bytes(app)) == 300
    assert fetch(client, sent.file(123)).data == b"123"


def test_a_line_that_looks_like_the_boundary_is_content(app: Flask, client: FlaskClient):
    content = b"\r\n--limi\r\n--limit-\r\n\r--limit\n"

    answer = client.post("/", **multipart(part("file", content, "a.bin")))

    link = stored_link(app, answer.text.strip()[-10:])
    assert blob_of(app, link.files[0]) == content


def test_a_preamble_and_an_epilogue_are_skipped(client: FlaskClient):
    body = multipart(part("file", b"alpha", "a.txt"), end=b"--\r\nepilogue")
    body["data"] = b"\r\n" + body["data"]

    answer = client.post("/", **body)

    assert answer.status_code == 200
    assert fetch(client, answer.text.strip()).data == b"alpha"


def test_links_begin_with_the_public_url(make_app):
    app = make_app(public_url="https://files.example.org")

    answer = shell(app).post("/", **form({"a.txt": b"a"}), headers={"Host": "files.example.org"})

    assert answer.text.startswith("https://files.example.org/")
    assert answer.headers["X-Url-Delete"].startswith("https://files.example.org/links/")


def test_a_refused_form_keeps_what_was_chosen_but_the_password(app: Flask):
    alice = browser(app)
    chosen = {"note": "The cut.", "max_downloads": "3", "password": "geheim"}

    data = {**chosen, "custom_expires_in": "90d", "file": (io.BytesIO(b"x"), "a.txt")}
    page = alice.post("/", data=data).text

    assert "The cut.</textarea>" in page
    assert 'name="max_downloads" value="3"' in page
    assert 'value="90d"' in page
    assert "geheim" not in page


def test_a_user_sees_what_is_left_before_uploading(make_app: Callable[..., Flask]):
    app = make_app(user_quota="1MiB", user_max_links="20")
    alice = make_user(app)
    with_token(app, alice).put("/a.bin", data=bytes(256 * 1024))

    page = re.sub(r"\s+", " ", signed_in(app, alice).get("/").text)

    assert '<span>Stored</span> <span class="num soft">256 KiB of 1 MiB</span>' in page
    assert 'value="25" aria-label="Stored"' in page
    assert "1 of 20" in page
    assert "What you use" not in browser(app).get("/").text


def test_a_user_may_choose_the_code_in_the_form(app: Flask):
    client = signed_in(app, make_user(app))

    page = client.get("/").text
    answer = client.post("/", **form({"a.txt": b"alpha"}, {"code": "our-report"}))
    again = client.post("/", **form({"a.txt": b"alpha"}, {"code": "our-report"}))

    assert 'name="code"' in page
    assert 'name="code"' not in browser(app).get("/").text
    assert answer.location.startswith("/links/our-report")
    assert (again.status_code, "This code is taken" in again.text) == (422, True)
