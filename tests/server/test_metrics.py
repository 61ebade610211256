"""/metrics of a real server with two workers: every number is what has happened, exactly."""

import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import MINIFILE, RunningServer, environment_of, linux_only, servers_in
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from wire import Answer, ask, connect, eventually, get, head, put, read_answers, workers_of

from minifile.server.metrics_listener import _AT_ONCE, _Listener, listen

TOKEN = "a-token-that-nobody-guesses"
NAME = "quarterly-figures.txt"
SMALL, LARGE = b"hello", os.urandom(2**20) * 8
LEASE = "minifile_lease_expires_timestamp_seconds"
CURL = "User-Agent: curl/8.5.0"
DOCS = Path(__file__).parents[2] / "docs"
# What a histogram's name has behind it in a sample.
ENDINGS = re.compile(r"_(bucket|sum|count)$")

Values = dict[tuple[str, ...], float]

pytestmark = linux_only


@dataclass
class Truth:
    """What the test has done to the server, in the words of its metrics."""

    values: dict[tuple[str, ...], float] = field(default_factory=dict)

    def add(self, *series: str, by: float = 1) -> None:
        self.values[series] = self.values.get(series, 0) + by

    def request(self, method: str, route: str, answer: Answer) -> Answer:
        """Note an answer that has come whole."""
        self.add("minifile_requests_total", method, route, str(answer.status))
        self.add("minifile_request_duration_seconds_count", method, route)
        self.add("minifile_sent_bytes_total", by=len(answer.body))
        return answer


@dataclass
class Watched:
    """A server, where its metrics are, and what it was asked for."""

    server: RunningServer
    metrics: str
    truth: Truth
    secrets: list[str] = field(default_factory=list)

    def scrape(self, authorization: str = f"Bearer {TOKEN}") -> Answer:
        """Ask on METRICS_BIND."""
        address = urlsplit(self.metrics)
        with closing(http.client.HTTPConnection(address.hostname, address.port, timeout=30)) as on:
            on.request("GET", address.path, headers={"Authorization": authorization})
            answer = on.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def values(self) -> Values:
        return values_of(self.scrape().text)


