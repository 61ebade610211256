"""What is refused of uploads and of the bytes in them."""

from minifile.errors.base import Conflict, MinifileError


class BadUpload(MinifileError):
    """The body of an upload is not whole, or holds no file."""


class UploadCut(BadUpload):
    """The body of an upload ended before it was whole."""


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
