"""kill -9 while notifications wait and are being sent: whoever starts next sends all of them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from conftest import NOW, SECRET_KEY, RunningServer, announced_server, environment_of, settings_of
from flask import Flask
from people import make_user
from receivers import HANG, LATE, Receiver, mail_receiver, web_receiver
from replay.clocked import Clock
from replay.world import CLOCKED
from services.telling import ask_to_hear, happen
from wire import eventually

from minifile.extensions import db
from minifile.services.dispatch_log import count_waiting
from minifile.services.dispatching import CLAIMED_FOR
from minifile.services.webhooks import create_webhook, list_webhooks


@contextmanager
def serving(app: Flask, clock: Clock, log_path: Path) -> Iterator[RunningServer]:
    """Run a server with two workers on the database of an application."""
    settings = settings_of(app)
    environment = environment_of(
        instance_path=str(app.instance_path), database_url=settings.database_url or "",
        mail_url=settings.mail_url, mail_from=settings.mail_from, keep_free="0",
        secret_key=SECRET_KEY, public_url=settings.public_url,
        webhook_allowed_networks="127.0.0.0/8",
    )  # fmt: skip
    command = [sys.executable, CLOCKED, str(clock.path), "serve", "--port", "0", "--workers", "2"]
    server = announced_server(command, environment, log_path, Path(app.instance_path))
    try:
        yield server
    finally:
        server.kill()


def has_sent_all() -> bool:
    count = count_waiting()
    db.session.remove()
    return count == 0


def in_order(receiver: Receiver, link: int) -> list[str]:
    """Return what was taken of a link; what came again under the same id is the same."""
    names = [each.name for each in dict.fromkeys(receiver.taken)]
    return [name for name in names if name.startswith(f"{link}-")]


def test_what_a_killed_server_was_sending_and_what_waited_arrives_after_the_next_start(
    make_any_app: Callable[..., Flask], tmp_path: Path
):
    clock = Clock(tmp_path / "clock")
    clock.set(NOW)
    with mail_receiver() as mail, web_receiver() as web:
        app = make_any_app(
            mail_url=mail.url, mail_from="minifile@example.org", secret_key=SECRET_KEY,
            public_url="https://f.example.org", webhook_allowed_networks="127.0.0.0/8",
        )  # fmt: skip
        alice = make_user(app, email="alice@example.org")
        mail.script, web.script = [HANG], [LATE]
        with app.app_context():
            allowed = settings_of(app).webhook_allowed_networks
            create_webhook(alice.id, web.url, allowed=allowed, now=NOW)
            ask_to_hear(alice.id, "download")
            ask_to_hear(alice.id, "download", webhook_id=list_webhooks(alice.id)[0].id)

            with serving(app, clock, tmp_path / "first.log") as server:
                happened = happen("7-0", "8-0", "7-1", "8-1")
                assert mail.asked.wait(30)
                assert web.asked.wait(30)
                server.kill()
            # Taken, but nobody is there any more to hear of it.
            web.may_answer.set()
            eventually(lambda: web.names == ["7-0"])
            clock.set(NOW + CLAIMED_FOR + timedelta(seconds=1))
            with serving(app, clock, tmp_path / "second.log") as server:
                eventually(has_sent_all, 60)

    assert sorted(mail.names) == sorted(happened)
    assert sorted(web.names) == sorted([*happened, "7-0"])
    assert len(set(web.taken)) == len(happened)
    for receiver in (mail, web):
        assert in_order(receiver, 7) == ["7-0", "7-1"]
        assert in_order(receiver, 8) == ["8-0", "8-1"]
    clock.close()
