"""The counter with real clients over the wire, against two worker processes."""

import hashlib
import http.client
import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import RunningServer, skip_or_fail
from wire import (
    ask,
    connect,
    curl,
    downloads,
    eventually,
    get,
    head,
    is_settled,
    put,
    read_answers,
    sha256,
)

MIB = 2**20
AGENT = "User-Agent: curl/8.5.0"
EXHAUSTED = "This link could be downloaded once, and it has been. Ask the sender for more.\n"


def needs_curl() -> None:
    if shutil.which("curl") is None:
        skip_or_fail("needs curl: install it (apt install curl)")


def test_exactly_five_of_fifty_parallel_clients_are_served(server: RunningServer):
    content = os.urandom(MIB)
    path = put(server, content, "?max_downloads=5")

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: get(server, path), range(50)))

    served = [answer for answer in answers if answer.status == 200]
    assert [answer.body == content for answer in served] == [True] * 5
    assert [answer.status for answer in answers].count(410) == 45
    assert downloads(server, path) == 5


def test_exactly_two_of_ten_parallel_curls_are_served(server: RunningServer, tmp_path: Path):
    needs_curl()
    content = os.urandom(MIB)
    path = put(server, content, "?max_downloads=2")
    command = ["curl", "-q", "-sS", "--noproxy", "*", "-w", "%{http_code}", server.url + path]

    running = [
        subprocess.Popen([*command, "-o", tmp_path / f"{n}"], stdout=subprocess.PIPE, text=True)
        for n in range(10)
    ]
    codes = [process.communicate()[0] for process in running]

    whole = [n for n in range(10) if (tmp_path / f"{n}").read_bytes() == content]
    assert sorted(codes) == ["200"] * 2 + ["410"] * 8
    assert len(whole) == 2
    assert downloads(server, path) == 2


def test_curl_resumes_a_cut_download_of_a_one_time_link(server: RunningServer, tmp_path: Path):
    needs_curl()
    content = os.urandom(12 * MIB)
    path = put(server, content, "?max_downloads=1")
    target = tmp_path / "a.bin"
    url = server.url + path

    command = ["curl", "-q", "-sS", "--noproxy", "*", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as cut:
        target.write_bytes(cut.stdout.read(3 * MIB))
        cut.kill()
    rest = curl("-C", "-", "-o", target, "-w", "%{http_code}", url)
    once_more = curl("-w", "%{http_code}", url)

    assert rest.stdout == "206"
    assert sha256(target) == hashlib.sha256(content).hexdigest()
    assert downloads(server, path) == 1
    assert once_more.stdout == f"{EXHAUSTED}410"


def read_some(server: RunningServer, path: str, size_bytes: int, **how: int) -> bytes:
    """Ask for a file, take a part of it, and hang up."""
    with connect(server, **how) as connection:
        connection.sendall(head(server, f"GET {path}", AGENT))
        with http.client.HTTPResponse(connection) as response:
            response.begin()
            return response.read(size_bytes)


def test_a_download_cut_by_a_raw_client_is_resumed_again_and_again(server: RunningServer):
    content = os.urandom(8 * MIB)
    path = put(server, content, "?max_downloads=1")
    had = read_some(server, path, 2 * MIB)
    assert get(server, path, Range="bytes=99999999-").status == 416

    for _ in range(2):
        stop = len(had) + 2 * MIB
        had += get(server, path, Range=f"bytes={len(had)}-{stop - 1}").body
    rest = get(server, path, Range=f"bytes={len(had)}-")

    assert had + rest.body == content
    assert downloads(server, path) == 1
    assert get(server, path).status == 410


def test_parallel_ranges_of_one_client_are_one_download(server: RunningServer):
    content = os.urandom(8 * MIB)
    path = put(server, content, "?max_downloads=1")
    first = get(server, path, Range=f"bytes=0-{MIB - 1}")

    with ThreadPoolExecutor(7) as pool:
        rest = list(
            pool.map(
                lambda n: get(server, path, Range=f"bytes={n * MIB}-{(n + 1) * MIB - 1}"),
                range(1, 8),
            )
        )

    assert first.body + b"".join(answer.body for answer in rest) == content
    assert downloads(server, path) == 1


def test_a_client_that_never_reads_may_start_over_within_its_slot(server: RunningServer):
    content = b"x" * (16 * MIB)
    path = put(server, content, "?max_downloads=1")

    with connect(server, receive_buffer=4096) as connection:
        connection.sendall(head(server, f"GET {path}", AGENT))
        connection.recv(1, socket.MSG_PEEK)
        counted = downloads(server, path)
        # Closing with unread bytes resets the connection.
    eventually(lambda: is_settled(server, path))

    assert counted == 1
    assert get(server, path).body == content
    assert downloads(server, path) == 1
    assert get(server, path).status == 410


def test_a_client_that_is_gone_before_the_first_byte_takes_no_download(server: RunningServer):
    def ask_and_vanish() -> int:
        path = put(server, b"x" * 1000, "?max_downloads=1")
        with connect(server) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            connection.sendall(head(server, f"GET {path}", AGENT))
        eventually(lambda: is_settled(server, path))
        return downloads(server, path)

    # On a busy machine an answer may be faster than the reset; not every time.
    assert any(ask_and_vanish() == 0 for _ in range(5))


@pytest.mark.parametrize("agent", ["Slackbot 1.0", "Mozilla/5.0"])
def test_a_crowd_of_previews_takes_no_download(server: RunningServer, agent: str):
    path = put(server, b"alpha", "?max_downloads=1")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: get(server, path, **{"User-Agent": agent}), range(16)))

    assert {answer.headers["Content-Type"] for answer in answers} == {"text/html; charset=utf-8"}
    assert get(server, path).body == b"alpha"


def test_head_and_get_share_a_connection(server: RunningServer):
    path = put(server, b"alpha", "?max_downloads=1")

    with connect(server) as connection:
        connection.sendall(head(server, f"GET {path}", AGENT) + head(server, "GET /healthz"))
        first, second = read_answers(connection, 2)

    assert (first.body, second.body) == (b"alpha", b"ok\n")
    assert ask(server, head(server, f"GET {path}", AGENT)).status == 410
