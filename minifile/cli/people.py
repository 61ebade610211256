"""What the commands about users share: finding one, addresses for them, durations and limits."""

from collections.abc import Callable
from datetime import timedelta

import click

from minifile.identity import NO_LIMIT
from minifile.services.schema import check_schema, has_every_migration
from minifile.services.users import UserRecord, find_user
from minifile.units import parse_size, read_duration
from minifile.values import ENDLESS
from minifile.web.current import current_application, current_instance, current_settings


def find_named(name: str) -> UserRecord:
    """Return the user of a name or an address. Raises ClickException."""
    user = find_user(name)
    if user is None:
        raise click.ClickException(f"There is no user {name}.")
    return user


def shown_address(path: str) -> str:
    """Return the whole address of a path, as far as the settings tell it."""
    public_url = current_settings().public_url
    if public_url is None:
        click.echo("PUBLIC_URL is not set; put the address of this site in front:", err=True)
        return path
    return public_url.rstrip("/") + path


def lifetime(value: str) -> timedelta:
    """Read a duration for click: 90m, 12h, 7d."""
    try:
        return read_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def limit(kind: str) -> Callable[[str], int | timedelta | None]:
    """Return what reads a limit of a user for click.

    That is a value, `none` for no limit, or `default`, which is None, for what the role has.
    """

    def limit_(value: str) -> int | timedelta | None:
        if value == "default":
            return None
        is_lifetime = kind == "lifetime"
        if value == "none":
            return timedelta(seconds=NO_LIMIT) if is_lifetime else NO_LIMIT
        try:
            return read_duration(value) if is_lifetime else _number(value, kind)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return limit_


def ready_database() -> None:
    """Make or upgrade an embedded database, as `serve` does: the first admin may come before.

    Raises SchemaOutdated for an external one that is not upgraded.
    """
    instance = current_instance()
    if instance.settings.uses_sqlite and not has_every_migration(instance.migrations):
        # Alembic is only imported where something is to be migrated.
        from minifile.cli.db import upgrade_database

        upgrade_database(current_application())
    check_schema(instance.migrations)


def _number(value: str, kind: str) -> int:
    number = parse_size(value) if kind == "size" else int(value)
    assert isinstance(number, int)
    if not 0 <= number < ENDLESS:
        raise ValueError(f"{value!r} is out of range")
    return number
