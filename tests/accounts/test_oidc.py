"""Signing in at a provider that somebody else wrote: who comes in, as whom, with what."""

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import browser
from flask import Flask
from identity_providers import IdentityProvider, set_claims
from people import PASSWORD, Person, make_user_with_password
from werkzeug.test import TestResponse

from minifile.extensions import db
from minifile.identity import BY_SHELL, NO_LIMIT, UserRole
from minifile.models import AuditEntry, OidcIdentity, OidcSignIn, User
from minifile.services.users import UserRecord, change_role, disable_user, find_user
from minifile.web.current import utcnow

MakeApp = Callable[..., Flask]


def begin(person: Person, path: str = "/login/oidc", **fields: str) -> str:
    """Press the button; return where the page leads on to."""
    page = "/account/" if path.startswith("/account/") else "/login"
    answer = person.send(path, page=page, **fields)
    assert answer.status_code == 200, answer.text
    found = re.search(r'content="0; url=([^"]+)"', answer.text)
    assert found
    return unescape(found[1])


def come_back(person: Person, address: str) -> TestResponse:
    """Open the address that the provider sends back to."""
    parts = urlsplit(address)
    return person.get(f"{parts.path}?{parts.query}", headers={"Sec-Fetch-Site": "cross-site"})


def sign_in(
    app: Flask, provider: IdentityProvider, login: str, **fields: str
) -> tuple[Person, TestResponse]:
    """Sign in with a new browser, all the way."""
    person = Person(app, browser(app))
    return person, come_back(person, provider.sign_in(begin(person, **fields), login))


def user_of(app: Flask, name: str) -> UserRecord:
    with app.app_context():
        found = find_user(name)
    assert found is not None
    return found


def names(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(db.select(User.name).order_by(User.id)))


def audit(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(db.select(AuditEntry.action).order_by(AuditEntry.id)))


def count(app: Flask, model: type) -> int:
    with app.app_context():
        return db.session.scalar(db.select(db.func.count()).select_from(model)) or 0


def test_who_signs_in_for_the_first_time_gets_an_account(
    make_app: MakeApp, provider: IdentityProvider
):
    app = make_app(**provider.settings)
    if provider.takes_claims:
        set_claims(provider, "alice", preferred_username="alice")

    alice, answer = sign_in(app, provider, "alice")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert alice.is_signed_in
    assert "alice" in alice.get("/").text
    user = user_of(app, "alice")
    assert (user.has_password, user.role) == (False, "user")
    assert audit(app) == ["user.create", "oidc.link", "session.open"]


def test_who_comes_again_is_the_same_user(make_app: MakeApp, provider: IdentityProvider):
    app = make_app(**provider.settings)
    sign_in(app, provider, "bob")

    bob, answer = sign_in(app, provider, "bob")

    assert answer.status_code == 303
    assert bob.is_signed_in
    assert names(app) == ["bob"]


def test_somebody_else_is_another_user(make_app: MakeApp, provider: IdentityProvider):
    app = make_app(**provider.settings)

    sign_in(app, provider, "bob")
    sign_in(app, provider, "charlie")

    assert names(app) == ["bob", "charlie"]


def test_who_says_no_there_is_led_back_calmly(make_app: MakeApp, npm_provider: IdentityProvider):
    app = make_app(**npm_provider.settings)
    alice = Person(app, browser(app))

    answer = come_back(alice, npm_provider.refuse(begin(alice)))

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "You have not signed in with the directory." in alice.get("/login").text
    assert names(app) == []


def test_on_both_databases_a_sign_in_leaves_nothing_on_its_way(
    any_database_app: Flask, mock_provider: IdentityProvider, make_app: MakeApp
):
    settings = any_database_app.extensions["minifile"].settings
    app = make_app(
        database_url=settings.database_url, secret_key=settings.secret_key, **mock_provider.settings
    )

    _, first = sign_in(app, mock_provider, "alice")
    _, second = sign_in(app, mock_provider, "alice")

    assert (first.status_code, second.status_code) == (303, 303)
    assert names(app) == ["alice"]
    assert count(app, OidcSignIn) == 0


