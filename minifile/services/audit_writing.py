"""The audit log as text for other programs: CSV and JSON lines, written while it is read."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from minifile.services.audit_log import AuditRecord

COLUMNS = tuple(AuditRecord.__dataclass_fields__)
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(entries: Iterable[AuditRecord]) -> Iterator[str]:
    """Yield a head line and a line for each act; no cell is a formula to a spreadsheet."""
    yield _csv_line(COLUMNS)
    for entry in entries:
        yield _csv_line([_cell(value) for value in _values(entry).values()])


def json_lines(entries: Iterable[AuditRecord]) -> Iterator[str]:
    """Yield a JSON object in a line of its own for each act."""
    for entry in entries:
        yield json.dumps(_values(entry), ensure_ascii=False) + "\n"


def _values(entry: AuditRecord) -> dict[str, object]:
    return {**asdict(entry), "at": entry.at.isoformat()}


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
