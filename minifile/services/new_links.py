"""The rows of a new link, written in one short transaction that others may share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from minifile.codes import new_code, token_hash
from minifile.errors import CodeTaken, Forbidden
from minifile.models import BrowserAccess, File, Link, User
from minifile.services.commits import commit
from minifile.services.custom_codes import take_code
from minifile.services.digests import check_digest_within
from minifile.services.reservations import Reserved
from minifile.services.statements import Driver, Statement, given
from minifile.services.visits import note_upload
from minifile.storage import Batch
from minifile.values import FileRecord, LinkRecord, Role

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class CodedWork(Protocol[T_co]):
    """Work that may make a link under the code that it is given."""

    def __call__(self, driver: Driver, code: str) -> T_co: ...


# The id is the database's to give, and a new link has no downloads.
_LINK_VALUES = LinkRecord.__dataclass_fields__.keys() - {"id", "files", "download_count"}
# What a file is written with, besides its link and its place there.
FILE_VALUES = FileRecord.__dataclass_fields__.keys() - {"id"}
_INSERT_LINK = Statement(
    insert(Link).values(**given(*_LINK_VALUES), download_count=0).returning(Link.id)
)
_INSERT_FILE = Statement(
    insert(File).values(**given("link_id", "position", *FILE_VALUES)).returning(File.id)
)
_INSERT_ACCESS = Statement(
    insert(BrowserAccess).values(
        **given("browser_hash", "link_id", "created_at"), role=Role.OWNER.value
    )
)

_IS_DISABLED = Statement(
    select(User.id).where(User.id == bindparam("user_id"), User.disabled_at.is_not(None))
)


def save_link(
    link: LinkRecord,
    batch: Batch,
    *,
    owner: str | None,
    share: "Callable[[Driver, LinkRecord], None]",
    reserved: Reserved,
    code_length: int,
) -> LinkRecord:
    """Write the rows of a link and its files under a new code, keep the blobs, and commit.

    Returns the link as it is in the database: with its code and the ids of all rows. `owner` is
    the browser that may manage it; `share` writes who else may open it, within the same work. A
    code that is taken is rolled again; one that the sender chose (`link.code`) is not: Taken. The
    room that was reserved is the link's then.
    """

    def work(driver: Driver, code: str) -> LinkRecord:
        owner_hash = None if owner is None else token_hash(owner)
        if link.code:
            take_code(driver, link.code, link.created_at)
        saved = insert_link(driver, replace(link, code=link.code or code), owner_hash)
        share(driver, saved)
        reserved.settle(driver, saved.size_bytes)
        # From here on a failed commit must not take the bytes: it may have happened.
        batch.keep()
        return saved

    saved = commit_with_code(work, code_length=code_length, is_chosen=bool(link.code))
    reserved.is_settled = True
    return saved


@contextmanager
def noticing_deletion() -> Iterator[None]:
    """Raise Forbidden where a row can't be written because its sender's account has gone."""
    try:
        yield
    except IntegrityError as error:
        if "foreign key" not in str(error.orig).lower():
            raise
        raise Forbidden("The account has just been deleted. Nothing was kept.") from None


def commit_with_code(work: "CodedWork[T]", *, code_length: int, is_chosen: bool = False) -> T:
    """Commit work that may make a link, durably; it is given a new code until one is free.

    Raises Taken where the work uses a code that the sender chose, and that is not free, and
    Forbidden when the sender's account went while the bytes were coming.
    """
    while True:
        try:
            with noticing_deletion():
                return commit(partial(work, code=new_code(code_length)), durable=True)
        except IntegrityError as error:
            if "code" not in str(error.orig).lower():
                raise
            if is_chosen:
                raise CodeTaken from None


def insert_link(driver: Driver, link: LinkRecord, owner_hash: str | None) -> LinkRecord:
    """Write the rows of a link within the caller's work; `owner_hash` names the owner's browser.

    Raises Forbidden when the owner was disabled meanwhile, and ContentBlocked.
    """
    if link.owner_id is not None and _IS_DISABLED.run(driver, user_id=link.owner_id):
        raise Forbidden("This account is disabled.")
    row = {name: getattr(link, name) for name in _LINK_VALUES}
    link_id = _INSERT_LINK.run(driver, **row)[0][0]
    files = [
        insert_file(driver, link_id, position, replace(file, created_at=link.created_at))
        for position, file in enumerate(link.files)
    ]
    if owner_hash is not None:
        _INSERT_ACCESS.run(
            driver, browser_hash=owner_hash, link_id=link_id, created_at=link.created_at
        )
    if files:
        # A child link has none: what it shows was uploaded with its parent.
        note_upload(
            *(driver, link_id),
            links=1,
            files=len(files),
            size_bytes=link.size_bytes,
            now=link.created_at,
        )
    return replace(link, id=link_id, files=files)


def insert_file(driver: Driver, link_id: int, position: int, file: FileRecord) -> FileRecord:
    """Write the row of a file within the caller's work. Raises ContentBlocked."""
    check_digest_within(driver, file.sha256)
    row = {name: getattr(file, name) for name in FILE_VALUES}
    file_id = _INSERT_FILE.run(driver, link_id=link_id, position=position, **row)[0][0]
    return replace(file, id=file_id)
