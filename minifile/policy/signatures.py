"""Media types by content: what the first bytes of a file say."""

import codecs
import re
from functools import cache

from minifile.policy.type_table import extension_of, type_of_extension


def _family(extensions: str, *more: str) -> frozenset[str]:
    known = map(type_of_extension, extensions.split())
    return frozenset(filter(None, known)).union(more)


_OLE, _ISO_MEDIA, _EBML = "application/x-ole-storage", "application/x-iso-media", "video/x-matroska"

# Formats that share one container: the content tells which container, the name tells the rest.
_CONTAINERS = (
    _family(
        "zip docx docm dotx xlsx xlsm xltx pptx pptm ppsx odt ods odp odg epub jar apk ipa xpi"
        " whl kmz cbz key pages numbers"
    ),
    _family("doc xls ppt msg msi vsd pub", _OLE),
    _family("mp4 m4v m4a mov 3gp 3g2", _ISO_MEDIA),
    _family("heic heif avif", _ISO_MEDIA),
    _family("mkv webm", _EBML),
    _family("ogg ogv opus"),
    _family("wmv wma"),
    _family("tif dng nef arw cr2"),
    _family("png apng"),
)
# The same for text, where a file without the signature is as good as one with it.
_TEXT_FAMILIES = (_family("html xhtml"), _family("sh py pl rb js php csh tcl"))

# `filetype` misses some variants of these, so only text under their name is surely wrong.
_LOOSELY_SIGNED = _family("aac br eps mov mp3 mpg ps swf tar ttf")
_TEXT_SIGNATURES = frozenset({"application/pdf", "application/postscript", "application/rtf"})

_BLANK = b"\xef\xbb\xbf \t\r\n\f"
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<iframe")
_XML_STARTS = (b"<?xml", b"<!--", b"<!doctype svg", b"<svg")
_ROOT = re.compile(rb"<(?:[\w-]+:)?(svg|html)[\s/>:]")
# `#![no_std]` begins a source file of Rust, and `#!AMR` a sound.
_SHEBANG = re.compile(rb"#![ \t]*/")
_NOT_IN_TEXT = re.compile(rb"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")


def type_of_content(filename: str, head: bytes) -> str | None:
    """Return the type by signature, and by name within a container that many types share.

    None when the bytes have no known signature. The first 8 KiB are enough.
    """
    found, named = _signature(head), type_of_extension(extension_of(filename))
    families = (*_CONTAINERS, *_TEXT_FAMILIES)
    return named if any({found, named} <= family for family in families) else found


def lacks_its_signature(filename: str, head: bytes) -> bool:
    """Whether a file without a known signature should have had one, going by its name."""
    named = type_of_extension(extension_of(filename))
    if named in _LOOSELY_SIGNED:
        return not head or is_text(head)
    return named in _signed_types()


def is_text(head: bytes) -> bool:
    """Whether the bytes are the start of UTF-8 text; a last character may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(head) and not _NOT_IN_TEXT.search(head)


def _signature(head: bytes) -> str | None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        # Browsers read UTF-16 by its mark, so a page may hide in it.
        head = head.decode("utf-16", "ignore").encode("utf-8", "ignore")
    if markup := _markup(head):
        return markup
    if _SHEBANG.match(head):
        return "text/x-shellscript"
    found = _binary_signature(head)
    # "BMW prices" is no bitmap, and "MZ" at the start of a letter no program.
    return found if found in _TEXT_SIGNATURES or not is_text(head) else None


def _markup(head: bytes) -> str | None:
    start = head.lstrip(_BLANK).lower()
    if start.startswith(_HTML_STARTS):
        return "text/html"
    if start.startswith(_XML_STARTS) and (root := _ROOT.search(start)):
        return "image/svg+xml" if root[1] == b"svg" else "text/html"
    return None


def _binary_signature(head: bytes) -> str | None:
    # Loaded late: commands that never see a file start without its fifty matchers.
    import filetype

    kind = filetype.match(head)
    if kind is not None:
        return type_of_extension(kind.extension) or str(kind.mime)
    if head.startswith(b"\x7fELF"):
        return "application/x-executable"
    # `filetype` knows the first by their commonest layout only, the others by few brands.
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _OLE
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _EBML
    return _ISO_MEDIA if head[4:8] == b"ftyp" else None


@cache
def _signed_types() -> frozenset[str]:
    """Return the types whose files are known by their first bytes."""
    import filetype

    known = {type_of_extension(kind.extension) or str(kind.mime) for kind in filetype.types}
    return frozenset(known).union(*_CONTAINERS) - _LOOSELY_SIGNED
