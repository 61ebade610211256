"""`python -m bench.ceiling PORT`: the least a server can do, so that the client's limit shows.

It knows no files, no names and no rules: a body is thrown away in the kernel, a GET is answered
with the body of the last upload's size by sendfile. Faster than this no server can look.
"""

import os
import re
import socket
import sys
import tempfile
from threading import Lock, Thread

_filling = Lock()
_PIECE = 2**20
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_RANGE = re.compile(rb"\r\nrange: *bytes=([0-9]+)-([0-9]+)", re.IGNORECASE)


def main() -> None:
    address = ("127.0.0.1", int(sys.argv[1]))
    with (
        socket.create_server(address, backlog=4096) as listener,
        tempfile.TemporaryFile() as file,
    ):
        while True:
            connection, _ = listener.accept()
            Thread(target=_serve, args=(connection, file.fileno()), daemon=True).start()


def _serve(connection: socket.socket, file: int) -> None:
    with connection:
        start = b""
        while b"\r\n\r\n" not in start:
            piece = connection.recv(65536)
            if not piece:
                return
            start += piece
        head, _, body = start.partition(b"\r\n\r\n")
        try:
            if head.startswith(b"GET"):
                _send(connection, file, head)
            else:
                _discard(connection, file, head, len(body))
        except OSError:
            return  # The client had enough.


def _send(connection: socket.socket, file: int, head: bytes) -> None:
    wanted = _RANGE.search(head)
    with _filling:
        size = os.fstat(file).st_size
    first, last = (int(wanted[1]), int(wanted[2])) if wanted else (0, size - 1)
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (last - first + 1)
    )
    while first <= last:
        first += os.sendfile(connection.fileno(), file, first, last - first + 1)


def _discard(connection: socket.socket, file: int, head: bytes, received: int) -> None:
    length = _LENGTH.search(head)
    size = int(length[1]) if length else 0
    buffer = bytearray(_PIECE)
    left = size - received
    while left > 0:
        piece = connection.recv_into(buffer, min(left, _PIECE), socket.MSG_TRUNC)
        if not piece:
            return
        left -= piece
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    with _filling:
        _fill(file, size)


def _fill(file: int, size: int) -> None:
    """Let the file have real pages, once; holes of a file would be sent even faster."""
    if os.fstat(file).st_size != size:
        os.ftruncate(file, 0)
        for start in range(0, size, _PIECE):
            os.pwrite(file, bytes(min(_PIECE, size - start)), start)


if __name__ == "__main__":
    main()
