"""Mails of the outbox against servers that refuse, put off, hang, die: nothing lost or doubled."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from mailbox import Mailbox, html_of, mail_server, text_of

import pytest
from conftest import NOW
from flask import Flask
from people import make_user
from services.making import at_once
from services.telling import ask_to_hear

from minifile.extensions import db, write_transaction
from minifile.models import User
from minifile.services.choices import write_habits
from minifile.services.daily_mails import gather_daily_mails
from minifile.services.dispatch_log import (
    DispatchRecord,
    delete_old_notifications,
    list_dispatches,
    look_at_outbox,
    redeliver,
)
from minifile.services.dispatching import CLAIMED_FOR, claim_due
from minifile.services.notifications import notify
from minifile.services.statements import driver_of
from minifile.web.dispatcher import Dispatcher, send

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
def site(make_any_app: Callable[..., Flask], mailbox: Mailbox) -> Iterator[Flask]:
    """A site that sends mail, on each database; Alice hears of every download by mail."""
    app = make_any_app(
        mail_url=mailbox.url, mail_from="minifile@example.org", public_url="https://f.example.org"
    )
    alice = make_user(app, email="alice@example.org")
    with app.app_context():
        ask_to_hear(alice.id, "download")
        yield app


def happen(*names: str, link_id: int | None = None, at: datetime = NOW) -> None:
    for name in names:
        with write_transaction() as session:
            notify(
                driver_of(session), kind="download", key=name, user_id=1, link_id=link_id,
                payload={"files": [name], "outcome": "completed"}, now=at,
            )  # fmt: skip


def send_due(now: datetime = NOW) -> int:
    """Send what is due at one moment, as a process does."""
    count = 0
    while claimed := claim_due(8, now=now):
        for each in claimed:
            send(each, clock=lambda: now)
            count += 1
    return count


def keep_sending(until: timedelta, step: timedelta = 5 * MINUTE) -> None:
    for at in range(0, int(until / step) + 1):
        send_due(NOW + at * step)


def log() -> list[DispatchRecord]:
    found = list(list_dispatches(1))[::-1]
    db.session.remove()
    return found


def subjects(mailbox: Mailbox) -> list[str]:
    return [str(mail["Subject"]).partition(" ")[0] for mail in mailbox.mails]


def ids(mailbox: Mailbox) -> Counter[str]:
    return Counter(str(mail["Message-ID"]) for mail in mailbox.mails)


def test_each_event_is_mailed_once_in_order_and_as_text_and_html(site: Flask, mailbox: Mailbox):
    happen("a", "b", "c", link_id=7)

    assert send_due() == 3
    assert send_due(NOW + DAY) == 0

    assert subjects(mailbox) == ["a", "b", "c"]
    assert set(ids(mailbox).values()) == {1}
    assert "a was downloaded." in text_of(mailbox.mails[0])
    assert "a was downloaded." in html_of(mailbox.mails[0])
    assert {(each.state, each.attempts, each.answer) for each in log()} == {("sent", 1, "250")}


def test_a_server_that_puts_off_gets_it_later_and_what_follows_waits(site: Flask, mailbox: Mailbox):
    mailbox.recipient_answers = ["450 4.2.1 busy"] * 3
    happen("a", "b", link_id=7)

    send_due()
    assert [(each.state, each.attempts) for each in log()] == [("pending", 1), ("pending", 0)]
    assert look_at_outbox().pending == 2
    keep_sending(timedelta(hours=3))

    assert subjects(mailbox) == ["a", "b"]
    assert [each.attempts for each in log()] == [4, 1]


def test_a_link_does_not_wait_for_another(site: Flask, mailbox: Mailbox):
    mailbox.recipient_answers = ["450 4.2.1 busy"]
    happen("a", link_id=7)
    happen("b", link_id=8)

    send_due()

    assert subjects(mailbox) == ["b"]


def test_a_mailbox_that_is_none_fails_at_once_and_holds_nothing_up(site: Flask, mailbox: Mailbox):
    mailbox.recipient_answers = ["550 5.1.1 no such user"]
    happen("a", "b", link_id=7)

    send_due()

    failed, sent = log()
    assert (failed.state, failed.answer) == ("failed", "SMTPRecipientsRefused 550")
    assert (sent.state, subjects(mailbox)) == ("sent", ["b"])
    redeliver(1, failed.id, now=NOW + DAY)
    send_due(NOW + DAY)
    assert subjects(mailbox) == ["b", "a"]


def test_a_lost_answer_makes_a_second_copy_with_the_same_id(site: Flask, mailbox: Mailbox):
    mailbox.dies = 2
    happen("a", "b", link_id=7)

    keep_sending(timedelta(hours=2))

    assert subjects(mailbox) == ["a", "a", "a", "b"]
    assert sorted(ids(mailbox).values()) == [1, 3]


def test_a_server_that_is_down_for_an_hour_gets_all_of_it(
    site: Flask, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
):
    names = [f"n{number}" for number in range(12)]
    mailbox.recipient_answers = ["421 4.3.2 down"] * 1000
    for at, name in enumerate(names):
        happen(name, link_id=at % 3)
    keep_sending(timedelta(hours=1))
    assert mailbox.mails == []
    mailbox.recipient_answers = []

    for at in range(60, 600, 5):
        send_due(NOW + at * MINUTE)

    assert sorted(subjects(mailbox)) == sorted(names)
    assert set(ids(mailbox).values()) == {1}
    for line in range(3):
        assert [name for name in subjects(mailbox) if int(name[1:]) % 3 == line] == names[line::3]


def test_after_a_day_it_is_given_up_and_may_be_sent_once_more(site: Flask, mailbox: Mailbox):
    mailbox.recipient_answers = ["450 4.2.1 busy"] * 1000
    happen("a", link_id=7)

    keep_sending(timedelta(days=2), timedelta(minutes=30))

    (given_up,) = log()
    assert given_up.state == "failed"
    assert 7 <= given_up.attempts <= 12
    assert look_at_outbox().failed == 1
    mailbox.recipient_answers = []
    redeliver(1, given_up.id, now=NOW + 3 * DAY)
    send_due(NOW + 3 * DAY)
    assert log()[0].state == "sent"


def test_what_is_sent_once_more_is_another_mail(site: Flask, mailbox: Mailbox):
    happen("a")
    send_due()

    redeliver(1, log()[0].id, now=NOW + DAY)
    send_due(NOW + DAY)

    # A mail program would hide a second mail of the same id.
    assert len(ids(mailbox)) == 2


def test_a_process_that_died_with_a_claim_is_followed_by_another(site: Flask, mailbox: Mailbox):
    happen("a", "b", link_id=7)
    assert len(claim_due(8, now=NOW)) == 1

    assert send_due(NOW + MINUTE) == 0
    assert send_due(NOW + CLAIMED_FOR) == 2

    assert subjects(mailbox) == ["a", "b"]


def test_many_processes_send_each_once(site: Flask, mailbox: Mailbox):
    names = [f"n{number}" for number in range(30)]
    for at, name in enumerate(names):
        happen(name, link_id=at % 5)

    def work() -> None:
        for _ in range(40):
            send_due()

    at_once(site, *[work] * 4)
    send_due()

    assert sorted(subjects(mailbox)) == sorted(names)
    for line in range(5):
        assert [name for name in subjects(mailbox) if int(name[1:]) % 5 == line] == names[line::5]


def test_the_mail_of_the_day_goes_out_as_any_other(site: Flask, mailbox: Mailbox):
    write_habits(1, 24, "daily", "UTC", now=NOW)
    happen("a", "b")
    mailbox.dies = 1

    assert send_due(NOW + 19 * 60 * MINUTE) == 0
    eight = NOW + 20 * 60 * MINUTE
    gather_daily_mails(now=eight)
    send_due(eight)
    send_due(eight + 10 * MINUTE)

    assert [mail["Subject"] for mail in mailbox.mails] == [
        "2 things happened to your links · minifile"
    ] * 2
    assert len(ids(mailbox)) == 1
    assert "a was downloaded." in text_of(mailbox.mails[0])


def test_who_has_no_address_any_more_gets_nothing(site: Flask, mailbox: Mailbox):
    happen("a")
    with write_transaction() as session:
        user = session.get(User, 1)
        assert user is not None
        user.email = user.email_key = None

    send_due()

    assert (mailbox.mails, log()[0].state, log()[0].answer) == ([], "failed", "no address")


def test_old_ones_go_unless_they_wait(site: Flask, mailbox: Mailbox):
    happen("a")
    send_due()
    happen("b")
    happen("c", at=NOW + 2 * DAY)

    assert delete_old_notifications(NOW + DAY) == 1

    assert [each.state for each in log()] == ["pending", "pending"]


def test_a_process_sends_in_threads_of_its_own(site: Flask, mailbox: Mailbox):
    for at in range(3):
        happen(f"n{at}", link_id=at)
    dispatcher = Dispatcher(site, lambda: NOW)

    while dispatcher.run() or len(mailbox.mails) < 3:
        pass
    dispatcher.stop()

    assert sorted(subjects(mailbox)) == ["n0", "n1", "n2"]
    assert dispatcher.run() == 0
