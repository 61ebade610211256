"""Uploads as they come over the wire: cut, chunked, slow, refused, and from a real curl."""

import hashlib
import json
import os
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import RunningServer
from wire import (
    ask,
    connect,
    curl,
    eventually,
    get,
    head,
    kept,
    nothing_kept,
    read_answer,
    read_answers,
    sha256,
)

CHUNKED = "Transfer-Encoding: chunked"
FORM = "Content-Type: multipart/form-data; boundary=limit"
FILE = b'--limit\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nalpha\r\n'


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@pytest.mark.parametrize("body", [b"", b"alpha", b"x" * 300_000], ids=["none", "some", "much"])
def test_a_client_that_vanishes_in_mid_body_leaves_nothing(server: RunningServer, body: bytes):
    data = head(server, "PUT /a.txt", "Content-Length: 1000000") + body

    with nothing_kept(server):
        answer = ask(server, data, half_close=True)

    assert answer.status == 400
    assert answer.text == (
        f"The upload was cut short: {len(body)} of 1000000 bytes arrived. Nothing was kept.\n"
    )


@pytest.mark.parametrize("how", ["PUT", "POST"])
def test_a_large_upload_is_kept_byte_for_byte(server: RunningServer, how: str):
    content = os.urandom(9_000_001)
    before, after, lines = b"", b"", ["Accept: application/json"]
    if how == "POST":
        before, after = FILE.removesuffix(b"alpha\r\n"), b"\r\n--limit--\r\n"
        lines.append(FORM)
    length = f"Content-Length: {len(before) + len(content) + len(after)}"
    path = "/large.bin" if how == "PUT" else "/"

    answer = ask(server, head(server, f"{how} {path}", length, *lines) + before + content + after)

    [file] = json.loads(answer.text)["files"]
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert get(server, urlsplit(file["url"]).path).body == content


def test_a_client_that_vanishes_in_a_large_upload_leaves_nothing(server: RunningServer):
    data = head(server, "PUT /large.bin", "Content-Length: 20000000") + bytes(9_000_000)

    with nothing_kept(server):
        answer = ask(server, data, half_close=True)

    assert answer.text.startswith("The upload was cut short: 9000000 of 20000000 bytes arrived.")


def test_a_large_upload_of_another_digest_leaves_nothing(server: RunningServer):
    lines = ["Content-Length: 9000000", f"X-Content-SHA256: {'0' * 64}"]

    with nothing_kept(server):
        answer = ask(server, head(server, "PUT /large.bin", *lines) + bytes(9_000_000))

    assert answer.status == 422


def test_a_form_cut_in_its_last_file_leaves_nothing(server: RunningServer):
    data = head(server, "POST /", FORM, "Content-Length: 5000") + FILE + FILE

    with nothing_kept(server):
        answer = ask(server, data, half_close=True)

    assert answer.status == 400
    assert "cut short" in answer.text


def test_a_reset_in_mid_body_leaves_nothing(server: RunningServer):
    before = kept(server)
    with connect(server) as connection:
        connection.sendall(head(server, "PUT /a.txt", "Content-Length: 1000000") + b"x" * 100_000)
        linger = b"\x01\0\0\0\0\0\0\0"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    # The next upload shows that the server lives; its own blob is the only new one.
    answer = ask(server, head(server, "PUT /b.txt", "Content-Length: 1") + b"b")

    assert answer.status == 200
    eventually(lambda: len(kept(server)[1]) == len(before[1]) + 1)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(chunk(b"alpha"), id="after a chunk"),
        pytest.param(b"a\r\nalp", id="within a chunk"),
        pytest.param(b"", id="before the first"),
        pytest.param(b"5\r\nalpha", id="before the end of a chunk"),
        pytest.param(chunk(b"alpha") + b"0\r\n", id="within the last"),
    ],
)
def test_a_chunked_body_without_its_last_chunk_leaves_nothing(server: RunningServer, body: bytes):
    with nothing_kept(server):
        answer = ask(server, head(server, "PUT /a.txt", CHUNKED) + body, half_close=True)

    assert answer.status == 400
    assert answer.text == "The upload was cut short before its last chunk. Nothing was kept.\n"


def test_a_malformed_chunk_leaves_nothing(server: RunningServer):
    with nothing_kept(server):
        answer = ask(server, head(server, "PUT /a.txt", CHUNKED) + b"zz\r\nalpha\r\n0\r\n\r\n")

    assert answer.status == 400


