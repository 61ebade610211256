"""What is refused of links that are there."""

from datetime import datetime
from typing import TYPE_CHECKING

from minifile.errors.base import MinifileError, NotFound, Taken

if TYPE_CHECKING:
    from minifile.values import LinkRecord

LOCKED = "This link has a password. Send it with HTTP Basic (curl -u :PASSWORD) or X-Link-Password."


class LinkNotFound(NotFound):
    """No link has this code, or the caller may not know that one has."""

    def __init__(self) -> None:
        super().__init__(
            "There is no link at this address."
            " It may have been mistyped, or it has expired and was deleted."
        )


class FileRemoved(NotFound):
    """The sender has taken a file out of the link."""

    def __init__(self) -> None:
        super().__init__("The sender has just removed this file.")


class LinkGone(MinifileError):
    """The link exists but is no longer served.

    `link` is the one that was asked for, where it was looked up in vain: for who records it.
    """

    link: "LinkRecord | None" = None


class LinkExpired(LinkGone):
    """The lifetime of the link is over."""

    def __init__(self, expires_at: datetime) -> None:
        super().__init__(
            f"This link expired on {expires_at:%d %B %Y at %H:%M} UTC."
            " Ask the sender for a new link."
        )
        self.expires_at = expires_at


class LinkRevoked(LinkGone):
    """The sender ended the link."""

    def __init__(self) -> None:
        super().__init__("The sender has revoked this link. Ask the sender for a new link.")


class TooLateToUndo(LinkGone):
    """The grace of a revoke is over, or the link has expired meanwhile."""

    def __init__(self) -> None:
        super().__init__("It is too late to undo. The link has ended; upload the files again.")


class LinkTakenDown(LinkRevoked):
    """The admin ended the link. The reason is told to its owner only."""

    def __init__(self, reason: str | None = None) -> None:
        why = "" if reason is None else f" The reason given: {reason}"
        LinkGone.__init__(self, f"The admin of this site has taken this link down.{why}")


class LinkExhausted(LinkGone):
    """Every allowed download of the link has been taken."""

    def __init__(self, max_downloads: int) -> None:
        times = "once" if max_downloads == 1 else f"{max_downloads} times"
        super().__init__(
            f"This link could be downloaded {times}, and it has been. Ask the sender for more."
        )


class LinkLocked(MinifileError):
    """The link has a password and the caller has not given it."""

    def __init__(self, message: str = LOCKED) -> None:
        super().__init__(message)


class WrongPassword(LinkLocked):
    """The password given does not open the link."""

    def __init__(self) -> None:
        super().__init__("That is not the password of this link.")


class CodeTaken(Taken):
    """A custom code that a link has, or had."""

    def __init__(self) -> None:
        super().__init__("This code is taken. Choose another one.")
