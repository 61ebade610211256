"""Requests that another site makes a browser send in the name of who is signed in there."""

from typing import Any

import pytest
from cast import as_sent, form, nothing_changed, stored_link
from conftest import BROWSER_ACCEPT
from flask import Flask
from flask.testing import FlaskClient
from people import make_user, signed_in

JSON = {"Accept": "application/json"}
FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}


@pytest.fixture
def alice(app: Flask) -> FlaskClient:
    return signed_in(app, make_user(app))


@pytest.fixture
def code(alice: FlaskClient) -> str:
    return as_sent(alice.put("/a.txt", data=b"alpha", headers=JSON)).code


@pytest.mark.parametrize("headers", [FOREIGN, {}], ids=["another site", "no word of the site"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/links/{code}", {"data": {"action": "revoke", "owner_token": "x" * 32}}),
        ("POST", "/links/{code}", {"data": {"action": "revoke", "owner_token": ""}}),
        ("POST", "/links/{code}", {"data": {"action": "revoke"}}),
        ("POST", "/links/", {"data": {"action": "revoke", "code": "{code}"}}),
        ("DELETE", "/links/{code}/" + "x" * 32, {}),
        ("POST", "/links/{code}/" + "x" * 32 + "/files", form({"b.txt": b"beta"})),
        ("DELETE", "/api/v1/links/{code}", {}),
        ("PATCH", "/api/v1/links/{code}", {"json": {"note": "forged"}}),
        ("POST", "/logout", {}),
        ("POST", "/account/sessions/others", {}),
        ("POST", "/account/tokens", {"data": {"name": "forged", "scopes": "read"}}),
    ],
)
def test_nothing_is_done(
    app: Flask, alice: FlaskClient, code: str, method: str, path: str, body: Any, headers: Any
):
    filled = {key: _filled(value, code) for key, value in body.items()}
    alice.environ_base.pop("HTTP_SEC_FETCH_SITE")

    with nothing_changed(app):
        answer = alice.open(path.format(code=code), method=method, headers=headers, **filled)

    assert answer.status_code in (400, 401, 403, 404, 422), answer.text
    assert stored_link(app, code).state == "open"
    assert alice.get("/account/", headers={"Accept": BROWSER_ACCEPT}).status_code == 200


def _filled(value: Any, code: str) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: text.format(code=code) for name, text in value.items()}
