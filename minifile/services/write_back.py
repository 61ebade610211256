"""SQLite's log, written back to the database beside the commits instead of within one.

The commit that fills the log would write it back itself, thousands of pages and two syncs, while
all other writers wait. Here that happens outside of any turn; only the little that came meanwhile
is written within one, after which the log begins anew instead of growing.
"""

from minifile.extensions import db, writers_turn
from minifile.services.statements import Driver, reading

# Pages in the log from which on it is to begin anew: 8 MiB.
_BEGIN_ANEW_PAGES = 2048


def write_back() -> None:
    """Write back what no reader needs in the log. Does nothing on PostgreSQL.

    Any number of processes may do so at once: SQLite lets one of them through.
    """
    engine = db.engine
    if engine.dialect.name != "sqlite":
        return
    with reading(engine) as driver:
        if _pages(driver) >= _BEGIN_ANEW_PAGES:
            with writers_turn(engine):
                _pages(driver)


def _pages(driver: Driver) -> int:
    """Write back (PASSIVE waits for nobody), and return how many pages the log had."""
    _, pages, _ = driver.fetch("PRAGMA wal_checkpoint(PASSIVE)", ())[0]
    return int(pages)
