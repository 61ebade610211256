"""Settling transfers together: whatever happens, none holds on to anything."""

import socket
from collections.abc import Callable

import pytest
from conftest import shell
from flask import Flask
from services.making import make_link
from wire import eventually

from minifile.download.fast import FastDownloads
from minifile.download.response import settle_and_commit
from minifile.extensions import db
from minifile.models import Delivery
from minifile.services.statements import Driver
from minifile.web.current import utcnow

HEAD = "GET /{} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.5.0\r\n\r\n"


def end_the_transaction(driver: Driver) -> None:
    """As SQLite does on a full disk: it undoes everything, and says so."""
    driver.execute("ROLLBACK")
    driver.execute("NONSENSE")


def in_flight() -> list[int]:
    found = list(db.session.scalars(db.select(Delivery.in_flight)))
    db.session.commit()
    return found


@pytest.mark.sqlite
def test_a_commit_that_fails_lets_go_of_all_transfers(make_app: Callable[..., Flask]):
    app: Flask = make_app(max_transfers_per_address=1)
    ours, theirs = socket.socketpair()
    with app.app_context(), ours, theirs:
        link = make_link(app, now=utcnow())
        fast = FastDownloads(app)
        request = fast.recognise(HEAD.format(link.code).encode(), "192.0.2.1", ours)
        assert request is not None
        [prepared] = fast.prepare([request])
        [answer] = fast.answer([prepared], [], durable=False)
        answer.transfer.start()

        [outcome] = settle_and_commit([answer.transfer], [end_the_transaction])

        assert outcome.error is not None
        assert prepared.blob.closed
        # What went wrong was another's, and what is owed is settled soon: nothing was sent.
        eventually(lambda: in_flight() == [])
    # The share of the address is free again.
    with shell(app).get(f"/{link.code}") as whole:
        assert whole.data == b"hello"
