"""Rounds: each server does the same work in turn, so that what disturbs one disturbs all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.client import Refused
from bench.running import Server

Samples = dict[str, list[tuple[float, ...]]]
Notes = dict[str, str]


@dataclass(frozen=True)
class Options:
    """How much is done; `source` is a file of `size_bytes` that clients send."""

    size_bytes: int
    rounds: int
    seconds: float
    slow_seconds: int
    pairs: int
    source: Path


def run_rounds(
    servers: Iterable[Server], count: int, work: Callable[[Server], tuple[float, ...]]
) -> tuple[Samples, Notes]:
    """Return what each server's rounds gave. One that fails is not asked again."""
    samples: Samples = {}
    notes: Notes = {}
    for _ in range(count):
        for server in servers:
            if server.name in notes:
                continue
            try:
                samples.setdefault(server.name, []).append(work(server))
            except (Refused, OSError) as error:
                notes[server.name] = str(error)
                samples.pop(server.name, None)
    return samples, notes


def column(samples: Samples, index: int) -> dict[str, list[float]]:
    """Return one number of each sample."""
    return {name: [sample[index] for sample in rounds] for name, rounds in samples.items()}
