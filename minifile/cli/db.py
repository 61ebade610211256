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
from minifile.services.schema import is_newer_than_this
from minifile.web.current import current_application, current_instance, instance_of


@click.group("db", commands=commands.commands, params=commands.params)
@click.pass_context
@with_appcontext
def migrations(context: click.Context, directory: str | None, x_arg: tuple[str, ...]) -> None:
    """Perform database migrations."""
    if context.invoked_subcommand == "upgrade" and is_newer_than_this(
        current_instance().migrations
    ):
        # A replica of the version before starts once more while the newer one is being rolled out.
        click.echo("The database has been upgraded by a newer version; nothing is to be done.")
        context.exit()
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
