"""A million links: look-ups and downloads beside those with a thousand, and a purge meanwhile."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from bench.client import USER_AGENT, Refused
from bench.filling import fill
from bench.programs import SHIPPED, Program
from bench.results import Goal, Row, percentile
from bench.rounds import Options, Samples, run_rounds
from bench.running import Server

_SCRIPT = Path(__file__).parent / "lookups.lua"
_FEW = 1000
_CONNECTIONS = 16
# Requests that are watched for how long they take come so often, whatever the answers do.
_PACE_SECONDS = 0.02
_IDLE = "idle"


def measure_million(_servers: list[Server], options: Options) -> list[Row]:
    """Serve two instances, one with few links and one with many, in memory."""
    is_quick = options.rounds == 1
    many, expired = (100_000, 10_000) if is_quick else (1_000_000, 100_000)
    with (
        _served(f"{_FEW:,} links", options, links=_FEW, expired=0) as few,
        _served(f"{many:,} links", options, links=many, expired=expired) as full,
    ):
        rows = _rates(few, full, options)
        rows += _commands(full, ("stats", "fsck"), many)
        return rows + _purge_while_serving(full, expired, 4 if is_quick else 15)


@contextmanager
def _served(name: str, options: Options, *, links: int, expired: int) -> Iterator[Server]:
    def command(folder: Path, port: int) -> list[str]:
        paths = fill(folder / "instance", links=links, expired=expired)
        (folder / "paths.json").write_text(json.dumps(paths))
        return [sys.executable, "-m", "minifile", "serve", "--port", str(port)]

    program = Program(
        name=name,
        command=command,
        locate=lambda path, _answer: path,
        form=None,
        takes_put=False,
        environment=_environment,
    )
    server = Server(program, options.source.parent)
    try:
        yield server
    finally:
        server.stop()


def _environment(folder: Path) -> dict[str, str]:
    return {"MINIFILE_INSTANCE_PATH": str(folder / "instance"), "MINIFILE_KEEP_FREE": "0"}


def _paths(server: Server) -> list[str]:
    paths: list[str] = json.loads((server.folder / "paths.json").read_text())
    return paths


def _rates(few: Server, full: Server, options: Options) -> list[Row]:
    """Compare how many answers a second both give, over links from all over their tables."""
    rows = []
    for work, accept in (("counted downloads of 100 KiB", "*/*"), ("look-ups", "application/json")):

        def ask(server: Server, accept: str = accept) -> tuple[float, ...]:
            paths = _paths(server)
            if accept != "*/*":
                paths = [path.rpartition("/")[0] for path in paths]
            return (_rate(server.port, paths, accept, options.seconds),)

        samples, notes = run_rounds([few, full], options.rounds, ask)
        for server in (few, full):
            goals = (Goal(0.9, few.name),) if server is full else ()
            numbers = {SHIPPED: _first(samples, server.name), few.name: _first(samples, few.name)}
            rows.append(Row(f"{server.name}: {work}", "1/s", SHIPPED, numbers, goals, notes))
    return rows


def _first(samples: Samples, name: str) -> list[float]:
    return [sample[0] for sample in samples.get(name, [])]


def _rate(port: int, paths: list[str], accept: str, seconds: int) -> float:
    command = [
        *("wrk", "--threads", "1", "--connections", str(_CONNECTIONS)),
        *("--duration", f"{seconds}s", "--timeout", "10s", "--script", str(_SCRIPT)),
        *("--header", f"User-Agent: {USER_AGENT}", "--header", f"Accept: {accept}"),
        *(f"http://127.0.0.1:{port}/", "--", *paths),
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if rate is None or "Non-2xx" in output:
        raise Refused(f"wrk says {output[-200:]!r}")
    return float(rate[1])


def _commands(server: Server, commands: tuple[str, ...], links: int) -> list[Row]:
    rows = []
    for command in commands:
        samples = {SHIPPED: [_run(server, command)]}
        rows.append(Row(f"minifile {command}, {links:,} links", "s", SHIPPED, samples))
    return rows


def _run(server: Server, command: str) -> float:
    """Run a command beside the server; return the seconds it took."""
    environment = os.environ | _environment(server.folder)
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "minifile", command],
        env=environment, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return time.monotonic() - started


def _purge_while_serving(server: Server, expired: int, idle_seconds: float) -> list[Row]:
    """Watch downloads, pages and writers' turns without and with a purge beside them."""
    watched = {"download": _paths(server), "index page": ["/"]}
    taken: dict[str, dict[str, list[float]]] = {name: {_IDLE: [], SHIPPED: []} for name in watched}
    with _turns(server) as idle_wait, _asked(server, watched) as idle:
        time.sleep(idle_seconds)
    with _turns(server) as wait, _asked(server, watched) as purging:
        seconds = _run(server, "purge")
    with _asked(server, watched) as afterwards:
        time.sleep(idle_seconds)
    rows = [Row(f"purge of {expired:,} links", "s", SHIPPED, {SHIPPED: [seconds]})]
    for name in watched:
        taken[name][_IDLE] = idle[name] + afterwards[name]
        taken[name][SHIPPED] = purging[name]
        rows += _percentiles(name, taken[name])
    title = "longest wait for the write lock"
    waits = {SHIPPED: wait, _IDLE: idle_wait}
    rows.append(Row(f"{title}, idle", "ms", SHIPPED, {SHIPPED: idle_wait}))
    goal = Goal(50, at_most=True)
    rows.append(Row(f"{title}, during the purge", "ms", SHIPPED, waits, (goal,)))
    return rows


