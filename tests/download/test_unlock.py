"""Links with a password: what is told before it is given, and the ways to give it."""

import hashlib

import pytest
from cast import Sent, downloads, fetch, form, form_token, press, send
from conftest import BROWSER_ACCEPT, FIREFOX, browser, shell
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PASSWORD = "Öffne dich 🔑"
CONTENT = b"the secret content " * 100


@pytest.fixture
def link(app: Flask) -> Sent:
    return send(app, {"merger.txt": CONTENT, "b.txt": b"b"}, password=PASSWORD, note="the note")


def by_header(password: str) -> dict[str, str]:
    """Return the header as it reaches the application: UTF-8, read as Latin-1."""
    return {"X-Link-Password": password.encode().decode("latin-1")}


def type_password(client: FlaskClient, link: Sent, password: str) -> TestResponse:
    """Fill in the form on the password page."""
    return press(client, link.path, f"{link.path}/unlock", password=password)


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param("*/*", id="text"),
        pytest.param("application/json", id="json"),
        pytest.param(BROWSER_ACCEPT, id="html"),
        pytest.param("text/html;q=0.5, application/json", id="json before html"),
    ],
)
def test_a_locked_link_tells_nothing_in_any_form(app: Flask, link: Sent, accept: str):
    secrets = (
        "merger", "the note", hashlib.sha256(CONTENT).hexdigest(), "1901", "1900", "1.9 KiB",
        "ETag", "Content-Range",
    )  # fmt: skip

    answers = ask_in_every_way(app, link, accept)

    # A request's id is random, and may have any digits in it.
    told = "".join(
        f"{answer.text}{answer.headers}".replace(answer.headers["X-Request-ID"], "")
        for answer in answers
    )
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}
    assert [secret for secret in secrets if secret in told] == []
    asked = {"WWW-Authenticate" in answer.headers for answer in answers}
    assert asked == {"text/html" not in accept}
    assert downloads(app, link.code) == 0


def ask_in_every_way(app: Flask, link: Sent, accept: str) -> list[TestResponse]:
    """Ask for all that lies behind a link, as a tool, a browser and a bot."""
    return [
        shell(app).open(
            link.path + where,
            method=method,
            headers={"User-Agent": agent, "Accept": accept, "Range": "bytes=0-3"},
            buffered=True,
        )
        for where in ("", "/merger.txt", "/nothing.txt", ".zip", ".qr.svg")
        for method in ("GET", "HEAD")
        for agent in ("curl/8.5.0", FIREFOX, "Slackbot 1.0")
    ]


def test_a_shell_is_asked_by_http_basic_in_utf8(app: Flask, link: Sent):
    answer = fetch(shell(app), link.path)

    expected = 'Basic realm="link password", charset="UTF-8"'
    assert answer.headers["WWW-Authenticate"] == expected
    assert answer.text.startswith("This link has a password. Send it with")


def test_the_form_opens_the_link_for_this_browser_only(app: Flask, link: Sent):
    bob = browser(app)

    answer = type_password(bob, link, PASSWORD)

    assert (answer.status_code, answer.headers["Location"]) == (303, link.path)
    assert "merger.txt" in bob.get(link.path).text
    assert fetch(bob, link.file()).data == CONTENT
    assert fetch(browser(app), link.path).status_code == 401


def test_http_basic_opens_with_any_name(app: Flask, link: Sent):
    answers = [fetch(shell(app), link.file(), auth=(name, PASSWORD)) for name in ("", "bob")]

    assert [answer.data for answer in answers] == [CONTENT] * 2


def test_the_header_opens_the_link(app: Flask, link: Sent):
    answer = fetch(shell(app), link.file(), headers=by_header(PASSWORD))

    assert answer.data == CONTENT


def test_ranges_of_a_locked_link_need_the_password_each(app: Flask, link: Sent):
    given = {**by_header(PASSWORD), "Range": "bytes=0-3"}

    assert fetch(shell(app), link.file(), headers=given).status_code == 206
    assert fetch(shell(app), link.file(), headers={"Range": "bytes=4-"}).status_code == 401


def test_the_owner_needs_no_password(app: Flask):
    alice = browser(app)
    alice.get("/")
    answer = alice.post("/", **form({"a.txt": b"a"}, {"password": PASSWORD}))
    code = answer.headers["Location"].rpartition("/")[2]

    assert fetch(alice, f"/{code}/a.txt").data == b"a"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("offne dich 🔑", id="another word"),
        pytest.param(PASSWORD + " ", id="a space more"),
        pytest.param("x" * 5000, id="endless"),
        pytest.param("\x7f", id="control"),
    ],
)
def test_a_wrong_password_is_401_and_counts_down(app: Flask, link: Sent, wrong: str):
    bob = browser(app)

    answer = type_password(bob, link, wrong)

    assert answer.status_code == 401
    assert "That is not the password of this link. 9 tries left." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert bob.get(link.path).status_code == 401


def test_an_empty_password_is_no_try(app: Flask, link: Sent):
    bob = browser(app)

    assert type_password(bob, link, "").status_code == 422
    assert "9 tries left" in type_password(bob, link, "wrong").text


