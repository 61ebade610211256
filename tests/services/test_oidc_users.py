"""Whom an identity signs in, when several of them come at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from conftest import NOW
from flask import Flask

from minifile.errors import IdentityTaken, MinifileError
from minifile.extensions import db
from minifile.identity import BY_SHELL, UserRole
from minifile.models import OidcIdentity, User
from minifile.services.oidc_users import ClaimRules, enter, link_identity, linked_since
from minifile.services.users import create_user, list_users

ISSUER = "https://id.example.org"
LEFT_ALONE = ClaimRules(creates_users=True, role_claim="", admin_values=(), quota_claim="")
BY_GROUP = ClaimRules(True, "groups", ("admins",), "")


def at_once(app: Flask, *acts):
    """Do each in a thread of its own, all at once; return what each gave or raised."""
    barrier = Barrier(len(acts))

    def run(act):
        with app.app_context():
            barrier.wait()
            try:
                return act()
            except MinifileError as error:
                return error
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_one_identity_that_comes_in_several_windows_makes_one_user(any_database_app: Flask):
    claims = {"sub": "alice", "preferred_username": "alice"}
    come = lambda: enter(claims, ISSUER, LEFT_ALONE, now=NOW)  # noqa: E731

    found = at_once(any_database_app, *[come] * 8)

    with any_database_app.app_context():
        assert found == [list_users()[0].id] * 8
        assert len(list_users()) == 1
        assert db.session.scalar(db.select(db.func.count()).select_from(OidcIdentity)) == 1


def test_several_with_one_name_are_all_let_in(any_database_app: Flask):
    def come(number: int):
        claims = {"sub": f"alice-{number}", "preferred_username": "Alice"}
        return lambda: enter(claims, ISSUER, LEFT_ALONE, now=NOW)

    found = at_once(any_database_app, *[come(number) for number in range(4)])

    with any_database_app.app_context():
        assert len(set(found)) == 4
        names = set(db.session.scalars(db.select(User.name)))
    assert names == {"Alice", "Alice 2", "Alice 3", "Alice 4"}


def test_of_two_admins_who_are_both_demoted_at_once_one_stays(any_database_app: Flask):
    with any_database_app.app_context():
        for name in ("alice", "bob"):
            claims = {"sub": name, "preferred_username": name, "groups": ["admins"]}
            enter(claims, ISSUER, BY_GROUP, now=NOW)

    come = [
        lambda name=name: enter({"sub": name}, ISSUER, BY_GROUP, now=NOW)
        for name in ("alice", "bob")
    ]
    at_once(any_database_app, *come)

    with any_database_app.app_context():
        assert sorted(user.role for user in list_users()) == ["admin", "user"]


def test_two_accounts_that_link_one_identity_at_once_are_not_both_linked(any_database_app: Flask):
    with any_database_app.app_context():
        ids = [
            create_user(name, password=None, role=UserRole.USER, actor=BY_SHELL, now=NOW).id
            for name in ("Alice", "Bob")
        ]

    found = at_once(
        any_database_app,
        *[
            lambda user_id=user_id: link_identity(user_id, ISSUER, "one", now=NOW)
            for user_id in ids
        ],
    )

    assert sorted(type(each) for each in found if each is not None) == [IdentityTaken]
    with any_database_app.app_context():
        assert sum(linked_since(user_id) is not None for user_id in ids) == 1


def test_the_same_subject_of_another_issuer_is_somebody_else(app: Flask):
    with app.app_context():
        first = enter({"sub": "alice"}, ISSUER, LEFT_ALONE, now=NOW)
        second = enter({"sub": "alice"}, f"{ISSUER}/", LEFT_ALONE, now=NOW)

        assert first != second


def test_since_when_an_account_is_linked_is_told(app: Flask):
    with app.app_context():
        user_id = enter({"sub": "alice"}, ISSUER, LEFT_ALONE, now=NOW)
        enter({"sub": "alice"}, ISSUER, LEFT_ALONE, now=NOW + timedelta(days=1))

        assert linked_since(user_id) == NOW
        assert linked_since(user_id + 1) is None


@pytest.mark.parametrize("subject", ["Alice", "alice "])
def test_subjects_are_told_apart_to_the_letter(app: Flask, subject: str):
    with app.app_context():
        first = enter({"sub": "alice"}, ISSUER, LEFT_ALONE, now=NOW)

        assert enter({"sub": subject}, ISSUER, LEFT_ALONE, now=NOW) != first
