"""Reports: bounded, rate limited, handled once."""

from collections.abc import Callable

import pytest
from conftest import NOW
from flask import Flask
from services.making import at_once, make_link, storage_of
from services.telling import ask_to_hear, written

from minifile.errors import BadOption, NotFound, TooManyTries
from minifile.identity import BY_SHELL, UserRole
from minifile.services.reports import (
    MAX_MESSAGE,
    MAX_OPEN,
    count_open_reports,
    dismiss_reports,
    list_reported,
    report_link,
    reports_of,
)
from minifile.services.takedowns import Takedown, take_down
from minifile.services.users import create_user
from minifile.values import LinkRecord


def report(
    app: Flask, link: LinkRecord, reason: str = "malware", address: str = "192.0.2.3", **said: str
) -> None:
    rates = app.extensions["minifile"].rates
    report_link(link, reason, address=address, rates=rates, now=NOW, **said)


def test_a_report_waits_for_an_admin(everywhere: Flask):
    link = make_link(everywhere)

    report(everywhere, link, message=" It steals\r\npasswords. ", contact="bob@example.org ")

    assert count_open_reports() == 1
    (found,) = reports_of(link.id)
    assert (found.message, found.contact) == ("It steals\npasswords.", "bob@example.org")


@pytest.mark.parametrize(
    "said",
    [
        {"reason": "nonsense"},
        {"reason": ""},
        {"message": "x" * (MAX_MESSAGE + 1)},
        {"contact": "x" * 255},
        {"message": "a\0b"},
    ],
    ids=["unknown reason", "no reason", "long message", "long contact", "a NUL"],
)
def test_what_can_not_be_kept_is_refused(here: Flask, said: dict[str, str]):
    with pytest.raises(BadOption):
        report(here, make_link(here), **said)

    assert count_open_reports() == 0


def test_one_address_can_not_fill_the_queue(make_app: Callable[..., Flask]):
    app = make_app(rate_reports=2)
    with app.app_context():
        link = make_link(app)
        report(app, link)
        report(app, link)

        with pytest.raises(TooManyTries):
            report(app, link)
        report(app, link, address="192.0.2.4")

        assert count_open_reports() == 3


def test_a_link_keeps_only_so_many_reports(make_app: Callable[..., Flask]):
    app = make_app(rate_reports="off")
    with app.app_context():
        link = make_link(app)

        for _ in range(MAX_OPEN + 3):
            report(app, link)

        assert count_open_reports() == MAX_OPEN


def test_what_waits_comes_first_and_each_link_once(everywhere: Flask):
    handled, waiting = make_link(everywhere), make_link(everywhere)
    report(everywhere, waiting)
    report(everywhere, waiting, "other")
    report(everywhere, handled)
    dismiss_reports(handled.id, actor=BY_SHELL, now=NOW)

    found = list_reported()

    assert [(link.link_id, len(link.reports)) for link in found] == [
        (waiting.id, 2), (handled.id, 1),
    ]  # fmt: skip
    assert [link.is_open for link in found] == [True, False]


def test_two_admins_who_dismiss_at_once_do_it_once(everywhere: Flask):
    link = make_link(everywhere)
    report(everywhere, link)

    done = at_once(everywhere, *[lambda: dismiss_reports(link.id, actor=BY_SHELL, now=NOW)] * 3)

    assert sorted(done) == [0, 0, 1]  # type: ignore[type-var]


def test_one_who_dismisses_and_one_who_takes_down_agree(everywhere: Flask):
    link = make_link(everywhere)
    report(everywhere, link)

    at_once(
        everywhere,
        lambda: dismiss_reports(link.id, actor=BY_SHELL, now=NOW),
        lambda: take_down(
            link.id, Takedown("Out."), actor=BY_SHELL, storage=storage_of(everywhere), now=NOW
        ),
    )

    (found,) = reports_of(link.id)
    assert found.outcome in ("dismissed", "taken_down")
    assert list_reported()[0].takedown_reason == "Out."


def test_reports_of_a_link_that_is_gone_can_not_be_dismissed(here: Flask):
    with pytest.raises(NotFound):
        dismiss_reports(4711, actor=BY_SHELL, now=NOW)


def test_each_admin_who_wants_it_is_told_of_each_report(everywhere: Flask):
    link = make_link(everywhere)
    root, other, alice = (
        create_user(name, password=None, role=role, now=NOW)
        for name, role in (
            ("Root", UserRole.ADMIN), ("Other", UserRole.ADMIN), ("Alice", UserRole.USER),
        )
    )  # fmt: skip
    for user in (root, alice):
        ask_to_hear(user.id, "report")

    report(everywhere, link, message="It steals.", contact="bob@example.org")
    report(everywhere, link, "abuse")

    told = written("report")
    assert [each.user_id for each in told] == [root.id, root.id]
    assert [each.payload["reason"] for each in told] == ["malware", "abuse"]
    assert "steals" not in str(told)
    assert "bob@example.org" not in str(told)
    assert other.id != root.id
