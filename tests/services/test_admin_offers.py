"""Invitations and resets of admins who are admins no more."""

from collections.abc import Callable

import pytest
from conftest import NOW
from flask import Flask
from services.making import storage_of

from minifile.errors import Forbidden, LinkNotFound, ResetOver
from minifile.identity import BY_SHELL, Actor, UserRole
from minifile.services.invitations import find_invitation, invite
from minifile.services.leaving import LinksFate, delete_user
from minifile.services.oidc_users import ClaimRules, enter, link_identity
from minifile.services.password_resets import HANDED_LIFETIME, find_reset, make_reset
from minifile.services.users import change_role, create_user, disable_user

RULES = ClaimRules(creates_users=False, role_claim="role", admin_values=["admin"], quota_claim="")


def make_admin(name: str) -> int:
    return create_user(name, password=None, role=UserRole.ADMIN, actor=BY_SHELL, now=NOW).id


def demote(app: Flask, user_id: int) -> None:
    change_role(user_id, UserRole.USER, actor=BY_SHELL, now=NOW)


def disable(app: Flask, user_id: int) -> None:
    disable_user(user_id, actor=BY_SHELL, now=NOW)


def remove(app: Flask, user_id: int) -> None:
    delete_user(user_id, LinksFate.DELETE, actor=BY_SHELL, storage=storage_of(app), now=NOW)


def demote_by_claim(app: Flask, user_id: int) -> None:
    link_identity(user_id, "https://id.example.org", "mallory", now=NOW)
    enter({"sub": "mallory", "role": "user"}, "https://id.example.org", RULES, now=NOW)


@pytest.mark.parametrize("end", [demote, disable, remove, demote_by_claim])
def test_what_an_admin_has_handed_out_ends_with_them(
    everywhere: Flask, end: Callable[[Flask, int], None]
):
    root, mallory = make_admin("Root"), make_admin("Mallory")
    by_mallory = Actor(mallory, "page")
    invitation, _ = invite(role=UserRole.ADMIN, actor=by_mallory, now=NOW)
    others, _ = invite(actor=Actor(root, "page"), now=NOW)
    reset = make_reset(root, lifetime=HANDED_LIFETIME, actor=by_mallory, now=NOW)

    end(everywhere, mallory)

    with pytest.raises(LinkNotFound):
        find_invitation(invitation, now=NOW)
    with pytest.raises(ResetOver):
        find_reset(reset, now=NOW)
    assert find_invitation(others, now=NOW)


def test_who_was_demoted_a_moment_ago_hands_nothing_out(everywhere: Flask):
    root, mallory = make_admin("Root"), make_admin("Mallory")
    demote(everywhere, mallory)

    with pytest.raises(Forbidden):
        invite(role=UserRole.ADMIN, actor=Actor(mallory, "page"), now=NOW)
    with pytest.raises(Forbidden):
        make_reset(root, lifetime=HANDED_LIFETIME, actor=Actor(mallory, "page"), now=NOW)


def test_a_reset_of_the_shell_has_no_maker_to_end_with(everywhere: Flask):
    root, mallory = make_admin("Root"), make_admin("Mallory")
    reset = make_reset(root, lifetime=HANDED_LIFETIME, actor=BY_SHELL, now=NOW)

    demote(everywhere, mallory)

    assert find_reset(reset, now=NOW).id == root
