"""A proxy before a server of buckets that is busy, or cuts connections, when it is told to."""

import socket
import threading
from types import TracebackType

_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"
_BUSY = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_SLOW_DOWN), _SLOW_DOWN)
)


class FaultyProxy:
    """Passes connections on, in threads; what fails is said by its methods, at any time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.heal()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def heal(self) -> None:
        """Pass everything on."""
        self._busy = self._request_cuts = self._answer_cuts = 0
        self._request_bytes = self._answer_bytes = 0
        self._is_silent = False

    def answer_503(self, times: int) -> None:
        """Answer so many connections with 503; those that are open are closed."""
        self._busy = times
        self.close_all()

    def be_silent(self) -> None:
        """Take requests, and answer none."""
        self._is_silent = True

    def cut_requests_after(self, size_bytes: int, *, times: int) -> None:
        """Cut so many connections once they have sent so much."""
        self._request_bytes, self._request_cuts = size_bytes, times

    def cut_answers_after(self, size_bytes: int, *, times: int) -> None:
        """Cut so many connections once they were sent so much."""
        self._answer_bytes, self._answer_cuts = size_bytes, times

    def close_all(self) -> None:
        with self._lock:
            for each in self._open:
                _shut(each)

    def __enter__(self) -> "FaultyProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        _shut(self._listener)
        self._listener.close()
        self.close_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server:
            with self._lock:
                self._open |= {client, server}
            try:
                if self._takes("_busy"):
                    client.recv(2**16)
                    client.sendall(_BUSY)
                    return
                if self._is_silent:
                    while client.recv(2**16):
                        pass
                    return
                back = threading.Thread(target=self._pass, args=[server, client, "_answer"])
                back.start()
                self._pass(client, server, "_request")
                back.join()
            except OSError:
                return
            finally:
                with self._lock:
                    self._open -= {client, server}

    def _pass(self, source: socket.socket, target: socket.socket, what: str) -> None:
        passed = 0
        try:
            while data := source.recv(2**16):
                target.sendall(data)
                passed += len(data)
                if passed > getattr(self, f"{what}_bytes") and self._takes(f"{what}_cuts"):
                    break
        except OSError:
            pass
        _shut(source)
        _shut(target)

    def _takes(self, what: str) -> bool:
        """Say whether one of the faults that were ordered is due."""
        with self._lock:
            left = getattr(self, what)
            setattr(self, what, max(0, left - 1))
        return bool(left)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
