"""What strangers, and providers that lie, try with a sign-in: nobody comes in, nothing is left."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from accounts.test_oidc import begin, come_back, count, local, names, sign_in
from conftest import browser, shell
from flask import Flask
from identity_providers import (
    CALLBACK,
    CLIENT_ID,
    CLIENT_SECRET,
    IdentityProvider,
    LyingProvider,
    lying_provider,
)
from joserfc.jwk import ECKey, RSAKey
from people import Person, make_user_with_password

from minifile.models import OidcIdentity, OidcSignIn, User, UserSession
from minifile.services import oidc_discovery, oidc_provider

MakeApp = Callable[..., Flask]


@pytest.fixture
def liar() -> Iterator[LyingProvider]:
    """A provider that signs whatever a test wants it to."""
    with lying_provider() as provider:
        provider.now = int(datetime.now(UTC).timestamp())
        yield provider


@pytest.fixture
def lied_to(make_app: MakeApp, liar: LyingProvider) -> Flask:
    """An application that signs in there."""
    return make_app(**liar.settings)


def assert_nobody_came_in(person: Person) -> None:
    assert not person.is_signed_in
    assert names(person.app) == []
    assert count(person.app, OidcIdentity) == 0
    assert count(person.app, UserSession) == 0


def changed(address: str, **values: str | None) -> str:
    """Return the address with other values in its query; None leaves one out."""
    parts = urlsplit(address)
    query = {name: found[0] for name, found in parse_qs(parts.query).items()} | values
    left = {name: value for name, value in query.items() if value is not None}
    return parts._replace(query=urlencode(left)).geturl()


# The browser


def test_the_state_of_another_browser_is_refused(make_app: MakeApp, npm_provider: IdentityProvider):
    """Charlie would like Alice to be signed in as Charlie."""
    app = make_app(**npm_provider.settings)
    charlie, alice = Person(app, browser(app)), Person(app, browser(app))
    prepared = npm_provider.sign_in(begin(charlie), "charlie")
    begin(alice)

    answer = come_back(alice, prepared)

    assert answer.status_code == 400
    assert "was begun in another browser" in answer.text
    assert_nobody_came_in(alice)
    assert come_back(charlie, prepared).status_code == 303


def test_a_state_is_used_once(make_app: MakeApp, npm_provider: IdentityProvider):
    """Even by a browser that has kept its cookie."""
    app = make_app(**npm_provider.settings)
    alice = Person(app, browser(app))
    address = npm_provider.sign_in(begin(alice), "alice")
    kept = alice.client.get_cookie("minifile")
    assert kept is not None
    come_back(alice, address)
    replaying = Person(app, browser(app))
    replaying.client.set_cookie("minifile", kept.value)

    answer = come_back(replaying, address)

    assert answer.status_code == 400
    assert not replaying.is_signed_in
    assert count(app, UserSession) == 1


def test_a_code_is_used_once(make_app: MakeApp, npm_provider: IdentityProvider):
    app = make_app(**npm_provider.settings)
    alice, charlie = Person(app, browser(app)), Person(app, browser(app))
    stolen = npm_provider.sign_in(begin(alice), "alice")
    own = npm_provider.sign_in(begin(charlie), "charlie")
    come_back(alice, stolen)

    answer = come_back(charlie, changed(own, code=parse_qs(urlsplit(stolen).query)["code"][0]))

    assert answer.status_code == 400
    assert not charlie.is_signed_in


def test_a_code_is_worth_nothing_in_another_sign_in(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    """Charlie has got hold of a code that is not used yet; its verifier is not Charlie's."""
    app = make_app(**npm_provider.settings)
    alice, charlie = Person(app, browser(app)), Person(app, browser(app))
    stolen = npm_provider.sign_in(begin(alice), "alice")
    own = npm_provider.sign_in(begin(charlie), "charlie")

    answer = come_back(charlie, changed(own, code=parse_qs(urlsplit(stolen).query)["code"][0]))

    assert answer.status_code == 400
    assert_nobody_came_in(charlie)


def test_a_sign_in_is_over_after_ten_minutes(make_app: MakeApp, npm_provider: IdentityProvider):
    app = make_app(**npm_provider.settings)
    alice = Person(app, browser(app))
    address = npm_provider.sign_in(begin(alice), "alice")

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10), tick=False):
        answer = come_back(alice, address)

    assert answer.status_code == 400
    assert_nobody_came_in(alice)


