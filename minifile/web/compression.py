"""gzip for what we say ourselves, to clients that can read it.

Never for an answer that holds a secret beside something that a stranger may choose: its length
would tell of the secret (BREACH). A page with a form token is such an answer.
"""

import gzip

from flask import Response, request


def accepts_gzip() -> bool:
    """Say whether the client can read gzip."""
    return bool(request.accept_encodings["gzip"])


def compress(response: Response) -> Response:
    """Compress an answer that is at hand as a whole; return it."""
    response.vary.add("Accept-Encoding")
    if accepts_gzip():
        response.set_data(gzip.compress(response.get_data(), 6, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
