"""How long to wait before a notification is offered again, and when to give up."""

from datetime import datetime, timedelta

from minifile.errors import BadOption

# The waits after the first attempt, the second and so on; the last one repeats.
_WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360))
# A mail host that is down overnight gets all of it.
GIVE_UP_AFTER = timedelta(days=1)


def next_attempt(
    attempts: int, first_at: datetime, now: datetime, *, spread: float
) -> datetime | None:
    """Return when to try again after so many attempts, or None to give up.

    `spread`, from 0 to 1, makes the wait up to a fifth longer: what failed together does not
    come back together. The last attempt is made when the day is over.
    """
    if not 0 <= spread <= 1:
        raise BadOption("The spread is a share of the wait.")
    if now - first_at >= GIVE_UP_AFTER:
        return None
    wait = _WAITS[min(attempts, len(_WAITS)) - 1] * (1 + spread / 5)
    return min(now + wait, first_at + GIVE_UP_AFTER)
