"""What notifications say to people: one sentence, the facts, and where to look, for each kind.

A payload was written when it happened, perhaps by the version before; what is missing in one is
left out, and nothing in it can break a header or a line.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from minifile.notification_values import NotificationKind
from minifile.services.reports import REASONS
from minifile.units import plural, size_in_words

# What the pages and the mails call each kind: "tell me of …".
KIND_WORDS: Mapping[str, str] = {
    NotificationKind.FIRST_DOWNLOAD: "the first download",
    NotificationKind.DOWNLOAD: "every download",
    NotificationKind.EXHAUSTED: "the last allowed download",
    NotificationKind.UNFETCHED: "links that expire soon and nobody has fetched",
    NotificationKind.SUBMISSION: "files that arrive at a file request",
    NotificationKind.QUOTA: "90 % of the quota being used",
    NotificationKind.REPORT: "reports of links",
}
# What the log calls each.
LOG_WORDS: Mapping[str, str] = {
    NotificationKind.FIRST_DOWNLOAD: "First download",
    NotificationKind.DOWNLOAD: "Download",
    NotificationKind.EXHAUSTED: "No downloads left",
    NotificationKind.UNFETCHED: "Not fetched",
    NotificationKind.SUBMISSION: "Files arrived",
    NotificationKind.QUOTA: "Quota",
    NotificationKind.REPORT: "Report",
    NotificationKind.DIGEST: "Mail of the day",
    NotificationKind.TEST: "Test",
}
_OUTCOMES = {
    "completed": "completed",
    "handed_over": "handed over; whether it arrived whole is not known",
    "fetching": "still being fetched",
    "aborted": "not completed",
}
_MAX_NAME = 120
# So many names of files stand in a mail.
_MAX_NAMES = 10
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Told:
    """What happened, and to which link, as far as that is still there."""

    kind: str
    at: datetime
    payload: Mapping[str, Any]
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of it; `path` is the page where one can see more, `page` what that is called."""

    subject: str
    sentence: str
    facts: Sequence[tuple[str, str]]
    path: str
    page: str


def words_for(told: Told) -> Words:
    """Return what is said of something that happened; of a kind that is unknown, just that."""
    return _WRITERS.get(told.kind, _something)(told)


def one_line(value: object, length: int = _MAX_NAME) -> str:
    """Return a text without anything that could break a line or turn its direction, cut if long."""
    text = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _BIDI else c
        for c in str(value)
    )
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def moment_in_words(moment: datetime) -> str:
    """Return `23 November 2026 at 14:05 UTC`."""
    return f"{moment.astimezone(UTC):%d %B %Y at %H:%M} UTC".removeprefix("0")


def what_of(payload: Mapping[str, Any]) -> str:
    """Return `photo.jpg`, or `photo.jpg and 3 more`."""
    names, count = _names(payload), _count(payload)
    if not names:
        return plural(count, "file") if count else "your files"
    return names[0] if count <= 1 else f"{names[0]} and {count - 1:,} more"


def _were(payload: Mapping[str, Any]) -> str:
    """Return the verb for `what_of`."""
    return "was" if _count(payload) == 1 else "were"


def _first_download(told: Told) -> Words:
    what, were = what_of(told.payload), _were(told.payload)
    return _of_link(
        told,
        f"{what} {were} fetched",
        f"{what} {were} downloaded for the first time.",
        _came_of(told),
    )


def _download(told: Told) -> Words:
    what, were = what_of(told.payload), _were(told.payload)
    done = told.payload.get("outcome") == "completed"
    subject = f"{what} {were} fetched" if done else f"{what}: a download"
    return _of_link(told, subject, f"{what} {were} downloaded.", _came_of(told))


def _exhausted(told: Told) -> Words:
    what, count = what_of(told.payload), told.payload.get("max_downloads")
    often = f"all {count:,} downloads" if isinstance(count, int) and count > 1 else "the download"
    return _of_link(
        told,
        f"{what}: no downloads are left",
        f"{what}: {often} that you allowed {'are' if often[0] == 'a' else 'is'} used."
        " Nobody else can fetch anything unless you raise the limit.",
        [],
    )


def _unfetched(told: Told) -> Words:
    what = what_of(told.payload)
    return _of_link(
        told,
        f"Not fetched: {what}",
        f"Nobody has downloaded {what}, and the link expires soon.",
        _when("Expires", told.payload.get("expires_at")),
    )


