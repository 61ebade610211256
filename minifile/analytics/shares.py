"""Where those who came, came from, and by what: some rows of each kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from minifile.services.analytics import break_down
from minifile.services.counts import Share, Subject
from minifile.services.periods import Period

# By what downloads and opened pages are told apart, as it stands on pages.
TITLES = {
    "family": "Programs",
    "system": "Systems",
    "country": "Countries",
    "referrer": "Sites that led here",
}
_ROWS = 10


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A line of the table; without a value it is all that the others are not."""

    value: str
    downloads: int
    opened: int
    percent: int
    """Of the longest bar."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What came by one kind."""

    kind: str
    title: str
    rows: Sequence[ShareRow]


def read_shares(subject: Subject, period: Period) -> list[Shares]:
    """Return those kinds of which anything is known."""
    found = break_down(subject, period.since, period.until, limit=_ROWS)
    read = [Shares(kind, title, _rows(found[kind])) for kind, title in TITLES.items()]
    return [each for each in read if each.rows]


def _rows(shares: Sequence[Share]) -> list[ShareRow]:
    most = max((share.downloads + share.opened for share in shares), default=0) or 1
    return [
        ShareRow(
            share.value, share.downloads, share.opened,
            round(100 * (share.downloads + share.opened) / most),
        )
        for share in shares
    ]  # fmt: skip
