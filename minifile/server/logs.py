"""Log lines that may be kept: routes and link ids instead of codes, names and tokens."""

import logging
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from minifile import metering
from minifile.download.fast import FastAnswer, FastRequest
from minifile.server.log_formats import AccessLine, MessageCounter, make_formatter
from minifile.server.passing import PassedTransfer

_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# The same one each time: a handler keeps a filter once.
_counter = MessageCounter()


def fast_line(request: FastRequest, answer: FastAnswer, seconds: float) -> AccessLine:
    """Return the line of a request that went the short way."""
    sent = answer.transfer.accepted
    link_id = str(answer.link_id)
    return AccessLine(
        request.address, "GET", request.route, link_id, "200", request.id, sent, seconds
    )


class RouteLogger(Logger):
    """gunicorn's logger; its access line knows the rule of the route, never the path asked."""

    form = "text"
    """What LOG_FORMAT says; set before the server starts."""
    keeps_addresses = False
    """What KEEP_ADDRESSES says; set likewise."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)  # type: ignore[no-untyped-call]
        own = logging.getLogger("minifile")
        _log_to_stderr(own)
        for logger, text, date in (
            (own, _LINE, None),
            (self.error_log, self.error_fmt, self.datefmt),
            (self.access_log, self.access_fmt, None),
        ):
            for handler in logger.handlers:
                handler.setFormatter(make_formatter(self.form, text, date))
        for logger in (own, self.error_log):
            for handler in logger.handlers:
                handler.addFilter(_counter)

    def write_access(self, line: AccessLine) -> None:
        """Write the line of a request that is over, and tell /metrics of it."""
        self._write(line)
        metering.answered(line.method, line.route, line.status, [line.seconds], line.sent)

    def write_accesses(self, lines: Sequence[AccessLine]) -> None:
        """Do the same for the plain requests that were answered together."""
        for line in lines:
            self._write(line)
        if not metering.is_on():
            return
        for route in {line.route for line in lines}:
            alike = [line for line in lines if line.route == route]
            seconds, sent = [line.seconds for line in alike], sum(line.sent for line in alike)
            metering.answered(alike[0].method, route, alike[0].status, seconds, sent)

    def _write(self, line: AccessLine) -> None:
        if not self.keeps_addresses:
            line.address = "-"
        self.access_log.info("%s", line)

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log without address and request line, which gunicorn tells of what it can't parse."""
        if str(msg).startswith("Invalid request from"):
            msg = "Invalid request"
        super().warning(msg, *args, **kwargs)  # type: ignore[no-untyped-call]

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log without the address asked, which gunicorn gives as an argument."""
        if str(msg).startswith("Error handling request"):
            msg, args = "Error handling request", ()
        if isinstance(sys.exc_info()[1], BlockingIOError):
            # A client that fell silent (see `bound_silence`) is nothing to mend.
            super().debug("A silent client was given up")  # type: ignore[no-untyped-call]
            return
        super().exception(msg, *args, **kwargs)  # type: ignore[no-untyped-call]

    def access(
        self,
        resp: Any,
        req: Any,  # noqa: ARG002 (what is wanted of it stands in the environment)
        environ: dict[str, Any],
        request_time: timedelta,
    ) -> None:
        """Log a request; an answer that the pump has taken over is logged when it is over."""
        passed: PassedTransfer | None = environ.get("minifile.passed")
        line = AccessLine(
            address=environ.get("REMOTE_ADDR", "-"),
            method=environ.get("REQUEST_METHOD", "-"),
            route=environ.get("minifile.route", "-"),
            link_id=environ.get("minifile.link_id", "-"),
            status=str(resp.status).partition(" ")[0],
            request_id=environ.get("minifile.request_id", "-"),
            sent=resp.sent if passed is None else passed.transfer.accepted,
            seconds=request_time.total_seconds(),
        )
        if passed is None or passed.sending is None:
            self.write_access(line)
            return
        began, transfer = time.monotonic() - line.seconds, passed.transfer

        def log_over() -> None:
            line.sent, line.seconds = transfer.accepted, time.monotonic() - began
            self.write_access(line)

        passed.sending.log = log_over


def _log_to_stderr(logger: logging.Logger) -> None:
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
