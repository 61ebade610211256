"""The addresses of buckets: `s3://bucket/prefix?endpoint=…&region=…` and `gs://bucket/prefix`."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")
_REGION = re.compile(r"[A-Za-z0-9_-]+")
_OPTIONS = {
    "s3": {"endpoint", "region", "access_key_id", "secret_access_key", "addressing"},
    "gs": {"endpoint"},
}
# An object's name may have 1,024 bytes in all; ours need fewer than 100 behind the prefix.
_PREFIX_BYTES = 900


@dataclass(frozen=True, slots=True, repr=False)
class BucketAddress:
    """Where a bucket is. It may hold a secret, so it never shows itself."""

    scheme: str
    bucket: str
    prefix: str
    """Without slashes around it; may be empty."""
    endpoint: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    addressing: str | None = None
    """`path` or `virtual`: whether the bucket's name stands in the path or in the host name."""


def parse_bucket_url(url: str) -> BucketAddress:
    """Read the address of a bucket. Raises ValueError with a sentence that shows no secret."""
    parts = urlsplit(url)
    if parts.fragment or url.endswith("#"):
        raise ValueError("has a # in it; write it as %23")
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError(
            f"must name a bucket, as in {parts.scheme}://bucket/prefix: letters, digits, . - _"
        )
    options = _options(parts.query, parts.scheme)
    if (options.get("access_key_id") is None) != (options.get("secret_access_key") is None):
        raise ValueError("needs both access_key_id and secret_access_key, or neither")
    return BucketAddress(
        scheme=parts.scheme, bucket=parts.netloc, prefix=_prefix(parts.path), **options
    )


def _options(query: str, scheme: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError("has options that can't be read: write ?name=value&name=value") from None
    known = _OPTIONS[scheme]
    for name, value in pairs:
        if name not in known:
            raise ValueError(f"has an option that is not known: {', '.join(sorted(known))} are")
        if not value:
            raise ValueError(f"gives {name} without a value")
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ValueError("gives an option twice")
    _check_values(options)
    return options


def _check_values(options: dict[str, str]) -> None:
    endpoint = urlsplit(options.get("endpoint", "https://example.org"))
    is_plain = endpoint.hostname and not endpoint.query and "@" not in endpoint.netloc
    if endpoint.scheme not in ("http", "https") or not is_plain:
        raise ValueError("needs an endpoint like https://s3.example.org")
    if not _REGION.fullmatch(options.get("region", "eu-west-1")):
        raise ValueError("needs a region like eu-west-1")
    if options.get("addressing", "path") not in ("path", "virtual"):
        raise ValueError("needs addressing=path or addressing=virtual")


def _prefix(path: str) -> str:
    """Return the prefix as the objects' names will begin.

    What servers and clients would each tidy up in their own way is refused.
    """
    try:
        prefix = unquote(path, errors="strict").strip("/")
    except UnicodeDecodeError:
        raise ValueError("has a prefix that is not UTF-8") from None
    segments = prefix.split("/")
    if any(segment in (".", "..") for segment in segments) or (prefix and "" in segments):
        raise ValueError("has a prefix with an empty segment, . or .. in it")
    if not prefix.isprintable() or "\\" in prefix:
        raise ValueError("has a prefix with control characters or backslashes in it")
    if len(prefix.encode()) > _PREFIX_BYTES:
        raise ValueError(f"has a prefix of more than {_PREFIX_BYTES} bytes")
    return prefix
