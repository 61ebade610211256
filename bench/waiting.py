"""What a person waits for: the page beside 1,000 slow clients, the start, the help."""

import asyncio
import subprocess
import sys
import time

from bench.programs import SHIPPED
from bench.results import Goal, Row
from bench.rounds import Options, column, run_rounds
from bench.running import Server
from bench.slow import slow_load
from bench.uploads import send_one


def measure_slow_clients(servers: list[Server], options: Options) -> list[Row]:
    """Serve slow downloads and slow uploads at once, and a page beside them."""
    count = 2 * options.pairs

    def work(server: Server) -> tuple[float, ...]:
        path = send_one(server, options, "large.bin", form=server.program.form is not None)
        load = slow_load(server, path, pairs=options.pairs, seconds=options.slow_seconds)
        result = asyncio.run(load)
        return result.served, result.page_p99_ms, result.bytes_per_connection / 1024

    samples, notes = run_rounds(servers, 1, work)
    goals = ((Goal(count),), (Goal(50, at_most=True),), (Goal(100, at_most=True),))
    units = (
        (f"served of {count}", ""),
        ("index page, p99", "ms"),
        ("memory per connection", "KiB"),
    )
    return [
        Row(title, unit, SHIPPED, column(samples, index), goals[index], notes)
        for index, (title, unit) in enumerate(units)
    ]


def measure_start(servers: list[Server], options: Options) -> list[Row]:
    """Tell the time from the start to the first answer (one after the other), and the help's."""
    starts = {server.name: [server.start_seconds] for server in servers}
    times = []
    for _ in range(options.rounds):
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "minifile", "--help"], capture_output=True, check=True
        )
        times.append(time.monotonic() - started)
    return [
        Row("first answer after the start", "s", SHIPPED, starts, (Goal(1.5, at_most=True),)),
        Row("minifile --help", "s", SHIPPED, {SHIPPED: times}, (Goal(0.5, at_most=True),)),
    ]
