"""SQLite's log, written back to the database beside the commits instead of within one.

The commit that fills the log would write it back itself, thousands of pages and two syncs, while
all other writers wait. Here that happens outside of any turn; only the little that came meanwhile
is written within one, after which the log begins anew instead of growing.
"""

from minifile.extensions import BUSY_TIMEOUT_MS, db, writers_turn
from minifile.services.statements import Driver, lent_driver, reading

# Pages in the log from which on it is to begin anew: 8 MiB.
_BEGIN_ANEW_PAGES = 2048
# All other writers wait meanwhile.
_WAIT_FOR_READERS_MS = 200


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


def empty_log() -> bool:
    """Write all of the log back, and cut it off: of what was deleted nothing stays in it.

    Returns whether that worked. Somebody who reads for long is not waited for. Does nothing on
    PostgreSQL.
    """
    engine = db.engine
    if engine.dialect.name != "sqlite":
        return True
    write_back()
    with writers_turn(engine), lent_driver(engine) as driver:
        driver.fetch(f"PRAGMA busy_timeout={_WAIT_FOR_READERS_MS}", ())
        try:
            is_busy, _, _ = driver.fetch("PRAGMA wal_checkpoint(TRUNCATE)", ())[0]
        finally:
            driver.fetch(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}", ())
    return not is_busy


def _pages(driver: Driver) -> int:
    """Write back (PASSIVE waits for nobody), and return how many pages the log had."""
    _, pages, _ = driver.fetch("PRAGMA wal_checkpoint(PASSIVE)", ())[0]
    return int(pages)
