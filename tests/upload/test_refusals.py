"""What is refused: the right status, one clear sentence, and nothing left behind."""

import re
from collections.abc import Callable, Iterator

import pytest
from cast import FILE, form, multipart, nothing_changed, part
from conftest import BROWSER_ACCEPT, browser, shell
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

JSON = {"Accept": "application/json"}
HTML = {"Accept": BROWSER_ACCEPT}
PDF = b"%PDF-1.7\n" + b"x" * 100


class Body:
    """A body in pieces that knows how much of it was read, as a server's input stream."""

    def __init__(self, *pieces: bytes, cut: bool = False) -> None:
        self.pieces = list(pieces)
        self.cut = cut
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        if not self.pieces:
            if self.cut:
                raise OSError("the client went away")
            return b""
        piece = self.pieces.pop(0)
        if 0 <= size < len(piece):
            self.pieces.insert(0, piece[size:])
            piece = piece[:size]
        self.read_bytes += len(piece)
        return piece


def post(client: FlaskClient, body: Body, **environ: object) -> TestResponse:
    """Send a form as it comes; given as data, the test client would write its own boundary."""
    content_type = "multipart/form-data; boundary=limit"
    overrides = {"wsgi.input": body, "CONTENT_TYPE": content_type, **environ}
    return client.post("/", environ_overrides=overrides)


def put(client: FlaskClient, body: Body, length: int | None, **headers: str) -> TestResponse:
    """Send a body with a Content-Length, or in chunks when there is none."""
    given = (
        {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
        if length is None
        else {"CONTENT_LENGTH": str(length)}
    )
    environ = {"wsgi.input": body, **given}
    return client.put("/a.txt", environ_overrides=environ, headers=headers)


def test_a_put_over_the_file_limit_is_refused_before_a_byte_is_read(make_app):
    app = make_app(max_file_size="1KiB")
    body = Body(b"x" * 1025)

    with nothing_changed(app):
        answer = put(shell(app), body, 1025)

    assert answer.status_code == 413
    assert answer.text == "The file is too large: 1 KiB are allowed for a file.\n"
    assert body.read_bytes == 0


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_upload_over_the_link_limit_is_refused_before_a_byte_is_read(make_app, method: str):
    app = make_app(max_link_size="1MiB", max_file_size="1MiB")
    body = Body(b"x")

    with nothing_changed(app):
        answer = shell(app).open(
            "/",
            method=method,
            content_type="multipart/form-data; boundary=limit",
            environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": str(2**40)},
        )

    assert answer.status_code == 413
    assert "1 MiB" in answer.text
    assert body.read_bytes == 0


def test_a_chunked_body_is_given_up_once_it_is_too_large(make_app):
    app = make_app(max_file_size="1MiB")
    body = Body(*[b"x" * 2**18] * 400)

    with nothing_changed(app):
        answer = put(shell(app), body, None)

    assert answer.status_code == 413
    assert body.read_bytes < 2 * 2**20


def test_the_sum_of_the_files_is_limited_while_it_is_read(make_app):
    app = make_app(max_link_size="10KiB", max_file_size="6KiB")
    body = form(dict.fromkeys(("a", "b", "c"), b"x" * 5000))
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}

    with nothing_changed(app):
        answer = post(shell(app), Body(body["data"]), **chunked)

    assert answer.status_code == 413
    assert "10 KiB" in answer.text


def test_a_file_of_a_form_over_the_limit_takes_the_others_with_it(make_app):
    app = make_app(max_file_size="1KiB")

    with nothing_changed(app):
        answer = shell(app).post("/", **form({"small": b"x", "large": b"x" * 1025}))

    assert answer.status_code == 413


def test_a_file_of_just_the_limit_is_accepted(make_app):
    app = make_app(max_file_size="1KiB")

    assert shell(app).put("/a", data=b"x" * 1024).status_code == 200
    assert shell(app).post("/", **form({"a": b"x" * 1024})).status_code == 200


def test_too_many_files_are_refused(make_app):
    app = make_app(max_link_files=3)

    with nothing_changed(app):
        answer = shell(app).post("/", **form(dict.fromkeys("abcd", b"x")))

    assert answer.status_code == 413
    assert answer.text == "Too many files: 3 are allowed in one link.\n"


