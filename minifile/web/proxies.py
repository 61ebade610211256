"""A proxy in front that the settings do not know: noticed, logged once, told by /readyz."""

import logging

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from minifile.config import Settings
from minifile.web.current import is_behind_unknown_proxy

log = logging.getLogger("minifile")

_WARNING = (
    "Requests come through a proxy, but TRUSTED_PROXIES is 0: visitors can't be told apart by"
    " address. Set TRUSTED_PROXIES to the number of proxies in front."
)
_seen = False


def register(app: Flask, settings: Settings) -> None:
    """Believe as many proxies as TRUSTED_PROXIES says, and watch for one more than none."""
    hops = settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    else:
        app.before_request(_watch)


def proxy_warning() -> str | None:
    """Return the sentence for admins once a forwarded request was seen by this process."""
    return _WARNING if _seen else None


def _watch() -> None:
    global _seen
    if not _seen and is_behind_unknown_proxy():
        _seen = True
        log.warning(_WARNING)
