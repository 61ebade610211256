"""Servers while they run: started on a free port, watched in /proc, stopped by their process id."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

from bench.client import Refused, ask
from bench.programs import Program

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 30
_STOP_SECONDS = 15


class Server:
    """One running program, with a folder of its own."""

    def __init__(self, program: Program, parent: Path) -> None:
        self.program = program
        self.name = program.name
        self.folder = Path(mkdtemp(prefix="server-", dir=parent))
        self.port = _free_port()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MINIFILE_")}
        # Where frameworks spool bodies: on the same file system as all else.
        (self.folder / "spool").mkdir()
        environment["TMPDIR"] = str(self.folder / "spool")
        environment |= program.environment(self.folder)
        command = program.command(self.folder, self.port)
        started = time.monotonic()
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - started

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                ask(self.port, f"GET {self.program.index} HTTP/1.1\r\n")
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        log = (self.folder / "log").read_text(errors="replace")
        raise Refused(f"{self.name} does not start: {log[-500:]}")

    def stop(self) -> None:
        """End the process and its children, and remove the folder."""
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        # Its group is its own: whatever is left of it, also children that outlived their parent.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def forget_large_files(self, size_bytes: int) -> None:
        """Empty stored files of at least this size, so that rounds don't fill the memory."""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(OSError):
                    if path.stat().st_size >= size_bytes:
                        os.truncate(path, 0)

    def pids(self) -> list[int]:
        """Return the process and its descendants."""
        found = [self._process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for children in Path(f"/proc/{pid}/task").glob("*/children"):
                    found += [int(child) for child in children.read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        """Return the CPU time that all its processes have used so far."""
        ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    def rss_bytes(self) -> int:
        """Return the resident memory of all its processes, with shared pages split among them."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
        return total


class Watch:
    """A server's memory while the block runs: its peak, and by how much it grew to it."""

    def __init__(self, server: Server, pause: float = 0.02) -> None:
        self._server = server
        self._pause = pause
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self.before = self._server.rss_bytes()
        self.peak_bytes = self.before
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._done.wait(self._pause):
            self.peak_bytes = max(self.peak_bytes, self._server.rss_bytes())

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()
        self.growth_bytes = self.peak_bytes - self.before


@contextlib.contextmanager
def running(programs: list[Program], *, memory: Path, disk: Path) -> Iterator[list[Server]]:
    """Start the programs, and stop them whatever happens. What does not start is left out."""
    servers = []
    try:
        for program in programs:
            try:
                servers.append(Server(program, disk if program.on_disk else memory))
            except (Refused, OSError) as error:
                print(f"left out: {error}", flush=True)
        yield servers
    finally:
        for server in servers:
            server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
