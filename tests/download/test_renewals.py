"""In-flight marks: kept alive while bytes flow, left to go stale when they don't."""

from datetime import timedelta

import time_machine
from conftest import NOW
from flask import Flask
from services.making import CHARLIE, begin_delivery, make_link
from sqlalchemy import select

from minifile.download.renewals import Renewals, Running
from minifile.extensions import db
from minifile.models import Delivery
from minifile.policy.counting import FileSpan
from minifile.services.deliveries import IN_FLIGHT_FOR
from minifile.values import Span

LATER = NOW + timedelta(seconds=50)


def running(app: Flask, progress: list[int]) -> Running:
    link = make_link(app, b"x" * 100, now=NOW)
    parts = [FileSpan(link.files[0].id, 100, Span(0, 100))]
    ticket = begin_delivery(link, CHARLIE, parts, fresh=True, lease=timedelta(days=1), now=NOW)
    return Running(app, ticket, lambda: progress[-1])


def marked_until(app: Flask):
    with app.app_context():
        return db.session.scalars(select(Delivery.in_flight_until)).one()


def test_a_slow_transfer_keeps_its_mark(app: Flask):
    progress = [10]
    renewals = Renewals()
    with app.app_context():
        renewals.watch(running(app, progress))

    with time_machine.travel(NOW, tick=False):
        renewals.renew()
    progress.append(11)
    with time_machine.travel(LATER, tick=False):
        renewals.renew()

    assert marked_until(app) == LATER + IN_FLIGHT_FOR


def test_a_transfer_that_does_not_move_lets_its_mark_go_stale(app: Flask):
    renewals = Renewals()
    with app.app_context():
        renewals.watch(running(app, [10]))

    with time_machine.travel(NOW, tick=False):
        renewals.renew()
    with time_machine.travel(LATER, tick=False):
        renewals.renew()

    assert marked_until(app) == NOW + IN_FLIGHT_FOR


def test_a_transfer_that_ended_is_left_alone(app: Flask):
    renewals = Renewals()
    with app.app_context():
        ended = running(app, [10])
    renewals.watch(ended)

    renewals.forget(ended)
    with time_machine.travel(LATER, tick=False):
        renewals.renew()

    assert marked_until(app) == NOW + IN_FLIGHT_FOR
