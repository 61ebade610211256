"""What the addresses among the settings must look like."""

from importlib.util import find_spec
from urllib.parse import urlsplit


def check_public_url(url: str) -> str:
    parts = urlsplit(url)
    extra = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or extra:
        raise ValueError("must be like https://files.example.org, without a path")
    return url


def check_storage_url(url: str) -> str:
    if not url.startswith("file:"):
        raise ValueError("must begin with file:")
    return url


def check_database_url(url: str) -> str:
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    if not url.startswith("sqlite") and find_spec("psycopg") is None:
        raise ValueError("PostgreSQL needs the extra: pip install 'minifile[postgres]'")
    return url
