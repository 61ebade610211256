"""Our own counts, read from the database while the server runs, beside what clients were given."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path

from bench.programs import SHIPPED, UNSYNCED
from bench.results import Goal, Row
from bench.running import Server


def count_downloads(server: Server) -> int:
    """Return the sum of the download counters of all links; 0 for a peer."""
    return _read(server, "SELECT coalesce(sum(download_count), 0) FROM link")


def count_links(server: Server) -> int:
    """Return the number of links; 0 for a peer."""
    return _read(server, "SELECT count(*) FROM link")


def _read(server: Server, query: str) -> int:
    if server.name not in (SHIPPED, UNSYNCED):
        return 0
    file: Path = server.folder / "instance" / "minifile.sqlite"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        return int(database.execute(query).fetchone()[0])


class Tally:
    """Compares what a server counted with what clients were given, without any allowance."""

    def __init__(self) -> None:
        self._given: dict[str, int] = defaultdict(int)
        self._wrong: dict[str, int] = defaultdict(int)

    def compare(self, server: Server, *, counted: int, given: int) -> None:
        if server.name in (SHIPPED, UNSYNCED):
            self._given[server.name] += given
            self._wrong[server.name] += abs(counted - given)

    def row(self, what: str) -> Row:
        """Return the row that says how many were counted wrongly, and of how many."""
        given = self._given[SHIPPED]
        wrong = {name: [float(number)] for name, number in self._wrong.items()}
        title = f"{what}: counted wrongly, of {given:,}"
        return Row(title, "", SHIPPED, wrong, (Goal(0, at_most=True),))
