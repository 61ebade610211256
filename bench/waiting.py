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
        kib = result.bytes_per_connection / 1024
        return result.served, result.page_p99_ms, result.pages, kib

    samples, notes = run_rounds(servers, 1, work)
    goals = ((Goal(count),), (Goal(50, at_most=True),), (), (Goal(100, at_most=True),))
    units = (
        (f"served of {count}", ""),
        ("index page, p99", "ms"),
        ("index pages asked for", ""),
        ("memory per connection", "KiB"),
    )
    return [
        Row(
            title,
            unit,
            SHIPPED if goals[index] else "",
            column(samples, index),
            goals[index],
            notes,
        )
        for index, (title, unit) in enumerate(units)
    ]


def measure_start(servers: list[Server], options: Options) -> list[Row]:
    """Tell the time from the start to the first answer, alone and on an empty folder, and the
    help's."""

    def work(server: Server) -> tuple[float, ...]:
        again = Server(server.program, server.folder)
        again.stop()
        return (again.start_seconds,)

    starts, notes = run_rounds(servers, options.rounds, work)
    helps = [_help_seconds() for _ in range(options.rounds)]
    first = column(starts, 0)
    return [
        Row("first answer after the start", "s", SHIPPED, first, (Goal(1.5, at_most=True),), notes),
        Row("minifile --help", "s", SHIPPED, {SHIPPED: helps}, (Goal(0.5, at_most=True),)),
    ]


def _help_seconds() -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "minifile", "--help"], capture_output=True, check=True)
    return time.monotonic() - started
