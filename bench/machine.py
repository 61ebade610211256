"""What the numbers were measured on: machine, system, versions."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from bench.peers import NODE_PEERS, PEERS


def describe(memory: Path, disk: Path, load: float) -> list[str]:
    """Return lines about the machine and the versions."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    kib = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1])
    return [
        f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}),"
        f" {kib / 2**20:.0f} GiB of memory, Linux {platform.release()};"
        f" load average before the run: {load:.1f}",
        f"minifile as shipped on {_file_system(disk)}, everything else on {_file_system(memory)}",
        f"Python {platform.python_version()}, gunicorn {version('gunicorn')}, Flask"
        f" {version('flask')}, SQLAlchemy {version('sqlalchemy')}, {', '.join(_peer_versions())}",
    ]


def free_memory() -> int:
    """Return the bytes of memory that are to be had without swapping."""
    kib = int(re.search(r"MemAvailable:\s*(\d+)", Path("/proc/meminfo").read_text())[1])
    return kib * 1024


def _file_system(path: Path) -> str:
    """Return the type of the file system that holds `path`."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(m, kind) for m, kind in mounts if path.absolute().is_relative_to(m)]
    return max(holding, key=lambda pair: len(pair[0]))[1]


def _peer_versions() -> list[str]:
    found = []
    npm = ["npm", "ls", "--prefix", str(NODE_PEERS)]
    for command in (["nginx", "-v"], [str(PEERS / "pip"), "list"], npm, ["wrk", "-v"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        except OSError:
            continue
        found += re.findall(
            r"nginx/[\d.]+|(?:copyparty|bepasty) +[\d.]+|@tus/server@[\d.]+|^wrk [^ ]*\d[^ ]*",
            done.stdout + done.stderr,
            re.MULTILINE,
        )
    plain = [re.sub(r"^nginx/", "nginx ", name).replace("server@", "server ") for name in found]
    return [" ".join(name.split()) for name in plain] or [sys.platform]
