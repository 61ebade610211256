"""Posting to an address that a user has named: resolved once, judged, and connected to as judged.

No redirect is followed and no proxy asked, and whatever the other side does, it is over in time.
"""

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from threading import Timer

from minifile.policy.destinations import Destination, Network, check_addresses

# For all of it but the resolving of the name, for which the system has a time of its own.
PATIENCE = timedelta(seconds=10)


class PostFailed(Exception):
    """Nothing was answered; the message says why in a few words without any address."""


def post(
    destination: Destination,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Sequence[Network],
    patience: timedelta = PATIENCE,
) -> int:
    """Post a body and return the status that was answered; the rest of the answer is not read.

    Raises PostFailed, and BadOption when an address of the host is none that may be sent to.
    """
    addresses = _resolve(destination)
    check_addresses(addresses, allowed)
    deadline = time.monotonic() + patience.total_seconds()
    try:
        with _connect(destination, addresses, deadline) as connection:
            return _ask(destination, connection, body, headers, deadline)
    except TimeoutError:
        raise PostFailed("timed out") from None
    except ssl.SSLCertVerificationError:
        raise PostFailed("the certificate does not hold") from None
    except ssl.SSLError:
        raise PostFailed("no TLS") from None
    except ConnectionRefusedError:
        raise PostFailed("connection refused") from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        late = time.monotonic() >= deadline
        raise PostFailed("timed out" if late else _word_for(error)) from None


def _resolve(destination: Destination) -> list[str]:
    """Return all addresses of the host; each is what is connected to, so none is asked twice."""
    try:
        found = socket.getaddrinfo(destination.host, destination.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise PostFailed("the name can't be resolved") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _connect(destination: Destination, addresses: Sequence[str], deadline: float) -> socket.socket:
    """Connect to the first address that answers, by TLS where the address says so."""
    failure: OSError | None = None
    for address in addresses:
        try:
            plain = socket.create_connection((address, destination.port), _left(deadline))
        except OSError as error:
            failure = error
            continue
        return _encrypted(plain, destination) if destination.is_encrypted else plain
    assert failure is not None
    raise failure


def _encrypted(plain: socket.socket, destination: Destination) -> socket.socket:
    try:
        context = ssl.create_default_context()
        return context.wrap_socket(plain, server_hostname=destination.host)
    except BaseException:
        plain.close()
        raise


def _ask(
    destination: Destination,
    connection: socket.socket,
    body: bytes,
    headers: Mapping[str, str],
    deadline: float,
) -> int:
    """Send the request and return the status; a drop at a time does not stretch the deadline."""
    end = Timer(_left(deadline), _shut, [connection])
    end.daemon = True
    end.start()
    try:
        client = http.client.HTTPConnection(destination.host, destination.port)
        client.sock = connection
        client.putrequest("POST", destination.target, skip_host=True, skip_accept_encoding=True)
        client.putheader("Host", destination.host_field)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            client.putheader(name, value)
        client.endheaders(body)
        status = client.getresponse().status
        # What was cut at the deadline looks like an answer that has ended.
        _left(deadline)
        return status
    finally:
        end.cancel()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _word_for(error: Exception) -> str:
    return "no answer" if isinstance(error, OSError) else "no HTTP answer"
