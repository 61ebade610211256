"""`make bench`: run the groups, print the tables, write docs/performance.md and its chart."""

import argparse
import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import wrk
from bench.chart import draw
from bench.downloads import measure_downloads, measure_small_downloads
from bench.machine import describe, free_memory
from bench.million import measure_million
from bench.programs import CEILING, Program, available, of_group
from bench.report import missed, table, write_report
from bench.results import Row
from bench.rounds import Options
from bench.running import Server, running
from bench.uploads import MIB, measure_memory, measure_small_uploads, measure_uploads
from bench.waiting import measure_slow_clients, measure_start

DOCS = Path("docs")
_ROOM_BYTES = 12 * 2**30

Group = Callable[[list[Server], Options], list[Row]]

GROUPS: dict[str, tuple[str, Group]] = {
    "start": ("Start", measure_start),
    "upload": ("Large uploads", measure_uploads),
    "memory": ("Memory of uploads", measure_memory),
    "download": ("Large downloads", measure_downloads),
    "small-downloads": ("Small downloads, each counted", measure_small_downloads),
    "small-uploads": ("Small uploads", measure_small_uploads),
    "slow": ("Slow clients: half download, half upload, 10 KB/s each", measure_slow_clients),
    "million": ("A million links", measure_million),
}
_NEED_WRK = {"small-downloads", "small-uploads", "million"}


def main() -> None:
    arguments = _arguments()
    _raise_open_files_limit()
    programs, left_out = available()
    load = os.getloadavg()[0]
    shm = Path("/dev/shm")
    roomy = shm.is_dir() and min(shutil.disk_usage(shm).free, free_memory()) > _ROOM_BYTES
    Path(".bench").mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=shm if roomy else ".bench") as memory,
        tempfile.TemporaryDirectory(dir=".bench") as disk,
    ):
        places = (Path(memory), Path(disk).absolute())
        options = _options(arguments.quick, Path(memory))
        groups = arguments.only or list(GROUPS)
        if not wrk.is_installed():
            left_out["small downloads and uploads"] = "need wrk (Debian: wrk)"
            groups = [name for name in groups if name not in _NEED_WRK]
        results = {name: _run(name, programs, options, places) for name in groups}
        head = _head(options, describe(*places, load), left_out)
    _write(head, results, [program.name for program in programs], write=not arguments.dry)


def _run(
    name: str, programs: list[Program], options: Options, places: tuple[Path, Path]
) -> list[Row]:
    """Run one group with fresh servers."""
    title, measure = GROUPS[name]
    print(f"{datetime.now(UTC):%H:%M:%S} {title}", flush=True)
    programs = of_group(programs, name)
    with running(programs, memory=places[0], disk=places[1]) as servers:
        rows = measure(servers, options)
    print(table(rows, [program.name for program in programs]), flush=True)
    for row in rows:
        for who, why in row.notes.items():
            print(f"  {row.work}: {who}: {why}", flush=True)
    return rows


def _write(head: str, results: dict[str, list[Row]], names: list[str], *, write: bool) -> None:
    rows = [row for group in results.values() for row in group]
    parts = [head]
    for name, group in results.items():
        parts.append(f"### {GROUPS[name][0]}\n\n{table(group, names)}")
    misses = missed(rows)
    parts.append("### Goals missed\n\n" + ("\n".join(f"- {m}" for m in misses) or "None."))
    print(parts[-1])
    if write:
        (DOCS / "performance.svg").write_text(
            draw(_charted(rows), [name for name in names if name != CEILING])
        )
        write_report(DOCS / "performance.md", "\n\n".join(parts) + "\n")


def _charted(rows: list[Row]) -> list[Row]:
    """Return the rows in which more is better, each set of samples once."""
    faster = [row for row in rows if row.unit in ("MiB/s", "1/s")]
    return [row for row in faster if not row.work.endswith((", on the disk", "with a limit"))]


def _head(options: Options, machine: list[str], left_out: dict[str, str]) -> str:
    lines = [f"Measured on {datetime.now(UTC):%Y-%m-%d} by `make bench`:", ""]
    lines += [f"- {line}" for line in machine]
    lines += [
        f"- large file: {options.size_bytes // MIB} MiB; {options.rounds} rounds,"
        f" medians; {options.seconds:g} s for each download and wrk run",
        f"- left out: {'; '.join(f'{name} ({why})' for name, why in sorted(left_out.items()))}",
        "",
        "Behind each peer's number stands how many times it the **bold** number of ours is.",
        "",
        "![Bars: the speeds of minifile and its peers](performance.svg)",
    ]
    return "\n".join(lines)


def _options(quick: bool, folder: Path) -> Options:
    size = (128 if quick else 1024) * MIB
    source = folder / "source.bin"
    piece = os.urandom(MIB)
    with source.open("wb") as file:
        for _ in range(size // MIB):
            file.write(piece)
    if quick:
        return Options(size, rounds=1, seconds=0.5, slow_seconds=8, pairs=100, source=source)
    return Options(size, rounds=3, seconds=2, slow_seconds=18, pairs=500, source=source)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small files, few rounds")
    parser.add_argument("--dry", action="store_true", help="print, but write no docs")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        help=f"some of {','.join(GROUPS)}",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.only or []) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    return arguments


def _raise_open_files_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