def test_what_is_asked_for_is_a_code_with_pkce_state_and_nonce(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)

    first, second = begin(Person(app, browser(app))), begin(Person(app, browser(app)))

    asked = parse_qs(urlsplit(first).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid profile email"]
    assert asked["redirect_uri"] == ["http://localhost/login/oidc/callback"]
    for name in ("state", "nonce", "code_challenge"):
        assert asked[name] != parse_qs(urlsplit(second).query)[name]


def test_the_button_leads_back_to_where_somebody_wanted_to_go(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)

    _, answer = sign_in(app, npm_provider, "alice", next="/links/?page=2")

    assert answer.headers["Location"] == "/links/?page=2"


def test_the_sign_in_page_has_the_button_where_there_is_a_provider(
    make_app: MakeApp, npm_provider: IdentityProvider, stranger: Person
):
    person = Person(app := make_app(**npm_provider.settings), browser(app))

    assert "Sign in with the directory" in person.get("/login").text
    assert 'name="next" value="/links/"' in person.get("/login?next=/links/").text
    assert "oidc" not in stranger.get("/login").text


def test_without_a_provider_its_addresses_are_unknown_ones(app: Flask, alice: Person):
    app.config["WTF_CSRF_ENABLED"] = False
    unknown = alice.get("/nothing23456")

    for answer in (
        alice.get("/login/oidc/callback?state=x&code=y"),
        alice.client.post("/login/oidc"),
        alice.client.post("/account/oidc/link"),
        alice.client.post("/account/oidc/unlink"),
    ):
        assert (answer.status_code, answer.data) == (404, unknown.data)


def test_a_verified_address_is_kept_and_another_is_not(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)

    sign_in(app, npm_provider, "alice")
    sign_in(app, npm_provider, "unverified-bob")

    assert user_of(app, "alice").email == "alice@example.org"
    assert user_of(app, "unverified-bob").email is None


def test_the_address_of_a_user_who_is_here_lets_nobody_in_as_them(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)
    make_user_with_password(app, "Alice of old", email="Alice@Example.org")

    person, answer = sign_in(app, npm_provider, "alice")

    assert answer.status_code == 409
    assert "link it on the account page" in answer.text
    assert not person.is_signed_in
    assert names(app) == ["Alice of old"]
    assert count(app, OidcIdentity) == 0


def test_the_name_of_a_user_who_is_here_lets_nobody_in_as_them(
    make_app: MakeApp, mock_provider: IdentityProvider
):
    app = make_app(**mock_provider.settings)
    make_user_with_password(app, "Alice")
    set_claims(mock_provider, "1", preferred_username="alice")
    set_claims(mock_provider, "2", preferred_username="аlice", name="Cyrillic")

    sign_in(app, mock_provider, "1")
    sign_in(app, mock_provider, "2")

    assert names(app) == ["Alice", "alice 2", "аlice 3"]


def test_where_no_users_are_made_only_those_come_in_who_are_linked(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings, oidc_create_users="no")

    person, answer = sign_in(app, npm_provider, "alice")

    assert answer.status_code == 403
    assert "Ask the admin for an invitation" in answer.text
    assert not person.is_signed_in
    assert names(app) == []


def test_a_disabled_user_does_not_come_in(make_app: MakeApp, npm_provider: IdentityProvider):
    app = make_app(**npm_provider.settings)
    sign_in(app, npm_provider, "alice")
    with app.app_context():
        disable_user(user_of(app, "alice").id, actor=BY_SHELL, now=utcnow())

    person, answer = sign_in(app, npm_provider, "alice")

    assert answer.status_code == 403
    assert "disabled" in answer.text
    assert not person.is_signed_in


def test_role_and_quota_follow_the_claims(make_app: MakeApp, npm_provider: IdentityProvider):
    rules = {"oidc_role_claim": "groups", "oidc_admin_values": "admins, owners"}
    app = make_app(**npm_provider.settings, **rules, oidc_quota_claim="minifile.quota")

    sign_in(app, npm_provider, "admin-alice")
    sign_in(app, npm_provider, "bob")

    alice, bob = user_of(app, "admin-alice"), user_of(app, "bob")
    assert (alice.role, bob.role) == ("admin", "user")
    assert alice.limits.quota == 3 * 2**30


def test_they_follow_again_each_time(make_app: MakeApp, mock_provider: IdentityProvider):
    rules = {"oidc_role_claim": "is_admin", "oidc_admin_values": "true"}
    app = make_app(**mock_provider.settings, **rules, oidc_quota_claim="quota")
    make_user_with_password(app, "Another admin", role=UserRole.ADMIN)
    found = []

    for claims in (
        {"is_admin": True, "quota": "off"},
        {"is_admin": "nobody", "quota": 4096},
        {"is_admin": ["true", 7], "quota": "a lot"},
        {},
    ):
        set_claims(mock_provider, "alice", **claims)
        sign_in(app, mock_provider, "alice")
        user = user_of(app, "user")
        found.append((user.role, user.limits.quota))

    assert found == [("admin", NO_LIMIT), ("user", 4096), ("admin", 4096), ("user", None)]


def test_a_claim_does_not_take_the_last_admin_away(
    make_app: MakeApp, mock_provider: IdentityProvider, caplog: pytest.LogCaptureFixture
):
    rules = {"oidc_role_claim": "groups", "oidc_admin_values": "admins"}
    app = make_app(**mock_provider.settings, **rules)
    set_claims(mock_provider, "alice", groups=["admins"], preferred_username="alice")
    sign_in(app, mock_provider, "alice")
    set_claims(mock_provider, "alice", groups=[])

    alice, answer = sign_in(app, mock_provider, "alice")

    assert answer.status_code == 303
    assert alice.is_signed_in
    assert user_of(app, "alice").role == "admin"
    assert "stays an admin against the claim" in caplog.text


def test_without_a_rule_a_role_stays_what_an_admin_made_it(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)
    sign_in(app, npm_provider, "alice")
    with app.app_context():
        change_role(user_of(app, "alice").id, UserRole.ADMIN, actor=BY_SHELL, now=utcnow())

    sign_in(app, npm_provider, "alice")

    assert user_of(app, "alice").role == "admin"


def local(app: Flask, name: str, **given: str) -> Person:
    person = Person(app, browser(app), make_user_with_password(app, name, **given))
    assert person.sign_in().status_code == 303
    return person


def test_an_account_is_linked_and_found_by_the_identity_from_then_on(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)
    alice = local(app, "Alice of old", email="alice@example.org")

    back = come_back(alice, npm_provider.sign_in(begin(alice, "/account/oidc/link"), "alice"))
    again, answer = sign_in(app, npm_provider, "alice")

    assert (back.status_code, back.headers["Location"]) == (303, "/account/")
    assert "Unlink my account" in alice.get("/account/").text
    assert answer.status_code == 303
    assert "Alice of old" in again.get("/account/").text
    assert names(app) == ["Alice of old"]


def test_who_says_no_while_linking_is_led_back_to_the_account(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)
    alice = local(app, "Alice")

    answer = come_back(alice, npm_provider.refuse(begin(alice, "/account/oidc/link")))

    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/")
    assert "Link my account" in alice.get("/account/").text


def test_an_identity_links_to_one_account_only(make_app: MakeApp, npm_provider: IdentityProvider):
    app = make_app(**npm_provider.settings)
    sign_in(app, npm_provider, "alice")
    charlie = local(app, "Charlie")

    answer = come_back(charlie, npm_provider.sign_in(begin(charlie, "/account/oidc/link"), "alice"))

    assert answer.status_code == 409
    assert "Another account here is linked" in answer.text
    again, _ = sign_in(app, npm_provider, "alice")
    assert "Charlie" not in again.get("/account/").text


def test_an_account_links_to_one_identity_only(make_app: MakeApp, npm_provider: IdentityProvider):
    app = make_app(**npm_provider.settings)
    alice = local(app, "Alice of old")
    come_back(alice, npm_provider.sign_in(begin(alice, "/account/oidc/link"), "bob"))

    same = come_back(alice, npm_provider.sign_in(begin(alice, "/account/oidc/link"), "bob"))
    other = come_back(alice, npm_provider.sign_in(begin(alice, "/account/oidc/link"), "charlie"))

    assert (same.status_code, other.status_code) == (303, 409)
    assert "Unlink it first" in other.text
    assert count(app, OidcIdentity) == 1


def test_a_linked_account_is_unlinked(make_app: MakeApp, npm_provider: IdentityProvider):
    app = make_app(**npm_provider.settings, oidc_create_users="no")
    alice = local(app, "Alice")
    come_back(alice, npm_provider.sign_in(begin(alice, "/account/oidc/link"), "alice"))

    unlinked = alice.send("/account/oidc/unlink", page="/account/")

    assert unlinked.status_code == 303
    assert "is not linked any more" in alice.get("/account/").text
    assert sign_in(app, npm_provider, "alice")[1].status_code == 403
    assert Person(app, browser(app), alice.user).sign_in(PASSWORD).status_code == 303


def test_who_has_no_password_can_not_unlink(make_app: MakeApp, npm_provider: IdentityProvider):
    app = make_app(**npm_provider.settings)
    alice, _ = sign_in(app, npm_provider, "alice")

    answer = alice.send("/account/oidc/unlink", page="/account/")

    assert answer.status_code == 409
    assert "Unlink my account" not in alice.get("/account/").text
    assert count(app, OidcIdentity) == 1


def test_who_is_signed_in_as_another_link_than_began_it_is_refused(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)
    alice = local(app, "Alice of old")
    back = npm_provider.sign_in(begin(alice, "/account/oidc/link"), "alice")
    alice.send("/logout", page="/account/")

    answer = come_back(alice, back)

    assert answer.status_code == 403
    assert count(app, OidcIdentity) == 0
