"""The contract, kept by buckets: in memory, by moto, by Swift, by fake-gcs-server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import time_machine
from buckets import make_gcs_bucket, make_s3_bucket, s3_url
from storage.contract import StorageContract, going_on, keep
from storage.memory import MemoryObjects

from minifile.codes import new_key
from minifile.errors import StorageUnavailable, TooLarge
from minifile.storage import Storage, open_storage
from minifile.storage.bucket import BucketStorage
from minifile.storage.locks import FileLocks
from minifile.storage.pieces import size_of_pieces
from minifile.storage.reading import read_up_to
from minifile.storage.segments import SEGMENT_BYTES
from minifile.values import Span

SIGNED: Any = {
    "disposition": "attachment; filename*=UTF-8''na%C3%AFve%20plan.txt",
    "content_type": "text/plain",
    "lifetime": timedelta(minutes=5),
}


@pytest.fixture
def locks(tmp_path: Path) -> FileLocks:
    return FileLocks(tmp_path / "locks")


class TestBucketInMemory(StorageContract):
    @pytest.fixture
    def storage(self, locks: FileLocks) -> Storage:
        return BucketStorage(MemoryObjects(), locks)


class TestMoto(StorageContract):
    @pytest.fixture
    def storage(self, moto: str, locks: FileLocks) -> Storage:
        return open_storage(s3_url(moto, make_s3_bucket(moto), "some/pre fix+ü"), locks)


class TestSwift(StorageContract):
    @pytest.fixture
    def storage(self, swift: str, locks: FileLocks) -> Storage:
        return open_storage(s3_url(swift, make_s3_bucket(swift), "some/pre fix+ü"), locks)


class TestFakeGcs(StorageContract):
    @pytest.fixture
    def storage(self, fake_gcs: str, locks: FileLocks) -> Storage:
        bucket = make_gcs_bucket(fake_gcs)
        return open_storage(f"gs://{bucket}/some/pre%20fix+ü?endpoint={fake_gcs}", locks)


def test_a_missing_bucket_of_google_is_named(fake_gcs: str, locks: FileLocks):
    storage = open_storage(f"gs://no-such-bucket?endpoint={fake_gcs}", locks)

    for use in (storage.check, lambda: keep(storage, b"hello"), lambda: list(storage.blobs())):
        with pytest.raises(StorageUnavailable, match="There is no such bucket"):
            use()


def test_a_signed_address_of_google_needs_a_key_that_signs(fake_gcs: str, locks: FileLocks):
    storage = open_storage(f"gs://bucket?endpoint={fake_gcs}", locks)

    with pytest.raises(StorageUnavailable, match="can't sign"):
        storage.signed_url(new_key(), **SIGNED)


@pytest.mark.parametrize("server", ["moto", "swift"])
def test_a_signed_address_gives_the_blob_with_its_headers(
    server: str, request: pytest.FixtureRequest, locks: FileLocks
):
    endpoint = request.getfixturevalue(server)
    storage = open_storage(s3_url(endpoint, make_s3_bucket(endpoint), "a/b c"), locks)
    url = storage.signed_url(keep(storage, b"hello"), **SIGNED)

    assert url is not None
    with urlopen(Request(url, headers={"Range": "bytes=1-"})) as answer:
        found, headers = answer.read(), answer.headers

    assert (answer.status, found) == (206, b"ello")
    assert headers["Content-Disposition"] == SIGNED["disposition"]
    assert headers["Content-Type"] == SIGNED["content_type"]


def test_a_signed_address_ends(swift: str, locks: FileLocks):
    storage = open_storage(s3_url(swift, make_s3_bucket(swift)), locks)
    key = keep(storage, b"hello")
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=6)):
        url = storage.signed_url(key, **SIGNED)

    assert url is not None
    with pytest.raises(HTTPError, match="403"):
        urlopen(url)


def test_who_lost_the_lock_can_not_harm_who_has_it(tmp_path: Path):
    # Two folders of locks: the first holder's lock is lost, and it does not know.
    objects, key = MemoryObjects(), new_key()
    late = BucketStorage(objects, FileLocks(tmp_path / "lost"))
    storage = BucketStorage(objects, FileLocks(tmp_path / "locks"))

    with going_on(late, key, 0) as old:
        old.write(b"old" * 1000)
        with going_on(storage, key, 0) as new:
            new.write(b"new" * 1000)
            new.sync()
            old.sync()
        old.write(b"old" * 1000)

    with going_on(storage, key, 3000) as again:
        again.write(b"end")
        again.finish()
    with storage.open(key) as blob:
        assert blob.read() == b"new" * 1000 + b"end"
    assert list(objects.list("")) == list(objects.list(key))


def test_pieces_grow_with_the_size_so_that_there_are_never_too_many():
    objects = MemoryObjects()

    sizes = [size_of_pieces(objects, size) for size in (None, 10, 100 * 2**30, 5 * 2**40)]

    assert sizes == [16 * 2**20, 2**20, 12 * 2**20, 16 * 2**20]


def test_a_file_of_too_many_pieces_is_refused_and_leaves_nothing(locks: FileLocks):
    objects = MemoryObjects()
    objects.most_pieces = 3
    storage = BucketStorage(objects, locks)

    for write in (lambda: keep(storage, b"x" * (17 * 4 * 2**20)), lambda: grow(storage, 4)):
        with pytest.raises(TooLarge):
            write()

    assert list(objects.unfinished()) == []


def grow(storage: Storage, count: int) -> None:
    with going_on(storage, new_key(), 0) as blob:
        for _ in range(count):
            blob.write(b"x" * SEGMENT_BYTES)


def test_what_lies_beyond_the_span_can_be_read_too(locks: FileLocks):
    storage = BucketStorage(MemoryObjects(), locks)
    key = keep(storage, b"0123456789")

    with storage.open(key, Span(2, 4)) as blob:
        blob.seek(2)
        assert read_up_to(blob, 5) == b"23456"
        blob.seek(0)
        assert blob.read() == b"0123456789"


def test_hundreds_of_small_parts_become_few_segments(locks: FileLocks):
    objects, key = MemoryObjects(), new_key()
    storage = BucketStorage(objects, locks)

    for number in range(300):
        with going_on(storage, key, number * 9) as blob:
            blob.write(b"%09d" % number)

    assert len(list(objects.list(key))) < 40
    with going_on(storage, key, 2700) as blob:
        blob.finish()
    with storage.open(key) as whole:
        assert whole.read() == b"".join(b"%09d" % number for number in range(300))