def test_sign_ins_that_are_over_are_deleted(make_app: MakeApp, npm_provider: IdentityProvider):
    app = make_app(**npm_provider.settings)
    begin(Person(app, browser(app)))

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10), tick=False):
        begin(Person(app, browser(app)))

    assert count(app, OidcSignIn) == 1


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=x",
        "code=y",
        "state=&code=",
        "state=%00&code=%00",
        "state=%F0%9F%98%80&code=y",
        "error=access_denied",
        "error=server_error&error_description=%3Cscript%3E",
        f"state={'x' * 100_000}&code={'y' * 100_000}",
        "state=a&state=b&code=c",
    ],
)
def test_nonsense_in_the_address_is_a_refusal(
    make_app: MakeApp, npm_provider: IdentityProvider, query: str
):
    app = make_app(**npm_provider.settings)

    answer = Person(app, browser(app)).get(f"{CALLBACK}?{query}")

    assert answer.status_code == 400
    assert "Begin it once more" in answer.text
    assert "script>" not in answer.text.replace("</script>", "").replace("<script", "")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"code": None}, 400),
        ({"code": "made-up"}, 400),
        ({"code": None, "error": "login_required"}, 400),
        ({"code": None, "error": "temporarily_unavailable"}, 503),
        ({"code": None, "error": "\x1b[31m" * 10}, 400),
    ],
    ids=["no-code", "made-up-code", "login-required", "unavailable", "odd-error"],
)
def test_an_answer_without_a_code_that_holds_is_a_refusal(
    lied_to: Flask,
    liar: LyingProvider,
    caplog: pytest.LogCaptureFixture,
    answer: dict[str, str | None],
    status: int,
):
    alice = Person(lied_to, browser(lied_to))
    address = changed(liar.sign_in(begin(alice), "alice"), **answer)

    assert come_back(alice, address).status_code == status
    assert_nobody_came_in(alice)
    assert "\x1b" not in caplog.text


def test_without_the_token_of_the_form_nothing_begins(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)
    alice = local(app, "Alice")

    for path in ("/login/oidc", "/account/oidc/link", "/account/oidc/unlink"):
        assert alice.client.post(path).status_code == 400, path
        assert alice.get(path).status_code in (404, 405), path
    assert count(app, OidcSignIn) == 0


def test_fields_that_the_form_does_not_have_are_refused(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)
    alice = local(app, "Alice")

    for path, page in (
        ("/login/oidc", "/account/"),
        ("/account/oidc/link", "/account/"),
        ("/account/oidc/unlink", "/account/"),
    ):
        assert alice.send(path, page=page, user_id="1").status_code == 422, path
    assert count(app, OidcSignIn) == 0


def test_who_is_not_signed_in_can_not_link(make_app: MakeApp, npm_provider: IdentityProvider):
    app = make_app(**npm_provider.settings)
    stranger = Person(app, browser(app))

    answer = stranger.send("/account/oidc/link", page="/login")

    assert answer.status_code == 401
    assert count(app, OidcSignIn) == 0


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/%0a/evil.example\n",
        "/\t/evil.example",
    ],
)
def test_nobody_is_led_to_another_site(make_app: MakeApp, liar: LyingProvider, elsewhere: str):
    app = make_app(**liar.settings)

    _, answer = sign_in(app, liar, "alice", next=elsewhere)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_a_planted_cookie_is_worth_nothing_after_the_sign_in(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings)
    charlie, alice = Person(app, browser(app)), Person(app, browser(app))
    charlie.get("/login")
    planted = charlie.client.get_cookie("minifile")
    assert planted is not None
    alice.client.set_cookie("minifile", planted.value)

    come_back(alice, npm_provider.sign_in(begin(alice), "alice"))

    assert alice.is_signed_in
    assert not charlie.is_signed_in
    used = alice.client.get_cookie("minifile")
    assert used is not None
    assert used.value != planted.value


def test_beginning_again_and_again_is_slowed_down(
    make_app: MakeApp, npm_provider: IdentityProvider
):
    app = make_app(**npm_provider.settings, rate_oidc_sign_ins=2)
    alice = Person(app, browser(app))
    begin(alice)
    begin(alice)

    answer = alice.send("/login/oidc", page="/login")

    assert answer.status_code == 429
    assert count(app, OidcSignIn) == 2


# The provider


def test_a_provider_that_says_the_truth_signs_in(lied_to: Flask, liar: LyingProvider):
    alice, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == 303
    assert alice.is_signed_in


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"nonce": ["x"]},
        {"aud": "another client"},
        {"aud": ["another client", "a third"]},
        {"aud": [CLIENT_ID, "another client"]},
        {"aud": [CLIENT_ID, "another client"], "azp": "another client"},
        {"aud": CLIENT_ID, "azp": "another client"},
        {"aud": None},
        {"aud": {}},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": "http://127.0.0.1"},
        {"exp": 1},
        {"exp": None},
        {"exp": "never"},
        {"iat": 4_000_000_000},
        {"iat": None},
        {"iat": True},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["alice"]},
        {"sub": "a" * 256},
        {"sub": "ali\x00ce"},
        {"sub": "аlice"},
        {"at_hash": "of another access token"},
    ],
    ids=str,
)
def test_an_id_token_with_a_wrong_claim_is_refused(
    lied_to: Flask, liar: LyingProvider, claims: dict[str, Any]
):
    liar.claims = claims

    alice, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == 400
    assert_nobody_came_in(alice)


