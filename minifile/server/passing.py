"""A transfer in the hands of gunicorn: sent by `sendfile`, and taken from its thread if slow."""

import errno
import select
import socket
from collections.abc import Callable, Iterator

from minifile.download.response import Transfer
from minifile.server.sending import STALL_SECONDS, Progress, Sending, advance


class PassedTransfer:
    """What gunicorn iterates over instead of the transfer.

    The bytes never pass through gunicorn: the first item, an empty one, makes it send the
    headers; then they go to the socket from here. When the kernel takes no more, `pass_on` is
    given the rest and gunicorn sees the end; without it (stock gthread) the thread waits.
    """

    def __init__(
        self,
        transfer: Transfer,
        connection: socket.socket,
        pass_on: Callable[[Sending], None] | None,
    ) -> None:
        self.transfer = transfer
        self.sending: Sending | None = None
        self._connection = connection
        self._pass_on = pass_on

    def __iter__(self) -> Iterator[bytes]:
        yield b""
        self._connection.setblocking(False)
        self.transfer.show()
        sending = Sending(self._connection, self.transfer)
        progress = advance(sending, reads=True)
        if progress is Progress.BLOCKED and self._pass_on is not None:
            self.sending = sending
            self._pass_on(sending)
            return
        while progress is Progress.BLOCKED:
            progress = self._wait_and_advance(sending)
        if progress is Progress.BROKEN:
            raise ConnectionResetError(errno.ECONNRESET, "the answer broke off")
        self._connection.setblocking(True)

    def close(self) -> None:
        """Settle, unless that has become the business of who took over."""
        if self.sending is None:
            self.transfer.close()

    def _wait_and_advance(self, sending: Sending) -> Progress:
        poll = select.poll()
        poll.register(self._connection, select.POLLOUT)
        is_ready = poll.poll(STALL_SECONDS * 1000)
        return advance(sending, reads=True) if is_ready else Progress.BROKEN
