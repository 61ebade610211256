"""Partial blobs in a bucket when locks, clocks, listings and answers fail: nothing is lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session
from buckets import make_s3_bucket, s3_url
from storage.contract import going_on, keep
from storage.memory import MemoryObjects

from minifile.codes import new_key
from minifile.errors import BlobHeld, StorageUnavailable
from minifile.storage import open_storage
from minifile.storage.bucket import BucketStorage
from minifile.storage.locks import FileLocks
from minifile.storage.objects import StoredObject
from minifile.storage.segments import Segments

MIB = 2**20
SMALL = MemoryObjects.least_joined_bytes // 2


@dataclass
class Held:
    """A lock that may have been lost."""

    fence: int
    is_mine: bool = True

    def is_unbroken(self) -> bool:
        return self.is_mine


@pytest.fixture
def hold() -> Iterator[Callable[..., Segments]]:
    """Go on with a partial blob under a fence, as `appending` does."""
    with ThreadPoolExecutor(8) as pool:

        def hold(
            objects: MemoryObjects, key: str, held: Held, offset: int, *, more: bytes = b""
        ) -> Segments:
            # A thread each is as good as one: nothing here is sent side by side.
            blob = Segments(objects, key, held, pool)
            blob.cut_to(offset)
            blob.write(more)
            return blob

        yield hold


Race = tuple[MemoryObjects, str, Segments, Segments]


@pytest.fixture
def race(hold: Callable[..., Segments]) -> Race:
    """A bucket, a key, who has lost the lock with bytes in hand, and who has gone on since."""
    objects, key, lost = MemoryObjects(), new_key(), Held(2)
    hold(objects, key, Held(1), 0, more=b"a" * SMALL).sync()
    stale = hold(objects, key, lost, SMALL, more=b"x" * 800)
    lost.is_mine = False
    running = hold(objects, key, Held(3), SMALL, more=b"b" * 300)
    running.sync()
    return objects, key, stale, running


def test_who_has_lost_the_lock_deletes_nothing_that_the_next_one_relies_on(
    race: Race, hold: Callable[..., Segments]
):
    objects, key, stale, _ = race

    stale.sync()

    again = hold(objects, key, Held(4), SMALL + 300)
    assert again.head(5000) == b"a" * SMALL + b"b" * 300


def test_who_has_lost_the_lock_does_not_stop_who_has_it(race: Race):
    objects, key, stale, running = race
    stale.sync()

    running.write(b"c" * 800)
    running.finish()

    assert objects.found[key][0] == b"a" * SMALL + b"b" * 300 + b"c" * 800


def test_who_may_have_lost_the_lock_cuts_nothing_off(hold: Callable[..., Segments]):
    objects, key = MemoryObjects(), new_key()
    hold(objects, key, Held(1), 0, more=b"a" * 2000).sync()

    with pytest.raises(BlobHeld):
        hold(objects, key, Held(2, is_mine=False), 0)

    assert hold(objects, key, Held(3), 2000).head(5000) == b"a" * 2000


def test_a_clock_that_was_set_back_takes_nothing(hold: Callable[..., Segments]):
    objects, key = MemoryObjects(), new_key()
    hold(objects, key, Held(1000), 0, more=b"a" * 2000).sync()
    hold(objects, key, Held(900), 2000, more=b"b" * 2000).sync()

    again = hold(objects, key, Held(1100), 4000)

    assert again.head(5000) == b"a" * 2000 + b"b" * 2000


class LaggingObjects(MemoryObjects):
    """A bucket whose listing lags behind."""

    is_behind = False

    def list(self, prefix: str) -> Iterator[StoredObject]:
        return iter(()) if self.is_behind else super().list(prefix)


def test_a_listing_that_lags_behind_is_no_loss(tmp_path: Path):
    objects, key = LaggingObjects(), new_key()
    storage = BucketStorage(objects, FileLocks(tmp_path))
    with going_on(storage, key, 0) as blob:
        blob.write(b"abc")

    objects.is_behind = True
    with pytest.raises(StorageUnavailable), going_on(storage, key, 3):
        pass
    objects.is_behind = False

    with going_on(storage, key, 3) as blob:
        blob.write(b"d")
        blob.finish()
    objects.is_behind = True
    with going_on(storage, key, 4) as blob:
        blob.finish()
    assert objects.found[key][0] == b"abcd"


@pytest.fixture
def lost_answers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lose the answer to what completes an upload; then say, as MinIO does, that it is over."""
    send, seen = URLLib3Session.send, []

    def losing(session: Any, request: Any) -> Any:
        answer = send(session, request)
        if request.method == "POST" and "uploadId=" in request.url:
            seen.append(answer.status_code)
            if len(seen) == 1:
                raise ReadTimeoutError(endpoint_url="")
            answer.status_code = 404
            answer._content = b"<Error><Code>NoSuchUpload</Code></Error>"
        return answer

    monkeypatch.setattr(URLLib3Session, "send", losing)
    return seen


def test_an_upload_whose_last_answer_was_lost_is_whole(
    moto: str, lost_answers: list[int], tmp_path: Path
):
    storage = open_storage(s3_url(moto, make_s3_bucket(moto), "p"), FileLocks(tmp_path))

    key = keep(storage, b"x" * (20 * MIB))

    assert storage.size(key) == 20 * MIB
    assert len(lost_answers) == 2


def test_a_join_whose_answer_was_lost_is_whole(moto: str, lost_answers: list[int], tmp_path: Path):
    storage = open_storage(s3_url(moto, make_s3_bucket(moto), "p"), FileLocks(tmp_path))
    key = new_key()

    with going_on(storage, key, 0) as blob:
        for _ in range(20):
            blob.write(b"x" * MIB)
        blob.finish()

    assert storage.size(key) == 20 * MIB
    assert len(lost_answers) == 2
