"""What a sender may choose, from query, form fields and the headers of transfer.sh.

Each field is judged as it is read, so that a bad one that stands before the files in a form
refuses them early.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from flask import Request
from werkzeug.datastructures import Headers

from minifile.errors import BadOption
from minifile.services.new_shares import read_names
from minifile.services.uploads import check_options, parse_lifetime
from minifile.values import Limits, UploadOptions

_NUMBER = re.compile(r"[0-9]{1,12}")
_BUNDLE = re.compile(r"[A-Za-z0-9_-]{22,64}")
_SWITCH = {"1": True, "true": True, "yes": True, "on": True} | dict.fromkeys(
    ("0", "false", "no", "off"), False
)
_SHA256_HEX = re.compile(r"[0-9a-fA-F]{64}")
_REPR_DIGEST = re.compile(r"sha-256\s*=\s*:([A-Za-z0-9+/=]*):", re.IGNORECASE)


class OptionReader:
    """Collects the options of one upload; what is read later wins."""

    def __init__(
        self, limits: Limits, check_names: Callable[[Sequence[str]], object] | None = None
    ) -> None:
        self._limits = limits
        # Judges who is to be let in as soon as they are named, before the files come.
        self._check_names = check_names
        self._values: dict[str, str] = {}

    def read_request(self, request: Request) -> None:
        """Read headers, then the query."""
        self._read_header("max_downloads", request.headers.get("Max-Downloads"))
        days = request.headers.get("Max-Days")
        self._read_header("expires_in", None if days is None else f"{days.strip()}d")
        for name, value in request.args.items():
            self.read(name, value)

    def read(self, name: str, value: str) -> None:
        """Take one field; unknown and empty ones are nothing to us. Raises BadOption."""
        # A browser sends an empty field for what was not chosen.
        if name in _READERS and (value if name == "password" else value.strip()):
            self._values[name] = value
            self._check()
            if name == "grant_to" and self._check_names is not None:
                self._check_names(read_names(value))

    def shown(self) -> dict[str, str]:
        """Return what was sent, for the form to be filled again; never the password."""
        return {name: text for name, text in self._values.items() if name != "password"}

    def options(self) -> UploadOptions:
        """Return what was chosen so far. Raises BadOption for what makes no sense."""
        chosen = {name: _READERS[name](value) for name, value in self._values.items()}
        # The free field of the upload page stands beside the list of choices, and wins.
        lifetime = chosen.get("custom_expires_in", chosen.get("expires_in"))
        return UploadOptions(
            lifetime=lifetime,
            max_downloads=chosen.get("max_downloads"),
            password=chosen.get("password"),
            note=chosen.get("note"),
            is_private=chosen.get("private", False),
            custom_code=chosen.get("code"),
            grant_to=chosen.get("grant_to", ()),
            recipients=chosen.get("recipients", ()),
        )

    def _read_header(self, name: str, value: str | None) -> None:
        if value is not None:
            self.read(name, value)

    def _check(self) -> None:
        check_options(self.options(), limits=self._limits)


def read_bundle(value: str) -> str:
    """Return the random id that a client made up for a bundle. Raises BadOption."""
    if _BUNDLE.fullmatch(value.strip()) is None:
        raise BadOption("A bundle is named by 22 to 64 letters, digits, hyphens and underscores.")
    return value.strip()


def read_bundle_files(value: str) -> int:
    """Return how many files a bundle has. Raises BadOption."""
    if _NUMBER.fullmatch(value.strip()) is None or int(value) < 1:
        raise BadOption("bundle_files must say how many files the bundle has, from 1 on.")
    return int(value)


def expected_sha256(headers: Headers) -> str | None:
    """Return the digest that the sender promises, in hex, from `Repr-Digest` (RFC 9530) or
    `X-Content-SHA256`. Raises BadOption when it can't be read or the two differ.
    """
    promised = {
        digest
        for digest in (
            _from_repr_digest(headers.get("Repr-Digest")),
            _from_hex(headers.get("X-Content-SHA256")),
        )
        if digest is not None
    }
    if len(promised) > 1:
        raise BadOption("Repr-Digest and X-Content-SHA256 promise different digests.")
    return promised.pop() if promised else None


def _from_repr_digest(value: str | None) -> str | None:
    """Read the sha-256 of the field; other algorithms may be ignored (RFC 9530, section 3)."""
    match = _REPR_DIGEST.search(value or "")
    if match is None:
        if "sha-256" in (value or "").lower():
            raise BadOption("Repr-Digest must be written as sha-256=:BASE64:.")
        return None
    try:
        digest = base64.b64decode(match[1], validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise BadOption("Repr-Digest must be written as sha-256=:BASE64:.")
    return digest.hex()


def _from_hex(value: str | None) -> str | None:
    if value is None:
        return None
    if _SHA256_HEX.fullmatch(value.strip()) is None:
        raise BadOption("X-Content-SHA256 must have 64 hexadecimal digits.")
    return value.strip().lower()


def _read_count(value: str) -> int:
    if _NUMBER.fullmatch(value.strip()) is None:
        raise BadOption("The number of downloads must be a whole number from 1 on.")
    return int(value)


def _read_lifetime(value: str) -> timedelta:
    return parse_lifetime(value)


def _read_note(value: str) -> str:
    # A browser sends a line break of a textarea as two characters.
    return value.replace("\r\n", "\n").strip()


def _read_switch(value: str) -> bool:
    chosen = _SWITCH.get(value.strip().casefold())
    if chosen is None:
        raise BadOption("private is 1 for a private link, or 0 for one that anybody can open.")
    return chosen


_READERS: dict[str, Callable[[str], Any]] = {
    "expires_in": _read_lifetime,
    "custom_expires_in": _read_lifetime,
    "max_downloads": _read_count,
    "password": str,
    "note": _read_note,
    "private": _read_switch,
    "grant_to": read_names,
    "recipients": read_names,
    "code": str.strip,
}
