"""The systemd unit, as systemd's own tools judge it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import skip_or_fail
from deploying import ROOT

from minifile.config import Settings


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is here."""
    if shutil.which("systemd-analyze") is None:
        skip_or_fail("needs systemd-analyze: apt install systemd")
    program = Path(sys.executable).with_name("minifile")
    text = (ROOT / "deploy" / "minifile.service").read_text()
    path = tmp_path / "minifile.service"
    path.write_text(text.replace("/opt/minifile/bin/minifile", str(program)))
    return path


def test_systemd_understands_every_line(unit: Path):
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_finds_little_that_the_service_could_harm(unit: Path):
    judged = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]

    done = subprocess.run(judged, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-200:]


def test_systemd_waits_for_longer_than_the_server_does():
    text = (ROOT / "deploy" / "minifile.service").read_text()
    grace = Settings.model_fields["stop_timeout"].default.total_seconds()

    minutes = re.search(r"^TimeoutStopSec=(\d+)min$", text, re.MULTILINE)

    assert minutes
    assert int(minutes[1]) * 60 > grace
