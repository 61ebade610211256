"""Many clients, few threads: who waits holds none, and everybody gets what is theirs."""

import hashlib
import json
import os
import resource
import socket
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from conftest import RunningServer, linux_only
from wire import (
    ask,
    connect,
    downloads,
    eventually,
    get,
    head,
    is_settled,
    put,
    read_answers,
    workers_of,
)

StartServer = Callable[..., RunningServer]
LARGE = os.urandom(2**20) * 16
CURL = "User-Agent: curl/8.5.0"

pytestmark = linux_only


@contextmanager
def many(server: RunningServer, count: int, data: bytes) -> Iterator[list[socket.socket]]:
    """Open connections that have sent some bytes and read nothing yet."""
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            connection = stack.enter_context(connect(server, receive_buffer=4096))
            connection.sendall(data)
            found.append(connection)
        yield found


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="silent"),
        pytest.param(b"GET / HTTP/1.1\r\nX-Slow: ", id="in-mid-head"),
    ],
)
def test_connections_that_wait_hold_no_thread(start_server: StartServer, data: bytes):
    server = start_server("--workers", "1", "--threads", "1")

    with many(server, 40, data):
        assert get(server, "/healthz").status == 200


def test_idle_connections_hold_no_thread(start_server: StartServer):
    server = start_server("--workers", "1", "--threads", "1")

    with many(server, 20, head(server, "GET /healthz")) as connections:
        for connection in connections:
            assert read_answers(connection, 1)[0].status == 200
        assert get(server, "/healthz").status == 200


def test_slow_downloads_hold_no_thread_and_arrive_whole(start_server: StartServer):
    server = start_server("--workers", "1", "--threads", "2")
    path = put(server, LARGE)

    with many(server, 12, head(server, f"GET {path}/a.bin", CURL)) as connections:
        assert get(server, "/healthz").status == 200
        digests = {
            hashlib.sha256(read_answers(connection, 1)[0].body).digest()
            for connection in connections
        }

    assert digests == {hashlib.sha256(LARGE).digest()}
    eventually(lambda: is_settled(server, path))
    assert downloads(server, path) == 12


