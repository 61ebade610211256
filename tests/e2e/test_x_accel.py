"""nginx sends the bytes, told by X-Accel-Redirect, as docs/deploy.md configures it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPResponse

import pytest
from conftest import RunningServer, servers_in
from e2e.nginx import documented_blocks, nginx_before
from wire import Answer, ask, connect, downloads, eventually, get, head, is_settled, put

CONTENT = os.urandom(300_000)
# Between the two servers of an answer, and of the moment.
OF_THE_HOP = {"date", "server", "connection", "x-accel-buffering", "x-request-id"}


@dataclass
class Served:
    """minifile as nginx shows it, and as it answers itself."""

    through: RunningServer
    direct: RunningServer


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("x-accel")
    with servers_in(folder) as start:
        server = start(trusted_proxies="1", download_mode="x-accel")
        with nginx_before(server, documented_blocks()[1], folder / "nginx") as through:
            yield Served(through, server)


@pytest.fixture
def path(served: Served) -> str:
    return put(served.through, CONTENT)


def deliveries(server: RunningServer, path: str) -> list[tuple[bool, bool]]:
    """Return whether each delivery of a link was handed over, and whether it was completed."""
    eventually(lambda: is_settled(server, path))
    query = """SELECT handed_over_at IS NOT NULL, delivery.completed_at IS NOT NULL FROM delivery
        JOIN slot ON slot.id = slot_id JOIN link ON link.id = slot.link_id WHERE code = ?"""
    with closing(sqlite3.connect(server.instance_path / "minifile.sqlite")) as database:
        rows = database.execute(query, [path.strip("/")]).fetchall()
    return [(bool(handed_over), bool(completed)) for handed_over, completed in rows]


def end_to_end(answer: Answer) -> list[tuple[str, str]]:
    """Return the headers that a recipient must see alike, whoever sends them."""
    return sorted(
        (name.lower(), value)
        for name, value in answer.headers.items()
        if name.lower() not in OF_THE_HOP
    )


@pytest.mark.parametrize("byte_range", [None, "bytes=100-299", "bytes=299900-", "bytes=-7"])
@pytest.mark.parametrize("address", ["short link", "file"])
def test_nginx_answers_with_the_headers_of_minifile(
    served: Served, path: str, byte_range: str | None, address: str
):
    asked = {} if byte_range is None else {"Range": byte_range}
    path = path if address == "short link" else f"{path}/a.bin"

    ours = get(served.direct, path, **asked)
    theirs = get(served.through, path, **asked)

    assert theirs.status == ours.status == (206 if byte_range else 200)
    assert end_to_end(theirs) == end_to_end(ours)
    # Each names its own request; nginx says what it calls it.
    assert [len(answer.headers["X-Request-ID"]) for answer in (ours, theirs)] == [16, 32]
    assert theirs.body == ours.body


def test_handed_over_download_counts_and_is_never_completed(served: Served, path: str):
    answer = get(served.through, path)

    assert answer.body == CONTENT
    assert downloads(served.direct, path) == 1
    assert deliveries(served.direct, path) == [(True, False)]


def test_resume_through_nginx_is_the_same_download(served: Served, path: str):
    get(served.through, path)

    resumed = get(served.through, path, Range="bytes=200000-")

    assert (resumed.status, resumed.body) == (206, CONTENT[200_000:])
    assert downloads(served.direct, path) == 1


def test_second_fresh_start_is_another_download(served: Served, path: str):
    get(served.through, path)
    get(served.through, path)

    assert downloads(served.direct, path) == 2


def test_link_with_a_limit_is_streamed_and_completed(served: Served):
    path = put(served.through, CONTENT, "?max_downloads=1")

    answers = [get(served.through, path) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 410]
    assert answers[0].body == CONTENT
    assert deliveries(served.direct, path) == [(False, True)]


def test_who_asks_minifile_directly_gets_the_bytes_from_it(served: Served, path: str):
    assert get(served.direct, path).body == CONTENT
    assert deliveries(served.direct, path) == [(False, True)]


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("If-None-Match", "*", 304),
        ("If-Match", '"another"', 412),
        ("Range", "bytes=300000-", 416),
    ],
)
def test_answers_without_bytes_are_ours_and_count_nothing(
    served: Served, path: str, header: str, value: str, status: int
):
    ours = get(served.direct, path, **{header: value})
    theirs = get(served.through, path, **{header: value})

    assert theirs.status == ours.status == status
    assert end_to_end(theirs) == end_to_end(ours)
    # Each names its own request; nginx says what it calls it.
    assert [len(answer.headers["X-Request-ID"]) for answer in (ours, theirs)] == [16, 32]
    assert downloads(served.direct, path) == 0


def test_head_is_ours_and_counts_nothing(served: Served, path: str):
    ours, theirs = (head_of(server, path) for server in (served.direct, served.through))

    assert end_to_end(theirs) == end_to_end(ours)
    # Each names its own request; nginx says what it calls it.
    assert [len(answer.headers["X-Request-ID"]) for answer in (ours, theirs)] == [16, 32]
    assert theirs.headers["Content-Length"] == str(len(CONTENT))
    assert downloads(served.direct, path) == 0


def head_of(server: RunningServer, path: str) -> Answer:
    with connect(server) as connection:
        connection.sendall(head(server, f"HEAD {path}", "User-Agent: curl/8.5.0"))
        response = HTTPResponse(connection, method="HEAD")
        response.begin()
        return Answer(response.status, response.headers, response.read())


@pytest.mark.parametrize("name", ["If-Match", "If-Range"])
def test_request_with_a_precondition_that_holds_is_streamed(served: Served, path: str, name: str):
    etag = get(served.direct, path, **{"If-None-Match": "*"}).headers["ETag"]

    answer = get(served.through, path, **{name: etag, "Range": "bytes=0-9"})

    assert (answer.status, answer.body) == (206, CONTENT[:10])
    assert deliveries(served.direct, path) == [(False, False)]


@pytest.mark.parametrize("value", ["bytes=0-1,5-6", "lines=1-2", "bytes=5-2", "bytes=x"])
def test_range_that_is_ignored_gives_the_whole_file(served: Served, path: str, value: str):
    answer = get(served.through, path, Range=value)

    assert (answer.status, answer.body) == (200, CONTENT)


def test_nobody_reaches_the_blobs_themselves(served: Served, path: str):
    blob = next(file for file in served.direct.instance_path.glob("uploads/*/*"))

    answer = get(served.through, f"/-/blobs/{blob.parent.name}/{blob.name}")

    assert answer.status == 404


def test_answer_of_the_server_does_not_tell_where_blobs_lie(served: Served, path: str):
    answer = ask(served.through, head(served.through, f"GET {path}", "User-Agent: curl/8.5.0"))

    assert not [name for name in answer.headers if name.lower().startswith("x-accel")]
