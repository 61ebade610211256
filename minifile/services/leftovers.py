"""Uploads that a crash has left full: the purge job completes those that nobody asks for."""

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import or_, select

from minifile.errors import MinifileError
from minifile.models import PartialUpload
from minifile.services.completing import continue_completing
from minifile.services.pacing import read_page, unhurried
from minifile.services.partials import Terms, read_again
from minifile.values import PartialState

log = logging.getLogger("minifile")


def complete_left_full(*, terms: Terms, now: Callable[[], datetime]) -> None:
    """Complete every upload that is full and that no request completes just now.

    One that fails is left to its expiry.
    """
    last = 0
    full = or_(PartialUpload.offset == PartialUpload.length, PartialUpload.parts.is_not(None))
    query = select(PartialUpload.id).order_by(PartialUpload.id)
    query = query.where(PartialUpload.state == PartialState.OPEN, full)
    while page := read_page(query.where(PartialUpload.id > last)):
        last = page[-1]
        for row_id in page:
            with unhurried():
                _complete(row_id, terms, now)


def _complete(row_id: int, terms: Terms, now: Callable[[], datetime]) -> None:
    row = read_again(row_id)
    if row is None or row.is_expired(now()):
        return
    try:
        continue_completing(row, address="", terms=terms, now=now)
    except MinifileError as error:
        log.warning("partial upload %d could not be completed: %s", row_id, error)
