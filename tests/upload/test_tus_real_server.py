"""Resumable uploads over the wire: cuts, races, take-over, lies, and kill -9."""

import hashlib
import os
import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from sqlite3 import connect as open_database
from urllib.parse import urlsplit

import pytest
from conftest import RunningServer
from upload.tus_client import metadata
from wire import Answer, ask, connect, eventually, get, head, kept, nothing_kept

TUS = "Tus-Resumable: 1.0.0"
BODY = "Content-Type: application/offset+octet-stream"
CONTENT = os.urandom(3_000_000)


def begin(server: RunningServer, length: int | None, *lines: str) -> str:
    said = "Upload-Defer-Length: 1" if length is None else f"Upload-Length: {length}"
    answer = ask(server, head(server, "POST /tus/", TUS, said, "Content-Length: 0", *lines))
    assert answer.status == 201, answer.text
    return urlsplit(answer.headers["Location"]).path


def offset_of(server: RunningServer, path: str) -> int:
    answer = _head_only(server, path)
    return int(answer.split("Upload-Offset: ")[1].split("\r\n")[0])


def _head_only(server: RunningServer, path: str) -> str:
    """Return the head of an answer to HEAD, which has no body whatever its length says."""
    with connect(server) as connection:
        connection.sendall(head(server, f"HEAD {path}", TUS, "Connection: close"))
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer.decode()


def part(server: RunningServer, path: str, offset: int, length: int, *lines: str) -> bytes:
    said = (f"Upload-Offset: {offset}", f"Content-Length: {length}")
    return head(server, f"PATCH {path}", TUS, BODY, *said, *lines)


def send(server: RunningServer, path: str, offset: int, data: bytes) -> Answer:
    return ask(server, part(server, path, offset, len(data)) + data)


def content_of(server: RunningServer, answer: Answer) -> bytes:
    return get(server, urlsplit(answer.headers["X-Short-Link"]).path).body


def test_a_cut_in_the_middle_keeps_what_came(server: RunningServer):
    path = begin(server, len(CONTENT))
    data = part(server, path, 0, len(CONTENT)) + CONTENT[:1_234_567]

    cut = ask(server, data, half_close=True)
    offset = offset_of(server, path)
    done = send(server, path, offset, CONTENT[offset:])

    assert cut.status == 400
    assert cut.text.endswith("What arrived is kept.\n")
    assert offset == 1_234_567
    assert content_of(server, done) == CONTENT


def test_a_reset_in_the_middle_keeps_what_came(server: RunningServer):
    path = begin(server, len(CONTENT))
    with connect(server) as connection:
        connection.sendall(part(server, path, 0, len(CONTENT)) + CONTENT[:1_000_000])
        eventually(lambda: 1_000_000 in partial_sizes(server))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    offset = offset_of(server, path)

    done = send(server, path, offset, CONTENT[offset:])
    assert offset == 1_000_000
    assert content_of(server, done) == CONTENT


def test_of_twenty_parts_at_one_offset_one_wins(server: RunningServer):
    path = begin(server, 400_000)
    bodies = [bytes([n]) * 200_000 for n in range(20)]

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda body: send(server, path, 0, body), bodies))
    offset = offset_of(server, path)
    done = send(server, path, 200_000, b"\xff" * 200_000)

    statuses = [answer.status for answer in answers]
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 409, 423}
    assert offset == 200_000
    winner = bodies[statuses.index(204)]
    assert content_of(server, done) == winner + b"\xff" * 200_000


def test_a_chunked_part_that_is_too_long_is_cut_off(server: RunningServer):
    path = begin(server, 10)
    lines = (TUS, BODY, "Upload-Offset: 0", "Transfer-Encoding: chunked")
    chunks = b"5\r\nhello\r\n" + b"a\r\n" + b"x" * 10 + b"\r\n0\r\n\r\n"

    answer = ask(server, head(server, f"PATCH {path}", *lines) + chunks)

    assert answer.status == 413
    assert offset_of(server, path) == 5


def test_a_chunked_part_that_fits_is_taken(server: RunningServer):
    path = begin(server, 10)
    lines = (TUS, BODY, "Upload-Offset: 0", "Transfer-Encoding: chunked")
    chunks = b"5\r\nhello\r\n" * 2 + b"0\r\n\r\n"

    answer = ask(server, head(server, f"PATCH {path}", *lines) + chunks)

    assert content_of(server, answer) == b"hellohello"


def test_a_part_larger_than_what_is_left_is_refused_before_it_is_sent(server: RunningServer):
    path = begin(server, 10)

    answer = ask(server, part(server, path, 0, 11, "Expect: 100-continue"))

    assert answer.status == 413
    assert offset_of(server, path) == 0


