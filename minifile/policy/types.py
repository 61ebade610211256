"""What types of files are accepted, stored and sent."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from minifile.errors import TypeRefused
from minifile.policy.signatures import is_text, lacks_its_signature, type_of_content
from minifile.policy.type_table import (
    endings_of,
    extension_of,
    same_extension,
    same_type,
    type_of_extension,
)
from minifile.values import Limits

OCTET_STREAM = "application/octet-stream"
TEXT = "text/plain"

# The only types that answers with bytes may carry. None of them can run a script: so no SVG,
# HTML, XML or PDF.
PASSIVE_TYPES: frozenset[str] = frozenset(
    {
        "image/apng",
        "image/avif",
        "image/bmp",
        "image/gif",
        "image/heic",
        "image/heif",
        "image/jpeg",
        "image/jxl",
        "image/png",
        "image/tiff",
        "image/vnd.microsoft.icon",
        "image/webp",
        "audio/aac",
        "audio/aiff",
        "audio/flac",
        "audio/midi",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/opus",
        "audio/wav",
        "audio/webm",
        "video/3gpp",
        "video/mp4",
        "video/mpeg",
        "video/ogg",
        "video/quicktime",
        "video/webm",
        "video/x-m4v",
        "video/x-matroska",
        "video/x-msvideo",
        "text/plain",
        "application/gzip",
        "application/octet-stream",
        "application/x-7z-compressed",
        "application/x-tar",
        "application/zip",
    }
)

# RFC 6838 section 4.2. Bodies of these are wrapped or encoded, so they are no file's type.
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_MAX_TYPE_LENGTH = 100
_NO_FILE_TYPES = ("multipart/", "message/", "application/x-www-form-urlencoded")


def media_type(filename: str, head: bytes, declared: str | None) -> str:
    """Return the content type to store, from the first bytes of a file.

    The content decides; then the name, then a well-formed declared type.
    """
    known = type_of_content(filename, head) or type_of_extension(extension_of(filename))
    return known or _well_formed(declared) or OCTET_STREAM


def served_type(content_type: str) -> str:
    """Return the `Content-Type` for an answer with bytes: the stored one only if passive."""
    bare = content_type.partition(";")[0].strip().lower()
    if bare == TEXT:
        return f"{TEXT}; charset=utf-8"
    return bare if bare in PASSIVE_TYPES else OCTET_STREAM


def check_file_type(filename: str, head: bytes, limits: Limits) -> None:
    """Judge a file by what the instance accepts, and what a file request asks for besides.

    Looking for signatures is not free: `media_type` does it once in any case. Raises TypeRefused.
    """
    allowed, blocked = limits.allowed_types, limits.blocked_types
    if allowed or blocked:
        check_type(filename, head, allowed=allowed, blocked=blocked)
    if limits.requested_types:
        check_type(filename, head, allowed=limits.requested_types, blocked=())


def check_named_type(filename: str, limits: Limits) -> None:
    """As `check_file_type`, by the name alone, before a byte is there. Raises TypeRefused."""
    check_type_of_name(filename, allowed=limits.allowed_types, blocked=limits.blocked_types)
    check_type_of_name(filename, allowed=limits.requested_types, blocked=())


def check_type(
    filename: str, head: bytes, *, allowed: Sequence[str], blocked: Sequence[str]
) -> None:
    """Judge a file by its name and by its first bytes (8 KiB are enough).

    Entries are extensions (`pdf`, `.tar.gz`) or media types (`image/*`); no `allowed` entry
    means all. Raises TypeRefused when name or content is blocked, when one of them is not
    allowed, and when the content is not what the name says.
    """
    content = type_of_content(filename, head)
    if content is None and not extension_of(filename) and is_text(head):
        content = TEXT
    for entry in blocked:
        if _covers_name(entry, filename) or _covers_type(entry, content):
            raise TypeRefused(f"Files of the type {entry.strip()} are not accepted here.")
    if allowed and not _is_allowed(filename, head, content, allowed):
        raise _not_among(allowed)


def check_type_of_name(filename: str, *, allowed: Sequence[str], blocked: Sequence[str]) -> None:
    """Judge a file by its name alone, before a byte of it is there. Raises TypeRefused."""
    for entry in blocked:
        if _covers_name(entry, filename):
            raise TypeRefused(f"Files of the type {entry.strip()} are not accepted here.")
    is_named = bool(extension_of(filename))
    if allowed and is_named and not any(_covers_name(entry, filename) for entry in allowed):
        raise _not_among(allowed)


def _not_among(allowed: Sequence[str]) -> TypeRefused:
    accepted = ", ".join(entry.strip() for entry in allowed)
    return TypeRefused(f"Only files of these types are accepted here: {accepted}.")


def _is_allowed(filename: str, head: bytes, content: str | None, allowed: Sequence[str]) -> bool:
    has_extension = bool(extension_of(filename))
    if has_extension and not any(_covers_name(entry, filename) for entry in allowed):
        return False
    if content is None:
        return has_extension and not lacks_its_signature(filename, head)
    return any(_covers_type(entry, content) for entry in allowed)


def _covers_name(entry: str, filename: str) -> bool:
    entry = entry.strip().lower()
    if "/" in entry:
        return _covers_type(entry, type_of_extension(extension_of(filename)))
    return same_extension(entry) in endings_of(filename)


def _covers_type(entry: str, content_type: str | None) -> bool:
    if content_type is None:
        return False
    entry = entry.strip().lower()
    if "/" in entry:
        return fnmatchcase(content_type, same_type(entry))
    extension = same_extension(entry)
    # Text has no signature, so it says nothing of `log` or `ini`.
    return content_type == type_of_extension(extension) and (
        content_type != TEXT or extension == "txt"
    )


def _well_formed(declared: str | None) -> str | None:
    """Return a declared type without its parameters, or None if it can't be a file's."""
    bare = (declared or "").partition(";")[0].strip().lower()
    if len(bare) > _MAX_TYPE_LENGTH or bare.startswith(_NO_FILE_TYPES):
        return None
    return same_type(bare) if _MEDIA_TYPE.fullmatch(bare) else None
