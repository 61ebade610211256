"""Recipients: each has a child link, which goes as its parent goes and counts by itself."""

from datetime import timedelta

import pytest
from conftest import NOW
from flask import Flask
from services.accounts import make_account, visitor_of
from services.making import (
    BOB,
    CHARLIE,
    DAY,
    at_once,
    begin,
    begin_delivery,
    end_delivery,
    incoming,
    make_link,
    rates_of,
    storage_of,
    visitor,
)
from services.test_sharing import upload

from minifile.errors import BadOption, LinkExhausted, LinkNotFound, LinkRevoked, NotFound
from minifile.extensions import db
from minifile.identity import BY_SHELL, Account
from minifile.models import BrowserAccess, Delivery, File, Grant, Link, Slot
from minifile.policy.counting import FileSpan
from minifile.policy.sharing import MAX_RECIPIENTS
from minifile.services.deliveries import Ticket
from minifile.services.downloads import Reading, find_readable_link
from minifile.services.forgetting import forget
from minifile.services.fsck import list_faults
from minifile.services.handovers import ADDRESS_LIFETIME, hand_over_file
from minifile.services.leaving import LinksFate, delete_user
from minifile.services.link_files import add_files, remove_file
from minifile.services.links import (
    LinkChanges,
    change_link,
    find_managed_link,
    find_open_link,
    rename_file,
    revoke_link,
    undo_revoke,
)
from minifile.services.ownership import remember_unlocked
from minifile.services.progress import read_progress
from minifile.services.purge import purge_expired
from minifile.services.rollup import end_slots
from minifile.services.shared_with import SeenRecipient, read_sharing
from minifile.services.sharing import add_recipients, revoke_recipient
from minifile.services.usage import measure_usage
from minifile.values import LinkRecord, LinkState, Span

TWO = ("carol@example.org", "dave@example.org")


@pytest.fixture
def alice(everywhere: Flask) -> Account:
    return make_account("Alice")


def children_of(app: Flask, link: LinkRecord) -> list[LinkRecord]:
    """Return the child links as their recipients find them."""
    found = [opened(app, each.code) for each in recipients_of(link)]
    db.session.commit()
    return found


def opened(app: Flask, code: str) -> LinkRecord:
    link = find_open_link(code, CHARLIE, rates=rates_of(app), now=NOW)
    db.session.commit()
    return link


def recipients_of(link: LinkRecord) -> list[SeenRecipient]:
    return list(read_sharing(link, now=NOW).recipients)


def row(link_id: int) -> Link:
    found = db.session.get(Link, link_id, populate_existing=True)
    assert found is not None
    db.session.commit()
    return found


def fetch(link: LinkRecord, who=BOB, now=NOW) -> Ticket:
    """Fetch the first file of the link to its end."""
    ticket = begin(link, who, now)
    size = link.files[0].size_bytes
    end_delivery(ticket, {link.files[0].id: size}, {link.files[0].id: size}, now=now)
    return ticket


def test_each_recipient_comes_by_a_code_of_their_own_to_the_same_files(everywhere, alice):
    link = upload(everywhere, alice, is_private=True, recipients=TWO, max_downloads=3, note="Hi")

    children = children_of(everywhere, link)

    assert len({child.code for child in children} | {link.code}) == 3
    assert all(child.files == link.files for child in children)
    facts = {(child.max_downloads, child.note, child.expires_at) for child in children}
    assert facts == {(3, "Hi", link.expires_at)}
    assert [child.recipient for child in children] == list(TWO)


