"""The body of an upload: counted, timed, and whole or refused."""

import io
import os
import socket
import threading
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifile.errors import BadRequest, BadUpload, TooLarge, UploadTooSlow
from minifile.services.checksums import HELD_CHUNKS, LARGE_CHUNK_BYTES
from minifile.values import Chunk
from minifile.web import body as body_module
from minifile.web.body import FIRST_BYTES, MOST_BYTES, Body, declared_length

SECOND = timedelta(seconds=1)


class Unreader:
    """What gunicorn's parser had read ahead."""

    def __init__(self, ahead: bytes) -> None:
        self.ahead = ahead

    def take_buffered(self) -> bytes:
        taken, self.ahead = self.ahead, b""
        return taken

    def unread(self, data: bytes) -> None:
        self.ahead = data + self.ahead


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def plain(content: bytes, length: int | None) -> Body:
    """Return a body under a server that hands out no socket."""
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(content)}
    if length is None:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    else:
        environ["CONTENT_LENGTH"] = str(length)
    return Body(environ, idle_timeout=SECOND, min_rate=1024, max_bytes=10**9)


def from_socket(connection: socket.socket, length: int, ahead: bytes = b"") -> Body:
    """Return a body under gunicorn: some of it read ahead, the rest in the socket."""
    reader = SimpleNamespace(length=length, unreader=Unreader(ahead))
    environ = {
        "wsgi.input": SimpleNamespace(reader=reader),
        "gunicorn.socket": connection,
        "CONTENT_LENGTH": str(length),
    }
    return Body(environ, idle_timeout=timedelta(milliseconds=50), min_rate=1024, max_bytes=10**9)


@pytest.mark.parametrize("length", [5, None], ids=["length", "chunked"])
def test_a_whole_body_is_read_to_its_end(length: int | None):
    body = plain(b"alpha", length)

    assert b"".join(body.chunks()) == b"alpha"
    assert (body.is_whole, body.received, body.size_bytes) == (True, 5, length)


def test_no_more_is_read_than_was_declared():
    body = plain(b"alphaGET / HTTP/1.1", 5)

    assert b"".join(body.chunks()) == b"alpha"


def test_a_body_of_nothing_is_whole_at_once():
    body = plain(b"", 0)

    assert body.is_whole
    assert list(body.chunks()) == []


def test_a_short_body_is_refused_and_not_whole():
    body = plain(b"alpha", 9)

    with pytest.raises(BadUpload, match="5 of 9 bytes arrived"):
        list(body.chunks())
    assert not body.is_whole


def test_bytes_read_ahead_come_first(pair: tuple[socket.socket, socket.socket]):
    ours, theirs = pair
    theirs.sendall(b"beta")

    body = from_socket(ours, 9, b"alpha")

    assert b"".join(body.chunks()) == b"alphabeta"


def test_the_next_request_is_left_for_the_server(pair: tuple[socket.socket, socket.socket]):
    body = from_socket(pair[0], 5, b"alphaGET /")

    assert b"".join(body.chunks()) == b"alpha"
    assert body._environ["wsgi.input"].reader.unreader.ahead == b"GET /"


def test_the_server_knows_where_a_given_up_body_stands(
    pair: tuple[socket.socket, socket.socket],
):
    body = from_socket(pair[0], 1000, b"alpha")

    next(body.chunks())

    assert body._environ["wsgi.input"].reader.length == 995


def test_a_client_that_closes_in_mid_body_is_noticed(pair: tuple[socket.socket, socket.socket]):
    ours, theirs = pair
    theirs.sendall(b"alpha")
    theirs.close()

    with pytest.raises(BadUpload, match="5 of 1000 bytes"):
        list(from_socket(ours, 1000).chunks())


def test_a_client_that_resets_in_mid_body_is_noticed(pair: tuple[socket.socket, socket.socket]):
    ours, theirs = pair
    ours.sendall(b"never read, so that closing resets")
    theirs.close()

    with pytest.raises(BadUpload, match="5 of 1000 bytes"):
        list(from_socket(ours, 1000, b"alpha").chunks())


def test_a_silent_client_is_given_up(pair: tuple[socket.socket, socket.socket]):
    ours, _ = pair

    with pytest.raises(UploadTooSlow):
        list(from_socket(ours, 1000, b"alpha").chunks())
    assert ours.gettimeout() is None


