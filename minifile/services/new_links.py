"""The rows of a new link, written in one short transaction.

A flush of the session would cost more than all else that a small upload needs, so the rows are
inserted without it: the objects stay outside the session, and only the link learns its id.
"""

from typing import Any, cast

from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import IntegrityError

from minifile.codes import new_code, token_hash
from minifile.extensions import Base, write_transaction
from minifile.models import BrowserAccess, File, Link
from minifile.storage import Batch
from minifile.values import Role

_LINK, _FILE, _ACCESS = (cast(Table, model.__table__) for model in (Link, File, BrowserAccess))
# Made once: SQLAlchemy then knows them again without looking at their parts.
_INSERT_LINK, _INSERT_FILE, _INSERT_ACCESS = insert(_LINK), insert(_FILE), insert(_ACCESS)


def save_link(link: Link, batch: Batch, *, owner: str | None, code_length: int) -> None:
    """Write the rows of a link and its files under a new code, keep the blobs, and commit.

    `owner` is the browser that may manage it. A code that is taken is rolled again.
    """
    while True:
        link.code = new_code(code_length)
        try:
            with write_transaction() as session:
                _insert(session.connection(), link, owner)
                # From here on a failed commit must not take the bytes: it may have happened.
                batch.keep()
        except IntegrityError as error:
            if "code" not in str(error.orig):
                raise
            continue
        return


def _insert(connection: Connection, link: Link, owner: str | None) -> None:
    key = connection.execute(_INSERT_LINK, _values(link, _LINK)).inserted_primary_key
    assert key is not None
    link.id = key[0]
    for file in link.files:
        file.link_id, file.created_at = link.id, link.created_at
    connection.execute(_INSERT_FILE, [_values(file, _FILE) for file in link.files])
    if owner is not None:
        connection.execute(
            _INSERT_ACCESS,
            {
                "browser_hash": token_hash(owner),
                "link_id": link.id,
                "role": Role.OWNER,
                "created_at": link.created_at,
            },
        )


def _values(row: Base, table: Table) -> dict[str, Any]:
    """Return what the object holds; the id is the database's to give."""
    return {column.key: getattr(row, column.key) for column in table.c if column.key != "id"}
