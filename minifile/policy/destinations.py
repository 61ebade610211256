"""Where a server may be made to send a request by its users: to public addresses only.

A user says an address, and this machine connects to it: from inside the network that it stands in.
So the address is read strictly, its name is resolved once, and every address that it stands for
must be one of the internet, or of a network that the admin has named. The forms in which an IPv6
address holds another one are refused as a whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from minifile.errors import BadOption

MAX_LENGTH = 2000
_PORTS = {"http": 80, "https": 443}
# Mail, shells and stores: nobody listens there for what is posted.
_REFUSED_PORTS = frozenset({21, 22, 23, 25, 110, 143, 465, 587, 993, 995, 3306, 5432, 6379, 11211})
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# A last label like this makes an IPv4 address of the name, however it is spelled.
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_NOT_PRINTED = re.compile(r"[^!-~]")

# Not all of them are known to the library as what they are.
_REFUSED_NETWORKS = [
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15"),
        # IPv4 within IPv6: compatible, mapped, translated, NAT64, 6to4, Teredo and its neighbours.
        *("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"),
        *("2002::/16", "2001::/23", "fec0::/10", "100::/64", "5f00::/16", "3fff::/20"),
    )
]

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Destination:
    """An address that was read: `host` is a name or an IP address, `target` what is asked for."""

    is_encrypted: bool
    host: str
    port: int
    target: str

    @property
    def host_field(self) -> str:
        """The Host of a request to it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            host
            if self.port == _PORTS["https" if self.is_encrypted else "http"]
            else (f"{host}:{self.port}")
        )


def read_destination(url: str) -> Destination:
    """Read an http or https address. Raises BadOption for whatever could mean something else."""
    if len(url) > MAX_LENGTH:
        raise BadOption(f"The address is longer than {MAX_LENGTH} characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadOption("This is no web address.") from None
    if _has_odd_characters(url, parts):
        raise BadOption("The address holds characters that an address can't have.")
    if parts.scheme not in _PORTS:
        raise BadOption("The address must begin with https:// or http://.")
    if "@" in parts.netloc:
        raise BadOption("The address must hold no name and no password.")
    if parts.fragment or url.endswith("#"):
        raise BadOption("The address must not go on with a #.")
    port = _PORTS[parts.scheme] if port is None else port
    if port == 0 or port in _REFUSED_PORTS:
        raise BadOption("The port of the address is not allowed.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(parts.scheme == "https", _read_host(parts.netloc), port, target)


def check_host(destination: Destination, allowed: Sequence[Network]) -> None:
    """Raise BadOption for an IP address that is not public; a name is judged once resolved."""
    try:
        ip_address(destination.host)
    except ValueError:
        return
    check_addresses([destination.host], allowed)


def check_addresses(addresses: Sequence[str], allowed: Sequence[Network]) -> None:
    """Raise BadOption unless each of the IP addresses is public or of an allowed network."""
    if not all(is_public(ip_address(each), allowed) for each in addresses):
        raise BadOption("The address leads to a network that nothing is sent to.")


def is_public(address: IPv4Address | IPv6Address, allowed: Sequence[Network]) -> bool:
    """Say whether something may be sent to an IP address."""
    if any(address in network for network in allowed):
        return True
    if any(address in network for network in _REFUSED_NETWORKS):
        return False
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _has_odd_characters(url: str, parts: SplitResult) -> bool:
    # Python's reader drops line breaks and tabs, and others read a backslash as a slash.
    without_host = url.replace(parts.netloc, "", 1)
    return (
        "\\" in url
        or any(c.isspace() or ord(c) < 33 or ord(c) == 127 for c in url)
        or (_NOT_PRINTED.search(without_host) is not None)
    )


def _read_host(netloc: str) -> str:
    """Return the host in small ASCII letters: a name without final dot, or a plain IP address."""
    if netloc.startswith("["):
        return _read_ipv6(netloc[1:].partition("]")[0])
    name = netloc.rpartition(":")[0] if ":" in netloc else netloc
    try:
        host = name.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise BadOption("The name in the address is not one.") from None
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise BadOption("The name in the address is not one.")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return _read_ipv4(host)
    return host


def _read_ipv4(host: str) -> str:
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise BadOption("Write the IP address with four numbers from 0 to 255.") from None


def _read_ipv6(host: str) -> str:
    try:
        if "%" in host:
            raise ValueError(host)
        return str(IPv6Address(host))
    except ValueError:
        raise BadOption("This is no IPv6 address.") from None