def test_an_id_token_for_several_clients_holds_if_it_was_asked_for_here(
    lied_to: Flask, liar: LyingProvider
):
    liar.claims = {"aud": [CLIENT_ID, "another client"], "azp": CLIENT_ID}

    assert sign_in(lied_to, liar, "alice")[1].status_code == 303


@pytest.mark.parametrize("alg", ["none", "None", "RS256", ""])
def test_an_id_token_without_a_signature_is_refused(lied_to: Flask, liar: LyingProvider, alg: str):
    liar.header, liar.secret = {"alg": alg}, b""

    alice, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == 400
    assert_nobody_came_in(alice)


@pytest.mark.parametrize("kid", [{"kid": "1"}, {}], ids=["with-kid", "without-kid"])
def test_an_id_token_signed_by_the_secret_of_the_client_is_refused(
    lied_to: Flask, liar: LyingProvider, kid: dict[str, str]
):
    """The metadata allows HS256, and a plug-in somewhere may know the secret."""
    liar.header, liar.secret = {"alg": "HS256", **kid}, CLIENT_SECRET.encode()

    alice, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == 400
    assert_nobody_came_in(alice)


def test_an_id_token_signed_by_the_public_key_as_a_secret_is_refused(
    lied_to: Flask, liar: LyingProvider
):
    liar.header = {"alg": "HS256", "kid": "1"}
    liar.secret = liar.key.as_pem(private=False)

    alice, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == 400
    assert_nobody_came_in(alice)


def test_an_id_token_signed_by_another_key_is_refused(lied_to: Flask, liar: LyingProvider):
    liar.sign_with = RSAKey.generate_key(2048, {"kid": "1"})

    alice, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == 400
    assert_nobody_came_in(alice)


def test_a_key_that_came_with_the_id_token_does_not_count(lied_to: Flask, liar: LyingProvider):
    liar.sign_with = RSAKey.generate_key(2048, {"kid": "1"})
    liar.header = {
        "alg": "RS256",
        "kid": "1",
        "jwk": liar.sign_with.as_dict(private=False),
        "jku": f"{liar.issuer}/evil",
    }

    alice, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == 400
    assert "/evil" not in liar.asked
    assert_nobody_came_in(alice)


def test_an_algorithm_that_the_provider_does_not_name_is_refused(
    lied_to: Flask, liar: LyingProvider
):
    key = ECKey.generate_key("P-256", {"kid": "1"})
    liar.sign_with, liar.header = key, {"alg": "ES256", "kid": "1"}
    liar.published = [key]

    alice, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == 400
    assert_nobody_came_in(alice)


@pytest.mark.parametrize("id_token", [None, "", "a.b.c", "x" * 200_000, 7, ["a"], "a.b.c.d.e"])
def test_what_is_no_id_token_is_refused(lied_to: Flask, liar: LyingProvider, id_token: object):
    answer = {"access_token": "opaque", "token_type": "Bearer", "id_token": id_token}
    liar.token_answer = (200, answer)

    alice, refused = sign_in(lied_to, liar, "alice")

    assert refused.status_code == 400
    assert_nobody_came_in(alice)


def test_a_newer_key_is_asked_for_once(lied_to: Flask, liar: LyingProvider):
    sign_in(lied_to, liar, "alice")
    liar.key, liar.header = RSAKey.generate_key(2048, {"kid": "2"}), {"alg": "RS256", "kid": "2"}

    _, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == 303
    assert liar.asked.count("/jwks") == 2
    assert liar.asked.count("/.well-known/openid-configuration") == 1


def test_userinfo_of_somebody_else_is_refused(lied_to: Flask, liar: LyingProvider):
    liar.userinfo = {"sub": "bob", "preferred_username": "bob"}

    alice, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == 400
    assert_nobody_came_in(alice)


def test_what_the_id_token_says_wins_over_userinfo(make_app: MakeApp, liar: LyingProvider):
    liar.claims = {"preferred_username": "signed"}
    liar.userinfo = {"sub": "alice", "preferred_username": "unsigned", "iss": "elsewhere"}
    app = make_app(**liar.settings)

    sign_in(app, liar, "alice")

    assert names(app) == ["signed"]


@pytest.mark.parametrize(
    "issuer", ["https://evil.example", "", None], ids=["another", "empty", "none-though-promised"]
)
def test_an_answer_of_another_provider_is_refused(
    make_app: MakeApp, liar: LyingProvider, issuer: str | None
):
    """The mix-up attack: RFC 9207."""
    liar.metadata = {"authorization_response_iss_parameter_supported": True}
    app = make_app(**liar.settings)
    alice = Person(app, browser(app))

    answer = come_back(alice, changed(liar.sign_in(begin(alice), "alice"), iss=issuer))

    assert answer.status_code == 400
    assert liar.tokens_asked == [], "the code was sent to the wrong one"
    assert_nobody_came_in(alice)


