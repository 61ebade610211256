"""`Expect: 100-continue`: the client is told to send its body when somebody begins to read it.

gunicorn says so before the application has looked at the request. A client with a gigabyte that
is refused would then send it all; this way it reads the refusal instead (RFC 9110, section 10.1.1).
"""

from typing import Any

from minifile.web.connection import socket_of


class Invitation:
    """What is owed to a client that waits; sent once."""

    def __init__(self, request: Any) -> None:
        """Take it over from gunicorn. A client that is never invited may or may not send its body,
        so its connection closes with the answer.
        """
        request._expected_100_continue = False
        self._request = request
        self._closes = request.must_close
        request.must_close = True
        self._is_sent = False

    def join(self, environ: dict[str, Any]) -> None:
        """Let whoever reads the input of this request invite the client first."""
        self._connection = socket_of(environ)
        environ["minifile.continue"] = self.send
        environ["wsgi.input"] = InvitingInput(environ["wsgi.input"], self)

    def send(self) -> None:
        """Tell the client to go on. Raises OSError when it has gone."""
        if not self._is_sent and self._connection is not None:
            self._is_sent = True
            self._request.must_close = self._closes
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


class InvitingInput:
    """The request's input; reading from it invites the client first."""

    def __init__(self, stream: Any, invitation: Invitation) -> None:
        self._stream = stream
        self._invitation = invitation

    def read(self, *arguments: Any) -> Any:
        self._invitation.send()
        return self._stream.read(*arguments)

    def readline(self, *arguments: Any) -> Any:
        self._invitation.send()
        return self._stream.readline(*arguments)

    def __getattr__(self, name: str) -> Any:
        """Hand out what else gunicorn's input has, such as the reader that uploads look for."""
        return getattr(self._stream, name)


def invitation_of(request: Any) -> Invitation | None:
    """Return what gunicorn would have sent, if it can be kept from it."""
    expected = getattr(request, "_expected_100_continue", False)
    return Invitation(request) if expected and hasattr(request, "must_close") else None
