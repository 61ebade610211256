"""A mail server for the tests: keeps what it is given, refuses it, or says nothing at all."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from wire import eventually


@dataclass
class Mailbox:
    """What has arrived, and the address of the server that took it."""

    url: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    refuses: bool = False
    recipient_answers: list[str] = field(default_factory=list)
    """What is said of the next recipients, before all is well again."""
    dies: int = 0
    """How many mails are kept without a word of it, since the connection breaks."""

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.recipient_answers:
            return self.recipient_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Envelope) -> str:
        if self.refuses:
            return "554 5.7.1 mail for secret@example.org is not wanted"
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.raw.append(envelope.content)
        if self.dies:
            self.dies -= 1
            server.transport.abort()
        return "250 OK"

    def only(self) -> EmailMessage:
        """Wait for a mail, and return it: there is one."""
        eventually(lambda: self.mails)
        (mail,) = self.mails
        return mail

    def path(self, to: str, start: str) -> str:
        """Wait for the mail to somebody, and return the path of the address in it."""

        def found() -> list[str]:
            texts = [text_of(mail) for mail in self.mails if mail["To"] == to]
            return [a for text in texts for a in re.findall(rf"\S+{re.escape(start)}\S*", text)]

        eventually(found)
        return urlsplit(found()[-1]).path


def text_of(mail: EmailMessage) -> str:
    """Return the plain text of a mail."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def html_of(mail: EmailMessage) -> str:
    """Return the HTML of a mail."""
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


class _Local(Controller):
    """A controller on a port that the system chooses; the parent tries port 0 itself."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(
    *, password: str | None = None, certificate: ssl.SSLContext | None = None
) -> Iterator[Mailbox]:
    """Run a server that takes mail, from everybody or from `minifile` with a password."""
    mailbox = Mailbox()

    def authenticate(_s: Any, _session: Any, _e: Any, _m: str, given: Any) -> AuthResult:
        is_right = isinstance(given, LoginPassword) and given == LoginPassword(
            b"minifile", (password or "").encode()
        )
        return AuthResult(success=is_right, handled=False)

    controller = _Local(
        mailbox, hostname="127.0.0.1", port=0,
        authenticator=authenticate if password else None, auth_required=password is not None,
        auth_require_tls=False, tls_context=certificate, require_starttls=certificate is not None,
    )  # fmt: skip
    controller.start()
    mailbox.url = f"smtp://127.0.0.1:{controller.port}?tls=none"
    try:
        yield mailbox
    finally:
        controller.stop()


@contextmanager
def silent_server() -> Iterator[str]:
    """Run a server that takes the connection and never says a word."""
    held: list[socket.socket] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=lambda: _hold(listener, held), daemon=True)
        thread.start()
        yield f"smtp://127.0.0.1:{listener.getsockname()[1]}?tls=none"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    for connection in held:
        connection.close()


@contextmanager
def talkative_server(without_end: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Run a server that takes a mail, and answers one command (b"" is the greeting) for 6 s.

    Yields its address and the commands that it gets.
    """
    got, is_over = list[bytes](), threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, suppress(OSError):
            line, is_text = b"", False
            while True:
                got.append(line)
                code = {b"": b"220", b"DATA": b"354", b"QUIT": b"221"}.get(line, b"250")
                for _ in range(600 if line == without_end else 0):
                    connection.sendall(code + b"-and another thing\r\n")
                    is_over.wait(0.01)
                connection.sendall(code + b" yes\r\n")
                is_text = line == b"DATA"
                while (line := lines.readline().strip().upper()) != b"." and is_text:
                    pass

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=lambda: talk(listener.accept()[0]), daemon=True)
        thread.start()
        yield f"smtp://127.0.0.1:{listener.getsockname()[1]}?tls=none", got
        is_over.set()
        thread.join(10)


def _hold(listener: socket.socket, held: list[socket.socket]) -> None:
    while True:
        try:
            held.append(listener.accept()[0])
        except OSError:
            return
