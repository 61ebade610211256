"""`minifile stats`: how much the instance holds."""

from datetime import UTC, datetime, timedelta

from conftest import NOW
from flask import Flask
from services.making import begin, make_link


def test_it_prints_each_number_on_its_line(app: Flask):
    now = datetime.now(UTC)
    with app.app_context():
        begin(make_link(app, b"x" * 1536, now=now), now=now)
        make_link(app, b"", now=NOW - timedelta(days=365))

    done = app.test_cli_runner().invoke(args=["stats"])

    lines = dict(line.rsplit("  ", 1) for line in done.output.splitlines())
    numbers = {name.strip(): value.strip() for name, value in lines.items()}
    free = numbers.pop("free")
    assert done.exit_code == 0
    assert free.endswith("iB")
    assert numbers == {
        "open links": "1",
        "links to purge": "1",
        "files": "2",
        "stored": "1.5 KiB (1536 bytes)",
        "partial uploads": "0 (0 B)",
        "downloads": "1",
        "being fetched": "1",
        "users": "0",
        "reserved": "0 B",
    }
