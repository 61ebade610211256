"""What the cast does in the tests: Alice makes a link, Bob was given it, Charlie has nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from conftest import settings_of, shell
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from minifile.extensions import Base, db
from minifile.models import File, Link

SLACKBOT = "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"


@dataclass(frozen=True)
class Sent:
    """A link, as the answer to Alice's upload described it."""

    code: str
    owner_token: str
    json: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/{self.code}"

    @property
    def page(self) -> str:
        """The sender's page."""
        return f"/links/{self.code}"

    @property
    def private_page(self) -> str:
        """The sender's page with the owner token in it."""
        return f"/links/{self.code}/{self.owner_token}"

    def file(self, position: int = 0) -> str:
        """Return the path of a file's bytes."""
        return urlsplit(self.json["files"][position]["url"]).path

    @property
    def zip(self) -> str:
        return f"/{self.code}.zip"


def send(app: Flask, files: Mapping[str, bytes] | None = None, **options: str) -> Sent:
    """Let Alice's shell upload files, and return the link."""
    files = {"a.txt": b"alpha"} if files is None else files
    answer = shell(app, "192.0.2.10").post(
        "/", **form(files, options), headers={"Accept": "application/json"}
    )
    assert answer.status_code == 201, answer.text
    return as_sent(answer)


def as_sent(answer: TestResponse) -> Sent:
    """Read the JSON answer to an upload."""
    json: dict[str, Any] = answer.json or {}
    return Sent(json["code"], json["owner_token"], json)


def form(files: Mapping[str, bytes], fields: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a form for the test client: fields, then files.

    Its own encoder leaves the blank line out of a part without content, as no browser does.
    """
    parts = [part(name, value.encode()) for name, value in (fields or {}).items()]
    parts += [part("file", content, name) for name, content in files.items()]
    return multipart(*parts)


def part(name: str, content: bytes, filename: str | None = None, *more: str) -> bytes:
    """Return one part of a multipart body, as it goes over the wire."""
    disposition = f'form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    head = "\r\n".join([f"Content-Disposition: {disposition}", *more])
    return head.encode() + b"\r\n\r\n" + content


FILE = part("file", b"alpha", "a.txt")


def multipart(*parts: bytes, end: bytes = b"--\r\n") -> dict[str, Any]:
    """Return a multipart body of these parts, in this order, for the test client."""
    body = b"".join(b"--limit\r\n" + each + b"\r\n" for each in parts) + b"--limit" + end
    return {"data": body, "content_type": "multipart/form-data; boundary=limit"}


def fetch(client: FlaskClient, path: str, **request: Any) -> TestResponse:
    """Get the whole answer and close it, as a client does that reads to the end."""
    return client.get(path, buffered=True, **request)


def form_token(page: TestResponse) -> str:
    """Return the token that the forms of a page carry, "" where there is no form."""
    return page.text.partition('name="csrf_token" value="')[2].partition('"')[0]


def press(client: FlaskClient, page: str, action: str, /, **fields: str) -> TestResponse:
    """Open a page and send one of its forms, with its token."""
    token = form_token(client.get(page))
    return client.post(action, data={"csrf_token": token, **fields})


def stored_link(app: Flask, code: str) -> Link:
    """Return the row of a link as it is now, with its files."""
    with app.app_context():
        link = db.session.scalars(select(Link).where(Link.code == code)).one()
        assert link.files
        return link


def downloads(app: Flask, code: str) -> int:
    """Return the link's counter."""
    with app.app_context():
        return db.session.scalars(select(Link.download_count).where(Link.code == code)).one()


def change_row(app: Flask, code: str, **values: Any) -> None:
    """Write into the row of a link, as time or an older version would have."""
    with app.app_context():
        link = db.session.scalars(select(Link).where(Link.code == code)).one()
        for name, value in values.items():
            setattr(link, name, value)
        db.session.commit()


def kept_bytes(app: Flask) -> dict[str, int]:
    """Return every file below the uploads folder, partial ones too, with its size."""
    root = settings_of(app).instance_path / "uploads"
    return {str(path): path.stat().st_size for path in root.rglob("*") if path.is_file()}


def row_counts(app: Flask) -> dict[str, int]:
    """Return how many rows each table has."""
    with app.app_context():
        return {
            table.name: db.session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


@contextmanager
def nothing_changed(app: Flask) -> Iterator[None]:
    """Assert that rows, blobs and partial files are afterwards what they were before."""
    before = row_counts(app), kept_bytes(app)
    yield
    assert (row_counts(app), kept_bytes(app)) == before


def filenames(app: Flask, code: str) -> list[str]:
    """Return the names of a link's files in their order."""
    return [file.filename for file in stored_link(app, code).files]


def blob_of(app: Flask, file: File) -> bytes:
    """Return what the storage holds for a file."""
    with app.extensions["minifile"].storage.open(file.storage_key) as blob:
        content: bytes = blob.read()
    return content
