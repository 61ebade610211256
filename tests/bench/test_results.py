"""The arithmetic of the benchmark: medians, ratios, goals, tables. Nothing is measured here."""

from pathlib import Path

import pytest

from bench.chart import draw
from bench.client import Refused
from bench.report import missed, table, write_report
from bench.results import Goal, Row, judge, percentile
from bench.wrk import read_load

SAMPLES = {"minifile": [90.0, 110.0, 100.0], "nginx": [50.0, 200.0, 40.0]}


def row(*goals: Goal) -> Row:
    return Row("upload", "MiB/s", "minifile", SAMPLES, goals)


def test_ratio_compares_medians():
    assert row().value("nginx") == 50
    assert row().ratio("nginx") == 2


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (Goal(2, "nginx"), (2, True)),
        (Goal(2.1, "nginx"), (2, False)),
        (Goal(2, "nginx", at_most=True), (2, True)),
        (Goal(1.9, "nginx", at_most=True), (2, False)),
        (Goal(100), (100, True)),
        (Goal(99, at_most=True), (100, False)),
        (Goal(1, "a peer that failed"), (None, None)),
    ],
)
def test_goal_is_judged_by_what_was_reached(goal: Goal, verdict: tuple[float, bool]):
    assert judge(row(), goal) == verdict


def test_table_says_plainly_what_was_missed():
    measured = row(Goal(3, "nginx"))

    text = table([measured], list(SAMPLES))

    assert "| upload (MiB/s) | **100** |  | 50.0 (2.00 ×) | ≥ 3 × nginx: 2.00, **missed** |" in text
    assert missed([measured]) == ["upload: ≥ 3 × nginx: 2.00, **missed**"]


def test_percentile_is_a_value_that_was_seen():
    assert percentile([float(n) for n in range(1, 101)], 99) == 99
    assert percentile([5.0], 99) == 5


def test_report_keeps_what_is_written_around_it(tmp_path: Path):
    page = tmp_path / "performance.md"
    page.write_text("Before.\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nAfter.\n")

    write_report(page, "new")

    assert page.read_text() == (
        "Before.\n<!-- bench:begin -->\n\nnew\n<!-- bench:end -->\nAfter.\n"
    )


def test_load_with_refused_requests_is_no_load():
    with pytest.raises(Refused):
        read_load("  Non-2xx or 3xx responses: 7\nasked 99 answered 99 in 1.0\n")


def test_load_with_unanswered_requests_is_no_load():
    with pytest.raises(Refused, match="1 of 100 requests"):
        read_load("asked 100 answered 99 in 1.0\n")


def test_load_is_answers_and_answers_a_second():
    assert read_load("asked 100 answered 100 in 2.0\n") == (100, 50.0)


def test_peers_that_took_no_part_have_no_column():
    assert "copyparty" not in table([row()], [*SAMPLES, "copyparty"])


def test_chart_has_a_bar_for_each_server():
    assert draw([row()], list(SAMPLES)).count("<rect") == 2
