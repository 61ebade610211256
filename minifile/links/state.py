"""The numbers of a link for its sender, as JSON: what the page asks for again and again."""

from flask import Response, jsonify

from minifile.links.sharing import sharing_as_json
from minifile.services.progress import SeenDelivery, read_progress
from minifile.services.shared_with import read_sharing
from minifile.values import LinkRecord
from minifile.web.addresses import file_as_json, short_link
from minifile.web.current import utcnow


def state_as_json(link: LinkRecord) -> Response:
    """Return how the link stands, who is fetching, and its newest deliveries."""
    now = utcnow()
    progress = read_progress(link, now=now)
    return jsonify(
        code=link.code,
        url=short_link(link),
        state="exhausted" if link.is_exhausted else "open",
        created_at=link.created_at.isoformat(),
        expires_at=link.expires_at.isoformat(),
        seconds_left=max(0, round((link.expires_at - now).total_seconds())),
        max_downloads=link.max_downloads,
        download_count=link.download_count,
        downloads_left=link.downloads_left,
        note=link.note,
        files=[{"id": file.id, **file_as_json(link, file)} for file in link.files],
        fetching=progress.fetching,
        deliveries=[_delivery_as_json(each) for each in progress.deliveries],
        **sharing_as_json(link, read_sharing(link, now=now)),
    )


def _delivery_as_json(seen: SeenDelivery) -> dict[str, object]:
    return {
        "name": seen.file.filename,
        "who": seen.who,
        "size": seen.file.size_bytes,
        "state": seen.state,
        "started_at": seen.started_at.isoformat(),
        "completed_at": seen.completed_at and seen.completed_at.isoformat(),
        "bytes_sent": seen.bytes_sent,
    }
