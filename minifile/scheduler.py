"""When jobs run: the purge, once an interval among all processes; the log's write-back.

Every worker process has a scheduler and asks often; the lease row lets one of them through an
interval. So a run that was missed, because no server was up, happens soon after the start.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from apscheduler.events import EVENT_SCHEDULER_SHUTDOWN
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from minifile import metering
from minifile.errors import ServiceBusy, StorageUnavailable
from minifile.extensions import DATABASE_UNAVAILABLE, first_line
from minifile.identity import BY_INSTANCE
from minifile.services.daily_mails import gather_daily_mails
from minifile.services.dispatch_log import delete_old_notifications
from minifile.services.forgetting import forget
from minifile.services.history import note_purge, sample_usage
from minifile.services.leases import take_lease
from minifile.services.leftovers import complete_left_full
from minifile.services.purge import Purged, purge_expired
from minifile.services.quota_notices import tell_of_quotas
from minifile.services.rollup import roll_up
from minifile.services.stale_rows import delete_stale_rows
from minifile.services.unfetched import tell_of_unfetched
from minifile.services.write_back import write_back
from minifile.web.current import (
    current_rates,
    current_session_times,
    current_settings,
    current_storage,
    current_terms,
    instance_of,
    limits_for,
    utcnow,
)
from minifile.web.dispatcher import Dispatcher

log = logging.getLogger("minifile")

PURGE = "purge"
_ASK_EVERY = timedelta(minutes=1)
ROLL_UP = "roll up"
LOOKING = "notifications due"
DISPATCHING = "dispatching"
_DISPATCH_EVERY = timedelta(seconds=2)
WRITE_BACK = "write back"
_WRITE_BACK_EVERY = timedelta(seconds=1)


def start_scheduler(app: Flask) -> BackgroundScheduler:
    """Start the jobs of this process in a thread; the caller shuts it down."""
    interval = instance_of(app).settings.purge_interval
    scheduler = BackgroundScheduler(timezone="UTC")
    dispatcher = Dispatcher(app, utcnow)
    _add(scheduler, PURGE, min(interval, _ASK_EVERY), _run_purge, app, at_once=True)
    _add(scheduler, ROLL_UP, _ASK_EVERY, _run_roll_up, app, at_once=True)
    _add(scheduler, WRITE_BACK, _WRITE_BACK_EVERY, _run_write_back, app)
    _add(scheduler, LOOKING, _ASK_EVERY, _run_looking, app)
    _add(scheduler, DISPATCHING, _DISPATCH_EVERY, _run_dispatching, app, dispatcher)
    scheduler.add_listener(lambda _: dispatcher.stop(), EVENT_SCHEDULER_SHUTDOWN)
    scheduler.start()
    return scheduler


def _add(
    scheduler: BackgroundScheduler,
    name: str,
    every: timedelta,
    run: Callable[..., None],
    *args: object,
    at_once: bool = False,
) -> None:
    """Add a job that runs once at a time, and as soon as it can when it was missed."""
    first = {"next_run_time": utcnow()} if at_once else {}
    scheduler.add_job(
        run,
        "interval",
        args=args,
        seconds=every.total_seconds(),
        id=name,
        coalesce=True,
        max_instances=1,
        # However late: a suspended machine must not lose a run.
        misfire_grace_time=None,
        **first,
    )


@contextmanager
def _job(app: Flask, what: str) -> Iterator[None]:
    """Run the block in the application's context; log what it raises, since a job runs again.

    That the database or the storage is away or busy is one sentence; all else has a traceback.
    """
    try:
        with app.app_context():
            yield
    except DATABASE_UNAVAILABLE as error:
        log.error("%s broke off, since the database does not answer: %s", what, first_line(error))
    except (ServiceBusy, StorageUnavailable) as error:
        log.error("%s broke off: %s", what, first_line(error))
    except Exception:
        log.exception("%s broke off; it is tried again", what)


def _run_dispatching(app: Flask, dispatcher: Dispatcher) -> None:
    with _job(app, "sending notifications"):
        dispatcher.run()


def _run_looking(app: Flask) -> None:
    with _job(app, "telling of what is due"):
        look_around_if_due()


def _run_write_back(app: Flask) -> None:
    with _job(app, "writing the database's log back"):
        write_back()


def _run_roll_up(app: Flask) -> None:
    with _job(app, "the roll-up"):
        roll_up_if_due()


def _run_purge(app: Flask) -> None:
    with _job(app, "the purge"):
        try:
            purge_if_due()
        except Exception:
            metering.count(metering.PURGE_RUNS, "failed")
            raise


def look_around_if_due() -> bool:
    """Tell of what no request tells of, unless some process does; say whether this one did."""
    now = utcnow()
    # A little less, so that each minute's run finds it free.
    if not take_lease(LOOKING, _name(), until=now + _ASK_EVERY * 0.9, now=now):
        return False
    tell_of_unfetched(now=now)
    tell_of_quotas(limits_for=limits_for, now=now)
    gather_daily_mails(now=now)
    return True


def roll_up_if_due() -> bool:
    """Roll visits up and destroy old salts, unless some process did within the minute."""
    now = utcnow()
    # A little less, or a process would be too early for its own lease.
    if not take_lease(ROLL_UP, _name(), until=now + _ASK_EVERY * 0.9, now=now):
        return False
    roll_up(now)
    return True


def purge_if_due() -> bool:
    """Purge unless some process did within the interval; say whether this one did."""
    now = utcnow()
    until = now + current_settings().purge_interval
    if not take_lease(PURGE, _name(), until=until, now=now):
        return False
    complete_left_full(terms=current_terms(), now=utcnow)
    purged = purge_expired(storage=current_storage(), now=now)
    note_purge(purged, started_at=now, via=BY_INSTANCE.via, now=utcnow())
    sample_usage(storage=current_storage(), now=now)
    delete_stale_rows(times=current_session_times(), now=now)
    forget(retention=current_settings().analytics_retention, now=now)
    delete_old_notifications(now - current_settings().notification_retention)
    current_rates().sweep()
    _tell(purged)
    log.info(
        "purged %d links (%d bytes) and %d partial uploads, swept %d orphan blobs",
        purged.links,
        purged.size_bytes,
        purged.partial_uploads,
        purged.orphans,
    )
    return True


def _tell(purged: Purged) -> None:
    metering.count(metering.PURGE_RUNS, "completed")
    for what, count in (
        ("links", purged.links),
        ("bytes", purged.size_bytes),
        ("partial_uploads", purged.partial_uploads),
        ("orphans", purged.orphans),
    ):
        metering.count(metering.PURGED, what, by=count)


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
