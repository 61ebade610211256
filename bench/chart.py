"""The chart: one SVG with a small bar chart for each work, readable in light and dark."""

from html import escape

from bench.report import number
from bench.results import Row

_WIDTH = 720
_NAME_WIDTH = 150
_BAR_WIDTH = 440
_BAR = 16
_GAP = 4
_HEAD = 26
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 13px; }
  .ours { fill: #0b6bcb; } .peer { fill: #9aa4b0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .ours { fill: #58a6ff; } .peer { fill: #6e7681; }
  }
"""


def draw(rows: list[Row], names: list[str]) -> str:
    """Return the chart. Longer bars are better in all of them."""
    parts = []
    top = 8
    for row in rows:
        panel, height = _panel(row, names, top)
        parts.append(panel)
        top += height
    label = "Speeds of minifile and its peers; the same numbers stand in the tables"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" role="img"'
        f' aria-label="{label}">\n<style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(row: Row, names: list[str], top: int) -> tuple[str, int]:
    """Return one work's bars and how high they are together."""
    values = [(name, value) for name in names if (value := row.value(name)) is not None]
    largest = max((value for _, value in values), default=1.0)
    lines = [f'<text class="title" x="0" y="{top + 14}">{escape(row.work)}, {row.unit}</text>']
    y = top + _HEAD - 4
    for name, value in values:
        width = max(1.0, value / largest * _BAR_WIDTH)
        kind = "ours" if name.startswith("minifile") else "peer"
        middle = y + _BAR - 4
        lines += [
            f'<text x="{_NAME_WIDTH - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{_NAME_WIDTH}" y="{y}" width="{width:.1f}" height="{_BAR}"'
            ' rx="2"/>',
            f'<text x="{_NAME_WIDTH + width + 6:.1f}" y="{middle}">{number(value)}</text>',
        ]
        y += _BAR + _GAP
    return "\n".join(lines), y - top + 12
