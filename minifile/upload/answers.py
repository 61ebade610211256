"""Answers to an upload: a redirect for browsers, JSON, or the bare short link for a shell."""

from flask import Response, flash, jsonify, url_for

from minifile.services.uploads import NewLink
from minifile.values import Visitor
from minifile.web.addresses import (
    download_path,
    file_as_json,
    private_address,
    see_other,
    short_link,
)
from minifile.web.current import public_url
from minifile.web.negotiate import answer_format

_UPLOADED = "Uploaded and safe on disk. Send this link to whoever should have the files."
_UPLOADED_PRIVATELY = "Uploaded and safe on disk. Only you and those whom you name can open it."


def answer_upload(new: NewLink, visitor: Visitor) -> Response:
    """Say where the link is, in the form that the sender's client understands."""
    chosen = answer_format()
    if chosen == "html":
        response = _to_senders_page(new, visitor)
    elif chosen == "json":
        # A script goes to the sender's page by itself.
        _flash(new, visitor)
        response = jsonify({**_as_json(new), "manage_path": _senders_page(new, visitor)})
        response.status_code = 201
        response.headers["Location"] = short_link(new.link)
    else:
        text = f"{short_link(new.link)}\n"
        response = Response(text, content_type="text/plain; charset=utf-8")
    response.headers["X-Url-Delete"] = private_address(new.link, new.owner_token)
    response.vary.add("Accept")
    return response


def _flash(new: NewLink, visitor: Visitor) -> None:
    """Leave word for the sender's page, which only a browser with our cookie will show."""
    if visitor.browser is not None:
        flash(_uploaded(new), "good")
        flash(private_address(new.link, new.owner_token), "private-address")


def _uploaded(new: NewLink) -> str:
    return _UPLOADED_PRIVATELY if new.link.is_private else _UPLOADED


def _to_senders_page(new: NewLink, visitor: Visitor) -> Response:
    if visitor.browser is not None:
        _flash(new, visitor)
    else:
        flash(_uploaded(new), "good")
    return see_other(_senders_page(new, visitor))


def _senders_page(new: NewLink, visitor: Visitor) -> str:
    """Return the path of the sender's page; who sent no cookie is let in by its address."""
    if visitor.browser is not None:
        return url_for("links.show", code=new.link.code)
    return url_for("links.enter", code=new.link.code, owner_token=new.owner_token)


def _as_json(new: NewLink) -> dict[str, object]:
    link = new.link
    return {
        "code": link.code,
        "url": short_link(link),
        "direct_url": public_url() + download_path(link),
        "owner_token": new.owner_token,
        "manage_url": private_address(link, new.owner_token),
        "expires_at": link.expires_at.isoformat(),
        "max_downloads": link.max_downloads,
        "files": [file_as_json(link, file) for file in link.files],
    }
