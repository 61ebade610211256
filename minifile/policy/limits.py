"""How much may be uploaded."""

from minifile.errors import BadOption, StorageFull, TooLarge
from minifile.units import size_in_words
from minifile.values import Limits

MAX_NOTE = 500
MAX_PASSWORD = 256
MAX_DOWNLOADS = 1_000_000_000


def check_link_size(size_bytes: int, limits: Limits) -> None:
    """Raise TooLarge when an upload is larger in all than a link may be."""
    if size_bytes > limits.max_link_size:
        raise TooLarge(
            f"The upload is too large: {size_in_words(limits.max_link_size)} are allowed."
        )


def check_file_size(size_bytes: int, limits: Limits) -> None:
    """Raise TooLarge when a file is larger than allowed."""
    if size_bytes > limits.max_file_size:
        raise TooLarge(
            f"The file is too large: {size_in_words(limits.max_file_size)} are allowed for a file."
        )


def check_file_count(count: int, limits: Limits) -> None:
    """Raise TooLarge when a link would hold too many files."""
    if count > limits.max_link_files:
        raise TooLarge(f"Too many files: {limits.max_link_files} are allowed in one link.")


def check_space(size_bytes: int, free_bytes: int | None, limits: Limits) -> None:
    """Raise StorageFull when keeping so much more would leave less free than KEEP_FREE."""
    if free_bytes is not None and free_bytes - size_bytes < limits.keep_free:
        raise StorageFull("There is not enough free space for this upload just now.")


def check_max_downloads(count: int | None) -> None:
    """Raise BadOption unless the number of downloads makes sense."""
    if count is not None and not 1 <= count <= MAX_DOWNLOADS:
        raise BadOption(
            f"The number of downloads must be between 1 and {MAX_DOWNLOADS}; leave it out for"
            " no limit."
        )


def check_note(note: str | None) -> None:
    """Raise BadOption when the note is too long or can't be kept as text."""
    if note is not None and (len(note) > MAX_NOTE or not _is_text(note)):
        raise BadOption(f"The note must be text of at most {MAX_NOTE} characters.")


def check_password(password: str | None) -> None:
    """Raise BadOption when the link password is empty or too long."""
    if password is not None and (not 1 <= len(password) <= MAX_PASSWORD or not _is_text(password)):
        raise BadOption(f"The link password must have 1 to {MAX_PASSWORD} characters.")


def _is_text(value: str) -> bool:
    """Say whether every database can keep the text: no NUL, no half of a surrogate pair."""
    return "\x00" not in value and not any(0xD800 <= ord(c) <= 0xDFFF for c in value)
