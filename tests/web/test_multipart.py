"""Multipart forms, read as a stream."""

import contextlib
from collections.abc import Iterator

import pytest
from cast import multipart, part
from hypothesis import given
from hypothesis import strategies as st

from minifile.errors import BadUpload
from minifile.web.body import Received
from minifile.web.multipart import MAX_FIELD_BYTES, MAX_FIELDS, Part, read_parts

TYPE = "multipart/form-data; boundary=limit"

Read = list[tuple[str, str | None, str | None, bytes]]


def read(body: bytes, *, step: int = 10**6, content_type: str = TYPE) -> Read:
    """Read a form that arrives in pieces of `step` bytes."""
    pieces = cut(body, step)
    return [
        (each.name, each.filename, each.content_type, b"".join(map(bytes, each.chunks)))
        for each in read_parts(content_type, pieces)
    ]


def cut(body: bytes, step: int) -> Iterator[Received]:
    """Let a body arrive in pieces of `step` bytes, each in the same buffer, with rubbish behind."""
    buffer = bytearray(min(step, len(body)) + 9)
    for at in range(0, len(body), step):
        size = len(body[at : at + step])
        buffer[:] = b"\r\n--limit--".ljust(len(buffer), b"x")[: len(buffer)]
        buffer[:size] = body[at : at + step]
        yield buffer, size


def whole(*pieces: bytes) -> Iterator[Received]:
    return ((piece, len(piece)) for piece in pieces)


def body_of(*parts: bytes) -> bytes:
    data: bytes = multipart(*parts)["data"]
    return data


FORM = body_of(
    part("note", b"hello\r\nBob"),
    part("file", b"\r\n--limit\rnot the end--\r\n", "a b.txt", "Content-Type: text/plain"),
    part("file", b"", "empty.bin"),
)
PARTS: Read = [
    ("note", None, None, b"hello\r\nBob"),
    ("file", "a b.txt", "text/plain", b"\r\n--limit\rnot the end--\r\n"),
    ("file", "empty.bin", None, b""),
]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 10_000])
def test_a_form_is_the_same_however_it_is_cut_into_pieces(step: int):
    assert read(FORM, step=step) == PARTS


def test_a_part_is_handed_on_before_the_next_has_arrived():
    arrived: list[int] = []

    def pieces() -> Iterator[Received]:
        for number, piece in enumerate((FORM[:60], FORM[60:])):
            arrived.append(number)
            yield piece, len(piece)

    first = next(read_parts(TYPE, pieces()))

    assert (first.name, arrived) == ("note", [0])


def test_what_is_left_of_a_part_is_skipped():
    pieces = whole(FORM[:70], FORM[70:])

    assert [each.name for each in read_parts(TYPE, pieces)] == ["note", "file", "file"]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_come_through_unchanged(content: bytes, step: int):
    body = body_of(part("file", content, "a"))
    if b"\r\n--limit" in b"\r\n" + content:
        return

    assert read(body, step=step)[0][3] == content


@given(st.lists(st.sampled_from([b"\r", b"\n", b"--", b"lim", b"it", b"x"])), st.integers(1, 40))
def test_bytes_that_look_like_a_boundary_come_through_unchanged(content: list[bytes], step: int):
    data = b"".join(content)
    if b"\r\n--limit" in b"\r\n" + data:
        return
    body = body_of(part("file", data, "a"), part("note", data), part("file", data, "b"))

    assert [each[3] for each in read(body, step=step)] == [data, data, data]


@pytest.mark.parametrize("step", [1, 5, 16, 10_000])
def test_padding_behind_a_boundary_is_no_data(step: int):
    first, second = part("file", b"alpha", "a"), part("note", b"beta")
    padded = b"--limit\r\n" + first + b"\r\n--limit \t \r\n" + second + b"\r\n--limit--\r\n"

    assert [each[3] for each in read(padded, step=step)] == [b"alpha", b"beta"]


