"""People in front of the admin pages."""

from collections.abc import Callable

import pytest
from accounts.conftest import Person, enter
from conftest import browser
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


@pytest.fixture
def again(app: Flask) -> Callable[[Person], Person]:
    """Sign somebody in once more, in another browser."""

    def again_(person: Person) -> Person:
        other = Person(app, browser(app, "192.0.2.9"), person.user)
        assert other.sign_in().status_code == 303
        return other

    return again_
