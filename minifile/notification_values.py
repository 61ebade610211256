"""What notifications tell of, where their dispatches stand, and what came of sending one."""

from dataclasses import dataclass
from enum import StrEnum


class NotificationKind(StrEnum):
    """What a notification tells of."""

    FIRST_DOWNLOAD = "first_download"
    DOWNLOAD = "download"
    EXHAUSTED = "exhausted"
    UNFETCHED = "unfetched"
    SUBMISSION = "submission"
    QUOTA = "quota"
    REPORT = "report"
    DIGEST = "digest"
    """What was held for the one mail of a day."""
    TEST = "test"


class DispatchState(StrEnum):
    """Where one way of telling a notification stands."""

    HELD = "held"
    """For the mail of the day."""
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    """For good: refused, or tried for a day."""
    GATHERED = "gathered"
    """Into a mail of the day, which has a dispatch of its own."""


class SendOutcome(StrEnum):
    """What came of one attempt to send."""

    SENT = "sent"
    LATER = "later"
    """Not now: the other side is away, or puts us off; or it must be set up better."""
    REFUSED = "refused"
    """Never: there is nobody to take it, or they do not want it."""


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """What came of an attempt, and what the other side said, in a word or a status."""

    outcome: SendOutcome
    said: str
    """Never a mail server's own words, which may hold an address."""
