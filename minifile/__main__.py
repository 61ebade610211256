"""The program `minifile`, also as `python -m minifile`."""

import os
import sys

import click
from flask.cli import FlaskGroup

from minifile import create_app
from minifile.errors import MinifileError
from minifile.extensions import DATABASE_UNAVAILABLE


def main() -> None:
    """Run `minifile`; an expected failure is one sentence and exit status 1."""
    # The database and its lock hold names and notes: nobody else on the machine may read them.
    os.umask(0o077)
    group = FlaskGroup(
        create_app=create_app,
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
    except DATABASE_UNAVAILABLE as error:
        click.echo(f"The database does not answer: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
