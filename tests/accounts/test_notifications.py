"""The pages about notifications: what is chosen, webhooks, the log; and switching off."""

from collections.abc import Callable
from typing import Any

import pytest
from cast import as_sent, form_token, press
from conftest import browser, shell
from flask import Flask
from people import make_user, signed_in

from minifile.services.choices import Choice, read_choices, read_habits
from minifile.web.switching_off import Off, off_path

PAGE = "/account/notifications"
HOOK = "https://hooks.example.org/minifile"


@pytest.fixture
def site(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(
        mail_url="smtp://127.0.0.1:9", mail_from="f@example.org", public_url="https://f.example.org"
    )
    make_user(app, email="alice@example.org")
    return app


def chosen(app: Flask, link_id: int | None = None, name: str = "Alice") -> set[Choice]:
    user = make_user(app, name)
    with app.app_context():
        return read_choices(user.id, link_id)


def test_a_user_chooses_by_what_they_are_told(site: Flask):
    alice = signed_in(site, make_user(site))
    added = press(alice, PAGE, f"{PAGE}/webhooks", url=HOOK)
    assert added.status_code == 201
    assert "The secret of your new webhook" in added.text
    assert "The secret of your new webhook" not in alice.get(PAGE).text

    answer = press(
        alice, PAGE, PAGE, wanted=["download mail", "quota mail", "download 1"], hours="6",
        digest="daily", zone="Europe/Berlin",
    )  # fmt: skip

    assert answer.status_code == 303, answer.text
    both = {Choice("download", None), Choice("download", 1)}
    assert chosen(site) == {*both, Choice("quota", None)}
    with site.app_context():
        habits = read_habits(make_user(site).id)
    assert (habits.hours, habits.mode, habits.zone) == (6, "daily", "Europe/Berlin")
    page = alice.get(PAGE).text
    assert page.count(" checked") == 3
    press(alice, PAGE, PAGE, wanted=["download 1"], hours="6", digest="off", zone="UTC")
    assert chosen(site) == {Choice("download", 1)}


@pytest.mark.parametrize(
    "fields",
    [
        {"wanted": ["report mail"]},
        {"wanted": ["download 99"]},
        {"wanted": ["download"]},
        {"hours": "0"},
        {"hours": "9" * 30},
        {"hours": "soon"},
        {"zone": "Mars/Olympus"},
        {"digest": "hourly"},
        {"link_id": "1"},
    ],
)
def test_what_is_not_offered_is_refused(site: Flask, fields: dict[str, Any]):
    alice = signed_in(site, make_user(site))

    sent = {"wanted": ["download mail"], "hours": "6", "digest": "off", "zone": "UTC", **fields}
    answer = press(alice, PAGE, PAGE, **sent)

    assert answer.status_code == 422
    assert chosen(site) == set()


def test_another_one_s_webhook_is_not_found(site: Flask):
    alice, bob = signed_in(site, make_user(site)), signed_in(site, make_user(site, "Bob"))
    press(alice, PAGE, f"{PAGE}/webhooks", url=HOOK)

    for act in ("test", "disable", "enable", "delete"):
        for number in ("1", "77", "x", "9" * 40):
            answer = press(bob, PAGE, f"{PAGE}/webhooks/{act}", webhook_id=number)
            assert answer.status_code == 404, (act, number)
    assert press(bob, PAGE, f"{PAGE}/log", dispatch_id="1").status_code == 404
    assert press(bob, PAGE, PAGE, wanted=["download 1"], hours="6").status_code == 422

    for act, word in (("disable", "Enable"), ("enable", "Disable"), ("delete", "Add a webhook")):
        press(alice, PAGE, f"{PAGE}/webhooks/{act}", webhook_id="1")
        assert word in alice.get(PAGE).text
    assert HOOK not in alice.get(PAGE).text


def test_without_mail_none_is_offered(app: Flask):
    alice = signed_in(app, make_user(app, email="alice@example.org"))

    page = alice.get(PAGE).text

    assert "y mail" not in page
    assert "Time zone" not in page


def test_the_owner_chooses_for_one_link(site: Flask):
    alice, bob = signed_in(site, make_user(site)), signed_in(site, make_user(site, "Bob"))
    sent = as_sent(alice.put("/a.txt", data=b"alpha", headers={"Accept": "application/json"}))
    path = f"{sent.page}/notifications"
    press(alice, PAGE, PAGE, wanted=["exhausted mail"], hours="6", digest="off", zone="UTC")

    assert "Notify me" in alice.get(sent.page).text
    assert press(alice, sent.page, path, wanted=["download mail"]).status_code == 303

    assert chosen(site, 1) == {Choice("download", None)}
    assert "as for all your links" in alice.get(path).text
    assert press(alice, path, path, wanted=["submission mail"]).status_code == 422
    token = form_token(bob.get(PAGE))
    assert bob.post(path, data={"csrf_token": token}).status_code == 404
    assert bob.get(path).status_code == 404
    assert shell(site).get(path).status_code == 404


def test_a_link_of_nobody_tells_nobody(site: Flask):
    someone = browser(site)
    sent = as_sent(someone.put("/a.txt", data=b"alpha", headers={"Accept": "application/json"}))

    assert "Notify me" not in someone.get(sent.page).text
    assert someone.get(f"{sent.page}/notifications").status_code == 404


def test_a_mail_is_switched_off_without_signing_in_and_by_post_only(site: Flask):
    alice = signed_in(site, make_user(site))
    boxes = ["download mail", "exhausted mail"]
    press(alice, PAGE, PAGE, wanted=boxes, hours="6", digest="off", zone="UTC")
    with site.app_context():
        path = off_path(Off(make_user(site).id, "download"))
    stranger = browser(site, "192.0.2.77")

    page = stranger.get(path)

    assert (page.status_code, len(chosen(site))) == (200, 2)
    assert "every download, for your whole account" in page.text
    one_click = shell(site).post(path, data={"List-Unsubscribe": "One-Click"})
    assert one_click.status_code == 200
    assert chosen(site) == {Choice("exhausted", None)}
    assert "These mails are off" in stranger.get(path).text
    assert stranger.post(path).status_code == 200
    assert stranger.get(f"{path}x").status_code == 404
    assert stranger.post("/notifications/off/x").status_code == 404
