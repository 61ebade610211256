"""Signals that come while a worker starts: held back until it can obey them.

Between its fork and the moment when it sets up its own handlers, a worker has those of its parent,
which note a signal for somebody who never looks. A stop in that moment would be forgotten, and
the server would wait for the worker until STOP_TIMEOUT.
"""

import os
import signal

_HELD = {signal.SIGTERM, signal.SIGQUIT, signal.SIGINT}


def hold_signals_at_fork() -> None:
    """From now on, let children start with these signals blocked; for the whole process."""
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, _HELD),
        after_in_parent=release_signals,
    )


def release_signals() -> None:
    """Let what was held back, and what comes, be delivered."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
