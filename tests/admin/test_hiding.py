"""To everybody but admins nothing is at /admin/."""

from collections.abc import Callable, Iterator

import pytest
from conftest import BROWSER_ACCEPT, browser, shell
from flask import Flask
from flask.testing import FlaskClient
from people import Person

from minifile.identity import BY_SHELL, Scope, UserRole
from minifile.services.api_tokens import create_token
from minifile.services.users import change_role, create_user, disable_user
from minifile.web.current import utcnow

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOBODY = 4_000_000


def admin_paths(app: Flask) -> list[str]:
    adapter = app.url_map.bind("localhost")
    paths = [
        adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, 1), force_external=False)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/admin/")
    ]
    return sorted({*paths, "/admin/nothing", "/admin/links/x", "/admin/.."})


def requests_of(app: Flask) -> Iterator[tuple[str, str]]:
    for path in admin_paths(app):
        for method in METHODS:
            yield method, path


def assert_nothing_is_there(app: Flask, client: FlaskClient, headers: dict[str, str]) -> None:
    expected = client.get("/neverwas00", headers=headers)
    assert expected.status_code == 404

    for method, path in requests_of(app):
        answer = client.open(path, method=method, headers=headers)

        assert answer.status_code == 404, f"{method} {path}"
        assert answer.data == (b"" if method == "HEAD" else expected.data), f"{method} {path}"
        assert "Allow" not in answer.headers, f"{method} {path}"


def test_there_are_admin_pages(app: Flask):
    assert len(admin_paths(app)) > 25


@pytest.mark.parametrize("accept", [BROWSER_ACCEPT, "application/json", "*/*"])
def test_a_stranger_finds_nothing(app: Flask, accept: str):
    assert_nothing_is_there(app, browser(app), {"Accept": accept})


def test_a_user_finds_nothing(app: Flask, alice: Person):
    assert_nothing_is_there(app, alice.client, {})


@pytest.mark.parametrize("scope", [Scope.UPLOAD, Scope.READ, Scope.MANAGE])
def test_an_admins_token_of_another_scope_finds_nothing(app: Flask, scope: Scope):
    assert_nothing_is_there(app, shell(app), bearer(app, UserRole.ADMIN, scope))


def test_a_wrong_token_is_refused_as_at_an_unknown_address(app: Flask):
    token = {"Authorization": f"Bearer mf_{'a' * 32}"}
    expected = shell(app).get("/neverwas00", headers=token)

    for method, path in requests_of(app):
        answer = shell(app).open(path, method=method, headers=token)

        assert answer.status_code == expected.status_code, f"{method} {path}"
        assert answer.data == (b"" if method == "HEAD" else expected.data), f"{method} {path}"


def test_an_admins_token_of_the_scope_admin_reads(app: Flask):
    headers = bearer(app, UserRole.ADMIN, Scope.ADMIN)

    assert shell(app).get("/admin/users", headers=headers).status_code == 200


def bearer(app: Flask, role: UserRole, scope: Scope) -> dict[str, str]:
    with app.app_context():
        user = create_user("Script", password=None, role=role, actor=BY_SHELL, now=utcnow())
        token, _ = create_token(
            user.id, "script", {scope}, lifetime=None, actor=BY_SHELL, now=utcnow()
        )
    return {"Authorization": f"Bearer {token}"}


def test_an_admin_opens_every_page(app: Flask, admin: Person):
    for path in ("", "links", "reports", "digests", "users", "sessions", "settings", "audit"):
        assert admin.get(f"/admin/{path}").status_code == 200, path


def test_the_pages_are_at_the_address_without_a_slash_too(admin: Person, alice: Person):
    assert admin.get("/admin").status_code == 200
    assert alice.get("/admin").status_code == 404


def lose_role(user_id: int) -> None:
    create_user("Other", password=None, role=UserRole.ADMIN, actor=BY_SHELL, now=utcnow())
    change_role(user_id, UserRole.USER, actor=BY_SHELL, now=utcnow())


def be_disabled(user_id: int) -> None:
    create_user("Other", password=None, role=UserRole.ADMIN, actor=BY_SHELL, now=utcnow())
    disable_user(user_id, actor=BY_SHELL, now=utcnow())


@pytest.mark.parametrize("act", [lose_role, be_disabled])
def test_who_is_no_admin_any_more_finds_nothing_at_the_next_request(
    app: Flask, admin: Person, act: Callable[[int], None]
):
    assert admin.user is not None
    assert admin.get("/admin/").status_code == 200

    with app.app_context():
        act(admin.user.id)

    assert admin.get("/admin/").status_code == 404
    assert admin.client.post("/admin/digests/unblock").status_code == 404


def test_the_way_to_the_pages_is_shown_to_admins_only(admin: Person, alice: Person):
    assert 'href="/admin/"' in admin.get("/").text
    assert "/admin" not in alice.get("/").text


@pytest.mark.parametrize("path", [f"links/{NOBODY}", f"users/{NOBODY}", f"links/{2**70}"])
def test_what_is_not_there_is_not_found(admin: Person, path: str):
    assert admin.get(f"/admin/{path}").status_code == 404
