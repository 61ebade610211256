"""Removed files in a bucket: their bytes stay for who has begun to fetch them, for a while."""

from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOW
from flask import Flask
from services.making import CHARLIE, DAY, begin, make_link
from storage.memory import MemoryObjects

from minifile.extensions import db
from minifile.models import RemovedBlob
from minifile.services.downloads import Reading
from minifile.services.handovers import hand_over_file
from minifile.services.link_files import remove_file
from minifile.services.orphans import orphan_blobs
from minifile.services.purge import purge_expired
from minifile.services.removals import KEPT_FOR
from minifile.storage import Storage
from minifile.storage.bucket import BucketStorage
from minifile.storage.locks import FileLocks
from minifile.values import LinkRecord, Span


@pytest.fixture
def bucket(tmp_path: Path) -> Storage:
    return BucketStorage(MemoryObjects(), FileLocks(tmp_path / "locks"))


def make_link_in(bucket: Storage, app: Flask) -> LinkRecord:
    """Make a link of two files whose blobs are in the bucket too."""
    link = make_link(app, b"one", b"two")
    with bucket.batch() as batch:
        for file in link.files:
            batch.put(file.storage_key, [b"any"])
        batch.keep()
    return link


def remove_first(link: LinkRecord, bucket: Storage) -> None:
    remove_file(link, link.files[0].id, storage=bucket, now=NOW)


def is_there(link: LinkRecord, bucket: Storage) -> bool:
    return link.files[0].storage_key in {blob.key for blob in bucket.blobs()}


def test_a_file_that_nobody_fetches_is_gone_at_once(everywhere: Flask, bucket: Storage):
    link = make_link_in(bucket, everywhere)

    remove_first(link, bucket)

    assert not is_there(link, bucket)


@pytest.mark.parametrize("how", ["streamed", "handed over"])
def test_who_has_begun_gets_the_rest_of_a_removed_file(
    everywhere: Flask, bucket: Storage, how: str
):
    link = make_link_in(bucket, everywhere)
    if how == "streamed":
        begin(link)
    else:
        reading = Reading(link, CHARLIE, is_owner=False)
        hand_over_file(reading, link.files[0], Span(0, 3), storage=bucket, lease=DAY, now=NOW)

    remove_first(link, bucket)
    purge_expired(storage=bucket, now=NOW + KEPT_FOR - timedelta(seconds=1))
    was_there, orphans = is_there(link, bucket), list(orphan_blobs(bucket))
    purge_expired(storage=bucket, now=NOW + KEPT_FOR)

    assert (was_there, orphans) == (True, [])
    assert not is_there(link, bucket)
    assert db.session.scalars(db.select(RemovedBlob)).all() == []
