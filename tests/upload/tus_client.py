"""What a tus client says, for tests in process."""

import base64
from typing import Any
from urllib.parse import urlsplit

from conftest import shell
from flask import Flask
from werkzeug.test import TestResponse

BUNDLE = "bundle-that-nobody-guesses"


def metadata(**pairs: str) -> str:
    """Return Upload-Metadata with these keys and values."""
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items()
    )


class Tus:
    """A client that speaks tus 1.0.0."""

    def __init__(self, app: Flask, address: str = "192.0.2.1", client: Any = None) -> None:
        self.http = client or shell(app, address)

    def ask(self, method: str, path: str, data: bytes = b"", **headers: str) -> TestResponse:
        """Send a request; underscores in the names of headers stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.open(
            path, method=method, data=data, headers={"Tus-Resumable": "1.0.0", **named}
        )

    def create(
        self, length: int | None, data: bytes | None = None, concat: str | None = None, **pairs: str
    ) -> TestResponse:
        headers: dict[str, str] = {"Upload_Metadata": metadata(**pairs)} if pairs else {}
        if length is not None:
            headers["Upload_Length"] = str(length)
        elif not (concat or "").startswith("final"):
            headers["Upload_Defer_Length"] = "1"
        if concat is not None:
            headers["Upload_Concat"] = concat
        if data is not None:
            headers["Content_Type"] = "application/offset+octet-stream"
        return self.ask("POST", "/tus/", data or b"", **headers)

    def begin(self, length: int | None, **pairs: Any) -> str:
        """Create an upload and return its path."""
        answer = self.create(length, **pairs)
        assert answer.status_code == 201, answer.text
        return path_of(answer)

    def patch(self, path: str, offset: int, data: bytes, **headers: str) -> TestResponse:
        headers.setdefault("Content_Type", "application/offset+octet-stream")
        return self.ask("PATCH", path, data, Upload_Offset=str(offset), **headers)

    def head(self, path: str) -> TestResponse:
        return self.ask("HEAD", path)


def path_of(answer: TestResponse) -> str:
    return urlsplit(answer.headers["Location"]).path
