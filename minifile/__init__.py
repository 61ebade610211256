"""minifile: upload a file, get a short link, share it, and have it expire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


def create_app(settings: Mapping[str, Any] | None = None) -> Flask:
    """Return the application; see `factory.make_app`, which this imports only now.

    Whoever asks for the help, or for a version, must not wait for a web framework and a database.
    """
    from minifile.factory import make_app

    return make_app(settings)
