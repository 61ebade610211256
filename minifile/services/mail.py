"""Mail, handed to a server by SMTP: while somebody waits for it, or from the outbox, repeatedly.

Whoever waits hears that it worked or not. The outbox hears what to do next: a mail that the server
may take later is offered again under the same Message-ID.
"""

import logging
import smtplib
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, make_msgid, parseaddr

from minifile.config.mail import MailServer
from minifile.notification_values import SendAnswer, SendOutcome
from minifile.services.mail_server import connected
from minifile.values import Level, Verdict

log = logging.getLogger("minifile")

MAIL = "mail"
_OFF = "List-Unsubscribe"
# How long the server may take for each step; for all of them, see services/mail_server.py.
PATIENCE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Mailer:
    """How an instance sends mail: by which server, and in whose name."""

    server: MailServer
    sender: str
    patience: timedelta = PATIENCE


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one address; the text says all that the HTML says."""

    to: str
    subject: str
    text: str
    html: str | None = None
    message_id: str | None = None
    """Stays the same when the mail is offered again, so that a second copy can be told."""
    off_address: str | None = None
    """Where a POST switches such mails off."""


class _Policy(EmailPolicy):
    """SMTP's own, but for addresses that switch mails off: those stay in one piece.

    The library would write a long one in encoded words, which no mail program takes for an address.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        if name == _OFF:
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


_POLICY = _Policy(linesep=SMTP.linesep)


def send_mail(mailer: Mailer, mail: Mail, *, now: datetime) -> bool:
    """Hand a mail to the server, and say whether it took it.

    What goes wrong is written to the log by its kind alone: what a server answers may hold the
    address, and the text holds a secret.
    """
    try:
        with connected(mailer.server, mailer.patience) as connection:
            connection.send_message(_message(mailer, mail, now))
    except (smtplib.SMTPException, OSError, ValueError) as error:
        log.error("a mail could not be sent: %s", _kind(error))
        return False
    return True


def offer_mail(mailer: Mailer, mail: Mail, *, now: datetime) -> SendAnswer:
    """Hand a mail to the server, and say what became of it.

    Sent is what the server has said yes to, however it behaves afterwards. Where a connection
    breaks before that, nobody knows whether it took the mail: it is to be offered again, and so
    may arrive twice, with one Message-ID.
    """
    try:
        message = _message(mailer, mail, now)
    except ValueError as error:
        return SendAnswer(SendOutcome.REFUSED, _kind(error))
    answer: SendAnswer | None = None
    try:
        with connected(mailer.server, mailer.patience) as connection:
            answer = _offer(connection, message)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        # Where there is an answer already, only the goodbye has failed.
        return answer or SendAnswer(SendOutcome.LATER, _kind(error))
    return answer


def _offer(connection: smtplib.SMTP, message: EmailMessage) -> SendAnswer:
    """Send a message on a connection that has let us in; a break of it is raised."""
    try:
        connection.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        ((code, _),) = error.recipients.values()
        return SendAnswer(_judged(code), f"{type(error).__name__} {code}")
    except smtplib.SMTPDataError as error:
        return SendAnswer(_judged(error.smtp_code), _kind(error))
    except smtplib.SMTPNotSupportedError as error:
        # An address with letters that the server has no way to write.
        return SendAnswer(SendOutcome.REFUSED, _kind(error))
    return SendAnswer(SendOutcome.SENT, "250")


def _judged(code: int) -> SendOutcome:
    # 421 is the server's goodbye, and says nothing of the mailbox.
    return SendOutcome.REFUSED if 500 <= code < 600 else SendOutcome.LATER


def probe_mail(mailer: Mailer) -> Verdict:
    """Look whether the mail server answers and lets us in; nothing is sent."""
    try:
        with connected(mailer.server, mailer.patience) as connection:
            connection.noop()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        sentence = f"The mail server does not take our mail: {_kind(error)}."
        return Verdict(Level.WARNING, MAIL, sentence)
    return Verdict(Level.OK, MAIL, "The mail server answers and lets us in.")


def _message(mailer: Mailer, mail: Mail, now: datetime) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["From"] = mailer.sender
    if not mail.to:
        # Not every release of the library says so.
        raise ValueError("a mail needs an address")
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = mail.message_id or make_msgid(domain=domain_of(mailer))
    # So that no holiday notice comes back.
    message["Auto-Submitted"] = "auto-generated"
    if mail.off_address is not None:
        # RFC 8058: the mail program has a button, and posts there without asking anybody.
        message[_OFF] = f"<{mail.off_address}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    return message


def domain_of(mailer: Mailer) -> str:
    """Return the domain in whose name mail is sent; the ids of mails end with it."""
    return parseaddr(mailer.sender)[1].rpartition("@")[2]


def _kind(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    return type(error).__name__ if code is None else f"{type(error).__name__} {code}"