@pytest.mark.parametrize("span", [(0, 1), (1, len(LARGE) - 2), (len(LARGE) // 2, len(LARGE) - 1)])
def test_a_range_is_sent_as_it_is_stored(server: RunningServer, span: tuple[int, int]):
    path = put(server, LARGE)

    answer = get(server, f"{path}/a.bin", Range=f"bytes={span[0]}-{span[1]}")

    assert answer.status == 206
    assert answer.body == LARGE[span[0] : span[1] + 1]


def test_a_connection_goes_on_after_a_slow_answer(start_server: StartServer):
    server = start_server("--workers", "1")
    path = put(server, LARGE)

    with connect(server, receive_buffer=4096) as connection:
        for _ in range(2):
            connection.sendall(head(server, f"GET {path}/a.bin", CURL))
            assert len(read_answers(connection, 1)[0].body) == len(LARGE)
        connection.sendall(head(server, "GET /healthz"))
        assert read_answers(connection, 1)[0].status == 200


def test_small_and_large_requests_share_a_connection(server: RunningServer):
    small, large = put(server, b"hello"), put(server, LARGE)

    with connect(server) as connection:
        for path, content in ((small, b"hello"), (large, LARGE), (small, b"hello")):
            connection.sendall(head(server, f"GET {path}/a.bin", CURL))
            assert read_answers(connection, 1)[0].body == content


def test_requests_that_come_at_once_on_a_connection_are_answered_in_order(server: RunningServer):
    path = put(server, b"hello")
    request = head(server, f"GET {path}/a.bin", CURL)

    with connect(server) as connection:
        connection.sendall(request * 3 + head(server, "GET /healthz"))
        answers = read_answers(connection, 4)

    assert [answer.body for answer in answers[:3]] == [b"hello"] * 3
    assert answers[3].status == 200


def test_a_head_may_come_in_pieces(server: RunningServer):
    path = put(server, b"hello")
    request = head(server, f"GET {path}/a.bin", CURL)

    with connect(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(request)):
            connection.sendall(request[at : at + 1])
        assert read_answers(connection, 1)[0].body == b"hello"


def test_a_head_without_an_end_is_refused(server: RunningServer):
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"x" * 70_000)
        answer = read_answers(connection, 1)[0]

    assert answer.status == 431
    assert b"at most 64 KiB" in answer.body


def test_each_small_download_when_counted_and_completed(server: RunningServer):
    path = put(server, b"hello")

    with connect(server) as connection:
        for _ in range(5):
            connection.sendall(head(server, f"GET {path}", CURL, "Accept: */*"))
            assert read_answers(connection, 1)[0].body == b"hello"

    eventually(lambda: is_settled(server, path))
    assert downloads(server, path) == 5
    assert completed(server, path) == 5


def completed(server: RunningServer, path: str) -> int:
    """Return how many deliveries of a link are known to have arrived whole."""
    query = """SELECT count(*) FROM delivery JOIN slot ON slot.id = slot_id
        JOIN link ON link.id = slot.link_id WHERE code = ? AND delivery.completed_at IS NOT NULL"""
    with closing(sqlite3.connect(server.instance_path / "minifile.sqlite")) as database:
        found: int = database.execute(query, (path.strip("/"),)).fetchone()[0]
    return found


@pytest.mark.parametrize("size", [5, len(LARGE)], ids=["small", "large"])
def test_a_client_that_is_gone_leaves_nothing_in_flight(start_server: StartServer, size: int):
    server = start_server("--workers", "1")
    path = put(server, LARGE[:size])

    for _ in range(5):
        with connect(server, receive_buffer=4096) as connection:
            connection.sendall(head(server, f"GET {path}/a.bin", CURL))
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    eventually(lambda: is_settled(server, path))
    assert get(server, f"{path}/a.bin").body == LARGE[:size]
    assert "Traceback" not in server.log()


def test_a_blob_that_is_too_short_breaks_the_answer_off(start_server: StartServer):
    server = start_server("--workers", "1")
    path = put(server, LARGE)
    for blob in (server.instance_path / "uploads").rglob("*"):
        if blob.is_file():
            os.truncate(blob, 1000)

    with connect(server) as connection:
        connection.sendall(head(server, f"GET {path}/a.bin", CURL, "Connection: close"))
        received = read_to_end(connection)

    assert f"Content-Length: {len(LARGE)}".encode() in received
    assert len(received) < len(LARGE)
    eventually(lambda: "shorter than its row says" in server.log())
    assert path.strip("/") not in server.log()


def test_a_slow_answer_is_logged_once_it_when_over(start_server: StartServer):
    server = start_server("--workers", "1")
    path = put(server, LARGE)
    line = f'"GET /<code:code>/<path:filename>" link=1 200 {len(LARGE)} bytes'

    with connect(server, receive_buffer=4096) as connection:
        connection.sendall(head(server, f"GET {path}/a.bin", CURL))
        assert get(server, "/healthz").status == 200
        assert line not in server.log()
        assert len(read_answers(connection, 1)[0].body) == len(LARGE)

    eventually(lambda: line in server.log())


def test_workers_share_the_connections(start_server: StartServer):
    server = start_server("--workers", "2")
    eventually(lambda: len(workers_of(server)) == 2)
    path = put(server, b"hello")

    def are_shared() -> bool:
        with many(server, 16, head(server, f"GET {path}/a.bin", CURL)) as connections:
            for connection in connections:
                assert read_answers(connection, 1)[0].body == b"hello"
            return min(connections_of(pid) for pid in workers_of(server)) >= 4

    # A worker takes connections a while after there is a process of it.
    eventually(are_shared)


def connections_of(pid: int) -> int:
    """Return how many accepted connections a process holds: its sockets but for the listener."""
    links = [each.readlink() for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()]
    return sum(str(link).startswith("socket:") for link in links) - 1


@pytest.mark.parametrize("content", [b"hello", LARGE], ids=["small", "large"])
def test_gunicorns_own_worker_serves_the_same(start_server: StartServer, content: bytes):
    server = start_server("--workers", "1", "--worker-class", "gthread")
    path = put(server, content)

    whole = get(server, f"{path}/a.bin")
    part = get(server, f"{path}/a.bin", Range="bytes=1-3")
    archive = get(server, f"{path}.zip")

    assert (whole.status, whole.body) == (200, content)
    assert (part.status, part.body) == (206, content[1:4])
    assert archive.body[:2] == b"PK"
    assert len(archive.body) == int(archive.headers["Content-Length"])
    eventually(lambda: is_settled(server, path))


def test_gunicorns_own_worker_waits_for_a_slow_client(start_server: StartServer):
    server = start_server("--workers", "1", "--worker-class", "gthread")
    path = put(server, LARGE)

    with connect(server, receive_buffer=4096) as connection:
        connection.sendall(head(server, f"GET {path}/a.bin", CURL))
        assert get(server, "/healthz").status == 200
        assert read_answers(connection, 1)[0].body == LARGE


def test_a_limit_holds_for_small_downloads_of_many_at_once(server: RunningServer):
    path = put(server, b"hello", "?max_downloads=3")
    request = head(server, f"GET {path}/a.bin", CURL)

    with many(server, 12, request) as connections:
        statuses = [read_answers(connection, 1)[0].status for connection in connections]

    assert sorted(statuses) == [200] * 3 + [410] * 9
    assert downloads(server, path) == 3


def test_json_tells_the_same_count(server: RunningServer):
    path = put(server, b"hello", "?max_downloads=9")
    get(server, f"{path}/a.bin")

    answer = ask(server, head(server, f"GET {path}", "Accept: application/json"))

    assert json.loads(answer.body)["downloads_left"] == 8


def read_to_end(connection: socket.socket) -> bytes:
    received = bytearray()
    try:
        while chunk := connection.recv(2**20):
            received += chunk
    except ConnectionResetError:
        pass
    return bytes(received)


def test_an_answer_that_breaks_off_harms_nobody_else(start_server: StartServer):
    server = start_server("--workers", "1")
    path = put_bundle(server, LARGE, LARGE)
    workers = workers_of(server)

    with connect(server, receive_buffer=4096) as other, connect(server, receive_buffer=4096) as cut:
        other.sendall(head(server, "GET /healthz"))
        assert read_answers(other, 1)[0].status == 200
        cut.sendall(head(server, f"GET {path}.zip", CURL))
        cut.recv(1)
        second = blob_of(server, "1.bin")
        second.unlink()
        received = read_to_end(cut)
        other.sendall(head(server, "GET /healthz"))

        assert read_answers(other, 1)[0].status == 200

    assert len(LARGE) <= len(received) < 2 * len(LARGE)
    assert workers_of(server) == workers
    eventually(lambda: "an answer broke off" in server.log())


def put_bundle(server: RunningServer, *contents: bytes) -> str:
    body = b"".join(form_part(f"{n}.bin", content) for n, content in enumerate(contents))
    body += b"--b--\r\n"
    kind = "Content-Type: multipart/form-data; boundary=b"
    answer = ask(server, head(server, "POST /", kind, f"Content-Length: {len(body)}") + body)
    assert answer.status == 200, answer.text
    return "/" + answer.text.strip().rpartition("/")[2]


def form_part(filename: str, content: bytes) -> bytes:
    disposition = f'Content-Disposition: form-data; name="f"; filename="{filename}"'
    return f"--b\r\n{disposition}\r\n\r\n".encode() + content + b"\r\n"


def blob_of(server: RunningServer, filename: str) -> Path:
    with closing(sqlite3.connect(server.instance_path / "minifile.sqlite")) as database:
        query = "SELECT storage_key FROM file WHERE filename = ?"
        key: str = database.execute(query, (filename,)).fetchone()[0]
    return server.instance_path / "uploads" / key[:2] / key


def test_where_no_more_files_may_be_opened_the_others_are_served(start_server: StartServer):
    server = start_server("--workers", "1")
    get(server, "/healthz")
    [worker] = workers_of(server)
    with connect(server) as kept:
        kept.sendall(head(server, "GET /healthz"))
        assert read_answers(kept, 1)[0].status == 200
        open_files = len(list(Path(f"/proc/{worker}/fd").iterdir()))
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (open_files + 5, open_files + 5))

        with many(server, 20, b""):
            eventually(lambda: "could not be accepted" in server.log())
            kept.sendall(head(server, "GET /healthz"))
            assert read_answers(kept, 1)[0].status == 200

    assert get(server, "/healthz").status == 200
    assert workers_of(server) == [worker]


def test_an_empty_file_comes_at_once(server: RunningServer):
    path = put(server, b"")

    with connect(server) as connection:
        connection.settimeout(0.15)
        connection.sendall(head(server, f"GET {path}/a.bin", CURL))

        assert read_answers(connection, 1)[0].body == b""
