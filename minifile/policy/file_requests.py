"""What a file request may ask for, and what it still takes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from minifile.errors import BadOption, LinkGone, TooLarge
from minifile.units import duration_in_words, plural, size_in_words

MAX_TITLE = 200
MAX_TEXT = 4000
MAX_NAME = 200
MAX_MESSAGE = 500
MAX_TYPES = 50
MAX_NUMBER = 1_000_000_000
MAX_SIZE = 2**50
MIN_LIFETIME = timedelta(minutes=1)
MAX_LIFETIME = timedelta(days=365)
CLOSED = "This file request is closed. Ask whoever sent it to you for a new one."
# For so long a sender may add a forgotten file.
ADDED_WITHIN = timedelta(minutes=10)

_TYPE = re.compile(
    r"\.?[A-Za-z0-9][A-Za-z0-9._+-]{0,30}|[A-Za-z]+/(?:\*|[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,80})"
)
# Line breaks and tabs are text; other controls are not.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Room:
    """What a file request takes in all, and what it has by now; sizes in bytes."""

    max_files: int | None
    max_size: int | None
    files: int
    size_bytes: int

    @property
    def files_left(self) -> int | None:
        return None if self.max_files is None else max(0, self.max_files - self.files)

    @property
    def size_left(self) -> int | None:
        return None if self.max_size is None else max(0, self.max_size - self.size_bytes)


def check_room(room: Room, files: int, size_bytes: int) -> None:
    """Raise TooLarge when so much more does not fit."""
    left = room.files_left
    if left is not None and files > left:
        raise TooLarge(f"This file request has room for {_more(left, 'file')}.")
    size_left = room.size_left
    if size_left is not None and size_bytes > size_left:
        raise TooLarge(f"This file request has room for {_bytes(size_left)} more.")


def check_taking(
    closed_at: datetime | None, expires_at: datetime, owner_disabled: bool, now: datetime
) -> None:
    """Raise LinkGone unless the file request takes files at `now`.

    Of a disabled owner it says no more than of a closed one.
    """
    if closed_at is not None or owner_disabled:
        raise LinkGone(CLOSED)
    if now >= expires_at:
        raise LinkGone(
            f"This file request ended on {expires_at:%d %B %Y at %H:%M} UTC."
            " Ask whoever sent it to you for a new one."
        )


def check_title(title: str) -> None:
    """Raise BadOption unless the title is one line of text."""
    if not 1 <= len(title) <= MAX_TITLE or _CONTROL.search(title) or "\n" in title:
        raise BadOption(f"A file request needs a title of at most {MAX_TITLE} characters.")


def check_text(text: str | None) -> None:
    """Raise BadOption when the words to the senders are too long, or no text."""
    if text is not None and (len(text) > MAX_TEXT or _CONTROL.search(text)):
        raise BadOption(f"The text must be at most {MAX_TEXT} characters.")


def check_sender(name: str | None, message: str | None) -> None:
    """Raise BadOption when a sender's name or message is too long, or no text."""
    if name is not None and (len(name) > MAX_NAME or _CONTROL.search(name) or "\n" in name):
        raise BadOption(f"The name must be one line of at most {MAX_NAME} characters.")
    if message is not None and (len(message) > MAX_MESSAGE or _CONTROL.search(message)):
        raise BadOption(f"The message must be text of at most {MAX_MESSAGE} characters.")


def check_types(types: Sequence[str]) -> None:
    """Raise BadOption for what is neither an extension nor a media type."""
    if len(types) > MAX_TYPES:
        raise BadOption(f"At most {MAX_TYPES} types can be named.")
    for name in types:
        if _TYPE.fullmatch(name) is None:
            raise BadOption("Types are written like pdf, .docx or image/*, with commas between.")


def check_request_limits(
    max_files: int | None, max_file_size: int | None, max_size: int | None
) -> None:
    """Raise BadOption for a limit that makes no sense."""
    if max_files is not None and not 1 <= max_files <= MAX_NUMBER:
        raise BadOption("The number of files must be a whole number from 1 on.")
    for size in (max_file_size, max_size):
        if size is not None and not 1 <= size <= MAX_SIZE:
            raise BadOption(f"A size must be between 1 byte and {size_in_words(MAX_SIZE)}.")


def check_request_lifetime(lifetime: timedelta) -> None:
    """Raise BadOption unless a file request may be open for so long."""
    if not MIN_LIFETIME <= lifetime <= MAX_LIFETIME:
        raise BadOption(
            f"A file request can be open from {duration_in_words(MIN_LIFETIME)}"
            f" to {duration_in_words(MAX_LIFETIME)}."
        )


def _more(count: int, one: str) -> str:
    return f"no more {one}s" if count == 0 else f"{plural(count, one)} more"


def _bytes(size_bytes: int) -> str:
    return "no bytes" if size_bytes == 0 else size_in_words(size_bytes)
