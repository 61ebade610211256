"""Receivers that fail, hang, answer late or die: nothing lost or doubled, each link in order.

Alice hears of every download by mail and by webhook; what happens is compared with what arrives.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import pytest
from conftest import NOW
from flask import Flask
from people import make_user
from receivers import (
    CUT,
    HANG,
    LATE,
    LOSE,
    PUT_OFF,
    REDIRECT,
    Receiver,
    mail_receiver,
    web_receiver,
)
from services.making import at_once
from services.telling import ask_to_hear, happen
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from wire import eventually

from minifile.extensions import db, write_transaction
from minifile.models import Dispatch
from minifile.services.dispatch_log import list_dispatches
from minifile.services.dispatching import CLAIMED_FOR, Claimed, claim_due
from minifile.services.webhooks import create_webhook, list_webhooks
from minifile.web.dispatcher import MAIL, WEBHOOK, Dispatcher, send
from minifile.web.mail_channel import send_by_mail
from minifile.web.webhook_channel import send_by_webhook

MINUTE = timedelta(minutes=1)
SOON = timedelta(seconds=1)
# Who hangs is given up soon, yet not before a good answer comes on a busy machine.
IMPATIENT = {
    MAIL: partial(send_by_mail, patience=SOON),
    WEBHOOK: partial(send_by_webhook, patience=SOON),
}


@dataclass
class Site:
    """A site and both receivers of what happens there."""

    app: Flask
    mail: Receiver
    web: Receiver
    make_app: Callable[[], Flask]
    """Makes the application of another process."""

    @property
    def receivers(self) -> tuple[Receiver, Receiver]:
        return self.mail, self.web

    def script(self, *words: str) -> None:
        for receiver in self.receivers:
            receiver.script = list(words)


@pytest.fixture
def site(make_any_app: Callable[..., Flask]) -> Iterator[Site]:
    with ExitStack() as stack:
        mail, web = stack.enter_context(mail_receiver()), stack.enter_context(web_receiver())
        make = partial(
            make_any_app, mail_url=mail.url, mail_from="minifile@example.org",
            public_url="https://f.example.org", webhook_allowed_networks="127.0.0.0/8",
        )  # fmt: skip
        app = make()
        alice = make_user(app, email="alice@example.org")
        stack.enter_context(app.app_context())
        allowed = app.extensions["minifile"].settings.webhook_allowed_networks
        create_webhook(alice.id, web.url, allowed=allowed, now=NOW)
        ask_to_hear(alice.id, "download")
        ask_to_hear(alice.id, "download", webhook_id=list_webhooks(alice.id)[0].id)
        yield Site(app, mail, web, make)


def happen_in_turn(count: int = 2, *links: int) -> list[str]:
    """Let so much happen to each link, by turns; return the names of it."""
    return happen(*(f"{link}-{at}" for at in range(count) for link in links or (7, 8)))


def send_due(now: datetime = NOW) -> None:
    while claimed := claim_due(8, now=now):
        for each in claimed:
            send(each, clock=lambda: now, senders=IMPATIENT)


def keep_sending(*minutes: int) -> None:
    for at in minutes or (0, 2, 10, 30):
        send_due(NOW + at * MINUTE)


def assert_in_order(found: list[str], happened: list[str]) -> None:
    """Assert that all that happened arrived, each once, and that of each link in order."""
    assert Counter(found) == Counter(happened)
    for link in {name.partition("-")[0] for name in happened}:
        mine = [name for name in happened if name.startswith(f"{link}-")]
        assert [name for name in found if name in mine] == mine


def run_until_idle(dispatcher: Dispatcher) -> None:
    """Let a process send until nothing is due, and nobody is sending."""
    eventually(lambda: not is_busy() and not dispatcher.run())
    dispatcher.stop()


def is_busy() -> bool:
    claims = select(func.count()).where(Dispatch.claimed_until.is_not(None))
    found = db.session.scalar(claims)
    db.session.remove()
    return bool(found)


@contextmanager
def database_away() -> Iterator[None]:
    for old, new in (("dispatch", "away"), ("away", "dispatch")):
        with write_transaction() as session:
            session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))
        if new == "away":
            yield


@contextmanager
def once_found(site: Site, act: Callable[[], object]) -> Iterator[None]:
    """Let another process act between the moments in which dispatches are found and claimed."""
    threads: list[threading.Thread] = []

    def run() -> None:
        with site.app.app_context():
            act()

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT min(dispatch.id)") and not threads:
            threads.append(threading.Thread(target=run))
            threads[0].start()
            threads[0].join(30)

    event.listen(db.engine, "after_cursor_execute", look)
    yield
    event.remove(db.engine, "after_cursor_execute", look)


def send_elsewhere(site: Site) -> list[threading.Thread]:
    """Let others send what is due, and wait until the receivers have been asked."""

    def run(claimed: Claimed) -> None:
        with site.app.app_context():
            send(claimed, clock=lambda: NOW)

    threads = [threading.Thread(target=run, args=[each]) for each in claim_due(8, now=NOW)]
    for thread in threads:
        thread.start()
    assert all(receiver.asked.wait(30) for receiver in site.receivers)
    return threads


@pytest.mark.parametrize("trouble", [PUT_OFF, REDIRECT, HANG, CUT])
def test_what_was_not_taken_comes_again_once_and_in_order(site: Site, trouble: str):
    site.script(trouble, trouble, "", trouble)
    happened = happen_in_turn()

    keep_sending()

    for receiver in site.receivers:
        assert receiver.script == []
        assert_in_order(receiver.names, happened)


def test_a_lost_answer_is_followed_by_the_same_id_and_nothing_overtakes_it(site: Site):
    site.script(LOSE, LOSE, "", LOSE)
    happened = happen_in_turn()

    keep_sending()

    for receiver in site.receivers:
        assert receiver.script == []
        assert len(receiver.taken) == len(happened) + 3
        assert_in_order([each.name for each in dict.fromkeys(receiver.taken)], happened)


def test_who_is_redirected_goes_nowhere(site: Site):
    with web_receiver() as elsewhere:
        site.web.elsewhere = elsewhere.url
        site.web.script = [REDIRECT] * 3
        happened = happen_in_turn()
        keep_sending()

    assert elsewhere.names == []
    assert_in_order(site.web.names, happened)


def test_a_receiver_that_was_killed_gets_all_of_it_when_it_is_back(site: Site):
    site.script(HANG)
    happened = happen_in_turn()
    sending = send_elsewhere(site)
    for receiver in site.receivers:
        receiver.stop()
    for thread in sending:
        thread.join(30)
    keep_sending(2, 10)
    assert site.mail.names == site.web.names == []

    for receiver in site.receivers:
        receiver.start()
    keep_sending(60, 120)

    for receiver in site.receivers:
        assert_in_order(receiver.names, happened)


def test_nobody_else_sends_while_an_answer_is_late(site: Site):
    site.script(LATE)
    happened = happen_in_turn()
    late = send_elsewhere(site)

    assert claim_due(8, now=NOW + 2 * MINUTE) == []
    for receiver in site.receivers:
        receiver.may_answer.set()
    for thread in late:
        thread.join(30)
    keep_sending(0)

    for receiver in site.receivers:
        assert_in_order(receiver.names, happened)


def test_who_wakes_up_after_another_has_sent_sends_the_same_id_and_undoes_nothing(site: Site):
    happened = happen_in_turn()
    forgotten = claim_due(8, now=NOW)

    send_due(NOW + CLAIMED_FOR)
    for each in forgotten:
        send(each, clock=lambda: NOW + 2 * CLAIMED_FOR)

    for receiver in site.receivers:
        assert receiver.taken[-1] == receiver.taken[0]
        assert_in_order(receiver.names[:-1], happened)
    assert {(each.state, each.attempts) for each in list_dispatches(1)} == {("sent", 1)}


def test_two_processes_at_once_send_each_once_to_receivers_that_fail(site: Site):
    site.script(PUT_OFF, CUT, "", PUT_OFF, "", "", CUT)
    happened = happen_in_turn(2, 7, 8, 9)

    for at in (0, 2, 10, 30):
        clock = partial(datetime.__add__, NOW, at * MINUTE)
        processes = [Dispatcher(app, clock) for app in (site.app, site.make_app())]
        at_once(site.app, *[partial(run_until_idle, process) for process in processes])

    for receiver in site.receivers:
        assert receiver.script == []
        assert_in_order(receiver.names, happened)


def test_what_another_process_put_off_meanwhile_is_left_until_it_is_due(site: Site):
    site.script(PUT_OFF, PUT_OFF)
    happened = happen_in_turn(1)

    with once_found(site, send_due):
        found = claim_due(8, now=NOW)
    db.session.remove()

    assert found == []
    assert {each.attempts for each in list_dispatches(1)} == {1}
    db.session.remove()
    keep_sending(2)
    for receiver in site.receivers:
        assert_in_order(receiver.names, happened)


def test_a_process_whose_database_was_away_sends_when_it_is_back(site: Site):
    happened = happen_in_turn(1)
    dispatcher = Dispatcher(site.app, lambda: NOW)

    with database_away():
        for _ in range(2):
            with pytest.raises(SQLAlchemyError):
                dispatcher.run()
            db.session.remove()
    run_until_idle(dispatcher)

    for receiver in site.receivers:
        assert_in_order(receiver.names, happened)
