"""The contract, kept by buckets: in memory, by moto, by Swift, by fake-gcs-server."""

from pathlib import Path

import pytest
from buckets import make_gcs_bucket, make_s3_bucket, s3_url
from storage.contract import StorageContract
from storage.memory import MemoryObjects

from minifile.storage import Storage, open_storage
from minifile.storage.bucket import BucketStorage
from minifile.storage.locks import FileLocks


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
