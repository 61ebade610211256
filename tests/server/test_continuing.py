"""`Expect: 100-continue`: who is refused is told so instead of being asked for the body."""

import socket
from collections.abc import Callable

import pytest
from conftest import RunningServer
from wire import connect, head, read_answer

EXPECT = "Expect: 100-continue"


def first_line(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\r\n"):
        received += connection.recv(1)
    return received


@pytest.mark.parametrize("worker_class", ["minifile", "gthread"])
def test_a_refused_upload_is_never_asked_for(
    start_server: Callable[..., RunningServer], worker_class: str
):
    server = start_server("--workers", "1", "--worker-class", worker_class, max_file_size="1KiB")

    with connect(server) as connection:
        connection.sendall(head(server, "PUT /a.bin", EXPECT, "Content-Length: 1000000"))

        assert first_line(connection).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("worker_class", ["minifile", "gthread"])
def test_a_welcome_upload_is_asked_for_once(
    start_server: Callable[..., RunningServer], worker_class: str
):
    server = start_server("--workers", "1", "--worker-class", worker_class)

    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(head(server, "PUT /a.bin", EXPECT, "Content-Length: 5"))
            assert first_line(connection) == b"HTTP/1.1 100 Continue\r\n"
            assert first_line(connection) == b"\r\n"
            connection.sendall(b"hello")
            assert read_answer(connection).status == 200


def test_a_chunked_body_is_asked_for_too(server: RunningServer):
    with connect(server) as connection:
        connection.sendall(head(server, "PUT /a.bin", EXPECT, "Transfer-Encoding: chunked"))
        assert first_line(connection) == b"HTTP/1.1 100 Continue\r\n"
        assert first_line(connection) == b"\r\n"
        connection.sendall(b"5\r\nhello\r\n0\r\n\r\n")
        assert read_answer(connection).status == 200


def test_any_other_form_is_asked_for_by_whoever_reads_it(server: RunningServer):
    form = b"token=x&delete=1"
    kind = "Content-Type: application/x-www-form-urlencoded"

    with connect(server) as connection:
        length = f"Content-Length: {len(form)}"
        connection.sendall(head(server, "POST /links/neverwas00", EXPECT, kind, length))
        assert first_line(connection) == b"HTTP/1.1 100 Continue\r\n"
        assert first_line(connection) == b"\r\n"
        connection.sendall(form)
        assert read_answer(connection).status == 404


def test_a_client_that_was_not_asked_finds_its_connection_closed(server: RunningServer):
    with connect(server) as connection:
        connection.sendall(head(server, "GET /healthz", EXPECT, "Content-Length: 5"))

        answer = read_answer(connection)

    assert answer.status == 200
    assert answer.headers["Connection"] == "close"
