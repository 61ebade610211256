"""Chooses what is looked at: whose pages and exports, in which steps and by whose clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from replay.comparing import ZONES, Differences
from replay.day import END, START
from replay.exports import (
    compare_exported_deliveries,
    compare_exports,
    compare_timeline_export,
)
from replay.pages import compare_deliveries, compare_page
from replay.reading import Asked, Reader
from replay.truth import TrueLink, Truth

from minifile.policy.timelines import Step

# Of America/St_Johns the read API is asked.
SHOWN_IN = ZONES[:3]
# ANALYTICS_RETENTION, as it is by default.
_KEPT_FOR = timedelta(days=30)


def compare_shown(
    reader: Reader, zones: Sequence[ZoneInfo], *, most_links: int | None
) -> Differences:
    """Compare the pages and exports of the instance, of users and of links, all or some."""
    found, truth = Differences(), reader.world.truth
    links = _some_links(truth, reader.world.now, most_links)
    owners = sorted({each.owner for each in truth.links} - {None})
    subjects = [("all", 0), *(("user", each) for each in owners)]
    subjects += [("link", each.id) for each in links]
    are_kept = reader.world.now < END + _KEPT_FOR
    for zone in zones:
        for step in (Step.DAY, Step.HOUR):
            asked = _asked(step, zone)
            for scope, subject in subjects:
                found += compare_page(reader, scope, subject, asked, step, zone)
                found += compare_timeline_export(reader, scope, subject, asked, step, zone)
            if step is Step.DAY:
                # The others have no steps.
                for scope, subject in subjects:
                    found += compare_exports(reader, scope, subject, asked)
        for link in links:
            asked = _asked(Step.DAY, zone)
            found += compare_deliveries(reader, link, asked, zone, are_kept=are_kept)
            found += compare_exported_deliveries(reader, link, asked, zone, are_kept=are_kept)
    return found


def _has_pages(truth: Truth, link: TrueLink, now: datetime) -> bool:
    return truth.standing(link, now) in ("open", "exhausted")


def _asked(step: Step, zone: ZoneInfo) -> Asked:
    """Ask for all in days; in hours for the days themselves, since 40 days have too many."""
    if step is Step.DAY:
        return {"range": "all", "step": step.value, "zone": zone.key}
    days = {"from": START - timedelta(days=1), "to": END + timedelta(days=1)}
    return {"step": step.value, "zone": zone.key} | {
        name: f"{day:%Y-%m-%d}" for name, day in days.items()
    }


def _some_links(truth: Truth, now: datetime, most: int | None) -> list[TrueLink]:
    """Return all links; or the busiest ones, with a bundle and one that nobody has fetched.

    Not those that are over: their pages say so to their senders too.
    """
    left = [each for each in truth.links if not each.is_gone and _has_pages(truth, each, now)]
    if most is None:
        return left
    fetched = {each.path: sum(slot.link is each for slot in truth.slots) for each in left}
    busiest = sorted(left, key=lambda each: -fetched[each.path])
    bundle = next(each for each in busiest if len(each.files) > 1)
    quiet = busiest[-1]
    assert not fetched[quiet.path]
    return [bundle, quiet, *(each for each in busiest if each is not bundle)][:most]
