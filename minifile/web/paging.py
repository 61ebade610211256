"""Lists that are shown a page at a time: which page is asked for, and whether more follows."""

from collections.abc import Sequence
from typing import TypeVar

from flask import request

T = TypeVar("T")


def asked_page() -> int:
    """Return the number of the page, the first for what is none."""
    value = request.args.get("page", "")
    is_number = value.isascii() and value.isdigit() and len(value) < 7
    return max(1, int(value)) if is_number else 1


def cut(found: Sequence[T], size: int) -> tuple[Sequence[T], bool]:
    """Return a page of what was found, and whether more follows."""
    return found[:size], len(found) > size
