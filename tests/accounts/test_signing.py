"""Signing in and out: one answer for all who may not, and a cookie that is worth nothing after."""

import re

import pytest
from cast import form_token, row_counts
from conftest import browser, shell
from flask import Flask
from people import NEW_PASSWORD, PASSWORD, Person, enter, make_user_with_password

from minifile.identity import BY_SHELL
from minifile.services import user_sessions
from minifile.services.users import disable_user
from minifile.web.current import utcnow


def test_who_signs_in_is_led_to_the_upload_page(app: Flask):
    alice = Person(app, browser(app), make_user_with_password(app, "Alice"))

    answer = alice.sign_in()

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "Alice" in alice.get("/").text
    assert "Sign out" in alice.get("/").text


@pytest.mark.parametrize(
    "name", ["Alice", " aLiCe ", "ALICE", "alice@example.org", "Alice@Example.ORG"]
)
def test_a_name_and_an_address_are_taken_however_they_are_written(app: Flask, name: str):
    make_user_with_password(app, "Alice", email="alice@example.org")
    someone = Person(app, browser(app))

    assert someone.send("/login", name=name, password=PASSWORD).status_code == 303


def test_who_is_signed_in_is_sent_on_from_the_sign_in_page(alice: Person):
    answer = alice.get("/login?next=/links/%3Fpage=2")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/links/?page=2")


def refusals(app: Flask) -> list[tuple[int, str]]:
    """Return the answers to an unknown name, a wrong password and a disabled user."""
    make_user_with_password(app, "Alice")
    bob = make_user_with_password(app, "Robert")
    with app.app_context():
        disable_user(bob.id, actor=BY_SHELL, now=utcnow())
    answers = []
    for number, (name, password) in enumerate(
        [("Nobody", PASSWORD), ("Alice", NEW_PASSWORD), ("Robert", PASSWORD)]
    ):
        someone = Person(app, browser(app, f"192.0.2.{number}"))
        answer = someone.send("/login", name=name, password=password)
        text = re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text)
        answers.append((answer.status_code, text.replace(name, "NAME")))
    return answers


def test_an_unknown_name_a_wrong_password_and_a_disabled_user_get_the_same_answer(app: Flask):
    unknown, wrong, disabled = refusals(app)

    assert unknown[0] == 401
    assert "do not belong together" in unknown[1]
    assert unknown == wrong == disabled


def test_each_of_them_costs_one_password_hash(app: Flask, monkeypatch: pytest.MonkeyPatch):
    compared: list[str] = []
    verify = user_sessions.verify_password
    monkeypatch.setattr(
        user_sessions,
        "verify_password",
        lambda kept, given: compared.append(kept) or verify(kept, given),
    )

    refusals(app)

    assert len(compared) == 3
    assert all(kept.startswith("$argon2id$") for kept in compared)


def test_guessing_is_refused_after_a_while_and_says_when_to_come_back(app: Flask):
    make_user_with_password(app, "Alice")
    mallory = Person(app, browser(app))

    tried = [mallory.send("/login", name="Alice", password=f"guess {n}") for n in range(11)]

    assert [answer.status_code for answer in tried] == [401] * 10 + [429]
    assert 0 < int(tried[-1].headers["Retry-After"]) <= 900
    assert "Too many" in tried[-1].text


def test_who_guesses_elsewhere_does_not_lock_the_user_out(app: Flask):
    alice = Person(app, browser(app, "192.0.2.77"), make_user_with_password(app, "Alice"))
    mallory = Person(app, browser(app))
    for number in range(11):
        mallory.send("/login", name="Alice", password=f"guess {number}")

    assert alice.sign_in().status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
        "https:evil.example", "https://evil.example/", "javascript:alert(1)", "evil.example",
        "/\t/evil.example", "/\n/evil.example", " //evil.example", "/%09/evil.example\r\nX: y",
        "/" + "a" * 3000, "", "http:///evil.example", "/\x00",
    ],
)  # fmt: skip
def test_nobody_is_led_away_from_this_site(app: Flask, wanted: str):
    alice = Person(app, browser(app), make_user_with_password(app, "Alice"))

    answer = alice.sign_in(next=wanted)

    if answer.status_code == 303:
        assert answer.headers["Location"] == "/"
    else:
        assert answer.status_code == 422
    assert alice.get("/login", query_string={"next": wanted}).headers.get("Location", "/") == "/"


@pytest.mark.parametrize("wanted", ["/links/", "/links/?page=2", "/%2f%2fevil.example", "/@evil"])
def test_a_path_of_ours_is_gone_on_to(app: Flask, wanted: str):
    alice = Person(app, browser(app), make_user_with_password(app, "Alice"))

    assert alice.sign_in(next=wanted).headers["Location"] == wanted


