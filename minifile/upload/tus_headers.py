"""The headers of tus 1.0.0, read strictly: what can't be understood is refused, never guessed."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from minifile.errors import BadOption, BadRequest
from minifile.services.receiving import Checksum
from minifile.services.resumable import Draft
from minifile.upload.options import OptionReader, read_bundle, read_bundle_files
from minifile.values import Limits

VERSION = "1.0.0"
EXTENSIONS = (
    "creation,creation-with-upload,creation-defer-length,termination,expiration,checksum,"
    "concatenation"
)
ALGORITHMS = {"sha1": 20, "sha256": 32, "md5": 16}
"""The algorithms of Upload-Checksum, and how many bytes each gives."""

_NUMBER = re.compile(r"[0-9]{1,18}")
_KEY = re.compile(r"[!-+\--~]+")
_UPLOAD_PATH = re.compile(r"/tus/([A-Za-z0-9_-]{16,64})")
_SECRET = ("password", "bundle", "request_password")
_OPTIONS = (
    *("expires_in", "custom_expires_in", "max_downloads", "password", "note", "code"),
    *("private", "grant_to", "recipients"),
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Upload-Metadata: its values by key, and what may be told again."""

    values: Mapping[str, bytes]
    shown: str | None

    def text(self, *keys: str) -> str:
        """Return the first of these that is there and not empty. Raises BadRequest."""
        for key in keys:
            value = _decode(key, self.values.get(key, b""))
            # Uppy writes a missing path so.
            if value and not (key == "relativePath" and value == "null"):
                return value
        return ""


def read_draft(
    length: str | None,
    defer_length: str | None,
    metadata_text: str | None,
    concat: str | None,
    *,
    own_addresses: Sequence[str],
    limits: Limits,
) -> Draft:
    """Return what the headers of a creation say. Raises BadRequest or BadOption."""
    metadata = read_metadata(metadata_text)
    part_ids = _read_concat(concat, own_addresses)
    bundle, files = metadata.text("bundle"), metadata.text("bundle_files")
    options = OptionReader(limits)
    for name in _OPTIONS:
        options.read(name, metadata.text(name))
    return Draft(
        length=_read_length(length, defer_length, is_final=part_ids is not None),
        filename=metadata.text("relativePath", "filename", "name"),
        declared_type=metadata.text("filetype", "type") or None,
        metadata_text=metadata.shown,
        options=options.options(),
        bundle=read_bundle(bundle) if bundle else None,
        bundle_files=read_bundle_files(files) if files and bundle else None,
        concat=concat,
        part_ids=part_ids,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """Which file request an upload is sent to, as its metadata say."""

    code: str
    password: str | None
    sender_name: str | None
    message: str | None


def read_asked(metadata_text: str | None) -> Asked | None:
    """Return the file request that Upload-Metadata names; None for an upload of one's own.

    Raises BadRequest, and BadOption for an option, which senders have none of there.
    """
    metadata = read_metadata(metadata_text)
    code = metadata.text("request")
    if not code:
        return None
    for name in _OPTIONS:
        if name in metadata.values:
            raise BadOption(f"An upload to a file request has no option {name}.")
    return Asked(
        code,
        metadata.text("request_password") or None,
        metadata.text("sender_name").strip() or None,
        metadata.text("message").strip() or None,
    )


def read_number(name: str, value: str | None) -> int:
    """Return a number of bytes. Raises BadRequest."""
    if value is None or _NUMBER.fullmatch(value) is None:
        raise BadRequest(f"{name} must be a whole number of bytes.")
    return int(value)


def read_metadata(text: str | None) -> Metadata:
    """Return the pairs of Upload-Metadata; what is secret is neither kept nor shown again."""
    values: dict[str, bytes] = {}
    shown = []
    for pair in text.split(",") if text and text.strip() else ():
        key, _, encoded = pair.strip(" \t").partition(" ")
        if _KEY.fullmatch(key) is None or key in values:
            raise BadRequest("Upload-Metadata must hold pairs of a key, once each, and a value.")
        values[key] = _from_base64(encoded, f"The value of {key} in Upload-Metadata")
        if key not in _SECRET:
            shown.append(pair.strip(" \t"))
    return Metadata(values, ",".join(shown) or None)


def read_checksum(value: str | None) -> Checksum | None:
    """Return what Upload-Checksum promises. Raises BadRequest."""
    if value is None:
        return None
    algorithm, _, encoded = value.partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadRequest(f"Upload-Checksum must begin with one of {', '.join(ALGORITHMS)}.")
    digest = _from_base64(encoded, "The checksum in Upload-Checksum")
    if len(digest) != ALGORITHMS[algorithm]:
        raise BadRequest(f"A checksum of {algorithm} has {ALGORITHMS[algorithm]} bytes.")
    return Checksum(algorithm, digest)


def _read_length(length: str | None, defer_length: str | None, *, is_final: bool) -> int | None:
    if is_final:
        if length is not None or defer_length is not None:
            raise BadRequest("A final upload is as long as its parts; leave Upload-Length out.")
        return None
    if defer_length is not None:
        if defer_length != "1" or length is not None:
            raise BadRequest("Upload-Defer-Length must be 1, and stands for Upload-Length.")
        return None
    return read_number("Upload-Length", length)


def _read_concat(concat: str | None, own_addresses: Sequence[str]) -> list[str] | None:
    """Return the ids of the parts of a final upload; None for any other."""
    if concat is None or concat == "partial":
        return None
    if not concat.startswith("final;"):
        raise BadRequest("Upload-Concat must be partial, or final; and the addresses of parts.")
    ids = [_upload_id(address, own_addresses) for address in concat[len("final;") :].split()]
    if not ids or len(set(ids)) != len(ids):
        raise BadRequest("Upload-Concat must name the parts of the upload, once each.")
    return ids


def _upload_id(address: str, own_addresses: Sequence[str]) -> str:
    own = next((each for each in own_addresses if address.startswith(f"{each}/")), "")
    match = _UPLOAD_PATH.fullmatch(address[len(own) :])
    if match is None:
        raise BadRequest("Upload-Concat names an address that is no upload of this server.")
    return match[1]


def _from_base64(encoded: str, what: str) -> bytes:
    try:
        return base64.b64decode(encoded.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise BadRequest(f"{what} must be base64.") from None


def _decode(key: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadRequest(f"The value of {key} in Upload-Metadata must be UTF-8.") from None