def _percentiles(name: str, taken: dict[str, list[float]]) -> Iterator[Row]:
    for percent in (50, 99):
        numbers = {who: [percentile(times, percent)] for who, times in taken.items()}
        title = f"{name}, p{percent}"
        goals = (Goal(2, _IDLE, at_most=True),) if percent == 99 else ()
        yield Row(f"{title}, idle", "ms", SHIPPED, {SHIPPED: numbers[_IDLE]})
        yield Row(f"{title}, during the purge", "ms", SHIPPED, numbers, goals)


@contextmanager
def _asked(server: Server, watched: dict[str, list[str]]) -> Iterator[dict[str, list[float]]]:
    """Ask for paths while the block runs; collect the milliseconds that each answer took."""
    over = threading.Event()
    taken: dict[str, list[float]] = {name: [] for name in watched}
    faults: list[str] = []

    def ask(name: str, paths: list[str]) -> None:
        try:
            _ask_on_time(server.port, paths, over, taken[name])
        except (OSError, Refused) as error:
            faults.append(f"{name}: {error}")

    threads = [threading.Thread(target=ask, args=item) for item in watched.items()]
    for thread in threads:
        thread.start()
    try:
        yield taken
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if faults:
        raise Refused(faults[0])


def _ask_on_time(port: int, paths: list[str], over: threading.Event, taken: list[float]) -> None:
    """Ask at fixed times; an answer that is late makes those that wait behind it late too."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    due = time.monotonic()
    while not over.wait(max(0.0, due - time.monotonic())):
        path = paths[len(taken) % len(paths)]
        connection.request("GET", path, headers={"User-Agent": USER_AGENT})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise Refused(f"{path}: {answer.status}")
        taken.append((time.monotonic() - due) * 1000)
        due += _PACE_SECONDS
    connection.close()


@contextmanager
def _turns(server: Server) -> Iterator[list[float]]:
    """Measure in a process of its own how long a writer waits; the list is filled at the end."""
    database = server.folder / "instance" / "minifile.sqlite"
    command = [sys.executable, "-m", "bench.turns", str(database)]
    longest: list[float] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as probe:
        try:
            yield longest
        finally:
            probe.terminate()
            longest.append(float(probe.communicate(timeout=30)[0]))
