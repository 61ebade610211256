"""Charts: bars in SVG, each with a table of the same numbers.

Places are percentages, so that a chart fills any width and its words keep their size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from minifile.units import size_in_words

# So many names below the bars fit on a phone.
_MOST_NAMES = 5
_MOST_LINES = 4
# The part of a step that its bar fills.
_FILLED = 0.8


@dataclass(frozen=True, slots=True)
class Moment:
    """A step of a timeline: when it begins, in full and as short as it stands below a bar."""

    at: int
    """Seconds since 1970."""
    words: str
    short: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of the table, and how it is written."""

    words: str
    value: int
    shown: str


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers of one kind, one for each step; `look` is how its bars are drawn, if they are."""

    words: str
    values: Sequence[int]
    look: str = ""
    is_bytes: bool = False

    def cells(self) -> list[Cell]:
        """Return a cell of the table for each step."""
        say = size_in_words if self.is_bytes else "{:,}".format
        return [Cell(self.words, value, say(value)) for value in self.values]


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a bar, in percent of the drawing."""

    x: str
    y: str
    width: str
    height: str
    look: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across with the number it stands for, or the name of a step."""

    at: str
    words: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template draws; series without a look stand in the table alone."""

    id: str
    title: str
    moments: Sequence[Moment]
    series: Sequence[Series]
    bars: Sequence[Bar]
    lines: Sequence[Mark]
    names: Sequence[Mark]

    @property
    def drawn(self) -> list[Series]:
        return [each for each in self.series if each.look]

    @property
    def rows(self) -> list[tuple[Moment, list[Cell]]]:
        """Return the lines of the table."""
        columns = [each.cells() for each in self.series]
        return [(moment, list(cells))
                for moment, *cells in zip(self.moments, *columns, strict=True)]  # fmt: skip

    @property
    def is_empty(self) -> bool:
        return not any(any(each.values) for each in self.series)


def draw(
    chart_id: str,
    title: str,
    moments: Sequence[Moment],
    series: Sequence[Series],
) -> Chart:
    """Return a chart with the drawn series, all of one unit, stacked on one another."""
    drawn = [each for each in series if each.look]
    is_bytes = any(each.is_bytes for each in drawn)
    sums = [sum(values) for values in zip(*(each.values for each in drawn), strict=True)]
    step = _line_step(max(sums, default=0), is_bytes=is_bytes)
    top = step * max(1, ceil(max(sums, default=0) / step))
    return Chart(
        chart_id, title, moments, series,
        bars=_bars(drawn, len(moments), top),
        lines=_lines(step, top, is_bytes=is_bytes),
        names=_names(moments),
    )  # fmt: skip


def _bars(drawn: Sequence[Series], steps: int, top: int) -> list[Bar]:
    bars, width = [], 100 / max(1, steps)
    for at in range(steps):
        below = 0
        for each in drawn:
            value = each.values[at]
            if value:
                x, y = (at + (1 - _FILLED) / 2) * width, 100 * (1 - (below + value) / top)
                bars.append(
                    Bar(
                        _percent(x), _percent(y), _percent(width * _FILLED),
                        _percent(100 * value / top), each.look,
                    )
                )  # fmt: skip
            below += value
    return bars


def _lines(step: int, top: int, *, is_bytes: bool) -> list[Mark]:
    say = size_in_words if is_bytes else "{:,}".format
    return [
        Mark(_percent(100 * (1 - value / top)), say(value)) for value in range(step, top + 1, step)
    ]


def _line_step(most: int, *, is_bytes: bool) -> int:
    """Return how far apart the lines are: 1, 2 or 5 times a power of ten, of a unit."""
    unit = 1
    # A line at 1500 of a unit would be at no round number of the next one.
    while is_bytes and most > unit * 1000:
        unit *= 1024
    least = max(1, most / _MOST_LINES / unit) if unit == 1 else most / _MOST_LINES / unit
    power = 10.0 ** floor(log10(least))
    factor = next(each for each in (1, 2, 5, 10) if each * power >= least)
    return max(1, round(factor * power * unit))


def _names(moments: Sequence[Moment]) -> list[Mark]:
    every = max(1, ceil(len(moments) / _MOST_NAMES))
    return [
        _name(100 * (at + 0.5) / len(moments), moments[at].short)
        for at in range(every // 2, len(moments), every)
    ]


def _name(at: float, words: str) -> Mark:
    anchor = "start" if at < 8 else "end" if at > 92 else "middle"
    return Mark(_percent(0 if at < 8 else 100 if at > 92 else at), words, anchor)


def _percent(value: float) -> str:
    return f"{round(value, 3):g}%"
