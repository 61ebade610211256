"""Programs of this checkout in processes that are forked from one which has imported minifile.

A fresh interpreter spends most of its start on imports: seconds of a busy core for a server, and
for each command. What is run is the same (`python -m minifile …`, with the environment, the folder
and the streams that the test gives). tests/cli/test_serve.py and test_commands.py begin with a new
interpreter, as an admin does: what must be imported first is seen there.
"""

import atexit
import gc
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

Command = list[str]


class Forked:
    """A process as `subprocess.Popen` has it, so far as tests ask."""

    def __init__(self, args: Command, pid: int) -> None:
        self.args = args
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _forker().ask("poll", self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            time.sleep(0.005)
        return status

    def send_signal(self, number: int) -> None:
        # Its number is another's only after it has been waited for.
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(15)

    def kill(self) -> None:
        self.send_signal(9)


def start_forked(
    command: Command,
    *,
    env: dict[str, str],
    stdout: IO[Any],
    stderr: IO[Any],
    stdin: IO[Any] | None = None,
    start_new_session: bool = True,
) -> Forked:
    """Start `python -m minifile …` or `python script.py …` as `Popen` does."""
    with ExitStack() as opened:
        stdin = stdin or opened.enter_context(Path(os.devnull).open())
        streams = [stream.fileno() for stream in (stdin, stdout, stderr)]
        given = (command[1:], env, str(Path.cwd()), start_new_session)
        return Forked(command, _forker().ask("fork", *given, streams=streams))


def run_forked(
    command: Command, *, env: dict[str, str], text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it to its end with this text for its input, and return what it said."""
    with TemporaryFile("w+") as stdin, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        stdin.write(text)
        stdin.seek(0)
        status = start_forked(command, env=env, stdin=stdin, stdout=out, stderr=err).wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, status, out.read(), err.read())


class _Forker:
    """The other end of the process that forks."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        self._turn = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        self._answers = self._ours.makefile("r")

    def ask(self, *request: Any, streams: list[int] | None = None) -> Any:
        with self._turn:
            socket.send_fds(self._ours, [json.dumps(request).encode() + b"\n"], streams or [])
            return json.loads(self._answers.readline())

    def end(self) -> None:
        self._answers.close()
        self._ours.close()
        self._process.wait()


@cache
def _forker() -> _Forker:
    forker = _Forker()
    atexit.register(forker.end)
    return forker


def _serve(asked: socket.socket) -> None:
    """Fork and poll as asked, until nobody is there to ask."""
    while request := _receive(asked):
        (kind, *rest), streams = request
        if kind == "poll":
            answer = _status(rest[0])
        elif (answer := os.fork()) == 0:
            asked.close()
            _become(*rest, streams)
            return
        for stream in streams:
            os.close(stream)
        asked.sendall(json.dumps(answer).encode() + b"\n")


def _receive(asked: socket.socket) -> tuple[list[Any], list[int]] | None:
    line, streams = b"", []
    while not line.endswith(b"\n"):
        part, more, *_ = socket.recv_fds(asked, 65_536, 3)
        if not part:
            return None
        line, streams = line + part, streams + more
    return json.loads(line), streams


def _status(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _become(
    arguments: list[str],
    env: dict[str, str],
    folder: str,
    start_new_session: bool,
    streams: list[int],
) -> None:
    """Be the interpreter that was started with these arguments; it ends when this returns."""
    if start_new_session:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    if arguments[0] == "-m":
        sys.path[0], sys.argv = folder, arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0], sys.argv = str(Path(arguments[0]).parent), arguments
        runpy.run_path(arguments[0], run_name="__main__")


def _import_all() -> None:
    import minifile

    for module in pkgutil.walk_packages(minifile.__path__, "minifile."):
        import_module(module.name)
    for name in ("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg"):
        import_module(name)


if __name__ == "__main__":
    # Its own folder holds modules that are not the product's.
    sys.path[0] = str(Path.cwd())
    _import_all()
    # The program is run, not imported; and what stays need not be searched in each process.
    del sys.modules["minifile.__main__"]
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
