"""kill -9: what a sender was told is there is there, and a purge cleans up the rest."""

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import RunningServer, dispose
from crash.checking import Digests, digest, find_damage
from wire import connect, eventually, get, head, kept, put, read_answer

from minifile import create_app

StartServer = Callable[..., RunningServer]
TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("scenario", ["upload", "purge", "resume"])
def test_a_crash_at_any_step_loses_nothing_and_leaves_only_what_a_purge_cleans(
    tmp_path: Path, scenario: str
):
    environment = {
        **os.environ,
        "MINIFILE_INSTANCE_PATH": str(tmp_path),
        "MINIFILE_KEEP_FREE": "0",
        "MINIFILE_RATE_UPLOADS": "off",
    }

    swept = subprocess.run(
        [sys.executable, "-m", "crash.sweep", scenario],
        cwd=TESTS, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert swept.returncode == 0, swept.stderr
    found = json.loads(swept.stdout.splitlines()[-1])
    assert found["damage"] == []
    assert found["steps"] > 20, "the sweep saw no steps"
    if scenario == "upload":
        # It was killed before, within and after the stretch that matters.
        assert found["orphans"] > 5
        assert found["acknowledged"] >= 1


def test_uploads_that_are_cut_by_a_kill_leave_only_what_a_purge_cleans(start_server: StartServer):
    server = start_server("--workers", "2")
    path = put(server, b"acknowledged")
    with connect(server) as raw, connect(server) as form:
        raw.sendall(head(server, "PUT /a.bin", "Content-Length: 5000000") + bytes(2_000_000))
        form.sendall(form_head(server, 5_000_000) + form_part(bytes(10)) + form_part(bytes(10**6)))
        eventually(lambda: len(kept(server)[1]) == 4)
        server.kill()

    found = server.run("fsck")
    purged, clean = server.run("purge"), server.run("fsck", "--digests")

    assert found.returncode == 1
    assert {line.split(":")[0] for line in found.stdout.splitlines()[:-1]} == {"orphan blob"}
    assert purged.stdout == "Purged 0 links (0 B) and 0 partial uploads, swept 3 orphan blobs.\n"
    assert (clean.returncode, clean.stdout) == (0, "Found 0 faults.\n")
    again = start_server("--workers", "1")
    assert get(again, path).body == b"acknowledged"


@pytest.mark.parametrize(
    "rounds", [pytest.param(4, id="short"), pytest.param(60, marks=pytest.mark.torture, id="long")]
)
def test_kills_at_random_moments_never_break_what_was_acknowledged(
    start_server: StartServer, tmp_path: Path, rounds: int
):
    chance = random.Random(rounds)
    promised: dict[str, Digests] = {}
    for _ in range(rounds):
        server = start_server("--workers", "2", rate_uploads="off")
        through, *others = [begin_upload(server, chance, whole=n == 0) for n in range(12)]
        with through.connection:
            promised[code_in(read_answer(through.connection).text)] = through.digests
        server.kill()
        promised |= {code: each.digests for each in others for code in acknowledged(each)}

        app = create_app({"instance_path": server.instance_path, "keep_free": 0})
        damage = find_damage(app, promised, now=datetime.now(UTC))
        dispose(app)

        assert damage == []
    assert len(promised) >= rounds


@dataclass(frozen=True)
class Running:
    """An upload of which some part has been sent."""

    connection: socket.socket
    digests: Digests


def begin_upload(server: RunningServer, chance: random.Random, *, whole: bool) -> Running:
    """Send a PUT or a form, whole or, two times out of three, up to a random byte."""
    contents = [chance.randbytes(chance.randrange(300_000)) for _ in range(2)]
    if chance.random() < 0.5:
        del contents[1]
        data = head(server, "PUT /a.bin", f"Content-Length: {len(contents[0])}") + contents[0]
    else:
        body = b"".join(map(form_part, contents)) + b"--limit--\r\n"
        data = form_head(server, len(body)) + body
    sent = len(data) if whole or chance.random() < 0.35 else chance.randrange(1, len(data))
    connection = connect(server)
    connection.sendall(data[:sent])
    return Running(connection, [digest(content) for content in contents])


def acknowledged(upload: Running) -> list[str]:
    """Return the code in the answer, if the whole answer came before the kill."""
    answer = b""
    with upload.connection as connection, suppress(ConnectionError):
        while chunk := connection.recv(65_536):
            answer += chunk
    _, _, body = answer.partition(b"\r\n\r\n")
    is_whole = answer.startswith(b"HTTP/1.1 200 ") and body.endswith(b"\n")
    return [code_in(body.decode())] if is_whole else []


def code_in(short_link: str) -> str:
    return short_link.strip().rpartition("/")[2]


def form_head(server: RunningServer, size_bytes: int) -> bytes:
    kind = "Content-Type: multipart/form-data; boundary=limit"
    return head(server, "POST /", kind, f"Content-Length: {size_bytes}")


def form_part(content: bytes) -> bytes:
    disposition = b'Content-Disposition: form-data; name="file"; filename="a.bin"'
    return b"--limit\r\n" + disposition + b"\r\n\r\n" + content + b"\r\n"
