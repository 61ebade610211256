"""The benchmark's new clients, against a server that writes down who comes."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import linux_only

from bench.client import Refused
from bench.newcomers import fetch

SIZE = 3 * 2**20 + 17
came: list[tuple[str, str, str]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        came.append((self.client_address[0], self.headers["User-Agent"], self.path))
        status, size = (410, 0) if self.path == "/gone" else (200, SIZE)
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(bytes(size))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    came.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@linux_only
def test_each_download_is_by_a_client_of_its_own_and_arrives_whole(port: int):
    load = fetch(port, ["/a", "/b"], connections=3, seconds=0.1)

    addresses, names, paths = (list(each) for each in zip(*came, strict=True))
    assert load.downloads == len(came) >= 3
    assert len(set(addresses)) == len(set(names)) == len(came)
    assert set(paths) == {"/a", "/b"}


@linux_only
def test_an_answer_that_refuses_is_no_download(port: int):
    with pytest.raises(Refused, match="410"):
        fetch(port, ["/gone"], connections=1, seconds=0.1)
