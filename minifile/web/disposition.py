"""The `Content-Disposition` header: RFC 6266, with the names of RFC 8187."""

import re
from functools import lru_cache
from urllib.parse import quote

# `attr-char` of RFC 8187 section 3.2.1: what stands for itself in `filename*`.
_ATTR_CHARS = "!#$&+-.^_`|~"
_PLAIN = re.compile(rf"[A-Za-z0-9{re.escape(_ATTR_CHARS)}]+")

# A control would end the header, or the name in the recipient's terminal.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")

# Quotes and backslashes are unescaped by some browsers only, and `%41` is decoded by others
# (RFC 6266 appendix D).
_UNSAFE_IN_QUOTES = re.compile(r'[^ -~]|["\\%]')


@lru_cache(maxsize=512)
def attachment(filename: str) -> str:
    """Return the header value that makes a browser save the answer as `filename`."""
    return _disposition("attachment", filename)


def inline(filename: str) -> str:
    """Return the header value of what a page shows, and would be saved as `filename`."""
    return _disposition("inline", filename)


def _disposition(kind: str, filename: str) -> str:
    name = _CONTROLS.sub("_", filename.rpartition("/")[2]) or "download"
    fallback = f'{kind}; filename="{_UNSAFE_IN_QUOTES.sub("_", name)}"'
    if _PLAIN.fullmatch(name):
        return fallback
    # UTF-8 has no surrogates: a name that came out of a broken header must still be sent.
    encoded = quote(_SURROGATES.sub("\ufffd", name), safe=_ATTR_CHARS)
    return f"{fallback}; filename*=UTF-8''{encoded}"
