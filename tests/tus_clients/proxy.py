"""A TCP proxy that cuts connections after so many bytes of the client."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from conftest import RunningServer


class CuttingProxy:
    """Stands before a server. The first `cuts` connections end after a random number of bytes."""

    def __init__(self, server: RunningServer, *, cuts: int, most_bytes: int, seed: int) -> None:
        self.server = server
        self.cuts_left = cuts
        self._chance = random.Random(seed)
        self._most_bytes = most_bytes
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
            back = threading.Thread(target=self._answer, args=(upstream, client), daemon=True)
            back.start()
            self._forward(client, upstream)
            back.join()

    def _forward(self, client: socket.socket, upstream: socket.socket) -> None:
        left = self._next_budget()
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

    def _answer(self, upstream: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := upstream.recv(65_536):
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _next_budget(self) -> int | None:
        with self._lock:
            return self._chance.randrange(1, self._most_bytes) if self.cuts_left > 0 else None

    def _note_cut(self) -> None:
        with self._lock:
            self.cuts_left -= 1


@contextmanager
def cutting_proxy(
    server: RunningServer, *, cuts: int, most_bytes: int, seed: int
) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(server, cuts=cuts, most_bytes=most_bytes, seed=seed)
    try:
        yield proxy
    finally:
        proxy.close()
