"""How many processes and threads the server has by default, from what the machine has."""

import os
import resource

# Python runs one thread of a process at a time, so a process a core; two at least, so that one
# that is restarted leaves another. More than eight mostly wait for one database file.
_MOST_WORKERS = 8
# A slow upload holds a thread for as long as its client takes, and nothing else does. One costs
# about 50 KiB, so what bounds them is memory: one for each 4 MiB that the machine has.
_LEAST_THREADS, _MOST_THREADS = 64, 600
_MEMORY_PER_THREAD = 4 * 2**20

# A parked connection costs a few KiB. The other files are logs, libraries and the database's.
_LEAST_CONNECTIONS, _MOST_CONNECTIONS = 16, 4000
_OTHER_FILES = 150

# What one process may open to PostgreSQL: the factory's pool (a test compares), and one for the
# locks on blobs.
_DATABASE_CONNECTIONS = 17


def default_workers() -> int:
    """Return the number of processes."""
    return max(2, min(os.cpu_count() or 1, _MOST_WORKERS))


def default_threads() -> int:
    """Return the number of threads that each process may have."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(_LEAST_THREADS, min(memory // _MEMORY_PER_THREAD, _MOST_THREADS))


def default_connections() -> int:
    """Return how many connections each process may have, as far as open files allow.

    Each may need a second file, for what it sends or receives.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(_LEAST_CONNECTIONS, min((files - _OTHER_FILES) // 2, _MOST_CONNECTIONS))


def database_connections(workers: int) -> int:
    """Return how many connections to PostgreSQL so many processes may have open."""
    return workers * _DATABASE_CONNECTIONS
