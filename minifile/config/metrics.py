"""Who may read /metrics, and where."""

import re

from minifile.config.urls import is_installed

# What API tokens begin with: who brings one is asked who they are, wherever they go.
_API_TOKEN = "mf_"  # noqa: S105 (no secret)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,200}")
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})")


def check_metrics_token(token: str) -> str:
    if not token:
        return token
    if not _TOKEN.fullmatch(token) or token.startswith(_API_TOKEN):
        raise ValueError(
            "must have 16 to 200 letters, digits or . _ ~ + / = -, and not begin with"
            f" {_API_TOKEN}; openssl rand -hex 32 makes a good one"
        )
    _check_extra()
    return token


def check_metrics_bind(address: str) -> str:
    if address:
        parse_address(address)
        _check_extra()
    return address


def parse_address(address: str) -> tuple[str, int]:
    """Return the host and the port of an address to listen on. Raises ValueError."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise ValueError("must be a host and a port, like 127.0.0.1:9100 or [::1]:9100")
    return match["host"].strip("[]"), int(match["port"])


def _check_extra() -> None:
    if not is_installed("prometheus_client"):
        raise ValueError("metrics need the extra: pip install 'minifile[metrics]'")
