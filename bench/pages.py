"""`python -m bench.pages PORT PATH SECONDS`: ask for a page again and again, as a visitor does.

Prints the milliseconds of each answer. It is a process of its own, so that what it measures is
not how busy the thousand clients beside it keep their interpreter.
"""

import contextlib
import socket
import sys
import time

_PAUSE_SECONDS = 0.005
_TIMEOUT_SECONDS = 5


def main() -> None:
    port, path, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/5.0\r\n"
        "Accept: text/html\r\nConnection: close\r\n\r\n"
    ).encode()
    until = time.monotonic() + seconds
    times = []
    while time.monotonic() < until:
        started = time.monotonic()
        # A page that does not come counts with the time it was waited for.
        with contextlib.suppress(OSError):
            _fetch(port, request)
        times.append((time.monotonic() - started) * 1000)
        time.sleep(_PAUSE_SECONDS)
    print(*times, sep="\n")


def _fetch(port: int, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS) as connection:
        connection.sendall(request)
        while connection.recv(65536):
            pass


if __name__ == "__main__":
    main()
