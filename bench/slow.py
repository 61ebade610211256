"""Slow clients, many at once: downloads and uploads at 10 KB/s while a visitor asks for a page."""

import asyncio
import socket
import sys
import time
from dataclasses import dataclass

from bench.client import FORM_TYPE, USER_AGENT, form_body
from bench.results import percentile
from bench.running import Server

_BYTES_PER_SECOND = 10_000
_PAUSE = 0.5
_PIECE = int(_BYTES_PER_SECOND * _PAUSE)
# Small, or the kernel would take a slow download's bytes for it.
_RECEIVE_BUFFER = 8 * 1024
_GRACE_SECONDS = 8


@dataclass(frozen=True)
class SlowResult:
    served: int
    page_p99_ms: float
    pages: int
    bytes_per_connection: float


async def slow_load(server: Server, path: str, *, pairs: int, seconds: int) -> SlowResult:
    """Run as many slow downloads as slow uploads; tell who was served and how a page did."""
    before = server.rss_bytes()
    until = time.monotonic() + seconds
    clients = [
        asyncio.ensure_future(client)
        for number in range(pairs)
        for client in (
            _download(server.port, path, until, number / pairs),
            _upload(server, f"slow-{number}", seconds, number / pairs),
        )
    ]
    # The page is asked for once all are connected.
    await asyncio.sleep(3)
    times = await _ask_pages(server, until - 1 - time.monotonic())
    growth = server.rss_bytes() - before
    done, late = await asyncio.wait(
        clients, timeout=max(0.0, until - time.monotonic()) + _GRACE_SECONDS
    )
    for client in late:
        client.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    served = sum(client.exception() is None and client.result() for client in done)
    return SlowResult(served, percentile(times, 99), len(times), growth / (2 * pairs))


async def _ask_pages(server: Server, seconds: float) -> list[float]:
    """Return the milliseconds of each answer; asked by a process that does nothing else."""
    asking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.pages", str(server.port), server.program.index),
        str(seconds),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asking.communicate()
    return [float(line) for line in output.split()]


async def _download(port: int, path: str, until: float, offset: float) -> bool:
    """Take a large file slowly; it was served when its bytes kept coming."""
    await asyncio.sleep(offset)
    loop = asyncio.get_running_loop()
    started = time.monotonic()
    received = 0
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", port))
        await loop.sock_sendall(connection, _head(f"GET {path}"))
        while time.monotonic() < until:
            piece = await loop.sock_recv(connection, _PIECE)
            if not piece or (not received and b" 200 " not in piece.split(b"\r\n")[0]):
                return False
            received += len(piece)
            await asyncio.sleep(_PAUSE)
    return received > 0.5 * _BYTES_PER_SECOND * (time.monotonic() - started)


async def _upload(server: Server, name: str, seconds: int, offset: float) -> bool:
    """Send a small file slowly; it was served when success was the answer."""
    await asyncio.sleep(offset)
    pieces = int((seconds - 1) / _PAUSE)
    before, after, start = _body_around(server, name, pieces * _PIECE)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(_head(start) + before)
        for _ in range(pieces):
            writer.write(b"x" * _PIECE)
            await writer.drain()
            await asyncio.sleep(_PAUSE)
        writer.write(after)
        status = await reader.readline()
    finally:
        writer.close()
    return status[9:10] in (b"2", b"3")


def _body_around(server: Server, name: str, size_bytes: int) -> tuple[bytes, bytes, str]:
    """Return what stands before and behind the bytes of an upload, and how its request begins."""
    form = server.program.form
    if server.program.takes_put or form is None:
        return b"", b"", f"PUT /{name}\r\nContent-Length: {size_bytes}\r\n"
    before, after = form_body(form, name)
    length = len(before) + size_bytes + len(after)
    return (
        before,
        after,
        (f"POST {form.path}\r\nContent-Type: {FORM_TYPE}\r\nContent-Length: {length}\r\n"),
    )


def _head(start: str) -> bytes:
    first, _, rest = start.partition("\r\n")
    return (
        f"{first} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {USER_AGENT}\r\n{rest}"
        "Connection: close\r\n\r\n"
    ).encode()
