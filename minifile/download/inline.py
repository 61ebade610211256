"""Which requests ask for bytes to be shown by a landing page, rather than saved."""

from flask import request

from minifile.services.previews import preview_kind
from minifile.values import FileRecord, LinkRecord

# What the answer to an address with `?inline=1` depends on.
VARY = ("Sec-Fetch-Dest", "Sec-Fetch-Site")


def asks_inline() -> bool:
    """Say whether the address is that of a preview."""
    return request.args.get("inline") == "1"


def is_shown_inline(link: LinkRecord, file: FileRecord) -> bool:
    """Say whether this request comes from our own page's picture, audio or video of that type.

    Only browsers send these headers, and no script can set them. Text is rendered by the page.
    """
    headers, kind = request.headers, preview_kind(link, file)
    return (
        asks_inline()
        and headers.get("Sec-Fetch-Site") == "same-origin"
        and headers.get("Sec-Fetch-Dest") in ("image", "audio", "video")
        and headers.get("Sec-Fetch-Dest") == kind
    )
