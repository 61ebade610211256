"""Compute what an instance needs from what was measured, for docs/deploy.md.

    .venv/bin/python tools/sizing.py           # prints the table
    .venv/bin/python tools/sizing.py --write   # writes it into docs/deploy.md

The numbers are those of docs/performance.md. What can't be measured is assumed here, and said in
the table's legend.
"""

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
MEASURED, DEPLOY = ROOT / "docs" / "performance.md", ROOT / "docs" / "deploy.md"
BEGIN, END = "<!-- sizing:begin -->", "<!-- sizing:end -->"
SCALES = (1_000, 10_000, 100_000, 1_000_000)
KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40

# What is assumed of those who use it.
FILE_BYTES = 10 * MIB
DOWNLOADS_PER_LINK = 3
LIFETIME_DAYS = 1
PEAK = 4  # times the mean of a day
VISITOR_BYTES_PER_SECOND = 1 * MIB
# Of a row in use, and of one that was just loaded.
ROW_GROWTH = 2
# A link's rows go with it; those of the last purge interval are still there.
HELD_DAYS = LIFETIME_DAYS + 1 / 24

# What is assumed of the machines: cores of one replica, of which half may be busy at the peak.
REPLICA_CORES = 4
BUSY = 0.5
# What an upload to a bucket may have in memory while it runs.
BUCKET_UPLOAD_BYTES = 40 * MIB
# Connections to PostgreSQL that one process may open; a replica has a process a core.
POOL = 17
LEAST_REPLICAS = 2
# What one machine is taken to have: a disk, and a line to its visitors.
ONE_MACHINE_GIB = 4 * 1024
ONE_MACHINE_BITS = 1e9


@dataclass(frozen=True)
class Costs:
    """What was measured."""

    upload_cpu_per_gib: float
    download_cpu_per_gib: float
    bucket_cpu_per_gib: float
    small_uploads_per_second: float
    counted_downloads_per_second: float
    memory_per_connection: float
    idle_memory: float
    cores: int
    link_rows: tuple[int, int]
    download_rows: tuple[int, int]

    @property
    def cpu_per_upload(self) -> float:
        """Seconds, as if all cores had been busy with it."""
        return self.cores / self.small_uploads_per_second

    @property
    def cpu_per_download(self) -> float:
        return self.cores / self.counted_downloads_per_second


