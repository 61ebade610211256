"""Where a visitor may be led on to: a path of this site, and nothing that leads away from it."""

import re
from urllib.parse import urlsplit

# A browser takes a backslash for a slash, and leaves out tabs and line breaks.
_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
_LONGEST = 2000


def own_path(value: str | None) -> str | None:
    """Return a path with its query that a visitor has named, or None for anything else.

    Such as `/links/?page=2`: it begins with one slash, so it has neither scheme nor host.
    """
    if value is None or len(value) > _LONGEST or not _PATH.fullmatch(value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return None if parts.scheme or parts.netloc else value
