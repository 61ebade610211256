"""Holds every number in the exports against the truth; CSV and JSON say the same."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from replay.comparing import CAN_BE_SHARED, SINCE, UNTIL, Differences, label
from replay.pages import check_steps, deliveries_of, derived, ranking, whole
from replay.reading import Asked, Reader
from replay.truth import COUNTERS, TrueLink, Truth

from minifile.policy.timelines import Step

Rows = list[dict[str, Any]]

_FETCHED = COUNTERS[: COUNTERS.index("clients")]
_OF_FILES = (
    *("deliveries", "deliveries_completed", "deliveries_handed_over", "deliveries_resumed"),
    *("bytes_sent", "bytes_arrived", "previews"),
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def compare_timeline_export(
    reader: Reader, scope: str, subject: int, asked: Asked, step: Step, zone: ZoneInfo
) -> Differences:
    """Compare all counters of a subject by the steps of a zone's clock."""
    found, of = Differences(), (scope, subject)
    what = f"timeline of {scope} {subject}, {step} in {zone}"
    rows = _read(found, reader, of, "timeline", asked)
    _compare_timeline(found, what, rows, reader.world.truth, of, step, zone)
    return found


def compare_exports(reader: Reader, scope: str, subject: int, asked: Asked) -> Differences:
    """Compare the exports of a subject that have no steps, about all that happened."""
    found, truth, of = Differences(), reader.world.truth, (scope, subject)
    what = f"exports of {scope} {subject}, {asked}"
    _compare_sources(found, what, _read(found, reader, of, "sources", asked), truth, of)
    if scope == "link":
        files = _read(found, reader, of, "files", asked)
        _compare_files(found, what, files, truth, reader.link(subject))
    else:
        links = _read(found, reader, of, "links", asked)
        _compare_links(found, what, links, truth, None if scope == "all" else subject)
    return found


def compare_exported_deliveries(
    reader: Reader, link: TrueLink, asked: Asked, zone: ZoneInfo, *, are_kept: bool
) -> Differences:
    """Compare the single deliveries of a link, and which of them are one download."""
    found = Differences()
    rows = _read(found, reader, ("link", link.id), "deliveries", asked)
    downloads = defaultdict(list)
    for row in rows:
        downloads[row["download"]].append(_shown(found, link, row))
    true = defaultdict(list)
    for slot, each in deliveries_of(reader.world.truth, link):
        agent = slot.client.agent
        true[id(slot)].append((
            each.started_at.astimezone(zone).isoformat(), each.file.name, each.file.size,
            "completed" if each.is_complete else "aborted", each.bytes_arrived, each.bytes_sent,
            each.resumes, agent.family, agent.system, slot.referrer, None, None, None,
        ))  # fmt: skip
    expected = true if are_kept else {}
    found.compare(f"exported deliveries of {link.id}", _grouped(downloads), _grouped(expected))
    return found


def _shown(found: Differences, link: TrueLink, row: Mapping[str, Any]) -> tuple[Any, ...]:
    is_complete = row["completed_at"] is not None
    found.compare(f"{link.id}: completed at", is_complete, row["state"] == "completed")
    if is_complete and datetime.fromisoformat(row["completed_at"]) < datetime.fromisoformat(
        row["started_at"]
    ):
        found.append(f"{link.id}: completed before it began: {row}")
    names = (
        *("started_at", "filename", "size_bytes", "state", "bytes_arrived", "bytes_sent"),
        *("resumes", "program", "system", "referrer", "who", "country", "address"),
    )
    return tuple(row[name] for name in names)


def _grouped(downloads: Mapping[Any, list[tuple[Any, ...]]]) -> list[list[tuple[Any, ...]]]:
    return sorted((sorted(each, key=str) for each in downloads.values()), key=str)


def _read(found: Differences, reader: Reader, of: tuple[str, int], name: str, asked: Asked) -> Rows:
    """Return the rows of an export as JSON, once those as CSV were seen to be the same."""
    answer = json.loads(reader.export(*of, f"{name}.json", asked))
    rows: Rows = answer[name]
    text = reader.export(*of, f"{name}.csv", asked).decode()
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    found.compare(f"{name} of {of}: lines end", text.count("\n"), text.count("\r\n"))
    for row in rows:
        found.compare(f"{name} of {of}: columns", list(row), header)
    as_csv = [[_as_csv(cell) for cell in row.values()] for row in rows]
    found.compare(f"{name} of {of}: CSV", lines, as_csv)
    found.compare(f"zone of {name} of {of}", answer["zone"], asked["zone"])
    if of[0] == "link":
        found.compare(f"link of {name}", answer["link"], reader.link(of[1]).code)
    return rows


def _as_csv(cell: str | int | None) -> str:
    words = "" if cell is None else str(cell)
    return f"'{words}" if words.startswith(_FORMULA_STARTS) else words


def _compare_timeline(
    found: Differences, what: str, rows: Rows, truth: Truth, of: tuple[str, int], step: Step,
    zone: ZoneInfo,
) -> None:  # fmt: skip
    begins = [datetime.fromisoformat(row["begins_at"]) for row in rows]
    check_steps(found, f"{what}: timeline", begins, step, zone)
    unlike = [(a["ends_at"], b["begins_at"]) for a, b in pairwise(rows)
              if a["ends_at"] != b["begins_at"]]  # fmt: skip
    found.compare(f"{what}: steps end where the next begins", unlike, [])
    local = [row["begins_at"] for row, at in zip(rows, begins, strict=True)
             if row["begins_at"] != at.astimezone(zone).isoformat()]  # fmt: skip
    found.compare(f"{what}: not by the clock of the zone", local, [])
    true = truth.by(*of, lambda at: label(at, step, zone))
    nothing = dict.fromkeys(COUNTERS, 0)
    for at, row in zip(begins, rows, strict=True):
        expected = derived(true.pop(label(at, step, zone), nothing)) | {"fetching": 0}
        expected.pop("refused")
        shown = {name: value for name, value in row.items() if not name.endswith("s_at")}
        found.compare(f"{what}: timeline at {row['begins_at']}", shown, expected)
    found.compare(f"{what}: timeline left over", sorted(map(str, true)), [])


def _compare_sources(
    found: Differences, what: str, rows: Rows, truth: Truth, of: tuple[str, int]
) -> None:
    shown = [(row["kind"], row["value"], row["downloads"], row["opened"]) for row in rows]
    true = [
        (kind, value, *numbers)
        for kind in CAN_BE_SHARED
        for value, numbers in truth.shares(*of, kind, SINCE, UNTIL).items()
    ]
    found.compare(f"{what}: sources", sorted(shown), sorted(true))


def _compare_files(found: Differences, what: str, rows: Rows, truth: Truth, link: TrueLink) -> None:
    true = []
    for file in link.files:
        counts = whole(truth, "file", file.id)
        named = {"filename": file.name, "size_bytes": file.size}
        true.append(named | {name: counts[name] for name in _OF_FILES})
    found.compare(f"{what}: files", rows, true)


def _compare_links(
    found: Differences, what: str, rows: Rows, truth: Truth, owner: int | None
) -> None:
    true = [
        {"code": link.code, "filename": link.files[0].name}
        | {name: counts[name] for name in _FETCHED}
        for link, counts in ranking(truth, owner)
    ]
    found.compare(f"{what}: links", rows, true)
