"""`minifile purge`: one purge now."""

from datetime import UTC, datetime, timedelta

from cli.conftest import Run
from flask import Flask
from services.making import make_link

from minifile.codes import new_key
from minifile.storage import Storage

# The command has a clock of its own.
LONG_AGO = datetime(2020, 2, 2, tzinfo=UTC)


def test_it_deletes_what_is_over_and_says_how_much(app: Flask, run: Run, storage: Storage):
    with app.app_context():
        make_link(app, b"hello", b"you", now=LONG_AGO)
        kept = make_link(app, now=datetime.now(UTC), lifetime=timedelta(hours=1))
    with storage.batch() as batch:
        batch.put(new_key(), [b"an orphan"])
        batch.keep()

    done = run("purge")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Purged 1 link (8 B) and 0 partial uploads, swept 1 orphan blob.\n"
    assert [blob.key for blob in storage.blobs()] == [kept.files[0].storage_key]


def test_with_nothing_to_do_it_says_so_and_succeeds(run: Run):
    done = run("purge")

    assert done.returncode == 0
    assert done.stdout == "Purged 0 links (0 B) and 0 partial uploads, swept 0 orphan blobs.\n"


def test_it_is_the_same_command_under_flask(app: Flask):
    done = app.test_cli_runner().invoke(args=["purge"])

    assert (done.exit_code, done.output[:8]) == (0, "Purged 0")
