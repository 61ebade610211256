"""`python -m bench.analytics`: what recording costs a download.

The same server with ANALYTICS=off and on, and with `--before` one from another folder, such as an
older commit's. Each download is by a new client. The servers take turns for short rounds, each
time in another order; what disturbs one round disturbs its neighbours, so each round's ratio
stands for itself, and their median and quartiles are told.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles

from bench.client import Refused, put
from bench.counting import count_downloads
from bench.newcomers import fetch
from bench.programs import PROGRAMS, SHIPPED, Program
from bench.report import number
from bench.running import Server

_OFF, _ON, _BEFORE = "off", "on", "before"
_LINKS = 16
_CONNECTIONS = 16
_SIZES = {"1 KiB": 2**10, "1 MiB": 2**20}


@dataclass
class _Samples:
    """One server's rounds: downloads a second, and the server's CPU for one, in milliseconds."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def main() -> None:
    arguments = _arguments()
    with (
        tempfile.TemporaryDirectory(dir=arguments.folder, prefix="bench-") as folder,
        _running(_programs(arguments.before), Path(folder)) as servers,
    ):
        for title, size in _SIZES.items():
            samples = _measure(servers, size, arguments.rounds, arguments.seconds)
            print("\n".join(_lines(title, samples)), flush=True)


def _measure(
    servers: Mapping[str, Server], size: int, rounds: int, seconds: float
) -> dict[str, _Samples]:
    paths = {name: _publish(server, size) for name, server in servers.items()}
    samples = {name: _Samples() for name in servers}
    names = list(servers)
    for name in names:
        _sample(servers[name], paths[name], seconds, _Samples())
    for turn in range(rounds):
        for name in names if turn % 2 else reversed(names):
            _sample(servers[name], paths[name], seconds, samples[name])
    return samples


def _sample(server: Server, paths: list[str], seconds: float, into: _Samples) -> None:
    """Fetch for some seconds; all that was fetched has to be counted, too."""
    counted, cpu = count_downloads(server), server.cpu_seconds()
    load = fetch(server.port, paths, connections=_CONNECTIONS, seconds=seconds)
    cpu, counted = server.cpu_seconds() - cpu, count_downloads(server) - counted
    if counted != load.downloads:
        raise Refused(f"{counted} of {load.downloads} downloads were counted")
    into.rates.append(load.downloads / load.seconds)
    into.cpu.append(cpu * 1000 / load.downloads)


def _lines(title: str, samples: Mapping[str, _Samples]) -> Iterator[str]:
    """Tell the medians, and how many times those of the others the ones with analytics are."""
    for name, of in samples.items():
        yield f"{title}, {name}: {number(median(of.rates))}/s, {median(of.cpu):.3f} ms of CPU"
    for other in [name for name in samples if name != _ON]:
        yield f"{title}, on/{other}: rate {_ratio(samples[_ON].rates, samples[other].rates)}"
        yield f"{title}, on/{other}: CPU {_ratio(samples[_ON].cpu, samples[other].cpu)}"


def _ratio(ours: list[float], others: list[float]) -> str:
    lower, middle, upper = quantiles([a / b for a, b in zip(ours, others, strict=True)], n=4)
    of_medians = median(ours) / median(others)
    return f"{of_medians:.3f} × (of rounds: {middle:.3f} ×, quartiles {lower:.3f} to {upper:.3f})"


def _publish(server: Server, size: int) -> list[str]:
    """Upload files of a size, and return where each is fetched by its name."""
    with tempfile.NamedTemporaryFile(dir=server.folder) as file:
        file.truncate(size)
        names = [f"{size}-{each}.bin" for each in range(_LINKS)]
        answers = [put(server.port, name, Path(file.name)) for name in names]
    return [
        server.program.locate(name, answer) for name, answer in zip(names, answers, strict=True)
    ]


def _programs(before: Path | None) -> dict[str, Program]:
    shipped = next(program for program in PROGRAMS if program.name == SHIPPED)
    programs = {name: _with_analytics(shipped, name) for name in (_OFF, _ON)}
    if before is not None:
        programs[_BEFORE] = replace(
            shipped, command=lambda folder, port: _in_folder(before, shipped.command(folder, port))
        )
    return programs


def _with_analytics(program: Program, value: str) -> Program:
    def environment(folder: Path) -> Mapping[str, str]:
        return {**program.environment(folder), "MINIFILE_ANALYTICS": value}

    return replace(program, environment=environment)


def _in_folder(folder: Path, command: list[str]) -> list[str]:
    """Return what runs a command where Python looks for modules in that folder first."""
    return ["env", "--chdir", str(folder), *command]


@contextmanager
def _running(programs: Mapping[str, Program], folder: Path) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        servers = {}
        for name, program in programs.items():
            servers[name] = Server(program, folder)
            stack.callback(servers[name].stop)
        yield servers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.analytics", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each round")
    parser.add_argument("--before", type=Path, help="a folder with another minifile")
    parser.add_argument("--folder", help="where the servers keep everything; memory if possible")
    parser.set_defaults(folder="/dev/shm" if Path("/dev/shm").is_dir() else None)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
