"""Uploads: large ones by PUT and by form, several at once, many small ones."""

import time
from concurrent.futures import ThreadPoolExecutor

from bench import wrk
from bench.client import post, put, tus
from bench.counting import Tally, count_links
from bench.programs import SHIPPED, UNHASHED, UNSYNCED
from bench.results import Goal, Row
from bench.rounds import Notes, Options, Samples, column, run_rounds
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
    """Send a large file; who takes no forms gets a PUT (or tus) beside the forms too."""
    takers = [server for server in servers if server.program.form is None or _puts(server)]
    puts, put_notes = run_rounds(takers, options.rounds, lambda s: _upload(s, options, form=False))
    forms, form_notes = run_rounds(
        servers, options.rounds, lambda s: _upload(s, options, form=s.program.form is not None)
    )
    # Those without a PUT stand beside ours with their forms.
    puts = {**forms, **puts}
    rows = []
    for how, samples, notes in (("PUT", puts, put_notes), ("multipart", forms, form_notes)):
        rows += _upload_rows(how, samples, notes)
    return rows


def _puts(server: Server) -> bool:
    return server.program.takes_put


def _upload_rows(how: str, samples: Samples, notes: Notes) -> list[Row]:
    speeds, cpu, client = (column(samples, index) for index in range(3))
    goal = Goal(0.75, "nginx", at_most=True)
    return [
        Row(f"{how}, without fsync, in memory", "MiB/s", UNSYNCED, speeds, _SPEED_GOALS, notes),
        # No goal: nobody else syncs, and nobody else is on the disk. The ratios say it.
        Row(f"{how}, with fsync, on the disk", "MiB/s", SHIPPED, speeds, (), notes),
        Row(f"{how}: server CPU", "s/GiB", UNSYNCED, cpu, (), notes),
        Row(f"{how}: server CPU, hash left out", "s/GiB", UNHASHED, cpu, (goal,), notes),
        Row(f"{how}: CPU of the client", "s/GiB", "", client, (), notes),
    ]


def _upload(server: Server, options: Options, *, form: bool) -> tuple[float, float, float]:
    """Return MiB/s, and the CPU seconds per GiB of the server and of this client."""
    cpu, own = server.cpu_seconds(), time.process_time()
    started = time.monotonic()
    send_one(server, options, "large.bin", form=form)
    seconds = time.monotonic() - started
    cpu, own = server.cpu_seconds() - cpu, time.process_time() - own
    server.forget_large_files(options.size_bytes)
    per_gib = GIB / options.size_bytes
    return options.size_bytes / MIB / seconds, cpu * per_gib, own * per_gib


def send_one(server: Server, options: Options, name: str, *, form: bool) -> str:
    """Upload the large file; return where it can be fetched."""
    program = server.program
    if program.tus is not None:
        answer = tus(server.port, program.tus, name, options.source)
    elif form and program.form is not None:
        answer = post(server.port, program.form, name, options.source)
    else:
        answer = put(server.port, name, options.source)
    return program.locate(name, answer)


def measure_memory(servers: list[Server], options: Options) -> list[Row]:
    """Watch the memory while four large files arrive at once."""

    def work(server: Server) -> tuple[float, ...]:
        names = [f"many-{number}.bin" for number in range(4)]
        with Watch(server) as watch, ThreadPoolExecutor(len(names)) as pool:
            form = server.program.form is not None
            list(pool.map(lambda name: send_one(server, options, name, form=form), names))
        server.forget_large_files(options.size_bytes)
        return watch.growth_bytes / MIB / len(names), watch.peak_bytes / MIB

    samples, notes = run_rounds(servers, 1, work)
    goals = (Goal(16, at_most=True),)
    four = f"4 × {options.size_bytes // MIB} MiB at once"
    growth, peak = column(samples, 0), column(samples, 1)
    return [
        Row(f"growth per upload, {four}", "MiB", SHIPPED, growth, goals, notes),
        Row(f"peak of all its processes, {four}", "MiB", SHIPPED, peak, (), notes),
    ]


def measure_small_uploads(servers: list[Server], options: Options) -> list[Row]:
    """Upload 4 KiB again and again over 16 connections; each answer is a link of ours."""
    tally = Tally()

    def work(server: Server) -> tuple[float, ...]:
        before = count_links(server)
        load = wrk.put_load(server, size_bytes=4096, connections=16, seconds=options.seconds)
        tally.compare(server, counted=count_links(server) - before, given=load.answers)
        return load.rate, load.busy

    samples, notes = run_rounds(servers, options.rounds, work)
    rates, busy = column(samples, 0), column(samples, 1)
    goals = (Goal(1.0, "copyparty"),)
    title = "4 KiB, 16 connections"
    return [
        Row(f"{title}, without fsync", "1/s", UNSYNCED, rates, goals, notes),
        Row(f"{title}, with fsync, on the disk", "1/s", SHIPPED, rates, (), notes),
        Row(f"{title}: CPU of the client", "cores", "", busy, (), notes),
        tally.row("links"),
    ]
