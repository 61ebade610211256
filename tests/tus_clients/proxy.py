"""A TCP proxy that cuts connections, in what the client sends or in what it is answered."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from conftest import RunningServer


class CuttingProxy:
    """Stands before a server and cuts connections until `cuts` are done.

    Two of three are cut after a random number of bytes of the client, the third (if `answers`)
    before the answer to what has arrived whole: the client can't know what the server has.
    """

    def __init__(
        self, server: RunningServer, *, cuts: int, most_bytes: int, seed: int, answers: bool = True
    ) -> None:
        self.server = server
        self.cuts_left = cuts
        self._chance = random.Random(seed)
        self._most_bytes = most_bytes
        self._cuts_answers = answers
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self._listener.getsockname())
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # A thread in `accept` is woken by a shutdown, not by a close.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        address = urlsplit(self.server.url)
        with (
            client,
            suppress(OSError),
            socket.create_connection((address.hostname, address.port)) as upstream,
        ):
            sent, answers = self._next_budgets()
            back = threading.Thread(
                target=self._answer, args=(upstream, client, answers), daemon=True
            )
            back.start()
            self._forward(client, upstream, sent)
            back.join()

    def _forward(self, client: socket.socket, upstream: socket.socket, left: int | None) -> None:
        """Carry what the client sends until its end, or until `left` bytes have been carried."""
        with suppress(OSError):
            while data := client.recv(65_536):
                if left is not None and len(data) >= left:
                    upstream.sendall(data[:left])
                    self._note_cut()
                    # The client may still be reading: it sees the end as a lost connection.
                    client.shutdown(socket.SHUT_RDWR)
                    break
                left = None if left is None else left - len(data)
                upstream.sendall(data)
        with suppress(OSError):
            upstream.shutdown(socket.SHUT_RDWR)

    def _answer(self, upstream: socket.socket, client: socket.socket, left: int | None) -> None:
        """Carry the answers until their end, or until `left` of them have been carried.

        One is dropped whole: a head that is cut in its middle is taken for a whole one by
        Python's HTTP client.
        """
        with suppress(OSError):
            while data := upstream.recv(65_536):
                if left == 0:
                    self._note_cut()
                    break
                left = None if left is None else left - 1
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _next_budgets(self) -> tuple[int | None, int | None]:
        """Return how many bytes of the client and how many answers a new connection may carry."""
        with self._lock:
            if self.cuts_left <= 0:
                return None, None
            if self._cuts_answers and self._chance.randrange(3) == 0:
                return None, self._chance.randrange(2)
            return self._chance.randrange(1, self._most_bytes), None

    def _note_cut(self) -> None:
        with self._lock:
            self.cuts_left -= 1


@contextmanager
def cutting_proxy(
    server: RunningServer, *, cuts: int, most_bytes: int, seed: int, answers: bool = True
) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(server, cuts=cuts, most_bytes=most_bytes, seed=seed, answers=answers)
    try:
        yield proxy
    finally:
        proxy.close()
