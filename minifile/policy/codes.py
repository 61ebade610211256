"""Custom codes: which a sender may choose."""

import re

from minifile.errors import BadOption

_CODE = re.compile(r"[A-Za-z0-9_-]{3,64}")

# The first path segments of all other addresses, those of the dialects and of what may come, too.
RESERVED = {
    *("account", "admin", "api", "favicon", "healthz", "help", "invite", "link", "links"),
    *("login", "logout", "metrics", "minifile", "new", "notifications"),
    *("readyz", "register", "report", "reset"),
    *("robots", "security", "share", "shared", "sign-in", "sign-out", "signin", "signout"),
    *("static", "tus", "unlock", "upload", "uploads", "user", "users", "well-known"),
}


def check_code(code: str) -> None:
    """Raise BadOption unless the code may be that of a link."""
    if _CODE.fullmatch(code) is None:
        raise BadOption("A code has 3 to 64 letters, digits, hyphens and underscores.")
    if code.lower() in RESERVED:
        raise BadOption("This code is the address of something else here. Choose another one.")
