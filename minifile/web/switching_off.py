"""The addresses in mails that switch such mails off: signed, so that no sign-in is needed.

Whoever has one can switch off what it names and nothing else. It works for as long as the account
is there, since a mail lies about for years.
"""

from dataclasses import dataclass
from typing import Any

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

from minifile.errors import NotFound


@dataclass(frozen=True, slots=True)
class Off:
    """What is switched off: the mails to a user about one kind of notification, or the digest.

    Of one link, or with no link of all.
    """

    user_id: int
    kind: str
    link_id: int | None = None


def off_path(off: Off) -> str:
    """Return the path at which it is switched off."""
    token = _signer().dumps([off.user_id, off.kind, off.link_id])
    # No url_for: mails are written outside of requests.
    return f"/notifications/off/{token}"


def read_off(token: str) -> Off:
    """Return what a token is for. Raises NotFound for one that is not ours."""
    try:
        found: Any = _signer().loads(token)
    except BadData:
        raise NotFound("This address is not one that we have sent. Nothing was changed.") from None
    user_id, kind, link_id = found
    return Off(user_id, kind, link_id)


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.secret_key), salt="notifications off")
