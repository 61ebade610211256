"""Template filters: sizes, times and kinds of files in the words of the pages."""

from collections.abc import Sequence
from datetime import UTC, datetime

from flask import Flask

from minifile.units import duration_in_words, plural, size_in_words

# What a file is, in words; the icon for it; its media types; its extensions. A media type that
# is not here is looked up by the extension.
_KINDS = (
    ("JPEG image", "image", "image/jpeg", "jpg jpeg"),
    ("PNG image", "image", "image/png", "png"),
    ("GIF image", "image", "image/gif", "gif"),
    ("WebP image", "image", "image/webp", "webp"),
    ("AVIF image", "image", "image/avif", "avif"),
    ("HEIC image", "image", "image/heic image/heif", "heic heif"),
    ("TIFF image", "image", "image/tiff", "tif tiff"),
    ("BMP image", "image", "image/bmp image/x-ms-bmp", "bmp"),
    ("SVG image", "image", "image/svg+xml", "svg"),
    ("MP4 video", "video", "video/mp4", "mp4 m4v"),
    ("QuickTime video", "video", "video/quicktime", "mov"),
    ("WebM video", "video", "video/webm", "webm"),
    ("Matroska video", "video", "video/x-matroska video/matroska", "mkv"),
    ("AVI video", "video", "video/x-msvideo video/avi", "avi"),
    ("MP3 audio", "audio", "audio/mpeg audio/mp3", "mp3"),
    ("M4A audio", "audio", "audio/mp4 audio/x-m4a", "m4a"),
    ("FLAC audio", "audio", "audio/flac audio/x-flac", "flac"),
    ("WAV audio", "audio", "audio/wav audio/x-wav", "wav"),
    ("Ogg audio", "audio", "audio/ogg", "ogg oga opus"),
    ("PDF document", "document", "application/pdf", "pdf"),
    ("EPUB book", "document", "application/epub+zip", "epub"),
    ("RTF document", "document", "application/rtf text/rtf", "rtf"),
    ("Word document", "document", "application/msword", "doc docx"),
    ("Excel spreadsheet", "document", "application/vnd.ms-excel", "xls xlsx"),
    ("PowerPoint presentation", "document", "application/vnd.ms-powerpoint", "ppt pptx"),
    ("OpenDocument text", "document", "application/vnd.oasis.opendocument.text", "odt"),
    ("OpenDocument spreadsheet", "document", "", "ods"),
    ("OpenDocument presentation", "document", "", "odp"),
    ("ZIP archive", "archive", "application/zip application/x-zip-compressed", "zip"),
    ("7z archive", "archive", "application/x-7z-compressed", "7z"),
    ("RAR archive", "archive", "application/vnd.rar application/x-rar-compressed", "rar"),
    ("tar archive", "archive", "application/x-tar", "tar tgz txz"),
    ("gzip archive", "archive", "application/gzip application/x-gzip", "gz"),
    ("bzip2 archive", "archive", "application/x-bzip2", "bz2"),
    ("xz archive", "archive", "application/x-xz", "xz"),
    ("Zstandard archive", "archive", "application/zstd", "zst"),
    ("CSV table", "text", "text/csv", "csv"),
    ("Markdown text", "text", "text/markdown", "md"),
    ("HTML page", "text", "text/html", "html htm"),
    ("JSON data", "text", "application/json", "json"),
    ("XML data", "text", "application/xml text/xml", "xml"),
)
_BY_TYPE = {name: (words, icon) for words, icon, types, _ in _KINDS for name in types.split()}
_BY_EXTENSION = {name: (words, icon) for words, icon, _, names in _KINDS for name in names.split()}
_BY_FAMILY = {
    "image": ("image", "image"),
    "video": ("video", "video"),
    "audio": ("audio", "audio"),
    "text": ("text file", "text"),
}
# These media types say little, so the filename is asked first.
_VAGUE_TYPES = ("", "application/octet-stream", "binary/octet-stream", "text/plain")


def register(app: Flask) -> None:
    """Make the filters known to the templates of `app`."""
    app.jinja_env.filters.update(
        accept=accept,
        basename=basename,
        duration=duration_in_words,
        filesize=size_in_words,
        in_words=in_words,
        isoutc=isoutc,
        kind=kind,
        kind_name=kind_name,
        plural=plural,
        utc=utc,
    )


def in_words(moment: datetime, now: datetime) -> str:
    """Return how long it is from `now` to `moment`, such as `23 hours`.

    To the nearest minute, with the rest named where it matters most: `1 day 5 hours`.
    """
    seconds = (moment - now).total_seconds()
    if seconds <= 0:
        return "no time"
    if seconds < 60:
        return "less than a minute"
    # To the nearest minute, so that a link made a moment ago has its whole lifetime left.
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return _leading(days, "day", hours, "hour")
    if hours:
        return _leading(hours, "hour", minutes, "minute")
    return plural(minutes, "minute")


def _leading(count: int, unit: str, rest: int, rest_unit: str) -> str:
    words = plural(count, unit)
    return f"{words} {plural(rest, rest_unit)}" if count == 1 and rest else words


def utc(moment: datetime) -> str:
    """Return `23 Nov 2026, 14:05 UTC`."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def isoutc(moment: datetime) -> str:
    """Return `2026-11-23T14:05:00Z`, as `<time datetime>` wants it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def kind(content_type: str, filename: str = "") -> str:
    """Return what a file is in a word or two: `MP4 video`, `ZIP archive`, or just `file`."""
    return _look_up_kind(content_type, filename)[0]


def kind_name(content_type: str, filename: str = "") -> str:
    """Return the name of the icon for a file."""
    return _look_up_kind(content_type, filename)[1]


def _look_up_kind(content_type: str, filename: str) -> tuple[str, str]:
    content_type = content_type.partition(";")[0].strip().lower()
    by_extension = _BY_EXTENSION.get(basename(filename).lower().rpartition(".")[2])
    if content_type in _VAGUE_TYPES and by_extension:
        return by_extension
    known = _BY_TYPE.get(content_type) or _BY_FAMILY.get(content_type.partition("/")[0])
    return known or by_extension or ("file", "file")


def basename(filename: str) -> str:
    """Return the filename without its folders."""
    return filename.rpartition("/")[2]


def accept(types: Sequence[str]) -> str:
    """Return extensions and media types as `<input accept>` wants them: `.pdf,image/*`."""
    return ",".join(name if "/" in name else f".{name.lstrip('.')}" for name in types)
