"""Reading a link with its files: two statements, for every request that names a code."""

from sqlalchemy import bindparam, select

from minifile.models import File, Link
from minifile.services.statements import Driver, Row, Statement
from minifile.values import FileRecord, LinkRecord

_COLUMNS = select(
    Link.id,
    Link.code,
    Link.created_at,
    Link.expires_at,
    Link.max_downloads,
    Link.download_count,
    Link.password_hash,
    Link.owner_token_hash,
    Link.note,
    Link.state,
    Link.undo_until,
    Link.owner_id,
    Link.is_private,
    Link.parent_id,
    Link.recipient,
    Link.takedown_reason,
)
_LINK = Statement(_COLUMNS.where(Link.code == bindparam("code")))
_MADE_LINK = Statement(_COLUMNS.where(Link.id == bindparam("link_id")))
_FILES = Statement(
    select(
        File.id,
        File.filename,
        File.content_type,
        File.size_bytes,
        File.sha256,
        File.crc32,
        File.storage_key,
        File.created_at,
    )
    .where(File.link_id == bindparam("link_id"))
    .order_by(File.position)
)

_FILES_AT = list(LinkRecord.__dataclass_fields__).index("files")
_PARENT_AT = list(_COLUMNS.selected_columns.keys()).index("parent_id")


def has_link(driver: Driver, code: str) -> bool:
    """Say whether a link has this code, whatever its state."""
    return bool(_LINK.run(driver, code=code))


def read_link(driver: Driver, code: str) -> LinkRecord | None:
    """Return the link of a code, whatever its state, or None where there is none."""
    return _with_files(driver, _LINK.run(driver, code=code))


def read_made_link(driver: Driver, link_id: int) -> LinkRecord | None:
    """Return the link that an upload was made into, for who proves to be its sender."""
    return _with_files(driver, _MADE_LINK.run(driver, link_id=link_id))


def _with_files(driver: Driver, rows: list[Row]) -> LinkRecord | None:
    if not rows:
        return None
    # A child link shows the files of its parent.
    holder = rows[0][_PARENT_AT] or rows[0][0]
    files = [FileRecord(*row) for row in _FILES.run(driver, link_id=holder)]
    # Without files it was purged between the two statements: a link always has some.
    columns = [*rows[0][:_FILES_AT], files, *rows[0][_FILES_AT:]]
    return LinkRecord(*columns) if files else None
