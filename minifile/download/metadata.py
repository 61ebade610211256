"""What a link says of itself: addresses of its bytes, and its public metadata as JSON."""

from flask import Response, jsonify, url_for

from minifile.models import File, Link
from minifile.web.current import public_url


def file_url(link: Link, file: File) -> str:
    return url_for("download.file", code=link.code, filename=file.filename)


def file_urls(link: Link) -> dict[int, str]:
    """Return the path of each file's bytes by the file's id."""
    return {file.id: file_url(link, file) for file in link.files}


def download_url(link: Link) -> str:
    """Return the path of the one file, or of the zip of several."""
    if len(link.files) == 1:
        return file_url(link, link.files[0])
    return url_for("download.archive", code=link.code)


def link_as_json(link: Link) -> Response:
    """Return the public metadata of a link; nothing in it is secret to who may open it."""
    return jsonify(
        code=link.code,
        url=f"{public_url()}/{link.code}",
        direct_url=public_url() + download_url(link),
        created_at=link.created_at.isoformat(),
        expires_at=link.expires_at.isoformat(),
        max_downloads=link.max_downloads,
        downloads_left=link.downloads_left,
        note=link.note,
        size=link.size_bytes,
        files=[_file_as_json(link, file) for file in link.files],
    )


def _file_as_json(link: Link, file: File) -> dict[str, object]:
    return {
        "name": file.filename,
        "size": file.size_bytes,
        "sha256": file.sha256,
        "content_type": file.content_type,
        "url": public_url() + file_url(link, file),
    }
