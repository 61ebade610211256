"""`minifile user …`: users, made and looked after from a shell."""

import sys
from dataclasses import replace
from typing import Any

import click
from flask.cli import with_appcontext

from minifile.cli.people import find_named, limit, ready_database, shown_address
from minifile.identity import BY_SHELL, UserRole
from minifile.services.leaving import LinksFate, delete_user
from minifile.services.own_account import change_email
from minifile.services.password_resets import HANDED_LIFETIME, make_reset
from minifile.services.user_sessions import end_sessions, list_sessions
from minifile.services.users import (
    UserRecord,
    change_limits,
    change_role,
    create_user,
    disable_user,
    enable_user,
    list_users,
)
from minifile.units import duration_in_words, plural, size_in_words
from minifile.web.current import current_session_times, current_storage, utcnow

_ROLES = click.Choice([role.value for role in UserRole])
_PAGE = 500


@click.group("user")
def user() -> None:
    """Make users, list them, change, disable and delete them."""


@user.command("create")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make them an admin.")
@click.option("--email", help="Their e-mail address.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@with_appcontext
def create(name: str, admin: bool, email: str | None, password_stdin: bool) -> None:
    """Make a user; the first admin is made this way.

    The password is asked for. To let users choose it themselves, use `minifile invite`.
    """
    ready_database()
    made = create_user(
        name,
        email=email,
        password=_read_password(password_stdin),
        role=UserRole.ADMIN if admin else UserRole.USER,
        actor=BY_SHELL,
        now=utcnow(),
    )
    click.echo(f"Made the {made.role} {made.name}.")


@user.command("list")
@click.argument("search", default="")
@with_appcontext
def list_(search: str) -> None:
    """List users, or those whose name or address holds SEARCH."""
    offset = 0
    while page := list_users(search, limit=_PAGE, offset=offset):
        offset += len(page)
        for each in page:
            click.echo(_as_line(each))
    click.echo(f"{plural(offset, 'user')}.", err=True)


@user.command("set")
@click.argument("name")
@click.option("--role", type=_ROLES)
@click.option("--email", help='Their e-mail address; "" removes it.')
@click.option("--quota", type=limit("size"), help="Bytes of all live links: 10GiB, none, default.")
@click.option("--max-file-size", type=limit("size"))
@click.option("--max-links", type=limit("count"), help="Live links at once.")
@click.option("--max-lifetime", type=limit("lifetime"))
@click.option("--daily-upload", type=limit("size"), help="Bytes uploaded in a day (UTC).")
@click.pass_context
@with_appcontext
def set_(
    context: click.Context, /, name: str, role: str | None, email: str | None, **limits: Any
) -> None:
    """Change role, address and limits of a user: a value, none (no limit) or default.

    default stands for what the settings give to the role. A quota below what is in use deletes
    nothing; it refuses further uploads.
    """
    found = find_named(name)
    if role is not None:
        change_role(found.id, UserRole(role), actor=BY_SHELL, now=utcnow())
    if email is not None:
        change_email(found.id, email or None, actor=BY_SHELL, now=utcnow())
    given = {key: limits[key] for key in limits if _is_given(context, key)}
    if given:
        changed = replace(found.limits, **given)
        change_limits(found.id, changed, actor=BY_SHELL, now=utcnow())
    click.echo(f"Changed {found.name}.")


@user.command("disable")
@click.argument("name")
@with_appcontext
def disable(name: str) -> None:
    """Let a user sign in no more; sessions end, tokens are refused, links stay."""
    found = find_named(name)
    disable_user(found.id, actor=BY_SHELL, now=utcnow())
    click.echo(f"Disabled {found.name}.")


@user.command("enable")
@click.argument("name")
@with_appcontext
def enable(name: str) -> None:
    """Let a disabled user sign in again."""
    found = find_named(name)
    enable_user(found.id, actor=BY_SHELL, now=utcnow())
    click.echo(f"Enabled {found.name}.")


@user.command("reset")
@click.argument("name")
@with_appcontext
def reset(name: str) -> None:
    """Print the address at which a user chooses a new password, once."""
    found = find_named(name)
    token = make_reset(found.id, lifetime=HANDED_LIFETIME, actor=BY_SHELL, now=utcnow())
    click.echo(shown_address(f"/reset/{token}"))
    click.echo(f"It works once, for {duration_in_words(HANDED_LIFETIME)}.", err=True)


@user.command("delete")
@click.argument("name")
@click.option(
    "--links", required=True, help="What becomes of the links: delete, keep or give:OTHER."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def delete(name: str, links: str, yes: bool) -> None:
    """Delete a user, and all that names them but audit lines."""
    found = find_named(name)
    fate, heir = _read_fate(links)
    if not yes:
        click.confirm(f"Delete {found.name} for good, links: {links}?", abort=True)
    went = delete_user(
        found.id,
        fate,
        heir_id=None if heir is None else heir.id,
        actor=BY_SHELL,
        storage=current_storage(),
        now=utcnow(),
    )
    click.echo(
        f"Deleted {found.name}: {plural(went.links_deleted, 'link')} deleted"
        f" ({size_in_words(went.size_bytes)}), {plural(went.links_kept, 'link')} kept."
    )


@user.command("sessions")
@click.argument("name")
@click.option("--end", is_flag=True, help="Sign the user out everywhere.")
@with_appcontext
def sessions(name: str, end: bool) -> None:
    """List where a user is signed in."""
    found = find_named(name)
    if end:
        count = end_sessions(found.id, actor=BY_SHELL, now=utcnow())
        click.echo(f"Ended {plural(count, 'session')} of {found.name}.")
        return
    for each in list_sessions(found.id, times=current_session_times(), now=utcnow()):
        click.echo(f"{each.id}  last used {each.seen_at:%Y-%m-%d %H:%M} UTC  {each.user_agent}")


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _read_fate(links: str) -> tuple[LinksFate, UserRecord | None]:
    word, _, heir = links.partition(":")
    if word == LinksFate.GIVE and heir:
        return LinksFate.GIVE, find_named(heir)
    if links not in (LinksFate.DELETE, LinksFate.KEEP):
        raise click.BadParameter("say delete, keep or give:OTHER", param_hint="--links")
    return LinksFate(links), None


def _is_given(context: click.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _as_line(each: UserRecord) -> str:
    standing = "disabled" if each.disabled_at else each.role
    seen = f"{each.signed_in_at:%Y-%m-%d}" if each.signed_in_at else "never"
    return f"{standing:<9} last signed in {seen:<11} {each.name}  {each.email or ''}".rstrip()
