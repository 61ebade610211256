"""QR codes as SVG."""

import io

import segno
from flask import Response


def qr_code(address: str) -> Response:
    """Return the QR code of an address: dark on white, with the quiet zone scanners need."""
    image = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        image, kind="svg", scale=4, border=2, dark="#000", light="#fff", xmldecl=False
    )
    return Response(image.getvalue(), content_type="image/svg+xml")
