"""Who may read the numbers."""

import hmac


def may_read(token: str, authorization: str | None) -> bool:
    """Say whether a header is the token as a Bearer; it takes as long for every wrong one."""
    scheme, _, given = (authorization or "").partition(" ")
    is_bearer = scheme.lower() == "bearer"
    return hmac.compare_digest(given.strip().encode(), token.encode()) and is_bearer
