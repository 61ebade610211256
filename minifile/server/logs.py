"""Log lines that may be kept: routes and link ids instead of codes, names and tokens."""

import logging
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from minifile.download.fast import FastAnswer, FastRequest
from minifile.server.passing import PassedTransfer


@dataclass(slots=True)
class AccessLine:
    """What the log says of a request; `sent` and `seconds` once it is over."""

    address: str
    method: str
    route: str
    link_id: str
    status: str
    sent: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f'{self.address} "{self.method} {self.route}" link={self.link_id} {self.status}'
            f" {self.sent} bytes {self.seconds:.6f} s"
        )


def fast_line(request: FastRequest, answer: FastAnswer, seconds: float) -> AccessLine:
    """Return the line of a request that went the short way."""
    sent = answer.transfer.accepted
    link_id = str(answer.link_id)
    return AccessLine(request.address, "GET", request.route, link_id, "200", sent, seconds)


class RouteLogger(Logger):
    """gunicorn's logger; its access line knows the rule of the route, never the path asked."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)  # type: ignore[no-untyped-call]
        _log_to_stderr(logging.getLogger("minifile"))

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log without the request line, which gunicorn quotes where it can't parse it."""
        if str(msg).startswith("Invalid request from"):
            msg = str(msg).partition(": ")[0]
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
            sent=resp.sent if passed is None else passed.transfer.accepted,
            seconds=request_time.total_seconds(),
        )
        if passed is None or passed.sending is None:
            self.access_log.info("%s", line)
            return
        began, transfer = time.monotonic() - line.seconds, passed.transfer

        def log_over() -> None:
            line.sent, line.seconds = transfer.accepted, time.monotonic() - began
            self.access_log.info("%s", line)

        passed.sending.log = log_over


def _log_to_stderr(logger: logging.Logger) -> None:
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
