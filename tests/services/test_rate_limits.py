"""Rate limits: they hold across workers and restarts, end with their window, and can be off."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from conftest import NOW, settings_of
from flask import Flask
from services.making import ALICE, BOB, CHARLIE, make_link
from sqlalchemy import text

from minifile.errors import LinkNotFound, TooManyTries, WrongPassword
from minifile.services.downloads import find_readable_link
from minifile.services.links import find_managed_link, find_open_link
from minifile.services.rate_limits import (
    UNKNOWN_CODES,
    UPLOADS,
    WRONG_PASSWORDS,
    RateLimits,
)
from minifile.values import Visitor

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def clock() -> "time_machine.Traveller":
    """The clock of the windows; it stands still unless a test moves it."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def rates_of(app: Flask) -> RateLimits:
    found: RateLimits = app.extensions["minifile"].rates
    return found


def guess(app: Flask, who: Visitor = CHARLIE) -> None:
    with pytest.raises(LinkNotFound):
        find_open_link("unknowncode", who, rates=rates_of(app), now=NOW)


def worker_of(app: Flask, make_app: Callable[..., Flask], **settings: object) -> Flask:
    """Return what another process of the same instance has."""
    same = {name: getattr(settings_of(app), name) for name in ("database_url", "secret_key")}
    return make_app(**same, **settings)


def test_the_limit_is_reached_after_so_many_and_not_before(make_app: Callable[..., Flask]):
    app = make_app(rate_unknown_codes="3")
    rates = rates_of(app)

    for _ in range(3):
        rates.check(UNKNOWN_CODES, "192.0.2.3")
        rates.count(UNKNOWN_CODES, "192.0.2.3")

    with pytest.raises(TooManyTries):
        rates.check(UNKNOWN_CODES, "192.0.2.3")


def test_the_refusal_says_how_long_to_wait(
    make_app: Callable[..., Flask], clock: time_machine.Traveller
):
    rates = rates_of(make_app(rate_unknown_codes="1"))
    rates.count(UNKNOWN_CODES, "192.0.2.3")
    clock.shift(timedelta(minutes=4))

    with pytest.raises(TooManyTries) as refusal:
        rates.check(UNKNOWN_CODES, "192.0.2.3")

    assert refusal.value.retry_after == timedelta(minutes=6)


def test_others_are_not_refused(make_app: Callable[..., Flask]):
    rates = rates_of(make_app(rate_unknown_codes="1", rate_wrong_passwords="1"))
    rates.count(UNKNOWN_CODES, "192.0.2.3")
    rates.count(WRONG_PASSWORDS, "1", "192.0.2.3")

    rates.check(UNKNOWN_CODES, "192.0.2.4")
    rates.check(WRONG_PASSWORDS, "2", "192.0.2.3")
    rates.check(WRONG_PASSWORDS, "11", "92.0.2.3")


def test_what_was_counted_in_one_process_holds_in_another(
    any_database_app: Flask, make_app: Callable[..., Flask]
):
    workers = [worker_of(any_database_app, make_app, rate_unknown_codes="4") for _ in range(2)]

    for number in range(4):
        rates_of(workers[number % 2]).count(UNKNOWN_CODES, "192.0.2.3")

    for worker in workers:
        assert rates_of(worker).left(UNKNOWN_CODES, "192.0.2.3") == 0
        with pytest.raises(TooManyTries):
            rates_of(worker).check(UNKNOWN_CODES, "192.0.2.3")


def test_it_holds_across_a_restart(any_database_app: Flask, make_app: Callable[..., Flask]):
    before = worker_of(any_database_app, make_app, rate_unknown_codes="1")
    rates_of(before).count(UNKNOWN_CODES, "192.0.2.3")
    rates_of(before).close()

    after = worker_of(any_database_app, make_app, rate_unknown_codes="1")

    with pytest.raises(TooManyTries):
        rates_of(after).check(UNKNOWN_CODES, "192.0.2.3")


def test_no_count_is_lost_when_many_come_at_once(
    any_database_app: Flask, make_app: Callable[..., Flask]
):
    """Also the first ever, who make the table."""
    workers = [worker_of(any_database_app, make_app, rate_uploads="1000") for _ in range(8)]
    start = threading.Barrier(8)

    def count(worker: Flask) -> None:
        start.wait()
        for _ in range(25):
            rates_of(worker).count(UPLOADS, "192.0.2.3")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, workers))

    assert rates_of(workers[0]).left(UPLOADS, "192.0.2.3") == 1000 - 8 * 25