def test_a_provider_that_calls_itself_otherwise_is_not_asked(
    make_app: MakeApp, liar: LyingProvider, caplog: pytest.LogCaptureFixture
):
    liar.metadata = {"issuer": "https://evil.example"}
    app = make_app(**liar.settings)
    alice = Person(app, browser(app))

    answer = alice.send("/login/oidc", page="/login")

    assert answer.status_code == 503
    assert "it calls itself 'https://evil.example'" in caplog.text
    assert count(app, OidcSignIn) == 0


@pytest.mark.parametrize(
    "metadata",
    [
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"token_endpoint": 7},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": "http://[evil"},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"id_token_signing_alg_values_supported": []},
        {"id_token_signing_alg_values_supported": [[], {}]},
    ],
    ids=str,
)
def test_metadata_that_can_not_be_used_is_no_failure_of_ours(
    make_app: MakeApp, liar: LyingProvider, metadata: dict[str, Any]
):
    liar.metadata = metadata
    app = make_app(**liar.settings)

    answer = Person(app, browser(app)).send("/login/oidc", page="/login")

    assert answer.status_code == 503
    assert "does not answer as it should" in answer.text


@pytest.mark.parametrize(
    ("token_answer", "status"),
    [
        ((400, {"error": "invalid_grant"}), 400),
        ((401, {"error": "invalid_client"}), 503),
        ((500, {"error": "server_error"}), 503),
        ((302, {}), 400),
        ((200, {}), 400),
        ((200, {"error": ["x"]}), 503),
        ((200, {"access_token": {}, "id_token": {}}), 400),
    ],
    ids=str,
)
def test_a_token_endpoint_that_gives_none_is_no_failure_of_ours(
    lied_to: Flask, liar: LyingProvider, token_answer: tuple[int, dict[str, Any]], status: int
):
    liar.token_answer = token_answer

    alice, answer = sign_in(lied_to, liar, "alice")

    assert answer.status_code == status
    assert_nobody_came_in(alice)


def test_a_provider_that_is_away_is_said_to_be(make_app: MakeApp, liar: LyingProvider):
    app = make_app(**liar.settings | {"oidc_issuer": "http://127.0.0.1:9"})
    alice = Person(app, browser(app))

    answer = alice.send("/login/oidc", page="/login")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "Try again in a moment." in answer.text


def test_no_secret_of_a_sign_in_is_in_the_log(
    lied_to: Flask, liar: LyingProvider, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    liar.claims = {"exp": 1}
    alice = Person(lied_to, browser(lied_to))
    there = begin(alice)
    come_back(alice, liar.sign_in(there, "alice"))
    liar.token_answer = (401, {"error": "invalid_client"})
    sign_in(lied_to, liar, "alice")

    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("minifile")
    )
    asked = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
    assert "does not hold" in ours
    for secret in (asked["state"], asked["nonce"], CLIENT_SECRET, "code-0"):
        assert secret not in ours


def test_programs_are_told_in_their_own_way(make_app: MakeApp, liar: LyingProvider):
    app = make_app(**liar.settings)

    answer = shell(app).get(f"{CALLBACK}?state=x&code=y", headers={"Accept": "application/json"})

    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"


def test_a_user_made_meanwhile_is_not_taken_over(make_app: MakeApp, liar: LyingProvider):
    liar.userinfo = {"sub": "alice", "email": "alice@example.org", "email_verified": True}
    app = make_app(**liar.settings)
    alice = Person(app, browser(app))
    back = liar.sign_in(begin(alice), "alice")
    make_user_with_password(app, "Bob", email="alice@example.org")

    answer = come_back(alice, back)

    assert answer.status_code == 409
    assert not alice.is_signed_in
    assert count(app, User) == 1


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a machine that takes connections and never says a word."""
    monkeypatch.setattr(oidc_discovery, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(oidc_provider, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_nobody_waits_for_a_provider_that_never_answers(
    make_app: MakeApp, liar: LyingProvider, silent: str
):
    app = make_app(**liar.settings | {"oidc_issuer": silent})

    answer = Person(app, browser(app)).send("/login/oidc", page="/login")

    assert answer.status_code == 503


@pytest.mark.parametrize("part", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
def test_nobody_waits_for_a_part_of_it_that_never_answers(
    make_app: MakeApp, liar: LyingProvider, silent: str, part: str
):
    liar.metadata = {part: silent}

    alice, answer = sign_in(make_app(**liar.settings), liar, "alice")

    assert answer.status_code == 503
    assert_nobody_came_in(alice)
