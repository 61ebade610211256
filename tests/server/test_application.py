"""gunicorn's settings, as far as a client can feel them."""

import select
import socket
import time
from collections.abc import Callable

import pytest
from conftest import RunningServer
from wire import connect, get, head, read_answer

from minifile.server import application
from minifile.server.application import bound_silence


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(application, "_SILENT_SECONDS", 1)
    monkeypatch.setattr(application, "_SEND_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bound_silence(listener)
        yield listener


def test_a_client_that_begins_and_falls_silent_is_given_up(listener: socket.socket):
    with socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        client.sendall(b"GET / HT")

        with accepted:
            assert accepted.recv(100) == b"GET / HT"
            with pytest.raises(BlockingIOError):
                accepted.recv(100)


def test_a_client_that_takes_nothing_is_given_up(listener: socket.socket):
    with socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()

        with accepted, pytest.raises(BlockingIOError):
            accepted.sendall(b"x" * 10**8)


def test_a_client_that_drips_its_headers_is_cut(start_server: Callable[..., RunningServer]):
    server = start_server("--workers", "1", "--threads", "2", header_timeout="1s")

    with connect(server) as dripping:
        dripping.settimeout(0.1)
        dripping.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")

        assert drip_until_cut(dripping, seconds=30)
    assert get(server, "/healthz").status == 200


def test_a_request_that_takes_long_to_answer_is_not_cut(
    start_server: Callable[..., RunningServer],
):
    server = start_server("--workers", "1", "--threads", "2", header_timeout="1s")
    content = b"x" * 3000

    with connect(server) as slow:
        slow.sendall(head(server, "PUT /a.bin", f"Content-Length: {len(content)}"))
        started = time.monotonic()
        while time.monotonic() < started + 3:
            slow.sendall(content[:1])
            content = content[1:]
            select.select([slow], [], [], 0.1)
        slow.sendall(content)

        assert read_answer(slow).status == 200


def drip_until_cut(connection: socket.socket, seconds: float) -> bool:
    """Send a byte now and then; say whether the server has closed before the time was over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            connection.sendall(b"x")
            if connection.recv(1) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False
