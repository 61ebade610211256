"""The layout of stored zip archives."""

import io
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import skip_or_fail
from hypothesis import given
from hypothesis import strategies as st

from minifile.services.archive import Layout, Member
from minifile.values import Span

NOW = datetime(2026, 11, 22, 10, 30, 15, tzinfo=UTC)
GIB = 1024**3
CONTENTS = {"a.txt": b"alpha", "leer": b"", "Ordner/日本.txt": b"nihon" * 400, "z": b"\x00"}


def member(name: str, content: bytes = b"") -> Member:
    return Member(name, len(content), zlib.crc32(content), NOW)


def members(contents: dict[str, bytes]) -> list[Member]:
    return [member(name, content) for name, content in contents.items()]


def read(layout: Layout, contents: Sequence[bytes], span: Span | None = None) -> bytes:
    """Return the bytes of an archive, as a server would put them together."""
    out = bytearray()
    for piece in layout.pieces(span or Span(0, layout.size_bytes)):
        if isinstance(piece, tuple):
            index, part = piece
            piece = contents[index][part.start : part.stop]
        out += piece
    return bytes(out)


def write_sparse(path: Path, layout: Layout) -> None:
    """Write an archive whose contents are all zeros, without writing these."""
    with path.open("wb") as file:
        for piece in layout.pieces(Span(0, layout.size_bytes)):
            if isinstance(piece, tuple):
                file.seek(piece[1].size_bytes, io.SEEK_CUR)
            else:
                file.write(piece)
        file.truncate(layout.size_bytes)


def run(program: str, *arguments: object) -> str:
    found = shutil.which(program)
    if found is None:
        skip_or_fail(f"needs {program}: install it (apt install {program})")
    command = [found, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_an_archive_unpacks_to_its_members() -> None:
    layout = Layout(members(CONTENTS))

    archive = zipfile.ZipFile(io.BytesIO(read(layout, list(CONTENTS.values()))))

    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == CONTENTS


def test_an_archive_of_nothing_is_valid() -> None:
    layout = Layout([])

    assert zipfile.ZipFile(io.BytesIO(read(layout, []))).namelist() == []
    assert layout.size_bytes == 22


def test_a_member_is_a_stored_regular_file_with_a_utf_8_name() -> None:
    archive = zipfile.ZipFile(io.BytesIO(read(Layout([member("é")]), [b""])))

    info = archive.getinfo("é")

    assert info.compress_type == zipfile.ZIP_STORED
    assert info.flag_bits == 0x800
    assert info.external_attr >> 16 == 0o100644
    assert info.extract_version == 20
    assert info.extra == b""


@pytest.mark.parametrize(
    ("modified_at", "stored"),
    [
        pytest.param(NOW, (2026, 11, 22, 10, 30, 14), id="even seconds"),
        pytest.param(
            NOW.astimezone(timezone(timedelta(hours=5))), (2026, 11, 22, 10, 30, 14), id="as UTC"
        ),
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), (1980, 1, 1, 0, 0, 0), id="too early"),
        pytest.param(datetime(2200, 1, 1, tzinfo=UTC), (2107, 12, 31, 23, 59, 58), id="too late"),
    ],
)
def test_a_member_carries_its_time_in_utc(modified_at: datetime, stored: tuple[int, ...]) -> None:
    layout = Layout([Member("a", 0, 0, modified_at)])

    archive = zipfile.ZipFile(io.BytesIO(read(layout, [b""])))

    assert archive.getinfo("a").date_time == stored


def test_unzip_accepts_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(read(Layout(members(CONTENTS)), list(CONTENTS.values())))

    assert "No errors" in run("unzip", "-t", path)


@given(
    st.lists(st.binary(max_size=40), max_size=6),
    st.lists(st.integers(0, 1_000), max_size=6),
)
def test_the_pieces_of_any_split_join_to_the_whole(contents: list[bytes], cuts: list[int]) -> None:
    layout = Layout([member(f"f{index}", content) for index, content in enumerate(contents)])
    bounds = sorted({0, layout.size_bytes, *(cut % layout.size_bytes for cut in cuts)})
    spans = [Span(start, stop) for start, stop in pairwise(bounds)]

    parts = [read(layout, contents, span) for span in spans]

    assert [len(part) for part in parts] == [span.size_bytes for span in spans]
    assert b"".join(parts) == read(layout, contents)
    assert _fetched(layout, spans) == [
        (index, offset) for index, content in enumerate(contents) for offset in range(len(content))
    ]
    assert _empties(layout, spans) == [i for i, content in enumerate(contents) if not content]