def _submission(told: Told) -> Words:
    said = told.payload
    title = one_line(said.get("title") or "your file request")
    sender = one_line(said.get("sender_name") or "")
    size = said.get("size_bytes")
    facts = [("From", sender)] if sender else []
    facts += _files(said)
    facts += [("Size", size_in_words(size))] if isinstance(size, int) else []
    return Words(
        f"Files have arrived: {title}",
        f"{sender or 'Somebody'} has sent {plural(_count(said), 'file')} to {title}.",
        [*facts, ("Arrived", moment_in_words(told.at))],
        f"/account/requests/{_code(said.get('request_code'))}",
        "the file request",
    )


def _quota(told: Told) -> Words:
    used, quota = told.payload.get("used_bytes"), told.payload.get("quota_bytes")
    facts = []
    if isinstance(used, int) and isinstance(quota, int) and quota:
        facts = [
            ("Used", f"{size_in_words(used)}, {used * 100 // quota} %"),
            ("Quota", size_in_words(quota)),
            ("Left", size_in_words(max(0, quota - used))),
        ]
    return Words(
        "Your space is nearly used up",
        "Your files use 90 % of your quota or more. Revoke links that are not needed any more,"
        " or wait until some expire.",
        facts,
        "/links/?sort=size",
        "your links",
    )


def _report(told: Told) -> Words:
    reason = REASONS.get(str(told.payload.get("reason")), "Something else")
    return Words(
        "A link was reported",
        "A visitor has reported a link of this site.",
        [("Reason", reason), ("Reported", moment_in_words(told.at))],
        "/admin/reports",
        "the reports",
    )


def _something(told: Told) -> Words:
    return _of_link(told, "Something happened", "Something happened to one of your links.", [])


_WRITERS: dict[str, Callable[[Told], Words]] = {
    NotificationKind.FIRST_DOWNLOAD: _first_download,
    NotificationKind.DOWNLOAD: _download,
    NotificationKind.EXHAUSTED: _exhausted,
    NotificationKind.UNFETCHED: _unfetched,
    NotificationKind.SUBMISSION: _submission,
    NotificationKind.QUOTA: _quota,
    NotificationKind.REPORT: _report,
}


def _of_link(told: Told, subject: str, sentence: str, facts: Sequence[tuple[str, str]]) -> Words:
    when = ("When", moment_in_words(told.at))
    path = "/links/" if told.code is None else f"/links/{told.code}"
    page = "your links" if told.code is None else "the link's page"
    return Words(subject, sentence, [*_files(told.payload), *facts, when], path, page)


def _came_of(told: Told) -> list[tuple[str, str]]:
    said = told.payload
    facts = [("Outcome", words) for words in [_outcome(said)] if words]
    if isinstance(said.get("bytes_sent"), int):
        facts.append(("Sent", size_in_words(said["bytes_sent"])))
    for name, label in (("recipient", "Recipient"), ("family", "With")):
        if said.get(name):
            facts.append((label, one_line(said[name])))
    counted, most = said.get("download_count"), said.get("max_downloads")
    if isinstance(counted, int):
        facts.append(("Downloads", f"{counted:,} of {most:,}" if most else f"{counted:,}"))
    return facts


def _outcome(said: Mapping[str, Any]) -> str | None:
    outcome, done, count = said.get("outcome"), said.get("files_completed"), _count(said)
    if outcome == "aborted" and isinstance(done, int) and count > 1:
        return f"{done:,} of {plural(count, 'file')} completed"
    return _OUTCOMES.get(str(outcome))


def _files(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    names, count = _names(payload), _count(payload)
    if len(names) < 2 and count < 2:
        return []
    shown = [*names, *([f"{count - len(names):,} more"] if count > len(names) else [])]
    return [("Files", ", ".join(shown))]


def _names(payload: Mapping[str, Any]) -> list[str]:
    found = payload.get("files")
    return [one_line(name) for name in found[:_MAX_NAMES]] if isinstance(found, list) else []


def _count(payload: Mapping[str, Any]) -> int:
    count, names = payload.get("file_count"), payload.get("files")
    if isinstance(count, int):
        return count
    return len(names) if isinstance(names, list) else 0


def _when(label: str, value: object) -> list[tuple[str, str]]:
    try:
        return [(label, moment_in_words(datetime.fromisoformat(str(value))))]
    except ValueError:
        return []


def _code(value: object) -> str:
    text = str(value or "")
    return text if text.isascii() and text.replace("-", "").replace("_", "").isalnum() else ""
