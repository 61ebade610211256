"""Commands run as an admin runs them: in a process of their own."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import MINIFILE, RunningServer, servers_in
from flask import Flask
from forking import run_forked

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(app: Flask, tmp_path: Path) -> Run:
    """Run a command on the instance of `app`; settings as keyword arguments."""

    def run_(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        values = {"instance_path": str(tmp_path / "instance"), "keep_free": "0", **settings}
        environment = os.environ | {f"MINIFILE_{name.upper()}": v for name, v in values.items()}
        return run_forked([*MINIFILE, *arguments], env=environment)

    return run_


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Start servers as an admin does: by a new interpreter, on an instance that is empty."""
    with servers_in(tmp_path, fresh=True) as start:
        yield start