def test_a_form_without_its_token_is_refused(app: Flask, link: Sent):
    answer = browser(app).post(f"{link.path}/unlock", data={"password": PASSWORD})

    assert answer.status_code == 400
    assert "the browser keeps no cookies" in answer.text


def test_ten_wrong_passwords_lock_the_address_out(app: Flask, link: Sent):
    charlie = shell(app, "198.51.100.9")
    wrong = [fetch(charlie, link.path, headers=by_header(f"{i}")) for i in range(10)]

    answer = fetch(charlie, link.path, headers=by_header(PASSWORD))

    assert {each.status_code for each in wrong} == {401}
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 900
    assert answer.text.startswith("Too many wrong passwords. Try again in ")
    assert fetch(shell(app), link.file(), headers=by_header(PASSWORD)).data == CONTENT


def test_the_password_page_says_when_tries_are_used_up(make_app):
    app = make_app(rate_wrong_passwords=2)
    link = send(app, password=PASSWORD)
    charlie = browser(app)

    first, second, third = (type_password(charlie, link, word) for word in ("a", "b", PASSWORD))

    assert "1 try left." in first.text
    assert "0 tries left." in second.text
    assert third.status_code == 429
    assert int(third.headers["Retry-After"]) > 0
    assert "Too many wrong passwords." in third.text


def test_tries_on_one_link_do_not_lock_another(make_app):
    app = make_app(rate_wrong_passwords=1)
    first, second = send(app, password=PASSWORD), send(app, password=PASSWORD)
    fetch(shell(app), first.path, headers=by_header("wrong"))

    assert fetch(shell(app), first.path, headers=by_header(PASSWORD)).status_code == 429
    assert fetch(shell(app), second.path, headers=by_header(PASSWORD)).status_code == 200


def test_right_passwords_use_up_no_tries(make_app):
    app = make_app(rate_wrong_passwords=1)
    link = send(app, password=PASSWORD)

    answers = [fetch(shell(app), link.path, headers=by_header(PASSWORD)) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}


def test_a_link_guessed_at_from_everywhere_still_opens_for_those_who_are_in(make_app):
    app = make_app(rate_wrong_passwords_link=3)
    link = send(app, {"a.bin": CONTENT}, password=PASSWORD)
    unlocked, holder = browser(app), shell(app, "192.0.2.77")
    type_password(unlocked, link, PASSWORD)
    start = {**by_header(PASSWORD), "Range": "bytes=0-99"}
    fetch(holder, link.file(), headers=start)
    for i in range(3):
        fetch(shell(app, f"198.51.100.{i}"), link.path, headers=by_header("wrong"))

    newcomer = fetch(shell(app, "203.0.113.1"), link.path, headers=by_header(PASSWORD))
    rest = fetch(holder, link.file(), headers={**by_header(PASSWORD), "Range": "bytes=100-"})
    owner = {"Authorization": f"Bearer {link.owner_token}"}

    assert newcomer.status_code == 429
    assert rest.data == CONTENT[100:]
    assert fetch(unlocked, link.file()).status_code == 200
    assert fetch(shell(app, "203.0.113.2"), link.file(), headers=owner).status_code == 200


def change_password(app: Flask, link: Sent, **fields: str) -> None:
    data = {"action": "edit", "owner_token": link.owner_token, **fields}
    assert shell(app).post(link.page, data=data).status_code == 303


def test_a_new_password_locks_out_who_had_unlocked_the_old_one(app: Flask, link: Sent):
    bob = browser(app)
    type_password(bob, link, PASSWORD)
    fetch(shell(app), link.path, headers=by_header(PASSWORD))

    change_password(app, link, password="another")

    assert bob.get(link.path).status_code == 401
    assert fetch(shell(app), link.path, headers=by_header(PASSWORD)).status_code == 401
    assert fetch(shell(app), link.path, headers=by_header("another")).status_code == 200


def test_a_removed_password_opens_the_link_to_all(app: Flask, link: Sent):
    change_password(app, link, remove_password="y")

    assert fetch(shell(app), link.file()).data == CONTENT


def test_a_password_set_later_does_not_let_former_visitors_in(app: Flask, link: Sent):
    bob = browser(app)
    type_password(bob, link, PASSWORD)
    change_password(app, link, remove_password="y")

    change_password(app, link, password=PASSWORD)

    assert bob.get(link.path).status_code == 401


def test_unlocking_a_link_that_is_over_says_so(app: Flask, link: Sent):
    bob = browser(app)
    token = form_token(bob.get(link.path))
    shell(app).delete(link.private_page)

    answer = bob.post(f"{link.path}/unlock", data={"csrf_token": token, "password": PASSWORD})

    assert answer.status_code == 410


def test_a_page_of_another_site_may_not_unlock(app: Flask, link: Sent):
    bob = browser(app)
    token = form_token(bob.get(link.path))

    answer = bob.post(
        f"{link.path}/unlock",
        data={"csrf_token": token, "password": PASSWORD},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403
