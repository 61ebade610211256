"""The mails that minifile writes, and who may be written to.

An address in a mail begins with PUBLIC_URL and nothing else: a stranger who asks for somebody's
reset chooses the Host of that request, and must not choose where its secret leads.
"""

from datetime import datetime, timedelta

from flask import current_app

from minifile.config import Settings
from minifile.config.mail import parse_mail_url
from minifile.services.mail import Mail, Mailer, send_mail
from minifile.units import duration_in_words
from minifile.web.current import current_settings, utcnow

_UNASKED = "If you do not expect this mail, leave it alone: without the address nothing happens."


def mailer_of(settings: Settings) -> Mailer | None:
    """Return how mail is sent, or None where it is not set up."""
    if not settings.mail_url:
        return None
    return Mailer(parse_mail_url(settings.mail_url), settings.mail_from)


def sends_mail() -> bool:
    """Say whether this instance sends mail."""
    return bool(current_settings().mail_url)


def mail_invitation(to: str, path: str, lifetime: timedelta) -> bool:
    """Send an invitation; say whether that worked."""
    return _send(
        to,
        "An account for sharing files",
        "You can make an account for sharing files at this address:",
        path,
        f"It works once, for {duration_in_words(lifetime)}.",
    )


def mail_known_address(to: str, path: str) -> bool:
    """Answer who wants an account for an address that has one."""
    return _send(
        to,
        "You have an account already",
        "Somebody asked for an account with this address, which has one. If you have forgotten"
        " the password, choose a new one here:",
        path,
        "",
    )


def mail_reset(to: str, path: str, lifetime: timedelta) -> bool:
    """Send the address at which a new password is chosen; say whether that worked."""
    return _send(
        to,
        "A new password",
        "Choose a new password for your account at this address:",
        path,
        f"It works once, for {duration_in_words(lifetime)}. The old password is valid until then.",
    )


def mail_confirmation(to: str, path: str, lifetime: timedelta) -> bool:
    """Send the address that proves that this mailbox is the user's; say whether that worked."""
    return _send(
        to,
        "Is this your address?",
        "Confirm that this e-mail address belongs to your account:",
        path,
        f"It works for {duration_in_words(lifetime)}.",
    )


def mail_child_link(to: str, sender: str, path: str, expires_at: datetime) -> bool:
    """Send a recipient the link that is theirs alone; say whether that worked."""
    return _send(
        to,
        f"{sender} has sent you files",
        f"{sender} has sent you files. They are at this address, which is for you alone:",
        path,
        f"It works until {expires_at:%d %B %Y at %H:%M} UTC.",
        "If you do not know who that is, leave it alone.",
    )


def mail_submission(to: str, title: str, path: str) -> bool:
    """Tell the owner of a file request that files have arrived; say whether that worked."""
    return _send(
        to,
        "Files have arrived",
        f"Somebody has sent files to your file request: {title}",
        path,
        "No other mail comes of this file request until you have looked.",
        "",
    )


def _send(
    to: str, subject: str, sentence: str, path: str, ending: str, unasked: str = _UNASKED
) -> bool:
    settings = current_settings()
    mailer = mailer_of(settings)
    if mailer is None:
        return False
    address = (settings.public_url or "").rstrip("/") + path
    text = "\n\n".join(filter(None, (sentence, address, ending, unasked)))
    return send_mail(mailer, Mail(to, f"{subject} · {current_app.name}", f"{text}\n"), now=utcnow())
