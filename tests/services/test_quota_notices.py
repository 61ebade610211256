"""Users hear once that their quota is nearly used, and again after there was room."""

from dataclasses import replace
from datetime import timedelta

import pytest
from conftest import NOW
from flask import Flask
from services.accounts import make_account, make_shared_link
from services.making import at_once
from services.telling import ask_to_hear, written
from sqlalchemy import update

from minifile.errors import Forbidden
from minifile.extensions import write_transaction
from minifile.models import File
from minifile.services.quota_notices import tell_of_quotas
from minifile.values import Limits


@pytest.fixture
def limits(everywhere: Flask) -> Limits:
    return replace(everywhere.extensions["minifile"].settings.limits, quota=1000)


def use(size_bytes: int) -> None:
    with write_transaction() as session:
        session.execute(update(File).values(size_bytes=size_bytes))


def test_it_is_told_once_until_there_was_room(limits: Limits):
    alice = make_account("Alice")
    make_shared_link(alice, now=NOW)
    ask_to_hear(alice.id, "quota")

    told = []
    for at, used in enumerate((899, 900, 1000, 800, 950, 799, 899, 900, 901)):
        use(used)
        now = NOW + timedelta(minutes=at)
        told.append(tell_of_quotas(limits_for=lambda _: limits, now=now))

    assert told == [0, 1, 0, 0, 0, 0, 0, 1, 0]
    assert [each.payload["used_bytes"] for each in written("quota")] == [900, 900]
    assert written()[0].payload["quota_bytes"] == 1000


def test_nobody_is_told_who_has_no_quota_is_disabled_or_has_not_asked(limits: Limits):
    alice, bob = make_account("Alice"), make_account("Bob")
    for owner in (alice, bob):
        make_shared_link(owner, now=NOW)
    ask_to_hear(alice.id, "quota")
    use(999)

    def refuse(_: int) -> Limits:
        raise Forbidden("This account is disabled.")

    assert tell_of_quotas(limits_for=lambda _: replace(limits, quota=None), now=NOW) == 0
    assert tell_of_quotas(limits_for=refuse, now=NOW) == 0
    assert tell_of_quotas(limits_for=lambda _: limits, now=NOW) == 1
    assert {each.user_id for each in written()} == {alice.id}


def test_many_who_look_at_once_tell_once(everywhere: Flask, limits: Limits):
    alice = make_account("Alice")
    make_shared_link(alice, now=NOW)
    ask_to_hear(alice.id, "quota")
    use(990)

    at_once(everywhere, *[lambda: tell_of_quotas(limits_for=lambda _: limits, now=NOW)] * 4)

    assert len(written("quota")) == 1
