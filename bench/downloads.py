"""Downloads: large files and ranges of them by some clients, small files by many connections."""

import time
from pathlib import Path
from tempfile import NamedTemporaryFile

from bench import wrk
from bench.client import download, post, put
from bench.counting import Tally, count_downloads
from bench.programs import SHIPPED, UNSYNCED
from bench.results import Goal, Row
from bench.rounds import Notes, Options, Samples, column, run_rounds
from bench.running import Server
from bench.uploads import GIB, MIB, send_one

_SMALL_BYTES = 100 * 1024
_SMALL_FILES = 16
# clients, least ratio to nginx
_CLIENTS = ((1, 0.45), (8, 0.85), (64, 0.8))
# Plik can't be had here. When all were measured on one machine, it served 2.19 times as many as
# bepasty over 16 connections (3,320 and 1,515 a second), and 2.38 times over 256.
_PLIK = "1.2 × Plik's level"
_SMALL_GOALS = {
    1: (Goal(0.5, "copyparty"),),
    16: (Goal(1.5, "copyparty"), Goal(2.5, "bepasty"), Goal(2.63, "bepasty", reason=_PLIK)),
    256: (Goal(3, "copyparty"), Goal(2.5, "bepasty"), Goal(2.85, "bepasty", reason=_PLIK)),
}
# Makes ours a link with a limit, whose every count is synced before the first byte is sent.
_LIMITED = "Max-Downloads: 100000000\r\n"


def measure_downloads(servers: list[Server], options: Options) -> list[Row]:
    """Fetch one large file, whole and in part, for a fixed time."""
    paths = {
        server.name: send_one(server, options, "large.bin", form=server.program.form is not None)
        for server in servers
    }
    size = options.size_bytes
    middle = f"bytes={size // 4}-{size // 4 * 3 - 1}"
    tally = Tally()
    rows = []
    for byte_range, title in (("", "whole file"), (middle, "a range of it")):
        for clients, factor in _CLIENTS:

            def work(
                server: Server, clients: int = clients, byte_range: str = byte_range
            ) -> tuple[float, ...]:
                path = paths[server.name]
                return _download(server, path, clients, byte_range, options.seconds, tally)

            samples, notes = run_rounds(servers, options.rounds, work)
            rows += _large_rows(title, clients, factor, samples, notes)
    return [*rows, tally.row("large downloads")]


def _large_rows(
    title: str, clients: int, factor: float, samples: Samples, notes: Notes
) -> list[Row]:
    goals = [Goal(factor, "nginx")]
    name = f"{title}, {clients} client{'s' if clients > 1 else ''}"
    speeds, cpu, client = (column(samples, index) for index in range(3))
    if clients != 8:
        return [Row(name, "MiB/s", SHIPPED, speeds, tuple(goals), notes)]
    goals.append(Goal(1.0, "copyparty"))
    return [
        Row(name, "MiB/s", SHIPPED, speeds, tuple(goals), notes),
        Row(f"{name}: server CPU", "s/GiB", SHIPPED, cpu, (), notes),
        Row(f"{name}: CPU of the client", "s/GiB", "", client, (), notes),
    ]


def _download(
    server: Server, path: str, clients: int, byte_range: str, seconds: float, tally: Tally
) -> tuple[float, float, float]:
    """Return MiB/s, and the CPU seconds per GiB of the server and of this client."""
    counted, cpu, own = count_downloads(server), server.cpu_seconds(), time.process_time()
    fetched = download(server.port, path, clients=clients, seconds=seconds, byte_range=byte_range)
    cpu, own = server.cpu_seconds() - cpu, time.process_time() - own
    tally.compare(server, counted=count_downloads(server) - counted, given=fetched.requests)
    gib = fetched.size_bytes / GIB
    return fetched.size_bytes / MIB / fetched.seconds, cpu / gib, own / gib


def measure_small_downloads(servers: list[Server], options: Options) -> list[Row]:
    """Fetch small files over kept connections; each answer is one counted download of ours."""
    paths = {server.name: _publish_small(server) for server in servers}
    limited = {
        server.name: _publish_small(server, _LIMITED)
        for server in servers
        if server.name in (SHIPPED, UNSYNCED)
    }
    tally = Tally()
    rows = []
    for connections, goals in _SMALL_GOALS.items():

        def work(server: Server, connections: int = connections) -> tuple[float, ...]:
            seconds = options.seconds
            plain = _fetch_small(server, paths[server.name], connections, seconds, tally)
            if server.name not in limited:
                return plain.rate, plain.busy, plain.rate
            counted = _fetch_small(server, limited[server.name], connections, seconds, tally)
            return plain.rate, plain.busy, counted.rate

        samples, notes = run_rounds(servers, options.rounds, work)
        title = f"100 KiB, {connections} connection{'s' if connections > 1 else ''}"
        plain_rates, busy, counted_rates = (column(samples, index) for index in range(3))
        rows += [
            Row(title, "1/s", SHIPPED, plain_rates, goals, notes),
            Row(f"{title}, ours with a limit", "1/s", SHIPPED, counted_rates, goals, notes),
            Row(f"{title}: CPU of the client", "cores", "", busy, (), notes),
        ]
    return [*rows, tally.row("100 KiB")]


def _fetch_small(
    server: Server, paths: list[str], connections: int, seconds: float, tally: Tally
) -> wrk.Load:
    before = count_downloads(server)
    load = wrk.get_load(server, paths, connections=connections, seconds=seconds)
    tally.compare(server, counted=count_downloads(server) - before, given=load.answers)
    return load


def _publish_small(server: Server, headers: str = "") -> list[str]:
    program = server.program
    paths = []
    with NamedTemporaryFile() as file:
        file.truncate(_SMALL_BYTES)
        for number in range(_SMALL_FILES):
            name = f"small-{number}.bin"
            source = Path(file.name)
            if program.takes_put:
                answer = put(server.port, name, source, headers=headers)
            else:
                answer = post(server.port, program.form, name, source)
            paths.append(program.locate(name, answer))
    return paths
