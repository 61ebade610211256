"""Everything that can be refused, in the words of the domain.

Each message is fit for a visitor: one sentence that says what happened and what is
allowed. `web/error_pages.py` is the only place that turns these into HTTP.
"""

from datetime import datetime, timedelta


class MinifileError(Exception):
    """Parent of every expected failure."""


class NotFound(MinifileError):
    """Nothing is at this address, or nothing that the caller may know of."""

    def __init__(self, message: str = "There is nothing at this address.") -> None:
        super().__init__(message)


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
    """The link exists but is no longer served."""


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


LOCKED = "This link has a password. Send it with HTTP Basic (curl -u :PASSWORD) or X-Link-Password."


class LinkLocked(MinifileError):
    """The link has a password and the caller has not given it."""

    def __init__(self, message: str = LOCKED) -> None:
        super().__init__(message)


class WrongPassword(LinkLocked):
    """The password given does not open the link."""

    def __init__(self) -> None:
        super().__init__("That is not the password of this link.")


class SignInNeeded(MinifileError):
    """The caller has to say who they are."""

    def __init__(self, message: str = "Sign in first, or send an API token.") -> None:
        super().__init__(message)


class SignInRefused(MinifileError):
    """A name and a password that do not belong together, or to nobody who may sign in."""

    def __init__(self) -> None:
        super().__init__("That name and password do not belong together.")


class TokenRefused(SignInNeeded):
    """An API token that does not hold: unknown, expired, revoked, or its user is disabled."""

    def __init__(self) -> None:
        super().__init__("This API token is not valid. It may have expired or been revoked.")


class BadSignIn(MinifileError):
    """What comes back from the OpenID Connect provider does not fit what was begun here."""

    def __init__(self) -> None:
        super().__init__(
            "This sign-in can't be completed. It is too old, has been used already, or was begun"
            " in another browser. Begin it once more on the sign-in page."
        )


class ConsentRefused(BadSignIn):
    """Somebody has said no at the OpenID Connect provider, or was not let in there."""


class IdentityRefused(MinifileError):
    """Somebody whom the OpenID Connect provider knows may not come in here."""


class IdentityTaken(MinifileError):
    """Identity and account do not fit together: one of them belongs to another already."""


class ProviderUnavailable(MinifileError):
    """The OpenID Connect provider does not answer as it should; `reason` is for the admin."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The service that signs you in does not answer as it should. Try again in a moment."
        )
        self.reason = reason


class InvitationOver(MinifileError):
    """An invitation was used, or its time is over."""


class ResetOver(MinifileError):
    """A secret address that was sent by mail, or handed over, holds no longer."""

    def __init__(self) -> None:
        super().__init__("This address has been used, or its time is over. Ask for another one.")


class TooManyTries(MinifileError):
    """A rate limit is used up for now."""

    def __init__(self, what: str, retry_after: timedelta) -> None:
        seconds = max(1, round(retry_after.total_seconds()))
        super().__init__(f"Too many {what}. Try again in {seconds} seconds.")
        self.retry_after = timedelta(seconds=seconds)


class Forbidden(MinifileError):
    """The caller may not do this."""


class BadRequest(MinifileError):
    """The request can't be understood."""


class BadOption(MinifileError):
    """An option of an upload or of a link is out of range."""


class Taken(BadOption):
    """A name, an address or a code is somebody else's already."""


class WrongOwnPassword(BadOption):
    """Somebody who is signed in gives another password than theirs."""

    def __init__(self) -> None:
        super().__init__("That is not your password. Nothing was done.")


class CodeTaken(Taken):
    """A custom code that a link has, or had."""

    def __init__(self) -> None:
        super().__init__("This code is taken. Choose another one.")


class BadUpload(MinifileError):
    """The body of an upload is not whole, or holds no file."""


class UploadTooSlow(MinifileError):
    """The body stopped coming, or came too slowly to wait for."""


class TooLarge(MinifileError):
    """The upload is over a limit on size or on the number of files."""


class QuotaExceeded(TooLarge):
    """The upload would go beyond what its sender may hold, or send in a day."""


class TypeRefused(MinifileError):
    """The type of the file is not accepted on this instance."""


class ContentBlocked(TypeRefused):
    """The admin has blocked the SHA-256 of the file."""


class DigestMismatch(MinifileError):
    """What arrived is not what the sender's digest says."""


class Conflict(MinifileError):
    """The request does not fit what is there by now."""


class LastAdmin(Conflict):
    """An instance keeps at least one admin who can sign in."""

    def __init__(self) -> None:
        super().__init__("This is the last admin. Make somebody else an admin first.")


class WrongOffset(Conflict):
    """A part of an upload does not begin where the last one ended."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"The upload stands at byte {offset}. Go on from there.")
        self.offset = offset


class UploadNotReady(Conflict):
    """Not every file of a bundle has arrived."""

    def __init__(self, complete: int, files: int) -> None:
        super().__init__(f"{complete} of {files} files have arrived.")


class UploadHeld(MinifileError):
    """Another request is writing to the upload and does not let go."""

    def __init__(self) -> None:
        super().__init__("Another request is sending to this upload. Try again in a moment.")


class UploadExpired(MinifileError):
    """A partial upload was left alone for too long."""

    def __init__(self) -> None:
        super().__init__("This upload was left alone for too long. Begin it anew.")


class ChecksumMismatch(MinifileError):
    """A part of an upload is not what its checksum says."""

    def __init__(self) -> None:
        super().__init__("This part does not match its checksum. Nothing of it was kept.")


class WrongVersion(MinifileError):
    """The client speaks another version of tus, or does not say which."""

    def __init__(self) -> None:
        super().__init__("Resumable uploads speak tus 1.0.0: send Tus-Resumable: 1.0.0.")


class WrongContentType(MinifileError):
    """The body of a request is not declared as what it must be."""


class StorageFull(MinifileError):
    """There is not enough free space to keep the upload."""


class StorageUnavailable(MinifileError):
    """The storage does not answer as it should."""


class UploadOver(StorageUnavailable):
    """What was begun in a bucket is not there any more: it was completed, or aborted."""

    def __init__(self) -> None:
        super().__init__("The upload to the bucket was ended in between. Try again in a moment.")


class ServiceBusy(MinifileError):
    """The database can't take the request in time."""

    def __init__(self) -> None:
        super().__init__("The server is too busy just now. Try again in a moment.")


class BlobMissing(MinifileError):
    """A row names a blob that the storage does not have."""


class BlobHeld(MinifileError):
    """Another request holds a partial blob."""


class ConfigError(MinifileError):
    """The settings can't be used; the message names every fault."""

    def __init__(self, *faults: str) -> None:
        lines = "".join(f"\n- {fault}" for fault in faults)
        super().__init__(f"The settings can't be used:{lines}")
        self.faults = faults


class SchemaOutdated(MinifileError):
    """The database lacks migrations that this version needs."""
