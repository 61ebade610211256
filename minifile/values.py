"""The small frozen values that all layers pass on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from minifile.identity import Account

# A piece of a body or of a blob on its way; a view spares the copy.
Chunk = bytes | memoryview


class LinkState(StrEnum):
    """Where a link stands; expired and exhausted follow from its dates and counts."""

    OPEN = "open"
    REVOKED = "revoked"
    DELETING = "deleting"


class PartialState(StrEnum):
    """Where a partial upload stands."""

    OPEN = "open"
    COMPLETE = "complete"
    JOINED = "joined"
    DELETING = "deleting"


class DeliveryState(StrEnum):
    """What has become of a delivery; it follows from its marks and dates."""

    FETCHING = "fetching"
    COMPLETED = "completed"
    HANDED_OVER = "handed_over"
    ABORTED = "aborted"


class VisitKind(StrEnum):
    """What happened on a link besides a download."""

    OPENED = "opened"
    PREVIEW = "preview"
    BOT = "bot"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 (a word for what happened)
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    REVOKED = "revoked"
    MADE = "made"


class Role(StrEnum):
    """What a browser may do with a link."""

    OWNER = "owner"
    UNLOCKED = "unlocked"


class Level(StrEnum):
    """How a verdict turns out."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one part of an instance is set up, in a sentence for its admin."""

    level: Level
    part: str
    sentence: str


# More than any disk holds, and still a number that every database knows.
ENDLESS = 2**62


@dataclass(frozen=True, slots=True)
class Limits:
    """What this instance accepts. `None` means "no limit"; sizes are in bytes."""

    max_file_size: int
    max_link_size: int
    max_link_files: int
    default_lifetime: timedelta
    max_lifetime: timedelta
    keep_free: int
    code_length: int = 10
    allowed_types: Sequence[str] = ()
    blocked_types: Sequence[str] = ()
    requested_types: Sequence[str] = ()
    """What a file request takes of these."""
    anyone_may_upload: bool = True
    """Whether also who is not signed in."""
    holder: int = 0
    """Whose quota it is: the id of a user, or 0 for all who are not signed in together."""
    quota: int | None = None
    """Bytes of all live links of the holder, and of what is on its way."""
    max_links: int | None = None
    """Live links of the holder."""
    daily_upload: int | None = None
    """Bytes that the holder may upload in a day (UTC)."""

    @property
    def has_quota(self) -> bool:
        """Say whether anything has to be reserved for an upload."""
        return not (self.quota is None and self.max_links is None and self.daily_upload is None)


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What a sender may choose for a new link. `None` means the default."""

    lifetime: timedelta | None = None
    max_downloads: int | None = None
    password: str | None = None
    note: str | None = None
    is_private: bool = False
    custom_code: str | None = None
    grant_to: Sequence[str] = ()
    """Names or mail addresses of users who may open a private link."""
    recipients: Sequence[str] = ()
    """Mail addresses that get a child link each."""

    @property
    def is_shared(self) -> bool:
        """Say whether it is private, or shared with somebody by name or address."""
        return self.is_private or bool(self.grant_to or self.recipients)


@dataclass(frozen=True, slots=True)
class Span:
    """A run of bytes: from `start` up to, but not with, `stop`."""

    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        return self.stop - self.start


# The parts of an origin by which visits and downloads are counted.
ORIGIN_KINDS = ("family", "system", "country", "referrer")


@dataclass(frozen=True, slots=True)
class Origin:
    """What analytics keeps of who came: by which program and system, from where."""

    family: str | None = None
    """Firefox, Chrome, curl."""
    system: str | None = None
    country: str | None = None
    """By its two letters (ISO 3166)."""
    referrer: str | None = None
    """The host of another site that led here."""
    address: str | None = None
    """Only where the admin keeps addresses."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is asking, as far as the core needs to know.

    `browser` is the random id of a browser that keeps our cookie. `address` is None when it
    can't be trusted (a proxy stands in front that the settings do not know), and
    `rate_address` is what rate limits count by all the same.
    """

    browser: str | None
    address: str | None
    rate_address: str
    user_agent: str
    password: str | None = None
    owner_token: str | None = None
    account: Account | None = None
    """The user who asks, where somebody is signed in or an API token came along."""
    origin: Origin = Origin()
    is_recorded: bool = True
    """Whether analytics keeps anything of the visit."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of a link, as its row was read."""

    id: int
    filename: str
    content_type: str
    size_bytes: int
    sha256: str
    crc32: int
    storage_key: str
    created_at: datetime


def downloads_left(max_downloads: int | None, download_count: int) -> int | None:
    """Return how many downloads are left; None without a limit."""
    return None if max_downloads is None else max(0, max_downloads - download_count)


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A link with its files in order, as the rows were read: what answers and rules look at."""

    id: int
    code: str
    created_at: datetime
    expires_at: datetime
    max_downloads: int | None
    download_count: int
    password_hash: str | None
    owner_token_hash: str
    note: str | None
    state: str
    files: Sequence[FileRecord]
    undo_until: datetime | None = None
    """Until when a revoke may be undone."""
    owner_id: int | None = None
    """The user who made it."""
    is_private: bool = False
    """Whether a code alone does not open it."""
    parent_id: int | None = None
    """The link whose files it shows to one recipient."""
    recipient: str | None = None
    takedown_reason: str | None = None

    @property
    def is_locked(self) -> bool:
        return self.password_hash is not None

    @property
    def downloads_left(self) -> int | None:
        return downloads_left(self.max_downloads, self.download_count)

    @property
    def is_exhausted(self) -> bool:
        return self.downloads_left == 0

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob as the storage sees it; `partial` ones were never finished."""

    key: str
    size_bytes: int
    modified_at: datetime
    partial: bool
