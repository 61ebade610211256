"""QR codes as SVG."""

import io

from flask import Response
from markupsafe import Markup


def qr_markup(address: str) -> Markup:
    """Return the QR code to stand in a page: one request less, and no right to look up."""
    return Markup(_svg(address, omitsize=True))  # noqa: S704 - made by segno, of an address of ours.


def qr_code(address: str) -> Response:
    """Return the QR code of an address: dark on white, with the quiet zone scanners need."""
    return Response(_svg(address, scale=8), content_type="image/svg+xml")


def _svg(address: str, **size: int) -> str:
    # Only the sender's page needs it; the start of the server does not wait for it.
    import segno

    image = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        image, kind="svg", border=2, dark="#000", light="#fff", xmldecl=False, **size
    )
    return image.getvalue().decode()
