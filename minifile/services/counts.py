"""What is counted of a link, a file, a user's links or all of them."""

from dataclasses import dataclass, fields
from enum import StrEnum


class TallyScope(StrEnum):
    """Whose numbers."""

    LINK = "link"
    FILE = "file"
    USER = "user"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Subject:
    """One link (with its child links), file or user by its id, or the whole instance."""

    scope: TallyScope
    id: int = 0


EVERYTHING = Subject(TallyScope.ALL)


@dataclass(frozen=True, slots=True)
class Counts:
    """The counters of a subject within some time.

    A download belongs to the quarter of an hour in which it began, and so does a delivery: one
    file within a download. A handed-over one was left to another server: it never completes.
    """

    downloads: int = 0
    downloads_completed: int = 0
    """All files of the link arrived."""
    downloads_handed_over: int = 0
    deliveries: int = 0
    deliveries_completed: int = 0
    deliveries_handed_over: int = 0
    deliveries_resumed: int = 0
    """Those that were cut, and went on."""
    resumes: int = 0
    reached_25: int = 0
    """Deliveries of which at least a quarter arrived, the completed ones included."""
    reached_50: int = 0
    reached_75: int = 0
    bytes_sent: int = 0
    bytes_arrived: int = 0
    """Each byte of a file once a download, however often it was sent."""
    clients: int = 0
    """Clients that came, each once a day (UTC): no hash lives longer."""
    opened: int = 0
    """How often the landing page was shown to people."""
    previews: int = 0
    bots: int = 0
    wrong_passwords: int = 0
    refused_expired: int = 0
    refused_exhausted: int = 0
    refused_revoked: int = 0
    links: int = 0
    """Links that were made."""
    files: int = 0
    """Files that were uploaded."""
    bytes_received: int = 0
    fetching: int = 0
    """Deliveries that are on their way now."""
    downloads_fetching: int = 0

    @property
    def deliveries_aborted(self) -> int:
        return (
            self.deliveries
            - self.deliveries_completed
            - self.deliveries_handed_over
            - self.fetching
        )

    @property
    def downloads_aborted(self) -> int:
        return (
            self.downloads
            - self.downloads_completed
            - self.downloads_handed_over
            - self.downloads_fetching
        )

    @property
    def refused(self) -> int:
        return (
            self.wrong_passwords
            + self.refused_expired
            + self.refused_exhausted
            + self.refused_revoked
        )

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, name) + getattr(other, name) for name in _FIELDS))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, name) - getattr(other, name) for name in _FIELDS))


_FIELDS = tuple(field.name for field in fields(Counts))
# What is kept in tallies: nothing of a moment.
COUNTERS = tuple(name for name in _FIELDS if name not in ("fetching", "downloads_fetching"))
# Of these what downloads come to.
FETCHED = COUNTERS[: COUNTERS.index("clients")]


@dataclass(frozen=True, slots=True)
class Share:
    """How much of what was counted came with one value: of browsers, systems, countries, sites."""

    value: str
    downloads: int
    opened: int
