"""What the addresses among the settings must look like."""

import re
from importlib.util import find_spec
from urllib.parse import SplitResult, urlsplit

from minifile.config.buckets import parse_bucket_url

# By scheme: a module that speaks to the bucket, and the extra that installs it.
_BUCKET_MODULES = {"s3": ("botocore", "s3"), "gs": ("google.cloud.storage", "gcs")}


def check_public_url(url: str) -> str:
    parts = urlsplit(url)
    extra = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or extra:
        raise ValueError("must be like https://files.example.org, without a path")
    return url


def check_storage_url(url: str) -> str:
    scheme = url.partition(":")[0]
    if scheme == "file":
        return url
    if scheme not in _BUCKET_MODULES or not url.startswith(f"{scheme}://"):
        raise ValueError("must begin with file:, s3:// or gs://")
    parse_bucket_url(url)
    module, extra = _BUCKET_MODULES[scheme]
    if not is_installed(module):
        raise ValueError(f"{scheme}:// needs the extra: pip install 'minifile[{extra}]'")
    return url


def check_download_mode(mode: str, storage_url: str) -> None:
    """Raise ValueError when the bytes are not where the mode sends recipients."""
    is_folder = storage_url.startswith("file:")
    if mode == "redirect" and is_folder:
        raise ValueError("redirect needs a bucket: STORAGE_URL must begin with s3:// or gs://")
    if mode == "x-accel" and not is_folder:
        raise ValueError(
            "x-accel needs a folder that nginx can read: STORAGE_URL must begin with file:"
        )


def check_database_url(url: str) -> str:
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    if not url.startswith("sqlite") and not is_installed("psycopg"):
        raise ValueError("PostgreSQL needs the extra: pip install 'minifile[postgres]'")
    if not _can_be_split(url):
        raise ValueError("can't be read; in a password : is written as %3A, / as %2F and @ as %40")
    return url


def check_rate_limit_url(url: str) -> str:
    if not url:
        return url
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise ValueError("must be like redis://127.0.0.1:6379/0 or rediss://:password@host:6380/0")
    if not re.fullmatch("/?[0-9]*", parts.path) or _port(parts) is None:
        raise ValueError("must name a port and the number of a database: redis://host:6379/0")
    if not is_installed("redis"):
        raise ValueError("Redis needs the extra: pip install 'minifile[redis]'")
    return url


def _port(parts: SplitResult) -> int | None:
    """Return the port, 0 where none is named, or None for what is none."""
    try:
        return parts.port or 0
    except ValueError:
        return None


def is_installed(module: str) -> bool:
    """Say whether a module can be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # A package above it is missing.
        return False


def _can_be_split(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.netloc.count("@") <= 1 and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
