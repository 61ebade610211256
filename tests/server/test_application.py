"""gunicorn's settings, as far as a client can feel them."""

import socket

import pytest

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
