"""`minifile audit …`: who did what, and when."""

from datetime import UTC, datetime, timedelta

import click
from flask.cli import with_appcontext

from minifile.cli.people import find_named
from minifile.services.audit_log import AuditFilter, AuditRecord, list_entries, stream_entries
from minifile.services.audit_writing import csv_lines, json_lines
from minifile.web.filters import utc

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_VIA = {"shell": "cli", "instance": "instance"}


@click.group("audit")
def audit() -> None:
    """Read the audit log."""


@audit.command("list")
@click.option("--actor", help="A user, shell or instance.")
@click.option("--action", help="Like user or link.takedown.")
@click.option("--since", type=_DAY, help="The first day, like 2026-11-25.")
@click.option("--until", type=_DAY, help="The last day.")
@with_appcontext
def list_(
    actor: str | None, action: str | None, since: datetime | None, until: datetime | None
) -> None:
    """Print the last 100 acts that fit, the newest first."""
    for entry in list_entries(_filter(actor, action, since, until))[:100]:
        click.echo(_as_line(entry))


@audit.command("export")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="jsonl")
@click.option("--actor", help="A user, shell or instance.")
@click.option("--action", help="Like user or link.takedown.")
@click.option("--since", type=_DAY, help="The first day, like 2026-11-25.")
@click.option("--until", type=_DAY, help="The last day.")
@with_appcontext
def export(
    form: str,
    actor: str | None,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Write all acts that fit to standard output, the oldest first."""
    write = csv_lines if form == "csv" else json_lines
    for line in write(stream_entries(_filter(actor, action, since, until))):
        click.echo(line, nl=False)


def _filter(
    actor: str | None, action: str | None, since: datetime | None, until: datetime | None
) -> AuditFilter:
    via = _VIA.get((actor or "").lower())
    return AuditFilter(
        actor_id=find_named(actor).id if actor and via is None else None,
        via=via,
        action=action,
        since=None if since is None else since.replace(tzinfo=UTC),
        until=None if until is None else until.replace(tzinfo=UTC) + timedelta(days=1),
    )


def _as_line(entry: AuditRecord) -> str:
    who = entry.actor or (entry.actor_id and f"user {entry.actor_id}") or entry.via
    on = entry.subject or (entry.subject_id and f"#{entry.subject_id}") or "-"
    return f"{utc(entry.at)}  {entry.action:<20}{on}  by {who}  {entry.detail or ''}".rstrip()
