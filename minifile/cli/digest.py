"""`minifile digest …`: files that are not accepted any more."""

import click
from flask.cli import with_appcontext

from minifile.cli.link import in_words
from minifile.identity import BY_SHELL
from minifile.services.digests import PAGE, list_blocked, unblock_digest
from minifile.services.takedowns import Takedown
from minifile.services.takedowns import block as block_file
from minifile.units import plural
from minifile.web.current import current_storage, utcnow
from minifile.web.filters import utc


@click.group("digest")
def digest() -> None:
    """Refuse files by their SHA-256, accept them again, list them."""


@digest.command("block")
@click.argument("sha256")
@click.option("--reason", required=True, help="Why.")
@click.option("--holders", is_flag=True, help="Take down the links that hold it.")
@with_appcontext
def block(sha256: str, reason: str, *, holders: bool) -> None:
    """Refuse a file from now on, on every way in."""
    done = block_file(
        sha256,
        Takedown(reason, takes_holders=holders),
        actor=BY_SHELL,
        storage=current_storage(),
        now=utcnow(),
    )
    click.echo(in_words(done))


@digest.command("unblock")
@click.argument("sha256")
@with_appcontext
def unblock(sha256: str) -> None:
    """Accept a file again."""
    unblock_digest(sha256, actor=BY_SHELL, now=utcnow())
    click.echo("Unblocked 1 digest.")


@digest.command("list")
@with_appcontext
def list_() -> None:
    """List the blocked digests, the newest first."""
    page = count = 0
    has_more = True
    while has_more:
        page += 1
        found = list_blocked(page=page)
        has_more = len(found) > PAGE
        for each in found[:PAGE]:
            count += 1
            click.echo(f"{each.sha256}  {utc(each.created_at)}  {each.reason or '-'}")
    click.echo(f"{plural(count, 'digest')}.", err=True)
