"""May this be read? The one set of rules that every read of a link goes through."""

from datetime import datetime
from typing import Protocol

from minifile.errors import LinkExpired, LinkNotFound, LinkRevoked, LinkTakenDown
from minifile.values import LinkState


class Readable(Protocol):
    """What the rules look at; a link as it was read is one."""

    @property
    def state(self) -> str: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def takedown_reason(self) -> str | None: ...


def check_open(link: Readable, now: datetime) -> None:
    """Raise LinkRevoked, LinkTakenDown or LinkExpired unless the link is served at `now`.

    A link ends at `expires_at` to the microsecond, whether or not the purge has come by.
    """
    if link.state == LinkState.REVOKED:
        raise LinkRevoked if link.takedown_reason is None else LinkTakenDown
    if now >= link.expires_at:
        raise LinkExpired(link.expires_at)
    if link.state != LinkState.OPEN:
        raise LinkNotFound


class Undoable(Readable, Protocol):
    """What the rule about an undo looks at as well."""

    @property
    def undo_until(self) -> datetime | None: ...


def can_undo(link: Undoable, now: datetime) -> bool:
    """Say whether a revoke may still be taken back."""
    until = link.undo_until
    return link.state == LinkState.REVOKED and until is not None and now < until


def standing_of(state: str, expires_at: datetime, downloads_left: int | None, now: datetime) -> str:
    """Return in one word how a link stands: `revoked`, `expired`, `exhausted` or `open`."""
    if state == LinkState.REVOKED:
        return "revoked"
    if now >= expires_at:
        return "expired"
    return "exhausted" if downloads_left == 0 else "open"
