"""Many small requests, sent by wrk."""

import math
import re
import resource
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.client import FORM_TYPE, USER_AGENT, Refused, form_body
from bench.running import Server

_SCRIPT = Path(__file__).parent / "load.lua"
# How long a last answer may take before wrk is ended without it.
_GRACE_SECONDS = 12


@dataclass(frozen=True)
class Load:
    """What a run of wrk came to. All that was asked has been answered."""

    answers: int
    rate: float
    """Answers a second, until the last one."""
    busy: float = 0.0
    """How much of one core wrk needed; at 1 it would be wrk that is measured."""


def is_installed() -> bool:
    return shutil.which("wrk") is not None


def get_load(server: Server, paths: list[str], *, connections: int, seconds: float) -> Load:
    """Fetch the paths in turn."""
    return _run(server, connections, seconds, ["GET", *paths])


def put_load(server: Server, *, size_bytes: int, connections: int, seconds: float) -> Load:
    """Upload small files of different names, by PUT if it may be."""
    program = server.program
    body = b"x" * size_bytes
    with tempfile.NamedTemporaryFile() as file:
        if program.takes_put:
            arguments = ["PUT", "/small-", "application/octet-stream"]
        else:
            before, after = form_body(program.form, "small.bin")
            body = before + body + after
            arguments = ["POST", program.form.path, FORM_TYPE]
        file.write(body)
        file.flush()
        return _run(server, connections, seconds, [*arguments, file.name])


def _run(server: Server, connections: int, seconds: float, arguments: list[str]) -> Load:
    limit = math.ceil(seconds) + _GRACE_SECONDS
    command = [
        *("wrk", "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{limit}s", "--timeout", f"{limit}s", "--script", str(_SCRIPT)),
        *("--header", f"User-Agent: {USER_AGENT}", f"http://127.0.0.1:{server.port}/"),
        *("--", str(seconds), str(connections), *arguments),
    ]
    cpu, started = _childrens_cpu(), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit + 30, check=False)
    busy = (_childrens_cpu() - cpu) / (time.monotonic() - started)
    answers, rate = read_load(done.stdout)
    return Load(answers, rate, busy)


def _childrens_cpu() -> float:
    """Return the CPU seconds of the children that have ended; the servers still run."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read_load(output: str) -> tuple[int, float]:
    """Return the answers and the answers a second that the script reports.

    Raises Refused when requests were refused or never answered.
    """
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if refused:
        raise Refused(f"{refused[1]} requests were refused")
    found = re.search(r"asked (\d+) answered (\d+) in ([\d.]+)", output)
    if found is None or int(found[2]) == 0:
        raise Refused(f"no answers: {output[-200:]!r}")
    asked, answered, took = int(found[1]), int(found[2]), float(found[3])
    if answered != asked or not took:
        raise Refused(f"{asked - answered} of {asked} requests were not answered")
    return answered, answered / took
