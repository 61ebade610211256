"""Names that visitors give: made safe to show, to send back and to unpack."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from itertools import accumulate, count

FALLBACK_NAME = "download"
MAX_SEGMENT_BYTES = 255
MAX_PATH_BYTES = 1024
MAX_SEGMENTS = 32
MAX_EXTENSION_BYTES = 32

# What " (12345)" may take. A path leaves this much free, so that a number always fits.
_NUMBER_BYTES = 16

# Controls, invisible marks and bidirectional overrides can make `gpj.exe` look like
# `exe.jpg`. U+200C and U+200D stay: Persian needs the one, emoji need the other.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0001]"
)
_SPACES = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u200c\u200d"

# A suffix with a space in it ends a sentence ("Letter to Mr. Smith") and is no extension.
_EXTENSION = re.compile(r"(?:\.tar)?\.[^.\s]+\Z", re.IGNORECASE)

# Windows opens the device whatever the extension, and reads superscript digits as digits.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|\Z)", re.IGNORECASE
)


def clean_filename(raw: str) -> str:
    r"""Return one safe base name: what follows the last `/` or `\` of `raw`, cleaned."""
    return _clean_segment(raw.rpartition("/")[2]) or FALLBACK_NAME


def clean_path(raw: str) -> str:
    r"""Return a safe relative path, of which only `/` separates the folders.

    Segments that are empty, `.` or `..` are dropped, and leading folders are when the path
    is too long or too deep. A `\` cuts its own segment to what follows it.
    """
    kept: list[str] = []
    room = MAX_PATH_BYTES - _NUMBER_BYTES
    for segment in filter(None, map(_clean_segment, reversed(raw.split("/")))):
        room -= len(segment.encode()) + 1
        if room < 0 or len(kept) == MAX_SEGMENTS:
            break
        kept.append(segment)
    return "/".join(reversed(kept)) or FALLBACK_NAME


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Return what names are sorted by, as people sort them: `2.jpg` before `10.jpg`."""
    pieces = re.findall(r"[0-9]{1,18}|[^0-9]+", name.casefold())
    return [(0, int(piece), "") if piece[0] in "0123456789" else (1, 0, piece) for piece in pieces]


def number_equal_names(names: Sequence[str]) -> list[str]:
    """Return clean names in their order, with a number in those that are not the first.

    Names are equal when Windows or macOS would write them to one file, whatever the case and
    the Unicode form. A file may not have the name of another file's folder either.
    """
    folders = {_folded(folder) for name in names for folder in _folders(name)}
    taken = folders.union(map(_folded, names))
    settled = set(folders)
    # One counter for all names with the same start: so ten thousand of them take as many steps.
    counters: defaultdict[tuple[str, str], Iterator[int]] = defaultdict(lambda: count(2))
    numbered = []
    for name in names:
        unique = _numbered(name, taken, counters) if _folded(name) in settled else name
        numbered.append(unique)
        settled.add(_folded(unique))
    return numbered


def _clean_segment(raw: str) -> str:
    """Return a safe name without folders, or nothing if nothing is left of it."""
    name = _UNSAFE.sub("", raw.rpartition("\\")[2])
    name = _cut(_trim(unicodedata.normalize("NFC", name)))
    if _DEVICE.match(name):
        name = _cut("_" + name)
    return name


def _trim(name: str) -> str:
    # Windows drops trailing dots and spaces by itself, and then finds another file.
    return name.lstrip(_SPACES).rstrip(_SPACES + ".")


def _cut(name: str, max_bytes: int = MAX_SEGMENT_BYTES) -> str:
    """Return `name` in at most `max_bytes` of UTF-8, its extension whole."""
    stem, extension = _split_extension(name)
    room = max_bytes - len(extension.encode())
    return _trim(stem.encode()[:room].decode("utf-8", "ignore") + extension)


def _split_extension(name: str) -> tuple[str, str]:
    """Return stem and extension; `.bashrc` has none, that of `a.tar.gz` is `.tar.gz`."""
    found = _EXTENSION.search(name)
    if found is None or found.start() == 0 or len(found[0].encode()) > MAX_EXTENSION_BYTES:
        return name, ""
    return name[: found.start()], found[0]


def _folded(name: str) -> str:
    """Return what is the same for all names that a file system may take for one.

    This is the canonical caseless match of the Unicode standard, section 3.13.
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _folders(name: str) -> Iterator[str]:
    """Return every folder that a path lies in, outermost first."""
    return accumulate(name.split("/")[:-1], "{}/{}".format)


def _numbered(
    name: str,
    taken: Container[str],
    counters: defaultdict[tuple[str, str], Iterator[int]],
) -> str:
    """Return `name` with the next number that is free."""
    folder, slash, base = name.rpartition("/")
    stem, extension = _split_extension(base)
    stem = _cut(base, MAX_SEGMENT_BYTES - _NUMBER_BYTES).removesuffix(extension)
    start = folder + slash + stem
    counter = counters[_folded(start), _folded(extension)]
    candidates = (f"{start} ({number}){extension}" for number in counter)
    return next(name for name in candidates if _folded(name) not in taken)
