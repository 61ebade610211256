"""What every part of the house may refuse."""

from datetime import timedelta


class MinifileError(Exception):
    """Parent of every expected failure."""


class NotFound(MinifileError):
    """Nothing is at this address, or nothing that the caller may know of."""

    def __init__(self, message: str = "There is nothing at this address.") -> None:
        super().__init__(message)


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


class Conflict(MinifileError):
    """The request does not fit what is there by now."""


class WrongContentType(MinifileError):
    """The body of a request is not declared as what it must be."""


class ServiceBusy(MinifileError):
    """The database can't take the request in time."""

    def __init__(self) -> None:
        super().__init__("The server is too busy just now. Try again in a moment.")
