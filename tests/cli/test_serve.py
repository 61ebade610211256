"""`minifile serve`: how it starts, what it logs, how it stops."""

import hashlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Run
from conftest import RunningServer
from wire import ask, connect, eventually, get, head, kept, put

StartServer = Callable[..., RunningServer]
SIZE = 32 * 2**20


def test_an_empty_instance_is_set_up_and_served(start_server: StartServer):
    server = start_server("--workers", "1")

    ready = get(server, "/readyz")

    assert (ready.status, json.loads(ready.body)["problems"]) == (200, [])
    assert (server.instance_path / "minifile.sqlite").exists()
    assert "Traceback" not in server.log()


def test_a_second_start_keeps_what_the_first_received(start_server: StartServer):
    first = start_server("--workers", "1")
    path = put(first, b"hello")
    assert first.stop() == 0

    second = start_server("--workers", "1")

    assert get(second, path).body == b"hello"


@pytest.mark.postgres
def test_an_external_database_without_migrations_is_refused(run: Run, postgres_url: str):
    done = run("serve", database_url=postgres_url, secret_key="a key that only tests use")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "The database lacks migrations. Run: minifile db upgrade\n"


@pytest.mark.parametrize("command", ["serve", "stats"])
def test_settings_that_can_not_be_used_are_said_in_sentences(run: Run, command: str):
    done = run(command, max_file_size="huge", code_lenght="12")

    assert done.returncode == 1
    assert done.stderr == (
        "The settings can't be used:\n"
        "- MINIFILE_CODE_LENGHT is no setting; did you mean CODE_LENGTH?\n"
        "- MAX_FILE_SIZE: 'huge' is no size; write it like 500MiB or 2GiB\n"
    )


def test_a_stop_lets_a_running_download_end(start_server: StartServer):
    server = start_server("--workers", "2")
    content = os.urandom(2**20) * (SIZE // 2**20)
    path = put(server, content)

    with connect(server, receive_buffer=65_536) as connection:
        connection.sendall(head(server, f"GET {path}/a.bin", "Connection: close"))
        received = connection.recv(65_536)
        server.process.terminate()
        received += read_to_end(connection)

    _, _, body = received.partition(b"\r\n\r\n")
    assert hashlib.sha256(body).digest() == hashlib.sha256(content).digest()
    assert server.stop() == 0


def test_a_stop_lets_a_running_upload_end(start_server: StartServer):
    server = start_server("--workers", "2")
    content = os.urandom(2**20)

    with connect(server) as connection:
        length = f"Content-Length: {len(content)}"
        connection.sendall(head(server, "PUT /a.bin", length, "Connection: close"))
        connection.sendall(content[:1000])
        wait_for_partial_blob(server)
        server.process.terminate()
        connection.sendall(content[1000:])
        answer = read_to_end(connection)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert server.stop() == 0
    assert server.run("fsck", "--digests").stdout == "Found 0 faults.\n"
    assert kept(server)[0] == [(1, 1)]


@pytest.mark.parametrize("workers", ["1", "4"])
def test_a_stop_right_after_the_start_is_obeyed(start_server: StartServer, workers: str):
    """Its workers are being started then, and must not miss it."""
    for _ in range(3):
        server = start_server("--workers", workers)

        assert server.stop() == 0


def test_a_stop_does_not_wait_for_longer_than_the_setting(start_server: StartServer):
    server = start_server("--workers", "1", stop_timeout="1s")
    path = put(server, bytes(SIZE))

    with connect(server, receive_buffer=65_536) as connection:
        connection.sendall(head(server, f"GET {path}/a.bin"))
        connection.recv(1)

        assert server.stop() == 0


def test_the_log_tells_routes_and_ids_but_no_code_token_or_name(start_server: StartServer):
    server = start_server("--workers", "1")
    link = upload(server, "secret name.txt")
    for path in (f"/{link['code']}", f"/{link['code']}/secret%20name.txt", "/unknowncode",
                 f"/links/{link['code']}/{link['owner_token']}", f"/{link['code']}.zip?a=query",
                 "/no/such/secret%20name.txt"):  # fmt: skip
        get(server, path, Authorization="Basic OnBhc3N3b3Jk", Referer="http://referer.example/")
    malformed = [f"GET /{link['code']}/secret name.txt", f"G@T /{link['code']}", f"/{link['code']}"]
    for line in malformed:
        ask(server, head(server, line))
    server.stop()

    log = server.log()
    assert '- "GET /<code:code>" link=1 200 ' in log
    assert '- "PUT /<filename>" link=1 201 ' in log
    hidden = [link["code"], link["owner_token"], "secret", "unknowncode", "query", "referer"]
    hidden += ["password", "OnBhc3N3b3Jk", "ip="]
    assert "Invalid request\n" in log
    assert [word for word in hidden if word in log] == []


def test_a_damaged_blob_is_logged_without_the_code(start_server: StartServer):
    server = start_server("--workers", "1")
    link = upload(server, "secret name.txt")
    for path in (server.instance_path / "uploads").rglob("*"):
        if path.is_file():
            path.unlink()

    answer = get(server, f"/{link['code']}")
    server.stop()

    assert answer.status == 500
    assert b"uploads" not in answer.body
    assert "link 1: " in server.log()
    assert link["code"] not in server.log()


def test_nothing_is_left_in_the_home_folder(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home))

    server = start_server("--workers", "1")
    put(server, b"hello")

    assert list(home.rglob("*")) == []
    assert not [path for path in server.instance_path.rglob("*") if path.is_socket()]


def upload(server: RunningServer, filename: str) -> dict[str, Any]:
    """Upload five bytes and return what the JSON answer says of the link."""
    name = filename.replace(" ", "%20")
    request = head(server, f"PUT /{name}", "Accept: application/json", "Content-Length: 5")
    answer = ask(server, request + b"hello")
    assert answer.status == 201, answer.text
    found: dict[str, Any] = json.loads(answer.body)
    return found


def read_to_end(connection: socket.socket) -> bytes:
    received = bytearray()
    while chunk := connection.recv(2**20):
        received += chunk
    return bytes(received)


def wait_for_partial_blob(server: RunningServer) -> None:
    eventually(lambda: any((server.instance_path / "uploads").rglob("*.part")))


def test_a_taken_port_is_said_in_one_sentence(run: Run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", "--port", str(taken.getsockname()[1]))

    assert done.returncode == 1
    assert "can't be used: Address already in use. Try another --host or --port" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_an_instance_keeps_is_for_its_own_user_only(start_server: StartServer):
    server = start_server("--workers", "1")
    put(server, b"alpha")

    open_to_others = [
        str(path) for path in server.instance_path.rglob("*") if path.stat().st_mode & 0o077
    ]

    assert open_to_others == []
