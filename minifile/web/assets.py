"""Our own static files: their addresses change with their content, so they are cached for ever.

The version stands in the path, `/static/<version>/js/upload.js`, because a script names the
modules it needs by a path relative to its own: they get the version too.
"""

import gzip
import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, make_response, request, send_from_directory

from minifile.web.compression import accepts_gzip

# What a script or a sheet of styles is worth compressing for; pictures are compressed already.
_COMPRESSIBLE = {"text/css", "text/javascript", "image/svg+xml", "application/manifest+json"}
_MANIFEST = ".webmanifest"
# An asset under the current version never changes.
_FOR_EVER = "public, max-age=31536000, immutable"

# What a page may load is the page's to say; a picture that is opened by itself may load nothing.
_CSP = "default-src 'none'; frame-ancestors 'none'"

mimetypes.add_type("application/manifest+json", _MANIFEST)
mimetypes.add_type("text/javascript", ".js")


def register(app: Flask, folder: Path) -> None:
    """Serve the files of `folder` as the endpoint `static`; the application has none of its own."""
    app.static_folder = str(folder)

    def static(version: str, filename: str) -> Response:
        response = _answer(folder, filename)
        if response.status_code in (200, 304):
            # Under another version (an upgrade is going on) it must be asked for again.
            is_current = version == assets_version(folder)
            response.headers["Cache-Control"] = _FOR_EVER if is_current else "no-cache"
            response.headers["Content-Security-Policy"] = _CSP
        return response

    app.add_url_rule("/static/<version>/<path:filename>", endpoint="static", view_func=static)

    @app.url_defaults
    def name_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values["version"] = assets_version(folder)


@cache
def assets_version(folder: Path) -> str:
    """Return what changes when any of the files does."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _answer(folder: Path, filename: str) -> Response:
    response = send_from_directory(folder, filename)
    if response.mimetype not in _COMPRESSIBLE:
        return response
    response.vary.add("Accept-Encoding")
    if not accepts_gzip() or response.status_code != 200:
        return response
    etag = response.get_etag()[0]
    response.close()
    return _compressed(folder / filename, response, etag)


def _compressed(path: Path, plain: Response, etag: str | None) -> Response:
    response = make_response(_gzip(path, path.stat().st_mtime_ns))
    response.content_type = plain.content_type
    response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    response.set_etag(f"{etag}-gzip")
    response.make_conditional(request)
    return response


@cache
def _gzip(path: Path, _changed_at: int) -> bytes:
    return gzip.compress(path.read_bytes(), 9, mtime=0)
