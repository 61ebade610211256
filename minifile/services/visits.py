"""Visits: noting what happens on a link besides downloads."""

import logging
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from minifile.errors import ServiceBusy
from minifile.extensions import DATABASE_UNAVAILABLE, first_line
from minifile.models import Visit
from minifile.services.commits import commit
from minifile.services.statements import Driver, Statement, given
from minifile.values import ORIGIN_KINDS, Origin, VisitKind, Visitor

log = logging.getLogger("minifile")

_NOTE = Statement(
    insert(Visit).values(
        **given("link_id", "file_id", "at", "kind", *ORIGIN_KINDS, "links", "files", "size_bytes")
    )
)


def note_visit(
    link_id: int, kind: VisitKind, visitor: Visitor, *, file_id: int | None = None, now: datetime
) -> None:
    """Note that something happened on a link, unless nothing is to be kept of it.

    A power cut may undo it. Nobody is refused anything because it could not be noted: the database
    may be busy or away, or the link was deleted meanwhile.
    """
    if not visitor.is_recorded:
        return

    def work(driver: Driver) -> None:
        note_within(driver, link_id, kind, visitor.origin, file_id=file_id, now=now)

    try:
        commit(work, durable=False)
    except IntegrityError:
        log.info("link %s: deleted before a visit could be noted", link_id)
    except (ServiceBusy, *DATABASE_UNAVAILABLE) as error:
        log.warning("link %s: a visit could not be noted: %s", link_id, first_line(error))


def note_within(
    driver: Driver,
    link_id: int,
    kind: VisitKind,
    origin: Origin,
    *,
    now: datetime,
    file_id: int | None = None,
    links: int = 0,
    files: int = 0,
    size_bytes: int = 0,
) -> None:
    """Note a visit within the caller's transaction."""
    _NOTE.run(
        driver,
        link_id=link_id,
        file_id=file_id,
        at=now,
        kind=kind.value,
        family=origin.family,
        system=origin.system,
        country=origin.country,
        referrer=origin.referrer,
        links=links,
        files=files,
        size_bytes=size_bytes,
    )


def note_upload(
    driver: Driver, link_id: int, *, links: int, files: int, size_bytes: int, now: datetime
) -> None:
    """Note within the caller's transaction that a link was made, or that it got more files."""
    note_within(
        *(driver, link_id, VisitKind.MADE, Origin()),
        now=now,
        links=links,
        files=files,
        size_bytes=size_bytes,
    )