@pytest.mark.parametrize(
    ("body", "length"),
    [
        pytest.param(Body(b"alpha"), 10, id="shorter than its length"),
        pytest.param(Body(), 10, id="nothing came"),
        pytest.param(Body(b"alpha", cut=True), 10, id="the connection broke"),
        pytest.param(Body(b"alpha", cut=True), None, id="no last chunk"),
    ],
)
def test_a_body_cut_short_is_refused(app: Flask, client: FlaskClient, body: Body, length: int):
    with nothing_changed(app):
        answer = put(client, body, length)

    assert answer.status_code == 400
    assert "cut short" in answer.text
    assert answer.text.endswith("Nothing was kept.\n")


WHOLE = form({"a.txt": b"alpha", "b.txt": b"beta"})["data"]


@pytest.mark.parametrize(
    "cut_at",
    [
        pytest.param(len(WHOLE) - 4, id="before the two hyphens"),
        pytest.param(len(WHOLE) - 3, id="between them"),
        pytest.param(len(WHOLE) - 20, id="within the last file"),
        pytest.param(WHOLE.index(b"beta") - 10, id="within the headers of a part"),
        pytest.param(WHOLE.index(b"beta") - 60, id="between two parts"),
        pytest.param(9, id="after the first boundary"),
        pytest.param(3, id="within the first boundary"),
    ],
)
def test_a_form_without_its_closing_boundary_is_refused(
    app: Flask, client: FlaskClient, cut_at: int
):
    with nothing_changed(app):
        answer = client.post(
            "/", data=WHOLE[:cut_at], content_type="multipart/form-data; boundary=limit"
        )

    assert answer.status_code == 400
    assert answer.text.count("\n") == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(multipart(part("note", b"hello")), id="fields only"),
        pytest.param(multipart(part("file", b"", "")), id="an empty file input"),
        pytest.param(multipart(), id="no part"),
    ],
)
def test_a_form_without_a_file_is_refused(app: Flask, client: FlaskClient, body: dict):
    with nothing_changed(app):
        answer = client.post("/", **body)

    assert answer.status_code == 400
    assert answer.text.count("\n") == 1


