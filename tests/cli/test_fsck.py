"""`minifile fsck`: what it prints, and its exit status."""

import pytest
from conftest import NOW
from flask import Flask
from flask.testing import FlaskCliRunner
from services.making import DAY, make_link

from minifile.codes import new_key
from minifile.models import Link
from minifile.storage.local import LocalStorage


@pytest.fixture
def shell(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


@pytest.fixture
def link(app: Flask) -> Link:
    with app.app_context():
        return make_link(app, b"hello", now=NOW, lifetime=10 * DAY)


def test_a_sound_instance_exits_with_0(shell: FlaskCliRunner, link: Link):
    done = shell.invoke(args=["fsck", "--digests"])

    assert (done.exit_code, done.output) == (0, "Found 0 faults.\n")


def test_each_fault_is_a_line_and_the_exit_status_is_1(
    shell: FlaskCliRunner, link: Link, storage: LocalStorage
):
    storage.delete(link.files[0].storage_key)
    orphan = new_key()
    with storage.batch() as batch:
        batch.put(orphan, [b"x"])
        batch.keep()

    done = shell.invoke(args=["fsck"])

    assert done.exit_code == 1
    assert done.output.splitlines() == [
        f"missing blob: {link.files[0].storage_key} of link {link.id}",
        f"orphan blob: {orphan}",
        "Found 2 faults.",
    ]


def test_repair_says_what_it_repaired_and_the_next_run_finds_nothing(
    shell: FlaskCliRunner, link: Link, storage: LocalStorage
):
    storage.delete(link.files[0].storage_key)

    repairing = shell.invoke(args=["fsck", "--repair"])
    after = shell.invoke(args=["fsck"])

    assert repairing.exit_code == 1
    assert "(repaired)\nFound 1 fault, repaired 1.\n" in repairing.output
    assert (after.exit_code, after.output) == (0, "Found 0 faults.\n")


def test_changed_bytes_are_found_by_digests_only_and_never_repaired(
    shell: FlaskCliRunner, link: Link, storage: LocalStorage
):
    storage.path(link.files[0].storage_key).write_bytes(b"jello")

    quick = shell.invoke(args=["fsck"])
    thorough = shell.invoke(args=["fsck", "--digests", "--repair"])

    assert (quick.exit_code, thorough.exit_code) == (0, 1)
    assert "wrong digest: " in thorough.output
    assert "Found 1 fault, repaired 0." in thorough.output