def test_a_page_that_needs_an_account_asks_for_it_and_comes_back(app: Flask):
    alice = Person(app, browser(app), make_user_with_password(app, "Alice"))

    asked = alice.get("/account/tokens")
    there = alice.get(asked.headers["Location"])
    wanted = re.search(r'name="next" value="([^"]+)"', there.text)

    assert asked.status_code == 303
    assert wanted is not None
    assert alice.sign_in(next=wanted[1]).headers["Location"] == "/account/tokens"


def test_a_shell_is_told_to_sign_in(app: Flask):
    answer = shell(app).get("/account/")

    assert answer.status_code == 401
    assert answer.text == "Sign in first, or send an API token.\n"


def test_signing_out_ends_the_session_also_for_a_copy_of_its_cookie(alice: Person):
    cookie = alice.client.get_cookie("minifile")
    assert cookie is not None

    answer = alice.send("/logout", page="/account/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert not alice.is_signed_in

    thief = Person(alice.app, browser(alice.app))
    thief.client.set_cookie("minifile", cookie.value)
    assert not thief.is_signed_in


def test_a_cookie_that_was_planted_before_is_worth_nothing_after_the_sign_in(app: Flask):
    """Session fixation: Mallory gives her own cookie to Alice's browser."""
    mallory = Person(app, browser(app))
    mallory.get("/")
    mallory.get("/login")
    planted = mallory.client.get_cookie("minifile")
    assert planted is not None
    old = form_token(mallory.get("/login"))
    alice = Person(app, browser(app), make_user_with_password(app, "Alice"))
    alice.client.set_cookie("minifile", planted.value)

    assert alice.sign_in().status_code == 303

    assert not mallory.is_signed_in
    now = alice.client.get_cookie("minifile")
    assert now is not None
    assert now.value != planted.value
    # Nor is a form's token that Mallory knows.
    answer = alice.client.post("/account/name", data={"csrf_token": old, "name": "Mallory"})
    assert answer.status_code == 400


def test_a_second_sign_in_in_one_browser_ends_the_first_session(app: Flask, alice: Person):
    before = alice.client.get_cookie("minifile")
    robert = Person(app, alice.client, make_user_with_password(app, "Robert"))
    token = form_token(alice.get("/account/"))
    assert before is not None

    answer = alice.client.post(
        "/login", data={"csrf_token": token, "name": "Robert", "password": PASSWORD}
    )

    assert answer.status_code == 303
    assert "Robert" in robert.get("/account/").text
    thief = Person(app, browser(app))
    thief.client.set_cookie("minifile", before.value)
    assert not thief.is_signed_in


FORMS = [
    "/login", "/logout", "/register", "/reset", "/reset/token", "/invite/token", "/account/name",
    "/account/email", "/account/email/token", "/account/password", "/account/sessions",
    "/account/sessions/others", "/account/tokens", "/account/tokens/revoke", "/account/delete",
    "/login/oidc", "/account/oidc/link", "/account/oidc/unlink", "/account/notifications",
    "/account/notifications/log", "/account/notifications/webhooks",
    *(f"/account/notifications/webhooks/{act}" for act in ("test", "disable", "enable", "delete")),
]  # fmt: skip


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [None, "", "made-up"])
def test_every_form_needs_its_token(alice: Person, path: str, token: str | None):
    fields = {} if token is None else {"csrf_token": token}

    answer = alice.client.post(path, data=fields)

    assert answer.status_code == 400
    assert "could not be checked" in answer.text


@pytest.mark.parametrize("path", FORMS)
def test_no_form_takes_a_field_that_it_does_not_have(alice: Person, path: str):
    before = row_counts(alice.app)

    answer = alice.send(path, page="/account/", role="admin")

    # Without an open instance, a provider, or a token that holds, there is no such form.
    expected = {"/register": 404, "/invite/token": 404, "/account/email/token": 410}
    expected |= {rule: 404 for rule in FORMS if "/oidc" in rule}
    assert answer.status_code == expected.get(path, 422)
    assert row_counts(alice.app) == before
    assert alice.is_signed_in


def test_the_forms_above_are_all_there_are(app: Flask):
    found = {
        rule.rule.replace("<token>", "token")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("accounts.") and "POST" in (rule.methods or ())
    }

    # Its proof stands in the address, and a mail program sends nothing else.
    assert found - {"/notifications/off/token"} == set(FORMS)


def test_another_session_is_not_touched(app: Flask, alice: Person):
    other = enter(app, "Robert")

    alice.send("/logout", page="/account/")

    assert other.is_signed_in
