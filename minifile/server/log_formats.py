"""The two forms of a line in the log: text for people, JSON for programs (LOG_FORMAT)."""

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from minifile import metering
from minifile.request_ids import current_request_id


@dataclass(slots=True)
class AccessLine:
    """What the log says of a request; `sent` and `seconds` once it is over."""

    address: str
    method: str
    route: str
    link_id: str
    status: str
    request_id: str
    sent: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f'{self.address} "{self.method} {self.route}" link={self.link_id} {self.status}'
            f" {self.sent} bytes {self.seconds:.6f} s request={self.request_id}"
        )

    def fields(self) -> dict[str, Any]:
        """Return the same for programs; what is not known is left out."""
        known = {
            "address": self.address,
            "method": self.method,
            "route": self.route,
            "link_id": int(self.link_id) if self.link_id.isdigit() else None,
            "status": int(self.status) if self.status.isdigit() else None,
            "sent_bytes": self.sent,
            "seconds": round(self.seconds, 6),
            "request_id": self.request_id,
        }
        return {name: value for name, value in known.items() if value not in (None, "-")}


class TextFormatter(logging.Formatter):
    """Adds the id of the request to the lines that have one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        line, request_id = super().formatMessage(record), _request_of(record)
        return line if request_id is None else f"{line} request={request_id}"


class JsonFormatter(logging.Formatter):
    """Makes one JSON object of each record, in one line."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
        }
        line = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if isinstance(line, AccessLine):
            said |= line.fields()
        else:
            said |= {"message": record.getMessage(), "request_id": _request_of(record)}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in said.items() if value is not None})


class MessageCounter(logging.Filter):
    """Tells /metrics of warnings and worse; lets everything through."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            metering.count(metering.LOG_MESSAGES, record.levelname.lower())
        return True


def make_formatter(form: str, text: str, date: str | None = None) -> logging.Formatter:
    """Return the formatter for `json`, or for `text` by the given formats."""
    return JsonFormatter() if form == "json" else TextFormatter(text, date)


def _request_of(record: logging.LogRecord) -> str | None:
    """Return the id that the record brings along, or that of the request at hand."""
    if isinstance(record.args, tuple) and record.args and isinstance(record.args[0], AccessLine):
        return None
    found: str | None = getattr(record, "request_id", None) or current_request_id()
    return found
