"""Security headers: every answer carries them, bytes stricter ones than pages."""

from flask import Flask, Response, request

_PAGE_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; media-src 'self';"
    " connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none';"
    " base-uri 'none'"
)
_BYTES_CSP = "default-src 'none'; sandbox; frame-ancestors 'none'"

# Bytes that strangers uploaded: nothing of them may run, be framed or be embedded elsewhere.
BYTES_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": _BYTES_CSP,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
    "X-Accel-Buffering": "no",
}
# `no-referrer` would take the Referer away that CSRF-checked forms need over https.
PAGE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": _PAGE_CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


REQUEST_ID = "X-Request-ID"


def register(app: Flask) -> None:
    """Add the headers to every answer of the application; what a route set itself stays."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    for name, value in PAGE_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
