"""Analytics of the whole instance, for its admin."""

from datetime import timedelta

from flask import Response, make_response, render_template, url_for

from minifile.analytics.account_page import DEFAULT_RANGE, TOP, many_links_table
from minifile.analytics.asking import about_period, asked_period, keep_zone
from minifile.analytics.exports import send_table
from minifile.analytics.shares import read_shares
from minifile.analytics.timelines import OF_MANY_LINKS, charts_of, expiries_chart, space_chart
from minifile.services.analytics import timeline_and_all
from minifile.services.counts import EVERYTHING, Counts
from minifile.services.expiries import count_expiries
from minifile.services.growth import RATE_DAYS, forecast, read_space
from minifile.services.history import RUNS_KEPT, list_purges
from minifile.services.top_links import top_links
from minifile.web.current import current_settings, current_storage, utcnow

_DAYS_AHEAD = 30


def instance_page() -> Response:
    """Show what was counted of the instance, and what is to be expected. Raises BadOption."""
    now = utcnow()
    period = asked_period(EVERYTHING, default=DEFAULT_RANGE, now=now)
    counts, ever = timeline_and_all(EVERYTHING, period.edges, now=now)
    expected = forecast(
        read_space(now - timedelta(days=RATE_DAYS), now + timedelta(days=1)),
        storage=current_storage(),
        keep_free=current_settings().keep_free,
        now=now,
    )
    page = render_template(
        "analytics/instance.html",
        total=sum(counts, Counts()),
        ever=ever,
        charts=charts_of(OF_MANY_LINKS, counts, period),
        space=space_chart(read_space(period.since, period.until), period),
        forecast=expected,
        expiries=expiries_chart(count_expiries(_DAYS_AHEAD, period.zone, now=now)),
        shares=read_shares(EVERYTHING, period),
        top=top_links(EVERYTHING, period.since, period.until, limit=TOP, now=now),
        purges=list_purges(limit=RUNS_KEPT),
        link_address=lambda link: url_for("admin.link", link_id=link.id),
        **about_period(period),
    )
    return keep_zone(make_response(page))


def instance_export(table: str, form: str) -> Response:
    """Send one of the tables of the instance. Raises NotFound for what there is not."""
    period = asked_period(EVERYTHING, default=DEFAULT_RANGE, now=utcnow())
    return send_table(many_links_table(EVERYTHING, table, period), form, period)
