"""Large files through a server to and from a bucket: little memory, and nearly its own speed."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from buckets import make_s3_bucket, s3_client, s3_url
from conftest import RunningServer, linux_only
from wire import curl

pytestmark = linux_only

Start = Callable[..., RunningServer]
MIB = 2**20
# What a transfer may take beyond what the server takes anyway.
MEMORY_BYTES = 40 * MIB


@pytest.fixture
def server(start_server: Start, swift: str) -> RunningServer:
    url = s3_url(swift, make_s3_bucket(swift), "files")
    return start_server("--workers", "1", storage_url=url, max_file_size="4GiB")


def file_of(folder: Path, size_mib: int) -> Path:
    path = folder / "source.bin"
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for _ in range(size_mib):
            file.write(block)
    return path


def worker_of(server: RunningServer) -> int:
    pid = server.process.pid
    [worker] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(worker)


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    """Yield the most resident memory that a process had within the block, once it is over."""
    most, is_over = [resident(pid)], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            most[0] = max(most[0], resident(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        is_over.set()
        thread.join()


def upload(server: RunningServer, source: Path) -> str:
    answer = curl("-T", source, f"{server.url}/a.bin")
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def download(link: str, target: Path) -> None:
    assert curl("-o", target, link).returncode == 0


def warm_up(server: RunningServer, folder: Path) -> None:
    """Let the server load what every transfer needs."""
    small = folder / "small.bin"
    small.write_bytes(b"hello")
    download(upload(server, small), small)


@pytest.mark.parametrize(
    "size_mib", [128, pytest.param(2048, marks=pytest.mark.torture)], ids=["128 MiB", "2 GiB"]
)
def test_a_large_file_takes_little_memory_both_ways(
    server: RunningServer, tmp_path: Path, size_mib: int
):
    source, target = file_of(tmp_path, size_mib), tmp_path / "target.bin"
    worker = worker_of(server)
    warm_up(server, tmp_path)
    before = resident(worker)

    with watched(worker) as uploading:
        link = upload(server, source)
    with watched(worker) as downloading:
        download(link, target)

    print(
        f"up +{(uploading[0] - before) / MIB:.0f} MiB, down +{(downloading[0] - before) / MIB:.0f}"
    )
    assert uploading[0] - before < MEMORY_BYTES
    assert downloading[0] - before < MEMORY_BYTES
    assert subprocess.run(["cmp", source, target], check=False).returncode == 0


@pytest.mark.torture
def test_a_large_file_is_nearly_as_fast_as_between_the_bucket_and_its_own_client(
    server: RunningServer, swift: str, tmp_path: Path
):
    source, target = file_of(tmp_path, 1024), tmp_path / "target.bin"
    client, bucket = s3_client(swift), make_s3_bucket(swift)
    boto3 = boto3_client(swift)

    def read() -> None:
        body = client.get_object(Bucket=bucket, Key="a.bin")["Body"]
        with target.open("wb") as file:
            while block := body.read(MIB):
                file.write(block)

    ups, downs = [], []
    for _ in range(5):
        link = ""

        def send() -> None:
            nonlocal link
            link = upload(server, source)

        theirs = seconds(lambda: boto3.upload_file(str(source), bucket, "a.bin"))
        ups.append(theirs / seconds(send))
        theirs = seconds(read)
        downs.append(theirs / seconds(lambda link=link: download(link, target)))

    print(f"uploads {median(ups):.2f} × boto3, downloads {median(downs):.2f} ×: {ups}, {downs}")
    assert median(ups) >= 0.9
    assert median(downs) >= 0.9


def seconds(work: Callable[[], Any]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def boto3_client(endpoint: str) -> Any:
    import boto3
    from botocore.config import Config
    from buckets import SWIFT_KEY, SWIFT_SECRET

    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=SWIFT_KEY, aws_secret_access_key=SWIFT_SECRET,
        config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
