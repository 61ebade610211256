"""Holds what the product says against the truth, number by number."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from counting import count
from flask import Flask
from replay.day import END, START
from replay.truth import COUNTERS, TrueDelivery, TrueSlot, Truth
from replay.world import World

from minifile.extensions import db
from minifile.policy.timelines import Step, edges
from minifile.services import analytics
from minifile.services.counts import EVERYTHING, Subject, TallyScope
from minifile.services.details import iterate_deliveries
from minifile.services.top_links import top_links

# Berlin has a day of 25 hours; Kathmandu's clocks are three quarters of an hour off, and those of
# St. John's half of one.
ZONES = tuple(map(ZoneInfo, ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns")))
BERLIN = ZONES[1]
TIMELINES = (
    *((Step.DAY, zone) for zone in ZONES),
    *((Step.HOUR, zone) for zone in ZONES[1:3]),
    *((Step.WEEK, BERLIN), (Step.MONTH, BERLIN)),
)
PUT_BACK = START.replace(day=25, hour=1)
SINCE, UNTIL = START - timedelta(days=2), END + timedelta(days=2)
CAN_BE_SHARED = ("family", "system", "referrer")


class Differences(list[str]):
    """What was found to differ; empty is right."""

    def compare(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            self.append(f"{what}: found {found!r}, and true is {expected!r}")


def compare_read_api(world: World, app: Flask) -> Differences:
    """Compare what services/analytics reads, for each subject, stretch of time and zone."""
    found = Differences()
    with app.app_context():
        for scope, subject in subjects(world.truth):
            _compare_counts(world, found, scope, subject, SINCE, UNTIL)
        for scope, subject in _few_subjects(world.truth):
            for since, until in ((START, PUT_BACK), (PUT_BACK, END)):
                _compare_counts(world, found, scope, subject, since, until)
            for step, zone in TIMELINES:
                _compare_timeline(world, found, scope, subject, step, zone)
            if scope != "file":
                for kind in CAN_BE_SHARED:
                    _compare_shares(world, found, scope, subject, kind)
        _compare_top(world, found)
        db.session.remove()
    return found


def pin_fuzzy(world: World, app: Flask) -> Differences:
    """Judge how far the broken-off deliveries came, and take that for true from here on."""
    problems = Differences()
    with app.app_context():
        for link in {slot.link.id: slot.link for slot in _fuzzy(world.truth)}.values():
            details = {
                (each.started_at, each.filename, each.origin.family): each
                for each in iterate_deliveries(link.id, now=world.now)
            }
            for slot in _fuzzy(world.truth):
                if slot.link is link:
                    for delivery in slot.deliveries.values():
                        key = (delivery.started_at, delivery.file.name, slot.client.agent.family)
                        _pin(problems, delivery, details[key])
        db.session.remove()
    return problems


def compare_details(world: World, app: Flask) -> Differences:
    """Compare the single deliveries of every link."""
    found = Differences()
    with app.app_context():
        for link in world.truth.links:
            if link.is_gone:
                continue
            true = [
                (
                    each.started_at, each.file.name, each.file.size, each.bytes_sent,
                    each.bytes_arrived, each.resumes,
                    "completed" if each.is_complete else "aborted",
                    slot.client.agent.family, slot.client.agent.system, slot.referrer,
                )
                for slot in world.truth.slots if slot.link is link
                for each in slot.deliveries.values()
            ]  # fmt: skip
            shown = [
                (
                    each.started_at, each.filename, each.size_bytes, each.bytes_sent,
                    each.bytes_arrived, each.resumes, str(each.state),
                    each.origin.family, each.origin.system, each.origin.referrer,
                )
                for each in iterate_deliveries(link.id, now=world.now)
            ]  # fmt: skip
            found.compare(f"deliveries of {link.id}", sorted(shown, key=str), sorted(true, key=str))
        db.session.remove()
    return found


def subjects(truth: Truth) -> Iterator[tuple[str, int]]:
    """Yield each subject that there is."""
    yield "all", 0
    for owner in {link.owner for link in truth.links} - {None}:
        yield "user", owner
    for link in truth.links:
        if link.is_gone:
            continue
        yield "link", link.id
        for file in link.files:
            yield "file", file.id


def _few_subjects(truth: Truth) -> list[tuple[str, int]]:
    """Return those of which all steps in all zones are compared: the busiest of each kind."""
    owners = [("user", each) for each in sorted({link.owner for link in truth.links} - {None})]
    left = [link for link in truth.links if not link.is_gone]
    busiest = max(left, key=lambda each: sum(slot.link is each for slot in truth.slots))
    return [("all", 0), *owners, ("link", busiest.id), ("file", busiest.files[0].id)]


def _subject(scope: str, subject: int) -> Subject:
    return Subject(TallyScope(scope), subject)


def counters_of(counts: Any) -> dict[str, int]:
    """Return the counters of what the product returned."""
    return {name: getattr(counts, name) for name in COUNTERS}


def _compare_counts(
    world: World, found: Differences, scope: str, subject: int, since: datetime, until: datetime
) -> None:
    counts = count(_subject(scope, subject), since, until, now=world.now)
    true = world.truth.count(scope, subject, since, until)
    what = f"{scope} {subject} from {since:%d %H:%M} to {until:%d %H:%M}"
    _compare_counters(found, what, counters_of(counts), true)
    found.compare(f"{what}: fetching", counts.fetching, 0)
    found.compare(
        f"{what}: aborted",
        (counts.downloads_aborted, counts.deliveries_aborted),
        (
            true["downloads"] - true["downloads_completed"],
            true["deliveries"] - true["deliveries_completed"],
        ),
    )


def _compare_counters(
    found: Differences, what: str, shown: dict[str, int], true: dict[str, int]
) -> None:
    for name, value in true.items():
        found.compare(f"{what}: {name}", shown[name], value)


def _compare_timeline(
    world: World, found: Differences, scope: str, subject: int, step: Step, zone: ZoneInfo
) -> None:
    bounds = edges(SINCE, UNTIL, step, zone)
    counts = analytics.timeline(_subject(scope, subject), bounds, now=world.now)
    true = world.truth.by(scope, subject, lambda at: label(at, step, zone))
    shown = {label(start, step, zone): each for start, each in zip(bounds, counts, strict=False)}
    found.compare(f"{scope} {subject} {step} {zone}: steps", len(shown), len(bounds) - 1)
    for at, each in shown.items():
        what = f"{scope} {subject} {step} {at} {zone}"
        expected = true.pop(at, dict.fromkeys(COUNTERS, 0))
        _compare_counters(found, what, counters_of(each), expected)
    found.compare(f"{scope} {subject} {step} {zone}: left over", sorted(map(str, true)), [])


def label(at: datetime, step: Step, zone: ZoneInfo) -> Any:
    """Return in which hour, day, week or month of a zone an instant lies, by its clock and date."""
    local = at.astimezone(zone)
    if step is Step.HOUR:
        return local.date(), local.hour, local.utcoffset()
    if step is Step.WEEK:
        return tuple(local.date().isocalendar())[:2]
    return (local.year, local.month) if step is Step.MONTH else local.date()


def _compare_shares(world: World, found: Differences, scope: str, subject: int, kind: str) -> None:
    shares = analytics.break_down(_subject(scope, subject), SINCE, UNTIL, limit=100)[kind]
    shown = {each.value: (each.downloads, each.opened) for each in shares}
    true = world.truth.shares(scope, subject, kind, SINCE, UNTIL)
    found.compare(f"{scope} {subject} by {kind}", shown, true)


def _compare_top(world: World, found: Differences) -> None:
    for owner in (None, *sorted({link.owner for link in world.truth.links} - {None})):
        subject = EVERYTHING if owner is None else Subject(TallyScope.USER, owner)
        top = top_links(subject, SINCE, UNTIL, limit=10, now=world.now)
        left = [each for each in world.truth.links if not each.is_gone]
        links = [each for each in left if owner in (None, each.owner)]
        sums = {each.id: world.truth.count("link", each.id, SINCE, UNTIL) for each in links}
        downloads = [each["downloads"] for each in sums.values() if each["downloads"]]
        best = sorted(downloads, reverse=True)[:10]
        found.compare(f"top of {owner}", [each.counts.downloads for each in top], best)
        for each in top:
            for name in ("downloads", "downloads_completed", "bytes_sent", "bytes_arrived"):
                shown, true = getattr(each.counts, name), sums[each.id][name]
                found.compare(f"top of {owner}, link {each.id}: {name}", shown, true)


def _fuzzy(truth: Truth) -> list[TrueSlot]:
    return [slot for slot in truth.slots if any(each.is_fuzzy for each in slot.deliveries.values())]


def _pin(problems: Differences, true: TrueDelivery, shown: Any) -> None:
    least, size = true.ranges[0][1], true.file.size
    facts = asdict(shown)
    if not least <= shown.bytes_arrived < size:
        problems.append(f"cut after {least} of {size} bytes, and shown as {facts}")
    # What the kernel took and had not sent is no longer spent, so both are nearly the same.
    if not shown.bytes_arrived <= shown.bytes_sent <= size:
        problems.append(f"more arrived than was sent: {facts}")
    true.pinned = (shown.bytes_sent, shown.bytes_arrived)


def report(differences: Iterable[str], most: int = 40) -> str:
    """Return some of them, a line each."""
    lines = list(differences)
    return "\n".join([f"{len(lines)} differences", *lines[:most]])
