"""Programs in JavaScript that the tests run: tests/node, and what stands in its package.json."""

import os
import subprocess
from pathlib import Path

from conftest import skip_or_fail

NODE = Path(__file__).parents[1] / ".venv" / "node"
BIN = NODE.parent / "bin"


def check_node() -> None:
    """Skip where the packages are not installed; on the gate that is a failure."""
    if not (NODE / "node_modules").is_dir():
        skip_or_fail("needs the packages of tests/node: make .venv/node.installed (make test does)")


def run_node(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program in the folder of the packages, where node comes first in the path."""
    check_node()
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        command, cwd=NODE, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
