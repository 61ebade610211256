"""Is the database at the schema that this version needs?

Asked without Alembic, which takes a tenth of a second to import: at every start, and whenever
somebody wants to know whether the instance is ready.
"""

from pathlib import Path

from sqlalchemy import inspect

from minifile.errors import SchemaOutdated
from minifile.extensions import db

_VERSIONS = "SELECT version_num FROM alembic_version"


def check_schema(migrations: Path) -> None:
    """Raise SchemaOutdated, with the command that helps, unless every migration has run."""
    if not has_every_migration(migrations):
        raise SchemaOutdated("The database lacks migrations. Run: minifile db upgrade")


def has_every_migration(migrations: Path) -> bool:
    """Say whether every migration that this version knows has run.

    A newer version may have run more. They only add, so this one goes on serving beside it until
    its turn to be replaced has come.
    """
    return _present_revision() >= int(newest_revision(migrations))


def is_newer_than_this(migrations: Path) -> bool:
    """Say whether a newer version has run migrations that this one does not know."""
    return _present_revision() > int(newest_revision(migrations))


def _present_revision() -> int:
    """Return the number of the newest migration that has run, or -1 where none has."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return -1
        present = connection.exec_driver_sql(_VERSIONS).scalars()
        return max((int(revision) for revision in present if revision.isdecimal()), default=-1)


def newest_revision(migrations: Path) -> str:
    """Return the revision of the newest migration, by which its file's name begins.

    Migrations are numbered and follow one another in a line; a test asks Alembic whether.
    """
    newest = max(path.name for path in (migrations / "versions").glob("[0-9]*_*.py"))
    return newest.partition("_")[0]
