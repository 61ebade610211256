"""`minifile settings`: what is in force, and where it came from."""

import click
from flask.cli import with_appcontext

from minifile.config import settings_in_force
from minifile.web.current import current_settings


@click.command("settings")
@with_appcontext
def settings() -> None:
    """Print every setting in force with where it came from, but no secret."""
    for shown in settings_in_force(current_settings()):
        click.echo(f"{shown.name:<30}{shown.value}  ({shown.source})")