def values_of(text: str) -> Values:
    """Return every sample by its name and the values of its labels, in a fixed order."""
    order = {"method": 1, "route": 2, "status": 3, "le": 4}
    found: Values = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            named = sorted(sample.labels, key=lambda name: (order.get(name, 0), name))
            key = (sample.name, *(sample.labels[name] for name in named))
            assert key not in found, "one series stands there twice"
            found[key] = sample.value
    return found


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A server that has been used in every way, and one of whose workers was killed meanwhile."""
    with servers_in(tmp_path_factory.mktemp("metrics")) as start:
        server = start(
            "--workers", "2",
            metrics_token=TOKEN, metrics_bind="127.0.0.1:0", max_file_size="9MiB",
            rate_wrong_passwords="2",
        )  # fmt: skip
        address = re.search(r"metrics are on (http://\S+)", server.log())
        assert address is not None
        watched = Watched(server, address[1], Truth())
        eventually(lambda: len(workers_of(server)) == 2)
        use(watched)
        kill_a_worker(watched)
        use(watched)
        yield watched


def use(watched: Watched) -> None:
    """Do each thing once or more, and note what it must have changed."""
    download(watched)
    refuse(watched)
    upload(watched)
    resume(watched)
    eventually(lambda: watched.values()["minifile_transfers_in_progress", "download"] == 0)


def kill_a_worker(watched: Watched) -> None:
    killed = workers_of(watched.server)[0]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: killed not in workers_of(watched.server))
    eventually(lambda: len(workers_of(watched.server)) == 2)


def download(watched: Watched) -> None:
    server, truth = watched.server, watched.truth
    small, large = put_(watched, SMALL), put_(watched, LARGE)
    limited = put_(watched, SMALL, "?max_downloads=3")
    short, named = "/<code:code>", "/<code:code>/<path:filename>"
    for path, route, headers in (
        (small, short, {}),
        (f"{small}/{NAME}", named, {}),
        (limited, short, {}),
        (large, short, {}),
        # What the short way leaves to a thread.
        (small, short, {"X-Any": "header"}),
    ):
        assert truth.request("GET", route, get(server, path, **headers)).status == 200
        truth.add("minifile_downloads_total", "completed")
    truth.request("GET", named, get(server, f"{large}/{NAME}", Range="bytes=5-9"))
    truth.add("minifile_downloads_total", "partial")
    with connect(server, receive_buffer=4096) as connection:
        # A client that is slow is passed on; its bytes count all the same.
        connection.sendall(head(server, f"GET {large}/{NAME}", CURL))
        eventually(lambda: watched.values()["minifile_transfers_in_progress", "download"] == 1)
        truth.request("GET", named, read_answers(connection, 1)[0])
        truth.add("minifile_downloads_total", "completed")


def refuse(watched: Watched) -> None:
    server, truth = watched.server, watched.truth
    locked = put_(watched, SMALL, "?password=open-sesame")
    for path in ("/neverwas00", f"/neverwas00/{NAME}"):
        route = "/<code:code>" if path.count("/") == 1 else "/<code:code>/<path:filename>"
        assert truth.request("GET", route, get(server, path)).status == 404
        truth.add("minifile_downloads_total", "refused")
    wrong = b64encode(b":wrong").decode()
    for status in (401, 401, 429):
        answer = get(server, locked, Authorization=f"Basic {wrong}")
        assert truth.request("GET", "/<code:code>", answer).status == status
        truth.add("minifile_downloads_total", "refused")
    truth.add("minifile_rate_limit_hits_total", "wrong passwords")
    truth.request("other", "-", ask(server, head(server, "BREW /", "Content-Length: 0")))


def upload(watched: Watched) -> None:
    server, truth = watched.server, watched.truth
    size = 10 * 2**20
    too_large = ask(server, head(server, f"PUT /{NAME}", f"Content-Length: {size}"))
    assert truth.request("PUT", "/<filename>", too_large).status == 413
    truth.add("minifile_uploads_total", "refused")
    cut = head(server, f"PUT /{NAME}", "Content-Length: 100") + SMALL
    assert truth.request("PUT", "/<filename>", ask(server, cut, half_close=True)).status == 400
    truth.add("minifile_uploads_total", "aborted")
    truth.add("minifile_received_bytes_total", by=len(SMALL))


def resume(watched: Watched) -> None:
    """Send one upload in two parts, and delete another."""
    server, truth = watched.server, watched.truth
    for is_sent in (True, False):
        begun = tus(server, "POST /tus/", "Upload-Length: 10", "Content-Length: 0")
        path = urlsplit(begun.headers["Location"]).path
        truth.request("POST", "/tus/", begun)
        watched.secrets.append(path.rpartition("/")[2])
        if is_sent:
            for offset in (0, 5):
                part = (f"Upload-Offset: {offset}", "Content-Length: 5", BODY)
                answer = tus(server, f"PATCH {path}", *part, body=SMALL)
                assert truth.request("PATCH", "/tus/<upload_id>", answer).status == 204
            truth.add("minifile_received_bytes_total", by=10)
            truth.add("minifile_uploads_total", "completed")
            truth.add("minifile_files")
            truth.add("minifile_stored_bytes", by=10)
            truth.add("minifile_links", "open")
        else:
            truth.request("DELETE", "/tus/<upload_id>", tus(server, f"DELETE {path}"))
            truth.add("minifile_uploads_total", "aborted")


BODY = "Content-Type: application/offset+octet-stream"


def tus(server: RunningServer, line: str, *lines: str, body: bytes = b"") -> Answer:
    """Ask, and read an answer that may have no body and no length."""
    with connect(server) as connection:
        connection.sendall(head(server, line, "Tus-Resumable: 1.0.0", *lines) + body)
        answer = http.client.HTTPResponse(connection, method=line.partition(" ")[0])
        answer.begin()
        return Answer(answer.status, answer.headers, answer.read())


def put_(watched: Watched, content: bytes, query: str = "") -> str:
    """Upload a file, and note it; return the path of its short link."""
    truth = watched.truth
    length = f"Content-Length: {len(content)}"
    asked = head(watched.server, f"PUT /{NAME}{query}", length, CURL)
    answer = truth.request("PUT", "/<filename>", ask(watched.server, asked + content))
    assert answer.status == 200, answer.text
    path = urlsplit(answer.text.strip()).path
    watched.secrets += [path.strip("/"), answer.headers["X-Url-Delete"].rpartition("/")[2]]
    truth.add("minifile_uploads_total", "completed")
    truth.add("minifile_received_bytes_total", by=len(content))
    truth.add("minifile_files")
    truth.add("minifile_stored_bytes", by=len(content))
    truth.add("minifile_links", "open")
    return path


def test_every_number_is_the_truth_although_a_worker_was_killed(watched: Watched):
    truth = watched.truth.values
    counted = {"minifile_requests_total", "minifile_downloads_total", "minifile_uploads_total",
               "minifile_rate_limit_hits_total", "minifile_request_duration_seconds_count",
               "minifile_sent_bytes_total", "minifile_received_bytes_total", "minifile_files",
               "minifile_stored_bytes", "minifile_links"}  # fmt: skip

    def found() -> Values:
        return {key: value for key, value in watched.values().items()
                if key[0] in counted and value}  # fmt: skip

    eventually(lambda: found() == truth)
    assert found() == truth


def test_what_goes_up_and_down_is_back_at_nothing(watched: Watched):
    def moving() -> set[float]:
        return {value for (name, *_), value in watched.values().items()
                if name in ("minifile_transfers_in_progress", "minifile_waiting")}  # fmt: skip

    eventually(lambda: moving() == {0})


def test_a_killed_worker_takes_along_what_it_had_in_progress(watched: Watched):
    server = watched.server
    path = put_(watched, LARGE)
    with connect(server, receive_buffer=4096) as connection:
        connection.sendall(head(server, f"GET {path}", CURL))
        eventually(lambda: watched.values()["minifile_transfers_in_progress", "download"] == 1)
        for _ in range(2):
            kill_a_worker(watched)

        eventually(lambda: watched.values()["minifile_transfers_in_progress", "download"] == 0)


def test_a_file_that_a_process_is_just_making_keeps_nobody_from_reading(watched: Watched):
    (folder,) = (watched.server.instance_path / "metrics").glob("server-*")
    being_made = folder / "counter_999999.db"
    being_made.touch()

    answer = watched.scrape()

    being_made.unlink()
    assert answer.status == 200


def test_the_purge_and_who_holds_its_lease_are_told(watched: Watched):
    values = watched.values()

    assert values["minifile_purge_runs_total", "completed"] == 1
    [lease] = [key for key in values if key[0] == LEASE and key[2] == "purge"]
    assert lease[1].startswith(f"{socket.gethostname()}:")
    began, now = values["minifile_last_purge_timestamp_seconds",], time.time()
    assert now - 600 < began < now < values[lease] < now + 3600


def test_the_format_is_that_of_prometheus(watched: Watched):
    answer = watched.scrape()
    families = list(text_string_to_metric_families(answer.text))

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.name.startswith("minifile_"), family.name
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge", "histogram")
    values = values_of(answer.text)
    buckets: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for (name, *labels), value in values.items():
        if name.endswith("_bucket"):
            buckets.setdefault(tuple(labels[:-1]), []).append((float(labels[-1]), value))
    for labels, found in buckets.items():
        counts = [count for _, count in sorted(found)]
        assert counts == sorted(counts)
        assert counts[-1] == values["minifile_request_duration_seconds_count", *labels]


def test_labels_are_words_of_short_lists_and_nothing_secret_is_told(watched: Watched):
    text = watched.scrape().text

    hidden = [*watched.secrets, NAME, TOKEN, "127.0.0.1", "open-sesame", "neverwas00", "BREW"]
    assert [word for word in hidden if word in text] == []
    assert len(text.splitlines()) < 1500


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", f"Basic {TOKEN}"])
def test_the_token_is_asked_for_on_the_port_of_its_own_too(watched: Watched, authorization: str):
    answer = watched.scrape(authorization)

    assert answer.status == 401
    assert b"minifile_" not in answer.body


def test_a_scraper_that_breaks_off_is_not_in_the_log(
    app: Flask, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    listener = _Listener(app, listen("127.0.0.1:0"))
    # So that closing waits for them.
    listener.daemon_threads = False
    for _ in range(3):
        with closing(socket.create_connection(listener.server_address)) as scraper:
            scraper.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            scraper.sendall(b"GET /met")
        listener.handle_request()

    listener.server_close()

    assert capfd.readouterr().err == ""
    assert caplog.text == ""


def test_scrapers_that_say_nothing_take_few_threads_and_delay_others_only(app: Flask):
    listener = _Listener(app, listen("127.0.0.1:0"))
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    before = threading.active_count()
    address = listener.server_address
    try:
        with ExitStack() as silent:
            for _ in range(40):
                silent.enter_context(closing(socket.create_connection(address)))
            eventually(lambda: threading.active_count() == before + _AT_ONCE)
            late = silent.enter_context(closing(socket.create_connection(address)))
            late.sendall(b"GET /nothing HTTP/1.0\r\n\r\n")
            assert threading.active_count() == before + _AT_ONCE
            late_answers = socket.fromfd(late.fileno(), late.family, late.type)

        with closing(late_answers), late_answers.makefile("rb") as answer:
            assert answer.readline().startswith(b"HTTP/1.0 404 ")
    finally:
        listener.shutdown()
        listener.server_close()


def test_a_thread_that_can_not_be_started_takes_no_turn_along(
    app: Flask, monkeypatch: pytest.MonkeyPatch
):
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    listener = _Listener(app, listen("127.0.0.1:0"))
    with closing(listener.socket), monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(_AT_ONCE + 1):
            with pytest.raises(RuntimeError):
                listener.process_request(None, None)


def test_a_fault_of_the_port_of_its_own_is_logged_without_the_address(
    app: Flask, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    # Without an instance there is nothing to answer from.
    listener = _Listener(Flask("empty"), listen("127.0.0.1:0"))
    listener.daemon_threads = False
    with closing(socket.create_connection(listener.server_address)) as scraper:
        scraper.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        listener.handle_request()
        listener.server_close()

    [logged] = caplog.records
    assert logged.getMessage() == "a request on METRICS_BIND could not be answered"
    assert logged.exc_info is not None
    assert "127.0.0.1" not in caplog.text
    assert capfd.readouterr().err == ""


def test_both_addresses_say_the_same(watched: Watched):
    own = watched.values()
    answer = get(watched.server, "/metrics", Authorization=f"Bearer {TOKEN}")

    assert answer.status == 200
    theirs = values_of(answer.text)
    for name in ("minifile_downloads_total", "minifile_uploads_total", "minifile_links"):
        assert {k: v for k, v in own.items() if k[0] == name} == {
            k: v for k, v in theirs.items() if k[0] == name
        }


def test_the_table_in_the_documentation_names_what_is_there(watched: Watched):
    told = re.findall(r"^\| `(minifile_\w+)` \|", (DOCS / "metrics.md").read_text(), re.MULTILINE)
    found = {ENDINGS.sub("", name) for name, *_ in watched.values()}

    assert len(set(told)) == len(told)
    assert set(told) == found


def test_the_dashboard_asks_for_nothing_that_is_not_there(watched: Watched):
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"]
                   for target in panel.get("targets", [])]  # fmt: skip
    examples = re.findall(r"^ +expr: (.+)$", (DOCS / "metrics.md").read_text(), re.MULTILINE)
    asked = {
        name for expr in [*expressions, *examples] for name in re.findall(r"minifile_\w+", expr)
    }

    assert len(expressions) > 15
    assert len(examples) >= 5
    assert asked <= {name for name, *_ in watched.values()}
    sources = [panel["datasource"] for panel in dashboard["panels"] if "targets" in panel]
    assert {source["uid"] for source in sources} == {"${datasource}"}
    assert "datasource" in [variable["type"] for variable in dashboard["templating"]["list"]]


def test_the_port_of_its_own_needs_no_token_where_there_is_none(tmp_path: Path):
    with servers_in(tmp_path) as start:
        server = start("--workers", "2", metrics_bind="127.0.0.1:0")
        other = start("--workers", "1", metrics_bind="127.0.0.1:0")
        folders = list((server.instance_path / "metrics").glob("server-*"))
        watched, beside = (
            Watched(each, re.search(r"metrics are on (\S+)", each.log())[1], Truth())
            for each in (server, other)
        )
        put(server, SMALL)

        # Two servers of one instance: each counts what it has done, both know what there is.
        assert len(folders) == 2
        done, idle = ("minifile_uploads_total", "completed"), ("minifile_files",)
        assert [each.values()[done] for each in (watched, beside)] == [1, 0]
        eventually(lambda: [each.values()[idle] for each in (watched, beside)] == [1, 1])
        assert get(server, "/metrics").body == get(server, "/neverwas00").body
        # Whoever answers is killed: another worker goes on, on the same port.
        for _ in range(2):
            kill_a_worker(watched)
            assert watched.values()[done] == 1
        assert server.stop() == 0
        assert len(list((server.instance_path / "metrics").glob("server-*"))) == 1
        # What a power cut leaves, the next start clears away.
        other.kill()
        start("--workers", "1", metrics_bind="127.0.0.1:0")
        assert len(list((server.instance_path / "metrics").glob("server-*"))) == 1


def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = environment_of(instance_path=str(tmp_path), metrics_bind=address)

        said = subprocess.run(
            [*MINIFILE, "serve", "--port", "0"],
            env=settings, capture_output=True, text=True, check=False,
        ).stderr  # fmt: skip

    assert said == f"Error: METRICS_BIND: {address} can't be used: Address already in use.\n"


def test_without_the_settings_nothing_is_counted(server: RunningServer):
    assert get(server, "/metrics").status == 404
    assert not (server.instance_path / "metrics").exists()
