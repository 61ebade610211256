"""Commands: `minifile …` and `flask --app wsgi …` are the same ones.

Each is named here with where it is defined and what the list of commands says of it. Its module
is imported when the command is called: the server's own would cost the help half a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minifile.cli.late import LateCommand

if TYPE_CHECKING:
    from flask import Flask

# A test holds these sentences against the commands' own.
COMMANDS = (
    LateCommand("serve", "minifile.cli.serve:serve", "Serve until stopped."),
    LateCommand(
        "purge",
        "minifile.cli.purge:purge",
        "Delete expired links and partial uploads with their bytes, and what crashes left behind.",
    ),
    LateCommand(
        "fsck",
        "minifile.cli.fsck:fsck",
        "Look for rows without blobs, blobs without rows, wrong sizes and wrong digests.",
    ),
    LateCommand(
        "stats",
        "minifile.cli.stats:stats",
        "Print links, files, bytes, downloads, users and free space.",
    ),
    LateCommand(
        "check",
        "minifile.cli.check:check",
        "Say in a line each whether settings, database, storage and proxies fit together.",
    ),
    LateCommand(
        "user",
        "minifile.cli.user:user",
        "Make users, list them, change, disable and delete them.",
    ),
    LateCommand(
        "invite",
        "minifile.cli.invite:invite",
        "Print an address with which somebody makes an account, once.",
    ),
    LateCommand(
        "token",
        "minifile.cli.token:token",
        "Make, list and revoke the API tokens of users.",
    ),
    LateCommand(
        "link",
        "minifile.cli.link:link",
        "Find links, look at one, revoke one, take one down, block its files.",
    ),
    LateCommand(
        "digest",
        "minifile.cli.digest:digest",
        "Refuse files by their SHA-256, accept them again, list them.",
    ),
    LateCommand(
        "report",
        "minifile.cli.report:report",
        "List reports of links, dismiss them, or take the link down.",
    ),
    LateCommand("audit", "minifile.cli.audit:audit", "Read the audit log."),
    LateCommand(
        "settings",
        "minifile.cli.settings:settings",
        "Print every setting in force with where it came from, but no secret.",
    ),
    LateCommand("db", "minifile.cli.db:migrations", "Perform database migrations."),
)


def register(app: Flask) -> None:
    """Add the commands to the application."""
    for command in COMMANDS:
        app.cli.add_command(command)
