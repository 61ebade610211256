"""The image without a container: what its file says, carried out under the same constraints."""

import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import linux_only, skip_or_fail
from deploying import ROOT, Image

from minifile.config import Settings


@pytest.fixture
def image() -> Image:
    return Image()


def test_the_image_runs_as_a_numbered_user_without_rights(image: Image):
    uid, gid = image["USER"].split(":")

    assert int(uid) == int(gid) > 1000


def test_only_the_instance_is_written(image: Image):
    assert image.environment["MINIFILE_INSTANCE_PATH"] == image["VOLUME"] == "/data"
    assert image.environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_both_stages_begin_with_the_same_python_of_a_named_version(image: Image):
    base, last = image.stages

    assert base == last
    assert base.startswith("python:3.")


def test_the_settings_of_the_image_are_settings(image: Image):
    names = [name for name in image.environment if name.startswith("MINIFILE_")]

    assert {name.removeprefix("MINIFILE_").lower() for name in names} <= set(Settings.model_fields)


def test_only_what_the_image_is_made_of_is_sent_to_its_builder():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = [
        name
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    ]

    assert "*" in lines
    assert set(copied) == allowed
    assert [name for name in copied if not (ROOT / name).exists()] == []


@linux_only
def test_the_command_serves_with_a_read_only_tree_and_as_another_user(image: Image, tmp_path: Path):
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        skip_or_fail("makes namespaces: run it as root, with unshare (apt install util-linux)")
    uid = image["USER"].partition(":")[0]
    os.chown(tmp_path, int(uid), int(uid))
    python = {"minifile": [sys.executable, "-m", "minifile"], "python": [sys.executable]}
    server, health = (
        shlex.join([*python[words[0]], *words[1:]]) for words in (image.command, image.health_check)
    )

    done = subprocess.run(
        ["unshare", "--mount", "--net", "--fork", "sh", Path(__file__).with_name("container.sh"),
         tmp_path, uid, server, health],
        env={"PATH": os.environ["PATH"], **image.environment, "MINIFILE_INSTANCE_PATH": tmp_path,
             "MINIFILE_KEEP_FREE": "0"},
        cwd="/", capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip

    said = done.stdout.splitlines()
    assert said == ["healthy", "fetched: hello", "stopped: 0"], done.stderr
    made = [path.stat() for path in tmp_path.rglob("*")]
    assert {found.st_uid for found in made} == {int(uid)}
    assert not any(found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) for found in made)
