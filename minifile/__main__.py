"""The program `minifile`, also as `python -m minifile`."""

import os
import sys

import click

from minifile import create_app
from minifile.cli import COMMANDS
from minifile.errors import MinifileError


@click.group(
    commands=list(COMMANDS), help="Upload a file, get a short link, share it, and have it expire."
)
@click.pass_context
def program(context: click.Context) -> None:
    """Give the commands their application; it is made when one of them asks for it."""
    from flask.cli import ScriptInfo

    # It is always this one: neither an option nor the environment names another.
    context.obj = ScriptInfo(create_app=create_app, set_debug_flag=False)


def main() -> None:
    """Run `minifile`; an expected failure is one sentence and exit status 1."""
    # The database and its lock hold names and notes: nobody else on the machine may read them.
    os.umask(0o077)
    try:
        program(prog_name="minifile")
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        click.echo(sentence, err=True)
        sys.exit(1)


def _sentence(error: Exception) -> str | None:
    """Return what to say of an expected failure, or None for any other."""
    if isinstance(error, MinifileError):
        return str(error)
    from minifile.extensions import DATABASE_UNAVAILABLE

    if isinstance(error, DATABASE_UNAVAILABLE):
        return f"The database does not answer: {error}"
    return None


if __name__ == "__main__":
    main()
