"""Custom codes: whether one is free, and taking it for good.

A hash of it stays when the link is gone, so that nobody takes over an address that others know.
"""

from datetime import datetime

from sqlalchemy import bindparam, insert, select

from minifile.codes import token_hash
from minifile.errors import CodeTaken
from minifile.extensions import db
from minifile.models import UsedCode
from minifile.services.records import has_link
from minifile.services.statements import Driver, Statement, given, reading

_IS_TAKEN = Statement(
    select(UsedCode.code_hash).where(UsedCode.code_hash == bindparam("code_hash"))
)
_TAKE = Statement(insert(UsedCode).values(**given("code_hash", "created_at")))


def check_free(code: str) -> None:
    """Raise CodeTaken for a code that a link has, or had."""
    with reading(db.engine) as driver:
        if is_taken(driver, code):
            raise CodeTaken


def is_taken(driver: Driver, code: str) -> bool:
    """Say whether a link has, or had, this code."""
    was_taken = bool(_IS_TAKEN.run(driver, code_hash=token_hash(code)))
    return was_taken or has_link(driver, code)


def take_code(driver: Driver, code: str, now: datetime) -> None:
    """Take a free code for good, within the work that makes its link.

    Raises IntegrityError, which names the code, when another has just taken it.
    """
    _TAKE.run(driver, code_hash=token_hash(code), created_at=now)
