"""With whom a link may be shared: how many, and how they are named."""

import re
from collections.abc import Sequence

from minifile.errors import BadOption
from minifile.policy.identity import clean_email, email_key

MAX_GRANTS = 100
MAX_RECIPIENTS = 100
# Longer texts name nobody that may be named.
_MAX_TEXT = 64 * 1024


def read_names(text: str) -> tuple[str, ...]:
    """Return the names or addresses in a text with commas or line breaks between, once each."""
    if len(text) > _MAX_TEXT:
        raise BadOption("That is too much text for a list of names.")
    found = (" ".join(part.split()) for part in re.split(r"[,;\n]", text))
    return tuple(dict.fromkeys(filter(None, found)))


def check_grant_count(count: int) -> None:
    """Raise BadOption when a link would be shared with too many users."""
    if count > MAX_GRANTS:
        raise BadOption(f"A link is shared with at most {MAX_GRANTS} users by name.")


def check_recipient_count(count: int) -> None:
    """Raise BadOption when a link would have too many recipients, revoked ones included."""
    if count > MAX_RECIPIENTS:
        raise BadOption(f"A link has at most {MAX_RECIPIENTS} recipients, the revoked included.")


def clean_addresses(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return the mail addresses as they are kept, each once. Raises BadOption for what is none."""
    kept: dict[str, str] = {}
    for address in addresses:
        try:
            cleaned = clean_email(address)
        except BadOption:
            raise BadOption(f"{address[:80]!r} is no mail address.") from None
        kept.setdefault(email_key(cleaned), cleaned)
    return tuple(kept.values())
