"""Partial uploads over time: their expiry, their purge, and what a crash has left."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import pytest
from cast import kept_bytes, stored_link
from conftest import NOW
from flask import Flask
from services.making import ALICE, DAY
from services.sending import BUNDLE, HOUR, at, begin, draft, look, rows, send, stored_key, terms_of

from minifile.codes import token_hash
from minifile.errors import (
    BadUpload,
    BlobHeld,
    NotFound,
    StorageFull,
    TooLarge,
    TypeRefused,
    UploadExpired,
    UploadHeld,
)
from minifile.extensions import db, write_transaction
from minifile.models import Link, PartialUpload
from minifile.services import running_sums
from minifile.services.bundles import finish_bundle
from minifile.services.fsck import MISSING, list_faults, repair
from minifile.services.leftovers import complete_left_full
from minifile.services.purge import purge_expired
from minifile.services.receiving import Part, receive_part
from minifile.services.resumable import begin_upload
from minifile.services.usage import measure_usage
from minifile.values import UploadOptions


def purge(app: Flask, now: datetime) -> int:
    return purge_expired(storage=terms_of(app).storage, now=now).partial_uploads


def test_an_upload_that_nobody_goes_on_with_expires_and_is_purged(everywhere: Flask):
    begun = begin(everywhere, draft(10), b"abc")
    with pytest.raises(UploadExpired):
        look(everywhere, begun.upload_id, NOW + DAY)

    before, after = purge(everywhere, NOW + DAY - HOUR), purge(everywhere, NOW + DAY)

    assert (before, after) == (0, 1)
    assert (rows(), kept_bytes(everywhere)) == (0, {})
    with pytest.raises(NotFound):
        look(everywhere, begun.upload_id, NOW + DAY)


def test_every_part_lets_an_upload_live_on(everywhere: Flask):
    begun = begin(everywhere, draft(10), b"abc")

    send(everywhere, begun.upload_id, 3, b"def", now=NOW + DAY - HOUR)

    assert purge(everywhere, NOW + DAY + HOUR) == 0
    assert look(everywhere, begun.upload_id, NOW + DAY + HOUR).row.offset == 6


def test_the_files_of_a_bundle_live_as_long_as_the_last_of_them(everywhere: Flask):
    whole = begin(everywhere, draft(3, BUNDLE), b"abc")
    begun = begin(everywhere, draft(10, BUNDLE), b"abc")

    send(everywhere, begun.upload_id, 3, b"def", now=NOW + DAY - HOUR)

    assert purge(everywhere, NOW + DAY + HOUR) == 0
    assert look(everywhere, whole.upload_id, NOW + DAY + HOUR).row.offset == 3


def test_the_purge_leaves_an_upload_alone_that_is_being_written(everywhere: Flask):
    begun = begin(everywhere, draft(10), b"abc")

    def chunks() -> Iterator[bytes]:
        yield b"def"
        purged.append(purge(everywhere, NOW + DAY))

    purged: list[int] = []
    part = Part(chunks(), None)
    receive_part(begun.upload_id, 3, None, part, ALICE, terms=terms_of(everywhere), now=at(NOW))

    assert purged == [0]
    assert look(everywhere, begun.upload_id).row.offset == 6


def test_the_purge_forgets_how_a_link_came_but_keeps_its_bytes(everywhere: Flask):
    begun = begin(everywhere, draft(3), b"abc")
    assert begun.progress.made is not None
    keep_link(begun.progress.made.link.id)

    assert purge(everywhere, NOW + DAY) == 0

    assert rows() == 0
    assert len(kept_bytes(everywhere)) == 1


def test_the_purge_of_a_link_takes_along_how_it_came(everywhere: Flask):
    begin(everywhere, draft(3), b"abc")

    purge(everywhere, NOW + DAY)

    assert (rows(), kept_bytes(everywhere)) == (0, {})


def keep_link(link_id: int) -> None:
    with write_transaction() as session:
        session.execute(db.update(Link).where(Link.id == link_id).values(expires_at=NOW + 10 * DAY))


@contextmanager
def crash_while_completing(monkeypatch: pytest.MonkeyPatch, where: str) -> Iterator[None]:
    """Break off where a killed process would have."""

    def die(*_args: object, **_more: object) -> None:
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(where, die)
        with pytest.raises(SystemExit):
            yield


CRASHES = {
    "before the blob is final": "minifile.storage.appending.LocalPartialBlob.finish",
    "before the rows": "minifile.services.completing.commit_with_code",
}


@pytest.mark.parametrize("where", CRASHES.values(), ids=CRASHES)
def test_who_next_looks_completes_what_a_crash_has_left_full(
    everywhere: Flask, monkeypatch: pytest.MonkeyPatch, where: str
):
    begun = begin(everywhere, draft(6), b"abc")
    with crash_while_completing(monkeypatch, where):
        send(everywhere, begun.upload_id, 3, b"def")

    progress = look(everywhere, begun.upload_id)

    assert progress.made is not None
    [file] = stored_link(everywhere, progress.made.link.code).files
    assert file.sha256 == token_hash("abcdef")


@pytest.mark.parametrize("where", CRASHES.values(), ids=CRASHES)
def test_the_purge_job_completes_what_nobody_asks_for(
    here: Flask, monkeypatch: pytest.MonkeyPatch, where: str
):
    begun = begin(here, draft(6), b"abc")
    with crash_while_completing(monkeypatch, where):
        send(here, begun.upload_id, 3, b"def")

    complete_left_full(terms=terms_of(here), now=at(NOW))

    assert rows() == 1
    assert look(here, begun.upload_id).made is not None


@pytest.mark.parametrize("where", CRASHES.values(), ids=CRASHES)
def test_the_form_completes_what_a_crash_has_left_full(
    here: Flask, monkeypatch: pytest.MonkeyPatch, where: str
):
    begun = begin(here, draft(6, BUNDLE), b"abc")
    with crash_while_completing(monkeypatch, where):
        send(here, begun.upload_id, 3, b"def")

    made = finish_bundle(BUNDLE, 1, UploadOptions(), ALICE, terms=terms_of(here), now=at(NOW))

    assert made.link.files[0].sha256 == token_hash("abcdef")


@pytest.mark.parametrize("where", CRASHES.values(), ids=CRASHES)
def test_parts_are_put_together_anew_after_a_crash(
    here: Flask, monkeypatch: pytest.MonkeyPatch, where: str
):
    ids = [begin(here, draft(3, concat="partial"), each).upload_id for each in (b"abc", b"def")]
    concat = "final;" + " ".join(f"/tus/{each}" for each in ids)
    began: list[str] = []
    monkeypatch.setattr("minifile.services.resumable.new_token", lambda: began.append("f") or "f")
    monkeypatch.setattr("minifile.services.resumable.discard", lambda *_a, **_k: True)
    with crash_while_completing(monkeypatch, where):
        begin(here, draft(None, concat=concat, part_ids=ids))

    progress = look(here, "f")

    assert progress.made is not None
    assert progress.made.link.files[0].sha256 == token_hash("abcdef")
    assert rows() == 1


def test_what_arrived_before_a_cut_is_kept(everywhere: Flask):
    begun = begin(everywhere, draft(9), b"abc")

    def chunks() -> Iterator[bytes]:
        yield b"def"
        raise BadUpload("cut")

    part = Part(chunks(), 6)
    with pytest.raises(BadUpload):
        receive_part(begun.upload_id, 3, None, part, ALICE, terms=terms_of(everywhere), now=at(NOW))
    done = send(everywhere, begun.upload_id, 6, b"ghi")

    assert done.made is not None
    assert done.made.link.files[0].sha256 == token_hash("abcdefghi")


def test_a_creation_that_is_cut_leaves_nothing(everywhere: Flask):
    def chunks() -> Iterator[bytes]:
        yield b"def"
        raise BadUpload("cut")

    for length in (6, 60):
        with pytest.raises(BadUpload):
            begin_upload(
                draft(length), Part(chunks(), 6), ALICE, terms=terms_of(everywhere), now=at(NOW)
            )

    assert (rows(), kept_bytes(everywhere)) == (0, {})


def test_checksums_go_on_across_parts_and_are_read_again_where_they_do_not(here: Flask):
    begun = begin(here, draft(9), b"abc")
    send(here, begun.upload_id, 3, b"def")
    running_sums._kept.clear()

    done = send(here, begun.upload_id, 6, b"ghi")

    assert done.made is not None
    assert done.made.link.files[0].sha256 == token_hash("abcdefghi")


def test_a_part_beyond_the_length_is_cut_off_and_refused(here: Flask):
    begun = begin(here, draft(6), b"abc")

    with pytest.raises(TooLarge):
        send(here, begun.upload_id, 3, b"d", b"efgh")

    assert look(here, begun.upload_id).row.offset == 4


def test_only_one_request_writes_at_a_time(everywhere: Flask):
    begun = begin(everywhere, draft(9), b"abc")
    refused: list[str] = []

    def chunks() -> Iterator[bytes]:
        yield b"def"
        storage = terms_of(everywhere).storage
        with pytest.raises(BlobHeld), storage.appending(stored_key(), begins=False):
            refused.append("it was held twice")

    part = Part(chunks(), 3)
    receive_part(begun.upload_id, 3, None, part, ALICE, terms=terms_of(everywhere), now=at(NOW))

    assert refused == []
    assert look(everywhere, begun.upload_id).row.offset == 6


def test_fsck_finds_a_complete_upload_without_its_bytes(here: Flask):
    begin(here, draft(3, BUNDLE), b"abc")
    storage = terms_of(here).storage
    clean = list(list_faults(storage=storage))
    storage.delete(stored_key())

    [found] = list_faults(storage=storage)
    repaired = repair(found, storage=storage)

    assert clean == []
    assert found.fault == MISSING
    assert (repaired, rows()) == (True, 0)


def test_partial_uploads_are_no_orphans(everywhere: Flask):
    begin(everywhere, draft(10), b"abc")

    purged = purge_expired(storage=terms_of(everywhere).storage, now=NOW)

    assert purged.orphans == 0
    assert len(kept_bytes(everywhere)) == 1


def test_usage_counts_what_is_not_in_a_link(everywhere: Flask):
    begin(everywhere, draft(10), b"abc")
    begin(everywhere, draft(3), b"abc")

    usage = measure_usage(storage=terms_of(everywhere).storage, now=NOW)

    assert (usage.partial_uploads, usage.partial_bytes, usage.files) == (1, 3, 1)


def test_lost_bytes_end_the_upload(everywhere: Flask):
    begun = begin(everywhere, draft(10), b"abc")
    terms_of(everywhere).storage.delete(stored_key())

    with pytest.raises(NotFound):
        send(everywhere, begun.upload_id, 3, b"def")

    assert rows() == 0


def test_a_full_disk_is_said_before_a_byte_is_read(make_app):
    app = make_app(keep_free=2**60)

    def never() -> Iterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    with app.app_context():
        with pytest.raises(StorageFull):
            begin_upload(draft(10), Part(never(), 5), ALICE, terms=terms_of(app), now=at(NOW))

        assert rows() == 0


def test_a_type_that_is_refused_at_the_end_leaves_nothing(make_app):
    app = make_app(blocked_types="image/png")
    with app.app_context():
        begun = begin(app, draft(20), b"\x89PNG\r\n")

        with pytest.raises(TypeRefused):
            send(app, begun.upload_id, 6, b"\x1a\n" + bytes(12))

        assert (rows(), kept_bytes(app)) == (0, {})


def test_a_writer_that_lost_the_row_records_nothing(everywhere: Flask):
    begun = begin(everywhere, draft(9), b"abc")

    def chunks() -> Iterator[bytes]:
        yield b"def"
        with write_transaction() as session:
            session.execute(db.update(PartialUpload).values(writer="another"))

    with pytest.raises(UploadHeld):
        receive_part(
            begun.upload_id,
            3,
            None,
            Part(chunks(), 3),
            ALICE,
            terms=terms_of(everywhere),
            now=at(NOW),
        )

    assert look(everywhere, begun.upload_id).row.offset == 3


def test_a_request_that_waits_for_a_dead_client_is_made_to_let_go(everywhere: Flask):
    begun = begin(everywhere, draft(9), b"abc")
    has_begun, is_cut = threading.Event(), threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"def"
        has_begun.set()
        assert is_cut.wait(30)
        raise BadUpload("cut")

    def receive() -> None:
        part = Part(chunks(), 6, cut=is_cut.set)
        with everywhere.app_context(), suppress(BadUpload):
            receive_part(
                begun.upload_id, 3, None, part, ALICE, terms=terms_of(everywhere), now=at(NOW)
            )

    writer = threading.Thread(target=receive)
    writer.start()
    assert has_begun.wait(30)

    offset = look(everywhere, begun.upload_id).row.offset
    writer.join()

    assert is_cut.is_set()
    assert offset == 6
