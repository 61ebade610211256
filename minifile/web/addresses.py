"""Addresses of a link and what is behind it, and how a file is told in JSON."""

from flask import Response, make_response, redirect, url_for

from minifile.values import FileRecord, LinkRecord
from minifile.web.current import public_url


def short_link(link: LinkRecord) -> str:
    return short_address(link.code)


def short_address(code: str) -> str:
    return f"{public_url()}/{code}"


def private_address(link: LinkRecord, owner_token: str) -> str:
    """Return the sender's page with the owner token in it: to bookmark, or to DELETE."""
    path = url_for("links.enter", code=link.code, owner_token=owner_token)
    return public_url() + path


def file_path(link: LinkRecord, file: FileRecord) -> str:
    return url_for("download.file", code=link.code, filename=file.filename)


def download_path(link: LinkRecord) -> str:
    """Return where the bytes are: the one file, or the zip of several."""
    if len(link.files) == 1:
        return file_path(link, link.files[0])
    return url_for("download.archive", code=link.code)


def file_as_json(link: LinkRecord, file: FileRecord) -> dict[str, object]:
    return {
        "name": file.filename,
        "size": file.size_bytes,
        "sha256": file.sha256,
        "content_type": file.content_type,
        "url": public_url() + file_path(link, file),
    }


def see_other(address: str) -> Response:
    """Redirect after a form, so that a reload does not send it again."""
    return make_response(redirect(address, 303))
