"""The instance that the benchmark fills by itself is one that minifile finds sound."""

import os
import subprocess
from pathlib import Path

from conftest import MINIFILE

from bench.filling import fill


def test_a_filled_instance_is_sound_and_its_expired_links_can_be_purged(tmp_path: Path):
    instance = tmp_path / "instance"

    paths = fill(instance, links=200, expired=20)
    checked = run(instance, "fsck", "--digests")
    purged = run(instance, "purge")

    assert len(paths) == 180
    assert checked == "Found 0 faults.\n"
    assert purged == "Purged 20 links (20 KiB) and 0 partial uploads, swept 0 orphan blobs.\n"
    assert "open links        180\n" in run(instance, "stats")


def run(instance: Path, *arguments: str) -> str:
    """Run a command on the instance and return what it prints."""
    environment = os.environ | {"MINIFILE_INSTANCE_PATH": str(instance)}
    done = subprocess.run(
        [*MINIFILE, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout
