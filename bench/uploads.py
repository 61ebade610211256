"""Uploads: large ones by PUT and by form, several at once, many small ones."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

from bench import wrk
from bench.client import post, put
from bench.programs import SHIPPED, UNSYNCED
from bench.results import Goal, Row
from bench.rounds import Options, column, run_rounds
from bench.running import Server, Watch

MIB = 2**20
GIB = 2**30

_SPEED_GOALS = (
    Goal(1.0, "nginx"),
    Goal(1.5, "copyparty"),
    Goal(4, "bepasty"),
    Goal(5, "plain Flask"),
)


def measure_uploads(servers: list[Server], options: Options) -> list[Row]:
    """Send a large file; nginx, which takes no forms, gets a PUT beside the forms too."""
    takers = [server for server in servers if server.program.takes_put]
    puts, put_notes = run_rounds(takers, options.rounds, lambda s: _upload(s, options, form=False))
    forms, form_notes = run_rounds(
        servers, options.rounds, lambda s: _upload(s, options, form=s.program.form is not None)
    )
    # Those without a PUT stand beside ours with their forms.
    puts = {**forms, **puts}
    hash_seconds = _hash_seconds(options)
    rows = []
    for how, samples, notes in (("PUT", puts, put_notes), ("multipart", forms, form_notes)):
        speeds, cpu = column(samples, 0), column(samples, 1)
        for subject in (UNSYNCED, SHIPPED):
            work = f"{how}, {_what(subject)}"
            rows.append(Row(work, "MiB/s", subject, speeds, _SPEED_GOALS, notes))
        unhashed = dict(cpu)
        if UNSYNCED in cpu:
            unhashed[UNSYNCED] = [seconds - hash_seconds for seconds in cpu[UNSYNCED]]
        rows.append(Row(f"{how}: server CPU", "s/GiB", UNSYNCED, cpu, (), notes))
        work = f"{how}: server CPU, ours without the {hash_seconds:.2f} s of SHA-256"
        goal = Goal(0.75, "nginx", at_most=True)
        rows.append(Row(work, "s/GiB", UNSYNCED, unhashed, (goal,), notes))
    return rows


def _what(subject: str) -> str:
    return "with fsync, on the disk" if subject == SHIPPED else "without fsync, in memory"


def _upload(server: Server, options: Options, *, form: bool) -> tuple[float, float]:
    """Return MiB/s and the server's CPU seconds per GiB."""
    cpu = server.cpu_seconds()
    started = time.monotonic()
    send_one(server, options, "large.bin", form=form)
    seconds = time.monotonic() - started
    cpu = server.cpu_seconds() - cpu
    server.forget_large_files(options.size_bytes)
    return options.size_bytes / MIB / seconds, cpu * GIB / options.size_bytes


def send_one(server: Server, options: Options, name: str, *, form: bool) -> str:
    """Upload the large file; return where it can be fetched."""
    program = server.program
    if form and program.form is not None:
        answer = post(server.port, program.form, name, options.source)
    else:
        answer = put(server.port, name, options.source)
    return program.locate(name, answer)


def _hash_seconds(options: Options) -> float:
    """Return the CPU seconds that SHA-256 of a GiB costs here, alone."""
    piece = bytes(MIB)
    digest = hashlib.sha256()
    started = time.thread_time()
    for _ in range(options.size_bytes // MIB):
        digest.update(piece)
    return (time.thread_time() - started) * GIB / options.size_bytes


def measure_memory(servers: list[Server], options: Options) -> list[Row]:
    """Watch the memory while four large files arrive at once."""

    def work(server: Server) -> tuple[float, ...]:
        names = [f"many-{number}.bin" for number in range(4)]
        with Watch(server) as watch, ThreadPoolExecutor(len(names)) as pool:
            form = server.program.form is not None
            list(pool.map(lambda name: send_one(server, options, name, form=form), names))
        server.forget_large_files(options.size_bytes)
        return (watch.growth_bytes / MIB / len(names),)

    samples, notes = run_rounds(servers, 1, work)
    goals = (Goal(16, at_most=True),)
    title = f"growth per upload, 4 × {options.size_bytes // MIB} MiB at once"
    growth = column(samples, 0)
    return [Row(title, "MiB", SHIPPED, growth, goals, notes)]


def measure_small_uploads(servers: list[Server], options: Options) -> list[Row]:
    """Upload 4 KiB again and again over 16 connections."""

    def work(server: Server) -> tuple[float, ...]:
        return (wrk.put_rate(server, size_bytes=4096, connections=16, seconds=options.seconds),)

    samples, notes = run_rounds(servers, options.rounds, work)
    rates = column(samples, 0)
    goals = (Goal(1.0, "copyparty"),)
    return [
        Row("4 KiB, 16 connections, without fsync", "1/s", UNSYNCED, rates, goals, notes),
        Row("4 KiB, 16 connections, with fsync", "1/s", SHIPPED, rates, (), notes),
    ]
