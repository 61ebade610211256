"""`minifile user`, `invite` and `token`: everything about accounts from a shell."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from cli.conftest import Run
from click.testing import Result
from conftest import MINIFILE, environment_of
from flask import Flask
from forking import run_forked
from sqlalchemy import select

from minifile.extensions import db
from minifile.identity import NO_LIMIT, Scope, UserRole
from minifile.models import AuditEntry, User
from minifile.services.api_tokens import account_of_token
from minifile.services.invitations import find_invitation
from minifile.services.password_resets import find_reset
from minifile.services.users import find_user
from minifile.web.current import utcnow

PASSWORD = "correct horse battery staple"


def do(app: Flask, *arguments: str, typed: str | None = None) -> Result:
    return app.test_cli_runner().invoke(args=list(arguments), input=typed)


def make(app: Flask, name: str, *options: str) -> None:
    done = do(app, "user", "create", name, "--password-stdin", *options, typed=f"{PASSWORD}\n")
    assert done.exit_code == 0, done.output


def user(app: Flask, name: str) -> User:
    with app.app_context():
        row = db.session.scalars(select(User).where(User.name == name)).one()
        db.session.expunge(row)
        return row


@pytest.mark.sqlite
def test_the_first_admin_is_made_before_the_server_was_ever_started(tmp_path: Path):
    environment = environment_of(instance_path=str(tmp_path / "new"))

    command = [*MINIFILE, "user", "create", "Root", "--admin", "--password-stdin"]
    done = run_forked(command, env=environment, text=f"{PASSWORD}\n")

    assert (done.returncode, done.stdout) == (0, "Made the admin Root.\n")


def test_the_password_is_asked_for_twice_and_not_shown(app: Flask):
    done = do(app, "user", "create", "Alice", typed=f"{PASSWORD}\n{PASSWORD}\n")

    assert done.exit_code == 0
    assert PASSWORD not in done.output
    assert user(app, "Alice").role == "user"


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("name", "password", "words"),
    [
        ("Alice", "short", "A password has 10 to 256 characters."),
        ("x", PASSWORD, "A name has 2 to 64 characters."),
        ("Bоb", PASSWORD, "one that looks like it"),
    ],
)
def test_what_can_not_be_made_is_said_in_a_sentence(
    run: Run, app: Flask, name: str, password: str, words: str
):
    make(app, "Bob")

    command = [*MINIFILE, "user", "create", name, "--password-stdin"]
    environment = environment_of(instance_path=str(Path(app.instance_path)))
    done = run_forked(command, env=environment, text=f"{password}\n")

    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_users_are_listed_and_searched(app: Flask):
    make(app, "Alice", "--admin", "--email", "alice@example.org")
    make(app, "Bob")
    do(app, "user", "disable", "Bob")

    everyone, some = do(app, "user", "list").output, do(app, "user", "list", "ali").output

    assert re.search(r"admin +last signed in never +Alice  alice@example.org", everyone)
    assert re.search(r"disabled +last signed in never +Bob", everyone)
    assert "Bob" not in some


def test_role_address_and_limits_are_set_and_the_others_stay(app: Flask):
    make(app, "Alice")
    do(app, "user", "set", "alice", "--max-links", "7")

    done = do(
        app, "user", "set", "alice", "--role", "admin", "--email", "a@example.org",
        "--quota", "10GiB", "--max-file-size", "none", "--max-lifetime", "90d",
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    row = user(app, "Alice")
    assert (row.role, row.email) == ("admin", "a@example.org")
    assert (row.quota, row.max_file_size, row.max_links) == (10 * 2**30, NO_LIMIT, 7)
    assert row.max_lifetime_seconds == timedelta(days=90).total_seconds()
    do(app, "user", "set", "alice", "--quota", "default", "--max-lifetime", "none")
    row = user(app, "Alice")
    assert (row.quota, row.max_lifetime_seconds, row.max_links) == (None, NO_LIMIT, 7)


@pytest.mark.parametrize("value", ["-1", "much", "1e30", "99999999999GiB"])
def test_a_limit_that_is_none_is_refused(app: Flask, value: str):
    make(app, "Alice")

    done = do(app, "user", "set", "Alice", "--quota", value)

    assert done.exit_code != 0
    assert user(app, "Alice").quota is None


def test_disabling_and_enabling(app: Flask):
    make(app, "Alice")

    do(app, "user", "disable", "Alice")
    assert user(app, "Alice").disabled_at is not None
    do(app, "user", "enable", "Alice")
    assert user(app, "Alice").disabled_at is None


def test_a_reset_prints_its_address(make_app, app: Flask):
    make(app, "Alice")
    at_home = make_app(public_url="https://files.example.org")

    done = do(at_home, "user", "reset", "Alice")

    address = re.search(r"https://files\.example\.org/reset/(\S+)", done.output)
    assert address is not None
    with app.app_context():
        assert find_reset(address[1], now=utcnow()).name == "Alice"


def test_an_invitation_prints_its_address_and_holds_as_long_as_was_said(app: Flask):
    done = do(app, "invite", "--role", "admin", "--email", "x@example.org", "--expires-in", "2d")

    token = re.search(r"^/invite/(\S+)$", done.output, re.MULTILINE)
    assert token is not None
    with app.app_context():
        found = find_invitation(token[1], now=utcnow())
    assert (found.role, found.email) == (UserRole.ADMIN, "x@example.org")
    assert found.expires_at - found.created_at == timedelta(days=2)


def test_a_token_is_printed_once_listed_and_revoked(app: Flask):
    make(app, "Alice")

    made = do(
        app, "token", "create", "Alice", "backup", "--scopes", "upload,read", "--expires-in", "30d"
    )

    token = made.output.strip()
    with app.app_context():
        assert account_of_token(token, now=utcnow()).scopes == {Scope.UPLOAD, Scope.READ}
    listed = do(app, "token", "list", "Alice").output
    assert "backup  read,upload" in listed
    assert token not in listed
    assert do(app, "token", "revoke", "Alice", "backup").output == "Revoked 1 token.\n"
    assert do(app, "token", "revoke", "Alice", "backup").exit_code == 1


@pytest.mark.parametrize("scopes", ["", "all", "upload,,everything", "admin"])
def test_a_token_with_scopes_that_nobody_has_is_refused(app: Flask, scopes: str):
    make(app, "Alice")

    assert do(app, "token", "create", "Alice", "t", "--scopes", scopes).exit_code != 0
    assert "0 tokens" in do(app, "token", "list", "Alice").output


def test_a_user_is_deleted_after_a_question(app: Flask):
    make(app, "Alice")
    make(app, "Bob")

    refused = do(app, "user", "delete", "Alice", "--links", "delete", typed="n\n")
    done = do(app, "user", "delete", "Alice", "--links", "give:bob", "--yes")

    assert refused.exit_code == 1
    assert done.output == "Deleted Alice: 0 links deleted (0 B), 0 links kept.\n"
    with app.app_context():
        assert find_user("Alice") is None


@pytest.mark.parametrize("links", ["", "give", "give:", "give:nobody", "give:Alice", "everything"])
def test_links_go_to_somebody_or_are_kept_or_deleted(app: Flask, links: str):
    make(app, "Alice")

    assert do(app, "user", "delete", "Alice", "--links", links, "--yes").exit_code != 0
    assert user(app, "Alice").disabled_at is None


@pytest.mark.sqlite
def test_the_last_admin_stays(run: Run, app: Flask):
    make(app, "Root", "--admin")

    for command in (
        ("disable", "Root"),
        ("set", "Root", "--role", "user"),
        ("delete", "Root", "--links", "delete", "--yes"),
    ):
        done = run("user", *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert "This is the last admin." in done.stderr


def test_sessions_are_listed_and_ended(app: Flask):
    make(app, "Alice")

    assert do(app, "user", "sessions", "Alice").output == ""
    assert do(app, "user", "sessions", "Alice", "--end").output == "Ended 0 sessions of Alice.\n"


def test_what_a_shell_does_is_written_down_as_such(app: Flask):
    make(app, "Alice")
    do(app, "user", "set", "Alice", "--quota", "1GiB")
    do(app, "user", "disable", "Alice")

    with app.app_context():
        lines = db.session.execute(
            select(AuditEntry.action, AuditEntry.via, AuditEntry.actor_id).order_by(AuditEntry.id)
        ).all()
    assert [tuple(line) for line in lines] == [
        ("user.create", "cli", None), ("user.limits", "cli", None), ("user.disable", "cli", None),
    ]  # fmt: skip


@pytest.mark.sqlite
def test_an_unknown_user_is_said_so(run: Run):
    done = run("user", "disable", "Nobody")

    assert done.returncode == 1
    assert "There is no user Nobody." in done.stderr
