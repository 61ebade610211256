"""People with accounts, in their browsers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cast import press
from conftest import browser
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from minifile.identity import BY_SHELL, UserRole
from minifile.services.users import UserRecord, create_user
from minifile.web.current import utcnow

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "quite another pass phrase"


@dataclass
class Person:
    """A browser, and whose it is."""

    app: Flask
    client: FlaskClient
    user: UserRecord | None = None

    def get(self, path: str, **request: Any) -> TestResponse:
        return self.client.get(path, **request)

    def send(self, path: str, *, page: str | None = None, **fields: Any) -> TestResponse:
        """Send a form with the token of the page it stands on."""
        return press(self.client, page or path, path, **fields)

    def sign_in(self, password: str = PASSWORD, **fields: Any) -> TestResponse:
        assert self.user is not None
        return self.send("/login", name=self.user.name, password=password, **fields)

    @property
    def is_signed_in(self) -> bool:
        return self.client.get("/account/").status_code == 200


@pytest.fixture
def stranger(app: Flask) -> Person:
    return Person(app, browser(app))


def make_user(app: Flask, name: str, **given: Any) -> UserRecord:
    with app.app_context():
        return create_user(
            name,
            email=given.get("email"),
            password=given.get("password", PASSWORD),
            role=given.get("role", UserRole.USER),
            actor=BY_SHELL,
            now=utcnow(),
        )


def enter(app: Flask, name: str, address: str = "192.0.2.2", **given: Any) -> Person:
    """Make a user and let them sign in."""
    person = Person(app, browser(app, address), make_user(app, name, **given))
    assert person.sign_in().status_code == 303
    return person


@pytest.fixture
def alice(app: Flask) -> Person:
    """A user who is signed in."""
    return enter(app, "Alice", email="alice@example.org")


@pytest.fixture
def again(app: Flask) -> Callable[[Person], Person]:
    """Sign somebody in once more, in another browser."""

    def again_(person: Person) -> Person:
        other = Person(app, browser(app, "192.0.2.9"), person.user)
        assert other.sign_in().status_code == 303
        return other

    return again_
