"""Which files have a preview, and what is text."""

import pytest

from minifile.policy.previews import IMAGE_BYTES, PreviewKind, decode_text, preview_kind


@pytest.mark.parametrize(
    ("filename", "content_type", "kind"),
    [
        ("a.png", "image/png", PreviewKind.IMAGE),
        ("a", "image/avif", PreviewKind.IMAGE),
        ("a.mp3", "audio/mpeg", PreviewKind.AUDIO),
        ("a.mp4", "video/mp4", PreviewKind.VIDEO),
        ("a.txt", "text/plain", PreviewKind.TEXT),
        ("a.py", "text/x-python", PreviewKind.TEXT),
        ("a.rs", "application/octet-stream", PreviewKind.TEXT),
        ("b/Makefile", "application/octet-stream", PreviewKind.TEXT),
        ("a.html", "text/html", PreviewKind.TEXT),
        ("a.svg", "image/svg+xml", None),
        ("a.pdf", "application/pdf", None),
        ("a.heic", "image/heic", None),
        ("a.bin", "application/octet-stream", None),
        ("a.zip", "application/zip", None),
    ],
)
def test_the_stored_type_decides_then_the_name(
    filename: str, content_type: str, kind: PreviewKind | None
):
    assert preview_kind(filename, content_type, 5) == kind


def test_empty_files_and_huge_pictures_have_no_preview():
    assert preview_kind("a.txt", "text/plain", 0) is None
    assert preview_kind("a.png", "image/png", IMAGE_BYTES + 1) is None
    assert preview_kind("a.mp4", "video/mp4", IMAGE_BYTES + 1) is PreviewKind.VIDEO


@pytest.mark.parametrize(
    ("head", "text"),
    [
        pytest.param("é\r\nb\rc".encode(), "é\nb\nc", id="utf-8"),
        pytest.param(b"\xef\xbb\xbfa", "a", id="utf-8-mark"),
        pytest.param("é".encode("utf-16"), "é", id="utf-16"),
        pytest.param(b"\xfe\xff\x00a", "a", id="utf-16-be"),
        pytest.param(b"a\x1b[31m\x7f", "a␛[31m␡", id="controls"),
        pytest.param(b"a\0b", None, id="nul"),
        pytest.param(b"caf\xe9", None, id="latin-1"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_text_is_utf_8_or_marked_utf_16(head: bytes, text: str | None):
    assert decode_text(head, is_whole=True) == text


def test_a_character_cut_at_the_end_is_left_out_unless_the_file_ends_there():
    assert decode_text("aé".encode()[:-1], is_whole=False) == "a"
    assert decode_text("aé".encode()[:-1], is_whole=True) is None
