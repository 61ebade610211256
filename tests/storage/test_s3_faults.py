"""What is wrong with a bucket is said in one sentence, without a secret, and nothing is lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import time_machine
from buckets import SWIFT_SECRET, free_ports, make_s3_bucket, s3_client, s3_url
from storage.contract import going_on, keep, keys, upload
from storage.faults import FaultyProxy

from minifile.codes import new_key
from minifile.errors import BlobMissing, StorageUnavailable
from minifile.storage import Storage, open_storage
from minifile.storage.locks import FileLocks
from minifile.values import Chunk, Span

MIB = 2**20


@pytest.fixture
def locks(tmp_path: Path) -> FileLocks:
    return FileLocks(tmp_path / "locks")


@pytest.fixture(scope="module")
def bucket(swift: str) -> str:
    return make_s3_bucket(swift)


@pytest.fixture
def proxy(swift: str) -> Iterator[FaultyProxy]:
    """A server before Swift's that fails when it is told to."""
    with FaultyProxy(urlsplit(swift).port or 0) as proxy:
        yield proxy


@pytest.fixture
def faulty(proxy: FaultyProxy, bucket: str, locks: FileLocks) -> Storage:
    """A storage behind the proxy, under a prefix of its own."""
    return open_storage(s3_url(proxy.url, bucket, new_key()), locks)


def complaint(storage: Storage) -> str:
    """Return what `check` says."""
    with pytest.raises(StorageUnavailable) as caught:
        storage.check()
    assert SWIFT_SECRET not in str(caught.value)
    return str(caught.value)


def test_a_wrong_secret_is_named(swift: str, bucket: str, locks: FileLocks):
    storage = open_storage(s3_url(swift, bucket, secret="wrong"), locks)

    assert complaint(storage) == "The bucket does not accept the secret of the access key."


def test_an_unknown_access_key_is_named(swift: str, bucket: str, locks: FileLocks):
    storage = open_storage(s3_url(swift, bucket, key="test:nobody"), locks)

    assert "access key" in complaint(storage)


def test_a_missing_bucket_is_named(swift: str, locks: FileLocks):
    storage = open_storage(s3_url(swift, "no-such-bucket-here"), locks)

    assert complaint(storage) == "There is no such bucket."


def test_a_missing_bucket_is_no_missing_blob(swift: str, locks: FileLocks):
    storage = open_storage(s3_url(swift, "no-such-bucket-here"), locks)

    with pytest.raises(StorageUnavailable):
        storage.size(new_key())
    with pytest.raises(StorageUnavailable):
        storage.open(new_key())


def test_credentials_that_can_only_read_are_named(swift: str, locks: FileLocks):
    bucket = make_s3_bucket(swift)
    s3_client(swift).put_bucket_acl(Bucket=bucket, ACL="public-read")
    reader = s3_url(swift, bucket, key="test:reader", secret="testing13")

    storage = open_storage(reader, locks)

    assert complaint(storage) == "The bucket refuses: the access key lacks the right to write."


def test_another_region_is_learned_from_the_bucket(swift: str, bucket: str, locks: FileLocks):
    storage = open_storage(s3_url(swift, bucket, new_key(), region="eu-west-3"), locks)

    assert storage.size(keep(storage, b"hello")) == 5


def test_a_wrong_clock_is_named(swift: str, bucket: str, locks: FileLocks):
    storage = open_storage(s3_url(swift, bucket), locks)

    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        said = complaint(storage)

    assert said.startswith("The clock of this machine is wrong")


def test_an_endpoint_that_nobody_listens_at_is_named(bucket: str, locks: FileLocks):
    [port] = free_ports(1)

    storage = open_storage(s3_url(f"http://127.0.0.1:{port}", bucket), locks)

    assert complaint(storage) == "The bucket's endpoint can't be reached."


def test_an_endpoint_whose_name_is_none_is_said_without_it(locks: FileLocks):
    storage = open_storage(s3_url("http://my_bucket:9000", "some-bucket"), locks)

    assert complaint(storage) == "The endpoint in STORAGE_URL can't be used."


