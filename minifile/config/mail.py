"""The address of a mail server: `smtp://user:password@host:587?tls=starttls`."""

from dataclasses import dataclass
from email.utils import parseaddr
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Encryption = Literal["starttls", "tls", "none"]

_PORTS: dict[Encryption, int] = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True, repr=False)
class MailServer:
    """Where mail is handed in. It may hold a secret, so it never shows itself."""

    host: str
    port: int
    encryption: Encryption
    user: str | None = None
    password: str | None = None


def parse_mail_url(url: str) -> MailServer:
    """Read the address of a mail server. Raises ValueError with a sentence that shows no secret."""
    parts = urlsplit(url)
    if parts.scheme != "smtp" or not parts.hostname or parts.path.strip("/") or parts.fragment:
        raise ValueError("must be like smtp://user:password@mail.example.org:587?tls=starttls")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    encryption = options.pop("tls", "starttls")
    if options or encryption not in _PORTS:
        raise ValueError("has one option: tls=starttls, tls=tls or tls=none")
    if (parts.username is None) != (parts.password is None) or parts.netloc.count("@") > 1:
        raise ValueError("must name user and password, or neither; @ in them is written as %40")
    return MailServer(
        parts.hostname,
        _port(parts.netloc) or _PORTS[encryption],
        encryption,
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
    )


def check_mail_url(url: str) -> str:
    """Return the address as it is, or nothing, where none is given."""
    if url:
        parse_mail_url(url)
    return url


def check_mail_from(address: str) -> str:
    """Return what stands in the From of each mail. Raises ValueError."""
    mailbox = parseaddr(address)[1]
    if address and (not mailbox.isprintable() or "@" not in mailbox[1:-1] or "\n" in address):
        raise ValueError("must be an address: minifile@example.org, or Files <files@example.org>")
    return address


def _port(netloc: str) -> int | None:
    """Return the port that is named. Raises ValueError without saying what stands before it."""
    try:
        return urlsplit(f"//{netloc}").port
    except ValueError:
        raise ValueError("must name a port from 1 to 65535") from None
