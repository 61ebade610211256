"""Many links at once: what "my links" does to those that are ticked."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from minifile.errors import MinifileError
from minifile.extensions import write_transaction
from minifile.policy.access import check_open
from minifile.policy.lifetimes import check_lifetime
from minifile.services.child_links import let_children_follow
from minifile.services.links import find_managed_link, lock_link, revoke_link
from minifile.services.rate_limits import RateLimits
from minifile.values import Limits, LinkRecord, Visitor

AT_ONCE = 500


def revoke_links(
    codes: Collection[str],
    visitor: Visitor,
    *,
    rates: RateLimits,
    now: datetime,
    undo_within: timedelta,
) -> int:
    """Revoke those of the links that are the visitor's and open; return how many."""

    def revoke(link: LinkRecord) -> None:
        revoke_link(link, now=now, undo_within=undo_within)

    return _for_each(codes, visitor, revoke, rates, now)


def extend_links(
    codes: Collection[str],
    visitor: Visitor,
    lifetime: timedelta,
    *,
    rates: RateLimits,
    limits_for: Callable[[int | None], Limits],
    now: datetime,
) -> int:
    """Let those of the links that are the visitor's live for `lifetime` from now; return how many.

    One that lives longer already stays as it is, as does one whose owner may not let it live so
    long (`limits_for` their id). Raises BadOption for a lifetime that the visitor may not choose.
    """
    asker = None if visitor.account is None else visitor.account.id
    check_lifetime(lifetime, limits_for(asker))

    def extend(link: LinkRecord) -> None:
        check_lifetime(lifetime, limits_for(link.owner_id))
        extend_link(link, now + lifetime, now=now)

    return _for_each(codes, visitor, extend, rates, now)


def extend_link(link: LinkRecord, until: datetime, *, now: datetime) -> None:
    """Let an open link live until then, or longer if it does already."""
    with write_transaction() as session:
        row = lock_link(link.id)
        check_open(row, now)
        row.expires_at = max(row.expires_at, until)
        let_children_follow(session, row, forget_unlocked=False)


def _for_each(
    codes: Collection[str],
    visitor: Visitor,
    act: Callable[[LinkRecord], None],
    rates: RateLimits,
    now: datetime,
) -> int:
    """Do something to each link that the visitor may change; what has ended is passed over."""
    count = 0
    # What was listed to the visitor is no guess, should it be gone meanwhile.
    silent = rates.without_counting()
    for code in sorted(set(codes))[:AT_ONCE]:
        try:
            act(find_managed_link(code, visitor, rates=silent, now=now))
        except MinifileError:
            continue
        count += 1
    return count
