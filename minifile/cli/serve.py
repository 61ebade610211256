"""`minifile serve`: the production server."""

import os
import socket

import click
from flask.cli import with_appcontext

from minifile.cli.check import look_at_database
from minifile.cli.collector import spare_what_stays
from minifile.extensions import db
from minifile.server.application import OWN_WORKER, WORKER_CLASSES, ServerOptions
from minifile.server.application import serve as serve_app
from minifile.server.metrics_listener import listen
from minifile.services.probes import SCHEMA, probe_storage
from minifile.services.schema import check_schema, has_every_migration
from minifile.values import Level
from minifile.web.current import Instance, current_application, current_instance


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; one a core by default.")
@click.option("--threads", type=click.IntRange(1, 2000), help="Threads of each process.")
@click.option(
    "--worker-class",
    type=click.Choice(WORKER_CLASSES),
    default=OWN_WORKER,
    show_default=True,
    help="gthread is gunicorn's own: slower, and a slow client holds a thread.",
)
@with_appcontext
def serve(
    host: str, port: int, workers: int | None, threads: int | None, worker_class: str
) -> None:
    """Serve until stopped.

    An embedded SQLite database is made or upgraded first. An external one must be upgraded by
    `minifile db upgrade`; without, the server does not start. Nor does it without a database that
    answers and a storage that can be written; what is only a warning is said, and it starts.
    """
    _check_address(host, port)
    instance = current_instance()
    metrics = _listen_for_metrics(instance.settings.metrics_bind)
    _check_engines(instance, workers)
    if instance.settings.uses_sqlite and not has_every_migration(instance.migrations):
        _upgrade_database()
    check_schema(instance.migrations)
    spare_what_stays()
    # Workers must not share connections that were opened before the fork.
    db.session.remove()
    db.engine.dispose()
    options = ServerOptions(host, port, workers, threads, worker_class, metrics)
    serve_app(current_application(), options)


def _check_engines(instance: Instance, workers: int | None) -> None:
    """Say now what would otherwise be the answer to every visitor."""
    verdicts = [*look_at_database(instance.settings, workers), probe_storage(instance.storage)]
    for verdict in verdicts:
        # The schema is dealt with next: one is upgraded, the other told how.
        if verdict.part == SCHEMA:
            continue
        if verdict.level is Level.WRONG:
            raise click.ClickException(f"The {verdict.part} can't be used. {verdict.sentence}")
        if verdict.level is Level.WARNING:
            click.echo(f"Warning, {verdict.part}: {verdict.sentence}", err=True)


def _upgrade_database() -> None:
    # Alembic is not imported by a server that has nothing to migrate.
    from minifile.cli.db import upgrade_database

    upgrade_database(current_application())


def _listen_for_metrics(address: str) -> socket.socket | None:
    if not address:
        return None
    try:
        return listen(address)
    except OSError as error:
        # Python's own sentence repeats the address.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        raise click.ClickException(f"METRICS_BIND: {address} can't be used: {reason}.") from None


def _check_address(host: str, port: int) -> None:
    """Say in one sentence what gunicorn would say in ten, after five seconds."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise click.ClickException(
            f"{host} port {port} can't be used: {error.strerror}. Try another --host or --port"
            ' (make run ARGS="--port 8080").'
        ) from None
