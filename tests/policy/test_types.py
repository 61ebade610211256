"""What types of files are accepted, stored and sent."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minifile.errors import TypeRefused
from minifile.policy.types import PASSIVE_TYPES, check_type, media_type, served_type

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
EXE = b"MZ\x90\x00\x03\x00\x00\x00"
ELF = b"\x7fELF\x02\x01\x01\x00"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
MP4 = b"\x00\x00\x00\x18ftypiso6\x00\x00\x00\x00iso6dash"
TEXT = b"Good morning.\n"
DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def zipped(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return target.getvalue()


def accepts(filename: str, head: bytes, *, allowed: str = "", blocked: str = "") -> bool:
    try:
        check_type(filename, head, allowed=allowed.split(), blocked=blocked.split())
    except TypeRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("filename", "head", "expected"),
    [
        pytest.param("a.txt", PNG, "image/png", id="content before name"),
        pytest.param("a", PDF, "application/pdf", id="content without name"),
        pytest.param("a.tar.gz", GZIP, "application/gzip", id="gzip"),
        pytest.param("a.zip", zipped("a"), "application/zip", id="zip"),
        pytest.param("a.docx", zipped("a"), DOCX_TYPE, id="zip named docx"),
        pytest.param("a.jar", zipped("a"), "application/java-archive", id="zip named jar"),
        pytest.param("a.txt", zipped("a"), "application/zip", id="zip named txt"),
        pytest.param("a.doc", OLE, "application/msword", id="compound file named doc"),
        pytest.param("a.m4a", MP4, "audio/mp4", id="iso media named m4a"),
        pytest.param("a.txt", EXE, "application/x-msdownload", id="windows program"),
        pytest.param("a.txt", ELF, "application/x-executable", id="linux program"),
        pytest.param("a.txt", b"\xef\xbb\xbf \n<!DOCTYPE HTML>", "text/html", id="html"),
        pytest.param("a.txt", b"<ScRiPt>", "text/html", id="script element"),
        pytest.param("a", "<html>".encode("utf-16"), "text/html", id="html in UTF-16"),
        pytest.param("a.png", b"<svg xmlns='x'>", "image/svg+xml", id="svg"),
        pytest.param("a", b"<?xml version='1.0'?>\n<svg/>", "image/svg+xml", id="svg in xml"),
        pytest.param("a.xml", b"<?xml version='1.0'?><a/>", "application/xml", id="other xml"),
        pytest.param("a", b"#!/bin/sh\n", "text/x-shellscript", id="script"),
        pytest.param("a.py", b"#!/usr/bin/env python\n", "text/x-python", id="script by name"),
        pytest.param("a.webp", b"", "image/webp", id="name only"),
        pytest.param("x/a.MD", TEXT, "text/markdown", id="name in a folder"),
        pytest.param("a.txt", b"BMW prices, MZ\n", "text/plain", id="text like a bitmap"),
    ],
)
def test_the_content_decides_the_media_type_and_then_the_name(
    filename: str, head: bytes, expected: str
) -> None:
    assert media_type(filename, head, "text/x-declared") == expected


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        pytest.param("Text/CSV; charset=utf-8", "text/csv", id="with parameters"),
        pytest.param("audio/x-wav", "audio/wav", id="older name"),
        pytest.param(None, "application/octet-stream", id="none"),
        pytest.param("", "application/octet-stream", id="empty"),
        pytest.param("image", "application/octet-stream", id="no subtype"),
        pytest.param("image/*", "application/octet-stream", id="wildcard"),
        pytest.param("a/b\r\nX: y", "application/octet-stream", id="line break"),
        pytest.param("a/" + "b" * 99, "application/octet-stream", id="too long"),
        pytest.param("multipart/form-data", "application/octet-stream", id="multipart"),
        pytest.param("message/http", "application/octet-stream", id="message"),
    ],
)
def test_a_declared_type_counts_only_when_well_formed(declared: str | None, expected: str) -> None:
    assert media_type("unknown", b"", declared) == expected


@given(st.text(), st.binary(max_size=300), st.none() | st.text())
def test_any_file_has_a_media_type(filename: str, head: bytes, declared: str | None) -> None:
    found = media_type(filename, head, declared)

    assert found.count("/") == 1
    assert found.isascii()
    assert found == found.lower()


@given(
    st.sampled_from([PNG, MP4, OLE, zipped("a"), b"\x1a\x45\xdf\xa3", b"<?xml", b"RIFF"]),
    st.binary(max_size=300),
)
def test_a_damaged_file_raises_nothing(start: bytes, rest: bytes) -> None:
    assert media_type("a", start + rest, None)


@pytest.mark.parametrize(
    ("filename", "head", "allowed"),
    [
        pytest.param("a.foo", EXE, "", id="everything allowed"),
        pytest.param("a.PDF", PDF, "pdf", id="extension"),
        pytest.param("a.pdf", PDF, ".pdf", id="extension with a dot"),
        pytest.param("a.jpeg", JPEG, "jpg", id="other spelling of the extension"),
        pytest.param("a.png", PNG, "image/*", id="media range"),
        pytest.param("a.png", PNG, "pdf image/png", id="second entry"),
        pytest.param("a.tar.gz", GZIP, "tar.gz", id="compound extension"),
        pytest.param("a.docx", zipped("a"), "docx", id="zip named docx"),
        pytest.param("a.doc", OLE, "doc", id="compound file named doc"),
        pytest.param("a.m4a", MP4, "m4a", id="iso media of an unknown brand"),
        pytest.param("a.txt", TEXT, "txt", id="text"),
        pytest.param("a.csv", TEXT, "text/*", id="text by media range"),
        pytest.param("README", TEXT, "text/plain", id="text without extension"),
        pytest.param("README", "aé".encode()[:2], "txt", id="cut character"),
        pytest.param("photo", JPEG, "jpg", id="content without extension"),
        pytest.param("a.py", b"#!/usr/bin/python\n", "py", id="script by name"),
        pytest.param("a.mp3", b"\xff\xfa\x90\x00\x00", "mp3", id="sound of a rare kind"),
        pytest.param("a.foo", b"\x01\x02", "foo", id="type that nobody knows"),
        pytest.param("a.foo", EXE, "foo */*", id="any content"),
    ],
)
def test_a_file_is_accepted_when_name_and_content_are_allowed(
    filename: str, head: bytes, allowed: str
) -> None:
    assert accepts(filename, head, allowed=allowed)


@pytest.mark.parametrize(
    ("filename", "head", "allowed"),
    [
        pytest.param("a.exe", PDF, "pdf", id="wrong name"),
        pytest.param("a.pdf", EXE, "pdf", id="wrong content"),
        pytest.param("a.pdf", TEXT, "pdf", id="text named pdf"),
        pytest.param("a.pdf", b"", "pdf", id="nothing named pdf"),
        pytest.param("a.mp3", TEXT, "mp3", id="text named mp3"),
        pytest.param("a.docx", b"\x01\x02", "docx", id="docx that is no zip"),
        pytest.param("a.jpg", PNG, "jpg", id="other image"),
        pytest.param("a.jpg", b"<svg>", "image/jpeg", id="svg named jpg"),
        pytest.param("a.txt", b"<html>", "txt", id="html named txt"),
        pytest.param("a.bat", b"del *", "txt", id="other text"),
        pytest.param("a.gz", GZIP, "tar.gz", id="half of a compound extension"),
        pytest.param("a", b"\x01\x02", "pdf", id="nothing known"),
        pytest.param("a", b"", "txt", id="empty without extension"),
        pytest.param("a.foo", EXE, "foo", id="program under an unknown extension"),
    ],
)
def test_a_file_is_refused_when_name_or_content_is_not_allowed(
    filename: str, head: bytes, allowed: str
) -> None:
    assert not accepts(filename, head, allowed=allowed)


@pytest.mark.parametrize(
    ("filename", "head", "blocked"),
    [
        pytest.param("a.exe", b"", "exe", id="name"),
        pytest.param("a.txt", EXE, "exe", id="content"),
        pytest.param("a", b"#!/bin/sh", "sh", id="script without extension"),
        pytest.param("a.tar.gz", b"", "tar.gz", id="compound extension"),
        pytest.param("a.tgz", b"", "tar.gz", id="short for a compound extension"),
        pytest.param("a.txt", b"<svg>", "image/svg+xml", id="media type of the content"),
        pytest.param("a.svg", b"", "image/*", id="media range of the name"),
        pytest.param("a", TEXT, "text/*", id="text without extension"),
        pytest.param("a", EXE, "application/x-dosexec", id="other name of the media type"),
    ],
)
def test_a_file_is_refused_when_name_or_content_is_blocked(
    filename: str, head: bytes, blocked: str
) -> None:
    assert not accepts(filename, head, blocked=blocked)


@pytest.mark.parametrize(
    ("filename", "head", "blocked"),
    [
        pytest.param("a.exe.txt", TEXT, "exe", id="extension in the middle"),
        pytest.param("a.docx", zipped("a"), "zip", id="docx is not a zip"),
        pytest.param("README", TEXT, "log bat c", id="text is not every text format"),
    ],
)
def test_a_blocked_type_does_not_block_its_neighbours(
    filename: str, head: bytes, blocked: str
) -> None:
    assert accepts(filename, head, blocked=blocked)


def test_a_blocked_type_is_refused_even_if_allowed() -> None:
    assert not accepts("a.png", PNG, allowed="image/*", blocked="png")


def test_a_refusal_names_what_is_allowed() -> None:
    with pytest.raises(TypeRefused, match=r"^Only files of these types .*: pdf, image/\*\.$"):
        check_type("a.exe", EXE, allowed=["pdf", "image/*"], blocked=[])


def test_a_refusal_names_what_is_blocked() -> None:
    with pytest.raises(TypeRefused, match=r"^Files of the type \.exe are not accepted here\.$"):
        check_type("a.exe", EXE, allowed=[], blocked=[".exe"])


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        pytest.param("image/png", "image/png", id="image"),
        pytest.param("Image/PNG; x=y", "image/png", id="with parameters"),
        pytest.param("text/plain", "text/plain; charset=utf-8", id="text"),
        pytest.param("text/html", "application/octet-stream", id="html"),
        pytest.param("image/svg+xml", "application/octet-stream", id="svg"),
        pytest.param("application/pdf", "application/octet-stream", id="pdf"),
        pytest.param("", "application/octet-stream", id="empty"),
    ],
)
def test_only_passive_types_are_sent_as_they_are(stored: str, sent: str) -> None:
    assert served_type(stored) == sent


def test_no_passive_type_can_run_a_script() -> None:
    active = ("html", "xml", "svg", "script", "pdf", "json", "css", "flash")

    assert not [name for name in PASSIVE_TYPES if any(word in name for word in active)]


@pytest.mark.parametrize(
    "filename",
    [
        "a.png", "a.jpg", "a.gif", "a.webp", "a.avif", "a.heic", "a.ico", "a.jxl",
        "a.mp3", "a.m4a", "a.ogg", "a.opus", "a.flac", "a.wav",
        "a.mp4", "a.mov", "a.webm", "a.mkv", "a.avi",
        "a.txt", "a.zip", "a.gz", "a.7z", "a.tar",
    ],
)  # fmt: skip
def test_a_common_passive_file_keeps_its_type_when_sent(filename: str) -> None:
    stored = media_type(filename, b"", None)

    assert served_type(stored).partition(";")[0] == stored != "application/octet-stream"
