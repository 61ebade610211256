"""Which host names this server answers to.

A server that answers to any name hands out links to a name that an attacker chose, and can be
reached by a page of another site through DNS rebinding.
"""

import ipaddress
import re
import socket
from functools import cache, lru_cache
from urllib.parse import urlsplit

from flask import Flask, request

from minifile.config import Settings
from minifile.errors import BadRequest

# Probes by address or by any name are harmless, and come from machines without a setting.
_UNCHECKED = {"site.healthz", "site.readyz"}
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.%]+\]|[a-z0-9._-]+)(?P<port>:[0-9]{1,5})?", re.IGNORECASE)


def register(app: Flask, settings: Settings) -> None:
    """Refuse requests for other hosts, before anything else is done."""
    trusted = trusted_names(settings)

    @app.before_request
    def check_host() -> None:
        if request.endpoint not in _UNCHECKED:
            check_trusted(request.environ.get("HTTP_HOST", ""), trusted)


def check_trusted(host: str, trusted: frozenset[str] | None) -> None:
    """Raise BadRequest unless the Host header names this server.

    Addresses and localhost always do: no stranger's page can be reached under them. None
    trusts the machine's own names besides.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        raise BadRequest("The Host header is missing or can't be read.")
    name = match["name"].lower().rstrip(".")
    names = own_names() if trusted is None else trusted
    always = name == "localhost" or _is_address(name)
    if not always and not any(_matches(name, pattern) for pattern in names):
        raise BadRequest(
            f"This server does not answer to the name {name}. Its admin can allow it with the"
            " setting TRUSTED_HOSTS or PUBLIC_URL."
        )


@cache
def own_names() -> frozenset[str]:
    """Return the machine's names, short and full, each also with `.local`."""
    names = {socket.gethostname(), socket.getfqdn()}
    names |= {name.split(".")[0] for name in names}
    lowered = {name.lower().rstrip(".") for name in names if name}
    return frozenset(lowered | {f"{name}.local" for name in lowered})


def trusted_names(settings: Settings) -> frozenset[str] | None:
    """Return the names that the settings give, or None where they give none."""
    names = {name.lower() for name in settings.trusted_hosts}
    if settings.public_url is not None:
        names.add((urlsplit(settings.public_url).hostname or "").lower())
    if not names:
        return None
    return frozenset(names)


def _matches(name: str, pattern: str) -> bool:
    """A pattern that begins with a dot stands for the domain and all names below it."""
    return name == pattern or (
        pattern.startswith(".") and (name.endswith(pattern) or name == pattern[1:])
    )


@lru_cache(maxsize=256)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]").split("%")[0])
    except ValueError:
        return False
    return True
