"""Analytics of all links of who is signed in."""

from flask import Response, make_response, render_template, url_for

from minifile.analytics.asking import about_period, asked_period, keep_zone
from minifile.analytics.exports import Table, send_table
from minifile.analytics.shares import read_shares
from minifile.analytics.tables import links_table, sources_table, timeline_table
from minifile.analytics.timelines import OF_MANY_LINKS, charts_of, space_chart
from minifile.errors import NotFound
from minifile.identity import Account
from minifile.services.analytics import timeline_and_all
from minifile.services.counts import Counts, Subject, TallyScope
from minifile.services.growth import read_user_space
from minifile.services.periods import Period
from minifile.services.top_links import top_links
from minifile.web.current import utcnow
from minifile.web.usage import usage_of

DEFAULT_RANGE = "month"
TOP = 10


def account_page(account: Account) -> Response:
    """Show what was counted of a user's links. Raises BadOption."""
    now, subject = utcnow(), Subject(TallyScope.USER, account.id)
    period = asked_period(subject, default=DEFAULT_RANGE, now=now)
    counts, ever = timeline_and_all(subject, period.edges, now=now)
    page = render_template(
        "analytics/account.html",
        total=sum(counts, Counts()),
        ever=ever,
        usage=usage_of(account.id),
        charts=charts_of(OF_MANY_LINKS, counts, period),
        space=space_chart(read_user_space(account.id, period.since, period.until), period),
        shares=read_shares(subject, period),
        top=top_links(subject, period.since, period.until, limit=TOP, now=now),
        link_address=lambda link: url_for("analytics.link", code=link.code),
        **about_period(period),
    )
    return keep_zone(make_response(page))


def account_export(account: Account, table: str, form: str) -> Response:
    """Send one of the tables of a user. Raises NotFound for what there is not."""
    now, subject = utcnow(), Subject(TallyScope.USER, account.id)
    period = asked_period(subject, default=DEFAULT_RANGE, now=now)
    found = many_links_table(subject, table, period)
    return send_table(found, form, period, user=account.name)


def many_links_table(subject: Subject, name: str, period: Period) -> Table:
    """Return a table of a user, or of the instance. Raises NotFound."""
    now = utcnow()
    match name:
        case "timeline":
            return timeline_table(subject, period, now=now)
        case "sources":
            return sources_table(subject, period)
        case "links":
            return links_table(subject, period, now=now)
    raise NotFound("There is no such export: take timeline, sources or links.")
