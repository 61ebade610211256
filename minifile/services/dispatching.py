"""Dispatching: what waits is claimed, sent by whoever has the claim, and settled.

A claim is a random token that is written by compare-and-swap, with an end: that of a process which
was killed runs out, and somebody else sends. What was sent and could not be settled is sent again,
under the same name, so that the receiver can tell. Of one target and link the later waits for the
earlier, and one target has one claim at a time, so that a receiver that hangs holds one thread.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session, aliased

from minifile.extensions import db, release_connection, write_transaction
from minifile.models import Dispatch, Notification
from minifile.notification_values import DispatchState, SendAnswer, SendOutcome
from minifile.policy.retrying import next_attempt

# Of the claims there are at once, so that others get their turn however many receivers hang.
OF_ONE_USER = 4
# Longer than any sender takes.
CLAIMED_FOR = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A dispatch that this process may send until its claim ends."""

    id: int
    notification_id: int
    webhook_id: int | None
    attempts: int
    round: int
    first_at: datetime
    claim: str

    @property
    def name(self) -> str:
        """What stays the same while it is offered again, and is another once it was asked for."""
        return f"{self.id}.{self.round}"


def claim_due(at_most: int, *, now: datetime) -> Sequence[Claimed]:
    """Claim dispatches that are due, at most so many, one a target."""
    found = [_claim(dispatch_id, now) for dispatch_id in _turns(at_most, now)]
    return [each for each in found if each is not None]


def _turns(at_most: int, now: datetime) -> Sequence[int]:
    """Return whose turn it is: the first of each free target, and of each user only some."""
    claims = (
        select(Notification.user_id, func.count())
        .join(Dispatch, Dispatch.notification_id == Notification.id)
        .where(Dispatch.state == DispatchState.PENDING, Dispatch.claimed_until > now)
        .group_by(Notification.user_id)
    )
    held = {row[0]: row[1] for row in db.session.execute(claims)}
    turns: list[int] = []
    for dispatch_id, user_id in db.session.execute(_firsts(held, now)):
        if len(turns) < at_most and held.get(user_id, 0) < OF_ONE_USER:
            held[user_id] = held.get(user_id, 0) + 1
            turns.append(dispatch_id)
    release_connection()
    return turns


def _firsts(held: Mapping[int, int], now: datetime) -> Select[int, int]:
    """Select the first dispatch of each free target, and its user, those that waited longest first.

    The first of each line is found in one pass: asking row by row whether another is before it
    takes seconds where very many wait.
    """
    counts = or_(Dispatch.attempts > 0, Dispatch.next_at <= now)
    heads = (
        select(func.min(Dispatch.id))
        .where(Dispatch.state == DispatchState.PENDING, counts)
        .group_by(Dispatch.target, Dispatch.line)
    )
    busy = select(Dispatch.target).where(
        Dispatch.state == DispatchState.PENDING, Dispatch.claimed_until > now
    )
    full = [user_id for user_id, count in held.items() if count >= OF_ONE_USER]
    return (
        select(func.min(Dispatch.id), Notification.user_id)
        .join(Notification, Notification.id == Dispatch.notification_id)
        .where(
            Dispatch.id.in_(heads),
            Dispatch.next_at <= now,
            Dispatch.target.not_in(busy),
            Notification.user_id.not_in(full),
        )
        .group_by(Dispatch.target, Notification.user_id)
        .order_by(func.min(Dispatch.next_at), func.min(Dispatch.id))
    )


def settle(
    claimed: Claimed, answer: SendAnswer, *, spread: float, took: timedelta, now: datetime
) -> bool:
    """Write down what came of an attempt; False when the claim had ended meanwhile.

    `spread` is as in `policy/retrying.py`.
    """
    attempts, again = claimed.attempts + 1, None
    if answer.outcome is SendOutcome.LATER:
        again = next_attempt(attempts, claimed.first_at, now, spread=spread)
    undelivered = DispatchState.FAILED if again is None else DispatchState.PENDING
    state = DispatchState.SENT if answer.outcome is SendOutcome.SENT else undelivered
    with write_transaction() as session:
        settled = session.execute(
            update(Dispatch)
            .where(Dispatch.id == claimed.id, Dispatch.claim == claimed.claim)
            .values(
                state=state,
                attempts=attempts,
                next_at=again,
                last_at=now,
                took_ms=round(took.total_seconds() * 1000),
                answer=answer.said[:80],
                claim=None,
                claimed_until=None,
            )
            .returning(Dispatch.id)
        )
        return settled.first() is not None


def _is_free(now: datetime) -> ColumnElement[bool]:
    """Say of a dispatch whether it is the first of its line, and its target has no claim."""
    earlier, busy = aliased(Dispatch), aliased(Dispatch)
    return and_(
        Dispatch.state == DispatchState.PENDING,
        or_(Dispatch.claimed_until.is_(None), Dispatch.claimed_until <= now),
        ~exists().where(
            earlier.target == Dispatch.target,
            earlier.line == Dispatch.line,
            earlier.state == DispatchState.PENDING,
            # One that waits for what comes of its download holds up nobody.
            or_(earlier.attempts > 0, earlier.next_at <= now),
            earlier.id < Dispatch.id,
        ),
        # Looked up once, not for each: what is claimed is little beside what may wait.
        Dispatch.target.not_in(
            select(busy.target).where(busy.state == DispatchState.PENDING, busy.claimed_until > now)
        ),
    )


def _hold_target(session: Session, dispatch_id: int) -> None:
    """Hold the first that waits for a target, so that two who claim see each other's claim."""
    target = select(Dispatch.target).where(Dispatch.id == dispatch_id).scalar_subquery()
    waiting = select(Dispatch.id).where(
        Dispatch.target == target, Dispatch.state == DispatchState.PENDING
    )
    session.execute(waiting.order_by(Dispatch.id).limit(1).with_for_update())


def _claim(dispatch_id: int, now: datetime) -> Claimed | None:
    """Take one by compare-and-swap; None when somebody else was faster."""
    claim = secrets.token_hex(16)
    with write_transaction() as session:
        _hold_target(session, dispatch_id)
        taken = session.execute(
            update(Dispatch)
            # Since it was found, another may have tried it and put it off.
            .where(Dispatch.id == dispatch_id, Dispatch.next_at <= now, _is_free(now))
            .values(
                claim=claim,
                claimed_until=now + CLAIMED_FOR,
                first_at=func.coalesce(Dispatch.first_at, literal(now, Dispatch.first_at.type)),
            )
            .returning(
                Dispatch.notification_id,
                Dispatch.webhook_id,
                Dispatch.attempts,
                Dispatch.round,
                Dispatch.first_at,
            )
            .execution_options(synchronize_session=False)
        ).first()
    # The column may be empty; of what was claimed it no longer is.
    return None if taken is None else Claimed(dispatch_id, *taken, claim)  # type: ignore[arg-type]
