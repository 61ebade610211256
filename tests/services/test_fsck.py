"""fsck: each fault is found once, and only what is beyond help is repaired."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOW
from flask import Flask
from services.making import DAY, begin, codes_left, incoming, make_link, make_rows, upload

from minifile.codes import new_key
from minifile.extensions import db, write_transaction
from minifile.models import Link
from minifile.services.fsck import (
    MISSING,
    ORPHAN,
    WRONG_DIGEST,
    WRONG_SIZE,
    Finding,
    list_faults,
    repair,
)
from minifile.services.purge import purge_expired
from minifile.services.storing import Incoming
from minifile.storage import Storage
from minifile.storage.local import LocalStorage
from minifile.values import Chunk, UploadOptions


def findings(storage: Storage, *, digests: bool = False) -> list[Finding]:
    return list(list_faults(storage=storage, digests=digests))


def orphan(storage: Storage) -> str:
    key = new_key()
    with storage.batch() as batch:
        batch.put(key, [b"no row names me"])
        batch.keep()
    return key


def path_of(link: Link, storage: LocalStorage, index: int = 0) -> Path:
    return storage.path(link.files[index].storage_key)


def finding(fault: str, link: Link, index: int = 0) -> Finding:
    file = link.files[index]
    return Finding(fault, file.storage_key, link.id, file.id)


def test_a_sound_instance_has_no_fault(everywhere: Flask):
    storage = everywhere.extensions["minifile"].storage
    make_link(everywhere, b"one", b"two", b"")
    begin(make_link(everywhere))

    assert findings(storage, digests=True) == []


def test_a_row_without_its_blob_is_found(everywhere: Flask, storage: LocalStorage):
    link = make_link(everywhere, b"one", b"two")
    storage.delete(link.files[1].storage_key)

    assert findings(storage) == [finding(MISSING, link, 1)]


def test_a_blob_without_a_row_is_found(here: Flask, storage: LocalStorage):
    make_link(here)
    key = orphan(storage)

    assert findings(storage) == [Finding(ORPHAN, key)]


def test_a_partial_blob_of_a_dead_upload_is_found(here: Flask, storage: LocalStorage):
    path = storage.path(new_key())
    path.parent.mkdir(parents=True)
    path.with_name(f"{path.name}.part").write_bytes(b"half")

    assert findings(storage) == [Finding(ORPHAN, path.name)]


@pytest.mark.parametrize("content", [b"hell", b"hello!", b""], ids=["shorter", "longer", "empty"])
def test_a_blob_of_the_wrong_size_is_found(here: Flask, storage: LocalStorage, content: bytes):
    link = make_link(here, b"hello")
    path_of(link, storage).write_bytes(content)

    assert findings(storage) == [finding(WRONG_SIZE, link)]


def test_changed_bytes_are_found_when_digests_are_asked_for(here: Flask, storage: LocalStorage):
    link, _ = make_link(here, b"hello"), make_link(here, b"other")
    path_of(link, storage).write_bytes(b"jello")

    without, with_digests = findings(storage), findings(storage, digests=True)

    assert (without, with_digests) == ([], [finding(WRONG_DIGEST, link)])


def test_faults_of_more_files_than_a_page_are_each_found_once(
    everywhere: Flask, storage: LocalStorage
):
    make_rows(1001, expires_at=NOW + DAY)

    found = findings(storage)

    assert len({fault.file_id for fault in found}) == len(found) == 1001


def test_a_running_upload_is_no_fault(here: Flask, storage: LocalStorage):
    found = []

    def chunks() -> Iterator[Chunk]:
        yield b"half"
        found.append(findings(storage))

    files = iter([incoming("whole", b"whole"), Incoming("half", None, chunks())])
    upload(here, files, UploadOptions())

    assert found == [[]]


def test_a_link_whose_purge_has_begun_is_no_fault(here: Flask, storage: LocalStorage):
    link = make_link(here)
    storage.delete(link.files[0].storage_key)
    with write_transaction() as session:
        session.execute(db.update(Link).values(state="deleting"))

    assert findings(storage) == []


def test_a_purge_in_the_middle_of_the_check_is_no_fault(everywhere: Flask, storage: LocalStorage):
    for _ in range(3):
        make_link(everywhere, lifetime=timedelta(minutes=1))
    damaged = make_link(everywhere, b"hello")
    path_of(damaged, storage).write_bytes(b"hell")
    first = make_link(everywhere, b"hello", lifetime=timedelta(minutes=1))
    found = list_faults(storage=storage)

    seen = [next(found)]
    purge_expired(storage=storage, now=NOW + timedelta(minutes=1))
    seen += found

    assert first.code not in codes_left()
    assert seen == [finding(WRONG_SIZE, damaged)]


def test_repair_deletes_orphans(here: Flask, storage: LocalStorage):
    link, key = make_link(here), orphan(storage)

    assert repair(Finding(ORPHAN, key), storage=storage)
    assert {blob.key for blob in storage.blobs()} == {link.files[0].storage_key}


def test_repair_deletes_a_link_without_its_only_blob(everywhere: Flask):
    storage = everywhere.extensions["minifile"].storage
    gone, stays = make_link(everywhere), make_link(everywhere)
    begin(gone)
    storage.delete(gone.files[0].storage_key)

    assert [repair(fault, storage=storage) for fault in findings(storage)] == [True]
    assert codes_left() == {stays.code}
    assert findings(storage) == []


def test_repair_keeps_the_other_files_of_a_link(everywhere: Flask, storage: LocalStorage):
    link = make_link(everywhere, b"one", b"two")
    storage.delete(link.files[0].storage_key)

    assert [repair(fault, storage=storage) for fault in findings(storage)] == [True]
    assert codes_left() == {link.code}
    assert findings(storage) == []


@pytest.mark.parametrize("content", [b"hell", b"jello"], ids=[WRONG_SIZE, WRONG_DIGEST])
def test_repair_leaves_damaged_bytes_because_they_may_be_all_there_is(
    here: Flask, storage: LocalStorage, content: bytes
):
    link = make_link(here, b"hello")
    path_of(link, storage).write_bytes(content)

    [fault] = findings(storage, digests=True)

    assert not repair(fault, storage=storage)
    assert path_of(link, storage).read_bytes() == content
    assert codes_left() == {link.code}
