"""`minifile check`: would it work, and if not, why?"""

import sys
from collections.abc import Iterator

import click

from minifile.config import Settings, migrations_path, survey_settings
from minifile.config.advice import advise
from minifile.errors import MinifileError
from minifile.server.sizing import database_connections, default_workers
from minifile.services.mail import probe_mail
from minifile.services.oidc_discovery import CALLBACK_PATH, probe_provider
from minifile.services.probes import (
    STORAGE,
    probe_counters,
    probe_database,
    probe_space,
    probe_storage,
)
from minifile.storage import open_storage
from minifile.storage.locks import FileLocks
from minifile.values import Level, Verdict
from minifile.web.letters import mailer_of


@click.command("check")
def check() -> None:
    """Say in a line each whether settings, database, storage and proxies fit together.

    Nothing is changed: no migration runs, and of the storage only a small blob is asked that is
    deleted at once. A warning is for you to judge. Exit status 1 when anything is wrong.
    """
    is_wrong = False
    for verdict in _verdicts():
        click.echo(f"{verdict.level:<9}{verdict.part:<14}{verdict.sentence}")
        is_wrong |= verdict.level is Level.WRONG
    sys.exit(1 if is_wrong else 0)


def _verdicts() -> Iterator[Verdict]:
    """Yield a verdict on everything that can be judged; what can't be used is left out there."""
    survey = survey_settings()
    for fault in survey.faults:
        yield Verdict(Level.WRONG, "settings", fault)
    settings = survey.settings
    if settings is None:
        return
    if not survey.faults:
        yield Verdict(Level.OK, "settings", f"Read, with the instance in {settings.instance_path}.")
    if not settings.instance_path.exists():
        sentence = "The folder of the instance does not exist yet; minifile serve makes it."
        yield Verdict(Level.WARNING, "instance", sentence)
    if "database_url" not in survey.refused and not _is_unmade(settings, settings.database_url):
        yield from look_at_database(settings)
    if "storage_url" not in survey.refused and not _is_unmade(settings, settings.storage_url):
        yield from _look_at_storage(settings)
    yield from _look_at_helpers(settings)
    yield from advise(settings)


def _look_at_helpers(settings: Settings) -> Iterator[Verdict]:
    """Look at the servers that an instance can do without."""
    if settings.rate_limit_url:
        yield probe_counters(settings.rate_limit_url)
    mailer = mailer_of(settings)
    if mailer is not None:
        yield probe_mail(mailer)
    yield from _look_at_provider(settings)


def look_at_database(settings: Settings, workers: int | None = None) -> Iterator[Verdict]:
    """Probe the database as a server with so many workers would use it."""
    connections = database_connections(workers or default_workers())
    return probe_database(
        settings.database_url, migrations=migrations_path(), connections=connections
    )


def _look_at_storage(settings: Settings) -> Iterator[Verdict]:
    try:
        # Nothing is held while it is only looked at.
        storage = open_storage(settings.storage_url, FileLocks(settings.instance_path / "locks"))
    except MinifileError as error:
        yield Verdict(Level.WRONG, STORAGE, str(error))
        return
    verdict = probe_storage(storage)
    yield verdict
    if verdict.level is not Level.WRONG:
        yield probe_space(storage, settings.keep_free)


def _look_at_provider(settings: Settings) -> Iterator[Verdict]:
    if settings.oidc_issuer:
        public_url = settings.public_url
        # Else it hangs on the address that a browser asks for.
        known = None if public_url is None else public_url.rstrip("/") + CALLBACK_PATH
        yield probe_provider(settings.oidc_issuer, known)


def _is_unmade(settings: Settings, url: str) -> bool:
    """Say whether an address lies in a folder that the first start makes: no other look does."""
    folder = settings.instance_path
    return not folder.exists() and f"{folder}/" in url
