"""Posting to a real receiver that answers well, badly, late or not at all."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from minifile.errors import BadOption
from minifile.policy.destinations import Destination, read_destination
from minifile.services.posting import PostFailed, post

HERE = [ip_network("127.0.0.0/8")]
SOON = timedelta(seconds=1)
Answering = Callable[[socket.socket], None]


@contextmanager
def receiver(
    answer: Answering, at: tuple[str, int] = ("127.0.0.1", 0)
) -> Iterator[tuple[Destination, list[bytes]]]:
    """A server that takes one request at a time and answers as it is told."""
    listening = socket.create_server(at)
    got: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    more = connection.recv(65536)
                    if not more:
                        break
                    head += more
                got.append(head)
                with suppress(OSError):
                    answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        host, port = listening.getsockname()
        yield read_destination(f"http://{host}:{port}/hook?a=1"), got
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)


def says(text: bytes) -> Answering:
    return lambda connection: connection.sendall(text)


def until_closed(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def drops(connection: socket.socket) -> None:
    """Send a byte of the answer now and then, as long as it is taken."""
    stop = threading.Event()
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
        connection.sendall(bytes([byte]))
        stop.wait(0.05)


@pytest.mark.parametrize("status", [200, 204, 302, 410, 500])
def test_the_status_is_what_counts_and_no_redirect_is_followed(status: int):
    answer = f"HTTP/1.1 {status} X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n".encode()
    with receiver(says(answer)) as (destination, got):
        found = post(destination, b'{"a": 1}', {"X-Kind": "test"}, allowed=HERE)

    assert found == status
    assert len(got) == 1
    assert got[0].startswith(b"POST /hook?a=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"X-Kind: test" in got[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (until_closed, "timed out"),
        (drops, "timed out"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "no HTTP answer"),
        (says(b""), "no answer"),
    ],
    ids=["hangs", "drops bytes", "speaks something else", "closes"],
)
def test_whatever_the_other_side_does_it_is_over_in_time(answer: Answering, said: str):
    with receiver(answer) as (destination, _), pytest.raises(PostFailed, match=said):
        post(destination, b"{}", {}, allowed=HERE, patience=SOON)


def test_nothing_is_sent_to_this_machine_unless_that_is_allowed():
    answer = says(b"HTTP/1.1 200 OK\r\n\r\n")
    with receiver(answer) as (destination, got), pytest.raises(BadOption):
        post(destination, b"{}", {}, allowed=[])

    assert got == []


def test_a_name_is_judged_by_what_it_is_resolved_to():
    with receiver(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (destination, got):
        named = read_destination(f"http://localhost:{destination.port}/")
        with pytest.raises(BadOption):
            post(named, b"{}", {}, allowed=[])

    assert got == []


ONE = [ip_network("127.0.0.1/32")]


def resolving_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names stand for other addresses each time they are asked for; return what was asked."""
    asked: list[str] = []
    really, left = socket.getaddrinfo, list(answers)

    def resolve(host: str, *arguments: Any, **options: Any) -> Any:
        if host.endswith(".example"):
            asked.append(host)
            addresses = left.pop(0) if len(left) > 1 else left[0]
        else:
            addresses = [host]
        return [each for address in addresses for each in really(address, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(
    "other", ["127.0.0.2", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1", "fe80::1%1"]
)
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "last"])
def test_one_address_of_several_that_is_not_allowed_is_one_too_many(
    monkeypatch: pytest.MonkeyPatch, other: str, is_first: bool
):
    both = [other, "127.0.0.1"] if is_first else ["127.0.0.1", other]
    resolving_to(monkeypatch, both)
    with receiver(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (destination, got):
        named = read_destination(f"http://hook.example:{destination.port}/")
        with pytest.raises(BadOption):
            post(named, b"{}", {}, allowed=ONE)

    assert got == []


def test_a_name_that_changes_once_it_was_judged_leads_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
):
    answer = says(b"HTTP/1.1 204 No Content\r\n\r\n")
    asked = resolving_to(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    with (
        receiver(answer) as (destination, got),
        receiver(answer, ("127.0.0.2", destination.port)) as (_, got_inside),
    ):
        named = read_destination(f"http://hook.example:{destination.port}/")
        assert post(named, b"{}", {}, allowed=ONE) == 204
        with pytest.raises(BadOption):
            post(named, b"{}", {}, allowed=ONE)

    assert asked == ["hook.example"] * 2
    assert (len(got), got_inside) == (1, [])
    assert f"Host: hook.example:{destination.port}\r\n".encode() in got[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_into_the_network_is_not_followed(status: int):
    with receiver(says(b"HTTP/1.1 200 OK\r\n\r\n"), ("127.0.0.2", 0)) as (inside, got_inside):
        location = f"Location: http://127.0.0.2:{inside.port}/"
        answer = f"HTTP/1.1 {status} X\r\n{location}\r\nContent-Length: 0\r\n\r\n"
        with receiver(says(answer.encode())) as (destination, got):
            assert post(destination, b"{}", {}, allowed=HERE) == status

    assert (len(got), got_inside) == (1, [])


def test_tls_is_asked_for_and_its_certificate_is_checked():
    with receiver(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (destination, _):
        encrypted = read_destination(f"https://127.0.0.1:{destination.port}/")
        with pytest.raises(PostFailed, match=r"TLS|no answer|timed out"):
            post(encrypted, b"{}", {}, allowed=HERE, patience=SOON)


def test_nobody_listening_is_said():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(PostFailed, match="refused"):
        post(read_destination(f"http://127.0.0.1:{port}/"), b"{}", {}, allowed=HERE)
