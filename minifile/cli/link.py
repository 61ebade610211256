"""`minifile link …`: links of all users, looked at and ended from a shell."""

import click
from flask.cli import with_appcontext

from minifile.identity import BY_SHELL
from minifile.services.link_search import (
    PAGE,
    STANDINGS,
    FoundLink,
    InspectedLink,
    find_link_id,
    inspect_link,
    search_links,
)
from minifile.services.reports import REASONS, reports_of
from minifile.services.takedowns import Takedown, TakenDown, revoke_as_admin, take_down
from minifile.units import plural, size_in_words
from minifile.web.current import current_storage, utcnow
from minifile.web.filters import utc


@click.group("link")
def link() -> None:
    """Find links, look at one, revoke one, take one down, block its files.

    LINK is a code, a short link, or #NUMBER as the list shows it.
    """


@link.command("list")
@click.argument("search", default="")
@click.option("--state", type=click.Choice(STANDINGS))
@with_appcontext
def list_(search: str, state: str | None) -> None:
    """List links: all, or those that fit SEARCH (code, filename, owner, SHA-256)."""
    page = count = 0
    has_more = True
    while has_more:
        page += 1
        found = search_links(search, state, page=page, now=utcnow())
        has_more = len(found) > PAGE
        for each in found[:PAGE]:
            count += 1
            click.echo(_as_line(each))
    click.echo(f"{plural(count, 'link')}.", err=True)


@link.command("show")
@click.argument("link_name", metavar="LINK")
@with_appcontext
def show(link_name: str) -> None:
    """Print all that is known of a link, but its bytes."""
    found = inspect_link(find_link_id(link_name), now=utcnow())
    for name, value in _facts(found):
        click.echo(f"{name:<14}{value}")
    for file in found.files:
        blocked = "  (blocked)" if file.is_blocked else ""
        click.echo(f"{file.sha256}  {size_in_words(file.size_bytes):>9}  {file.filename}{blocked}")
    for report in reports_of(found.summary.id):
        stand = report.outcome or "open"
        said = f": {report.message!r}" if report.message else ""
        click.echo(f"report {utc(report.created_at)}, {stand}: {REASONS[report.reason]}{said}")


@link.command("revoke")
@click.argument("link_name", metavar="LINK")
@with_appcontext
def revoke(link_name: str) -> None:
    """End a link for good, without saying why."""
    revoke_as_admin(find_link_id(link_name), actor=BY_SHELL, now=utcnow())
    click.echo("Revoked 1 link.")


@link.command("takedown")
@click.argument("link_name", metavar="LINK")
@click.option("--reason", required=True, help="Why; the owner reads it.")
@click.option("--delete-bytes", is_flag=True, help="Delete the bytes now, not with a later purge.")
@click.option("--block", "blocks", is_flag=True, help="Refuse these files from now on.")
@click.option("--holders", is_flag=True, help="Take down all other links with one of these files.")
@with_appcontext
def takedown(
    link_name: str, reason: str, *, delete_bytes: bool, blocks: bool, holders: bool
) -> None:
    """End a link for good, with the links of its recipients, and say why to its owner."""
    wanted = Takedown(
        reason, deletes_bytes=delete_bytes, blocks_digests=blocks, takes_holders=holders
    )
    _take_down(find_link_id(link_name), wanted)


@link.command("block")
@click.argument("link_name", metavar="LINK")
@click.option("--reason", required=True, help="Why; the owner reads it.")
@with_appcontext
def block(link_name: str, reason: str) -> None:
    """Take a link down, delete its bytes, refuse its files from now on, wherever they are."""
    wanted = Takedown(reason, deletes_bytes=True, blocks_digests=True, takes_holders=True)
    _take_down(find_link_id(link_name), wanted)


def _take_down(link_id: int, wanted: Takedown) -> None:
    done = take_down(link_id, wanted, actor=BY_SHELL, storage=current_storage(), now=utcnow())
    click.echo(in_words(done))


def in_words(done: TakenDown) -> str:
    """Say what a takedown did."""
    links, digests = plural(done.links, "link"), plural(done.digests, "digest")
    return f"Took down {links}, blocked {digests}, deleted {plural(done.blobs, 'blob')}."


def _as_line(found: FoundLink) -> str:
    downloads = f"{found.download_count}/{found.max_downloads or '-'}"
    return (
        f"#{found.id:<8}{found.code:<14}{found.standing:<12}{size_in_words(found.size_bytes):>9}"
        f"  {downloads:<9}{utc(found.expires_at)}  {found.owner or '-'}  {found.filename}"
    )


def _facts(found: InspectedLink) -> list[tuple[str, object]]:
    summary = found.summary
    facts: list[tuple[str, object]] = [
        ("number", f"#{summary.id}"),
        ("code", summary.code),
        ("state", summary.standing),
        ("reason", found.takedown_reason),
        ("owner", summary.owner or "nobody"),
        ("made", utc(summary.created_at)),
        ("expires", utc(summary.expires_at)),
        ("downloads", f"{summary.download_count} of {summary.max_downloads or 'any number'}"),
        ("password", "yes" if found.is_locked else "no"),
        ("private", "yes" if found.is_private else "no"),
        ("recipients", found.children or None),
        ("parent", f"#{found.parent_id}" if found.parent_id else None),
        ("files", f"{summary.files} ({size_in_words(summary.size_bytes)})"),
    ]
    return [(name, value) for name, value in facts if value is not None]
