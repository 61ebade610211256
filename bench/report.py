"""The report: tables in Markdown, put between two marks of docs/performance.md."""

from pathlib import Path

from bench.programs import SHIPPED, UNSYNCED
from bench.results import Goal, Row, judge

_BEGIN = "<!-- bench:begin -->"
_END = "<!-- bench:end -->"


def write_report(path: Path, text: str) -> None:
    """Replace what stands between the marks; what is written around them stays."""
    old = path.read_text() if path.exists() else f"# Performance\n\n{_BEGIN}\n{_END}\n"
    before, _, rest = old.partition(_BEGIN)
    after = rest.partition(_END)[2]
    path.write_text(f"{before}{_BEGIN}\n\n{text}\n{_END}{after}")


def table(rows: list[Row], names: list[str]) -> str:
    """Return one group's table: ours, each peer with its ratio, the goal and whether it is met.

    Peers that took no part in the group get no column.
    """
    measured = {name for row in rows for name in (*row.samples, *row.notes)}
    peers = [name for name in names if name in measured - {SHIPPED, UNSYNCED}]
    columns = ["work", SHIPPED, UNSYNCED, *peers, "goal: reached"]
    lines = [_line(columns), _line(["---", *["--:"] * (len(columns) - 2), "---"])]
    for row in rows:
        cells = [f"{row.work}{f' ({row.unit})' if row.unit else ''}"]
        cells += [_own(row, SHIPPED), _own(row, UNSYNCED), *(_peer(row, name) for name in peers)]
        lines.append(_line([*cells, "<br>".join(_goal(row, goal) for goal in row.goals)]))
    return "\n".join(lines)


def missed(rows: list[Row]) -> list[str]:
    """Return one line for each goal that is not met."""
    return [
        f"{row.work}: {_goal(row, goal)}"
        for row in rows
        for goal in row.goals
        if judge(row, goal)[1] is False
    ]


def _own(row: Row, name: str) -> str:
    value = row.value(name)
    if value is None:
        return "failed" if name in row.notes else ""
    return f"**{number(value)}**" if name == row.subject else number(value)


def _peer(row: Row, name: str) -> str:
    value = row.value(name)
    if value is None:
        return "failed" if name in row.notes else ""
    ratio = row.ratio(name)
    return number(value) if ratio is None else f"{number(value)} ({ratio:.2f} ×)"


def _goal(row: Row, goal: Goal) -> str:
    reached, met = judge(row, goal)
    sign = "≤" if goal.at_most else "≥"
    wanted = f"{sign} {goal.factor:g}" + (f" × {goal.peer}" if goal.peer else f" {row.unit}")
    if goal.reason:
        wanted += f" ({goal.reason})"
    if reached is None:
        return f"{wanted.strip()}: not measured"
    shown = f"{reached:.2f}" if goal.peer else number(reached)
    return f"{wanted.strip()}: {shown}, {'met' if met else '**missed**'}"


def number(value: float) -> str:
    """Write a number with three digits that matter, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
