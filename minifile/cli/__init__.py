"""Commands: `minifile …` and `flask --app wsgi …` are the same ones."""

import sys

import click
from flask import Flask
from flask.cli import FlaskGroup

from minifile.cli.fsck import fsck
from minifile.cli.purge import purge
from minifile.cli.serve import serve
from minifile.cli.stats import stats
from minifile.errors import MinifileError


def register(app: Flask) -> None:
    """Add the commands to the application."""
    for command in (serve, purge, fsck, stats):
        app.cli.add_command(command)


def _create_app() -> Flask:
    from minifile import create_app  # The package imports this module.

    return create_app()


def main() -> None:
    """Run `minifile`; an expected failure is one sentence and exit status 1."""
    group = FlaskGroup(
        create_app=_create_app,
        add_default_commands=False,
        add_version_option=False,
        load_dotenv=False,
        set_debug_flag=False,
        help="Upload a file, get a short link, share it, and have it expire.",
    )
    # The application is always this one, and only `config.py` reads the environment.
    group.params = [p for p in group.params if p.name not in ("env_file", "app", "debug")]
    try:
        group.main(prog_name="minifile")
    except MinifileError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