def test_a_form_whose_file_inputs_were_left_empty_says_so(client: FlaskClient):
    answer = client.post("/", **multipart(part("file", b"", ""), part("file", b"", "")))

    assert answer.text == "The upload holds no file.\n"


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("application/x-www-form-urlencoded", id="urlencoded"),
        pytest.param("application/json", id="JSON"),
        pytest.param("multipart/form-data", id="no boundary"),
        pytest.param("multipart/form-data; boundary=", id="empty boundary"),
        pytest.param("multipart/form-data; boundary=" + "b" * 5000, id="endless boundary"),
        pytest.param("multipart/mixed; boundary=limit", id="mixed"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_post_of_another_kind_is_told_how_to_send_files(
    app: Flask, client: FlaskClient, content_type: str
):
    with nothing_changed(app):
        answer = client.post("/", data=WHOLE, content_type=content_type)

    assert answer.status_code == 400
    assert answer.text.count("\n") == 1


@pytest.mark.parametrize(
    ("settings_", "name", "content"),
    [
        pytest.param({"allowed_types": "pdf"}, "a.txt", b"alpha", id="name not allowed"),
        pytest.param({"allowed_types": "pdf"}, "a.pdf", b"alpha", id="content not allowed"),
        pytest.param({"blocked_types": "pdf"}, "a.pdf", PDF, id="name blocked"),
        pytest.param({"blocked_types": "application/pdf"}, "a.txt", PDF, id="content blocked"),
        pytest.param({"blocked_types": "pdf"}, "b/a.PDF", PDF, id="in capitals, in a folder"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_type_that_is_not_accepted_is_refused(
    make_app, method: str, settings_: dict[str, str], name: str, content: bytes
):
    app = make_app(**settings_)
    body = form({name: content}) if method == "POST" else {"data": content}
    path = "/" if method == "POST" else f"/{name.rpartition('/')[2]}"

    with nothing_changed(app):
        answer = shell(app).open(path, method=method, **body)

    assert answer.status_code == 415
    assert re.fullmatch(r"(Only files of these types are|Files of the type .+ are not) .+\n",
                        answer.text)  # fmt: skip


def test_an_accepted_type_gets_through(make_app):
    app = make_app(allowed_types="pdf, image/*")

    assert shell(app).put("/a.pdf", data=PDF).status_code == 200


BAD_OPTIONS = [
    pytest.param({"expires_in": "31d"}, "between 1 minute and 30 days", id="too long"),
    pytest.param({"expires_in": "0d"}, "between 1 minute and 30 days", id="zero"),
    pytest.param({"expires_in": "-1d"}, "90m, 12h or 3d", id="negative"),
    pytest.param({"expires_in": "3"}, "90m, 12h or 3d", id="no unit"),
    pytest.param({"expires_in": "1.5d"}, "90m, 12h or 3d", id="fraction"),
    pytest.param({"expires_in": "never"}, "90m, 12h or 3d", id="a word"),
    pytest.param({"expires_in": "999999999w"}, "between 1 minute and 30 days", id="a huge one"),
    pytest.param({"expires_in": "٣d"}, "90m, 12h or 3d", id="foreign digits"),
    pytest.param({"custom_expires_in": "x"}, "90m, 12h or 3d", id="free field"),
    pytest.param({"max_downloads": "0"}, "between 1 and", id="no downloads"),
    pytest.param({"max_downloads": "-1"}, "whole number from 1 on", id="negative downloads"),
    pytest.param({"max_downloads": "2.5"}, "whole number from 1 on", id="half a download"),
    pytest.param({"max_downloads": "9" * 30}, "whole number from 1 on", id="endless digits"),
    pytest.param({"max_downloads": "9999999999"}, "between 1 and", id="too many downloads"),
    pytest.param({"note": "x" * 501}, "at most 500 characters", id="long note"),
    pytest.param({"note": "a\0b"}, "at most 500 characters", id="NUL in the note"),
    pytest.param({"password": "x" * 257}, "1 to 256 characters", id="long password"),
    pytest.param({"password": "a\0b"}, "1 to 256 characters", id="NUL in the password"),
]


@pytest.mark.parametrize(("options", "sentence"), BAD_OPTIONS)
def test_an_option_out_of_range_is_refused(
    app: Flask, client: FlaskClient, options: dict[str, str], sentence: str
):
    with nothing_changed(app):
        answer = client.post("/", **form({"a.txt": b"alpha"}, options))

    assert answer.status_code == 422
    assert sentence in answer.text
    assert answer.text.count("\n") == 1


@pytest.mark.parametrize(
    "where",
    [
        pytest.param({"headers": {"Max-Downloads": "none"}}, id="Max-Downloads"),
        pytest.param({"headers": {"Max-Days": "400"}}, id="Max-Days too many"),
        pytest.param({"headers": {"Max-Days": "x"}}, id="Max-Days no number"),
        pytest.param({"query_string": {"expires_in": "x"}}, id="query"),
    ],
)
def test_a_bad_option_outside_the_form_is_refused_before_the_body(app: Flask, where: dict):
    body = Body(b"alpha")

    with nothing_changed(app):
        answer = shell(app).put(
            "/a.txt", environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "5"}, **where
        )

    assert answer.status_code == 422
    assert body.read_bytes == 0


def test_a_bad_option_behind_the_files_takes_them_with_it(app: Flask, client: FlaskClient):
    with nothing_changed(app):
        answer = client.post("/", **multipart(FILE, part("expires_in", b"400d")))

    assert answer.status_code == 422


def test_a_bad_option_before_the_files_refuses_them_unread(app: Flask, client: FlaskClient):
    body = Body(
        b'--limit\r\nContent-Disposition: form-data; name="expires_in"\r\n\r\n400d\r\n'
        b'--limit\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n',
        *[b"x" * 2**16] * 100,
    )

    with nothing_changed(app):
        answer = post(client, body, CONTENT_LENGTH=str(2**24))

    assert answer.status_code == 422
    assert body.read_bytes < 2**16


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_full_disk_is_507(make_app, method: str):
    app = make_app(keep_free="8000TiB")
    body = form({"a": b"a"}) if method == "POST" else {"data": b"a"}

    with nothing_changed(app):
        answer = shell(app).open("/", method=method, **body)

    assert answer.status_code == 507
    sentence = "There is not enough free space for this upload just now."
    assert answer.text == f"{sentence} (request {answer.headers['X-Request-ID']})\n"


def test_more_links_than_an_address_may_make_are_429(make_app):
    app = make_app(rate_uploads=2)
    alice = shell(app, "192.0.2.1")
    for _ in range(2):
        assert alice.put("/a.txt", data=b"a").status_code == 200

    with nothing_changed(app):
        answer = alice.put("/a.txt", data=b"a")

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.text.startswith("Too many uploads. Try again in ")
    assert shell(app, "192.0.2.3").put("/a.txt", data=b"a").status_code == 200


def test_refused_uploads_do_not_count_as_links_made(make_app):
    app = make_app(rate_uploads=1)
    alice = shell(app)
    for _ in range(3):
        assert alice.put("/a.txt?expires_in=x", data=b"a").status_code == 422

    assert alice.put("/a.txt", data=b"a").status_code == 200


CROSS_SITE = [
    pytest.param({"Sec-Fetch-Site": "cross-site"}, id="cross-site"),
    pytest.param({"Sec-Fetch-Site": "same-site"}, id="same-site"),
    pytest.param({"Origin": "https://evil.example"}, id="foreign Origin"),
    pytest.param({"Origin": "http://localhost:9000"}, id="another port"),
    pytest.param({"Origin": "null"}, id="opaque Origin"),
    pytest.param({"Origin": "http://[::1"}, id="malformed Origin"),
    pytest.param(
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, id="contradiction"
    ),
]


@pytest.mark.parametrize("headers", CROSS_SITE)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_page_of_another_site_may_not_upload(
    app: Flask, client: FlaskClient, method: str, headers: dict[str, str]
):
    body = form({"a": b"a"}) if method == "POST" else {"data": b"a"}

    with nothing_changed(app):
        answer = client.open("/", method=method, **body, headers=headers)

    assert answer.status_code == 403
    assert answer.text == "Another site may not do this in your name.\n"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Fetch-Site": "same-origin"}, id="same-origin"),
        pytest.param({"Sec-Fetch-Site": "none"}, id="typed by the visitor"),
        pytest.param({"Origin": "http://localhost"}, id="own Origin"),
        pytest.param({}, id="nothing"),
    ],
)
def test_our_own_pages_and_shells_may_upload(client: FlaskClient, headers: dict[str, str]):
    assert client.post("/", **form({"a": b"a"}), headers=headers).status_code == 200


REFUSALS: dict[int, Callable[[], tuple[dict[str, object], dict]]] = {
    400: lambda: ({}, multipart(part("note", b"x"))),
    403: lambda: ({}, {**form({"a": b"a"}), "query_string": "cross"}),
    413: lambda: ({"max_file_size": "1B"}, form({"a": b"aa"})),
    415: lambda: ({"blocked_types": "txt"}, form({"a.txt": b"a"})),
    422: lambda: ({}, form({"a": b"a"}, {"expires_in": "x"})),
    507: lambda: ({"keep_free": "8000TiB"}, form({"a": b"a"})),
}


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("asked", [pytest.param(JSON, id="json"), pytest.param(HTML, id="html")])
def test_every_refusal_is_said_in_the_form_that_was_asked_for(
    make_app, status: int, asked: dict[str, str]
):
    settings_, request = REFUSALS[status]()
    app = make_app(**settings_)
    site = "cross-site" if request.pop("query_string", None) else "same-origin"
    headers = {**asked, "Sec-Fetch-Site": site}

    with nothing_changed(app):
        answer = shell(app).post("/", **request, headers=headers)

    assert answer.status_code == status
    assert answer.headers["Cache-Control"] == "no-store"
    if asked is JSON:
        assert answer.content_type == "application/problem+json"
        assert answer.json.keys() == {"type", "title", "status", "detail", "request_id"}
        assert answer.json["status"] == status
        assert answer.json["detail"].endswith(".")
    else:
        assert answer.content_type == "text/html; charset=utf-8"
        assert len(re.findall('role="alert">', answer.text)) == 1
        assert 'enctype="multipart/form-data"' in answer.text
        assert "Traceback" not in answer.text


def test_a_refused_browser_keeps_its_cookie(app: Flask):
    alice = browser(app)
    alice.get("/")
    before = alice.get_cookie("minifile")

    answer = alice.post("/", **form({"a": b"a"}, {"expires_in": "x"}))

    assert answer.status_code == 422
    assert alice.get_cookie("minifile") == before


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        pytest.param({"HTTP_TRANSFER_ENCODING": "gzip, chunked"}, 400, id="gzip"),
        pytest.param({"HTTP_TRANSFER_ENCODING": "chunked, chunked"}, 400, id="chunked twice"),
        pytest.param({"CONTENT_LENGTH": "5x"}, 400, id="no number"),
        pytest.param({"CONTENT_LENGTH": "-5"}, 400, id="negative"),
        pytest.param({"CONTENT_LENGTH": "٥"}, 400, id="foreign digits"),
        pytest.param({"CONTENT_LENGTH": "9" * 50}, 400, id="endless digits"),
        pytest.param({"CONTENT_LENGTH": ""}, 400, id="no length"),
    ],
)
def test_a_body_whose_length_can_not_be_known_is_refused(
    app: Flask, client: FlaskClient, environ: dict[str, str], status: int
):
    with nothing_changed(app):
        answer = client.put("/a.txt", environ_overrides={"wsgi.input": Body(b"alpha"), **environ})

    assert answer.status_code == status


