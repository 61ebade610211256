"""Many small requests, sent by wrk."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.client import FORM_TYPE, USER_AGENT, Refused, form_body
from bench.running import Server

_SCRIPTS = Path(__file__).parent


def is_installed() -> bool:
    return shutil.which("wrk") is not None


def get_rate(server: Server, paths: list[str], *, connections: int, seconds: int) -> float:
    """Fetch the paths in turn; return requests a second."""
    return _run(server, connections, seconds, "get.lua", paths)


def put_rate(server: Server, *, size_bytes: int, connections: int, seconds: int) -> float:
    """Upload small files of different names, by PUT if it may be; return requests a second."""
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
        return _run(server, connections, seconds, "put.lua", [*arguments, file.name])


def _run(
    server: Server, connections: int, seconds: int, script: str, arguments: list[str]
) -> float:
    command = [
        *("wrk", "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{seconds}s", "--timeout", "10s", "--script", str(_SCRIPTS / script)),
        *("--header", f"User-Agent: {USER_AGENT}", f"http://127.0.0.1:{server.port}/"),
        *("--", *arguments),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 30, check=False
    )
    return read_rate(done.stdout)


def read_rate(output: str) -> float:
    """Return the requests a second that wrk reports. Raises Refused when any were refused."""
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if refused:
        raise Refused(f"{refused[1]} requests were refused")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if rate is None or float(rate[1]) == 0:
        raise Refused(f"no answers: {output[-200:]!r}")
    return float(rate[1])