def _fetched(layout: Layout, spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Return each byte of the members that the spans hold."""
    return [
        (index, offset)
        for span in spans
        for index, part in layout.member_spans(span)
        for offset in range(part.start, part.stop)
    ]


def _empties(layout: Layout, spans: Iterable[Span]) -> list[int]:
    return [
        index for span in spans for index, part in layout.member_spans(span) if not part.size_bytes
    ]


def test_the_same_members_give_the_same_bytes() -> None:
    contents = list(CONTENTS.values())

    assert read(Layout(members(CONTENTS)), contents) == read(Layout(members(CONTENTS)), contents)


def test_a_span_in_the_headers_fetches_no_member() -> None:
    layout = Layout([member("a", b"alpha"), member("b", b"beta")])

    assert layout.member_spans(Span(0, 31)) == []
    assert layout.member_spans(Span(layout.size_bytes - 22, layout.size_bytes)) == []
    assert layout.member_spans(Span(0, layout.size_bytes)) == [(0, Span(0, 5)), (1, Span(0, 4))]


def test_an_empty_member_goes_with_the_end_of_its_header() -> None:
    layout = Layout([member("a"), member("b", b"beta")])

    assert layout.member_spans(Span(0, 30)) == []
    assert layout.member_spans(Span(30, 31)) == [(0, Span(0, 0))]
    assert layout.member_spans(Span(31, 32)) == []


def test_an_empty_span_has_no_pieces() -> None:
    layout = Layout(members(CONTENTS))

    assert list(layout.pieces(Span(10, 10))) == []
    assert list(layout.pieces(Span(layout.size_bytes, layout.size_bytes + 9))) == []


@pytest.mark.parametrize(
    ("size", "version", "header"),
    [
        pytest.param(0xFFFFFFFE, 20, 31, id="largest of 32 bits"),
        pytest.param(0xFFFFFFFF, 45, 51, id="the mark itself"),
        pytest.param(5 * GIB, 45, 51, id="5 GiB"),
    ],
)
def test_a_large_member_has_zip64_sizes(
    tmp_path: Path, size: int, version: int, header: int
) -> None:
    layout = Layout([Member("a", size, 0, NOW), Member("b", 1, zlib.crc32(b"\0"), NOW)])
    write_sparse(tmp_path / "a.zip", layout)

    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        large, small = archive.infolist()

        assert (large.file_size, large.compress_size) == (size, size)
        assert large.extract_version == version
        assert small.header_offset == header + size
        assert archive.read(small) == b"\0"
        assert archive.open(large).read(10) == bytes(10)


@pytest.mark.parametrize(
    ("last_size", "version"),
    [
        pytest.param(0xFFFFFFFE - 62, 20, id="offset of 32 bits"),
        pytest.param(0xFFFFFFFF - 62, 45, id="offset of 64 bits"),
    ],
)
def test_a_distant_member_has_a_zip64_offset(tmp_path: Path, last_size: int, version: int) -> None:
    layout = Layout(
        [Member("a", 0, 0, NOW), Member("b", last_size, 0, NOW), Member("c", 0, 0, NOW)]
    )
    write_sparse(tmp_path / "a.zip", layout)

    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        distant = archive.infolist()[2]

        assert distant.header_offset == 62 + last_size
        assert distant.extract_version == version
        assert archive.read(distant) == b""


def test_unzip_reads_behind_a_large_member(tmp_path: Path) -> None:
    layout = Layout([Member("a", 5 * GIB, 0, NOW), Member("b", 3, zlib.crc32(bytes(3)), NOW)])
    write_sparse(tmp_path / "a.zip", layout)

    assert run("unzip", "-p", tmp_path / "a.zip", "b") == "\0" * 3


@pytest.mark.torture
def test_unzip_finds_no_fault_in_a_large_member(tmp_path: Path) -> None:
    zeros, crc = bytes(GIB // 16), 0
    for _ in range(5 * 16):
        crc = zlib.crc32(zeros, crc)
    write_sparse(tmp_path / "a.zip", Layout([Member("a", 5 * GIB, crc, NOW)]))

    assert "No errors" in run("unzip", "-t", tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("count", "end_bytes"),
    [
        pytest.param(65_534, 22, id="most of 16 bits"),
        pytest.param(65_535, 98, id="the mark itself"),
        pytest.param(65_537, 98, id="more"),
    ],
)
def test_many_members_have_a_zip64_end(count: int, end_bytes: int) -> None:
    layout = Layout([member(f"{index:05}") for index in range(count)])
    content = read(layout, [b""] * count)

    archive = zipfile.ZipFile(io.BytesIO(content))

    assert len(archive.namelist()) == count
    assert len(content) == count * (30 + 5 + 46 + 5) + end_bytes


def test_the_headers_of_ten_thousand_members_come_in_few_pieces() -> None:
    layout = Layout([member(f"{index:05}") for index in range(10_000)])

    pieces = list(layout.pieces(Span(0, layout.size_bytes)))

    assert len(pieces) < 20


def test_a_range_deep_in_a_huge_archive_is_found_at_once() -> None:
    layout = Layout([Member(f"{index:05}", 10 * GIB, 0, NOW) for index in range(10_000)])
    start = 5_000 * (10 * GIB + 30 + 5 + 20) + 55 + GIB

    assert list(layout.pieces(Span(start, start + 9))) == [(5_000, Span(GIB, GIB + 9))]
