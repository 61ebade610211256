"""`minifile token …`: API tokens of users."""

from datetime import timedelta

import click
from flask.cli import with_appcontext

from minifile.cli.people import find_named, lifetime
from minifile.identity import BY_SHELL, Scope
from minifile.services.api_tokens import TokenRecord, create_token, list_tokens, revoke_token
from minifile.units import plural, split
from minifile.web.current import utcnow


@click.group("token")
def token() -> None:
    """Make, list and revoke the API tokens of users."""


@token.command("create")
@click.argument("user")
@click.argument("name")
@click.option("--scopes", required=True, help="With commas between: upload, read, manage, admin.")
@click.option("--expires-in", type=lifetime, help="Until it is revoked, when not given.")
@with_appcontext
def create(user: str, name: str, scopes: str, expires_in: timedelta | None) -> None:
    """Make a token and print it, this once."""
    made, _ = create_token(
        find_named(user).id,
        name,
        _read_scopes(scopes),
        lifetime=expires_in,
        actor=BY_SHELL,
        now=utcnow(),
    )
    click.echo(made)


@token.command("list")
@click.argument("user")
@with_appcontext
def list_(user: str) -> None:
    """List the tokens of a user."""
    found = list_tokens(find_named(user).id)
    for each in found:
        until = f"until {each.expires_at:%Y-%m-%d}" if each.expires_at else "until revoked"
        used = f"used {each.used_at:%Y-%m-%d}" if each.used_at else "never used"
        click.echo(f"{each.id}  {each.name}  {','.join(each.scopes)}  {until}  {used}")
    click.echo(f"{plural(len(found), 'token')}.", err=True)


@token.command("revoke")
@click.argument("user")
@click.argument("name_or_id")
@with_appcontext
def revoke(user: str, name_or_id: str) -> None:
    """Revoke the tokens of a user that have a name, or the one with an id."""
    user_id = find_named(user).id
    found = [each for each in list_tokens(user_id) if _is_meant(each, name_or_id)]
    if not found:
        raise click.ClickException(f"There is no token {name_or_id}.")
    for each in found:
        revoke_token(user_id, each.id, actor=BY_SHELL, now=utcnow())
    click.echo(f"Revoked {plural(len(found), 'token')}.")


def _is_meant(each: TokenRecord, name_or_id: str) -> bool:
    return each.name == name_or_id or str(each.id) == name_or_id


def _read_scopes(text: str) -> set[Scope]:
    words = split(text)
    assert isinstance(words, tuple)
    unknown = [word for word in words if word not in list(Scope)]
    if unknown:
        raise click.BadParameter(f"{unknown[0]} is no scope", param_hint="--scopes")
    return {Scope(word) for word in words}
