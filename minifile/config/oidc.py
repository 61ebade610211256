"""What the settings of sign-in by OpenID Connect must look like."""

import re
from urllib.parse import urlsplit

from minifile.config.urls import is_installed

_OWN_MACHINE = ("localhost", "127.0.0.1", "::1")
# By module: what signs in by the protocol, and what speaks HTTP for it.
_MODULES = ("authlib", "joserfc", "requests")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
# A column of the database is as wide.
_LONGEST_ISSUER = 255


def check_issuer(issuer: str) -> str:
    """Return the address of the provider, as it calls itself, or nothing, where none is given."""
    if not issuer:
        return issuer
    try:
        parts = urlsplit(issuer)
        is_address = parts.hostname is not None and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.query or parts.fragment or len(issuer) > _LONGEST_ISSUER:
        raise ValueError("must be like https://id.example.org/realms/files")
    if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in _OWN_MACHINE):
        # Whoever is on the way could say who signs in.
        raise ValueError("must begin with https:// (http:// is for a provider on this machine)")
    if not all(map(is_installed, _MODULES)):
        raise ValueError("OpenID Connect needs the extra: pip install 'minifile[oidc]'")
    return issuer


def read_scopes(value: object) -> object:
    """Return the scopes of a text with spaces or commas between them; lists pass as they are."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def check_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if "openid" not in scopes or not all(map(_SCOPE.fullmatch, scopes)):
        raise ValueError("must name openid among the scopes: openid profile email")
    return scopes
