"""Commands: `minifile …` and `flask --app wsgi …` are the same ones."""

from flask import Flask

from minifile.cli.fsck import fsck
from minifile.cli.purge import purge
from minifile.cli.serve import serve
from minifile.cli.stats import stats


def register(app: Flask) -> None:
    """Add the commands to the application."""
    for command in (serve, purge, fsck, stats):
        app.cli.add_command(command)
