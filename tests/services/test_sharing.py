"""Private links: who may open one, and what their owner sees of it, on both databases."""

from dataclasses import replace

import pytest
from conftest import NOW
from flask import Flask
from services.accounts import make_account, make_shared_link, visitor_of
from services.making import CHARLIE, DAY, at_once, begin, end_delivery, rates_of

from minifile.errors import BadOption, LinkNotFound, NotFound, TooManyTries
from minifile.extensions import db
from minifile.identity import BY_SHELL, Account
from minifile.models import Grant, Link, Slot
from minifile.policy.sharing import MAX_GRANTS
from minifile.services.links import find_managed_link, find_open_link, revoke_link
from minifile.services.shared_with import list_shared_links, owner_name, read_sharing
from minifile.services.sharing import add_grants, revoke_grant, set_private
from minifile.services.users import disable_user
from minifile.values import LinkRecord, Visitor


def upload(_app: Flask, owner: Account, **options) -> LinkRecord:
    """Let a user upload one small file."""
    return make_shared_link(owner, now=NOW, **options)


def opens(app: Flask, link: LinkRecord, who: Visitor) -> bool:
    try:
        return find_open_link(link.code, who, rates=rates_of(app), now=NOW).id == link.id
    except LinkNotFound:
        return False
    finally:
        db.session.commit()


@pytest.fixture
def alice(everywhere: Flask) -> Account:
    return make_account("Alice")


@pytest.fixture
def bob(everywhere: Flask) -> Account:
    return make_account("Bob", email="bob@example.org")


def test_a_private_link_opens_for_its_owner_and_whom_they_named_only(everywhere, alice, bob):
    charlie = make_account("Charlie")
    link = upload(everywhere, alice, is_private=True, grant_to=("bob",))

    who = [visitor_of(alice), visitor_of(bob), visitor_of(charlie), CHARLIE]

    assert [opens(everywhere, link, each) for each in who] == [True, True, False, False]


def test_users_are_found_by_name_and_by_mail_address_once_each(everywhere, alice, bob):
    link = upload(everywhere, alice, is_private=True, grant_to=("BOB", "bob@EXAMPLE.org"))

    sharing = read_sharing(link, now=NOW)

    assert [(each.user_id, each.name) for each in sharing.grants] == [(bob.id, "Bob")]


def test_a_link_turns_private_and_public_and_keeps_its_grants(everywhere, alice, bob):
    link = upload(everywhere, alice)
    assert opens(everywhere, link, CHARLIE)

    set_private(link, is_private=True, now=NOW)
    assert not opens(everywhere, link, CHARLIE)
    add_grants(link, ["bob"], alice, rates=rates_of(everywhere), now=NOW)
    set_private(link, is_private=False, now=NOW)
    assert opens(everywhere, link, CHARLIE)
    set_private(link, is_private=True, now=NOW)

    assert opens(everywhere, link, visitor_of(bob))
    assert not opens(everywhere, link, CHARLIE)


def test_a_revoked_grant_closes_the_link_for_this_user_only(everywhere, alice, bob):
    dana = make_account("Dana")
    link = upload(everywhere, alice, is_private=True, grant_to=("bob", "dana"))

    revoke_grant(link, bob.id, now=NOW)

    assert not opens(everywhere, link, visitor_of(bob))
    assert opens(everywhere, link, visitor_of(dana))
    with pytest.raises(NotFound):
        revoke_grant(link, bob.id, now=NOW)


@pytest.mark.parametrize("name", ["nobody", "gone", "no@example.org", "x" * 5000], ids=len)
def test_who_can_t_be_found_is_named_and_nothing_is_done(everywhere, alice, bob, name):
    gone = make_account("Gone")
    disable_user(gone.id, actor=BY_SHELL, now=NOW)
    link = upload(everywhere, alice, is_private=True)

    with pytest.raises(BadOption, match="No user called"):
        add_grants(link, ["bob", name], alice, rates=rates_of(everywhere), now=NOW)

    assert read_sharing(link, now=NOW).grants == []


