"""`minifile report …`: what visitors say of links."""

import click
from flask.cli import with_appcontext

from minifile.cli.link import in_words
from minifile.identity import BY_SHELL
from minifile.services.link_search import find_link_id
from minifile.services.reports import (
    PAGE,
    REASONS,
    ReportedLink,
    dismiss_reports,
    list_reported,
)
from minifile.services.takedowns import Takedown, take_down
from minifile.units import plural
from minifile.web.current import current_storage, utcnow
from minifile.web.filters import utc


@click.group("report")
def report() -> None:
    """List reports of links, dismiss them, or take the link down.

    LINK is a code, a short link, or #NUMBER.
    """


@report.command("list")
@click.option("--all", "shows_all", is_flag=True, help="Also those that were handled.")
@with_appcontext
def list_(*, shows_all: bool) -> None:
    """List the reports that wait, by link."""
    page = count = 0
    has_more = True
    while has_more:
        page += 1
        found = list_reported(page=page)
        has_more = len(found) > PAGE
        for each in found[:PAGE]:
            count += _print(each, shows_all=shows_all)
    click.echo(f"{plural(count, 'report')}.", err=True)


@report.command("dismiss")
@click.argument("link_name", metavar="LINK")
@with_appcontext
def dismiss(link_name: str) -> None:
    """Handle the reports of a link without doing anything to it."""
    count = dismiss_reports(find_link_id(link_name), actor=BY_SHELL, now=utcnow())
    click.echo(f"Dismissed {plural(count, 'report')}.")


@report.command("takedown")
@click.argument("link_name", metavar="LINK")
@click.option("--reason", required=True, help="Why; the owner reads it.")
@with_appcontext
def takedown(link_name: str, reason: str) -> None:
    """Take the reported link down; `minifile link takedown` has more options."""
    done = take_down(
        find_link_id(link_name),
        Takedown(reason),
        actor=BY_SHELL,
        storage=current_storage(),
        now=utcnow(),
    )
    click.echo(in_words(done))


def _print(link: ReportedLink, *, shows_all: bool) -> int:
    count = 0
    for each in link.reports:
        if each.is_open or shows_all:
            count += 1
            contact = f" ({each.contact})" if each.contact else ""
            said = f": {each.message!r}" if each.message else ""
            click.echo(
                f"#{link.link_id:<8}{link.code:<14}{utc(each.created_at)}  {each.outcome or 'open'}"
                f"  {REASONS.get(each.reason, each.reason)}{said}{contact}"
            )
    return count
