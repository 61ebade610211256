"""People in front of the admin pages."""

from collections.abc import Callable
from typing import Any

import pytest
from accounts.conftest import Person, enter
from flask import Flask

from minifile.identity import UserRole


@pytest.fixture
def admin(app: Flask) -> Person:
    """An admin who is signed in."""
    return enter(app, "Root", role=UserRole.ADMIN)


@pytest.fixture
def alice(app: Flask) -> Person:
    """A user who is signed in, in another place."""
    return enter(app, "Alice", "192.0.2.20", email="alice@example.org")


Enter = Callable[..., Person]


@pytest.fixture
def enter_(app: Flask) -> Enter:
    """Make a user and sign them in."""

    def make(name: str, **given: Any) -> Person:
        return enter(app, name, "192.0.2.30", **given)

    return make
