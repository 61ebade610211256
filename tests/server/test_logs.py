"""The log of a real server as JSON: every line an object, with the id of its request."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

from conftest import RunningServer, linux_only
from wire import ask, connect, eventually, get, head, put, read_answer

StartServer = Callable[..., RunningServer]
LARGE = os.urandom(2**20) * 4
NAME = "a.bin"

pytestmark = linux_only


def lines(server: RunningServer) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log().splitlines()]


def line_of(server: RunningServer, request_id: str | None, **wanted: object) -> dict[str, Any]:
    """Wait for the line of a request, and return it; there is one."""

    def found() -> list[dict[str, Any]]:
        return [
            line
            for line in lines(server)
            if line.get("request_id") == request_id and wanted.items() <= line.items()
        ]

    eventually(lambda: bool(found()))
    [line] = found()
    return line


def test_every_line_is_json_and_names_its_request(start_server: StartServer):
    server = start_server("--workers", "1", log_format="json", keep_addresses="on")
    small, large = put(server, b"hello"), put(server, LARGE)
    for path in (server.instance_path / "uploads").rglob("*"):
        if path.is_file() and path.stat().st_size == len(LARGE):
            os.truncate(path, 2**20)

    fast = get(server, small)
    slow = get(server, small, **{"X-Any": "header"})
    unknown = get(server, "/neverwas00/secret-name.txt", **{"X-Request-ID": "said-by-a-visitor"})
    ask(server, head(server, f"G@T {small}"))
    with connect(server, receive_buffer=4096) as connection:
        connection.sendall(head(server, f"GET {large}/{NAME}", "Connection: close"))
        broken = connection.makefile("rb").read().decode("latin-1")

    for answer, route, status, size in (
        (fast, "/<code:code>", 200, 5),
        (slow, "/<code:code>", 200, 5),
        (unknown, "/<code:code>/<path:filename>", 404, len(unknown.body)),
    ):
        line = line_of(server, answer.headers["X-Request-ID"])
        assert (line["method"], line["route"], line["status"]) == ("GET", route, status)
        assert (line["sent_bytes"], line["address"]) == (size, "127.0.0.1")
        assert line["seconds"] > 0
        assert line["logger"] == "gunicorn.access"
    # What another thread says of an answer is of the same request.
    request_id = re.search(r"X-Request-ID: (\w+)", broken)[1]
    line = line_of(server, request_id, level="warning")
    assert "shorter than its row says" in line["message"]
    assert line_of(server, request_id, logger="gunicorn.access")["link_id"] == 2
    # What can't be understood has no id, and not that of the request before it.
    eventually(lambda: "Invalid request" in server.log())
    [refused] = [line for line in lines(server) if "Invalid request" in line.get("message", "")]
    assert "request_id" not in refused
    server.stop()
    assert all({"message", "route"} & line.keys() or "status" in line for line in lines(server))
    hidden = [small.strip("/"), large.strip("/"), "neverwas00", "secret-name", "said-by-a-visitor"]
    assert [word for word in hidden if word in server.log()] == []


def test_an_error_is_one_line_with_its_trace_and_the_id_that_the_page_names(
    start_server: StartServer,
):
    server = start_server("--workers", "1", log_format="json")
    path = put(server, b"hello")
    for blob in (server.instance_path / "uploads").rglob("*"):
        if blob.is_file():
            blob.unlink()

    page = get(server, path, Accept="application/json, */*", **{"X-Any": "header"})
    failed = get(server, f"{path}/{NAME}", Range="bytes=0-1")

    assert page.status == 200
    assert failed.status == 500
    named = re.search(r"\(request (\w+)\)", failed.text)[1]
    assert failed.headers["X-Request-ID"] == named
    line = line_of(server, named, level="error")
    assert line["message"].startswith("link 1: ")


def test_text_names_the_request_at_the_end_of_a_line(server: RunningServer):
    answer = get(server, "/healthz")

    ending = f" s request={answer.headers['X-Request-ID']}\n"
    eventually(lambda: ending in server.log())


def test_a_connection_that_is_kept_has_an_id_for_each_request(server: RunningServer):
    path = put(server, b"hello")
    with connect(server) as connection:
        named = set()
        for request in (f"GET {path}", f"GET {path}", "GET /healthz"):
            connection.sendall(head(server, request, "User-Agent: curl/8.5.0"))
            named.add(read_answer(connection).headers["X-Request-ID"])

    assert len(named) == 3
