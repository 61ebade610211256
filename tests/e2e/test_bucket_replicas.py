"""Two servers in folders of their own, one PostgreSQL, one S3 server: nobody tells them apart."""

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from buckets import make_s3_bucket, s3_client, s3_url
from conftest import SECRET_KEY, RunningServer
from postgres import execute
from upload.test_tus_real_server import begin, content_of, offset_of, part, send
from wire import Answer, ask, connect, eventually, get, head

pytestmark = pytest.mark.postgres

Start = Callable[..., RunningServer]
MIB = 2**20


@pytest.fixture
def url(make_postgres_database: Callable[[], str]) -> str:
    return make_postgres_database()


@pytest.fixture
def bucket(swift: str) -> str:
    return make_s3_bucket(swift)


@pytest.fixture
def start(start_server: Start, url: str, swift: str, bucket: str, tmp_path: Path) -> Start:
    """Start a replica in a folder of its own."""

    def start(name: str) -> RunningServer:
        return start_server(
            "--workers", "1",
            instance_path=str(tmp_path / name),
            database_url=url,
            secret_key=SECRET_KEY,
            storage_url=s3_url(swift, bucket, "files"),
            rate_uploads="off",
            max_transfers_per_address="100",
        )  # fmt: skip

    return start


def upload(server: RunningServer, content: bytes, query: str = "") -> str:
    """Upload as a program, and return the code."""
    lines = f"Content-Length: {len(content)}", "Accept: application/json"
    answer = ask(server, head(server, f"PUT /a.bin{query}", *lines) + content)
    assert answer.status == 201, answer.text
    return str(json.loads(answer.body)["code"])


def objects(swift: str, bucket: str) -> list[str]:
    """Return the names of all objects, and of all uploads that were begun."""
    client = s3_client(swift)
    found = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    begun = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return sorted(each["Key"] for each in (*found, *begun))


def test_an_upload_goes_on_at_the_other_replica_when_one_is_killed(
    start: Start, swift: str, bucket: str
):
    alice, bob = start("alice"), start("bob")
    content = os.urandom(40 * MIB + 7)
    path = begin(alice, len(content))

    # Chunks of uneven sizes, in turns.
    replicas, offset = [alice, bob], 0
    for turn, size in enumerate([3 * MIB, 5, 7 * MIB, 1, 2 * MIB]):
        answer = send(replicas[turn % 2], path, offset, content[offset : offset + size])
        offset += size
        assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(offset))
    # One dies with half a chunk in hand.
    with connect(bob) as connection:
        connection.sendall(part(bob, path, offset, 20 * MIB) + content[offset : offset + 5 * MIB])
        eventually(lambda: is_writing(alice, path))
        bob.kill()
        with suppress(ConnectionResetError):
            connection.recv(1)
    again = offset_of(alice, path)
    answer = send(alice, path, again, content[again : again + 9 * MIB])
    bob = start("bob")
    offset = offset_of(bob, path)
    done = send(bob, path, offset, content[offset:])

    assert offset <= again + 9 * MIB
    assert answer.status == 204
    assert content_of(alice, done) == content
    assert content_of(bob, done) == content
    assert len(objects(swift, bucket)) == 1
    assert [bob.run("fsck", "--digests").returncode, alice.run("fsck").returncode] == [0, 0]
    assert "Traceback" not in alice.log() + bob.log()


def is_writing(server: RunningServer, path: str) -> bool:
    """Say whether the row has a writer: the request at the other replica has begun."""
    query = "SELECT count(*) FROM partial_upload WHERE writer IS NOT NULL"
    return bool(execute(server.environment["MINIFILE_DATABASE_URL"], query)[0][0])


def test_twenty_clients_at_both_replicas_share_a_limit_of_seven(start: Start, url: str):
    replicas = [start("alice"), start("bob")]
    content = os.urandom(3 * MIB)
    code = upload(replicas[0], content, "?max_downloads=7")

    def fetch(number: int) -> Answer:
        return get(replicas[number % 2], f"/{code}", **{"User-Agent": f"curl/8.{number}"})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(fetch, range(20)))

    served = [answer for answer in answers if answer.status == 200]
    assert {answer.status for answer in answers} == {200, 410}
    assert len(served) == 7
    assert {hashlib.sha256(answer.body).digest() for answer in served} == {
        hashlib.sha256(content).digest()
    }
    [(count,)] = execute(url, f"SELECT download_count FROM link WHERE code = '{code}'")
    assert count == 7


def test_what_a_killed_replica_left_is_swept_by_the_other(start: Start, swift: str, bucket: str):
    alice, bob = start("alice"), start("bob")
    with connect(bob) as connection:
        length = f"Content-Length: {40 * MIB}"
        connection.sendall(head(bob, "PUT /a.bin", length) + bytes(30 * MIB))
        eventually(lambda: len(objects(swift, bucket)) == 1)
        running = alice.run("purge")
        during = objects(swift, bucket)
        bob.kill()

    swept = alice.run("purge")

    assert (running.returncode, len(during)) == (0, 1)
    assert "1 orphan" in swept.stdout
    assert objects(swift, bucket) == []
