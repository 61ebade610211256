"""The connection below a request: what arrived, and ending it well. Over real TCP."""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from conftest import linux_only

from minifile.web.connection import (
    DISCARD_BYTES,
    OutgoingBytes,
    close_after_answer,
    discard_body,
    socket_of,
)

HEADERS = b"HTTP/1.1 200 OK\r\n\r\n"

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """The server's and the client's end of a TCP connection with small buffers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.socket()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        theirs.connect(listener.getsockname())
        ours, _ = listener.accept()
    with ours, theirs:
        yield ours, theirs


def begun(ours: socket.socket) -> OutgoingBytes:
    """Send the headers, as the server has done when the first byte is asked for."""
    ours.sendall(HEADERS)
    return OutgoingBytes(ours)


def finish(outgoing: OutgoingBytes, stall_seconds: float = 30) -> tuple[int, int]:
    """Return how much was sent, and how much arrived."""
    return outgoing.finish(stall_seconds=stall_seconds)


def reset(connection: socket.socket) -> None:
    """Close with a reset, as a process that is killed with unread bytes."""
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


def fill(connection: socket.socket) -> int:
    """Send until the kernel takes no more; return how much it took."""
    connection.setblocking(False)
    taken = 0
    try:
        while True:
            taken += connection.send(b"x" * 65_536)
    except BlockingIOError:
        connection.setblocking(True)
        return taken


@linux_only
def test_all_that_was_read_is_counted_without_the_headers(pair: Pair):
    ours, theirs = pair
    outgoing = begun(ours)
    reader = threading.Thread(target=lambda: theirs.recv(200_000, socket.MSG_WAITALL))
    reader.start()
    ours.sendall(b"x" * (200_000 - len(HEADERS)))

    all_of_it = 200_000 - len(HEADERS)
    assert finish(outgoing) == (all_of_it, all_of_it)
    reader.join()


@linux_only
def test_what_lies_in_the_buffers_when_the_client_resets_never_arrived(pair: Pair):
    ours, theirs = pair
    outgoing = begun(ours)
    taken = fill(ours)
    reset(theirs)

    sent, arrived = finish(outgoing)

    assert 0 <= arrived <= sent < taken


@linux_only
def test_a_client_that_was_gone_before_the_first_byte_had_nothing(pair: Pair):
    ours, theirs = pair
    outgoing = begun(ours)
    finish(outgoing)
    reset(theirs)
    with pytest.raises(OSError):  # noqa: PT012
        while True:
            ours.sendall(b"x" * 1000)

    assert finish(outgoing) == (0, 0)


@linux_only
def test_what_is_buffered_for_a_client_that_stalls_is_sent_but_has_not_arrived(pair: Pair):
    ours, _ = pair
    outgoing = begun(ours)
    taken = fill(ours)

    sent, arrived = finish(outgoing, stall_seconds=0.2)

    assert sent == taken
    assert arrived == outgoing.arrived() < taken


@linux_only
def test_a_client_that_closes_after_the_last_byte_had_all(pair: Pair):
    ours, theirs = pair
    outgoing = begun(ours)
    ours.sendall(b"alpha")
    theirs.recv(len(HEADERS) + 5, socket.MSG_WAITALL)
    theirs.close()

    assert finish(outgoing) == (5, 5)


@linux_only
def test_a_second_answer_on_the_connection_is_counted_from_its_own_headers(pair: Pair):
    ours, theirs = pair
    first = begun(ours)
    ours.sendall(b"alpha")
    finish(first)

    second = begun(ours)
    ours.sendall(b"be")

    assert finish(second) == (2, 2)
    assert theirs.recv(100)


@pytest.mark.parametrize("connection", ["none", "unix"])
def test_where_the_kernel_does_not_count_that_is_said(connection: str):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        outgoing = OutgoingBytes(None if connection == "none" else ours)

        assert not outgoing.is_known
        assert finish(outgoing) == (0, 0)


def test_the_socket_is_found_where_servers_put_it(pair: Pair):
    ours, _ = pair

    assert socket_of({"gunicorn.socket": ours}) is ours
    assert socket_of({"werkzeug.socket": ours}) is ours
    assert socket_of({"gunicorn.socket": "something else"}) is None
    assert socket_of({}) is None


def test_the_server_is_asked_to_close_where_it_can():
    asked: list[bool] = []

    close_after_answer({"minifile.close_connection": lambda: asked.append(True)})
    close_after_answer({})

    assert asked == [True]


def test_a_small_rest_of_a_refused_body_is_read_to_its_end(pair: Pair):
    ours, theirs = pair
    theirs.sendall(b"x" * 5000)
    theirs.shutdown(socket.SHUT_WR)

    discard_body(ours)

    assert theirs.recv(1) == b""
    assert ours.recv(1) == b""
    assert ours.gettimeout() is None


def test_no_more_than_a_mebibyte_of_a_refused_body_is_read(pair: Pair):
    ours, theirs = pair
    sent = 0

    def send_for_ever() -> None:
        nonlocal sent
        try:
            while True:
                sent += theirs.send(b"x" * 65_536)
        except OSError:
            return

    thread = threading.Thread(target=send_for_ever)
    thread.start()
    discard_body(ours)
    reset(ours)
    thread.join()

    assert DISCARD_BYTES <= sent < 32 * DISCARD_BYTES


def test_discarding_from_a_client_that_is_gone_is_no_error(pair: Pair):
    ours, theirs = pair
    reset(theirs)

    discard_body(ours)