@pytest.mark.parametrize("end", ["0\r\n\r\n", "0\r\nX-Trailer: 1\r\n\r\n"], ids=["", "trailer"])
def test_a_whole_chunked_body_is_kept(server: RunningServer, end: str):
    pieces = [b"alpha", b"b" * 70_000, b"\r\n0\r\n\r\n"]
    body = b"".join(map(chunk, pieces)) + end.encode()

    answer = ask(server, head(server, "PUT /a.txt", CHUNKED) + body)

    assert answer.status == 200
    assert get(server, urlsplit(answer.text.strip()).path).body == b"".join(pieces)


def test_expect_100_continue_is_answered_before_the_body(server: RunningServer):
    data = head(server, "PUT /a.txt", "Content-Length: 5", "Expect: 100-continue")

    with connect(server) as connection:
        connection.sendall(data)
        interim = connection.recv(25)
        connection.sendall(b"alpha")
        answer = read_answer(connection)

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.status == 200


@pytest.mark.parametrize("length", ["Content-Length: 5", CHUNKED])
def test_a_request_right_behind_an_upload_is_answered_too(server: RunningServer, length: str):
    body = b"alpha" if length != CHUNKED else chunk(b"alpha") + b"0\r\n\r\n"
    both = head(server, "PUT /a.txt", length) + body + head(server, "GET /healthz")

    with connect(server) as connection:
        connection.sendall(both)
        first, second = read_answers(connection, 2)

    assert (first.status, second.status) == (200, 200)
    assert second.body == b"ok\n"


def test_a_second_upload_may_come_on_the_same_connection(server: RunningServer):
    with connect(server) as connection:
        statuses = []
        for size in (5, 100_000):
            connection.sendall(head(server, "PUT /a", f"Content-Length: {size}") + b"x" * size)
            statuses.append(read_answer(connection).status)

    assert statuses == [200, 200]


@pytest.mark.parametrize(
    ("request_", "lines", "sentence"),
    [
        pytest.param("PUT /a", ["Content-Length: 99999999999"], "too large", id="too large"),
        pytest.param("POST /", [FORM, "Content-Length: 99999999999"], "too large", id="form"),
        pytest.param("PUT /a/b", ["Content-Length: 99999999"], "one name", id="deeper path"),
        pytest.param("PUT /a?expires_in=x", ["Content-Length: 99999999"], "90m", id="option"),
        pytest.param(
            "PUT /a", ["Content-Length: 99999999", "Origin: http://evil.example"], "Another site",
            id="cross-site",
        ),
    ],
)  # fmt: skip
def test_a_refusal_before_the_body_is_readable_and_ends_the_connection(
    server: RunningServer, request_: str, lines: list[str], sentence: str
):
    with connect(server) as connection:
        connection.sendall(head(server, request_, *lines) + b"x" * 600_000)
        answer = read_answer(connection)
        connection.sendall(b"x")
        rest = connection.recv(1)

    assert sentence in answer.text
    assert answer.headers["Connection"] == "close"
    assert rest == b""


def test_curl_shows_why_a_huge_file_is_refused_and_does_not_send_it(
    server: RunningServer, tmp_path: Path
):
    huge = tmp_path / "huge.bin"
    with huge.open("wb") as file:
        file.truncate(11 * 2**30)

    result = curl("-T", huge, "-w", "%{http_code} %{size_upload}", f"{server.url}/")

    sentence, numbers = result.stdout.split("\n")
    status, sent = map(int, numbers.split())
    assert status == 413
    assert sentence == "The upload is too large: 10 GiB are allowed."
    assert sent < 16 * 2**20


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["Transfer-Encoding: gzip, chunked"], id="gzip"),
        pytest.param([CHUNKED, "Content-Length: 5"], id="both lengths"),
        pytest.param(["Content-Length: 5", "Content-Length: 6"], id="two lengths"),
        pytest.param(["Content-Length: +5"], id="no number"),
        pytest.param(["X: a\0b", "Content-Length: 5"], id="NUL in a header"),
    ],
)
def test_a_request_of_two_meanings_is_refused(server: RunningServer, lines: list[str]):
    with nothing_kept(server):
        answer = ask(server, head(server, "PUT /a.txt", *lines) + b"alpha")

    assert 400 <= answer.status < 500 or answer.status == 501