def test_a_part_with_a_checksum_that_is_cut_leaves_nothing(server: RunningServer):
    path = begin(server, 1000)
    line = "Upload-Checksum: sha1 " + "A" * 27 + "="

    answer = ask(server, part(server, path, 0, 1000, line) + b"x" * 500, half_close=True)

    assert answer.status == 400
    assert offset_of(server, path) == 0


def test_a_creation_that_is_cut_leaves_nothing(server: RunningServer):
    lines = (TUS, BODY, "Upload-Length: 1000", "Content-Length: 1000")

    with nothing_kept(server):
        answer = ask(server, head(server, "POST /tus/", *lines) + b"x" * 500, half_close=True)

    assert answer.status == 400


@pytest.mark.parametrize("how", ["HEAD", "PATCH", "DELETE"])
def test_who_comes_back_does_not_wait_for_a_dead_connection(server: RunningServer, how: str):
    path = begin(server, 1000)
    with connect(server) as dead:
        dead.sendall(part(server, path, 0, 1000) + b"x" * 400)
        eventually(lambda: 400 in partial_sizes(server))
        started = time.monotonic()

        if how == "HEAD":
            assert offset_of(server, path) == 400
        elif how == "PATCH":
            assert send(server, path, 400, b"y" * 600).status in (204, 409)
        else:
            assert ask(server, head(server, f"DELETE {path}", TUS)).status == 204

        assert time.monotonic() - started < 5


def partial_sizes(server: RunningServer) -> list[int]:
    uploads = server.instance_path / "uploads"
    return [path.stat().st_size for path in uploads.rglob("*.part")]


def test_another_worker_takes_an_upload_over(server: RunningServer):
    """Both workers get some of eight tries: each is told of a wish by the row alone."""
    paths = [begin(server, 1000) for _ in range(8)]
    dead = [connect(server) for _ in paths]
    for connection, path in zip(dead, paths, strict=True):
        connection.sendall(part(server, path, 0, 1000) + b"x" * 400)
    eventually(lambda: partial_sizes(server).count(400) >= 8)

    with ThreadPoolExecutor(8) as threads:
        offsets = list(threads.map(lambda path: offset_of(server, path), paths))

    for connection in dead:
        connection.close()
    assert offsets == [400] * 8


def test_the_password_is_in_no_log_and_no_head(server: RunningServer):
    line = f"Upload-Metadata: {metadata(filename='a.txt', password='open sesame')}"
    path = begin(server, 3, line)
    shown = _head_only(server, path)
    send(server, path, 0, b"abc")

    encoded = metadata(password="open sesame").split(" ")[1]
    for text in (shown, server.log()):
        assert "open sesame" not in text
        assert encoded not in text
    assert path.rpartition("/")[2] not in server.log()


def test_refusals_leave_nothing(server: RunningServer):
    refused = [
        ("Upload-Length: x",), ("Upload-Length: 99999999999999",),
        ("Upload-Length: 3", "Upload-Metadata: a ?"), ("Upload-Concat: final;/tus/none",),
    ]  # fmt: skip

    with nothing_kept(server):
        statuses = [
            ask(server, head(server, "POST /tus/", TUS, "Content-Length: 0", *lines)).status
            for lines in refused
        ]

    assert statuses == [400, 413, 400, 400]


def test_a_kill_in_the_middle_of_a_part_loses_nothing_that_was_acknowledged(
    start_server: Callable[..., RunningServer],
):
    content = os.urandom(50_000_000)
    server = start_server("--workers", "2")
    path = begin(server, len(content))
    acknowledged = send(server, path, 0, content[:5_000_000])
    with connect(server) as connection:
        connection.sendall(
            part(server, path, 5_000_000, 45_000_000) + content[5_000_000:45_000_000]
        )
        eventually(lambda: recorded(server) > 5_000_000)
        server.kill()

    again = start_server("--workers", "2")
    offset = offset_of(again, path)
    done = send(again, path, offset, content[offset:])

    assert acknowledged.headers["Upload-Offset"] == "5000000"
    assert offset >= 37_000_000
    digest = hashlib.sha256(content_of(again, done)).hexdigest()
    assert digest == hashlib.sha256(content).hexdigest()
    assert again.run("fsck", "--digests").stdout == "Found 0 faults.\n"
    assert len(kept(again)[1]) == 1


def recorded(server: RunningServer) -> int:
    """Return the offset in the one row."""
    with closing(open_database(server.instance_path / "minifile.sqlite")) as database:
        return database.execute('SELECT "offset" FROM partial_upload').fetchone()[0]


def test_an_upload_goes_on_after_a_restart(start_server: Callable[..., RunningServer]):
    server = start_server("--workers", "1")
    path = begin(server, len(CONTENT))
    send(server, path, 0, CONTENT[:1_000_000])
    assert server.stop() == 0

    again = start_server("--workers", "1")
    done = send(again, path, 1_000_000, CONTENT[1_000_000:])

    assert content_of(again, done) == CONTENT
    assert not re.search("Traceback|ERROR", again.log())
