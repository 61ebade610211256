"""The owner is told by mail, once until they have looked."""

from collections.abc import Callable, Iterator
from mailbox import Mailbox, mail_server

import pytest
from file_requests.asking import ask_for, code_of, curl, hand_in, own_page, signed_in
from flask import Flask
from people import make_user
from services.telling import ask_to_hear, written
from upload.tus_client import Tus
from wire import eventually

from minifile.web import background


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
def sending(make_app: Callable[..., Flask], mailbox: Mailbox) -> Iterator[Flask]:
    """A site that sends mail, where Alice has an address."""
    app = make_app(
        mail_url=mailbox.url, mail_from="minifile@example.org", public_url="https://f.example.org"
    )
    make_user(app, email="alice@example.org")
    yield app
    background.finish()


def test_the_owner_is_written_to_once_until_they_have_looked(sending: Flask, mailbox: Mailbox):
    path = ask_for(sending)

    hand_in(curl(sending), path)
    mail = mailbox.only()
    hand_in(curl(sending), path)
    background.finish()

    assert len(mailbox.mails) == 1
    assert mail["To"] == "alice@example.org"
    assert "Photos of the party" in mail.get_content()
    assert f"https://f.example.org{own_page(path)}" in mail.get_content()
    signed_in(sending).get(own_page(path))
    Tus(sending).create(1, b"x", filename="a", request=code_of(path))
    eventually(lambda: len(mailbox.mails) == 2)


def test_a_forgotten_file_is_no_news(sending: Flask, mailbox: Mailbox):
    path = ask_for(sending)
    token = hand_in(curl(sending), path).json["submission"]
    mailbox.only()
    signed_in(sending).get(own_page(path))

    hand_in(curl(sending), path, "b.txt", submission=token)
    background.finish()

    assert len(mailbox.mails) == 1


def test_an_owner_who_has_chosen_a_mail_about_each_gets_no_other(sending: Flask, mailbox: Mailbox):
    path = ask_for(sending)
    with sending.app_context():
        ask_to_hear(make_user(sending).id, "submission")

    hand_in(curl(sending), path)
    background.finish()

    assert mailbox.mails == []


def test_without_mail_nobody_is_written_to(app: Flask):
    path = ask_for(app)

    assert hand_in(curl(app), path).status_code == 201


def test_who_asked_to_hear_of_submissions_hears_of_each_once(any_database_app: Flask):
    app = any_database_app
    path = ask_for(app)
    with app.app_context():
        ask_to_hear(make_user(app).id, "submission")

    first = hand_in(curl(app), path, "a.txt", "b.txt").json["submission"]
    hand_in(curl(app), path, "c.txt", submission=first)
    hand_in(curl(app), path, "d.txt")
    Tus(app).create(1, b"x", filename="e", request=code_of(path))

    with app.app_context():
        told = written("submission")
    assert [each.payload["files"] for each in told] == [["a.txt", "b.txt"], ["d.txt"], ["e"]]
    assert told[0].payload["title"] == "Photos of the party"
    assert told[0].payload["request_code"] == code_of(path)
