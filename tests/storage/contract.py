"""What every storage promises (`minifile.storage`); each backend's test inherits this class."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from minifile.codes import new_key
from minifile.errors import BlobHeld, BlobMissing, StorageUnavailable
from minifile.storage import PartialBlob, Storage
from minifile.values import Chunk, Span


@contextmanager
def going_on(storage: Storage, key: str, offset: int) -> Iterator[PartialBlob]:
    """Hold a partial blob to write at an offset, as a service does."""
    with storage.appending(key, begins=offset == 0) as blob:
        blob.cut_to(offset)
        yield blob


class BodyCut(Exception):
    """What a body raises when the sender goes away."""


def broken(*chunks: bytes, error: type[BaseException] = BodyCut) -> Iterator[Chunk]:
    yield from chunks
    raise error


def keep(storage: Storage, content: bytes, key: str | None = None) -> str:
    """Store a blob as a finished upload does, and return its key."""
    key = key or new_key()
    upload(storage, (key, [content]), keep=True)
    return key


def upload(
    storage: Storage,
    *files: tuple[str, Iterable[Chunk]],
    keep: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Put files in one batch; what happens `meanwhile`, before its end, may raise."""
    with storage.batch() as batch:
        for key, chunks in files:
            batch.put(key, chunks)
        if keep:
            batch.keep()
        meanwhile()


def cut() -> None:
    raise BodyCut


def keys(storage: Storage) -> list[str]:
    return sorted(blob.key for blob in storage.blobs())


