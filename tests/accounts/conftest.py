"""People with accounts, in their browsers."""

import pytest
from conftest import browser
from flask import Flask
from people import Person, enter


@pytest.fixture
def stranger(app: Flask) -> Person:
    return Person(app, browser(app))


@pytest.fixture
def alice(app: Flask) -> Person:
    """A user who is signed in."""
    return enter(app, "Alice", email="alice@example.org")
