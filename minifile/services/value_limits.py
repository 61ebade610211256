"""Which values of a breakdown have rows of their own, and which are counted under Other.

Sites and programs are what clients say, so there may be any number of them. Within a month a
subject has rows for so many of each kind, and what comes later is added up in one more.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from minifile.models import Breakdown
from minifile.policy.agents import OTHER
from minifile.policy.timelines import TallyStep
from minifile.services.counts import Subject, TallyScope

MAX_VALUES = {
    TallyScope.LINK: 100,
    TallyScope.FILE: 100,
    TallyScope.USER: 200,
    TallyScope.ALL: 200,
}

# Subject, month (its first quarter) and kind.
Group = tuple[Subject, int, str]

_KIND = Breakdown.kind
_GROUP = (Breakdown.scope, Breakdown.subject_id, Breakdown.at, _KIND)


def find_others(
    session: Session, wanted: Mapping[Group, Mapping[str, int]]
) -> set[tuple[Group, str]]:
    """Return the values for which there is no room; those that come most often get it first.

    The caller has written to the tallies of the same subjects, so no other roll-up is adding to
    their breakdowns meanwhile.
    """
    counts = _count(session, wanted)
    crowded = {
        group: values
        for group, values in wanted.items()
        if counts[group] + len(values) > MAX_VALUES[group[0].scope]
    }
    known = _known(session, crowded)
    others: set[tuple[Group, str]] = set()
    for group, values in crowded.items():
        is_known = {value for value in values if (group, value) in known} | {OTHER}
        room = max(0, MAX_VALUES[group[0].scope] - counts[group])
        others.update((group, value) for value in _most_often(values, is_known)[room:])
    return others


def _most_often(values: Mapping[str, int], is_known: set[str]) -> list[str]:
    """Return the values that are not known, beginning with those that come most often."""
    return sorted(values.keys() - is_known, key=lambda value: (-values[value], value))


def _count(session: Session, groups: Collection[Group]) -> Mapping[Group, int]:
    """Return how many values of each kind there are, of all kinds of the subjects' months."""
    query = (
        select(*_GROUP, func.count())
        .where(*_is_within(groups))
        .group_by(Breakdown.scope, Breakdown.subject_id, Breakdown.step, Breakdown.at, _KIND)
    )
    found: dict[Group, int] = defaultdict(int)
    for scope, subject_id, at, kind, count in session.execute(query) if groups else ():
        found[Subject(TallyScope(scope), subject_id), at, kind] = count
    return found


def _known(session: Session, wanted: Mapping[Group, Mapping[str, int]]) -> set[tuple[Group, str]]:
    """Return those of the values that have rows, and maybe some more."""
    values = {value for found in wanted.values() for value in found}
    query = select(*_GROUP, Breakdown.value).where(
        *_is_within(wanted),
        _KIND.in_(sorted({kind for _, _, kind in wanted})),
        Breakdown.value.in_(sorted(values)),
    )
    return {
        ((Subject(TallyScope(scope), subject_id), at, kind), value)
        for scope, subject_id, at, kind, value in (session.execute(query) if wanted else ())
    }


def _is_within(groups: Collection[Group]) -> list[ColumnElement[bool]]:
    """Ask for the months of subjects, column by column: for rows of values SQLite has no index."""
    return [
        Breakdown.scope.in_(sorted({subject.scope.value for subject, _, _ in groups})),
        Breakdown.subject_id.in_(sorted({subject.id for subject, _, _ in groups})),
        Breakdown.step == TallyStep.MONTH.value,
        Breakdown.at.in_(sorted({month for _, month, _ in groups})),
    ]
