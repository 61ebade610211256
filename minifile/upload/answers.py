"""Answers to an upload: a redirect for browsers, JSON, or the bare short link for a shell."""

from flask import Response, flash, jsonify, redirect, url_for

from minifile.models import File, Link
from minifile.services.uploads import NewLink
from minifile.values import Visitor
from minifile.web.current import public_url
from minifile.web.negotiate import answer_format


def answer_upload(new: NewLink, visitor: Visitor) -> Response:
    """Say where the link is, in the form that the sender's client understands."""
    chosen = answer_format()
    if chosen == "html":
        response = _to_senders_page(new, visitor)
    elif chosen == "json":
        response = jsonify(_as_json(new))
        response.status_code = 201
        response.headers["Location"] = short_link(new.link)
    else:
        text = f"{short_link(new.link)}\n"
        response = Response(text, content_type="text/plain; charset=utf-8")
    response.headers["X-Url-Delete"] = manage_url(new)
    response.vary.add("Accept")
    return response


def short_link(link: Link) -> str:
    return f"{public_url()}/{link.code}"


def manage_url(new: NewLink) -> str:
    """Return the sender's page with the owner token: to bookmark, or to DELETE."""
    path = url_for("links.enter", code=new.link.code, owner_token=new.owner_token)
    return public_url() + path


def _to_senders_page(new: NewLink, visitor: Visitor) -> Response:
    """Redirect to the sender's page; a browser that keeps no cookie proves itself by address."""
    flash("Uploaded and safe on disk. Send this link to whoever should have the files.", "good")
    if visitor.browser is not None:
        return _see_other(url_for("links.show", code=new.link.code))
    return _see_other(url_for("links.enter", code=new.link.code, owner_token=new.owner_token))


def _see_other(address: str) -> Response:
    return redirect(address, 303)  # type: ignore[return-value]


def _as_json(new: NewLink) -> dict[str, object]:
    link = new.link
    return {
        "code": link.code,
        "url": short_link(link),
        "direct_url": _direct_url(link),
        "owner_token": new.owner_token,
        "manage_url": manage_url(new),
        "expires_at": link.expires_at.isoformat(),
        "max_downloads": link.max_downloads,
        "files": [_file_as_json(link, file) for file in link.files],
    }


def _direct_url(link: Link) -> str:
    """Return where the bytes are: the one file, or the zip of several."""
    if len(link.files) == 1:
        return _file_url(link, link.files[0])
    return public_url() + url_for("download.archive", code=link.code)


def _file_url(link: Link, file: File) -> str:
    return public_url() + url_for("download.file", code=link.code, filename=file.filename)


def _file_as_json(link: Link, file: File) -> dict[str, object]:
    return {
        "name": file.filename,
        "size": file.size_bytes,
        "sha256": file.sha256,
        "content_type": file.content_type,
        "url": _file_url(link, file),
    }