@pytest.mark.parametrize(
    ("what", "window"),
    [
        pytest.param(UPLOADS, MINUTE, id="uploads"),
        pytest.param(UNKNOWN_CODES, 10 * MINUTE, id="unknown-codes"),
        pytest.param(WRONG_PASSWORDS, 15 * MINUTE, id="wrong-passwords"),
    ],
)
def test_it_ends_with_its_window(
    make_app: Callable[..., Flask],
    clock: time_machine.Traveller,
    what: str,
    window: timedelta,
):
    limits = {"rate_uploads": "1", "rate_unknown_codes": "1", "rate_wrong_passwords": "1"}
    rates = rates_of(make_app(**limits))
    rates.count(what, "192.0.2.3")

    clock.shift(window - timedelta(seconds=1))
    with pytest.raises(TooManyTries):
        rates.check(what, "192.0.2.3")
    clock.shift(timedelta(seconds=1))
    rates.check(what, "192.0.2.3")


def test_a_new_window_counts_from_nothing(everywhere: Flask, clock: time_machine.Traveller):
    rates = rates_of(everywhere)
    for _ in range(5):
        rates.count(UPLOADS, "192.0.2.3")
    clock.shift(MINUTE)
    rates.count(UPLOADS, "192.0.2.3")

    assert rates.left(UPLOADS, "192.0.2.3") == 300 - 1


def test_a_limit_that_is_off_refuses_nobody(make_app: Callable[..., Flask]):
    app = make_app(rate_unknown_codes="off")

    with app.app_context():
        for _ in range(200):
            guess(app)

    assert rates_of(app).left(UNKNOWN_CODES, CHARLIE.rate_address) is None


def test_the_sweep_deletes_what_is_over_and_nothing_else(
    everywhere: Flask, clock: time_machine.Traveller
):
    rates = rates_of(everywhere)
    rates.count(UPLOADS, "192.0.2.3")
    rates.count(UNKNOWN_CODES, "192.0.2.3")
    clock.shift(2 * MINUTE)

    rates.sweep()

    with rates._storage._engine.begin() as connection:
        left = connection.execute(text("SELECT count(*) FROM rate_counter")).scalar_one()
    assert left == 1
    assert rates.left(UNKNOWN_CODES, "192.0.2.3") == 59


@pytest.mark.sqlite
def test_nothing_of_address_or_code_is_kept(app: Flask):
    with app.app_context():
        guess(app, replace(CHARLIE, rate_address="203.0.113.77"))

    files = list(settings_of(app).instance_path.glob("rate_limits.sqlite*"))
    kept = b"".join(path.read_bytes() for path in files)
    assert b"unknown codes" in kept
    assert b"203.0.113.77" not in kept
    assert b"unknowncode" not in kept


def test_finding_a_link_costs_nothing(here: Flask):
    link = make_link(here)
    for _ in range(70):
        find_open_link(link.code, CHARLIE, rates=rates_of(here), now=NOW)

    assert rates_of(here).left(UNKNOWN_CODES, CHARLIE.rate_address) == 60


def test_asking_for_the_page_of_somebody_elses_link_counts_as_guessing(here: Flask):
    link = make_link(here)

    for who in (BOB, CHARLIE, ALICE):
        with suppress(LinkNotFound):
            find_managed_link(link.code, who, rates=rates_of(here), now=NOW)

    left = [rates_of(here).left(UNKNOWN_CODES, who.rate_address) for who in (BOB, CHARLIE, ALICE)]
    assert left == [59, 59, 60]


def test_who_guessed_too_much_does_not_learn_of_links_that_exist(make_app: Callable[..., Flask]):
    app = make_app(rate_unknown_codes="2")

    with app.app_context():
        link = make_link(app)
        guess(app)
        guess(app)
        with pytest.raises(TooManyTries):
            find_open_link(link.code, CHARLIE, rates=rates_of(app), now=NOW)


def test_a_limit_on_passwords_is_not_stretched_by_trying_many_at_once(
    make_app: Callable[..., Flask],
):
    app = make_app(rate_wrong_passwords="5")
    start = threading.Barrier(20)
    with app.app_context():
        code = make_link(app, password="correct horse").code

    def attempt(number: int) -> type[Exception]:
        who = replace(CHARLIE, password=f"guess {number}")
        with app.app_context():
            start.wait()
            with pytest.raises((WrongPassword, TooManyTries)) as refusal:
                find_readable_link(code, who, rates=rates_of(app), now=NOW)
        return refusal.type

    with ThreadPoolExecutor(20) as pool:
        refusals = list(pool.map(attempt, range(20)))

    assert refusals.count(WrongPassword) == 5
