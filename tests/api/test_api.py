"""The JSON API: what a token may do, and what is refused."""

from typing import Any

import pytest
from cast import row_counts, stored_link
from conftest import shell
from flask import Flask
from flask.testing import FlaskClient
from people import make_user, signed_in, with_token
from werkzeug.test import TestResponse

from minifile.api.openapi import describe
from minifile.extensions import db
from minifile.identity import Scope, UserRole
from minifile.services.users import UserRecord, get_user

JSON = {"Accept": "application/json"}


@pytest.fixture
def alice(app: Flask) -> UserRecord:
    return make_user(app, email="alice@example.org")


@pytest.fixture
def script(app: Flask, alice: UserRecord) -> FlaskClient:
    return with_token(app, alice)


@pytest.fixture
def root(app: Flask) -> FlaskClient:
    user = make_user(app, "Root", role=UserRole.ADMIN)
    return with_token(app, user, Scope.ADMIN)


def put(client: FlaskClient, content: bytes = b"12345", **options: str) -> str:
    answer = client.put("/a.txt", data=content, query_string=options, headers=JSON)
    assert answer.status_code == 201, answer.text
    code: str = answer.json["code"]
    return code


def refused(answer: TestResponse) -> tuple[int, str]:
    """Return status and sentence of a problem (RFC 9457)."""
    assert answer.content_type == "application/problem+json"
    return answer.status_code, answer.json["detail"]


def test_a_token_learns_whom_it_acts_for_and_what_is_left(
    app: Flask, alice: UserRecord, script: FlaskClient
):
    put(script)

    me = script.get("/api/v1/me").json

    assert (me["id"], me["name"], me["role"]) == (alice.id, "Alice", "user")
    assert me["scopes"] == ["manage", "read", "upload"]
    assert me["limits"]["quota"] is None
    assert me["usage"] == {"size": 5, "reserved": 0, "links": 1, "uploaded_today": 5}


def test_links_are_listed_and_told(script: FlaskClient):
    code = put(script, note="for Bob", max_downloads="3", password="word")

    listed = script.get("/api/v1/links").json
    told = script.get(f"/api/v1/links/{code}").json

    assert [each["code"] for each in listed["links"]] == [code]
    assert (listed["page"], listed["has_more"]) == (1, False)
    assert (told["state"], told["note"], told["has_password"]) == ("open", "for Bob", True)
    assert told["files"][0]["size"] == 5
    assert told["url"].endswith(f"/{code}")


def test_a_patch_changes_what_it_names_and_nothing_else(app: Flask, script: FlaskClient):
    code = put(script, note="old", max_downloads="3", password="word")

    changed = script.patch(f"/api/v1/links/{code}", json={"note": "new", "expires_in": "3d"}).json
    opened = script.patch(f"/api/v1/links/{code}", json={"password": None}).json
    row = stored_link(app, code)

    assert (changed["note"], changed["max_downloads"], changed["has_password"]) == ("new", 3, True)
    assert opened["has_password"] is False
    assert (row.note, row.max_downloads, row.password_hash) == ("new", 3, None)
    assert (row.expires_at - row.created_at).days in (2, 3)


