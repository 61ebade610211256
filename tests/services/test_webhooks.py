"""Webhooks: who has which, and what is posted to a real receiver that answers as it likes."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from conftest import NOW
from flask import Flask
from people import make_user
from services.telling import ask_to_hear
from sqlalchemy import update

from minifile.errors import BadOption, Conflict, NotFound
from minifile.extensions import db, write_transaction
from minifile.identity import UserRole
from minifile.models import User
from minifile.services.dispatch_log import list_dispatches, redeliver
from minifile.services.dispatching import CLAIMED_FOR, claim_due
from minifile.services.notifications import notify
from minifile.services.statements import driver_of
from minifile.services.webhooks import (
    MAX_WEBHOOKS,
    create_webhook,
    delete_webhook,
    disable_webhook,
    enable_webhook,
    list_webhooks,
    send_test,
)
from minifile.web.dispatcher import send

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@dataclass
class Receiver:
    """What arrived, and the statuses that the next requests are answered with (then 204)."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]

    @property
    def names(self) -> list[str]:
        return [each["data"]["files"][0] for each in self.events]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append((dict(self.headers), body))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Site:
    """A site on which Alice hears of every download by one webhook."""

    app: Flask
    receiver: Receiver
    secret: str
    webhook_id: int


@pytest.fixture
def site(make_any_app: Callable[..., Flask]) -> Iterator[Site]:
    app = make_any_app(public_url="https://f.example.org", webhook_allowed_networks="127.0.0.0/8")
    alice = make_user(app)
    with app.app_context(), receiving() as receiver:
        allowed = app.extensions["minifile"].settings.webhook_allowed_networks
        secret = create_webhook(alice.id, receiver.url, allowed=allowed, now=NOW)
        (webhook,) = list_webhooks(alice.id)
        ask_to_hear(alice.id, "download", webhook_id=webhook.id)
        yield Site(app, receiver, secret, webhook.id)


def happen(*names: str, link_id: int | None = 7) -> None:
    for name in names:
        with write_transaction() as session:
            notify(
                driver_of(session), kind="download", key=name, user_id=1, link_id=link_id,
                payload={"files": [name], "outcome": "completed"}, now=NOW,
            )  # fmt: skip


def send_due(now: datetime = NOW) -> None:
    while claimed := claim_due(8, now=now):
        for each in claimed:
            send(each, clock=lambda: now)


def states() -> list[tuple[str, int, str | None]]:
    found = [(each.state, each.attempts, each.answer) for each in list_dispatches(1)]
    db.session.remove()
    return found[::-1]


