"""Health, robots.txt, the icon, security.txt."""

from datetime import timedelta

from flask import Blueprint, Response, current_app, jsonify, make_response

from minifile.errors import NotFound
from minifile.services.health import list_problems
from minifile.web.current import current_instance, current_settings, public_url, utcnow
from minifile.web.proxies import proxy_warning

bp = Blueprint("site", __name__)

_SECURITY_TXT_LIFETIME = timedelta(days=180)


@bp.get("/healthz")
def healthz() -> Response:
    """Say that the process answers; nothing else is asked."""
    return _text("ok\n")


@bp.get("/readyz")
def readyz() -> Response:
    """Say whether uploads and downloads would work; 503 with the reasons when not."""
    instance = current_instance()
    problems = list_problems(
        storage=instance.storage,
        limits=instance.settings.limits,
        migrations=instance.migrations,
    )
    warning = proxy_warning()
    response = jsonify(
        ready=not problems, problems=problems, warnings=[] if warning is None else [warning]
    )
    response.status_code = 503 if problems else 200
    return response


@bp.get("/robots.txt")
def robots() -> Response:
    """Let the upload page be found, and no link."""
    return _text("User-agent: *\nAllow: /$\nAllow: /static/\nDisallow: /\n")


@bp.get("/favicon.ico")
def favicon() -> Response:
    return current_app.send_static_file("favicon.ico")


@bp.get("/.well-known/security.txt")
def security() -> Response:
    """Say where to report a security problem (RFC 9116), when the admin has said so."""
    contact = current_settings().security_contact
    if contact is None:
        raise NotFound
    expires = (utcnow() + _SECURITY_TXT_LIFETIME).replace(microsecond=0)
    lines = (
        f"Contact: {contact}",
        f"Expires: {expires.isoformat()}",
        f"Canonical: {public_url()}/.well-known/security.txt",
    )
    return _text("\n".join(lines) + "\n")


def _text(text: str) -> Response:
    response = make_response(text)
    response.content_type = "text/plain; charset=utf-8"
    return response
