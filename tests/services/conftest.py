"""Services are called within the application's context, as every edge does."""

from collections.abc import Iterator

import pytest
from flask import Flask


@pytest.fixture
def here(app: Flask) -> Iterator[Flask]:
    """The application, with its context around the test."""
    with app.app_context():
        yield app


@pytest.fixture
def everywhere(any_database_app: Flask) -> Iterator[Flask]:
    """As `here`, on SQLite and once more on PostgreSQL."""
    with any_database_app.app_context():
        yield any_database_app
