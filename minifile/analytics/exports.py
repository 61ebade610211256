"""Exports: a table as CSV (RFC 4180) or JSON, written a row at a time."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from zoneinfo import ZoneInfo

from flask import Response, stream_with_context

from minifile.errors import NotFound
from minifile.services.periods import Period
from minifile.web.disposition import attachment

Cell = str | int | datetime | None
FORMS = {"csv": "text/csv; charset=utf-8; header=present", "json": "application/json"}
# A spreadsheet would take such a cell for a formula; with an apostrophe it is text.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
# Rows that go out together.
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Table:
    """What is exported; rows are read while they are sent."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]


def send_table(table: Table, form: str, period: Period, **about: Cell) -> Response:
    """Send a table as a file, with instants in the period's zone; `about` heads the JSON.

    Raises NotFound for a form that there is not.
    """
    if form not in FORMS:
        raise NotFound("There is no such export: take csv or json.")
    zone = period.zone
    rows = ([_written(cell, zone) for cell in row] for row in table.rows)
    about |= {"since": period.since, "until": period.until, "step": period.step, "zone": zone.key}
    head = {name: _written(cell, zone) for name, cell in about.items()}
    lines = _csv(table, rows) if form == "csv" else _json(table, rows, head)
    response = Response(stream_with_context(_in_pieces(lines)), content_type=FORMS[form])
    response.headers["Content-Disposition"] = attachment(f"analytics-{table.name}.{form}")
    return response


def _written(cell: Cell, zone: ZoneInfo) -> str | int | None:
    return cell.astimezone(zone).isoformat() if isinstance(cell, datetime) else cell


def _csv(table: Table, rows: Iterable[Sequence[str | int | None]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    for row in chain([table.columns], rows):
        writer.writerow([_harmless(cell) for cell in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _harmless(cell: str | int | None) -> str | int | None:
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return f"'{cell}"
    return cell


def _json(
    table: Table, rows: Iterable[Sequence[str | int | None]], head: dict[str, str | int | None]
) -> Iterator[str]:
    yield json.dumps(head)[:-1] + f', "{table.name}": ['
    before = "\n"
    for row in rows:
        yield before + json.dumps(dict(zip(table.columns, row, strict=True)), ensure_ascii=False)
        before = ",\n"
    yield "\n]}\n"


def _in_pieces(lines: Iterable[str]) -> Iterator[bytes]:
    """Put some lines together: a write for each would cost more than the rows."""
    piece: list[str] = []
    for line in lines:
        piece.append(line)
        if len(piece) == _AT_ONCE:
            yield "".join(piece).encode("utf-8", "replace")
            piece.clear()
    yield "".join(piece).encode("utf-8", "replace")
