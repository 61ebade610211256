"""People in front of the admin pages."""

import pytest
from flask import Flask
from people import Person, enter

from minifile.identity import UserRole


@pytest.fixture
def admin(app: Flask) -> Person:
    """An admin who is signed in."""
    return enter(app, "Root", role=UserRole.ADMIN)


@pytest.fixture
def alice(app: Flask) -> Person:
    """A user who is signed in, in another place."""
    return enter(app, "Alice", "192.0.2.20", email="alice@example.org")
