"""What the claims of an OpenID Connect provider mean here: name, address, role, quota."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from minifile.errors import BadOption
from minifile.identity import NO_LIMIT, UserRole
from minifile.policy.identity import MAX_NAME, MIN_NAME, clean_email, clean_name
from minifile.units import parse_size

# In the order in which they make a name; the address does where none of them can.
_NAMES = ("preferred_username", "nickname", "name", "email")
# Room for a number behind the name.
_ROOM = 6
# Longer texts are cut before they are looked at.
_JUDGED = 300
_MAX_BYTES = 2**63 - 1
_NOBODY = "user"


def claim_at(claims: Mapping[str, Any], path: str) -> object:
    """Return the claim of this name, or the one that `realm_access.roles` leads to; else None."""
    if path in claims:
        return claims[path]
    found: object = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def role_of(claims: Mapping[str, Any], path: str, admin_values: Sequence[str]) -> UserRole:
    """Return what the claim makes of somebody; without it they are a user."""
    found = claim_at(claims, path)
    values = found if isinstance(found, list) else [found]
    is_admin = any(_as_text(value) in admin_values for value in values)
    return UserRole.ADMIN if is_admin else UserRole.USER


def quota_of(claims: Mapping[str, Any], path: str) -> int | None:
    """Return the quota in bytes, NO_LIMIT for `off`, None where the claim is not there.

    Raises BadOption for what is no size.
    """
    found = claim_at(claims, path)
    if found is None:
        return None
    if isinstance(found, str) and found.strip().lower() in ("off", "none"):
        return NO_LIMIT
    try:
        size = parse_size(found)
    except (ValueError, OverflowError):
        size = None
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _MAX_BYTES:
        raise BadOption("A quota is a number of bytes, or like 10GiB.")
    return size


def verified_email(claims: Mapping[str, Any]) -> str | None:
    """Return the address, if the provider vouches for it and it can be one."""
    email, said = claims.get("email"), claims.get("email_verified")
    # Some providers write the word.
    if not isinstance(email, str) or not (said is True or said == "true"):
        return None
    try:
        return clean_email(email[:_JUDGED])
    except BadOption:
        return None


def possible_names(claims: Mapping[str, Any]) -> Iterator[str]:
    """Yield names for a new user without end, the best first: alice, alice 2, alice 3."""
    texts = (claims.get(claim) for claim in _NAMES)
    cleaned = (_cleaned(text) for text in texts if isinstance(text, str))
    name = next(filter(None, cleaned), _NOBODY)
    yield name
    number = 2
    while True:
        yield f"{name[: MAX_NAME - _ROOM].rstrip()} {number}"
        number += 1


def _cleaned(text: str) -> str | None:
    """Return the name that a text holds, or None. Of an address that is what stands before @."""
    plain = unicodedata.normalize("NFKC", text[:_JUDGED]).partition("@")[0]
    kept = "".join(char if _may_stand(char) else " " for char in plain)
    words = " ".join(kept.split()).lstrip(" ._-'")
    # A mark needs a letter before it.
    while words and unicodedata.category(words[0])[0] == "M":
        words = words[1:].lstrip(" ._-'")
    name = words[:MAX_NAME].rstrip()
    try:
        return clean_name(name) if len(name) >= MIN_NAME else None
    except BadOption:
        return None


def _may_stand(char: str) -> bool:
    return char in " ._-'" or unicodedata.category(char)[0] in "LMN"


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (str, int)) else None