def test_a_coding_that_is_not_understood_is_400(server: RunningServer):
    data = head(server, "PUT /a.txt", "Transfer-Encoding: gzip, chunked")

    answer = ask(server, data + chunk(b"alpha") + b"0\r\n\r\n")

    assert answer.status == 400
    assert answer.text == "Only the transfer coding chunked is understood.\n"


def test_a_request_without_a_host_is_400(server: RunningServer):
    answer = ask(server, head(server, "GET /", host=False))

    assert answer.status == 400


class TestSlowBodies:
    """Bodies that stop coming."""

    @pytest.mark.parametrize("length", ["Content-Length: 10", CHUNKED])
    def test_a_body_that_stops_coming_is_given_up(self, start_server, length: str):
        server = start_server("--workers", "1", body_idle_timeout="1s")
        start = b"al" if length != CHUNKED else chunk(b"al")

        with nothing_kept(server), connect(server) as connection:
            connection.sendall(head(server, "PUT /a.txt", length) + start)
            answer = read_answer(connection)
            rest = connection.recv(1)

        assert answer.status == 408
        assert answer.text == "Nothing arrived for 1 seconds. Nothing was kept.\n"
        assert (answer.headers["Connection"], rest) == ("close", b"")


def test_curl_t_uploads_and_downloads_the_same_bytes(server: RunningServer, tmp_path: Path):
    source = tmp_path / "my pictüre 日本.bin"
    source.write_bytes(bytes(range(256)) * 5000)

    link = curl("-T", source, f"{server.url}/").stdout.strip()
    result = curl("-OJ", "--output-dir", tmp_path / "got", "--create-dirs", link)

    assert result.returncode == 0, result.stderr
    [got] = (tmp_path / "got").iterdir()
    assert sha256(got) == sha256(source)
    listed = json.loads(curl("-H", "Accept: application/json", link).stdout)
    assert [file["name"] for file in listed["files"]] == ["my pictüre 日本.bin"]


def test_curl_t_from_a_pipe_is_chunked_and_kept(server: RunningServer, tmp_path: Path):
    source = tmp_path / "a.bin"
    source.write_bytes(b"alpha" * 50_000)

    result = curl("-H", "Transfer-Encoding: chunked", "-T", source, f"{server.url}/a.bin")

    assert get(server, urlsplit(result.stdout.strip()).path).body == b"alpha" * 50_000


def test_curl_t_of_an_empty_file_is_kept(server: RunningServer, tmp_path: Path):
    (tmp_path / "empty.txt").touch()

    result = curl("-T", tmp_path / "empty.txt", f"{server.url}/", "-w", "%{http_code}")

    assert result.stdout.endswith("\n200")


def test_curl_f_sends_several_files_and_options_in_one_link(server: RunningServer, tmp_path: Path):
    names = ["a b.txt", "ñandú.txt", "мир.txt", 'say "hi".txt', "semi;colon,.txt"]
    for name in names:
        (tmp_path / name).write_text(name)
    files = [word for name in names for word in ("-F", f"file=@{quoted(tmp_path / name)}")]

    result = curl(
        *files, "-F", "max_downloads=3", "-H", "Accept: application/json", f"{server.url}/"
    )

    link = json.loads(result.stdout)
    assert [file["name"] for file in link["files"]] == names
    assert link["max_downloads"] == 3
    paths = [urlsplit(file["url"]).path for file in link["files"]]
    assert [get(server, path).text for path in paths] == names


def test_curl_x_delete_revokes_by_the_address_in_the_answer(server: RunningServer, tmp_path: Path):
    (tmp_path / "a.txt").write_text("alpha")
    answer = curl("-i", "-T", tmp_path / "a.txt", f"{server.url}/").stdout
    address = re.search(r"(?i)^x-url-delete: (\S+)", answer, re.MULTILINE)[1]

    deleted = curl("-X", "DELETE", address)

    assert deleted.stdout == "The link is revoked.\n"
    link = answer.strip().rpartition("\n")[2]
    gone = curl(link, "-w", "%{http_code}").stdout
    assert gone == "The sender has revoked this link. Ask the sender for a new link.\n410"


def quoted(path: Path) -> str:
    """Write a path as curl's -F takes one with any mark in it."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