def test_a_field_is_no_place_for_a_file(app: Flask, client: FlaskClient):
    with nothing_changed(app):
        answer = client.post("/", **multipart(part("note", b"x" * 70_000), FILE))

    assert answer.status_code == 400
    assert "65536 bytes" in answer.text


def test_a_form_of_endless_fields_is_refused(app: Flask, client: FlaskClient):
    with nothing_changed(app):
        answer = client.post("/", **multipart(*[part("x", b"")] * 101, FILE))

    assert answer.status_code == 400
    assert answer.text == "A form may have at most 100 fields.\n"


PIECES = st.sampled_from(
    [
        b"--limit\r\n", b"--limit--\r\n", b"--limit", b"\r\n", b"\n", b"\r", b"--", b"\0", b":",
        b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n',
        b'Content-Disposition: form-data; name="expires_in"\r\n\r\n',
        b"Content-Disposition: attachment\r\n\r\n", b"Content-Type: \xff\xfe\r\n",
        b"content-disposition: form-data; filename*=utf-8''%ff\r\n\r\n", b"alpha", b"1h",
        b'Content-Disposition: form-data; name="f"; filename="C:\\a\\..\\"\r\n\r\n', b"X" * 9000,
    ]
)  # fmt: skip
BODIES = st.lists(PIECES | st.binary(max_size=20), max_size=12).map(b"".join)


@pytest.fixture
def rejecting(make_app) -> Iterator[FlaskClient]:
    """A client whose uploads can't use up a rate limit."""
    return shell(make_app(rate_uploads="off"))


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=BODIES)
def test_no_malformed_form_is_a_server_error(rejecting: FlaskClient, body: bytes):
    answer = rejecting.post("/", data=body, content_type="multipart/form-data; boundary=limit")

    assert answer.status_code in (200, 400, 422)
    assert answer.text.count("\n") == 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content_type=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40),
    start=st.sampled_from(["", "multipart/form-data; boundary=", "multipart/form-data;"]),
)
def test_no_content_type_is_a_server_error(rejecting: FlaskClient, start: str, content_type: str):
    answer = rejecting.post(
        "/", data=WHOLE, environ_overrides={"CONTENT_TYPE": start + content_type}
    )

    assert answer.status_code in (200, 400)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_name_of_a_file_is_a_server_error(rejecting: FlaskClient, name: str):
    body = multipart(part("file", b"alpha", name.translate({10: None, 13: None, 34: "%22"})))

    answer = rejecting.post("/", **body, headers=JSON)

    assert answer.status_code in (201, 400)
