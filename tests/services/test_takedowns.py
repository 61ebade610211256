"""Takedowns: for good, with the family, once however many admins do it."""

from datetime import timedelta

import pytest
from conftest import NOW
from flask import Flask
from services.making import BOB, CHARLIE, at_once, codes_left, make_link, storage_of
from sqlalchemy import select

from minifile.errors import BadOption, LinkRevoked, LinkTakenDown, NotFound, TooLateToUndo
from minifile.extensions import db
from minifile.identity import BY_SHELL, Actor
from minifile.models import AuditEntry, BlockedDigest, File, Link
from minifile.services.fsck import list_faults
from minifile.services.links import find_open_link, revoke_link, undo_revoke
from minifile.services.purge import purge_expired
from minifile.services.reports import report_link, reports_of
from minifile.services.takedowns import (
    Takedown,
    TakenDown,
    block,
    revoke_as_admin,
    take_down,
)
from minifile.values import Limits, LinkRecord

WHY = Takedown("It is malware.")
HOUR = timedelta(hours=1)


def end(app: Flask, link: LinkRecord, wanted: Takedown = WHY, actor: Actor = BY_SHELL) -> TakenDown:
    return take_down(link.id, wanted, actor=actor, storage=storage_of(app), now=NOW)


def open_link(app: Flask, link: LinkRecord, now=NOW) -> LinkRecord:
    rates = app.extensions["minifile"].rates
    return find_open_link(link.code, BOB, rates=rates, now=now)


def report(app: Flask, link: LinkRecord) -> None:
    rates = app.extensions["minifile"].rates
    report_link(link, "malware", address=CHARLIE.rate_address, rates=rates, now=NOW)


def limits_of_all(app: Flask) -> Limits:
    limits: Limits = app.extensions["minifile"].settings.limits
    return limits


def acts() -> list[str]:
    found = list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
    db.session.commit()
    return found


def row(link: LinkRecord) -> Link:
    found = db.session.get(Link, link.id, populate_existing=True)
    assert found is not None
    db.session.commit()
    return found


def child_of(link: LinkRecord) -> Link:
    """Write a child link, as sharing with a recipient does."""
    child = Link(
        code="child23456", created_at=NOW, expires_at=link.expires_at, owner_token_hash="0" * 64,
        state="open", parent_id=link.id, recipient="bob@example.org",
    )  # fmt: skip
    db.session.add(child)
    db.session.commit()
    return child


def test_a_link_that_was_taken_down_is_served_no_more(everywhere: Flask):
    link = make_link(everywhere)

    done = end(everywhere, link)

    assert done == TakenDown(links=1, digests=0, blobs=0)
    with pytest.raises(LinkTakenDown):
        open_link(everywhere, link)
    assert acts() == ["link.takedown"]


def test_it_can_not_be_undone_even_if_its_sender_had_revoked_it_before(everywhere: Flask):
    link = make_link(everywhere)
    revoke_link(link, now=NOW, undo_within=HOUR)

    end(everywhere, link)

    with pytest.raises(TooLateToUndo):
        undo_revoke(link, limits=limits_of_all(everywhere), now=NOW)


def test_a_parent_and_its_children_go_together(everywhere: Flask):
    link = make_link(everywhere)
    child = child_of(link)

    done = take_down(child.id, WHY, actor=BY_SHELL, storage=storage_of(everywhere), now=NOW)

    assert done.links == 2
    assert row(link).takedown_reason == "It is malware."
    db.session.refresh(child)
    assert (child.state, child.takedown_reason) == ("revoked", "It is malware.")


def test_taking_down_twice_is_no_error_and_keeps_the_first_reason(everywhere: Flask):
    link = make_link(everywhere)
    end(everywhere, link)

    done = end(everywhere, link, Takedown("Something else."))

    assert done.links == 0
    assert row(link).takedown_reason == "It is malware."
    assert acts() == ["link.takedown"]


def test_of_several_admins_at_once_one_takes_it_down_and_nobody_fails(everywhere: Flask):
    link = make_link(everywhere)
    report(everywhere, link)

    done = at_once(everywhere, *[lambda: end(everywhere, link)] * 4)

    assert sorted(each.links for each in done) == [0, 0, 0, 1]  # type: ignore[attr-defined]
    assert acts() == ["link.takedown", "report.taken_down"]


