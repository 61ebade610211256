"""Which values of a breakdown have rows of their own, and which are counted under Other.

Sites and programs are what clients say, so there may be any number of them. Within a month a
subject has rows for so many of each kind, and what comes later is added up in one more.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import func, select, tuple_
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

_PLACE = (Breakdown.scope, Breakdown.subject_id, Breakdown.step, Breakdown.at)


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


def _count(session: Session, groups: Iterable[Group]) -> Mapping[Group, int]:
    """Return how many values of each kind there are, of all kinds of the subjects' months."""
    months = {_place(group) for group in groups}
    query = (
        select(*_PLACE, Breakdown.kind, func.count())
        .where(tuple_(*_PLACE).in_(sorted(months)))
        .group_by(*_PLACE, Breakdown.kind)
    )
    found: dict[Group, int] = defaultdict(int)
    for scope, subject_id, _, at, kind, count in session.execute(query) if months else ():
        found[Subject(TallyScope(scope), subject_id), at, kind] = count
    return found


def _known(session: Session, wanted: Mapping[Group, Mapping[str, int]]) -> set[tuple[Group, str]]:
    """Return those of the values that have rows."""
    keys = [
        (*_place(group), group[2], value) for group, values in wanted.items() for value in values
    ]
    columns = (*_PLACE, Breakdown.kind, Breakdown.value)
    query = select(*columns).where(tuple_(*columns).in_(sorted(keys)))
    return {
        ((Subject(TallyScope(scope), subject_id), at, kind), value)
        for scope, subject_id, _, at, kind, value in (session.execute(query) if keys else ())
    }


def _place(group: Group) -> tuple[str, int, str, int]:
    subject, month, _ = group
    return subject.scope.value, subject.id, TallyStep.MONTH.value, month
