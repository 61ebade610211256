"""Files that are added to a link or removed from it: rules, counting and races."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from conftest import NOW
from flask import Flask
from services.making import (
    ALICE,
    BOB,
    CHARLIE,
    DAY,
    at_once,
    begin_delivery,
    end_delivery,
    incoming,
    make_link,
    storage_of,
)

from minifile.errors import (
    BadOption,
    BadUpload,
    BlobMissing,
    FileRemoved,
    LinkExhausted,
    LinkExpired,
    LinkRevoked,
    NotFound,
    StorageFull,
    TooLarge,
    TypeRefused,
)
from minifile.extensions import db
from minifile.models import Delivery, File, Link, Slot
from minifile.policy.counting import FileSpan
from minifile.services.downloads import Reading, archive_layout, open_archive, open_file
from minifile.services.handovers import hand_over_file
from minifile.services.link_files import add_files, remove_file
from minifile.services.links import revoke_link
from minifile.services.records import read_link
from minifile.services.statements import reading
from minifile.services.storing import Incoming
from minifile.storage import Storage
from minifile.values import Chunk, FileRecord, LinkRecord, Span, Visitor


def add(app: Flask, link: LinkRecord, *files: Incoming, now=NOW, **limits: Any) -> None:
    instance = app.extensions["minifile"]
    add_files(
        link, iter(files), ALICE, declared_bytes=None, rates=instance.rates,
        limits=replace(instance.settings.limits, **limits), storage=instance.storage,
        now=lambda: now,
    )  # fmt: skip


def remove(app: Flask, link: LinkRecord, at: int, now=NOW) -> None:
    remove_file(link, link.files[at].id, storage=storage_of(app), now=now)


def again(link: LinkRecord) -> LinkRecord:
    """Read the link as it is now."""
    with reading(db.engine) as driver:
        found = read_link(driver, link.code)
    assert found is not None
    return found


def names(link: LinkRecord) -> list[str]:
    return [file.filename for file in again(link).files]


def keys(app: Flask) -> set[str]:
    return {blob.key for blob in storage_of(app).blobs()}


def fetch(link: LinkRecord, file: FileRecord, who: Visitor = CHARLIE) -> int:
    """Fetch a whole file, and return the link's counter."""
    part = FileSpan(file.id, file.size_bytes, Span(0, file.size_bytes))
    ticket = begin_delivery(link, who, [part], fresh=True, lease=DAY, now=NOW)
    whole = {file.id: file.size_bytes}
    end_delivery(ticket, whole, whole, now=NOW)
    return again(link).download_count


def count(model: type) -> int:
    found = db.session.scalar(db.select(db.func.count()).select_from(model))
    db.session.commit()
    return found or 0


def test_added_files_stand_behind_the_others_with_names_of_their_own(everywhere: Flask):
    link = make_link(everywhere, b"one", b"two")

    add(everywhere, link, incoming("1.bin", b"three"), incoming("may/x.txt", b"four"))

    now = again(link)
    assert names(link) == ["0.bin", "1.bin", "1 (2).bin", "may/x.txt"]
    assert [file.size_bytes for file in now.files] == [3, 3, 5, 4]
    with storage_of(everywhere).open(now.files[2].storage_key) as blob:
        assert blob.read() == b"three"


@pytest.mark.parametrize(
    ("files", "limits", "error"),
    [
        pytest.param([("x", b"1")] * 2, {"max_link_files": 3}, TooLarge, id="too many in all"),
        pytest.param([("x", b"12345")], {"max_link_size": 9}, TooLarge, id="too large in all"),
        pytest.param([("x", b"12345")], {"max_file_size": 4}, TooLarge, id="too large"),
        pytest.param([("x.exe", b"1")], {"blocked_types": ["exe"]}, TypeRefused, id="type"),
        pytest.param([("x", b"1")], {"keep_free": 2**62}, StorageFull, id="no space"),
        pytest.param([("0.bin/x", b"1")], {}, BadOption, id="a folder named as a file"),
        pytest.param([], {}, BadUpload, id="no file"),
    ],
)
def test_what_is_refused_leaves_nothing(
    here: Flask, files: list[tuple[str, bytes]], limits: dict[str, Any], error: type
):
    link = make_link(here, b"one", b"two")
    before = keys(here)

    with pytest.raises(error):
        add(here, link, *(incoming(name, content) for name, content in files), **limits)

    assert (names(link), keys(here)) == (["0.bin", "1.bin"], before)


