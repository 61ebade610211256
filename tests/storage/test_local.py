"""Blobs in a folder: what local storage promises beyond the contract."""

import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import skip_or_fail
from storage.contract import StorageContract, keep, keys

from minifile.codes import new_key
from minifile.errors import StorageFull, StorageUnavailable
from minifile.storage import open_storage
from minifile.storage.local import LocalStorage
from minifile.storage.locks import FileLocks
from minifile.values import Chunk

KEY = "ab" + "0" * 30
# Holds one whole and one half blob until it is killed.
UPLOADER = """
import sys
from minifile.storage.local import LocalStorage
from minifile.storage.locks import FileLocks

def half():
    yield b"half"
    print("holding", flush=True)
    sys.stdin.read()

with LocalStorage(sys.argv[1]).batch() as batch:
    batch.put(sys.argv[2], [b"whole"])
    batch.put(sys.argv[3], half())
"""


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "uploads")


class TestLocalStorage(StorageContract):
    """The contract, kept by a folder."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], LocalStorage]]:
    """Mount a tiny memory disk with the given options and open a storage on it."""
    folder = tmp_path / "small"
    folder.mkdir()

    def mount(options: str) -> LocalStorage:
        command = ["mount", "-t", "tmpfs", "-o", options, "minifile-test", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            skip_or_fail("needs the right to mount a tmpfs: run it as root, outside a container")
        return LocalStorage(folder / "uploads")

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def dead_upload(storage: LocalStorage) -> Iterator[tuple[str, str, "subprocess.Popen[str]"]]:
    """Another process in the middle of an upload: keys of a whole and a half blob, and it."""
    whole, half = new_key(), new_key()
    process = subprocess.Popen(
        [sys.executable, "-c", UPLOADER, str(storage.root), whole, half],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    with process:
        yield whole, half, process
        process.kill()


def test_a_storage_url_names_the_folder(tmp_path: Path):
    storage = open_storage(f"file:{tmp_path}/blobs", FileLocks(tmp_path))

    key = keep(storage, b"hello")

    assert (tmp_path / "blobs" / key[:2] / key).read_bytes() == b"hello"


def test_blobs_are_readable_by_their_owner_only(storage: LocalStorage):
    mode = storage.path(keep(storage, b"hello")).stat().st_mode

    assert stat.S_IMODE(mode) == 0o600


def test_bytes_are_durable_before_their_name_is(
    storage: LocalStorage, steps: list[str], tmp_path: Path
):
    keep(storage, b"makes the folder", "ab" + "1" * 30)
    steps.clear()

    keep(storage, b"hello", KEY)

    assert steps == ["sync file", "rename", "sync folder"]


def test_a_new_folder_is_durable_before_a_blob_relies_on_it(
    storage: LocalStorage, steps: list[str]
):
    storage.root.mkdir()

    keep(storage, b"hello", KEY)

    assert steps == ["sync folder", "sync file", "rename", "sync folder"]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done for durability, in order."""
    seen: list[str] = []
    sync, rename = os.fsync, os.rename

    def noting_sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        seen.append("sync folder" if is_folder else "sync file")
        sync(descriptor)

    def noting_rename(source: Path, target: Path) -> None:
        seen.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noting_sync)
    monkeypatch.setattr(os, "rename", noting_rename)
    return seen


def test_a_full_disk_is_said_and_leaves_nothing(small_disk: Callable[[str], LocalStorage]):
    storage = small_disk("size=1m")
    kept = keep(storage, b"x" * 100_000)

    with pytest.raises(StorageFull), storage.batch() as batch:
        batch.put(new_key(), [b"x" * 65_536] * 100)

    assert keys(storage) == [kept]


def test_a_disk_without_room_for_a_folder_is_full_too(
    small_disk: Callable[[str], LocalStorage],
):
    storage = small_disk("size=1m,nr_inodes=4")
    keep(storage, b"", KEY)

    with pytest.raises(StorageFull), storage.batch() as batch:
        batch.put("cd" + "0" * 30, [b"hello"])

    assert keys(storage) == [KEY]


def test_a_blob_larger_than_files_may_be_leaves_nothing(storage: LocalStorage):
    with largest_file(100_000), pytest.raises(StorageFull), storage.batch() as batch:
        batch.put(new_key(), [b"x" * 65_536] * 10)

    assert keys(storage) == []


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_folder_that_can_not_be_made_is_unavailable(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(StorageUnavailable):
        LocalStorage(tmp_path / "file" / "uploads").check()


def test_an_upload_of_another_process_is_being_written_until_it_is_killed(
    storage: LocalStorage, dead_upload: tuple[str, str, "subprocess.Popen[str]"]
):
    whole, half, process = dead_upload

    before = [storage.is_being_written(key) for key in (whole, half)]
    process.kill()
    process.wait()
    after = [storage.is_being_written(key) for key in (whole, half)]

    assert (before, after) == ([True, True], [False, False])


def test_what_a_killed_upload_left_is_listed_and_can_be_deleted(
    storage: LocalStorage, dead_upload: tuple[str, str, "subprocess.Popen[str]"]
):
    whole, half, process = dead_upload
    process.kill()
    process.wait()

    left = {blob.key: blob.partial for blob in storage.blobs()}
    for key in left:
        storage.delete(key)

    assert left == {whole: False, half: True}
    assert not [path for path in storage.root.rglob("*") if path.is_file()]


def test_deleting_a_partial_blob_that_is_held_leaves_it(
    storage: LocalStorage, dead_upload: tuple[str, str, "subprocess.Popen[str]"]
):
    _, half, _ = dead_upload

    storage.delete(half)

    assert half in keys(storage)


@pytest.mark.parametrize("look", [1, 2], ids=["before-the-first-look", "between-the-looks"])
def test_an_upload_that_takes_its_final_name_meanwhile_is_still_seen(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, look: int
):
    """A sweep that misses it here deletes the bytes of a link that is just being made."""
    upload = PausedUpload(storage)
    open_file, looks = os.open, iter(range(1, 100))

    def let_rename_then_open(path: Path, flags: int) -> int:
        if threading.current_thread() is not upload and next(looks) == look:
            upload.rename()
        return open_file(path, flags)

    with upload.running(), monkeypatch.context() as patch:
        patch.setattr(os, "open", let_rename_then_open)
        seen = storage.is_being_written(KEY)

    assert seen


class PausedUpload(threading.Thread):
    """An upload that waits with a partial blob, and again with a whole one not yet kept."""

    def __init__(self, storage: LocalStorage) -> None:
        super().__init__()
        self._storage = storage
        self._begun, self._go_on = threading.Event(), threading.Event()
        self._renamed, self._over = threading.Event(), threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        self.start()
        self._begun.wait()
        yield
        self.rename()
        self._over.set()
        self.join()

    def rename(self) -> None:
        self._go_on.set()
        self._renamed.wait()

    def run(self) -> None:
        with self._storage.batch() as batch:
            batch.put(KEY, self._chunks())
            self._renamed.set()
            self._over.wait()

    def _chunks(self) -> Iterator[Chunk]:
        yield b"hello"
        self._begun.set()
        self._go_on.wait()


def test_what_others_put_beside_the_blobs_is_left_alone(storage: LocalStorage):
    key = keep(storage, b"hello")
    foreign = [storage.root / "lost+found" / "#12", storage.root / key[:2] / ".nfs0001"]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.touch()

    assert keys(storage) == [key]
