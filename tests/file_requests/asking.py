"""Alice asks for files, and strangers hand them in."""

from typing import Any

import people
from cast import form
from conftest import browser, shell
from flask import Flask
from flask.testing import FlaskClient
from people import make_user
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from minifile.extensions import db
from minifile.identity import Account, Actor, Scope
from minifile.models import File, FileRequest, Link, Submission
from minifile.services.file_requests import RequestFields, create_request
from minifile.web.current import utcnow

JSON = {"Accept": "application/json"}


def account(app: Flask, name: str = "Alice") -> Account:
    found = make_user(app, name)
    return Account(found.id, found.name, found.role, frozenset(Scope))


def signed_in(app: Flask, name: str = "Alice") -> FlaskClient:
    """Return a browser in which this user is signed in."""
    return people.signed_in(app, make_user(app, name))


def ask_for(app: Flask, name: str = "Alice", **fields: Any) -> str:
    """Let a user make a file request, and return the path that strangers open."""
    asks = account(app, name)
    with app.app_context():
        code = create_request(
            RequestFields(**{"title": "Photos of the party", **fields}),
            asks,
            actor=Actor(asks.id, "page"),
            code_length=10,
            now=utcnow(),
        )
    return f"/r/{code}"


def code_of(path: str) -> str:
    return path.rpartition("/")[2]


def own_page(path: str) -> str:
    """Return the owner's page of a file request."""
    return f"/account/requests/{code_of(path)}"


def hand_in(
    client: FlaskClient,
    path: str,
    *names: str,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> TestResponse:
    """Send files by a form, each with its name as its content."""
    files = {name: name.encode() for name in names or ("a.txt",)}
    return client.post(path, **form(files, fields), headers=JSON if headers is None else headers)


def submissions(app: Flask, path: str) -> list[list[str]]:
    """Return the names of the files of each submission that is there."""
    with app.app_context():
        links = db.session.scalars(
            select(Link)
            .join(Submission, Submission.link_id == Link.id)
            .join(FileRequest, FileRequest.id == Submission.file_request_id)
            .where(FileRequest.code == code_of(path), Link.state == "open")
            .order_by(Submission.id)
        )
        return [[file.filename for file in link.files] for link in links]


def sent_codes(app: Flask) -> list[str]:
    """Return the codes of all links, which no stranger ever learns."""
    with app.app_context():
        return list(db.session.scalars(select(Link.code).order_by(Link.id)))


def file_count(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(db.select(db.func.count()).select_from(File)) or 0


def change(app: Flask, model: Any, **values: Any) -> None:
    """Write into every row of a table, as time would have."""
    with app.app_context():
        db.session.execute(update(model).values(**values))
        db.session.commit()


def stranger(app: Flask, address: str = "192.0.2.7") -> FlaskClient:
    return browser(app, address)


def curl(app: Flask, address: str = "192.0.2.9") -> FlaskClient:
    return shell(app, address)
