"""The first admin page: the instance at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template

from minifile.admin.blueprint import bp
from minifile.config.advice import advise
from minifile.services.dispatch_log import look_at_outbox
from minifile.services.history import SampleRecord
from minifile.services.overview import GROWTH_DAYS, look_over
from minifile.services.probes import probe_clock, probe_space
from minifile.values import Level, Verdict
from minifile.web.current import (
    current_settings,
    current_storage,
    is_behind_unknown_proxy,
    utcnow,
)

# The chart: its height, and the width of a bar with the gap behind it.
_HEIGHT, _STEP = 80, 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the chart, in its units."""

    x: int
    y: int
    height: int


@bp.get("/", strict_slashes=False)
def show() -> str:
    """Show how much there is, what has grown, what went wrong."""
    overview = look_over(storage=current_storage(), now=utcnow())
    return render_template(
        "admin/overview.html",
        overview=overview,
        warnings=list(_warnings()),
        outbox=look_at_outbox(),
        bars=_bars(overview.growth),
        chart_width=GROWTH_DAYS * _STEP,
        chart_height=_HEIGHT,
    )


def _warnings() -> Sequence[Verdict]:
    """Return what an admin should mend."""
    settings = current_settings()
    verdicts = [
        *advise(settings),
        probe_space(current_storage(), settings.keep_free),
        probe_clock(now=utcnow()),
    ]
    if is_behind_unknown_proxy():
        sentence = "This request came through a proxy, but TRUSTED_PROXIES is 0."
        verdicts.append(Verdict(Level.WARNING, "proxies", sentence))
    return [verdict for verdict in verdicts if verdict.level is not Level.OK]


def _bars(growth: Sequence[SampleRecord]) -> list[Bar]:
    most = max((sample.size_bytes for sample in growth), default=0) or 1
    heights = [max(1, round(_HEIGHT * sample.size_bytes / most)) for sample in growth]
    # The last day stands at the right edge.
    first = GROWTH_DAYS - len(heights)
    return [Bar(at * _STEP, _HEIGHT - height, height) for at, height in enumerate(heights, first)]
