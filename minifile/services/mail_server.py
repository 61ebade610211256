"""The connection to a mail server, which ends by itself when the server takes too long.

The library gives each step a time of its own, so a server that says a letter at a time, or goes on
with its greeting for ever, would hold whoever talks to it.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Timer
from typing import Any

from minifile.config.mail import MailServer

# All steps together take no longer than this many of them.
_STEPS = 4


@contextmanager
def connected(server: MailServer, patience: timedelta) -> Iterator[smtplib.SMTP]:
    """Connect and sign in; `patience` is for each step, and four times that for all.

    Raises what the library raises: SMTPException, OSError or ValueError.
    """
    with _connect(server, patience) as connection:
        if server.encryption == "starttls":
            connection.starttls(context=ssl.create_default_context())
        if server.user is not None and server.password is not None:
            connection.login(server.user, server.password)
        yield connection


def _connect(server: MailServer, patience: timedelta) -> smtplib.SMTP:
    seconds = patience.total_seconds()
    if server.encryption != "tls":
        return _Limited(host=server.host, port=server.port, timeout=seconds)
    context = ssl.create_default_context()
    return _LimitedTls(host=server.host, port=server.port, timeout=seconds, context=context)


class _Limited(smtplib.SMTP):
    """A connection with an end from its beginning, the greeting and the goodbye included."""

    def __init__(self, **options: Any) -> None:
        self._is_over = False
        self._end = Timer(options["timeout"] * _STEPS, self._shut)
        self._end.daemon = True
        self._end.start()
        try:
            super().__init__(**options)
        except BaseException:
            self._end.cancel()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """Read what the server says, unless it is too late for that."""
        if self._is_over:
            # There was no socket to shut yet.
            self._shut()
        return super().getreply()

    def close(self) -> None:
        """Close the connection, which needs no end any more."""
        self._end.cancel()
        super().close()

    def _shut(self) -> None:
        self._is_over = True
        with suppress(OSError):
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)


class _LimitedTls(_Limited, smtplib.SMTP_SSL):
    """The same by TLS."""
