"""Holds every number on the pages of analytics against the truth."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from replay.comparing import CAN_BE_SHARED, SINCE, UNTIL, Differences, label
from replay.reading import Asked, Page, Reader, Row, is_said
from replay.truth import TrueDelivery, TrueLink, TrueSlot, Truth
from replay.world import World

from minifile.policy.timelines import Step

Counted = Mapping[str, int]

_QUARTER = timedelta(minutes=15)
_REFUSED = ("refused_expired", "refused_exhausted", "refused_revoked")
# Which counters each column of a chart adds up.
_CHARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "downloads": {
        "Downloads": ("downloads",),
        "Completed": ("downloads_completed",),
        "Aborted": ("downloads_aborted",),
    },
    "sent": {"Sent": ("bytes_sent",), "Arrived": ("bytes_arrived",)},
    "opened": {
        "Opened": ("opened",),
        "Previews": ("previews",),
        "Bots": ("bots",),
        "Wrong passwords": ("wrong_passwords",),
        "Refused": _REFUSED,
    },
    "uploads": {"Links": ("links",), "Files": ("files",)},
    "received": {"Received": ("bytes_received",)},
}
_MANY = ("downloads", "downloads_completed", "downloads_aborted", "bytes_sent", "opened")
_COUNTERS = {
    "link": {
        *("downloads", "downloads_completed", "downloads_aborted", "deliveries_resumed"),
        *("clients", "bytes_sent", "bytes_arrived", "opened", "previews", "bots"),
        *("wrong_passwords", *_REFUSED),
    },
    "user": {*_MANY, "refused", "links", "bytes_received"},
    "all": {*_MANY, "refused", "links", "bytes_received", "files", "bots"},
}
_EVER = {
    "link": (),
    "user": ("downloads", "bytes_sent", "links"),
    "all": ("downloads", "bytes_sent", "bytes_received", "links"),
}
_STAGES = ("deliveries", "reached_25", "reached_50", "reached_75", "deliveries_completed")
_FILES = {
    "Deliveries": "deliveries",
    "Completed": "deliveries_completed",
    "Aborted": "deliveries_aborted",
    "Previews": "previews",
    "Sent": "bytes_sent",
}
_TOP = {"Downloads": "downloads", "Completed": "downloads_completed", "Sent": "bytes_sent"}
_ROWS = 10


def compare_page(
    reader: Reader, scope: str, subject: int, asked: Asked, step: Step, zone: ZoneInfo
) -> Differences:
    """Compare a page that is about all that happened, in these steps."""
    found, truth = Differences(), reader.world.truth
    what = f"page of {scope} {subject}, {step} in {zone}"
    page = reader.page(scope, subject, asked)
    total = whole(truth, scope, subject)
    found.compare(f"{what}: counters", page.counters, {n: total[n] for n in _COUNTERS[scope]})
    found.compare(f"{what}: ever", page.ever, {name: total[name] for name in _EVER[scope]})
    charts = list(_CHARTS)[: 3 if scope == "link" else None]
    for chart in charts:
        _compare_chart(found, what, page, truth, (scope, subject), chart, step, zone)
    for kind in (*CAN_BE_SHARED, "country"):
        _compare_shares(found, what, page, truth, (scope, subject), kind)
    if scope == "link":
        _compare_link(found, what, page, truth, reader.link(subject), total)
    else:
        _compare_top(found, what, page, truth, None if scope == "all" else subject)
        if "to" not in asked:
            _compare_space(found, what, page, reader.world, None if scope == "all" else subject)
    if scope == "all":
        _compare_expiries(found, what, page, reader.world, zone)
    cells = sum(len(row.values) for rows in page.tables.values() for row in rows)
    numbers = len(page.counters) + len(page.ever) + cells
    found.compare(f"{what}: numbers in words", len(page.said), numbers)
    wrong = [(value, words) for value, words in page.said if not is_said(value, words)]
    found.compare(f"{what}: words", wrong, [])
    return found


def whole(truth: Truth, scope: str, subject: int) -> dict[str, int]:
    """Return all counters of a subject, with those that are made of others."""
    return derived(truth.count(scope, subject, SINCE, UNTIL))


def derived(true: Counted) -> dict[str, int]:
    return {
        **true,
        "downloads_aborted": true["downloads"] - true["downloads_completed"],
        "deliveries_aborted": true["deliveries"] - true["deliveries_completed"],
        "refused": sum(true[name] for name in (*_REFUSED, "wrong_passwords")),
    }


def ranking(truth: Truth, owner: int | None) -> list[tuple[TrueLink, dict[str, int]]]:
    """Return the links that were fetched, with their counters, the most fetched first."""
    links = [each for each in truth.links if not each.is_gone and owner in (None, each.owner)]
    counted = [(each, whole(truth, "link", each.id)) for each in links]
    fetched = [(link, counts) for link, counts in counted if counts["downloads"]]
    return sorted(fetched, key=lambda each: (-each[1]["downloads"], -each[0].id))


def deliveries_of(truth: Truth, link: TrueLink) -> list[tuple[TrueSlot, TrueDelivery]]:
    slots = [slot for slot in truth.slots if slot.link is link]
    return [(slot, each) for slot in slots for each in slot.deliveries.values()]


def check_steps(found: Differences, what: str, begins: Sequence[datetime], step: Step,
                zone: ZoneInfo) -> None:  # fmt: skip
    """Look whether each hour or day, by a clock of the zone, is there once from first to last."""
    before = [
        each for each in begins if label(each - _QUARTER, step, zone) == label(each, step, zone)
    ]
    found.compare(f"{what}: begin within a step", before, [])
    gaps = [
        at for at, following in pairwise(begins)
        if label(following - _QUARTER, step, zone) != label(at, step, zone) or following <= at
    ]  # fmt: skip
    found.compare(f"{what}: are not followed by the next step", gaps, [])


def _compare_chart(
    found: Differences, what: str, page: Page, truth: Truth, of: tuple[str, int], chart: str,
    step: Step, zone: ZoneInfo,
) -> None:  # fmt: skip
    rows = page.rows(f"{chart}-numbers")
    begins = [_at(row) for row in rows]
    check_steps(found, f"{what}: steps of {chart}", begins, step, zone)
    true = {
        at: {words: sum(derived(counts)[name] for name in names)
             for words, names in _CHARTS[chart].items()}
        for at, counts in truth.by(*of, lambda at: label(at, step, zone)).items()
    }  # fmt: skip
    shown = {label(at, step, zone): row.values for at, row in zip(begins, rows, strict=True)}
    found.compare(f"{what}: {chart}", _not_zero(shown), _not_zero(true))


def _compare_shares(
    found: Differences, what: str, page: Page, truth: Truth, of: tuple[str, int], kind: str
) -> None:
    true = {} if kind == "country" else truth.shares(*of, kind, SINCE, UNTIL)
    ordered = sorted(true.items(), key=lambda each: (-each[1][0], -each[1][1], each[0]))
    rest = [numbers for _, numbers in ordered[_ROWS:]]
    expected = ordered[:_ROWS]
    if rest:
        expected.append(("", (sum(each[0] for each in rest), sum(each[1] for each in rest))))
    shown = [
        (row.attributes["data-name"], (row.values["Downloads"], row.values["Pages opened"]))
        for row in page.rows(f"by {kind}")
    ]
    found.compare(f"{what}: by {kind}", shown, expected)


def _compare_link(
    found: Differences, what: str, page: Page, truth: Truth, link: TrueLink, total: Counted
) -> None:
    begun = total["deliveries"]
    stages = [
        (row.values["Deliveries"], row.words["Of those begun"]) for row in page.rows("stages")
    ]
    expected = [(total[name], f"{round(100 * total[name] / begun)} %") for name in _STAGES if begun]
    found.compare(f"{what}: stages", stages, expected)
    files = {int(row.attributes["data-file"]): row.values for row in page.rows("data-files")}
    of_files = {
        file.id: _taken(whole(truth, "file", file.id), _FILES)
        for file in link.files
        if len(link.files) > 1
    }
    found.compare(f"{what}: files", files, of_files)


def compare_deliveries(
    reader: Reader, link: TrueLink, asked: Asked, zone: ZoneInfo, *, are_kept: bool
) -> Differences:
    """Compare the single deliveries of a link on all pages that they fill."""
    found, truth = Differences(), reader.world.truth
    pages = reader.pages("link", link.id, asked)
    rows = [row for page in pages for row in page.rows("data-deliveries")]
    shown = sorted(
        (
            row.words[""], row.words.get("File", link.files[0].name), row.values["Arrived"],
            row.words["By"], row.words["From"], row.words["state"],
        )
        for row in rows
    )  # fmt: skip
    true = sorted(
        (
            _clock(each.started_at, zone), each.file.name, each.bytes_arrived,
            ", ".join(filter(None, (slot.client.agent.family, slot.client.agent.system))),
            slot.referrer or "unknown",
            ("completed" if each.is_complete else "aborted") + " resumed" * bool(each.resumes),
        )
        for slot, each in deliveries_of(truth, link)
        if are_kept
    )  # fmt: skip
    found.compare(f"deliveries on the page of {link.id}", shown, true)
    ids = [int(row.attributes["data-id"]) for row in rows]
    found.compare(f"order of {link.id}", ids, sorted(set(ids), reverse=True))
    return found


def _compare_top(
    found: Differences, what: str, page: Page, truth: Truth, owner: int | None
) -> None:
    shown = [(int(row.attributes["data-link"]), row.values) for row in page.rows("data-top")]
    true = [(link.id, _taken(counts, _TOP)) for link, counts in ranking(truth, owner)[:_ROWS]]
    found.compare(f"{what}: top", shown, true)


def _compare_space(
    found: Differences, what: str, page: Page, world: World, owner: int | None
) -> None:
    """Compare the days on which a test has purged; the server has measured its first by itself."""
    shown = {_at(row): row.values for row in page.rows("space-numbers") if row.values}
    true = {
        datetime.combine(day, datetime.min.time(), UTC): held.get(owner, _NOTHING)
        for day, held in world.measured.items()
    }
    first = min(shown, default=None)
    if first is not None and first not in true:
        shown.pop(first)
    found.compare(f"{what}: space", _not_zero(shown), _not_zero(true))


def _compare_expiries(
    found: Differences, what: str, page: Page, world: World, zone: ZoneInfo
) -> None:
    shown = {
        _at(row).astimezone(zone).date(): row.values for row in page.rows("expiries-numbers")
        if row.values
    }  # fmt: skip
    today = world.now.astimezone(zone).date()
    true: dict[object, dict[str, int]] = {}
    for link in world.truth.links:
        day = link.ends_at.astimezone(zone).date()
        # One that is exhausted holds its bytes until then, too.
        is_due = world.truth.standing(link, world.now) in ("open", "exhausted")
        if is_due and not link.is_gone and day < today + timedelta(days=30):
            sums = true.setdefault(day, {"Links": 0, "Freed": 0})
            sums["Links"] += 1
            sums["Freed"] += sum(file.size for file in link.files)
    found.compare(f"{what}: expiries", _not_zero(shown), true)


_NOTHING = {"Stored": 0, "Links": 0, "Files": 0}


def _not_zero(numbers: Mapping[object, Counted]) -> dict[object, dict[str, int]]:
    return {at: dict(values) for at, values in numbers.items() if any(values.values())}


def _taken(counts: Counted, columns: Mapping[str, str]) -> dict[str, int]:
    return {words: counts[name] for words, name in columns.items()}


def _at(row: Row) -> datetime:
    return datetime.fromtimestamp(int(row.attributes["data-at"]), UTC)


def _clock(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"