def test_a_body_that_breaks_off_leaves_nothing(here: Flask):
    link = make_link(here)
    before = keys(here)

    def chunks() -> Iterator[Chunk]:
        yield b"half"
        raise BadUpload("cut")

    with pytest.raises(BadUpload):
        add(here, link, incoming("whole", b"1"), Incoming("half", None, chunks()))

    assert (names(link), keys(here)) == (["0.bin"], before)


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_nothing_is_added_to_a_link_that_ended_while_the_bytes_came(everywhere: Flask, end: str):
    link = make_link(everywhere)
    before = keys(everywhere)

    def chunks() -> Iterator[Chunk]:
        yield b"slow"
        if end == "revoked":
            revoke_link(link, now=NOW)

    now = NOW + DAY if end == "expired" else NOW
    with pytest.raises(LinkExpired if end == "expired" else LinkRevoked):
        add(everywhere, link, Incoming("late", None, chunks()), now=now)

    assert (names(link), keys(everywhere)) == (["0.bin"], before)


def test_an_added_file_is_fetched_once_within_a_slot_that_was_complete(everywhere: Flask):
    link = make_link(everywhere, b"one", b"two", max_downloads=2)
    assert [fetch(link, file) for file in link.files] == [1, 1]
    assert db.session.scalars(db.select(Slot)).one().completed_at == NOW

    add(everywhere, link, incoming("new", b"three"))

    link = again(link)
    assert fetch(link, link.files[2]) == 1
    assert db.session.scalars(db.select(Slot)).one().completed_at == NOW
    assert fetch(link, link.files[2]) == 2


def test_a_client_that_keeps_a_cookie_gets_the_added_file_within_its_slot(everywhere: Flask):
    link = make_link(everywhere, b"one", max_downloads=1)
    fetch(link, link.files[0], BOB)

    add(everywhere, link, incoming("new", b"three"))

    link = again(link)
    assert fetch(link, link.files[1], BOB) == 1


def test_a_removed_file_goes_with_its_bytes_and_its_deliveries(everywhere: Flask):
    link = make_link(everywhere, b"one", b"two")
    fetch(link, link.files[0])
    fetch(link, link.files[1])

    remove(everywhere, link, 0)

    now = again(link)
    assert names(link) == ["1.bin"]
    assert keys(everywhere) == {link.files[1].storage_key}
    assert (count(File), count(Delivery), count(Slot)) == (1, 1, 1)
    assert now.download_count == 1


def test_the_last_file_stays(everywhere: Flask):
    link = make_link(everywhere)

    with pytest.raises(BadOption, match="Revoke the link instead"):
        remove(everywhere, link, 0)

    assert keys(everywhere) == {link.files[0].storage_key}


def test_of_two_files_removed_at_once_one_stays(everywhere: Flask):
    link = make_link(everywhere, b"one", b"two")

    results = at_once(
        everywhere, lambda: remove(everywhere, link, 0), lambda: remove(everywhere, link, 1)
    )

    assert sorted(type(result).__name__ for result in results) == ["BadOption", "NoneType"]
    assert len(keys(everywhere)) == len(names(link)) == 1


def test_a_file_is_removed_once_and_by_its_own_link_alone(everywhere: Flask):
    link, other = make_link(everywhere, b"one", b"two"), make_link(everywhere, b"x", b"y")
    remove(everywhere, link, 0)

    with pytest.raises(NotFound):
        remove(everywhere, link, 0)
    with pytest.raises(NotFound):
        remove_file(link, other.files[0].id, storage=storage_of(everywhere), now=NOW)

    assert len(names(other)) == 2


