"""Log lines that may be kept: routes and link ids instead of codes, names and tokens."""

import logging
import sys
import time
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from minifile.download.fast import FastAnswer, FastRequest
from minifile.server.handing import HandedTransfer

ACCESS_FORMAT = '%(h)s "%(m)s %(route)s" link=%(link)s %(s)s %(B)s bytes %(L)s s'


def fast_line(request: FastRequest, answer: FastAnswer, seconds: float) -> str:
    """Return the access line of a request that went the short way."""
    sent = answer.transfer.accepted
    return (
        f'{request.address} "GET {request.route}" link={answer.link_id} 200 {sent} bytes'
        f" {seconds:.6f} s"
    )


class RouteLogger(Logger):
    """gunicorn's logger; its access line knows the rule of the route, never the path asked."""

    def setup(self, cfg: Any) -> None:
        cfg.set("access_log_format", ACCESS_FORMAT)
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

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Log a request; an answer that the sender has taken over is logged when it is over."""
        handed: HandedTransfer | None = environ.get("minifile.handed")
        if handed is None or handed.sending is None:
            super().access(resp, req, environ, request_time)  # type: ignore[no-untyped-call]
            return
        began = time.monotonic() - request_time.total_seconds()
        atoms, transfer = self.atoms(resp, req, environ, request_time), handed.transfer

        def log_over() -> None:
            took = f"{time.monotonic() - began:.6f}"
            self.access_log.info(ACCESS_FORMAT, {**atoms, "B": transfer.accepted, "L": took})

        handed.sending.log = log_over

    def atoms(
        self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta
    ) -> dict[str, Any]:
        atoms: dict[str, Any] = super().atoms(  # type: ignore[no-untyped-call]
            resp, req, environ, request_time
        )
        handed: HandedTransfer | None = environ.get("minifile.handed")
        return {
            "h": atoms["h"],
            "m": atoms["m"],
            "route": environ.get("minifile.route", "-"),
            "link": environ.get("minifile.link_id", "-"),
            "s": atoms["s"],
            "B": atoms["B"] if handed is None else handed.transfer.accepted,
            "L": atoms["L"],
        }


def _log_to_stderr(logger: logging.Logger) -> None:
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
