"""The list of commands: it is right, and nobody waits for it."""

import subprocess
import sys

import click
import pytest
from cli.conftest import Run
from flask import Flask

from minifile.cli import COMMANDS
from minifile.cli.late import LateCommand
from minifile.config import migrations_path

# Each takes a tenth of a second or more to import.
HEAVY = {"alembic", "apscheduler", "argon2", "flask", "gunicorn", "pydantic", "sqlalchemy"}


def imported_by(program: str) -> set[str]:
    """Return the top-level modules that a process has imported after running `program`."""
    code = f"import sys\n{program}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("late", COMMANDS, ids=lambda command: command.name)
def test_the_list_says_of_a_command_what_it_says_of_itself(late: LateCommand):
    command = late.load()

    assert late.name == command.name
    assert late.get_short_help_str() == command.get_short_help_str()


def test_the_help_imports_nothing_heavy():
    program = "from minifile.__main__ import program; program(['--help'], standalone_mode=False)"

    assert imported_by(program) & HEAVY == set()


def test_the_application_is_made_without_what_only_some_requests_need():
    program = "from minifile import create_app; create_app()"

    heavy = {"alembic", "apscheduler", "argon2", "flask_migrate", "gunicorn", "segno"}
    assert imported_by(program) & heavy == set()


def test_help_lists_every_command_with_its_sentence(run: Run):
    done = run("--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines()] == [
        "audit", "check", "db", "digest", "fsck", "invite", "link", "purge", "report", "serve",
        "settings", "stats", "token", "user",
    ]  # fmt: skip


def test_a_command_tells_its_own_help(run: Run):
    done = run("fsck", "--help")

    assert done.returncode == 0
    assert "--digests" in done.stdout


def test_a_group_hands_on_to_its_own_commands(run: Run):
    newest = max(path.name[:4] for path in (migrations_path() / "versions").glob("0*.py"))

    done = run("db", "heads")

    assert (done.returncode, done.stdout) == (0, f"{newest} (head)\n")


def test_an_unknown_command_is_refused_with_the_way_to_the_help(run: Run):
    done = run("prune")

    assert done.returncode == 2
    assert "No such command 'prune'" in done.stderr
    assert "Try 'minifile --help'" in done.stderr


def test_commands_of_the_list_are_commands_of_flask(app: Flask):
    listed = app.cli.list_commands(click.Context(app.cli))

    assert {command.name for command in COMMANDS} <= set(listed)
