"""What somebody chooses about a link while its downloads end."""

import threading
from collections.abc import Callable

from conftest import NOW
from flask import Flask
from people import make_user
from services.making import CHARLIE, DAY, begin_delivery, make_link
from services.telling import ask_to_hear
from sqlalchemy import text, update

from minifile.extensions import db, write_transaction
from minifile.models import Link, Subscription
from minifile.policy.counting import FileSpan
from minifile.services.commits import commit_all
from minifile.services.settling import ending
from minifile.services.users import lock_user
from minifile.values import Span

_WAITING = text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")


def test_a_choice_and_the_end_of_a_download_do_not_deadlock(
    make_app: Callable[..., Flask], make_postgres_database: Callable[[], str]
):
    app = make_app(database_url=make_postgres_database(), secret_key="a key that only tests use")
    make_user(app)
    errors: list[Exception | None] = []
    with app.app_context():
        ask_to_hear(1, "download")
        link = make_link(app, b"a" * 100)
        db.session.execute(update(Link).values(owner_id=1))
        db.session.commit()
        file_id = link.files[0].id
        parts = [FileSpan(file_id, 100, Span(0, 100))]
        ticket = begin_delivery(link, CHARLIE, parts, fresh=True, lease=DAY, now=NOW)
        db.session.remove()

        def settle() -> None:
            with app.app_context():
                (done,) = commit_all(
                    [ending(ticket, {file_id: 100}, {file_id: 100}, now=NOW)], durable=False
                )
                errors.append(done.error)

        thread = threading.Thread(target=settle)
        with write_transaction() as session:
            lock_user(session, 1)
            thread.start()
            # It either goes through beside us, or waits for us with the link in its hands.
            with db.engine.connect() as other:
                while thread.is_alive() and other.execute(_WAITING).first() is None:
                    other.rollback()
            session.add(
                Subscription(
                    user_id=1, link_id=link.id, kind="exhausted", webhook_id=None, created_at=NOW
                )
            )
        thread.join()

        assert errors == [None]
