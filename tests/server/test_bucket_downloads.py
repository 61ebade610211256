"""Bytes from a bucket: slow clients hold no thread, and what breaks off is seen to break off."""

import hashlib
import io
import json
import os
import socket
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from buckets import make_s3_bucket, s3_client, s3_url
from conftest import RunningServer, linux_only
from storage.faults import FaultyProxy
from wire import connect, curl, downloads, eventually, get, head, is_settled, put, read_answers

StartServer = Callable[..., RunningServer]
LARGE = os.urandom(2**20) * 10
CURL = "User-Agent: curl/8.5.0"

pytestmark = linux_only


@pytest.fixture
def proxy(moto: str) -> Iterator[FaultyProxy]:
    with FaultyProxy(urlsplit(moto).port or 0) as proxy:
        yield proxy


@pytest.fixture
def bucket(moto: str) -> str:
    return make_s3_bucket(moto)


@pytest.fixture
def start(start_server: StartServer, proxy: FaultyProxy, bucket: str) -> StartServer:
    """Start a server whose bytes are in a bucket behind the proxy."""
    url = s3_url(proxy.url, bucket, "files")
    return lambda *arguments: start_server("--workers", "1", *arguments, storage_url=url)


@pytest.mark.parametrize("worker_class", ["minifile", "gthread"])
def test_bytes_come_as_they_are_stored(start: StartServer, worker_class: str):
    server = start("--worker-class", worker_class)
    path = put(server, LARGE)

    whole = get(server, f"{path}/a.bin")
    part = get(server, f"{path}/a.bin", Range="bytes=5000000-9999999")
    archive = get(server, f"{path}.zip")

    assert (whole.status, whole.body) == (200, LARGE)
    assert (part.status, part.body) == (206, LARGE[5_000_000:10_000_000])
    with zipfile.ZipFile(io.BytesIO(archive.body)) as found:
        assert found.read("a.bin") == LARGE
    eventually(lambda: is_settled(server, path))
    assert "Traceback" not in server.log()


def test_small_and_empty_files_come_too(start: StartServer):
    server = start()

    assert get(server, put(server, b"hello")).body == b"hello"
    assert get(server, put(server, b"")).body == b""


def test_slow_clients_hold_no_thread_and_one_window_each(start: StartServer):
    server = start("--threads", "2")
    path = put(server, LARGE)
    get(server, f"{path}/a.bin")
    before = memory_of(server)

    with ExitStack() as stack:
        connections = []
        for _ in range(16):
            connection = stack.enter_context(connect(server, receive_buffer=4096))
            connection.sendall(head(server, f"GET {path}/a.bin", CURL))
            connections.append(connection)
        # All of them wait for their client by now, and the two threads are free.
        assert get(server, "/healthz").status == 200
        after = memory_of(server)
        digests = {hashlib.sha256(read_answers(each, 1)[0].body).digest() for each in connections}

    assert digests == {hashlib.sha256(LARGE).digest()}
    assert after - before < 16 * 2 * 2**20
    eventually(lambda: is_settled(server, path))
    assert downloads(server, path) == 17


def test_a_bucket_that_breaks_off_breaks_the_answer_off(start: StartServer, proxy: FaultyProxy):
    server = start()
    path = put(server, LARGE)
    code = path.strip("/")

    with connect(server, receive_buffer=4096) as connection:
        connection.sendall(head(server, f"GET {path}/a.bin", CURL))
        received = connection.recv(4096)
        proxy.answer_503(1000)
        received += read_to_end(connection)

    assert f"Content-Length: {len(LARGE)}".encode() in received
    assert len(received) < len(LARGE)
    eventually(lambda: is_settled(server, path))
    assert server.log().count("broke off") == 1
    assert "Traceback" not in server.log()
    assert code not in server.log()


def test_a_bucket_that_is_away_is_503_and_counts_nothing(start: StartServer, proxy: FaultyProxy):
    server = start()
    path = put(server, b"hello", "?max_downloads=1")
    proxy.answer_503(1000)

    refused = get(server, path)
    proxy.heal()
    served = get(server, path)

    assert refused.status == 503
    assert refused.text.startswith("The bucket is too busy. Try again in a moment. (request ")
    assert served.body == b"hello"
    assert downloads(server, path) == 1


def test_a_client_that_is_gone_leaves_nothing_in_flight(start: StartServer):
    server = start()
    path = put(server, LARGE)

    for _ in range(5):
        with connect(server, receive_buffer=4096) as connection:
            connection.sendall(head(server, f"GET {path}/a.bin", CURL))
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    eventually(lambda: is_settled(server, path))
    assert get(server, f"{path}/a.bin").body == LARGE
    assert "Traceback" not in server.log()


def test_a_zip_breaks_off_where_a_blob_is_missing(
    start: StartServer, moto: str, bucket: str, tmp_path: Path
):
    server = start()
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_bytes(LARGE)
    files = [each for name in ("a.bin", "b.bin") for each in ("-F", f"file=@{tmp_path / name}")]
    path = urlsplit(curl(*files, server.url).stdout.strip()).path
    with closing(sqlite3.connect(server.instance_path / "minifile.sqlite")) as database:
        [key] = database.execute("SELECT storage_key FROM file WHERE position > 0").fetchone()
    s3_client(moto).delete_object(Bucket=bucket, Key=f"files/{key}")

    with connect(server) as connection:
        connection.sendall(head(server, f"GET {path}.zip", CURL))
        received = read_to_end(connection)

    assert len(received) < 2 * len(LARGE)
    assert "Traceback" not in server.log()
    assert "broke off" in server.log()


def test_a_removed_file_stays_in_the_bucket_for_who_is_being_sent_it(
    start: StartServer, moto: str, bucket: str, tmp_path: Path
):
    server = start()
    (tmp_path / "a.bin").write_bytes(LARGE)
    files = ["-F", f"file=@{tmp_path}/a.bin", "-F", f"file=@{__file__}"]
    link = json.loads(curl(*files, "-H", "Accept: application/json", server.url).stdout)
    form = ["-F", "action=remove", "-F", "file_id=1", "-F", f"owner_token={link['owner_token']}"]

    with connect(server, receive_buffer=4096) as connection:
        connection.sendall(head(server, f"GET /{link['code']}/a.bin", CURL))
        connection.recv(1, socket.MSG_PEEK)
        curl(*form, f"{server.url}/links/{link['code']}")
        asked_later = get(server, f"/{link['code']}/a.bin")
        left = s3_client(moto).list_objects_v2(Bucket=bucket)["Contents"]
        body = read_answers(connection, 1)[0].body

    assert asked_later.status == 404
    assert len(left) == 2
    assert body == LARGE


def read_to_end(connection: socket.socket) -> bytes:
    found = b""
    try:
        while data := connection.recv(2**20):
            found += data
    except ConnectionResetError:
        pass
    return found


def memory_of(server: RunningServer) -> int:
    """Return the resident memory of the worker, in bytes."""
    pid = server.process.pid
    [worker] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
