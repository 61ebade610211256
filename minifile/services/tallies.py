"""Adding to the tallies, within the transaction that takes away what is added."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from minifile.models import Breakdown, SeenClient, Tally
from minifile.policy.agents import OTHER
from minifile.policy.timelines import TallyStep, month_of, places
from minifile.services.counts import COUNTERS, Subject, TallyScope
from minifile.services.pacing import ROWS
from minifile.services.value_limits import Group, find_others
from minifile.values import ORIGIN_KINDS, Origin

# Which row of the tallies something belongs to.
PLACE = ("scope", "subject_id", "step", "at")
_SHARES = ("downloads", "opened")


class Sums:
    """Counters that are gathered, and then added to the tallies by a few statements."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Subject, int], dict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )
        self._shares: dict[tuple[Subject, int, str, str], dict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )

    def add(self, subjects: Iterable[Subject], quarter: int, counters: Mapping[str, int]) -> None:
        """Add counters of a quarter of an hour to some subjects."""
        for subject in subjects:
            sums = self._counts[subject, quarter]
            for name, count in counters.items():
                sums[name] += count

    def add_share(
        self, subjects: Iterable[Subject], quarter: int, origin: Origin, counter: str
    ) -> None:
        """Count one more that came with what is known of its origin."""
        for subject in subjects:
            for kind in ORIGIN_KINDS:
                value = getattr(origin, kind)
                if value is not None:
                    self._shares[subject, quarter, kind, value][counter] += 1

    @property
    def is_full(self) -> bool:
        """Say whether a transaction that writes them is as large as one may be."""
        return len(self._shares) * len(TallyStep) >= ROWS

    def write(self, session: Session) -> None:
        """Add all to the tallies, in one order for all who do so at the same time."""
        counts: dict[tuple[object, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for (subject, quarter), found in self._counts.items():
            for step, at in places(quarter):
                _gather(counts[subject.scope.value, subject.id, step.value, at], found)
        _upsert(session, Tally.__table__, PLACE, counts, COUNTERS)  # type: ignore[arg-type]
        shares: dict[tuple[object, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        others = find_others(session, self._values_by_month())
        for (subject, quarter, kind, value), found in self._shares.items():
            is_other = ((subject, month_of(quarter), kind), value) in others
            shown = OTHER if is_other else value
            for step, at in places(quarter):
                _gather(shares[subject.scope.value, subject.id, step.value, at, kind, shown], found)
        _upsert(session, Breakdown.__table__, (*PLACE, "kind", "value"), shares, _SHARES)  # type: ignore[arg-type]

    def _values_by_month(self) -> Mapping[Group, Mapping[str, int]]:
        found: dict[Group, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for (subject, quarter, kind, value), counters in self._shares.items():
            found[subject, month_of(quarter), kind][value] += sum(counters.values())
        return found


def see_clients(
    session: Session, seen: Mapping[tuple[Subject, str], date]
) -> set[tuple[Subject, str]]:
    """Note clients of subjects, and return those that were not noted yet."""
    if not seen:
        return set()
    table: Table = SeenClient.__table__  # type: ignore[assignment]
    # One statement for all of them; in one order for all who do so at the same time.
    noting = _insert(session)(table).on_conflict_do_nothing()
    names = noting.returning(table.c.scope, table.c.subject_id, table.c.visitor)
    values = [
        {"scope": scope, "subject_id": id_, "visitor": visitor, "day": day}
        for (scope, id_, visitor), day in sorted(
            ((subject.scope.value, subject.id, visitor), day)
            for (subject, visitor), day in seen.items()
        )
    ]
    noted = session.execute(names, values)
    return {(Subject(TallyScope(scope), id_), visitor) for scope, id_, visitor in noted}


def _gather(into: dict[str, int], found: Mapping[str, int]) -> None:
    for name, count in found.items():
        into[name] += count


def _upsert(
    session: Session,
    table: Table,
    keys: Sequence[str],
    rows: Mapping[tuple[object, ...], Mapping[str, int]],
    counters: tuple[str, ...],
) -> None:
    if not rows:
        return
    insert = _insert(session)(table)
    added = insert.on_conflict_do_update(
        index_elements=keys,
        set_={name: table.c[name] + insert.excluded[name] for name in counters},
    )
    values = [
        {**dict(zip(keys, key, strict=True)), **{name: found.get(name, 0) for name in counters}}
        for key, found in sorted(rows.items())
    ]
    session.execute(added, values)


def _insert(session: Session):  # type: ignore[no-untyped-def]
    return sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
