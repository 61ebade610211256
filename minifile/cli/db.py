"""`minifile db …`: migrations, by Flask-Migrate.

Alembic takes a tenth of a second to import, so nothing that is needed without it stands here, and
the application knows it only once somebody migrates.
"""

import click
from flask import Flask, g
from flask.cli import with_appcontext
from flask_migrate import Migrate, upgrade
from flask_migrate.cli import db as commands

from minifile.extensions import db
from minifile.web.current import current_application, instance_of


@click.group("db", commands=commands.commands, params=commands.params)
@with_appcontext
def migrations(directory: str | None, x_arg: tuple[str, ...]) -> None:
    """Perform database migrations."""
    prepare_migrations(current_application())
    g.directory = directory
    g.x_arg = x_arg


def prepare_migrations(app: Flask) -> None:
    """Tell Flask-Migrate, once, where the migrations of this application are."""
    if "migrate" in app.extensions:
        return
    instance = instance_of(app)
    Migrate().init_app(
        app,
        db,
        directory=str(instance.migrations),
        render_as_batch=instance.settings.uses_sqlite,
        compare_type=True,
    )


def upgrade_database(app: Flask) -> None:
    """Bring the database to the newest schema, making it first if there is none."""
    prepare_migrations(app)
    upgrade()
