"""Blocked digests: files that are not accepted any more, by their SHA-256.

Asked once a file's bytes are there and before its link is: whoever sends them again gets nothing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from minifile.errors import BadOption, ContentBlocked, NotFound
from minifile.extensions import db, write_transaction
from minifile.identity import Actor
from minifile.models import BlockedDigest
from minifile.services.audit import record
from minifile.services.statements import Driver, Statement, reading

PAGE = 50
_REFUSED = "This file is not accepted here: the admin of this site has blocked it."
MAX_REASON = 500
_FORM = re.compile(r"[0-9a-f]{64}")
_BLOCKED = Statement(
    select(BlockedDigest.sha256).where(BlockedDigest.sha256 == bindparam("digest"))
)


@dataclass(frozen=True, slots=True)
class BlockedRecord:
    """A blocked digest, as a list shows it."""

    sha256: str
    reason: str | None
    created_at: datetime


def check_digest(sha256: str) -> None:
    """Raise ContentBlocked for a file that is not accepted."""
    with reading(db.engine) as driver:
        check_digest_within(driver, sha256)


def check_digest_within(driver: Driver, sha256: str) -> None:
    """Raise ContentBlocked within the work that writes the file: its bytes may have waited."""
    if _BLOCKED.run(driver, digest=sha256):
        raise ContentBlocked(_REFUSED)


def read_digest(text: str) -> str:
    """Return a SHA-256 in the form it is kept in. Raises BadOption."""
    digest = text.strip().lower()
    if not _FORM.fullmatch(digest):
        raise BadOption("A SHA-256 has 64 digits from 0 to f.")
    return digest


def block_digest(text: str, reason: str | None, *, actor: Actor, now: datetime) -> bool:
    """Refuse a file from now on; say whether it was not blocked already.

    Links that hold it stay; `takedowns.take_down_holders` ends them. Raises BadOption.
    """
    digest = read_digest(text)
    with write_transaction() as session:
        return bool(insert_digests(session, [digest], reason, actor=actor, now=now))


def insert_digests(
    session: Session, digests: Iterable[str], reason: str | None, *, actor: Actor, now: datetime
) -> list[str]:
    """Block digests within the caller's transaction; return those that were not yet.

    Two admins who block one at once do it once.
    """
    insert = sqlite_insert if db.engine.dialect.name == "sqlite" else postgresql_insert
    new = []
    for digest in sorted(set(digests)):
        values = {"sha256": digest, "reason": (reason or "")[:MAX_REASON] or None}
        statement = insert(BlockedDigest).values(created_at=now, **values)
        done = session.execute(
            statement.on_conflict_do_nothing().returning(BlockedDigest.sha256)
        ).first()
        if done is not None:
            new.append(digest)
            record(session, actor, "digest.block", None, digest, now=now)
    return new


def unblock_digest(text: str, *, actor: Actor, now: datetime) -> None:
    """Accept a file again. Raises BadOption, and NotFound for one that is not blocked."""
    digest = read_digest(text)
    with write_transaction() as session:
        gone = session.execute(
            delete(BlockedDigest)
            .where(BlockedDigest.sha256 == digest)
            .returning(BlockedDigest.sha256)
        ).first()
        if gone is None:
            raise NotFound("This digest is not blocked.")
        record(session, actor, "digest.unblock", None, digest, now=now)


def list_blocked(*, page: int = 1) -> list[BlockedRecord]:
    """Return a page of blocked digests, the newest first; one more than PAGE if more follow."""
    query = select(BlockedDigest).order_by(BlockedDigest.created_at.desc(), BlockedDigest.sha256)
    rows = db.session.scalars(query.offset((page - 1) * PAGE).limit(PAGE + 1))
    return [BlockedRecord(row.sha256, row.reason, row.created_at) for row in rows]


def blocked_among(digests: Sequence[str]) -> frozenset[str]:
    """Return those of the digests that are blocked."""
    query = select(BlockedDigest.sha256).where(BlockedDigest.sha256.in_(digests))
    return frozenset(db.session.scalars(query))
