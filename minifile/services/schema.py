"""Is the database at the schema that this version needs?"""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from minifile.errors import SchemaOutdated
from minifile.extensions import db


def check_schema(migrations: Path) -> None:
    """Raise SchemaOutdated, with the command that helps, unless every migration has run."""
    needed = set(ScriptDirectory(str(migrations)).get_heads())
    with db.engine.connect() as connection:
        present = set(MigrationContext.configure(connection).get_current_heads())
    if present != needed:
        raise SchemaOutdated("The database lacks migrations. Run: minifile db upgrade")