class StorageContract:
    """Give it a fixture `storage`: an empty one."""

    @pytest.mark.parametrize(
        "chunks",
        [
            pytest.param([], id="no-chunk"),
            pytest.param([b""], id="empty-chunk"),
            pytest.param([b"hello"], id="one-chunk"),
            pytest.param([b"a" * 300_000, b"", b"b" * 5], id="several-chunks"),
            pytest.param([memoryview(b"hello")[1:4]], id="a-view"),
        ],
    )
    def test_what_was_put_is_read_back(self, storage: Storage, chunks: list[Chunk]) -> None:
        key = new_key()

        upload(storage, (key, iter(chunks)), keep=True)

        with storage.open(key) as blob:
            assert blob.read() == b"".join(chunks)

    def test_a_blob_can_be_read_from_any_byte(self, storage: Storage) -> None:
        key = keep(storage, b"0123456789")

        with storage.open(key) as blob:
            blob.seek(-3, io.SEEK_END)

            assert blob.read(2) == b"78"

    def test_the_size_is_the_number_of_bytes(self, storage: Storage) -> None:
        assert storage.size(keep(storage, b"x" * 70_000)) == 70_000

    def test_a_missing_blob_can_not_be_opened(self, storage: Storage) -> None:
        with pytest.raises(BlobMissing):
            storage.open(new_key())

    def test_a_missing_blob_has_no_size(self, storage: Storage) -> None:
        with pytest.raises(BlobMissing):
            storage.size(new_key())

    def test_a_batch_that_is_not_kept_leaves_nothing(self, storage: Storage) -> None:
        key = new_key()

        upload(storage, (key, [b"hello"]))

        assert keys(storage) == []
        with pytest.raises(BlobMissing):
            storage.size(key)

    def test_a_batch_that_fails_leaves_nothing(self, storage: Storage) -> None:
        with pytest.raises(BodyCut):
            upload(storage, (new_key(), [b"one"]), (new_key(), [b"two"]), meanwhile=cut)

        assert keys(storage) == []

    def test_a_kept_batch_stays_when_it_ends_with_an_error(self, storage: Storage) -> None:
        key = new_key()

        with pytest.raises(BodyCut):
            upload(storage, (key, [b"hello"]), keep=True, meanwhile=cut)

        assert storage.size(key) == 5

    @pytest.mark.parametrize("error", [BodyCut, KeyboardInterrupt, SystemExit])
    def test_a_body_that_breaks_off_leaves_nothing_and_its_error_goes_on(
        self, storage: Storage, error: type[BaseException]
    ) -> None:
        with storage.batch() as batch:
            with pytest.raises(error):
                batch.put(new_key(), broken(b"x" * 300_000, error=error))

            assert keys(storage) == []

    def test_a_broken_file_takes_the_files_before_it_along(self, storage: Storage) -> None:
        with pytest.raises(BodyCut):
            upload(storage, (new_key(), [b"whole"]), (new_key(), broken(b"half")))

        assert keys(storage) == []

    def test_two_uploads_at_once_do_not_touch_each_other(self, storage: Storage) -> None:
        alices, bobs = new_key(), new_key()

        with storage.batch() as alice:
            alice.put(alices, [b"alice"])
            with pytest.raises(BodyCut):
                upload(storage, (bobs, [b"bob"]), meanwhile=cut)
            alice.keep()

        assert keys(storage) == [alices]

    def test_a_deleted_blob_is_gone(self, storage: Storage) -> None:
        key, other = keep(storage, b"hello"), keep(storage, b"stays")

        storage.delete(key)

        assert keys(storage) == [other]
        with pytest.raises(BlobMissing):
            storage.open(key)

    def test_deleting_twice_is_no_error(self, storage: Storage) -> None:
        key = keep(storage, b"hello")

        storage.delete(key)
        storage.delete(key)

        assert keys(storage) == []

    def test_what_was_opened_never_ends_early_without_an_error_when_it_is_deleted(
        self, storage: Storage
    ) -> None:
        key = keep(storage, b"x" * 1_000_000)

        with storage.open(key) as blob:
            start = blob.read(10)
            storage.delete(key)
            try:
                rest = blob.read()
            except OSError:
                return

        assert start + rest == b"x" * 1_000_000

    def test_every_blob_is_listed_with_size_and_age(self, storage: Storage) -> None:
        expected = {keep(storage, b"x" * size): size for size in (0, 1, 5000)}

        listed = list(storage.blobs())

        assert {blob.key: blob.size_bytes for blob in listed} == expected
        assert not any(blob.partial for blob in listed)
        assert all(
            abs(datetime.now(UTC) - blob.modified_at) < timedelta(minutes=5) for blob in listed
        )

    def test_an_upload_is_being_written_until_its_batch_ends(self, storage: Storage) -> None:
        key = new_key()
        seen = []

        def chunks() -> Iterator[Chunk]:
            yield b"x" * 300_000
            seen.append(storage.is_being_written(key))

        with storage.batch() as batch:
            batch.put(key, chunks())
            seen.append(storage.is_being_written(key))
            batch.keep()
            seen.append(storage.is_being_written(key))
        seen.append(storage.is_being_written(key))

        assert seen == [True, True, True, False]

    def test_a_key_that_was_never_used_is_not_being_written(self, storage: Storage) -> None:
        assert storage.is_being_written(new_key()) is False

    def test_free_space_is_a_number_of_bytes_or_unknown(self, storage: Storage) -> None:
        free_bytes = storage.free_bytes()

        assert free_bytes is None or free_bytes > 0

    def test_the_check_passes_and_leaves_nothing(self, storage: Storage) -> None:
        storage.check()

        assert keys(storage) == []

    @pytest.mark.parametrize("is_known", [True, False], ids=["known size", "unknown size"])
    def test_a_large_blob_is_read_back(self, storage: Storage, is_known: bool) -> None:
        chunks = [bytes([number]) * 700_001 for number in range(30)]
        size_bytes = sum(map(len, chunks))
        key = new_key()

        with storage.batch() as batch:
            batch.put(key, iter(chunks), size_bytes=size_bytes if is_known else None)
            batch.keep()

        assert storage.size(key) == size_bytes
        with storage.open(key, Span(size_bytes - 10, size_bytes)) as blob:
            blob.seek(size_bytes - 10)
            assert blob.read(10) == chunks[-1][-10:]
        with storage.open(key) as blob:
            assert blob.read() == b"".join(chunks)

    def test_a_large_partial_blob_grows_in_many_goes(self, storage: Storage) -> None:
        key, whole = new_key(), b""
        for number, size_bytes in enumerate([1, 2, 3_000_000, 4, 18_000_000, 5, 6, 2_500_000]):
            part = bytes([number]) * size_bytes
            with going_on(storage, key, len(whole)) as blob:
                for start in range(0, size_bytes, 1_000_000):
                    blob.write(part[start : start + 1_000_000])
                head = blob.head(20)
            whole += part
            assert head == whole[:20]

        with going_on(storage, key, len(whole)) as blob:
            blob.finish()

        assert [(each.size_bytes, each.partial) for each in storage.blobs()] == [
            (len(whole), False)
        ]
        with storage.open(key) as found:
            assert found.read() == whole

    def test_a_partial_blob_grows_in_several_goes(self, storage: Storage) -> None:
        key = new_key()

        with going_on(storage, key, 0) as blob:
            blob.write(b"hello ")
            blob.sync()
        with going_on(storage, key, 6) as blob:
            blob.write(memoryview(b"world"))
            size_bytes, head = blob.size_bytes, blob.head(8)
            blob.finish()

        with storage.open(key) as found:
            assert found.read() == b"hello world"
        assert (size_bytes, head) == (11, b"hello wo")

    def test_what_lies_beyond_the_offset_is_cut_off(self, storage: Storage) -> None:
        key = new_key()
        with going_on(storage, key, 0) as blob:
            blob.write(b"hello")

        with going_on(storage, key, 2) as blob:
            blob.write(b"y")
            blob.finish()

        with storage.open(key) as found:
            assert found.read() == b"hey"

    def test_nothing_is_cut_off_by_who_only_holds_it(self, storage: Storage) -> None:
        key = new_key()
        with going_on(storage, key, 0) as blob:
            blob.write(b"hello")

        with storage.appending(key, begins=True):
            pass

        with going_on(storage, key, 5) as blob:
            assert blob.head(9) == b"hello"

    @pytest.mark.parametrize("finishes", [False, True], ids=["partial", "finished"])
    def test_what_is_discarded_leaves_nothing(self, storage: Storage, finishes: bool) -> None:
        with going_on(storage, new_key(), 0) as blob:
            blob.write(b"hello")
            if finishes:
                blob.finish()
            blob.discard()

        assert keys(storage) == []

    def test_what_was_written_stays_when_the_block_fails(self, storage: Storage) -> None:
        key = new_key()

        def fail() -> None:
            with going_on(storage, key, 0) as blob:
                blob.write(b"hello")
                cut()

        with pytest.raises(BodyCut):
            fail()

        with going_on(storage, key, 5) as blob:
            assert blob.size_bytes == 5

    def test_nothing_can_go_on_beyond_its_end(self, storage: Storage) -> None:
        key = new_key()
        with going_on(storage, key, 0) as blob:
            blob.write(b"hello")

        for missing, offset in ((key, 6), (new_key(), 1)):
            with (
                pytest.raises((BlobMissing, StorageUnavailable)),
                going_on(storage, missing, offset),
            ):
                pass

    def test_a_partial_blob_has_one_writer(self, storage: Storage) -> None:
        key = new_key()

        with going_on(storage, key, 0) as blob:
            blob.write(b"hello")
            with pytest.raises(BlobHeld), going_on(storage, key, 5):
                pass
            during = storage.is_being_written(key)

        assert (during, storage.is_being_written(key)) == (True, False)

    def test_a_blob_can_be_finished_again(self, storage: Storage) -> None:
        key = new_key()
        with going_on(storage, key, 0) as blob:
            blob.write(b"hello")
            blob.finish()

        with going_on(storage, key, 5) as blob:
            blob.finish()
            during = storage.is_being_written(key)

        assert during
        assert storage.size(key) == 5

    def test_a_finished_blob_never_changes(self, storage: Storage) -> None:
        key = keep(storage, b"hello")

        for offset in (0, 3, 6):
            with pytest.raises(BlobMissing), going_on(storage, key, offset):
                pass

        assert storage.size(key) == 5

    def test_an_empty_partial_blob_leaves_nothing(self, storage: Storage) -> None:
        with going_on(storage, new_key(), 0):
            pass

        assert keys(storage) == []

    def test_an_empty_blob_can_be_finished(self, storage: Storage) -> None:
        key = new_key()

        with going_on(storage, key, 0) as blob:
            blob.finish()

        assert storage.size(key) == 0

    def test_a_partial_blob_is_listed_and_can_be_deleted(self, storage: Storage) -> None:
        key = new_key()
        with going_on(storage, key, 0) as blob:
            blob.write(b"hello")

        [listed] = storage.blobs()
        storage.delete(key)

        assert (listed.key, listed.size_bytes, listed.partial) == (key, 5, True)
        assert keys(storage) == []