def test_a_trickling_client_is_given_up_after_the_grace(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(body_module, "_RATE_GRACE_SECONDS", -1.0)
    ours, theirs = pair
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.01):
            theirs.send(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    with pytest.raises(UploadTooSlow, match="more slowly than 1024 bytes a second"):
        list(from_socket(ours, 10**6).chunks())
    stop.set()
    thread.join()


def test_a_large_body_passes_through_a_socket_unchanged(
    pair: tuple[socket.socket, socket.socket],
):
    ours, theirs = pair
    content = bytes(range(256)) * 8000
    thread = threading.Thread(target=theirs.sendall, args=(content,))
    thread.start()

    got = b"".join(map(bytes, from_socket(ours, len(content)).chunks()))

    thread.join()
    assert got == content


@pytest.mark.parametrize("step", [7_001, 16_384, 100_000, 10**6], ids=str)
def test_what_is_held_is_not_overwritten(pair: tuple[socket.socket, socket.socket], step: int):
    ours, theirs = pair
    content = os.urandom(3_000_000)

    def send() -> None:
        for at in range(0, len(content), step):
            theirs.sendall(content[at : at + step])

    thread = threading.Thread(target=send)
    thread.start()
    held: deque[Chunk] = deque()
    got = b""
    for chunk in from_socket(ours, len(content)).chunks():
        held.append(chunk)
        if not isinstance(chunk, memoryview) or len(chunk.obj) < LARGE_CHUNK_BYTES:
            got += b"".join(held)
            held.clear()
        elif len(held) > HELD_CHUNKS:
            got += held.popleft()

    thread.join()
    assert got + b"".join(held) == content


def test_buffers_are_small_at_first_and_grow_for_a_fast_client(
    pair: tuple[socket.socket, socket.socket],
):
    ours, theirs = pair
    content = bytes(4_000_000)
    thread = threading.Thread(target=theirs.sendall, args=(content,))
    thread.start()
    body = from_socket(ours, len(content))

    sizes = [len(buffer) for buffer, _ in body.buffers()]

    thread.join()
    assert sizes[0] == FIRST_BYTES
    assert sizes[-1] > FIRST_BYTES
    assert max(sizes) <= MOST_BYTES


def test_a_client_is_invited_just_before_its_first_byte_is_read(
    pair: tuple[socket.socket, socket.socket],
):
    ours, theirs = pair
    body = from_socket(ours, 5)
    # The client sends nothing before it was told to go on.
    body._environ["minifile.continue"] = lambda: theirs.sendall(b"alpha")

    assert b"".join(map(bytes, body.chunks())) == b"alpha"


def test_a_client_with_no_body_is_not_invited():
    body = plain(b"", 0)
    body._environ["minifile.continue"] = lambda: pytest.fail("nothing is to come")

    assert list(body.chunks()) == []


def test_a_client_that_left_before_the_invitation_is_noticed_like_any_other(
    pair: tuple[socket.socket, socket.socket],
):
    ours, theirs = pair
    theirs.close()
    body = from_socket(ours, 5)
    body._environ["minifile.continue"] = lambda: ours.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    with pytest.raises(BadUpload, match="0 of 5 bytes"):
        list(body.chunks())


def test_a_slower_way_is_told_once_in_the_log(caplog: pytest.LogCaptureFixture):
    body_module._say_fallback.cache_clear()

    for _ in range(2):
        list(plain(b"alpha", 5).chunks())

    [record] = caplog.records
    assert "through wsgi.input of this server" in record.getMessage()


@pytest.mark.parametrize(
    ("environ", "length"),
    [
        pytest.param({"CONTENT_LENGTH": "0"}, 0, id="nothing"),
        pytest.param({"CONTENT_LENGTH": "123"}, 123, id="length"),
        pytest.param({"HTTP_TRANSFER_ENCODING": "chunked"}, None, id="chunked"),
        pytest.param({"HTTP_TRANSFER_ENCODING": " Chunked "}, None, id="in capitals"),
    ],
)
def test_a_length_is_declared_or_unknown(environ: dict[str, str], length: int | None):
    assert declared_length(environ) == length


@pytest.mark.parametrize(
    "environ",
    [
        {}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "-1"}, {"CONTENT_LENGTH": "1_0"},
        {"CONTENT_LENGTH": "²"}, {"CONTENT_LENGTH": "1" * 20},
        {"HTTP_TRANSFER_ENCODING": "gzip"}, {"HTTP_TRANSFER_ENCODING": "gzip, chunked"},
    ],
    ids=str,
)  # fmt: skip
def test_a_length_that_means_nothing_is_refused(environ: dict[str, str]):
    with pytest.raises(BadRequest):
        declared_length(environ)


@given(st.binary(max_size=2000), st.integers(0, 2000))
def test_a_body_is_whole_only_with_every_byte(content: bytes, length: int):
    body = plain(content, length)

    try:
        got = b"".join(body.chunks())
    except BadUpload:
        assert len(content) < length
        assert not body.is_whole
    else:
        assert got == content[:length]
        assert body.is_whole


def test_a_body_without_a_length_has_bounds_all_the_same():
    environ = {"wsgi.input": io.BytesIO(b"x" * 101), "HTTP_TRANSFER_ENCODING": "chunked"}
    body = Body(environ, idle_timeout=SECOND, min_rate=1024, max_bytes=100)

    with pytest.raises(TooLarge):
        list(body.chunks())
