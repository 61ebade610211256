"""`minifile purge`: one purge now."""

import click
from flask.cli import with_appcontext

from minifile.cli.collector import spare_what_stays
from minifile.identity import BY_SHELL
from minifile.services.dispatch_log import delete_old_notifications
from minifile.services.forgetting import forget
from minifile.services.history import note_purge, sample_usage
from minifile.services.leftovers import complete_left_full
from minifile.services.purge import purge_expired
from minifile.services.rollup import roll_up
from minifile.services.stale_rows import delete_stale_rows
from minifile.units import plural, size_in_words
from minifile.web.current import (
    current_session_times,
    current_settings,
    current_storage,
    current_terms,
    utcnow,
)


@click.command("purge")
@with_appcontext
def purge() -> None:
    """Delete expired links and partial uploads with their bytes, and what crashes left behind.

    The server does this once an interval by itself. By hand it is safe at any time, any number
    at once.
    """
    spare_what_stays()
    started_at = utcnow()
    complete_left_full(terms=current_terms(), now=utcnow)
    purged = purge_expired(storage=current_storage(), now=started_at)
    forget(retention=current_settings().analytics_retention, now=started_at)
    roll_up(started_at)
    delete_old_notifications(started_at - current_settings().notification_retention)
    note_purge(purged, started_at=started_at, via=BY_SHELL.via, now=utcnow())
    sample_usage(storage=current_storage(), now=utcnow())
    delete_stale_rows(times=current_session_times(), now=utcnow())
    click.echo(
        f"Purged {plural(purged.links, 'link')} ({size_in_words(purged.size_bytes)})"
        f" and {plural(purged.partial_uploads, 'partial upload')},"
        f" swept {plural(purged.orphans, 'orphan blob')}."
    )