def test_a_child_link_is_not_looked_after_by_itself(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    child = recipients_of(link)[0]

    with pytest.raises(LinkNotFound):
        find_managed_link(child.code, visitor_of(alice), rates=rates_of(everywhere), now=NOW)


def test_the_owner_s_own_downloads_by_a_child_link_are_not_counted(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)

    reading = find_readable_link(
        recipients_of(link)[0].code, visitor_of(alice), rates=rates_of(everywhere), now=NOW
    )

    assert reading.is_owner


def test_downloads_count_on_the_child_alone(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO, max_downloads=1)
    carol, _ = children_of(everywhere, link)

    fetch(carol)

    seen = [(each.started, each.completed, each.standing) for each in recipients_of(link)]
    assert seen == [(1, 1, "exhausted"), (0, 0, "open")]
    assert row(link.id).download_count == 0
    with pytest.raises(LinkExhausted):
        begin(carol, CHARLIE)
    fetch(link)


def test_of_twenty_clients_at_once_exactly_as_many_as_allowed_are_served(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO, max_downloads=7)
    carol, dave = children_of(everywhere, link)
    clients = [visitor(address=f"198.51.100.{n}") for n in range(20)]

    results = at_once(everywhere, *[lambda who=who: begin(carol, who) for who in clients])

    assert sum(isinstance(each, Ticket) for each in results) == 7
    assert sum(isinstance(each, LinkExhausted) for each in results) == 13
    counts = [row(each.id).download_count for each in (link, carol, dave)]
    assert counts == [0, 7, 0]


def test_a_slot_is_complete_once_every_file_of_the_parent_was_had(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    carol = children_of(everywhere, link)[0]

    fetch(carol)

    assert db.session.scalars(db.select(Slot.completed_at)).all() == [NOW]


def test_the_sender_sees_who_fetched_each_file(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    fetch(children_of(everywhere, link)[1])
    begin(link, CHARLIE)

    progress = read_progress(link, now=NOW)

    assert progress.fetching == 1
    assert [each.who for each in progress.deliveries] == [None, TWO[1]]


def test_what_each_recipient_has_fetched_is_known_when_the_details_are_gone(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    fetch(children_of(everywhere, link)[1])
    fetch(link)
    before = recipients_of(link)
    end_slots(NOW + 2 * DAY)

    for _ in range(2):
        forget(retention=timedelta(0), now=NOW + 3 * DAY)

    assert recipients_of(link) == before
    assert read_progress(link, now=NOW).deliveries == []
    [left] = db.session.scalars(db.select(Slot)).all()
    assert (left.family, left.address, left.client) == (None, None, None)


def test_changes_of_the_parent_hold_for_its_children_too(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO, password="old word")
    carol = recipients_of(link)[0]
    remember_unlocked(opened(everywhere, carol.code), "b" * 32, now=NOW)
    changes = LinkChanges(5, "Anew", timedelta(hours=2), password="new word")

    limits = everywhere.extensions["minifile"].settings.limits
    change_link(link, changes, limits=limits, now=NOW)

    parent, child = row(link.id), row(carol.id)
    for name in ("max_downloads", "note", "expires_at", "password_hash"):
        assert getattr(child, name) == getattr(parent, name), name
    assert child.expires_at == NOW + timedelta(hours=2)
    assert db.session.scalars(db.select(BrowserAccess.role)).all() == []


def test_a_revoke_closes_all_and_its_undo_opens_those_again(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    carol, dave = recipients_of(link)
    revoke_recipient(link, carol.id, now=NOW)

    revoke_link(link, now=NOW, undo_within=timedelta(minutes=10))
    states = [row(each.id).state for each in (link, carol, dave)]
    limits = everywhere.extensions["minifile"].settings.limits
    undo_revoke(link, limits=limits, now=NOW + timedelta(minutes=9))

    assert states == [LinkState.REVOKED] * 3
    after = [row(each.id).state for each in (link, carol, dave)]
    assert after == [LinkState.OPEN, LinkState.REVOKED, LinkState.OPEN]


def test_a_final_revoke_takes_the_undo_from_all(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    revoke_link(link, now=NOW, undo_within=timedelta(minutes=10))

    revoke_link(link, now=NOW)

    undo = [row(each.id).undo_until for each in recipients_of(link)]
    assert undo == [None, None]


def test_one_recipient_is_revoked_and_the_others_are_not_touched(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    carol, dave = children_of(everywhere, link)

    revoke_recipient(link, carol.id, now=NOW)

    with pytest.raises(LinkRevoked):
        opened(everywhere, carol.code)
    with pytest.raises(LinkRevoked):
        begin(carol)
    fetch(dave)
    fetch(link)
    assert [each.standing for each in recipients_of(link)] == ["revoked", "open"]


def test_a_recipient_of_another_link_can_t_be_revoked(everywhere, alice):
    link, other = upload(everywhere, alice, recipients=TWO), upload(everywhere, alice)

    with pytest.raises(NotFound):
        revoke_recipient(other, recipients_of(link)[0].id, now=NOW)
    with pytest.raises(NotFound):
        revoke_recipient(other, link.id, now=NOW)


def test_who_is_fetching_when_revoked_gets_the_rest_and_is_settled(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    carol = children_of(everywhere, link)[0]
    ticket = begin(carol)

    revoke_recipient(link, carol.id, now=NOW)
    end_delivery(ticket, {carol.files[0].id: 5}, {carol.files[0].id: 5}, now=NOW)

    seen = recipients_of(link)[0]
    assert (seen.started, seen.completed, seen.standing) == (1, 1, "revoked")


def test_a_recipient_is_added_later_and_once_only(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)

    added = at_once(
        everywhere,
        *[lambda: add_recipients(link, ["erin@example.org"], code_length=10, now=NOW)] * 5,
    )

    assert sorted(type(each).__name__ for each in added) == ["BadOption"] * 4 + ["list"]
    addresses = [each.address for each in recipients_of(link)]
    assert addresses == [*TWO, "erin@example.org"]


def test_a_revoked_recipient_may_get_a_new_link(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    carol = recipients_of(link)[0]
    revoke_recipient(link, carol.id, now=NOW)

    add_recipients(link, ["Carol@Example.org"], code_length=10, now=NOW)

    after = recipients_of(link)
    assert [each.standing for each in after] == ["revoked", "open", "open"]
    assert after[2].code != carol.code


def test_there_is_an_end_to_recipients(everywhere, alice):
    link = upload(everywhere, alice)
    many = [f"r{number}@example.org" for number in range(MAX_RECIPIENTS + 1)]

    with pytest.raises(BadOption, match="at most"):
        add_recipients(link, many, code_length=10, now=NOW)

    assert recipients_of(link) == []
    assert len(add_recipients(link, many[1:], code_length=10, now=NOW)) == MAX_RECIPIENTS


def test_links_of_nobody_have_no_recipients(everywhere):
    with pytest.raises(BadOption, match="user of this site"):
        add_recipients(make_link(everywhere), list(TWO), code_length=10, now=NOW)


def test_files_are_added_renamed_and_removed_for_the_children_too(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    carol = children_of(everywhere, link)[0]
    ticket = fetch(carol)
    instance = everywhere.extensions["minifile"]

    add_files(
        link, iter([incoming("b.txt", b"more")]), visitor_of(alice), declared_bytes=None,
        rates=instance.rates, limits=instance.settings.limits, storage=instance.storage,
        now=lambda: NOW,
    )  # fmt: skip
    rename_file(link, link.files[0].id, "c.txt", now=NOW)
    carol = children_of(everywhere, link)[0]

    assert [file.filename for file in carol.files] == ["c.txt", "b.txt"]
    second = carol.files[1]
    part = FileSpan(second.id, 4, Span(0, 4))
    again = begin_delivery(carol, BOB, [part], fresh=True, lease=DAY, now=NOW)
    assert again.slot_id == ticket.slot_id
    end_delivery(again, {}, {}, now=NOW)
    remove_file(link, link.files[0].id, storage=instance.storage, now=NOW)
    assert [file.filename for file in children_of(everywhere, link)[0].files] == ["b.txt"]
    assert row(carol.id).download_count == 1


def test_what_a_recipient_had_of_a_removed_file_stays_counted(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    instance = everywhere.extensions["minifile"]
    add_files(
        link, iter([incoming("b.txt", b"more")]), visitor_of(alice), declared_bytes=None,
        rates=instance.rates, limits=instance.settings.limits, storage=instance.storage,
        now=lambda: NOW,
    )  # fmt: skip
    carol = children_of(everywhere, link)[0]
    fetch(carol)

    remove_file(link, carol.files[0].id, storage=instance.storage, now=NOW)

    assert db.session.scalars(db.select(Slot.is_used)).all() == [True]


def test_the_purge_takes_the_children_with_their_parent(everywhere, alice):
    bob = make_account("Bob")
    link = upload(everywhere, alice, is_private=True, recipients=TWO, grant_to=("bob",))
    fetch(children_of(everywhere, link)[0])
    begin(link, visitor_of(bob))

    storage = storage_of(everywhere)
    purged = purge_expired(storage=storage, now=NOW + DAY + timedelta(hours=1))

    assert (purged.links, purged.size_bytes) == (1, 5)
    left = [db.session.scalars(db.select(model)).all() for model in _TABLES]
    assert left == [[]] * len(_TABLES)
    assert list(storage.blobs()) == []


_TABLES = (Link, File, Slot, Delivery, Grant, BrowserAccess)


def test_the_purge_leaves_bytes_alone_that_a_recipient_is_fetching(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    carol = children_of(everywhere, link)[0]
    last = NOW + DAY - timedelta(seconds=1)
    ticket = begin(carol, now=last)

    during = purge_expired(storage=storage_of(everywhere), now=NOW + DAY)
    end_delivery(ticket, {carol.files[0].id: 5}, {carol.files[0].id: 5}, now=NOW + DAY)
    after = purge_expired(storage=storage_of(everywhere), now=NOW + DAY)

    assert (during.links, after.links) == (0, 1)


def test_the_purge_waits_for_the_end_of_an_address_that_a_recipient_was_given(everywhere, alice):
    storage, link = storage_of(everywhere), upload(everywhere, alice, recipients=TWO)
    carol = children_of(everywhere, link)[0]
    last = NOW + DAY - timedelta(seconds=1)
    reading = Reading(carol, CHARLIE, is_owner=False)
    hand_over_file(reading, carol.files[0], Span(0, 5), storage=storage, lease=DAY, now=last)

    early = purge_expired(storage=storage, now=last + ADDRESS_LIFETIME)
    late = purge_expired(storage=storage, now=last + ADDRESS_LIFETIME + timedelta(minutes=1))

    assert (early.links, late.links) == (0, 1)


def test_the_purge_takes_revoked_links_with_their_recipients(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    revoke_link(link, now=NOW)

    purged = purge_expired(storage=storage_of(everywhere), now=NOW)

    assert purged.links == 1
    assert db.session.scalars(db.select(Link)).all() == []


@pytest.mark.parametrize("fate", [LinksFate.DELETE, LinksFate.KEEP], ids=str)
def test_when_the_owner_leaves_children_go_where_their_parent_goes(everywhere, alice, fate):
    upload(everywhere, alice, is_private=True, recipients=TWO)

    delete_user(alice.id, fate, actor=BY_SHELL, storage=storage_of(everywhere), now=NOW)

    owners = db.session.scalars(db.select(Link.owner_id)).all()
    assert owners == ([] if fate is LinksFate.DELETE else [None] * 3)


def test_the_purge_leaves_one_revoked_recipient_to_be_seen(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    revoke_recipient(link, recipients_of(link)[0].id, now=NOW)

    purge_expired(storage=storage_of(everywhere), now=NOW + timedelta(hours=1))

    assert [each.standing for each in recipients_of(link)] == ["revoked", "open"]


def test_children_are_no_links_of_their_own_in_lists_and_numbers(everywhere, alice):
    link = upload(everywhere, alice, recipients=TWO)
    fetch(children_of(everywhere, link)[0])

    usage = measure_usage(storage=storage_of(everywhere), now=NOW)

    assert (usage.links_open, usage.links_closed, usage.files, usage.downloads) == (1, 0, 1, 1)
    assert list(list_faults(storage=storage_of(everywhere), digests=True)) == []