def test_a_revoked_link_has_ended(app: Flask, script: FlaskClient):
    code = put(script)

    answer = script.delete(f"/api/v1/links/{code}")

    assert (answer.status_code, answer.data) == (204, b"")
    assert stored_link(app, code).state == "revoked"
    assert refused(script.get(f"/api/v1/links/{code}"))[0] == 410


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"owner_id": 1}, 422, "owner_id: Extra inputs are not permitted."),
        ({"max_downloads": 0}, 422, "max_downloads"), ({"max_downloads": "3"}, 422, "max_downl"),
        ({"max_downloads": True}, 422, "max_downloads"), ({"note": "x" * 501}, 422, "note"),
        ({"note": "\x00"}, 422, "note must be text"), ({"note": "\ud800"}, 400, "no JSON"),
        ({"expires_in": "999d"}, 422, "between"), ({"expires_in": "soon"}, 422, "written like"),
        ({"password": ""}, 422, "password"), ([], 422, "The body"), ("x", 422, "The body"),
        ({"state": "open"}, 422, "state"), ({"download_count": 0}, 422, "download_count"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    app: Flask, script: FlaskClient, body: Any, status: int, says: str
):
    code = put(script, note="old")

    found = refused(script.patch(f"/api/v1/links/{code}", json=body))

    assert found[0] == status
    assert says in found[1]
    assert stored_link(app, code).note == "old"


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [("{", "application/json", 400), ("", "application/json", 400), ("{}", "text/plain", 415)],
)
def test_what_is_no_json_is_refused(script: FlaskClient, data: str, content_type: str, status: int):
    answer = script.patch(f"/api/v1/links/{put(script)}", data=data, content_type=content_type)

    assert refused(answer)[0] == status


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=-1", "page=" + "9" * 30, "state=x", "sort=id"]
)
def test_a_parameter_out_of_range_is_refused(script: FlaskClient, query: str):
    assert refused(script.get(f"/api/v1/links?{query}"))[0] == 422


def test_a_cookie_is_no_proof_for_the_api(app: Flask, alice: UserRecord):
    client = signed_in(app, alice)

    assert refused(client.get("/api/v1/me")) == (
        401, "Send an API token: Authorization: Bearer mf_…",
    )  # fmt: skip


def test_a_token_that_does_not_hold_is_refused_wherever_it_is_shown(app: Flask):
    client = shell(app)
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer mf_" + "x" * 32

    with_it = [client.get(path).status_code for path in ("/api/v1/me", "/links/")]

    assert with_it == [401, 401]
    assert client.put("/a.txt", data=b"x").status_code == 401


def test_an_admin_changes_all_that_is_named_of_a_user_or_nothing(
    app: Flask, alice: UserRecord, root: FlaskClient
):
    path = f"/api/v1/users/{alice.id}"

    told = root.patch(path, json={"role": "admin", "limits": {"quota": 10, "max_links": -1}}).json

    assert (told["role"], told["limits"]["quota"], told["limits"]["max_links"]) == ("admin", 10, -1)
    assert root.patch(path, json={"disabled": True}).json["disabled"] is True
    own = [each["id"] for each in root.get("/api/v1/users?q=root").json["users"]]
    last = refused(root.patch(f"/api/v1/users/{own[0]}", json={"role": "user", "limits": {}}))
    assert last == (409, "This is the last admin. Make somebody else an admin first.")


@pytest.mark.parametrize(
    "body", [{"name": "x"}, {"password_hash": "x"}, {"id": 9}, {"role": "god"}]
)
def test_what_is_not_to_be_set_is_refused(
    app: Flask, alice: UserRecord, root: FlaskClient, body: dict[str, Any]
):
    before = row_counts(app)

    assert (
        refused(root.patch(f"/api/v1/users/{alice.id}", json={**body, "disabled": True}))[0] == 422
    )

    with app.app_context():
        assert get_user(alice.id).disabled_at is None
        db.session.remove()
    assert row_counts(app) == before


def test_the_api_describes_every_route_that_it_has(app: Flask, client: FlaskClient):
    rules = {
        rule.rule.replace("<code:code>", "{code}").replace("<row:user_id>", "{user_id}")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith("openapi.json")
    }

    answer = client.get("/api/v1/openapi.json")

    assert answer.json == describe()
    assert set(answer.json["paths"]) == rules


@pytest.mark.parametrize("user_id", ["987654321", "9" * 19, "9" * 40, "-1"])
def test_an_id_that_no_user_has_is_unknown(root: FlaskClient, user_id: str):
    assert refused(root.get(f"/api/v1/users/{user_id}"))[0] == 404


def test_no_limit_is_told_as_none(
    app: Flask, alice: UserRecord, script: FlaskClient, root: FlaskClient
):
    root.patch(f"/api/v1/users/{alice.id}", json={"limits": {"max_file_size": -1}})

    assert script.get("/api/v1/me").json["limits"]["max_file_size"] is None
    assert "any size" in script.get("/").text