def test_what_is_posted_says_what_happened_and_is_signed(site: Site):
    happen("ä.txt")

    send_due()

    ((headers, body),) = site.receiver.got
    signed = headers["X-Minifile-Timestamp"].encode() + b"." + body
    digest = hmac.new(site.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-Minifile-Signature"] == f"v1={digest}"
    assert headers["X-Minifile-Timestamp"] == str(int(NOW.timestamp()))
    assert headers["X-Minifile-Event"] == "download"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("minifile/")
    assert json.loads(body) == {
        "id": headers["X-Minifile-Id"],
        "kind": "download",
        "at": NOW.isoformat(),
        "link": {"id": 7},
        "data": {"files": ["ä.txt"], "outcome": "completed"},
    }
    assert states() == [("sent", 1, "HTTP 204")]


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
def test_what_is_not_taken_is_offered_again_in_order_and_by_the_same_name(site: Site, status: int):
    site.receiver.statuses = [status] * 2
    happen("a", "b")

    for minutes in (0, 2, 10, 30):
        send_due(NOW + minutes * MINUTE)

    assert site.receiver.names == ["a", "a", "a", "b"]
    assert len({headers["X-Minifile-Id"] for headers, _ in site.receiver.got}) == 2
    assert [(state, attempts) for state, attempts, _ in states()] == [("sent", 3), ("sent", 1)]


def test_a_receiver_that_is_gone_is_not_asked_again(site: Site):
    site.receiver.statuses = [410]
    happen("a")

    send_due()
    send_due(NOW + 12 * HOUR)

    assert states() == [("failed", 1, "HTTP 410")]


def test_after_a_day_it_is_given_up_and_can_be_sent_by_hand(site: Site):
    site.receiver.statuses = [500] * 100
    happen("a")

    for half_hours in range(60):
        send_due(NOW + half_hours * HOUR / 2)
    ((state, attempts, _),) = states()
    site.receiver.statuses = []
    (dispatch,) = list_dispatches(1)
    redeliver(1, dispatch.id, now=NOW + 40 * HOUR)
    send_due(NOW + 40 * HOUR)

    assert state == "failed"
    assert 6 <= attempts <= 12
    assert states() == [("sent", 1, "HTTP 204")]


def test_what_a_killed_process_had_claimed_is_sent_by_another(site: Site):
    happen("a")

    claim_due(8, now=NOW)
    send_due(NOW + MINUTE)
    before = list(site.receiver.got)
    send_due(NOW + CLAIMED_FOR)

    assert before == []
    assert site.receiver.names == ["a"]


def test_two_hundred_that_waited_arrive_once_and_in_order(site: Site):
    names = [f"{n}" for n in range(200)]
    happen(*names)

    send_due()

    assert site.receiver.names == names


def test_who_is_told_of_many_links_holds_up_nobody_else(site: Site):
    for link_id in range(20):
        happen(f"{link_id}", link_id=link_id)
    create_webhook(1, "https://example.org/hook", allowed=[], now=NOW)
    other = list_webhooks(1)[1].id
    ask_to_hear(1, "download", webhook_id=other)
    happen("late", link_id=1)

    found = [each.webhook_id for each in claim_due(8, now=NOW)]

    assert found == [site.webhook_id, other]


def test_nothing_is_sent_to_a_disabled_webhook(site: Site):
    happen("a")
    disable_webhook(1, site.webhook_id, now=NOW)
    happen("b")
    send_due()
    waits = states()
    enable_webhook(1, site.webhook_id)
    happen("c")
    send_due(NOW + MINUTE)

    assert waits == [("failed", 1, "it is not to be told any more")]
    assert site.receiver.names == ["c"]


@pytest.mark.parametrize("role", list(UserRole))
def test_only_an_admin_is_told_of_reports(site: Site, role: UserRole):
    ask_to_hear(1, "report", webhook_id=site.webhook_id)
    with write_transaction() as session:
        session.execute(update(User).values(role=role.value))
        notify(
            driver_of(session), kind="report", key="report", user_id=1, link_id=None,
            payload={}, now=NOW,
        )  # fmt: skip

    send_due()

    assert len(site.receiver.got) == (role is UserRole.ADMIN)


def test_an_address_that_is_not_allowed_any_more_is_not_posted_to(
    site: Site, make_any_app: Callable[..., Flask]
):
    happen("a")
    # On the same database, which is another one each time only where none is named.
    same = site.app.extensions["minifile"].settings.database_url
    strict = make_any_app(public_url="https://f.example.org", database_url=same)
    claimed = claim_due(8, now=NOW)

    with strict.app_context():
        for each in claimed:
            send(each, clock=lambda: NOW)

    assert len(claimed) == 1
    assert site.receiver.got == []
    assert states() == [("failed", 1, "the address is not allowed")]


def test_a_test_is_sent_once_at_a_time(site: Site):
    send_test(1, site.webhook_id, now=NOW)
    with pytest.raises(Conflict):
        send_test(1, site.webhook_id, now=NOW)
    send_due()
    send_test(1, site.webhook_id, now=NOW)

    assert [each["kind"] for each in site.receiver.events] == ["test"]


def test_webhooks_of_others_are_nobody_s(site: Site):
    bob = make_user(site.app, "bob")

    for act in (delete_webhook, enable_webhook):
        with pytest.raises(NotFound):
            act(bob.id, site.webhook_id)
    with pytest.raises(NotFound):
        send_test(bob.id, site.webhook_id, now=NOW)
    assert list_webhooks(bob.id) == []


def test_only_so_many_are_kept_and_none_to_this_network(site: Site):
    with pytest.raises(BadOption):
        create_webhook(1, "http://127.0.0.1/", allowed=[], now=NOW)
    for _ in range(MAX_WEBHOOKS - 1):
        create_webhook(1, "https://example.org/hook", allowed=[], now=NOW)

    with pytest.raises(BadOption, match="already"):
        create_webhook(1, "https://example.org/hook", allowed=[], now=NOW)
