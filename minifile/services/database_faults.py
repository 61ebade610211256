"""What a driver says of a database that can't be used, in one sentence and without a secret."""

import re

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

# In the order they are looked for. libpq joins what it says of each address that it tried.
_FAULTS = (
    (r"password authentication failed", "The password for the user {user} is wrong."),
    (r"no password supplied", "DATABASE_URL has no password for the user {user}."),
    (r"role .* does not exist", "There is no user {user}."),
    (r"database .* does not exist", "There is no database {database}; createdb makes it."),
    (r"no pg_hba\.conf entry", "The server lets {user} into {database} from here by no rule."),
    (r"too many clients|connection slots are reserved", "All connections of the server are taken."),
    (r"starting up|shutting down|in recovery mode", "The server is just starting or stopping."),
    (r"permission denied", "The user {user} may not use it; grant what is needed."),
    (r"Connection refused|No such file or directory", "Nothing answers at {place}."),
    (r"resolve host|translate host|not known|name resolution", "The host {host} is not known."),
    (r"timeout|timed out", "{place} did not answer in time."),
    (r"SSL|certificate", "An encrypted connection to {place} can't be made."),
    (r"unable to open database file", "The file {database} can't be opened."),
    (r"readonly database", "The file {database} can't be written."),
    (r"not a database|malformed", "The file {database} is damaged, or no SQLite database."),
    (r"locked", "Another process holds the file {database} for too long."),
)


def fault_in_words(error: SQLAlchemyError, address: URL) -> str:
    """Return what is wrong with a database in one sentence."""
    said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    host = address.host or str(address.query.get("host", "the local socket"))
    place = f"{host} port {address.port or 5432}"
    words = {
        "user": address.username or "that the system names",
        "database": (address.database or "").removeprefix("file:"),
        "host": host,
        "place": place,
    }
    for pattern, sentence in _FAULTS:
        if re.search(pattern, said, re.IGNORECASE):
            return sentence.format(**words)
    # Only the kind of it: what else a driver may say, nobody has read for secrets.
    return f"It does not answer ({type(error).__name__})."
