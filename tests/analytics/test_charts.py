"""Charts: bars of the right height, lines at round numbers, names that fit."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from minifile.analytics.charts import Bar, Chart, Moment, Series, draw

KIB = 1024


def chart_of(*values: Sequence[int], is_bytes: bool = False) -> Chart:
    """Draw series of numbers, each with a look of its own."""
    moments = [Moment(3600 * at, f"step {at}", f"{at}") for at in range(len(values[0]))]
    series = [
        Series(f"series {at}", each, f"look-{at}", is_bytes) for at, each in enumerate(values)
    ]
    return draw("a", "A chart", moments, series)


def percent(words: str) -> float:
    assert words.endswith("%")
    return float(words[:-1])


def height(bars: Sequence[Bar]) -> float:
    return sum(percent(bar.height) for bar in bars)


def lines(chart: Chart) -> list[tuple[float, str]]:
    """Return the lines from the ground up: how high, and for which number."""
    return [(100 - percent(line.at), line.words) for line in chart.lines]


def test_a_bar_as_high_as_the_top_line_fills_the_drawing():
    chart = chart_of([20, 10], [12, 0], [8, 0])

    first, second = chart.bars[:3], chart.bars[3:]

    assert lines(chart)[-1] == (100, "40")
    assert height(first) == pytest.approx(100)
    assert [percent(bar.y) for bar in first] == pytest.approx([50, 20, 0])
    assert [bar.look for bar in first] == ["look-0", "look-1", "look-2"]
    assert [(percent(bar.y), percent(bar.height)) for bar in second] == [(75, 25)]


def test_bars_stand_on_one_another_without_a_gap():
    chart = chart_of([3, 1], [5, 0], [7, 2])

    for bars in (chart.bars[:3], chart.bars[3:]):
        ground = 100.0
        for bar in bars:
            assert percent(bar.y) + percent(bar.height) == pytest.approx(ground, abs=0.002)
            ground = percent(bar.y)


def test_a_value_of_one_is_as_high_as_its_line():
    chart = chart_of([1])

    assert lines(chart) == [(100, "1")]
    assert [(bar.x, bar.y, bar.width, bar.height) for bar in chart.bars] == [
        ("10%", "0%", "80%", "100%")
    ]
    assert [(name.at, name.words, name.anchor) for name in chart.names] == [("50%", "0", "middle")]
    assert not chart.is_empty


@pytest.mark.parametrize("is_bytes", [False, True])
def test_nothing_at_all_is_empty_and_drawn_without_bars(is_bytes: bool):
    chart = chart_of([0, 0, 0], [0, 0, 0], is_bytes=is_bytes)

    assert chart.is_empty
    assert chart.bars == []
    assert lines(chart) == [(100, "1 B" if is_bytes else "1")]


def test_no_step_at_all_is_drawn_as_well():
    chart = chart_of([], [])

    assert (chart.is_empty, chart.bars, chart.names) == (True, [], [])


def test_what_stands_in_the_table_alone_is_not_drawn_and_makes_it_no_less_empty():
    moments = [Moment(0, "step", "0")]
    shown, told = Series("Shown", [0], "done"), Series("Told", [900])

    chart = draw("a", "A chart", moments, [shown, told])

    assert (chart.drawn, chart.bars, chart.is_empty) == ([shown], [], False)
    assert [line.words for line in chart.lines] == ["1"]


def test_750_steps_lie_side_by_side_within_the_drawing():
    chart = chart_of([1 + at % 7 for at in range(750)])

    places = [(percent(bar.x), percent(bar.x) + percent(bar.width)) for bar in chart.bars]

    assert len(places) == 750
    assert places[0][0] > 0
    assert places[-1][1] < 100
    assert all(end < begin for (_, end), (begin, _) in pairwise(places))
    assert 1 < len(chart.names) <= 5


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 7, 24, 31, 90, 365, 750])
def test_names_below_the_bars_are_few_in_order_and_within_the_drawing(steps: int):
    names = chart_of([1] * steps).names

    places = [percent(name.at) for name in names]
    assert 1 <= len(names) <= 5
    assert places == sorted(set(places))
    # A name at the edge is written inwards.
    assert all(
        (name.anchor == "start", name.anchor == "end") == (at < 8, at > 92)
        for name, at in zip(names, places, strict=True)
    )


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (1, ["1"]),
        (3, ["1", "2", "3"]),
        (5, ["2", "4", "6"]),
        (9, ["5", "10"]),
        (40, ["10", "20", "30", "40"]),
        (41, ["20", "40", "60"]),
        (999, ["500", "1,000"]),
        (4_000_000, ["1,000,000", "2,000,000", "3,000,000", "4,000,000"]),
    ],
)
def test_lines_are_at_round_numbers(most: int, words: list[str]):
    assert [line.words for line in chart_of([0, most]).lines] == words


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (1, ["1 B"]),
        (1000, ["500 B", "1000 B"]),
        (1001, ["512 B", "1 KiB"]),
        (KIB, ["512 B", "1 KiB"]),
        (3 * KIB, ["1 KiB", "2 KiB", "3 KiB"]),
        (40 * KIB, ["10 KiB", "20 KiB", "30 KiB", "40 KiB"]),
        (1000 * KIB, ["500 KiB", "1000 KiB"]),
        (1001 * KIB, ["512 KiB", "1 MiB"]),
        (KIB**2, ["512 KiB", "1 MiB"]),
        (7 * KIB**3, ["2 GiB", "4 GiB", "6 GiB", "8 GiB"]),
        (3 * KIB**4, ["1 TiB", "2 TiB", "3 TiB"]),
    ],
)
def test_lines_of_bytes_are_at_round_numbers_of_binary_units(most: int, words: list[str]):
    assert [line.words for line in chart_of([0, most], is_bytes=True).lines] == words


@pytest.mark.parametrize("is_bytes", [False, True])
def test_lines_are_one_to_four_and_the_top_one_is_above_all_bars(is_bytes: bool):
    for power in range(52):
        for most in {2**power - 1, 2**power, 2**power + 1, 3 * 2**power, 10 ** (power % 15)}:
            chart = chart_of([most], is_bytes=is_bytes)

            heights = [height for height, _ in lines(chart)]
            assert 1 <= len(heights) <= 4, most
            assert heights[-1] == pytest.approx(100), most
            assert height(chart.bars) <= 100, most
            # Half of the drawing at least is filled.
            assert height(chart.bars) >= 50 or most <= 1, most
