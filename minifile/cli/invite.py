"""`minifile invite`: an address with which somebody makes an account."""

from datetime import timedelta

import click
from flask.cli import with_appcontext

from minifile.cli.people import lifetime, ready_database, shown_address
from minifile.identity import BY_SHELL, UserRole
from minifile.services.invitations import LIFETIME
from minifile.services.invitations import invite as make_invitation
from minifile.units import duration_in_words
from minifile.web.current import utcnow
from minifile.web.letters import mail_invitation, sends_mail


@click.command("invite")
@click.option("--email", help="Whom it is for; it is mailed there where mail is set up.")
@click.option("--role", type=click.Choice([role.value for role in UserRole]), default="user")
@click.option("--expires-in", type=lifetime, default="7d", show_default=True)
@with_appcontext
def invite(email: str | None, role: str, expires_in: timedelta | None) -> None:
    """Print an address with which somebody makes an account, once."""
    ready_database()
    expires_in = expires_in or LIFETIME
    token, made = make_invitation(
        email=email, role=UserRole(role), lifetime=expires_in, actor=BY_SHELL, now=utcnow()
    )
    path = f"/invite/{token}"
    if made.email is not None and sends_mail():
        is_sent = mail_invitation(made.email, path, expires_in)
        word = "It was mailed." if is_sent else "The mail could not be sent: hand it over yourself."
        click.echo(word, err=True)
    click.echo(shown_address(path))
    click.echo(f"It works once, for {duration_in_words(expires_in)}.", err=True)
