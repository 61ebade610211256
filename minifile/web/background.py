"""Work that no visitor waits for, and whose length tells nobody anything: mails to somebody."""

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from flask import Flask

from minifile import metering
from minifile.request_ids import begin_request, current_request_id
from minifile.web.current import current_application

log = logging.getLogger("minifile")

_AT_ONCE = 2


def run_later(work: Callable[[], object]) -> None:
    """Run `work` in another thread, within the application's context; the answer does not wait.

    What goes wrong is logged. A process that is killed forgets it: only for what can be asked for
    again.
    """
    metering.change(metering.WAITING, "background", by=1)
    _pool(os.getpid()).submit(_run, current_application(), current_request_id(), work)


def finish() -> None:
    """Wait until all of it is done: before the database is closed."""
    _pool(os.getpid()).shutdown()
    _pool.cache_clear()


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    # A fork inherits no threads, so each process has a pool of its own.
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="later")


def _run(app: Flask, request_id: str | None, work: Callable[[], object]) -> None:
    begin_request(request_id)
    try:
        with app.app_context():
            work()
    except Exception as error:  # noqa: BLE001 (nobody else would say it; the text may hold an address)
        log.error("work in the background failed: %s", type(error).__name__)
    finally:
        metering.change(metering.WAITING, "background", by=-1)
