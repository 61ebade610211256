"""Requests for one upload that overtake each other: who comes late changes nothing."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from cast import kept_bytes
from conftest import NOW
from flask import Flask
from services.making import ALICE
from services.sending import BUNDLE, at, begin, draft, look, rows, send, stored_key, terms_of

from minifile.errors import NotFound, TooLarge, UploadHeld
from minifile.extensions import db
from minifile.models import Link
from minifile.services.bundles import finish_bundle
from minifile.services.joining import Progress, make_link, options_of
from minifile.services.new_links import commit_with_code
from minifile.services.partial_record import PartialRecord
from minifile.services.partials import discard, find_partial
from minifile.services.receiving import Part, receive, receive_part
from minifile.services.resumable import Begun
from minifile.storage.appending import LocalPartialBlob
from minifile.values import UploadOptions


def stale(app: Flask, begun: Begun) -> PartialRecord:
    """Return the row as a request reads it that is overtaken by others."""
    return find_partial(begun.upload_id, ALICE, rates=terms_of(app).rates, now=NOW)


def send_late(app: Flask, row: PartialRecord, *chunks: bytes, length: int | None = None) -> None:
    """Let the overtaken request go on; it must find that it comes too late."""
    part = Part(iter(chunks), None)
    with pytest.raises(UploadHeld):
        receive(row, part, ALICE, length=length, terms=terms_of(app), now=at(NOW))


def test_a_request_that_comes_late_cuts_off_nothing_that_was_acknowledged(everywhere: Flask):
    begun = begin(everywhere, draft(9))
    row = stale(everywhere, begun)
    send(everywhere, begun.upload_id, 0, b"abc")

    send_late(everywhere, row, b"xyz")

    send(everywhere, begun.upload_id, 3, b"def")
    assert send(everywhere, begun.upload_id, 6, b"ghi").made is not None
    assert list(kept_bytes(everywhere).values()) == [9]


def test_a_request_that_comes_late_deletes_no_complete_file(everywhere: Flask):
    begun = begin(everywhere, draft(3, BUNDLE, bundle_files=2))
    row = stale(everywhere, begun)
    send(everywhere, begun.upload_id, 0, b"abc")

    send_late(everywhere, row, b"xyz")

    assert look(everywhere, begun.upload_id).row.state == "complete"


def test_lost_bytes_are_said_and_the_upload_is_deleted(everywhere: Flask):
    begun = begin(everywhere, draft(9), b"abc")
    terms_of(everywhere).storage.delete(stored_key())

    with pytest.raises(NotFound, match="are lost"):
        send(everywhere, begun.upload_id, 3, b"def")

    assert rows() == 0


def crash(_blob: LocalPartialBlob) -> None:
    raise SystemExit


def test_a_full_upload_whose_bytes_are_lost_is_not_found(
    everywhere: Flask, monkeypatch: pytest.MonkeyPatch
):
    begun = begin(everywhere, draft(3))
    with monkeypatch.context() as broken:
        broken.setattr(LocalPartialBlob, "finish", crash)
        with pytest.raises(SystemExit):
            send(everywhere, begun.upload_id, 0, b"abc")
    terms_of(everywhere).storage.delete(stored_key())

    with pytest.raises(NotFound, match="are lost"):
        look(everywhere, begun.upload_id)


def test_a_length_that_was_acknowledged_is_not_forgotten(everywhere: Flask):
    begun = begin(everywhere, draft(None))
    row = stale(everywhere, begun)
    say_length(everywhere, begun, 9)

    with suppress(UploadHeld):
        receive(row, Part(iter(()), 0), ALICE, terms=terms_of(everywhere), now=at(NOW))
    send_late(everywhere, row, b"abc", length=8)

    assert look(everywhere, begun.upload_id).row.length == 9


def say_length(app: Flask, begun: Begun, length: int) -> Progress:
    part = Part(iter(()), 0)
    return receive_part(begun.upload_id, 0, length, part, ALICE, terms=terms_of(app), now=at(NOW))


def test_lengths_that_are_said_at_once_stay_within_the_limit_of_a_link(everywhere: Flask):
    limits = replace(terms_of(everywhere).limits, max_link_size=150)
    terms = replace(terms_of(everywhere), limits=limits)
    uploads = [begin(everywhere, draft(None, BUNDLE)) for _ in range(4)]
    start = threading.Barrier(len(uploads))

    def say(begun: Begun) -> bool:
        with everywhere.app_context():
            start.wait()
            try:
                receive_part(
                    begun.upload_id, 0, 90, Part(iter(()), 0), ALICE, terms=terms, now=at(NOW)
                )
            except TooLarge:
                return False
            return True

    with ThreadPoolExecutor(len(uploads)) as pool:
        assert sum(pool.map(say, uploads)) == 1


def test_a_file_that_is_deleted_meanwhile_is_in_no_link(everywhere: Flask):
    begun = begin(everywhere, draft(3, BUNDLE), b"abc")
    row = stale(everywhere, begun)
    assert discard(row, storage=terms_of(everywhere).storage)

    def work(driver, code):
        return make_link(driver, [row], options_of(row), code, terms=terms_of(everywhere), now=NOW)

    with pytest.raises(UploadHeld):
        commit_with_code(work, code_length=10)

    assert db.session.scalar(db.select(db.func.count()).select_from(Link)) == 0


def test_a_file_that_its_bundle_left_out_while_it_was_sent_leaves_nothing(everywhere: Flask):
    begin(everywhere, draft(3, BUNDLE), b"abc")
    left_out = begin(everywhere, draft(9, BUNDLE))

    def chunks() -> Iterator[bytes]:
        yield b"def"
        finish_bundle(BUNDLE, 1, UploadOptions(), ALICE, terms=terms_of(everywhere), now=at(NOW))
        yield b"ghi"

    part, terms = Part(chunks(), None), terms_of(everywhere)
    with pytest.raises(UploadHeld):
        receive_part(left_out.upload_id, 0, None, part, ALICE, terms=terms, now=at(NOW))

    assert list(kept_bytes(everywhere).values()) == [3]