def test_the_bulk_of_a_file_is_handed_on_without_a_copy():
    body = body_of(part("file", b"x" * 1000, "a"))
    middle = bytearray(body[200:900])
    parts = read_parts(TYPE, iter([(body[:200], 200), (middle, 700), *whole(body[900:])]))

    chunks = list(next(parts).chunks)

    assert any(isinstance(chunk, memoryview) and chunk.obj is middle for chunk in chunks)


@given(st.integers(0, len(FORM) - 3))
def test_a_form_cut_anywhere_is_refused(cut_at: int):
    with pytest.raises(BadUpload):
        read(FORM[:cut_at])


@given(st.binary(max_size=200), st.integers(1, 20))
def test_no_bytes_break_the_parser(body: bytes, step: int):
    with contextlib.suppress(BadUpload):
        read(body, step=step)


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        pytest.param(b'form-data; name="f"; filename="a.txt"', "a.txt", id="quoted"),
        pytest.param(b"form-data; name=f; filename=a.txt", "a.txt", id="bare"),
        pytest.param(b'form-data; name="f"; filename="a%22b.txt"', 'a"b.txt', id="browsers' quote"),
        pytest.param(b'form-data; name="f"; filename="a\\"b.txt"', 'a"b.txt', id="curl's quote"),
        pytest.param('form-data; name="f"; filename="日本.txt"'.encode(), "日本.txt", id="UTF-8"),
        pytest.param(b'form-data; name="f"; filename="\xff.txt"', "\ufffd.txt", id="no UTF-8"),
        pytest.param(b'form-data; name="f"; filename=""', "", id="empty"),
        pytest.param(b'form-data; name="f"; filename="a;b=c.txt"', "a;b=c.txt", id="semicolon"),
        pytest.param(b'FORM-DATA; NAME="f"; FILENAME="a.txt"', "a.txt", id="capitals"),
        pytest.param(b'form-data; name="f"', None, id="a field"),
    ],
)
def test_a_filename_is_read_as_clients_write_it(disposition: bytes, filename: str | None):
    body = b"--limit\r\nContent-Disposition: " + disposition + b"\r\n\r\nx\r\n--limit--\r\n"

    assert read(body) == [("f", filename, None, b"x")]


@pytest.mark.parametrize(
    ("content_type", "sentence"),
    [
        pytest.param("text/plain", "Send files as multipart/form-data", id="another kind"),
        pytest.param("multipart/form-data", "Send files as multipart", id="no boundary"),
        pytest.param("", "Send files as multipart", id="nothing"),
    ],
)
def test_a_body_of_another_kind_is_refused_unread(content_type: str, sentence: str):
    def never() -> Iterator[Received]:
        raise AssertionError("not a byte may be read")
        yield b"", 0

    with pytest.raises(BadUpload, match=sentence):
        next(read_parts(content_type, never()))


def test_a_part_that_says_nothing_of_itself_is_refused():
    with pytest.raises(BadUpload, match="no Content-Disposition"):
        read(b"--limit\r\nContent-Type: text/plain\r\n\r\nx\r\n--limit--\r\n")


def test_headers_without_end_are_refused():
    with pytest.raises(BadUpload):
        read(b"--limit\r\nX: " + b"x" * 20_000 + b"\r\n\r\nx\r\n--limit--\r\n")
    with pytest.raises(BadUpload):
        read(b"--limit\r\n" + b"X: y\r\n" * 50 + b"\r\nx\r\n--limit--\r\n")


def test_fields_are_counted_and_files_are_not():
    assert len(read(body_of(*[part("x", b"")] * MAX_FIELDS))) == MAX_FIELDS
    assert len(read(body_of(*[part("f", b"", "a")] * (MAX_FIELDS + 9)))) == MAX_FIELDS + 9
    with pytest.raises(BadUpload, match="at most 100 fields"):
        read(body_of(*[part("x", b"")] * (MAX_FIELDS + 1)))


def test_the_value_of_a_field_is_text_of_a_bounded_length():
    assert Part("x", None, None, iter(["mïn".encode(), b"\xff"])).value() == "mïn\ufffd"
    with pytest.raises(BadUpload, match="at most 65536 bytes"):
        Part("x", None, None, iter([b"x"] * (MAX_FIELD_BYTES + 1))).value()