def read_costs(text: str) -> Costs:
    """Read the measured numbers from the page."""

    def bold(work: str) -> float:
        """Return our own number in the row of some work."""
        (row,) = re.findall(rf"^\| {re.escape(work)} \|(.+)$", text, re.MULTILINE)
        return float(re.findall(r"\*\*([\d,.]+)\*\*", row)[0].replace(",", ""))

    def rows(what: str) -> tuple[int, int]:
        (found,) = re.findall(rf"^\| {re.escape(what)} \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
        return int(found[0]), int(found[1])

    (bucket_cpu,) = re.findall(r"^\| server CPU for a GiB, up .*?\| ([\d.]+) s", text, re.MULTILINE)
    (cores,) = re.findall(r"^- (\d+) cores", text, re.MULTILINE)
    return Costs(
        upload_cpu_per_gib=bold("PUT: server CPU (s/GiB)"),
        download_cpu_per_gib=bold("whole file, 8 clients: server CPU (s/GiB)"),
        bucket_cpu_per_gib=float(bucket_cpu),
        small_uploads_per_second=bold("4 KiB, 16 connections, with fsync, on the disk (1/s)"),
        counted_downloads_per_second=bold("1,000,000 links: counted downloads of 100 KiB (1/s)"),
        memory_per_connection=bold("memory per connection (KiB)") * KIB,
        idle_memory=bold("peak of all its processes, 4 × 1024 MiB at once (MiB)") * MIB,
        cores=int(cores),
        link_rows=rows("a link with one file, and the browser that owns it"),
        download_rows=rows("a counted download: slot and delivery"),
    )


@dataclass(frozen=True)
class Load:
    """What so many links a day come to at the peak."""

    links_per_day: int
    costs: Costs

    @property
    def uploads(self) -> float:
        return self.links_per_day * PEAK / 86_400

    @property
    def downloads(self) -> float:
        return self.uploads * DOWNLOADS_PER_LINK

    @property
    def transfers(self) -> float:
        """How many are running at once."""
        return (self.uploads + self.downloads) * FILE_BYTES / VISITOR_BYTES_PER_SECOND

    @property
    def uploading(self) -> float:
        return self.uploads * FILE_BYTES / VISITOR_BYTES_PER_SECOND

    @property
    def cores_with_folder(self) -> float:
        return self._cores(self.costs.download_cpu_per_gib, self.costs.upload_cpu_per_gib)

    @property
    def cores_with_bucket(self) -> float:
        # Only uploads were measured; a download, which hashes nothing, is taken to cost as much.
        each = self.costs.bucket_cpu_per_gib
        return self._cores(each, each)

    @property
    def replicas(self) -> int:
        return max(LEAST_REPLICAS, math.ceil(self.cores_with_bucket / BUSY / REPLICA_CORES))

    @property
    def memory_with_bucket(self) -> float:
        """Of one replica, in bytes."""
        mine = self.costs.memory_per_connection * self.transfers / self.replicas
        return self.costs.idle_memory + mine + BUCKET_UPLOAD_BYTES * self.uploading / self.replicas

    @property
    def held_bytes(self) -> float:
        return self.links_per_day * HELD_DAYS * FILE_BYTES

    def rows_bytes(self, engine: int) -> float:
        each = self.costs.link_rows[engine] + DOWNLOADS_PER_LINK * self.costs.download_rows[engine]
        return self.links_per_day * HELD_DAYS * ROW_GROWTH * each

    @property
    def commits(self) -> float:
        """Transactions that write: one makes a link, two count a download."""
        return self.uploads + 2 * self.downloads

    @property
    def bits(self) -> float:
        """What goes to the visitors, in bits a second."""
        return self.downloads * FILE_BYTES * 8

    def _cores(self, per_gib_out: float, per_gib_in: float) -> float:
        costs = self.costs
        bytes_in, bytes_out = self.uploads * FILE_BYTES / GIB, self.downloads * FILE_BYTES / GIB
        requests = self.uploads * costs.cpu_per_upload + self.downloads * costs.cpu_per_download
        return requests + bytes_in * per_gib_in + bytes_out * per_gib_out


def fits_one_machine(load: Load) -> bool:
    return load.held_bytes < ONE_MACHINE_GIB * GIB and load.bits < ONE_MACHINE_BITS


ROWS: tuple[tuple[str, Callable[[Load], str]], ...] = (
    ("uploads; downloads (1/s)", lambda load: f"{rate(load.uploads)}; {rate(load.downloads)}"),
    ("bytes in; out (MiB/s)", lambda load: f"{rate(load.uploads * FILE_BYTES / MIB)}; "
                                           f"{rate(load.downloads * FILE_BYTES / MIB)}"),
    ("network to visitors (Gbit/s)", lambda load: rate(load.bits / 1e9)),
    ("transfers at once", lambda load: f"{math.ceil(load.transfers):,}"),
    ("memory of their connections (MiB)",
     lambda load: f"{math.ceil(load.transfers * load.costs.memory_per_connection / MIB):,}"),
    ("cores busy, folder", lambda load: rate(load.cores_with_folder)),
    ("cores busy, bucket", lambda load: rate(load.cores_with_bucket)),
    ("blobs held", lambda load: size(load.held_bytes)),
    ("rows held, SQLite", lambda load: size(load.rows_bytes(0))),
    ("rows held, PostgreSQL", lambda load: size(load.rows_bytes(1))),
    ("commits (1/s)", lambda load: rate(load.commits)),
    ("one machine with SQLite and a folder",
     lambda load: "enough" if fits_one_machine(load) else "too small"),
    (f"else: replicas of {REPLICA_CORES} cores", lambda load: f"{load.replicas}"),
    ("memory of a replica (MiB)", lambda load: f"{math.ceil(load.memory_with_bucket / MIB):,}"),
    ("connections to PostgreSQL, at most",
     lambda load: f"{load.replicas * REPLICA_CORES * POOL:,}"),
)  # fmt: skip


def rate(value: float) -> str:
    """Write a number with two digits that count, large ones whole."""
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.001 else "0.001"


def size(size_bytes: float) -> str:
    for unit, name in ((TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB")):
        if size_bytes >= unit:
            return f"{rate(size_bytes / unit)} {name}"
    return f"{rate(size_bytes / KIB)} KiB"


def table(text: str) -> str:
    """Return the table in Markdown, computed from the measurements in a text."""
    costs = read_costs(text)
    loads = [Load(scale, costs) for scale in SCALES]
    lines = ["| links a day | " + " | ".join(f"{scale:,}" for scale in SCALES) + " |"]
    lines.append("| --- |" + " --: |" * len(SCALES))
    lines += [
        f"| {name} | " + " | ".join(tell(load) for load in loads) + " |" for name, tell in ROWS
    ]
    return "\n".join(lines)


def main() -> None:
    made = table(MEASURED.read_text())
    if sys.argv[1:] != ["--write"]:
        print(made)  # noqa: T201
        return
    before, _, rest = DEPLOY.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DEPLOY.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}")


if __name__ == "__main__":
    main()