def test_the_reports_are_handled_with_it(everywhere: Flask):
    link = make_link(everywhere)
    report(everywhere, link)

    end(everywhere, link)

    assert [each.outcome for each in reports_of(link.id)] == ["taken_down"]


def test_the_bytes_go_at_once_only_if_asked_for(here: Flask):
    kept, gone = make_link(here, b"kept"), make_link(here, b"gone")
    storage = storage_of(here)

    end(here, kept)
    done = end(here, gone, Takedown("Out.", deletes_bytes=True))

    assert done.blobs == 1
    assert storage.size(kept.files[0].storage_key) == 4
    assert {blob.key for blob in storage.blobs()} == {kept.files[0].storage_key}


def test_fsck_misses_no_bytes_of_a_link_that_was_taken_down(here: Flask):
    link = make_link(here)
    end(here, link, Takedown("Out.", deletes_bytes=True))

    assert list(list_faults(storage=storage_of(here))) == []


def test_it_says_so_for_a_week_and_then_it_is_purged(everywhere: Flask):
    link = make_link(everywhere, lifetime=timedelta(days=20))
    end(everywhere, link)

    purge_expired(storage=storage_of(everywhere), now=NOW + timedelta(days=6, hours=23))
    assert codes_left() == {link.code}

    purge_expired(storage=storage_of(everywhere), now=NOW + timedelta(days=7))
    assert codes_left() == set()


def test_it_says_so_no_longer_than_it_would_have_lived(everywhere: Flask):
    link = make_link(everywhere, lifetime=HOUR)
    end(everywhere, link)

    purge_expired(storage=storage_of(everywhere), now=NOW + HOUR)

    assert codes_left() == set()


def test_all_links_that_hold_one_of_the_files_can_go_with_it(everywhere: Flask):
    link = make_link(everywhere, b"bad", b"worse")
    holder, other = make_link(everywhere, b"bad"), make_link(everywhere, b"good")

    done = end(everywhere, link, Takedown("Out.", blocks_digests=True, takes_holders=True))

    assert done == TakenDown(links=2, digests=2, blobs=0)
    assert row(holder).takedown_reason == "Out."
    assert row(other).state == "open"
    assert len(db.session.scalars(select(BlockedDigest)).all()) == 2


def test_a_file_can_be_blocked_with_all_links_that_hold_it(everywhere: Flask):
    link, other = make_link(everywhere, b"bad"), make_link(everywhere, b"good")
    digest, storage = link.files[0].sha256, storage_of(everywhere)

    wanted = Takedown("Out.", takes_holders=True)
    done = block(digest.upper(), wanted, actor=BY_SHELL, storage=storage, now=NOW)

    assert done == TakenDown(links=1, digests=1, blobs=0)
    assert row(link).takedown_reason == "Out."
    assert row(other).state == "open"


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 501, "a\0b"])
def test_without_a_reason_that_can_be_kept_nothing_is_done(here: Flask, reason: str):
    link = make_link(here)

    with pytest.raises(BadOption):
        end(here, link, Takedown(reason, deletes_bytes=True, blocks_digests=True))

    assert row(link).state == "open"
    assert acts() == []


def test_a_link_that_is_not_there_is_not_found(here: Flask):
    with pytest.raises(NotFound):
        take_down(4711, WHY, actor=BY_SHELL, storage=storage_of(here), now=NOW)
    with pytest.raises(NotFound):
        revoke_as_admin(4711, actor=BY_SHELL, now=NOW)


def test_an_admin_only_revokes_a_link_for_good(everywhere: Flask):
    link = make_link(everywhere)
    child = child_of(link)

    revoke_as_admin(link.id, actor=BY_SHELL, now=NOW)
    revoke_as_admin(link.id, actor=BY_SHELL, now=NOW)

    with pytest.raises(LinkRevoked) as refused:
        open_link(everywhere, link)
    assert not isinstance(refused.value, LinkTakenDown)
    with pytest.raises(TooLateToUndo):
        undo_revoke(link, limits=limits_of_all(everywhere), now=NOW)
    db.session.refresh(child)
    assert child.state == "revoked"
    assert acts() == ["link.revoke"]


def test_rows_of_files_stay_until_the_purge(here: Flask):
    link = make_link(here)

    end(here, link, Takedown("Out.", deletes_bytes=True))

    assert db.session.scalars(select(File.sha256)).all() == [link.files[0].sha256]
