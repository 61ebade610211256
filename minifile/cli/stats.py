"""`minifile stats`: how much the instance holds."""

import click
from flask.cli import with_appcontext

from minifile.services.usage import measure_usage
from minifile.units import size_in_words
from minifile.web.current import current_storage, utcnow


@click.command("stats")
@with_appcontext
def stats() -> None:
    """Print links, files, bytes, downloads, users and free space."""
    usage = measure_usage(storage=current_storage(), now=utcnow())
    free = "unknown" if usage.free_bytes is None else size_in_words(usage.free_bytes)
    for name, value in (
        ("open links", usage.links_open),
        ("links to purge", usage.links_closed),
        ("files", usage.files),
        ("stored", f"{size_in_words(usage.size_bytes)} ({usage.size_bytes} bytes)"),
        ("partial uploads", f"{usage.partial_uploads} ({size_in_words(usage.partial_bytes)})"),
        ("downloads", usage.downloads),
        ("being fetched", usage.in_flight),
        ("users", usage.users),
        ("reserved", size_in_words(usage.reserved_bytes)),
        ("free", free),
    ):
        click.echo(f"{name:<18}{value}")
