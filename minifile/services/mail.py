"""Mail: plain text, handed to a server by SMTP while somebody waits, so never for long."""

import logging
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from minifile.config.mail import MailServer
from minifile.values import Level, Verdict

log = logging.getLogger("minifile")

MAIL = "mail"
# How long the server may take for each step.
PATIENCE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Mailer:
    """How an instance sends mail: by which server, and in whose name."""

    server: MailServer
    sender: str
    patience: timedelta = PATIENCE


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one address."""

    to: str
    subject: str
    text: str


def send_mail(mailer: Mailer, mail: Mail, *, now: datetime) -> bool:
    """Hand a mail to the server, and say whether it took it.

    What goes wrong is written to the log by its kind alone: what a server answers may hold the
    address, and the text holds a secret.
    """
    try:
        if not mail.to:
            # Not every release of the library says so.
            raise ValueError("a mail needs an address")
        with _connected(mailer) as connection:
            connection.send_message(_message(mailer, mail, now))
    except (smtplib.SMTPException, OSError, ValueError) as error:
        log.error("a mail could not be sent: %s", _kind(error))
        return False
    return True


def probe_mail(mailer: Mailer) -> Verdict:
    """Look whether the mail server answers and lets us in; nothing is sent."""
    try:
        with _connected(mailer) as connection:
            connection.noop()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        sentence = f"The mail server does not take our mail: {_kind(error)}."
        return Verdict(Level.WARNING, MAIL, sentence)
    return Verdict(Level.OK, MAIL, "The mail server answers and lets us in.")


@contextmanager
def _connected(mailer: Mailer) -> Iterator[smtplib.SMTP]:
    server, seconds = mailer.server, mailer.patience.total_seconds()
    context = ssl.create_default_context()
    made = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=context)
        if server.encryption == "tls"
        else smtplib.SMTP(server.host, server.port, timeout=seconds)
    )
    with made as connection:
        if server.encryption == "starttls":
            connection.starttls(context=context)
        if server.user is not None and server.password is not None:
            connection.login(server.user, server.password)
        yield connection


def _message(mailer: Mailer, mail: Mail, now: datetime) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = mailer.sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=parseaddr(mailer.sender)[1].rpartition("@")[2])
    # So that no holiday notice comes back.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


def _kind(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    return type(error).__name__ if code is None else f"{type(error).__name__} {code}"