def test_a_bucket_that_does_not_answer_is_named(
    faulty: Storage, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("minifile.storage.s3._READ_SECONDS", 0.2)
    proxy.be_silent()

    assert complaint(faulty) == "The bucket does not answer in time."


def test_a_busy_bucket_is_tried_again(faulty: Storage, proxy: FaultyProxy):
    proxy.answer_503(2)

    key = keep(faulty, b"hello")

    assert faulty.size(key) == 5


def test_a_bucket_that_stays_busy_leaves_nothing(faulty: Storage, proxy: FaultyProxy):
    proxy.answer_503(1000)

    with pytest.raises(StorageUnavailable, match="too busy"):
        keep(faulty, b"hello")

    proxy.heal()
    assert keys(faulty) == []


def test_a_connection_that_is_cut_while_sending_is_made_anew(faulty: Storage, proxy: FaultyProxy):
    proxy.cut_requests_after(3 * MIB, times=2)

    key = keep(faulty, b"x" * (10 * MIB))

    with faulty.open(key) as blob:
        assert blob.read() == b"x" * (10 * MIB)


def test_a_connection_that_is_cut_while_reading_is_made_anew(faulty: Storage, proxy: FaultyProxy):
    content = bytes(range(256)) * (10 * MIB // 256)
    key = keep(faulty, content)

    with faulty.open(key, Span(5, len(content))) as blob:
        proxy.cut_answers_after(3 * MIB, times=2)
        blob.seek(5)
        found = blob.read()

    assert found == content[5:]


def test_a_bucket_that_goes_away_while_reading_ends_with_an_error(
    faulty: Storage, proxy: FaultyProxy
):
    key = keep(faulty, b"x" * (10 * MIB))

    with faulty.open(key) as blob:
        blob.read(MIB)
        proxy.answer_503(1000)
        with pytest.raises(OSError):
            blob.read()


def test_an_upload_that_breaks_off_leaves_no_pieces(
    swift: str, bucket: str, faulty: Storage, proxy: FaultyProxy
):
    def chunks() -> Iterator[Chunk]:
        for _ in range(20):
            yield b"x" * MIB
        proxy.answer_503(1000)
        yield b"x" * MIB

    with pytest.raises(StorageUnavailable):
        upload(faulty, (new_key(), chunks()), keep=True)

    proxy.heal()
    # The pieces could not be thrown away while nobody answered: the sweep does.
    faulty.sweep_unfinished()
    found = s3_client(swift).list_multipart_uploads(Bucket=bucket)
    assert found.get("Uploads", []) == []
    assert keys(faulty) == []


def test_the_sweep_leaves_alone_what_is_being_written(faulty: Storage):
    key = new_key()
    swept = []

    def chunks() -> Iterator[Chunk]:
        for _ in range(40):
            yield b"x" * MIB
        swept.append(faulty.sweep_unfinished())

    upload(faulty, (key, chunks()), keep=True)

    assert swept == [0]
    assert faulty.size(key) == 40 * MIB


def test_what_arrived_of_a_part_stays_when_the_bucket_goes_away(
    faulty: Storage, proxy: FaultyProxy
):
    key = new_key()
    with going_on(faulty, key, 0) as blob:
        blob.write(b"x" * (6 * MIB))
        blob.sync()

    def fail() -> None:
        with going_on(faulty, key, 6 * MIB) as blob:
            proxy.answer_503(1000)
            blob.write(b"y" * (20 * MIB))
            blob.sync()

    with pytest.raises(StorageUnavailable):
        fail()
    proxy.heal()

    with going_on(faulty, key, 6 * MIB) as blob:
        blob.write(b"z")
        blob.finish()
    with faulty.open(key) as whole:
        assert whole.read() == b"x" * (6 * MIB) + b"z"


def test_a_blob_that_is_deleted_while_it_is_read_never_ends_early(faulty: Storage):
    key = keep(faulty, b"x" * (10 * MIB))

    with faulty.open(key) as blob:
        blob.read(10)
        faulty.delete(key)
        blob.seek(9 * MIB)
        with pytest.raises(OSError):
            blob.read(10)
    with pytest.raises(BlobMissing):
        faulty.open(key)
