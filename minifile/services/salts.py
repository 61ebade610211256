"""Forgetting salts: with them goes all that a client could be known by again.

What was deleted stays in SQLite's log until something is written over it, so that is emptied.
"""

from datetime import datetime
from weakref import WeakSet

from sqlalchemy import Engine

from minifile.extensions import db
from minifile.services.clients import destroy_old_salts
from minifile.services.pacing import unhurried, unhurried_transaction
from minifile.services.write_back import empty_log

# Databases in whose log nothing stands that was to be forgotten, as far as this process knows. It
# knows of none at first: a crash may have come between the two steps.
_clean: "WeakSet[Engine]" = WeakSet()


def leave_no_trace() -> None:
    """Let the next `forget_salts` empty the log: something was deleted that must be gone."""
    _clean.discard(db.engine)


def forget_salts(now: datetime) -> None:
    """Destroy the salts of all days before yesterday, in SQLite's log too.

    Where the log can't be emptied, because somebody reads for long, the next call tries again.
    """
    with unhurried_transaction():
        if destroy_old_salts(now):
            leave_no_trace()
    if db.engine not in _clean:
        with unhurried():
            if empty_log():
                _clean.add(db.engine)
