"""Downloads: large files and ranges of them by some clients, small files by many connections."""

from pathlib import Path
from tempfile import NamedTemporaryFile

from bench import wrk
from bench.client import download, post, put
from bench.programs import SHIPPED
from bench.results import Goal, Row
from bench.rounds import Options, column, run_rounds
from bench.running import Server
from bench.uploads import GIB, MIB, send_one

_SMALL_BYTES = 100 * 1024
_SMALL_FILES = 16
# clients, least ratio to nginx
_CLIENTS = ((1, 0.45), (8, 0.85), (64, 0.8))
_SMALL_GOALS = {
    1: (Goal(0.5, "copyparty"),),
    16: (Goal(1.5, "copyparty"), Goal(2.5, "bepasty")),
    256: (Goal(3, "copyparty"), Goal(2.5, "bepasty")),
}


def measure_downloads(servers: list[Server], options: Options) -> list[Row]:
    """Fetch one large file, whole and in part, for a fixed time."""
    paths = {
        server.name: send_one(server, options, "large.bin", form=server.program.form is not None)
        for server in servers
    }
    size = options.size_bytes
    middle = f"bytes={size // 4}-{size // 4 * 3 - 1}"
    rows = []
    for byte_range, title in (("", "whole file"), (middle, "a range of it")):
        for clients, factor in _CLIENTS:

            def work(
                server: Server, clients: int = clients, byte_range: str = byte_range
            ) -> tuple[float, ...]:
                return _download(server, paths[server.name], clients, byte_range, options.seconds)

            samples, notes = run_rounds(servers, options.rounds, work)
            goals = [Goal(factor, "nginx")]
            if clients == 8:
                goals.append(Goal(1.0, "copyparty"))
            work_name = f"{title}, {clients} client{'s' if clients > 1 else ''}"
            rows.append(Row(work_name, "MiB/s", SHIPPED, column(samples, 0), tuple(goals), notes))
            if clients == 8:
                rows.append(
                    Row(f"{work_name}: server CPU", "s/GiB", SHIPPED, column(samples, 1), (), notes)
                )
    return rows


def _download(
    server: Server, path: str, clients: int, byte_range: str, seconds: int
) -> tuple[float, float]:
    """Return MiB/s and the server's CPU seconds per GiB."""
    cpu = server.cpu_seconds()
    received, taken = download(
        server.port, path, clients=clients, seconds=seconds, byte_range=byte_range
    )
    cpu = server.cpu_seconds() - cpu
    return received / MIB / taken, cpu * GIB / received


def measure_small_downloads(servers: list[Server], options: Options) -> list[Row]:
    """Fetch small files over kept connections; each answer is one counted download of ours."""
    paths = {server.name: _publish_small(server) for server in servers}
    rows = []
    for connections, goals in _SMALL_GOALS.items():

        def work(server: Server, connections: int = connections) -> tuple[float, ...]:
            seconds = options.seconds
            rate = wrk.get_rate(
                server, paths[server.name], connections=connections, seconds=seconds
            )
            return (rate,)

        samples, notes = run_rounds(servers, options.rounds, work)
        title = f"100 KiB, {connections} connection{'s' if connections > 1 else ''}"
        rows.append(Row(title, "1/s", SHIPPED, column(samples, 0), goals, notes))
    return rows


def _publish_small(server: Server) -> list[str]:
    program = server.program
    paths = []
    with NamedTemporaryFile() as file:
        file.truncate(_SMALL_BYTES)
        for number in range(_SMALL_FILES):
            name = f"small-{number}.bin"
            source = Path(file.name)
            if program.form is None:
                answer = put(server.port, name, source)
            else:
                answer = post(server.port, program.form, name, source)
            paths.append(program.locate(name, answer))
    return paths