def test_an_upload_for_somebody_who_can_t_be_found_leaves_nothing(everywhere, alice):
    with pytest.raises(BadOption, match="No user called 'nobody'"):
        upload(everywhere, alice, is_private=True, grant_to=("nobody",))

    assert db.session.scalars(db.select(Link)).all() == []
    assert list(everywhere.extensions["minifile"].storage.blobs()) == []


def test_trying_out_names_comes_to_an_end(everywhere, alice):
    link = upload(everywhere, alice, is_private=True)

    def try_name(number: int) -> None:
        add_grants(link, [f"user {number}"], alice, rates=rates_of(everywhere), now=NOW)

    for number in range(30):
        with pytest.raises(BadOption):
            try_name(number)
    with pytest.raises(TooManyTries):
        try_name(30)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"grant_to": ("bob",)}, "private link only"),
        ({"is_private": True, "grant_to": ("alice",)}, "is yours"),
        ({"recipients": ("bob at home",)}, "no mail address"),
        ({"is_private": True, "grant_to": tuple(map(str, range(MAX_GRANTS + 1)))}, "at most"),
    ],
    ids=["public", "oneself", "no address", "too many"],
)
def test_what_makes_no_sense_is_refused(everywhere, alice, bob, options, sentence):
    with pytest.raises(BadOption, match=sentence):
        upload(everywhere, alice, **options)


def test_granting_twice_at_once_is_one_grant(everywhere, alice, bob):
    link = upload(everywhere, alice, is_private=True)

    added = at_once(
        everywhere,
        *[lambda: add_grants(link, ["bob"], alice, rates=rates_of(everywhere), now=NOW)] * 6,
    )

    assert sorted(added) == [0, 0, 0, 0, 0, 1]
    assert len(db.session.scalars(db.select(Grant)).all()) == 1


def test_the_owner_sees_who_fetched_what(everywhere, alice, bob):
    dana = make_account("Dana")
    link = upload(everywhere, alice, is_private=True, grant_to=("bob", "dana"))
    ticket = begin(link, visitor_of(bob))
    end_delivery(ticket, {link.files[0].id: 5}, {link.files[0].id: 5}, now=NOW)
    begin(link, visitor_of(dana))

    grants = read_sharing(link, now=NOW).grants

    seen = [(each.name, each.started, each.completed, each.last_at) for each in grants]
    assert seen == [("Bob", 1, 1, NOW), ("Dana", 1, 0, NOW)]


def test_of_a_public_link_nobody_is_written_down(everywhere, alice, bob):
    link = upload(everywhere, alice)

    begin(link, visitor_of(bob))

    assert db.session.scalars(db.select(Slot.user_id)).all() == [None]


def test_two_users_of_scripts_on_one_machine_are_two_clients(everywhere, alice, bob):
    dana = make_account("Dana")
    link = upload(everywhere, alice, is_private=True, grant_to=("bob", "dana"), max_downloads=2)
    scripts = [replace(visitor_of(each), browser=None) for each in (bob, dana)]

    tickets = [begin(link, who) for who in scripts]

    assert len({ticket.slot_id for ticket in tickets}) == 2


def test_what_was_shared_with_me_is_listed_with_its_owner_until_it_ends(everywhere, alice, bob):
    first = upload(everywhere, alice, is_private=True, grant_to=("bob",))
    second = upload(everywhere, alice, is_private=True, grant_to=("bob",))
    public = upload(everywhere, alice, is_private=True, grant_to=("bob",))
    set_private(public, is_private=False, now=NOW)
    revoke_link(first, now=NOW)

    listed = list_shared_links(bob.id, page=1, now=NOW)

    assert [(each.code, each.owner_name, each.files) for each in listed] == [
        (second.code, "Alice", 1)
    ]
    assert list_shared_links(bob.id, page=1, now=NOW + DAY) == []
    assert list_shared_links(alice.id, page=1, now=NOW) == []
    assert owner_name(second) == "Alice"


def test_a_grant_does_not_let_anybody_manage_the_link(everywhere, alice, bob):
    link = upload(everywhere, alice, is_private=True, grant_to=("bob",))

    with pytest.raises(LinkNotFound):
        find_managed_link(link.code, visitor_of(bob), rates=rates_of(everywhere), now=NOW)