@pytest.mark.parametrize(
    ("now", "error"), [(NOW + DAY, LinkExpired), (NOW, LinkRevoked)], ids=["expired", "revoked"]
)
def test_nothing_is_removed_from_a_link_that_has_ended(here: Flask, now, error: type):
    link = make_link(here, b"one", b"two")
    if error is LinkRevoked:
        revoke_link(link, now=NOW)

    with pytest.raises(error):
        remove(here, link, 0, now)


def test_whoever_looked_the_file_up_before_is_told_that_it_was_removed(everywhere: Flask):
    link = make_link(everywhere, b"one", b"two", b"three", max_downloads=5)
    old, file, whole = Reading(link, CHARLIE, is_owner=False), link.files[0], Span(0, 3)
    how: dict[str, Any] = {"storage": storage_of(everywhere), "lease": DAY, "now": NOW}
    layout = archive_layout(link)
    remove(everywhere, link, 0)

    with pytest.raises(FileRemoved):
        open_file(old, file, whole, **how)
    with pytest.raises(FileRemoved):
        open_archive(old, layout, Span(0, layout.size_bytes), **how)
    with pytest.raises(FileRemoved):
        hand_over_file(old, file, whole, **how)

    assert (again(link).download_count, count(Slot)) == (0, 0)


def test_a_file_removed_between_its_opening_and_the_count_is_not_counted(everywhere: Flask):
    link = make_link(everywhere, b"one", b"two", max_downloads=5)
    file = link.files[0]
    remove(everywhere, link, 0)

    with pytest.raises(FileRemoved):
        fetch(link, file)

    assert (again(link).download_count, count(Slot)) == (0, 0)


def test_a_lost_blob_is_still_a_fault(here: Flask, storage: Storage):
    link = make_link(here, b"one", b"two")
    storage.delete(link.files[0].storage_key)

    with pytest.raises(BlobMissing):
        open_file(
            Reading(link, CHARLIE, is_owner=False), link.files[0], Span(0, 3),
            storage=storage, lease=DAY, now=NOW,
        )  # fmt: skip


def test_a_response_that_runs_while_its_file_is_removed_ends_quietly(everywhere: Flask):
    link = make_link(everywhere, b"one", b"two")
    part = FileSpan(link.files[0].id, 3, Span(0, 3))
    ticket = begin_delivery(link, CHARLIE, [part], fresh=True, lease=DAY, now=NOW)

    remove(everywhere, link, 0)
    end_delivery(ticket, {part.file_id: 3}, {part.file_id: 3}, now=NOW + timedelta(seconds=1))

    assert (count(Delivery), again(link).download_count) == (0, 1)


@pytest.mark.parametrize("other", ["remove", "revoke", "add"])
def test_what_happens_while_files_are_added_leaves_no_blob_without_a_row(
    everywhere: Flask, other: str
):
    link = make_link(everywhere, b"one", b"two")
    others: dict[str, Callable[[], object]] = {
        "remove": lambda: remove(everywhere, link, 1),
        "revoke": lambda: revoke_link(link, now=NOW),
        "add": lambda: add(everywhere, link, incoming("1.bin", b"four")),
    }

    results = at_once(
        everywhere, lambda: add(everywhere, link, incoming("1.bin", b"three")), others[other]
    )

    rows = db.session.scalars(db.select(File.storage_key)).all()
    refused = [result for result in results if result is not None]
    assert keys(everywhere) == set(rows)
    assert len(set(names(link))) == len(rows)
    assert all(isinstance(each, LinkRevoked) for each in refused)
    assert db.session.scalar(db.select(Link.state)) == ("revoked" if other == "revoke" else "open")


def test_a_removed_file_that_was_had_does_not_give_the_limit_back(everywhere: Flask):
    link = make_link(everywhere, b"first", b"other", max_downloads=1)
    other = link.files[1]
    fetch(link, link.files[0], BOB)
    remove(everywhere, link, 0)

    part = FileSpan(other.id, other.size_bytes, Span(0, other.size_bytes))
    cut = begin_delivery(again(link), BOB, [part], fresh=True, lease=DAY, now=NOW)
    end_delivery(cut, {}, {}, now=NOW)

    assert again(link).download_count == 1
    with pytest.raises(LinkExhausted):
        fetch(again(link), other, CHARLIE)
